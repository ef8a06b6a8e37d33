/* SPDX-License-Identifier: MIT */
/*
 * Page tables: bits, walking, the checked ways of changing a guest's entries, and each CPU's own top-level table.
 *
 * Lock: d->pt_lock covers every change to a page table of d and every page-table type reference.
 */
#ifndef XL_PT_H
#define XL_PT_H

#include <xl/mm.h>

#define PTE_P		0x001ULL
#define PTE_RW		0x002ULL
#define PTE_U		0x004ULL
#define PTE_PWT		0x008ULL
#define PTE_PCD		0x010ULL
#define PTE_A		0x020ULL
#define PTE_D		0x040ULL
#define PTE_PSE		0x080ULL	/* L2, L3: large page; L1: PAT */
#define PTE_G		0x100ULL
#define PTE_AVAIL	0xe00ULL	/* the guest's */
#define PTE_AVAIL_HIGH	0x7ff0000000000000ULL	/* the guest's, too: no protection keys here, so processors ignore all */
#define PTE_NX		(1ULL << 63)
#define PTE_MFN_MASK	0x000ffffffffff000ULL

#define HV_PTE_RW	(PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)
#define HV_PTE_RO	(PTE_P | PTE_A | PTE_D | PTE_NX)
#define HV_PTE_RX	(PTE_P | PTE_A | PTE_D)
#define HV_PTE_TABLE	(PTE_P | PTE_RW | PTE_A | PTE_D)

#define PT_ENTRIES	512

static inline mfn_t pte_mfn(u64 e)
{
	return _mfn((e & PTE_MFN_MASK) >> PAGE_SHIFT);
}

/* Index of va in the table of the given level, 1 to 4. */
static inline unsigned int pt_index(unsigned long va, unsigned int level)
{
	return va >> (PAGE_SHIFT + 9 * (level - 1)) & (PT_ENTRIES - 1);
}

static inline bool pt_slot_is_ours(unsigned int l4_slot)
{
	return l4_slot >= HV_SLOT_FIRST && l4_slot <= HV_SLOT_LAST;
}

/* --- mm/pt_validate.c: entries and what they refer to. d->pt_lock held. ------------------------------------- */

/*
 * Checks a present entry of the given level for a table of d and takes the references it stands for: a type for the
 * frame it maps. `owner` is whose frames it may map: d, or a foreign domain that d may map. Normalises *e (user bit).
 * 0; -XEN_EINVAL, -XEN_EPERM; -XEN_ERESTART: the table below needs another go.
 */
int pte_get(struct domain *d, struct domain *owner, unsigned int level, u64 *e);
/* Drops them. Not-present entries have none. */
void pte_put(struct domain *d, unsigned int level, u64 e);
/*
 * Called by page_type.c. Take all references of a table, from entry *done on; -XEN_ERESTART leaves *done where to go
 * on.
 */
int pt_validate(struct page_info *pg, unsigned int level, u16 *done);
/*
 * Drop the references of entries [0, done). Tables below that lose their last use go to the owner's list of dead
 * tables.
 */
void pt_devalidate(struct page_info *pg, unsigned int level, u16 done);
int seg_desc_validate(struct page_info *pg);
/* Devalidates dead tables until none is left; -XEN_ERESTART when it should stop for now. Lock held. */
int pt_drain(struct domain *d);

/* Level of the table that this frame of d is, checked and in use; 0: none. It stays one while d->pt_lock is held. */
static inline unsigned int pt_level_in_use(const struct page_info *pg, const struct domain *d)
{
	u64 type = ACCESS_ONCE(pg->type_info);
	unsigned int level = pgt_level(type);

	return level <= 4 && (type & PGT_count_mask) && (type & PGT_validated) && ACCESS_ONCE(pg->owner) == d->id ? level : 0;
}

/* MMUEXT_PIN_*: validates a table of d and keeps it so; type PGT_l1 .. PGT_l4. mm/mmuext.c; lock held. */
int pt_pin(struct domain *d, mfn_t m, u64 type);

/* --- mm/pt_write.c, mm/mmu_update.c ---------------------------------------------------------------------------- */

/*
 * Writes one entry of a page table of d after checking it: `ptr` in the direct map, `level` of its page. `preserve_ad`
 * keeps accessed and dirty bits that the processor set meanwhile. With `old_expected` the write is a compare-exchange:
 * -XEN_EAGAIN when the entry is something else by now. Lock held.
 */
int pt_write_entry(struct domain *d, struct domain *owner, u64 *ptr, unsigned int level, u64 val, bool preserve_ad,
		   const u64 *old_expected);
/* Does user code of d run on the kernel's tables? See VMASST_TYPE_lite_shared_tables. */
static inline bool shares_tables(const struct domain *d)
{
	return d->vm_assist >> VMASST_TYPE_lite_shared_tables & 1;
}
/* The top-level table that v runs on in the mode that it is in. */
static inline mfn_t guest_current_l4(const struct vcpu *v)
{
	return v->pv.kernel_mode || mfn_eq(v->pv.user_l4, INVALID_MFN) || shares_tables(v->domain) ? v->pv.kernel_l4 :
												  v->pv.user_l4;
}
/* The L1 entry that maps va for v as it runs now, as a pointer into the direct map, or NULL. Lock held. */
u64 *guest_l1_entry(struct vcpu *v, unsigned long va);
/* The same for v's kernel, whatever mode it is in. */
u64 *guest_kernel_l1_entry(struct vcpu *v, unsigned long va);
/*
 * Grant maps (called by grant_table.c, which holds the references of the grant itself): addr is a virtual address of
 * curr's kernel, or with is_pte_ma the machine address of an L1 entry. The entry takes references of its own, like any
 * other. 0 or -XEN_E*.
 */
int pt_grant_map(struct vcpu *v, u64 addr, bool is_pte_ma, mfn_t frame, u64 pte_flags);
int pt_grant_unmap(struct vcpu *v, u64 addr, bool is_pte_ma, mfn_t frame, bool readonly, u64 replace_addr);

/*
 * LITEOP_pt_exchange: requests of x->list from x->done on; x->done is moved on. 0 or -XEN_E*; -XEN_ERESTART: the rest
 * is for another go.
 */
struct xen_lite_pt_exchange;
long pt_exchange(struct xen_lite_pt_exchange *x);

/* The guest's bitmap of vCPUs as CPUs that may hold d's translations; 0 or -XEN_EFAULT. */
int vcpumask_to_cpus(struct domain *d, const void *mask, unsigned long *cpus);

/* --- mm/cpu_l4.c: this CPU's top-level table ------------------------------------------------------------------ */

void cpu_l4_init(void);			/* makes this CPU's table and loads it; hv_map_init() came first */
void cpu_l4_set_window(u64 entry);	/* slot 257 */
void cpu_l4_switch(struct vcpu *v);	/* v is about to run here */
bool cpu_l4_drop_idle(void);
void cpu_l4_forget(const struct vcpu *v);
void cpu_l4_cpus_of(const struct domain *d, unsigned long *cpus);	/* that may hold translations of d */
bool cpu_l4_has_guest(unsigned int cpu);
void cpu_l4_unload(const struct domain *d);	/* every CPU lets go of what it has loaded of d before anything else runs there */
void cpu_l4_to_kernel(void);		/* current goes from user to kernel mode */
void cpu_l4_to_user(void);
void cpu_l4_stale(void);		/* current's base tables or their entries changed: reload before next use */
void cpu_l4_user_changed(void);	/* only current's user table is another */
void cpu_l4_reload(void);
extern u64 hv_l4[PT_ENTRIES];		/* mm/hv_map.c: the hypervisor's slots, common to all CPUs */
bool cpu_l4_fixup(unsigned long va);	/* a fault in a slot that only lags behind: true when filled in */
/* An entry of the L4 table at `table` changed: every CPU that runs on it reloads. */
void cpu_l4_entry_changed(const u64 *table);
DECLARE_PER_CPU(bool, l4_is_stale);
static inline void cpu_l4_sync(void)
{
	if (unlikely(this_cpu(l4_is_stale)))
		cpu_l4_reload();
}

/* --- odds and ends of entry/ ------------------------------------------------------------------------------------ */
void syscall_init_cpu(void);
void ldt_drop_pages(struct vcpu *v);	/* pv/desc.c */

#endif
