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

static volatile bool move_vcpu0;

static void mover(void)
{
	for (unsigned int i = 0; move_vcpu0; i++) {
		vcpu_pin(0, 0, 1 << (i & 1));
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	}
}

static void second_vcpu(void)
{
	while (!stop)
		if (move_vcpu0)
			mover();
		else if (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) == 1)
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
	hand_over_for(200 * MS, "on two processors");
	vcpu_pin(0, 1, 1);
	hand_over_for(100 * MS, "on one processor");
	CHECK(handed > 50, "the time was handed over %lu times only", handed);
}

static void test_moving(void)
{
	u64 before = handed;

	for (unsigned int i = 0; i < 40; i++) {
		vcpu_pin(0, i & 1, 1 << (i >> 1 & 1));
		hand_over_for(10 * MS, "moving");
	}
	CHECK(handed > before + 50, "moving: the time was handed over %lu times only", handed - before);
	printk("%lu times handed over\n", handed);
}

/* --- the copy of the clock that a guest has asked for is right as well, also when it moved while a program ran --- */

static void test_copy(void)
{
	/* mov $2000000, %ecx; 1: dec %ecx; jnz 1b; syscall */
	static const u8 code[] = { 0xb9, 0x80, 0x84, 0x1e, 0x00, 0xff, 0xc9, 0x75, 0xfc, 0x0f, 0x05 };
	static struct vcpu_time_info copy __attribute__((aligned(64)));
	struct vcpu_register_time_memory_area area;

	area.addr.p = (uint64_t)&copy;
	CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, &area), 0);
	user_space_init(code, sizeof(code));
	for (unsigned int i = 0; i < 10; i++) {
		struct regs r;

		move_vcpu0 = true;
		user_regs_init(&r);
		user_run(&r);
		CHECK_EQ(trap.vector, VEC_SYSCALL);
		move_vcpu0 = false;
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		CHECK(copy.tsc_timestamp == vcpu_info()->time.tsc_timestamp && !(copy.version & 1),
		      "the copy begins at %lu, the clock at %lu", copy.tsc_timestamp, vcpu_info()->time.tsc_timestamp);
	}
}

/* Set on one processor, due on the other. */
static void test_timer_moves(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER };
	u64 best = ~0ul;

	events_init();
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), 0);
	port_unmask(v.port);
	for (unsigned int i = 0; i < 10 || (best >= 2 * MS && i < 100); i++) {
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
	test_copy();
	stop = true;
	turn = 1;
	vcpu_pin(0, 1, ~0ul);
	test_timer_moves();
}
