/* SPDX-License-Identifier: MIT */
/*
 * Where everything goes in a new PV guest: guest frames (pfn), guest virtual addresses, page tables.
 *
 * Pure arithmetic (layout.c) and pure filling of tables (pagetable.c); the domain itself is touched by pv_build.c only.
 */
#ifndef LIB_BUILD_LAYOUT_H
#define LIB_BUILD_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

#define PAGE_SHIFT	12
#define PAGE_BYTES	4096ull
#define PT_ENTRIES	512

/* A run of guest frames mapped at va, and its own page tables in frames table_pfn ..., highest level first. */
struct region {
	uint64_t va, pfn, pages;
	uint64_t table_pfn;
	uint64_t tables[5];	/* number of tables of level 1..4; level 4 only in the boot region */
};

struct layout {
	uint64_t nr_pages;
	struct region boot;	/* from virt_base: pfn 0 up to the padding behind the boot stack */
	struct region p2m;	/* with ELF note INIT_P2M: the p2m at its own address; else pages == 0 */
	uint64_t initrd_pfn, initrd_len;	/* bytes; 0 = none */
	bool initrd_mapped;	/* in the boot region, else its pfn is told to the guest */
	uint64_t p2m_pfn, p2m_pages, p2m_va;
	uint64_t start_info_pfn, store_pfn, console_pfn, stack_pfn;
	uint64_t used_pages;	/* frames 0 .. used_pages - 1 are spoken for */
};

/* Number of page-table pages of a region, all levels. */
uint64_t region_tables(const struct region *r);

/* Plan a guest of nr_pages pages. Fails if it does not fit in there, or in the address space. */
int layout_plan(struct layout *l, const struct kernel_image *img, uint64_t initrd_len, uint64_t nr_pages,
		struct errbuf *e);

/*
 * Write the page tables of region r into tables[], region_tables(r) pages in the order of their frames; l4 is the boot
 * region's first page. p2m[] gives the machine frame of each guest frame. Frames that hold page tables are mapped
 * read-only.
 */
void pagetable_fill(const struct layout *l, const struct region *r, const uint64_t *p2m, uint64_t *tables,
		    uint64_t *l4);

#endif
