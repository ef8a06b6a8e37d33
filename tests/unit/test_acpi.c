/* SPDX-License-Identifier: MIT */
/*
 * The ACPI parser on tables made by hand in a fake physical memory: what a good set gives, that every single corrupted
 * byte is survived, and that lengths and pointers that lead astray are not followed. The map function hands out exact
 * copies on the heap, so the address sanitizer sees a read beyond what was asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xl/lib.h>
#include <xl/platform.h>

#include "suite.h"

#define MEM_SIZE	0x100000
#define RSDP_AT		0xf0000
#define XSDT_AT		0x10000
#define RSDT_AT		0x10800
#define MADT_AT		0x11000
#define FADT_AT		0x12000
#define HPET_AT		0x13000
#define MCFG_AT		0x14000

struct boot_info boot_info;
static u8 mem[MEM_SIZE];
static void *maps[1024];
static unsigned int nr_maps;
static char said[8192];

void printk(const char *fmt, ...)
{
	size_t n = strlen(said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + n, sizeof(said) - n, fmt, ap);
	va_end(ap);
}

const void *acpi_map(paddr_t pa, size_t len)
{
	void *p;

	if (pa >= MEM_SIZE || len > MEM_SIZE - pa || nr_maps == ARRAY_SIZE(maps))
		return NULL;
	p = malloc(len);
	memcpy(p, mem + pa, len);
	maps[nr_maps++] = p;
	return p;
}

static void parse(void)
{
	said[0] = 0;
	acpi_init();
	while (nr_maps)
		free(maps[--nr_maps]);
}

static void put(paddr_t at, u64 val, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		mem[at + i] = val >> 8 * i;
}

static void seal(paddr_t at, unsigned int len, unsigned int sum_at)
{
	u8 sum = 0;

	mem[at + sum_at] = 0;
	for (unsigned int i = 0; i < len; i++)
		sum += mem[at + i];
	mem[at + sum_at] = -sum;
}

static void table(paddr_t at, const char *sig, u32 len)
{
	memcpy(mem + at, sig, 4);
	put(at + 4, len, 4);
	seal(at, len, 9);
}

static void make_madt(void)
{
	static const u8 records[] = {
		0, 8, 1, 0, 1, 0, 0, 0,			/* CPU: ACPI 1, APIC 0 */
		0, 8, 2, 4, 1, 0, 0, 0,			/* CPU: ACPI 2, APIC 4 */
		0, 8, 3, 6, 0, 0, 0, 0,			/* not there */
		1, 12, 7, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0,	/* I/O APIC 7 at fec00000 */
		2, 10, 0, 0, 2, 0, 0, 0, 0, 0,		/* IRQ 0 -> GSI 2 */
		2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0,	/* IRQ 9: level, active high */
		4, 6, 0xff, 0, 0, 1,			/* local NMI: ignored */
		9, 16, 0, 0, 0x2c, 1, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0,	/* x2APIC 300, ACPI 5 */
	};

	put(MADT_AT + 36, 0xfee00000, 4);
	memcpy(mem + MADT_AT + 44, records, sizeof(records));
	table(MADT_AT, "APIC", 44 + sizeof(records));
}

static void make_fadt(void)
{
	put(FADT_AT + 46, 9, 2);
	put(FADT_AT + 56, 0x600, 4);			/* pm1a event */
	put(FADT_AT + 64, 0x604, 4);			/* pm1a control */
	put(FADT_AT + 76, 0x608, 4);			/* timer */
	put(FADT_AT + 91, 4, 1);
	put(FADT_AT + 112, 1 << 10 | 1 << 8, 4);	/* reset register, 32-bit timer */
	put(FADT_AT + 116, 1, 1);			/* in I/O space */
	put(FADT_AT + 120, 0xcf9, 8);
	put(FADT_AT + 128, 0x0f, 1);
	table(FADT_AT, "FACP", 244);
}

static void make_all(void)
{
	memset(mem, 0, sizeof(mem));
	memset(&boot_info, 0, sizeof(boot_info));
	memcpy(mem + RSDP_AT, "RSD PTR ", 8);
	mem[RSDP_AT + 15] = 2;
	put(RSDP_AT + 16, RSDT_AT, 4);
	put(RSDP_AT + 20, 36, 4);
	put(RSDP_AT + 24, XSDT_AT, 8);
	seal(RSDP_AT, 20, 8);
	seal(RSDP_AT, 36, 32);
	make_madt();
	make_fadt();
	put(HPET_AT + 44, 0xfed00000, 8);
	table(HPET_AT, "HPET", 56);
	put(MCFG_AT + 44, 0xb0000000, 8);
	put(MCFG_AT + 55, 0xff, 1);
	table(MCFG_AT, "MCFG", 60);
	put(XSDT_AT + 36, MADT_AT, 8);
	put(XSDT_AT + 44, FADT_AT, 8);
	put(XSDT_AT + 52, HPET_AT, 8);
	put(XSDT_AT + 60, MCFG_AT, 8);
	table(XSDT_AT, "XSDT", 68);
	put(RSDT_AT + 36, MADT_AT, 4);
	table(RSDT_AT, "RSDT", 40);
}

static void test_good(void)
{
	make_all();
	parse();
	CU_ASSERT_STRING_EQUAL(said, "");
	CU_ASSERT(acpi.present && acpi.rsdp == RSDP_AT && acpi.lapic == 0xfee00000 && !acpi.bad_checksum);
	CU_ASSERT_EQUAL(acpi.nr_cpus, 3);
	CU_ASSERT(acpi.cpu[0].apic_id == 0 && acpi.cpu[0].acpi_id == 1);
	CU_ASSERT(acpi.cpu[1].apic_id == 4 && acpi.cpu[1].acpi_id == 2);
	CU_ASSERT(acpi.cpu[2].apic_id == 300 && acpi.cpu[2].acpi_id == 5);
	CU_ASSERT(acpi.nr_ioapics == 1 && acpi.ioapic[0].id == 7 && acpi.ioapic[0].addr == 0xfec00000);
	CU_ASSERT_EQUAL(acpi.nr_overrides, 2);
	CU_ASSERT(acpi.override[0].source == 0 && acpi.override[0].gsi == 2);
	CU_ASSERT(acpi.override[1].gsi == 9 && acpi.override[1].flags == 0x0d);
	CU_ASSERT(acpi.sci_irq == 9 && acpi.pm1a_evt == 0x600 && acpi.pm1a_cnt == 0x604 && acpi.pm1b_cnt == 0);
	CU_ASSERT(acpi.pm_timer_port == 0x608 && acpi.pm_timer_32bit);
	CU_ASSERT(acpi.reset_type == 1 && acpi.reset_addr == 0xcf9 && acpi.reset_value == 0x0f);
	CU_ASSERT_EQUAL(acpi.hpet, 0xfed00000);
	CU_ASSERT(acpi.nr_mmcfg == 1 && acpi.mmcfg[0].base == 0xb0000000 && acpi.mmcfg[0].bus_end == 0xff);
}

static void test_where(void)
{
	make_all();
	memcpy(mem + 0x9fc10, mem + RSDP_AT, 36);
	memset(mem + RSDP_AT, 0, 36);
	parse();
	CU_ASSERT(!acpi.present);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "no ACPI tables"));
	put(0x40e, 0x9fc0, 2);
	parse();
	CU_ASSERT(acpi.present && acpi.rsdp == 0x9fc10);
	put(0x40e, 0, 2);
	boot_info.rsdp = 0x9fc10;
	parse();
	CU_ASSERT(acpi.present && acpi.nr_cpus == 3);
	boot_info.rsdp = 0xfffffff0;			/* leads nowhere: the search goes on */
	make_all();
	boot_info.rsdp = 0xfffffff0;
	parse();
	CU_ASSERT(acpi.present && acpi.rsdp == RSDP_AT);
}

static void test_rsdt(void)
{
	make_all();
	put(RSDP_AT + 24, 0, 8);
	seal(RSDP_AT, 36, 32);
	parse();
	CU_ASSERT(acpi.present && acpi.nr_cpus == 3 && !acpi.pm1a_cnt);
	make_all();
	mem[XSDT_AT + 9] ^= 1;				/* checksum of the XSDT */
	parse();
	CU_ASSERT(acpi.present && acpi.bad_checksum && acpi.nr_cpus == 3);
	CU_ASSERT(strstr(said, "XSDT") != NULL && strstr(said, "checksum") != NULL);
	mem[RSDT_AT + 9] ^= 1;
	parse();
	CU_ASSERT(!acpi.present);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "neither XSDT nor RSDT"));
}

/* One wrong byte in a table leaves that table out, and only that. */
static void test_each_byte(void)
{
	static const struct { paddr_t at; unsigned int len; } tables[] = {
		{ MADT_AT, 122 }, { FADT_AT, 244 }, { HPET_AT, 56 }, { MCFG_AT, 60 },
	};

	for (unsigned int t = 0; t < ARRAY_SIZE(tables); t++)
		for (unsigned int i = 0; i < tables[t].len; i++) {
			make_all();
			mem[tables[t].at + i] ^= 0x5a;
			parse();
			CU_ASSERT(acpi.present && strstr(said, "left out") != NULL);
			CU_ASSERT((acpi.nr_cpus == 3) == (tables[t].at != MADT_AT));
			CU_ASSERT((acpi.pm1a_cnt == 0x604) == (tables[t].at != FADT_AT));
		}
}

/* Nonsense under a right checksum: nothing beyond the tables is read (the sanitizer watches), and it ends. */
static void test_random_contents(void)
{
	static const struct { paddr_t at; const char *sig; u32 min, max; } tables[] = {
		{ MADT_AT, "APIC", 36, 300 }, { FADT_AT, "FACP", 36, 260 }, { HPET_AT, "HPET", 36, 60 },
		{ MCFG_AT, "MCFG", 36, 200 }, { XSDT_AT, "XSDT", 36, 400 },
	};

	srandom(3);
	for (unsigned int round = 0; round < 3000; round++) {
		unsigned int t = random() % ARRAY_SIZE(tables);
		u32 len = tables[t].min + random() % (tables[t].max - tables[t].min);

		make_all();
		for (u32 i = 36; i < len; i++)
			mem[tables[t].at + i] = random() % 4 ? random() % 16 : random();
		table(tables[t].at, tables[t].sig, len);
		parse();
		CU_ASSERT(acpi.nr_cpus <= NR_CPUS && acpi.nr_ioapics <= 16 && acpi.nr_overrides <= 32);
	}
}

static void test_lengths(void)
{
	static const u32 bad[] = { 0, 1, 35, 0x100001, 0xffffffff, 0xf0000 };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		make_all();
		put(MADT_AT + 4, bad[i], 4);
		parse();
		CU_ASSERT(acpi.present && acpi.nr_cpus == 0 && acpi.pm1a_cnt == 0x604);
		make_all();
		put(XSDT_AT + 4, bad[i], 4);
		parse();
		CU_ASSERT(acpi.present && acpi.nr_cpus == 3);	/* by the RSDT */
	}
	make_all();
	mem[MADT_AT + 44 + 8 + 1] = 0;			/* a record of length 0 would never end */
	seal(MADT_AT, 122, 9);
	parse();
	CU_ASSERT(acpi.nr_cpus == 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "length 0"));
}

static void test_many(void)
{
	u32 len = 44;

	make_all();
	for (unsigned int i = 0; i < 300; i++, len += 16) {
		static const u8 rec[16] = { 9, 16, 0, 0, 0, 0, 0, 0, 1 };

		memcpy(mem + MADT_AT + len, rec, 16);
		put(MADT_AT + len + 4, i, 4);
	}
	memset(mem + FADT_AT, 0, 4);			/* overwritten by the long table */
	table(MADT_AT, "APIC", len);
	parse();
	CU_ASSERT_EQUAL(acpi.nr_cpus, NR_CPUS);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "more than 256 CPUs"));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "good tables", test_good },
		{ "finding the root pointer", test_where },
		{ "RSDT and XSDT", test_rsdt },
		{ "each byte wrong once", test_each_byte },
		{ "random contents", test_random_contents },
		{ "lengths", test_lengths },
		{ "more CPUs than we take", test_many },
		CU_TEST_INFO_NULL,
	};

	return suite_run("acpi", tests);
}
