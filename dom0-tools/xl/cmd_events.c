/* SPDX-License-Identifier: MIT */
/* xl events: what happens to domains, as it happens. */
#include <jansson.h>
#include <time.h>

#include "domcfg/domcfg.h"
#include "xl.h"

static bool as_json;

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

static void on_event(uint32_t event, const void *obj, void *arg)
{
	(void)arg;
	if (event == XLD_EVENT_DOMAIN)
		print_domain(obj);
	else if (event == XLD_EVENT_JOB)
		print_job(obj);
	fflush(stdout);
}

static int follow(xld_subscribe *args, unsigned int count)
{
	struct rpc_client *c = daemon_client();
	xld_error err = { 0 };
	xld_nothing nothing;

	rpc_client_on_event(c, on_event, NULL);
	if (!call(XLD_EVENT_SUBSCRIBE, args, &nothing))
		return EXIT_FAILURE;
	for (unsigned int i = 0; !count || i < count; i++) {
		if (!rpc_client_await_event(c, &err)) {
			show_error(&err);
			return EXIT_FAILURE;
		}
	}
	return EXIT_SUCCESS;
}

static int cmd_events(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' }, { "jobs", no_argument, NULL, 'J' },
		{ "count", required_argument, NULL, 'n' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_subscribe args = { XLD_SUBSCRIBE_DOMAINS };
	unsigned int count = 0;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "jJn:h", longs)) != -1) {
		if (opt == 'j')
			as_json = true;
		else if (opt == 'J')
			args.kinds |= XLD_SUBSCRIBE_JOBS;
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
		     "  -n, --count N   leave after N events\n" },
	{ 0 },
};
