/* SPDX-License-Identifier: MIT */
/*
 * sysctl: what dom0's tools ask and set about the host as a whole.
 *
 * The host they see: one node, one socket, one pool of all CPUs under the credit scheduler. Like domctl, the lock is
 * only tried. The list of domains goes on where it stopped by the lowest id not yet given, so domains that come and go
 * meanwhile are neither given twice nor lead astray; a bit in cmd says that a call is such a continuation.
 *
 * Not here: tracing, counters, power management, cache allocation, hot-plug, coverage, live patching. Each is refused
 * with the error from which tools know that this host has no such thing.
 */
#include <xl/asm.h>
#include <xl/control.h>
#include <xl/entry.h>
#include <xl/event.h>
#include <xl/grant_table.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/irq.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/time.h>

#define SYSCTL_CONTINUED	0x80000000U
#define NODE_DISTANCE_SELF	10

static DEFINE_SPINLOCK(sysctl_lock);

/* --- console ------------------------------------------------------------------------------------------- */

static long read_console(struct xen_sysctl_readconsole *r)
{
	u32 index = r->incremental ? r->index : 0, done = 0;
	char buf[256];

	while (done < r->count) {
		size_t n = console_ring_read(buf, min_t(size_t, sizeof(buf), r->count - done), &index, false);

		if (!n)
			break;
		if (raw_copy_to_guest(r->buffer.p + done, buf, n))
			return -XEN_EFAULT;
		done += n;
	}
	if (r->clear)
		console_ring_read(buf, 0, &index, true);
	r->count = done;
	r->index = index;
	return 0;
}

static long debug_keys(const struct xen_sysctl_debug_keys *k)
{
	char key;

	if (k->nr_keys > 16)
		return -XEN_E2BIG;
	for (u32 i = 0; i < k->nr_keys; i++) {
		if (copy_from_guest_offset(&key, k->keys.p, i, 1))
			return -XEN_EFAULT;
		debug_key(key);
	}
	return 0;
}

/* --- the machine --------------------------------------------------------------------------------------- */

/* Features of leaf 0x80000001 that AMD repeats from leaf 1: tools want each once. */
#define E1D_REPEATED	0x0183f3ffU

static long physinfo(struct xen_sysctl_physinfo *p)
{
	*p = (struct xen_sysctl_physinfo){
		.threads_per_core = 1, .cores_per_socket = nr_cpus, .nr_cpus = nr_cpus, .max_cpu_id = nr_cpus - 1,
		.nr_nodes = 1, .cpu_khz = tsc_khz,
		.capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1,
		.total_pages = heap_total_pages(), .free_pages = heap_free_pages(),
		.outstanding_pages = memory_claims_total(), .max_mfn = max_page - 1,
		.hw_cap = { cpu_features.l1_edx, cpu_features.l1_ecx, cpu_features.e1_edx & ~E1D_REPEATED, cpu_features.e1_ecx,
			    cpu_features.d1_eax, cpu_features.l7_ebx, cpu_features.l7_ecx },
	};
	return 0;
}

static long cpu_info_list(struct xen_sysctl_getcpuinfo *g)
{
	u32 n = min(g->max_cpus, nr_cpus);

	for (u32 cpu = 0; cpu < n; cpu++) {
		struct xen_sysctl_cpuinfo i = { .idletime = sched_cpu_idle_ns(cpu) };

		if (copy_to_guest_offset(g->info.p, cpu, &i, 1))
			return -XEN_EFAULT;
	}
	g->nr_cpus = n;
	return 0;
}

static long avail_heap(struct xen_sysctl_availheap *a)
{
	if (a->min_bitwidth || a->max_bitwidth || a->node > 0 || a->node < -1)
		return refuse(-XEN_EOPNOTSUPP, "free memory is counted as a whole");
	a->avail_bytes = (u64)heap_free_pages() << PAGE_SHIFT;
	return 0;
}

static long cpu_topology(struct xen_sysctl_cputopoinfo *t)
{
	u32 n = t->cputopo.p ? min(t->num_cpus, nr_cpus) : nr_cpus;

	for (u32 cpu = 0; t->cputopo.p && cpu < n; cpu++) {
		struct xen_sysctl_cputopo c = { .core = cpu };

		if (copy_to_guest_offset(t->cputopo.p, cpu, &c, 1))
			return -XEN_EFAULT;
	}
	t->num_cpus = n;
	return 0;
}

/* The one node for a device that is there. The caller comes back for those that are left. */
static long pci_topology(struct xen_sysctl_pcitopoinfo *t)
{
	u32 i;

	if (!t->devs.p || !t->nodes.p)
		return -XEN_EINVAL;
	for (i = 0; i < t->num_devs && (!i || !hypercall_preempt_check()); i++) {
		struct physdev_pci_device dev;
		u32 node;

		if (copy_from_guest_offset(&dev, t->devs.p, i, 1))
			return -XEN_EFAULT;
		node = (u16)pci_read((struct pci_addr){ dev.seg, dev.bus, dev.devfn }, 0, 2) == 0xffff ? XEN_INVALID_DEV : 0;
		if (copy_to_guest_offset(t->nodes.p, i, &node, 1))
			return -XEN_EFAULT;
	}
	t->num_devs = i;
	return 0;
}

static long numa(struct xen_sysctl_numainfo *n)
{
	struct xen_sysctl_meminfo m = {
		.memsize = (u64)heap_total_pages() << PAGE_SHIFT, .memfree = (u64)heap_free_pages() << PAGE_SHIFT,
	};
	u32 distance = NODE_DISTANCE_SELF;

	if (n->num_nodes && n->meminfo.p && copy_to_guest(n->meminfo.p, &m, 1))
		return -XEN_EFAULT;
	if (n->num_nodes && n->distance.p && copy_to_guest(n->distance.p, &distance, 1))
		return -XEN_EFAULT;
	n->num_nodes = 1;
	return 0;
}

static long cpupool(struct xen_sysctl_cpupool_op *op)
{
	static const unsigned long none[BITS_TO_LONGS(NR_CPUS)];

	switch (op->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		if (op->cpupool_id)
			return -XEN_ENOENT;
		op->sched_id = XEN_SCHEDULER_CREDIT;
		op->n_dom = 0;
		for (struct domain *d = domain_get_next(0), *next; d; d = next) {
			op->n_dom++;
			next = domain_get_next(d->id + 1);
			domain_put(d);
		}
		return bitmap_to_tool(&op->cpumap, cpu_online_map, NR_CPUS);
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
		return bitmap_to_tool(&op->cpumap, none, NR_CPUS);
	default:
		return refuse(-XEN_EOPNOTSUPP, "operation %u: there is one pool, and it stays", op->op);
	}
}

/* --- features ------------------------------------------------------------------------------------------ */

static bool about_pv(u32 index)
{
	return index == XEN_SYSCTL_cpu_featureset_pv || index == XEN_SYSCTL_cpu_featureset_pv_max;
}

/* One word of CPUID, of the processor or as dom0's kernel sees it. */
static u32 feature_word(bool pv, u32 leaf, u32 sub, unsigned int reg)
{
	u32 r[4];

	if (pv)
		pv_cpuid(current, leaf, sub, &r[0], &r[1], &r[2], &r[3]);
	else if (leaf > (leaf >> 31 ? cpu_features.max_ext_leaf : cpu_features.max_leaf))
		return 0;
	else
		cpuid(leaf, sub, &r[0], &r[1], &r[2], &r[3]);
	return r[reg];
}

static long featureset(struct xen_sysctl_cpu_featureset *f)
{
	enum { A, B, C, D };
	static const struct {
		u32 leaf, sub;
		u8 reg;
	} word[] = {
		{ 1, 0, D }, { 1, 0, C }, { 0x80000001, 0, D }, { 0x80000001, 0, C }, { 0xd, 1, A }, { 7, 0, B },
		{ 7, 0, C }, { 0x80000007, 0, D }, { 0x80000008, 0, B }, { 7, 0, D }, { 7, 1, A }, { 0x80000021, 0, A },
		{ 7, 1, B }, { 7, 2, D }, { 7, 1, C }, { 7, 1, D },
	};
	u32 n = ARRAY_SIZE(word), room = f->nr_features;
	long rc = 0;

	if (f->index != XEN_SYSCTL_cpu_featureset_raw && f->index != XEN_SYSCTL_cpu_featureset_host &&
	    !about_pv(f->index))
		return f->index <= XEN_SYSCTL_cpu_featureset_hvm_max ? -XEN_EOPNOTSUPP : -XEN_EINVAL;
	f->nr_features = n;
	if (!f->features.p)
		return 0;
	if (room < n)
		rc = -XEN_ENOBUFS;
	for (u32 i = 0; i < min(room, n); i++) {
		u32 w = feature_word(about_pv(f->index), word[i].leaf, word[i].sub, word[i].reg);

		if (about_pv(f->index) && word[i].leaf == 0x80000001 && word[i].reg == D)
			w &= ~E1D_REPEATED;
		if (copy_to_guest_offset(f->features.p, i, &w, 1))
			return -XEN_EFAULT;
	}
	return rc;
}

/* There is one policy: what PV domains see. */
static long policy(struct xen_sysctl_cpu_policy *p)
{
	if (p->_rsvd || p->index > XEN_SYSCTL_cpu_policy_hvm_default)
		return -XEN_EINVAL;
	if (p->index == XEN_SYSCTL_cpu_policy_hvm_max || p->index == XEN_SYSCTL_cpu_policy_hvm_default)
		return -XEN_EOPNOTSUPP;
	p->nr_msrs = p->msrs.p ? 0 : POLICY_MSRS_LIMIT;
	return cpu_policy_leaves(current, p->leaves.p, &p->nr_leaves);
}

/* --- domains ------------------------------------------------------------------------------------------- */

static long domain_list_some(struct xen_sysctl_getdomaininfolist *l, bool continued)
{
	struct xen_domctl_getdomaininfo info;
	struct domain *d;

	if (!continued)
		l->num_domains = 0;
	for (u32 first = l->num_domains; l->num_domains < l->max_domains; ) {
		if (l->num_domains != first && hypercall_preempt_check())
			return -XEN_ERESTART;
		d = domain_get_next(l->first_domain);
		if (!d)
			break;
		domain_getinfo(d, &info);
		l->first_domain = d->id + 1;
		domain_put(d);
		if (copy_to_guest_offset(l->buffer.p, l->num_domains, &info, 1))
			return -XEN_EFAULT;
		l->num_domains++;
	}
	return 0;
}

/* --- dispatch ------------------------------------------------------------------------------------------ */

static long run(struct xen_sysctl *op, bool continued)
{
	switch (op->cmd) {
	case XEN_SYSCTL_readconsole:		return read_console(&op->u.readconsole);
	case XEN_SYSCTL_physinfo:		return physinfo(&op->u.physinfo);
	case XEN_SYSCTL_getdomaininfolist:	return domain_list_some(&op->u.getdomaininfolist, continued);
	case XEN_SYSCTL_debug_keys:		return debug_keys(&op->u.debug_keys);
	case XEN_SYSCTL_getcpuinfo:		return cpu_info_list(&op->u.getcpuinfo);
	case XEN_SYSCTL_availheap:		return avail_heap(&op->u.availheap);
	case XEN_SYSCTL_cputopoinfo:		return cpu_topology(&op->u.cputopoinfo);
	case XEN_SYSCTL_pcitopoinfo:		return pci_topology(&op->u.pcitopoinfo);
	case XEN_SYSCTL_numainfo:		return numa(&op->u.numainfo);
	case XEN_SYSCTL_cpupool_op:		return cpupool(&op->u.cpupool_op);
	case XEN_SYSCTL_scheduler_op:		return sched_sysctl(&op->u.scheduler_op);
	case XEN_SYSCTL_get_cpu_featureset:	return featureset(&op->u.cpu_featureset);
	case XEN_SYSCTL_get_cpu_policy:		return policy(&op->u.cpu_policy);
	case XEN_SYSCTL_sched_id:
		op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT;
		return 0;
	case XEN_SYSCTL_get_cpu_levelling_caps:
		op->u.cpu_levelling_caps.caps = 0;
		return 0;
	case XEN_SYSCTL_get_pmstat:
	case XEN_SYSCTL_pm_op:
	case XEN_SYSCTL_psr_cmt_op:
	case XEN_SYSCTL_psr_alloc:
		return -XEN_ENODEV;
	case XEN_SYSCTL_cpu_hotplug:
	case XEN_SYSCTL_coverage_op:
		return -XEN_EOPNOTSUPP;
	default:
		return -XEN_ENOSYS;
	}
}

long do_sysctl(void *arg)
{
	struct xen_sysctl op;
	bool continued;
	long rc;

	if (!current->domain->privileged)
		return -XEN_EPERM;
	if (copy_from_guest(&op, arg, 1))
		return -XEN_EFAULT;
	if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
		return refuse(-XEN_EACCES, "interface version %#x, %#x is spoken here", op.interface_version,
			      XEN_SYSCTL_INTERFACE_VERSION);
	if (!spin_trylock(&sysctl_lock))
		return hypercall_continue(__HYPERVISOR_sysctl, 1, (unsigned long)arg);
	continued = op.cmd & SYSCTL_CONTINUED;
	op.cmd &= ~SYSCTL_CONTINUED;
	rc = run(&op, continued);
	spin_unlock(&sysctl_lock);
	if (rc == -XEN_ERESTART)
		op.cmd |= SYSCTL_CONTINUED;
	if ((!rc || rc == -XEN_ERESTART || rc == -XEN_ENOBUFS) && copy_to_guest(arg, &op, 1))
		return -XEN_EFAULT;
	return rc == -XEN_ERESTART ? hypercall_continue(__HYPERVISOR_sysctl, 1, (unsigned long)arg) : rc;
}
