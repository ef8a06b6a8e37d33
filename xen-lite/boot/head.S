/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader to 64-bit C.
 *
 * Multiboot 1 and 2 both enter boot_entry in 32-bit protected mode, paging off, eax = magic, ebx = information
 * block. The boot page tables map the first 4 GiB at 0 and at DIRECTMAP_VIRT, and the first GiB at
 * HV_IMAGE_VIRT; hv_map_init() replaces them.
 */
#include <xl/types.h>
#include <xl/config.h>
#include <xl/asm_offsets.h>

#define PHYS(sym)	((sym) - HV_IMAGE_VIRT)

#define MB1_MAGIC	0x1badb002
#define MB1_FLAGS	0x00010003	/* modules page aligned, memory map, address fields valid */
#define MB2_MAGIC	0xe85250d6

	.section .boot.header, "ax"
	.code32
	.balign	8
mb1_header:
	.long	MB1_MAGIC
	.long	MB1_FLAGS
	.long	-(MB1_MAGIC + MB1_FLAGS)
	.long	PHYS(mb1_header)
	.long	PHYS(_start)
	.long	PHYS(_edata)
	.long	PHYS(_end)
	.long	PHYS(boot_entry)

	.balign	8
mb2_header:
	.long	MB2_MAGIC
	.long	0
	.long	mb2_end - mb2_header
	.long	-(MB2_MAGIC + (mb2_end - mb2_header))
	/* information request: command line, modules, memory map, old and new ACPI RSDP */
	.word	1, 0
	.long	8 + 4 * 5
	.long	1, 3, 6, 14, 15
	.balign	8
	/* address tag, as in the multiboot 1 header */
	.word	2, 0
	.long	24
	.long	PHYS(mb2_header), PHYS(_start), PHYS(_edata), PHYS(_end)
	/* entry address */
	.word	3, 0
	.long	12
	.long	PHYS(boot_entry)
	.balign	8
	/* modules page aligned */
	.word	6, 0
	.long	8
	/* end */
	.word	0, 0
	.long	8
mb2_end:

	.section .boot.text, "ax"
	.code32
	.globl	boot_entry
boot_entry:
	cli
	cld
	mov	%eax, %ebp			/* magic; esi keeps the information block */
	mov	%ebx, %esi
	mov	$PHYS(boot_stack_top), %esp

	/* A processor without long mode or NX cannot run us: say so on the serial line and stop. */
	mov	$0x80000000, %eax
	cpuid
	cmp	$0x80000001, %eax
	jb	no_long_mode
	mov	$0x80000001, %eax
	cpuid
	bt	$29, %edx
	jnc	no_long_mode
	bt	$20, %edx
	jnc	no_long_mode

	/* 4 GiB in 2 MiB pages: four L2 tables, one after the other. */
	mov	$PHYS(boot_l2), %edi
	mov	$0x183, %eax			/* present, writable, 2 MiB, global */
	mov	$2048, %ecx
1:	mov	%eax, (%edi)
	movl	$0, 4(%edi)
	add	$0x200000, %eax
	add	$8, %edi
	loop	1b

	mov	$PHYS(boot_l3_low), %edi
	mov	$(PHYS(boot_l2) + 3), %eax
	mov	$4, %ecx
2:	mov	%eax, (%edi)
	add	$4096, %eax
	add	$8, %edi
	loop	2b
	movl	$(PHYS(boot_l2) + 3), PHYS(boot_l3_image) + 8 * ((HV_IMAGE_VIRT >> 30) & 511)

	movl	$(PHYS(boot_l3_low) + 3), PHYS(boot_l4)
	movl	$(PHYS(boot_l3_low) + 3), PHYS(boot_l4) + 8 * ((DIRECTMAP_VIRT >> 39) & 511)
	movl	$(PHYS(boot_l3_image) + 3), PHYS(boot_l4) + 8 * ((HV_IMAGE_VIRT >> 39) & 511)

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
	lgdt	PHYS(boot_gdt_ptr)
	ljmp	$8, $PHYS(boot_long_mode)

no_long_mode:
	mov	$PHYS(no_long_mode_text), %esi
1:	lodsb
	test	%al, %al
	jz	3f
	mov	%al, %bl
	mov	$0x3fd, %edx
2:	inb	%dx, %al
	test	$0x20, %al
	jz	2b
	mov	%bl, %al
	mov	$0x3f8, %edx
	outb	%al, %dx
	jmp	1b
3:	hlt
	jmp	3b

no_long_mode_text:
	.asciz	"xen-lite: this processor has no 64-bit mode with NX; it cannot run here.\r\n"

	.balign	8
boot_gdt:
	.quad	0
	.quad	0x00af9a000000ffff		/* 0x08: ring 0, 64-bit code */
	.quad	0x00cf92000000ffff		/* 0x10: data */
boot_gdt_end:
boot_gdt_ptr:
	.word	boot_gdt_end - boot_gdt - 1
	.quad	PHYS(boot_gdt)

	.code64
boot_long_mode:
	movabs	$1f, %rax			/* leave the low mapping */
	jmp	*%rax
1:	mov	$0x10, %eax
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	lea	boot_stack_top - CPUINFO_SIZE(%rip), %rsp
	mov	%ebp, %edi
	mov	%esi, %esi
	xor	%ebp, %ebp
	push	%rbp				/* ends back traces, aligns the stack */
	call	start_hypervisor
	ud2

	.section .bss.stack, "aw", @nobits
	.balign	STACK_SIZE
	.globl	boot_stack
boot_stack:
	.skip	STACK_SIZE
boot_stack_top:

	.section .bss.page_aligned, "aw", @nobits
	.balign	4096
	.globl	boot_l4				/* boot/ap_trampoline.S goes through it too */
boot_l4:	.skip	4096
boot_l3_low:	.skip	4096
boot_l3_image:	.skip	4096
boot_l2:	.skip	4 * 4096

	.section .note.GNU-stack, "", @progbits
