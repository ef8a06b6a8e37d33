/* SPDX-License-Identifier: MIT */
/*
 * The page allocator, mm/page_alloc.c, on a machine of 64 MiB that is an array here: the memory map with its holes,
 * what the boot takes, then a random walk of allocations and frees against a map of who has what. Every frame handed
 * out is RAM, belongs to nobody else, is zero where that was promised and below the address asked for; in the end all
 * is free again, in as large blocks as in the beginning.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xl/config.h>

#include "suite.h"

#define MACHINE		(64UL << 20)
#define NR_FRAMES	(MACHINE / 4096)

static char machine[MACHINE] __attribute__((aligned(4096), used));
static char frames[NR_FRAMES * 32] __attribute__((aligned(64)));
static unsigned long m2p[NR_FRAMES];

#undef FRAME_TABLE_VIRT
#undef DIRECTMAP_VIRT
#undef M2P_RW_VIRT
#define FRAME_TABLE_VIRT	((unsigned long)frames)
#define DIRECTMAP_VIRT		((unsigned long)machine)
#define M2P_RW_VIRT		((unsigned long)m2p)
/* The image, by the names that the linker script gives it. */
#define _start			image_start
#define _end			image_end
#define image_start_pa		(2UL << 20)
#define image_end_pa		(3UL << 20)
__asm__(".globl image_start, image_end\n"
	"image_start = machine + 0x200000\n"
	"image_end = machine + 0x300000\n");

#include <xl/mm.h>
#include "../../xen-lite/mm/page_alloc.c"

_Static_assert(sizeof(struct page_info) == 32, "the frame table above has room for 32 bytes each");

/* --- the rest of the hypervisor --- */

struct boot_info boot_info;
unsigned long max_page = NR_FRAMES;
static struct domain domain_a;
static bool domain_full;
static unsigned long flushed;
static char boot_message[200];
static jmp_buf boot_failed;

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	abort();
}

void boot_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(boot_message, sizeof(boot_message), fmt, ap);
	va_end(ap);
	longjmp(boot_failed, 1);
}

void spin_lock(spinlock_t *l) { if (l->holder++) panic("lock taken twice\n"); }
void spin_unlock(spinlock_t *l) { if (--l->holder) panic("lock not held\n"); }
void tlb_flush_since(u64 stamp) { flushed = max(flushed, stamp); }
u64 tlb_stamp_now(void) { static u64 t; return ++t; }

int page_assign(struct page_info *pg, unsigned int order, struct domain *d)
{
	if (domain_full)
		return -XEN_E2BIG;
	for (unsigned long i = 0; i < 1UL << order; i++) {
		pg[i].owner = d->id;
		pg[i].count_info = PGC_ram | PGC_allocated | 1;
	}
	return 0;
}

void hv_free_pages(void *v, unsigned int order)
{
	heap_free_block(virt_to_page(v), order);
}

/* --- set-up --- */

static bool usable[NR_FRAMES];
static unsigned int frames_usable;

static void ram(u64 addr, u64 size, u32 type)
{
	boot_info.e820[boot_info.nr_e820++] = (struct e820entry_){ addr, size, type };
}

/* --- the memory map --- */

static void map_is(unsigned int n, const struct range *want)
{
	CU_ASSERT_EQUAL_FATAL(nr_boot_free, n);
	for (unsigned int i = 0; i < n; i++) {
		CU_ASSERT_EQUAL(boot_free[i].start, want[i].start);
		CU_ASSERT_EQUAL(boot_free[i].end, want[i].end);
	}
}

static void map_new(void)
{
	nr_boot_free = 0;
	memset(&boot_info, 0, sizeof(boot_info));
}

#define M	(1UL << 20)

/* What is reserved, by whatever entry, is never free, nor is a page that is free only in part. */
static void test_map(void)
{
	map_new();
	ram(4 * M + 1, 8 * M, 1);
	ram(6 * M + 5, 10, 2);			/* in the middle */
	ram(11 * M, 5 * M, 2);			/* over the end */
	ram(20 * M, M, 1);
	ram(19 * M, 3 * M, 2);			/* over all of it */
	ram(24 * M, 2 * M, 1);
	ram(23 * M, 2 * M, 2);			/* over the beginning */
	ram(30 * M + 1, 4096, 1);		/* not one whole page */
	boot_mem_init();
	map_is(5, (struct range[]){
		{ 4 * M + 4096, 6 * M }, { 20 * M, 20 * M }, { 24 * M, 24 * M }, { 6 * M + 4096, 11 * M }, { 25 * M, 26 * M },
	});
}

/* A map with more pieces than there is room for: memory is lost, nothing else. */
static void test_map_full(void)
{
	map_new();
	for (unsigned int i = 0; i < ARRAY_SIZE(boot_free) + 5; i++)
		boot_range_add(16 * M + i * 16 * 4096, 16 * M + (i * 16 + 8) * 4096);
	CU_ASSERT_EQUAL(nr_boot_free, ARRAY_SIZE(boot_free));
	boot_range_cut(16 * M + 4096, 16 * M + 8192);
	CU_ASSERT_EQUAL(nr_boot_free, ARRAY_SIZE(boot_free));
	CU_ASSERT_EQUAL(boot_free[0].start, 16 * M);
	CU_ASSERT_EQUAL(boot_free[0].end, 16 * M + 4096);
}

/* From as high as possible, but below 4 GiB; when that is not enough, the message says what there was. */
static void test_boot_alloc(void)
{
	map_new();
	boot_range_add(5UL << 30, 6UL << 30);
	boot_range_add(32 * M, 40 * M);
	boot_range_add(8 * M, 16 * M);
	CU_ASSERT_EQUAL((char *)boot_alloc(2) - machine, 40 * M - 8192);
	CU_ASSERT_EQUAL((char *)boot_alloc(3 * 512) - machine, 32 * M);	/* 2 MiB aligned */
	CU_ASSERT_EQUAL((char *)boot_alloc(3 * 512) - machine, 10 * M);
	CU_ASSERT_FALSE(boot_alloc_done());
	if (!setjmp(boot_failed)) {
		boot_alloc(1024);
		CU_FAIL("there were not 4 MiB left");
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(boot_message, "2048 KiB below 4 GiB"));
	CU_ASSERT_PTR_NOT_NULL(strstr(boot_message, "needs 4096 KiB"));
	map_new();
}

static void set_usable(u64 from, u64 to, bool yes)
{
	for (u64 a = from; a < to; a += 4096)
		usable[a >> 12] = yes;
}

static void machine_map(void)
{
	ram(0, 0x9fc00, 1);
	ram(0xf0000, 0x10000, 2);
	ram(1UL << 20, (40UL << 20) - (1UL << 20) + 0x800, 1);
	ram(20UL << 20, 2UL << 20, 2);		/* in the middle of RAM: reserved wins */
	ram(41UL << 20, 23UL << 20, 1);
	boot_info.module[0] = (struct boot_module){ .start = 8UL << 20, .size = (3UL << 20) + 5 };
	boot_info.nr_modules = 1;
	set_usable(1UL << 20, 40UL << 20, true);
	set_usable(41UL << 20, 64UL << 20, true);
	set_usable(20UL << 20, 22UL << 20, false);
	set_usable(image_start_pa, image_end_pa, false);
	set_usable(8UL << 20, (11UL << 20) + 4096, false);
	domain_a.id = 1;
	memset(machine, 0x5a, sizeof(machine));
}

static void take(const void *v, unsigned long pages)
{
	unsigned long first = ((const char *)v - machine) >> 12;

	for (unsigned long i = first; i < first + pages; i++) {
		CU_ASSERT_TRUE(usable[i]);
		usable[i] = false;
	}
}

static bool is_zero(const void *v, size_t n)
{
	static const char zero[4096];

	for (size_t off = 0; off < n; off += 4096)
		if (memcmp((const char *)v + off, zero, 4096))
			return false;
	return true;
}

static void test_boot(void)
{
	void *v;

	machine_map();
	boot_mem_init();
	v = boot_alloc(1);
	CU_ASSERT_TRUE(is_zero(v, 4096));
	take(v, 1);
	v = boot_alloc(600);
	CU_ASSERT_EQUAL(((char *)v - machine) & ((2UL << 20) - 1), 0);	/* large ones are aligned */
	take(v, 600);
	heap_init();
	for (unsigned long i = 0; i < NR_FRAMES; i++)
		frames_usable += usable[i];
	CU_ASSERT_EQUAL(heap_free_pages(), frames_usable);
	CU_ASSERT_EQUAL(heap_hypervisor_pages(), heap_total_pages() - frames_usable);
	CU_ASSERT_FALSE(mfn_valid(_mfn(0xf0)));
	CU_ASSERT_TRUE(mfn_valid(_mfn(256)));
	CU_ASSERT_FALSE(mfn_valid(_mfn(NR_FRAMES)));
	max_page = 256;
	CU_ASSERT_FALSE(mfn_valid(_mfn(256)));
	max_page = NR_FRAMES;
	heap_free_range(256 * 4096 + 1, 257 * 4096 + 4095);	/* no whole page */
	CU_ASSERT_EQUAL(heap_free_pages(), frames_usable);
	CU_ASSERT_TRUE(boot_alloc_done());
}

/* --- the walk --- */

static struct block {
	struct page_info *pg;
	unsigned int order;
} blocks[400];
static unsigned int nr_blocks;

static void check_block(struct page_info *pg, unsigned int order, unsigned int bits)
{
	unsigned long m = mfn_x(page_to_mfn(pg));

	CU_ASSERT_EQUAL(m & ((1UL << order) - 1), 0);
	if (bits)
		CU_ASSERT_EQUAL((m + (1UL << order) - 1) << 12 >> bits, 0);
	CU_ASSERT_TRUE(is_zero(page_to_virt(pg), 4096UL << order));
	take(page_to_virt(pg), 1UL << order);
	memset(page_to_virt(pg), 0x77, 4096UL << order);
}

static void give_back(unsigned int i)
{
	unsigned long m = mfn_x(page_to_mfn(blocks[i].pg));

	for (unsigned long k = 0; k < 1UL << blocks[i].order; k++)
		usable[m + k] = true;
	heap_free_block(blocks[i].pg, blocks[i].order);
	blocks[i] = blocks[--nr_blocks];
}

static void test_walk(void)
{
	unsigned long before = heap_free_pages(), hypervisor = heap_hypervisor_pages(), held = 0;

	srand(1);
	for (unsigned int step = 0; step < 20000; step++) {
		unsigned int order = rand() % 8 ? rand() % 4 : rand() % 11, bits = rand() % 4 ? 0 : 23 + rand() % 4;
		struct page_info *pg;

		if (nr_blocks && (rand() % 2 || nr_blocks == ARRAY_SIZE(blocks))) {
			unsigned int i = rand() % nr_blocks;

			held -= 1UL << blocks[i].order;
			give_back(i);
			continue;
		}
		pg = domain_alloc_pages(&domain_a, order, MEMF_bits(bits));
		if (!pg)
			continue;
		check_block(pg, order, bits);
		blocks[nr_blocks++] = (struct block){ pg, order };
		held += 1UL << order;
		CU_ASSERT_EQUAL(heap_free_pages(), before - held);
	}
	CU_ASSERT_EQUAL(heap_hypervisor_pages(), hypervisor);
	while (nr_blocks)
		give_back(0);
	CU_ASSERT_EQUAL(heap_free_pages(), before);
	CU_ASSERT_TRUE(flushed > 0);
}

/* To the last frame, and back: neighbours have found each other again. */
static void test_exhaust(void)
{
	unsigned long before = heap_free_pages(), got = 0;
	struct page_info *list[NR_FRAMES], *big;

	big = heap_alloc_block(11, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(big);
	heap_free_block(big, 11);
	while (got < NR_FRAMES && (list[got] = heap_alloc_block(0, 0)))
		got++;
	CU_ASSERT_EQUAL(got, before);
	CU_ASSERT_EQUAL(heap_free_pages(), 0);
	CU_ASSERT_PTR_NULL(hv_alloc_page());
	CU_ASSERT_PTR_NULL(hv_alloc(100));
	while (got--)
		heap_free_block(list[got], 0);
	CU_ASSERT_EQUAL(heap_free_pages(), before);
	CU_ASSERT_PTR_EQUAL(heap_alloc_block(11, 0), big);
	heap_free_block(big, 11);
}

static void test_limits(void)
{
	unsigned long before = heap_free_pages();

	CU_ASSERT_PTR_NULL(domain_alloc_pages(&domain_a, MAX_ORDER + 1, 0));
	CU_ASSERT_PTR_NULL(domain_alloc_pages(&domain_a, 0, MEMF_bits(12)));
	CU_ASSERT_PTR_NULL(domain_alloc_pages(&domain_a, 0, MEMF_bits(20)));	/* the first MiB is not ours to give */
	domain_full = true;
	CU_ASSERT_PTR_NULL(domain_alloc_pages(&domain_a, 3, 0));
	domain_full = false;
	CU_ASSERT_EQUAL(heap_free_pages(), before);
}

/* Contents survive only where they are said not to matter, and never on to the next owner. */
static void test_scrub(void)
{
	struct page_info *pg;

	for (int round = 0; round < 4; round++) {
		pg = domain_alloc_pages(&domain_a, 2, round % 2 ? MEMF_no_scrub : 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(pg);
		if (!(round % 2))
			CU_ASSERT_TRUE(is_zero(page_to_virt(pg), 4 * 4096));
		memset(page_to_virt(pg), 0x66, 4 * 4096);
		heap_free_block(pg, 2);
	}
}

static void test_objects(void)
{
	static const size_t sizes[] = { 1, 16, 17, 100, 2048, 2049, 4096, 5000, 70000 };
	char *v[ARRAY_SIZE(sizes)];
	unsigned long all = heap_free_pages() + heap_hypervisor_pages();

	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
			v[i] = hv_alloc(sizes[i]);
			CU_ASSERT_PTR_NOT_NULL_FATAL(v[i]);
			CU_ASSERT_EQUAL((unsigned long)v[i] % 16, 0);
			for (size_t b = 0; b < sizes[i]; b++)
				if (v[i][b]) {
					CU_FAIL("an object is not zero");
					break;
				}
			memset(v[i], 0x33, sizes[i]);
		}
		CU_ASSERT_EQUAL(heap_free_pages() + heap_hypervisor_pages(), all);
		for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
			hv_free(v[i]);
	}
	hv_free(NULL);
	CU_ASSERT_EQUAL(heap_free_pages() + heap_hypervisor_pages(), all);
	CU_ASSERT_PTR_NULL(hv_alloc(1UL << 40));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "memory maps", test_map },
		{ "a map in too many pieces", test_map_full },
		{ "memory at boot", test_boot_alloc },
		{ "boot memory", test_boot },
		{ "random walk", test_walk },
		{ "to the last frame", test_exhaust },
		{ "limits", test_limits },
		{ "scrubbing", test_scrub },
		{ "small objects", test_objects },
		CU_TEST_INFO_NULL,
	};

	return suite_run("page allocator", tests);
}
