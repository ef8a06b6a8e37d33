/* SPDX-License-Identifier: MIT */
/*
 * Remote procedure calls over a stream socket: framing, the procedure table, and the client's side of a call.
 *
 * A message is a header of seven 32-bit words, most significant byte first, and a body in XDR:
 *	length (bytes, with the header), program, version, procedure, type, serial, status
 * The length is checked against XLD_MSG_MAX before anything is allocated for it, and a body must be used up exactly.
 * Types and procedures come from xld.x, compiled by rpcgen.
 *
 * No lock: a stream or client belongs to one thread.
 */
#ifndef LIB_RPC_XRPC_H
#define LIB_RPC_XRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xld.h"

#define RPC_HEADER_SIZE 28
#define RPC_HEADER_ENOUGH 12		/* to tell that it is not our protocol */
#define RPC_SOCKET "/run/xen-lite/xld.sock"
#define RPC_PORT 16561
#define RPC_KEEPALIVE_S 15
#define RPC_PKI_DIR "/etc/xen-lite/pki"

struct rpc_creds;
struct rpc_tls;

struct rpc_header {
	uint32_t length, program, version, proc, type, serial, status;
};

/* One row per procedure: both sides find here how its bodies are coded. */
struct rpc_proc {
	uint32_t proc;
	const char *name;
	xdrproc_t xdr_args;
	size_t args_size;
	xdrproc_t xdr_ret;
	size_t ret_size;
	bool (*changes)(const void *args);	/* might this call change anything? NULL: none does */
	bool pipe;			/* the connection may become a pipe behind it: no keep-alive meanwhile */
};

/* The same for events, which go from xld to its clients. */
struct rpc_event {
	uint32_t event;
	xdrproc_t xdr;
	size_t size;
};

/* --- messages (msg.c) --- */

const struct rpc_proc *rpc_proc_find(uint32_t proc);	/* NULL: no such procedure */
const struct rpc_proc *rpc_proc_at(size_t i);		/* i-th row, NULL behind the last */
const struct rpc_event *rpc_event_find(uint32_t event);	/* NULL: no such event */

void rpc_header_put(uint8_t buf[RPC_HEADER_SIZE], const struct rpc_header *h);
/*
 * Look at the start of a stream. Returns 0: less than a whole message is there; 1: *h describes a whole one; -EPROTO:
 * not our protocol or version; -EMSGSIZE: shorter than a header or longer than XLD_MSG_MAX. These two come as soon
 * as RPC_HEADER_ENOUGH is there. *h is valid once have reaches RPC_HEADER_SIZE, its first three fields from
 * RPC_HEADER_ENOUGH on.
 */
int rpc_header_get(const uint8_t *buf, size_t have, struct rpc_header *h);

/*
 * A whole message in one allocation, its size in *len; h->length is ignored. NULL: obj does not fit the protocol's
 * limits.
 */
uint8_t *rpc_encode(const struct rpc_header *h, xdrproc_t xdr, const void *obj, size_t *len);
/* obj (zeroed by the caller) from a body; release with rpc_release() in any case. false: malformed. */
bool rpc_decode(const uint8_t *body, size_t len, xdrproc_t xdr, void *obj);
void rpc_release(xdrproc_t xdr, void *obj);

/* Set all of e. Strings are copied; NULL counts as empty. Free with rpc_release((xdrproc_t)xdr_xld_error, e). */
void rpc_error_set(xld_error *e, xld_code code, const char *what, const char *object, const char *cause,
		   const char *advice);
/* The stable name of a code: "E_NOT_FOUND". */
const char *rpc_code_name(unsigned int code);

/* --- addresses (addr.c) --- */

enum rpc_kind { RPC_UNIX, RPC_TCP, RPC_TLS };

struct rpc_addr {
	enum rpc_kind kind;
	char *path;			/* RPC_UNIX */
	char *host;			/* the others: a name or an address, without brackets */
	uint16_t port;
};

/* What addr.c describes. false: *why. Free in any case. */
bool rpc_addr_parse(struct rpc_addr *a, const char *uri, char **why);
void rpc_addr_free(struct rpc_addr *a);
char *rpc_addr_text(const struct rpc_addr *a);	/* caller frees */

/* --- sockets (net.c) --- */

/* A connected socket that blocks, or -errno and *why. */
int rpc_net_connect(const struct rpc_addr *a, char **why);
/* A listening socket that does not block, or -errno and *why. */
int rpc_net_listen(const struct rpc_addr *a, char **why);
/* What a TCP connection is set to: notice a peer that has died, send at once. */
void rpc_net_options(int fd);
char *rpc_net_peer(int fd);			/* "192.0.2.1 port 4711"; caller frees */
bool rpc_fd_block(int fd, bool block);

/* --- certificates (tls.c) --- */

/* Paths of PEM files. */
struct rpc_pki {
	char *ca, *cert, *key;
	char *crl;			/* of revoked certificates; NULL: none */
	bool crl_must_exist;
};

/* What `xl pki init` calls them in dir. */
void rpc_pki_in(struct rpc_pki *pki, const char *dir);
void rpc_pki_free(struct rpc_pki *pki);

/* NULL: *why. */
struct rpc_creds *rpc_creds_new(const struct rpc_pki *pki, char **why);
void rpc_creds_free(struct rpc_creds *c);	/* sessions keep what they need of it; NULL is fine */

/* --- a connection, either end (stream.c) --- */

struct rpc_stream {
	int fd;
	struct rpc_tls *tls;		/* NULL: bytes go over fd as they are */
	uint8_t *in, *out;
	size_t in_len, in_cap;
	size_t out_len, out_off, out_cap;
};

void rpc_stream_init(struct rpc_stream *s, int fd);
/*
 * TLS from now on, and a handshake first. host: as whom the peer has to identify itself; NULL: we are the server.
 * false: *why.
 */
bool rpc_stream_secure(struct rpc_stream *s, struct rpc_creds *creds, const char *host, char **why);
/* 1: done, or none is needed; 0: to be called again when the socket is ready; -errno: rpc_stream_why(). */
int rpc_stream_handshake(struct rpc_stream *s);
/* What a call that came to nothing waits for: true room to send, false something to read. */
bool rpc_stream_wants_write(const struct rpc_stream *s);
/* What -rc of a function below means, in words. */
const char *rpc_stream_why(const struct rpc_stream *s, int rc);
/* What is wrong with the bytes at the front, for which rpc_stream_peek() returned rc; caller frees. */
char *rpc_stream_fault(const struct rpc_stream *s, int rc);
/* The peer speaks TLS, and we do not. */
bool rpc_stream_sees_tls(const struct rpc_stream *s);
/* What the peer's certificate calls it; "" without TLS. */
const char *rpc_stream_peer(const struct rpc_stream *s);
/* Tell the peer that no more comes, over TLS. */
void rpc_stream_bye(struct rpc_stream *s);
void rpc_stream_close(struct rpc_stream *s);
/* Forget our copy of a connection that a forked process goes on with: nothing is sent, also not that it ends. */
void rpc_stream_abandon(struct rpc_stream *s);
/* One read. Returns bytes > 0, 0 at the end, -EAGAIN or another -errno. */
int rpc_stream_fill(struct rpc_stream *s);
/* Bytes are here that no poll() tells of: fill again. */
bool rpc_stream_buffered(const struct rpc_stream *s);
/* 1: a message stands at the front, its body behind the header; 0: not yet; else as rpc_header_get(). */
int rpc_stream_peek(struct rpc_stream *s, struct rpc_header *h, const uint8_t **body, size_t *len);
void rpc_stream_pop(struct rpc_stream *s);		/* drop the message at the front */
/* Add a message to the output. false: obj does not fit the protocol's limits. */
bool rpc_stream_queue(struct rpc_stream *s, const struct rpc_header *h, xdrproc_t xdr, const void *obj);
/* Bytes that are queued and not sent. */
static inline size_t rpc_stream_pending(const struct rpc_stream *s)
{
	return s->out_len - s->out_off;
}

/* Send what is queued. Returns 1: all sent; 0: the socket is full; -errno. */
int rpc_stream_flush(struct rpc_stream *s);

/*
 * Turn a connection into a pipe for bytes (detach.c): what is queued is sent, then s is consumed and a descriptor that
 * blocks returned, which carries bytes to and from the peer: shutdown(SHUT_WR), end and death of either side reach the
 * other as they do over a socket. Over TLS it is one end of a socket pair whose other end is served by a child of the
 * calling process, which lives as long as both the caller and the connection do. The call before has to be one with the
 * mark `pipe`, or a question of the keep-alive might be among the bytes.
 *
 * For use in the process that needs the pipe. If that was forked from one that has s too (a daemon), the other must
 * rpc_stream_abandon() its copy at once, before it does anything else with it: both share the socket.
 *
 * -EBUSY: the peer has sent something that nobody has read; -errno. s is closed then.
 */
int rpc_stream_detach(struct rpc_stream *s);

/* --- the client's side (client.c) --- */

struct rpc_client;

typedef void rpc_progress_fn(const char *text, void *arg);

/*
 * Where the client's certificates are: paths that must live on; to be called again when the files have changed.
 * Without it they are in the directory that XLD_PKI in the environment names, else in RPC_PKI_DIR.
 */
void rpc_client_set_pki(const struct rpc_pki *pki);

/* Connect to a URI (addr.c) and say hello. NULL and *err set on failure. */
struct rpc_client *rpc_client_open(const char *uri, const char *program, xld_error *err);
void rpc_client_close(struct rpc_client *c);		/* NULL is fine */
/* Consume the client, and go on with its connection as a pipe: see rpc_stream_detach(). A descriptor or -errno. */
int rpc_client_detach(struct rpc_client *c);
void rpc_client_on_progress(struct rpc_client *c, rpc_progress_fn *fn, void *arg);
/*
 * A daemon that is silent for that long while we wait for it is asked whether it is there, and given up after as long
 * again. 0: never. Set to RPC_KEEPALIVE_S at first, and to 0 for a local daemon.
 */
void rpc_client_keepalive(struct rpc_client *c, unsigned int seconds);
/* Events that were subscribed to come here, while a reply is awaited too. obj is that of rpc_event_find(). */
typedef void rpc_event_fn(uint32_t event, const void *obj, void *arg);
void rpc_client_on_event(struct rpc_client *c, rpc_event_fn *fn, void *arg);
/* Wait until fn has been called. false: *err says why nothing will come any more. */
bool rpc_client_await_event(struct rpc_client *c, xld_error *err);
/* Call and wait. ret is zeroed first; release it with the procedure's xdr_ret. false: *err says why. */
bool rpc_client_call(struct rpc_client *c, uint32_t proc, const void *args, void *ret, xld_error *err);

#endif
