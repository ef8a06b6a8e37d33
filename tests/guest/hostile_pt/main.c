/* SPDX-License-Identifier: MIT */
/*
 * Page tables as an attacker writes them.
 *
 * ABI: no present entry of level 2 to 4 may have PSE, PWT, PCD or a reserved bit; no entry of any level may name a
 * frame that is not the domain's own (nor, for dom0, memory-mapped I/O) or that does not exist; the hypervisor's slots
 * 256 to 271 of an L4 cannot be changed; tables do not map each other in loops; a bad entry deep in a tree is found
 * before anything of it is used, and a refusal leaves every page as it was. Past holes of this kind: XSA 148, 167, 182,
 * 185, 240, 309.
 */
#include "guest.h"

static u64 *l4, *l3, *l2, *l1, *data;

static long pin(void *va, int level)
{
	return mmuext(MMUEXT_PIN_L1_TABLE + level - 1, va_to_mfn(va));
}

static void unpin(void *va)
{
	mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(va));
}

static void all_rw(void)
{
	u64 *pages[] = { l4, l3, l2, l1 };

	for (unsigned int i = 0; i < 4; i++)
		CHECK(make_rw(pages[i]) == 0, "page %u is held after it all", i);
}

static void all_ro(void)
{
	CHECK_EQ(make_ro(l4) | make_ro(l3) | make_ro(l2) | make_ro(l1), 0);
}

static void tree_fill(void)
{
	u64 *pages[] = { l4, l3, l2, l1 };

	for (unsigned int i = 0; i < 4; i++)
		memset(pages[i], 0, PAGE);
	l1[9] = PTE(va_to_mfn(data), PTE_KERNEL);
	l2[9] = PTE(va_to_mfn(l1), PTE_TABLE);
	l3[9] = PTE(va_to_mfn(l2), PTE_TABLE);
	l4[9] = PTE(va_to_mfn(l3), PTE_TABLE);
}

/* Bits that no entry of levels 2 to 4 may have: each is tried while pinning and on the live table. */
static void test_reserved_bits(void)
{
	static const u64 bits[] = { PTE_PSE, PTE_PWT, PTE_PCD, 1ul << 50, 1ul << 51, 1ul << 47 };
	u64 *tables[] = { l2, l3, l4 };

	for (unsigned int t = 0; t < 3; t++)
		for (unsigned int b = 0; b < ARRAY_SIZE(bits); b++) {
			long rc;

			tree_fill();
			tables[t][9] |= bits[b];
			all_ro();
			rc = pin(l4, 4);
			CHECK(rc < 0, "pinned with bit 0x%lx in level %u", bits[b], t + 2);
			if (!rc)
				unpin(l4);
			all_rw();
			tree_fill();
			all_ro();
			CHECK_EQ(pin(l4, 4), 0);
			CHECK(mmu_update(va_to_mfn(tables[t]) << 12 | 9 * 8, tables[t][9] | bits[b]) < 0,
			      "bit 0x%lx added to level %u", bits[b], t + 2);
			unpin(l4);
			all_rw();
		}
}

/* Flags of a live entry with the address unchanged take the quick path: it looks as well. */
static void test_flags_only(void)
{
	u64 *tables[] = { l2, l3, l4 };

	tree_fill();
	all_ro();
	CHECK_EQ(pin(l4, 4), 0);
	for (unsigned int t = 0; t < 3; t++) {
		u64 where = va_to_mfn(tables[t]) << 12 | 9 * 8;

		CHECK_EQ(mmu_update(where, tables[t][9] & ~PTE_A), 0);
		CHECK_EQ(mmu_update(where, tables[t][9] | PTE_A), 0);
		CHECK(mmu_update(where, tables[t][9] | PTE_PSE) < 0, "PSE by flags only, level %u", t + 2);
		CHECK(!(tables[t][9] & PTE_PSE), "the refused bit is there");
	}
	unpin(l4);
	all_rw();
}

/* Entries that name tables of the wrong level, of the same level, or themselves. */
static void test_loops(void)
{
	struct {
		u64 *table, *to;
	} loops[] = {
		{ l2, l2 }, { l2, l3 }, { l2, l4 }, { l3, l3 }, { l3, l4 }, { l3, l1 }, { l4, l4 }, { l4, l2 },
		{ l4, l1 }, { l2, data },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(loops); i++) {
		long rc;

		tree_fill();
		loops[i].table[20] = PTE(va_to_mfn(loops[i].to), PTE_TABLE);
		all_ro();
		rc = pin(l4, 4);
		CHECK(rc < 0, "loop %u was accepted", i);
		if (!rc)
			unpin(l4);
		all_rw();
		tree_fill();
		all_ro();
		CHECK_EQ(pin(l4, 4), 0);
		CHECK(mmu_update(va_to_mfn(loops[i].table) << 12 | 20 * 8, PTE(va_to_mfn(loops[i].to), PTE_TABLE)) < 0,
		      "loop %u was linked in", i);
		unpin(l4);
		all_rw();
	}
}

static void test_writable_table_inside(void)
{
	u64 *tables[] = { l1, l2, l3, l4 };

	for (unsigned int t = 0; t < 4; t++) {
		tree_fill();
		l1[10] = PTE(va_to_mfn(tables[t]), PTE_KERNEL);
		all_ro();
		CHECK(pin(l4, 4) < 0, "a tree that maps its level %u table writable", t + 1);
		all_rw();
	}
	tree_fill();
	l1[10] = PTE(va_to_mfn(l4), PTE_KERNEL_RO);
	all_ro();
	CHECK_EQ(pin(l4, 4), 0);
	unpin(l4);
	all_rw();
}

static void test_frames_of_others(void)
{
	u64 hv_l3 = 0;
	volatile u64 *mine = (void *)start_info->pt_base;
	u64 bad[] = { 0xfffffffffful, (1ul << 40) - 1, 0, 0 };

	/* Frames of the hypervisor: those that its own slots of the L4 point to, if not to the table itself. */
	bad[2] = PTE_MFN(mine[256]);
	for (int i = 257; i < 272 && !hv_l3; i++)
		if (mine[i] & PTE_P && PTE_MFN(mine[i]) != l4_mfn())
			hv_l3 = PTE_MFN(mine[i]);
	bad[3] = hv_l3;
	tree_fill();
	all_ro();
	CHECK_EQ(pin(l4, 4), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!bad[i])
			continue;
		CHECK(mmu_update(va_to_mfn(l1) << 12, PTE(bad[i], PTE_KERNEL)) < 0, "frame 0x%lx mapped", bad[i]);
		CHECK(mmu_update(va_to_mfn(l2) << 12, PTE(bad[i], PTE_TABLE)) < 0, "frame 0x%lx as L1", bad[i]);
		CHECK(mmu_update(va_to_mfn(l3) << 12, PTE(bad[i], PTE_TABLE)) < 0, "frame 0x%lx as L2", bad[i]);
		CHECK(mmu_update(va_to_mfn(l4) << 12, PTE(bad[i], PTE_TABLE)) < 0, "frame 0x%lx as L3", bad[i]);
		CHECK(pin((void *)VIRT_BASE, 1) < 0, "writable page pinned");
		CHECK(mmuext(MMUEXT_PIN_L4_TABLE, bad[i]) < 0, "frame 0x%lx pinned", bad[i]);
		CHECK(mmuext(MMUEXT_UNPIN_TABLE, bad[i]) < 0, "frame 0x%lx unpinned", bad[i]);
		CHECK(mmuext(MMUEXT_NEW_BASEPTR, bad[i]) < 0, "frame 0x%lx as CR3", bad[i]);
		CHECK(mmuext(MMUEXT_CLEAR_PAGE, bad[i]) < 0, "frame 0x%lx cleared", bad[i]);
		CHECK(mmuext2(MMUEXT_COPY_PAGE, va_to_mfn(data), bad[i]) < 0, "frame 0x%lx copied", bad[i]);
		CHECK(mmu_update(bad[i] << 12, 0) < 0, "entry in frame 0x%lx written", bad[i]);
	}
	unpin(l4);
	all_rw();
}

static void test_hypervisor_slots(void)
{
	tree_fill();
	all_ro();
	CHECK_EQ(pin(l4, 4), 0);
	for (int slot = 256; slot < 272; slot++) {
		u64 before = l4[slot];

		CHECK(mmu_update(va_to_mfn(l4) << 12 | slot * 8, PTE(va_to_mfn(l3), PTE_TABLE)) < 0,
		      "slot %d changed", slot);
		CHECK(mmu_update(va_to_mfn(l4) << 12 | slot * 8, 0) < 0 || !before, "slot %d cleared", slot);
		CHECK_EQ(l4[slot], before);
	}
	CHECK_EQ(mmu_update(va_to_mfn(l4) << 12 | 272 * 8, PTE(va_to_mfn(l3), PTE_TABLE)), 0);
	CHECK_EQ(mmu_update(va_to_mfn(l4) << 12 | 255 * 8, PTE(va_to_mfn(l3), PTE_TABLE)), 0);
	unpin(l4);
	all_rw();
}

/* The same in a table that is not validated yet: whatever the guest wrote there, it is not what the processor uses. */
static void test_hypervisor_slots_filled_in(void)
{
	volatile u64 *mine = (void *)start_info->pt_base;
	u64 old = l4_mfn();

	tree_fill();
	for (int slot = 0; slot < 512; slot++)
		l4[slot] = slot >= 256 && slot < 272 ? PTE(va_to_mfn(l3), PTE_TABLE) : mine[slot];
	all_ro();
	if (!mmuext(MMUEXT_NEW_BASEPTR, va_to_mfn(l4))) {
		CHECK_EQ(machine_to_phys_mapping[va_to_mfn(data)], va_to_pfn(data));
		for (u64 slot = 256; slot < 272; slot++)
			CHECK(!can_read((void *)(0xffff000000000000 | slot << 39 | 9ul << 30 | 9 << 21 | 9 << 12)),
			      "slot %lu is the guest's", slot);
		CHECK_EQ(mmuext(MMUEXT_NEW_BASEPTR, old), 0);
	}
	all_rw();
}

/* A bad entry at the very end of a full tree: everything taken before must be given back. */
static void test_late_refusal(void)
{
	for (int round = 0; round < 20; round++) {
		tree_fill();
		for (int i = 0; i < 511; i++)
			l1[i] = PTE(va_to_mfn(data), i & 1 ? PTE_KERNEL : PTE_KERNEL_RO);
		l1[511] = PTE(0xfffffffffful, PTE_KERNEL);
		for (int i = 0; i < 500; i++)
			l2[i] = PTE(va_to_mfn(l1), PTE_TABLE);
		all_ro();
		CHECK(pin(l4, 4) < 0, "a bad last entry was accepted");
		all_rw();
	}
	/* Nothing holds the data page: it can become a table. */
	CHECK_EQ(make_ro(data), 0);
	memset(l1, 0, PAGE);
	CHECK_EQ(pin(data, 1), 0);
	unpin(data);
	CHECK_EQ(make_rw(data), 0);
}

void test_main(void)
{
	l4 = page_alloc();
	l3 = page_alloc();
	l2 = page_alloc();
	l1 = page_alloc();
	data = page_alloc();
	test_reserved_bits();
	test_flags_only();
	test_loops();
	test_writable_table_inside();
	test_frames_of_others();
	test_hypervisor_slots();
	test_hypervisor_slots_filled_in();
	test_late_refusal();
}
