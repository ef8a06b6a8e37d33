/* SPDX-License-Identifier: MIT */
/*
 * Fills the first page tables of a PV guest.
 *
 * Direct paging: entries hold machine frames, and no frame that is a page table may be mapped writable, or the
 * hypervisor refuses the whole tree when it is pinned. Level-1 entries carry no user bit: by that the hypervisor tells
 * kernel pages from user pages.
 */
#include "layout.h"

#define PTE_PRESENT	0x001ull
#define PTE_WRITE	0x002ull
#define PTE_USER	0x004ull
#define PTE_ACCESSED	0x020ull
#define PTE_DIRTY	0x040ull
#define LEAF_FLAGS	(PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY)
#define TABLE_FLAGS	(LEAF_FLAGS | PTE_USER)

static bool holds_tables(const struct region *r, uint64_t pfn)
{
	return pfn >= r->table_pfn && pfn < r->table_pfn + region_tables(r);
}

/* Number of the first table of this level within the region's tables. */
static uint64_t level_start(const struct region *r, int level)
{
	uint64_t n = 0;

	for (int higher = 4; higher > level; higher--)
		n += r->tables[higher];
	return n;
}

static uint64_t leaf_entry(const struct layout *l, const uint64_t *p2m, uint64_t pfn)
{
	uint64_t flags = LEAF_FLAGS;

	if (holds_tables(&l->boot, pfn) || holds_tables(&l->p2m, pfn))
		flags &= ~PTE_WRITE;
	return p2m[pfn] << PAGE_SHIFT | flags;
}

void pagetable_fill(const struct layout *l, const struct region *r, const uint64_t *p2m, uint64_t *tables, uint64_t *l4)
{
	uint64_t first = r->va >> PAGE_SHIFT & (PT_ENTRIES - 1);
	uint64_t *leaves = tables + level_start(r, 1) * PT_ENTRIES + first;

	for (uint64_t i = 0; i < r->pages; i++)
		leaves[i] = leaf_entry(l, p2m, r->pfn + i);

	/* Tables of one level lie in the order of what they map: entry i of the level above points to table i. */
	for (int level = 2; level <= 4; level++) {
		uint64_t child_pfn = r->table_pfn + level_start(r, level - 1);
		uint64_t *parent = level == 4 ? l4 : tables + level_start(r, level) * PT_ENTRIES;

		first = r->va >> (PAGE_SHIFT + 9 * (level - 1)) & (PT_ENTRIES - 1);
		for (uint64_t i = 0; i < r->tables[level - 1]; i++)
			parent[first + i] = p2m[child_pfn + i] << PAGE_SHIFT | TABLE_FLAGS;
	}
}
