/* SPDX-License-Identifier: MIT */
/*
 * Event channels, two-level ABI: the ports of each domain, what each is connected to, and making them pending.
 *
 * Invariant: an ECS_INTERDOMAIN port and the port it names point at each other. Both are changed together, under both
 * domains' locks, so either lock alone is enough to rely on the other side. Port 0 is never handed out. A port's
 * struct stays where it is until the domain is freed.
 *
 * Locks: d->event_lock for states; two domains' locks in order of address. v->virq_lock, inside it, protects
 * v->virq_port[], so that a virtual interrupt can be raised from anywhere. Making pending takes no lock at all but
 * that.
 *
 * Not here: the FIFO ABI (its operations say -ENOSYS and guests stay on two levels).
 */
#include <xl/event.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/sched.h>

#define NR_BUCKETS	(NR_EVENT_CHANNELS / EVTCHNS_PER_BUCKET)
#define CLOSE_BATCH	64	/* ports closed between two looks at whether to stop */

/* --- ports --------------------------------------------------------------------------------------------- */

int evtchn_init_domain(struct domain *d, u32 max_port)
{
	d->evtchn_bucket = hv_alloc(NR_BUCKETS * sizeof(*d->evtchn_bucket));
	if (!d->evtchn_bucket)
		return -XEN_ENOMEM;
	d->max_evtchn_port = min_t(u32, max_port, NR_EVENT_CHANNELS - 1);
	return 0;
}

void evtchn_free_domain(struct domain *d)
{
	if (!d->evtchn_bucket)
		return;
	for (unsigned int i = 0; i < NR_BUCKETS; i++)
		hv_free(d->evtchn_bucket[i]);
	hv_free(d->evtchn_bucket);
	d->evtchn_bucket = NULL;
}

/* NULL for a number that has never been in use. */
static struct evtchn *port_get(const struct domain *d, u32 port)
{
	struct evtchn *bucket;

	if (port > d->max_evtchn_port)
		return NULL;
	bucket = d->evtchn_bucket[port / EVTCHNS_PER_BUCKET];
	return bucket ? bucket + port % EVTCHNS_PER_BUCKET : NULL;
}

/* A port that may be named in a request: it exists and is in use. */
static struct evtchn *port_used(const struct domain *d, u32 port)
{
	struct evtchn *chn = port_get(d, port);

	return chn && chn->state != ECS_FREE && chn->state != ECS_RESERVED ? chn : NULL;
}

static struct evtchn *bucket_alloc(struct domain *d, u32 port)
{
	struct evtchn *bucket = hv_alloc(EVTCHNS_PER_BUCKET * sizeof(*bucket));
	u32 first = ROUND_DOWN(port, EVTCHNS_PER_BUCKET);

	if (!bucket)
		return NULL;
	for (u32 i = 0; i < EVTCHNS_PER_BUCKET; i++)
		bucket[i].port = first + i;
	if (!first)
		bucket[0].state = ECS_RESERVED;
	smp_wmb();
	d->evtchn_bucket[port / EVTCHNS_PER_BUCKET] = bucket;
	return bucket + port % EVTCHNS_PER_BUCKET;
}

/* The lowest free one, still ECS_FREE. 0; -ENOSPC, -ENOMEM, -EINVAL for a dying domain. */
static int port_alloc(struct domain *d, struct evtchn **out)
{
	if (d->dying != DOMDYING_alive)
		return -XEN_EINVAL;
	for (u32 port = 1; port <= d->max_evtchn_port; port++) {
		struct evtchn *chn = port_get(d, port);

		if (!chn)
			chn = bucket_alloc(d, port);
		if (!chn)
			return -XEN_ENOMEM;
		if (chn->state == ECS_FREE) {
			*out = chn;
			return 0;
		}
	}
	return refuse(-XEN_ENOSPC, "d%u has used all its %u ports", d->id, d->max_evtchn_port);
}

static void port_free(struct domain *d, struct evtchn *chn)
{
	clear_bit(chn->port, d->shared_info->evtchn_pending);
	chn->notify_vcpu = 0;
	chn->consumer_is_xen = 0;
	smp_wmb();
	chn->state = ECS_FREE;
}

/* --- making pending ------------------------------------------------------------------------------------ */

static void wake_pollers(struct domain *d, u32 port)
{
	for (unsigned long id = find_next_bit(d->poll_mask, MAX_VIRT_CPUS, 0); id < d->max_vcpus;
	     id = find_next_bit(d->poll_mask, MAX_VIRT_CPUS, id + 1)) {
		struct vcpu *v = d->vcpu[id];

		if (v && (v->pause_flags & VPF_POLL) && (!v->poll_port || v->poll_port == port))
			vcpu_unblock(v);
	}
}

/* True when v must be told: vcpu_kick(). */
static bool upcall(struct vcpu *v, u32 port)
{
	return !test_and_set_bit(port / BITS_PER_LONG, &v->info->evtchn_pending_sel) &&
	       !xchg(&v->info->evtchn_upcall_pending, 1);
}

/*
 * False when it was pending already. *kick: whom to kick, if anybody, when no lock is held any more that others need.
 */
static bool mark_pending(struct domain *d, u32 vcpu_id, u32 port, struct vcpu **kick)
{
	struct shared_info *s = d->shared_info;
	struct vcpu *v = vcpu_id < d->max_vcpus ? d->vcpu[vcpu_id] : NULL;

	*kick = NULL;
	if (!v || test_and_set_bit(port, s->evtchn_pending))
		return false;
	if (!test_bit(port, s->evtchn_mask) && upcall(v, port))
		*kick = v;
	wake_pollers(d, port);
	return true;
}

static bool set_pending(struct domain *d, u32 vcpu_id, u32 port)
{
	struct vcpu *kick;
	bool is_new = mark_pending(d, vcpu_id, port, &kick);

	if (kick)
		vcpu_kick(kick);
	return is_new;
}

void send_guest_vcpu_virq(struct vcpu *v, u32 virq)
{
	u32 port;

	spin_lock(&v->virq_lock);
	port = v->virq_port[virq];
	if (port)
		set_pending(v->domain, port_get(v->domain, port)->notify_vcpu, port);
	spin_unlock(&v->virq_lock);
}

void send_global_virq(u32 virq)
{
	if (dom0 && dom0->vcpu[0])
		send_guest_vcpu_virq(dom0->vcpu[0], virq);
}

static struct vcpu *vcpu_of(const struct domain *d, u32 id)
{
	return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

/* The port of a PIRQ, NULL when it has none (any more). d->event_lock is held. */
static struct evtchn *pirq_port(struct domain *d, u32 pirq)
{
	const struct pirq *p = d->pirq && pirq < d->nr_pirqs ? d->pirq[pirq] : NULL;

	return p && p->port ? port_get(d, p->port) : NULL;
}

bool send_guest_pirq(struct domain *d, u32 pirq)
{
	struct evtchn *chn;
	bool rc;

	spin_lock(&d->event_lock);
	chn = pirq_port(d, pirq);
	rc = chn && set_pending(d, chn->notify_vcpu, d->pirq[pirq]->port);
	spin_unlock(&d->event_lock);
	return rc;
}

u32 guest_pirq_cpu(struct domain *d, u32 pirq)
{
	struct evtchn *chn;
	struct vcpu *v;
	u32 cpu;

	spin_lock(&d->event_lock);
	chn = pirq_port(d, pirq);
	v = chn ? vcpu_of(d, chn->notify_vcpu) : NULL;
	cpu = v ? ACCESS_ONCE(v->cpu) : 0;
	spin_unlock(&d->event_lock);
	return cpu;
}

/* --- two domains --------------------------------------------------------------------------------------- */

static void lock_both(struct domain *a, struct domain *b)
{
	struct domain *first = a < b ? a : b, *second = a < b ? b : a;

	spin_lock(&first->event_lock);
	if (first != second)
		spin_lock(&second->event_lock);
}

static void unlock_both(struct domain *a, struct domain *b)
{
	spin_unlock(&a->event_lock);
	if (a != b)
		spin_unlock(&b->event_lock);
}

/* Domain `id` if the caller may act for it, referenced; else NULL and *rc. */
static struct domain *domain_for(domid_t_ id, long *rc)
{
	struct domain *d = domain_get(id);

	if (!d) {
		*rc = -XEN_ESRCH;
	} else if (d != current->domain && !current->domain->privileged) {
		domain_put(d);
		d = NULL;
		*rc = refuse(-XEN_EPERM, "d%u may not act for d%u", current->domain->id, id);
	}
	return d;
}

/* --- binding ------------------------------------------------------------------------------------------- */

static long alloc_unbound(struct evtchn_alloc_unbound *a)
{
	struct evtchn *chn;
	long rc;
	struct domain *d = domain_for(a->dom, &rc);

	if (!d)
		return rc;
	spin_lock(&d->event_lock);
	rc = port_alloc(d, &chn);
	if (!rc) {
		chn->remote_domid = a->remote_dom == DOMID_SELF ? current->domain->id : a->remote_dom;
		chn->state = ECS_UNBOUND;
		a->port = chn->port;
	}
	spin_unlock(&d->event_lock);
	domain_put(d);
	return rc;
}

/* Under both locks. */
static long connect(struct domain *ld, struct domain *rd, u32 rport, u32 *lport)
{
	struct evtchn *lchn, *rchn = port_used(rd, rport);
	int rc;

	if (!rchn || rchn->state != ECS_UNBOUND || rchn->remote_domid != ld->id)
		return refuse(-XEN_EINVAL, "port %u of d%u does not wait for d%u", rport, rd->id, ld->id);
	rc = port_alloc(ld, &lchn);
	if (rc)
		return rc;
	lchn->remote_dom = rd;
	lchn->remote_port = rport;
	lchn->state = ECS_INTERDOMAIN;
	rchn->remote_dom = ld;
	rchn->remote_port = lchn->port;
	rchn->state = ECS_INTERDOMAIN;
	*lport = lchn->port;
	/* The other side may have sent before we were there. */
	set_pending(ld, lchn->notify_vcpu, lchn->port);
	return 0;
}

static long bind_interdomain(struct evtchn_bind_interdomain *b)
{
	struct domain *ld = current->domain, *rd = domain_get(b->remote_dom);
	long rc;

	if (!rd)
		return -XEN_ESRCH;
	lock_both(ld, rd);
	rc = connect(ld, rd, b->remote_port, &b->local_port);
	unlock_both(ld, rd);
	domain_put(rd);
	return rc;
}

static bool virq_is_global(u32 virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

static long bind_virq(struct evtchn_bind_virq *b)
{
	struct domain *d = current->domain;
	struct vcpu *v = vcpu_of(d, b->vcpu);
	struct evtchn *chn;
	long rc;

	if (b->virq >= NR_VIRQS || (virq_is_global(b->virq) && b->vcpu))
		return refuse(-XEN_EINVAL, "VIRQ %u on v%u", b->virq, b->vcpu);
	if (!v)
		return -XEN_ENOENT;
	spin_lock(&d->event_lock);
	rc = v->virq_port[b->virq] ? -XEN_EEXIST : port_alloc(d, &chn);
	if (!rc) {
		chn->notify_vcpu = b->vcpu;
		chn->virq = b->virq;
		chn->state = ECS_VIRQ;
		spin_lock(&v->virq_lock);
		v->virq_port[b->virq] = chn->port;
		spin_unlock(&v->virq_lock);
		b->port = chn->port;
	}
	spin_unlock(&d->event_lock);
	return rc;
}

static long bind_ipi(struct evtchn_bind_ipi *b)
{
	struct domain *d = current->domain;
	struct evtchn *chn;
	long rc;

	if (!vcpu_of(d, b->vcpu))
		return -XEN_ENOENT;
	spin_lock(&d->event_lock);
	rc = port_alloc(d, &chn);
	if (!rc) {
		chn->notify_vcpu = b->vcpu;
		chn->state = ECS_IPI;
		b->port = chn->port;
	}
	spin_unlock(&d->event_lock);
	return rc;
}

/* Under the lock. */
static long connect_pirq(struct domain *d, struct evtchn_bind_pirq *b)
{
	struct pirq *pirq = b->pirq < d->nr_pirqs ? d->pirq[b->pirq] : NULL;
	struct evtchn *chn;
	int rc;

	if (!pirq)
		return refuse(-XEN_EINVAL, "pirq %u is not mapped", b->pirq);
	if (pirq->port)
		return -XEN_EEXIST;
	rc = port_alloc(d, &chn);
	if (rc)
		return rc;
	if (!d->vcpu[0])
		return -XEN_EINVAL;
	chn->pirq = b->pirq;
	chn->state = ECS_PIRQ;
	pirq->port = chn->port;
	rc = pirq_guest_bind(d->vcpu[0], b->pirq, b->flags & BIND_PIRQ__WILL_SHARE);
	if (rc) {
		pirq->port = 0;
		port_free(d, chn);
		return rc;
	}
	b->port = chn->port;
	return 0;
}

static long bind_pirq(struct evtchn_bind_pirq *b)
{
	struct domain *d = current->domain;
	long rc;

	spin_lock(&d->event_lock);
	rc = connect_pirq(d, b);
	spin_unlock(&d->event_lock);
	return rc;
}

/* --- closing ------------------------------------------------------------------------------------------- */

static void close_virq(struct domain *d, struct evtchn *chn)
{
	for (u32 i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = d->vcpu[i];

		if (!v || v->virq_port[chn->virq] != chn->port)
			continue;
		spin_lock(&v->virq_lock);
		v->virq_port[chn->virq] = 0;
		spin_unlock(&v->virq_lock);
	}
}

static void close_pirq(struct domain *d, struct evtchn *chn)
{
	pirq_guest_unbind(d, chn->pirq);
	if (d->pirq[chn->pirq])
		d->pirq[chn->pirq]->port = 0;
}

/* The other end waits for us again, as before we had bound to it. */
static void disconnect(struct domain *d, struct evtchn *chn)
{
	struct evtchn *rchn = port_get(chn->remote_dom, chn->remote_port);

	BUG_ON(rchn->state != ECS_INTERDOMAIN || rchn->remote_dom != d || rchn->remote_port != chn->port);
	rchn->state = ECS_UNBOUND;
	rchn->remote_domid = d->id;
}

/* Under d's lock and, for an interdomain port, the other domain's. */
static void close_locked(struct domain *d, struct evtchn *chn)
{
	switch (chn->state) {
	case ECS_VIRQ:
		close_virq(d, chn);
		break;
	case ECS_PIRQ:
		close_pirq(d, chn);
		break;
	case ECS_INTERDOMAIN:
		disconnect(d, chn);
		break;
	}
	port_free(d, chn);
}

/*
 * 0; -EINVAL. The remote domain is known only under our lock, but both locks must be taken in order: look, let go,
 * take both, and look again. A reference keeps the other domain's struct meanwhile.
 */
static long port_close(struct domain *d, u32 port)
{
	struct domain *rd = NULL;
	struct evtchn *chn;
	bool done = false;

	while (!done) {
		lock_both(d, rd ? rd : d);
		chn = port_used(d, port);
		if (!chn) {
			unlock_both(d, rd ? rd : d);
			if (rd)
				domain_put(rd);
			return -XEN_EINVAL;
		}
		done = chn->state != ECS_INTERDOMAIN || chn->remote_dom == d || chn->remote_dom == rd;
		if (done) {
			close_locked(d, chn);
			unlock_both(d, rd ? rd : d);
		} else {
			struct domain *other = chn->remote_dom;

			domain_hold(other);
			unlock_both(d, rd ? rd : d);
			if (rd)
				domain_put(rd);
			rd = other;
		}
	}
	if (rd)
		domain_put(rd);
	return 0;
}

/* All of d's ports, in bounded steps. A second round skips quickly what the first one did. */
int evtchn_destroy_domain(struct domain *d)
{
	unsigned int closed = 0;

	for (u32 port = 1; port <= d->max_evtchn_port; port++) {
		if (!port_used(d, port))
			continue;
		port_close(d, port);
		if (++closed % CLOSE_BATCH == 0 && hypercall_preempt_check())
			return -XEN_ERESTART;
	}
	return 0;
}

static long reset(domid_t_ id, void *arg)
{
	long rc;
	struct domain *d = domain_for(id, &rc);

	if (!d)
		return rc;
	rc = evtchn_destroy_domain(d);
	domain_put(d);
	if (rc != -XEN_ERESTART)
		return rc;
	return hypercall_continue(__HYPERVISOR_event_channel_op, 2, (unsigned long)EVTCHNOP_reset, (unsigned long)arg);
}

/* --- using --------------------------------------------------------------------------------------------- */

/* The kick comes after the lock, because it takes long; the reference keeps whom we kick until then. */
static long send(u32 port)
{
	struct domain *d = current->domain;
	struct evtchn *chn, *rchn;
	struct vcpu *kick = NULL;
	long rc = 0;

	spin_lock(&d->event_lock);
	chn = port_used(d, port);
	switch (chn ? chn->state : ECS_FREE) {
	case ECS_INTERDOMAIN:
		rchn = port_get(chn->remote_dom, chn->remote_port);
		mark_pending(chn->remote_dom, rchn->notify_vcpu, chn->remote_port, &kick);
		break;
	case ECS_IPI:
		mark_pending(d, chn->notify_vcpu, port, &kick);
		break;
	case ECS_UNBOUND:
		break;		/* nobody there yet: lost, as on a wire */
	default:
		rc = -XEN_EINVAL;
	}
	if (kick)
		domain_hold(kick->domain);
	spin_unlock(&d->event_lock);
	if (kick) {
		vcpu_kick(kick);
		domain_put(kick->domain);
	}
	return rc;
}

static void fill_status(const struct evtchn *chn, struct evtchn_status *s)
{
	s->vcpu = chn->notify_vcpu;
	switch (chn->state) {
	case ECS_UNBOUND:
		s->status = EVTCHNSTAT_unbound;
		s->u.unbound.dom = chn->remote_domid;
		break;
	case ECS_INTERDOMAIN:
		s->status = EVTCHNSTAT_interdomain;
		s->u.interdomain.dom = chn->remote_dom->id;
		s->u.interdomain.port = chn->remote_port;
		break;
	case ECS_PIRQ:
		s->status = EVTCHNSTAT_pirq;
		s->u.pirq = chn->pirq;
		break;
	case ECS_VIRQ:
		s->status = EVTCHNSTAT_virq;
		s->u.virq = chn->virq;
		break;
	case ECS_IPI:
		s->status = EVTCHNSTAT_ipi;
		break;
	default:
		s->status = EVTCHNSTAT_closed;
	}
}

static long status(struct evtchn_status *s)
{
	struct evtchn *chn;
	long rc;
	struct domain *d = domain_for(s->dom, &rc);

	if (!d)
		return rc;
	memset(&s->u, 0, sizeof(s->u));
	spin_lock(&d->event_lock);
	chn = port_get(d, s->port);
	rc = s->port <= d->max_evtchn_port ? 0 : -XEN_EINVAL;
	if (chn) {
		fill_status(chn, s);
	} else {
		s->status = EVTCHNSTAT_closed;
		s->vcpu = 0;
	}
	spin_unlock(&d->event_lock);
	domain_put(d);
	return rc;
}

static bool can_move(const struct evtchn *chn)
{
	return chn->state == ECS_UNBOUND || chn->state == ECS_INTERDOMAIN || chn->state == ECS_PIRQ ||
	       (chn->state == ECS_VIRQ && virq_is_global(chn->virq));
}

static long bind_vcpu(const struct evtchn_bind_vcpu *b)
{
	struct domain *d = current->domain;
	struct evtchn *chn;
	long rc = -XEN_EINVAL;

	if (!vcpu_of(d, b->vcpu))
		return -XEN_ENOENT;
	spin_lock(&d->event_lock);
	chn = port_used(d, b->port);
	if (chn && can_move(chn)) {
		chn->notify_vcpu = b->vcpu;
		rc = 0;
	}
	spin_unlock(&d->event_lock);
	return rc;
}

static long unmask(u32 port)
{
	struct domain *d = current->domain;
	struct shared_info *s = d->shared_info;
	struct evtchn *chn;
	struct vcpu *v;

	spin_lock(&d->event_lock);
	chn = port_used(d, port);
	v = chn ? vcpu_of(d, chn->notify_vcpu) : NULL;
	if (v) {
		if (test_and_clear_bit(port, s->evtchn_mask) && test_bit(port, s->evtchn_pending) &&
		    upcall(v, port))
			vcpu_kick(v);
		if (chn->state == ECS_PIRQ)
			pirq_guest_unmask(d, chn->pirq);
	}
	spin_unlock(&d->event_lock);
	return v ? 0 : -XEN_EINVAL;
}

/* --- the hypercall ------------------------------------------------------------------------------------- */

/* Copies the argument in, runs the operation on the copy, copies the answer out. */
#define OP_IN(type, call) ({							\
	struct type u;								\
	copy_from_guest(&u, arg, 1) ? -XEN_EFAULT : (call);			\
})
/* With `undo` for an answer that cannot be delivered: a port that nobody knows of would be lost. */
#define OP_IN_OUT(type, call, undo) ({						\
	struct type u;								\
	long rc_ = copy_from_guest(&u, arg, 1) ? -XEN_EFAULT : (call);		\
	if (!rc_ && copy_to_guest(arg, &u, 1)) {				\
		undo;								\
		rc_ = -XEN_EFAULT;						\
	}									\
	rc_;									\
})

static void undo_alloc(const struct evtchn_alloc_unbound *a)
{
	struct domain *d = domain_get(a->dom);

	if (d) {
		port_close(d, a->port);
		domain_put(d);
	}
}

long do_event_channel_op(int cmd, void *arg)
{
	struct domain *d = current->domain;

	switch (cmd) {
	case EVTCHNOP_alloc_unbound:
		return OP_IN_OUT(evtchn_alloc_unbound, alloc_unbound(&u), undo_alloc(&u));
	case EVTCHNOP_bind_interdomain:
		return OP_IN_OUT(evtchn_bind_interdomain, bind_interdomain(&u), port_close(d, u.local_port));
	case EVTCHNOP_bind_virq:
		return OP_IN_OUT(evtchn_bind_virq, bind_virq(&u), port_close(d, u.port));
	case EVTCHNOP_bind_ipi:
		return OP_IN_OUT(evtchn_bind_ipi, bind_ipi(&u), port_close(d, u.port));
	case EVTCHNOP_bind_pirq:
		return OP_IN_OUT(evtchn_bind_pirq, bind_pirq(&u), port_close(d, u.port));
	case EVTCHNOP_status:
		return OP_IN_OUT(evtchn_status, status(&u), );
	case EVTCHNOP_close:
		return OP_IN(evtchn_close, port_close(d, u.port));
	case EVTCHNOP_send:
		return OP_IN(evtchn_send, send(u.port));
	case EVTCHNOP_bind_vcpu:
		return OP_IN(evtchn_bind_vcpu, bind_vcpu(&u));
	case EVTCHNOP_unmask:
		return OP_IN(evtchn_unmask, unmask(u.port));
	case EVTCHNOP_reset:
		return OP_IN(evtchn_reset, reset(u.dom, arg));
	default:
		return -XEN_ENOSYS;
	}
}

/* --- debug key ----------------------------------------------------------------------------------------- */

static const char *const state_name[] = {
	[ECS_FREE] = "free", [ECS_RESERVED] = "reserved", [ECS_UNBOUND] = "unbound", [ECS_INTERDOMAIN] = "interdomain",
	[ECS_PIRQ] = "pirq", [ECS_VIRQ] = "virq", [ECS_IPI] = "ipi",
};

unsigned int domain_dump_evtchn(struct domain *d)
{
	unsigned int used = 0;

	spin_lock(&d->event_lock);
	for (u32 port = 1; port <= d->max_evtchn_port; port++) {
		struct evtchn_status s;
		struct evtchn *chn = port_used(d, port);

		if (!chn)
			continue;
		used++;
		memset(&s, 0, sizeof(s));
		fill_status(chn, &s);
		printk("d%u port %u: %s v%u%s%s", d->id, port, state_name[chn->state], chn->notify_vcpu,
		       test_bit(port, d->shared_info->evtchn_pending) ? " pending" : "",
		       test_bit(port, d->shared_info->evtchn_mask) ? " masked" : "");
		if (chn->state == ECS_INTERDOMAIN)
			printk(" d%u port %u\n", s.u.interdomain.dom, s.u.interdomain.port);
		else
			printk(" %u\n", s.u.virq);
	}
	spin_unlock(&d->event_lock);
	return used;
}
