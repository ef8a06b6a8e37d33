/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: set_gdt, update_descriptor, SET_LDT.
 *
 * ABI: set_gdt takes machine frames and a number of entries, at most 7168 (the reserved entries are the
 * hypervisor's); a frame must not be mapped writable and every descriptor in it must be safe: code or data, no
 * gates but call gates, DPL forced to 3 where lower, no system descriptors. update_descriptor changes one entry of
 * a frame in use after the same check. SET_LDT takes a virtual address and is checked when an entry is used. The
 * flat selectors of the hypervisor stay usable always.
 */
#include "guest.h"

#define DATA_DPL3	0x00cff2000000ffffull	/* flat, writable, DPL 3 */
#define CODE_DPL3	0x00affa000000ffffull	/* 64-bit code, DPL 3 */
#define DATA_DPL0	0x00cf92000000ffffull
#define ACCESSED	(1ul << 40)
#define TSS		0x0000890000000067ull	/* a system descriptor */
#define INT_GATE	0x0000ee0000080000ull

static u64 *gdt, *ldt;

static long gdt_set(u64 mfn, unsigned int entries)
{
	u64 frames[1] = { mfn };

	return hypercall2(__HYPERVISOR_set_gdt, frames, entries);
}

static long desc_set(u64 *entry, u64 desc)
{
	return hypercall2(__HYPERVISOR_update_descriptor, va_to_mfn(entry) << 12 | ((u64)entry & 0xfff), desc);
}

static bool load_ds(u16 sel)
{
	TRY("mov %0, %%ds", : : "r" ((u32)sel));
	if (trap.vector == NO_TRAP) {
		asm volatile("mov %0, %%ds" : : "r" (0));
		return true;
	}
	return false;
}

static void test_gdt(void)
{
	gdt = page_alloc();
	gdt[2] = DATA_DPL3;
	CHECK_EQ(gdt_set(va_to_mfn(gdt), 16), -XEN_EINVAL);	/* mapped writable */
	CHECK_EQ(make_ro(gdt), 0);
	CHECK_EQ(gdt_set(va_to_mfn(gdt), 16), 0);
	CHECK(load_ds(2 << 3 | 3), "a data segment of the GDT cannot be loaded");
	CHECK(!load_ds(3 << 3 | 3), "an empty entry was loaded");
	CHECK(load_ds(FLAT_RING3_DS32), "the flat data segment is gone");
	CHECK(make_rw(gdt) < 0, "a GDT in use can be mapped writable");
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0) >> 16, 4);
}

static void test_update(void)
{
	CHECK_EQ(desc_set(&gdt[3], DATA_DPL3), 0);
	CHECK_EQ(gdt[3] & ~ACCESSED, DATA_DPL3);
	CHECK(load_ds(3 << 3 | 3), "the new entry cannot be loaded");
	CHECK_EQ(desc_set(&gdt[3], 0), 0);
	CHECK(!load_ds(3 << 3 | 3), "an entry that is gone was loaded");
	CHECK_EQ(desc_set(&gdt[4], CODE_DPL3), 0);
	CHECK(desc_set(&gdt[5], TSS) < 0, "a TSS descriptor was accepted");
	CHECK(desc_set(&gdt[5], INT_GATE) < 0, "an interrupt gate was accepted");
	CHECK_EQ(gdt[5], 0);
	/* A DPL of 0 becomes 3 or 1, or is refused; a segment of ring 0 never is usable. */
	if (!desc_set(&gdt[6], DATA_DPL0))
		CHECK((gdt[6] >> 45 & 3) != 0, "DPL 0 is in the table");
	CHECK_EQ(desc_set(&gdt[6], 0), 0);
	CHECK(desc_set((u64 *)((u8 *)&gdt[7] + 4), DATA_DPL3) < 0, "a misaligned entry");
	CHECK(hypercall2(__HYPERVISOR_update_descriptor, 0xfffffffffful << 12, DATA_DPL3) < 0, "no such frame");
	CHECK(hypercall2(__HYPERVISOR_update_descriptor, l4_mfn() << 12, DATA_DPL3) < 0, "a page table");
}

static void test_bad_gdts(void)
{
	u64 *bad = page_alloc();

	bad[1] = TSS;
	CHECK_EQ(make_ro(bad), 0);
	CHECK(gdt_set(va_to_mfn(bad), 16) < 0, "a GDT with a TSS descriptor");
	CHECK_EQ(make_rw(bad), 0);
	CHECK(gdt_set(0xfffffffffful, 16) < 0, "a frame that does not exist");
	CHECK(gdt_set(l4_mfn(), 16) < 0, "a page table as GDT");
	CHECK(gdt_set(va_to_mfn(gdt), 7169) < 0, "too many entries");
	CHECK(gdt_set(va_to_mfn(gdt), ~0u) < 0, "far too many entries");
	CHECK_EQ(hypercall2(__HYPERVISOR_set_gdt, 0x10, 16), -XEN_EFAULT);
	CHECK(load_ds(2 << 3 | 3), "the old GDT is gone after refusals");
}

static void test_release(void)
{
	u64 *other = page_alloc();

	other[2] = DATA_DPL3;
	CHECK_EQ(make_ro(other), 0);
	CHECK_EQ(gdt_set(va_to_mfn(other), 512), 0);
	CHECK_EQ(make_rw(gdt), 0);
	CHECK(make_rw(other) < 0, "a GDT in use can be mapped writable");
	CHECK_EQ(hypercall2(__HYPERVISOR_set_gdt, 0, 0), 0);
	CHECK_EQ(make_rw(other), 0);
	CHECK(!load_ds(2 << 3 | 3), "a segment of no GDT was loaded");
	CHECK(load_ds(FLAT_RING3_DS32), "the flat data segment is gone");
}

static void test_ldt(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT };

	ldt = page_alloc();
	ldt[1] = DATA_DPL3;
	ldt[3] = DATA_DPL3;
	CHECK_EQ(make_ro(ldt), 0);
	op.arg1.linear_addr = (u64)ldt;
	op.arg2.nr_ents = 3;
	CHECK_EQ(hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF), 0);
	CHECK(load_ds(1 << 3 | 7), "a data segment of the LDT cannot be loaded");
	CHECK(!load_ds(2 << 3 | 7), "an empty entry of the LDT was loaded");
	CHECK(!load_ds(3 << 3 | 7), "an entry beyond the LDT's end was loaded");
	CHECK(make_rw(ldt) < 0, "an LDT in use can be mapped writable");
	op.arg1.linear_addr = (u64)ldt + 8;
	CHECK(hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF) < 0, "a misaligned LDT");
	op.arg1.linear_addr = (u64)ldt;
	op.arg2.nr_ents = 8193;
	CHECK(hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF) < 0, "an LDT of 8193 entries");
	op.arg1.linear_addr = 0xffff830000000000;
	op.arg2.nr_ents = 3;
	CHECK(hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF) < 0 || !load_ds(1 << 3 | 7),
	      "an LDT in the hypervisor's memory");
	op.arg1.linear_addr = 0x8000000000000001;	/* means nothing without entries */
	op.arg2.nr_ents = 0;
	CHECK_EQ(hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF), 0);
	CHECK(!load_ds(1 << 3 | 7), "a segment of no LDT was loaded");
	CHECK_EQ(make_rw(ldt), 0);
}

/* A program loads from the LDT, which lies in kernel memory that the program cannot see. */
static void test_ldt_of_user(void)
{
	/* mov $0xf, %eax; mov %eax, %ds; syscall */
	static const u8 code[] = { 0xb8, 0x0f, 0, 0, 0, 0x8e, 0xd8, 0x0f, 0x05 };
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (u64)ldt, .arg2.nr_ents = 3 };
	struct regs r;

	ldt[1] = DATA_DPL3;
	CHECK_EQ(make_ro(ldt), 0);
	user_space_init(code, sizeof(code));
	CHECK_EQ(hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF), 0);
	user_regs_init(&r);
	user_run(&r);
	CHECK(trap.vector == VEC_SYSCALL, "a data segment of the LDT, in user mode: trap %lu error 0x%lx cr2 0x%lx",
	      trap.vector, trap.error, trap.cr2);
	asm volatile("mov %0, %%ds" : : "r" (0));
	/* Where there is no LDT after all, the fault is at the address where it should be. */
	op.arg1.linear_addr = 0x7654000;
	CHECK_EQ(hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF), 0);
	CHECK(!load_ds(1 << 3 | 7), "a segment of an LDT that is not there");
	CHECK(trap.vector == 14 && trap.cr2 == 0x7654008, "LDT that is not there: trap %lu cr2 0x%lx",
	      trap.vector, trap.cr2);
	op.arg2.nr_ents = 0;
	op.arg1.linear_addr = 0;
	CHECK_EQ(hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF), 0);
	CHECK_EQ(make_rw(ldt), 0);
}

/* Selectors that could lead into the hypervisor's own descriptors. */
static void test_reserved_selectors(void)
{
	for (u32 sel = FIRST_RESERVED_GDT_BYTE; sel < 0x10000; sel += 8) {
		bool flat = sel == (FLAT_RING3_CS32 & ~7) || sel == (FLAT_RING3_DS32 & ~7) ||
			    sel == (FLAT_RING3_CS64 & ~7);

		if (load_ds(sel | 3) && !flat)
			CHECK(false, "selector 0x%x was loaded", sel | 3);
	}
}

void test_main(void)
{
	test_gdt();
	test_update();
	test_bad_gdts();
	test_release();
	test_ldt();
	test_ldt_of_user();
	test_reserved_selectors();
}
