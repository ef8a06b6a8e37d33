/* SPDX-License-Identifier: MIT */
/*
 * The clients of xld: takes their messages apart, hands calls to calls.c and sends replies.
 *
 * Invariant: a struct client lives from client_new() to client_drop(); whoever may answer it later (struct asker) is
 * told of its end through dom_client_gone(). A client that sends nonsense is told so and dropped; one whose arguments
 * do not decode, or who may not call this, gets an error. Replies are queued and sent as the socket takes them; a
 * client that does not read its replies is not listened to, and dropped if even the answers that come later are too
 * many.
 *
 * Nothing here waits for a client: a handshake goes on as its bytes come, and has a deadline.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

#define ENOUGH_QUEUED (256U << 10)	/* then the client is not listened to until it reads */
#define MAX_QUEUED (8U << 20)
#define ANY_INPUT (EPOLLIN | EPOLLHUP | EPOLLERR)
#define PART_MS 2000			/* for the peer to read why it is dropped */

enum client_state {
	CLIENT_SHAKING,			/* TLS: not known yet */
	CLIENT_SERVED,
	CLIENT_PARTING,			/* what is queued is sent, and what comes thrown away, until the peer closes */
};

struct client {
	struct client *next;
	struct xld *x;
	struct rpc_stream s;
	struct ev_fd *watch;
	struct ev_timer *timer;		/* of a state that cannot last */
	enum client_state state;
	enum rpc_kind kind;
	enum rights rights;
	char *name;			/* who it is, for the log */
	bool greeted;			/* it has sent a whole message */
	unsigned int calls;		/* that it waits for */
	uint32_t kinds;			/* of events that it wants */
	bool quiet;			/* its last call may end in a pipe: no keep-alive */
	uint8_t token[16];		/* of a migration that it is a connection of, if lane is not 0 */
	unsigned int lane;
	bool heard, asked;		/* something came since the last look, at which we asked */
	bool busy;			/* in client_event(), which frees it when it is doomed or gone */
	bool doomed;			/* drop it at the next occasion outside of its own calls */
	bool gone;			/* its connection belongs to another process */
};

static unsigned int *count_of(struct client *c)
{
	return c->kind == RPC_UNIX ? &c->x->nr_clients : &c->x->nr_remote;
}

void client_subscribe(struct client *c, uint32_t kinds)
{
	c->x->nr_subscribers += !!(kinds & XLD_SUBSCRIBE_DOMAINS);
	c->x->nr_subscribers -= !!(c->kinds & XLD_SUBSCRIBE_DOMAINS);
	c->kinds = kinds;
}

static void client_unlink(struct client *c)
{
	struct client **at;

	for (at = &c->x->clients; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	(*count_of(c))--;
	client_subscribe(c, 0);
	dom_client_gone(c->x, c);
	ev_fd_del(c->watch);
	ev_timer_free(c->timer);
}

static void client_free(struct client *c)
{
	free(c->name);
	free(c);
}

void client_drop(struct client *c)
{
	client_unlink(c);
	rpc_stream_close(&c->s);
	client_free(c);
}

struct rpc_stream *client_stream(struct client *c)
{
	return &c->s;
}

const char *client_name(const struct client *c)
{
	return c->name;
}

void client_abandon(struct client *c)
{
	client_unlink(c);
	rpc_stream_abandon(&c->s);
	c->gone = true;
	if (!c->busy)
		client_free(c);
}

void client_become_lane(struct client *c, const uint8_t token[16], unsigned int number)
{
	memcpy(c->token, token, sizeof(c->token));
	c->lane = number;
}

struct client *client_lane(struct xld *x, const struct client *beside, const uint8_t token[16], unsigned int number)
{
	for (struct client *c = x->clients; c; c = c->next)
		if (c != beside && c->lane == number && !memcmp(c->token, token, sizeof(c->token)))
			return c;
	return NULL;
}

/* All is said: let the peer read it before the connection goes, which takes with it what was not read. */
static void client_hang_up(struct client *c)
{
	if (c->s.tls)
		rpc_stream_bye(&c->s);
	shutdown(c->s.fd, SHUT_WR);
	ev_fd_set(c->watch, EPOLLIN);
}

/* Send what can be sent; wait for room only while something is left. */
static void client_send(struct client *c)
{
	int rc = rpc_stream_flush(&c->s);
	bool listen = c->state == CLIENT_SERVED && rpc_stream_pending(&c->s) < ENOUGH_QUEUED;

	if (rc < 0 || rpc_stream_pending(&c->s) > MAX_QUEUED)
		c->doomed = true;
	ev_fd_set(c->watch, (listen ? EPOLLIN : 0) | (rc == 0 || c->doomed ? EPOLLOUT : 0));
	if (rc == 1 && c->state == CLIENT_PARTING)
		client_hang_up(c);
}

static void client_queue(struct client *c, const struct rpc_header *h, xdrproc_t xdr, const void *obj)
{
	if (c->gone)
		return;
	if (!rpc_stream_queue(&c->s, h, xdr, obj)) {
		xld_log("a reply to procedure %u does not fit the protocol", h->proc);
		c->doomed = true;
	}
	client_send(c);
}

static struct rpc_header reply_header(uint32_t proc, uint32_t serial, uint32_t type, uint32_t status)
{
	return (struct rpc_header){ .program = XLD_PROGRAM, .version = XLD_VERSION, .proc = proc, .type = type,
				    .serial = serial, .status = status };
}

void client_reply(struct client *c, uint32_t proc, uint32_t serial, const void *obj)
{
	struct rpc_header h = reply_header(proc, serial, XLD_REPLY, XLD_OK);

	c->calls--;
	client_queue(c, &h, rpc_proc_find(proc)->xdr_ret, obj);
}

void client_reply_error(struct client *c, uint32_t proc, uint32_t serial, const xld_error *err)
{
	struct rpc_header h = reply_header(proc, serial, XLD_REPLY, XLD_ERROR);

	c->calls--;
	client_queue(c, &h, (xdrproc_t)xdr_xld_error, err);
}

void client_progress(struct client *c, uint32_t serial, const char *text)
{
	struct rpc_header h = reply_header(XLD_EVENT_PROGRESS, serial, XLD_EVENT, XLD_OK);
	xld_progress p = { .text = (char *)(uintptr_t)text };

	client_queue(c, &h, (xdrproc_t)xdr_xld_progress, &p);
}

void client_event_all(struct xld *x, uint32_t kind, uint32_t event, const void *obj)
{
	struct rpc_header h = reply_header(event, 0, XLD_EVENT, XLD_OK);

	for (struct client *c = x->clients; c; c = c->next)
		if (c->kinds & kind && c->state == CLIENT_SERVED)
			client_queue(c, &h, rpc_event_find(event)->xdr, obj);
}

static void refuse(struct client *c, const struct rpc_header *h, const char *cause)
{
	xld_error err = { 0 };

	xld_fail(&err, XLD_E_PROTOCOL, "understand", "the request", "xl and xld may be of different versions", "%s",
		 cause);
	client_reply_error(c, h->proc, h->serial, &err);
	rpc_release((xdrproc_t)xdr_xld_error, &err);
}

/* Tell the client why it is not served any more, and drop it. */
static void client_part(struct client *c, xld_code code, const char *advice, const char *cause)
{
	xld_error err = { 0 };

	xld_log("%s was %s: %s", c->name, code == XLD_E_TIMEOUT ? "dropped" : "refused", cause);
	c->state = CLIENT_PARTING;
	c->calls++;
	ev_timer_set(c->timer, PART_MS);
	xld_fail(&err, code, "talk to", "xld", advice, "%s", cause);
	client_reply_error(c, 0, 0, &err);
	rpc_release((xdrproc_t)xdr_xld_error, &err);
}

static bool may_call(const struct client *c, const struct rpc_proc *p, const void *args)
{
	return c->rights == RIGHTS_ALL || !p->changes || !p->changes(args);
}

static void deny(struct client *c, const struct rpc_header *h, const struct rpc_proc *p)
{
	xld_error err = { 0 };

	xld_log("%s may only look, and was refused %s", c->name, p->name);
	xld_fail(&err, XLD_E_DENIED, "call", p->name, "do it as root, or as a member of the group that may (xld.conf)",
		 "you are in the group that may look but change nothing");
	client_reply_error(c, h->proc, h->serial, &err);
	rpc_release((xdrproc_t)xdr_xld_error, &err);
}

static void serve(struct client *c, const struct rpc_header *h, const struct rpc_proc *p, void *args)
{
	void *ret = xcalloc(1, p->ret_size);
	xld_error err = { 0 };
	bool later = false;

	if (call_find(h->proc)(c->x, c, h->serial, args, ret, &err, &later))
		client_reply(c, h->proc, h->serial, ret);
	else if (!later)
		client_reply_error(c, h->proc, h->serial, &err);
	rpc_release((xdrproc_t)xdr_xld_error, &err);
	rpc_release(p->xdr_ret, ret);
	free(ret);
}

/* The message at the front is taken off before it is served: what is served may make a pipe of the stream. */
static void take_message(struct client *c, const struct rpc_header *h, const uint8_t *body, size_t len)
{
	const struct rpc_proc *p = rpc_proc_find(h->proc);
	void *args;
	bool ok;

	if (h->type != XLD_CALL) {
		client_part(c, XLD_E_PROTOCOL, "", "it sent an answer to something that xld did not ask");
		return;
	}
	c->calls++;
	if (!p || !call_find(h->proc)) {
		rpc_stream_pop(&c->s);
		refuse(c, h, "there is no such procedure");
		return;
	}
	c->quiet = p->pipe;
	args = xcalloc(1, p->args_size);
	ok = rpc_decode(body, len, p->xdr_args, args);
	rpc_stream_pop(&c->s);
	if (!ok)
		refuse(c, h, "malformed arguments");
	else if (may_call(c, p, args))
		serve(c, h, p, args);
	else
		deny(c, h, p);
	rpc_release(p->xdr_args, args);
	free(args);
}

/* From its first message on, the timer is for the keep-alive. */
static void client_greeted(struct client *c)
{
	if (c->greeted)
		return;
	c->greeted = true;
	if (c->kind == RPC_UNIX)
		return;
	if (c->x->conf->keepalive_s)
		ev_timer_set(c->timer, c->x->conf->keepalive_s * 1000ULL);
	else
		ev_timer_stop(c->timer);
}

static bool is_listened_to(const struct client *c)
{
	return !c->gone && !c->doomed && c->state == CLIENT_SERVED && rpc_stream_pending(&c->s) < ENOUGH_QUEUED;
}

/* The messages that are there, as long as the client reads its answers. */
static void take_messages(struct client *c)
{
	struct rpc_header h;
	const uint8_t *body;
	char *why;
	size_t len;
	int got;

	while (is_listened_to(c) && (got = rpc_stream_peek(&c->s, &h, &body, &len)) != 0) {
		if (got < 0) {
			why = rpc_stream_fault(&c->s, got);
			client_part(c, XLD_E_PROTOCOL, "use xl and xld of the same release", why);
			free(why);
			return;
		}
		client_greeted(c);
		take_message(c, &h, body, len);
	}
}

/* Read and serve until nothing more is there, or enough was done. Returns what the last read said. */
static int client_read(struct client *c)
{
	int rc;

	do {
		rc = rpc_stream_fill(&c->s);
		c->heard = c->heard || rc > 0;
		take_messages(c);
	} while (rc > 0 && is_listened_to(c) && rpc_stream_buffered(&c->s));
	return rc;
}

static bool allowed(const struct xld_conf *conf, const char *name)
{
	for (unsigned int i = 0; i < conf->nr_allow; i++)
		if (!strcmp(conf->allow[i], name))
			return true;
	return !conf->nr_allow;
}

/* A part of the handshake; then the client is one, or parts. */
static void client_shake(struct client *c)
{
	int rc = rpc_stream_handshake(&c->s);
	char *name;

	if (!rc) {
		ev_fd_set(c->watch, rpc_stream_wants_write(&c->s) ? EPOLLOUT : EPOLLIN);
		return;
	}
	if (rc < 0) {
		xld_log("%s was refused: %s", c->name, rpc_stream_why(&c->s, rc));
		c->state = CLIENT_PARTING;
		ev_timer_set(c->timer, PART_MS);
		client_hang_up(c);
		return;
	}
	c->state = CLIENT_SERVED;
	ev_fd_set(c->watch, EPOLLIN);
	name = xasprintf("%s '%s'", c->name, rpc_stream_peer(&c->s));
	free(c->name);
	c->name = name;
	if (!allowed(c->x->conf, rpc_stream_peer(&c->s)))
		client_part(c, XLD_E_DENIED, "add the name to tls_allow in its xld.conf",
			    "the name of the client's certificate is not on the list tls_allow of xld.conf");
}

/* Throw away what a client says who is not listened to. 0: it has ended; -errno. */
static ssize_t discard(struct client *c)
{
	char buf[4096];
	ssize_t n = recv(c->s.fd, buf, sizeof(buf), 0);

	return n < 0 ? -errno : n;
}

static void client_event(struct ev_fd *w, uint32_t events, void *arg)
{
	struct client *c = arg;
	ssize_t rc = -EAGAIN;

	(void)w;
	c->busy = true;
	if (c->state == CLIENT_SHAKING)
		client_shake(c);
	if (c->state == CLIENT_PARTING && events & ANY_INPUT)
		rc = discard(c);
	if (c->state == CLIENT_SERVED)
		take_messages(c);		/* left from when it did not read its answers */
	if (is_listened_to(c) && (events & ANY_INPUT || rpc_stream_buffered(&c->s)))
		rc = client_read(c);
	c->busy = false;
	if (c->gone) {
		client_free(c);
		return;
	}
	if (c->state == CLIENT_SERVED || rpc_stream_pending(&c->s))
		client_send(c);
	/* A client that refuses us says so when our part of the handshake is long done. */
	if (c->state == CLIENT_SERVED && rc < 0 && rc != -EAGAIN && rc != -ECONNRESET)
		xld_log("%s was dropped: %s", c->name, rpc_stream_why(&c->s, (int)rc));
	if (c->doomed || rc == 0 || (rc < 0 && rc != -EAGAIN))
		client_drop(c);
}

static void client_late(struct client *c, const char *what, unsigned int seconds)
{
	char *cause = xasprintf("the client %s %u s", what, seconds);

	client_part(c, XLD_E_TIMEOUT, "", cause);
	free(cause);
}

/*
 * A client that waits for something reads, and so can answer. One that does not is left alone: the kernel finds out if
 * its host has died.
 */
static void client_alive(struct client *c)
{
	struct rpc_header h = reply_header(XLD_EVENT_PING, 0, XLD_EVENT, XLD_OK);
	unsigned int seconds = c->x->conf->keepalive_s;
	xld_nothing nothing = { 0 };

	if (!c->heard && c->asked && !c->quiet) {
		client_late(c, "was silent, also when asked, for", 2 * seconds);
		return;
	}
	c->asked = !c->heard && !c->quiet && (c->calls || c->kinds);
	c->heard = false;
	ev_timer_set(c->timer, seconds * 1000ULL);
	if (c->asked)
		client_queue(c, &h, (xdrproc_t)xdr_xld_nothing, &nothing);
}

static void client_timer(struct ev_timer *t, void *arg)
{
	struct client *c = arg;

	(void)t;
	if (c->state == CLIENT_PARTING) {
		client_drop(c);
	} else if (c->greeted) {
		client_alive(c);
	} else if (c->state == CLIENT_SERVED) {
		client_late(c, "did not say anything within", c->x->conf->handshake_s);
	} else {
		xld_log("%s was dropped: the client did not finish the handshake within %u s", c->name,
			c->x->conf->handshake_s);
		client_drop(c);
	}
}

void client_new(struct xld *x, int fd, enum rpc_kind kind, char *name, enum rights rights)
{
	struct client *c = xcalloc(1, sizeof(*c));
	char *why;

	*c = (struct client){ .next = x->clients, .x = x, .kind = kind, .name = name, .rights = rights,
			      .state = kind == RPC_TLS ? CLIENT_SHAKING : CLIENT_SERVED };
	rpc_stream_init(&c->s, fd);
	c->watch = mem_check(ev_fd_add(x->loop, fd, EPOLLIN, client_event, c));
	c->timer = mem_check(ev_timer_new(x->loop, client_timer, c));
	x->clients = c;
	(*count_of(c))++;
	if (kind != RPC_UNIX)
		ev_timer_set(c->timer, x->conf->handshake_s * 1000ULL);
	if (kind != RPC_TLS || rpc_stream_secure(&c->s, x->creds, NULL, &why))
		return;
	xld_log("%s was refused: %s", c->name, why);
	free(why);
	client_drop(c);
}
