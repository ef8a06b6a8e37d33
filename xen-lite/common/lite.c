/* SPDX-License-Identifier: MIT */
/*
 * lite_op: our extensions of the interface. Each has a feature bit; a guest that finds it clear does without.
 *
 * A crash reason is written once before its domain is marked as shut down and cleared when it resumes; it is copied
 * without a lock, and the copy is always terminated.
 */
#include <xl/domain.h>
#include <xl/entry.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/logdirty.h>
#include <xl/pt.h>
#include <public/lite.h>

BUILD_BUG_ON(sizeof(((struct xen_lite_crash_reason *)0)->reason) != sizeof(((struct domain *)0)->crash_reason));
BUILD_BUG_ON(COUNT_CR3 != LITE_COUNT_CR3 || COUNT_SWITCH != LITE_COUNT_SWITCH || COUNT_NR > LITE_NR_COUNTS);

/* The domain that a privileged caller has named, to be put. */
static long named_domain(domid_t id, struct domain **d)
{
	if (!current->domain->privileged)
		return -XEN_EPERM;
	*d = domain_get(id);
	return *d ? 0 : -XEN_ESRCH;
}

static long crash_reason(void *arg)
{
	struct xen_lite_crash_reason r;
	struct domain *d;
	long rc;

	if (copy_from_guest(&r, arg, 1))
		return -XEN_EFAULT;
	rc = named_domain(r.domid, &d);
	if (rc)
		return rc;
	memcpy(r.reason, d->crash_reason, sizeof(r.reason));
	r.reason[sizeof(r.reason) - 1] = 0;
	domain_put(d);
	return copy_to_guest(arg, &r, 1) ? -XEN_EFAULT : 0;
}

static long counters(void *arg)
{
	struct xen_lite_counters c;
	struct domain *d;
	struct vcpu *v;

	if (copy_from_guest(&c, arg, 1))
		return -XEN_EFAULT;
	d = domain_get(c.domid);
	if (!d)
		return -XEN_ESRCH;
	if (d != current->domain && !current->domain->privileged) {
		domain_put(d);
		return -XEN_EPERM;
	}
	memset(c.count, 0, sizeof(c.count));
	for_each_vcpu(d, v)
		for (unsigned int i = 0; i < COUNT_NR; i++)
			c.count[i] += v->count[i];
	domain_put(d);
	return copy_to_guest(arg, &c, 1) ? -XEN_EFAULT : 0;
}

static long memory(void *arg)
{
	struct xen_lite_memory m = {
		.total = heap_total_pages(), .free = heap_free_pages(), .hypervisor = heap_hypervisor_pages(),
	};

	if (!current->domain->privileged)
		return -XEN_EPERM;
	return copy_to_guest(arg, &m, 1) ? -XEN_EFAULT : 0;
}

/* The structure as it is now, also when the call is to go on: it says where. */
static long give_back(unsigned long cmd, void *arg, const void *s, size_t size, long rc)
{
	if (raw_copy_to_guest(arg, s, size))
		return -XEN_EFAULT;
	return rc == -XEN_ERESTART ? hypercall_continue(__HYPERVISOR_lite_op, 2, cmd, arg) : rc;
}

static long exchange(void *arg)
{
	struct xen_lite_pt_exchange x;
	long rc;

	if (copy_from_guest(&x, arg, 1))
		return -XEN_EFAULT;
	rc = pt_exchange(&x);
	return give_back(LITEOP_pt_exchange, arg, &x, sizeof(x), rc);
}

static long free_pages(void *arg)
{
	struct xen_lite_free_pages f;
	long rc;

	if (copy_from_guest(&f, arg, 1))
		return -XEN_EFAULT;
	rc = logdirty_free_pages(current->domain, &f);
	return give_back(LITEOP_free_pages, arg, &f, sizeof(f), rc);
}

static long unneeded(void *arg)
{
	struct xen_lite_unneeded u;
	struct domain *d;
	long rc;

	if (copy_from_guest(&u, arg, 1))
		return -XEN_EFAULT;
	rc = named_domain(u.domid, &d);
	if (rc)
		return rc;
	rc = logdirty_unneeded(d, &u);
	domain_put(d);
	return give_back(LITEOP_unneeded, arg, &u, sizeof(u), rc);
}

static long copy(void *arg)
{
	struct xen_lite_copy_frames c;
	struct domain *d;
	long rc;

	if (copy_from_guest(&c, arg, 1))
		return -XEN_EFAULT;
	rc = named_domain(c.domid, &d);
	if (rc)
		return rc;
	rc = copy_frames(d, &c);
	domain_put(d);
	return give_back(LITEOP_copy_frames, arg, &c, sizeof(c), rc);
}

/* A bit that is of no use to it harms only the guest itself. */
static long soft_dirty(void *arg)
{
	struct xen_lite_soft_dirty s;

	if (copy_from_guest(&s, arg, 1))
		return -XEN_EFAULT;
	if ((s.bit & (s.bit - 1)) || (s.bit & ~(PTE_AVAIL | PTE_AVAIL_HIGH)))
		return refuse(-XEN_EINVAL, "d%u: %lx is not a bit of a page-table entry that is left to guests",
			      current->domain->id, s.bit);
	ACCESS_ONCE(current->domain->soft_dirty) = s.bit;
	return 0;
}

static bool may_share_tables(const struct domain *d)
{
	return d->privileged || (d->lite_allowed & LITEF_shared_tables);
}

static bool may_enter_directly(const struct domain *d)
{
	return may_share_tables(d) && direct_offered();
}

static long allow(void *arg)
{
	struct xen_lite_allow a;
	struct domain *d;
	long rc;

	if (copy_from_guest(&a, arg, 1))
		return -XEN_EFAULT;
	rc = named_domain(a.domid, &d);
	if (rc)
		return rc;
	if (a.features & ~(u64)LITEF_shared_tables)
		rc = refuse(-XEN_EINVAL, "d%u: nothing to allow in %lx", d->id, a.features);
	else if (d->is_initialised)
		rc = refuse(-XEN_EBUSY, "d%u runs already", d->id);
	else
		d->lite_allowed = a.features;
	domain_put(d);
	return rc;
}

unsigned long lite_assists_refused(const struct domain *d)
{
	return (may_share_tables(d) ? 0 : 1UL << VMASST_TYPE_lite_shared_tables) |
	       (may_enter_directly(d) ? 0 : 1UL << VMASST_TYPE_lite_direct_entry);
}

long do_lite_op(unsigned int cmd, void *arg)
{
	switch (cmd) {
	case LITEOP_features:
		return LITEF_counters | LITEF_pt_exchange | LITEF_free_pages | LITEF_soft_dirty |
		       (may_share_tables(current->domain) ? LITEF_shared_tables : 0) |
		       (may_enter_directly(current->domain) ? LITEF_direct_entry : 0) |
		       (current->domain->privileged ? LITEF_crash_reason | LITEF_memory | LITEF_allow | LITEF_copy_frames : 0);
	case LITEOP_crash_reason:
		return crash_reason(arg);
	case LITEOP_counters:
		return counters(arg);
	case LITEOP_memory:
		return memory(arg);
	case LITEOP_pt_exchange:
		return exchange(arg);
	case LITEOP_allow:
		return allow(arg);
	case LITEOP_free_pages:
		return free_pages(arg);
	case LITEOP_unneeded:
		return unneeded(arg);
	case LITEOP_copy_frames:
		return copy(arg);
	case LITEOP_soft_dirty:
		return soft_dirty(arg);
	default:
		return -XEN_ENOSYS;
	}
}
