/* SPDX-License-Identifier: MIT */
/*
 * xenconsoled: follows which domains exist, and serves the consoles of all of them.
 *
 * The store tells of new and gone domains and of changes below a domain's console directory (token: its number).
 * Should the store go away, consoles go on, and it is asked again every second.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "ev/daemon.h"

#define LOG_DIR		"/var/log/xen/console"
#define LOG_LIMIT	(16UL << 20)
#define MAX_LIST	512U

static struct consoled consoled;
static struct ev_fd *xs_watch_fd;
static struct ev_timer *xs_retry;

static const char usage[] =
"usage: xenconsoled [OPTION]...\n"
"  --log-dir DIR    logs go to DIR/guest-NAME.log (" LOG_DIR "); \"none\": no logs\n"
"  --log-limit MIB  size at which a log is shifted to .log.1 (16)\n"
"  --daemon         go to the background once ready\n"
"  --pid-file FILE  write the process id to FILE\n"
"  --help\n";

struct options {
	const char *log_dir, *pid_file;
	unsigned long log_mib;
	bool daemon;
};

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "log-dir", required_argument, NULL, 'l' },
		{ "log-limit", required_argument, NULL, 'm' },
		{ "daemon", no_argument, NULL, 'd' },
		{ "pid-file", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	char *end;
	int opt;

	*o = (struct options){ .log_dir = LOG_DIR, .log_mib = LOG_LIMIT >> 20 };
	while ((opt = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		switch (opt) {
		case 'l':
			o->log_dir = strcmp(optarg, "none") ? optarg : NULL;
			break;
		case 'm':
			o->log_mib = strtoul(optarg, &end, 10);
			if (*end || !o->log_mib || o->log_mib > 65536) {
				fprintf(stderr, "xenconsoled: --log-limit %s: not a number from 1 to 65536\n", optarg);
				return -1;
			}
			break;
		case 'd':
			o->daemon = true;
			break;
		case 'p':
			o->pid_file = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			return -1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "xenconsoled: unexpected argument: %s\n%s", argv[optind], usage);
		return -1;
	}
	return 0;
}

/* --- which domains there are --- */

static void take_in(struct consoled *all, const struct xenctl_dominfo *info)
{
	struct console *c = console_find(all, info->domid);

	if (info->domid == 0 || info->dying)
		return;
	if (!c) {
		if (!xs_is_domain_introduced(all->xs, info->domid))
			return;		/* still being built: not all nodes are there */
		c = console_new(all, info->domid);
		if (!c)
			return;
	}
	console_update(c);
}

static void look_for_new(struct consoled *all)
{
	static struct xenctl_dominfo list[MAX_LIST];
	uint32_t first = 0;
	int n;

	do {
		n = xenctl_domain_list(all->xc, first, list, MAX_LIST);
		for (int i = 0; i < n; i++)
			take_in(all, &list[i]);
		if (n > 0)
			first = list[n - 1].domid + 1;
	} while (n == MAX_LIST);
}

/* --- the store --- */

static void lose_store(struct consoled *all)
{
	fprintf(stderr, "xenconsoled: lost the connection to xenstored; trying again every second\n");
	ev_fd_del(xs_watch_fd);
	xs_watch_fd = NULL;
	xs_close(all->xs);
	all->xs = NULL;
	ev_timer_set(xs_retry, 1000);
}

static void on_store_event(struct consoled *all, char **e)
{
	const char *path = e[XS_WATCH_PATH];
	struct console *c;

	if (!strcmp(path, "@introduceDomain")) {
		look_for_new(all);
	} else if (!strcmp(path, "@releaseDomain")) {
		console_reap(all);
	} else {
		c = console_find(all, strtoul(e[XS_WATCH_TOKEN], NULL, 10));
		if (c)
			console_update(c);
	}
}

/* Events may have been queued while a reply was awaited, so this runs before each sleep as well. */
static void drain_store(void *arg)
{
	struct consoled *all = arg;
	char **e;

	while (all->xs) {
		e = xs_check_watch(all->xs);
		if (!e) {
			if (errno != EAGAIN)
				lose_store(all);
			return;
		}
		on_store_event(all, e);
		free(e);
	}
}

static void on_store(struct ev_fd *w, uint32_t events, void *arg)
{
	(void)w;
	(void)events;
	drain_store(arg);
}

static int open_store(struct consoled *all)
{
	int rc = 0;

	all->xs = xs_open(XS_ONE_DAEMON);
	if (!all->xs)
		return -errno;
	if (!xs_watch(all->xs, "@introduceDomain", "new") || !xs_watch(all->xs, "@releaseDomain", "gone"))
		rc = -errno;
	else
		console_watch_all(all);
	xs_watch_fd = rc ? NULL : ev_fd_add(all->loop, xs_fileno(all->xs), EPOLLIN, on_store, all);
	if (!rc && !xs_watch_fd)
		rc = -errno;
	if (rc) {
		xs_close(all->xs);
		all->xs = NULL;
	}
	return rc;
}

static void on_retry(struct ev_timer *t, void *arg)
{
	if (open_store(arg) < 0)
		ev_timer_set(t, 1000);
	else
		fprintf(stderr, "xenconsoled: xenstored is back\n");
}

/* --- event channels, start --- */

static void on_evtchn(struct ev_fd *w, uint32_t events, void *arg)
{
	struct consoled *all = arg;
	int port;

	(void)w;
	(void)events;
	for (int n = 0; n < 64 && (port = xenctl_evtchn_pending(all->ec)) != 0; n++) {
		if (port > 0)
			console_event(all, port);
		else
			console_event_all(all);
	}
}

static void make_log_dir(const char *path)
{
	char dir[256];

	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(p - path), path);
		mkdir(dir, 0755);
	}
	mkdir(path, 0750);	/* opening the logs says it if this failed */
}

static int start(struct consoled *all, char *err, size_t errlen)
{
	const char *what = "event loop";
	int rc = -ENOMEM;

	all->loop = ev_loop_new();
	xs_retry = all->loop ? ev_timer_new(all->loop, on_retry, all) : NULL;
	if (xs_retry && !ev_before_sleep(all->loop, drain_store, all))
		rc = daemon_stop_on_signals(all->loop);
	if (!rc) {
		what = "/dev/xen/privcmd";
		rc = xenctl_open(&all->xc);
	}
	if (!rc) {
		what = "/dev/xen/evtchn";
		rc = xenctl_evtchn_open(&all->ec);
	}
	if (!rc) {
		what = "/dev/xen/gntdev";
		rc = xenctl_gnttab_open(&all->gt);
	}
	if (!rc) {
		what = "event loop";
		rc = ev_fd_add(all->loop, xenctl_evtchn_fd(all->ec), EPOLLIN, on_evtchn, all) ? 0 : -errno;
	}
	if (!rc) {
		what = "connection to xenstored (is it running?)";
		rc = open_store(all);
	}
	if (rc)
		snprintf(err, errlen, "%s: %s; this must run in dom0, after xenstored", what, strerror(-rc));
	return rc;
}

static void stop(struct consoled *all)
{
	while (all->list)
		console_free(all->list);
	ev_fd_del(xs_watch_fd);
	xs_close(all->xs);
	xenctl_gnttab_close(all->gt);
	xenctl_evtchn_close(all->ec);
	xenctl_close(all->xc);
	ev_timer_free(xs_retry);
	ev_loop_free(all->loop);
}

int main(int argc, char **argv)
{
	struct options o;
	char err[256];
	int rc, ready = -1;

	if (parse_options(argc, argv, &o) < 0)
		return 2;
	consoled.log_dir = o.log_dir;
	consoled.log_limit = o.log_mib << 20;
	if (o.log_dir)
		make_log_dir(o.log_dir);
	daemon_raise_limits();
	if (o.daemon && (ready = daemon_background()) < 0) {
		fprintf(stderr, "xenconsoled: cannot go to the background: %s\n", strerror(-ready));
		return 1;
	}
	rc = start(&consoled, err, sizeof(err));
	if (!rc && o.pid_file) {
		rc = daemon_write_pid(o.pid_file);
		if (rc)
			snprintf(err, sizeof(err), "pid file %s: %s", o.pid_file, strerror(-rc));
	}
	if (rc) {
		fprintf(stderr, "xenconsoled: %s\n", err);
		return 1;
	}
	if (ready >= 0)
		daemon_ready(ready);
	rc = ev_loop_run(consoled.loop);
	stop(&consoled);
	if (o.pid_file)
		unlink(o.pid_file);
	return rc ? 1 : 0;
}
