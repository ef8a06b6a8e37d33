/* SPDX-License-Identifier: MIT */
/*
 * The credit policy. Time is handed out every 30 ms in proportion to the domains' weights; a vCPU that has credit left
 * goes before one that has not, and one that wakes with credit goes first (boost), for at most a tick. Domains that
 * cannot use their share leave it to the others; a cap limits what a domain gets even if nobody else wants it.
 *
 * How a period is divided is in sched_share.c.
 *
 * Invariant: a vCPU is in at most one queue, and only while it is runnable, not parked and not running. Each queue is
 * in order of priority, first come first served within one. A CPU with nothing better takes from the others: no CPU is
 * idle beside a runnable vCPU that may run there.
 *
 * Locks: the run queue's. Taking from another queue only tries its lock, so two CPUs cannot wait for each other. The
 * accounting pass holds domain_table_lock and takes one run queue's lock at a time.
 *
 * Not done: NUMA placement, migration delay. The rate limit is in sched.c.
 */
#include <xl/sched.h>
#include <xl/sched_ops.h>
#include <xl/mm.h>
#include <xl/time.h>

#define ACCOUNT_PERIOD	MILLISECS(30)

enum { PRIO_IDLE, PRIO_OVER, PRIO_UNDER, PRIO_BOOST };

u32 sched_slice_ms = 30;

static s_time_t next_account, last_account;
static u32 nr_parked;		/* over all CPUs: they need accounting to go on, even if no CPU is busy */
static DEFINE_SPINLOCK(account_lock);

static int credit_vcpu_init(struct vcpu *v)
{
	struct sched_vcpu *s = hv_alloc(sizeof(*s));

	if (!s)
		return -XEN_ENOMEM;
	s->v = v;
	list_init(&s->link);
	s->prio = is_idle_vcpu(v) ? PRIO_IDLE : PRIO_UNDER;
	v->sched = s;
	return 0;
}

static void park(struct sched_vcpu *s, bool yes)
{
	if (s->parked == yes)
		return;
	s->parked = yes;
	__atomic_fetch_add(&nr_parked, yes ? 1 : -1, __ATOMIC_RELAXED);
}

static bool credit_needs_ticks(void)
{
	return ACCESS_ONCE(nr_parked);
}

static void credit_vcpu_destroy(struct vcpu *v)
{
	BUG_ON(sched_queued(v));
	park(v->sched, false);
	hv_free(v->sched);
	v->sched = NULL;
}

/* --- queues -------------------------------------------------------------------------------------------- */

static void queue_insert(struct runqueue *rq, struct sched_vcpu *s, int prio)
{
	struct sched_vcpu *pos;

	list_for_each_entry(pos, &rq->queue, link)
		if (pos->prio < prio)
			break;
	list_add_tail(&s->link, &pos->link);
}

/* One that yields stands behind all that want to run, until it is its turn again. */
static int place(const struct sched_vcpu *s)
{
	return s->yield ? PRIO_OVER : s->prio;
}

static void credit_enqueue(struct runqueue *rq, struct vcpu *v, bool woken)
{
	struct sched_vcpu *s = v->sched;

	if (s->parked)
		return;
	if (woken && s->prio == PRIO_UNDER)
		s->prio = PRIO_BOOST;
	queue_insert(rq, s, place(s));
}

static void credit_dequeue(struct vcpu *v)
{
	list_del(&v->sched->link);
}

static bool credit_preempts(const struct vcpu *v, const struct runqueue *rq)
{
	return place(v->sched) > ACCESS_ONCE(rq->prio);
}

/* The best of rq for `cpu` that is better than `prio`; with soft: only one that likes it there. */
static struct sched_vcpu *queue_find(struct runqueue *rq, u32 cpu, int prio, bool soft)
{
	struct sched_vcpu *s;

	list_for_each_entry(s, &rq->queue, link) {
		if (s->prio <= prio)
			continue;
		if (!s->v->running && test_bit(cpu, s->v->hard_affinity) &&
		    (!soft || test_bit(cpu, s->v->soft_affinity)))
			return s;
	}
	return NULL;
}

static bool credit_has_for(struct runqueue *peer, u32 cpu)
{
	return queue_find(peer, cpu, PRIO_IDLE, false);
}

static struct vcpu *steal_from(struct runqueue *peer, struct runqueue *rq, int prio, bool soft)
{
	struct sched_vcpu *s;

	if (list_empty(&peer->queue))
		return NULL;
	if (!spin_trylock(&peer->lock)) {
		rq->missed = true;
		return NULL;
	}
	s = queue_find(peer, rq->cpu, prio, soft);
	if (s) {
		list_del(&s->link);
		s->v->cpu = rq->cpu;
	}
	spin_unlock(&peer->lock);
	return s ? s->v : NULL;
}

/*
 * Looks at all other CPUs, nearest number first, for something better than prio: once for those that prefer us, then
 * any.
 */
static struct vcpu *steal(struct runqueue *rq, int prio)
{
	struct vcpu *v;

	for (int soft = 1; soft >= 0; soft--) {
		for (u32 i = 1; i < nr_cpus; i++) {
			v = steal_from(&per_cpu(runq, (rq->cpu + i) % nr_cpus), rq, prio, soft);
			if (v)
				return v;
		}
	}
	return NULL;
}

/* `alone` could go on here and is in no queue, ours is empty then; should it not be chosen it is queued. */
static struct vcpu *credit_pick(struct runqueue *rq, struct vcpu *alone, s_time_t when)
{
	struct sched_vcpu *s = alone ? alone->sched : NULL;
	struct vcpu *v = NULL;
	int prio;

	if (!s && !list_empty(&rq->queue))
		s = list_first_entry(&rq->queue, struct sched_vcpu, link);
	prio = s ? place(s) : PRIO_IDLE;
	if (prio < PRIO_BOOST && nr_cpus > 1)
		v = steal(rq, prio);
	if (v && alone)
		credit_enqueue(rq, alone, false);
	if (!v && s) {
		v = s->v;
		if (!alone)
			list_del(&s->link);
	}
	if (v) {
		v->sched->charged = when;
		v->sched->yield = false;
	}
	ACCESS_ONCE(rq->prio) = v ? v->sched->prio : PRIO_IDLE;
	return v;
}

/* --- credit -------------------------------------------------------------------------------------------- */

static void credit_charge(struct vcpu *v, s_time_t when)
{
	struct sched_vcpu *s = v->sched;
	s_time_t ran = when - s->charged;

	if (s->prio == PRIO_IDLE || ran <= 0)
		return;
	s->charged = when;
	s->credit -= ran;
	s->used += ran;
}

/*
 * Alone, but over its share: when its slice is over, somebody who waits elsewhere may have a better claim to this CPU.
 */
static bool credit_tick(struct runqueue *rq, s_time_t when)
{
	struct sched_vcpu *curr = rq->curr->sched, *head;
	bool slice_over = when - rq->slice_start >= MILLISECS(sched_slice_ms);

	if (curr->prio == PRIO_IDLE)
		return false;
	credit_charge(rq->curr, when);
	curr->prio = curr->credit < 0 ? PRIO_OVER : PRIO_UNDER;
	ACCESS_ONCE(rq->prio) = curr->prio;
	if (list_empty(&rq->queue))
		return slice_over && curr->prio == PRIO_OVER && nr_cpus > 1;
	head = list_first_entry(&rq->queue, struct sched_vcpu, link);
	return head->prio > curr->prio || slice_over;
}

static bool is_active(const struct vcpu *v)
{
	return v->sched && (v->sched->used || v->sched->credit < 0 || v->sched->parked || vcpu_runnable(v));
}

/*
 * The most that v takes of a period: as long as it ran or waited to run in the last one, or what fills its purse; no
 * more than what one CPU, or its part of the cap, gives.
 */
static s64 most(struct vcpu *v, s64 period)
{
	const struct domain *d = v->domain;
	s64 limit = d->sched_cap ? (s64)d->sched_cap * period / 100 / d->sched_active : period;
	struct sched_vcpu *s = v->sched;
	struct vcpu_runstate_info r;
	s64 busy, demand;

	vcpu_runstate_get(v, &r);
	busy = r.time[RUNSTATE_running] + r.time[RUNSTATE_runnable];
	demand = max(busy - s->busy, period - s->credit);
	s->busy = busy;
	return min(limit, demand);
}

/* Its priority may have changed: moves it to its new place, parks it, or lets it go on. */
static void vcpu_requeue(struct runqueue *rq, struct vcpu *v, int prio)
{
	struct sched_vcpu *s = v->sched;
	bool queued = sched_queued(v);

	if (queued)
		list_del(&s->link);
	s->prio = prio;
	if (rq->curr == v)
		ACCESS_ONCE(rq->prio) = prio;
	if (s->parked) {
		if (rq->curr == v)
			runq_resched(rq);
	} else if (queued || (rq->curr != v && !v->running && vcpu_runnable(v))) {
		queue_insert(rq, s, prio);
		runq_tickle(rq, v);
	}
}

static void account_vcpu(struct vcpu *v, s_time_t period, s_time_t when)
{
	struct domain *d = v->domain;
	struct runqueue *rq = runq_lock_vcpu(v);
	struct sched_vcpu *s = v->sched;
	bool was_parked = s->parked;
	int prio;

	if (rq->curr == v)
		credit_charge(v, when);
	s->credit = min(s->credit + s->grant, period);
	s->used = 0;
	if (!d->sched_cap || s->credit >= 0)
		park(s, false);
	else if (s->credit < -(s64)d->sched_cap * period / 100 / d->sched_active)
		park(s, true);
	s->credit = max(s->credit, d->sched_cap ? -4 * period : -period);
	prio = s->credit < 0 ? PRIO_OVER : s->prio == PRIO_BOOST ? PRIO_BOOST : PRIO_UNDER;
	if (prio != s->prio || was_parked != s->parked)
		vcpu_requeue(rq, v, prio);
	runq_unlock(rq);
}

static void account_all(s_time_t period, s_time_t when)
{
	struct domain *d;
	struct vcpu *v;

	spin_lock(&domain_table_lock);
	list_for_each_entry(d, &domain_list, link) {
		d->sched_active = 0;
		for_each_vcpu(d, v)
			if (v->sched)
				d->sched_active += v->sched->active = is_active(v);
		for_each_vcpu(d, v)
			if (v->sched && v->sched->active)
				v->sched->want = most(v, period);
	}
	sched_share_out(period);
	list_for_each_entry(d, &domain_list, link) {
		if (!d->sched_active)
			continue;
		for_each_vcpu(d, v)
			if (v->sched && v->sched->active)
				account_vcpu(v, period, when);
	}
	spin_unlock(&domain_table_lock);
}

/* Called after every tick of every CPU; the first one that comes late enough does it for all. */
static void credit_account(s_time_t when)
{
	if (when < ACCESS_ONCE(next_account) || !spin_trylock(&account_lock))
		return;
	if (when >= next_account) {
		s_time_t period = min(when - last_account, 2 * ACCOUNT_PERIOD);

		last_account = when;
		next_account = when + ACCOUNT_PERIOD;
		account_all(period, when);
	}
	spin_unlock(&account_lock);
}

const struct sched_ops sched_credit = {
	.name = "credit",
	.id = XEN_SCHEDULER_CREDIT,
	.vcpu_init = credit_vcpu_init,
	.vcpu_destroy = credit_vcpu_destroy,
	.enqueue = credit_enqueue,
	.dequeue = credit_dequeue,
	.pick = credit_pick,
	.has_for = credit_has_for,
	.preempts = credit_preempts,
	.charge = credit_charge,
	.tick = credit_tick,
	.needs_ticks = credit_needs_ticks,
	.account = credit_account,
};
