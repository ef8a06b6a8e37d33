/* SPDX-License-Identifier: MIT */
/*
 * What xenstored writes into its journal, and how it comes to life again from it.
 *
 * The rule: nothing leaves the daemon - no reply, no event, no index in a ring - before what it tells of is committed.
 * A change of the store is kept as the operation that made it; a domain's connection as its watches, the numbers of
 * its transactions, the part of a request that has been read, and the messages that wait for it. How far the messages
 * have been sent needs no record: the ring's own producer index says it. Clients of the socket are not kept: they see
 * their connection end, and connect again.
 *
 * Each call is a no-op without a journal. If the journal cannot grow it is given up, with a message, and its file
 * removed, so that no later daemon takes an old state for the present one.
 */
#ifndef XENSTORED_STATE_H
#define XENSTORED_STATE_H

#include "server.h"

/* Start a journal at path: load what is there into s (which is as server_init() left it), then go on in a new file. */
int state_start(struct server *s, const char *path, char *err, size_t errlen);
void state_stop(struct server *s);		/* the file stays, for the next daemon */

/* Load the groups of a journal; what they hold is checked. The two functions behind state_start(), for tests. */
int state_load_group(void *server, const void *data, size_t len);
void state_loaded(struct server *s);

void state_commit(struct server *s);

void state_op(struct server *s, const struct cred *c, enum tree_op op, const char *path, const void *data,
	      unsigned int n);
void state_forget(struct server *s, uint32_t domid);	/* with its account */
void state_special(struct server *s, unsigned int which);

void state_quota(struct server *s, uint32_t domid, uint32_t quota, uint32_t value);
void state_features(struct server *s, uint32_t domid, uint32_t features);

/* Both also keep the list s->known. */
int state_domain(struct server *s, const struct known *k);
void state_domain_gone(struct server *s, uint32_t domid);
struct known *state_known(struct server *s, uint32_t domid);

/* Of a durable connection; the calls do nothing for others. */
void state_conn(struct conn *c);
void state_conn_gone(struct conn *c);
void state_watch(struct conn *c, const struct watch *w);
void state_unwatch(struct conn *c, const struct watch *w);
void state_tx(struct conn *c, uint32_t id);
void state_tx_gone(struct conn *c, uint32_t id);
void state_in(struct conn *c);			/* what c->in has got since the last call */
void state_in_done(struct conn *c);
void state_out(struct conn *c, const struct msg *m);
void state_out_drop(struct conn *c, const struct msg *m);

#endif
