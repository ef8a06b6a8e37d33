/* SPDX-License-Identifier: MIT */
/*
 * xl: global options, finding the command, help, and how errors look.
 *
 * An error says what could not be done, on which object, why, and what to try, on stderr; with --json-errors the same
 * as one JSON object with a stable code.
 */
#include <errno.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

#include "rpc/tls.h"
#include "xl.h"

bool verbose, dry_run;

static bool json_errors;
static const char *daemon_uri;		/* where xld is */
static char **all_args;			/* main()'s */

static int cmd_help(const struct command *cmd, int argc, char **argv);

static const struct command cmds_help[] = {
	{ .name = "help", .fn = cmd_help, .args = "[COMMAND]", .summary = "List the commands, or explain one" }, { 0 },
};

const struct command *const command_groups[] = {
	cmds_create, cmds_list, cmds_domain, cmds_console, cmds_vcpu, cmds_memory, cmds_device, cmds_save, cmds_migrate,
	cmds_define, cmds_store, cmds_control, cmds_host, cmds_top, cmds_explain, cmds_doctor, cmds_events, cmds_pki,
	cmds_help, NULL,
};

static const struct option global_options[] = {
	{ "help", no_argument, NULL, 'h' }, { "json-errors", no_argument, NULL, 'J' }, { 0 },
};

static void json_error(const xld_error *e)
{
	json_t *o = json_pack("{s:{s:s, s:s, s:s, s:s, s:s}}", "error", "code", rpc_code_name(e->code), "what", e->what,
			      "object", e->object, "cause", e->cause, "advice", e->advice);

	if (o)
		json_dumpf(o, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	json_decref(o);
}

void show_error(xld_error *e)
{
	size_t n = strlen(e->cause);

	if (n && e->cause[n - 1] == '\n')
		e->cause[n - 1] = 0;
	if (json_errors) {
		json_error(e);
	} else {
		fprintf(stderr, "xl: cannot %s '%s': %s\n", e->what, e->object, e->cause);
		if (*e->advice)
			fprintf(stderr, "    try: %s\n", e->advice);
	}
	rpc_release((xdrproc_t)xdr_xld_error, e);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	fputs("xl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void on_progress(const char *text, void *arg)
{
	(void)arg;
	if (verbose)
		fprintf(stderr, "xld: %s\n", text);
}

bool daemon_is_remote(void)
{
	return !strncmp(daemon_uri, "tls://", 6) || !strncmp(daemon_uri, "tcp://", 6);
}

static struct rpc_client *client;

struct rpc_client *daemon_client(void)
{
	xld_error err = { 0 };

	if (client)
		return client;
	client = rpc_client_open(daemon_uri, "xl", &err);
	if (!client) {
		show_error(&err);
		exit(EXIT_FAILURE);
	}
	rpc_client_on_progress(client, on_progress, NULL);
	return client;
}

void daemon_reconnect(void)
{
	xld_error err = { 0 };

	rpc_client_close(client);
	while (!(client = rpc_client_open(daemon_uri, "xl", &err))) {
		rpc_release((xdrproc_t)xdr_xld_error, &err);
		usleep(200000);
	}
	rpc_client_on_progress(client, on_progress, NULL);
}

bool call(uint32_t proc, const void *args, void *ret)
{
	xld_error err = { 0 };
	bool ok = rpc_client_call(daemon_client(), proc, args, ret, &err);

	if (!ok)
		show_error(&err);
	return ok;
}

/* --- usage and help --- */

static void print_usage(FILE *f, const struct command *cmd)
{
	fprintf(f, "usage: xl %s%s%s%s\n", cmd->name, cmd->options ? " [OPTIONS]" : "", *cmd->args ? " " : "",
		cmd->args);
	fprintf(f, "%s.\n", cmd->summary);
	if (cmd->options)
		fprintf(f, "\n%s", cmd->options);
}

int next_option(const struct command *cmd, int argc, char **argv, const char *shorts, const struct option *longs)
{
	static const struct option none[] = { { 0 } };
	int opt = getopt_long(argc, argv, shorts, longs ? longs : none, NULL);

	if (opt == 'h') {
		print_usage(stdout, cmd);
		exit(EXIT_SUCCESS);
	}
	if (opt == '?') {
		print_usage(stderr, cmd);
		exit(EXIT_USAGE);
	}
	return opt;
}

void want_args(const struct command *cmd, int argc, int min, int max)
{
	int n = argc - optind;

	if (n >= min && (max < 0 || n <= max))
		return;
	complain(n < min ? "%s: an argument is missing" : "%s: too many arguments", cmd->name);
	print_usage(stderr, cmd);
	exit(EXIT_USAGE);
}

static void list_commands(FILE *f)
{
	fputs("usage: xl [-vNf] [-H URI] [--json-errors] COMMAND [ARGUMENTS]\n\n", f);
	for (size_t g = 0; command_groups[g]; g++)
		for (const struct command *c = command_groups[g]; c->name; c++)
			fprintf(f, "  %-14s %s\n", c->name, c->summary);
	fputs("\n  -v  tell what is being done\n  -N  dry run, for commands that know it\n  -f  accepted, no effect\n"
	      "  -H  ask the xld of another host: tls://HOST[:PORT], tcp://HOST[:PORT], unix:PATH\n"
	      "  --json-errors  errors as JSON\n\n`xl help COMMAND` explains a command.\n", f);
}

/* By name or by a beginning that fits only one. NULL: complained. */
static const struct command *find_command(const char *name)
{
	const struct command *found = NULL;
	unsigned int fits = 0;

	for (size_t g = 0; command_groups[g]; g++) {
		for (const struct command *c = command_groups[g]; c->name; c++) {
			if (!strcmp(c->name, name))
				return c;
			if (*name && !strncmp(c->name, name, strlen(name))) {
				found = c;
				fits++;
			}
		}
	}
	if (fits == 1)
		return found;
	complain(fits ? "command '%s' is ambiguous; `xl help` lists them all"
		      : "there is no command '%s'; `xl help` lists them all", name);
	return NULL;
}

static int cmd_help(const struct command *cmd, int argc, char **argv)
{
	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 0, 1);
	if (optind == argc) {
		list_commands(stdout);
		return EXIT_SUCCESS;
	}
	cmd = find_command(argv[optind]);
	if (!cmd)
		return EXIT_USAGE;
	print_usage(stdout, cmd);
	return EXIT_SUCCESS;
}

void become_tls(void)
{
	char self[PATH_MAX + 1] = "", *path;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	path = xasprintf("%s/xl-tls", n > 0 ? dirname(self) : "/usr/sbin");
	execv(path, all_args);
	complain("cannot run %s, which is xl with TLS: %s", path, strerror(errno));
	exit(EXIT_FAILURE);
}

/* -H, XLD_URI, XLD_SOCKET, or where it is always. */
static void choose_daemon(void)
{
	if (!daemon_uri)
		daemon_uri = getenv("XLD_URI");
	if (!daemon_uri)
		daemon_uri = getenv("XLD_SOCKET");
	if (!daemon_uri)
		daemon_uri = RPC_SOCKET;
	if (!strncmp(daemon_uri, "tls://", 6) && !rpc_tls_new)
		become_tls();
}

static void parse_globals(int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "+vNfhH:", global_options, NULL)) != -1) {
		switch (opt) {
		case 'v': verbose = true; break;
		case 'N': dry_run = true; break;
		case 'f': break;
		case 'H': daemon_uri = optarg; break;
		case 'J': json_errors = true; break;
		case 'h': list_commands(stdout); exit(EXIT_SUCCESS);
		default: list_commands(stderr); exit(EXIT_USAGE);
		}
	}
}

int main(int argc, char **argv)
{
	const struct command *cmd;

	all_args = argv;
	parse_globals(argc, argv);
	choose_daemon();
	if (optind == argc) {
		list_commands(stderr);
		return EXIT_USAGE;
	}
	argc -= optind;
	argv += optind;
	optind = 0;
	if (!strcmp(argv[0], "completion"))
		return complete(argc, argv);
	if (is_absent(argv[0]))
		return EXIT_FAILURE;
	cmd = find_command(argv[0]);
	if (!cmd)
		return EXIT_USAGE;
	if (dry_run && !cmd->dry_run) {
		complain("%s does not know -N (dry run)", cmd->name);
		return EXIT_USAGE;
	}
	return cmd->fn(cmd, argc, argv);
}
