/* SPDX-License-Identifier: MIT */
/*
 * Dirty bits of a logged domain whose kernel helps: it runs on its own page tables, and no write faults.
 *
 * The kernel has named a bit of its L1 entries that means dirty as D does (LITEOP_soft_dirty). So D can be taken
 * away: a walk over the domain's L1 tables moves it into that bit and marks the page, and the processor sets it anew
 * at the next write. An entry that goes, or is replaced, marks its page if it has D at that time.
 *
 * Invariant: a page that was written since its mark was handed out is marked, or an entry that leads to it has D, in
 * a table in the list or in a dead one. What a TLB keeps with D set is written without setting it again; so all CPUs
 * of the domain flush between a walk and the handing out of the marks.
 *
 * The list has every validated L1 table of the domain, in page_info (next_l1, prev_l1; next_l1 is 0 outside of it). A
 * table that comes during a walk is left to the next one; its entries keep D so long. A dead table is not in the
 * list: settling it marks what its entries say, and a walk begins with that.
 *
 * Entries that lead to memory of others are left alone: their owners count them as writers
 * (logdirty_foreign_writer()). Lock: pt_lock.
 */
#include <xl/asm.h>
#include <xl/hypercall.h>
#include <xl/logdirty.h>
#include <xl/pt.h>

/* --- the list ------------------------------------------------------------------------------------------ */

/* A link is a frame index plus 1, so that 0 can mean none; PAGE_LIST_END is the end. */
static struct page_info *linked(u32 link)
{
	return frame_table + (link - 1);
}

static u32 link_to(const struct page_info *table)
{
	return table - frame_table + 1;
}

void harvest_link(struct domain *d, struct page_info *table)
{
	struct harvest *h = logdirty_harvest(d);

	if (table->next_l1)
		return;
	table->prev_l1 = PAGE_LIST_END;
	table->next_l1 = h->first;
	if (h->first != PAGE_LIST_END)
		linked(h->first)->prev_l1 = link_to(table);
	h->first = link_to(table);
}

void harvest_unlink(struct domain *d, struct page_info *table)
{
	struct harvest *h = logdirty_harvest(d);

	if (h->next == link_to(table))
		h->next = table->next_l1;
	if (table->prev_l1 != PAGE_LIST_END)
		linked(table->prev_l1)->next_l1 = table->next_l1;
	else
		h->first = table->next_l1;
	if (table->next_l1 != PAGE_LIST_END)
		linked(table->next_l1)->prev_l1 = table->prev_l1;
	table->next_l1 = table->prev_l1 = 0;
}

bool harvest_unlink_one(struct domain *d)
{
	struct harvest *h = logdirty_harvest(d);

	if (h->first == PAGE_LIST_END)
		return false;
	harvest_unlink(d, linked(h->first));
	return true;
}

/* --- entries ------------------------------------------------------------------------------------------- */

/* The page of d that this entry has been used to write to, or NULL. */
static struct page_info *written_page(const struct domain *d, u64 e)
{
	struct page_info *pg;

	if ((e & (PTE_P | PTE_D)) != (PTE_P | PTE_D) || !mfn_valid(pte_mfn(e)))
		return NULL;
	pg = mfn_to_page(pte_mfn(e));
	return pg->owner == d->id ? pg : NULL;
}

void harvest_entry_slow(struct domain *d, u64 e)
{
	struct page_info *pg = written_page(d, e);

	if (pg)
		logdirty_mark_slow(d, pg);
}

/* D becomes the soft bit; the processor may set A meanwhile, nobody else is here. True if that bit is new. */
static bool soften(u64 *ptr, u64 soft)
{
	u64 e = ACCESS_ONCE(*ptr), seen;

	while ((seen = cmpxchg(ptr, e, (e & ~PTE_D) | soft)) != e)
		e = seen;
	return !(e & soft);
}

/* Eight entries at a time, since most are clean. */
static bool any_dirty(const u64 *e)
{
	return (ACCESS_ONCE(e[0]) | ACCESS_ONCE(e[1]) | ACCESS_ONCE(e[2]) | ACCESS_ONCE(e[3]) |
		ACCESS_ONCE(e[4]) | ACCESS_ONCE(e[5]) | ACCESS_ONCE(e[6]) | ACCESS_ONCE(e[7])) & PTE_D;
}

/*
 * The table counts as written when one of its entries says dirty that did not before. Where only D comes and goes it
 * says the same to its kernel.
 */
static void soften_table(struct domain *d, struct page_info *table, bool note)
{
	u64 *entry = page_to_virt(table), soft = logdirty_harvest(d)->soft;
	bool news = false;

	spin_lock(&d->dirty_lock);
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		struct page_info *pg;

		if (i % 8 == 0 && !any_dirty(entry + i)) {
			i += 7;
			continue;
		}
		pg = written_page(d, ACCESS_ONCE(entry[i]));
		if (!pg)
			continue;
		news |= soften(entry + i, soft);
		if (note)
			logdirty_mark_locked(d, pg);
	}
	if (news && note)
		logdirty_mark_locked(d, table);
	spin_unlock(&d->dirty_lock);
}

/* --- walks --------------------------------------------------------------------------------------------- */

bool harvest_take(struct domain *d, struct page_info *pg)
{
	bool is_l1;

	if (pgt_level(ACCESS_ONCE(pg->type_info)) != 1)
		return false;
	spin_lock(&d->pt_lock);
	is_l1 = pt_level_in_use(pg, d) == 1;
	if (is_l1) {
		harvest_link(d, pg);
		soften_table(d, pg, false);
	}
	spin_unlock(&d->pt_lock);
	return is_l1;
}

static int walk_begin(struct domain *d, struct harvest *h)
{
	int rc = h->walking ? 0 : pt_drain(d);

	if (!rc && !h->walking) {
		h->next = h->first;
		h->walking = true;
	}
	return rc;
}

/* False: that was the last one. */
static bool walk_step(struct domain *d, struct harvest *h)
{
	struct page_info *table;

	if (h->next == PAGE_LIST_END)
		return h->walking = false;
	table = linked(h->next);
	h->next = table->next_l1;
	soften_table(d, table, true);
	return true;
}

long harvest_walk(struct domain *d)
{
	struct harvest *h = logdirty_harvest(d);
	bool more;
	int rc;

	do {
		spin_lock(&d->pt_lock);
		rc = walk_begin(d, h);
		more = !rc && walk_step(d, h);
		spin_unlock(&d->pt_lock);
		if (more && hypercall_preempt_check())
			rc = -XEN_ERESTART;
	} while (!rc && more);
	return rc;
}
