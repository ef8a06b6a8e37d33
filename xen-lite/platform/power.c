/* SPDX-License-Identifier: MIT */
/*
 * The end of the machine: restart, power off, halt. Each tries the ways there are, from the one ACPI names to the crude
 * ones; none returns. No locks: whoever comes here has nobody to wait for.
 */
#include <xl/lib.h>
#include <xl/asm.h>
#include <xl/mm.h>
#include <xl/platform.h>

#define SLP_TYP_SHIFT	10
#define SLP_TYP_MASK	(7U << SLP_TYP_SHIFT)
#define SLP_EN		(1U << 13)
#define RESET_PORT	0xcf9
#define KBD_PORT	0x64

static void pause_ms(unsigned int ms)
{
	for (unsigned int i = 0; i < ms * 300; i++)
		inb(0x80);		/* about a microsecond each, much more in an emulator */
}

static void reset_by_acpi(void)
{
	if (acpi.reset_type == 1) {
		outb(acpi.reset_addr, acpi.reset_value);
	} else if (acpi.reset_type == 0) {
		volatile u8 *reg = hv_map_mmio(acpi.reset_addr, 1);

		if (reg)
			*reg = acpi.reset_value;
	}
}

void machine_restart(void)
{
	struct { u16 limit; u64 base; } __packed none = { 0, 0 };

	local_irq_disable();
	smp_stop_others();
	reset_by_acpi();
	pause_ms(10);
	outb(RESET_PORT, 0x02);		/* system reset, then the edge that does it */
	outb(RESET_PORT, 0x06);
	pause_ms(10);
	outb(KBD_PORT, 0xfe);		/* pulses the processor's reset line */
	pause_ms(10);
	__asm__ __volatile__("lidt %0; int3" :: "m" (none));	/* triple fault */
	machine_halt();
}

void machine_halt(void)
{
	local_irq_disable();
	smp_stop_others();
	for (;;)
		halt();
}

static void pm1_sleep(u16 port, u8 slp_typ)
{
	u16 val;

	if (!port)
		return;
	val = (inw(port) & ~(SLP_TYP_MASK | SLP_EN)) | (slp_typ & 7) << SLP_TYP_SHIFT;
	outw(port, val);
	outw(port, val | SLP_EN);
}

void machine_power_off(u8 slp_typa, u8 slp_typb)
{
	local_irq_disable();
	smp_stop_others();
	pm1_sleep(acpi.pm1a_cnt, slp_typa);
	pm1_sleep(acpi.pm1b_cnt, slp_typb);
	pause_ms(100);
	printk(XL_ERR "power-off had no effect; you may switch the machine off\n");
	machine_halt();
}
