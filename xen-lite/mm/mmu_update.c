/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls that change page-table entries: mmu_update, update_va_mapping, and grant maps. All end in
 * pt_write_entry() (mm/pt_write.c), under the pt_lock of the tables' owner.
 */
#include <xl/logdirty.h>
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/hypercall.h>
#include <xl/guest_access.h>
#include <xl/entry.h>
#include <public/lite.h>

/* --- walking ------------------------------------------------------------------------------------------------------ */

static __hot u64 *l1_entry(mfn_t table, unsigned long va)
{
	if (!is_canonical(va) || pt_slot_is_ours(pt_index(va, 4)) || mfn_eq(table, INVALID_MFN))
		return NULL;
	for (unsigned int level = 4; level > 1; level--) {
		u64 e = ((u64 *)mfn_to_virt(table))[pt_index(va, level)];

		if (!(e & PTE_P))
			return NULL;
		table = pte_mfn(e);
	}
	return (u64 *)mfn_to_virt(table) + pt_index(va, 1);
}

__hot u64 *guest_l1_entry(struct vcpu *v, unsigned long va)
{
	return l1_entry(guest_current_l4(v), va);
}

u64 *guest_kernel_l1_entry(struct vcpu *v, unsigned long va)
{
	return l1_entry(v->pv.kernel_l4, va);
}

/* --- mmu_update --------------------------------------------------------------------------------------------------- */

/* Whose tables, whose frames: two domain ids in one word. */
struct mmu_target {
	struct domain *pt, *owner;
};

static __hot void target_put(struct mmu_target *t)
{
	struct domain *curr = current->domain;

	if (t->pt && t->pt != curr)
		domain_put(t->pt);
	if (t->owner && t->owner != curr && t->owner != dom_xen && t->owner != dom_io)
		domain_put(t->owner);
}

static struct domain *target_get(unsigned int id)
{
	struct domain *curr = current->domain;

	if (id == DOMID_SELF || id == curr->id)
		return curr;
	if (!curr->privileged)
		return NULL;
	if (id == DOMID_IO)
		return dom_io;
	if (id == DOMID_XEN)
		return dom_xen;
	return domain_get(id);
}

static __hot int target_init(struct mmu_target *t, unsigned int domid)
{
	unsigned int pt = domid >> 16;

	if (likely(domid == DOMID_SELF)) {
		t->pt = t->owner = current->domain;
		return 0;
	}
	t->pt = pt ? target_get(pt - 1) : current->domain;
	t->owner = target_get(domid & 0xffff);
	if (t->pt && t->owner && t->pt != dom_io && t->pt != dom_xen)
		return 0;
	target_put(t);
	return current->domain->privileged ? -XEN_ESRCH : -XEN_EPERM;
}

/* A frame that is no page table now is written like memory. */
static int write_plain(struct page_info *pg, u64 *ptr, u64 val)
{
	int rc = page_get_type(pg, PGT_writable);

	if (rc)
		return rc;
	ACCESS_ONCE(*ptr) = val;
	logdirty_mark(page_owner(pg), pg);
	page_put_type(pg);
	return 0;
}

static __hot int update_entry(struct mmu_target *t, u64 where, u64 val, bool preserve_ad)
{
	mfn_t m = pa_to_mfn(where);
	struct page_info *pg;
	unsigned int level;
	u64 *ptr;
	int rc;

	if (!mfn_valid(m))
		return refuse(-XEN_EINVAL, "no frame at %lx", where);
	pg = mfn_to_page(m);
	ptr = pa_to_virt(where);
	level = pt_level_in_use(pg, t->pt);
	if (level)
		return pt_write_entry(t->pt, t->owner, ptr, level, val, preserve_ad, NULL);
	if (!page_get(pg, t->pt))
		return refuse(-XEN_EINVAL, "frame %lx is not d%u's", mfn_x(m), t->pt->id);
	rc = write_plain(pg, ptr, val);
	page_put(pg);
	return rc;
}

static int update_m2p(struct mmu_target *t, u64 where, u64 pfn)
{
	mfn_t m = pa_to_mfn(where);
	struct page_info *pg;

	if (!mfn_valid(m))
		return -XEN_EINVAL;
	pg = mfn_to_page(m);
	if (!page_get(pg, t->owner))
		return refuse(-XEN_EINVAL, "frame %lx is not d%u's", mfn_x(m), t->owner->id);
	m2p_set(m, pfn);
	logdirty_mark(t->owner, pg);
	page_put(pg);
	return 0;
}

static __hot int update_one(struct mmu_target *t, const struct mmu_update *req)
{
	unsigned int cmd = req->ptr & 7;
	u64 where = req->ptr & ~7ULL;

	switch (cmd) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_NO_TRANSLATE:
		return update_entry(t, where, req->val, false);
	case MMU_PT_UPDATE_PRESERVE_AD:
		return update_entry(t, where, req->val, true);
	case MMU_MACHPHYS_UPDATE:
		return update_m2p(t, where, req->val);
	default:
		return -XEN_ENOSYS;
	}
}

__hot long do_mmu_update(void *list, unsigned int count, unsigned int *done, unsigned int domid)
{
	struct mmu_target t;
	unsigned int i = 0, finished = 0;
	long rc;

	/* The top bit says that this is a continuation: *done already counts what went before. */
	if (count & MMU_UPDATE_CONTINUED) {
		count &= ~MMU_UPDATE_CONTINUED;
		if (done && copy_from_guest(&finished, done, 1))
			return -XEN_EFAULT;
	}
	rc = target_init(&t, domid);
	if (rc)
		return rc;
	spin_lock(&t.pt->pt_lock);
	rc = pt_drain(t.pt);
	while (!rc && i < count) {
		struct mmu_update req;

		if (i && hypercall_preempt_check()) {
			rc = -XEN_ERESTART;
			break;
		}
		if (copy_from_guest_offset(&req, list, i, 1))
			rc = -XEN_EFAULT;
		else
			rc = update_one(&t, &req);
		if (!rc)
			i++;
	}
	if (rc != -XEN_ERESTART && pt_drain(t.pt))
		rc = i < count ? rc : -XEN_ERESTART;
	spin_unlock(&t.pt->pt_lock);
	target_put(&t);

	finished += i;
	if (done && copy_to_guest(done, &finished, 1))
		rc = -XEN_EFAULT;
	if (rc == -XEN_ERESTART)
		return hypercall_continue(__HYPERVISOR_mmu_update, 4, (char *)list + i * sizeof(struct mmu_update),
					  (unsigned long)((count - i) | MMU_UPDATE_CONTINUED), done, (unsigned long)domid);
	return rc;
}

/* --- lite_op pt_exchange ------------------------------------------------------------------------------------------ */

/*
 * Writes an L1 entry of d by compare-exchange, so *old is what the new one replaced. The processor may set A and D in
 * between, each once: three attempts are enough.
 */
static int exchange_l1(struct domain *d, u64 where, u64 val, u64 *old)
{
	bool preserve_ad = (where & 3) == MMU_PT_UPDATE_PRESERVE_AD;
	mfn_t m = pa_to_mfn(where);
	u64 *ptr = pa_to_virt(where & ~7ULL);
	int rc = -XEN_EAGAIN;

	if ((where & 7) != MMU_NORMAL_PT_UPDATE && (where & 7) != MMU_PT_UPDATE_PRESERVE_AD)
		return refuse(-XEN_EINVAL, "exchange at %lx: no such command", where);
	if (!mfn_valid(m) || pt_level_in_use(mfn_to_page(m), d) != 1)
		return refuse(-XEN_EINVAL, "exchange at %lx: no L1 table of d%u", where, d->id);
	for (unsigned int tries = 0; rc == -XEN_EAGAIN && tries < 3; tries++) {
		*old = ACCESS_ONCE(*ptr);
		rc = pt_write_entry(d, d, ptr, 1, val, preserve_ad, old);
	}
	return rc;
}

/* One request of the list. Its place is written first: no old entry is lost for want of one. */
static int exchange_one(struct domain *d, struct mmu_update *guest)
{
	struct mmu_update req;
	u64 old;
	int rc;

	if (copy_from_guest(&req, guest, 1) || copy_to_guest(&guest->val, &req.val, 1))
		return -XEN_EFAULT;
	rc = exchange_l1(d, req.ptr, req.val, &old);
	if (!rc && copy_to_guest(&guest->val, &old, 1))
		rc = -XEN_EFAULT;
	return rc;
}

long pt_exchange(struct xen_lite_pt_exchange *x)
{
	struct domain *d = current->domain;
	long rc;

	if (x->done > x->count || !guest_range_ok(x->list.p, x->count, sizeof(*x->list.p)))
		return -XEN_EINVAL;
	spin_lock(&d->pt_lock);
	rc = pt_drain(d);
	for (bool first = true; !rc && x->done < x->count; first = false) {
		rc = !first && hypercall_preempt_check() ? -XEN_ERESTART : exchange_one(d, x->list.p + x->done);
		if (!rc)
			x->done++;
	}
	spin_unlock(&d->pt_lock);
	return rc;
}

/* --- update_va_mapping -------------------------------------------------------------------------------------------- */

/*
 * Turns the guest's vCPU bitmap, as many bytes as d has vCPUs for, into CPUs: 0 or -XEN_EFAULT. What counts is where a
 * vCPU ran last, not in which queue it waits: from the next CPU on it begins with a CR3 load.
 */
int vcpumask_to_cpus(struct domain *d, const void *mask, unsigned long *cpus)
{
	u8 bytes[DIV_ROUND_UP(MAX_VIRT_CPUS, 8)] = { 0 };
	DECLARE_BITMAP(of_domain, NR_CPUS);

	memset(cpus, 0, NR_CPUS / 8);
	if (copy_from_guest(bytes, mask, DIV_ROUND_UP(d->max_vcpus, 8)))
		return -XEN_EFAULT;
	cpu_l4_cpus_of(d, of_domain);
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		u32 cpu = (bytes[i / 8] >> (i % 8) & 1) && d->vcpu[i] ? ACCESS_ONCE(d->vcpu[i]->pv.l4_cpu) : ~0U;

		if (cpu < nr_cpus && test_bit(cpu, of_domain))
			__set_bit(cpu, cpus);
	}
	return 0;
}

static __hot long flush_after_update(struct domain *d, unsigned long va, unsigned long flags)
{
	unsigned long cpus[BITS_TO_LONGS(NR_CPUS)];
	unsigned long where = flags & ~(UVMF_FLUSHTYPE_MASK | UVMF_ALL);
	bool all = (flags & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH;

	if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_NONE)
		return 0;
	if (!(flags & UVMF_ALL) && !where) {
		if (all)
			tlb_flush_local();
		else
			tlb_flush_one_local(va);
		return 0;
	}
	if (flags & UVMF_ALL)
		cpu_l4_cpus_of(d, cpus);
	else if (vcpumask_to_cpus(d, (void *)where, cpus))
		return -XEN_EFAULT;
	if (all)
		tlb_flush_mask(cpus);
	else
		tlb_flush_one_mask(cpus, va);
	return 0;
}

static __hot long update_va(unsigned long va, u64 val, unsigned long flags, struct domain *owner)
{
	struct domain *d = current->domain;
	u64 *ptr;
	int rc;

	spin_lock(&d->pt_lock);
	ptr = guest_l1_entry(current, va);
	if (!ptr)
		rc = refuse(-XEN_EINVAL, "d%u: no L1 table for %lx", d->id, va);
	else
		rc = pt_write_entry(d, owner, ptr, 1, val, false, NULL);
	spin_unlock(&d->pt_lock);
	return rc ? rc : flush_after_update(d, va, flags);
}

__hot long do_update_va_mapping(unsigned long va, u64 val, unsigned long flags)
{
	return update_va(va, val, flags, current->domain);
}

long do_update_va_mapping_otherdomain(unsigned long va, u64 val, unsigned long flags, unsigned int domid)
{
	struct mmu_target t;
	long rc = target_init(&t, domid & 0xffff);

	if (rc)
		return rc;
	rc = update_va(va, val, flags, t.owner);
	target_put(&t);
	return rc;
}

/* --- grants ------------------------------------------------------------------------------------------------------ */

/* The L1 entry at a machine address given by the guest; NULL when it is none of d's. Lock held. */
static u64 *pte_by_address(struct domain *d, u64 ma)
{
	mfn_t m = pa_to_mfn(ma);

	/* Only what is an L1 table already: a page of data must not be validated for it. */
	return !(ma & 7) && mfn_valid(m) && pt_level_in_use(mfn_to_page(m), d) == 1 ? pa_to_virt(ma) : NULL;
}

static u64 *grant_entry(struct vcpu *v, u64 addr, bool is_pte_ma)
{
	return is_pte_ma ? pte_by_address(v->domain, addr) : guest_l1_entry(v, addr);
}

int pt_grant_map(struct vcpu *v, u64 addr, bool is_pte_ma, mfn_t frame, u64 pte_flags)
{
	struct domain *d = v->domain, *owner = mfn_valid(frame) ? page_owner(mfn_to_page(frame)) : NULL;
	u64 *ptr;
	int rc = -XEN_EINVAL;

	if (!owner)
		return rc;
	spin_lock(&d->pt_lock);
	ptr = grant_entry(v, addr, is_pte_ma);
	if (ptr)
		rc = pt_write_entry(d, owner, ptr, 1, mfn_to_pa(frame) | (pte_flags & ~PTE_MFN_MASK), false, NULL);
	pt_drain(d);
	spin_unlock(&d->pt_lock);
	return rc;
}

static int grant_unmap_locked(struct vcpu *v, u64 *ptr, mfn_t frame, bool readonly, u64 replace_addr)
{
	struct domain *d = v->domain;
	u64 old = ACCESS_ONCE(*ptr), val = 0, *from = NULL;

	if (!(old & PTE_P) || !mfn_eq(pte_mfn(old), frame) || !(old & PTE_RW) != readonly)
		return refuse(-XEN_EINVAL, "d%u: entry %lx does not map frame %lx as granted", d->id, old, mfn_x(frame));
	if (replace_addr) {
		from = guest_l1_entry(v, replace_addr);
		if (!from)
			return -XEN_EINVAL;
		val = ACCESS_ONCE(*from);
		if (from == ptr || pt_write_entry(d, d, from, 1, 0, false, &val))
			return -XEN_EINVAL;
	}
	return pt_write_entry(d, d, ptr, 1, val, false, NULL);
}

int pt_grant_unmap(struct vcpu *v, u64 addr, bool is_pte_ma, mfn_t frame, bool readonly, u64 replace_addr)
{
	struct domain *d = v->domain;
	u64 *ptr;
	int rc = -XEN_EINVAL;

	spin_lock(&d->pt_lock);
	ptr = grant_entry(v, addr, is_pte_ma);
	if (ptr)
		rc = grant_unmap_locked(v, ptr, frame, readonly, replace_addr);
	pt_drain(d);
	spin_unlock(&d->pt_lock);
	return rc;
}
