/* SPDX-License-Identifier: MIT */
/*
 * lite_op(cmd, arg): what this hypervisor offers beyond the Xen interface. A guest first asks for LITEOP_features and
 * uses what has its bit set. A hypervisor without the hypercall answers -ENOSYS, which means the same as no bit at all,
 * so a kernel that asks runs there unchanged.
 *
 * Fields marked IN are written by the caller, OUT by the hypervisor.
 */
#ifndef XEN_PUBLIC_LITE_H
#define XEN_PUBLIC_LITE_H

#include "xen.h"

/* The last of the numbers that the interface leaves to architectures. */
#define __HYPERVISOR_lite_op	__HYPERVISOR_arch_7

/* No argument. Returns the bits (LITEF_*) of the extensions that the caller may use. Unknown operations: -ENOSYS. */
#define LITEOP_features		0
/* struct xen_lite_crash_reason. dom0 only (-EPERM); -ESRCH. */
#define LITEOP_crash_reason	1
/* struct xen_lite_counters. Another domain than the own one: dom0 only. */
#define LITEOP_counters		2
/* struct xen_lite_memory. dom0 only (-EPERM). */
#define LITEOP_memory		3
/* struct xen_lite_pt_exchange */
#define LITEOP_pt_exchange	4
/* struct xen_lite_allow. dom0 only (-EPERM), before the domain first runs (-EBUSY); -ESRCH; -EINVAL: no such bit. */
#define LITEOP_allow		5
/* struct xen_lite_free_pages. -ENODATA: the domain is not logged, so nobody wants to know. */
#define LITEOP_free_pages	6
/* struct xen_lite_unneeded. dom0 only (-EPERM); -ESRCH; -EINVAL: a bitmap is asked for and the domain is not logged. */
#define LITEOP_unneeded		7
/*
 * struct xen_lite_copy_frames. dom0 only (-EPERM); -ESRCH; -EINVAL: a frame that is not the domain's, or that may not be written
 * to; -EFAULT: the buffer, or the list.
 */
#define LITEOP_copy_frames	8
/* struct xen_lite_soft_dirty. -EINVAL: not such a bit. */
#define LITEOP_soft_dirty	9

#define LITEF_crash_reason	(1U << 0)
#define LITEF_counters		(1U << 1)
#define LITEF_memory		(1U << 2)
#define LITEF_pt_exchange	(1U << 3)
#define LITEF_allow		(1U << 4)
#define LITEF_shared_tables	(1U << 5)	/* the caller may turn on VMASST_TYPE_lite_shared_tables */
#define LITEF_free_pages	(1U << 6)
#define LITEF_copy_frames	(1U << 7)
#define LITEF_soft_dirty	(1U << 8)
#define LITEF_direct_entry	(1U << 9)	/* the caller may turn on VMASST_TYPE_lite_direct_entry */

/*
 * A type of vm_assist: user code runs on the kernel's top-level table, so that no change between the two loads CR3. What
 * the user table says has no meaning then. User code of the domain can reach its kernel's memory: only for a domain
 * that trusts its own programs. Without permission (LITEF_shared_tables): -EPERM. In a context that is set for a domain
 * without permission the bit is ignored: a kernel keeps its user tables, and so runs on with them.
 */
#define VMASST_TYPE_lite_shared_tables	62

/*
 * A type of vm_assist: user code may enter its kernel by a jump, and the kernel leave by one, without the hypervisor. The caller
 * may use the instructions that read and write the FS and GS bases. Whoever enters sets the byte at LITE_INFO_in_kernel of the
 * vCPU's struct vcpu_info to 1; from then on the vCPU is in kernel mode: traps and events are delivered below its stack pointer.
 * Whoever leaves sets it to 0. While it is 1 the GS base may be the kernel's or still the user's; before the kernel writes
 * its own it puts the user's into arch.pad of struct vcpu_info.
 *
 * When the hypervisor is entered and finds a 1 it makes the mode and the bases those of a kernel that was entered in the
 * usual way, and sets the byte to 0: who finds it so leaves by the iret hypercall. In between, where the mode is still (or
 * again) user and stack pointer or GS base are not the user's, a frame says so: they are for the kernel to mend.
 *
 * Needs LITEF_direct_entry, which a processor without FSGSBASE does not have: -EPERM. In contexts like the one above.
 */
#define VMASST_TYPE_lite_direct_entry	61
#define LITE_INFO_in_kernel		2

/* Raised at vCPU 0 when the domain begins to be logged: a good time to name free pages (LITEOP_free_pages). */
#define VIRQ_LITE_LOGGED	VIRQ_ARCH_7

/* Index of xen_lite_counters.count: what costs time, summed over the vCPUs since they were made. */
#define LITE_COUNT_CR3		0	/* loads of the top-level table on behalf of the domain */
#define LITE_COUNT_FLUSH	1	/* TLB flushes */
#define LITE_COUNT_HYPERCALL	2
#define LITE_COUNT_TRAP		3	/* exceptions taken in the domain */
#define LITE_COUNT_EMULATE	4	/* instructions emulated */
#define LITE_COUNT_BOUNCE	5	/* traps and events handed to the guest kernel */
#define LITE_COUNT_SWITCH	6	/* times a vCPU was switched to */
#define LITE_NR_COUNTS		8

#ifndef __ASSEMBLY__

/* Why a domain shut down with SHUTDOWN_crash or SHUTDOWN_watchdog, in words; empty if it did not. */
struct xen_lite_crash_reason {
	domid_t domid;			/* IN */
	uint16_t pad[3];
	char reason[96];		/* OUT: ends in a zero byte */
};

struct xen_lite_counters {
	domid_t domid;			/* IN: DOMID_SELF for the own one */
	uint16_t pad[3];
	uint64_t count[LITE_NR_COUNTS];	/* OUT */
};

/*
 * Where the machine's RAM is, in frames, all OUT. When nothing is being moved, free + hypervisor + what the domains own
 * (dying ones too) is total.
 */
struct xen_lite_memory {
	uint64_t total;
	uint64_t free;
	uint64_t hypervisor;		/* its image, tables, heap, and pages that it shares with domains */
};

/*
 * mmu_update that says what was there: each request changes an L1 entry of the caller's own page tables, and its
 * val becomes the entry that it replaced, with the accessed and dirty bits at that instant. Commands:
 * MMU_NORMAL_PT_UPDATE and MMU_PT_UPDATE_PRESERVE_AD (the new entry gets these two bits of the old one). Requests
 * are carried out in order; the first that fails stops, its entry and its val are unchanged, and `done` is how many
 * went before.
 *
 * -EINVAL: no such entry or command, an entry that mmu_update would refuse; -EFAULT: the list cannot be read and
 * written.
 */
struct xen_lite_pt_exchange {
	XEN_GUEST_HANDLE(mmu_update_t) list;	/* IN and OUT */
	uint32_t count;				/* IN: requests in the list */
	uint32_t done;				/* IN: those to leave out at its beginning, 0; OUT */
};

/* What a domain may ask for that is not for every one. dom0 may without being told. */
struct xen_lite_allow {
	domid_t domid;			/* IN */
	uint16_t pad[3];
	uint64_t features;		/* IN: of LITEF_shared_tables; replaces what was allowed before */
};

struct xen_lite_range {
	uint64_t pfn, count;		/* count: up to 32768 */
};
typedef struct xen_lite_range xen_lite_range_t;
DEFINE_XEN_GUEST_HANDLE(xen_lite_range_t);

/*
 * While it is logged (live migration, save) a domain may name pages whose contents it does not need, until it writes to them. A
 * page is taken off again at the first write, whoever makes it. So that none is lost nobody may write to a page between
 * its being free and this call: name pages under the lock that they are handed out under. A page that has been
 * written since the log was emptied last goes out in any case.
 */
struct xen_lite_free_pages {
	XEN_GUEST_HANDLE(xen_lite_range_t) list;	/* IN */
	uint32_t count;			/* IN: ranges in the list */
	uint32_t done;			/* IN: those to leave out at its beginning, 0; OUT */
	uint32_t last;			/* IN: not 0: these were all */
	uint32_t pad;
};

#define LITE_HINTS_none		0	/* the domain does not listen to VIRQ_LITE_LOGGED */
#define LITE_HINTS_asked	1
#define LITE_HINTS_all		2	/* it has named its free pages since it has been logged */

/*
 * Pages of a logged domain that need not be copied: as long as a page is here, it had not been written since it was named when the
 * log was emptied last. Whatever is written afterwards is in the log the next time; so of a domain that has been stopped empty
 * the log once more before this.
 */
struct xen_lite_unneeded {
	domid_t domid;			/* IN */
	uint16_t pad[3];
	uint64_t pages;			/* IN: bits that there is room for */
	uint64_t next;			/* IN: 0 */
	XEN_GUEST_HANDLE(uint8) bitmap;	/* OUT, a bit for each pfn; NULL: only the state is wanted */
	uint32_t state;			/* OUT: LITE_HINTS_* */
	uint32_t pad2;
};

#define LITE_COPY_in		0x1		/* into the domain, else out of it */
#define LITE_COPY_no_frame	(~0UL)		/* in the list: leave out this one and its page of the buffer */

/*
 * Copies whole pages, in order; the first that fails stops, and `done` is how many went before. A frame that is written to
 * must be one that could be mapped writable: no page table.
 */
struct xen_lite_copy_frames {
	domid_t domid;			/* IN */
	uint16_t flags;			/* IN: LITE_COPY_in or 0 */
	uint32_t count;			/* IN: frames in the list */
	uint32_t done;			/* IN: those to leave out at its beginning, 0; OUT */
	uint32_t pad;
	XEN_GUEST_HANDLE(xen_pfn_t) list;	/* IN: machine frames */
	XEN_GUEST_HANDLE(uint8) buffer;	/* a page for each frame: IN for a copy into the domain, else OUT */
};

/*
 * The caller's kernel promises that a bit of its L1 page-table entries means dirty as well as the dirty bit does, and that it
 * clears both where it clears one. While the domain is logged the hypervisor may then, in a present entry, clear the dirty
 * bit and set this one, at any time, and does without write faults. MMU_PT_UPDATE_PRESERVE_AD keeps the bit too. Holds from the
 * next time on when the domain begins to be logged, until it ends or is saved: a kernel says it again after a resume.
 */
struct xen_lite_soft_dirty {
	uint64_t bit;			/* IN: one of bits 9 to 11 and 52 to 62; 0: none any more */
};

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_LITE_H */
