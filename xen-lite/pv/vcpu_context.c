/* SPDX-License-Identifier: MIT */
/*
 * The processor context of a PV vCPU: set and read as a whole, and switched between vCPUs.
 *
 * While a vCPU is current its state is in the processor and in cpu_info.guest_regs; context_switch() moves it to and
 * from struct vcpu. Setting a context checks every field first and takes the references of base tables and descriptor
 * frames; the vCPU must not be running.
 */
#include <xl/entry.h>
#include <xl/hypercall.h>
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/time.h>

void pv_vcpu_init(struct vcpu *v)
{
	v->pv.kernel_l4 = v->pv.user_l4 = INVALID_MFN;
	v->pv.l4_cpu = ~0U;
	v->pv.kernel_mode = true;
	v->pv.bounce.vector = TRAP_NONE;
	v->pv.cr4 = CR4_GUEST_FIXED | (cpu_features.xsave ? X86_CR4_OSXSAVE : 0);
	v->pv.xcr0 = fpu_host_xcr0() & 1;
	v->pv.dr[6] = 0xffff0ff0;
	v->pv.dr[7] = 0x400;
	v->pv.fpu = fpu_alloc();
}

/* Base tables are dropped before the domain's memory is given back; only then can the tables go. */
int pv_vcpu_relinquish(struct vcpu *v)
{
	struct domain *d = v->domain;
	int rc;

	spin_lock(&d->pt_lock);
	if (!mfn_eq(v->pv.kernel_l4, INVALID_MFN))
		page_put_with_type(mfn_to_page(v->pv.kernel_l4));
	if (!mfn_eq(v->pv.user_l4, INVALID_MFN))
		page_put_with_type(mfn_to_page(v->pv.user_l4));
	v->pv.kernel_l4 = v->pv.user_l4 = INVALID_MFN;
	pv_drop_gdt(v);
	ldt_drop_pages(v);
	v->pv.ldt_entries = 0;
	rc = pt_drain(d);
	spin_unlock(&d->pt_lock);
	return rc;
}

void pv_vcpu_destroy(struct vcpu *v)
{
	cpu_l4_forget(v);
	fpu_free(v->pv.fpu);
	v->pv.fpu = NULL;
}

/* --- whole contexts ----------------------------------------------------------------------------------------------- */

static bool addresses_ok(const struct vcpu_guest_context *c)
{
	for (unsigned int i = 0; i < 256; i++)
		if (!is_canonical(c->trap_ctxt[i].address))
			return false;
	return is_canonical(c->event_callback_eip) && is_canonical(c->failsafe_callback_eip) &&
	       is_canonical(c->syscall_callback_eip) && is_canonical(c->fs_base) && is_canonical(c->gs_base_kernel) &&
	       is_canonical(c->gs_base_user) && is_canonical(c->user_regs.rip) &&
	       !(c->ldt_base & ~PAGE_MASK) && c->ldt_ents <= 8192 && is_canonical(c->ldt_base);
}

static int take_base(struct domain *d, u64 cr3, mfn_t *base)
{
	mfn_t m = _mfn(xen_cr3_to_pfn(cr3));
	int rc;

	if (mfn_eq(*base, m))
		return 0;
	rc = page_get_with_type(m, d, PGT_l4);
	if (rc)
		return rc == -XEN_ERESTART ? rc : refuse(rc, "d%u: cr3 %lx is no L4 table of it", d->id, cr3);
	if (!mfn_eq(*base, INVALID_MFN))
		page_put_with_type(mfn_to_page(*base));
	*base = m;
	return 0;
}

static void copy_plain(struct vcpu *v, const struct vcpu_guest_context *c)
{
	struct pv_vcpu *pv = &v->pv;

	v->regs = c->user_regs;
	v->regs.cs |= 3;
	v->regs.ss |= 3;
	v->regs.rflags = (c->user_regs.rflags & 0x00257fd5 & ~(u64)X86_EFLAGS_IOPL) | X86_EFLAGS_IF | 2;
	pv->iopl = c->user_regs.rflags >> 12 & 3;
	memcpy(pv->traps, c->trap_ctxt, sizeof(pv->traps));
	pv->event_callback = c->event_callback_eip;
	pv->failsafe_callback = c->failsafe_callback_eip;
	pv->syscall_callback = c->syscall_callback_eip;
	pv->event_mask_on_failsafe = c->flags & VGCF_failsafe_disables_events;
	pv->event_mask_on_syscall = c->flags & VGCF_syscall_disables_events;
	pv->kernel_sp = c->kernel_sp;
	pv->kernel_ss = c->kernel_ss | 3;
	pv->kernel_mode = c->flags & VGCF_in_kernel;
	pv->ldt_base = c->ldt_base;
	pv->ldt_entries = c->ldt_ents;
	pv->ds = c->user_regs.ds;
	pv->es = c->user_regs.es;
	pv->fs = c->user_regs.fs;
	pv->gs = c->user_regs.gs;
	pv->fs_base = c->fs_base;
	pv->gs_base_kernel = c->gs_base_kernel;
	pv->gs_base_user = c->gs_base_user;
	__atomic_fetch_or(&v->domain->vm_assist, c->vm_assist & ~lite_assists_refused(v->domain), __ATOMIC_SEQ_CST);
	for (int i = 0; i < 8; i++)
		if (i != 4 && i != 5)
			pv_set_debugreg(v, i, c->debugreg[i]);
	fpu_reset(pv->fpu);
	if (c->flags & VGCF_i387_valid)
		fpu_set_fxsave(pv->fpu, (const u8 *)c->fpu_ctxt.x);
}

int vcpu_context_set(struct vcpu *v, const struct vcpu_guest_context *c)
{
	struct domain *d = v->domain;
	int rc;

	if (!addresses_ok(c))
		return refuse(-XEN_EINVAL, "d%uv%u: context with a bad address", d->id, v->id);
	if (c->vm_assist & ~PV_ASSISTS)
		return refuse(-XEN_EINVAL, "d%uv%u: unknown vm_assist %lx", d->id, v->id, c->vm_assist);
	if (!(c->flags & VGCF_in_kernel) && !c->ctrlreg[1] &&
	    !(c->vm_assist & ~lite_assists_refused(d) & 1UL << VMASST_TYPE_lite_shared_tables))
		return refuse(-XEN_EINVAL, "d%uv%u: user mode without a user table", d->id, v->id);
	/* The references first; a call that is preempted finds those it has got already in place. */
	spin_lock(&d->pt_lock);
	rc = take_base(d, c->ctrlreg[3], &v->pv.kernel_l4);
	if (!rc && c->ctrlreg[1])
		rc = take_base(d, c->ctrlreg[1], &v->pv.user_l4);
	spin_unlock(&d->pt_lock);
	if (!rc && c->gdt_ents > FIRST_RESERVED_GDT_ENTRY)
		rc = -XEN_EINVAL;
	if (!rc)
		rc = pv_set_gdt(v, c->gdt_frames, c->gdt_ents);
	if (rc)
		return rc;
	copy_plain(v, c);
	return 0;
}

void vcpu_context_get(struct vcpu *v, struct vcpu_guest_context *c)
{
	const struct pv_vcpu *pv = &v->pv;

	memset(c, 0, sizeof(*c));
	memcpy(c->fpu_ctxt.x, pv->fpu, sizeof(c->fpu_ctxt));
	c->flags = VGCF_i387_valid | (pv->kernel_mode ? VGCF_in_kernel : 0) |
		   (pv->event_mask_on_failsafe ? VGCF_failsafe_disables_events : 0) |
		   (pv->event_mask_on_syscall ? VGCF_syscall_disables_events : 0) |
		   (v->pause_flags & VPF_DOWN ? 0 : VGCF_online);
	c->user_regs = v->regs;
	c->user_regs.error_code = c->user_regs.entry_vector = 0;
	c->user_regs.rflags |= (u64)pv->iopl << 12;
	c->user_regs.ds = pv->ds;
	c->user_regs.es = pv->es;
	c->user_regs.fs = pv->fs;
	c->user_regs.gs = pv->gs;
	memcpy(c->trap_ctxt, pv->traps, sizeof(c->trap_ctxt));
	c->ldt_base = pv->ldt_base;
	c->ldt_ents = pv->ldt_entries;
	memcpy(c->gdt_frames, pv->gdt_frames, sizeof(pv->gdt_frames));
	c->gdt_ents = pv->gdt_entries;
	c->kernel_ss = pv->kernel_ss;
	c->kernel_sp = pv->kernel_sp;
	c->ctrlreg[0] = 0x80050033 | pv->cr0_ts;
	c->ctrlreg[1] = mfn_eq(pv->user_l4, INVALID_MFN) ? 0 : xen_pfn_to_cr3(mfn_x(pv->user_l4));
	c->ctrlreg[2] = v->info->arch.cr2;
	c->ctrlreg[3] = mfn_eq(pv->kernel_l4, INVALID_MFN) ? 0 : xen_pfn_to_cr3(mfn_x(pv->kernel_l4));
	c->ctrlreg[4] = pv->cr4;
	memcpy(c->debugreg, pv->dr, sizeof(c->debugreg));
	c->debugreg[7] |= pv->dr7_ports;
	c->event_callback_eip = pv->event_callback;
	c->failsafe_callback_eip = pv->failsafe_callback;
	c->syscall_callback_eip = pv->syscall_callback;
	c->vm_assist = v->domain->vm_assist;
	c->fs_base = pv->fs_base;
	c->gs_base_kernel = pv->gs_base_kernel;
	c->gs_base_user = pv->gs_base_user;
}

/* --- switching ---------------------------------------------------------------------------------------------------- */

static void save(struct vcpu *v)
{
	struct pv_vcpu *pv = &v->pv;
	u64 gs = rdmsr(MSR_GS_BASE), other = rdmsr(MSR_KERNEL_GS_BASE);

	v->regs = *guest_regs();
	__asm__("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
		: "=r" (pv->ds), "=r" (pv->es), "=r" (pv->fs), "=r" (pv->gs));
	pv->fs_base = rdmsr(MSR_FS_BASE);
	pv->gs_base_kernel = pv->kernel_mode ? gs : other;
	pv->gs_base_user = pv->kernel_mode ? other : gs;
	fpu_save(v);
	if (pv->dr[7] & 0xff)
		pv_clear_debugregs();
}

/*
 * Selectors before bases: loading one overwrites the other. A selector that no longer loads makes the guest's failsafe
 * callback run.
 */
static bool load_segments(const struct pv_vcpu *pv)
{
	int rc = load_ds(pv->ds) | load_es(pv->es) | load_fs(pv->fs) | load_gs(pv->gs);

	wrmsr(MSR_FS_BASE, pv->fs_base);
	wrmsr(MSR_GS_BASE, pv->kernel_mode ? pv->gs_base_kernel : pv->gs_base_user);
	wrmsr(MSR_KERNEL_GS_BASE, pv->kernel_mode ? pv->gs_base_user : pv->gs_base_kernel);
	return rc == 0;
}

static void load(struct vcpu *v)
{
	struct pv_vcpu *pv = &v->pv;

	*guest_regs() = v->regs;
	desc_load(v);
	cpu_l4_switch(v);
	fpu_load(v);
	if (pv->cr0_ts)
		write_cr0(read_cr0() | X86_CR0_TS);
	if (pv->dr[7] & 0xff)
		pv_load_debugregs(v);
	if (cpu_features.e1_edx & 1U << 27)
		wrmsr(MSR_TSC_AUX, pv->tsc_aux);
	direct_load(v);
	if (!load_segments(pv))
		bounce_failsafe(v);
}

/*
 * An idle CPU leaves the last guest's state in the processor's place in memory: it is saved when the guest stops being
 * current, so that anyone may look at it.
 */
void context_switch(struct vcpu *prev, struct vcpu *next)
{
	if (!is_idle_vcpu(prev)) {
		save(prev);
		prev->count[COUNT_SWITCH]++;
	}
	current = next;
	if (is_idle_vcpu(next))
		return;
	load(next);
	time_update_vcpu(next);
}
