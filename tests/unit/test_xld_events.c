/* SPDX-License-Identifier: MIT */
/*
 * xld's events: the real events.c under a made-up hypervisor and registry. Each change is told once, in an order that
 * makes sense, whatever comes between two looks; nothing is told while nobody listens, or of what was so before.
 */
#include "suite.h"

#include "../../dom0-tools/xld/server.h"

/* --- what events.c needs of the rest of xld --- */

static struct xld x;
static struct xenctl_dominfo infos[8];
static size_t nr_infos;
static char heard[512];			/* what the subscribers were told, in words */

struct xenctl_dominfo *dom_refresh(struct xld *ctx, size_t *n)
{
	struct xenctl_dominfo *list = xcalloc(nr_infos, sizeof(*list));

	(void)ctx;
	memcpy(list, infos, nr_infos * sizeof(*list));
	*n = nr_infos;
	return list;
}

const struct xenctl_dominfo *dom_info(const struct dom *d, const struct xenctl_dominfo *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].domid == d->domid)
			return &list[i];
	return NULL;
}

char *crash_text(struct xenctl *xc, const struct xenctl_dominfo *info)
{
	(void)xc;
	return xstrdup(info->crashed ? "it fell over" : "");
}

const char *life_reason_name(unsigned int reason)
{
	return reason == STOP_POWEROFF ? "poweroff" : "other";
}

bool xld_fail(xld_error *err, xld_code code, const char *what, const char *object, const char *advice,
	      const char *fmt, ...)
{
	rpc_error_set(err, code, what, object, fmt, advice);
	return false;
}

void client_subscribe(struct client *c, uint32_t kinds)
{
	(void)c;
	x.nr_subscribers = kinds & XLD_SUBSCRIBE_DOMAINS;
}

void client_event_all(struct xld *ctx, uint32_t kind, uint32_t event, const void *obj)
{
	static const char *const names[] = {
		"created", "started", "paused", "unpaused", "stopped", "suspended", "resumed", "renamed", "destroyed",
	};
	const xld_domain_event *e = obj;
	size_t n = strlen(heard);

	(void)ctx;
	if (event == XLD_EVENT_JOB) {
		CU_ASSERT_EQUAL(kind, XLD_SUBSCRIBE_JOBS);
		snprintf(heard + n, sizeof(heard) - n, "job %s; ", ((const xld_job_event *)obj)->text);
		return;
	}
	CU_ASSERT_EQUAL(kind, XLD_SUBSCRIBE_DOMAINS);
	CU_ASSERT_TRUE(e->time_ms > 1000000000000);
	snprintf(heard + n, sizeof(heard) - n, "%s %u %s%s%s%s; ", e->name, e->domid, names[e->what],
		 *e->old_name ? " was " : "", e->old_name, e->what == XLD_STOPPED ? e->cause : "");
}

/* --- the tests --- */

static struct dom *add(const char *name, uint32_t domid)
{
	struct dom *d = xcalloc(1, sizeof(*d));

	d->x = &x;
	d->name = xstrdup(name);
	d->domid = domid;
	d->phase = PHASE_LIVE;
	d->next = x.doms;
	x.doms = d;
	return d;
}

static struct xenctl_dominfo *alive(uint32_t domid)
{
	infos[nr_infos] = (struct xenctl_dominfo){ .domid = domid };
	return &infos[nr_infos++];
}

static void start_over(void)
{
	x.nr_subscribers = 0;
	nr_infos = 0;
	heard[0] = 0;
	while (x.doms) {
		struct dom *d = x.doms;

		x.doms = d->next;
		events_forget(d);
		free(d->name);
		free(d);
	}
	CU_ASSERT_STRING_EQUAL(heard, "");
}

static void subscribe(void)
{
	xld_subscribe s = { XLD_SUBSCRIBE_DOMAINS };
	bool later = false;
	xld_error err;

	CU_ASSERT_TRUE(call_subscribe(&x, NULL, 1, &s, NULL, &err, &later));
}

/* Look twice: the second must have nothing to say. */
static void expect(const char *what)
{
	events_check(&x);
	if (strcmp(heard, what))
		printf("\n%s\n", heard);
	CU_ASSERT_STRING_EQUAL(heard, what);
	heard[0] = 0;
	events_check(&x);
	CU_ASSERT_STRING_EQUAL(heard, "");
	heard[0] = 0;
}

static void test_silence(void)
{
	struct xenctl_dominfo *i = alive(1);

	add("a", 1);
	expect("");
	i->paused = true;
	expect("");
	subscribe();
	expect("");			/* it was so before */
	i->paused = false;
	expect("a 1 started; ");	/* it had not run yet */
	i->paused = true;
	i->cpu_time = 1;
	x.nr_subscribers = 0;
	expect("");
	subscribe();
	i->paused = false;
	expect("a 1 unpaused; ");
	start_over();
}

static void test_life(void)
{
	struct xenctl_dominfo *i;
	struct dom *d;

	subscribe();
	d = add("a", DOMID_NONE);
	d->phase = PHASE_CREATING;
	expect("");
	d->domid = 3;
	i = alive(3);
	i->paused = true;
	expect("");			/* it is being built */
	d->phase = PHASE_LIVE;
	expect("a 3 created; ");
	i->paused = false;
	expect("a 3 started; ");
	i->paused = true;
	expect("a 3 paused; ");
	i->paused = false;
	expect("a 3 unpaused; ");
	i->shutdown = true;
	i->shutdown_reason = STOP_CRASH;
	i->crashed = true;
	expect("a 3 stopped" "it fell over; ");
	d->phase = PHASE_DESTROYING;
	i->dying = true;
	expect("");
	nr_infos = 0;
	expect("a 3 destroyed; ");
	start_over();
}

/* What happens between two looks is told in one go. */
static void test_at_once(void)
{
	struct xenctl_dominfo *i;
	struct dom *d;

	subscribe();
	d = add("a", 3);
	i = alive(3);
	expect("a 3 created; a 3 started; ");
	i->shutdown = true;
	i->shutdown_reason = STOP_POWEROFF;
	i->paused = true;
	free(d->name);
	d->name = xstrdup("b");
	expect("b 3 renamed was a; b 3 paused; b 3 stopped" "poweroff; ");
	start_over();
}

/* It stopped, was destroyed and made again: also if the hypervisor was not asked meanwhile. */
static void test_restart(void)
{
	struct xenctl_dominfo *i;
	struct dom *d;

	subscribe();
	d = add("a", 3);
	i = alive(3);
	expect("a 3 created; a 3 started; ");
	d->stop_seen = true;
	d->stop_reason = STOP_REBOOT;
	d->phase = PHASE_CREATING;
	d->domid = DOMID_NONE;
	nr_infos = 0;
	expect("a 3 stopped" "other; a 3 destroyed; ");
	d->stop_seen = false;
	i = alive(4);
	d->domid = 4;
	d->phase = PHASE_LIVE;
	expect("a 4 created; a 4 started; ");
	i->domid = 5;			/* all of it between two looks */
	d->domid = 5;
	expect("a 4 destroyed; a 5 created; a 5 started; ");
	start_over();
}

static void test_suspend(void)
{
	struct xenctl_dominfo *i;

	subscribe();
	add("a", 3);
	i = alive(3);
	expect("a 3 created; a 3 started; ");
	i->shutdown = true;
	i->shutdown_reason = STOP_SUSPEND;
	expect("a 3 suspended; ");
	i->shutdown = false;
	expect("a 3 resumed; ");
	start_over();
}

/* The registry gives up a domain that subscribers know. */
static void test_forget(void)
{
	struct dom *d;

	subscribe();
	d = add("a", 3);
	alive(3);
	expect("a 3 created; a 3 started; ");
	d->stop_seen = true;
	d->stop_reason = STOP_POWEROFF;
	nr_infos = 0;
	events_forget(d);
	x.doms = NULL;
	free(d->name);
	free(d);
	expect("a 3 stopped" "poweroff; a 3 destroyed; ");
	start_over();
}

static void test_subscribe(void)
{
	xld_subscribe s = { 8 };
	bool later = false;
	xld_error err = { 0 };
	struct dom *d = add("a", 3);

	CU_ASSERT_FALSE(call_subscribe(&x, NULL, 1, &s, NULL, &err, &later));
	CU_ASSERT_EQUAL(err.code, XLD_E_UNSUPPORTED);
	rpc_release((xdrproc_t)xdr_xld_error, &err);
	subscribe();
	alive(3);
	subscribe();			/* the first one hears of it now, the second did not miss it */
	CU_ASSERT_STRING_EQUAL(heard, "a 3 created; a 3 started; ");
	heard[0] = 0;
	expect("");
	events_progress(d, "half way");
	CU_ASSERT_STRING_EQUAL(heard, "job half way; ");
	start_over();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "silence", test_silence }, { "a life", test_life }, { "several at once", test_at_once },
		{ "restart", test_restart }, { "suspend", test_suspend }, { "forget", test_forget },
		{ "subscribe", test_subscribe }, CU_TEST_INFO_NULL,
	};

	return suite_run("xld events", tests);
}
