/* SPDX-License-Identifier: MIT */
/*
 * The test kernel's own memory and page tables.
 *
 * The first page tables, as built for us, stay in use; tests add to them. Tables are mapped read-only, so they can be
 * read in place; the machine-to-physical table leads from an entry to the next table.
 */
#include "guest.h"

#define POOL_PAGES 192

static u8 pool[POOL_PAGES][PAGE] __attribute__((aligned(4096)));
static unsigned int pool_used;

void *page_alloc(void)
{
	if (pool_used == POOL_PAGES)
		test_die("out of pages");
	return pool[pool_used++];
}

u64 va_to_pfn(const volatile void *va)
{
	return ((u64)va - VIRT_BASE) >> 12;
}

u64 pfn_to_mfn(u64 pfn)
{
	return ((u64 *)start_info->mfn_list)[pfn];
}

u64 va_to_mfn(const volatile void *va)
{
	return pfn_to_mfn(va_to_pfn(va));
}

void *mfn_to_va(u64 mfn)
{
	return (void *)(VIRT_BASE + (machine_to_phys_mapping[mfn] << 12));
}

u64 l4_mfn(void)
{
	return va_to_mfn((void *)start_info->pt_base);
}

static volatile u64 *entry_at(volatile u64 *table, u64 va, int level)
{
	return &table[va >> (3 + 9 * level) & 511];
}

volatile u64 *pte_of(const volatile void *va, int level)
{
	volatile u64 *e = entry_at((void *)start_info->pt_base, (u64)va, 4);

	for (int l = 4; l > level; l--) {
		if (!(*e & PTE_P))
			test_die("no level %d table for %p", l - 1, va);
		e = entry_at(mfn_to_va(PTE_MFN(*e)), (u64)va, l - 1);
	}
	return e;
}

u64 pte_machine(const volatile void *va, int level)
{
	volatile u64 *e = pte_of(va, level);

	return va_to_mfn(e) << 12 | ((u64)e & (PAGE - 1));
}

long mmu_update(u64 ptr, u64 val)
{
	struct mmu_update u = { .ptr = ptr, .val = val };

	return hypercall4(__HYPERVISOR_mmu_update, &u, 1, 0, DOMID_SELF);
}

long mmuext2(unsigned int cmd, u64 arg1, u64 arg2)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1, .arg2.src_mfn = arg2 };

	return hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
}

long mmuext(unsigned int cmd, u64 arg1)
{
	return mmuext2(cmd, arg1, 0);
}

long set_va(void *va, u64 pte)
{
	return hypercall3(__HYPERVISOR_update_va_mapping, va, pte, UVMF_INVLPG);
}

long make_ro(void *va)
{
	return set_va(va, PTE(va_to_mfn(va), PTE_KERNEL_RO));
}

long make_rw(void *va)
{
	return set_va(va, PTE(va_to_mfn(va), PTE_KERNEL));
}

void table_new(void *va, int level)
{
	long rc = make_ro(va);

	if (!rc)
		rc = mmuext(MMUEXT_PIN_L1_TABLE + level - 1, va_to_mfn(va));
	if (rc)
		test_die("cannot make a level %d table: %ld", level, rc);
}

u64 text_checksum(void)
{
	extern const u64 extable_end[];
	u64 sum = 0;

	for (const u64 *p = (u64 *)(VIRT_BASE + (1 << 20)); p < extable_end; p++)
		sum = sum * 31 + *p;
	return sum;
}

long own_reservation(unsigned int cmd, u64 *list, u64 n)
{
	struct xen_memory_reservation r = { .nr_extents = n, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, list);
	return hypercall2(__HYPERVISOR_memory_op, cmd, &r);
}
