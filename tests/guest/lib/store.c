/* SPDX-License-Identifier: MIT */
/* See store.h. One request at a time; a reply that does not come in 20 s ends the test. */
#include "store.h"

volatile struct xenstore_domain_interface *store_ring;

void store_open(void)
{
	store_ring = mfn_to_va(start_info->store_mfn);
}

void yield(void)
{
	hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

void kick(unsigned int port)
{
	struct evtchn_send s = { .port = port };

	evtchn_op(EVTCHNOP_send, &s);
}

void put_bytes(const void *data, u32 len)
{
	const u8 *p = data;
	u32 prod = store_ring->req_prod;

	while (len) {
		if (prod - store_ring->req_cons == XENSTORE_RING_SIZE) {
			store_ring->req_prod = prod;
			kick(start_info->store_evtchn);
			if (!AWAIT(prod - store_ring->req_cons < XENSTORE_RING_SIZE))
				test_die("xenstored does not take requests");
		}
		store_ring->req[MASK_XENSTORE_IDX(prod++)] = *p++;
		len--;
	}
	barrier();
	store_ring->req_prod = prod;
	kick(start_info->store_evtchn);
}

static void get_bytes(void *to, u32 len)
{
	u8 *p = to;

	while (len--) {
		if (!AWAIT(store_ring->rsp_prod != store_ring->rsp_cons))
			test_die("xenstored does not answer");
		*p++ = store_ring->rsp[MASK_XENSTORE_IDX(store_ring->rsp_cons)];
		barrier();
		store_ring->rsp_cons++;
		if (MASK_XENSTORE_IDX(store_ring->rsp_cons) == 0)
			kick(start_info->store_evtchn);
	}
	kick(start_info->store_evtchn);
}

char store_reply[XENSTORE_PAYLOAD_MAX + 1];

void send_request(u32 type, u32 tx, const void *body, u32 len)
{
	struct xsd_sockmsg h = { .type = type, .req_id = 1, .tx_id = tx, .len = len };

	put_bytes(&h, sizeof(h));
	put_bytes(body, len);
}

/* The next reply's body as text; events are passed over. */
const char *get_reply(void)
{
	struct xsd_sockmsg h;

	do {
		get_bytes(&h, sizeof(h));
		if (h.len > XENSTORE_PAYLOAD_MAX)
			test_die("a reply of %u bytes", h.len);
		get_bytes(store_reply, h.len);
		store_reply[h.len] = '\0';
	} while (h.type == XS_WATCH_EVENT);
	return store_reply;
}

const char *ask(u32 type, u32 tx, const void *body, u32 len)
{
	send_request(type, tx, body, len);
	return get_reply();
}

bool is(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && !strncmp(a, b, strlen(b));
}
