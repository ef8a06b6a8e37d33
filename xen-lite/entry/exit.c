/* SPDX-License-Identifier: MIT */
/*
 * The one way back to a guest, and the idle loop.
 *
 * Order, until nothing is left: hazards (cross-CPU requests, timers, reschedule), a queued trap, an event upcall.
 * Interrupts are off; an interrupt that comes in meanwhile is taken as soon as the guest runs.
 */
#include <xl/entry.h>
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/sched.h>
#include <xl/event.h>
#include <xl/platform.h>

bool exit_work(void);

static void hazards_run(void)
{
	u32 todo = xchg(&cpu_info()->hazards, 0);

	if (todo & HAZARD_IPI)
		smp_serve();
	if (todo & HAZARD_TIMER)
		timer_run();
	if (todo & HAZARD_NMI)
		nmi_work();
	if (todo & HAZARD_DEBUG)
		pv_resume_debugregs(current);
	if (todo & HAZARD_RESCHED)
		schedule();
}

/*
 * Does SYSRET put the guest where IRET would? It is much cheaper, with flat 64-bit segments, and never faults with a
 * canonical rip. After an interrupt ss is null, which some processors would pass on to the guest.
 */
static __hot bool sysret_does(const struct cpu_user_regs *regs)
{
	u16 ss;

	__asm__ __volatile__("mov %%ss, %0" : "=r" (ss));
	return regs->rcx == regs->rip && regs->r11 == regs->rflags && regs->cs == GUEST_CS64 && regs->ss == GUEST_DS && ss &&
	       !(regs->rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF | X86_EFLAGS_VM)) && is_canonical(regs->rip);
}

/* True: leave by SYSRET. */
__hot bool exit_work(void)
{
	struct vcpu *v;

	for (;;) {
		if (unlikely(cpu_info()->hazards)) {
			hazards_run();
			continue;
		}
		v = current;
		if (unlikely(is_idle_vcpu(v))) {
			safe_halt();
			continue;
		}
		if (v->pv.bounce.vector != TRAP_NONE) {
			bounce_pending(v);
			continue;
		}
		if (unlikely(v->pv.nmi_pending) && !v->pv.in_nmi) {
			bounce_nmi(v);
			continue;
		}
		if (event_upcall_due(v))
			bounce_event(v);
		if (likely(!cpu_info()->hazards))
			break;
	}
	cpu_info()->work_start = 0;
	cpu_l4_sync();
	return sysret_does(guest_regs());
}
