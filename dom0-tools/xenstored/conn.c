/* SPDX-License-Identifier: MIT */
/*
 * Connections: input up to whole requests, output queues, and their end. See server.h for the rules.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "state.h"

#define ROUND		32U	/* requests of one connection before others get their turn */
#define DEDUP		64U	/* newest events of a watch compared with a new one */

struct conn *conn_new(struct server *s, const struct cred *cred, const struct conn_ops *ops, void *io)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->srv = s;
	c->cred = *cred;
	c->ops = ops;
	c->io = io;
	c->next = s->conns;
	s->conns = c;
	return c;
}

/* --- output --- */

static void msg_unlink(struct conn *c, struct msg *m)
{
	if (m->prev)
		m->prev->next = m->next;
	else
		c->first = m->next;
	if (m->next)
		m->next->prev = m->prev;
	else
		c->last = m->prev;
	if (m->watch) {
		struct msg **p = (struct msg **)&m->watch->events;

		while (*p != m)
			p = &(*p)->next_event;
		*p = m->next_event;
	}
}

static bool is_reply(const struct msg *m)
{
	return ((const struct xsd_sockmsg *)m->data)->type != XS_WATCH_EVENT;
}

static void msg_free(struct conn *c, struct msg *m)
{
	msg_unlink(c, m);
	if (is_reply(m)) {
		c->nr_replies--;
		c->reply_bytes -= m->len;
	} else {
		c->event_bytes -= m->len;
	}
	free(m);
}

struct msg *conn_message(struct conn *c, const struct xsd_sockmsg *hdr, const void *body)
{
	struct msg *m = malloc(sizeof(*m) + sizeof(*hdr) + hdr->len);

	if (!m)
		return NULL;
	*m = (struct msg){ .prev = c->last, .len = sizeof(*hdr) + hdr->len, .seq = c->next_seq++ };
	memcpy(m->data, hdr, sizeof(*hdr));
	if (hdr->len)
		memcpy(m->data + sizeof(*hdr), body, hdr->len);
	if (c->last)
		c->last->next = m;
	else
		c->first = m;
	c->last = m;
	c->touched = true;
	if (is_reply(m)) {
		c->nr_replies++;
		c->reply_bytes += m->len;
	} else {
		c->event_bytes += m->len;
	}
	state_out(c, m);
	return m;
}

void conn_drop_message(struct conn *c, uint32_t seq)
{
	struct msg *m = c->last;

	while (m && m->seq != seq)
		m = m->prev;
	if (m)
		msg_free(c, m);
}

void conn_reply(struct conn *c, const struct xsd_sockmsg *req, uint32_t type, const void *body, unsigned int len)
{
	struct xsd_sockmsg hdr = { .type = type, .req_id = req->req_id, .tx_id = req->tx_id, .len = len };

	if (!conn_message(c, &hdr, body))
		conn_close(c, "no memory for a reply");
}

/* Has this very event been queued and not begun to be sent? Then one is enough. */
static bool is_queued(const struct watch *w, const char *body, unsigned int len)
{
	const struct msg *m = w->events;

	for (unsigned int n = 0; m && n < DEDUP; m = m->next_event, n++)
		if (!m->done && m->len == sizeof(struct xsd_sockmsg) + len &&
		    !memcmp(m->data + sizeof(struct xsd_sockmsg), body, len))
			return true;
	return false;
}

/* The client does not keep up: all unsent events of this watch become one. */
static void collapse(struct conn *c, struct watch *w)
{
	struct msg *m = w->events;

	while (m) {
		struct msg *next = m->next_event;

		if (!m->done) {
			state_out_drop(c, m);
			msg_free(c, m);
		}
		m = next;
	}
}

void conn_event(struct conn *c, struct watch *w, const char *path)
{
	size_t limit = c->cred.privileged ? c->srv->max_event_bytes_privileged : c->srv->max_event_bytes;
	struct xsd_sockmsg hdr = { .type = XS_WATCH_EVENT };
	char body[XENSTORE_PAYLOAD_MAX];
	struct msg *m;

	if (c->event_bytes > limit) {
		collapse(c, w);
		path = w->path;
	}
	hdr.len = snprintf(body, sizeof(body), "%s%c%s", path + w->prefix, '\0', w->token) + 1;
	if (is_queued(w, body, hdr.len))
		return;
	m = conn_message(c, &hdr, body);
	if (!m) {
		conn_close(c, "no memory for an event");
		return;
	}
	m->watch = w;
	m->next_event = w->events;
	w->events = m;
}

void conn_orphan_events(struct conn *c, struct watch *w)
{
	(void)c;
	for (struct msg *m = w->events; m; m = m->next_event)
		m->watch = NULL;
	w->events = NULL;
}

static bool send_queued(struct conn *c)
{
	while (c->first) {
		struct msg *m = c->first;
		int n = c->ops->write(c->io, m->data + m->done, m->len - m->done);

		if (n < 0) {
			conn_close(c, NULL);
			return false;
		}
		if (n == 0)
			break;
		m->done += n;
		c->out_pos += n;
		if (m->done == m->len)
			msg_free(c, m);
	}
	return true;
}

/* --- input --- */

/* One more whole request in c->in? */
static bool receive(struct conn *c)
{
	void *where;
	int want, n;

	while ((want = xs_frame_want(&c->in, &where)) > 0) {
		n = c->ops->read(c->io, where, want);
		if (n < 0)
			conn_close(c, NULL);
		if (n <= 0)
			return false;
		c->in_pos += n;
		xs_frame_got(&c->in, n);
	}
	if (want < 0) {
		conn_close(c, "announces a message longer than the protocol allows");
		return false;
	}
	return true;
}

static bool may_read(const struct conn *c)
{
	uint32_t most = quota_value(c->srv, c->cred.domid, Q_OUTSTANDING);

	return !c->closed && (!most || c->nr_replies < most);
}

/*
 * What has been done becomes certain; then the other side may know that its bytes were taken. It calls only when it
 * adds to a ring that it sees empty, and what it added until now it added to one that was not: that is looked for once
 * more.
 */
static void commit(struct conn *c)
{
	state_commit(c->srv);
	if (c->durable && c->ops->taken(c->io, c->in_pos))
		c->again = true;
}

void conn_run(struct conn *c)
{
	c->again = false;
	c->touched = true;
	state_commit(c->srv);
	if (c->closed || !send_queued(c))
		return;
	for (unsigned int n = 0; may_read(c); n++) {
		if (n == ROUND) {
			c->again = true;
			return;
		}
		if (!receive(c)) {
			if (!c->closed && c->durable) {
				state_in(c);
				commit(c);
			}
			return;
		}
		request_handle(c);
		if (c->closed)
			return;
		xs_frame_reset(&c->in);
		state_in_done(c);
		commit(c);
		if (!send_queued(c))
			return;
	}
}

/* --- end --- */

static size_t watch_bytes(const struct watch *w)
{
	return sizeof(*w) + strlen(w->path) + strlen(w->token) + 2;
}

size_t conn_memory(const struct conn *c)
{
	size_t n = c->event_bytes + c->reply_bytes + c->watch_bytes;

	for (const struct open_tx *t = c->txs; t; t = t->next)
		n += t->tx ? tx_bytes(t->tx) : 0;
	return n;
}

int conn_watch(struct conn *c, const char *path, size_t prefix, const char *token, unsigned int depth)
{
	int rc = watch_add(c->srv->watches, c, &c->watches, path, prefix, token);

	if (rc)
		return rc;
	c->watches->depth = depth;
	c->nr_watches++;
	c->watch_bytes += watch_bytes(c->watches);
	state_watch(c, c->watches);
	return 0;
}

void conn_unwatch(struct conn *c, struct watch *w)
{
	state_unwatch(c, w);
	c->watch_bytes -= watch_bytes(w);
	conn_orphan_events(c, w);
	watch_del(c->srv->watches, &c->watches, w);
	c->nr_watches--;
}

void conn_drop_watches(struct conn *c)
{
	while (c->watches)
		conn_unwatch(c, c->watches);
}

struct open_tx *conn_add_tx(struct conn *c, uint32_t id, struct tx *tx)
{
	struct open_tx *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct open_tx){ .next = c->txs, .id = id, .tx = tx };
	c->txs = t;
	c->nr_txs++;
	state_tx(c, id);
	return t;
}

void conn_drop_tx(struct conn *c, uint32_t id)
{
	struct open_tx **p = &c->txs, *t;

	while ((t = *p) && t->id != id)
		p = &t->next;
	if (!t)
		return;
	*p = t->next;
	c->nr_txs--;
	state_tx_gone(c, id);
	tx_free(t->tx);
	free(t);
}

void conn_drop_txs(struct conn *c)
{
	while (c->txs)
		conn_drop_tx(c, c->txs->id);
}

struct open_tx *conn_tx(struct conn *c, uint32_t id)
{
	struct open_tx *t = c->txs;

	while (t && t->id != id)
		t = t->next;
	return t;
}

void conn_reset(struct conn *c)
{
	conn_drop_watches(c);
	conn_drop_txs(c);
	while (c->first)
		msg_free(c, c->first);
	xs_frame_reset(&c->in);
}

/*
 * Ends the connection for its transport at once. Memory goes in server_settle(): the caller may be in the middle of
 * this or another connection's work, and the registry may be iterating over its watches.
 */
void conn_close(struct conn *c, const char *why)
{
	if (c->closed)
		return;
	state_conn_gone(c);
	c->closed = true;
	c->touched = true;
	c->ops->close(c->io, why);
	c->io = NULL;
}

/* --- durable connections --- */

struct conn *conn_durable(struct server *s, uint32_t domid)
{
	struct conn *c = s->conns;

	while (c && (!c->durable || c->closed || c->cred.domid != domid))
		c = c->next;
	return c;
}

void conn_make_durable(struct conn *c, uint32_t in_pos, uint32_t out_pos)
{
	c->durable = true;
	c->in_pos = in_pos;
	c->out_pos = out_pos;
	state_conn(c);
}

bool conn_attach(struct conn *c, const struct conn_ops *ops, void *io, uint32_t out_pos)
{
	uint32_t sent = out_pos - c->out_pos;

	c->ops = ops;
	c->io = io;
	c->out_pos = out_pos;
	while (c->first && sent >= c->first->len) {
		sent -= c->first->len;
		msg_free(c, c->first);
	}
	if (sent && !c->first)
		return false;
	if (sent)
		c->first->done = sent;
	c->again = c->ops->taken(io, c->in_pos);
	return true;
}

void server_close_detached(struct server *s)
{
	for (struct conn *c = s->conns; c; c = c->next)
		if (c->durable && !c->io)
			conn_close(c, NULL);
}

/* --- all of them --- */

int server_init(struct server *s)
{
	memset(s, 0, sizeof(*s));
	quota_init(s);
	s->journal_growth = 1U << 20;
	s->max_event_bytes = 1U << 20;
	s->max_event_bytes_privileged = 64U << 20;
	s->watches = watches_new();
	if (!s->watches)
		return -ENOMEM;
	if (tree_init(&s->live) < 0) {
		watches_free(s->watches);
		return -ENOMEM;
	}
	return 0;
}

static void settle(struct conn *c)
{
	if (!c->touched || c->closed)
		return;
	if (!send_queued(c))
		return;
	c->ops->settle(c->io, may_read(c), c->first != NULL);
	c->touched = false;
}

bool server_settle(struct server *s)
{
	struct conn **p = &s->conns;
	bool again = false;

	state_commit(s);
	for (struct conn *c = s->conns; c; c = c->next)
		settle(c);
	while (*p) {
		struct conn *c = *p;

		if (c->closed) {
			conn_reset(c);
			*p = c->next;
			free(c);
		} else {
			again |= c->again;
			p = &c->next;
		}
	}
	return again;
}

void server_continue(struct server *s)
{
	for (struct conn *c = s->conns; c; c = c->next)
		if (c->again)
			conn_run(c);
}

void server_fini(struct server *s)
{
	for (struct conn *c = s->conns; c; c = c->next)
		conn_close(c, NULL);
	server_settle(s);
	tree_free(&s->live);
	watches_free(s->watches);
	quota_fini(s);
	special_fini(s);
}

/* --- events --- */

static bool may_read_perms(const struct perms *p, const struct cred *c)
{
	return p && perms_allow(p, c, PERM_READ);
}

static void on_change(struct watch *w, void *arg)
{
	const struct change *ch = arg;
	struct conn *c = w->holder;

	if (c->closed)
		return;
	if (may_read_perms(ch->before, &c->cred) || may_read_perms(ch->after, &c->cred) ||
	    may_read_perms(ch->parent, &c->cred))
		conn_event(c, w, ch->path);
}

void server_fire_changes(struct server *s, const struct changes *log)
{
	for (unsigned int i = 0; i < log->n; i++)
		watch_fire(s->watches, log->list[i].path, log->list[i].exact, on_change, &log->list[i]);
}
