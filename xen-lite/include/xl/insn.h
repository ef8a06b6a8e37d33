/* SPDX-License-Identifier: MIT */
/*
 * One instruction decoder for the two places that must carry out what a guest's instruction would have done:
 * writes to page tables (pv/ptwr.c) and privileged instructions (pv/priv_op.c).
 *
 * Both functions are pure: bytes and registers in, a description or a result out. They touch no guest memory, no
 * lock and no global, so the unit test runs them on the build host against the processor itself. What the table in
 * pv/insn.c does not name is INSN_NONE, and the caller reflects the fault. The code is taken to be 64-bit: callers
 * test CS first.
 */
#ifndef XL_INSN_H
#define XL_INSN_H

#include <xl/types.h>
#include <public/xen.h>

#define INSN_MAX_LEN	15

enum insn_class {
	INSN_NONE,		/* not one of ours */
	/* Reads or writes of memory at in->ea, `size` bytes; these go to insn_apply(). */
	INSN_MOV,		/* register or immediate to memory */
	INSN_XCHG,
	INSN_CMPXCHG,
	INSN_XADD,
	INSN_AND,
	INSN_OR,
	INSN_XOR,
	INSN_BTS,
	INSN_BTR,
	INSN_BTC,
	INSN_MOVS,		/* one element per step, from in->src_ea */
	INSN_STOS,
	/* Privileged, or made to trap. */
	INSN_IN,		/* in->port */
	INSN_OUT,
	INSN_INS,		/* one element per step: port to in->ea */
	INSN_OUTS,		/* in->src_ea to port */
	INSN_CLI,
	INSN_STI,
	INSN_HLT,
	INSN_CLTS,
	INSN_WBINVD,
	INSN_MOV_FROM_CR,	/* in->reg: control register, in->rm: general register */
	INSN_MOV_TO_CR,
	INSN_MOV_FROM_DR,
	INSN_MOV_TO_DR,
	INSN_RDMSR,
	INSN_WRMSR,
	INSN_RDTSC,
	INSN_RDTSCP,
	INSN_CPUID,
	INSN_XSETBV,
	INSN_LMSW,		/* in->rm, or memory at in->ea */
	INSN_SMSW,
	INSN_INVLPG,		/* in->ea */
	INSN_INT,		/* int n: in->imm is n */
	INSN_IRET,		/* in->size: of each stack slot */
};

/* Operand numbers beyond the 16 general registers: ah, ch, dh, bh. */
#define INSN_REG_HIGH	16
#define INSN_NO_REG	0xff

struct insn {
	u8 class;		/* enum insn_class */
	u8 len;			/* bytes, forced-emulation prefix included */
	u8 size;		/* of the operand: 1, 2, 4 or 8 bytes */
	u8 addr_size;		/* 8, or 4 with an address-size prefix: string instructions count in it */
	u8 reg;			/* register operand, control or debug register number; INSN_NO_REG: imm is the source */
	u8 rm;			/* ModRM.rm as register, when !mem */
	bool mem;		/* the other operand is memory at ea */
	bool lock;
	bool rep;		/* f2 or f3: a string instruction repeats */
	bool forced;		/* behind ud2; "xen" */
	u16 port;		/* in, out, ins, outs */
	u64 imm;		/* sign-extended to 64 bits */
	unsigned long ea;	/* linear address of the operand; for bt* that of the word with the bit */
	unsigned long src_ea;	/* movs, outs */
};

/*
 * Decodes the instruction at regs->rip from the n bytes fetched there. 0; -XEN_EFAULT: n bytes are not all of it
 * (n below INSN_MAX_LEN); -XEN_EINVAL: nothing that we emulate, class is INSN_NONE.
 */
int insn_decode(struct insn *in, const u8 *bytes, unsigned int n, const struct cpu_user_regs *regs,
		unsigned long fs_base, unsigned long gs_base);

/* Reads or writes memory that insn_apply() can speak for; everything else that decodes is privileged. */
static inline bool insn_is_memory(const struct insn *in)
{
	return in->class >= INSN_MOV && in->class <= INSN_STOS;
}

/* What a memory instruction does to the 8-byte word around its operand, and to the registers. */
struct insn_result {
	u64 val;		/* the word afterwards */
	bool write;		/* false: a cmpxchg that found something else; val is the old word */
	u8 reg;			/* general register that receives reg_val, or INSN_NO_REG */
	u8 reg_size;		/* bytes of it; 4 clears the upper half, as the processor does */
	u64 reg_val;
	u64 eflags;		/* all of RFLAGS afterwards */
};

/*
 * Applies a memory instruction to `old`, the aligned 8-byte word that contains in->ea. `src` is what movs read at
 * in->src_ea. -XEN_EINVAL: not a memory instruction, or the operand does not lie within one such word. The caller
 * stores res->val by cmpxchg against `old`, starts again when the word has changed meanwhile, and then calls
 * insn_commit().
 */
int insn_apply(const struct insn *in, const struct cpu_user_regs *regs, u64 old, u64 src, struct insn_result *res);

/* The registers after insn_apply(): result register, flags, string pointers, rip. */
void insn_commit(const struct insn *in, const struct insn_result *res, struct cpu_user_regs *regs);

/* Steps over the instruction (rip, and the resume flag is cleared). */
void insn_skip(const struct insn *in, struct cpu_user_regs *regs);

/*
 * One element of a string instruction is done: advances rsi, rdi as the class uses them, counts rcx down when it
 * repeats, and steps over the instruction after the last element. insn_string_done(): a repeat count of 0, nothing
 * to do at all.
 */
void insn_string_step(const struct insn *in, struct cpu_user_regs *regs);
bool insn_string_done(const struct insn *in, const struct cpu_user_regs *regs);

/* General registers by number, in `size` bytes; numbers from INSN_REG_HIGH are ah, ch, dh, bh. */
u64 insn_reg_read(const struct cpu_user_regs *regs, u8 reg, u8 size);
void insn_reg_write(struct cpu_user_regs *regs, u8 reg, u8 size, u64 val);

#endif
