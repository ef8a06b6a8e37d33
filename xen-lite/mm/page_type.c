/* SPDX-License-Identifier: MIT */
/*
 * The two counts of a frame: the one state machine that memory safety rests on.
 *
 * count_info: references. While a frame is owned, PGC_allocated stands for one of them. It goes back to the heap with
 * the last.
 *
 * type_info: type, flags and type count. Rules:
 *   - a type changes only while its count is 0, and translations of the old use are flushed before the new one counts;
 *   - a page-table or descriptor type is counted only once PGT_validated is set: every entry was checked and holds its
 *     own references;
 *   - count 0 of a page table means its entries hold nothing any more, with two exceptions: PGT_partial, a validation
 *     that was preempted, where entries [0, entries_done) do; and PGT_dead, a table that lost its last user, where all
 *     do.
 *
 * Dead tables are on a list of their owner that pt_drain() empties; so taking down a tree is a loop, not a recursion.
 * Whoever wants a partial or dead frame settles that one frame first: bounded work, so it needs no continuation.
 *
 * Writable references are taken and dropped by anyone, by compare-exchange. Page-table types only under the owner's
 * pt_lock. The file knows nothing of entries: pt_validate() and its kin are called through. It also compiles on the
 * build host, where a random walk compares it with a naive model.
 */
#include <xl/logdirty.h>
#include <xl/pt.h>

/* --- references --------------------------------------------------------------------------------------------- */

static __hot bool count_inc(struct page_info *pg)
{
	u32 x = ACCESS_ONCE(pg->count_info), y;

	for (;;) {
		/* Not free, not ours alone, and room for more. */
		if (!(x & PGC_count_mask) || (x & PGC_count_mask) == PGC_count_mask)
			return false;
		y = cmpxchg(&pg->count_info, x, x + 1);
		if (y == x)
			return true;
		x = y;
	}
}

__hot bool page_get(struct page_info *pg, const struct domain *d)
{
	if (!count_inc(pg))
		return false;
	if (likely(ACCESS_ONCE(pg->owner) == d->id))
		return true;
	page_put(pg);
	return false;
}

bool page_get_owner_any(struct page_info *pg, struct domain **owner)
{
	if (!count_inc(pg))
		return false;
	*owner = page_owner(pg);
	if (*owner)
		return true;
	page_put(pg);
	return false;
}

__hot void page_put(struct page_info *pg)
{
	u32 left = __atomic_sub_fetch(&pg->count_info, 1, __ATOMIC_SEQ_CST);

	BUG_ON((left & PGC_count_mask) == PGC_count_mask);
	if (!(left & PGC_count_mask))
		page_release(pg);
}

/* --- types -------------------------------------------------------------------------------------------------- */

static bool type_is_table(u64 type)
{
	return pgt_level(type) >= 1 && pgt_level(type) <= 4;
}

/* Takes the frame out of its unsettled state: how many of its entries hold references. */
static u16 unsettled_entries(struct page_info *pg)
{
	if (!(pg->type_info & PGT_dead))
		return pg->entries_done;
	if (pg->prev_dead != PAGE_LIST_END)
		frame_table[pg->prev_dead].next_dead = pg->next_dead;
	else
		page_owner(pg)->dead_tables = pg->next_dead;
	if (pg->next_dead != PAGE_LIST_END)
		frame_table[pg->next_dead].prev_dead = pg->prev_dead;
	return PT_ENTRIES;
}

/* Drops what the entries of a partial or dead table hold, at most 512 of them; the frame is then a table of nothing. */
static void settle(struct page_info *pg)
{
	u64 x = pg->type_info;

	pt_devalidate(pg, pgt_level(x), unsettled_entries(pg));
	pg->tlb_stamp = tlb_stamp_now();
	pg->type_info = x & PGT_type_mask;
	page_put(pg);			/* the unsettled state held one */
}

/*
 * Entries of a table (or of a descriptor page) are checked while the count is 1 and PGT_validated is clear: nobody else
 * gets in.
 */
static int validate(struct page_info *pg, u64 type, u16 done)
{
	unsigned int level = pgt_level(type);
	int rc;

	if (type == PGT_seg_desc)
		rc = seg_desc_validate(pg);
	else
		rc = pt_validate(pg, level, &done);
	if (!rc) {
		pg->tlb_stamp = 0;
		pg->type_info = type | PGT_validated | 1;
		logdirty_mark(page_owner(pg), pg);	/* tools send a table in another way than data */
		if (level == 1 && logdirty_by_bits(page_owner(pg)))
			harvest_link(page_owner(pg), pg);
		return 0;
	}
	if (rc == -XEN_ERESTART && count_inc(pg)) {
		pg->entries_done = done;
		pg->type_info = type | PGT_partial;
		return rc;
	}
	pt_devalidate(pg, level, done);
	pg->tlb_stamp = tlb_stamp_now();
	pg->type_info = type;
	return rc;
}

static bool table_lock_held(const struct page_info *pg)
{
	struct domain *d = page_owner(pg);

	return d && spin_held(&d->pt_lock);
}

/* The count is 0: make it `type` with count 1. -XEN_EAGAIN: it has changed meanwhile. */
static int change_type(struct page_info *pg, u64 x, u64 type)
{
	if (x & (PGT_partial | PGT_dead)) {
		if (!table_lock_held(pg))
			return -XEN_EINVAL;	/* somebody else's business */
		if ((x & PGT_type_mask) == type) {
			u16 done = unsettled_entries(pg);

			pg->type_info = type | 1;
			page_put(pg);		/* the caller holds one too */
			return validate(pg, type, done);
		}
		settle(pg);
		x &= PGT_type_mask;
	}
	if ((x & PGT_type_mask) != type)
		tlb_flush_since(pg->tlb_stamp);
	if (type == PGT_writable)
		return cmpxchg(&pg->type_info, x, PGT_writable | PGT_validated | 1) == x ? 0 : -XEN_EAGAIN;
	if (cmpxchg(&pg->type_info, x, type | 1) != x)
		return -XEN_EAGAIN;
	return validate(pg, type, 0);
}

__hot int page_get_type(struct page_info *pg, u64 type)
{
	u64 x = ACCESS_ONCE(pg->type_info), y;
	int rc;

	for (;;) {
		if (!(x & PGT_count_mask)) {
			rc = change_type(pg, x, type);
			if (rc != -XEN_EAGAIN)
				return rc;
			x = ACCESS_ONCE(pg->type_info);
			continue;
		}
		if ((x & PGT_type_mask) != type || !(x & PGT_validated) || (x & PGT_count_mask) == PGT_count_mask)
			return -XEN_EINVAL;
		y = cmpxchg(&pg->type_info, x, x + 1);
		if (y == x)
			return 0;
		x = y;
	}
}

/* The last user of a table is gone: it joins the list of dead tables. */
static void table_died(struct page_info *pg, u64 x)
{
	struct domain *d = page_owner(pg);

	BUG_ON(!count_inc(pg));
	if (unlikely(pg->mirror))	/* or next_l1, which is the same word */
		logdirty_table_died(d, pg);
	pg->next_dead = d->dead_tables;
	pg->prev_dead = PAGE_LIST_END;
	d->dead_tables = mfn_x(page_to_mfn(pg));
	if (pg->next_dead != PAGE_LIST_END)
		frame_table[pg->next_dead].prev_dead = d->dead_tables;
	pg->type_info = (x & PGT_type_mask) | PGT_dead;
	logdirty_mark(d, pg);		/* now: who asks for its type after that gets the new one */
}

__hot void page_put_type(struct page_info *pg)
{
	u64 x = ACCESS_ONCE(pg->type_info), y;

	for (;;) {
		BUG_ON(!(x & PGT_count_mask));
		if ((x & PGT_count_mask) == 1) {
			if (type_is_table(x)) {
				table_died(pg, x);
				return;
			}
			pg->tlb_stamp = tlb_stamp_now();
			y = cmpxchg(&pg->type_info, x, x & PGT_type_mask);
		} else {
			y = cmpxchg(&pg->type_info, x, x - 1);
		}
		if (y == x)
			return;
		x = y;
	}
}

void page_settle_dead(struct page_info *pg)
{
	settle(pg);
}

/* Drops what a preempted validation left behind, when its domain dies. Lock held. */
void page_settle_partial(struct page_info *pg)
{
	if (pg->type_info & PGT_partial)
		settle(pg);
}

__hot int page_get_with_type(mfn_t m, struct domain *d, u64 type)
{
	struct page_info *pg;
	int rc;

	if (!mfn_valid(m))
		return -XEN_EINVAL;
	pg = mfn_to_page(m);
	if (!page_get(pg, d))
		return -XEN_EINVAL;
	rc = page_get_type(pg, type);
	if (rc)
		page_put(pg);
	return rc;
}
