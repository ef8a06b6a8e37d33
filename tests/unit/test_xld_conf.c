/* SPDX-License-Identifier: MIT */
/*
 * xld.conf: every setting, comments and quotes; every kind of mistake, with file and line, all of a file at once.
 */
#include <unistd.h>

#include "suite.h"
#include "util/mem.h"

#include "../../dom0-tools/xld/conf.h"

static struct xld_conf conf;

static char *parse(const char *text)
{
	char *why = NULL;
	bool ok;

	conf_init(&conf);
	ok = conf_parse(&conf, text, strlen(text), "f", &why);
	CU_ASSERT_EQUAL(ok, !why);
	return why;
}

static void good(const char *text)
{
	char *why = parse(text);

	if (why)
		printf("\n%s\n", why);
	CU_ASSERT_PTR_NULL_FATAL(why);
}

static void bad(const char *text, const char *want)
{
	char *why = parse(text);

	CU_ASSERT_PTR_NOT_NULL_FATAL(why);
	if (strcmp(why, want))
		printf("\n%s\n", why);
	CU_ASSERT_STRING_EQUAL(why, want);
	free(why);
	conf_free(&conf);
}

static void test_defaults(void)
{
	good("");
	CU_ASSERT_EQUAL(conf.nr_listen, 0);
	CU_ASSERT_EQUAL(conf.nr_allow, 0);
	CU_ASSERT_PTR_NULL(conf.group);
	CU_ASSERT_PTR_NULL(conf.read_only_group);
	CU_ASSERT_STRING_EQUAL(conf.pki.ca, "/etc/xen-lite/pki/ca.pem");
	CU_ASSERT_STRING_EQUAL(conf.pki.cert, "/etc/xen-lite/pki/host.pem");
	CU_ASSERT_STRING_EQUAL(conf.pki.key, "/etc/xen-lite/pki/host.key");
	CU_ASSERT_EQUAL(conf.keepalive_s, 15);
	CU_ASSERT_EQUAL(conf.handshake_s, 10);
	CU_ASSERT_EQUAL(conf.packing, STREAM_LZ4);
	CU_ASSERT_EQUAL(conf.packing_save, STREAM_UNPACKED);
	CU_ASSERT_EQUAL(conf_packing(XLD_COMPRESS_DEFAULT, STREAM_LZ4), STREAM_LZ4);
	CU_ASSERT_EQUAL(conf_packing(XLD_COMPRESS_NONE, STREAM_LZ4), STREAM_UNPACKED);
	CU_ASSERT_EQUAL(conf_packing(XLD_COMPRESS_ZSTD, STREAM_LZ4), STREAM_ZSTD);
	CU_ASSERT_EQUAL(conf_packing((xld_compress)77, STREAM_LZ4), STREAM_LZ4);
	conf_free(&conf);
}

static void test_settings(void)
{
	good("# all of them\n"
	     "listen = tls://10.0.0.1\n"
	     "\t listen=tcp://[::1]:99   # a trusted link\r\n"
	     "tls_ca = /a/ca.pem\n tls_cert = \"/a/with space.pem\"\ntls_key\t=\t/a/k#1\ntls_crl = /a/crl\n\n"
	     "tls_allow = one two,three\ntls_allow = four\n"
	     "group = xl\nread_only_group = \"look\"\nkeepalive = 0\nhandshake = 3600\ncompress = zstd\ncompress_save = lz4");
	CU_ASSERT_EQUAL_FATAL(conf.nr_listen, 2);
	CU_ASSERT_EQUAL(conf.listen[0].kind, RPC_TLS);
	CU_ASSERT_EQUAL(conf.listen[0].port, RPC_PORT);
	CU_ASSERT_EQUAL(conf.listen[1].kind, RPC_TCP);
	CU_ASSERT_STRING_EQUAL(conf.listen[1].host, "::1");
	CU_ASSERT_EQUAL(conf.listen[1].port, 99);
	CU_ASSERT_STRING_EQUAL(conf.pki.ca, "/a/ca.pem");
	CU_ASSERT_STRING_EQUAL(conf.pki.cert, "/a/with space.pem");
	CU_ASSERT_STRING_EQUAL(conf.pki.key, "/a/k#1");
	CU_ASSERT_STRING_EQUAL(conf.pki.crl, "/a/crl");
	CU_ASSERT_TRUE(conf.pki.crl_must_exist);
	CU_ASSERT_EQUAL_FATAL(conf.nr_allow, 4);
	CU_ASSERT_STRING_EQUAL(conf.allow[2], "three");
	CU_ASSERT_STRING_EQUAL(conf.allow[3], "four");
	CU_ASSERT_STRING_EQUAL(conf.group, "xl");
	CU_ASSERT_STRING_EQUAL(conf.read_only_group, "look");
	CU_ASSERT_EQUAL(conf.keepalive_s, 0);
	CU_ASSERT_EQUAL(conf.handshake_s, 3600);
	CU_ASSERT_EQUAL(conf.packing, STREAM_ZSTD);
	CU_ASSERT_EQUAL(conf.packing_save, STREAM_LZ4);
	conf_free(&conf);
}

static void test_mistakes(void)
{
	bad("group = a\n\nlisten", "f:3: this is not KEY = VALUE: listen");
	bad("group =", "f:1: group: the value is missing");
	bad("group = # none", "f:1: group: the value is missing");
	bad("colour = blue", "f:1: there is no setting 'colour'");
	bad("= blue", "f:1: there is no setting ''");
	bad("group = a b", "f:1: 'a b' is not the name of one group");
	bad("tls_ca = ca.pem", "f:1: 'ca.pem' is not a path from the root");
	bad("tls_ca = \"/a", "f:1: tls_ca: a quote does not end");
	bad("tls_ca = \"/a\" b", "f:1: tls_ca: a quote does not end");
	bad("tls_ca = \"", "f:1: tls_ca: a quote does not end");
	bad("keepalive = soon", "f:1: 'soon' is not a number of seconds from 0 to 3600");
	bad("keepalive = 3601", "f:1: '3601' is not a number of seconds from 0 to 3600");
	bad("keepalive = 99999999999999999999",
	    "f:1: '99999999999999999999' is not a number of seconds from 0 to 3600");
	bad("keepalive = -1", "f:1: '-1' is not a number of seconds from 0 to 3600");
	bad("compress = gzip", "f:1: compress is none, lz4 or zstd, not 'gzip'");
	bad("handshake = 0", "f:1: '0' is not a number of seconds from 1 to 3600");
	bad("listen = http://x", "f:1: http://x: there are only unix:PATH, tls://HOST[:PORT] and tcp://HOST[:PORT]");
	bad("listen = /run/x", "f:1: '/run/x': this is for tls://ADDRESS[:PORT] and tcp://ADDRESS[:PORT]; the local "
	    "socket is set with --socket");
	bad("group = a\x01", "f:1: there is a control character (1)");
	bad("keepalive = x\ngroup = y\nhandshake = z",
	    "f:1: 'x' is not a number of seconds from 0 to 3600\nf:3: 'z' is not a number of seconds from 1 to 3600");
}

/* Too much of anything, and a 0 byte. */
static void test_limits(void)
{
	static char text[CONF_SIZE_MAX];
	char *why = NULL;
	size_t n = 0;

	for (int i = 0; i < 9; i++)
		n += (size_t)sprintf(text + n, "listen = tls://h:%d\n", i + 1);
	bad(text, "f:9: 'tls://h:9': xld listens on 8 addresses at most");
	n = (size_t)sprintf(text, "tls_allow =");
	for (int i = 0; i < 257; i++)
		n += (size_t)sprintf(text + n, " n%d", i);
	bad(text, "f:1: there can be only 256 names");
	sprintf(text, "tls_allow = %0256d", 0);
	bad(text, "f:1: a name is longer than 255 characters");
	memset(text, '\n', sizeof(text));
	memcpy(text + 100, "x\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\n", 48);
	text[1000] = 0;
	why = parse(text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(why);
	n = 0;
	for (char *at = why; (at = strchr(at, '\n')); at++)
		n++;
	CU_ASSERT_EQUAL(n, 19);
	free(why);
	conf_free(&conf);
	conf_init(&conf);
	CU_ASSERT_FALSE(conf_parse(&conf, "group = a\0b", 11, "f", &why));
	CU_ASSERT_STRING_EQUAL(why, "f:1: there is a 0 byte in the file");
	free(why);
	conf_free(&conf);
}

static void test_files(void)
{
	char path[] = "/tmp/test_xld_conf.XXXXXX";
	static char much[CONF_SIZE_MAX + 1];
	char *why = NULL;
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, "group = xl\n", 11), 11);
	conf_init(&conf);
	CU_ASSERT_TRUE(conf_read(&conf, path, true, &why));
	CU_ASSERT_STRING_EQUAL(conf.group, "xl");
	memset(much, '\n', sizeof(much));
	CU_ASSERT_EQUAL(write(fd, much, sizeof(much)), sizeof(much));
	CU_ASSERT_FALSE(conf_read(&conf, path, true, &why));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "it is longer than 65536 bytes"));
	free(why);
	close(fd);
	unlink(path);
	CU_ASSERT_TRUE(conf_read(&conf, path, false, &why));
	CU_ASSERT_FALSE(conf_read(&conf, path, true, &why));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "No such file"));
	free(why);
	conf_free(&conf);
	conf_init(&conf);
	CU_ASSERT_FALSE(conf_read(&conf, "/tmp", false, &why));
	free(why);
	conf_free(&conf);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "defaults", test_defaults }, { "settings", test_settings }, { "mistakes", test_mistakes },
		{ "limits", test_limits }, { "files", test_files }, CU_TEST_INFO_NULL,
	};

	return suite_run("xld conf", tests);
}
