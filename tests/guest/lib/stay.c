/* SPDX-License-Identifier: MIT */
/* How long a hypercall stays in the hypervisor: see stay.h. */
#include "stay.h"

long measured_call(u64 nr, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);	/* staycall.S */
extern u8 measured_syscall[];

u64 stay_limit = 250000;
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
	CHECK(longest <= stay_limit, "%s of %s stays for %lu instructions, %lu are allowed", name, input, longest, stay_limit);
	return rc;
}

void stay_begin(void)
{
	trap_hook[1] = issued;
	if (hypercall2(__HYPERVISOR_set_debugreg, 0, measured_syscall) ||
	    hypercall2(__HYPERVISOR_set_debugreg, 7, 0x401))
		test_die("no breakpoint");
	measure("xen_version", "version: a call that does nothing", __HYPERVISOR_xen_version, 0, 0, 0, 0);
	if (!stays)
		test_die("the breakpoint does not fire");
}
