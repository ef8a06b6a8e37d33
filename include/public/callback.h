/* SPDX-License-Identifier: MIT */
/*
 * callback_op(cmd, arg): the guest's entry points that are not exceptions. Registered per vCPU, and taken over by
 * {get,set}vcpucontext. -ENOSYS for a type that the CPU or the hypervisor does not have. All fields are the guest's.
 */
#ifndef XEN_PUBLIC_CALLBACK_H
#define XEN_PUBLIC_CALLBACK_H

#include "xen.h"

#define CALLBACKOP_register		0
#define CALLBACKOP_unregister		1

#define CALLBACKTYPE_event		0	/* an event is pending and not masked */
#define CALLBACKTYPE_failsafe		1	/* the guest's segments or iret frame cannot be loaded */
#define CALLBACKTYPE_syscall		2	/* 64-bit user code executed SYSCALL */
#define CALLBACKTYPE_sysenter_deprecated 3
#define CALLBACKTYPE_nmi		4
#define CALLBACKTYPE_sysenter		5
#define CALLBACKTYPE_syscall32		7	/* 32-bit user code executed SYSCALL */

/* callback_register.flags: mask events on entry (always so for event and nmi). */
#define _CALLBACKF_mask_events		0
#define CALLBACKF_mask_events		(1U << _CALLBACKF_mask_events)

#ifndef __ASSEMBLY__

struct callback_register {
	uint16_t type;			/* CALLBACKTYPE_* */
	uint16_t flags;			/* CALLBACKF_* */
	xen_callback_t address;		/* virtual, canonical */
};
typedef struct callback_register callback_register_t;
DEFINE_XEN_GUEST_HANDLE(callback_register_t);

/* Event, failsafe and syscall cannot be taken away: -EINVAL. */
struct callback_unregister {
	uint16_t type;			/* CALLBACKTYPE_* */
	uint16_t _unused;
};
typedef struct callback_unregister callback_unregister_t;
DEFINE_XEN_GUEST_HANDLE(callback_unregister_t);

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_CALLBACK_H */
