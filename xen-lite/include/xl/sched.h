/* SPDX-License-Identifier: MIT */
/*
 * Scheduling. sched.c owns states, blocking, waking and the switch; sched_credit.c is the policy behind struct
 * sched_ops. schedule() runs only on the exit path (HAZARD_RESCHED) and in the idle loop: blocking sets a flag and the
 * hazard.
 */
#ifndef XL_SCHED_H
#define XL_SCHED_H

#include <xl/domain.h>

struct xen_domctl_scheduler_op;
struct xen_sysctl_scheduler_op;

void sched_init(void);
void sched_init_cpu(u32 cpu);
int sched_vcpu_init(struct vcpu *v);
void sched_vcpu_destroy(struct vcpu *v);
void sched_kicked(void);		/* VEC_IPI_RESCHED came in: raises HAZARD_RESCHED if that was why */
void domain_watchdog_init(struct domain *d);
void schedule(void);			/* picks and switches; returns (on the new vCPU's behalf) to the exit path */
void vcpu_wake(struct vcpu *v);		/* something it waits for may have come: re-checks, may raise HAZARD_RESCHED */
void vcpu_block(void);			/* current unmasks upcalls and, unless one is pending, sleeps */
void vcpu_unblock(struct vcpu *v);	/* ends SCHEDOP_block or _poll, if it is in one */
void vcpu_sleep_nosync(struct vcpu *v);	/* a pause flag or count was set: take it off its CPU soon */
void vcpu_sleep_sync(struct vcpu *v);	/* and wait until it is off */
void vcpu_set_affinity(struct vcpu *v, const unsigned long *hard, const unsigned long *soft);	/* NULL: leave */
long do_sched_op(int cmd, void *arg);
long do_set_timer_op(s_time_t timeout);
int sched_domctl(struct domain *d, struct xen_domctl_scheduler_op *op);
int sched_sysctl(struct xen_sysctl_scheduler_op *op);
u64 sched_cpu_idle_ns(u32 cpu);
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *r);	/* up to now, consistent */
/* The idle loop is part of the exit path (entry/exit.c): when current is this CPU's idle vCPU it halts there. */

#endif
