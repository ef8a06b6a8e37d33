/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder (include/xl/insn.h is the contract).
 *
 * Two tables, one entry per opcode of the one-byte and of the 0f map, say what an opcode is and which bytes follow
 * it. Groups, where ModRM.reg chooses the instruction, have tables of eight. Everything not in a table is
 * INSN_NONE.
 *
 * Deliberately not here: instructions that only read memory (a read-only page table does not stop them), 16-byte
 * and 8-byte-pair compare-exchange, the accumulator's absolute-address moves, SSE stores. A guest that writes its
 * page tables with one of those gets the page fault.
 */
#include <xl/insn.h>
#include <xl/asm.h>

#define F_MODRM		0x01	/* a ModRM byte follows */
#define F_BYTE		0x02	/* operands are bytes */
#define F_IMM8		0x04	/* an immediate byte, sign-extended */
#define F_IMMZ		0x08	/* an immediate word, or double word sign-extended */
#define F_MEM		0x10	/* exists for us only with a memory operand; a lock prefix is allowed */
#define F_GROUP		0x20	/* class is an index into groups[], chosen by ModRM.reg */
#define F_NOLOCK	0x40	/* ... except here */
#define F_REGS		0x80	/* ModRM always names registers, whatever its mod field says */

struct opcode {
	u8 class, flags;
};

enum { GROUP_ALU, GROUP_MOV, GROUP_BIT, GROUP_0F01 };

#define RMW(cls)	{ INSN_##cls, F_MODRM | F_MEM }
#define RMW8(cls)	{ INSN_##cls, F_MODRM | F_MEM | F_BYTE }
#define GROUP(g, f)	{ GROUP_##g, F_MODRM | F_GROUP | (f) }

static const struct opcode one_byte[256] = {
	[0x08] = RMW8(OR),	[0x09] = RMW(OR),
	[0x20] = RMW8(AND),	[0x21] = RMW(AND),
	[0x30] = RMW8(XOR),	[0x31] = RMW(XOR),
	[0x6c] = { INSN_INS, F_BYTE },	[0x6d] = { INSN_INS, 0 },
	[0x6e] = { INSN_OUTS, F_BYTE },	[0x6f] = { INSN_OUTS, 0 },
	[0x80] = GROUP(ALU, F_MEM | F_BYTE | F_IMM8),
	[0x81] = GROUP(ALU, F_MEM | F_IMMZ),
	[0x83] = GROUP(ALU, F_MEM | F_IMM8),
	[0x86] = RMW8(XCHG),	[0x87] = RMW(XCHG),
	[0x88] = { INSN_MOV, F_MODRM | F_MEM | F_NOLOCK | F_BYTE },
	[0x89] = { INSN_MOV, F_MODRM | F_MEM | F_NOLOCK },
	[0xa4] = { INSN_MOVS, F_BYTE },	[0xa5] = { INSN_MOVS, 0 },
	[0xaa] = { INSN_STOS, F_BYTE },	[0xab] = { INSN_STOS, 0 },
	[0xc6] = GROUP(MOV, F_MEM | F_NOLOCK | F_BYTE | F_IMM8),
	[0xc7] = GROUP(MOV, F_MEM | F_NOLOCK | F_IMMZ),
	[0xcd] = { INSN_INT, F_IMM8 },
	[0xcf] = { INSN_IRET, 0 },
	[0xe4] = { INSN_IN, F_BYTE | F_IMM8 },	[0xe5] = { INSN_IN, F_IMM8 },
	[0xe6] = { INSN_OUT, F_BYTE | F_IMM8 },	[0xe7] = { INSN_OUT, F_IMM8 },
	[0xec] = { INSN_IN, F_BYTE },	[0xed] = { INSN_IN, 0 },
	[0xee] = { INSN_OUT, F_BYTE },	[0xef] = { INSN_OUT, 0 },
	[0xf4] = { INSN_HLT, 0 },
	[0xfa] = { INSN_CLI, 0 },
	[0xfb] = { INSN_STI, 0 },
};

static const struct opcode two_byte[256] = {
	[0x01] = GROUP(0F01, 0),
	[0x06] = { INSN_CLTS, 0 },
	[0x09] = { INSN_WBINVD, 0 },
	[0x20] = { INSN_MOV_FROM_CR, F_MODRM | F_REGS },
	[0x21] = { INSN_MOV_FROM_DR, F_MODRM | F_REGS },
	[0x22] = { INSN_MOV_TO_CR, F_MODRM | F_REGS },
	[0x23] = { INSN_MOV_TO_DR, F_MODRM | F_REGS },
	[0x30] = { INSN_WRMSR, 0 },
	[0x31] = { INSN_RDTSC, 0 },
	[0x32] = { INSN_RDMSR, 0 },
	[0xa2] = { INSN_CPUID, 0 },
	[0xab] = RMW(BTS),
	[0xb0] = RMW8(CMPXCHG),	[0xb1] = RMW(CMPXCHG),
	[0xb3] = RMW(BTR),
	[0xba] = GROUP(BIT, F_MEM | F_IMM8),
	[0xbb] = RMW(BTC),
	[0xc0] = RMW8(XADD),	[0xc1] = RMW(XADD),
};

/* By ModRM.reg. For 0f 01 the memory forms; its register forms are in decode_0f01(). */
static const u8 groups[][8] = {
	[GROUP_ALU]  = { [1] = INSN_OR, [4] = INSN_AND, [6] = INSN_XOR },
	[GROUP_MOV]  = { [0] = INSN_MOV },
	[GROUP_BIT]  = { [5] = INSN_BTS, [6] = INSN_BTR, [7] = INSN_BTC },
	[GROUP_0F01] = { [4] = INSN_SMSW, [6] = INSN_LMSW, [7] = INSN_INVLPG },
};

/* Where general register n lies. */
#define REG(name)	offsetof(struct cpu_user_regs, name)
static const u8 reg_offset[16] = {
	REG(rax), REG(rcx), REG(rdx), REG(rbx), REG(rsp), REG(rbp), REG(rsi), REG(rdi),
	REG(r8), REG(r9), REG(r10), REG(r11), REG(r12), REG(r13), REG(r14), REG(r15),
};
BUILD_BUG_ON(REG(rsp) > 0xff);
#undef REG

static u64 reg64(const struct cpu_user_regs *regs, u8 n)
{
	return *(const u64 *)((const char *)regs + reg_offset[n & 15]);
}

static u64 size_mask(u8 size)
{
	return size == 8 ? ~0ULL : (1ULL << (size * 8)) - 1;
}

u64 insn_reg_read(const struct cpu_user_regs *regs, u8 reg, u8 size)
{
	if (reg >= INSN_REG_HIGH)
		return (reg64(regs, reg & 3) >> 8) & 0xff;
	return reg64(regs, reg) & size_mask(size);
}

void insn_reg_write(struct cpu_user_regs *regs, u8 reg, u8 size, u64 val)
{
	u64 *p = (u64 *)((char *)regs + reg_offset[reg >= INSN_REG_HIGH ? reg & 3 : reg & 15]);
	unsigned int shift = reg >= INSN_REG_HIGH ? 8 : 0;
	u64 mask = size == 4 ? ~0ULL : size_mask(size) << shift;

	*p = (*p & ~mask) | (((val & size_mask(size)) << shift) & mask);
}

/* The state of one decoding. Reading past the bytes at hand gives zeros and sets `cut`. */
struct decode {
	const u8 *bytes;
	unsigned int n, pos;
	bool cut;
	const struct cpu_user_regs *regs;
	unsigned long seg_base;
	u8 rex;
	bool opsize16, rip_relative;
	unsigned long offset;		/* of the memory operand within its segment */
};

#define REX_W	8
#define REX_R	4
#define REX_X	2
#define REX_B	1

static u8 next_byte(struct decode *s)
{
	if (s->pos >= s->n) {
		s->cut = true;
		return 0;
	}
	return s->bytes[s->pos++];
}

/* A little-endian number of `size` bytes, sign-extended. */
static u64 next_signed(struct decode *s, unsigned int size)
{
	unsigned int i, shift = 64 - size * 8;
	u64 v = 0;

	for (i = 0; i < size; i++)
		v |= (u64)next_byte(s) << (i * 8);
	return (u64)((s64)(v << shift) >> shift);
}

enum { PREFIX_NONE, PREFIX_REX, PREFIX_OPSIZE, PREFIX_ADDRSIZE, PREFIX_LOCK, PREFIX_REP, PREFIX_FS, PREFIX_GS, PREFIX_IGNORED };

/* The other segments have base 0. */
static const u8 prefixes[256] = {
	[0x26] = PREFIX_IGNORED, [0x2e] = PREFIX_IGNORED, [0x36] = PREFIX_IGNORED, [0x3e] = PREFIX_IGNORED,
	[0x40 ... 0x4f] = PREFIX_REX,
	[0x64] = PREFIX_FS, [0x65] = PREFIX_GS, [0x66] = PREFIX_OPSIZE, [0x67] = PREFIX_ADDRSIZE,
	[0xf0] = PREFIX_LOCK, [0xf2] = PREFIX_REP, [0xf3] = PREFIX_REP,
};

/* Reads prefixes; returns the first byte that is none. */
static u8 decode_prefixes(struct decode *s, struct insn *in, unsigned long fs_base, unsigned long gs_base)
{
	u8 b;

	while (prefixes[b = next_byte(s)] != PREFIX_NONE) {
		s->rex = 0;		/* it counts only directly before the opcode */
		switch (prefixes[b]) {
		case PREFIX_REX: s->rex = b; break;
		case PREFIX_OPSIZE: s->opsize16 = true; break;
		case PREFIX_ADDRSIZE: in->addr_size = 4; break;
		case PREFIX_LOCK: in->lock = true; break;
		case PREFIX_REP: in->rep = true; break;
		case PREFIX_FS: s->seg_base = fs_base; break;
		case PREFIX_GS: s->seg_base = gs_base; break;
		}
	}
	return b;
}

/* The memory form of ModRM, with its SIB byte and displacement. */
static void decode_address(struct decode *s, u8 modrm)
{
	u8 mod = modrm >> 6, rm = modrm & 7, base = rm;
	unsigned int disp = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	bool no_base = false;

	if (rm == 4) {
		u8 sib = next_byte(s), index = ((sib >> 3) & 7) | (s->rex & REX_X ? 8 : 0);

		base = sib & 7;
		if (index != 4)
			s->offset = reg64(s->regs, index) << (sib >> 6);
		no_base = base == 5 && mod == 0;
	} else if (rm == 5 && mod == 0) {
		no_base = s->rip_relative = true;
	}
	if (no_base)
		disp = 4;
	else
		s->offset += reg64(s->regs, base | (s->rex & REX_B ? 8 : 0));
	if (disp)
		s->offset += next_signed(s, disp);
}

/* Byte registers 4 to 7 are ah, ch, dh, bh unless there is a REX prefix. */
static u8 reg_number(const struct decode *s, u8 field, u8 rex_bit, bool byte)
{
	if (byte && !s->rex && field >= 4)
		return INSN_REG_HIGH + field - 4;
	return field | (s->rex & rex_bit ? 8 : 0);
}

/* Register forms of 0f 01 are instructions of their own. */
static u8 decode_0f01(u8 modrm)
{
	switch (modrm) {
	case 0xd1:
		return INSN_XSETBV;
	case 0xf9:
		return INSN_RDTSCP;
	}
	return (modrm & 0x38) == 0x38 ? INSN_NONE : groups[GROUP_0F01][(modrm >> 3) & 7];
}

static void decode_modrm(struct decode *s, struct insn *in, const struct opcode *op)
{
	u8 modrm = next_byte(s), reg = (modrm >> 3) & 7;
	bool byte = op->flags & F_BYTE;

	in->mem = !(op->flags & F_REGS) && modrm < 0xc0;
	in->reg = reg_number(s, reg, REX_R, byte);
	if (in->mem)
		decode_address(s, modrm);
	else
		in->rm = reg_number(s, modrm & 7, REX_B, byte);
	if (op->flags & F_GROUP) {
		in->class = op->class == GROUP_0F01 && !in->mem ? decode_0f01(modrm) : groups[op->class][reg];
		in->reg = INSN_NO_REG;
	}
}

/* A bit string's bit may lie outside the addressed word when a register gives its number. */
static void move_to_bit(struct decode *s, struct insn *in)
{
	unsigned int shift = 64 - in->size * 8;
	s64 bit = (s64)(insn_reg_read(s->regs, in->reg, in->size) << shift) >> shift;

	s->offset += (unsigned long)((bit >> (in->size == 8 ? 6 : in->size == 4 ? 5 : 4)) * in->size);
}

/* Operands that no byte of the instruction names, and operand sizes that differ from the rule. */
static void decode_implicit(struct decode *s, struct insn *in, const struct opcode *op)
{
	unsigned long addr_mask = size_mask(in->addr_size);

	switch (in->class) {
	case INSN_BTS:
	case INSN_BTR:
	case INSN_BTC:
		if (in->reg != INSN_NO_REG)
			move_to_bit(s, in);
		break;
	case INSN_IN:
	case INSN_OUT:
	case INSN_INS:
	case INSN_OUTS:
		in->port = op->flags & F_IMM8 ? (u8)in->imm : (u16)s->regs->rdx;
		in->size = min_t(u8, in->size, 4);
		break;
	case INSN_MOV_FROM_CR:
	case INSN_MOV_TO_CR:
	case INSN_MOV_FROM_DR:
	case INSN_MOV_TO_DR:
		in->size = 8;
		break;
	case INSN_LMSW:
		in->size = 2;
		break;
	case INSN_SMSW:
		in->size = in->mem ? 2 : in->size;
		break;
	case INSN_INT:
		in->imm &= 0xff;
		break;
	}
	if (in->class == INSN_STOS)
		in->reg = 0;
	if (in->class == INSN_MOVS || in->class == INSN_OUTS)
		in->src_ea = (s->regs->rsi & addr_mask) + s->seg_base;
	if (in->class == INSN_MOVS || in->class == INSN_STOS || in->class == INSN_INS)
		in->ea = s->regs->rdi & addr_mask;
	if (in->mem) {
		if (s->rip_relative)
			s->offset += s->regs->rip + s->pos;
		in->ea = (s->offset & addr_mask) + s->seg_base;
	}
}

static bool starts_forced(const u8 *bytes, unsigned int n)
{
	return n > 5 && bytes[0] == 0x0f && bytes[1] == 0x0b && bytes[2] == 'x' && bytes[3] == 'e' && bytes[4] == 'n';
}

/* Decodes into *in; false: not ours. */
static bool decode_all(struct decode *s, struct insn *in, unsigned long fs_base, unsigned long gs_base)
{
	const struct opcode *op;
	u8 opcode;

	in->forced = starts_forced(s->bytes, s->n);
	if (in->forced)
		s->pos = 5;
	opcode = decode_prefixes(s, in, fs_base, gs_base);
	if (opcode == 0x0f)
		op = &two_byte[next_byte(s)];
	else
		op = &one_byte[opcode];

	in->size = op->flags & F_BYTE ? 1 : s->rex & REX_W ? 8 : s->opsize16 ? 2 : 4;
	in->class = op->flags & F_GROUP ? INSN_NONE : op->class;
	if (op->flags & F_MODRM)
		decode_modrm(s, in, op);
	if (op->flags & F_IMM8)
		in->imm = next_signed(s, 1);
	if (op->flags & F_IMMZ)
		in->imm = next_signed(s, in->size == 2 ? 2 : 4);

	if (s->cut || in->class == INSN_NONE || (in->forced && in->class != INSN_CPUID))
		return false;
	if ((op->flags & F_MEM) && !in->mem)
		return false;
	if (in->lock && (!(op->flags & F_MEM) || (op->flags & F_NOLOCK)))
		return false;
	decode_implicit(s, in, op);
	return true;
}

__hot int insn_decode(struct insn *in, const u8 *bytes, unsigned int n, const struct cpu_user_regs *regs,
		unsigned long fs_base, unsigned long gs_base)
{
	struct decode s = { .bytes = bytes, .regs = regs };

	s.n = min_t(unsigned int, n, INSN_MAX_LEN);
	*in = (struct insn){ .addr_size = 8, .reg = INSN_NO_REG, .rm = INSN_NO_REG };
	if (decode_all(&s, in, fs_base, gs_base)) {
		in->len = s.pos;
		return 0;
	}
	in->class = INSN_NONE;
	return s.cut && n < INSN_MAX_LEN ? -XEN_EFAULT : -XEN_EINVAL;
}

/* --- what the instruction does --- */

#define FL_CF	0x001
#define FL_PF	0x004
#define FL_AF	0x010
#define FL_ZF	0x040
#define FL_SF	0x080
#define FL_OF	0x800
#define FL_ARITH (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)

/* The flags that depend only on the result. */
static __hot u64 result_flags(u64 r, u8 size)
{
	u64 fl = 0;

	if (!__builtin_parity(r & 0xff))
		fl |= FL_PF;
	if (!(r & size_mask(size)))
		fl |= FL_ZF;
	if ((r >> (size * 8 - 1)) & 1)
		fl |= FL_SF;
	return fl;
}

/* a - b = r, or a + b = r; `carries` has a bit set where that position carried or borrowed. */
static __hot u64 arith_flags(u64 r, u64 carries, u8 size)
{
	unsigned int top = size * 8 - 1;
	u64 fl = result_flags(r, size);

	if ((carries >> top) & 1)
		fl |= FL_CF;
	if (((carries >> top) ^ (carries >> (top - 1))) & 1)
		fl |= FL_OF;
	if ((carries >> 3) & 1)
		fl |= FL_AF;
	return fl;
}

static u64 compare_flags(u64 a, u64 b, u8 size)
{
	u64 r = a - b;

	return arith_flags(r, (~a & b) | (~(a ^ b) & r), size);
}

static u64 add_flags(u64 a, u64 b, u8 size)
{
	u64 r = a + b;

	return arith_flags(r, (a & b) | ((a | b) & ~r), size);
}

static void set_flags(struct insn_result *res, u64 changed, u64 val)
{
	res->eflags = (res->eflags & ~changed) | val;
}

static void give_old(struct insn_result *res, u8 reg, u8 size, u64 val)
{
	res->reg = reg;
	res->reg_size = size;
	res->reg_val = val;
}

/* New value of the operand, with m in memory and s as source. */
static u64 operate(const struct insn *in, const struct cpu_user_regs *regs, u64 m, u64 s, struct insn_result *res)
{
	u64 bit = 1ULL << (s & (in->size * 8 - 1)), acc, n = s;

	switch (in->class) {
	case INSN_XCHG:
		give_old(res, in->reg, in->size, m);
		break;
	case INSN_CMPXCHG:
		acc = insn_reg_read(regs, 0, in->size);
		set_flags(res, FL_ARITH, compare_flags(acc, m, in->size));
		if (acc != m) {
			give_old(res, 0, in->size, m);
			res->write = false;
			n = m;
		}
		break;
	case INSN_XADD:
		n = m + s;
		set_flags(res, FL_ARITH, add_flags(m, s, in->size));
		give_old(res, in->reg, in->size, m);
		break;
	case INSN_AND:
	case INSN_OR:
	case INSN_XOR:
		n = in->class == INSN_AND ? m & s : in->class == INSN_OR ? m | s : m ^ s;
		set_flags(res, FL_ARITH, result_flags(n, in->size));
		break;
	case INSN_BTS:
	case INSN_BTR:
	case INSN_BTC:
		n = in->class == INSN_BTS ? m | bit : in->class == INSN_BTR ? m & ~bit : m ^ bit;
		set_flags(res, FL_CF, m & bit ? FL_CF : 0);
		break;
	}
	return n;
}

__hot int insn_apply(const struct insn *in, const struct cpu_user_regs *regs, u64 old, u64 src, struct insn_result *res)
{
	unsigned int shift = (in->ea & 7) * 8;
	u64 mask = size_mask(in->size), m, s, n;

	if (!insn_is_memory(in) || (in->ea & 7) + in->size > 8)
		return -XEN_EINVAL;
	*res = (struct insn_result){ .val = old, .write = true, .reg = INSN_NO_REG, .eflags = regs->rflags };
	if (insn_string_done(in, regs)) {
		res->write = false;
		return 0;
	}
	m = (old >> shift) & mask;
	s = in->class == INSN_MOVS ? src : in->reg == INSN_NO_REG ? in->imm : insn_reg_read(regs, in->reg, in->size);
	n = operate(in, regs, m, s & mask, res) & mask;
	if (res->write)
		res->val = (old & ~(mask << shift)) | (n << shift);
	return 0;
}

static bool is_string(const struct insn *in)
{
	return in->class == INSN_MOVS || in->class == INSN_STOS || in->class == INSN_INS || in->class == INSN_OUTS;
}

__hot bool insn_string_done(const struct insn *in, const struct cpu_user_regs *regs)
{
	return is_string(in) && in->rep && !insn_reg_read(regs, 1, in->addr_size);
}

void insn_skip(const struct insn *in, struct cpu_user_regs *regs)
{
	regs->rip += in->len;
	regs->rflags &= ~(u64)X86_EFLAGS_RF;
}

void insn_string_step(const struct insn *in, struct cpu_user_regs *regs)
{
	u64 delta = regs->rflags & X86_EFLAGS_DF ? -(u64)in->size : in->size;

	if (!insn_string_done(in, regs)) {
		if (in->class == INSN_MOVS || in->class == INSN_OUTS)
			insn_reg_write(regs, 6, in->addr_size, regs->rsi + delta);
		if (in->class != INSN_OUTS)
			insn_reg_write(regs, 7, in->addr_size, regs->rdi + delta);
		if (in->rep)
			insn_reg_write(regs, 1, in->addr_size, regs->rcx - 1);
	}
	if (!in->rep || insn_string_done(in, regs))
		insn_skip(in, regs);
}

__hot void insn_commit(const struct insn *in, const struct insn_result *res, struct cpu_user_regs *regs)
{
	regs->rflags = res->eflags;
	if (res->reg != INSN_NO_REG)
		insn_reg_write(regs, res->reg, res->reg_size, res->reg_val);
	if (is_string(in))
		insn_string_step(in, regs);
	else
		insn_skip(in, regs);
}
