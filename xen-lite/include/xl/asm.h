/* SPDX-License-Identifier: MIT */
/* One inline function per processor instruction that C cannot say, and the bits they take. */
#ifndef XL_ASM_H
#define XL_ASM_H

#include <xl/types.h>

#define X86_EFLAGS_CF		0x00000001
#define X86_EFLAGS_TF		0x00000100
#define X86_EFLAGS_IF		0x00000200
#define X86_EFLAGS_DF		0x00000400
#define X86_EFLAGS_IOPL		0x00003000
#define X86_EFLAGS_NT		0x00004000
#define X86_EFLAGS_RF		0x00010000
#define X86_EFLAGS_VM		0x00020000
#define X86_EFLAGS_AC		0x00040000

#define DR6_SINGLE_STEP		0x4000
#define DR7_GENERAL_DETECT	0x2000
#define DR7_TYPE_PORT		2

#define X86_CR0_MP		0x00000002
#define X86_CR0_EM		0x00000004
#define X86_CR0_TS		0x00000008
#define X86_CR0_NE		0x00000020
#define X86_CR0_WP		0x00010000
#define X86_CR0_PG		0x80000000
#define X86_CR4_TSD		0x00000004
#define X86_CR4_DE		0x00000008
#define X86_CR4_PSE		0x00000010
#define X86_CR4_PAE		0x00000020
#define X86_CR4_MCE		0x00000040
#define X86_CR4_PGE		0x00000080
#define X86_CR4_OSFXSR		0x00000200
#define X86_CR4_OSXMMEXCPT	0x00000400
#define X86_CR4_FSGSBASE	0x00010000
#define X86_CR4_OSXSAVE		0x00040000
#define X86_CR4_SMEP		0x00100000

#define MSR_TSC			0x00000010
#define MSR_APIC_BASE		0x0000001b
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_SFMASK		0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ __volatile__("rdmsr" : "=a" (lo), "=d" (hi) : "c" (msr));
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 val)
{
	__asm__ __volatile__("wrmsr" :: "c" (msr), "a" ((u32)val), "d" ((u32)(val >> 32)) : "memory");
}

/* As above, but a #GP is caught: 0, or -EFAULT and *val = 0. */
int rdmsr_safe(u32 msr, u64 *val);
int wrmsr_safe(u32 msr, u64 val);

static inline void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	__asm__ __volatile__("cpuid" : "=a" (*a), "=b" (*b), "=c" (*c), "=d" (*d) : "a" (leaf), "c" (sub));
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ __volatile__("lfence; rdtsc" : "=a" (lo), "=d" (hi) :: "memory");
	return lo | (u64)hi << 32;
}

#define DEFINE_CR(n)								\
static inline unsigned long read_cr##n(void)					\
{										\
	unsigned long v;							\
	__asm__ __volatile__("mov %%cr" #n ", %0" : "=r" (v) :: "memory");	\
	return v;								\
}										\
static inline void write_cr##n(unsigned long v)					\
{										\
	__asm__ __volatile__("mov %0, %%cr" #n :: "r" (v) : "memory");		\
}
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
#undef DEFINE_CR

static inline void invlpg(unsigned long va)
{
	__asm__ __volatile__("invlpg (%0)" :: "r" (va) : "memory");
}

static inline void outb(u16 port, u8 v)  { __asm__ __volatile__("outb %0, %1" :: "a" (v), "Nd" (port)); }
static inline void outw(u16 port, u16 v) { __asm__ __volatile__("outw %0, %1" :: "a" (v), "Nd" (port)); }
static inline void outl(u16 port, u32 v) { __asm__ __volatile__("outl %0, %1" :: "a" (v), "Nd" (port)); }
static inline u8 inb(u16 port)   { u8 v;  __asm__ __volatile__("inb %1, %0" : "=a" (v) : "Nd" (port)); return v; }
static inline u16 inw(u16 port)  { u16 v; __asm__ __volatile__("inw %1, %0" : "=a" (v) : "Nd" (port)); return v; }
static inline u32 inl(u16 port)  { u32 v; __asm__ __volatile__("inl %1, %0" : "=a" (v) : "Nd" (port)); return v; }

static inline void local_irq_disable(void) { __asm__ __volatile__("cli" ::: "memory"); }
static inline void halt(void)	{ __asm__ __volatile__("hlt" ::: "memory"); }
/* Opens interrupts for one instruction's shadow and halts; they are off again when this returns. */
static inline void safe_halt(void) { __asm__ __volatile__("sti; hlt; cli" ::: "memory"); }

static inline void xsetbv(u32 idx, u64 v)
{
	__asm__ __volatile__("xsetbv" :: "c" (idx), "a" ((u32)v), "d" ((u32)(v >> 32)));
}

static inline bool is_canonical(unsigned long va)
{
	return ((long)(va << 16) >> 16) == (long)va;
}

#endif
