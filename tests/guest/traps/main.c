/* SPDX-License-Identifier: MIT */
/*
 * Exceptions in the kernel, and what their handlers see.
 *
 * ABI: an exception is delivered through the virtual IDT that set_trap_table installs, on the stack that the kernel
 * runs on, as: rcx, r11, [error code], rip, cs, rflags, rsp, ss. CS comes with RPL 0 for the kernel although the CPU
 * is in ring 3; IF in rflags is the inverse of evtchn_upcall_mask, whose old value lies in bits 32 to 39 of the CS
 * slot; IOPL reads as 0. A gate with flag bit 2 masks events on entry. #PF has its address in
 * vcpu_info.arch.cr2 and an error code as for a processor on which the kernel is a supervisor: bit 2 (user) clear.
 */
#include "guest.h"

#include "public/physdev.h"

static u64 seen_cs, seen_mask, seen_rflags;

static bool look(struct regs *r)
{
	seen_cs = r->cs;
	seen_mask = vcpu_info()->evtchn_upcall_mask;
	seen_rflags = r->rflags;
	return false;		/* go on as for any TRY */
}

static void test_vectors(void)
{
	u64 rsp, dummy;

	asm volatile("mov %%rsp, %0" : "=r" (rsp));
	TRY("ud2", : : );
	CHECK_EQ(trap.vector, 6);
	CHECK_EQ(trap.error, 0);
	CHECK_EQ(trap.cs & 3, 0);
	CHECK_EQ(trap.rsp, rsp);
	TRY("divl %%ecx", : "=a" (dummy) : "a" (1ul), "c" (0ul), "d" (0ul));
	CHECK_EQ(trap.vector, 0);
	TRY("int3", : : );
	CHECK_EQ(trap.vector, 3);
	TRY("mov %0, %%ds", : : "r" (0x1238));
	CHECK_EQ(trap.vector, 13);
	CHECK_EQ(trap.error, 0x1238);
	TRY("movq (%0), %%rax", : : "r" (0x8000000000000000) : "rax");
	CHECK_EQ(trap.vector, 13);
	CHECK_EQ(trap.error, 0);
	TRY("hlt", : : );
	CHECK(trap.vector == 13 || trap.vector == NO_TRAP, "hlt: trap %lu", trap.vector);
}

static void test_registers_at_trap(void)
{
	u64 rcx = 0x1234567890, r11 = 0xabcdef0123, rcx_after, r11_after;

	asm volatile("mov %2, %%rcx; mov %3, %%r11; 1: ud2; 2: mov %%rcx, %0; mov %%r11, %1\n"
		     ".pushsection .extable, \"a\"; .quad 1b, 2b; .popsection"
		     : "=m" (rcx_after), "=m" (r11_after) : "m" (rcx), "m" (r11) : "rcx", "r11");
	CHECK_EQ(rcx_after, rcx);
	CHECK_EQ(r11_after, r11);
}

static void test_page_fault(void)
{
	volatile u8 *page = page_alloc();
	u8 v;

	TRY("movb %1, %0", : "=q" (v) : "m" (*(u8 *)0x123456));
	CHECK_EQ(trap.vector, 14);
	CHECK_EQ(trap.cr2, 0x123456);
	CHECK_EQ(trap.error, 0);
	TRY("movb $1, %0", : "=m" (*(u8 *)0x123457));
	CHECK_EQ(trap.error, 2);
	make_ro((void *)page);
	TRY("movb $1, %0", : "=m" (page[100]));
	CHECK_EQ(trap.vector, 14);
	CHECK_EQ(trap.cr2, (u64)&page[100]);
	CHECK_EQ(trap.error, 3);
	TRY("movb %1, %0", : "=q" (v) : "m" (*(u8 *)0xffff830000000000));
	CHECK_EQ(trap.vector, 14);
	CHECK_EQ(trap.error & ~1ul, 0);
}

/* A jump to nowhere faults at the target: the handler repairs it by returning to where rbx points. */
static bool return_from_nowhere(struct regs *r)
{
	if (r->rip != 0x7654000)
		return false;
	trap.vector = 14;
	trap.error = r->error;
	trap.cr2 = vcpu_info()->arch.cr2;
	r->rip = r->rbx;
	return true;
}

static void test_fetch_fault(void)
{
	trap_hook[14] = return_from_nowhere;
	trap.vector = NO_TRAP;
	asm volatile("lea 1f(%%rip), %%rbx; jmp *%0; 1:" : : "r" (0x7654000ul) : "rbx", "memory");
	trap_hook[14] = NULL;
	CHECK_EQ(trap.vector, 14);
	CHECK_EQ(trap.cr2, 0x7654000);
	CHECK_EQ(trap.error & ~0x10ul, 0);
}

static void test_event_mask(void)
{
	trap_hook[6] = look;
	for (int gate_masks = 0; gate_masks < 2; gate_masks++)
		for (int masked = 0; masked < 2; masked++) {
			trap_gate_set(6, 0, gate_masks);
			vcpu_info()->evtchn_upcall_mask = masked;
			TRY("ud2", : : );
			CHECK_EQ(vcpu_info()->evtchn_upcall_mask, masked);	/* iret put it back */
			vcpu_info()->evtchn_upcall_mask = 1;
			CHECK_EQ(seen_mask, masked | gate_masks);
			CHECK_EQ(seen_cs >> 32 & 0xff, masked);
			CHECK_EQ(seen_cs & 0xffff, FLAT_KERNEL_CS & ~3);
			CHECK_EQ(seen_rflags >> 9 & 1, !masked);
			CHECK_EQ(seen_rflags >> 12 & 3, 0);
		}
	trap_hook[6] = NULL;
}

static u64 stepped_at;
static unsigned int steps;

static bool step(struct regs *r)
{
	if (!steps++)
		stepped_at = r->rip;
	r->rflags &= ~0x100ul;
	return true;
}

/* The trap comes behind the first instruction that starts with TF set. */
static void test_single_step(void)
{
	u64 behind;

	trap_hook[1] = step;
	asm volatile("lea 1f(%%rip), %0; pushfq; orq $0x100, (%%rsp); popfq; nop; 1: nop"
		     : "=&r" (behind) : : "memory");
	trap_hook[1] = NULL;
	CHECK_EQ(steps, 1);
	CHECK_EQ(stepped_at, behind);
}

static u64 call_ns(u64 flags)
{
	u64 start = time_now(), rax = __HYPERVISOR_xen_version, rdi = XENVER_version, rsi = 0;

	asm volatile("pushfq; orq %3, (%%rsp); popfq; syscall; nop"
		     : "+a" (rax), "+D" (rdi), "+S" (rsi) : "r" (flags) : "rcx", "r11", "memory", "cc");
	return time_now() - start;
}

/*
 * Single step does not go on in the hypervisor (XSA 204): there it would show in nothing but the time that a call
 * takes.
 */
static void test_step_over_hypercall(void)
{
	u64 plain = ~0ul, stepped = ~0ul, ns;

	trap_hook[1] = step;
	for (unsigned int i = 0; i < 50; i++) {
		ns = call_ns(0);
		plain = ns < plain ? ns : plain;
		steps = 0;
		ns = call_ns(0x100);
		stepped = ns < stepped ? ns : stepped;
		CHECK_EQ(steps, 1);
	}
	trap_hook[1] = NULL;
	CHECK(stepped < 50 * plain + 50000, "a hypercall takes %lu ns, with single step %lu", plain, stepped);
	printk("a hypercall takes %lu ns, with single step %lu\n", plain, stepped);
}

/* An instruction that the hypervisor carries out is one step like any other: a port, a page table, a register. */
#define STEP_OVER(insn, ...) do { \
	u64 behind_; \
	steps = 0; \
	asm volatile("lea 1f(%%rip), %0; pushfq; orq $0x100, (%%rsp); popfq; " insn "; 1: nop; nop" \
		     : "=&r" (behind_) : __VA_ARGS__); \
	CHECK(steps == 1 && stepped_at == behind_, "step over %s: %u traps, the first %ld bytes behind it", insn, \
	      steps, (long)(stepped_at - behind_)); \
} while (0)

static void test_step_over_emulated(void)
{
	struct physdev_set_iopl iopl = { .iopl = 1 };
	u64 *table = page_alloc();

	hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	table_new(table, 1);
	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl), 0);
	trap_hook[1] = step;
	STEP_OVER("inb $0x80, %%al", : "rax", "memory");
	STEP_OVER("mov %%cr0, %%rax", : "rax", "memory");
	STEP_OVER("rdmsr", "c" (0x1b) : "rax", "rdx", "memory");
	STEP_OVER("movq $0, (%1)", "r" (table) : "memory");
	STEP_OVER(XEN_CPUID, "a" (0) : "rbx", "rcx", "rdx", "memory");
	trap_hook[1] = NULL;
	CHECK_EQ(hypercall1(__HYPERVISOR_get_debugreg, 6) & 0x4000, 0x4000);
	CHECK_EQ(hypercall2(__HYPERVISOR_set_debugreg, 6, 0), 0);
}

static void test_table_arguments(void)
{
	CHECK_EQ(hypercall1(__HYPERVISOR_set_trap_table, 0xffff830000000000), -XEN_EFAULT);
	CHECK_EQ(hypercall1(__HYPERVISOR_set_trap_table, 0x10), -XEN_EFAULT);
	trap_gate_clear(6);
	trap_gate_set(6, 0, false);
	TRY("ud2", : : );
	CHECK_EQ(trap.vector, 6);
}

void test_main(void)
{
	test_vectors();
	test_registers_at_trap();
	test_page_fault();
	test_fetch_fault();
	test_event_mask();
	test_single_step();
	test_step_over_hypercall();
	test_step_over_emulated();
	test_table_arguments();
}
