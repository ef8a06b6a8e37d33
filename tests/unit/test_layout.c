/* SPDX-License-Identifier: MIT */
/*
 * Layout and page tables of a new PV guest, checked against what the ABI promises a kernel.
 *
 * The tables are filled into memory that stands for the guest's frames, then walked as a processor would: every
 * address of both regions must lead to the right frame with the right flags, and nothing else may be mapped.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/layout.h"

#define VIRT	0xffffffff80000000ull
#define P2M_VA	0x8000000000ull
#define MIB	256ull			/* pages */

static char msg[256];
static struct errbuf err = { msg, sizeof(msg) };
static struct layout lay;

/* Machine frame of a guest frame: any injective function that is not the identity. */
static uint64_t mfn_of(uint64_t pfn)
{
	return 0x100000 + (pfn ^ 0x55);
}

static struct kernel_image kernel(uint64_t end, bool linux_like)
{
	struct kernel_image img = { .virt_base = VIRT, .pa_start = 1 << 20, .pa_end = end };

	img.mod_start_pfn = img.has_init_p2m = linux_like;
	img.init_p2m = linux_like ? P2M_VA : 0;
	return img;
}

/* --- the processor's view --- */

struct space {
	const struct layout *l;
	uint64_t *boot, *p2m;	/* the two groups of tables */
};

static uint64_t *table_at(const struct space *s, uint64_t mfn)
{
	uint64_t pfn = (mfn - 0x100000) ^ 0x55;

	if (pfn - s->l->boot.table_pfn < region_tables(&s->l->boot))
		return s->boot + (pfn - s->l->boot.table_pfn) * PT_ENTRIES;
	if (pfn - s->l->p2m.table_pfn < region_tables(&s->l->p2m))
		return s->p2m + (pfn - s->l->p2m.table_pfn) * PT_ENTRIES;
	return NULL;
}

static uint64_t walk(const struct space *s, uint64_t va)
{
	uint64_t pte = mfn_of(s->l->boot.table_pfn) << 12 | 0x67;

	for (int shift = 39; shift >= 12; shift -= 9) {
		uint64_t *table = table_at(s, pte >> 12 & 0xffffffffff);

		if (!table || (pte & 0x67) != 0x67)
			return 0;
		pte = table[va >> shift & 511];
		if (!(pte & 1))
			return 0;
	}
	return pte;
}

static uint64_t leaves_in(const uint64_t *tables, uint64_t first, uint64_t n)
{
	uint64_t count = 0;

	for (uint64_t i = first * PT_ENTRIES; i < (first + n) * PT_ENTRIES; i++)
		count += tables[i] & 1;
	return count;
}

static void check_region(const struct space *s, const struct region *r)
{
	unsigned int bad = 0;

	for (uint64_t i = 0; i < r->pages; i++) {
		uint64_t pfn = r->pfn + i, pte = walk(s, r->va + i * PAGE_BYTES);
		bool table = table_at(s, mfn_of(pfn)) != NULL;

		bad += pte >> 12 != mfn_of(pfn) || (pte & 0xfff) != (table ? 0x61 : 0x63);
	}
	CU_ASSERT_EQUAL(bad, 0);
	CU_ASSERT_EQUAL(walk(s, r->va - PAGE_BYTES), 0);
	CU_ASSERT_EQUAL(walk(s, r->va + r->pages * PAGE_BYTES), 0);
}

static void check_tables(void)
{
	uint64_t *p2m = calloc(lay.nr_pages, sizeof(*p2m));
	struct space s = { .l = &lay };

	s.boot = calloc(region_tables(&lay.boot), 4096);
	s.p2m = calloc(region_tables(&lay.p2m) + 1, 4096);
	for (uint64_t i = 0; i < lay.nr_pages; i++)
		p2m[i] = mfn_of(i);
	pagetable_fill(&lay, &lay.boot, p2m, s.boot, s.boot);
	if (lay.p2m.pages)
		pagetable_fill(&lay, &lay.p2m, p2m, s.p2m, s.boot);
	check_region(&s, &lay.boot);
	if (lay.p2m.pages)
		check_region(&s, &lay.p2m);
	CU_ASSERT_EQUAL(leaves_in(s.boot, region_tables(&lay.boot) - lay.boot.tables[1], lay.boot.tables[1]),
			lay.boot.pages);
	CU_ASSERT_EQUAL(leaves_in(s.boot, 0, 1), 1 + (lay.p2m.pages != 0));
	free(s.boot);
	free(s.p2m);
	free(p2m);
}

/* --- the tests --- */

static void check_rules(void)
{
	uint64_t end = lay.boot.va + lay.boot.pages * PAGE_BYTES;

	CU_ASSERT_EQUAL(end % (4 << 20), 0);
	CU_ASSERT_TRUE((lay.boot.pages - lay.stack_pfn - 1) * PAGE_BYTES >= 512 << 10);
	CU_ASSERT_TRUE((lay.boot.pages - lay.stack_pfn - 1) * PAGE_BYTES < (4 << 20) + (512 << 10));
	CU_ASSERT_EQUAL(lay.store_pfn, lay.start_info_pfn + 1);
	CU_ASSERT_EQUAL(lay.console_pfn, lay.store_pfn + 1);
	CU_ASSERT_EQUAL(lay.boot.table_pfn, lay.console_pfn + 1);
	CU_ASSERT_EQUAL(lay.stack_pfn, lay.boot.table_pfn + region_tables(&lay.boot));
	CU_ASSERT_TRUE(lay.used_pages <= lay.nr_pages);
}

/* A kernel as stock Linux: initrd and p2m outside the boot mapping. */
static void test_linux(void)
{
	struct kernel_image img = kernel(74 << 20, true);

	CU_ASSERT_EQUAL(layout_plan(&lay, &img, (5 << 20) + 1, 128 * MIB, &err), 0);
	check_rules();
	CU_ASSERT_EQUAL(lay.start_info_pfn, 74 * MIB);
	CU_ASSERT_FALSE(lay.initrd_mapped);
	CU_ASSERT_EQUAL(lay.initrd_pfn, lay.boot.pages);
	CU_ASSERT_EQUAL(lay.p2m_pages, 64);
	CU_ASSERT_EQUAL(lay.p2m_pfn, lay.initrd_pfn + 5 * MIB + 1);
	CU_ASSERT_EQUAL(lay.p2m.va, P2M_VA);
	CU_ASSERT_EQUAL(region_tables(&lay.p2m), 3);
	CU_ASSERT_EQUAL(lay.used_pages, lay.p2m_pfn + 64 + 3);
	CU_ASSERT_EQUAL(lay.boot.tables[4] + lay.boot.tables[3] + lay.boot.tables[2], 3);
	check_tables();
}

/* A kernel without the two notes: everything in the boot mapping. */
static void test_simple(void)
{
	struct kernel_image img = kernel((2 << 20) + 100, false);

	CU_ASSERT_EQUAL(layout_plan(&lay, &img, 12345, 64 * MIB, &err), 0);
	check_rules();
	CU_ASSERT_TRUE(lay.initrd_mapped);
	CU_ASSERT_EQUAL(lay.initrd_pfn, 2 * MIB + 1);
	CU_ASSERT_EQUAL(lay.p2m_pfn, lay.initrd_pfn + 4);
	CU_ASSERT_EQUAL(lay.p2m_va, VIRT + lay.p2m_pfn * PAGE_BYTES);
	CU_ASSERT_EQUAL(lay.p2m.pages, 0);
	CU_ASSERT_EQUAL(lay.start_info_pfn, lay.p2m_pfn + 32);
	CU_ASSERT_EQUAL(lay.used_pages, lay.boot.pages);
	check_tables();
}

/* Sizes round every boundary of the table count and of the padding. */
static void test_sweep(void)
{
	for (uint64_t end = 1; end < 2300; end += 7) {
		struct kernel_image img = kernel(end << 12, end & 1);

		CU_ASSERT_EQUAL_FATAL(layout_plan(&lay, &img, (end % 50) << 12, 16 * MIB, &err), 0);
		check_rules();
		check_tables();
	}
}

static void test_large(void)
{
	struct kernel_image img = kernel(900 << 20, true);

	CU_ASSERT_EQUAL(layout_plan(&lay, &img, 300 << 20, 4096 * MIB, &err), 0);
	check_rules();
	check_tables();
	img.has_init_p2m = img.mod_start_pfn = false;
	CU_ASSERT_EQUAL(layout_plan(&lay, &img, 300 << 20, 2048 * MIB, &err), 0);
	check_rules();
	CU_ASSERT_EQUAL(lay.boot.tables[2], 2);
	check_tables();
}

static void check_refused(const struct kernel_image *img, uint64_t initrd, uint64_t pages, int rc, const char *why)
{
	msg[0] = '\0';
	CU_ASSERT_EQUAL(layout_plan(&lay, img, initrd, pages, &err), rc);
	if (!strstr(msg, why))
		fprintf(stderr, "message is: %s\n", msg);
	CU_ASSERT_PTR_NOT_NULL(strstr(msg, why));
}

static void test_refused(void)
{
	struct kernel_image img = kernel(40 << 20, true);
	uint64_t least;

	check_refused(&img, 0, 0, -EINVAL, "memory of 0 MiB");
	check_refused(&img, 0, 1ull << 50, -EINVAL, "524288 MiB");
	check_refused(&img, 0, 32 * MIB, -ENOMEM, "too small for this kernel: 45 MiB is the least");
	check_refused(&img, 30 << 20, 64 * MIB, -ENOMEM, "too small for this kernel and ramdisk: 75 MiB");
	least = 64 * MIB;
	do {		/* less memory needs less p2m, until it fits exactly */
		least = lay.used_pages && lay.used_pages < least ? lay.used_pages : least;
		CU_ASSERT_EQUAL(layout_plan(&lay, &img, 0, least, &err), 0);
	} while (lay.used_pages < least);
	check_refused(&img, 0, least - 1, -ENOMEM, "too small");

	img.init_p2m = 0xffff800000000000;
	check_refused(&img, 0, 64 * MIB, -EINVAL, "p2m at 0xffff800000000000 lies in the hypervisor's part");
	img.init_p2m = 0xffff7ffffffff000;
	check_refused(&img, 0, 64 * MIB, -EINVAL, "p2m");
	img.init_p2m = 0x7ffffffff000;
	check_refused(&img, 0, 64 * MIB, -EINVAL, "does not fit in the address space");
	img.init_p2m = 0xffffff8000000000;
	check_refused(&img, 0, 64 * MIB, -EINVAL, "too close to the kernel");
	img = kernel(40 << 20, false);
	img.virt_base = 0xffff87fffff00000;
	check_refused(&img, 0, 64 * MIB, -EINVAL, "mapping at 0xffff87fffff00000 lies in the hypervisor's part");
	img.virt_base = 0xfffffffffd000000;
	check_refused(&img, 0, 64 * MIB, -EINVAL, "initial mapping of 41 MiB");
	img.virt_base = 0x7fffff000000;
	check_refused(&img, 0, 64 * MIB, -EINVAL, "initial mapping");
}

static const CU_TestInfo tests[] = {
	{ "stock Linux", test_linux },
	{ "no optional notes", test_simple },
	{ "all sizes up to 9 MiB", test_sweep },
	{ "large kernel and initrd", test_large },
	{ "refused", test_refused },
	CU_TEST_INFO_NULL,
};

int main(void)
{
	CU_SuiteInfo suites[] = {
		{ "guest layout", NULL, NULL, NULL, NULL, (CU_TestInfo *)tests },
		CU_SUITE_INFO_NULL,
	};
	unsigned int failed;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 2;
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
