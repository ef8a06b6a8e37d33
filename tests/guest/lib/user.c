/* SPDX-License-Identifier: MIT */
/*
 * A second address space for user mode: one page of code, one of stack.
 *
 * Its top-level table holds nothing of the kernel; the hypervisor adds its own entries. Kernel pages are therefore out
 * of reach for user code, as in any 64-bit PV guest.
 */
#include "guest.h"

u64 user_l4_mfn;

static void link(u64 *table, unsigned int index, u64 pte)
{
	table[index] = pte;
}

void user_space_init(const void *code, size_t len)
{
	u64 *l4 = page_alloc(), *l3 = page_alloc(), *l2 = page_alloc(), *l1 = page_alloc();
	u64 *l1_stack = page_alloc();
	u8 *text = page_alloc(), *stack = page_alloc();
	void *tables[] = { l1, l1_stack, l2, l3, l4 };
	long rc;

	memcpy(text, code, len);
	link(l4, USER_CODE >> 39, PTE(va_to_mfn(l3), PTE_TABLE));
	link(l3, USER_CODE >> 30 & 511, PTE(va_to_mfn(l2), PTE_TABLE));
	link(l2, USER_CODE >> 21 & 511, PTE(va_to_mfn(l1), PTE_TABLE));
	link(l1, USER_CODE >> 12 & 511, PTE(va_to_mfn(text), PTE_P | PTE_U | PTE_A));
	link(l2, (USER_STACK - 1) >> 21 & 511, PTE(va_to_mfn(l1_stack), PTE_TABLE));
	link(l1_stack, (USER_STACK - 1) >> 12 & 511, PTE(va_to_mfn(stack), PTE_KERNEL | PTE_U));
	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++)
		if (make_ro(tables[i]))
			test_die("cannot make a table read-only");
	user_l4_mfn = va_to_mfn(l4);
	rc = mmuext(MMUEXT_PIN_L4_TABLE, user_l4_mfn);
	if (!rc)
		rc = mmuext(MMUEXT_NEW_USER_BASEPTR, user_l4_mfn);
	if (rc)
		test_die("cannot switch to a user address space: %ld", rc);
}

void user_regs_init(struct regs *r)
{
	*r = (struct regs){ .rip = USER_CODE, .rsp = USER_STACK, .cs = FLAT_USER_CS, .ss = FLAT_USER_SS,
			    .rflags = 0x202 };
}
