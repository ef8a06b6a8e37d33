/* SPDX-License-Identifier: MIT */
/*
 * Spin locks. Interrupts are always off in the hypervisor, so there are no irq variants. A waiter serves this
 * CPU's pending cross-CPU requests (smp_serve()), so that waiting cannot dead-lock against a TLB shoot-down.
 * docs/locking.md has the order. Debug builds check that the holder unlocks and that nobody locks twice.
 */
#ifndef XL_SPINLOCK_H
#define XL_SPINLOCK_H

#include <xl/types.h>

typedef struct {
	u32 holder;		/* CPU + 1; 0 when free */
} spinlock_t;

#define SPIN_LOCK_UNLOCKED	{ 0 }
#define DEFINE_SPINLOCK(name)	spinlock_t name = SPIN_LOCK_UNLOCKED

void spin_lock_init(spinlock_t *l);
void spin_lock(spinlock_t *l);
bool spin_trylock(spinlock_t *l);
void spin_unlock(spinlock_t *l);
bool spin_is_locked(const spinlock_t *l);
bool spin_held(const spinlock_t *l);	/* by this CPU */

static inline void cpu_relax(void)
{
	__asm__ __volatile__("pause" ::: "memory");
}

#endif
