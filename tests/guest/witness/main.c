/* SPDX-License-Identifier: MIT */
/*
 * A guest that does no harm and notices harm: it fills 8 MiB, then looks over and over whether every word, its text and
 * its page tables are what they were. It runs beside guests that misbehave (tests/system/test_beside.c).
 *
 * Says `witness: N rounds` about once a second, N growing, and the verdict FAIL at the first difference.
 */
#include "guest.h"

#define NR_PAGES	2048

static u64 pages[NR_PAGES][512] __attribute__((aligned(4096)));

static u64 mix(u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	return x ^ x >> 27;
}

/* Of text, constants and the first page tables but for accessed and dirty bits. */
static u64 checksum(void)
{
	extern const u64 extable_end[];
	const u64 *tables = (u64 *)start_info->pt_base;
	u64 sum = 0;

	for (const u64 *p = (u64 *)(VIRT_BASE + (1 << 20)); p < extable_end; p++)
		sum = mix(sum + *p);
	for (u64 i = 0; i < start_info->nr_pt_frames * 512; i++)
		sum = mix(sum + (tables[i] & ~(PTE_A | PTE_D)));
	return sum;
}

static void look(u64 sum)
{
	for (u64 i = 0; i < NR_PAGES; i++)
		for (u64 w = 0; w < 512; w++)
			if (pages[i][w] != mix(i * 512 + w))
				test_die("page %lu word %lu: 0x%lx", i, w, pages[i][w]);
	if (checksum() != sum)
		test_die("text or page tables have changed");
}

void test_main(void)
{
	u64 sum = checksum();

	if (is_dom0())
		test_skip("has to run beside others, as tests/system/test_beside.c does it");
	for (u64 i = 0; i < NR_PAGES; i++)
		for (u64 w = 0; w < 512; w++)
			pages[i][w] = mix(i * 512 + w);
	for (unsigned int n = 1; ; n++) {
		struct sched_poll nap = { .timeout = time_now() + 1000000000 };

		look(sum);
		printk("witness: %u rounds\n", n);
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &nap);
	}
}
