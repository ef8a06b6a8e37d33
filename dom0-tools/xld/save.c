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
#include <time.h>
#include <unistd.h>

#include "migrate/migrate.h"
#include "public/xen.h"
#include "xld.h"

#define WHAT		"save domain"
#define SUSPEND_WAIT_MS	60000
#define POLL_MS		2

#define FAIL(s, code, advice, ...) xld_fail((s)->err, code, WHAT, (s)->d->name, advice, __VA_ARGS__)

struct saving {
	const struct dom *d;
	int progress_fd;
	xld_error *err;
	struct xenctl *xc;
	struct xs_handle *xs;
	unsigned int percent;
};

void save_forget(struct save_request *r)
{
	free(r->path);
	free(r->temp);
	free(r->config);
	*r = (struct save_request){ 0 };
}

/* --- suspend and resume --- */

static void sleep_ms(long ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000L };

	nanosleep(&t, NULL);
}

int domain_go_on(struct xenctl *xc, uint32_t domid)
{
	struct vcpu_guest_context *c = xcalloc(1, sizeof(*c));
	int rc = xenctl_vcpu_getcontext(xc, domid, 0, c);

	if (!rc) {
		c->user_regs.rax = 1;
		rc = xenctl_vcpu_setcontext(xc, domid, 0, c);
	}
	if (!rc)
		rc = xenctl_domain_resume(xc, domid);
	free(c);
	return rc;
}

/* Does its kernel know how to? */
static bool can_suspend(struct saving *s)
{
	char *v = xs_readf(s->xs, XBT_NULL, "/local/domain/%u/control/feature-suspend", s->d->domid);
	bool yes = v && !strcmp(v, "1");

	free(v);
	return yes || FAIL(s, XLD_E_UNSUPPORTED, "wait until it has booted; its kernel must support suspend",
			   "its kernel does not say that it can suspend");
}

/* 1: it has suspended, 0: not yet, -1: it never will. */
static int has_suspended(struct saving *s)
{
	struct xenctl_dominfo info;

	if (xenctl_domain_info(s->xc, s->d->domid, &info) || info.dying) {
		FAIL(s, XLD_E_NOT_FOUND, "", "it has just gone");
		return -1;
	}
	if (info.shutdown && info.shutdown_reason != STOP_SUSPEND) {
		FAIL(s, XLD_E_BUSY, "", "it has stopped instead (%s)", life_reason_name(info.shutdown_reason));
		return -1;
	}
	return info.shutdown;
}

static bool suspend(struct saving *s)
{
	char path[64];

	if (!can_suspend(s))
		return false;
	snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", s->d->domid);
	if (!xs_writef(s->xs, XBT_NULL, path, "suspend"))
		return FAIL(s, XLD_E_STORE, "", "cannot ask it to suspend: %s", strerror(errno));
	for (int ms = 0; ms < SUSPEND_WAIT_MS; ms += POLL_MS) {
		int rc = has_suspended(s);

		if (rc)
			return rc > 0;
		sleep_ms(POLL_MS);
	}
	return FAIL(s, XLD_E_TIMEOUT, "look at its console", "its kernel has not suspended within %d s",
		    SUSPEND_WAIT_MS / 1000);
}

/* --- the worker --- */

static bool connect_all(struct saving *s)
{
	int rc = xenctl_open(&s->xc);

	if (rc)
		return FAIL(s, XLD_E_HYPERVISOR, "xld must run in dom0", "no access to the hypervisor: %s",
			    strerror(-rc));
	s->xs = xs_open(0);
	return s->xs || FAIL(s, XLD_E_STORE, "start xenstored if it is not running", "no access to xenstore: %s",
			     strerror(errno));
}

static void progress(void *arg, uint64_t done, uint64_t total)
{
	struct saving *s = arg;
	unsigned int percent = (unsigned int)(done * 100 / total);

	if (percent / 10 == s->percent / 10 && percent != 100)
		return;
	s->percent = percent;
	worker_progress(s->progress_fd, "%s: %u %% of %llu MiB", s->d->name, percent, (unsigned long long)total >> 8);
}

static int suspend_now(void *arg)
{
	struct saving *s = arg;

	worker_progress(s->progress_fd, "%s: ask it to suspend", s->d->name);
	return suspend(s) ? 0 : -ECANCELED;
}

static void *read_nodes(void *arg, size_t *len)
{
	struct saving *s = arg;

	return store_area_read(s->xs, s->d->domid, len);
}

static bool write_stream(struct saving *s, int fd)
{
	struct save_params p = {
		.domid = s->d->domid, .config = s->d->save.config, .live = s->d->save.flags & XLD_SAVE_LIVE,
		.suspend = suspend_now, .nodes = read_nodes, .progress = progress, .arg = s,
	};
	struct save_result r = { 0 };
	char why[STREAM_WHY];
	int rc = migrate_save(s->xc, &p, fd, &r, why);

	if (rc && !*why)
		return false;		/* suspend() has said why */
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

static bool write_file(struct saving *s)
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
static bool let_stay(struct saving *s)
{
	uint32_t flags = s->d->save.flags;
	int rc = 0;

	if (flags & XLD_SAVE_PAUSED)
		rc = xenctl_domain_pause(s->xc, s->d->domid);
	if (!rc && (flags & (XLD_SAVE_GO_ON | XLD_SAVE_PAUSED)))
		rc = domain_go_on(s->xc, s->d->domid);
	return !rc || FAIL(s, XLD_E_HYPERVISOR, "the file is complete: destroy the domain and restore it",
			   "it is saved but cannot go on: %s", strerror(-rc));
}

bool save_run(const struct dom *d, int fd, xld_error *err)
{
	struct saving s = { .d = d, .progress_fd = fd, .err = err };

	return connect_all(&s) && write_file(&s) && let_stay(&s);
}

/* --- in the daemon --- */

static void take_back_request(struct xld *x, const struct dom *d)
{
	char *path = xasprintf("/local/domain/%u/control/shutdown", d->domid);
	char *v = x->xs ? xs_read(x->xs, XBT_NULL, path, NULL) : NULL;

	if (v && !strcmp(v, "suspend"))
		xs_write(x->xs, XBT_NULL, path, "", 0);
	free(v);
	free(path);
}

void save_undo(struct xld *x, struct dom *d)
{
	struct xenctl_dominfo info;
	int rc = 0;

	unlink(d->save.temp);
	xenctl_logdirty_off(x->xc, d->domid);
	take_back_request(x, d);
	if (!xenctl_domain_info(x->xc, d->domid, &info) && info.shutdown && info.shutdown_reason == STOP_SUSPEND)
		rc = domain_go_on(x->xc, d->domid);
	if (rc)
		xld_log("%s: cannot be given back: %s", d->name, strerror(-rc));
	d->stop_seen = false;
	save_forget(&d->save);
	state_save(x, d);
}

static bool config_for(const struct dom *d, const xld_save *a, char **json, xld_error *err)
{
	struct domcfg_diag diag = { .file = "configuration" };
	struct domcfg cfg;
	bool ok = true;

	*json = NULL;
	if (!*a->config) {
		*json = domcfg_to_json(&d->cfg);
		return true;
	}
	domcfg_init(&cfg);
	ok = domcfg_from_json(&cfg, a->config, strlen(a->config), &diag) && domcfg_check(&cfg, &diag);
	if (ok) {
		memcpy(cfg.uuid, d->uuid, 16);
		cfg.has_uuid = true;
		*json = domcfg_to_json(&cfg);
	} else {
		xld_fail(err, XLD_E_CONFIG, WHAT, d->name, "", "%s", diag.text ? diag.text : "it cannot be read");
	}
	domcfg_diag_free(&diag);
	domcfg_free(&cfg);
	return ok;
}

static bool may_save(struct xld *x, const struct dom *d, const xld_save *a, const struct xenctl_dominfo *info,
		     xld_error *err)
{
	if (!d->ours)
		return xld_fail(err, XLD_E_UNSUPPORTED, WHAT, d->name, "",
				"it was not made by xld: its configuration is not "
				"known");
	if (d->job)
		return xld_fail(err, XLD_E_BUSY, WHAT, d->name, "try again when that is done", "a job is about it");
	if (info->shutdown)
		return xld_fail(err, XLD_E_BUSY, WHAT, d->name, "", "it has stopped (%s)",
				life_reason_name(info->shutdown_reason));
	if (info->paused)
		return xld_fail(err, XLD_E_BUSY, WHAT, d->name, "`xl unpause` it first",
				"it is paused and cannot react");
	if (*a->path != '/')
		return xld_fail(err, XLD_E_INVALID, WHAT, d->name, "", "'%s' is not an absolute path", a->path);
	return call_store(x, WHAT, d, err);
}

bool call_save(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_save *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, a->name, WHAT, err, &info);
	char *json;

	(void)ret;
	if (!d || !may_save(x, d, a, &info, err) || !config_for(d, a, &json, err))
		return false;
	d->save = (struct save_request){ .path = xstrdup(a->path), .temp = xasprintf("%s.incomplete", a->path),
					 .config = json, .flags = a->flags };
	dom_ask(d, c, XLD_DOMAIN_SAVE, serial, 0);
	job_save(x, d);
	*later = true;
	return false;
}
