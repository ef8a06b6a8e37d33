/* SPDX-License-Identifier: MIT */
/*
 * Log-dirty: the marks, and XEN_DOMCTL_shadow_op, which starts and stops logging and hands the marks to the tools.
 *
 * Marks are a bit per pfn, in leaves of a page each that are made when the first bit in them is set. What pfn a frame
 * has is what the guest says (the machine-to-physical table); one that lies about its frames gets its own memory wrong.
 *
 * A round ends with CLEAN: the leaves change places with an empty set, so that from then on new writes are marked there,
 * the mirrors become invalid (mirror.c), and the old leaves are copied out and cleared, a few at a time. A page that somebody else can
 * write all the time, another domain that has mapped it or we (a vCPU's registered vcpu_info), is in `always` and
 * counts as marked in every round.
 *
 * Pages that the guest has named as free are in `unneeded` until the next mark. A page gets there only without a mark in
 * this round, since then no mirror lets anybody write to it without coming here first.
 *
 * Locks: d->dirty_lock for all of it; d->logdirty and the leaves' places change under pt_lock too, so either will do to
 * read them. Tools work here one at a time: domctl is serialised.
 */
#include <xl/logdirty.h>
#include <xl/event.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/pt.h>
#include <xl/asm.h>

#define LEAF_BITS	(PAGE_SIZE * 8)
#define NR_LEAVES	2048U		/* of 32768 pfns: 256 GiB */
#define MIRRORS_MIN	16U

struct leaves {
	u64 *leaf[NR_LEAVES];
};

struct logdirty {
	struct mirrors mirrors;
	struct leaves *marks;		/* this round's */
	struct leaves *old;		/* the last round's as far as CLEAN has not copied them */
	struct leaves *always;
	struct leaves *unneeded;
	u32 nr_leaves, max_leaves;	/* in the first three */
	u32 nr_unneeded;		/* leaves, up to a third of max_leaves */
	bool hinted;			/* the guest has named all that is free */
	bool lost;			/* a mark could not be made: the log is worth nothing */
	bool copying;			/* PEEK or CLEAN has been preempted */
	u32 next;			/* and goes on with this leaf */
	unsigned long scan;		/* ENABLE: frames below have been looked at */
	u32 marked;			/* since the last CLEAN */
};

struct mirrors *logdirty_mirrors(const struct domain *d)
{
	return &(d->logdirty ? d->logdirty : d->logdirty_dying)->mirrors;
}

/* --- bits ---------------------------------------------------------------------------------------------- */

static u64 *leaf_get(struct logdirty *ld, struct leaves *set, unsigned long pfn)
{
	u64 **slot = &set->leaf[pfn / LEAF_BITS];

	if (!*slot && ld->nr_leaves < ld->max_leaves) {
		*slot = hv_alloc_page();
		ld->nr_leaves += !!*slot;
	}
	return *slot;
}

/* Sets the bit; true if it was clear. */
static bool bit_set(struct logdirty *ld, struct leaves *set, unsigned long pfn)
{
	u64 *leaf;

	if (pfn / LEAF_BITS >= NR_LEAVES)
		return false;		/* no frame of the guest's memory map */
	leaf = leaf_get(ld, set, pfn);
	if (!leaf) {
		ld->lost = true;
		return false;
	}
	return !test_and_set_bit(pfn % LEAF_BITS, leaf);
}

static unsigned long pfn_of(const struct page_info *pg)
{
	return m2p_table[pg - frame_table];
}

static void mark(struct logdirty *ld, const struct page_info *pg)
{
	unsigned long pfn = pfn_of(pg);
	u64 *leaf = pfn / LEAF_BITS < NR_LEAVES ? ld->unneeded->leaf[pfn / LEAF_BITS] : NULL;

	ld->marked += bit_set(ld, ld->marks, pfn);
	if (unlikely(leaf))
		__clear_bit(pfn % LEAF_BITS, leaf);
}

void logdirty_mark_slow(struct domain *d, const struct page_info *pg)
{
	spin_lock(&d->dirty_lock);
	if (d->logdirty)
		mark(d->logdirty, pg);
	spin_unlock(&d->dirty_lock);
}

/* A page that can have no mark counts as marked, or its first write would never end. */
bool logdirty_is_marked(const struct domain *d, const struct page_info *pg)
{
	const struct logdirty *ld = d->logdirty;
	unsigned long pfn = pfn_of(pg);
	const u64 *leaf;

	if (ld->lost || pfn / LEAF_BITS >= NR_LEAVES)
		return true;
	leaf = ld->marks->leaf[pfn / LEAF_BITS];
	return leaf && test_bit(pfn % LEAF_BITS, leaf);
}

/* --- pages that others write --------------------------------------------------------------------------- */

/* Marked now, and in each round while this lasts; at its end once more. */
static void mark_always(struct logdirty *ld, const struct page_info *pg)
{
	unsigned long pfn = pfn_of(pg);
	u64 *leaf;

	mark(ld, pg);
	if (ACCESS_ONCE(pg->foreign_writers)) {
		bit_set(ld, ld->always, pfn);
		return;
	}
	leaf = pfn / LEAF_BITS < NR_LEAVES ? ld->always->leaf[pfn / LEAF_BITS] : NULL;
	if (leaf)
		__clear_bit(pfn % LEAF_BITS, leaf);
}

/* The count stays at its maximum once it is there: such a page counts as written for good. */
void logdirty_foreign_writer(struct page_info *pg, bool comes)
{
	u8 n = ACCESS_ONCE(pg->foreign_writers), seen;
	struct domain *d;

	for (; n != FOREIGN_WRITERS_MAX && (comes || n); n = seen) {
		seen = cmpxchg(&pg->foreign_writers, n, comes ? n + 1 : n - 1);
		if (seen == n)
			break;
	}
	d = page_owner(pg);
	if (likely(!d || !d->logdirty))
		return;
	spin_lock(&d->dirty_lock);
	if (d->logdirty)
		mark_always(d->logdirty, pg);
	spin_unlock(&d->dirty_lock);
}

/* ENABLE: what is written by others already. Frames that come to be so meanwhile say so themselves. */
static long scan_frames(struct domain *d, struct logdirty *ld)
{
	for (; ld->scan < max_page; ld->scan++) {
		struct page_info *pg;

		if (!(ld->scan % 1024) && hypercall_preempt_check())
			return -XEN_ERESTART;
		if (!mfn_valid(_mfn(ld->scan)))
			continue;
		pg = mfn_to_page(_mfn(ld->scan));
		if (pg->owner != d->id || !pg->foreign_writers)
			continue;
		spin_lock(&d->dirty_lock);
		mark_always(ld, pg);
		spin_unlock(&d->dirty_lock);
	}
	return 0;
}

/* --- start and stop ------------------------------------------------------------------------------------ */

static void leaves_free(struct leaves *set)
{
	for (u32 i = 0; set && i < NR_LEAVES; i++)
		hv_free_page(set->leaf[i]);
	hv_free(set);
}

static void logdirty_free(struct logdirty *ld)
{
	leaves_free(ld->marks);
	leaves_free(ld->old);
	leaves_free(ld->always);
	leaves_free(ld->unneeded);
	hv_free(ld);
}

/* Pages that it may have; the tools may have set no limit. */
static u32 memory_limit(const struct domain *d)
{
	return min_t(unsigned long, d->max_pages, 1UL << 30);
}

/* 256 for each vCPU, two for each MiB: what Xen's tools allow for the same purpose. */
static u32 mirrors_default(const struct domain *d)
{
	return d->max_vcpus * 256 + memory_limit(d) / 128;
}

static struct logdirty *logdirty_alloc(const struct domain *d)
{
	struct logdirty *ld = hv_alloc(sizeof(*ld));

	if (!ld)
		return NULL;
	ld->marks = hv_alloc(sizeof(*ld->marks));
	ld->old = hv_alloc(sizeof(*ld->old));
	ld->always = hv_alloc(sizeof(*ld->always));
	ld->unneeded = hv_alloc(sizeof(*ld->unneeded));
	if (!ld->marks || !ld->old || !ld->always || !ld->unneeded) {
		logdirty_free(ld);
		return NULL;
	}
	ld->mirrors = (struct mirrors){
		.generation = 1, .first = PAGE_LIST_END, .last = PAGE_LIST_END,
		.max = d->mirrors_max ? d->mirrors_max : mirrors_default(d),
	};
	ld->max_leaves = 6 * (memory_limit(d) / LEAF_BITS + 2);	/* for all its memory, twice over, in each of the three sets */
	return ld;
}

static void places_lock(struct domain *d)
{
	spin_lock(&d->pt_lock);
	spin_lock(&d->dirty_lock);
}

static void places_unlock(struct domain *d)
{
	spin_unlock(&d->dirty_lock);
	spin_unlock(&d->pt_lock);
}

/* What a logged domain used goes a little at a time; nobody can reach it any more. */
static long free_dying(struct domain *d)
{
	struct logdirty *ld = d->logdirty_dying;
	bool any = true;

	while (ld && any) {
		spin_lock(&d->pt_lock);
		any = mirrors_free_one(&ld->mirrors);
		spin_unlock(&d->pt_lock);
		if (any && hypercall_preempt_check())
			return -XEN_ERESTART;
	}
	d->logdirty_dying = NULL;
	if (ld)
		logdirty_free(ld);
	return 0;
}

/* From the return of this on every write is seen: nobody runs on the guest's own tables any more. */
static long enable(struct domain *d)
{
	long rc;

	if (d->logdirty && d->logdirty->scan >= max_page)
		return refuse(-XEN_EINVAL, "d%u is logged already", d->id);
	if (!d->logdirty) {
		struct logdirty *ld;

		rc = free_dying(d);
		if (rc)
			return rc;
		ld = logdirty_alloc(d);
		if (!ld)
			return -XEN_ENOMEM;
		places_lock(d);
		d->logdirty = ld;
		mirrors_invalidate(d);
		places_unlock(d);
	}
	rc = scan_frames(d, d->logdirty);
	if (!rc && d->vcpu[0])
		send_guest_vcpu_virq(d->vcpu[0], VIRQ_LITE_LOGGED);
	return rc;
}

static long disable(struct domain *d)
{
	if (d->logdirty) {
		/* First every CPU lets go of the mirrors: as long as one runs on them faults have to be looked at. */
		places_lock(d);
		d->logdirty->mirrors.ending = true;
		cpu_l4_unload(d);
		d->logdirty_dying = d->logdirty;
		d->logdirty = NULL;
		places_unlock(d);
		cpu_l4_unload(d);	/* a CPU that came to this domain meanwhile may be looking at it */
	}
	return free_dying(d);
}

int logdirty_end(struct domain *d)
{
	return disable(d);
}

/* --- handing the marks out ----------------------------------------------------------------------------- */

/* Copies a leaf and what is always marked, as much as the tool has room for. */
static int leaf_copy_out(char *to, const u64 *leaf, const u64 *always, size_t bytes)
{
	u64 chunk[64];

	if (!leaf && !always)
		return raw_clear_guest(to, bytes) ? -XEN_EFAULT : 0;
	for (size_t done = 0; done < bytes; done += sizeof(chunk)) {
		size_t n = min(bytes - done, sizeof(chunk));

		for (unsigned int i = 0; i < ARRAY_SIZE(chunk); i++) {
			size_t word = done / sizeof(u64) + i;

			chunk[i] = (leaf ? leaf[word] : 0) | (always ? always[word] : 0);
		}
		if (raw_copy_to_guest(to + done, chunk, n))
			return -XEN_EFAULT;
	}
	return 0;
}

/* New writes go to an empty set from here on. */
static void round_begin(struct domain *d, struct logdirty *ld)
{
	struct leaves *marks = ld->marks;

	places_lock(d);
	ld->marks = ld->old;
	ld->old = marks;
	ld->marked = 0;
	mirrors_invalidate(d);
	places_unlock(d);
}

static long marks_out(struct domain *d, struct xen_domctl_shadow_op *op, bool clean)
{
	struct logdirty *ld = d->logdirty;

	if (!ld)
		return refuse(-XEN_EINVAL, "d%u is not logged", d->id);
	if (!ld->copying) {
		ld->copying = true;
		ld->next = 0;
		op->stats.fault_count = ld->mirrors.faults;
		op->stats.dirty_count = ld->marked;
		op->pages = min_t(u64, op->pages, (u64)NR_LEAVES * LEAF_BITS);
		if (clean)
			round_begin(d, ld);
	}
	for (; (u64)ld->next * LEAF_BITS < op->pages; ld->next++) {
		u64 *leaf = (clean ? ld->old : ld->marks)->leaf[ld->next], first = (u64)ld->next * LEAF_BITS;
		size_t bytes = DIV_ROUND_UP(min_t(u64, op->pages - first, LEAF_BITS), 8);

		if (op->dirty_bitmap.p && leaf_copy_out((char *)op->dirty_bitmap.p + first / 8, leaf, ld->always->leaf[ld->next],
							bytes)) {
			ld->copying = false;
			ld->lost |= clean;	/* half of the round is gone */
			return -XEN_EFAULT;
		}
		if (clean && leaf)
			memset(leaf, 0, PAGE_SIZE);
		if (hypercall_preempt_check()) {
			ld->next++;
			return -XEN_ERESTART;
		}
	}
	ld->copying = false;
	return ld->lost ? refuse(-XEN_ENOMEM, "d%u: marks were lost, log it anew", d->id) : 0;
}

/* --- pages that the guest does not need ---------------------------------------------------------------- */

/* A guest that names what it does not have gets no more leaves for it than memory would take; the marks have their own. */
static u64 *unneeded_leaf(struct logdirty *ld, unsigned long pfn)
{
	u64 **slot = &ld->unneeded->leaf[pfn / LEAF_BITS];

	if (!*slot && ld->nr_unneeded < ld->max_leaves / 3) {
		*slot = hv_alloc_page();
		ld->nr_unneeded += !!*slot;
	}
	return *slot;
}

static void note_unneeded(struct logdirty *ld, unsigned long pfn, unsigned long end)
{
	while (pfn < end) {
		unsigned long n = min(end - pfn, 64 - pfn % 64);
		u64 *leaf = unneeded_leaf(ld, pfn), bits = ~0ULL >> (64 - n) << pfn % 64;
		const u64 *marks = ld->marks->leaf[pfn / LEAF_BITS];

		if (!leaf)
			return;		/* then it is copied */
		leaf[pfn % LEAF_BITS / 64] |= bits & ~(marks ? marks[pfn % LEAF_BITS / 64] : 0);
		pfn += n;
	}
}

long logdirty_free_pages(struct domain *d, struct xen_lite_free_pages *f)
{
	bool first = true;

	for (; f->done < f->count; f->done++, first = false) {
		struct xen_lite_range r;

		if (!first && hypercall_preempt_check())
			return -XEN_ERESTART;
		if (copy_from_guest_offset(&r, f->list.p, f->done, 1))
			return -XEN_EFAULT;
		if (r.count > LEAF_BITS || r.pfn > (u64)NR_LEAVES * LEAF_BITS - r.count)
			return refuse(-XEN_EINVAL, "d%u: no pages %lx to %lx", d->id, r.pfn, r.pfn + r.count);
		spin_lock(&d->dirty_lock);
		if (d->logdirty)
			note_unneeded(d->logdirty, r.pfn, r.pfn + r.count);
		spin_unlock(&d->dirty_lock);
	}
	spin_lock(&d->dirty_lock);
	if (d->logdirty)
		d->logdirty->hinted |= f->last != 0;
	first = !d->logdirty;
	spin_unlock(&d->dirty_lock);
	return first ? -XEN_ENODATA : 0;
}

#define CHUNK_WORDS	64

/* What is written by others at any time is never unneeded. False: it is not logged. */
static bool unneeded_chunk(struct domain *d, u64 pfn, u64 *chunk)
{
	const u64 *leaf, *always;
	struct logdirty *ld;

	spin_lock(&d->dirty_lock);
	ld = d->logdirty;
	leaf = ld ? ld->unneeded->leaf[pfn / LEAF_BITS] : NULL;
	always = ld ? ld->always->leaf[pfn / LEAF_BITS] : NULL;
	for (unsigned int i = 0; i < CHUNK_WORDS; i++) {
		size_t word = pfn % LEAF_BITS / 64 + i;

		chunk[i] = (leaf ? leaf[word] : 0) & ~(always ? always[word] : 0);
	}
	spin_unlock(&d->dirty_lock);
	return ld;
}

static u32 hint_state(struct domain *d)
{
	u32 state = d->vcpu[0] && ACCESS_ONCE(d->vcpu[0]->virq_port[VIRQ_LITE_LOGGED]) ? LITE_HINTS_asked : LITE_HINTS_none;

	spin_lock(&d->dirty_lock);
	if (d->logdirty && d->logdirty->hinted)
		state = LITE_HINTS_all;
	spin_unlock(&d->dirty_lock);
	return state;
}

/* Unlike domctl this may be called by several at a time. */
long logdirty_unneeded(struct domain *d, struct xen_lite_unneeded *u)
{
	u64 chunk[CHUNK_WORDS], began = u->next;

	u->state = hint_state(d);
	u->pages = min_t(u64, u->pages, (u64)NR_LEAVES * LEAF_BITS);
	if (u->next % (CHUNK_WORDS * 64))
		return -XEN_EINVAL;
	for (; u->bitmap.p && u->next < u->pages; u->next += CHUNK_WORDS * 64) {
		size_t bytes = DIV_ROUND_UP(min_t(u64, u->pages - u->next, CHUNK_WORDS * 64), 8);

		if (u->next != began && u->next % LEAF_BITS == 0 && hypercall_preempt_check())
			return -XEN_ERESTART;
		if (!unneeded_chunk(d, u->next, chunk))
			return refuse(-XEN_EINVAL, "d%u is not logged", d->id);
		if (raw_copy_to_guest(u->bitmap.p + u->next / 8, chunk, bytes))
			return -XEN_EFAULT;
	}
	return 0;
}

static long set_allocation(struct domain *d, u32 mb)
{
	if (mb > 1U << 20)
		return -XEN_EINVAL;
	d->mirrors_max = max_t(u32, mb << (20 - PAGE_SHIFT), MIRRORS_MIN);
	if (d->logdirty)
		d->logdirty->mirrors.max = d->mirrors_max;
	return 0;
}

long logdirty_op(struct domain *d, struct xen_domctl_shadow_op *op)
{
	long rc = 0;

	switch (op->op) {
	case XEN_DOMCTL_SHADOW_OP_ENABLE:
		if (op->mode != XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY)
			return refuse(-XEN_EINVAL, "shadow mode %#x: only log-dirty", op->mode);
		return enable(d);
	case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
		return enable(d);
	case XEN_DOMCTL_SHADOW_OP_OFF:
		return disable(d);
	case XEN_DOMCTL_SHADOW_OP_CLEAN:
		return marks_out(d, op, true);
	case XEN_DOMCTL_SHADOW_OP_PEEK:
		return marks_out(d, op, false);
	case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION:
		rc = set_allocation(d, op->mb);
		/* fall through */
	case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
		op->mb = (d->mirrors_max ? d->mirrors_max : mirrors_default(d)) >> (20 - PAGE_SHIFT);
		return rc;
	default:
		return refuse(-XEN_EINVAL, "shadow_op %u", op->op);
	}
}
