/* SPDX-License-Identifier: MIT */
/*
 * The world of the grant tests: dom0 (a) maps what a guest (b) grants. Page counts and page tables, which have their
 * own tests, are played here by counters; entry n of the guest's table grants its frame n, odd ones only for reading.
 */
#ifndef GRANT_WORLD_H
#define GRANT_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <CUnit/CUnit.h>
#include <CUnit/Basic.h>
#include <xl/grant_table.h>
#include <xl/hypercall.h>
#include <xl/mm.h>
#include <xl/pt.h>
#include <public/grant_table.h>

#define FRAMES_EACH	16	/* of SHIM_FRAMES: dom0's first, then the guest's */
#define HOST_ADDR	0x100000UL

static struct domain *a, *b;	/* a maps, b grants */
static struct grant_entry_v1 *table;	/* b's */
static int refs[SHIM_FRAMES], types[SHIM_FRAMES];
static int map_rc, unmap_rc, maps, flushes;
static int gets_left;			/* so many frames can be had, then none; negative: all */
static u64 mapped_flags;		/* of the last entry written */
static u64 replaced_by;			/* replace_addr of the last unmap */
static void (*while_unmapping)(void);	/* somebody else, before the entry goes */

/* --- what grant_table.c calls ---------------------------------------------------------------------------- */

static inline unsigned long nr_of(const struct page_info *pg)
{
	return mfn_x(page_to_mfn(pg));
}

bool page_get(struct page_info *pg, const struct domain *d)
{
	if (nr_of(pg) / FRAMES_EACH != (d == a ? 0 : 1) || !gets_left)
		return false;
	gets_left -= gets_left > 0;
	refs[nr_of(pg)]++;
	return true;
}

void page_put(struct page_info *pg)
{
	refs[nr_of(pg)]--;
}

int page_get_type(struct page_info *pg, u64 type)
{
	if (type != PGT_writable)
		panic("type %#lx", type);
	if (nr_of(pg) == FRAMES_EACH + 15)	/* a page table, say */
		return -XEN_EINVAL;
	types[nr_of(pg)]++;
	return 0;
}

void page_put_type(struct page_info *pg)
{
	types[nr_of(pg)]--;
}

void page_share_with(void *v, struct domain *d, bool writable)
{
	(void)writable;
	if (d == b && !table)
		table = v;
}

int pt_grant_map(struct vcpu *v, u64 addr, bool is_pte_ma, mfn_t frame, u64 flags)
{
	(void)v;
	(void)is_pte_ma;
	(void)frame;
	mapped_flags = flags;
	if (addr != HOST_ADDR)
		return -XEN_EINVAL;
	maps += !map_rc;
	return map_rc;
}

int pt_grant_unmap(struct vcpu *v, u64 addr, bool is_pte_ma, mfn_t frame, bool readonly, u64 replace_addr)
{
	(void)v;
	(void)is_pte_ma;
	(void)frame;
	(void)readonly;
	replaced_by = replace_addr;
	if (while_unmapping)
		while_unmapping();
	if (addr != HOST_ADDR)
		return -XEN_EINVAL;
	maps -= !unmap_rc;
	return unmap_rc;
}

void tlb_flush_domain(const struct domain *d)
{
	(void)d;
	if (shim_locks_held)
		panic("flush with a lock held");
	flushes++;
}

/* --- world ------------------------------------------------------------------------------------------------- */

static inline void world_up(void)
{
	table = NULL;
	max_page = SHIM_FRAMES;
	for (unsigned long i = 0; i < SHIM_FRAMES; i++)
		mfn_to_page(_mfn(i))->count_info = PGC_ram;
	a = shim_domain(0, 1);
	b = shim_domain(3, 1);
	a->privileged = true;
	current = a->vcpu[0];
	CU_ASSERT_EQUAL(grant_table_init(a, -1, 2), 0);
	CU_ASSERT_EQUAL(grant_table_init(b, 2, -1), 0);
	memset(refs, 0, sizeof(refs));
	memset(types, 0, sizeof(types));
	map_rc = unmap_rc = maps = flushes = 0;
	gets_left = -1;
	while_unmapping = NULL;
	shim_preempt = false;
	for (u32 ref = 0; ref < 16; ref++)	/* entry n: frame n of the guest; odd ones read-only */
		table[ref] = (struct grant_entry_v1){
			.flags = GTF_permit_access | (ref & 1 ? GTF_readonly : 0), .frame = FRAMES_EACH + ref,
		};
}

static inline bool balanced(void)
{
	for (int i = 0; i < SHIM_FRAMES; i++)
		if (refs[i] || types[i])
			return false;
	for (u32 ref = 0; ref < 16; ref++)
		if (table[ref].flags & (GTF_reading | GTF_writing))
			return false;
	return maps == 0;
}

static inline void world_down(void)
{
	shim_check();
	CU_ASSERT_EQUAL(a->refcnt, 1);
	CU_ASSERT_EQUAL(b->refcnt, 1);
	grant_table_free(a);
	grant_table_free(b);
	shim_domain_free(a);
	shim_domain_free(b);
}

static inline int map(u32 ref, u32 flags, u32 *handle)
{
	struct gnttab_map_grant_ref op = { .host_addr = HOST_ADDR, .flags = flags, .ref = ref, .dom = 3 };

	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
	*handle = op.handle;
	if (!op.status)
		CU_ASSERT_EQUAL(op.dev_bus_addr, (u64)table[ref].frame << PAGE_SHIFT);
	return op.status;
}

static inline int unmap(u32 handle)
{
	struct gnttab_unmap_grant_ref op = { .host_addr = HOST_ADDR, .handle = handle };

	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1), 0);
	return op.status;
}

static inline int copy(u32 ref, bool to_guest, u16 offset, u16 len)
{
	struct gnttab_copy op = { .len = len, .flags = to_guest ? GNTCOPY_dest_gref : GNTCOPY_source_gref };
	struct gnttab_copy_ptr mine = { .u.gmfn = 1, .domid = DOMID_SELF };
	struct gnttab_copy_ptr theirs = { .u.ref = ref, .domid = 3, .offset = offset };

	op.source = to_guest ? mine : theirs;
	op.dest = to_guest ? theirs : mine;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_copy, &op, 1), 0);
	return op.status;
}

#endif
