/* SPDX-License-Identifier: MIT */
/*
 * The operations of domctl that are about vCPUs: making them, their context, where they run, the CPU they see.
 *
 * Contexts are read and written while the domain is paused and off its CPUs. The CPU policy is not stored: what a PV
 * domain sees is fixed (pv/cpuid.c), so a policy is read, which finds bad pointers, and otherwise taken as a wish.
 *
 * Lock: domctl.c's, held by the caller; d->lock round the change of a context.
 */
#include <xl/asm.h>
#include <xl/control.h>
#include <xl/entry.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/sched.h>

#define POLICY_LEAVES_MAX	1024
#define POLICY_MSRS_MAX		256
#define EXT_CONTEXT_SIZE	(sizeof(struct xen_domctl_ext_vcpucontext))

/* --- bitmaps of the tools ------------------------------------------------------------------------------ */

#define TOOL_BITS_MAX	65536	/* what anybody may hand us */

int bitmap_from_tool(unsigned long *map, unsigned int bits, const struct xenctl_bitmap *from)
{
	unsigned int n = min(bits, from->nr_bits);

	memset(map, 0, BITS_TO_LONGS(bits) * sizeof(*map));
	if (raw_copy_from_guest(map, from->bitmap.p, DIV_ROUND_UP(n, 8)))
		return -XEN_EFAULT;
	for (unsigned int i = n; i < ROUND_UP(n, 8) && i < BITS_TO_LONGS(bits) * BITS_PER_LONG; i++)
		__clear_bit(i, map);
	return 0;
}

int bitmap_to_tool(const struct xenctl_bitmap *to, const unsigned long *map, unsigned int bits)
{
	unsigned int n = min(bits, to->nr_bits), bytes = DIV_ROUND_UP(n, 8), room = DIV_ROUND_UP(to->nr_bits, 8);

	if (to->nr_bits > TOOL_BITS_MAX)
		return -XEN_EINVAL;
	if (bytes) {
		u8 last = ((const u8 *)map)[bytes - 1];

		if (n % 8)
			last &= (1U << n % 8) - 1;
		if (raw_copy_to_guest(to->bitmap.p, map, bytes - 1) ||
		    raw_copy_to_guest(to->bitmap.p + bytes - 1, &last, 1))
			return -XEN_EFAULT;
	}
	return raw_clear_guest(to->bitmap.p + bytes, room - bytes) ? -XEN_EFAULT : 0;
}

/* --- vCPUs and their context --------------------------------------------------------------------------- */

static long max_vcpus(struct domain *d, u32 max)
{
	if (d == current->domain || max != d->max_vcpus)
		return refuse(-XEN_EINVAL, "%u vCPUs: d%u was created for %u", max, d->id, d->max_vcpus);
	for (u32 i = 0; i < max; i++) {
		if (d->vcpu[i])
			continue;
		if (!vcpu_create(d, i))
			return -XEN_ENOMEM;
		if (i + 1 < max && hypercall_preempt_check())
			return -XEN_ERESTART;
	}
	return 0;
}

static long set_context(struct vcpu *v, vcpu_guest_context_t *from)
{
	struct vcpu_guest_context *c;
	long rc = -XEN_EFAULT;

	if (!from)
		return refuse(-XEN_EINVAL, "a PV vCPU cannot be reset");
	c = hv_alloc(sizeof(*c));
	if (!c)
		return -XEN_ENOMEM;
	if (!copy_from_guest(c, from, 1)) {
		domain_pause(v->domain);
		spin_lock(&v->domain->lock);
		rc = vcpu_load_context(v, c);
		spin_unlock(&v->domain->lock);
		domain_unpause(v->domain);
	}
	hv_free(c);
	return rc;
}

static long get_context(struct vcpu *v, vcpu_guest_context_t *to)
{
	struct vcpu_guest_context *c;
	long rc = 0;

	if (!v->initialised)
		return -XEN_ENODATA;
	c = hv_alloc(sizeof(*c));
	if (!c)
		return -XEN_ENOMEM;
	domain_pause(v->domain);
	vcpu_context_get(v, c);
	domain_unpause(v->domain);
	if (!(v->pause_flags & VPF_DOWN))
		c->flags |= VGCF_online;
	if (copy_to_guest(to, c, 1))
		rc = -XEN_EFAULT;
	hv_free(c);
	return rc;
}

static long set_ext_context(struct vcpu *v, const struct xen_domctl_ext_vcpucontext *x)
{
	if (x->size > EXT_CONTEXT_SIZE || x->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap))
		return refuse(-XEN_EINVAL, "size %u: %zu at most", x->size, EXT_CONTEXT_SIZE);
	if (!is_canonical(x->syscall32_callback_eip) || !is_canonical(x->sysenter_callback_eip))
		return refuse(-XEN_EINVAL, "a callback is not canonical");
	domain_pause(v->domain);
	v->pv.syscall32_callback = x->syscall32_callback_eip;
	v->pv.syscall32_cs = x->syscall32_callback_cs | 3;
	v->pv.syscall32_masks = x->syscall32_disables_events;
	v->pv.sysenter_callback = x->sysenter_callback_eip;
	v->pv.sysenter_cs = x->sysenter_callback_cs | 3;
	v->pv.sysenter_masks = x->sysenter_disables_events;
	domain_unpause(v->domain);
	return 0;
}

static long get_ext_context(const struct vcpu *v, struct xen_domctl_ext_vcpucontext *x)
{
	*x = (struct xen_domctl_ext_vcpucontext){
		.vcpu = v->id, .size = EXT_CONTEXT_SIZE,
		.syscall32_callback_eip = v->pv.syscall32_callback, .syscall32_callback_cs = v->pv.syscall32_cs,
		.syscall32_disables_events = v->pv.syscall32_masks,
		.sysenter_callback_eip = v->pv.sysenter_callback, .sysenter_callback_cs = v->pv.sysenter_cs,
		.sysenter_disables_events = v->pv.sysenter_masks,
	};
	return 0;
}

/* The one MSR that is a vCPU's own state and not in the context. Left out while it is 0. */
static long get_msrs(const struct vcpu *v, struct xen_domctl_vcpu_msrs *m)
{
	struct xen_domctl_vcpu_msr msr = { .index = MSR_TSC_AUX, .value = v->pv.tsc_aux };
	u32 room = m->msr_count;

	m->msr_count = 1;
	if (!m->msrs.p)
		return 0;
	m->msr_count = !!msr.value;
	if (!msr.value)
		return 0;
	if (room < 1)
		return -XEN_ENOBUFS;
	return copy_to_guest(m->msrs.p, &msr, 1) ? -XEN_EFAULT : 0;
}

static long set_msrs(struct vcpu *v, struct xen_domctl_vcpu_msrs *m)
{
	struct xen_domctl_vcpu_msr msr;

	if (m->msr_count > 1)
		return -XEN_EINVAL;
	if (!m->msr_count)
		return 0;
	if (copy_from_guest(&msr, m->msrs.p, 1))
		return -XEN_EFAULT;
	if (msr.index != MSR_TSC_AUX || msr.reserved || msr.value > ~0U)
		return refuse(-XEN_EINVAL, "MSR %#x is not a vCPU's own", msr.index);
	domain_pause(v->domain);
	v->pv.tsc_aux = msr.value;
	domain_unpause(v->domain);
	return 0;
}

/* XCR0, the components ever used (we say: XCR0 again), then the area in the standard format. Nothing without XSAVE. */
#define XSTATE_HEADER	16

static long get_xstate(struct vcpu *v, struct xen_domctl_vcpuextstate *x)
{
	u64 head[2] = { v->pv.xcr0, v->pv.xcr0 | 3 }, host = fpu_host_xcr0();
	u64 total = host ? XSTATE_HEADER + fpu_size() : 0;
	long rc = 0;

	if (!x->buffer.p || !x->size || !total) {
		x->xfeature_mask = host;
		x->size = total;
		return 0;
	}
	if (x->size < total)
		return -XEN_EINVAL;
	domain_pause(v->domain);
	head[1] |= host;
	if (raw_copy_to_guest(x->buffer.p, head, sizeof(head)) ||
	    raw_copy_to_guest((char *)x->buffer.p + XSTATE_HEADER, v->pv.fpu, fpu_size()))
		rc = -XEN_EFAULT;
	domain_unpause(v->domain);
	x->xfeature_mask = host;
	x->size = total;
	return rc;
}

static long set_xstate(struct vcpu *v, const struct xen_domctl_vcpuextstate *x)
{
	u64 head[2];
	long rc = -XEN_EFAULT;
	u8 *image;

	if (!x->size)
		return 0;
	if (x->size < XSTATE_HEADER || x->size > XSTATE_HEADER + fpu_size())
		return refuse(-XEN_EINVAL, "%lu bytes of state, this processor has %u", x->size,
			      XSTATE_HEADER + fpu_size());
	if (raw_copy_from_guest(head, x->buffer.p, sizeof(head)))
		return -XEN_EFAULT;
	if (!fpu_xcr0_ok(head[0]) || (head[1] & ~fpu_host_xcr0()))
		return refuse(-XEN_EINVAL, "XCR0 %#lx, components %#lx: not on this processor", head[0], head[1]);
	image = hv_alloc_page();
	if (!image)
		return -XEN_ENOMEM;
	if (!raw_copy_from_guest(image, (const char *)x->buffer.p + XSTATE_HEADER, x->size - XSTATE_HEADER)) {
		domain_pause(v->domain);
		rc = fpu_set_xsave(v->pv.fpu, image, x->size - XSTATE_HEADER);
		if (!rc)
			v->pv.xcr0 = head[0];
		domain_unpause(v->domain);
	}
	hv_free_page(image);
	return rc;
}

static long vcpu_info_get(struct vcpu *v, struct xen_domctl_getvcpuinfo *i)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(v, &r);
	i->online = !(v->pause_flags & VPF_DOWN);
	i->blocked = !!(v->pause_flags & (VPF_BLOCKED | VPF_POLL));
	i->running = r.state == RUNSTATE_running;
	i->cpu_time = r.time[RUNSTATE_running];
	i->cpu = v->cpu;
	return 0;
}

static long send_trigger(struct vcpu *v, u32 trigger)
{
	if (trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
		return -XEN_ENOSYS;
	v->pv.nmi_pending = true;
	smp_mb();
	vcpu_kick(v);
	return 0;
}

/* --- affinity ------------------------------------------------------------------------------------------ */

static void only_online(unsigned long *map, const unsigned long *also)
{
	for (unsigned int i = 0; i < BITS_TO_LONGS(NR_CPUS); i++)
		map[i] &= cpu_online_map[i] & (also ? also[i] : ~0UL);
}

static long set_affinity(struct vcpu *v, struct xen_domctl_vcpuaffinity *a)
{
	DECLARE_BITMAP(map, NR_CPUS);
	DECLARE_BITMAP(in_force, NR_CPUS);
	int rc = 0;

	if (!(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
		return -XEN_EINVAL;
	if (a->flags & XEN_VCPUAFFINITY_HARD) {
		if (bitmap_from_tool(map, NR_CPUS, &a->cpumap_hard))
			return -XEN_EFAULT;
		memcpy(in_force, map, sizeof(map));
		only_online(in_force, NULL);
		if (!bitmap_weight(in_force, NR_CPUS))
			return refuse(-XEN_EINVAL, "d%uv%u: no CPU of its affinity exists", v->domain->id, v->id);
		vcpu_set_affinity(v, map, NULL);
		rc = bitmap_to_tool(&a->cpumap_hard, in_force, NR_CPUS);
	}
	if (!rc && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
		if (bitmap_from_tool(map, NR_CPUS, &a->cpumap_soft))
			return -XEN_EFAULT;
		vcpu_set_affinity(v, NULL, map);
		only_online(map, v->hard_affinity);
		rc = bitmap_to_tool(&a->cpumap_soft, map, NR_CPUS);
	}
	return rc;
}

static long get_affinity(const struct vcpu *v, const struct xen_domctl_vcpuaffinity *a)
{
	int rc = 0;

	if (a->flags & XEN_VCPUAFFINITY_HARD)
		rc = bitmap_to_tool(&a->cpumap_hard, v->hard_affinity, NR_CPUS);
	if (!rc && (a->flags & XEN_VCPUAFFINITY_SOFT))
		rc = bitmap_to_tool(&a->cpumap_soft, v->soft_affinity, NR_CPUS);
	return rc;
}

/* --- CPU policy ---------------------------------------------------------------------------------------- */

static long set_policy(struct domain *d, struct xen_domctl_cpu_policy *p)
{
	const struct vcpu *v = d->vcpu[0] ? d->vcpu[0] : current;
	struct xen_cpuid_leaf leaf;
	struct xen_msr_entry msr;
	u32 hidden[CPUID_WORDS];

	if (d->is_initialised)
		return refuse(-XEN_EEXIST, "d%u has run already: its CPU cannot change", d->id);
	if (p->nr_leaves > POLICY_LEAVES_MAX || p->nr_msrs > POLICY_MSRS_MAX)
		return -XEN_E2BIG;
	p->err_leaf = p->err_subleaf = p->err_msr = XEN_CPUID_INPUT_UNUSED;
	memcpy(hidden, d->cpuid_hidden, sizeof(hidden));
	for (u32 i = 0; i < p->nr_leaves; i++) {
		if (copy_from_guest_offset(&leaf, p->leaves.p, i, 1))
			return -XEN_EFAULT;
		pv_cpuid_hide(v, &leaf, hidden);
	}
	for (u32 i = 0; i < p->nr_msrs; i++) {
		if (copy_from_guest_offset(&msr, p->msrs.p, i, 1))
			return -XEN_EFAULT;
		if (msr.flags) {
			p->err_msr = msr.idx;
			return -XEN_EINVAL;
		}
	}
	memcpy(d->cpuid_hidden, hidden, sizeof(hidden));
	return 0;
}

static long get_policy(const struct domain *d, struct xen_domctl_cpu_policy *p)
{
	p->nr_msrs = p->msrs.p ? 0 : POLICY_MSRS_LIMIT;
	return cpu_policy_leaves(d->vcpu[0] ? d->vcpu[0] : current, p->leaves.p, &p->nr_leaves);
}

/* --- dispatch ------------------------------------------------------------------------------------------ */

/* The vCPU number is the first member of every argument, but for one. */
static u32 vcpu_number(const struct xen_domctl *op)
{
	return op->cmd == XEN_DOMCTL_sendtrigger ? op->u.sendtrigger.vcpu : op->u.vcpucontext.vcpu;
}

static bool is_vcpu_op(u32 cmd)
{
	switch (cmd) {
	case XEN_DOMCTL_setvcpucontext:
	case XEN_DOMCTL_getvcpucontext:
	case XEN_DOMCTL_getvcpuinfo:
	case XEN_DOMCTL_setvcpuaffinity:
	case XEN_DOMCTL_getvcpuaffinity:
	case XEN_DOMCTL_set_ext_vcpucontext:
	case XEN_DOMCTL_get_ext_vcpucontext:
	case XEN_DOMCTL_get_vcpu_msrs:
	case XEN_DOMCTL_set_vcpu_msrs:
	case XEN_DOMCTL_sendtrigger:
	case XEN_DOMCTL_getvcpuextstate:
	case XEN_DOMCTL_setvcpuextstate:
		return true;
	default:
		return false;
	}
}

static long vcpu_op(struct vcpu *v, struct xen_domctl *op, bool *answer)
{
	*answer = true;
	switch (op->cmd) {
	case XEN_DOMCTL_getvcpuinfo:		return vcpu_info_get(v, &op->u.getvcpuinfo);
	case XEN_DOMCTL_setvcpuaffinity:	return set_affinity(v, &op->u.vcpuaffinity);
	case XEN_DOMCTL_getvcpuaffinity:	return get_affinity(v, &op->u.vcpuaffinity);
	case XEN_DOMCTL_get_ext_vcpucontext:	return get_ext_context(v, &op->u.ext_vcpucontext);
	case XEN_DOMCTL_get_vcpu_msrs:		return get_msrs(v, &op->u.vcpu_msrs);
	case XEN_DOMCTL_sendtrigger:		return send_trigger(v, op->u.sendtrigger.trigger);
	}
	*answer = false;
	if (v->domain == current->domain)	/* the rest stops it */
		return -XEN_EINVAL;
	switch (op->cmd) {
	case XEN_DOMCTL_getvcpuextstate:
		*answer = true;
		return get_xstate(v, &op->u.vcpuextstate);
	case XEN_DOMCTL_setvcpuextstate:	return set_xstate(v, &op->u.vcpuextstate);
	case XEN_DOMCTL_setvcpucontext:		return set_context(v, op->u.vcpucontext.ctxt.p);
	case XEN_DOMCTL_getvcpucontext:		return get_context(v, op->u.vcpucontext.ctxt.p);
	case XEN_DOMCTL_set_ext_vcpucontext:	return set_ext_context(v, &op->u.ext_vcpucontext);
	default:				return set_msrs(v, &op->u.vcpu_msrs);
	}
}

long domctl_vcpu_op(struct domain *d, struct xen_domctl *op, bool *answer)
{
	u32 id = vcpu_number(op);

	switch (op->cmd) {
	case XEN_DOMCTL_max_vcpus:
		return max_vcpus(d, op->u.max_vcpus.max);
	case XEN_DOMCTL_set_cpu_policy:
		*answer = true;
		return set_policy(d, &op->u.cpu_policy);
	case XEN_DOMCTL_get_cpu_policy:
		*answer = true;
		return get_policy(d, &op->u.cpu_policy);
	}
	if (!is_vcpu_op(op->cmd))
		return -XEN_ENOSYS;
	if (id >= d->max_vcpus)
		return -XEN_EINVAL;
	return d->vcpu[id] ? vcpu_op(d->vcpu[id], op, answer) : -XEN_ESRCH;
}
