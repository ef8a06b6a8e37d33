/* SPDX-License-Identifier: MIT */
/*
 * Each CPU has a top-level page table of its own and never loads a guest's.
 *
 * It holds the hypervisor's slots and a copy of the current vCPU's slots: those of its kernel table, or of its user
 * table. So a guest cannot see or forge the hypervisor's entries, and a system call needs no CR3 load: the two tables of
 * a Linux process differ in a few slots, the kernel's; going to kernel mode sets these present in place (a processor does
 * not cache entries that are not present), and only the way back, where they must vanish, reloads CR3.
 *
 * A slot that is present in both tables but different (the vsyscall slot of Linux) stays absent in the user view until user
 * code faults on it; then the next entry to the kernel reloads.
 *
 * Everything here is the CPU's own, so there is no lock. A change to a guest L4 that some CPU runs on marks that
 * CPU's copy stale; it is reloaded before the guest runs again and before its memory is touched.
 */
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/platform.h>

/* Linux has some 70 kernel slots, most of them for vmalloc. With more differing slots than this the whole table is copied each time. */
#define MAX_DIFF	240

struct cpu_l4 {
	u64 *table;
	paddr_t pa;
	struct vcpu *vcpu;		/* whose slots these are; stays while the CPU idles */
	const struct domain *domain;	/* its domain; NULL when the table has no guest slots */
	const u64 *kern, *user;		/* the current vCPU's tables, in the direct map; user may be NULL */
	bool user_view;
	bool user_changed;		/* `user` and `diff` are those of an older user table; seen in cpu_l4_to_user() */
	bool reload_on_entry;		/* the user view has entries that the kernel view must not keep */
	u16 nr_diff;			/* MAX_DIFF + 1: too many */
	u16 diff[MAX_DIFF];
};

static DEFINE_PER_CPU(struct cpu_l4, l4);
DEFINE_PER_CPU(bool, l4_is_stale);

static void load_cr3(void)
{
	this_cpu(l4_is_stale) = false;
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

static u64 present_or_zero(u64 e)
{
	return e & PTE_P ? e : 0;
}

static void copy_slots(u64 *to, const u64 *from)
{
	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		if (i < HV_SLOT_FIRST || i > HV_SLOT_LAST)
			to[i] = from ? present_or_zero(from[i]) : 0;
}

static void find_differences(struct cpu_l4 *c)
{
	c->nr_diff = 0;
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		if (c->kern[i] == c->user[i] || pt_slot_is_ours(i))
			continue;
		if (c->nr_diff == MAX_DIFF) {
			c->nr_diff = MAX_DIFF + 1;
			return;
		}
		c->diff[c->nr_diff++] = i;
	}
}

static void view_user(struct cpu_l4 *c)
{
	c->user_view = true;
	c->reload_on_entry = false;
	if (c->nr_diff > MAX_DIFF) {
		copy_slots(c->table, c->user);
		c->reload_on_entry = true;
		return;
	}
	for (unsigned int n = 0; n < c->nr_diff; n++) {
		unsigned int i = c->diff[n];

		c->table[i] = c->kern[i] & PTE_P ? 0 : present_or_zero(c->user[i]);
		c->reload_on_entry |= c->table[i] != 0;
	}
}

static void view_kernel(struct cpu_l4 *c)
{
	c->user_view = false;
	if (c->nr_diff > MAX_DIFF) {
		copy_slots(c->table, c->kern);
		return;
	}
	for (unsigned int n = 0; n < c->nr_diff; n++)
		c->table[c->diff[n]] = present_or_zero(c->kern[c->diff[n]]);
}

/* Takes current's user table, if it has one and a kernel table. */
static void take_user(struct cpu_l4 *c)
{
	struct vcpu *v = current;

	c->user = c->kern && !mfn_eq(v->pv.user_l4, INVALID_MFN) ? mfn_to_virt(v->pv.user_l4) : NULL;
	c->user_changed = false;
	c->nr_diff = 0;
	/* Pairs with the exchange in pt_write_entry(): who changes an entry from now on sees that we run on this table. */
	smp_mb();
	if (c->user)
		find_differences(c);
}

/* Rebuilds the guest's slots from current's base tables and loads the table. */
void cpu_l4_reload(void)
{
	struct cpu_l4 *c = &this_cpu(l4);
	struct vcpu *v = current;

	c->vcpu = v;
	c->kern = v && !is_idle_vcpu(v) && !mfn_eq(v->pv.kernel_l4, INVALID_MFN) ? mfn_to_virt(v->pv.kernel_l4) : NULL;
	ACCESS_ONCE(c->domain) = c->kern ? v->domain : NULL;
	take_user(c);
	copy_slots(c->table, c->kern);
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

	if (!current->pv.kernel_mode) {
		this_cpu(l4_is_stale) = true;
		return;
	}
	c->user = NULL;
	c->user_changed = true;
}

/*
 * An idle CPU keeps the last vCPU's slots, so that a guest that blocks and wakes up again costs no CR3 load. Should the
 * tables be taken down meanwhile, the flush that comes before their reuse drops them (cpu_l4_drop_idle()).
 */
void cpu_l4_switch(struct vcpu *v)
{
	struct cpu_l4 *c = &this_cpu(l4);

	if (is_idle_vcpu(v))
		return;
	if (c->vcpu != v || this_cpu(l4_is_stale) || !c->kern || c->user_changed || c->user_view == v->pv.kernel_mode ||
	    c->kern != mfn_to_virt(v->pv.kernel_l4) ||
	    c->user != (mfn_eq(v->pv.user_l4, INVALID_MFN) ? NULL : mfn_to_virt(v->pv.user_l4)))
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
 * CPUs that may hold translations of d. One that loads d's tables after we looked does so with a CR3 load, so it cannot hold
 * anything that was taken away before.
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

/* v is about to be freed: no idle CPU may take its slots for those of a new vCPU at the same address. */
void cpu_l4_forget(const struct vcpu *v)
{
	for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
		if (per_cpu(l4, cpu).vcpu == v)
			per_cpu(l4, cpu).vcpu = NULL;
}

void cpu_l4_to_kernel(void)
{
	struct cpu_l4 *c = &this_cpu(l4);

	if (this_cpu(l4_is_stale) || !c->user_view)
		return;			/* the reload that is due looks at the mode */
	view_kernel(c);
	if (c->reload_on_entry)
		load_cr3();
}

void cpu_l4_to_user(void)
{
	struct cpu_l4 *c = &this_cpu(l4);

	if (this_cpu(l4_is_stale) || c->user_view)
		return;
	if (c->user_changed)
		take_user(c);
	view_user(c);
	load_cr3();
}

bool cpu_l4_fixup(unsigned long va)
{
	struct cpu_l4 *c = &this_cpu(l4);
	unsigned int i = pt_index(va, 4);
	const u64 *guest = c->user_view ? c->user : c->kern;

	if (!guest || !is_canonical(va) || pt_slot_is_ours(i) || (c->table[i] & PTE_P) || !(guest[i] & PTE_P))
		return false;
	c->table[i] = guest[i];
	if (c->user_view && guest[i] != c->kern[i])
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
