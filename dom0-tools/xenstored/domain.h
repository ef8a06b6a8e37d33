/* SPDX-License-Identifier: MIT */
/*
 * Domains known to the store: their rings, event channels, and their end.
 */
#ifndef XENSTORED_DOMAIN_H
#define XENSTORED_DOMAIN_H

#include "ev/ev.h"
#include "server.h"

/*
 * Open the Xen devices, connect the dom0 kernel, and hook into the server (s->domains). 0, or -errno with one line in
 * err.
 */
int domains_start(struct server *s, struct ev_loop *loop, char *err, size_t errlen);
void domains_stop(struct server *s);

#endif
