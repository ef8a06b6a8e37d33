/* SPDX-License-Identifier: MIT */
/*
 * The nodes of a domain in xenstore: what guests, xenconsoled and other tools expect below /local/domain/N and
 * /vm/UUID.
 *
 * Each change is one transaction, so the nodes of a domain are there as a whole or not at all. Permissions: a guest
 * reads its own tree and writes only what is its own to say (ANY_RW below); it sees nothing of other domains.
 */
#include <errno.h>

#include "migrate/stream.h"
#include "xld.h"

#define TRIES 50			/* transactions that collide are done again */

enum access { GUEST_RO, GUEST_RW };

struct writer {
	struct xs_handle *xs;
	xs_transaction_t t;
	uint32_t domid;
	bool ok;
};

static void set_access(struct writer *w, const char *path, enum access access)
{
	struct xs_permissions ro[2] = { { 0, XS_PERM_NONE }, { w->domid, XS_PERM_READ } };
	struct xs_permissions rw[1] = { { w->domid, XS_PERM_NONE } };

	if (w->ok)
		w->ok = access == GUEST_RO ? xs_set_permissions(w->xs, w->t, path, ro, 2)
					   : xs_set_permissions(w->xs, w->t, path, rw, 1);
}

/* A node below /local/domain/N that is there and keeps its permissions. */
static void renew(struct writer *w, const char *path, const char *text, unsigned int len)
{
	char *full = xasprintf("/local/domain/%u/%s", w->domid, path);

	if (w->ok)
		w->ok = xs_write(w->xs, w->t, full, text, len);
	free(full);
}

/* Write a node below /local/domain/N, or below /vm when path begins with '/'. */
__attribute__((format(printf, 4, 5)))
static void node(struct writer *w, enum access access, const char *path, const char *fmt, ...)
{
	char *full = *path == '/' ? xstrdup(path) : xasprintf("/local/domain/%u%s%s", w->domid, *path ? "/" : "", path);
	char *value;
	va_list ap;

	va_start(ap, fmt);
	value = xvasprintf(fmt, ap);
	va_end(ap);
	if (w->ok)
		w->ok = xs_write(w->xs, w->t, full, value, (unsigned int)strlen(value));
	set_access(w, full, access);
	free(value);
	free(full);
}

static void write_vm(struct writer *w, const struct store_domain *s, const char *uuid)
{
	const struct { const char *name, *value; } rows[] = {
		{ "", "" }, { "/name", s->name }, { "/uuid", uuid }, { "/image", "" },
		{ "/image/ostype", s->guest_os }, { "/image/kernel", s->cfg->kernel },
		{ "/image/ramdisk", s->cfg->ramdisk },
	};
	char *path;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i].value)
			continue;
		path = xasprintf("/vm/%s%s", uuid, rows[i].name);
		node(w, GUEST_RO, path, "%s", rows[i].value);
		free(path);
	}
	path = xasprintf("/vm/%s/start_time", uuid);
	node(w, GUEST_RO, path, "%llu", (unsigned long long)s->start_time);
	free(path);
}

/* What every guest may write from its beginning. */
static const char *const writable[] = {
	"control/shutdown", "control/feature-poweroff", "control/feature-reboot", "control/feature-suspend",
	"control/sysrq", "device/suspend/event-channel", "data", "drivers", "feature", "attr", "error",
};
#define NR_WRITABLE (sizeof(writable) / sizeof(writable[0]))

static void write_control(struct writer *w)
{
	node(w, GUEST_RO, "control", "%s", "");
	node(w, GUEST_RO, "control/platform-feature-multiprocessor-suspend", "1");
	node(w, GUEST_RO, "control/platform-feature-xs_reset_watches", "1");
	node(w, GUEST_RO, "device", "%s", "");
	node(w, GUEST_RO, "device/suspend", "%s", "");
	for (size_t i = 0; i < NR_WRITABLE; i++)
		node(w, GUEST_RW, writable[i], "%s", "");
}

static void write_resources(struct writer *w, const struct store_domain *s)
{
	char path[64];

	node(w, GUEST_RO, "memory", "%s", "");
	node(w, GUEST_RO, "memory/static-max", "%llu", (unsigned long long)s->cfg->maxmem * 1024);
	node(w, GUEST_RO, "memory/target", "%llu", (unsigned long long)s->cfg->memory * 1024);
	node(w, GUEST_RO, "cpu", "%s", "");
	for (unsigned int i = 0; i < s->cfg->maxvcpus; i++) {
		snprintf(path, sizeof(path), "cpu/%u", i);
		node(w, GUEST_RO, path, "%s", "");
		snprintf(path, sizeof(path), "cpu/%u/availability", i);
		node(w, GUEST_RO, path, "%s", i < s->cfg->vcpus ? "online" : "offline");
	}
}

static void write_rings(struct writer *w, const struct store_domain *s)
{
	node(w, GUEST_RO, "store", "%s", "");
	node(w, GUEST_RO, "store/port", "%u", s->store_port);
	node(w, GUEST_RO, "store/ring-ref", "%llu", (unsigned long long)s->store_mfn);
	node(w, GUEST_RO, "console", "%s", "");
	node(w, GUEST_RO, "console/type", "xenconsoled");
	node(w, GUEST_RO, "console/output", "pty");
	node(w, GUEST_RO, "console/limit", "1048576");
	node(w, GUEST_RO, "console/tty", "%s", "");
	node(w, GUEST_RO, "console/port", "%u", s->console_port);
	node(w, GUEST_RO, "console/ring-ref", "%llu", (unsigned long long)s->console_mfn);
}

static void write_all(struct writer *w, const struct store_domain *s)
{
	char uuid[37];

	uuid_format(s->uuid, uuid);
	write_vm(w, s, uuid);
	node(w, GUEST_RO, "", "%s", "");
	node(w, GUEST_RO, "vm", "/vm/%s", uuid);
	node(w, GUEST_RO, "name", "%s", s->name);
	node(w, GUEST_RO, "domid", "%u", s->domid);
	write_control(w);
	write_resources(w, s);
	write_rings(w, s);
}

/* End a transaction. Returns true when it is to be tried again; *ok tells how it went otherwise. */
static bool try_again(struct xs_handle *xs, xs_transaction_t t, bool *ok, int tries)
{
	int saved = errno;

	if (xs_transaction_end(xs, t, !*ok))
		errno = saved;
	else if (*ok && errno == EAGAIN && tries < TRIES)
		return true;
	else
		*ok = false;
	return false;
}

bool store_transaction(struct xs_handle *xs, store_fn *fn, void *arg)
{
	bool ok;

	for (int tries = 0; ; tries++) {
		xs_transaction_t t = xs_transaction_start(xs);

		if (t == XBT_NULL)
			return false;
		ok = fn(xs, t, arg);
		if (!try_again(xs, t, &ok, tries))
			return ok;
	}
}

static bool write_domain(struct xs_handle *xs, xs_transaction_t t, void *arg)
{
	const struct store_domain *s = arg;
	struct writer w = { .xs = xs, .t = t, .domid = s->domid, .ok = true };

	write_all(&w, s);
	return w.ok;
}

bool store_write(struct xs_handle *xs, const struct store_domain *s)
{
	return store_transaction(xs, write_domain, (void *)(uintptr_t)s);
}

bool store_rm(struct xs_handle *xs, xs_transaction_t t, const char *path)
{
	return xs_rm(xs, t, path) || errno == ENOENT;
}

bool store_belongs(struct xs_handle *xs, xs_transaction_t t, uint32_t domid, const uint8_t uuid[16])
{
	char vm[sizeof("/vm/") + 36] = "/vm/", *there = xs_readf(xs, t, "/local/domain/%u/vm", domid);
	bool yes;

	uuid_format(uuid, vm + 4);
	yes = !there || !strcmp(there, vm);
	free(there);
	return yes;
}

uint32_t store_domid(struct xs_handle *xs, const uint8_t uuid[16])
{
	uint32_t domid = DOMID_NONE;
	unsigned int n = 0;
	char vm[sizeof("/vm/") + 36] = "/vm/", **names = xs_directory(xs, XBT_NULL, "/local/domain", &n), *there;

	uuid_format(uuid, vm + 4);
	for (unsigned int i = 0; names && i < n && domid == DOMID_NONE; i++) {
		there = xs_readf(xs, XBT_NULL, "/local/domain/%s/vm", names[i]);
		if (there && !strcmp(there, vm))
			domid = (uint32_t)strtoul(names[i], NULL, 10);
		free(there);
	}
	free(names);
	return domid;
}

struct removal {
	uint32_t domid;
	const uint8_t *uuid;
};

static bool remove_domain(struct xs_handle *xs, xs_transaction_t t, void *arg)
{
	const struct removal *r = arg;
	char path[64] = "/vm/";

	uuid_format(r->uuid, path + 4);
	if (!store_rm(xs, t, path))
		return false;
	if (r->domid == DOMID_NONE || !store_belongs(xs, t, r->domid, r->uuid))
		return true;
	snprintf(path, sizeof(path), "/local/domain/%u", r->domid);
	return store_rm(xs, t, path);
}

bool store_remove(struct xs_handle *xs, uint32_t domid, const uint8_t uuid[16])
{
	struct removal r = { domid, uuid };

	return store_transaction(xs, remove_domain, &r);
}

struct renaming {
	uint32_t domid;
	const uint8_t *old, *new;
	const char *name;
};

/* Of a domain that another tool has made there may be no more than what is there. */
static bool rename_only(struct writer *w, const struct renaming *r)
{
	char path[sizeof("/vm//name") + 36] = "/vm/", *there;

	uuid_format(r->new, path + 4);
	strcat(path, "/name");
	node(w, GUEST_RO, "name", "%s", r->name);
	there = xs_read(w->xs, w->t, path, NULL);
	if (there)
		node(w, GUEST_RO, path, "%s", r->name);
	free(there);
	return w->ok;
}

static bool rename_domain(struct xs_handle *xs, xs_transaction_t t, void *arg)
{
	const struct renaming *r = arg;
	struct writer w = { .xs = xs, .t = t, .domid = r->domid, .ok = true };
	char from[sizeof("/vm/") + 36] = "/vm/", to[sizeof("/vm/") + 36] = "/vm/", path[64];

	if (!memcmp(r->old, r->new, 16))
		return rename_only(&w, r);
	uuid_format(r->old, from + 4);
	uuid_format(r->new, to + 4);
	node(&w, GUEST_RO, "name", "%s", r->name);
	node(&w, GUEST_RO, "vm", "%s", to);
	node(&w, GUEST_RO, to, "%s", "");
	snprintf(path, sizeof(path), "%s/name", to);
	node(&w, GUEST_RO, path, "%s", r->name);
	snprintf(path, sizeof(path), "%s/uuid", to);
	node(&w, GUEST_RO, path, "%s", to + 4);
	return w.ok && store_rm(xs, t, from);
}

bool store_rename(struct xs_handle *xs, uint32_t domid, const uint8_t old[16], const uint8_t new[16], const char *name)
{
	struct renaming r = { domid, old, new, name };

	return store_transaction(xs, rename_domain, &r);
}

/* --- what a guest has written there, for save and restore --- */

static const char *const area[] = {
	"control/feature-poweroff", "control/feature-reboot", "control/feature-suspend", "control/feature-sysrq",
	"data", "drivers", "feature", "attr", "error",
};

#define AREA_MAX	(256U << 10)
#define AREA_DEPTH	16

struct area_buf {
	uint8_t *p;
	size_t len;
};

static void area_append(struct area_buf *b, const char *path, const char *value, size_t len)
{
	struct stream_node n = { .path_len = (uint16_t)strlen(path), .value_len = (uint16_t)len };
	size_t more = sizeof(n) + n.path_len + n.value_len;

	if (b->len + more > AREA_MAX)
		return;
	b->p = xreallocarray(b->p, b->len + more, 1);
	memcpy(b->p + b->len, &n, sizeof(n));
	memcpy(b->p + b->len + sizeof(n), path, n.path_len);
	memcpy(b->p + b->len + sizeof(n) + n.path_len, value, len);
	b->len += more;
}

/* A node and all below it, parents first. A node that has gone meanwhile is left out. */
static void area_walk(struct xs_handle *xs, uint32_t domid, const char *path, struct area_buf *b, int depth)
{
	char *full = xasprintf("/local/domain/%u/%s", domid, path);
	unsigned int len = 0, n = 0;
	char *value = xs_read(xs, XBT_NULL, full, &len);
	char **names = value && depth < AREA_DEPTH ? xs_directory(xs, XBT_NULL, full, &n) : NULL;

	if (value)
		area_append(b, path, value, len);
	for (unsigned int i = 0; names && i < n; i++) {
		char *below = xasprintf("%s/%s", path, names[i]);

		area_walk(xs, domid, below, b, depth + 1);
		free(below);
	}
	free(names);
	free(value);
	free(full);
}

void *store_area_read(struct xs_handle *xs, uint32_t domid, size_t *len)
{
	struct area_buf b = { .p = xcalloc(1, 1) };

	for (size_t i = 0; i < sizeof(area) / sizeof(area[0]); i++)
		area_walk(xs, domid, area[i], &b, 0);
	*len = b.len;
	return b.p;
}

static bool in_area(const char *path)
{
	for (size_t i = 0; i < sizeof(area) / sizeof(area[0]); i++) {
		size_t n = strlen(area[i]);

		if (!strncmp(path, area[i], n) && (!path[n] || path[n] == '/'))
			return true;
	}
	return false;
}

static bool is_writable(const char *path)
{
	for (size_t i = 0; i < NR_WRITABLE; i++)
		if (!strcmp(path, writable[i]))
			return true;
	return false;
}

struct area_write {
	uint32_t domid;
	const uint8_t *nodes;
	size_t len;
	uint64_t store, console;	/* frames of its rings; 0: they have been written */
};

/* Each request takes its time, and the guest stands still: what store_write() has made with permissions has them. */
static bool write_area(struct xs_handle *xs, xs_transaction_t t, void *arg)
{
	const struct area_write *a = arg;
	struct writer w = { .xs = xs, .t = t, .domid = a->domid, .ok = true };
	struct stream_node n;

	for (size_t at = 0; at < a->len; at += sizeof(n) + n.path_len + n.value_len) {
		const char *text = (const char *)a->nodes + at + sizeof(n);
		char *path;

		memcpy(&n, a->nodes + at, sizeof(n));
		path = xstrndup(text, n.path_len);
		if (is_writable(path) && n.value_len)
			renew(&w, path, text + n.path_len, n.value_len);
		else if (in_area(path) && !is_writable(path))
			node(&w, GUEST_RW, path, "%.*s", n.value_len, text + n.path_len);
		free(path);
	}
	if (a->store) {
		char ref[32];

		renew(&w, "store/ring-ref", ref, (unsigned int)sprintf(ref, "%llu", (unsigned long long)a->store));
		renew(&w, "console/ring-ref", ref, (unsigned int)sprintf(ref, "%llu", (unsigned long long)a->console));
	}
	return w.ok;
}

bool store_area_write(struct xs_handle *xs, uint32_t domid, const void *nodes, size_t len)
{
	struct area_write a = { .domid = domid, .nodes = nodes, .len = len };

	return !len || store_transaction(xs, write_area, &a);
}

bool store_complete(struct xs_handle *xs, uint32_t domid, uint64_t store_mfn, uint64_t console_mfn, const void *nodes,
		    size_t len)
{
	struct area_write a = { .domid = domid, .nodes = nodes, .len = len, .store = store_mfn, .console = console_mfn };

	return store_transaction(xs, write_area, &a);
}

static bool write_missing(struct xs_handle *xs, const char *path, const char *value)
{
	char *there = xs_read(xs, XBT_NULL, path, NULL);
	bool ok = there || xs_writef(xs, XBT_NULL, path, "%s", value);

	free(there);
	return ok;
}

bool store_init_dom0(struct xs_handle *xs)
{
	return write_missing(xs, "/local/domain/0/name", "Domain-0") &&
	       write_missing(xs, "/local/domain/0/domid", "0") &&
	       write_missing(xs, "/local/pool/0/name", "Pool-0");
}

struct vcpus {
	uint32_t domid, online, max;
};

static bool write_vcpus(struct xs_handle *xs, xs_transaction_t t, void *arg)
{
	const struct vcpus *v = arg;
	char path[64];

	for (uint32_t i = 0; i < v->max; i++) {
		snprintf(path, sizeof(path), "/local/domain/%u/cpu/%u/availability", v->domid, i);
		if (!xs_writef(xs, t, path, "%s", i < v->online ? "online" : "offline"))
			return false;
	}
	return true;
}

bool store_set_vcpus(struct xs_handle *xs, uint32_t domid, uint32_t online, uint32_t max)
{
	struct vcpus v = { domid, online, max };

	return store_transaction(xs, write_vcpus, &v);
}

bool store_set_memory(struct xs_handle *xs, uint32_t domid, uint64_t target_kib)
{
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u/memory/target", domid);
	return xs_writef(xs, XBT_NULL, path, "%llu", (unsigned long long)target_kib);
}
