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

#define REBOOT_DELAY_S	5

static u32 panic_cpu;		/* CPU + 1 of the one that speaks */

void show_registers(const struct cpu_user_regs *r)
{
	bool ours = !(r->cs & 3);

	printk(XL_ERR "CPU %u, vector %u, error code %04x, %s\n", smp_processor_id(), r->entry_vector, r->error_code,
	       ours ? "in the hypervisor" : "in a guest");
	printk(XL_ERR "rip %04x:%016lx%s%pS\n", r->cs, r->rip, ours ? " " : " guest ", (void *)r->rip);
	printk(XL_ERR "rsp %04x:%016lx rflags %016lx\n", r->ss, r->rsp, r->rflags);
	printk(XL_ERR "rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
	printk(XL_ERR "rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
	printk(XL_ERR "r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11, r->r12);
	printk(XL_ERR "r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
	printk(XL_ERR "cr0 %016lx cr2 %016lx cr3 %016lx cr4 %016lx\n", read_cr0(), read_cr2(), read_cr3(), read_cr4());
	if (ours)
		show_backtrace(r->rip, r->rbp);
}

static void show_current(void)
{
	const struct vcpu *v = current;

	if (v && v->domain)
		printk(XL_ERR "running: d%u v%u\n", v->domain->id, v->id);
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

bool panic_in_progress(void)
{
	return panic_cpu != 0;
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
	show_current();
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
