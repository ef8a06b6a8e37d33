/* SPDX-License-Identifier: MIT */
/* Where everything goes in dom0's first address space. Pure arithmetic: pv/dom0_layout.c, also built on the host. */
#ifndef XL_DOM0_LAYOUT_H
#define XL_DOM0_LAYOUT_H

#include <xl/types.h>
#include <xl/elf.h>

/*
 * From virt_base on, pfn 0 first: kernel | initrd | p2m | start_info | page tables | boot stack | padding of at
 * least 512 KiB up to a multiple of 4 MiB. The initrd follows behind all that, unmapped, for a kernel with ELF
 * note MOD_START_PFN; a kernel with INIT_P2M has its p2m there, mapped at its own address by page tables that lie
 * behind it.
 */
struct dom0_layout {
	unsigned long virt_base;
	unsigned long boot_pages;	/* mapped from virt_base */
	unsigned long initrd_pfn, initrd_pages;
	bool initrd_mapped;
	unsigned long p2m_va, p2m_pfn, p2m_pages;
	bool p2m_apart;			/* not in the boot mapping */
	unsigned long start_info_pfn, stack_pfn;
	unsigned long pt_pfn, nr_pt;	/* tables of the boot mapping, the L4 first */
	unsigned long p2m_pt_pfn, nr_p2m_pt;
	unsigned long used_pages;	/* pfns below this are spoken for */
};

/*
 * 0; -XEN_EINVAL: an address of the image is impossible, the reason goes to why. That used_pages may exceed
 * nr_pages is for the caller to see.
 */
int dom0_layout_plan(struct dom0_layout *l, const struct elf_image *img, u64 initrd_size, unsigned long nr_pages,
		     char *why, size_t why_size);

/* Is this a frame of a page table, which must be mapped read-only? */
static inline bool dom0_layout_is_pt(const struct dom0_layout *l, unsigned long pfn)
{
	return pfn - l->pt_pfn < l->nr_pt || pfn - l->p2m_pt_pfn < l->nr_p2m_pt;
}

#endif
