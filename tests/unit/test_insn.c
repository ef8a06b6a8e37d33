/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's instruction decoder against the assembler and against the processor this runs on.
 *
 * Encodings come from gas when this file is compiled (ENCODE). Each memory instruction is then decoded, applied to
 * a copy of a buffer, and also executed for real on the buffer with the same registers: memory, registers and
 * defined flags must agree. Every form of memory operand is compared with what `lea` computes. Privileged
 * instructions are only decoded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <CUnit/Basic.h>
#include <xl/insn.h>

#define CF	0x001
#define PF	0x004
#define AF	0x010
#define ZF	0x040
#define SF	0x080
#define OF	0x800
#define ARITH	(CF | PF | AF | ZF | SF | OF)
#define LOGIC	(CF | PF | ZF | SF | OF)	/* AF is undefined after and, or, xor */
#define BITOP	(CF | ZF)			/* the others are undefined after bts, btr, btc */

/* --- running one instruction for real --- */

struct cpu_user_regs native_regs;
unsigned long native_host_sp;
void *native_code;
void native_run(void);
extern const u8 native_return[];

_Static_assert(offsetof(struct cpu_user_regs, rflags) == 144 && offsetof(struct cpu_user_regs, rsp) == 152 &&
	       offsetof(struct cpu_user_regs, rdi) == 112 && offsetof(struct cpu_user_regs, rax) == 80,
	       "the offsets below");

__asm__(".text\n"
	".macro each_reg op\n"
	"	\\op 0, %r15\n	\\op 8, %r14\n	\\op 16, %r13\n	\\op 24, %r12\n	\\op 32, %rbp\n	\\op 40, %rbx\n"
	"	\\op 48, %r11\n	\\op 56, %r10\n	\\op 64, %r9\n	\\op 72, %r8\n	\\op 80, %rax\n	\\op 88, %rcx\n"
	"	\\op 96, %rdx\n	\\op 104, %rsi\n	\\op 112, %rdi\n"
	".endm\n"
	".macro load_reg off, reg\n	mov native_regs+\\off(%rip), \\reg\n.endm\n"
	".macro store_reg off, reg\n	mov \\reg, native_regs+\\off(%rip)\n.endm\n"
	".globl native_run, native_return\n"
	"native_run:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, native_host_sp(%rip)\n"
	"	push native_regs+144(%rip); popf\n"
	"	each_reg load_reg\n"
	"	mov native_regs+152(%rip), %rsp\n"
	"	jmp *native_code(%rip)\n"
	"native_return:\n"
	"	mov native_host_sp(%rip), %rsp\n"
	"	each_reg store_reg\n"
	"	pushf; pop native_regs+144(%rip)\n"
	"	cld\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n");

/* Executes one instruction with regs; *regs receives what it left, rsp and rip excepted. */
static void run_natively(const u8 *bytes, unsigned int len, struct cpu_user_regs *regs)
{
	static const u8 jump[6] = { 0xff, 0x25 };	/* jmp *0(%rip) */
	const void *back = native_return;
	u8 *p;

	if (!native_code)
		native_code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	p = native_code;
	memcpy(p, bytes, len);
	memcpy(p + len, jump, sizeof(jump));
	memcpy(p + len + sizeof(jump), &back, sizeof(back));
	native_regs = *regs;
	native_run();
	*regs = native_regs;
}

static u64 random64(void)
{
	static u64 s = 0x9e3779b97f4a7c15ULL;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return s;
}

/* --- encodings, made by the assembler --- */

struct encoding {
	const char *text;
	const u8 *start, *end;
	u8 class, size;
	u64 flags;		/* memory instructions: which RFLAGS bits to compare */
	u8 reg, rm;		/* privileged ones: expected operands */
	u64 imm;
};

#define ENCODE(n, asm_text)								\
	__asm__(".pushsection .rodata; enc_" #n ": " asm_text "; enc_end_" #n ": .popsection");	\
	extern const u8 enc_##n[] __asm__("enc_" #n), enc_end_##n[] __asm__("enc_end_" #n);

#define MEMORY_LIST(X) \
	X(m0, "movb %al,(%rdi)", MOV, 1, ARITH)			X(m1, "movb %ah,3(%rdi)", MOV, 1, ARITH) \
	X(m2, "movb %sil,(%rdi)", MOV, 1, ARITH)		X(m3, "movb %bh,(%rdi)", MOV, 1, ARITH) \
	X(m4, "movw %cx,2(%r13)", MOV, 2, ARITH)		X(m5, "movl %r9d,4(%rdi)", MOV, 4, ARITH) \
	X(m6, "movq %rax,(%rdi)", MOV, 8, ARITH)		X(m7, "movq %r15,(%rdi,%rsi,8)", MOV, 8, ARITH) \
	X(m8, "movq %rbx,0x40(%r12,%rsi,8)", MOV, 8, ARITH)	X(m9, "movq %rdx,-0x80(%rbp)", MOV, 8, ARITH) \
	X(m10, "movb $0x81,(%rdi)", MOV, 1, ARITH)		X(m11, "movw $0x8123,(%rdi)", MOV, 2, ARITH) \
	X(m12, "movl $0x81234567,(%rdi)", MOV, 4, ARITH)	X(m13, "movq $-0x7edcba99,(%rdi)", MOV, 8, ARITH) \
	X(m14, "movq $0,0x100(%r13,%r8,4)", MOV, 8, ARITH)	X(m15, "movq %rax,(%edi)", MOV, 8, ARITH) \
	X(m16, "movl $5,8(%r13d,%r8d,8)", MOV, 4, ARITH)	X(m17, "movw $0x1234,6(%rdi)", MOV, 2, ARITH) \
	X(x0, "xchgb %al,(%rdi)", XCHG, 1, ARITH)		X(x1, "xchgb %dh,1(%rdi)", XCHG, 1, ARITH) \
	X(x2, "xchgb %r11b,1(%rdi)", XCHG, 1, ARITH)		X(x3, "xchgw %dx,(%rdi)", XCHG, 2, ARITH) \
	X(x4, "xchgl %edx,4(%rdi)", XCHG, 4, ARITH)		X(x5, "xchgq %rax,(%rdi)", XCHG, 8, ARITH) \
	X(x6, "lock xchgq %r14,(%r12)", XCHG, 8, ARITH)		X(x7, "xchgq %rdi,(%rdi)", XCHG, 8, ARITH) \
	X(c0, "lock cmpxchgb %cl,(%rdi)", CMPXCHG, 1, ARITH)	X(c1, "cmpxchgw %cx,(%rdi)", CMPXCHG, 2, ARITH) \
	X(c2, "lock cmpxchgl %ecx,(%rdi)", CMPXCHG, 4, ARITH)	X(c3, "lock cmpxchgq %rcx,(%rdi)", CMPXCHG, 8, ARITH) \
	X(c4, "cmpxchgq %rax,(%rdi)", CMPXCHG, 8, ARITH)\
	X(c5, "lock cmpxchgq %r10,8(%rdi,%rsi,8)", CMPXCHG, 8, ARITH) \
	X(c6, "cmpxchgb %ah,(%rdi)", CMPXCHG, 1, ARITH) \
	X(a0, "lock xaddb %ch,(%rdi)", XADD, 1, ARITH)		X(a1, "xaddw %cx,(%rdi)", XADD, 2, ARITH) \
	X(a2, "lock xaddl %ecx,4(%rdi)", XADD, 4, ARITH)	X(a3, "xaddq %r11,(%rdi)", XADD, 8, ARITH) \
	X(l0, "lock andb $0xfd,(%rdi)", AND, 1, LOGIC)		X(l1, "lock andl $-3,(%rdi)", AND, 4, LOGIC) \
	X(l2, "andq $0x7fffffff,(%rdi)", AND, 8, LOGIC)		X(l3, "lock andq %rax,(%rdi)", AND, 8, LOGIC) \
	X(l4, "andw $0x1ff,(%rdi)", AND, 2, LOGIC)		X(l5, "andb %bl,7(%rdi)", AND, 1, LOGIC) \
	X(l6, "lock orb $0x42,(%rdi)", OR, 1, LOGIC)		X(l7, "orl $0x80000001,4(%rdi)", OR, 4, LOGIC) \
	X(l8, "lock orq %r8,(%rdi)", OR, 8, LOGIC)		X(l9, "orb %dl,5(%rdi)", OR, 1, LOGIC) \
	X(l10, "lock xorq $-1,(%rdi)", XOR, 8, LOGIC)		X(l11, "xorl %eax,(%rdi)", XOR, 4, LOGIC) \
	X(l12, "xorb %spl,(%rdi)", XOR, 1, LOGIC)		X(l13, "xorw $0x7fff,2(%rdi)", XOR, 2, LOGIC) \
	X(l14, "xorb $1,(%rdi)", XOR, 1, LOGIC)			X(l15, "orq $0x12345678,(%rdi)", OR, 8, LOGIC) \
	X(b0, "lock btrq $1,(%rdi)", BTR, 8, BITOP)		X(b1, "lock btsl $37,(%rdi)", BTS, 4, BITOP) \
	X(b2, "btcw $15,6(%rdi)", BTC, 2, BITOP)		X(b3, "lock btrq $5,(%rdi)", BTR, 8, BITOP) \
	X(b4, "lock btrq %rcx,(%rdi)", BTR, 8, BITOP)		X(b5, "lock btsl %ecx,(%rdi)", BTS, 4, BITOP) \
	X(b6, "btcw %cx,(%rdi)", BTC, 2, BITOP)			X(b7, "btsq %rcx,0x10(%rdi)", BTS, 8, BITOP) \
	X(b8, "lock btcl %ecx,4(%rdi)", BTC, 4, BITOP)		X(b9, "btrw %cx,2(%rdi)", BTR, 2, BITOP) \
	X(s0, "movsb", MOVS, 1, ARITH)	X(s1, "movsw", MOVS, 2, ARITH)	X(s2, "movsl", MOVS, 4, ARITH) \
	X(s3, "movsq", MOVS, 8, ARITH)	X(s4, "stosb", STOS, 1, ARITH)	X(s5, "stosw", STOS, 2, ARITH) \
	X(s6, "stosl", STOS, 4, ARITH)	X(s7, "stosq", STOS, 8, ARITH) \
	X(s8, "rep movsq", MOVS, 8, ARITH)	X(s9, "rep stosq", STOS, 8, ARITH) \
	X(s10, "rep stosb", STOS, 1, ARITH)	X(s11, "repne stosl", STOS, 4, ARITH)\
	X(s12, "rep movsb", MOVS, 1, ARITH) \
	X(s13, "addr32 rep stosq", STOS, 8, ARITH)	X(s14, "addr32 movsl", MOVS, 4, ARITH)

#define X(n, text, c, s, f) ENCODE(n, text)
MEMORY_LIST(X)
#undef X
static const struct encoding memory_list[] = {
#define X(n, t, c, s, f) { .text = t, .start = enc_##n, .end = enc_end_##n, .class = INSN_##c, .size = s, .flags = f },
	MEMORY_LIST(X)
#undef X
};

#define NR	INSN_NO_REG
#define PRIV_LIST(X) \
	X(p0, "inb $0x42,%al", IN, 1, NR, NR, 0x42)	X(p1, "inl $0x42,%eax", IN, 4, NR, NR, 0x42) \
	X(p2, "inw %dx,%ax", IN, 2, NR, NR, 0x1234)	X(p3, "outb %al,$0x80", OUT, 1, NR, NR, 0x80) \
	X(p4, "outl %eax,%dx", OUT, 4, NR, NR, 0x1234)	X(p5, "outb %al,%dx", OUT, 1, NR, NR, 0x1234) \
	X(p6, "rep insb", INS, 1, NR, NR, 0x1234)	X(p7, "rep outsl", OUTS, 4, NR, NR, 0x1234) \
	X(p8, "insw", INS, 2, NR, NR, 0x1234)		X(p9, "rex.w outsl", OUTS, 4, NR, NR, 0x1234) \
	X(p10, "cli", CLI, 4, NR, NR, 0)		X(p11, "sti", STI, 4, NR, NR, 0) \
	X(p12, "hlt", HLT, 4, NR, NR, 0)		X(p13, "clts", CLTS, 4, NR, NR, 0) \
	X(p14, "wbinvd", WBINVD, 4, NR, NR, 0)		X(p15, "mov %cr2,%rcx", MOV_FROM_CR, 8, 2, 1, 0) \
	X(p16, "mov %cr0,%rax", MOV_FROM_CR, 8, 0, 0, 0)	X(p17, "mov %cr4,%r15", MOV_FROM_CR, 8, 4, 15, 0) \
	X(p18, "mov %rdi,%cr3", MOV_TO_CR, 8, 3, 7, 0)	X(p19, "mov %r9,%cr8", MOV_TO_CR, 8, 8, 9, 0) \
	X(p20, "mov %db7,%rsi", MOV_FROM_DR, 8, 7, 6, 0)	X(p21, "mov %rsp,%db6", MOV_TO_DR, 8, 6, 4, 0) \
	X(p22, "rdmsr", RDMSR, 4, NR, NR, 0)		X(p23, "wrmsr", WRMSR, 4, NR, NR, 0) \
	X(p24, "rdtsc", RDTSC, 4, NR, NR, 0)		X(p25, "rdtscp", RDTSCP, 4, NR, 1, 0) \
	X(p26, "cpuid", CPUID, 4, NR, NR, 0)		X(p27, "xsetbv", XSETBV, 4, NR, 1, 0) \
	X(p28, "lmsw %cx", LMSW, 2, NR, 1, 0)		X(p29, "smsw %r12d", SMSW, 4, NR, 12, 0) \
	X(p30, "int $0x80", INT, 4, NR, NR, 0x80)	X(p31, "int $0xff", INT, 4, NR, NR, 0xff) \
	X(p32, "iretq", IRET, 8, NR, NR, 0)		X(p33, "iretl", IRET, 4, NR, NR, 0) \
	X(p34, ".byte 0x0f,0x0b,0x78,0x65,0x6e; cpuid", CPUID, 4, NR, NR, 0) \
	X(p35, "smsw %rax", SMSW, 8, NR, 0, 0)		X(p36, "mov %rbx,%cr4", MOV_TO_CR, 8, 4, 3, 0) \
	X(p37, ".byte 0x0f,0x22,0x18", MOV_TO_CR, 8, 3, 0, 0)	/* mod 0 is ignored */ \
	X(p38, "wrmsr; wbinvd", WRMSR, 4, NR, NR, 0)

#define X(n, text, c, s, r, m, i) ENCODE(n, text)
PRIV_LIST(X)
#undef X
static const struct encoding priv_list[] = {
#define X(n, t, c, s, r, m, i) \
	{ .text = t, .start = enc_##n, .end = enc_end_##n, .class = INSN_##c, .size = s, .reg = r, .rm = m, .imm = i },
	PRIV_LIST(X)
#undef X
};

/* What a guest may well execute and what we leave to its own trap handler. */
#define REFUSED_LIST(X) \
	X(r0, "movq (%rdi),%rax") X(r1, "cmpxchg16b (%rdi)") X(r2, "cmpxchg8b (%rdi)") X(r3, "lgdt (%rdi)") \
	X(r4, "lidt (%rdi)") X(r5, "ltr %ax") X(r6, "lldt %ax") X(r7, "swapgs") X(r8, "sysretq") \
	X(r9, "ud2; nop; nop; nop; nop") \
	X(r10, "addq $1,(%rdi)") X(r11, "movq %rax,%rbx") X(r12, "andl %eax,%ebx") X(r13, "movaps %xmm0,(%rdi)") \
	X(r14, ".byte 0xf0,0x89,0x07") X(r15, ".byte 0xf0,0x0f,0x30") X(r16, ".byte 0xf0,0x0f,0x22,0xc0") \
	X(r17, ".byte 0x0f,0x0b,0x78,0x65,0x6e; rdtsc") X(r18, "btq %rcx,(%rdi)") X(r19, "xgetbv") \
	X(r20, "testb $1,(%rdi)") \
	X(r21, "btrq %rcx,%rax") X(r22, "notq (%rdi)") X(r23, "popf") X(r24, "syscall") X(r25, "sgdt (%rdi)") \
	X(r26, "movq %ds,%rax") X(r27, "mov %eax,%ds") X(r28, "lretq") X(r29, "vmcall") X(r30, "cmpl $1,(%rdi)") \
	X(r31, "invd")

#define X(n, text) ENCODE(n, text)
REFUSED_LIST(X)
#undef X
static const struct encoding refused_list[] = {
#define X(n, t) { .text = t, .start = enc_##n, .end = enc_end_##n },
	REFUSED_LIST(X)
#undef X
};

/* --- memory instructions --- */

#define BUF_SIZE	8192

static u8 *buf;			/* below 4 GiB, so that 32-bit addresses reach it */

static u64 near_small(u8 size)
{
	u64 v = random64() % 512 - 256, mask = size == 8 ? ~0ULL : (1ULL << (size * 8)) - 1;

	return (v & mask) | (random64() & ~mask);
}

/* Registers with which the instruction of the list hits the buffer. */
static void choose_regs(const struct encoding *e, struct cpu_user_regs *regs)
{
	u64 mid = (u64)buf + BUF_SIZE / 2 + (random64() % 64) * 8;
	bool addr32 = strstr(e->text, "addr32") || strstr(e->text, "(%edi") || strstr(e->text, "(%r13d");
	bool bit = strchr(e->text, 'b') == strstr(e->text, "bt") || strstr(e->text, "lock bt");
	unsigned int i;

	for (i = 0; i < 15; i++)
		((u64 *)regs)[i] = random64();
	regs->rflags = (random64() & ARITH) | 0x202 | (random64() & 1 ? 0x400 : 0);
	regs->rdi = regs->r12 = regs->r13 = regs->rbp = mid;
	regs->rsi = random64() % 16;
	regs->r8 = random64() % 4 * 8;
	regs->rsp = mid - 1024;
	if (bit)
		regs->rcx = near_small(e->size);
	if (e->class == INSN_MOVS)
		regs->rsi = mid - 512;
	if (strstr(e->text, "rep"))
		regs->rcx = random64() % 20 + addr32;	/* processors differ in what a 32-bit count of 0 does to rcx */
	if (e->class == INSN_CMPXCHG && random64() % 2)
		memcpy(&regs->rax, (u8 *)mid + (strstr(e->text, "8(%rdi,") ? 8 + regs->rsi * 8 : 0), e->size);
	if (addr32) {
		regs->rdi |= random64() << 32;
		regs->r13 |= random64() << 32;
		regs->r8 |= random64() << 32;
		regs->rcx |= random64() << 32;
		if (e->class == INSN_MOVS)
			regs->rsi |= random64() << 32;
	}
}

static u8 *model;		/* a second buffer, on which insn_apply() works */

/* Carries the instruction out by decoding and applying until it is stepped over. Returns the length, 0 on error. */
static unsigned int emulate(const struct encoding *e, struct cpu_user_regs *regs)
{
	struct insn in;
	struct insn_result res;
	unsigned long start = regs->rip;
	u64 src = 0, old;

	do {
		if (insn_decode(&in, e->start, e->end - e->start, regs, 0, 0))
			return 0;
		if (in.class != e->class || in.size != e->size)
			return 0;
		if (insn_string_done(&in, regs))
			in.ea = (u64)buf;	/* no access: any word will do */
		if (in.ea < (u64)buf || in.ea + 8 > (u64)buf + BUF_SIZE)
			return 0;
		if (in.class == INSN_MOVS && !insn_string_done(&in, regs))
			memcpy(&src, model + (in.src_ea - (u64)buf), in.size);
		memcpy(&old, model + ((in.ea & ~7UL) - (u64)buf), 8);
		if (insn_apply(&in, regs, old, src, &res))
			return 0;
		if (!res.write && res.val != old)
			return 0;
		memcpy(model + ((in.ea & ~7UL) - (u64)buf), &res.val, 8);
		insn_commit(&in, &res, regs);
	} while (regs->rip == start);
	return regs->rip - start;
}

static bool same_regs(const struct encoding *e, const struct cpu_user_regs *a, const struct cpu_user_regs *b)
{
	u64 mask = e->flags | 0x400;

	if ((e->class == INSN_BTS || e->class == INSN_BTR || e->class == INSN_BTC))
		mask &= ~(u64)(PF | AF | SF | OF);
	return !memcmp(a, b, 15 * 8) && (a->rflags & mask) == (b->rflags & mask);
}

static void test_memory(void)
{
	struct cpu_user_regs regs, real;
	unsigned int i, round, bad;

	for (i = 0; i < ARRAY_SIZE(memory_list); i++) {
		const struct encoding *e = &memory_list[i];
		unsigned int len = e->end - e->start;

		for (round = bad = 0; round < 500 && !bad; round++) {
			unsigned int j;

			for (j = 0; j < BUF_SIZE; j += 8)
				*(u64 *)(buf + j) = random64();
			choose_regs(e, &regs);
			memcpy(model, buf, BUF_SIZE);
			real = regs;
			regs.rip = 0x1000;
			regs.rflags |= 0x10000;
			run_natively(e->start, len, &real);
			if (emulate(e, &regs) != len || regs.rflags & 0x10000)
				bad = 1;
			else if (!same_regs(e, &regs, &real))
				bad = 2;
			else if (memcmp(model, buf, BUF_SIZE))
				bad = 3;
		}
		if (bad)
			printf("\n%s: %s differs (round %u)\n", e->text,
			       bad == 1 ? "decoding" : bad == 2 ? "register or flag" : "memory", round);
		CU_ASSERT(!bad);
	}
}

/* --- memory operands: the decoder's address against lea --- */

static void check_address(const u8 *tail, unsigned int n, u8 rex, bool addr32)
{
	u8 bytes[INSN_MAX_LEN] = { 0 }, lea[INSN_MAX_LEN];
	struct cpu_user_regs regs, real;
	unsigned int pos = 0, opcode, i;
	struct insn in;

	if (addr32)
		bytes[pos++] = 0x67;
	bytes[pos++] = 0x48 | rex;
	opcode = pos;
	bytes[pos++] = 0x89;
	memcpy(bytes + pos, tail, n);
	for (i = 0; i < 15; i++)
		((u64 *)&regs)[i] = random64();
	regs.rsp = random64();
	regs.rflags = 0x202;
	regs.rip = 0x12345678;
	if (insn_decode(&in, bytes, sizeof(bytes), &regs, 0, 0) || !in.mem) {
		CU_FAIL("a memory operand did not decode");
		return;
	}
	memcpy(lea, bytes, sizeof(lea));
	lea[opcode] = 0x8d;
	real = regs;
	run_natively(lea, in.len, &real);
	if ((tail[0] & 0xc7) == 5) {	/* relative to rip: correct for where it ran */
		u64 v = insn_reg_read(&real, rex & 4 ? 8 : 0, 8) - (u64)native_code + regs.rip;

		CU_ASSERT(in.ea == (addr32 ? (u32)v : v));
	} else {
		CU_ASSERT(in.ea == insn_reg_read(&real, rex & 4 ? 8 : 0, 8));
	}
	for (i = 1; i < in.len; i++)
		CU_ASSERT(insn_decode(&in, bytes, i, &regs, 0, 0) == -XEN_EFAULT);
}

static void test_addresses(void)
{
	unsigned int mod, rm, sib, rex, addr32;
	u8 tail[6];

	for (rex = 0; rex < 8; rex++)
		for (mod = 0; mod < 3; mod++)
			for (rm = 0; rm < 8; rm++)
				for (sib = 0; sib < (rm == 4 ? 256 : 1); sib++)
					for (addr32 = 0; addr32 < 2; addr32++) {
						u64 r = random64();

						memcpy(tail, &r, 6);
						tail[0] = mod << 6 | rm;
						if (rm == 4)
							tail[1] = sib;
						check_address(tail, 6, rex, addr32);
					}
}

static void test_segments(void)
{
	static const u8 gs_store[] = { 0x65, 0x48, 0x89, 0x07 }, fs_store[] = { 0x64, 0x67, 0x48, 0x89, 0x07 };
	static const u8 movs[] = { 0x64, 0xf3, 0xa4 }, ds[] = { 0x65, 0x3e, 0x48, 0x89, 0x07 };
	struct cpu_user_regs regs = { .rdi = 0x100000010, .rsi = 0x20, .rip = 1 };
	struct insn in;

	CU_ASSERT(!insn_decode(&in, gs_store, sizeof(gs_store), &regs, 0x1000, 0x2000) && in.ea == 0x100002010);
	CU_ASSERT(!insn_decode(&in, fs_store, sizeof(fs_store), &regs, 0x1000, 0x2000) && in.ea == 0x1010);
	CU_ASSERT(!insn_decode(&in, movs, sizeof(movs), &regs, 0x1000, 0x2000));
	CU_ASSERT(in.ea == 0x100000010 && in.src_ea == 0x1020 && in.rep);
	CU_ASSERT(!insn_decode(&in, ds, sizeof(ds), &regs, 0x1000, 0x2000) && in.ea == 0x100002010);
}

/* --- the rest --- */

static void test_privileged(void)
{
	struct cpu_user_regs regs = { .rdx = 0xffff1234 };
	struct insn in;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(priv_list); i++) {
		const struct encoding *e = &priv_list[i];
		unsigned int len = e->end - e->start;
		int rc = insn_decode(&in, e->start, len, &regs, 0, 0);
		bool io = in.class >= INSN_IN && in.class <= INSN_OUTS, two = strstr(e->text, "; wbinvd");

		if (rc || in.class != e->class || in.size != e->size || in.reg != e->reg || in.rm != e->rm ||
		    (io ? in.port : in.imm) != e->imm || in.len != len - 2 * two ||
		    in.forced != (e->start[1] == 0x0b) || in.rep != !!strstr(e->text, "rep ")) {
			printf("\n%s: rc %d class %u size %u reg %u rm %u imm %llx port %x len %u\n", e->text, rc,
			       in.class, in.size, in.reg, in.rm, (unsigned long long)in.imm, in.port, in.len);
			CU_FAIL("privileged instruction decoded wrongly");
		}
	}
}

static void test_refused(void)
{
	struct cpu_user_regs regs = { 0 };
	struct insn in;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(refused_list); i++) {
		const struct encoding *e = &refused_list[i];

		int rc = insn_decode(&in, e->start, e->end - e->start, &regs, 0, 0);

		if (rc != -XEN_EINVAL || in.class != INSN_NONE) {
			printf("\n%s: class %u\n", e->text, in.class);
			CU_FAIL("decoded though it should not be");
		}
	}
}

/* Operands that leave their 8-byte word, and operations that are not about memory. */
static void test_apply_refuses(void)
{
	static const u8 store[] = { 0x48, 0x89, 0x07 }, store4[] = { 0x89, 0x07 }, cli[] = { 0xfa };
	struct cpu_user_regs regs = { .rdi = 0x1001 };
	struct insn_result res;
	struct insn in;

	CU_ASSERT(!insn_decode(&in, store, sizeof(store), &regs, 0, 0));
	CU_ASSERT(insn_apply(&in, &regs, 0, 0, &res) == -XEN_EINVAL);
	regs.rdi = 0x1005;
	CU_ASSERT(!insn_decode(&in, store4, sizeof(store4), &regs, 0, 0));
	CU_ASSERT(insn_apply(&in, &regs, 0, 0, &res) == -XEN_EINVAL);
	regs.rdi = 0x1004;
	CU_ASSERT(!insn_decode(&in, store4, sizeof(store4), &regs, 0, 0) && !insn_apply(&in, &regs, 0, 0, &res));
	CU_ASSERT(!insn_decode(&in, cli, sizeof(cli), &regs, 0, 0));
	CU_ASSERT(insn_apply(&in, &regs, 0, 0, &res) == -XEN_EINVAL);
}

/* Prefixes: a REX byte not directly before the opcode is void, 15 bytes are the limit. */
static void test_prefixes(void)
{
	static const u8 void_rex[] = { 0x48, 0x66, 0x89, 0x07 }, two_rex[] = { 0x48, 0x41, 0x89, 0x07 };
	u8 lots[16];
	struct cpu_user_regs regs = { .rdi = 8, .r15 = 16 };
	struct insn in;

	CU_ASSERT(!insn_decode(&in, void_rex, sizeof(void_rex), &regs, 0, 0) && in.size == 2 && in.len == 4);
	CU_ASSERT(!insn_decode(&in, two_rex, sizeof(two_rex), &regs, 0, 0) && in.size == 4 && in.ea == 16);
	memset(lots, 0x2e, sizeof(lots));
	lots[13] = 0x89;
	lots[14] = 0x07;
	CU_ASSERT(!insn_decode(&in, lots, 15, &regs, 0, 0) && in.len == 15);
	lots[13] = 0x2e;
	lots[14] = 0x89;
	lots[15] = 0x07;
	CU_ASSERT(insn_decode(&in, lots, 16, &regs, 0, 0) == -XEN_EINVAL);
	memset(lots, 0x48, sizeof(lots));
	CU_ASSERT(insn_decode(&in, lots, 15, &regs, 0, 0) == -XEN_EINVAL);
	CU_ASSERT(insn_decode(&in, lots, 14, &regs, 0, 0) == -XEN_EFAULT);
	CU_ASSERT(insn_decode(&in, lots, 0, &regs, 0, 0) == -XEN_EFAULT);
}

/* Random bytes: what decodes needs exactly `len` bytes, and less is told apart from nonsense. */
static void test_random(void)
{
	struct cpu_user_regs regs = { 0 };
	unsigned int i, j, known = 0;
	struct insn in, again;
	u8 bytes[16];

	for (i = 0; i < 300000; i++) {
		u64 r[2] = { random64(), random64() };

		memcpy(bytes, r, sizeof(bytes));
		if (i & 1)
			bytes[0] = 0x0f;
		if (insn_decode(&in, bytes, INSN_MAX_LEN, &regs, 0, 0))
			continue;
		known++;
		CU_ASSERT(in.class != INSN_NONE && in.len && in.len <= INSN_MAX_LEN);
		CU_ASSERT(!insn_decode(&again, bytes, in.len, &regs, 0, 0) && !memcmp(&in, &again, sizeof(in)));
		for (j = 0; j < in.len; j++)
			CU_ASSERT(insn_decode(&again, bytes, j, &regs, 0, 0) == -XEN_EFAULT);
	}
	CU_ASSERT(known > 10000);
}

int main(void)
{
	CU_pSuite s;

	buf = mmap(NULL, BUF_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	model = malloc(BUF_SIZE);
	if (buf == MAP_FAILED || !model || CU_initialize_registry())
		return 1;
	s = CU_add_suite("insn", NULL, NULL);
	CU_add_test(s, "memory instructions agree with the processor", test_memory);
	CU_add_test(s, "every form of memory operand agrees with lea", test_addresses);
	CU_add_test(s, "segment bases", test_segments);
	CU_add_test(s, "privileged instructions", test_privileged);
	CU_add_test(s, "what is left to the guest", test_refused);
	CU_add_test(s, "apply refuses what it cannot say", test_apply_refuses);
	CU_add_test(s, "prefixes and length limit", test_prefixes);
	CU_add_test(s, "random bytes", test_random);
	CU_basic_run_tests();
	free(model);
	return CU_get_number_of_failures() || CU_get_error();
}
