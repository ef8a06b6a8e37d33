/* SPDX-License-Identifier: MIT */
/* What files of the hypervisor find around them in a test program; see hv_shim.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xl/domain.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/logdirty.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/time.h>
#include <xl/timer.h>

char shim_memory[SHIM_FRAMES][PAGE_SIZE] __aligned(PAGE_SIZE);
char shim_frames[SHIM_FRAMES * sizeof(struct page_info)] __aligned(16);
struct cpu_info shim_cpu_info[SHIM_CPUS];
u32 shim_cpu;
unsigned int nr_cpus = 1;
s_time_t shim_now;
bool shim_preempt, shim_write_fails, shim_loud;
char shim_log[4096];
int shim_allocs_left = -1;
unsigned int shim_continued, shim_locks_held, shim_try_misses;
unsigned long shim_continue_args[6];
const void *shim_last_locks[2];
unsigned long cpu_online_map[BITS_TO_LONGS(NR_CPUS)];
u64 tsc_khz = 1000000;
unsigned long max_page = 0x10000;

struct domain *domain_table[DOMID_TABLE_SIZE];
LIST_HEAD(domain_list);
DEFINE_SPINLOCK(domain_table_lock);
struct domain *dom0, *dom_xen, *dom_io, *idle_domain;
struct vcpu_info dummy_vcpu_info;

/* --- printing and failing --- */

void printk(const char *fmt, ...)
{
	size_t used = strlen(shim_log);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(shim_log + used, sizeof(shim_log) - used, *fmt == 1 ? fmt + 2 : fmt, ap);
	va_end(ap);
	if (shim_loud)
		fputs(shim_log + used, stderr);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("panic: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

void boot_fail(const char *fmt, ...)
{
	panic("%s", fmt);
}

/* --- somebody else --- */

static void (*meanwhile)(void);
static unsigned int meanwhile_after;

void shim_meanwhile(unsigned int n, void (*fn)(void))
{
	meanwhile_after = n;
	meanwhile = fn;
}

void shim_point(void)
{
	void (*fn)(void) = meanwhile;

	if (!fn || meanwhile_after--)
		return;
	meanwhile = NULL;
	fn();
}

/* --- locks: one thread, so waiting would be for ever --- */

void spin_lock_init(spinlock_t *l)
{
	*l = (spinlock_t)SPIN_LOCK_UNLOCKED;
}

void spin_lock(spinlock_t *l)
{
	shim_point();
	if (l->holder)
		panic("a lock is taken twice");
	l->holder = shim_cpu + 1;
	shim_locks_held++;
	shim_last_locks[0] = shim_last_locks[1];
	shim_last_locks[1] = l;
}

bool spin_trylock(spinlock_t *l)
{
	if (l->holder || (shim_try_misses && shim_try_misses--))
		return false;
	spin_lock(l);
	return true;
}

void spin_unlock(spinlock_t *l)
{
	if (l->holder != shim_cpu + 1)
		panic("a lock is given back that is not held");
	l->holder = 0;
	shim_locks_held--;
}

bool spin_is_locked(const spinlock_t *l)
{
	return l->holder;
}

bool spin_held(const spinlock_t *l)
{
	return l->holder == shim_cpu + 1;
}

void shim_check(void)
{
	if (shim_locks_held)
		panic("%u locks are still held", shim_locks_held);
}

/* --- memory; a guest pointer into the first page faults --- */

static bool alloc_fails(void)
{
	if (shim_allocs_left < 0)
		return false;
	return !shim_allocs_left--;
}

void *hv_alloc(size_t size)
{
	return alloc_fails() ? NULL : calloc(1, size ? size : 1);
}

void hv_free(void *v)
{
	free(v);
}

void *hv_alloc_pages(unsigned int order)
{
	void *v = alloc_fails() ? NULL : aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);

	if (v)
		memset(v, 0, PAGE_SIZE << order);
	return v;
}

void hv_free_pages(void *v, unsigned int order)
{
	(void)order;
	free(v);
}

size_t raw_copy_from_guest(void *dst, const void *src, size_t n)
{
	if ((unsigned long)src < PAGE_SIZE)
		return n;
	memcpy(dst, src, n);
	return 0;
}

size_t raw_copy_to_guest(void *dst, const void *src, size_t n)
{
	if ((unsigned long)dst < PAGE_SIZE || shim_write_fails)
		return n;
	memcpy(dst, src, n);
	return 0;
}

size_t raw_clear_guest(void *dst, size_t n)
{
	if ((unsigned long)dst < PAGE_SIZE || shim_write_fails)
		return n;
	memset(dst, 0, n);
	return 0;
}

/* --- hypercalls --- */

/* No domain is logged here. */
void logdirty_mark_slow(struct domain *d, const struct page_info *pg) { (void)d; (void)pg; }
void logdirty_foreign_writer(struct page_info *pg, bool comes) { pg->foreign_writers += comes ? 1 : -1; }

bool hypercall_preempt_check(void)
{
	return shim_preempt;
}

long hypercall_continue(unsigned int op, unsigned int n, ...)
{
	va_list ap;

	va_start(ap, n);
	for (unsigned int i = 0; i < n; i++)
		shim_continue_args[i] = va_arg(ap, unsigned long);
	va_end(ap);
	shim_continued++;
	return op;
}

/* --- domains --- */

struct domain *domain_get(domid_t_ id)
{
	struct domain *d = id == DOMID_SELF ? current->domain : id < DOMID_TABLE_SIZE ? domain_table[id] : NULL;

	if (d)
		d->refcnt++;
	return d;
}

void domain_put(struct domain *d)
{
	if (!--d->refcnt)
		panic("the last reference to d%u is gone", d->id);
}

struct domain *shim_domain(domid_t_ id, unsigned int vcpus)
{
	struct domain *d = hv_alloc(sizeof(*d));

	d->id = id;
	d->refcnt = 1;
	d->max_vcpus = vcpus;
	d->vcpu = hv_alloc(vcpus * sizeof(*d->vcpu));
	d->shared_info = hv_alloc_page();
	d->sched_weight = 256;
	for (unsigned int i = 0; i < vcpus; i++) {
		struct vcpu *v = d->vcpu[i] = hv_alloc(sizeof(*v));

		v->domain = d;
		v->id = i;
		v->info = &d->shared_info->vcpu_info[i];
		memset(v->hard_affinity, 0xff, sizeof(v->hard_affinity));
		memset(v->soft_affinity, 0xff, sizeof(v->soft_affinity));
	}
	if (id < DOMID_TABLE_SIZE) {
		domain_table[id] = d;
		list_add_tail(&d->link, &domain_list);
	}
	return d;
}

void shim_domain_free(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		free(d->vcpu[i]);
	if (d->id < DOMID_TABLE_SIZE) {
		domain_table[d->id] = NULL;
		list_del(&d->link);
	}
	free(d->shared_info);
	free(d->vcpu);
	free(d);
}

/* --- time --- */

#define MAX_TIMERS	256
static struct timer *timers[MAX_TIMERS];

s_time_t now(void)
{
	return shim_now;
}

void timer_setup(struct timer *t, void (*fn)(void *), void *data)
{
	memset(t, 0, sizeof(*t));
	t->fn = fn;
	t->data = data;
}

void timer_stop(struct timer *t)
{
	t->set = false;
	for (unsigned int i = 0; i < MAX_TIMERS; i++)
		if (timers[i] == t)
			timers[i] = NULL;
}

void timer_set(struct timer *t, s_time_t expires)
{
	timer_stop(t);
	t->expires = expires;
	t->cpu = shim_cpu;
	t->set = true;
	for (unsigned int i = 0; i < MAX_TIMERS; i++) {
		if (!timers[i]) {
			timers[i] = t;
			return;
		}
	}
	panic("too many timers");
}

void shim_run_timers(void)
{
	for (unsigned int i = 0; i < MAX_TIMERS; i++) {
		struct timer *t = timers[i];

		if (t && t->cpu == shim_cpu && t->expires <= shim_now) {
			timer_stop(t);
			t->fn(t->data);
		}
	}
}

s_time_t shim_next_timer(void)
{
	s_time_t next = INT64_MAX;

	for (unsigned int i = 0; i < MAX_TIMERS; i++)
		if (timers[i])
			next = min(next, timers[i]->expires);
	return next;
}
