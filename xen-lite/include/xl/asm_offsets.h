/* SPDX-License-Identifier: MIT */
/* Offsets and sizes that assembly needs; entry/traps.c asserts each against the C layout. */
#ifndef XL_ASM_OFFSETS_H
#define XL_ASM_OFFSETS_H

#define UREGS_rax		80
#define UREGS_error_code	120
#define UREGS_entry_vector	124
#define UREGS_rip		128
#define UREGS_cs		136
#define UREGS_rflags		144
#define UREGS_rsp		152
#define UREGS_es		168	/* one past what the processor pushes: where the stack pointer starts */
#define CPUINFO_SIZE		232

#define EFLAGS_VM		0x20000	/* X86_EFLAGS_VM */
#define ENTRY_SYSCALL		0x100	/* entry_vector of a syscall instruction */

#endif
