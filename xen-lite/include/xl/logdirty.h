/* SPDX-License-Identifier: MIT */
/*
 * Log-dirty: which pages of a running domain are written, for live migration. See docs/log-dirty.md.
 *
 * While a domain is logged its vCPUs run on mirrors of its page tables (mm/mirror.c), which are writable only where
 * the page is marked already (mm/logdirty.c keeps the marks); or, if its kernel helps, on its own tables, whose dirty
 * bits are looked through (mm/harvest.c). Everything else that writes into a domain's memory calls logdirty_mark().
 * d->logdirty is NULL for a domain that is not logged; it changes under pt_lock, as does d->mirrored: it is logged by
 * mirrors.
 */
#ifndef XL_LOGDIRTY_H
#define XL_LOGDIRTY_H

#include <xl/mm.h>
#include <public/domctl.h>

/* What mirror.c keeps for a logged domain. Under pt_lock. */
struct mirrors {
	u32 generation;			/* mirrors of an older one are unreachable and to be filled anew */
	u32 first, last;		/* all of them, by frame index; the latest generation first */
	u32 nr, max;
	u32 faults;			/* of this generation */
	bool ending;			/* none is to be loaded any more */
};

/* What harvest.c keeps for one whose kernel helps. Under pt_lock. */
struct harvest {
	u64 soft;			/* the bit of its L1 entries that means dirty, too; 0: mirrors */
	u32 first;			/* its L1 tables */
	u32 next;			/* a walk goes on here */
	bool walking;
};

struct logdirty;

/* Pages of d that pg may be one of: written by us, or about to be by the guest. Never fails; see logdirty_lost(). */
void logdirty_mark_slow(struct domain *d, const struct page_info *pg);
void logdirty_mark_locked(struct domain *d, const struct page_info *pg);	/* d->dirty_lock held */
bool logdirty_is_marked(const struct domain *d, const struct page_info *pg);
/*
 * Somebody who may write to the page at any time comes or goes: a writable mapping of another domain, a grant for
 * writing, we with a registered vcpu_info. While there is one the page counts as written.
 */
void logdirty_foreign_writer(struct page_info *pg, bool comes);
/* XEN_DOMCTL_shadow_op. 0, -XEN_E*, or -XEN_ERESTART; *op is the answer. */
long logdirty_op(struct domain *d, struct xen_domctl_shadow_op *op);
struct xen_lite_free_pages;
struct xen_lite_unneeded;
/*
 * LITEOP_free_pages of d itself, LITEOP_unneeded about d: 0, -XEN_E*, or -XEN_ERESTART with what is done in the
 * structure.
 */
long logdirty_free_pages(struct domain *d, struct xen_lite_free_pages *f);
long logdirty_unneeded(struct domain *d, struct xen_lite_unneeded *u);
/* d dies: nothing of d runs any more. 0 or -XEN_ERESTART. */
int logdirty_end(struct domain *d);
struct mirrors *logdirty_mirrors(const struct domain *d);
struct harvest *logdirty_harvest(const struct domain *d);
/* *ptr in this table of d has been written; it was `old`. pt_lock held. */
void logdirty_entry_changed_slow(struct domain *d, struct page_info *table, const u64 *ptr, u64 old);
/* A table of d dies that is in a list here, or has a mirror. pt_lock held. */
void logdirty_table_died(struct domain *d, struct page_info *table);

static inline void logdirty_mark(struct domain *d, const struct page_info *pg)
{
	if (unlikely(d->logdirty))
		logdirty_mark_slow(d, pg);
}

static inline void logdirty_entry_changed(struct domain *d, struct page_info *table, const u64 *ptr, u64 old)
{
	if (unlikely(d->logdirty))
		logdirty_entry_changed_slow(d, table, ptr, old);
}

/* Is d logged, and by its dirty bits? */
static inline bool logdirty_by_bits(const struct domain *d)
{
	return unlikely(d->logdirty) && !d->mirrored;
}

/* --- mm/harvest.c. pt_lock held but for harvest_take() and harvest_walk(). -------------------------------- */

void harvest_link(struct domain *d, struct page_info *table);	/* an L1 table, which may be in the list already */
void harvest_unlink(struct domain *d, struct page_info *table);
bool harvest_unlink_one(struct domain *d);	/* false when there is none */
void harvest_entry_slow(struct domain *d, u64 e);
/*
 * When logging begins: if pg is an L1 table of d, no page is dirty by it. True: it is. Take it that all CPUs flush
 * then.
 */
bool harvest_take(struct domain *d, struct page_info *pg);
/*
 * Marks every page that an entry says to have been written at the time when this was called first. 0 or
 * -XEN_ERESTART. Before the marks are handed out all CPUs of d flush.
 */
long harvest_walk(struct domain *d);

/* An L1 entry of d stops to be one. */
static inline void harvest_entry(struct domain *d, u64 e)
{
	if (logdirty_by_bits(d))
		harvest_entry_slow(d, e);
}

/* --- mm/mirror.c. pt_lock held but for mirror_fault(). --------------------------------------------------- */

/* A present entry of d's L4 table as a CPU may load it: 0 as long as there is no mirror. Any lock or none. */
u64 mirror_l4_entry(const struct domain *d, u64 e);
/*
 * A page fault of current, or of ours on its memory: true when it came from a mirror that lags behind its table, and
 * the access is to be tried again. False: the guest's own tables say the same.
 */
bool mirror_fault(unsigned long va, u32 error);
void mirror_entry_changed(struct domain *d, struct page_info *table, const u64 *ptr);
void mirror_drop(struct domain *d, struct page_info *table);	/* it has one, and is no table any more */
void mirrors_invalidate(struct domain *d);	/* the same, and none is to be loaded again as it is */
/* Gives one back to the heap; false when there is none. They have been invalidated. */
bool mirrors_free_one(struct mirrors *m);

#endif
