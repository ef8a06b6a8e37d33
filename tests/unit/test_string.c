/* SPDX-License-Identifier: MIT */
/* The hypervisor's string functions, renamed xl_*, against the C library's: all alignments, overlaps and odd sizes. */
#include <stdlib.h>
#include <string.h>
#include <CUnit/Basic.h>
#include <xl/lib.h>

void *xl_memcpy(void *dst, const void *src, size_t n);
void *xl_memmove(void *dst, const void *src, size_t n);
void *xl_memset(void *dst, int c, size_t n);
int xl_memcmp(const void *a, const void *b, size_t n);
void *xl_memchr(const void *s, int c, size_t n);
size_t xl_strlen(const char *s);
size_t xl_strnlen(const char *s, size_t max);
int xl_strcmp(const char *a, const char *b);
int xl_strncmp(const char *a, const char *b, size_t n);
char *xl_strchr(const char *s, int c);
char *xl_strstr(const char *s, const char *sub);
unsigned long xl_strtoul(const char *s, char **end, int base);

#define SIZE 8192

static u8 a[SIZE], b[SIZE], start[SIZE];

static const size_t sizes[] = { 0, 1, 2, 7, 8, 9, 31, 32, 33, 63, 100, 1023, 1024, 1025, 3000 };

static void refill(void)
{
	for (size_t i = 0; i < SIZE; i++)
		a[i] = b[i] = random();
}

static void test_move(void)
{
	for (unsigned int s = 0; s < ARRAY_SIZE(sizes); s++)
		for (int from = 0; from < 9; from++)
			for (int delta = -70; delta <= 70; delta++) {
				size_t src = 100 + from, dst = src + delta;

				refill();
				memmove(a + dst, a + src, sizes[s]);
				CU_ASSERT_PTR_EQUAL(xl_memmove(b + dst, b + src, sizes[s]), b + dst);
				CU_ASSERT(!memcmp(a, b, SIZE));
			}
}

static void test_copy_set(void)
{
	for (unsigned int s = 0; s < ARRAY_SIZE(sizes); s++)
		for (int off = 0; off < 17; off++) {
			refill();
			memcpy(start, a, SIZE);
			memcpy(a + off, start + 4000 + off % 5, sizes[s]);
			CU_ASSERT_PTR_EQUAL(xl_memcpy(b + off, start + 4000 + off % 5, sizes[s]), b + off);
			CU_ASSERT(!memcmp(a, b, SIZE));
			memset(a + off, 0x1a5 + off, sizes[s]);
			CU_ASSERT_PTR_EQUAL(xl_memset(b + off, 0x1a5 + off, sizes[s]), b + off);
			CU_ASSERT(!memcmp(a, b, SIZE));
		}
}

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void test_compare(void)
{
	for (unsigned int n = 0; n < 70; n++)
		for (unsigned int at = 0; at < 70; at++) {
			memset(a, 'x', 100);
			memset(b, 'x', 100);
			b[at] = 'x' + (n % 2 ? 1 : -1);
			CU_ASSERT_EQUAL(sign(xl_memcmp(a, b, n)), sign(memcmp(a, b, n)));
			a[n] = b[n] = 0;
			CU_ASSERT_EQUAL(sign(xl_strcmp((char *)a, (char *)b)), sign(strcmp((char *)a, (char *)b)));
			CU_ASSERT_EQUAL(sign(xl_strncmp((char *)a, (char *)b, at)), sign(strncmp((char *)a, (char *)b, at)));
		}
	CU_ASSERT(xl_strcmp("a", "\xff") < 0);
}

static void test_search(void)
{
	const char *s = "hello, hello world";

	CU_ASSERT_EQUAL(xl_strlen(s), 18);
	CU_ASSERT_EQUAL(xl_strnlen(s, 5), 5);
	CU_ASSERT_EQUAL(xl_strnlen(s, 50), 18);
	CU_ASSERT_PTR_EQUAL(xl_strchr(s, 'w'), s + 13);
	CU_ASSERT_PTR_EQUAL(xl_strchr(s, 0), s + 18);
	CU_ASSERT_PTR_NULL(xl_strchr(s, 'z'));
	CU_ASSERT_PTR_EQUAL(xl_strstr(s, "hello w"), s + 7);
	CU_ASSERT_PTR_EQUAL(xl_strstr(s, ""), s);
	CU_ASSERT_PTR_NULL(xl_strstr(s, "worlds"));
	CU_ASSERT_PTR_EQUAL(xl_memchr(s, 'w', 18), s + 13);
	CU_ASSERT_PTR_NULL(xl_memchr(s, 'w', 13));
}

static void test_strlcpy(void)
{
	char buf[6] = "zzzzz";

	CU_ASSERT_EQUAL(strlcpy(buf, "hello world", 4), 11);
	CU_ASSERT_STRING_EQUAL(buf, "hel");
	CU_ASSERT_EQUAL(buf[4], 'z');
	CU_ASSERT_EQUAL(strlcpy(buf, "ab", sizeof(buf)), 2);
	CU_ASSERT_STRING_EQUAL(buf, "ab");
	CU_ASSERT_EQUAL(strlcpy(buf, "xy", 0), 2);
	CU_ASSERT_STRING_EQUAL(buf, "ab");
}

static void test_numbers(void)
{
	static const struct { const char *s; int base; unsigned long val; size_t used; } t[] = {
		{ "123", 10, 123, 3 }, { "0x1f,", 0, 31, 4 }, { "0x1f", 16, 31, 4 }, { "1f", 16, 31, 2 },
		{ "017", 0, 15, 3 }, { "0", 0, 0, 1 }, { "0x", 0, 0, 1 }, { "", 0, 0, 0 }, { "-1", 0, 0, 0 },
		{ "18446744073709551615", 10, ~0UL, 20 }, { "18446744073709551616", 10, ~0UL, 20 },
		{ "99999999999999999999999x", 10, ~0UL, 23 }, { "19", 8, 1, 1 },
	};
	static const struct { const char *s; u64 val; size_t used; } sz[] = {
		{ "512", 512, 3 }, { "1K", 1024, 2 }, { "512M,", 512UL << 20, 4 }, { "2g", 2UL << 30, 2 },
		{ "1T", 1UL << 40, 2 }, { "0x10M", 16UL << 20, 5 }, { "5x", 5, 1 }, { "99999999999G", ~0UL, 12 },
	};
	char *end;
	const char *cend;

	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++) {
		CU_ASSERT_EQUAL(xl_strtoul(t[i].s, &end, t[i].base), t[i].val);
		CU_ASSERT_EQUAL((size_t)(end - t[i].s), t[i].used);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(sz); i++) {
		CU_ASSERT_EQUAL(parse_size(sz[i].s, &cend), sz[i].val);
		CU_ASSERT_EQUAL((size_t)(cend - sz[i].s), sz[i].used);
	}
}

int main(void)
{
	unsigned int failed;

	srandom(1);
	CU_initialize_registry();
	CU_pSuite s = CU_add_suite("string", NULL, NULL);
	CU_add_test(s, "memmove", test_move);
	CU_add_test(s, "memcpy, memset", test_copy_set);
	CU_add_test(s, "compare", test_compare);
	CU_add_test(s, "search", test_search);
	CU_add_test(s, "strlcpy", test_strlcpy);
	CU_add_test(s, "numbers", test_numbers);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
