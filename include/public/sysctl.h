/* SPDX-License-Identifier: MIT */
/*
 * sysctl(op): how tools in dom0 ask about and steer the host as a whole. Same form as domctl, without a domain: a wrong
 * interface_version is -EACCES, an unknown command -ENOSYS, no rights -EPERM.
 *
 * All command numbers of the interface are here, and the arguments that a toolstack for 64-bit PV domains uses. Fields
 * marked IN are written by the tool, OUT by the hypervisor. The layouts hold for this interface version only.
 */
#ifndef XEN_PUBLIC_SYSCTL_H
#define XEN_PUBLIC_SYSCTL_H

#include "domctl.h"
#include "physdev.h"
#include "xen.h"

#define XEN_SYSCTL_INTERFACE_VERSION		0x00000015

/* Commands. */
#define XEN_SYSCTL_readconsole			1
#define XEN_SYSCTL_tbuf_op			2
#define XEN_SYSCTL_physinfo			3
#define XEN_SYSCTL_sched_id			4
#define XEN_SYSCTL_perfc_op			5
#define XEN_SYSCTL_getdomaininfolist		6
#define XEN_SYSCTL_debug_keys			7
#define XEN_SYSCTL_getcpuinfo			8
#define XEN_SYSCTL_availheap			9
#define XEN_SYSCTL_get_pmstat			10
#define XEN_SYSCTL_cpu_hotplug			11
#define XEN_SYSCTL_pm_op			12
#define XEN_SYSCTL_page_offline_op		14
#define XEN_SYSCTL_lockprof_op			15
#define XEN_SYSCTL_cputopoinfo			16
#define XEN_SYSCTL_numainfo			17
#define XEN_SYSCTL_cpupool_op			18
#define XEN_SYSCTL_scheduler_op			19
#define XEN_SYSCTL_coverage_op			20
#define XEN_SYSCTL_psr_cmt_op			21
#define XEN_SYSCTL_pcitopoinfo			22
#define XEN_SYSCTL_psr_alloc			23
#define XEN_SYSCTL_get_cpu_levelling_caps	25
#define XEN_SYSCTL_get_cpu_featureset		26
#define XEN_SYSCTL_livepatch_op			27
#define XEN_SYSCTL_get_cpu_policy		29

/* xen_sysctl_tbuf_op.cmd */
#define XEN_SYSCTL_TBUFOP_get_info		0
#define XEN_SYSCTL_TBUFOP_set_cpu_mask		1
#define XEN_SYSCTL_TBUFOP_set_evt_mask		2
#define XEN_SYSCTL_TBUFOP_set_size		3
#define XEN_SYSCTL_TBUFOP_enable		4
#define XEN_SYSCTL_TBUFOP_disable		5

/* xen_sysctl_physinfo.capabilities */
#define _XEN_SYSCTL_PHYSCAP_hvm			0
#define XEN_SYSCTL_PHYSCAP_hvm			(1u << _XEN_SYSCTL_PHYSCAP_hvm)
#define _XEN_SYSCTL_PHYSCAP_pv			1
#define XEN_SYSCTL_PHYSCAP_pv			(1u << _XEN_SYSCTL_PHYSCAP_pv)
#define _XEN_SYSCTL_PHYSCAP_directio		2	/* IOMMU */
#define XEN_SYSCTL_PHYSCAP_directio		(1u << _XEN_SYSCTL_PHYSCAP_directio)
#define _XEN_SYSCTL_PHYSCAP_hap			3
#define XEN_SYSCTL_PHYSCAP_hap			(1u << _XEN_SYSCTL_PHYSCAP_hap)
#define _XEN_SYSCTL_PHYSCAP_shadow		4	/* so PV domains can migrate live */
#define XEN_SYSCTL_PHYSCAP_shadow		(1u << _XEN_SYSCTL_PHYSCAP_shadow)
#define _XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share	5
#define XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share	(1u << _XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share)
#define XEN_SYSCTL_PHYSCAP_vmtrace		(1u << 6)
#define XEN_SYSCTL_PHYSCAP_vpmu			(1u << 7)
#define XEN_SYSCTL_PHYSCAP_gnttab_v1		(1u << 8)
#define XEN_SYSCTL_PHYSCAP_gnttab_v2		(1u << 9)
#define XEN_SYSCTL_PHYSCAP_MAX			XEN_SYSCTL_PHYSCAP_gnttab_v2

/* xen_sysctl_perfc_op.cmd */
#define XEN_SYSCTL_PERFCOP_reset		1
#define XEN_SYSCTL_PERFCOP_query		2

/* xen_sysctl_get_pmstat.type */
#define PMSTAT_CATEGORY_MASK			0xf0
#define PMSTAT_PX				0x10
#define PMSTAT_CX				0x20
#define PMSTAT_get_max_px			(PMSTAT_PX | 0x1)
#define PMSTAT_get_pxstat			(PMSTAT_PX | 0x2)
#define PMSTAT_reset_pxstat			(PMSTAT_PX | 0x3)
#define PMSTAT_get_max_cx			(PMSTAT_CX | 0x1)
#define PMSTAT_get_cxstat			(PMSTAT_CX | 0x2)
#define PMSTAT_reset_cxstat			(PMSTAT_CX | 0x3)

/* xen_sysctl_cpu_hotplug.op */
#define XEN_SYSCTL_CPU_HOTPLUG_ONLINE		0
#define XEN_SYSCTL_CPU_HOTPLUG_OFFLINE		1
#define XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE	2
#define XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE	3

/* pm_op commands */
#define PM_PARA_CATEGORY_MASK			0xf0
#define CPUFREQ_PARA				0x10
#define GET_CPUFREQ_PARA			(CPUFREQ_PARA | 0x01)
#define SET_CPUFREQ_GOV				(CPUFREQ_PARA | 0x02)
#define SET_CPUFREQ_PARA			(CPUFREQ_PARA | 0x03)
#define GET_CPUFREQ_AVGFREQ			(CPUFREQ_PARA | 0x04)
#define XEN_SYSCTL_pm_op_set_sched_opt_smt	0x21
#define XEN_SYSCTL_pm_op_get_max_cstate		0x22
#define XEN_SYSCTL_pm_op_set_max_cstate		0x23
#define XEN_SYSCTL_pm_op_set_vcpu_migration_delay 0x24
#define XEN_SYSCTL_pm_op_get_vcpu_migration_delay 0x25
#define XEN_SYSCTL_pm_op_enable_turbo		0x26
#define XEN_SYSCTL_pm_op_disable_turbo		0x27
#define XEN_SYSCTL_CX_UNLIMITED			0xffffffff

/* page_offline_op commands */
#define sysctl_page_offline			1
#define sysctl_page_online			2
#define sysctl_query_page_offline		3

/* lockprof_op commands */
#define XEN_SYSCTL_LOCKPROF_reset		1
#define XEN_SYSCTL_LOCKPROF_query		2
#define LOCKPROF_TYPE_GLOBAL			0
#define LOCKPROF_TYPE_PERDOM			1
#define LOCKPROF_TYPE_N				2

/* Topology: "not known" and "not there". */
#define XEN_INVALID_CORE_ID			(~0U)
#define XEN_INVALID_SOCKET_ID			(~0U)
#define XEN_INVALID_NODE_ID			(~0U)
#define XEN_INVALID_MEM_SZ			(~0U)
#define XEN_INVALID_NODE_DIST			(~0U)
#define XEN_INVALID_DEV				(XEN_INVALID_NODE_ID - 1)

/* xen_sysctl_cpupool_op.op */
#define XEN_SYSCTL_CPUPOOL_OP_CREATE		1
#define XEN_SYSCTL_CPUPOOL_OP_DESTROY		2
#define XEN_SYSCTL_CPUPOOL_OP_INFO		3	/* the pool with this id or the next higher one */
#define XEN_SYSCTL_CPUPOOL_OP_ADDCPU		4
#define XEN_SYSCTL_CPUPOOL_OP_RMCPU		5
#define XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN	6
#define XEN_SYSCTL_CPUPOOL_OP_FREEINFO		7	/* cpumap: CPUs in no pool */
#define XEN_SYSCTL_CPUPOOL_PAR_ANY		0xFFFFFFFF

/* xen_sysctl_scheduler_op.cmd and limits of its parameters */
#define XEN_SYSCTL_SCHEDOP_putinfo		0
#define XEN_SYSCTL_SCHEDOP_getinfo		1
#define XEN_SYSCTL_SCHED_RATELIMIT_MAX		500000	/* us */
#define XEN_SYSCTL_SCHED_RATELIMIT_MIN		100	/* us */
#define XEN_SYSCTL_CSCHED_TSLICE_MAX		1000	/* ms */
#define XEN_SYSCTL_CSCHED_TSLICE_MIN		1	/* ms */
#define XEN_SYSCTL_CSCHED_MGR_DLY_MAX_US	(100 * 1000)
#define ARINC653_MAX_DOMAINS_PER_SCHEDULE	64

/* coverage_op commands */
#define XEN_SYSCTL_COVERAGE_get_size		0
#define XEN_SYSCTL_COVERAGE_read		1
#define XEN_SYSCTL_COVERAGE_reset		2

/* xen_sysctl_cpu_levelling_caps.caps: CPUID words that the hardware can mask, and faulting */
#define XEN_SYSCTL_CPU_LEVELCAP_faulting	(1ul << 0)
#define XEN_SYSCTL_CPU_LEVELCAP_ecx		(1ul << 1)
#define XEN_SYSCTL_CPU_LEVELCAP_edx		(1ul << 2)
#define XEN_SYSCTL_CPU_LEVELCAP_extd_ecx	(1ul << 3)
#define XEN_SYSCTL_CPU_LEVELCAP_extd_edx	(1ul << 4)
#define XEN_SYSCTL_CPU_LEVELCAP_xsave_eax	(1ul << 5)
#define XEN_SYSCTL_CPU_LEVELCAP_thermal_ecx	(1ul << 6)
#define XEN_SYSCTL_CPU_LEVELCAP_l7s0_eax	(1ul << 7)
#define XEN_SYSCTL_CPU_LEVELCAP_l7s0_ebx	(1ul << 8)

/* xen_sysctl_cpu_featureset.index */
#define XEN_SYSCTL_cpu_featureset_raw		0	/* the hardware */
#define XEN_SYSCTL_cpu_featureset_host		1	/* what the hypervisor uses */
#define XEN_SYSCTL_cpu_featureset_pv		2	/* what a PV domain gets by default */
#define XEN_SYSCTL_cpu_featureset_hvm		3
#define XEN_SYSCTL_cpu_featureset_pv_max	4	/* what a PV domain can have */
#define XEN_SYSCTL_cpu_featureset_hvm_max	5

/* xen_sysctl_cpu_policy.index */
#define XEN_SYSCTL_cpu_policy_raw		0
#define XEN_SYSCTL_cpu_policy_host		1
#define XEN_SYSCTL_cpu_policy_pv_max		2
#define XEN_SYSCTL_cpu_policy_hvm_max		3
#define XEN_SYSCTL_cpu_policy_pv_default	4
#define XEN_SYSCTL_cpu_policy_hvm_default	5

/* livepatch_op commands */
#define XEN_SYSCTL_LIVEPATCH_UPLOAD		0
#define XEN_SYSCTL_LIVEPATCH_GET		1
#define XEN_SYSCTL_LIVEPATCH_LIST		2
#define XEN_SYSCTL_LIVEPATCH_ACTION		3

#ifndef __ASSEMBLY__

/* The hypervisor's console ring. */
struct xen_sysctl_readconsole {
	uint8_t clear;				/* IN: forget what was there */
	uint8_t incremental;			/* IN: start at index */
	uint8_t pad0, pad1;
	uint32_t index;				/* IN: if incremental; OUT: after the last byte read */
	XEN_GUEST_HANDLE_64(char) buffer;	/* OUT */
	uint32_t count;				/* IN: bytes of room; OUT: bytes */
};

struct xen_sysctl_tbuf_op {
	uint32_t cmd;				/* IN: XEN_SYSCTL_TBUFOP_* */
	struct xenctl_bitmap cpu_mask;		/* IN */
	uint32_t evt_mask;			/* IN for set, OUT for get_info */
	uint64_aligned_t buffer_mfn;		/* OUT */
	uint32_t size;				/* IN: pages per CPU; OUT: bytes */
};

struct xen_sysctl_physinfo {
	uint32_t threads_per_core;		/* all OUT */
	uint32_t cores_per_socket;
	uint32_t nr_cpus;			/* online */
	uint32_t max_cpu_id;
	uint32_t nr_nodes;
	uint32_t max_node_id;
	uint32_t cpu_khz;
	uint32_t capabilities;			/* XEN_SYSCTL_PHYSCAP_* */
	uint32_t arch_capabilities;		/* 0 */
	uint32_t pad;
	uint64_aligned_t total_pages;
	uint64_aligned_t free_pages;
	uint64_aligned_t scrub_pages;		/* free but not yet cleared */
	uint64_aligned_t outstanding_pages;	/* claimed */
	uint64_aligned_t max_mfn;
	uint32_t hw_cap[8];			/* CPUID feature words */
};

struct xen_sysctl_sched_id {
	uint32_t sched_id;			/* OUT: XEN_SCHEDULER_* */
};

struct xen_sysctl_perfc_desc {
	char name[80];
	uint32_t nr_vals;			/* how many words of the value list belong to it */
};
typedef struct xen_sysctl_perfc_desc xen_sysctl_perfc_desc_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_perfc_desc_t);
typedef uint32_t xen_sysctl_perfc_val_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_perfc_val_t);

/* Performance counters. */
struct xen_sysctl_perfc_op {
	uint32_t cmd;				/* IN: XEN_SYSCTL_PERFCOP_* */
	uint32_t nr_counters;			/* OUT */
	uint32_t nr_vals;			/* OUT */
	XEN_GUEST_HANDLE_64(xen_sysctl_perfc_desc_t) desc;	/* OUT; NULL: only the numbers */
	XEN_GUEST_HANDLE_64(xen_sysctl_perfc_val_t) val;	/* OUT */
};

struct xen_sysctl_getdomaininfolist {
	domid_t first_domain;			/* IN: lowest id */
	uint32_t max_domains;			/* IN: room */
	XEN_GUEST_HANDLE_64(xen_domctl_getdomaininfo_t) buffer;	/* OUT: in order of ids */
	uint32_t num_domains;			/* OUT */
};

struct xen_sysctl_debug_keys {
	XEN_GUEST_HANDLE_64(const_char) keys;	/* IN */
	uint32_t nr_keys;			/* IN */
};

struct xen_sysctl_cpuinfo {
	uint64_aligned_t idletime;		/* ns */
};
typedef struct xen_sysctl_cpuinfo xen_sysctl_cpuinfo_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_cpuinfo_t);

struct xen_sysctl_getcpuinfo {
	uint32_t max_cpus;			/* IN: room */
	XEN_GUEST_HANDLE_64(xen_sysctl_cpuinfo_t) info;	/* OUT */
	uint32_t nr_cpus;			/* OUT */
};

/* Free memory whose addresses have at least min_bitwidth and at most max_bitwidth bits; 0: no limit. */
struct xen_sysctl_availheap {
	uint32_t min_bitwidth;			/* IN */
	uint32_t max_bitwidth;			/* IN */
	int32_t node;				/* IN: -1: all */
	uint64_aligned_t avail_bytes;		/* OUT */
};

struct xen_sysctl_cpu_hotplug {
	uint32_t cpu;				/* IN */
	uint32_t op;				/* IN: XEN_SYSCTL_CPU_HOTPLUG_* */
};

struct xen_sysctl_cputopo {
	uint32_t core;				/* OUT, or XEN_INVALID_*_ID */
	uint32_t socket;
	uint32_t node;
};
typedef struct xen_sysctl_cputopo xen_sysctl_cputopo_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_cputopo_t);

struct xen_sysctl_cputopoinfo {
	uint32_t num_cpus;			/* IN: room; OUT: CPUs (NULL cputopo: only this) */
	XEN_GUEST_HANDLE_64(xen_sysctl_cputopo_t) cputopo;
};

struct xen_sysctl_pcitopoinfo {
	uint32_t num_devs;			/* IN; OUT: how many were done */
	XEN_GUEST_HANDLE_64(physdev_pci_device_t) devs;	/* IN */
	XEN_GUEST_HANDLE_64(uint32) nodes;	/* OUT */
};

struct xen_sysctl_meminfo {
	uint64_t memsize;			/* OUT: bytes, or XEN_INVALID_MEM_SZ */
	uint64_t memfree;
};
typedef struct xen_sysctl_meminfo xen_sysctl_meminfo_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_meminfo_t);

struct xen_sysctl_numainfo {
	uint32_t num_nodes;			/* IN: room; OUT: nodes */
	XEN_GUEST_HANDLE_64(xen_sysctl_meminfo_t) meminfo;	/* OUT; may be NULL */
	XEN_GUEST_HANDLE_64(uint32) distance;	/* OUT: num_nodes squared; may be NULL */
};

struct xen_sysctl_cpupool_op {
	uint32_t op;				/* IN: XEN_SYSCTL_CPUPOOL_OP_* */
	uint32_t cpupool_id;			/* IN; OUT for CREATE and INFO */
	uint32_t sched_id;			/* IN for CREATE, OUT for INFO */
	uint32_t domid;				/* IN for MOVEDOMAIN */
	uint32_t cpu;				/* IN for ADDCPU and RMCPU */
	uint32_t n_dom;				/* OUT for INFO */
	struct xenctl_bitmap cpumap;		/* OUT for INFO and FREEINFO */
};

struct xen_sysctl_arinc653_schedule {
	uint64_aligned_t major_frame;		/* ns */
	uint8_t num_sched_entries;
	struct {
		xen_domain_handle_t dom_handle;
		uint32_t vcpu_id;
		uint64_aligned_t runtime;	/* ns */
	} sched_entries[ARINC653_MAX_DOMAINS_PER_SCHEDULE];
};
typedef struct xen_sysctl_arinc653_schedule xen_sysctl_arinc653_schedule_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_arinc653_schedule_t);

struct xen_sysctl_credit_schedule {
	uint32_t tslice_ms;			/* how long a vCPU may run in one go */
	uint32_t ratelimit_us;			/* how long it runs at least; 0: no limit */
	uint32_t vcpu_migr_delay_us;		/* a vCPU that ran less long ago stays where it is */
};

struct xen_sysctl_credit2_schedule {
	uint32_t ratelimit_us;
};

/* Parameters of a scheduler as a whole. */
struct xen_sysctl_scheduler_op {
	uint32_t cpupool_id;			/* IN */
	uint32_t sched_id;			/* IN */
	uint32_t cmd;				/* IN: XEN_SYSCTL_SCHEDOP_* */
	union {
		struct xen_sysctl_sched_arinc653 {
			XEN_GUEST_HANDLE_64(xen_sysctl_arinc653_schedule_t) schedule;
		} sched_arinc653;
		struct xen_sysctl_credit_schedule sched_credit;
		struct xen_sysctl_credit2_schedule sched_credit2;
	} u;					/* IN for put; OUT */
};

struct xen_sysctl_cpu_levelling_caps {
	uint32_t caps;				/* OUT: XEN_SYSCTL_CPU_LEVELCAP_* */
};

/*
 * CPUID feature words, by leaf, register and sub-leaf (e: leaf 0x8000_00xx; m10A: the MSR 0x10a), in the order
 * 1d 1c e1d e1c Da1 7b0 7c0 e7d e8b 7d0 7a1 e21a 7b1 7d2 7c1 7d1 m10Al m10Ah e21c.
 */
struct xen_sysctl_cpu_featureset {
	uint32_t index;				/* IN: XEN_SYSCTL_cpu_featureset_* */
	uint32_t nr_features;			/* IN: room in words; OUT: words */
	XEN_GUEST_HANDLE_64(uint32) features;	/* OUT; NULL: only the number */
};

struct xen_sysctl_cpu_policy {
	uint32_t index;				/* IN: XEN_SYSCTL_cpu_policy_* */
	uint32_t nr_leaves;			/* IN: room; OUT: leaves */
	uint32_t nr_msrs;			/* IN: room; OUT: MSRs */
	uint32_t _rsvd;				/* IN: 0 */
	XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) leaves;	/* OUT; NULL for both: only the numbers */
	XEN_GUEST_HANDLE_64(xen_msr_entry_t) msrs;	/* OUT */
};
typedef struct xen_sysctl_cpu_policy xen_sysctl_cpu_policy_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_cpu_policy_t);

struct xen_sysctl {
	uint32_t cmd;				/* IN: XEN_SYSCTL_* */
	uint32_t interface_version;		/* IN: XEN_SYSCTL_INTERFACE_VERSION */
	union {
		struct xen_sysctl_readconsole readconsole;
		struct xen_sysctl_tbuf_op tbuf_op;
		struct xen_sysctl_physinfo physinfo;
		struct xen_sysctl_cputopoinfo cputopoinfo;
		struct xen_sysctl_pcitopoinfo pcitopoinfo;
		struct xen_sysctl_numainfo numainfo;
		struct xen_sysctl_sched_id sched_id;
		struct xen_sysctl_perfc_op perfc_op;
		struct xen_sysctl_getdomaininfolist getdomaininfolist;
		struct xen_sysctl_debug_keys debug_keys;
		struct xen_sysctl_getcpuinfo getcpuinfo;
		struct xen_sysctl_availheap availheap;
		struct xen_sysctl_cpu_hotplug cpu_hotplug;
		struct xen_sysctl_cpupool_op cpupool_op;
		struct xen_sysctl_scheduler_op scheduler_op;
		struct xen_sysctl_cpu_levelling_caps cpu_levelling_caps;
		struct xen_sysctl_cpu_featureset cpu_featureset;
		struct xen_sysctl_cpu_policy cpu_policy;
		uint8_t pad[128];
	} u;
};
typedef struct xen_sysctl xen_sysctl_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_t);

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_SYSCTL_H */
