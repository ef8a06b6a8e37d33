/* SPDX-License-Identifier: MIT */
/*
 * Guests that have not set what the hypervisor calls, or have set nonsense (XSA 183, 215, 259, 339).
 *
 * Invariant: what a processor without the handler would do is what the guest gets: an undefined instruction for a
 * system call, #GP with the vector for `int n`, nothing for an NMI. Where there is no way on, the guest alone is
 * crashed, with the reason in words; dom0 and another guest go on, and nothing of the dead one is left.
 */
#include "child.h"

#include "public/lite.h"
#include "public/nmi.h"

static u64 page[512] __attribute__((aligned(4096)));
static struct child c, witness;

/* mov $1, %eax; syscall; int $0x80; int $0xf0; ud2 */
static const u8 user_code[] = { 0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0xcd, 0x80, 0xcd, 0xf0, 0x0f, 0x0b };

extern u8 event_entry[], failsafe_entry[], syscall_entry[];

static void callbacks(const void *event, const void *failsafe, const void *syscall)
{
	CHECK_EQ(hypercall3(__HYPERVISOR_set_callbacks, event, failsafe, syscall), 0);
}

static void user_at(u64 offset)
{
	struct regs r;

	user_regs_init(&r);
	r.rip += offset;
	user_run(&r);
}

static void user_init(void)
{
	user_space_init(user_code, sizeof(user_code));
}

/* --- what is survived --- */

static void goes_on(void)
{
	user_init();
	callbacks(event_entry, failsafe_entry, NULL);
	user_at(5);
	CHECK(trap.vector == 6 && trap.rip == USER_CODE + 5, "syscall without a callback: trap %lu at 0x%lx",
	      trap.vector, trap.rip);
	user_at(7);
	CHECK(trap.vector == 13 && trap.error == (0x80 << 3 | 2) && trap.rip == USER_CODE + 7,
	      "int 0x80 without a gate: trap %lu error 0x%lx", trap.vector, trap.error);
	user_at(9);
	CHECK(trap.vector == 13 && trap.error == (0xf0 << 3 | 2), "int 0xf0 without a gate: trap %lu error 0x%lx",
	      trap.vector, trap.error);
	callbacks(event_entry, failsafe_entry, syscall_entry);
	user_at(0);
	CHECK_EQ(trap.vector, VEC_SYSCALL);
	CHECK_EQ(hypercall2(__HYPERVISOR_nmi_op, XENNMI_unregister_callback, 0), 0);
	CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0), 0);
	hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	/* An event callback is not needed while events are masked. */
	callbacks(NULL, failsafe_entry, syscall_entry);
	vcpu_info()->evtchn_upcall_pending = 1;
	hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0);
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 1);
}

/* --- what is not --- */

static void no_event_callback(void)
{
	callbacks(NULL, failsafe_entry, syscall_entry);
	vcpu_info()->evtchn_upcall_pending = 1;
	vcpu_info()->evtchn_upcall_mask = 0;
	hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0);
}

static void no_gate_at_all(void)
{
	hypercall1(__HYPERVISOR_set_trap_table, 0);
	asm volatile("ud2");
}

static void no_syscall_callback_and_no_gate(void)
{
	user_init();
	callbacks(event_entry, failsafe_entry, NULL);
	hypercall1(__HYPERVISOR_set_trap_table, 0);
	user_at(5);
}

/* A selector that does not exist when the guest's registers are loaded: only the failsafe callback could help. */
static void no_failsafe_callback(void)
{
	static struct vcpu_guest_context ctx;
	static u8 stack[512] __attribute__((aligned(16)));

	context_for(&ctx, ap_park, stack + sizeof(stack));
	ctx.user_regs.ds = 0x1233;
	ctx.failsafe_callback_eip = 0;
	CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, &ctx), 0);
	CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_up, 1, 0), 0);
	for (;;)
		nap_ns(1000000);
}

static void bad_way_back_and_no_gate(void)
{
	struct regs r;

	user_init();
	trap_gate_clear(13);
	user_regs_init(&r);
	r.ss = 0x1233;
	user_run(&r);
}

static void stack_for_syscalls_unmapped(void)
{
	user_init();
	set_va(page, 0);
	CHECK_EQ(hypercall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, page + 512), 0);
	user_at(0);
}

static void stack_for_syscalls_in_the_hypervisor(void)
{
	user_init();
	CHECK_EQ(hypercall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, 0xffff830000100000), 0);
	user_at(0);
}

static void event_stack_unmapped(void)
{
	set_va(page, 0);
	vcpu_info()->evtchn_upcall_pending = 1;
	vcpu_info()->evtchn_upcall_mask = 0;
	asm volatile("mov %0, %%rsp; mov $17, %%eax; xor %%edi, %%edi; syscall" : : "r" (page + 512) : "memory");
}

static void nmi_stack_unmapped(void)
{
	struct xennmi_callback cb = { .handler_address = (unsigned long)event_entry };

	hypercall2(__HYPERVISOR_nmi_op, XENNMI_register_callback, &cb);
	set_va(page, 0);
	asm volatile("mov %0, %%rsp; mov $24, %%eax; mov $11, %%edi; xor %%esi, %%esi; xor %%edx, %%edx; syscall"
		     : : "r" (page + 512) : "memory");
}

static void handler_unmapped(void)
{
	static u64 stack[1024] __attribute__((aligned(4096)));
	struct trap_info t[2] = { { .vector = 14, .address = 0x7654000 } };

	hypercall1(__HYPERVISOR_set_trap_table, t);
	set_va(stack, 0);
	/* Faults on its own handler until the page of stack is full. */
	asm volatile("mov %0, %%rsp; movb $0, 0x1000" : : "r" (stack + 1024) : "memory");
}

static void iret_without_user_table(void)
{
	u64 frame[9] = { [4] = 0x1000, [5] = FLAT_USER_CS, [6] = 0x202, [8] = FLAT_USER_SS };

	asm volatile("mov %0, %%rsp; mov $23, %%eax; syscall" : : "r" (frame) : "memory");
}

static void dead_vcpu(void)
{
	asm volatile("xor %esp, %esp; ud2");
}

static void second_vcpu_dies(void)
{
	ap_start(dead_vcpu);
	for (;;)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

/* Two at the same moment, in a way that never gets back to the guest: a return to a selector that is not there. */
static volatile u64 ready;

static void return_to_nowhere(void)
{
	u64 frame[9] = { [4] = 0x1000, [5] = FLAT_KERNEL_CS & ~3, [6] = 0x202, [7] = 0x8000000000000000, [8] = 0x1233 };

	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	while (ready < 2)
		;
	asm volatile("mov %0, %%rsp; mov $23, %%eax; syscall" : : "r" (frame) : "memory");
}

static void both_vcpus_die(void)
{
	ap_start(return_to_nowhere);
	return_to_nowhere();
}

static void multicall_unmaps_itself(void)
{
	static struct multicall_entry m[2] __attribute__((aligned(4096)));

	m[0] = (struct multicall_entry){ .op = __HYPERVISOR_update_va_mapping, .args = { (u64)m, 0, UVMF_INVLPG } };
	hypercall2(__HYPERVISOR_multicall, m, 2);
	test_die("survived");
}

static const struct {
	void (*fn)(void);
	const char *reason;
} fatal[] = {
	{ no_event_callback, "event upcall without a callback" },
	{ no_gate_at_all, "and no handler" },
	{ no_syscall_callback_and_no_gate, "and no handler" },
	{ no_failsafe_callback, "no failsafe callback" },
	{ bad_way_back_and_no_gate, "and no handler" },
	{ stack_for_syscalls_unmapped, "kernel stack" },
	{ stack_for_syscalls_in_the_hypervisor, "kernel stack" },
	{ event_stack_unmapped, "kernel stack" },
	{ nmi_stack_unmapped, "kernel stack" },
	{ handler_unmapped, "kernel stack" },
	{ iret_without_user_table, "without a user address space" },
	{ second_vcpu_dies, "kernel stack" },
	{ both_vcpus_die, "kernel stack" }, { both_vcpus_die, "kernel stack" }, { both_vcpus_die, "kernel stack" },
};

static bool contains(const char *text, const char *part)
{
	for (; *text; text++)
		if (!strncmp(text, part, strlen(part)))
			return true;
	return false;
}

static void check_reason(domid_t id, const char *reason, unsigned int n)
{
	struct xen_lite_crash_reason r = { .domid = id };

	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_crash_reason, &r), 0);
	CHECK(contains(r.reason, reason), "case %u: the reason is \"%s\"", n, r.reason);
}

/* Counts as long as it lives. */
static void count(void)
{
	for (;;)
		mailbox()[0]++;
}

static void try_fatal(unsigned int n)
{
	u64 before = witness.mail[0];

	c.vcpus = 2;
	child_create(&c, fatal[n].fn);
	child_run(&c);
	CHECK(child_stopped(&c, SHUTDOWN_crash), "case %u: not crashed", n);
	check_reason(c.id, fatal[n].reason, n);
	child_destroy(&c);
	CHECK(!child_exists(&c), "case %u: still there", n);
	CHECK(child_wait(&witness, 0, before + 1), "case %u: the other guest stands still", n);
}

void test_main(void)
{
	u64 before;

	child_create(&witness, count);
	child_run(&witness);
	child_create(&c, goes_on);
	child_run(&c);
	child_done(&c);
	child_destroy(&c);
	child_create(&c, multicall_unmaps_itself);
	child_run(&c);
	CHECK(child_stopped(&c, SHUTDOWN_poweroff) || child_stopped(&c, SHUTDOWN_crash), "neither went on nor crashed");
	child_destroy(&c);
	for (unsigned int i = 0; i < ARRAY_SIZE(fatal); i++)
		try_fatal(i);
	before = machine_free_pages();
	for (unsigned int i = 0; i < ARRAY_SIZE(fatal); i++)
		try_fatal(i);
	CHECK_EQ(machine_free_pages(), before);
	child_destroy(&witness);
}
