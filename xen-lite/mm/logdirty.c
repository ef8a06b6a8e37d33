/* SPDX-License-Identifier: MIT */
/*
 * Log-dirty: the marks, and XEN_DOMCTL_shadow_op, which starts and stops logging and hands the marks to the tools.
 *
 * Marks are a bit per pfn, in leaves of a page each that are made when the first bit in them is set. What pfn a frame
 * has is what the guest says (the machine-to-physical table); one that lies about its frames gets its own memory wrong.
 *
 * A round ends with CLEAN: the leaves change places with an empty set, so that from then on new writes are marked
 * there, the mirrors become invalid (mirror.c), and the old leaves are copied out and cleared, a few at a time. Where
 * there are no mirrors, since the guest helps (harvest.c), dirty bits become marks before that, and all CPUs of the
 * domain flush. A page that somebody else can write all the time, another domain that has mapped it or we (a vCPU's
 * registered vcpu_info), is in `always` and counts as marked in every round.
 *
 * Pages that the guest has named as free are in `unneeded` until the next mark. A page gets there only without a mark
 * in this round, since then no mirror lets anybody write to it without coming here first. Without mirrors what was
 * written to it since the last walk, before or after it was named, shows in the next one, which takes it out and marks
 * it.
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
	struct harvest harvest;
	struct leaves *marks;		/* this round's */
	struct leaves *old;		/* the last round's as far as CLEAN has not copied them */
	struct leaves *always;
	struct leaves *unneeded;
	u32 nr_leaves, max_leaves;	/* in the first three */
	u32 nr_unneeded;		/* leaves, up to a third of max_leaves */
	bool ready;			/* ENABLE has come to its end */
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

struct harvest *logdirty_harvest(const struct domain *d)
{
	return &(d->logdirty ? d->logdirty : d->logdirty_dying)->harvest;
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

void logdirty_mark_locked(struct domain *d, const struct page_info *pg)
{
	if (d->logdirty)
		mark(d->logdirty, pg);
}

void logdirty_mark_slow(struct domain *d, const struct page_info *pg)
{
	spin_lock(&d->dirty_lock);
	logdirty_mark_locked(d, pg);
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

/* --- page tables that change --------------------------------------------------------------------------- */

void logdirty_entry_changed_slow(struct domain *d, struct page_info *table, const u64 *ptr, u64 old)
{
	logdirty_mark_slow(d, table);
	if (d->mirrored)
		mirror_entry_changed(d, table, ptr);
	else if (pgt_level(table->type_info) == 1)
		harvest_entry(d, old);
}

void logdirty_table_died(struct domain *d, struct page_info *table)
{
	if (logdirty_harvest(d)->soft)
		harvest_unlink(d, table);
	else
		mirror_drop(d, table);
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

/* A frame of d that was there when it began to be logged. True: there was much to do. */
static bool take_frame(struct domain *d, struct logdirty *ld, struct page_info *pg)
{
	if (pg->foreign_writers) {
		spin_lock(&d->dirty_lock);
		mark_always(ld, pg);
		spin_unlock(&d->dirty_lock);
	}
	return ld->harvest.soft && harvest_take(d, pg);
}

/*
 * ENABLE: what is written by others already, and the page tables of a guest that helps. Frames that come to be either
 * of it meanwhile say so themselves.
 */
static long scan_frames(struct domain *d, struct logdirty *ld)
{
	bool much = false;

	for (; ld->scan < max_page; ld->scan++) {
		struct page_info *pg;

		if ((much || !(ld->scan % 1024)) && hypercall_preempt_check())
			return -XEN_ERESTART;
		much = false;
		if (!mfn_valid(_mfn(ld->scan)))
			continue;
		pg = mfn_to_page(_mfn(ld->scan));
		if (pg->owner == d->id)
			much = take_frame(d, ld, pg);
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
	ld->harvest = (struct harvest){ .soft = d->soft_dirty, .first = PAGE_LIST_END, .next = PAGE_LIST_END };
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
		any = ld->harvest.soft ? harvest_unlink_one(d) : mirrors_free_one(&ld->mirrors);
		spin_unlock(&d->pt_lock);
		if (any && hypercall_preempt_check())
			return -XEN_ERESTART;
	}
	d->logdirty_dying = NULL;
	if (ld)
		logdirty_free(ld);
	return 0;
}

static long begin(struct domain *d)
{
	struct logdirty *ld;
	long rc = free_dying(d);

	if (rc)
		return rc;
	ld = logdirty_alloc(d);
	if (!ld)
		return -XEN_ENOMEM;
	places_lock(d);
	d->logdirty = ld;
	d->mirrored = !ld->harvest.soft;
	if (d->mirrored)
		mirrors_invalidate(d);
	places_unlock(d);
	return 0;
}

/* No entry of a guest that helps has D from before; no TLB shall have it either. */
static void get_ready(struct domain *d, struct logdirty *ld)
{
	if (!d->mirrored)
		tlb_flush_domain(d);
	spin_lock(&d->dirty_lock);
	ld->ready = true;
	spin_unlock(&d->dirty_lock);
	if (d->vcpu[0])
		send_guest_vcpu_virq(d->vcpu[0], VIRQ_LITE_LOGGED);
}

/* From the return of this on every write is seen: nobody runs on the guest's own tables any more, or they show it. */
static long enable(struct domain *d)
{
	long rc = 0;

	if (d->logdirty && d->logdirty->ready)
		return refuse(-XEN_EINVAL, "d%u is logged already", d->id);
	if (!d->logdirty)
		rc = begin(d);
	if (!rc)
		rc = scan_frames(d, d->logdirty);
	if (!rc)
		get_ready(d, d->logdirty);
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
		d->mirrored = false;
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

	/* What TLBs know as dirty is written without a trace until here, and is marked. */
	if (!d->mirrored)
		tlb_flush_domain(d);
	places_lock(d);
	ld->marks = ld->old;
	ld->old = marks;
	ld->marked = 0;
	if (d->mirrored)
		mirrors_invalidate(d);
	places_unlock(d);
}

/* Marks are whole, and stay so when a preempted call goes on. */
static long copying_begin(struct domain *d, struct logdirty *ld, struct xen_domctl_shadow_op *op, bool clean)
{
	long rc = d->mirrored ? 0 : harvest_walk(d);

	if (rc)
		return rc;
	ld->copying = true;
	ld->next = 0;
	op->stats.fault_count = ld->mirrors.faults;
	op->stats.dirty_count = ld->marked;
	op->pages = min_t(u64, op->pages, (u64)NR_LEAVES * LEAF_BITS);
	if (clean)
		round_begin(d, ld);
	return 0;
}

static long marks_out(struct domain *d, struct xen_domctl_shadow_op *op, bool clean)
{
	struct logdirty *ld = d->logdirty;
	long rc = 0;

	if (!ld)
		return refuse(-XEN_EINVAL, "d%u is not logged", d->id);
	if (!ld->copying)
		rc = copying_begin(d, ld, op, clean);
	if (rc)
		return rc;
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

/*
 * A guest that names what it does not have gets no more leaves for it than memory would take; the marks have their own.
 */
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

/* Before logging has begun for good a TLB may let a page be written without a trace. */
static bool wants_to_know(const struct domain *d)
{
	return d->logdirty && d->logdirty->ready;
}

long logdirty_free_pages(struct domain *d, struct xen_lite_free_pages *f)
{
	bool first = true, wanted;

	for (; f->done < f->count; f->done++, first = false) {
		struct xen_lite_range r;

		if (!first && hypercall_preempt_check())
			return -XEN_ERESTART;
		if (copy_from_guest_offset(&r, f->list.p, f->done, 1))
			return -XEN_EFAULT;
		if (r.count > LEAF_BITS || r.pfn > (u64)NR_LEAVES * LEAF_BITS - r.count)
			return refuse(-XEN_EINVAL, "d%u: no pages %lx to %lx", d->id, r.pfn, r.pfn + r.count);
		spin_lock(&d->dirty_lock);
		if (wants_to_know(d))
			note_unneeded(d->logdirty, r.pfn, r.pfn + r.count);
		spin_unlock(&d->dirty_lock);
	}
	spin_lock(&d->dirty_lock);
	wanted = wants_to_know(d);
	if (wanted)
		d->logdirty->hinted |= f->last != 0;
	spin_unlock(&d->dirty_lock);
	return wanted ? 0 : -XEN_ENODATA;
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
