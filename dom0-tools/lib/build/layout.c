/* SPDX-License-Identifier: MIT */
/*
 * Plans a PV guest's first address space, in the order that the Xen ABI lays down for domains other than dom0:
 *
 *   virt_base -> pfn 0:  kernel | initrd | p2m | start_info | xenstore page | console page | page tables (L4, L3, L2,
 *   L1) | boot stack | at least 512 KiB of padding, up to a multiple of 4 MiB
 *
 * A kernel with ELF note MOD_START_PFN gets its initrd, and one with INIT_P2M its p2m with own page tables, in the
 * frames behind that. Everything in the first region is mapped there, so its page tables have to map themselves: their
 * number is found by iteration.
 */
#include "layout.h"

#include <errno.h>

#define BOOT_ALIGN	(4ull << 20)
#define BOOT_PAD	(512ull << 10)
#define L4_SHIFT	39
#define HV_SLOT_FIRST	256		/* L4 entries that belong to the hypervisor */
#define HV_SLOT_LAST	271
#define MAX_PAGES	(1ull << 27)	/* 512 GiB */
#define TABLE_ROOM	(64ull << 20)	/* more than tables, stack and padding of the largest boot region */

static uint64_t pages_of(uint64_t bytes)
{
	return (bytes + PAGE_BYTES - 1) >> PAGE_SHIFT;
}

static unsigned long long mib(uint64_t pages)
{
	return (pages + 255) >> 8;
}

/* Tables of level 1..3 that map r; a level-n table covers 2^(12 + 9n) bytes. */
static void region_count(struct region *r)
{
	uint64_t last = r->va + r->pages * PAGE_BYTES - 1;

	for (int level = 1; level <= 3; level++) {
		int shift = PAGE_SHIFT + 9 * level;

		r->tables[level] = (last >> shift) - (r->va >> shift) + 1;
	}
}

uint64_t region_tables(const struct region *r)
{
	return r->tables[1] + r->tables[2] + r->tables[3] + r->tables[4];
}

static unsigned int slot_first(const struct region *r)
{
	return r->va >> L4_SHIFT & (PT_ENTRIES - 1);
}

static unsigned int slot_last(const struct region *r)
{
	return (r->va + r->pages * PAGE_BYTES - 1) >> L4_SHIFT & (PT_ENTRIES - 1);
}

static int region_check(const struct region *r, const char *what, struct errbuf *e)
{
	uint64_t last = r->va + r->pages * PAGE_BYTES - 1;

	if (last < r->va || (r->va ^ last) >> 47)
		return build_fail(e, -EINVAL, "the %s of %llu MiB at 0x%llx does not fit in the address space", what,
				  mib(r->pages), (unsigned long long)r->va);
	if (slot_first(r) <= HV_SLOT_LAST && slot_last(r) >= HV_SLOT_FIRST)
		return build_fail(e, -EINVAL, "the %s at 0x%llx lies in the hypervisor's part of the address space",
				  what, (unsigned long long)r->va);
	return 0;
}

/* The boot region without its page tables and what follows them: *pfn is the first free frame. */
static void plan_contents(struct layout *l, const struct kernel_image *img, uint64_t *pfn)
{
	*pfn = pages_of(img->pa_end);
	l->initrd_mapped = !img->mod_start_pfn;
	if (l->initrd_len && l->initrd_mapped) {
		l->initrd_pfn = *pfn;
		*pfn += pages_of(l->initrd_len);
	}
	l->p2m_pages = pages_of(l->nr_pages * sizeof(uint64_t));
	if (!img->has_init_p2m) {
		l->p2m_pfn = *pfn;
		l->p2m_va = img->virt_base + *pfn * PAGE_BYTES;
		*pfn += l->p2m_pages;
	}
	l->start_info_pfn = (*pfn)++;
	l->store_pfn = (*pfn)++;
	l->console_pfn = (*pfn)++;
}

static void plan_boot_tables(struct layout *l, uint64_t pfn)
{
	struct region *b = &l->boot;
	uint64_t tables, end;

	b->table_pfn = pfn;
	b->tables[4] = 1;
	b->tables[1] = b->tables[2] = b->tables[3] = 1;
	do {
		tables = region_tables(b);
		l->stack_pfn = pfn + tables;
		end = b->va + (l->stack_pfn + 1) * PAGE_BYTES + BOOT_PAD;
		end = (end + BOOT_ALIGN - 1) & ~(BOOT_ALIGN - 1);
		b->pages = (end - b->va) >> PAGE_SHIFT;
		region_count(b);
	} while (region_tables(b) > tables);
}

/* What is not mapped by the boot region: initrd, and p2m with its own tables. Sets used_pages. */
static void plan_behind(struct layout *l, const struct kernel_image *img)
{
	uint64_t pfn = l->boot.pages;

	if (l->initrd_len && !l->initrd_mapped) {
		l->initrd_pfn = pfn;
		pfn += pages_of(l->initrd_len);
	}
	if (img->has_init_p2m) {
		l->p2m_pfn = pfn;
		l->p2m_va = img->init_p2m;
		l->p2m = (struct region){ .va = img->init_p2m, .pfn = pfn, .pages = l->p2m_pages };
		l->p2m.table_pfn = pfn + l->p2m_pages;
		region_count(&l->p2m);
		pfn = l->p2m.table_pfn + region_tables(&l->p2m);
	}
	l->used_pages = pfn;
}

int layout_plan(struct layout *l, const struct kernel_image *img, uint64_t initrd_len, uint64_t nr_pages,
		struct errbuf *e)
{
	uint64_t pfn;
	int rc;

	*l = (struct layout){ .nr_pages = nr_pages, .initrd_len = initrd_len, .boot.va = img->virt_base };
	if (!nr_pages || nr_pages > MAX_PAGES)
		return build_fail(e, -EINVAL, "memory of %llu MiB: it must be 1 to %llu MiB", mib(nr_pages),
				  mib(MAX_PAGES));
	plan_contents(l, img, &pfn);
	if (UINT64_MAX - img->virt_base < pfn * PAGE_BYTES + TABLE_ROOM)
		return build_fail(e, -EINVAL, "the initial mapping of %llu MiB at 0x%llx does not fit in the address "
				  "space", mib(pfn), (unsigned long long)img->virt_base);
	plan_boot_tables(l, pfn);
	plan_behind(l, img);
	rc = region_check(&l->boot, "initial mapping", e);
	if (!rc && l->p2m.pages)
		rc = region_check(&l->p2m, "p2m", e);
	if (rc)
		return rc;
	if (l->p2m.pages && slot_first(&l->p2m) <= slot_last(&l->boot) && slot_last(&l->p2m) >= slot_first(&l->boot))
		return build_fail(e, -EINVAL, "ELF note INIT_P2M 0x%llx is too close to the kernel at 0x%llx",
				  (unsigned long long)l->p2m.va, (unsigned long long)l->boot.va);
	if (l->used_pages > nr_pages)
		return build_fail(e, -ENOMEM, "memory of %llu MiB is too small for this kernel%s: %llu MiB is the "
				  "least", mib(nr_pages), initrd_len ? " and ramdisk" : "", mib(l->used_pages));
	return 0;
}
