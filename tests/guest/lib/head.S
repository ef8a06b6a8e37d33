/* SPDX-License-Identifier: MIT */
/*
 * Entry point and ELF notes of a test kernel.
 */
#define __ASSEMBLY__
#include "public/elfnote.h"
#include "guest.h"

	.macro note type, value:vararg
	.pushsection .note.Xen, "a", @note
	.align 4
	.long 4, 8, \type
	.asciz "Xen"
	.quad \value
	.popsection
	.endm
	.macro note_string type, text
	.pushsection .note.Xen, "a", @note
	.align 4
	.long 4, 2f - 1f, \type
	.asciz "Xen"
1:	.asciz "\text"
2:	.align 4
	.popsection
	.endm

	note_string XEN_ELFNOTE_GUEST_OS, "xen-lite-test"
	note_string XEN_ELFNOTE_XEN_VERSION, "xen-3.0"
	note_string XEN_ELFNOTE_LOADER, "generic"
	note_string XEN_ELFNOTE_PAE_MODE, "yes"
	note XEN_ELFNOTE_VIRT_BASE, VIRT_BASE
	note XEN_ELFNOTE_ENTRY, _start
	note XEN_ELFNOTE_HYPERCALL_PAGE, hypercall_page
	note XEN_ELFNOTE_SUPPORTED_FEATURES, 0x801

	.text
/*
 * In: rsi = start_info, rsp = boot stack, everything else as the hypervisor left it.
 * Saves it all to entry_state, then calls guest_start(start_info) on a stack of our own.
 */
	.globl _start
_start:
	mov %rax, entry_state + 0
	mov %rbx, entry_state + 8
	mov %rcx, entry_state + 16
	mov %rdx, entry_state + 24
	mov %rsi, entry_state + 32
	mov %rdi, entry_state + 40
	mov %rbp, entry_state + 48
	mov %rsp, entry_state + 56
	mov %r8, entry_state + 64
	mov %r9, entry_state + 72
	mov %r10, entry_state + 80
	mov %r11, entry_state + 88
	mov %r12, entry_state + 96
	mov %r13, entry_state + 104
	mov %r14, entry_state + 112
	mov %r15, entry_state + 120
	mov %cs, entry_state + 128
	mov %ss, entry_state + 136
	mov %ds, entry_state + 144
	mov %es, entry_state + 152
	mov %fs, entry_state + 160
	mov %gs, entry_state + 168
	pushfq
	popq entry_state + 176
	cld
	lea boot_stack + STACK_SIZE(%rip), %rsp
	xor %ebp, %ebp
	mov %rsi, %rdi
	call guest_start
	ud2

	.data
	.align 8
	.globl entry_state
entry_state:
	.fill 23, 8, 0

	.bss
	.align 4096
	.globl hypercall_page
hypercall_page:
	.skip 4096
	.globl boot_stack
boot_stack:
	.skip STACK_SIZE
