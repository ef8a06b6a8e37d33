/* SPDX-License-Identifier: MIT */
/*
 * Spin locks: the lock word is its holder. Whoever finds it free takes it; there is no queue. A machine of ours is
 * often itself virtual, its processors threads that a busy host runs in turns: a lock that is handed over in order
 * of arrival then waits, each time, for one processor that does not run, while another that does could have had it.
 *
 * A waiter keeps serving cross-CPU requests, because interrupts are off and the holder may be waiting for this CPU's
 * answer.
 */
#include <xl/spinlock.h>
#include <xl/lib.h>
#include <xl/percpu.h>
#include <xl/platform.h>

void spin_lock_init(spinlock_t *l)
{
	*l = (spinlock_t)SPIN_LOCK_UNLOCKED;
}

__hot bool spin_trylock(spinlock_t *l)
{
	u32 expected = 0;

	return __atomic_compare_exchange_n(&l->holder, &expected, smp_processor_id() + 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

__hot void spin_lock(spinlock_t *l)
{
#ifdef XL_DEBUG_BUILD
	if (spin_held(l))
		panic("CPU %u takes a lock twice, %pS, from %pS", smp_processor_id(), l, __builtin_return_address(0));
#endif
	while (!spin_trylock(l))
		while (ACCESS_ONCE(l->holder)) {
			smp_serve();
			cpu_relax();
		}
}

__hot void spin_unlock(spinlock_t *l)
{
#ifdef XL_DEBUG_BUILD
	if (!spin_held(l))
		panic("CPU %u gives back a lock it does not hold, from %pS", smp_processor_id(),
		      __builtin_return_address(0));
#endif
	__atomic_store_n(&l->holder, 0, __ATOMIC_RELEASE);
}

bool spin_is_locked(const spinlock_t *l)
{
	return ACCESS_ONCE(l->holder);
}

bool spin_held(const spinlock_t *l)
{
	return ACCESS_ONCE(l->holder) == smp_processor_id() + 1;
}
