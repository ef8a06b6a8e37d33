/* SPDX-License-Identifier: MIT */
/* Time: the calibrated TSC, system time in ns since boot, wall clock, and what guests read of them. */
#ifndef XL_TIME_H
#define XL_TIME_H

#include <xl/types.h>

struct vcpu;
struct domain;

#define NS_PER_SEC	1000000000LL
#define MILLISECS(x)	((s_time_t)(x) * 1000000LL)
#define MICROSECS(x)	((s_time_t)(x) * 1000LL)

extern u64 tsc_khz;
extern bool tsc_reliable;		/* synchronised over all CPUs, constant rate: PVCLOCK_TSC_STABLE_BIT is true */

void time_init(void);			/* calibrates the TSC against PM timer, HPET or PIT */
s_time_t now(void);			/* ns since boot, monotonic on one CPU */
u64 tsc_to_ns_mul_shift(u32 *mul, int8_t *shift);	/* pvclock scale factors; returns the TSC at system time 0 */
void time_update_vcpu(struct vcpu *v);	/* writes vcpu_info->time (and the registered copy): on context switch in */
void time_update_wallclock(struct domain *d);	/* writes shared_info->wc */
int time_set_wallclock(u64 sec, u32 nsec, u64 system_time);	/* platform_op settime: all domains */
u64 wallclock_now(u32 *nsec);		/* seconds since the epoch */

#endif
