/* SPDX-License-Identifier: MIT */
/*
 * update_va_mapping and TLB flushes.
 *
 * ABI: writes the L1 entry that maps an address of the current address space, after checking it, and flushes as the
 * flags say: nothing, the page, everything; on this vCPU, all, or those of a bitmap. An address without an L1
 * table, of the hypervisor, or not canonical is -EINVAL. The otherdomain form takes the owner of the frame.
 */
#include "guest.h"

static long uvm(u64 va, u64 pte, u64 flags)
{
	return hypercall3(__HYPERVISOR_update_va_mapping, va, pte, flags);
}

static void test_mapping(void)
{
	volatile u64 *a = page_alloc(), *b = page_alloc();

	a[0] = 1;
	b[0] = 2;
	CHECK_EQ(uvm((u64)a, PTE(va_to_mfn(b), PTE_KERNEL), UVMF_INVLPG), 0);
	CHECK_EQ(a[0], 2);
	CHECK_EQ(uvm((u64)a, 0, UVMF_INVLPG), 0);
	CHECK(!can_read(a), "still mapped");
	CHECK_EQ(uvm((u64)a, PTE(va_to_mfn(a), PTE_KERNEL_RO), UVMF_TLB_FLUSH), 0);
	CHECK(can_read(a) && !can_write(a), "not read-only");
	CHECK_EQ(uvm((u64)a, PTE(va_to_mfn(a), PTE_KERNEL), UVMF_NONE), 0);
	CHECK(can_write(a), "not writable");
	CHECK_EQ(a[0], 1);
}

static void test_flush_flags(void)
{
	volatile u64 *a = page_alloc();
	u64 mask __attribute__((aligned(8))) = 1;
	u64 pte = PTE(va_to_mfn(a), PTE_KERNEL);

	CHECK_EQ(uvm((u64)a, pte, UVMF_INVLPG | UVMF_ALL), 0);
	CHECK_EQ(uvm((u64)a, pte, UVMF_TLB_FLUSH | UVMF_ALL), 0);
	CHECK_EQ(uvm((u64)a, pte, UVMF_INVLPG | (u64)&mask), 0);
	CHECK_EQ(uvm((u64)a, pte, UVMF_TLB_FLUSH | (u64)&mask), 0);
	CHECK_EQ(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
	CHECK_EQ(mmuext(MMUEXT_TLB_FLUSH_ALL, 0), 0);
	CHECK_EQ(mmuext(MMUEXT_INVLPG_LOCAL, (u64)a), 0);
	CHECK_EQ(mmuext(MMUEXT_INVLPG_ALL, (u64)a), 0);
	CHECK_EQ(mmuext2(MMUEXT_TLB_FLUSH_MULTI, 0, (u64)&mask), 0);
	CHECK_EQ(mmuext2(MMUEXT_INVLPG_MULTI, (u64)a, (u64)&mask), 0);
	CHECK(mmuext2(MMUEXT_TLB_FLUSH_MULTI, 0, 0x10) < 0, "a bitmap at an address without memory");
	CHECK_EQ(mmuext(MMUEXT_INVLPG_LOCAL, 0x8000000000000000), 0);
	CHECK_EQ(mmuext(MMUEXT_INVLPG_ALL, 0xffff830000000000), 0);
}

static void test_errors(void)
{
	u64 pte = PTE(va_to_mfn(page_alloc()), PTE_KERNEL);

	CHECK_EQ(uvm(0x123000, pte, 0), -XEN_EINVAL);
	CHECK_EQ(uvm(0xffff800000000000, pte, 0), -XEN_EINVAL);
	CHECK_EQ(uvm(0xffff830000000000, pte, 0), -XEN_EINVAL);
	CHECK_EQ(uvm(0x0000800000000000, pte, 0), -XEN_EINVAL);
	CHECK_EQ(uvm(0x8000000000000000, pte, 0), -XEN_EINVAL);
}

static void test_otherdomain(void)
{
	volatile u64 *a = page_alloc();
	u64 pte = PTE(va_to_mfn(a), PTE_KERNEL);

	CHECK_EQ(hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, a, pte, UVMF_INVLPG, DOMID_SELF), 0);
	CHECK(hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, a, pte, UVMF_INVLPG, 1234) < 0, "domain 1234");
	CHECK(can_write(a), "the mapping was lost");
}

/* Read-only and back, four thousand times. */
static void test_repeat(void)
{
	volatile u64 *a = page_alloc();
	unsigned int bad = 0;

	for (int i = 0; i < 2000; i++) {
		bad += make_ro((void *)a) != 0;
		bad += make_rw((void *)a) != 0;
	}
	CHECK_EQ(bad, 0);
	CHECK(can_write(a), "not writable");
}

void test_main(void)
{
	test_mapping();
	test_flush_flags();
	test_errors();
	test_otherdomain();
	test_repeat();
}
