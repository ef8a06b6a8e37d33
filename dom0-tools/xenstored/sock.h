/* SPDX-License-Identifier: MIT */
/* Connections over the daemon's unix socket: dom0's programs, all privileged (the socket belongs to root alone). */
#ifndef XENSTORED_SOCK_H
#define XENSTORED_SOCK_H

#include "ev/ev.h"
#include "server.h"

/* Listen at path (its directory is made if missing). 0, or -errno with one line in err. */
int sock_listen(struct server *s, struct ev_loop *loop, const char *path, char *err, size_t errlen);
void sock_stop(void);		/* removes the socket */

#endif
