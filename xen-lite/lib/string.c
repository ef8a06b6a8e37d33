/* SPDX-License-Identifier: MIT */
/*
 * Memory and strings. The compiler calls memcpy, memmove, memset and memcmp by itself, so they must exist and must
 * not be turned into calls of themselves: loop recognition is off in this file.
 *
 * Copies go eight bytes at a time in plain code, four words a turn. An emulator, where we have to be fast too, runs
 * that several times faster than a `rep` instruction; big blocks use `rep movsq`, which a processor does best. No
 * locks, no state.
 */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#include <xl/lib.h>

#define REP_BYTES	1024		/* from here on `rep` pays for its start-up cost */

typedef u64 __attribute__((may_alias, aligned(1))) word_t;

static void copy_words_up(word_t *d, const word_t *s, size_t words)
{
	for (; words >= 4; words -= 4, d += 4, s += 4) {
		u64 a = s[0], b = s[1], c = s[2], e = s[3];

		d[0] = a;
		d[1] = b;
		d[2] = c;
		d[3] = e;
	}
	while (words--)
		*d++ = *s++;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	size_t words = n / 8, tail = n % 8;
	const u8 *s = (const u8 *)src + words * 8;
	u8 *d = (u8 *)dst + words * 8;

	if (n >= REP_BYTES) {
		void *rd = dst;
		const void *rs = src;

		__asm__ __volatile__("rep movsq" : "+D" (rd), "+S" (rs), "+c" (words) :: "memory");
	} else {
		copy_words_up(dst, src, words);
	}
	while (tail--)
		*d++ = *s++;
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	if ((size_t)(d - s) >= n)	/* dst does not start inside src: memcpy() goes upwards, which is right then */
		return memcpy(dst, src, n);
	while (n >= 8) {
		n -= 8;
		*(word_t *)(d + n) = *(const word_t *)(s + n);
	}
	while (n--)
		d[n] = s[n];
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	u64 pattern = (u8)c * 0x0101010101010101ULL;
	size_t words = n / 8, tail = n % 8;
	word_t *w = dst;
	u8 *d = (u8 *)dst + words * 8;

	if (n >= REP_BYTES) {
		__asm__ __volatile__("rep stosq" : "+D" (w), "+c" (words) : "a" (pattern) : "memory");
	} else {
		for (; words >= 4; words -= 4, w += 4)
			w[0] = w[1] = w[2] = w[3] = pattern;
		while (words--)
			*w++ = pattern;
	}
	while (tail--)
		*d++ = c;
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	for (; n >= 8 && *(const word_t *)p == *(const word_t *)q; n -= 8) {
		p += 8;
		q += 8;
	}
	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	for (const u8 *p = s; n--; p++)
		if (*p == (u8)c)
			return (void *)p;
	return NULL;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

size_t strnlen(const char *s, size_t max_len)
{
	size_t n = 0;

	while (n < max_len && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (u8)*a - (u8)*b;
		if (!*a)
			break;
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

char *strstr(const char *s, const char *sub)
{
	size_t n = strlen(sub);

	for (;; s++) {
		if (!strncmp(s, sub, n))
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

/* Returns the length of src; dst is cut and always ended when size is not 0. */
size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src), k;

	if (size) {
		k = min(n, size - 1);
		memcpy(dst, src, k);
		dst[k] = 0;
	}
	return n;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	return 99;
}

/* Saturates at ULONG_MAX. Without a digit the result is 0 and *end is s. */
unsigned long strtoul(const char *s, char **end, int base)
{
	unsigned long val = 0;
	const char *p = s;
	bool over = false;

	if ((base == 0 || base == 16) && p[0] == '0' && (p[1] | 0x20) == 'x' && digit_value(p[2]) < 16) {
		p += 2;
		base = 16;
	} else if (base == 0) {
		base = p[0] == '0' ? 8 : 10;
	}
	for (; digit_value(*p) < base; p++) {
		over |= __builtin_mul_overflow(val, (unsigned long)base, &val);
		over |= __builtin_add_overflow(val, (unsigned long)digit_value(*p), &val);
	}
	if (end)
		*end = (char *)p;
	return over ? ~0UL : val;
}

/* "512M" -> bytes; K, M, G, T are powers of 1024. Saturates. *end is set past the suffix. */
u64 parse_size(const char *s, const char **end)
{
	char *p;
	u64 val = strtoul(s, &p, 0);
	const char *suffix = *p ? strchr("KMGT", *p & ~0x20) : NULL;

	if (suffix) {
		unsigned int shift = 10 * (suffix - "KMGT" + 1);

		val = val >> (64 - shift) ? ~0ULL : val << shift;
		p++;
	}
	if (end)
		*end = p;
	return val;
}
