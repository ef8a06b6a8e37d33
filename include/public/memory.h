/* SPDX-License-Identifier: MIT */
/*
 * memory_op(cmd, arg): which frames a domain has, and where. The first six bits of `cmd` are the operation; the
 * hypervisor keeps the progress of a long one in the bits above and calls itself again, so a guest passes zero there.
 *
 * Memory comes and goes in extents of 2^order frames. Unless said otherwise a frame list is machine frames, 8 bytes
 * each. Fields marked IN are written by the guest, OUT by the hypervisor.
 */
#ifndef XEN_PUBLIC_MEMORY_H
#define XEN_PUBLIC_MEMORY_H

#include "physdev.h"
#include "xen.h"

#define XENMEM_increase_reservation		0	/* xen_memory_reservation; list OUT; returns extents done */
#define XENMEM_decrease_reservation		1	/* xen_memory_reservation; list IN; returns extents done */
#define XENMEM_maximum_ram_page			2	/* no argument; returns the highest mfn */
#define XENMEM_current_reservation		3	/* xen_memory_domain; returns pages */
#define XENMEM_maximum_reservation		4	/* xen_memory_domain; returns pages */
#define XENMEM_machphys_mfn_list		5	/* xen_machphys_mfn_list */
#define XENMEM_populate_physmap			6	/* xen_memory_reservation; list IN pfns, OUT mfns */
#define XENMEM_add_to_physmap			7	/* xen_add_to_physmap */
#define XENMEM_memory_map			9	/* xen_memory_map; -ENOSYS if the domain has none */
#define XENMEM_machine_memory_map		10	/* xen_memory_map; dom0 only */
#define XENMEM_exchange				11	/* xen_memory_exchange */
#define XENMEM_machphys_mapping			12	/* xen_machphys_mapping */
#define XENMEM_set_memory_map			13	/* xen_foreign_memory_map */
#define XENMEM_maximum_gpfn			14	/* xen_memory_domain; returns the highest pfn */
#define XENMEM_remove_from_physmap		15	/* xen_remove_from_physmap */
#define XENMEM_set_pod_target			16
#define XENMEM_get_pod_target			17
#define XENMEM_get_sharing_freed_pages		18
#define XENMEM_get_sharing_shared_pages		19
#define XENMEM_paging_op			20
#define XENMEM_access_op			21
#define XENMEM_sharing_op			22
#define XENMEM_add_to_physmap_batch		23	/* xen_add_to_physmap_batch */
#define XENMEM_claim_pages			24	/* xen_memory_reservation: nr_extents pages; 0 ends the claim */
#define XENMEM_machphys_compat_mfn_list		25
#define XENMEM_get_vnumainfo			26	/* xen_vnuma_topology_info */
#define XENMEM_reserved_device_memory_map	27	/* xen_reserved_device_memory_map */
#define XENMEM_acquire_resource			28	/* xen_mem_acquire_resource */

/* xen_memory_reservation.mem_flags */
#define XENMEMF_address_bits(x)		(x)			/* frames below 2^x bytes; 0: anywhere */
#define XENMEMF_get_address_bits(x)	((x) & 0xffu)
#define XENMEMF_node(x)			(((x) + 1) << 8)	/* preferred NUMA node */
#define XENMEMF_get_node(x)		((((x) >> 8) - 1) & 0xffu)
#define XENMEMF_populate_on_demand	(1 << 16)
#define XENMEMF_exact_node_request	(1 << 17)		/* that node or none */
#define XENMEMF_exact_node(n)		(XENMEMF_node(n) | XENMEMF_exact_node_request)
#define XENMEMF_vnode			(1 << 18)		/* the node is one of the domain's virtual ones */

/* xen_add_to_physmap.space: what is put into the guest's frame */
#define XENMAPSPACE_shared_info		0
#define XENMAPSPACE_grant_table		1	/* idx: page of the table, or with XENMAPIDX_.. of the status frames */
#define XENMAPSPACE_gmfn		2
#define XENMAPSPACE_gmfn_range		3
#define XENMAPSPACE_gmfn_foreign	4
#define XENMAPSPACE_dev_mmio		5
#define XENMAPIDX_grant_table_status	0x80000000

/* xen_reserved_device_memory_map.flags: of all devices, not of one. */
#define XENMEM_RDM_ALL			1

/* xen_mem_acquire_resource.type and .id */
#define XENMEM_resource_ioreq_server		0
#define XENMEM_resource_grant_table		1
#define XENMEM_resource_vmtrace_buf		2
#define XENMEM_resource_grant_table_id_shared	0
#define XENMEM_resource_grant_table_id_status	1

/* xen_e820_entry.type, as the firmware defines it */
#define XEN_E820_RAM		1
#define XEN_E820_RESERVED	2
#define XEN_E820_ACPI		3
#define XEN_E820_NVS		4
#define XEN_E820_UNUSABLE	5

#ifndef __ASSEMBLY__

struct xen_memory_reservation {
	XEN_GUEST_HANDLE(xen_pfn_t) extent_start;	/* frame list, one word per extent */
	xen_ulong_t nr_extents;				/* IN */
	unsigned int extent_order;			/* IN */
	unsigned int mem_flags;				/* IN: XENMEMF_* */
	domid_t domid;					/* IN: DOMID_SELF, or another with dom0's rights */
};
typedef struct xen_memory_reservation xen_memory_reservation_t;
DEFINE_XEN_GUEST_HANDLE(xen_memory_reservation_t);

/*
 * Give frames of one extent size for the same number of frames of another, or below an address limit.
 * in.extent_start: IN, mfns given; out.extent_start: IN, pfns to put the new ones at, OUT, mfns got. On failure
 * nr_exchanged says how many input extents were exchanged; if it is 0 nothing has changed.
 */
struct xen_memory_exchange {
	struct xen_memory_reservation in;
	struct xen_memory_reservation out;
	xen_ulong_t nr_exchanged;			/* IN: 0; OUT */
};
typedef struct xen_memory_exchange xen_memory_exchange_t;
DEFINE_XEN_GUEST_HANDLE(xen_memory_exchange_t);

/* Argument of the operations that only ask about a domain. */
struct xen_memory_domain {
	domid_t domid;					/* IN */
};

/* Frames of the machine-to-physical table, one per 2 MiB of it; tools map them. */
struct xen_machphys_mfn_list {
	unsigned int max_extents;			/* IN: room */
	XEN_GUEST_HANDLE(xen_pfn_t) extent_start;	/* OUT */
	unsigned int nr_extents;			/* OUT */
};
typedef struct xen_machphys_mfn_list xen_machphys_mfn_list_t;
DEFINE_XEN_GUEST_HANDLE(xen_machphys_mfn_list_t);

/* Where the machine-to-physical table is in the caller's address space. */
struct xen_machphys_mapping {
	xen_ulong_t v_start, v_end;			/* OUT: virtual */
	xen_ulong_t max_mfn;				/* OUT */
};
typedef struct xen_machphys_mapping xen_machphys_mapping_t;
DEFINE_XEN_GUEST_HANDLE(xen_machphys_mapping_t);

struct xen_add_to_physmap {
	domid_t domid;					/* IN */
	uint16_t size;					/* IN: pages, for gmfn_range */
	unsigned int space;				/* IN: XENMAPSPACE_* */
	xen_ulong_t idx;				/* IN: index in the source space */
	xen_pfn_t gpfn;					/* IN: where to */
};
typedef struct xen_add_to_physmap xen_add_to_physmap_t;
DEFINE_XEN_GUEST_HANDLE(xen_add_to_physmap_t);

struct xen_add_to_physmap_batch {
	domid_t domid;					/* IN */
	uint16_t space;					/* IN: XENMAPSPACE_* */
	uint16_t size;					/* IN: entries of each list */
	union xen_add_to_physmap_batch_extra {
		domid_t foreign_domid;			/* IN, gmfn_foreign */
		uint16_t res0;				/* otherwise 0 */
	} u;
	XEN_GUEST_HANDLE(xen_ulong_t) idxs;		/* IN */
	XEN_GUEST_HANDLE(xen_pfn_t) gpfns;		/* IN */
	XEN_GUEST_HANDLE(int) errs;			/* OUT: 0 or -errno of each */
};
typedef struct xen_add_to_physmap_batch xen_add_to_physmap_batch_t;
DEFINE_XEN_GUEST_HANDLE(xen_add_to_physmap_batch_t);

struct xen_remove_from_physmap {
	domid_t domid;					/* IN */
	xen_pfn_t gpfn;					/* IN */
};
typedef struct xen_remove_from_physmap xen_remove_from_physmap_t;
DEFINE_XEN_GUEST_HANDLE(xen_remove_from_physmap_t);

/* A memory map: struct xen_e820_entry, one after the other. */
struct xen_memory_map {
	unsigned int nr_entries;			/* IN: room; OUT: entries */
	XEN_GUEST_HANDLE(void) buffer;			/* OUT; IN for set_memory_map */
};
typedef struct xen_memory_map xen_memory_map_t;
DEFINE_XEN_GUEST_HANDLE(xen_memory_map_t);

/* 20 bytes each, without padding. */
struct xen_e820_entry {
	uint64_t addr;					/* physical, bytes */
	uint64_t size;					/* bytes */
	uint32_t type;					/* XEN_E820_* */
} __attribute__((packed));

struct xen_foreign_memory_map {
	domid_t domid;					/* IN */
	struct xen_memory_map map;			/* IN */
};
typedef struct xen_foreign_memory_map xen_foreign_memory_map_t;
DEFINE_XEN_GUEST_HANDLE(xen_foreign_memory_map_t);

/* Populate on demand. Not for PV. */
struct xen_pod_target {
	uint64_t target_pages;				/* IN */
	uint64_t tot_pages;				/* OUT */
	uint64_t pod_cache_pages;			/* OUT */
	uint64_t pod_entries;				/* OUT */
	domid_t domid;					/* IN */
};
typedef struct xen_pod_target xen_pod_target_t;

struct xen_reserved_device_memory {
	xen_pfn_t start_pfn;
	xen_ulong_t nr_pages;
};
typedef struct xen_reserved_device_memory xen_reserved_device_memory_t;
DEFINE_XEN_GUEST_HANDLE(xen_reserved_device_memory_t);

struct xen_reserved_device_memory_map {
	uint32_t flags;					/* IN: XENMEM_RDM_ALL */
	unsigned int nr_entries;			/* IN: room; OUT: entries, -ENOBUFS if more than room */
	XEN_GUEST_HANDLE(xen_reserved_device_memory_t) buffer;	/* OUT */
	union {
		physdev_pci_device_t pci;
	} dev;						/* IN */
};
typedef struct xen_reserved_device_memory_map xen_reserved_device_memory_map_t;
DEFINE_XEN_GUEST_HANDLE(xen_reserved_device_memory_map_t);

/* Pages of the hypervisor that belong to a domain, for a tool to map. nr_frames 0 asks for the size of the resource. */
struct xen_mem_acquire_resource {
	domid_t domid;					/* IN */
	uint16_t type;					/* IN: XENMEM_resource_* */
	uint32_t id;					/* IN: which of that type */
	uint32_t nr_frames;				/* IN; OUT if it was 0 */
	uint32_t pad;					/* IN: 0 */
	uint64_t frame;					/* IN: first one */
	XEN_GUEST_HANDLE(xen_pfn_t) frame_list;		/* OUT: mfns */
};
typedef struct xen_mem_acquire_resource xen_mem_acquire_resource_t;
DEFINE_XEN_GUEST_HANDLE(xen_mem_acquire_resource_t);

/* One piece of a virtual NUMA node: pseudo-physical bytes, `end` excluded. */
struct xen_vmemrange {
	uint64_t start, end;
	unsigned int flags;				/* 0 */
	unsigned int nid;				/* virtual node */
};
typedef struct xen_vmemrange xen_vmemrange_t;
DEFINE_XEN_GUEST_HANDLE(xen_vmemrange_t);

/* A domain's virtual NUMA. -EOPNOTSUPP if it has none; -ENOBUFS, with the counts filled in, if there is no room. */
struct xen_vnuma_topology_info {
	domid_t domid;					/* IN */
	uint16_t pad;
	unsigned int nr_vnodes;				/* IN: room; OUT */
	unsigned int nr_vcpus;				/* IN: room; OUT */
	unsigned int nr_vmemranges;			/* IN: room; OUT */
	union {
		XEN_GUEST_HANDLE(uint) h;
		uint64_t pad;
	} vdistance;					/* OUT: nr_vnodes squared */
	union {
		XEN_GUEST_HANDLE(uint) h;
		uint64_t pad;
	} vcpu_to_vnode;				/* OUT */
	union {
		XEN_GUEST_HANDLE(xen_vmemrange_t) h;
		uint64_t pad;
	} vmemrange;					/* OUT */
};
typedef struct xen_vnuma_topology_info xen_vnuma_topology_info_t;
DEFINE_XEN_GUEST_HANDLE(xen_vnuma_topology_info_t);

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_MEMORY_H */
