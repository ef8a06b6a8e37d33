/* SPDX-License-Identifier: MIT */
/*
 * The lists disk= and vif= of a configuration as a whole. Each entry is kept as text in the form that disk_format() or
 * vif_format() writes, so that there is one form from xl to xld, in its records and in JSON; whoever needs the fields
 * parses it again.
 */
#include "disk.h"
#include "keys.h"
#include "vif.h"
#include "../util/mem.h"

void domcfg_list_free(struct domcfg_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->item[i]);
	free(list->item);
	*list = (struct domcfg_list){ 0 };
}

void domcfg_list_splice(struct domcfg_list *list, struct domcfg_list *more)
{
	list->item = xreallocarray(list->item, list->n + more->n, sizeof(*list->item));
	for (size_t i = 0; i < more->n; i++)
		list->item[list->n++] = more->item[i];
	free(more->item);
	*more = (struct domcfg_list){ 0 };
}

void domcfg_list_remove(struct domcfg_list *list, size_t i)
{
	free(list->item[i]);
	for (list->n--; i < list->n; i++)
		list->item[i] = list->item[i + 1];
}

char *cfg_disk_item(const char *text, char **why)
{
	struct cfg_disk d;
	char *s;

	if (!disk_parse(&d, text, why))
		return NULL;
	s = disk_format(&d);
	disk_free(&d);
	return s;
}

char *cfg_vif_item(const char *text, char **why)
{
	struct cfg_vif v;
	char *s;

	if (!vif_parse(&v, text, why))
		return NULL;
	s = vif_format(&v);
	vif_free(&v);
	return s;
}

static uint32_t disk_id(const char *text)
{
	struct cfg_disk d = { 0 };
	char *why = NULL;
	uint32_t id;

	disk_parse(&d, text, &why);
	id = d.devid;
	disk_free(&d);
	free(why);
	return id;
}

static uint32_t vif_id(const char *text)
{
	struct cfg_vif v = { .devid = VIF_NO_ID };
	char *why = NULL;
	uint32_t id;

	vif_parse(&v, text, &why);
	id = v.devid;
	vif_free(&v);
	free(why);
	return id;
}

/* Number of each entry; caller frees. */
static uint32_t *all_ids(const struct domcfg_list *list, uint32_t (*id)(const char *text))
{
	uint32_t *ids = xcalloc(list->n, sizeof(*ids));

	for (size_t i = 0; i < list->n; i++)
		ids[i] = id(list->item[i]);
	return ids;
}

static void check_unique(const struct domcfg *cfg, const char *key, const struct domcfg_list *list,
			 const uint32_t *ids, struct domcfg_diag *diag)
{
	for (size_t i = 0; i < list->n; i++)
		for (size_t j = 0; j < i; j++)
			if (ids[i] == ids[j])
				domcfg_error(diag, cfg->line[cfg_key_find(key)], 0,
					     "%s: two entries for the same device: '%.200s' and '%.200s'", key,
					     list->item[j], list->item[i]);
}

static bool used(const uint32_t *ids, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* Give the vif the next free number, in its text too. */
static void number_vif(struct domcfg_list *list, uint32_t *ids, size_t i)
{
	struct cfg_vif v;
	char *why = NULL;

	for (ids[i] = 0; used(ids, i, ids[i]) || used(ids + i + 1, list->n - i - 1, ids[i]); ids[i]++)
		;
	if (vif_parse(&v, list->item[i], &why)) {
		v.devid = ids[i];
		free(list->item[i]);
		list->item[i] = vif_format(&v);
		vif_free(&v);
	}
	free(why);
}

void cfg_check_devices(struct domcfg *cfg, struct domcfg_diag *diag)
{
	uint32_t *disks = all_ids(&cfg->disk, disk_id), *vifs = all_ids(&cfg->vif, vif_id);

	for (size_t i = 0; i < cfg->vif.n; i++)
		if (vifs[i] == VIF_NO_ID)
			number_vif(&cfg->vif, vifs, i);
	check_unique(cfg, "disk", &cfg->disk, disks, diag);
	check_unique(cfg, "vif", &cfg->vif, vifs, diag);
	free(disks);
	free(vifs);
}

ssize_t domcfg_device_find(const struct domcfg *cfg, bool vif, uint32_t devid)
{
	const struct domcfg_list *list = vif ? &cfg->vif : &cfg->disk;

	for (size_t i = 0; i < list->n; i++)
		if ((vif ? vif_id : disk_id)(list->item[i]) == devid)
			return (ssize_t)i;
	return -1;
}

char *domcfg_device_new(const struct domcfg *cfg, bool vif, const char *text, uint32_t *devid, char **why)
{
	char *s = vif ? cfg_vif_item(text, why) : cfg_disk_item(text, why), *numbered;

	if (!s)
		return NULL;
	*devid = vif ? vif_id(s) : disk_id(s);
	if (vif && *devid == VIF_NO_ID) {
		for (*devid = 0; domcfg_device_find(cfg, true, *devid) >= 0; ++*devid)
			;
		numbered = xasprintf("devid=%u%s%s", *devid, *s ? "," : "", s);
		free(s);
		s = numbered;
	}
	if (domcfg_device_find(cfg, vif, *devid) < 0)
		return s;
	free(s);
	*why = xasprintf("the domain has a device %s %u already", vif ? "vif" : "vbd", *devid);
	return NULL;
}
