/* SPDX-License-Identifier: MIT */
/*
 * lite_op copy_frames: pages of another domain are read and written without being mapped.
 *
 * Invariant: what is copied is the page, whole; only frames of the domain named, and no page table, can be written; the
 * frames before the one that fails are done, those behind it untouched; what is written is in the log.
 */
#include "child.h"

#include "public/lite.h"

#define NR		48
#define NR_PFNS		2048

enum { MAIL_READY, MAIL_TABLE, MAIL_STOP };

static u64 pool[NR][512] __attribute__((aligned(4096)));
static u64 buffer[NR][512] __attribute__((aligned(4096)));
static xen_pfn_t list[NR];
static u64 marks[NR_PFNS / 64];
static struct child c;

static long call(struct xen_lite_copy_frames *f)
{
	return hypercall2(__HYPERVISOR_lite_op, LITEOP_copy_frames, f);
}

static long copy(domid_t id, unsigned int flags, u32 count, void *to, u32 *done)
{
	struct xen_lite_copy_frames f = { .domid = id, .flags = flags, .count = count };
	long rc;

	set_xen_guest_handle(f.list, list);
	set_xen_guest_handle(f.buffer, to);
	rc = call(&f);
	*done = f.done;
	return rc;
}

static void fill(u64 (*pages)[512], u64 seed)
{
	for (u64 i = 0; i < NR; i++)
		for (u64 w = 0; w < 512; w++)
			pages[i][w] = seed + (i << 16) + w;
}

static unsigned int differ(u64 (*pages)[512], u64 seed)
{
	unsigned int n = 0;

	for (u64 i = 0; i < NR; i++)
		for (u64 w = 0; w < 512; w++)
			n += pages[i][w] != seed + (i << 16) + w;
	return n;
}

static void child_main(void)
{
	struct xen_lite_copy_frames f = { .domid = my_id() };
	volatile u64 *m = mailbox();

	CHECK(!(hypercall2(__HYPERVISOR_lite_op, LITEOP_features, 0) & LITEF_copy_frames), "the bit is set for a guest");
	CHECK_EQ(call(&f), -XEN_EPERM);
	fill(pool, 1ul << 40);
	m[MAIL_TABLE] = start_info->pt_base;
	barrier();
	m[MAIL_READY] = 1;
	while (!m[MAIL_STOP])
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	CHECK_EQ(differ(pool, 2ul << 40), 0);
}

static void list_pool(void)
{
	for (unsigned int i = 0; i < NR; i++)
		list[i] = child_mfn(&c, pool[i]);
}

static void both_ways(void)
{
	u32 done;

	list_pool();
	CHECK_EQ(copy(c.id, 0, NR, buffer, &done), 0);
	CHECK_EQ(done, NR);
	CHECK_EQ(differ(buffer, 1ul << 40), 0);
	fill(buffer, 2ul << 40);
	CHECK_EQ(copy(c.id, LITE_COPY_in, NR, buffer, &done), 0);
	CHECK_EQ(done, NR);
	fill(buffer, 0);
	CHECK_EQ(copy(c.id, 0, NR, buffer, &done), 0);
	CHECK_EQ(differ(buffer, 2ul << 40), 0);
	CHECK_EQ(copy(c.id, 0, 0, buffer, &done), 0);
}

static void left_out(void)
{
	u32 done;

	list_pool();
	list[0] = list[7] = LITE_COPY_no_frame;
	fill(buffer, 3ul << 40);
	CHECK_EQ(copy(c.id, 0, 8, buffer, &done), 0);
	CHECK_EQ(done, 8);
	CHECK_EQ(buffer[0][5], (3ul << 40) + 5);
	CHECK_EQ(buffer[7][5], (3ul << 40) + (7 << 16) + 5);
	CHECK_EQ(buffer[6][5], (2ul << 40) + (6 << 16) + 5);
}

/* A frame in the middle that is none: refused there, and nothing behind it is touched. */
static void refused_at(u64 frame, unsigned int flags, long want)
{
	u32 done;

	list_pool();
	list[3] = frame;
	fill(buffer, 2ul << 40);
	buffer[2][0] = buffer[4][0] = ~0ul;
	CHECK_EQ(copy(c.id, flags, 5, buffer, &done), want);
	CHECK_EQ(done, 3);
	list_pool();
	CHECK_EQ(copy(c.id, 0, 5, buffer, &done), 0);
	CHECK_EQ(buffer[2][0], flags ? ~0ul : (2ul << 40) + (2 << 16));
	CHECK_EQ(buffer[4][0], (2ul << 40) + (4 << 16));
	fill(buffer, 2ul << 40);
	CHECK_EQ(copy(c.id, LITE_COPY_in, 5, buffer, &done), 0);
}

static void wrong_frames(void)
{
	u64 table = child_mfn(&c, (void *)c.mail[MAIL_TABLE]), ours = va_to_mfn(buffer[0]);
	static u64 before[512];
	u32 done;

	for (unsigned int flags = 0; flags <= LITE_COPY_in; flags++) {
		refused_at(ours, flags, -XEN_EINVAL);
		refused_at(~0ul - 1, flags, -XEN_EINVAL);
		refused_at(1ul << 52, flags, -XEN_EINVAL);
	}
	refused_at(table, LITE_COPY_in, -XEN_EINVAL);
	list[0] = table;
	CHECK_EQ(copy(c.id, 0, 1, before, &done), 0);
	CHECK(before[511] & 1, "the child's top-level table has no entry for its kernel");
}

static void wrong_calls(void)
{
	struct xen_lite_copy_frames f = { .domid = c.id, .count = 1, .done = 2 };
	u32 done;

	list_pool();
	CHECK_EQ(call(&f), -XEN_EINVAL);
	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_copy_frames, 0x10), -XEN_EFAULT);
	CHECK_EQ(copy(0x7000, 0, 1, buffer, &done), -XEN_ESRCH);
	CHECK_EQ(copy(DOMID_XEN, 0, 1, buffer, &done), -XEN_ESRCH);
	CHECK_EQ(copy(c.id, 2, 1, buffer, &done), -XEN_EINVAL);
	CHECK_EQ(copy(c.id, 0, 1, (void *)0x10, &done), -XEN_EFAULT);
	CHECK_EQ(copy(c.id, LITE_COPY_in, 1, (void *)0x10, &done), -XEN_EFAULT);
	CHECK_EQ(copy(c.id, 0, 1, (void *)0xffff820000000000, &done), -XEN_EINVAL);
	CHECK_EQ(copy(c.id, 0, 2, (void *)(0ul - PAGE), &done), -XEN_EINVAL);
	f = (struct xen_lite_copy_frames){ .domid = c.id, .count = 1 };
	set_xen_guest_handle(f.list, (xen_pfn_t *)0x10);
	CHECK_EQ(call(&f), -XEN_EFAULT);
	CHECK_EQ(f.done, 0);
	/* The failed copy into the child may have changed its first page. */
	fill(buffer, 2ul << 40);
	CHECK_EQ(copy(c.id, LITE_COPY_in, 1, buffer, &done), 0);
}

static void shadow(unsigned int what)
{
	CHECK_EQ(dirty_log(c.id, what, marks, NR_PFNS), 0);
}

static bool marked(unsigned int i)
{
	u64 pfn = va_to_pfn(pool[i]);

	return marks[pfn / 64] >> pfn % 64 & 1;
}

static void logged(void)
{
	u32 done;

	list_pool();
	shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
	shadow(XEN_DOMCTL_SHADOW_OP_CLEAN);
	CHECK_EQ(copy(c.id, 0, 4, buffer, &done), 0);
	list[0] = list[1] = LITE_COPY_no_frame;
	CHECK_EQ(copy(c.id, LITE_COPY_in, 4, buffer, &done), 0);
	shadow(XEN_DOMCTL_SHADOW_OP_CLEAN);
	CHECK(!marked(0) && !marked(1), "what was only read is marked");
	CHECK(marked(2) && marked(3), "what was written is not marked");
	shadow(XEN_DOMCTL_SHADOW_OP_OFF);
}

void test_main(void)
{
	if (hypercall2(__HYPERVISOR_lite_op, LITEOP_features, 0) < 0)
		test_skip("no lite_op");
	CHECK(hypercall2(__HYPERVISOR_lite_op, LITEOP_features, 0) & LITEF_copy_frames, "no feature bit");
	child_create(&c, child_main);
	child_run(&c);
	if (!child_wait(&c, MAIL_READY, 1))
		test_die("the child does not begin");
	both_ways();
	left_out();
	wrong_frames();
	wrong_calls();
	logged();
	c.mail[MAIL_STOP] = 1;
	child_done(&c);
	child_destroy(&c);
}
