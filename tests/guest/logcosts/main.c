/* SPDX-License-Identifier: MIT */
/*
 * What it costs a domain to be logged, and what a round costs: with mirrors, and without, when it helps
 * (docs/log-dirty.md). Run where time counts instructions (the runner's -i). A child writes a word to each of its
 * pages, a page table after the other, once in each round; the parent begins rounds. Rows: how it is logged,
 * instructions of the child for each page that it writes to, of CLEAN, of the first CLEAN in which nothing was
 * written. Where they are counted also the longest stay of each call when every entry of every table says dirty,
 * which is held to the limit of `bounds`.
 */
#include "child.h"
#include "stay.h"

#include "public/lite.h"

#define PAGES		512
#define TABLES		8		/* that map the pages as well as the image's own two */
#define NR_PFNS		1024

enum { MAIL_HELPS, MAIL_GO, MAIL_DONE, MAIL_TOOK, MAIL_ALL };
enum { OFF, MIRRORS, HELPED, NR_WAYS };

static const char *const ways[NR_WAYS] = { "not logged", "mirrors", "dirty bits" };
static u64 pages[PAGES][512] __attribute__((aligned(4096)));
static u64 tables[TABLES][512] __attribute__((aligned(4096)));
static u64 bits[NR_PFNS / 64];
static struct child c;

static u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a" (lo), "=d" (hi));
	return lo | (u64)hi << 32;
}

/* --- the child --- */

static void make_tables(void)
{
	for (unsigned int t = 0; t < TABLES; t++) {
		for (unsigned int i = 0; i < 512; i++)
			tables[t][i] = PTE(va_to_mfn(pages[i]), PTE_P | PTE_RW);
		CHECK_EQ(make_ro(tables[t]), 0);
		CHECK_EQ(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(tables[t])), 0);
	}
}

/* The worst: nothing is clean, and each table is news. */
static void all_dirty(void)
{
	for (unsigned int t = 0; t < TABLES; t++)
		for (unsigned int i = 0; i < 512; i++)
			CHECK_EQ(mmu_update(va_to_mfn(tables[t]) << 12 | i * 8,
					    PTE(va_to_mfn(pages[i]), PTE_P | PTE_RW | PTE_A | PTE_D)), 0);
}

static void writer(void)
{
	struct xen_lite_soft_dirty s = { .bit = 1ul << 56 };
	volatile u64 *m = mailbox();

	if (m[MAIL_HELPS])
		CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_soft_dirty, &s), 0);
	make_tables();
	for (u64 n = 1; ; n++) {
		u64 began;

		m[MAIL_DONE] = n;
		while (m[MAIL_GO] < n)
			hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		if (m[MAIL_GO] == ~0ul)
			break;
		if (m[MAIL_ALL])
			all_dirty();
		began = rdtsc();
		for (unsigned int i = 0; i < PAGES; i++)
			((volatile u64 *)pages[i])[i] = n;
		m[MAIL_TOOK] = rdtsc() - began;
	}
}

/* --- the parent --- */

static u64 shadow(unsigned int what)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op, .domain = c.id };
	u64 began;

	op.u.shadow_op.op = what;
	op.u.shadow_op.pages = NR_PFNS;
	set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, (u8 *)bits);
	began = rdtsc();
	CHECK_EQ(domctl(&op), 0);
	return rdtsc() - began;
}

static void pause(bool yes)
{
	struct xen_domctl op = { .cmd = yes ? XEN_DOMCTL_pausedomain : XEN_DOMCTL_unpausedomain, .domain = c.id };

	CHECK_EQ(domctl(&op), 0);
}

/* The child writes to all its pages; returns what each took. */
static u64 write_all(u64 n)
{
	c.mail[MAIL_GO] = n;
	if (!child_wait(&c, MAIL_DONE, n + 1))
		test_die("the child does not write");
	return c.mail[MAIL_TOOK] / PAGES;
}

static unsigned int marked(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < PAGES; i++) {
		u64 pfn = va_to_pfn(pages[i]);

		n += bits[pfn / 64] >> pfn % 64 & 1;
	}
	return n;
}

static void stay(const char *name, unsigned int what)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op, .domain = c.id,
				 .interface_version = XEN_DOMCTL_INTERFACE_VERSION };

	op.u.shadow_op.op = what;
	op.u.shadow_op.pages = NR_PFNS;
	set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, (u8 *)bits);
	measure_ok(name, "8 L1 tables, all dirty, of a domain that helps", __HYPERVISOR_domctl, &op, 0, 0, 0);
}

/* From CLEAN to CLEAN by way of OFF: the child has written in between. */
static void stays(void)
{
	stay_begin();
	c.mail[MAIL_ALL] = 1;
	write_all(4);
	pause(true);
	stay("domctl shadow_op CLEAN", XEN_DOMCTL_SHADOW_OP_CLEAN);
	stay("domctl shadow_op OFF", XEN_DOMCTL_SHADOW_OP_OFF);
	pause(false);
	write_all(5);
	pause(true);
	stay("domctl shadow_op ENABLE", XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
	pause(false);
}

static bool counted(void)
{
	return !strncmp((char *)start_info->cmd_line, "icount", 6);
}

static void way(unsigned int how, u64 *page)
{
	u64 clean = 0, idle = 0;

	child_create(&c, writer);
	c.mail[MAIL_HELPS] = how == HELPED;
	child_run(&c);
	if (!child_wait(&c, MAIL_DONE, 1))
		test_die("the child does not begin");
	if (how != OFF)
		shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
	/* Twice: what is made once is there then. */
	for (u64 n = 1; n < 4; n++) {
		*page = write_all(n);
		if (how == OFF)
			continue;
		pause(true);
		clean = shadow(XEN_DOMCTL_SHADOW_OP_CLEAN);
		CHECK_EQ(marked(), PAGES);
		idle = shadow(XEN_DOMCTL_SHADOW_OP_CLEAN);
		CHECK_EQ(marked(), 0);
		pause(false);
	}
	printk("LOGCOST | %s | %lu | %lu | %lu |\n", ways[how], *page, clean, idle);
	if (how == HELPED && counted())
		stays();
	c.mail[MAIL_GO] = ~0ul;
	child_done(&c);
	child_destroy(&c);
}

void test_main(void)
{
	u64 page[NR_WAYS];

	if (hypercall2(__HYPERVISOR_lite_op, LITEOP_features, 0) < 0)
		test_skip("no lite_op");
	printk("LOGCOST | %u pages, %u tables | a page | CLEAN | CLEAN of nothing |\n", PAGES, TABLES + 2);
	for (unsigned int how = 0; how < NR_WAYS; how++)
		way(how, &page[how]);
	if (counted()) {
		CHECK(page[HELPED] < page[OFF] + 50, "a page: %lu instructions, %lu if nobody looks", page[HELPED], page[OFF]);
		CHECK(page[MIRRORS] > 10 * page[HELPED], "mirrors: %lu, dirty bits: %lu", page[MIRRORS], page[HELPED]);
	}
}
