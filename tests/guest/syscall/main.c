/* SPDX-License-Identifier: MIT */
/*
 * System calls from user mode, and the two address spaces.
 *
 * ABI: SYSCALL in user mode enters the syscall callback in the kernel's address space, on the kernel stack: rcx, r11,
 * rip, cs, rflags, rsp, ss, with rip behind the instruction. The frame's rcx and r11 are the user's rip and rflags, as
 * the instruction leaves them; every other register is the user's. The kernel begins without the user's TF, NT, AC and
 * DF. User code sees nothing of the kernel, not the machine-to-physical table, and cannot make hypercalls.
 */
#include "guest.h"

asm(".pushsection .rodata\n"
    "user_start:\n"
    "	mov $0x77, %eax\n"
    "	syscall\n"
    "user_after_syscall:\n"
    "	mov (%rdi), %rax\n"		/* touch what rdi says */
    "	mov $1, %edx\n"
    "	syscall\n"
    "user_write:\n"
    "	mov %rax, (%rdi)\n"
    "	syscall\n"
    "user_cli:\n"
    "	cli\n"
    "	syscall\n"
    "user_int:\n"
    "	int $0x80\n"
    "	syscall\n"
    "user_end:\n"
    ".popsection");
extern const u8 user_start[], user_after_syscall[], user_write[], user_cli[], user_int[], user_end[];

#define AT(label) (USER_CODE + ((label) - user_start))

static struct regs run_at(const u8 *label, u64 rdi)
{
	struct regs r;

	user_regs_init(&r);
	r.rip = AT(label);
	r.rdi = rdi;
	r.rsi = 0x5151;
	r.r10 = 0x1010;
	r.r12 = 0x1212;
	user_run(&r);
	return r;
}

static void test_syscall(void)
{
	struct regs r = run_at(user_start, 0);

	CHECK_EQ(trap.vector, VEC_SYSCALL);
	CHECK_EQ(trap.rip, AT(user_after_syscall));
	CHECK_EQ(trap.rsp, USER_STACK);
	CHECK_EQ(trap.cs & 3, 3);
	CHECK_EQ(trap.rflags & 0x200, 0x200);
	CHECK_EQ(r.rax, 0x77);
	CHECK_EQ(r.rsi, 0x5151);
	CHECK_EQ(r.r10, 0x1010);
	CHECK_EQ(r.r12, 0x1212);
	CHECK_EQ(r.rcx, AT(user_after_syscall));
	CHECK_EQ(r.r11 & 0xcd5, r.rflags & 0xcd5);
}

static void test_memory(void)
{
	struct regs r = run_at(user_after_syscall, USER_CODE);

	CHECK_EQ(trap.vector, VEC_SYSCALL);
	CHECK_EQ(r.rdx, 1);
	CHECK_EQ(r.rax, *(const u64 *)user_start);
	run_at(user_write, USER_STACK - 64);
	CHECK_EQ(trap.vector, VEC_SYSCALL);
	run_at(user_write, USER_CODE);
	CHECK_EQ(trap.vector, 14);
	CHECK_EQ(trap.error, 7);
	CHECK_EQ(trap.cr2, USER_CODE);
	CHECK_EQ(trap.rip, AT(user_write));
	run_at(user_after_syscall, 0x1000);
	CHECK_EQ(trap.vector, 14);
	CHECK_EQ(trap.error, 4);
}

/* Neither the kernel's pages nor the hypervisor's are in the user's address space. */
static void test_isolation(void)
{
	static const u64 out_of_reach[] = { VIRT_BASE, VIRT_BASE + (1 << 20), 0xffff830000000000,
					    0xffff82d080200000 };

	for (unsigned int i = 0; i < ARRAY_SIZE(out_of_reach); i++) {
		run_at(user_after_syscall, out_of_reach[i]);
		CHECK(trap.vector == 14 && trap.error & 4 && trap.cr2 == out_of_reach[i],
		      "read of 0x%lx by user: trap %lu error 0x%lx", out_of_reach[i], trap.vector, trap.error);
	}
	run_at(user_after_syscall, 0x0000800000000000);
	CHECK_EQ(trap.vector, 13);
}

static void test_traps(void)
{
	run_at(user_cli, 0);
	CHECK_EQ(trap.vector, 13);
	CHECK_EQ(trap.error, 0);
	CHECK_EQ(trap.rip, AT(user_cli));
	trap_gate_set(0x80, 3, false);
	run_at(user_int, 0);
	CHECK_EQ(trap.vector, 0x80);
	CHECK_EQ(trap.rip, AT(user_int) + 2);
	CHECK_EQ(trap.cs & 3, 3);
}

/* The flags that the callback begins with. */
asm(".pushsection .text\n"
    "flags_entry:\n"
    "	pushf\n"
    "	pop entry_flags\n"
    "	jmp syscall_entry\n"
    ".popsection");
extern const u8 flags_entry[], syscall_entry[];
u64 entry_flags;

static void callback(const u8 *entry)
{
	struct callback_register cb = { .type = CALLBACKTYPE_syscall, .flags = CALLBACKF_mask_events, .address = (u64)entry };

	CHECK_EQ(hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb), 0);
}

static void test_flags(void)
{
	static const u64 flags[] = { 1ul << 10, 1ul << 14, 1ul << 18, 1ul << 10 | 1ul << 18 | 0x8d5 };

	callback(flags_entry);
	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		struct regs r;

		user_regs_init(&r);
		r.rflags |= flags[i];
		user_run(&r);
		CHECK_EQ(trap.vector, VEC_SYSCALL);
		CHECK_EQ(r.rflags & flags[i], flags[i]);
		CHECK_EQ(entry_flags & (1ul << 8 | 1ul << 10 | 1ul << 14 | 1ul << 18), 0);
	}
	callback(syscall_entry);
}

/* A thousand times there and back: the kernel always finds its own address space. */
static void test_switch_back(void)
{
	u64 before = *(volatile u64 *)VIRT_BASE;

	for (int i = 0; i < 1000; i++)
		run_at(user_start, 0);
	CHECK_EQ(trap.vector, VEC_SYSCALL);
	CHECK_EQ(*(volatile u64 *)VIRT_BASE, before);
	CHECK(!can_read((void *)USER_CODE), "user pages are in the kernel's address space");
}

void test_main(void)
{
	user_space_init(user_start, user_end - user_start);
	test_syscall();
	test_memory();
	test_isolation();
	test_traps();
	test_flags();
	test_switch_back();
}
