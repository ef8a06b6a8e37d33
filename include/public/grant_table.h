/* SPDX-License-Identifier: MIT */
/*
 * grant_table_op(cmd, array, count): a domain lets another one map or copy some of its pages. The granting domain
 * writes an entry into its grant table, memory shared with the hypervisor, and tells the other side the index (the
 * reference).
 *
 * Each array element has its own `status`, GNTST_*; the hypercall fails only if the array as a whole is unusable.
 * Fields marked IN are written by the caller, OUT by the hypervisor.
 */
#ifndef XEN_PUBLIC_GRANT_TABLE_H
#define XEN_PUBLIC_GRANT_TABLE_H

#include "xen.h"

#define GNTTABOP_map_grant_ref		0
#define GNTTABOP_unmap_grant_ref	1
#define GNTTABOP_setup_table		2
#define GNTTABOP_dump_table		3
#define GNTTABOP_transfer		4
#define GNTTABOP_copy			5
#define GNTTABOP_query_size		6
#define GNTTABOP_unmap_and_replace	7
#define GNTTABOP_set_version		8
#define GNTTABOP_get_status_frames	9
#define GNTTABOP_get_version		10
#define GNTTABOP_swap_grant_ref		11
#define GNTTABOP_cache_flush		12

/* Entries at the start of the table that the domain builder fills in. */
#define GNTTAB_NR_RESERVED_ENTRIES	8
#define GNTTAB_RESERVED_CONSOLE		0
#define GNTTAB_RESERVED_XENSTORE	1

/*
 * Flags of an entry. The granting domain writes the type last, after a barrier. The hypervisor sets reading and writing
 * while the page is in use; the domain ends a grant by changing flags to 0 with a compare-and-exchange, and only if
 * neither is set.
 */
#define GTF_invalid			(0U << 0)
#define GTF_permit_access		(1U << 0)
#define GTF_accept_transfer		(2U << 0)
#define GTF_transitive			(3U << 0)	/* version 2 */
#define GTF_type_mask			(3U << 0)
#define _GTF_readonly			(2)
#define GTF_readonly			(1U << _GTF_readonly)
#define _GTF_reading			(3)
#define GTF_reading			(1U << _GTF_reading)
#define _GTF_writing			(4)
#define GTF_writing			(1U << _GTF_writing)
#define _GTF_PWT			(5)
#define GTF_PWT				(1U << _GTF_PWT)	/* cache attributes for mappings */
#define _GTF_PCD			(6)
#define GTF_PCD				(1U << _GTF_PCD)
#define _GTF_PAT			(7)
#define GTF_PAT				(1U << _GTF_PAT)
#define _GTF_sub_page			(8)
#define GTF_sub_page			(1U << _GTF_sub_page)	/* version 2 */

/* Flags of an accept_transfer entry: set by the hypervisor when the frame is chosen, and when it is there. */
#define _GTF_transfer_committed		(2)
#define GTF_transfer_committed		(1U << _GTF_transfer_committed)
#define _GTF_transfer_completed		(3)
#define GTF_transfer_completed		(1U << _GTF_transfer_completed)

/* gnttab_map_grant_ref.flags */
#define _GNTMAP_device_map		(0)
#define GNTMAP_device_map		(1 << _GNTMAP_device_map)	/* for DMA: dev_bus_addr OUT */
#define _GNTMAP_host_map		(1)
#define GNTMAP_host_map			(1 << _GNTMAP_host_map)		/* at host_addr */
#define _GNTMAP_readonly		(2)
#define GNTMAP_readonly			(1 << _GNTMAP_readonly)
#define _GNTMAP_application_map		(3)
#define GNTMAP_application_map		(1 << _GNTMAP_application_map)	/* user mode may access it */
#define _GNTMAP_contains_pte		(4)
#define GNTMAP_contains_pte		(1 << _GNTMAP_contains_pte)	/* host_addr is the machine address of a PTE */
#define _GNTMAP_guest_avail0		(16)
#define GNTMAP_guest_avail_mask		((uint32_t)~0 << _GNTMAP_guest_avail0)	/* to the PTE's available bits */

/* gnttab_copy.flags: that side is a grant reference, otherwise a frame. */
#define _GNTCOPY_source_gref		(0)
#define GNTCOPY_source_gref		(1 << _GNTCOPY_source_gref)
#define _GNTCOPY_dest_gref		(1)
#define GNTCOPY_dest_gref		(1 << _GNTCOPY_dest_gref)

/* gnttab_cache_flush.op */
#define GNTTAB_CACHE_CLEAN		(1U << 0)
#define GNTTAB_CACHE_INVAL		(1U << 1)
#define GNTTAB_CACHE_SOURCE_GREF	(1U << 31)

/* Status of one element. */
#define GNTST_okay			(0)
#define GNTST_general_error		(-1)
#define GNTST_bad_domain		(-2)	/* no such domain */
#define GNTST_bad_gntref		(-3)	/* no such grant, or not for the caller */
#define GNTST_bad_handle		(-4)	/* not a handle of a mapping */
#define GNTST_bad_virt_addr		(-5)	/* host_addr cannot be mapped there */
#define GNTST_bad_dev_addr		(-6)
#define GNTST_no_device_space		(-7)	/* IOMMU full */
#define GNTST_permission_denied		(-8)
#define GNTST_bad_page			(-9)	/* the granted frame cannot be used */
#define GNTST_bad_copy_arg		(-10)	/* copy crosses a page */
#define GNTST_address_too_big		(-11)	/* frame number does not fit */
#define GNTST_eagain			(-12)	/* try again */
#define GNTST_no_space			(-13)	/* no handle left, or table full */

#ifndef __ASSEMBLY__

typedef uint32_t grant_ref_t;
typedef uint32_t grant_handle_t;

/* Version 1 entry. Written by the granting domain, except for GTF_reading and GTF_writing. */
struct grant_entry_v1 {
	uint16_t flags;			/* GTF_* */
	domid_t domid;			/* who may use it */
	uint32_t frame;			/* mfn; so frames above 16 TiB need version 2 */
};
typedef struct grant_entry_v1 grant_entry_v1_t;

/* Version 2 entry; GTF_reading and GTF_writing are in a page of grant_status_t instead. */
struct grant_entry_header {
	uint16_t flags;			/* GTF_* */
	domid_t domid;
};
typedef struct grant_entry_header grant_entry_header_t;

union grant_entry_v2 {
	grant_entry_header_t hdr;
	struct {
		grant_entry_header_t hdr;
		uint32_t pad0;
		uint64_t frame;
	} full_page;
	struct {
		grant_entry_header_t hdr;
		uint16_t page_off;	/* bytes */
		uint16_t length;	/* bytes */
		uint64_t frame;
	} sub_page;
	struct {
		grant_entry_header_t hdr;
		domid_t trans_domid;	/* whose reference it stands for */
		uint16_t pad0;
		grant_ref_t gref;
	} transitive;
	uint32_t __spacer[4];
};
typedef union grant_entry_v2 grant_entry_v2_t;

typedef uint16_t grant_status_t;

struct gnttab_map_grant_ref {
	uint64_t host_addr;		/* IN: virtual address, or machine address of a PTE */
	uint32_t flags;			/* IN: GNTMAP_* */
	grant_ref_t ref;		/* IN */
	domid_t dom;			/* IN: the granting domain */
	int16_t status;			/* OUT */
	grant_handle_t handle;		/* OUT: for unmap */
	uint64_t dev_bus_addr;		/* OUT: machine address */
};
typedef struct gnttab_map_grant_ref gnttab_map_grant_ref_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_map_grant_ref_t);

/* Undo host and device mapping whose address is not 0; the handle is free when both are gone. */
struct gnttab_unmap_grant_ref {
	uint64_t host_addr;		/* IN */
	uint64_t dev_bus_addr;		/* IN */
	grant_handle_t handle;		/* IN */
	int16_t status;			/* OUT */
};
typedef struct gnttab_unmap_grant_ref gnttab_unmap_grant_ref_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_unmap_grant_ref_t);

/* The table's frames; it grows to nr_frames if it is smaller. One element per call. */
struct gnttab_setup_table {
	domid_t dom;			/* IN */
	uint32_t nr_frames;		/* IN */
	int16_t status;			/* OUT */
	XEN_GUEST_HANDLE(xen_pfn_t) frame_list;	/* OUT: mfns */
};
typedef struct gnttab_setup_table gnttab_setup_table_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_setup_table_t);

struct gnttab_dump_table {
	domid_t dom;			/* IN */
	int16_t status;			/* OUT */
};
typedef struct gnttab_dump_table gnttab_dump_table_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_dump_table_t);

/* Give a frame away to a domain that has an accept_transfer entry. */
struct gnttab_transfer {
	xen_pfn_t mfn;			/* IN */
	domid_t domid;			/* IN */
	grant_ref_t ref;		/* IN: of the receiver */
	int16_t status;			/* OUT */
};
typedef struct gnttab_transfer gnttab_transfer_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_transfer_t);

/* Copy bytes within one page on either side. */
struct gnttab_copy {
	struct gnttab_copy_ptr {
		union {
			grant_ref_t ref;
			xen_pfn_t gmfn;
		} u;
		domid_t domid;
		uint16_t offset;	/* bytes */
	} source, dest;			/* IN */
	uint16_t len;			/* IN: bytes */
	uint16_t flags;			/* IN: GNTCOPY_* */
	int16_t status;			/* OUT */
};
typedef struct gnttab_copy gnttab_copy_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_copy_t);

struct gnttab_query_size {
	domid_t dom;			/* IN */
	uint32_t nr_frames;		/* OUT: pages of the table now */
	uint32_t max_nr_frames;		/* OUT */
	int16_t status;			/* OUT */
};
typedef struct gnttab_query_size gnttab_query_size_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_query_size_t);

/* Unmap, and put the page that is mapped at new_addr there instead; nothing is mapped at new_addr afterwards. */
struct gnttab_unmap_and_replace {
	uint64_t host_addr;		/* IN */
	uint64_t new_addr;		/* IN */
	grant_handle_t handle;		/* IN */
	int16_t status;			/* OUT */
};
typedef struct gnttab_unmap_and_replace gnttab_unmap_and_replace_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_unmap_and_replace_t);

/* Only while no entry is in use. */
struct gnttab_set_version {
	uint32_t version;		/* IN: wanted; OUT: in force */
};
typedef struct gnttab_set_version gnttab_set_version_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_set_version_t);

struct gnttab_get_status_frames {
	uint32_t nr_frames;		/* IN */
	domid_t dom;			/* IN */
	int16_t status;			/* OUT */
	XEN_GUEST_HANDLE(uint64_t) frame_list;	/* OUT: mfns */
};
typedef struct gnttab_get_status_frames gnttab_get_status_frames_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_get_status_frames_t);

struct gnttab_get_version {
	domid_t dom;			/* IN */
	uint16_t pad;
	uint32_t version;		/* OUT */
};
typedef struct gnttab_get_version gnttab_get_version_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_get_version_t);

/* Two entries of the caller's table trade places; neither may be in use. */
struct gnttab_swap_grant_ref {
	grant_ref_t ref_a;		/* IN */
	grant_ref_t ref_b;		/* IN */
	int16_t status;			/* OUT */
};
typedef struct gnttab_swap_grant_ref gnttab_swap_grant_ref_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_swap_grant_ref_t);

struct gnttab_cache_flush {
	union {
		uint64_t dev_bus_addr;
		grant_ref_t ref;
	} a;				/* IN */
	uint16_t offset;		/* IN: bytes in the page */
	uint16_t length;		/* IN: bytes */
	uint32_t op;			/* IN: GNTTAB_CACHE_* */
};
typedef struct gnttab_cache_flush gnttab_cache_flush_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_cache_flush_t);

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_GRANT_TABLE_H */
