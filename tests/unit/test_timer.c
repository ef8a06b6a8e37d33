/* SPDX-License-Identifier: MIT */
/* The timer heap: real code with four CPUs made of arrays, against a sorted list; random sets, stops, moves, firing. */
#include <stdlib.h>
#include <xl/percpu.h>

#include "suite.h"

#undef DEFINE_PER_CPU
#undef per_cpu
#undef this_cpu
#undef smp_processor_id
#define DEFINE_PER_CPU(type, name)	__typeof__(type) shim_##name[4]
#define per_cpu(name, cpu)		shim_##name[cpu]
#define this_cpu(name)			shim_##name[cpu_now]
#define smp_processor_id()		cpu_now
#define hazard_raise(bits)		(hazards |= (bits))

static u32 cpu_now, hazards;
static s64 clock_ns;

#include "../../xen-lite/common/timer.c"

static s_time_t programmed[4];
static u32 kicked;

s_time_t now(void) { return clock_ns; }
void apic_timer_set(s_time_t t) { programmed[cpu_now] = t; }
void smp_kick_timer(u32 cpu) { kicked |= 1U << cpu; }
static unsigned int serves;
static void (*while_serving)(void), (*before_lock)(void);	/* what another CPU does; the second one once */
void smp_serve(void) { serves++; if (while_serving) while_serving(); }
void spin_lock_init(spinlock_t *l) { l->holder = 0; }

void spin_lock(spinlock_t *l)
{
	void (*fn)(void) = before_lock;

	before_lock = NULL;
	if (fn)
		fn();
	CU_ASSERT_EQUAL_FATAL(l->holder, 0);
	l->holder = 1;
}

void spin_unlock(spinlock_t *l)
{
	CU_ASSERT_EQUAL_FATAL(l->holder, 1);
	l->holder = 0;
}

#define N 300
static struct timer timers[N];
static s_time_t expected[N];		/* 0: not set */
static unsigned int fired;
static s_time_t last_fired;

static void on_fire(void *data)
{
	struct timer *t = data;
	long i = t - timers;

	CU_ASSERT(!timer_is_set(t));
	CU_ASSERT(expected[i] && expected[i] <= clock_ns);
	CU_ASSERT(t->expires >= last_fired);
	last_fired = t->expires;
	expected[i] = 0;
	fired++;
}

static int set_up(void)
{
	clock_ns = 1000;
	for (u32 c = 0; c < 4; c++)
		timer_init_cpu(c);
	cpu_now = 0;
	for (int i = 0; i < N; i++) {
		timer_setup(&timers[i], on_fire, &timers[i]);
		expected[i] = 0;
	}
	return 0;
}

static unsigned int due(u32 cpu)
{
	unsigned int n = 0;

	for (int i = 0; i < N; i++)
		n += expected[i] && expected[i] <= clock_ns && timers[i].cpu == cpu;
	return n;
}

/* The timer vector: by a shot that is spent, or by a kick. */
static void interrupt(void)
{
	programmed[cpu_now] = 0;
	timer_interrupt();
	timer_run();
}

static void run_all(void)
{
	for (cpu_now = 0; cpu_now < 4; cpu_now++) {
		unsigned int want = due(cpu_now);

		fired = 0;
		last_fired = 0;
		interrupt();
		CU_ASSERT_EQUAL(fired, want);
	}
	cpu_now = 0;
}

/* What the local APIC was told is the earliest of that CPU's timers. */
static void check_programmed(u32 cpu)
{
	s_time_t first = 0;

	for (int i = 0; i < N; i++)
		if (expected[i] && timers[i].cpu == cpu && (!first || expected[i] < first))
			first = expected[i];
	if (first)
		CU_ASSERT(programmed[cpu] && programmed[cpu] <= first);
}

static void test_random(void)
{
	set_up();
	srandom(42);
	for (int step = 0; step < 200000; step++) {
		int i = random() % N;

		cpu_now = random() % 4;
		switch (random() % 8) {
		case 0: case 1: case 2: case 3:
			expected[i] = clock_ns + 1 + random() % 5000;
			kicked = 0;
			timer_set(&timers[i], expected[i]);
			CU_ASSERT(timer_is_set(&timers[i]) && timers[i].cpu == cpu_now && !kicked);
			check_programmed(cpu_now);
			break;
		case 4: case 5:
			timer_stop(&timers[i]);
			CU_ASSERT(!timer_is_set(&timers[i]));
			expected[i] = 0;
			break;
		case 6:
			timer_migrate(&timers[i], random() % 4);
			CU_ASSERT_EQUAL(timer_is_set(&timers[i]), expected[i] != 0);
			run_all();
			break;
		default:
			clock_ns += random() % 300;
			run_all();
		}
	}
	clock_ns += 10000;
	run_all();
	for (int i = 0; i < N; i++)
		CU_ASSERT(!timer_is_set(&timers[i]));
}

static unsigned int rounds;

static void again(void *data)
{
	if (++rounds < 5)
		timer_set(data, clock_ns);	/* due at once: fires in the same run */
}

static void test_rearm(void)
{
	struct timer t;

	set_up();
	timer_setup(&t, again, &t);
	timer_set(&t, clock_ns - 5);
	timer_run();
	CU_ASSERT_EQUAL(rounds, 5);
	CU_ASSERT(!timer_is_set(&t));
	CU_ASSERT_EQUAL(programmed[0], 0);
}

static void test_migrate_kicks(void)
{
	set_up();
	kicked = 0;
	expected[0] = clock_ns + 100;
	timer_set(&timers[0], expected[0]);
	CU_ASSERT_EQUAL(programmed[0], expected[0]);
	timer_migrate(&timers[0], 2);
	CU_ASSERT_EQUAL(kicked, 4);
	CU_ASSERT_EQUAL(timers[0].cpu, 2);
	hazards = 0;
	interrupt();
	CU_ASSERT_EQUAL(hazards, HAZARD_TIMER);
	CU_ASSERT_EQUAL(programmed[0], 0);
	clock_ns += 100;
	run_all();
	CU_ASSERT_EQUAL(expected[0], 0);
}

/* The timer moves while we wait for the lock of the heap where it was: it is found where it is. */
static void moves_to_3(void) { timer_migrate(&timers[0], 3); }

static void test_moves_meanwhile(void)
{
	set_up();
	expected[0] = clock_ns + 100;
	timer_set(&timers[0], expected[0]);
	before_lock = moves_to_3;
	timer_stop(&timers[0]);
	CU_ASSERT(!timer_is_set(&timers[0]));
	expected[0] = 0;
	clock_ns += 200;
	run_all();
}

static void fired_at_last(void)
{
	if (serves == 3)
		shim_timer_heap[1].firing = NULL;
}

/*
 * Whoever stops a timer may free it next: its function on another CPU has to be through, its own CPU cannot wait for
 * that.
 */
static void test_stop_waits(void)
{
	set_up();
	serves = 0;
	timers[0].cpu = 1;
	shim_timer_heap[1].firing = &timers[0];
	while_serving = fired_at_last;
	timer_stop(&timers[0]);
	CU_ASSERT_EQUAL(serves, 3);
	while_serving = NULL;
	shim_timer_heap[0].firing = &timers[1];
	timer_stop(&timers[1]);
	CU_ASSERT_EQUAL(serves, 3);
	shim_timer_heap[1].firing = &timers[3];		/* another one */
	timers[2].cpu = 1;
	timer_stop(&timers[2]);
	CU_ASSERT_EQUAL(serves, 3);
	shim_timer_heap[0].firing = shim_timer_heap[1].firing = NULL;
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "random", test_random },
		{ "set again while firing", test_rearm },
		{ "moving kicks", test_migrate_kicks },
		{ "moving meanwhile", test_moves_meanwhile },
		{ "stopping one that fires", test_stop_waits },
		CU_TEST_INFO_NULL,
	};

	return suite_run("timer", tests);
}
