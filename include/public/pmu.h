/* SPDX-License-Identifier: MIT */
/*
 * xenpmu_op(cmd, arg): performance counters for guests. Here is what a guest passes when it asks for them at start-up,
 * so that it can be told no in good form. The sample page's layout is left out.
 */
#ifndef XEN_PUBLIC_PMU_H
#define XEN_PUBLIC_PMU_H

#include "xen.h"

#define XENPMU_VER_MAJ		0
#define XENPMU_VER_MIN		1

#define XENPMU_mode_get		0
#define XENPMU_mode_set		1
#define XENPMU_feature_get	2
#define XENPMU_feature_set	3
#define XENPMU_init		4	/* val: pfn of the vCPU's sample page */
#define XENPMU_finish		5
#define XENPMU_lvtpc_set	6
#define XENPMU_flush		7

/* val of mode_get and mode_set */
#define XENPMU_MODE_OFF		0
#define XENPMU_MODE_SELF	(1 << 0)	/* a guest measures itself */
#define XENPMU_MODE_HV		(1 << 1)	/* dom0 measures the hypervisor too */
#define XENPMU_MODE_ALL		(1 << 2)	/* dom0 measures everybody */

/* val of feature_get and feature_set */
#define XENPMU_FEATURE_INTEL_BTS	(1 << 0)
#define XENPMU_FEATURE_IPC_ONLY		(1 << 1)
#define XENPMU_FEATURE_ARCH_ONLY	(1 << 2)

#ifndef __ASSEMBLY__

struct xen_pmu_params {
	struct {
		uint32_t maj;
		uint32_t min;
	} version;		/* IN: what the guest was built for; OUT: what the hypervisor has */
	uint64_t val;
	uint32_t vcpu;		/* IN: init and finish */
	uint32_t pad;
};
typedef struct xen_pmu_params xen_pmu_params_t;
DEFINE_XEN_GUEST_HANDLE(xen_pmu_params_t);

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_PMU_H */
