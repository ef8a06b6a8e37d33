/* SPDX-License-Identifier: MIT */
/*
 * A 32-bit program that makes a thousand system calls in the way the kernel recommends (AT_SYSINFO): SYSENTER, SYSCALL
 * or int 0x80. Prints "ok"; status 1 if one gave a wrong answer. No library, so it needs no 32-bit ones.
 */
	.code32
	.globl _start
_start:
	mov	(%esp), %ecx			/* argc, argv, 0, envp, 0, pairs of the auxiliary vector */
	lea	8(%esp, %ecx, 4), %ebx
1:	mov	(%ebx), %eax
	add	$4, %ebx
	test	%eax, %eax
	jnz	1b
2:	mov	(%ebx), %eax
	test	%eax, %eax
	jz	bad
	add	$8, %ebx
	cmp	$32, %eax			/* AT_SYSINFO */
	jne	2b
	mov	-4(%ebx), %esi
	mov	$1000, %edi
3:	mov	$20, %eax			/* getpid */
	call	*%esi
	test	%eax, %eax
	jle	bad
	dec	%edi
	jnz	3b
	mov	$4, %eax			/* write(1, msg, 3) */
	mov	$1, %ebx
	mov	$msg, %ecx
	mov	$3, %edx
	call	*%esi
	xor	%ebx, %ebx
	cmp	$3, %eax
	je	end
bad:	mov	$1, %ebx
end:	mov	$1, %eax			/* exit */
	int	$0x80

	.data
msg:	.ascii	"ok\n"

	.section .note.GNU-stack, "", @progbits
