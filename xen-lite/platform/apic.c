/* SPDX-License-Identifier: MIT */
/*
 * The local APIC: end of interrupt, interrupts between CPUs, the one-shot timer behind timer.c. Registers are
 * reached in memory; through MSRs only when the firmware left the processor in x2APIC mode (it cannot be left
 * without a reset). The legacy interrupt controllers are remapped to vectors that no device gets and masked for
 * good.
 *
 * Each CPU touches only its own local APIC, with interrupts off: no lock.
 */
#include <xl/lib.h>
#include <xl/asm.h>
#include <xl/irq.h>
#include <xl/mm.h>
#include <xl/percpu.h>
#include <xl/platform.h>
#include <xl/time.h>

#define APIC_ID		0x020
#define APIC_VERSION	0x030
#define APIC_TPR	0x080
#define APIC_EOI	0x0b0
#define APIC_LDR	0x0d0
#define APIC_SVR	0x0f0
#define APIC_ISR	0x100
#define APIC_ESR	0x280
#define APIC_ICR	0x300
#define APIC_ICR_HIGH	0x310
#define APIC_LVT_TIMER	0x320
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_PMC	0x340
#define APIC_LVT_LINT0	0x350
#define APIC_LVT_LINT1	0x360
#define APIC_LVT_ERROR	0x370
#define APIC_TIMER_INIT	0x380
#define APIC_TIMER_NOW	0x390
#define APIC_TIMER_DIV	0x3e0

#define SVR_ENABLE	0x100
#define LVT_MASKED	0x10000
#define LVT_NMI		0x400
#define ICR_BUSY	0x1000
#define ICR_ASSERT	0x4000
#define ICR_NMI		0x400
#define DIV_BY_1	0xb
#define DIV_BY_16	0x3

#define APIC_BASE_ENABLE	(1UL << 11)
#define APIC_BASE_X2APIC	(1UL << 10)
#define APIC_DEFAULT_PA		0xfee00000UL
#define MSR_X2APIC		0x800

#define PIC1		0x20
#define PIC2		0xa0
#define PIC_VECTOR	0xe0		/* 16 vectors above the devices' range: spurious ones end there */

static volatile u8 *apic;		/* NULL in x2APIC mode */
static bool x2apic;
static paddr_t apic_pa;
static u64 timer_mul;			/* ns -> timer ticks, 32.32 fixed point */
static u32 cpu_apic_id[NR_CPUS];

static u32 apic_read(unsigned int reg)
{
	if (x2apic)
		return rdmsr(MSR_X2APIC + (reg >> 4));
	return *(volatile u32 *)(apic + reg);
}

static void apic_write(unsigned int reg, u32 val)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + (reg >> 4), val);
	else
		*(volatile u32 *)(apic + reg) = val;
}

u32 apic_id(void)
{
	return x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

u32 apic_id_of(u32 cpu)
{
	return cpu_apic_id[cpu];
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

/* Both controllers: remapped, every line masked. The elcr and the cascade do not matter then. */
static void pic_disable(void)
{
	outb(PIC1, 0x11);
	outb(PIC2, 0x11);
	outb(PIC1 + 1, PIC_VECTOR);
	outb(PIC2 + 1, PIC_VECTOR + 8);
	outb(PIC1 + 1, 4);
	outb(PIC2 + 1, 2);
	outb(PIC1 + 1, 1);
	outb(PIC2 + 1, 1);
	outb(PIC1 + 1, 0xff);
	outb(PIC2 + 1, 0xff);
}

void apic_init(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	if (!(base & APIC_BASE_ENABLE)) {
		wrmsr(MSR_APIC_BASE, (acpi.lapic ? acpi.lapic : APIC_DEFAULT_PA) | APIC_BASE_ENABLE | (base & 0x100));
	}
	apic_pa = rdmsr(MSR_APIC_BASE) & 0xffffffffff000UL;
	x2apic = base & APIC_BASE_X2APIC;
	if (!x2apic) {
		apic = hv_map_mmio(apic_pa, PAGE_SIZE);
		if (!apic)
			boot_fail("no room to map the local APIC at %#lx", apic_pa);
	}
	pic_disable();
}

/* What is in service was left behind by whoever ran before us; finish it, or no interrupt of its class comes again. */
static void apic_drain(void)
{
	for (unsigned int i = 0; i < 256; i++) {
		u32 any = 0;

		for (unsigned int w = 0; w < 8; w++)
			any |= apic_read(APIC_ISR + w * 16);
		if (!any)
			return;
		apic_eoi();
	}
}

void apic_init_cpu(void)
{
	unsigned int max_lvt = apic_read(APIC_VERSION) >> 16 & 0xff;

	cpu_apic_id[smp_processor_id()] = apic_id();
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VEC_TIMER);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, smp_processor_id() ? LVT_MASKED : LVT_NMI);
	apic_write(APIC_LVT_ERROR, VEC_ERROR);
	if (max_lvt >= 4)
		apic_write(APIC_LVT_PMC, LVT_MASKED);
	if (max_lvt >= 5)
		apic_write(APIC_LVT_THERMAL, LVT_MASKED);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SVR, SVR_ENABLE | VEC_SPURIOUS);
	apic_drain();
	apic_write(APIC_ESR, 0);
	apic_write(APIC_TIMER_DIV, DIV_BY_1);
	apic_write(APIC_TIMER_INIT, 0);
	apic_write(APIC_LVT_TIMER, VEC_TIMER);
}

static void icr_write(u32 dest, u32 low)
{
	if (x2apic) {
		smp_mb();
		wrmsr(MSR_X2APIC + (APIC_ICR >> 4), (u64)dest << 32 | low);
		return;
	}
	while (apic_read(APIC_ICR) & ICR_BUSY)
		cpu_relax();
	apic_write(APIC_ICR_HIGH, dest << 24);
	apic_write(APIC_ICR, low);
}

void apic_send_ipi(u32 cpu, u8 vector)
{
	icr_write(cpu_apic_id[cpu], ICR_ASSERT | vector);
}

void apic_send_nmi(u32 cpu)
{
	icr_write(cpu_apic_id[cpu], ICR_ASSERT | ICR_NMI);
}

/* mode: delivery mode and vector as in the ICR: INIT or start-up with a page number. */
void apic_send_startup(u32 id, u32 mode)
{
	icr_write(id, ICR_ASSERT | mode);
	while (!x2apic && (apic_read(APIC_ICR) & ICR_BUSY))
		cpu_relax();
}

/* Counts timer ticks over a stretch of TSC time. All local APICs run at the bus clock: one measurement serves all. */
void apic_timer_calibrate(void)
{
	u64 tsc_start, tsc_end, span = tsc_khz * 20;		/* 20 ms */
	u32 ticks;

	apic_write(APIC_LVT_TIMER, LVT_MASKED | VEC_TIMER);
	apic_write(APIC_TIMER_INIT, ~0U);
	tsc_start = rdtsc();
	do {
		tsc_end = rdtsc();
	} while (tsc_end - tsc_start < span);
	ticks = ~0U - apic_read(APIC_TIMER_NOW);
	tsc_end = rdtsc();
	apic_write(APIC_TIMER_INIT, 0);
	apic_write(APIC_LVT_TIMER, VEC_TIMER);
	if (ticks < 1000)
		boot_fail("the local APIC timer does not run (%u ticks in 20 ms)", ticks);
	timer_mul = ((u64)ticks << 32) / ((tsc_end - tsc_start) * 1000000ULL / tsc_khz);
	printk(XL_DEBUG "local APIC timer at %lu kHz\n", timer_mul * 1000000UL >> 32);
}

void apic_timer_set(s_time_t expires)
{
	s_time_t left;
	u64 ticks;

	if (!expires) {
		apic_write(APIC_TIMER_INIT, 0);
		return;
	}
	left = expires - now();
	if (left > NS_PER_SEC)
		left = NS_PER_SEC;		/* the counter has 32 bits; firing early only means being set again */
	ticks = left > 0 ? (u64)left * timer_mul >> 32 : 0;
	apic_write(APIC_TIMER_INIT, ticks > 0xfffffff0 ? 0xfffffff0 : ticks + 1);
}

/* dom0 must not write where interrupts are controlled. */
bool mmio_is_ours(mfn_t m)
{
	return mfn_eq(m, pa_to_mfn(apic_pa)) || ioapic_is_at(m);
}

/* VEC_ERROR: says what the local APIC complains about. */
void apic_error_interrupt(void)
{
	apic_write(APIC_ESR, 0);
	printk(XL_WARN "CPU %u: local APIC error status %#x\n", smp_processor_id(), apic_read(APIC_ESR));
}
