/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU state. The top of each CPU's stack block holds struct cpu_info, found by masking the stack pointer; so
 * no segment register is needed and an NMI can find it too (the IST stacks lie in the same block).
 * DEFINE_PER_CPU variables are linked into one section and copied for each CPU at the offset kept in cpu_info.
 */
#ifndef XL_PERCPU_H
#define XL_PERCPU_H

#include <xl/types.h>
#include <xl/config.h>
#include <public/xen.h>

struct vcpu;

struct cpu_info {
	struct cpu_user_regs guest_regs;	/* filled by the entry stubs; the hardware frame is part of it */
	struct vcpu *current;
	unsigned long percpu_offset;		/* add to the linked address of a per-CPU variable */
	u32 cpu;
	u32 hazards;				/* HAZARD_*: work to do before the next return to a guest */
	u64 work_start;				/* TSC when this stay's long work began, 0: not yet; see hypercall_preempt_check() */
};

static inline struct cpu_info *cpu_info(void)
{
	unsigned long sp = (unsigned long)__builtin_frame_address(0);

	return (struct cpu_info *)((sp | (STACK_SIZE - 1)) + 1) - 1;
}

#define smp_processor_id()	(cpu_info()->cpu)
#define current			(cpu_info()->current)
#define guest_regs()		(&cpu_info()->guest_regs)

extern unsigned long percpu_offset[NR_CPUS];
extern unsigned int nr_cpus;			/* CPUs that run; their numbers are 0 .. nr_cpus-1 */

#define DEFINE_PER_CPU(type, name)	__section(".data.percpu") __typeof__(type) percpu_##name
#define DECLARE_PER_CPU(type, name)	extern __typeof__(type) percpu_##name
#define per_cpu(name, cpu)	(*(__typeof__(percpu_##name) *)((char *)&percpu_##name + percpu_offset[cpu]))
#define this_cpu(name)		(*(__typeof__(percpu_##name) *)((char *)&percpu_##name + cpu_info()->percpu_offset))

/*
 * Hazards: one word per CPU, tested once on the way out (entry/exit.c). An interrupt handler or another CPU sets a
 * bit; the work is done on the exit path with interrupts off, in the order of the bits.
 */
#define HAZARD_TIMER		0x01	/* timer.c: run expired timers */
#define HAZARD_RESCHED		0x02	/* sched.c: pick another vCPU */
#define HAZARD_IPI		0x04	/* smp.c: cross-CPU requests wait */
#define HAZARD_NMI		0x08	/* nmi.c: an NMI came in */
#define HAZARD_DEBUG		0x10	/* callback.c: the guest's breakpoints are switched off */

static inline void hazard_raise(u32 bits)
{
	__atomic_fetch_or(&cpu_info()->hazards, bits, __ATOMIC_SEQ_CST);
}

#endif
