/* SPDX-License-Identifier: MIT */
/*
 * Two vCPUs: events between them, and the flushing of each other's TLB.
 *
 * ABI: an IPI port is delivered to the vCPU that it was bound for; bind_vcpu moves an interdomain port to another; a
 * masked vCPU that polls is woken. update_va_mapping with UVMF_ALL and the MULTI and ALL flushes have reached every
 * vCPU when they return: no vCPU can use the old translation after that. A frame that stops being writable anywhere
 * (here: is pinned as a table) cannot be written through a stale translation, whatever flush the guest asked for.
 */
#include "guest.h"

static volatile u64 command, done, ap_upcalls, ap_ipis, ap_writes, ap_faults;
static volatile u64 *volatile ap_target;
static unsigned int to_ap, to_bsp, movable;

enum { POLL = 1, UPCALL, WRITE };

static void send(unsigned int port)
{
	struct evtchn_send s = { .port = port };

	CHECK_EQ(evtchn_op(EVTCHNOP_send, &s), 0);
}

static bool event_hook(struct regs *r)
{
	volatile struct vcpu_info *v = &shared->vcpu_info[on_ap(r)];
	bool ipi;

	if (!on_ap(r)) {
		upcalls++;
		v->evtchn_upcall_pending = 0;
		v->evtchn_pending_sel = 0;
		port_clear(to_bsp);
		port_clear(movable);
		return true;
	}
	v->evtchn_upcall_pending = 0;
	v->evtchn_pending_sel = 0;
	ipi = port_pending(to_ap);
	port_clear(to_ap);		/* before it is counted: then the next one is sent */
	port_clear(movable);
	ap_ipis += ipi;
	ap_upcalls++;
	return true;
}

/* vCPU 1 may write to a page that vCPU 0 takes away: it goes on behind the store. */
static bool fault_hook(struct regs *r)
{
	if (!on_ap(r))
		return false;
	ap_faults++;
	r->rip = r->rbx;
	return true;
}

static void ap_poll(void)
{
	evtchn_port_t port = to_ap;
	struct sched_poll p = { .nr_ports = 1 };

	set_xen_guest_handle(p.ports, &port);
	while (!port_pending(port))
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &p);
	port_clear(port);
	ap_ipis++;
	send(to_bsp);
}

static void ap_write(void)
{
	while (command == WRITE) {
		volatile u64 *p = ap_target;

		if (!p)
			continue;
		asm volatile("lea 1f(%%rip), %%rbx; movq $2, %0; incq %1; 1:"
			     : "=m" (*p), "+m" (ap_writes) : : "rbx", "cc");
	}
}

static void ap_main(void)
{
	u64 last = 0;

	for (;;) {
		while (command == last)
			asm volatile("pause");
		last = command;
		if (last == POLL)
			ap_poll();
		else if (last == UPCALL) {
			shared->vcpu_info[1].evtchn_upcall_mask = 0;
			while (command == UPCALL)
				hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0);
			shared->vcpu_info[1].evtchn_upcall_mask = 1;
		} else if (last == WRITE)
			ap_write();
		done++;
	}
}

static void test_poll_wakeup(void)
{
	unsigned int before = upcalls;

	command = POLL;
	spin_ns(5000000);
	send(to_ap);
	CHECK(ap_wait(&ap_ipis, 1), "vCPU 1 was not woken");
	CHECK(ap_wait(&done, 1), "vCPU 1 does not go on");
	events_on();
	events_off();
	CHECK_EQ(upcalls, before + 1);
}

static void test_upcall_on_ap(void)
{
	command = UPCALL;
	for (unsigned int i = 1; i <= 20; i++) {
		u64 before = ap_ipis;

		send(to_ap);
		CHECK(ap_wait(&ap_ipis, before + 1), "IPI %u did not arrive", i);
	}
	CHECK_EQ(shared->vcpu_info[0].evtchn_upcall_pending, 0);
}

static void test_bind_vcpu(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };
	struct evtchn_bind_vcpu v = { .vcpu = 1 };
	u64 before = ap_upcalls;

	CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
	b.remote_port = a.port;
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	movable = a.port;
	v.port = movable;
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_vcpu, &v), 0);
	port_clear(movable);
	port_unmask(movable);
	send(b.local_port);
	CHECK(ap_wait(&ap_upcalls, before + 1), "the port did not move to vCPU 1");
	v.vcpu = 0;
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_vcpu, &v), 0);
	send(b.local_port);
	CHECK_EQ(shared->vcpu_info[0].evtchn_upcall_pending, 1);
	events_on();
	events_off();
	v.vcpu = 77;
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_vcpu, &v), -XEN_ENOENT);
	v = (struct evtchn_bind_vcpu){ .port = to_ap, .vcpu = 0 };
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_vcpu, &v), -XEN_EINVAL);	/* an IPI stays where it is */
}

/* vCPU 1 writes all the time; once the page has been taken away by a flush of all, nothing more arrives. */
static void test_flush_all(void)
{
	u64 mask __attribute__((aligned(8))) = 3;
	volatile u64 *page = page_alloc();
	unsigned int late = 0;

	ap_target = page;
	command = WRITE;
	for (unsigned int round = 0; round < 20; round++) {
		u64 before = ap_writes, pte = PTE(va_to_mfn(page), PTE_KERNEL_RO);

		ap_wait(&ap_writes, before + 10);
		if (round % 3 == 0) {
			CHECK_EQ(hypercall3(__HYPERVISOR_update_va_mapping, page, pte, UVMF_INVLPG | UVMF_ALL), 0);
		} else if (round % 3 == 1) {
			CHECK_EQ(hypercall3(__HYPERVISOR_update_va_mapping, page, pte, UVMF_TLB_FLUSH | (u64)&mask), 0);
		} else {
			CHECK_EQ(hypercall3(__HYPERVISOR_update_va_mapping, page, pte, UVMF_NONE), 0);
			CHECK_EQ(mmuext2(MMUEXT_INVLPG_MULTI, (u64)page, (u64)&mask), 0);
		}
		/* One write may have been under way to its counter. */
		before = ap_writes;
		spin_ns(200000);
		late += ap_writes > before + 1;
		CHECK_EQ(make_rw((void *)page), 0);
	}
	CHECK_EQ(late, 0);
	CHECK(ap_faults > 0, "vCPU 1 never faulted");
}

/* Pinned without any flush asked for: the hypervisor has to see to it by itself. */
static void test_no_stale_write_to_table(void)
{
	volatile u64 *page = page_alloc();
	unsigned int bad = 0, pinned = 0;

	ap_target = page + 300;
	for (unsigned int round = 0; round < 20; round++) {
		ap_wait(&ap_writes, ap_writes + 10);
		hypercall3(__HYPERVISOR_update_va_mapping, page, PTE(va_to_mfn(page), PTE_KERNEL_RO), UVMF_NONE);
		/* vCPU 1 writes a 2, an entry that is not present: it does not keep the page from being a table. */
		if (!mmuext(MMUEXT_PIN_L2_TABLE, va_to_mfn(page))) {
			u64 before = ap_writes;

			pinned++;
			spin_ns(200000);
			bad += ap_writes > before + 1;
			mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(page));
		}
		make_rw((void *)page);
	}
	CHECK_EQ(bad, 0);
	CHECK_EQ(pinned, 20);
}

void test_main(void)
{
	events_init();
	to_bsp = ipi_bind(0);
	if (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0) < 0)
		test_skip("needs two vCPUs");
	to_ap = ipi_bind(1);
	trap_hook[VEC_EVENT] = event_hook;
	trap_hook[14] = fault_hook;
	port_unmask(to_bsp);
	port_unmask(to_ap);
	port_clear(to_ap);
	ap_start(ap_main);
	test_poll_wakeup();
	test_upcall_on_ap();
	test_bind_vcpu();
	test_flush_all();
	test_no_stale_write_to_table();
}
