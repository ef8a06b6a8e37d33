/* SPDX-License-Identifier: MIT */
/*
 * Start of a daemon: see daemon.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ev/daemon.h"

int daemon_background(void)
{
	int p[2];
	char c;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	switch (fork()) {
	case -1:
		return -errno;
	case 0:
		close(p[0]);
		setsid();
		return p[1];
	default:
		close(p[1]);
		_exit(read(p[0], &c, 1) == 1 ? 0 : 1);
	}
}

void daemon_ready(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	if (write(fd, "1", 1) != 1)
		fprintf(stderr, "the process that started this daemon has gone\n");
	close(fd);
}

int daemon_write_pid(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	fprintf(f, "%d\n", getpid());
	return fclose(f) ? -errno : 0;
}

static void on_signal(struct ev_fd *w, uint32_t events, void *arg)
{
	struct signalfd_siginfo si;

	(void)events;
	if (read(ev_fd_fd(w), &si, sizeof(si)) == sizeof(si))
		ev_loop_stop(arg);
}

/* From now on these signals come as events. */
static int watch_signals(struct ev_loop *l, const sigset_t *set, ev_fd_fn *fn, void *arg)
{
	int fd;

	sigprocmask(SIG_BLOCK, set, NULL);
	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd >= 0 && ev_fd_add(l, fd, EPOLLIN, fn, arg) ? 0 : -errno;
}

int daemon_stop_on_signals(struct ev_loop *l)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	return watch_signals(l, &set, on_signal, l);
}

static struct {
	void (*fn)(void *arg);
	void *arg;
} hangup;

static void on_hangup(struct ev_fd *w, uint32_t events, void *arg)
{
	struct signalfd_siginfo si;

	(void)events;
	(void)arg;
	if (read(ev_fd_fd(w), &si, sizeof(si)) == sizeof(si))
		hangup.fn(hangup.arg);
}

int daemon_on_hangup(struct ev_loop *l, void (*fn)(void *arg), void *arg)
{
	sigset_t set;

	hangup.fn = fn;
	hangup.arg = arg;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	/* It stays ignored, for processes that unblock it; while it is blocked it is queued all the same. */
	return watch_signals(l, &set, on_hangup, NULL);
}

void daemon_raise_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}
