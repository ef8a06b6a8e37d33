/* SPDX-License-Identifier: MIT */
/*
 * The key table: each key's name, kind, place in struct domcfg and what it may be. All readers set fields through here,
 * so a value is checked by the same code wherever it comes from.
 */
#ifndef LIB_DOMCFG_KEYS_H
#define LIB_DOMCFG_KEYS_H

#include "cfg_parse.h"

enum cfg_kind { KEY_STRING, KEY_PATH, KEY_NAME, KEY_UUID, KEY_UINT, KEY_TYPE, KEY_ACTION, KEY_LIST, KEY_CPUS };

struct cfg_key {
	const char *name;
	enum cfg_kind kind;
	size_t offset;			/* in struct domcfg */
	uint64_t min, max;		/* KEY_UINT */
	const char *unit;		/* KEY_UINT: what the number counts */
	/* KEY_LIST: an item in our own form (caller frees); NULL and *why if it is wrong. NULL: taken as they are. */
	char *(*item)(const char *text, char **why);
};

extern const struct cfg_key cfg_keys[DOMCFG_NKEYS];

/* Index into cfg_keys, or -1. */
int cfg_key_find(const char *name);
/* Set the field of key k from a value; adds to diag and leaves the field alone when it is wrong. */
void cfg_key_set(struct domcfg *cfg, int k, const struct cfg_value *v, bool append, struct domcfg_diag *diag);
/*
 * All strings in a configuration are UTF-8 without control characters: they end up in JSON, xenstore and on
 * terminals.
 */
bool cfg_text_ok(const char *s);
/* What must hold between the entries of disk and of vif; gives each vif a number. Adds to diag. */
void cfg_check_devices(struct domcfg *cfg, struct domcfg_diag *diag);
char *cfg_disk_item(const char *text, char **why);
char *cfg_vif_item(const char *text, char **why);
char *cfg_quota_item(const char *text, char **why);
/* Why there is no such key here, for keys that Xen knows and a PV guest has no use for; NULL = never heard of it. */
const char *cfg_key_foreign(const char *name);

#endif
