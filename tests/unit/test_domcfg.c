/* SPDX-License-Identifier: MIT */
/*
 * lib/domcfg: the syntax of xl.cfg, the checks of each key, command-line overrides, the rules between fields, and that
 * JSON carries everything there and back.
 */

#include <string.h>
#include <unistd.h>

#include "domcfg/cpuid.h"
#include "domcfg/domcfg.h"
#include "suite.h"
#include "util/mem.h"

static struct domcfg cfg;
static struct domcfg_diag diag;

static void start(void)
{
	domcfg_free(&cfg);
	domcfg_diag_free(&diag);
	domcfg_init(&cfg);
	diag.file = "t.cfg";
}

static bool parse(const char *text)
{
	start();
	return domcfg_parse(&cfg, text, strlen(text), &diag);
}

/* The text is refused, with exactly this first line of findings. */
static void refused(const char *text, const char *finding)
{
	bool ok = parse(text);

	CU_ASSERT_FALSE(ok);
	CU_ASSERT_PTR_NOT_NULL_FATAL(diag.text);
	if (strncmp(diag.text, finding, strlen(finding)))
		printf("\n  wanted: %s\n  got:    %s", finding, diag.text);
	CU_ASSERT_EQUAL(strncmp(diag.text, finding, strlen(finding)), 0);
}

static void test_all_keys(void)
{
	CU_ASSERT_TRUE_FATAL(parse(
		"# a guest\n"
		"name = 'web-1' ; type=\"pv\"\n"
		"uuid = \"01234567-89ab-cdef-0123-456789abcdef\"\n"
		"kernel = \"/boot/vmlinuz\"\nramdisk = '/boot/initrd' # trailing\n"
		"root = '/dev/xvda1'\nextra = \"quiet \\\"x\\\" \\x41\"\n"
		"memory = 256\nmaxmem = 0x200\nvcpus = 2\nmaxvcpus = 4\n"
		"on_poweroff = 'preserve'\non_reboot = 'destroy'\non_crash = 'rename-restart'\n"
		"on_watchdog = 'restart'\non_soft_reset = 'destroy'\n"
		"cpus = \"0-3\"\ndisk = [\n '/a,raw,xvda', # one\n \"/c,,xvdb,r\",\n]\nvif = [ ]\n"));
	CU_ASSERT_PTR_NULL(diag.text);
	CU_ASSERT_TRUE(domcfg_check(&cfg, &diag));
	CU_ASSERT_STRING_EQUAL(cfg.name, "web-1");
	CU_ASSERT_EQUAL(cfg.uuid[15], 0xef);
	CU_ASSERT_EQUAL(cfg.memory, 256);
	CU_ASSERT_EQUAL(cfg.maxmem, 512);
	CU_ASSERT_EQUAL(cfg.vcpus, 2);
	CU_ASSERT_EQUAL(cfg.maxvcpus, 4);
	CU_ASSERT_EQUAL(cfg.on_poweroff, DOM_PRESERVE);
	CU_ASSERT_EQUAL(cfg.on_reboot, DOM_DESTROY);
	CU_ASSERT_EQUAL(cfg.on_crash, DOM_RENAME_RESTART);
	CU_ASSERT_EQUAL(cfg.on_watchdog, DOM_RESTART);
	CU_ASSERT_EQUAL(cfg.cpus.n, 1);
	CU_ASSERT_EQUAL_FATAL(cfg.disk.n, 2);
	CU_ASSERT_STRING_EQUAL(cfg.disk.item[1], "format=raw,vdev=xvdb,access=ro,backendtype=phy,target=/c");
	CU_ASSERT_EQUAL(cfg.vif.n, 0);
	char *s = domcfg_cmdline(&cfg);
	CU_ASSERT_STRING_EQUAL(s, "root=/dev/xvda1 quiet \"x\" A");
	free(s);
}

static void test_defaults(void)
{
	CU_ASSERT_TRUE(parse("name='a'\nkernel='/k'\nmemory=64"));
	CU_ASSERT_TRUE(domcfg_check(&cfg, &diag));
	CU_ASSERT_FALSE(cfg.has_uuid);
	CU_ASSERT_EQUAL(cfg.maxmem, 64);
	CU_ASSERT_EQUAL(cfg.vcpus, 1);
	CU_ASSERT_EQUAL(cfg.maxvcpus, 1);
	CU_ASSERT_EQUAL(cfg.on_poweroff, DOM_DESTROY);
	CU_ASSERT_EQUAL(cfg.on_reboot, DOM_RESTART);
	CU_ASSERT_EQUAL(cfg.on_crash, DOM_DESTROY);
}

static void test_append(void)
{
	CU_ASSERT_TRUE(parse("extra='a'\nextra += ' b'\ndisk=['/x,raw,xvda']\ndisk += ['/y,raw,xvdb','/z,raw,xvdc']"));
	CU_ASSERT_STRING_EQUAL(cfg.extra, "a b");
	CU_ASSERT_EQUAL(cfg.disk.n, 3);
	refused("memory += 5", "t.cfg:1:11: error: memory cannot be appended to");
}

static void test_warnings(void)
{
	CU_ASSERT_TRUE(parse("\nfoo = 1\nmemory = 1\nmemory = 2\nbootloader = 'pygrub'"));
	CU_ASSERT_EQUAL(diag.warnings, 3);
	CU_ASSERT_EQUAL(cfg.memory, 2);
	CU_ASSERT_STRING_EQUAL(diag.text,
		"t.cfg:2:1: warning: unknown key 'foo' is ignored\n"
		"t.cfg:4:1: warning: 'memory' was already set in line 3; this one counts\n"
		"t.cfg:5:1: warning: 'bootloader' is ignored: the kernel is loaded from dom0: "
		"give kernel and ramdisk\n");
}

/* Keys of Xen that are not offered: ignored with a reason, refused with one, or fine since they ask for nothing. */
static void test_foreign(void)
{
	CU_ASSERT_TRUE(parse("vfb = ['vnc=1']\nseclabel='x'\nvpmu=1"));
	CU_ASSERT_EQUAL(diag.warnings, 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(diag.text, "t.cfg:1:1: warning: 'vfb' is ignored: there are no graphics"));
	refused("pci = ['03:00.0']", "t.cfg:1:1: error: 'pci' cannot be honoured: devices of the host are not");
	refused("driver_domain = 1", "t.cfg:1:1: error: 'driver_domain' cannot be honoured: back ends run in dom0");
	refused("pool = 'fast'", "t.cfg:1:1: error: 'pool' cannot be honoured: all CPUs are in one pool");
	CU_ASSERT_TRUE(parse("pci=[]\nvfb=[ ]\nbootloader=''\ndriver_domain=0\npool='Pool-0'\nbuilder='generic'\n"
			     "passthrough='disabled'"));
	CU_ASSERT_PTR_NULL(diag.text);
}

/* Features of the CPU that the guest is not to see. */
static void test_cpuid(void)
{
	uint32_t hidden[CPUID_WORDS];
	unsigned int word, bit;
	char *a;

	CU_ASSERT_TRUE(parse("cpuid='host,aesni=0,avx=x,sse4_1=0,3dnow=0,xsave=0'"));
	CU_ASSERT_STRING_EQUAL(cfg.cpuid, "host,aes=0,sse4.1=0,3dnow=0,xsave=0");
	a = domcfg_to_json(&cfg);
	CU_ASSERT_PTR_NOT_NULL(strstr(a, "\"cpuid\": \"host,aes=0,"));
	free(a);
	cpuid_hidden(cfg.cpuid, hidden);
	CU_ASSERT_EQUAL(hidden[0], 1U << 25 | 1U << 19 | 3U << 26);
	CU_ASSERT_EQUAL(hidden[7], 1U << 31);
	CU_ASSERT_EQUAL(hidden[1] | hidden[2] | hidden[3] | hidden[4] | hidden[5] | hidden[6] | hidden[8], 0);
	cpuid_hidden(NULL, hidden);
	CU_ASSERT_EQUAL(hidden[0], 0);
	CU_ASSERT_TRUE(parse("cpuid='host'"));
	CU_ASSERT_STRING_EQUAL(cfg.cpuid, "host");
	CU_ASSERT_TRUE(cpuid_feature_find("avx2", &word, &bit));
	CU_ASSERT_EQUAL(cpuid_words[word].leaf, 7);
	CU_ASSERT_EQUAL(bit, 5);
	CU_ASSERT_STRING_EQUAL(cpuid_feature_name(word, bit), "avx2");
	CU_ASSERT_PTR_NULL(cpuid_feature_name(1, 0));
	refused("cpuid = 'avx=0'", "t.cfg:1:9: error: cpuid 'avx=0': must begin with \"host\"");
	refused("cpuid = ''", "t.cfg:1:9: error: cpuid '': must begin with \"host\"");
	refused("cpuid = 'host,avx'", "t.cfg:1:9: error: cpuid 'host,avx': 'avx' is not of the form feature=0");
	refused("cpuid = 'host,avx=1'", "t.cfg:1:9: error: cpuid 'host,avx=1': avx=1: a feature cannot be forced on");
	refused("cpuid = 'host,avx=2'", "t.cfg:1:9: error: cpuid 'host,avx=2': avx must be 0, to hide it, or x, not "
			"'2'");
	refused("cpuid = 'host,family=6'", "t.cfg:1:9: error: cpuid 'host,family=6': 'family' is no feature that can "
			"be");
	refused("cpuid = 'host,sse2=0'", "t.cfg:1:9: error: cpuid 'host,sse2=0': no guest runs without sse2");
	refused("cpuid = ['1:ecx=xxx']", "t.cfg:1:9: error: cpuid takes one value, not a list");
	refused("cpuid += 'host'", "t.cfg:1:10: error: cpuid cannot be appended to");
}

/* Limits and clocks; what is not given does not show up in JSON. */
static void test_limits(void)
{
	struct domcfg back;
	char *a;

	CU_ASSERT_TRUE(parse("name='a'\nkernel='k'\nmemory=64\nmax_grant_frames=32\nmax_maptrack_frames=0\n"
			     "max_event_channels=255\nnomigrate=1\nshared_tables=1\ntsc_mode='native'\nlocaltime=1\nrtc_timeoffset=-3600\n"
			     "title='T'\ndescription='two\\nlines'"));
	CU_ASSERT_TRUE(domcfg_check(&cfg, &diag));
	CU_ASSERT_PTR_NULL(diag.text);
	a = domcfg_to_json(&cfg);
	domcfg_init(&back);
	CU_ASSERT_TRUE(domcfg_from_json(&back, a, strlen(a), &diag));
	CU_ASSERT_EQUAL(back.max_grant_frames, 32);
	CU_ASSERT_EQUAL(back.max_maptrack_frames, 0);
	CU_ASSERT_EQUAL(back.max_event_channels, 255);
	CU_ASSERT_TRUE(back.nomigrate);
	CU_ASSERT_TRUE(back.shared_tables);
	CU_ASSERT_EQUAL(back.tsc_mode, DOM_TSC_NATIVE);
	CU_ASSERT_TRUE(back.localtime);
	CU_ASSERT_EQUAL(back.rtc_timeoffset, -3600);
	CU_ASSERT_STRING_EQUAL(back.description, "two\nlines");
	domcfg_free(&back);
	free(a);
	CU_ASSERT_TRUE(parse("name='a'\nkernel='k'\nmemory=64\ntsc_mode=2\ntsc_mode='default'\nmax_grant_version=2"));
	CU_ASSERT_TRUE(domcfg_check(&cfg, &diag));
	CU_ASSERT_PTR_NOT_NULL(strstr(diag.text, "t.cfg:6: warning: grant tables have version 1 only"));
	a = domcfg_to_json(&cfg);
	CU_ASSERT_PTR_NULL(strstr(a, "maptrack"));
	CU_ASSERT_PTR_NULL(strstr(a, "tsc_mode"));
	CU_ASSERT_PTR_NULL(strstr(a, "nomigrate"));
	free(a);
	/* More than there are is all; a test runner puts '~' between a test and its variation. */
	CU_ASSERT_TRUE(parse("name='test-pv64-a~b'\nkernel='k'\nmemory=64\nmax_event_channels=4096"));
	CU_ASSERT_TRUE(domcfg_check(&cfg, &diag));
	CU_ASSERT_TRUE(parse("name='a'\nkernel='k'\nmemory=64\nvcpus=4\nmax_event_channels=30"));
	CU_ASSERT_FALSE(domcfg_check(&cfg, &diag));
	CU_ASSERT_STRING_EQUAL(diag.text, "t.cfg:5: error: max_event_channels (30) is less than the 31 that store, "
			       "console and 4 vCPUs need\n");
}

static void test_syntax_errors(void)
{
	refused("name", "t.cfg:1:5: error: expected '=' behind the key, found the end of the file");
	refused("name =\n", "t.cfg:1:7: error: expected a value");
	refused("name = foo", "t.cfg:1:8: error: strings need quotes: write \"foo\"");
	refused("kernel = /boot/k # x", "t.cfg:1:10: error: strings need quotes: write \"/boot/k\"");
	refused("name = 'foo\nmemory=1", "t.cfg:1:8: error: string is not closed with '");
	refused("name = 'a' b", "t.cfg:1:12: error: expected the end of the line or ';'");
	refused("disk = [ 'a' 'b' ]", "t.cfg:1:14: error: expected ',' or ']' in the list, found '''");
	refused("disk = [ 'a',\n\n", "t.cfg:3:1: error: expected a value");
	refused("disk = [[[[['a']]]]]", "t.cfg:1:12: error: lists nest more than 4 deep");
	refused("name = '\\q'", "t.cfg:1:10: error: expected one of \\ ' \" n r t xHH behind the backslash");
	refused("name = '\\x0'", "t.cfg:1:10: error: expected two hex digits");
	refused("= 5", "t.cfg:1:1: error: expected a key");
	refused("5 = 5", "t.cfg:1:1: error: expected a key");
	refused("\xff", "t.cfg:1:1: error: expected a key (name = value), found byte 0xff");
	refused("a ++ b", "t.cfg:1:4: error: expected '=' behind '+', found '+'");
}

static void test_bad_values(void)
{
	refused("memory = 0", "t.cfg:1:10: error: memory must be a whole number of MiB from 1 to 16777216, not '0'");
	refused("memory = -5", "t.cfg:1:10: error: memory must be a whole number");
	refused("memory = '12x'", "t.cfg:1:10: error: memory must be a whole number");
	refused("memory = 0x", "t.cfg:1:10: error: memory must be a whole number");
	refused("memory = 99999999999999999999999", "t.cfg:1:10: error: memory must be a whole number");
	refused("memory = 010", "t.cfg:1:10: error: memory: numbers are decimal or 0x hex");
	refused("memory = [1]", "t.cfg:1:10: error: memory takes one value, not a list");
	refused("memory = ''", "t.cfg:1:10: error: memory must be a whole number");
	refused("memory = ' 5'", "t.cfg:1:10: error: memory must be a whole number");
	refused("vcpus = 33", "t.cfg:1:9: error: vcpus must be a whole number of vCPUs from 1 to 32, not '33'");
	refused("type = 'hvm'", "t.cfg:1:8: error: type \"hvm\" needs hardware virtualisation");
	refused("type = 'x'", "t.cfg:1:8: error: type must be \"pv\", not 'x'");
	refused("on_crash = 'coredump-rename'", "t.cfg:1:12: error: on_crash must be \"destroy\", \"restart\", "
		"\"rename-restart\", \"preserve\", \"coredump-destroy\" or \"coredump-restart\", not 'coredump-rename'");
	refused("on_watchdog = 'soft-reset'", "t.cfg:1:15: error: on_watchdog \"soft-reset\" is for guests with");
	refused("tsc_mode = 'always_emulate'", "t.cfg:1:12: error: tsc_mode \"always_emulate\" is not offered: RDTSC");
	refused("tsc_mode = 3", "t.cfg:1:12: error: tsc_mode \"3\" is not offered");
	refused("tsc_mode = 4", "t.cfg:1:12: error: tsc_mode must be \"default\" or \"native\", not '4'");
	refused("nomigrate = 2", "t.cfg:1:13: error: nomigrate must be 0 or 1, not '2'");
	refused("rtc_timeoffset = '1h'", "t.cfg:1:18: error: rtc_timeoffset must be a whole number of seconds from "
		"-3155760000 to 3155760000, not '1h'");
	refused("rtc_timeoffset = -07", "t.cfg:1:18: error: rtc_timeoffset must be");
	refused("max_grant_frames = 0", "t.cfg:1:20: error: max_grant_frames must be a whole number of pages from 1 to "
		"1024");
	refused("title = 'a\\nb'", "t.cfg:1:9: error: title must be UTF-8 text without control characters");
	refused("description = 'a\\tb\\x01'", "t.cfg:1:15: error: description must be UTF-8 text");
	refused("title = '\xef\xbf\xbe'", "t.cfg:1:9: error: title must be UTF-8 text");
	refused("on_reboot = 1", "t.cfg:1:13: error: on_reboot must be");
	refused("name = ''", "t.cfg:1:8: error: name must be 1 to 63 letters");
	refused("name = 'a/b'", "t.cfg:1:8: error: name must be 1 to 63 letters");
	refused("name = '..'", "t.cfg:1:8: error: name must be 1 to 63 letters");
	refused("name = '17'", "t.cfg:1:8: error: name must not be a number");
	refused("uuid = '1234'", "t.cfg:1:8: error: uuid must be 32 hex digits");
	refused("uuid = '00000000-0000-0000-0000-000000000000'", "t.cfg:1:8: error: uuid must be");
	refused("kernel = ''", "t.cfg:1:10: error: kernel must be the path of a file");
	refused("extra = 'a\\nb'", "t.cfg:1:9: error: extra must be UTF-8 text without control characters");
	refused("extra = '\xc3('", "t.cfg:1:9: error: extra must be UTF-8 text");
	refused("cpus = [ '0', [ 'b' ] ]", "t.cfg:1:15: error: cpus must be a list of strings");
}

static void test_all_errors_are_found(void)
{
	parse("memory = x\nname = 'ok'\nvcpus = 0\ntype = 'hvm'\n");
	CU_ASSERT_EQUAL(diag.errors, 3);
	CU_ASSERT_STRING_EQUAL(cfg.name, "ok");
	CU_ASSERT_PTR_NOT_NULL(strstr(diag.text, "t.cfg:4:8:"));
}

static void test_check(void)
{
	parse("");
	CU_ASSERT_FALSE(domcfg_check(&cfg, &diag));
	CU_ASSERT_EQUAL(diag.errors, 3);
	parse("name='a'\nkernel='k'\nmemory=64\nmaxmem=32");
	CU_ASSERT_FALSE(domcfg_check(&cfg, &diag));
	CU_ASSERT_STRING_EQUAL(diag.text, "t.cfg:4: error: maxmem (32 MiB) is less than memory (64 MiB)\n");
	parse("name='a'\nkernel='k'\nmemory=64\nvcpus=4\nmaxvcpus=2");
	CU_ASSERT_FALSE(domcfg_check(&cfg, &diag));
}

static void test_long_cmdline(void)
{
	char *text = xasprintf("name='a'\nkernel='k'\nmemory=64\nextra='%01023d'", 0);

	parse(text);
	CU_ASSERT_TRUE(domcfg_check(&cfg, &diag));
	free(text);
	text = xasprintf("name='a'\nkernel='k'\nmemory=64\nextra='%01024d'", 0);
	parse(text);
	CU_ASSERT_FALSE(domcfg_check(&cfg, &diag));
	free(text);
	parse("name='a'\nkernel='k'\nmemory=64\ncmdline='c'\nroot='r'");
	CU_ASSERT_TRUE(domcfg_check(&cfg, &diag));
	CU_ASSERT_EQUAL(diag.warnings, 1);
}

/* One string is for all vCPUs, a list has an entry for each; both stay what they are as JSON. */
static void test_cpus(void)
{
	struct domcfg back;
	char *a;

	CU_ASSERT_TRUE(parse("name='a'\nkernel='k'\nmemory=64\nmaxvcpus=4\ncpus='0-2,^1'\ncpus_soft=['all', 3]\n"
			     "cpu_weight=512\ncap=150\nxenstore_quota=['nodes=2000', 'watches=0']"));
	CU_ASSERT_EQUAL_FATAL(cfg.xenstore_quota.n, 2);
	CU_ASSERT_STRING_EQUAL(cfg.xenstore_quota.item[1], "watches=0");
	CU_ASSERT_TRUE(domcfg_check(&cfg, &diag));
	CU_ASSERT_PTR_NULL(diag.text);
	CU_ASSERT_EQUAL(cfg.cpu_weight, 512);
	CU_ASSERT_EQUAL(cfg.cap, 150);
	a = domcfg_to_json(&cfg);
	CU_ASSERT_PTR_NOT_NULL(strstr(a, "\"cpus\": \"0-2,^1\""));
	domcfg_init(&back);
	CU_ASSERT_TRUE(domcfg_from_json(&back, a, strlen(a), &diag));
	free(a);
	CU_ASSERT_STRING_EQUAL(domcfg_cpus_of(&back.cpus, 0), "0-2,^1");
	CU_ASSERT_STRING_EQUAL(domcfg_cpus_of(&back.cpus, 3), "0-2,^1");
	CU_ASSERT_STRING_EQUAL(domcfg_cpus_of(&back.cpus_soft, 1), "3");
	CU_ASSERT_PTR_NULL(domcfg_cpus_of(&back.cpus_soft, 2));
	domcfg_cpus_set(&back.cpus, 3, 1, "1");
	CU_ASSERT_EQUAL_FATAL(back.cpus.n, 3);
	CU_ASSERT_FALSE(back.cpus.single);
	CU_ASSERT_STRING_EQUAL(back.cpus.item[0], "0-2,^1");
	CU_ASSERT_STRING_EQUAL(back.cpus.item[1], "1");
	domcfg_cpus_set(&back.cpus_soft, 3, 0, "0");
	CU_ASSERT_STRING_EQUAL(back.cpus_soft.item[0], "0");
	CU_ASSERT_STRING_EQUAL(back.cpus_soft.item[2], "all");
	domcfg_free(&back);
	/* A list of one is for vCPU 0 alone. */
	parse("maxvcpus=2\ncpus=['1']");
	CU_ASSERT_STRING_EQUAL(domcfg_cpus_of(&cfg.cpus, 0), "1");
	CU_ASSERT_PTR_NULL(domcfg_cpus_of(&cfg.cpus, 1));
	CU_ASSERT_TRUE(parse("cpus='1'\ncpus+='2'"));
	CU_ASSERT_STRING_EQUAL(domcfg_cpus_of(&cfg.cpus, 1), "2");
	parse("name='a'\nkernel='k'\nmemory=64\ncpus=['0','1','2']");
	CU_ASSERT_TRUE(domcfg_check(&cfg, &diag));
	CU_ASSERT_STRING_EQUAL(diag.text, "t.cfg:4: warning: cpus has 3 entries for 1 vCPUs; the last ones are "
			       "ignored\n");
	refused("cpus = 'x'", "t.cfg:1:8: error: cpus: 'x' is neither a CPU's number, nor a range");
	refused("cpus = ''", "t.cfg:1:8: error: cpus: a number, a range or \"all\" is missing");
	refused("cpus = 'node:0'", "t.cfg:1:8: error: cpus: 'node:0': hosts are not divided into nodes");
	refused("cpus = ['0', '2-1']", "t.cfg:1:14: error: cpus: '2-1': a range goes from the lower");
	refused("cpus = [['0']]", "t.cfg:1:9: error: cpus must be a list of strings");
	refused("cpus_soft = '^0'", "t.cfg:1:13: error: cpus_soft: '^0' leaves no CPU");
	refused("xenstore_quota = ['nodes']", "t.cfg:1:19: error: xenstore_quota 'nodes': must be QUOTA=NUMBER");
	refused("xenstore_quota = ['nodes=4294967296']",
		"t.cfg:1:19: error: xenstore_quota 'nodes=4294967296': must be QUOTA=NUMBER");
	refused("cpu_weight = 0", "t.cfg:1:14: error: cpu_weight must be a whole number of shares from 1 to 65535");
	refused("cap = 3201", "t.cfg:1:7: error: cap must be a whole number of percent of a CPU from 0 to 3200");
	parse("name='a'\nkernel='k'\nmemory=64\ncap=101");
	CU_ASSERT_FALSE(domcfg_check(&cfg, &diag));
	CU_ASSERT_STRING_EQUAL(diag.text, "t.cfg:4: error: cap (101) is more than 1 vCPUs can use, 100 each\n");
}

static void test_override(void)
{
	parse("name='a'\nkernel='k'\nmemory=64");
	CU_ASSERT_TRUE(domcfg_override(&cfg, "memory=128", &diag));
	CU_ASSERT_TRUE(domcfg_override(&cfg, "name=bee", &diag));
	CU_ASSERT_TRUE(domcfg_override(&cfg, "kernel=\"/boot/k\"", &diag));
	CU_ASSERT_TRUE(domcfg_override(&cfg, "extra=a=b c", &diag));
	CU_ASSERT_TRUE(domcfg_override(&cfg, "extra+= d", &diag));
	CU_ASSERT_TRUE(domcfg_override(&cfg, "disk=['/a,raw,xvda','/b,raw,xvdb']", &diag));
	CU_ASSERT_EQUAL(cfg.memory, 128);
	CU_ASSERT_STRING_EQUAL(cfg.name, "bee");
	CU_ASSERT_STRING_EQUAL(cfg.kernel, "/boot/k");
	CU_ASSERT_STRING_EQUAL(cfg.extra, "a=b cd");
	CU_ASSERT_EQUAL(cfg.disk.n, 2);
	CU_ASSERT_PTR_NULL(diag.text);
	CU_ASSERT_FALSE(domcfg_override(&cfg, "memory", &diag));
	CU_ASSERT_FALSE(domcfg_override(&cfg, "=5", &diag));
	CU_ASSERT_FALSE(domcfg_override(&cfg, "memory=lots", &diag));
}

static void test_json(void)
{
	struct domcfg back;
	char *a, *b;

	parse("name='w\xc3\xa4' # not a name\n");
	CU_ASSERT_EQUAL(diag.errors, 1);
	parse("name='a'\nuuid='0123456789abcdef0123456789abcdef'\nkernel='/k \xc3\xa4'\ncmdline='\"\\\\'\nmemory=64\n"
	      "maxmem=70\nvcpus=3\nmaxvcpus=5\non_crash='preserve'\ncpus=['1','2']\ndisk=['/a,raw,xvda','/b,,xvdb']\nvif=['mtu=9000']");
	CU_ASSERT_PTR_NULL(diag.text);
	a = domcfg_to_json(&cfg);
	domcfg_init(&back);
	CU_ASSERT_TRUE(domcfg_from_json(&back, a, strlen(a), &diag));
	b = domcfg_to_json(&back);
	CU_ASSERT_STRING_EQUAL(a, b);
	CU_ASSERT_STRING_EQUAL(back.cmdline, "\"\\");
	CU_ASSERT_EQUAL(back.maxvcpus, 5);
	CU_ASSERT_EQUAL(back.on_crash, DOM_PRESERVE);
	CU_ASSERT_EQUAL(back.disk.n, 2);
	CU_ASSERT_EQUAL(memcmp(back.uuid, cfg.uuid, 16), 0);
	domcfg_free(&back);
	free(a);
	free(b);
}

static void test_bad_json(void)
{
	static const char *const bad[] = {
		"", "{", "[]", "7", "{\"name\":null}", "{\"name\":\"a/b\"}", "{\"nome\":\"a\"}", "{\"memory\":-1}",
		"{\"memory\":1.5}", "{\"disk\":[[1]]}", "{\"disk\":[\"a\"]}", "{\"vif\":[\"x=y\"]}", "{\"disk\":{}}",
		"{\"name\":\"a\",\"name\":\"b\"}",
		"{\"name\":\"a\\u0000b\"}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start();
		CU_ASSERT_FALSE(domcfg_from_json(&cfg, bad[i], strlen(bad[i]), &diag));
		CU_ASSERT_PTR_NOT_NULL(diag.text);
	}
}

static void test_file(void)
{
	char path[] = "/tmp/test_domcfg.XXXXXX";
	int fd = mkstemp(path);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	start();
	CU_ASSERT_EQUAL(write(fd, "memory = 7\n", 11), 11);
	CU_ASSERT_TRUE(domcfg_parse_file(&cfg, path, &diag));
	CU_ASSERT_EQUAL(cfg.memory, 7);
	CU_ASSERT_EQUAL(ftruncate(fd, DOMCFG_MAX_FILE + 1), 0);
	CU_ASSERT_FALSE(domcfg_parse_file(&cfg, path, &diag));
	CU_ASSERT_PTR_NOT_NULL(strstr(diag.text, "longer than"));
	close(fd);
	unlink(path);
	start();
	CU_ASSERT_FALSE(domcfg_parse_file(&cfg, path, &diag));
	CU_ASSERT_PTR_NOT_NULL(strstr(diag.text, "cannot be opened: No such file"));
	start();
	CU_ASSERT_FALSE(domcfg_parse_file(&cfg, "/tmp", &diag));
	CU_ASSERT_PTR_NOT_NULL(strstr(diag.text, "cannot be read: Is a directory"));
}

static void test_uuid(void)
{
	uint8_t a[16], b[16];
	char text[37];

	uuid_generate(a);
	uuid_format(a, text);
	CU_ASSERT_EQUAL(text[14], '4');
	CU_ASSERT_TRUE(uuid_parse(text, b));
	CU_ASSERT_EQUAL(memcmp(a, b, 16), 0);
	CU_ASSERT_FALSE(uuid_parse("0123456789abcdef0123456789abcdeg", b));
	CU_ASSERT_FALSE(uuid_parse("0123456789abcdef0123456789abcdef0", b));
	CU_ASSERT_FALSE(uuid_parse("0", b));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "all keys", test_all_keys }, { "defaults", test_defaults }, { "append", test_append },
		{ "warnings", test_warnings }, { "keys of Xen", test_foreign }, { "limits and clocks", test_limits },
		{ "features of the CPU", test_cpuid },
		{ "syntax errors", test_syntax_errors },
		{ "bad values", test_bad_values }, { "all errors are found", test_all_errors_are_found },
		{ "rules between fields", test_check }, { "command line length", test_long_cmdline },
		{ "CPUs", test_cpus },
		{ "overrides", test_override }, { "JSON there and back", test_json }, { "bad JSON", test_bad_json },
		{ "files", test_file }, { "UUIDs", test_uuid }, CU_TEST_INFO_NULL,
	};
	int rc = suite_run("domcfg", tests);

	domcfg_free(&cfg);
	domcfg_diag_free(&diag);
	return rc;
}
