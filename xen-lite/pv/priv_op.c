/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions of a PV kernel, met as #GP (or #UD with the forced-emulation prefix): decoded, checked
 * against what the vCPU may do, carried out on its virtual state.
 *
 * Port access: a vCPU may execute it by its virtual IOPL (kernel 1 or 0, user 3) or by its I/O bitmap; what then
 * reaches a device is decided by the domain's port permissions. Other ports read as nothing there.
 */
#include <xl/entry.h>
#include <xl/pt.h>
#include <xl/insn.h>
#include <xl/asm.h>
#include <xl/platform.h>
#include <xl/hypercall.h>
#include <xl/guest_access.h>

/* --- ports ------------------------------------------------------------------------------------------------------- */

static u32 dom0_cf8;		/* the configuration address that dom0 last wrote */

/* One byte of guest kernel memory; a program that uses ports does not have that in its address space. */
static bool read_kernel_byte(struct vcpu *v, unsigned long addr, u8 *byte)
{
	struct domain *d = v->domain;
	bool ok = false;
	u64 *pte;

	spin_lock(&d->pt_lock);
	pte = guest_kernel_l1_entry(v, addr);
	if (pte && (*pte & PTE_P) && mfn_valid(pte_mfn(*pte)) && page_get(mfn_to_page(pte_mfn(*pte)), d)) {
		*byte = ((const u8 *)mfn_to_virt(pte_mfn(*pte)))[addr & ~PAGE_MASK];
		page_put(mfn_to_page(pte_mfn(*pte)));
		ok = true;
	}
	spin_unlock(&d->pt_lock);
	return ok;
}

/* A kernel counts as privilege 1, or as 0 where it asked for the processor's own rules. */
static bool iopl_allows(const struct vcpu *v)
{
	unsigned int kernel = v->domain->vm_assist & 1UL << VMASST_TYPE_architectural_iopl ? 0 : 1;

	return v->pv.iopl >= (v->pv.kernel_mode ? kernel : 3);
}

static bool may_use_ports(struct vcpu *v, u16 port, unsigned int size)
{
	if (iopl_allows(v))
		return true;
	for (unsigned int p = port; p < port + size; p++) {
		u8 bits;

		if (!v->pv.iobmp || p >= v->pv.iobmp_ports ||
		    !read_kernel_byte(v, (unsigned long)v->pv.iobmp + p / 8, &bits) || (bits >> (p % 8) & 1))
			return false;
	}
	return true;
}

static bool reaches_device(const struct domain *d, u16 port, unsigned int size)
{
	for (unsigned int p = port; p < port + size; p++)
		if (!d->io_ports || p > 0xffff || !test_bit(p, d->io_ports))
			return false;
	return true;
}

static bool is_pci_config(const struct domain *d, u16 port, unsigned int size)
{
	return d->privileged && port >= 0xcf8 && port + size <= 0xd00;
}

static u32 port_read(struct domain *d, u16 port, unsigned int size)
{
	if (is_pci_config(d, port, size)) {
		if (port == 0xcf8 && size == 4)
			return dom0_cf8;
		if (port >= 0xcfc && pci_cfg_ok(d, port, size, dom0_cf8))
			return pci_conf_read(dom0_cf8, port - 0xcfc, size);
		return ~0U;
	}
	if (reaches_device(d, port, size))
		return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
	/*
	 * A timer that reads 0 makes a guest's calibration against it give up at once instead of polling 50 000 times.
	 */
	return port >= 0x40 && port <= 0x42 ? 0 : ~0U;
}

static void port_write(struct domain *d, u16 port, unsigned int size, u32 val)
{
	if (is_pci_config(d, port, size)) {
		if (port == 0xcf8 && size == 4)
			dom0_cf8 = val;
		else if (port >= 0xcfc && pci_cfg_ok(d, port, size, dom0_cf8))
			pci_conf_write(dom0_cf8, port - 0xcfc, size, val);
		return;
	}
	if (!reaches_device(d, port, size))
		return;
	if (size == 1)
		outb(port, val);
	else if (size == 2)
		outw(port, val);
	else
		outl(port, val);
}

static bool string_element(struct vcpu *v, const struct insn *in)
{
	u32 val;

	if (in->class == INSN_INS) {
		val = port_read(v->domain, in->port, in->size);
		if (!raw_copy_to_guest((void *)in->ea, &val, in->size))
			return true;
		inject_page_fault(in->ea, PFEC_write);
	} else {
		if (!raw_copy_from_guest(&val, (void *)in->src_ea, in->size)) {
			port_write(v->domain, in->port, in->size, val);
			return true;
		}
		inject_page_fault(in->src_ea, 0);
	}
	return false;
}

/* After an access that the guest watches, and whose instruction or element of it is over: true. */
static bool port_breakpoint(struct vcpu *v, u32 port, unsigned int size, const struct cpu_user_regs *regs)
{
	u32 hit = pv_port_breakpoints(v, port, size);

	if (likely(!hit))
		return false;
	v->pv.dr[6] |= hit | (regs->rflags & X86_EFLAGS_TF ? DR6_SINGLE_STEP : 0);
	inject_trap(TRAP_debug, 0);
	return true;
}

/* String forms: some elements at a time; the instruction is met again until rcx is 0. */
static bool string_io(struct vcpu *v, struct insn *in, struct cpu_user_regs *regs)
{
	u64 rip = regs->rip;

	if (insn_string_done(in, regs)) {
		insn_skip(in, regs);
		return true;
	}
	for (unsigned int i = 0; i < 32; i++) {
		if (!string_element(v, in))
			return true;
		insn_string_step(in, regs);
		if (port_breakpoint(v, in->port, in->size, regs))
			return true;
		/*
		 * Past the instruction; or somebody else has changed its bytes, and it faults again for a fresh look.
		 */
		if (regs->rip != rip || !guest_insn(in, regs) || (in->class != INSN_INS && in->class != INSN_OUTS) ||
		    !may_use_ports(v, in->port, in->size))
			return true;
	}
	return true;
}

static bool port_io(struct vcpu *v, struct insn *in, struct cpu_user_regs *regs)
{
	if (!may_use_ports(v, in->port, in->size))
		return false;
	if (in->class == INSN_INS || in->class == INSN_OUTS)
		return string_io(v, in, regs);
	if (in->class == INSN_IN)
		insn_reg_write(regs, 0, in->size, port_read(v->domain, in->port, in->size));
	else
		port_write(v->domain, in->port, in->size, regs->eax);
	insn_skip(in, regs);
	port_breakpoint(v, in->port, in->size, regs);
	return true;
}

/* --- control registers -------------------------------------------------------------------------------------------- */

static bool read_cr(struct vcpu *v, unsigned int cr, u64 *val)
{
	switch (cr) {
	case 0:
		*val = (read_cr0() & ~(u64)X86_CR0_TS) | v->pv.cr0_ts;
		return true;
	case 2:
		*val = v->info->arch.cr2;
		return true;
	case 3:
		*val = mfn_to_pa(v->pv.kernel_l4);
		return true;
	case 4:
		*val = v->pv.cr4;
		return true;
	}
	return false;
}

/* 0; -XEN_EINVAL; -XEN_ERESTART: preempted, the instruction is to be executed again. */
static int write_cr(struct vcpu *v, unsigned int cr, u64 val)
{
	switch (cr) {
	case 0:
		if ((val ^ read_cr0()) & ~(u64)X86_CR0_TS)
			return -XEN_EINVAL;
		do_fpu_taskswitch(val & X86_CR0_TS ? 1 : 0);
		return 0;
	case 2:
		v->info->arch.cr2 = val;
		return 0;
	case 3: {
		struct mmuext_op op = { .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = val >> PAGE_SHIFT };

		return mmuext_self(&op);
	}
	case 4:
		/* What it may not have, or has anyway, is ignored. */
		v->pv.cr4 = (val & (X86_CR4_TSD | X86_CR4_DE | (cpu_features.xsave ? X86_CR4_OSXSAVE : 0))) | CR4_GUEST_FIXED;
		return 0;
	}
	return -XEN_EINVAL;
}

/* x87 always; AVX needs SSE; the AVX-512 states come together, with AVX; nothing that the host does not save. */
static bool set_xcr0(struct vcpu *v, u64 val)
{
	if (!fpu_xcr0_ok(val))
		return false;
	v->pv.xcr0 = val;
	fpu_xcr0_changed(v);
	return true;
}

/* A register that is not there is #UD; what it does not take is #GP, false. */
static bool debug_register(const struct vcpu *v, const struct insn *in, struct cpu_user_regs *regs)
{
	if (pv_debugreg_number(v, in->reg) < 0) {
		inject_trap(TRAP_invalid_op, 0);
		return true;
	}
	if (in->class == INSN_MOV_FROM_DR)
		insn_reg_write(regs, in->rm, 8, do_get_debugreg(in->reg));
	else if (do_set_debugreg(in->reg, insn_reg_read(regs, in->rm, 8)))
		return false;
	insn_skip(in, regs);
	return true;
}

static bool control_register(struct vcpu *v, const struct insn *in, struct cpu_user_regs *regs)
{
	u64 val = 0;
	int rc;

	switch (in->class) {
	case INSN_MOV_FROM_CR:
		if (!read_cr(v, in->reg, &val))
			return false;
		insn_reg_write(regs, in->rm, 8, val);
		break;
	case INSN_MOV_TO_CR:
		rc = write_cr(v, in->reg, insn_reg_read(regs, in->rm, 8));
		if (rc)
			return rc == -XEN_ERESTART;
		break;
	case INSN_CLTS:
		do_fpu_taskswitch(0);
		break;
	case INSN_XSETBV:
		if (regs->ecx || !cpu_features.xsave || !set_xcr0(v, regs->eax | (u64)regs->edx << 32))
			return false;
		break;
	}
	insn_skip(in, regs);
	return true;
}

/* --- MSRs, CPUID -------------------------------------------------------------------------------------------------- */

static bool msr_access(struct vcpu *v, const struct insn *in, struct cpu_user_regs *regs)
{
	u64 val = 0;
	int rc;

	if (in->class == INSN_RDMSR)
		rc = pv_rdmsr(v, regs->ecx, &val);
	else
		rc = pv_wrmsr(v, regs->ecx, regs->eax | (u64)regs->edx << 32);
	/*
	 * A kernel that has not set up its trap table yet cannot take the fault: the register reads 0, the write is
	 * lost.
	 */
	if (rc && v->pv.traps[TRAP_gp_fault].address) {
		printk(XL_GUEST "d%u: %s of MSR %x refused\n", v->domain->id, in->class == INSN_RDMSR ? "read" : "write", regs->ecx);
		return false;
	}
	if (in->class == INSN_RDMSR) {
		regs->rax = (u32)val;
		regs->rdx = val >> 32;
	}
	insn_skip(in, regs);
	return true;
}

static void do_cpuid(struct vcpu *v, const struct insn *in, struct cpu_user_regs *regs)
{
	u32 a, b, c, d;

	pv_cpuid(v, regs->eax, regs->ecx, &a, &b, &c, &d);
	regs->rax = a;
	regs->rbx = b;
	regs->rcx = c;
	regs->rdx = d;
	insn_skip(in, regs);
}

/* ud2 (0f 0b) is how kernels say that they have found a mistake of their own. */
static bool is_ud2(const struct cpu_user_regs *regs)
{
	u8 bytes[2];

	return !raw_copy_from_guest(bytes, (void *)regs->rip, sizeof(bytes)) && bytes[0] == 0x0f && bytes[1] == 0x0b;
}

bool emulate_forced(struct cpu_user_regs *regs)
{
	struct insn in;
	u64 rip;

	if (!guest_insn(&in, regs) || !in.forced || in.class != INSN_CPUID) {
		if (current->pv.kernel_mode && !is_ud2(regs))
			log_unknown_insn(current, "undefined instruction", regs);
		return false;
	}
	current->count[COUNT_EMULATE]++;
	rip = regs->rip;
	do_cpuid(current, &in, regs);
	emulated_step(current, regs, rip);
	return true;
}

/* --- software interrupts ------------------------------------------------------------------------------------------ */

/*
 * `int n` through our IDT faults with an error code that names n; QEMU 7.2 gets that number wrong, so the
 * instruction itself is asked. The guest's own table decides whether this mode may use the vector.
 */
static bool software_int(struct vcpu *v, const struct insn *in, struct cpu_user_regs *regs)
{
	const struct trap_info *ti = &v->pv.traps[in->imm & 0xff];

	if (!ti->address || TI_GET_DPL(ti) < (v->pv.kernel_mode ? 1 : 3)) {
		inject_gp((in->imm & 0xff) << 3 | 2);
		return true;
	}
	insn_skip(in, regs);
	inject_trap(in->imm & 0xff, 0);
	v->pv.bounce.has_error = false;
	return true;
}

static bool emulate(struct vcpu *v, struct insn *in, struct cpu_user_regs *regs)
{
	switch (in->class) {
	case INSN_INT:
		return software_int(v, in, regs);
	case INSN_IN:
	case INSN_OUT:
	case INSN_INS:
	case INSN_OUTS:
		return port_io(v, in, regs);
	case INSN_CLI:
	case INSN_STI:
		/* Without effect on events: the mask in vcpu_info is what counts. Allowed where IOPL allows it. */
		if (!iopl_allows(v))
			return false;
		insn_skip(in, regs);
		return true;
	}
	if (!v->pv.kernel_mode)
		return false;
	switch (in->class) {
	case INSN_MOV_FROM_CR:
	case INSN_MOV_TO_CR:
	case INSN_CLTS:
	case INSN_XSETBV:
		return control_register(v, in, regs);
	case INSN_MOV_FROM_DR:
	case INSN_MOV_TO_DR:
		return debug_register(v, in, regs);
	case INSN_WBINVD:
		if (v->domain->privileged)
			__asm__ __volatile__("wbinvd" ::: "memory");
		insn_skip(in, regs);
		return true;
	case INSN_RDMSR:
	case INSN_WRMSR:
		return msr_access(v, in, regs);
	case INSN_CPUID:
		do_cpuid(v, in, regs);
		return true;
	case INSN_INVLPG:
		tlb_flush_one_local(in->ea);
		insn_skip(in, regs);
		return true;
	}
	return false;
}

/*
 * SYSENTER of a program: we leave it disabled in the processor, so that it comes as #GP. For the kernels that take the
 * system calls of 32-bit programs by it, this is enough.
 */
static bool is_sysenter(const struct vcpu *v, const struct cpu_user_regs *regs)
{
	u8 bytes[2];

	return !v->pv.kernel_mode && !regs->error_code && v->pv.sysenter_callback &&
	       !raw_copy_from_guest(bytes, (void *)regs->rip, sizeof(bytes)) && bytes[0] == 0x0f && bytes[1] == 0x34;
}

/* With an error code it is a selector that was refused, and no matter of the instruction. */
bool emulate_privileged(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;
	struct insn in;
	u64 rip = regs->rip;

	if (is_sysenter(v, regs)) {
		bounce_sysenter(v);
		return true;
	}
	if (!guest_insn(&in, regs)) {
		if (v->pv.kernel_mode && !regs->error_code)
			log_unknown_insn(v, "#GP of an unknown instruction", regs);
		return false;
	}
	v->count[COUNT_EMULATE]++;
	if (emulate(v, &in, regs)) {
		emulated_step(v, regs, rip);
		return true;
	}
	if (v->pv.kernel_mode && in.class != INSN_RDMSR && in.class != INSN_WRMSR)	/* these have said more */
		log_unknown_insn(v, "instruction refused", regs);
	return false;
}
