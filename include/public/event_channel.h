/* SPDX-License-Identifier: MIT */
/*
 * event_channel_op(cmd, arg): ports, the guest's interrupt lines. A port connects to a port of another domain, to a
 * virtual or physical interrupt, or to a vCPU of the same domain. Its pending and mask bits lie in the shared info page
 * (two-level layout) or in event words (FIFO layout), and it belongs to the vCPU that gets the upcall.
 *
 * Fields marked IN are written by the guest, OUT by the hypervisor. Port 0 is never valid.
 */
#ifndef XEN_PUBLIC_EVENT_CHANNEL_H
#define XEN_PUBLIC_EVENT_CHANNEL_H

#include "xen.h"

#define EVTCHNOP_bind_interdomain	0
#define EVTCHNOP_bind_virq		1
#define EVTCHNOP_bind_pirq		2
#define EVTCHNOP_close			3
#define EVTCHNOP_send			4
#define EVTCHNOP_status			5
#define EVTCHNOP_alloc_unbound		6
#define EVTCHNOP_bind_ipi		7
#define EVTCHNOP_bind_vcpu		8
#define EVTCHNOP_unmask			9
#define EVTCHNOP_reset			10
#define EVTCHNOP_init_control		11
#define EVTCHNOP_expand_array		12
#define EVTCHNOP_set_priority		13

/* evtchn_status.status */
#define EVTCHNSTAT_closed		0
#define EVTCHNSTAT_unbound		1	/* waits for u.unbound.dom to bind */
#define EVTCHNSTAT_interdomain		2
#define EVTCHNSTAT_pirq			3
#define EVTCHNSTAT_virq			4
#define EVTCHNSTAT_ipi			5

/* evtchn_bind_pirq.flags: another domain may use the line as well. */
#define BIND_PIRQ__WILL_SHARE		1

/* FIFO layout: priorities (0 first), and the bits of an event word. */
#define EVTCHN_FIFO_PRIORITY_MAX	0
#define EVTCHN_FIFO_PRIORITY_DEFAULT	7
#define EVTCHN_FIFO_PRIORITY_MIN	15
#define EVTCHN_FIFO_MAX_QUEUES		(EVTCHN_FIFO_PRIORITY_MIN + 1)
#define EVTCHN_FIFO_PENDING		31
#define EVTCHN_FIFO_MASKED		30
#define EVTCHN_FIFO_LINKED		29
#define EVTCHN_FIFO_BUSY		28
#define EVTCHN_FIFO_LINK_BITS		17
#define EVTCHN_FIFO_LINK_MASK		((1 << EVTCHN_FIFO_LINK_BITS) - 1)
#define EVTCHN_FIFO_NR_CHANNELS		(1 << EVTCHN_FIFO_LINK_BITS)

#ifndef __ASSEMBLY__

/* Ports of the two-level layout: 4096. */
#define EVTCHN_2L_NR_CHANNELS		(sizeof(xen_ulong_t) * sizeof(xen_ulong_t) * 64)

typedef uint32_t evtchn_port_t;
DEFINE_XEN_GUEST_HANDLE(evtchn_port_t);

/* A port in `dom` that `remote_dom` may bind to. Another `dom` than DOMID_SELF needs the rights of dom0. */
struct evtchn_alloc_unbound {
	domid_t dom, remote_dom;	/* IN */
	evtchn_port_t port;		/* OUT */
};
typedef struct evtchn_alloc_unbound evtchn_alloc_unbound_t;

/* Bind to an unbound port that waits for this domain. The new port starts pending. */
struct evtchn_bind_interdomain {
	domid_t remote_dom;		/* IN */
	evtchn_port_t remote_port;	/* IN */
	evtchn_port_t local_port;	/* OUT */
};
typedef struct evtchn_bind_interdomain evtchn_bind_interdomain_t;

/* -EEXIST if the VIRQ is bound already, -EINVAL for a global one on a vCPU other than 0. */
struct evtchn_bind_virq {
	uint32_t virq;			/* IN: VIRQ_* */
	uint32_t vcpu;			/* IN */
	evtchn_port_t port;		/* OUT */
};
typedef struct evtchn_bind_virq evtchn_bind_virq_t;

/* The PIRQ must have been mapped (PHYSDEVOP_map_pirq). */
struct evtchn_bind_pirq {
	uint32_t pirq;			/* IN */
	uint32_t flags;			/* IN: BIND_PIRQ__* */
	evtchn_port_t port;		/* OUT */
};
typedef struct evtchn_bind_pirq evtchn_bind_pirq_t;

struct evtchn_bind_ipi {
	uint32_t vcpu;			/* IN: who gets the upcall */
	evtchn_port_t port;		/* OUT */
};
typedef struct evtchn_bind_ipi evtchn_bind_ipi_t;

/* The other end, if there is one, becomes unbound. */
struct evtchn_close {
	evtchn_port_t port;		/* IN */
};
typedef struct evtchn_close evtchn_close_t;

/* Makes the other end pending, or the port itself if it is an IPI. */
struct evtchn_send {
	evtchn_port_t port;		/* IN */
};
typedef struct evtchn_send evtchn_send_t;

struct evtchn_status {
	domid_t dom;			/* IN: DOMID_SELF, or another with dom0's rights */
	evtchn_port_t port;		/* IN */
	uint32_t status;		/* OUT: EVTCHNSTAT_* */
	uint32_t vcpu;			/* OUT */
	union {
		struct {
			domid_t dom;
		} unbound;
		struct {
			domid_t dom;
			evtchn_port_t port;
		} interdomain;
		uint32_t pirq;
		uint32_t virq;
	} u;				/* OUT */
};
typedef struct evtchn_status evtchn_status_t;

/* Which vCPU gets the upcall from now on. IPIs and per-vCPU VIRQs cannot be moved. */
struct evtchn_bind_vcpu {
	evtchn_port_t port;		/* IN */
	uint32_t vcpu;			/* IN */
};
typedef struct evtchn_bind_vcpu evtchn_bind_vcpu_t;

/* Clears the mask bit and delivers what became pending meanwhile. */
struct evtchn_unmask {
	evtchn_port_t port;		/* IN */
};
typedef struct evtchn_unmask evtchn_unmask_t;

/* Closes every port and goes back to the two-level layout. */
struct evtchn_reset {
	domid_t dom;			/* IN */
};
typedef struct evtchn_reset evtchn_reset_t;

/* FIFO layout, once per vCPU: where its control block is. The first call of a domain switches the layout. */
struct evtchn_init_control {
	uint64_t control_gfn;		/* IN */
	uint32_t offset;		/* IN: bytes in the page, multiple of 8 */
	uint32_t vcpu;			/* IN */
	uint8_t link_bits;		/* OUT */
	uint8_t _pad[7];
};
typedef struct evtchn_init_control evtchn_init_control_t;

/* FIFO layout: one more page of event words. */
struct evtchn_expand_array {
	uint64_t array_gfn;		/* IN */
};
typedef struct evtchn_expand_array evtchn_expand_array_t;

/* FIFO layout: takes effect the next time that the port becomes pending. */
struct evtchn_set_priority {
	evtchn_port_t port;		/* IN */
	uint32_t priority;		/* IN: 0 is served first */
};
typedef struct evtchn_set_priority evtchn_set_priority_t;

/* Argument of __HYPERVISOR_event_channel_op_compat. */
struct evtchn_op {
	uint32_t cmd;			/* EVTCHNOP_* */
	union {
		evtchn_alloc_unbound_t alloc_unbound;
		evtchn_bind_interdomain_t bind_interdomain;
		evtchn_bind_virq_t bind_virq;
		evtchn_bind_pirq_t bind_pirq;
		evtchn_bind_ipi_t bind_ipi;
		evtchn_close_t close;
		evtchn_send_t send;
		evtchn_status_t status;
		evtchn_bind_vcpu_t bind_vcpu;
		evtchn_unmask_t unmask;
	} u;
};
typedef struct evtchn_op evtchn_op_t;
DEFINE_XEN_GUEST_HANDLE(evtchn_op_t);

typedef uint32_t event_word_t;

/* FIFO layout, one per vCPU: bit n of `ready` says that queue n, which starts at port head[n], is not empty. */
struct evtchn_fifo_control_block {
	uint32_t ready;
	uint32_t _rsvd;
	uint32_t head[EVTCHN_FIFO_MAX_QUEUES];
};
typedef struct evtchn_fifo_control_block evtchn_fifo_control_block_t;

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_EVENT_CHANNEL_H */
