/* SPDX-License-Identifier: MIT */
/*
 * Page tables that another vCPU still runs on are taken out of its tree and become ordinary memory, full of forged
 * entries (XSA 241, 401).
 *
 * Invariant: when an entry of level 4, 3 or 2 is gone, no processor goes through what it led to: neither by a cached
 * translation nor by a copy of the top-level table that lags behind. The second vCPU writes through the slot all the
 * time; as soon as the call is done every such write faults, whatever is put into the former tables, and the page
 * table that the forged entries point at is never written to.
 */
#include "guest.h"

#define SLOT	100ul
#define ROUNDS	30

static u64 l3[512] __attribute__((aligned(4096))), l2[512] __attribute__((aligned(4096)));
static u64 l1[512] __attribute__((aligned(4096)));
static u64 data[512] __attribute__((aligned(4096)));
static u64 victim[512] __attribute__((aligned(4096)));
static volatile u64 tries, faults, cuts_wanted, cuts_done;
static volatile bool cutting;		/* the second vCPU cuts, the first one writes in user mode */
static u64 top;				/* frame of the top-level table with the slot */

static bool skip_store(struct regs *r)
{
	if (!on_ap(r))
		return false;
	faults++;
	r->rip = r->rbx;
	return true;
}

static void cutter(void);

/* Writes numbers that are no present entries. */
static void writer(void)
{
	for (u64 n = 2; !cutting; n += 2) {
		asm volatile("lea 1f(%%rip), %%rbx; movq %1, (%0); 1:" : : "r" (SLOT << 39), "r" (n) : "rbx", "memory");
		tries++;
	}
	for (;;)
		cutter();
}

static void build(void)
{
	l1[0] = PTE(va_to_mfn(data), PTE_KERNEL | PTE_U);
	l2[0] = PTE(va_to_mfn(l1), PTE_TABLE);
	l3[0] = PTE(va_to_mfn(l2), PTE_TABLE);
	CHECK_EQ(make_ro(l1), 0);
	CHECK_EQ(make_ro(l2), 0);
	CHECK_EQ(make_ro(l3), 0);
	CHECK_EQ(mmu_update(top << 12 | SLOT * 8, PTE(va_to_mfn(l3), PTE_TABLE)), 0);
}

/* Takes out the entry of this level; then everything below it is ours to write. */
static void cut(unsigned int level)
{
	u64 at = level == 4 ? top << 12 | SLOT * 8 : level == 3 ? va_to_mfn(l3) << 12 : va_to_mfn(l2) << 12;

	CHECK_EQ(mmu_update(at, 0), 0);
	CHECK_EQ(make_rw(l1), 0);
	if (level > 2)
		CHECK_EQ(make_rw(l2), 0);
	if (level > 3)
		CHECK_EQ(make_rw(l3), 0);
	*(volatile u64 *)l1 = PTE(va_to_mfn(victim), PTE_KERNEL | PTE_U);
	if (level > 2)
		*(volatile u64 *)l2 = PTE(va_to_mfn(l1), PTE_TABLE);
	if (level > 3)
		*(volatile u64 *)l3 = PTE(va_to_mfn(l2), PTE_TABLE);
}

static void take_apart(unsigned int level)
{
	if (level < 4)
		CHECK_EQ(mmu_update(top << 12 | SLOT * 8, 0), 0);
	CHECK_EQ(make_rw(l3), 0);
	CHECK_EQ(make_rw(l2), 0);
	CHECK_EQ(make_rw(l1), 0);
}

static void one_round(unsigned int level)
{
	u64 before = faults, last, later;

	build();
	while (*(volatile u64 *)data == 0 || tries < 10)
		nap_ns(50000);
	cut(level);
	last = *(volatile u64 *)data;
	later = tries;
	ap_wait(&tries, later + 20);
	CHECK(*(volatile u64 *)data == last, "level %u: the old page is still written to", level);
	CHECK(!*(volatile u64 *)victim, "level %u: a page table was written to: 0x%lx", level, *victim);
	CHECK(faults >= before + 15, "level %u: %lu faults of 20 writes", level, faults - before);
	take_apart(level);
	*(volatile u64 *)data = 0;
}

/* --- the same with a program that writes, on the first vCPU; the second one cuts --- */

static void cutter(void)
{
	while (cuts_done == cuts_wanted)
		;
	while (!*(volatile u64 *)data)
		;
	cut(2 + cuts_done % 3);
	cuts_done++;
}

static void one_program(unsigned int level)
{
	/* 1: add $2, %rax; mov %rax, (%rbx); jmp 1b */
	static const u8 code[] = { 0x48, 0x83, 0xc0, 0x02, 0x48, 0x89, 0x03, 0xeb, 0xf7 };
	struct regs r;
	u64 last;

	if (top == l4_mfn()) {
		user_space_init(code, sizeof(code));
		top = user_l4_mfn;
	}
	build();
	cuts_wanted++;
	user_regs_init(&r);
	r.rax = 0;
	r.rbx = SLOT << 39;
	user_run(&r);
	last = *(volatile u64 *)data;
	CHECK(trap.vector == 14 && trap.cr2 == SLOT << 39, "level %u: trap %lu at 0x%lx", level, trap.vector, trap.cr2);
	CHECK(ap_wait(&cuts_done, cuts_wanted), "level %u: nobody cut", level);
	CHECK(!*(volatile u64 *)victim, "level %u: a program wrote to a page table: 0x%lx", level, *victim);
	user_run(&r);
	CHECK(trap.vector == 14, "level %u: once more: trap %lu", level, trap.vector);
	CHECK(*(volatile u64 *)data == last && !*(volatile u64 *)victim, "level %u: the program still writes", level);
	take_apart(level);
	*(volatile u64 *)data = 0;
}

void test_main(void)
{
	top = l4_mfn();
	table_new(victim, 1);
	trap_hook[14] = skip_store;
	ap_start(writer);
	for (unsigned int i = 0; i < ROUNDS; i++)
		one_round(2 + i % 3);
	cutting = true;
	for (unsigned int i = 0; i < ROUNDS; i++)
		one_program(2 + i % 3);
	printk("%lu writes, %lu faults\n", tries, faults);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(victim)), 0);
}
