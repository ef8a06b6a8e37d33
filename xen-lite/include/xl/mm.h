/* SPDX-License-Identifier: MIT */
/*
 * Frames: who owns them, what they are, how often they are used.
 *
 * Every RAM frame has a struct page_info. Two counts keep memory safe:
 *  - count: references of any kind. 0 means free (or never handed out). An owned frame holds PGC_allocated plus one reference for
 *    being allocated; the frame returns to the heap when the last one goes.
 *  - type: what the frame may be used as, and how many users rely on that. Types exclude each other; the type changes only at type
 *    count 0. Page-table types are validated (all entries checked and referenced) before their count is usable.
 * page_type.c is the only place that touches either (mm/page_type.c, pure: also built on the host).
 */
#ifndef XL_MM_H
#define XL_MM_H

#include <xl/types.h>
#include <xl/config.h>
#include <xl/domain.h>

struct page_info {
	u64 type_info;		/* PGT_*, changed by cmpxchg */
	u32 count_info;		/* PGC_*, changed by cmpxchg */
	u16 owner;		/* domid; DOMID_XEN, DOMID_IO, or PAGE_UNOWNED */
	union {
		u8 order;	/* free: order of the block that starts here */
		u8 foreign_writers;	/* owned: see logdirty_foreign_writer() */
	};
	bool in_limbo;		/* on the owner's limbo_list, see frame.c */
	u32 next, prev;		/* frame indices: owner's page list, or the heap's free list; PAGE_LIST_END ends */
	union {
		u64 tlb_stamp;	/* when its last translation-relevant use ended, see tlb.c */
		u16 entries_done;	/* PGT_partial: only the first entries hold references */
		struct {
			u32 next_dead, prev_dead;	/* PGT_dead: neighbours on the owner's list, like next and prev */
		};
		u32 mirror;	/* validated table of level 1 to 3: its mirror's frame, 0: none, see mirror.c */
		struct {
			u32 next_l1, prev_l1;	/* or, level 1: neighbours in the list of harvest.c, next_l1 0: not in it */
		};
		struct {
			u32 mirror_of, mirror_generation;	/* a mirror */
		};
	};
};

#define PAGE_UNOWNED		DOMID_INVALID
#define FOREIGN_WRITERS_MAX	255

/* count_info */
#define PGC_count_mask		0x03ffffffU
#define PGC_allocated		0x80000000U	/* owned by a domain; holds one of the references */
#define PGC_hv			0x40000000U	/* ours: heap page of the hypervisor, shared with a domain or not */
#define PGC_free		0x20000000U	/* on a free list, or part of a free block */
#define PGC_ram			0x10000000U	/* constant: RAM, not a hole in the memory map */
#define PGC_scrub		0x08000000U	/* free and may hold old contents */

/* type_info: type in the top 4 bits, flags below, count in the low 48. */
#define PGT_type_mask		0xf000000000000000ULL
#define PGT_none		0x0000000000000000ULL
#define PGT_l1			0x1000000000000000ULL
#define PGT_l2			0x2000000000000000ULL
#define PGT_l3			0x3000000000000000ULL
#define PGT_l4			0x4000000000000000ULL
#define PGT_seg_desc		0x5000000000000000ULL	/* GDT or LDT page */
#define PGT_writable		0x7000000000000000ULL
#define PGT_pinned		0x0800000000000000ULL	/* the guest asked to keep it: holds one type reference */
#define PGT_validated		0x0400000000000000ULL
#define PGT_partial		0x0200000000000000ULL	/* validation stopped half way: entries [0, entries_done) hold references */
#define PGT_dead		0x0100000000000000ULL	/* a table without users: all entries hold references; on a list to be settled */
#define PGT_count_mask		0x0000ffffffffffffULL

static inline unsigned int pgt_level(u64 type)
{
	return (type & PGT_type_mask) >> 60;	/* 1..4 for page tables */
}

extern unsigned long max_page;		/* one past the highest RAM frame */
#define frame_table	((struct page_info *)FRAME_TABLE_VIRT)
#define m2p_table	((unsigned long *)M2P_RW_VIRT)
#define INVALID_M2P_ENTRY	(~0UL)

static inline struct page_info *mfn_to_page(mfn_t m) { return frame_table + mfn_x(m); }
static inline mfn_t page_to_mfn(const struct page_info *pg) { return _mfn((unsigned long)(pg - frame_table)); }
static inline void *pa_to_virt(paddr_t pa) { return (void *)(DIRECTMAP_VIRT + pa); }
static inline void *mfn_to_virt(mfn_t m) { return pa_to_virt(mfn_to_pa(m)); }
static inline void *page_to_virt(const struct page_info *pg) { return mfn_to_virt(page_to_mfn(pg)); }
/* v: in the direct map or in our image. */
static inline paddr_t virt_to_pa(const void *v)
{
	unsigned long a = (unsigned long)v;

	return a >= DIRECTMAP_VIRT ? a - DIRECTMAP_VIRT : a - HV_IMAGE_VIRT;
}
static inline mfn_t virt_to_mfn(const void *v) { return pa_to_mfn(virt_to_pa(v)); }
static inline struct page_info *virt_to_page(const void *v) { return mfn_to_page(virt_to_mfn(v)); }
/* Is RAM. Where there is none, the frame table reads as zeros. */
static inline bool mfn_valid(mfn_t m)
{
	return mfn_x(m) < max_page && (mfn_to_page(m)->count_info & PGC_ram);
}

/* owner's struct, or NULL: free, or ours and not shared */
struct domain *page_owner(const struct page_info *pg);

/* mm/page_alloc.c: the heap. */
#define MEMF_no_scrub	0x1		/* contents do not matter (dom0 at boot, page tables of ours) */
#define MEMF_bits(n)	((n) << 8)	/* machine address below 2^n */
#define MAX_ORDER	18
/* For our own use: 2^order frames, zeroed, in the direct map; NULL when out of memory. */
void *hv_alloc_pages(unsigned int order);
void *hv_alloc_unclean_pages(unsigned int order);	/* whatever was in them is still there */
void hv_free_pages(void *v, unsigned int order);
static inline void *hv_alloc_page(void) { return hv_alloc_pages(0); }
static inline void hv_free_page(void *v) { hv_free_pages(v, 0); }
/* Small objects, zeroed, 16-byte aligned (whole pages above 2 KiB). */
void *hv_alloc(size_t size);
void hv_free(void *v);
/*
 * 2^order frames for a domain, zeroed unless MEMF_no_scrub; checks and charges max_pages. M2P is set to INVALID. NULL:
 * no memory or over the limit.
 */
struct page_info *domain_alloc_pages(struct domain *d, unsigned int order, unsigned int memflags);
struct page_info *heap_alloc_block(unsigned int order, unsigned int memflags);	/* 2^order frames for nobody yet: page_assign() */
void heap_free_block(struct page_info *pg, unsigned int order);	/* frames that nobody owns or refers to */
unsigned long heap_free_pages(void);	/* frames */
unsigned long heap_total_pages(void);
unsigned long heap_hypervisor_pages(void);	/* neither free nor a domain's */
/* Share a page of ours with d (shared_info, grant frames): d may map it, writable or only readable. */
void page_share_with(void *v, struct domain *d, bool writable);

/* mm/page_type.c: references. All may be called for any frame for which mfn_valid(). */
bool page_get(struct page_info *pg, const struct domain *d);	/* only if owned by d and not being freed */
void page_put(struct page_info *pg);				/* the last one frees it */
bool page_get_owner_any(struct page_info *pg, struct domain **owner);	/* whoever owns it; NULL owner fails */
/*
 * Typed use; the caller already holds a reference. 0; -EINVAL: other type in use. -ERESTART: preempted half way, only
 * for PGT_l2 to PGT_l4, so whoever takes another type has nothing to continue.
 */
int page_get_type(struct page_info *pg, u64 type);
void page_put_type(struct page_info *pg);
/* Reference and type at once, for a frame of d. */
int page_get_with_type(mfn_t m, struct domain *d, u64 type);
static inline void page_put_with_type(struct page_info *pg)
{
	page_put_type(pg);
	page_put(pg);
}
void page_settle_dead(struct page_info *pg);		/* pt_drain() only */
void page_settle_partial(struct page_info *pg);
/* mm/frame.c: the last reference is gone. */
void page_release(struct page_info *pg);
/* Give the domain's own (PGC_allocated) reference back; used by decrease_reservation and relinquish. */
void page_put_allocated(struct page_info *pg);
/*
 * mm/frame.c: take the frame out of d's list and accounts without freeing (exchange, transfer): only when nobody else
 * uses it. -EBUSY, -EINVAL.
 */
int page_steal(struct domain *d, struct page_info *pg);
int page_assign(struct page_info *pg, unsigned int order, struct domain *d);	/* -E2BIG over max_pages, -EINVAL dying */
/* Drops all of d's memory in bounded steps; -ERESTART. */
int domain_relinquish_memory(struct domain *d);

/* mm/memory_op.c: what a domain was promised (XENMEM_claim_pages) and has not allocated. */
unsigned long memory_claims_total(void);
void memory_claim_release(struct domain *d);

/*
 * mm/copy_frames.c: LITEOP_copy_frames, frames of c->list from c->done on. 0, -XEN_E*, or -XEN_ERESTART; c->done is
 * moved on.
 */
struct xen_lite_copy_frames;
long copy_frames(struct domain *d, struct xen_lite_copy_frames *c);

/* M2P. */
static inline unsigned long m2p_get(mfn_t m) { return m2p_table[mfn_x(m)]; }
static inline void m2p_set(mfn_t m, unsigned long pfn) { m2p_table[mfn_x(m)] = pfn; }

/* mm/tlb.c */
void tlb_flush_local(void);				/* everything, this CPU */
void tlb_flush_one_local(unsigned long va);
void tlb_flush_mask(const unsigned long *cpus);		/* everything, on all CPUs in the mask; waits */
void tlb_flush_one_mask(const unsigned long *cpus, unsigned long va);
void tlb_flush_domain(const struct domain *d);		/* on all CPUs that may hold its translations */
void tlb_flush_one_domain(const struct domain *d, unsigned long va);
u64 tlb_stamp_now(void);				/* for page_info.tlb_stamp: a use ends now */
void tlb_flush_since(u64 stamp);			/* only CPUs that have not flushed since; before the frame is used otherwise */
void tlb_note_full_flush(void);

/* mm/hv_map.c: our own mappings. */
#define HVMAP_UC	0x1
#define HVMAP_RO	0x2
void *hv_map_mmio(paddr_t pa, size_t size);	/* uncached, lasting; at boot or dom0 set-up; NULL when out of room */
void hv_map_init(void);

/* mm/pt_validate.c, mm/mmu_update.c: guest page tables; private header xl/pt.h. */

#endif
