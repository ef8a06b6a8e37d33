/* SPDX-License-Identifier: MIT */
/*
 * memory_op: how many frames a domain has and which, what the memory map looks like, and claims.
 *
 * Operations on lists go one extent at a time, and each extent is done or not; between two they may stop, with the
 * number of those done in the high bits of the command. XENMEM_exchange works in chunks: the smallest number of
 * extents that is a whole number on both sides. Within a chunk everything is checked and allocated before the first
 * frame changes hands.
 *
 * A claim is memory promised to a domain that it has not allocated yet: nobody else's populate may take it. It shrinks
 * by what the domain gets, and only by that. Claims are under claim_lock. What the hypervisor allocates for itself is
 * not kept from claimed memory.
 *
 * Not here: translated guests (add_to_physmap and the like are -EACCES), populate on demand, NUMA.
 */
#include <xl/grant_table.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/logdirty.h>
#include <xl/pt.h>
#include <xl/platform.h>
#include <public/memory.h>

#define MEMOP_CMD_MASK		((1UL << MEMOP_EXTENT_SHIFT) - 1)
#define MEMOP_EXTENT_SHIFT	6
#define ORDER_MAX		9	/* of an extent, 2 MiB: bounds the work between two looks at whether to stop */
#define E820_MAX		128

/* The domain an operation is about, referenced; else NULL and *rc. */
static struct domain *domain_for(domid_t_ id, long *rc)
{
	struct domain *d = domain_get(id);

	if (d && (d == current->domain || current->domain->privileged))
		return d;
	*rc = d ? -XEN_EPERM : -XEN_ESRCH;
	if (d)
		domain_put(d);
	return NULL;
}

/* --- claims -------------------------------------------------------------------------------------------- */

static DEFINE_SPINLOCK(claim_lock);
static unsigned long claims;		/* sum of all claimed_pages */
static unsigned long in_flight;		/* frames that allowed allocations have not taken yet */

unsigned long memory_claims_total(void)
{
	return claims;
}

static void claim_set(struct domain *d, unsigned long pages)
{
	claims = claims - d->claimed_pages + pages;
	d->claimed_pages = pages;
}

void memory_claim_release(struct domain *d)
{
	spin_lock(&claim_lock);
	claim_set(d, 0);
	spin_unlock(&claim_lock);
}

/* n free frames are there that nobody but d has been promised. Lock held. */
static bool unclaimed(const struct domain *d, unsigned long n)
{
	unsigned long promised = claims - d->claimed_pages + in_flight, free_pages = heap_free_pages();

	return promised <= free_pages && n <= free_pages - promised;
}

/* pages: what d shall have in all; 0 ends the claim. */
static long claim(struct domain *d, unsigned long pages)
{
	long rc = 0;

	spin_lock(&claim_lock);
	if (!pages)
		claim_set(d, 0);
	else if (d->dying != DOMDYING_alive || d->claimed_pages || pages <= d->tot_pages || pages > d->max_pages)
		rc = -XEN_EINVAL;
	else if (!unclaimed(d, pages - d->tot_pages))
		rc = -XEN_ENOMEM;
	else
		claim_set(d, pages - d->tot_pages);
	spin_unlock(&claim_lock);
	return rc;
}

/*
 * Before d takes n frames: do others' claims leave room? They count as in flight until claim_used(), so that nobody
 * else is allowed the same ones meanwhile. *own says how many came out of d's claim.
 */
static bool claim_use(struct domain *d, unsigned long n, unsigned long *own)
{
	bool ok;

	spin_lock(&claim_lock);
	ok = unclaimed(d, n);
	if (ok) {
		*own = min(n, d->claimed_pages);
		claim_set(d, d->claimed_pages - *own);
		in_flight += n;
	}
	spin_unlock(&claim_lock);
	return ok;
}

/* The frames have been taken, or could not be had and the claim stands as before. A dying domain has none. */
static void claim_used(struct domain *d, unsigned long n, unsigned long own, bool taken)
{
	spin_lock(&claim_lock);
	in_flight -= n;
	if (!taken && d->dying == DOMDYING_alive)
		claim_set(d, d->claimed_pages + own);
	spin_unlock(&claim_lock);
}

/* --- reservations -------------------------------------------------------------------------------------- */

struct extents {
	struct domain *d;
	xen_pfn_t *list;		/* guest pointer */
	unsigned long nr, done;
	unsigned int order, memflags;
	unsigned long claimed;		/* frames of this extent that were claimed */
};

static struct page_info *extent_alloc(struct extents *e)
{
	unsigned long n = 1UL << e->order;
	struct page_info *pg;

	/*
	 * page_assign() checks it again; here it saves frames from being taken for nothing, and TLB flushes for that.
	 */
	if (e->d->tot_pages + n > e->d->max_pages)
		return refuse(NULL, "d%u has %lu pages, limit %lu", e->d->id, (unsigned long)e->d->tot_pages,
			      (unsigned long)e->d->max_pages);
	if (!claim_use(e->d, n, &e->claimed))
		return NULL;
	pg = domain_alloc_pages(e->d, e->order, e->memflags);
	claim_used(e->d, n, e->claimed, pg);
	return pg;
}

/* Ours, and not a page of the hypervisor that is only shared with d. */
static bool frame_is_of(mfn_t m, const struct domain *d)
{
	return mfn_valid(m) && page_owner(mfn_to_page(m)) == d && !(mfn_to_page(m)->count_info & PGC_hv);
}

/* Others may still refer to it: then it goes when they let go. */
static bool frame_give_up(struct domain *d, mfn_t m)
{
	struct page_info *pg;

	if (!frame_is_of(m, d) || !page_get(mfn_to_page(m), d))
		return refuse(false, "mfn %#lx does not belong to d%u", mfn_x(m), d->id);
	pg = mfn_to_page(m);
	m2p_set(m, INVALID_M2P_ENTRY);
	page_put_allocated(pg);
	page_put(pg);
	return true;
}

/* All frames of an extent or, if one is not d's, none. */
static bool extent_give_up(struct extents *e, unsigned long m)
{
	for (unsigned long i = 0; i < 1UL << e->order; i++)
		if (!frame_is_of(_mfn(m + i), e->d))
			return refuse(false, "mfn %#lx does not belong to d%u", m + i, e->d->id);
	for (unsigned long i = 0; i < 1UL << e->order; i++)
		if (!frame_give_up(e->d, _mfn(m + i)))
			return false;
	return true;
}

/* A new extent that nobody could be told of. */
static void extent_undo(struct extents *e, unsigned long m)
{
	extent_give_up(e, m);
	claim_used(e->d, 0, e->claimed, false);
}

/* All of these: true when extent e->done has been done. */
static bool extent_increase(struct extents *e)
{
	struct page_info *pg = extent_alloc(e);
	xen_pfn_t m;

	if (!pg)
		return false;
	m = mfn_x(page_to_mfn(pg));
	if (!e->list || !copy_to_guest_offset(e->list, e->done, &m, 1))
		return true;
	extent_undo(e, m);
	return false;
}

static bool extent_populate(struct extents *e)
{
	struct page_info *pg;
	xen_pfn_t pfn, m;

	if (copy_from_guest_offset(&pfn, e->list, e->done, 1))
		return false;
	pg = extent_alloc(e);
	if (!pg)
		return false;
	m = mfn_x(page_to_mfn(pg));
	for (unsigned long i = 0; i < 1UL << e->order; i++) {
		m2p_set(_mfn(m + i), pfn + i);
		logdirty_mark(e->d, pg + i);
	}
	if (!copy_to_guest_offset(e->list, e->done, &m, 1))
		return true;
	extent_undo(e, m);
	return false;
}

static bool extent_decrease(struct extents *e)
{
	xen_pfn_t m;

	if (copy_from_guest_offset(&m, e->list, e->done, 1))
		return false;
	return extent_give_up(e, m);
}

/* Number of extents done in all, as the ABI wants it even for bad arguments. */
static long reservation(unsigned int cmd, unsigned long start, void *arg)
{
	bool (*one)(struct extents *) = cmd == XENMEM_populate_physmap ? extent_populate :
		cmd == XENMEM_increase_reservation ? extent_increase : extent_decrease;
	struct xen_memory_reservation r;
	struct extents e;
	long rc;

	if (copy_from_guest(&r, arg, 1) || r.nr_extents > ~0UL >> MEMOP_EXTENT_SHIFT || start > r.nr_extents)
		return start;
	if (r.extent_order > ORDER_MAX || (r.mem_flags & XENMEMF_populate_on_demand))
		return refuse((long)start, "order %u, flags %#x", r.extent_order, r.mem_flags);
	if (cmd != XENMEM_increase_reservation && !r.extent_start.p)
		return start;
	e = (struct extents){
		.d = domain_for(r.domid, &rc), .list = r.extent_start.p, .nr = r.nr_extents, .done = start,
		.order = r.extent_order, .memflags = MEMF_bits(XENMEMF_get_address_bits(r.mem_flags)),
	};
	if (!e.d)
		return start;
	for (; e.done < e.nr; e.done++) {
		if (e.done != start && hypercall_preempt_check()) {
			domain_put(e.d);
			return hypercall_continue(__HYPERVISOR_memory_op, 2, cmd | e.done << MEMOP_EXTENT_SHIFT,
						  (unsigned long)arg);
		}
		if (!one(&e))
			break;
	}
	domain_put(e.d);
	return e.done;
}

static long claim_pages(void *arg)
{
	struct xen_memory_reservation r;
	struct domain *d;
	long rc;

	if (copy_from_guest(&r, arg, 1))
		return -XEN_EFAULT;
	if (!current->domain->privileged)
		return -XEN_EPERM;
	if (r.extent_order || r.mem_flags || r.extent_start.p)
		return -XEN_EINVAL;
	d = domain_for(r.domid, &rc);
	if (!d)
		return rc;
	rc = claim(d, r.nr_extents);
	domain_put(d);
	return rc;
}

/* --- exchange ------------------------------------------------------------------------------------------ */

/* One chunk: n frames in, as `ins` extents, become n frames out, as `outs` extents. */
struct chunk {
	struct domain *d;
	unsigned int order;		/* the larger one: n = 2^order */
	unsigned int in_order, out_order, bits;
	unsigned long n, ins, outs;
	u32 *old;			/* the n frames given */
	struct page_info **new;		/* `outs` blocks */
	xen_pfn_t *pfn;			/* `outs`: where they go */
};

static void chunk_free(struct chunk *c)
{
	hv_free(c->old);
	hv_free(c->new);
	hv_free(c->pfn);
}

static int chunk_init(struct chunk *c, struct domain *d, const struct xen_memory_exchange *x)
{
	*c = (struct chunk){
		.d = d, .in_order = x->in.extent_order, .out_order = x->out.extent_order,
		.bits = XENMEMF_get_address_bits(x->out.mem_flags),
	};
	c->order = max(c->in_order, c->out_order);
	c->n = 1UL << c->order;
	c->ins = c->n >> c->in_order;
	c->outs = c->n >> c->out_order;
	c->old = hv_alloc(c->n * sizeof(*c->old));
	c->new = hv_alloc(c->outs * sizeof(*c->new));
	c->pfn = hv_alloc(c->outs * sizeof(*c->pfn));
	if (c->old && c->new && c->pfn)
		return 0;
	chunk_free(c);
	return -XEN_ENOMEM;
}

/* Reads the lists of chunk number i once. */
static int chunk_read(struct chunk *c, const struct xen_memory_exchange *x, unsigned long i)
{
	unsigned long k, j, at = 0;
	xen_pfn_t m;

	for (k = 0; k < c->ins; k++) {
		if (copy_from_guest_offset(&m, x->in.extent_start.p, i * c->ins + k, 1))
			return -XEN_EFAULT;
		for (j = 0; j < 1UL << c->in_order; j++) {
			if (m + j < m || !frame_is_of(_mfn(m + j), c->d))
				return refuse(-XEN_EINVAL, "mfn %#lx does not belong to d%u", m + j, c->d->id);
			c->old[at++] = m + j;
		}
	}
	if (raw_copy_from_guest(c->pfn, x->out.extent_start.p + i * c->outs, c->outs * sizeof(*c->pfn)))
		return -XEN_EFAULT;
	return 0;
}

/* The frames given are already what is wanted: in one piece per extent, aligned, low enough. */
static bool chunk_fits(const struct chunk *c)
{
	unsigned long mask = (1UL << c->out_order) - 1;

	for (unsigned long i = 0; i < c->n; i++) {
		if (c->bits && c->bits < 64 && ((u64)c->old[i] << PAGE_SHIFT) >> c->bits)
			return false;
		if (!(i & mask) ? c->old[i] & mask : c->old[i] != c->old[i - 1] + 1)
			return false;
	}
	return true;
}

static int chunk_tell(const struct chunk *c, const struct xen_memory_exchange *x, unsigned long i, unsigned long k,
		      xen_pfn_t m)
{
	for (unsigned long j = 0; j < 1UL << c->out_order; j++) {
		m2p_set(_mfn(m + j), c->pfn[k] + j);
		logdirty_mark(c->d, mfn_to_page(_mfn(m + j)));
	}
	return copy_to_guest_offset(x->out.extent_start.p, i * c->outs + k, &m, 1) ? -XEN_EFAULT : 0;
}

/*
 * Hands the same frames back. They stay allocated, so nothing but the M2P changes; the reference keeps the owner from
 * changing.
 */
static int chunk_return(struct chunk *c, const struct xen_memory_exchange *x, unsigned long i)
{
	int rc = 0;

	for (unsigned long k = 0; !rc && k < c->outs; k++) {
		struct page_info *pg = frame_table + c->old[k << c->out_order];

		if (!page_get(pg, c->d))
			return -XEN_EINVAL;
		rc = chunk_tell(c, x, i, k, c->old[k << c->out_order]);
		page_put(pg);
	}
	return rc;
}

static void new_free(struct chunk *c)
{
	for (unsigned long k = 0; k < c->outs; k++)
		if (c->new[k])
			heap_free_block(c->new[k], c->out_order);
}

static int new_alloc(struct chunk *c)
{
	memset(c->new, 0, c->outs * sizeof(*c->new));
	for (unsigned long k = 0; k < c->outs; k++) {
		c->new[k] = heap_alloc_block(c->out_order, MEMF_bits(c->bits));
		if (!c->new[k]) {
			new_free(c);
			return -XEN_ENOMEM;
		}
	}
	return 0;
}

/* All or none: what has been taken before a failure goes back. */
static int old_steal(struct chunk *c)
{
	int rc = 0;
	unsigned long i;

	for (i = 0; i < c->n; i++) {
		rc = page_steal(c->d, frame_table + c->old[i]);
		if (rc)
			break;
	}
	if (!rc)
		return 0;
	refuse(0, "mfn %#x is in use elsewhere", c->old[i]);
	while (i-- > 0)
		if (page_assign(frame_table + c->old[i], 0, c->d))
			heap_free_block(frame_table + c->old[i], 0);
	return rc;
}

static int chunk_replace(struct chunk *c, const struct xen_memory_exchange *x, unsigned long i)
{
	unsigned long k;
	int rc = new_alloc(c);

	if (rc)
		return rc;
	rc = old_steal(c);
	if (rc) {
		new_free(c);
		return rc;
	}
	for (k = 0; k < c->n; k++) {
		m2p_set(_mfn(c->old[k]), INVALID_M2P_ENTRY);
		heap_free_block(frame_table + c->old[k], 0);
	}
	for (k = 0; k < c->outs; k++) {
		int err = page_assign(c->new[k], c->out_order, c->d);

		if (err)
			heap_free_block(c->new[k], c->out_order);
		else
			err = chunk_tell(c, x, i, k, mfn_x(page_to_mfn(c->new[k])));
		rc = rc ? rc : err;
	}
	return rc;
}

static int exchange_check(const struct xen_memory_exchange *x)
{
	if (x->in.extent_order > ORDER_MAX || x->out.extent_order > ORDER_MAX)
		return refuse(-XEN_EPERM, "orders %u and %u: %u at most", x->in.extent_order, x->out.extent_order,
			      ORDER_MAX);
	if (x->nr_exchanged > x->in.nr_extents || x->in.nr_extents > ~0UL >> (x->in.extent_order + PAGE_SHIFT) ||
	    x->out.nr_extents > ~0UL >> (x->out.extent_order + PAGE_SHIFT))
		return -XEN_EINVAL;
	if (x->in.domid != x->out.domid ||
	    x->in.nr_extents << x->in.extent_order != x->out.nr_extents << x->out.extent_order)
		return refuse(-XEN_EINVAL, "%lu extents of order %u for %lu of order %u", x->in.nr_extents,
			      x->in.extent_order, x->out.nr_extents, x->out.extent_order);
	return 0;
}

static long exchange(void *arg)
{
	struct xen_memory_exchange *to = arg, x;
	unsigned long i, start, chunks;
	struct domain *d;
	struct chunk c;
	long rc;

	if (copy_from_guest(&x, to, 1))
		return -XEN_EFAULT;
	rc = exchange_check(&x);
	if (rc)
		return rc;
	d = domain_for(x.in.domid, &rc);
	if (!d)
		return rc;
	rc = chunk_init(&c, d, &x);
	if (rc)
		goto out;
	start = i = x.nr_exchanged / c.ins;
	chunks = x.in.nr_extents / c.ins;
	for (; !rc && i < chunks; i++) {
		if (i != start && hypercall_preempt_check()) {
			rc = -XEN_ERESTART;
			break;
		}
		rc = chunk_read(&c, &x, i);
		if (!rc)
			rc = chunk_fits(&c) ? chunk_return(&c, &x, i) : chunk_replace(&c, &x, i);
		if (rc)
			break;
	}
	chunk_free(&c);
	x.nr_exchanged = i * c.ins;
	if (raw_copy_to_guest(&to->nr_exchanged, &x.nr_exchanged, sizeof(x.nr_exchanged)))
		rc = -XEN_EFAULT;
out:
	domain_put(d);
	return rc == -XEN_ERESTART ?
		hypercall_continue(__HYPERVISOR_memory_op, 2, (unsigned long)XENMEM_exchange, (unsigned long)arg) : rc;
}

/* --- memory maps --------------------------------------------------------------------------------------- */

static long set_memory_map(void *arg)
{
	struct xen_foreign_memory_map m;
	struct domain *d;
	void *e820, *old;
	long rc;

	if (copy_from_guest(&m, arg, 1))
		return -XEN_EFAULT;
	if (m.map.nr_entries > E820_MAX)
		return refuse(-XEN_EINVAL, "%u entries: %u at most", m.map.nr_entries, E820_MAX);
	d = domain_for(m.domid, &rc);
	if (!d)
		return rc;
	rc = -XEN_ENOMEM;
	e820 = hv_alloc((m.map.nr_entries + 1) * sizeof(struct xen_e820_entry));
	old = e820;
	if (!e820)
		goto out;
	rc = -XEN_EFAULT;
	if (raw_copy_from_guest(e820, m.map.buffer.p, m.map.nr_entries * sizeof(struct xen_e820_entry)))
		goto out;
	spin_lock(&d->lock);
	old = d->e820;
	d->e820 = e820;
	d->nr_e820 = m.map.nr_entries;
	spin_unlock(&d->lock);
	rc = 0;
out:
	hv_free(old);
	domain_put(d);
	return rc;
}

static long memory_map(void *arg)
{
	struct domain *d = current->domain;
	struct xen_memory_map m;
	long rc = 0;

	if (!d->nr_e820)
		return -XEN_ENOSYS;
	if (copy_from_guest(&m, arg, 1))
		return -XEN_EFAULT;
	spin_lock(&d->lock);
	m.nr_entries = min(m.nr_entries, d->nr_e820);
	if (raw_copy_to_guest(m.buffer.p, d->e820, m.nr_entries * sizeof(struct xen_e820_entry)))
		rc = -XEN_EFAULT;
	spin_unlock(&d->lock);
	if (!rc && copy_to_guest(arg, &m, 1))
		rc = -XEN_EFAULT;
	return rc;
}

static long machine_memory_map(void *arg)
{
	struct xen_memory_map m;

	if (!current->domain->privileged)
		return -XEN_EPERM;
	if (copy_from_guest(&m, arg, 1))
		return -XEN_EFAULT;
	m.nr_entries = min(m.nr_entries, boot_info.nr_e820);
	for (unsigned int i = 0; i < m.nr_entries; i++) {
		struct xen_e820_entry e = {
			.addr = boot_info.e820[i].addr, .size = boot_info.e820[i].size, .type = boot_info.e820[i].type,
		};

		if (copy_to_guest_offset(m.buffer.p, i, &e, 1))
			return -XEN_EFAULT;
	}
	return copy_to_guest(arg, &m, 1) ? -XEN_EFAULT : 0;
}

/* --- machine-to-physical table ------------------------------------------------------------------------- */

/* First frame of the 2 MiB of the table at va, or INVALID_MFN for a hole. */
static mfn_t m2p_chunk(unsigned long va)
{
	u64 e = hv_l4[pt_index(va, 4)];

	for (unsigned int level = 3; level >= 2; level--) {
		if (!(e & PTE_P))
			return INVALID_MFN;
		e = ((u64 *)mfn_to_virt(pte_mfn(e)))[pt_index(va, level)];
	}
	return e & PTE_P ? pte_mfn(e) : INVALID_MFN;
}

/* Tools may map it read-only, as frames of DOMID_XEN. */
static void m2p_share(mfn_t first)
{
	if (mfn_to_page(first)->owner == DOMID_XEN)
		return;
	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		page_share_with(mfn_to_virt(mfn_add(first, i)), dom_xen, false);
}

static long machphys_mfn_list(void *arg)
{
	unsigned long va = M2P_RW_VIRT, end = va + max_page * sizeof(unsigned long);
	struct xen_machphys_mfn_list l;
	xen_pfn_t last = 0;

	if (!current->domain->privileged)
		return -XEN_EPERM;
	if (copy_from_guest(&l, arg, 1))
		return -XEN_EFAULT;
	for (l.nr_extents = 0; l.nr_extents < l.max_extents && va < end; l.nr_extents++, va += 1UL << 21) {
		mfn_t m = m2p_chunk(va);

		if (!mfn_eq(m, INVALID_MFN)) {
			m2p_share(m);
			last = mfn_x(m);
		}
		if (copy_to_guest_offset(l.extent_start.p, l.nr_extents, &last, 1))	/* a hole: anything mappable */
			return -XEN_EFAULT;
	}
	return copy_to_guest(arg, &l, 1) ? -XEN_EFAULT : 0;
}

static long machphys_mapping(void *arg)
{
	struct xen_machphys_mapping m = {
		.v_start = MACH2PHYS_VIRT_START, .v_end = MACH2PHYS_VIRT_END, .max_mfn = max_page - 1,
	};

	return copy_to_guest(arg, &m, 1) ? -XEN_EFAULT : 0;
}

/* --- questions about a domain -------------------------------------------------------------------------- */

static long about_domain(unsigned int cmd, void *arg)
{
	struct xen_memory_domain q;
	struct domain *d;
	long rc;

	if (copy_from_guest(&q, arg, 1))
		return -XEN_EFAULT;
	d = domain_for(q.domid, &rc);
	if (!d)
		return rc;
	switch (cmd) {
	case XENMEM_current_reservation:
		rc = d->tot_pages;
		break;
	case XENMEM_maximum_reservation:
		rc = d->max_pages;
		break;
	default:		/* what the guest says; 0 before it has said anything */
		rc = ACCESS_ONCE(d->shared_info->arch.max_pfn) & ~0UL >> 1;
		rc -= rc > 0;
	}
	domain_put(d);
	return rc;
}

/* --- resources ----------------------------------------------------------------------------------------- */

static long grant_frames(struct domain *d, struct xen_mem_acquire_resource *r, void *arg)
{
	struct xen_mem_acquire_resource *to = arg;
	int rc;

	if (r->id != XENMEM_resource_grant_table_id_shared)
		return refuse(-XEN_EINVAL, "grant table version 1 has no status frames");
	if (!r->nr_frames) {
		r->nr_frames = grant_table_max_frames(d);
		return r->frame_list.p ? -XEN_EINVAL :
			raw_copy_to_guest(&to->nr_frames, &r->nr_frames, sizeof(r->nr_frames)) ? -XEN_EFAULT : 0;
	}
	if (r->frame >= grant_table_max_frames(d) || r->nr_frames > grant_table_max_frames(d) - r->frame)
		return refuse(-XEN_EINVAL, "grant frames %lu to %lu, limit %u", r->frame, r->frame + r->nr_frames,
			      grant_table_max_frames(d));
	rc = grant_table_grow(d, r->frame + r->nr_frames);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < r->nr_frames; i++) {
		xen_pfn_t m = mfn_x(grant_table_frame(d, r->frame + i));

		if (copy_to_guest_offset(r->frame_list.p, i, &m, 1))
			return -XEN_EFAULT;
	}
	return 0;
}

static long acquire_resource(void *arg)
{
	struct xen_mem_acquire_resource r;
	struct domain *d;
	long rc;

	if (copy_from_guest(&r, arg, 1))
		return -XEN_EFAULT;
	if (r.pad)
		return -XEN_EINVAL;
	if (!current->domain->privileged)
		return -XEN_EPERM;
	d = domain_for(r.domid, &rc);
	if (!d)
		return rc;
	rc = r.type == XENMEM_resource_grant_table ? grant_frames(d, &r, arg) : -XEN_EOPNOTSUPP;
	domain_put(d);
	return rc == -XEN_ERESTART ?
		hypercall_continue(__HYPERVISOR_memory_op, 2, (unsigned long)XENMEM_acquire_resource, arg) : rc;
}

/* --- the hypercall ------------------------------------------------------------------------------------- */

long do_memory_op(unsigned long cmd, void *arg)
{
	unsigned long start = cmd >> MEMOP_EXTENT_SHIFT;
	unsigned int op = cmd & MEMOP_CMD_MASK;

	if (start && op != XENMEM_increase_reservation && op != XENMEM_decrease_reservation &&
	    op != XENMEM_populate_physmap)
		return -XEN_ENOSYS;
	switch (op) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:		return reservation(op, start, arg);
	case XENMEM_exchange:			return exchange(arg);
	case XENMEM_claim_pages:		return claim_pages(arg);
	case XENMEM_maximum_ram_page:		return max_page - 1;
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
	case XENMEM_maximum_gpfn:		return about_domain(op, arg);
	case XENMEM_machphys_mfn_list:		return machphys_mfn_list(arg);
	case XENMEM_machphys_mapping:		return machphys_mapping(arg);
	case XENMEM_memory_map:			return memory_map(arg);
	case XENMEM_machine_memory_map:		return machine_memory_map(arg);
	case XENMEM_set_memory_map:		return set_memory_map(arg);
	case XENMEM_acquire_resource:		return acquire_resource(arg);
	case XENMEM_add_to_physmap:
	case XENMEM_add_to_physmap_batch:
	case XENMEM_remove_from_physmap:	return -XEN_EACCES;
	case XENMEM_get_vnumainfo:		return -XEN_EOPNOTSUPP;
	default:				return -XEN_ENOSYS;
	}
}
