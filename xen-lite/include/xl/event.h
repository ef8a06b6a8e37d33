/* SPDX-License-Identifier: MIT */
/*
 * Event channels, two-level ABI. Every source (interdomain, VIRQ, IPI, physical IRQ) ends in the same four steps:
 * pending bit, selector bit, upcall flag, wake.
 */
#ifndef XL_EVENT_H
#define XL_EVENT_H

#include <xl/domain.h>

#define EVTCHNS_PER_BUCKET	128

enum { ECS_FREE, ECS_RESERVED, ECS_UNBOUND, ECS_INTERDOMAIN, ECS_PIRQ, ECS_VIRQ, ECS_IPI };

struct evtchn {
	u8 state;			/* ECS_* */
	u8 consumer_is_xen;
	u16 virq;			/* ECS_VIRQ */
	u32 port;
	u32 notify_vcpu;		/* vCPU id that gets the upcall */
	union {
		domid_t_ remote_domid;	/* ECS_UNBOUND: who may bind */
		struct {
			struct domain *remote_dom;
			u32 remote_port;
		};			/* ECS_INTERDOMAIN */
		u32 pirq;		/* ECS_PIRQ */
	};
};

int evtchn_init_domain(struct domain *d, u32 max_port);
int evtchn_destroy_domain(struct domain *d);		/* closes all, bounded steps: -ERESTART */
void evtchn_free_domain(struct domain *d);
long do_event_channel_op(int cmd, void *arg);
void send_guest_vcpu_virq(struct vcpu *v, u32 virq);	/* timer, debug: safe from the exit path */
void send_global_virq(u32 virq);			/* console, dom_exc ...: to the domain that handles it (dom0) */
bool send_guest_pirq(struct domain *d, u32 pirq);	/* from an interrupt: true when it was set pending now */
u32 guest_pirq_cpu(struct domain *d, u32 pirq);		/* where the vCPU is that gets it; 0 when nobody does */
/* Upcall state of the current vCPU, tested by the exit path. */
static inline bool event_upcall_due(const struct vcpu *v)
{
	return v->info->evtchn_upcall_pending && !v->info->evtchn_upcall_mask;
}
unsigned int domain_dump_evtchn(struct domain *d);	/* debug key: prints; returns how many are in use */

#endif
