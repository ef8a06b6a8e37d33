/* SPDX-License-Identifier: MIT */
/*
 * The CPU as a list of CPUID leaves, in the form in which tools read it. The values are those of pv/cpuid.c; this file only
 * knows which leaves there are.
 */
#include <xl/control.h>
#include <xl/entry.h>
#include <xl/guest_access.h>
#include <xl/platform.h>

#define CACHE_SUBLEAVES	4

static const u32 plain_leaves[] = {
	0, 1, 2, 6, 0x80000000, 0x80000001, 0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006, 0x80000007,
	0x80000008, 0x80000021,
};

struct leaf_writer {
	const struct vcpu *v;
	xen_cpuid_leaf_t *to;	/* guest pointer, NULL: only count */
	u32 room, n;
	long rc;
};

static void put(struct leaf_writer *w, u32 leaf, u32 sub)
{
	struct xen_cpuid_leaf l = { .leaf = leaf, .subleaf = sub };

	pv_cpuid(w->v, leaf, sub == XEN_CPUID_NO_SUBLEAF ? 0 : sub, &l.a, &l.b, &l.c, &l.d);
	if (w->to && w->n >= w->room)
		w->rc = -XEN_ENOBUFS;
	else if (w->to && copy_to_guest_offset(w->to, w->n, &l, 1))
		w->rc = -XEN_EFAULT;
	w->n++;
}

static void put_with_subleaves(struct leaf_writer *w)
{
	for (u32 sub = 0; sub < CACHE_SUBLEAVES; sub++)
		put(w, 4, sub);
	put(w, 7, 0);
	for (u32 sub = 0; sub < 64; sub++)
		if (sub < 2 || (fpu_host_xcr0() >> sub & 1))
			put(w, 0xd, sub);
}

long cpu_policy_leaves(const struct vcpu *v, xen_cpuid_leaf_t *to, u32 *nr)
{
	struct leaf_writer w = { .v = v, .to = to, .room = *nr };

	for (unsigned int i = 0; i < ARRAY_SIZE(plain_leaves); i++) {
		if (plain_leaves[i] == 6)
			put_with_subleaves(&w);
		put(&w, plain_leaves[i], XEN_CPUID_NO_SUBLEAF);
	}
	*nr = w.n;
	return w.rc;
}
