/* SPDX-License-Identifier: MIT */
/*
 * vm_assist lite_shared_tables: user code on the kernel's top-level table.
 *
 * Invariant: who has no permission is refused and runs as before. With the assist no way between user and kernel mode
 * loads CR3; user code sees what the kernel sees, with the rights of the page, and nothing of the hypervisor; error
 * codes say "user". It can be turned off again, also while another vCPU is in user mode; the domain's permission
 * decides when a context with the bit is set; log-dirty sees what user code writes. Where the hypervisor does not know
 * it there is nothing to test.
 */
#include "child.h"

#include "public/lite.h"

#define ROUNDS	1000

asm(".pushsection .rodata\n"
    "user_start:\n"
    "	syscall\n"
    "	jmp user_start\n"
    "user_read:\n"
    "	mov (%rdi), %rax\n"
    "	syscall\n"
    "user_write:\n"
    "	mov %rax, (%rdi)\n"
    "	syscall\n"
    "user_call:\n"
    "	call *%rdi\n"
    "	syscall\n"
    "user_spin:\n"
    "	incq (%rdi)\n"
    "	cmpq $0, (%rsi)\n"
    "	je user_spin\n"
    "	mov (%rdx), %rax\n"
    "	syscall\n"
    "user_end:\n"
    ".popsection");
extern const u8 user_start[], user_read[], user_write[], user_call[], user_spin[], user_end[];

#define AT(label) (USER_CODE + ((label) - user_start))

static u64 word, reached __attribute__((aligned(4096))), stop, page[512] __attribute__((aligned(4096)));

static long assist(unsigned int cmd)
{
	return hypercall2(__HYPERVISOR_vm_assist, cmd, VMASST_TYPE_lite_shared_tables);
}

static long features(void)
{
	return hypercall2(__HYPERVISOR_lite_op, LITEOP_features, 0);
}

static u64 cr3_loads(void)
{
	struct xen_lite_counters c = { .domid = DOMID_SELF };

	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_counters, &c), 0);
	return c.count[LITE_COUNT_CR3];
}

static struct regs run_at(const u8 *label, volatile void *rdi)
{
	struct regs r;

	user_regs_init(&r);
	r.rip = AT(label);
	r.rdi = (u64)rdi;
	r.rax = 0x77;
	user_run(&r);
	return r;
}

/* The user's pages into the kernel's table, as a kernel does that uses its processes' memory. */
static void share_user_slot(void)
{
	u64 entry = *(u64 *)mfn_to_va(user_l4_mfn);

	CHECK_EQ(mmu_update(pte_machine((void *)USER_CODE, 4), entry), 0);
}

static u64 loads_of_round_trips(void)
{
	u64 before;

	run_at(user_start, NULL);
	before = cr3_loads();
	for (int i = 0; i < ROUNDS; i++)
		run_at(i % 2 ? user_read : user_start, (void *)(i % 4 == 1 ? 0x1000 : USER_CODE));
	return cr3_loads() - before;
}

static void test_separate(void)
{
	run_at(user_read, &word);
	CHECK_EQ(trap.vector, 14);
	CHECK_EQ(trap.error, 4);
	CHECK(loads_of_round_trips() >= ROUNDS, "separate tables without CR3 loads");
}

static void expect_fault(const u8 *label, volatile void *at, u64 error)
{
	run_at(label, at);
	CHECK_EQ(trap.vector, 14);
	CHECK_EQ(trap.error, error);
	CHECK_EQ(trap.cr2, at);
	CHECK_EQ(trap.cs & 3, 3);
}

static void test_shared(void)
{
	static const u64 ours[] = { 0xffff800000000000, 0xffff830000000000, 0xffff82d080200000, 0xffff808000000000 };
	u64 rax;

	CHECK_EQ(loads_of_round_trips(), 0);
	word = 0x1234;
	rax = run_at(user_read, &word).rax;
	CHECK_EQ(trap.vector, VEC_SYSCALL);
	CHECK_EQ(rax, 0x1234);
	run_at(user_write, &word);
	CHECK_EQ(trap.vector, VEC_SYSCALL);
	CHECK_EQ(word, 0x77);
	/* The rights of a page hold for everybody, and a page table is not written, not even by emulation. */
	expect_fault(user_write, (void *)start_info->pt_base, 7);
	expect_fault(user_write, (void *)USER_CODE, 7);
	expect_fault(user_read, (void *)0x1000, 4);
	for (unsigned int i = 1; i < ARRAY_SIZE(ours); i++) {
		run_at(user_read, (void *)ours[i]);
		CHECK(trap.vector == 14 && (trap.error & 4), "read of 0x%lx by user: trap %lu", ours[i], trap.vector);
		run_at(user_write, (void *)ours[i]);
		CHECK(trap.vector == 14 && (trap.error & 4), "write of 0x%lx by user: trap %lu", ours[i], trap.vector);
	}
	run_at(user_write, (void *)ours[0]);
	CHECK_EQ(trap.vector, 14);
	CHECK(trap.error & 1, "the machine-to-physical table");
	/* User code makes no hypercalls and uses no privileged instructions, wherever it lies. */
	run_at(user_call, hypercall_page + 32 * __HYPERVISOR_vm_assist);
	CHECK_EQ(trap.vector, VEC_SYSCALL);
	CHECK(trap.rip - (u64)hypercall_page < PAGE, "in the hypercall page");
}

/* Every other table, as processes come and go; the user table may be none at all. */
static void test_base_pointers(void)
{
	u64 before = cr3_loads();

	for (int i = 0; i < 100; i++) {
		CHECK_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, i % 2 ? user_l4_mfn : 0), 0);
		run_at(user_start, NULL);
		CHECK_EQ(trap.vector, VEC_SYSCALL);
	}
	CHECK_EQ(cr3_loads() - before, 0);
	/* An entry that goes is gone for the user too. */
	CHECK_EQ(mmu_update(pte_machine((void *)USER_CODE, 4), 0), 0);
	expect_fault(user_start, (void *)USER_CODE, 0x14);
	share_user_slot();
	run_at(user_start, NULL);
	CHECK_EQ(trap.vector, VEC_SYSCALL);
	CHECK_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, user_l4_mfn), 0);
}

static void turn_on_and_off(void)
{
	CHECK(features() & LITEF_shared_tables, "no feature bit");
	CHECK_EQ(assist(VMASST_CMD_enable), 0);
	test_shared();
	test_base_pointers();
	CHECK_EQ(assist(VMASST_CMD_disable), 0);
	test_separate();
	CHECK_EQ(assist(VMASST_CMD_enable), 0);
	CHECK_EQ(loads_of_round_trips(), 0);
}

/* --- with and without permission, as a guest ------------------------------------------------------------- */

static void without_permission(void)
{
	user_space_init(user_start, user_end - user_start);
	share_user_slot();
	CHECK_EQ(features() & LITEF_shared_tables, 0);
	CHECK_EQ(assist(VMASST_CMD_enable), -XEN_EPERM);
	CHECK_EQ(assist(VMASST_CMD_disable), 0);
	test_separate();
	{
		struct xen_lite_allow a = { .domid = my_id(), .features = LITEF_shared_tables };

		CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_allow, &a), -XEN_EPERM);
		a.domid = DOMID_SELF;
		CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_allow, &a), -XEN_EPERM);
	}
	CHECK_EQ(assist(VMASST_CMD_enable), -XEN_EPERM);
}

static void with_permission(void)
{
	user_space_init(user_start, user_end - user_start);
	share_user_slot();
	test_shared();			/* the context said so */
	turn_on_and_off();
	CHECK_EQ(features() & LITEF_allow, 0);
}

static long allow(domid_t id, u64 what)
{
	struct xen_lite_allow a = { .domid = id, .features = what };

	return hypercall2(__HYPERVISOR_lite_op, LITEOP_allow, &a);
}

static long context(struct child *c, unsigned int cmd, struct vcpu_guest_context *ctx)
{
	struct xen_domctl op = { .cmd = cmd, .domain = c->id };

	set_xen_guest_handle(op.u.vcpucontext.ctxt, ctx);
	return domctl(&op);
}

/* A context with the bit is taken by every domain, and means something in one that may. */
static bool bit_survives(struct child *c)
{
	static struct vcpu_guest_context ctx;

	CHECK_EQ(context(c, XEN_DOMCTL_getvcpucontext, &ctx), 0);
	ctx.vm_assist |= 1ul << VMASST_TYPE_lite_shared_tables;
	CHECK_EQ(context(c, XEN_DOMCTL_setvcpucontext, &ctx), 0);
	CHECK_EQ(context(c, XEN_DOMCTL_getvcpucontext, &ctx), 0);
	return ctx.vm_assist >> VMASST_TYPE_lite_shared_tables & 1;
}

static void test_permission(void)
{
	static struct child c;

	child_create(&c, without_permission);
	CHECK_EQ(allow(c.id, 1ul << 40), -XEN_EINVAL);
	CHECK_EQ(allow(0x7000, 0), -XEN_ESRCH);
	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_allow, 0x10), -XEN_EFAULT);
	CHECK_EQ(allow(c.id, LITEF_shared_tables), 0);
	CHECK_EQ(allow(c.id, 0), 0);
	CHECK(!bit_survives(&c), "the bit came with a context");
	child_run(&c);
	child_done(&c);
	CHECK_EQ(allow(c.id, LITEF_shared_tables), -XEN_EBUSY);
	child_destroy(&c);

	child_create(&c, with_permission);
	CHECK_EQ(allow(c.id, LITEF_shared_tables), 0);
	CHECK(bit_survives(&c), "the bit is lost with the context");
	child_run(&c);
	child_done(&c);
	child_destroy(&c);
}

/* --- log-dirty: what user code writes on the kernel's table --------------------------------------------- */

static void writer(void)
{
	volatile u64 *m = mailbox();

	user_space_init(user_start, user_end - user_start);
	share_user_slot();
	CHECK_EQ(assist(VMASST_CMD_enable), 0);
	m[1] = va_to_pfn(page);
	barrier();
	for (u64 n = 1; m[2] != ~0ul; n++) {
		run_at(user_read, page);
		CHECK_EQ(trap.vector, VEC_SYSCALL);
		if (m[2] < n)
			n--;
		else
			run_at(user_write, page + 7);
		CHECK_EQ(trap.vector, VEC_SYSCALL);
		m[0] = n;
	}
	CHECK_EQ(page[7], 0x77);
}

static u64 marks[64];

static bool round_marks(const struct child *c, u64 pfn)
{
	CHECK_EQ(dirty_log(c->id, XEN_DOMCTL_SHADOW_OP_CLEAN, marks, sizeof(marks) * 8), 0);
	return marks[pfn / 64] >> pfn % 64 & 1;
}

static void test_logdirty(void)
{
	static struct child c;

	child_create(&c, writer);
	CHECK_EQ(allow(c.id, LITEF_shared_tables), 0);
	child_run(&c);
	CHECK(child_wait(&c, 1, 1), "the child does not begin");
	CHECK_EQ(dirty_log(c.id, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), 0);
	for (u64 n = 1; n <= 5; n++) {
		c.mail[2] = n;
		CHECK(child_wait(&c, 0, n), "the child does not write");
		spin_ns(1000000);
		CHECK(round_marks(&c, c.mail[1]), "round %lu: what user code wrote is not marked", n);
		spin_ns(1000000);
		CHECK(!round_marks(&c, c.mail[1]), "round %lu: marked without a write", n);
	}
	CHECK_EQ(dirty_log(c.id, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0), 0);
	c.mail[2] = ~0ul;
	child_done(&c);
	child_destroy(&c);
}

/* --- another vCPU in user mode while it is turned off ---------------------------------------------------- */

static void spinner(void)
{
	struct regs r;

	CHECK_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, user_l4_mfn), 0);
	user_regs_init(&r);
	r.rip = AT(user_spin);
	r.rsp = (u64)__builtin_frame_address(0);	/* for on_ap() */
	r.rdi = (u64)&reached;
	r.rsi = (u64)&stop;
	r.rdx = 0x1000;
	user_run(&r);
	ap_park();
}

static u64 ap_error, ap_cr2;

static bool ap_fault(struct regs *r)
{
	if (!on_ap(r))
		return false;
	ap_cr2 = vcpu_info()[1].arch.cr2;
	barrier();
	ap_error = r->error;
	ap_park();
}

/* The kernel's pages vanish under its feet, at once. */
static void test_other_vcpu(void)
{
	trap_hook[14] = ap_fault;
	ap_start(spinner);
	if (!ap_wait(&reached, 1000))
		test_die("the other vCPU does not run on the kernel's table");
	CHECK_EQ(assist(VMASST_CMD_disable), 0);
	CHECK(ap_wait(&ap_error, 1), "the other vCPU still reaches the kernel's memory");
	CHECK_EQ(ap_error & 5, 4);
	CHECK(ap_cr2 == (u64)&reached || ap_cr2 == (u64)&stop, "fault at 0x%lx", ap_cr2);
}

void test_main(void)
{
	if (!(features() & LITEF_shared_tables))
		test_skip("no shared tables");
	CHECK(features() & LITEF_allow, "dom0 cannot allow anything");
	user_space_init(user_start, user_end - user_start);
	share_user_slot();
	test_permission();
	test_logdirty();
	test_separate();
	turn_on_and_off();
	test_other_vcpu();
}
