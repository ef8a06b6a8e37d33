/* SPDX-License-Identifier: MIT */
/*
 * The end: panic() for our own bugs and for a machine that fails under us, boot_fail() for a machine or a set-up that
 * we cannot run on. The first CPU that panics speaks; the others are stopped by an NMI and stay silent.
 * No locks: the console is told not to wait for its own any more.
 */
#include <xl/lib.h>
#include <xl/percpu.h>
#include <xl/asm.h>
#include <xl/platform.h>
#include <xl/time.h>
#include <xl/domain.h>
#include <xl/entry.h>

#define REBOOT_DELAY_S	5

static u32 panic_cpu;		/* CPU + 1 of the one that speaks */

/* What the processor holds now, and the guest that was interrupted: the frame at the top of the stack is its. */
static void show_state(unsigned long rsp, unsigned long rbp)
{
	const struct vcpu *v = current;
	unsigned long flags;

	__asm__ __volatile__("pushf; pop %0" : "=r" (flags));
	printk(XL_ERR "rsp %016lx rbp %016lx rflags %08lx\n", rsp, rbp, flags);
	printk(XL_ERR "cr0 %016lx cr2 %016lx cr3 %016lx cr4 %08lx\n", read_cr0(), read_cr2(), read_cr3(), read_cr4());
	if (!v || !v->domain || is_idle_vcpu(v))
		return;
	printk(XL_ERR "d%u v%u was running:\n", v->domain->id, v->id);
	show_registers(guest_regs());
}

/* Without timer interrupts: the time source if there is one, else a count that is long enough on any machine. */
static void delay_s(unsigned int s)
{
	if (tsc_khz) {
		u64 end = rdtsc() + tsc_khz * 1000 * s;

		while (rdtsc() < end)
			cpu_relax();
		return;
	}
	for (u64 i = 0; i < s * 100000000ULL; i++)
		cpu_relax();
}

static void __noreturn stop_machine(void)
{
	if (opt_noreboot) {
		printk(XL_ERR "halted (noreboot)\n");
		machine_halt();
	}
	printk(XL_ERR "rebooting in %u seconds\n", REBOOT_DELAY_S);
	delay_s(REBOOT_DELAY_S);
	machine_restart();
}

/* Only the first one goes on; a panic inside a panic ends without more words. */
static void claim_panic(void)
{
	u32 me = smp_processor_id() + 1, first = cmpxchg(&panic_cpu, 0, me);

	if (!first)
		return;
	while (first != me)
		halt();
	printk(XL_ERR "panic inside a panic\n");
	stop_machine();
}

void panic(const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	local_irq_disable();
	claim_panic();
	console_force();
	smp_stop_others();
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	printk(XL_ERR "PANIC on CPU %u: %s\n", smp_processor_id(), msg);
	show_state((unsigned long)__builtin_frame_address(0), *(unsigned long *)__builtin_frame_address(0));
	show_backtrace((unsigned long)__builtin_return_address(0), *(unsigned long *)__builtin_frame_address(0));
	stop_machine();
}

void boot_fail(const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	local_irq_disable();
	console_force();
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	printk(XL_ERR "cannot start: %s\n", msg);
	machine_halt();
}
