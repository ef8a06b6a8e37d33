/* SPDX-License-Identifier: MIT */
/*
 * Delivering traps, system calls and events to a guest kernel: building the frame on its stack and pointing the
 * registers at its handler.
 *
 * From low to high addresses: rcx, r11, [error code], rip, cs, rflags, rsp, ss; the failsafe callback has ds, es, fs,
 * gs between r11 and rip. From user mode it goes on the stack that stack_switch named, else below the current one.
 * rflags.IF in the frame is the inverse of the event mask as it was; bits 32-39 of the cs slot are that mask. A frame
 * that cannot be written is the end of the guest.
 */
#include <xl/entry.h>
#include <xl/asm.h>
#include <xl/pt.h>
#include <xl/guest_access.h>
#include <xl/time.h>

#define MAX_FRAME	12

/* --- mode --------------------------------------------------------------------------------------------------------- */

static __hot void swapgs(void)
{
	__asm__ __volatile__("swapgs" ::: "memory");
}

__hot void pv_enter_kernel(struct vcpu *v)
{
	if (v->pv.kernel_mode)
		return;
	v->pv.kernel_mode = true;
	swapgs();
	cpu_l4_to_kernel();
	if (unlikely(v->runstate_pending))
		vcpu_runstate_publish(v);
	if (unlikely(v->time_pending))
		time_update_vcpu(v);
}

__hot void pv_enter_user(struct vcpu *v)
{
	if (!v->pv.kernel_mode)
		return;
	v->pv.kernel_mode = false;
	swapgs();
	cpu_l4_to_user();
}

/* --- queueing ----------------------------------------------------------------------------------------------------- */

__hot void inject_trap(unsigned int vector, u32 error)
{
	struct trap_bounce *tb = &current->pv.bounce;

	tb->vector = vector;
	tb->has_error = trap_has_error_code(vector);
	tb->error = error;
}

void inject_gp(u32 error)
{
	inject_trap(TRAP_gp_fault, error);
}

__hot void inject_page_fault(unsigned long addr, u32 error)
{
	struct vcpu *v = current;

	v->info->arch.cr2 = addr;
	error &= ~(PFEC_user | PFEC_reserved);
	inject_trap(TRAP_page_fault, v->pv.kernel_mode ? error : error | PFEC_user);
}

/* --- the frame ---------------------------------------------------------------------------------------------------- */

/* Where the frame goes and what it says of the interrupted code; switches to kernel mode. */
struct frame {
	u64 word[MAX_FRAME];
	unsigned int n;
};

static __hot void push(struct frame *f, u64 v)
{
	f->word[f->n++] = v;
}

static __hot u64 guest_rflags(struct vcpu *v, const struct cpu_user_regs *regs, u8 mask)
{
	u64 fl = regs->rflags & ~(u64)(X86_EFLAGS_IF | X86_EFLAGS_IOPL);

	if (!mask)
		fl |= X86_EFLAGS_IF;
	if (v->domain->vm_assist & 1UL << VMASST_TYPE_architectural_iopl)
		fl |= (u64)v->pv.iopl << 12;
	return fl;
}

/* The five words that every frame ends in, and the new stack pointer before it. */
static __hot unsigned long push_context(struct frame *f, struct vcpu *v, struct cpu_user_regs *regs)
{
	u8 mask = v->info->evtchn_upcall_mask;
	u64 cs = regs->cs;
	unsigned long sp;

	if (v->pv.kernel_mode) {
		sp = regs->rsp;
		cs &= ~3ULL;
	} else {
		pv_enter_kernel(v);
		sp = v->pv.kernel_sp;
	}
	push(f, regs->rip);
	push(f, cs | (u64)mask << 32);
	push(f, guest_rflags(v, regs, mask));
	push(f, regs->rsp);
	push(f, regs->ss);
	return sp & ~0xfUL;
}

static __hot void deliver(struct vcpu *v, const struct frame *f, unsigned long sp, unsigned long handler)
{
	struct cpu_user_regs *regs = guest_regs();

	v->count[COUNT_BOUNCE]++;
	sp -= f->n * sizeof(u64);
	if (raw_copy_to_guest((void *)sp, f->word, f->n * sizeof(u64))) {
		domain_crash(v->domain, "kernel stack %lx cannot be written", sp);
		return;
	}
	regs->rip = handler;
	regs->cs = GUEST_CS64;
	/* AC: our CR0 has AM, and a kernel is not to be checked for its programs. */
	regs->rflags &= ~(u64)(X86_EFLAGS_TF | X86_EFLAGS_VM | X86_EFLAGS_RF | X86_EFLAGS_NT | X86_EFLAGS_AC);
	regs->rflags |= X86_EFLAGS_IF;
	regs->rsp = sp;
	regs->ss = GUEST_DS;
	/* The handler takes these two from the frame: let them be what SYSRET wants. */
	regs->rcx = handler;
	regs->r11 = regs->rflags;
}

static __hot void deliver_plain(struct vcpu *v, const struct trap_bounce *tb, unsigned long handler)
{
	struct cpu_user_regs *regs = guest_regs();
	struct frame f = { .n = 0 };
	unsigned long sp;

	push(&f, regs->rcx);
	push(&f, regs->r11);
	if (tb && tb->has_error)
		push(&f, tb->error);
	sp = push_context(&f, v, regs);
	deliver(v, &f, sp, handler);
}

static __hot void mask_events(struct vcpu *v)
{
	v->info->evtchn_upcall_mask = 1;
}

__hot __flatten void bounce_pending(struct vcpu *v)
{
	struct trap_bounce tb = v->pv.bounce;
	const struct trap_info *ti = &v->pv.traps[tb.vector & 0xff];

	v->pv.bounce.vector = TRAP_NONE;
	if (!ti->address) {
		show_registers(guest_regs());
		domain_crash(v->domain, "trap %u at %lx (error code %x) and no handler", tb.vector, guest_regs()->rip, tb.error);
		return;
	}
	deliver_plain(v, &tb, ti->address);
	if (TI_GET_IF(ti))
		mask_events(v);
}

void bounce_nmi(struct vcpu *v)
{
	unsigned long handler = v->pv.traps[TRAP_nmi].address;

	v->pv.nmi_pending = false;
	if (!handler)
		return;
	v->pv.in_nmi = true;		/* until the next iret */
	deliver_plain(v, NULL, handler);
	mask_events(v);
}

__hot void bounce_event(struct vcpu *v)
{
	if (!v->pv.event_callback) {
		domain_crash(v->domain, "event upcall without a callback");
		return;
	}
	deliver_plain(v, NULL, v->pv.event_callback);
	mask_events(v);
}

__hot __flatten void bounce_syscall(struct vcpu *v)
{
	if (!v->pv.syscall_callback) {
		/* As on a processor whose kernel has not enabled the instruction. */
		guest_regs()->rip -= 2;
		inject_trap(TRAP_invalid_op, 0);
		return;
	}
	deliver_plain(v, NULL, v->pv.syscall_callback);
	/* A kernel of 64 bits has SYSCALL clear it. */
	guest_regs()->rflags &= ~(u64)X86_EFLAGS_DF;
	guest_regs()->r11 = guest_regs()->rflags;
	if (v->pv.event_mask_on_syscall)
		mask_events(v);
}

/* From 32-bit code of a program; the processor has set rip, rcx and rflags as for the 64-bit one. */
void bounce_syscall32(struct vcpu *v)
{
	if (!v->pv.syscall32_callback) {
		guest_regs()->rip -= 2;
		inject_trap(TRAP_invalid_op, 0);
		return;
	}
	deliver_plain(v, NULL, v->pv.syscall32_callback);
	if (v->pv.syscall32_masks)
		mask_events(v);
}

/* The instruction keeps neither the address nor the stack of who executed it: the ABI says 0 for both. */
void bounce_sysenter(struct vcpu *v)
{
	struct cpu_user_regs *regs = guest_regs();

	regs->rip = regs->rsp = 0;
	regs->cs = 3;
	regs->ss = GUEST_DS;
	deliver_plain(v, NULL, v->pv.sysenter_callback);
	if (v->pv.sysenter_masks)
		mask_events(v);
}

void bounce_failsafe(struct vcpu *v)
{
	struct cpu_user_regs *regs = guest_regs();
	struct frame f = { .n = 0 };
	u16 ds, es, fs, gs;
	unsigned long sp;

	if (!v->pv.failsafe_callback) {
		domain_crash(v->domain, "selectors %x:%x cannot be loaded and no failsafe callback", regs->cs, regs->ss);
		return;
	}
	__asm__("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3" : "=r" (ds), "=r" (es), "=r" (fs), "=r" (gs));
	push(&f, regs->rcx);
	push(&f, regs->r11);
	push(&f, ds);
	push(&f, es);
	push(&f, fs);
	push(&f, gs);
	sp = push_context(&f, v, regs);
	deliver(v, &f, sp, v->pv.failsafe_callback);
	if (v->pv.event_mask_on_failsafe)
		mask_events(v);
}
