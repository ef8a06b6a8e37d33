/* SPDX-License-Identifier: MIT */
/*
 * A domain that is made, runs and dies, again and again, while another vCPU of dom0 uses it all the time: maps its
 * frames and grants, copies, pins, gives it memory, binds to its ports, asks for its state (XSA 29, 188, 380, 401).
 *
 * Invariant: each call is carried out or refused, at any moment of the other's life; no call works on what is already
 * gone, and none keeps it. When the user lets go, the domain is gone, and so is all of its memory.
 */
#include "child.h"

#include "public/grant_table.h"
#include "public/lite.h"

#define REF	20

static u64 page[512] __attribute__((aligned(4096))), there[512] __attribute__((aligned(4096)));
static u64 here[512] __attribute__((aligned(4096)));
static volatile struct grant_entry_v1 *table;
static u8 table_page[PAGE] __attribute__((aligned(4096)));
static struct child c = { .vcpus = 2, .spare_pages = 200 };

static volatile u64 stop, stopped, target_id, target_mfn, target_port, done[16], tried[16];

/* --- the guest --- */

static long gnt(unsigned int cmd, void *op)
{
	return hypercall3(__HYPERVISOR_grant_table_op, cmd, op, 1);
}

static void in_child(void)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };
	u64 frame;

	set_xen_guest_handle(s.frame_list, &frame);
	if (gnt(GNTTABOP_setup_table, &s) || set_va(table_page, PTE(frame, PTE_KERNEL)))
		test_die("no grant table");
	table = (void *)table_page;
	table[REF].domid = 0;
	table[REF].frame = va_to_mfn(page);
	barrier();
	table[REF].flags = GTF_permit_access;
	evtchn_op(EVTCHNOP_alloc_unbound, &a);
	mailbox()[1] = a.port;
	for (;;) {
		CHECK_EQ(make_ro(there), 0);
		mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(there));
		mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(there));
		CHECK_EQ(make_rw(there), 0);
		mailbox()[0]++;
	}
}

/* --- dom0's second vCPU: one thing after the other to whatever domain there is --- */

static void note(unsigned int what, bool ok)
{
	tried[what]++;
	done[what] += ok;
}

static void use_frames(domid_t id)
{
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = target_mfn };
	long rc = map_foreign(here, id, PTE(target_mfn, PTE_KERNEL));

	note(0, !rc);
	if (!rc)
		here[7]++;
	set_va(here, 0);
	rc = hypercall4(__HYPERVISOR_mmuext_op, &pin, 1, 0, id);
	note(1, !rc);
	pin.cmd = MMUEXT_UNPIN_TABLE;
	if (!rc)
		hypercall4(__HYPERVISOR_mmuext_op, &pin, 1, 0, id);
}

static void use_grants(domid_t id)
{
	struct gnttab_map_grant_ref m = { .host_addr = (u64)here, .flags = GNTMAP_host_map | GNTMAP_device_map,
					  .ref = REF, .dom = id };
	struct gnttab_copy copy = { .len = 100, .flags = GNTCOPY_source_gref };

	gnt(GNTTABOP_map_grant_ref, &m);
	note(2, !m.status);
	if (!m.status) {
		struct gnttab_unmap_grant_ref u = { .host_addr = (u64)here, .dev_bus_addr = m.dev_bus_addr,
						    .handle = m.handle };

		here[8]++;
		gnt(GNTTABOP_unmap_grant_ref, &u);
		if (u.status)
			stopped = 100;
	}
	copy.source.u.ref = REF;
	copy.source.domid = id;
	copy.dest.domid = DOMID_SELF;
	copy.dest.u.gmfn = va_to_mfn(there);
	gnt(GNTTABOP_copy, &copy);
	note(3, !copy.status);
}

static void use_memory(domid_t id)
{
	u64 list[4];
	struct xen_memory_reservation r = { .nr_extents = 4, .domid = id };

	set_xen_guest_handle(r.extent_start, list);
	if (hypercall2(__HYPERVISOR_memory_op, XENMEM_increase_reservation, &r) == 4) {
		note(4, true);
		hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r);
	} else {
		note(4, false);
	}
	r = (struct xen_memory_reservation){ .nr_extents = 1000, .domid = id };
	note(5, !hypercall2(__HYPERVISOR_memory_op, XENMEM_claim_pages, &r));
	r.nr_extents = 0;
	hypercall2(__HYPERVISOR_memory_op, XENMEM_claim_pages, &r);
}

static void use_ports(domid_t id)
{
	struct evtchn_bind_interdomain b = { .remote_dom = id, .remote_port = target_port };
	struct evtchn_close close;
	struct evtchn_send send;
	long rc = evtchn_op(EVTCHNOP_bind_interdomain, &b);

	note(6, !rc);
	if (rc)
		return;
	send.port = close.port = b.local_port;
	evtchn_op(EVTCHNOP_send, &send);
	if (evtchn_op(EVTCHNOP_close, &close))
		stopped = 101;
}

static void use_state(domid_t id)
{
	static struct vcpu_guest_context ctx;
	static struct xen_domctl op;
	struct xen_domctl_getdomaininfo info;
	struct xen_lite_counters counters = { .domid = id };
	struct sched_remote_shutdown r = { .domain_id = id, .reason = 100 };

	note(7, !domain_info(id, &info));
	op = (struct xen_domctl){ .cmd = XEN_DOMCTL_getvcpucontext, .domain = id };
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &ctx);
	note(8, !domctl(&op));
	op = (struct xen_domctl){ .cmd = XEN_DOMCTL_pausedomain, .domain = id };
	note(9, !domctl(&op));
	op.cmd = XEN_DOMCTL_unpausedomain;
	domctl(&op);
	note(10, !hypercall2(__HYPERVISOR_lite_op, LITEOP_counters, &counters));
	if (tried[10] % 512 == 0)		/* it waits until the domain stands still */
		note(11, hypercall2(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &r) == 0);
}

static void second_vcpu(void)
{
	set_va(here, 0);
	for (u64 n = 0; !stop; n++) {
		domid_t id = target_id;

		if (!id)
			continue;
		switch (n % 5) {
		case 0: use_frames(id); break;
		case 1: use_grants(id); break;
		case 2: use_memory(id); break;
		case 3: use_ports(id); break;
		default: use_state(id);
		}
	}
	stopped++;
	for (;;)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

/* --- dom0's first vCPU --- */

static void destroy(void)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_destroydomain, .domain = c.id };

	set_va((void *)c.mail, 0);
	CHECK_EQ(domctl(&op), 0);
}

/* The user may have a frame of it at this moment, but not for ever. */
static void wait_for_the_end(void)
{
	u64 end = time_now() + 2000000000;

	while (child_exists(&c) && time_now() < end)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	CHECK(!child_exists(&c), "domain %u is still there", c.id);
}

static void live_and_die(unsigned int n)
{
	child_create(&c, in_child);
	target_mfn = child_mfn(&c, n & 1 ? there : page);
	target_id = c.id;
	child_run(&c);
	if (n % 4)
		child_wait(&c, 1, 1);
	target_port = c.mail[1];
	spin_ns(3000000 + n % 7 * 2000000);
	destroy();
	wait_for_the_end();
	target_id = 0;
}

static void many(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		live_and_die(i);
}

void test_main(void)
{
	static const char *const what[] = { "map", "pin", "map grant", "copy", "give memory", "claim", "bind", "info",
					    "context", "pause", "counters", "shutdown" };
	u64 before;

	ap_start(second_vcpu);
	many(4);
	before = machine_free_pages();
	many(test_option("lives", 32));
	stop = 1;
	CHECK(ap_wait(&stopped, 1), "vCPU 1 does not stop");
	CHECK_EQ(stopped, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(what); i++) {
		printk("%s: %lu of %lu\n", what[i], done[i], tried[i]);
		CHECK(done[i] > 0 || i == 1 || tried[i] < 50, "%s: never worked, of %lu times", what[i], tried[i]);
	}
	CHECK(machine_free_pages() + 2 >= before, "%ld pages are gone", (long)(before - machine_free_pages()));
}
