/* SPDX-License-Identifier: MIT */
/*
 * Grant table: pins, status bits, handles and references, with page tables and page counts played by the test. Whatever
 * mixture of maps, unmaps and copies runs, at the end no pin, no reference and no status bit may be left.
 */
#include "grant_world.h"
#include "suite.h"

/* --- tests ----------------------------------------------------------------------------------------------------- */

static void test_map(void)
{
	u32 h, h2;

	world_up();
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map, &h), GNTST_okay);
	CU_ASSERT_EQUAL(table[2].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	CU_ASSERT_EQUAL(refs[FRAMES_EACH + 2], 1);
	CU_ASSERT_EQUAL(types[FRAMES_EACH + 2], 1);
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map | GNTMAP_readonly, &h2), GNTST_okay);
	CU_ASSERT(h != h2);
	CU_ASSERT_EQUAL(unmap(h), GNTST_okay);
	CU_ASSERT_EQUAL(table[2].flags & (GTF_reading | GTF_writing), GTF_reading);	/* the reader is still there */
	CU_ASSERT_EQUAL(types[FRAMES_EACH + 2], 0);
	CU_ASSERT_EQUAL(unmap(h2), GNTST_okay);
	CU_ASSERT_TRUE(balanced());
	CU_ASSERT_EQUAL(unmap(h2), GNTST_bad_handle);
	CU_ASSERT_EQUAL(unmap(12345), GNTST_bad_handle);
	world_down();
}

static void test_refusals(void)
{
	struct gnttab_map_grant_ref op = { .host_addr = HOST_ADDR, .flags = GNTMAP_host_map, .dom = 55 };
	u32 h;

	world_up();
	CU_ASSERT_EQUAL(map(3, GNTMAP_host_map, &h), GNTST_general_error);	/* read-only */
	CU_ASSERT_EQUAL(map(3, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_okay);
	CU_ASSERT_EQUAL(map(3, GNTMAP_host_map, &h), GNTST_general_error);
	CU_ASSERT_EQUAL(map(2, 0, &h), GNTST_bad_gntref);
	CU_ASSERT_EQUAL(map(512, GNTMAP_host_map, &h), GNTST_bad_gntref);	/* the table has one frame */
	CU_ASSERT_EQUAL(map(15, GNTMAP_host_map, &h), GNTST_general_error);
	table[15].flags = GTF_permit_access;
	CU_ASSERT_EQUAL(map(15, GNTMAP_host_map, &h), GNTST_general_error);	/* a page table */
	CU_ASSERT_EQUAL(table[15].flags, GTF_permit_access);
	table[4].domid = 9;
	CU_ASSERT_EQUAL(map(4, GNTMAP_host_map, &h), GNTST_general_error);
	table[6].frame = 1;			/* the mapping domain's own */
	CU_ASSERT_EQUAL(map(6, GNTMAP_host_map, &h), GNTST_bad_page);
	table[6].frame = ~0U;
	CU_ASSERT_EQUAL(map(6, GNTMAP_host_map, &h), GNTST_bad_page);
	table[8].flags = GTF_accept_transfer;
	CU_ASSERT_EQUAL(map(8, GNTMAP_host_map, &h), GNTST_general_error);
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_domain);
	map_rc = -XEN_EINVAL;
	CU_ASSERT_EQUAL(map(10, GNTMAP_host_map, &h), GNTST_general_error);
	CU_ASSERT_EQUAL(map(10, GNTMAP_host_map | GNTMAP_device_map, &h), GNTST_general_error);
	CU_ASSERT_EQUAL(table[10].flags, GTF_permit_access);
	CU_ASSERT_EQUAL(refs[FRAMES_EACH + 10], 0);
	b->dying = DOMDYING_dying;
	CU_ASSERT_EQUAL(map(12, GNTMAP_host_map, &h), GNTST_bad_domain);
	CU_ASSERT_EQUAL(do_grant_table_op(99, &op, 1), -XEN_ENOSYS);
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_map_grant_ref, (void *)8, 1), -XEN_EFAULT);
	world_down();
}

/* The frame that was there at the first map counts, whatever the guest writes later. */
static void test_changed_entry(void)
{
	u32 h, h2;

	world_up();
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map, &h), GNTST_okay);
	table[2].frame = FRAMES_EACH + 7;
	CU_ASSERT_EQUAL(unmap(h), GNTST_okay);
	table[2].frame = FRAMES_EACH + 2;
	CU_ASSERT_TRUE(balanced());
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_okay);
	table[2].domid = 77;		/* given to another meanwhile: no more for us, and nothing for the other */
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map, &h2), GNTST_general_error);
	CU_ASSERT_EQUAL(unmap(h), GNTST_okay);
	CU_ASSERT_TRUE(balanced());
	table[2].domid = 0;
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map, &h), GNTST_okay);
	current = b->vcpu[0];		/* somebody else, while we have it: the pins are no way in */
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map | GNTMAP_readonly, &h2), GNTST_general_error);
	current = a->vcpu[0];
	CU_ASSERT_EQUAL(unmap(h), GNTST_okay);
	CU_ASSERT_TRUE(balanced());
	world_down();
}

static void test_unmap_fails(void)
{
	struct gnttab_unmap_grant_ref op = { .host_addr = HOST_ADDR + 8 };
	u32 h;

	world_up();
	map(2, GNTMAP_host_map, &h);
	op.handle = h;
	do_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_general_error);
	CU_ASSERT_EQUAL(refs[FRAMES_EACH + 2], 1);
	op.host_addr = 0;			/* neither: nothing happens */
	op.dev_bus_addr = 0x1000;		/* only a map for a device has it */
	do_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT_EQUAL(refs[FRAMES_EACH + 2], 1);
	op.dev_bus_addr = 0;
	do_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT_EQUAL(refs[FRAMES_EACH + 2], 1);
	CU_ASSERT_EQUAL(unmap(h), GNTST_okay);
	CU_ASSERT_TRUE(balanced());
	world_down();
}

/* The handle stays until both are gone. */
static void test_device_map(void)
{
	struct gnttab_unmap_grant_ref op = { .dev_bus_addr = (u64)(FRAMES_EACH + 2) << PAGE_SHIFT };
	u32 h;

	world_up();
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map | GNTMAP_device_map, &h), GNTST_okay);
	CU_ASSERT_EQUAL(refs[FRAMES_EACH + 2], 2);
	CU_ASSERT_EQUAL(unmap(h), GNTST_okay);
	CU_ASSERT_EQUAL(refs[FRAMES_EACH + 2], 1);
	op.handle = h;
	op.dev_bus_addr++;
	do_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_dev_addr);
	CU_ASSERT_EQUAL(refs[FRAMES_EACH + 2], 1);
	op.dev_bus_addr--;
	do_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT_TRUE(balanced());
	CU_ASSERT_EQUAL(unmap(h), GNTST_bad_handle);
	world_down();
}

/* 2 pages of handles, and then no more. */
static void test_handles(void)
{
	static u32 h[1024];
	unsigned int n = 0;
	u32 more;

	world_up();
	for (int i = 0; i < 2000; i++)		/* a refused map keeps none */
		CU_ASSERT_EQUAL(map(3, GNTMAP_host_map, &more), GNTST_general_error);
	while (n < 1024 && map(2, GNTMAP_host_map | GNTMAP_readonly, &h[n]) == GNTST_okay)
		n++;
	CU_ASSERT(n >= 256 && n < 1024);
	CU_ASSERT_EQUAL(map(4, GNTMAP_host_map, &more), GNTST_no_space);
	CU_ASSERT_EQUAL(refs[FRAMES_EACH + 4], 0);
	CU_ASSERT_EQUAL(unmap(h[n / 2]), GNTST_okay);
	CU_ASSERT_EQUAL(map(4, GNTMAP_host_map, &more), GNTST_okay);
	CU_ASSERT_EQUAL(more, h[n / 2]);
	world_down();
}

static void test_copy(void)
{
	world_up();
	memset(shim_memory[1], 'm', PAGE_SIZE);
	memset(shim_memory[FRAMES_EACH + 2], 'g', PAGE_SIZE);
	CU_ASSERT_EQUAL(copy(2, false, 0, 16), GNTST_okay);
	CU_ASSERT_EQUAL(shim_memory[1][15], 'g');
	CU_ASSERT_EQUAL(shim_memory[1][16], 'm');
	memset(shim_memory[1], 'm', PAGE_SIZE);
	CU_ASSERT_EQUAL(copy(2, true, 4000, 96), GNTST_okay);
	CU_ASSERT_EQUAL(shim_memory[FRAMES_EACH + 2][3999], 'g');
	CU_ASSERT_EQUAL(shim_memory[FRAMES_EACH + 2][4095], 'm');
	CU_ASSERT_EQUAL(copy(2, true, 4000, 97), GNTST_bad_copy_arg);
	CU_ASSERT_EQUAL(copy(2, true, 0xffff, 0xffff), GNTST_bad_copy_arg);
	CU_ASSERT_EQUAL(copy(2, false, 4000, 97), GNTST_bad_copy_arg);
	CU_ASSERT_EQUAL(copy(3, true, 0, 1), GNTST_general_error);	/* read-only */
	CU_ASSERT_EQUAL(copy(3, false, 0, 1), GNTST_okay);
	CU_ASSERT_EQUAL(copy(600, false, 0, 1), GNTST_bad_gntref);
	CU_ASSERT_TRUE(balanced());
	world_down();
}

static void test_table(void)
{
	xen_pfn_t list[4];
	struct gnttab_setup_table op = { .dom = 3, .nr_frames = 2, .frame_list = { list } };
	struct gnttab_query_size q = { .dom = 3 };
	struct gnttab_set_version v = { .version = 2 };
	struct gnttab_swap_grant_ref swap = { .ref_a = 2, .ref_b = 4 };
	u32 h;

	world_up();
	do_grant_table_op(GNTTABOP_query_size, &q, 1);
	CU_ASSERT_EQUAL(q.nr_frames, 1);
	CU_ASSERT_EQUAL(q.max_nr_frames, 2);
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_setup_table, &op, 1), 0);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT(list[0] != list[1]);
	CU_ASSERT_EQUAL(list[1], mfn_x(grant_table_frame(b, 1)));
	op.nr_frames = 3;
	do_grant_table_op(GNTTABOP_setup_table, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_general_error);
	CU_ASSERT_EQUAL(mfn_x(grant_table_frame(b, 2)), mfn_x(INVALID_MFN));
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_set_version, &v, 1), -XEN_ENOSYS);
	v.version = 1;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_set_version, &v, 1), 0);
	current = b->vcpu[0];
	do_grant_table_op(GNTTABOP_swap_grant_ref, &swap, 1);
	CU_ASSERT_EQUAL(swap.status, GNTST_okay);
	CU_ASSERT_EQUAL(table[2].frame, FRAMES_EACH + 4);
	op.dom = 0;
	do_grant_table_op(GNTTABOP_setup_table, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_permission_denied);
	current = a->vcpu[0];
	map(2, GNTMAP_host_map, &h);
	current = b->vcpu[0];
	do_grant_table_op(GNTTABOP_swap_grant_ref, &swap, 1);
	CU_ASSERT_EQUAL(swap.status, GNTST_eagain);
	world_down();
}

static void test_death_of_the_mapper(void)
{
	unsigned int steps = 1;
	u32 h;

	world_up();
	for (int i = 0; i < 200; i++)
		CU_ASSERT_EQUAL(map(i % 8 * 2, GNTMAP_host_map | (i & 1 ? GNTMAP_readonly : 0), &h), GNTST_okay);
	maps = 0;			/* its page tables go elsewhere */
	shim_preempt = true;
	while (grant_table_release_maps(a) == -XEN_ERESTART)
		steps++;
	CU_ASSERT(steps > 2);
	CU_ASSERT_EQUAL(flushes, 1);
	CU_ASSERT_TRUE(balanced());
	world_down();
}

static void test_batches(void)
{
	static struct gnttab_map_grant_ref m[40];
	static struct gnttab_unmap_grant_ref u[40];

	world_up();
	for (int i = 0; i < 40; i++)
		m[i] = (struct gnttab_map_grant_ref){
			.host_addr = HOST_ADDR, .flags = GNTMAP_host_map, .ref = i % 4 ? 2 : 3, .dom = 3,
		};
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_map_grant_ref, m, 40), 0);
	for (int i = 0; i < 40; i++) {
		CU_ASSERT_EQUAL(m[i].status, i % 4 ? GNTST_okay : GNTST_general_error);
		u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = HOST_ADDR, .handle = m[i].handle };
	}
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_unmap_grant_ref, u, 40), 0);
	for (int i = 0; i < 40; i++)
		CU_ASSERT_EQUAL(u[i].status, i % 4 ? GNTST_okay : GNTST_bad_handle);
	CU_ASSERT_EQUAL(flushes, 2);		/* one for each batch of 32 */
	CU_ASSERT_TRUE(balanced());
	shim_preempt = true;
	shim_continued = 0;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_map_grant_ref, m, 40), __HYPERVISOR_grant_table_op);
	CU_ASSERT_EQUAL(shim_continued, 1);
	world_down();
}

static void test_random(void)
{
	static u32 live[400];
	unsigned int n = 0;

	srand(3);
	world_up();
	for (int i = 0; i < 50000; i++) {
		u32 h, ref = rand() % 18;

		map_rc = rand() % 10 ? 0 : -XEN_EINVAL;
		unmap_rc = rand() % 10 ? 0 : -XEN_EINVAL;
		if (rand() % 2) {
			if (n < 400 && !map(ref, (rand() % 2 ? GNTMAP_readonly : 0) | GNTMAP_host_map, &h))
				live[n++] = h;
		} else if (rand() % 4 && n) {
			unsigned int k = rand() % n;

			if (!unmap(live[k]))
				live[k] = live[--n];
		} else {
			copy(ref, rand() % 2, rand() % 5000, rand() % 5000);
		}
		shim_check();
	}
	unmap_rc = 0;
	while (n)
		CU_ASSERT_EQUAL(unmap(live[--n]), GNTST_okay);
	CU_ASSERT_TRUE(balanced());
	world_down();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "map and unmap", test_map },
		{ "refusals", test_refusals },
		{ "an entry that changes", test_changed_entry },
		{ "unmap that fails", test_unmap_fails },
		{ "device map", test_device_map },
		{ "handles", test_handles },
		{ "copy", test_copy },
		{ "the table", test_table },
		{ "the mapper dies", test_death_of_the_mapper },
		{ "batches", test_batches },
		{ "random mixture", test_random },
		CU_TEST_INFO_NULL,
	};

	return suite_run("grant table", tests);
}
