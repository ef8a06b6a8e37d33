/* SPDX-License-Identifier: MIT */
/*
 * Every hypercall with arguments that nobody should pass.
 *
 * ABI: a pointer into the hypervisor's part of the address space, a non-canonical one, or one to nothing is -EFAULT
 * (or another error); no combination of numbers does harm to the hypervisor or to memory that the guest did not
 * name. A canary next to the hypervisor's addresses cannot be placed by a guest, so the proof is that the machine
 * goes on: after each sweep plain calls work, the kernel's own pages are unchanged, and no register comes back with
 * an address of the hypervisor in it. Past holes of this kind: XSA 29, 212, 232, 296.
 */
#include "guest.h"

static const u64 pointers[] = {
	0, 1, 0xfff, 0x10000, 0x7fffffffffff, 0x800000000000, 0x8000000000000000, 0xffff7fffffffffff,
	0xffff800000000000,
	0xffff820000000000, 0xffff82d080200000, 0xffff830000000000, 0xffff87ffffffffff, 0xffff880000000000,
	0xfffffffffffff000, 0xffffffffffffffff,
};
static const u64 numbers[] = { 0, 1, 2, 7, 31, 64, 255, 4096, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
			       0x7fffffffffffffff, 0x8000000000000000, ~0ul };

static u64 lcg = 12345;

static u64 random(void)
{
	lcg = lcg * 6364136223846793005ul + 1442695040888963407ul;
	return lcg >> 16;
}

static u64 pick(void)
{
	return random() & 1 ? pointers[random() % ARRAY_SIZE(pointers)] : numbers[random() % ARRAY_SIZE(numbers)];
}

/*
 * Calls that would rightly end or change this guest, whatever their pointers are: iret, multicall (of what?),
 * vm_assist, stack_switch, set_gdt without entries, set_trap_table(NULL), set_segment_base and callbacks are tested
 * by themselves.
 */
static bool leave_out(unsigned int nr)
{
	switch (nr) {
	case __HYPERVISOR_iret:
	case __HYPERVISOR_sched_op:
	case __HYPERVISOR_sched_op_compat:
	case __HYPERVISOR_vm_assist:
	case __HYPERVISOR_stack_switch:
	case __HYPERVISOR_set_callbacks:
	case __HYPERVISOR_set_segment_base:
	case __HYPERVISOR_fpu_taskswitch:
	case __HYPERVISOR_set_trap_table:
	case __HYPERVISOR_set_debugreg:
	case __HYPERVISOR_console_io:
	case __HYPERVISOR_platform_op:
	case __HYPERVISOR_kexec_op:
	case __HYPERVISOR_vcpu_op:
	case __HYPERVISOR_set_timer_op:
		return true;
	}
	return false;
}

static void alive(const char *after)
{
	CHECK(hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0) >> 16 == 4, "no answer after %s", after);
	TRY("ud2", : : );
	CHECK(trap.vector == 6, "traps do not come after %s", after);
}

/* Right in everything but the pointer: each of these reads or writes at it, and must say -EFAULT. */
static const struct {
	unsigned int nr, cmd;
	int pointer;		/* which argument */
	u64 third;
	bool dom0;
} takers[] = {
	{ __HYPERVISOR_xen_version, XENVER_extraversion, 1, 0, false },
	{ __HYPERVISOR_xen_version, XENVER_compile_info, 1, 0, false },
	{ __HYPERVISOR_xen_version, XENVER_capabilities, 1, 0, false },
	{ __HYPERVISOR_xen_version, XENVER_platform_parameters, 1, 0, false },
	{ __HYPERVISOR_xen_version, XENVER_get_features, 1, 0, false },
	{ __HYPERVISOR_xen_version, XENVER_guest_handle, 1, 0, false },
	{ __HYPERVISOR_memory_op, XENMEM_machphys_mapping, 1, 0, false },
	{ __HYPERVISOR_memory_op, XENMEM_exchange, 1, 0, false },
	{ __HYPERVISOR_memory_op, XENMEM_machine_memory_map, 1, 0, true },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, 1, 0, false },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, 1, 0, false },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_status, 1, 0, false },
	{ __HYPERVISOR_sched_op, SCHEDOP_poll, 1, 0, false },
	{ __HYPERVISOR_callback_op, CALLBACKOP_register, 1, 0, false },
	{ __HYPERVISOR_grant_table_op, 0, 1, 1, false },
	{ __HYPERVISOR_grant_table_op, 5, 1, 1, false },
	{ __HYPERVISOR_grant_table_op, 6, 1, 1, false },
	{ __HYPERVISOR_set_trap_table, 0, 0, 0, false },
	{ __HYPERVISOR_set_gdt, 16, 0, 0, false },
	{ __HYPERVISOR_mmu_update, 1, 0, 0, false },
	{ __HYPERVISOR_mmuext_op, 1, 0, 0, false },
	{ __HYPERVISOR_multicall, 1, 0, 0, false },
	{ __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 2, 0, false },
	{ __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 2, 0, false },
	{ __HYPERVISOR_console_io, CONSOLEIO_write, 2, 10, true },
};

static long take(unsigned int i, u64 pointer)
{
	unsigned int nr = takers[i].nr, cmd = takers[i].cmd;

	switch (takers[i].pointer) {
	case 0:
		return hypercall4(nr, pointer, cmd, 0, DOMID_SELF);
	case 1:
		return hypercall4(nr, cmd, pointer, takers[i].third, 0);
	default:
		return hypercall4(nr, cmd, takers[i].third, pointer, 0);
	}
}

static void test_explicit(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(takers); i++) {
		if (takers[i].dom0 && !is_dom0())
			continue;
		for (u64 slot = 256; slot < 272; slot++)
			for (u64 off = 0; off < 4; off++) {
				static const u64 offsets[] = { 0, 0x1000, 0x200000, 0x30000000 };
				u64 p = 0xffff000000000000 | slot << 39 | offsets[off];

				CHECK(take(i, p) == -XEN_EFAULT, "hypercall %u command %u at 0x%lx: %ld", takers[i].nr,
				      takers[i].cmd, p, take(i, p));
			}
		/* From good memory into the hypervisor's, and round the end of the address space. */
		CHECK(take(i, 0xffff7ffffffffffc) == -XEN_EFAULT, "hypercall %u across the lower edge", takers[i].nr);
		CHECK(take(i, 0xfffffffffffffffc) == -XEN_EFAULT, "hypercall %u across the end", takers[i].nr);
		CHECK(take(i, 0x8000000000000000) == -XEN_EFAULT, "hypercall %u not canonical", takers[i].nr);
	}
	alive("pointers that are wrong alone");
}

/* Each hypercall, each first pointer, small commands. */
static void test_pointers(void)
{
	unsigned int calls = 0;

	for (unsigned int nr = 0; nr < 64; nr++) {
		if (leave_out(nr) || nr == __HYPERVISOR_update_va_mapping ||
		    nr == __HYPERVISOR_update_va_mapping_otherdomain)
			continue;
		for (unsigned int p = 0; p < ARRAY_SIZE(pointers); p++)
			for (u64 cmd = 0; cmd < 40; cmd++) {
				/* set_gdt without entries is a right of the guest; so is nothing to do. */
				hypercall5(nr, pointers[p], cmd, pointers[p], DOMID_SELF, 0);
				hypercall5(nr, cmd, pointers[p], cmd, pointers[p], 0);
				calls += 2;
			}
		alive("pointers");
	}
	printk("%u calls with bad pointers\n", calls);
}

static void test_random(void)
{
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int nr = random() % 64;

		if (leave_out(nr))
			continue;
		if (nr == __HYPERVISOR_update_va_mapping || nr == __HYPERVISOR_update_va_mapping_otherdomain)
			hypercall5(nr, pointers[8 + random() % 5], pick(), pick() & 7, DOMID_SELF, 0);
		else
			hypercall5(nr, pick(), pick(), pick(), pick(), pick());
		if (i % 1000 == 0)
			alive("random numbers");
	}
}

/* Huge counts with a list that is there: the list ends, the count does not. */
static void test_counts(void)
{
	u64 *list = page_alloc();
	static const u64 counts[] = { 1000000, 0x7fffffff, 0x80000000, 0xffffffff };

	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++) {
		/* The top bit of this count is the hypervisor's own mark for "continued". */
		if (counts[i] != 0x80000000)
			CHECK(hypercall4(__HYPERVISOR_mmu_update, list, counts[i], 0, DOMID_SELF) < 0,
			      "mmu_update of 0x%lx", counts[i]);
		CHECK(hypercall2(__HYPERVISOR_set_gdt, list, counts[i]) < 0, "set_gdt of 0x%lx", counts[i]);
		hypercall3(__HYPERVISOR_grant_table_op, 0, list, counts[i]);
		hypercall3(__HYPERVISOR_grant_table_op, 5, list, counts[i]);
	}
	alive("huge counts");
}

/* Results are numbers, errors or nothing: never an address of the hypervisor. */
static void test_no_leak(void)
{
	unsigned int leaks = 0;

	for (unsigned int nr = 0; nr < 64; nr++) {
		register u64 r10 asm("r10") = 0;
		register u64 r8 asm("r8") = 0;
		register u64 r9 asm("r9") = 0;
		u64 rax = nr, rdi = 0, rsi = 0, rdx = 0, values[7];

		if (leave_out(nr) || nr == __HYPERVISOR_multicall)
			continue;
		asm volatile("syscall" : "+a" (rax), "+D" (rdi), "+S" (rsi), "+d" (rdx), "+r" (r10), "+r" (r8),
			     "+r" (r9) : : "rcx", "r11", "memory");
		values[0] = rax;
		values[1] = rdi;
		values[2] = rsi;
		values[3] = rdx;
		values[4] = r10;
		values[5] = r8;
		values[6] = r9;
		for (unsigned int i = 0; i < 7; i++)
			leaks += values[i] >= 0xffff804000000000 && values[i] < 0xffff880000000000;
	}
	CHECK_EQ(leaks, 0);
}

/* Callbacks and bases at addresses that no instruction can be at. */
static void test_addresses(void)
{
	struct callback_register cb = { .type = CALLBACKTYPE_event, .address = 0x8000000000000000 };

	CHECK_EQ(hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb), -XEN_EINVAL);
	cb.type = 99;
	CHECK(hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb) < 0, "callback type 99");
	CHECK_EQ(hypercall2(__HYPERVISOR_callback_op, 99, &cb), -XEN_ENOSYS);
	CHECK_EQ(hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, 0x10), -XEN_EFAULT);
	for (unsigned int p = 0; p < ARRAY_SIZE(pointers); p++) {
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, pointers[p]);
		hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, pointers[p]);
		hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, pointers[p]);
		hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, pointers[p]);
		hypercall3(__HYPERVISOR_vcpu_op, 99, pointers[p], pointers[p]);
	}
	CHECK(hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 63) < 0, "vm_assist 63");
	CHECK(hypercall2(__HYPERVISOR_vm_assist, 9, 2) < 0, "vm_assist command 9");
	alive("bad addresses");
}

void test_main(void)
{
	u64 sum = text_checksum();

	events_init();
	test_no_leak();
	test_explicit();
	test_pointers();
	test_random();
	test_counts();
	test_addresses();
	CHECK_EQ(text_checksum(), sum);
}
