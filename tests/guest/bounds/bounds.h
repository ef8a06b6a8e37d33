/* SPDX-License-Identifier: MIT */
/* How long the hypervisor keeps the processor: what the parts of the test share. */
#ifndef TESTS_GUEST_BOUNDS_H
#define TESTS_GUEST_BOUNDS_H

#include "stay.h"

#define LIST		16384		/* entries of the long lists */
#define FAN		512		/* entries of a page table */

extern u64 list[LIST * 8];		/* room for arguments and results */

void bounds_tables(void);		/* page tables, descriptors */
void bounds_memory(void);		/* memory_op, grants */
void bounds_small(void);		/* events, vCPUs, traps, questions */
void bounds_admin(void);		/* domctl, sysctl, physdev_op, platform_op, console */

#endif
