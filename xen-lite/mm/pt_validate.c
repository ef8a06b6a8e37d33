/* SPDX-License-Identifier: MIT */
/*
 * What an entry of a guest page table may say, and the references it stands for.
 *
 * A present entry of level n >= 2 holds a reference and a type (level n-1) of the table below; one of level 1 holds a
 * reference to the frame it maps and, when writable, the writable type. Frames outside RAM have no counts: whether a
 * domain may map them is asked each time.
 *
 * Not allowed: large pages, tables that contain themselves (types exclude it), addresses that do not exist, foreign
 * frames but for privileged domains that name the owner, entries in the hypervisor's slots of a top-level table (they
 * are ignored, never loaded). The user bit is forced: guest kernels run in ring 3. Global is dropped.
 *
 * Lock: pt_lock of the table's owner.
 */
#include <xl/logdirty.h>
#include <xl/pt.h>
#include <xl/hypercall.h>
#include <xl/platform.h>
#include <xl/entry.h>

#define TABLE_FORBIDDEN	(PTE_PSE | PTE_G | PTE_PWT | PTE_PCD)
#define CACHE_BITS	(PTE_PWT | PTE_PCD | PTE_PSE)	/* in L1, PSE is the PAT bit */

static bool address_exists(mfn_t m)
{
	return mfn_x(m) < 1UL << (cpu_features.phys_bits - PAGE_SHIFT);
}

/*
 * Not RAM: registers of devices, firmware tables, holes. They are dom0's unless they are ours, and no other domain's.
 */
static int mmio_get(const struct domain *owner, mfn_t m, u64 e)
{
	if ((!owner->privileged && owner != dom_io) || !address_exists(m))
		return refuse(-XEN_EPERM, "machine address %lx may not be mapped as d%u's", (u64)mfn_to_pa(m), owner->id);
	if (mmio_is_ours(m) && (e & PTE_RW))
		return refuse(-XEN_EPERM, "machine address %lx belongs to the hypervisor", (u64)mfn_to_pa(m));
	return 0;
}

static __hot int l1_get(struct domain *d, struct domain *owner, u64 *e)
{
	mfn_t m = pte_mfn(*e);
	struct page_info *pg;
	int rc;

	if ((*e & CACHE_BITS) && !d->privileged)
		return refuse(-XEN_EINVAL, "d%u: cache attributes in L1 entry %lx", d->id, *e);
	*e = (*e | PTE_U) & ~PTE_G;
	if (!mfn_valid(m))
		return mmio_get(owner, m, *e);
	pg = mfn_to_page(m);
	if (!page_get(pg, owner))
		return refuse(-XEN_EINVAL, "d%u: frame %lx is not d%u's", d->id, mfn_x(m), owner->id);
	if (!(*e & PTE_RW))
		return 0;
	rc = page_get_type(pg, PGT_writable);
	if (rc)
		page_put(pg);
	else if (unlikely(pg->owner != d->id))
		logdirty_foreign_writer(pg, true);
	return rc ? refuse(rc, "d%u: frame %lx, type %lx, cannot be writable", d->id, mfn_x(m), pg->type_info) : 0;
}

static int table_get(struct domain *d, unsigned int level, u64 *e)
{
	int rc;

	if (*e & TABLE_FORBIDDEN)
		return refuse(-XEN_EINVAL, "d%u: forbidden bits in L%u entry %lx", d->id, level, *e);
	*e |= PTE_U;
	rc = page_get_with_type(pte_mfn(*e), d, (u64)(level - 1) << 60);
	if (rc && rc != -XEN_ERESTART)
		return refuse(rc, "d%u: L%u entry %lx does not lead to an L%u table", d->id, level, *e, level - 1);
	return rc;
}

__hot int pte_get(struct domain *d, struct domain *owner, unsigned int level, u64 *e)
{
	if (!(*e & PTE_P))
		return 0;
	return level == 1 ? l1_get(d, owner, e) : table_get(d, level, e);
}

__hot void pte_put(struct domain *d, unsigned int level, u64 e)
{
	struct page_info *pg;

	if (!(e & PTE_P) || !mfn_valid(pte_mfn(e)))
		return;
	pg = mfn_to_page(pte_mfn(e));
	if (level == 1 && (e & PTE_RW) && unlikely(pg->owner != d->id))
		logdirty_foreign_writer(pg, false);
	if (level > 1 || (e & PTE_RW))
		page_put_type(pg);
	page_put(pg);
}

/* --- whole tables ----------------------------------------------------------------------------------------------- */

static inline bool none_present(const u64 *t)	/* of eight */
{
	return !((t[0] | t[1] | t[2] | t[3] | t[4] | t[5] | t[6] | t[7]) & PTE_P);
}

/* The first entry from i on that is present, or something >= end. Most tables are nearly empty. */
static inline unsigned int next_present(const u64 *table, unsigned int i, unsigned int end)
{
	for (;; i++) {
		if (i % 8 == 0)
			while (i < end && none_present(table + i))
				i += 8;
		if (i >= end || (ACCESS_ONCE(table[i]) & PTE_P))
			return i;
	}
}

int pt_validate(struct page_info *pg, unsigned int level, u16 *done)
{
	struct domain *d = page_owner(pg);
	u64 *table = page_to_virt(pg);

	hypercall_preempt_check();		/* the clock of long work runs from here */
	for (unsigned int i = *done; (i = next_present(table, i, PT_ENTRIES)) < PT_ENTRIES; i++) {
		u64 e, old;
		int rc;

		*done = i;
		if (level == 4 && pt_slot_is_ours(i))
			continue;
		e = old = ACCESS_ONCE(table[i]);
		rc = pte_get(d, d, level, &e);
		if (rc)
			return rc;
		if (e != old)
			table[i] = e;
		/* An L1 table is bounded work; above, look up between children. */
		if (level >= 2 && i + 1 < PT_ENTRIES && hypercall_preempt_check()) {
			*done = i + 1;
			return -XEN_ERESTART;
		}
	}
	*done = PT_ENTRIES;
	return 0;
}

void pt_devalidate(struct page_info *pg, unsigned int level, u16 done)
{
	struct domain *d = page_owner(pg);
	u64 *table = page_to_virt(pg);
	unsigned int i;

	if (level == 1 && logdirty_by_bits(d))
		for (i = 0; (i = next_present(table, i, done)) < done; i++)
			harvest_entry_slow(d, ACCESS_ONCE(table[i]));
	for (i = 0; (i = next_present(table, i, done)) < done; i++)
		if (level != 4 || !pt_slot_is_ours(i))
			pte_put(d, level, table[i]);
}

int pt_drain(struct domain *d)
{
	if (d->dead_tables != PAGE_LIST_END)
		hypercall_preempt_check();	/* starts the clock */
	while (d->dead_tables != PAGE_LIST_END) {
		page_settle_dead(frame_table + d->dead_tables);
		if (hypercall_preempt_check())
			return d->dead_tables == PAGE_LIST_END ? 0 : -XEN_ERESTART;
	}
	return 0;
}

/* --- descriptor pages -------------------------------------------------------------------------------------------- */

int seg_desc_validate(struct page_info *pg)
{
	u64 *table = page_to_virt(pg);

	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		u64 desc = table[i];

		if (!desc_check(&desc))
			return refuse(-XEN_EINVAL, "descriptor %u: %lx", i, desc);
		if (desc != table[i])
			table[i] = desc;
	}
	return 0;
}
