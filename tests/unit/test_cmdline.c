/* SPDX-License-Identifier: MIT */
/* The hypervisor's command line: every option, and what is said about words that are wrong. */
#include <stdio.h>
#include <xl/lib.h>
#include <xl/platform.h>
#include <xl/setup.h>

#include "suite.h"

static char said[4096];

void printk(const char *fmt, ...)
{
	size_t n = strlen(said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + n, sizeof(said) - n, fmt, ap);
	va_end(ap);
}

/* lib/string.c has these two beside what the host's library brings. */
size_t strlcpy(char *dst, const char *src, size_t size)
{
	return snprintf(dst, size, "%s", src);
}

u64 parse_size(const char *s, const char **end)
{
	char *p;
	u64 v = strtoul(s, &p, 0);

	if (*p == 'K' || *p == 'M' || *p == 'G')
		v <<= *p == 'K' ? 10 : *p == 'M' ? 20 : 30, p++;
	*end = p;
	return v;
}

static const char *parse(const char *args)
{
	said[0] = '\0';
	opt_dom0_mem = 0;
	opt_dom0_max_vcpus = 0;
	opt_maxcpus = NR_CPUS;
	opt_noreboot = opt_sync_console = false;
	opt_com1[0] = opt_console[0] = '\0';
	opt_loglvl = 2;
	opt_guest_loglvl = 1;
	cmdline_parse(args);
	cmdline_report();
	return said;
}

static void test_good(void)
{
	CU_ASSERT_STRING_EQUAL(parse(""), "");
	CU_ASSERT_STRING_EQUAL(parse("  dom0_mem=512M  dom0_max_vcpus=2 com1=115200,8n1 console=com1,vga\tloglvl=all "
				     "guest_loglvl=none noreboot sync_console maxcpus=3 "), "");
	CU_ASSERT(opt_dom0_mem == 512ULL << 20 && opt_dom0_max_vcpus == 2 && opt_maxcpus == 3);
	CU_ASSERT_STRING_EQUAL(opt_com1, "115200,8n1");
	CU_ASSERT_STRING_EQUAL(opt_console, "com1,vga");
	CU_ASSERT(opt_loglvl == 3 && opt_guest_loglvl == 0 && opt_noreboot && opt_sync_console);
	CU_ASSERT_STRING_EQUAL(parse("noreboot noreboot=no loglvl=debug loglvl=error/all dom0_mem=max:2G"), "");
	CU_ASSERT(!opt_noreboot && opt_loglvl == 0 && opt_dom0_mem == 2ULL << 30);
	CU_ASSERT_STRING_EQUAL(parse("dom0_mem=1048576"), "");
	CU_ASSERT(opt_dom0_mem == 1ULL << 30);
	CU_ASSERT_STRING_EQUAL(parse("dom0_mem=640M,max:640M"), "");
	CU_ASSERT(opt_dom0_mem == 640ULL << 20);
}

static void bad(const char *arg, const char *part)
{
	const char *msg = parse(arg);

	CU_ASSERT(!strncmp(msg, XL_WARN "command line: '", 16) && strstr(msg, arg) && strstr(msg, part));
	if (!strstr(msg, part))
		printf("\n%s: said '%s'\n", arg, msg);
	CU_ASSERT(!opt_dom0_mem && !opt_dom0_max_vcpus && opt_maxcpus == NR_CPUS && !opt_noreboot && opt_loglvl == 2);
}

static void test_bad(void)
{
	bad("dom0_mem=", "expects a size");
	bad("dom0_mem", "expects a size");
	bad("dom0_mem=lots", "expects a size");
	bad("dom0_mem=5X", "expects a size");
	bad("dom0_mem=0", "expects a size");
	bad("dom0_max_vcpus=0", "from 1 to 128");
	bad("dom0_max_vcpus=129", "from 1 to 128");
	bad("dom0_max_vcpus=4x", "from 1 to 128");
	bad("maxcpus=", "from 1 to 256");
	bad("loglvl=loud", "none, error, warning");
	bad("loglvl", "none, error, warning");
	bad("noreboot=maybe", "yes or no");
	bad("com1=", "115200");
	bad("console=a-name-that-is-much-too-long-for-it", "com1,vga");
	bad("com1=32-characters-and-that-is-one-more", "115200");
	bad("com1=exactly-thirty-two-characters--!", "115200");
	bad("dom0mem=512M", "no such option");
	bad("noreboots", "no such option");
	bad("=", "no such option");
}

static void test_many(void)
{
	const char *msg = parse("a b c d e f g h i j");

	CU_ASSERT_PTR_NOT_NULL(strstr(msg, "'h' is ignored"));
	CU_ASSERT_PTR_NULL(strstr(msg, "'i'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(msg, "2 more words"));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "options", test_good },
		{ "wrong words are named and ignored", test_bad },
		{ "many wrong words", test_many },
		CU_TEST_INFO_NULL,
	};

	return suite_run("cmdline", tests);
}
