/* SPDX-License-Identifier: MIT */
/*
 * One time for all: what one vCPU reads on the clock is never behind what another has read before.
 *
 * ABI: every vCPU has a pvclock of its own (vcpu_info.time); system time is the same on all of them. Two vCPUs hand
 * a time back and forth, each compares it with its own clock, on one processor each, on one together, and while they
 * are moved from processor to processor. A timer that was set on one processor fires on whichever the vCPU is then.
 */
#include "child.h"

#define MS 1000000ul

static volatile u64 turn, last, backwards, worst, handed;
static volatile bool stop;

static u64 now_on(unsigned int vcpu)
{
	return time_read(&shared->vcpu_info[vcpu].time);
}

/* Take the time that the other has left, compare, leave ours. */
static void hand_over(unsigned int vcpu)
{
	u64 t = now_on(vcpu);

	if (t < last) {
		backwards++;
		worst = last - t > worst ? last - t : worst;
	}
	last = t;
	handed++;
	__atomic_store_n(&turn, !vcpu, __ATOMIC_SEQ_CST);
}

static void second_vcpu(void)
{
	while (!stop)
		if (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) == 1)
			hand_over(1);
		else
			hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	ap_park();
}

static void hand_over_for(u64 ns, const char *where)
{
	u64 end = now_on(0) + ns;

	backwards = worst = 0;
	while (now_on(0) < end)
		if (!__atomic_load_n(&turn, __ATOMIC_SEQ_CST))
			hand_over(0);
		else
			hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	CHECK(!backwards, "%s: the clock ran backwards %lu times, by up to %lu ns", where, backwards, worst);
}

static void test_where_they_are(void)
{
	vcpu_pin(0, 0, 1);
	vcpu_pin(0, 1, 2);
	hand_over_for(300 * MS, "on two processors");
	vcpu_pin(0, 1, 1);
	hand_over_for(200 * MS, "on one processor");
	CHECK(handed > 1000, "the time was handed over %lu times only", handed);
}

static void test_moving(void)
{
	u64 before = handed;

	for (unsigned int i = 0; i < 60; i++) {
		vcpu_pin(0, i & 1, 1 << (i >> 1 & 1));
		hand_over_for(10 * MS, "moving");
	}
	CHECK(handed > before + 1000, "moving: the time was handed over %lu times only", handed - before);
	printk("%lu times handed over\n", handed);
}

/* Set on one processor, due on the other. */
static void test_timer_moves(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER };
	u64 best = ~0ul;

	events_init();
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), 0);
	port_unmask(v.port);
	for (unsigned int i = 0; i < 10; i++) {
		struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = now_on(0) + 8 * MS };
		unsigned int before = port_count[v.port];
		u64 at;

		vcpu_pin(0, 0, 1 << (i & 1));
		CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &t), 0);
		vcpu_pin(0, 0, 1 << !(i & 1));
		events_on();
		while (port_count[v.port] == before && now_on(0) < t.timeout_abs_ns + 1000 * MS)
			;
		at = now_on(0);
		events_off();
		CHECK(port_count[v.port] > before, "the timer was lost on the way");
		CHECK(at >= t.timeout_abs_ns, "%lu ns too early", t.timeout_abs_ns - at);
		best = at - t.timeout_abs_ns < best ? at - t.timeout_abs_ns : best;
	}
	CHECK(best < 2 * MS, "never less than %lu us late", best / 1000);
}

void test_main(void)
{
	ap_start(second_vcpu);
	test_where_they_are();
	test_moving();
	stop = true;
	turn = 1;
	vcpu_pin(0, 1, ~0ul);
	test_timer_moves();
}
