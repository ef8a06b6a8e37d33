/* SPDX-License-Identifier: MIT */
/*
 * One end of a connection: collects bytes into messages and messages into bytes.
 *
 * Invariant: in holds in_len bytes from the start of a message on; it grows past READ_CHUNK only to the length of a
 * header that rpc_header_get() accepted. out holds out_len bytes of which out_off are sent; it is given back when all
 * are. Bytes go over the socket as they are, or through a TLS session over it. Does not decide when to read or write:
 * that is the event loop's (daemon) or the caller's (client).
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls.h"
#include "xrpc.h"
#include "util/mem.h"

#define READ_CHUNK 4096

void rpc_stream_init(struct rpc_stream *s, int fd)
{
	memset(s, 0, sizeof(*s));
	s->fd = fd;
}

bool rpc_stream_secure(struct rpc_stream *s, struct rpc_creds *creds, const char *host, char **why)
{
	s->tls = rpc_tls_new(creds, s->fd, host, why);
	return s->tls;
}

int rpc_stream_handshake(struct rpc_stream *s)
{
	return s->tls ? rpc_tls_handshake(s->tls) : 1;
}

bool rpc_stream_wants_write(const struct rpc_stream *s)
{
	return s->tls ? rpc_tls_wants_write(s->tls) : s->out_off < s->out_len;
}

const char *rpc_stream_why(const struct rpc_stream *s, int rc)
{
	if (s->tls && rpc_tls_why(s->tls))
		return rpc_tls_why(s->tls);
	if (rc == -EPROTO)
		return "it is not the protocol of xld";
	if (rc == -EMSGSIZE)
		return "a message is longer, or shorter, than there can be one";
	return strerror(-rc);
}

/* A handshake begins, or an alert comes. */
bool rpc_stream_sees_tls(const struct rpc_stream *s)
{
	return !s->tls && s->in_len >= 2 && (s->in[0] == 0x16 || s->in[0] == 0x15) && s->in[1] == 3;
}

char *rpc_stream_fault(const struct rpc_stream *s, int rc)
{
	struct rpc_header h = { 0 };

	rpc_header_get(s->in, s->in_len, &h);
	if (rpc_stream_sees_tls(s))
		return xstrdup("the other side speaks TLS and this one does not");
	if (rc == -EMSGSIZE)
		return xasprintf("a message of %u bytes; there can be %d to %d", h.length, RPC_HEADER_SIZE,
				 XLD_MSG_MAX);
	if (rc == -EPROTO && h.program == XLD_PROGRAM && h.version != XLD_VERSION)
		return xasprintf("the other side speaks version %u of the protocol, this one %u", h.version,
				 XLD_VERSION);
	return xstrdup(rpc_stream_why(s, rc));
}

const char *rpc_stream_peer(const struct rpc_stream *s)
{
	return s->tls ? rpc_tls_peer(s->tls) : "";
}

void rpc_stream_bye(struct rpc_stream *s)
{
	if (s->tls && !rpc_tls_why(s->tls))
		rpc_tls_bye(s->tls);
}

void rpc_stream_abandon(struct rpc_stream *s)
{
	if (s->tls)
		rpc_tls_free(s->tls);
	if (s->fd >= 0)
		close(s->fd);
	free(s->in);
	free(s->out);
	rpc_stream_init(s, -1);
}

void rpc_stream_close(struct rpc_stream *s)
{
	rpc_stream_bye(s);
	rpc_stream_abandon(s);
}

/* Room for the message at the front, or for a first look at one. */
static size_t room_wanted(const struct rpc_stream *s)
{
	struct rpc_header h;

	if (s->in_len >= RPC_HEADER_SIZE && rpc_header_get(s->in, s->in_len, &h) >= 0 && h.length > READ_CHUNK)
		return h.length;
	return READ_CHUNK;
}

static ssize_t receive(struct rpc_stream *s, void *buf, size_t len)
{
	ssize_t n;

	if (s->tls)
		return rpc_tls_recv(s->tls, buf, len);
	do {
		n = recv(s->fd, buf, len, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t transmit(struct rpc_stream *s, const void *buf, size_t len)
{
	ssize_t n;

	if (s->tls)
		return rpc_tls_send(s->tls, buf, len);
	do {
		n = send(s->fd, buf, len, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

bool rpc_stream_buffered(const struct rpc_stream *s)
{
	return s->tls && rpc_tls_buffered(s->tls);
}

int rpc_stream_fill(struct rpc_stream *s)
{
	size_t want = room_wanted(s);
	ssize_t n;

	if (want > s->in_cap) {
		s->in = xreallocarray(s->in, want, 1);
		s->in_cap = want;
	}
	if (s->in_len == s->in_cap)
		return -ENOBUFS;
	n = receive(s, s->in + s->in_len, s->in_cap - s->in_len);
	if (n > 0)
		s->in_len += n;
	return (int)n;
}

int rpc_stream_peek(struct rpc_stream *s, struct rpc_header *h, const uint8_t **body, size_t *len)
{
	int rc = rpc_header_get(s->in, s->in_len, h);

	if (rc == 1) {
		*body = s->in + RPC_HEADER_SIZE;
		*len = h->length - RPC_HEADER_SIZE;
	}
	return rc;
}

void rpc_stream_pop(struct rpc_stream *s)
{
	struct rpc_header h;

	if (rpc_header_get(s->in, s->in_len, &h) != 1)
		return;
	s->in_len -= h.length;
	memmove(s->in, s->in + h.length, s->in_len);
	if (s->in_cap > READ_CHUNK && s->in_len <= READ_CHUNK) {
		s->in = xreallocarray(s->in, READ_CHUNK, 1);
		s->in_cap = READ_CHUNK;
	}
}

bool rpc_stream_queue(struct rpc_stream *s, const struct rpc_header *h, xdrproc_t xdr, const void *obj)
{
	size_t len, left = s->out_len - s->out_off;
	uint8_t *msg = rpc_encode(h, xdr, obj, &len);

	if (!msg)
		return false;
	if (s->out_len + len > s->out_cap) {
		if (s->out_off)
			memmove(s->out, s->out + s->out_off, left);
		s->out_off = 0;
		s->out_len = left;
		s->out_cap = 2 * (left + len);
		s->out = xreallocarray(s->out, s->out_cap, 1);
	}
	memcpy(s->out + s->out_len, msg, len);
	s->out_len += len;
	free(msg);
	return true;
}

int rpc_stream_flush(struct rpc_stream *s)
{
	while (s->out_off < s->out_len) {
		ssize_t n = transmit(s, s->out + s->out_off, s->out_len - s->out_off);

		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		s->out_off += n;
	}
	free(s->out);
	s->out = NULL;
	s->out_len = s->out_off = s->out_cap = 0;
	return 1;
}
