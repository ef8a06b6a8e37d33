/* SPDX-License-Identifier: MIT */
/*
 * Scheduling: the states of a vCPU, blocking and waking, the switch, and what guests say about themselves (sched_op).
 * Who comes next is the policy's business (sched_credit.c).
 *
 * Invariant: a vCPU is current of exactly one CPU, or in one run queue, or neither because it cannot run. v->running is
 * true from the moment it is chosen until its state has been saved after it was switched out; until then no other CPU
 * takes it. v->cpu names the queue whose lock protects its state; it changes only under that lock.
 *
 * schedule() runs on the exit path only. Everything else here sets state and raises HAZARD_RESCHED.
 *
 * Locks: the run queue's, innermost but for timers.
 */
#include <xl/asm.h>
#include <xl/event.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/sched_ops.h>
#include <xl/time.h>
#include <public/sched.h>
#include <public/sysctl.h>

DEFINE_PER_CPU(struct runqueue, runq);
DEFINE_PER_CPU(struct vcpu *, idle_vcpu);

static const struct sched_ops *const ops = &sched_credit;

#define POLL_PORTS_MAX		128

u32 sched_ratelimit_us = 1000;

/* --- run queues ---------------------------------------------------------------------------------------- */

struct runqueue *runq_lock_vcpu(struct vcpu *v)
{
	struct runqueue *rq;
	u32 cpu;

	for (;;) {
		cpu = ACCESS_ONCE(v->cpu);
		rq = &per_cpu(runq, cpu);
		spin_lock(&rq->lock);
		if (v->cpu == cpu)
			return rq;
		spin_unlock(&rq->lock);
	}
}

/*
 * CPUs to interrupt when the lock is given back. Interrupting is slow, and the first thing that the other CPU does is
 * to ask for the lock.
 */
struct kicks {
	bool any;
	DECLARE_BITMAP(cpus, NR_CPUS);
};
static DEFINE_PER_CPU(struct kicks, kicks);

/* Under a run queue's lock, not necessarily this one's; runq_unlock() does the rest. */
void runq_resched(struct runqueue *rq)
{
	if (rq->cpu == smp_processor_id()) {
		ACCESS_ONCE(rq->resched) = true;	/* it is not idle any more: nobody shall count on it */
		hazard_raise(HAZARD_RESCHED);
	} else if (!xchg(&rq->resched, true)) {
		__set_bit(rq->cpu, this_cpu(kicks).cpus);
		this_cpu(kicks).any = true;
	}
}

static void send_kicks(struct kicks *k)
{
	k->any = false;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		if (!test_bit(cpu, k->cpus))
			continue;
		__clear_bit(cpu, k->cpus);
		smp_kick(cpu);
	}
}

void runq_unlock(struct runqueue *rq)
{
	spin_unlock(&rq->lock);
	if (this_cpu(kicks).any)
		send_kicks(&this_cpu(kicks));
}

/* Called for stays what this CPU is until it looks (schedule()): other work may come before that. */
void sched_kicked(void)
{
	if (ACCESS_ONCE(this_cpu(runq).resched))
		hazard_raise(HAZARD_RESCHED);
}

/* --- places -------------------------------------------------------------------------------------------- */

/*
 * An idle CPU, other than that of rq, on which v may run and that nobody has called yet; nr_cpus when there is none.
 * With soft: one that it prefers.
 */
static u32 idle_cpu(const struct runqueue *rq, const struct vcpu *v, bool soft)
{
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		const struct runqueue *other = &per_cpu(runq, cpu);

		if (other != rq && ACCESS_ONCE(other->curr) == other->idle && !ACCESS_ONCE(other->resched) &&
		    test_bit(cpu, v->hard_affinity) && (!soft || test_bit(cpu, v->soft_affinity)))
			return cpu;
	}
	return nr_cpus;
}

static u32 idle_cpu_for(const struct runqueue *rq, const struct vcpu *v)
{
	u32 cpu = idle_cpu(rq, v, true);

	return cpu < nr_cpus ? cpu : idle_cpu(rq, v, false);
}

static u32 first_allowed(const struct vcpu *v)
{
	for (int soft = 1; soft >= 0; soft--)
		for (u32 cpu = 0; cpu < nr_cpus; cpu++)
			if (test_bit(cpu, v->hard_affinity) && (!soft || test_bit(cpu, v->soft_affinity)))
				return cpu;
	return 0;
}

/*
 * The CPU in whose queue v belongs: that of rq, unless it may not run there, or there is an idle one that it prefers,
 * or any idle one while others wait here (they may be pinned).
 */
static u32 best_cpu(const struct runqueue *rq, const struct vcpu *v)
{
	bool may_stay = test_bit(rq->cpu, v->hard_affinity);
	u32 cpu;

	if (may_stay && list_empty(&rq->queue) && test_bit(rq->cpu, v->soft_affinity))
		return rq->cpu;
	cpu = idle_cpu(rq, v, true);
	if (cpu >= nr_cpus && !(may_stay && list_empty(&rq->queue)))
		cpu = idle_cpu(rq, v, false);
	if (cpu < nr_cpus)
		return cpu;
	return may_stay ? rq->cpu : first_allowed(v);
}

/* A CPU, other than that of rq, that runs something of less importance than v, and may run v; nr_cpus: none. */
static u32 lesser_cpu(const struct runqueue *rq, const struct vcpu *v)
{
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		const struct runqueue *other = &per_cpu(runq, cpu);

		if (other != rq && test_bit(cpu, v->hard_affinity) && !ACCESS_ONCE(other->resched) &&
		    !ACCESS_ONCE(other->held) && ops->preempts(v, other))
			return cpu;
	}
	return nr_cpus;
}

/*
 * Calls a CPU for v, which is queued on rq: an idle one, else one with something lesser.
 *
 * Whoever queues first queues, then looks who is idle; a CPU that goes idle first says so, then looks into the queues
 * (choose()). So one of the two sees the other.
 */
static void call_cpu(struct runqueue *rq, struct vcpu *v)
{
	u32 cpu = idle_cpu_for(rq, v);

	if (cpu >= nr_cpus)
		cpu = lesser_cpu(rq, v);
	if (cpu < nr_cpus)
		runq_resched(&per_cpu(runq, cpu));
}

void runq_tickle(struct runqueue *rq, struct vcpu *v)
{
	bool was_idle = rq->curr == rq->idle;

	if (!rq->held && ops->preempts(v, rq))
		runq_resched(rq);
	if (was_idle || nr_cpus == 1)
		return;
	smp_mb();
	call_cpu(rq, v);
}

/* What is left in the queue when this CPU has taken its own. */
static void offer_rest(struct runqueue *rq)
{
	struct sched_vcpu *s;

	if (nr_cpus == 1 || list_empty(&rq->queue))
		return;
	smp_mb();
	list_for_each_entry(s, &rq->queue, link)
		if (!s->v->running)
			call_cpu(rq, s->v);
}

/* --- the tick ------------------------------------------------------------------------------------------ */

static void sched_tick(void *data)
{
	struct runqueue *rq = data;
	s_time_t t = now();
	bool again;

	spin_lock(&rq->lock);
	again = rq->ticking = rq->curr != rq->idle || ops->needs_ticks();
	if (again && (ops->tick(rq, t) || best_cpu(rq, rq->curr) != rq->cpu))
		runq_resched(rq);
	runq_unlock(rq);
	if (again)
		timer_set(&rq->tick, t + SCHED_TICK);
	ops->account(t);
}

/*
 * Rate limit: one that has just begun goes on for a while, though a better one waits. A driver that wakes its other end
 * with each request would otherwise be switched out at each; so both do a batch at a time.
 */
static bool hold(struct runqueue *rq, const struct vcpu *prev, s_time_t t)
{
	s_time_t end = rq->run_start + MICROSECS(sched_ratelimit_us);

	if (t >= end || prev == rq->idle || !vcpu_runnable(prev) || prev->sched->yield || prev->sched->parked ||
	    !test_bit(rq->cpu, prev->hard_affinity) || list_empty(&rq->queue) ||
	    !ops->preempts(list_first_entry(&rq->queue, struct sched_vcpu, link)->v, rq))
		return false;
	timer_set(&rq->hold, end);
	return true;
}

static void hold_end(void *data)
{
	struct runqueue *rq = data;

	spin_lock(&rq->lock);
	if (rq->held) {
		rq->held = false;
		runq_resched(rq);
	}
	runq_unlock(rq);
}

/* --- waking and sleeping ------------------------------------------------------------------------------- */

static int stopped_state(const struct vcpu *v)
{
	if (vcpu_runnable(v))
		return RUNSTATE_runnable;
	return v->pause_flags & (VPF_BLOCKED | VPF_POLL) ? RUNSTATE_blocked : RUNSTATE_offline;
}

/*
 * Queues v if it can run and nobody has: on the CPU that is best for it, as seen from where it was. What is best may
 * look different from there; that is not asked again, or it might have no end. While it is still being switched out it
 * has to stay where it is; its CPU looks again when it has let go (release()).
 */
static void wake(struct vcpu *v, bool woken)
{
	struct runqueue *rq;
	bool chosen = false;
	u32 cpu;

	for (;;) {
		rq = runq_lock_vcpu(v);
		if (rq->curr == v || sched_queued(v))
			goto out;
		if (v->runstate.state != stopped_state(v))
			vcpu_runstate_change(v, stopped_state(v), now());
		if (!vcpu_runnable(v) || (v->running && !test_bit(rq->cpu, v->hard_affinity)))
			goto out;
		if (v->running || (chosen && test_bit(rq->cpu, v->hard_affinity)))
			break;
		cpu = best_cpu(rq, v);
		if (cpu == rq->cpu)
			break;
		v->cpu = cpu;
		chosen = true;
		spin_unlock(&rq->lock);
	}
	ops->enqueue(rq, v, woken);
	if (sched_queued(v))
		runq_tickle(rq, v);
out:
	runq_unlock(rq);
}

void vcpu_wake(struct vcpu *v)
{
	wake(v, true);
}

void vcpu_unblock(struct vcpu *v)
{
	u32 was = __atomic_fetch_and(&v->pause_flags, ~(VPF_BLOCKED | VPF_POLL), __ATOMIC_SEQ_CST);

	if (was & VPF_POLL)
		clear_bit(v->id, v->domain->poll_mask);
	if (was & (VPF_BLOCKED | VPF_POLL))
		vcpu_wake(v);
}

void vcpu_sleep_nosync(struct vcpu *v)
{
	struct runqueue *rq = runq_lock_vcpu(v);

	if (!vcpu_runnable(v)) {
		if (rq->curr == v) {
			runq_resched(rq);
		} else {
			if (sched_queued(v))
				ops->dequeue(v);
			vcpu_runstate_change(v, stopped_state(v), now());
		}
	}
	runq_unlock(rq);
}

void vcpu_sleep_sync(struct vcpu *v)
{
	vcpu_sleep_nosync(v);
	while (!vcpu_runnable(v) && v->running) {
		smp_serve();
		cpu_relax();
	}
	spin_unlock(&runq_lock_vcpu(v)->lock);	/* its CPU is through with it, see release() */
}

/*
 * The order matters: first say that we block, then look; a sender first makes the event pending, then looks whether we
 * block.
 */
void vcpu_block(void)
{
	struct vcpu *v = current;

	v->info->evtchn_upcall_mask = 0;
	__atomic_fetch_or(&v->pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
	if (v->info->evtchn_upcall_pending || v->pv.nmi_pending)
		__atomic_fetch_and(&v->pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST);
	else
		hazard_raise(HAZARD_RESCHED);
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *r)
{
	struct runqueue *rq = runq_lock_vcpu(v);
	s_time_t delta;

	*r = v->runstate;
	spin_unlock(&rq->lock);
	delta = now() - (s_time_t)r->state_entry_time;
	if (delta > 0)
		r->time[r->state] += delta;
}

/* --- the switch ---------------------------------------------------------------------------------------- */

/*
 * Under the lock: what prev becomes, and who is next. A vCPU that just goes on is in no queue at any moment, or idle
 * CPUs would look at it.
 */
static struct vcpu *choose(struct runqueue *rq, struct vcpu *prev, s_time_t t)
{
	struct vcpu *next, *alone = NULL;

	if (prev != rq->idle)
		ops->charge(prev, t);
	rq->held = hold(rq, prev, t);
	if (rq->held) {
		offer_rest(rq);
		return prev;
	}
	if (prev != rq->idle && vcpu_runnable(prev) && best_cpu(rq, prev) == rq->cpu) {
		if (list_empty(&rq->queue) && !prev->sched->parked)
			alone = prev;
		else
			ops->enqueue(rq, prev, false);
	}
	next = ops->pick(rq, alone, t);
	if (!next && nr_cpus > 1) {
		rq->curr = rq->idle;
		rq->missed = false;
		smp_mb();		/* see call_cpu() */
		next = ops->pick(rq, NULL, t);
	}
	if (!next)
		next = rq->idle;
	rq->curr = next;
	rq->slice_start = t;
	offer_rest(rq);
	return next;
}

/* This CPU goes idle, but some queues were locked when it wanted to look: this time it waits for them. */
static void look_again(struct runqueue *rq)
{
	bool found = false;

	for (u32 cpu = 0; cpu < nr_cpus && !found; cpu++) {
		struct runqueue *other = &per_cpu(runq, cpu);

		if (other == rq || list_empty(&other->queue))
			continue;
		spin_lock(&other->lock);
		found = ops->has_for(other, rq->cpu);
		spin_unlock(&other->lock);
	}
	if (found)
		hazard_raise(HAZARD_RESCHED);
}

/*
 * prev's state is saved: others may have it. All that still concerns it is done before the lock is given back, because
 * whoever waits for it to stop (vcpu_sleep_sync()) may free it next.
 */
static void release(struct runqueue *rq, struct vcpu *prev)
{
	struct domain *d = NULL;

	spin_lock(&rq->lock);
	smp_mb();
	prev->running = false;
	if (prev != rq->idle && vcpu_runnable(prev)) {
		if (sched_queued(prev)) {
			if (nr_cpus > 1)
				runq_tickle(rq, prev);
		} else {
			d = prev->domain;
			domain_hold(d);
		}
	}
	runq_unlock(rq);
	if (d) {
		wake(prev, false);
		domain_put(d);
	}
}

void schedule(void)
{
	struct runqueue *rq = &this_cpu(runq);
	struct vcpu *prev = current, *next;
	s_time_t t = now();
	bool start_ticks, look;

	spin_lock(&rq->lock);
	ACCESS_ONCE(rq->resched) = false;
	smp_mb();			/* a call from now on is a new one: the queues are looked at after this */
	next = choose(rq, prev, t);
	if (next != prev) {
		vcpu_runstate_change(prev, stopped_state(prev), t);
		vcpu_runstate_change(next, RUNSTATE_running, t);
		next->cpu = rq->cpu;
		next->running = true;
		rq->run_start = t;
	}
	start_ticks = next != rq->idle && !rq->ticking;
	rq->ticking |= start_ticks;
	look = next == rq->idle && rq->missed;
	runq_unlock(rq);
	if (look)
		look_again(rq);
	if (start_ticks)
		timer_set(&rq->tick, t + SCHED_TICK);
	if (next == prev)
		return;
	/* A guest with several vCPUs may want to know that this one was preempted. */
	if (prev->domain->max_vcpus > 1 && prev != rq->idle && prev->runstate.state == RUNSTATE_runnable)
		vcpu_runstate_publish(prev);
	context_switch(prev, next);
	release(rq, prev);
	if (next != rq->idle)
		vcpu_runstate_publish(next);
}

/* --- set-up and parameters ----------------------------------------------------------------------------- */

int sched_vcpu_init(struct vcpu *v)
{
	v->cpu = is_idle_vcpu(v) ? v->id : (v->domain->id + v->id) % nr_cpus;
	return ops->vcpu_init(v);
}

void sched_vcpu_destroy(struct vcpu *v)
{
	ops->vcpu_destroy(v);
}

void sched_init_cpu(u32 cpu)
{
	struct runqueue *rq = &per_cpu(runq, cpu);
	struct vcpu *idle;

	spin_lock_init(&rq->lock);
	rq->cpu = cpu;
	list_init(&rq->queue);
	timer_setup(&rq->tick, sched_tick, rq);
	timer_setup(&rq->hold, hold_end, rq);
	idle = vcpu_create(idle_domain, cpu);
	if (!idle)
		boot_fail("no memory for the idle vCPU of CPU %u", cpu);
	idle->pause_flags = 0;
	idle->initialised = true;
	idle->running = true;
	idle->runstate.state = RUNSTATE_running;
	rq->idle = rq->curr = idle;
	per_cpu(idle_vcpu, cpu) = idle;
	if (cpu == smp_processor_id())
		current = idle;
}

void sched_init(void)
{
	printk(XL_INFO "Scheduler: %s, slice %u ms\n", ops->name, sched_slice_ms);
	sched_init_cpu(smp_processor_id());
}

void vcpu_set_affinity(struct vcpu *v, const unsigned long *hard, const unsigned long *soft)
{
	struct runqueue *rq = runq_lock_vcpu(v);

	if (hard)
		memcpy(v->hard_affinity, hard, sizeof(v->hard_affinity));
	if (soft)
		memcpy(v->soft_affinity, soft, sizeof(v->soft_affinity));
	if (rq->curr == v && best_cpu(rq, v) != rq->cpu)
		runq_resched(rq);
	if (sched_queued(v))
		ops->dequeue(v);
	runq_unlock(rq);
	wake(v, false);
}

u64 sched_cpu_idle_ns(u32 cpu)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(per_cpu(idle_vcpu, cpu), &r);
	return r.time[RUNSTATE_running];
}

int sched_domctl(struct domain *d, struct xen_domctl_scheduler_op *op)
{
	struct xen_domctl_sched_credit *c = &op->u.credit;

	if (op->sched_id != ops->id)
		return refuse(-XEN_EINVAL, "scheduler %u: only %s (%u) is here", op->sched_id, ops->name, ops->id);
	switch (op->cmd) {
	case XEN_DOMCTL_SCHEDOP_getinfo:
		c->weight = d->sched_weight;
		c->cap = d->sched_cap;
		return 0;
	case XEN_DOMCTL_SCHEDOP_putinfo:
		if (c->cap != 0xffff && c->cap > d->max_vcpus * 100)
			return refuse(-XEN_EINVAL, "cap %u: d%u has only %u vCPUs", c->cap, d->id, d->max_vcpus);
		if (c->weight)
			d->sched_weight = c->weight;
		if (c->cap != 0xffff)
			d->sched_cap = c->cap;
		return 0;
	default:
		return -XEN_EINVAL;
	}
}

int sched_sysctl(struct xen_sysctl_scheduler_op *op)
{
	struct xen_sysctl_credit_schedule *s = &op->u.sched_credit;

	if (op->sched_id != ops->id || op->cpupool_id)
		return -XEN_EINVAL;
	if (op->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
		if (s->tslice_ms < XEN_SYSCTL_CSCHED_TSLICE_MIN || s->tslice_ms > XEN_SYSCTL_CSCHED_TSLICE_MAX)
			return refuse(-XEN_EINVAL, "slice %u ms: 1 to 1000 are possible", s->tslice_ms);
		if (s->ratelimit_us && (s->ratelimit_us < XEN_SYSCTL_SCHED_RATELIMIT_MIN ||
					s->ratelimit_us > XEN_SYSCTL_SCHED_RATELIMIT_MAX ||
					s->ratelimit_us > s->tslice_ms * 1000))
			return refuse(-XEN_EINVAL, "rate limit %u us: 0 or 100 to 500000 are possible, and not more than a slice",
				      s->ratelimit_us);
		if (s->vcpu_migr_delay_us)
			return refuse(-XEN_EINVAL, "a migration delay does not exist here: use 0");
		sched_slice_ms = s->tslice_ms;
		ACCESS_ONCE(sched_ratelimit_us) = s->ratelimit_us;
		return 0;
	}
	if (op->cmd != XEN_SYSCTL_SCHEDOP_getinfo)
		return -XEN_EINVAL;
	s->tslice_ms = sched_slice_ms;
	s->ratelimit_us = sched_ratelimit_us;
	s->vcpu_migr_delay_us = 0;
	return 0;
}

/* --- sched_op ------------------------------------------------------------------------------------------ */

/* Most often the caller waits for somebody who runs elsewhere: let a sibling thread, or an emulator's other CPUs, go on. */
static long yield(void)
{
	struct vcpu *v = current;
	struct runqueue *rq;

	cpu_relax();
	rq = runq_lock_vcpu(v);
	v->sched->yield = true;
	hazard_raise(HAZARD_RESCHED);
	spin_unlock(&rq->lock);
	return 0;
}

/* 1: one of the ports is pending; 0: none; -errno. */
static long poll_any_pending(struct vcpu *v, const struct sched_poll *p)
{
	struct domain *d = v->domain;
	evtchn_port_t port;

	if (event_upcall_due(v))
		return 1;
	for (unsigned int i = 0; i < p->nr_ports; i++) {
		if (copy_from_guest_offset(&port, p->ports.p, i, 1))
			return -XEN_EFAULT;
		if (port >= NR_EVENT_CHANNELS)
			return -XEN_EINVAL;
		if (test_bit(port, d->shared_info->evtchn_pending))
			return 1;
		v->poll_port = p->nr_ports == 1 ? port : 0;
	}
	return 0;
}

static long poll(void *arg)
{
	struct vcpu *v = current;
	struct sched_poll p;
	long rc;

	if (copy_from_guest(&p, arg, 1))
		return -XEN_EFAULT;
	if (p.nr_ports > POLL_PORTS_MAX)
		return refuse(-XEN_EINVAL, "%u ports: 128 at most", p.nr_ports);
	v->poll_port = 0;
	__atomic_fetch_or(&v->pause_flags, VPF_POLL, __ATOMIC_SEQ_CST);
	set_bit(v->id, v->domain->poll_mask);
	smp_mb();
	rc = poll_any_pending(v, &p);
	if (rc) {
		clear_bit(v->id, v->domain->poll_mask);
		__atomic_fetch_and(&v->pause_flags, ~VPF_POLL, __ATOMIC_SEQ_CST);
		return rc < 0 ? rc : 0;
	}
	if (p.timeout)
		timer_set(&v->poll_timer, p.timeout);
	else
		timer_stop(&v->poll_timer);
	hazard_raise(HAZARD_RESCHED);
	return 0;
}

/* The reason is a byte, and what it means is between the guest and the tools. */
static long shutdown(void *arg, bool now_too)
{
	struct domain *d = current->domain;
	struct sched_shutdown s;

	if (copy_from_guest(&s, arg, 1))
		return -XEN_EFAULT;
	s.reason &= 0xff;
	if (!now_too) {
		cmpxchg(&d->shutdown_code, ~0U, s.reason);
		return 0;
	}
	if (s.reason == SHUTDOWN_crash && !d->crash_reason[0]) {
		snprintf(d->crash_reason, sizeof(d->crash_reason), "the guest kernel reports a crash");
		printk(XL_WARN "d%u crashed: %s\n", d->id, d->crash_reason);
	}
	domain_shutdown(d, s.reason);
	return 0;
}

static long remote_shutdown(void *arg)
{
	struct sched_remote_shutdown s;
	struct domain *d;

	if (copy_from_guest(&s, arg, 1))
		return -XEN_EFAULT;
	if (!current->domain->privileged)
		return -XEN_EPERM;
	d = domain_get(s.domain_id);
	if (!d)
		return -XEN_ESRCH;
	domain_shutdown(d, s.reason & 0xff);
	domain_put(d);
	return 0;
}

static void watchdog_fire(void *data)
{
	struct domain *d = data;

	printk(XL_WARN "d%u: its watchdog has fired\n", d->id);
	if (!d->crash_reason[0])
		snprintf(d->crash_reason, sizeof(d->crash_reason), "watchdog: the guest has not reset it in time");
	domain_shutdown(d, SHUTDOWN_watchdog);
}

void domain_watchdog_init(struct domain *d)
{
	for (unsigned int i = 0; i < NR_WATCHDOGS; i++)
		timer_setup(&d->watchdog[i], watchdog_fire, d);
}

/* Id 0 starts a new one and returns its id. */
static long watchdog_locked(struct domain *d, const struct sched_watchdog *w)
{
	u32 i = w->id - 1;

	if (w->id > NR_WATCHDOGS)
		return -XEN_EINVAL;
	if (!w->id) {
		if (!w->timeout)
			return -XEN_EINVAL;
		for (i = 0; i < NR_WATCHDOGS && (d->watchdog_inuse & (1U << i)); i++)
			;
		if (i == NR_WATCHDOGS)
			return -XEN_ENOSPC;
	} else if (!(d->watchdog_inuse & (1U << i))) {
		return -XEN_EINVAL;
	}
	if (!w->timeout) {
		d->watchdog_inuse &= ~(1U << i);
		timer_stop(&d->watchdog[i]);
		return 0;
	}
	d->watchdog_inuse |= 1U << i;
	timer_set(&d->watchdog[i], now() + w->timeout * NS_PER_SEC);
	return w->id ? 0 : i + 1;
}

static long watchdog(void *arg)
{
	struct domain *d = current->domain;
	struct sched_watchdog w;
	long rc;

	if (copy_from_guest(&w, arg, 1))
		return -XEN_EFAULT;
	spin_lock(&d->lock);
	rc = watchdog_locked(d, &w);
	spin_unlock(&d->lock);
	return rc;
}

long do_sched_op(int cmd, void *arg)
{
	switch (cmd) {
	case SCHEDOP_yield:		return yield();
	case SCHEDOP_block:		vcpu_block(); return 0;
	case SCHEDOP_shutdown:		return shutdown(arg, true);
	case SCHEDOP_poll:		return poll(arg);
	case SCHEDOP_remote_shutdown:	return remote_shutdown(arg);
	case SCHEDOP_shutdown_code:	return shutdown(arg, false);
	case SCHEDOP_watchdog:		return watchdog(arg);
	default:			return -XEN_ENOSYS;
	}
}

/* The old way to set the single-shot timer: 0 stops it. */
long do_set_timer_op(s_time_t timeout)
{
	struct vcpu *v = current;

	if (timeout)
		timer_set(&v->singleshot, timeout);
	else
		timer_stop(&v->singleshot);
	return 0;
}
