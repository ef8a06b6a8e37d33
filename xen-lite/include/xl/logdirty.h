/* SPDX-License-Identifier: MIT */
/*
 * Log-dirty: which pages of a running domain are written, for live migration. See docs/log-dirty.md.
 *
 * While a domain is logged its vCPUs run on mirrors of its page tables (mm/mirror.c), which are writable only where the
 * page is marked already (mm/logdirty.c keeps the marks). Everything else that writes into a domain's memory calls
 * logdirty_mark(). d->logdirty is NULL for a domain that is not logged; it changes under pt_lock.
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

struct logdirty;

/* Pages of d that pg may be one of: written by us, or about to be by the guest. Never fails; see logdirty_lost(). */
void logdirty_mark_slow(struct domain *d, const struct page_info *pg);
bool logdirty_is_marked(const struct domain *d, const struct page_info *pg);
/*
 * Somebody who may write to the page at any time comes or goes: a writable mapping of another domain, a grant for writing, we
 * with a registered vcpu_info. While there is one the page counts as written.
 */
void logdirty_foreign_writer(struct page_info *pg, bool comes);
/* XEN_DOMCTL_shadow_op. 0, -XEN_E*, or -XEN_ERESTART; *op is the answer. */
long logdirty_op(struct domain *d, struct xen_domctl_shadow_op *op);
struct xen_lite_free_pages;
struct xen_lite_unneeded;
/* LITEOP_free_pages of d itself, LITEOP_unneeded about d: 0, -XEN_E*, or -XEN_ERESTART with what is done in the structure. */
long logdirty_free_pages(struct domain *d, struct xen_lite_free_pages *f);
long logdirty_unneeded(struct domain *d, struct xen_lite_unneeded *u);
/* d dies: nothing of d runs any more. 0 or -XEN_ERESTART. */
int logdirty_end(struct domain *d);
struct mirrors *logdirty_mirrors(const struct domain *d);

static inline void logdirty_mark(struct domain *d, const struct page_info *pg)
{
	if (unlikely(d->logdirty))
		logdirty_mark_slow(d, pg);
}

/* --- mm/mirror.c. pt_lock held but for mirror_fault(). --------------------------------------------------- */

/* A present entry of d's L4 table as a CPU may load it: 0 as long as there is no mirror. Any lock or none. */
u64 mirror_l4_entry(const struct domain *d, u64 e);
/*
 * A page fault of current, or of ours on its memory: true when it came from a mirror that lags behind its table, and
 * the access is to be tried again. False: the guest's own tables say the same.
 */
bool mirror_fault(unsigned long va, u32 error);
void mirror_entry_changed_slow(struct domain *d, struct page_info *table, const u64 *ptr);
void mirror_drop(struct domain *d, struct page_info *table);	/* it has one, and is no table any more */
void mirrors_invalidate(struct domain *d);	/* the same, and none is to be loaded again as it is */
/* Gives one back to the heap; false when there is none. They have been invalidated. */
bool mirrors_free_one(struct mirrors *m);

/* *ptr in this table of d has been written. */
static inline void mirror_entry_changed(struct domain *d, struct page_info *table, const u64 *ptr)
{
	if (unlikely(d->logdirty))
		mirror_entry_changed_slow(d, table, ptr);
}

#endif
