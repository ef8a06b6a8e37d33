/* SPDX-License-Identifier: MIT */
/*
 * What is read-only stays read-only, on every way a guest could think of.
 *
 * ABI: a frame has one type at a time. While it is a page table, or a descriptor page in use, no writable mapping
 * of it can be made, by any call, of any address; while a writable mapping exists it cannot become one. CR0.WP
 * cannot be turned off. Read-only mappings are always allowed.
 */
#include "guest.h"

static u64 *table, *alias;

static u64 ways_to_map(u64 mfn, unsigned int *ok)
{
	u64 rw = PTE(mfn, PTE_KERNEL);
	struct multicall_entry mc = { .op = __HYPERVISOR_update_va_mapping,
				      .args = { (u64)alias, rw, UVMF_INVLPG } };

	*ok = 0;
	*ok += set_va(alias, rw) == 0;
	*ok += set_va(alias, rw | PTE_U) == 0;
	*ok += set_va(alias, rw & ~(PTE_A | PTE_D)) == 0;
	*ok += mmu_update(pte_machine(alias, 1), rw) == 0;
	*ok += mmu_update(pte_machine(alias, 1) | MMU_PT_UPDATE_PRESERVE_AD, rw) == 0;
	*ok += hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, alias, rw, UVMF_INVLPG, DOMID_SELF) == 0;
	hypercall2(__HYPERVISOR_multicall, &mc, 1);
	*ok += mc.result == 0;
	TRY("movq %1, %0", : "=m" (*pte_of(alias, 1)) : "r" (rw));
	*ok += trap.vector == NO_TRAP;
	return *ok;
}

static void test_no_writable_alias(void)
{
	unsigned int ok;

	table = page_alloc();
	alias = page_alloc();
	table_new(table, 2);	/* writes to level 1 would be emulated */
	CHECK_EQ(ways_to_map(va_to_mfn(table), &ok), 0);
	/* First read-only, which is allowed, then add the bit: the flags-only path checks as well. */
	CHECK_EQ(set_va(alias, PTE(va_to_mfn(table), PTE_KERNEL_RO)), 0);
	CHECK(can_read(alias) && !can_write(alias), "alias of a table");
	CHECK_EQ(ways_to_map(va_to_mfn(table), &ok), 0);
	TRY("lock btsq $1, %0", : "+m" (*pte_of(alias, 1)) : : "cc");
	CHECK_EQ(trap.vector, 14);
	TRY("lock orb $2, %0", : "+m" (*(volatile u8 *)pte_of(alias, 1)) : : "cc");
	CHECK_EQ(trap.vector, 14);
	CHECK(!can_write(alias), "the alias became writable");
	CHECK_EQ(make_rw(alias), 0);
}

static void test_live_tables(void)
{
	unsigned int ok;

	for (int level = 2; level <= 4; level++)
		CHECK_EQ(ways_to_map(PTE_MFN(level == 4 ? l4_mfn() << 12 : *pte_of(alias, level)), &ok), 0);
	CHECK_EQ(ways_to_map(va_to_mfn((void *)pte_of(alias, 1)), &ok), 0);
}

static void test_no_table_while_writable(void)
{
	u64 *page = page_alloc();

	CHECK_EQ(set_va(alias, PTE(va_to_mfn(page), PTE_KERNEL)), 0);
	CHECK_EQ(make_ro(page), 0);
	CHECK(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)) < 0, "pinned although an alias is writable");
	CHECK(mmuext(MMUEXT_NEW_BASEPTR, va_to_mfn(page)) < 0, "loaded although an alias is writable");
	CHECK_EQ(set_va(alias, 0), 0);
	CHECK_EQ(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)), 0);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(page)), 0);
	CHECK_EQ(make_rw(alias), 0);
}

static void test_write_protect_stays(void)
{
	u64 cr0 = 0;

	TRY("mov %%cr0, %0", : "=r" (cr0));
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("mov %0, %%cr0", : : "r" (cr0 & ~(1ul << 16)));
	CHECK(!can_write(table), "CR0.WP could be cleared");
	TRY("mov %0, %%cr0", : : "r" (cr0));
}

/* A mapping that was writable is gone from the TLB when its frame becomes a table. */
static void test_no_stale_entry(void)
{
	u64 *page = page_alloc();

	for (int i = 0; i < 50; i++) {
		*(volatile u64 *)page = 0;
		CHECK_EQ(hypercall3(__HYPERVISOR_update_va_mapping, page, PTE(va_to_mfn(page), PTE_KERNEL_RO),
				    UVMF_NONE), 0);
		CHECK_EQ(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)), 0);
		TRY("movq %1, %0", : "=m" (page[511]) : "r" (PTE(va_to_mfn(page), PTE_KERNEL)));
		CHECK_EQ(trap.vector, 14);
		CHECK_EQ(page[511], 0);
		CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(page)), 0);
		CHECK_EQ(make_rw(page), 0);
	}
}

void test_main(void)
{
	test_no_writable_alias();
	test_live_tables();
	test_no_table_while_writable();
	test_write_protect_stays();
	test_no_stale_entry();
}
