/* SPDX-License-Identifier: MIT */
/*
 * The validation of a page table tree stopped at each of its steps: gone on with, failed at the end, or given up
 * (XSA 299, 309, 310).
 *
 * Invariant: a half-validated tree holds just what its checked part needs, and lets go of it when one of its tables is
 * wanted as something else. So whatever was stopped where: a tree that is pinned is wholly valid, and after unpinning,
 * or after giving up, each table becomes writable again, from the top or from the bottom. A domain that dies with such
 * a tree leaves nothing behind.
 *
 * A call has about 50 us before it stops. Cheap calls before it in a multicall shift the moment step by step; to give
 * up, a timer's event is taken when the call has stopped, and the kernel does not come back to it.
 */
#include "child.h"

#include "public/lite.h"

#define L2S	4
#define L1S	8			/* per L2 table */
#define TABLES	(2 + L2S + L2S * L1S)
#define FILLER	200

static u64 tables[TABLES][512] __attribute__((aligned(4096)));	/* L4, L3, L2s, L1s */
static u64 target[512] __attribute__((aligned(4096)));
static u64 *last_entry;
static unsigned int given_up;

static u64 *l2(unsigned int i)
{
	return tables[2 + i];
}

static u64 *l1(unsigned int i)
{
	return tables[2 + L2S + i];
}

/* Before any of them is a table. */
static void build(void)
{
	memset(tables, 0, sizeof(tables));
	tables[0][5] = PTE(va_to_mfn(tables[1]), PTE_TABLE);
	for (unsigned int i = 0; i < L2S; i++)
		tables[1][100 * i] = PTE(va_to_mfn(l2(i)), PTE_TABLE);
	for (unsigned int i = 0; i < L2S * L1S; i++) {
		l2(i / L1S)[i % L1S * 40] = PTE(va_to_mfn(l1(i)), PTE_TABLE);
		for (unsigned int j = 0; j < 512; j++)
			l1(i)[j] = PTE(va_to_mfn(target), j & 1 ? PTE_KERNEL : PTE_KERNEL_RO);
	}
	last_entry = &l1(L2S * L1S - 1)[511];
}

static void all_read_only(void)
{
	for (unsigned int i = 0; i < TABLES; i++)
		CHECK_EQ(make_ro(tables[i]), 0);
}

/* From the bottom: a table may be held by one above until that is wanted, so it takes some rounds. */
static void all_writable(bool from_the_top)
{
	unsigned int left = TABLES;
	bool done[TABLES] = { false };

	for (unsigned int round = 0; left && round < 6; round++)
		for (unsigned int k = 0; k < TABLES; k++) {
			unsigned int i = from_the_top ? k : TABLES - 1 - k;

			if (!done[i] && !make_rw(tables[i])) {
				done[i] = true;
				left--;
			}
		}
	CHECK(!left, "%u of %u tables do not become writable", left, TABLES);
	for (unsigned int i = 0; i < TABLES; i++)
		*(volatile u64 *)&tables[i][511] = tables[i][511];
}

/* `filler` cheap calls, then the pin; the result of that. */
static long pin_after(unsigned int filler)
{
	static struct multicall_entry m[FILLER + 1];
	static struct mmuext_op op;

	op = (struct mmuext_op){ .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = va_to_mfn(tables[0]) };
	for (unsigned int i = 0; i < filler; i++)
		m[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } };
	m[filler] = (struct multicall_entry){ .op = __HYPERVISOR_mmuext_op, .args = { (u64)&op, 1, 0, DOMID_SELF } };
	CHECK_EQ(hypercall2(__HYPERVISOR_multicall, m, filler + 1), 0);
	return m[filler].result;
}

static u64 hypercalls(void)
{
	struct xen_lite_counters c = { .domid = DOMID_SELF };

	hypercall2(__HYPERVISOR_lite_op, LITEOP_counters, &c);
	return c.count[LITE_COUNT_HYPERCALL];
}

static void test_gone_on_with(void)
{
	u64 stops = 0;

	all_read_only();
	for (unsigned int filler = 0; filler < FILLER; filler += 2) {
		u64 before = hypercalls();

		CHECK_EQ(pin_after(filler), 0);
		stops += hypercalls() - before - 2;
		CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(tables[0])), 0);
		if (filler % 20 == 0) {
			all_writable(filler & 4);
			all_read_only();
		}
	}
	printk("stopped %lu times\n", stops);
	CHECK(stops > FILLER / 2, "the call was stopped %lu times only", stops);
	all_writable(true);
}

static void test_fails_at_the_end(void)
{
	u64 good = *last_entry;

	*last_entry = PTE(va_to_mfn(target), PTE_KERNEL) | 1ul << 51;
	all_read_only();
	for (unsigned int filler = 0; filler < FILLER; filler += 4) {
		CHECK_EQ(pin_after(filler), -XEN_EPERM);
		if (filler % 20 == 0) {
			all_writable(filler & 4);
			all_read_only();
		}
	}
	all_writable(false);
	*last_entry = good;
}

/* --- given up --- */

/* In the middle of the call: behind it, as if it had failed. */
static bool give_up(struct regs *r)
{
	const u8 *insn = (const u8 *)r->rip;

	vcpu_info()->evtchn_upcall_pending = 0;
	vcpu_info()->evtchn_pending_sel = 0;
	for (unsigned int i = 0; i < 64; i++)
		shared->evtchn_pending[i] = 0;
	vcpu_info()->evtchn_upcall_mask = 1;
	r->cs |= 1ul << 32;			/* events stay off after the iret */
	r->rflags &= ~0x200ul;
	if (insn[0] == 0x0f && insn[1] == 0x05 && r->rax == __HYPERVISOR_mmuext_op) {
		r->rip += 2;
		r->rax = -777;
		given_up++;
	}
	return true;
}

static long pin_until(u64 ns)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = va_to_mfn(tables[0]) };
	long rc;

	hypercall1(__HYPERVISOR_set_timer_op, time_now() + ns);
	events_on();
	rc = hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
	events_off();
	hypercall1(__HYPERVISOR_set_timer_op, 0);
	return rc;
}

static void timer_init(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER };

	events_init();
	trap_hook[VEC_EVENT] = give_up;
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), 0);
	port_unmask(v.port);
}

static void test_given_up(void)
{
	timer_init();
	all_read_only();
	for (unsigned int i = 0; i < 80; i++) {
		long rc = pin_until(20000 + i * 20000);

		CHECK(rc == 0 || rc == -777, "pin: %ld", rc);
		switch (i % 4) {
		case 0:				/* another go */
			CHECK_EQ(pin_after(i), rc ? 0 : -XEN_EINVAL);
			CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(tables[0])), 0);
			break;
		case 1:				/* unpinned though it never was pinned */
			CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(tables[0])), rc ? -XEN_EINVAL : 0);
			break;
		case 2:				/* a table of it as something else */
			if (!rc)
				CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(tables[0])), 0);
			if (!mmuext(MMUEXT_PIN_L3_TABLE, va_to_mfn(tables[0])))
				CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(tables[0])), 0);
			if (!mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(l2(1))))
				CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(l2(1))), 0);
			break;
		default:
			if (!rc)
				CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(tables[0])), 0);
		}
		all_writable(i & 1);
		all_read_only();
	}
	printk("given up %u times\n", given_up);
	CHECK(given_up > 20, "the call was given up %u times only", given_up);
	all_writable(true);
}

/* --- and death --- */

static void in_child(void)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	u64 mfn;
	long rc = 0;

	build();
	timer_init();
	all_read_only();
	for (unsigned int i = 0; i < 100 && rc != -777; i++) {
		rc = pin_until(30000 + mailbox()[1] * 50000 + i * 10000);
		if (!rc)
			mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(tables[0]));
	}
	CHECK_EQ(rc, -777);
	/* Some of its tables are given back in this state. */
	for (unsigned int i = 0; i < TABLES; i += 7) {
		mfn = va_to_mfn(tables[i]);
		set_va(tables[i], 0);
		set_xen_guest_handle(r.extent_start, &mfn);
		CHECK_EQ(hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r), 1);
	}
}

static void live_and_die(u64 how_far)
{
	static struct child c;

	child_create(&c, in_child);
	c.mail[1] = how_far;
	child_run(&c);
	child_done(&c);
	child_destroy(&c);
	CHECK(!child_exists(&c), "the child is still there");
}

void test_main(void)
{
	u64 before;

	build();
	live_and_die(1);
	before = machine_free_pages();
	for (unsigned int i = 0; i < 6; i++)
		live_and_die(i);
	CHECK_EQ(machine_free_pages(), before);
	test_gone_on_with();
	test_fails_at_the_end();
	test_given_up();
}
