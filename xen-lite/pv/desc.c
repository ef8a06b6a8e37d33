/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: set_gdt, update_descriptor, the lazily mapped LDT.
 *
 * A frame used as part of a GDT or LDT has the type seg_desc: every descriptor in it was checked, and the guest can
 * write it only through update_descriptor. A descriptor may be anything that does no harm in ring 3: privilege levels
 * are raised to 3, system descriptors (gates, TSS, LDT) are refused. Locks: pt_lock for types; the vCPU's own fields
 * belong to the vCPU.
 */
#include <xl/entry.h>
#include <xl/logdirty.h>
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/hypercall.h>
#include <xl/guest_access.h>

#define DESC_P		(1ULL << 47)
#define DESC_S		(1ULL << 44)	/* code or data, not system */
#define DESC_DPL	(3ULL << 45)
#define DESC_CODE	(1ULL << 43)
#define DESC_CONFORMING	(1ULL << 42)	/* of a code segment */
#define DESC_ACCESSED	(1ULL << 40)
#define DESC_L		(1ULL << 53)
#define DESC_DB		(1ULL << 54)

bool desc_check(u64 *desc)
{
	u64 x = *desc;

	if (!(x & DESC_P)) {
		/*
		 * Not present faults on load; keep it that way whatever it is, but no system type may become one by a
		 * present bit alone.
		 */
		return true;
	}
	if (!(x & DESC_S))
		return false;
	if ((x & DESC_CODE) && (x & DESC_L) && (x & DESC_DB))
		return false;
	/* Ring 0 and 1 descriptors would be unusable in ring 3; guests put DPL 0 there for their kernel segments. */
	x |= DESC_DPL;
	/* The processor would write the accessed bit; set now, it never needs to. */
	x |= DESC_ACCESSED;
	*desc = x;
	return true;
}

/* --- GDT ---------------------------------------------------------------------------------------------------------- */

static void put_frames(const unsigned long *frames, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		page_put_with_type(mfn_to_page(_mfn(frames[i])));
}

void pv_drop_gdt(struct vcpu *v)
{
	put_frames(v->pv.gdt_frames, DIV_ROUND_UP(v->pv.gdt_entries, 512));
	memset(v->pv.gdt_frames, 0, sizeof(v->pv.gdt_frames));
	v->pv.gdt_entries = 0;
}

long pv_set_gdt(struct vcpu *v, const unsigned long *frames, unsigned int entries)
{
	unsigned int n = DIV_ROUND_UP(entries, 512), i;
	struct domain *d = v->domain;
	int rc = 0;

	if (entries > FIRST_RESERVED_GDT_ENTRY)
		return -XEN_EINVAL;
	spin_lock(&d->pt_lock);
	for (i = 0; i < n && !rc; i++)
		rc = page_get_with_type(_mfn(frames[i]), d, PGT_seg_desc);
	if (rc) {
		put_frames(frames, i - 1);
	} else {
		pv_drop_gdt(v);
		memcpy(v->pv.gdt_frames, frames, n * sizeof(*frames));
		v->pv.gdt_entries = entries;
	}
	spin_unlock(&d->pt_lock);
	return rc;
}

long do_set_gdt(void *list, unsigned int entries)
{
	unsigned long frames[FIRST_RESERVED_GDT_PAGE];
	unsigned int n = DIV_ROUND_UP(entries, 512);
	long rc;

	if (entries > FIRST_RESERVED_GDT_ENTRY)
		return -XEN_EINVAL;
	if (copy_from_guest(frames, list, n))
		return -XEN_EFAULT;
	rc = pv_set_gdt(current, frames, entries);
	if (!rc) {
		desc_load(current);
		tlb_flush_local();
	}
	return rc;
}

long do_update_descriptor(u64 ma, u64 desc)
{
	struct domain *d = current->domain;
	struct page_info *pg;
	u64 type, *entry;
	int rc;

	if ((ma & 7) || !mfn_valid(pa_to_mfn(ma)) || !desc_check(&desc))
		return refuse(-XEN_EINVAL, "descriptor %lx at %lx", desc, ma);
	pg = mfn_to_page(pa_to_mfn(ma));
	if (!page_get(pg, d))
		return -XEN_EINVAL;
	spin_lock(&d->pt_lock);
	type = (pg->type_info & PGT_type_mask) == PGT_seg_desc && (pg->type_info & PGT_count_mask) ? PGT_seg_desc :
	       PGT_writable;
	rc = page_get_type(pg, type);
	if (!rc) {
		entry = pa_to_virt(ma);
		__atomic_store_n(entry, desc, __ATOMIC_SEQ_CST);
		logdirty_mark(d, pg);
		page_put_type(pg);
	}
	spin_unlock(&d->pt_lock);
	page_put(pg);
	return rc;
}

/* --- LDT ---------------------------------------------------------------------------------------------------------- */

void ldt_drop_pages(struct vcpu *v)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(v->pv.ldt_frames); i++) {
		if (!v->pv.ldt_frames[i])
			continue;
		page_put_with_type(mfn_to_page(_mfn(v->pv.ldt_frames[i])));
		v->pv.ldt_frames[i] = 0;
	}
}

static bool ldt_map_page(struct vcpu *v, unsigned int page)
{
	struct domain *d = v->domain;
	u64 *pte;
	bool ok = false;

	spin_lock(&d->pt_lock);
	pte = guest_kernel_l1_entry(v, v->pv.ldt_base + page * PAGE_SIZE);	/* for programs, too */
	if (pte && (*pte & PTE_P) && !page_get_with_type(pte_mfn(*pte), d, PGT_seg_desc)) {
		v->pv.ldt_frames[page] = mfn_x(pte_mfn(*pte));
		ok = true;
	}
	spin_unlock(&d->pt_lock);
	if (ok)
		desc_load(v);
	return ok;
}

/*
 * A selector load read the LDT window where no page is mapped yet. When the guest has none there either, the guest gets
 * the page fault at the address in its own LDT.
 */
bool desc_ldt_fault(unsigned long addr)
{
	struct vcpu *v = current;
	unsigned long off = addr - CPU_WINDOW_VIRT - 16 * PAGE_SIZE;
	unsigned int page = off >> PAGE_SHIFT;

	if (addr < CPU_WINDOW_VIRT + 16 * PAGE_SIZE || !v || is_idle_vcpu(v))
		return false;
	if (page >= DIV_ROUND_UP(v->pv.ldt_entries, 512) || v->pv.ldt_frames[page])
		return false;
	return ldt_map_page(v, page);
}

unsigned long desc_fault_address(unsigned long addr)
{
	unsigned long ldt = CPU_WINDOW_VIRT + 16 * PAGE_SIZE;

	return addr >= ldt && addr < ldt + 16 * PAGE_SIZE ? current->pv.ldt_base + (addr - ldt) : addr;
}
