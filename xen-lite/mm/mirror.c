/* SPDX-License-Identifier: MIT */
/*
 * Mirrors of a logged domain's page tables: what its vCPUs run on instead.
 *
 * A table of level 1 to 3 has at most one mirror, made when a fault asks for it and filled from the table at once. A
 * mirror entry differs from the guest's in that
 *   - it leads to the mirror of the table below, or nowhere as long as there is none;
 *   - at level 1 it is present only if the guest's entry says accessed, and writable only if that says dirty and the
 *     page is marked. So the first access and the first write after a round come here, where the guest's entry gets the
 *     bits that a processor would have set, and the page its mark. The guest's own entries are never changed otherwise:
 *     Linux reads them, and a page that looked read-only would not be write-protected at fork.
 * Top-level tables need no mirrors: processors run on copies of theirs anyway (cpu_l4.c).
 *
 * Every change of an entry comes through pt_write_entry(), which keeps the mirror up to date. To begin a round, or when
 * no more mirrors may be made, all of them are made invalid by counting up the generation: the CPUs drop what they have
 * loaded, and a mirror of an older generation is filled anew before it is used again, or taken for another table. So
 * nothing here ever walks over all mirrors.
 *
 * page_info of a mirrored table: mirror, the index of the mirror's frame. Of a mirror: mirror_of, mirror_generation,
 * and next and prev in the list of its domain. Lock: pt_lock.
 */
#include <xl/asm.h>
#include <xl/entry.h>
#include <xl/logdirty.h>
#include <xl/platform.h>
#include <xl/pt.h>

/* --- the list ------------------------------------------------------------------------------------------ */

static void unlink_mirror(struct mirrors *m, struct page_info *mi)
{
	if (mi->prev != PAGE_LIST_END)
		frame_table[mi->prev].next = mi->next;
	else
		m->first = mi->next;
	if (mi->next != PAGE_LIST_END)
		frame_table[mi->next].prev = mi->prev;
	else
		m->last = mi->prev;
}

static void link_first(struct mirrors *m, struct page_info *mi)
{
	u32 index = mi - frame_table;

	mi->prev = PAGE_LIST_END;
	mi->next = m->first;
	if (m->first != PAGE_LIST_END)
		frame_table[m->first].prev = index;
	else
		m->last = index;
	m->first = index;
}

/* --- entries ------------------------------------------------------------------------------------------- */

/* The mirror of a table if it may be used; any lock or none: a stale answer leads to a fault. */
static struct page_info *valid_mirror(const struct mirrors *m, const struct page_info *table)
{
	u32 index = ACCESS_ONCE(table->mirror);

	return index && frame_table[index].mirror_generation == m->generation ? &frame_table[index] : NULL;
}

static u64 table_entry(const struct mirrors *m, u64 e)
{
	const struct page_info *mi = e & PTE_P ? valid_mirror(m, mfn_to_page(pte_mfn(e))) : NULL;

	return mi ? (e & ~PTE_MFN_MASK) | mfn_to_pa(page_to_mfn(mi)) : 0;
}

static u64 leaf_entry(const struct domain *d, u64 e)
{
	const struct page_info *pg;

	if ((e & (PTE_P | PTE_A)) != (PTE_P | PTE_A))
		return 0;
	if (!(e & PTE_RW) || !mfn_valid(pte_mfn(e)))
		return e;
	pg = mfn_to_page(pte_mfn(e));
	if (pg->owner != d->id || ((e & PTE_D) && logdirty_is_marked(d, pg)))
		return e;
	return e & ~PTE_RW;
}

static u64 mirrored(const struct domain *d, unsigned int level, u64 e)
{
	return level == 1 ? leaf_entry(d, e) : table_entry(logdirty_mirrors(d), e);
}

u64 mirror_l4_entry(const struct domain *d, u64 e)
{
	const struct mirrors *m = logdirty_mirrors(d);

	return m->ending ? e : table_entry(m, e);
}

/* --- making them --------------------------------------------------------------------------------------- */

static void fill(struct domain *d, struct page_info *mi, const struct page_info *table, unsigned int level)
{
	const u64 *from = page_to_virt(table);
	u64 *to = page_to_virt(mi);

	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		to[i] = mirrored(d, level, from[i]);
}

static void detach(struct page_info *mi)
{
	frame_table[mi->mirror_of].mirror = 0;
}

void mirrors_invalidate(struct domain *d)
{
	struct mirrors *m = logdirty_mirrors(d);

	m->generation++;
	m->faults = 0;
	cpu_l4_unload(d);
}

/* A frame for a mirror: a new one, or the one that has been out of use for longest. NULL: no memory at all. */
static struct page_info *frame_for_mirror(struct domain *d, struct mirrors *m)
{
	void *page = m->nr < m->max ? hv_alloc_page() : NULL;
	struct page_info *mi;

	if (page) {
		m->nr++;
		return virt_to_page(page);
	}
	if (m->last == PAGE_LIST_END)
		return NULL;
	mi = &frame_table[m->last];
	if (mi->mirror_generation == m->generation)
		mirrors_invalidate(d);
	unlink_mirror(m, mi);
	detach(mi);
	return mi;
}

/* The table's mirror, filled and valid. May start a new generation. NULL: no memory. */
static struct page_info *mirror_of(struct domain *d, struct page_info *table, unsigned int level)
{
	struct mirrors *m = logdirty_mirrors(d);
	struct page_info *mi = valid_mirror(m, table);

	if (mi)
		return mi;
	if (table->mirror) {
		mi = &frame_table[table->mirror];
		unlink_mirror(m, mi);
	} else {
		mi = frame_for_mirror(d, m);
		if (!mi)
			return NULL;
		mi->mirror_of = table - frame_table;
	}
	link_first(m, mi);
	mi->mirror_generation = m->generation;
	fill(d, mi, table, level);
	table->mirror = mi - frame_table;
	return mi;
}

/* --- faults -------------------------------------------------------------------------------------------- */

/* The way through the guest's own tables to a page. */
struct walk {
	struct page_info *table[5];	/* by level */
	u64 entry[5];
	bool writable, executable;
};

static bool walk_guest(struct vcpu *v, unsigned long va, struct walk *w)
{
	mfn_t m = guest_current_l4(v);

	if (!is_canonical(va) || pt_slot_is_ours(pt_index(va, 4)) || mfn_eq(m, INVALID_MFN))
		return false;
	w->writable = w->executable = true;
	for (unsigned int level = 4; level >= 1; level--) {
		u64 e = ((u64 *)mfn_to_virt(m))[pt_index(va, level)];

		if (!(e & PTE_P))
			return false;
		w->table[level] = mfn_to_page(m);
		w->entry[level] = e;
		w->writable &= !!(e & PTE_RW);
		w->executable &= !(e & PTE_NX);
		m = pte_mfn(e);
	}
	return true;
}

/* What a processor does with the entry at an access, and the mark of a page that is going to be written. */
static void note_access(struct domain *d, const struct walk *w, unsigned long va, bool write)
{
	u64 *ptr = (u64 *)page_to_virt(w->table[1]) + pt_index(va, 1), e = *ptr | PTE_A | (write ? PTE_D : 0);
	mfn_t m = pte_mfn(e);

	if (e != *ptr) {
		*ptr = e;
		logdirty_mark_slow(d, w->table[1]);
	}
	if (write && mfn_valid(m) && mfn_to_page(m)->owner == d->id)
		logdirty_mark_slow(d, mfn_to_page(m));
}

/* Brings the mirrors on the way up to date. True if one of them was not. */
static bool mirror_way(struct domain *d, const struct walk *w, unsigned long va)
{
	struct mirrors *m = logdirty_mirrors(d);
	bool changed = false;
	u32 generation;

	do {
		generation = m->generation;
		for (unsigned int level = 1; level <= 3; level++) {
			unsigned int i = pt_index(va, level);
			struct page_info *mi;
			u64 *entry, e;

			changed |= !valid_mirror(m, w->table[level]);
			mi = mirror_of(d, w->table[level], level);
			if (!mi) {
				domain_crash(d, "no memory for a mirror of a page table");
				return true;
			}
			entry = (u64 *)page_to_virt(mi) + i;
			e = mirrored(d, level, ((u64 *)page_to_virt(w->table[level]))[i]);
			changed |= *entry != e;
			*entry = e;
		}
	} while (m->generation != generation);
	return changed;
}

static bool fault_locked(struct vcpu *v, unsigned long va, u32 error)
{
	struct domain *d = v->domain;
	bool write = error & PFEC_write, allowed, changed;
	struct walk w;

	if (!d->mirrored) {		/* it ended while we waited for the lock */
		cpu_l4_sync();
		return true;
	}
	if ((error & PFEC_reserved) || !walk_guest(v, va, &w))
		return false;
	logdirty_mirrors(d)->faults++;
	allowed = (!write || w.writable) && (!(error & PFEC_fetch) || w.executable);
	note_access(d, &w, va, write && w.writable);
	changed = mirror_way(d, &w, va);
	cpu_l4_sync();
	changed |= cpu_l4_fixup(va);
	/* Where nothing had to be done another CPU was faster, or the guest does what it may not. */
	return changed || allowed;
}

bool mirror_fault(unsigned long va, u32 error)
{
	struct vcpu *v = current;
	spinlock_t *lock = &v->domain->pt_lock;
	bool held = spin_held(lock), again;

	/* We may be copying a guest's list of changes to its tables: between two of them they are whole. */
	if (!held)
		spin_lock(lock);
	again = fault_locked(v, va, error);
	if (!held)
		spin_unlock(lock);
	return again;
}

/* --- changes ------------------------------------------------------------------------------------------- */

void mirror_entry_changed(struct domain *d, struct page_info *table, const u64 *ptr)
{
	struct page_info *mi = valid_mirror(logdirty_mirrors(d), table);
	unsigned int i = ((unsigned long)ptr & ~PAGE_MASK) / sizeof(*ptr);

	if (mi && pgt_level(table->type_info) < 4)
		((u64 *)page_to_virt(mi))[i] = mirrored(d, pgt_level(table->type_info), *ptr);
}

static void mirror_free(struct mirrors *m, struct page_info *mi)
{
	unlink_mirror(m, mi);
	m->nr--;
	hv_free_page(page_to_virt(mi));		/* not used again before every processor that may walk it has flushed */
}

void mirror_drop(struct domain *d, struct page_info *table)
{
	mirror_free(logdirty_mirrors(d), &frame_table[table->mirror]);
	table->mirror = 0;
}

bool mirrors_free_one(struct mirrors *m)
{
	struct page_info *mi;

	if (m->first == PAGE_LIST_END)
		return false;
	mi = &frame_table[m->first];
	detach(mi);
	mirror_free(m, mi);
	return true;
}
