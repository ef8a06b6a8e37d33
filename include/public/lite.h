/* SPDX-License-Identifier: MIT */
/*
 * lite_op(cmd, arg): what this hypervisor offers beyond the Xen interface. A guest first asks for LITEOP_features and
 * uses what has its bit set. A hypervisor without the hypercall answers -ENOSYS, which means the same as no bit at all,
 * so a kernel that asks runs there unchanged.
 */
#ifndef XEN_PUBLIC_LITE_H
#define XEN_PUBLIC_LITE_H

#include "xen.h"

/* The last of the numbers that the interface leaves to architectures. */
#define __HYPERVISOR_lite_op	__HYPERVISOR_arch_7

/* No argument. Returns the bits of the extensions that the caller may use. None is defined yet: 0. Others: -ENOSYS. */
#define LITEOP_features		0

#endif /* XEN_PUBLIC_LITE_H */
