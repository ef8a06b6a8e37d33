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

struct xs_handle {
	int fd;
	bool is_socket;
	bool broken;			/* the stream is out of step or gone */
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

/* The same with one string as the body, and with a reply that only says that it worked. */
void *xs_talk_string(struct xs_handle *h, xs_transaction_t t, uint32_t type, const char *arg, unsigned int *len);
bool xs_talk_ok(struct xs_handle *h, xs_transaction_t t, uint32_t type, const struct part *parts, unsigned int n);

/* Read what is there, or wait for it: 0 when an event was queued, else -1 with errno (EAGAIN: nothing yet). */
int xs_fetch_event(struct xs_handle *h, bool wait);

#endif
