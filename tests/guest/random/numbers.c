/* SPDX-License-Identifier: MIT */
/*
 * Seeded numbers, and what arguments are made of them: pointers, frames, page table entries.
 */
#include "random.h"

u64 number(struct actor *a)
{
	u64 z = a->numbers += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

u64 below(struct actor *a, u64 n)
{
	return number(a) % n;
}

bool chance(struct actor *a, unsigned int percent)
{
	return below(a, 100) < percent;
}

u64 odd_number(struct actor *a)
{
	static const u64 odd[] = {
		0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 255, 256, 511, 512, 1023, 4095, 4096, 7168, 8191, 8192,
				65535,
		0x7ff0, 0x7ff1, 0x7ff2, 0x7ff3, 0x7ff4, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		0x7fffffffffffffff, 0x8000000000000000, ~0ul,
	};

	return chance(a, 10) ? number(a) >> below(a, 64) : odd[below(a, ARRAY_SIZE(odd))];
}

/* Zeroed room for arguments until the end of the step. */
void *arena(struct actor *a, size_t size)
{
	void *p = a->arena + a->used;

	size = (size + 15) & ~15ul;
	if (a->used + size > ARENA)
		test_die("step %lu needs too much room", a->step);
	a->used += size;
	return memset(p, 0, size);
}

u64 bad_pointer(struct actor *a)
{
	static const u64 bad[] = {
		0, 1, 0xfff, 0x10000, 0x7fffffffffff, 0x7fffffffeff8, 0x800000000000, 0x8000000000000000,
		0xffff7fffffffffff, 0xffff7ffffffffffc, 0xffff800000000000, 0xffff820000000000, 0xffff82d080200000,
		0xffff830000000000, 0xffff83000009f000, 0xffff87fffffffffc, 0xffff880000000000, 0xffffff8000000000,
		0xfffffffffffff000, 0xfffffffffffffffc, 0xffffffffffffffff,
	};

	return bad[below(a, ARRAY_SIZE(bad))];
}

u64 scratch_pointer(struct actor *a)
{
	static const u16 offsets[] = { 0, 8, 1, 0xff8, 0xffc, 0xfff, 0x800, 0xfc0 };

	return (u64)scratch[below(a, NR_SCRATCH)] + (chance(a, 50) ? offsets[below(a, 8)] : below(a, PAGE) & ~7ul);
}

u64 pointer(struct actor *a, void *good)
{
	unsigned int n = below(a, 100);

	return n < 85 ? (u64)good : n < 93 ? scratch_pointer(a) : bad_pointer(a);
}

/* Frames that are none of ours or none to write: the hypervisor's, the APICs', none at all; own: our tables in use. */
static u64 forbidden_frame(struct actor *a, bool own)
{
	volatile u64 *l4 = (void *)start_info->pt_base;
	unsigned int slot;

	switch (own ? below(a, 8) : 3 + below(a, 5)) {
	case 0: return PTE_MFN(*pte_of(scratch[0], 2));
	case 1: return PTE_MFN(*pte_of(scratch[0], 3));
	case 2: return PTE_MFN(*pte_of(scratch[0], 4));
	case 3:
		slot = 256 + below(a, 16);
		return l4[slot] & PTE_P && PTE_MFN(l4[slot]) != l4_mfn() ? PTE_MFN(l4[slot]) : 0xfee00;
	case 4: return 0xfee00;
	case 5: return grants_mfn;
	case 6: return (1ul << 40) - 1 - below(a, 2);
	default: return odd_number(a) << below(a, 2) | 1ul << 32;
	}
}

u64 some_frame(struct actor *a)
{
	u64 mfn = scratch_mfn[below(a, NR_SCRATCH)];

	return chance(a, 92) && mfn ? mfn : forbidden_frame(a, true);
}

u64 some_pte(struct actor *a)
{
	static const u64 flags[] = { PTE_TABLE, PTE_TABLE, PTE_TABLE, PTE_KERNEL, PTE_KERNEL, PTE_KERNEL_RO, PTE_P,
				     PTE_P | PTE_U, PTE_P | PTE_RW | PTE_U | PTE_NX };
	static const u64 extra[] = { PTE_PSE, PTE_G, PTE_PWT, PTE_PCD, PTE_PWT | PTE_PCD, PTE_AVAIL, PTE_NX,
			1ul << 51,
				     1ul << 47, 0x7fful << 52, PTE_U };
	u64 pte, mfn = scratch_mfn[below(a, NR_SCRATCH)];

	/* Not the tables that map us: read-only they may be mapped, and then a store changes them. */
	if (!mfn || chance(a, 8))
		mfn = forbidden_frame(a, false);
	if (chance(a, 15))
		return 0;
	if (chance(a, 3))
		return number(a) & ~PTE_P;
	if (chance(a, 4))	/* a table of ours: read-only, as its slot of the kernel has to stay */
		return PTE(top_mfn[below(a, NR_TOPS)], PTE_P | PTE_A | (chance(a, 50) ? PTE_U : 0));
	pte = PTE(mfn, flags[below(a, ARRAY_SIZE(flags))]);
	return chance(a, 12) ? pte ^ extra[below(a, ARRAY_SIZE(extra))] : pte;
}

/* Machine address of an entry: of a scratch page, of a top-level table, or the one that maps a scratch address. */
u64 some_pte_address(struct actor *a)
{
	unsigned int n = below(a, 100), slot = chance(a, 60) ? below(a, 12) : below(a, 512);

	if (n < 15) {
		slot = TOP_FIRST + below(a, 511 - TOP_FIRST);
		return top_mfn[below(a, NR_TOPS)] << 12 | slot * 8;
	}
	if (n < 30)
		return pte_machine(scratch[below(a, NR_SCRATCH)], 1);
	if (n < 95)
		return scratch_mfn[below(a, NR_SCRATCH)] << 12 | slot * 8;
	return (1ul << 32 | below(a, 1ul << 40)) << 12 | slot * 8;
}

u64 some_domid(struct actor *a)
{
	static const u16 ids[] = { 1, 2, 0x7fef, DOMID_IO, DOMID_XEN, DOMID_INVALID, DOMID_IDLE, 0x7ff3, 0xffff };

	return chance(a, 90) ? DOMID_SELF : chance(a, 30) ? 0 : ids[below(a, ARRAY_SIZE(ids))];
}
