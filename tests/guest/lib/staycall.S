/* SPDX-License-Identifier: MIT */
/* The one syscall instruction that is measured: hypercall arguments as for hypercall5(), number in rdi. */

	.text
/* long measured_call(nr, a1, a2, a3, a4, a5) */
	.globl measured_call, measured_syscall
measured_call:
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
measured_syscall:
	syscall
	ret
