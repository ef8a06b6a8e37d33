/* SPDX-License-Identifier: MIT */
/*
 * Definitions: descriptions of domains that are kept whether the domains run or not, one XML file each below
 * LIB_DIR/defined, named by its UUID. A link of the same name in LIB_DIR/defined/autostart says that the domain is to
 * be started with the host.
 *
 * A definition and a domain of the same UUID belong together, though nothing here touches a domain, and what is changed
 * on a running one is not written here.
 *
 * Invariant: the list is what the directory holds, as far as it could be read. A file is replaced by renaming a
 * complete one that is on the disk (these are small; the one place where the daemon waits for a disk). A file that
 * cannot be read is logged, left alone and never overwritten. UUIDs and names of definitions are unique.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domcfg/xml.h"
#include "xld.h"

struct definition {
	struct definition *next;
	struct domcfg cfg;		/* has a UUID */
	bool autostart;
};

static char *defined_path(const struct xld *x, const uint8_t uuid[16], const char *below, const char *suffix)
{
	char text[37];

	uuid_format(uuid, text);
	return xasprintf("%s/defined/%s%s.xml%s", x->lib_dir, below, text, suffix);
}

/* --- the list --- */

static struct definition *by_uuid(struct xld *x, const uint8_t uuid[16])
{
	struct definition *f;

	for (f = x->definitions; f && memcmp(f->cfg.uuid, uuid, 16); f = f->next)
		;
	return f;
}

static struct definition *by_name(struct xld *x, const char *name)
{
	struct definition *f;

	for (f = x->definitions; f && strcmp(f->cfg.name, name); f = f->next)
		;
	return f;
}

/* Takes cfg over. In the order of names. */
static struct definition *insert(struct xld *x, const struct domcfg *cfg)
{
	struct definition **at = &x->definitions, *f = xcalloc(1, sizeof(*f));

	while (*at && strcmp((*at)->cfg.name, cfg->name) < 0)
		at = &(*at)->next;
	f->cfg = *cfg;
	f->next = *at;
	*at = f;
	return f;
}

static void drop(struct xld *x, struct definition *f)
{
	struct definition **at = &x->definitions;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	domcfg_free(&f->cfg);
	free(f);
}

/* By name or UUID, or as any running domain is named. */
static struct definition *find(struct xld *x, const char *ref, const char *what, xld_error *err)
{
	struct definition *f = by_name(x, ref);
	uint8_t uuid[16];
	struct dom *d;

	if (!f && uuid_parse(ref, uuid))
		f = by_uuid(x, uuid);
	if (f)
		return f;
	d = dom_find(x, ref, what, err);
	if (!d) {
		rpc_release((xdrproc_t)xdr_xld_error, err);
		xld_fail(err, XLD_E_NOT_FOUND, what, ref, "`xl list --all` shows all domains that are defined or run",
			 "no domain is defined under this name or UUID");
		return NULL;
	}
	f = by_uuid(x, d->uuid);
	if (!f)
		xld_fail(err, XLD_E_NOT_FOUND, what, ref, "`xl define` keeps a description",
			 "the domain exists, but there is no definition of it");
	return f;
}

/* --- the directory --- */

/* A file system that cannot sync directories is no reason to refuse. */
static bool sync_directory(const char *file)
{
	return durable_sync(file) || errno == EINVAL;
}

/* false: errno; the old file is still there. */
static bool write_file(struct xld *x, const struct domcfg *cfg)
{
	char *path = defined_path(x, cfg->uuid, "", ""), *new = defined_path(x, cfg->uuid, "", ".new");
	char *text = domxml_format(cfg, -1);
	bool ok;

	ok = durable_write(new, text) && !rename(new, path) && sync_directory(path);
	if (!ok) {
		int saved = errno;

		unlink(new);
		errno = saved;
	}
	free(text);
	free(path);
	free(new);
	return ok;
}

/* A file that is there and that nobody could read when xld started. */
static bool is_unreadable(struct xld *x, const uint8_t uuid[16])
{
	char *path = defined_path(x, uuid, "", "");
	bool there = !by_uuid(x, uuid) && !access(path, F_OK);

	free(path);
	return there;
}

static bool set_autostart(struct xld *x, struct definition *f, bool on)
{
	char *link = defined_path(x, f->cfg.uuid, "autostart/", ""), *file = defined_path(x, f->cfg.uuid, "", "");
	char *to = xasprintf("..%s", strrchr(file, '/'));
	bool ok;

	if (on)
		ok = !symlink(to, link) || errno == EEXIST;
	else
		ok = !unlink(link) || errno == ENOENT;
	ok = ok && sync_directory(link);
	if (ok)
		f->autostart = on;
	free(to);
	free(file);
	free(link);
	return ok;
}

static bool make_directory(const char *path)
{
	struct stat st;

	return !mkdir(path, 0700) || (errno == EEXIST && !stat(path, &st) && S_ISDIR(st.st_mode));
}

static bool make_parents(const char *path)
{
	char *dir = xstrdup(path);
	bool ok = true;

	for (char *s = dir + 1; ok && (s = strchr(s, '/')); *s++ = '/') {
		*s = 0;
		ok = !mkdir(dir, 0755) || errno == EEXIST;
	}
	free(dir);
	return ok;
}

static bool make_directories(struct xld *x)
{
	char *dir = xasprintf("%s/defined", x->lib_dir), *autostart = xasprintf("%s/autostart", dir);
	bool ok = make_parents(x->lib_dir) && make_directory(x->lib_dir) && make_directory(dir) &&
		  make_directory(autostart);

	if (!ok)
		xld_log("cannot make %s: %s", autostart, strerror(errno));
	free(dir);
	free(autostart);
	return ok;
}

/* false: why is logged. */
static bool read_definition(struct xld *x, const char *path, const uint8_t uuid[16], struct domcfg *cfg)
{
	struct domcfg_diag diag = { .file = path };
	bool ok;

	domcfg_init(cfg);
	ok = domcfg_read_file(cfg, path, &diag) && domcfg_check(cfg, &diag);
	if (!ok)
		xld_log("%s: not a description of a domain; it is left alone\n%s", path, diag.text ? diag.text : "");
	else if (!cfg->has_uuid || memcmp(cfg->uuid, uuid, 16))
		xld_log("%s: its UUID is not that of its name; it is left alone", path);
	else if (by_name(x, cfg->name))
		xld_log("%s: another definition has the name '%s' as well; it is left alone", path, cfg->name);
	else
		goto out;
	ok = false;
out:
	domcfg_diag_free(&diag);
	return ok;
}

static void load_one(struct xld *x, const char *name)
{
	char *path, *link, uuid_text[37] = "";
	uint8_t uuid[16];
	struct domcfg cfg;
	struct definition *f;

	memcpy(uuid_text, name, 36);
	if (!uuid_parse(uuid_text, uuid) || strcmp(name + 36, ".xml"))
		return;
	path = defined_path(x, uuid, "", "");
	link = defined_path(x, uuid, "autostart/", "");
	if (read_definition(x, path, uuid, &cfg)) {
		f = insert(x, &cfg);
		f->autostart = !access(link, F_OK);
	} else {
		domcfg_free(&cfg);
	}
	free(path);
	free(link);
}

void define_load(struct xld *x)
{
	char *path = xasprintf("%s/defined", x->lib_dir);
	struct dirent *e;
	DIR *dir = make_directories(x) ? opendir(path) : NULL;

	if (!dir)
		xld_log("%s: no definitions are read", path);
	durable_tidy(path);
	while (dir && (e = readdir(dir)))
		if (strlen(e->d_name) == 36 + strlen(".xml"))
			load_one(x, e->d_name);
	if (dir)
		closedir(dir);
	free(path);
}

void define_free(struct xld *x)
{
	while (x->definitions)
		drop(x, x->definitions);
}

/* --- for those who make domains --- */

void define_fill_uuid(struct xld *x, struct domcfg *cfg)
{
	struct definition *f = cfg->has_uuid ? NULL : by_name(x, cfg->name);

	if (!f || dom_by_uuid(x, f->cfg.uuid))
		return;
	memcpy(cfg->uuid, f->cfg.uuid, 16);
	cfg->has_uuid = true;
}

bool define_allows(struct xld *x, const struct domcfg *cfg, const char *what, xld_error *err)
{
	struct definition *f = by_name(x, cfg->name);

	return !f || !cfg->has_uuid || !memcmp(f->cfg.uuid, cfg->uuid, 16) ||
	       xld_fail(err, XLD_E_EXISTS, what, cfg->name,
			"give it another name, leave uuid out, or `xl undefine` the other",
			"a domain of this name is defined with another UUID");
}

/* --- calls --- */

#define DEFINE "define domain"

/* Which definition it is to become: that of its UUID, or of its name, or of the domain that runs under its name. */
static bool settle_uuid(struct xld *x, struct domcfg *cfg, xld_error *err)
{
	struct definition *same_name = by_name(x, cfg->name);
	struct dom *running;
	size_t n;

	free(dom_refresh(x, &n));
	running = dom_by_name(x, cfg->name);
	if (!cfg->has_uuid && same_name)
		memcpy(cfg->uuid, same_name->cfg.uuid, 16);
	else if (!cfg->has_uuid && running && running->ours)
		memcpy(cfg->uuid, running->uuid, 16);
	else if (!cfg->has_uuid)
		uuid_generate(cfg->uuid);
	cfg->has_uuid = true;
	if (same_name && memcmp(same_name->cfg.uuid, cfg->uuid, 16))
		return xld_fail(err, XLD_E_EXISTS, DEFINE, cfg->name,
				"`xl undefine` it, or give this one its UUID or another name",
				"a domain of this name is defined with another UUID");
	if (running && memcmp(running->uuid, cfg->uuid, 16))
		return xld_fail(err, XLD_E_EXISTS, DEFINE, cfg->name, "give it another name",
				"a domain of this name runs with another UUID");
	if (is_unreadable(x, cfg->uuid))
		return xld_fail(err, XLD_E_EXISTS, DEFINE, cfg->name,
				"mend or remove the file below /var/lib/xen-lite/defined, and restart xld",
				"there is a definition with this UUID that cannot be read");
	return true;
}

bool call_define(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_define *a = args;
	xld_created *r = ret;
	struct definition *old, *f;
	struct domcfg cfg;
	bool autostart;

	(void)c, (void)serial, (void)later;
	if (!call_read_config(&cfg, a->config, DEFINE, err) || !settle_uuid(x, &cfg, err)) {
		domcfg_free(&cfg);
		return false;
	}
	if (!write_file(x, &cfg)) {
		xld_fail(err, XLD_E_INTERNAL, DEFINE, cfg.name, "is there room on the file system?",
			 "cannot write below %s/defined: %s", x->lib_dir, strerror(errno));
		domcfg_free(&cfg);
		return false;
	}
	old = by_uuid(x, cfg.uuid);
	autostart = old && old->autostart;
	if (old)
		drop(x, old);
	f = insert(x, &cfg);
	f->autostart = autostart;
	xld_log("%s: defined", f->cfg.name);
	memcpy(r->uuid, f->cfg.uuid, 16);
	r->domid = DOMID_NONE;
	return true;
}

bool call_undefine(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_domain *a = args;
	struct definition *f = find(x, a->name, "undefine domain", err);
	char *path;

	(void)c, (void)serial, (void)ret, (void)later;
	if (!f)
		return false;
	path = defined_path(x, f->cfg.uuid, "", "");
	if (!set_autostart(x, f, false) || (unlink(path) && errno != ENOENT) || !sync_directory(path)) {
		xld_fail(err, XLD_E_INTERNAL, "undefine domain", f->cfg.name, "", "cannot remove %s: %s", path,
			 strerror(errno));
		free(path);
		return false;
	}
	xld_log("%s: not defined any more", f->cfg.name);
	drop(x, f);
	free(path);
	return true;
}

static void fill(struct xld *x, xld_defined *o, const struct definition *f)
{
	struct dom *d = dom_by_uuid(x, f->cfg.uuid);

	o->name = xstrdup(f->cfg.name);
	memcpy(o->uuid, f->cfg.uuid, 16);
	o->autostart = f->autostart;
	o->active = d != NULL;
	o->domid = d ? d->domid : DOMID_NONE;
	o->memory_kib = f->cfg.memory * 1024;
	o->max_memory_kib = f->cfg.maxmem * 1024;
	o->vcpus = (u_int)f->cfg.vcpus;
	o->max_vcpus = (u_int)f->cfg.maxvcpus;
}

bool call_defined_list(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		       bool *later)
{
	xld_defined_list *r = ret;
	size_t n = 0, ignored;

	(void)c, (void)serial, (void)args, (void)err, (void)later;
	free(dom_refresh(x, &ignored));
	for (struct definition *f = x->definitions; f; f = f->next)
		n++;
	r->domains.domains_val = xcalloc(n, sizeof(xld_defined));
	for (struct definition *f = x->definitions; f && r->domains.domains_len < XLD_DOMAINS_MAX; f = f->next)
		fill(x, &r->domains.domains_val[r->domains.domains_len++], f);
	return true;
}

bool call_defined_config(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
			 bool *later)
{
	xld_domain *a = args;
	struct definition *f = find(x, a->name, "look at the definition of", err);
	xld_config *r = ret;

	(void)c, (void)serial, (void)later;
	if (!f)
		return false;
	r->json = domcfg_to_json(&f->cfg);
	return true;
}

bool call_autostart(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		    bool *later)
{
	xld_autostart *a = args;
	struct definition *f = find(x, a->name, "set autostart of", err);

	(void)c, (void)serial, (void)ret, (void)later;
	if (!f)
		return false;
	return set_autostart(x, f, a->on) ||
	       xld_fail(err, XLD_E_INTERNAL, "set autostart of", f->cfg.name, "",
			"cannot write below %s/defined/autostart: %s", x->lib_dir, strerror(errno));
}
