/* SPDX-License-Identifier: MIT */
/* What the operations for tools share: domctl.c, domctl_vcpu.c, sysctl.c, cpu_policy.c. */
#ifndef XL_CONTROL_H
#define XL_CONTROL_H

#include <xl/domain.h>
#include <public/domctl.h>
#include <public/sysctl.h>

/*
 * Operations on an existing domain, d referenced, under the domctl lock. They change op->u where there is an answer
 * and set *answer; -ERESTART: call again, op as it is by then.
 */
long domctl_vcpu_op(struct domain *d, struct xen_domctl *op, bool *answer);	/* -ENOSYS: not one of these */

/* A bitmap of the tool: missing bits read as 0, surplus ones are written as 0. -EFAULT, -EINVAL. */
int bitmap_from_tool(unsigned long *map, unsigned int bits, const struct xenctl_bitmap *from);
int bitmap_to_tool(const struct xenctl_bitmap *to, const unsigned long *map, unsigned int bits);

/*
 * CPUID leaves as a PV kernel on v sees them, in order. *nr: room, then how many; -ENOBUFS when there is too little
 * room. With a NULL list *nr becomes the most there can be.
 */
#define POLICY_MSRS_LIMIT	16
long cpu_policy_leaves(const struct vcpu *v, xen_cpuid_leaf_t *to, u32 *nr);

#endif
