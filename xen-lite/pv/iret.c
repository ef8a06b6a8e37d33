/* SPDX-License-Identifier: MIT */
/*
 * The iret hypercall: how a PV kernel goes back to what it interrupted, to user space or to itself.
 *
 * The frame (struct iret_context) lies on the kernel stack. Everything in it may be hostile: selectors get RPL 3, flags
 * that matter to us are forced, what iretq itself does not take becomes the guest's fault, at the rip of the frame.
 */
#include <xl/entry.h>
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/hypercall.h>
#include <xl/guest_access.h>

#define FLAGS_FROM_GUEST	0x00257fd5ULL	/* arithmetic, TF, DF, IOPL below, NT, RF, AC, ID */

__hot long do_iret(void)
{
	struct cpu_user_regs *regs = guest_regs();
	struct vcpu *v = current;
	struct iret_context f;

	if (unlikely(raw_copy_from_guest(&f, (void *)regs->rsp, sizeof(f)))) {
		domain_crash(v->domain, "iret frame at %lx cannot be read", regs->rsp);
		return 0;
	}
	if ((f.cs & 3) == 3) {
		if (unlikely(mfn_x(v->pv.user_l4) == mfn_x(INVALID_MFN)) && !shares_tables(v->domain)) {
			domain_crash(v->domain, "iret to user mode without a user address space");
			return 0;
		}
		pv_enter_user(v);
	}
	regs->rip = f.rip;
	regs->cs = f.cs | 3;
	regs->ss = f.ss | 3;
	regs->rsp = f.rsp;
	regs->rflags = (f.rflags & FLAGS_FROM_GUEST & ~(u64)X86_EFLAGS_IOPL) | X86_EFLAGS_IF | 2;
	if (v->domain->vm_assist & 1UL << VMASST_TYPE_architectural_iopl)
		v->pv.iopl = f.rflags >> 12 & 3;
	regs->r11 = f.r11;
	regs->rcx = f.rcx;
	if (f.flags & VGCF_in_syscall) {	/* as SYSRET leaves them */
		regs->r11 = regs->rflags;
		regs->rcx = regs->rip;
		regs->cs = regs->cs == GUEST_CS32 ? GUEST_CS32 : GUEST_CS64;
		regs->ss = GUEST_DS;
	}
	v->info->evtchn_upcall_mask = !(f.rflags & X86_EFLAGS_IF);
	v->pv.in_nmi = false;
	regs->rax = f.rax;
	return f.rax;
}
