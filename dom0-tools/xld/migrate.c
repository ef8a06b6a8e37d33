/* SPDX-License-Identifier: MIT */
/*
 * The source of a migration: the call, and the worker that sends the domain and hands it over.
 *
 * The worker goes forward only: offer, stream, the domain's suspend, "prepared" from the target, drained disks, the
 * commit point, "given", "started", "alive". Whatever ends it, the journal says whose the domain is then
 * (migrate_over()): ours, and it runs on; the target's, and our copy goes; or nobody knows yet whether the target has
 * heard of it, and settle.c asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "domcfg/vif.h"
#include "migrate/migrate.h"
#include "move.h"
#include "public/domctl.h"

#define WHAT		"migrate domain"
#define CPUID_MAX	256
#define CAUGHT_UP_MS	60000
#define PREPARED_MS	60000
#define STARTED_MS	15000
#define ALIVE_MS	30000
#define SEND_S		30		/* a target that takes nothing for so long is given up */
#define MAX_DOWNTIME_MS	300

#define FAIL(s, code, advice, ...) xld_fail((s)->err, code, WHAT, (s)->d->name, advice, __VA_ARGS__)

_Static_assert(XLD_LANES_MAX == STREAM_LANES, "as many connections as a stream may go by");

struct sending {
	const struct xld *x;
	const struct dom *d;
	struct move *m;
	struct suspending w;		/* what a save needs too */
	xld_error *err;
	xld_migrated *report;
	int peer;
	int lane[XLD_LANES_MAX];	/* further connections for the stream */
	unsigned int nr_lanes;
	uint64_t started, stopped;	/* ms */
};

/*
 * For tests of what happens when something breaks at this very point: XLD_MIGRATE_POINT=NAME:ACTION in the environment
 * of xld makes the worker kill xld and itself (kill), wait for ever (hang), cut the connection (cut), or stop sending
 * without cutting it (open: the other end hears nothing any more). "hang" and "open" leave a mark in the log.
 */
void migrate_point(const struct xld *x, const char *name, int peer)
{
	const char *want = x->migrate_point;
	size_t n = strlen(name);

	if (!want || strncmp(want, name, n) || want[n] != ':')
		return;
	xld_log("point %s", want);
	if (!strcmp(want + n + 1, "kill")) {
		kill(getppid(), SIGKILL);
		raise(SIGKILL);
	} else if (!strcmp(want + n + 1, "cut")) {
		shutdown(peer, SHUT_RDWR);
	} else {
		pause();
	}
}

#define POINT(s, name) migrate_point((s)->x, name, (s)->peer)

/* --- the offer --- */

/* A network without a MAC has one that is made of the domain's UUID: it is to be the same there. */
static char *config_with_macs(const struct dom *d, const char *json)
{
	struct domcfg_diag diag = { .file = "configuration" };
	struct domcfg cfg;
	char *out = NULL;

	domcfg_init(&cfg);
	if (domcfg_from_json(&cfg, json, strlen(json), &diag) && domcfg_check(&cfg, &diag)) {
		for (size_t i = 0; i < cfg.vif.n; i++) {
			struct cfg_vif c;
			char *why = NULL;

			if (vif_parse(&c, cfg.vif.item[i], &why) && !c.has_mac) {
				vif_mac(c.mac, d->uuid, c.devid == VIF_NO_ID ? 0 : c.devid);
				c.has_mac = true;
				free(cfg.vif.item[i]);
				cfg.vif.item[i] = vif_format(&c);
			}
			vif_free(&c);
			free(why);
		}
		out = domcfg_to_json(&cfg);
	}
	domcfg_diag_free(&diag);
	domcfg_free(&cfg);
	return out;
}

static void on_progress(const char *text, void *arg)
{
	const struct sending *s = arg;

	worker_progress(s->w.progress_fd, "target: %s", text);
}

static bool offer(struct sending *s, struct rpc_client *c)
{
	struct xen_cpuid_leaf *leaf = xcalloc(CPUID_MAX, sizeof(*leaf));
	int n = xenctl_domain_cpuid(s->w.xc, s->d->domid, leaf, CPUID_MAX);
	xld_offer o = { .flags = s->m->flags, .cpu = { .cpu_val = (char *)leaf }, .stream = STREAM_VERSION };
	xld_accepted a;
	struct utsname u;
	bool ok;

	if (n < 0) {
		free(leaf);
		return FAIL(s, XLD_E_HYPERVISOR, "", "cannot ask which CPU it sees: %s", strerror(-n));
	}
	uname(&u);
	o.from = u.nodename;
	o.cpu.cpu_len = (u_int)((size_t)n * sizeof(*leaf));
	o.config = config_with_macs(s->d, s->m->params.config);
	o.next = *s->m->params.next ? config_with_macs(s->d, s->m->params.next) : xstrdup("");
	o.lanes = s->nr_lanes;
	memcpy(o.token, s->m->token, 16);
	rpc_client_on_progress(c, on_progress, s);
	ok = o.config && o.next ? rpc_client_call(c, XLD_MIGRATE_OFFER, &o, &a, s->err)
		      : FAIL(s, XLD_E_CONFIG, "", "its configuration cannot be read back");
	free(leaf);
	free(o.config);
	free(o.next);
	if (ok)
		s->report->host = a.host;
	return ok;
}

/* From now on it carries bytes. */
static bool make_pipe(struct sending *s, struct rpc_client *c, int *fd)
{
	struct timeval t = { .tv_sec = SEND_S };

	*fd = rpc_client_detach(c);
	if (*fd < 0)
		return FAIL(s, XLD_E_UNREACHABLE, "", "the connection to %s broke", s->m->peer);
	setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	return true;
}

/* The target is told whose they are before it gets the offer. */
static bool open_lanes(struct sending *s)
{
	xld_lane l = { 0 };
	xld_nothing nothing;

	memcpy(l.token, s->m->token, 16);
	while (l.number + 1 < s->m->params.connections) {
		struct rpc_client *c = rpc_client_open(s->m->peer, "xld", s->err);

		l.number++;
		if (!c)
			return false;
		if (!rpc_client_call(c, XLD_MIGRATE_LANE, &l, &nothing, s->err)) {
			rpc_client_close(c);
			return false;
		}
		if (!make_pipe(s, c, &s->lane[s->nr_lanes]))
			return false;
		s->nr_lanes++;
	}
	return true;
}

static bool connect_peer(struct sending *s)
{
	bool check = s->m->flags & XLD_MIGRATE_CHECK, ok;
	struct rpc_client *c;

	worker_progress(s->w.progress_fd, "%s: connect to %s", s->d->name, s->m->peer);
	if (!check && !open_lanes(s))
		return false;
	c = rpc_client_open(s->m->peer, "xld", s->err);
	if (!c)
		return false;
	ok = offer(s, c);
	if (ok && !check)
		return make_pipe(s, c, &s->peer);
	rpc_client_close(c);
	return ok;
}

/* --- the stream --- */

static int suspend_now(void *arg)
{
	struct sending *s = arg;

	s->stopped = ev_now_ms();
	return suspend_ask(&s->w);
}

static void *read_nodes(void *arg, size_t *len)
{
	struct sending *s = arg;

	return store_area_read(s->w.xs, s->d->domid, len);
}

static void *read_console(void *arg, size_t *len)
{
	struct sending *s = arg;
	char *path = console_log_path(s->d->name);
	void *p = xcalloc(1, STREAM_CONSOLE_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t n = 0;

	if (size > 0)
		n = pread(fd, p, STREAM_CONSOLE_MAX, size > STREAM_CONSOLE_MAX ? size - STREAM_CONSOLE_MAX : 0);
	*len = n > 0 ? (size_t)n : 0;
	if (fd >= 0)
		close(fd);
	free(path);
	return p;
}

static void progress(void *arg, const struct save_state *p)
{
	struct sending *s = arg;

	worker_job(s->w.progress_fd, p);
}

/* What the target has said before it went away is the better reason. */
static bool broken(struct sending *s, const char *why)
{
	enum commit_kind kind;
	char text[COMMIT_TEXT];

	if (!commit_receive(s->peer, 1000, &kind, text) && kind == COMMIT_FAILED)
		return FAIL(s, XLD_E_BUILD, "", "%s: %s", s->report->host, text);
	return FAIL(s, XLD_E_UNREACHABLE, "see that the other host is well and reachable, and try again", "%s", why);
}

static bool await(struct sending *s, enum commit_kind want, int ms, const char *what)
{
	enum commit_kind kind = 0;
	char text[COMMIT_TEXT] = "";
	int rc = commit_receive(s->peer, ms, &kind, text);

	if (rc)
		return FAIL(s, XLD_E_UNREACHABLE, "`xl migrate-recover` shows how it stands",
			    "the other host has not said that %s: %s", what,
			    rc == -ENODATA ? "the connection has ended" : strerror(-rc));
	if (kind == want)
		return true;
	return FAIL(s, XLD_E_BUILD, "", "%s: %s", s->report->host, *text ? text : "it says something unexpected");
}

/* The connection carries no more than it does: what is on its way when the guest stops is waited for before. */
static int await_caught_up(void *arg)
{
	return await(arg, COMMIT_CAUGHT_UP, CAUGHT_UP_MS, "it has taken what was sent") ? 0 : -ECANCELED;
}

static bool send_stream(struct sending *s)
{
	const struct move_params *q = &s->m->params;
	struct save_params p = {
		.domid = s->d->domid, .config = q->config, .live = !(s->m->flags & XLD_MIGRATE_STOPPED),
		.max_downtime_ms = q->max_downtime_ms ? q->max_downtime_ms : MAX_DOWNTIME_MS,
		.timeout_ms = q->timeout_s * 1000ULL, .on_timeout = (enum save_on_timeout)q->on_timeout,
		.bandwidth = q->bandwidth_kib * 1024ULL, .packing = q->packing,
		.lanes = s->lane, .nr_lanes = s->nr_lanes,
		.caught_up = await_caught_up, .suspend = suspend_now, .nodes = read_nodes, .console = read_console,
		.state = progress, .arg = s,
	};
	struct save_result r = { 0 };
	char why[STREAM_WHY];
	int rc = migrate_save(s->w.xc, &p, s->peer, &r, why);

	s->report->bytes = r.bytes;
	s->report->pages = r.pages;
	s->report->rounds = r.rounds;
	if (!rc && r.maps)
		worker_progress(s->w.progress_fd, "%s: its memory map changed %u times meanwhile", s->d->name, r.maps);
	if (!rc)
		return true;
	if (!*why)
		return false;		/* suspend_now() or await_caught_up() has said why */
	if (rc == -ETIME)
		return FAIL(s, XLD_E_TIMEOUT, "allow more time or downtime, or --on-timeout=throttle", "%s", why);
	return rc == -EPIPE || rc == -ECONNRESET || rc == -EAGAIN || rc == -ETIMEDOUT
		? broken(s, why) : FAIL(s, XLD_E_HYPERVISOR, "", "%s", why);
}

/* --- handing it over --- */

static bool journal(struct sending *s, enum src_state state)
{
	int rc = move_write(s->x, s->m, state);

	return !rc || FAIL(s, XLD_E_INTERNAL, "is there room on the file system?",
			   "cannot write the journal below %s/migrations: %s", s->x->lib_dir, strerror(-rc));
}

static bool drained(struct sending *s)
{
	char why[128];

	return disks_drained(s->w.xs, s->d->domid, why) || FAIL(s, XLD_E_BUSY, "", "its disks are not at rest: %s", why);
}

static bool say_given(struct sending *s)
{
	int rc = commit_send(s->peer, COMMIT_GIVEN, NULL);

	return !rc || FAIL(s, XLD_E_UNREACHABLE, "`xl migrate-recover` shows how it stands",
			   "cannot tell the other host that it is its own now: %s", strerror(-rc));
}

static bool hand_over(struct sending *s)
{
	worker_progress(s->w.progress_fd, "%s: all is sent, await the other host", s->d->name);
	POINT(s, "source-sent");
	/* While the other end gets ready. */
	if (!drained(s) || !await(s, COMMIT_PREPARED, PREPARED_MS, "all has arrived"))
		return false;
	POINT(s, "source-prepared");
	if (!journal(s, SRC_GIVEN))
		return false;
	POINT(s, "source-given");
	if (!say_given(s))
		return false;
	POINT(s, "source-told");
	if (!await(s, COMMIT_STARTED, STARTED_MS, "it runs there"))
		return false;
	POINT(s, "source-started");
	if (!await(s, COMMIT_ALIVE, ALIVE_MS, "it does something there"))
		return false;
	s->report->downtime_ms = ev_now_ms() - s->stopped;
	s->report->total_ms = ev_now_ms() - s->started;
	POINT(s, "source-alive");
	if (!journal(s, SRC_DONE))
		return false;
	commit_send(s->peer, COMMIT_DONE, NULL);	/* if it does not arrive, the target is told later */
	return true;
}

bool migrate_run(const struct xld *x, const struct dom *d, int fd, xld_migrated *report, xld_error *err)
{
	struct sending s = {
		.x = x, .d = d, .m = d->move, .err = err, .report = report, .peer = -1, .started = ev_now_ms(),
		.w = { .d = d, .what = WHAT, .progress_fd = fd, .err = err },
	};

	signal(SIGPIPE, SIG_IGN);
	if (!suspend_connect(&s.w) || !connect_peer(&s))
		return false;
	if (s.m->flags & XLD_MIGRATE_CHECK)
		return true;
	POINT(&s, "source-accepted");
	return journal(&s, SRC_SENDING) && send_stream(&s) && hand_over(&s);
}

/* --- in the daemon --- */

bool migrate_over(struct xld *x, struct dom *d, bool destroy)
{
	struct move *m = d->move;
	struct src_step step;

	move_read(x, m);
	step = src_restart(m->state, true);
	if (!m->state) {		/* it had not begun */
		suspend_undo(x, d);
		move_forget(x, m);
		return destroy;
	}
	if ((int)step.next != m->state && move_write(x, m, step.next))
		return false;		/* without a journal nothing may be done: it stays suspended */
	if (step.act == SRC_RESUME)
		suspend_undo(x, d);
	return destroy || step.act == SRC_DESTROY;
}

bool migrate_comes_here(struct xld *x, const struct dom *d)
{
	struct move *in = d->move ? move_find(x, true, d->move->token) : NULL;
	const struct dom *next = in ? move_dom(x, in) : NULL;

	return next && next->job;
}

/* To this very host there is no wire to save anything on. */
static unsigned int packing_for(const struct xld *x, const char *peer, xld_compress asked)
{
	bool here = !strncmp(peer, "unix:", 5) || *peer == '/';

	return conf_packing(asked, here ? STREAM_UNPACKED : x->conf->packing);
}

bool call_migrate(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_migrate *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, a->name, WHAT, err, &info);
	char *config = NULL, *next, *peer;
	uint8_t token[16];
	struct move *m;

	(void)ret;
	if (a->connections > XLD_LANES_MAX)
		return xld_fail(err, XLD_E_INVALID, WHAT, a->name, "", "%u connections, %u at most", a->connections,
				XLD_LANES_MAX);
	if (!d || !suspend_allowed(x, d, WHAT, &info, err) || !config_for(d, a->config, WHAT, &config, err))
		return false;
	next = d->next_cfg && !*a->config ? domcfg_to_json(d->next_cfg) : xstrdup("");
	uuid_generate(token);
	peer = !strcmp(a->target, "localhost") ? xasprintf("unix:%s", x->socket_path) : xstrdup(a->target);
	m = move_new(x, false, token, d->name, d->uuid, peer, a->flags);
	m->params = (struct move_params){ a->max_downtime_ms, a->timeout_s, a->on_timeout, a->bandwidth_kib,
					  packing_for(x, peer, a->compress), a->connections, config, next };
	d->move = m;
	free(peer);
	dom_ask(d, c, XLD_DOMAIN_MIGRATE, serial, 0);
	job_migrate(x, d);
	*later = true;
	return false;
}
