/* SPDX-License-Identifier: MIT */
/*
 * Who called whom: follows the chain of saved frame pointers (the whole image is built with them), never beyond this
 * CPU's stack block. Names come from the table that tools/mksyms.c makes from the linked image; the build links it in
 * again (rules.mk). No locks, no state.
 */
#include <xl/lib.h>
#include <xl/config.h>
#include <xl/percpu.h>

#define MAX_FRAMES	32

/* Sorted offsets from HV_IMAGE_VIRT; one more than there are names, the last one ends the text. */
extern const u32 symbol_count, symbol_offset[], symbol_name[];
extern const char symbol_strings[];

const char *symbol_lookup(unsigned long addr, unsigned long *off, unsigned long *size)
{
	unsigned long o = addr - HV_IMAGE_VIRT;
	u32 n = symbol_count, lo = 0, hi = n;

	if (!n || o < symbol_offset[0] || o >= symbol_offset[n])
		return NULL;
	while (hi - lo > 1) {		/* symbol_offset[lo] <= o < symbol_offset[hi] */
		u32 mid = lo + (hi - lo) / 2;

		if (symbol_offset[mid] <= o)
			lo = mid;
		else
			hi = mid;
	}
	*off = o - symbol_offset[lo];
	*size = symbol_offset[lo + 1] - symbol_offset[lo];
	return symbol_strings + symbol_name[lo];
}

const char *symbol_nth(u32 n, u64 *addr)
{
	if (n >= symbol_count)
		return NULL;
	*addr = HV_IMAGE_VIRT + symbol_offset[n];
	return symbol_strings + symbol_name[n];
}

void show_backtrace(unsigned long rip, unsigned long rbp)
{
	unsigned long top = (unsigned long)cpu_info(), bottom = top & ~(STACK_SIZE - 1UL);

	printk(XL_ERR "called from:\n");
	for (unsigned int i = 0; i < MAX_FRAMES; i++) {
		const unsigned long *frame = (const unsigned long *)rbp;

		printk(XL_ERR "  %016lx %pS\n", rip, (void *)rip);
		if (rbp < bottom || rbp > top - 16 || rbp % 8)
			return;
		if (frame[0] <= rbp || !frame[1])	/* callers lie higher on the stack */
			return;
		rbp = frame[0];
		rip = frame[1];
	}
}
