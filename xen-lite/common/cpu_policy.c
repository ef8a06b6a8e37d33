/* SPDX-License-Identifier: MIT */
/*
 * The CPU as a list of CPUID leaves, in the form in which tools read it. The values are those of pv/cpuid.c; this file
 * only knows which leaves there are: every one up to the highest of its range, as tools that write a changed list back
 * into the same room expect.
 */
#include <xl/control.h>
#include <xl/entry.h>
#include <xl/guest_access.h>
#include <xl/platform.h>
#include <public/cpuid.h>

#define CACHE_SUBLEAVES	6
#define LEAVES_LIMIT	256	/* what tools must have room for */
#define EXT_FIRST	0x80000000

struct leaf_writer {
	const struct vcpu *v;
	xen_cpuid_leaf_t *to;	/* guest pointer */
	u32 room, n;
	long rc;
};

static void put(struct leaf_writer *w, u32 leaf, u32 sub)
{
	struct xen_cpuid_leaf l = { .leaf = leaf, .subleaf = sub };

	pv_cpuid(w->v, leaf, sub == XEN_CPUID_NO_SUBLEAF ? 0 : sub, &l.a, &l.b, &l.c, &l.d);
	if (w->n >= w->room)
		w->rc = -XEN_ENOBUFS;
	else if (copy_to_guest_offset(w->to, w->n, &l, 1))
		w->rc = -XEN_EFAULT;
	w->n++;
}

static void put_basic(struct leaf_writer *w, u32 leaf)
{
	switch (leaf) {
	case 4:
		for (u32 sub = 0; sub < CACHE_SUBLEAVES; sub++)
			put(w, 4, sub);
		break;
	case 7:
		put(w, 7, 0);
		break;
	case 0xb:
		put(w, 0xb, 0);
		put(w, 0xb, 1);
		break;
	case 0xd:
		for (u32 sub = 0; sub < 64; sub++)
			if (sub < 2 || (fpu_host_xcr0() >> sub & 1))
				put(w, 0xd, sub);
		break;
	default:
		put(w, leaf, XEN_CPUID_NO_SUBLEAF);
	}
}

long cpu_policy_leaves(const struct vcpu *v, xen_cpuid_leaf_t *to, u32 *nr)
{
	struct leaf_writer w = { .v = v, .to = to, .room = *nr };
	u32 max, b, c, d;

	if (!to) {
		*nr = LEAVES_LIMIT;
		return 0;
	}
	pv_cpuid(v, 0, 0, &max, &b, &c, &d);
	for (u32 leaf = 0; leaf <= max; leaf++)
		put_basic(&w, leaf);
	put(&w, XEN_CPUID_FIRST_LEAF, XEN_CPUID_NO_SUBLEAF);
	put(&w, XEN_CPUID_FIRST_LEAF + 0x100, XEN_CPUID_NO_SUBLEAF);
	pv_cpuid(v, EXT_FIRST, 0, &max, &b, &c, &d);
	for (u32 leaf = EXT_FIRST; leaf <= max; leaf++)
		put(&w, leaf, XEN_CPUID_NO_SUBLEAF);
	*nr = w.n;
	return w.rc;
}
