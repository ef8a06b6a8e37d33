/* SPDX-License-Identifier: MIT */
/*
 * Timers: one pairing heap per CPU, ordered by expiry, with the links inside struct timer; so setting a timer never
 * allocates. The CPU's local APIC timer is programmed for the earliest one.
 *
 * Invariants: a timer with t->set is in the heap of CPU t->cpu and in no other; no child expires before its parent.
 * prev points to the left sibling, or to the parent for the leftmost child; the root's prev and next are NULL.
 * Each heap has its lock; t->cpu is only changed with the lock of the heap it names held. It nests inside all others.
 *
 * timer_run() calls a timer's function without the lock, after taking it out of the heap: the function may set it
 * again. A timer that is stopped on another CPU at that moment has already fired: timer_stop() waits until its
 * function is done.
 */
#include <xl/timer.h>
#include <xl/lib.h>
#include <xl/percpu.h>
#include <xl/platform.h>
#include <xl/spinlock.h>
#include <xl/time.h>

struct timer_heap {
	spinlock_t lock;
	struct timer *root;
	struct timer *firing;		/* whose function runs now */
	s_time_t programmed;		/* what the local APIC was told, 0: nothing */
};

static DEFINE_PER_CPU(struct timer_heap, timer_heap);

/* Joins two heaps (their roots have no siblings); either may be NULL. */
static struct timer *heap_join(struct timer *a, struct timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->expires < a->expires) {
		struct timer *t = a;

		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	return a;
}

/* Makes one heap of a list of siblings: pairs from the left, then all into one from the right. */
static struct timer *heap_merge_list(struct timer *list)
{
	struct timer *pairs = NULL, *root = NULL, *a, *b;

	while (list) {
		a = list;
		b = a->next;
		list = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = heap_join(a, b);
		a->next = pairs;	/* a stack, so that it is undone from the right */
		pairs = a;
	}
	while (pairs) {
		a = pairs;
		pairs = a->next;
		a->next = NULL;
		root = heap_join(root, a);
	}
	return root;
}

static void heap_insert(struct timer_heap *h, struct timer *t)
{
	t->child = t->next = t->prev = NULL;
	h->root = heap_join(h->root, t);
	t->set = true;
}

static void heap_remove(struct timer_heap *h, struct timer *t)
{
	struct timer *rest = heap_merge_list(t->child);

	if (t == h->root) {
		h->root = rest;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		h->root = heap_join(h->root, rest);
	}
	t->child = t->next = t->prev = NULL;
	t->set = false;
}

/* Programs this CPU's local APIC for the earliest timer, if that is news to it. */
static void heap_program(struct timer_heap *h)
{
	s_time_t first = h->root ? max(h->root->expires, (s_time_t)1) : 0;

	if (first == h->programmed)
		return;
	h->programmed = first;
	apic_timer_set(first);
}

/* Locks the heap that t belongs to; t may move to another one until the lock is held. */
static struct timer_heap *heap_of(struct timer *t)
{
	for (;;) {
		u32 cpu = ACCESS_ONCE(t->cpu);
		struct timer_heap *h = &per_cpu(timer_heap, cpu);

		spin_lock(&h->lock);
		if (t->cpu == cpu)
			return h;
		spin_unlock(&h->lock);
	}
}

void timer_init_cpu(u32 cpu)
{
	struct timer_heap *h = &per_cpu(timer_heap, cpu);

	spin_lock_init(&h->lock);
	h->root = h->firing = NULL;
	h->programmed = 0;
}

void timer_setup(struct timer *t, void (*fn)(void *), void *data)
{
	*t = (struct timer){ .fn = fn, .data = data, .cpu = smp_processor_id() };
}

/* Takes t out of its heap. When it was the earliest of another CPU, that one finds out when it fires for nothing. */
static void timer_remove(struct timer *t)
{
	struct timer_heap *h = heap_of(t);

	if (t->set)
		heap_remove(h, t);
	spin_unlock(&h->lock);
}

static void timer_insert(struct timer *t, u32 cpu)
{
	struct timer_heap *h = &per_cpu(timer_heap, cpu);
	bool first;

	spin_lock(&h->lock);
	heap_insert(h, t);
	first = h->root == t;
	if (first && cpu == smp_processor_id())
		heap_program(h);
	spin_unlock(&h->lock);
	if (first && cpu != smp_processor_id())
		smp_kick_timer(cpu);
}

/* The caller makes sure that nobody else sets or stops the same timer at the same time (its owner's lock). */
void timer_set(struct timer *t, s_time_t expires)
{
	timer_remove(t);
	t->expires = expires;
	t->cpu = smp_processor_id();
	timer_insert(t, t->cpu);
}

void timer_stop(struct timer *t)
{
	u32 cpu = ACCESS_ONCE(t->cpu);

	timer_remove(t);
	if (cpu == smp_processor_id())
		return;			/* its function cannot be running: this is another one, or it is the caller */
	while (ACCESS_ONCE(per_cpu(timer_heap, cpu).firing) == t) {
		smp_serve();
		cpu_relax();
	}
}

void timer_migrate(struct timer *t, u32 cpu)
{
	struct timer_heap *h;
	bool was_set;

	if (t->cpu == cpu)
		return;
	h = heap_of(t);
	was_set = t->set;
	if (was_set)
		heap_remove(h, t);
	t->cpu = cpu;
	spin_unlock(&h->lock);
	if (was_set)
		timer_insert(t, cpu);
}

void timer_run(void)
{
	struct timer_heap *h = &this_cpu(timer_heap);
	struct timer *t;

	spin_lock(&h->lock);
	while ((t = h->root) != NULL && t->expires <= now()) {
		heap_remove(h, t);
		h->firing = t;
		spin_unlock(&h->lock);
		t->fn(t->data);
		spin_lock(&h->lock);
		h->firing = NULL;
	}
	heap_program(h);
	spin_unlock(&h->lock);
}

/* The one shot is spent, so whatever is next has to be programmed again. */
void timer_interrupt(void)
{
	this_cpu(timer_heap).programmed = 0;
	hazard_raise(HAZARD_TIMER);
}
