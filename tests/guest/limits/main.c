/* SPDX-License-Identifier: MIT */
/*
 * A guest takes as much of everything as it is given (XSA 84, 149, 385).
 *
 * Invariant: each object has its limit, reached exactly and not passed: event channels, grant frames, mapping handles,
 * memory, registered areas, watchdogs, polled ports. What is refused at the limit takes nothing, and what is given back
 * can be had again. All that the hypervisor spends on a guest beyond the memory that it was given is a few pages, known
 * beforehand, and comes back with its death; others do not notice.
 */
#include "child.h"

#include "public/grant_table.h"

#define PORTS		100
#define FRAMES		3
#define HANDLES		256		/* in one page */
#define SPARE		300
#define OVERHEAD	24		/* pages: grant frames and what goes with them, handles, ports, odds and ends */

static u64 page[512] __attribute__((aligned(4096)));
static u64 list[2 * SPARE + 2000];

/* --- in the guest --- */

static long alloc_port(u32 *port)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };
	long rc = evtchn_op(EVTCHNOP_alloc_unbound, &a);

	*port = a.port;
	return rc;
}

static void test_ports(void)
{
	struct evtchn_close close = { .port = 50 };
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
	struct evtchn_bind_interdomain inter = { .remote_dom = 0, .remote_port = 1 };
	unsigned int n = 0;
	u32 port;
	long rc;

	while (!(rc = alloc_port(&port)) && n < 5000)
		n++;
	CHECK_EQ(n, PORTS);
	CHECK_EQ(rc, -XEN_ENOSPC);
	for (unsigned int i = 0; i < 1000; i++) {
		CHECK_EQ(alloc_port(&port), -XEN_ENOSPC);
		CHECK_EQ(evtchn_op(EVTCHNOP_bind_ipi, &ipi), -XEN_ENOSPC);
		CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &virq), -XEN_ENOSPC);
		CHECK(evtchn_op(EVTCHNOP_bind_interdomain, &inter) < 0, "bound without a port");
	}
	CHECK_EQ(evtchn_op(EVTCHNOP_close, &close), 0);
	CHECK_EQ(alloc_port(&port), 0);
	CHECK_EQ(port, 50);
	CHECK_EQ(alloc_port(&port), -XEN_ENOSPC);
}

static long gnt(unsigned int cmd, void *op)
{
	return hypercall3(__HYPERVISOR_grant_table_op, cmd, op, 1);
}

static int setup_table(u32 n, u64 *frames)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = n };

	set_xen_guest_handle(s.frame_list, frames);
	CHECK_EQ(gnt(GNTTABOP_setup_table, &s), 0);
	return s.status;
}

/* A device map takes a handle and no address. */
static int map(u32 ref, u32 *handle)
{
	struct gnttab_map_grant_ref m = { .flags = GNTMAP_device_map, .ref = ref, .dom = my_id() };

	CHECK_EQ(gnt(GNTTABOP_map_grant_ref, &m), 0);
	*handle = m.handle;
	return m.status;
}

static void test_grants(void)
{
	static u8 table_page[PAGE] __attribute__((aligned(4096)));
	struct grant_entry_v1 *e = (void *)table_page;
	struct gnttab_unmap_grant_ref u = { .dev_bus_addr = va_to_mfn(page) << 12 };
	u64 frames[FRAMES + 1];
	u32 handle = 0, other, n = 0;
	int rc;

	for (unsigned int i = 0; i < 100; i++)
		CHECK_EQ(setup_table(FRAMES + 1, frames), GNTST_general_error);
	CHECK_EQ(setup_table(FRAMES, frames), GNTST_okay);
	CHECK_EQ(setup_table(0xffffffff, frames), GNTST_general_error);
	CHECK_EQ(set_va(table_page, PTE(frames[FRAMES - 1], PTE_KERNEL)), 0);
	e[511] = (struct grant_entry_v1){ .flags = GTF_permit_access, .domid = my_id(), .frame = va_to_mfn(page) };
	CHECK_EQ(map(FRAMES * 512, &other), GNTST_bad_gntref);
	while (!(rc = map(FRAMES * 512 - 1, &other)) && n < 100000) {
		handle = other;
		n++;
	}
	CHECK_EQ(rc, GNTST_no_space);
	CHECK_EQ(n, HANDLES);
	for (unsigned int i = 0; i < 1000; i++)
		CHECK_EQ(map(FRAMES * 512 - 1, &other), GNTST_no_space);
	u.handle = handle;
	CHECK_EQ(gnt(GNTTABOP_unmap_grant_ref, &u), 0);
	CHECK_EQ(u.status, GNTST_okay);
	CHECK_EQ(map(FRAMES * 512 - 1, &other), GNTST_okay);
	CHECK_EQ(map(FRAMES * 512 - 1, &other), GNTST_no_space);
}

static void test_memory(void)
{
	struct xen_memory_domain q = { .domid = DOMID_SELF };
	long have = hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &q);
	long max = hypercall2(__HYPERVISOR_memory_op, XENMEM_maximum_reservation, &q);

	CHECK_EQ(own_reservation(XENMEM_increase_reservation, list, ARRAY_SIZE(list)), max - have);
	for (unsigned int i = 0; i < 100; i++) {
		CHECK_EQ(own_reservation(XENMEM_increase_reservation, list, 8), 0);
		CHECK_EQ(own_reservation(XENMEM_populate_physmap, list, 8), 0);
	}
	CHECK_EQ(own_reservation(XENMEM_decrease_reservation, list, 3), 3);
	CHECK_EQ(own_reservation(XENMEM_increase_reservation, list, 8), 3);
	CHECK_EQ(hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &q), max);
}

/* Areas are replaced, not added; vcpu_info can be moved once. */
static void test_areas(void)
{
	struct vcpu_register_vcpu_info info = { .mfn = va_to_mfn(page), .offset = 1024 };
	struct vcpu_register_runstate_memory_area run;
	struct vcpu_register_time_memory_area time;

	for (unsigned int i = 0; i < 300; i++) {
		run.addr.p = (uint64_t)(page + i);
		time.addr.p = (uint64_t)(page + i);
		CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, &run), 0);
		CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, &time), 0);
	}
	CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, &info), 0);
	for (unsigned int i = 0; i < 300; i++)
		CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, &info), -XEN_EINVAL);
	CHECK(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 1, &info) < 0, "of a vCPU that is not there");
}

static void test_sched(void)
{
	struct sched_watchdog w = { .timeout = 1000 };
	static evtchn_port_t ports[200];
	struct sched_poll poll = { .nr_ports = 129, .timeout = 1 };
	long id[2];

	set_xen_guest_handle(poll.ports, ports);
	CHECK_EQ(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll), -XEN_EINVAL);
	poll.nr_ports = 0xffffffff;
	CHECK_EQ(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll), -XEN_EINVAL);
	for (unsigned int i = 0; i < 2; i++) {
		w.id = 0;
		id[i] = hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w);
		CHECK(id[i] > 0, "watchdog: %ld", id[i]);
	}
	for (unsigned int i = 0; i < 100; i++)
		CHECK(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w) < 0, "a third watchdog");
	for (unsigned int i = 0; i < 2; i++) {
		w = (struct sched_watchdog){ .id = id[i], .timeout = 0 };
		CHECK_EQ(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w), 0);
	}
}

static void test_lists(void)
{
	struct trap_info *endless = (void *)list;
	struct multicall_entry *m = (void *)list;

	for (u64 *p = list; p < list + ARRAY_SIZE(list); p++)
		*p = 0x0000123412341234;
	CHECK_EQ(hypercall1(__HYPERVISOR_set_trap_table, endless), -XEN_E2BIG);
	traps_init();
	CHECK_EQ(hypercall2(__HYPERVISOR_multicall, m, 0xffffffff), -XEN_EFAULT);
	CHECK_EQ(hypercall4(__HYPERVISOR_mmu_update, list, 0x7fffffff, 0, DOMID_SELF) < 0, true);
	CHECK_EQ(hypercall4(__HYPERVISOR_mmuext_op, list, 0x7fffffff, 0, DOMID_SELF) < 0, true);
}

static void in_child(void)
{
	test_ports();
	test_grants();
	test_memory();
	test_areas();
	test_sched();
	test_lists();
}

static void live_and_die(void)
{
	static struct child c = {
		.max_port = PORTS, .grant_frames = FRAMES, .maptrack_frames = 1, .spare_pages = SPARE,
	};
	struct xen_domctl_getdomaininfo info;
	u64 before, after;

	child_create(&c, in_child);
	before = machine_free_pages();
	CHECK_EQ(domain_info(c.id, &info), 0);
	before += info.tot_pages;
	child_run(&c);
	child_done(&c);
	CHECK_EQ(domain_info(c.id, &info), 0);
	after = machine_free_pages() + info.tot_pages;
	printk("%lu pages spent on %lu of the guest's\n", before - after, info.tot_pages);
	CHECK(after + OVERHEAD >= before, "the guest costs %lu pages beyond its own", before - after);
	child_destroy(&c);
	CHECK(!child_exists(&c), "the child is still there");
}

void test_main(void)
{
	u64 before;

	live_and_die();
	before = machine_free_pages();
	live_and_die();
	CHECK_EQ(machine_free_pages(), before);
}
