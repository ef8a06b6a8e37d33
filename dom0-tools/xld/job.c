/* SPDX-License-Identifier: MIT */
/*
 * Jobs: one forked worker process for each long operation (create, destroy, a device, save, both ends of a migration),
 * at most one per domain.
 *
 * A worker tells what it does and how it ended through a socket pair, in the messages of the RPC protocol: progress
 * events, then one reply. It holds no descriptor of the daemon but its end of the pair and its log, opens its own
 * handles to the hypervisor and to xenstored, and is killed when the daemon dies.
 *
 * A create that ends in any way but success is followed by a destroy job, and an attach by a detach by force; only then
 * is the failure reported. A destroy cancels any other job of the domain.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "domcfg/disk.h"
#include "migrate/migrate.h"
#include "move.h"

enum job_kind {
	JOB_CREATE, JOB_DESTROY, JOB_ATTACH, JOB_DETACH, JOB_RESIZE, JOB_REVIVE, JOB_RELEASE, JOB_SAVE, JOB_MIGRATE,
	JOB_RECEIVE, JOB_DUMP,
};

struct job {
	struct xld *x;
	struct dom *dom;
	enum job_kind kind;
	bool cancelled;			/* the domain is to go */
	bool stopped;			/* somebody has stopped it */
	pid_t pid;
	time_t started;
	uint64_t started_ms;
	char *text;			/* what it does, as it says */
	xld_job state;			/* numbers only */
	struct rpc_stream s;
	struct ev_fd *watch;
	struct ev_timer *stillborn;	/* fires at once when the worker could not be started */
	bool answered;			/* the worker's reply is here: */
	bool ok;
	xld_created created;
	xld_received received;
	xld_migrated migrated;
	xld_error error;
};

/* As `xl jobs` has them, and as errors say what was attempted. */
static const struct {
	const char *name, *what;
} kinds[] = {
	[JOB_CREATE] = { "create", "create domain" }, [JOB_DESTROY] = { "destroy", "destroy domain" },
	[JOB_ATTACH] = { "attach", "attach a device to" }, [JOB_DETACH] = { "detach", "detach a device from" },
	[JOB_RESIZE] = { "resize", "resize a disk of" }, [JOB_REVIVE] = { "revive", "revive a device of" },
	[JOB_RELEASE] = { "release", "release the devices of" }, [JOB_SAVE] = { "save", "save domain" },
	[JOB_MIGRATE] = { "migrate", "migrate domain" }, [JOB_RECEIVE] = { "receive", "receive domain" },
	[JOB_DUMP] = { "dump", "dump the core of" },
};

static const char *job_what(const struct job *j)
{
	return kinds[j->kind].what;
}

const char *job_text(const struct dom *d)
{
	return job_what(d->job);
}

/* --- in the worker --- */

void worker_send(int fd, const struct rpc_header *h, xdrproc_t xdr, const void *obj)
{
	struct rpc_stream s;

	rpc_stream_init(&s, fd);
	if (rpc_stream_queue(&s, h, xdr, obj))
		rpc_stream_flush(&s);
	s.fd = -1;
	rpc_stream_close(&s);
}

void worker_progress(int fd, const char *fmt, ...)
{
	struct rpc_header h = { .program = XLD_PROGRAM, .version = XLD_VERSION, .proc = XLD_EVENT_PROGRESS,
				.type = XLD_EVENT };
	xld_progress p;
	va_list ap;

	va_start(ap, fmt);
	p.text = xvasprintf(fmt, ap);
	va_end(ap);
	worker_send(fd, &h, (xdrproc_t)xdr_xld_progress, &p);
	free(p.text);
}

void worker_percent(int fd, const char *name, unsigned int *last, uint64_t done, uint64_t total)
{
	unsigned int percent = (unsigned int)(done * 100 / total);

	if (percent / 10 == *last / 10 && percent != 100)
		return;
	*last = percent;
	worker_progress(fd, "%s: %u %% of %llu MiB", name, percent, (unsigned long long)total >> 8);
}

void worker_job(int fd, const struct save_state *s)
{
	struct rpc_header h = { .program = XLD_PROGRAM, .version = XLD_VERSION, .proc = XLD_EVENT_WORKER,
				.type = XLD_EVENT };
	xld_job o = { .domain = (char *)"", .kind = (char *)"", .text = (char *)"", .done = s->done, .total = s->total,
		      .rate = s->rate, .dirty_rate = s->dirty_rate, .round = s->round,
		      .expected_ms = (u_int)s->expected_ms };

	worker_send(fd, &h, (xdrproc_t)xdr_xld_job, &o);
}

#define PEER_FD 4

/* Keep fd (as 3), n peers (from 4 on) and the standard descriptors; everything else is the daemon's. */
static int worker_descriptors(int fd, int *peer, unsigned int n)
{
	fd = fcntl(fd, F_DUPFD_CLOEXEC, PEER_FD + XLD_LANES_MAX);
	for (unsigned int i = 0; i < n; i++)
		peer[i] = fcntl(peer[i], F_DUPFD_CLOEXEC, PEER_FD + XLD_LANES_MAX);
	dup3(fd, 3, O_CLOEXEC);
	for (unsigned int i = 0; i < n; i++)
		dup3(peer[i], PEER_FD + (int)i, O_CLOEXEC);
	close_range(PEER_FD + n, ~0U, 0);
	return 3;
}

/* What a worker has to say when it has succeeded. */
struct result {
	xld_created created;
	xld_received received;
	xld_migrated migrated;
};

static bool worker_run(const struct job *j, int fd, struct result *r, xld_error *err)
{
	switch (j->kind) {
	case JOB_CREATE:	return create_run(j->x, j->dom, fd, &r->created, err);
	case JOB_DESTROY:	return destroy_run(j->dom, fd, err);
	case JOB_ATTACH:	return attach_run(j->x, j->dom, fd, err);
	case JOB_DETACH:	return detach_run(j->dom, fd, err);
	case JOB_RESIZE:	return resize_run(j->dom, fd, err);
	case JOB_REVIVE:	return revive_run(j->dom, fd, err);
	case JOB_RELEASE:	return release_run(j->dom, fd, err);
	case JOB_SAVE:		return save_run(j->dom, fd, err);
	case JOB_MIGRATE:	return migrate_run(j->x, j->dom, fd, &r->migrated, err);
	case JOB_RECEIVE:	return receive_run(j->x, j->dom, fd, PEER_FD, &r->received, err);
	case JOB_DUMP:		return dump_run(j->dom, fd, err);
	}
	return false;
}

/* The connections of an offer as pipes, the one that it came by first. How many, or -errno. */
static int take_peers(const struct offer *o, int peer[XLD_LANES_MAX])
{
	int n = 0;

	peer[n] = rpc_stream_detach(client_stream(o->client));
	while (peer[n] >= 0 && (unsigned int)n < o->nr_lanes) {
		peer[n + 1] = rpc_stream_detach(client_stream(o->lane[n]));
		n++;
	}
	return peer[n] < 0 ? peer[n] : n + 1;
}

__attribute__((noreturn))
static void worker_main(const struct job *j, int fd, pid_t parent)
{
	struct rpc_header h = { .program = XLD_PROGRAM, .version = XLD_VERSION, .type = XLD_REPLY,
				.proc = j->kind == JOB_MIGRATE ? XLD_DOMAIN_MIGRATE : XLD_DOMAIN_CREATE };
	struct result r = { .migrated.host = (char *)"" };
	int peer[XLD_LANES_MAX], peers = j->kind == JOB_RECEIVE ? take_peers(j->dom->offer, peer) : 0;
	xld_error err = { 0 };
	sigset_t none;
	bool ok;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (peers < 0)
		_exit(1);
	fd = worker_descriptors(fd, peer, (unsigned int)peers);
	last_words_begin(NULL);
	ok = worker_run(j, fd, &r, &err);
	if (!ok)
		h.status = XLD_ERROR;
	if (ok && j->kind == JOB_MIGRATE)
		worker_send(fd, &h, (xdrproc_t)xdr_xld_migrated, &r.migrated);
	else if (ok && j->kind == JOB_RECEIVE)
		worker_send(fd, &h, (xdrproc_t)xdr_xld_received, &r.received);
	else if (ok)
		worker_send(fd, &h, (xdrproc_t)xdr_xld_created, &r.created);
	else
		worker_send(fd, &h, (xdrproc_t)xdr_xld_error, &err);
	_exit(0);
}

/* --- in the daemon --- */

static void tell(struct job *j, const char *text)
{
	free(j->text);
	j->text = xstrdup(text);
	dom_progress(j->dom, text);
}

static void take_text(struct job *j, const uint8_t *body, size_t len)
{
	xld_progress p = { 0 };

	if (rpc_decode(body, len, (xdrproc_t)xdr_xld_progress, &p))
		tell(j, p.text);
	rpc_release((xdrproc_t)xdr_xld_progress, &p);
}

static void take_numbers(struct job *j, const uint8_t *body, size_t len)
{
	xld_job o = { 0 };
	char text[160];

	if (rpc_decode(body, len, (xdrproc_t)xdr_xld_job, &o)) {
		j->state = o;
		j->state.domain = j->state.kind = j->state.text = NULL;
		snprintf(text, sizeof(text), "%s: %s%u: %llu of %llu MiB, %llu MiB/s", j->dom->name,
			 o.round ? "round " : "the rest", o.round, (unsigned long long)o.done >> 20,
			 (unsigned long long)o.total >> 20, (unsigned long long)o.rate >> 20);
		tell(j, text);
	}
	rpc_release((xdrproc_t)xdr_xld_job, &o);
}

static void take_reply(struct job *j, bool ok, const uint8_t *body, size_t len)
{
	j->ok = ok;
	if (!ok)
		j->answered = rpc_decode(body, len, (xdrproc_t)xdr_xld_error, &j->error);
	else if (j->kind == JOB_MIGRATE)
		j->answered = rpc_decode(body, len, (xdrproc_t)xdr_xld_migrated, &j->migrated);
	else if (j->kind == JOB_RECEIVE)
		j->answered = rpc_decode(body, len, (xdrproc_t)xdr_xld_received, &j->received);
	else
		j->answered = rpc_decode(body, len, (xdrproc_t)xdr_xld_created, &j->created);
}

static void job_take(struct job *j, const struct rpc_header *h, const uint8_t *body, size_t len)
{
	if (h->type == XLD_EVENT && h->proc == XLD_EVENT_WORKER)
		take_numbers(j, body, len);
	else if (h->type == XLD_EVENT)
		take_text(j, body, len);
	else if (!j->answered && h->type == XLD_REPLY)
		take_reply(j, h->status == XLD_OK, body, len);
}

void job_describe(const struct job *j, xld_job *o)
{
	*o = j->state;
	o->domain = xstrdup(j->dom->name);
	o->kind = xstrdup(j->kind == JOB_CREATE && j->dom->restore_path ? "restore" : kinds[j->kind].name);
	o->text = xstrdup(j->text ? j->text : "");
	o->running = true;
	o->started = (u_quad_t)j->started;
	o->took_ms = ev_now_ms() - j->started_ms;
}

/* The worker has ended: find out how, and make that an error if it did not say itself. */
static void job_reap(struct job *j)
{
	int status = 0;

	if (j->stillborn)
		return;
	while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (j->answered && (j->ok || j->error.code) && !j->cancelled)
		return;
	rpc_release((xdrproc_t)xdr_xld_migrated, &j->migrated);
	memset(&j->migrated, 0, sizeof(j->migrated));
	j->ok = false;
	rpc_release((xdrproc_t)xdr_xld_error, &j->error);
	if (j->cancelled || j->stopped)
		xld_fail(&j->error, XLD_E_CANCELLED, job_what(j), j->dom->name, "", "it was cancelled");
	else if (WIFSIGNALED(status))
		xld_fail(&j->error, XLD_E_INTERNAL, job_what(j), j->dom->name, "please report this",
			 "the worker process was ended by signal %d", WTERMSIG(status));
	else
		xld_fail(&j->error, XLD_E_INTERNAL, job_what(j), j->dom->name, "please report this",
			 "the worker process ended without a result (status %d)", WEXITSTATUS(status));
}

/* Who asked for the domain to be made, of a kernel or of a file. */
static void answer_created(struct dom *d, const xld_created *created, const xld_error *err)
{
	dom_answer(d, XLD_DOMAIN_CREATE, created, err);
	dom_answer(d, XLD_DOMAIN_RESTORE, created, err);
}

static void create_ended(struct xld *x, struct dom *d, struct job *j)
{
	free(d->restore_path);
	d->restore_path = NULL;
	if (j->ok) {
		d->domid = j->created.domid;
		d->phase = PHASE_LIVE;
		d->restarting = false;
		xld_log("%s: created, domain %u", d->name, d->domid);
		state_save(x, d);
		answer_created(d, &j->created, NULL);
		life_check(x);
		return;
	}
	xld_log("%s: create failed: %s", d->name, j->error.cause);
	d->failed = true;
	d->restarting = false;
	d->failure = j->error;
	memset(&j->error, 0, sizeof(j->error));
	job_destroy(x, d);
}

static void destroy_ended(struct xld *x, struct dom *d, struct job *j)
{
	xld_waited gone = { d->stop_reason };
	xld_nothing nothing = { 0 };

	if (!j->ok) {
		xld_log("%s: destroy failed: %s", d->name, j->error.cause);
		d->phase = PHASE_DESTROYING;
		state_save(x, d);
		dom_answer(d, XLD_DOMAIN_DESTROY, NULL, &j->error);
		answer_created(d, NULL, d->failed ? &d->failure : &j->error);
		dom_answer(d, XLD_DOMAIN_SAVE, NULL, &j->error);
		dom_answer(d, XLD_DOMAIN_MIGRATE, NULL, &j->error);
		return;
	}
	xld_log("%s: destroyed", d->name);
	dom_answer(d, XLD_DOMAIN_WAIT, &gone, NULL);
	dom_answer(d, XLD_DOMAIN_DESTROY, &nothing, NULL);
	dom_answer(d, XLD_DOMAIN_SAVE, &nothing, NULL);
	dom_answer(d, XLD_DOMAIN_MIGRATE, d->report.host ? &d->report : NULL, &d->failure);
	d->domid = DOMID_NONE;
	if (d->restarting) {
		config_take_next(d);
		job_create(x, d);
		return;
	}
	answer_created(d, NULL, &d->failure);
	state_remove(x, d);
	dom_free(x, d);
}

/* --- devices --- */

static void request_done(struct xld *x, struct dom *d)
{
	free(d->request.spec);
	free(d->request.next);
	d->request = (struct dev_request){ 0 };
	if (d->ours)
		state_save(x, d);
}

static struct domcfg_list *device_specs(struct dom *d)
{
	return d->request.kind == DEV_VBD ? &d->cfg.disk : &d->cfg.vif;
}

static void answer_cd(struct dom *d, const xld_error *err)
{
	xld_nothing nothing = { 0 };

	dom_answer(d, XLD_CD_CHANGE, err ? NULL : &nothing, err);
}

/* It is gone: so is its entry, unless that is a drive which stays. */
static void entry_left(struct dom *d)
{
	ssize_t at = domcfg_device_find(&d->cfg, d->request.kind == DEV_VIF, d->request.devid);
	struct domcfg_list *list = device_specs(d);
	char *empty;

	if (at < 0)
		return;
	empty = d->request.keep ? disk_empty(list->item[at]) : NULL;
	if (empty) {
		free(list->item[at]);
		list->item[at] = empty;
	} else {
		domcfg_list_remove(list, (size_t)at);
	}
}

static void attach_ended(struct xld *x, struct dom *d, struct job *j)
{
	struct domcfg_list one = { .item = xcalloc(1, sizeof(char *)), .n = 1 };
	xld_attached attached = { d->request.devid };

	if (!j->ok) {
		xld_log("%s: %s %u was not attached: %s", d->name, device_type(d->request.kind), d->request.devid,
			j->error.cause);
		free(one.item);
		rpc_release((xdrproc_t)xdr_xld_error, &d->failure);
		d->failure = j->error;
		d->failed = true;
		memset(&j->error, 0, sizeof(j->error));
		d->request.verb = DEV_DETACH;
		d->request.force = true;
		job_device(x, d);
		return;
	}
	xld_log("%s: %s %u attached", d->name, device_type(d->request.kind), d->request.devid);
	entry_left(d);			/* an empty drive */
	one.item[0] = xstrdup(d->request.spec);
	domcfg_list_splice(device_specs(d), &one);
	request_done(x, d);
	dom_answer(d, XLD_DEVICE_ATTACH, &attached, NULL);
	answer_cd(d, NULL);
}

/* A CD-ROM has left its drive: put the next one in. */
static void insert_next(struct xld *x, struct dom *d)
{
	d->request.verb = DEV_ATTACH;
	d->request.spec = d->request.next;
	d->request.next = NULL;
	d->request.keep = false;
	job_device(x, d);
}

/* Also the way back of an attach that has failed: then there is nothing in the configuration. */
static void detach_ended(struct xld *x, struct dom *d, struct job *j)
{
	bool way_back = d->request.spec;
	xld_nothing nothing = { 0 };

	if (!j->ok)
		xld_log("%s: %s %u was not detached: %s", d->name, device_type(d->request.kind), d->request.devid,
			j->error.cause);
	else if (!way_back)
		xld_log("%s: %s %u detached", d->name, device_type(d->request.kind), d->request.devid);
	if (j->ok && !way_back)
		entry_left(d);
	if (j->ok && d->request.next) {
		insert_next(x, d);
		return;
	}
	request_done(x, d);
	dom_answer(d, XLD_DEVICE_DETACH, j->ok ? &nothing : NULL, &j->error);
	answer_cd(d, d->failed ? &d->failure : j->ok ? NULL : &j->error);
	dom_answer(d, XLD_DEVICE_ATTACH, NULL, d->failed ? &d->failure : &j->error);
	d->failed = false;
}

static void resize_ended(struct xld *x, struct dom *d, struct job *j)
{
	xld_nothing nothing = { 0 };

	request_done(x, d);
	dom_answer(d, XLD_DISK_RESIZE, j->ok ? &nothing : NULL, &j->error);
}

static void revive_ended(struct xld *x, struct dom *d, struct job *j)
{
	if (j->ok)
		xld_log("%s: %s %u is served again", d->name, device_type(d->request.kind), d->request.devid);
	else
		xld_log("%s: %s %u is not served: %s", d->name, device_type(d->request.kind), d->request.devid,
			j->error.cause);
	request_done(x, d);
}

static void release_ended(struct xld *x, struct dom *d, struct job *j)
{
	if (!j->ok)
		xld_log("%s: its devices were not released: %s", d->name, j->error.cause);
	life_released(x, d);
}

/* A destroy came in between; it takes the device away with the rest. */
static void device_cancelled(struct xld *x, struct dom *d, struct job *j)
{
	request_done(x, d);
	dom_answer(d, XLD_DEVICE_ATTACH, NULL, &j->error);
	dom_answer(d, XLD_DEVICE_DETACH, NULL, &j->error);
	dom_answer(d, XLD_DISK_RESIZE, NULL, &j->error);
	answer_cd(d, &j->error);
	job_destroy(x, d);
}

/* --- migration --- */

/* Whose it is says the journal, not how the worker has ended. */
static void migrate_ended(struct xld *x, struct dom *d, struct job *j)
{
	bool check = d->move->flags & XLD_MIGRATE_CHECK, destroy;

	if (!j->ok)
		xld_log("%s: migration to %s: %s", d->name, d->move->peer, j->error.cause);
	else if (!check)
		xld_log("%s: migrated to %s in %llu ms, %u rounds, %llu bytes; it stood still for %llu ms", d->name,
			j->migrated.host, (unsigned long long)j->migrated.total_ms, j->migrated.rounds,
			(unsigned long long)j->migrated.bytes, (unsigned long long)j->migrated.downtime_ms);
	destroy = migrate_over(x, d, j->cancelled);
	if (destroy && migrate_comes_here(x, d) && !j->cancelled)
		destroy = false;	/* it has to give up its name first: receive_ended() */
	if (j->ok && !check) {		/* told when it is gone here */
		d->report = j->migrated;
		memset(&j->migrated, 0, sizeof(j->migrated));
	} else {
		dom_answer(d, XLD_DOMAIN_MIGRATE, j->ok ? &j->migrated : NULL, &j->error);
	}
	if (destroy) {
		job_destroy(x, d);
		return;
	}
	state_save(x, d);
	life_check(x);
	settle_check(x);
}

static void receive_ended(struct xld *x, struct dom *d, struct job *j)
{
	struct move *out = move_find(x, false, d->move->token);
	struct dom *old;

	if (!j->ok)
		xld_log("%s: %s", d->name, j->error.cause);
	move_read(x, d->move);
	if (j->cancelled && d->move->state != DST_STARTED)
		move_forget(x, d->move);
	if (!d->move || receive_over(x, d) || j->cancelled)
		job_destroy(x, d);
	else
		life_check(x);
	old = out ? move_dom(x, out) : NULL;
	if (old && !old->job && out->state == SRC_DONE)
		job_destroy(x, old);
	/* What the source has said is what it would say again: VERDICT_DONE. */
	if (d->move && d->move->state == DST_STARTED && j->ok && j->received.settled && receive_named(d))
		move_forget(x, d->move);
}

/* It goes because it is somewhere else now: for `xl explain`. */
static void told_end(const struct dom *d, const char *how, const char *where)
{
	char *why = xasprintf("%s %s", how, where);

	obituary_add(d, why, "destroy");
	free(why);
}

/* A domain that was saved goes, unless it is to stay. One that was not runs on, unless somebody wants it gone. */
static void save_ended(struct xld *x, struct dom *d, struct job *j)
{
	bool stays = d->save.flags & (XLD_SAVE_GO_ON | XLD_SAVE_PAUSED);
	xld_nothing nothing = { 0 };

	if (j->ok) {
		xld_log("%s: saved as %s", d->name, d->save.path);
		if (!stays)
			told_end(d, "saved as", d->save.path);
		save_forget(&d->save);
	} else {
		xld_log("%s: not saved: %s", d->name, j->error.cause);
		save_undo(x, d);
		dom_answer(d, XLD_DOMAIN_SAVE, NULL, &j->error);
	}
	if (j->cancelled || (j->ok && !stays)) {
		job_destroy(x, d);
		return;
	}
	state_save(x, d);
	dom_answer(d, XLD_DOMAIN_SAVE, &nothing, NULL);
	life_check(x);
}

static void dump_ended(struct xld *x, struct dom *d, struct job *j)
{
	struct dump_request r = d->dump;
	xld_nothing nothing = { 0 };

	if (j->ok)
		xld_log("%s: core dumped into %s", d->name, d->dump.path);
	else
		xld_log("%s: no core was dumped: %s", d->name, j->error.cause);
	dump_undo(x, d);
	dom_answer(d, XLD_DUMP_CORE, j->ok ? &nothing : NULL, &j->error);
	if (j->cancelled)
		job_destroy(x, d);
	else if (r.by_itself)
		life_dumped(x, d, r.then);
	else
		life_check(x);
}

static void job_end(struct job *j)
{
	struct dom *d = j->dom;

	job_reap(j);
	ev_fd_del(j->watch);
	ev_timer_free(j->stillborn);
	rpc_stream_close(&j->s);
	d->job = NULL;
	if (j->kind != JOB_REVIVE)
		job_remember(j, j->ok ? "done" : j->error.cause, j->ok);
	if (j->kind == JOB_CREATE)
		create_ended(j->x, d, j);
	else if (j->kind == JOB_DESTROY)
		destroy_ended(j->x, d, j);
	else if (j->kind == JOB_SAVE)
		save_ended(j->x, d, j);
	else if (j->kind == JOB_MIGRATE)
		migrate_ended(j->x, d, j);
	else if (j->kind == JOB_RECEIVE)
		receive_ended(j->x, d, j);
	else if (j->kind == JOB_DUMP)
		dump_ended(j->x, d, j);
	else if (j->cancelled)
		device_cancelled(j->x, d, j);
	else if (j->kind == JOB_ATTACH)
		attach_ended(j->x, d, j);
	else if (j->kind == JOB_DETACH)
		detach_ended(j->x, d, j);
	else if (j->kind == JOB_RESIZE)
		resize_ended(j->x, d, j);
	else if (j->kind == JOB_REVIVE)
		revive_ended(j->x, d, j);
	else
		release_ended(j->x, d, j);
	rpc_release((xdrproc_t)xdr_xld_error, &j->error);
	rpc_release((xdrproc_t)xdr_xld_migrated, &j->migrated);
	free(j->text);
	free(j);
}

static void job_event(struct ev_fd *w, uint32_t events, void *arg)
{
	struct job *j = arg;
	int rc = rpc_stream_fill(&j->s);
	struct rpc_header h;
	const uint8_t *body;
	size_t len;

	(void)w;
	(void)events;
	while (rpc_stream_peek(&j->s, &h, &body, &len) == 1) {
		job_take(j, &h, body, len);
		rpc_stream_pop(&j->s);
	}
	if (rc <= 0 && rc != -EAGAIN)
		job_end(j);
}

static void job_stillborn(struct ev_timer *t, void *arg)
{
	(void)t;
	job_end(arg);
}

/* Out of processes or descriptors: the job fails, but only when the caller is through with it. */
static void job_cannot_start(struct job *j, const char *why)
{
	j->s.fd = -1;
	j->stillborn = mem_check(ev_timer_new(j->x->loop, job_stillborn, j));
	ev_timer_set(j->stillborn, 0);
	xld_fail(&j->error, XLD_E_INTERNAL, job_what(j), j->dom->name, "try again later",
		 "no worker process can be started: %s", why);
}

static void job_start(struct xld *x, struct dom *d, enum job_kind kind)
{
	struct job *j = xcalloc(1, sizeof(*j));
	pid_t parent = getpid();
	int fds[2];

	*j = (struct job){ .x = x, .dom = d, .kind = kind, .started = time(NULL), .started_ms = ev_now_ms() };
	d->job = j;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
		job_cannot_start(j, strerror(errno));
		return;
	}
	j->pid = fork();
	if (!j->pid)
		worker_main(j, fds[1], parent);
	close(fds[1]);
	if (j->pid < 0) {
		close(fds[0]);
		job_cannot_start(j, strerror(errno));
		return;
	}
	rpc_stream_init(&j->s, fds[0]);
	j->watch = mem_check(ev_fd_add(x->loop, fds[0], EPOLLIN, job_event, j));
}

void job_create(struct xld *x, struct dom *d)
{
	d->phase = PHASE_CREATING;
	d->domid = DOMID_NONE;
	d->stop_seen = false;
	d->stop_reason = STOP_GONE;
	d->start_time = (uint64_t)time(NULL);
	state_save(x, d);
	job_start(x, d, JOB_CREATE);
}

void job_destroy(struct xld *x, struct dom *d)
{
	if (d->job && d->job->kind != JOB_DESTROY) {
		d->job->cancelled = true;
		if (d->job->pid > 0)
			kill(d->job->pid, SIGKILL);
		return;			/* its end comes back here */
	}
	if (d->job)
		return;
	if (d->phase == PHASE_ARRIVED && d->move)
		move_forget(x, d->move);	/* first, so that nobody starts what is half gone */
	if (d->phase == PHASE_LIVE && d->move && !d->move->incoming && d->move->state == SRC_DONE)
		told_end(d, "it has moved to", d->move->peer);
	d->phase = PHASE_DESTROYING;
	if (d->ours)
		state_save(x, d);
	job_start(x, d, JOB_DESTROY);
}

void job_device(struct xld *x, struct dom *d)
{
	static const enum job_kind of_verb[] = {
		[DEV_ATTACH] = JOB_ATTACH, [DEV_DETACH] = JOB_DETACH, [DEV_RESIZE] = JOB_RESIZE,
		[DEV_REVIVE] = JOB_REVIVE,
	};

	if (d->ours)
		state_save(x, d);
	job_start(x, d, of_verb[d->request.verb]);
}

void job_release(struct xld *x, struct dom *d)
{
	job_start(x, d, JOB_RELEASE);
}

void job_save(struct xld *x, struct dom *d)
{
	state_save(x, d);
	job_start(x, d, JOB_SAVE);
}

void job_migrate(struct xld *x, struct dom *d)
{
	state_save(x, d);
	job_start(x, d, JOB_MIGRATE);
}

void job_receive(struct xld *x, struct dom *d)
{
	d->phase = PHASE_CREATING;
	d->start_time = (uint64_t)time(NULL);
	state_save(x, d);
	job_start(x, d, JOB_RECEIVE);
	client_abandon(d->offer->client);
	while (d->offer->nr_lanes)
		client_abandon(d->offer->lane[--d->offer->nr_lanes]);
}

bool job_cancel(struct dom *d)
{
	if (d->job->kind == JOB_DESTROY)
		return false;
	d->job->stopped = true;
	job_stop(d);
	return true;
}

void job_dump(struct xld *x, struct dom *d)
{
	if (d->ours)
		state_save(x, d);
	job_start(x, d, JOB_DUMP);
}

void job_stop(struct dom *d)
{
	if (d->job && d->job->pid > 0)
		kill(d->job->pid, SIGKILL);
}
