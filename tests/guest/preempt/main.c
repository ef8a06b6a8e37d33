/* SPDX-License-Identifier: MIT */
/*
 * No hypercall keeps the processor for long, however large its input (XSA 125, 264, 344, 380, 410).
 *
 * Invariant: a timer that expires in the middle of a call that takes many milliseconds is delivered soon, because the
 * call is preempted; afterwards the call is finished and its result is right. Measured with the guest's own clock.
 * Under emulation another program may have the host's processor: the best of three rounds counts.
 */
#include "guest.h"

#define LATE_NS		5000000
#define COUNT		40000		/* 16 bytes each: 160 pages */
#define LIST_PAGES	160

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

/* Our own top-level table, and below its first entry the pages of the list as tables: 80000 entries. */
static u64 *tree_new(void)
{
	u64 *l4 = page_alloc(), *l3 = page_alloc(), *l2 = page_alloc();

	for (unsigned int i = 0; i < LIST_PAGES; i++) {
		u64 *l1 = (u64 *)(list + i * 4096);

		for (unsigned int k = 0; k < 512; k++)
			l1[k] = PTE(va_to_mfn(target), PTE_P | PTE_U);
		CHECK_EQ(make_ro(l1), 0);
		l2[i] = PTE(va_to_mfn(l1), PTE_TABLE);
	}
	memcpy(l4, (void *)start_info->pt_base, 4096);
	l3[0] = PTE(va_to_mfn(l2), PTE_TABLE);
	l4[0] = PTE(va_to_mfn(l3), PTE_TABLE);
	CHECK_EQ(make_ro(l2) | make_ro(l3) | make_ro(l4), 0);
	return l4;
}

static u64 *tree;

static long call_pin(void)
{
	begin();
	if (mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(tree)))
		return -1;
	return mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(tree));
}

/* A kernel that has not been told of hypercalls for it: the instruction is carried out, and is as long. */
static long call_cr3(void)
{
	begin();
	__asm__ volatile("mov %0, %%cr3" :: "r" (va_to_mfn(tree) << 12) : "memory");
	__asm__ volatile("mov %0, %%cr3" :: "r" (va_to_mfn((void *)start_info->pt_base) << 12) : "memory");
	return 0;
}

static void measure(const char *name, long (*fn)(void))
{
	u64 late = ~0ul;

	call_takes = 0;
	CHECK(fn() == 0, "%s fails", name);
	call_takes = time_now() - call_begin;
	for (unsigned int round = 0; round < 3; round++) {
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

	for (unsigned int i = 0; i < LIST_PAGES; i++)
		list = i ? (page_alloc(), list) : page_alloc();
	target = page_alloc();
	events_init();
	trap_hook[VEC_EVENT] = event_hook;
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), 0);
	port_unmask(v.port);
	measure("mmu_update", call_mmu_update);
	measure("mmuext_op", call_mmuext);
	measure("multicall", call_multicall);
	measure("memory_op", call_memory);
	tree = tree_new();
	measure("pinning a tree", call_pin);
	measure("mov to CR3", call_cr3);
}
