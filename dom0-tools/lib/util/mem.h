/* SPDX-License-Identifier: MIT */
/*
 * Allocation for programs that cannot go on without memory.
 *
 * Each function returns memory or ends the program with one line on stderr, so callers have no failure path for it.
 * For sizes that come from outside (a message, a file) check a cap first; these are not meant to be reached by input.
 */
#ifndef LIB_UTIL_MEM_H
#define LIB_UTIL_MEM_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void *mem_check(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

static inline void *xcalloc(size_t n, size_t size)
{
	return mem_check(calloc(n ? n : 1, size ? size : 1));
}

static inline void *xreallocarray(void *p, size_t n, size_t size)
{
	return mem_check(reallocarray(p, n ? n : 1, size));
}

static inline char *xstrdup(const char *s)
{
	return mem_check(strdup(s));
}

static inline char *xstrndup(const char *s, size_t n)
{
	return mem_check(strndup(s, n));
}

static inline char *xvasprintf(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	return mem_check(s);
}

__attribute__((format(printf, 1, 2)))
static inline char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

#endif
