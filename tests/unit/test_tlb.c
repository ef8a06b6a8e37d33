/* SPDX-License-Identifier: MIT */
/*
 * The clock of mm/tlb.c, with processors that have a TLB each: a bit for every frame that a translation leads to. A
 * frame whose use has ended is used otherwise only after tlb_flush_since(), and then no processor may know it any more;
 * and one that has flushed by itself meanwhile is left in peace, which is what the clock is for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xl/asm.h>

#include "suite.h"

static u64 fake_read_cr3(void);
static void fake_write_cr3(u64 cr3);
static void fake_invlpg(unsigned long va);
/* The C library has another clock. */
#define clock		tlb_clock
#define read_cr3	fake_read_cr3
#define write_cr3	fake_write_cr3
#define invlpg		fake_invlpg
#include "../../xen-lite/mm/tlb.c"

#define FRAMES	32

static u32 knows[SHIM_CPUS];			/* the TLBs: one bit for each frame */
static bool guest_on[SHIM_CPUS], idle[SHIM_CPUS];
static unsigned int interrupts[SHIM_CPUS], loads[SHIM_CPUS];
static unsigned long invalidated[SHIM_CPUS];
static void (*while_loading)(void);
static struct domain domain;
static struct vcpu vcpu = { .domain = &domain };

static u64 fake_read_cr3(void) { return 0x1000 * (shim_cpu + 1); }
static void fake_invlpg(unsigned long va) { invalidated[shim_cpu] = va; }

static void fake_write_cr3(u64 cr3)
{
	CU_ASSERT_EQUAL(cr3, fake_read_cr3());
	if (while_loading)
		while_loading();
	knows[shim_cpu] = 0;
	loads[shim_cpu]++;
}

/* --- the rest of the hypervisor --- */

bool cpu_l4_has_guest(unsigned int cpu) { return guest_on[cpu]; }

/* An idle CPU leaves the last guest's tables, and with them everything that it knew. */
bool cpu_l4_drop_idle(void)
{
	if (!idle[shim_cpu])
		return false;
	guest_on[shim_cpu] = false;
	knows[shim_cpu] = 0;
	return true;
}

void cpu_l4_cpus_of(const struct domain *d, unsigned long *cpus)
{
	CU_ASSERT_PTR_EQUAL(d, &domain);
	memset(cpus, 0, NR_CPUS / 8);
	for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
		if (guest_on[cpu])
			__set_bit(cpu, cpus);
}

void smp_call(const unsigned long *cpus, void (*fn)(void *), void *arg)
{
	u32 me = shim_cpu;

	for (shim_cpu = 0; shim_cpu < nr_cpus; shim_cpu++) {
		if (!test_bit(shim_cpu, cpus))
			continue;
		interrupts[shim_cpu]++;
		fn(arg);
	}
	shim_cpu = me;
}

static void world_up(unsigned int cpus)
{
	nr_cpus = cpus;
	shim_cpu = 0;
	memset(knows, 0, sizeof(knows));
	memset(idle, 0, sizeof(idle));
	memset(interrupts, 0, sizeof(interrupts));
	memset(loads, 0, sizeof(loads));
	memset(invalidated, 0, sizeof(invalidated));
	memset(vcpu.count, 0, sizeof(vcpu.count));
	while_loading = NULL;
	for (unsigned int cpu = 0; cpu < SHIM_CPUS; cpu++) {
		guest_on[cpu] = true;
		shim_cpu_info[cpu].on = &vcpu;
	}
}

/* --- tests --- */

static void test_filter(void)
{
	u64 stamp;

	world_up(4);
	stamp = tlb_stamp_now();
	guest_on[1] = false;
	shim_cpu = 2;
	tlb_note_full_flush();
	shim_cpu = 0;
	tlb_flush_since(stamp);
	CU_ASSERT_EQUAL(interrupts[0], 1);
	CU_ASSERT_EQUAL(interrupts[1], 0);		/* has no guest */
	CU_ASSERT_EQUAL(interrupts[2], 0);		/* has flushed since */
	CU_ASSERT_EQUAL(interrupts[3], 1);
	tlb_flush_since(stamp);
	CU_ASSERT_EQUAL(interrupts[0] + interrupts[3], 2);
	CU_ASSERT(tlb_stamp_now() > stamp);
}

static u64 stamp_while_loading;

static void a_use_ends(void)
{
	while_loading = NULL;
	stamp_while_loading = tlb_stamp_now();
}

/* A use that ends while a CPU flushes counts as not flushed: the note is made first. */
static void test_note_comes_first(void)
{
	world_up(1);
	while_loading = a_use_ends;
	tlb_flush_local();
	tlb_flush_since(stamp_while_loading);
	CU_ASSERT_EQUAL(loads[0], 2);
}

static void test_local(void)
{
	world_up(2);
	tlb_flush_local();
	CU_ASSERT_EQUAL(loads[0], 1);
	CU_ASSERT_EQUAL(vcpu.count[COUNT_FLUSH], 1);
	idle[0] = true;
	tlb_flush_local();
	CU_ASSERT_EQUAL(loads[0], 1);			/* it has no tables of a guest any more */
	CU_ASSERT_EQUAL(vcpu.count[COUNT_FLUSH], 1);
	shim_cpu_info[1].on = NULL;			/* at boot */
	shim_cpu = 1;
	tlb_flush_local();
	CU_ASSERT_EQUAL(loads[1], 1);
}

static void test_one_address(void)
{
	DECLARE_BITMAP(cpus, NR_CPUS) = { 0 };

	world_up(3);
	guest_on[1] = false;
	tlb_flush_one_domain(&domain, 0x7000);
	CU_ASSERT_EQUAL(invalidated[0], 0x7000);
	CU_ASSERT_EQUAL(invalidated[1], 0);
	CU_ASSERT_EQUAL(invalidated[2], 0x7000);
	__set_bit(1, cpus);
	tlb_flush_one_mask(cpus, 0x8000);
	CU_ASSERT_EQUAL(invalidated[1], 0x8000);
	tlb_flush_one_local(1UL << 63);			/* no address at all: a guest may ask for anything */
	CU_ASSERT_EQUAL(invalidated[0], 0x7000);
	CU_ASSERT_EQUAL(loads[0] + loads[1] + loads[2], 0);
}

static void test_domain(void)
{
	world_up(3);
	guest_on[1] = false;
	tlb_flush_domain(&domain);
	CU_ASSERT_EQUAL(loads[0], 1);
	CU_ASSERT_EQUAL(loads[1], 0);
	CU_ASSERT_EQUAL(loads[2], 1);
}

/* Frames come into use, go out of use and are used otherwise; CPUs flush now and then, lose their guest and get one. */
static void test_walk(void)
{
	u64 stamp[FRAMES] = { 0 };
	bool used[FRAMES] = { false };
	unsigned int needless = 0, stale = 0;

	world_up(SHIM_CPUS);
	srand(5);
	for (unsigned int step = 0; step < 100000; step++) {
		unsigned int frame = rand() % FRAMES;
		u32 known = 0;

		shim_cpu = rand() % nr_cpus;
		switch (rand() % 6) {
		case 0: case 1:				/* a guest looks at a frame */
			if (used[frame] && guest_on[shim_cpu])
				knows[shim_cpu] |= 1U << frame;
			break;
		case 2:					/* the entry goes, translations stay */
			used[frame] = false;
			stamp[frame] = tlb_stamp_now();
			break;
		case 3:					/* used otherwise */
			if (used[frame])
				break;
			memset(interrupts, 0, sizeof(interrupts));
			tlb_flush_since(stamp[frame]);
			for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
				known |= guest_on[cpu] ? knows[cpu] : 0;
			stale += known >> frame & 1;
			used[frame] = true;
			stamp[frame] = 0;
			break;
		case 4:					/* back to user mode */
			tlb_note_full_flush();
			knows[shim_cpu] = 0;
			memset(interrupts, 0, sizeof(interrupts));
			tlb_flush_since(stamp[frame]);
			needless += interrupts[shim_cpu];
			break;
		default:				/* another guest, or none: that loads CR3 */
			tlb_note_full_flush();
			knows[shim_cpu] = 0;
			guest_on[shim_cpu] = rand() % 4;
			idle[shim_cpu] = rand() % 2;
		}
	}
	CU_ASSERT_EQUAL(stale, 0);
	CU_ASSERT_EQUAL(needless, 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "who is flushed", test_filter },
		{ "the note comes before the flush", test_note_comes_first },
		{ "this CPU", test_local },
		{ "one address", test_one_address },
		{ "a domain", test_domain },
		{ "random walk", test_walk },
		CU_TEST_INFO_NULL,
	};

	return suite_run("TLBs", tests);
}
