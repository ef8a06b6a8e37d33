/* SPDX-License-Identifier: MIT */
/*
 * Every event channel operation on a port in every state, and beyond the table (XSA 221, 317, 338, 342).
 *
 * Invariant: an operation succeeds just in the states that it is for, and a refused one leaves the state as it was; no
 * port number and no vCPU number does harm; at the end no port is lost.
 */
#include "guest.h"

enum state { CLOSED, UNBOUND, INTERDOMAIN, VIRQ, IPI, OUTSIDE, STATES };

static const char *const names[] = { "closed", "unbound", "interdomain", "virq", "ipi", "outside" };
static const u32 status_of[] = { EVTCHNSTAT_closed, EVTCHNSTAT_unbound, EVTCHNSTAT_interdomain, EVTCHNSTAT_virq,
				 EVTCHNSTAT_ipi };

static void all_closed(void)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };

	CHECK_EQ(evtchn_op(EVTCHNOP_reset, &r), 0);
}

static u32 make(enum state s)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER };

	switch (s) {
	case CLOSED:
		return 9;
	case UNBOUND:
		CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
		return a.port;
	case INTERDOMAIN:
		CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
		b.remote_port = a.port;
		CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
		return b.local_port;
	case VIRQ:
		CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &v), 0);
		return v.port;
	case IPI:
		return ipi_bind(0);
	default:
		return EVTCHN_2L_NR_CHANNELS;
	}
}

static u32 state_of(u32 port)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

	return evtchn_op(EVTCHNOP_status, &s) ? 99 : s.status;
}

static long op_on(unsigned int op, u32 port, u32 vcpu)
{
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF, .remote_port = port };
	u32 words[2] = { port, vcpu };

	return evtchn_op(op, op == EVTCHNOP_bind_interdomain ? (void *)&b : (void *)words);
}

/* Row: operation; column: state. */
static const struct {
	const char *name;
	unsigned int op;
	u32 vcpu;
	bool ok[STATES];
} matrix[] = {
	{ "close", EVTCHNOP_close, 0, { 0, 1, 1, 1, 1, 0 } },
	{ "send", EVTCHNOP_send, 0, { 0, 1, 1, 0, 1, 0 } },	/* unbound: nobody hears it */
	{ "bind_interdomain", EVTCHNOP_bind_interdomain, 0, { 0, 1, 0, 0, 0, 0 } },
	{ "bind_vcpu 0", EVTCHNOP_bind_vcpu, 0, { 0, 1, 1, 0, 0, 0 } },
	{ "bind_vcpu 4095", EVTCHNOP_bind_vcpu, 4095, { 0 } },
	{ "bind_vcpu -1", EVTCHNOP_bind_vcpu, ~0u, { 0 } },
};

static void test_matrix(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(matrix); i++)
		for (enum state s = CLOSED; s < STATES; s++) {
			u32 port = make(s);
			long rc = op_on(matrix[i].op, port, matrix[i].vcpu);

			CHECK((rc == 0) == matrix[i].ok[s], "%s of a port that is %s: %ld", matrix[i].name,
					names[s], rc);
			if (rc && s != OUTSIDE)
				CHECK(state_of(port) == status_of[s], "%s changed a port that is %s",
				matrix[i].name, names[s]);
			all_closed();
		}
}

/* Unmasking is a matter of the bit; any port of the table may be named. */
static void test_any_port(void)
{
	static const unsigned int ops[] = { EVTCHNOP_close, EVTCHNOP_send, EVTCHNOP_bind_vcpu, EVTCHNOP_unmask,
					    EVTCHNOP_bind_interdomain, EVTCHNOP_bind_pirq };
	static const u32 ports[] = { 4096, 4097, 0x1ffff, 0x20000, 0x7fffffff, 0x80000000, 0xffffffff };

	for (unsigned int o = 0; o < ARRAY_SIZE(ops); o++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++)
			CHECK(op_on(ops[o], ports[i], 0) < 0, "operation %u on port 0x%x", ops[o], ports[i]);
		for (u32 port = 1; port < 4096; port++)
			op_on(ops[o], port, port);
	}
	all_closed();
}

/* A port whose number cannot be told, because the argument is not writable, is not taken either. */
static void test_answer_lost(void)
{
	static union {
		struct evtchn_alloc_unbound a;
		struct evtchn_bind_virq v;
		struct evtchn_bind_ipi p;
		u8 page[PAGE];
	} arg __attribute__((aligned(4096)));

	arg.a = (struct evtchn_alloc_unbound){ .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	CHECK_EQ(make_ro(&arg), 0);
	CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &arg), -XEN_EFAULT);
	CHECK_EQ(make_rw(&arg), 0);
	arg.v = (struct evtchn_bind_virq){ .virq = VIRQ_TIMER };
	CHECK_EQ(make_ro(&arg), 0);
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &arg), -XEN_EFAULT);
	CHECK_EQ(make_rw(&arg), 0);
	arg.p = (struct evtchn_bind_ipi){ .vcpu = 0 };
	CHECK_EQ(make_ro(&arg), 0);
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_ipi, &arg), -XEN_EFAULT);
	CHECK_EQ(make_rw(&arg), 0);
	CHECK_EQ(ipi_bind(0), 1);
	all_closed();
}

/* Refused binds in a row take no port with them (XSA 496). */
static void test_unwinding(void)
{
	for (unsigned int i = 0; i < 5000; i++) {
		struct evtchn_bind_virq v = { .virq = i & 1 ? 99 : VIRQ_TIMER, .vcpu = i & 1 ? 0 : 4000 };
		struct evtchn_bind_ipi p = { .vcpu = 4000 + i };

		if (evtchn_op(EVTCHNOP_bind_virq, &v) >= 0 || evtchn_op(EVTCHNOP_bind_ipi, &p) >= 0) {
			CHECK(false, "a bad bind succeeded");
			break;
		}
	}
	CHECK_EQ(ipi_bind(0), 1);
	all_closed();
}

/* Every port taken: a clean refusal, the last one works, and giving all back does not keep the processor (XSA 344). */
static void test_all_ports(void)
{
	struct evtchn_bind_ipi b = { .vcpu = 0 };
	unsigned int n = 0, last = 0;
	struct evtchn_send s;
	u64 start;

	while (!evtchn_op(EVTCHNOP_bind_ipi, &b)) {
		last = b.port > last ? b.port : last;
		n++;
	}
	CHECK_EQ(n, EVTCHN_2L_NR_CHANNELS - 1);
	CHECK_EQ(last, EVTCHN_2L_NR_CHANNELS - 1);
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_ipi, &b), -XEN_ENOSPC);
	s.port = last;
	port_clear(last);
	CHECK_EQ(evtchn_op(EVTCHNOP_send, &s), 0);
	CHECK(port_pending(last), "the last port is not pending");
	start = time_now();
	all_closed();
	printk("reset of %u ports: %lu us\n", n, (time_now() - start) / 1000);
	CHECK_EQ(ipi_bind(0), 1);
	all_closed();
}

void test_main(void)
{
	events_init();
	all_closed();
	test_matrix();
	test_any_port();
	test_unwinding();
	test_answer_lost();
	test_all_ports();
}
