/* SPDX-License-Identifier: MIT */
/*
 * System time from vcpu_info and the TSC, as the ABI says: read between two equal even versions.
 */
#include "guest.h"

static u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("lfence; rdtsc" : "=a" (lo), "=d" (hi) : : "memory");
	return (u64)hi << 32 | lo;
}

u64 time_read(const volatile struct vcpu_time_info *t)
{
	u32 version;
	u64 ns;

	do {
		u64 delta;

		version = t->version;
		barrier();
		delta = rdtsc() - t->tsc_timestamp;
		if (t->tsc_shift >= 0)
			delta <<= t->tsc_shift;
		else
			delta >>= -t->tsc_shift;
		ns = t->system_time + (u64)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
		barrier();
	} while (version & 1 || version != t->version);
	return ns;
}

u64 time_now(void)
{
	return time_read(&vcpu_info()->time);
}

void nap_ns(u64 ns)
{
	struct sched_poll poll = { .timeout = time_now() + ns };

	hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll);
}

void spin_ns(u64 ns)
{
	u64 end = time_now() + ns;

	while (time_now() < end)
		asm volatile("pause");
}
