/* SPDX-License-Identifier: MIT */
/*
 * xld: start-up and end of the management daemon.
 *
 * With --daemon, the process that the user starts returns when the daemon answers on its socket, or fails with the
 * reason. One xld per state directory, ensured by a lock on it. SIGTERM and SIGINT end the daemon; domains live on,
 * and the next xld takes them over. SIGHUP has it read its configuration anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ev/daemon.h"
#include "conf.h"
#include "xld.h"

#define LOG_FILE "/var/log/xen-lite/xld.log"

static const char usage[] =
	"usage: xld [OPTION]...\n"
	"The management daemon of xen-lite; xl talks to it.\n"
	"  --socket PATH    listen here (" RPC_SOCKET ")\n"
	"  --listen URI     and here: tls://ADDRESS[:PORT], or tcp://ADDRESS[:PORT] on a link that is trusted\n"
	"  --config FILE    settings (" CONF_FILE ", if it is there)\n"
	"  --state DIR      remember domains here (/run/xen-lite)\n"
	"  --lib DIR        keep what outlives a restart of the host here (/var/lib/xen-lite)\n"
	"  --daemon         go to the background once ready, and log to a file\n"
	"  --log FILE       append the log here (" LOG_FILE "; without --daemon: standard error)\n"
	"  --pid-file FILE  write the process id to FILE\n"
	"  --help\n";

struct options {
	const char *log, *pid_file, *config;
	const char *listen[CONF_LISTEN_MAX];
	unsigned int nr_listen;
	bool daemon;
};

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

static void parse_options(struct xld *x, struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' }, { "state", required_argument, NULL, 'S' },
		{ "lib", required_argument, NULL, 'D' },
		{ "daemon", no_argument, NULL, 'd' }, { "log", required_argument, NULL, 'l' },
		{ "pid-file", required_argument, NULL, 'p' }, { "help", no_argument, NULL, 'h' },
		{ "listen", required_argument, NULL, 'L' }, { "config", required_argument, NULL, 'c' }, { 0 },
	};
	const char *step = getenv("XLD_FAIL_STEP");
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 's': x->socket_path = optarg; break;
		case 'S': x->state_dir = optarg; break;
		case 'D': x->lib_dir = optarg; break;
		case 'd': o->daemon = true; break;
		case 'l': o->log = optarg; break;
		case 'p': o->pid_file = optarg; break;
		case 'c': o->config = optarg; break;
		case 'L':
			if (o->nr_listen == CONF_LISTEN_MAX)
				die("--listen: %d addresses at most", CONF_LISTEN_MAX);
			o->listen[o->nr_listen++] = optarg;
			break;
		case 'h': fputs(usage, stdout); exit(0);
		default: fputs(usage, stderr); exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "xld: unexpected argument: %s\n%s", argv[optind], usage);
		exit(2);
	}
	x->fail_step = step ? atoi(step) : 0;
	x->migrate_point = getenv("XLD_MIGRATE_POINT");
}

static void drop_config(struct xld_conf *conf)
{
	conf_free(conf);
	free(conf);
}

/* The file and the command line. NULL: *why. */
static struct xld_conf *read_config(const struct options *o, char **why)
{
	struct xld_conf *conf = xcalloc(1, sizeof(*conf));
	const char *where = "there are mistakes in the configuration; see xld.conf(5)\n";
	char *cause = NULL;
	bool ok;

	conf_init(conf);
	ok = conf_read(conf, o->config ? o->config : CONF_FILE, o->config, &cause);
	for (unsigned int i = 0; ok && i < o->nr_listen; i++) {
		where = "--listen: ";
		ok = conf_listen(conf, o->listen[i], &cause);
	}
	if (ok)
		return conf;
	*why = xasprintf("%s%s", where, cause);
	free(cause);
	drop_config(conf);
	return NULL;
}

struct daemon {
	struct xld x;
	struct options o;
	struct xld_conf *conf;
};

/* SIGHUP: by the configuration and the certificates as they are now; if they are no good, as before. */
static void reload(void *arg)
{
	struct daemon *d = arg;
	char *why;
	struct xld_conf *conf = read_config(&d->o, &why);

	if (!conf || !server_configure(&d->x, conf, &why)) {
		xld_log("the configuration stays as it was: %s", why);
		free(why);
		if (conf)
			drop_config(conf);
		return;
	}
	rpc_client_set_pki(&conf->pki);
	drop_config(d->conf);
	d->conf = conf;
	xld_log("the configuration was read anew");
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

/* From now on messages go to the log. */
static void redirect_to_log(const char *path)
{
	int fd;

	make_parent(path);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0)
		die("cannot open the log %s: %s", path, strerror(errno));
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static void start(struct xld *x)
{
	char *why;
	int rc = xenctl_open(&x->xc);

	if (rc)
		die("no access to the hypervisor: %s; xld runs in dom0 of a host with xen-lite", strerror(-rc));
	x->loop = mem_check(ev_loop_new());
	rc = daemon_stop_on_signals(x->loop);
	if (rc)
		die("cannot watch for signals: %s", strerror(-rc));
	if (!life_start(x))
		die("no access to xenstore: %s; start xenstored if it is not running", strerror(errno));
	define_load(x);
	state_load(x);
	if (!events_start(x))
		die("there are too many hooks in the event loop");
	make_parent(x->socket_path);
	if (!server_start(x, &why))
		die("cannot listen on %s", why);
}

int main(int argc, char **argv)
{
	struct daemon d = { .x = { .socket_path = RPC_SOCKET, .state_dir = "/run/xen-lite",
				   .lib_dir = "/var/lib/xen-lite" } };
	struct options *o = &d.o;
	struct xld *x = &d.x;
	int ready = -1, rc;
	char *why;

	parse_options(x, o, argc, argv);
	d.conf = read_config(o, &why);
	if (!d.conf)
		die("%s", why);
	rpc_client_set_pki(&d.conf->pki);
	x->conf = d.conf;
	/* Only the daemon's socket will do: the kernel's way to xenstored hangs while that is away. */
	setenv("XENSTORED_PATH", "/run/xenstored/socket", 0);
	daemon_raise_limits();
	if (o->daemon && (ready = daemon_background()) < 0)
		die("cannot go to the background: %s", strerror(-ready));
	lock_state(x);
	start(x);
	rc = o->pid_file ? daemon_write_pid(o->pid_file) : 0;
	if (rc)
		die("cannot write %s: %s", o->pid_file, strerror(-rc));
	if (o->daemon || o->log)
		redirect_to_log(o->log ? o->log : LOG_FILE);
	if (o->daemon)
		daemon_ready(ready);
	server_announce(x);
	rc = daemon_on_hangup(x->loop, reload, &d);
	if (rc)
		xld_log("cannot watch for SIGHUP: %s", strerror(-rc));
	rc = ev_loop_run(x->loop);
	xld_log("ends");
	server_stop(x);
	define_free(x);
	drop_config(d.conf);
	if (o->pid_file)
		unlink(o->pid_file);
	return rc ? 1 : 0;
}
