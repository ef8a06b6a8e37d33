/* SPDX-License-Identifier: MIT */
/*
 * Inside of platform/ (and common/physdev.c): the descriptors that irq.c, ioapic.c and msi.c share.
 *
 * One irq_desc for each GSI that exists and each MSI that is mapped. desc->lock guards it, and the registers behind
 * it; it nests inside a domain's event_lock and outside ioapic_lock and pci_lock.
 */
#ifndef XL_IRQ_H
#define XL_IRQ_H

#include <xl/types.h>
#include <xl/spinlock.h>
#include <xl/timer.h>

#define MAX_GSIS	256
#define IRQ_MAX_GUESTS	4		/* domains that may share one level-triggered line */

struct pci_addr {
	u16 seg;
	u8 bus, devfn;
};

/* Why the interrupt is masked in the hardware; open when no bit is set. */
#define IRQ_MASK_UNBOUND	0x1	/* nobody wants it */
#define IRQ_MASK_IN_FLIGHT	0x2	/* level: a guest has not finished with it */
#define IRQ_MASK_STORM		0x4	/* too many: a pause */

enum irq_type { IRQ_GSI, IRQ_MSI, IRQ_MSIX };

struct irq_guest {
	struct domain *d;
	u32 pirq;
	bool in_flight;
};

struct irq_desc {
	spinlock_t lock;
	u8 type;			/* enum irq_type */
	u8 vector;			/* 0: none yet */
	u8 masked;			/* IRQ_MASK_* */
	bool shareable;
	bool level, active_low, set_up;	/* IRQ_GSI; set_up: dom0 or ACPI said how it is wired */
	u32 gsi;
	u32 cpu;			/* where it is sent */
	void (*handler)(void *);	/* our own use; then no guest has it */
	void *data;
	struct irq_guest guest[IRQ_MAX_GUESTS];
	unsigned int nr_guests, nr_in_flight;
	/* MSI, MSI-X */
	struct pci_addr pci;
	u8 cap;				/* offset of the capability */
	u16 entry;			/* table index; index in the block for plain MSI */
	u16 block;			/* plain MSI: vectors in the block */
	bool maskable, wide;		/* plain MSI: has mask bits; has a 64-bit address */
	volatile u32 *table;		/* MSI-X: this entry */
	/* storms */
	s_time_t window_start;
	u32 window_count;
	struct timer storm_timer;
	u64 count;
};

/* irq.c */
struct irq_desc *irq_gsi_desc(u32 gsi);		/* NULL: no I/O APIC has it */
int irq_request_gsi(u32 gsi, void (*fn)(void *), void *data);	/* for ourselves: edge or level as set up */
struct irq_desc *irq_desc_alloc(void);		/* for MSI */
void irq_desc_free(struct irq_desc *desc);	/* masked, without guests and without a vector */
int irq_vectors_alloc(struct irq_desc **desc, unsigned int n);	/* n a power of two: an aligned run of vectors */
void irq_vector_free(struct irq_desc *desc);
struct irq_desc *irq_by_vector(u8 vector);	/* NULL: free */
void irq_mask(struct irq_desc *desc, u8 why);	/* desc->lock held */
void irq_unmask(struct irq_desc *desc, u8 why);
void irq_show(u8 vector);	/* one line in the log, if it is in use */
u32 irq_destination(const struct irq_desc *desc);	/* APIC id that it is sent to */

/* ioapic.c; desc->lock held, desc->type == IRQ_GSI */
bool gsi_exists(u32 gsi);
u32 isa_irq_to_gsi(u8 irq);
void gsi_defaults(u32 gsi, bool *level, bool *active_low);	/* by the MADT's overrides and the ISA rule */
void ioapic_route(struct irq_desc *desc);	/* writes vector, trigger, polarity; stays masked */
void ioapic_send_to(const struct irq_desc *desc);	/* writes the destination */
void ioapic_set_mask(struct irq_desc *desc, bool masked);
bool ioapic_is_at(mfn_t m);
int ioapic_read_reg(paddr_t base, u32 reg, u32 *val);	/* -ENODEV: none there */

/* apic.c */
u32 apic_id_of(u32 cpu);
void apic_send_nmi(u32 cpu);
void apic_send_startup(u32 apic_id, u32 mode);
void apic_error_interrupt(void);

/* msi.c */
void msi_write(struct irq_desc *desc);		/* address and data into the device */
void msi_set_mask(struct irq_desc *desc, bool masked);
/*
 * n descriptors with vectors; table 0: plain MSI (n a power of two up to 32), else that entry of the MSI-X table there.
 */
int msi_setup(struct pci_addr a, paddr_t table, u32 entry, unsigned int n, struct irq_desc **desc);
void msi_teardown(struct irq_desc *desc);
int msi_restore(struct pci_addr a);		/* write again what the device had: after a reset */

/* pci.c */
u32 pci_read(struct pci_addr a, unsigned int reg, unsigned int size);
void pci_write(struct pci_addr a, unsigned int reg, unsigned int size, u32 val);
unsigned int pci_find_capability(struct pci_addr a, u8 id);

#endif
