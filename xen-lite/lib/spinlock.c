/* SPDX-License-Identifier: MIT */
/*
 * Ticket locks: whoever comes first is served first. A waiter keeps serving cross-CPU requests, because interrupts are off
 * and whoever holds the lock may be waiting for this CPU's answer. The holder is recorded for the checks in debug builds
 * and for spin_held().
 */
#include <xl/spinlock.h>
#include <xl/lib.h>
#include <xl/percpu.h>
#include <xl/platform.h>

void spin_lock_init(spinlock_t *l)
{
	*l = (spinlock_t)SPIN_LOCK_UNLOCKED;
}

static void lock_taken(spinlock_t *l)
{
	ACCESS_ONCE(l->holder) = smp_processor_id() + 1;
}

void spin_lock(spinlock_t *l)
{
	u16 ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_SEQ_CST);

#ifdef XL_DEBUG_BUILD
	if (spin_held(l))
		panic("CPU %u takes a lock twice, %pS, from %pS", smp_processor_id(), l, __builtin_return_address(0));
#endif
	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket) {
		smp_serve();
		cpu_relax();
	}
	lock_taken(l);
}

bool spin_trylock(spinlock_t *l)
{
	u16 owner = ACCESS_ONCE(l->owner);

	if (cmpxchg(&l->next, owner, (u16)(owner + 1)) != owner)
		return false;
	lock_taken(l);
	return true;
}

void spin_unlock(spinlock_t *l)
{
#ifdef XL_DEBUG_BUILD
	if (!spin_held(l))
		panic("CPU %u gives back a lock it does not hold, from %pS", smp_processor_id(),
		      __builtin_return_address(0));
#endif
	ACCESS_ONCE(l->holder) = 0;
	__atomic_store_n(&l->owner, l->owner + 1, __ATOMIC_RELEASE);
}

bool spin_is_locked(const spinlock_t *l)
{
	return ACCESS_ONCE(l->next) != ACCESS_ONCE(l->owner);
}

bool spin_held(const spinlock_t *l)
{
	return ACCESS_ONCE(l->holder) == smp_processor_id() + 1;
}
