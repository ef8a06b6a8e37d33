/* SPDX-License-Identifier: MIT */
/*
 * From reset to 64-bit C on an application processor.
 *
 * platform/smp.c copies everything between ap_trampoline and ap_trampoline_end to a page in the first MiB and fills the
 * parameters in; the start-up interrupt enters it in real mode with cs:ip = page:0. The boot page tables map it at its
 * physical address; the hypervisor's own are loaded as soon as the code runs in the image.
 */
#include <xl/types.h>
#include <xl/config.h>

#define PHYS(sym)	((sym) - HV_IMAGE_VIRT)
#define REL(sym)	((sym) - ap_trampoline)

	.section .rodata.trampoline, "a"
	.balign	16
	.globl	ap_trampoline, ap_trampoline_end, ap_params
ap_trampoline:
	.code16
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	movzwl	%ax, %ebx
	shl	$4, %ebx			/* ebx: physical address of the page */
	lea	REL(ap_gdt)(%ebx), %eax
	mov	%eax, REL(ap_gdt_ptr) + 2
	lea	REL(ap_32)(%ebx), %eax
	mov	%eax, REL(ap_32_ptr)
	lea	REL(ap_64)(%ebx), %eax
	mov	%eax, REL(ap_64_ptr)
	lgdtl	REL(ap_gdt_ptr)
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	*REL(ap_32_ptr)

	.code32
	/* ebx: physical address of the page */
ap_32:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$0x20, %eax			/* PAE */
	mov	%eax, %cr4
	mov	$PHYS(boot_l4), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx		/* EFER: long mode, NX, SYSCALL */
	rdmsr
	or	$0x901, %eax
	wrmsr
	mov	$0x80010033, %eax		/* PG, WP, NE, ET, MP, PE */
	mov	%eax, %cr0
	ljmp	*REL(ap_64_ptr)(%ebx)

	.code64
	/* rbx: physical address of the page; its upper half may hold anything */
ap_64:	mov	%ebx, %ebx
	mov	REL(ap_params)(%rbx), %rdx	/* page table */
	mov	REL(ap_params) + 8(%rbx), %rsp	/* stack */
	movabs	$ap_image, %rax
	jmp	*%rax

	.balign	8
ap_gdt:	.quad	0
	.quad	0x00cf9a000000ffff		/* 0x08: 32-bit code */
	.quad	0x00cf92000000ffff		/* 0x10: data */
	.quad	0x00af9a000000ffff		/* 0x18: 64-bit code */
ap_gdt_ptr:
	.word	. - ap_gdt - 1
	.long	0
ap_32_ptr:
	.long	0
	.word	0x08
ap_64_ptr:
	.long	0
	.word	0x18
	.balign	8
ap_params:
	.quad	0, 0
ap_trampoline_end:

	.text
	/* rdx: physical address of the hypervisor's page table; rsp: the CPU's stack, mapped only by that table */
ap_image:
	mov	%rdx, %cr3
	xor	%eax, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	xor	%ebp, %ebp
	push	%rbp				/* ends back traces, aligns the stack */
	call	ap_main
	ud2

	.section .note.GNU-stack, "", @progbits
