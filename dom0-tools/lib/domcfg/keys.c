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

const struct cfg_key cfg_keys[DOMCFG_NKEYS] = {
	ROW(name, KEY_NAME),
	ROW(uuid, KEY_UUID),
	ROW(type, KEY_TYPE),
	ROW(kernel, KEY_PATH),
	ROW(ramdisk, KEY_PATH),
	ROW(cmdline, KEY_STRING),
	ROW(root, KEY_STRING),
	ROW(extra, KEY_STRING),
	ROW(memory, KEY_UINT, .min = 1, .max = 16 << 20, .unit = "MiB"),
	ROW(maxmem, KEY_UINT, .min = 1, .max = 16 << 20, .unit = "MiB"),
	ROW(vcpus, KEY_UINT, .min = 1, .max = 32, .unit = "vCPUs"),
	ROW(maxvcpus, KEY_UINT, .min = 1, .max = 32, .unit = "vCPUs"),
	ROW(on_poweroff, KEY_ACTION),
	ROW(on_reboot, KEY_ACTION),
	ROW(on_crash, KEY_ACTION),
	ROW(on_watchdog, KEY_ACTION),
	ROW(on_soft_reset, KEY_ACTION),
	ROW(cpus, KEY_CPUS),
	ROW(disk, KEY_LIST, .item = cfg_disk_item),
	ROW(vif, KEY_LIST, .item = cfg_vif_item),
	ROW(cpus_soft, KEY_CPUS),
	ROW(cpu_weight, KEY_UINT, .min = 1, .max = 65535, .unit = "shares"),
	ROW(xenstore_quota, KEY_LIST, .item = cfg_quota_item),
	ROW(cap, KEY_UINT, .min = 0, .max = 3200, .unit = "percent of a CPU"),
};

static const char *const action_names[] = {
	[DOM_DESTROY] = "destroy", [DOM_RESTART] = "restart",
	[DOM_RENAME_RESTART] = "rename-restart", [DOM_PRESERVE] = "preserve",
	[DOM_COREDUMP_DESTROY] = "coredump-destroy", [DOM_COREDUMP_RESTART] = "coredump-restart",
};

static const struct { const char *name, *why; } foreign_keys[] = {
	{ "builder", "every domain here is PV; leave it out" },
	{ "bootloader", "the kernel is loaded from dom0: give kernel and ramdisk" },
	{ "firmware", "a PV domain has none" },
	{ "boot", "a PV domain boots the kernel that its configuration names" },
	{ "vfb", "virtual frame buffers are not offered" },
	{ "pci", "PCI devices are not passed through" },
	{ "device_model_version", "no device model is used" },
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

const char *cfg_key_foreign(const char *name)
{
	for (size_t i = 0; i < sizeof(foreign_keys) / sizeof(foreign_keys[0]); i++)
		if (!strcmp(foreign_keys[i].name, name))
			return foreign_keys[i].why;
	return NULL;
}

const char *dom_action_name(unsigned int action)
{
	return action < sizeof(action_names) / sizeof(action_names[0]) ? action_names[action] : "?";
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

	while (ok < n && ((v->str[ok] > 0 && isalnum(v->str[ok])) || strchr("-_.+:@", v->str[ok])))
		digits += !!isdigit(v->str[ok++]);
	if (n == 0 || n > 63 || ok < n || *v->str == '.' || *v->str == '-') {
		domcfg_error(diag, v->line, v->col, "name must be 1 to 63 letters, digits and -_.+:@ and not "
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

static bool set_type(unsigned int *dst, const struct cfg_value *v, struct domcfg_diag *diag)
{
	if (!strcmp(v->str, "pv")) {
		*dst = DOM_TYPE_PV;
		return true;
	}
	if (!strcmp(v->str, "hvm") || !strcmp(v->str, "pvh"))
		domcfg_error(diag, v->line, v->col, "type \"%s\" needs hardware virtualisation, which xen-lite does "
			     "not use; only \"pv\" is offered", v->str);
	else
		domcfg_error(diag, v->line, v->col, "type must be \"pv\", not '%.40s'", v->str);
	return false;
}

static bool set_action(unsigned int *dst, const struct cfg_key *key, const struct cfg_value *v,
		       struct domcfg_diag *diag)
{
	for (unsigned int i = 0; i < sizeof(action_names) / sizeof(action_names[0]); i++) {
		if (!strcmp(v->str, action_names[i])) {
			*dst = i;
			return true;
		}
	}
	domcfg_error(diag, v->line, v->col, "%s must be \"destroy\", \"restart\", \"rename-restart\", \"preserve\", "
		     "\"coredump-destroy\" or \"coredump-restart\", not '%.40s'", key->name, v->str);
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
		dst->single = single;
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
	case KEY_STRING:	return set_string(dst, v, append);
	case KEY_PATH:		return set_path(dst, key, v, diag);
	case KEY_NAME:		return set_name(dst, v, diag);
	case KEY_UUID:		return set_uuid(cfg, v, diag);
	case KEY_UINT:		return set_uint(dst, key, v, diag);
	case KEY_TYPE:		return set_type(dst, v, diag);
	case KEY_ACTION:	return set_action(dst, key, v, diag);
	case KEY_LIST:		return set_list(dst, key, v, append, diag);
	case KEY_CPUS:		return set_cpus(dst, key, v, append, diag);
	}
	return false;
}

/* Checks all strings of a value. */
static bool text_ok(const struct cfg_key *key, const struct cfg_value *v, struct domcfg_diag *diag)
{
	if (v->str && !cfg_text_ok(v->str)) {
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
	else if (append && !lists && key->kind != KEY_STRING)
		domcfg_error(diag, v->line, v->col, "%s cannot be appended to: use = instead of +=", key->name);
	else if (text_ok(key, v, diag) && set_one(cfg, key, v, append, diag))
		cfg->line[k] = v->line;
}
