/* SPDX-License-Identifier: MIT */
/*
 * After a migration whose end one of both did not see: the source asks the target until both know whose the domain is.
 *
 * Each question is asked by a forked process, so that a host that does not answer holds nobody up; it is repeated, ever
 * more seldom, until it is answered. What an answer means is decided by src_answered() and dst_told() in
 * lib/migrate/commit.c; here it is written down and done, in this order.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/migrate.h"
#include "move.h"

#define ASK_FIRST_MS	1000
#define ASK_LAST_MS	60000

struct move_ask {
	struct xld *x;
	struct move *m;
	pid_t pid;
	int fd;
	struct ev_fd *watch;
};

/* --- the source asks --- */

static void say_so(struct move *m, const char *fmt, ...)
{
	va_list ap;

	free(m->waits);
	va_start(ap, fmt);
	m->waits = xvasprintf(fmt, ap);
	va_end(ap);
}

/* The domain is here, and is not about to vanish. */
static bool is_here_as(struct xld *x, const struct dom *d, struct xenctl_dominfo *info)
{
	return d && d->domid != DOMID_NONE && d->phase != PHASE_DESTROYING &&
	       domain_there(x->xc, d->domid, d->uuid, info) && !info->dying;
}

static bool is_here(struct xld *x, const struct dom *d)
{
	struct xenctl_dominfo info;

	return is_here_as(x, d, &info);
}

/* Write down what is next, then do it. */
static void source_do(struct xld *x, struct move *m, struct src_step step)
{
	struct dom *d = move_dom(x, m);

	if (step.next && (int)step.next != m->state && move_write(x, m, step.next))
		return;			/* asked again later */
	if (step.act == SRC_RESUME && d) {
		xld_log("%s: it stays here", m->name);
		suspend_undo(x, d);
		state_save(x, d);
	} else if (step.act == SRC_DESTROY && d) {
		xld_log("%s: it is at %s", m->name, m->peer);
		job_destroy(x, d);
	} else if (step.act == SRC_ASK_HUMAN) {
		say_so(m, "it was started at %s and has ended there since; our copy is as it was before: "
		       "`xl migrate-recover --run` lets it run, `--drop` removes it", m->peer);
	} else if (step.act == SRC_CONFLICT) {
		xld_log("%s: %s has started it by order although it stayed here: destroy one of both", m->name, m->peer);
	}
	if (!step.next) {
		if (!d && m->state == SRC_GIVEN)
			xld_log("%s: %s has never had the whole of it: it was lost with this host", m->name, m->peer);
		move_forget(x, m);
	}
}

static void source_told(struct xld *x, struct move *m, enum answer a)
{
	m->asked = 0;
	m->next_ask = ev_now_ms();
	source_do(x, m, src_answered(m->state, is_here(x, move_dom(x, m)), a));
}

static void ask_end(struct move_ask *k)
{
	ev_fd_del(k->watch);
	close(k->fd);
	k->m->ask = NULL;
	free(k);
}

static void ask_event(struct ev_fd *w, uint32_t events, void *arg)
{
	struct move_ask *k = arg;
	struct xld *x = k->x;
	struct move *m = k->m;
	uint32_t answer = 0;
	uint64_t wait = ASK_FIRST_MS;

	(void)w;
	(void)events;
	if (read(k->fd, &answer, sizeof(answer)) != sizeof(answer))
		answer = 0;
	waitpid(k->pid, NULL, 0);
	ask_end(k);
	if (answer) {
		source_told(x, m, answer);
		return;
	}
	for (unsigned int i = 0; i < m->asked && wait < ASK_LAST_MS; i++)
		wait *= 2;
	m->asked++;
	m->next_ask = ev_now_ms() + (wait < ASK_LAST_MS ? wait : ASK_LAST_MS);
	say_so(m, "%s has not answered yet; it is asked again", m->peer);
}

__attribute__((noreturn))
static void asker(const struct move *m, int fd)
{
	xld_settle a = { .verdict = src_verdict(m->state) };
	xld_error err = { 0 };
	struct rpc_client *c;
	xld_settled r = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	alarm(30);
	memcpy(a.token, m->token, 16);
	c = rpc_client_open(m->peer, "xld", &err);
	if (c && rpc_client_call(c, XLD_MIGRATE_SETTLE, &a, &r, &err) && r.answer)
		if (write(fd, &r.answer, sizeof(r.answer)) < 0)
			_exit(1);
	_exit(0);
}

static void ask(struct xld *x, struct move *m)
{
	struct move_ask *k;
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		return;
	pid = fork();
	if (!pid) {
		int fd = dup2(fds[1], 3);

		close_range(4, ~0U, 0);
		asker(m, fd);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return;
	}
	k = xcalloc(1, sizeof(*k));
	*k = (struct move_ask){ .x = x, .m = m, .pid = pid, .fd = fds[0] };
	k->watch = mem_check(ev_fd_add(x->loop, fds[0], EPOLLIN, ask_event, k));
	m->ask = k;
}

void settle_check(struct xld *x)
{
	uint64_t now = ev_now_ms();

	for (struct move *m = x->moves; m; m = m->next) {
		struct dom *d = move_dom(x, m);

		if (m->incoming && d && d->phase == PHASE_LIVE && !d->job && !receive_named(d))
			receive_take_name(x, d);
		if (m->incoming || m->ask || !src_verdict(m->state) || now < m->next_ask)
			continue;
		if (!d || (!d->job && !migrate_comes_here(x, d)))
			ask(x, m);
	}
}

void settle_restart(struct xld *x, struct move *m)
{
	struct dom *d = move_dom(x, m);

	if (!m->incoming)
		source_do(x, m, src_restart(m->state, is_here(x, d)));
	else if (!d && m->state == DST_PREPARED)
		move_forget(x, m);	/* lost with the power: it was never started */
}

/* --- the target is told --- */

static void target_do(struct xld *x, struct move *m, struct dom *d, struct dst_step step)
{
	if (step.act == DST_START) {
		xenctl_domain_unpause(x->xc, d->domid);
		receive_arrived(x, d);
	}
	if (!step.next)
		move_forget(x, m);
	if (!step.next && d && d->phase == PHASE_ARRIVED)
		job_destroy(x, d);
}

static bool has_ended(struct xld *x, const struct dom *d)
{
	struct xenctl_dominfo info;

	return !is_here_as(x, d, &info) || info.shutdown;
}

bool call_settle(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_settle *a = args;
	xld_settled *r = ret;
	struct move *m = move_find(x, true, (const uint8_t *)a->token);
	struct dom *d = m ? move_dom(x, m) : NULL;
	struct dst_step step;

	(void)c, (void)serial, (void)later;
	if (a->verdict < VERDICT_GIVEN || a->verdict > VERDICT_DONE)
		return xld_fail(err, XLD_E_INVALID, "settle", "a migration", "", "there is no verdict %u", a->verdict);
	if (d && d->job && d->phase == PHASE_CREATING) {	/* the source has gone on without it */
		job_stop(d);
		return true;
	}
	if (!m) {
		r->answer = ANSWER_UNKNOWN;
		return true;
	}
	if (d && d->phase == PHASE_LIVE && !receive_named(d)) {
		receive_take_name(x, d);
		if (!receive_named(d))
			return true;	/* to be asked again: its name is still taken */
	}
	step = dst_told(m->state, !has_ended(x, d), a->verdict);
	if (step.next && (int)step.next != m->state && move_write(x, m, step.next))
		return true;		/* to be asked again */
	r->answer = step.answer;
	target_do(x, m, d, step);
	return true;
}

/* --- people --- */

const char *move_describe(const struct move *m)
{
	static const char *const src[] = {
		[SRC_NONE] = "being sent", [SRC_SENDING] = "being sent", [SRC_GIVEN] = "handed over, not confirmed",
		[SRC_KEPT] = "stays here, to be told there", [SRC_DONE] = "gone, to be confirmed there",
	};
	static const char *const dst[] = {
		[DST_NONE] = "being received", [DST_PREPARED] = "complete and paused",
		[DST_STARTED] = "ours, to be confirmed",
	};

	return m->incoming ? dst[m->state] : src[m->state];
}

char *move_waits(const struct move *m)
{
	if (m->incoming && m->state == DST_PREPARED)
		return xstrdup("the source has to say whose it is; if it is lost for good, `xl migrate-recover --run` "
			       "starts it here");
	return xstrdup(m->waits ? m->waits : "");
}

bool call_moves(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_moves *r = ret;
	u_int n = 0;

	(void)c, (void)serial, (void)args, (void)err, (void)later;
	for (struct move *m = x->moves; m; m = m->next)
		n++;
	r->moves.moves_val = xcalloc(n, sizeof(xld_move));
	for (struct move *m = x->moves; m && r->moves.moves_len < XLD_DOMAINS_MAX; m = m->next) {
		xld_move *o = &r->moves.moves_val[r->moves.moves_len++];

		memcpy(o->token, m->token, 16);
		o->incoming = m->incoming;
		o->name = xstrdup(m->name);
		o->peer = xstrdup(m->peer);
		o->state = xstrdup(move_describe(m));
		o->waits = move_waits(m);
	}
	return true;
}

static struct move *find_for(struct xld *x, const char *name, xld_error *err)
{
	struct move *m;

	for (m = x->moves; m; m = m->next) {
		const struct dom *d = move_dom(x, m);

		if (!strcmp(m->name, name) || (d && !strcmp(d->name, name)))
			return m;
	}
	xld_fail(err, XLD_E_NOT_FOUND, "recover", name, "`xl migrate-recover` shows all",
		 "no migration of a domain of this name is open");
	return NULL;
}

/* Somebody knows that the other end cannot run it. */
static bool run_here(struct xld *x, struct move *m, struct dom *d, xld_error *err)
{
	int rc;

	if (!is_here(x, d))
		return xld_fail(err, XLD_E_NOT_FOUND, "recover", m->name, "", "there is no copy of it here");
	if (m->incoming && m->state == DST_PREPARED) {
		rc = move_write(x, m, DST_STARTED);
		if (!rc)
			target_do(x, m, d, (struct dst_step){ DST_STARTED, DST_START, 0 });
	} else if (!m->incoming && m->state == SRC_GIVEN) {
		rc = move_write(x, m, SRC_KEPT);
		if (!rc)
			source_do(x, m, (struct src_step){ SRC_KEPT, SRC_RESUME });
	} else {
		return xld_fail(err, XLD_E_BUSY, "recover", m->name, "", "it runs here already");
	}
	return !rc || xld_fail(err, XLD_E_INTERNAL, "recover", m->name, "is there room on the file system?",
			       "cannot write the journal: %s", strerror(-rc));
}

static bool drop(struct xld *x, struct move *m, struct dom *d, xld_error *err)
{
	if (m->incoming && m->state == DST_PREPARED) {
		target_do(x, m, d, (struct dst_step){ DST_NONE, DST_DESTROY, 0 });
		return true;
	}
	if (m->incoming || m->state != SRC_GIVEN)
		return xld_fail(err, XLD_E_BUSY, "recover", m->name, "`xl destroy` ends it", "it runs here");
	if (d)
		job_destroy(x, d);
	move_forget(x, m);
	return true;
}

bool call_recover(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_recover *a = args;
	struct move *m = find_for(x, a->name, err);
	struct dom *d = m ? move_dom(x, m) : NULL;

	(void)c, (void)serial, (void)ret, (void)later;
	if (!m)
		return false;
	if (d && d->job)
		return xld_fail(err, XLD_E_BUSY, "recover", m->name, "`xl cancel` it, or wait", "it is under way");
	if (a->order == XLD_RECOVER_RUN)
		return run_here(x, m, d, err);
	if (a->order == XLD_RECOVER_DROP)
		return drop(x, m, d, err);
	m->next_ask = 0;
	m->asked = 0;
	settle_check(x);
	return true;
}
