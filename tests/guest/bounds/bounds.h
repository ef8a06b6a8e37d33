/* SPDX-License-Identifier: MIT */
/* How long the hypervisor keeps the processor: what the parts of the test share. */
#ifndef TESTS_GUEST_BOUNDS_H
#define TESTS_GUEST_BOUNDS_H

#include "guest.h"

#define LIST		16384		/* entries of the long lists */
#define FAN		512		/* entries of a page table */

extern u64 list[LIST * 8];		/* room for arguments and results */
extern u64 bounds_limit;		/* instructions that a stay may take */

/*
 * Issues a hypercall and notes its longest stay in the hypervisor: from an issue of the call to its end or to the place
 * where it was preempted and is issued again. Prints a row; `input` says what it works on. Returns the call's result.
 */
long measure5(const char *name, const char *input, u64 nr, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);
#define measure(name, input, nr, a1, a2, a3, a4) \
	measure5(name, input, nr, (u64)(a1), (u64)(a2), (u64)(a3), (u64)(a4), 0)
/* The same, and the call has to succeed: else its row would mean nothing. */
#define measure_ok(name, input, nr, a1, a2, a3, a4) \
	CHECK(measure(name, input, nr, a1, a2, a3, a4) >= 0, "%s of %s fails", name, input)

void bounds_tables(void);		/* page tables, descriptors */
void bounds_memory(void);		/* memory_op, grants */
void bounds_small(void);		/* events, vCPUs, traps, questions */
void bounds_logged(void);		/* the log of what a domain writes */
void bounds_admin(void);		/* domctl, sysctl, physdev_op, platform_op, console */

#endif
