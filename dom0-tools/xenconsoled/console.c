/* SPDX-License-Identifier: MIT */
/*
 * The console of one domain: see console.h for what is promised.
 *
 * Flow of output: ring -> log file and tail (bounded) -> pty. Flow of input: pty -> ring, read only as far as the ring
 * has room. The pty's other end is held open here too, so that it survives readers coming and going.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "conring.h"
#include "console.h"
#include "logfile.h"
#include "public/grant_table.h"
#include "tail.h"

#define HISTORY_FILE	"/run/xen-lite/console-%u.history"	/* xld leaves it */
#define TAIL_MIN	4096UL		/* what is kept for a pty that is not read */
#define TAIL_MAX	(128UL << 10)
#define RATE		(256UL << 10)	/* bytes a second a guest may write, on average */
#define BURST		(1UL << 20)
#define PAUSE_MS	50
#define LINGER_MS	1000		/* how long a reader may take for the last words of a domain that is gone */
#define PUBLISH_TRIES	10		/* somebody else changes the same nodes */
#define MAX_EVENTS	64U		/* between two pauses */

struct console {
	struct console *next;
	struct consoled *all;
	uint32_t domid;

	struct conring ring;
	void *page;			/* NULL: not connected */
	bool granted;			/* how page is mapped */
	uint64_t ring_ref;		/* as in the store */
	uint32_t remote_port;
	int port;
	bool published;			/* its pty is in the store */
	bool broken;			/* the guest writes nonsense: leave it alone until it is connected anew */
	uint64_t ending;		/* 0, or the domain is gone: ms until the pty goes too */

	int master, slave;
	struct ev_fd *watch;
	uint32_t events;
	struct tail tail;

	struct logfile log;
	bool log_failed;		/* said so once */
	bool history;			/* there is one that is not in the log yet */

	size_t budget;			/* bytes that may be taken now */
	uint64_t refilled;		/* ms */
	unsigned int fired;		/* events since the last pause */
	bool masked;			/* too many: the port stays masked until the timer */
	struct ev_timer *timer;		/* running: the guest is being slowed down */
};

struct console *console_find(struct consoled *all, uint32_t domid)
{
	struct console *c = all->list;

	while (c && (c->domid != domid || c->ending))
		c = c->next;
	return c;
}

/* --- the pty --- */

static void set_events(struct console *c)
{
	uint32_t want = (c->page && !c->broken && conring_room(&c->ring) ? EPOLLIN : 0) |
			(c->tail.used ? EPOLLOUT : 0);

	if (c->watch && want != c->events) {
		c->events = want;
		ev_fd_set(c->watch, want);
	}
}

static void write_pty(struct console *c)
{
	size_t len;
	const char *p;

	while (p = tail_peek(&c->tail, &len), len) {
		ssize_t n = write(c->master, p, len);

		if (n <= 0)
			break;
		tail_drop(&c->tail, n);
	}
}

/* Nobody reads: what the terminal has buffered is older than all we keep, so that goes first. */
static void offer(struct console *c, const char *data, size_t len)
{
	if (len > c->tail.size - c->tail.used) {
		tcflush(c->slave, TCIFLUSH);
		write_pty(c);
	}
	tail_put(&c->tail, data, len);
}

static void read_pty(struct console *c)
{
	char buf[sizeof(((struct xencons_interface *)0)->in)];
	unsigned int room = conring_room(&c->ring), put = 0;
	ssize_t n = room ? read(c->master, buf, room) : 0;

	while (n > 0 && put < n) {
		int rc = conring_write(&c->ring, buf + put, n - put);

		if (rc <= 0)
			break;
		put += rc;
	}
	if (put)
		xenctl_evtchn_notify(c->all->ec, c->port);
}

static void on_pty(struct ev_fd *w, uint32_t events, void *arg)
{
	struct console *c = arg;

	(void)w;
	if (events & EPOLLOUT)
		write_pty(c);
	if ((events & EPOLLIN) && c->page && !c->broken)
		read_pty(c);
	set_events(c);
}

static int open_pty(struct console *c)
{
	struct termios t;
	char name[64];

	c->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (c->master < 0 || grantpt(c->master) < 0 || unlockpt(c->master) < 0)
		return -errno;
	if (ptsname_r(c->master, name, sizeof(name)) != 0)
		return -errno;
	c->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->slave < 0 || tcgetattr(c->slave, &t) < 0)
		return -errno;
	cfmakeraw(&t);
	if (tcsetattr(c->slave, TCSANOW, &t) < 0)
		return -errno;
	c->watch = ev_fd_add(c->all->loop, c->master, c->events, on_pty, c);
	return c->watch ? 0 : -errno;
}

/* Only beside the nodes that describe the console: the domain may be gone, and its directory must not come back. */
static bool try_publish(struct console *c, const char *name)
{
	xs_transaction_t t = xs_transaction_start(c->all->xs);
	char path[64], *there;
	bool ok;

	if (t == XBT_NULL)
		return false;
	snprintf(path, sizeof(path), "/local/domain/%u/console/tty", c->domid);
	there = xs_readf(c->all->xs, t, "/local/domain/%u/console/ring-ref", c->domid);
	ok = there && xs_write(c->all->xs, t, path, name, strlen(name));
	free(there);
	return xs_transaction_end(c->all->xs, t, !ok) && ok;
}

static void publish_pty(struct console *c)
{
	char name[64];
	bool ok = false;

	if (ptsname_r(c->master, name, sizeof(name)) != 0)
		return;
	for (int i = 0; i < PUBLISH_TRIES && !ok; i++) {
		errno = 0;
		ok = try_publish(c, name);
		if (errno != EAGAIN)
			break;
	}
	c->published = ok;
	if (!ok && errno && errno != ENOENT)
		fprintf(stderr, "xenconsoled: domain %u: cannot tell its tty: %s\n", c->domid, strerror(errno));
}

/* --- output of the guest --- */

static void log_raw(struct console *c, const char *data, size_t len)
{
	int rc = c->all->log_dir ? logfile_write(&c->log, data, len) : 0;

	if (rc && !c->log_failed)
		fprintf(stderr, "xenconsoled: %s: %s; output is being lost\n", c->log.path, strerror(-rc));
	c->log_failed = rc;
}

/* A domain that has come from another host: what it has said there. */
static void take_history(struct console *c, void (*to)(struct console *c, const char *data, size_t len))
{
	char path[64], buf[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), HISTORY_FILE, c->domid);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	c->history = fd >= 0;
	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		to(c, buf, (size_t)n);
	if (fd >= 0)
		close(fd);
}

static void forget_history(struct console *c)
{
	char path[64];

	snprintf(path, sizeof(path), HISTORY_FILE, c->domid);
	if (c->history)
		unlink(path);
	c->history = false;
}

static void log_history(struct console *c)
{
	if (c->history)
		take_history(c, log_raw);
	forget_history(c);
}

/* Until it says something, or xld that it is here to stay, a domain that arrives leaves no log. */
static void log_output(struct console *c, const char *data, size_t len)
{
	log_history(c);
	log_raw(c, data, len);
}

static void refill(struct console *c)
{
	uint64_t now = ev_now_ms(), more = (now - c->refilled) * RATE / 1000;

	if (!more)
		return;
	c->refilled = now;
	if (more >= RATE * PAUSE_MS / 1000)
		c->fired = 0;
	c->budget = c->budget + more > BURST ? BURST : c->budget + more;
}

/* Take what the ring holds. With force the rate does not matter: the domain is gone. */
static void take_output(struct console *c, bool force)
{
	char buf[2048];
	bool moved = false;
	int n = 0;

	refill(c);
	for (unsigned int i = 0; i < 8 && (force || c->budget >= sizeof(buf)); i++) {
		n = conring_peek(&c->ring, buf, sizeof(buf));
		if (n <= 0)
			break;
		moved = true;
		if (!force)
			c->budget -= n;
		log_output(c, buf, n);
		conring_took(&c->ring, n);
		offer(c, buf, n);
	}
	if (n < 0) {
		c->broken = true;
		fprintf(stderr, "xenconsoled: domain %u: impossible index in its console ring; ignoring it\n",
			c->domid);
	}
	if (n > 0 && !ev_timer_armed(c->timer))	/* there may be more */
		ev_timer_set(c->timer, c->budget >= sizeof(buf) ? 0 : PAUSE_MS);
	else if (c->budget < sizeof(buf) && !ev_timer_armed(c->timer))
		ev_timer_set(c->timer, PAUSE_MS);
	if (moved && !force)
		xenctl_evtchn_notify(c->all->ec, c->port);
}

static void work(struct console *c)
{
	if (!c->page || c->broken)
		return;
	take_output(c, false);
	write_pty(c);
	set_events(c);
}

static bool all_read(const struct console *c)
{
	int left;

	return !c->tail.used && !ioctl(c->slave, FIONREAD, &left) && !left;
}

static void on_timer(struct ev_timer *t, void *arg)
{
	struct console *c = arg;

	if (c->ending) {
		if (all_read(c) || ev_now_ms() >= c->ending)
			console_free(c);
		else
			ev_timer_set(t, PAUSE_MS);
		return;
	}
	c->fired = 0;
	if (c->masked && c->port > 0)
		xenctl_evtchn_unmask(c->all->ec, c->port);
	c->masked = false;
	work(c);
}

/* A guest that fires all the time is heard once in a while. */
static void unmask(struct console *c)
{
	if (++c->fired < MAX_EVENTS) {
		xenctl_evtchn_unmask(c->all->ec, c->port);
		return;
	}
	c->masked = true;
	if (!ev_timer_armed(c->timer))
		ev_timer_set(c->timer, PAUSE_MS);
}

void console_event(struct consoled *all, int port)
{
	struct console *c = all->list;

	while (c && c->port != port)
		c = c->next;
	if (!c)
		return;
	unmask(c);
	if (!ev_timer_armed(c->timer))
		work(c);
	else
		set_events(c);
}

void console_event_all(struct consoled *all)
{
	for (struct console *c = all->list; c; c = c->next) {
		if (c->port > 0)
			xenctl_evtchn_unmask(all->ec, c->port);
		work(c);
	}
}

/* --- connecting --- */

static void disconnect(struct console *c)
{
	if (c->port > 0)
		xenctl_evtchn_unbind(c->all->ec, c->port);
	c->port = -1;
	if (c->page && c->granted)
		xenctl_gnttab_unmap(c->all->gt, c->page, 1);
	else if (c->page)
		xenctl_unmap(c->page, 1);
	c->page = NULL;
	c->broken = false;
}

static int map_ring(struct console *c, uint64_t ring_ref)
{
	uint32_t ref = GNTTAB_RESERVED_CONSOLE;
	int rc = xenctl_gnttab_map(c->all->gt, c->domid, &ref, 1, PROT_READ | PROT_WRITE, &c->page);

	c->granted = !rc;
	if (rc)
		rc = xenctl_map_foreign_page(c->all->xc, c->domid, PROT_READ | PROT_WRITE, ring_ref, &c->page);
	if (rc)
		c->page = NULL;
	return rc;
}

static void connect_ring(struct console *c, uint64_t ring_ref, uint32_t port)
{
	int rc;

	disconnect(c);
	rc = map_ring(c, ring_ref);
	if (!rc) {
		rc = c->port = xenctl_evtchn_bind_interdomain(c->all->ec, c->domid, port);
		if (rc < 0)
			disconnect(c);
	}
	if (rc < 0) {
		fprintf(stderr, "xenconsoled: domain %u: cannot connect to its console (ring %llu, port %u): %s\n",
			c->domid, (unsigned long long)ring_ref, port, strerror(-rc));
		return;
	}
	c->ring_ref = ring_ref;
	c->remote_port = port;
	conring_init(&c->ring, c->page);
	publish_pty(c);
	work(c);
}

/* A node with a number, below the domain's directory. */
static bool read_number(struct console *c, const char *node, uint64_t *v)
{
	char *s = xs_readf(c->all->xs, XBT_NULL, "/local/domain/%u/%s", c->domid, node), *end;
	bool ok;

	if (!s)
		return false;
	errno = 0;
	*v = strtoull(s, &end, 10);
	ok = *s >= '0' && *s <= '9' && !*end && !errno;
	free(s);
	return ok;
}

/* Another daemon may serve the console (type "ioemu"). */
static bool is_ours(struct console *c)
{
	char *s = xs_readf(c->all->xs, XBT_NULL, "/local/domain/%u/console/type", c->domid);
	bool yes = !s || !strcmp(s, "xenconsoled");

	free(s);
	return yes;
}

void console_update(struct console *c)
{
	uint64_t ring_ref, port, stays;

	if (c->history && read_number(c, "console/stays", &stays))
		log_history(c);
	if (!read_number(c, "console/ring-ref", &ring_ref) || !read_number(c, "console/port", &port) ||
	    port > UINT32_MAX || !is_ours(c))
		return;
	if (!c->page || c->ring_ref != ring_ref || c->remote_port != port)
		connect_ring(c, ring_ref, port);
	else if (!c->published)
		publish_pty(c);
}

/* Changes of its directory in the store come as events whose token is the domain's number. */
static void watch_path(const struct console *c, char path[64], char token[16])
{
	snprintf(path, 64, "/local/domain/%u/console", c->domid);
	snprintf(token, 16, "%u", c->domid);
}

static void watch(struct console *c)
{
	char path[64], token[16];

	watch_path(c, path, token);
	if (!xs_watch(c->all->xs, path, token))
		fprintf(stderr, "xenconsoled: cannot watch %s: %s\n", path, strerror(errno));
}

static void unwatch(struct console *c)
{
	char path[64], token[16];

	watch_path(c, path, token);
	if (c->all->xs)
		xs_unwatch(c->all->xs, path, token);
}

void console_watch_all(struct consoled *all)
{
	for (struct console *c = all->list; c; c = c->next)
		if (!c->ending)
			watch(c);
}

static void open_log(struct console *c)
{
	char *name = xs_readf(c->all->xs, XBT_NULL, "/local/domain/%u/name", c->domid), fallback[24];
	int rc;

	snprintf(fallback, sizeof(fallback), "domain-%u", c->domid);
	rc = logfile_init(&c->log, c->all->log_dir, name && *name ? name : fallback, c->all->log_limit);
	if (rc)
		fprintf(stderr, "xenconsoled: domain %u: log %s: %s\n", c->domid, c->log.path, strerror(-rc));
	free(name);
}

struct console *console_new(struct consoled *all, uint32_t domid)
{
	struct console *c = calloc(1, sizeof(*c));
	uint64_t limit = TAIL_MAX;
	int rc;

	if (!c)
		return NULL;
	*c = (struct console){ .all = all, .domid = domid, .port = -1, .master = -1, .slave = -1, .budget = BURST,
			       .refilled = ev_now_ms(), .log.fd = -1, .next = all->list };
	all->list = c;
	read_number(c, "console/limit", &limit);
	limit = limit < TAIL_MIN ? TAIL_MIN : limit > TAIL_MAX ? TAIL_MAX : limit;
	c->timer = ev_timer_new(all->loop, on_timer, c);
	rc = c->timer ? tail_init(&c->tail, limit) : -ENOMEM;
	if (!rc)
		rc = open_pty(c);
	if (rc) {
		fprintf(stderr, "xenconsoled: domain %u: no console: %s\n", domid, strerror(-rc));
		console_free(c);
		return NULL;
	}
	if (all->log_dir)
		open_log(c);
	take_history(c, offer);
	watch(c);
	return c;
}

/* Takes the last output and lets go of the domain. */
static void leave_domain(struct console *c)
{
	if (c->page && !c->broken)
		take_output(c, true);
	if (c->watch) {
		unwatch(c);
		write_pty(c);
	}
	disconnect(c);
}

/*
 * Who reads its console, or has just asked where that is, gets the rest: a domain may be gone before a reader is there.
 */
static void begin_end(struct console *c)
{
	leave_domain(c);
	c->ending = ev_now_ms() + LINGER_MS;
	set_events(c);
	ev_timer_set(c->timer, PAUSE_MS);
}

void console_free(struct console *c)
{
	struct console **p = &c->all->list;

	if (!c->ending)
		leave_domain(c);
	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	ev_fd_del(c->watch);
	if (c->slave >= 0)
		close(c->slave);
	if (c->master >= 0)
		close(c->master);
	ev_timer_free(c->timer);
	tail_free(&c->tail);
	logfile_close(&c->log);
	forget_history(c);
	free(c);
}

void console_reap(struct consoled *all)
{
	struct console *c, *next;

	for (c = all->list; c; c = next) {
		struct xenctl_dominfo info;
		int rc;

		next = c->next;
		if (c->ending)
			continue;
		rc = xenctl_domain_info(all->xc, c->domid, &info);
		if (rc == -ESRCH || (!rc && info.dying))
			begin_end(c);
		else
			work(c);
	}
}
