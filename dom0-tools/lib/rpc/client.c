/* SPDX-License-Identifier: MIT */
/*
 * The client's side: connect, call, wait for the reply with our serial, hand on progress events in between.
 *
 * Every failure, also of the transport, comes back as an xld_error, so that callers have one way to show it. After a
 * transport failure the client is broken and each further call fails.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "xrpc.h"
#include "util/mem.h"

struct rpc_client {
	struct rpc_stream s;
	uint32_t serial;
	bool broken;
	rpc_progress_fn *progress;
	void *progress_arg;
};

static bool fail(struct rpc_client *c, xld_error *err, xld_code code, const char *what, const char *cause,
		 const char *advice)
{
	c->broken = true;
	rpc_error_set(err, code, what, "xld", cause, advice);
	return false;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static void connect_error(xld_error *err, const char *path, int rc)
{
	char *cause = xasprintf("%s: %s", path, strerror(-rc));
	const char *advice = "";

	if (rc == -ENOENT || rc == -ECONNREFUSED)
		advice = "start the daemon in dom0: xld --daemon";
	else if (rc == -EACCES || rc == -EPERM)
		advice = "only root may manage domains";
	rpc_error_set(err, rc == -EACCES ? XLD_E_DENIED : XLD_E_UNREACHABLE, "connect to", "xld", cause, advice);
	free(cause);
}

struct rpc_client *rpc_client_open(const char *path, const char *program, xld_error *err)
{
	xld_hello hello = { .protocol = XLD_VERSION, .peer = (char *)(uintptr_t)program, .pid = (u_int)getpid() };
	int fd = connect_unix(path);
	struct rpc_client *c;
	xld_hello reply;

	if (fd < 0) {
		connect_error(err, path, fd);
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	rpc_stream_init(&c->s, fd);
	if (!rpc_client_call(c, XLD_HELLO, &hello, &reply, err)) {
		rpc_client_close(c);
		return NULL;
	}
	rpc_release((xdrproc_t)xdr_xld_hello, &reply);
	return c;
}

void rpc_client_close(struct rpc_client *c)
{
	if (!c)
		return;
	rpc_stream_close(&c->s);
	free(c);
}

void rpc_client_on_progress(struct rpc_client *c, rpc_progress_fn *fn, void *arg)
{
	c->progress = fn;
	c->progress_arg = arg;
}

static void take_event(struct rpc_client *c, const struct rpc_header *h, const uint8_t *body, size_t len)
{
	xld_progress p = { 0 };

	if (h->proc == XLD_EVENT_PROGRESS && c->progress && rpc_decode(body, len, (xdrproc_t)xdr_xld_progress, &p))
		c->progress(p.text, c->progress_arg);
	rpc_release((xdrproc_t)xdr_xld_progress, &p);
}

/* Wait until the reply to our call stands at the front of the stream. */
static bool await_reply(struct rpc_client *c, struct rpc_header *h, const uint8_t **body, size_t *len, xld_error *err)
{
	for (;;) {
		int rc = rpc_stream_peek(&c->s, h, body, len);

		if (rc == 1 && h->type == XLD_REPLY && h->serial == c->serial)
			return true;
		if (rc == 1) {
			if (h->type == XLD_EVENT && h->serial == c->serial)
				take_event(c, h, *body, *len);
			rpc_stream_pop(&c->s);
			continue;
		}
		if (!rc)
			rc = rpc_stream_fill(&c->s);
		if (!rc)
			return fail(c, err, XLD_E_UNREACHABLE, "await the answer of",
				    "the daemon closed the connection before it answered",
				    "`xl doctor` says whether it runs; what was begun is finished or taken back when it does");
		if (rc < 0)
			return fail(c, err, XLD_E_PROTOCOL, "understand", strerror(-rc),
				    "xl and xld may be of different versions");
	}
}

static bool take_reply(struct rpc_client *c, const struct rpc_proc *p, void *ret, xld_error *err)
{
	struct rpc_header h;
	const uint8_t *body;
	size_t len;
	bool ok;

	if (!await_reply(c, &h, &body, &len, err))
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
	if (!rpc_stream_queue(&c->s, &h, p->xdr_args, args)) {
		rpc_error_set(err, XLD_E_PROTOCOL, "call", p->name, "an argument is longer than the protocol allows",
			      "");
		return false;
	}
	rc = rpc_stream_flush(&c->s);
	if (rc < 0)
		return fail(c, err, XLD_E_UNREACHABLE, "send to", strerror(-rc),
			    "start the daemon in dom0: xld --daemon");
	return take_reply(c, p, ret, err);
}
