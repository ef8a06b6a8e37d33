/* SPDX-License-Identifier: MIT */
/*
 * Jobs: one forked worker process for each long operation (create, destroy, a device, save), at most one per domain.
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

enum job_kind { JOB_CREATE, JOB_DESTROY, JOB_ATTACH, JOB_DETACH, JOB_RESIZE, JOB_REVIVE, JOB_RELEASE, JOB_SAVE };

struct job {
	struct xld *x;
	struct dom *dom;
	enum job_kind kind;
	bool cancelled;
	pid_t pid;
	struct rpc_stream s;
	struct ev_fd *watch;
	struct ev_timer *stillborn;	/* fires at once when the worker could not be started */
	bool answered;			/* the worker's reply is here: */
	bool ok;
	xld_created created;
	xld_error error;
};

static const char *job_what(const struct job *j)
{
	static const char *const what[] = {
		[JOB_CREATE] = "create domain", [JOB_DESTROY] = "destroy domain",
		[JOB_ATTACH] = "attach a device to", [JOB_DETACH] = "detach a device from",
		[JOB_RESIZE] = "resize a disk of", [JOB_REVIVE] = "revive a device of",
		[JOB_RELEASE] = "release the devices of", [JOB_SAVE] = "save domain",
	};

	return what[j->kind];
}

/* --- in the worker --- */

static void worker_send(int fd, const struct rpc_header *h, xdrproc_t xdr, const void *obj)
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

/* Keep fd (as 3) and the standard descriptors; everything else is the daemon's. */
static int worker_descriptors(int fd)
{
	if (fd != 3)
		dup3(fd, 3, O_CLOEXEC);
	close_range(4, ~0U, 0);
	return 3;
}

static bool worker_run(const struct job *j, int fd, xld_created *created, xld_error *err)
{
	switch (j->kind) {
	case JOB_CREATE:	return create_run(j->x, j->dom, fd, created, err);
	case JOB_DESTROY:	return destroy_run(j->dom, fd, err);
	case JOB_ATTACH:	return attach_run(j->x, j->dom, fd, err);
	case JOB_DETACH:	return detach_run(j->dom, fd, err);
	case JOB_RESIZE:	return resize_run(j->dom, fd, err);
	case JOB_REVIVE:	return revive_run(j->dom, fd, err);
	case JOB_RELEASE:	return release_run(j->dom, fd, err);
	case JOB_SAVE:		return save_run(j->dom, fd, err);
	}
	return false;
}

__attribute__((noreturn))
static void worker_main(const struct job *j, int fd, pid_t parent)
{
	struct rpc_header h = { .program = XLD_PROGRAM, .version = XLD_VERSION, .type = XLD_REPLY,
				.proc = XLD_DOMAIN_CREATE };
	xld_created created = { 0 };
	xld_error err = { 0 };
	sigset_t none;
	bool ok;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fd = worker_descriptors(fd);
	ok = worker_run(j, fd, &created, &err);
	if (!ok)
		h.status = XLD_ERROR;
	if (ok)
		worker_send(fd, &h, (xdrproc_t)xdr_xld_created, &created);
	else
		worker_send(fd, &h, (xdrproc_t)xdr_xld_error, &err);
	_exit(0);
}

/* --- in the daemon --- */

static void job_take(struct job *j, const struct rpc_header *h, const uint8_t *body, size_t len)
{
	xld_progress p = { 0 };

	if (h->type == XLD_EVENT) {
		if (rpc_decode(body, len, (xdrproc_t)xdr_xld_progress, &p))
			dom_progress(j->dom, p.text);
		rpc_release((xdrproc_t)xdr_xld_progress, &p);
	} else if (!j->answered && h->type == XLD_REPLY) {
		j->ok = h->status == XLD_OK;
		j->answered = j->ok ? rpc_decode(body, len, (xdrproc_t)xdr_xld_created, &j->created)
				    : rpc_decode(body, len, (xdrproc_t)xdr_xld_error, &j->error);
	}
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
	j->ok = false;
	rpc_release((xdrproc_t)xdr_xld_error, &j->error);
	if (j->cancelled)
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
		return;
	}
	xld_log("%s: destroyed", d->name);
	dom_answer(d, XLD_DOMAIN_WAIT, &gone, NULL);
	dom_answer(d, XLD_DOMAIN_DESTROY, &nothing, NULL);
	dom_answer(d, XLD_DOMAIN_SAVE, &nothing, NULL);
	d->domid = DOMID_NONE;
	if (d->restarting) {
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

/* A domain that was saved goes, unless it is to stay. One that was not runs on, unless somebody wants it gone. */
static void save_ended(struct xld *x, struct dom *d, struct job *j)
{
	bool stays = d->save.flags & (XLD_SAVE_GO_ON | XLD_SAVE_PAUSED);
	xld_nothing nothing = { 0 };

	if (j->ok) {
		xld_log("%s: saved as %s", d->name, d->save.path);
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

static void job_end(struct job *j)
{
	struct dom *d = j->dom;

	job_reap(j);
	ev_fd_del(j->watch);
	ev_timer_free(j->stillborn);
	rpc_stream_close(&j->s);
	d->job = NULL;
	if (j->kind == JOB_CREATE)
		create_ended(j->x, d, j);
	else if (j->kind == JOB_DESTROY)
		destroy_ended(j->x, d, j);
	else if (j->kind == JOB_SAVE)
		save_ended(j->x, d, j);
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

	*j = (struct job){ .x = x, .dom = d, .kind = kind };
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
	d->phase = PHASE_DESTROYING;
	if (d->ours)
		state_save(x, d);
	job_start(x, d, JOB_DESTROY);
}

void job_device(struct xld *x, struct dom *d)
{
	static const enum job_kind kinds[] = {
		[DEV_ATTACH] = JOB_ATTACH, [DEV_DETACH] = JOB_DETACH, [DEV_RESIZE] = JOB_RESIZE,
		[DEV_REVIVE] = JOB_REVIVE,
	};

	if (d->ours)
		state_save(x, d);
	job_start(x, d, kinds[d->request.verb]);
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

void job_stop(struct dom *d)
{
	if (d->job && d->job->pid > 0)
		kill(d->job->pid, SIGKILL);
}
