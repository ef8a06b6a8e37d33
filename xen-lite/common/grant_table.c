/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1: one domain lets another map or copy a page.
 *
 * A granting domain writes entries into pages shared with us. While somebody uses an entry, its active entry counts
 * the users (pins) and remembers domain and frame as they were read once, and GTF_reading/GTF_writing in the shared
 * entry tell the granting domain that it must not take the page back. A user that maps gets a handle into its own
 * maptrack.
 *
 * Invariant: for each pin there is one reference to the frame, and for each writing pin one writable type. So a granted
 * frame cannot become a page table, and it outlives its domain until the last map goes. GTF_writing is set while there
 * is a writing pin, GTF_reading while there is any. Page-table entries hold references of their own (xl/pt.h).
 *
 * Locks: grant.lock of the granting domain for active entries and growth; maptrack_lock of the mapping domain for
 * handles. Never both at once, and neither is held while page tables are changed.
 *
 * Not here: version 2, transfer, cache flush: -ENOSYS.
 */
#include <xl/grant_table.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/logdirty.h>
#include <xl/mm.h>
#include <xl/pt.h>
#include <public/grant_table.h>

#define ENTRIES_PER_FRAME	(PAGE_SIZE / sizeof(struct grant_entry_v1))
#define TRACKS_PER_FRAME	(PAGE_SIZE / sizeof(struct maptrack))
#define FRAMES_LIMIT		1024
#define TRACK_FRAMES_LIMIT	8192
#define UNMAP_BATCH		32	/* unmaps between two TLB flushes */
#define NO_HANDLE		(~0U)

/* How an entry is used just now. */
struct active {
	u32 readers, writers;		/* pins */
	mfn_t frame;			/* these two are only valid while there are pins */
	domid_t_ domid;
};

/* One mapping. */
struct maptrack {
	u32 ref;
	u32 next;			/* free: next free handle */
	u16 flags;			/* GNTMAP_* in force; 0: free */
	domid_t_ domid;			/* who granted it */
	bool busy;			/* an unmap is on its way */
};

struct grant_table {
	spinlock_t lock;
	unsigned int nr_frames, max_frames;
	struct grant_entry_v1 **shared;	/* max_frames slots */
	struct active **active;

	spinlock_t maptrack_lock;
	unsigned int nr_tracks, max_track_frames;	/* handles that exist; limit in pages */
	struct maptrack **track;
	u32 free_track;
	u32 release_next;		/* relinquish: first handle not yet looked at */
};

/* --- the table itself ---------------------------------------------------------------------------------- */

static bool table_grow(struct domain *d, struct grant_table *gt)
{
	unsigned int n = gt->nr_frames;
	struct active *act;
	void *page;

	if (n >= gt->max_frames)
		return false;
	page = hv_alloc_page();
	act = hv_alloc(ENTRIES_PER_FRAME * sizeof(*act));
	if (!page || !act) {
		hv_free_page(page);
		hv_free(act);
		return false;
	}
	page_share_with(page, d, true);
	gt->shared[n] = page;
	gt->active[n] = act;
	smp_wmb();
	gt->nr_frames = n + 1;
	return true;
}

int grant_table_init(struct domain *d, int max_frames, int max_track_frames)
{
	struct grant_table *gt;

	if (max_frames < 0)
		max_frames = GRANT_FRAMES_DEFAULT;
	if (max_track_frames < 0)
		max_track_frames = MAPTRACK_FRAMES_DEFAULT;
	if (!max_frames || max_frames > FRAMES_LIMIT || max_track_frames > TRACK_FRAMES_LIMIT)
		return refuse(-XEN_EINVAL, "%d grant and %d maptrack frames: 1 to %u and 0 to %u are possible",
			      max_frames, max_track_frames, FRAMES_LIMIT, TRACK_FRAMES_LIMIT);
	gt = hv_alloc(sizeof(*gt));
	if (!gt)
		return -XEN_ENOMEM;
	d->grant_table = gt;
	spin_lock_init(&gt->lock);
	spin_lock_init(&gt->maptrack_lock);
	gt->max_frames = max_frames;
	gt->max_track_frames = max_track_frames;
	gt->free_track = NO_HANDLE;
	gt->shared = hv_alloc(max_frames * sizeof(*gt->shared));
	gt->active = hv_alloc(max_frames * sizeof(*gt->active));
	gt->track = hv_alloc(max_t(size_t, max_track_frames, 1) * sizeof(*gt->track));
	if (!gt->shared || !gt->active || !gt->track || !table_grow(d, gt))
		return -XEN_ENOMEM;	/* grant_table_free() clears up */
	return 0;
}

void grant_table_free(struct domain *d)
{
	struct grant_table *gt = d->grant_table;

	if (!gt)
		return;
	for (unsigned int i = 0; i < gt->nr_frames; i++) {
		hv_free_page(gt->shared[i]);
		hv_free(gt->active[i]);
	}
	for (unsigned int i = 0; i < gt->nr_tracks / TRACKS_PER_FRAME; i++)
		hv_free(gt->track[i]);
	hv_free(gt->shared);
	hv_free(gt->active);
	hv_free(gt->track);
	hv_free(gt);
	d->grant_table = NULL;
}

int grant_table_grow(struct domain *d, unsigned int nr)
{
	struct grant_table *gt = d->grant_table;
	bool ok = true;

	while (ok && ACCESS_ONCE(gt->nr_frames) < nr) {
		spin_lock(&gt->lock);
		ok = gt->nr_frames >= nr || (d->dying == DOMDYING_alive && table_grow(d, gt));
		spin_unlock(&gt->lock);
		if (hypercall_preempt_check() && ok && ACCESS_ONCE(gt->nr_frames) < nr)
			return -XEN_ERESTART;
	}
	return ok ? 0 : -XEN_ENOMEM;
}

mfn_t grant_table_frame(struct domain *d, unsigned int nr)
{
	struct grant_table *gt = d->grant_table;
	mfn_t m = INVALID_MFN;

	spin_lock(&gt->lock);
	if (nr < gt->nr_frames)
		m = virt_to_mfn(gt->shared[nr]);
	spin_unlock(&gt->lock);
	return m;
}

unsigned int grant_table_max_frames(struct domain *d)
{
	return d->grant_table->max_frames;
}

static struct grant_entry_v1 *shared_entry(struct grant_table *gt, u32 ref)
{
	return &gt->shared[ref / ENTRIES_PER_FRAME][ref % ENTRIES_PER_FRAME];
}

static struct active *active_entry(struct grant_table *gt, u32 ref)
{
	return &gt->active[ref / ENTRIES_PER_FRAME][ref % ENTRIES_PER_FRAME];
}

static bool ref_valid(const struct grant_table *gt, u32 ref)
{
	return ref < gt->nr_frames * ENTRIES_PER_FRAME;
}

/* --- pins ---------------------------------------------------------------------------------------------- */

union entry_head {
	struct {
		u16 flags;
		domid_t_ domid;
	};
	u32 word;
};

/*
 * Marks the shared entry as in use, if it grants what is asked for. Flags and domain are read and changed as one word,
 * so the guest cannot change one between our look at the other. A guest that keeps changing it gets told to try again.
 */
static int entry_mark(struct grant_entry_v1 *e, domid_t_ who, bool write)
{
	u32 *word = (u32 *)e;
	union entry_head old, new;

	for (int tries = 0; tries < 5; tries++) {
		old.word = ACCESS_ONCE(*word);
		if ((old.flags & GTF_type_mask) != GTF_permit_access || old.domid != who)
			return GNTST_general_error;
		if (write && (old.flags & GTF_readonly))
			return GNTST_general_error;
		new = old;
		new.flags |= GTF_reading | (write ? GTF_writing : 0);
		if (cmpxchg(word, old.word, new.word) == old.word)
			return GNTST_okay;
	}
	return GNTST_eagain;
}

static void entry_clear(struct grant_entry_v1 *e, u16 bits)
{
	__atomic_fetch_and(&e->flags, ~bits, __ATOMIC_SEQ_CST);
}

/*
 * Reference and, for writing, type of the frame of a pin: GNTST_*. Only frames that rd owns: those keep rd itself in
 * being, which a page of ours that is shared with it does not.
 */
static int frame_get(mfn_t m, struct domain *rd, bool write)
{
	if (!mfn_valid(m) || (mfn_to_page(m)->count_info & PGC_hv) || !page_get(mfn_to_page(m), rd))
		return GNTST_bad_page;
	if (!write)
		return GNTST_okay;
	if (page_get_type(mfn_to_page(m), PGT_writable)) {
		page_put(mfn_to_page(m));
		return GNTST_general_error;
	}
	logdirty_foreign_writer(mfn_to_page(m), true);
	return GNTST_okay;
}

static void frame_put(mfn_t m, bool write)
{
	if (!write) {
		page_put(mfn_to_page(m));
		return;
	}
	logdirty_foreign_writer(mfn_to_page(m), false);
	page_put_with_type(mfn_to_page(m));
}

static void entry_settle(struct grant_table *gt, u32 ref, const struct active *act)
{
	if (!act->writers)
		entry_clear(shared_entry(gt, ref), GTF_writing | (act->readers ? 0 : GTF_reading));
}

/* One more user of (rd, ref): `who`. GNTST_*; on success *frame is what to use. */
static int pin(struct domain *rd, u32 ref, domid_t_ who, bool write, mfn_t *frame)
{
	struct grant_table *gt = rd->grant_table;
	struct active *act;
	int rc = GNTST_bad_gntref;
	bool unused;

	spin_lock(&gt->lock);
	if (!ref_valid(gt, ref))
		goto out;
	act = active_entry(gt, ref);
	unused = !act->readers && !act->writers;
	if (unused || act->domid != who || (write && !act->writers)) {
		rc = !unused && act->domid != who ? GNTST_general_error : entry_mark(shared_entry(gt, ref), who, write);
		if (rc)
			goto out;
	}
	if (unused) {
		act->frame = _mfn(ACCESS_ONCE(shared_entry(gt, ref)->frame));
		act->domid = who;
	}
	rc = frame_get(act->frame, rd, write);
	if (rc) {
		entry_settle(gt, ref, act);
		goto out;
	}
	*(write ? &act->writers : &act->readers) += 1;
	*frame = act->frame;
out:
	spin_unlock(&gt->lock);
	return rc;
}

static void unpin(struct domain *rd, u32 ref, bool write)
{
	struct grant_table *gt = rd->grant_table;
	struct active *act;
	mfn_t frame;

	spin_lock(&gt->lock);
	act = active_entry(gt, ref);
	frame = act->frame;
	*(write ? &act->writers : &act->readers) -= 1;
	entry_settle(gt, ref, act);
	spin_unlock(&gt->lock);
	frame_put(frame, write);
}

/* --- handles ------------------------------------------------------------------------------------------- */

static struct maptrack *track_entry(struct grant_table *gt, u32 handle)
{
	return handle < gt->nr_tracks ? &gt->track[handle / TRACKS_PER_FRAME][handle % TRACKS_PER_FRAME] : NULL;
}

static void track_push(struct grant_table *gt, u32 handle)
{
	struct maptrack *t = track_entry(gt, handle);

	t->flags = 0;
	t->busy = false;
	t->next = gt->free_track;
	gt->free_track = handle;
}

static bool track_grow(struct grant_table *gt)
{
	unsigned int n = gt->nr_tracks / TRACKS_PER_FRAME;
	struct maptrack *page;

	if (n >= gt->max_track_frames)
		return false;
	page = hv_alloc(PAGE_SIZE);
	if (!page)
		return false;
	gt->track[n] = page;
	gt->nr_tracks += TRACKS_PER_FRAME;
	for (u32 i = TRACKS_PER_FRAME; i-- > 0; )
		track_push(gt, n * TRACKS_PER_FRAME + i);
	return true;
}

static u32 handle_alloc(struct grant_table *gt)
{
	u32 handle;

	spin_lock(&gt->maptrack_lock);
	handle = gt->free_track != NO_HANDLE || track_grow(gt) ? gt->free_track : NO_HANDLE;
	if (handle != NO_HANDLE)
		gt->free_track = track_entry(gt, handle)->next;
	spin_unlock(&gt->maptrack_lock);
	return handle;
}

static void handle_free(struct grant_table *gt, u32 handle)
{
	spin_lock(&gt->maptrack_lock);
	track_push(gt, handle);
	spin_unlock(&gt->maptrack_lock);
}

/* Makes a handle that handle_alloc() gave usable. */
static void handle_publish(struct grant_table *gt, u32 handle, u16 flags, domid_t_ domid, u32 ref)
{
	struct maptrack *t = track_entry(gt, handle);

	spin_lock(&gt->maptrack_lock);
	t->ref = ref;
	t->domid = domid;
	t->flags = flags;
	spin_unlock(&gt->maptrack_lock);
}

/* Takes a handle for unmapping: nobody else can until handle_done(). */
static bool handle_take(struct grant_table *gt, u32 handle, struct maptrack *copy)
{
	struct maptrack *t;
	bool ok;

	spin_lock(&gt->maptrack_lock);
	t = track_entry(gt, handle);
	ok = t && t->flags && !t->busy;
	if (ok) {
		t->busy = true;
		*copy = *t;
	}
	spin_unlock(&gt->maptrack_lock);
	return ok;
}

static void handle_done(struct grant_table *gt, u32 handle, u16 flags_left)
{
	struct maptrack *t = track_entry(gt, handle);

	spin_lock(&gt->maptrack_lock);
	t->busy = false;
	t->flags = flags_left;
	if (!(flags_left & (GNTMAP_host_map | GNTMAP_device_map)))
		track_push(gt, handle);
	spin_unlock(&gt->maptrack_lock);
}

/* --- map ----------------------------------------------------------------------------------------------- */

static u64 pte_flags(u32 flags)
{
	u64 pte = PTE_P | PTE_A | PTE_D | PTE_NX;

	if (!(flags & GNTMAP_readonly))
		pte |= PTE_RW;
	if (flags & GNTMAP_application_map)
		pte |= PTE_U;
	return pte | ((u64)(flags >> _GNTMAP_guest_avail0) << 9 & PTE_AVAIL);
}

/* Pins once for each of host and device map. */
static int map_pins(struct domain *rd, const struct gnttab_map_grant_ref *op, mfn_t *frame)
{
	bool write = !(op->flags & GNTMAP_readonly);
	domid_t_ self = current->domain->id;
	int rc = pin(rd, op->ref, self, write, frame);

	if (rc || (op->flags & (GNTMAP_host_map | GNTMAP_device_map)) != (GNTMAP_host_map | GNTMAP_device_map))
		return rc;
	rc = pin(rd, op->ref, self, write, frame);
	if (rc)
		unpin(rd, op->ref, write);
	return rc;
}

static int map_into(struct domain *rd, struct gnttab_map_grant_ref *op)
{
	mfn_t frame;
	int rc = map_pins(rd, op, &frame);

	if (rc)
		return rc;
	op->dev_bus_addr = mfn_to_pa(frame);	/* Linux takes the frame from here for a host map as well */
	if (!(op->flags & GNTMAP_host_map))
		return GNTST_okay;
	if (!pt_grant_map(current, op->host_addr, op->flags & GNTMAP_contains_pte, frame, pte_flags(op->flags)))
		return GNTST_okay;
	unpin(rd, op->ref, !(op->flags & GNTMAP_readonly));
	if (op->flags & GNTMAP_device_map)
		unpin(rd, op->ref, !(op->flags & GNTMAP_readonly));
	return refuse(GNTST_general_error, "no entry to map at %#lx", op->host_addr);
}

static int map_one(struct gnttab_map_grant_ref *op)
{
	struct grant_table *lgt = current->domain->grant_table;
	struct domain *rd;
	u32 handle;
	int rc;

	if (!(op->flags & (GNTMAP_host_map | GNTMAP_device_map)))
		return refuse(GNTST_bad_gntref, "flags %#x: neither host nor device map", op->flags);
	rd = domain_get(op->dom);
	if (!rd)
		return refuse(GNTST_bad_domain, "no d%u", op->dom);
	handle = handle_alloc(lgt);
	if (handle == NO_HANDLE) {
		rc = refuse(GNTST_no_space, "no handle left");
	} else {
		rc = rd->dying == DOMDYING_alive ? map_into(rd, op) : GNTST_bad_domain;
		if (rc)
			handle_free(lgt, handle);
		else
			handle_publish(lgt, handle, op->flags, rd->id, op->ref);
	}
	op->handle = rc ? NO_HANDLE : handle;
	domain_put(rd);
	return rc;
}

/* --- unmap --------------------------------------------------------------------------------------------- */

/* What one unmap leaves to do after the TLBs have been flushed. */
struct unmapped {
	u32 handle, ref;
	domid_t_ domid;
	u16 flags_left;
	u8 pins;
	bool write;
};

/* The frame that a live mapping stands for. */
static mfn_t mapped_frame(struct domain *rd, u32 ref)
{
	struct grant_table *gt = rd->grant_table;
	mfn_t m;

	spin_lock(&gt->lock);
	m = active_entry(gt, ref)->frame;
	spin_unlock(&gt->lock);
	return m;
}

static int unmap_entry(struct maptrack *t, struct domain *rd, const struct gnttab_unmap_grant_ref *op, u64 new_addr)
{
	mfn_t frame = mapped_frame(rd, t->ref);

	if (op->dev_bus_addr && (t->flags & GNTMAP_device_map) && op->dev_bus_addr != mfn_to_pa(frame))
		return GNTST_bad_dev_addr;
	if (!op->host_addr || !(t->flags & GNTMAP_host_map))
		return GNTST_okay;
	if (pt_grant_unmap(current, op->host_addr, t->flags & GNTMAP_contains_pte, frame, t->flags & GNTMAP_readonly,
			   new_addr))
		return refuse(GNTST_general_error, "handle %u is not mapped at %#lx", op->handle, op->host_addr);
	return GNTST_okay;
}

/* First half: the entry goes away. *u says what the second half has to do. */
static int unmap_begin(const struct gnttab_unmap_grant_ref *op, u64 new_addr, struct unmapped *u)
{
	struct grant_table *lgt = current->domain->grant_table;
	struct domain *rd;
	struct maptrack t;
	u16 gone = 0;
	int rc;

	u->pins = 0;
	if (!handle_take(lgt, op->handle, &t))
		return refuse(GNTST_bad_handle, "handle %u is not in use", op->handle);
	rd = domain_get(t.domid);
	BUG_ON(!rd);		/* our pin keeps a page of it, and that keeps it */
	rc = unmap_entry(&t, rd, op, new_addr);
	domain_put(rd);
	if (!rc && op->host_addr)
		gone |= t.flags & GNTMAP_host_map;
	if (!rc && op->dev_bus_addr)
		gone |= t.flags & GNTMAP_device_map;
	*u = (struct unmapped){
		.handle = op->handle, .ref = t.ref, .domid = t.domid, .flags_left = t.flags & ~gone,
		.pins = !!(gone & GNTMAP_host_map) + !!(gone & GNTMAP_device_map),
		.write = !(t.flags & GNTMAP_readonly),
	};
	if (!u->pins)
		handle_done(lgt, op->handle, t.flags);
	return rc;
}

/* Second half: nobody can reach the page through us any more. */
static void unmap_finish(struct grant_table *lgt, const struct unmapped *u)
{
	struct domain *rd = domain_get(u->domid);

	BUG_ON(!rd);
	for (unsigned int i = 0; i < u->pins; i++)
		unpin(rd, u->ref, u->write);
	handle_done(lgt, u->handle, u->flags_left);
	domain_put(rd);
}

static void unmap_finish_batch(struct domain *d, const struct unmapped *u, unsigned int n)
{
	tlb_flush_domain(d);
	for (unsigned int i = 0; i < n; i++)
		if (u[i].pins)
			unmap_finish(d->grant_table, u + i);
}

/* --- copy ---------------------------------------------------------------------------------------------- */

/* One side of a copy: a page to read or write, and how to let go of it. */
struct copy_side {
	struct domain *d;
	mfn_t frame;
	u32 ref;
	bool is_ref, write, held;
};

static int side_get(struct copy_side *s, const struct gnttab_copy_ptr *p, bool is_ref, bool write)
{
	int rc;

	*s = (struct copy_side){ .is_ref = is_ref, .write = write, .ref = p->u.ref };
	if (!is_ref && p->domid != DOMID_SELF)
		return refuse(GNTST_permission_denied, "a frame of d%u: only own frames without a grant", p->domid);
	s->d = domain_get(p->domid);
	if (!s->d)
		return GNTST_bad_domain;
	if (is_ref) {
		rc = s->d->dying == DOMDYING_alive ? pin(s->d, s->ref, current->domain->id, write, &s->frame) :
			GNTST_bad_domain;
	} else {
		s->frame = _mfn(p->u.gmfn);
		rc = frame_get(s->frame, s->d, write);
	}
	s->held = !rc;
	return rc;
}

static void side_put(struct copy_side *s)
{
	if (s->held && s->is_ref)
		unpin(s->d, s->ref, s->write);
	else if (s->held)
		frame_put(s->frame, s->write);
	if (s->d)
		domain_put(s->d);
}

static int copy_one(const struct gnttab_copy *op)
{
	struct copy_side from, to = { .d = NULL };
	int rc;

	if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
		return refuse(GNTST_bad_copy_arg, "%u bytes at %u to %u cross a page", op->len, op->source.offset,
			      op->dest.offset);
	rc = side_get(&from, &op->source, op->flags & GNTCOPY_source_gref, false);
	if (!rc)
		rc = side_get(&to, &op->dest, op->flags & GNTCOPY_dest_gref, true);
	if (!rc) {
		memcpy((char *)mfn_to_virt(to.frame) + op->dest.offset,
		       (const char *)mfn_to_virt(from.frame) + op->source.offset, op->len);
		logdirty_mark(to.d, mfn_to_page(to.frame));
	}
	side_put(&to);
	side_put(&from);
	return rc;
}

/* --- small operations ---------------------------------------------------------------------------------- */

/* The domain an operation is about, referenced; else NULL and *status. */
static struct domain *domain_for(domid_t_ id, int16_t *st)
{
	struct domain *d = domain_get(id);

	if (d && (d == current->domain || current->domain->privileged))
		return d;
	*st = d ? GNTST_permission_denied : GNTST_bad_domain;
	if (d)
		domain_put(d);
	return NULL;
}

static long setup_table(struct gnttab_setup_table *op)
{
	struct domain *d = domain_for(op->dom, &op->status);
	long rc = 0;

	if (!d)
		return 0;
	op->status = GNTST_okay;
	if (op->nr_frames > d->grant_table->max_frames)
		op->status = refuse(GNTST_general_error, "%u frames, limit %u", op->nr_frames,
				    d->grant_table->max_frames);
	if (!op->status)
		rc = grant_table_grow(d, op->nr_frames);
	if (rc == -XEN_ENOMEM) {
		op->status = GNTST_general_error;
		rc = 0;
	}
	for (unsigned int i = 0; !rc && !op->status && i < op->nr_frames; i++) {
		xen_pfn_t m = mfn_x(grant_table_frame(d, i));

		if (copy_to_guest_offset(op->frame_list.p, i, &m, 1))
			rc = -XEN_EFAULT;
	}
	domain_put(d);
	return rc;
}

static long query_size(struct gnttab_query_size *op)
{
	struct domain *d = domain_for(op->dom, &op->status);

	if (!d)
		return 0;
	op->nr_frames = d->grant_table->nr_frames;
	op->max_nr_frames = d->grant_table->max_frames;
	op->status = GNTST_okay;
	domain_put(d);
	return 0;
}

static long set_version(struct gnttab_set_version *op)
{
	u32 wanted = op->version;

	op->version = 1;
	if (wanted == 1)
		return 0;
	return wanted == 2 ? -XEN_ENOSYS : -XEN_EINVAL;
}

static long get_version(struct gnttab_get_version *op)
{
	int16_t st;
	struct domain *d = domain_for(op->dom, &st);

	if (!d)
		return st == GNTST_bad_domain ? -XEN_ESRCH : -XEN_EPERM;
	op->version = 1;
	domain_put(d);
	return 0;
}

static long swap_refs(struct gnttab_swap_grant_ref *op)
{
	struct grant_table *gt = current->domain->grant_table;
	struct grant_entry_v1 tmp;
	struct active *a, *b;

	spin_lock(&gt->lock);
	if (!ref_valid(gt, op->ref_a) || !ref_valid(gt, op->ref_b)) {
		op->status = GNTST_bad_gntref;
		goto out;
	}
	a = active_entry(gt, op->ref_a);
	b = active_entry(gt, op->ref_b);
	if (a->readers || a->writers || b->readers || b->writers) {
		op->status = GNTST_eagain;
		goto out;
	}
	tmp = *shared_entry(gt, op->ref_a);
	*shared_entry(gt, op->ref_a) = *shared_entry(gt, op->ref_b);
	*shared_entry(gt, op->ref_b) = tmp;
	op->status = GNTST_okay;
out:
	spin_unlock(&gt->lock);
	return 0;
}

void grant_table_dump(struct domain *d)
{
	struct grant_table *gt = d->grant_table;

	printk("d%u grants: %u of %u frames, %u handles\n", d->id, gt->nr_frames, gt->max_frames, gt->nr_tracks);
	spin_lock(&gt->lock);
	for (u32 ref = 0; ref < gt->nr_frames * ENTRIES_PER_FRAME; ref++) {
		const struct active *act = active_entry(gt, ref);

		if (act->readers || act->writers)
			printk("  ref %u: mfn %#lx to d%u, %u readers, %u writers\n", ref, mfn_x(act->frame),
			       act->domid, act->readers, act->writers);
	}
	spin_unlock(&gt->lock);
}

static long dump_table(struct gnttab_dump_table *op)
{
	struct domain *d = domain_for(op->dom, &op->status);

	if (!d)
		return 0;
	grant_table_dump(d);
	op->status = GNTST_okay;
	domain_put(d);
	return 0;
}

/* --- the hypercall ------------------------------------------------------------------------------------- */

/*
 * Each loop does elements from *done on and stops early when it should make way. A status is written back alone: the
 * rest of an element is the guest's. 0, or -EFAULT for an array that cannot be reached.
 */
#define put_status(p, i, st) ({							\
	int16_t st_ = (st);							\
	raw_copy_to_guest(&(p)[i].status, &st_, sizeof(st_));			\
})

static long map_loop(struct gnttab_map_grant_ref *p, unsigned int n, unsigned int *done)
{
	for (; *done < n; ++*done) {
		struct gnttab_map_grant_ref op;

		if (*done && hypercall_preempt_check())
			return 0;
		if (copy_from_guest(&op, p + *done, 1))
			return -XEN_EFAULT;
		op.status = map_one(&op);
		if (copy_to_guest(p + *done, &op, 1))
			return -XEN_EFAULT;
	}
	return 0;
}

/* replace: the array is of struct gnttab_unmap_and_replace. */
static long unmap_some(void *p, unsigned int i, bool replace, struct unmapped *u)
{
	struct gnttab_unmap_and_replace r, *rp = p;
	struct gnttab_unmap_grant_ref op, *up = p;
	u64 new_addr = 0;

	if (replace) {
		if (copy_from_guest(&r, rp + i, 1))
			return -XEN_EFAULT;
		op = (struct gnttab_unmap_grant_ref){ .host_addr = r.host_addr, .handle = r.handle };
		new_addr = r.new_addr;
		return put_status(rp, i, unmap_begin(&op, new_addr, u)) ? -XEN_EFAULT : 0;
	}
	if (copy_from_guest(&op, up + i, 1))
		return -XEN_EFAULT;
	return put_status(up, i, unmap_begin(&op, 0, u)) ? -XEN_EFAULT : 0;
}

static long unmap_loop(void *p, unsigned int n, unsigned int *done, bool replace)
{
	struct unmapped u[UNMAP_BATCH];
	unsigned int in_batch;
	long rc = 0;

	while (!rc && *done < n) {
		if (*done && hypercall_preempt_check())
			return 0;
		for (in_batch = 0; !rc && in_batch < UNMAP_BATCH && *done < n; in_batch++, ++*done) {
			u[in_batch].pins = 0;
			rc = unmap_some(p, *done, replace, &u[in_batch]);
		}
		unmap_finish_batch(current->domain, u, in_batch);
	}
	return rc;
}

static long copy_loop(struct gnttab_copy *p, unsigned int n, unsigned int *done)
{
	for (; *done < n; ++*done) {
		struct gnttab_copy op;

		if (*done && hypercall_preempt_check())
			return 0;
		if (copy_from_guest(&op, p + *done, 1))
			return -XEN_EFAULT;
		if (put_status(p, *done, copy_one(&op)))
			return -XEN_EFAULT;
	}
	return 0;
}

#define SIMPLE_LOOP(type, call)							\
	for (; !rc && done < count; done++) {					\
		struct type op, *p = uop;					\
										\
		if (done && hypercall_preempt_check())				\
			break;							\
		if (copy_from_guest(&op, p + done, 1))				\
			return -XEN_EFAULT;					\
		rc = call(&op);							\
		if (copy_to_guest(p + done, &op, 1))				\
			return -XEN_EFAULT;					\
	}									\
	size = sizeof(struct type)

long do_grant_table_op(unsigned int cmd, void *uop, unsigned int count)
{
	unsigned int done = 0;
	size_t size;
	long rc = 0;

	if ((int)count < 0)
		return -XEN_EINVAL;
	switch (cmd) {
	case GNTTABOP_map_grant_ref:
		rc = map_loop(uop, count, &done);
		size = sizeof(struct gnttab_map_grant_ref);
		break;
	case GNTTABOP_unmap_grant_ref:
		rc = unmap_loop(uop, count, &done, false);
		size = sizeof(struct gnttab_unmap_grant_ref);
		break;
	case GNTTABOP_unmap_and_replace:
		rc = unmap_loop(uop, count, &done, true);
		size = sizeof(struct gnttab_unmap_and_replace);
		break;
	case GNTTABOP_copy:
		rc = copy_loop(uop, count, &done);
		size = sizeof(struct gnttab_copy);
		break;
	case GNTTABOP_setup_table:
		if (count != 1)
			return -XEN_EINVAL;
		SIMPLE_LOOP(gnttab_setup_table, setup_table);
		break;
	case GNTTABOP_query_size:
		if (count != 1)
			return -XEN_EINVAL;
		SIMPLE_LOOP(gnttab_query_size, query_size);
		break;
	case GNTTABOP_set_version:
		if (count != 1)
			return -XEN_EINVAL;
		SIMPLE_LOOP(gnttab_set_version, set_version);
		break;
	case GNTTABOP_get_version:
		SIMPLE_LOOP(gnttab_get_version, get_version);
		break;
	case GNTTABOP_swap_grant_ref:
		SIMPLE_LOOP(gnttab_swap_grant_ref, swap_refs);
		break;
	case GNTTABOP_dump_table:
		if (count != 1)
			return -XEN_EINVAL;
		SIMPLE_LOOP(gnttab_dump_table, dump_table);
		break;
	default:
		return -XEN_ENOSYS;
	}
	if (rc == -XEN_ERESTART)
		done--;			/* not done after all */
	else if (rc || done >= count)
		return rc;
	return hypercall_continue(__HYPERVISOR_grant_table_op, 3, (unsigned long)cmd, (unsigned long)uop + done * size,
				  (unsigned long)(count - done));
}

/* --- the end of a domain ------------------------------------------------------------------------------- */

static void release_map(struct grant_table *gt, u32 handle)
{
	struct unmapped u;
	struct maptrack t;

	if (!handle_take(gt, handle, &t))
		return;
	u = (struct unmapped){
		.handle = handle, .ref = t.ref, .domid = t.domid,
		.pins = !!(t.flags & GNTMAP_host_map) + !!(t.flags & GNTMAP_device_map),
		.write = !(t.flags & GNTMAP_readonly),
	};
	unmap_finish(gt, &u);
}

/* d does not run any more; its page tables, and with them the entries, go later. */
int grant_table_release_maps(struct domain *d)
{
	struct grant_table *gt = d->grant_table;

	if (!gt->release_next)
		tlb_flush_domain(d);
	while (gt->release_next < gt->nr_tracks) {
		release_map(gt, gt->release_next++);
		if (gt->release_next % UNMAP_BATCH == 0 && hypercall_preempt_check())
			return -XEN_ERESTART;
	}
	return 0;
}
