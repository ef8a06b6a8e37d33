/* SPDX-License-Identifier: MIT */
/*
 * No hypercall keeps the processor for more than a stated number of instructions, however large its input (H3;
 * XSA 45, 125, 264, 290, 344, 380, 410, 495).
 *
 * Runs where the time stamp counter counts instructions (the runner's -i). A breakpoint on the one syscall instruction
 * that is measured fires at each issue of the call, also when the hypervisor has put the guest back on it to go on
 * later; so the time between two of them, or to the end of the call, is one stay. A stay includes the way in and out and
 * the delivery of the trap that measures it: the first row, a call that does nothing, says how much that is.
 */
#include "bounds.h"

long measured_call(u64 nr, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);
extern u8 measured_syscall[];

u64 list[LIST * 8] __attribute__((aligned(4096)));
u64 bounds_limit = 250000;
static u64 began, longest, stays;

static u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a" (lo), "=d" (hi));
	return lo | (u64)hi << 32;
}

static bool issued(struct regs *r)
{
	u64 took = rdtsc() - began;

	if (stays++ && took > longest)
		longest = took;
	r->rflags |= 1 << 16;		/* RF: this time the instruction is carried out */
	began = rdtsc();
	return true;
}

long measure5(const char *name, const char *input, u64 nr, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	u64 took;
	long rc;

	longest = stays = 0;
	rc = measured_call(nr, a1, a2, a3, a4, a5);
	took = rdtsc() - began;
	if (took > longest)
		longest = took;
	printk("BOUND | %s | %s | %lu | %lu |\n", name, input, longest, stays);
	CHECK(longest <= bounds_limit, "%s of %s stays for %lu instructions, %lu are allowed", name, input, longest,
	      bounds_limit);
	return rc;
}

void test_main(void)
{
	if (!is_dom0() || strncmp((char *)start_info->cmd_line, "icount", 6))
		test_skip("counts instructions: run it with -i -g icount");
	trap_hook[1] = issued;
	if (hypercall2(__HYPERVISOR_set_debugreg, 0, measured_syscall) ||
	    hypercall2(__HYPERVISOR_set_debugreg, 7, 0x401))
		test_die("no breakpoint");
	measure("xen_version", "version: a call that does nothing", __HYPERVISOR_xen_version, 0, 0, 0, 0);
	if (!stays)
		test_die("the breakpoint does not fire");
	bounds_tables();
	bounds_memory();
	bounds_small();
	bounds_logged();
	bounds_admin();
}
