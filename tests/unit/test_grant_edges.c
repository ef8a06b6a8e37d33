/* SPDX-License-Identifier: MIT */
/*
 * Grants where something is missing, refused, changed in between or interrupted. Whatever happens, no pin, no reference
 * and no status bit is left over, and none is given back twice.
 */
#include "grant_world.h"
#include "suite.h"

#define GUEST_FRAME(n)	(FRAMES_EACH + (n))

/* --- the table --------------------------------------------------------------------------------------------------- */

/* Each allocation of the set-up fails once, alone; the address sanitizer counts what is not given back. */
static void test_no_memory(void)
{
	struct domain *d = shim_domain(9, 1);
	int left = 0, rc;

	do {
		shim_allocs_left = left++;
		rc = grant_table_init(d, 4, 4);
		shim_allocs_left = -1;
		if (rc) {
			CU_ASSERT_EQUAL(rc, -XEN_ENOMEM);
			grant_table_free(d);
		}
	} while (rc && left < 20);
	CU_ASSERT_EQUAL(rc, 0);
	CU_ASSERT(left > 5);
	shim_allocs_left = 1;			/* a page, but nothing to keep account of it with */
	CU_ASSERT_EQUAL(grant_table_grow(d, 2), -XEN_ENOMEM);
	CU_ASSERT_EQUAL(mfn_x(grant_table_frame(d, 1)), mfn_x(INVALID_MFN));
	shim_allocs_left = -1;
	CU_ASSERT_EQUAL(grant_table_grow(d, 2), 0);
	CU_ASSERT_NOT_EQUAL(mfn_x(grant_table_frame(d, 1)), mfn_x(INVALID_MFN));
	CU_ASSERT_EQUAL(grant_table_max_frames(d), 4);
	d->dying = DOMDYING_dying;		/* what it has is still there, more it does not get */
	CU_ASSERT_NOT_EQUAL(mfn_x(grant_table_frame(d, 1)), mfn_x(INVALID_MFN));
	CU_ASSERT_EQUAL(grant_table_grow(d, 2), 0);
	CU_ASSERT_EQUAL(grant_table_grow(d, 3), -XEN_ENOMEM);
	CU_ASSERT_EQUAL(mfn_x(grant_table_frame(d, 2)), mfn_x(INVALID_MFN));
	d->dying = DOMDYING_alive;
	shim_preempt = true;			/* one frame at a time */
	CU_ASSERT_EQUAL(grant_table_grow(d, 4), -XEN_ERESTART);
	CU_ASSERT_EQUAL(grant_table_grow(d, 4), 0);
	shim_preempt = false;
	CU_ASSERT_EQUAL(grant_table_grow(d, 5), -XEN_ENOMEM);
	grant_table_free(d);
	grant_table_free(d);			/* there is none now */
	shim_domain_free(d);
}

static void test_sizes(void)
{
	struct domain *d = shim_domain(9, 1);

	CU_ASSERT_EQUAL(grant_table_init(d, 0, 4), -XEN_EINVAL);
	CU_ASSERT_EQUAL(grant_table_init(d, 1025, 4), -XEN_EINVAL);
	CU_ASSERT_EQUAL(grant_table_init(d, 4, 8193), -XEN_EINVAL);
	CU_ASSERT_PTR_NULL(d->grant_table);
	CU_ASSERT_EQUAL(grant_table_init(d, 1024, 0), 0);
	grant_table_free(d);
	shim_domain_free(d);
}

/* --- entries that change while we look --------------------------------------------------------------------------- */

static unsigned int changes;

static void guest_takes_write_back(void) { table[2].flags |= GTF_readonly; }

static void guest_keeps_changing(void)
{
	changes++;
	table[2].flags ^= GTF_PWT;
	shim_meanwhile(0, guest_keeps_changing);
}

/* Points: 0 locks the handles, 1 locks the granting table, 2 is the exchange of the entry. */
static void test_changing_entry(void)
{
	u32 h;

	world_up();
	shim_meanwhile(2, guest_takes_write_back);
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map, &h), GNTST_general_error);
	CU_ASSERT_EQUAL(table[2].flags, GTF_permit_access | GTF_readonly);
	table[2].flags = GTF_permit_access;
	changes = 0;
	shim_meanwhile(2, guest_keeps_changing);
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map, &h), GNTST_eagain);
	shim_meanwhile(0, NULL);
	CU_ASSERT(changes >= 5 && changes < 20);	/* a guest cannot keep us here */
	CU_ASSERT_EQUAL(table[2].flags & (GTF_reading | GTF_writing), 0);
	CU_ASSERT_TRUE(balanced());
	world_down();
}

/* --- mapping ----------------------------------------------------------------------------------------------------- */

static void test_page_of_ours(void)
{
	struct page_info *pg = mfn_to_page(_mfn(GUEST_FRAME(2)));
	u32 h;

	world_up();
	pg->count_info |= PGC_hv;		/* shared with the guest, but it does not keep the guest in being */
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_bad_page);
	pg->count_info &= ~PGC_hv;
	CU_ASSERT_TRUE(balanced());
	world_down();
}

static void test_no_handle(void)
{
	u32 h;

	world_up();
	shim_allocs_left = 0;
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map, &h), GNTST_no_space);
	CU_ASSERT_EQUAL(h, ~0U);
	shim_allocs_left = -1;
	CU_ASSERT_TRUE(balanced());
	CU_ASSERT_EQUAL(map(2, GNTMAP_host_map, &h), GNTST_okay);
	world_down();
}

/* What the entry allows: no more than was granted and asked for, never execution. */
static void test_flags(void)
{
	u32 h;

	world_up();
	map(2, GNTMAP_host_map, &h);
	CU_ASSERT_EQUAL(mapped_flags, PTE_P | PTE_A | PTE_D | PTE_NX | PTE_RW);
	map(2, GNTMAP_host_map | GNTMAP_readonly, &h);
	CU_ASSERT_EQUAL(mapped_flags, PTE_P | PTE_A | PTE_D | PTE_NX);
	map(3, GNTMAP_host_map | GNTMAP_readonly | GNTMAP_application_map | GNTMAP_guest_avail_mask, &h);
	CU_ASSERT_EQUAL(mapped_flags, PTE_P | PTE_A | PTE_D | PTE_NX | PTE_U | PTE_AVAIL);
	world_down();
}

/* A device map writes no entry; host and device map together are two uses, of which the second may fail. */
static void test_device_maps(void)
{
	u32 h;

	world_up();
	CU_ASSERT_EQUAL(map(2, GNTMAP_device_map, &h), GNTST_okay);
	CU_ASSERT_EQUAL(maps, 0);
	CU_ASSERT_EQUAL(refs[GUEST_FRAME(2)], 1);
	CU_ASSERT_EQUAL(unmap(h), GNTST_okay);			/* has no host map: nothing to do */
	CU_ASSERT_EQUAL(refs[GUEST_FRAME(2)], 1);
	gets_left = 1;
	CU_ASSERT_EQUAL(map(4, GNTMAP_device_map | GNTMAP_host_map, &h), GNTST_bad_page);
	CU_ASSERT_EQUAL(refs[GUEST_FRAME(4)], 0);
	CU_ASSERT_EQUAL(table[4].flags, GTF_permit_access);
	CU_ASSERT_EQUAL(maps, 0);
	world_down();
}

/* --- unmapping --------------------------------------------------------------------------------------------------- */

static void test_wrong_bus_address(void)
{
	struct gnttab_unmap_grant_ref op = { .dev_bus_addr = (u64)GUEST_FRAME(4) << PAGE_SHIFT };

	world_up();
	map(2, GNTMAP_device_map, &op.handle);
	do_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_dev_addr);
	CU_ASSERT_EQUAL(refs[GUEST_FRAME(2)], 1);
	op.dev_bus_addr = (u64)GUEST_FRAME(2) << PAGE_SHIFT;
	do_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT_TRUE(balanced());
	world_down();
}

static u32 busy_handle;

static void unmap_it_too(void)
{
	while_unmapping = NULL;
	CU_ASSERT_EQUAL(unmap(busy_handle), GNTST_bad_handle);
}

/* Two vCPUs unmap the same handle: one of them does. */
static void test_unmap_twice(void)
{
	world_up();
	map(2, GNTMAP_host_map, &busy_handle);
	while_unmapping = unmap_it_too;
	CU_ASSERT_EQUAL(unmap(busy_handle), GNTST_okay);
	CU_ASSERT_TRUE(balanced());
	world_down();
}

static void test_replace(void)
{
	struct gnttab_unmap_and_replace op = { .host_addr = HOST_ADDR, .new_addr = 0x5000 };

	world_up();
	map(2, GNTMAP_host_map, &op.handle);
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_unmap_and_replace, (void *)8, 1), -XEN_EFAULT);
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_unmap_and_replace, &op, 1), 0);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT_EQUAL(replaced_by, 0x5000);
	CU_ASSERT_TRUE(balanced());
	map(2, GNTMAP_host_map, &op.handle);
	unmap(op.handle);
	CU_ASSERT_EQUAL(replaced_by, 0);			/* the plain one puts nothing there */
	map(2, GNTMAP_host_map, &op.handle);
	shim_write_fails = true;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_unmap_and_replace, &op, 1), -XEN_EFAULT);
	shim_write_fails = false;
	CU_ASSERT_TRUE(balanced());				/* done all the same: the page may not be half gone */
	world_down();
}

/* The array ends in memory that is not there: what came before is done to the end, flush and references included. */
static void test_unmap_fault(void)
{
	struct gnttab_unmap_grant_ref op = { .host_addr = HOST_ADDR };

	world_up();
	map(2, GNTMAP_host_map, &op.handle);
	shim_write_fails = true;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1), -XEN_EFAULT);
	shim_write_fails = false;
	CU_ASSERT_EQUAL(flushes, 1);
	CU_ASSERT_TRUE(balanced());
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_unmap_grant_ref, (void *)8, 3), -XEN_EFAULT);
	world_down();
}

/* A mapping whose handle the guest never heard of goes with the guest at the latest. */
static void test_lost_handle(void)
{
	struct gnttab_map_grant_ref op = { .host_addr = HOST_ADDR, .flags = GNTMAP_host_map, .ref = 2, .dom = 3 };

	world_up();
	shim_write_fails = true;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), -XEN_EFAULT);
	shim_write_fails = false;
	maps = 0;
	CU_ASSERT_EQUAL(grant_table_release_maps(a), 0);
	CU_ASSERT_TRUE(balanced());
	world_down();
}

/*
 * Long batches make way, and go on where they stopped; the end of a domain does so even if no handle is in use any
 * more.
 */
static void test_making_way(void)
{
	static struct gnttab_unmap_grant_ref u[100];
	struct gnttab_copy c[2] = { 0 };
	unsigned int steps = 1;

	world_up();
	for (int i = 0; i < 100; i++) {
		u[i].host_addr = HOST_ADDR;
		map(2, GNTMAP_host_map, &u[i].handle);
	}
	shim_preempt = true;
	shim_continued = 0;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_unmap_grant_ref, u, 100), __HYPERVISOR_grant_table_op);
	CU_ASSERT_EQUAL(shim_continued, 1);
	CU_ASSERT_EQUAL(shim_continue_args[0], GNTTABOP_unmap_grant_ref);
	CU_ASSERT_EQUAL(shim_continue_args[1], (unsigned long)(u + 32));
	CU_ASSERT_EQUAL(shim_continue_args[2], 100 - 32);
	CU_ASSERT_EQUAL(refs[GUEST_FRAME(2)], 100 - 32);
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_copy, c, 2), __HYPERVISOR_grant_table_op);
	shim_preempt = false;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_unmap_grant_ref, u + 32, 68), 0);
	CU_ASSERT_TRUE(balanced());
	shim_preempt = true;
	while (grant_table_release_maps(a) == -XEN_ERESTART)
		steps++;
	CU_ASSERT(steps > 2);
	CU_ASSERT_TRUE(balanced());
	world_down();
}

/* --- copying ------------------------------------------------------------------------------------------------------ */

static int copy_a_frame(domid_t_ from, u64 frame, u32 to_ref, domid_t_ to)
{
	struct gnttab_copy op = { .len = 8, .flags = GNTCOPY_dest_gref };

	op.source = (struct gnttab_copy_ptr){ .u.gmfn = frame, .domid = from };
	op.dest = (struct gnttab_copy_ptr){ .u.ref = to_ref, .domid = to };
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_copy, &op, 1), 0);
	return op.status;
}

static void test_copy_rights(void)
{
	struct gnttab_copy op = { .len = 8, .flags = GNTCOPY_dest_gref, .dest = { .u.ref = 2, .domid = 3 } };

	world_up();
	op.source = (struct gnttab_copy_ptr){ .u.gmfn = 1, .domid = DOMID_SELF };
	CU_ASSERT_EQUAL(copy_a_frame(DOMID_SELF, 1, 2, 3), GNTST_okay);
	CU_ASSERT_EQUAL(copy_a_frame(3, GUEST_FRAME(2), 2, 3), GNTST_permission_denied);	/* not without a grant */
	CU_ASSERT_EQUAL(copy_a_frame(DOMID_SELF, GUEST_FRAME(2), 2, 3), GNTST_bad_page);
	CU_ASSERT_EQUAL(copy_a_frame(DOMID_SELF, SHIM_FRAMES, 2, 3), GNTST_bad_page);
	CU_ASSERT_EQUAL(copy_a_frame(DOMID_SELF, 1, 2, 77), GNTST_bad_domain);
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_copy, (void *)8, 1), -XEN_EFAULT);
	shim_write_fails = true;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_copy, &op, 1), -XEN_EFAULT);
	shim_write_fails = false;
	b->dying = DOMDYING_dying;
	CU_ASSERT_EQUAL(copy_a_frame(DOMID_SELF, 1, 2, 3), GNTST_bad_domain);
	CU_ASSERT_TRUE(balanced());
	world_down();
}

/* --- small operations --------------------------------------------------------------------------------------------- */

/* Unknown domain, and somebody else's without the right. */
static void test_rights(void)
{
	struct gnttab_setup_table s = { .dom = 77 };
	struct gnttab_query_size q = { .dom = 77 };
	struct gnttab_get_version v = { .dom = 77, .version = 5 };
	struct gnttab_dump_table p = { .dom = 77 };

	world_up();
	for (int other = 0; other < 2; other++) {
		int16_t status = other ? GNTST_permission_denied : GNTST_bad_domain;

		CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_setup_table, &s, 1), 0);
		CU_ASSERT_EQUAL(s.status, status);
		CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_query_size, &q, 1), 0);
		CU_ASSERT_EQUAL(q.status, status);
		CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_dump_table, &p, 1), 0);
		CU_ASSERT_EQUAL(p.status, status);
		CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_get_version, &v, 1), other ? -XEN_EPERM : -XEN_ESRCH);
		CU_ASSERT_EQUAL(v.version, 5);
		s.dom = q.dom = v.dom = p.dom = 0;
		current = b->vcpu[0];
	}
	v.dom = DOMID_SELF;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_get_version, &v, 1), 0);
	CU_ASSERT_EQUAL(v.version, 1);
	world_down();
}

static void test_setup_fails(void)
{
	xen_pfn_t list[2] = { 1, 1 };
	struct gnttab_setup_table s = { .dom = 3, .nr_frames = 2, .frame_list = { list } };

	world_up();
	shim_allocs_left = 0;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_setup_table, &s, 1), 0);
	CU_ASSERT_EQUAL(s.status, GNTST_general_error);
	CU_ASSERT_EQUAL(list[1], 1);
	shim_allocs_left = -1;
	s.frame_list.p = (void *)8;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_setup_table, &s, 1), -XEN_EFAULT);
	world_down();
}

/* An entry that is used, on either side, is not swapped away under its user. */
static void test_swap(void)
{
	static const struct { u32 ref, flags; } uses[] = {
		{ 2, GNTMAP_readonly }, { 2, 0 }, { 4, GNTMAP_readonly }, { 4, 0 },
	};
	struct gnttab_swap_grant_ref swap = { .ref_a = 2, .ref_b = 4 };
	u32 h;

	for (unsigned int i = 0; i < ARRAY_SIZE(uses); i++) {
		world_up();
		map(uses[i].ref, GNTMAP_host_map | uses[i].flags, &h);
		current = b->vcpu[0];
		CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_swap_grant_ref, &swap, 1), 0);
		CU_ASSERT_EQUAL(swap.status, GNTST_eagain);
		CU_ASSERT_EQUAL(table[2].frame, GUEST_FRAME(2));
		CU_ASSERT_EQUAL(table[4].frame, GUEST_FRAME(4));
		world_down();
	}
	world_up();
	current = b->vcpu[0];
	for (int i = 0; i < 2; i++) {
		swap = (struct gnttab_swap_grant_ref){ .ref_a = i ? 2 : 512, .ref_b = i ? 512 : 2 };
		CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_swap_grant_ref, &swap, 1), 0);
		CU_ASSERT_EQUAL(swap.status, GNTST_bad_gntref);
	}
	world_down();
}

static void test_arguments(void)
{
	static const unsigned int single[] = {
		GNTTABOP_setup_table, GNTTABOP_query_size, GNTTABOP_set_version, GNTTABOP_dump_table,
	};
	static const unsigned int all[] = {
		GNTTABOP_setup_table, GNTTABOP_query_size, GNTTABOP_set_version, GNTTABOP_dump_table,
		GNTTABOP_get_version, GNTTABOP_swap_grant_ref,
	};
	struct gnttab_set_version v = { .version = 3 };
	u64 array[8] = { 1UL << 32 | 1 };	/* twice what each of them could carry out, version 1 or domain 1 */

	world_up();
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_map_grant_ref, array, 1U << 31), -XEN_EINVAL);
	for (unsigned int i = 0; i < ARRAY_SIZE(single); i++)
		CU_ASSERT_EQUAL(do_grant_table_op(single[i], array, 2), -XEN_EINVAL);
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++) {
		CU_ASSERT_EQUAL(do_grant_table_op(all[i], (void *)8, 1), -XEN_EFAULT);
		shim_write_fails = true;
		CU_ASSERT_EQUAL(do_grant_table_op(all[i], array, 1), -XEN_EFAULT);
		shim_write_fails = false;
	}
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_set_version, &v, 1), -XEN_EINVAL);
	CU_ASSERT_EQUAL(v.version, 1);				/* and says what there is */
	world_down();
}

/* Two of the small ones take arrays, and stop between two elements. */
static void test_small_arrays(void)
{
	struct gnttab_swap_grant_ref swap[3] = { { .ref_a = 2, .ref_b = 4 }, { .ref_a = 6, .ref_b = 8 } };
	struct gnttab_get_version v[3] = { { .dom = 3 }, { .dom = 3 }, { .dom = 77 } };

	world_up();
	shim_preempt = true;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_get_version, v, 3), __HYPERVISOR_grant_table_op);
	CU_ASSERT_EQUAL(v[0].version, 1);
	CU_ASSERT_EQUAL(v[1].version, 0);
	current = b->vcpu[0];
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_swap_grant_ref, swap, 2), __HYPERVISOR_grant_table_op);
	CU_ASSERT_EQUAL(table[2].frame, GUEST_FRAME(4));
	CU_ASSERT_EQUAL(table[6].frame, GUEST_FRAME(6));
	shim_preempt = false;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_swap_grant_ref, swap + 1, 1), 0);
	CU_ASSERT_EQUAL(table[6].frame, GUEST_FRAME(8));
	current = a->vcpu[0];
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_get_version, v, 3), -XEN_ESRCH);
	world_down();
}

static void test_dump(void)
{
	struct gnttab_dump_table p = { .dom = 3 };
	u32 h;

	world_up();
	map(2, GNTMAP_host_map, &h);
	map(3, GNTMAP_host_map | GNTMAP_readonly, &h);
	shim_log[0] = 0;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_dump_table, &p, 1), 0);
	CU_ASSERT_EQUAL(p.status, GNTST_okay);
	CU_ASSERT_PTR_NOT_NULL(strstr(shim_log, "ref 2: mfn 0x12 to d0, 0 readers, 1 writers\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(shim_log, "ref 3: mfn 0x13 to d0, 1 readers, 0 writers\n"));
	CU_ASSERT_PTR_NULL(strstr(shim_log, "ref 4"));
	world_down();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "no memory", test_no_memory },
		{ "sizes of the table", test_sizes },
		{ "an entry changes while we look", test_changing_entry },
		{ "a page of the hypervisor's", test_page_of_ours },
		{ "no handle", test_no_handle },
		{ "what an entry allows", test_flags },
		{ "device maps", test_device_maps },
		{ "a wrong bus address", test_wrong_bus_address },
		{ "unmapped by two", test_unmap_twice },
		{ "unmap and replace", test_replace },
		{ "unmap and fault", test_unmap_fault },
		{ "a handle nobody heard of", test_lost_handle },
		{ "making way", test_making_way },
		{ "rights to copy", test_copy_rights },
		{ "rights", test_rights },
		{ "the table cannot be set up", test_setup_fails },
		{ "swapping", test_swap },
		{ "arguments", test_arguments },
		{ "small arrays", test_small_arrays },
		{ "debug key", test_dump },
		CU_TEST_INFO_NULL,
	};

	return suite_run("grants, edges", tests);
}
