/* SPDX-License-Identifier: MIT */
/*
 * Event channels, two-level layout: the upcall clears pending bits and counts.
 */
#include "guest.h"

volatile unsigned int upcalls;
volatile unsigned int port_count[EVTCHN_2L_NR_CHANNELS];

static void ports_scan(void)
{
	u64 sel = __atomic_exchange_n(&vcpu_info()->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

	for (unsigned int word = 0; word < 64; word++) {
		u64 bits;

		if (!(sel >> word & 1))
			continue;
		bits = shared->evtchn_pending[word] & ~shared->evtchn_mask[word];
		__atomic_and_fetch(&shared->evtchn_pending[word], ~bits, __ATOMIC_SEQ_CST);
		for (unsigned int bit = 0; bit < 64; bit++)
			if (bits >> bit & 1)
				port_count[word * 64 + bit]++;
	}
}

static bool upcall(struct regs *r)
{
	/* User code that is interrupted ends: a test of that wants to see it. */
	if ((r->cs & 3) == 3)
		return false;
	upcalls++;
	vcpu_info()->evtchn_upcall_pending = 0;
	barrier();
	ports_scan();
	return true;
}

void events_init(void)
{
	trap_hook[VEC_EVENT] = upcall;
	for (unsigned int i = 0; i < 64; i++)
		shared->evtchn_mask[i] = ~0ul;
}

bool port_pending(unsigned int port)
{
	return shared->evtchn_pending[port / 64] >> port % 64 & 1;
}

bool port_masked(unsigned int port)
{
	return shared->evtchn_mask[port / 64] >> port % 64 & 1;
}

void port_mask(unsigned int port)
{
	__atomic_or_fetch(&shared->evtchn_mask[port / 64], 1ul << port % 64, __ATOMIC_SEQ_CST);
}

void port_clear(unsigned int port)
{
	__atomic_and_fetch(&shared->evtchn_pending[port / 64], ~(1ul << port % 64), __ATOMIC_SEQ_CST);
}

long evtchn_op(unsigned int cmd, void *arg)
{
	return hypercall2(__HYPERVISOR_event_channel_op, cmd, arg);
}

long port_unmask(unsigned int port)
{
	struct evtchn_unmask u = { .port = port };

	return evtchn_op(EVTCHNOP_unmask, &u);
}

unsigned int ipi_bind(unsigned int vcpu)
{
	struct evtchn_bind_ipi b = { .vcpu = vcpu };
	long rc = evtchn_op(EVTCHNOP_bind_ipi, &b);

	if (rc)
		test_die("bind_ipi: %ld", rc);
	return b.port;
}
