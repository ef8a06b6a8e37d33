/* SPDX-License-Identifier: MIT */
/*
 * The static ACPI tables: how many CPUs and I/O APICs there are, how interrupts are wired, where timers and the
 * power and reset registers live. Everything else in ACPI (the AML) is dom0's business.
 *
 * The tables come from firmware and are checked like input: every length, every checksum, every record inside its
 * table. A table that fails is left out with one line in the log; a machine without usable tables is one with a
 * single CPU and legacy wiring. Runs once at boot, then `acpi` is read-only.
 */
#include <xl/lib.h>
#include <xl/platform.h>

struct acpi_info acpi;

#define TABLE_MAX	0x100000	/* bytes: a longer table is a broken length */
#define MAX_TABLES	128

struct sdt_header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem_id[6], oem_table[8];
	u32 oem_revision, creator, creator_revision;
} __packed;

struct rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;			/* revision 2 and up from here */
	u64 xsdt;
	u8 checksum2, reserved[3];
} __packed;

/* Generic address structure. */
struct gas {
	u8 space, width, offset, access;
	u64 address;
} __packed;

struct fadt {
	struct sdt_header h;
	u32 facs, dsdt;
	u8 model, profile;
	u16 sci_irq;
	u32 smi_cmd;
	u8 enable, disable, s4bios, pstate;
	u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_timer, gpe0, gpe1;
	u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_timer_len, gpe0_len, gpe1_len, gpe1_base, cst;
	u16 c2_latency, c3_latency, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_flags;
	u8 reserved;
	u32 flags;
	struct gas reset;
	u8 reset_value;
} __packed;

#define FADT_TIMER_32BIT	(1U << 8)
#define FADT_RESET		(1U << 10)
#define GAS_MEMORY		0
#define GAS_IO			1

static u8 checksum(const void *p, size_t n)
{
	const u8 *b = p;
	u8 sum = 0;

	while (n--)
		sum += *b++;
	return sum;
}

/* --- finding the tables --- */

static const struct rsdp *rsdp_check(const struct rsdp *r)
{
	if (memcmp(r->signature, "RSD PTR ", 8) || checksum(r, 20))
		return NULL;
	if (r->revision >= 2 && (r->length < sizeof(*r) || r->length > 256 || checksum(r, sizeof(*r)))) {
		acpi.bad_checksum = true;
		return NULL;
	}
	return r;
}

static const struct rsdp *rsdp_scan(paddr_t start, size_t len)
{
	const char *p = acpi_map(start, len);

	for (size_t off = 0; p && off + sizeof(struct rsdp) <= len; off += 16) {
		const struct rsdp *r = rsdp_check((const struct rsdp *)(p + off));

		if (r) {
			acpi.rsdp = start + off;
			return r;
		}
	}
	return NULL;
}

/* Where the boot loader says, else the first KiB of the extended BIOS data area, else the BIOS ROM area. */
static const struct rsdp *rsdp_find(void)
{
	const struct rsdp *r;
	const u16 *ebda;

	if (boot_info.rsdp) {
		r = acpi_map(boot_info.rsdp, sizeof(*r));
		if (r && rsdp_check(r)) {
			acpi.rsdp = boot_info.rsdp;
			return r;
		}
	}
	ebda = acpi_map(0x40e, sizeof(*ebda));
	if (ebda && *ebda >= 0x8000 && *ebda < 0xa000) {
		r = rsdp_scan((paddr_t)*ebda << 4, 1024);
		if (r)
			return r;
	}
	return rsdp_scan(0xe0000, 0x20000);
}

/* The table at pa, wholly mapped and checked; NULL with a line in the log when it is broken. */
static const struct sdt_header *table_map(paddr_t pa)
{
	const struct sdt_header *h = pa ? acpi_map(pa, sizeof(*h)) : NULL;
	u32 len;

	if (!h)
		return NULL;
	len = h->length;
	if (len < sizeof(*h) || len > TABLE_MAX) {
		printk(XL_WARN "ACPI table at %#lx: length %u makes no sense, left out\n", pa, len);
		return NULL;
	}
	h = acpi_map(pa, len);
	if (!h)
		return NULL;
	if (checksum(h, len)) {
		printk(XL_WARN "ACPI table %.4s at %#lx: wrong checksum, left out\n", h->signature, pa);
		acpi.bad_checksum = true;
		return NULL;
	}
	return h;
}

/* --- MADT --- */

static void madt_cpu(u32 apic_id, u32 acpi_id, u32 flags)
{
	if (!(flags & 1))		/* not there; bit 1: may be plugged in later, which we do not support */
		return;
	if (acpi.nr_cpus == NR_CPUS) {
		printk(XL_WARN "more than %u CPUs: APIC %u is not used\n", NR_CPUS, apic_id);
		return;
	}
	acpi.cpu[acpi.nr_cpus++] = (struct acpi_cpu){ .apic_id = apic_id, .acpi_id = acpi_id, .enabled = true };
}

static u32 get32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static u64 get64(const u8 *p)
{
	return get32(p) | (u64)get32(p + 4) << 32;
}

static void madt_record(const u8 *p, u8 len)
{
	switch (p[0]) {
	case 0:				/* local APIC */
		if (len >= 8)
			madt_cpu(p[3], p[2], get32(p + 4));
		break;
	case 1:				/* I/O APIC */
		if (len >= 12 && acpi.nr_ioapics < ARRAY_SIZE(acpi.ioapic))
			acpi.ioapic[acpi.nr_ioapics++] =
				(struct acpi_ioapic){ .id = p[2], .addr = get32(p + 4), .gsi_base = get32(p + 8) };
		break;
	case 2:				/* interrupt source override: bus 0 is ISA */
		if (len >= 10 && p[2] == 0 && p[3] < 16 && acpi.nr_overrides < ARRAY_SIZE(acpi.override))
			acpi.override[acpi.nr_overrides++] =
				(struct acpi_override){ .source = p[3], .gsi = get32(p + 4),
							.flags = p[8] | p[9] << 8 };
		break;
	case 5:				/* 64-bit address of the local APICs */
		if (len >= 12)
			acpi.lapic = get64(p + 4);
		break;
	case 9:				/* local x2APIC */
		if (len >= 16)
			madt_cpu(get32(p + 4), get32(p + 12), get32(p + 8));
		break;
	}
}

static void madt_parse(const struct sdt_header *h)
{
	const u8 *p = (const u8 *)h + sizeof(*h) + 8, *end = (const u8 *)h + h->length;

	if (p > end)
		return;
	acpi.lapic = get32(p - 8);
	while (end - p >= 2) {
		if (p[1] < 2 || p[1] > end - p) {
			printk(XL_WARN "ACPI MADT: record of type %u has length %u, the rest is left out\n", p[0],
			       p[1]);
			return;
		}
		madt_record(p, p[1]);
		p += p[1];
	}
}

/* --- the other tables --- */

#define FADT_HAS(f, field) ((f)->h.length >= offsetof(struct fadt, field) + sizeof((f)->field))

static void fadt_parse(const struct sdt_header *h)
{
	const struct fadt *f = (const struct fadt *)h;

	if (!FADT_HAS(f, flags))
		return;
	acpi.sci_irq = f->sci_irq;
	acpi.pm1a_evt = f->pm1a_evt;
	acpi.pm1b_evt = f->pm1b_evt;
	acpi.pm1a_cnt = f->pm1a_cnt;
	acpi.pm1b_cnt = f->pm1b_cnt;
	if (f->pm_timer_len >= 4) {
		acpi.pm_timer_port = f->pm_timer;
		acpi.pm_timer_32bit = f->flags & FADT_TIMER_32BIT;
	}
	if ((f->flags & FADT_RESET) && FADT_HAS(f, reset_value) &&
	    (f->reset.space == GAS_IO || f->reset.space == GAS_MEMORY) && f->reset.address) {
		acpi.reset_type = f->reset.space;
		acpi.reset_addr = f->reset.address;
		acpi.reset_value = f->reset_value;
	}
}

static void hpet_parse(const struct sdt_header *h)
{
	const u8 *p = (const u8 *)h + sizeof(*h);

	/* event timer block id, then the address as a generic address structure */
	if (h->length >= sizeof(*h) + 4 + sizeof(struct gas) && p[4] == GAS_MEMORY)
		acpi.hpet = get64(p + 8);
}

static void mcfg_parse(const struct sdt_header *h)
{
	const u8 *p = (const u8 *)h + sizeof(*h) + 8, *end = (const u8 *)h + h->length;

	for (; end - p >= 16 && acpi.nr_mmcfg < ARRAY_SIZE(acpi.mmcfg); p += 16) {
		if (p[11] < p[10])
			continue;
		acpi.mmcfg[acpi.nr_mmcfg].base = get64(p);
		acpi.mmcfg[acpi.nr_mmcfg].segment = p[8] | p[9] << 8;
		acpi.mmcfg[acpi.nr_mmcfg].bus_start = p[10];
		acpi.mmcfg[acpi.nr_mmcfg].bus_end = p[11];
		acpi.nr_mmcfg++;
	}
}

static void table_parse(paddr_t pa)
{
	static const struct {
		char signature[5];
		void (*parse)(const struct sdt_header *h);
	} known[] = {
		{ "APIC", madt_parse }, { "FACP", fadt_parse }, { "HPET", hpet_parse }, { "MCFG", mcfg_parse },
	};
	const struct sdt_header *h = table_map(pa);

	for (unsigned int i = 0; h && i < ARRAY_SIZE(known); i++)
		if (!memcmp(h->signature, known[i].signature, 4))
			known[i].parse(h);
}

/* The XSDT has 64-bit entries, the RSDT 32-bit ones. */
static void root_parse(const struct sdt_header *root, unsigned int entry_size)
{
	const u8 *p = (const u8 *)root + sizeof(*root);
	unsigned int n = (root->length - sizeof(*root)) / entry_size;

	acpi.present = true;
	for (unsigned int i = 0; i < n && i < MAX_TABLES; i++, p += entry_size)
		table_parse(entry_size == 8 ? get64(p) : get32(p));
}

void acpi_init(void)
{
	const struct sdt_header *root = NULL;
	const struct rsdp *r;

	memset(&acpi, 0, sizeof(acpi));
	acpi.reset_type = 0xff;
	r = rsdp_find();
	if (!r) {
		printk(XL_WARN "no ACPI tables found: one CPU, legacy interrupts\n");
		return;
	}
	if (r->revision >= 2 && r->xsdt)
		root = table_map(r->xsdt);
	if (root && !memcmp(root->signature, "XSDT", 4)) {
		root_parse(root, 8);
		return;
	}
	root = table_map(r->rsdt);
	if (root && !memcmp(root->signature, "RSDT", 4))
		root_parse(root, 4);
	else
		printk(XL_WARN "ACPI: neither XSDT nor RSDT is usable\n");
}
