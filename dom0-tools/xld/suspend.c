/* SPDX-License-Identifier: MIT */
/*
 * What a save and a migration have in common: asking a domain's kernel to suspend, and giving the domain back when it
 * does not go after all, as if its suspend had been cancelled, which Linux supports (SUSPEND_CANCEL).
 */
#include <errno.h>
#include <time.h>

#include "public/xen.h"
#include "xld.h"

#define POLL_MS		2

#define FAIL(s, code, advice, ...) xld_fail((s)->err, code, (s)->what, (s)->d->name, advice, __VA_ARGS__)

static void sleep_ms(long ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000L };

	nanosleep(&t, NULL);
}

/* A suspend that returns 1 was cancelled: the guest's kernel goes on with all that it had. */
int suspend_cancel(struct xenctl *xc, uint32_t domid)
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

bool suspend_told(struct xs_handle *xs, uint32_t domid)
{
	char *v = xs_readf(xs, XBT_NULL, "/local/domain/%u/control/feature-suspend", domid);
	bool yes = v && !strcmp(v, "1");

	free(v);
	return yes;
}

/* A kernel takes a request away before it acts. */
static bool taken(struct suspending *s)
{
	char *v = xs_readf(s->xs, XBT_NULL, "/local/domain/%u/control/shutdown", s->d->domid);
	bool yes = v && strcmp(v, "suspend");

	free(v);
	return yes;
}

/* 1: it has suspended, 0: not yet, -1: it never will. */
static int has_suspended(struct suspending *s)
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

static bool suspend(struct suspending *s)
{
	bool told = suspend_told(s->xs, s->d->domid);
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", s->d->domid);
	if (!xs_writef(s->xs, XBT_NULL, path, "suspend"))
		return FAIL(s, XLD_E_STORE, "", "cannot ask it to suspend: %s", strerror(errno));
	for (int ms = 0; ms < SUSPEND_WAIT_MS; ms += POLL_MS) {
		int rc = has_suspended(s);

		if (rc)
			return rc > 0;
		if (!told && ms == SUSPEND_UNTOLD_MS && !taken(s))
			return FAIL(s, XLD_E_UNSUPPORTED, "wait until it has booted; its kernel must support suspend",
				    "its kernel does not say that it can suspend, and has not reacted within %d s",
				    SUSPEND_UNTOLD_MS / 1000);
		sleep_ms(POLL_MS);
	}
	return FAIL(s, XLD_E_TIMEOUT, "look at its console", "its kernel has not suspended within %d s",
		    SUSPEND_WAIT_MS / 1000);
}

bool suspend_connect(struct suspending *s)
{
	int rc = xenctl_open(&s->xc);

	if (rc)
		return FAIL(s, XLD_E_HYPERVISOR, "xld must run in dom0", "no access to the hypervisor: %s",
			    strerror(-rc));
	s->xs = xs_open(0);
	return s->xs || FAIL(s, XLD_E_STORE, "start xenstored if it is not running", "no access to xenstore: %s",
			     strerror(errno));
}

int suspend_ask(struct suspending *s)
{
	worker_progress(s->progress_fd, "%s: ask it to suspend", s->d->name);
	return suspend(s) ? 0 : -ECANCELED;
}

/* --- in the daemon --- */

bool suspend_possible(struct xld *x, const struct dom *d, const char *what, const struct xenctl_dominfo *info,
		      xld_error *err)
{
	if (d->job)
		return xld_fail(err, XLD_E_BUSY, what, d->name, "try again when that is done, or `xl cancel` it",
				"a job is about it");
	if (d->move)
		return xld_fail(err, XLD_E_BUSY, what, d->name, "`xl migrate-recover` shows how it stands",
				"a migration of it is not settled yet");
	if (info->shutdown)
		return xld_fail(err, XLD_E_BUSY, what, d->name, "", "it has stopped (%s)",
				life_reason_name(info->shutdown_reason));
	if (info->paused)
		return xld_fail(err, XLD_E_BUSY, what, d->name, "`xl unpause` it first",
				"it is paused and cannot react");
	return call_store(x, what, d, err);
}

bool suspend_allowed(struct xld *x, const struct dom *d, const char *what, const struct xenctl_dominfo *info,
		     xld_error *err)
{
	if (!d->ours)
		return xld_fail(err, XLD_E_UNSUPPORTED, what, d->name, "",
				"it was not made by xld: its configuration is not known");
	if (!d->job && !d->move && !info->shutdown && d->cfg.nomigrate)
		return xld_fail(err, XLD_E_DENIED, what, d->name, "`xl shutdown` it, or make it without nomigrate",
				"its configuration has nomigrate = 1");
	return suspend_possible(x, d, what, info, err);
}

static void take_back_request(struct xld *x, const struct dom *d)
{
	char *path = xasprintf("/local/domain/%u/control/shutdown", d->domid);
	char *v = x->xs ? xs_read(x->xs, XBT_NULL, path, NULL) : NULL;

	if (v && !strcmp(v, "suspend"))
		xs_write(x->xs, XBT_NULL, path, "", 0);
	free(v);
	free(path);
}

void suspend_undo(struct xld *x, struct dom *d)
{
	struct xenctl_dominfo info;
	int rc = 0;

	xenctl_logdirty_off(x->xc, d->domid);
	cpus_unthrottle(x->xc, d->domid, &d->cfg);
	take_back_request(x, d);
	if (!xenctl_domain_info(x->xc, d->domid, &info) && info.shutdown && info.shutdown_reason == STOP_SUSPEND)
		rc = suspend_cancel(x->xc, d->domid);
	if (rc)
		xld_log("%s: cannot be given back: %s", d->name, strerror(-rc));
	d->stop_seen = false;
	d->resume_until = ev_now_ms() + SUSPEND_WAIT_MS;
}

bool suspend_late(struct xld *x, struct dom *d)
{
	if (ev_now_ms() >= d->resume_until || suspend_cancel(x->xc, d->domid))
		return false;
	xld_log("%s: it has suspended after that was taken back; it goes on", d->name);
	d->stop_seen = false;
	return true;
}
