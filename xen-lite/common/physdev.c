/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: what the domain that drives the hardware, dom0, needs of us: PIRQ numbers for GSIs and MSIs, end of
 * interrupt, how lines are wired, I/O privilege. Virtual IOPL and the user I/O bitmap are the caller's own affair
 * and open to every domain.
 *
 * The domain's event_lock guards d->pirq[]. PIRQ n is GSI n for as many GSIs as there are; MSIs get numbers from the
 * top down. A PIRQ with an event channel bound to it cannot be unmapped.
 *
 * Not here: handing a PIRQ to another domain (PCI passthrough), and the EOI page of version 1, which no kernel of the
 * last ten years asks for once version 2 is accepted.
 */
#include <xl/lib.h>
#include <xl/domain.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/irq.h>
#include <xl/mm.h>
#include <xl/percpu.h>
#include <xl/platform.h>
#include <public/physdev.h>

#define MAX_MULTI_MSI	32

/* --- ports ---------------------------------------------------------------------------------------------- */

static void ports_deny(struct domain *d, unsigned int first, unsigned int last)
{
	for (unsigned int p = first; p <= last; p++)
		__clear_bit(p, d->io_ports);
}

/* dom0 drives everything but what we drive: interrupt controllers, timer, our serial line, reset, configuration. */
void physdev_init_dom0(struct domain *d)
{
	memset(d->io_ports, 0xff, 65536 / 8);
	ports_deny(d, 0x20, 0x21);
	ports_deny(d, 0xa0, 0xa1);
	ports_deny(d, 0x4d0, 0x4d1);
	ports_deny(d, 0x40, 0x43);
	ports_deny(d, 0x61, 0x61);
	ports_deny(d, 0xcf8, 0xcff);
	for (unsigned int p = 0; p < 65536; p++)
		if (serial_owns_port(p))
			__clear_bit(p, d->io_ports);
}

static long set_iopl(const struct physdev_set_iopl *op)
{
	if (op->iopl > 3)
		return -XEN_EINVAL;
	current->pv.iopl = op->iopl;
	return 0;
}

static long set_iobitmap(const struct physdev_set_iobitmap *op)
{
	struct vcpu *v = current;

	if (op->nr_ports > 65536)
		return -XEN_EINVAL;
	if (!guest_range_ok(op->bitmap.p, DIV_ROUND_UP(op->nr_ports, 8), 1))
		return -XEN_EFAULT;
	v->pv.iobmp = op->bitmap.p;
	v->pv.iobmp_ports = op->nr_ports;
	return 0;
}

/* --- PIRQ numbers; d->event_lock is held ----------------------------------------------------------------- */

static struct pirq *pirq_new(struct domain *d, u32 nr, struct irq_desc *desc)
{
	struct pirq *p = hv_alloc(sizeof(*p));

	if (p) {
		p->nr = nr;
		p->desc = desc;
		d->pirq[nr] = p;
	}
	return p;
}

static void pirq_free(struct domain *d, u32 nr)
{
	hv_free(d->pirq[nr]);
	d->pirq[nr] = NULL;
}

/* The first of n free numbers in a row, as high as possible and above the GSIs; -ENOSPC. */
static int pirq_find_free(const struct domain *d, unsigned int n)
{
	unsigned int run = 0;

	for (unsigned int nr = d->nr_pirqs; nr-- > nr_gsis();) {
		run = d->pirq[nr] ? 0 : run + 1;
		if (run == n)
			return nr;
	}
	return -XEN_ENOSPC;
}

static bool desc_in_use(const struct domain *d, const struct irq_desc *desc)
{
	for (unsigned int nr = 0; nr < d->nr_pirqs; nr++)
		if (d->pirq[nr] && d->pirq[nr]->desc == desc)
			return true;
	return false;
}

static long map_gsi(struct domain *d, struct physdev_map_pirq *op)
{
	struct irq_desc *desc = op->index >= 0 ? irq_gsi_desc(op->index) : NULL;
	u32 nr = op->pirq < 0 ? op->index : op->pirq;
	struct pirq *p;

	if (!desc)
		return refuse(-XEN_EINVAL, "there is no GSI %d", op->index);
	if (nr >= d->nr_pirqs)
		return refuse(-XEN_EINVAL, "PIRQ %u: there are %u", nr, d->nr_pirqs);
	p = d->pirq[nr];
	op->pirq = nr;
	if (p && p->desc == desc)
		return 0;
	if ((p && p->desc) || desc_in_use(d, desc))
		return refuse(-XEN_EEXIST, "PIRQ %u or GSI %d is mapped otherwise", nr, op->index);
	if (p)
		p->desc = desc;		/* the number was taken by get_free_pirq */
	else if (!pirq_new(d, nr, desc))
		return -XEN_ENOMEM;
	return 0;
}

/* Undoes msi_setup() for n descriptors whose PIRQs, from nr on, exist as far as the first `made`. */
static void msi_unwind(struct domain *d, struct irq_desc **desc, unsigned int n, u32 nr, unsigned int made)
{
	for (unsigned int i = 0; i < n; i++) {
		if (i < made)
			pirq_free(d, nr + i);
		msi_teardown(desc[i]);
	}
}

static long map_msi(struct domain *d, struct physdev_map_pirq *op, unsigned int n)
{
	u16 seg = op->type == MAP_PIRQ_TYPE_MSI ? 0 : op->bus >> 16;
	struct pci_addr a = { .seg = seg, .bus = op->bus, .devfn = op->devfn };
	struct irq_desc *desc[MAX_MULTI_MSI];
	unsigned int i;
	int nr, rc;

	if (op->pirq < 0)
		nr = pirq_find_free(d, n);
	else if (n == 1 && (u32)op->pirq < d->nr_pirqs && (!d->pirq[op->pirq] || !d->pirq[op->pirq]->desc))
		nr = op->pirq;
	else
		nr = refuse(-XEN_EINVAL, "PIRQ %d cannot be had for an MSI", op->pirq);
	if (nr < 0)
		return nr;
	rc = msi_setup(a, n > 1 || op->type == MAP_PIRQ_TYPE_MULTI_MSI ? 0 : op->table_base, op->entry_nr, n, desc);
	if (rc)
		return rc;
	for (i = 0; i < n; i++) {
		if (d->pirq[nr + i])
			d->pirq[nr + i]->desc = desc[i];
		else if (!pirq_new(d, nr + i, desc[i])) {
			msi_unwind(d, desc, n, nr, i);
			return -XEN_ENOMEM;
		}
	}
	op->pirq = nr;
	return 0;
}

static long map_multi_msi(struct domain *d, struct physdev_map_pirq *op)
{
	unsigned int n = op->entry_nr;

	if (!n || n > MAX_MULTI_MSI || (n & (n - 1)))
		return refuse(-XEN_EINVAL, "%d messages: a power of two up to %d is possible", op->entry_nr,
			      MAX_MULTI_MSI);
	return map_msi(d, op, n);
}

static long map_pirq(struct domain *d, struct physdev_map_pirq *op)
{
	long rc;

	if (op->domid != DOMID_SELF && op->domid != d->id)
		return refuse(-XEN_EOPNOTSUPP, "for domain %u: only for the caller", op->domid);
	spin_lock(&d->event_lock);
	switch (op->type) {
	case MAP_PIRQ_TYPE_GSI:
		rc = map_gsi(d, op);
		break;
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
		rc = map_msi(d, op, 1);
		break;
	case MAP_PIRQ_TYPE_MULTI_MSI:
		rc = map_multi_msi(d, op);
		break;
	default:
		rc = refuse(-XEN_EINVAL, "type %d", op->type);
	}
	spin_unlock(&d->event_lock);
	return rc;
}

/* Gives back one number and what is behind it; of a block of plain MSIs the first number stands for all. */
static long unmap_one(struct domain *d, u32 nr)
{
	struct irq_desc *desc;
	unsigned int n;

	if (nr >= d->nr_pirqs || !d->pirq[nr])
		return refuse(-XEN_EINVAL, "PIRQ %u is not mapped", nr);
	desc = d->pirq[nr]->desc;
	n = desc && desc->type == IRQ_MSI && !desc->entry ? desc->block : 1;
	for (unsigned int i = 0; i < n; i++)
		if (d->pirq[nr + i] && d->pirq[nr + i]->port)
			return refuse(-XEN_EBUSY, "PIRQ %u is bound to port %u", nr + i, d->pirq[nr + i]->port);
	for (unsigned int i = 0; i < n; i++) {
		if (!d->pirq[nr + i])
			continue;
		desc = d->pirq[nr + i]->desc;
		pirq_free(d, nr + i);
		if (desc && desc->type != IRQ_GSI)
			msi_teardown(desc);
	}
	return 0;
}

static long unmap_pirq(struct domain *d, const struct physdev_unmap_pirq *op)
{
	long rc;

	if (op->domid != DOMID_SELF && op->domid != d->id)
		return refuse(-XEN_EOPNOTSUPP, "for domain %u: only for the caller", op->domid);
	spin_lock(&d->event_lock);
	rc = op->pirq < 0 ? -XEN_EINVAL : unmap_one(d, op->pirq);
	spin_unlock(&d->event_lock);
	return rc;
}

static long get_free_pirq(struct domain *d, struct physdev_get_free_pirq *op)
{
	int nr;

	spin_lock(&d->event_lock);
	nr = pirq_find_free(d, 1);
	if (nr >= 0 && !pirq_new(d, nr, NULL))
		nr = -XEN_ENOMEM;
	spin_unlock(&d->event_lock);
	if (nr < 0)
		return nr;
	op->pirq = nr;
	return 0;
}

void irq_relinquish_domain(struct domain *d)
{
	spin_lock(&d->event_lock);
	for (u32 nr = 0; nr < d->nr_pirqs; nr++)
		if (d->pirq[nr])
			unmap_one(d, nr);
	if (d->pirq_eoi_map) {
		d->pirq_eoi_map = NULL;
		page_put_with_type(mfn_to_page(d->pirq_eoi_mfn));
		d->pirq_eoi_mfn = INVALID_MFN;
	}
	spin_unlock(&d->event_lock);
}

/* --- end of interrupt ------------------------------------------------------------------------------------ */

static bool pirq_is_level(const struct domain *d, u32 nr)
{
	return nr < d->nr_pirqs && d->pirq[nr] && d->pirq[nr]->desc && d->pirq[nr]->desc->level;
}

static long irq_status_query(struct domain *d, struct physdev_irq_status_query *op)
{
	long rc = 0;

	op->flags = 0;
	spin_lock(&d->event_lock);
	if (op->irq >= d->nr_pirqs)
		rc = -XEN_EINVAL;
	else if (pirq_is_level(d, op->irq))
		op->flags = XENIRQSTAT_needs_eoi |
			    (d->pirq[op->irq]->desc->nr_guests > 1 ? XENIRQSTAT_shared : 0);
	spin_unlock(&d->event_lock);
	return rc;
}

static long eoi(struct domain *d, u32 nr)
{
	if (nr >= d->nr_pirqs)
		return -XEN_EINVAL;
	spin_lock(&d->event_lock);
	pirq_guest_eoi(d, nr);
	spin_unlock(&d->event_lock);
	return 0;
}

/* Without an argument: all of them. */
static long unmask_notify(struct domain *d)
{
	spin_lock(&d->event_lock);
	for (u32 nr = 0; nr < d->nr_pirqs; nr++)
		pirq_guest_eoi(d, nr);
	spin_unlock(&d->event_lock);
	return 0;
}

static long pirq_eoi_gmfn(struct domain *d, const struct physdev_pirq_eoi_gmfn *op)
{
	mfn_t m = _mfn(op->gmfn);

	if (!mfn_valid(m) || page_get_with_type(m, d, PGT_writable))
		return refuse(-XEN_EINVAL, "frame %lx is not a page of yours that may be written", mfn_x(m));
	spin_lock(&d->event_lock);
	if (d->pirq_eoi_map) {
		spin_unlock(&d->event_lock);
		page_put_with_type(mfn_to_page(m));
		return refuse(-XEN_EBUSY, "there is an EOI page already");
	}
	d->pirq_eoi_mfn = m;
	d->pirq_eoi_map = mfn_to_virt(m);
	for (u32 nr = 0; nr < d->nr_pirqs && nr < PAGE_SIZE * 8; nr++)
		if (pirq_is_level(d, nr))
			set_bit(nr, d->pirq_eoi_map);
	spin_unlock(&d->event_lock);
	return 0;
}

/* --- wiring ---------------------------------------------------------------------------------------------- */

static long setup_gsi(const struct physdev_setup_gsi *op)
{
	struct irq_desc *desc = op->gsi >= 0 ? irq_gsi_desc(op->gsi) : NULL;
	long rc = 0;

	if (!desc)
		return refuse(-XEN_EINVAL, "there is no GSI %d", op->gsi);
	if (op->triggering > 1 || op->polarity > 1)
		return -XEN_EINVAL;
	spin_lock(&desc->lock);
	if (desc->set_up || desc->nr_guests || desc->handler) {
		rc = -XEN_EEXIST;
	} else {
		desc->level = op->triggering;
		desc->active_low = op->polarity;
		desc->set_up = true;
	}
	spin_unlock(&desc->lock);
	return rc;
}

/* dom0 programs no redirection entries itself, so any number will do: the GSI, as it expects. */
static long alloc_irq_vector(struct physdev_irq *op)
{
	if (!irq_gsi_desc(op->irq))
		return refuse(-XEN_EINVAL, "there is no GSI %u", op->irq);
	op->vector = op->irq;
	return 0;
}

static bool device_exists(struct pci_addr a)
{
	return pci_read(a, 0, 2) != 0xffff;
}

static long pci_device(u16 seg, u8 bus, u8 devfn)
{
	struct pci_addr a = { .seg = seg, .bus = bus, .devfn = devfn };

	return device_exists(a) ? 0 : refuse(-XEN_ENODEV, "%04x:%02x:%02x does not answer", seg, bus, devfn);
}

static long has_msix(const struct physdev_pci_device *op)
{
	struct pci_addr a = { .seg = op->seg, .bus = op->bus, .devfn = op->devfn };

	return pci_find_capability(a, 0x11) ? 0 : -XEN_ENODEV;
}

/* We read the MCFG table ourselves; dom0 only confirms what it says. */
static long mmcfg_reserved(const struct physdev_pci_mmcfg_reserved *op)
{
	for (unsigned int i = 0; i < acpi.nr_mmcfg; i++)
		if (acpi.mmcfg[i].segment == op->segment && acpi.mmcfg[i].base == op->address)
			return 0;
	return -XEN_ENODEV;
}

/* --- the hypercall --------------------------------------------------------------------------------------- */

static long dom0_op(struct domain *d, int cmd, void *arg)
{
	union {
		struct physdev_irq_status_query status;
		struct physdev_apic apic;
		struct physdev_irq irq;
		struct physdev_eoi eoi;
		struct physdev_map_pirq map;
		struct physdev_unmap_pirq unmap;
		struct physdev_manage_pci manage;
		struct physdev_pirq_eoi_gmfn gmfn;
		struct physdev_restore_msi restore;
		struct physdev_manage_pci_ext manage_ext;
		struct physdev_setup_gsi gsi;
		struct physdev_get_free_pirq free;
		struct physdev_pci_mmcfg_reserved mmcfg;
		struct physdev_pci_device_add add;
		struct physdev_pci_device dev;
		struct physdev_dbgp_op dbgp;
	} u;
	long rc;

#define IN(field)	if (copy_from_guest(&u.field, arg, 1)) return -XEN_EFAULT
#define OUT(field)	return !rc && copy_to_guest(arg, &u.field, 1) ? -XEN_EFAULT : rc
	switch (cmd) {
	case PHYSDEVOP_IRQ_UNMASK_NOTIFY:
		return unmask_notify(d);
	case PHYSDEVOP_irq_status_query:
		IN(status);
		rc = irq_status_query(d, &u.status);
		OUT(status);
	case PHYSDEVOP_apic_read:
		IN(apic);
		rc = ioapic_read_reg(u.apic.apic_physbase, u.apic.reg, &u.apic.value);
		OUT(apic);
	case PHYSDEVOP_alloc_irq_vector:
		IN(irq);
		rc = alloc_irq_vector(&u.irq);
		OUT(irq);
	case PHYSDEVOP_free_irq_vector:
		return 0;
	case PHYSDEVOP_eoi:
		IN(eoi);
		return eoi(d, u.eoi.irq);
	case PHYSDEVOP_map_pirq:
		IN(map);
		rc = map_pirq(d, &u.map);
		OUT(map);
	case PHYSDEVOP_unmap_pirq:
		IN(unmap);
		return unmap_pirq(d, &u.unmap);
	case PHYSDEVOP_pirq_eoi_gmfn_v2:
		IN(gmfn);
		return pirq_eoi_gmfn(d, &u.gmfn);
	case PHYSDEVOP_get_free_pirq:
		IN(free);
		rc = get_free_pirq(d, &u.free);
		OUT(free);
	case PHYSDEVOP_setup_gsi:
		IN(gsi);
		return setup_gsi(&u.gsi);
	case PHYSDEVOP_manage_pci_add:
		IN(manage);
		return pci_device(0, u.manage.bus, u.manage.devfn);
	case PHYSDEVOP_manage_pci_add_ext:
		IN(manage_ext);
		return pci_device(0, u.manage_ext.bus, u.manage_ext.devfn);
	case PHYSDEVOP_pci_device_add:
		IN(add);
		return pci_device(u.add.seg, u.add.bus, u.add.devfn);
	case PHYSDEVOP_manage_pci_remove:
	case PHYSDEVOP_pci_device_remove:	/* nothing is kept about a device; its PIRQs are unmapped one by one */
		return 0;
	case PHYSDEVOP_restore_msi:
		IN(restore);
		return msi_restore((struct pci_addr){ .bus = u.restore.bus, .devfn = u.restore.devfn });
	case PHYSDEVOP_restore_msi_ext:
		IN(dev);
		return msi_restore((struct pci_addr){ .seg = u.dev.seg, .bus = u.dev.bus, .devfn = u.dev.devfn });
	case PHYSDEVOP_prepare_msix:
	case PHYSDEVOP_release_msix:
		IN(dev);
		return has_msix(&u.dev);
	case PHYSDEVOP_pci_mmcfg_reserved:
		IN(mmcfg);
		return mmcfg_reserved(&u.mmcfg);
	case PHYSDEVOP_dbgp_op:			/* our console is not on USB, so any reset is fine */
		return 0;
	default:
		return refuse(-XEN_ENOSYS, "operation %d", cmd);
	}
#undef IN
#undef OUT
}

long do_physdev_op(int cmd, void *arg)
{
	struct domain *d = current->domain;
	struct physdev_set_iobitmap iobitmap;
	struct physdev_set_iopl iopl;

	switch (cmd) {
	case PHYSDEVOP_set_iopl:
		return copy_from_guest(&iopl, arg, 1) ? -XEN_EFAULT : set_iopl(&iopl);
	case PHYSDEVOP_set_iobitmap:
		return copy_from_guest(&iobitmap, arg, 1) ? -XEN_EFAULT : set_iobitmap(&iobitmap);
	}
	/* -ENOSYS would make a guest believe in an old interface and ask on; this is a matter of rights. */
	return d->privileged ? dom0_op(d, cmd, arg) : -XEN_EPERM;
}
