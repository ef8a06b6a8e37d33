/* SPDX-License-Identifier: MIT */
/* Inside of the client library: the handle, and one exchange of request and reply. */
#ifndef LIB_XENSTORE_PRIV_H
#define LIB_XENSTORE_PRIV_H

#include "xenstore/wire.h"
#include "xenstore/xenstore.h"

struct event {
	struct event *next;
	unsigned int len;
	char body[];			/* path, token, each with its 0 byte */
};

/* What reconnect.c has to know to set things up again. */
struct kept_watch {
	struct kept_watch *next;
	char *path, *token;
};

struct kept_tx {
	struct kept_tx *next;
	xs_transaction_t id;		/* the caller's */
	uint32_t wire;			/* the daemon's */
	bool lost;			/* its daemon has gone */
};

struct xs_handle {
	int fd;				/* -1: between two daemons */
	bool is_socket;
	bool lasting;			/* connects again */
	bool broken;			/* the stream is out of step or gone */
	int epoll, timer;		/* behind xs_fileno(); -1: not asked for yet */
	struct kept_watch *watches;
	struct kept_tx *txs;
	uint32_t last_tx;
	uint32_t last_id;
	struct xs_frame in;		/* may hold part of an event between calls */
	struct event *events, **events_end;
};

/* A part of a request's body. */
struct part {
	const void *data;
	unsigned int len;
};

/*
 * Send a request made of parts and wait for its reply. Returns a malloced copy of the reply's body with a 0 byte after
 * it, or NULL with errno set. *len (may be NULL) is the length without that byte.
 */
void *xs_talk(struct xs_handle *h, xs_transaction_t t, uint32_t type, const struct part *parts, unsigned int n,
	      unsigned int *len);

/* The same once, without care for the end of the connection or for whose number wire is. */
void *xs_exchange(struct xs_handle *h, uint32_t wire, uint32_t type, const struct part *parts, unsigned int n,
		  unsigned int *len);

/* A connection to the daemon's socket; -1 with errno. */
int xs_connect(void);
bool xs_reconnect(struct xs_handle *h, bool wait);
bool xs_keep_watch(struct xs_handle *h, const char *path, const char *token);
void xs_forget_watch(struct xs_handle *h, const char *path, const char *token);
xs_transaction_t xs_keep_tx(struct xs_handle *h, uint32_t wire);	/* XBT_NULL: no memory */
struct kept_tx *xs_find_tx(struct xs_handle *h, xs_transaction_t id);
void xs_forget_tx(struct xs_handle *h, xs_transaction_t id);
void xs_forget_all(struct xs_handle *h);
/* The answer to a change in, or the end of, a transaction that is lost. */
void *xs_lost_tx(uint32_t type, const struct part *parts);

/* The same with one string as the body, and with a reply that only says that it worked. */
void *xs_talk_string(struct xs_handle *h, xs_transaction_t t, uint32_t type, const char *arg, unsigned int *len);
bool xs_talk_ok(struct xs_handle *h, xs_transaction_t t, uint32_t type, const struct part *parts, unsigned int n);

/* Read what is there, or wait for it: 0 when an event was queued, else -1 with errno (EAGAIN: nothing yet). */
int xs_fetch_event(struct xs_handle *h, bool wait);

#endif
