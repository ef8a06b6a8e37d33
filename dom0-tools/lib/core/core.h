/* SPDX-License-Identifier: MIT */
/*
 * The file of a core dump: ELF64, ET_CORE, in two readings of the same bytes.
 *
 * Its sections are those that Xen's tools write for a PV domain (.note.Xen, .xen_prstatus with a vcpu_guest_context for
 * each vCPU, .xen_shared_info, .xen_p2m with pairs of guest and machine frame, .xen_pages). Its segments are what gdb
 * wants: a note with the registers of each vCPU, and memory by virtual address, pointing into .xen_pages.
 *
 * Pure: knows nothing of domains; who fills a struct core reads them (xld/dump.c). The caller orders pages by pfn.
 * Pages are written by the caller at core_page_offset(); one that is left out reads as zeroes.
 */
#ifndef LIB_CORE_CORE_H
#define LIB_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORE_PAGE		4096
#define CORE_SEGMENTS_MAX	0xff00	/* what fits into an ELF header's count, with the note */

struct vcpu_guest_context;
struct xenctl_version;

struct core_page {
	uint64_t pfn, mfn;
};

struct core_segment {
	uint64_t vaddr, first, n;	/* n pages from page `first` of the file on */
	uint32_t flags;			/* PF_* */
};

struct core {
	const struct xenctl_version *version;
	const struct vcpu_guest_context *vcpu;
	unsigned int nr_vcpus;
	const void *shared_info;	/* CORE_PAGE bytes */
	const struct core_page *page;
	uint64_t nr_pages;
	struct core_segment *segment;
	size_t nr_segments, max_segments;
	bool no_segments;		/* leave them out of the file */
	bool truncated;			/* there were more than CORE_SEGMENTS_MAX */
};

/* Page i of the file is at this address. Neighbours become one segment. */
void core_map(struct core *c, uint64_t vaddr, uint64_t i, uint32_t flags);
uint64_t core_page_offset(const struct core *c, uint64_t i);
/* All but the pages. 0, or -errno. */
int core_write(const struct core *c, int fd);
void core_free(struct core *c);			/* the segments */

#endif
