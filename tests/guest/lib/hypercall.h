/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: number in rax, arguments in rdi, rsi, rdx, r10, r8; `syscall`; result in rax. rcx and r11 are lost. Up to
 * five arguments are used by any call.
 */
#ifndef TESTS_GUEST_HYPERCALL_H
#define TESTS_GUEST_HYPERCALL_H

static inline long hypercall5(unsigned long nr, unsigned long a1, unsigned long a2, unsigned long a3,
			      unsigned long a4, unsigned long a5)
{
	register unsigned long r10 asm("r10") = a4;
	register unsigned long r8 asm("r8") = a5;
	long rc;

	asm volatile("syscall"
		     : "=a" (rc), "+D" (a1), "+S" (a2), "+d" (a3), "+r" (r10), "+r" (r8)
		     : "0" (nr) : "rcx", "r11", "memory");
	return rc;
}

#define hypercall4(nr, a, b, c, d) hypercall5(nr, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), \
					      (unsigned long)(d), 0)
#define hypercall3(nr, a, b, c)	hypercall4(nr, a, b, c, 0)
#define hypercall2(nr, a, b)	hypercall4(nr, a, b, 0, 0)
#define hypercall1(nr, a)	hypercall4(nr, a, 0, 0, 0)
#define hypercall0(nr)		hypercall4(nr, 0, 0, 0, 0)

#endif
