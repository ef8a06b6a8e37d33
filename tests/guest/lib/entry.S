/* SPDX-License-Identifier: MIT */
/*
 * Trap, event and syscall entries, and the way to user mode and back.
 *
 * The hypervisor enters with the stack: rcx, r11, [error code], rip, cs, rflags, rsp, ss. Each stub brings that
 * into the form of struct regs (guest.h) and calls trap_c(regs); the way back is the iret hypercall.
 */
#define __ASSEMBLY__
#include "public/xen.h"
#include "guest.h"

	.macro save_regs
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	.endm
	.macro restore_regs
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
	.endm

	.text
/* One stub of 16 bytes per vector; stack as above. Vectors 8, 10 to 14 and 17 come with an error code. */
	.globl trap_stubs
	.align 16
trap_stubs:
	vector = 0
	.rept 256
	.align 16
	pop %rcx
	pop %r11
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17)
	push $0
	.endif
	push $vector
	jmp trap_common
	vector = vector + 1
	.endr

	.globl syscall_entry, event_entry, failsafe_entry
syscall_entry:
	pop %rcx
	pop %r11
	push $0
	push $VEC_SYSCALL
	jmp trap_common
event_entry:
	pop %rcx
	pop %r11
	push $0
	push $VEC_EVENT
	jmp trap_common
/* rcx, r11, ds, es, fs, gs, rip, ...: the four selectors are dropped. */
failsafe_entry:
	pop %rcx
	pop %r11
	add $32, %rsp
	push $0
	push $VEC_FAILSAFE
	/* fall through */

/* Stack: vector, error, rip, cs, rflags, rsp, ss; registers as at the trap. */
trap_common:
	save_regs
	cld
	mov %rsp, %rdi
	mov %rsp, %rbp
	and $~15, %rsp
	call trap_c
	mov %rbp, %rsp

/* Stack: struct regs. Leaves through the hypervisor: iret wants rax, r11, rcx, flags below rip. */
iret_to_regs:
	restore_regs
	add $16, %rsp
	push iret_flags
	push %rcx
	push %r11
	push %rax
	mov $__HYPERVISOR_iret, %eax
	syscall
	ud2

/* rdi = struct regs to load. Comes back, by user_leave(), when user mode ends. Keeps the callee-saved registers. */
	.globl user_enter
user_enter:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, user_kernel_rsp
	mov %rdi, %rsp
	jmp iret_to_regs

/* Drop whatever stack this is and return from user_enter. */
	.globl user_leave
user_leave:
	mov user_kernel_rsp, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.bss
	.align 8
	.globl iret_flags
iret_flags:			/* VGCF_in_syscall or 0, of every iret */
	.quad 0
user_kernel_rsp:
	.quad 0
