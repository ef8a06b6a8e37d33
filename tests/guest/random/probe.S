/* SPDX-License-Identifier: MIT */
/*
 * Leaving by iret to anywhere, and coming back from the trap that this leads to.
 */
#define __ASSEMBLY__
#include "public/xen.h"

	.text
/* rdi = struct regs to load, whose error slot is the flags word of the frame; rsi = where our stack pointer is kept. */
	.globl probe
probe:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rsi)
	mov %rdi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	mov %rcx, (%rsp)
	push %r11
	push %rax
	mov $__HYPERVISOR_iret, %eax
	syscall
	ud2

/* The trap handler comes here with the stack pointer that was kept. */
	.globl probe_resume
probe_resume:
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	cld
	ret

	.globl run_on
run_on:
	mov %rdi, %rsp
	call *%rsi
	ud2
