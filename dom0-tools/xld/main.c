/* SPDX-License-Identifier: MIT */
/*
 * xld: start-up and end of the management daemon.
 *
 * The process that the user starts returns when the daemon answers on its socket, or fails with the reason. One xld per
 * state directory, ensured by a lock on it. SIGTERM and SIGINT end the daemon; domains live on, and the next xld takes
 * them over.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "xld.h"

static const char usage[] =
	"usage: xld [-F] [--socket PATH] [--state DIR] [--log FILE]\n"
	"The management daemon of xen-lite; xl talks to it.\n"
	"  -F, --foreground  do not become a daemon, log to stderr\n"
	"  --socket PATH     listen here (default " RPC_SOCKET ")\n"
	"  --state DIR       remember domains here (default /run/xen-lite)\n"
	"  --log FILE        append the log here (default /var/log/xen-lite/xld.log)\n"
	"  -h, --help        this text\n";

void xld_log(const char *fmt, ...)
{
	time_t now = time(NULL);
	struct tm tm;
	char when[32];
	va_list ap;
	char *s;

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%F %T", &tm);
	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s xld[%d]: %s\n", when, (int)getpid(), s);
	free(s);
}

bool xld_fail(xld_error *err, xld_code code, const char *what, const char *object, const char *advice,
	      const char *fmt, ...)
{
	va_list ap;
	char *cause;

	va_start(ap, fmt);
	cause = xvasprintf(fmt, ap);
	va_end(ap);
	rpc_error_set(err, code, what, object, cause, advice);
	free(cause);
	return false;
}

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	fprintf(stderr, "xld: %s\n", s);
	exit(1);
}

static void parse_options(struct xld *x, int argc, char **argv, bool *foreground)
{
	static const struct option options[] = {
		{ "foreground", no_argument, NULL, 'F' }, { "socket", required_argument, NULL, 's' },
		{ "state", required_argument, NULL, 'd' }, { "log", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	const char *step = getenv("XLD_FAIL_STEP");
	int opt;

	while ((opt = getopt_long(argc, argv, "Fh", options, NULL)) != -1) {
		switch (opt) {
		case 'F': *foreground = true; break;
		case 's': x->socket_path = optarg; break;
		case 'd': x->state_dir = optarg; break;
		case 'l': x->log_path = optarg; break;
		case 'h': fputs(usage, stdout); exit(0);
		default: fputs(usage, stderr); exit(2);
		}
	}
	if (optind < argc)
		die("takes no arguments, only options; see xld --help");
	x->fail_step = step ? atoi(step) : 0;
}

/* The directory of a file, made if it is missing (one level). */
static void make_parent(const char *path)
{
	char *dir = xstrdup(path), *slash = strrchr(dir, '/');

	if (slash && slash != dir) {
		*slash = 0;
		if (mkdir(dir, 0755) && errno != EEXIST)
			die("cannot make %s: %s", dir, strerror(errno));
	}
	free(dir);
}

static void lock_state(const struct xld *x)
{
	char *path = xasprintf("%s/xld.lock", x->state_dir);
	int fd;

	make_parent(path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		die("cannot open %s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB))
		die("another xld is running (%s is locked); stop it first", path);
	free(path);
}

/* The log, once the daemon is ready; until then messages go to who started it. */
static int log_fd = -1;

/* Returns in the daemon, with the descriptor on which to report that it is ready. */
static int daemonise(const struct xld *x)
{
	int fds[2], null;
	char c;

	if (pipe2(fds, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	switch (fork()) {
	case -1:
		die("fork: %s", strerror(errno));
	case 0:
		break;
	default:
		close(fds[1]);
		exit(read(fds[0], &c, 1) == 1 ? 0 : 1);
	}
	close(fds[0]);
	setsid();
	make_parent(x->log_path);
	log_fd = open(x->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (log_fd < 0)
		die("cannot open the log %s: %s", x->log_path, strerror(errno));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, 0);
	dup2(null, 1);
	close(null);
	return fds[1];
}

static void report_ready(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "", 1) != 1)
		xld_log("nobody waits for xld to be ready");
	close(fd);
	dup2(log_fd, 2);
	close(log_fd);
}

static void signal_event(struct ev_fd *w, uint32_t events, void *arg)
{
	struct signalfd_siginfo info;

	(void)events;
	if (read(ev_fd_fd(w), &info, sizeof(info)) == sizeof(info)) {
		xld_log("ends on signal %u", info.ssi_signo);
		ev_loop_stop(arg);
	}
}

static struct ev_fd *watch_signals(struct xld *x)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return mem_check(ev_fd_add(x->loop, fd, EPOLLIN, signal_event, x->loop));
}

static void raise_limits(void)
{
	struct rlimit r;

	if (!getrlimit(RLIMIT_NOFILE, &r)) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static void start(struct xld *x)
{
	char *why;
	int rc = xenctl_open(&x->xc);

	if (rc)
		die("no access to the hypervisor: %s; xld runs in dom0 of a host with xen-lite", strerror(-rc));
	x->loop = mem_check(ev_loop_new());
	if (!life_start(x))
		die("no access to xenstore: %s; start xenstored if it is not running", strerror(errno));
	state_load(x);
	make_parent(x->socket_path);
	if (!server_start(x, &why))
		die("cannot listen on %s", why);
}

static void stop(struct xld *x)
{
	server_stop(x);
	life_stop(x);
	xenctl_close(x->xc);
}

int main(int argc, char **argv)
{
	struct xld x = {
		.socket_path = RPC_SOCKET, .state_dir = "/run/xen-lite", .log_path = "/var/log/xen-lite/xld.log",
	};
	bool foreground = false;
	struct ev_fd *signals;
	int ready = -1, rc;

	parse_options(&x, argc, argv, &foreground);
	raise_limits();
	if (!foreground)
		ready = daemonise(&x);
	lock_state(&x);
	start(&x);
	signals = watch_signals(&x);
	report_ready(ready);
	xld_log("ready on %s", x.socket_path);
	rc = ev_loop_run(x.loop);
	ev_fd_del(signals);
	stop(&x);
	return rc ? 1 : 0;
}
