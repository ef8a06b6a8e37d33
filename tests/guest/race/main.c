/* SPDX-License-Identifier: MIT */
/*
 * Two vCPUs that work on the same frames at the same time.
 *
 * ABI: whatever two vCPUs do at once, a frame never is a page table and mapped writable (XSA 401), and afterwards
 * every reference is given back: the frames can be anything again. The same for grants and ports: no reference,
 * handle or port is lost (XSA 218, 226, 343).
 */
#include "guest.h"

#include "public/grant_table.h"

static volatile u64 stop, rounds, parked;
static u64 *page, *alias, *l2;
static volatile struct grant_entry_v1 *grants;
static u8 *gnt_a, *gnt_b;
static void (*volatile work)(void);

static void ap_main(void)
{
	for (;;) {
		while (!work)
			asm volatile("pause");
		while (!stop) {
			work();
			rounds++;
		}
		parked++;
		while (stop)
			asm volatile("pause");
	}
}

static u64 deadline;

/* Go on until both have done enough, or 1.5 s: under emulation one vCPU may stand still for a while. */
static bool more(unsigned int mine)
{
	return (mine < 100 || rounds < 50) && time_now() < deadline;
}

static void ap_begin(void (*fn)(void))
{
	rounds = 0;
	deadline = time_now() + 1500000000;
	work = fn;
	stop = 0;
	CHECK(ap_wait(&rounds, 1), "vCPU 1 does not run");
}

static void ap_end(void)
{
	u64 before = parked;

	stop = 1;
	CHECK(ap_wait(&parked, before + 1), "vCPU 1 does not stop");
	work = NULL;
	CHECK(rounds >= 3, "vCPU 1 did only %lu rounds", rounds);
}

/* --- a table here, a writable mapping there --- */

static void map_and_unmap(void)
{
	hypercall3(__HYPERVISOR_update_va_mapping, alias, PTE(va_to_mfn(page), PTE_KERNEL), UVMF_INVLPG);
	hypercall3(__HYPERVISOR_update_va_mapping, alias, 0, UVMF_INVLPG);
}

static void test_pin_against_map(void)
{
	volatile u64 *pte = pte_of(alias, 1);
	unsigned int pinned = 0, both = 0;

	CHECK_EQ(make_ro(page), 0);
	CHECK_EQ(set_va(alias, 0), 0);
	ap_begin(map_and_unmap);
	while (more(pinned)) {
		if (mmuext(MMUEXT_PIN_L2_TABLE, va_to_mfn(page)))
			continue;
		pinned++;
		for (int i = 0; i < 200; i++) {
			u64 e = *pte;

			both += (e & (PTE_P | PTE_RW)) == (PTE_P | PTE_RW) && PTE_MFN(e) == va_to_mfn(page);
		}
		CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(page)), 0);
	}
	ap_end();
	CHECK(pinned >= 3, "pinned only %u times", pinned);
	CHECK_EQ(both, 0);
	CHECK_EQ(set_va(alias, 0), 0);
	CHECK_EQ(mmuext(MMUEXT_PIN_L3_TABLE, va_to_mfn(page)), 0);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(page)), 0);
	CHECK_EQ(make_rw(page), 0);
}

/* --- the same entry from both sides --- */

static void update_shared_entry(void)
{
	struct mmu_update u[64];

	for (unsigned int i = 0; i < 64; i++) {
		u[i].ptr = va_to_mfn(l2) << 12 | 7 * 8;
		u[i].val = i & 1 ? 0 : PTE(va_to_mfn(page), PTE_TABLE);
	}
	hypercall4(__HYPERVISOR_mmu_update, u, 64, 0, DOMID_SELF);
}

static void test_same_entry(void)
{
	unsigned int n = 0;

	CHECK_EQ(make_ro(page), 0);
	table_new(l2, 2);
	ap_begin(update_shared_entry);
	while (more(n++)) {
		update_shared_entry();
		mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(page));
		mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(page));
	}
	ap_end();
	CHECK_EQ(mmu_update(va_to_mfn(l2) << 12 | 7 * 8, 0), 0);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(l2)), 0);
	CHECK_EQ(make_rw(l2), 0);
	CHECK_EQ(make_rw(page), 0);
}

/* --- a tree that is validated while its leaf changes --- */

static void change_leaf_kind(void)
{
	if (!mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)))
		mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(page));
	if (!hypercall3(__HYPERVISOR_update_va_mapping, alias, PTE(va_to_mfn(page), PTE_KERNEL), UVMF_INVLPG))
		hypercall3(__HYPERVISOR_update_va_mapping, alias, 0, UVMF_INVLPG);
}

static void test_validate_against_change(void)
{
	unsigned int pinned = 0;

	memset(l2, 0, PAGE);
	for (int i = 0; i < 512; i += 3)
		l2[i] = PTE(va_to_mfn(page), PTE_TABLE);
	CHECK_EQ(make_ro(page) | make_ro(l2), 0);
	ap_begin(change_leaf_kind);
	while (more(pinned))
		if (!mmuext(MMUEXT_PIN_L2_TABLE, va_to_mfn(l2))) {
			pinned++;
			CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(l2)), 0);
		}
	ap_end();
	CHECK_EQ(set_va(alias, 0), 0);
	/* However the race went: without an opponent it works. */
	CHECK_EQ(mmuext(MMUEXT_PIN_L2_TABLE, va_to_mfn(l2)), 0);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(l2)), 0);
	CHECK_EQ(make_rw(l2), 0);
	CHECK_EQ(make_rw(page), 0);
}

/* --- grants --- */

static void grant_cycle_at(u8 *where)
{
	struct gnttab_map_grant_ref m = { .host_addr = (u64)where, .flags = GNTMAP_host_map, .ref = 12, .dom = 0 };
	struct gnttab_unmap_grant_ref u = { .host_addr = (u64)where };

	hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &m, 1);
	if (m.status)
		return;
	u.handle = m.handle;
	hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, &u, 1);
}

static void grant_cycle_b(void)
{
	grant_cycle_at(gnt_b);
}

static void test_grants(void)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	u64 frames[1];
	unsigned int n = 0;
	u8 *table = page_alloc();

	if (!is_dom0())
		return;
	set_xen_guest_handle(s.frame_list, frames);
	hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &s, 1);
	CHECK_EQ(s.status, 0);
	CHECK_EQ(set_va(table, PTE(frames[0], PTE_KERNEL)), 0);
	grants = (void *)table;
	grants[12].domid = 0;
	grants[12].frame = va_to_mfn(page);
	barrier();
	grants[12].flags = GTF_permit_access;
	gnt_a = page_alloc();
	gnt_b = page_alloc();
	CHECK_EQ(set_va(gnt_a, 0) | set_va(gnt_b, 0), 0);
	ap_begin(grant_cycle_b);
	while (more(n++))
		grant_cycle_at(gnt_a);
	ap_end();
	CHECK_EQ(grants[12].flags, GTF_permit_access);
	grants[12].flags = 0;
	CHECK_EQ(make_ro(page), 0);
	CHECK_EQ(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)), 0);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(page)), 0);
	CHECK_EQ(make_rw(page), 0);
}

/* --- ports --- */

static void port_cycle(void)
{
	struct evtchn_bind_ipi b = { .vcpu = 0 };
	struct evtchn_close c;
	struct evtchn_send s;

	if (evtchn_op(EVTCHNOP_bind_ipi, &b))
		return;
	s.port = b.port;
	evtchn_op(EVTCHNOP_send, &s);
	c.port = b.port;
	evtchn_op(EVTCHNOP_close, &c);
}

static void test_ports(void)
{
	unsigned int first = ipi_bind(0), again;
	struct evtchn_close c = { .port = first };
	unsigned int n = 0;

	evtchn_op(EVTCHNOP_close, &c);
	ap_begin(port_cycle);
	while (more(n++))
		port_cycle();
	ap_end();
	again = ipi_bind(0);
	CHECK_EQ(again, first);
}

void test_main(void)
{
	events_init();
	page = page_alloc();
	alias = page_alloc();
	l2 = page_alloc();
	stop = 1;
	ap_start(ap_main);
	test_pin_against_map();
	test_same_entry();
	test_validate_against_change();
	test_grants();
	test_ports();
}
