/* SPDX-License-Identifier: MIT */
/*
 * TLS over a socket, through GnuTLS: 1.2 or later, both sides show a certificate of the same CA.
 *
 * The socket may block or not; with one that does not, calls return -EAGAIN and are repeated when it is ready.
 * Nothing is sent or received for the caller before the peer's certificate has been found good.
 *
 * A program without tls.c can do everything but TLS: GnuTLS and the libraries behind it double the time that a short
 * command takes. Hence these functions are weak, and rpc_tls_new is NULL there.
 */
#ifndef LIB_RPC_TLS_H
#define LIB_RPC_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct rpc_pki;
struct rpc_creds;
struct rpc_tls;

#pragma weak rpc_tls_new
#pragma weak rpc_tls_free
#pragma weak rpc_tls_handshake
#pragma weak rpc_tls_wants_write
#pragma weak rpc_tls_recv
#pragma weak rpc_tls_send
#pragma weak rpc_tls_buffered
#pragma weak rpc_tls_bye
#pragma weak rpc_tls_why
#pragma weak rpc_tls_peer
#pragma weak rpc_creds_new
#pragma weak rpc_creds_free

/*
 * A session over fd, which stays the caller's. host: the name or address that the peer's certificate has to carry;
 * NULL: we are the server. NULL: *why.
 */
struct rpc_tls *rpc_tls_new(struct rpc_creds *creds, int fd, const char *host, char **why);
void rpc_tls_free(struct rpc_tls *t);		/* says nothing to the peer; NULL is fine */

/* 1: done, and the peer may be trusted; 0: to be called again when the socket is ready; -errno: rpc_tls_why(). */
int rpc_tls_handshake(struct rpc_tls *t);
bool rpc_tls_wants_write(const struct rpc_tls *t);	/* what a call that returned -EAGAIN waits for */

ssize_t rpc_tls_recv(struct rpc_tls *t, void *buf, size_t len);		/* 0: the peer said that it is done; -errno */
ssize_t rpc_tls_send(struct rpc_tls *t, const void *buf, size_t len);	/* -errno; after -EAGAIN with the same bytes */
size_t rpc_tls_buffered(const struct rpc_tls *t);	/* bytes received that no poll() tells of */
int rpc_tls_bye(struct rpc_tls *t);		/* no more will be sent: 0, -EAGAIN or another -errno */

/* What went wrong, in words; NULL if nothing did. */
const char *rpc_tls_why(const struct rpc_tls *t);
/* What the peer's certificate calls it: its common name, or else its first DNS name; "" until the handshake is done. */
const char *rpc_tls_peer(const struct rpc_tls *t);

#endif
