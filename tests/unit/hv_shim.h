/* SPDX-License-Identifier: MIT */
/*
 * Lets files of the hypervisor run as part of a test program: given with -include before everything else. It stands in
 * for xl/percpu.h: there are SHIM_CPUS processors, and the test says which one it is at the moment. Locks, guest
 * memory, heap, time and timers are in hv_shim.c; a lock taken twice, or left locked at shim_check(), ends the
 * program.
 */
#ifndef HV_SHIM_H
#define HV_SHIM_H

#define XL_PERCPU_H	/* instead of it: */

#include <xl/types.h>
#include <xl/config.h>
#include <xl/lib.h>
#include <public/xen.h>

/* Memory: a few frames, where the direct map and the frame table would be. */
#define SHIM_FRAMES	64
extern char shim_memory[SHIM_FRAMES][PAGE_SIZE];
extern char shim_frames[];
#undef DIRECTMAP_VIRT
#undef FRAME_TABLE_VIRT
#define DIRECTMAP_VIRT		((unsigned long)shim_memory)
#define FRAME_TABLE_VIRT	((unsigned long)shim_frames)

/* A point at which shim_meanwhile() can let another CPU come between. */
void shim_point(void);
#undef cmpxchg
#define cmpxchg(ptr, old, new) ({						\
	__typeof__(*(ptr)) o_ = (old), n_ = (new);				\
	shim_point();								\
	__atomic_compare_exchange_n(ptr, &o_, n_, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	o_; })

#define __atomic_fetch_or(ptr, val, order)	(shim_point(), __atomic_fetch_or(ptr, val, order))

#define SHIM_CPUS	8

struct vcpu;
struct domain;
struct vcpu_runstate_info;

struct cpu_info {
	struct cpu_user_regs guest_regs;
	struct vcpu *on;
	u32 hazards;
	u32 cpu;
};
extern struct cpu_info shim_cpu_info[SHIM_CPUS];
extern u32 shim_cpu;			/* who we are */
extern unsigned int nr_cpus;

#define cpu_info()		(&shim_cpu_info[shim_cpu])
#define smp_processor_id()	(shim_cpu)
#define current			(shim_cpu_info[shim_cpu].on)
#define guest_regs()		(&shim_cpu_info[shim_cpu].guest_regs)

#define DEFINE_PER_CPU(type, name)	__typeof__(type) percpu_##name[SHIM_CPUS]
#define DECLARE_PER_CPU(type, name)	extern __typeof__(type) percpu_##name[SHIM_CPUS]
#define per_cpu(name, cpu)		(percpu_##name[cpu])
#define this_cpu(name)			(percpu_##name[shim_cpu])

#define HAZARD_TIMER		0x01
#define HAZARD_RESCHED		0x02
#define HAZARD_IPI		0x04
#define HAZARD_NMI		0x08

static inline void hazard_raise(u32 bits)
{
	cpu_info()->hazards |= bits;
}

/* For the test. */
extern s_time_t shim_now;
extern bool shim_preempt;		/* what hypercall_preempt_check() says */
extern unsigned int shim_continued;	/* how often a hypercall wanted to be issued again */
extern unsigned long shim_continue_args[6];	/* and with what */
extern bool shim_write_fails;		/* every copy to the guest */
extern bool shim_loud;			/* show what is printed */
extern char shim_log[4096];		/* what was printed since the test cleared it; the rest is dropped when full */
extern int shim_allocs_left;		/* so many allocations succeed, then one fails; negative: none does */
/*
 * fn is what somebody else does, right before the (n + 1)th lock or compare-exchange from now. As it is this thread
 * that does it, the locks that are held at that moment are out of its reach.
 */
void shim_meanwhile(unsigned int n, void (*fn)(void));
extern unsigned int shim_locks_held;
extern const void *shim_last_locks[2];	/* the two that were taken last */
extern unsigned int shim_try_misses;	/* so many times spin_trylock() finds that somebody else was faster */
struct domain *shim_domain(domid_t_ id, unsigned int vcpus);	/* in the table, with shared info and vCPUs, all up */
void shim_domain_free(struct domain *d);
void shim_run_timers(void);		/* those of this processor that are due */
s_time_t shim_next_timer(void);		/* of any processor; the far future when there is none */
void shim_check(void);			/* no lock is held */

#endif
