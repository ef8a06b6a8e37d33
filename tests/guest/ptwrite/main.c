/* SPDX-License-Identifier: MIT */
/*
 * Plain stores to page-table entries, as Linux does them.
 *
 * ABI: with VMASST_TYPE_writable_pagetables (and in practice always) a write through a read-only mapping of an L1
 * table is emulated: checked as mmu_update checks it, and carried out. Linux uses mov from register and of an
 * immediate, xchg, lock and/or/btr/bts, and cmpxchg, of 1, 4 or 8 bytes. Flags and registers must come out as on a
 * processor. An entry that may not be is refused: the guest sees the page fault of a write to a read-only page.
 * Higher tables are not emulated at all.
 */
#include "guest.h"

static volatile u64 *l1;	/* the table, through its read-only mapping */
static u64 *data;
static u64 hole, good;

static void setup(void)
{
	u64 *table = page_alloc();

	data = page_alloc();
	data[0] = 0x42;
	hole = VIRT_BASE + (1ul << 30) - (2ul << 20);
	good = PTE(va_to_mfn(data), PTE_KERNEL);
	CHECK_EQ(make_ro(table), 0);
	CHECK_EQ(mmu_update(pte_machine((void *)hole, 2), PTE(va_to_mfn(table), PTE_TABLE)), 0);
	l1 = table;
	hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
}

static void test_mov(void)
{
	TRY("movq %1, %0", : "=m" (l1[0]) : "r" (good));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(l1[0] & 0x000ffffffffffffb & ~PTE_G, good);
	CHECK_EQ(*(volatile u64 *)hole, 0x42);
	TRY("movq $0, %0", : "=m" (l1[0]) : );
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(l1[0], 0);
	mmuext(MMUEXT_INVLPG_LOCAL, hole);
	CHECK(!can_read((void *)hole), "still mapped");
	/* With an address made of base, index and displacement, and from r9. */
	{
		register u64 r9 asm("r9") = good;

		TRY("movq %0, 24(%1,%2,8)", : : "r" (r9), "r" (l1), "r" (5ul) : "memory");
	}
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(PTE_MFN(l1[8]), va_to_mfn(data));
	TRY("movl $0x7f000, %0", : "=m" (l1[8]) : );	/* half: present bit gone, so the rest may be anything */
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(l1[8] & 0xffffffff, 0x7f000);
	TRY("movq $0, %0", : "=m" (l1[8]) : );
}

static void test_xchg(void)
{
	u64 old = good;

	TRY("xchgq %1, %0", : "+m" (l1[1]), "+r" (old));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(old, 0);
	CHECK_EQ(PTE_MFN(l1[1]), va_to_mfn(data));
	old = 0;
	TRY("xchgq %1, %0", : "+m" (l1[1]), "+r" (old));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(PTE_MFN(old), va_to_mfn(data));
	CHECK_EQ(l1[1], 0);
}

static void test_cmpxchg(void)
{
	u64 rax = 0;
	u8 equal;

	TRY("lock cmpxchgq %3, %0; sete %2", : "+m" (l1[2]), "+a" (rax), "=q" (equal) : "r" (good) : "cc");
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(equal, 1);
	CHECK_EQ(PTE_MFN(l1[2]), va_to_mfn(data));
	rax = 0x1234;
	TRY("lock cmpxchgq %3, %0; sete %2", : "+m" (l1[2]), "+a" (rax), "=q" (equal) : "r" (0ul) : "cc");
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(equal, 0);
	CHECK_EQ(rax, l1[2]);
	CHECK_EQ(PTE_MFN(l1[2]), va_to_mfn(data));
	rax = l1[2];
	TRY("cmpxchgq %3, %0; sete %2", : "+m" (l1[2]), "+a" (rax), "=q" (equal) : "r" (0ul) : "cc");
	CHECK_EQ(equal, 1);
	CHECK_EQ(l1[2], 0);
}

static void test_bits(void)
{
	u64 before;
	u8 carry;

	TRY("movq %1, %0", : "=m" (l1[3]) : "r" (good | PTE_A | PTE_D));
	before = l1[3];
	TRY("lock andb $0xfd, %0", : "+m" (*(volatile u8 *)&l1[3]) : : "cc");	/* write-protect, as fork does */
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(l1[3], before & ~PTE_RW);
	TRY("lock btrq $5, %0; setc %1", : "+m" (l1[3]), "=q" (carry) : : "cc");
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(carry, 1);
	CHECK_EQ(l1[3] & PTE_A, 0);
	TRY("lock btrq $5, %0; setc %1", : "+m" (l1[3]), "=q" (carry) : : "cc");
	CHECK_EQ(carry, 0);
	TRY("lock btsq $5, %0; setc %1", : "+m" (l1[3]), "=q" (carry) : : "cc");
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(carry, 0);
	CHECK_EQ(l1[3] & PTE_A, PTE_A);
	TRY("lock orb $2, %0", : "+m" (*(volatile u8 *)&l1[3]) : : "cc");
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(l1[3] & PTE_RW, PTE_RW);
	TRY("lock andl $0xffffffbf, %0", : "+m" (*(volatile u32 *)&l1[3]) : : "cc");
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(l1[3], before & ~PTE_D);
	/* Software bits do not touch the rest. */
	TRY("lock btsq $9, %0", : "+m" (l1[3]) : : "cc");
	CHECK_EQ(l1[3] & PTE_AVAIL, 0x200);
	TRY("lock btrq $9, %0", : "+m" (l1[3]) : : "cc");
	TRY("movq $0, %0", : "=m" (l1[3]) : );
}

/* Bit instructions whose bit number is in a register, which the processor adds to the address. */
static void test_bit_register(void)
{
	u8 carry;

	TRY("movq %1, %0", : "=m" (l1[3]) : "r" (good | PTE_A));
	TRY("lock btrq %2, %0; setc %1", : "+m" (l1[2]), "=q" (carry) : "r" (64ul + 5) : "cc");
	if (trap.vector == NO_TRAP) {
		CHECK_EQ(carry, 1);
		CHECK_EQ(l1[3] & PTE_A, 0);
	}
	TRY("movq $0, %0", : "=m" (l1[3]) : );
	CHECK_EQ(l1[2], 0);
}

static void test_refused(void)
{
	const struct {
		u64 pte;
		const char *what;
	} bad[] = {
		{ PTE(va_to_mfn((void *)l1), PTE_KERNEL), "itself, writable" },
		{ PTE(va_to_mfn((void *)start_info->pt_base), PTE_KERNEL), "the L4, writable" },
		{ PTE(0xfffffffffful, PTE_KERNEL), "no memory" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		u64 old = bad[i].pte;

		TRY("movq %1, %0", : "=m" (l1[4]) : "r" (bad[i].pte));
		CHECK(trap.vector == 14 && trap.error == 3 && trap.cr2 == (u64)&l1[4],
		      "mov of %s: trap %lu error 0x%lx cr2 0x%lx", bad[i].what, trap.vector, trap.error, trap.cr2);
		TRY("xchgq %1, %0", : "+m" (l1[4]), "+r" (old));
		CHECK(trap.vector == 14, "xchg of %s: trap %lu", bad[i].what, trap.vector);
		CHECK_EQ(l1[4], 0);
	}
	CHECK(can_read((void *)l1), "the table is not readable");
}

static void test_upper_levels(void)
{
	volatile u64 *l2e = pte_of((void *)hole, 2), *l4e = pte_of((void *)hole, 4);
	u64 old = *l2e;

	TRY("movq %1, %0", : "=m" (*l2e) : "r" (0ul));
	CHECK_EQ(trap.vector, 14);
	CHECK_EQ(trap.error, 3);
	CHECK_EQ(*l2e, old);
	TRY("movq %1, %0", : "=m" (l4e[-1]) : "r" (0ul));
	CHECK_EQ(trap.vector, 14);
	CHECK_EQ(trap.error, 3);
}

static void test_across_entries(void)
{
	TRY("movq %1, %0", : "=m" (*(volatile u64 *)((u64)&l1[6] + 4)) : "r" (0ul));
	CHECK(trap.vector == 14 || trap.vector == NO_TRAP, "unaligned: trap %lu", trap.vector);
	CHECK_EQ(l1[6] | l1[7], 0);
	TRY("movw %1, %0", : "=m" (*(volatile u16 *)&l1[6]) : "r" ((u16)0));
	CHECK(trap.vector == 14 || trap.vector == NO_TRAP, "two bytes: trap %lu", trap.vector);
	/* Not a form that tables are written with. */
	{
		u64 rdi = (u64)&l1[6], rcx = 2;

		TRY("rep stosq", : "+D" (rdi), "+c" (rcx) : "a" (0ul) : "memory");
	}
	CHECK(trap.vector == 14 || trap.vector == NO_TRAP, "rep stos: trap %lu", trap.vector);
}

void test_main(void)
{
	setup();
	test_mov();
	test_xchg();
	test_cmpxchg();
	test_bits();
	test_bit_register();
	test_refused();
	test_upper_levels();
	test_across_entries();
}
