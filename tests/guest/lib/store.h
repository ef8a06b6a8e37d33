/* SPDX-License-Identifier: MIT */
/* A guest's own end of its xenstore ring: honest requests, and the parts of which a test makes others. */
#ifndef TEST_STORE_H
#define TEST_STORE_H

#include "guest.h"
#include "public/io/xs_wire.h"

#define WAIT_NS 20000000000ul

extern volatile struct xenstore_domain_interface *store_ring;
extern char store_reply[XENSTORE_PAYLOAD_MAX + 1];	/* the body of the last reply, as text */

void store_open(void);
void yield(void);
void kick(unsigned int port);
bool is(const char *a, const char *b);			/* the same text */

/* Wait until cond holds, 20 s at most. The value is whether it does. */
#define AWAIT(cond) ({ \
	u64 end_ = time_now() + WAIT_NS; \
	while (!(cond) && time_now() < end_) \
		yield(); \
	(bool)(cond); \
})

void put_bytes(const void *data, u32 len);
void send_request(u32 type, u32 tx, const void *body, u32 len);
/* The next reply's body as text; events are passed over. */
const char *get_reply(void);
const char *ask(u32 type, u32 tx, const void *body, u32 len);

#endif
