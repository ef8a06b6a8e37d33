/* SPDX-License-Identifier: MIT */
/*
 * The daemon's state and its connections.
 *
 * A connection is a byte stream in each direction behind four calls (struct conn_ops): a domain's ring, a unix socket,
 * or a test's buffer. It never blocks: what the other side does not take stays queued, and a connection with unread
 * replies is not read from, so a client can only stop itself. Watch events queue as well; when a client lets too many
 * pile up those of one watch are replaced by a single event for the watched path.
 *
 * A durable connection is that of a domain: it survives this process (state.h). Before anything is shown to the other
 * side, be it a message or that its bytes have been taken, what that rests on is committed to the journal.
 *
 * Handling a request touches other connections only by queueing events on them; server_settle() then flushes all that
 * were touched, and frees closed ones.
 */
#ifndef XENSTORED_SERVER_H
#define XENSTORED_SERVER_H

#include "journal.h"
#include "quota.h"
#include "tree.h"
#include "tx.h"
#include "watch.h"
#include "xenstore/wire.h"

struct conn;
struct server;

struct conn_ops {
	/* Bytes moved (> 0), 0 = not now, < 0 = the other side is gone or broken. */
	int (*read)(void *io, void *buf, unsigned int len);
	int (*write)(void *io, const void *buf, unsigned int len);
	/* Durable connections: the other side may see that its bytes up to position pos have been taken. Is it news? */
	bool (*taken)(void *io, uint32_t pos);
	/* The daemon is done with this connection for now; what it waits for. */
	void (*settle)(void *io, bool want_read, bool want_write);
	/* conn is about to go; io may be freed. why: NULL or what the client did wrong. */
	void (*close)(void *io, const char *why);
};

/* What needs the hypervisor. Each returns 0 or -errno. */
struct domain_ops {
	int (*introduce)(struct server *s, uint32_t domid, uint64_t mfn, uint32_t port);
	int (*release)(struct server *s, uint32_t domid);
	int (*resume)(struct server *s, uint32_t domid);
	int (*set_target)(struct server *s, uint32_t domid, uint32_t target);
	bool (*introduced)(struct server *s, uint32_t domid);
	bool (*exists)(struct server *s, uint32_t domid);
};

struct msg {
	struct msg *prev, *next;	/* in the connection's queue */
	struct msg *next_event;		/* of the same watch, newest first */
	struct watch *watch;		/* whose event this is; NULL for a reply */
	unsigned int len, done;		/* bytes in data, and sent */
	uint32_t seq;			/* its number in this connection */
	char data[];			/* header and body */
};

struct open_tx {
	struct open_tx *next;
	uint32_t id;
	struct tx *tx;
};

/* A domain with a ring, and what is needed to connect it again. */
struct known {
	struct known *next;
	uint64_t mfn;
	uint32_t domid, port, target;
	bool shut_down;
};

#define MAX_TOKEN	(XENSTORE_PAYLOAD_MAX - XENSTORE_ABS_PATH_MAX - 2)

struct conn {
	struct conn *next;
	struct server *srv;
	struct cred cred;
	const struct conn_ops *ops;
	void *io;
	bool closed;
	bool touched;			/* server_settle() has work here */
	bool again;			/* more input may wait without a new wake-up */
	bool durable;
	uint32_t in_pos, out_pos;	/* bytes taken from and given to the transport: the ring's indices */
	uint32_t next_seq;
	struct xs_frame in;
	unsigned int in_saved;		/* bytes of it in the journal */
	struct msg *first, *last;	/* to be sent */
	unsigned int nr_replies;	/* of those */
	size_t event_bytes, reply_bytes, watch_bytes;
	struct watch *watches;
	unsigned int nr_watches;
	struct open_tx *txs;
	unsigned int nr_txs;
	uint32_t last_tx;
};

#define NR_SPECIALS	2

struct server {
	struct tree live;
	struct perms *special[NR_SPECIALS];			/* who may hear of them; NULL: as at first */
	struct watches *watches;
	struct conn *conns;
	uint32_t quotas[NR_QUOTAS];				/* for a domain that has no value of its own */
	struct account *accounts;
	size_t max_event_bytes, max_event_bytes_privileged;
	const struct domain_ops *domains;			/* NULL: no hypervisor */
	void *domains_arg;
	struct known *known;
	struct journal *journal;				/* NULL: none */
	const char *journal_path;
	size_t journal_base, journal_next;			/* its size at first, and for the next snapshot */
	size_t journal_growth;					/* bytes of records before that is worth it */
	bool trace;						/* log each request to stderr */
	uint64_t requests;
};

int server_init(struct server *s);
void server_fini(struct server *s);	/* closes all connections */
/* Flush, and free what was closed. Returns true if some connection still has input to be worked on. */
bool server_settle(struct server *s);
/* Close what has come from the journal and was not attached. */
void server_close_detached(struct server *s);
/* Let connections marked `again` read on. */
void server_continue(struct server *s);
/* Fire watches of "@introduceDomain" or "@releaseDomain" for a domain; who may hear of them. */
void server_fire_special(struct server *s, const char *name, uint32_t domid);
int special_by_name(const char *name);		/* -1: none of this name */
int special_set_perms(struct server *s, unsigned int which, const struct perm *p, unsigned int n);
int special_forget_domain(struct server *s, uint32_t domid);
void special_fini(struct server *s);
void server_fire_changes(struct server *s, const struct changes *log);

struct conn *conn_new(struct server *s, const struct cred *cred, const struct conn_ops *ops, void *io);
void conn_close(struct conn *c, const char *why);
/* Move bytes and handle complete requests; call when the transport may be ready. */
void conn_run(struct conn *c);
/* Forget watches, transactions, half a request and all that is queued. */
void conn_reset(struct conn *c);
void conn_drop_watches(struct conn *c);
void conn_drop_txs(struct conn *c);
/* Bytes that the daemon holds for it. */
size_t conn_memory(const struct conn *c);
struct open_tx *conn_tx(struct conn *c, uint32_t id);
struct open_tx *conn_add_tx(struct conn *c, uint32_t id, struct tx *tx);	/* NULL: no memory */
void conn_drop_tx(struct conn *c, uint32_t id);
int conn_watch(struct conn *c, const char *path, size_t prefix, const char *token, unsigned int depth);
void conn_unwatch(struct conn *c, struct watch *w);

/* The durable connection of a domain; NULL if it has none. */
struct conn *conn_durable(struct server *s, uint32_t domid);
/* Make a new connection durable; its transport stands at these positions. */
void conn_make_durable(struct conn *c, uint32_t in_pos, uint32_t out_pos);
/*
 * A connection that has come from the journal gets its transport, of whose output bytes up to out_pos have been sent.
 * False: that cannot be; close it.
 */
bool conn_attach(struct conn *c, const struct conn_ops *ops, void *io, uint32_t out_pos);

/* Queue a reply; on failure to get memory the connection is closed. */
void conn_reply(struct conn *c, const struct xsd_sockmsg *req, uint32_t type, const void *body, unsigned int len);
/* Queue a whole message; NULL: no memory. Take one out again that has not begun to be sent. */
struct msg *conn_message(struct conn *c, const struct xsd_sockmsg *hdr, const void *body);
void conn_drop_message(struct conn *c, uint32_t seq);
/* Queue an event of watch w for path. */
void conn_event(struct conn *c, struct watch *w, const char *path);
/* Unbind queued events from a watch that goes. */
void conn_orphan_events(struct conn *c, struct watch *w);

/* request.c: answer the complete request in c->in. */
void request_handle(struct conn *c);

#endif
