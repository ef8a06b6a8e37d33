/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space. Ports 0xcf8/0xcfc are an index and a window, so every user goes through pci_lock: dom0's
 * trapped accesses, and our own for MSI set-up. Segments other than 0, and registers from 256 on, need the
 * memory-mapped space of the MCFG table. The lock is innermost.
 */
#include <xl/lib.h>
#include <xl/asm.h>
#include <xl/domain.h>
#include <xl/irq.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/spinlock.h>

#define PCI_INDEX	0xcf8
#define PCI_WINDOW	0xcfc

static DEFINE_SPINLOCK(pci_lock);

u32 pci_conf_read(u32 cf8, unsigned int off, unsigned int size)
{
	u32 val = ~0U;

	spin_lock(&pci_lock);
	outl(PCI_INDEX, cf8);
	switch (size) {
	case 1: val = inb(PCI_WINDOW + off); break;
	case 2: val = inw(PCI_WINDOW + off); break;
	case 4: val = inl(PCI_WINDOW + off); break;
	}
	spin_unlock(&pci_lock);
	return val;
}

void pci_conf_write(u32 cf8, unsigned int off, unsigned int size, u32 val)
{
	spin_lock(&pci_lock);
	outl(PCI_INDEX, cf8);
	switch (size) {
	case 1: outb(PCI_WINDOW + off, val); break;
	case 2: outw(PCI_WINDOW + off, val); break;
	case 4: outl(PCI_WINDOW + off, val); break;
	}
	spin_unlock(&pci_lock);
}

/* Only the domain that owns the machine reaches configuration space; an access must lie inside the window. */
bool pci_cfg_ok(struct domain *d, u16 port, unsigned int size, u32 cf8)
{
	if (!d->privileged)
		return false;
	if (port == PCI_INDEX)
		return size == 4;
	return (cf8 & 0x80000000U) && port >= PCI_WINDOW && port + size <= PCI_WINDOW + 4;
}

/* The 4 KiB of one function in memory-mapped space, or NULL. Each mapping lasts; only segments other than 0 get one. */
static volatile u8 *mmcfg_function(struct pci_addr a)
{
	static struct { u32 key; volatile u8 *va; } cache[32];
	static unsigned int nr;
	u32 key = (u32)a.seg << 16 | a.bus << 8 | a.devfn;
	volatile u8 *va = NULL;

	spin_lock(&pci_lock);
	for (unsigned int i = 0; i < nr; i++)
		if (cache[i].key == key)
			va = cache[i].va;
	for (unsigned int i = 0; !va && i < acpi.nr_mmcfg && nr < ARRAY_SIZE(cache); i++) {
		if (acpi.mmcfg[i].segment != a.seg || a.bus < acpi.mmcfg[i].bus_start || a.bus > acpi.mmcfg[i].bus_end)
			continue;
		va = hv_map_mmio(acpi.mmcfg[i].base + ((paddr_t)a.bus << 20 | (paddr_t)a.devfn << 12), PAGE_SIZE);
		if (va) {
			cache[nr].key = key;
			cache[nr++].va = va;
		}
	}
	spin_unlock(&pci_lock);
	return va;
}

static u32 pci_cf8(struct pci_addr a, unsigned int reg)
{
	return 0x80000000U | a.bus << 16 | a.devfn << 8 | (reg & 0xfc);
}

/* reg < 256. All ones where there is nothing. */
u32 pci_read(struct pci_addr a, unsigned int reg, unsigned int size)
{
	volatile u8 *va;

	if (!a.seg)
		return pci_conf_read(pci_cf8(a, reg), reg & 3, size);
	va = mmcfg_function(a);
	if (!va)
		return ~0U;
	return size == 4 ? *(volatile u32 *)(va + reg) : size == 2 ? *(volatile u16 *)(va + reg) : va[reg];
}

void pci_write(struct pci_addr a, unsigned int reg, unsigned int size, u32 val)
{
	volatile u8 *va;

	if (!a.seg) {
		pci_conf_write(pci_cf8(a, reg), reg & 3, size, val);
		return;
	}
	va = mmcfg_function(a);
	if (!va)
		return;
	if (size == 4)
		*(volatile u32 *)(va + reg) = val;
	else if (size == 2)
		*(volatile u16 *)(va + reg) = val;
	else
		va[reg] = val;
}

/* Offset of a capability in the standard list, 0: none. The walk is bounded: a list may be broken or a ring. */
unsigned int pci_find_capability(struct pci_addr a, u8 id)
{
	unsigned int pos;

	if (!(pci_read(a, 0x06, 2) & 0x10))		/* status: has a list */
		return 0;
	pos = pci_read(a, 0x34, 1) & 0xfc;
	for (unsigned int i = 0; i < 48 && pos >= 0x40; i++) {
		u32 w = pci_read(a, pos, 2);

		if ((w & 0xff) == id)
			return pos;
		pos = w >> 8 & 0xfc;
	}
	return 0;
}
