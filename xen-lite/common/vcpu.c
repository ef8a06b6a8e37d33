/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs: creation, coming up and going down, their timers, and the memory areas through which a guest reads
 * their state: vcpu_info, run state, a second copy of the time.
 *
 * Invariant: v->info always points to a vcpu_info that is ours to write: in the shared info page, in a guest page on
 * which we hold a reference and a writable type, or the dummy. A run-state or time area is a guest virtual address
 * instead: it is written only while the vCPU is current, in kernel mode, by the fault-safe copy.
 *
 * Locks: d->lock for set-up (context, vcpu_info), v->virq_lock for the periodic timer. The other timers are set by the
 * vCPU itself. Timers fire on the CPU that set them, without a lock.
 *
 * Not here: who runs when (sched.c), the processor context itself (pv/).
 */
#include <xl/asm.h>
#include <xl/domain.h>
#include <xl/event.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/logdirty.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/time.h>
#include <public/sched.h>

struct vcpu_info dummy_vcpu_info;

/* --- making and ending --------------------------------------------------------------------------------- */

static void singleshot_fire(void *data)
{
	send_guest_vcpu_virq(data, VIRQ_TIMER);
}

static void poll_fire(void *data)
{
	struct vcpu *v = data;

	if (v->pause_flags & VPF_POLL)		/* a poll that is over leaves its timer */
		vcpu_unblock(v);
}

/* The period is under virq_lock, and so is setting the timer, because any vCPU of the domain may change it. */
static void periodic_fire(void *data)
{
	struct vcpu *v = data;

	if (!v->periodic_period)
		return;
	send_guest_vcpu_virq(v, VIRQ_TIMER);
	spin_lock(&v->virq_lock);
	if (v->periodic_period)
		timer_set(&v->periodic, max(v->periodic.expires + v->periodic_period, now()));
	spin_unlock(&v->virq_lock);
}

/* A timer that is set already finds the period gone and does nothing. */
static long stop_periodic(struct vcpu *v)
{
	spin_lock(&v->virq_lock);
	v->periodic_period = 0;
	spin_unlock(&v->virq_lock);
	return 0;
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
	struct vcpu *v;

	if (id >= d->max_vcpus || d->vcpu[id])
		return NULL;
	v = hv_alloc(sizeof(*v));
	if (!v)
		return NULL;
	v->domain = d;
	v->id = id;
	v->info = d->shared_info && id < XEN_LEGACY_MAX_VCPUS ? &d->shared_info->vcpu_info[id] : &dummy_vcpu_info;
	v->pause_flags = VPF_DOWN | VPF_CREATED;
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = now();
	spin_lock_init(&v->virq_lock);
	timer_setup(&v->singleshot, singleshot_fire, v);
	timer_setup(&v->poll_timer, poll_fire, v);
	timer_setup(&v->periodic, periodic_fire, v);
	memset(v->hard_affinity, 0xff, sizeof(v->hard_affinity));
	memset(v->soft_affinity, 0xff, sizeof(v->soft_affinity));
	if (d != idle_domain)
		pv_vcpu_init(v);
	if (sched_vcpu_init(v)) {
		hv_free(v);
		return NULL;
	}
	smp_wmb();
	d->vcpu[id] = v;
	return v;
}

/* On the way to death. */
void vcpu_stop_timers(struct vcpu *v)
{
	stop_periodic(v);
	timer_stop(&v->singleshot);
	timer_stop(&v->poll_timer);
	timer_stop(&v->periodic);
}

/* The domain's last reference is gone, or its creation failed: the vCPU never ran or does not any more. */
void vcpu_destroy(struct vcpu *v)
{
	vcpu_stop_timers(v);
	sched_vcpu_destroy(v);
	pv_vcpu_destroy(v);
	v->domain->vcpu[v->id] = NULL;
	hv_free(v);
}

/* --- pausing and kicking ------------------------------------------------------------------------------- */

void vcpu_pause_nosync(struct vcpu *v)
{
	__atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
	vcpu_sleep_nosync(v);
}

/* Waits until v is off its CPU. Not for current, and not with a lock held that v's CPU may spin for. */
void vcpu_pause(struct vcpu *v)
{
	ASSERT(v != current);
	vcpu_pause_nosync(v);
	vcpu_sleep_sync(v);
}

void vcpu_unpause(struct vcpu *v)
{
	ASSERT(v->pause_count);
	if (!__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST))
		vcpu_wake(v);
}

void vcpu_kick(struct vcpu *v)
{
	if (v->pause_flags & (VPF_BLOCKED | VPF_POLL))
		vcpu_unblock(v);
	else if (v->running && v->cpu != smp_processor_id())
		smp_kick(v->cpu);
}

static void vcpu_up(struct vcpu *v)
{
	if (__atomic_fetch_and(&v->pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST) & VPF_DOWN)
		vcpu_wake(v);
}

/* 0; -EINVAL; -ERESTART: again with the same arguments. Caller holds d->lock and v does not run. */
int vcpu_load_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	int rc = vcpu_context_set(v, c);

	if (rc)
		return rc;
	v->initialised = true;
	__atomic_fetch_and(&v->pause_flags, ~VPF_CREATED, __ATOMIC_SEQ_CST);
	if (c->flags & VGCF_online)
		vcpu_up(v);
	else
		__atomic_fetch_or(&v->pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST);
	return 0;
}

/* --- run state ----------------------------------------------------------------------------------------- */

/* Under the lock of v's run queue. */
void vcpu_runstate_change(struct vcpu *v, int state, s_time_t when)
{
	struct vcpu_runstate_info *r = &v->runstate;

	if (when > (s_time_t)r->state_entry_time) {
		r->time[r->state] += when - r->state_entry_time;
		r->state_entry_time = when;
	}
	r->state = state;
}

/*
 * The guest sees the update flag set from before the first changed byte until after the last one, if it asked for
 * that.
 */
static bool runstate_write(struct vcpu *v)
{
	struct vcpu_runstate_info r = v->runstate;
	bool flagged = v->domain->vm_assist & (1UL << VMASST_TYPE_runstate_update_flag);
	char *to = (char *)v->runstate_guest, *top = to + offsetof(struct vcpu_runstate_info, state_entry_time) + 7;
	const char *from = (const char *)&r.state_entry_time + 7;

	if (!flagged)
		return !raw_copy_to_guest(to, &r, sizeof(r));
	r.state_entry_time |= XEN_RUNSTATE_UPDATE;
	if (raw_copy_to_guest(top, from, 1))
		return false;
	smp_wmb();
	if (raw_copy_to_guest(to, &r, sizeof(r)))
		return false;
	smp_wmb();
	r.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
	return !raw_copy_to_guest(top, from, 1);
}

/* In user mode the kernel's address is not mapped: the switch to kernel mode does it then. */
void vcpu_runstate_publish(struct vcpu *v)
{
	if (v->runstate_guest)
		v->runstate_pending = !v->pv.kernel_mode || !runstate_write(v);
}

/* --- vcpu_info ----------------------------------------------------------------------------------------- */

/*
 * Moves v's vcpu_info to a page of the guest. What was pending stays so; all selector bits are set, so that an event
 * that comes in between is found: the guest scans once for nothing.
 */
static void info_switch(struct vcpu *v, struct vcpu_info *to)
{
	struct vcpu_info *from = v->info;

	if (from == &dummy_vcpu_info) {
		memset(to, 0, sizeof(*to));
		to->evtchn_upcall_mask = 1;
	} else {
		memcpy(to, from, sizeof(*to));
	}
	smp_wmb();
	v->info = to;
	smp_mb();
	to->evtchn_upcall_pending = 1;
	to->evtchn_pending_sel = ~0UL;
}

int vcpu_map_info(struct vcpu *v, mfn_t frame, unsigned int offset)
{
	struct vcpu_info *to;
	int rc;

	if (offset > PAGE_SIZE - sizeof(*to) || offset % sizeof(long))
		return refuse(-XEN_ENXIO, "vcpu_info at offset %u: 64 bytes in one page, 8-byte aligned", offset);
	if (v->info_page)
		return refuse(-XEN_EINVAL, "vcpu_info of v%u is registered already", v->id);
	if (v != current && !(v->pause_flags & VPF_DOWN))
		return refuse(-XEN_EINVAL, "v%u is up and not the caller", v->id);
	if (!mfn_valid(frame))
		return refuse(-XEN_EINVAL, "mfn %#lx is not RAM", mfn_x(frame));
	rc = page_get_with_type(frame, v->domain, PGT_writable);
	if (rc)
		return rc;
	to = (struct vcpu_info *)((char *)mfn_to_virt(frame) + offset);
	info_switch(v, to);
	v->info_page = mfn_to_page(frame);
	logdirty_foreign_writer(v->info_page, true);
	if (v == current)
		time_update_vcpu(v);
	return 0;
}

/* On the way to death: what happens to its events is of no interest any more. */
void vcpu_unmap_info(struct vcpu *v)
{
	struct page_info *pg = v->info_page;

	v->info = &dummy_vcpu_info;
	smp_mb();
	if (pg) {
		v->info_page = NULL;
		logdirty_foreign_writer(pg, false);
		page_put_with_type(pg);
	}
}

/* --- vcpu_op ------------------------------------------------------------------------------------------- */

/* 5 KiB: too much for the stack. */
static long initialise(struct vcpu *v, void *arg)
{
	struct vcpu_guest_context *c;
	long rc = -XEN_EFAULT;

	if (v->initialised)
		return -XEN_EEXIST;
	c = hv_alloc(sizeof(*c));
	if (!c)
		return -XEN_ENOMEM;
	if (!copy_from_guest(c, arg, 1)) {
		spin_lock(&v->domain->lock);
		rc = v->initialised ? -XEN_EEXIST : vcpu_load_context(v, c);
		spin_unlock(&v->domain->lock);
	}
	hv_free(c);
	return rc == -XEN_ERESTART ?
		hypercall_continue(__HYPERVISOR_vcpu_op, 3, (unsigned long)VCPUOP_initialise, (unsigned long)v->id,
				   (unsigned long)arg) : rc;
}

static long up(struct vcpu *v)
{
	if (!v->initialised)
		return refuse(-XEN_EINVAL, "v%u has no context yet", v->id);
	vcpu_up(v);
	return 0;
}

/* A domain whose last vCPU goes down has powered off. */
static long down(struct vcpu *v)
{
	struct vcpu *other;
	bool last = true;

	for_each_vcpu(v->domain, other)
		if (other != v && !(other->pause_flags & VPF_DOWN))
			last = false;
	if (last) {
		domain_shutdown(v->domain, SHUTDOWN_poweroff);
		return 0;
	}
	if (!(__atomic_fetch_or(&v->pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST) & VPF_DOWN))
		vcpu_sleep_nosync(v);
	return 0;
}

static long register_runstate(struct vcpu *v, void *arg)
{
	struct vcpu_register_runstate_memory_area area;
	struct vcpu_runstate_info r;

	if (copy_from_guest(&area, arg, 1) || !guest_range_ok((void *)area.addr.p, 1, sizeof(r)))
		return -XEN_EFAULT;
	v->runstate_guest = area.addr.p;
	vcpu_runstate_get(v, &r);
	if (area.addr.p && raw_copy_to_guest((void *)area.addr.p, &r, sizeof(r)))
		v->runstate_pending = true;
	return 0;
}

static long get_runstate(struct vcpu *v, void *arg)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(v, &r);
	return copy_to_guest(arg, &r, 1) ? -XEN_EFAULT : 0;
}

static long register_info(struct vcpu *v, void *arg)
{
	struct vcpu_register_vcpu_info info;
	long rc;

	if (copy_from_guest(&info, arg, 1))
		return -XEN_EFAULT;
	spin_lock(&v->domain->lock);
	rc = vcpu_map_info(v, _mfn(info.mfn), info.offset);
	spin_unlock(&v->domain->lock);
	return rc;
}

static long register_time(struct vcpu *v, void *arg)
{
	struct vcpu_register_time_memory_area area;

	if (copy_from_guest(&area, arg, 1) || !guest_range_ok((void *)area.addr.p, 1, sizeof(struct vcpu_time_info)))
		return -XEN_EFAULT;
	v->time_guest = area.addr.p;
	if (v == current)
		time_update_vcpu(v);
	return 0;
}

static long set_periodic(struct vcpu *v, void *arg)
{
	struct vcpu_set_periodic_timer set;

	if (copy_from_guest(&set, arg, 1))
		return -XEN_EFAULT;
	if (set.period_ns < (u64)MILLISECS(1) || set.period_ns > (u64)MILLISECS(1000 * 3600))
		return refuse(-XEN_EINVAL, "a period of %lu ns: 1 ms to 1 h are possible", set.period_ns);
	spin_lock(&v->virq_lock);
	v->periodic_period = set.period_ns;
	timer_set(&v->periodic, now() + v->periodic_period);
	spin_unlock(&v->virq_lock);
	return 0;
}

static long set_singleshot(struct vcpu *v, void *arg)
{
	struct vcpu_set_singleshot_timer set;

	if (v != current)
		return -XEN_EINVAL;
	if (copy_from_guest(&set, arg, 1))
		return -XEN_EFAULT;
	if ((set.flags & VCPU_SSHOTTMR_future) && (s_time_t)set.timeout_abs_ns < now())
		return -XEN_ETIME;
	timer_set(&v->singleshot, set.timeout_abs_ns);
	return 0;
}

static long stop_singleshot(struct vcpu *v)
{
	if (v != current)
		return -XEN_EINVAL;
	timer_stop(&v->singleshot);
	return 0;
}

static long send_nmi(struct vcpu *v)
{
	v->pv.nmi_pending = true;
	smp_mb();
	vcpu_kick(v);
	return 0;
}

/* Meaningful only for a vCPU that cannot move. */
static long get_physid(struct vcpu *v, void *arg)
{
	struct vcpu_get_physid id;
	u32 cpu = find_next_bit(v->hard_affinity, NR_CPUS, 0);

	if (!v->domain->privileged || bitmap_weight(v->hard_affinity, NR_CPUS) != 1 || cpu >= acpi.nr_cpus)
		return -XEN_EINVAL;
	id.phys_id = (u64)acpi.cpu[cpu].acpi_id << 32 | acpi.cpu[cpu].apic_id;
	return copy_to_guest(arg, &id, 1) ? -XEN_EFAULT : 0;
}

long do_vcpu_op(int cmd, unsigned int id, void *arg)
{
	struct domain *d = current->domain;
	struct vcpu *v = id < d->max_vcpus ? d->vcpu[id] : NULL;

	if (!v)
		return -XEN_ENOENT;
	switch (cmd) {
	case VCPUOP_initialise:				return initialise(v, arg);
	case VCPUOP_up:					return up(v);
	case VCPUOP_down:				return down(v);
	case VCPUOP_is_up:				return !(v->pause_flags & VPF_DOWN);
	case VCPUOP_get_runstate_info:			return get_runstate(v, arg);
	case VCPUOP_register_runstate_memory_area:	return register_runstate(v, arg);
	case VCPUOP_set_periodic_timer:			return set_periodic(v, arg);
	case VCPUOP_stop_periodic_timer:		return stop_periodic(v);
	case VCPUOP_set_singleshot_timer:		return set_singleshot(v, arg);
	case VCPUOP_stop_singleshot_timer:		return stop_singleshot(v);
	case VCPUOP_register_vcpu_info:			return register_info(v, arg);
	case VCPUOP_send_nmi:				return send_nmi(v);
	case VCPUOP_get_physid:				return get_physid(v, arg);
	case VCPUOP_register_vcpu_time_memory_area:	return register_time(v, arg);
	default:					return -XEN_ENOSYS;
	}
}
