/* SPDX-License-Identifier: MIT */
/*
 * What a person asks of the running hypervisor, one key each: by `xl debug-keys`, or on the serial line after three
 * times Ctrl-A (three more give the line back to dom0). Both come with no lock held. The answers go to the log.
 *
 * No locks of its own: figures are read as they stand.
 */
#include <xl/lib.h>
#include <xl/asm.h>
#include <xl/domain.h>
#include <xl/entry.h>
#include <xl/event.h>
#include <xl/grant_table.h>
#include <xl/irq.h>
#include <xl/mm.h>
#include <xl/percpu.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/time.h>

static void show_domain(struct domain *d)
{
	struct vcpu *v;

	printk("d%u: %u references, %lu of %lu pages, pauses %u, dying %u, %s\n", d->id, d->refcnt, d->tot_pages,
	       d->max_pages, d->pause_count, d->dying, d->crash_reason[0] ? d->crash_reason : "no crash");
	for_each_vcpu(d, v)
		printk("  v%u: CPU %u, flags %#x, pauses %u%s, upcall pending %u mask %u\n", v->id, v->cpu,
		       v->pause_flags, v->pause_count, v->running ? ", running" : "",
		       v->info->evtchn_upcall_pending, v->info->evtchn_upcall_mask);
}

static void show_events(struct domain *d)
{
	domain_dump_evtchn(d);
}

static void show_grants(struct domain *d)
{
	grant_table_dump(d);
}

static void for_each_domain(void (*show)(struct domain *d))
{
	for (struct domain *d = domain_get_next(0), *next; d; d = next) {
		show(d);
		next = domain_get_next(d->id + 1);
		domain_put(d);
	}
}

static void key_domains(void) { for_each_domain(show_domain); }
static void key_events(void) { for_each_domain(show_events); }
static void key_grants(void) { for_each_domain(show_grants); }

static void key_interrupts(void)
{
	for (unsigned int v = VEC_DYNAMIC_FIRST; v <= VEC_DYNAMIC_LAST; v++)
		irq_show(v);
}

static void key_memory(void)
{
	printk("%lu of %lu pages are free\n", heap_free_pages(), heap_total_pages());
}

static void key_time(void)
{
	u32 nsec;
	u64 sec = wallclock_now(&nsec);

	printk("system time %ld ns, wall clock %lu.%09u, TSC %lu kHz%s\n", now(), sec, nsec, tsc_khz,
	       tsc_reliable ? ", reliable" : "");
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		printk("CPU %u: idle for %lu ms\n", cpu, sched_cpu_idle_ns(cpu) / 1000000);
}

static void key_registers(void)
{
	show_registers(guest_regs());
}

static void key_panic(void)
{
	panic("asked for by a debug key");
}

static void key_restart(void)
{
	printk("restart asked for by a debug key\n");
	machine_restart();
}

static void key_help(void);

static const struct {
	char key;
	void (*fn)(void);
	const char *help;
} keys[] = {
	{ 'h', key_help, "this list" },
	{ 'd', key_registers, "registers of the guest on this CPU" },
	{ 'e', key_events, "event channels" },
	{ 'g', key_grants, "grants" },
	{ 'i', key_interrupts, "interrupts of devices" },
	{ 'm', key_memory, "free memory" },
	{ 'q', key_domains, "domains and their vCPUs" },
	{ 't', key_time, "clocks and idle times" },
	{ 'C', key_panic, "panic" },
	{ 'R', key_restart, "restart the machine at once" },
};

static void key_help(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++)
		printk("%c: %s\n", keys[i].key, keys[i].help);
}

void debug_key(char key)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].key == key) {
			keys[i].fn();
			return;
		}
	printk("no debug key '%c'; h lists them\n", key >= ' ' && key <= '~' ? key : '?');
}
