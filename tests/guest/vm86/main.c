/* SPDX-License-Identifier: MIT */
/*
 * User code that asks iretd for virtual-8086 mode.
 *
 * There is no such mode in long mode: a processor raises a fault, or ignores the flag. QEMU 7.2 does switch, and then
 * traps with selectors that look like those of ring 0 (docs/hostile-guests.md). The hypervisor must not take the guest
 * for itself: the guest's kernel gets a #GP and goes on. Three ways out of that mode, a machine each.
 */
#include "guest.h"

static const u8 enter[] = { 0xcf, 0x0f, 0x05 };	/* iretd: pops words of four bytes; a system call */

static const u8 low_code[3][4] = {
	{ 0x0f, 0x0b },		/* an exception */
	{ 0xeb, 0xfe },		/* a loop, until an interrupt comes */
	{ 0x0f, 0x05 },		/* a system call */
};

#define LOW_PAGE	0x1000ul

static u64 *table_below(u64 *table, unsigned int index)
{
	return mfn_to_va(PTE_MFN(table[index]));
}

/* A page of code where 16-bit addresses reach it. */
static void map_low_page(const u8 *code)
{
	u64 *l2 = table_below(table_below(mfn_to_va(user_l4_mfn), 0), 0), *l1 = page_alloc();
	u8 *page = page_alloc();

	for (unsigned int i = 0; i < 4; i++)
		page[i] = code[i];
	l1[LOW_PAGE >> 12] = PTE(va_to_mfn(page), PTE_P | PTE_U | PTE_A);
	if (make_ro(l1) || mmu_update(va_to_mfn(l2) << 12, PTE(va_to_mfn(l1), PTE_TABLE)))
		test_die("cannot map a page at 0x1000");
}

static void timer_soon(void)
{
	events_init();
	vcpu_info()->evtchn_upcall_mask = 1;
	hypercall1(__HYPERVISOR_set_timer_op, time_now() + 20000000);
}

void test_main(void)
{
	unsigned int way = 0;
	struct regs r;
	u64 *stack;

	for (const char *p = (char *)start_info->cmd_line; *p; p++)
		if (!strncmp(p, "way=", 4))
			way = p[4] - '0';
	if (way + 1 < ARRAY_SIZE(low_code))
		printk("TEST vm86: NEXT way=%u\n", way + 1);
	user_space_init(enter, sizeof(enter));
	map_low_page(low_code[way]);
	/* eip, cs, eflags with VM, esp, ss, es, ds, fs, gs; all but the first three are 0. */
	stack = table_below(table_below(table_below(table_below(mfn_to_va(user_l4_mfn), 0), 0), 3), 511);
	stack[504] = (LOW_PAGE >> 4) << 32;
	stack[505] = 0x60202;
	user_regs_init(&r);
	r.rsp -= 64;
	if (way == 1)
		timer_soon();
	user_run(&r);
	CHECK(trap.vector == 13 || way == 2, "trap %lu at 0x%lx", trap.vector, trap.rip);
	/* And all else is as it was. */
	user_regs_init(&r);
	r.rip++;
	user_run(&r);
	CHECK(trap.vector == VEC_SYSCALL && trap.cs == FLAT_USER_CS, "trap %lu at 0x%lx", trap.vector, trap.rip);
	TRY("ud2", : : );
	CHECK_EQ(trap.vector, 6);
}
