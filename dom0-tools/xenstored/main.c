/* SPDX-License-Identifier: MIT */
/*
 * xenstored: options, signals, and the loop that ties store, socket and domains together.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"
#include "ev/daemon.h"
#include "server.h"
#include "sock.h"
#include "state.h"

#define DEFAULT_SOCKET	"/run/xenstored/socket"
#define DEFAULT_JOURNAL	"/run/xen-lite/xenstored.journal"

static struct server server;
static struct ev_loop *loop;
static struct ev_timer *continue_timer;

struct options {
	const char *socket, *pid_file, *journal;
	bool no_dom0, daemon;
};

static const char usage[] =
"usage: xenstored [OPTION]...\n"
"  --socket PATH    listen here instead of $XENSTORED_PATH or " DEFAULT_SOCKET "\n"
"  --journal FILE   keep the state here, for the next xenstored if this one dies (" DEFAULT_JOURNAL ",\n"
"                   with --no-dom0 none); should be on a tmpfs; \"none\" for none\n"
"  --no-dom0        serve the socket only: no hypervisor, no domains (for tests)\n"
"  --daemon         go to the background once ready\n"
"  --pid-file FILE  write the process id to FILE\n"
"  --trace          log each request to standard error\n"
"  --help\n";

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "journal", required_argument, NULL, 'j' },
		{ "no-dom0", no_argument, NULL, 'n' },
		{ "daemon", no_argument, NULL, 'd' },
		{ "pid-file", required_argument, NULL, 'p' },
		{ "trace", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *env = getenv("XENSTORED_PATH");
	int opt;

	*o = (struct options){ .socket = env ? env : DEFAULT_SOCKET };
	while ((opt = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		switch (opt) {
		case 's':
			o->socket = optarg;
			break;
		case 'j':
			o->journal = optarg;
			break;
		case 'n':
			o->no_dom0 = true;
			break;
		case 'd':
			o->daemon = true;
			break;
		case 'p':
			o->pid_file = optarg;
			break;
		case 't':
			server.trace = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			return -1;
		}
	}
	if (!o->journal)
		o->journal = o->no_dom0 ? "none" : DEFAULT_JOURNAL;
	if (optind < argc) {
		fprintf(stderr, "xenstored: unexpected argument: %s\n%s", argv[optind], usage);
		return -1;
	}
	return 0;
}

static void on_continue(struct ev_timer *t, void *arg)
{
	(void)t;
	server_continue(arg);
}

static void before_sleep(void *arg)
{
	if (server_settle(arg))
		ev_timer_set(continue_timer, 0);
}

static int start(const struct options *o, char *err, size_t errlen)
{
	int rc;

	loop = ev_loop_new();
	continue_timer = loop ? ev_timer_new(loop, on_continue, &server) : NULL;
	if (!continue_timer || ev_before_sleep(loop, before_sleep, &server) < 0 || daemon_stop_on_signals(loop) < 0) {
		snprintf(err, errlen, "event loop: %s", strerror(errno));
		return -errno;
	}
	rc = strcmp(o->journal, "none") ? state_start(&server, o->journal, err, errlen) : 0;
	if (!rc && !o->no_dom0)
		rc = domains_start(&server, loop, err, errlen);
	if (!rc)
		rc = sock_listen(&server, loop, o->socket, err, errlen);
	if (!rc && o->pid_file) {
		rc = daemon_write_pid(o->pid_file);
		if (rc)
			snprintf(err, errlen, "pid file %s: %s", o->pid_file, strerror(-rc));
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct options o;
	char err[512] = "";
	bool traced;
	int rc, ready = -1;

	if (parse_options(argc, argv, &o) < 0)
		return 2;
	traced = server.trace;
	if (server_init(&server) < 0) {
		fprintf(stderr, "xenstored: out of memory\n");
		return 1;
	}
	server.trace = traced;
	daemon_raise_limits();
	if (o.daemon && (ready = daemon_background()) < 0) {
		fprintf(stderr, "xenstored: cannot go to the background: %s\n", strerror(-ready));
		return 1;
	}
	rc = start(&o, err, sizeof(err));
	if (rc) {
		fprintf(stderr, "xenstored: %s\n", err);
		return 1;
	}
	if (ready >= 0)
		daemon_ready(ready);
	rc = ev_loop_run(loop);
	if (rc)
		fprintf(stderr, "xenstored: event loop: %s\n", strerror(-rc));
	sock_stop();
	state_stop(&server);	/* first: what is taken down from here on is still there for the next daemon */
	if (!o.no_dom0)
		domains_stop(&server);
	server_fini(&server);
	ev_timer_free(continue_timer);
	ev_loop_free(loop);
	if (o.pid_file)
		unlink(o.pid_file);
	return rc ? 1 : 0;
}
