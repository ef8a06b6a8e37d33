/* SPDX-License-Identifier: MIT */
/*
 * vCPU contexts full of nonsense: what a guest says of its own further vCPUs (VCPUOP_initialise), and what tools say
 * (setvcpucontext), then run.
 *
 * Invariant: a context is taken or refused as a whole; one that is taken runs in ring 3, with interrupts on, without
 * IOPL, with descriptors, breakpoints and vector state that the processor takes; whatever it does then ends at worst in
 * the death of its domain. What is read back afterwards is what was set, but for these. Nothing is left over.
 *
 * Each round makes a domain, spoils some fields of a good context, and lets it run. The seed is printed; the same seed
 * spoils the same again (`seed=N rounds=M` on the command line; `make soak` runs many).
 */
#include "child.h"

#define ROUNDS	12

static struct vcpu_guest_context ctx;
static u64 state;

static u64 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Numbers that have hurt. */
static u64 bad_number(void)
{
	static const u64 bad[] = { 0, 1, 8, 0xfff, 0x1000, 0x33, 0x2b, 0xe033, 0xe02b, 0xe008, 0xe030, 0xffff, 0x10000,
		0x7fffffff, 0x80000000, 0xffffffff, 0x00007fffffffffff, 0x0000800000000000, 0xffff7fffffffffff,
		0xffff800000000000, 0xffff82d080200000, 0xffff830000000000, 0xffff87ffffffffff, 0xffff880000000000,
		0xffffffff80000000, 0xffffffff80100000, ~0ul };

	return rnd() % 4 ? bad[rnd() % ARRAY_SIZE(bad)] : rnd();
}

static void good_context(void (*fn)(void))
{
	static u8 stack[STACK_SIZE] __attribute__((aligned(4096)));

	context_for(&ctx, fn, stack + sizeof(stack));
}

/* One field, or the bytes of one. */
static void spoil(void)
{
	u64 *regs = (u64 *)&ctx.user_regs;

	switch (rnd() % 16) {
	case 0: regs[rnd() % (sizeof(ctx.user_regs) / 8)] = bad_number(); break;
	case 1: ctx.user_regs.rflags = rnd(); break;
	case 2: ctx.user_regs.cs = bad_number(); break;
	case 3: ctx.user_regs.ss = bad_number(); break;
	case 4: ctx.user_regs.ds = ctx.user_regs.es = bad_number(); break;
	case 5: ctx.user_regs.fs = ctx.user_regs.gs = bad_number(); break;
	case 6: ctx.user_regs.rip = bad_number(); break;
	case 7: ctx.user_regs.rsp = bad_number(); break;
	case 8: ctx.debugreg[rnd() % 8] = bad_number(); break;
	case 9:
		ctx.flags |= VGCF_I387_VALID;
		for (unsigned int i = 0; i < sizeof(ctx.fpu_ctxt); i++)
			ctx.fpu_ctxt.x[i] = rnd();
		break;
	case 10: ctx.trap_ctxt[rnd() % 32].address = bad_number(); break;
	case 11: ctx.kernel_sp = bad_number(); ctx.kernel_ss = rnd(); break;
	case 12: ctx.flags ^= 1ul << rnd() % 12; break;
	case 13: ctx.fs_base = bad_number(); ctx.gs_base_kernel = bad_number(); break;
	case 14: ctx.ldt_base = bad_number() & ~0xffful; ctx.ldt_ents = rnd() % 8193; break;
	default: *(&ctx.event_callback_eip + rnd() % 3) = bad_number(); break;
	}
}

/* Fields that name frames: mostly refused. */
static void spoil_frames(void)
{
	switch (rnd() % 4) {
	case 0: ctx.ctrlreg[3] = bad_number(); break;
	case 1: ctx.ctrlreg[1] = bad_number(); break;
	case 2: ctx.gdt_ents = rnd() % 8192; ctx.gdt_frames[rnd() % 16] = bad_number(); break;
	default: ctx.ctrlreg[rnd() % 8] = bad_number(); break;
	}
}

/* --- a guest does it to itself --- */

/* Looks at what it runs with, and uses some of it. */
static void spoilt_vcpu(void)
{
	u64 flags;
	u16 cs;

	asm volatile("pushfq; pop %0; mov %%cs, %1" : "=r" (flags), "=r" (cs));
	if ((cs & 3) != 3 || (flags & 0x3200) != 0x200)
		mailbox()[2] = flags | (u64)cs << 32;
	asm volatile("fnop");
	for (unsigned int i = 0; i < 3; i++)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	mailbox()[1]++;
	for (;;)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

static void in_child(void)
{
	state = mailbox()[0];
	for (unsigned int id = 1; id < 4; id++) {
		good_context(spoilt_vcpu);
		for (unsigned int i = 0; i < id; i++)
			spoil();
		if (id == 3)
			spoil_frames();
		if (!hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_initialise, id, &ctx)) {
			mailbox()[3]++;
			hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_up, id, 0);
		}
		for (unsigned int i = 0; i < 10; i++)
			hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	}
	mailbox()[4] = 1;
}

static struct child c = { .vcpus = 4 };
static unsigned int taken, ran, died;

static void by_the_guest(void)
{
	struct xen_domctl_getdomaininfo info = { 0 };
	u64 end;

	child_create(&c, in_child);
	c.mail[0] = rnd();
	child_run(&c);
	end = time_now() + 2000000000;
	do {
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		CHECK_EQ(domain_info(c.id, &info), 0);
	} while (!c.mail[4] && !(info.flags & XEN_DOMINF_shutdown) && time_now() < end);
	CHECK(time_now() < end, "neither done nor dead");
	CHECK(!c.mail[2], "a vCPU runs with flags 0x%lx, cs 0x%lx", c.mail[2] & 0xffffffff, c.mail[2] >> 32);
	taken += c.mail[3];
	ran += c.mail[1];
	died += !!(info.flags & XEN_DOMINF_shutdown);
	child_destroy(&c);
	CHECK(!child_exists(&c), "the child is still there");
}

/* --- tools do it --- */

static void never(void)
{
	for (;;)
		;
}

static long context_op(unsigned int cmd, unsigned int vcpu, struct vcpu_guest_context *x)
{
	struct xen_domctl op = { .cmd = cmd, .domain = c.id };

	op.u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, x);
	return domctl(&op);
}

static void by_the_tools(void)
{
	static struct vcpu_guest_context back;
	struct xen_domctl op = { .cmd = XEN_DOMCTL_unpausedomain };
	long rc;

	child_create(&c, never);
	CHECK_EQ(context_op(XEN_DOMCTL_getvcpucontext, 0, &ctx), 0);
	for (unsigned int i = rnd() % 3; i < 3; i++)
		spoil();
	if (rnd() % 3 == 0)
		spoil_frames();
	rc = context_op(XEN_DOMCTL_setvcpucontext, 0, &ctx);
	CHECK_EQ(context_op(XEN_DOMCTL_getvcpucontext, 0, &back), 0);
	if (!rc) {
		CHECK_EQ(back.user_regs.rip, ctx.user_regs.rip);
		CHECK_EQ(back.user_regs.rsp, ctx.user_regs.rsp);
		CHECK_EQ(back.kernel_sp, ctx.kernel_sp);
		CHECK(!memcmp(back.trap_ctxt, ctx.trap_ctxt, sizeof(ctx.trap_ctxt)), "other trap handlers");
		taken++;
	}
	for (unsigned int i = 0; i < 4; i++)
		CHECK(back.debugreg[i] < 0xffff800000000000 || back.debugreg[i] >= 0xffff880000000000, "DR%u is 0x%lx",
		      i, back.debugreg[i]);
	op.domain = c.id;
	CHECK_EQ(domctl(&op), 0);
	spin_ns(2000000);
	child_destroy(&c);
	CHECK(!child_exists(&c), "the child is still there");
}

static void all(u64 rounds)
{
	for (u64 i = 0; i < rounds; i++) {
		by_the_guest();
		by_the_tools();
	}
}

void test_main(void)
{
	u64 before, seed = test_option("seed", time_now()), rounds = test_option("rounds", ROUNDS);

	printk("seed=%lu\n", seed);
	state = seed * 0x9e3779b97f4a7c15 | 1;
	all(2);
	before = machine_free_pages();
	all(rounds);
	CHECK_EQ(machine_free_pages(), before);
	printk("%u contexts taken, %u of the guests' vCPUs ran, %u domains died\n", taken, ran, died);
	CHECK(taken > rounds, "only %u contexts taken", taken);
}
