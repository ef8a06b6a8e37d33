/* SPDX-License-Identifier: MIT */
/*
 * Page tables and descriptors. The widest tree that fits: FAN first-level tables, each full; they hang on one L2, and
 * that under an L3 and an L4. What is below a table is valid already, or is validated with it.
 */
#include "bounds.h"

#include "public/lite.h"

static u64 l1s[FAN][FAN] __attribute__((aligned(4096)));
static u64 l2s[FAN][FAN] __attribute__((aligned(4096)));
static u64 *l3, *l4, *page;

static long update(u64 *entry, u64 val)
{
	struct mmu_update u = { .ptr = va_to_mfn(entry) << 12 | ((u64)entry & (PAGE - 1)), .val = val };

	return measure("mmu_update", val ? "L3 entry to an L2 of 512 new L1" : "the same away", __HYPERVISOR_mmu_update, &u, 1, 0,
		       DOMID_SELF);
}

static void pin(const char *input, unsigned int cmd, void *table)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = va_to_mfn(table) };

	measure_ok(cmd == MMUEXT_UNPIN_TABLE ? "mmuext_op UNPIN" : "mmuext_op PIN", input, __HYPERVISOR_mmuext_op, &op, 1, 0,
		   DOMID_SELF);
}

/* Every entry its own L1 table. */
static void fan_fill(u64 *l2)
{
	for (unsigned int i = 0; i < FAN; i++)
		l2[i] = PTE(va_to_mfn(l1s[i]), PTE_TABLE);
}

static void trees(void)
{
	for (unsigned int i = 0; i < FAN; i++) {
		for (unsigned int j = 0; j < FAN; j++)
			l1s[i][j] = PTE(va_to_mfn(page), PTE_KERNEL | PTE_U);
		fan_fill(l2s[i]);
		l3[i] = PTE(va_to_mfn(l2s[i]), PTE_TABLE);
	}
	l4[8] = PTE(va_to_mfn(l3), PTE_TABLE);
	for (unsigned int i = 0; i < FAN; i++)
		if (make_ro(l1s[i]) || make_ro(l2s[i]))
			test_die("table %u cannot be read-only", i);
	CHECK_EQ(make_ro(l3), 0);
	CHECK_EQ(make_ro(l4), 0);
	pin("L1, full", MMUEXT_PIN_L1_TABLE, l1s[0]);
	pin("L1", MMUEXT_UNPIN_TABLE, l1s[0]);
	pin("L2 of 512 new L1", MMUEXT_PIN_L2_TABLE, l2s[0]);
	pin("L2 of 512 L1", MMUEXT_UNPIN_TABLE, l2s[0]);
	pin("L3 of 512 L2 of 512 L1", MMUEXT_PIN_L3_TABLE, l3);
	pin("L3 of 512 L2 of 512 L1", MMUEXT_UNPIN_TABLE, l3);
	pin("L4, the same below", MMUEXT_PIN_L4_TABLE, l4);
	pin("L4, the same below", MMUEXT_UNPIN_TABLE, l4);
}

/* Entries that bring a tree in, or let it go. */
static void entries(void)
{
	u64 keep = l3[0];

	for (unsigned int i = 0; i < FAN; i++)
		mmu_update(va_to_mfn(l3) << 12 | i * 8, 0);
	CHECK_EQ(make_rw(l3), 0);
	for (unsigned int i = 0; i < FAN; i++)
		l3[i] = 0;
	CHECK_EQ(make_ro(l3), 0);
	CHECK_EQ(mmuext(MMUEXT_PIN_L3_TABLE, va_to_mfn(l3)), 0);
	CHECK_EQ(update(&l3[0], keep), 0);
	CHECK_EQ(update(&l3[0], 0), 0);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(l3)), 0);
}

/* As many as the list has room for. */
static void copy_frames(void)
{
	struct xen_lite_copy_frames c = { .count = sizeof(list) / PAGE };
	static xen_pfn_t frames[sizeof(list) / PAGE];

	for (unsigned int i = 0; i < c.count; i++)
		frames[i] = va_to_mfn(page);
	set_xen_guest_handle(c.list, frames);
	set_xen_guest_handle(c.buffer, (u8 *)list);
	measure_ok("lite_op copy_frames", "256 frames", __HYPERVISOR_lite_op, LITEOP_copy_frames, &c, 0, 0);
}

static void long_lists(void)
{
	struct xen_lite_pt_exchange x = { .count = LIST };
	struct mmu_update *u = (void *)list;
	struct mmuext_op *op = (void *)list;
	static const struct {
		unsigned int cmd;
		const char *name;
	} flushes[] = {
		{ MMUEXT_TLB_FLUSH_LOCAL, "mmuext_op TLB_FLUSH_LOCAL" }, { MMUEXT_INVLPG_LOCAL, "mmuext_op INVLPG_LOCAL" },
		{ MMUEXT_TLB_FLUSH_ALL, "mmuext_op TLB_FLUSH_ALL" }, { MMUEXT_INVLPG_ALL, "mmuext_op INVLPG_ALL" },
		{ MMUEXT_CLEAR_PAGE, "mmuext_op CLEAR_PAGE" }, { MMUEXT_COPY_PAGE, "mmuext_op COPY_PAGE" },
		{ MMUEXT_FLUSH_CACHE, "mmuext_op FLUSH_CACHE" },
	};

	for (unsigned int i = 0; i < LIST; i++)
		u[i] = (struct mmu_update){ .ptr = pte_machine(page, 1), .val = PTE(va_to_mfn(page), i & 1 ? PTE_KERNEL_RO :
						    PTE_KERNEL) };
	measure_ok("mmu_update", "16384 L1 entries", __HYPERVISOR_mmu_update, u, LIST, 0, DOMID_SELF);
	set_xen_guest_handle(x.list, u);
	measure_ok("lite_op pt_exchange", "16384 L1 entries", __HYPERVISOR_lite_op, LITEOP_pt_exchange, &x, 0, 0);
	copy_frames();
	for (unsigned int i = 0; i < LIST; i++)
		u[i] = (struct mmu_update){ .ptr = va_to_mfn(page) << 12 | MMU_MACHPHYS_UPDATE, .val = va_to_pfn(page) };
	measure_ok("mmu_update", "16384 entries of the M2P", __HYPERVISOR_mmu_update, u, LIST, 0, DOMID_SELF);
	for (unsigned int f = 0; f < ARRAY_SIZE(flushes); f++) {
		for (unsigned int i = 0; i < 2048; i++) {
			op[i] = (struct mmuext_op){ .cmd = flushes[f].cmd, .arg1.linear_addr = (u64)page,
						    .arg2.src_mfn = va_to_mfn(l3) };
			if (flushes[f].cmd == MMUEXT_CLEAR_PAGE || flushes[f].cmd == MMUEXT_COPY_PAGE)
				op[i].arg1.mfn = va_to_mfn(page);
		}
		measure_ok(flushes[f].name, "2048 of them", __HYPERVISOR_mmuext_op, op, 2048, 0, DOMID_SELF);
	}
	measure_ok("update_va_mapping", "with a flush of all", __HYPERVISOR_update_va_mapping, page,
		   PTE(va_to_mfn(page), PTE_KERNEL), UVMF_TLB_FLUSH | UVMF_ALL, 0);
}

static void descriptors(void)
{
	static u64 gdt[14][FAN] __attribute__((aligned(4096))), ldt[16][FAN] __attribute__((aligned(4096)));
	u64 frames[14];
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (u64)ldt, .arg2.nr_ents = 8192 };

	for (unsigned int i = 0; i < 16; i++) {
		for (unsigned int j = 0; j < FAN; j++)
			ldt[i][j] = 0x00cff2000000ffff;
		CHECK_EQ(make_ro(ldt[i]), 0);
	}
	for (unsigned int i = 0; i < 14; i++) {
		memcpy(gdt[i], ldt[0], PAGE);
		CHECK_EQ(make_ro(gdt[i]), 0);
		frames[i] = va_to_mfn(gdt[i]);
	}
	measure_ok("set_gdt", "14 new pages", __HYPERVISOR_set_gdt, frames, 14 * FAN, 0, 0);
	measure_ok("set_gdt", "none", __HYPERVISOR_set_gdt, frames, 0, 0, 0);
	measure_ok("mmuext_op SET_LDT", "8192 entries", __HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
	for (unsigned int i = 0; i < 16; i++)
		TRY("mov %0, %%ds", : : "r" ((u32)(i * FAN * 8 | 7)));
	asm volatile("mov %0, %%ds" : : "r" (0));
	op.arg2.nr_ents = 0;
	measure_ok("mmuext_op SET_LDT", "none, 16 pages were in use", __HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
	measure_ok("update_descriptor", "one", __HYPERVISOR_update_descriptor, va_to_mfn(page) << 12, 0, 0, 0);
}

void bounds_tables(void)
{
	page = page_alloc();
	l3 = page_alloc();
	l4 = page_alloc();
	long_lists();
	trees();
	entries();
	descriptors();
}
