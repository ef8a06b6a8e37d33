/* SPDX-License-Identifier: MIT */
/*
 * lite_op free_pages and unneeded: pages that a logged domain need not have copied.
 *
 * Invariant: a page that the domain uses again is never taken for one that is not needed: a tool that leaves out what
 * is unneeded, at the beginning of each round, has every used page right when the domain has stopped. A child
 * allocates, writes and frees pages as fast as it can and names those that it frees; the parent copies, in rounds, as
 * a saver does. Once with write faults, and once with a child that does without (LITEOP_soft_dirty).
 */
#include "child.h"

#include "public/lite.h"

#define NR_PAGES	96
#define NR_PFNS		1024

enum { MAIL_READY, MAIL_STOP, MAIL_OPS, MAIL_NAMED, MAIL_PORT, MAIL_HELPS };

static u64 pool[NR_PAGES][512] __attribute__((aligned(4096)));
static u64 in_use[512] __attribute__((aligned(4096)));	/* what the page holds, 0: free */

static long free_pages(u64 pfn, u64 count, u32 last)
{
	static struct xen_lite_range r;
	struct xen_lite_free_pages f = { .count = 1, .last = last };
	long rc;

	r = (struct xen_lite_range){ pfn, count };
	set_xen_guest_handle(f.list, &r);
	rc = hypercall2(__HYPERVISOR_lite_op, LITEOP_free_pages, &f);
	CHECK_EQ(f.done, rc == -XEN_EINVAL ? 0 : 1);
	return rc;
}

/* --- the child ------------------------------------------------------------------------------------------- */

static u64 seed = 12345;

static u64 random_below(u64 n)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (seed >> 33) % n;
}

static void use_page(unsigned int i, u64 value)
{
	in_use[i] = 0;			/* we may be stopped in the middle */
	barrier();
	for (unsigned int w = 0; w < 512; w += 64)
		((volatile u64 *)pool[i])[w] = value + w;
	barrier();
	in_use[i] = value;
}

static void step(u64 n)
{
	unsigned int i = random_below(NR_PAGES);

	if (in_use[i] ? random_below(2) : !random_below(4)) {
		use_page(i, n << 16);
		return;
	}
	in_use[i] = 0;			/* or it is free already, and named once more */
	if (!free_pages(va_to_pfn(pool[i]), 1, 0))
		mailbox()[MAIL_NAMED]++;
	if (!random_below(4))
		use_page(i, n << 16);		/* at once again */
}

static void user_of_pages(void)
{
	struct evtchn_bind_virq b = { .virq = VIRQ_LITE_LOGGED };
	struct xen_lite_soft_dirty s = { .bit = 1ul << 56 };
	volatile u64 *m = mailbox();

	if (m[MAIL_HELPS])
		CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_soft_dirty, &s), 0);
	CHECK_EQ(free_pages(va_to_pfn(pool[0]), 1, 0), -XEN_ENODATA);
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &b), 0);
	m[MAIL_PORT] = b.port;
	barrier();
	m[MAIL_READY] = 1;
	for (u64 n = 1; !m[MAIL_STOP]; n++) {
		step(n);
		m[MAIL_OPS] = n;
		if (!(n % 16))
			spin_ns(50000);
		if (!(n % 64))
			hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	}
	CHECK(port_pending(b.port), "nobody has said that it is logged");
	CHECK_EQ(free_pages(va_to_pfn(pool[0]), 32769, 0), -XEN_EINVAL);
	CHECK_EQ(free_pages(~0ul, 1, 0), -XEN_EINVAL);
	CHECK_EQ(free_pages(~0ul, 2, 0), -XEN_EINVAL);
	{
		struct xen_lite_unneeded u = { .domid = my_id() };
		struct xen_lite_free_pages f = { .count = 1 };

		CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_unneeded, &u), -XEN_EPERM);
		CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_free_pages, &f), -XEN_EFAULT);
		CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_free_pages, 0x10), -XEN_EFAULT);
	}
	m[MAIL_READY] = 2;
	while (m[MAIL_STOP] != 2)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

/* --- the parent ------------------------------------------------------------------------------------------ */

static struct child c;
static u64 marks[NR_PFNS / 64], unneeded[NR_PFNS / 64], copy[NR_PAGES][8];
static u64 *window;
static unsigned long left_out, copied;

static void shadow(unsigned int what)
{
	CHECK_EQ(dirty_log(c.id, what, marks, NR_PFNS), 0);
}

static long ask(domid_t id, u64 *bits, u32 *state)
{
	struct xen_lite_unneeded u = { .domid = id, .pages = NR_PFNS };
	long rc;

	set_xen_guest_handle(u.bitmap, (u8 *)bits);
	rc = hypercall2(__HYPERVISOR_lite_op, LITEOP_unneeded, &u);
	*state = u.state;
	return rc;
}

static u32 state_of(void)
{
	u32 state;

	CHECK_EQ(ask(c.id, NULL, &state), 0);
	return state;
}

static bool bit(const u64 *bits, u64 pfn)
{
	return bits[pfn / 64] >> pfn % 64 & 1;
}

static void read_page(unsigned int i, u64 *to)
{
	if (map_foreign(window, c.id, PTE(child_mfn(&c, pool[i]), PTE_KERNEL_RO)))
		test_die("page %u of the child cannot be mapped", i);
	for (unsigned int w = 0; w < 8; w++)
		to[w] = ((volatile u64 *)window)[w * 64];
}

static void round(bool all)
{
	u32 state;

	if (!all)
		shadow(XEN_DOMCTL_SHADOW_OP_CLEAN);
	memset(unneeded, 0xff, sizeof(unneeded));
	CHECK_EQ(ask(c.id, unneeded, &state), 0);
	for (unsigned int i = 0; i < NR_PAGES; i++) {
		u64 pfn = va_to_pfn(pool[i]);

		if (!all && !bit(marks, pfn))
			continue;
		if (bit(unneeded, pfn)) {
			left_out++;
			memset(copy[i], 0, sizeof(copy[i]));
		} else {
			copied++;
			read_page(i, copy[i]);
		}
	}
}

static void compare(void)
{
	static u64 used[512];

	if (map_foreign(window, c.id, PTE(child_mfn(&c, in_use), PTE_KERNEL_RO)))
		test_die("the child's list cannot be mapped");
	memcpy(used, window, PAGE);
	for (unsigned int i = 0; i < NR_PAGES; i++)
		for (unsigned int w = 0; used[i] && w < 8; w++)
			CHECK(copy[i][w] == used[i] + w * 64, "page %u holds 0x%lx, its copy 0x%lx", i, used[i] + w * 64,
			      copy[i][w]);
}

static void pause(bool yes)
{
	struct xen_domctl op = { .cmd = yes ? XEN_DOMCTL_pausedomain : XEN_DOMCTL_unpausedomain, .domain = c.id };

	CHECK_EQ(domctl(&op), 0);
}

static void save(unsigned int rounds)
{
	shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
	CHECK_EQ(state_of(), LITE_HINTS_asked);
	for (unsigned int r = 0; r < rounds; r++) {
		spin_ns(r ? r % 3 * 1000000 : 1000000);		/* before the first one it shall have named some */
		round(!r);
	}
	pause(true);
	round(false);
	compare();
	pause(false);
	shadow(XEN_DOMCTL_SHADOW_OP_OFF);
}

static void errors(void)
{
	u32 state;

	CHECK_EQ(ask(c.id, marks, &state), -XEN_EINVAL);	/* not logged */
	CHECK_EQ(ask(0x7000, marks, &state), -XEN_ESRCH);
	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_unneeded, 0x10), -XEN_EFAULT);
}

/* Whatever a page is named for, the hypervisor and we may write to it. */
static void written_by_others(void)
{
	u64 pfn = va_to_pfn(pool[0]);
	u32 state;

	shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
	CHECK_EQ(map_foreign(window, c.id, PTE(child_mfn(&c, pool[0]), PTE_KERNEL)), 0);
	c.mail[MAIL_STOP] = 0;
	for (unsigned int r = 0; r < 4; r++) {
		shadow(XEN_DOMCTL_SHADOW_OP_CLEAN);
		child_wait(&c, MAIL_OPS, c.mail[MAIL_OPS] + 500);
		CHECK_EQ(ask(c.id, unneeded, &state), 0);
		CHECK(!bit(unneeded, pfn), "a page that is mapped writable is not needed");
	}
	CHECK_EQ(set_va(window, 0), 0);
	shadow(XEN_DOMCTL_SHADOW_OP_OFF);
}

static void life(bool helps)
{
	u32 state;

	left_out = copied = 0;
	child_create(&c, user_of_pages);
	c.mail[MAIL_HELPS] = helps;
	CHECK_EQ(state_of(), LITE_HINTS_none);
	child_run(&c);
	if (!child_wait(&c, MAIL_READY, 1))
		test_die("the child does not begin");
	errors();
	written_by_others();
	for (unsigned int n = 0; n < 12; n++)
		save(1 + n % 5);
	printk("%lu operations, %lu pages named\n", c.mail[MAIL_OPS], c.mail[MAIL_NAMED]);
	CHECK(c.mail[MAIL_NAMED] > 100, "hardly a page was named");
	CHECK(left_out > 0 && copied > 0, "left out %lu, copied %lu", left_out, copied);
	/* A domain that does nothing: what it has named is all there. */
	c.mail[MAIL_STOP] = 1;
	CHECK(child_wait(&c, MAIL_READY, 2), "the child does not end");
	shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
	CHECK_EQ(ask(c.id, unneeded, &state), 0);
	for (unsigned int w = 0; w < NR_PFNS / 64; w++)
		CHECK_EQ(unneeded[w], 0);
	shadow(XEN_DOMCTL_SHADOW_OP_OFF);
	c.mail[MAIL_STOP] = 2;
	child_done(&c);
	CHECK_EQ(set_va(window, 0), 0);
	child_destroy(&c);
}

void test_main(void)
{
	if (hypercall2(__HYPERVISOR_lite_op, LITEOP_features, 0) < 0)
		test_skip("no lite_op");
	CHECK(hypercall2(__HYPERVISOR_lite_op, LITEOP_features, 0) & LITEF_free_pages, "no feature bit");
	window = page_alloc();
	life(false);
	life(true);
}
