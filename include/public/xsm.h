/* SPDX-License-Identifier: MIT */
/*
 * xsm_op: the hook for a loadable security policy. Tools call it once to see whether there is one; -ENOSYS means none.
 * Only the number exists here.
 */
#ifndef XEN_PUBLIC_XSM_H
#define XEN_PUBLIC_XSM_H

#include "xen.h"

#define XSM_OP_HYPERCALL	__HYPERVISOR_xsm_op

#endif /* XEN_PUBLIC_XSM_H */
