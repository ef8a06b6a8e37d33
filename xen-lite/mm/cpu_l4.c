/* SPDX-License-Identifier: MIT */
/*
 * Each CPU has a top-level page table of its own and never loads a guest's.
 *
 * It holds the hypervisor's slots and those of the current vCPU's slots that have been used lately: of its kernel
 * table, or of its user table (the two views). So a guest cannot see or forge the hypervisor's entries, and a system
 * call needs no CR3 load: what the kernel has beyond the user is set present in place, since a processor does not cache
 * entries that are not present; only the way back, where it must vanish, reloads CR3.
 *
 * Slots are filled by page faults (cpu_l4_fixup()) and stay in the list of used ones, which survives context switches:
 * a Linux uses half a dozen of its 500. So nothing here ever walks a whole table.
 *
 * A slot that is present in both tables but different (the vsyscall slot of Linux) stays absent in the user view until
 * user code faults on it; then the next entry to the kernel reloads.
 *
 * A domain that shares its tables (VMASST_TYPE_lite_shared_tables) has the kernel view only: it is taken for one
 * without a user table, and never leaves that view.
 *
 * Everything here is the CPU's own, so there is no lock. When an entry goes or changes in a guest L4 that some CPU runs
 * on, that CPU's copy is marked stale; it is reloaded before the guest runs again and before its memory is touched.
 */
#include <xl/logdirty.h>
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/platform.h>

#define MAX_USED	16

struct slot {
	u16 index;
	bool kernel_only;		/* the user table does not have the same entry */
	u64 for_kernel, for_user;	/* what `table` holds in each view, 0: nothing; good until the copy is stale */
};

struct cpu_l4 {
	u64 *table;
	paddr_t pa;
	struct vcpu *vcpu;		/* whose slots these are; stays while the CPU idles */
	const struct domain *domain;	/* its domain; NULL when the table has no guest slots */
	const u64 *kern, *user;		/* its tables, in the direct map; user may be NULL */
	bool user_view;
	bool one_view;			/* the domain shares its tables */
	bool user_changed;		/* `user` is not looked at before the way back; cpu_l4_to_user() does */
	bool reload_on_entry;		/* the user view has entries that the kernel view must not keep */
	u8 nr_used;
	struct slot used[MAX_USED];	/* what else may be present in `table` beside our own slots */
};

static DEFINE_PER_CPU(struct cpu_l4, l4);
DEFINE_PER_CPU(bool, l4_is_stale);

static __hot void load_cr3(void)
{
	if (current)
		current->count[COUNT_CR3]++;
	tlb_note_full_flush();
	write_cr3(this_cpu(l4).pa);
}

void cpu_l4_init(void)
{
	struct cpu_l4 *c = &this_cpu(l4);

	c->table = hv_alloc_page();
	if (!c->table)
		panic("no memory for a CPU's page table");
	c->pa = virt_to_pa(c->table);
	memcpy(c->table + HV_SLOT_FIRST, hv_l4 + HV_SLOT_FIRST, (HV_SLOT_LAST - HV_SLOT_FIRST + 1) * sizeof(u64));
	load_cr3();
}

void cpu_l4_set_window(u64 entry)
{
	this_cpu(l4).table[pt_index(CPU_WINDOW_VIRT, 4)] = entry;
	load_cr3();
}

/* What a slot for this entry of a guest's table holds; a logged domain runs on mirrors of the tables below. */
static u64 loadable(const struct cpu_l4 *c, u64 e)
{
	if (!(e & PTE_P))
		return 0;
	return unlikely(c->domain->mirrored) ? mirror_l4_entry(c->domain, e) : e;
}

/* A user entry beside a different kernel entry waits for a fault: see above. */
static void slot_classify(const struct cpu_l4 *c, struct slot *s)
{
	u64 user = c->user ? loadable(c, ACCESS_ONCE(c->user[s->index])) : 0;

	s->for_kernel = loadable(c, ACCESS_ONCE(c->kern[s->index]));
	s->kernel_only = s->for_kernel != user;
	s->for_user = s->kernel_only && s->for_kernel ? 0 : user;
}

/* True when something vanished that a TLB may still know. */
static __hot bool view_user(struct cpu_l4 *c)
{
	bool gone = false;

	c->user_view = true;
	c->reload_on_entry = false;
	for (unsigned int n = 0; n < c->nr_used; n++) {
		const struct slot *s = &c->used[n];

		if (!s->kernel_only)
			continue;
		gone |= c->table[s->index] & PTE_P;
		c->table[s->index] = s->for_user;
		c->reload_on_entry |= s->for_user != 0;
	}
	return gone;
}

static __hot void view_kernel(struct cpu_l4 *c)
{
	c->user_view = false;
	for (unsigned int n = 0; n < c->nr_used; n++)
		if (c->used[n].kernel_only)
			c->table[c->used[n].index] = c->used[n].for_kernel;
}

/* v's user table as far as it matters. */
static const u64 *user_table(const struct vcpu *v)
{
	return mfn_eq(v->pv.user_l4, INVALID_MFN) || shares_tables(v->domain) ? NULL : mfn_to_virt(v->pv.user_l4);
}

/* Takes current's user table, if it has one and a kernel table. */
static void take_user(struct cpu_l4 *c)
{
	c->user = c->kern ? user_table(current) : NULL;
	c->user_changed = false;
	/*
	 * Pairs with the exchange in pt_write_entry(): who changes an entry from now on sees that we run on this table.
	 */
	smp_mb();
	for (unsigned int n = 0; c->kern && n < c->nr_used; n++)
		slot_classify(c, &c->used[n]);
}

/* Slots that the new tables do not have leave the list. */
static void forget_slots(struct cpu_l4 *c)
{
	unsigned int kept = 0;

	for (unsigned int n = 0; n < c->nr_used; n++) {
		unsigned int i = c->used[n].index;

		c->table[i] = 0;
		if (c->kern && (c->kern[i] & PTE_P))
			c->used[kept++] = c->used[n];
	}
	c->nr_used = kept;
}

/* Fills the guest's slots anew from current's base tables and loads the table. */
void cpu_l4_reload(void)
{
	struct cpu_l4 *c = &this_cpu(l4);
	struct vcpu *v = current;

	this_cpu(l4_is_stale) = false;
	c->vcpu = v;
	c->kern = v && !is_idle_vcpu(v) && !mfn_eq(v->pv.kernel_l4, INVALID_MFN) ? mfn_to_virt(v->pv.kernel_l4) : NULL;
	ACCESS_ONCE(c->domain) = c->kern ? v->domain : NULL;
	c->one_view = c->kern && shares_tables(v->domain);
	smp_mb();
	forget_slots(c);
	take_user(c);
	for (unsigned int n = 0; n < c->nr_used; n++)
		c->table[c->used[n].index] = c->used[n].for_kernel;
	c->user_view = c->reload_on_entry = false;
	if (c->user && !v->pv.kernel_mode)
		view_user(c);
	load_cr3();
}

void cpu_l4_stale(void)
{
	this_cpu(l4_is_stale) = true;
}

/* In kernel mode a new user table is not looked at before the way back: no reload now. */
void cpu_l4_user_changed(void)
{
	struct cpu_l4 *c = &this_cpu(l4);

	if (c->one_view)
		return;
	if (!current->pv.kernel_mode) {
		this_cpu(l4_is_stale) = true;
		return;
	}
	c->user = NULL;
	c->user_changed = true;
}

/*
 * An idle CPU keeps the last vCPU's slots, so that a guest that blocks and wakes up again costs no CR3 load. Should the
 * tables be taken down meanwhile, the flush that comes before their reuse drops them (cpu_l4_drop_idle()). Has the vCPU
 * been elsewhere in between, it may have flushed there what this CPU still knows.
 */
void cpu_l4_switch(struct vcpu *v)
{
	struct cpu_l4 *c = &this_cpu(l4);
	bool was_away = v->pv.l4_cpu != smp_processor_id();

	if (is_idle_vcpu(v))
		return;
	ACCESS_ONCE(v->pv.l4_cpu) = smp_processor_id();	/* before the reload, see vcpumask_to_cpus() */
	/* The mirrors that a domain's slots lead to may have gone while it was away. */
	if (was_away || c->vcpu != v || v->domain->mirrored || this_cpu(l4_is_stale) || !c->kern || c->user_changed ||
	    c->user_view == (v->pv.kernel_mode || c->one_view) ||
	    c->kern != mfn_to_virt(v->pv.kernel_l4) ||
	    c->user != user_table(v))
		cpu_l4_reload();
}

/* A full flush is due: true when it has been done by dropping the slots that an idle CPU kept. */
bool cpu_l4_drop_idle(void)
{
	if (!this_cpu(l4_is_stale) && !(this_cpu(l4).kern && is_idle_vcpu(current)))
		return false;
	cpu_l4_reload();
	return true;
}

/*
 * CPUs that may hold translations of d. One that loads d's tables after we looked does so with a CR3 load, so it cannot
 * hold anything that was taken away before.
 */
void cpu_l4_cpus_of(const struct domain *d, unsigned long *cpus)
{
	memset(cpus, 0, NR_CPUS / 8);
	for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
		if (ACCESS_ONCE(per_cpu(l4, cpu).domain) == d)
			__set_bit(cpu, cpus);
}

bool cpu_l4_has_guest(unsigned int cpu)
{
	return ACCESS_ONCE(per_cpu(l4, cpu).domain);
}

static void drop_loaded(void *unused)
{
	(void)unused;
	cpu_l4_stale();
}

void cpu_l4_unload(const struct domain *d)
{
	DECLARE_BITMAP(cpus, NR_CPUS);

	smp_mb();
	cpu_l4_cpus_of(d, cpus);
	smp_call(cpus, drop_loaded, NULL);
}

/* v is about to be freed: no idle CPU may take its slots for those of a new vCPU at the same address. */
void cpu_l4_forget(const struct vcpu *v)
{
	for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
		if (per_cpu(l4, cpu).vcpu == v)
			per_cpu(l4, cpu).vcpu = NULL;
}

__hot __flatten void cpu_l4_to_kernel(void)
{
	struct cpu_l4 *c = &this_cpu(l4);

	if (this_cpu(l4_is_stale) || !c->user_view)
		return;			/* the reload that is due looks at the mode */
	view_kernel(c);
	if (c->reload_on_entry)
		load_cr3();
}

__hot __flatten void cpu_l4_to_user(void)
{
	struct cpu_l4 *c = &this_cpu(l4);

	if (this_cpu(l4_is_stale) || c->user_view || c->one_view)
		return;
	if (c->user_changed)
		take_user(c);
	if (view_user(c))
		load_cr3();
}

static struct slot *slot_find(struct cpu_l4 *c, unsigned int i)
{
	for (unsigned int n = 0; n < c->nr_used; n++)
		if (c->used[n].index == i)
			return &c->used[n];
	return NULL;
}

static struct slot *slot_add(struct cpu_l4 *c, unsigned int i)
{
	if (c->nr_used == MAX_USED) {
		/* What is in use comes back by itself. */
		for (unsigned int n = 0; n < c->nr_used; n++)
			c->table[c->used[n].index] = 0;
		c->nr_used = 0;
		load_cr3();
	}
	c->used[c->nr_used].index = i;
	return &c->used[c->nr_used++];
}

bool cpu_l4_fixup(unsigned long va)
{
	struct cpu_l4 *c = &this_cpu(l4);
	unsigned int i = pt_index(va, 4);
	const u64 *guest = c->user_view ? c->user : c->kern;
	struct slot *s;
	u64 e;

	if (!guest || !is_canonical(va) || pt_slot_is_ours(i) || (c->table[i] & PTE_P))
		return false;
	e = loadable(c, ACCESS_ONCE(guest[i]));
	if (!e)
		return false;
	s = slot_find(c, i);
	if (!s)
		s = slot_add(c, i);
	slot_classify(c, s);		/* either table may have got the entry since */
	c->table[i] = e;
	if (c->user_view && s->kernel_only)
		c->reload_on_entry = true;
	return true;
}

static void mark_if_running(void *table)
{
	struct cpu_l4 *c = &this_cpu(l4);

	if (c->kern == table || c->user == table)
		this_cpu(l4_is_stale) = true;
}

void cpu_l4_entry_changed(const u64 *table)
{
	bool remote = false;

	for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
		if (cpu != smp_processor_id())
			remote |= per_cpu(l4, cpu).kern == table || per_cpu(l4, cpu).user == table;
	if (remote)
		smp_call(cpu_online_map, mark_if_running, (void *)table);
	else
		mark_if_running((void *)table);
}
