/* SPDX-License-Identifier: MIT */
/*
 * The key table and the checks of single values. What must hold between values is domcfg_check()'s job.
 *
 * Invariant: a field is only changed by a value that passed its check. Each error says what is allowed.
 */
#include <ctype.h>
#include <errno.h>

#include "cpulist.h"
#include "keys.h"
#include "../util/mem.h"

#define ROW(n, k, ...) { .name = #n, .kind = k, .offset = offsetof(struct domcfg, n), __VA_ARGS__ }

static const struct cfg_word type_words[] = {
	{ "pv", DOM_TYPE_PV, NULL },
	{ "hvm", 0, "needs hardware virtualisation, which xen-lite does not use; only \"pv\" is offered" },
	{ "pvh", 0, "needs hardware virtualisation, which xen-lite does not use; only \"pv\" is offered" },
	{ 0 },
};

static const struct cfg_word action_words[] = {
	{ "destroy", DOM_DESTROY, NULL }, { "restart", DOM_RESTART, NULL },
	{ "rename-restart", DOM_RENAME_RESTART, NULL }, { "preserve", DOM_PRESERVE, NULL },
	{ "coredump-destroy", DOM_COREDUMP_DESTROY, NULL }, { "coredump-restart", DOM_COREDUMP_RESTART, NULL },
	{ "soft-reset", 0, "is for guests with hardware virtualisation" }, { 0 },
};

#define NO_EMULATION "is not offered: RDTSC always runs on the processor; use \"default\" or \"native\""

static const struct cfg_word tsc_words[] = {
	{ "default", DOM_TSC_DEFAULT, NULL }, { "native", DOM_TSC_NATIVE, NULL },
	{ "always_emulate", 0, NO_EMULATION }, { "native_paravirt", 0, NO_EMULATION },
	{ "0", DOM_TSC_DEFAULT, NULL }, { "2", DOM_TSC_NATIVE, NULL }, { "1", 0, NO_EMULATION },
	{ "3", 0, NO_EMULATION },
	{ 0 },
};

const struct cfg_key cfg_keys[DOMCFG_NKEYS] = {
	ROW(name, KEY_NAME),
	ROW(uuid, KEY_UUID),
	ROW(title, KEY_STRING),
	ROW(description, KEY_TEXT),
	ROW(metadata, KEY_TEXT),
	ROW(type, KEY_WORD, .words = type_words, .absent = CFG_ALWAYS),
	ROW(kernel, KEY_PATH),
	ROW(ramdisk, KEY_PATH),
	ROW(cmdline, KEY_STRING),
	ROW(root, KEY_STRING),
	ROW(extra, KEY_STRING),
	ROW(memory, KEY_UINT, .min = 1, .max = 16 << 20, .unit = "MiB"),
	ROW(maxmem, KEY_UINT, .min = 1, .max = 16 << 20, .unit = "MiB"),
	ROW(vcpus, KEY_UINT, .min = 1, .max = 32, .unit = "vCPUs"),
	ROW(maxvcpus, KEY_UINT, .min = 1, .max = 32, .unit = "vCPUs"),
	ROW(on_poweroff, KEY_WORD, .words = action_words, .absent = CFG_ALWAYS),
	ROW(on_reboot, KEY_WORD, .words = action_words, .absent = CFG_ALWAYS),
	ROW(on_crash, KEY_WORD, .words = action_words, .absent = CFG_ALWAYS),
	ROW(on_watchdog, KEY_WORD, .words = action_words, .absent = CFG_ALWAYS),
	ROW(on_soft_reset, KEY_WORD, .words = action_words, .absent = CFG_ALWAYS),
	ROW(cpus, KEY_CPUS),
	ROW(disk, KEY_LIST, .item = cfg_disk_item),
	ROW(vif, KEY_LIST, .item = cfg_vif_item),
	ROW(cpus_soft, KEY_CPUS),
	ROW(cpu_weight, KEY_UINT, .min = 1, .max = 65535, .unit = "shares"),
	ROW(xenstore_quota, KEY_LIST, .item = cfg_quota_item),
	ROW(cap, KEY_UINT, .min = 0, .max = 3200, .unit = "percent of a CPU"),
	ROW(cpuid, KEY_STRING, .item = cfg_cpuid_item),
	ROW(max_grant_frames, KEY_UINT, .min = 1, .max = 1024, .unit = "pages"),
	ROW(max_maptrack_frames, KEY_UINT, .min = 0, .max = 8192, .unit = "pages", .absent = DOMCFG_NO_LIMIT),
	ROW(max_grant_version, KEY_UINT, .min = 1, .max = 2, .unit = "versions"),
	ROW(max_event_channels, KEY_UINT, .min = 1, .max = UINT32_MAX, .unit = "event channels"),
	ROW(nomigrate, KEY_BOOL),
	ROW(shared_tables, KEY_BOOL),
	ROW(tsc_mode, KEY_WORD, .words = tsc_words, .absent = DOM_TSC_DEFAULT),
	ROW(localtime, KEY_BOOL),
	ROW(rtc_timeoffset, KEY_INT, .max = 3155760000, .unit = "seconds"),
};

/* A name of letters and '-', then a number of 32 bits. Whether there is such a quota xenstored knows. */
char *cfg_quota_item(const char *text, char **why)
{
	size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz-");
	const char *digits = text + name + 1;

	if (name && text[name] == '=' && *digits && strlen(digits) <= 10 && !digits[strspn(digits, "0123456789")] &&
	    strtoull(digits, NULL, 10) <= UINT32_MAX)
		return xstrdup(text);
	*why = xstrdup("must be QUOTA=NUMBER, such as \"nodes=2000\"; 0 is no limit");
	return NULL;
}

int cfg_key_find(const char *name)
{
	for (int k = 0; k < DOMCFG_NKEYS; k++)
		if (!strcmp(cfg_keys[k].name, name))
			return k;
	return -1;
}

static const char *word_name(const struct cfg_word *words, unsigned int value)
{
	for (; words->name; words++)
		if (!words->no && words->value == value)
			return words->name;
	return "?";
}

const char *dom_action_name(unsigned int action)
{
	return word_name(action_words, action);
}

static char *number_text(const struct cfg_key *key, uint64_t n)
{
	return n == key->absent ? NULL : xasprintf("%llu", (unsigned long long)n);
}

char *cfg_key_text(const struct domcfg *cfg, const struct cfg_key *key)
{
	const void *f = (const char *)cfg + key->offset;
	char uuid[37];

	switch (key->kind) {
	case KEY_STRING: case KEY_TEXT: case KEY_PATH: case KEY_NAME:
		return *(char *const *)f ? xstrdup(*(char *const *)f) : NULL;
	case KEY_UUID:
		uuid_format(cfg->uuid, uuid);
		return cfg->has_uuid ? xstrdup(uuid) : NULL;
	case KEY_UINT:
		return number_text(key, *(const uint64_t *)f);
	case KEY_INT:
		return *(const int64_t *)f ? xasprintf("%lld", (long long)*(const int64_t *)f) : NULL;
	case KEY_BOOL:
		return *(const bool *)f ? xstrdup("1") : NULL;
	case KEY_WORD:
		if (*(const unsigned int *)f == key->absent)
			return NULL;
		return xstrdup(word_name(key->words, *(const unsigned int *)f));
	case KEY_LIST: case KEY_CPUS:
		break;
	}
	return NULL;
}

static void *field(struct domcfg *cfg, const struct cfg_key *key)
{
	return (char *)cfg + key->offset;
}

static bool set_string(char **dst, const struct cfg_value *v, bool append)
{
	char *s = append && *dst ? xasprintf("%s%s", *dst, v->str) : xstrdup(v->str);

	free(*dst);
	*dst = s;
	return true;
}

/* A string that has a form of its own. */
static bool set_item(char **dst, const struct cfg_key *key, const struct cfg_value *v, struct domcfg_diag *diag)
{
	char *why = NULL, *text = key->item(v->str, &why);

	if (!text)
		domcfg_error(diag, v->line, v->col, "%s '%.60s': %s", key->name, v->str, why);
	free(why);
	if (!text)
		return false;
	free(*dst);
	*dst = text;
	return true;
}

static bool set_path(char **dst, const struct cfg_key *key, const struct cfg_value *v, struct domcfg_diag *diag)
{
	if (!*v->str || strlen(v->str) > 4095) {
		domcfg_error(diag, v->line, v->col, "%s must be the path of a file, 1 to 4095 bytes", key->name);
		return false;
	}
	return set_string(dst, v, false);
}

/* Names are typed on command lines, become file names and xenstore values, and stand beside numeric domain ids. */
static bool set_name(char **dst, const struct cfg_value *v, struct domcfg_diag *diag)
{
	size_t n = strlen(v->str), ok = 0, digits = 0;

	while (ok < n && ((v->str[ok] > 0 && isalnum(v->str[ok])) || strchr("-_.+:@~", v->str[ok])))
		digits += !!isdigit(v->str[ok++]);
	if (n == 0 || n > 63 || ok < n || *v->str == '.' || *v->str == '-') {
		domcfg_error(diag, v->line, v->col, "name must be 1 to 63 letters, digits and -_.+:@~ and not "
			     "begin with '.' or '-'");
		return false;
	}
	if (digits == n) {
		domcfg_error(diag, v->line, v->col, "name must not be a number: '%s' would be taken for a domain id",
			     v->str);
		return false;
	}
	return set_string(dst, v, false);
}

static bool set_uuid(struct domcfg *cfg, const struct cfg_value *v, struct domcfg_diag *diag)
{
	uint8_t uuid[16];

	if (!uuid_parse(v->str, uuid)) {
		domcfg_error(diag, v->line, v->col, "uuid must be 32 hex digits, as in "
			     "\"01234567-89ab-cdef-0123-456789abcdef\", and not all 0");
		return false;
	}
	memcpy(cfg->uuid, uuid, sizeof(uuid));
	cfg->has_uuid = true;
	return true;
}

static bool set_uint(uint64_t *dst, const struct cfg_key *key, const struct cfg_value *v, struct domcfg_diag *diag)
{
	const char *s = v->str;
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	unsigned long long n;
	char *end;

	if (!hex && s[0] == '0' && s[1]) {
		domcfg_error(diag, v->line, v->col, "%s: numbers are decimal or 0x hex; '%s' with its leading 0 is "
			     "neither", key->name, s);
		return false;
	}
	errno = 0;
	n = strtoull(s, &end, hex ? 16 : 10);
	if (!isxdigit((unsigned char)s[hex ? 2 : 0]) || *end || errno || n < key->min || n > key->max) {
		domcfg_error(diag, v->line, v->col, "%s must be a whole number of %s from %llu to %llu, not '%.40s'",
			     key->name, key->unit, (unsigned long long)key->min, (unsigned long long)key->max, s);
		return false;
	}
	*dst = n;
	return true;
}

static bool set_int(int64_t *dst, const struct cfg_key *key, const struct cfg_value *v, struct domcfg_diag *diag)
{
	const char *digits = v->str + (*v->str == '-');
	long long n;
	char *end;

	errno = 0;
	n = strtoll(v->str, &end, 10);
	if (!isdigit((unsigned char)*digits) || (*digits == '0' && digits[1]) || *end || errno ||
	    n > (long long)key->max || n < -(long long)key->max) {
		domcfg_error(diag, v->line, v->col, "%s must be a whole number of %s from -%llu to %llu, not '%.40s'",
			     key->name, key->unit, (unsigned long long)key->max, (unsigned long long)key->max, v->str);
		return false;
	}
	*dst = n;
	return true;
}

static bool set_bool(bool *dst, const struct cfg_key *key, const struct cfg_value *v, struct domcfg_diag *diag)
{
	if (strcmp(v->str, "0") && strcmp(v->str, "1")) {
		domcfg_error(diag, v->line, v->col, "%s must be 0 or 1, not '%.40s'", key->name, v->str);
		return false;
	}
	*dst = *v->str == '1';
	return true;
}

/* "a", "b" or "c": the words that are taken and are not numbers. */
static char *word_list(const struct cfg_word *words)
{
	char *s = xstrdup(""), *t;
	unsigned int left = 0;

	for (const struct cfg_word *w = words; w->name; w++)
		left += !w->no && !isdigit((unsigned char)*w->name);
	for (; left; words++) {
		if (words->no || isdigit((unsigned char)*words->name))
			continue;
		t = xasprintf("%s%s\"%s\"", s, !*s ? "" : left == 1 ? " or " : ", ", words->name);
		free(s);
		s = t;
		left--;
	}
	return s;
}

static bool set_word(unsigned int *dst, const struct cfg_key *key, const struct cfg_value *v, struct domcfg_diag *diag)
{
	const struct cfg_word *w = key->words;
	char *words;

	while (w->name && strcmp(w->name, v->str))
		w++;
	if (w->name && !w->no) {
		*dst = w->value;
		return true;
	}
	words = word_list(key->words);
	if (w->name)
		domcfg_error(diag, v->line, v->col, "%s \"%s\" %s", key->name, v->str, w->no);
	else
		domcfg_error(diag, v->line, v->col, "%s must be %s, not '%.40s'", key->name, words, v->str);
	free(words);
	return false;
}

/* Appends an item to a list, if it is one that the key takes. */
static bool add_item(struct domcfg_list *dst, const struct cfg_key *key, const struct cfg_value *item,
		     struct domcfg_diag *diag)
{
	char *why = NULL, *text = NULL;

	if (item->is_list)
		domcfg_error(diag, item->line, item->col, "%s must be a list of strings", key->name);
	else if (!(text = key->item ? key->item(item->str, &why) : xstrdup(item->str)))
		domcfg_error(diag, item->line, item->col, "%s '%.60s': %s", key->name, item->str, why);
	free(why);
	if (!text)
		return false;
	dst->item = xreallocarray(dst->item, dst->n + 1, sizeof(*dst->item));
	dst->item[dst->n++] = text;
	return true;
}

static bool set_list(struct domcfg_list *dst, const struct cfg_key *key, const struct cfg_value *v, bool append,
		     struct domcfg_diag *diag)
{
	const struct cfg_value *item = v->is_list ? v->item : v;
	size_t n = v->is_list ? v->n : 1;
	bool ok = true, single = !v->is_list && !(append && dst->n);
	struct domcfg_list list = { 0 };

	if (n + (append ? dst->n : 0) > CFG_MAX_ITEMS) {
		domcfg_error(diag, v->line, v->col, "%s has more than %d items", key->name, CFG_MAX_ITEMS);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		ok &= add_item(&list, key, &item[i], diag);
	if (ok && append) {
		domcfg_list_splice(dst, &list);
	} else if (ok) {
		domcfg_list_free(dst);
		*dst = list;
	} else {
		domcfg_list_free(&list);
	}
	if (ok)
		dst->single = single && key->kind == KEY_CPUS;
	return ok;
}

/* Which CPUs the host has is not known here: only the words are checked. */
static bool set_cpus(struct domcfg_list *dst, const struct cfg_key *key, const struct cfg_value *v, bool append,
		     struct domcfg_diag *diag)
{
	const struct cfg_value *item = v->is_list ? v->item : v;
	char why[CPULIST_WHY];
	struct cpulist l;

	for (size_t i = 0; i < (v->is_list ? v->n : 1); i++) {
		if (item[i].is_list || cpulist_parse(&l, item[i].str, why))
			continue;
		domcfg_error(diag, item[i].line, item[i].col, "%s: %s", key->name, why);
		return false;
	}
	return set_list(dst, key, v, append, diag);
}

static bool set_one(struct domcfg *cfg, const struct cfg_key *key, const struct cfg_value *v, bool append,
		    struct domcfg_diag *diag)
{
	void *dst = field(cfg, key);

	switch (key->kind) {
	case KEY_STRING:	return key->item ? set_item(dst, key, v, diag) : set_string(dst, v, append);
	case KEY_TEXT:		return set_string(dst, v, append);
	case KEY_PATH:		return set_path(dst, key, v, diag);
	case KEY_NAME:		return set_name(dst, v, diag);
	case KEY_UUID:		return set_uuid(cfg, v, diag);
	case KEY_UINT:		return set_uint(dst, key, v, diag);
	case KEY_INT:		return set_int(dst, key, v, diag);
	case KEY_BOOL:		return set_bool(dst, key, v, diag);
	case KEY_WORD:		return set_word(dst, key, v, diag);
	case KEY_LIST:		return set_list(dst, key, v, append, diag);
	case KEY_CPUS:		return set_cpus(dst, key, v, append, diag);
	}
	return false;
}

/* Checks all strings of a value. */
static bool text_ok(const struct cfg_key *key, const struct cfg_value *v, struct domcfg_diag *diag)
{
	if (v->str && !cfg_text_ok(v->str, key->kind == KEY_TEXT)) {
		domcfg_error(diag, v->line, v->col, "%s must be UTF-8 text without control characters", key->name);
		return false;
	}
	for (size_t i = 0; i < v->n; i++)
		if (!text_ok(key, &v->item[i], diag))
			return false;
	return true;
}

void cfg_key_set(struct domcfg *cfg, int k, const struct cfg_value *v, bool append, struct domcfg_diag *diag)
{
	const struct cfg_key *key = &cfg_keys[k];

	bool lists = key->kind == KEY_LIST || key->kind == KEY_CPUS;

	if (v->is_list && !lists)
		domcfg_error(diag, v->line, v->col, "%s takes one value, not a list", key->name);
	else if (append && !lists && (key->kind != KEY_STRING || key->item) && key->kind != KEY_TEXT)
		domcfg_error(diag, v->line, v->col, "%s cannot be appended to: use = instead of +=", key->name);
	else if (text_ok(key, v, diag) && set_one(cfg, key, v, append, diag))
		cfg->line[k] = v->line;
}
