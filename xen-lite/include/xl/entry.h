/* SPDX-License-Identifier: MIT */
/* entry/ and what it shares with pv/: traps, the way out, per-CPU descriptor tables. */
#ifndef XL_ENTRY_H
#define XL_ENTRY_H

#include <xl/domain.h>

enum {
	TRAP_divide = 0, TRAP_debug = 1, TRAP_nmi = 2, TRAP_int3 = 3, TRAP_overflow = 4, TRAP_bounds = 5, TRAP_invalid_op = 6,
	TRAP_no_device = 7, TRAP_double_fault = 8, TRAP_invalid_tss = 10, TRAP_no_segment = 11, TRAP_stack_error = 12,
	TRAP_gp_fault = 13, TRAP_page_fault = 14, TRAP_fpu_error = 16, TRAP_alignment = 17, TRAP_machine_check = 18,
	TRAP_simd = 19, TRAP_control_protection = 21, TRAP_vmm_communication = 29, TRAP_security = 30
};

#define PFEC_present	0x01
#define PFEC_write	0x02
#define PFEC_user	0x04
#define PFEC_reserved	0x08
#define PFEC_fetch	0x10

/* entry/traps.c */
void traps_init(void);			/* IDT, for all CPUs */
void traps_early(void);
void traps_init_cpu(void);		/* this CPU's GDT, TSS, IDT register and SYSCALL MSRs */
void show_registers(const struct cpu_user_regs *regs);
bool trap_has_error_code(unsigned int vector);
/* Writes this CPU's GDT and LDT windows for v (NULL: none). */
void desc_load(struct vcpu *v);

/* entry/exit.c */
void start_exit_loop(void) __noreturn;

/* pv/bounce.c: queue a trap for the current vCPU; it is delivered on the way out. */
void inject_trap(unsigned int vector, u32 error);	/* error is used when the vector has one */
void inject_page_fault(unsigned long addr, u32 error);
void inject_gp(u32 error);
void bounce_pending(struct vcpu *v);	/* exit path: build the frame for v->pv.bounce */
void bounce_event(struct vcpu *v);
void bounce_nmi(struct vcpu *v);
void bounce_syscall(struct vcpu *v);
void bounce_syscall32(struct vcpu *v);
void bounce_sysenter(struct vcpu *v);
void bounce_failsafe(struct vcpu *v);

/* pv/ */
/* Bits of d->vm_assist that a guest may set. */
#define PV_ASSISTS	(1UL << VMASST_TYPE_4gb_segments | 1UL << VMASST_TYPE_4gb_segments_notify |		\
			 1UL << VMASST_TYPE_writable_pagetables | 1UL << VMASST_TYPE_pae_extended_cr3 |		\
			 1UL << VMASST_TYPE_architectural_iopl | 1UL << VMASST_TYPE_runstate_update_flag |	\
			 1UL << VMASST_TYPE_m2p_strict | 1UL << VMASST_TYPE_lite_shared_tables |	\
			 1UL << VMASST_TYPE_lite_direct_entry)
void pv_enter_kernel(struct vcpu *v);	/* user -> kernel mode: GS bases and top-level table */
void pv_enter_user(struct vcpu *v);
/* pv/direct.c */
void direct_notice(struct vcpu *v);	/* it says that it is in its kernel by now */
void direct_load(const struct vcpu *v);	/* v is to run: may it use FSGSBASE? */
void direct_changed(const struct domain *d);	/* the assist of a domain that runs */
bool direct_offered(void);
struct insn;
/* Fetches and decodes the instruction at rip; false in 32-bit mode or when it is none of ours. */
bool guest_insn(struct insn *in, const struct cpu_user_regs *regs);
bool emulate_forced(struct cpu_user_regs *regs);	/* #UD: the "xen" prefix; true when handled */
void log_unknown_insn(const struct vcpu *v, const char *what, const struct cpu_user_regs *regs);	/* address, bytes */
void emulated_step(struct vcpu *v, const struct cpu_user_regs *regs, u64 rip_before);	/* for the guest's debugger */
bool emulate_privileged(struct cpu_user_regs *regs);	/* #GP: true when handled (done, or a trap was queued) */
bool emulate_pt_write(struct cpu_user_regs *regs, unsigned long addr);	/* #PF: a store to a page table */
bool desc_ldt_fault(unsigned long addr);	/* #PF in the LDT window: true when the page is there now */
unsigned long desc_fault_address(unsigned long addr);	/* #PF there all the same: where that is in the guest's LDT */
bool desc_check(u64 *desc);		/* pv/desc.c: harmless in ring 3? May fix privilege levels up */
void pv_cpuid(const struct vcpu *v, u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d);
/*
 * A leaf as a domain shall see it, v being one of its vCPUs: sets in hidden the features that this takes away. What
 * the processor does not offer anyway stays away.
 */
struct xen_cpuid_leaf;
void pv_cpuid_hide(const struct vcpu *v, const struct xen_cpuid_leaf *leaf, u32 hidden[CPUID_WORDS]);
int pv_rdmsr(struct vcpu *v, u32 msr, u64 *val);	/* 0, or -XEN_EINVAL: the guest gets #GP */
int pv_wrmsr(struct vcpu *v, u32 msr, u64 val);
long pv_set_gdt(struct vcpu *v, const unsigned long *frames, unsigned int entries);
void pv_drop_gdt(struct vcpu *v);
/* What a guest always sees in its CR4. */
#define CR4_GUEST_FIXED	(X86_CR4_PAE | X86_CR4_MCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)
int pv_debugreg_number(const struct vcpu *v, int reg);
int pv_set_debugreg(struct vcpu *v, int reg, unsigned long val);
u32 pv_port_breakpoints(const struct vcpu *v, u32 port, unsigned int size);
void pv_load_debugregs(const struct vcpu *v);
void pv_clear_debugregs(void);
void pv_suspend_debugregs(void);	/* until the exit path finds HAZARD_DEBUG */
void pv_resume_debugregs(const struct vcpu *v);
/* mm/mmuext.c: one operation of the current vCPU on itself; -ERESTART: the same again, to go on. */
int mmuext_self(const struct mmuext_op *op);
int load_ds(u16 sel);	/* entry.S: 0, or -EFAULT and the null selector is loaded */
int load_es(u16 sel);
int load_fs(u16 sel);
int load_gs(u16 sel);
void hypercall_page_fill(void *page);
void hypercall_run(struct cpu_user_regs *regs);

#define guest_mode_kernel(v)	((v)->pv.kernel_mode)

/* Whenever current has entered the hypervisor, before anything asks for its mode. */
static inline void pv_settle_mode(struct vcpu *v)
{
	if (!v->pv.kernel_mode && unlikely(ACCESS_ONCE(((u8 *)v->info)[LITE_INFO_in_kernel])))
		direct_notice(v);
}

#endif
