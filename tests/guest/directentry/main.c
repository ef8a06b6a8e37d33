/* SPDX-License-Identifier: MIT */
/*
 * vm_assist lite_direct_entry: from user to kernel mode and back without the hypervisor.
 *
 * Invariant: from the instruction that sets the byte in vcpu_info, the vCPU is in kernel mode: hypercalls are
 * hypercalls, frames lie below its stack pointer and say "kernel", error codes too; before it, and after the one that
 * clears it, it is in user mode with frames on the stack of stack_switch. Whatever enters the hypervisor in between
 * finds the right GS bases for both modes and clears the byte, so that a context, too, says what is true. Who has not
 * turned it on, or may not, has neither the byte nor the instructions. A guest that lies harms itself only. Where the
 * hypervisor does not know it there is nothing to test.
 */
#include "child.h"

#include "public/lite.h"

#define KERNEL_GS	0x1111000ul
#define USER_GS		0x2222000ul
#define TRIES		100

/*
 * Code for user mode, in the kernel's own text: rdi = vcpu_info, rsi = top of a stack of its own, rdx = the kernel's GS
 * base. `back` leaves user_run() from kernel mode.
 */
asm(".pushsection .text\n"
    "	.macro enter_kernel flags=0x0101\n"
    "	movw $\\flags, 1(%rdi)\n"
    "	.endm\n"
    "	.macro ask_version\n"
    "	mov %rdi, %r12\n"
    "	xor %edi, %edi\n"
    "	xor %esi, %esi\n"
    "	mov $17, %eax\n"
    "	syscall\n"
    "	mov %rax, answer\n"
    "	mov %r12, %rdi\n"
    "	.endm\n"
    "d_call:\n"
    "	enter_kernel\n"
    "	mov %rsi, %rsp\n"
    "	ask_version\n"
    "	rdgsbase %rax\n"
    "	mov %rax, gs_seen\n"
    "	jmp back\n"
    "d_call_own_gs:\n"
    "	enter_kernel\n"
    "	mov %rsi, %rsp\n"
    "	rdgsbase %rax\n"
    "	mov %rax, 24(%rdi)\n"
    "	wrgsbase %rdx\n"
    "	ask_version\n"
    "	rdgsbase %rax\n"
    "	mov %rax, gs_seen\n"
    "	jmp back\n"
    "d_call_bad_gs:\n"
    "	enter_kernel\n"
    "	mov %rsi, %rsp\n"
    "	movq $1, 24(%rdi)\n"
    "	rorq 24(%rdi)\n"
    "	wrgsbase %rdx\n"
    "	ask_version\n"
    "	jmp back\n"
    "d_undefined:\n"
    "	enter_kernel\n"
    "	mov %rsi, %rsp\n"
    "	ud2\n"
    "	jmp back\n"
    "d_fault:\n"
    "	enter_kernel\n"
    "	mov %rsi, %rsp\n"
    "	mov 0x1000, %rax\n"
    "d_fault_next:\n"
    "	jmp back\n"
    "d_wait:\n"
    "	enter_kernel 0x0100\n"
    "	mov %rsi, %rsp\n"
    "1:	pause\n"
    "	cmpq $0, seen\n"
    "	je 1b\n"
    "	jmp back\n"
    "d_wait_masked:\n"
    "	enter_kernel\n"
    "	mov %rsi, %rsp\n"
    "1:	pause\n"
    "	cmpb $0, (%rdi)\n"
    "	je 1b\n"
    "	jmp back\n"
    "d_leave:\n"
    "	mov %rsp, %r13\n"
    "	enter_kernel\n"
    "	mov %rsi, %rsp\n"
    "	btrw $0, 2(%rdi)\n"
    "	jnc back\n"
    "	mov %r13, %rsp\n"
    "	movb $0, 1(%rdi)\n"
    "	mov $0x5a, %ebx\n"
    "	syscall\n"
    "d_step:\n"
    "	mov %rsi, %rsp\n"
    "	enter_kernel\n"
    "d_step_kernel:\n"
    "	nop\n"
    "	jmp back\n"
    "d_set:\n"
    "	enter_kernel\n"
    "	syscall\n"
    "d_gs:\n"
    "	rdgsbase %rax\n"
    "	syscall\n"
    "d_spin:\n"
    "	enter_kernel\n"
    "	mov %rsi, %rsp\n"
    "	movq $1, (%rbx)\n"
    "1:	pause\n"
    "	jmp 1b\n"
    "back:	jmp user_leave\n"
    ".popsection");
extern const u8 d_call[], d_call_own_gs[], d_call_bad_gs[], d_undefined[], d_fault[], d_fault_next[], d_wait[], d_wait_masked[],
	d_leave[], d_step[], d_step_kernel[], d_set[], d_gs[], d_spin[];

static u8 stack[STACK_SIZE] __attribute__((aligned(16)));
u64 answer, gs_seen, seen;		/* for the code above */
static unsigned int kernel_traps;

static long assist(unsigned int cmd, unsigned int type)
{
	return hypercall2(__HYPERVISOR_vm_assist, cmd, type);
}

static long direct(unsigned int cmd)
{
	return assist(cmd, VMASST_TYPE_lite_direct_entry);
}

static long features(void)
{
	return hypercall2(__HYPERVISOR_lite_op, LITEOP_features, 0);
}

static volatile u8 *in_kernel(void)
{
	return (volatile u8 *)vcpu_info() + LITE_INFO_in_kernel;
}

static bool cpu_has_fsgsbase(void)
{
	u32 a = 7, b, c = 0, d;

	asm volatile("cpuid" : "+a" (a), "=b" (b), "+c" (c), "=d" (d));
	return b & 1;
}

static struct regs run_with(const u8 *label, u64 rflags, u64 rsp)
{
	struct regs r;

	user_regs_init(&r);
	r.rip = (u64)label;
	r.rsp = rsp;
	r.rflags = rflags;
	r.rdi = (u64)vcpu_info();
	r.rsi = (u64)(stack + sizeof(stack));
	r.rdx = KERNEL_GS;
	r.rbx = (u64)&mailbox()[1];
	trap.vector = NO_TRAP;
	answer = gs_seen = seen = 0;
	kernel_traps = 0;
	user_run(&r);
	return r;
}

/* The code comes back by itself, in kernel mode. */
static void run(const u8 *label)
{
	run_with(label, 0x202, 0x1234);
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(*in_kernel(), 0);
}

/* The code is in user mode to its end. */
static struct regs run_user(const u8 *label)
{
	return run_with(label, 0x202, USER_STACK);
}

static void set_bases(void)
{
	CHECK_EQ(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, KERNEL_GS), 0);
	CHECK_EQ(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, USER_GS), 0);
}

/* --- what it is when something comes in --------------------------------------------------------------------- */

/* In kernel mode, with the frame where the stack pointer was. */
static bool is_kernel_trap(const struct regs *r)
{
	const u8 *frame = (const u8 *)r;

	CHECK_EQ(r->cs & 3, 0);
	CHECK_EQ(r->rsp, stack + sizeof(stack));
	CHECK(frame > stack && frame < stack + sizeof(stack), "the frame is at %p", frame);
	CHECK_EQ(*in_kernel(), 0);
	kernel_traps++;
	return true;
}

static bool on_undefined(struct regs *r)
{
	if ((r->cs & 3) == 3 || r->rip < (u64)d_undefined || r->rip >= (u64)d_fault)
		return false;
	r->rip += 2;
	return is_kernel_trap(r);
}

static bool on_fault(struct regs *r)
{
	if ((r->cs & 3) == 3 || r->rip < (u64)d_fault || r->rip >= (u64)d_fault_next)
		return false;
	CHECK_EQ(r->error, 0);
	CHECK_EQ(vcpu_info()->arch.cr2, 0x1000);
	r->rip = (u64)d_fault_next;
	return is_kernel_trap(r);
}

static bool on_event(struct regs *r)
{
	vcpu_info()->evtchn_upcall_pending = 0;
	vcpu_info()->evtchn_pending_sel = 0;
	seen = 1;
	return (r->cs & 3) != 3 && is_kernel_trap(r);
}

/* One instruction in user mode, the one that enters, one in kernel mode. */
static u64 steps_user, steps_kernel;

static bool on_step(struct regs *r)
{
	if ((r->cs & 3) == 3) {
		CHECK(r->rip < (u64)d_step_kernel, "user mode at %lu", r->rip - (u64)d_step);
		CHECK((u8 *)r < stack || (u8 *)r >= stack + sizeof(stack), "from user on the wrong stack");
		steps_user++;
		return true;
	}
	CHECK(r->rip >= (u64)d_step_kernel, "kernel mode at %lu", r->rip - (u64)d_step);
	steps_kernel++;
	r->rflags &= ~0x100ul;
	return is_kernel_trap(r);
}

static void timer_in(u64 ns)
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = time_now() + ns };

	CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &t), 0);
}

/* The code waits for a timer; on a busy machine that comes before the code has entered its kernel: once more, then. */
static void run_until_timer(const u8 *label, unsigned int port)
{
	for (int i = 0; i < TRIES; i++) {
		port_clear(port);
		events_off();
		timer_in(2000000ul * (i + 1));
		run_with(label, 0x202, 0x1234);
		if (trap.vector != VEC_EVENT)
			break;
	}
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(*in_kernel(), 0);
}

static void test_traps(void)
{
	trap_hook[6] = on_undefined;
	trap_hook[14] = on_fault;
	trap_hook[1] = on_step;
	run(d_undefined);
	CHECK_EQ(kernel_traps, 1);
	run(d_fault);
	CHECK_EQ(kernel_traps, 1);
	steps_user = steps_kernel = 0;
	run_with(d_step, 0x302, 0x1234);
	CHECK_EQ(steps_user, 1);
	CHECK_EQ(steps_kernel, 1);
	CHECK_EQ(*in_kernel(), 0);
	trap_hook[1] = trap_hook[6] = trap_hook[14] = NULL;
}

static void test_events(void)
{
	struct evtchn_bind_virq b = { .virq = VIRQ_TIMER };

	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &b), 0);
	trap_hook[VEC_EVENT] = on_event;
	CHECK_EQ(port_unmask(b.port), 0);
	run_until_timer(d_wait, b.port);
	CHECK_EQ(kernel_traps, 1);
	/* Masked, it is pending and nothing else; the mode is known all the same. */
	run_until_timer(d_wait_masked, b.port);
	CHECK_EQ(kernel_traps, 0);
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 1);
	/* Before the byte it is an event like any other in user mode, whatever the stack pointer. */
	run_with(d_set, 0x202, 0x1234);
	CHECK_EQ(trap.vector, VEC_EVENT);
	CHECK_EQ(trap.cs & 3, 3);
	CHECK_EQ(trap.rsp, 0x1234);
	CHECK_EQ(trap.rip, d_set);
	port_mask(b.port);
	port_clear(b.port);
	vcpu_info()->evtchn_upcall_pending = 0;
	vcpu_info()->evtchn_pending_sel = 0;
	trap_hook[VEC_EVENT] = NULL;
	{
		struct evtchn_close c = { .port = b.port };

		CHECK_EQ(evtchn_op(EVTCHNOP_close, &c), 0);
	}
}

/* --- hypercalls and bases ----------------------------------------------------------------------------------------- */

static void user_base_is(u64 base)
{
	CHECK_EQ(run_user(d_gs).rax, base);
	CHECK_EQ(trap.vector, VEC_SYSCALL);
}

static void call(const u8 *label)
{
	set_bases();
	run(label);
	CHECK(answer >> 16 == 4, "the hypercall answers 0x%lx", answer);
}

static void test_calls(void)
{
	call(d_call);
	CHECK_EQ(gs_seen, KERNEL_GS);
	user_base_is(USER_GS);
	call(d_call_own_gs);
	CHECK_EQ(gs_seen, KERNEL_GS);
	user_base_is(USER_GS);
	/* A base that is none. */
	call(d_call_bad_gs);
	user_base_is(0);
	/* An entry in the usual way afterwards. */
	CHECK_EQ(run_user(d_gs).rax, 0);
	set_bases();
}

/* There and back: user mode, with a system call that the kernel gets. Now and then an interrupt comes in between. */
static void test_leave(void)
{
	bool left = false;

	for (int i = 0; i < TRIES && !left; i++) {
		struct regs r = run_user(d_leave);

		left = trap.vector == VEC_SYSCALL;
		if (left)
			CHECK_EQ(r.rbx, 0x5a);
		CHECK(left || trap.vector == NO_TRAP, "trap %lu", trap.vector);
	}
	CHECK(left, "never came back to user mode");
	CHECK_EQ(trap.cs & 3, 3);
	CHECK_EQ(trap.rsp, USER_STACK);
}

static void test_on(void)
{
	CHECK_EQ(direct(VMASST_CMD_enable), 0);
	set_bases();
	test_calls();
	test_leave();
	test_traps();
	test_events();
	test_calls();
}

/* The byte means nothing, and the instructions do not exist. */
static void test_off(void)
{
	run_user(d_set);
	CHECK_EQ(trap.vector, VEC_SYSCALL);
	CHECK_EQ(trap.cs & 3, 3);
	*in_kernel() = 0;
	run_user(d_gs);
	CHECK_EQ(trap.vector, 6);
	CHECK_EQ(trap.cs & 3, 3);
}

/* --- other domains -------------------------------------------------------------------------------------------- */

static void share_everything(void)
{
	u64 entry;

	user_space_init("", 1);
	entry = *(u64 *)mfn_to_va(user_l4_mfn);
	CHECK_EQ(mmu_update(pte_machine((void *)USER_CODE, 4), entry), 0);
}

static void share(void)
{
	share_everything();
	CHECK_EQ(assist(VMASST_CMD_enable, VMASST_TYPE_lite_shared_tables), 0);
}

static void without_permission(void)
{
	CHECK_EQ(features() & LITEF_direct_entry, 0);
	CHECK_EQ(direct(VMASST_CMD_enable), -XEN_EPERM);
	CHECK_EQ(direct(VMASST_CMD_disable), 0);
}

static void with_permission(void)
{
	CHECK(features() & LITEF_direct_entry, "no feature bit");
	share();
	test_off();
	test_on();
}

static void stack_is_nowhere(void)
{
	struct regs r;

	share();
	CHECK_EQ(direct(VMASST_CMD_enable), 0);
	user_regs_init(&r);
	r.rip = (u64)d_undefined;
	r.rdi = (u64)vcpu_info();
	r.rsi = 0xffff830000100000;
	user_run(&r);
}

static void spinner(void)
{
	share();
	CHECK_EQ(direct(VMASST_CMD_enable), 0);
	set_bases();
	run_with(d_spin, 0x202, USER_STACK);
}

static void child_new(struct child *c, void (*fn)(void), u64 features_allowed)
{
	struct xen_lite_allow a;

	*c = (struct child){ 0 };
	child_create(c, fn);
	a = (struct xen_lite_allow){ .domid = c->id, .features = features_allowed };
	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_allow, &a), 0);
	child_run(c);
}

static void test_permission(void)
{
	static struct child c;

	child_new(&c, without_permission, 0);
	child_done(&c);
	child_destroy(&c);
	child_new(&c, with_permission, LITEF_shared_tables);
	child_done(&c);
	child_destroy(&c);
	/* The instructions are that domain's, not everybody's. */
	test_off();
}

static void test_hostile(void)
{
	static struct child c;

	child_new(&c, stack_is_nowhere, LITEF_shared_tables);
	CHECK(child_stopped(&c, SHUTDOWN_crash), "a stack in the hypervisor is no crash");
	child_destroy(&c);
}

/* A context taken while it is in its kernel says so, with both bases. */
static void test_context(void)
{
	static struct vcpu_guest_context ctx;
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpucontext };
	static struct child c;

	child_new(&c, spinner, LITEF_shared_tables);
	CHECK(child_wait(&c, 1, 1), "the child does not begin");
	op.domain = c.id;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &ctx);
	CHECK_EQ(domctl(&op), 0);
	CHECK(ctx.flags & VGCF_in_kernel, "user mode");
	CHECK_EQ(ctx.gs_base_kernel, KERNEL_GS);
	CHECK_EQ(ctx.gs_base_user, USER_GS);
	CHECK(ctx.vm_assist >> VMASST_TYPE_lite_direct_entry & 1, "the assist is not in the context");
	child_destroy(&c);
}

void test_main(void)
{
	if (!(features() & LITEF_shared_tables))
		test_skip("no shared tables");
	if (!cpu_has_fsgsbase()) {
		without_permission();
		return;
	}
	CHECK(features() & LITEF_direct_entry, "no feature bit");
	share();
	test_permission();
	test_hostile();
	test_context();
	test_off();
	test_on();
	CHECK_EQ(direct(VMASST_CMD_disable), 0);
	test_off();
	test_on();
}
