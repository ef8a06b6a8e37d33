/* SPDX-License-Identifier: MIT */
/* memory_op and grant_table_op with the longest lists and the largest extents. */
#include "bounds.h"

#include "public/grant_table.h"

#define NR_FRAMES	4096
#define EXTENT_LIMIT	1400000		/* an extent, 2 MiB, is not divided; each word cleared counts as an instruction */

static u64 frames[NR_FRAMES];

static long reservation(const char *name, const char *input, unsigned int cmd, u64 n, unsigned int order)
{
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, frames);
	return measure(name, input, __HYPERVISOR_memory_op, cmd, &r, 0, 0);
}

static void give_and_take(void)
{
	static u8 pages[NR_FRAMES / 2][PAGE] __attribute__((aligned(4096)));
	u64 n = NR_FRAMES / 2;

	for (unsigned int i = 0; i < n; i++) {
		frames[i] = va_to_mfn(pages[i]);
		if (set_va(pages[i], 0))
			test_die("page %u cannot be unmapped", i);
	}
	CHECK_EQ(reservation("memory_op decrease_reservation", "2048 frames", XENMEM_decrease_reservation, n, 0), n);
	CHECK_EQ(reservation("memory_op increase_reservation", "2048 frames", XENMEM_increase_reservation, n, 0), n);
	CHECK_EQ(reservation("memory_op decrease_reservation", "2048 frames", XENMEM_decrease_reservation, n, 0), n);
	for (unsigned int i = 0; i < n; i++)
		frames[i] = va_to_pfn(pages[i]);
	CHECK_EQ(reservation("memory_op populate_physmap", "2048 frames", XENMEM_populate_physmap, n, 0), n);
	CHECK_EQ(reservation("memory_op decrease_reservation", "2048 frames", XENMEM_decrease_reservation, n, 0), n);
	CHECK_EQ(reservation("memory_op increase_reservation", "extents of order 18", XENMEM_increase_reservation, 4, 18), 0);
	stay_limit = EXTENT_LIMIT;
	CHECK_EQ(reservation("memory_op increase_reservation", "4 extents of order 9", XENMEM_increase_reservation, 4, 9), 4);
	CHECK_EQ(reservation("memory_op decrease_reservation", "4 extents of order 9", XENMEM_decrease_reservation, 4, 9), 4);
	CHECK_EQ(reservation("memory_op increase_reservation", "2048 frames", XENMEM_increase_reservation, n, 0), n);
}

static void exchange(const char *input, u64 ins, unsigned int in_order, u64 outs, unsigned int out_order)
{
	static u64 out[NR_FRAMES];
	struct xen_memory_exchange x = {
		.in = { .nr_extents = ins, .extent_order = in_order, .domid = DOMID_SELF },
		.out = { .nr_extents = outs, .extent_order = out_order, .domid = DOMID_SELF },
	};

	set_xen_guest_handle(x.in.extent_start, frames);
	set_xen_guest_handle(x.out.extent_start, out);
	for (unsigned int i = 0; i < outs; i++)
		out[i] = i << out_order;
	measure_ok("memory_op exchange", input, __HYPERVISOR_memory_op, XENMEM_exchange, &x, 0, 0);
	memcpy(frames, out, sizeof(out));
}

static void questions(void)
{
	static u8 room[PAGE] __attribute__((aligned(8)));
	struct xen_memory_map map = { .nr_entries = 128 };
	struct xen_machphys_mfn_list m2p = { .max_extents = 512 };
	struct xen_mem_acquire_resource res = { .domid = DOMID_SELF, .type = XENMEM_resource_grant_table, .nr_frames = 32 };
	struct xen_memory_domain self = { .domid = DOMID_SELF };
	u64 out[32];

	set_xen_guest_handle(map.buffer, (void *)room);
	set_xen_guest_handle(m2p.extent_start, list);
	set_xen_guest_handle(res.frame_list, out);
	measure_ok("memory_op machine_memory_map", "128 entries", __HYPERVISOR_memory_op, XENMEM_machine_memory_map, &map, 0, 0);
	measure_ok("memory_op machphys_mfn_list", "512 extents", __HYPERVISOR_memory_op, XENMEM_machphys_mfn_list, &m2p, 0, 0);
	measure_ok("memory_op acquire_resource", "32 new grant frames", __HYPERVISOR_memory_op, XENMEM_acquire_resource, &res, 0, 0);
	measure_ok("memory_op current_reservation", "own", __HYPERVISOR_memory_op, XENMEM_current_reservation, &self, 0, 0);
}

static void grants(void)
{
	static struct grant_entry_v1 *table;
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 32 };
	struct gnttab_map_grant_ref *map = (void *)list;
	struct gnttab_unmap_grant_ref *unmap = (void *)list;
	struct gnttab_copy *copy = (void *)list;
	static u32 handles[512];
	static u8 pages[512][PAGE] __attribute__((aligned(4096)));
	u64 mfns[32];
	u8 *source = page_alloc();

	table = page_alloc();
	set_xen_guest_handle(s.frame_list, mfns);
	measure_ok("grant_table_op setup_table", "32 frames", __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &s, 1, 0);
	CHECK_EQ(s.status, 0);
	CHECK_EQ(set_va(table, PTE(mfns[0], PTE_KERNEL)), 0);
	table[8] = (struct grant_entry_v1){ .flags = GTF_permit_access, .domid = 0, .frame = va_to_mfn(source) };
	for (unsigned int i = 0; i < 512; i++)
		map[i] = (struct gnttab_map_grant_ref){ .host_addr = (u64)pages[i], .flags = GNTMAP_host_map, .ref = 8 };
	measure_ok("grant_table_op map", "512 pages", __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, map, 512, 0);
	for (unsigned int i = 0; i < 512; i++)
		handles[i] = map[i].handle;
	for (unsigned int i = 0; i < 512; i++)
		unmap[i] = (struct gnttab_unmap_grant_ref){ .host_addr = (u64)pages[i], .handle = handles[i] };
	measure_ok("grant_table_op unmap", "512 pages", __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, unmap, 512, 0);
	for (unsigned int i = 0; i < 2048; i++)
		copy[i] = (struct gnttab_copy){
			.source = { .u.gmfn = va_to_mfn(source), .domid = DOMID_SELF },
			.dest = { .u.gmfn = va_to_mfn(source), .domid = DOMID_SELF }, .len = PAGE,
		};
	measure_ok("grant_table_op copy", "2048 pages", __HYPERVISOR_grant_table_op, GNTTABOP_copy, copy, 2048, 0);
	CHECK_EQ(copy[2047].status, 0);
}

void bounds_memory(void)
{
	u64 usual = stay_limit;

	give_and_take();
	exchange("1024 frames for 2 extents of order 9", 1024, 0, 2, 9);
	exchange("2 extents of order 9 for 1024 frames", 2, 9, 1024, 0);
	stay_limit = usual;
	exchange("1024 frames one by one", 1024, 0, 1024, 0);
	questions();
	grants();
}
