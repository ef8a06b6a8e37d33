/* SPDX-License-Identifier: MIT */
/*
 * struct domcfg as JSON: how xl hands a configuration to xld, how xld keeps it across its own restarts, and what users
 * see in `xl list -l`. Names and values are those of xl.cfg; a field that was not given is left out.
 *
 * Reading goes through the same key table and checks as xl.cfg. An unknown member is an error here, since only our own
 * programs write this form.
 */
#include <jansson.h>

#include "domcfg.h"
#include "keys.h"
#include "../util/mem.h"

static json_t *list_to_json(const struct domcfg_list *list)
{
	json_t *a;

	if (!list->n)
		return NULL;
	if (list->single)
		return json_string(list->item[0]);
	a = mem_check(json_array());
	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(a, mem_check(json_string(list->item[i])));
	return a;
}

static json_t *field_to_json(const struct domcfg *cfg, const struct cfg_key *key)
{
	char *text;
	json_t *j;

	if (key->kind == KEY_LIST || key->kind == KEY_CPUS)
		return list_to_json((const void *)((const char *)cfg + key->offset));
	text = cfg_key_text(cfg, key);
	if (!text)
		return NULL;
	if (key->kind == KEY_UINT || key->kind == KEY_INT || key->kind == KEY_BOOL)
		j = json_integer(strtoll(text, NULL, 10));
	else
		j = json_string(text);
	free(text);
	return j;
}

bool cfg_text_ok(const char *s, bool lines)
{
	json_t *j = json_string(s);

	json_decref(j);
	for (; j && *s; s++)
		if (((unsigned char)*s < 32 && *s != '\t' && (*s != '\n' || !lines)) || *s == 127 ||
		    !strncmp(s, "\xef\xbf\xbe", 3) || !strncmp(s, "\xef\xbf\xbf", 3))
			return false;
	return j;
}

char *domcfg_to_json(const struct domcfg *cfg)
{
	json_t *o = mem_check(json_object()), *v;
	char *text;

	for (int k = 0; k < DOMCFG_NKEYS; k++) {
		v = field_to_json(cfg, &cfg_keys[k]);
		if (v)
			json_object_set_new(o, cfg_keys[k].name, v);
	}
	text = mem_check(json_dumps(o, JSON_INDENT(4)));
	json_decref(o);
	return text;
}

/* A value as the parser of xl.cfg would deliver it. False: a kind of JSON value that means nothing here. */
static bool value_from_json(json_t *j, struct cfg_value *v, bool nested)
{
	v->line = 1;
	if (json_is_string(j)) {
		v->quoted = true;
		v->str = xstrdup(json_string_value(j));
		return strlen(v->str) == json_string_length(j);
	}
	if (json_is_integer(j)) {
		v->str = xasprintf("%lld", (long long)json_integer_value(j));
		return true;
	}
	if (!json_is_array(j) || nested)
		return false;
	v->is_list = true;
	v->item = xcalloc(json_array_size(j), sizeof(*v->item));
	v->n = json_array_size(j);
	for (size_t i = 0; i < v->n; i++)
		if (!value_from_json(json_array_get(j, i), &v->item[i], true))
			return false;
	return true;
}

static void value_free(struct cfg_value *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->item[i].str);
	free(v->item);
	free(v->str);
}

static void member_from_json(struct domcfg *cfg, const char *name, json_t *j, struct domcfg_diag *diag)
{
	int k = cfg_key_find(name);
	struct cfg_value v = { 0 };

	if (k < 0)
		domcfg_error(diag, 0, 0, "unknown member '%.60s'", name);
	else if (!value_from_json(j, &v, false))
		domcfg_error(diag, 0, 0, "member '%s' must be a string, a number or a list of them", name);
	else
		cfg_key_set(cfg, k, &v, false, diag);
	value_free(&v);
}

bool domcfg_from_json(struct domcfg *cfg, const char *text, size_t len, struct domcfg_diag *diag)
{
	unsigned int before = diag->errors;
	json_error_t err;
	json_t *o;

	if (len > DOMCFG_MAX_FILE) {
		domcfg_error(diag, 0, 0, "longer than the %u bytes a configuration may have", DOMCFG_MAX_FILE);
		return false;
	}
	o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &err);
	if (!o) {
		domcfg_error(diag, (unsigned int)err.line, (unsigned int)err.column, "not JSON: %s", err.text);
		return false;
	}
	if (!json_is_object(o))
		domcfg_error(diag, 0, 0, "not a JSON object");
	for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i))
		member_from_json(cfg, json_object_iter_key(i), json_object_iter_value(i), diag);
	json_decref(o);
	return diag->errors == before;
}
