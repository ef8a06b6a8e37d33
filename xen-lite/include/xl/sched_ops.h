/* SPDX-License-Identifier: MIT */
/*
 * Between sched.c (states and the switch) and the policy (sched_credit.c): the run queue of a CPU, and the few
 * questions that sched.c asks. Every function runs with the run queue's lock held, except where said.
 */
#ifndef XL_SCHED_OPS_H
#define XL_SCHED_OPS_H

#include <xl/domain.h>

struct runqueue {
	spinlock_t lock;
	u32 cpu;
	struct vcpu *curr;		/* who runs, or is being switched to */
	struct vcpu *idle;
	int prio;			/* the policy's, of who runs; read by others without the lock */
	bool resched;			/* another CPU wants this one to pick again */
	bool missed;			/* another queue was locked when this CPU wanted to take from it */
	bool ticking;
	bool held;			/* who runs is not to be switched out before `hold` fires */
	s_time_t slice_start;
	s_time_t run_start;		/* when curr was switched to */
	struct timer tick;
	struct timer hold;
	struct list_head queue;		/* runnable and not running: the policy's order */
};
DECLARE_PER_CPU(struct runqueue, runq);

/* The policy's part of a vCPU. */
struct sched_vcpu {
	struct vcpu *v;
	struct list_head link;		/* in a run queue, or an empty ring */
	s64 credit;			/* ns of CPU time it may use before others go first */
	s_time_t charged;		/* while it runs: up to when its credit has been charged */
	s_time_t used;			/* since the last accounting pass */
	/* of the accounting pass, see sched_share.c */
	bool active;			/* takes part */
	s64 busy;			/* run and waited until the last one */
	s64 want, grant;		/* ns: the most it takes; what it gets */
	u64 weight;			/* its part of its domain's */
	unsigned int set;		/* the CPUs that it is bound to */
	int prio;
	bool parked;			/* has used up its cap */
	bool yield;			/* goes to the end of the queue once */
};

static inline bool sched_queued(const struct vcpu *v)
{
	return !list_empty(&v->sched->link);
}

struct sched_ops {
	const char *name;
	u32 id;						/* XEN_SCHEDULER_* */
	int (*vcpu_init)(struct vcpu *v);		/* no lock */
	void (*vcpu_destroy)(struct vcpu *v);		/* no lock */
	void (*enqueue)(struct runqueue *rq, struct vcpu *v, bool woken);
	void (*dequeue)(struct vcpu *v);
	/* The next one, off its queue; NULL: idle. alone: ran here and may go on, but is not queued (nobody is). */
	struct vcpu *(*pick)(struct runqueue *rq, struct vcpu *alone, s_time_t now);
	bool (*has_for)(struct runqueue *rq, u32 cpu);	/* somebody waits there whom this CPU could take */
	bool (*preempts)(const struct vcpu *v, const struct runqueue *rq);	/* goes before who runs there; any lock */
	void (*charge)(struct vcpu *v, s_time_t now);	/* v ran until now */
	bool (*tick)(struct runqueue *rq, s_time_t now);	/* every SCHED_TICK while busy; true: pick again */
	bool (*needs_ticks)(void);			/* no lock: even while this CPU is idle */
	void (*account)(s_time_t now);			/* after a tick, no lock */
};
extern const struct sched_ops sched_credit;

#define SCHED_TICK	10000000LL	/* ns */
extern u32 sched_slice_ms;
extern u32 sched_ratelimit_us;	/* how long a vCPU goes on at least before another is preferred; 0: it does not matter */

/*
 * sched_share.c: divides a period's time of all CPUs among the active vCPUs; fills ->grant from ->want, weight,
 * affinity.
 */
void sched_share_out(s64 period);

/* sched.c: makes the CPU pick again soon. The interrupt is sent by runq_unlock(). */
void runq_resched(struct runqueue *rq);
void runq_unlock(struct runqueue *rq);
/* v has just been queued on rq: see that somebody takes it. */
void runq_tickle(struct runqueue *rq, struct vcpu *v);
struct runqueue *runq_lock_vcpu(struct vcpu *v);	/* the queue that v belongs to, locked */

#endif
