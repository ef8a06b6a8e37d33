/* SPDX-License-Identifier: MIT */
/*
 * The world of the event channel tests: dom0 (a) and a guest (b) with two vCPUs each, what event_channel.c calls, and
 * its operations as functions.
 */
#ifndef EVTCHN_WORLD_H
#define EVTCHN_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <CUnit/CUnit.h>
#include <CUnit/Basic.h>
#include <xl/domain.h>
#include <xl/event.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <public/event_channel.h>

#define PORTS		300
#define LOCAL_PIRQS	4

static struct domain *a, *b;		/* a is dom0 */
static unsigned int kicks, unblocks, pirq_unmasks;
static int bind_result;

void vcpu_kick(struct vcpu *v)
{
	(void)v;
	kicks++;
}

void vcpu_unblock(struct vcpu *v)
{
	v->pause_flags &= ~VPF_POLL;
	clear_bit(v->id, v->domain->poll_mask);
	unblocks++;
}

int pirq_guest_bind(struct vcpu *v, u32 pirq, bool will_share)
{
	(void)v;
	(void)pirq;
	(void)will_share;
	return bind_result;
}

void pirq_guest_unbind(struct domain *d, u32 pirq)
{
	(void)d;
	(void)pirq;
}

void pirq_guest_unmask(struct domain *d, u32 pirq)
{
	(void)d;
	(void)pirq;
	pirq_unmasks++;
}

/* --- world ------------------------------------------------------------------------------------------------ */

static inline struct domain *make(domid_t_ id)
{
	struct domain *d = shim_domain(id, 2);

	evtchn_init_domain(d, PORTS);
	return d;
}

static inline void world_up(void)
{
	a = make(0);
	b = make(7);
	a->privileged = true;
	dom0 = a;
	a->nr_pirqs = LOCAL_PIRQS;
	a->pirq = calloc(LOCAL_PIRQS, sizeof(*a->pirq));
	for (int i = 0; i < LOCAL_PIRQS; i++)
		a->pirq[i] = calloc(1, sizeof(**a->pirq));
	kicks = unblocks = pirq_unmasks = 0;
	bind_result = 0;
	shim_cpu = 0;
	shim_preempt = false;
	current = a->vcpu[0];
}

static inline void world_down(void)
{
	shim_check();
	for (int i = 0; i < LOCAL_PIRQS; i++)
		free(a->pirq[i]);
	free(a->pirq);
	CU_ASSERT_EQUAL(a->refcnt, 1);
	CU_ASSERT_EQUAL(b->refcnt, 1);
	evtchn_free_domain(a);
	evtchn_free_domain(b);
	shim_domain_free(a);
	shim_domain_free(b);
	dom0 = NULL;
}

static inline void be(struct domain *d)
{
	current = d->vcpu[0];
}

static inline u32 unbound(domid_t_ remote)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = remote };

	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, &op), 0);
	return op.port;
}

static inline long connect_to(domid_t_ dom, u32 port, u32 *local)
{
	struct evtchn_bind_interdomain op = { .remote_dom = dom, .remote_port = port };
	long rc = do_event_channel_op(EVTCHNOP_bind_interdomain, &op);

	*local = op.local_port;
	return rc;
}

static inline u32 virq(u32 nr, u32 vcpu)
{
	struct evtchn_bind_virq op = { .virq = nr, .vcpu = vcpu };

	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_virq, &op), 0);
	return op.port;
}

static inline long op_port(int cmd, u32 port)
{
	struct evtchn_send op = { .port = port };

	return do_event_channel_op(cmd, &op);
}

static inline long get_status(domid_t_ dom, u32 port, struct evtchn_status *s)
{
	*s = (struct evtchn_status){ .dom = dom, .port = port };
	return do_event_channel_op(EVTCHNOP_status, s);
}

static inline bool pending(struct domain *d, u32 port)
{
	return test_bit(port, d->shared_info->evtchn_pending);
}

#endif
