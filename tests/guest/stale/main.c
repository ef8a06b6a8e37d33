/* SPDX-License-Identifier: MIT */
/*
 * Stale writes: vCPU 1 writes to a page all the time, vCPU 0 takes the page away and uses it as something else, without
 * ever asking for a flush.
 *
 * Invariant: once the hypercall that gives the frame its new use has returned, not one more of vCPU 1's writes arrives:
 * the hypervisor flushes by itself before a frame changes type or owner. Tried with a frame that becomes a page table
 * (its mapping changed by hypercall and by a plain store), one that was mapped by a table that becomes data, one that
 * goes back to the hypervisor and comes again, and one whose grant is unmapped. With more than two CPUs vCPU 1 also
 * moves about, so that CPUs keep an old address space while they idle.
 *
 * seconds=N on the command line: how long (1). What vCPU 1 writes are even numbers: no entry of a table is present.
 */
#include "guest.h"

#include "public/domctl.h"
#include "public/grant_table.h"

#define WORD		300		/* of a page: where vCPU 1 writes */
#define WATCH_NS	50000
#define TABLE_VA	(VIRT_BASE + 0x30000000)	/* far behind what the first page tables map */
#define GRANT_REF	9

static u64 *page, *window, *table, *grant_va;
static u64 window_mfn;
static volatile struct grant_entry_v1 *grants;
static u32 grant_handle;
static volatile u64 *volatile target;
static volatile u64 written, faults;
static unsigned int nr_cpus;

/* --- vCPU 1 --- */

static bool fault_hook(struct regs *r)
{
	if (!on_ap(r))
		return false;
	faults++;
	r->rip = r->rbx;
	return true;
}

static void ap_main(void)
{
	for (u64 n = 2; ; n += 2) {
		volatile u64 *p = target;

		asm volatile("lea 1f(%%rip), %%rbx; movq %1, %0; 1:" : "=m" (*p) : "r" (n) : "rbx");
		written = n;
	}
}

/* --- ways to take a page away: begin() lets vCPU 1 write, end() must leave no way to --- */

static bool watch(const volatile u64 *where)
{
	u64 before = *where;

	spin_ns(WATCH_NS);
	return *where != before;
}

static void begin_page(void)
{
	target = page + WORD;
}

/* An L2 table: stores to an L1 table would be carried out, after a check. */
static bool pin_and_watch(void)
{
	bool stale;

	CHECK_EQ(mmuext(MMUEXT_PIN_L2_TABLE, va_to_mfn(page)), 0);
	stale = watch(page + WORD);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(page)), 0);
	CHECK_EQ(make_rw(page), 0);
	return stale;
}

static bool end_as_table(void)
{
	hypercall3(__HYPERVISOR_update_va_mapping, page, PTE(va_to_mfn(page), PTE_KERNEL_RO), UVMF_NONE);
	return pin_and_watch();
}

/* The entry is changed as Linux does it, by a store to the live page table. */
static bool end_by_store(void)
{
	volatile u64 *pte = pte_of(page, 1);

	*pte = PTE(va_to_mfn(page), PTE_KERNEL_RO);
	return pin_and_watch();
}

static void begin_in_table(void)
{
	table[5] = PTE(va_to_mfn(page), PTE_KERNEL);
	table_new(table, 1);
	CHECK_EQ(mmu_update(pte_machine((void *)TABLE_VA, 2), PTE(va_to_mfn(table), PTE_TABLE)), 0);
	target = (u64 *)(TABLE_VA + 5 * PAGE) + WORD;
}

/* The table becomes data: what is written there then must not be used as an entry, nor the old one any more. */
static bool end_table(void)
{
	bool stale;

	CHECK_EQ(mmu_update(pte_machine((void *)TABLE_VA, 2), 0), 0);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(table)), 0);
	CHECK_EQ(make_rw(table), 0);
	table[5] = PTE(window_mfn, PTE_KERNEL);
	stale = watch(page + WORD);
	stale |= watch(window + WORD);
	return stale;
}

/* Back to the hypervisor, and another frame from it: as a rule the same one. */
static bool end_freed(void)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	xen_pfn_t frame = va_to_mfn(page);
	bool stale;

	hypercall3(__HYPERVISOR_update_va_mapping, page, 0, UVMF_NONE);
	set_xen_guest_handle(r.extent_start, &frame);
	CHECK_EQ(hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r), 1);
	frame = va_to_pfn(page);
	if (hypercall2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r) != 1)
		test_die("no frame for a frame");
	((u64 *)start_info->mfn_list)[va_to_pfn(page)] = frame;
	CHECK_EQ(set_va(window, PTE(frame, PTE_KERNEL)), 0);
	stale = watch(window + WORD) || window[WORD];
	CHECK_EQ(set_va(window, PTE(window_mfn, PTE_KERNEL)), 0);
	CHECK_EQ(make_rw(page), 0);
	return stale;
}

static void begin_grant(void)
{
	struct gnttab_map_grant_ref m = { .host_addr = (u64)grant_va, .flags = GNTMAP_host_map, .ref = GRANT_REF };

	grants[GRANT_REF].frame = va_to_mfn(page);
	barrier();
	grants[GRANT_REF].flags = GTF_permit_access;
	hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &m, 1);
	CHECK_EQ(m.status, 0);
	grant_handle = m.handle;
	target = grant_va + WORD;
}

static bool end_grant(void)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = (u64)grant_va, .handle = grant_handle };

	hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, &u, 1);
	CHECK_EQ(u.status, 0);
	grants[GRANT_REF].flags = 0;
	return watch(page + WORD);
}

static struct way {
	const char *name;
	void (*begin)(void);
	bool (*end)(void);		/* true: a write came too late */
	unsigned int rounds, stale;
} ways[] = {
	{ .name = "becomes a table", .begin = begin_page, .end = end_as_table },
	{ .name = "the same by a store", .begin = begin_page, .end = end_by_store },
	{ .name = "its table becomes data", .begin = begin_in_table, .end = end_table },
	{ .name = "freed and used again", .begin = begin_page, .end = end_freed },
	{ .name = "its grant is unmapped", .begin = begin_grant, .end = end_grant },
};

/* --- vCPU 0 --- */

/* So that a TLB knows the mapping. */
static void wait_for_writes(void)
{
	u64 before = written;

	CHECK(ap_wait(&written, before + 20), "vCPU 1 stands still");
	CHECK(*target != 0, "vCPU 1 does not write there");
}

static void move_ap(unsigned int round)
{
	u64 cpu = 1ul << round % nr_cpus;
	struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpuaffinity, .interface_version = XEN_DOMCTL_INTERFACE_VERSION };

	op.u.vcpuaffinity.vcpu = 1;
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (u8 *)&cpu);
	CHECK_EQ(hypercall1(__HYPERVISOR_domctl, &op), 0);
}

static void grants_init(void)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	u64 frames[1];

	set_xen_guest_handle(s.frame_list, frames);
	hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &s, 1);
	grants = page_alloc();
	CHECK_EQ(set_va((void *)grants, PTE(frames[0], PTE_KERNEL)), 0);
	grants[GRANT_REF].domid = 0;
	grant_va = page_alloc();
	CHECK_EQ(set_va(grant_va, 0), 0);
}

void test_main(void)
{
	u64 stop = time_now() + test_option("seconds", 1) * 1000000000ul;
	unsigned int round = 0;

	if (!is_dom0())
		test_skip("it grants to domain 0");
	while (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, nr_cpus, 0) >= 0)
		nr_cpus++;
	page = page_alloc();
	window = page_alloc();
	window_mfn = va_to_mfn(window);
	table = page_alloc();
	hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	grants_init();
	trap_hook[14] = fault_hook;
	target = page + WORD;
	ap_start(ap_main);
	for (; time_now() < stop; round++) {
		struct way *w = &ways[round % ARRAY_SIZE(ways)];

		if (nr_cpus > 2 && round % 7 == 0)
			move_ap(round / 7);
		w->begin();
		wait_for_writes();
		w->stale += w->end();
		w->rounds++;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		printk("%s: %u times, %u stale writes\n", ways[i].name, ways[i].rounds, ways[i].stale);
		CHECK(ways[i].rounds > 0, "%s: never tried", ways[i].name);
		CHECK_EQ(ways[i].stale, 0);
	}
	CHECK(faults > 0, "vCPU 1 never faulted");
}
