/* SPDX-License-Identifier: MIT */
/*
 * System calls of 32-bit programs, SYSCALL and SYSENTER, and a kernel that runs its programs on its own page tables.
 *
 * ABI: both have callbacks of their own, which can ask for events to be off on entry. SYSCALL in 32-bit code enters as
 * in 64-bit code, with the flat 32-bit code selector in the frame; an iret with VGCF_in_syscall goes back there in
 * 32-bit mode. SYSENTER says neither where it was nor what the stack was: rip, rsp and selector are 0 (cs 3). Where the
 * processor does not have an instruction it is #UD (SYSENTER on AMD). QEMU 7.2 takes Xen 4.17 down with a SYSENTER of
 * an Intel processor; ours never lets the processor execute it.
 */
#include "guest.h"

#define VEC_SYSCALL32	0x81		/* stand for the callbacks; no gate has these vectors */
#define VEC_SYSENTER	0x82

extern u8 trap_stubs[];
extern u64 iret_flags;

static const u8 code[] = {
	0xb8, 0x77, 0, 0, 0, 0x0f, 0x05,		/* mov $0x77, %eax; syscall */
	0xb8, 0x78, 0, 0, 0, 0x0f, 0x34,		/* mov $0x78, %eax; sysenter */
	0x48, 0xff, 0xc0, 0x0f, 0x0b,			/* dec %eax; inc %eax, or inc %rax; ud2 */
};
enum { SYSCALL = 0, SYSENTER = 7, MODE = 14 };

static struct regs run(unsigned int where, u64 cs)
{
	struct regs r;

	user_regs_init(&r);
	r.rip += where;
	r.cs = cs;
	r.rax = 5;
	r.rsi = 0x5151;
	trap.vector = NO_TRAP;
	user_run(&r);
	return r;
}

static long callback(unsigned int type, unsigned int vector)
{
	struct callback_register reg = { .type = type, .flags = CALLBACKF_mask_events,
					 .address = (unsigned long)trap_stubs + 16 * vector };

	return hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, &reg);
}

static bool is_intel(void)
{
	u32 a = 0, b, c, d;

	asm volatile("cpuid" : "+a" (a), "=b" (b), "=c" (c), "=d" (d));
	return b == 0x756e6547;
}

static u8 mask_at_entry;

static bool note_mask(struct regs *r)
{
	(void)r;
	mask_at_entry = vcpu_info()->evtchn_upcall_mask;
	return false;
}

static void test_syscall(void)
{
	struct regs r;

	CHECK_EQ(callback(CALLBACKTYPE_syscall32, VEC_SYSCALL32), 0);
	r = run(SYSCALL, FLAT_USER_CS32);
	CHECK_EQ(trap.vector, VEC_SYSCALL32);
	CHECK_EQ(trap.rip, USER_CODE + SYSCALL + 7);
	CHECK_EQ(trap.cs, FLAT_USER_CS32);
	CHECK_EQ(trap.rsp, USER_STACK);
	CHECK_EQ(r.rax, 0x77);
	CHECK_EQ(r.rsi, 0x5151);
	CHECK_EQ(mask_at_entry, 1);
	run(SYSCALL, FLAT_USER_CS);
	CHECK_EQ(trap.vector, VEC_SYSCALL);
}

static void test_way_back(void)
{
	struct regs r;

	iret_flags = VGCF_in_syscall;
	r = run(MODE, FLAT_USER_CS32);
	CHECK_EQ(trap.vector, 6);
	CHECK_EQ(trap.cs, FLAT_USER_CS32);
	CHECK_EQ(r.rax, 5);
	r = run(MODE, FLAT_USER_CS);
	CHECK_EQ(trap.vector, 6);
	CHECK_EQ(trap.cs, FLAT_USER_CS);
	CHECK_EQ(r.rax, 6);
	iret_flags = 0;
}

static void test_sysenter(void)
{
	static const u64 selectors[] = { FLAT_USER_CS, FLAT_USER_CS32 };

	CHECK_EQ(callback(CALLBACKTYPE_sysenter, VEC_SYSENTER), 0);
	if (!is_intel()) {		/* QEMU has it in 32-bit code all the same */
		run(SYSENTER, FLAT_USER_CS);
		CHECK_EQ(trap.vector, 6);
		return;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(selectors); i++) {
		struct regs r = run(SYSENTER, selectors[i]);

		CHECK_EQ(trap.vector, VEC_SYSENTER);
		CHECK_EQ(trap.rip, 0);
		CHECK_EQ(trap.cs, 3);
		CHECK_EQ(trap.rsp, 0);
		CHECK_EQ(r.rax, 0x78);
		CHECK_EQ(r.rsi, 0x5151);
		CHECK_EQ(mask_at_entry, 1);
	}
}

/* --- programs on the kernel's own tables: small kernels have no others --- */

asm(".pushsection .text\n"
    "on_kernel_tables: mov (%rdi), %rax\n"
    "	mov %rax, (%rsi)\n"
    "	syscall\n"
    ".popsection");
extern const u8 on_kernel_tables[];

static void test_one_table(void)
{
	static u64 from = 0x1234, to;
	u64 *page = page_alloc(), *other = page_alloc();
	struct regs r;

	*page = 1;
	*other = 2;
	CHECK_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, l4_mfn()), 0);
	for (int i = 0; i < 100; i++) {
		user_regs_init(&r);
		r.rip = (u64)on_kernel_tables;
		r.rsp = (u64)page_alloc() + PAGE;
		r.rdi = (u64)(i ? page : &from);
		r.rsi = (u64)&to;
		if (i)
			CHECK_EQ(set_va(page, PTE(va_to_mfn(i & 1 ? other : page), PTE_KERNEL_RO)), 0);
		user_run(&r);
		CHECK_EQ(trap.vector, VEC_SYSCALL);
		CHECK_EQ(to, i ? i & 1 ? 2 : 1 : 0x1234);
	}
}

void test_main(void)
{
	user_space_init(code, sizeof(code));
	trap_hook[VEC_SYSCALL32] = trap_hook[VEC_SYSENTER] = note_mask;
	vcpu_info()->evtchn_upcall_mask = 0;
	test_syscall();
	test_way_back();
	test_sysenter();
	test_one_table();
}
