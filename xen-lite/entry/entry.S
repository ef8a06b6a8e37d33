/* SPDX-License-Identifier: MIT */
/*
 * The ways into the hypervisor and the one way back to a guest.
 *
 * Each stub leaves a struct cpu_user_regs on the stack and calls one C function. Entered from a guest, the frame lies at the
 * top of this CPU's stack and is cpu_info.guest_regs. Interrupts are off throughout.
 */
#include <xl/types.h>
#include <xl/config.h>
#include <xl/asm_offsets.h>

/* Stack: error code slot and the processor's frame. Saves the rest in the order of struct cpu_user_regs. */
.macro SAVE_REGS
	cld
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx
	push	%rax
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
.endm

/* The reverse; leaves the stack pointer at the processor's frame. */
.macro RESTORE_REGS
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	add	$8, %rsp
.endm

	.text
	.code64

/*
 * 256 stubs of 16 bytes, one for each vector. The processor pushes an error code for 8, 10-14, 17, 21, 29 and 30.
 * They leave: error code (or 0) in the low and the vector in the high half of one slot.
 */
	.globl	vector_stubs
	.balign	16
vector_stubs:
	vec = 0
	.rept	256
	.balign	16
	.if !(vec == 8 || (vec >= 10 && vec <= 14) || vec == 17 || vec == 21 || vec == 29 || vec == 30)
	pushq	$0
	.endif
	movl	$vec, 4(%rsp)
	.if vec == 1 || vec == 2 || vec == 8 || vec == 18
	jmp	entry_ist
	.elseif vec < 32
	jmp	entry_exception
	.else
	jmp	entry_interrupt
	.endif
	vec = vec + 1
	.endr

	.section .text.hot, "ax"

/* Stack: error code and vector, processor's frame. */
entry_exception:
	SAVE_REGS
	mov	%rsp, %rdi
	testb	$3, UREGS_cs(%rsp)
	jz	1f
	xor	%ebp, %ebp
	call	guest_exception
	jmp	exit_to_guest
1:	testl	$EFLAGS_VM, UREGS_rflags(%rsp)
	jnz	from_vm86
	call	hv_exception			/* returns true: the guest's frame is to be left once more */
	test	%al, %al
	jnz	restart_exit
return_to_hv:
	RESTORE_REGS
	iretq

entry_interrupt:
	SAVE_REGS
	movzbl	UREGS_entry_vector(%rsp), %edi
	testb	$3, UREGS_cs(%rsp)
	jz	2f
	mov	%rsp, %rsi
	xor	%ebp, %ebp
	call	guest_interrupt
	jmp	exit_to_guest
2:	testl	$EFLAGS_VM, UREGS_rflags(%rsp)
	jnz	from_vm86
	call	irq_dispatch			/* only the idle loop opens interrupts in here */
	jmp	return_to_hv

/* NMI, #MC, #DF and #DB run on stacks of their own, all in the CPU's stack block. A #DB of a guest moves to the main stack. */
entry_ist:
	SAVE_REGS
	mov	%rsp, %rdi
	testl	$EFLAGS_VM, UREGS_rflags(%rsp)
	jnz	from_vm86
	cmpl	$1, UREGS_entry_vector(%rsp)
	jne	3f
	testb	$3, UREGS_cs(%rsp)
	jz	3f
	mov	%rsp, %rsi
	mov	%rsp, %rdi
	or	$(STACK_SIZE - 1), %rdi
	sub	$(CPUINFO_SIZE - 1), %rdi
	mov	%rdi, %rax
	mov	$(UREGS_es / 8), %ecx
	rep movsq
	mov	%rax, %rsp
	mov	%rax, %rdi
	xor	%ebp, %ebp
	call	guest_exception
	jmp	exit_to_guest
3:	call	ist_exception
	jmp	return_to_hv

/*
 * The tail of each CPU's SYSCALL stubs (entry/syscall.c writes them): rsp is this CPU's stack with the guest's ss and rsp pushed, the
 * guest's rax is in its slot of the frame, rcx = rip, r11 = rflags.
 */
.macro SAVE_SYSCALL
	push	%r11
	pushq	$GUEST_CS64
	push	%rcx
	pushq	$0
	movl	$ENTRY_SYSCALL, 4(%rsp)
	mov	UREGS_rax - UREGS_error_code(%rsp), %rax
	SAVE_REGS
	mov	%rsp, %rdi
	xor	%ebp, %ebp
.endm

	.globl	entry_syscall32
entry_syscall32:
	SAVE_SYSCALL
	call	guest_syscall32
	jmp	exit_to_guest

	.globl	entry_syscall
entry_syscall:
	SAVE_SYSCALL
	call	guest_syscall
	/* falls through */

/*
 * rsp = cpu_info.guest_regs. exit_work() returns when nothing is left to do before the guest runs: true when SYSRET does, which
 * takes rip from rcx and rflags from r11.
 */
	.globl	exit_to_guest
exit_to_guest:
	call	exit_work
	test	%al, %al
	jz	1f
	RESTORE_REGS
	mov	UREGS_rsp - UREGS_rip(%rsp), %rsp
	sysretq
1:	RESTORE_REGS
	.globl	guest_iret
guest_iret:
	iretq

/*
 * Long mode has no virtual-8086 mode, but QEMU 7.2 lets user code enter it by iretd, and then a selector says nothing about who
 * was interrupted. Stack: the frame, at the top of this CPU's stack or of an IST stack.
 */
from_vm86:
	mov	%rsp, %rdi
	call	guest_vm86
	/* falls through */

/* The iretq above faulted; hv_exception() has put the guest's registers back into guest_regs and queued what to deliver. */
restart_exit:
	mov	%rsp, %rax
	or	$(STACK_SIZE - 1), %rax
	sub	$(CPUINFO_SIZE - 1), %rax
	mov	%rax, %rsp
	xor	%ebp, %ebp
	jmp	exit_to_guest

/* void start_exit_loop(void): drops whatever is on the stack and leaves to current. */
	.globl	start_exit_loop
start_exit_loop:
	jmp	restart_exit

/*
 * Copies that may fault. rdi = to, rsi = from, rdx = bytes; returns in rax how many bytes were not copied.
 * Whole words first, then the rest by bytes.
 */
	.globl	copy_words_safe
copy_words_safe:
	mov	%rdx, %rcx
	shr	$3, %rcx
	and	$7, %edx
10:	rep movsq
	mov	%edx, %ecx
11:	rep movsb
	xor	%eax, %eax
	ret
12:	lea	(%rdx, %rcx, 8), %rax
	ret
13:	mov	%rcx, %rax
	ret

/* rdi = to, rsi = bytes; zeroes; returns in rax how many were not. */
	.globl	clear_bytes_safe
clear_bytes_safe:
	mov	%rsi, %rcx
	xor	%eax, %eax
14:	rep stosb
15:	mov	%rcx, %rax
	ret

/* edi = MSR, rsi = u64 *; 0 or -EFAULT. */
	.globl	rdmsr_safe
rdmsr_safe:
	mov	%edi, %ecx
	movq	$0, (%rsi)
16:	rdmsr
	mov	%eax, (%rsi)
	mov	%edx, 4(%rsi)
	xor	%eax, %eax
	ret

/* edi = MSR, rsi = value; 0 or -EFAULT. */
	.globl	wrmsr_safe
wrmsr_safe:
	mov	%edi, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
17:	wrmsr
	xor	%eax, %eax
	ret
18:	mov	$-14, %eax
	ret

/* edi = selector; loads it, or the null selector when it faults; 0 or -EFAULT. */
.macro LOAD_SELECTOR name, seg
	.globl	\name
\name:
	xor	%eax, %eax
20:	mov	%edi, %\seg
	ret
21:	mov	%eax, %\seg
	mov	$-14, %eax
	ret
	.pushsection .extable, "a"
	.quad	20b, 21b
	.popsection
.endm
	LOAD_SELECTOR load_ds, ds
	LOAD_SELECTOR load_es, es
	LOAD_SELECTOR load_fs, fs
	LOAD_SELECTOR load_gs, gs

	.section .extable, "a"
	.quad	10b, 12b
	.quad	11b, 13b
	.quad	14b, 15b
	.quad	16b, 18b
	.quad	17b, 18b

	.section .note.GNU-stack, "", @progbits
