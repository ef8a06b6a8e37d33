/* SPDX-License-Identifier: MIT */
/* Taking device specifications apart, see spec.h. */
#include "spec.h"
#include "../util/mem.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *trimmed(const char *s, size_t n)
{
	while (n && blank(*s)) {
		s++;
		n--;
	}
	while (n && blank(s[n - 1]))
		n--;
	return xstrndup(s, n);
}

/* Length of the key that s begins with, 0 if there is none. */
static size_t key_length(const char *s)
{
	size_t n = 0;

	if (*s < 'a' || *s > 'z')
		return 0;
	while ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= '0' && s[n] <= '9') || s[n] == '-' || s[n] == '_')
		n++;
	return s[n] == '=' ? n : 0;
}

bool spec_next(const char **at, const char *rest, struct spec_item *item)
{
	const char *s = *at;
	size_t key, n;

	while (blank(*s))
		s++;
	if (!*s)
		return false;
	key = key_length(s);
	item->key = key ? xstrndup(s, key) : NULL;
	s += key ? key + 1 : 0;
	n = item->key && rest && !strcmp(item->key, rest) ? strlen(s) : strcspn(s, ",");
	item->value = trimmed(s, n);
	*at = s + n + (s[n] == ',');
	return true;
}

void spec_release(struct spec_item *item)
{
	free(item->key);
	free(item->value);
}

int spec_word(const char *const *names, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (names[i] && !strcmp(names[i], word))
			return (int)i;
	return -1;
}

bool spec_bad(char **why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*why = xvasprintf(fmt, ap);
	va_end(ap);
	return false;
}

bool spec_number(const char *s, unsigned long max, unsigned long *n)
{
	unsigned long v = 0;

	if (!*s || (*s == '0' && s[1]))
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (unsigned long)(*s - '0');
		if (v > max)
			return false;
	}
	*n = v;
	return true;
}

void spec_append(char **s, const char *fmt, ...)
{
	char *more, *all;
	va_list ap;

	va_start(ap, fmt);
	more = xvasprintf(fmt, ap);
	va_end(ap);
	all = xasprintf("%s%s", *s ? *s : "", more);
	free(*s);
	free(more);
	*s = all;
}
