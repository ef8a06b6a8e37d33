/* SPDX-License-Identifier: MIT */
/*
 * xl events: what happens to domains, as it happens.
 *
 * With --reconnect it outlives xld: it knows the domains as the events have left them, and when xld is back it compares
 * them with the list and tells the differences. They carry the time at which they were found.
 */
#include <jansson.h>
#include <time.h>
#include <unistd.h>

#include "domcfg/domcfg.h"
#include "xl.h"

#define STOP_SUSPEND 2		/* SHUTDOWN_suspend of the ABI */

struct known {
	struct known *next;
	char uuid[16];
	char *name;
	unsigned int domid;
	bool started, paused, stopped;
	bool listed;
};

static bool as_json, reconnect;
static struct known *all;
static unsigned int nr_told;

static const char *happening_name(xld_happening what)
{
	static const char *const names[] = {
		[XLD_CREATED] = "created", [XLD_STARTED] = "started", [XLD_PAUSED] = "paused",
		[XLD_UNPAUSED] = "unpaused", [XLD_STOPPED] = "stopped", [XLD_SUSPENDED] = "suspended",
		[XLD_RESUMED] = "resumed", [XLD_RENAMED] = "renamed", [XLD_DESTROYED] = "destroyed",
	};

	/* One that we do not know is of a newer xld. */
	return (unsigned int)what < sizeof(names) / sizeof(names[0]) ? names[what] : "changed";
}

/* Local time for people. */
static void print_time(uint64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	char when[32] = "?";
	struct tm tm;

	if (localtime_r(&t, &tm))
		strftime(when, sizeof(when), "%F %T", &tm);
	printf("%s.%03u ", when, (unsigned int)(ms % 1000));
}

static void print_json(json_t *o, const char uuid[16])
{
	char text[37];

	uuid_format((const uint8_t *)uuid, text);
	json_object_set_new(o, "uuid", json_string(text));
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static void print_domain(const xld_domain_event *e)
{
	json_t *o;

	if (!as_json) {
		print_time(e->time_ms);
		printf("%s (%u) %s", e->name, e->domid, happening_name(e->what));
		if (e->what == XLD_STOPPED)
			printf(": %s", e->cause);
		if (e->what == XLD_RENAMED)
			printf(", was %s", e->old_name);
		putchar('\n');
		return;
	}
	o = mem_check(json_pack("{s:s, s:I, s:I, s:s}", "event", happening_name(e->what), "time_ms",
				(json_int_t)e->time_ms, "domid", (json_int_t)e->domid, "name", e->name));
	if (e->what == XLD_STOPPED) {
		json_object_set_new(o, "reason", json_integer(e->reason));
		json_object_set_new(o, "cause", json_string(e->cause));
	}
	if (e->what == XLD_RENAMED)
		json_object_set_new(o, "old_name", json_string(e->old_name));
	print_json(o, e->uuid);
}

static void print_job(const xld_job_event *e)
{
	json_t *o;

	if (!as_json) {
		print_time(e->time_ms);
		printf("%s job: %s\n", e->name, e->text);
		return;
	}
	o = mem_check(json_pack("{s:s, s:I, s:s, s:s}", "event", "job", "time_ms", (json_int_t)e->time_ms, "name",
				e->name, "text", e->text));
	if (e->domid != ~0U)
		json_object_set_new(o, "domid", json_integer(e->domid));
	print_json(o, e->uuid);
}

/* --- what is known --- */

/* A domain is the same only with its number: a restart keeps name and UUID. */
static struct known **find_known(const char uuid[16], unsigned int domid)
{
	struct known **k = &all;

	while (*k && ((*k)->domid != domid || memcmp((*k)->uuid, uuid, 16)))
		k = &(*k)->next;
	return k;
}

static void forget(struct known **k)
{
	struct known *gone = *k;

	*k = gone->next;
	free(gone->name);
	free(gone);
}

static struct known *add_known(const char uuid[16], unsigned int domid, const char *name)
{
	struct known *k = xcalloc(1, sizeof(*k));

	*k = (struct known){ .next = all, .name = xstrdup(name), .domid = domid, .paused = true };
	memcpy(k->uuid, uuid, 16);
	all = k;
	return k;
}

static void note(const xld_domain_event *e)
{
	struct known **at = find_known(e->uuid, e->domid), *k = *at;

	if (!k) {
		k = add_known(e->uuid, e->domid, e->name);
		at = &all;
	}
	switch (e->what) {
	case XLD_STARTED:
	case XLD_UNPAUSED:
		k->started = true;
		k->paused = false;
		break;
	case XLD_PAUSED:
		k->paused = true;
		break;
	case XLD_STOPPED:
		k->stopped = true;
		break;
	case XLD_RENAMED:
		free(k->name);
		k->name = xstrdup(e->name);
		break;
	case XLD_DESTROYED:
		forget(at);
		break;
	default:
		break;
	}
}

static void tell(const xld_domain_event *e)
{
	print_domain(e);
	fflush(stdout);
	note(e);
	nr_told++;
}

static void on_event(uint32_t event, const void *obj, void *arg)
{
	(void)arg;
	if (event == XLD_EVENT_DOMAIN) {
		tell(obj);
	} else if (event == XLD_EVENT_JOB) {
		print_job(obj);
		fflush(stdout);
		nr_told++;
	}
}

/* --- what happened while nobody told --- */

static void tell_of(const struct known *k, xld_happening what, const char *old_name, const xld_dominfo *d)
{
	char none[] = "";
	struct timespec t;
	xld_domain_event e = { .what = what, .domid = k->domid, .name = k->name, .old_name = none, .cause = none };

	clock_gettime(CLOCK_REALTIME, &t);
	e.time_ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
	memcpy(e.uuid, k->uuid, 16);
	if (old_name) {
		e.old_name = (char *)(uintptr_t)old_name;
		e.name = d->name;
	}
	if (what == XLD_STOPPED) {
		e.reason = d->reason;
		e.cause = d->crash;
	}
	tell(&e);
}

static void compare(const xld_dominfo *d)
{
	bool stopped = d->shutdown && d->reason != STOP_SUSPEND;
	struct known *k = *find_known(d->uuid, d->domid);
	char *old;

	if (!k) {
		k = add_known(d->uuid, d->domid, d->name);
		tell_of(k, XLD_CREATED, NULL, d);
	}
	k->listed = true;
	if (strcmp(k->name, d->name)) {
		old = xstrdup(k->name);
		tell_of(k, XLD_RENAMED, old, d);
		free(old);
	}
	if (k->paused != d->paused)
		tell_of(k, d->paused ? XLD_PAUSED : k->started ? XLD_UNPAUSED : XLD_STARTED, NULL, d);
	if (stopped && !k->stopped)
		tell_of(k, XLD_STOPPED, NULL, d);
}

/* aloud: tell of what is new; otherwise the list is where we begin. */
static bool look(bool aloud)
{
	xld_domain_list list = { 0 };
	xld_nothing nothing = { 0 };
	struct known *next;

	if (!call(XLD_DOMAIN_LIST, &nothing, &list))
		return false;
	for (struct known *k = all; k; k = k->next)
		k->listed = false;
	for (unsigned int i = 0; i < list.domains.domains_len; i++) {
		const xld_dominfo *d = &list.domains.domains_val[i];

		if (d->dying || d->state == XLD_S_BUILDING)
			continue;
		if (aloud) {
			compare(d);
		} else if (!*find_known(d->uuid, d->domid)) {
			struct known *k = add_known(d->uuid, d->domid, d->name);

			k->started = d->cpu_time_ns;
			k->paused = d->paused;
			k->stopped = d->shutdown;
		}
	}
	for (struct known *k = all; aloud && k; k = next) {
		next = k->next;
		if (!k->listed)
			tell_of(k, XLD_DESTROYED, NULL, NULL);
	}
	rpc_release((xdrproc_t)xdr_xld_domain_list, &list);
	return true;
}

static bool subscribe(xld_subscribe *args, bool again)
{
	xld_nothing nothing;

	rpc_client_on_event(daemon_client(), on_event, NULL);
	return call(XLD_EVENT_SUBSCRIBE, args, &nothing) && (!reconnect || look(again));
}

static int follow(xld_subscribe *args, unsigned int count)
{
	xld_error err = { 0 };

	if (!subscribe(args, false))
		return EXIT_FAILURE;
	while (!count || nr_told < count) {
		if (rpc_client_await_event(daemon_client(), &err))
			continue;
		show_error(&err);
		if (!reconnect)
			return EXIT_FAILURE;
		do {
			daemon_reconnect();
		} while (!subscribe(args, true));
	}
	return EXIT_SUCCESS;
}

static int cmd_events(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' }, { "jobs", no_argument, NULL, 'J' },
		{ "count", required_argument, NULL, 'n' }, { "reconnect", no_argument, NULL, 'r' },
		 { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_subscribe args = { XLD_SUBSCRIBE_DOMAINS };
	unsigned int count = 0;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "jJn:rh", longs)) != -1) {
		if (opt == 'j')
			as_json = true;
		else if (opt == 'J')
			args.kinds |= XLD_SUBSCRIBE_JOBS;
		else if (opt == 'r')
			reconnect = true;
		else if (!parse_number("a number of events", optarg, &count))
			return EXIT_USAGE;
	}
	want_args(cmd, argc, 0, 0);
	return follow(&args, count);
}

const struct command cmds_events[] = {
	{ .name = "events", .fn = cmd_events, .args = "", .summary = "Print what happens to domains, as it happens",
	  .options = "  -j, --json      one JSON object for each event\n"
		     "  -J, --jobs      also what jobs are doing\n"
		     "  -n, --count N   leave after N events\n"
		     "  -r, --reconnect go on when xld is restarted, and tell what happened meanwhile\n" },
	{ 0 },
};
