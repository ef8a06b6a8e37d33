/* SPDX-License-Identifier: MIT */
/* Formatting compared with the C library's where the two agree, our additions, and the guests' rate limit. */
#include <stdio.h>
#include <string.h>
#include <xl/lib.h>
#include <xl/platform.h>
#include <xl/time.h>

#include "suite.h"

#undef snprintf
#undef vsnprintf
int snprintf(char *buf, size_t size, const char *fmt, ...);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

unsigned int opt_loglvl = 2, opt_guest_loglvl = 1;
static char logged[65536];
static s_time_t clock_ns;

void console_log(const char *s, size_t n)
{
	strncat(logged, s, n);
}

s_time_t now(void)
{
	return clock_ns;
}

const char *symbol_lookup(unsigned long addr, unsigned long *off, unsigned long *size)
{
	if (addr < 0x1000 || addr >= 0x1100)
		return NULL;
	*off = addr - 0x1000;
	*size = 0x100;
	return "some_function";
}

/* Both must give the same text and the same length. */
#pragma GCC diagnostic ignored "-Wformat"
#define SAME(fmt, ...) do {								\
	char ours_[128], libc_[128];							\
	int n_ = xl_snprintf(ours_, sizeof(ours_), fmt, ##__VA_ARGS__);			\
	int m_ = snprintf(libc_, sizeof(libc_), fmt, ##__VA_ARGS__);			\
	CU_ASSERT_EQUAL(n_, m_);							\
	CU_ASSERT_STRING_EQUAL(ours_, libc_);						\
} while (0)

static void test_as_libc(void)
{
	static const char *const flags[] = { "", "-", "0", "#", "+", "-#", "0#", "-0" };
	static const char *const widths[] = { "", "1", "7", "20", ".0", ".3", "12.5", "3.9" };
	static const char *const types[] = { "d", "i", "u", "x", "X", "ld", "lu", "lx", "llx", "zu", "hhx", "hx", "hd", "hhd" };
	static const long values[] = { 0, 1, -1, 42, -12345, 0x7fffffff, (long)0x80000000, 0x123456789abcdefL, -0x7fffffffffffffffL - 1 };
	char fmt[32];

	for (unsigned int f = 0; f < ARRAY_SIZE(flags); f++)
		for (unsigned int w = 0; w < ARRAY_SIZE(widths); w++)
			for (unsigned int t = 0; t < ARRAY_SIZE(types); t++)
				for (unsigned int v = 0; v < ARRAY_SIZE(values); v++) {
					if (strchr(flags[f], '+') && !strpbrk(types[t], "di"))
						continue;	/* undefined in C */
					if (strchr(flags[f], '#') && strpbrk(types[t], "diu"))
						continue;
					snprintf(fmt, sizeof(fmt), "[%%%s%s%s]", flags[f], widths[w], types[t]);
					SAME(fmt, values[v]);
				}
	SAME("%s|%10s|%-10s|%.2s|%c%%", "abc", "abc", "abc", "abc", 'x');
	SAME("%*d|%-*d|%.*s", 6, 1, 6, 2, 2, "xyz");
	SAME("%*d", -6, 1);
	SAME("%o", 0755);
}

static void test_ours(void)
{
	static char *volatile nothing;
	char buf[64];

	xl_snprintf(buf, sizeof(buf), "%p", (void *)0x1234);
	CU_ASSERT_STRING_EQUAL(buf, "0000000000001234");
	xl_snprintf(buf, sizeof(buf), "%pS %pS", (void *)0x1010, (void *)0x5000);
	CU_ASSERT_STRING_EQUAL(buf, "some_function+0x10/0x100 0000000000005000");
	xl_snprintf(buf, sizeof(buf), "%s", nothing);
	CU_ASSERT_STRING_EQUAL(buf, "(null)");
	xl_snprintf(buf, sizeof(buf), "a%qb", 1);
	CU_ASSERT_STRING_EQUAL(buf, "a%qb");
	xl_snprintf(buf, sizeof(buf), "100%");
	CU_ASSERT_STRING_EQUAL(buf, "100%");
}

static void test_cut(void)
{
	char buf[8] = "zzzzzzz";

	CU_ASSERT_EQUAL(xl_snprintf(buf, 4, "%d", 123456), 6);
	CU_ASSERT_STRING_EQUAL(buf, "123");
	CU_ASSERT_EQUAL(buf[4], 'z');
	CU_ASSERT_EQUAL(xl_snprintf(buf, 0, "%d", 1), 1);
	CU_ASSERT_EQUAL(buf[0], '1');
	CU_ASSERT_EQUAL(xl_snprintf(NULL, 0, "%s", "hello"), 5);
}

static void test_levels(void)
{
	logged[0] = 0;
	printk(XL_ERR "e\n");
	printk(XL_INFO "i\n");
	printk(XL_DEBUG "d\n");
	printk("plain\n");
	CU_ASSERT_STRING_EQUAL(logged, "e\ni\nplain\n");
	opt_loglvl = 0;
	logged[0] = 0;
	printk(XL_WARN "w\n");
	printk(XL_ERR "e\n");
	CU_ASSERT_STRING_EQUAL(logged, "e\n");
	opt_loglvl = 2;
}

static unsigned int count_lines(void)
{
	unsigned int n = 0;

	for (const char *s = logged; (s = strchr(s, '\n')); s++)
		n++;
	return n;
}

static void test_rate(void)
{
	clock_ns = 100 * NS_PER_SEC;
	logged[0] = 0;
	for (int i = 0; i < 1000; i++)
		printk(XL_GUEST "d1 is loud\n");
	CU_ASSERT_EQUAL(count_lines(), 16);
	logged[0] = 0;
	clock_ns += NS_PER_SEC;
	printk(XL_GUEST "again\n");
	CU_ASSERT_STRING_EQUAL(logged, "984 messages about guests were suppressed\nagain\n");
	logged[0] = 0;
	for (int i = 0; i < 100; i++) {
		clock_ns += NS_PER_SEC / 100;		/* never a whole token at a time */
		printk(XL_GUEST "x\n");
	}
	CU_ASSERT(count_lines() >= 14 && count_lines() <= 24);
	opt_guest_loglvl = 0;
	clock_ns += 100 * NS_PER_SEC;
	logged[0] = 0;
	printk(XL_GUEST "x\n");
	CU_ASSERT_STRING_EQUAL(logged, "");
	opt_guest_loglvl = 1;
}

static void test_long_line(void)
{
	char big[2000];

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	logged[0] = 0;
	printk("%s\n", big);
	CU_ASSERT_EQUAL(strlen(logged), 511);
	CU_ASSERT_EQUAL(logged[510], '\n');
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "as the C library", test_as_libc },
		{ "our additions", test_ours },
		{ "short buffers", test_cut },
		{ "levels", test_levels },
		{ "rate limit", test_rate },
		{ "long lines", test_long_line },
		CU_TEST_INFO_NULL,
	};

	return suite_run("printk", tests);
}
