/* SPDX-License-Identifier: MIT */
/*
 * A world of a few frames of two domains, and in it the real mm/page_type.c, mm/pt_validate.c, mm/pt_write.c and
 * mm/harvest.c: included, not linked, so that they see these frames where the hypervisor's direct map and frame table
 * would be. What they call is played here, and what it says is the test's choice. With WORLD_OWNERS mm/frame.c is in it
 * too, and the test plays the heap.
 *
 * There is one thread. What another CPU does at the same time is a function that world_meanwhile() places before a
 * compare-exchange.
 */
#ifndef MM_WORLD_H
#define MM_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xl/config.h>

#define NR_FRAMES	20
#define NR_FOREIGN	3		/* the last ones belong to somebody else */

static char world_memory[NR_FRAMES * 4096] __attribute__((aligned(4096)));
static char world_frames[NR_FRAMES * 64] __attribute__((aligned(64)));

#undef FRAME_TABLE_VIRT
#undef DIRECTMAP_VIRT
#define FRAME_TABLE_VIRT	((unsigned long)world_frames)
#define DIRECTMAP_VIRT		((unsigned long)world_memory)

#include <xl/pt.h>
#include <xl/logdirty.h>

static void world_point(void);
#undef cmpxchg
#define cmpxchg(ptr, old, new) ({					\
	__typeof__(*(ptr)) o_ = (old), n_ = (new);			\
	world_point();							\
	__atomic_compare_exchange_n(ptr, &o_, n_, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	o_; })

#include <xl/entry.h>
#include <xl/hypercall.h>
#include <xl/platform.h>

#include "../../xen-lite/mm/page_type.c"
#include "../../xen-lite/mm/pt_validate.c"
#include "../../xen-lite/mm/pt_write.c"
#include "../../xen-lite/mm/harvest.c"
#ifdef WORLD_OWNERS		/* the real owners' side as well */
#include "../../xen-lite/mm/frame.c"
#endif

/* --- the rest of the hypervisor, as far as the files under test call it --- */

static struct domain domain_a, domain_b;
struct domain *domain_table[DOMID_TABLE_SIZE];
struct domain *dom_xen, *dom_io;
struct cpu_features cpu_features = { .phys_bits = 40 };
unsigned long max_page = NR_FRAMES;
static unsigned int preempt_one_in;
static bool lock_held, mmio_ours;
static unsigned long nr_flushes, nr_l4_changes;
static struct page_info *released;	/* the frame whose last reference went, when world_releases says that one may */
static bool world_releases;

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

bool hypercall_preempt_check(void)
{
	return preempt_one_in && rand() % preempt_one_in == 0;
}

bool mmio_is_ours(mfn_t m) { (void)m; return mmio_ours; }
bool spin_held(const spinlock_t *l) { (void)l; return lock_held; }
void tlb_flush_since(u64 stamp) { (void)stamp; nr_flushes++; }
u64 tlb_stamp_now(void) { static u64 t; return ++t; }
void cpu_l4_entry_changed(const u64 *table) { (void)table; nr_l4_changes++; }

/*
 * A logged domain: which frames were marked, which was last, or its entry changed; how many mirrors were dropped, other
 * writers counted.
 */
static bool marked[NR_FRAMES];
static const struct page_info *marked_last, *changed_last;
static bool changed_dead;		/* was its table dead then? */
static unsigned int nr_mirrors_dropped;
static int foreign_writers;

static struct harvest harvest;		/* soft 0: mirrors */

struct harvest *logdirty_harvest(const struct domain *d) { (void)d; return &harvest; }
void logdirty_mark_slow(struct domain *d, const struct page_info *pg)
{
	(void)d;
	marked_last = pg;
	marked[pg - frame_table] = true;
}
void logdirty_mark_locked(struct domain *d, const struct page_info *pg) { logdirty_mark_slow(d, pg); }
void logdirty_foreign_writer(struct page_info *pg, bool comes) { (void)pg; foreign_writers += comes ? 1 : -1; }
void logdirty_entry_changed_slow(struct domain *d, struct page_info *table, const u64 *ptr, u64 old)
{
	(void)ptr;
	changed_last = table;
	changed_dead = table->type_info & PGT_dead;
	harvest_entry(d, old);
}
void logdirty_table_died(struct domain *d, struct page_info *table)
{
	if (harvest.soft) {
		harvest_unlink(d, table);
		return;
	}
	table->mirror = 0;
	nr_mirrors_dropped++;
}

#ifndef WORLD_OWNERS
void spin_lock(spinlock_t *l) { if (l->holder++) panic("lock taken twice"); }
void spin_unlock(spinlock_t *l) { if (--l->holder) panic("lock not held"); }

struct domain *page_owner(const struct page_info *pg)
{
	return pg->owner < DOMID_TABLE_SIZE ? domain_table[pg->owner] : NULL;
}

void page_release(struct page_info *pg)
{
	if (!world_releases)
		panic("frame %ld released: a reference was lost", (long)(pg - frame_table));
	released = pg;
}
#endif

/* 0xbad is refused, 0x1 gets a bit set. */
bool desc_check(u64 *desc)
{
	if (*desc == 1)
		*desc |= 0x100;
	return *desc != 0xbad;
}

/* --- the other CPU --- */

static void (*meanwhile)(void);
static unsigned int meanwhile_after;

/* fn is done by somebody else right before the (n + 1)th compare-exchange from now. */
static inline void world_meanwhile(unsigned int n, void (*fn)(void))
{
	meanwhile_after = n;
	meanwhile = fn;
}

static void world_point(void)
{
	void (*fn)(void) = meanwhile;

	if (!fn || meanwhile_after--)
		return;
	meanwhile = NULL;
	fn();
}

/* --- frames --- */

static inline struct page_info *page(unsigned int i) { return frame_table + i; }
static inline u64 *words(unsigned int i) { return mfn_to_virt(_mfn(i)); }
static inline unsigned int refs(unsigned int i) { return page(i)->count_info & PGC_count_mask; }
static inline unsigned int types(unsigned int i) { return page(i)->type_info & PGT_count_mask; }

static inline void world_reset(void)
{
	memset(world_memory, 0, sizeof(world_memory));
	memset(world_frames, 0, sizeof(world_frames));
	memset(&domain_a, 0, sizeof(domain_a));
	memset(&domain_b, 0, sizeof(domain_b));
	preempt_one_in = 0;
	lock_held = true;
	mmio_ours = world_releases = false;
	released = NULL;
	meanwhile = NULL;
	nr_flushes = nr_l4_changes = 0;
	memset(marked, 0, sizeof(marked));
	harvest = (struct harvest){ .first = PAGE_LIST_END, .next = PAGE_LIST_END };
	domain_a.id = 1;
	domain_b.id = 2;
	domain_a.dead_tables = domain_b.dead_tables = PAGE_LIST_END;
	domain_table[1] = &domain_a;
	domain_table[2] = &domain_b;
	for (unsigned int i = 0; i < NR_FRAMES; i++) {
		page(i)->count_info = PGC_ram | PGC_allocated | 1;
		page(i)->owner = i < NR_FRAMES - NR_FOREIGN ? 1 : 2;
	}
}

static inline void settle_all(void)
{
	while (pt_drain(&domain_a))
		;
	for (unsigned int i = 0; i < NR_FRAMES; i++)
		page_settle_partial(page(i));
	while (pt_drain(&domain_a))
		;
}

#endif
