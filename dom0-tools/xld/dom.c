/* SPDX-License-Identifier: MIT */
/*
 * The registry of domains: one struct dom for each domain of the hypervisor and for each that a job is about.
 *
 * Invariant: a UUID other than all-zero occurs once. A record of a domain that xld did not create (dom0, or made by
 * another tool) exists as long as the hypervisor shows the domain; a record of ours until its destroy job has
 * succeeded.
 */
#include <errno.h>
#include <stdlib.h>

#include "xld.h"

#define LIST_CHUNK 128

struct dom *dom_new(struct xld *x, const uint8_t uuid[16], const char *name)
{
	struct dom *d = xcalloc(1, sizeof(*d));

	d->x = x;
	memcpy(d->uuid, uuid, 16);
	memcpy(d->tag, uuid, 16);
	d->domid = DOMID_NONE;
	d->name = xstrdup(name);
	d->phase = PHASE_LIVE;
	d->stop_reason = STOP_GONE;
	domcfg_init(&d->cfg);
	d->next = x->doms;
	x->doms = d;
	return d;
}

static void offer_free(struct offer *o)
{
	if (o)
		free(o->cpu);
	free(o);
}

void dom_free(struct xld *x, struct dom *d)
{
	struct dom **at;
	struct asker *a;

	events_forget(d);
	for (at = &x->doms; *at != d; at = &(*at)->next)
		;
	*at = d->next;
	while ((a = d->askers)) {	/* nobody is left without an answer */
		xld_error err = { 0 };

		d->askers = a->next;
		xld_fail(&err, XLD_E_NOT_FOUND, "act on domain", d->name, "", "it is gone");
		client_reply_error(a->client, a->proc, a->serial, &err);
		rpc_release((xdrproc_t)xdr_xld_error, &err);
		free(a);
	}
	rpc_release((xdrproc_t)xdr_xld_error, &d->failure);
	domcfg_free(&d->cfg);
	free(d->request.spec);
	free(d->restore_path);
	offer_free(d->offer);
	rpc_release((xdrproc_t)xdr_xld_migrated, &d->report);
	save_forget(&d->save);
	dump_forget(&d->dump);
	config_forget_next(d);
	free(d->name);
	free(d);
}

struct dom *dom_by_uuid(struct xld *x, const uint8_t uuid[16])
{
	struct dom *d;

	for (d = x->doms; d && memcmp(d->uuid, uuid, 16); d = d->next)
		;
	return d;
}

struct dom *dom_by_name(struct xld *x, const char *name)
{
	struct dom *d;

	for (d = x->doms; d && strcmp(d->name, name); d = d->next)
		;
	return d;
}

static struct dom *by_domid(struct xld *x, const char *ref)
{
	char *end;
	unsigned long id = strtoul(ref, &end, 10);
	struct dom *d;

	if (*ref < '0' || *ref > '9' || *end || id >= XENCTL_DOMID_FIRST_RESERVED)
		return NULL;
	for (d = x->doms; d && d->domid != id; d = d->next)
		;
	return d;
}

struct dom *dom_find(struct xld *x, const char *ref, const char *what, xld_error *err)
{
	uint8_t uuid[16];
	struct dom *d;
	size_t n;

	free(dom_refresh(x, &n));
	d = by_domid(x, ref);
	if (!d && uuid_parse(ref, uuid))
		d = dom_by_uuid(x, uuid);
	if (!d)
		d = dom_by_name(x, ref);
	if (!d)
		xld_fail(err, XLD_E_NOT_FOUND, what, ref, "`xl list` shows all domains",
			 "there is no domain with this name, id or UUID");
	return d;
}

/* All domains of the hypervisor, in one array. */
static struct xenctl_dominfo *list_all(struct xenctl *xc, size_t *n)
{
	struct xenctl_dominfo *list = NULL;
	uint32_t first = 0;
	int got;

	*n = 0;
	do {
		list = xreallocarray(list, *n + LIST_CHUNK, sizeof(*list));
		got = xenctl_domain_list(xc, first, list + *n, LIST_CHUNK);
		if (got < 0) {
			free(list);
			return NULL;
		}
		*n += got;
		if (got)
			first = list[*n - 1].domid + 1;
	} while (got == LIST_CHUNK);
	return list;
}

const struct xenctl_dominfo *dom_info(const struct dom *d, const struct xenctl_dominfo *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].domid == d->domid && !memcmp(list[i].handle, d->uuid, 16))
			return &list[i];
	return NULL;
}

static struct dom *record_of(struct xld *x, const struct xenctl_dominfo *info)
{
	struct dom *d;

	for (d = x->doms; d; d = d->next)
		if (!memcmp(d->uuid, info->handle, 16) && (d->domid == info->domid || d->domid == DOMID_NONE))
			return d;
	return NULL;
}

static void set_name(char **at, const char *name)
{
	char *copy = xstrdup(name);

	free(*at);
	*at = copy;
}

/* The name of a domain that xld did not make is in xenstore, if anywhere. NULL: not there. */
static char *foreign_name(struct xld *x, uint32_t domid)
{
	char *name = x->xs ? xs_readf(x->xs, XBT_NULL, "/local/domain/%u/name", domid) : NULL;

	if (name && *name)
		return name;
	free(name);
	return NULL;
}

static struct dom *adopt(struct xld *x, const struct xenctl_dominfo *info)
{
	char *name = foreign_name(x, info->domid);
	struct dom *d;

	if (!name)
		name = info->domid ? xasprintf("(domain %u)", info->domid) : xstrdup("Domain-0");
	d = dom_new(x, info->handle, name);
	d->domid = info->domid;
	free(name);
	return d;
}

/* Who made it may name it anew at any time: Xen's xl does so when it has been migrated. */
static void look_at_name(struct xld *x, struct dom *d)
{
	char *name = d->ours || d->job || !d->domid ? NULL : foreign_name(x, d->domid);

	if (name && strcmp(name, d->name))
		set_name(&d->name, name);
	free(name);
}

struct xenctl_dominfo *dom_refresh(struct xld *x, size_t *n)
{
	struct xenctl_dominfo *list = list_all(x->xc, n);
	struct dom *d, *next;

	if (!list)
		return NULL;
	for (d = x->doms; d; d = d->next)
		d->seen = d->ours || d->job;
	for (size_t i = 0; i < *n; i++) {
		d = record_of(x, &list[i]);
		if (d)
			look_at_name(x, d);
		else
			d = adopt(x, &list[i]);
		d->domid = list[i].domid;
		d->seen = true;
	}
	for (d = x->doms; d; d = next) {
		next = d->next;
		if (!d->seen) {
			xld_waited gone = { STOP_GONE };

			dom_answer(d, XLD_DOMAIN_WAIT, &gone, NULL);
			dom_free(x, d);
		}
	}
	return list;
}

void config_rename(struct domcfg *cfg, const uint8_t uuid[16], const char *name)
{
	memcpy(cfg->uuid, uuid, 16);
	set_name(&cfg->name, name);
}

bool dom_rename(struct xld *x, struct dom *d, const uint8_t uuid[16], const char *name)
{
	int rc = x->xs ? xenctl_domain_set_handle(x->xc, d->domid, uuid) : -ENOTCONN;
	struct dom old = { .name = (char *)(uintptr_t)name };
	bool ok = true;

	if (rc)
		return false;
	if (!store_rename(x->xs, d->domid, d->uuid, uuid, name)) {
		xenctl_domain_set_handle(x->xc, d->domid, d->uuid);
		return false;
	}
	memcpy(old.uuid, d->uuid, 16);
	memcpy(d->uuid, uuid, 16);
	set_name(&d->name, name);
	config_rename(&d->cfg, uuid, name);
	if (d->next_cfg)
		config_rename(d->next_cfg, uuid, name);
	/* Two records are better than none, should xld die between the two lines. */
	if (d->ours)
		ok = state_save(x, d);
	if (d->ours && memcmp(old.uuid, uuid, 16))
		state_remove(x, &old);
	return ok;
}

void dom_ask(struct dom *d, struct client *c, uint32_t proc, uint32_t serial, uint64_t deadline)
{
	struct asker *a = xcalloc(1, sizeof(*a));

	*a = (struct asker){ .next = d->askers, .client = c, .serial = serial, .proc = proc, .deadline = deadline };
	d->askers = a;
}

void dom_answer(struct dom *d, uint32_t proc, const void *obj, const xld_error *err)
{
	struct asker **at = &d->askers, *a;

	while ((a = *at)) {
		if (a->proc != proc) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		if (obj)
			client_reply(a->client, a->proc, a->serial, obj);
		else
			client_reply_error(a->client, a->proc, a->serial, err);
		free(a);
	}
}

void dom_progress(struct dom *d, const char *text)
{
	events_progress(d, text);
	for (struct asker *a = d->askers; a; a = a->next)
		if (a->proc != XLD_DOMAIN_WAIT)
			client_progress(a->client, a->serial, text);
}

void dom_client_gone(struct xld *x, struct client *c)
{
	for (struct dom *d = x->doms; d; d = d->next) {
		struct asker **at = &d->askers, *a;
		bool wanted = false, saving = false;

		while ((a = *at)) {
			if (a->client != c) {
				at = &a->next;
				continue;
			}
			*at = a->next;
			wanted |= a->proc == XLD_DOMAIN_CREATE || a->proc == XLD_DOMAIN_RESTORE;
			saving |= a->proc == XLD_DOMAIN_SAVE || a->proc == XLD_DOMAIN_MIGRATE ||
				  a->proc == XLD_DUMP_CORE;
			free(a);
		}
		if (wanted && d->phase == PHASE_CREATING) {
			xld_log("%s: who asked for it has gone; the create is cancelled", d->name);
			job_destroy(x, d);
		} else if (saving) {
			job_stop(d);
		}
	}
}

bool domain_there(struct xenctl *xc, uint32_t domid, const uint8_t uuid[16], struct xenctl_dominfo *info)
{
	struct xenctl_dominfo own;

	if (!info)
		info = &own;
	return !xenctl_domain_info(xc, domid, info) && !memcmp(info->handle, uuid, 16);
}

int domid_by_uuid(struct xenctl *xc, const uint8_t uuid[16], uint32_t *domid)
{
	size_t n;
	struct xenctl_dominfo *list = list_all(xc, &n);
	int rc = -ESRCH;

	if (!list)
		return -EIO;
	for (size_t i = 0; i < n; i++) {
		if (!memcmp(list[i].handle, uuid, 16)) {
			*domid = list[i].domid;
			rc = 0;
		}
	}
	free(list);
	return rc;
}
