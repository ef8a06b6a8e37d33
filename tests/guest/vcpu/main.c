/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op: a second vCPU, and the memory areas of a vCPU.
 *
 * ABI: initialise takes a vcpu_guest_context, once (-EEXIST after), and checks it; up starts it there with the
 * registers given; is_up says so; down from the vCPU itself stops it, and up starts it behind the hypercall.
 * register_vcpu_info moves vcpu_info, with what it holds, once per life. register_runstate_memory_area fills the
 * area at once; its times add up to the time the vCPU exists. -ENOENT for a vCPU that does not exist.
 */
#include "guest.h"

#define MS 1000000ul

static long vcpu_op(unsigned int cmd, unsigned int vcpu, void *arg)
{
	return hypercall3(__HYPERVISOR_vcpu_op, cmd, vcpu, arg);
}

static volatile u64 ap_counter, ap_rdi, ap_stack_ok, ap_woken;
static u8 ap_stack[PAGE] __attribute__((aligned(4096)));

static void ap_main(u64 rdi)
{
	u64 rsp;

	asm volatile("mov %%rsp, %0" : "=r" (rsp));
	ap_rdi = rdi;
	ap_stack_ok = rsp > (u64)ap_stack && rsp <= (u64)ap_stack + PAGE;
	for (;;) {
		for (int i = 0; i < 1000; i++)
			ap_counter++;
		vcpu_op(VCPUOP_down, 1, 0);
		ap_woken++;
	}
}

static struct vcpu_guest_context *context(void)
{
	static struct vcpu_guest_context c;

	memset(&c, 0, sizeof(c));
	c.flags = VGCF_IN_KERNEL;
	c.user_regs.rip = (u64)ap_main;
	c.user_regs.rsp = (u64)ap_stack + PAGE - 8;
	c.user_regs.rdi = 0x1d1;
	c.user_regs.cs = FLAT_KERNEL_CS;
	c.user_regs.ss = FLAT_KERNEL_SS;
	c.user_regs.rflags = 0x1000;
	c.kernel_ss = FLAT_KERNEL_SS;
	c.kernel_sp = (u64)ap_stack + PAGE;
	c.ctrlreg[3] = xen_pfn_to_cr3(l4_mfn());
	return &c;
}

static bool wait(volatile u64 *what, u64 at_least)
{
	u64 end = time_now() + 2000 * MS;

	while (*what < at_least && time_now() < end)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	return *what >= at_least;
}

static void test_is_up(void)
{
	CHECK_EQ(vcpu_op(VCPUOP_is_up, 0, 0), 1);
	CHECK_EQ(vcpu_op(VCPUOP_is_up, 77, 0), -XEN_ENOENT);
	CHECK_EQ(vcpu_op(VCPUOP_is_up, ~0u, 0), -XEN_ENOENT);
	CHECK_EQ(vcpu_op(VCPUOP_up, 0, 0), 0);
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 0, context()), -XEN_EEXIST);
	CHECK_EQ(vcpu_op(99, 0, 0), -XEN_ENOSYS);
}

static void test_bad_contexts(void)
{
	struct vcpu_guest_context *c = context();

	CHECK_EQ(vcpu_op(VCPUOP_up, 1, 0), -XEN_EINVAL);		/* not initialised */
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 1, (void *)0x10), -XEN_EFAULT);
	c->ctrlreg[3] = xen_pfn_to_cr3(va_to_mfn(ap_stack));	/* a writable page, no L4 */
	CHECK(vcpu_op(VCPUOP_initialise, 1, c) < 0, "a data page was taken for an L4");
	c->ctrlreg[3] = xen_pfn_to_cr3(0xfffffffffful);
	CHECK(vcpu_op(VCPUOP_initialise, 1, c) < 0, "an L4 that does not exist");
	c = context();
	c->user_regs.rip = 0x8000000000000000;
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 1, c), -XEN_EINVAL);
	c = context();
	c->gs_base_kernel = 0x0000800000000000;
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 1, c), -XEN_EINVAL);
	c = context();
	c->vm_assist = 1ul << 63;
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 1, c), -XEN_EINVAL);
	c = context();
	c->gdt_frames[0] = va_to_mfn(ap_stack);
	c->gdt_ents = 100000;
	CHECK(vcpu_op(VCPUOP_initialise, 1, c) < 0, "a GDT of 100000 entries");
	CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, 0), 0);
	CHECK(make_rw(ap_stack) == 0, "the page did not stay writable");
}

static void test_second_vcpu(void)
{
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 1, context()), 0);
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 1, context()), -XEN_EEXIST);
	CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, 0), 0);
	CHECK_EQ(ap_counter, 0);
	CHECK_EQ(vcpu_op(VCPUOP_up, 1, 0), 0);
	CHECK(wait(&ap_counter, 1000), "the second vCPU does not run");
	CHECK_EQ(ap_rdi, 0x1d1);
	CHECK_EQ(ap_stack_ok, 1);
	for (int round = 1; round < 20; round++) {
		u64 end = time_now() + 2000 * MS;

		while (vcpu_op(VCPUOP_is_up, 1, 0) == 1 && time_now() < end)
			hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, 0), 0);
		CHECK_EQ(ap_counter, 1000 * round);
		CHECK_EQ(vcpu_op(VCPUOP_up, 1, 0), 0);
		CHECK(wait(&ap_woken, round), "round %d: not started again", round);
		wait(&ap_counter, 1000 * (round + 1));
	}
}

static void test_runstate(void)
{
	static volatile struct vcpu_runstate_info area;
	struct vcpu_register_runstate_memory_area r = { .addr.v = (void *)&area };
	struct vcpu_runstate_info now;
	u64 sum, blocked;

	CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r), 0);
	CHECK_EQ(area.state, RUNSTATE_running);
	CHECK(area.state_entry_time > 0, "runstate area is empty");
	CHECK_EQ(vcpu_op(VCPUOP_get_runstate_info, 0, &now), 0);
	CHECK_EQ(now.state, RUNSTATE_running);
	blocked = now.time[RUNSTATE_blocked];
	events_off();
	{
		struct sched_poll p = { .timeout = time_now() + 10 * MS };

		set_xen_guest_handle(p.ports, (void *)0);
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &p);
	}
	CHECK_EQ(vcpu_op(VCPUOP_get_runstate_info, 0, &now), 0);
	CHECK(now.time[RUNSTATE_blocked] >= blocked + 8 * MS, "blocked for %lu us",
	      (now.time[RUNSTATE_blocked] - blocked) / 1000);
	CHECK(area.time[RUNSTATE_blocked] >= blocked + 8 * MS, "the area is not kept up to date");
	sum = now.time[0] + now.time[1] + now.time[2] + now.time[3];
	CHECK(sum <= time_now(), "times add up to %lu ms, it is %lu ms", sum / MS, time_now() / MS);
	CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, (void *)0x10), -XEN_EFAULT);
}

static void test_vcpu_info(void)
{
	static u8 page[PAGE] __attribute__((aligned(4096)));
	volatile struct vcpu_info *mine = (void *)(page + 256);
	struct vcpu_register_vcpu_info v = { .mfn = va_to_mfn(page), .offset = 4096 - 32 };
	struct evtchn_send s;

	CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, 1, &v), -XEN_ENXIO);	/* reaches into the next page */
	for (unsigned int i = 0; i < 2; i++)
		for (v.offset = 257; v.offset < 264; v.offset++)
			CHECK(vcpu_op(VCPUOP_register_vcpu_info, i, &v) < 0, "at offset %u, not aligned (XSA 327)", v.offset);
	v.offset = 256;
	v.mfn = 0xffffffffff;
	CHECK(vcpu_op(VCPUOP_register_vcpu_info, 1, &v) < 0, "a frame that does not exist");
	v.mfn = va_to_mfn((void *)start_info->pt_base);
	CHECK(vcpu_op(VCPUOP_register_vcpu_info, 1, &v) < 0, "a page table as vcpu_info");
	v.mfn = va_to_mfn(page);
	CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, 0, &v), 0);
	CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, 0, &v), -XEN_EINVAL);
	CHECK(mine->time.tsc_to_system_mul != 0, "the time did not move");
	CHECK_EQ(mine->evtchn_upcall_mask, 1);
	s.port = ipi_bind(0);
	port_unmask(s.port);
	evtchn_op(EVTCHNOP_send, &s);
	CHECK_EQ(mine->evtchn_upcall_pending, 1);
	CHECK_EQ(mine->evtchn_pending_sel >> s.port / 64 & 1, 1);
	mine->evtchn_upcall_pending = 0;
}

void test_main(void)
{
	events_init();
	test_is_up();
	if (vcpu_op(VCPUOP_is_up, 1, 0) < 0)
		test_skip("needs two vCPUs");
	test_bad_contexts();
	test_second_vcpu();
	test_runstate();
	test_vcpu_info();
}
