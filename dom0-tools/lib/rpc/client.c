/* SPDX-License-Identifier: MIT */
/*
 * The client's side: connect, call, wait for the reply with our serial, hand on progress events in between.
 *
 * Every failure, also of the transport, comes back as an xld_error, so that callers have one way to show it. After a
 * transport failure the client is broken and each further call fails.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "tls.h"
#include "xrpc.h"
#include "util/mem.h"

#define HANDSHAKE_MS 15000
#define PING_SERIAL 0xffffffff		/* calls never get there */

struct rpc_client {
	struct rpc_stream s;
	char *peer;			/* for errors */
	uint32_t serial;
	bool broken;
	unsigned int keepalive_s;
	bool quiet;			/* the call under way is the last before a pipe */
	bool asked;			/* nothing has come since we asked whether it is there */
	rpc_progress_fn *progress;
	void *progress_arg;
	rpc_event_fn *event;
	void *event_arg;
	unsigned int events;		/* that were handed on */
};

static bool fail(struct rpc_client *c, xld_error *err, xld_code code, const char *what, const char *cause,
		 const char *advice)
{
	c->broken = true;
	rpc_error_set(err, code, what, c->peer, cause, advice);
	return false;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static const struct rpc_pki *own_pki;
static struct rpc_creds *creds;			/* read at first use, and kept */

void rpc_client_set_pki(const struct rpc_pki *pki)
{
	if (creds)
		rpc_creds_free(creds);
	creds = NULL;
	own_pki = pki;
}

static struct rpc_creds *credentials(char **why)
{
	const char *dir = getenv("XLD_PKI");
	struct rpc_pki pki;

	if (!rpc_tls_new) {
		*why = xstrdup("this program does not know TLS");
		return NULL;
	}
	if (creds)
		return creds;
	if (own_pki) {
		creds = rpc_creds_new(own_pki, why);
		return creds;
	}
	rpc_pki_in(&pki, dir ? dir : RPC_PKI_DIR);
	creds = rpc_creds_new(&pki, why);
	rpc_pki_free(&pki);
	return creds;
}

static const char *connect_advice(const struct rpc_addr *a, int rc)
{
	if (a->kind != RPC_UNIX)
		return "is that host up, and does its xld listen there? (see xld.conf)";
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return "start the daemon in dom0: xld --daemon";
	if (rc == -EACCES || rc == -EPERM)
		return "only root may manage domains";
	return "";
}

/* The handshake, in limited time; afterwards the socket blocks. */
static bool shake_hands(struct rpc_stream *s, char **why)
{
	uint64_t deadline = now_ms() + HANDSHAKE_MS, now;
	struct pollfd p = { .fd = s->fd };
	int rc;

	rpc_fd_block(s->fd, false);
	while (!(rc = rpc_stream_handshake(s)) && (now = now_ms()) < deadline) {
		p.events = rpc_stream_wants_write(s) ? POLLOUT : POLLIN;
		if (poll(&p, 1, (int)(deadline - now)) < 0 && errno != EINTR)
			rc = -errno;
	}
	rpc_fd_block(s->fd, true);
	if (rc < 0)
		*why = xstrdup(rpc_stream_why(s, rc));
	else if (!rc)
		*why = xasprintf("the handshake was not finished within %d s", HANDSHAKE_MS / 1000);
	return rc == 1;
}

static bool open_stream(struct rpc_client *c, const struct rpc_addr *a, xld_error *err)
{
	bool tls = a->kind == RPC_TLS;
	char *why = NULL;
	int fd = -1;

	if (tls && !credentials(&why))
		rpc_error_set(err, XLD_E_CONFIG, "connect to", c->peer, why,
			      "`xl pki init` makes certificates; XLD_PKI=DIR says where they are");
	else if ((fd = rpc_net_connect(a, &why)) < 0)
		rpc_error_set(err, fd == -EACCES ? XLD_E_DENIED : XLD_E_UNREACHABLE, "connect to", c->peer, why,
			      connect_advice(a, fd));
	else
		rpc_stream_init(&c->s, fd);
	if (fd >= 0 && tls && (!rpc_stream_secure(&c->s, creds, a->host, &why) || !shake_hands(&c->s, &why))) {
		rpc_error_set(err, XLD_E_DENIED, "connect to", c->peer, why,
			      "compare the certificates of both hosts and the CA that they trust");
		fd = -1;
	}
	free(why);
	return fd >= 0;
}

struct rpc_client *rpc_client_open(const char *uri, const char *program, xld_error *err)
{
	xld_hello hello = { .protocol = XLD_VERSION, .peer = (char *)(uintptr_t)program, .pid = (u_int)getpid() };
	struct rpc_client *c = xcalloc(1, sizeof(*c));
	struct rpc_addr a;
	xld_hello reply;
	char *why;

	rpc_stream_init(&c->s, -1);
	if (!rpc_addr_parse(&a, uri, &why)) {
		rpc_error_set(err, XLD_E_INVALID, "connect to", uri, why, "");
		free(why);
		free(c);
		return NULL;
	}
	c->peer = a.kind == RPC_UNIX ? xstrdup("xld") : rpc_addr_text(&a);
	c->keepalive_s = a.kind == RPC_UNIX ? 0 : RPC_KEEPALIVE_S;
	if (!open_stream(c, &a, err) || !rpc_client_call(c, XLD_HELLO, &hello, &reply, err)) {
		rpc_client_close(c);
		c = NULL;
	} else {
		rpc_release((xdrproc_t)xdr_xld_hello, &reply);
	}
	rpc_addr_free(&a);
	return c;
}

int rpc_client_detach(struct rpc_client *c)
{
	int fd = c->broken ? -ENOTCONN : rpc_stream_detach(&c->s);

	rpc_client_close(c);
	return fd;
}

void rpc_client_close(struct rpc_client *c)
{
	if (!c)
		return;
	rpc_stream_close(&c->s);
	free(c->peer);
	free(c);
}

void rpc_client_on_progress(struct rpc_client *c, rpc_progress_fn *fn, void *arg)
{
	c->progress = fn;
	c->progress_arg = arg;
}

void rpc_client_on_event(struct rpc_client *c, rpc_event_fn *fn, void *arg)
{
	c->event = fn;
	c->event_arg = arg;
}

void rpc_client_keepalive(struct rpc_client *c, unsigned int seconds)
{
	c->keepalive_s = seconds;
}

/* Ask whether xld is there, or tell it that we are. Whatever answer comes is thrown away like any that nobody wants. */
static int ping(struct rpc_client *c)
{
	struct rpc_header h = { .program = XLD_PROGRAM, .version = XLD_VERSION, .proc = XLD_PING, .type = XLD_CALL,
				.serial = PING_SERIAL };
	xld_nothing nothing = { 0 };

	rpc_stream_queue(&c->s, &h, (xdrproc_t)xdr_xld_nothing, &nothing);
	return rpc_stream_flush(&c->s);
}

static void take_progress(struct rpc_client *c, const xld_progress *p, uint32_t serial)
{
	if (c->progress && serial == c->serial)
		c->progress(p->text, c->progress_arg);
}

/* One that we do not know is of a newer xld, and none of our business. Returns as rpc_stream_flush(). */
static int take_event(struct rpc_client *c, const struct rpc_header *h, const uint8_t *body, size_t len)
{
	const struct rpc_event *e = rpc_event_find(h->proc);
	int rc = 1;
	void *obj;

	if (!e)
		return rc;
	obj = xcalloc(1, e->size);
	if (!rpc_decode(body, len, e->xdr, obj)) {
		rc = -EPROTO;
	} else if (h->proc == XLD_EVENT_PING) {
		rc = ping(c);
	} else if (h->proc == XLD_EVENT_PROGRESS) {
		take_progress(c, obj, h->serial);
	} else if (c->event) {
		c->event(h->proc, obj, c->event_arg);
		c->events++;
	}
	rpc_release(e->xdr, obj);
	free(obj);
	return rc;
}

/* Read what has come. Returns as rpc_stream_fill(), -ETIMEDOUT: it is silent although we asked. */
static int fill(struct rpc_client *c)
{
	struct pollfd p = { .fd = c->s.fd, .events = POLLIN };
	int rc;

	while (c->keepalive_s && !c->quiet && !rpc_stream_buffered(&c->s)) {
		rc = poll(&p, 1, (int)(c->keepalive_s * 1000));
		if (rc > 0)
			break;
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (!rc && c->asked)
			return -ETIMEDOUT;
		if (!rc && (rc = ping(c)) < 0)
			return rc;
		c->asked = true;
	}
	rc = rpc_stream_fill(&c->s);
	if (rc > 0)
		c->asked = false;
	return rc;
}

/* What came is not of our protocol, or the connection broke, or we were refused. */
static bool broke(struct rpc_client *c, xld_error *err, int rc)
{
	xld_code code = rc == -EPROTO || rc == -EMSGSIZE ? XLD_E_PROTOCOL : rc == -EACCES ? XLD_E_DENIED :
			XLD_E_UNREACHABLE;
	char *why = code == XLD_E_PROTOCOL ? rpc_stream_fault(&c->s, rc) : rc == -ETIMEDOUT && c->asked ?
		    xasprintf("it is silent, also when asked, for %u s", 2 * c->keepalive_s) :
		    xstrdup(rpc_stream_why(&c->s, rc));

	fail(c, err, code, code == XLD_E_PROTOCOL ? "understand" : "await the answer of", why,
	     code == XLD_E_PROTOCOL ? "xl and xld may be of different versions" : "");
	free(why);
	return false;
}

static bool ended(struct rpc_client *c, xld_error *err)
{
	if (rpc_stream_sees_tls(&c->s))
		return fail(c, err, XLD_E_PROTOCOL, "understand", "the other side speaks TLS and this one does not",
			    "use tls:// instead of tcp://");
	return fail(c, err, XLD_E_UNREACHABLE, "await the answer of",
		    "the daemon closed the connection before it answered",
		    "`xl doctor` says whether it runs; what was begun is finished or taken back when it does");
}

/* Instead of a reply, xld says why it will not serve us at all. */
static bool refused(struct rpc_client *c, const uint8_t *body, size_t len, xld_error *err)
{
	memset(err, 0, sizeof(*err));
	if (!rpc_decode(body, len, (xdrproc_t)xdr_xld_error, err)) {
		rpc_release((xdrproc_t)xdr_xld_error, err);
		return fail(c, err, XLD_E_PROTOCOL, "understand", "malformed answer",
			    "xl and xld may be of different versions");
	}
	c->broken = true;
	free(err->object);
	err->object = xstrndup(c->peer, XLD_NAME_MAX);
	return false;
}

/*
 * Wait until the reply to our call stands at the front of the stream or, if seen is not NULL, until more events than
 * *seen were handed on.
 */
static bool await(struct rpc_client *c, const unsigned int *seen, struct rpc_header *h, const uint8_t **body,
		  size_t *len, xld_error *err)
{
	for (;;) {
		int rc = rpc_stream_peek(&c->s, h, body, len);

		if (rc == 1 && !seen && h->type == XLD_REPLY && h->serial == c->serial)
			return true;
		if (rc == 1 && h->type == XLD_REPLY && !h->serial && h->status == XLD_ERROR)
			return refused(c, *body, *len, err);
		if (rc == 1) {
			rc = h->type == XLD_EVENT ? take_event(c, h, *body, *len) : 1;
			rpc_stream_pop(&c->s);
			if (seen && c->events != *seen)
				return true;
		} else if (!rc) {
			rc = fill(c);
			if (!rc)
				return ended(c, err);
		}
		if (rc < 0)
			return broke(c, err, rc);
	}
}

bool rpc_client_await_event(struct rpc_client *c, xld_error *err)
{
	unsigned int seen = c->events;
	struct rpc_header h;
	const uint8_t *body;
	size_t len;

	if (c->broken)
		return fail(c, err, XLD_E_UNREACHABLE, "await events of", "the connection broke earlier", "");
	return await(c, &seen, &h, &body, &len, err);
}

static bool take_reply(struct rpc_client *c, const struct rpc_proc *p, void *ret, xld_error *err)
{
	struct rpc_header h;
	const uint8_t *body;
	size_t len;
	bool ok;

	if (!await(c, NULL, &h, &body, &len, err))
		return false;
	memset(err, 0, sizeof(*err));
	if (h.status == XLD_OK) {
		ok = rpc_decode(body, len, p->xdr_ret, ret);
		if (!ok)
			rpc_release(p->xdr_ret, ret);
	} else {
		ok = rpc_decode(body, len, (xdrproc_t)xdr_xld_error, err);
	}
	rpc_stream_pop(&c->s);
	if (ok)
		return h.status == XLD_OK;
	rpc_release((xdrproc_t)xdr_xld_error, err);
	return fail(c, err, XLD_E_PROTOCOL, "understand", "malformed answer",
		    "xl and xld may be of different versions");
}

bool rpc_client_call(struct rpc_client *c, uint32_t proc, const void *args, void *ret, xld_error *err)
{
	const struct rpc_proc *p = rpc_proc_find(proc);
	struct rpc_header h = { .program = XLD_PROGRAM, .version = XLD_VERSION, .proc = proc, .type = XLD_CALL };
	int rc;

	memset(ret, 0, p->ret_size);
	if (c->broken)
		return fail(c, err, XLD_E_UNREACHABLE, "call", "the connection broke earlier", "");
	h.serial = ++c->serial;
	c->quiet = p->pipe;
	if (!rpc_stream_queue(&c->s, &h, p->xdr_args, args)) {
		rpc_error_set(err, XLD_E_PROTOCOL, "call", p->name, "an argument is longer than the protocol allows",
			      "");
		return false;
	}
	rc = rpc_stream_flush(&c->s);
	/* A daemon that does not want us may have gone already; what it said is still there to be read. */
	if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET)
		return broke(c, err, rc);
	return take_reply(c, p, ret, err);
}
