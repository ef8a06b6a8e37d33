/* SPDX-License-Identifier: MIT */
/*
 * No hypercall keeps the processor for long, however large its input (XSA 125, 264, 344, 380, 410).
 *
 * Invariant: a timer that expires in the middle of a call that takes many milliseconds is delivered soon, because the
 * call is preempted; afterwards the call is finished and its result is right. Measured with the guest's own clock.
 * Under emulation another program may have the host's processor: the best of a few rounds counts.
 */
#include "guest.h"

#include "public/grant_table.h"
#include "public/lite.h"

#define LATE_NS		5000000
#define COUNT		40000		/* 16 bytes each: 160 pages */

static volatile u64 fired_at;
static u8 *list;
static u64 *target;

static bool event_hook(struct regs *r)
{
	(void)r;
	vcpu_info()->evtchn_upcall_pending = 0;
	vcpu_info()->evtchn_pending_sel = 0;
	for (unsigned int i = 0; i < 64; i++)
		shared->evtchn_pending[i] = 0;
	if (!fired_at)
		fired_at = time_now();
	return true;
}

/* The list is made: the event is due after an eighth of the time that the call took before. */
static u64 due, call_begin, call_takes;

static void begin(void)
{
	call_begin = time_now();
	fired_at = 0;
	due = call_begin + call_takes / 8;
	if (!call_takes)
		return;
	hypercall1(__HYPERVISOR_set_timer_op, due);
	events_on();
}

static long call_mmu_update(void)
{
	struct mmu_update *u = (void *)list;

	for (unsigned int i = 0; i < COUNT; i++)
		u[i] = (struct mmu_update){ .ptr = pte_machine(target, 1), .val = PTE(va_to_mfn(target), PTE_KERNEL) };
	begin();
	return hypercall4(__HYPERVISOR_mmu_update, u, COUNT, 0, DOMID_SELF);
}

static long call_mmuext(void)
{
	struct mmuext_op *op = (void *)list;

	for (unsigned int i = 0; i < COUNT / 2; i++)
		op[i] = (struct mmuext_op){ .cmd = MMUEXT_TLB_FLUSH_LOCAL };
	begin();
	return hypercall4(__HYPERVISOR_mmuext_op, op, COUNT / 2, 0, DOMID_SELF);
}

static long call_multicall(void)
{
	struct multicall_entry *m = (void *)list;

	for (unsigned int i = 0; i < COUNT / 4; i++)
		m[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } };
	begin();
	return hypercall2(__HYPERVISOR_multicall, m, COUNT / 4);
}

static long call_memory(void)
{
	struct xen_memory_reservation r = { .nr_extents = 4096, .domid = DOMID_SELF };
	u64 *frames = (u64 *)list;
	long n;

	/* Unused memory at the end of what we have. */
	for (unsigned int i = 0; i < 4096; i++)
		frames[i] = pfn_to_mfn(start_info->nr_pages - 1 - i);
	set_xen_guest_handle(r.extent_start, frames);
	begin();
	n = hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r);
	for (unsigned int i = 0; i < 4096; i++)
		frames[i] = start_info->nr_pages - 1 - i;
	if (n != 4096 || hypercall2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r) != 4096)
		return -1;
	for (unsigned int i = 0; i < 4096; i++)
		((u64 *)start_info->mfn_list)[start_info->nr_pages - 1 - i] = frames[i];
	return 0;
}

/* --- page tables: one L2 table full of L1 tables that are full, 262144 entries in all --- */

#define NR_L1	512

static u64 *tree[3];		/* L4, L3, L2 */

static u64 spare_mfn(unsigned int i)
{
	return pfn_to_mfn(start_info->nr_pages - 1 - i);
}

static void tree_build(void)
{
	u64 *window = page_alloc();

	for (unsigned int i = 0; i < 3; i++)
		tree[i] = page_alloc();
	for (unsigned int i = 0; i < NR_L1; i++) {
		CHECK_EQ(set_va(window, PTE(spare_mfn(i), PTE_KERNEL)), 0);
		for (unsigned int j = 0; j < 512; j++)
			window[j] = PTE(va_to_mfn(target), PTE_KERNEL);
		tree[2][i] = PTE(spare_mfn(i), PTE_TABLE);
	}
	CHECK_EQ(set_va(window, 0), 0);
	memcpy(tree[0], (void *)start_info->pt_base, PAGE);	/* so that it can be loaded */
	tree[1][3] = PTE(va_to_mfn(tree[2]), PTE_TABLE);
	tree[0][3] = PTE(va_to_mfn(tree[1]), PTE_TABLE);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(make_ro(tree[i]), 0);
}

static long call_pin(void)
{
	mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(tree[0]));
	begin();
	return mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(tree[0]));
}

static long call_unpin(void)
{
	mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(tree[0]));
	begin();
	return mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(tree[0]));
}

/* A kernel may load its base by the instruction: that is carried out, and takes as long. */
static long call_cr3(void)
{
	mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0);	/* the tree of the last round is taken apart by now */
	begin();
	__asm__ volatile("mov %0, %%cr3" :: "r" (va_to_mfn(tree[0]) << 12) : "memory");
	__asm__ volatile("mov %0, %%cr3" :: "r" (va_to_mfn((void *)start_info->pt_base) << 12) : "memory");
	return 0;
}

/* --- event channels, grants --- */

static u64 hypercalls(void)
{
	struct xen_lite_counters c = { .domid = DOMID_SELF };

	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_counters, &c), 0);
	return c.count[LITE_COUNT_HYPERCALL];
}

/* A reset closes the timer's port as well. A call that is preempted is issued again, and counted again. */
static void test_reset(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_reset r = { .dom = DOMID_SELF };
	u64 n, start;

	while (!evtchn_op(EVTCHNOP_alloc_unbound, &a))
		;
	n = hypercalls();
	start = time_now();
	CHECK_EQ(evtchn_op(EVTCHNOP_reset, &r), 0);
	start = time_now() - start;
	n = hypercalls() - n - 1;
	printk("event channel reset: takes %lu us in %lu parts\n", start / 1000, n);
	CHECK(n > 2, "a reset of all ports is done in %lu parts", n);
	CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
	CHECK_EQ(a.port, 1);
}

static long call_copy(void)
{
	struct gnttab_copy *c = (void *)list;

	for (unsigned int i = 0; i < COUNT / 3; i++)
		c[i] = (struct gnttab_copy){
			.source = { .u.gmfn = va_to_mfn(target), .domid = DOMID_SELF },
			.dest = { .u.gmfn = va_to_mfn(target), .domid = DOMID_SELF }, .len = PAGE,
		};
	begin();
	return hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, c, COUNT / 3);
}

static struct grant_entry_v1 *grants;

static long call_map(void)
{
	struct gnttab_map_grant_ref *m = (void *)list;
	struct gnttab_unmap_grant_ref *u = (void *)list;
	long rc;

	grants[9] = (struct grant_entry_v1){ .flags = GTF_permit_access, .frame = va_to_mfn(target) };
	for (unsigned int i = 0; i < COUNT / 3; i++)
		m[i] = (struct gnttab_map_grant_ref){ .flags = GNTMAP_device_map, .ref = 9 };
	begin();
	rc = hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, m, COUNT / 3);
	for (unsigned int i = 0; i < COUNT / 3; i++) {
		u32 handle = m[i].handle;

		u[i] = (struct gnttab_unmap_grant_ref){ .dev_bus_addr = va_to_mfn(target) << 12, .handle = handle };
	}
	if (!rc)
		rc = hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, u, COUNT / 3);
	for (unsigned int i = 0; !rc && i < COUNT / 3; i++)
		rc = u[i].status;
	return rc;
}

static void grants_init(void)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	u64 frame;

	set_xen_guest_handle(s.frame_list, &frame);
	grants = page_alloc();
	CHECK_EQ(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &s, 1), 0);
	CHECK_EQ(set_va(grants, PTE(frame, PTE_KERNEL)), 0);
}

/* 512 single frames for one extent of order 9, eight times. */
static long call_exchange(void)
{
	u64 *in = (u64 *)list, *out = in + 4096;
	struct xen_memory_exchange x = {
		.in = { .nr_extents = 4096, .domid = DOMID_SELF },
		.out = { .nr_extents = 8, .extent_order = 9, .domid = DOMID_SELF },
	};
	long rc;

	for (unsigned int i = 0; i < 4096; i++)
		in[i] = spare_mfn(NR_L1 + (i ^ 1));
	for (unsigned int i = 0; i < 8; i++)
		out[i] = start_info->nr_pages - NR_L1 - 512 * (i + 1);
	set_xen_guest_handle(x.in.extent_start, in);
	set_xen_guest_handle(x.out.extent_start, out);
	begin();
	rc = hypercall2(__HYPERVISOR_memory_op, XENMEM_exchange, &x);
	for (unsigned int i = 0; !rc && i < 4096; i++)
		((u64 *)start_info->mfn_list)[start_info->nr_pages - NR_L1 - 512 * (i / 512 + 1) + i % 512] =
			out[i / 512] + i % 512;
	return rc;
}

static void measure(const char *name, long (*fn)(void))
{
	u64 late = ~0ul;

	call_takes = 0;
	CHECK(fn() == 0, "%s fails", name);
	call_takes = time_now() - call_begin;
	for (unsigned int round = 0; round < 2 || (late >= LATE_NS && round < 8); round++) {
		CHECK(fn() == 0, "%s fails when it is preempted", name);
		while (!fired_at && time_now() < due + 1000000000)
			;
		events_off();
		if (fired_at >= due && fired_at - due < late)
			late = fired_at - due;
	}
	printk("%s: takes %lu us, event %lu us late\n", name, call_takes / 1000, late / 1000);
	CHECK(late < LATE_NS, "%s: an event was %lu us late", name, late / 1000);
}

void test_main(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER };

	for (unsigned int i = 0; i < 160; i++)
		list = i ? (page_alloc(), list) : page_alloc();
	target = page_alloc();
	events_init();
	trap_hook[VEC_EVENT] = event_hook;
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), 0);
	port_unmask(v.port);
	grants_init();
	tree_build();
	measure("mmu_update", call_mmu_update);
	measure("mmuext_op", call_mmuext);
	measure("multicall", call_multicall);
	measure("memory_op exchange", call_exchange);
	measure("pin", call_pin);
	measure("unpin", call_unpin);
	measure("grant copy", call_copy);
	measure("grant map", call_map);
	mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(tree[0]));
	measure("mov to CR3", call_cr3);
	measure("memory_op", call_memory);
	test_reset();
}
