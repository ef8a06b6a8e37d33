/* SPDX-License-Identifier: MIT */
/*
 * Page types, rule by rule: what the random walk of test_page_type.c cannot reach. Who may have a reference, counts at
 * their limit, two CPUs at the same frame at the same moment, frames that are no RAM, and the exchange of one entry.
 * Each test ends with the counts that it promises, so a reference that is lost or taken twice shows.
 */
#include "mm_world.h"
#include "suite.h"

#define FOREIGN		(NR_FRAMES - 1)		/* domain_b's */
#define NO_RAM		0x1000			/* a frame number of a device */

static u64 entry(unsigned int frame, u64 flags) { return (u64)frame << PAGE_SHIFT | PTE_P | flags; }
static int get(unsigned int i, u64 type) { return page_get_with_type(_mfn(i), &domain_a, type); }

/* Nobody uses the frame but its owner. */
static void check_idle(unsigned int i)
{
	CU_ASSERT_EQUAL(refs(i), 1);
	CU_ASSERT_EQUAL(types(i), 0);
	CU_ASSERT_EQUAL(page(i)->type_info & (PGT_partial | PGT_dead), 0);
}

/* --- references --- */

static void test_whose(void)
{
	struct domain *owner = NULL;

	world_reset();
	page(0)->count_info = PGC_ram;				/* free */
	page(1)->count_info = PGC_ram | PGC_hv | 1;		/* ours, shared with nobody */
	page(1)->owner = PAGE_UNOWNED;
	CU_ASSERT_FALSE(page_get(page(0), &domain_a));
	CU_ASSERT_FALSE(page_get_owner_any(page(0), &owner));
	CU_ASSERT_FALSE(page_get_owner_any(page(1), &owner));
	CU_ASSERT_FALSE(page_get(page(FOREIGN), &domain_a));
	CU_ASSERT_EQUAL(get(FOREIGN, PGT_writable), -XEN_EINVAL);
	CU_ASSERT_EQUAL(get(NO_RAM, PGT_writable), -XEN_EINVAL);
	CU_ASSERT_EQUAL(refs(0), 0);
	CU_ASSERT_EQUAL(refs(1), 1);
	check_idle(FOREIGN);
	CU_ASSERT_TRUE(page_get_owner_any(page(FOREIGN), &owner));
	CU_ASSERT_PTR_EQUAL(owner, &domain_b);
	CU_ASSERT_EQUAL(refs(FOREIGN), 2);
}

/* Back to the heap with the last reference and not before. */
static void test_last_reference(void)
{
	world_reset();
	world_releases = true;
	CU_ASSERT_TRUE(page_get(page(3), &domain_a));
	page_put(page(3));
	CU_ASSERT_PTR_NULL(released);
	page_put(page(3));
	CU_ASSERT_PTR_EQUAL(released, page(3));
}

static void test_limits(void)
{
	world_reset();
	page(0)->count_info |= PGC_count_mask;
	CU_ASSERT_FALSE(page_get(page(0), &domain_a));
	CU_ASSERT_EQUAL(refs(0), PGC_count_mask);
	CU_ASSERT_EQUAL(page(0)->count_info & ~PGC_count_mask, PGC_ram | PGC_allocated);

	CU_ASSERT_EQUAL(get(1, PGT_writable), 0);
	page(1)->type_info |= PGT_count_mask;
	CU_ASSERT_EQUAL(get(1, PGT_writable), -XEN_EINVAL);
	CU_ASSERT_EQUAL(page(1)->type_info, PGT_writable | PGT_validated | PGT_count_mask);
	CU_ASSERT_EQUAL(refs(1), 2);
}

/* A preempted validation is kept with a reference. When there is none left it is undone, and starts again. */
static void test_no_reference_for_partial(void)
{
	world_reset();
	words(0)[1] = entry(1, 0);
	words(0)[2] = entry(2, 0);
	page(0)->count_info = PGC_ram | PGC_allocated | (PGC_count_mask - 1);
	preempt_one_in = 1;
	CU_ASSERT_EQUAL(get(0, PGT_l4), -XEN_ERESTART);
	CU_ASSERT_EQUAL(refs(0), PGC_count_mask - 1);
	CU_ASSERT_EQUAL(page(0)->type_info, PGT_l4);
	settle_all();
	check_idle(1);
	check_idle(2);
}

/* --- validation --- */

/* Nothing comes after the last entry, so there is nothing to stop for. */
static void test_last_entry(void)
{
	world_reset();
	words(0)[PT_ENTRIES - 1] = entry(1, 0);
	preempt_one_in = 1;
	CU_ASSERT_EQUAL(get(0, PGT_l3), 0);
	page_put_with_type(page(0));
	settle_all();
	check_idle(0);
	check_idle(1);
}

/* Each entry by itself, among entries that are something but not present, is found when a table comes and when it goes. */
static void test_each_entry(void)
{
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		world_reset();
		for (unsigned int k = 0; k < PT_ENTRIES; k++)
			words(0)[k] = ~0ULL & ~PTE_P;
		words(0)[i] = entry(1, PTE_RW);
		CU_ASSERT_EQUAL(get(0, PGT_l1), 0);
		CU_ASSERT_EQUAL(refs(1), 2);
		CU_ASSERT_EQUAL(types(1), 1);
		page_put_with_type(page(0));
		settle_all();
		check_idle(1);
	}
}

/* Only the holder of the owner's lock may touch a table that is between two states. */
static void test_unsettled(void)
{
	world_reset();
	words(0)[0] = entry(1, 0);
	words(0)[1] = entry(2, 0);
	preempt_one_in = 1;
	CU_ASSERT_EQUAL(get(0, PGT_l4), -XEN_ERESTART);		/* partial */
	CU_ASSERT_EQUAL(get(3, PGT_l1), 0);
	page_put_with_type(page(3));				/* dead */
	lock_held = false;
	CU_ASSERT_EQUAL(get(0, PGT_writable), -XEN_EINVAL);
	CU_ASSERT_EQUAL(get(3, PGT_writable), -XEN_EINVAL);
	CU_ASSERT_EQUAL(get(4, PGT_writable), 0);
	domain_table[1] = NULL;					/* and an owner that is gone has no lock */
	CU_ASSERT_EQUAL(page_get_type(page(3), PGT_writable), -XEN_EINVAL);
	domain_table[1] = &domain_a;
	lock_held = true;
	CU_ASSERT_EQUAL(types(1), 1);
	CU_ASSERT_EQUAL(get(0, PGT_writable), 0);
	CU_ASSERT_EQUAL(get(3, PGT_writable), 0);
	for (unsigned int i = 0; i < 5; i++)
		if (types(i))
			page_put_with_type(page(i));
	settle_all();
	for (unsigned int i = 0; i < 5; i++)
		check_idle(i);
}

/* A dead table that is wanted as the same table again is whole: nothing is dropped and taken again. */
static void test_back_from_the_dead(void)
{
	u64 stamp;

	world_reset();
	words(0)[7] = entry(1, 0);
	words(1)[7] = entry(2, PTE_RW);
	CU_ASSERT_EQUAL(get(0, PGT_l2), 0);
	page_put_with_type(page(0));
	stamp = tlb_stamp_now();
	CU_ASSERT_EQUAL(get(0, PGT_l2), 0);
	CU_ASSERT_EQUAL(page(0)->type_info, PGT_l2 | PGT_validated | 1);
	CU_ASSERT_EQUAL(refs(0), 2);
	CU_ASSERT_EQUAL(refs(1), 2);
	CU_ASSERT_EQUAL(types(2), 1);
	CU_ASSERT_EQUAL(tlb_stamp_now(), stamp + 1);
	CU_ASSERT_EQUAL(domain_a.dead_tables, PAGE_LIST_END);
	page_put_with_type(page(0));
	settle_all();
	for (unsigned int i = 0; i < 3; i++)
		check_idle(i);
}

static void test_descriptors(void)
{
	world_reset();
	words(0)[3] = 1;
	words(0)[4] = 0xbad;
	CU_ASSERT_EQUAL(get(0, PGT_seg_desc), -XEN_EINVAL);
	check_idle(0);
	CU_ASSERT_EQUAL(get(0, PGT_writable), 0);
	words(0)[4] = 0;
	CU_ASSERT_EQUAL(get(0, PGT_seg_desc), -XEN_EINVAL);	/* somebody can still write to it */
	page_put_with_type(page(0));
	CU_ASSERT_EQUAL(get(0, PGT_seg_desc), 0);
	CU_ASSERT_EQUAL(words(0)[3], 0x101);			/* as the check made it */
	CU_ASSERT_EQUAL(get(0, PGT_writable), -XEN_EINVAL);
	page_put_with_type(page(0));
	check_idle(0);
}

/* --- frames that are no RAM; attributes --- */

static int map(u64 e)
{
	int rc = pte_get(&domain_a, &domain_a, 1, &e);

	if (!rc) {
		CU_ASSERT_EQUAL(e & (PTE_U | PTE_G), PTE_U);
		pte_put(&domain_a, 1, e);
	}
	return rc;
}

static void test_devices(void)
{
	u64 beyond = 1ULL << cpu_features.phys_bits | PTE_P, others = entry(NO_RAM, 0);

	world_reset();
	CU_ASSERT_EQUAL(map(entry(NO_RAM, PTE_RW)), -XEN_EPERM);
	domain_a.privileged = true;
	CU_ASSERT_EQUAL(map(entry(NO_RAM, PTE_RW)), 0);
	CU_ASSERT_EQUAL(map(entry(NO_RAM, PTE_G)), 0);
	CU_ASSERT_EQUAL(pte_get(&domain_a, &domain_b, 1, &others), -XEN_EPERM);	/* no frame of that domain */
	CU_ASSERT_EQUAL(map(beyond), -XEN_EPERM);		/* the processor would call that a reserved bit */
	mmio_ours = true;					/* the interrupt controllers, say */
	CU_ASSERT_EQUAL(map(entry(NO_RAM, PTE_RW)), -XEN_EPERM);
	CU_ASSERT_EQUAL(map(entry(NO_RAM, 0)), 0);
}

static void test_attributes(void)
{
	static const u64 cache[] = { PTE_PWT, PTE_PCD, PTE_PSE };

	world_reset();
	for (unsigned int i = 0; i < ARRAY_SIZE(cache); i++) {
		domain_a.privileged = false;
		CU_ASSERT_EQUAL(map(entry(0, cache[i])), -XEN_EINVAL);
		domain_a.privileged = true;
		CU_ASSERT_EQUAL(map(entry(0, cache[i])), 0);
	}
	for (unsigned int bit = 52; bit < 63; bit++)
		CU_ASSERT_EQUAL(map(entry(0, 1ULL << bit)), 0);
	CU_ASSERT_EQUAL(map(entry(FOREIGN, 0)), -XEN_EINVAL);
	check_idle(0);
	check_idle(FOREIGN);
}

/* --- two CPUs --- */

static unsigned long flushes_before;

static void other_refs(void) { CU_ASSERT_TRUE(page_get(page(0), &domain_a)); }
static void other_writable(void) { CU_ASSERT_EQUAL(page_get_type(page(0), PGT_writable), 0); }
static void other_lets_go(void) { page_put_type(page(0)); }

static void other_was_here(void)
{
	other_writable();
	flushes_before = nr_flushes;
	other_lets_go();
}

/* Compare-exchange 0 is that of the reference, 1 that of the type. */
static void test_races(void)
{
	world_reset();
	world_meanwhile(0, other_refs);
	CU_ASSERT_EQUAL(get(0, PGT_writable), 0);
	CU_ASSERT_EQUAL(refs(0), 3);

	world_reset();
	world_meanwhile(1, other_writable);
	CU_ASSERT_EQUAL(get(0, PGT_writable), 0);
	CU_ASSERT_EQUAL(page(0)->type_info, PGT_writable | PGT_validated | 2);
	world_meanwhile(1, other_lets_go);
	CU_ASSERT_EQUAL(get(0, PGT_writable), 0);
	CU_ASSERT_EQUAL(types(0), 2);
	world_meanwhile(0, other_writable);
	page_put_type(page(0));
	CU_ASSERT_EQUAL(types(0), 2);
	other_lets_go();
	world_meanwhile(0, other_writable);		/* while the last one lets go */
	page_put_type(page(0));
	CU_ASSERT_EQUAL(page(0)->type_info, PGT_writable | PGT_validated | 1);
}

/*
 * Writable for another CPU just now: no table. It has let go again: a table, but after a flush that comes later than
 * its use.
 */
static void test_race_for_a_table(void)
{
	world_reset();
	world_meanwhile(1, other_writable);
	CU_ASSERT_EQUAL(get(0, PGT_l1), -XEN_EINVAL);
	CU_ASSERT_EQUAL(page(0)->type_info, PGT_writable | PGT_validated | 1);
	CU_ASSERT_EQUAL(refs(0), 1);

	world_reset();
	world_meanwhile(1, other_was_here);
	CU_ASSERT_EQUAL(get(0, PGT_l1), 0);
	CU_ASSERT(nr_flushes > flushes_before);
	CU_ASSERT_EQUAL(page(0)->type_info, PGT_l1 | PGT_validated | 1);
}

/* --- one entry --- */

static int write_entry(unsigned int level, u64 val, bool preserve_ad, const u64 *expected)
{
	return pt_write_entry(&domain_a, &domain_a, words(0) + 5, level, val, preserve_ad, expected);
}

static void processor_sets_ad(void) { words(0)[5] |= PTE_A | PTE_D; }

/* Frame 0 is an L1 table, its entry 5 maps frame 1. */
static void l1_world(void)
{
	world_reset();
	words(0)[5] = entry(1, PTE_RW);
	CU_ASSERT_EQUAL(get(0, PGT_l1), 0);
}

/* The processor marks the old entry while we exchange it: compare-exchanges 0 and 1 take references. */
static void test_write_and_ad(void)
{
	for (int preserve = 0; preserve < 2; preserve++) {
		l1_world();
		world_meanwhile(2, processor_sets_ad);
		CU_ASSERT_EQUAL(write_entry(1, entry(2, PTE_RW), preserve, NULL), 0);
		CU_ASSERT_EQUAL(words(0)[5], entry(2, PTE_RW | PTE_U) | (preserve ? PTE_A | PTE_D : 0));
		check_idle(1);
		CU_ASSERT_EQUAL(types(2), 1);
		CU_ASSERT_EQUAL(refs(0), 2);
		CU_ASSERT_EQUAL(types(0), 1);
	}
}

/* With an expected value it is that value or nothing. */
static void test_write_expected(void)
{
	u64 wrong = 0, right;

	l1_world();
	right = words(0)[5];
	CU_ASSERT_EQUAL(write_entry(1, entry(2, PTE_RW), false, &wrong), -XEN_EAGAIN);
	world_meanwhile(2, processor_sets_ad);
	CU_ASSERT_EQUAL(write_entry(1, entry(2, PTE_RW), false, &right), -XEN_EAGAIN);
	CU_ASSERT_EQUAL(words(0)[5], right | PTE_A | PTE_D);
	check_idle(2);
	right = words(0)[5];
	CU_ASSERT_EQUAL(write_entry(1, entry(2, 0), false, &right), 0);
	check_idle(1);
	CU_ASSERT_EQUAL(refs(2), 2);
}

/* What only lets go of something takes nothing, so it works also when there is no reference left to take. */
static void test_write_less(void)
{
	for (int no_room = 0; no_room < 2; no_room++) {
		l1_world();
		if (no_room)
			page(0)->count_info |= PGC_count_mask;
		world_meanwhile(0, processor_sets_ad);
		CU_ASSERT_EQUAL(write_entry(1, entry(1, PTE_G | PTE_NX), true, NULL), 0);	/* may be read now */
		CU_ASSERT_EQUAL(words(0)[5], entry(1, PTE_U | PTE_A | PTE_D | PTE_NX));
		CU_ASSERT_EQUAL(types(1), 0);
		CU_ASSERT_EQUAL(refs(1), 2);
		CU_ASSERT_EQUAL(write_entry(1, PTE_RW, false, NULL), 0);
		CU_ASSERT_EQUAL(words(0)[5], PTE_RW);
		check_idle(1);
	}
	/* A frame of another keeps its owner's consent for what it was mapped as. */
	l1_world();
	CU_ASSERT_EQUAL(pt_write_entry(&domain_a, &domain_b, words(0) + 5, 1, entry(FOREIGN, PTE_RW), false, NULL), 0);
	CU_ASSERT_EQUAL(write_entry(1, entry(FOREIGN, 0), false, NULL), -XEN_EINVAL);
	CU_ASSERT_EQUAL(types(FOREIGN), 1);
	CU_ASSERT_EQUAL(pt_write_entry(&domain_a, &domain_b, words(0) + 5, 1, entry(FOREIGN, 0), false, NULL), 0);
	CU_ASSERT_EQUAL(types(FOREIGN), 0);
	CU_ASSERT_EQUAL(refs(FOREIGN), 2);
	CU_ASSERT_EQUAL(write_entry(1, 0, false, NULL), 0);
	check_idle(FOREIGN);
}

/* A write that is refused changes nothing, neither the entry nor a count. */
static void test_write_refused(void)
{
	u64 old;

	l1_world();
	old = words(0)[5];
	CU_ASSERT_EQUAL(write_entry(1, entry(FOREIGN, PTE_RW), false, NULL), -XEN_EINVAL);
	CU_ASSERT_EQUAL(write_entry(1, entry(0, PTE_RW), false, NULL), -XEN_EINVAL);
	CU_ASSERT_EQUAL(words(0)[5], old);
	CU_ASSERT_EQUAL(types(0), 1);
	CU_ASSERT_EQUAL(types(1), 1);
	check_idle(2);
	check_idle(FOREIGN);
}

/*
 * The frame of the new entry was a table, the last that used the one which is written: that one stays a table until the
 * entry is in it, and if it cannot be held, nothing is done.
 */
static void test_write_settles(void)
{
	for (int full = 0; full < 2; full++) {
		world_reset();
		domain_a.logdirty = (void *)&domain_a;
		words(3)[0] = entry(0, 0);
		CU_ASSERT_EQUAL(get(3, PGT_l2), 0);
		page_put_with_type(page(3));
		CU_ASSERT_EQUAL(types(0), 1);
		changed_last = NULL;
		if (full)
			page(0)->count_info |= PGC_count_mask;
		CU_ASSERT_EQUAL(write_entry(1, entry(3, PTE_RW), false, NULL), full ? -XEN_EINVAL : 0);
		CU_ASSERT_PTR_EQUAL(changed_last, full ? NULL : page(0));
		CU_ASSERT_FALSE(changed_dead);
		CU_ASSERT_EQUAL(types(3), !full);
		if (full)
			continue;
		settle_all();
		check_idle(0);
		check_idle(3);
	}
	marked_last = NULL;
	nr_mirrors_dropped = 0;
}

/* Processors copy top-level entries: they hear of a change of what they may have copied, and of nothing else. */
static void test_write_l4(void)
{
	u64 *ours = words(0) + HV_SLOT_FIRST;

	world_reset();
	CU_ASSERT_EQUAL(get(0, PGT_l4), 0);
	CU_ASSERT_EQUAL(write_entry(4, entry(1, 0), false, NULL), 0);
	CU_ASSERT_EQUAL(nr_l4_changes, 0);
	CU_ASSERT_EQUAL(write_entry(4, entry(FOREIGN, 0), false, NULL), -XEN_EINVAL);
	CU_ASSERT_EQUAL(nr_l4_changes, 0);
	CU_ASSERT_EQUAL(write_entry(4, entry(2, 0), false, NULL), 0);
	CU_ASSERT_EQUAL(nr_l4_changes, 1);
	CU_ASSERT_EQUAL(write_entry(4, 0, false, NULL), 0);
	CU_ASSERT_EQUAL(nr_l4_changes, 2);
	CU_ASSERT_EQUAL(pt_write_entry(&domain_a, &domain_a, ours, 4, entry(1, 0), false, NULL), -XEN_EINVAL);
	CU_ASSERT_EQUAL(*ours, 0);
	settle_all();
	check_idle(1);
	check_idle(2);
}

/*
 * A logged domain: a table is marked when it comes to be one, when it changes, and when it ends, without its mirror
 * then.
 */
static void test_logged(void)
{
	l1_world();
	CU_ASSERT_PTR_NULL(marked_last);		/* nobody is logged */
	CU_ASSERT_EQUAL(write_entry(1, entry(2, PTE_RW), false, NULL), 0);
	CU_ASSERT_PTR_NULL(changed_last);
	domain_a.logdirty = (void *)&domain_a;
	domain_a.mirrored = true;
	CU_ASSERT_EQUAL(write_entry(1, entry(2, PTE_RW | PTE_A), false, NULL), 0);	/* the short cut */
	CU_ASSERT_PTR_EQUAL(changed_last, page(0));
	changed_last = NULL;
	CU_ASSERT_EQUAL(write_entry(1, entry(1, 0), false, NULL), 0);
	CU_ASSERT_PTR_EQUAL(changed_last, page(0));
	changed_last = NULL;
	CU_ASSERT_EQUAL(write_entry(1, entry(FOREIGN, 0), false, NULL), -XEN_EINVAL);
	CU_ASSERT_PTR_NULL(changed_last);
	page(0)->mirror = 3;
	page_put_with_type(page(0));
	CU_ASSERT_PTR_EQUAL(marked_last, page(0));
	CU_ASSERT_EQUAL(nr_mirrors_dropped, 1);
	settle_all();
	marked_last = NULL;
	CU_ASSERT_EQUAL(get(0, PGT_l1), 0);
	CU_ASSERT_PTR_EQUAL(marked_last, page(0));
	CU_ASSERT_EQUAL(page(0)->mirror, 0);
	domain_a.logdirty = NULL;
}

/* Whoever maps another's frame writable is counted, from the entry's first day to its last. */
static void test_foreign_writers(void)
{
	l1_world();
	foreign_writers = 0;
	CU_ASSERT_EQUAL(pt_write_entry(&domain_a, &domain_b, words(0) + 5, 1, entry(FOREIGN, PTE_RW), false, NULL), 0);
	CU_ASSERT_EQUAL(foreign_writers, 1);
	CU_ASSERT_EQUAL(pt_write_entry(&domain_a, &domain_b, words(0) + 6, 1, entry(FOREIGN, 0), false, NULL), 0);
	CU_ASSERT_EQUAL(foreign_writers, 1);
	CU_ASSERT_EQUAL(write_entry(1, entry(1, PTE_RW), false, NULL), 0);
	CU_ASSERT_EQUAL(foreign_writers, 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "whose frame", test_whose },
		{ "the last reference", test_last_reference },
		{ "counts at their limit", test_limits },
		{ "no reference for a partial table", test_no_reference_for_partial },
		{ "the last entry", test_last_entry },
		{ "each entry", test_each_entry },
		{ "tables between two states", test_unsettled },
		{ "a dead table is wanted again", test_back_from_the_dead },
		{ "descriptors", test_descriptors },
		{ "frames that are no RAM", test_devices },
		{ "attributes", test_attributes },
		{ "two CPUs, one frame", test_races },
		{ "two CPUs, and one wants a table", test_race_for_a_table },
		{ "accessed and dirty while an entry is exchanged", test_write_and_ad },
		{ "an entry that must be what it was", test_write_expected },
		{ "an entry that becomes less", test_write_less },
		{ "refused writes", test_write_refused },
		{ "a write that ends a table", test_write_settles },
		{ "entries of a top-level table", test_write_l4 },
		{ "a logged domain", test_logged },
		{ "frames of others, writable", test_foreign_writers },
		CU_TEST_INFO_NULL,
	};

	return suite_run("page types, rule by rule", tests);
}
