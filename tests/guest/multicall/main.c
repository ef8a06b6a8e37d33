/* SPDX-License-Identifier: MIT */
/*
 * multicall: several hypercalls in one.
 *
 * ABI: entries are carried out in order, each result goes to its entry, a failed one does not stop the rest, and
 * the multicall itself returns 0. Any hypercall may be in it but another multicall, whose entry fails. An iret
 * ends it: what is behind is not carried out (XSA-213). A list that cannot be read or written ends it with
 * -EFAULT.
 */
#include "guest.h"

static long multicall(struct multicall_entry *list, u64 n)
{
	return hypercall2(__HYPERVISOR_multicall, list, n);
}

static void test_order_and_results(void)
{
	volatile u64 *page = page_alloc();
	u64 pte = PTE(va_to_mfn(page), PTE_KERNEL);
	struct multicall_entry mc[] = {
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
		{ .op = __HYPERVISOR_update_va_mapping, .args = { (u64)page, 0, UVMF_INVLPG } },
		{ .op = 63, .result = 5 },
		{ .op = __HYPERVISOR_update_va_mapping, .args = { (u64)page, pte, UVMF_INVLPG } },
		{ .op = __HYPERVISOR_sched_op, .args = { SCHEDOP_yield } },
		{ .op = ~0ul },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
	};

	page[0] = 7;
	CHECK_EQ(multicall(mc, ARRAY_SIZE(mc)), 0);
	CHECK_EQ(mc[0].result >> 16, 4);
	CHECK_EQ(mc[1].result, 0);
	CHECK_EQ(mc[2].result, -XEN_ENOSYS);
	CHECK_EQ(mc[3].result, 0);
	CHECK_EQ(mc[4].result, 0);
	CHECK_EQ(mc[5].result, -XEN_ENOSYS);
	CHECK_EQ(mc[6].result, 4096);
	CHECK_EQ(page[0], 7);
}

static void test_not_inside(void)
{
	struct multicall_entry inner = { .op = __HYPERVISOR_xen_version, .args = { XENVER_version } };
	struct multicall_entry mc[] = {
		{ .op = __HYPERVISOR_multicall, .args = { (u64)&inner, 1 } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
	};
	long rc = multicall(mc, ARRAY_SIZE(mc));

	CHECK_EQ(rc, 0);
	CHECK_EQ(mc[0].result, -XEN_EINVAL);
	CHECK_EQ(mc[1].result >> 16, 4);
	CHECK_EQ(inner.result, 0);
}

/* The frame of iret lies at the stack pointer of the multicall; rax is what the frame says. */
static void test_iret_ends_it(void)
{
	static struct multicall_entry mc[] = {
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
		{ .op = __HYPERVISOR_iret },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_version }, .result = 5 },
	};
	u64 rc, rdi = (u64)mc, rsi = ARRAY_SIZE(mc);

	asm volatile("mov %%rsp, %%rdx\n"
		     "pushq %[ss]; push %%rdx; pushq $2; pushq %[cs]; pushq $1f\n"
		     "pushq $0; pushq $0x11; pushq $0x22; pushq $0xdead\n"
		     "mov %[nr], %%eax; syscall\n"
		     "1:"
		     : "=a" (rc), "+D" (rdi), "+S" (rsi)
		     : [ss] "i" (FLAT_KERNEL_SS & ~3), [cs] "i" (FLAT_KERNEL_CS & ~3), [nr] "i" (__HYPERVISOR_multicall)
		     : "rdx", "rcx", "r8", "r10", "r11", "memory", "cc");
	CHECK_EQ(rc, 0xdead);
	CHECK_EQ(mc[0].result, 4096);
	CHECK_EQ(mc[2].result, 5);
}

static void test_long_list(void)
{
	static struct multicall_entry mc[300];
	unsigned int bad = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(mc); i++)
		mc[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .result = 1,
						  .args = { i & 1 ? XENVER_pagesize : XENVER_version } };
	CHECK_EQ(multicall(mc, ARRAY_SIZE(mc)), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(mc); i++)
		bad += i & 1 ? mc[i].result != 4096 : mc[i].result >> 16 != 4;
	CHECK_EQ(bad, 0);
}

static void test_bad_lists(void)
{
	u64 *page = page_alloc(), *next = page_alloc();
	struct multicall_entry *mc;

	CHECK_EQ(multicall((void *)0x10, 1), -XEN_EFAULT);
	CHECK_EQ(multicall((void *)0xffff830000000000, 1), -XEN_EFAULT);
	CHECK_EQ(multicall((void *)0x8000000000000000, 1), -XEN_EFAULT);
	CHECK_EQ(multicall(0, 0), 0);
	/* Two entries on a page, the third beyond it on one that is not there. */
	if (next != page + 512)
		return;
	CHECK_EQ(set_va(next, 0), 0);
	mc = (void *)((u8 *)next - 2 * sizeof(*mc));
	for (int i = 0; i < 2; i++)
		mc[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } };
	CHECK_EQ(multicall(mc, 3), -XEN_EFAULT);
	CHECK_EQ(multicall(mc, 2), 0);
	CHECK_EQ(mc[0].result, 4096);
	CHECK_EQ(make_ro(page), 0);
	CHECK_EQ(multicall(mc, 2), -XEN_EFAULT);	/* no place for the result */
	CHECK_EQ(make_rw(page), 0);
	CHECK_EQ(make_rw(next), 0);
}

void test_main(void)
{
	test_order_and_results();
	test_not_inside();
	test_iret_ends_it();
	test_long_list();
	test_bad_lists();
}
