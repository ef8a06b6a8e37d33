/* SPDX-License-Identifier: MIT */
/*
 * The machine: CPUs, interrupt controllers, timers, serial line, static ACPI tables. One folder, platform/;
 * the rest of the hypervisor knows it by this header only.
 */
#ifndef XL_PLATFORM_H
#define XL_PLATFORM_H

#include <xl/types.h>
#include <xl/config.h>

struct vcpu;
struct domain;
struct cpu_user_regs;

/* --- boot information (boot/multiboot.c fills it) --- */
struct e820entry_ {
	u64 addr, size;
	u32 type;		/* 1 RAM, 2 reserved, 3 ACPI, 4 NVS, 5 unusable */
};
struct boot_module {
	paddr_t start;
	u64 size;		/* bytes */
	const char *cmdline;	/* after the file name */
};
struct boot_info {
	const char *loader;
	char cmdline[1024];
	struct e820entry_ e820[128];
	unsigned int nr_e820;
	struct boot_module module[4];
	unsigned int nr_modules;
	paddr_t rsdp;		/* from multiboot 2 or EFI; 0: search low memory */
	bool video_text;	/* VGA text mode, else see vga_info */
};
extern struct boot_info boot_info;

/* boot/cmdline.c: options; unknown ones are named in a message. */
extern u64 opt_dom0_mem;		/* bytes, 0: default */
extern unsigned int opt_dom0_max_vcpus;	/* 0: one per CPU */
extern unsigned int opt_maxcpus;	/* processors to start, the boot CPU included */
extern bool opt_noreboot;
extern char opt_com1[32];
extern char opt_console[32];
extern unsigned int opt_loglvl, opt_guest_loglvl;
extern bool opt_sync_console;

/* --- acpi.c: static tables only --- */
struct acpi_cpu { u32 apic_id, acpi_id; bool enabled; };
struct acpi_ioapic { u8 id; paddr_t addr; u32 gsi_base; };
struct acpi_override { u8 source; u32 gsi; u16 flags; };	/* MADT polarity and trigger bits */
struct acpi_info {
	bool present;
	paddr_t rsdp, lapic;
	struct acpi_cpu cpu[NR_CPUS];
	unsigned int nr_cpus;
	struct acpi_ioapic ioapic[16];
	unsigned int nr_ioapics;
	struct acpi_override override[32];
	unsigned int nr_overrides;
	u16 pm_timer_port, pm1a_cnt, pm1b_cnt, pm1a_evt, pm1b_evt;	/* 0: not there */
	bool pm_timer_32bit;
	u8 reset_type;		/* 0xff: no reset register; else address space id */
	u64 reset_addr;
	u8 reset_value;
	paddr_t hpet;		/* 0: none */
	u16 sci_irq;
	struct { paddr_t base; u16 segment; u8 bus_start, bus_end; } mmcfg[4];
	unsigned int nr_mmcfg;
	bool bad_checksum;
};
extern struct acpi_info acpi;
void acpi_init(void);			/* parses RSDP, RSDT/XSDT, MADT, FADT, HPET, MCFG; tolerates their absence */
const void *acpi_map(paddr_t pa, size_t len);	/* acpi_map.c: a readable, lasting view of firmware memory; NULL: no room */

/* --- cpu.c --- */
struct cpu_features {
	u32 max_leaf, max_ext_leaf;
	u32 l1_ecx, l1_edx, l7_ebx, l7_ecx, l7_edx, e1_ecx, e1_edx, d1_eax;
	u8 phys_bits, virt_bits;
	char vendor[13], model[49];
	bool nx, gb_pages, xsave, smep, invariant_tsc, syscall, fsgsbase, x2apic, pat;
	u32 family, model_nr, stepping;
};
extern struct cpu_features cpu_features;	/* of the boot CPU; others must have at least these */
void cpu_detect(void);			/* boot_fail() when a needed feature is missing: names it */
void cpu_setup(void);			/* each CPU: CR0, CR4, EFER, PAT (as the PV ABI wants it), XCR0, SYSCALL MSRs are entry/'s */

/* --- fpu.c: eager; one XSAVE (or FXSAVE) area per vCPU --- */
void fpu_init(void);
u8 *fpu_alloc(void);
void fpu_free(u8 *area);
void fpu_save(struct vcpu *v);		/* registers -> v->pv.fpu */
void fpu_load(struct vcpu *v);
void fpu_reset(u8 *area);		/* power-on state of x87 and SSE */
unsigned int fpu_size(void);		/* bytes for the xcr0 we run with */
u64 fpu_host_xcr0(void);
bool fpu_xcr0_ok(u64 val);		/* XSETBV would take it, and we would */
void fpu_set_fxsave(u8 *area, const u8 *image);
int fpu_set_xsave(u8 *area, const u8 *image, unsigned int n);
void fpu_xcr0_changed(struct vcpu *v);	/* current wrote v->pv.xcr0 (already checked): load it */

/* --- apic.c, ioapic.c, msi.c, irq.c --- */
#define VEC_DYNAMIC_FIRST	0x20
#define VEC_DYNAMIC_LAST	0xdf	/* device interrupts */
#define VEC_HYPERCALL_INT82	0x82	/* not given to devices */
#define VEC_INT80		0x80	/* not given to devices */
#define VEC_SPURIOUS		0xff
#define VEC_IPI_CALL		0xfb	/* smp.c: cross-CPU requests */
#define VEC_IPI_RESCHED		0xfc	/* only makes the exit path run */
#define VEC_TIMER		0xf9
#define VEC_ERROR		0xfe

void apic_init(void);			/* boot CPU: map, enable, mask legacy PIC */
void apic_init_cpu(void);		/* each CPU */
void apic_eoi(void);
void apic_send_ipi(u32 cpu, u8 vector);
u32 apic_id(void);
void apic_timer_set(s_time_t expires);	/* one-shot at absolute system time; 0 stops; in the past: fires at once */
void apic_timer_calibrate(void);
void ioapic_init(void);
unsigned int nr_gsis(void);
void irq_init(void);
/* Every vector that is not an exception or 0x80/0x82 comes here from entry/, interrupts off. Does the EOI. */
void irq_dispatch(u8 vector);
void irq_relinquish_domain(struct domain *d);	/* physdev: unmaps all pirqs of d */
void physdev_init_dom0(struct domain *d);	/* physdev: fills d->io_ports */

/*
 * A PIRQ: the number by which a domain names a physical interrupt. d->pirq[] and the slots are under d->event_lock;
 * NULL slots are free numbers. Everything below is called with that lock held, except irq_relinquish_domain().
 */
struct irq_desc;
struct pirq {
	u32 nr;
	u32 port;			/* event channel bound to it, 0: none. event_channel.c keeps it */
	struct irq_desc *desc;		/* the interrupt behind it */
};
int pirq_guest_bind(struct vcpu *v, u32 pirq, bool will_share);	/* -EINVAL: not mapped; -EBUSY: ours, or not shareable */
void pirq_guest_unbind(struct domain *d, u32 pirq);
void pirq_guest_eoi(struct domain *d, u32 pirq);	/* a level interrupt was dealt with; nothing when none is in flight */
void pirq_guest_unmask(struct domain *d, u32 pirq);	/* EVTCHNOP_unmask of its port: lets a line held back go on */

/*
 * PCI configuration space by ports 0xcf8/0xcfc, one lock for all users. cf8 as the device takes it (bit 31 set); off:
 * byte within the 0xcfc window, off + size <= 4. pci.c.
 */
u32 pci_conf_read(u32 cf8, unsigned int off, unsigned int size);
void pci_conf_write(u32 cf8, unsigned int off, unsigned int size, u32 val);
bool pci_cfg_ok(struct domain *d, u16 port, unsigned int size, u32 cf8);	/* may d do this access? */

/* --- serial.c, console.c --- */
void serial_init_early(void);		/* from com1= (default 115200,8n1 at 0x3f8), polled output */
void serial_init_irq(void);		/* input by interrupt: VIRQ_CONSOLE and console_io read */
void serial_write(const char *s, size_t n);
void vga_write(const char *s, size_t n);
bool serial_owns_port(u16 port);	/* dom0 may not touch it */
void console_init(void);		/* which sinks: console=com1,vga */
void console_log(const char *s, size_t n);	/* ring + sinks; each line gets our prefix */
void console_putn(const char *s, size_t n);	/* ring + sinks, as it is */
void console_force(void);		/* a panic: from here on output does not wait for the lock, and goes out at once */
size_t console_ring_read(char *buf, size_t n, u32 *index, bool clear);	/* sysctl readconsole; see there */
void console_rx(char c);		/* a typed character */
bool console_rx_room(void);		/* for another one */
void serial_rx_resume(void);		/* there is room again */
void debug_key(char key);		/* debug_keys.c: no lock is held */

/* --- smp.c --- */
void smp_init(void);			/* brings up the application processors */
void smp_serve(void);			/* this CPU's pending requests; called while spinning and on HAZARD_IPI */
/* Runs fn(arg) on each CPU of the mask with interrupts off (this one included when set) and waits for all. */
void smp_call(const unsigned long *cpus, void (*fn)(void *), void *arg);
void smp_stop_others(void);		/* the end of the machine: by NMI, for good */
bool smp_stopping(void);
void smp_kick(u32 cpu);			/* make it pass its exit path (VEC_IPI_RESCHED) */
void smp_kick_timer(u32 cpu);		/* make it look at its timers */
extern unsigned long cpu_online_map[];

/* --- nmi.c --- */
void nmi_handle(struct cpu_user_regs *regs);	/* own stack: only sets flags, or panics for a fatal one */
void nmi_work(void);			/* exit path, HAZARD_NMI: says what came in */
void machine_check_handle(struct cpu_user_regs *regs);

/* Frame outside RAM that dom0 must not write: local and I/O APIC, MSI-X tables in use. */
bool mmio_is_ours(mfn_t m);

/* --- end of the machine --- */
void machine_restart(void) __noreturn;
void machine_halt(void) __noreturn;
void machine_power_off(u8 slp_typa, u8 slp_typb) __noreturn;

/* pv/dom0_build.c */
void dom0_build(void);			/* from the modules; boot_fail() with one line when it cannot */

#endif
