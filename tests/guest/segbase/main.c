/* SPDX-License-Identifier: MIT */
/*
 * Segment bases and the FPU bit: set_segment_base, wrmsr to the base MSRs, stack_switch, fpu_taskswitch.
 *
 * ABI: base 0 FS, 1 user's GS, 2 kernel's GS; 3 loads the user's GS selector from bits 0 to 15. A non-canonical
 * base is -EINVAL. In the kernel, GS is the kernel's; iret to user mode swaps. WRMSR to FS_BASE, GS_BASE and
 * KERNEL_GS_BASE does the same, KERNEL_GS_BASE being the user's. A null selector loaded by the guest leaves a base
 * of 0 or, on some processors, the old one. fpu_taskswitch(1) makes the next FPU instruction raise #NM, once
 * cleared by the guest with fpu_taskswitch(0) or by the exception itself.
 */
#include "guest.h"

#define MSR_FS_BASE	0xc0000100
#define MSR_GS_BASE	0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

static u64 data[8] = { 0xaaaa, 0xbbbb, 0xcccc, 0xdddd };

static u64 fs_word(void)
{
	u64 v;

	asm volatile("mov %%fs:0, %0" : "=r" (v));
	return v;
}

static u64 gs_word(void)
{
	u64 v;

	asm volatile("mov %%gs:0, %0" : "=r" (v));
	return v;
}

static long set_base(unsigned int which, u64 base)
{
	return hypercall2(__HYPERVISOR_set_segment_base, which, base);
}

static void wrmsr(u32 msr, u64 v)
{
	TRY("wrmsr", : : "c" (msr), "a" ((u32)v), "d" ((u32)(v >> 32)) : "memory");
}

static void test_hypercall(void)
{
	CHECK_EQ(set_base(SEGBASE_FS, (u64)&data[0]), 0);
	CHECK_EQ(fs_word(), 0xaaaa);
	CHECK_EQ(set_base(SEGBASE_GS_KERNEL, (u64)&data[1]), 0);
	CHECK_EQ(gs_word(), 0xbbbb);
	CHECK_EQ(set_base(SEGBASE_GS_USER, (u64)&data[2]), 0);
	CHECK_EQ(gs_word(), 0xbbbb);
	CHECK_EQ(fs_word(), 0xaaaa);
	CHECK_EQ(set_base(SEGBASE_GS_USER_SEL, 0), 0);
	CHECK_EQ(gs_word(), 0xbbbb);
	/* One that cannot be loaded is none. Only the kernel's base is looked at in kernel mode. */
	CHECK_EQ(set_base(SEGBASE_GS_USER_SEL, 7), 0);
	CHECK_EQ(set_base(SEGBASE_GS_USER_SEL, 0xfff8), 0);
	CHECK_EQ(gs_word(), 0xbbbb);
	CHECK_EQ(set_base(4, 0), -XEN_EINVAL);
	CHECK_EQ(set_base(~0u, 0), -XEN_EINVAL);
}

static void test_not_canonical(void)
{
	CHECK_EQ(set_base(SEGBASE_FS, (u64)&data[0]), 0);
	CHECK_EQ(set_base(SEGBASE_FS, 0x8000000000000000), -XEN_EINVAL);
	CHECK_EQ(set_base(SEGBASE_GS_USER, 0x0000800000000000), -XEN_EINVAL);
	CHECK_EQ(set_base(SEGBASE_GS_KERNEL, 0x7000000000000000), -XEN_EINVAL);
	CHECK_EQ(fs_word(), 0xaaaa);
	wrmsr(MSR_FS_BASE, 0x8000000000000000);
	CHECK_EQ(trap.vector, 13);
	CHECK_EQ(fs_word(), 0xaaaa);
}

static void test_msrs(void)
{
	wrmsr(MSR_FS_BASE, (u64)&data[3]);
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(fs_word(), 0xdddd);
	wrmsr(MSR_GS_BASE, (u64)&data[0]);
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(gs_word(), 0xaaaa);
	wrmsr(MSR_KERNEL_GS_BASE, (u64)&data[2]);
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(gs_word(), 0xaaaa);
}

/* User code reads fs:0 and gs:0 into registers. */
static const u8 user_code[] = {
	0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0,	/* mov %fs:0, %rax */
	0x65, 0x48, 0x8b, 0x1c, 0x25, 0, 0, 0, 0,	/* mov %gs:0, %rbx */
	0x0f, 0x05,					/* syscall */
};

static void test_user_gs(void)
{
	struct regs r;

	user_space_init(user_code, sizeof(user_code));
	CHECK_EQ(set_base(SEGBASE_GS_KERNEL, (u64)&data[1]), 0);
	CHECK_EQ(set_base(SEGBASE_GS_USER, USER_CODE + 8), 0);
	CHECK_EQ(set_base(SEGBASE_FS, USER_CODE), 0);
	user_regs_init(&r);
	user_run(&r);
	CHECK_EQ(trap.vector, VEC_SYSCALL);
	CHECK_EQ(r.rax, *(const u64 *)user_code);
	CHECK_EQ(r.rbx, *(const u64 *)(user_code + 8));
	CHECK_EQ(gs_word(), 0xbbbb);
}

static void test_fpu(void)
{
	u64 v = 0x1234;

	asm volatile("movq %0, %%xmm3" : : "r" (v));
	CHECK_EQ(hypercall1(__HYPERVISOR_fpu_taskswitch, 1), 0);
	TRY("movq %0, %%xmm4", : : "r" (v));
	CHECK_EQ(trap.vector, 7);
	CHECK_EQ(hypercall1(__HYPERVISOR_fpu_taskswitch, 0), 0);
	v = 0;
	TRY("movq %%xmm3, %0", : "=r" (v));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(v, 0x1234);
}

/* The FPU's contents are the guest's own through a block and a yield. */
static void test_fpu_kept(void)
{
	u64 lo = 0, mx = 0;

	asm volatile("movq %0, %%xmm7" : : "r" (0xfeedul));
	for (int i = 0; i < 50; i++)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	asm volatile("movq %%xmm7, %0; stmxcsr %1" : "=r" (lo), "=m" (mx));
	CHECK_EQ(lo, 0xfeed);
	CHECK_EQ(mx & 0xffff, 0x1f80);
}

static void test_stack_switch(void)
{
	static u8 stack[PAGE] __attribute__((aligned(16)));
	u8 *top = stack + sizeof(stack);

	CHECK_EQ(hypercall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, top), 0);
	CHECK_EQ(hypercall2(__HYPERVISOR_stack_switch, 0, top), 0);	/* 64-bit mode: null is fine */
	CHECK_EQ(hypercall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, top), 0);
}

void test_main(void)
{
	test_hypercall();
	test_not_canonical();
	test_msrs();
	test_user_gs();
	test_fpu();
	test_fpu_kept();
	test_stack_switch();
}
