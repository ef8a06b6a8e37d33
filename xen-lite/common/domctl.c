/* SPDX-License-Identifier: MIT */
/*
 * domctl: how dom0's tools make, change and end domains.
 *
 * One operation at a time: domctl_lock is only ever tried. Whoever does not get it issues the hypercall again, so a
 * CPU that waits for the lock still passes its exit path, and the holder may wait for a vCPU to stop. Long operations
 * let go of the lock in between and go on with the next call.
 *
 * Only dom0 may. What an unprivileged toolstack domain would need is not here, nor are HVM, IOMMU, vm_event and
 * log-dirty operations: -ENOSYS. iomem and interrupt permissions can only be denied.
 */
#include <xl/control.h>
#include <xl/entry.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/logdirty.h>
#include <xl/mm.h>
#include <xl/sched.h>
#include <xl/time.h>

#define CONTROL_PAUSES_MAX	255
#define PAGEFRAMES_MAX		1024

static DEFINE_SPINLOCK(domctl_lock);

/* --- life ---------------------------------------------------------------------------------------------- */

/* The next id after the last one given that is not taken, so that an id is not used again soon. */
static int free_id(domid_t_ *id)
{
	static domid_t_ last;

	for (unsigned int i = 1; i < DOMID_TABLE_SIZE; i++) {
		domid_t_ next = last + i < DOMID_TABLE_SIZE ? last + i : last + i - DOMID_TABLE_SIZE + 1;

		if (!domain_table[next]) {
			*id = last = next;
			return 0;
		}
	}
	return -XEN_ENFILE;
}

static long create(struct xen_domctl *op)
{
	domid_t_ id = op->domain;
	struct domain *d;
	int rc;

	if (!id || id >= DOMID_FIRST_RESERVED) {
		rc = free_id(&id);
		if (rc)
			return rc;
	}
	rc = domain_create(id, &op->u.createdomain, false, &d);
	if (!rc)
		op->domain = id;
	return rc;
}

static long pause(struct domain *d)
{
	if (d == current->domain)
		return -XEN_EINVAL;
	if (d->controller_pause_count == CONTROL_PAUSES_MAX)
		return refuse(-XEN_EBUSY, "d%u is paused %u times already", d->id, CONTROL_PAUSES_MAX);
	d->controller_pause_count++;
	domain_pause(d);
	return 0;
}

static long unpause(struct domain *d)
{
	if (!d->controller_pause_count)
		return refuse(-XEN_EINVAL, "d%u is not paused", d->id);
	d->controller_pause_count--;
	d->is_initialised = true;
	domain_unpause(d);
	return 0;
}

static long resume(struct domain *d)
{
	if (d == current->domain)
		return -XEN_EINVAL;
	domain_resume(d);
	return 0;
}

static long getinfo(struct xen_domctl *op)
{
	struct domain *d = domain_get_next(op->domain);

	if (!d)
		return -XEN_ESRCH;
	domain_getinfo(d, &op->u.getdomaininfo);
	op->domain = d->id;
	domain_put(d);
	return 0;
}

/* --- memory -------------------------------------------------------------------------------------------- */

static long max_mem(struct domain *d, const struct xen_domctl_max_mem *m)
{
	spin_lock(&d->page_lock);
	d->max_pages = m->max_memkb >> (PAGE_SHIFT - 10);
	spin_unlock(&d->page_lock);
	return 0;
}

/* PFINFO word of a frame: what a saver must know before it reads the page. */
static xen_pfn_t frame_info(const struct domain *d, mfn_t m)
{
	struct page_info *pg;
	xen_pfn_t info;
	u64 type;

	if (!mfn_valid(m) || !page_get(mfn_to_page(m), d))
		return XEN_DOMCTL_PFINFO_XTAB;
	pg = mfn_to_page(m);
	type = ACCESS_ONCE(pg->type_info);
	page_put(pg);
	if (pgt_level(type) < 1 || pgt_level(type) > 4 || !(type & PGT_count_mask) || !(type & PGT_validated))
		return XEN_DOMCTL_PFINFO_NOTAB;
	info = (xen_pfn_t)pgt_level(type) << XEN_DOMCTL_PFINFO_LTAB_SHIFT;
	return type & PGT_pinned ? info | XEN_DOMCTL_PFINFO_LPINTAB : info;
}

/* Goes on where it stopped: num and array move forward in the tool's structure. */
static long pageframes(struct domain *d, struct xen_domctl_getpageframeinfo3 *p)
{
	if (d == current->domain)
		return -XEN_EINVAL;
	if (p->num > PAGEFRAMES_MAX)
		return -XEN_E2BIG;
	while (p->num) {
		xen_pfn_t word;

		if (copy_from_guest(&word, p->array.p, 1))
			return -XEN_EFAULT;
		word = frame_info(d, _mfn(word));
		if (copy_to_guest(p->array.p, &word, 1))
			return -XEN_EFAULT;
		p->array.p++;
		p->num--;
		if (p->num && hypercall_preempt_check())
			return -XEN_ERESTART;
	}
	return 0;
}

static long hypercall_page(struct domain *d, mfn_t m)
{
	int rc;

	if (!mfn_valid(m))
		return -XEN_EINVAL;
	rc = page_get_with_type(m, d, PGT_writable);
	if (rc)
		return refuse(-XEN_EACCES, "mfn %#lx is not ordinary memory of d%u", mfn_x(m), d->id);
	hypercall_page_fill(mfn_to_virt(m));
	logdirty_mark(d, mfn_to_page(m));
	page_put_with_type(mfn_to_page(m));
	return 0;
}

/* --- settings ------------------------------------------------------------------------------------------ */

static long set_tsc(struct domain *d, const struct xen_domctl_tsc_info *t)
{
	if (d == current->domain)
		return -XEN_EINVAL;
	if (t->tsc_mode == TSC_MODE_ALWAYS_EMULATE || t->tsc_mode > TSC_MODE_NEVER_EMULATE)
		return refuse(-XEN_EOPNOTSUPP, "tsc_mode %u: RDTSC is never emulated, use \"default\" or \"native\"",
			      t->tsc_mode);
	d->tsc_mode = t->tsc_mode;
	d->tsc_incarnation = t->incarnation;
	return 0;
}

static long get_tsc(const struct domain *d, struct xen_domctl_tsc_info *t)
{
	*t = (struct xen_domctl_tsc_info){
		.tsc_mode = d->tsc_mode, .gtsc_khz = tsc_khz, .incarnation = d->tsc_incarnation, .elapsed_nsec = now(),
	};
	return 0;
}

static long set_time_offset(struct domain *d, s64 seconds)
{
	d->time_offset_seconds = seconds;
	time_update_wallclock(d);
	return 0;
}

static long node_affinity(struct xen_domctl_nodeaffinity *n, bool set)
{
	unsigned long nodes = 1;	/* there is one node */

	if (!set)
		return bitmap_to_tool(&n->nodemap, &nodes, 1);
	if (bitmap_from_tool(&nodes, 1, &n->nodemap))
		return -XEN_EFAULT;
	return nodes & 1 ? 0 : refuse(-XEN_EINVAL, "node affinity without node 0: it is the only one");
}

static long ioports(struct domain *d, const struct xen_domctl_ioport_permission *p)
{
	unsigned long *map = d->io_ports;

	if (p->first_port > 65535 || p->nr_ports > 65536 - p->first_port)
		return -XEN_EINVAL;
	if (!map && !p->allow_access)
		return 0;
	if (!map)
		map = hv_alloc(65536 / 8);
	if (!map)
		return -XEN_ENOMEM;
	for (u32 port = p->first_port, end = port + p->nr_ports, n; port < end; port += n) {
		unsigned int bit = port % BITS_PER_LONG;
		unsigned long *word = map + port / BITS_PER_LONG, mask;

		n = min(BITS_PER_LONG - bit, end - port);
		mask = ~0UL >> (BITS_PER_LONG - n) << bit;
		*word = (*word & ~mask) | (p->allow_access ? dom0->io_ports[port / BITS_PER_LONG] & mask : 0);
	}
	smp_wmb();
	d->io_ports = map;
	return 0;
}

/* What a domain never had need not be taken away. */
static long deny_only(bool allow, const char *what)
{
	return allow ? refuse(-XEN_EOPNOTSUPP, "%s cannot be given to a domain", what) : 0;
}

/* --- dispatch ------------------------------------------------------------------------------------------ */

static long domain_op(struct domain *d, struct xen_domctl *op, bool *answer)
{
	switch (op->cmd) {
	case XEN_DOMCTL_destroydomain:		return domain_kill(d);
	case XEN_DOMCTL_pausedomain:		return pause(d);
	case XEN_DOMCTL_unpausedomain:		return unpause(d);
	case XEN_DOMCTL_resumedomain:		return resume(d);
	case XEN_DOMCTL_max_mem:		return max_mem(d, &op->u.max_mem);
	case XEN_DOMCTL_hypercall_init:		return hypercall_page(d, _mfn(op->u.hypercall_init.gmfn));
	case XEN_DOMCTL_settscinfo:		return set_tsc(d, &op->u.tsc_info);
	case XEN_DOMCTL_settimeoffset:		return set_time_offset(d, op->u.settimeoffset.time_offset_seconds);
	case XEN_DOMCTL_setnodeaffinity:	return node_affinity(&op->u.nodeaffinity, true);
	case XEN_DOMCTL_getnodeaffinity:	return node_affinity(&op->u.nodeaffinity, false);
	case XEN_DOMCTL_ioport_permission:	return ioports(d, &op->u.ioport_permission);
	case XEN_DOMCTL_iomem_permission:	return deny_only(op->u.iomem_permission.allow_access, "device memory");
	case XEN_DOMCTL_irq_permission:		return deny_only(op->u.irq_permission.allow_access, "an interrupt");
	case XEN_DOMCTL_setdebugging:		return deny_only(op->u.setdebugging.enable, "a debugger");
	case XEN_DOMCTL_set_address_size:	return op->u.address_size.size == 64 ? 0 : -XEN_EINVAL;
	case XEN_DOMCTL_setdomainhandle:
		memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
		return 0;
	case XEN_DOMCTL_get_address_size:
		op->u.address_size.size = 64;
		*answer = true;
		return 0;
	case XEN_DOMCTL_gettscinfo:
		*answer = true;
		return get_tsc(d, &op->u.tsc_info);
	case XEN_DOMCTL_scheduler_op:
		*answer = true;
		return sched_domctl(d, &op->u.scheduler_op);
	case XEN_DOMCTL_shadow_op:
		*answer = true;
		return d == current->domain ? -XEN_EINVAL : logdirty_op(d, &op->u.shadow_op);
	case XEN_DOMCTL_getpageframeinfo3:
		*answer = true;
		return pageframes(d, &op->u.getpageframeinfo3);
	case XEN_DOMCTL_psr_cmt_op:
	case XEN_DOMCTL_psr_alloc:
		return -XEN_ENODEV;
	default:
		return domctl_vcpu_op(d, op, answer);
	}
}

static long run(struct xen_domctl *op, bool *answer)
{
	struct domain *d;
	long rc;

	switch (op->cmd) {
	case XEN_DOMCTL_createdomain:
		*answer = true;
		return create(op);
	case XEN_DOMCTL_getdomaininfo:
		*answer = true;
		return getinfo(op);
	}
	d = domain_get(op->domain);
	if (!d)
		return -XEN_ESRCH;
	if (d->dying != DOMDYING_alive && op->cmd != XEN_DOMCTL_destroydomain && op->cmd != XEN_DOMCTL_scheduler_op)
		rc = refuse(-XEN_ESRCH, "d%u is dying", d->id);
	else
		rc = domain_op(d, op, answer);
	domain_put(d);
	return rc;
}

long do_domctl(void *arg)
{
	struct xen_domctl op;
	bool answer = false;
	long rc;

	if (!current->domain->privileged)
		return -XEN_EPERM;
	if (copy_from_guest(&op, arg, 1))
		return -XEN_EFAULT;
	if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return refuse(-XEN_EACCES, "interface version %#x, %#x is spoken here", op.interface_version,
			      XEN_DOMCTL_INTERFACE_VERSION);
	if (!spin_trylock(&domctl_lock))
		return hypercall_continue(__HYPERVISOR_domctl, 1, (unsigned long)arg);
	rc = run(&op, &answer);
	spin_unlock(&domctl_lock);
	if (answer && (!rc || rc == -XEN_ERESTART || rc == -XEN_ENOBUFS) && copy_to_guest(arg, &op, 1))
		rc = -XEN_EFAULT;
	return rc == -XEN_ERESTART ? hypercall_continue(__HYPERVISOR_domctl, 1, (unsigned long)arg) : rc;
}
