/* SPDX-License-Identifier: MIT */
/*
 * Writing one entry of a validated page table: the one function behind mmu_update, update_va_mapping, grant maps and
 * emulated stores.
 *
 * Its order is the safety argument: take the new entry's references, exchange the entry, drop the old entry's. A
 * failure before the exchange leaves everything as it was. The old frame may still be in some TLB; whoever uses it as
 * something else flushes first (mm/tlb.c).
 */
#include <xl/logdirty.h>
#include <xl/pt.h>

#define PTE_AD	(PTE_A | PTE_D)

/* Bits that may change in an L1 entry without touching any reference. */
#define L1_FAST_BITS	(PTE_A | PTE_D | PTE_AVAIL | PTE_AVAIL_HIGH | PTE_U | PTE_NX | PTE_G)

/*
 * Exchanges the entry; it keeps the bits of `keep` that are set. The processor sets A and D behind our back; anything
 * else cannot change while pt_lock is held. *old is what was there. -XEN_EAGAIN: it was to be a compare-exchange, and
 * the entry is not `*old` any more.
 */
static __hot int entry_exchange(u64 *ptr, u64 *old, u64 val, u64 keep, bool exact)
{
	for (;;) {
		u64 seen = cmpxchg(ptr, *old, val | (*old & keep));

		if (seen == *old)
			return 0;
		if (exact)
			return -XEN_EAGAIN;
		BUG_ON((seen ^ *old) & ~PTE_AD);
		*old = seen;
	}
}

/*
 * Taking the references of `val` may settle a dead table, which may hold the last use of the table that is being
 * written. In an L1 table that is only so if the frame is one; nobody makes it one while pt_lock is held.
 */
static __hot bool may_settle(unsigned int level, u64 val)
{
	mfn_t m = pte_mfn(val);

	return level > 1 || (mfn_valid(m) && (mfn_to_page(m)->type_info & (PGT_dead | PGT_partial)));
}

/* The general case: references change hands. */
static __hot int write_counted(struct domain *d, struct domain *owner, u64 *ptr, unsigned int level, u64 val, u64 keep,
			 u64 old, bool exact)
{
	struct page_info *table = virt_to_page(ptr);
	bool hold = may_settle(level, val);	/* keep it a table until the entry is in it */
	int rc = hold ? page_get_with_type(page_to_mfn(table), d, (u64)level << 60) : 0;

	if (rc)
		return rc;
	rc = pte_get(d, owner, level, &val);
	if (!rc) {
		rc = entry_exchange(ptr, &old, val, keep, exact);
		if (!rc)
			logdirty_entry_changed(d, table, ptr, old);
		/*
		 * An entry that was absent is in nobody's copy. What it led to goes only when no CPU has it loaded any
		 * more.
		 */
		if (!rc && level == 4 && (old & PTE_P))
			cpu_l4_entry_changed(page_to_virt(table));
		pte_put(d, level, rc ? val : old);
	}
	if (hold)
		page_put_with_type(table);
	return rc;
}

/*
 * A frame of d's own that stays where it is and may only be read from now on: its writable use ends, its reference
 * stays.
 */
static __hot bool only_loses_rw(const struct domain *d, const struct domain *owner, u64 old, u64 val)
{
	mfn_t m = pte_mfn(old);

	return !((old ^ val) & ~(L1_FAST_BITS | PTE_RW)) && (old & ~val & PTE_RW) && owner == d && mfn_valid(m) &&
	       mfn_to_page(m)->owner == d->id;
}

/*
 * An L1 entry that becomes less than it was: nothing has to be taken, so nothing can fail but the exchange, and the
 * table needs no hold.
 */
static __hot int write_less(struct domain *d, u64 *ptr, u64 val, u64 keep, u64 old, bool exact)
{
	bool present = val & PTE_P;
	int rc = entry_exchange(ptr, &old, present ? (val | PTE_U) & ~PTE_G : val, keep, exact);

	if (rc)
		return rc;
	logdirty_entry_changed(d, virt_to_page(ptr), ptr, old);
	if (!present)
		pte_put(d, 1, old);
	else if ((old ^ val) & PTE_RW)
		page_put_type(mfn_to_page(pte_mfn(old)));
	return 0;
}

__hot int pt_write_entry(struct domain *d, struct domain *owner, u64 *ptr, unsigned int level, u64 val, bool preserve_ad,
		   const u64 *old_expected)
{
	u64 old = ACCESS_ONCE(*ptr);
	/* D may be in the soft bit by now: then the guest has not seen that either. */
	u64 keep = preserve_ad ? PTE_AD | (level == 1 ? d->soft_dirty : 0) : 0;

	if (old_expected && old != *old_expected)
		return -XEN_EAGAIN;
	if (level == 4 && pt_slot_is_ours(((unsigned long)ptr & ~PAGE_MASK) / sizeof(u64)))
		return refuse(-XEN_EINVAL, "d%u: L4 slot of the hypervisor", d->id);
	if (level == 1 && (old & PTE_P) &&
	    (!(val & PTE_P) || !((old ^ val) & ~L1_FAST_BITS) || only_loses_rw(d, owner, old, val)))
		return write_less(d, ptr, val, keep, old, old_expected);
	return write_counted(d, owner, ptr, level, val, keep, old, old_expected);
}
