/* SPDX-License-Identifier: MIT */
/*
 * The division of a period, common/sched_share.c, as arithmetic: no clock and no queue. Random machines of domains with
 * weights, vCPUs with what they can use, and pinning to nested sets of CPUs. Nobody gets more than it can use, no set
 * of CPUs gives away more than it has, and whoever gets less than it could use is bound to CPUs whose time is all given
 * away.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/sched_ops.h>

#include "suite.h"

#define PERIOD		30000000LL
#define CPUS		8
#define MAX_DOMS	6
#define MAX_VCPUS	4
/* Levels are rounded: for a weight of 1024 * 256, whose vCPU may lose a few ns in each round. */
#define EPSILON		20000

static struct domain *doms[MAX_DOMS];
static unsigned int nr_doms;

static void world_up(unsigned int cpus)
{
	nr_doms = 0;
	memset(cpu_online_map, 0, NR_CPUS / 8);
	for (unsigned int i = 0; i < cpus; i++)
		__set_bit(i, cpu_online_map);
}

static void world_down(void)
{
	for (unsigned int i = 0; i < nr_doms; i++) {
		for (unsigned int k = 0; k < doms[i]->max_vcpus; k++)
			if (doms[i]->vcpu[k])
				hv_free(doms[i]->vcpu[k]->sched);
		shim_domain_free(doms[i]);
	}
}

static struct domain *add_domain(unsigned int weight, unsigned int vcpus)
{
	struct domain *d = shim_domain(nr_doms + 1, vcpus);

	d->sched_weight = weight;
	doms[nr_doms++] = d;
	return d;
}

/* vCPU i of d can use so much and is bound to n CPUs from `first` on. */
static struct sched_vcpu *use(struct domain *d, unsigned int i, s64 want, unsigned int first, unsigned int n)
{
	struct vcpu *v = d->vcpu[i];

	v->sched = hv_alloc(sizeof(*v->sched));
	v->sched->v = v;
	v->sched->active = true;
	v->sched->want = want;
	d->sched_active++;
	memset(v->hard_affinity, 0, sizeof(v->hard_affinity));
	for (unsigned int cpu = first; cpu < first + n; cpu++)
		__set_bit(cpu, v->hard_affinity);
	return v->sched;
}

static bool within(const struct vcpu *v, unsigned int first, unsigned int n)
{
	for (unsigned int cpu = 0; cpu < CPUS; cpu++)
		if (test_bit(cpu, v->hard_affinity) && (cpu < first || cpu >= first + n))
			return false;
	return true;
}

#define for_each(v)								\
	for (unsigned int di_ = 0; di_ < nr_doms; di_++)			\
		for_each_vcpu(doms[di_], v)					\
			if (v->sched && v->sched->active)

/* What those who are bound to these CPUs, or to some of them, get together. */
static s64 given(unsigned int first, unsigned int n)
{
	struct vcpu *v;
	s64 sum = 0;

	for_each(v)
		if (within(v, first, n))
			sum += v->sched->grant;
	return sum;
}

static bool is_bound_to_full(const struct vcpu *v)
{
	for (unsigned int n = 1; n <= CPUS; n *= 2)
		for (unsigned int first = 0; first < CPUS; first += n)
			if (within(v, first, n) && given(first, n) > n * PERIOD - EPSILON)
				return true;
	return false;
}

static bool holds(void)
{
	struct vcpu *v;

	for_each(v) {
		const struct sched_vcpu *s = v->sched;

		if (s->grant < 0 || s->grant > s->want)
			return false;
		if (s->grant < s->want - EPSILON && !is_bound_to_full(v))
			return false;
	}
	for (unsigned int n = 1; n <= CPUS; n *= 2)
		for (unsigned int first = 0; first < CPUS; first += n)
			if (given(first, n) > n * PERIOD + EPSILON)
				return false;
	return true;
}

/* --- tests ------------------------------------------------------------------------------------------------------ */

static void test_weights(void)
{
	struct sched_vcpu *a, *b, *c;

	world_up(CPUS);
	a = use(add_domain(256, 1), 0, PERIOD, 3, 1);
	b = use(add_domain(512, 1), 0, PERIOD, 3, 1);
	sched_share_out(PERIOD);
	CU_ASSERT(labs(a->grant - PERIOD / 3) < EPSILON);
	CU_ASSERT(labs(b->grant - PERIOD * 2 / 3) < EPSILON);
	c = use(add_domain(256, 1), 0, PERIOD / 8, 0, CPUS);		/* has seven CPUs to itself */
	sched_share_out(PERIOD);
	CU_ASSERT_EQUAL(c->grant, PERIOD / 8);
	CU_ASSERT(labs(a->grant - PERIOD / 3) < EPSILON);
	world_down();
}

/* A domain's weight is shared by its vCPUs, and what one of them leaves its brothers get first. */
static void test_within_a_domain(void)
{
	struct domain *d, *e;
	struct sched_vcpu *a, *b, *c;

	world_up(1);
	d = add_domain(256, 2);
	e = add_domain(256, 1);
	a = use(d, 0, PERIOD / 10, 0, 1);
	b = use(d, 1, PERIOD, 0, 1);
	c = use(e, 0, PERIOD, 0, 1);
	sched_share_out(PERIOD);
	CU_ASSERT_EQUAL(a->grant, PERIOD / 10);
	CU_ASSERT(labs(b->grant - PERIOD * 4 / 10) < EPSILON);
	CU_ASSERT(labs(c->grant - PERIOD / 2) < EPSILON);
	world_down();
}

/*
 * vCPUs that do not exist, are not set up or take no part, and domains of such: nothing for them, nothing lost to the
 * others.
 */
static void test_absent(void)
{
	struct domain *d, *none;
	struct vcpu *hole;
	struct sched_vcpu *a, *b, *asleep;

	world_up(1);
	none = add_domain(60000, 1);
	use(none, 0, PERIOD, 0, 1)->active = false;
	none->sched_active = 0;
	none->vcpu[0]->sched->grant = 77;
	d = add_domain(1, 4);
	a = use(d, 3, PERIOD, 0, 1);
	asleep = use(d, 1, PERIOD, 0, 1);
	asleep->active = false;
	asleep->grant = PERIOD;			/* from when it was awake */
	d->sched_active = 1;
	b = use(add_domain(1, 1), 0, PERIOD, 0, 1);
	use(add_domain(1, 1), 0, PERIOD / 10, 0, 1);
	hole = d->vcpu[2];
	d->vcpu[2] = NULL;
	sched_share_out(PERIOD);
	CU_ASSERT(labs(a->grant - PERIOD * 45 / 100) < EPSILON);
	CU_ASSERT(labs(b->grant - PERIOD * 45 / 100) < EPSILON);
	CU_ASSERT_EQUAL(asleep->grant, PERIOD);
	CU_ASSERT_EQUAL(none->vcpu[0]->sched->grant, 77);
	d->vcpu[2] = hole;
	world_down();
}

static void test_nobody(void)
{
	world_up(2);
	add_domain(256, 2);
	sched_share_out(PERIOD);
	CU_ASSERT_PTR_NULL(doms[0]->vcpu[0]->sched);
	world_down();
}

/* Bound to CPUs that are not there, or one of too many sets: counted as bound to all. */
static void test_sets(void)
{
	struct domain *d[5];

	world_up(CPUS);
	use(add_domain(256, 1), 0, PERIOD / 100, 60, 2);
	sched_share_out(PERIOD);
	CU_ASSERT_EQUAL(doms[0]->vcpu[0]->sched->grant, PERIOD / 100);
	world_down();

	world_up(CPUS);
	for (unsigned int i = 0; i < 5; i++)
		d[i] = add_domain(256, MAX_VCPUS);
	for (unsigned int i = 0; i < 5 * MAX_VCPUS; i++)
		use(d[i / MAX_VCPUS], i % MAX_VCPUS, PERIOD, i % CPUS, 1 + i / CPUS);
	sched_share_out(PERIOD);
	for (unsigned int i = 0; i < 5 * MAX_VCPUS; i++) {
		s64 grant = d[i / MAX_VCPUS]->vcpu[i % MAX_VCPUS]->sched->grant;

		CU_ASSERT(grant > 0 && grant <= PERIOD);
	}
	world_down();
}

static void random_world(void)
{
	world_up(CPUS);
	for (unsigned int n = 1 + rand() % MAX_DOMS; n; n--) {
		struct domain *d = add_domain(1 + rand() % 1024, 1 + rand() % 2);

		for (unsigned int i = 0; i < d->max_vcpus; i++) {
			unsigned int size = 1 << rand() % 4;

			if (rand() % 8)
				use(d, i, rand() % 3 ? PERIOD : rand() % PERIOD, rand() % (CPUS / size) * size, size);
		}
	}
}

static void test_random(void)
{
	unsigned int wrong = 0;

	srand(11);
	for (int i = 0; i < 20000; i++) {
		random_world();
		sched_share_out(PERIOD);
		wrong += !holds();
		world_down();
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "by weight", test_weights },
		{ "within a domain", test_within_a_domain },
		{ "those who take no part", test_absent },
		{ "nobody", test_nobody },
		{ "sets of CPUs", test_sets },
		{ "random machines", test_random },
		CU_TEST_INFO_NULL,
	};

	return suite_run("shares", tests);
}
