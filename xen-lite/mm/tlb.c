/* SPDX-License-Identifier: MIT */
/*
 * Translation look-aside buffers, and when they must be flushed.
 *
 * One global clock. When the last translation-relevant use of a frame ends (its type count or its reference count falls
 * to zero) the clock ticks and the frame is stamped. A CPU that flushes everything notes the clock before it does. So
 * before the frame is used as something else, only CPUs whose note is older than the stamp need a flush. A CPU flushes
 * at each return to user mode, so nearly all are filtered out. The clock is written when frames are released and only
 * read by flushes.
 */
#include <xl/mm.h>
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/platform.h>

static u64 clock = 1;
static DEFINE_PER_CPU(u64, flushed_at);

/* The caller is about to load CR3 on this CPU. */
__hot void tlb_note_full_flush(void)
{
	this_cpu(flushed_at) = __atomic_load_n(&clock, __ATOMIC_SEQ_CST);
	if (current)
		current->count[COUNT_FLUSH]++;
}

void tlb_flush_local(void)
{
	if (cpu_l4_drop_idle())
		return;
	tlb_note_full_flush();
	write_cr3(read_cr3());
}

void tlb_flush_one_local(unsigned long va)
{
	if (is_canonical(va))
		invlpg(va);
}

static void flush_call(void *unused)
{
	(void)unused;
	tlb_flush_local();
}

static void flush_one_call(void *va)
{
	tlb_flush_one_local((unsigned long)va);
}

void tlb_flush_mask(const unsigned long *cpus)
{
	smp_call(cpus, flush_call, NULL);
}

void tlb_flush_one_mask(const unsigned long *cpus, unsigned long va)
{
	smp_call(cpus, flush_one_call, (void *)va);
}

void tlb_flush_domain(const struct domain *d)
{
	DECLARE_BITMAP(cpus, NR_CPUS);

	cpu_l4_cpus_of(d, cpus);
	tlb_flush_mask(cpus);
}

void tlb_flush_one_domain(const struct domain *d, unsigned long va)
{
	DECLARE_BITMAP(cpus, NR_CPUS);

	cpu_l4_cpus_of(d, cpus);
	tlb_flush_one_mask(cpus, va);
}

u64 tlb_stamp_now(void)
{
	return __atomic_add_fetch(&clock, 1, __ATOMIC_SEQ_CST);
}

/* Flushes every CPU that has not flushed since stamp; one without a guest has nothing to flush. */
void tlb_flush_since(u64 stamp)
{
	DECLARE_BITMAP(cpus, NR_CPUS) = { 0 };
	bool any = false;

	for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
		if (per_cpu(flushed_at, cpu) >= stamp || !cpu_l4_has_guest(cpu))
			continue;
		__set_bit(cpu, cpus);
		any = true;
	}
	if (any)
		tlb_flush_mask(cpus);
}
