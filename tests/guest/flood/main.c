/* SPDX-License-Identifier: MIT */
/*
 * A guest that talks: console output, refused calls, undefined instructions, refused MSRs, page table writes that
 * nobody understands, as fast as it can (XSA 118, 141).
 *
 * Invariant: of all that a few lines a second reach the hypervisor's log, and a count of those that did not; they name
 * the guest, and hold no control characters. A line that never ends, or many bytes in one call, are no way round it.
 */
#include "child.h"

#define SECONDS		1
#define LINES_MAX	(2 * (16 + 8 * (SECONDS + 2)))	/* each with its count of those left out */

static u8 table[PAGE] __attribute__((aligned(4096)));
static char text[3000];

static void say(const char *s, u64 n)
{
	hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, n, s);
}

static void refused_calls(void)
{
	hypercall1(__HYPERVISOR_set_trap_table, 0x8000000000000000);
	mmu_update(0, 0);
	set_va(table, PTE(0x200, PTE_KERNEL));
	hypercall2(__HYPERVISOR_set_debugreg, 0, 0xffff830000000000);
	hypercall2(__HYPERVISOR_memory_op, XENMEM_exchange, table);
	hypercall3(__HYPERVISOR_grant_table_op, 5, table, 1);
}

static void refused_instructions(void)
{
	TRY("hlt", : : );
	TRY(".byte 0x0f, 0x0a, 0x90", : : );
	TRY("rdmsr", : : "c" (0x1234) : "rax", "rdx");
	TRY("wrmsr", : : "c" (0x1234), "a" (0), "d" (0));
	TRY("addq $0, (%0)", : : "r" (table) : "memory", "cc");
}

static void in_child(void)
{
	u64 start = time_now();

	hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	table_new(table, 1);
	for (unsigned int i = 0; i < sizeof(text); i++)
		text[i] = i % 50 == 49 ? '\n' : "\033\a\b\001XY"[i % 6];
	while (time_now() < start + SECONDS * 1000000000ul) {
		say("a line of its own\n", 18);
		say(text, sizeof(text));
		say("no end", 6);
		say("\033[2J\n", 5);
		refused_calls();
		refused_instructions();
		mailbox()[0]++;
	}
}

void test_main(void)
{
	static struct child c;
	u32 from = log_end();
	unsigned int lines;

	child_create(&c, in_child);
	child_run(&c);
	child_done(&c);
	lines = log_count(from, "\n");
	printk("%lu rounds, %u lines\n", c.mail[0], lines);
	CHECK(c.mail[0] > 100, "the guest did only %lu rounds", c.mail[0]);
	CHECK(lines < LINES_MAX, "%u lines of a guest in %u s", lines, SECONDS);
	CHECK(lines > 10, "only %u lines: nothing is logged of a guest", lines);
	CHECK(log_count(from, "messages about guests were suppressed") > 2, "nothing says how many were left out");
	CHECK_EQ(log_count(from, "\033"), 0);
	CHECK_EQ(log_count(from, "\a") + log_count(from, "\b") + log_count(from, "\001"), 0);
	child_destroy(&c);
}
