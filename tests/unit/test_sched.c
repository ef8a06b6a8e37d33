/* SPDX-License-Identifier: MIT */
/*
 * The scheduler on simulated processors: time jumps from event to event, and on each processor the exit path runs as it
 * does in the hypervisor (timers, kicks, schedule()). Shares by weight and cap, no idle CPU beside work, boost on wake,
 * affinity, blocking, polling, watchdogs, and a random walk with the invariants checked at every step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xl/event.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/sched_ops.h>
#include <xl/time.h>
#include <public/sched.h>
#include <public/sysctl.h>

#include "suite.h"

#define MS	1000000LL
#define SEC	(1000 * MS)
#define MAX_V	64

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
	sched_ratelimit_us = 0;
	shim_now += 1000 * SEC;		/* far from what an earlier test left behind */
	nr_world = nr_doms = 0;
	memset(kicked, 0, sizeof(kicked));
	idle_domain = shim_domain(DOMID_IDLE, cpus);
	memset(cpu_online_map, 0, NR_CPUS / 8);
	for (shim_cpu = 0; shim_cpu < cpus; shim_cpu++) {
		set_bit(shim_cpu, cpu_online_map);
		idle_domain->vcpu[shim_cpu]->runstate.state_entry_time = shim_now;
		memset(&this_cpu(runq), 0, sizeof(struct runqueue));
		shim_cpu_info[shim_cpu].hazards = 0;
		sched_init_cpu(shim_cpu);
	}
	shim_cpu = 0;
}

static struct domain *add_domain(unsigned int vcpus, unsigned int weight, unsigned int cap)
{
	struct domain *d = shim_domain(nr_doms + 1, vcpus);

	d->sched_weight = weight;
	d->sched_cap = cap;
	domain_watchdog_init(d);
	doms[nr_doms++] = d;
	for (unsigned int i = 0; i < vcpus; i++) {
		struct vcpu *v = d->vcpu[i];

		timer_setup(&v->poll_timer, NULL, v);
		v->pause_flags = VPF_DOWN;
		v->runstate.state = RUNSTATE_offline;
		v->runstate.state_entry_time = shim_now;
		sched_vcpu_init(v);
		world[nr_world++] = v;
	}
	return d;
}

static struct vcpu *add_vcpu(unsigned int weight, unsigned int cap)
{
	return add_domain(1, weight, cap)->vcpu[0];
}

static void start(struct vcpu *v)
{
	v->pause_flags = 0;
	vcpu_wake(v);
}

static struct vcpu *add_running(unsigned int weight, unsigned int cap)
{
	struct vcpu *v = add_vcpu(weight, cap);

	start(v);
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

/* When all CPUs have done what they were asked to: nobody runs where it may not, and no CPU idles beside work. */
static bool well_placed(void)
{
	for (unsigned int i = 0; i < nr_world; i++) {
		const struct vcpu *v = world[i];

		for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
			const struct vcpu *on = shim_cpu_info[cpu].on;

			if (on == v && !test_bit(cpu, v->hard_affinity))
				return false;
			if (is_idle_vcpu(on) && sched_queued(v) && test_bit(cpu, v->hard_affinity))
				return false;
		}
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
	if (!well_placed())
		CU_FAIL("a vCPU runs where it may not, or a CPU idles beside work");
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
			break;
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
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		timer_stop(&per_cpu(runq, cpu).tick);
		timer_stop(&per_cpu(runq, cpu).hold);
	}
	for (unsigned int i = 0; i < nr_world; i++) {
		sched_vcpu_destroy(world[i]);
		timer_stop(&world[i]->poll_timer);
	}
	for (unsigned int i = 0; i < nr_doms; i++) {
		for (unsigned int w = 0; w < NR_WATCHDOGS; w++)
			timer_stop(&doms[i]->watchdog[w]);
		shim_domain_free(doms[i]);
	}
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		sched_vcpu_destroy(idle_domain->vcpu[cpu]);
	shim_domain_free(idle_domain);
	shim_check();
}

static void block(struct vcpu *v)
{
	v->pause_flags |= VPF_BLOCKED;
	vcpu_sleep_nosync(v);
}

#define ABOUT(val, want, percent) \
	CU_ASSERT(100 * llabs((long long)(val) - (long long)(want)) <= (percent) * (long long)(want))

static const unsigned long cpu0[BITS_TO_LONGS(NR_CPUS)] = { 1 }, cpu1[BITS_TO_LONGS(NR_CPUS)] = { 2 };

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

/* --- the figures of docs/scheduler.md: 30 s, 2 % --------------------------------------------------------------- */

#define SPAN	(30 * SEC)

/* `n` busy vCPUs, each a domain of its own; none of these weights asks for more than one CPU. */
static void expect_shares(unsigned int cpus, unsigned int n, const unsigned int *weights)
{
	struct vcpu *v[8];
	s_time_t idle, want;
	unsigned int sum = 0;

	machine_up(cpus);
	for (unsigned int i = 0; i < n; i++) {
		v[i] = add_running(weights[i], 0);
		sum += weights[i];
	}
	settle();
	idle = idle_time();
	run_for(SPAN);
	CU_ASSERT_EQUAL(idle_time(), idle);
	for (unsigned int i = 0; i < n; i++) {
		want = SPAN * cpus * weights[i] / sum;
		if (100 * llabs(ran(v[i]) - want) > 2 * want)
			printf("\n    %u CPUs, %u vCPUs: weight %u of %u ran %.3f s, not %.3f ", cpus, n, weights[i], sum,
			       ran(v[i]) / 1e9, want / 1e9);
		ABOUT(ran(v[i]), want, 2);
	}
	machine_down();
}

static void test_share_figures(void)
{
	static const unsigned int equal[8] = { 256, 256, 256, 256, 256, 256, 256, 256 };
	static const unsigned int steps[8] = { 128, 256, 384, 512, 640, 768, 896, 1024 };
	static const unsigned int halves[8] = { 512, 256, 512, 256, 512, 256, 512, 256 };
	static const unsigned int tenfold[8] = { 100, 1000, 100, 1000, 1000, 100, 1000, 100 };
	static const unsigned int *const all[] = { equal, steps, halves, tenfold };

	for (unsigned int w = 0; w < ARRAY_SIZE(all); w++) {
		for (unsigned int n = 2; n <= 8; n *= 2)
			expect_shares(1, n, all[w]);
		expect_shares(2, 8, all[w]);
		expect_shares(4, 8, equal);
	}
	expect_shares(2, 4, equal);
	expect_shares(2, 4, halves);
	expect_shares(2, 4, steps);
	expect_shares(3, 8, halves);
	expect_shares(3, 8, steps);
	expect_shares(4, 8, halves);
}

/* A share of one domain's: what all its vCPUs ran. */
static s_time_t domain_ran(const struct domain *d)
{
	s_time_t t = 0;

	for (unsigned int i = 0; i < d->max_vcpus; i++)
		t += ran(d->vcpu[i]);
	return t;
}

/* A domain's weight is for all of its vCPUs together: the second one brings it no more. */
static void test_share_of_domain(void)
{
	struct domain *one, *four;

	machine_up(1);
	one = add_domain(3, 256, 0);		/* of which one sleeps and one is not made yet */
	sched_vcpu_destroy(one->vcpu[2]);
	free(one->vcpu[2]);
	one->vcpu[2] = NULL;
	nr_world--;
	four = add_domain(4, 256, 0);
	start(one->vcpu[0]);
	for (unsigned int i = 0; i < 4; i++)
		start(four->vcpu[i]);
	run_for(SPAN);
	ABOUT(ran(one->vcpu[0]), SPAN / 2, 2);
	ABOUT(domain_ran(four), SPAN / 2, 2);
	for (unsigned int i = 0; i < 4; i++)
		ABOUT(ran(four->vcpu[i]), SPAN / 8, 2);
	machine_down();
}

/* Runs for `span` while v works for 1 ms in every 20. */
static void run_beside_sleeper(s_time_t span, struct vcpu *v)
{
	for (s_time_t end = shim_now + span; shim_now < end;) {
		vcpu_unblock(v);
		run_for(MS);
		block(v);
		run_for(19 * MS);
	}
}

/* Somebody who hardly works, whatever its weight, does not disturb the shares of those who do. */
static void expect_undisturbed(unsigned int cpus, unsigned int weight)
{
	struct vcpu *sleeper, *v[4];
	s_time_t left;

	machine_up(cpus);
	sleeper = add_vcpu(weight, 0);
	sleeper->pause_flags = VPF_BLOCKED;
	for (int i = 0; i < 4; i++)
		v[i] = add_running(i % 2 ? 512 : 256, 0);
	run_beside_sleeper(SPAN, sleeper);
	CU_ASSERT(ran(sleeper) > SPAN / 21);
	left = SPAN * cpus - ran(sleeper);
	for (int i = 0; i < 4; i++)
		ABOUT(ran(v[i]), left * (1 + i % 2) / 6, 2);
	machine_down();
}

static void test_share_beside_sleeper(void)
{
	expect_undisturbed(1, 256);
	expect_undisturbed(1, 4096);
	expect_undisturbed(2, 1024);
}

/* Only one of its two vCPUs works all the time: it may use what the other one leaves. */
static void test_share_within_domain(void)
{
	struct domain *two;
	struct vcpu *other;

	machine_up(1);
	two = add_domain(2, 256, 0);
	two->vcpu[1]->pause_flags = VPF_BLOCKED;
	other = add_running(256, 0);
	start(two->vcpu[0]);
	run_beside_sleeper(SPAN, two->vcpu[1]);
	ABOUT(ran(other), SPAN / 2, 2);
	ABOUT(domain_ran(two), SPAN / 2, 2);
	machine_down();
}

/* The weights of those that share a CPU count there, whatever goes on elsewhere. */
static void test_share_of_pinned(void)
{
	struct vcpu *a, *b, *c, *free[2];

	machine_up(2);
	a = add_running(256, 0);
	b = add_running(512, 0);
	vcpu_set_affinity(a, cpu1, NULL);
	vcpu_set_affinity(b, cpu1, NULL);
	run_for(SPAN);
	ABOUT(ran(a), SPAN / 3, 2);
	ABOUT(ran(b), SPAN * 2 / 3, 2);
	machine_down();

	machine_up(4);
	a = add_running(256, 0);
	b = add_running(512, 0);
	c = add_running(2048, 0);
	vcpu_set_affinity(a, cpu1, NULL);
	vcpu_set_affinity(b, cpu1, NULL);
	vcpu_set_affinity(c, cpu0, NULL);
	free[0] = add_running(100, 0);
	free[1] = add_running(100, 0);
	run_for(SPAN);
	ABOUT(ran(a), SPAN / 3, 2);
	ABOUT(ran(b), SPAN * 2 / 3, 2);
	ABOUT(ran(c), SPAN, 2);
	ABOUT(ran(free[0]), SPAN, 2);
	ABOUT(ran(free[1]), SPAN, 2);
	machine_down();
}

/* More different affinities than the arithmetic keeps apart: still no idle CPU, and everybody runs. */
static void test_many_affinities(void)
{
	s_time_t idle;

	machine_up(8);
	for (unsigned int i = 0; i < 32; i++) {
		unsigned long mask[BITS_TO_LONGS(NR_CPUS)] = { 7 * i + 1 };

		vcpu_set_affinity(add_vcpu(256 + i, 0), mask, NULL);
	}
	for (unsigned int i = 0; i < nr_world; i++)
		start(world[i]);
	settle();
	idle = idle_time();
	run_for(10 * SEC);
	CU_ASSERT_EQUAL(idle_time(), idle);
	for (unsigned int i = 0; i < nr_world; i++)
		CU_ASSERT(ran(world[i]) > SEC);
	machine_down();
}

/* `cap` percent of a CPU for a domain of `vcpus`, beside `hogs` on `cpus` CPUs. */
static void expect_cap(unsigned int cpus, unsigned int vcpus, unsigned int cap, unsigned int hogs)
{
	struct domain *capped;

	machine_up(cpus);
	capped = add_domain(vcpus, 1024, cap);
	for (unsigned int i = 0; i < hogs; i++)
		add_vcpu(256, 0);
	for (unsigned int i = 0; i < nr_world; i++)
		start(world[i]);
	run_for(SPAN);
	if (llabs(100 * domain_ran(capped) - SPAN * cap) > 2 * SPAN)
		printf("\n    %u CPUs, %u vCPUs, %u hogs: cap %u gives %.2f ", cpus, vcpus, hogs, cap,
		       100.0 * domain_ran(capped) / SPAN);
	CU_ASSERT(llabs(100 * domain_ran(capped) - SPAN * cap) <= 2 * SPAN);
	machine_down();
}

static void test_cap_figures(void)
{
	expect_cap(1, 1, 50, 0);
	expect_cap(1, 1, 50, 1);
	expect_cap(1, 2, 50, 3);
	expect_cap(2, 1, 50, 0);
	expect_cap(2, 1, 50, 4);
	expect_cap(2, 2, 50, 2);
	expect_cap(4, 2, 150, 0);
	expect_cap(4, 4, 150, 2);
	expect_cap(1, 1, 10, 1);
}

/* How long it waits for a CPU when it wakes up. */
static s_time_t wake_latency(struct vcpu *v)
{
	struct vcpu_runstate_info before, after;

	vcpu_runstate_get(v, &before);
	vcpu_unblock(v);
	for (int i = 0; i < 1000 && v->runstate.state == RUNSTATE_runnable; i++)
		run_for(MS / 10);
	run_for(MS);
	vcpu_runstate_get(v, &after);
	return after.time[RUNSTATE_runnable] - before.time[RUNSTATE_runnable];
}

/* Sleepers that work for 1 ms at a time, less than their share, beside hogs, for 30 s. None ever waits for a tick. */
static void expect_latency(unsigned int cpus, unsigned int hogs, unsigned int sleepers)
{
	s_time_t worst = 0;

	machine_up(cpus);
	for (unsigned int i = 0; i < sleepers; i++)
		add_vcpu(256, 0)->pause_flags = VPF_BLOCKED;
	for (unsigned int i = 0; i < hogs; i++)
		add_running(256, 0);
	run_for(SEC);
	srand(3);
	for (s_time_t end = shim_now + SPAN; shim_now < end;) {
		struct vcpu *v = world[(unsigned int)rand() % sleepers];

		worst = max(worst, wake_latency(v));
		block(v);
		run_for(10 * MS + rand() % (20 * MS));
	}
	if (worst >= SCHED_TICK)
		printf("\n    %u CPUs, %u hogs, %u sleepers: %.2f ms ", cpus, hogs, sleepers, worst / 1e6);
	CU_ASSERT(worst < SCHED_TICK);
	machine_down();
}

static void test_latency_figures(void)
{
	expect_latency(1, 1, 1);
	expect_latency(1, 2, 1);
	expect_latency(2, 4, 2);
	expect_latency(1, 8, 1);
	expect_latency(2, 8, 1);
	expect_latency(4, 16, 2);
}

/* 64 on 2 CPUs: in every 2 s each has run, and over 30 s all have run as long. */
static void test_many(void)
{
	s_time_t before[MAX_V] = { 0 };

	machine_up(2);
	for (unsigned int i = 0; i < 32; i++)
		add_domain(2, 256, 0);
	for (unsigned int i = 0; i < nr_world; i++)
		start(world[i]);
	for (unsigned int span = 0; span < 15; span++) {
		for (unsigned int i = 0; i < nr_world; i++)
			before[i] = ran(world[i]);
		run_for(2 * SEC);
		for (unsigned int i = 0; i < nr_world; i++)
			CU_ASSERT(ran(world[i]) > before[i]);
	}
	for (unsigned int i = 0; i < nr_world; i++)
		ABOUT(ran(world[i]), SPAN * 2 / 64, 5);
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

/*
 * With a rate limit: whoever has just begun goes on to its end although a better one waits, unless it stops by itself;
 * whoever has run for longer makes room at once.
 */
static void test_rate_limit(void)
{
	struct vcpu *hog, *v;
	s_time_t before;

	machine_up(1);
	sched_ratelimit_us = 1000;
	hog = add_running(256, 0);
	v = add_vcpu(256, 0);
	v->pause_flags = VPF_BLOCKED;
	run_for(105 * MS);
	vcpu_unblock(v);
	run_for(MS / 2);
	CU_ASSERT_EQUAL(ran(v), MS / 2);
	block(v);
	before = ran(hog);
	run_for(MS / 4);
	vcpu_unblock(v);
	run_for(MS / 4);
	CU_ASSERT_EQUAL(ran(hog) - before, MS / 2);
	CU_ASSERT_EQUAL(ran(v), MS / 2);
	run_for(MS);
	CU_ASSERT_EQUAL(ran(hog) - before, MS);
	CU_ASSERT_EQUAL(ran(v), MS);
	block(v);
	run_for(MS / 4);
	vcpu_unblock(v);
	run_for(MS / 4);
	block(hog);
	run_for(MS / 4);
	CU_ASSERT_EQUAL(ran(v), MS + MS / 4);
	machine_down();
}

/* --- places ---------------------------------------------------------------------------------------------------- */

static void test_affinity(void)
{
	struct vcpu *pinned;

	machine_up(2);
	add_running(256, 0);
	pinned = add_running(256, 0);
	add_running(256, 0);
	vcpu_set_affinity(pinned, cpu1, NULL);
	settle();
	for (int i = 0; i < 300; i++) {
		run_for(10 * MS);
		CU_ASSERT(shim_cpu_info[0].on != pinned);
	}
	CU_ASSERT(ran(pinned) > SEC);
	vcpu_set_affinity(pinned, cpu0, NULL);		/* while it runs or waits */
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
	struct vcpu *a, *b;

	machine_up(2);
	a = add_vcpu(256, 0);
	b = add_vcpu(256, 0);
	vcpu_set_affinity(a, cpu0, NULL);
	vcpu_set_affinity(b, cpu0, NULL);
	a->pause_flags = b->pause_flags = 0;
	vcpu_wake(a);
	vcpu_wake(b);
	run_for(10 * SEC);
	ABOUT(ran(a), 5 * SEC, 3);
	ABOUT(ran(b), 5 * SEC, 3);
	machine_down();
}

/* The one that runs where it wakes up is as urgent, but another CPU does something less urgent: it runs there. */
static void test_preempts_elsewhere(void)
{
	struct vcpu *hog, *first, *second;

	machine_up(2);
	hog = add_running(256, 0);
	vcpu_set_affinity(hog, cpu1, NULL);
	first = add_vcpu(256, 0);
	second = add_vcpu(256, 0);
	first->cpu = second->cpu = 0;
	run_for(SEC);
	start(first);
	start(second);
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[0].on, first);
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[1].on, second);
	block(first);
	block(second);
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[1].on, hog);
	machine_down();
}

/* The other queue is locked each time it wants to take from it: it tries again and does not go to sleep. */
static void test_steal_from_locked(void)
{
	struct vcpu *hog, *v;

	machine_up(2);
	hog = add_running(256, 0);
	vcpu_set_affinity(hog, cpu1, NULL);
	vcpu_set_affinity(add_running(256, 0), cpu0, NULL);
	settle();
	v = add_vcpu(256, 0);
	v->cpu = 0;
	start(v);
	settle();
	CU_ASSERT_TRUE(sched_queued(v));
	block(hog);
	shim_try_misses = 6;		/* for those that prefer it, then any: so often that going idle is too */
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[1].on, v);
	CU_ASSERT_EQUAL(shim_try_misses, 0);
	machine_down();
}

/* Pinned to the CPU of another that could as well run on the idle one: that one moves over within a tick. */
static void expect_room(const unsigned long *preferred)
{
	struct vcpu *free, *pinned;

	machine_up(2);
	free = add_vcpu(256, 0);
	vcpu_set_affinity(free, NULL, preferred);
	pinned = add_vcpu(256, 0);
	vcpu_set_affinity(pinned, cpu0, NULL);
	free->cpu = pinned->cpu = 0;
	start(free);
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[0].on, free);
	pinned->sched->prio = -1;	/* so that it does not push the other one aside */
	start(pinned);
	run_for(SCHED_TICK);
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[0].on, pinned);
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[1].on, free);
	machine_down();
}

static void test_makes_room(void)
{
	expect_room(NULL);
	expect_room(cpu0);		/* even if it would rather stay */
}

/* --- soft affinity: where it would rather be --- */

static void test_soft_at_wake(void)
{
	struct vcpu *v, *hog;

	machine_up(2);
	v = add_vcpu(256, 0);
	hog = add_vcpu(256, 0);
	for (int i = 0; i < 20; i++) {
		v->cpu = i % 2;
		vcpu_set_affinity(v, NULL, i / 2 % 2 ? cpu1 : cpu0);
		start(v);
		settle();
		CU_ASSERT_PTR_EQUAL(shim_cpu_info[i / 2 % 2].on, v);
		block(v);
		settle();
	}
	/* Its favourite is taken: it runs on the other one, at once. */
	vcpu_set_affinity(v, NULL, cpu1);
	vcpu_set_affinity(hog, cpu1, NULL);
	start(hog);
	settle();
	vcpu_unblock(v);
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[0].on, v);
	run_for(SEC);
	/* It goes there within a tick when there is room. */
	block(hog);
	run_for(SCHED_TICK);
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[1].on, v);
	CU_ASSERT(ran(v) >= SEC);
	/* And at once when it changes its mind. */
	vcpu_set_affinity(v, NULL, cpu0);
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[0].on, v);
	machine_down();
}

/*
 * An idle CPU wakes two that both prefer it, before it looks into its queue: the second is not sent back and forth
 * between that queue, in which somebody waits, and another idle CPU, which it likes less. (It hung here for ever.)
 */
static void test_soft_wakes_at_home(void)
{
	struct vcpu *pinned, *v;

	machine_up(2);
	pinned = add_vcpu(256, 0);
	v = add_vcpu(256, 0);
	pinned->cpu = v->cpu = 1;
	vcpu_set_affinity(pinned, cpu1, NULL);
	vcpu_set_affinity(v, NULL, cpu1);
	shim_cpu = 1;
	alarm(20);
	start(pinned);
	start(v);
	alarm(0);
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[1].on, pinned);
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[0].on, v);
	machine_down();
}

/*
 * An idle CPU has been called for somebody in its queue, and before it looks there it wakes one that prefers to be
 * there (a timer was due as well): that one goes somewhere, not back and forth. (Whole machines hung here.)
 */
static void test_wakes_after_a_call(void)
{
	struct vcpu *pinned, *v;

	machine_up(2);
	pinned = add_vcpu(256, 0);
	v = add_vcpu(256, 0);
	pinned->cpu = v->cpu = 1;
	vcpu_set_affinity(pinned, cpu1, NULL);
	vcpu_set_affinity(v, NULL, cpu1);
	start(pinned);
	shim_cpu = 1;
	sched_kicked();
	alarm(20);
	start(v);
	alarm(0);
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[1].on, pinned);
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[0].on, v);
	machine_down();
}

/* An idle CPU takes the one that prefers it, even if another one has waited longer; and any, if there is no such. */
static void test_soft_at_steal(void)
{
	struct vcpu *runs, *first, *second, *hog;

	machine_up(2);
	hog = add_running(256, 0);
	vcpu_set_affinity(hog, cpu1, NULL);
	settle();
	runs = add_vcpu(256, 0);
	first = add_vcpu(256, 0);
	second = add_vcpu(256, 0);
	runs->cpu = first->cpu = second->cpu = 0;
	vcpu_set_affinity(first, NULL, cpu0);
	vcpu_set_affinity(second, NULL, cpu1);
	start(runs);
	settle();
	start(first);
	start(second);
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[0].on, runs);
	block(hog);
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[1].on, second);
	block(second);
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[1].on, first);
	machine_down();
}

/* Both prefer CPU 1, but that is not worth waiting for. A preference that hard affinity forbids is none. */
static void test_soft_never_wastes(void)
{
	struct vcpu *a, *b;
	s_time_t idle;

	machine_up(2);
	a = add_running(256, 0);
	b = add_running(256, 0);
	vcpu_set_affinity(a, NULL, cpu1);
	vcpu_set_affinity(b, NULL, cpu1);
	settle();
	idle = idle_time();
	run_for(10 * SEC);
	CU_ASSERT_EQUAL(idle_time(), idle);
	ABOUT(ran(a), 10 * SEC, 1);
	vcpu_set_affinity(a, cpu0, cpu1);
	run_for(SCHED_TICK);
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[0].on, a);
	run_for(SEC);
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[0].on, a);
	machine_down();
}

/* Hard affinity changes while it has used up its cap, and so waits in no queue. */
static void test_affinity_of_parked(void)
{
	struct vcpu *v;

	machine_up(2);
	v = add_running(256, 10);
	vcpu_set_affinity(v, cpu0, NULL);
	for (int i = 0; i < 100 && !v->sched->parked; i++)
		run_for(10 * MS);
	CU_ASSERT_TRUE(v->sched->parked);
	vcpu_set_affinity(v, cpu1, NULL);
	for (int i = 0; i < 100 && v->sched->parked; i++)
		run_for(10 * MS);
	CU_ASSERT_FALSE(v->sched->parked);
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[1].on, v);
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

/* To one of less importance as well: it is not called back at once, as somebody who has just woken up would be. */
static void test_yield_to_lesser(void)
{
	struct vcpu *a, *b;

	machine_up(2);
	a = add_running(256, 0);
	b = add_vcpu(256, 0);
	vcpu_set_affinity(a, cpu0, NULL);
	vcpu_set_affinity(b, cpu0, NULL);
	settle();
	b->sched->prio--;		/* over its share */
	start(b);
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[0].on, a);
	do_sched_op(SCHEDOP_yield, NULL);
	settle();
	CU_ASSERT_PTR_EQUAL(shim_cpu_info[0].on, b);
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
	shim_try_misses = rand() % 8 ? 0 : rand() % 3;
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
	static CU_TestInfo tests[] = {
		{ "equal shares", test_equal },
		{ "weights", test_weights },
		{ "cap", test_cap },
		{ "no idle CPU beside work", test_work_conserving },
		{ "shares within 2 %", test_share_figures },
		{ "a domain's share", test_share_of_domain },
		{ "shares beside a sleeper", test_share_beside_sleeper },
		{ "shares within a domain", test_share_within_domain },
		{ "shares of pinned ones", test_share_of_pinned },
		{ "many affinities", test_many_affinities },
		{ "caps within 2 %", test_cap_figures },
		{ "waking within a tick", test_latency_figures },
		{ "64 on 2 CPUs", test_many },
		{ "what is left over", test_rest_is_shared },
		{ "boost on wake", test_boost },
		{ "rate limit", test_rate_limit },
		{ "affinity", test_affinity },
		{ "affinity before idleness", test_affinity_wins },
		{ "preempting elsewhere", test_preempts_elsewhere },
		{ "taking from a locked queue", test_steal_from_locked },
		{ "making room for a pinned one", test_makes_room },
		{ "soft affinity at waking", test_soft_at_wake },
		{ "two wake where one prefers to be", test_soft_wakes_at_home },
		{ "one wakes where somebody was called for", test_wakes_after_a_call },
		{ "soft affinity at stealing", test_soft_at_steal },
		{ "soft affinity wastes nothing", test_soft_never_wastes },
		{ "affinity of a parked vCPU", test_affinity_of_parked },
		{ "pause", test_pause },
		{ "block", test_block },
		{ "poll", test_poll },
		{ "yield", test_yield },
		{ "yield to one of less importance", test_yield_to_lesser },
		{ "watchdog", test_watchdog },
		{ "parameters", test_parameters },
		{ "random walk", test_random },
		CU_TEST_INFO_NULL,
	};

	return suite_run("scheduler", tests);
}
