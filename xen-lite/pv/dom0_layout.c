/* SPDX-License-Identifier: MIT */
/*
 * Plans dom0's first address space (include/xl/dom0_layout.h shows the order).
 *
 * Everything in the boot mapping is mapped there, its page tables included, so their number depends on itself: it
 * is found by growing until it fits. Frames are given out upwards from pfn 0 without gaps.
 */
#include <xl/config.h>
#include <xl/dom0_layout.h>
#include <xl/lib.h>
#include <public/elfnote.h>

#define BOOT_ALIGN	(4UL << 20)
#define BOOT_PAD	(512UL << 10)
#define L4_SHIFT	39

static unsigned long pages_of(u64 bytes)
{
	return DIV_ROUND_UP(bytes, PAGE_SIZE);
}

/* Tables of levels 1 to 3 that map these pages. */
static unsigned long tables_for(unsigned long va, unsigned long pages)
{
	unsigned long last = va + pages * PAGE_SIZE - 1, n = 0;
	unsigned int level;

	for (level = 1; level <= 3; level++) {
		unsigned int shift = PAGE_SHIFT + 9 * level;

		n += (last >> shift) - (va >> shift) + 1;
	}
	return n;
}

static unsigned int l4_slot(unsigned long va)
{
	return va >> L4_SHIFT & 511;
}

/* One half of the address space, and none of the hypervisor's slots. */
static bool range_usable(unsigned long va, unsigned long pages)
{
	unsigned long last = va + pages * PAGE_SIZE - 1;

	return !((va ^ last) >> 47) && (l4_slot(last) < HV_SLOT_FIRST || l4_slot(va) > HV_SLOT_LAST);
}

static void plan_tables(struct dom0_layout *l)
{
	unsigned long end;

	l->nr_pt = 4;
	for (;;) {
		l->stack_pfn = l->pt_pfn + l->nr_pt;
		end = l->virt_base + (l->stack_pfn + 1) * PAGE_SIZE + BOOT_PAD;
		l->boot_pages = (ROUND_UP(end, BOOT_ALIGN) - l->virt_base) / PAGE_SIZE;
		if (1 + tables_for(l->virt_base, l->boot_pages) <= l->nr_pt)
			return;
		l->nr_pt = 1 + tables_for(l->virt_base, l->boot_pages);
	}
}

static void plan_boot(struct dom0_layout *l, const struct elf_image *img)
{
	unsigned long pfn = pages_of(img->pa_end);

	if (l->initrd_mapped) {
		l->initrd_pfn = pfn;
		pfn += l->initrd_pages;
	}
	if (!l->p2m_apart) {
		l->p2m_pfn = pfn;
		l->p2m_va = l->virt_base + pfn * PAGE_SIZE;
		pfn += l->p2m_pages;
	}
	l->start_info_pfn = pfn++;
	l->pt_pfn = pfn;
	plan_tables(l);
}

static void plan_behind(struct dom0_layout *l)
{
	unsigned long pfn = l->boot_pages;

	if (!l->initrd_mapped) {
		l->initrd_pfn = pfn;
		pfn += l->initrd_pages;
	}
	if (l->p2m_apart) {
		l->p2m_pfn = pfn;
		l->p2m_pt_pfn = pfn + l->p2m_pages;
		l->nr_p2m_pt = tables_for(l->p2m_va, l->p2m_pages);
		pfn = l->p2m_pt_pfn + l->nr_p2m_pt;
	}
	l->used_pages = pfn;
}

int dom0_layout_plan(struct dom0_layout *l, const struct elf_image *img, u64 initrd_size, unsigned long nr_pages,
		     char *why, size_t why_size)
{
	unsigned long boot_last, p2m_last;

	*l = (struct dom0_layout){
		.virt_base = img->virt_base,
		.initrd_pages = pages_of(initrd_size),
		.initrd_mapped = !img->mod_start_pfn,
		.p2m_pages = pages_of(nr_pages * sizeof(unsigned long)),
		.p2m_va = img->init_p2m,
		.p2m_apart = elf_has_note(img, XEN_ELFNOTE_INIT_P2M),
	};
	plan_boot(l, img);
	plan_behind(l);
	if (!range_usable(l->virt_base, l->boot_pages)) {
		snprintf(why, why_size, "the boot mapping of %lu MiB at ELF note VIRT_BASE 0x%lx does not fit there",
			 l->boot_pages >> 8, l->virt_base);
		return -XEN_EINVAL;
	}
	if (!l->p2m_apart)
		return 0;
	boot_last = l->virt_base + l->boot_pages * PAGE_SIZE - 1;
	p2m_last = l->p2m_va + l->p2m_pages * PAGE_SIZE - 1;
	if (!range_usable(l->p2m_va, l->p2m_pages) ||
	    (l4_slot(l->p2m_va) <= l4_slot(boot_last) && l4_slot(l->virt_base) <= l4_slot(p2m_last))) {
		snprintf(why, why_size, "the p2m of %lu MiB at ELF note INIT_P2M 0x%lx does not fit there",
			 l->p2m_pages >> 8, l->p2m_va);
		return -XEN_EINVAL;
	}
	return 0;
}
