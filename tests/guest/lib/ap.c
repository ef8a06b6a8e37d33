/* SPDX-License-Identifier: MIT */
/*
 * A second vCPU for tests of what happens at the same time.
 *
 * It runs one function on a stack of its own. Kernel data is shared without locks: a test gives each vCPU its own.
 */
#include "guest.h"

static u8 ap_stack[STACK_SIZE] __attribute__((aligned(4096)));

bool on_ap(const struct regs *r)
{
	return r->rsp > (u64)ap_stack && r->rsp <= (u64)ap_stack + sizeof(ap_stack);
}

void ap_park(void)
{
	for (;;)
		hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_down, 1, 0);
}

void context_for(struct vcpu_guest_context *c, void (*fn)(void), u8 *stack_end)
{
	extern u8 event_entry[], failsafe_entry[], syscall_entry[];

	memset(c, 0, sizeof(*c));
	traps_copy(c->trap_ctxt);
	c->flags = VGCF_IN_KERNEL;
	c->user_regs.rip = (u64)fn;
	c->user_regs.rsp = (u64)stack_end - 8;
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = (u64)stack_end;
	c->event_callback_eip = (u64)event_entry;
	c->failsafe_callback_eip = (u64)failsafe_entry;
	c->syscall_callback_eip = (u64)syscall_entry;
	c->ctrlreg[3] = xen_pfn_to_cr3(l4_mfn());
}

void ap_start(void (*fn)(void))
{
	static struct vcpu_guest_context c;
	long rc;

	if (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0) < 0)
		test_skip("needs two vCPUs");
	context_for(&c, fn, ap_stack + sizeof(ap_stack));
	rc = hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, &c);
	if (!rc)
		rc = hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_up, 1, 0);
	if (rc)
		test_die("cannot start vCPU 1: %ld", rc);
}

bool ap_wait(volatile u64 *what, u64 at_least)
{
	u64 end = time_now() + 5000000000;

	for (unsigned int i = 0; *what < at_least && time_now() < end; i++)
		if (i % 16 == 15)
			nap_ns(100000);
		else
			hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	return *what >= at_least;
}
