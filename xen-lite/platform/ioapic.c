/* SPDX-License-Identifier: MIT */
/*
 * The I/O APICs: which GSIs there are, how the ISA interrupts reach them, and one redirection entry per GSI.
 * Registers are an index and a window, under ioapic_lock (innermost). The low half of each entry is kept in memory,
 * so that masking costs two writes and no read.
 *
 * Level-triggered lines are masked while a guest deals with them (irq.c), so a local APIC's end of interrupt is all
 * the acknowledgement that an entry needs.
 */
#include <xl/lib.h>
#include <xl/irq.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/spinlock.h>

#define IOREGSEL	0x00
#define IOWIN		0x10
#define REG_VERSION	0x01
#define REG_ENTRY(n)	(0x10 + 2 * (n))

#define RTE_ACTIVE_LOW	(1U << 13)
#define RTE_LEVEL	(1U << 15)
#define RTE_MASKED	(1U << 16)

#define DEFAULT_PA	0xfec00000UL
#define MAX_ENTRIES	240

static struct ioapic {
	volatile u8 *va;
	paddr_t pa;
	u32 gsi_base;
	unsigned int entries;
} ioapics[ARRAY_SIZE(acpi.ioapic)];
static unsigned int nr_ioapics;
static unsigned int gsi_limit;		/* one past the highest GSI */
static u32 rte_low[MAX_GSIS];
static DEFINE_SPINLOCK(ioapic_lock);

static u32 reg_read(const struct ioapic *io, u32 reg)
{
	u32 val;

	spin_lock(&ioapic_lock);
	*(volatile u32 *)(io->va + IOREGSEL) = reg;
	val = *(volatile u32 *)(io->va + IOWIN);
	spin_unlock(&ioapic_lock);
	return val;
}

static void reg_write(const struct ioapic *io, u32 reg, u32 val)
{
	spin_lock(&ioapic_lock);
	*(volatile u32 *)(io->va + IOREGSEL) = reg;
	*(volatile u32 *)(io->va + IOWIN) = val;
	spin_unlock(&ioapic_lock);
}

static const struct ioapic *ioapic_of(u32 gsi)
{
	for (unsigned int i = 0; i < nr_ioapics; i++)
		if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].entries)
			return &ioapics[i];
	return NULL;
}

bool gsi_exists(u32 gsi)
{
	return ioapic_of(gsi);
}

static void ioapic_add(paddr_t pa, u32 gsi_base)
{
	struct ioapic *io = &ioapics[nr_ioapics];
	unsigned int n;

	io->va = hv_map_mmio(pa, 32);
	if (!io->va)
		boot_fail("no room to map the I/O APIC at %#lx", pa);
	io->pa = pa;
	io->gsi_base = gsi_base;
	n = (reg_read(io, REG_VERSION) >> 16 & 0xff) + 1;
	if (n > MAX_ENTRIES || gsi_base >= MAX_GSIS) {
		printk(XL_WARN "I/O APIC at %#lx, GSIs from %u: not used\n", pa, gsi_base);
		return;
	}
	io->entries = min(n, MAX_GSIS - gsi_base);
	for (unsigned int i = 0; i < io->entries; i++) {
		rte_low[gsi_base + i] = RTE_MASKED;
		reg_write(io, REG_ENTRY(i), RTE_MASKED);
		reg_write(io, REG_ENTRY(i) + 1, 0);
	}
	gsi_limit = max(gsi_limit, gsi_base + io->entries);
	nr_ioapics++;
	printk(XL_DEBUG "I/O APIC at %#lx: GSI %u to %u\n", pa, gsi_base, gsi_base + io->entries - 1);
}

void ioapic_init(void)
{
	for (unsigned int i = 0; i < acpi.nr_ioapics; i++)
		ioapic_add(acpi.ioapic[i].addr, acpi.ioapic[i].gsi_base);
	if (!acpi.nr_ioapics) {
		printk(XL_WARN "no I/O APIC in the ACPI tables, using the one at %#lx\n", DEFAULT_PA);
		ioapic_add(DEFAULT_PA, 0);
	}
}

/* One past the highest GSI; there may be gaps. */
unsigned int nr_gsis(void)
{
	return gsi_limit;
}

u32 isa_irq_to_gsi(u8 irq)
{
	for (unsigned int i = 0; i < acpi.nr_overrides; i++)
		if (acpi.override[i].source == irq)
			return acpi.override[i].gsi;
	return irq;
}

/* ISA lines are edge, active high; PCI's are level, active low; an override of the MADT says otherwise. */
void gsi_defaults(u32 gsi, bool *level, bool *active_low)
{
	*level = *active_low = gsi >= 16;
	if (acpi.present && gsi == acpi.sci_irq)
		*level = *active_low = true;
	for (unsigned int i = 0; i < acpi.nr_overrides; i++) {
		u16 flags = acpi.override[i].flags;

		if (acpi.override[i].gsi != gsi)
			continue;
		if (flags & 3)
			*active_low = (flags & 3) == 3;
		if (flags >> 2 & 3)
			*level = (flags >> 2 & 3) == 3;
	}
}

void ioapic_route(struct irq_desc *desc)
{
	const struct ioapic *io = ioapic_of(desc->gsi);
	unsigned int n = desc->gsi - io->gsi_base;
	u32 low = RTE_MASKED | desc->vector;

	if (desc->level)
		low |= RTE_LEVEL;
	if (desc->active_low)
		low |= RTE_ACTIVE_LOW;
	rte_low[desc->gsi] = low;
	reg_write(io, REG_ENTRY(n), low);
	ioapic_send_to(desc);
}

/*
 * One write to the half of the entry that has nothing else: an interrupt meanwhile goes to the old or to the new CPU.
 */
void ioapic_send_to(const struct irq_desc *desc)
{
	const struct ioapic *io = ioapic_of(desc->gsi);

	reg_write(io, REG_ENTRY(desc->gsi - io->gsi_base) + 1, irq_destination(desc) << 24);
}

void ioapic_set_mask(struct irq_desc *desc, bool masked)
{
	const struct ioapic *io = ioapic_of(desc->gsi);
	u32 low = rte_low[desc->gsi] & ~RTE_MASKED;

	if (masked)
		low |= RTE_MASKED;
	rte_low[desc->gsi] = low;
	reg_write(io, REG_ENTRY(desc->gsi - io->gsi_base), low);
}

bool ioapic_is_at(mfn_t m)
{
	for (unsigned int i = 0; i < nr_ioapics; i++)
		if (mfn_eq(m, pa_to_mfn(ioapics[i].pa)))
			return true;
	return false;
}

int ioapic_read_reg(paddr_t base, u32 reg, u32 *val)
{
	for (unsigned int i = 0; i < nr_ioapics; i++) {
		if (ioapics[i].pa != base)
			continue;
		if (reg >= REG_ENTRY(ioapics[i].entries))
			return -XEN_EINVAL;
		*val = reg_read(&ioapics[i], reg);
		return 0;
	}
	return -XEN_ENODEV;
}
