/* SPDX-License-Identifier: MIT */
/*
 * physdev_op(cmd, arg): interrupts, I/O ports and PCI devices for a guest that owns hardware, in practice dom0. A PIRQ
 * is the number by which a guest names a physical interrupt; a GSI is an input of the I/O APICs; the vector is ours.
 *
 * Fields marked IN are written by the guest, OUT by the hypervisor.
 */
#ifndef XEN_PUBLIC_PHYSDEV_H
#define XEN_PUBLIC_PHYSDEV_H

#include "xen.h"

#define PHYSDEVOP_IRQ_UNMASK_NOTIFY	4	/* very old; an alias of eoi without an argument */
#define PHYSDEVOP_irq_status_query	5
#define PHYSDEVOP_set_iopl		6
#define PHYSDEVOP_set_iobitmap		7
#define PHYSDEVOP_apic_read		8
#define PHYSDEVOP_apic_write		9
#define PHYSDEVOP_alloc_irq_vector	10
#define PHYSDEVOP_free_irq_vector	11
#define PHYSDEVOP_eoi			12
#define PHYSDEVOP_map_pirq		13
#define PHYSDEVOP_unmap_pirq		14
#define PHYSDEVOP_manage_pci_add	15
#define PHYSDEVOP_manage_pci_remove	16
#define PHYSDEVOP_pirq_eoi_gmfn_v1	17
#define PHYSDEVOP_restore_msi		19
#define PHYSDEVOP_manage_pci_add_ext	20
#define PHYSDEVOP_setup_gsi		21
#define PHYSDEVOP_get_free_pirq		23
#define PHYSDEVOP_pci_mmcfg_reserved	24
#define PHYSDEVOP_pci_device_add	25
#define PHYSDEVOP_pci_device_remove	26
#define PHYSDEVOP_restore_msi_ext	27
#define PHYSDEVOP_pirq_eoi_gmfn_v2	28
#define PHYSDEVOP_dbgp_op		29
#define PHYSDEVOP_prepare_msix		30
#define PHYSDEVOP_release_msix		31
#define PHYSDEVOP_pirq_eoi_gmfn		PHYSDEVOP_pirq_eoi_gmfn_v2

/* physdev_irq_status_query.flags */
#define _XENIRQSTAT_needs_eoi		(0)
#define XENIRQSTAT_needs_eoi		(1U << _XENIRQSTAT_needs_eoi)	/* call PHYSDEVOP_eoi after each interrupt */
#define _XENIRQSTAT_shared		(1)
#define XENIRQSTAT_shared		(1U << _XENIRQSTAT_shared)	/* another guest uses the line too */

/* physdev_map_pirq.type */
#define MAP_PIRQ_TYPE_MSI		0x0	/* segment 0 */
#define MAP_PIRQ_TYPE_GSI		0x1
#define MAP_PIRQ_TYPE_UNKNOWN		0x2
#define MAP_PIRQ_TYPE_MSI_SEG		0x3	/* bus[31:16] is the segment */
#define MAP_PIRQ_TYPE_MULTI_MSI		0x4	/* entry_nr vectors in a row */

/* physdev_pci_mmcfg_reserved.flags: ACPI says that the range is reserved, so it may be used. */
#define XEN_PCI_MMCFG_RESERVED		0x1

/* physdev_pci_device_add.flags */
#define XEN_PCI_DEV_EXTFN		0x1
#define XEN_PCI_DEV_VIRTFN		0x2	/* a virtual function; physfn is valid */
#define XEN_PCI_DEV_PXM			0x4	/* optarr[0] is the proximity domain */

/* physdev_dbgp_op.op and .bus */
#define PHYSDEVOP_DBGP_RESET_PREPARE	1
#define PHYSDEVOP_DBGP_RESET_DONE	2
#define PHYSDEVOP_DBGP_BUS_UNKNOWN	0
#define PHYSDEVOP_DBGP_BUS_PCI		1

#ifndef __ASSEMBLY__

/* The guest has dealt with a level-triggered interrupt. */
struct physdev_eoi {
	uint32_t irq;			/* IN: PIRQ */
};
typedef struct physdev_eoi physdev_eoi_t;
DEFINE_XEN_GUEST_HANDLE(physdev_eoi_t);

/* A page of the guest in which the hypervisor keeps "needs EOI" bits, one per PIRQ. v1 also makes unmask do the EOI. */
struct physdev_pirq_eoi_gmfn {
	xen_pfn_t gmfn;			/* IN */
};
typedef struct physdev_pirq_eoi_gmfn physdev_pirq_eoi_gmfn_t;
DEFINE_XEN_GUEST_HANDLE(physdev_pirq_eoi_gmfn_t);

struct physdev_irq_status_query {
	uint32_t irq;			/* IN: PIRQ */
	uint32_t flags;			/* OUT: XENIRQSTAT_* */
};
typedef struct physdev_irq_status_query physdev_irq_status_query_t;
DEFINE_XEN_GUEST_HANDLE(physdev_irq_status_query_t);

/* Virtual I/O privilege level of the calling vCPU; -EINVAL above 3. */
struct physdev_set_iopl {
	uint32_t iopl;			/* IN */
};
typedef struct physdev_set_iopl physdev_set_iopl_t;
DEFINE_XEN_GUEST_HANDLE(physdev_set_iopl_t);

/* Ports that user mode may touch: bit clear, access allowed. Ports the domain itself may not use stay forbidden. */
struct physdev_set_iobitmap {
	XEN_GUEST_HANDLE(uint8) bitmap;	/* IN */
	uint32_t nr_ports;		/* IN: at most 65536 */
};
typedef struct physdev_set_iobitmap physdev_set_iobitmap_t;
DEFINE_XEN_GUEST_HANDLE(physdev_set_iobitmap_t);

/* A register of an I/O APIC. */
struct physdev_apic {
	unsigned long apic_physbase;	/* IN: which one */
	uint32_t reg;			/* IN */
	uint32_t value;			/* IN for write, OUT for read */
};
typedef struct physdev_apic physdev_apic_t;
DEFINE_XEN_GUEST_HANDLE(physdev_apic_t);

struct physdev_irq {
	uint32_t irq;			/* IN: GSI */
	uint32_t vector;		/* OUT: for the I/O APIC entry that the guest writes */
};
typedef struct physdev_irq physdev_irq_t;
DEFINE_XEN_GUEST_HANDLE(physdev_irq_t);

/* Give a domain a PIRQ for a GSI or for an MSI of a PCI device. The hypervisor programs the device's MSI registers. */
struct physdev_map_pirq {
	domid_t domid;			/* IN */
	int type;			/* IN: MAP_PIRQ_TYPE_* */
	int index;			/* IN: GSI; or -1 */
	int pirq;			/* IN: the number wanted or -1; OUT: the number given */
	int bus;			/* IN, MSI */
	int devfn;			/* IN, MSI: device << 3 | function */
	int entry_nr;			/* IN, MSI-X: table entry; MULTI_MSI: IN wanted, OUT possible */
	uint64_t table_base;		/* IN, MSI-X: physical address of the table; 0: plain MSI */
};
typedef struct physdev_map_pirq physdev_map_pirq_t;
DEFINE_XEN_GUEST_HANDLE(physdev_map_pirq_t);

struct physdev_unmap_pirq {
	domid_t domid;			/* IN */
	int pirq;			/* IN */
};
typedef struct physdev_unmap_pirq physdev_unmap_pirq_t;
DEFINE_XEN_GUEST_HANDLE(physdev_unmap_pirq_t);

/* Old form of pci_device_add and remove: segment 0 only. */
struct physdev_manage_pci {
	uint8_t bus;			/* IN */
	uint8_t devfn;			/* IN */
};
typedef struct physdev_manage_pci physdev_manage_pci_t;
DEFINE_XEN_GUEST_HANDLE(physdev_manage_pci_t);

/* Write a device's MSI registers again, after a reset. */
struct physdev_restore_msi {
	uint8_t bus;			/* IN */
	uint8_t devfn;			/* IN */
};
typedef struct physdev_restore_msi physdev_restore_msi_t;
DEFINE_XEN_GUEST_HANDLE(physdev_restore_msi_t);

struct physdev_manage_pci_ext {
	uint8_t bus;			/* IN */
	uint8_t devfn;			/* IN */
	uint32_t is_extfn;		/* IN */
	uint32_t is_virtfn;		/* IN */
	struct {
		uint8_t bus;
		uint8_t devfn;
	} physfn;			/* IN */
};
typedef struct physdev_manage_pci_ext physdev_manage_pci_ext_t;
DEFINE_XEN_GUEST_HANDLE(physdev_manage_pci_ext_t);

/* Argument of __HYPERVISOR_physdev_op_compat. */
struct physdev_op {
	uint32_t cmd;
	union {
		physdev_irq_status_query_t irq_status_query;
		physdev_set_iopl_t set_iopl;
		physdev_set_iobitmap_t set_iobitmap;
		physdev_apic_t apic_op;
		physdev_irq_t irq_op;
	} u;
};
typedef struct physdev_op physdev_op_t;
DEFINE_XEN_GUEST_HANDLE(physdev_op_t);

/* How ACPI says that a GSI is wired. -EEXIST if it is set up already. */
struct physdev_setup_gsi {
	int gsi;			/* IN */
	uint8_t triggering;		/* IN: 0 edge, 1 level */
	uint8_t polarity;		/* IN: 0 active high, 1 active low */
};
typedef struct physdev_setup_gsi physdev_setup_gsi_t;
DEFINE_XEN_GUEST_HANDLE(physdev_setup_gsi_t);

struct physdev_get_free_pirq {
	int type;			/* IN: MAP_PIRQ_TYPE_* */
	uint32_t pirq;			/* OUT */
};
typedef struct physdev_get_free_pirq physdev_get_free_pirq_t;
DEFINE_XEN_GUEST_HANDLE(physdev_get_free_pirq_t);

/* A range of memory-mapped PCI configuration space. */
struct physdev_pci_mmcfg_reserved {
	uint64_t address;		/* IN: physical, of bus 0 */
	uint16_t segment;		/* IN */
	uint8_t start_bus;		/* IN */
	uint8_t end_bus;		/* IN */
	uint32_t flags;			/* IN: XEN_PCI_MMCFG_RESERVED */
};
typedef struct physdev_pci_mmcfg_reserved physdev_pci_mmcfg_reserved_t;
DEFINE_XEN_GUEST_HANDLE(physdev_pci_mmcfg_reserved_t);

/* dom0 has found a device. */
struct physdev_pci_device_add {
	uint16_t seg;			/* IN */
	uint8_t bus;			/* IN */
	uint8_t devfn;			/* IN */
	uint32_t flags;			/* IN: XEN_PCI_DEV_* */
	struct {
		uint8_t bus;
		uint8_t devfn;
	} physfn;			/* IN, with VIRTFN */
	uint32_t optarr[XEN_FLEX_ARRAY_DIM];	/* IN, with PXM */
};
typedef struct physdev_pci_device_add physdev_pci_device_add_t;
DEFINE_XEN_GUEST_HANDLE(physdev_pci_device_add_t);

/* Argument of pci_device_remove, restore_msi_ext, prepare_msix and release_msix. */
struct physdev_pci_device {
	uint16_t seg;			/* IN */
	uint8_t bus;			/* IN */
	uint8_t devfn;			/* IN */
};
typedef struct physdev_pci_device physdev_pci_device_t;
DEFINE_XEN_GUEST_HANDLE(physdev_pci_device_t);

/* dom0 resets a USB controller that may have our debug port. */
struct physdev_dbgp_op {
	uint8_t op;			/* IN: PHYSDEVOP_DBGP_RESET_* */
	uint8_t bus;			/* IN: PHYSDEVOP_DBGP_BUS_* */
	union {
		physdev_pci_device_t pci;
	} u;				/* IN */
};
typedef struct physdev_dbgp_op physdev_dbgp_op_t;
DEFINE_XEN_GUEST_HANDLE(physdev_dbgp_op_t);

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_PHYSDEV_H */
