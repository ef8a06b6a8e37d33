/* SPDX-License-Identifier: MIT */
/*
 * Work that one CPU asks of others. Interrupts are off in the hypervisor, so a CPU answers when it takes the interrupt
 * (it runs a guest or idles) or when it spins: every spin in the hypervisor serves (smp_serve()).
 *
 * There is one request at a time, under call_lock; call.todo has a bit for each CPU that has not answered. The function
 * runs in the middle of whatever the other CPU spins for, so it takes no locks.
 */
#include <xl/lib.h>
#include <xl/asm.h>
#include <xl/irq.h>
#include <xl/percpu.h>
#include <xl/platform.h>
#include <xl/spinlock.h>

unsigned long percpu_offset[NR_CPUS];
unsigned int nr_cpus = 1;
DECLARE_BITMAP(cpu_online_map, NR_CPUS) = { 1 };

static DEFINE_SPINLOCK(call_lock);
static struct {
	void (*fn)(void *);
	void *arg;
	DECLARE_BITMAP(todo, NR_CPUS);
} call;

void smp_serve(void)
{
	u32 cpu = smp_processor_id();

	if (likely(!test_bit(cpu, call.todo)))
		return;
	smp_rmb();
	call.fn(call.arg);
	clear_bit(cpu, call.todo);
}

static void wait_for_all(void)
{
	while (find_next_bit(call.todo, nr_cpus, 0) < nr_cpus)
		cpu_relax();
}

void smp_call(const unsigned long *cpus, void (*fn)(void *), void *arg)
{
	u32 me = smp_processor_id();
	bool others = false;

	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		others |= cpu != me && test_bit(cpu, cpus);
	if (others) {
		spin_lock(&call_lock);
		call.fn = fn;
		call.arg = arg;
		smp_wmb();
		for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
			if (cpu == me || !test_bit(cpu, cpus) || !test_bit(cpu, cpu_online_map))
				continue;
			set_bit(cpu, call.todo);
			apic_send_ipi(cpu, VEC_IPI_CALL);
		}
	}
	if (test_bit(me, cpus))
		fn(arg);
	if (others) {
		wait_for_all();
		spin_unlock(&call_lock);
	}
}

void smp_kick(u32 cpu)
{
	if (cpu != smp_processor_id())
		apic_send_ipi(cpu, VEC_IPI_RESCHED);
}

/* The timer vector: the CPU finds out by itself what is due and when the next one is. */
void smp_kick_timer(u32 cpu)
{
	apic_send_ipi(cpu, VEC_TIMER);
}

static bool stopping;

bool smp_stopping(void)
{
	return ACCESS_ONCE(stopping);
}

void smp_stop_others(void)
{
	ACCESS_ONCE(stopping) = true;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		if (cpu != smp_processor_id() && test_bit(cpu, cpu_online_map))
			apic_send_nmi(cpu);
}
