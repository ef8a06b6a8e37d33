/* SPDX-License-Identifier: MIT */
/*
 * Time: the pvclock in vcpu_info, the single-shot and periodic timers, VIRQ_TIMER.
 *
 * ABI: system time is ns since the hypervisor's boot and never runs backwards on a vCPU. set_singleshot_timer takes
 * an absolute time; VIRQ_TIMER goes pending once it is over, not before; a time that is over already fires at once,
 * or, with VCPU_SSHOTTMR_future, is -ETIME. set_periodic_timer fires each period, at least 1 ms. A vCPU cannot
 * set another's single-shot timer.
 */
#include "guest.h"

#define MS 1000000ul

static unsigned int timer_port;

static long vcpu_op(unsigned int cmd, unsigned int vcpu, void *arg)
{
	return hypercall3(__HYPERVISOR_vcpu_op, cmd, vcpu, arg);
}

static long singleshot(u64 when, u32 flags)
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = when, .flags = flags };

	return vcpu_op(VCPUOP_set_singleshot_timer, 0, &t);
}

static void test_clock(void)
{
	u64 last = time_now(), start = last, calls = 0;

	while (last < start + 20 * MS) {
		u64 t = time_now();

		if (t < last) {
			CHECK(false, "time ran backwards from %lu to %lu ns", last, t);
			return;
		}
		last = t;
		calls++;
	}
	CHECK(calls > 100, "only %lu readings in 20 ms", calls);
	CHECK_EQ(vcpu_info()->time.version & 1, 0);
}

/* Wait asleep for the timer; returns how much later than `when` it woke us, in ns. */
static long wait_for(u64 when)
{
	unsigned int before = port_count[timer_port];

	CHECK_EQ(singleshot(when, 0), 0);
	while (port_count[timer_port] == before) {
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
		events_off();
	}
	return time_now() - when;
}

static void test_accuracy(void)
{
	static const u64 delays[] = { 1 * MS, 3 * MS, 10 * MS, 30 * MS };
	long best = 1000 * MS;

	for (unsigned int i = 0; i < ARRAY_SIZE(delays); i++)
		for (int round = 0; round < 4 || (best >= (long)(2 * MS) && round < 20); round++) {
			long late = wait_for(time_now() + delays[i]);

			CHECK(late >= 0, "woken %ld ns too early", -late);
			best = late < best ? late : best;
		}
	/* The best of many: the machine under test may share its processor. */
	CHECK(best < (long)(2 * MS), "never less than %ld ns late", best);
}

/* Fires at once: on a loaded host that may take a while. */
static void expect_fired(unsigned int count)
{
	u64 end = time_now() + 1000 * MS;

	events_on();
	while (port_count[timer_port] < count && time_now() < end)
		asm volatile("pause");
	spin_ns(MS);
	events_off();
	CHECK_EQ(port_count[timer_port], count);
}

static void test_past(void)
{
	static const u64 long_ago[] = { 0, 1, 1ul << 63, ~0ul };
	unsigned int before = port_count[timer_port];

	CHECK_EQ(singleshot(time_now() - 5 * MS, VCPU_SSHOTTMR_future), -XEN_ETIME);
	CHECK_EQ(singleshot(0, VCPU_SSHOTTMR_future), -XEN_ETIME);
	spin_ns(5 * MS);
	expect_fired(before);
	CHECK_EQ(singleshot(time_now() - 5 * MS, 0), 0);
	expect_fired(before + 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(long_ago); i++) {
		CHECK_EQ(singleshot(long_ago[i], 0), 0);
		expect_fired(before + 2 + i);
	}
	CHECK_EQ(singleshot(time_now() + 3 * MS, VCPU_SSHOTTMR_future), 0);
	expect_fired(before + 2 + ARRAY_SIZE(long_ago));
}

static void test_stop(void)
{
	unsigned int before = port_count[timer_port];

	CHECK_EQ(singleshot(time_now() + 10 * MS, 0), 0);
	CHECK_EQ(vcpu_op(VCPUOP_stop_singleshot_timer, 0, 0), 0);
	events_on();
	spin_ns(20 * MS);
	events_off();
	CHECK_EQ(port_count[timer_port], before);
	CHECK_EQ(singleshot(time_now() + 50 * MS, 0), 0);	/* replaced by the next */
	CHECK_EQ(singleshot(time_now() + 5 * MS, 0), 0);
	events_on();
	spin_ns(80 * MS);
	events_off();
	CHECK_EQ(port_count[timer_port], before + 1);
}

static void test_periodic(void)
{
	struct vcpu_set_periodic_timer p = { .period_ns = 5 * MS };
	unsigned int before = port_count[timer_port], got;
	u64 start = time_now();

	CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, &p), 0);
	events_on();
	while (port_count[timer_port] < before + 10 && time_now() < start + 1000 * MS)
		asm volatile("pause");
	CHECK_EQ(vcpu_op(VCPUOP_stop_periodic_timer, 0, 0), 0);
	got = port_count[timer_port];
	CHECK(time_now() - start >= 45 * MS, "10 periods of 5 ms took %lu us", (time_now() - start) / 1000);
	CHECK(got >= before + 10, "only %u ticks in 1 s", got - before);
	spin_ns(20 * MS);
	events_off();
	CHECK(port_count[timer_port] <= got + 1, "ticks go on after stop");
	p.period_ns = 1000;
	CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, &p), -XEN_EINVAL);
}

static void test_set_timer_op(void)
{
	unsigned int before = port_count[timer_port];

	CHECK_EQ(hypercall1(__HYPERVISOR_set_timer_op, time_now() + 3 * MS), 0);
	events_on();
	spin_ns(15 * MS);
	events_off();
	CHECK_EQ(port_count[timer_port], before + 1);
	CHECK_EQ(hypercall1(__HYPERVISOR_set_timer_op, 0), 0);
}

static void test_errors(void)
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = time_now() + MS };

	CHECK(vcpu_op(VCPUOP_set_singleshot_timer, 1, &t) < 0, "set another vCPU's timer");
	CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 77, &t), -XEN_ENOENT);
	CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 0, (void *)0x10), -XEN_EFAULT);
}

void test_main(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER, .vcpu = 0 };

	events_init();
	if (evtchn_op(EVTCHNOP_bind_virq, &v))
		test_die("cannot bind VIRQ_TIMER");
	timer_port = v.port;
	port_unmask(timer_port);
	/* Domains may be born with a periodic timer. */
	CHECK_EQ(vcpu_op(VCPUOP_stop_periodic_timer, 0, 0), 0);
	events_on();
	events_off();
	test_clock();
	test_accuracy();
	test_past();
	test_stop();
	test_periodic();
	test_set_timer_op();
	test_errors();
}
