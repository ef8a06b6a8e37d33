/* SPDX-License-Identifier: MIT */
/*
 * Who gets how much of a period: the arithmetic behind the credit policy.
 *
 * The picture is water that rises in all domains at the same rate for each unit of weight. A vCPU whose purse is full,
 * or that has what its cap allows, takes no more; what it leaves rises in its domain's other vCPUs, then in all
 * others. A set of CPUs to which vCPUs are bound is full when its time is given away; the water goes on rising
 * elsewhere. So weights count among those that share CPUs, and a pinned domain is not promised time that its CPU does
 * not have.
 *
 * Sets that are nested or disjoint (what people pin to) come out exactly. With sets that overlap otherwise, or more
 * than NR_SETS of them, somebody may be promised more than there is, and the queues decide.
 *
 * Called by one CPU at a time, with domain_table_lock held, so that no domain comes or goes. Affinities are read
 * without a lock: one that changes meanwhile is right a period later.
 */
#include <xl/lib.h>
#include <xl/platform.h>
#include <xl/sched_ops.h>

#define NR_SETS		16
#define ROUNDS		32
#define LEVEL_SHIFT	16		/* a level is ns for each unit of weight, with so many bits behind the point */
#define WEIGHT_UNIT	256		/* of a vCPU's weight, for each unit of its domain's: it is a fraction of that */
#define OPEN		(-1)		/* a grant that is not settled yet */

struct cpu_set {
	DECLARE_BITMAP(cpus, NR_CPUS);
	s64 left;			/* ns not given away yet */
	u64 weight;			/* of the open vCPUs bound to it */
	u32 inside;			/* bit per set: which contain this one; itself too */
};

static struct cpu_set sets[NR_SETS];	/* the first one is the whole machine */
static unsigned int nr_sets;

#define for_each_active(d, v)								\
	list_for_each_entry(d, &domain_list, link)					\
		if (d->sched_active)							\
			for_each_vcpu(d, v)						\
				if (v->sched && v->sched->active)

/* --- sets of CPUs -------------------------------------------------------------------------------------- */

static bool is_within(const unsigned long *a, const unsigned long *b)
{
	for (unsigned int i = 0; i < BITS_TO_LONGS(NR_CPUS); i++)
		if (a[i] & ~b[i])
			return false;
	return true;
}

/* The number of the set of these CPUs, a new one if need be; 0 when there is no room, or none of the CPUs exists. */
static unsigned int set_of(const unsigned long *affinity)
{
	struct cpu_set *s = &sets[nr_sets];
	bool any = false;

	for (unsigned int i = 0; i < BITS_TO_LONGS(NR_CPUS); i++) {
		s->cpus[i] = affinity[i] & cpu_online_map[i];
		any |= s->cpus[i] != 0;
	}
	for (unsigned int i = 0; i < nr_sets; i++)
		if (!memcmp(sets[i].cpus, s->cpus, sizeof(s->cpus)))
			return i;
	return any && nr_sets + 1 < NR_SETS ? nr_sets++ : 0;
}

static void sets_find(void)
{
	struct domain *d;
	struct vcpu *v;

	memcpy(sets[0].cpus, cpu_online_map, sizeof(sets[0].cpus));
	nr_sets = 1;
	for_each_active(d, v)
		v->sched->set = set_of(v->hard_affinity);
	for (unsigned int i = 0; i < nr_sets; i++) {
		sets[i].inside = 0;
		for (unsigned int j = 0; j < nr_sets; j++)
			if (is_within(sets[i].cpus, sets[j].cpus))
				sets[i].inside |= 1U << j;
	}
}

/* --- one round: who has how much weight, how far the water rises, who is full then --------------------- */

/* A domain's weight, less what its settled vCPUs needed of it to get theirs at this level, for its open ones alike. */
static void domain_weigh(struct domain *d, u64 level)
{
	u64 all = (u64)d->sched_weight * WEIGHT_UNIT, used = 0;
	unsigned int open = 0;
	struct vcpu *v;

	for_each_vcpu(d, v) {
		if (!v->sched || !v->sched->active)
			continue;
		if (v->sched->grant == OPEN)
			open++;
		else if (level)
			used += ((u64)v->sched->grant << LEVEL_SHIFT) / level;
	}
	for_each_vcpu(d, v)
		if (open && v->sched && v->sched->active)
			v->sched->weight = used < all ? max((all - used) / open, (u64)1) : 1;
}

static void weigh(s64 period, u64 level)
{
	struct domain *d;
	struct vcpu *v;

	for (unsigned int i = 0; i < nr_sets; i++) {
		sets[i].left = period * bitmap_weight(sets[i].cpus, NR_CPUS);
		sets[i].weight = 0;
	}
	list_for_each_entry(d, &domain_list, link)
		if (d->sched_active)
			domain_weigh(d, level);
	for_each_active(d, v) {
		const struct sched_vcpu *s = v->sched;

		for (unsigned int i = 0; i < nr_sets; i++) {
			if (!(sets[s->set].inside & 1U << i))
				continue;
			if (s->grant == OPEN)
				sets[i].weight += s->weight;
			else
				sets[i].left -= s->grant;
		}
	}
}

/* The set that is full first, and the level then; NULL when nobody is open. */
static const struct cpu_set *first_full(u64 *level)
{
	const struct cpu_set *found = NULL;

	for (unsigned int i = 0; i < nr_sets; i++) {
		u64 l = sets[i].weight ? ((u64)max(sets[i].left, (s64)0) << LEVEL_SHIFT) / sets[i].weight : ~0UL;

		if (sets[i].weight && (!found || l < *level)) {
			found = &sets[i];
			*level = l;
		}
	}
	return found;
}

/* Those who want no more than what the level gives them are settled. True if there were any. */
static bool settle_content(u64 level)
{
	bool any = false;
	struct domain *d;
	struct vcpu *v;

	for_each_active(d, v) {
		struct sched_vcpu *s = v->sched;

		if (s->grant != OPEN || (u64)s->want > level * s->weight >> LEVEL_SHIFT)
			continue;
		s->grant = s->want;
		any = true;
	}
	return any;
}

/* All who are bound to the full set are settled; with NULL everybody. */
static void settle_full(const struct cpu_set *full, u64 level)
{
	struct domain *d;
	struct vcpu *v;

	for_each_active(d, v) {
		struct sched_vcpu *s = v->sched;

		if (s->grant == OPEN && (!full || sets[s->set].inside & 1U << (full - sets)))
			s->grant = min((s64)(level * s->weight >> LEVEL_SHIFT), s->want);
	}
}

void sched_share_out(s64 period)
{
	const struct cpu_set *full;
	struct domain *d;
	struct vcpu *v;
	u64 level = 0;

	sets_find();
	for_each_active(d, v)
		v->sched->grant = OPEN;
	for (int round = 0; round < ROUNDS; round++) {
		weigh(period, level);
		full = first_full(&level);
		if (!full)
			return;
		if (!settle_content(level))
			settle_full(full, level);
	}
	settle_full(NULL, level);
}
