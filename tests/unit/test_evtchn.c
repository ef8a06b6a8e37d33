/* SPDX-License-Identifier: MIT */
/*
 * Event channels: every operation on a port in every state, then what delivery does to the shared page, then random
 * operations of three domains with the invariants checked after each.
 */
#include "evtchn_world.h"
#include "suite.h"

/* --- states and operations ---------------------------------------------------------------------------------- */

enum state { CLOSED, UNBOUND, INTERDOMAIN, PIRQ, VIRQ, GLOBAL_VIRQ, IPI, RESERVED, BEYOND, NR_STATES };

static u32 make_port(enum state s)
{
	struct evtchn_bind_pirq pirq = { .pirq = 2 };
	struct evtchn_bind_ipi ipi = { .vcpu = 1 };
	u32 port, other;

	be(a);
	switch (s) {
	case CLOSED:
		return 5;
	case UNBOUND:
		return unbound(b->id);
	case INTERDOMAIN:
		port = unbound(b->id);
		be(b);
		CU_ASSERT_EQUAL(connect_to(a->id, port, &other), 0);
		be(a);
		return port;
	case PIRQ:
		CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, &pirq), 0);
		return pirq.port;
	case VIRQ:
		return virq(VIRQ_TIMER, 1);
	case GLOBAL_VIRQ:
		return virq(VIRQ_DOM_EXC, 0);
	case IPI:
		CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
		return ipi.port;
	case RESERVED:
		return 0;
	default:
		return PORTS + 1;
	}
}

static const struct {
	long close, send, bind_vcpu, unmask, connect, status;
	u32 code;
} expected[NR_STATES] = {
#define NO (-XEN_EINVAL)
	[CLOSED]	= { NO, NO, NO, NO, NO, 0, EVTCHNSTAT_closed },
	[UNBOUND]	= { 0, 0, 0, 0, 0, 0, EVTCHNSTAT_unbound },
	[INTERDOMAIN]	= { 0, 0, 0, 0, NO, 0, EVTCHNSTAT_interdomain },
	[PIRQ]		= { 0, NO, 0, 0, NO, 0, EVTCHNSTAT_pirq },
	[VIRQ]		= { 0, NO, NO, 0, NO, 0, EVTCHNSTAT_virq },
	[GLOBAL_VIRQ]	= { 0, NO, 0, 0, NO, 0, EVTCHNSTAT_virq },
	[IPI]		= { 0, 0, NO, 0, NO, 0, EVTCHNSTAT_ipi },
	[RESERVED]	= { NO, NO, NO, NO, NO, 0, EVTCHNSTAT_closed },
	[BEYOND]	= { NO, NO, NO, NO, NO, NO, EVTCHNSTAT_closed },
};

/* Every cell in a world of its own. */
static void test_matrix(void)
{
	struct evtchn_status st;
	u32 port, local;

	for (enum state s = 0; s < NR_STATES; s++) {
		struct evtchn_bind_vcpu move = { .vcpu = 1 };

		world_up();
		CU_ASSERT_EQUAL(op_port(EVTCHNOP_close, make_port(s)), expected[s].close);
		world_down();
		world_up();
		CU_ASSERT_EQUAL(op_port(EVTCHNOP_send, make_port(s)), expected[s].send);
		world_down();
		world_up();
		move.port = make_port(s);
		CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_vcpu, &move), expected[s].bind_vcpu);
		world_down();
		world_up();
		CU_ASSERT_EQUAL(op_port(EVTCHNOP_unmask, make_port(s)), expected[s].unmask);
		CU_ASSERT_EQUAL(pirq_unmasks, s == PIRQ);
		world_down();
		world_up();
		port = make_port(s);
		be(b);
		CU_ASSERT_EQUAL(connect_to(a->id, port, &local), expected[s].connect);
		world_down();
		world_up();
		CU_ASSERT_EQUAL(get_status(DOMID_SELF, make_port(s), &st), expected[s].status);
		CU_ASSERT_EQUAL(st.status, expected[s].code);
		world_down();
	}
}

static void test_closed_after_close(void)
{
	struct evtchn_status st;

	for (enum state s = UNBOUND; s <= IPI; s++) {
		u32 port;

		world_up();
		port = make_port(s);
		set_bit(port, a->shared_info->evtchn_pending);
		CU_ASSERT_EQUAL(op_port(EVTCHNOP_close, port), 0);
		CU_ASSERT_FALSE(pending(a, port));
		get_status(DOMID_SELF, port, &st);
		CU_ASSERT_EQUAL(st.status, EVTCHNSTAT_closed);
		CU_ASSERT_EQUAL(op_port(EVTCHNOP_close, port), -XEN_EINVAL);
		CU_ASSERT_EQUAL(make_port(s), port);	/* the lowest free one; nothing of the old is left */
		world_down();
	}
}

static void test_limits(void)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF };
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER };
	struct evtchn_bind_ipi ipi = { .vcpu = 2 };
	struct evtchn_bind_pirq p = { .pirq = LOCAL_PIRQS };

	world_up();
	for (u32 i = 1; i <= PORTS; i++)
		CU_ASSERT_EQUAL(unbound(DOMID_SELF), i);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, &op), -XEN_ENOSPC);
	world_down();

	world_up();
	virq(VIRQ_TIMER, 0);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_virq, &v), -XEN_EEXIST);
	v.virq = NR_VIRQS;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_virq, &v), -XEN_EINVAL);
	v = (struct evtchn_bind_virq){ .virq = VIRQ_CONSOLE, .vcpu = 1 };
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_virq, &v), -XEN_EINVAL);
	v = (struct evtchn_bind_virq){ .virq = VIRQ_TIMER, .vcpu = 2 };
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_virq, &v), -XEN_ENOENT);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_ipi, &ipi), -XEN_ENOENT);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, &p), -XEN_EINVAL);
	p.pirq = 1;
	bind_result = -XEN_EBUSY;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, &p), -XEN_EBUSY);
	CU_ASSERT_EQUAL(a->pirq[1]->port, 0);
	bind_result = 0;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, &p), 0);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, &p), -XEN_EEXIST);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_init_control, &p), -XEN_ENOSYS);
	world_down();
}

/* An answer that cannot be delivered takes the port with it; a bad pointer is only -EFAULT. */
static void test_bad_pointers(void)
{
	static const int ops[] = {
		EVTCHNOP_alloc_unbound, EVTCHNOP_bind_interdomain, EVTCHNOP_bind_virq, EVTCHNOP_close, EVTCHNOP_send,
		EVTCHNOP_status, EVTCHNOP_bind_ipi, EVTCHNOP_bind_vcpu, EVTCHNOP_unmask, EVTCHNOP_reset,
		EVTCHNOP_bind_pirq,
	};
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF };
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER };
	struct evtchn_bind_pirq p = { .pirq = 1 };

	world_up();
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++)
		CU_ASSERT_EQUAL(do_event_channel_op(ops[i], (void *)16), -XEN_EFAULT);
	shim_write_fails = true;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, &op), -XEN_EFAULT);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_virq, &v), -XEN_EFAULT);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, &p), -XEN_EFAULT);
	shim_write_fails = false;
	CU_ASSERT_EQUAL(unbound(b->id), 1);
	CU_ASSERT_EQUAL(virq(VIRQ_TIMER, 0), 2);
	CU_ASSERT_EQUAL(a->pirq[1]->port, 0);
	world_down();
}

static void test_rights(void)
{
	struct evtchn_alloc_unbound op = { .dom = 0, .remote_dom = 0 };
	struct evtchn_reset r = { .dom = 0 };
	struct evtchn_status st;
	u32 port, local;

	world_up();
	port = unbound(99);
	be(b);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, &op), -XEN_EPERM);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_reset, &r), -XEN_EPERM);
	CU_ASSERT_EQUAL(get_status(0, port, &st), -XEN_EPERM);
	CU_ASSERT_EQUAL(connect_to(0, port, &local), -XEN_EINVAL);	/* waits for somebody else */
	CU_ASSERT_EQUAL(connect_to(1234, 1, &local), -XEN_ESRCH);
	be(a);
	op.dom = b->id;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, &op), 0);
	CU_ASSERT_EQUAL(get_status(b->id, op.port, &st), 0);
	CU_ASSERT_EQUAL(st.status, EVTCHNSTAT_unbound);
	CU_ASSERT_EQUAL(st.u.unbound.dom, 0);
	world_down();
}

/* --- delivery ----------------------------------------------------------------------------------------------- */

static void test_delivery(void)
{
	u32 pa, pb;

	world_up();
	pa = unbound(b->id);
	be(b);
	CU_ASSERT_EQUAL(connect_to(a->id, pa, &pb), 0);
	CU_ASSERT_TRUE(pending(b, pb));		/* a new port starts pending: nothing sent before is lost */
	CU_ASSERT_EQUAL(b->vcpu[0]->info->evtchn_upcall_pending, 1);
	CU_ASSERT_EQUAL(kicks, 1);

	CU_ASSERT_EQUAL(op_port(EVTCHNOP_send, pb), 0);
	CU_ASSERT_TRUE(pending(a, pa));
	CU_ASSERT_TRUE(a->vcpu[0]->info->evtchn_pending_sel & 1UL << pa / 64);
	CU_ASSERT_EQUAL(kicks, 2);
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_send, pb), 0);
	CU_ASSERT_EQUAL(kicks, 2);		/* pending already: nothing to do */
	world_down();
}

static void test_mask(void)
{
	u32 pa, pb;

	world_up();
	pa = unbound(b->id);
	be(b);
	connect_to(a->id, pa, &pb);
	set_bit(pa, a->shared_info->evtchn_mask);
	kicks = 0;
	op_port(EVTCHNOP_send, pb);
	CU_ASSERT_TRUE(pending(a, pa));
	CU_ASSERT_EQUAL(a->vcpu[0]->info->evtchn_upcall_pending, 0);
	CU_ASSERT_EQUAL(kicks, 0);
	be(a);
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_unmask, pa), 0);
	CU_ASSERT_EQUAL(a->vcpu[0]->info->evtchn_upcall_pending, 1);
	CU_ASSERT_EQUAL(kicks, 1);
	CU_ASSERT_FALSE(test_bit(pa, a->shared_info->evtchn_mask));
	world_down();
}

static void test_moved_port(void)
{
	struct evtchn_bind_vcpu move = { .vcpu = 1 };
	u32 pb;

	world_up();
	move.port = unbound(b->id);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_vcpu, &move), 0);
	be(b);
	connect_to(a->id, move.port, &pb);
	op_port(EVTCHNOP_send, pb);
	CU_ASSERT_EQUAL(a->vcpu[0]->info->evtchn_upcall_pending, 0);
	CU_ASSERT_EQUAL(a->vcpu[1]->info->evtchn_upcall_pending, 1);
	world_down();
}

static void test_virqs(void)
{
	u32 timer, exc;

	world_up();
	send_guest_vcpu_virq(a->vcpu[1], VIRQ_TIMER);	/* nobody listens */
	timer = virq(VIRQ_TIMER, 1);
	exc = virq(VIRQ_DOM_EXC, 0);
	send_guest_vcpu_virq(a->vcpu[0], VIRQ_TIMER);
	CU_ASSERT_FALSE(pending(a, timer));
	send_guest_vcpu_virq(a->vcpu[1], VIRQ_TIMER);
	CU_ASSERT_TRUE(pending(a, timer));
	CU_ASSERT_EQUAL(a->vcpu[1]->info->evtchn_upcall_pending, 1);
	CU_ASSERT_EQUAL(a->vcpu[0]->info->evtchn_upcall_pending, 0);
	send_global_virq(VIRQ_DOM_EXC);
	CU_ASSERT_TRUE(pending(a, exc));
	op_port(EVTCHNOP_close, exc);
	send_global_virq(VIRQ_DOM_EXC);
	CU_ASSERT_FALSE(pending(a, exc));
	world_down();
}

static void test_pirq(void)
{
	struct evtchn_bind_pirq p = { .pirq = 3 };

	world_up();
	CU_ASSERT_FALSE(send_guest_pirq(a, 3));
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, &p), 0);
	CU_ASSERT_TRUE(send_guest_pirq(a, 3));
	CU_ASSERT_FALSE(send_guest_pirq(a, 3));		/* pending already */
	CU_ASSERT_TRUE(pending(a, p.port));
	world_down();
}

static void test_poll(void)
{
	u32 pa, pb, other;

	world_up();
	pa = unbound(b->id);
	other = unbound(b->id);
	be(b);
	connect_to(a->id, pa, &pb);
	a->vcpu[1]->pause_flags = VPF_POLL;
	a->vcpu[1]->poll_port = other;
	set_bit(1, a->poll_mask);
	op_port(EVTCHNOP_send, pb);
	CU_ASSERT_EQUAL(unblocks, 0);			/* waits for another port */
	clear_bit(pa, a->shared_info->evtchn_pending);
	a->vcpu[1]->poll_port = pa;
	set_bit(pa, a->shared_info->evtchn_mask);
	op_port(EVTCHNOP_send, pb);
	CU_ASSERT_EQUAL(unblocks, 1);			/* masked ports wake a poll as well */
	a->vcpu[1]->pause_flags = VPF_POLL;
	a->vcpu[1]->poll_port = 0;
	set_bit(1, a->poll_mask);
	clear_bit(pa, a->shared_info->evtchn_pending);
	op_port(EVTCHNOP_send, pb);
	CU_ASSERT_EQUAL(unblocks, 2);			/* a list: any port */
	world_down();
}

/* --- ends ---------------------------------------------------------------------------------------------------- */

static void test_peer_closes(void)
{
	struct evtchn_status st;
	u32 pa, pb;

	world_up();
	pa = unbound(b->id);
	be(b);
	connect_to(a->id, pa, &pb);
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_close, pb), 0);
	be(a);
	get_status(DOMID_SELF, pa, &st);
	CU_ASSERT_EQUAL(st.status, EVTCHNSTAT_unbound);
	CU_ASSERT_EQUAL(st.u.unbound.dom, b->id);
	be(b);
	CU_ASSERT_EQUAL(connect_to(a->id, pa, &pb), 0);	/* and again */
	world_down();
}

static void test_loopback(void)
{
	u32 p1, p2;
	struct evtchn_status st;

	world_up();
	p1 = unbound(DOMID_SELF);
	CU_ASSERT_EQUAL(connect_to(DOMID_SELF, p1, &p2), 0);
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_send, p2), 0);
	CU_ASSERT_TRUE(pending(a, p1));
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_close, p2), 0);
	get_status(DOMID_SELF, p1, &st);
	CU_ASSERT_EQUAL(st.status, EVTCHNSTAT_unbound);
	world_down();
}

static void test_death(void)
{
	struct evtchn_alloc_unbound op = { .remote_dom = 0 };
	struct evtchn_status st;
	u32 port = 0, local = 0, steps = 0;

	world_up();
	op.dom = b->id;
	for (int i = 0; i < 200; i++) {
		be(a);
		port = unbound(b->id);
		be(b);
		CU_ASSERT_EQUAL(connect_to(a->id, port, &local), 0);
	}
	be(a);
	b->dying = DOMDYING_dying;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, &op), -XEN_EINVAL);
	shim_preempt = true;
	while (evtchn_destroy_domain(b) == -XEN_ERESTART)
		steps++;
	CU_ASSERT(steps > 1 && steps < 10);	/* in bounded steps, each of which gets further */
	get_status(DOMID_SELF, port, &st);
	CU_ASSERT_EQUAL(st.status, EVTCHNSTAT_unbound);
	CU_ASSERT_EQUAL(connect_to(b->id, local, &port), -XEN_EINVAL);
	world_down();
}

static void test_reset(void)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };

	world_up();
	for (int i = 0; i < 100; i++)
		unbound(b->id);
	virq(VIRQ_TIMER, 0);
	shim_preempt = true;
	shim_continued = 0;
	for (int i = 0; i < 10 && do_event_channel_op(EVTCHNOP_reset, &r) != 0; i++)
		;
	CU_ASSERT_EQUAL(shim_continued, 1);
	CU_ASSERT_EQUAL(unbound(b->id), 1);
	CU_ASSERT_EQUAL(virq(VIRQ_TIMER, 0), 2);
	world_down();
}

/* --- random walk ----------------------------------------------------------------------------------------------- */

static struct evtchn *chn_of(struct domain *d, u32 port)
{
	struct evtchn *bucket = d->evtchn_bucket[port / EVTCHNS_PER_BUCKET];

	return bucket ? bucket + port % EVTCHNS_PER_BUCKET : NULL;
}

/* Both ends of a connection name each other; each VIRQ's port says the same as the vCPU. */
static bool consistent(struct domain *d)
{
	for (u32 port = 0; port <= PORTS; port++) {
		struct evtchn *c = chn_of(d, port), *r;

		if (!c || c->state == ECS_FREE)
			continue;
		if (!port && c->state != ECS_RESERVED)
			return false;
		if (c->state == ECS_VIRQ && d->vcpu[0]->virq_port[c->virq] != port &&
		    d->vcpu[1]->virq_port[c->virq] != port)
			return false;
		if (c->state != ECS_INTERDOMAIN)
			continue;
		r = chn_of(c->remote_dom, c->remote_port);
		if (!r || r->state != ECS_INTERDOMAIN || r->remote_dom != d || r->remote_port != port)
			return false;
	}
	return true;
}

static void random_op(void)
{
	u32 x = rand() % 40, local;
	struct evtchn_alloc_unbound un = { .dom = DOMID_SELF, .remote_dom = rand() % 2 ? 0 : 7 };
	struct evtchn_bind_virq v = { .virq = rand() % (NR_VIRQS + 1), .vcpu = rand() % 3 };
	struct evtchn_bind_ipi ipi = { .vcpu = rand() % 3 };
	struct evtchn_bind_pirq p = { .pirq = rand() % (LOCAL_PIRQS + 1) };
	struct evtchn_bind_vcpu move = { .port = x, .vcpu = rand() % 3 };
	struct evtchn_reset r = { .dom = DOMID_SELF };

	be(rand() % 2 ? a : b);
	switch (rand() % 12) {
	case 0: do_event_channel_op(EVTCHNOP_alloc_unbound, &un); break;
	case 1: do_event_channel_op(EVTCHNOP_bind_virq, &v); break;
	case 2: do_event_channel_op(EVTCHNOP_bind_ipi, &ipi); break;
	case 3: do_event_channel_op(EVTCHNOP_bind_pirq, &p); break;
	case 4: do_event_channel_op(EVTCHNOP_bind_vcpu, &move); break;
	case 5: case 6: case 7: connect_to(rand() % 2 ? 0 : 7, x, &local); break;
	case 8: op_port(EVTCHNOP_send, x); break;
	case 9: op_port(EVTCHNOP_unmask, x); break;
	case 10: op_port(EVTCHNOP_close, x); break;
	case 11:
		if (rand() % 50 == 0)
			do_event_channel_op(EVTCHNOP_reset, &r);
	}
}

static void test_random(void)
{
	bool ok = true;

	srand(1);
	world_up();
	for (int i = 0; ok && i < 100000; i++) {
		random_op();
		ok = consistent(a) && consistent(b);
		shim_check();
	}
	CU_ASSERT_TRUE(ok);
	world_down();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every operation in every state", test_matrix },
		{ "nothing left after close", test_closed_after_close },
		{ "limits", test_limits },
		{ "bad pointers", test_bad_pointers },
		{ "rights", test_rights },
		{ "delivery", test_delivery },
		{ "mask", test_mask },
		{ "moved port", test_moved_port },
		{ "virtual interrupts", test_virqs },
		{ "physical interrupts", test_pirq },
		{ "poll", test_poll },
		{ "the other end closes", test_peer_closes },
		{ "loopback", test_loopback },
		{ "death", test_death },
		{ "reset", test_reset },
		{ "random operations", test_random },
		CU_TEST_INFO_NULL,
	};

	return suite_run("event channels", tests);
}
