/* SPDX-License-Identifier: MIT */
/*
 * The page-type state machine against a naive model, by random walk.
 *
 * The real mm/page_type.c and mm/pt_validate.c, and pt_write_entry() of mm/mmu_update.c, run on a world of a few
 * frames: typed holds come and go (as pins and base pointers do), entries of tables and of plain frames are written,
 * validation is preempted at random and taken up again or given up. The model knows only which holds exist and what is
 * in the frames: from these it computes, for each frame, how many references and which type it must have. After each
 * step both must agree, and no frame may be writable and a table at once.
 */
#include "mm_world.h"
#include "suite.h"

/* --- the walk --- */

static const u64 hold_types[] = { PGT_l1, PGT_l2, PGT_l3, PGT_l4, PGT_seg_desc, PGT_writable };

static struct {
	unsigned int frame;
	u64 type;
} holds[64];
static unsigned int nr_holds;

/* A preempted validation is usually taken up again, sometimes given up. */
static int get_type_again(unsigned int frame, u64 type)
{
	int rc;

	do
		rc = page_get_with_type(_mfn(frame), &domain_a, type);
	while (rc == -XEN_ERESTART && rand() % 8);
	CU_ASSERT(rc != -XEN_ERESTART || (pgt_level(type) >= 2 && pgt_level(type) <= 4));
	return rc;
}

static void step_hold(void)
{
	unsigned int frame = rand() % NR_FRAMES;
	u64 type = hold_types[rand() % ARRAY_SIZE(hold_types)];

	if (nr_holds == ARRAY_SIZE(holds) || get_type_again(frame, type))
		return;
	holds[nr_holds].frame = frame;
	holds[nr_holds++].type = type;
}

static void step_drop(void)
{
	unsigned int i;

	if (!nr_holds)
		return;
	i = rand() % nr_holds;
	page_put_with_type(page(holds[i].frame));
	holds[i] = holds[--nr_holds];
}

static u64 random_entry(void)
{
	u64 e = (u64)(rand() % (NR_FRAMES + 2)) << PAGE_SHIFT;

	if (rand() % 4)
		e |= PTE_P;
	if (rand() % 2)
		e |= PTE_RW;
	if (rand() % 2)
		e |= PTE_U | PTE_A;
	if (rand() % 12 == 0)
		e |= PTE_PSE;
	if (rand() % 16 == 0)
		e |= 1ULL << 51;		/* no processor has that much memory */
	if (rand() % 16 == 0)
		e |= 1ULL << (52 + rand() % 11);
	return e;
}

static void step_write(void)
{
	unsigned int frame = rand() % (NR_FRAMES - NR_FOREIGN), slot = rand() % 6;
	u64 type = page(frame)->type_info, val = random_entry();

	if (pgt_level(type) >= 1 && pgt_level(type) <= 4 && (type & PGT_count_mask)) {
		int rc = pt_write_entry(&domain_a, &domain_a, words(frame) + slot, pgt_level(type), val, rand() % 2, NULL);

		CU_ASSERT(rc != -XEN_ERESTART || pgt_level(type) >= 3);
		if (!rc && !(val & PTE_P))
			CU_ASSERT_EQUAL(words(frame)[slot] & PTE_P, 0);
	} else if (!page_get_with_type(_mfn(frame), &domain_a, PGT_writable)) {
		words(frame)[slot] = val;
		page_put_with_type(page(frame));
	}
}

/* --- the model --- */

struct expected {
	unsigned int refs, types;
	u64 type;
	bool live;
};

static void expect_use(struct expected *x, unsigned int frame, u64 type)
{
	x[frame].refs++;
	if (!type)
		return;
	x[frame].types++;
	if (x[frame].type && x[frame].type != type) {
		CU_FAIL("a frame is used as two types");
		fprintf(stderr, "frame %u: %lx and %lx\n", frame, x[frame].type, type);
	}
	x[frame].type = type;
}

static void expect_table(struct expected *x, unsigned int frame, unsigned int level)
{
	if (x[frame].live)
		return;
	x[frame].live = true;
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		u64 e = words(frame)[i];
		unsigned int to = mfn_x(pte_mfn(e));

		if (!(e & PTE_P) || (level == 4 && pt_slot_is_ours(i)) || to >= NR_FRAMES)
			continue;
		CU_ASSERT_EQUAL(e & (PTE_PSE | 1ULL << 51), 0);
		if (level == 1) {
			expect_use(x, to, e & PTE_RW ? PGT_writable : 0);
			continue;
		}
		expect_use(x, to, (u64)(level - 1) << 60);
		expect_table(x, to, level - 1);
	}
}

static void compare(void)
{
	struct expected x[NR_FRAMES] = { { 0 } };

	for (unsigned int i = 0; i < nr_holds; i++)
		expect_use(x, holds[i].frame, holds[i].type);
	for (unsigned int i = 0; i < nr_holds; i++)
		if (holds[i].type >= PGT_l1 && holds[i].type <= PGT_l4)
			expect_table(x, holds[i].frame, pgt_level(holds[i].type));
	for (unsigned int i = 0; i < NR_FRAMES; i++) {
		CU_ASSERT_EQUAL(page(i)->count_info & PGC_count_mask, x[i].refs + 1);
		CU_ASSERT_EQUAL(page(i)->type_info & PGT_count_mask, x[i].types);
		if (x[i].types)
			CU_ASSERT_EQUAL(page(i)->type_info & PGT_type_mask, x[i].type);
	}
}

static void walk(unsigned int seed, unsigned int steps, unsigned int preempt)
{
	unsigned int taken = 0;

	srand(seed);
	world_reset();
	nr_holds = 0;
	preempt_one_in = preempt;
	for (unsigned int i = 0; i < steps; i++) {
		unsigned int what = rand() % 10;

		if (what < 3)
			step_hold();
		else if (what < 5)
			step_drop();
		else
			step_write();
		if (rand() % 4 == 0) {
			settle_all();
			compare();
			taken += nr_holds;
		}
	}
	CU_ASSERT(taken > steps / 16);		/* the walk does get somewhere */
	while (nr_holds)
		step_drop();
	settle_all();
	compare();
}

static void test_walk(void)
{
	for (unsigned int seed = 1; seed <= 500; seed++)
		walk(seed, 1200, 0);
}

static void test_walk_preempted(void)
{
	for (unsigned int seed = 1001; seed <= 1500; seed++)
		walk(seed, 1200, 2 + seed % 5);
}

/* A whole tree, then its end: all counts are back where they were. */
static void test_tree(void)
{
	world_reset();
	words(0)[3] = 1UL << PAGE_SHIFT | PTE_P | PTE_RW;
	words(1)[4] = 2UL << PAGE_SHIFT | PTE_P | PTE_RW;
	words(2)[5] = 3UL << PAGE_SHIFT | PTE_P | PTE_RW;
	words(3)[6] = 4UL << PAGE_SHIFT | PTE_P | PTE_RW;
	words(3)[7] = 0UL << PAGE_SHIFT | PTE_P;
	CU_ASSERT_EQUAL(page_get_with_type(_mfn(0), &domain_a, PGT_l4), 0);
	CU_ASSERT_EQUAL(page(4)->type_info, PGT_writable | PGT_validated | 1);
	CU_ASSERT_EQUAL(page(0)->count_info & PGC_count_mask, 3);
	/* The tables cannot become writable, the data page cannot become a table. */
	CU_ASSERT_NOT_EQUAL(page_get_with_type(_mfn(2), &domain_a, PGT_writable), 0);
	CU_ASSERT_NOT_EQUAL(page_get_with_type(_mfn(4), &domain_a, PGT_l1), 0);
	page_put_with_type(page(0));
	settle_all();
	for (unsigned int i = 0; i < NR_FRAMES; i++) {
		CU_ASSERT_EQUAL(page(i)->count_info & PGC_count_mask, 1);
		CU_ASSERT_EQUAL(page(i)->type_info & PGT_count_mask, 0);
	}
}

/* A frame that was writable is flushed before it becomes a table, and not when it becomes writable again. */
static void test_flush(void)
{
	world_reset();
	CU_ASSERT_EQUAL(page_get_with_type(_mfn(5), &domain_a, PGT_writable), 0);
	page_put_with_type(page(5));
	nr_flushes = 0;
	CU_ASSERT_EQUAL(page_get_with_type(_mfn(5), &domain_a, PGT_writable), 0);
	page_put_with_type(page(5));
	CU_ASSERT_EQUAL(nr_flushes, 0);
	CU_ASSERT_EQUAL(page_get_with_type(_mfn(5), &domain_a, PGT_l1), 0);
	CU_ASSERT_EQUAL(nr_flushes, 1);
	page_put_with_type(page(5));
	settle_all();
	CU_ASSERT_EQUAL(page_get_with_type(_mfn(5), &domain_a, PGT_writable), 0);
	CU_ASSERT_EQUAL(nr_flushes, 2);
	page_put_with_type(page(5));
}

/*
 * A preemption point is for whoever validates a table of level 3 or 4, which can go on where it stopped. Nobody else
 * may be told to come again: a store to a page table, an LDT fault or a grant has nobody to tell it to.
 */
static void test_dead_in_the_way(void)
{
	static const u64 as[] = { PGT_writable, PGT_seg_desc, PGT_l1, PGT_l2 };

	for (unsigned int i = 0; i < ARRAY_SIZE(as); i++) {
		world_reset();
		for (unsigned int f = 0; f < 3; f++)
			CU_ASSERT_EQUAL(page_get_with_type(_mfn(f), &domain_a, PGT_l1), 0);
		for (unsigned int f = 0; f < 3; f++)
			page_put_with_type(page(f));
		preempt_one_in = 1;
		for (unsigned int f = 0; f < 3; f++) {
			CU_ASSERT_EQUAL(page_get_with_type(_mfn((f + i) % 3), &domain_a, as[i]), 0);
			CU_ASSERT_EQUAL(page((f + i) % 3)->count_info & PGC_count_mask, 2);
		}
		CU_ASSERT_EQUAL(pt_drain(&domain_a), 0);	/* none is on the list that is in use again */
		for (unsigned int f = 0; f < 3; f++)
			CU_ASSERT_EQUAL(page(f)->type_info, as[i] | PGT_validated | 1);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a tree of tables", test_tree },
		{ "flush on a change of type", test_flush },
		{ "a dead table in the way", test_dead_in_the_way },
		{ "random walk", test_walk },
		{ "random walk, preempted", test_walk_preempted },
		CU_TEST_INFO_NULL,
	};

	return suite_run("page types", tests);
}
