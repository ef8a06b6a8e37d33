/* SPDX-License-Identifier: MIT */
/*
 * Stores to page tables. A guest kernel maps its tables read-only and writes L1 entries with plain instructions all the
 * same; the page fault brings us here, and the instruction is carried out through pt_write_entry(). One that is not
 * known is named in the log, and the guest gets its fault.
 */
#include <xl/entry.h>
#include <xl/pt.h>
#include <xl/insn.h>
#include <xl/asm.h>
#include <xl/guest_access.h>

__hot bool guest_insn(struct insn *in, const struct cpu_user_regs *regs)
{
	u8 bytes[INSN_MAX_LEN];
	unsigned int n = INSN_MAX_LEN - raw_copy_from_guest(bytes, (void *)regs->rip, INSN_MAX_LEN);

	return n && regs->cs != GUEST_CS32 && !insn_decode(in, bytes, n, regs, rdmsr(MSR_FS_BASE), rdmsr(MSR_GS_BASE));
}

void log_unknown_insn(const struct vcpu *v, const char *what, const struct cpu_user_regs *regs)
{
	u8 bytes[INSN_MAX_LEN];
	unsigned int n = INSN_MAX_LEN - raw_copy_from_guest(bytes, (void *)regs->rip, INSN_MAX_LEN), at = 0;
	char hex[3 * INSN_MAX_LEN + 1] = "";

	for (unsigned int i = 0; i < n; i++)
		at += snprintf(hex + at, sizeof(hex) - at, " %02x", bytes[i]);
	printk(XL_GUEST "d%uv%u: %s at %lx:%s\n", v->domain->id, v->id, what, regs->rip, hex);
}

/* An instruction that has been carried out is a step for the guest's debugger. */
__hot void emulated_step(struct vcpu *v, const struct cpu_user_regs *regs, u64 rip_before)
{
	if (!(regs->rflags & X86_EFLAGS_TF) || regs->rip == rip_before || v->pv.bounce.vector != TRAP_NONE)
		return;
	v->pv.dr[6] |= DR6_SINGLE_STEP;
	inject_trap(TRAP_debug, 0);
}

static int apply(struct domain *d, u64 *ptr, const struct insn *in, struct cpu_user_regs *regs, u64 src)
{
	struct insn_result res;
	int rc;

	do {
		u64 old = ACCESS_ONCE(*ptr);

		rc = insn_apply(in, regs, old, src, &res);
		if (!rc && res.write)
			rc = pt_write_entry(d, d, ptr, 1, res.val, false, &old);
	} while (rc == -XEN_EAGAIN);
	if (!rc)
		insn_commit(in, &res, regs);
	return rc;
}

static bool write_l1(struct vcpu *v, const struct insn *in, struct cpu_user_regs *regs, unsigned long addr, u64 src)
{
	u64 *pte = guest_l1_entry(v, addr);
	mfn_t m;

	if (!pte || !(*pte & PTE_P))
		return false;
	if (*pte & PTE_RW)
		return true;		/* another vCPU made it writable meanwhile: just try again */
	m = pte_mfn(*pte);
	if (!mfn_valid(m) || pt_level_in_use(mfn_to_page(m), v->domain) != 1)
		return false;
	return !apply(v->domain, (u64 *)((char *)mfn_to_virt(m) + (in->ea & (PAGE_SIZE - 8))), in, regs, src);
}

/* Is there a page table of level 1 at addr? */
static bool is_l1(struct vcpu *v, unsigned long addr)
{
	bool yes = false;
	u64 *pte;

	spin_lock(&v->domain->pt_lock);
	pte = guest_l1_entry(v, addr);
	if (pte && (*pte & PTE_P) && mfn_valid(pte_mfn(*pte)))
		yes = (mfn_to_page(pte_mfn(*pte))->type_info & PGT_type_mask) == PGT_l1;
	spin_unlock(&v->domain->pt_lock);
	return yes;
}

__hot bool emulate_pt_write(struct cpu_user_regs *regs, unsigned long addr)
{
	struct vcpu *v = current;
	struct insn in;
	u64 src = 0, rip = regs->rip;
	bool done;

	if (!(v->domain->vm_assist & 1UL << VMASST_TYPE_writable_pagetables))
		return false;
	if (!guest_insn(&in, regs) || !insn_is_memory(&in) || (in.ea & PAGE_MASK) != (addr & PAGE_MASK)) {
		if (is_l1(v, addr))
			log_unknown_insn(v, "page table written by an unknown instruction", regs);
		return false;
	}
	if (in.class == INSN_MOVS && raw_copy_from_guest(&src, (void *)in.src_ea, in.size))
		return false;
	spin_lock(&v->domain->pt_lock);
	done = write_l1(v, &in, regs, addr, src);
	spin_unlock(&v->domain->pt_lock);
	v->count[COUNT_EMULATE] += done;
	if (done)
		emulated_step(v, regs, rip);
	return done;
}
