/* SPDX-License-Identifier: MIT */
/*
 * A vCPU that moves from CPU to CPU: what it knows of its page tables moves with it.
 *
 * ABI: a vCPU does not notice on which CPU it runs. A flush that it makes holds on every CPU that it comes to later,
 * also on one that has been idle since it left. The same for its page tables.
 */
#include "guest.h"

#include "public/domctl.h"

static volatile u64 *page, *window;

static void move_to(unsigned int cpu)
{
	u64 mask = 1ul << cpu;
	struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpuaffinity, .interface_version = XEN_DOMCTL_INTERFACE_VERSION };

	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (u8 *)&mask);
	CHECK_EQ(hypercall1(__HYPERVISOR_domctl, &op), 0);
	hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	op.cmd = XEN_DOMCTL_getvcpuinfo;
	op.u.getvcpuinfo.vcpu = 0;
	CHECK_EQ(hypercall1(__HYPERVISOR_domctl, &op), 0);
	CHECK_EQ(op.u.getvcpuinfo.cpu, cpu);
}

static void map_here(u64 mfn, u64 flush)
{
	CHECK_EQ(hypercall3(__HYPERVISOR_update_va_mapping, window, PTE(mfn, PTE_KERNEL), flush), 0);
}

/* Known on CPU 0, changed and flushed on CPU 1, then back on CPU 0. */
static void test_flush_moves(u64 flush)
{
	u64 first = va_to_mfn(page), second = va_to_mfn(page + 512);

	move_to(0);
	map_here(first, UVMF_INVLPG);
	CHECK_EQ(*window, 1);
	move_to(1);
	CHECK_EQ(*window, 1);
	map_here(second, flush);
	if (flush == UVMF_NONE)
		CHECK_EQ(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
	CHECK_EQ(*window, 2);
	move_to(0);
	CHECK_EQ(*window, 2);
}

/* New page tables are in force on the CPU that knew the old ones. */
static void test_base_moves(void)
{
	u64 *l4 = page_alloc();

	move_to(0);
	CHECK_EQ(*window, 2);
	memcpy(l4, (void *)start_info->pt_base, PAGE);
	table_new(l4, 4);
	move_to(1);
	CHECK_EQ(mmuext(MMUEXT_NEW_BASEPTR, va_to_mfn(l4)), 0);
	CHECK_EQ(*window, 2);
	move_to(0);
	CHECK_EQ(*window, 2);
	CHECK_EQ(mmuext(MMUEXT_NEW_BASEPTR, l4_mfn()), 0);
}

void test_main(void)
{
	if (!is_dom0())
		test_skip("only dom0 may say where it runs");
	if (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0) < 0)
		test_skip("needs two CPUs");
	page = page_alloc();
	if (page_alloc() != page + 512)
		test_die("pages are not side by side");
	window = page_alloc();
	page[0] = 1;
	page[512] = 2;
	for (int i = 0; i < 10; i++) {
		test_flush_moves(UVMF_INVLPG);
		test_flush_moves(UVMF_TLB_FLUSH);
		test_flush_moves(UVMF_NONE);
	}
	test_base_moves();
}
