/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op(cmd, vcpuid, arg): a guest's own vCPUs: start, stop, timers, and the memory areas in which the hypervisor
 * keeps a vCPU's state up to date. -ENOENT if the vCPU does not exist. Times are ns.
 */
#ifndef XEN_PUBLIC_VCPU_H
#define XEN_PUBLIC_VCPU_H

#include "xen.h"

#define VCPUOP_initialise			0	/* struct vcpu_guest_context; -EEXIST if done before */
#define VCPUOP_up				1	/* -EINVAL before initialise */
#define VCPUOP_down				2
#define VCPUOP_is_up				3	/* returns 1 or 0 */
#define VCPUOP_get_runstate_info		4	/* struct vcpu_runstate_info */
#define VCPUOP_register_runstate_memory_area	5
#define VCPUOP_set_periodic_timer		6
#define VCPUOP_stop_periodic_timer		7
#define VCPUOP_set_singleshot_timer		8	/* own vCPU only; -ETIME: see VCPU_SSHOTTMR_future */
#define VCPUOP_stop_singleshot_timer		9	/* own vCPU only */
#define VCPUOP_register_vcpu_info		10
#define VCPUOP_send_nmi				11
#define VCPUOP_get_physid			12	/* dom0 with pinned vCPUs only */
#define VCPUOP_register_vcpu_time_memory_area	13

/* vcpu_runstate_info.state, and index of time[] */
#define RUNSTATE_running	0
#define RUNSTATE_runnable	1	/* could run, is waiting for a CPU */
#define RUNSTATE_blocked	2
#define RUNSTATE_offline	3	/* down or paused */

/* Set in state_entry_time while an area is being written, if VMASST_TYPE_runstate_update_flag is on. */
#define XEN_RUNSTATE_UPDATE	(xen_mk_ullong(1) << 63)

/* vcpu_set_singleshot_timer.flags: refuse a time that is over with -ETIME instead of firing at once. */
#define _VCPU_SSHOTTMR_future	(0)
#define VCPU_SSHOTTMR_future	(1U << _VCPU_SSHOTTMR_future)

#ifndef __ASSEMBLY__

/* Written by the hypervisor. */
struct vcpu_runstate_info {
	int state;			/* RUNSTATE_* */
	uint64_t state_entry_time;	/* since boot */
	uint64_t time[4];		/* spent in each state, up to state_entry_time */
};
typedef struct vcpu_runstate_info vcpu_runstate_info_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_runstate_info_t);

/* The address is virtual and must be mapped whenever the vCPU is scheduled. It is filled in before the call returns. */
struct vcpu_register_runstate_memory_area {
	union {
		XEN_GUEST_HANDLE(vcpu_runstate_info_t) h;
		struct vcpu_runstate_info *v;
		uint64_t p;
	} addr;
};
typedef struct vcpu_register_runstate_memory_area vcpu_register_runstate_memory_area_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_register_runstate_memory_area_t);

struct vcpu_set_periodic_timer {
	uint64_t period_ns;		/* -EINVAL below 1 ms */
};
typedef struct vcpu_set_periodic_timer vcpu_set_periodic_timer_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_set_periodic_timer_t);

struct vcpu_set_singleshot_timer {
	uint64_t timeout_abs_ns;	/* since boot */
	uint32_t flags;			/* VCPU_SSHOTTMR_* */
};
typedef struct vcpu_set_singleshot_timer vcpu_set_singleshot_timer_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_set_singleshot_timer_t);

/* Moves a vCPU's vcpu_info out of the shared info page. Once in the life of a vCPU; the page stays mapped by us. */
struct vcpu_register_vcpu_info {
	uint64_t mfn;			/* machine frame of the guest's page */
	uint32_t offset;		/* bytes in it; 64 bytes must fit */
	uint32_t rsvd;			/* unused */
};
typedef struct vcpu_register_vcpu_info vcpu_register_vcpu_info_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_register_vcpu_info_t);

struct vcpu_get_physid {
	uint64_t phys_id;		/* OUT: ACPI id << 32 | APIC id */
};
typedef struct vcpu_get_physid vcpu_get_physid_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_get_physid_t);
#define xen_vcpu_physid_to_x86_apicid(physid)	((uint32_t)(physid))
#define xen_vcpu_physid_to_x86_acpiid(physid)	((uint32_t)((physid) >> 32))

DEFINE_XEN_GUEST_HANDLE(vcpu_time_info_t);

/* A second copy of the vCPU's vcpu_time_info, at an address that user mode may read. */
struct vcpu_register_time_memory_area {
	union {
		XEN_GUEST_HANDLE(vcpu_time_info_t) h;
		struct vcpu_time_info *v;
		uint64_t p;
	} addr;
};
typedef struct vcpu_register_time_memory_area vcpu_register_time_memory_area_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_register_time_memory_area_t);

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_VCPU_H */
