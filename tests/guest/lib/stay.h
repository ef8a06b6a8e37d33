/* SPDX-License-Identifier: MIT */
/*
 * How long a hypercall stays in the hypervisor, in instructions: for tests that run where the time stamp counter
 * counts them (the runner's -i). A breakpoint on the one syscall instruction that is measured fires at each issue of
 * the call, also when the hypervisor has put the guest back on it to go on later; so the time between two of them, or
 * to the end of the call, is one stay. It includes the way in and out and the delivery of the trap that measures it.
 */
#ifndef TESTS_GUEST_STAY_H
#define TESTS_GUEST_STAY_H

#include "guest.h"

extern u64 stay_limit;			/* instructions that a stay may take */

void stay_begin(void);			/* before the first call; ends the test if there is no breakpoint */
/*
 * Issues a hypercall and notes its longest stay in the hypervisor: from an issue of the call to its end or to the place
 * where it was preempted and is issued again. Prints a row; `input` says what it works on. Returns the call's result.
 */
long measure5(const char *name, const char *input, u64 nr, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);
#define measure(name, input, nr, a1, a2, a3, a4) \
	measure5(name, input, nr, (u64)(a1), (u64)(a2), (u64)(a3), (u64)(a4), 0)
/* The same, and the call has to succeed: else its row would mean nothing. */
#define measure_ok(name, input, nr, a1, a2, a3, a4) \
	CHECK(measure(name, input, nr, a1, a2, a3, a4) >= 0, "%s of %s fails", name, input)

#endif
