/* SPDX-License-Identifier: MIT */
/*
 * memory_op, sub-operation by sub-operation, with wrong arguments as well, by dom0 and by a guest.
 *
 * ABI: increase, decrease and populate return how many extents were done, whatever stops them. New extents are
 * contiguous, aligned and below the address limit. Nobody gets beyond the domain's maximum, nor at memory that others
 * have claimed; a claim shrinks by what its domain gets, and by nothing else. Other domains and the machine as a whole
 * are dom0's business: EPERM for a guest. Errors change nothing. (exchange: see test memory.)
 */
#include "child.h"

#include "public/grant_table.h"
#include "public/sysctl.h"

#define NOWHERE ((void *)0xffff830000000000)

static struct child c;

static long mem(unsigned int cmd, void *arg)
{
	return hypercall2(__HYPERVISOR_memory_op, cmd, arg);
}

static long reserve(unsigned int cmd, domid_t id, u64 *list, u64 n, unsigned int order, u32 flags)
{
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = id, .mem_flags = flags };

	set_xen_guest_handle(r.extent_start, list);
	return mem(cmd, &r);
}

static long about(unsigned int cmd, domid_t id)
{
	struct xen_memory_domain d = { .domid = id };

	return mem(cmd, &d);
}

/* --- questions --- */

static void test_questions(void)
{
	static const unsigned int cmds[] = { XENMEM_current_reservation, XENMEM_maximum_reservation,
					     XENMEM_maximum_gpfn };

	for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) {
		CHECK(about(cmds[i], DOMID_SELF) >= 0, "operation %u: %ld", cmds[i], about(cmds[i], DOMID_SELF));
		CHECK_EQ(about(cmds[i], 0), about(cmds[i], DOMID_SELF));
		CHECK_EQ(about(cmds[i], 4321), -XEN_ESRCH);
		CHECK_EQ(about(cmds[i], DOMID_IO), -XEN_ESRCH);
		CHECK_EQ(mem(cmds[i], NOWHERE), -XEN_EFAULT);
	}
	CHECK_EQ(about(XENMEM_maximum_reservation, c.id), 1024);
	CHECK(about(XENMEM_current_reservation, c.id) > 200, "the child has %ld pages",
	      about(XENMEM_current_reservation, c.id));
	shared->arch.max_pfn = 1000;
	CHECK_EQ(about(XENMEM_maximum_gpfn, DOMID_SELF), 999);
	shared->arch.max_pfn = ~0ul;
	CHECK(about(XENMEM_maximum_gpfn, DOMID_SELF) >= 0, "maximum_gpfn reads as an error");
	CHECK(mem(XENMEM_maximum_ram_page, 0) > 60000, "maximum_ram_page: %ld", mem(XENMEM_maximum_ram_page, 0));
}

static void test_not_there(void)
{
	static const struct {
		unsigned int cmd;
		long want;
	} list[] = {
		{ XENMEM_add_to_physmap, -XEN_EACCES }, { XENMEM_add_to_physmap_batch, -XEN_EACCES },
		{ XENMEM_remove_from_physmap, -XEN_EACCES }, { XENMEM_get_vnumainfo, -XEN_EOPNOTSUPP },
		{ 8, -XEN_ENOSYS }, { XENMEM_set_pod_target, -XEN_ENOSYS },
		{ XENMEM_get_pod_target, -XEN_ENOSYS }, { XENMEM_paging_op, -XEN_ENOSYS },
		{ XENMEM_access_op, -XEN_ENOSYS }, { XENMEM_sharing_op, -XEN_ENOSYS },
		{ XENMEM_reserved_device_memory_map, -XEN_ENOSYS }, { 29, -XEN_ENOSYS }, { 63, -XEN_ENOSYS },
		/* A place to go on from, where there is no list. */
		{ XENMEM_current_reservation | 1 << 6, -XEN_ENOSYS }, { XENMEM_exchange | 1 << 6, -XEN_ENOSYS },
	};
	static u8 arg[128];

	for (unsigned int i = 0; i < ARRAY_SIZE(list); i++)
		CHECK(mem(list[i].cmd, arg) == list[i].want, "operation 0x%x: %ld", list[i].cmd, mem(list[i].cmd, arg));
}

/* --- extents --- */

static void test_shapes(void)
{
	u64 before = about(XENMEM_current_reservation, DOMID_SELF);

	for (unsigned int order = 0; order <= 9; order += 3) {
		u64 m[2] = { 0, 0 };

		CHECK_EQ(reserve(XENMEM_increase_reservation, DOMID_SELF, m, 2, order, XENMEMF_address_bits(27)), 2);
		for (unsigned int i = 0; i < 2; i++) {
			CHECK(!(m[i] & ((1ul << order) - 1)), "order %u at frame 0x%lx", order, m[i]);
			CHECK(m[i] + (1ul << order) <= 1ul << (27 - 12), "frame 0x%lx is beyond 27 bits", m[i]);
		}
		CHECK_EQ(about(XENMEM_current_reservation, DOMID_SELF), before + (2ul << order));
		CHECK_EQ(reserve(XENMEM_decrease_reservation, DOMID_SELF, m, 2, order, 0), 2);
		CHECK_EQ(about(XENMEM_current_reservation, DOMID_SELF), before);
	}
	CHECK_EQ(reserve(XENMEM_increase_reservation, DOMID_SELF, NULL, 3, 0, 0), 3);	/* frames nobody is told of */
	CHECK_EQ(about(XENMEM_current_reservation, DOMID_SELF), before + 3);
}

static void test_bad_extents(void)
{
	static const unsigned int cmds[] = { XENMEM_increase_reservation, XENMEM_decrease_reservation,
					     XENMEM_populate_physmap };
	u64 m[4] = { 1 << 20, 1 << 20, 1 << 20, 1 << 20 };

	for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) {
		u64 before = about(XENMEM_current_reservation, DOMID_SELF);

		CHECK_EQ(reserve(cmds[i], 4321, m, 4, 0, 0), 0);
		CHECK_EQ(reserve(cmds[i], DOMID_IO, m, 4, 0, 0), 0);
		CHECK_EQ(reserve(cmds[i], DOMID_XEN, m, 4, 0, 0), 0);
		CHECK_EQ(reserve(cmds[i], DOMID_SELF, NOWHERE, 4, 0, 0), 0);
		CHECK_EQ(reserve(cmds[i], DOMID_SELF, (u64 *)0x1000, 4, 0, 0), 0);
		CHECK_EQ(reserve(cmds[i], DOMID_SELF, m, 4, 63, 0), 0);
		CHECK_EQ(reserve(cmds[i], DOMID_SELF, m, 4, 0xffffffff, 0), 0);
		CHECK_EQ(reserve(cmds[i], DOMID_SELF, m, ~0ul, 0, 0), 0);
		CHECK_EQ(reserve(cmds[i], DOMID_SELF, m, 0, 0, 0), 0);
		CHECK_EQ(reserve(cmds[i], DOMID_SELF, m, 4, 0, XENMEMF_populate_on_demand), 0);
		CHECK_EQ(reserve(cmds[i] | 2 << 6, DOMID_SELF, m, 2, 0, 0), 2);	/* both done before */
		CHECK_EQ(reserve(cmds[i] | 3 << 6, DOMID_SELF, m, 2, 0, 0), 3);	/* more than there are */
		CHECK_EQ(mem(cmds[i], NOWHERE), 0);
		CHECK_EQ(about(XENMEM_current_reservation, DOMID_SELF), before);
	}
	CHECK_EQ(reserve(XENMEM_increase_reservation, DOMID_SELF, m, 1, 0, XENMEMF_address_bits(12)), 0);
	CHECK_EQ(reserve(XENMEM_increase_reservation, DOMID_SELF, m, 1, 0, XENMEMF_address_bits(1)), 0);
	CHECK_EQ(reserve(XENMEM_increase_reservation, DOMID_SELF, m, 1, 18, 0), 0);	/* more than the machine has */
}

static void test_limit(void)
{
	u64 m[8], have = about(XENMEM_current_reservation, c.id);

	domain_limit(c.id, have + 5);
	CHECK_EQ(reserve(XENMEM_increase_reservation, c.id, m, 8, 0, 0), 5);
	CHECK_EQ(reserve(XENMEM_increase_reservation, c.id, m + 5, 1, 0, 0), 0);
	CHECK_EQ(about(XENMEM_current_reservation, c.id), have + 5);
	domain_limit(c.id, have);
	CHECK_EQ(reserve(XENMEM_decrease_reservation, c.id, m, 5, 0, 0), 5);
	CHECK_EQ(reserve(XENMEM_increase_reservation, c.id, m, 8, 0, 0), 0);
	domain_limit(c.id, 1024);
	/* Somebody else's frame is not given up in my name. */
	CHECK_EQ(reserve(XENMEM_decrease_reservation, DOMID_SELF, c.mfn + 300, 1, 0, 0), 0);
	CHECK_EQ(about(XENMEM_current_reservation, c.id), have);
}

/* --- claims --- */

static long claim(domid_t id, u64 pages)
{
	return reserve(XENMEM_claim_pages, id, NULL, pages, 0, 0);
}

static u64 claimed(void)
{
	static struct xen_sysctl op;

	op.cmd = XEN_SYSCTL_physinfo;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	CHECK_EQ(hypercall1(__HYPERVISOR_sysctl, &op), 0);
	return op.u.physinfo.outstanding_pages;
}

static void test_claims(void)
{
	u64 m[32], have = about(XENMEM_current_reservation, c.id), all = machine_free_pages();

	CHECK_EQ(claim(c.id, have), -XEN_EINVAL);
	CHECK_EQ(claim(c.id, 1025), -XEN_EINVAL);
	CHECK_EQ(claim(4321, 5000), -XEN_ESRCH);
	CHECK_EQ(reserve(XENMEM_claim_pages, c.id, NULL, have + 5, 1, 0), -XEN_EINVAL);
	CHECK_EQ(reserve(XENMEM_claim_pages, c.id, m, have + 5, 0, 0), -XEN_EINVAL);
	domain_limit(c.id, have + all + 1000);
	CHECK_EQ(claim(c.id, have + all + 1), -XEN_ENOMEM);
	CHECK_EQ(claimed(), 0);
	CHECK_EQ(claim(c.id, have + all - 10), 0);
	CHECK_EQ(claim(c.id, have + all - 20), -XEN_EINVAL);	/* has one already */
	CHECK_EQ(claimed(), all - 10);
	/* Ten pages are left for others; the claim gives its domain the rest. */
	CHECK_EQ(reserve(XENMEM_increase_reservation, DOMID_SELF, m, 32, 0, 0), 10);
	CHECK_EQ(reserve(XENMEM_decrease_reservation, DOMID_SELF, m, 10, 0, 0), 10);
	CHECK_EQ(reserve(XENMEM_increase_reservation, c.id, m, 32, 0, 0), 32);
	CHECK_EQ(claimed(), all - 42);
	CHECK_EQ(reserve(XENMEM_decrease_reservation, c.id, m, 32, 0, 0), 32);
	/* What is not given does not count. */
	CHECK_EQ(claim(c.id, 0), 0);
	CHECK_EQ(claimed(), 0);
	CHECK_EQ(claim(c.id, have + 100), 0);
	CHECK_EQ(reserve(XENMEM_increase_reservation, c.id, (u64 *)0x1000, 1, 0, 0), 0);
	CHECK_EQ(reserve(XENMEM_increase_reservation, c.id, m, 1, 0, XENMEMF_address_bits(12)), 0);
	domain_limit(c.id, have);
	CHECK_EQ(reserve(XENMEM_increase_reservation, c.id, m, 1, 0, 0), 0);
	CHECK_EQ(claimed(), 100);
	domain_limit(c.id, 1024);
	CHECK_EQ(about(XENMEM_current_reservation, c.id), have);
}

/* --- maps --- */

static void test_maps(void)
{
	static struct xen_e820_entry map[130], got[130];
	struct xen_foreign_memory_map f = { .domid = DOMID_SELF, .map = { .nr_entries = 3 } };
	struct xen_memory_map m = { .nr_entries = 130 };

	for (unsigned int i = 0; i < 130; i++)
		map[i] = (struct xen_e820_entry){ .addr = i << 20, .size = 1 << 20, .type = XEN_E820_RAM };
	set_xen_guest_handle(f.map.buffer, (void *)map);
	CHECK_EQ(mem(XENMEM_set_memory_map, &f), 0);
	set_xen_guest_handle(m.buffer, (void *)got);
	CHECK_EQ(mem(XENMEM_memory_map, &m), 0);
	CHECK_EQ(m.nr_entries, 3);
	CHECK(!memcmp(map, got, 3 * sizeof(*map)) && !got[3].size, "another map than was set");
	memset(got, 0, sizeof(got));
	m.nr_entries = 2;				/* room for two */
	CHECK_EQ(mem(XENMEM_memory_map, &m), 0);
	CHECK(m.nr_entries == 2 && !got[2].size, "beyond the end of the buffer");
	set_xen_guest_handle(m.buffer, NOWHERE);
	CHECK_EQ(mem(XENMEM_memory_map, &m), -XEN_EFAULT);
	f.map.nr_entries = 129;
	CHECK_EQ(mem(XENMEM_set_memory_map, &f), -XEN_EINVAL);
	f.map.nr_entries = 128;
	CHECK_EQ(mem(XENMEM_set_memory_map, &f), 0);
	set_xen_guest_handle(f.map.buffer, NOWHERE);
	CHECK_EQ(mem(XENMEM_set_memory_map, &f), -XEN_EFAULT);
	f.domid = 4321;
	CHECK_EQ(mem(XENMEM_set_memory_map, &f), -XEN_ESRCH);
	m.nr_entries = 130;
	set_xen_guest_handle(m.buffer, (void *)got);
	CHECK_EQ(mem(XENMEM_memory_map, &m), 0);
	CHECK_EQ(m.nr_entries, 128);			/* the failed calls have changed nothing */
	m.nr_entries = 1;
	memset(got, 0, sizeof(got));
	CHECK_EQ(mem(XENMEM_machine_memory_map, &m), 0);
	CHECK(m.nr_entries == 1 && got[0].size && !got[1].size, "the machine's map: %u entries", m.nr_entries);
	m.nr_entries = 0;
	CHECK_EQ(mem(XENMEM_machine_memory_map, &m), 0);
	CHECK_EQ(m.nr_entries, 0);
	m.nr_entries = 100;
	set_xen_guest_handle(m.buffer, NOWHERE);
	CHECK_EQ(mem(XENMEM_machine_memory_map, &m), -XEN_EFAULT);
}

static void test_m2p(void)
{
	static xen_pfn_t list[600];
	struct xen_machphys_mfn_list l = { .max_extents = 600 };
	u8 *here = page_alloc();
	u64 pages = mem(XENMEM_maximum_ram_page, 0) + 1;

	set_xen_guest_handle(l.extent_start, list);
	CHECK_EQ(mem(XENMEM_machphys_mfn_list, &l), 0);
	CHECK_EQ(l.nr_extents, (pages * 8 + (2 << 20) - 1) >> 21);
	CHECK_EQ(map_foreign(here, DOMID_XEN, PTE(list[0], PTE_KERNEL_RO)), 0);
	CHECK(!memcmp(here, (void *)machine_to_phys_mapping, PAGE), "not the table");
	CHECK(map_foreign(here, DOMID_XEN, PTE(list[0], PTE_KERNEL)) < 0, "the table can be mapped writable");
	CHECK_EQ(set_va(here, PTE(va_to_mfn(here), PTE_KERNEL)), 0);
	l.max_extents = 0;
	CHECK_EQ(mem(XENMEM_machphys_mfn_list, &l), 0);
	CHECK_EQ(l.nr_extents, 0);
	l.max_extents = 1;
	set_xen_guest_handle(l.extent_start, NOWHERE);
	CHECK_EQ(mem(XENMEM_machphys_mfn_list, &l), -XEN_EFAULT);
}

/* --- resources --- */

static struct xen_mem_acquire_resource resource(u16 type, u32 id, u64 frame, u32 n, u64 *list)
{
	struct xen_mem_acquire_resource r = { .domid = c.id, .type = type, .id = id, .frame = frame, .nr_frames = n };

	set_xen_guest_handle(r.frame_list, list);
	return r;
}

static long acquire(struct xen_mem_acquire_resource r)
{
	return mem(XENMEM_acquire_resource, &r);
}

static void test_resources(void)
{
	struct xen_mem_acquire_resource r = resource(XENMEM_resource_grant_table, 0, 0, 0, NULL);
	u64 list[4] = { 0 };
	u8 *here = page_alloc();

	CHECK_EQ(mem(XENMEM_acquire_resource, &r), 0);
	CHECK_EQ(r.nr_frames, 4);
	CHECK_EQ(acquire(resource(XENMEM_resource_grant_table, 0, 0, 4, list)), 0);
	CHECK_EQ(map_foreign(here, c.id, PTE(list[3], PTE_KERNEL)), 0);
	here[8] = 77;				/* becomes readable for the child as reference 3 * 512 + 1 */
	CHECK_EQ(set_va(here, PTE(va_to_mfn(here), PTE_KERNEL)), 0);
	CHECK_EQ(acquire(resource(XENMEM_resource_grant_table, 0, 4, 1, list)), -XEN_EINVAL);
	CHECK_EQ(acquire(resource(XENMEM_resource_grant_table, 0, 1, 4, list)), -XEN_EINVAL);
	CHECK_EQ(acquire(resource(XENMEM_resource_grant_table, 0, ~0ul, 2, list)), -XEN_EINVAL);
	CHECK_EQ(acquire(resource(XENMEM_resource_grant_table, 0, 0, ~0u, list)), -XEN_EINVAL);
	CHECK_EQ(acquire(resource(XENMEM_resource_grant_table, 1, 0, 1, list)), -XEN_EINVAL);
	CHECK_EQ(acquire(resource(XENMEM_resource_grant_table, 99, 0, 1, list)), -XEN_EINVAL);
	CHECK_EQ(acquire(resource(XENMEM_resource_grant_table, 0, 0, 0, list)), -XEN_EINVAL);
	CHECK_EQ(acquire(resource(XENMEM_resource_ioreq_server, 0, 0, 1, list)), -XEN_EOPNOTSUPP);
	CHECK_EQ(acquire(resource(77, 0, 0, 1, list)), -XEN_EOPNOTSUPP);
	CHECK_EQ(acquire(resource(XENMEM_resource_grant_table, 0, 0, 1, NOWHERE)), -XEN_EFAULT);
	r.pad = 1;
	CHECK_EQ(acquire(r), -XEN_EINVAL);
	r = resource(XENMEM_resource_grant_table, 0, 0, 1, list);
	r.domid = 4321;
	CHECK_EQ(acquire(r), -XEN_ESRCH);
}

/* --- the same from a guest without rights --- */

static void in_child(void)
{
	struct xen_memory_map m = { .nr_entries = 1 };
	struct xen_machphys_mfn_list l = { .max_extents = 1 };
	struct xen_foreign_memory_map f = { .domid = 0 };
	struct xen_memory_exchange x = {
		.in = { .nr_extents = 1, .domid = 0 }, .out = { .nr_extents = 1, .domid = 0 },
	};
	u64 list[1] = { 0 }, have = about(XENMEM_current_reservation, DOMID_SELF);

	set_xen_guest_handle(m.buffer, (void *)list);
	set_xen_guest_handle(l.extent_start, list);
	set_xen_guest_handle(x.in.extent_start, list);
	set_xen_guest_handle(x.out.extent_start, list);
	CHECK_EQ(about(XENMEM_current_reservation, 0), -XEN_EPERM);
	CHECK_EQ(about(XENMEM_maximum_reservation, 0), -XEN_EPERM);
	CHECK_EQ(about(XENMEM_maximum_gpfn, 0), -XEN_EPERM);
	CHECK_EQ(about(XENMEM_current_reservation, my_id()), have);
	CHECK_EQ(mem(XENMEM_machine_memory_map, &m), -XEN_EPERM);
	CHECK_EQ(mem(XENMEM_machphys_mfn_list, &l), -XEN_EPERM);
	CHECK_EQ(mem(XENMEM_set_memory_map, &f), -XEN_EPERM);
	CHECK_EQ(mem(XENMEM_exchange, &x), -XEN_EPERM);
	CHECK_EQ(mem(XENMEM_memory_map, &m), -XEN_ENOSYS);	/* none was set */
	CHECK_EQ(claim(DOMID_SELF, have + 1), -XEN_EPERM);
	CHECK_EQ(acquire(resource(XENMEM_resource_grant_table, 0, 0, 1, list)), -XEN_EPERM);
	CHECK_EQ(reserve(XENMEM_increase_reservation, 0, list, 1, 0, 0), 0);
	CHECK_EQ(reserve(XENMEM_populate_physmap, 0, list, 1, 0, 0), 0);
	CHECK_EQ(reserve(XENMEM_decrease_reservation, 0, list, 1, 0, 0), 0);
	CHECK_EQ(reserve(XENMEM_increase_reservation, DOMID_SELF, list, 1, 10, 0), 0);
	CHECK_EQ(about(XENMEM_current_reservation, DOMID_SELF), have);
}

void test_main(void)
{
	child_create(&c, in_child);
	domain_limit(0, start_info->nr_pages + 20000);
	test_questions();
	test_not_there();
	test_shapes();
	test_bad_extents();
	test_limit();
	test_claims();
	test_maps();
	test_m2p();
	test_resources();
	child_run(&c);
	child_done(&c);
	CHECK_EQ(claimed(), 100);
	child_destroy(&c);
	CHECK_EQ(claimed(), 0);
}
