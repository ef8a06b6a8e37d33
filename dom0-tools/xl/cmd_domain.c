/* SPDX-License-Identifier: MIT */
/*
 * xl pause, unpause, shutdown, reboot, destroy: acting on domains that exist.
 *
 * Several domains may be given; each is tried, and the exit status is 1 if one failed.
 */
#include "xl.h"

#define XDR_LIST ((xdrproc_t)xdr_xld_domain_list)

/* A procedure that takes a domain and gives nothing back, on each argument. */
static int on_each(const struct command *cmd, int argc, char **argv, uint32_t proc)
{
	int rc = EXIT_SUCCESS;
	xld_nothing nothing;

	want_args(cmd, argc, 1, -1);
	for (int i = optind; i < argc; i++) {
		xld_domain d = { .name = argv[i] };

		if (!call(proc, &d, &nothing))
			rc = EXIT_FAILURE;
	}
	return rc;
}

static int cmd_pause(const struct command *cmd, int argc, char **argv)
{
	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	return on_each(cmd, argc, argv, XLD_DOMAIN_PAUSE);
}

static int cmd_unpause(const struct command *cmd, int argc, char **argv)
{
	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	return on_each(cmd, argc, argv, XLD_DOMAIN_UNPAUSE);
}

static int cmd_destroy(const struct command *cmd, int argc, char **argv)
{
	while (next_option(cmd, argc, argv, "fh", NULL) != -1)
		;
	return on_each(cmd, argc, argv, XLD_DOMAIN_DESTROY);
}

/* Ids of all domains but dom0, as arguments; NULL when the list could not be had. */
static char **all_guests(int *n)
{
	xld_nothing nothing = { 0 };
	xld_domain_list list;
	char **ids;

	*n = 0;
	if (!call(XLD_DOMAIN_LIST, &nothing, &list))
		return NULL;
	ids = xcalloc(list.domains.domains_len, sizeof(*ids));
	for (u_int i = 0; i < list.domains.domains_len; i++)
		if (list.domains.domains_val[i].domid)
			ids[(*n)++] = xasprintf("%u", list.domains.domains_val[i].domid);
	rpc_release(XDR_LIST, &list);
	return ids;
}

struct stop_options {
	xld_shutdown_kind kind;
	bool wait;
	unsigned int timeout;
};

/* Resolve to an id first: a name may mean another domain after a reboot. */
static bool stop_one(const struct stop_options *o, char *ref, char id[16])
{
	xld_shutdown s = { .name = id, .kind = o->kind };
	xld_dominfo info;
	xld_nothing nothing;

	if (!find_domain(ref, &info))
		return false;
	snprintf(id, 16, "%u", info.domid);
	rpc_release((xdrproc_t)xdr_xld_dominfo, &info);
	if (!call(XLD_DOMAIN_SHUTDOWN, &s, &nothing))
		return false;
	fprintf(stderr, "%s domain %s\n", o->kind == XLD_REBOOT ? "Rebooting" : "Shutting down", id);
	return true;
}

static int stop_all(const struct stop_options *o, char **refs, int n)
{
	char (*ids)[16] = xcalloc(n, sizeof(*ids));
	int rc = EXIT_SUCCESS;
	xld_waited waited;

	for (int i = 0; i < n; i++) {
		if (!stop_one(o, refs[i], ids[i])) {
			rc = EXIT_FAILURE;
			ids[i][0] = 0;
		}
	}
	for (int i = 0; i < n && o->wait; i++) {
		xld_wait w = { .name = ids[i], .timeout_s = o->timeout };
		xld_error err = { 0 };

		if (!ids[i][0] || rpc_client_call(daemon_client(), XLD_DOMAIN_WAIT, &w, &waited, &err))
			continue;
		if (err.code == XLD_E_NOT_FOUND) {	/* it was quicker than the question */
			rpc_release((xdrproc_t)xdr_xld_error, &err);
			continue;
		}
		show_error(&err);
		rc = EXIT_FAILURE;
	}
	free(ids);
	return rc;
}

static int stop_command(const struct command *cmd, int argc, char **argv, xld_shutdown_kind kind)
{
	static const struct option longs[] = {
		{ "all", no_argument, NULL, 'a' }, { "wait", no_argument, NULL, 'w' },
		{ "timeout", required_argument, NULL, 't' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct stop_options o = { .kind = kind };
	char **refs = argv + optind, *end;
	bool all = false;
	int opt, n, rc;

	while ((opt = next_option(cmd, argc, argv, "awFt:h", longs)) != -1) {
		all |= opt == 'a';
		o.wait |= opt == 'w';
		if (opt != 't')
			continue;
		o.timeout = (unsigned int)strtoul(optarg, &end, 10);
		if (*end || !o.timeout) {
			complain("%s: -t takes a number of seconds, not '%s'", cmd->name, optarg);
			return EXIT_USAGE;
		}
	}
	want_args(cmd, argc, all ? 0 : 1, all ? 0 : -1);
	refs = argv + optind;
	n = argc - optind;
	if (all)
		refs = all_guests(&n);
	if (!refs)
		return EXIT_FAILURE;
	rc = stop_all(&o, refs, n);
	for (int i = 0; all && i < n; i++)
		free(refs[i]);
	if (all)
		free(refs);
	return rc;
}

static int cmd_shutdown(const struct command *cmd, int argc, char **argv)
{
	return stop_command(cmd, argc, argv, XLD_POWEROFF);
}

static int cmd_reboot(const struct command *cmd, int argc, char **argv)
{
	return stop_command(cmd, argc, argv, XLD_REBOOT);
}

#define STOP_OPTIONS(verb) \
	"  -a, --all       all domains but dom0\n" \
	"  -w, --wait      return when they have stopped and on_" verb " has been done\n" \
	"  -t, --timeout S with -w: give up after S seconds\n" \
	"  -F              accepted, no effect on PV domains\n"

const struct command cmds_domain[] = {
	{ .name = "pause", .fn = cmd_pause, .args = "DOMAIN...", .summary = "Stop domains from running" },
	{ .name = "unpause", .fn = cmd_unpause, .args = "DOMAIN...", .summary = "Let paused domains run again" },
	{ .name = "shutdown", .fn = cmd_shutdown, .args = "{-a | DOMAIN...}", .options = STOP_OPTIONS("poweroff"),
	  .summary = "Ask domains to power off" },
	{ .name = "reboot", .fn = cmd_reboot, .args = "{-a | DOMAIN...}", .options = STOP_OPTIONS("reboot"),
	  .summary = "Ask domains to reboot" },
	{ .name = "destroy", .fn = cmd_destroy, .args = "DOMAIN...",
	  .options = "  -f              accepted, no effect\n",
	  .summary = "End domains at once, in whatever state they are" },
	{ 0 },
};
