/* SPDX-License-Identifier: MIT */
/*
 * sched_op: yield, block, poll, and the watchdog's arguments.
 *
 * ABI: block clears evtchn_upcall_mask and sleeps unless an event is pending; the upcall is taken before the call
 * returns to its caller. poll sleeps until one of the ports is pending or the absolute time is over, whatever the
 * mask, and takes no upcall while events are off; at most 128 ports. All return 0.
 */
#include "guest.h"

#define MS 1000000ul

static unsigned int timer_port;

static long sched_op(unsigned int cmd, void *arg)
{
	return hypercall2(__HYPERVISOR_sched_op, cmd, arg);
}

static void timer_in(u64 ns)
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = time_now() + ns };

	CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &t), 0);
}

static long poll(evtchn_port_t *ports, unsigned int n, u64 timeout)
{
	struct sched_poll p = { .nr_ports = n, .timeout = timeout };

	set_xen_guest_handle(p.ports, ports);
	return sched_op(SCHEDOP_poll, &p);
}

static void test_yield(void)
{
	for (int i = 0; i < 100; i++)
		CHECK_EQ(sched_op(SCHEDOP_yield, 0), 0);
}

static void test_block(void)
{
	unsigned int before = upcalls;
	u64 start = time_now();

	events_off();
	timer_in(10 * MS);
	CHECK_EQ(sched_op(SCHEDOP_block, 0), 0);
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 0);
	CHECK_EQ(upcalls, before + 1);
	CHECK(time_now() - start >= 10 * MS, "woken after %lu us", (time_now() - start) / 1000);
	events_off();
}

/* An event that came before the block must not be slept over. */
static void test_block_with_pending(void)
{
	struct evtchn_send s = { .port = ipi_bind(0) };
	u64 start = time_now();

	port_unmask(s.port);
	events_off();
	evtchn_op(EVTCHNOP_send, &s);
	timer_in(500 * MS);
	CHECK_EQ(sched_op(SCHEDOP_block, 0), 0);
	events_off();
	CHECK(time_now() - start < 400 * MS, "slept over a pending event");
	CHECK_EQ(port_count[s.port], 1);
	port_mask(s.port);
	timer_in(1);
	spin_ns(MS);
	events_on();
	events_off();
}

static void test_poll(void)
{
	evtchn_port_t port = timer_port;
	unsigned int before = upcalls;
	u64 start = time_now();

	events_off();
	port_clear(port);
	timer_in(10 * MS);
	CHECK_EQ(poll(&port, 1, 0), 0);
	CHECK(time_now() - start >= 10 * MS, "poll came back after %lu us", (time_now() - start) / 1000);
	CHECK(port_pending(port), "poll came back without the event");
	CHECK_EQ(upcalls, before);
	CHECK_EQ(poll(&port, 1, 0), 0);		/* pending already: no sleep */
	events_on();
	events_off();
}

static void test_poll_timeout(void)
{
	evtchn_port_t port = ipi_bind(0);
	u64 start = time_now();

	CHECK_EQ(poll(&port, 1, start + 10 * MS), 0);
	CHECK(time_now() - start >= 10 * MS, "poll came back after %lu us", (time_now() - start) / 1000);
	CHECK(time_now() - start < 500 * MS, "poll came back after %lu us", (time_now() - start) / 1000);
	start = time_now();
	CHECK_EQ(poll(&port, 1, start - 1), 0);
	CHECK(time_now() - start < 100 * MS, "a poll until a time that is over took %lu us",
	      (time_now() - start) / 1000);
}

/* The time limit of a poll that is over must not end the next block. */
static void test_poll_limit_is_forgotten(void)
{
	evtchn_port_t port = timer_port;
	u64 start = time_now();

	events_off();
	port_clear(port);
	timer_in(5 * MS);
	CHECK_EQ(poll(&port, 1, start + 30 * MS), 0);
	events_on();
	events_off();
	start = time_now();
	timer_in(100 * MS);
	CHECK_EQ(sched_op(SCHEDOP_block, 0), 0);
	CHECK(time_now() - start >= 100 * MS, "block came back after %lu us", (time_now() - start) / 1000);
	events_off();
}

static void test_errors(void)
{
	evtchn_port_t bad[2] = { timer_port, 1 << 20 };
	struct sched_watchdog w = { .id = 77, .timeout = 1 };

	CHECK_EQ(poll(bad, 2, time_now() + MS), -XEN_EINVAL);
	CHECK_EQ(poll(bad, 129, time_now() + MS), -XEN_EINVAL);
	CHECK_EQ(poll((void *)0xffff830000000000, 1, time_now() + MS), -XEN_EFAULT);
	CHECK_EQ(sched_op(SCHEDOP_poll, (void *)0x10), -XEN_EFAULT);
	CHECK_EQ(sched_op(77, 0), -XEN_ENOSYS);
	CHECK(sched_op(SCHEDOP_watchdog, &w) < 0, "a watchdog that does not exist was set");
}

void test_main(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER, .vcpu = 0 };

	events_init();
	if (evtchn_op(EVTCHNOP_bind_virq, &v))
		test_die("cannot bind VIRQ_TIMER");
	timer_port = v.port;
	hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
	port_clear(timer_port);
	port_unmask(timer_port);
	test_yield();
	test_block();
	test_block_with_pending();
	test_poll();
	test_poll_timeout();
	test_poll_limit_is_forgotten();
	test_errors();
}
