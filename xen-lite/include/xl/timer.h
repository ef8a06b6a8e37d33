/* SPDX-License-Identifier: MIT */
/*
 * One heap of timers per CPU, driven by that CPU's local APIC timer. A timer fires once on the CPU it was set on, from
 * the exit path (HAZARD_TIMER), with interrupts off and no lock held; its function may set it again.
 */
#ifndef XL_TIMER_H
#define XL_TIMER_H

#include <xl/types.h>

struct timer {
	s_time_t expires;
	void (*fn)(void *data);
	void *data;
	u32 cpu;		/* whose heap it is in, or was last */
	bool set;
	/* pairing heap: first child, right sibling, and left sibling or (leftmost child) parent */
	struct timer *child, *next, *prev;
};

static inline bool timer_is_set(const struct timer *t) { return t->set; }

void timer_init_cpu(u32 cpu);
void timer_setup(struct timer *t, void (*fn)(void *), void *data);	/* once, before anything else */
void timer_set(struct timer *t, s_time_t expires);	/* on this CPU; moves it when it was set already */
void timer_stop(struct timer *t);			/* after this it will not fire */
void timer_migrate(struct timer *t, u32 cpu);
void timer_run(void);					/* exit path: fire what is due, program the next one */
void timer_interrupt(void);				/* local APIC timer vector: raises HAZARD_TIMER */

#endif
