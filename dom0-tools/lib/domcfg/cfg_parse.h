/* SPDX-License-Identifier: MIT */
/*
 * Syntax of xl.cfg: text in, statements out. Knows nothing of keys and their meaning.
 *
 *	file      = { statement ( newline | ";" ) }
 *	statement = name ( "=" | "+=" ) value
 *	value     = string | number | "[" [ value { "," value } [ "," ] ] "]"
 *
 * Strings stand in ' or " on one line, with the escapes \\ \' \" \n \r \t \xHH. `#` starts a comment. Inside a list
 * newlines are blanks. After a mistake the parser goes on with the next line, so that one run finds all of them.
 */
#ifndef LIB_DOMCFG_CFG_PARSE_H
#define LIB_DOMCFG_CFG_PARSE_H

#include "domcfg.h"

#define CFG_MAX_ITEMS 1024		/* of a list */

struct cfg_value {
	bool is_list;
	bool quoted;			/* a string, not a number */
	char *str;			/* text of a string or number */
	struct cfg_value *item;
	size_t n;
	unsigned int line, col;
};

struct cfg_stmt {
	char *key;
	bool append;			/* += */
	unsigned int line, col;
	struct cfg_value value;
};

typedef void (*cfg_stmt_fn)(void *ctx, const struct cfg_stmt *stmt);

/* Calls fn for each well-formed statement. Returns false when an error was added to diag. */
bool cfg_parse(const char *text, size_t len, struct domcfg_diag *diag, cfg_stmt_fn fn, void *ctx);

#endif
