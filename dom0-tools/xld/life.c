/* SPDX-License-Identifier: MIT */
/*
 * What happens when a domain stops: on_poweroff, on_reboot, on_crash, on_watchdog and on_soft_reset of its
 * configuration.
 *
 * xenstored tells of it through the watch @releaseDomain. A slow tick looks too, so that an event lost while
 * xenstored was away costs seconds, not for ever; the same tick reconnects to xenstored and ends waits whose time is
 * up.
 */
#include <errno.h>
#include <time.h>

#include "move.h"

#define TICK_MS 1000
#define QUICK_STOP_S 5			/* a life shorter than this counts as a failed start */
#define QUICK_STOPS_MAX 5

static const char *const reason_names[] = {
	[STOP_POWEROFF] = "poweroff", [STOP_REBOOT] = "reboot", [STOP_SUSPEND] = "suspend", [STOP_CRASH] = "crash",
	[STOP_WATCHDOG] = "watchdog", [STOP_SOFT_RESET] = "soft reset",
};

const char *life_reason_name(unsigned int reason)
{
	return reason < sizeof(reason_names) / sizeof(reason_names[0]) ? reason_names[reason] : "unknown reason";
}

static unsigned int action_for(const struct dom *d, unsigned int reason)
{
	switch (reason) {
	case STOP_POWEROFF:	return d->cfg.on_poweroff;
	case STOP_REBOOT:	return d->cfg.on_reboot;
	case STOP_WATCHDOG:	return d->cfg.on_watchdog;
	case STOP_SOFT_RESET:	return d->cfg.on_soft_reset;
	default:		return d->cfg.on_crash;
	}
}

static bool came_too_soon(struct dom *d)
{
	bool quick = (uint64_t)time(NULL) < d->start_time + QUICK_STOP_S;

	d->quick_stops = quick ? d->quick_stops + 1 : 0;
	return d->quick_stops >= QUICK_STOPS_MAX;
}

static void restart(struct xld *x, struct dom *d)
{
	if (came_too_soon(d))
		xld_log("%s: stopped %u times in a row within %d s of its start; it is not started again", d->name,
			d->quick_stops, QUICK_STOP_S);
	else
		d->restarting = true;
	d->start_paused = false;
	job_destroy(x, d);
}

/* A name for the stopped domain that makes room for its successor. */
static char *spare_name(struct xld *x, const char *name)
{
	for (unsigned int i = 1; ; i++) {
		char *s = xasprintf("%.50s-%u", name, i);

		if (!dom_by_name(x, s))
			return s;
		free(s);
	}
}

/* Keep the stopped domain under another name and UUID, and start its configuration anew. */
void life_released(struct xld *x, struct dom *d)
{
	char *text = domcfg_to_json(d->next_cfg ? d->next_cfg : &d->cfg);
	char *spare = spare_name(x, d->name), *name = xstrdup(d->name);
	struct domcfg_diag diag = { .file = d->name };
	uint8_t uuid[16], fresh[16];
	struct dom *n;

	memcpy(uuid, d->uuid, 16);
	uuid_generate(fresh);
	if (dom_rename(x, d, fresh, spare)) {
		config_forget_next(d);
		memcpy(d->tag, fresh, 16);	/* what the scripts have is the successor's from now on */
		state_save(x, d);
		n = dom_new(x, uuid, name);
		n->ours = domcfg_from_json(&n->cfg, text, strlen(text), &diag) && domcfg_check(&n->cfg, &diag);
		n->quick_stops = d->quick_stops;
		n->restarting = true;
		job_create(x, n);
	} else {
		xld_log("%s: cannot be renamed to %s; it is kept and not started again", d->name, spare);
	}
	domcfg_diag_free(&diag);
	free(spare);
	free(name);
	free(text);
}

void life_dumped(struct xld *x, struct dom *d, unsigned int action)
{
	if (action == DOM_COREDUMP_RESTART)
		restart(x, d);
	else
		job_destroy(x, d);
}

static void stopped(struct xld *x, struct dom *d, const struct xenctl_dominfo *info)
{
	unsigned int reason = info->shutdown_reason, action = action_for(d, reason);
	char *why;

	if (reason == STOP_SUSPEND && suspend_late(x, d))
		return;
	d->stop_seen = true;
	d->stop_reason = reason;
	state_save(x, d);
	if (reason == STOP_SUSPEND)
		return;
	why = crash_text(x->xc, info);
	xld_log("%s: domain %u stopped (%s); action: %s", d->name, d->domid, why, dom_action_name(action));
	obituary_add(d, why, dom_action_name(action));
	free(why);
	if (action == DOM_DESTROY)
		job_destroy(x, d);
	else if (action == DOM_RESTART)
		restart(x, d);
	else if (action == DOM_RENAME_RESTART && !came_too_soon(d))
		job_release(x, d);
	else if (action == DOM_COREDUMP_DESTROY || action == DOM_COREDUMP_RESTART)
		dump_stopped(x, d, action);
}

void life_check(struct xld *x)
{
	struct xenctl_dominfo *list;
	size_t n;

	list = dom_refresh(x, &n);
	if (!list)
		return;
	for (struct dom *d = x->doms, *next; d; d = next) {
		const struct xenctl_dominfo *info = dom_info(d, list, n);

		next = d->next;
		if (d->job || d->phase != PHASE_LIVE)
			continue;
		if (d->ours && (!info || info->dying)) {
			xld_log("%s: domain %u was destroyed by somebody else", d->name, d->domid);
			job_destroy(x, d);
		} else if (info && info->shutdown && d->ours && !d->stop_seen) {
			stopped(x, d, info);
		}
		/* Those that are to be destroyed now answer when that is done. */
		if (info && info->shutdown && d->phase == PHASE_LIVE && !d->job) {
			xld_waited w = { info->shutdown_reason };

			dom_answer(d, XLD_DOMAIN_WAIT, &w, NULL);
			suspend_answer(d, info->shutdown_reason);
		}
	}
	free(list);
}

static void disconnect(struct xld *x)
{
	ev_fd_del(x->xs_watch);
	xs_close(x->xs);
	x->xs_watch = NULL;
	x->xs = NULL;
}

/*
 * Also before each sleep: events that arrive while a reply is awaited are queued in the handle and do not make its
 * descriptor readable.
 */
static void drain_watches(void *arg)
{
	struct xld *x = arg;
	bool any = false;
	char **ev;

	while (x->xs && (ev = xs_check_watch(x->xs))) {
		free(ev);
		any = true;
	}
	if (x->xs && errno != EAGAIN) {
		xld_log("the connection to xenstored broke: %s", strerror(errno));
		disconnect(x);
	}
	if (any) {
		life_check(x);
		revive_check(x);
	}
}

static void watch_event(struct ev_fd *w, uint32_t events, void *arg)
{
	(void)w;
	(void)events;
	drain_watches(arg);
}

/* Of one daemon only: the next one may know nothing of dom0, and the destroys that wait for it have to be finished. */
static bool connect_store(struct xld *x)
{
	x->xs = xs_open(XS_ONE_DAEMON);
	if (!x->xs)
		return false;
	if (!store_init_dom0(x->xs) || !memory_init_dom0(x) || !xs_watch(x->xs, "@releaseDomain", "release") ||
	    !xs_watch(x->xs, "@introduceDomain", "introduce") || !xs_watch(x->xs, "/local/domain/0/backend/vif", "vif")) {
		xld_log("xenstored does not serve: %s", strerror(errno));
		disconnect(x);
		return false;
	}
	x->xs_watch = mem_check(ev_fd_add(x->loop, xs_fileno(x->xs), EPOLLIN, watch_event, x));
	return true;
}

static void end_waits(struct xld *x, struct dom *d)
{
	uint64_t now = ev_now_ms();
	struct asker **at = &d->askers, *a;
	xld_error err = { 0 };

	while ((a = *at)) {
		if (!a->deadline || a->deadline > now) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		if (a->proc == XLD_DOMAIN_SUSPEND) {
			if (!d->job)
				suspend_undo(x, d);
			xld_fail(&err, XLD_E_TIMEOUT, "suspend domain", d->name, "`xl explain` tells what it does",
				 "its kernel has not suspended in time");
		} else {
			xld_fail(&err, XLD_E_TIMEOUT, "wait for domain", d->name, "`xl explain` tells what it does",
				 "it has not stopped in time");
		}
		client_reply_error(a->client, a->proc, a->serial, &err);
		rpc_release((xdrproc_t)xdr_xld_error, &err);
		free(a);
	}
}

/* Destroys that could not be finished while xenstored was away. */
static void finish_destroys(struct xld *x)
{
	for (struct dom *d = x->doms; d; d = d->next)
		if (d->ours && d->phase == PHASE_DESTROYING && !d->job)
			job_destroy(x, d);
}

static void tick(struct ev_timer *t, void *arg)
{
	struct xld *x = arg;

	if (!x->xs && connect_store(x)) {
		xld_log("connected to xenstored");
		finish_destroys(x);
	}
	last_words_mark();
	life_check(x);
	revive_check(x);
	settle_check(x);
	for (struct dom *d = x->doms; d; d = d->next)
		end_waits(x, d);
	ev_timer_set(t, TICK_MS);
}

bool life_start(struct xld *x)
{
	if (!connect_store(x))
		return false;
	last_words_begin(x->xc);
	x->tick = mem_check(ev_timer_new(x->loop, tick, x));
	ev_timer_set(x->tick, 0);
	return !ev_before_sleep(x->loop, drain_watches, x);
}
