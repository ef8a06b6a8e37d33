/* SPDX-License-Identifier: MIT */
/*
 * Who owns a frame: assigning, releasing, stealing, sharing, and giving all of a domain's memory back.
 *
 * A domain's frames hang on one of its two page lists, by index: page_list, and limbo_list for those that it has given
 * up in its death but that others still refer to. d->page_lock covers both lists and the counts. A domain that owns a
 * frame cannot be freed: the first frame takes a reference to it, the last gives it back.
 */
#include <xl/pt.h>
#include <xl/hypercall.h>

__hot struct domain *page_owner(const struct page_info *pg)
{
	u16 id = ACCESS_ONCE(pg->owner);

	if (id < DOMID_TABLE_SIZE)
		return domain_table[id];
	return id == DOMID_XEN ? dom_xen : id == DOMID_IO ? dom_io : NULL;
}

static u32 *list_head_of(struct domain *d, const struct page_info *pg)
{
	return pg->in_limbo ? &d->limbo_list : &d->page_list;
}

static void list_push(struct domain *d, struct page_info *pg)
{
	u32 *head = list_head_of(d, pg);

	pg->prev = PAGE_LIST_END;
	pg->next = *head;
	*head = pg - frame_table;
	if (pg->next != PAGE_LIST_END)
		frame_table[pg->next].prev = *head;
}

static void list_unlink(struct domain *d, struct page_info *pg)
{
	if (pg->prev != PAGE_LIST_END)
		frame_table[pg->prev].next = pg->next;
	else
		*list_head_of(d, pg) = pg->next;
	if (pg->next != PAGE_LIST_END)
		frame_table[pg->next].prev = pg->prev;
	pg->prev = pg->next = PAGE_LIST_END;
}

int page_assign(struct page_info *pg, unsigned int order, struct domain *d)
{
	unsigned long n = 1UL << order;
	bool first;

	spin_lock(&d->page_lock);
	if (d->dying != DOMDYING_alive || d->tot_pages + n > d->max_pages) {
		int rc = d->dying != DOMDYING_alive ? -XEN_EINVAL : -XEN_E2BIG;

		spin_unlock(&d->page_lock);
		return refuse(rc, "d%u: %lu frames on top of %lu, limit %lu", d->id, n, d->tot_pages, d->max_pages);
	}
	first = !d->tot_pages;
	d->tot_pages += n;
	for (unsigned long i = 0; i < n; i++) {
		pg[i].owner = d->id;
		pg[i].in_limbo = false;
		pg[i].foreign_writers = 0;
		list_push(d, pg + i);
		smp_wmb();
		pg[i].count_info = PGC_ram | PGC_allocated | 1;
	}
	spin_unlock(&d->page_lock);
	if (first)
		domain_hold(d);
	return 0;
}

/* Takes the frame out of d's list and accounts. */
static void disown(struct domain *d, struct page_info *pg)
{
	bool last;

	spin_lock(&d->page_lock);
	list_unlink(d, pg);
	last = !--d->tot_pages;
	pg->owner = PAGE_UNOWNED;
	spin_unlock(&d->page_lock);
	if (last)
		domain_put(d);
}

void page_release(struct page_info *pg)
{
	struct domain *d = page_owner(pg);

	if (pg->count_info & PGC_hv) {
		heap_free_block(pg, 0);
		return;
	}
	BUG_ON(!d || (pg->count_info & PGC_allocated) || (pg->type_info & PGT_count_mask));
	disown(d, pg);
	heap_free_block(pg, 0);
}

void page_put_allocated(struct page_info *pg)
{
	if (__atomic_fetch_and(&pg->count_info, ~PGC_allocated, __ATOMIC_SEQ_CST) & PGC_allocated)
		page_put(pg);
}

/*
 * On success nobody refers to the frame any more: count_info is that of an unowned frame, ready for page_assign() or
 * heap_free_block().
 */
int page_steal(struct domain *d, struct page_info *pg)
{
	u32 alone = PGC_ram | PGC_allocated | 1;

	if (page_owner(pg) != d)
		return -XEN_EINVAL;
	/* One compare-exchange decides: owned, and held by nothing but its allocation. */
	if (cmpxchg(&pg->count_info, alone, PGC_ram) != alone)
		return -XEN_EBUSY;
	BUG_ON(pg->type_info & PGT_count_mask);
	tlb_flush_since(pg->tlb_stamp);
	pg->type_info = PGT_none;
	disown(d, pg);
	return 0;
}

void page_share_with(void *v, struct domain *d, bool writable)
{
	struct page_info *pg = virt_to_page(v);

	/* The type reference that is never dropped keeps the frame what it is. */
	pg->type_info = (writable ? PGT_writable : PGT_none) | PGT_validated | 1;
	smp_wmb();
	pg->owner = d->id;
}

void hv_free_pages(void *v, unsigned int order)
{
	struct page_info *pg;

	if (!v)
		return;
	pg = virt_to_page(v);
	for (unsigned long i = 0; i < 1UL << order; i++) {
		pg[i].owner = PAGE_UNOWNED;
		page_put(pg + i);	/* somebody may still have a shared page mapped; the last one frees it */
	}
}

/* --- the end of a domain -------------------------------------------------------------------------------------- */

static void unpin(struct page_info *pg)
{
	if (__atomic_fetch_and(&pg->type_info, ~PGT_pinned, __ATOMIC_SEQ_CST) & PGT_pinned)
		page_put_with_type(pg);
}

static int relinquish_page(struct domain *d, struct page_info *pg)
{
	int rc;

	if (!page_get(pg, d))
		return 0;
	spin_lock(&d->pt_lock);
	unpin(pg);
	page_settle_partial(pg);
	rc = pt_drain(d);
	spin_unlock(&d->pt_lock);
	if (!rc) {
		spin_lock(&d->page_lock);
		list_unlink(d, pg);
		pg->in_limbo = true;
		list_push(d, pg);
		spin_unlock(&d->page_lock);
		page_put_allocated(pg);
	}
	page_put(pg);
	return rc;
}

int domain_relinquish_memory(struct domain *d)
{
	while (d->page_list != PAGE_LIST_END) {
		int rc = relinquish_page(d, frame_table + d->page_list);

		if (rc)
			return rc;
		if (hypercall_preempt_check())
			return -XEN_ERESTART;
	}
	return 0;
}
