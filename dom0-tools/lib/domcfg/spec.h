/* SPDX-License-Identifier: MIT */
/*
 * Device specifications, the strings of the lists disk= and vif=: items between commas, each `key=value` or a word.
 * Blanks around items are dropped. A key begins with a lower-case letter and has letters, digits and dashes, so that
 * a path is never taken for one.
 */
#ifndef LIB_DOMCFG_SPEC_H
#define LIB_DOMCFG_SPEC_H

#include <stdbool.h>
#include <stddef.h>

struct spec_item {
	char *key;			/* NULL: a word */
	char *value;
};

/*
 * Take the next item at *at. `rest` (may be NULL) is a key whose value is all that follows it, commas included. Returns
 * false at the end. Release the item with spec_release().
 */
bool spec_next(const char **at, const char *rest, struct spec_item *item);
void spec_release(struct spec_item *item);

/* Index of word in a table of names (n entries, NULL entries fit nothing), or -1. */
int spec_word(const char *const *names, size_t n, const char *word);

/* Set *why from a printf-style text and return false, for `return spec_bad(...)`. */
__attribute__((format(printf, 2, 3)))
bool spec_bad(char **why, const char *fmt, ...);

/* A decimal number up to max that is all of s. */
bool spec_number(const char *s, unsigned long max, unsigned long *n);

/* Append printf-style text to *s. */
__attribute__((format(printf, 2, 3)))
void spec_append(char **s, const char *fmt, ...);

#endif
