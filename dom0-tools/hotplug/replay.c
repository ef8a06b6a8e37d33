/* SPDX-License-Identifier: MIT */
/* See replay.h. */
#include <errno.h>
#include <linux/nbd.h>

#include "replay.h"
#include "util/mem.h"

#define REQUESTS_MAX 128
#define LOG_FLUSH_BYTES (8U << 20)	/* from here on we flush */
#define LOG_MAX_BYTES (32U << 20)	/* and here we wait for it */

static void list_init(struct replay_list *l)
{
	*l = (struct replay_list){ .tail = &l->head };
}

static void push(struct replay_list *l, struct replay_req *q)
{
	q->next = NULL;
	*l->tail = q;
	l->tail = &q->next;
	l->n++;
}

static struct replay_req *unlink_at(struct replay_list *l, struct replay_req **at)
{
	struct replay_req *q = *at;

	*at = q->next;
	if (l->tail == &q->next)
		l->tail = at;
	l->n--;
	return q;
}

static void drop(struct replay_req *q)
{
	free(q->data);
	free(q);
}

/* Behind the entries of `to`; `from` is empty then. */
static void append(struct replay_list *to, struct replay_list *from)
{
	if (!from->head)
		return;
	*to->tail = from->head;
	to->tail = from->tail;
	to->n += from->n;
	list_init(from);
}

void replay_init(struct replay *r, bool server_flushes)
{
	*r = (struct replay){ .logs = server_flushes };
	list_init(&r->todo);
	list_init(&r->sent);
	list_init(&r->log);
}

bool replay_room(const struct replay *r)
{
	return r->todo.n + r->sent.n < REQUESTS_MAX && r->log_bytes < LOG_MAX_BYTES;
}

static struct replay_req *add(struct replay *r, uint16_t type, uint64_t cookie, bool for_user)
{
	struct replay_req *q = xcalloc(1, sizeof(*q));

	*q = (struct replay_req){ .type = type, .cookie = cookie, .for_user = for_user, .id = ++r->ids };
	push(&r->todo, q);
	return q;
}

void replay_take(struct replay *r, uint64_t cookie, uint16_t type, uint16_t flags, uint64_t offset, uint32_t len,
		 void *data)
{
	struct replay_req *q = add(r, type, cookie, true);

	q->flags = flags;
	q->offset = offset;
	q->len = len;
	q->data = data;
}

/* What comes from the log goes alone: the server may do what it has at hand in any order. */
bool replay_has_next(const struct replay *r)
{
	const struct replay_req *q = r->todo.head;

	return q && (!r->sent.head || (!q->again && !r->sent.head->again));
}

struct replay_req *replay_next(struct replay *r)
{
	struct replay_req *q;

	if (!replay_has_next(r))
		return NULL;
	q = unlink_at(&r->todo, &r->todo.head);
	push(&r->sent, q);
	if (q->type == NBD_CMD_FLUSH)
		q->mark = r->marks;
	return q;
}

static struct replay_req **find(const struct replay *r, uint64_t id)
{
	struct replay_req **at = (struct replay_req **)&r->sent.head;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

const struct replay_req *replay_find(const struct replay *r, uint64_t id)
{
	return *find(r, id);
}

/* --- the log --- */

static bool changes(const struct replay_req *q)
{
	return q->type == NBD_CMD_WRITE || q->type == NBD_CMD_TRIM;
}

static void log_add(struct replay *r, struct replay_req *q)
{
	q->mark = ++r->marks;
	q->for_user = false;
	q->again = false;
	push(&r->log, q);
	r->log_bytes += sizeof(*q) + (q->data ? q->len : 0);
	if (r->log_bytes >= LOG_FLUSH_BYTES && !r->flushing) {
		r->flushing = true;
		add(r, NBD_CMD_FLUSH, 0, false);
	}
}

static void log_cut(struct replay *r, uint64_t mark)
{
	struct replay_req *q;

	while ((q = r->log.head) && q->mark <= mark) {
		r->log_bytes -= sizeof(*q) + (q->data ? q->len : 0);
		drop(unlink_at(&r->log, &r->log.head));
	}
}

static void flushed(struct replay *r, const struct replay_req *q, uint32_t *error)
{
	if (!*error)
		log_cut(r, q->mark);
	if (!q->for_user) {
		r->flushing = false;
	} else if (r->damaged) {
		*error = EIO;
		r->damaged = false;
	}
}

bool replay_answered(struct replay *r, uint64_t id, uint32_t *error, uint64_t *cookie)
{
	struct replay_req **at = find(r, id), *q;
	bool for_user;

	if (!*at)
		return false;
	q = unlink_at(&r->sent, at);
	for_user = q->for_user;
	*cookie = q->cookie;
	if (q->again && *error)
		r->damaged = true;
	if (q->type == NBD_CMD_FLUSH)
		flushed(r, q, error);
	/* One with FUA too, since an older one to the same place may be in the log. */
	if (changes(q) && !*error && r->logs)
		log_add(r, q);
	else
		drop(q);
	return for_user;
}

/* --- deaths --- */

/* Leave out requests of the user, or those that nobody needs. */
static void drop_some(struct replay_list *l, bool of_user)
{
	struct replay_req **at = &l->head;

	while (*at) {
		if (of_user ? (*at)->for_user : !(*at)->for_user && !(*at)->again)
			drop(unlink_at(l, at));
		else
			at = &(*at)->next;
	}
}

void replay_server_gone(struct replay *r)
{
	struct replay_list rest;

	list_init(&rest);
	drop_some(&r->sent, false);
	drop_some(&r->todo, false);
	append(&rest, &r->todo);
	for (struct replay_req *q = r->log.head; q; q = q->next)
		q->again = true;
	append(&r->todo, &r->log);
	append(&r->todo, &r->sent);
	append(&r->todo, &rest);
	r->log_bytes = 0;
	r->flushing = false;
}

void replay_user_gone(struct replay *r)
{
	drop_some(&r->todo, true);
	for (struct replay_req *q = r->sent.head; q; q = q->next)
		q->for_user = false;
}

bool replay_drained(const struct replay *r)
{
	return !r->sent.n;
}

void replay_free(struct replay *r)
{
	struct replay_list *lists[] = { &r->todo, &r->sent, &r->log };

	for (size_t i = 0; i < 3; i++)
		while (lists[i]->head)
			drop(unlink_at(lists[i], &lists[i]->head));
}
