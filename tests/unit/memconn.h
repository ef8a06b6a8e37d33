/* SPDX-License-Identifier: MIT */
/*
 * A connection of xenstored whose transport is memory: what the test puts in, and what the daemon has answered. For
 * unit tests and fuzzing; no lock, no I/O.
 */
#ifndef TESTS_UNIT_MEMCONN_H
#define TESTS_UNIT_MEMCONN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../dom0-tools/xenstored/server.h"

struct memconn {
	struct conn *c;
	const char *in;
	size_t in_len;			/* left to be read by the daemon */
	size_t piece;			/* bytes it gets at a time; 0 = as many as it wants */
	char *out;
	size_t out_len, out_room;
	size_t accept;			/* bytes the client still takes */
	char why[80];			/* said at close */
	bool closed;
};

static int memconn_read(void *io, void *buf, unsigned int len)
{
	struct memconn *m = io;

	if (len > m->in_len)
		len = m->in_len;
	if (m->piece && len > m->piece)
		len = m->piece;
	memcpy(buf, m->in, len);
	m->in += len;
	m->in_len -= len;
	return len;
}

static int memconn_write(void *io, const void *buf, unsigned int len)
{
	struct memconn *m = io;

	if (len > m->accept)
		len = m->accept;
	if (m->out_len + len > m->out_room) {
		m->out_room = (m->out_len + len) * 2;
		m->out = realloc(m->out, m->out_room);
		if (!m->out)
			abort();
	}
	if (len)
		memcpy(m->out + m->out_len, buf, len);
	m->out_len += len;
	m->accept -= len;
	return len;
}

static void memconn_settle(void *io, bool want_read, bool want_write)
{
	(void)io;
	(void)want_read;
	(void)want_write;
}

static void memconn_close(void *io, const char *why)
{
	struct memconn *m = io;

	m->closed = true;
	snprintf(m->why, sizeof(m->why), "%s", why ? why : "");
}

static const struct conn_ops memconn_ops = {
	.read = memconn_read,
	.write = memconn_write,
	.settle = memconn_settle,
	.close = memconn_close,
};

static inline void memconn_open(struct memconn *m, struct server *s, uint32_t domid)
{
	struct cred cred = { .domid = domid, .target = NO_TARGET, .privileged = domid == 0 };

	*m = (struct memconn){ .accept = SIZE_MAX };
	m->c = conn_new(s, &cred, &memconn_ops, m);
	if (!m->c)
		abort();
}

/* Let the daemon work until nothing moves. */
static inline void memconn_run(struct memconn *m, struct server *s)
{
	if (!m->closed)
		conn_run(m->c);
	while (server_settle(s))
		server_continue(s);
}

static inline void memconn_feed(struct memconn *m, struct server *s, const void *data, size_t len)
{
	m->in = data;
	m->in_len = len;
	memconn_run(m, s);
}

/* Free what the test side holds; the connection itself belongs to the server. */
static inline void memconn_done(struct memconn *m)
{
	free(m->out);
}

#endif
