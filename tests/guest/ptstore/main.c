/* SPDX-License-Identifier: MIT */
/*
 * A store to a page table does exactly what the same instruction does to ordinary memory.
 *
 * ABI: with VMASST_TYPE_writable_pagetables a kernel may write L1 entries through a read-only mapping. Each form that
 * is carried out for it (mov, xchg, cmpxchg, xadd, and, or, xor, bts, btr, btc, movs, stos; 1 to 8 bytes; lock, rep,
 * backwards) runs twice from the same registers, flags and bytes, on ordinary memory and on a page table; then both
 * are compared. Entries stay not present here, so that any value may be; ptwrite tries what may not be.
 */
#include "guest.h"

#define CF	0x001
#define LOGIC	0x8c5		/* CF PF ZF SF OF; AF is undefined */
#define ARITH	0x8d5
#define NONE	0

/* rdi points to the memory, rsi to a source; rcx is small and even. */
#define FORMS(F) \
	F(NONE, "movb %al, 1(%rdi)") F(NONE, "movb %ah, 5(%rdi)") F(NONE, "movw %ax, 2(%rdi)") \
	F(NONE, "movl %eax, 4(%rdi)") F(NONE, "movl %r9d, 4(%rdi)") F(NONE, "movq %rdx, (%rdi)") \
	F(NONE, "movq %r9, 8(%rdi)") F(NONE, "movq %rdx, (%rdi,%rcx,8)") F(NONE, "movq %r10, -8(%rdi,%rcx,4)") \
	F(NONE, "movb $0x5a, 3(%rdi)") F(NONE, "movw $0x1234, 6(%rdi)") F(NONE, "movl $0x12345678, (%rdi)") \
	F(NONE, "movq $-2, (%rdi)") F(NONE, "movq $0, (%rdi)") F(NONE, "movl $0, 4(%rdi)") \
	F(NONE, "xchgb %al, 1(%rdi)") F(NONE, "xchgb %ah, 2(%rdi)") F(NONE, "xchgw %dx, 4(%rdi)") \
	F(NONE, "xchgl %edx, (%rdi)") F(NONE, "xchgq %rdx, (%rdi)") F(NONE, "lock xchgq %r10, (%rdi)") \
	F(LOGIC, "andb $0xfd, (%rdi)") F(LOGIC, "lock andb $0x7f, 7(%rdi)") F(LOGIC, "andw $0xfff0, 2(%rdi)") \
	F(LOGIC, "lock andl $0xffffffbe, (%rdi)") F(LOGIC, "andq $-64, (%rdi)") F(LOGIC, "lock andq %r9, (%rdi)") \
	F(LOGIC, "andl %eax, 4(%rdi)") F(LOGIC, "andb %dl, 1(%rdi)") F(LOGIC, "andq $0x7ffffff0, (%rdi)") \
	F(LOGIC, "orb $2, (%rdi)") F(LOGIC, "lock orl $0x40, (%rdi)") F(LOGIC, "orq %rdx, (%rdi)") \
	F(LOGIC, "orw %ax, 2(%rdi)") F(LOGIC, "lock orq $0x66, (%rdi)") F(LOGIC, "orb %ah, 3(%rdi)") \
	F(LOGIC, "xorb $0xfe, (%rdi)") F(LOGIC, "lock xorq %rdx, (%rdi)") F(LOGIC, "xorl $0x7ffffffe, 4(%rdi)") \
	F(LOGIC, "xorw $0x1111, 4(%rdi)") F(LOGIC, "xorq %r10, (%rdi)") \
	F(CF, "btsq $5, (%rdi)") F(CF, "lock btsl $9, (%rdi)") F(CF, "btsw $15, (%rdi)") \
	F(CF, "lock btsq $63, (%rdi)") \
	F(CF, "btrq $5, (%rdi)") F(CF, "lock btrl $6, (%rdi)") F(CF, "lock btrq $40, (%rdi)") F(CF, "btrw $1, (%rdi)") \
	F(CF, "btcq $62, (%rdi)") F(CF, "lock btcl $31, 4(%rdi)") F(CF, "btsq %rcx, (%rdi)") \
	F(CF, "lock btrq %r8, (%rdi)") F(CF, "btcl %r8d, (%rdi)") F(CF, "btsw %r8w, (%rdi)") \
	F(CF, "lock btsq %r11, 32(%rdi)") \
	F(ARITH, "cmpxchgq %rdx, (%rdi)") F(ARITH, "lock cmpxchgq %rdx, (%rdi)") \
	F(ARITH, "lock cmpxchgl %edx, (%rdi)") \
	F(ARITH, "cmpxchgw %dx, 2(%rdi)") F(ARITH, "lock cmpxchgb %dl, 1(%rdi)") \
	F(ARITH, "movq (%rdi), %rax; lock cmpxchgq %rdx, (%rdi)") F(ARITH, "movl (%rdi), %eax; cmpxchgl %edx, (%rdi)") \
	F(ARITH, "movb 1(%rdi), %al; lock cmpxchgb %dl, 1(%rdi)") F(ARITH, "movw 2(%rdi), %ax; cmpxchgw %dx, 2(%rdi)") \
	F(ARITH, "xaddq %rdx, (%rdi)") F(ARITH, "lock xaddq %r10, (%rdi)") F(ARITH, "lock xaddl %edx, (%rdi)") \
	F(ARITH, "xaddw %dx, 4(%rdi)") F(ARITH, "xaddb %al, 3(%rdi)") \
	F(NONE, "add $1, %rdi; movsb") F(NONE, "add $2, %rdi; movsw") F(NONE, "movsl") F(NONE, "movsq") \
	F(NONE, "add $1, %rdi; stosb") F(NONE, "add $2, %rdi; stosw") F(NONE, "mov %edx, %eax; stosl") \
	F(NONE, "mov %rdx, %rax; stosq") F(NONE, "mov $3, %ecx; mov %rdx, %rax; rep stosq") \
	F(NONE, "mov $5, %ecx; rep movsq") F(NONE, "xor %ecx, %ecx; rep movsq") \
	F(NONE, "std; mov $3, %ecx; mov %rdx, %rax; rep stosq; cld") F(NONE, "std; mov $2, %ecx; rep movsq; cld") \
	F(NONE, "mov $7, %ecx; add $1, %rdi; rep stosb")

#define STRING(x) #x
#define EXPAND(x) STRING(x)
#define ENTRY(flags, insn) \
	".quad 2f, 1f, " EXPAND(flags) "\n" \
	".pushsection .text\n1: " insn "; ret\n.popsection\n" \
	".pushsection .rodata.insn, \"a\"\n2: .asciz \"" insn "\"\n.popsection\n"

asm(".section .rodata.forms, \"a\"\n.balign 8\n.globl forms\nforms:\n" FORMS(ENTRY) ".quad 0\n.text\n");

extern const struct form {
	const char *text;
	void *code;
	u64 flags;		/* that are compared */
} forms[];

struct state {
	u64 rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11, flags;
};

void run_form(struct state *s, void *code);

/* Loads the registers of *s, calls the code, stores them again. */
asm(".text\n"
    "run_form:\n"
    "	push %rbx; push %rbp; mov %rdi, %rbx; mov %rsi, %rbp\n"
    "	mov 0(%rbx), %rax; mov 8(%rbx), %rcx; mov 16(%rbx), %rdx; mov 24(%rbx), %rsi; mov 32(%rbx), %rdi\n"
    "	mov 40(%rbx), %r8; mov 48(%rbx), %r9; mov 56(%rbx), %r10; mov 64(%rbx), %r11\n"
    "	pushq 72(%rbx); popfq\n"
    "	call *%rbp\n"
    "	pushfq; popq 72(%rbx)\n"
    "	mov %rax, 0(%rbx); mov %rcx, 8(%rbx); mov %rdx, 16(%rbx); mov %rsi, 24(%rbx); mov %rdi, 32(%rbx)\n"
    "	mov %r8, 40(%rbx); mov %r9, 48(%rbx); mov %r10, 56(%rbx); mov %r11, 64(%rbx)\n"
    "	pop %rbp; pop %rbx; ret\n");

static u64 plain[512] __attribute__((aligned(4096))), source[512] __attribute__((aligned(4096)));
static u64 *table;

/* Even numbers: an entry whose lowest bit is clear is not present. */
static u64 random_even(void)
{
	static u64 x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x & ~0x0001000100010001ul & ~0x0100010001000100ul;
}

static void compare(const struct form *f, const struct state *a, const struct state *b)
{
	const u64 *x = &a->rax, *y = &b->rax;

	for (unsigned int i = 0; i < 9; i++)
		if (i != 4)
			CHECK(x[i] == y[i], "%s: register %u is 0x%lx, should be 0x%lx", f->text, i, y[i], x[i]);
	CHECK(a->rdi - (u64)plain == b->rdi - (u64)table, "%s: rdi moved by %ld, should be %ld", f->text,
	      (long)(b->rdi - (u64)table), (long)(a->rdi - (u64)plain));
	CHECK(!((a->flags ^ b->flags) & f->flags), "%s: flags 0x%lx, should be 0x%lx", f->text, b->flags & ARITH,
	      a->flags & ARITH);
	for (unsigned int i = 0; i < 512; i++)
		CHECK(plain[i] == table[i], "%s: entry %u is 0x%lx, should be 0x%lx", f->text, i, table[i], plain[i]);
}

static void try_form(const struct form *f, u64 flags)
{
	struct state s = {
		.rax = random_even(), .rcx = 2, .rdx = random_even(), .rsi = (u64)(source + 8), .r8 = 69,
		.r9 = random_even(), .r10 = random_even(), .r11 = -190ul, .flags = 0x202 | flags,
	}, t = s;

	for (unsigned int i = 0; i < 16; i++)
		source[i] = random_even();
	s.rdi = (u64)(plain + 8);
	t.rdi = (u64)(table + 8);
	run_form(&s, f->code);
	run_form(&t, f->code);
	compare(f, &s, &t);
}

void test_main(void)
{
	unsigned int n = 0;

	table = page_alloc();
	for (unsigned int i = 4; i < 16; i++)
		plain[i] = table[i] = random_even();
	hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	table_new(table, 1);
	for (const struct form *f = forms; f->text; f++, n++)
		for (unsigned int i = 0; i < 6; i++)
			try_form(f, i & 1 ? ARITH : 0);
	printk("%u instructions\n", n);
}
