/* SPDX-License-Identifier: MIT */
/*
 * As many vCPUs as there are, 128 at most: all of them come up, hear an event of their own, and go down.
 *
 * ABI: the shared info page has room for 32; a vCPU beyond that, or any other, has its vcpu_info where
 * register_vcpu_info said, before it came up or by itself. An event that it is bound to is shown there. Without a
 * vcpu_info of its own a vCPU from 32 on can still run and poll.
 *
 * The runner's -s says how many processors and vCPUs; two are few, 64 in make check and 200 in make soak.
 */
#include "guest.h"

#define MAX_VCPUS	128
#define LIMIT		60000000000ul	/* ns for each step */
#define INFO_SIZE	sizeof(struct vcpu_info)
#define INFOS_PER_PAGE	(PAGE / INFO_SIZE)

static volatile u64 nr_up, nr_woken;
static unsigned int nr, port[MAX_VCPUS];
static u8 *infos[MAX_VCPUS / INFOS_PER_PAGE];

static volatile struct vcpu_info *info_of(unsigned int vcpu)
{
	return (void *)(infos[vcpu / INFOS_PER_PAGE] + vcpu % INFOS_PER_PAGE * INFO_SIZE);
}

static void ap_main(u64 id)
{
	evtchn_port_t mine = port[id];
	struct sched_poll p = { .nr_ports = 1 };

	__atomic_add_fetch(&nr_up, 1, __ATOMIC_SEQ_CST);
	set_xen_guest_handle(p.ports, &mine);
	while (!port_pending(mine))
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &p);
	__atomic_add_fetch(&nr_woken, 1, __ATOMIC_SEQ_CST);
	for (;;)
		hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_down, id, 0);
}

static void register_info(unsigned int vcpu)
{
	volatile struct vcpu_info *i = info_of(vcpu);
	struct vcpu_register_vcpu_info r = { .mfn = va_to_mfn(i), .offset = (u64)i & (PAGE - 1) };

	CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, vcpu, &r), 0);
	CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, vcpu, &r), -XEN_EINVAL);
	i->evtchn_upcall_pending = 0;
	i->evtchn_pending_sel = 0;
}

static void start(unsigned int vcpu)
{
	static struct vcpu_guest_context c;
	u8 *stack = page_alloc();
	long rc;

	context_for(&c, (void (*)(void))ap_main, stack + PAGE);
	c.user_regs.rdi = vcpu;
	rc = hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_initialise, vcpu, &c);
	if (!rc)
		rc = hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_up, vcpu, 0);
	if (rc)
		test_die("cannot start vCPU %u: %ld", vcpu, rc);
}

/* Nobody spins: there may be many more processors than the host has. */
static void sleep_a_little(void)
{
	struct sched_poll p = { .timeout = time_now() + 5000000 };

	hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &p);
}

static bool wait_for(volatile u64 *what, u64 want)
{
	u64 end = time_now() + LIMIT;

	while (*what < want && time_now() < end)
		sleep_a_little();
	return *what >= want;
}

static void test_all_come_up(void)
{
	for (unsigned int v = 1; v < nr; v++) {
		port[v] = ipi_bind(v);
		port_unmask(port[v]);
		if (v != 40)
			register_info(v);
		start(v);
	}
	CHECK(wait_for(&nr_up, nr - 1), "%lu of %u vCPUs came up", nr_up, nr - 1);
	for (unsigned int v = 1; v < nr; v++)
		CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, v, 0), 1);
}

static void test_all_hear(void)
{
	for (unsigned int v = 1; v < nr; v++) {
		struct evtchn_send s = { .port = port[v] };

		CHECK_EQ(evtchn_op(EVTCHNOP_send, &s), 0);
	}
	CHECK(wait_for(&nr_woken, nr - 1), "%lu of %u vCPUs heard their event", nr_woken, nr - 1);
	for (unsigned int v = 1; v < nr; v++) {
		if (v == 40)
			continue;
		CHECK_EQ(info_of(v)->evtchn_upcall_pending, 1);
		CHECK_EQ(info_of(v)->evtchn_pending_sel, 1ul << port[v] / 64);
		if (v < XEN_LEGACY_MAX_VCPUS)
			CHECK_EQ(shared->vcpu_info[v].evtchn_upcall_pending, 0);
	}
}

static void test_all_go_down(void)
{
	u64 end = time_now() + LIMIT;

	for (unsigned int v = 1; v < nr; v++) {
		while (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, v, 0) && time_now() < end)
			sleep_a_little();
		CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, v, 0), 0);
	}
}

void test_main(void)
{
	while (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, nr, 0) >= 0)
		nr++;
	if (nr < 2)
		test_skip("needs two vCPUs");
	CHECK(nr <= MAX_VCPUS, "%u vCPUs", nr);
	for (unsigned int i = 0; i < ARRAY_SIZE(infos); i++)
		infos[i] = page_alloc();
	events_init();
	test_all_come_up();
	test_all_hear();
	test_all_go_down();
	printk("%u vCPUs\n", nr);
}
