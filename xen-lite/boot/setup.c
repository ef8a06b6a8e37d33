/* SPDX-License-Identifier: MIT */
/*
 * Start-up: a table of contents.
 *
 * Order matters in few places and the comments say which. Up to heap_init() memory comes from boot_alloc(); up to
 * sched_init() there is no current vCPU; interrupts stay off until the exit path first runs a guest or halts.
 */
#include <xl/entry.h>
#include <xl/pt.h>
#include <xl/setup.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/time.h>
#include <public/version.h>

static void say_hello(void)
{
	printk("xen-lite " XL_VERSION " (%s), booted by %s\n", XL_BUILD, boot_info.loader ? boot_info.loader : "an unknown loader");
	printk(XL_INFO "Command line: %s\n", boot_info.cmdline);
	for (unsigned int i = 0; i < boot_info.nr_e820; i++)
		printk(XL_DEBUG "memory %016lx-%016lx type %u\n", boot_info.e820[i].addr,
		       boot_info.e820[i].addr + boot_info.e820[i].size - 1, boot_info.e820[i].type);
}

static void init_memory(void)
{
	boot_mem_init();
	hv_map_init();
	heap_init();
	printk(XL_INFO "Memory: %lu MiB, %lu MiB free\n", heap_total_pages() >> 8, heap_free_pages() >> 8);
}

/* Everything that belongs to one CPU; application processors run it too. */
static void init_this_cpu(void)
{
	cpu_setup();
	cpu_l4_init();
	traps_init_cpu();
}

static void init_interrupts(void)
{
	acpi_init();
	apic_init();
	apic_init_cpu();
	ioapic_init();
	irq_init();
}

static void init_time(void)
{
	timer_init_cpu(0);
	time_init();
	apic_timer_calibrate();
}

void start_hypervisor(u32 magic, paddr_t info)
{
	memset(cpu_info(), 0, sizeof(struct cpu_info));
	traps_init();
	traps_early();			/* from here on a fault is a message */
	multiboot_init(magic, info);
	cmdline_parse(boot_info.cmdline);
	serial_init_early();
	console_init();
	say_hello();
	cmdline_report();
	cpu_detect();
	init_memory();
	init_this_cpu();
	init_interrupts();
	init_time();
	fpu_init();
	domain_init();
	sched_init();
	serial_init_irq();
	smp_init();
	dom0_build();
	hv_free_init();
	start_exit_loop();
}
