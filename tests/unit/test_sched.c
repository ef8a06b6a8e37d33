/* SPDX-License-Identifier: MIT */
/*
 * The scheduler on simulated processors: time jumps from event to event, and on each processor the exit path runs as it
 * does in the hypervisor (timers, kicks, schedule()). Shares by weight and cap, no idle CPU beside work, boost on wake,
 * affinity, blocking, polling, watchdogs, and a random walk with the invariants checked at every step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <CUnit/CUnit.h>
#include <CUnit/Basic.h>
#include <xl/event.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/sched_ops.h>
#include <xl/time.h>
#include <public/sched.h>
#include <public/sysctl.h>

#define MS	1000000LL
#define SEC	(1000 * MS)
#define MAX_V	32

static bool kicked[SHIM_CPUS];
static u32 shut_down_code;
static struct vcpu *world[MAX_V];
static unsigned int nr_world;
static struct domain *doms[MAX_V];
static unsigned int nr_doms;

/* --- what sched.c calls ------------------------------------------------------------------------------------ */

void smp_kick(u32 cpu)
{
	kicked[cpu] = true;
}

void smp_serve(void)
{
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
	if (current != prev || !next->running)
		panic("switch from a vCPU that is not current, or to one that is not marked");
	current = next;
}

void vcpu_runstate_publish(struct vcpu *v)
{
	(void)v;
}

void vcpu_runstate_change(struct vcpu *v, int state, s_time_t when)
{
	v->runstate.time[v->runstate.state] += when - v->runstate.state_entry_time;
	v->runstate.state_entry_time = when;
	v->runstate.state = state;
}

void domain_shutdown(struct domain *d, u32 code)
{
	(void)d;
	shut_down_code = code;
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
	struct vcpu *v = d->vcpu[id];

	return sched_vcpu_init(v) ? NULL : v;
}

/* --- the simulated machine --------------------------------------------------------------------------------- */

static void machine_up(unsigned int cpus)
{
	nr_cpus = cpus;
	shim_now += 1000 * SEC;		/* far from what an earlier test left behind */
	nr_world = nr_doms = 0;
	memset(kicked, 0, sizeof(kicked));
	idle_domain = shim_domain(DOMID_IDLE, cpus);
	for (shim_cpu = 0; shim_cpu < cpus; shim_cpu++) {
		idle_domain->vcpu[shim_cpu]->runstate.state_entry_time = shim_now;
		memset(&this_cpu(runq), 0, sizeof(struct runqueue));
		shim_cpu_info[shim_cpu].hazards = 0;
		sched_init_cpu(shim_cpu);
	}
	shim_cpu = 0;
}

static struct vcpu *add_vcpu(unsigned int weight, unsigned int cap)
{
	struct domain *d = shim_domain(nr_doms + 1, 1);
	struct vcpu *v = d->vcpu[0];

	d->sched_weight = weight;
	d->sched_cap = cap;
	domain_watchdog_init(d);
	timer_setup(&v->poll_timer, NULL, v);
	v->pause_flags = VPF_DOWN;
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = shim_now;
	sched_vcpu_init(v);
	doms[nr_doms++] = d;
	world[nr_world++] = v;
	return v;
}

static struct vcpu *add_running(unsigned int weight, unsigned int cap)
{
	struct vcpu *v = add_vcpu(weight, cap);

	v->pause_flags = 0;
	vcpu_wake(v);
	return v;
}

static unsigned int places(const struct vcpu *v)
{
	unsigned int n = sched_queued(v);

	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		n += shim_cpu_info[cpu].on == v;
	return n;
}

/* A vCPU is in one place at most, and a runnable one that is not parked in just one. */
static bool consistent(void)
{
	for (unsigned int i = 0; i < nr_world; i++) {
		const struct vcpu *v = world[i];

		if (places(v) > 1 || (vcpu_runnable(v) && !v->sched->parked && !places(v)))
			return false;
		if (v->running && shim_cpu_info[v->cpu].on != v)
			return false;
	}
	return true;
}

static void exit_path(u32 cpu)
{
	shim_cpu = cpu;
	if (kicked[cpu]) {
		kicked[cpu] = false;
		sched_kicked();
	}
	shim_run_timers();
	while (cpu_info()->hazards & HAZARD_RESCHED) {
		cpu_info()->hazards = 0;
		schedule();
	}
}

static bool settled(void)
{
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		if (kicked[cpu] || shim_cpu_info[cpu].hazards)
			return false;
	return true;
}

static void settle(void)
{
	do {
		for (u32 cpu = 0; cpu < nr_cpus; cpu++)
			exit_path(cpu);
	} while (!settled());
	shim_cpu = 0;
	shim_check();
}

/* Runs for `span`; each event at its time. */
static void run_for(s_time_t span)
{
	s_time_t end = shim_now + span;

	settle();
	while (shim_next_timer() <= end) {
		shim_now = max(shim_now, shim_next_timer());
		settle();
		if (!consistent()) {
			CU_FAIL("a vCPU is lost or in two places");
			return;
		}
	}
	shim_now = end;
}

static s_time_t ran(struct vcpu *v)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(v, &r);
	return r.time[RUNSTATE_running];
}

static s_time_t idle_time(void)
{
	s_time_t t = 0;

	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		t += sched_cpu_idle_ns(cpu);
	return t;
}

static void machine_down(void)
{
	for (unsigned int i = 0; i < nr_world; i++) {
		world[i]->pause_flags = VPF_DOWN;
		vcpu_sleep_nosync(world[i]);
	}
	settle();
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		timer_stop(&per_cpu(runq, cpu).tick);
	for (unsigned int i = 0; i < nr_doms; i++) {
		sched_vcpu_destroy(doms[i]->vcpu[0]);
		timer_stop(&doms[i]->vcpu[0]->poll_timer);
		for (unsigned int w = 0; w < NR_WATCHDOGS; w++)
			timer_stop(&doms[i]->watchdog[w]);
		shim_domain_free(doms[i]);
	}
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		sched_vcpu_destroy(idle_domain->vcpu[cpu]);
	shim_domain_free(idle_domain);
	shim_check();
}

#define ABOUT(val, want, percent) \
	CU_ASSERT(100 * llabs((long long)(val) - (long long)(want)) <= (percent) * (long long)(want))

/* --- shares --------------------------------------------------------------------------------------------------- */

static void test_equal(void)
{
	struct vcpu *v[3];

	machine_up(1);
	for (int i = 0; i < 3; i++)
		v[i] = add_running(256, 0);
	run_for(12 * SEC);
	for (int i = 0; i < 3; i++)
		ABOUT(ran(v[i]), 4 * SEC, 3);
	machine_down();
}

static void test_weights(void)
{
	struct vcpu *heavy, *light;

	machine_up(1);
	heavy = add_running(512, 0);
	light = add_running(256, 0);
	run_for(30 * SEC);
	ABOUT(ran(heavy), 20 * SEC, 5);
	ABOUT(ran(light), 10 * SEC, 8);
	machine_down();
}

static void test_cap(void)
{
	struct vcpu *capped, *other;

	machine_up(1);
	capped = add_running(256, 25);
	run_for(20 * SEC);
	ABOUT(ran(capped), 5 * SEC, 8);		/* even alone */
	other = add_running(256, 0);
	run_for(20 * SEC);
	ABOUT(ran(capped), 10 * SEC, 8);
	ABOUT(ran(other), 15 * SEC, 8);
	machine_down();
}

/* Three that want to run on two CPUs: no CPU idles, and in the long run each gets the same. */
static void test_work_conserving(void)
{
	struct vcpu *v[3];
	s_time_t idle;

	machine_up(2);
	for (int i = 0; i < 3; i++)
		v[i] = add_running(256, 0);
	settle();
	idle = idle_time();
	run_for(30 * SEC);
	CU_ASSERT_EQUAL(idle_time() - idle, 0);
	for (int i = 0; i < 3; i++)
		ABOUT(ran(v[i]), 20 * SEC, 6);
	machine_down();
}

/* Whoever does not use its share leaves it to the others. */
static void test_rest_is_shared(void)
{
	struct vcpu *busy, *asleep;

	machine_up(1);
	busy = add_running(256, 0);
	asleep = add_vcpu(4096, 0);
	run_for(10 * SEC);
	ABOUT(ran(busy), 10 * SEC, 1);
	CU_ASSERT_EQUAL(ran(asleep), 0);
	machine_down();
}

static void block(struct vcpu *v)
{
	v->pause_flags |= VPF_BLOCKED;
	vcpu_sleep_nosync(v);
}

/* Wakes every 10 ms for 1 ms beside two that never stop: it comes at once each time. */
static void test_boost(void)
{
	struct vcpu *v;
	s_time_t before, late = 0;

	machine_up(1);
	add_running(256, 0);
	add_running(256, 0);
	v = add_vcpu(256, 0);
	v->pause_flags = VPF_BLOCKED;
	run_for(1 * SEC);
	for (int i = 0; i < 500; i++) {
		before = ran(v);
		vcpu_unblock(v);
		run_for(MS);
		late += MS - (ran(v) - before);
		block(v);
		run_for(9 * MS);
	}
	CU_ASSERT(late < 500 * MS / 20);
	machine_down();
}

/* --- places ---------------------------------------------------------------------------------------------------- */

static void test_affinity(void)
{
	unsigned long only1[BITS_TO_LONGS(NR_CPUS)] = { 2 }, only0[BITS_TO_LONGS(NR_CPUS)] = { 1 };
	struct vcpu *pinned;

	machine_up(2);
	add_running(256, 0);
	pinned = add_running(256, 0);
	add_running(256, 0);
	vcpu_set_affinity(pinned, only1, NULL);
	settle();
	for (int i = 0; i < 300; i++) {
		run_for(10 * MS);
		CU_ASSERT(shim_cpu_info[0].on != pinned);
	}
	CU_ASSERT(ran(pinned) > SEC);
	vcpu_set_affinity(pinned, only0, NULL);		/* while it runs or waits */
	settle();
	for (int i = 0; i < 300; i++) {
		run_for(10 * MS);
		CU_ASSERT(shim_cpu_info[1].on != pinned);
	}
	CU_ASSERT(ran(pinned) > 2 * SEC);
	machine_down();
}

/* Pinned to a busy CPU it waits; the free CPU does not take it. */
static void test_affinity_wins(void)
{
	unsigned long only0[BITS_TO_LONGS(NR_CPUS)] = { 1 };
	struct vcpu *a, *b;

	machine_up(2);
	a = add_vcpu(256, 0);
	b = add_vcpu(256, 0);
	vcpu_set_affinity(a, only0, NULL);
	vcpu_set_affinity(b, only0, NULL);
	a->pause_flags = b->pause_flags = 0;
	vcpu_wake(a);
	vcpu_wake(b);
	run_for(10 * SEC);
	ABOUT(ran(a), 5 * SEC, 3);
	ABOUT(ran(b), 5 * SEC, 3);
	machine_down();
}

/* --- states ---------------------------------------------------------------------------------------------------- */

static void test_pause(void)
{
	struct vcpu *v;
	s_time_t before;

	machine_up(1);
	v = add_running(256, 0);
	run_for(SEC);
	before = ran(v);
	v->domain->pause_count = 1;
	vcpu_sleep_nosync(v);
	settle();
	run_for(SEC);
	CU_ASSERT_EQUAL(ran(v), before);
	CU_ASSERT_FALSE(v->running);
	CU_ASSERT_EQUAL(v->runstate.state, RUNSTATE_offline);
	v->domain->pause_count = 0;
	vcpu_wake(v);
	run_for(SEC);
	ABOUT(ran(v) - before, SEC, 1);
	machine_down();
}

static void test_block(void)
{
	struct vcpu *v;

	machine_up(1);
	v = add_running(256, 0);
	settle();
	v->info->evtchn_upcall_mask = 1;
	v->info->evtchn_upcall_pending = 1;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_block, NULL), 0);	/* an event waits: no sleep */
	CU_ASSERT_EQUAL(v->info->evtchn_upcall_mask, 0);
	settle();
	CU_ASSERT_PTR_EQUAL(current, v);
	v->info->evtchn_upcall_pending = 0;
	do_sched_op(SCHEDOP_block, NULL);
	settle();
	CU_ASSERT_PTR_EQUAL(current, idle_domain->vcpu[0]);
	CU_ASSERT_EQUAL(v->runstate.state, RUNSTATE_blocked);
	vcpu_unblock(v);
	settle();
	CU_ASSERT_PTR_EQUAL(current, v);
	machine_down();
}

static void test_poll(void)
{
	evtchn_port_t ports[2] = { 5, 70 };
	struct sched_poll p = { .ports = { ports }, .nr_ports = 1 };
	struct vcpu *v;

	machine_up(1);
	v = add_running(256, 0);
	settle();
	set_bit(5, v->domain->shared_info->evtchn_pending);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, &p), 0);
	settle();
	CU_ASSERT_PTR_EQUAL(current, v);
	CU_ASSERT_FALSE(test_bit(0, v->domain->poll_mask));
	clear_bit(5, v->domain->shared_info->evtchn_pending);
	do_sched_op(SCHEDOP_poll, &p);
	settle();
	CU_ASSERT(current != v);
	CU_ASSERT_EQUAL(v->poll_port, 5);
	vcpu_unblock(v);
	settle();
	CU_ASSERT_PTR_EQUAL(current, v);
	CU_ASSERT_FALSE(test_bit(0, v->domain->poll_mask));
	p.nr_ports = 129;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, &p), -XEN_EINVAL);
	p.nr_ports = 2;
	ports[1] = NR_EVENT_CHANNELS;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, &p), -XEN_EINVAL);
	CU_ASSERT_FALSE(v->pause_flags & VPF_POLL);
	machine_down();
}

static void test_yield(void)
{
	struct vcpu *a, *b;

	machine_up(1);
	a = add_running(256, 0);
	b = add_running(256, 0);
	settle();
	for (int i = 0; i < 10; i++) {
		struct vcpu *was = current;

		do_sched_op(SCHEDOP_yield, NULL);
		settle();
		CU_ASSERT_PTR_EQUAL(current, was == a ? b : a);
	}
	machine_down();
}

static void test_watchdog(void)
{
	struct sched_watchdog w = { .timeout = 2 };
	long id;

	machine_up(1);
	add_running(256, 0);
	settle();
	id = do_sched_op(SCHEDOP_watchdog, &w);
	CU_ASSERT_EQUAL(id, 1);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, &w), 2);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, &w), -XEN_ENOSPC);
	w = (struct sched_watchdog){ .id = 2 };
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, &w), 0);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, &w), -XEN_EINVAL);
	w = (struct sched_watchdog){ .id = 1, .timeout = 5 };
	shut_down_code = 99;
	run_for(SEC);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, &w), 0);
	run_for(4 * SEC);
	CU_ASSERT_EQUAL(shut_down_code, 99);
	run_for(2 * SEC);
	CU_ASSERT_EQUAL(shut_down_code, SHUTDOWN_watchdog);
	machine_down();
}

static void test_parameters(void)
{
	struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT, .cmd = XEN_DOMCTL_SCHEDOP_putinfo };
	struct xen_sysctl_scheduler_op sys = { .sched_id = XEN_SCHEDULER_CREDIT, .cmd = XEN_SYSCTL_SCHEDOP_putinfo };
	struct vcpu *v;

	machine_up(1);
	v = add_vcpu(256, 0);
	op.u.credit.weight = 100;
	op.u.credit.cap = 0xffff;
	CU_ASSERT_EQUAL(sched_domctl(v->domain, &op), 0);
	CU_ASSERT_EQUAL(v->domain->sched_weight, 100);
	CU_ASSERT_EQUAL(v->domain->sched_cap, 0);
	op.u.credit.cap = 101;
	CU_ASSERT_EQUAL(sched_domctl(v->domain, &op), -XEN_EINVAL);
	op.sched_id = XEN_SCHEDULER_CREDIT2;
	CU_ASSERT_EQUAL(sched_domctl(v->domain, &op), -XEN_EINVAL);
	sys.u.sched_credit.tslice_ms = 0;
	CU_ASSERT_EQUAL(sched_sysctl(&sys), -XEN_EINVAL);
	sys.u.sched_credit.tslice_ms = 20;
	CU_ASSERT_EQUAL(sched_sysctl(&sys), 0);
	CU_ASSERT_EQUAL(sched_slice_ms, 20);
	sched_slice_ms = 30;
	machine_down();
}

/* --- anything, for a while --------------------------------------------------------------------------------------- */

static void random_step(void)
{
	struct vcpu *v = world[rand() % nr_world];
	unsigned long mask[BITS_TO_LONGS(NR_CPUS)] = { 1 + rand() % ((1UL << nr_cpus) - 1) };

	shim_cpu = rand() % nr_cpus;
	switch (rand() % 8) {
	case 0:
		block(v);
		break;
	case 1:
		vcpu_unblock(v);
		break;
	case 2:
		v->domain->pause_count++;
		vcpu_sleep_nosync(v);
		break;
	case 3:
		if (v->domain->pause_count && !--v->domain->pause_count)
			vcpu_wake(v);
		break;
	case 4:
		vcpu_set_affinity(v, mask, rand() % 2 ? mask : NULL);
		break;
	case 5:
		v->domain->sched_cap = rand() % 2 ? rand() % 100 : 0;
		break;
	case 6:
		if (!is_idle_vcpu(current))
			do_sched_op(rand() % 2 ? SCHEDOP_yield : SCHEDOP_block, NULL);
		break;
	default:
		shim_now += rand() % (3 * MS);
	}
}

static void test_random(void)
{
	bool ok = true;

	srand(2);
	for (unsigned int cpus = 1; cpus <= 4; cpus++) {
		machine_up(cpus);
		for (int i = 0; i < 7; i++)
			add_running(256 + 64 * i, 0);
		for (int i = 0; ok && i < 30000; i++) {
			random_step();
			if (rand() % 4)
				exit_path(rand() % cpus);
			else
				settle();
			shim_check();
			ok = consistent();
		}
		CU_ASSERT_TRUE(ok);
		for (unsigned int i = 0; i < nr_world; i++) {
			struct vcpu *v = world[i];

			v->domain->pause_count = 0;
			v->domain->sched_cap = 0;
			memset(v->hard_affinity, 0xff, sizeof(v->hard_affinity));
			v->pause_flags = 0;
			vcpu_wake(v);
		}
		run_for(SEC);
		for (u32 cpu = 0; cpu < nr_cpus; cpu++)
			CU_ASSERT(shim_cpu_info[cpu].on != idle_domain->vcpu[cpu]);
		machine_down();
	}
}

int main(void)
{
	CU_pSuite s;
	unsigned int failed;

	CU_initialize_registry();
	s = CU_add_suite("scheduler", NULL, NULL);
	CU_add_test(s, "equal shares", test_equal);
	CU_add_test(s, "weights", test_weights);
	CU_add_test(s, "cap", test_cap);
	CU_add_test(s, "no idle CPU beside work", test_work_conserving);
	CU_add_test(s, "what is left over", test_rest_is_shared);
	CU_add_test(s, "boost on wake", test_boost);
	CU_add_test(s, "affinity", test_affinity);
	CU_add_test(s, "affinity before idleness", test_affinity_wins);
	CU_add_test(s, "pause", test_pause);
	CU_add_test(s, "block", test_block);
	CU_add_test(s, "poll", test_poll);
	CU_add_test(s, "yield", test_yield);
	CU_add_test(s, "watchdog", test_watchdog);
	CU_add_test(s, "parameters", test_parameters);
	CU_add_test(s, "random walk", test_random);
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
