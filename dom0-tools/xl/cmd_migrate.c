/* SPDX-License-Identifier: MIT */
/*
 * xl migrate, migrate-recover, jobs, cancel. The two xlds do the work; xl asks, and shows how it stands.
 */
#include <time.h>

#include "domcfg/domcfg.h"
#include "json.h"

/* A plain name or address is a host with xld listening for TLS. */
static char *target_uri(const char *host)
{
	if (!strcmp(host, "localhost") || strstr(host, "://") || !strncmp(host, "unix:", 5) || *host == '/')
		return xstrdup(host);
	return xasprintf("tls://%s", host);
}

static void print_report(const char *name, const xld_migrated *r)
{
	printf("%s: moved to %s in %.1f s; it stood still for %llu ms; %u rounds, %.1f MiB sent\n", name, r->host,
	       (double)r->total_ms / 1e3, (unsigned long long)r->downtime_ms, r->rounds,
	       (double)r->bytes / (1 << 20));
}

static const struct option migrate_longs[] = {
	{ "max-downtime", required_argument, NULL, 'm' }, { "timeout", required_argument, NULL, 'T' },
	{ "on-timeout", required_argument, NULL, 'o' }, { "bandwidth", required_argument, NULL, 'b' },
	{ "compress", required_argument, NULL, 'z' }, { "connections", required_argument, NULL, 'c' },
	{ "debug", no_argument, NULL, 'd' }, { "stopped", no_argument, NULL, 'S' },
	{ "help", no_argument, NULL, 'h' }, { 0 },
};

static bool parse_policy(const char *text, xld_on_timeout *policy)
{
	static const char *const names[] = { "cancel", "pause", "throttle" };

	for (unsigned int i = 0; i < 3; i++) {
		if (!strcmp(text, names[i])) {
			*policy = (xld_on_timeout)i;
			return true;
		}
	}
	complain("--on-timeout is cancel, pause or throttle, not '%s'", text);
	return false;
}

/* false: complained. */
static bool take_option(int opt, xld_migrate *m, const char **config)
{
	switch (opt) {
	case 'm': return parse_number("--max-downtime", optarg, &m->max_downtime_ms);
	case 'T': return parse_number("--timeout", optarg, &m->timeout_s);
	case 'b': return parse_number("--bandwidth", optarg, &m->bandwidth_kib);
	case 'o': return parse_policy(optarg, &m->on_timeout);
	case 'z': return parse_compress(optarg, &m->compress);
	case 'c': return parse_number("--connections", optarg, &m->connections);
	case 'C': *config = optarg; break;
	case 'p': m->flags |= XLD_MIGRATE_PAUSED; break;
	case 'S': m->flags |= XLD_MIGRATE_STOPPED; break;
	case 'd': verbose = true; break;
	case 's':
		complain("migrate: there is no -s: hosts talk to each other over TLS (see xl(1)), or over "
			 "tcp://HOST on a link that is trusted");
		return false;
	default: break;			/* -e, -D: nothing waits, nothing keeps */
	}
	return true;
}

static int cmd_migrate(const struct command *cmd, int argc, char **argv)
{
	xld_migrate m = { .flags = dry_run ? XLD_MIGRATE_CHECK : 0, .on_timeout = XLD_TIMEOUT_THROTTLE };
	const char *config = NULL;
	xld_migrated r;
	bool ok;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "s:eC:pDh", migrate_longs)) != -1)
		if (!take_option(opt, &m, &config))
			return EXIT_USAGE;
	want_args(cmd, argc, 2, 2);
	m.name = argv[optind];
	m.target = target_uri(argv[optind + 1]);
	m.config = config_json(config);
	ok = m.config && call(XLD_DOMAIN_MIGRATE, &m, &r);
	if (ok && dry_run)
		printf("%s: %s would take it\n", m.name, r.host);
	else if (ok)
		print_report(m.name, &r);
	if (ok)
		rpc_release((xdrproc_t)xdr_xld_migrated, &r);
	free(m.target);
	free(m.config);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- what is open --- */

static json_t *move_to_json(const xld_move *m)
{
	char token[37];

	uuid_format((const uint8_t *)m->token, token);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "token", token, "domain", m->name, "direction",
			 m->incoming ? "in" : "out", "peer", m->peer, "state", m->state, "waits", m->waits);
}

static void print_moves(const xld_moves *r, bool json)
{
	json_t *a = json ? mem_check(json_array()) : NULL;

	for (u_int i = 0; i < r->moves.moves_len; i++) {
		const xld_move *m = &r->moves.moves_val[i];

		if (json)
			json_array_append_new(a, move_to_json(m));
		else
			printf("%s %s %s: %s%s%s\n", m->name, m->incoming ? "from" : "to", m->peer, m->state,
			       *m->waits ? "; " : "", m->waits);
	}
	if (json)
		print_json_value(a);
	else if (!r->moves.moves_len)
		puts("no migration is open");
}

static int cmd_recover(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "run", no_argument, NULL, 'r' }, { "drop", no_argument, NULL, 'd' },
		JSON_LONG, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_recover a = { 0 };
	xld_nothing nothing = { 0 };
	bool json = false, ok;
	xld_moves moves;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "jh", longs)) != -1) {
		if (opt == 'j')
			json = true;
		else
			a.order = opt == 'r' ? XLD_RECOVER_RUN : XLD_RECOVER_DROP;
	}
	want_args(cmd, argc, a.order ? 1 : 0, 1);
	if (optind < argc) {
		a.name = argv[optind];
		return call(XLD_MIGRATE_RECOVER, &a, &nothing) ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	ok = call(XLD_MIGRATE_LIST, &nothing, &moves);
	if (ok)
		print_moves(&moves, json);
	if (ok)
		rpc_release((xdrproc_t)xdr_xld_moves, &moves);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- jobs --- */

static json_t *job_to_json(const xld_job *j)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i}", "domain", j->domain, "kind",
			 j->kind, "state", j->running ? "running" : j->ok ? "done" : "failed", "text", j->text,
			 "started", (json_int_t)j->started, "took_ms", (json_int_t)j->took_ms, "done_bytes",
			 (json_int_t)j->done, "total_bytes", (json_int_t)j->total, "rate", (json_int_t)j->rate,
			 "dirty_rate", (json_int_t)j->dirty_rate, "round", (int)j->round, "expected_downtime_ms",
			 (int)j->expected_ms);
}

/* Time left of this round, or blanks. */
static void print_left(const xld_job *j)
{
	if (j->running && j->total && j->rate)
		printf(" %5.1fs", (double)(j->total - j->done) / (double)j->rate);
	else
		printf(" %6s", "-");
}

static void print_job(const xld_job *j)
{
	printf("%-24s %-8s %-7s %7.1fs", j->domain, j->kind, j->running ? "running" : j->ok ? "done" : "failed",
	       (double)j->took_ms / 1e3);
	print_left(j);
	if (j->total)
		printf(" %5u %7.1f %7.1f %7u", j->round, (double)j->rate / (1 << 20), (double)j->dirty_rate / (1 << 20),
		       j->expected_ms);
	else
		printf(" %5s %7s %7s %7s", "-", "-", "-", "-");
	printf(" %s\n", j->text);
}

static int cmd_jobs(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		JSON_LONG, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_nothing nothing = { 0 };
	json_t *a = NULL;
	xld_jobs r;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "jh", longs)) != -1)
		a = mem_check(json_array());
	want_args(cmd, argc, 0, 0);
	if (!call(XLD_JOB_LIST, &nothing, &r))
		return EXIT_FAILURE;
	if (!a)
		printf("%-24s %-8s %-7s %8s %6s %5s %7s %7s %7s %s\n", "Domain", "Job", "State", "Time", "Left", "Round",
		       "MiB/s", "Dirty/s", "Down/ms", "What");
	for (u_int i = 0; i < r.jobs.jobs_len; i++) {
		if (a)
			json_array_append_new(a, job_to_json(&r.jobs.jobs_val[i]));
		else
			print_job(&r.jobs.jobs_val[i]);
	}
	if (a)
		print_json_value(a);
	rpc_release((xdrproc_t)xdr_xld_jobs, &r);
	return EXIT_SUCCESS;
}

static int cmd_cancel(const struct command *cmd, int argc, char **argv)
{
	xld_domain d = { 0 };
	xld_nothing nothing;

	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 1, 1);
	d.name = argv[optind];
	return call(XLD_JOB_CANCEL, &d, &nothing) ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command cmds_migrate[] = {
	{ .name = "migrate", .fn = cmd_migrate, .args = "DOMAIN HOST", .dry_run = true,
	  .summary = "Move a running domain to another host",
	  .options = "  -p  leave it paused there\n"
		     "  -C FILE  with this configuration there\n"
		     "  --max-downtime MS  stop it when the rest takes no longer (300)\n"
		     "  --timeout S  how long it may be copied while it runs\n"
		     "  --on-timeout=cancel|pause|throttle  if that does not come to an end (throttle)\n"
		     "  --bandwidth KIB  send at most that many KiB/s while it runs\n"
		     COMPRESS_HELP
		     "  --connections N  send by that many connections (1)\n"
		     "  --stopped  do not copy its memory while it runs\n"
		     "  --debug  tell what is being done\n"
		     "  -e, -D  accepted, no effect\n" },
	{ .name = "migrate-recover", .fn = cmd_recover, .args = "[DOMAIN]",
	  .summary = "Show migrations whose end is not known yet, or settle one",
	  .options = "  --run   let the copy here run: the other host is known not to\n"
		     "  --drop  remove the copy here\n"
		     JSON_HELP },
	{ .name = "jobs", .fn = cmd_jobs, .args = "", .summary = "Show what is under way, and what was last",
	  .options = JSON_HELP },
	{ .name = "cancel", .fn = cmd_cancel, .args = "DOMAIN",
	  .summary = "End the job that is about a domain; the domain is as before" },
	{ 0 },
};
