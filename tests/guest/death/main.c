/* SPDX-License-Identifier: MIT */
/*
 * Domains that die while their memory is in use by others, and while they use others' (XSA 380, 396, 492).
 *
 * Invariant: a frame that somebody still maps stays as it is, belongs to nobody else, and goes back to the heap with
 * the last mapping; the dead domain's number is free then and not before. A domain that dies gives up what it has
 * mapped: the entries of the granting domain are clear, its frames can be anything again. A guest cannot make a frame
 * free that others map, whatever it writes into its entry (only its own memory count goes down). No death takes
 * anything with it: free memory is what it was before, and dom0 goes on.
 */
#include "child.h"

#include "public/grant_table.h"

#define REF	20
#define SMALL	4000		/* frames left in the machine, so that looking through all of them is quick */

static volatile struct grant_entry_v1 *table;
static u64 page[512] __attribute__((aligned(4096))), here[512] __attribute__((aligned(4096)));
static u64 there[512] __attribute__((aligned(4096)));
static u8 table_page[PAGE] __attribute__((aligned(4096)));
static struct child a, b;

/* --- grants --- */

static long gnt(unsigned int cmd, void *op)
{
	return hypercall3(__HYPERVISOR_grant_table_op, cmd, op, 1);
}

static void grants_init(void)
{
	u64 frame;
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };

	set_xen_guest_handle(s.frame_list, &frame);
	if (gnt(GNTTABOP_setup_table, &s) || s.status || set_va(table_page, PTE(frame, PTE_KERNEL)))
		test_die("no grant table");
	table = (void *)table_page;
}

static void grant_to(domid_t who)
{
	table[REF].domid = who;
	table[REF].frame = va_to_mfn(page);
	barrier();
	table[REF].flags = GTF_permit_access;
}

/* At va, which maps nothing afterwards if that fails. Returns the handle, or a negative status. */
static int map_at(void *va, domid_t who, u32 flags)
{
	struct gnttab_map_grant_ref m = { .host_addr = (u64)va, .flags = flags, .ref = REF, .dom = who };

	set_va(va, 0);
	if (gnt(GNTTABOP_map_grant_ref, &m))
		return -1000;
	return m.status ? m.status : (int)m.handle;
}

static int unmap(u32 handle, u64 dev_bus_addr)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = (u64)here, .dev_bus_addr = dev_bus_addr, .handle = handle };

	return gnt(GNTTABOP_unmap_grant_ref, &u) ? -1000 : u.status;
}

/* Is the frame in somebody else's hands now? Everything free is taken and given back. */
static bool is_free(u64 mfn)
{
	static u64 list[SMALL + 1000];
	bool found = false;
	long n = own_reservation(XENMEM_increase_reservation, list, ARRAY_SIZE(list));

	for (long i = 0; i < n; i++)
		found |= list[i] == mfn;
	CHECK_EQ(own_reservation(XENMEM_decrease_reservation, list, n), n);
	return found;
}

/* --- what the children do --- */

static void child_grants(void)
{
	grants_init();
	page[0] = 0x1111;
	page[511] = 0x2222;
	grant_to(mailbox()[1]);
}

static void child_maps(void)
{
	grants_init();
	mailbox()[2] = map_at(here, mailbox()[1], GNTMAP_host_map | GNTMAP_device_map);
	if ((int)mailbox()[2] >= 0)
		here[1] = 0x3333;
}

/* Takes the grant back by force, gives the frame away and asks for another in its place. */
static void child_revokes(void)
{
	u64 mfn = va_to_mfn(page);

	child_grants();
	while (!mailbox()[3])
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	table[REF].flags = 0;
	CHECK_EQ(set_va(page, 0), 0);
	CHECK_EQ(own_reservation(XENMEM_decrease_reservation, &mfn, 1), 1);
	mailbox()[4] = 1;
}

/* In the middle of hypercalls all the time, on two vCPUs. */
static void busy_vcpu(void)
{
	static struct mmu_update u[64];

	for (unsigned int i = 0; i < 64; i++)
		u[i] = (struct mmu_update){
			.ptr = pte_machine(here, 1), .val = i & 1 ? 0 : PTE(va_to_mfn(here), PTE_KERNEL),
		};
	for (;;)
		hypercall4(__HYPERVISOR_mmu_update, u, 64, 0, DOMID_SELF);
}

static void child_is_busy(void)
{
	struct gnttab_map_grant_ref m = { .host_addr = (u64)page, .flags = GNTMAP_host_map, .ref = REF, .dom = 0 };
	struct gnttab_unmap_grant_ref u = { .host_addr = (u64)page };

	grants_init();
	ap_start(busy_vcpu);
	set_va(page, 0);
	for (;;) {
		gnt(GNTTABOP_map_grant_ref, &m);
		u.handle = m.handle;
		gnt(GNTTABOP_unmap_grant_ref, &u);
		mailbox()[5]++;
	}
}

/* --- one way to die each --- */

static void start(struct child *c, void (*fn)(void), domid_t peer)
{
	child_create(c, fn);
	c->mail[1] = peer;
	child_run(c);
	if (fn != child_is_busy && fn != child_revokes)
		child_done(c);
}

static void check_still_there(u64 mfn)
{
	CHECK_EQ(here[0], 0x1111);
	CHECK_EQ(here[511], 0x2222);
	CHECK(!is_free(mfn), "a frame that is mapped can be had");
	CHECK_EQ(here[0], 0x1111);
}

static void granter_dies(void)
{
	int handle;
	u64 mfn;

	start(&a, child_grants, 0);
	mfn = child_mfn(&a, page);
	handle = map_at(here, a.id, GNTMAP_host_map);
	CHECK(handle >= 0, "cannot map: %d", handle);
	child_destroy(&a);
	CHECK(child_exists(&a), "gone although a frame of it is mapped");
	CHECK(map_at(there, a.id, GNTMAP_host_map) < 0, "mapped from a dead domain");
	check_still_there(mfn);
	here[5] = 0x77;
	CHECK_EQ(unmap(handle, 0), GNTST_okay);
	CHECK(!child_exists(&a), "not gone although nothing of it is mapped");
	CHECK(is_free(mfn), "the frame has not come back");
}

static void foreign_map_outlives(void)
{
	u64 mfn;

	start(&a, child_grants, 0);
	mfn = child_mfn(&a, page);
	CHECK_EQ(map_foreign(here, a.id, PTE(mfn, PTE_KERNEL)), 0);
	child_destroy(&a);
	CHECK(child_exists(&a), "gone although a frame of it is mapped");
	check_still_there(mfn);
	CHECK_EQ(set_va(here, 0), 0);
	CHECK(!child_exists(&a), "not gone although nothing of it is mapped");
	CHECK(is_free(mfn), "the frame has not come back");
}

static void user_dies(void)
{
	grant_to(~0);
	child_create(&b, child_maps);
	grant_to(b.id);
	b.mail[1] = 0;
	child_run(&b);
	child_done(&b);
	CHECK((int)b.mail[2] >= 0, "the child cannot map: %d", (int)b.mail[2]);
	CHECK_EQ(page[1], 0x3333);
	CHECK_EQ(table[REF].flags, GTF_permit_access | GTF_reading | GTF_writing);
	CHECK(make_ro(page) || mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)), "a page table that a guest maps writable");
	make_rw(page);
	child_destroy(&b);
	CHECK(!child_exists(&b), "not gone");
	CHECK_EQ(table[REF].flags, GTF_permit_access);
	memset(page, 0, PAGE);
	CHECK_EQ(make_ro(page), 0);
	CHECK_EQ(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)), 0);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(page)), 0);
	CHECK_EQ(make_rw(page), 0);
}

/* Two guests, one maps from the other. */
static void both_die(bool granter_first)
{
	u64 mfn;

	child_create(&b, child_maps);
	start(&a, child_grants, b.id);
	mfn = child_mfn(&a, page);
	b.mail[1] = a.id;
	child_run(&b);
	child_done(&b);
	CHECK((int)b.mail[2] >= 0, "the child cannot map: %d", (int)b.mail[2]);
	child_destroy(granter_first ? &a : &b);
	CHECK_EQ(child_exists(&a), true);
	CHECK_EQ(child_exists(&b), granter_first);
	if (granter_first)
		CHECK(!is_free(mfn), "a frame that a guest maps can be had");
	child_destroy(granter_first ? &b : &a);
	CHECK(!child_exists(&a) && !child_exists(&b), "not gone");
}

static void revoked(void)
{
	int handle;
	u64 mfn, pages;
	struct xen_memory_domain q;

	start(&a, child_revokes, 0);
	mfn = child_mfn(&a, page);
	q.domid = a.id;
	pages = hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &q);
	while ((handle = map_at(here, a.id, GNTMAP_host_map)) < 0)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	a.mail[3] = 1;
	CHECK(child_wait(&a, 4, 1), "the child does not take its page back");
	child_done(&a);
	check_still_there(mfn);
	here[3] = 1;
	CHECK_EQ(unmap(handle, 0), GNTST_okay);
	CHECK_EQ(hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &q), pages - 1);
	CHECK(is_free(mfn), "the frame has not come back");
	child_destroy(&a);
	CHECK(!child_exists(&a), "not gone");
}

static void killed_while_busy(void)
{
	a.vcpus = 2;
	start(&a, child_is_busy, 0);
	CHECK(child_wait(&a, 5, 100), "the child is not busy");
	child_destroy(&a);
	CHECK(!child_exists(&a), "not gone");
	a.vcpus = 1;
}

/* --- control operations on oneself and on the dead (XSA 492) --- */

static long control(unsigned int cmd, domid_t id)
{
	struct xen_domctl op = { .cmd = cmd, .domain = id };

	return domctl(&op);
}

static void test_control(void)
{
	static const unsigned int on_oneself[] = { XEN_DOMCTL_pausedomain, XEN_DOMCTL_destroydomain,
		XEN_DOMCTL_resumedomain, XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext, XEN_DOMCTL_max_vcpus,
		XEN_DOMCTL_getvcpuextstate, XEN_DOMCTL_setvcpuextstate, XEN_DOMCTL_set_vcpu_msrs,
		XEN_DOMCTL_set_ext_vcpucontext, XEN_DOMCTL_getpageframeinfo3, XEN_DOMCTL_settscinfo };

	for (unsigned int i = 0; i < ARRAY_SIZE(on_oneself); i++)
		CHECK_EQ(control(on_oneself[i], 0), -XEN_EINVAL);
	CHECK_EQ(control(XEN_DOMCTL_unpausedomain, 0), -XEN_EINVAL);
	start(&a, child_grants, 0);
	CHECK_EQ(map_foreign(here, a.id, PTE(child_mfn(&a, page), PTE_KERNEL)), 0);
	child_destroy(&a);
	for (unsigned int cmd = 1; cmd < 90; cmd++) {
		struct xen_domctl op = { .cmd = cmd, .domain = a.id };
		long rc = domctl(&op);

		CHECK(rc < 0 || cmd == XEN_DOMCTL_destroydomain || cmd == XEN_DOMCTL_getdomaininfo ||
		      cmd == XEN_DOMCTL_createdomain, "operation %u on a dead domain: %ld", cmd, rc);
		if (!rc && cmd == XEN_DOMCTL_createdomain)
			control(XEN_DOMCTL_destroydomain, op.domain);
	}
	CHECK_EQ(set_va(here, 0), 0);
	CHECK(!child_exists(&a), "not gone");
	CHECK_EQ(control(XEN_DOMCTL_destroydomain, a.id), -XEN_ESRCH);
}

static void all(void)
{
	granter_dies();
	foreign_map_outlives();
	user_dies();
	both_die(true);
	both_die(false);
	revoked();
	killed_while_busy();
	test_control();
}

void test_main(void)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_max_mem, .domain = 0 };
	u64 before;

	op.u.max_mem.max_memkb = 1 << 22;
	CHECK_EQ(domctl(&op), 0);
	CHECK(own_reservation(XENMEM_increase_reservation, NULL, machine_free_pages() - SMALL) > 1000, "cannot take memory");
	grants_init();
	all();
	before = machine_free_pages();
	all();
	CHECK_EQ(machine_free_pages(), before);
}
