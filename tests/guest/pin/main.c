/* SPDX-License-Identifier: MIT */
/*
 * Pinning: how a page becomes a page table and stops being one.
 *
 * ABI: PIN_Ln_TABLE validates a page and all below it as a table of level n and holds it there until UNPIN_TABLE; the
 * page must not be mapped writable anywhere. Pinned once is pinned: again is -EINVAL, as is unpinning what is not
 * pinned. A table in use by another keeps its type after unpinning; a page without any use as a table may be mapped
 * writable again. NEW_BASEPTR takes an L4, validating it if it is no table yet.
 */
#include "guest.h"

static u64 *l4, *l3, *l2, *l1, *data;

static void link(u64 *table, unsigned int i, void *below, u64 flags)
{
	table[i] = PTE(va_to_mfn(below), flags);
}

static long pin(void *va, int level)
{
	return mmuext(MMUEXT_PIN_L1_TABLE + level - 1, va_to_mfn(va));
}

static long unpin(void *va)
{
	return mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(va));
}

static void tree_new(void)
{
	l4 = page_alloc();
	l3 = page_alloc();
	l2 = page_alloc();
	l1 = page_alloc();
	data = page_alloc();
	link(l1, 5, data, PTE_KERNEL | PTE_U);
	link(l2, 0, l1, PTE_TABLE);
	link(l3, 0, l2, PTE_TABLE);
	link(l4, 0, l3, PTE_TABLE);
}

static void tree_ro(void)
{
	CHECK_EQ(make_ro(l1) | make_ro(l2) | make_ro(l3) | make_ro(l4), 0);
}

static void tree_rw(void)
{
	CHECK_EQ(make_rw(l1), 0);
	CHECK_EQ(make_rw(l2), 0);
	CHECK_EQ(make_rw(l3), 0);
	CHECK_EQ(make_rw(l4), 0);
}

static void test_levels(void)
{
	tree_new();
	CHECK_EQ(pin(l1, 1), -XEN_EINVAL);	/* mapped writable */
	tree_ro();
	CHECK_EQ(pin(l1, 1), 0);
	CHECK_EQ(pin(l1, 1), -XEN_EINVAL);	/* pinned already */
	CHECK_EQ(pin(l1, 2), -XEN_EINVAL);	/* a table of another level */
	CHECK(make_rw(l1) < 0, "a pinned table can be mapped writable");
	CHECK_EQ(unpin(l1), 0);
	CHECK_EQ(unpin(l1), -XEN_EINVAL);
	CHECK_EQ(pin(l2, 2), 0);
	CHECK_EQ(pin(l3, 3), 0);
	CHECK_EQ(pin(l4, 4), 0);
	CHECK_EQ(unpin(l2), 0);
	CHECK(make_rw(l2) < 0, "a table in use can be mapped writable");
	CHECK_EQ(unpin(l3), 0);
	CHECK_EQ(unpin(l4), 0);
	tree_rw();
}

static void test_below_is_checked(void)
{
	tree_new();
	CHECK_EQ(make_ro(l4) | make_ro(l3) | make_ro(l2), 0);
	CHECK_EQ(pin(l4, 4), -XEN_EINVAL);	/* l1 is writable */
	CHECK_EQ(make_ro(l1), 0);
	CHECK_EQ(pin(l4, 4), 0);
	CHECK(make_rw(l1) < 0, "the lowest table can be mapped writable");
	CHECK_EQ(unpin(l4), 0);
	tree_rw();
}

/* After a refusal nothing is held: the pages are as before. */
static void test_refusal_leaves_nothing(void)
{
	tree_new();
	link(l1, 6, l1, PTE_KERNEL);		/* a table that maps itself writable */
	tree_ro();
	CHECK(pin(l4, 4) < 0, "a table that maps itself writable was accepted");
	tree_rw();
	l1[6] = 0;
	tree_ro();
	CHECK_EQ(pin(l4, 4), 0);
	CHECK_EQ(unpin(l4), 0);
	tree_rw();
}

static void test_new_baseptr(void)
{
	volatile u64 *mine = (void *)start_info->pt_base;
	u64 *copy = page_alloc(), old = l4_mfn();

	for (int i = 0; i < 512; i++)
		copy[i] = mine[i];
	for (int i = 256; i < 272; i++)
		copy[i] = 0;			/* the hypervisor's: it fills them in */
	CHECK_EQ(mmuext(MMUEXT_NEW_BASEPTR, va_to_mfn(copy)), -XEN_EINVAL);
	CHECK_EQ(make_ro(copy), 0);
	CHECK_EQ(mmuext(MMUEXT_NEW_BASEPTR, va_to_mfn(copy)), 0);
	CHECK(can_read(machine_to_phys_mapping), "the machine-to-physical table is gone");
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0) >> 16, 4);
	CHECK(make_rw(copy) < 0, "the table in use can be mapped writable");
	CHECK_EQ(mmuext(MMUEXT_NEW_BASEPTR, old), 0);
	CHECK_EQ(mmuext(MMUEXT_NEW_BASEPTR, old), 0);
	CHECK_EQ(make_rw(copy), 0);
	CHECK_EQ(mmuext(MMUEXT_NEW_BASEPTR, va_to_mfn(data)), -XEN_EINVAL);
	CHECK_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(data)), -XEN_EINVAL);
	CHECK_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, 0), 0);
	CHECK_EQ(l4_mfn(), old);
}

static void test_errors(void)
{
	tree_new();
	CHECK_EQ(mmuext(MMUEXT_PIN_L1_TABLE, 0xfffffffffful), -XEN_EINVAL);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, 0xfffffffffful), -XEN_EINVAL);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(data)), -XEN_EINVAL);
	CHECK(mmuext(MMUEXT_PIN_L1_TABLE, start_info->shared_info >> 12) < 0, "shared info page pinned");
	CHECK_EQ(mmuext(MMUEXT_MARK_SUPER, ~0ul << 21), -XEN_EOPNOTSUPP);
	CHECK_EQ(mmuext(MMUEXT_UNMARK_SUPER, 0), -XEN_EOPNOTSUPP);
	CHECK_EQ(mmuext(99, 0), -XEN_ENOSYS);
}

static void test_page_ops(void)
{
	u64 *a = page_alloc(), *b = page_alloc();

	memset(a, 0x5a, PAGE);
	CHECK_EQ(mmuext2(MMUEXT_COPY_PAGE, va_to_mfn(b), va_to_mfn(a)), 0);
	CHECK(!memcmp(a, b, PAGE), "COPY_PAGE");
	CHECK_EQ(mmuext(MMUEXT_CLEAR_PAGE, va_to_mfn(a)), 0);
	CHECK_EQ(a[0] | a[511], 0);
	CHECK_EQ(make_ro(l1), 0);
	CHECK_EQ(pin(l1, 1), 0);
	CHECK(mmuext(MMUEXT_CLEAR_PAGE, va_to_mfn(l1)) < 0, "a page table was cleared");
	CHECK(mmuext2(MMUEXT_COPY_PAGE, va_to_mfn(l1), va_to_mfn(b)) < 0, "a page table was overwritten");
	CHECK_EQ(unpin(l1), 0);
	CHECK_EQ(make_rw(l1), 0);
}

void test_main(void)
{
	test_levels();
	test_below_is_checked();
	test_refusal_leaves_nothing();
	test_new_baseptr();
	test_errors();
	test_page_ops();
}
