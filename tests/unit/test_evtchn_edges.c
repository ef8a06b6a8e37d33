/* SPDX-License-Identifier: MIT */
/*
 * Event channels where something is missing or somebody else is faster: no memory, no port, no vCPU, no domain, an
 * answer that cannot be delivered, a port that changes while its two domains are being locked. What is refused leaves
 * both ends as they were.
 */
#include "evtchn_world.h"
#include "suite.h"

static void fill_up(struct domain *d)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };

	be(d);
	while (!do_event_channel_op(EVTCHNOP_alloc_unbound, &op))
		;
}

static u32 state_of(struct domain *d, u32 port)
{
	struct evtchn_status st;

	be(a);
	CU_ASSERT_EQUAL(get_status(d->id, port, &st), 0);
	return st.status;
}

/* --- something is missing ------------------------------------------------------------------------------------- */

static void test_no_memory(void)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF };
	struct domain *d = shim_domain(9, 1);

	shim_allocs_left = 0;
	CU_ASSERT_EQUAL(evtchn_init_domain(d, PORTS), -XEN_ENOMEM);
	shim_allocs_left = -1;
	evtchn_free_domain(d);
	shim_domain_free(d);

	world_up();
	shim_allocs_left = 0;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, &op), -XEN_ENOMEM);
	shim_allocs_left = -1;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, &op), 0);
	CU_ASSERT_EQUAL(op.port, 1);
	world_down();
}

/* Every kind of binding, and the other side of one between two domains waits on. */
static void test_no_port(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER };
	struct evtchn_bind_pirq p = { .pirq = 1 };
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	u32 port, local;

	world_up();
	be(b);
	port = unbound(a->id);
	fill_up(a);
	CU_ASSERT_EQUAL(connect_to(b->id, port, &local), -XEN_ENOSPC);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_virq, &v), -XEN_ENOSPC);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, &p), -XEN_ENOSPC);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_ipi, &ipi), -XEN_ENOSPC);
	CU_ASSERT_EQUAL(state_of(b, port), EVTCHNSTAT_unbound);
	CU_ASSERT_EQUAL(a->vcpu[0]->virq_port[VIRQ_TIMER], 0);
	CU_ASSERT_EQUAL(a->pirq[1]->port, 0);
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_close, PORTS), 0);
	CU_ASSERT_EQUAL(connect_to(b->id, port, &local), 0);
	CU_ASSERT_EQUAL(local, PORTS);
	world_down();
}

static void test_no_domain(void)
{
	struct evtchn_alloc_unbound un = { .dom = 99 };
	struct evtchn_reset r = { .dom = 99 };
	struct evtchn_status st;

	world_up();
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, &un), -XEN_ESRCH);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_reset, &r), -XEN_ESRCH);
	CU_ASSERT_EQUAL(get_status(99, 1, &st), -XEN_ESRCH);
	world_down();
}

/*
 * A domain is built step by step: until there is a vCPU to tell, what is sent to it is lost, and nothing else happens.
 */
static void test_no_vcpu(void)
{
	struct evtchn_alloc_unbound un = { .remote_dom = 0 };
	struct evtchn_bind_pirq p = { .pirq = 1 };
	struct vcpu *v;
	u32 local;

	world_up();
	un.dom = b->id;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, &un), 0);
	CU_ASSERT_EQUAL(connect_to(b->id, un.port, &local), 0);
	v = b->vcpu[0];
	b->vcpu[0] = NULL;
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_send, local), 0);
	CU_ASSERT_FALSE(pending(b, un.port));
	b->vcpu[0] = v;
	b->max_vcpus = 0;
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_send, local), 0);
	CU_ASSERT_FALSE(pending(b, un.port));
	b->max_vcpus = 2;
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_send, local), 0);
	CU_ASSERT_TRUE(pending(b, un.port));

	dom0 = NULL;
	send_global_virq(VIRQ_CONSOLE);
	dom0 = a;
	v = a->vcpu[0];
	a->vcpu[0] = NULL;
	send_global_virq(VIRQ_CONSOLE);
	shim_cpu_info[0].on = a->vcpu[1];
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, &p), -XEN_EINVAL);
	CU_ASSERT_EQUAL(a->pirq[1]->port, 0);
	a->vcpu[0] = v;
	world_down();
}

/* Ports bound to a vCPU or to an interrupt that has gone since. */
static void test_close_after_the_other_half(void)
{
	struct evtchn_bind_pirq p = { .pirq = 1 };
	struct pirq *pirq;
	struct vcpu *v;
	u32 timer;

	world_up();
	timer = virq(VIRQ_TIMER, 1);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, &p), 0);
	v = a->vcpu[0];
	a->vcpu[0] = NULL;
	shim_cpu_info[0].on = a->vcpu[1];
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_close, timer), 0);
	CU_ASSERT_EQUAL(a->vcpu[1]->virq_port[VIRQ_TIMER], 0);
	a->vcpu[0] = v;
	pirq = a->pirq[1];
	a->pirq[1] = NULL;
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_close, p.port), 0);
	CU_ASSERT_EQUAL(state_of(a, p.port), EVTCHNSTAT_closed);
	a->pirq[1] = pirq;
	world_down();
}

/* Nobody would ever hear of the port: it is closed again, and the other side waits as before. */
static void test_answer_lost(void)
{
	struct evtchn_bind_interdomain inter = { .remote_dom = 7 };
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	struct evtchn_status st = { .dom = DOMID_SELF, .port = 1 };

	world_up();
	be(b);
	inter.remote_port = unbound(a->id);
	be(a);
	shim_write_fails = true;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_interdomain, &inter), -XEN_EFAULT);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_ipi, &ipi), -XEN_EFAULT);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_status, &st), -XEN_EFAULT);
	shim_write_fails = false;
	CU_ASSERT_EQUAL(state_of(b, inter.remote_port), EVTCHNSTAT_unbound);
	CU_ASSERT_EQUAL(unbound(b->id), 1);
	world_down();
}

/* --- who is told ------------------------------------------------------------------------------------------------ */

/* The mask of pollers may lag behind: only a vCPU that is there and polls is woken. */
static void test_not_polling(void)
{
	struct vcpu *v;
	u32 pa, pb;

	world_up();
	pa = unbound(b->id);
	be(b);
	connect_to(a->id, pa, &pb);
	set_bit(1, a->poll_mask);
	op_port(EVTCHNOP_send, pb);
	CU_ASSERT_EQUAL(unblocks, 0);
	clear_bit(pa, a->shared_info->evtchn_pending);
	v = a->vcpu[1];
	a->vcpu[1] = NULL;
	op_port(EVTCHNOP_send, pb);
	CU_ASSERT_EQUAL(unblocks, 0);
	a->vcpu[1] = v;
	world_down();
}

/* An event is announced once: not when nothing was masked, nothing is pending, or the vCPU has been told. */
static void test_unmask(void)
{
	u32 port;

	world_up();
	port = unbound(b->id);
	kicks = 0;
	set_bit(port, a->shared_info->evtchn_pending);
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_unmask, port), 0);
	CU_ASSERT_EQUAL(kicks, 0);
	clear_bit(port, a->shared_info->evtchn_pending);
	set_bit(port, a->shared_info->evtchn_mask);
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_unmask, port), 0);
	CU_ASSERT_EQUAL(kicks, 0);
	CU_ASSERT_EQUAL(a->vcpu[0]->info->evtchn_upcall_pending, 0);
	set_bit(port, a->shared_info->evtchn_pending);
	set_bit(port, a->shared_info->evtchn_mask);
	a->vcpu[0]->info->evtchn_upcall_pending = 1;
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_unmask, port), 0);
	CU_ASSERT_EQUAL(kicks, 0);
	CU_ASSERT_TRUE(a->vcpu[0]->info->evtchn_pending_sel & 1);
	world_down();
}

/* --- somebody else is faster ------------------------------------------------------------------------------------- */

static struct domain *c;		/* a third domain */
static u32 race_port, race_peer;

static void close_it(void)
{
	CU_ASSERT_EQUAL(op_port(EVTCHNOP_close, race_port), 0);
}

/* The port is closed and at once somebody else's: same number, other peer. */
static void give_it_to_c(void)
{
	close_it();
	CU_ASSERT_EQUAL(unbound(c->id), race_port);
	be(c);
	CU_ASSERT_EQUAL(connect_to(a->id, race_port, &race_peer), 0);
	be(a);
}

static bool locked_last(const struct domain *d)
{
	return shim_last_locks[0] == &d->event_lock || shim_last_locks[1] == &d->event_lock;
}

/* Closing looks under one lock, then takes both: lock 0 is the look, 1 the first of the two. */
static void test_close_races(void)
{
	u32 pb;

	for (int again = 0; again < 2; again++) {
		world_up();
		c = make(8);
		race_port = unbound(b->id);
		be(b);
		connect_to(a->id, race_port, &pb);
		be(a);
		shim_meanwhile(1, again ? give_it_to_c : close_it);
		CU_ASSERT_EQUAL(op_port(EVTCHNOP_close, race_port), again ? 0 : -XEN_EINVAL);
		if (again)		/* the peer that it had at the look is of no use */
			CU_ASSERT(locked_last(a) && locked_last(c));
		CU_ASSERT_EQUAL(state_of(a, race_port), EVTCHNSTAT_closed);
		CU_ASSERT_EQUAL(state_of(b, pb), EVTCHNSTAT_unbound);
		if (again)
			CU_ASSERT_EQUAL(state_of(c, race_peer), EVTCHNSTAT_unbound);
		CU_ASSERT_EQUAL(c->refcnt, 1);
		evtchn_free_domain(c);
		shim_domain_free(c);
		world_down();
	}
}

/* --- the debug key ----------------------------------------------------------------------------------------------- */

static void test_dump(void)
{
	u32 pa, pb, timer;
	char line[80];

	world_up();
	pa = unbound(b->id);
	timer = virq(VIRQ_TIMER, 1);
	be(b);
	connect_to(a->id, pa, &pb);
	set_bit(timer, a->shared_info->evtchn_pending);
	set_bit(timer, a->shared_info->evtchn_mask);
	shim_log[0] = 0;
	CU_ASSERT_EQUAL(domain_dump_evtchn(a), 2);
	snprintf(line, sizeof(line), "d0 port %u: interdomain v0 d7 port %u\n", pa, pb);
	CU_ASSERT_PTR_NOT_NULL(strstr(shim_log, line));
	snprintf(line, sizeof(line), "d0 port %u: virq v1 pending masked %u\n", timer, (unsigned int)VIRQ_TIMER);
	CU_ASSERT_PTR_NOT_NULL(strstr(shim_log, line));
	world_down();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "no memory", test_no_memory },
		{ "no port", test_no_port },
		{ "no domain", test_no_domain },
		{ "no vCPU", test_no_vcpu },
		{ "closed after the other half", test_close_after_the_other_half },
		{ "an answer that cannot be delivered", test_answer_lost },
		{ "a vCPU that does not poll", test_not_polling },
		{ "unmask", test_unmask },
		{ "a port changes while it is closed", test_close_races },
		{ "debug key", test_dump },
		CU_TEST_INFO_NULL,
	};

	return suite_run("event channels, edges", tests);
}
