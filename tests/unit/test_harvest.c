/* SPDX-License-Identifier: MIT */
/*
 * Dirty bits of a logged domain whose kernel helps (mm/harvest.c). Whatever a page is written through, and whenever
 * the entry goes, the next walk or what came before it has marked the page. A random walk over frames, entries,
 * tables that come and go, and a processor that sets A and D, with preemption, checks that against a list of what was
 * written.
 */
#include "mm_world.h"
#include "suite.h"

#define SOFT	(1ULL << 56)
#define FOREIGN	(NR_FRAMES - 1)		/* domain_b's */

static u64 entry(unsigned int frame, u64 flags) { return (u64)frame << PAGE_SHIFT | PTE_P | flags; }
static int get(unsigned int i, u64 type) { return page_get_with_type(_mfn(i), &domain_a, type); }

/* In front of a table that is made: nothing is taken for granted. */
static void helped_world(void)
{
	world_reset();
	lock_held = true;
	domain_a.logdirty = (void *)&domain_a;
	domain_a.mirrored = false;
	domain_a.soft_dirty = harvest.soft = SOFT;
}

static int write_entry(unsigned int table, unsigned int i, u64 val, bool preserve)
{
	return pt_write_entry(&domain_a, &domain_a, words(table) + i, 1, val, preserve, NULL);
}

static void walk(void)
{
	while (harvest_walk(&domain_a))
		;
}

/* --- entries --- */

static void test_walk(void)
{
	helped_world();
	words(0)[5] = entry(1, PTE_RW);
	words(0)[6] = entry(2, PTE_RW);
	CU_ASSERT_EQUAL(get(0, PGT_l1), 0);
	walk();
	marked[0] = false;
	CU_ASSERT_FALSE(marked[1]);
	words(0)[5] |= PTE_A | PTE_D;
	walk();
	CU_ASSERT_EQUAL(words(0)[5], entry(1, PTE_RW | PTE_U | PTE_A | SOFT));
	CU_ASSERT_TRUE(marked[1]);
	CU_ASSERT_TRUE(marked[0]);		/* it says dirty now, and did not */
	CU_ASSERT_FALSE(marked[2]);
	memset(marked, 0, sizeof(marked));
	words(0)[5] |= PTE_D;
	walk();
	CU_ASSERT_TRUE(marked[1]);
	CU_ASSERT_FALSE(marked[0]);		/* it says what it said */
	memset(marked, 0, sizeof(marked));
	walk();
	CU_ASSERT_FALSE(marked[1]);
}

static void processor_sets_a(void)
{
	words(0)[5] |= PTE_A;
}

static void test_processor(void)
{
	helped_world();
	CU_ASSERT_EQUAL(get(0, PGT_l1), 0);
	CU_ASSERT_EQUAL(write_entry(0, 5, entry(1, PTE_RW | PTE_D), false), 0);
	world_meanwhile(0, processor_sets_a);
	walk();
	CU_ASSERT_EQUAL(words(0)[5], entry(1, PTE_RW | PTE_U | PTE_A | SOFT));
	CU_ASSERT_TRUE(marked[1]);
}

/* What is not the domain's, or no memory, or not present, stays as it is. */
static void test_others(void)
{
	helped_world();
	CU_ASSERT_EQUAL(get(0, PGT_l1), 0);
	CU_ASSERT_EQUAL(pt_write_entry(&domain_a, &domain_b, words(0) + 5, 1, entry(FOREIGN, PTE_RW | PTE_D), false, NULL), 0);
	words(0)[6] = (entry(2, PTE_RW | PTE_D)) & ~PTE_P;
	walk();
	CU_ASSERT_TRUE(words(0)[5] & PTE_D);
	CU_ASSERT_FALSE(words(0)[5] & SOFT);
	CU_ASSERT_EQUAL(words(0)[6], (entry(2, PTE_RW | PTE_D)) & ~PTE_P);
	CU_ASSERT_FALSE(marked[FOREIGN]);
	CU_ASSERT_FALSE(marked[2]);
}

static const u64 successors[] = { 0, 0x1ef0, (3ULL << PAGE_SHIFT) | PTE_P, (1ULL << PAGE_SHIFT) | PTE_P,
				  (1ULL << PAGE_SHIFT) | PTE_P | PTE_RW };

/* However an entry with D changes, its page is marked then, or D is still there. */
static void test_dropped(void)
{
	for (unsigned int i = 0; i < sizeof(successors) / sizeof(successors[0]); i++)
		for (int preserve = 0; preserve < 2; preserve++) {
			helped_world();
			CU_ASSERT_EQUAL(get(0, PGT_l1), 0);
			CU_ASSERT_EQUAL(write_entry(0, 5, entry(1, PTE_RW), false), 0);
			words(0)[5] |= PTE_A | PTE_D;
			CU_ASSERT_FALSE(marked[1]);
			CU_ASSERT_EQUAL(write_entry(0, 5, successors[i], preserve), 0);
			CU_ASSERT_TRUE(marked[1]);
		}
}

/* An update that keeps what the processor has set keeps what we have made of it. */
static void test_preserve(void)
{
	helped_world();
	CU_ASSERT_EQUAL(get(0, PGT_l1), 0);
	CU_ASSERT_EQUAL(write_entry(0, 5, entry(1, PTE_RW | PTE_D), false), 0);
	walk();
	CU_ASSERT_EQUAL(write_entry(0, 5, entry(1, 0), true), 0);
	CU_ASSERT_EQUAL(words(0)[5], entry(1, PTE_U | SOFT));
	CU_ASSERT_EQUAL(write_entry(0, 5, entry(1, PTE_RW), true), 0);
	CU_ASSERT_EQUAL(words(0)[5], entry(1, PTE_RW | PTE_U | SOFT));
	CU_ASSERT_EQUAL(write_entry(0, 5, entry(1, PTE_RW), false), 0);
	CU_ASSERT_EQUAL(words(0)[5], entry(1, PTE_RW | PTE_U));
}

/* --- tables --- */

static void test_tables(void)
{
	helped_world();
	for (unsigned int i = 0; i < 3; i++) {
		words(i)[7] = entry(5 + i, PTE_RW);
		CU_ASSERT_EQUAL(get(i, PGT_l1), 0);
		words(i)[7] |= PTE_D;
	}
	/* One dies, with all that its entries say, and is settled by the walk. */
	page_put_with_type(page(1));
	CU_ASSERT_FALSE(marked[6]);
	preempt_one_in = 2;
	walk();
	CU_ASSERT_TRUE(marked[5] && marked[6] && marked[7]);
	CU_ASSERT_EQUAL(types(6), 0);
	/* Dead, and wanted again before it was settled: in the list again. */
	memset(marked, 0, sizeof(marked));
	words(2)[7] |= PTE_D;
	page_put_with_type(page(2));
	CU_ASSERT_EQUAL(page(2)->type_info & PGT_dead, PGT_dead);
	CU_ASSERT_EQUAL(get(2, PGT_l1), 0);
	walk();
	CU_ASSERT_TRUE(marked[7]);
	CU_ASSERT_EQUAL(words(2)[7] & (PTE_D | SOFT), SOFT);
	/* The end of logging. */
	CU_ASSERT_TRUE(harvest_unlink_one(&domain_a));
	CU_ASSERT_TRUE(harvest_unlink_one(&domain_a));
	CU_ASSERT_FALSE(harvest_unlink_one(&domain_a));
	CU_ASSERT_EQUAL(page(0)->next_l1, 0);
	CU_ASSERT_EQUAL(page(2)->next_l1, 0);
}

/* ENABLE takes what is there, once, clean, and nothing else. */
static void test_take(void)
{
	helped_world();
	domain_a.logdirty = NULL;
	words(0)[5] = entry(1, PTE_RW | PTE_D);
	CU_ASSERT_EQUAL(get(0, PGT_l1), 0);
	CU_ASSERT_EQUAL(get(1, PGT_writable), 0);
	CU_ASSERT_EQUAL(page(0)->next_l1, 0);
	domain_a.logdirty = (void *)&domain_a;
	CU_ASSERT_TRUE(harvest_take(&domain_a, page(0)));
	CU_ASSERT_TRUE(harvest_take(&domain_a, page(0)));
	CU_ASSERT_FALSE(harvest_take(&domain_a, page(1)));
	CU_ASSERT_FALSE(harvest_take(&domain_a, page(2)));
	CU_ASSERT_FALSE(marked[0] || marked[1]);
	CU_ASSERT_EQUAL(words(0)[5], entry(1, PTE_RW | PTE_U | SOFT));
	CU_ASSERT_TRUE(harvest_unlink_one(&domain_a));
	CU_ASSERT_FALSE(harvest_unlink_one(&domain_a));
}

/* --- at random --- */

#define NR_TABLES	4		/* frames 0 to 3; they lead to the next eight */
#define NR_DATA		8

static unsigned int below(unsigned int n) { return (unsigned int)rand() % n; }

static bool is_table(unsigned int t) { return (page(t)->type_info & PGT_type_mask) == PGT_l1 && types(t); }

static void step(bool *written)
{
	unsigned int t = below(NR_TABLES), i = below(4), data = NR_TABLES + below(NR_DATA);
	u64 *e = words(t) + i;

	switch (below(8)) {
	case 0:
		if (!is_table(t))
			get(t, PGT_l1);
		break;
	case 1:
		if (is_table(t))
			page_put_with_type(page(t));
		break;
	case 2: case 3:
		if (is_table(t))
			write_entry(t, i, below(3) ? entry(data, below(2) ? PTE_RW : 0) : 0, below(2));
		break;
	default:
		/* The processor, through a table that is one. */
		if (is_table(t) && (*e & (PTE_P | PTE_RW)) == (PTE_P | PTE_RW)) {
			*e |= PTE_A | PTE_D;
			written[*e >> PAGE_SHIFT & 0xff] = true;
		}
	}
}

static void test_random(void)
{
	bool written[NR_FRAMES];

	helped_world();
	preempt_one_in = 3;
	for (unsigned int round = 0; round < 20000; round++) {
		memset(written, 0, sizeof(written));
		memset(marked, 0, sizeof(marked));
		for (unsigned int n = below(30); n; n--)
			step(written);
		/*
		 * While a walk is preempted the guest goes on: what it writes then is marked by this walk or by the
		 * next.
		 */
		if (below(2) && harvest_walk(&domain_a))
			for (unsigned int n = below(10); n; n--)
				step(written);
		walk();
		walk();
		for (unsigned int i = 0; i < NR_FRAMES; i++)
			if (written[i] && !marked[i]) {
				CU_FAIL("a page was written without a mark");
				return;
			}
	}
	CU_PASS("nothing was missed");
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a walk", test_walk },
		{ "the processor is at it, too", test_processor },
		{ "entries that are none of its", test_others },
		{ "an entry that goes", test_dropped },
		{ "an update that preserves", test_preserve },
		{ "tables that come and go", test_tables },
		{ "tables that are there already", test_take },
		{ "at random", test_random },
		CU_TEST_INFO_NULL,
	};

	return suite_run("dirty bits of a guest that helps", tests);
}
