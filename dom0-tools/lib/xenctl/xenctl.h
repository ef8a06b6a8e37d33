/* SPDX-License-Identifier: MIT */
/*
 * Control of the hypervisor from dom0: typed wrappers over Linux's /dev/xen devices and the control hypercalls.
 *
 * Three kinds of handle, each over one device: struct xenctl (privcmd: hypercalls and foreign maps), struct
 * xenctl_evtchn (event channels of this process), struct xenctl_gnttab (grants mapped by this process).
 *
 * Errors: every function that returns int or a count returns -errno on failure; nothing here prints. The values that
 * have a meaning of their own:
 *   -ENOENT, -ENXIO, -ENODEV  the device does not exist: not a Xen dom0
 *   -ESRCH   no such domain
 *   -EPERM   not a privileged domain, or this pair of domains may not do that
 *   -EACCES  the hypervisor speaks another interface version
 *   -ENOSYS, -EOPNOTSUPP  the hypervisor does not know this operation
 *   -ENOMEM  out of memory here, or in the hypervisor or for the domain (its limit)
 *   -EBUSY, -EEXIST, -EINVAL, -EFAULT  as usual
 *
 * Operations that the hypervisor interrupts to stay responsive are carried on here; callers see only the end.
 *
 * No lock: a handle belongs to one thread at a time, different handles are independent. Frames of PV domains are
 * machine frames; the type is uint64_t throughout (same layout as the ABI's xen_pfn_t).
 */
#ifndef LIB_XENCTL_XENCTL_H
#define LIB_XENCTL_XENCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XENCTL_PAGE_SHIFT	12
#define XENCTL_PAGE_SIZE	4096UL
#define XENCTL_DOMID_SELF	0x7ff0U
#define XENCTL_DOMID_XEN	0x7ff2U
#define XENCTL_DOMID_FIRST_RESERVED 0x7ff0U

struct xenctl;
struct vcpu_guest_context;

/* --- handle, raw hypercalls, buffers (xenctl.c) --- */

int xenctl_open(struct xenctl **out);
void xenctl_close(struct xenctl *x);		/* NULL is fine */

/* Any hypercall. Returns what the hypervisor returns: >= 0, or -errno. */
long xenctl_hypercall(struct xenctl *x, unsigned int nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
		      uint64_t a4);

/*
 * Memory that the hypervisor may read and write during a hypercall: page-aligned, zeroed, never paged out or moved.
 * Buffers given to the typed wrappers below need not come from here; the wrappers copy.
 */
void *xenctl_buf_alloc(struct xenctl *x, size_t bytes);		/* NULL: out of lockable memory */
void xenctl_buf_free(struct xenctl *x, void *buf, size_t bytes);	/* same size as allocated; NULL is fine */

/* --- memory of another domain, mapped here or copied (map.c) --- */

/*
 * Map n frames of domid, contiguous in this process. prot: PROT_READ, PROT_WRITE. With errs == NULL any frame that
 * cannot be mapped fails the whole call; else errs[i] is 0 or -errno for each frame, and the call succeeds with holes
 * that must not be touched. *out is unmapped with xenctl_unmap(*out, n).
 */
int xenctl_map_foreign(struct xenctl *x, uint32_t domid, int prot, const uint64_t *frames, size_t n, int *errs,
		       void **out);
int xenctl_map_foreign_page(struct xenctl *x, uint32_t domid, int prot, uint64_t frame, void **out);
void xenctl_unmap(void *addr, size_t n);			/* NULL is fine */

#define XENCTL_NO_FRAME	(~0ULL)
/*
 * Copy n whole pages of domid to buf, or with `in` from buf to them, without a mapping: cheaper than one that is used
 * once. buf: n pages from xenctl_buf_alloc(). The page of an XENCTL_NO_FRAME is left as it is. 0 or -errno: -EINVAL for
 * a frame that is not the domain's or, if it is written, is a page table. *done (NULL: not wanted) is the number of
 * frames before the one that failed.
 */
int xenctl_copy_frames(struct xenctl *x, uint32_t domid, bool in, const uint64_t *frames, size_t n, void *buf,
		       size_t *done);

/* --- domains (domain.c) --- */

struct xenctl_create {
	uint8_t handle[16];		/* UUID */
	uint32_t flags;			/* XEN_DOMCTL_CDF_*; PV: 0 */
	uint32_t max_vcpus;
	uint32_t max_evtchn_port;	/* highest allowed port */
	int32_t max_grant_frames;	/* -1: hypervisor's default */
	int32_t max_maptrack_frames;	/* -1: hypervisor's default */
	uint32_t max_grant_version;	/* 1 or 2; 0 means 1 */
};

struct xenctl_dominfo {
	uint32_t domid;
	bool dying, shutdown, paused, blocked, running, hvm;
	bool crashed;			/* shutdown with reason crash */
	uint32_t shutdown_reason;	/* if shutdown: 0 poweroff 1 reboot 2 suspend 3 crash 4 watchdog */
	uint64_t tot_pages, max_pages, outstanding_pages, shared_pages, paged_pages;
	uint64_t shared_info_frame;
	uint64_t cpu_time;		/* ns, all vCPUs */
	uint32_t nr_online_vcpus, max_vcpu_id;
	uint32_t cpupool, ssidref;
	uint8_t handle[16];
};

struct xenctl_vcpuinfo {
	bool online, blocked, running;
	uint64_t cpu_time;		/* ns */
	uint32_t cpu;			/* where it runs or ran last */
};

/* *domid: 0 = choose a free one, else create exactly this one (-EEXIST if taken). Born paused, with no memory. */
int xenctl_domain_create(struct xenctl *x, const struct xenctl_create *c, uint32_t *domid);
int xenctl_domain_destroy(struct xenctl *x, uint32_t domid);	/* returns when its resources are relinquished */
int xenctl_domain_pause(struct xenctl *x, uint32_t domid);	/* counted, with unpause */
int xenctl_domain_unpause(struct xenctl *x, uint32_t domid);
int xenctl_domain_nmi(struct xenctl *x, uint32_t domid, uint32_t vcpu);
int xenctl_domain_resume(struct xenctl *x, uint32_t domid);	/* undo a shutdown(suspend) */
int xenctl_domain_shutdown(struct xenctl *x, uint32_t domid, unsigned int reason);	/* force SHUTDOWN_* on it */
/* -ESRCH if exactly this domain does not exist. */
int xenctl_domain_info(struct xenctl *x, uint32_t domid, struct xenctl_dominfo *info);
/* Up to max domains with id >= first, ascending. Returns how many, or -errno. */
int xenctl_domain_list(struct xenctl *x, uint32_t first, struct xenctl_dominfo *list, size_t max);
int xenctl_domain_set_handle(struct xenctl *x, uint32_t domid, const uint8_t handle[16]);
int xenctl_domain_max_mem(struct xenctl *x, uint32_t domid, uint64_t kib);
int xenctl_domain_max_vcpus(struct xenctl *x, uint32_t domid, uint32_t n);	/* same n as at creation */
int xenctl_domain_set_address_size(struct xenctl *x, uint32_t domid, unsigned int bits);	/* 64 */

struct xenctl_tscinfo {
	uint32_t mode;			/* TSC_MODE_* */
	uint32_t khz, incarnation;
	uint64_t elapsed_ns;
};
int xenctl_domain_settscinfo(struct xenctl *x, uint32_t domid, const struct xenctl_tscinfo *t);
/* Its wall clock is that much ahead of UTC. */
int xenctl_domain_set_time_offset(struct xenctl *x, uint32_t domid, int64_t seconds);
int xenctl_domain_gettscinfo(struct xenctl *x, uint32_t domid, struct xenctl_tscinfo *t);

/* vcpu contexts are the ABI's struct vcpu_guest_context, 64-bit layout. */
int xenctl_vcpu_setcontext(struct xenctl *x, uint32_t domid, uint32_t vcpu, const struct vcpu_guest_context *ctx);
int xenctl_vcpu_getcontext(struct xenctl *x, uint32_t domid, uint32_t vcpu, struct vcpu_guest_context *ctx);
int xenctl_vcpu_info(struct xenctl *x, uint32_t domid, uint32_t vcpu, struct xenctl_vcpuinfo *info);
/*
 * Where a vCPU may run (hard) and had rather run (soft): one bit per CPU, low bit of a map's first byte is CPU 0. A map
 * that is NULL is left alone. force: also when the domain's kernel has bound the vCPU. set fails with -EINVAL when the
 * hard map has no CPU that exists; both maps are set or none. get: bits beyond the machine's CPUs are 0.
 */
int xenctl_vcpu_setaffinity(struct xenctl *x, uint32_t domid, uint32_t vcpu, const uint8_t *hard, const uint8_t *soft,
			    size_t bytes, bool force);
int xenctl_vcpu_getaffinity(struct xenctl *x, uint32_t domid, uint32_t vcpu, uint8_t *hard, uint8_t *soft,
			    size_t bytes);

/* Replaces each frame number by its XEN_DOMCTL_PFINFO_* type. At most 1024 at a time. */
int xenctl_getpageframeinfo(struct xenctl *x, uint32_t domid, uint64_t *frames, size_t n);

int xenctl_sched_credit_set(struct xenctl *x, uint32_t domid, uint16_t weight, uint16_t cap);
int xenctl_sched_credit_get(struct xenctl *x, uint32_t domid, uint16_t *weight, uint16_t *cap);
int xenctl_sched_id(struct xenctl *x, uint32_t *id);	/* XEN_SCHEDULER_* */

struct xenctl_sched_params {
	uint32_t tslice_ms, ratelimit_us, migration_delay_us;
};
/* Of the credit scheduler as a whole. -EOPNOTSUPP: another scheduler runs. */
int xenctl_sched_params_set(struct xenctl *x, const struct xenctl_sched_params *p);
int xenctl_sched_params_get(struct xenctl *x, struct xenctl_sched_params *p);

/* --- what else a vCPU has, for saving and restoring (vcpustate.c) --- */

struct xen_domctl_ext_vcpucontext;
struct xen_domctl_vcpu_msr;
struct xen_cpuid_leaf;
int xenctl_vcpu_getext(struct xenctl *x, uint32_t domid, uint32_t vcpu, struct xen_domctl_ext_vcpucontext *ext);
int xenctl_vcpu_setext(struct xenctl *x, uint32_t domid, uint32_t vcpu, const struct xen_domctl_ext_vcpucontext *ext);
/*
 * XCR0, components, XSAVE area. get: returns its size (0: the processor has no XSAVE), or -errno; -ENOBUFS: size is too
 * small.
 */
long xenctl_vcpu_getxsave(struct xenctl *x, uint32_t domid, uint32_t vcpu, void *area, size_t size);
int xenctl_vcpu_setxsave(struct xenctl *x, uint32_t domid, uint32_t vcpu, const void *area, size_t size);
/* get: returns how many, or -errno. */
int xenctl_vcpu_getmsrs(struct xenctl *x, uint32_t domid, uint32_t vcpu, struct xen_domctl_vcpu_msr *msr, size_t max);
int xenctl_vcpu_setmsrs(struct xenctl *x, uint32_t domid, uint32_t vcpu, const struct xen_domctl_vcpu_msr *msr,
			size_t n);
/* The CPUID leaves that a domain sees. Returns how many, or -errno. */
int xenctl_domain_cpuid(struct xenctl *x, uint32_t domid, struct xen_cpuid_leaf *leaf, size_t max);
/* Leaves as its kernel shall see them, before it has run: what is missing in them is hidden from it. */
int xenctl_domain_cpuid_set(struct xenctl *x, uint32_t domid, const struct xen_cpuid_leaf *leaf, size_t n);
/* LITEF_* that only some domains may have, before it has run. -ENOSYS: the hypervisor is another than ours. */
int xenctl_domain_allow(struct xenctl *x, uint32_t domid, uint64_t features);

/* --- which pages a domain writes (logdirty.c) --- */

int xenctl_logdirty_enable(struct xenctl *x, uint32_t domid);	/* -EINVAL: somebody logs it already */
int xenctl_logdirty_off(struct xenctl *x, uint32_t domid);	/* also if it is not logged */
/* A bit for each pfn below pages that was written since the last time; bits has room for whole 64-bit words. */
int xenctl_logdirty_clean(struct xenctl *x, uint32_t domid, uint8_t *bits, uint64_t pages);
/*
 * A bit for each pfn that a logged domain does not need, and LITE_HINTS_*; bits NULL: only that, of any domain.
 * -ENOSYS: the hypervisor is another than ours.
 */
int xenctl_unneeded(struct xenctl *x, uint32_t domid, uint8_t *bits, uint64_t pages, uint32_t *state);

/* --- memory and page tables of a domain (memory.c) --- */

/*
 * Give domid n extents of 2^order frames. PV: on entry frames[i] is the guest pfn that goes into the machine-to-phys
 * table, on success the first machine frame of extent i. Returns the number of extents done (< n: out of memory), or
 * -errno.
 */
long xenctl_populate_physmap(struct xenctl *x, uint32_t domid, unsigned int order, uint64_t *frames, size_t n);
long xenctl_decrease_reservation(struct xenctl *x, uint32_t domid, unsigned int order, const uint64_t *frames,
				 size_t n);
int xenctl_claim_pages(struct xenctl *x, uint32_t domid, uint64_t pages);	/* 0 drops the claim */

struct xenctl_e820 {
	uint64_t addr, size;	/* bytes */
	uint32_t type;		/* 1 = RAM, 2 = reserved */
};
int xenctl_set_memory_map(struct xenctl *x, uint32_t domid, const struct xenctl_e820 *map, size_t n);

/* The machine-to-phys table, mapped read-only. *entries is its size; unmap with xenctl_unmap(*m2p, *pages). */
int xenctl_map_m2p(struct xenctl *x, const uint64_t **m2p, size_t *entries, size_t *pages);
int xenctl_max_mfn(struct xenctl *x, uint64_t *max_mfn);

/* Set machine-to-phys entries of frames of domid: n pairs. */
int xenctl_m2p_update(struct xenctl *x, uint32_t domid, const uint64_t *mfns, const uint64_t *pfns, size_t n);
/* level 1..4. Validates the whole tree below mfn. -EINVAL: some entry is not allowed. */
int xenctl_pin_table(struct xenctl *x, uint32_t domid, unsigned int level, uint64_t mfn);
/* n of them, in order. *done have succeeded, also when the next one has not. */
struct xenctl_pin {
	unsigned int level;
	uint64_t mfn;
};
int xenctl_pin_tables(struct xenctl *x, uint32_t domid, const struct xenctl_pin *pins, size_t n, size_t *done);
int xenctl_unpin_table(struct xenctl *x, uint32_t domid, uint64_t mfn);

/* Write entry ref of the grant table (v1) of a domain that has not run yet: permit reader domid to map frame. */
int xenctl_grant_seed(struct xenctl *x, uint32_t domid, uint32_t ref, uint32_t to_domid, uint64_t frame);

/* --- event channels of other domains (memory.c) --- */

int xenctl_evtchn_alloc_unbound(struct xenctl *x, uint32_t domid, uint32_t remote, uint32_t *port);
int xenctl_evtchn_reset(struct xenctl *x, uint32_t domid);
/* status: EVTCHNSTAT_* */
int xenctl_evtchn_port_status(struct xenctl *x, uint32_t domid, uint32_t port, uint32_t *status);

/* --- the host (host.c) --- */

struct xenctl_physinfo {
	uint32_t threads_per_core, cores_per_socket, nr_cpus, max_cpu_id, nr_nodes;
	uint32_t cpu_khz;
	uint32_t capabilities;		/* XEN_SYSCTL_PHYSCAP_* */
	uint64_t total_pages, free_pages, scrub_pages, outstanding_pages, max_mfn;
	uint32_t hw_cap[8];
};
int xenctl_physinfo(struct xenctl *x, struct xenctl_physinfo *info);
/* Pages that are the hypervisor's own. -ENOSYS: it does not tell (it is another than ours). */
int xenctl_hypervisor_pages(struct xenctl *x, uint64_t *pages);
/* Time each CPU has been idle, in ns. Returns the number of CPUs filled in, or -errno. */
int xenctl_cpu_idle(struct xenctl *x, uint64_t *idle_ns, size_t max);

struct xenctl_version {
	unsigned int major, minor;
	char extra[16 + 1];
	char compiler[64 + 1], compile_by[16 + 1], compile_domain[32 + 1], compile_date[32 + 1];
	char capabilities[1024 + 1];
	char changeset[64 + 1];
	char commandline[1024 + 1];
	uint64_t virt_start;
	uint32_t pagesize;
	char build_id[64 + 1];		/* hex, empty if there is none */
};
int xenctl_version(struct xenctl *x, struct xenctl_version *v);

/*
 * Read the hypervisor's console ring into buf, oldest first. incremental: start at *index instead of the oldest byte,
 * and set *index to where the next read goes on. clear: empty it afterwards. Returns the number of bytes, or -errno.
 */
long xenctl_readconsole(struct xenctl *x, char *buf, size_t size, bool clear, bool incremental, uint32_t *index);
int xenctl_debug_keys(struct xenctl *x, const char *keys);

/* --- /dev/xen/evtchn: ports of this process (evtchn.c) --- */

struct xenctl_evtchn;

int xenctl_evtchn_open(struct xenctl_evtchn **out);
void xenctl_evtchn_close(struct xenctl_evtchn *e);	/* unbinds all its ports; NULL is fine */
int xenctl_evtchn_fd(const struct xenctl_evtchn *e);	/* non-blocking; readable when a port is pending */
/* These return the local port (> 0), or -errno. */
int xenctl_evtchn_bind_interdomain(struct xenctl_evtchn *e, uint32_t domid, uint32_t remote_port);
int xenctl_evtchn_bind_unbound(struct xenctl_evtchn *e, uint32_t domid);
int xenctl_evtchn_bind_virq(struct xenctl_evtchn *e, unsigned int virq);
int xenctl_evtchn_unbind(struct xenctl_evtchn *e, int port);
int xenctl_evtchn_notify(struct xenctl_evtchn *e, int port);
/* Next pending port (> 0; masked until unmasked), 0 if none, or -errno. */
int xenctl_evtchn_pending(struct xenctl_evtchn *e);
int xenctl_evtchn_unmask(struct xenctl_evtchn *e, int port);

/* --- /dev/xen/gntdev: grants mapped by this process (gnttab.c) --- */

struct xenctl_gnttab;

int xenctl_gnttab_open(struct xenctl_gnttab **out);
void xenctl_gnttab_close(struct xenctl_gnttab *g);	/* mappings stay until unmapped; NULL is fine */
int xenctl_gnttab_map(struct xenctl_gnttab *g, uint32_t domid, const uint32_t *refs, size_t n, int prot, void **out);
/* At unmap, or death of this process: write 0 to the byte at clear_at (offset; -1 = none), notify port (-1 = none). */
int xenctl_gnttab_notify(struct xenctl_gnttab *g, void *addr, long clear_at, int port);
int xenctl_gnttab_unmap(struct xenctl_gnttab *g, void *addr, size_t n);

#endif
