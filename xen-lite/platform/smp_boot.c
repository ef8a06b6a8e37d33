/* SPDX-License-Identifier: MIT */
/*
 * Starting the other processors, one after the other, before dom0 is built. Each gets a stack block with its
 * cpu_info and a copy of the per-CPU section, all zero as nothing in there has another initial value. A processor
 * that does not answer within START_TIMEOUT_MS is put back to sleep and left out; the machine runs without it.
 *
 * Before it is used a processor's TSC is compared with the boot CPU's: both take turns to read theirs, and no
 * reading may be older than the one before. If one is, the processor gets its own zero point and the TSC is not
 * called reliable.
 */
#include <xl/lib.h>
#include <xl/asm.h>
#include <xl/entry.h>
#include <xl/irq.h>
#include <xl/mm.h>
#include <xl/percpu.h>
#include <xl/platform.h>
#include <xl/pt.h>
#include <xl/sched.h>
#include <xl/time.h>

#define TRAMPOLINE_PA	0x8000		/* the heap leaves the first MiB alone */
#define START_TIMEOUT_MS 2000
#define ICR_INIT	0x500
#define ICR_STARTUP	0x600
#define SYNC_ROUNDS	500
#define SYNC_MS		20

struct ap_params {
	u64 cr3, stack;
};

extern const char ap_trampoline[], ap_trampoline_end[], ap_params[];
extern char _spercpu[], _epercpu[];
DECLARE_PER_CPU(u64, tsc_zero);

void ap_main(void) __noreturn;

/* --- comparing the counters ------------------------------------------------------------------------------ */

static struct {
	volatile u32 turn;		/* even: the boot CPU's, odd: the new one's */
	volatile u64 last;
	volatile bool warp, done;
	volatile u64 behind[2];		/* by side: how far a reading was at most behind the other's */
} sync;

static void sync_side(u32 me)
{
	u64 end = rdtsc() + tsc_khz * SYNC_MS;

	for (u32 i = 0; i < SYNC_ROUNDS && !sync.done; i++) {
		u64 t;

		while (sync.turn % 2 != me && !sync.done)
			cpu_relax();
		t = rdtsc();
		if (t < sync.last) {
			sync.warp = true;
			sync.behind[me] = max(sync.behind[me], sync.last - t);
		}
		sync.last = t;
		smp_mb();
		if (t > end && !me)
			sync.done = true;
		sync.turn++;
	}
	sync.done = true;
}

/* --- the new processor ----------------------------------------------------------------------------------- */

static volatile u32 ap_stage;		/* 1: it runs, 2: the boot CPU waits for it, 3: it is ready */

static void wait_stage(u32 stage)
{
	while (ap_stage < stage)
		cpu_relax();
}

void ap_main(void)
{
	u32 cpu = smp_processor_id();

	cpu_setup();
	cpu_l4_init();
	traps_init_cpu();
	apic_init_cpu();
	fpu_init();
	ap_stage = 1;
	wait_stage(2);
	sync_side(1);
	this_cpu(tsc_zero) = per_cpu(tsc_zero, 0) + sync.behind[0] - sync.behind[1];
	timer_init_cpu(cpu);
	sched_init_cpu(cpu);
	set_bit(cpu, cpu_online_map);
	ap_stage = 3;
	start_exit_loop();
}

/* --- the boot CPU ---------------------------------------------------------------------------------------- */

static void wait_us(u64 us)
{
	u64 end = rdtsc() + tsc_khz * us / 1000;

	while (rdtsc() < end)
		cpu_relax();
}

/* The memory of CPU number cpu; NULL: none left. */
static struct cpu_info *ap_alloc(u32 cpu)
{
	size_t size = ROUND_UP((size_t)(_epercpu - _spercpu), PAGE_SIZE);
	char *stack = hv_alloc_pages(STACK_ORDER), *area = hv_alloc(max(size, PAGE_SIZE));
	struct cpu_info *info;

	if (!stack || !area) {
		hv_free(area);
		if (stack)
			hv_free_pages(stack, STACK_ORDER);
		return NULL;
	}
	percpu_offset[cpu] = area - _spercpu;
	info = (struct cpu_info *)(stack + STACK_SIZE) - 1;
	info->cpu = cpu;
	info->percpu_offset = percpu_offset[cpu];
	return info;
}

static void ap_free(struct cpu_info *info)
{
	hv_free(_spercpu + info->percpu_offset);
	hv_free_pages((char *)(info + 1) - STACK_SIZE, STACK_ORDER);
}

static void trampoline_fill(const struct cpu_info *info)
{
	char *page = pa_to_virt(TRAMPOLINE_PA);
	struct ap_params *p = (struct ap_params *)(page + (ap_params - ap_trampoline));

	memcpy(page, ap_trampoline, ap_trampoline_end - ap_trampoline);
	p->cr3 = virt_to_pa(hv_l4);
	p->stack = (unsigned long)info;
}

/* INIT, then the start-up message twice: the second one is ignored if the first one was heard. */
static bool ap_start(u32 apic)
{
	u64 end;

	apic_send_startup(apic, ICR_INIT);
	wait_us(10000);
	for (unsigned int i = 0; i < 2 && !ap_stage; i++) {
		apic_send_startup(apic, ICR_STARTUP | TRAMPOLINE_PA >> PAGE_SHIFT);
		wait_us(300);
	}
	end = rdtsc() + tsc_khz * START_TIMEOUT_MS;
	while (!ap_stage && rdtsc() < end)
		cpu_relax();
	if (ap_stage)
		return true;
	apic_send_startup(apic, ICR_INIT);
	return false;
}

static bool ap_bring_up(u32 cpu, u32 apic)
{
	struct cpu_info *info = ap_alloc(cpu);

	if (!info) {
		printk(XL_WARN "no memory for CPU %u (APIC %u)\n", cpu, apic);
		return false;
	}
	ap_stage = 0;
	memset((void *)&sync, 0, sizeof(sync));
	trampoline_fill(info);
	nr_cpus = cpu + 1;
	if (!ap_start(apic)) {
		nr_cpus = cpu;
		ap_free(info);
		printk(XL_WARN "the processor with APIC %u does not start; going on without it\n", apic);
		return false;
	}
	ap_stage = 2;
	sync_side(0);
	wait_stage(3);
	if (sync.warp) {
		tsc_reliable = false;
		printk(XL_WARN "the TSC of CPU %u is %lu cycles behind, %lu ahead: TSCs are not synchronous\n", cpu,
		       sync.behind[1], sync.behind[0]);
	}
	return true;
}

void smp_init(void)
{
	char *page = pa_to_virt(TRAMPOLINE_PA), *saved = hv_alloc_page();
	u32 me = apic_id();

	if (!saved) {
		printk(XL_WARN "no memory to start other processors\n");
		return;
	}
	memcpy(saved, page, PAGE_SIZE);		/* the firmware may come back to it */
	for (unsigned int i = 0; i < acpi.nr_cpus && nr_cpus < min_t(unsigned int, opt_maxcpus, NR_CPUS); i++)
		if (acpi.cpu[i].enabled && acpi.cpu[i].apic_id != me)
			ap_bring_up(nr_cpus, acpi.cpu[i].apic_id);
	memcpy(page, saved, PAGE_SIZE);
	hv_free_page(saved);
	if (nr_cpus > 1)
		printk(XL_INFO "%u processors run, TSCs are %s\n", nr_cpus,
		       tsc_reliable ? "synchronous" : "not relied on");
}
