/* SPDX-License-Identifier: MIT */
/*
 * Two vCPUs give, take, exchange, map, pin, clear and copy the same few frames, without asking each other (XSA 29, 212,
 * 214, 287).
 *
 * Invariant: each call is done as a whole or refused. The domain never has more than its limit, nor fewer than those
 * that are not touched; no frame is lost or there twice; after its death all of them are free, and dom0's own are as
 * they were.
 */
#include "child.h"

#define FRAMES	48
#define LIMIT	400

static volatile u64 frame[FRAMES];		/* what was last known to be ours */
static u64 here[2][512] __attribute__((aligned(4096)));
static volatile u64 exchanged, pinned, mapped, stop, stopped;

static u64 rnd(u64 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void give(u64 *s)
{
	u64 mfn = frame[rnd(s) % FRAMES];

	own_reservation(XENMEM_decrease_reservation, &mfn, 1);
}

static void take(u64 *s)
{
	u64 mfn = 3000 + rnd(s) % 1000;

	if (own_reservation(rnd(s) & 1 ? XENMEM_increase_reservation : XENMEM_populate_physmap, &mfn, 1) == 1)
		frame[rnd(s) % FRAMES] = mfn;
}

/* Eight for one of eight, or back. */
static void exchange(u64 *s)
{
	bool join = rnd(s) & 1;
	u64 one[1] = { frame[rnd(s) % FRAMES] & ~7ul }, eight[8], at = rnd(s) % (FRAMES - 8);
	struct xen_memory_exchange x = {
		.in = { .nr_extents = join ? 8 : 1, .extent_order = join ? 0 : 3, .domid = DOMID_SELF },
		.out = { .nr_extents = join ? 1 : 8, .extent_order = join ? 3 : 0, .domid = DOMID_SELF },
	};

	for (unsigned int i = 0; i < 8; i++)
		eight[i] = frame[at + i];
	set_xen_guest_handle(x.in.extent_start, join ? eight : one);
	if (join)
		one[0] = 3000;
	else
		for (unsigned int i = 0; i < 8; i++)
			eight[i] = 3000 + i;
	set_xen_guest_handle(x.out.extent_start, join ? one : eight);
	if (hypercall2(__HYPERVISOR_memory_op, XENMEM_exchange, &x))
		return;
	for (unsigned int i = 0; i < 8; i++)
		frame[at + i] = join ? one[0] + i : eight[i];
	__atomic_fetch_add(&exchanged, 1, __ATOMIC_SEQ_CST);
}

static void use(u64 *s, unsigned int who)
{
	u64 mfn = frame[rnd(s) % FRAMES], other = frame[rnd(s) % FRAMES];

	switch (rnd(s) % 4) {
	case 0:
		if (!set_va(here[who], PTE(mfn, rnd(s) & 1 ? PTE_KERNEL : PTE_KERNEL_RO)))
			__atomic_fetch_add(&mapped, 1, __ATOMIC_SEQ_CST);
		if (rnd(s) & 1)
			set_va(here[who], 0);
		break;
	case 1:
		mmuext(MMUEXT_CLEAR_PAGE, mfn);
		if (!mmuext(MMUEXT_PIN_L1_TABLE + rnd(s) % 4, mfn)) {
			__atomic_fetch_add(&pinned, 1, __ATOMIC_SEQ_CST);
			mmuext(MMUEXT_UNPIN_TABLE, rnd(s) % 8 ? mfn : other);
		}
		break;
	case 2:
		mmuext2(MMUEXT_COPY_PAGE, mfn, other);
		break;
	default:
		mmuext(MMUEXT_UNPIN_TABLE, mfn);
	}
}

static void work(unsigned int who)
{
	u64 s = 0x9e3779b97f4a7c15 * (who + 1);

	while (!stop) {
		switch (rnd(&s) % 8) {
		case 0: give(&s); break;
		case 1: take(&s); break;
		case 2: exchange(&s); break;
		default: use(&s, who);
		}
		mailbox()[1 + who]++;
	}
	set_va(here[who], 0);
}

static void second_vcpu(void)
{
	work(1);
	stopped = 1;
	ap_park();
}

static u64 have(void)
{
	struct xen_memory_domain q = { .domid = DOMID_SELF };

	return hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &q);
}

/* The first vCPU works until the parent has seen enough. */
static bool time_is_up(struct regs *r)
{
	(void)r;
	vcpu_info()->evtchn_upcall_pending = 0;
	stop = 1;
	return true;
}

static void in_child(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER };
	struct xen_memory_domain q = { .domid = DOMID_SELF };
	u64 list[FRAMES], before = have(), max;

	CHECK_EQ(own_reservation(XENMEM_increase_reservation, list, FRAMES), FRAMES);
	for (unsigned int i = 0; i < FRAMES; i++)
		frame[i] = list[i];
	events_init();
	trap_hook[VEC_EVENT] = time_is_up;
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), 0);
	port_unmask(v.port);
	hypercall1(__HYPERVISOR_set_timer_op, time_now() + 800000000);
	ap_start(second_vcpu);
	events_on();
	work(0);
	events_off();
	CHECK(ap_wait(&stopped, 1), "vCPU 1 does not stop");
	/* A frame given up while it is in use goes when that ends: unpin what is left. */
	for (unsigned int i = 0; i < FRAMES; i++)
		mmuext(MMUEXT_UNPIN_TABLE, frame[i]);
	max = hypercall2(__HYPERVISOR_memory_op, XENMEM_maximum_reservation, &q);
	CHECK(have() >= before && have() <= max, "%lu frames, began with %lu, limit %lu", have(), before + FRAMES, max);
	mailbox()[5] = exchanged;
	mailbox()[6] = pinned;
	mailbox()[7] = mapped;
}

static void live_and_die(void)
{
	static struct child c = { .vcpus = 2, .spare_pages = LIMIT };

	child_create(&c, in_child);
	child_run(&c);
	child_done(&c);
	printk("%lu and %lu steps, %lu exchanges, %lu pins, %lu maps\n", c.mail[1], c.mail[2], c.mail[5], c.mail[6],
	       c.mail[7]);
	CHECK(c.mail[5] && c.mail[6] && c.mail[7], "hardly anything worked");
	child_destroy(&c);
	CHECK(!child_exists(&c), "the child is still there");
}

void test_main(void)
{
	static u64 canary[512] __attribute__((aligned(4096)));
	u64 before, bad = 0;

	for (unsigned int i = 0; i < 512; i++)
		canary[i] = i * 0x1234567;
	live_and_die();
	before = machine_free_pages();
	live_and_die();
	CHECK_EQ(machine_free_pages(), before);
	for (unsigned int i = 0; i < 512; i++)
		bad += canary[i] != i * 0x1234567;
	CHECK(!bad, "dom0's page has changed");
}
