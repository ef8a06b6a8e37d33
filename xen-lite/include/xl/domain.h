/* SPDX-License-Identifier: MIT */
/*
 * A domain and its virtual CPUs.
 *
 * Life of a struct domain: domain_create() puts it into the table with one reference; domain_get() takes more
 * (hypercalls that look a domain up by id, live foreign maps); every page it owns holds one too. When it has been
 * killed and relinquished and the last reference goes, it leaves the table and is freed. So an owner index in struct
 * page_info always names a live struct.
 *
 * Locks: domain_table_lock (table and ids); d->lock (control state: pausing, vCPU set-up, limits); d->page_lock (page
 * list and counts); d->pt_lock (every page-table change of the domain); d->event_lock (ports, pirqs); d->grant.lock.
 * Order: docs/locking.md: d->lock, pt_lock, grant.lock, event_lock, page_lock, heap, run queue, timer.
 */
#ifndef XL_DOMAIN_H
#define XL_DOMAIN_H

#include <xl/types.h>
#include <xl/config.h>
#include <xl/list.h>
#include <xl/lib.h>
#include <xl/spinlock.h>
#include <xl/timer.h>
#include <xl/percpu.h>
#include <public/xen.h>
#include <public/lite.h>
#include <public/vcpu.h>
#include <public/event_channel.h>
#include <public/domctl.h>

struct page_info;
struct grant_table;
struct evtchn;

/* --- vCPU ---------------------------------------------------------------------------------------------- */

/* Why a vCPU does not run; runnable when no bit is set. */
#define VPF_BLOCKED		0x01	/* SCHEDOP_block: an event wakes it */
#define VPF_POLL		0x02	/* SCHEDOP_poll: a polled port or the timeout wakes it */
#define VPF_DOWN		0x04	/* never brought up, or VCPUOP_down */
#define VPF_CREATED		0x08	/* no context loaded yet; goes with VPF_DOWN */

/* A trap to bounce into the guest on the next exit; vector TRAP_NONE when there is none. */
#define TRAP_NONE		0xffff
struct trap_bounce {
	u16 vector;
	bool has_error;
	u32 error;
};

/* The processor context that a PV guest has beyond its general registers. */
struct pv_vcpu {
	unsigned long event_callback, failsafe_callback, syscall_callback;
	unsigned long syscall32_callback, sysenter_callback;
	bool event_mask_on_failsafe, event_mask_on_syscall, syscall32_masks, sysenter_masks;
	u16 syscall32_cs, sysenter_cs;
	unsigned long kernel_sp;	/* stack_switch */
	u16 kernel_ss;
	bool kernel_mode;		/* runs on the kernel's top-level table; toggled by entry and iret only */
	u8 iopl;			/* virtual, 0-3 */
	mfn_t kernel_l4;		/* typed references held while set; INVALID_MFN before the first context */
	mfn_t user_l4;			/* INVALID_MFN: no user space */
	u32 l4_cpu;			/* the CPU that ran it last, and so may have its translations; ~0: none yet */
	unsigned long gdt_frames[14];	/* mfns, typed references held */
	unsigned int gdt_entries;
	unsigned long ldt_base;
	unsigned int ldt_entries;
	unsigned long ldt_frames[16];	/* mapped so far, typed references held; 0: not */
	u16 ds, es, fs, gs;		/* selectors while not running */
	unsigned long fs_base, gs_base_kernel, gs_base_user;
	unsigned long dr[8];		/* guest view, less dr7_ports; !(dr[7] & 0xff): the processor needs none */
	unsigned long dr7_ports;	/* DR7's enable bits of breakpoints on ports */
	unsigned long cr0_ts;		/* X86_CR0_TS or 0, from fpu_taskswitch */
	unsigned long cr4;		/* guest view */
	u64 xcr0;			/* guest view, 0 when XSAVE is not shown */
	u64 tsc_aux;
	void *iobmp;			/* guest pointer of the user I/O bitmap, or NULL */
	unsigned int iobmp_ports;
	u8 *fpu;			/* XSAVE area, page_order by platform/fpu.c */
	struct trap_bounce bounce;
	bool nmi_pending, in_nmi;
	struct trap_info traps[256];	/* last: the rest is what every system call touches */
};

struct vcpu {
	struct domain *domain;
	u32 id;				/* vcpu number within the domain */
	u32 cpu;			/* physical CPU it runs or last ran on */
	volatile u32 pause_flags;	/* VPF_* */
	volatile u32 pause_count;	/* vcpu_pause() depth */
	volatile bool running;		/* is current on some CPU, or its state is still there */
	bool initialised;		/* has a context */
	struct cpu_user_regs regs;	/* general registers while not running (or lazily kept on the CPU's stack) */
	struct vcpu_info *info;		/* where it lives now: shared_info, a registered page, or v->dummy_info */
	struct page_info *info_page;	/* referenced while registered elsewhere */
	unsigned int poll_port;		/* the one port polled, or 0 for a list */
	unsigned long runstate_guest;	/* guest address, 0 when not registered */
	bool runstate_pending;		/* could not be written in user mode: the switch to kernel mode calls publish */
	bool time_pending;		/* the same of the copy of the clock */
	struct vcpu_runstate_info runstate;
	unsigned long time_guest;	/* address of the secondary vcpu_time_info, 0 when not registered */
	struct timer singleshot, poll_timer, periodic;
	s_time_t periodic_period;	/* 0: off */
	u32 virq_port[NR_VIRQS];	/* port bound to each VIRQ, 0 when none; global ones on vCPU 0 */
	spinlock_t virq_lock;
	struct sched_vcpu *sched;	/* the scheduler's own part */
	unsigned long hard_affinity[BITS_TO_LONGS(NR_CPUS)];
	unsigned long soft_affinity[BITS_TO_LONGS(NR_CPUS)];
	/* multicall in progress: a preempted sub-call rewrites its arguments here instead of in the registers */
	struct multicall_entry *mc_entry;
	bool mc_preempted;
	u64 count[8];			/* COUNT_*: what xl and the bench read */
	struct pv_vcpu pv;		/* last, for its trap table */
};

enum { COUNT_CR3, COUNT_FLUSH, COUNT_HYPERCALL, COUNT_TRAP, COUNT_EMULATE, COUNT_BOUNCE, COUNT_SWITCH, COUNT_NR };

/* --- domain -------------------------------------------------------------------------------------------- */

#define NR_WATCHDOGS	2

enum domain_dying { DOMDYING_alive, DOMDYING_dying, DOMDYING_dead };

#define CPUID_WORDS 9		/* registers of CPUID that consist of features */

struct domain {
	domid_t_ id;
	volatile u32 refcnt;
	struct list_head link;		/* all domains, in creation order */
	u8 handle[16];
	bool privileged;		/* dom0 */
	bool shutting_down, shut_down;
	u32 shutdown_code;		/* SHUTDOWN_*, ~0U before */
	char crash_reason[96];		/* from domain_crash(), "" before */
	enum domain_dying dying;
	volatile u32 pause_count;	/* domain_pause() depth, counted on top of each vCPU's */
	u32 controller_pause_count;	/* of those, the tools'; 1 at creation but for dom0 */
	spinlock_t lock, page_lock, pt_lock, event_lock, dirty_lock;

	unsigned int max_vcpus;
	struct vcpu **vcpu;		/* max_vcpus slots, NULL until made by XEN_DOMCTL_max_vcpus */

	u32 page_list;			/* first owned frame by index, PAGE_LIST_END when empty; linked by page_info */
	u32 limbo_list;			/* given up in death, but others still refer to them */
	unsigned long tot_pages;	/* frames owned */
	unsigned long max_pages;	/* limit of tot_pages */
	unsigned long claimed_pages;
	struct logdirty *logdirty;	/* NULL: not logged; see logdirty.h */
	struct logdirty *logdirty_dying;	/* not logged any more, not all freed yet */
	u32 mirrors_max;		/* pages for mirrors, 0: the default */
	bool mirrored;			/* logged, and by mirrors */
	u64 soft_dirty;			/* a bit of its L1 entries that its kernel takes for dirty, 0: none; LITEOP_soft_dirty */
	u32 dead_tables;		/* page tables whose last use is gone, PAGE_LIST_END when none; pt_lock */

	struct shared_info *shared_info;
	mfn_t shared_info_mfn;
	unsigned long vm_assist;
	u64 lite_allowed;		/* LITEF_* that not every domain may use */

	/* event channels: common/event_channel.c */
	struct evtchn **evtchn_bucket;	/* arrays of EVTCHNS_PER_BUCKET, made on demand */
	unsigned int max_evtchn_port;	/* highest allowed */
	DECLARE_BITMAP(poll_mask, MAX_VIRT_CPUS);

	struct grant_table *grant_table;	/* common/grant_table.c */

	/* interrupts and I/O that dom0 may use: common/physdev.c, platform/irq.c */
	struct pirq **pirq;		/* nr_pirqs slots */
	unsigned int nr_pirqs;
	mfn_t pirq_eoi_mfn;		/* shared EOI bitmap, INVALID_MFN when none */
	unsigned long *pirq_eoi_map;
	bool auto_unmask;		/* pirq_eoi_gmfn_v2 semantics */
	unsigned long *io_ports;	/* bitmap of 65536 bits, set = allowed; NULL: none */

	/* time */
	s64 time_offset_seconds;
	u32 tsc_mode, tsc_incarnation;
	u32 cpuid_hidden[CPUID_WORDS];	/* features that its kernel does not see, see pv/cpuid.c */

	/* memory map for XENMEM_memory_map, set by the builder */
	void *e820;
	unsigned int nr_e820;

	unsigned int sched_weight, sched_cap;	/* share; percent of one CPU, 0: none */
	u32 sched_active;		/* of the accounting pass: vCPUs that share the weight */
	struct timer watchdog[NR_WATCHDOGS];	/* SCHEDOP_watchdog, under d->lock */
	u32 watchdog_inuse;
	bool is_initialised;		/* first unpause has happened */
	bool xs_domain;			/* runs xenstored */
	struct xen_arch_domainconfig arch_config;	/* as given at creation */
};

/* Last index of a page list. */
#define PAGE_LIST_END	(~0U)

#define DOMID_TABLE_SIZE	DOMID_FIRST_RESERVED

extern struct domain *domain_table[DOMID_TABLE_SIZE];
extern struct list_head domain_list;	/* under domain_table_lock */
extern spinlock_t domain_table_lock;
extern struct domain *dom0;
extern struct domain *dom_xen;		/* owns frames of ours that guests may map; never runs */
extern struct domain *dom_io;		/* stands for machine addresses that are not RAM; never runs */
DECLARE_PER_CPU(struct vcpu *, idle_vcpu);	/* its domain is idle_domain, id DOMID_IDLE */
extern struct domain *idle_domain;

#define is_idle_vcpu(v)	((v)->domain == idle_domain)

#define for_each_vcpu(d, v)								\
	for (unsigned int i_ = 0; i_ < (d)->max_vcpus; i_++)				\
		if (((v) = (d)->vcpu[i_]) != NULL)

/* common/domain.c */
void domain_init(void);				/* idle_domain, dom_xen, dom_io */
/* flags, limits as in XEN_DOMCTL_createdomain. *out is paused once. -ENOMEM, -EINVAL, -EEXIST. */
int domain_create(domid_t_ id, const struct xen_domctl_createdomain *cfg, bool privileged, struct domain **out);
struct domain *domain_get(domid_t_ id);		/* takes a reference; DOMID_SELF works; NULL when there is none */
void domain_put(struct domain *d);
/* One more reference to a domain that the caller already holds alive. */
static inline void domain_hold(struct domain *d)
{
	__atomic_fetch_add(&d->refcnt, 1, __ATOMIC_RELAXED);
}
/* The living or dying domain with the lowest id >= id, referenced; NULL when there is none. */
struct domain *domain_get_next(domid_t_ id);
void domain_pause(struct domain *d);		/* waits until no vCPU runs; not for the caller's own domain */
void domain_pause_nosync(struct domain *d);
void domain_unpause(struct domain *d);
void domain_shutdown(struct domain *d, u32 code);
void domain_resume(struct domain *d);
/*
 * One step of the way to death; -ERESTART: call again. Pages, ports, grants and maps are given back in bounded steps.
 */
int domain_kill(struct domain *d);
/*
 * The guest cannot go on. Keeps the reason, logs it, shuts the domain down with SHUTDOWN_crash. Returns to its caller.
 */
void domain_crash(struct domain *d, const char *fmt, ...) __printf(2, 3);
void domain_getinfo(struct domain *d, struct xen_domctl_getdomaininfo *info);

/* common/vcpu.c */
struct vcpu *vcpu_create(struct domain *d, unsigned int id);
void vcpu_destroy(struct vcpu *v);
void vcpu_stop_timers(struct vcpu *v);
long do_vcpu_op(int cmd, unsigned int id, void *arg);
void vcpu_pause(struct vcpu *v);
void vcpu_pause_nosync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
void vcpu_kick(struct vcpu *v);			/* an upcall or NMI is due: wakes it, or makes it pass its exit path */
/* Loads a checked context (pv/) and takes the vCPU through its life: initialised, up if the context says online. */
int vcpu_load_context(struct vcpu *v, const struct vcpu_guest_context *c);
extern struct vcpu_info dummy_vcpu_info;	/* of vCPUs above 31 that have not registered one, and of idle ones */
int vcpu_map_info(struct vcpu *v, mfn_t frame, unsigned int offset);
void vcpu_unmap_info(struct vcpu *v);
void vcpu_runstate_change(struct vcpu *v, int state, s_time_t now);	/* called by sched.c */
void vcpu_runstate_publish(struct vcpu *v);	/* v is current and its address space is loaded */

/* pv/vcpu_context.c: full context as the public struct vcpu_guest_context, checked then committed. v is not running.
 * -EINVAL with a reason in the log; -ERESTART when validating the page tables was preempted: call again. */
int vcpu_context_set(struct vcpu *v, const struct vcpu_guest_context *c);
void vcpu_context_get(struct vcpu *v, struct vcpu_guest_context *c);
void pv_vcpu_init(struct vcpu *v);		/* -> sane defaults: masks, INVALID_MFN, x87/SSE reset state */
void pv_vcpu_destroy(struct vcpu *v);		/* drops base tables and descriptor frames; -> relinquish path first */
int pv_vcpu_relinquish(struct vcpu *v);		/* drops base tables, GDT; -ERESTART */
/* entry/ and pv/: called by sched.c with interrupts off. Saves prev's machine state and loads next's. */
void context_switch(struct vcpu *prev, struct vcpu *next);

static inline bool vcpu_runnable(const struct vcpu *v)
{
	return !(v->pause_flags | v->pause_count | v->domain->pause_count);
}

#endif
