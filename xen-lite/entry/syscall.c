/* SPDX-License-Identifier: MIT */
/*
 * The SYSCALL instruction: a hypercall from guest kernel mode, a system call to bounce from guest user mode.
 *
 * SYSCALL does not switch stacks and clobbers only rcx and r11, so its first instructions must know this CPU's stack by
 * themselves: each CPU has stubs of its own with the addresses as immediates, written at start-up. There are two, for
 * 64-bit code and for 32-bit code of a 64-bit guest, whose kernel has a callback of its own for it.
 */
#include <xl/entry.h>
#include <xl/hypercall.h>
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/asm_offsets.h>
#include <xl/mm.h>

#define STUB_SIZE	64
#define STR_(x)		#x
#define STR(x)		STR_(x)

extern char entry_syscall[], entry_syscall32[];

/* Reserved in assembly: a variable of C would give the code section the attributes of data. */
extern char stubs[NR_CPUS][2][STUB_SIZE];
__asm__(".pushsection .text.stubs, \"ax\"\n\t.balign 64\nstubs:\t.fill " STR(NR_CPUS) " * 2 * " STR(STUB_SIZE) "\n\t"
	".popsection");

void guest_syscall(struct cpu_user_regs *regs);
void guest_syscall32(struct cpu_user_regs *regs);

static u8 *emit(u8 *p, const void *bytes, size_t n)
{
	memcpy(p, bytes, n);
	return p + n;
}

static u8 *emit_u64(u8 *p, u64 v)
{
	return emit(p, &v, sizeof(v));
}

/* Writes a stub through the direct map: the image is not writable where it runs. */
static void write_stub(char *run, const char *target)
{
	u8 *start = pa_to_virt(virt_to_pa(run)), *p = start;
	struct cpu_user_regs *g = guest_regs();
	s32 rel, ss = GUEST_DS;

	p = emit(p, "\x48\xa3", 2);			/* movabs %rax, guest_regs.rax */
	p = emit_u64(p, (unsigned long)&g->rax);
	p = emit(p, "\x48\x89\xe0", 3);			/* mov %rsp, %rax */
	p = emit(p, "\x48\xbc", 2);			/* movabs $one past the frame, %rsp */
	p = emit_u64(p, (unsigned long)g + UREGS_es);
	p = emit(p, "\x68", 1);				/* push $GUEST_DS */
	p = emit(p, &ss, sizeof(ss));
	p = emit(p, "\x50", 1);				/* push %rax */
	p = emit(p, "\xe9", 1);				/* jmp target */
	rel = target - (run + (p - start) + 4);
	emit(p, &rel, sizeof(rel));
}

void syscall_init_cpu(void)
{
	u32 cpu = smp_processor_id();

	write_stub(stubs[cpu][0], entry_syscall);
	write_stub(stubs[cpu][1], entry_syscall32);
	wrmsr(MSR_STAR, (u64)GUEST_CS32 << 48 | (u64)HV_CS << 32);
	wrmsr(MSR_LSTAR, (unsigned long)stubs[cpu][0]);
	wrmsr(MSR_CSTAR, (unsigned long)stubs[cpu][1]);
	/* VM: see guest_vm86(). */
	wrmsr(MSR_SFMASK, X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_NT | X86_EFLAGS_AC | X86_EFLAGS_RF |
	      X86_EFLAGS_IOPL | X86_EFLAGS_VM);
}

/* Apart, so that a hypercall saves no registers for its sake. */
static __hot __attribute__((noinline)) void syscall_from_user(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;

	pv_settle_mode(v);
	if (v->pv.kernel_mode)
		guest_syscall(regs);
	else
		bounce_syscall(v);
}

__hot void guest_syscall(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;

	if (unlikely(!v->pv.kernel_mode)) {
		syscall_from_user(regs);
	} else if (regs->rax == __HYPERVISOR_iret) {	/* the way back from it, without what others need */
		v->count[COUNT_HYPERCALL]++;
		do_iret();
	} else {
		hypercall_run(regs);
	}
}

void guest_syscall32(struct cpu_user_regs *regs)
{
	pv_settle_mode(current);
	regs->cs = GUEST_CS32;
	bounce_syscall32(current);
}
