/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions that a kernel executes, one by one, in every size and form that Linux and its drivers use;
 * and those that are not known.
 *
 * ABI: with IOPL 1 in, out, ins and outs of 1, 2 and 4 bytes work, with the port in the instruction or in dx, with
 * and without rep, forwards and backwards; registers come out as on a processor: 1 and 2 bytes leave the rest of rax,
 * 4 bytes clear its upper half. Without IOPL the I/O bitmap decides, port by port. An unknown or refused instruction
 * is the fault that it would be, nothing changes, and the log names its address and bytes.
 */
#include "child.h"

#include "public/physdev.h"

static void iopl(unsigned int level)
{
	struct physdev_set_iopl op = { .iopl = level };

	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &op), 0);
}

/* --- in and out: PCI configuration's address register keeps what is written to it, CMOS 0x40 is a free byte --- */

#define CF8_VALUE	0x80000040u

static void test_sizes(void)
{
	u64 rax = 0x1111111111111111;

	TRY("outl %%eax, %%dx", : : "a" (CF8_VALUE), "d" (0xcf8));
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("inl %%dx, %%eax", : "+a" (rax) : "d" (0xcf8));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(rax, CF8_VALUE);
	rax = 0x1111111111111111;
	TRY("inw %%dx, %%ax", : "+a" (rax) : "d" (0xcfc));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(rax >> 16, 0x111111111111);
	rax = 0x1111111111111111;
	TRY("inb %%dx, %%al", : "+a" (rax) : "d" (0xcfc));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(rax >> 8, 0x11111111111111);
	/* The port in the instruction. */
	TRY("outb %%al, $0x70", : : "a" (0x40));
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("outb %%al, $0x71", : : "a" (0x5a));
	TRY("outb %%al, $0x70", : : "a" (0x40));
	rax = 0x1111111111111111;
	TRY("inb $0x71, %%al", : "+a" (rax) : );
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(rax, 0x111111111111115a);
	TRY("outw %%ax, $0x80", : : "a" (0));
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("outl %%eax, $0x80", : : "a" (0));
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("inw $0x80, %%ax", : "+a" (rax) : );
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("inl $0x80, %%eax", : "+a" (rax) : );
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(rax >> 32, 0);
	/* An operand-size prefix and REX.W mean nothing beyond 4 bytes. */
	TRY(".byte 0x48, 0xed", : "=a" (rax) : "a" (~0ul), "d" (0xcf8));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(rax, CF8_VALUE);
}

/* The last ports, and across the end. */
static void test_ends(void)
{
	u64 rax = 0;

	TRY("inb %%dx, %%al", : "+a" (rax) : "d" (0xffff));
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("inl %%dx, %%eax", : "+a" (rax) : "d" (0xfffd));
	CHECK(trap.vector == NO_TRAP || trap.vector == 13, "in beyond the last port: trap %lu", trap.vector);
	TRY("inb %%dx, %%al", : "=a" (rax) : "a" (0), "d" (0xabcd0080u));	/* dx alone counts */
	CHECK_EQ(trap.vector, NO_TRAP);
}

static u32 words[64];

#define STRING(insn, name, size, bytes, dir) do { \
	u64 rsi = (u64)(words + 32), rdi = rsi, rcx = 5; \
	memset(words, 0x77, sizeof(words)); \
	TRY(dir "; " insn "; cld", : "+S" (rsi), "+D" (rdi), "+c" (rcx) : "d" (0xcf8) : "memory", "cc"); \
	CHECK(trap.vector == NO_TRAP, "%s: trap %lu", name, trap.vector); \
	CHECK(!rcx, "%s: rcx is %lu", name, rcx); \
	CHECK(rsi == (u64)(words + 32) || rdi == (u64)(words + 32), "%s: both pointers moved", name); \
	CHECK(rsi + rdi == 2 * (u64)(words + 32) + (bytes), "%s: moved by %ld", name, \
	      (long)(rsi + rdi - 2 * (u64)(words + 32))); \
} while (0)

/* TRY needs the instruction that may trap at its label, so the direction is set outside. */
static void test_strings(void)
{
	STRING("rep insb", "rep insb", 1, 5, "cld");
	STRING("rep insw", "rep insw", 2, 10, "cld");
	STRING("rep insl", "rep insl", 4, 20, "cld");
	CHECK_EQ(words[32], CF8_VALUE);
	CHECK_EQ(words[36], CF8_VALUE);
	CHECK_EQ(words[37], 0x77777777);
	STRING("rep insl", "rep insl backwards", 4, -20, "std");
	CHECK_EQ(words[28], CF8_VALUE);
	CHECK_EQ(words[33], 0x77777777);
	STRING("rep outsb", "rep outsb", 1, 5, "cld");
	STRING("rep outsw", "rep outsw", 2, 10, "cld");
	STRING("rep outsl", "rep outsl", 4, 20, "cld");
	STRING("rep outsl", "rep outsl backwards", 4, -20, "std");
	TRY("outl %%eax, %%dx", : : "a" (CF8_VALUE), "d" (0xcf8));
}

/* More elements than are done at a time; none at all; one that faults in the middle stops there. */
static void test_long_strings(void)
{
	static u8 pages[2 * PAGE] __attribute__((aligned(4096)));
	u64 rdi = (u64)pages, rcx = 3000;

	TRY("rep insb", : "+D" (rdi), "+c" (rcx) : "d" (0x71) : "memory");
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(rcx, 0);
	CHECK_EQ(rdi, (u64)pages + 3000);
	rcx = 0;
	TRY("rep insb", : "+D" (rdi), "+c" (rcx) : "d" (0x71) : "memory");
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(rdi, (u64)pages + 3000);
	make_ro(pages + PAGE);
	rdi = (u64)pages + PAGE - 3;
	rcx = 10;
	TRY("rep insb", : "+D" (rdi), "+c" (rcx) : "d" (0x71) : "memory");
	CHECK(trap.vector == 14 && trap.cr2 == (u64)pages + PAGE, "rep insb into a read-only page: trap %lu",
	      trap.vector);
	CHECK_EQ(rcx, 7);
	make_rw(pages + PAGE);
	TRY("insb", : "+D" (rdi) : "d" (0x71) : "memory");
	CHECK_EQ(trap.vector, NO_TRAP);
}

/* Without IOPL: a bit for each port, 0 allows; ports beyond the bitmap and bitmaps that cannot be read do not. */
static void test_bitmap(void)
{
	static u8 bits[32];
	struct physdev_set_iobitmap op = { .nr_ports = 0x90 };
	u64 rax = 0;

	memset(bits, 0xff, sizeof(bits));
	bits[0x80 / 8] &= ~3;			/* 0x80 and 0x81 */
	bits[0x8f / 8] &= ~0x80;		/* 0x8f */
	set_xen_guest_handle(op.bitmap, bits);
	iopl(0);
	TRY("inb $0x80, %%al", : "+a" (rax) : );
	CHECK_EQ(trap.vector, 13);
	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, &op), 0);
	TRY("inb $0x80, %%al", : "+a" (rax) : );
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("inw $0x80, %%ax", : "+a" (rax) : );
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("inl $0x80, %%eax", : "+a" (rax) : );
	CHECK_EQ(trap.vector, 13);
	TRY("inb $0x82, %%al", : "+a" (rax) : );
	CHECK_EQ(trap.vector, 13);
	TRY("inb $0x8f, %%al", : "+a" (rax) : );
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("inw $0x8f, %%ax", : "+a" (rax) : );
	CHECK_EQ(trap.vector, 13);
	set_xen_guest_handle(op.bitmap, (u8 *)0x1000);
	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, &op), 0);
	TRY("inb $0x80, %%al", : "+a" (rax) : );
	CHECK_EQ(trap.vector, 13);
	set_xen_guest_handle(op.bitmap, (u8 *)0xffff830000000000);
	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, &op), -XEN_EFAULT);
	op.nr_ports = 65537;
	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, &op), -XEN_EINVAL);
	op = (struct physdev_set_iobitmap){ .nr_ports = 0 };
	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, &op), 0);
}

/* The same for a program: the bitmap lies in kernel memory, which the program cannot see. IOPL 3 is for programs. */
static void test_user(void)
{
	static const u8 code[] = { 0xe4, 0x80, 0x0f, 0x05, 0x90, 0x90, 0x90, 0x90, 0xe4, 0x82, 0x0f, 0x05 };
	static u8 bits[32];
	struct physdev_set_iobitmap op = { .nr_ports = 0x90 };
	struct regs r;

	memset(bits, 0xff, sizeof(bits));
	bits[0x80 / 8] &= ~1;
	set_xen_guest_handle(op.bitmap, bits);
	user_space_init(code, sizeof(code));
	iopl(1);				/* the kernel's own rights are not the program's */
	user_regs_init(&r);
	user_run(&r);
	CHECK(trap.vector == 13 && trap.rip == USER_CODE, "in without a right: trap %lu", trap.vector);
	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, &op), 0);
	user_regs_init(&r);
	user_run(&r);
	CHECK(trap.vector == VEC_SYSCALL, "in that the bitmap allows: trap %lu at 0x%lx", trap.vector, trap.rip);
	user_regs_init(&r);
	r.rip += 8;
	user_run(&r);
	CHECK(trap.vector == 13 && trap.rip == USER_CODE + 8, "in that it does not: trap %lu", trap.vector);
	iopl(3);
	user_regs_init(&r);
	r.rip += 8;
	user_run(&r);
	CHECK(trap.vector == VEC_SYSCALL, "in with IOPL 3: trap %lu", trap.vector);
	iopl(1);
	op = (struct physdev_set_iobitmap){ .nr_ports = 0 };
	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, &op), 0);
}

/* cli and sti: allowed with IOPL, without effect on anything; popf never faults and changes neither IF nor IOPL. */
static void test_flags(void)
{
	u64 flags;

	iopl(0);
	TRY("cli", : : );
	CHECK_EQ(trap.vector, 13);
	TRY("sti", : : );
	CHECK_EQ(trap.vector, 13);
	iopl(1);
	TRY("cli", : : );
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 1);
	TRY("sti", : : );
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 1);
	asm volatile("pushfq; andq $~0x200, (%%rsp); orq $0x3000, (%%rsp); popfq; pushfq; pop %0"
		     : "=r" (flags) : : "cc");
	CHECK_EQ(flags & 0x3200, 0x200);
}

/* --- control registers, caches, TLB --- */

static void test_control(void)
{
	u64 v, cr4, cr0;

	TRY("mov %%cr2, %0", : "=r" (v));
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("mov %0, %%cr2", : : "r" (0x123456789000ul));
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("mov %%cr2, %0", : "=r" (v));
	CHECK_EQ(v, 0x123456789000);
	TRY("mov %%cr3, %%r12; mov %%r12, %0", : "=r" (v) : : "r12");
	CHECK_EQ(v >> 12, l4_mfn());
	TRY("mov %0, %%cr3", : : "r" (l4_mfn() << 12));
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("mov %0, %%cr3", : : "r" (va_to_mfn(words) << 12));
	CHECK_EQ(trap.vector, 13);
	TRY("mov %%cr4, %0", : "=r" (cr4));
	TRY("mov %0, %%cr4", : : "r" (cr4 | 1 << 20 | 1 << 21 | 1 << 17));	/* SMEP, SMAP, PCIDE */
	TRY("mov %%cr4, %0", : "=r" (v));
	CHECK_EQ(v & (1 << 20 | 1 << 21 | 1 << 17), 0);
	TRY("mov %0, %%cr4", : : "r" (cr4));
	TRY("mov %%cr0, %0", : "=r" (cr0));
	TRY("mov %0, %%cr0", : : "r" (cr0 | 8));		/* TS: the next x87 instruction traps */
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("mov %%cr0, %0", : "=r" (v));
	CHECK_EQ(v & 8, 8);
	TRY("fnop", : : );
	CHECK_EQ(trap.vector, 7);
	TRY("mov %0, %%cr0", : : "r" (cr0 | 8));
	TRY("clts", : : );
	TRY("mov %%cr0, %0", : "=r" (v));
	CHECK_EQ(v & 8, 0);
	TRY("fnop", : : );
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("wbinvd", : : );
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("invlpg (%0)", : : "r" (words) : "memory");
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("invlpg (%0)", : : "r" (0xffff830000000000) : "memory");
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK(!can_read((void *)0xffff830000000000), "the hypervisor's memory is readable");
}

/* --- unknown ones --- */

#define UNKNOWN(code, text, want) do { \
	u32 from = log_end(); \
	char at[17]; \
	TRY(".byte " code, : : "a" (0), "b" (words), "c" (0), "d" (0) : "memory"); \
	CHECK(trap.vector == (want) && (trap.vector == 6 || !trap.error), "%s: trap %lu error 0x%lx", text, \
	      trap.vector, trap.error); \
	hex(at, trap.rip); \
	CHECK(log_count(from, text) == 1, "the log does not name the bytes %s", text); \
	CHECK(log_count(from, at) >= 1, "the log does not name the address %s of %s", at, text); \
	spin_ns(150000000);		/* the log takes eight messages a second */ \
} while (0)

static void hex(char *to, u64 v)
{
	for (int i = 15; i >= 0; i--, v >>= 4)
		to[i] = "0123456789abcdef"[v & 15];
	to[16] = '\0';
}

static void test_unknown(void)
{
	UNKNOWN("0xf4, 0x90", ": f4 90", 13);				/* hlt */
	UNKNOWN("0x0f, 0x01, 0x13, 0x90", ": 0f 01 13 90", 13);		/* lgdt (rbx) */
	UNKNOWN("0x0f, 0x00, 0xd0, 0x90", ": 0f 00 d0 90", 13);		/* lldt ax */
	UNKNOWN("0x0f, 0x33, 0x90", ": 0f 33 90", 13);			/* rdpmc */
	UNKNOWN("0x0f, 0x01, 0xf8, 0x90", ": 0f 01 f8 90", 13);		/* swapgs */
	UNKNOWN("0x0f, 0x01, 0xc1, 0x90", ": 0f 01 c1 90", 6);		/* vmcall */
	UNKNOWN("0x0f, 0x0a, 0x90", ": 0f 0a 90", 6);			/* nothing */
}

/* A page table written by an instruction that none uses for that. */
static void test_unknown_store(void)
{
	u8 *table = page_alloc();
	u32 from;

	hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	table_new(table, 1);
	from = log_end();
	TRY("addq $0, (%0)", : : "r" (table) : "memory", "cc");
	CHECK(trap.vector == 14 && trap.error == 3, "add to a page table: trap %lu error 0x%lx", trap.vector,
	      trap.error);
	CHECK_EQ(log_count(from, "page table written by an unknown instruction"), 1);
	from = log_end();
	make_ro(words);
	TRY("addq $0, (%0)", : : "r" (words) : "memory", "cc");
	CHECK_EQ(trap.vector, 14);
	CHECK_EQ(log_count(from, "page table written"), 0);
}

void test_main(void)
{
	iopl(1);
	test_sizes();
	test_ends();
	test_strings();
	test_long_strings();
	test_bitmap();
	test_user();
	test_flags();
	test_control();
	test_unknown();
	test_unknown_store();
}
