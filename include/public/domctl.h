/* SPDX-License-Identifier: MIT */
/*
 * domctl(op): how tools in dom0 make, change, inspect and end domains. One structure carries a command, the interface
 * version, the domain and a union of arguments; the hypervisor copies it back, with the answer, where the command has
 * one. A wrong interface_version is -EACCES, an unknown command -ENOSYS, an unknown domain -ESRCH, no rights -EPERM.
 *
 * All command numbers of the interface are here, and the arguments that a toolstack for 64-bit PV domains uses. Fields
 * marked IN are written by the tool, OUT by the hypervisor. The layouts hold for this interface version only.
 */
#ifndef XEN_PUBLIC_DOMCTL_H
#define XEN_PUBLIC_DOMCTL_H

#include "event_channel.h"
#include "grant_table.h"
#include "memory.h"
#include "xen.h"

#define XEN_DOMCTL_INTERFACE_VERSION		0x00000015

/* Commands. */
#define XEN_DOMCTL_createdomain			1
#define XEN_DOMCTL_destroydomain		2	/* no argument */
#define XEN_DOMCTL_pausedomain			3	/* no argument; counted */
#define XEN_DOMCTL_unpausedomain		4	/* no argument */
#define XEN_DOMCTL_getdomaininfo		5	/* the domain with this id or the next higher one */
#define XEN_DOMCTL_setvcpuaffinity		9
#define XEN_DOMCTL_shadow_op			10
#define XEN_DOMCTL_max_mem			11
#define XEN_DOMCTL_setvcpucontext		12
#define XEN_DOMCTL_getvcpucontext		13
#define XEN_DOMCTL_getvcpuinfo			14
#define XEN_DOMCTL_max_vcpus			15
#define XEN_DOMCTL_scheduler_op			16
#define XEN_DOMCTL_setdomainhandle		17
#define XEN_DOMCTL_setdebugging			18
#define XEN_DOMCTL_irq_permission		19
#define XEN_DOMCTL_iomem_permission		20
#define XEN_DOMCTL_ioport_permission		21
#define XEN_DOMCTL_hypercall_init		22
#define XEN_DOMCTL_settimeoffset		24
#define XEN_DOMCTL_getvcpuaffinity		25
#define XEN_DOMCTL_real_mode_area		26
#define XEN_DOMCTL_resumedomain			27	/* no argument; undoes a suspend */
#define XEN_DOMCTL_sendtrigger			28
#define XEN_DOMCTL_subscribe			29
#define XEN_DOMCTL_gethvmcontext		33
#define XEN_DOMCTL_sethvmcontext		34
#define XEN_DOMCTL_set_address_size		35
#define XEN_DOMCTL_get_address_size		36
#define XEN_DOMCTL_assign_device		37
#define XEN_DOMCTL_bind_pt_irq			38
#define XEN_DOMCTL_memory_mapping		39
#define XEN_DOMCTL_ioport_mapping		40
#define XEN_DOMCTL_set_ext_vcpucontext		42
#define XEN_DOMCTL_get_ext_vcpucontext		43
#define XEN_DOMCTL_set_opt_feature		44
#define XEN_DOMCTL_test_assign_device		45
#define XEN_DOMCTL_set_target			46
#define XEN_DOMCTL_deassign_device		47
#define XEN_DOMCTL_unbind_pt_irq		48
#define XEN_DOMCTL_get_device_group		50
#define XEN_DOMCTL_debug_op			54
#define XEN_DOMCTL_gethvmcontext_partial	55
#define XEN_DOMCTL_vm_event_op			56
#define XEN_DOMCTL_mem_sharing_op		57
#define XEN_DOMCTL_gettscinfo			59
#define XEN_DOMCTL_settscinfo			60
#define XEN_DOMCTL_getpageframeinfo3		61
#define XEN_DOMCTL_setvcpuextstate		62
#define XEN_DOMCTL_getvcpuextstate		63
#define XEN_DOMCTL_set_access_required		64
#define XEN_DOMCTL_audit_p2m			65
#define XEN_DOMCTL_set_virq_handler		66
#define XEN_DOMCTL_set_broken_page_p2m		67
#define XEN_DOMCTL_setnodeaffinity		68
#define XEN_DOMCTL_getnodeaffinity		69
#define XEN_DOMCTL_cacheflush			71
#define XEN_DOMCTL_get_vcpu_msrs		72
#define XEN_DOMCTL_set_vcpu_msrs		73
#define XEN_DOMCTL_setvnumainfo			74
#define XEN_DOMCTL_psr_cmt_op			75
#define XEN_DOMCTL_monitor_op			77
#define XEN_DOMCTL_psr_alloc			78
#define XEN_DOMCTL_soft_reset			79	/* no argument */
#define XEN_DOMCTL_vuart_op			81
#define XEN_DOMCTL_get_cpu_policy		82
#define XEN_DOMCTL_set_cpu_policy		83
#define XEN_DOMCTL_vmtrace_op			84
#define XEN_DOMCTL_get_paging_mempool_size	85
#define XEN_DOMCTL_set_paging_mempool_size	86
#define XEN_DOMCTL_gdbsx_guestmemio		1000
#define XEN_DOMCTL_gdbsx_pausevcpu		1001
#define XEN_DOMCTL_gdbsx_unpausevcpu		1002
#define XEN_DOMCTL_gdbsx_domstatus		1003

/* xen_domctl_createdomain.flags */
#define _XEN_DOMCTL_CDF_hvm			0
#define XEN_DOMCTL_CDF_hvm			(1U << _XEN_DOMCTL_CDF_hvm)
#define _XEN_DOMCTL_CDF_hap			1
#define XEN_DOMCTL_CDF_hap			(1U << _XEN_DOMCTL_CDF_hap)
#define _XEN_DOMCTL_CDF_s3_integrity		2
#define XEN_DOMCTL_CDF_s3_integrity		(1U << _XEN_DOMCTL_CDF_s3_integrity)
#define _XEN_DOMCTL_CDF_oos_off			3
#define XEN_DOMCTL_CDF_oos_off			(1U << _XEN_DOMCTL_CDF_oos_off)
#define _XEN_DOMCTL_CDF_xs_domain		4	/* runs xenstored */
#define XEN_DOMCTL_CDF_xs_domain		(1U << _XEN_DOMCTL_CDF_xs_domain)
#define _XEN_DOMCTL_CDF_iommu			5
#define XEN_DOMCTL_CDF_iommu			(1U << _XEN_DOMCTL_CDF_iommu)
#define _XEN_DOMCTL_CDF_nested_virt		6
#define XEN_DOMCTL_CDF_nested_virt		(1U << _XEN_DOMCTL_CDF_nested_virt)
#define XEN_DOMCTL_CDF_vpmu			(1U << 7)
#define XEN_DOMCTL_CDF_MAX			XEN_DOMCTL_CDF_vpmu

/* xen_domctl_createdomain.iommu_opts */
#define _XEN_DOMCTL_IOMMU_no_sharept		0
#define XEN_DOMCTL_IOMMU_no_sharept		(1U << _XEN_DOMCTL_IOMMU_no_sharept)
#define XEN_DOMCTL_IOMMU_MAX			XEN_DOMCTL_IOMMU_no_sharept

/* xen_domctl_createdomain.grant_opts: bits 0-3, highest grant table version the guest may use */
#define XEN_DOMCTL_GRANT_version_mask		0xf
#define XEN_DOMCTL_GRANT_version(v)		((v) & XEN_DOMCTL_GRANT_version_mask)

/* xen_domctl_getdomaininfo.flags; bits 16-23 are the SHUTDOWN_* code */
#define _XEN_DOMINF_dying			0	/* destroy has begun */
#define XEN_DOMINF_dying			(1U << _XEN_DOMINF_dying)
#define _XEN_DOMINF_hvm_guest			1
#define XEN_DOMINF_hvm_guest			(1U << _XEN_DOMINF_hvm_guest)
#define _XEN_DOMINF_shutdown			2	/* the guest has shut down */
#define XEN_DOMINF_shutdown			(1U << _XEN_DOMINF_shutdown)
#define _XEN_DOMINF_paused			3	/* by the tools */
#define XEN_DOMINF_paused			(1U << _XEN_DOMINF_paused)
#define _XEN_DOMINF_blocked			4	/* every vCPU waits for an event */
#define XEN_DOMINF_blocked			(1U << _XEN_DOMINF_blocked)
#define _XEN_DOMINF_running			5	/* a vCPU is on a CPU */
#define XEN_DOMINF_running			(1U << _XEN_DOMINF_running)
#define _XEN_DOMINF_debugged			6
#define XEN_DOMINF_debugged			(1U << _XEN_DOMINF_debugged)
#define _XEN_DOMINF_xs_domain			7
#define XEN_DOMINF_xs_domain			(1U << _XEN_DOMINF_xs_domain)
#define _XEN_DOMINF_hap				8
#define XEN_DOMINF_hap				(1U << _XEN_DOMINF_hap)
#define XEN_DOMINF_shutdownmask			255
#define XEN_DOMINF_shutdownshift		16
#define XEN_INVALID_MAX_VCPU_ID			(~0U)

/* getpageframeinfo3: the type of a frame, in bits 28-31 of each word */
#define XEN_DOMCTL_PFINFO_LTAB_SHIFT		28
#define XEN_DOMCTL_PFINFO_NOTAB			(0x0U << 28)	/* ordinary memory */
#define XEN_DOMCTL_PFINFO_L1TAB			(0x1U << 28)
#define XEN_DOMCTL_PFINFO_L2TAB			(0x2U << 28)
#define XEN_DOMCTL_PFINFO_L3TAB			(0x3U << 28)
#define XEN_DOMCTL_PFINFO_L4TAB			(0x4U << 28)
#define XEN_DOMCTL_PFINFO_LTABTYPE_MASK		(0x7U << 28)
#define XEN_DOMCTL_PFINFO_LPINTAB		(0x1U << 31)	/* pinned as well */
#define XEN_DOMCTL_PFINFO_BROKEN		(0xdU << 28)	/* bad memory */
#define XEN_DOMCTL_PFINFO_XALLOC		(0xeU << 28)	/* in a stream: allocate, no content */
#define XEN_DOMCTL_PFINFO_XTAB			(0xfU << 28)	/* no such frame */
#define XEN_DOMCTL_PFINFO_LTAB_MASK		(0xfU << 28)

/* shadow_op: log-dirty and the memory it may use */
#define XEN_DOMCTL_SHADOW_OP_OFF		0	/* stop logging */
#define XEN_DOMCTL_SHADOW_OP_ENABLE_TEST	1
#define XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY	2	/* start logging, every page clean */
#define XEN_DOMCTL_SHADOW_OP_CLEAN		11	/* copy the bitmap out and clear it */
#define XEN_DOMCTL_SHADOW_OP_PEEK		12	/* copy the bitmap out */
#define XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION	30
#define XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION	31
#define XEN_DOMCTL_SHADOW_OP_ENABLE		32	/* by `mode` */

/* xen_domctl_shadow_op.mode: of ENABLE, and the last one of PEEK and CLEAN */
#define XEN_DOMCTL_SHADOW_ENABLE_REFCOUNT	(1 << 1)
#define XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY	(1 << 2)
#define XEN_DOMCTL_SHADOW_ENABLE_TRANSLATE	(1 << 3)
#define XEN_DOMCTL_SHADOW_ENABLE_EXTERNAL	(1 << 4)
#define XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL	(1 << 0)	/* the domain is stopped: this is the last round */

/* xen_domctl_vcpuaffinity.flags */
#define _XEN_VCPUAFFINITY_HARD			0	/* may run only there */
#define XEN_VCPUAFFINITY_HARD			(1U << _XEN_VCPUAFFINITY_HARD)
#define _XEN_VCPUAFFINITY_SOFT			1	/* prefers to run there */
#define XEN_VCPUAFFINITY_SOFT			(1U << _XEN_VCPUAFFINITY_SOFT)
#define _XEN_VCPUAFFINITY_FORCE			2	/* ends a temporary pin */
#define XEN_VCPUAFFINITY_FORCE			(1U << _XEN_VCPUAFFINITY_FORCE)

/* Schedulers, and what scheduler_op does with their parameters. */
#define XEN_SCHEDULER_CREDIT			5
#define XEN_SCHEDULER_CREDIT2			6
#define XEN_SCHEDULER_ARINC653			7
#define XEN_SCHEDULER_RTDS			8
#define XEN_SCHEDULER_NULL			9
#define XEN_DOMCTL_SCHEDOP_putinfo		0
#define XEN_DOMCTL_SCHEDOP_getinfo		1
#define XEN_DOMCTL_SCHEDOP_putvcpuinfo		2
#define XEN_DOMCTL_SCHEDOP_getvcpuinfo		3

/* xen_domctl_sched_rtds.flags: may use spare time */
#define _XEN_DOMCTL_SCHEDRT_extra		0
#define XEN_DOMCTL_SCHEDRT_extra		(1U << _XEN_DOMCTL_SCHEDRT_extra)

/* xen_domctl_sendtrigger.trigger */
#define XEN_DOMCTL_SENDTRIGGER_NMI		0
#define XEN_DOMCTL_SENDTRIGGER_RESET		1
#define XEN_DOMCTL_SENDTRIGGER_INIT		2
#define XEN_DOMCTL_SENDTRIGGER_POWER		3
#define XEN_DOMCTL_SENDTRIGGER_SLEEP		4

/* xen_domctl_memory_mapping.add_mapping and the port form */
#define DPCI_ADD_MAPPING			1
#define DPCI_REMOVE_MAPPING			0

/* xen_domctl_tsc_info.tsc_mode */
#define TSC_MODE_DEFAULT			0	/* native if the TSC is reliable, else emulated */
#define TSC_MODE_ALWAYS_EMULATE			1	/* RDTSC traps and counts ns */
#define TSC_MODE_NEVER_EMULATE			2	/* RDTSC is the machine's */

/* xen_domctl_debug_op.op */
#define XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_OFF	0
#define XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_ON	1

/* err_leaf, err_subleaf and err_msr of a policy that is all right */
#define XEN_CPUID_INPUT_UNUSED			0xFFFFFFFF

#ifndef __ASSEMBLY__

/* xen_domctl.domain IN: the id wanted; 0 or a reserved one for any. OUT: the id. */
struct xen_domctl_createdomain {
	uint32_t ssidref;			/* IN: security label */
	xen_domain_handle_t handle;		/* IN: UUID */
	uint32_t flags;				/* IN: XEN_DOMCTL_CDF_* */
	uint32_t iommu_opts;			/* IN */
	uint32_t max_vcpus;			/* IN: at least 1 */
	uint32_t max_evtchn_port;		/* IN */
	int32_t max_grant_frames;		/* IN: pages; negative: the default */
	int32_t max_maptrack_frames;		/* IN: pages; negative: the default */
	uint32_t grant_opts;			/* IN */
	uint32_t vmtrace_size;			/* IN: 0 */
	uint32_t cpupool_id;			/* IN */
	struct xen_arch_domainconfig arch;	/* IN */
};

struct xen_domctl_getdomaininfo {
	domid_t domain;				/* OUT: the one found */
	uint16_t pad1;
	uint32_t flags;				/* OUT: XEN_DOMINF_* */
	uint64_aligned_t tot_pages;		/* OUT: pages it has */
	uint64_aligned_t max_pages;		/* OUT: may have */
	uint64_aligned_t outstanding_pages;	/* OUT: claimed but not yet allocated */
	uint64_aligned_t shr_pages;		/* OUT: 0 */
	uint64_aligned_t paged_pages;		/* OUT: 0 */
	uint64_aligned_t shared_info_frame;	/* OUT: machine frame */
	uint64_aligned_t cpu_time;		/* OUT: ns, all vCPUs */
	uint32_t nr_online_vcpus;		/* OUT */
	uint32_t max_vcpu_id;			/* OUT: XEN_INVALID_MAX_VCPU_ID if there is none */
	uint32_t ssidref;			/* OUT */
	xen_domain_handle_t handle;		/* OUT */
	uint32_t cpupool;			/* OUT */
	uint8_t gpaddr_bits;			/* OUT: width of its physical addresses */
	uint8_t pad2[7];
	struct xen_arch_domainconfig arch_config;	/* OUT */
};
typedef struct xen_domctl_getdomaininfo xen_domctl_getdomaininfo_t;
DEFINE_XEN_GUEST_HANDLE(xen_domctl_getdomaininfo_t);

struct xen_domctl_getpageframeinfo3 {
	uint64_aligned_t num;			/* IN: at most 1024 */
	XEN_GUEST_HANDLE_64(xen_pfn_t) array;	/* IN: mfns; OUT: PFINFO words */
};

struct xen_domctl_shadow_op_stats {
	uint32_t fault_count;
	uint32_t dirty_count;
};

struct xen_domctl_shadow_op {
	uint32_t op;				/* IN: XEN_DOMCTL_SHADOW_OP_* */
	uint32_t mode;				/* IN */
	uint32_t mb;				/* allocation, MiB: IN for SET, OUT for GET and SET */
	XEN_GUEST_HANDLE_64(uint8) dirty_bitmap;	/* OUT: bit per pfn; NULL: only the counts */
	uint64_aligned_t pages;			/* IN: bits of the bitmap; OUT: bits written */
	struct xen_domctl_shadow_op_stats stats;	/* OUT: since the last CLEAN */
};

/* Less than the domain has is allowed: it then cannot grow. */
struct xen_domctl_max_mem {
	uint64_aligned_t max_memkb;		/* IN: KiB */
};

struct xen_domctl_vcpucontext {
	uint32_t vcpu;				/* IN */
	XEN_GUEST_HANDLE_64(vcpu_guest_context_t) ctxt;	/* IN for set (NULL: reset), OUT for get */
};

struct xen_domctl_getvcpuinfo {
	uint32_t vcpu;				/* IN */
	uint8_t online;				/* OUT */
	uint8_t blocked;			/* OUT */
	uint8_t running;			/* OUT: on a CPU now */
	uint64_aligned_t cpu_time;		/* OUT: ns */
	uint32_t cpu;				/* OUT: where, now or last */
};

struct xen_domctl_nodeaffinity {
	struct xenctl_bitmap nodemap;		/* IN for set, OUT for get */
};

struct xen_domctl_vcpuaffinity {
	uint32_t vcpu;				/* IN */
	uint32_t flags;				/* IN: which of the maps, XEN_VCPUAFFINITY_* */
	struct xenctl_bitmap cpumap_hard;	/* IN for set; OUT: what is in force */
	struct xenctl_bitmap cpumap_soft;	/* the same */
};

struct xen_domctl_max_vcpus {
	uint32_t max;				/* IN: as in createdomain */
};

struct xen_domctl_sched_credit {
	uint16_t weight;			/* share; 256 is the default; 0 on put: leave */
	uint16_t cap;				/* percent of one CPU; 0: none; 0xffff on put: leave */
};

struct xen_domctl_sched_credit2 {
	uint16_t weight;
	uint16_t cap;
};

struct xen_domctl_sched_rtds {
	uint32_t period;			/* us */
	uint32_t budget;			/* us per period */
	uint32_t flags;				/* XEN_DOMCTL_SCHEDRT_* */
};

typedef struct xen_domctl_schedparam_vcpu {
	union {
		struct xen_domctl_sched_credit credit;
		struct xen_domctl_sched_credit2 credit2;
		struct xen_domctl_sched_rtds rtds;
	} u;
	uint32_t vcpuid;
} xen_domctl_schedparam_vcpu_t;
DEFINE_XEN_GUEST_HANDLE(xen_domctl_schedparam_vcpu_t);

struct xen_domctl_scheduler_op {
	uint32_t sched_id;			/* IN: must be the one that runs */
	uint32_t cmd;				/* IN: XEN_DOMCTL_SCHEDOP_* */
	union {
		struct xen_domctl_sched_credit credit;
		struct xen_domctl_sched_credit2 credit2;
		struct xen_domctl_sched_rtds rtds;
		struct {
			XEN_GUEST_HANDLE_64(xen_domctl_schedparam_vcpu_t) vcpus;
			uint32_t nr_vcpus;	/* IN; OUT: how many were done */
			uint32_t padding;
		} v;
	} u;					/* IN for put, OUT for get */
};

struct xen_domctl_setdomainhandle {
	xen_domain_handle_t handle;		/* IN */
};

struct xen_domctl_setdebugging {
	uint8_t enable;				/* IN */
};

struct xen_domctl_irq_permission {
	uint32_t pirq;				/* IN */
	uint8_t allow_access;			/* IN */
	uint8_t pad[3];
};

struct xen_domctl_iomem_permission {
	uint64_aligned_t first_mfn;		/* IN */
	uint64_aligned_t nr_mfns;		/* IN */
	uint8_t allow_access;			/* IN */
};

struct xen_domctl_ioport_permission {
	uint32_t first_port;			/* IN */
	uint32_t nr_ports;			/* IN */
	uint8_t allow_access;			/* IN */
};

/* Fill a page of the domain with hypercall stubs. */
struct xen_domctl_hypercall_init {
	uint64_aligned_t gmfn;			/* IN */
};

struct xen_domctl_settimeoffset {
	int64_aligned_t time_offset_seconds;	/* IN: the domain's wall clock minus UTC */
};

/* Not for PV. */
struct xen_domctl_hvmcontext {
	uint32_t size;
	XEN_GUEST_HANDLE_64(uint8) buffer;
};

struct xen_domctl_hvmcontext_partial {
	uint32_t type;
	uint32_t instance;
	uint64_aligned_t bufsz;
	XEN_GUEST_HANDLE_64(uint8) buffer;
};

struct xen_domctl_address_size {
	uint32_t size;				/* bits: 64 */
};

struct xen_domctl_sendtrigger {
	uint32_t trigger;			/* IN: XEN_DOMCTL_SENDTRIGGER_* */
	uint32_t vcpu;				/* IN */
};

struct xen_domctl_memory_mapping {
	uint64_aligned_t first_gfn;		/* IN */
	uint64_aligned_t first_mfn;		/* IN */
	uint64_aligned_t nr_mfns;		/* IN */
	uint32_t add_mapping;			/* IN: DPCI_* */
	uint32_t padding;
};

struct xen_domctl_ioport_mapping {
	uint32_t first_gport;			/* IN */
	uint32_t first_mport;			/* IN */
	uint32_t nr_ports;			/* IN */
	uint32_t add_mapping;			/* IN: DPCI_* */
};

/* Virtual machine-check registers of a vCPU. */
struct hvm_vmce_vcpu {
	uint64_t caps;
	uint64_t mci_ctl2_bank0;
	uint64_t mci_ctl2_bank1;
	uint64_t mcg_ext_ctl;
};

/* What vcpu_guest_context has no room for: entry points for 32-bit user code, virtual machine checks. */
struct xen_domctl_ext_vcpucontext {
	uint32_t vcpu;				/* IN */
	uint32_t size;				/* IN for set, OUT for get: bytes that are valid */
	uint64_aligned_t syscall32_callback_eip;
	uint64_aligned_t sysenter_callback_eip;
	uint16_t syscall32_callback_cs;
	uint16_t sysenter_callback_cs;
	uint8_t syscall32_disables_events;
	uint8_t sysenter_disables_events;
	union {
		uint64_aligned_t mcg_cap;
		struct hvm_vmce_vcpu vmce;
	};
};

/* Which domain this one may act for. */
struct xen_domctl_set_target {
	domid_t target;				/* IN */
};

struct xen_domctl_subscribe {
	uint32_t port;
};

/* The CPU that a domain sees: CPUID leaves and MSRs. */
struct xen_domctl_cpu_policy {
	uint32_t nr_leaves;			/* IN; OUT for get: how many there are */
	uint32_t nr_msrs;			/* the same */
	XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) leaves;	/* IN for set, OUT for get */
	XEN_GUEST_HANDLE_64(xen_msr_entry_t) msrs;
	uint32_t err_leaf, err_subleaf, err_msr;	/* OUT for set: which one is wrong, if known */
};
typedef struct xen_domctl_cpu_policy xen_domctl_cpu_policy_t;
DEFINE_XEN_GUEST_HANDLE(xen_domctl_cpu_policy_t);

struct xen_domctl_debug_op {
	uint32_t op;				/* IN: XEN_DOMCTL_DEBUG_OP_* */
	uint32_t vcpu;				/* IN */
};

struct xen_domctl_tsc_info {
	uint32_t tsc_mode;			/* TSC_MODE_* */
	uint32_t gtsc_khz;			/* frequency the guest was told */
	uint32_t incarnation;			/* grows with each migration */
	uint32_t pad;
	uint64_aligned_t elapsed_nsec;		/* guest time so far */
};

/* Read or write a domain's memory for a debugger. */
struct xen_domctl_gdbsx_memio {
	uint64_aligned_t pgd3val;		/* IN: 0 */
	uint64_aligned_t gva;			/* IN: virtual address in the domain */
	uint64_aligned_t uva;			/* IN: buffer of the tool */
	uint32_t len;				/* IN: bytes */
	uint8_t gwr;				/* IN: 1 writes to the domain */
	uint32_t remain;			/* OUT: bytes not done */
};

struct xen_domctl_gdbsx_pauseunp_vcpu {
	uint32_t vcpu;				/* IN */
};

struct xen_domctl_gdbsx_domstatus {
	uint8_t paused;				/* OUT */
	uint32_t vcpu_id;			/* OUT: who has hit something, or ~0 */
	uint32_t vcpu_ev;			/* OUT: vector */
};

struct xen_domctl_audit_p2m {
	uint64_t orphans;
	uint64_t m2p_bad;
	uint64_t p2m_bad;
};

/* The domain gets this global VIRQ instead of dom0. */
struct xen_domctl_set_virq_handler {
	uint32_t virq;				/* IN */
};

/* FPU state of a vCPU: XCR0, the mask of all features used so far, then the XSAVE area in compact form. */
struct xen_domctl_vcpuextstate {
	uint32_t vcpu;				/* IN */
	uint64_aligned_t xfeature_mask;		/* OUT for get */
	uint64_aligned_t size;			/* IN: bytes; OUT for get with 0: bytes needed */
	XEN_GUEST_HANDLE_64(uint64) buffer;	/* IN for set, OUT for get */
};

struct xen_domctl_set_access_required {
	uint8_t access_required;
};

struct xen_domctl_set_broken_page_p2m {
	uint64_aligned_t pfn;			/* IN */
};

struct xen_domctl_cacheflush {
	xen_pfn_t start_pfn, nr_pfns;		/* IN */
};

struct xen_domctl_paging_mempool {
	uint64_aligned_t size;			/* bytes */
};

struct xen_domctl_vcpu_msr {
	uint32_t index;
	uint32_t reserved;			/* 0 */
	uint64_aligned_t value;
};
typedef struct xen_domctl_vcpu_msr xen_domctl_vcpu_msr_t;
DEFINE_XEN_GUEST_HANDLE(xen_domctl_vcpu_msr_t);

/* MSRs that are a vCPU's own state; those with their reset value are left out. */
struct xen_domctl_vcpu_msrs {
	uint32_t vcpu;				/* IN */
	uint32_t msr_count;			/* IN: room or number; OUT: for get, or index of the bad one for set */
	XEN_GUEST_HANDLE_64(xen_domctl_vcpu_msr_t) msrs;
};

struct xen_domctl_vnuma {
	uint32_t nr_vnodes;			/* IN */
	uint32_t nr_vmemranges;			/* IN */
	uint32_t nr_vcpus;			/* IN: as in createdomain */
	uint32_t pad;
	XEN_GUEST_HANDLE_64(uint) vdistance;		/* IN: nr_vnodes squared */
	XEN_GUEST_HANDLE_64(uint) vcpu_to_vnode;	/* IN */
	XEN_GUEST_HANDLE_64(uint) vnode_to_pnode;	/* IN */
	XEN_GUEST_HANDLE_64(xen_vmemrange_t) vmemrange;	/* IN */
};

struct xen_domctl {
	uint32_t cmd;				/* IN: XEN_DOMCTL_* */
	uint32_t interface_version;		/* IN: XEN_DOMCTL_INTERFACE_VERSION */
	domid_t domain;				/* IN; OUT where said */
	uint16_t _pad[3];
	union {
		struct xen_domctl_createdomain createdomain;
		struct xen_domctl_getdomaininfo getdomaininfo;
		struct xen_domctl_getpageframeinfo3 getpageframeinfo3;
		struct xen_domctl_nodeaffinity nodeaffinity;
		struct xen_domctl_vcpuaffinity vcpuaffinity;
		struct xen_domctl_shadow_op shadow_op;
		struct xen_domctl_max_mem max_mem;
		struct xen_domctl_vcpucontext vcpucontext;
		struct xen_domctl_getvcpuinfo getvcpuinfo;
		struct xen_domctl_max_vcpus max_vcpus;
		struct xen_domctl_scheduler_op scheduler_op;
		struct xen_domctl_setdomainhandle setdomainhandle;
		struct xen_domctl_setdebugging setdebugging;
		struct xen_domctl_irq_permission irq_permission;
		struct xen_domctl_iomem_permission iomem_permission;
		struct xen_domctl_ioport_permission ioport_permission;
		struct xen_domctl_hypercall_init hypercall_init;
		struct xen_domctl_settimeoffset settimeoffset;
		struct xen_domctl_tsc_info tsc_info;
		struct xen_domctl_hvmcontext hvmcontext;
		struct xen_domctl_hvmcontext_partial hvmcontext_partial;
		struct xen_domctl_address_size address_size;
		struct xen_domctl_sendtrigger sendtrigger;
		struct xen_domctl_memory_mapping memory_mapping;
		struct xen_domctl_ioport_mapping ioport_mapping;
		struct xen_domctl_ext_vcpucontext ext_vcpucontext;
		struct xen_domctl_set_target set_target;
		struct xen_domctl_subscribe subscribe;
		struct xen_domctl_debug_op debug_op;
		struct xen_domctl_cpu_policy cpu_policy;
		struct xen_domctl_vcpuextstate vcpuextstate;
		struct xen_domctl_vcpu_msrs vcpu_msrs;
		struct xen_domctl_set_access_required access_required;
		struct xen_domctl_audit_p2m audit_p2m;
		struct xen_domctl_set_virq_handler set_virq_handler;
		struct xen_domctl_gdbsx_memio gdbsx_guest_memio;
		struct xen_domctl_gdbsx_pauseunp_vcpu gdbsx_pauseunp_vcpu;
		struct xen_domctl_gdbsx_domstatus gdbsx_domstatus;
		struct xen_domctl_set_broken_page_p2m set_broken_page_p2m;
		struct xen_domctl_cacheflush cacheflush;
		struct xen_domctl_vnuma vnuma;
		struct xen_domctl_paging_mempool paging_mempool;
		uint8_t pad[128];
	} u;
};
typedef struct xen_domctl xen_domctl_t;
DEFINE_XEN_GUEST_HANDLE(xen_domctl_t);

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_DOMCTL_H */
