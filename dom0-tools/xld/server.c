/* SPDX-License-Identifier: MIT */
/*
 * The socket of xld: accepts clients, takes messages apart, hands calls to calls.c and sends replies.
 *
 * Invariant: a struct client lives from accept to client_drop(); whoever may answer it later (struct asker) is told
 * of its end through dom_client_gone(). A client that sends nonsense is dropped; one whose arguments do not decode
 * gets an error. Replies are queued and sent as the socket takes them; a client that does not read its replies is not
 * listened to, and dropped if even the answers that come later are too many.
 *
 * Only root may talk to us: the socket is 0600 and the peer's credentials are checked as well.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "xld.h"

#define MAX_CLIENTS 64
#define ENOUGH_QUEUED (256U << 10)	/* then the client is not listened to until it reads */
#define MAX_QUEUED (8U << 20)

struct client {
	struct client *next;
	struct xld *x;
	struct rpc_stream s;
	struct ev_fd *watch;
	char *name;			/* what it calls itself, for the log */
	bool doomed;			/* drop it at the next occasion outside of its own calls */
	bool abandoned;			/* and say nothing: its connection is somebody else's */
};

static void client_drop(struct client *c)
{
	struct client **at;

	for (at = &c->x->clients; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	c->x->nr_clients--;
	dom_client_gone(c->x, c);
	ev_fd_del(c->watch);
	if (c->abandoned)
		rpc_stream_abandon(&c->s);
	else
		rpc_stream_close(&c->s);
	free(c->name);
	free(c);
}

int client_take(struct client *c)
{
	rpc_stream_pop(&c->s);		/* the call that brought us here */
	return rpc_stream_detach(&c->s);
}

void client_abandon(struct client *c)
{
	c->doomed = c->abandoned = true;
}

/* Send what can be sent; wait for room only while something is left. */
static void client_send(struct client *c)
{
	if (c->abandoned)
		return;
	int rc = rpc_stream_flush(&c->s);

	if (rc < 0 || rpc_stream_pending(&c->s) > MAX_QUEUED)
		c->doomed = true;
	ev_fd_set(c->watch, (rpc_stream_pending(&c->s) < ENOUGH_QUEUED ? EPOLLIN : 0) |
			    (rc == 0 || c->doomed ? EPOLLOUT : 0));
}

static void client_queue(struct client *c, const struct rpc_header *h, xdrproc_t xdr, const void *obj)
{
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

	client_queue(c, &h, rpc_proc_find(proc)->xdr_ret, obj);
}

void client_reply_error(struct client *c, uint32_t proc, uint32_t serial, const xld_error *err)
{
	struct rpc_header h = reply_header(proc, serial, XLD_REPLY, XLD_ERROR);

	client_queue(c, &h, (xdrproc_t)xdr_xld_error, err);
}

void client_progress(struct client *c, uint32_t serial, const char *text)
{
	struct rpc_header h = reply_header(XLD_EVENT_PROGRESS, serial, XLD_EVENT, XLD_OK);
	xld_progress p = { .text = (char *)(uintptr_t)text };

	client_queue(c, &h, (xdrproc_t)xdr_xld_progress, &p);
}

static void refuse(struct client *c, const struct rpc_header *h, const char *cause)
{
	xld_error err = { 0 };

	xld_fail(&err, XLD_E_PROTOCOL, "understand", "the request", "xl and xld may be of different versions", "%s",
		 cause);
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

static void take_message(struct client *c, const struct rpc_header *h, const uint8_t *body, size_t len)
{
	const struct rpc_proc *p = rpc_proc_find(h->proc);
	void *args;

	if (h->type != XLD_CALL) {
		c->doomed = true;
		return;
	}
	if (!p || !call_find(h->proc)) {
		refuse(c, h, "there is no such procedure");
		return;
	}
	args = xcalloc(1, p->args_size);
	if (rpc_decode(body, len, p->xdr_args, args))
		serve(c, h, p, args);
	else
		refuse(c, h, "malformed arguments");
	rpc_release(p->xdr_args, args);
	free(args);
}

static void client_event(struct ev_fd *w, uint32_t events, void *arg)
{
	struct client *c = arg;
	struct rpc_header h;
	const uint8_t *body;
	size_t len;
	int rc = -EAGAIN, got;

	(void)w;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		rc = rpc_stream_fill(&c->s);
	while (!c->doomed && rpc_stream_pending(&c->s) < ENOUGH_QUEUED &&
	       (got = rpc_stream_peek(&c->s, &h, &body, &len)) != 0) {
		if (got < 0) {
			xld_log("%s sent something that is not our protocol: %s", c->name, strerror(-got));
			c->doomed = true;
			break;
		}
		take_message(c, &h, body, len);
		if (!c->abandoned)
			rpc_stream_pop(&c->s);
	}
	client_send(c);
	if (c->doomed || rc == 0 || (rc < 0 && rc != -EAGAIN))
		client_drop(c);
}

static bool is_root(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) && (cred.uid == 0 || cred.uid == geteuid());
}

static void accept_event(struct ev_fd *w, uint32_t events, void *arg)
{
	struct xld *x = arg;
	int fd = accept4(x->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *c;

	(void)w;
	(void)events;
	if (fd < 0)
		return;
	if (!is_root(fd) || x->nr_clients == MAX_CLIENTS) {
		xld_log("a connection was refused: %s", is_root(fd) ? "too many clients" : "not root");
		close(fd);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->x = x;
	c->name = xstrdup("a client");
	rpc_stream_init(&c->s, fd);
	c->watch = mem_check(ev_fd_add(x->loop, fd, EPOLLIN, client_event, c));
	c->next = x->clients;
	x->clients = c;
	x->nr_clients++;
}

bool server_start(struct xld *x, char **why)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t mask;
	int rc;

	if (strlen(x->socket_path) >= sizeof(sun.sun_path)) {
		*why = xasprintf("socket path %s is too long", x->socket_path);
		return false;
	}
	strcpy(sun.sun_path, x->socket_path);
	x->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	unlink(x->socket_path);
	mask = umask(0177);
	rc = x->listener < 0 || bind(x->listener, (struct sockaddr *)&sun, sizeof(sun)) || listen(x->listener, 16);
	umask(mask);
	if (rc) {
		*why = xasprintf("%s: %s", x->socket_path, strerror(errno));
		return false;
	}
	x->listen_watch = mem_check(ev_fd_add(x->loop, x->listener, EPOLLIN, accept_event, x));
	return true;
}

void server_stop(struct xld *x)
{
	while (x->clients)
		client_drop(x->clients);
	ev_fd_del(x->listen_watch);
	close(x->listener);
	unlink(x->socket_path);
}
