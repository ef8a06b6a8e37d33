/* SPDX-License-Identifier: MIT */
/*
 * memory_op: give memory back, get some, exchange it.
 *
 * ABI: decrease_reservation takes machine frames, populate_physmap guest frames and puts the machine frames over
 * them; both return how many extents were done. A frame that is still mapped or pinned is refused, or goes when its
 * last use ends: never before. New frames belong to the domain, hold nothing of others (what the guest itself gave
 * back may come again as it was) and have their machine-to-physical entry set. exchange gives frames for others of
 * another order; it fails cleanly, or fully succeeds. current and maximum reservation count. machphys_mapping says
 * where the table is.
 */
#include "guest.h"

static long mem(unsigned int cmd, void *arg)
{
	return hypercall2(__HYPERVISOR_memory_op, cmd, arg);
}

static long reserve(unsigned int cmd, u64 *list, u64 n, unsigned int order)
{
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, list);
	return mem(cmd, &r);
}

static long have(void)
{
	struct xen_memory_domain d = { .domid = DOMID_SELF };

	return mem(XENMEM_current_reservation, &d);
}

/* A frame number of the guest's that is not used for anything yet: beyond what it was started with. */
static u64 free_pfn(void)
{
	return start_info->nr_pages + 100;
}

static void test_numbers(void)
{
	struct xen_memory_domain self = { .domid = DOMID_SELF }, nobody = { .domid = 1234 };
	struct xen_machphys_mapping m;

	CHECK(have() >= (long)start_info->nr_pages, "%ld pages, started with %lu", have(), start_info->nr_pages);
	CHECK(mem(XENMEM_maximum_reservation, &self) >= have(), "maximum below current");
	CHECK(mem(XENMEM_current_reservation, &nobody) < 0, "a domain that does not exist has pages");
	CHECK(mem(XENMEM_maximum_ram_page, 0) >= (long)start_info->nr_pages, "maximum_ram_page");
	CHECK_EQ(mem(XENMEM_machphys_mapping, &m), 0);
	CHECK_EQ(m.v_start, 0xffff800000000000);
	CHECK(m.max_mfn >= va_to_mfn(&m), "max_mfn 0x%lx", m.max_mfn);
	CHECK_EQ(mem(63, 0), -XEN_ENOSYS);
}

static void test_memory_map(void)
{
	static struct xen_e820_entry map[128];
	struct xen_memory_map m = { .nr_entries = ARRAY_SIZE(map) };
	u64 ram = 0;
	long rc;

	set_xen_guest_handle(m.buffer, (void *)map);
	rc = mem(XENMEM_memory_map, &m);
	CHECK(!rc || rc == -XEN_ENOSYS, "memory_map: %ld", rc);
	if (!is_dom0())
		return;
	m.nr_entries = ARRAY_SIZE(map);
	CHECK_EQ(mem(XENMEM_machine_memory_map, &m), 0);
	CHECK(m.nr_entries >= 2 && m.nr_entries < 128, "%u entries", m.nr_entries);
	for (unsigned int i = 0; i < m.nr_entries; i++)
		ram += map[i].type == XEN_E820_RAM ? map[i].size : 0;
	CHECK(ram >= start_info->nr_pages * PAGE, "%lu MiB of memory in the machine's map", ram >> 20);
}

static void test_decrease_and_populate(void)
{
	u64 *page = page_alloc(), mfn = va_to_mfn(page), list[1], dirty = 0;
	u64 pfn = va_to_pfn(page);
	long before = have();

	list[0] = mfn;
	page[3] = 0x1234;
	CHECK_EQ(set_va(page, 0), 0);
	CHECK_EQ(reserve(XENMEM_decrease_reservation, list, 1, 0), 1);
	CHECK_EQ(have(), before - 1);
	CHECK(set_va(page, PTE(mfn, PTE_KERNEL)) < 0, "a page that was given back can be mapped");
	CHECK(reserve(XENMEM_decrease_reservation, list, 1, 0) <= 0, "given back twice");
	list[0] = pfn;
	CHECK_EQ(reserve(XENMEM_populate_physmap, list, 1, 0), 1);
	CHECK_EQ(have(), before);
	CHECK_EQ(machine_to_phys_mapping[list[0]], pfn);
	CHECK_EQ(set_va(page, PTE(list[0], PTE_KERNEL)), 0);
	for (unsigned int i = 0; i < 512; i++)
		dirty += page[i] != 0 && i != 3;
	CHECK_EQ(dirty, 0);
	((u64 *)start_info->mfn_list)[pfn] = list[0];
}

/* A page in use stays whole and ours until its last use ends, whatever the call says. */
static void test_in_use(void)
{
	u64 *table = page_alloc(), *page = page_alloc(), list[1];
	long before = have();

	table[7] = PTE(va_to_mfn(page), PTE_KERNEL_RO);
	table_new(table, 1);
	list[0] = va_to_mfn(table);
	CHECK(reserve(XENMEM_decrease_reservation, list, 1, 0) <= 1, "more than one page");
	CHECK_EQ(PTE_MFN(table[7]), va_to_mfn(page));
	CHECK(make_rw(table) < 0, "a pinned table can be mapped writable");
	list[0] = va_to_mfn(page);
	page[0] = 0x99;
	CHECK(reserve(XENMEM_decrease_reservation, list, 1, 0) <= 1, "more than one page");
	CHECK_EQ(page[0], 0x99);
	CHECK(have() >= before - 2, "%ld pages are gone", before - have());
}

static void test_not_ours(void)
{
	u64 list[1] = { 0xfffffffffful };
	long before = have();

	CHECK(reserve(XENMEM_decrease_reservation, list, 1, 0) <= 0, "a frame that does not exist");
	list[0] = PTE_MFN(((volatile u64 *)start_info->pt_base)[256]);
	CHECK(reserve(XENMEM_decrease_reservation, list, 1, 0) <= 0, "a frame of the hypervisor");
	CHECK_EQ(have(), before);
}

static void test_batch(void)
{
	static u64 list[64];
	u64 *pages[64];
	long before = have();

	for (unsigned int i = 0; i < 64; i++) {
		pages[i] = page_alloc();
		list[i] = va_to_mfn(pages[i]);
		CHECK_EQ(set_va(pages[i], 0), 0);
	}
	CHECK_EQ(reserve(XENMEM_decrease_reservation, list, 64, 0), 64);
	CHECK_EQ(have(), before - 64);
	for (unsigned int i = 0; i < 64; i++)
		list[i] = va_to_pfn(pages[i]);
	CHECK_EQ(reserve(XENMEM_populate_physmap, list, 64, 0), 64);
	CHECK_EQ(have(), before);
	for (unsigned int i = 0; i < 64; i++) {
		((u64 *)start_info->mfn_list)[va_to_pfn(pages[i])] = list[i];
		CHECK_EQ(set_va(pages[i], PTE(list[i], PTE_KERNEL)), 0);
	}
}

static long exchange(u64 *in, u64 n_in, unsigned int order_in, u64 *out, u64 n_out, unsigned int order_out,
		     u64 *exchanged)
{
	struct xen_memory_exchange x = {
		.in = { .nr_extents = n_in, .extent_order = order_in, .domid = DOMID_SELF },
		.out = { .nr_extents = n_out, .extent_order = order_out, .domid = DOMID_SELF },
	};
	long rc;

	set_xen_guest_handle(x.in.extent_start, in);
	set_xen_guest_handle(x.out.extent_start, out);
	rc = mem(XENMEM_exchange, &x);
	*exchanged = x.nr_exchanged;
	return rc;
}

/* Eight single frames for eight in a row, as Linux does for its bounce buffers. */
static void test_exchange(void)
{
	u64 in[8], out[1], done = 77, bad = 0;
	u64 *pages[8];
	long before = have(), rc;

	for (unsigned int i = 0; i < 8; i++) {
		pages[i] = page_alloc();
		in[i] = va_to_mfn(pages[i]);
		CHECK_EQ(set_va(pages[i], 0), 0);
	}
	out[0] = va_to_pfn(pages[0]);
	rc = exchange(in, 8, 0, out, 1, 3, &done);
	CHECK_EQ(rc, 0);
	CHECK_EQ(done, 8);
	CHECK_EQ(have(), before);
	for (unsigned int i = 0; i < 8 && !rc; i++) {
		((u64 *)start_info->mfn_list)[va_to_pfn(pages[i])] = out[0] + i;
		bad += machine_to_phys_mapping[out[0] + i] != va_to_pfn(pages[0]) + i;
		CHECK_EQ(set_va(pages[i], PTE(out[0] + i, PTE_KERNEL)), 0);
		pages[i][0] = i;
	}
	CHECK_EQ(bad, 0);
	CHECK_EQ(out[0] % 8, 0);
}

/* Eight for eight in a row, but one of them is still mapped or is a page table: nothing is exchanged. */
static void test_exchange_in_use(void)
{
	u64 in[8], out[1], done;
	u64 *pages[8];
	long before = have(), rc;

	for (unsigned int i = 0; i < 8; i++) {
		pages[i] = page_alloc();
		in[7 - i] = va_to_mfn(pages[i]);	/* downwards: not in a row already */
		CHECK_EQ(set_va(pages[i], 0), 0);
	}
	for (unsigned int pinned = 0; pinned < 2; pinned++) {
		out[0] = va_to_pfn(pages[0]);
		done = 77;
		CHECK_EQ(pinned ? mmuext(MMUEXT_PIN_L1_TABLE, in[3]) : set_va(pages[4], PTE(in[3], PTE_KERNEL)), 0);
		rc = exchange(in, 8, 0, out, 1, 3, &done);
		CHECK(rc < 0 && !done, "a %s frame among eight was exchanged: %ld, %lu done",
		      pinned ? "pinned" : "mapped", rc, done);
		CHECK_EQ(pinned ? mmuext(MMUEXT_UNPIN_TABLE, in[3]) : set_va(pages[4], 0), 0);
		CHECK_EQ(have(), before);
	}
	for (unsigned int i = 0; i < 8; i++) {
		CHECK_EQ(set_va(pages[i], PTE(in[7 - i], PTE_KERNEL)), 0);
		CHECK(can_write(pages[i]), "page %u was lost", i);
	}
}

static void check_refused_or_same(const void *va)
{
	u64 in[1] = { va_to_mfn(va) }, out[1] = { va_to_pfn(va) }, done = 0;
	long rc = exchange(in, 1, 0, out, 1, 0, &done);

	CHECK(rc < 0 ? done == 0 : out[0] == in[0], "a page in use was exchanged: %ld", rc);
}

static void test_exchange_refused(void)
{
	u64 *page = page_alloc(), in[2] = { va_to_mfn(page), va_to_mfn(page) }, out[2] = { free_pfn(), free_pfn() + 1 };
	u64 done = 0;
	long before = have();

	/* In use: refused, or the same frame comes back. */
	check_refused_or_same(page);
	CHECK(can_write(page), "the page was lost");
	check_refused_or_same((void *)start_info->pt_base);
	in[0] = 0xfffffffffful;
	CHECK(exchange(in, 1, 0, out, 1, 0, &done) < 0, "a frame that does not exist was exchanged");
	CHECK(exchange(in, 2, 0, out, 1, 0, &done) < 0, "two for one");
	CHECK(exchange(in, 1, 0, (u64 *)0xffff830000000000, 1, 0, &done) < 0, "the list lies in the hypervisor");
	CHECK(exchange((u64 *)0xffff830000000000, 1, 0, out, 1, 0, &done) < 0, "the list lies in the hypervisor");
	CHECK(exchange(in, 1, 40, out, 1, 40, &done) < 0, "order 40");
	CHECK(exchange(in, ~0ul, 0, out, ~0ul, 0, &done) < 0, "as many as there are numbers");
	CHECK_EQ(have(), before);
}

/* The field that the hypervisor continues by, as input (XSA 212): no index may lead the lists into its own memory. */
static void test_exchanged_so_far(void)
{
	static const u64 so_far[] = { 1, 2, 3, 0x7fffffff, 0xfffffffffff, 0x1fffffffffffffff, ~0ul };
	u64 *page = page_alloc(), in[1] = { va_to_mfn(page) }, out[1] = { va_to_pfn(page) };
	long before = have();

	for (unsigned int i = 0; i < ARRAY_SIZE(so_far); i++) {
		struct xen_memory_exchange x = {
			.in = { .nr_extents = 1, .domid = DOMID_SELF }, .out = { .nr_extents = 1, .domid = DOMID_SELF },
			.nr_exchanged = so_far[i],
		};

		/* In the list that the index would reach lies the hypervisor. */
		set_xen_guest_handle(x.in.extent_start, in);
		set_xen_guest_handle(x.out.extent_start, (u64 *)(0xffff830000000000 - so_far[i] * 8));
		mem(XENMEM_exchange, &x);
		set_xen_guest_handle(x.out.extent_start, out);
		x.nr_exchanged = so_far[i];
		CHECK(so_far[i] == 1 || mem(XENMEM_exchange, &x) < 0, "0x%lx of 1 exchanged so far", so_far[i]);
	}
	CHECK_EQ(have(), before);
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0) >> 16, 4);
}

static void test_errors(void)
{
	u64 list[1] = { free_pfn() };

	CHECK(reserve(XENMEM_populate_physmap, list, 1, 30) <= 0, "an extent of order 30");
	CHECK(reserve(XENMEM_populate_physmap, list, ~0ul, 0) <= 0, "2^64 - 1 extents");
	CHECK(reserve(XENMEM_populate_physmap, (u64 *)0xffff830000000000, 1, 0) <= 0, "a list in the hypervisor");
	CHECK(reserve(XENMEM_decrease_reservation, (u64 *)0xffff830000000000, 1, 0) <= 0, "a list in the hypervisor");
	CHECK(mem(XENMEM_populate_physmap, (void *)0x10) <= 0, "an argument at 0x10");
	CHECK_EQ(mem(XENMEM_exchange, (void *)0xffff830000000000), -XEN_EFAULT);
	CHECK_EQ(reserve(XENMEM_decrease_reservation, list, 0, 0), 0);
}

static u64 pages_now(void)
{
	struct xen_memory_domain d = { .domid = DOMID_SELF };

	return hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &d);
}

/* An extent with one foreign frame goes not at all; frames whose numbers cannot be told are not kept. */
static void test_whole_extents(void)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	u64 last = pfn_to_mfn(start_info->nr_pages - 1), before = pages_now();

	/* The last frame of ours whose neighbour is not: from there on some orders go beyond. */
	set_xen_guest_handle(r.extent_start, &last);
	r.extent_order = 9;
	if (hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r) == 0) {
		CHECK_EQ(pages_now(), before);
		CHECK_EQ(machine_to_phys_mapping[last], start_info->nr_pages - 1);
	}
	before = pages_now();
	r.extent_order = 0;
	CHECK_EQ(hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r) >= 0, 1);
	before = pages_now();
	set_xen_guest_handle(r.extent_start, (u64 *)0x10000);
	CHECK_EQ(hypercall2(__HYPERVISOR_memory_op, XENMEM_increase_reservation, &r), 0);
	CHECK_EQ(pages_now(), before);
}

void test_main(void)
{
	test_numbers();
	test_memory_map();
	test_decrease_and_populate();
	test_batch();
	test_exchange();
	test_exchange_in_use();
	test_exchange_refused();
	test_exchanged_so_far();
	test_whole_extents();
	test_errors();
	test_not_ours();
	test_in_use();
}
