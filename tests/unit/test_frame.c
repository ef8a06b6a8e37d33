/* SPDX-License-Identifier: MIT */
/*
 * Owners of frames, mm/frame.c, on top of the real page types: getting frames, giving them up, sharing, and the end of
 * a domain in whatever state its page tables are. Each frame comes back to the heap once, when nobody refers to it any
 * more and not before; a domain that owns a frame, or whose frame somebody holds, is still there.
 */
#define WORLD_OWNERS
#include "mm_world.h"
#include "suite.h"

#define NR_OWN	(NR_FRAMES - NR_FOREIGN)

static bool in_heap[NR_FRAMES];
static struct domain dom_of_ours, dom_of_devices;

/* --- the rest of the hypervisor --- */

void spin_lock(spinlock_t *l) { if (l->holder++) panic("lock taken twice"); }
void spin_unlock(spinlock_t *l) { if (--l->holder) panic("lock not held"); }

void domain_put(struct domain *d)
{
	if (!--d->refcnt)
		panic("the last reference to d%u is gone", d->id);
}

void heap_free_block(struct page_info *pg, unsigned int order)
{
	for (unsigned long i = pg - frame_table; i < (pg - frame_table) + (1UL << order); i++) {
		CU_ASSERT_FALSE(in_heap[i]);
		CU_ASSERT(!types(i) || (page(i)->count_info & PGC_hv));
		in_heap[i] = true;
		page(i)->count_info = PGC_ram | PGC_free;
		page(i)->type_info = PGT_none;
		page(i)->owner = PAGE_UNOWNED;
	}
}

/* --- world --- */

static void world_up(void)
{
	world_reset();
	dom_xen = &dom_of_ours;
	dom_io = &dom_of_devices;
	for (unsigned int i = 0; i < NR_FRAMES; i++) {
		page(i)->count_info = PGC_ram | PGC_free;
		page(i)->owner = PAGE_UNOWNED;
		in_heap[i] = true;
	}
	domain_a.refcnt = domain_b.refcnt = 1;
	domain_a.max_pages = domain_b.max_pages = NR_FRAMES;
	domain_a.page_list = domain_a.limbo_list = domain_b.page_list = domain_b.limbo_list = PAGE_LIST_END;
}

static int assign(struct domain *d, unsigned int frame, unsigned int order)
{
	int rc = page_assign(page(frame), order, d);

	for (unsigned int i = frame; !rc && i < frame + (1U << order); i++)
		in_heap[i] = false;
	return rc;
}

/* All of a's frames, and what is on its lists is what it owns. */
static void a_owns_all(void)
{
	world_up();
	for (unsigned int i = 0; i < NR_OWN; i++)
		CU_ASSERT_EQUAL(assign(&domain_a, i, 0), 0);
}

static unsigned int list_length(u32 head)
{
	unsigned int n = 0;
	u32 prev = PAGE_LIST_END;

	for (u32 i = head; i != PAGE_LIST_END && n <= NR_FRAMES; prev = i, i = page(i)->next, n++)
		CU_ASSERT_EQUAL(page(i)->prev, prev);
	return n;
}

static void check_lists(struct domain *d)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < NR_FRAMES; i++)
		n += page_owner(page(i)) == d;
	CU_ASSERT_EQUAL(d->tot_pages, n);
	CU_ASSERT_EQUAL(list_length(d->page_list) + list_length(d->limbo_list), n);
	CU_ASSERT_EQUAL(d->refcnt, n ? 2 : 1);
}

/* --- tests --- */

static void test_owner(void)
{
	world_up();
	CU_ASSERT_PTR_NULL(page_owner(page(0)));
	page(0)->owner = DOMID_XEN;
	CU_ASSERT_PTR_EQUAL(page_owner(page(0)), dom_xen);
	page(0)->owner = DOMID_IO;
	CU_ASSERT_PTR_EQUAL(page_owner(page(0)), dom_io);
	page(0)->owner = 2;
	CU_ASSERT_PTR_EQUAL(page_owner(page(0)), &domain_b);
}

static void test_assign(void)
{
	world_up();
	domain_a.max_pages = 5;
	CU_ASSERT_EQUAL(assign(&domain_a, 0, 2), 0);
	CU_ASSERT_EQUAL(assign(&domain_a, 4, 1), -XEN_E2BIG);
	CU_ASSERT_EQUAL(assign(&domain_a, 4, 0), 0);
	CU_ASSERT_EQUAL(assign(&domain_a, 5, 0), -XEN_E2BIG);
	domain_b.dying = DOMDYING_dying;
	CU_ASSERT_EQUAL(assign(&domain_b, 5, 0), -XEN_EINVAL);
	CU_ASSERT_PTR_NULL(page_owner(page(5)));
	check_lists(&domain_a);
	check_lists(&domain_b);
	for (unsigned int i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(refs(i), 1);
}

/* From the middle, the beginning and the end of the list; twice is once. */
static void test_give_up(void)
{
	static const unsigned int order[] = { 8, 16, 0, 9, 7 };

	a_owns_all();
	for (unsigned int i = 0; i < ARRAY_SIZE(order); i++) {
		CU_ASSERT_TRUE(page_get(page(order[i]), &domain_a));
		page_put_allocated(page(order[i]));
		page_put_allocated(page(order[i]));
		CU_ASSERT_FALSE(in_heap[order[i]]);	/* we still have it */
		check_lists(&domain_a);
		page_put(page(order[i]));
		CU_ASSERT_TRUE(in_heap[order[i]]);
		check_lists(&domain_a);
	}
	for (unsigned int i = 0; i < NR_OWN; i++)
		if (!in_heap[i])
			page_put_allocated(page(i));
	check_lists(&domain_a);
	CU_ASSERT_EQUAL(domain_a.tot_pages, 0);
}

/* Another owner gets a frame only when nobody refers to it, and after its translations are gone. */
static void test_steal(void)
{
	a_owns_all();
	CU_ASSERT_EQUAL(page_steal(&domain_b, page(3)), -XEN_EINVAL);
	CU_ASSERT_EQUAL(page_get_with_type(_mfn(3), &domain_a, PGT_writable), 0);
	CU_ASSERT_EQUAL(page_steal(&domain_a, page(3)), -XEN_EBUSY);
	page_put_with_type(page(3));
	CU_ASSERT_EQUAL(page_get_with_type(_mfn(4), &domain_a, PGT_l1), 0);
	page_put_with_type(page(4));
	CU_ASSERT_EQUAL(page_steal(&domain_a, page(4)), -XEN_EBUSY);	/* a dead table */
	nr_flushes = 0;
	CU_ASSERT_EQUAL(page_steal(&domain_a, page(3)), 0);
	CU_ASSERT_EQUAL(nr_flushes, 1);
	CU_ASSERT_PTR_NULL(page_owner(page(3)));
	check_lists(&domain_a);
	CU_ASSERT_EQUAL(assign(&domain_b, 3, 0), 0);
	check_lists(&domain_b);
	CU_ASSERT_EQUAL(page(3)->type_info, PGT_none);
}

/* A page of ours that a guest may map: as it was promised, never as a table, and as long as it has it mapped. */
static void test_share(void)
{
	for (int writable = 0; writable < 2; writable++) {
		void *v = words(5);

		world_up();
		in_heap[5] = in_heap[6] = false;
		page(5)->count_info = page(6)->count_info = PGC_ram | PGC_hv | 1;
		page_share_with(v, &domain_a, writable);
		CU_ASSERT_EQUAL(page_get_with_type(_mfn(5), &domain_a, PGT_l1), -XEN_EINVAL);
		CU_ASSERT_EQUAL(page_get_with_type(_mfn(5), &domain_b, PGT_writable), -XEN_EINVAL);
		CU_ASSERT_EQUAL(page_get_with_type(_mfn(5), &domain_a, PGT_writable), writable ? 0 : -XEN_EINVAL);
		if (writable)
			page_put_with_type(page(5));
		CU_ASSERT_TRUE(page_get(page(5), &domain_a));
		hv_free_pages(v, 0);
		CU_ASSERT_FALSE(in_heap[5]);
		CU_ASSERT_FALSE(page_get(page(5), &domain_a));
		page_put(page(5));
		CU_ASSERT_TRUE(in_heap[5]);
		hv_free_pages(words(6), 0);
		CU_ASSERT_TRUE(in_heap[6]);
		hv_free_pages(NULL, 3);
		check_lists(&domain_a);
	}
}

/* --- the end --- */

/* A pinned tree, a tree that is half validated, a dead one, and tables that share what is below. */
static void messy_domain(void)
{
	a_owns_all();
	for (unsigned int i = 0; i < 4; i++)
		words(0)[i] = (1UL + i % 2) << PAGE_SHIFT | PTE_P;
	words(1)[0] = words(2)[0] = words(2)[1] = 3UL << PAGE_SHIFT | PTE_P;
	words(3)[511] = 4UL << PAGE_SHIFT | PTE_P;
	for (unsigned int i = 0; i < NR_OWN; i++)
		words(4)[i] = (u64)i << PAGE_SHIFT | PTE_P | (i > 12 ? PTE_RW : 0);
	words(5)[0] = words(5)[1] = 1UL << PAGE_SHIFT | PTE_P;
	words(6)[0] = 7UL << PAGE_SHIFT | PTE_P;
	CU_ASSERT_EQUAL(page_get_with_type(_mfn(0), &domain_a, PGT_l4), 0);
	page(0)->type_info |= PGT_pinned;
	CU_ASSERT_EQUAL(page_get_with_type(_mfn(6), &domain_a, PGT_l2), 0);
	page_put_with_type(page(6));
	preempt_one_in = 1;
	CU_ASSERT_EQUAL(page_get_with_type(_mfn(5), &domain_a, PGT_l4), -XEN_ERESTART);
	preempt_one_in = 0;
}

/* In steps of any size. What somebody else has mapped stays his until he lets go, and so does its owner. */
static void test_end(void)
{
	for (unsigned int steps = 0; steps < 6; steps++) {
		unsigned int calls = 1;
		int rc;

		messy_domain();
		CU_ASSERT_TRUE(page_get(page(14), &domain_a));		/* a grant, say */
		CU_ASSERT_TRUE(page_get(page(2), &domain_a));
		srand(steps);
		preempt_one_in = steps;
		domain_a.dying = DOMDYING_dying;
		while ((rc = domain_relinquish_memory(&domain_a)) == -XEN_ERESTART && calls < 1000)
			calls++;
		CU_ASSERT_EQUAL(rc, 0);
		CU_ASSERT(steps != 1 || calls >= NR_OWN);
		CU_ASSERT_EQUAL(domain_a.page_list, PAGE_LIST_END);
		CU_ASSERT_EQUAL(domain_a.tot_pages, 2);
		check_lists(&domain_a);
		for (unsigned int i = 0; i < NR_OWN; i++)
			CU_ASSERT_EQUAL(in_heap[i], i != 14 && i != 2);
		page_put(page(14));
		page_put(page(2));
		check_lists(&domain_a);
		CU_ASSERT_EQUAL(domain_a.refcnt, 1);
		CU_ASSERT_EQUAL(domain_relinquish_memory(&domain_a), 0);
	}
}

/* One that another CPU gives up at the moment when its turn comes is left to that CPU. */
static void test_end_and_race(void)
{
	u32 first;

	a_owns_all();
	first = domain_a.page_list;
	page(first)->count_info = PGC_ram;		/* its last reference is gone, its release has not got the lock yet */
	CU_ASSERT_FALSE(page_get(page(first), &domain_a));
	CU_ASSERT_EQUAL(relinquish_page(&domain_a, page(first)), 0);
	CU_ASSERT_FALSE(in_heap[first]);
	page_release(page(first));
	CU_ASSERT_TRUE(in_heap[first]);
	CU_ASSERT_EQUAL(domain_relinquish_memory(&domain_a), 0);
	CU_ASSERT_EQUAL(domain_a.tot_pages, 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "who owns a frame", test_owner },
		{ "frames for a domain", test_assign },
		{ "giving frames up", test_give_up },
		{ "taking a frame away", test_steal },
		{ "sharing a page", test_share },
		{ "the end of a domain", test_end },
		{ "the end, and somebody else at it", test_end_and_race },
		CU_TEST_INFO_NULL,
	};

	return suite_run("owners of frames", tests);
}
