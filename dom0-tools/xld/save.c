/* SPDX-License-Identifier: MIT */
/*
 * Saving a domain into a file: asking its kernel to suspend, writing the file, giving the domain back if that fails.
 *
 * The worker only goes forward. Whatever ends it before it has renamed the file (a failure, its death, the death of
 * xld, which finds the name in the record of the domain) is followed by save_undo(): the rest of the file is removed
 * and the domain runs on as if its suspend had been cancelled, which Linux supports (SUSPEND_CANCEL).
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "conf.h"
#include "migrate/migrate.h"
#include "xld.h"

#define WHAT "save domain"

#define FAIL(s, code, advice, ...) xld_fail((s)->err, code, WHAT, (s)->d->name, advice, __VA_ARGS__)

void save_forget(struct save_request *r)
{
	free(r->path);
	free(r->temp);
	free(r->config);
	*r = (struct save_request){ 0 };
}

/* --- the worker --- */

static void progress(void *arg, const struct save_state *state)
{
	struct suspending *s = arg;

	worker_job(s->progress_fd, state);
}

static int suspend_now(void *arg)
{
	return suspend_ask(arg);
}

static void *read_nodes(void *arg, size_t *len)
{
	struct suspending *s = arg;

	return store_area_read(s->xs, s->d->domid, len);
}

static bool write_stream(struct suspending *s, int fd)
{
	struct save_params p = {
		.domid = s->d->domid, .config = s->d->save.config, .live = s->d->save.flags & XLD_SAVE_LIVE,
		.packing = s->d->save.packing, .suspend = suspend_now, .nodes = read_nodes,
		.state = progress, .arg = s,
	};
	struct save_result r = { 0 };
	char why[STREAM_WHY];
	int rc = migrate_save(s->xc, &p, fd, &r, why);

	if (rc && !*why)
		return false;		/* the suspend has said why */
	if (!rc && fsync(fd) && errno != EINVAL) {
		rc = -errno;
		snprintf(why, sizeof(why), "%s", strerror(errno));
	}
	if (rc)
		return FAIL(s, rc == -ENOSPC ? XLD_E_INVALID : XLD_E_HYPERVISOR,
			    rc == -ENOSPC ? "make room, or choose another file system" : "", "%s: %s",
			    s->d->save.path, why);
	worker_progress(s->progress_fd,
			"%s: %llu pages, %llu of them with contents, %llu bytes; %u rounds while it ran; stopped "
			"for %llu ms", s->d->name, (unsigned long long)r.pages, (unsigned long long)r.full_pages,
			(unsigned long long)r.bytes, r.rounds, (unsigned long long)r.stopped_ms);
	return true;
}

static bool write_file(struct suspending *s)
{
	const struct save_request *r = &s->d->save;
	int fd = open(r->temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0)
		return FAIL(s, XLD_E_INVALID, "", "cannot write %s: %s", r->temp, strerror(errno));
	ok = write_stream(s, fd);
	close(fd);
	if (ok && rename(r->temp, r->path))
		ok = FAIL(s, XLD_E_INVALID, "", "cannot rename %s to %s: %s", r->temp, r->path, strerror(errno));
	return ok;
}

/* The file is complete: the domain may do what it likes. */
static bool let_stay(struct suspending *s)
{
	uint32_t flags = s->d->save.flags;
	int rc = 0;

	if (flags & XLD_SAVE_PAUSED)
		rc = xenctl_domain_pause(s->xc, s->d->domid);
	if (!rc && (flags & (XLD_SAVE_GO_ON | XLD_SAVE_PAUSED)))
		rc = suspend_cancel(s->xc, s->d->domid);
	return !rc || FAIL(s, XLD_E_HYPERVISOR, "the file is complete: destroy the domain and restore it",
			   "it is saved but cannot go on: %s", strerror(-rc));
}

bool save_run(const struct dom *d, int fd, xld_error *err)
{
	struct suspending s = { .d = d, .what = WHAT, .progress_fd = fd, .err = err };

	return suspend_connect(&s) && write_file(&s) && let_stay(&s);
}

/* --- in the daemon --- */

void save_undo(struct xld *x, struct dom *d)
{
	unlink(d->save.temp);
	suspend_undo(x, d);
	save_forget(&d->save);
	state_save(x, d);
}

bool config_for(const struct dom *d, const char *text, const char *what, char **json, xld_error *err)
{
	struct domcfg_diag diag = { .file = "configuration" };
	struct domcfg cfg;
	bool ok = true;

	*json = NULL;
	if (!*text) {
		*json = domcfg_to_json(&d->cfg);
		return true;
	}
	domcfg_init(&cfg);
	ok = domcfg_from_json(&cfg, text, strlen(text), &diag) && domcfg_check(&cfg, &diag);
	if (ok) {
		memcpy(cfg.uuid, d->uuid, 16);
		cfg.has_uuid = true;
		*json = domcfg_to_json(&cfg);
	} else {
		xld_fail(err, XLD_E_CONFIG, what, d->name, "", "%s", diag.text ? diag.text : "it cannot be read");
	}
	domcfg_diag_free(&diag);
	domcfg_free(&cfg);
	return ok;
}

static bool may_save(struct xld *x, const struct dom *d, const xld_save *a, const struct xenctl_dominfo *info,
		     xld_error *err)
{
	if (!suspend_allowed(x, d, WHAT, info, err))
		return false;
	return *a->path == '/' || xld_fail(err, XLD_E_INVALID, WHAT, d->name, "", "'%s' is not an absolute path",
					   a->path);
}

bool call_save(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_save *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, a->name, WHAT, err, &info);
	char *json;

	(void)ret;
	if (!d || !may_save(x, d, a, &info, err) || !config_for(d, a->config, WHAT, &json, err))
		return false;
	d->save = (struct save_request){ .path = xstrdup(a->path), .temp = xasprintf("%s.incomplete", a->path),
					 .config = json, .flags = a->flags,
					 .packing = conf_packing(a->compress, x->conf->packing_save) };
	dom_ask(d, c, XLD_DOMAIN_SAVE, serial, 0);
	job_save(x, d);
	*later = true;
	return false;
}
