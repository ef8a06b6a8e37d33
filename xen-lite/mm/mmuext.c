/* SPDX-License-Identifier: MIT */
/*
 * mmuext_op: pinning, base pointers, flushes, the LDT, clearing and copying of frames.
 *
 * Pinning validates a table and keeps it validated though nothing points to it; the flag stands for one reference and
 * one type reference. Base pointers hold a reference and the L4 type each while a vCPU has them.
 */
#include <xl/logdirty.h>
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/hypercall.h>
#include <xl/guest_access.h>
#include <xl/entry.h>

int pt_pin(struct domain *d, mfn_t m, u64 type)
{
	struct page_info *pg;
	int rc = page_get_with_type(m, d, type);

	if (rc)
		return rc == -XEN_ERESTART ? rc : refuse(rc, "d%u: cannot pin %lx as L%u", d->id, mfn_x(m), pgt_level(type));
	pg = mfn_to_page(m);
	if (__atomic_fetch_or(&pg->type_info, PGT_pinned, __ATOMIC_SEQ_CST) & PGT_pinned) {
		page_put_with_type(pg);
		return refuse(-XEN_EINVAL, "d%u: %lx is pinned already", d->id, mfn_x(m));
	}
	logdirty_mark(d, pg);		/* tools ask again for the type of a marked page only */
	return 0;
}

static int unpin(struct domain *d, mfn_t m)
{
	struct page_info *pg;
	int rc = -XEN_EINVAL;

	if (!mfn_valid(m))
		return refuse(-XEN_EINVAL, "d%u: no frame %lx", d->id, mfn_x(m));
	pg = mfn_to_page(m);
	if (!page_get(pg, d))
		return refuse(-XEN_EINVAL, "frame %lx is not d%u's", mfn_x(m), d->id);
	if (__atomic_fetch_and(&pg->type_info, ~PGT_pinned, __ATOMIC_SEQ_CST) & PGT_pinned) {
		logdirty_mark(d, pg);
		page_put_with_type(pg);
		rc = 0;
	}
	page_put(pg);
	return rc;
}

static int new_base(struct vcpu *v, mfn_t *base, mfn_t m, bool may_be_none)
{
	mfn_t old = *base;

	if (mfn_eq(old, m))
		return 0;
	if (mfn_x(m) == 0 && may_be_none) {
		m = INVALID_MFN;
	} else {
		int rc = page_get_with_type(m, v->domain, PGT_l4);

		if (rc)
			return rc;
	}
	*base = m;
	if (base == &v->pv.user_l4)
		cpu_l4_user_changed();
	else
		cpu_l4_stale();
	if (!mfn_eq(old, INVALID_MFN))
		page_put_with_type(mfn_to_page(old));
	return 0;
}

static int flush_vcpus(const struct mmuext_op *op)
{
	unsigned long cpus[BITS_TO_LONGS(NR_CPUS)];

	if (vcpumask_to_cpus(current->domain, op->arg2.vcpumask.p, cpus))
		return -XEN_EFAULT;
	if (op->cmd == MMUEXT_TLB_FLUSH_MULTI)
		tlb_flush_mask(cpus);
	else
		tlb_flush_one_mask(cpus, op->arg1.linear_addr);
	return 0;
}

static int set_ldt(struct vcpu *v, unsigned long base, unsigned int entries)
{
	if (!entries)
		base = 0;
	if ((base & ~PAGE_MASK) || entries > 8192 || !guest_range_ok((void *)base, entries, 8) || !is_canonical(base))
		return -XEN_EINVAL;
	if (!entries && !v->pv.ldt_entries)
		return 0;
	ldt_drop_pages(v);
	v->pv.ldt_base = base;
	v->pv.ldt_entries = entries;
	desc_load(v);
	tlb_flush_local();
	return 0;
}

/* The frame is written by us: it must be one that the guest could write itself. */
static int fill_frame(struct domain *d, mfn_t to, const mfn_t *from)
{
	int rc;

	if (from && (!mfn_valid(*from) || !page_get(mfn_to_page(*from), d)))
		return -XEN_EINVAL;
	rc = page_get_with_type(to, d, PGT_writable);
	if (!rc) {
		if (from)
			memcpy(mfn_to_virt(to), mfn_to_virt(*from), PAGE_SIZE);
		else
			memset(mfn_to_virt(to), 0, PAGE_SIZE);
		logdirty_mark(d, mfn_to_page(to));
		page_put_with_type(mfn_to_page(to));
	}
	if (from)
		page_put(mfn_to_page(*from));
	return rc;
}

/* Operations on d's frames; d may be another domain. */
static int op_on_frames(struct domain *d, const struct mmuext_op *op)
{
	mfn_t m = _mfn(op->arg1.mfn), src = _mfn(op->arg2.src_mfn);

	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
		return pt_pin(d, m, PGT_l1);
	case MMUEXT_PIN_L2_TABLE:
		return pt_pin(d, m, PGT_l2);
	case MMUEXT_PIN_L3_TABLE:
		return pt_pin(d, m, PGT_l3);
	case MMUEXT_PIN_L4_TABLE:
		return pt_pin(d, m, PGT_l4);
	case MMUEXT_UNPIN_TABLE:
		return unpin(d, m);
	case MMUEXT_CLEAR_PAGE:
		return fill_frame(d, m, NULL);
	case MMUEXT_COPY_PAGE:
		return fill_frame(d, m, &src);
	default:
		return -XEN_ENOSYS;
	}
}

/* Operations on the caller itself. */
static int op_on_self(struct vcpu *v, const struct mmuext_op *op)
{
	switch (op->cmd) {
	case MMUEXT_NEW_BASEPTR:
		return new_base(v, &v->pv.kernel_l4, _mfn(op->arg1.mfn), false);
	case MMUEXT_NEW_USER_BASEPTR:
		return new_base(v, &v->pv.user_l4, _mfn(op->arg1.mfn), true);
	case MMUEXT_TLB_FLUSH_LOCAL:
		tlb_flush_local();
		return 0;
	case MMUEXT_INVLPG_LOCAL:
		tlb_flush_one_local(op->arg1.linear_addr);
		return 0;
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
		return flush_vcpus(op);
	case MMUEXT_TLB_FLUSH_ALL:
		tlb_flush_domain(v->domain);
		return 0;
	case MMUEXT_INVLPG_ALL:
		tlb_flush_one_domain(v->domain, op->arg1.linear_addr);
		return 0;
	case MMUEXT_FLUSH_CACHE:
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		if (!v->domain->privileged)
			return -XEN_EACCES;
		__asm__ __volatile__("wbinvd" ::: "memory");
		return 0;
	case MMUEXT_SET_LDT:
		return set_ldt(v, op->arg1.linear_addr, op->arg2.nr_ents);
	case MMUEXT_MARK_SUPER:
	case MMUEXT_UNMARK_SUPER:
		return -XEN_EOPNOTSUPP;
	default:
		return -XEN_ENOSYS;
	}
}

int mmuext_self(const struct mmuext_op *op)
{
	struct domain *d = current->domain;
	int rc;

	spin_lock(&d->pt_lock);
	rc = op_on_self(current, op);
	if (!rc)
		rc = pt_drain(d);
	spin_unlock(&d->pt_lock);
	return rc;
}

static bool is_on_frames(unsigned int cmd)
{
	return cmd <= MMUEXT_UNPIN_TABLE || cmd == MMUEXT_CLEAR_PAGE || cmd == MMUEXT_COPY_PAGE;
}

static int run_one(struct domain *d, const struct mmuext_op *op)
{
	if (is_on_frames(op->cmd))
		return op_on_frames(d, op);
	if (d != current->domain)
		return refuse(-XEN_EPERM, "operation %u on another domain", op->cmd);
	return op_on_self(current, op);
}

long do_mmuext_op(void *list, unsigned int count, unsigned int *done, unsigned int domid)
{
	struct domain *d = current->domain;
	unsigned int i = 0, finished = 0;
	long rc = 0;

	if (count & MMU_UPDATE_CONTINUED) {
		count &= ~MMU_UPDATE_CONTINUED;
		if (done && copy_from_guest(&finished, done, 1))
			return -XEN_EFAULT;
	}
	if (domid != DOMID_SELF && domid != d->id) {
		if (!d->privileged)
			return -XEN_EPERM;
		d = domain_get(domid);
		if (!d)
			return -XEN_ESRCH;
	}
	spin_lock(&d->pt_lock);
	rc = pt_drain(d);
	while (!rc && i < count) {
		struct mmuext_op op;

		if (i && hypercall_preempt_check()) {
			rc = -XEN_ERESTART;
			break;
		}
		if (copy_from_guest_offset(&op, list, i, 1))
			rc = -XEN_EFAULT;
		else
			rc = run_one(d, &op);
		if (!rc)
			i++;
	}
	if (rc != -XEN_ERESTART && pt_drain(d))
		rc = i < count ? rc : -XEN_ERESTART;
	spin_unlock(&d->pt_lock);
	if (d != current->domain)
		domain_put(d);

	finished += i;
	if (done && copy_to_guest(done, &finished, 1))
		rc = -XEN_EFAULT;
	if (rc == -XEN_ERESTART)
		return hypercall_continue(__HYPERVISOR_mmuext_op, 4, (char *)list + i * sizeof(struct mmuext_op),
					  (unsigned long)((count - i) | MMU_UPDATE_CONTINUED), done, (unsigned long)domid);
	return rc;
}
