/* SPDX-License-Identifier: MIT */
/*
 * The ways in which a domain stops, seen from outside: by itself, for a reason; by the tools; by its watchdog; by its
 * last vCPU; and how it goes on after a suspend.
 *
 * ABI: SCHEDOP_shutdown stops all vCPUs; getdomaininfo shows the reason, of which the low byte counts. The first code
 * noted before by SCHEDOP_shutdown_code wins. remote_shutdown does the same from dom0. A watchdog that is not set again
 * stops the domain with SHUTDOWN_watchdog. resumedomain lets a stopped domain go on behind its call, any number of
 * times, with events, timers and both vCPUs. Pauses count.
 */
#include "child.h"

#include "public/lite.h"

static struct child c = { .vcpus = 2 };

static long control(unsigned int cmd)
{
	struct xen_domctl op = { .cmd = cmd, .domain = c.id };

	return domctl(&op);
}

static long shutdown_for(unsigned int cmd, unsigned int reason)
{
	struct sched_shutdown s = { .reason = reason };

	return hypercall2(__HYPERVISOR_sched_op, cmd, &s);
}

static void start(void (*fn)(void), u64 word)
{
	child_create(&c, fn);
	c.mail[1] = word;
	child_run(&c);
}

static void end(void)
{
	child_destroy(&c);
	CHECK(!child_exists(&c), "the child is still there");
}

/* --- reasons --- */

static void stops(void)
{
	shutdown_for(SCHEDOP_shutdown, mailbox()[1]);
	mailbox()[2] = 1;
	child_finish();
}

static void notes_and_stops(void)
{
	CHECK_EQ(shutdown_for(SCHEDOP_shutdown_code, SHUTDOWN_crash), 0);
	CHECK_EQ(shutdown_for(SCHEDOP_shutdown_code, SHUTDOWN_reboot), 0);
	if (test_failures())
		child_finish();
	shutdown_for(SCHEDOP_shutdown, SHUTDOWN_poweroff);
}

static void test_reasons(void)
{
	static const unsigned int reasons[] = { 0, 1, 2, 3, 4, 5, 6, 0x77, 0x106 };

	for (unsigned int i = 0; i < ARRAY_SIZE(reasons); i++) {
		unsigned int reason = reasons[i];

		start(stops, reason);
		CHECK(child_stopped(&c, reason & 0xff), "reason %u is not shown", reason);
		spin_ns(2000000);
		CHECK(!c.mail[2], "goes on after a shutdown for reason %u", reason);
		end();
	}
	start(notes_and_stops, 0);
	CHECK(child_stopped(&c, SHUTDOWN_crash), "the reason noted before does not win");
	end();
}

static void goes_down(void)
{
	for (;;)
		hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_down, 0, 0);
}

static void test_last_vcpu(void)
{
	start(goes_down, 0);
	CHECK(child_stopped(&c, SHUTDOWN_poweroff), "without a vCPU it is not off");
	end();
}

/* --- by others --- */

static void counts(void)
{
	for (;;)
		mailbox()[2]++;
}

static long remote(domid_t id, unsigned int reason)
{
	struct sched_remote_shutdown r = { .domain_id = id, .reason = reason };

	return hypercall2(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &r);
}

static bool counting(void)
{
	u64 before = c.mail[2];

	return ap_wait(&c.mail[2], before + 1);
}

static bool standing(void)
{
	u64 before = c.mail[2];

	spin_ns(3000000);
	return c.mail[2] == before;
}

/*
 * A shutdown does not wait for the other vCPUs: each stops at its next interrupt, and on a loaded host that comes when
 * the emulated processor has its turn.
 */
static bool comes_to_rest(unsigned int word)
{
	for (unsigned int i = 0; i < 50; i++) {
		u64 before = c.mail[word];

		spin_ns(3000000);
		if (c.mail[word] == before)
			return true;
	}
	return false;
}

static void test_remote(void)
{
	start(counts, 0);
	CHECK(counting(), "does not run");
	CHECK_EQ(remote(4321, 0), -XEN_ESRCH);
	CHECK(counting(), "does not run after a refused shutdown");
	CHECK_EQ(remote(c.id, SHUTDOWN_suspend), 0);
	CHECK(child_stopped(&c, SHUTDOWN_suspend), "not suspended");
	CHECK(comes_to_rest(2), "runs although it is suspended");
	CHECK_EQ(remote(c.id, SHUTDOWN_crash), 0);		/* has stopped already: the first reason stays */
	CHECK(child_stopped(&c, SHUTDOWN_suspend), "another reason");
	CHECK_EQ(control(XEN_DOMCTL_resumedomain), 0);
	CHECK(counting(), "does not go on");
	CHECK_EQ(control(XEN_DOMCTL_resumedomain), 0);		/* nothing to resume */
	CHECK(counting(), "does not go on");
	end();
}

static void test_pauses(void)
{
	start(counts, 0);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(control(XEN_DOMCTL_pausedomain), 0);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK(standing(), "runs although it is paused %u times", 3 - i);
		CHECK_EQ(control(XEN_DOMCTL_unpausedomain), 0);
	}
	CHECK(counting(), "does not go on after as many unpauses");
	CHECK_EQ(control(XEN_DOMCTL_unpausedomain), -XEN_EINVAL);
	/* A pause on top of a shutdown, and the other way round. */
	CHECK_EQ(control(XEN_DOMCTL_pausedomain), 0);
	CHECK_EQ(remote(c.id, SHUTDOWN_suspend), 0);
	CHECK_EQ(control(XEN_DOMCTL_unpausedomain), 0);
	CHECK(comes_to_rest(2), "runs although it is suspended");
	CHECK_EQ(control(XEN_DOMCTL_resumedomain), 0);
	CHECK(counting(), "does not go on");
	end();
}

/* --- watchdog --- */

static void is_watched(void)
{
	struct sched_watchdog w = { .timeout = 1 };
	long id = hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w);
	u64 until = time_now() + 1100000000;

	CHECK(id > 0, "watchdog: %ld", id);
	w.id = id;
	while (time_now() < until) {			/* set again in time */
		CHECK_EQ(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w), 0);
		nap_ns(100000000);
	}
	mailbox()[3] = 1;
	counts();
}

static void test_watchdog(void)
{
	start(is_watched, 0);
	CHECK(child_wait(&c, 3, 1), "stopped too early");
	CHECK(child_stopped(&c, SHUTDOWN_watchdog), "the watchdog does not bite");
	end();
}

/* --- suspend and resume, seen from inside --- */

static void second_vcpu(void)
{
	for (;;)
		mailbox()[4]++;
}

static void suspends(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER };

	events_init();
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), 0);
	port_unmask(v.port);
	ap_start(second_vcpu);
	for (unsigned int i = 0; i < 5; i++) {
		u64 before = mailbox()[4], due;

		shutdown_for(SCHEDOP_shutdown, SHUTDOWN_suspend);
		mailbox()[2]++;
		CHECK(ap_wait(&mailbox()[4], before + 1), "vCPU 1 does not go on");
		before = port_count[v.port];
		due = time_now() + 2000000;
		CHECK_EQ(hypercall1(__HYPERVISOR_set_timer_op, due), 0);
		events_on();
		while (port_count[v.port] == before && time_now() < due + 1000000000)
			;
		events_off();
		CHECK(port_count[v.port] == before + 1, "the timer does not work any more");
	}
}

static void test_suspend(void)
{
	start(suspends, 0);
	for (unsigned int i = 0; i < 5; i++) {
		CHECK(child_stopped(&c, SHUTDOWN_suspend), "suspend %u", i);
		CHECK(comes_to_rest(4), "vCPU 1 runs although the domain is suspended");
		CHECK_EQ(c.mail[2], i);
		CHECK_EQ(control(XEN_DOMCTL_resumedomain), 0);
		CHECK(child_wait(&c, 2, i + 1), "does not go on after suspend %u", i);
	}
	child_done(&c);
	end();
}

void test_main(void)
{
	u64 before;

	test_reasons();
	before = machine_free_pages();
	test_last_vcpu();
	test_remote();
	test_pauses();
	test_watchdog();
	test_suspend();
	test_reasons();
	CHECK_EQ(machine_free_pages(), before);
}
