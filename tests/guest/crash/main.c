/* SPDX-License-Identifier: MIT */
/*
 * A guest that cannot go on is crashed, with its reason in the log, and nothing else happens (XSA 183, 215).
 *
 * Each case is one machine: the runner looks for the reason, and starts the next (`case=N` on the command line).
 * As dom0 a crash halts the machine; a panic would say so.
 */
#include "guest.h"

static u8 *page;

static void trap_on(u64 rsp)
{
	asm volatile("mov %0, %%rsp; ud2" : : "r" (rsp) : "memory");
}

static void stack_unmapped(void)
{
	set_va(page, 0);
	trap_on((u64)page + PAGE);
}

static void stack_read_only(void)
{
	make_ro(page);
	trap_on((u64)page + PAGE);
}

static void stack_at_the_end(void)
{
	trap_on(0);		/* the frame lies at the top of the address space */
}

static void stack_of_the_hypervisor(void)
{
	trap_on(0xffff830000100000);
}

static void stack_not_canonical(void)
{
	trap_on(0x0000800000000100);
}

static void no_handler(void)
{
	trap_gate_clear(6);
	trap_on((u64)page + PAGE);
}

static void iret_from_nowhere(void)
{
	asm volatile("mov %0, %%rsp; mov $23, %%eax; syscall" : : "r" (0xffff830000100000) : "memory");
}

static void iret_to_no_user(void)
{
	u64 frame[9] = { [4] = 0x1000, [5] = FLAT_USER_CS, [6] = 0x202, [8] = FLAT_USER_SS };

	asm volatile("mov %0, %%rsp; mov $23, %%eax; syscall" : : "r" (frame) : "memory");
}

static const struct {
	void (*fn)(void);
	const char *reason;
} cases[] = {
	{ stack_unmapped, "kernel stack" },
	{ stack_read_only, "kernel stack" },
	{ stack_at_the_end, "kernel stack" },
	{ stack_of_the_hypervisor, "kernel stack" },
	{ stack_not_canonical, "kernel stack" },
	{ no_handler, "and no handler" },
	{ iret_from_nowhere, "iret frame" },
	{ iret_to_no_user, "without a user address space" },
};

void test_main(void)
{
	const char *args = (char *)start_info->cmd_line;
	unsigned int n = 0;

	if (!is_dom0())
		test_skip("the runner looks at the log of the machine");
	page = page_alloc();
	for (; *args; args++)
		if (!strncmp(args, "case=", 5))
			n = args[5] - '0';
	if (n + 1 < ARRAY_SIZE(cases))
		printk("TEST %s: NEXT case=%u\n", TEST_NAME, n + 1);
	printk("TEST %s: ENDS %s\n", TEST_NAME, cases[n].reason);
	cases[n].fn();
	test_die("case %u goes on", n);
}
