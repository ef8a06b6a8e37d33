/* SPDX-License-Identifier: MIT */
/*
 * Domains: the table of all of them, references, creation, pausing, the ways to stop (shutdown, crash), and death.
 *
 * Invariant: a domain is in domain_table and domain_list from the end of domain_create() until its last reference is
 * dropped. Owned pages, lookups and live mappings hold references, so a page's owner index always names a live struct.
 *
 * Death goes in bounded steps (domain_relinquish()), in an order in which nothing can be used again that was already
 * given back: first what could wake or interrupt it, then what its vCPUs hold, then what it mapped from others, then
 * its memory. What others still map of it keeps the struct alive; the tools see it as dying until then.
 *
 * Locks: domain_table_lock for table and list. Stopping takes no lock that a caller may hold: domain_crash() is called
 * from anywhere, so shutting_down is a test-and-set.
 *
 * Not here: vCPUs (vcpu.c), the tools' operations (domctl.c).
 */
#include <xl/domain.h>
#include <xl/event.h>
#include <xl/grant_table.h>
#include <xl/logdirty.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/time.h>
#include <public/sched.h>

struct domain *domain_table[DOMID_TABLE_SIZE];
LIST_HEAD(domain_list);		/* in order of ids */
DEFINE_SPINLOCK(domain_table_lock);
struct domain *dom0, *dom_xen, *dom_io, *idle_domain;

#define SCHED_WEIGHT_DEFAULT	256
#define MSI_PIRQS		256	/* numbers for message interrupts, after the I/O APIC inputs */

/* --- life and references ------------------------------------------------------------------------------- */

static struct domain *domain_alloc(domid_t_ id, unsigned int max_vcpus)
{
	struct domain *d = hv_alloc(sizeof(*d));

	if (!d)
		return NULL;
	d->vcpu = hv_alloc(max_vcpus * sizeof(*d->vcpu));
	if (!d->vcpu) {
		hv_free(d);
		return NULL;
	}
	d->id = id;
	d->refcnt = 1;
	d->max_vcpus = max_vcpus;
	list_init(&d->link);
	spin_lock_init(&d->lock);
	spin_lock_init(&d->page_lock);
	spin_lock_init(&d->pt_lock);
	spin_lock_init(&d->event_lock);
	spin_lock_init(&d->dirty_lock);
	d->page_list = d->limbo_list = d->dead_tables = PAGE_LIST_END;
	d->shutdown_code = ~0U;
	d->shared_info_mfn = INVALID_MFN;
	d->pirq_eoi_mfn = INVALID_MFN;
	d->sched_weight = SCHED_WEIGHT_DEFAULT;
	domain_watchdog_init(d);
	return d;
}

static struct domain *system_domain(domid_t_ id, unsigned int max_vcpus)
{
	struct domain *d = domain_alloc(id, max_vcpus);

	if (!d)
		boot_fail("no memory for the hypervisor's own domains");
	d->max_pages = ~0UL;
	return d;
}

/* Makes the domains that never run guest code. The heap must be up. */
void domain_init(void)
{
	dummy_vcpu_info.evtchn_upcall_mask = 1;
	idle_domain = system_domain(DOMID_IDLE, NR_CPUS);
	dom_xen = system_domain(DOMID_XEN, 1);
	dom_io = system_domain(DOMID_IO, 1);
}

static void domain_publish(struct domain *d)
{
	struct domain *pos;

	spin_lock(&domain_table_lock);
	domain_table[d->id] = d;
	list_for_each_entry(pos, &domain_list, link)
		if (pos->id > d->id)
			break;
	list_add_tail(&d->link, &pos->link);
	spin_unlock(&domain_table_lock);
}

static void domain_free(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		if (d->vcpu[i])
			vcpu_destroy(d->vcpu[i]);
	evtchn_free_domain(d);
	grant_table_free(d);
	if (d->shared_info)
		hv_free_page(d->shared_info);
	hv_free(d->pirq);
	hv_free(d->io_ports);
	hv_free(d->e820);
	hv_free(d->vcpu);
	hv_free(d);
}

/* Takes a reference unless the last one is already gone. */
static bool domain_try_hold(struct domain *d)
{
	u32 n = ACCESS_ONCE(d->refcnt), seen;

	for (; n; n = seen) {
		seen = cmpxchg((u32 *)&d->refcnt, n, n + 1);
		if (seen == n)
			return true;
	}
	return false;
}

struct domain *domain_get(domid_t_ id)
{
	struct domain *d;

	if (id == DOMID_SELF) {
		domain_hold(current->domain);
		return current->domain;
	}
	if (id >= DOMID_TABLE_SIZE)
		return NULL;
	spin_lock(&domain_table_lock);
	d = domain_table[id];
	if (d && !domain_try_hold(d))
		d = NULL;
	spin_unlock(&domain_table_lock);
	return d;
}

struct domain *domain_get_next(domid_t_ id)
{
	struct domain *d, *found = NULL;

	spin_lock(&domain_table_lock);
	list_for_each_entry(d, &domain_list, link) {
		if (d->id >= id && domain_try_hold(d)) {
			found = d;
			break;
		}
	}
	spin_unlock(&domain_table_lock);
	return found;
}

void domain_put(struct domain *d)
{
	if (__atomic_sub_fetch(&d->refcnt, 1, __ATOMIC_ACQ_REL))
		return;
	BUG_ON(d->dying != DOMDYING_dead || d->tot_pages);
	spin_lock(&domain_table_lock);
	domain_table[d->id] = NULL;
	list_del(&d->link);
	spin_unlock(&domain_table_lock);
	domain_free(d);
	/* So that xenstored looks again and finds it gone. */
	send_global_virq(VIRQ_DOM_EXC);
}

/* --- creation ------------------------------------------------------------------------------------------ */

static int check_config(const struct xen_domctl_createdomain *cfg)
{
	u32 known = XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_xs_domain;

	if (cfg->flags & ~known)
		return refuse(-XEN_EINVAL, "flags %#x: only PV domains without HAP, IOMMU and vPMU", cfg->flags);
	if (!cfg->max_vcpus || cfg->max_vcpus > MAX_VIRT_CPUS)
		return refuse(-XEN_EINVAL, "%u vCPUs: 1 to %u are possible", cfg->max_vcpus, MAX_VIRT_CPUS);
	if (cfg->cpupool_id || cfg->vmtrace_size || cfg->iommu_opts)
		return refuse(-XEN_EINVAL, "cpupool, vmtrace and IOMMU options do not exist here");
	if (cfg->arch.emulation_flags || (cfg->arch.misc_flags & ~XEN_X86_MSR_RELAXED))
		return refuse(-XEN_EINVAL, "emulation flags %#x: a PV domain has none", cfg->arch.emulation_flags);
	return 0;
}

static void shared_info_init(struct domain *d)
{
	for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		d->shared_info->vcpu_info[i].evtchn_upcall_mask = 1;
	d->shared_info_mfn = virt_to_mfn(d->shared_info);
	time_update_wallclock(d);
}

/* What only dom0 has: numbers for interrupts, and a bitmap of the I/O ports that it may use (physdev.c fills it). */
static int privileged_init(struct domain *d)
{
	d->nr_pirqs = nr_gsis() + MSI_PIRQS;
	d->pirq = hv_alloc(d->nr_pirqs * sizeof(*d->pirq));
	d->io_ports = hv_alloc(65536 / 8);
	if (!d->pirq || !d->io_ports)
		return -XEN_ENOMEM;
	physdev_init_dom0(d);
	return 0;
}

static int domain_parts(struct domain *d, const struct xen_domctl_createdomain *cfg)
{
	int rc;

	d->shared_info = hv_alloc_page();
	if (!d->shared_info)
		return -XEN_ENOMEM;
	shared_info_init(d);
	if (d->privileged) {
		rc = privileged_init(d);
		if (rc)
			return rc;
	}
	rc = evtchn_init_domain(d, cfg->max_evtchn_port);
	if (rc)
		return rc;
	rc = grant_table_init(d, cfg->max_grant_frames, cfg->max_maptrack_frames);
	if (rc)
		return rc;
	page_share_with(d->shared_info, d, true);
	return 0;
}

int domain_create(domid_t_ id, const struct xen_domctl_createdomain *cfg, bool privileged, struct domain **out)
{
	struct domain *d;
	int rc = check_config(cfg);

	if (rc)
		return rc;
	if (id >= DOMID_TABLE_SIZE)
		return -XEN_EINVAL;
	if (domain_table[id])
		return refuse(-XEN_EEXIST, "d%u exists", id);
	d = domain_alloc(id, cfg->max_vcpus);
	if (!d)
		return -XEN_ENOMEM;
	memcpy(d->handle, cfg->handle, sizeof(d->handle));
	d->privileged = privileged;
	d->xs_domain = cfg->flags & XEN_DOMCTL_CDF_xs_domain;
	d->arch_config = cfg->arch;
	d->pause_count = 1;
	d->controller_pause_count = !privileged;	/* nobody holds dom0 but its builder */
	rc = domain_parts(d, cfg);
	if (rc) {
		domain_free(d);
		return rc;
	}
	if (privileged)
		dom0 = d;
	domain_publish(d);
	*out = d;
	return 0;
}

/* --- pausing ------------------------------------------------------------------------------------------- */

void domain_pause_nosync(struct domain *d)
{
	struct vcpu *v;

	__atomic_fetch_add(&d->pause_count, 1, __ATOMIC_SEQ_CST);
	for_each_vcpu(d, v)
		vcpu_sleep_nosync(v);
}

void domain_pause(struct domain *d)
{
	struct vcpu *v;

	ASSERT(d != current->domain);
	domain_pause_nosync(d);
	for_each_vcpu(d, v)
		vcpu_sleep_sync(v);
}

void domain_unpause(struct domain *d)
{
	struct vcpu *v;

	ASSERT(d->pause_count);
	if (__atomic_sub_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST))
		return;
	for_each_vcpu(d, v)
		vcpu_wake(v);
}

/* --- stopping ------------------------------------------------------------------------------------------ */

/* dom0 is done: so is the machine. */
static void __noreturn dom0_shutdown(u32 code)
{
	switch (code) {
	case SHUTDOWN_poweroff:
		printk(XL_INFO "dom0 has powered off: halting\n");
		machine_halt();
	case SHUTDOWN_reboot:
		printk(XL_INFO "dom0 has rebooted: restarting the machine\n");
		machine_restart();
	default:
		printk(XL_ERR "dom0 has stopped (%s): %s\n", code == SHUTDOWN_crash ? "crash" :
		       code == SHUTDOWN_watchdog ? "watchdog" : "no reason known",
		       opt_noreboot ? "halting, as noreboot says" : "restarting the machine");
		if (opt_noreboot)
			machine_halt();
		machine_restart();
	}
}

/*
 * The domain is on its way to a stop because of another vCPU. This one must see to itself: as long as it fails again
 * each time before it is back in the guest, interrupts stay off and no other CPU can tell it to stop.
 */
static void stop_again(struct domain *d)
{
	if (d == current->domain)
		vcpu_sleep_nosync(current);
}

/* A code noted before by SCHEDOP_shutdown_code wins. */
void domain_shutdown(struct domain *d, u32 code)
{
	if (__atomic_exchange_n(&d->shutting_down, true, __ATOMIC_SEQ_CST)) {
		stop_again(d);
		return;
	}
	if (d->shutdown_code == ~0U)
		d->shutdown_code = code;
	if (d == dom0)
		dom0_shutdown(d->shutdown_code);
	domain_pause_nosync(d);
	d->shut_down = true;
	send_global_virq(VIRQ_DOM_EXC);
}

/* Goes on after a suspend (or whatever else it stopped for), with the state it has. */
void domain_resume(struct domain *d)
{
	if (!d->shut_down)
		return;
	d->shut_down = false;
	d->shutdown_code = ~0U;
	d->crash_reason[0] = 0;
	__atomic_store_n(&d->shutting_down, false, __ATOMIC_SEQ_CST);
	domain_unpause(d);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	char why[sizeof(d->crash_reason)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (d->shutting_down) {
		printk(XL_GUEST "d%u, already stopped: %s\n", d->id, why);
		stop_again(d);
		return;
	}
	memcpy(d->crash_reason, why, sizeof(why));
	if (d == current->domain) {
		printk(XL_ERR "d%uv%u crashed: %s\n", d->id, current->id, why);
		show_registers(guest_regs());
	} else {
		printk(XL_ERR "d%u crashed: %s\n", d->id, why);
	}
	domain_shutdown(d, SHUTDOWN_crash);
}

/* --- death --------------------------------------------------------------------------------------------- */

static int domain_relinquish(struct domain *d)
{
	struct vcpu *v;
	int rc;

	for (unsigned int i = 0; i < NR_WATCHDOGS; i++)
		if (d->watchdog_inuse & (1U << i))
			timer_stop(&d->watchdog[i]);
	d->watchdog_inuse = 0;
	rc = evtchn_destroy_domain(d);
	if (rc)
		return rc;
	irq_relinquish_domain(d);
	for_each_vcpu(d, v) {
		vcpu_stop_timers(v);
		vcpu_unmap_info(v);
		rc = pv_vcpu_relinquish(v);
		if (rc)
			return rc;
	}
	rc = grant_table_release_maps(d);
	if (rc)
		return rc;
	rc = logdirty_end(d);
	if (rc)
		return rc;
	return domain_relinquish_memory(d);
}

int domain_kill(struct domain *d)
{
	int rc;

	if (d == dom0 || d == current->domain)
		return refuse(-XEN_EINVAL, "d%u cannot be destroyed", d->id);
	if (d->dying == DOMDYING_dead)
		return 0;
	if (d->dying == DOMDYING_alive) {
		domain_pause(d);
		d->dying = DOMDYING_dying;
		smp_mb();
	}
	rc = domain_relinquish(d);
	if (rc)
		return rc;
	d->dying = DOMDYING_dead;
	memory_claim_release(d);
	send_global_virq(VIRQ_DOM_EXC);
	domain_put(d);
	return 0;
}

/* --- what the tools see -------------------------------------------------------------------------------- */

static u32 info_flags(const struct domain *d, bool running, bool blocked)
{
	u32 f = (d->shutdown_code & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;

	if (d->dying == DOMDYING_dead)
		f |= XEN_DOMINF_dying;
	if (d->shut_down)
		f |= XEN_DOMINF_shutdown;
	if (d->controller_pause_count)
		f |= XEN_DOMINF_paused;
	if (d->xs_domain)
		f |= XEN_DOMINF_xs_domain;
	if (running)
		f |= XEN_DOMINF_running;
	else if (blocked)
		f |= XEN_DOMINF_blocked;
	return f;
}

void domain_getinfo(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	struct vcpu_runstate_info r;
	bool running = false, blocked = true;
	struct vcpu *v;

	memset(info, 0, sizeof(*info));
	info->domain = d->id;
	info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	for_each_vcpu(d, v) {
		vcpu_runstate_get(v, &r);
		info->cpu_time += r.time[RUNSTATE_running];
		info->max_vcpu_id = v->id;
		if (v->pause_flags & VPF_DOWN)
			continue;
		info->nr_online_vcpus++;
		running |= r.state == RUNSTATE_running;
		blocked &= !!(v->pause_flags & (VPF_BLOCKED | VPF_POLL));
	}
	info->flags = info_flags(d, running, blocked);
	info->tot_pages = d->tot_pages;
	info->max_pages = d->max_pages;
	info->outstanding_pages = d->claimed_pages;
	info->shared_info_frame = mfn_x(d->shared_info_mfn);
	memcpy(info->handle, d->handle, sizeof(info->handle));
	info->gpaddr_bits = 44;
	info->arch_config = d->arch_config;
}
