/* SPDX-License-Identifier: MIT */
/*
 * Rings of split drivers: one or more shared pages in which a front end puts requests and the back end the responses,
 * in the same slots. Indices run freely; the number of slots is a power of two.
 *
 * Each side keeps its own copy of its producer index and of what it has consumed, and never believes an index in the
 * shared page beyond what it can prove. `req_event` and `rsp_event` say at which index the other side wants an event.
 * A message must be copied out of the ring before it is looked at, because the other side may change it at any time.
 */
#ifndef XEN_PUBLIC_IO_RING_H
#define XEN_PUBLIC_IO_RING_H

#include <stddef.h>
#include <stdint.h>

typedef unsigned int RING_IDX;

/* x86 keeps loads in order and stores in order; only a load after a store needs a fence. */
#ifndef xen_mb
#define xen_mb()	__sync_synchronize()
#define xen_rmb()	__asm__ __volatile__("" ::: "memory")
#define xen_wmb()	__asm__ __volatile__("" ::: "memory")
#endif

/* The highest power of two that is not above n, 0 for 0; a constant if n is one. */
#define XEN_RING_POW2(n)	((n) ? 1U << (31 - __builtin_clz((unsigned int)(n) | 1U)) : 0U)

/* Slots of a ring with this tag in sz bytes. */
#define __CONST_RING_SIZE(tag, sz) \
	XEN_RING_POW2(((sz) - offsetof(struct tag##_sring, ring)) / sizeof(((struct tag##_sring *)0)->ring[0]))

/* The same, by a pointer to the shared ring. */
#define __RING_SIZE(s, sz) \
	XEN_RING_POW2(((sz) - (size_t)((char *)(s)->ring - (char *)(s))) / sizeof((s)->ring[0]))

/* The types of a ring: TAG_sring_t in shared memory, TAG_front_ring_t and TAG_back_ring_t private to each side. */
#define DEFINE_RING_TYPES(tag, req_t, rsp_t) \
	union tag##_sring_entry { \
		req_t req; \
		rsp_t rsp; \
	}; \
	struct tag##_sring { \
		RING_IDX req_prod, req_event; \
		RING_IDX rsp_prod, rsp_event; \
		union { \
			struct { uint8_t smartpoll_active; } netif; \
			struct { uint8_t msg; } tapif_user; \
			uint8_t pvt_pad[4]; \
		} pvt; \
		uint8_t __pad[44]; \
		union tag##_sring_entry ring[1]; /* as many as fit */ \
	}; \
	struct tag##_front_ring { \
		RING_IDX req_prod_pvt; \
		RING_IDX rsp_cons; \
		unsigned int nr_ents; \
		struct tag##_sring *sring; \
	}; \
	struct tag##_back_ring { \
		RING_IDX rsp_prod_pvt; \
		RING_IDX req_cons; \
		unsigned int nr_ents; \
		struct tag##_sring *sring; \
	}; \
	typedef struct tag##_sring tag##_sring_t; \
	typedef struct tag##_front_ring tag##_front_ring_t; \
	typedef struct tag##_back_ring tag##_back_ring_t

/* An empty ring: both sides want to hear of the first message. */
#define SHARED_RING_INIT(s) do { \
	(s)->req_prod = 0; \
	(s)->req_event = 1; \
	(s)->rsp_prod = 0; \
	(s)->rsp_event = 1; \
	__builtin_memset((s)->pvt.pvt_pad, 0, sizeof((s)->pvt.pvt_pad)); \
	__builtin_memset((s)->__pad, 0, sizeof((s)->__pad)); \
} while (0)

/* Start or take up a side at index i. */
#define FRONT_RING_ATTACH(r, s, i, size) do { \
	(r)->req_prod_pvt = (i); \
	(r)->rsp_cons = (i); \
	(r)->nr_ents = __RING_SIZE(s, size); \
	(r)->sring = (s); \
} while (0)
#define FRONT_RING_INIT(r, s, size)	FRONT_RING_ATTACH(r, s, 0, size)
#define XEN_FRONT_RING_INIT(r, s, size) do { \
	SHARED_RING_INIT(s); \
	FRONT_RING_INIT(r, s, size); \
} while (0)

#define BACK_RING_ATTACH(r, s, i, size) do { \
	(r)->rsp_prod_pvt = (i); \
	(r)->req_cons = (i); \
	(r)->nr_ents = __RING_SIZE(s, size); \
	(r)->sring = (s); \
} while (0)
#define BACK_RING_INIT(r, s, size)	BACK_RING_ATTACH(r, s, 0, size)

#define RING_SIZE(r)			((r)->nr_ents)

/* Front end: slots free for requests. */
#define RING_FREE_REQUESTS(r)		(RING_SIZE(r) - ((r)->req_prod_pvt - (r)->rsp_cons))
#define RING_FULL(r)			(RING_FREE_REQUESTS(r) == 0)

/* Messages not yet consumed. The back end believes no more than there can be without overwriting its own responses. */
#define XEN_RING_NR_UNCONSUMED_RESPONSES(r)	((r)->sring->rsp_prod - (r)->rsp_cons)
#define XEN_RING_NR_UNCONSUMED_REQUESTS(r) ({ \
	unsigned int ring_offered = (r)->sring->req_prod - (r)->req_cons; \
	unsigned int ring_possible = RING_SIZE(r) - ((r)->req_cons - (r)->rsp_prod_pvt); \
	ring_offered < ring_possible ? ring_offered : ring_possible; \
})
#define RING_HAS_UNCONSUMED_RESPONSES(r)	(!!XEN_RING_NR_UNCONSUMED_RESPONSES(r))
#define RING_HAS_UNCONSUMED_REQUESTS(r)		(!!XEN_RING_NR_UNCONSUMED_REQUESTS(r))

/* A slot by its free-running index, and a copy of the message in it, made once. */
#define RING_GET_REQUEST(r, idx)	(&(r)->sring->ring[(idx) & (RING_SIZE(r) - 1)].req)
#define RING_GET_RESPONSE(r, idx)	(&(r)->sring->ring[(idx) & (RING_SIZE(r) - 1)].rsp)
#define RING_COPY_REQUEST(r, idx, out) do { \
	*(out) = *RING_GET_REQUEST(r, idx); \
	xen_rmb(); \
} while (0)
#define RING_COPY_RESPONSE(r, idx, out) do { \
	*(out) = *RING_GET_RESPONSE(r, idx); \
	xen_rmb(); \
} while (0)

/* The other side claims more than the ring can hold: stop serving it. */
#define RING_REQUEST_CONS_OVERFLOW(r, cons)	(((cons) - (r)->rsp_prod_pvt) >= RING_SIZE(r))
#define RING_REQUEST_PROD_OVERFLOW(r, prod)	(((prod) - (r)->rsp_prod_pvt) > RING_SIZE(r))
#define RING_RESPONSE_PROD_OVERFLOW(r, prod)	(((prod) - (r)->rsp_cons) > RING_SIZE(r))

/* Publish what was put into the slots. */
#define RING_PUSH_REQUESTS(r) do { \
	xen_wmb(); \
	(r)->sring->req_prod = (r)->req_prod_pvt; \
} while (0)
#define RING_PUSH_RESPONSES(r) do { \
	xen_wmb(); \
	(r)->sring->rsp_prod = (r)->rsp_prod_pvt; \
} while (0)

/* Publish, and find out whether the index that the other side waits for was passed: then send an event. */
#define RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(r, notify) do { \
	RING_IDX ring_from = (r)->sring->req_prod; \
	RING_IDX ring_to = (r)->req_prod_pvt; \
	RING_PUSH_REQUESTS(r); \
	xen_mb(); \
	(notify) = (RING_IDX)(ring_to - (r)->sring->req_event) < (RING_IDX)(ring_to - ring_from); \
} while (0)
#define RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(r, notify) do { \
	RING_IDX ring_from = (r)->sring->rsp_prod; \
	RING_IDX ring_to = (r)->rsp_prod_pvt; \
	RING_PUSH_RESPONSES(r); \
	xen_mb(); \
	(notify) = (RING_IDX)(ring_to - (r)->sring->rsp_event) < (RING_IDX)(ring_to - ring_from); \
} while (0)

/* Before going to sleep: ask for an event at the next message, then look once more. */
#define RING_FINAL_CHECK_FOR_REQUESTS(r, work) do { \
	(work) = RING_HAS_UNCONSUMED_REQUESTS(r); \
	if (work) \
		break; \
	(r)->sring->req_event = (r)->req_cons + 1; \
	xen_mb(); \
	(work) = RING_HAS_UNCONSUMED_REQUESTS(r); \
} while (0)
#define RING_FINAL_CHECK_FOR_RESPONSES(r, work) do { \
	(work) = RING_HAS_UNCONSUMED_RESPONSES(r); \
	if (work) \
		break; \
	(r)->sring->rsp_event = (r)->rsp_cons + 1; \
	xen_mb(); \
	(work) = RING_HAS_UNCONSUMED_RESPONSES(r); \
} while (0)

#endif /* XEN_PUBLIC_IO_RING_H */
