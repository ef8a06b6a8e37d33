/* SPDX-License-Identifier: MIT */
/*
 * Seeded random operations on one and two vCPUs: hypercalls with arguments that are right, nearly right or hostile,
 * stores to page tables, faults, privileged instructions, user code of random bytes.
 *
 * Invariant: the hypervisor stays up and answers; what the guest did not name is unchanged (text, canary pages); and
 * after each round, when everything has been unmapped, unpinned and closed, every frame can be mapped writable again:
 * no reference and no type is left over.
 *
 * As dom0 of a machine of its own, or as a guest beside others (tests/system/test_beside.c). There its own console may
 * be gone at once: the verdict is what it leaves in the ring, so not much else may be in there.
 *
 * Words on the command line: seed=N, steps=N or seconds=N, vcpus=N (2), from=N (print operations of vCPU 0 from
 * this step on), only=N (operations of one kind). With one vCPU a seed gives the same operations each time.
 */
#include "random.h"

#include "public/grant_table.h"

#define ROUND		3000
#define NR_CANARIES	16
#define REPORTS		8		/* in a long run */

struct actor actors[2] __attribute__((aligned(4096)));
u8 *scratch[NR_SCRATCH];
volatile u64 scratch_mfn[NR_SCRATCH];
u64 *tops[NR_TOPS], top_mfn[NR_TOPS], user_top_mfn, grants_mfn;
u8 *user_code;
u16 own_id;
u64 *grants;

static u64 seed = 1, seconds, steps, vcpus = 2, verbose_from = ~0ul, only = ~0ul;
static u64 *canaries[NR_CANARIES], kernel_slot, pages_at_start;
static volatile u64 running, parked;

/* --- one step --- */

static volatile u64 waiter;		/* id + 1 of who may wait, or 0 */

bool may_wait(struct actor *a)
{
	return waiter == a->id + 1 || __sync_bool_compare_and_swap(&waiter, 0, a->id + 1);
}

static void (*const calls[])(struct actor *a, struct call *c) = {
	call_mmu_update, call_update_va, call_mmuext, call_mmu_update, call_update_va, call_mmuext, call_memory,
	call_descriptors, call_events, call_events, call_grants, call_grants, call_vcpu, call_self, call_info,
			call_admin,
};

static void say(const struct actor *a, const char *what, const struct call *c)
{
	if (a->step >= verbose_from && !a->id)
		printk("step %lu %s %lu (%lx %lx %lx %lx)\n", a->step, what, c->nr, c->a[0], c->a[1], c->a[2],
				c->a[3]);
}

static void draw_call(struct actor *a, struct call *c)
{
	unsigned int kind = below(a, ARRAY_SIZE(calls));

	if (only < ARRAY_SIZE(calls))
		kind = only;
	memset(c, 0, sizeof(*c));
	calls[kind](a, c);
}

static void restore(struct actor *a)
{
	static struct trap_info table[2][257];
	struct trap_info *list = table[a->id];
	unsigned int n = 0;

	memset(list, 0, sizeof(table[0]));
	traps_copy(list);
	for (unsigned int i = 0; i < 256; i++)
		if (list[i].address)
			list[n++] = list[i];
	list[n] = (struct trap_info){ 0 };
	if (hypercall1(__HYPERVISOR_set_trap_table, list))
		test_die("step %lu: set_trap_table refused", a->step);
	a->needs_restore = false;
}

static void do_call(struct actor *a)
{
	struct call c;
	long rc;

	draw_call(a, &c);
	say(a, "call", &c);
	a->calls++;
	rc = hypercall5(c.nr, c.a[0], c.a[1], c.a[2], c.a[3], c.a[4]);
	CHECK(rc != -85, "call %lu is to be issued again, and the guest is told", c.nr);
	if (a->step >= verbose_from && !a->id)
		printk("  %ld\n", rc);
	a->done_calls += rc >= 0;
	if (c.after)
		c.after(a, &c, rc);
}

/* Entries that were not reached keep a result that says so. */
static void do_multicall(struct actor *a)
{
	unsigned int n = 1 + below(a, 5);
	struct multicall_entry *m = arena(a, (n + 1) * sizeof(*m));
	struct call c[5];
	long rc;

	a->in_multicall = true;
	for (unsigned int i = 0; i < n; i++) {
		draw_call(a, &c[i]);
		say(a, "entry", &c[i]);
		m[i].op = c[i].nr;
		memcpy(m[i].args, c[i].a, sizeof(c[i].a));
		m[i].result = 1ul << 40;
		if (chance(a, 3)) {
			m[i].op = __HYPERVISOR_multicall;
			m[i].args[0] = (u64)m;
			m[i].args[1] = n;
			c[i].after = NULL;
		}
	}
	a->in_multicall = false;
	a->calls += n;
	rc = hypercall2(__HYPERVISOR_multicall, m, n);
	if (chance(a, 3))
		hypercall2(__HYPERVISOR_multicall, bad_pointer(a), odd_number(a));
	for (unsigned int i = 0; i < n && !rc; i++) {
		a->done_calls += (long)m[i].result >= 0;
		if (c[i].after && m[i].result != 1ul << 40)
			c[i].after(a, &c[i], m[i].result);
	}
}

static void step(struct actor *a)
{
	unsigned int kind = below(a, 100);
	static const struct call none;

	a->used = 0;
	if (kind < 55) {
		do_call(a);
	} else if (kind < 68) {
		do_multicall(a);
	} else if (kind < 84) {
		say(a, "store", &none);
		do_store(a);
	} else if (kind < 95) {
		say(a, "instruction", &none);
		do_instruction(a);
	} else if (kind < 98) {
		say(a, "user", &none);
		do_user(a);
	} else {
		say(a, "iret", &none);
		do_iret(a);
	}
	if (a->needs_restore && chance(a, 30))
		restore(a);
	if (waiter == a->id + 1)
		waiter = 0;
	a->step++;
}

/* --- rounds --- */

/* What this vCPU holds, and its own settings. */
static void settle(struct actor *a)
{
	struct vcpu_register_runstate_memory_area none = { 0 };

	restore(a);
	restore_callbacks();
	hypercall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, a->trap_stack + STACK_SIZE);
	hypercall2(__HYPERVISOR_set_debugreg, 7, 0x400);
	hypercall1(__HYPERVISOR_fpu_taskswitch, 0);
	asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r" (0));
	hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0);
	hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, a->id, &none);
	hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, a->id, &none);
	hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, a->id, 0);
	CHECK_EQ(hypercall2(__HYPERVISOR_set_gdt, 0, 0), 0);
	CHECK_EQ(mmuext2(MMUEXT_SET_LDT, 0, 0), 0);
	CHECK_EQ(mmuext(MMUEXT_NEW_BASEPTR, l4_mfn()), 0);
	CHECK_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, user_top_mfn), 0);
	shared->vcpu_info[a->id].evtchn_upcall_mask = 1;
}

static u64 reservation(void)
{
	struct xen_memory_domain d = { .domid = DOMID_SELF };

	return hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &d);
}

static void frame_renew(unsigned int i)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	u64 mfn;

	set_xen_guest_handle(r.extent_start, &mfn);
	if (hypercall2(__HYPERVISOR_memory_op, XENMEM_increase_reservation, &r) != 1)
		test_die("seed %lu step %lu: no frame for a page that was given away: %lu pages", seed,
				actors[0].step, reservation());
	scratch_mfn[i] = mfn;
}

/* A page that may become a table: mostly empty, some entries that could be right. */
static void page_fill(struct actor *a, u64 *page)
{
	memset(page, 0, PAGE);
	for (unsigned int i = below(a, 12); i; i--)
		page[chance(a, 70) ? below(a, 12) : below(a, 512)] = some_pte(a);
}

static void frames_settle(void)
{
	for (unsigned int i = 0; i < NR_SCRATCH; i++)
		CHECK(set_va(scratch[i], 0) == 0, "address %u cannot be unmapped", i);
	for (unsigned int i = 0; i < NR_TOPS; i++)
		mmuext(MMUEXT_UNPIN_TABLE, top_mfn[i]);
	for (unsigned int i = 0; i < NR_SCRATCH; i++)
		if (scratch_mfn[i])
			mmuext(MMUEXT_UNPIN_TABLE, scratch_mfn[i]);
	given_unpin();
	for (unsigned int i = 0; i < NR_TOPS; i++) {
		CHECK(make_rw(tops[i]) == 0, "top table %u is held", i);
		memset(tops[i], 0, PAGE);
		tops[i][511] = kernel_slot;
	}
	/*
	 * A table whose validation was preempted and given up holds what it has so far, until it is wanted as something
	 * else.
	 */
	for (unsigned int i = 0; i < NR_SCRATCH; i++)
		set_va(scratch[i], PTE(scratch_mfn[i], PTE_KERNEL));
	for (unsigned int i = 0; i < NR_SCRATCH; i++) {
		if (!scratch_mfn[i])
			frame_renew(i);
		mmu_update(scratch_mfn[i] << 12 | MMU_MACHPHYS_UPDATE, va_to_pfn(scratch[i]));
		if (set_va(scratch[i], PTE(scratch_mfn[i], PTE_KERNEL)) && i >= NR_SCRATCH - NR_GRANTABLE)
			frame_renew(i);
		if (!CHECK(set_va(scratch[i], PTE(scratch_mfn[i], PTE_KERNEL)) == 0, "frame 0x%lx of page %u is held",
			   scratch_mfn[i], i)) {
			spin_ns(3000000000);	/* the log of the hypervisor has a rate: now it says why */
			set_va(scratch[i], PTE(scratch_mfn[i], PTE_KERNEL));
			test_die("seed %lu step %lu", seed, actors[0].step);
		}
	}
}

static void frames_refill(void)
{
	for (unsigned int i = 0; i < NR_SCRATCH; i++)
		page_fill(&actors[0], (u64 *)scratch[i]);
	for (unsigned int i = 0; i < NR_TOPS; i++) {
		if (i)
			page_fill(&actors[0], tops[i]);
		for (unsigned int slot = 0; slot < TOP_FIRST; slot++)
			tops[i][slot] = 0;
		tops[i][511] = kernel_slot;
		CHECK_EQ(make_ro(tops[i]), 0);
	}
}

static u64 text_sum;

static void canaries_check(void)
{
	for (unsigned int i = 0; i < NR_CANARIES; i++)
		for (unsigned int w = 0; w < 512; w++)
			if (!CHECK(canaries[i][w] == (i * 512 + w) * 0x9e3779b97f4a7c15, "canary %u word %u: 0x%lx",
					i, w,
				   canaries[i][w]))
				return;
	CHECK_EQ(text_checksum(), text_sum);
}

static void round_end(void)
{
	struct evtchn_reset reset = { .dom = DOMID_SELF };

	settle(&actors[0]);
	grants_clean();
	CHECK_EQ(evtchn_op(EVTCHNOP_reset, &reset), 0);
	frames_settle();
	canaries_check();
	CHECK(hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0) >> 16 == 4, "no answer");
	TRY("ud2", : : );
	CHECK_EQ(trap.vector, 6);
	CHECK_EQ(ipi_bind(0), 1);
	CHECK_EQ(evtchn_op(EVTCHNOP_reset, &reset), 0);
}

/* --- vCPU 1 --- */

static void ap_loop(void)
{
	struct actor *a = &actors[1];

	settle(a);
	for (;;) {
		while (running) {
			step(a);
			if (a->step % 64 == 0)
				poke(0);
		}
		settle(a);
		parked = 1;
		while (!running)
			asm volatile("pause");
		parked = 0;
	}
}

static void ap_main(void)
{
	run_on(actors[1].stack + STACK_SIZE, ap_loop);
}

/* It may be down, asleep, or in a loop in user mode. */
static void ap_wake(void)
{
	hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_up, 1, 0);
	poke(1);
}

static void ap_stop(void)
{
	u64 end = time_now() + 5000000000;

	running = 0;
	while (!parked && time_now() < end) {
		ap_wake();
		spin_ns(20000);
	}
	if (!parked)
		test_die("seed %lu: vCPU 1 does not stop; step %lu", seed, actors[1].step);
}

static void ap_go(void)
{
	running = 1;
	while (parked)
		asm volatile("pause");
}

/* --- start --- */

/* A port of ours for ourselves says who that is. */
static void own_id_init(void)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_status status = { .dom = DOMID_SELF };

	if (evtchn_op(EVTCHNOP_alloc_unbound, &alloc))
		test_die("no port");
	status.port = alloc.port;
	if (evtchn_op(EVTCHNOP_status, &status) || status.status != EVTCHNSTAT_unbound)
		test_die("no state of a port");
	own_id = status.u.unbound.dom;
}

static void grants_init(void)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };

	set_xen_guest_handle(s.frame_list, &grants_mfn);
	grants = page_alloc();
	if (hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &s, 1) || s.status ||
	    set_va(grants, PTE(grants_mfn, PTE_KERNEL)))
		test_die("no grant table");
}

static void init(void)
{
	for (unsigned int i = 0; i < NR_CANARIES; i++) {
		canaries[i] = page_alloc();
		for (unsigned int w = 0; w < 512; w++)
			canaries[i][w] = (i * 512 + w) * 0x9e3779b97f4a7c15;
	}
	kernel_slot = ((u64 *)start_info->pt_base)[511];
	for (unsigned int i = 0; i < NR_TOPS; i++) {
		tops[i] = page_alloc();
		top_mfn[i] = va_to_mfn(tops[i]);
	}
	for (unsigned int i = 0; i < NR_SCRATCH; i++) {
		scratch[i] = page_alloc();
		scratch_mfn[i] = va_to_mfn(scratch[i]);
	}
	for (unsigned int i = 0; i < 2; i++) {
		actors[i].id = i;
		actors[i].seed = actors[i].numbers = seed * 2 + i;
	}
	own_id_init();
	grants_init();
	cpu_init();
	for (unsigned int i = 0; i < 259; i++)
		trap_hook[i] = on_trap;
	text_sum = text_checksum();
}

static void report(void)
{
	u64 n[7] = { 0 };

	for (unsigned int i = 0; i < vcpus; i++) {
		struct actor *a = &actors[i];
		u64 of[] = { a->step, a->calls, a->done_calls, a->stores, a->instructions,
				a->user_runs + a->kernel_irets, a->traps };

		for (unsigned int j = 0; j < 7; j++)
			n[j] += of[j];
	}
	printk("seed %lu, %lu vCPUs: %lu operations: %lu calls (%lu %% succeed), %lu stores, %lu privileged, "
	       "%lu irets, "
	       "%lu traps\n", seed, vcpus, n[0], n[1], n[2] * 100 / n[1], n[3], n[4], n[5], n[6]);
}

static void rounds(void)
{
	struct actor *a = &actors[0];
	u64 end = time_now() + seconds * 1000000000;
	unsigned int n = 0, between = steps / ROUND / REPORTS;

	if (between < 50)
		between = 50;
	while (steps ? a->step < steps : time_now() < end) {
		frames_refill();
		if (vcpus > 1)
			ap_go();
		for (unsigned int i = 0; i < ROUND && !(steps && a->step >= steps); i++) {
			step(a);
			if (vcpus > 1 && !(i % 64))
				ap_wake();
		}
		if (vcpus > 1)
			ap_stop();
		round_end();
		if (!n)
			pages_at_start = reservation();
		if (!CHECK(reservation() <= pages_at_start + NR_GRANTABLE * n, "%lu pages, %lu at the start",
				reservation(),
			   pages_at_start))
			printk("seed %lu step %lu\n", seed, a->step);
		if (++n % between == 0)
			report();
	}
}

void test_main(void)
{
	seed = test_option("seed", seed);
	seconds = test_option("seconds", 0);
	steps = test_option("steps", 0);
	if (!seconds && !steps)
		test_skip("a long test: give it seconds=N or steps=N, as make soak does");
	vcpus = test_option("vcpus", 2);
	verbose_from = test_option("from", verbose_from);
	only = test_option("only", only);
	printk("random: seed %lu\n", seed);
	init();
	settle(&actors[0]);
	if (vcpus > 1) {
		running = 0;
		ap_start(ap_main);
		ap_stop();
	}
	rounds();
	report();
}
