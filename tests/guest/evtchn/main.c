/* SPDX-License-Identifier: MIT */
/*
 * Event channels on one vCPU, two-level layout.
 *
 * ABI: a port goes pending once, however often it is sent to, until the guest clears its bit. If it is not masked
 * the word's bit in evtchn_pending_sel and evtchn_upcall_pending are set, and the upcall comes as soon as
 * evtchn_upcall_mask is 0, with the mask set on entry. An event on a masked port sets only the pending bit;
 * unmasking by hypercall delivers it. Ports: unbound, interdomain (also to the own domain: a loopback pair), IPI,
 * VIRQ; port 0 is never given out; a closed port's other end becomes unbound.
 */
#include "guest.h"

static long send(unsigned int port)
{
	struct evtchn_send s = { .port = port };

	return evtchn_op(EVTCHNOP_send, &s);
}

/* Mask bits are the guest's: a closed port's stays as it is, for whoever gets the number next. */
static long close_port(unsigned int port)
{
	struct evtchn_close c = { .port = port };

	if (port < EVTCHN_2L_NR_CHANNELS)
		port_mask(port);
	return evtchn_op(EVTCHNOP_close, &c);
}

static struct evtchn_status status(unsigned int port)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

	CHECK_EQ(evtchn_op(EVTCHNOP_status, &s), 0);
	return s;
}

static void take_upcall(void)
{
	events_on();
	events_off();
}

static void test_ipi_to_self(void)
{
	unsigned int port = ipi_bind(0), before;

	CHECK(port > 0, "port 0 was given out");
	CHECK_EQ(status(port).status, EVTCHNSTAT_ipi);
	CHECK_EQ(send(port), 0);
	CHECK(port_pending(port), "a masked port does not go pending");
	CHECK_EQ(vcpu_info()->evtchn_upcall_pending, 0);
	before = upcalls;
	CHECK_EQ(port_unmask(port), 0);
	CHECK(!port_masked(port), "unmask leaves the mask bit");
	CHECK_EQ(vcpu_info()->evtchn_upcall_pending, 1);
	CHECK_EQ(vcpu_info()->evtchn_pending_sel >> port / 64 & 1, 1);
	CHECK_EQ(upcalls, before);
	take_upcall();
	CHECK_EQ(upcalls, before + 1);
	CHECK_EQ(port_count[port], 1);
	CHECK(!port_pending(port), "still pending");
	for (int i = 0; i < 5; i++)
		send(port);
	take_upcall();
	CHECK_EQ(port_count[port], 2);		/* pending is a bit, not a count */
	events_on();
	for (int i = 0; i < 5; i++)
		send(port);
	events_off();
	CHECK_EQ(port_count[port], 7);
	CHECK_EQ(close_port(port), 0);
	CHECK_EQ(status(port).status, EVTCHNSTAT_closed);
	CHECK_EQ(send(port), -XEN_EINVAL);
	CHECK_EQ(close_port(port), -XEN_EINVAL);
}

static void test_loopback(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };
	struct evtchn_status s;

	CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
	CHECK_EQ(status(a.port).status, EVTCHNSTAT_unbound);
	b.remote_port = a.port;
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	CHECK(b.local_port && b.local_port != a.port, "ports %u and %u", a.port, b.local_port);
	s = status(a.port);
	CHECK_EQ(s.status, EVTCHNSTAT_interdomain);
	CHECK_EQ(s.u.interdomain.port, b.local_port);
	s = status(b.local_port);
	CHECK_EQ(s.u.interdomain.port, a.port);
	CHECK(port_pending(b.local_port), "a new interdomain port starts pending");
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &b), -XEN_EINVAL);	/* taken */

	port_clear(a.port);
	port_clear(b.local_port);
	CHECK_EQ(send(a.port), 0);
	CHECK(port_pending(b.local_port) && !port_pending(a.port), "the event went to the wrong end");
	CHECK_EQ(send(b.local_port), 0);
	CHECK(port_pending(a.port), "the event did not come back");
	CHECK_EQ(close_port(b.local_port), 0);
	CHECK_EQ(status(a.port).status, EVTCHNSTAT_unbound);
	CHECK_EQ(close_port(a.port), 0);
}

static void test_virq(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_DEBUG, .vcpu = 0 };

	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), 0);
	CHECK_EQ(status(v.port).status, EVTCHNSTAT_virq);
	CHECK_EQ(status(v.port).u.virq, VIRQ_DEBUG);
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), -XEN_EEXIST);
	CHECK_EQ(close_port(v.port), 0);
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), 0);
	CHECK_EQ(close_port(v.port), 0);
	v.virq = 99;
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), -XEN_EINVAL);
	v = (struct evtchn_bind_virq){ .virq = VIRQ_DEBUG, .vcpu = 77 };
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), -XEN_ENOENT);
}

static void test_mask_by_guest(void)
{
	unsigned int port = ipi_bind(0), before = upcalls;

	port_unmask(port);
	port_mask(port);
	send(port);
	take_upcall();
	CHECK_EQ(upcalls, before);
	CHECK(port_pending(port), "lost while masked");
	events_on();
	port_unmask(port);
	events_off();
	CHECK_EQ(upcalls, before + 1);
	close_port(port);
}

/* The lowest free port is given out, and a port counts again from nothing after its number was used before. */
static void test_reuse(void)
{
	unsigned int a = ipi_bind(0), b = ipi_bind(0), c;

	port_count[a] = 0;
	close_port(a);
	c = ipi_bind(0);
	CHECK_EQ(c, a);
	CHECK(!port_pending(c), "a new port is pending");
	close_port(b);
	close_port(c);
}

static void test_many(void)
{
	static unsigned int ports[200];
	unsigned int n = 0, good = 0;
	struct evtchn_bind_ipi b = { .vcpu = 0 };

	while (n < ARRAY_SIZE(ports) && !evtchn_op(EVTCHNOP_bind_ipi, &b))
		ports[n++] = b.port;
	CHECK(n == ARRAY_SIZE(ports), "only %u ports", n);
	for (unsigned int i = 0; i < n; i++) {
		port_count[ports[i]] = 0;
		port_unmask(ports[i]);
		send(ports[i]);
	}
	take_upcall();
	for (unsigned int i = 0; i < n; i++) {
		good += port_count[ports[i]] == 1;
		close_port(ports[i]);
	}
	CHECK_EQ(good, n);
}

static void test_errors(void)
{
	struct evtchn_bind_vcpu v = { .port = 0, .vcpu = 0 };
	struct evtchn_alloc_unbound a = { .dom = 1234, .remote_dom = 0 };
	struct evtchn_bind_interdomain i = { .remote_dom = 1234, .remote_port = 1 };
	struct evtchn_status s = { .dom = DOMID_SELF, .port = 1 << 20 };
	struct evtchn_bind_ipi b = { .vcpu = 77 };

	CHECK_EQ(send(0), -XEN_EINVAL);
	CHECK_EQ(send(4095), -XEN_EINVAL);
	CHECK_EQ(send(1 << 20), -XEN_EINVAL);
	CHECK_EQ(send(~0u), -XEN_EINVAL);
	CHECK_EQ(close_port(~0u), -XEN_EINVAL);
	CHECK_EQ(port_unmask(~0u), -XEN_EINVAL);
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_vcpu, &v), -XEN_EINVAL);
	CHECK_EQ(evtchn_op(EVTCHNOP_status, &s), -XEN_EINVAL);
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_ipi, &b), -XEN_ENOENT);
	CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &a), -XEN_ESRCH);
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &i), -XEN_ESRCH);
	CHECK_EQ(evtchn_op(77, &i), -XEN_ENOSYS);
	CHECK_EQ(evtchn_op(EVTCHNOP_send, (void *)0xffff830000000000), -XEN_EFAULT);
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_ipi, (void *)0x10), -XEN_EFAULT);
}

void test_main(void)
{
	events_init();
	test_ipi_to_self();
	test_loopback();
	test_virq();
	test_mask_by_guest();
	test_reuse();
	test_many();
	test_errors();
}
