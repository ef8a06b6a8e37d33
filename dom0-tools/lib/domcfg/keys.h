/* SPDX-License-Identifier: MIT */
/*
 * The key table: each key's name, kind, place in struct domcfg and what it may be. All readers set fields through here,
 * so a value is checked by the same code wherever it comes from.
 */
#ifndef LIB_DOMCFG_KEYS_H
#define LIB_DOMCFG_KEYS_H

#include "cfg_parse.h"

enum cfg_kind {
	KEY_STRING, KEY_TEXT,		/* char *; a text may have several lines */
	KEY_PATH, KEY_NAME, KEY_UUID,
	KEY_UINT, KEY_INT,		/* uint64_t, int64_t */
	KEY_BOOL,			/* bool, written 0 or 1 */
	KEY_WORD,			/* unsigned int, the value of one of the words */
	KEY_LIST, KEY_CPUS
};

/* A word that a key takes. */
struct cfg_word {
	const char *name;		/* NULL: the end */
	unsigned int value;
	const char *no;			/* a word that Xen takes: why it is refused here */
};

#define CFG_ALWAYS UINT64_MAX

struct cfg_key {
	const char *name;
	enum cfg_kind kind;
	size_t offset;			/* in struct domcfg */
	uint64_t min, max;		/* KEY_UINT; KEY_INT goes from -max to max */
	const char *unit;		/* of these: what the number counts */
	uint64_t absent;		/* of numbers and words: the value that means "not given" */
	const struct cfg_word *words;	/* KEY_WORD */
	/*
	 * KEY_LIST, KEY_STRING: an item in our own form (caller frees); NULL and *why if it is wrong. NULL: taken as
	 * they are.
	 */
	char *(*item)(const char *text, char **why);
};

extern const struct cfg_key cfg_keys[DOMCFG_NKEYS];

/* Index into cfg_keys, or -1. */
int cfg_key_find(const char *name);
/* Set the field of key k from a value; adds to diag and leaves the field alone when it is wrong. */
void cfg_key_set(struct domcfg *cfg, int k, const struct cfg_value *v, bool append, struct domcfg_diag *diag);
/*
 * All strings in a configuration are UTF-8 without control characters (but for the ends of lines, where `lines`) and
 * without U+FFFE and U+FFFF: they end up in JSON, XML, xenstore and on terminals.
 */
bool cfg_text_ok(const char *s, bool lines);
/* What must hold between the entries of disk and of vif; gives each vif a number. Adds to diag. */
void cfg_check_devices(struct domcfg *cfg, struct domcfg_diag *diag);
char *cfg_disk_item(const char *text, char **why);
char *cfg_vif_item(const char *text, char **why);
char *cfg_quota_item(const char *text, char **why);
char *cfg_cpuid_item(const char *text, char **why);
/*
 * The value of a field as xl.cfg has it, for all but lists. NULL: it was not given, so that readers need not see it.
 * Caller frees.
 */
char *cfg_key_text(const struct domcfg *cfg, const struct cfg_key *key);
/* A key that is not in the table: says why, if Xen knows it, as a warning where leaving it out does no harm. */
void cfg_key_foreign(const struct cfg_stmt *s, struct domcfg_diag *diag);

#endif
