/* SPDX-License-Identifier: MIT */
/*
 * Message-signalled interrupts: dom0 asks for a PIRQ, we choose the vector and write address and data into the device.
 * dom0 itself only switches MSI or MSI-X on and off in configuration space. A message is masked from set-up until an
 * event channel is bound, where the device can (MSI-X always, plain MSI if it says so).
 *
 * A device's descriptors are found by their vectors, so nothing else is kept. Set-up and teardown run under the
 * event_lock of the domain that maps (physdev.c) and msi_lock; the latter also guards the list of mapped table pages.
 */
#include <xl/lib.h>
#include <xl/irq.h>
#include <xl/mm.h>
#include <xl/platform.h>

#define CAP_MSI		0x05
#define CAP_MSIX	0x11

#define MSI_CTRL	2
#define MSI_ADDR	4
#define MSI_ADDR_HIGH	8
#define MSI_DATA(wide)	((wide) ? 12 : 8)
#define MSI_MASK(wide)	((wide) ? 16 : 12)
#define MSI_CTRL_WIDE	0x80
#define MSI_CTRL_MASK	0x100

#define MSIX_CTRL	2
#define MSIX_TABLE	4
#define MSIX_SIZE(ctrl)	(((ctrl) & 0x7ff) + 1)
#define MSIX_ENTRY_SIZE	16

#define PCI_COMMAND	0x04
#define PCI_HEADER_TYPE	0x0e
#define PCI_BAR0	0x10
#define COMMAND_MEMORY	0x02

#define MSI_ADDRESS	0xfee00000U	/* destination in bits 12-19, physical, no redirection */
#define MAX_TABLE_PAGES	256

static DEFINE_SPINLOCK(msi_lock);
static struct { paddr_t pa; void *va; } table_page[MAX_TABLE_PAGES];
static unsigned int nr_table_pages;

static bool same_device(struct pci_addr a, struct pci_addr b)
{
	return a.seg == b.seg && a.bus == b.bus && a.devfn == b.devfn;
}

/* The next message of a device from vector *v on. */
static struct irq_desc *device_next(struct pci_addr a, unsigned int *v)
{
	for (; *v < 256; ++*v) {
		struct irq_desc *desc = irq_by_vector(*v);

		if (desc && desc->type != IRQ_GSI && same_device(desc->pci, a)) {
			++*v;
			return desc;
		}
	}
	return NULL;
}

static bool already_mapped(struct pci_addr a, u8 type, u32 entry)
{
	struct irq_desc *desc;
	unsigned int v = 0;

	while ((desc = device_next(a, &v)) != NULL)
		if (desc->type != type || type == IRQ_MSI || desc->entry == entry)
			return true;
	return false;
}

/* --- the registers --- */

static void msix_write(struct irq_desc *desc)
{
	desc->table[3] = 1;
	desc->table[0] = MSI_ADDRESS | irq_destination(desc) << 12;
	desc->table[1] = 0;
	desc->table[2] = desc->vector;
	desc->table[3] = desc->masked != 0;
}

/* Plain MSI: one address and the first vector for the whole block; the device adds the index. */
void msi_write(struct irq_desc *desc)
{
	u32 ctrl;

	if (desc->type == IRQ_MSIX) {
		msix_write(desc);
		return;
	}
	if (desc->entry)
		return;
	ctrl = pci_read(desc->pci, desc->cap + MSI_CTRL, 2) & ~0x70U;
	ctrl |= __builtin_ctz(desc->block) << 4;
	pci_write(desc->pci, desc->cap + MSI_CTRL, 2, ctrl);
	pci_write(desc->pci, desc->cap + MSI_ADDR, 4, MSI_ADDRESS | irq_destination(desc) << 12);
	if (desc->wide)
		pci_write(desc->pci, desc->cap + MSI_ADDR_HIGH, 4, 0);
	pci_write(desc->pci, desc->cap + MSI_DATA(desc->wide), 2, desc->vector);
}

void msi_set_mask(struct irq_desc *desc, bool masked)
{
	u32 bits;

	if (desc->type == IRQ_MSIX) {
		desc->table[3] = masked;
		return;
	}
	if (!desc->maskable)
		return;
	bits = pci_read(desc->pci, desc->cap + MSI_MASK(desc->wide), 4) & ~(1U << desc->entry);
	pci_write(desc->pci, desc->cap + MSI_MASK(desc->wide), 4, bits | (u32)masked << desc->entry);
}

/* --- set-up --- */

/* Where the device's MSI-X table is, by its BAR; 0: it has no address there. */
static paddr_t msix_table_address(struct pci_addr a, unsigned int cap)
{
	u32 reg = pci_read(a, cap + MSIX_TABLE, 4);
	unsigned int bir = reg & 7, bar = PCI_BAR0 + 4 * bir;
	u32 low, type = pci_read(a, PCI_HEADER_TYPE, 1) & 0x7f;
	paddr_t base;

	if (bir > (type ? 1 : 5))
		return 0;
	low = pci_read(a, bar, 4);
	if (low & 1)			/* ports cannot hold a table */
		return 0;
	base = low & ~0xfU;
	if ((low & 6) == 4)
		base |= (paddr_t)pci_read(a, bar + 4, 4) << 32;
	return base ? base + (reg & ~7U) : 0;
}

/* Table pages stay mapped: a device keeps its address as long as its driver, and drivers come back. */
static void *map_table_page(paddr_t pa)
{
	void *va;

	for (unsigned int i = 0; i < nr_table_pages; i++)
		if (table_page[i].pa == pa)
			return table_page[i].va;
	if (nr_table_pages == MAX_TABLE_PAGES)
		return NULL;
	va = hv_map_mmio(pa, PAGE_SIZE);
	if (va) {
		table_page[nr_table_pages].pa = pa;
		table_page[nr_table_pages++].va = va;
	}
	return va;
}

static int msix_probe(struct irq_desc *desc, paddr_t table, u32 entry)
{
	struct pci_addr a = desc->pci;
	paddr_t real, pa;
	char *page;

	desc->type = IRQ_MSIX;
	desc->cap = pci_find_capability(a, CAP_MSIX);
	if (!desc->cap)
		return refuse(-XEN_ENODEV, "%02x:%02x has no MSI-X", a.bus, a.devfn);
	if (entry >= MSIX_SIZE(pci_read(a, desc->cap + MSIX_CTRL, 2)))
		return refuse(-XEN_EINVAL, "%02x:%02x has no MSI-X entry %u", a.bus, a.devfn, entry);
	if (!(pci_read(a, PCI_COMMAND, 2) & COMMAND_MEMORY))
		return refuse(-XEN_ENXIO, "%02x:%02x: memory access is off", a.bus, a.devfn);
	real = msix_table_address(a, desc->cap);
	if (real && real != table)
		return refuse(-XEN_EINVAL, "%02x:%02x: MSI-X table is at %#lx, not at %#lx", a.bus, a.devfn, real,
			      table);
	pa = table + entry * MSIX_ENTRY_SIZE;
	if (table & 7 || mfn_valid(pa_to_mfn(pa)))
		return refuse(-XEN_EINVAL, "%02x:%02x: %#lx is no MSI-X table", a.bus, a.devfn, table);
	page = map_table_page(pa & PAGE_MASK);
	if (!page)
		return -XEN_ENOMEM;
	desc->entry = entry;
	desc->table = (volatile u32 *)(page + (pa & ~PAGE_MASK));
	return 0;
}

static int msi_probe(struct irq_desc *desc, unsigned int index, unsigned int n)
{
	struct pci_addr a = desc->pci;
	u32 ctrl;

	desc->type = IRQ_MSI;
	desc->cap = pci_find_capability(a, CAP_MSI);
	if (!desc->cap)
		return refuse(-XEN_ENODEV, "%02x:%02x has no MSI", a.bus, a.devfn);
	ctrl = pci_read(a, desc->cap + MSI_CTRL, 2);
	if (n > 1U << (ctrl >> 1 & 7))
		return refuse(-XEN_EINVAL, "%02x:%02x has fewer than %u messages", a.bus, a.devfn, n);
	desc->wide = ctrl & MSI_CTRL_WIDE;
	desc->maskable = ctrl & MSI_CTRL_MASK;
	desc->entry = index;
	desc->block = n;
	return 0;
}

static int setup_locked(struct pci_addr a, paddr_t table, u32 entry, unsigned int n, struct irq_desc **desc)
{
	unsigned int i;
	int rc = 0;

	if (already_mapped(a, table ? IRQ_MSIX : IRQ_MSI, entry))
		return refuse(-XEN_EEXIST, "%02x:%02x entry %u is mapped already", a.bus, a.devfn, entry);
	for (i = 0; i < n && !rc; i++) {
		desc[i] = irq_desc_alloc();
		if (!desc[i]) {
			rc = -XEN_ENOMEM;
			break;
		}
		desc[i]->pci = a;
		rc = table ? msix_probe(desc[i], table, entry) : msi_probe(desc[i], i, n);
	}
	if (!rc)
		rc = irq_vectors_alloc(desc, n);
	if (rc) {
		while (i--)
			irq_desc_free(desc[i]);
		return rc;
	}
	for (i = 0; i < n; i++) {
		msi_write(desc[i]);
		msi_set_mask(desc[i], true);
	}
	return 0;
}

int msi_setup(struct pci_addr a, paddr_t table, u32 entry, unsigned int n, struct irq_desc **desc)
{
	int rc;

	spin_lock(&msi_lock);
	rc = setup_locked(a, table, entry, n, desc);
	spin_unlock(&msi_lock);
	return rc;
}

/* No guest is bound any more. The device's enable bit is dom0's; a masked or absent message does no harm. */
void msi_teardown(struct irq_desc *desc)
{
	spin_lock(&msi_lock);
	spin_lock(&desc->lock);
	irq_mask(desc, IRQ_MASK_UNBOUND);
	spin_unlock(&desc->lock);
	irq_vector_free(desc);
	spin_unlock(&msi_lock);
	irq_desc_free(desc);
}

int msi_restore(struct pci_addr a)
{
	struct irq_desc *desc;
	unsigned int v = 0;

	spin_lock(&msi_lock);
	while ((desc = device_next(a, &v)) != NULL) {
		spin_lock(&desc->lock);
		msi_write(desc);
		msi_set_mask(desc, desc->masked);
		spin_unlock(&desc->lock);
	}
	spin_unlock(&msi_lock);
	return 0;
}
