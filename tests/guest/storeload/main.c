/* SPDX-License-Identifier: MIT */
/*
 * A guest that talks to xenstored without end and believes nothing: each request must be answered once and in order,
 * what it has written must read back, each change of the node that it watches must bring one event. The daemon may be
 * killed and replaced under it (tests/system/test_store.c): it must not notice more than a pause.
 *
 * ABI: ring indices and what is in flight survive the daemon; an event channel whose other end has gone takes signals
 * and drops them.
 *
 * It counts in its node data/n and says what went wrong in data/result. It needs the daemon, so as dom0 it has nothing
 * to do.
 */
#include "guest.h"

#include "public/io/xs_wire.h"

#define WAIT_NS 60000000000ul

static volatile struct xenstore_domain_interface *ring;
static char body[XENSTORE_PAYLOAD_MAX + 1];
static u32 last_id, events;

static void kick(void)
{
	struct evtchn_send s = { .port = start_info->store_evtchn };

	evtchn_op(EVTCHNOP_send, &s);
}

/* Wait until cond holds, which may take a new daemon. */
#define AWAIT(cond, what) do { \
	u64 end_ = time_now() + WAIT_NS; \
	while (!(cond)) { \
		if (time_now() > end_) \
			test_die("storeload: %s after request %u", what, last_id); \
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0); \
	} \
} while (0)

static void put_bytes(const void *data, u32 len)
{
	const u8 *p = data;

	while (len--) {
		u32 prod = ring->req_prod;

		if (prod - ring->req_cons == XENSTORE_RING_SIZE) {
			kick();
			AWAIT(prod - ring->req_cons < XENSTORE_RING_SIZE, "requests are not taken");
		}
		ring->req[MASK_XENSTORE_IDX(prod)] = *p++;
		barrier();
		ring->req_prod = prod + 1;
	}
}

static void get_bytes(void *to, u32 len)
{
	u8 *p = to;

	while (len--) {
		if (ring->rsp_prod == ring->rsp_cons) {
			kick();
			AWAIT(ring->rsp_prod != ring->rsp_cons, "no answer");
		}
		*p++ = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
		barrier();
		ring->rsp_cons++;
	}
}

/* The reply to a request, as text. Events on the way are counted. */
static const char *ask(u32 type, const void *data, u32 len)
{
	struct xsd_sockmsg h = { .type = type, .req_id = ++last_id, .len = len };

	put_bytes(&h, sizeof(h));
	put_bytes(data, len);
	kick();
	for (;;) {
		get_bytes(&h, sizeof(h));
		if (h.len > XENSTORE_PAYLOAD_MAX)
			test_die("storeload: a message of %u bytes", h.len);
		get_bytes(body, h.len);
		body[h.len] = '\0';
		if (h.type != XS_WATCH_EVENT)
			break;
		events++;
	}
	kick();
	if (h.req_id != last_id)
		test_die("storeload: reply to %u instead of %u", h.req_id, last_id);
	return body;
}

static bool is(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* "data/n", its 0 byte, the number; returns the length. */
static u32 print_write(char *to, u32 n)
{
	char digits[12];
	u32 len = 7, i = 0;

	memcpy(to, "data/n", 7);
	do {
		digits[i++] = '0' + n % 10;
		n /= 10;
	} while (n);
	while (i)
		to[len++] = digits[--i];
	to[len] = '\0';
	return len;
}

static void fail(const char *what, u32 n)
{
	printk("storeload: FAIL: %s at %u: %s\n", what, n, body);
	ask(XS_WRITE, "data/result\0FAIL", 16);
	test_die("storeload: %s", what);
}

void test_main(void)
{
	static char w[32];

	if (is_dom0())
		test_skip("there is nobody at the other end of dom0's rings yet");
	ring = mfn_to_va(start_info->store_mfn);
	if (!is(ask(XS_WATCH, "data/n\0t", 9), "OK"))
		fail("watch", 0);
	print_write(w, 0);
	for (u32 n = 1;; n++) {
		u32 len = print_write(w, n);

		ask(XS_READ, "data", 5);		/* behind all events so far */
		events = 0;
		if (!is(ask(XS_WRITE, w, len), "OK"))
			fail("write", n);
		if (!is(ask(XS_READ, w, 7), w + 7))
			fail("read", n);
		if (events != 1)
			fail("events", n);
		if (n % 16 == 0 && (!is(ask(XS_MKDIR, "data/d/e", 9), "OK") || !is(ask(XS_RM, "data/d", 7), "OK")))
			fail("mkdir and rm", n);
	}
}
