/* SPDX-License-Identifier: MIT */
/*
 * Random calls about frames and page tables.
 *
 * A base pointer for the kernel is only ever the boot table, one of `tops`, or a frame that must be refused: those two
 * hold the kernel. Destinations of whole-page writes and frames to give away are scratch frames.
 */
#include "random.h"

#define NR_GIVEN	4096

static u64 writable_frame(struct actor *a)
{
	u64 mfn = scratch_mfn[below(a, NR_SCRATCH)];

	return chance(a, 95) && mfn ? mfn : 1ul << 33 | below(a, 1000);
}

void call_mmu_update(struct actor *a, struct call *c)
{
	unsigned int n = 1 + below(a, 6);
	struct mmu_update *u = arena(a, n * sizeof(*u));

	for (unsigned int i = 0; i < n; i++) {
		unsigned int kind = below(a, 20);

		if (kind == 0) {
			/* Not of the first tables: that is how this guest finds them. */
			u[i].ptr = chance(a, 90) ? scratch_mfn[below(a, NR_SCRATCH)] : 1ul << 33;
			u[i].ptr = u[i].ptr << 12 | MMU_MACHPHYS_UPDATE;
			u[i].val = odd_number(a);
			continue;
		}
		u[i].ptr = some_pte_address(a) | (kind == 1 ? 2 : kind == 2 ? 3 : kind == 3 ? 4 : 0);
		u[i].val = some_pte(a);
	}
	*c = (struct call){ .nr = __HYPERVISOR_mmu_update, { chance(a, 95) ? (u64)u : bad_pointer(a), n, chance(a,
			80) ? 0 : pointer(a, arena(a, 8)),
			    chance(a, 90) ? DOMID_SELF : odd_number(a) } };
	if (chance(a, 2))
		c->a[1] = 0x7fffffff & odd_number(a);
}

void call_update_va(struct actor *a, struct call *c)
{
	u64 *mask = arena(a, 8);
	u64 flags = below(a, 8);

	*mask = odd_number(a);
	if (chance(a, 20))
		flags |= pointer(a, mask) & ~7ul;
	*c = (struct call){ .nr = __HYPERVISOR_update_va_mapping,
			    { chance(a, 95) ? (u64)scratch[below(a, NR_SCRATCH)] : (u64)bad_pointer(a), some_pte(a),
					flags } };
	/* An address that is the kernel's own: not for changing. */
	if (c->a[0] >= VIRT_BASE && !(c->a[0] >= (u64)scratch[0] && c->a[0] <= (u64)scratch[NR_SCRATCH - 1]))
		c->a[0] = 0x8000000000000000;
	if (chance(a, 10)) {
		c->nr = __HYPERVISOR_update_va_mapping_otherdomain;
		c->a[3] = some_domid(a);
	}
}

static void one_mmuext(struct actor *a, struct mmuext_op *op)
{
	u64 *mask = arena(a, 8);

	*mask = odd_number(a);
	op->cmd = chance(a, 50) ? below(a, 5) : below(a, 24);
	op->arg1.mfn = some_frame(a);
	op->arg2.src_mfn = odd_number(a);
	switch (op->cmd) {
	case MMUEXT_PIN_L4_TABLE:
		if (chance(a, 50))
			op->arg1.mfn = top_mfn[below(a, NR_TOPS)];
		break;
	case MMUEXT_UNPIN_TABLE:
		if (chance(a, 15))
			op->arg1.mfn = top_mfn[below(a, NR_TOPS)];
		break;
	case MMUEXT_NEW_BASEPTR:
		op->arg1.mfn = chance(a, 45) ? top_mfn[below(a, NR_TOPS)] : chance(a, 70) ? l4_mfn() : 1ul << 33;
		break;
	case MMUEXT_NEW_USER_BASEPTR:
		op->arg1.mfn = chance(a, 30) ? user_top_mfn : chance(a, 10) ? 0 : op->arg1.mfn;
		break;
	case MMUEXT_INVLPG_MULTI:
	case MMUEXT_TLB_FLUSH_MULTI:
		set_xen_guest_handle(op->arg2.vcpumask, (void *)pointer(a, mask));
		/* fall through */
	case MMUEXT_INVLPG_LOCAL:
	case MMUEXT_INVLPG_ALL:
		op->arg1.linear_addr = chance(a, 70) ? scratch_pointer(a) : bad_pointer(a);
		break;
	case MMUEXT_SET_LDT:
		op->arg1.linear_addr = chance(a, 80) ? (u64)scratch[below(a, NR_SCRATCH)] : bad_pointer(a);
		op->arg2.nr_ents = odd_number(a);
		a->needs_restore = true;
		break;
	case MMUEXT_CLEAR_PAGE:
		op->arg1.mfn = writable_frame(a);
		break;
	case MMUEXT_COPY_PAGE:
		op->arg1.mfn = writable_frame(a);
		op->arg2.src_mfn = some_frame(a);
		break;
	}
}

void call_mmuext(struct actor *a, struct call *c)
{
	unsigned int n = 1 + below(a, 4);
	struct mmuext_op *op = arena(a, n * sizeof(*op));

	for (unsigned int i = 0; i < n; i++)
		one_mmuext(a, &op[i]);
	*c = (struct call){ .nr = __HYPERVISOR_mmuext_op, { chance(a, 95) ? (u64)op : bad_pointer(a), n, chance(a,
			80) ? 0 : pointer(a, arena(a, 8)),
			    chance(a, 90) ? DOMID_SELF : odd_number(a) } };
}

/* --- memory_op --- */

/*
 * It is gone only when nothing of ours names it any more; a pin may. So may a validation of its own that was preempted
 * and given up; it holds what it leads to until the frame is wanted as something else.
 */
static volatile u64 given[NR_GIVEN], nr_given;

static void given_away(u64 mfn)
{
	given[__atomic_fetch_add(&nr_given, 1, __ATOMIC_SEQ_CST) % NR_GIVEN] = mfn;
}

void given_unpin(void)
{
	for (u64 i = 0; i < nr_given && i < NR_GIVEN; i++) {
		mmuext(MMUEXT_UNPIN_TABLE, given[i]);
		mmuext(MMUEXT_PIN_L1_TABLE, given[i]);
		mmuext(MMUEXT_UNPIN_TABLE, given[i]);
	}
	nr_given = 0;
}

/* An actor moves frames of its own half only, so what it finds in its slots is what it put there. */
#define NR_OWN		((NR_SCRATCH - NR_GRANTABLE) / 2)

static unsigned int own_first(const struct actor *a)
{
	return a->id * NR_OWN;
}

/* In a multicall a frame may have come back, to another slot, and gone again. */
static void slot_replace(const struct actor *a, u64 old, u64 new)
{
	for (unsigned int i = own_first(a); i < own_first(a) + NR_OWN; i++)
		if (scratch_mfn[i] == old) {
			scratch_mfn[i] = new;
			return;
		}
	/* No place for it. It may be gone again already. */
	if (new) {
		struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

		set_xen_guest_handle(r.extent_start, &new);
		hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r);
		given_away(new);
	}
}

static void after_decrease(struct actor *a, struct call *c, long rc)
{
	for (long i = 0; i < rc && i < c->n; i++) {
		u64 mfn = ((u64 *)c->data)[i];

		given_away(mfn);
		slot_replace(a, mfn, 0);
	}
}

static void after_increase(struct actor *a, struct call *c, long rc)
{
	u64 *list = c->data;

	for (long i = 0; i < rc && i < c->n; i++)
		slot_replace(a, 0, list[i]);
}

/* No two alike. */
static unsigned int pick_frames(struct actor *a, struct call *c, u64 *list, unsigned int *first, unsigned int most)
{
	c->n = 1 + below(a, most);
	*first = own_first(a) + below(a, NR_OWN - most);
	for (unsigned int i = 0; i < c->n; i++)
		list[i] = scratch_mfn[*first + i];
	return c->n;
}

static void reservation(struct actor *a, struct call *c, unsigned int cmd)
{
	struct xen_memory_reservation *r = arena(a, sizeof(*r));
	u64 *list = arena(a, 8 * 8);
	static const u8 orders[] = { 20, 31, 32, 63, 64, 255 };
	unsigned int first;

	*c = (struct call){ .nr = __HYPERVISOR_memory_op, { cmd, (u64)r } };
	c->data = list;
	r->nr_extents = pick_frames(a, c, list, &first, 8);
	r->domid = DOMID_SELF;
	r->mem_flags = chance(a, 80) ? 0 : odd_number(a);
	set_xen_guest_handle(r->extent_start, list);
	c->after = cmd == XENMEM_decrease_reservation ? after_decrease : after_increase;
	if (cmd == XENMEM_populate_physmap)
		for (unsigned int i = 0; i < c->n; i++)
			list[i] = va_to_pfn(scratch[first + i]);
	switch (below(a, 8)) {
	case 0:
		r->extent_order = orders[below(a, ARRAY_SIZE(orders))];
		c->after = NULL;
		break;
	case 1:
		/* With none at all it is our right to get frames and not be told. */
		set_xen_guest_handle(r->extent_start, (u64 *)(bad_pointer(a) | 8));
		c->after = NULL;
		break;
	case 2:
		r->domid = some_domid(a);
		if (r->domid == DOMID_SELF)
			break;
		c->after = r->domid ? NULL : c->after;
		break;
	}
}

static void after_exchange(struct actor *a, struct call *c, long rc)
{
	struct xen_memory_exchange *x = c->data;
	u64 *in = x->in.extent_start.p, *out = x->out.extent_start.p;

	(void)rc;
	for (unsigned int i = 0; i < x->nr_exchanged && i < c->n; i++) {
		given_away(in[i]);
		slot_replace(a, in[i], out[i]);
	}
}

static void exchange(struct actor *a, struct call *c)
{
	struct xen_memory_exchange *x = arena(a, sizeof(*x));
	u64 *in = arena(a, 4 * 8), *out = arena(a, 4 * 8);
	unsigned int first;

	*c = (struct call){ .nr = __HYPERVISOR_memory_op, { XENMEM_exchange, (u64)x } };
	c->data = x;
	c->after = after_exchange;
	pick_frames(a, c, in, &first, 4);
	for (unsigned int i = 0; i < c->n; i++)
		out[i] = va_to_pfn(scratch[first + i]);
	x->in.nr_extents = x->out.nr_extents = c->n;
	x->in.domid = x->out.domid = DOMID_SELF;
	set_xen_guest_handle(x->in.extent_start, in);
	set_xen_guest_handle(x->out.extent_start, out);
	switch (below(a, 8)) {
	case 0: x->nr_exchanged = c->n + 1 + below(a, 5); c->after = NULL; break;
	case 1: x->out.nr_extents = c->n + 1; c->after = NULL; break;
	case 2: x->in.extent_order = 20 + below(a, 44); c->after = NULL; break;
	case 3: set_xen_guest_handle(x->out.extent_start,
			(u64 *)bad_pointer(a)); c->after = NULL; x->in.extent_order = 33;
		break;
	case 4: set_xen_guest_handle(x->in.extent_start, (u64 *)bad_pointer(a)); c->after = NULL; break;
	}
}

void call_memory(struct actor *a, struct call *c)
{
	static const u8 asking[] = { 2, 3, 4, 5, 9, 10, 12, 14, 16, 17, 18, 19, 20, 21, 22, 25, 26, 27, 29, 63 };
	unsigned int kind = below(a, 10);

	if (kind < 2) {
		reservation(a, c, XENMEM_decrease_reservation);
	} else if (kind < 4) {
		reservation(a, c, chance(a, 50) ? XENMEM_increase_reservation : XENMEM_populate_physmap);
	} else if (kind < 6) {
		exchange(a, c);
	} else if (kind < 8) {
		u64 *words = arena(a, 64);

		/* First word: domid and size, or a count; the rest small. */
		words[0] = some_domid(a) | odd_number(a) << 32;
		words[1] = pointer(a, arena(a, 256));
		words[2] = odd_number(a);
		*c = (struct call){ .nr = __HYPERVISOR_memory_op,
				    { asking[below(a, ARRAY_SIZE(asking))] | (chance(a, 5) ? odd_number(a) << 6 : 0),
				      pointer(a, words) } };
	} else {
		struct xen_add_to_physmap *m = arena(a, sizeof(*m));

		m->domid = some_domid(a);
		m->space = below(a, 7);
		m->idx = chance(a, 50) ? below(a, 4) : odd_number(a);
		m->gpfn = chance(a, 50) ? below(a, 0x100) : odd_number(a) | 1ul << 33;
		*c = (struct call){ .nr = __HYPERVISOR_memory_op,
				    { chance(a, 60) ? XENMEM_add_to_physmap :
				      chance(a, 50) ? XENMEM_remove_from_physmap : XENMEM_acquire_resource,
				pointer(a, m) } };
	}
}
