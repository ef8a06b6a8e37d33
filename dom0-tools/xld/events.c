/* SPDX-License-Identifier: MIT */
/*
 * What subscribers are told of domains.
 *
 * Nobody else in xld says that something has happened. Each domain has a note of what subscribers know of it (struct
 * told), and before each sleep it is compared with what the hypervisor and the registry say; so nothing is told twice
 * or left out, whoever caused it, and a domain that another tool paused counts too. What came and went between two
 * looks is not told, but for a stop, which life.c has noted.
 *
 * Notes are kept only while there are subscribers.
 */
#include <time.h>

#include "server.h"

struct told {
	uint32_t domid;
	char *name;
	bool started, paused, stopped, suspended;
};

static uint64_t wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void forget(struct dom *d)
{
	if (d->told)
		free(d->told->name);
	free(d->told);
	d->told = NULL;
}

/* cause and old_name may be NULL. */
static void tell(const struct dom *d, xld_happening what, const char *old_name, unsigned int reason, const char *cause)
{
	xld_domain_event e = { .what = what, .time_ms = wall_ms(), .domid = d->told->domid, .reason = reason };
	char none[] = "";

	memcpy(e.uuid, d->uuid, 16);
	e.name = d->name;
	e.old_name = old_name ? (char *)(uintptr_t)old_name : none;
	e.cause = xstrndup(cause ? cause : "", XLD_NAME_MAX);
	client_event_all(d->x, XLD_SUBSCRIBE_DOMAINS, XLD_EVENT_DOMAIN, &e);
	free(e.cause);
}

static void tell_destroyed(struct dom *d)
{
	struct told *t = d->told;

	if (d->stop_seen && !t->stopped && d->stop_reason != STOP_SUSPEND)
		tell(d, XLD_STOPPED, NULL, d->stop_reason, life_reason_name(d->stop_reason));
	tell(d, XLD_DESTROYED, NULL, 0, NULL);
	forget(d);
}

static void note_new(struct dom *d, const struct xenctl_dominfo *info, bool aloud)
{
	d->told = xcalloc(1, sizeof(*d->told));
	*d->told = (struct told){ .domid = info->domid, .name = xstrdup(d->name), .paused = info->paused,
				  .started = !aloud && info->cpu_time, .stopped = !aloud && info->shutdown };
	if (aloud)
		tell(d, XLD_CREATED, NULL, 0, NULL);
}

static void compare_name(struct dom *d, struct told *t)
{
	char *old = t->name;

	if (!strcmp(old, d->name))
		return;
	t->name = xstrdup(d->name);
	tell(d, XLD_RENAMED, old, 0, NULL);
	free(old);
}

static void compare_paused(struct dom *d, struct told *t, const struct xenctl_dominfo *info)
{
	if (!t->started && !info->paused)
		tell(d, XLD_STARTED, NULL, 0, NULL);
	else if (t->paused != info->paused)
		tell(d, info->paused ? XLD_PAUSED : XLD_UNPAUSED, NULL, 0, NULL);
	t->started |= !info->paused;
	t->paused = info->paused;
}

static void compare_stopped(struct dom *d, struct told *t, const struct xenctl_dominfo *info)
{
	bool suspended = info->shutdown && info->shutdown_reason == STOP_SUSPEND;
	bool stopped = info->shutdown && !suspended;
	char *why;

	if (suspended != t->suspended)
		tell(d, suspended ? XLD_SUSPENDED : XLD_RESUMED, NULL, 0, NULL);
	if (stopped && !t->stopped) {
		why = crash_text(d->x->xc, info);
		tell(d, XLD_STOPPED, NULL, info->shutdown_reason,
		     *why ? why : life_reason_name(info->shutdown_reason));
		free(why);
	}
	t->suspended = suspended;
	t->stopped = stopped;
}

static void compare(struct dom *d, const struct xenctl_dominfo *info)
{
	struct told *t = d->told;

	compare_name(d, t);
	if (!info->dying && d->phase == PHASE_LIVE)
		compare_paused(d, t, info);
	if (!info->dying)
		compare_stopped(d, t, info);
}

/* aloud: subscribers are told; otherwise they know only from now on. */
static void look_at_all(struct xld *x, bool aloud)
{
	struct xenctl_dominfo *list;
	size_t n;

	list = dom_refresh(x, &n);
	if (!list)
		return;
	for (struct dom *d = x->doms; d; d = d->next) {
		const struct xenctl_dominfo *info = dom_info(d, list, n);

		if (!aloud)
			forget(d);
		if (d->told && (!info || info->domid != d->told->domid))
			tell_destroyed(d);
		if (!d->told && info && !info->dying && d->phase == PHASE_LIVE)
			note_new(d, info, aloud);
		if (d->told && aloud)
			compare(d, info);
	}
	free(list);
}

void events_check(struct xld *x)
{
	if (x->nr_subscribers)
		look_at_all(x, true);
}

static void before_sleep(void *arg)
{
	events_check(arg);
}

bool events_start(struct xld *x)
{
	return !ev_before_sleep(x->loop, before_sleep, x);
}

void events_forget(struct dom *d)
{
	if (d->told && d->x->nr_subscribers)
		tell_destroyed(d);
	forget(d);
}

void events_progress(const struct dom *d, const char *text)
{
	xld_job_event e = { .time_ms = wall_ms(), .domid = d->domid, .name = d->name, .text = (char *)(uintptr_t)text };

	memcpy(e.uuid, d->uuid, 16);
	client_event_all(d->x, XLD_SUBSCRIBE_JOBS, XLD_EVENT_JOB, &e);
}

bool call_subscribe(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		    bool *later)
{
	xld_subscribe *a = args;

	(void)serial, (void)ret, (void)later;
	if (a->kinds & ~(XLD_SUBSCRIBE_DOMAINS | XLD_SUBSCRIBE_JOBS))
		return xld_fail(err, XLD_E_UNSUPPORTED, "subscribe to", "events", "use xl and xld of the same release",
				"this xld does not know events of kind %#x", a->kinds);
	/* Those who know already hear of the last changes now, so that the new one begins where they are. */
	if (x->nr_subscribers)
		look_at_all(x, true);
	else if (a->kinds & XLD_SUBSCRIBE_DOMAINS)
		look_at_all(x, false);
	client_subscribe(c, a->kinds);
	return true;
}
