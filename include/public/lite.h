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

#define LITEF_crash_reason	(1U << 0)
#define LITEF_counters		(1U << 1)
#define LITEF_memory		(1U << 2)

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

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_LITE_H */
