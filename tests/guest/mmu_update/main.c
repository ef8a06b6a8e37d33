/* SPDX-License-Identifier: MIT */
/*
 * mmu_update, each command.
 *
 * ABI: NORMAL_PT_UPDATE writes an entry of any level after checking it; PRESERVE_AD does so and keeps accessed and
 * dirty bits that the entry has by then; NO_TRANSLATE is as NORMAL for PV; MACHPHYS_UPDATE sets the
 * machine-to-physical entry of an own frame. Requests are carried out in order; the first failure stops, and `done`
 * says how many went before. An entry of a page that is no page table is -EINVAL or written as plain data if the
 * page is writable.
 */
#include "guest.h"

static u64 *l1, *data;
static u64 hole;		/* an address of the kernel's that l1 maps, and data is put there */

/* Hang a fresh L1 into the kernel's L2, in the 2 MiB below those that are used. */
static void setup(void)
{
	hole = VIRT_BASE + (1ul << 30) - (2ul << 20);
	l1 = page_alloc();
	data = page_alloc();
	CHECK_EQ(make_ro(l1), 0);
	CHECK_EQ(mmu_update(pte_machine((void *)hole, 2), PTE(va_to_mfn(l1), PTE_TABLE)), 0);
}

static u64 entry(unsigned int i)
{
	return va_to_mfn(l1) << 12 | i * 8;
}

static void test_normal(void)
{
	CHECK(!can_read((void *)hole), "mapped before");
	CHECK_EQ(mmu_update(entry(0), PTE(va_to_mfn(data), PTE_KERNEL)), 0);
	CHECK_EQ(PTE_MFN(l1[0]), va_to_mfn(data));
	*(volatile u64 *)hole = 0x42;
	CHECK_EQ(data[0], 0x42);
	CHECK_EQ(mmu_update(entry(0), 0), 0);
	CHECK_EQ(l1[0], 0);
	mmuext(MMUEXT_INVLPG_LOCAL, hole);
	CHECK(!can_read((void *)hole), "still mapped");
	CHECK_EQ(mmu_update(entry(0) | MMU_PT_UPDATE_NO_TRANSLATE, PTE(va_to_mfn(data), PTE_KERNEL_RO)), 0);
	CHECK(can_read((void *)hole) && !can_write((void *)hole), "read-only mapping");
	/* An absent entry may hold anything. */
	CHECK_EQ(mmu_update(entry(0), 0x123456789abcde0), 0);
	CHECK_EQ(l1[0], 0x123456789abcde0);
	CHECK_EQ(mmu_update(entry(0), 0), 0);
}

static void test_preserve_ad(void)
{
	CHECK_EQ(mmu_update(entry(1), PTE(va_to_mfn(data), PTE_P | PTE_RW)), 0);
	CHECK_EQ(l1[1] & (PTE_A | PTE_D), 0);
	*(volatile u64 *)(hole + PAGE) = 1;
	CHECK_EQ(l1[1] & (PTE_A | PTE_D), PTE_A | PTE_D);
	CHECK_EQ(mmu_update(entry(1) | MMU_PT_UPDATE_PRESERVE_AD, PTE(va_to_mfn(data), PTE_P)), 0);
	CHECK_EQ(l1[1] & (PTE_A | PTE_D | PTE_RW), PTE_A | PTE_D);
	CHECK_EQ(mmu_update(entry(1), PTE(va_to_mfn(data), PTE_P)), 0);
	CHECK_EQ(l1[1] & (PTE_A | PTE_D), 0);
	CHECK_EQ(mmu_update(entry(1), 0), 0);
}

static void test_batch(void)
{
	struct mmu_update u[8];
	unsigned int done = 77;

	for (int i = 0; i < 8; i++)
		u[i] = (struct mmu_update){ .ptr = entry(10 + i), .val = PTE(va_to_mfn(data), PTE_KERNEL_RO) };
	CHECK_EQ(hypercall4(__HYPERVISOR_mmu_update, u, 8, &done, DOMID_SELF), 0);
	CHECK_EQ(done, 8);
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(PTE_MFN(l1[10 + i]), va_to_mfn(data));
		u[i].val = 0;
	}
	u[5].val = PTE(va_to_mfn(l1), PTE_KERNEL);	/* a writable mapping of a table */
	done = 77;
	CHECK(hypercall4(__HYPERVISOR_mmu_update, u, 8, &done, DOMID_SELF) < 0, "a bad request passed");
	CHECK_EQ(done, 5);
	CHECK_EQ(l1[14], 0);
	CHECK(l1[15] != 0 && l1[16] != 0 && l1[17] != 0, "requests behind the bad one were carried out");
	for (int i = 0; i < 8; i++)
		mmu_update(entry(10 + i), 0);
	CHECK_EQ(hypercall4(__HYPERVISOR_mmu_update, u, 0, &done, DOMID_SELF), 0);
	CHECK_EQ(hypercall4(__HYPERVISOR_mmu_update, 0x10, 1, &done, DOMID_SELF), -XEN_EFAULT);
}

static void test_machphys(void)
{
	u64 mfn = va_to_mfn(data), old = machine_to_phys_mapping[mfn];

	CHECK_EQ(mmu_update(mfn << 12 | MMU_MACHPHYS_UPDATE, 0x77777), 0);
	CHECK_EQ(machine_to_phys_mapping[mfn], 0x77777);
	CHECK_EQ(mmu_update(mfn << 12 | MMU_MACHPHYS_UPDATE, old), 0);
	CHECK_EQ(machine_to_phys_mapping[mfn], old);
	CHECK_EQ(mmu_update(0xfffffffffful << 12 | MMU_MACHPHYS_UPDATE, 1), -XEN_EINVAL);
}

static void test_upper_levels(void)
{
	u64 *l2 = page_alloc(), *l3 = page_alloc();
	u64 slot = 0x100000000000;		/* an L4 entry that nothing uses */
	volatile u64 *l4e = pte_of((void *)slot, 4);

	CHECK_EQ(*l4e, 0);
	CHECK_EQ(make_ro(l2) | make_ro(l3), 0);
	CHECK_EQ(mmu_update(pte_machine((void *)slot, 4), PTE(va_to_mfn(l3), PTE_TABLE)), 0);
	CHECK_EQ(mmu_update(va_to_mfn(l3) << 12, PTE(va_to_mfn(l2), PTE_TABLE)), 0);
	CHECK_EQ(mmu_update(va_to_mfn(l2) << 12, PTE(va_to_mfn(l1), PTE_TABLE)), 0);
	CHECK_EQ(mmu_update(entry(3), PTE(va_to_mfn(data), PTE_KERNEL)), 0);
	data[7] = 0x4711;
	CHECK_EQ(((volatile u64 *)(slot + 3 * PAGE))[7], 0x4711);
	CHECK_EQ(((volatile u64 *)(hole + 3 * PAGE))[7], 0x4711);
	CHECK(make_rw(l2) < 0, "a linked table can be mapped writable");
	CHECK_EQ(mmu_update(pte_machine((void *)slot, 4), 0), 0);
	mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0);
	CHECK(!can_read((void *)(slot + 3 * PAGE)), "still mapped");
	CHECK_EQ(make_rw(l2) | make_rw(l3), 0);
	CHECK_EQ(mmu_update(entry(3), 0), 0);
}

static void test_errors(void)
{
	long rc;

	data[0] = 0x42;
	CHECK(mmu_update(0xfffffffffful << 12, 0) < 0, "an entry in no memory");
	for (unsigned int cmd = 4; cmd < 8; cmd++)
		CHECK_EQ(mmu_update(va_to_mfn(data) << 12 | cmd, 0x99), -XEN_ENOSYS);
	CHECK_EQ(data[0], 0x42);
	rc = mmu_update(va_to_mfn(data) << 12, 0x99);	/* no table: refused, or a plain write */
	CHECK_EQ(data[0], rc ? 0x42 : 0x99);
	CHECK(mmu_update(entry(0), PTE(0xfffffffffful, PTE_KERNEL)) < 0, "a frame beyond all memory");
	CHECK_EQ(l1[0], 0);
	CHECK(hypercall4(__HYPERVISOR_mmu_update, 0, 0, 0, 1234) < 0, "foreign domain 1234");
}

void test_main(void)
{
	setup();
	test_normal();
	test_preserve_ad();
	test_batch();
	test_machphys();
	test_upper_levels();
	test_errors();
}
