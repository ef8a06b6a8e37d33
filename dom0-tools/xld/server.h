/* SPDX-License-Identifier: MIT */
/*
 * Between the two files of xld's server: listen.c lets clients in, server.c serves them.
 */
#ifndef XLD_SERVER_H
#define XLD_SERVER_H

#include "conf.h"
#include "xld.h"

#define MAX_LOCAL 64			/* clients of the local socket; others cannot keep them out */
#define FOR_ROOT 16			/* of these are for root */
#define MAX_REMOTE 32

/* What a client may call. */
enum rights { RIGHTS_NONE, RIGHTS_READ, RIGHTS_ALL };

/*
 * Serve a socket that was accepted; name is taken over. A TLS client is told apart only when its handshake is done, and
 * that has a deadline.
 */
void client_new(struct xld *x, int fd, enum rpc_kind kind, char *name, enum rights rights);
void client_drop(struct client *c);
/* From now on the client gets events of these kinds, XLD_SUBSCRIBE_*. */
void client_subscribe(struct client *c, uint32_t kinds);

#endif
