/* SPDX-License-Identifier: MIT */
/*
 * What a test kernel has to hand. A test is one folder with a main.c that defines test_main(); it calls CHECK() for
 * each promise of the ABI and returns. The framework prints the verdict and shuts the machine down.
 *
 * One vCPU runs all of this unless a test starts another; nothing here takes locks. Kernel addresses: frame pfn of
 * the guest is at VIRT_BASE + pfn * 4096, for as many frames as the first page tables map.
 */
#ifndef TESTS_GUEST_GUEST_H
#define TESTS_GUEST_GUEST_H

#define VIRT_BASE	0xffffffff80000000
#define STACK_SIZE	16384

/* Vectors for what is no trap but arrives in the same way, and for no trap at all. */
#define VEC_SYSCALL	256
#define VEC_EVENT	257
#define VEC_FAILSAFE	258
#define NO_TRAP		999

#ifndef __ASSEMBLY__

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "public/callback.h"
#include "public/errno.h"
#include "public/event_channel.h"
#include "public/memory.h"
#include "public/sched.h"
#include "public/vcpu.h"
#include "public/version.h"
#include "public/xen.h"

#include "hypercall.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define PAGE	4096ul
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define barrier() asm volatile("" ::: "memory")

/* --- verdict (main.c) --- */

void test_main(void);

/* Note a failure unless ok. Returns ok. */
bool check(bool ok, const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
#define CHECK(cond, ...) check(cond, __FILE__, __LINE__, __VA_ARGS__)
/* An expression that has to give this number. */
#define CHECK_EQ(expr, want) do { \
	long got_ = (long)(expr), want_ = (long)(want); \
	check(got_ == want_, __FILE__, __LINE__, "%s: is %ld (0x%lx), should be %ld (0x%lx)", #expr, got_, got_, \
	      want_, want_); \
} while (0)

void test_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* End at once; for failures after which nothing can go on. */
void test_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void test_finish(void) __attribute__((noreturn));
unsigned int test_failures(void);
/* The number in name=NUMBER on the command line. */
u64 test_option(const char *name, u64 otherwise);

/* --- output (print.c): to console_io as dom0, else to the console ring, else to the parent (child.h) --- */

void printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void vprintk(const char *fmt, va_list ap);
void console_write(const char *s, size_t len);

/* --- start (head.S, main.c) --- */

/* Registers as the hypervisor set them, saved before the first instruction of ours changes any. */
struct entry_state {
	u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 cs, ss, ds, es, fs, gs, rflags;
};
extern struct entry_state entry_state;
extern struct start_info *start_info;
extern volatile struct shared_info *shared;	/* mapped before test_main() */
extern u8 hypercall_page[];			/* filled by whoever built this domain */
extern u8 boot_stack[];

static inline bool is_dom0(void)
{
	return start_info->flags & SIF_INITDOMAIN;
}

static inline volatile struct vcpu_info *vcpu_info(void)
{
	return &shared->vcpu_info[0];
}


/* --- traps (entry.S, trap.c) --- */

struct regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};


/* The last trap that a TRY() caught, or that ended user mode. */
struct trap_record {
	u64 vector, error, rip, cs, rflags, rsp, cr2;
};
extern volatile struct trap_record trap;

/* Called first for each trap of this vector, true = dealt with. */
extern bool (*trap_hook[259])(struct regs *r);

void traps_init(void);
void traps_copy(struct trap_info *by_vector);	/* all gates set by traps_init(), for another vCPU's context */
/* Virtual IDT entry. dpl: who may raise it by `int`; mask: events off on entry. */
void trap_gate_set(unsigned int vector, unsigned int dpl, bool mask);
void trap_gate_clear(unsigned int vector);

/*
 * Run one instruction that may trap: `TRY("mov %1, %%cr0", : : "r" (x))` behaves like asm volatile. If it traps,
 * execution goes on behind it and trap.vector says so, else trap.vector is NO_TRAP. Label 1 is the instruction.
 */
#define TRY(insn, ...) do { \
	trap.vector = NO_TRAP; \
	asm volatile("1: " insn "\n2:\n\t.pushsection .extable, \"a\"\n\t.quad 1b, 2b\n\t.popsection\n" __VA_ARGS__); \
} while (0)

/* Can the byte at va be read, be written? A write puts back what was there. */
bool can_read(const volatile void *va);
bool can_write(volatile void *va);

/* --- a second vCPU (ap.c) --- */

/*
 * Start vCPU 1 at fn, in the kernel's address space, events masked, with the trap gates of traps_init(). Skips the
 * test if there is only one. Its traps go to trap_hook[], which asks on_ap(r) who it is; without a hook they end
 * the test.
 */
void ap_start(void (*fn)(void));
void context_for(struct vcpu_guest_context *c, void (*fn)(void), u8 *stack_end);	/* what it starts a vCPU with */
bool on_ap(const struct regs *r);
void ap_park(void) __attribute__((noreturn));	/* on vCPU 1: stop for good */
bool ap_wait(volatile u64 *what, u64 at_least);	/* on vCPU 0: until *what >= at_least, or 5 s; false if not */

/* --- user mode (entry.S, user.c) --- */

/*
 * Run user code: on return r holds the registers at the trap or syscall that ended it, and trap describes it (vector
 * VEC_SYSCALL for a syscall). r->rip, r->rsp and so on are what it starts with.
 */
void user_run(struct regs *r);
/* Build a second address space with a page of code at USER_CODE and a stack page below USER_STACK, and switch to it. */
void user_space_init(const void *code, size_t len);
#define USER_CODE	0x400000ul
#define USER_STACK	0x800000ul
extern u64 user_l4_mfn;
void user_regs_init(struct regs *r);

/* --- events (event.c) --- */

extern volatile unsigned int upcalls;		/* taken so far */
extern volatile unsigned int port_count[EVTCHN_2L_NR_CHANNELS];
void events_init(void);
static inline void events_on(void)
{
	vcpu_info()->evtchn_upcall_mask = 0;
	barrier();
	if (vcpu_info()->evtchn_upcall_pending)
		hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0);
}
static inline void events_off(void)
{
	vcpu_info()->evtchn_upcall_mask = 1;
	barrier();
}
bool port_pending(unsigned int port);
bool port_masked(unsigned int port);
void port_mask(unsigned int port);
void port_clear(unsigned int port);
long port_unmask(unsigned int port);		/* by hypercall: delivers what is pending */
long evtchn_op(unsigned int cmd, void *arg);
unsigned int ipi_bind(unsigned int vcpu);

/* --- time (time.c) --- */

u64 time_now(void);				/* ns since boot of the hypervisor, by vCPU 0's clock */
u64 time_read(const volatile struct vcpu_time_info *t);
void spin_ns(u64 ns);
void nap_ns(u64 ns);				/* asleep: others run */

/* --- memory and page tables (pt.c) --- */

#define PTE_P		0x001ul
#define PTE_RW		0x002ul
#define PTE_U		0x004ul
#define PTE_PWT		0x008ul
#define PTE_PCD		0x010ul
#define PTE_A		0x020ul
#define PTE_D		0x040ul
#define PTE_PSE		0x080ul
#define PTE_G		0x100ul
#define PTE_AVAIL	0xe00ul
#define PTE_NX		(1ul << 63)
#define PTE_MFN(pte)	(((pte) & 0x000ffffffffff000ul) >> 12)
#define PTE(mfn, flags)	((u64)(mfn) << 12 | (flags))
#define PTE_KERNEL	(PTE_P | PTE_RW | PTE_A | PTE_D)
#define PTE_KERNEL_RO	(PTE_P | PTE_A | PTE_D)
#define PTE_TABLE	(PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D)

void *page_alloc(void);				/* a zeroed page of the kernel's own; never freed */
u64 va_to_pfn(const volatile void *va);		/* of an address in the boot mapping */
u64 va_to_mfn(const volatile void *va);
void *mfn_to_va(u64 mfn);
u64 pfn_to_mfn(u64 pfn);
/* Entry that maps va at this level (1 = the page itself) in the current kernel address space; read it freely. */
volatile u64 *pte_of(const volatile void *va, int level);
u64 pte_machine(const volatile void *va, int level);	/* machine address of that entry */
u64 l4_mfn(void);
u64 text_checksum(void);			/* of text and constants: the rest changes by itself */
long own_reservation(unsigned int cmd, u64 *list, u64 n);	/* XENMEM_* for n single frames of one's own */

long mmu_update(u64 ptr, u64 val);		/* one request of any kind: command in the low bits of ptr */
long mmuext(unsigned int cmd, u64 arg1);
long mmuext2(unsigned int cmd, u64 arg1, u64 arg2);
long set_va(void *va, u64 pte);			/* update_va_mapping, flushing va */
long make_ro(void *va);
long make_rw(void *va);
/* Turn a zeroed page into a table of this level, full of nothing, and pin it. */
void table_new(void *va, int level);

/* --- strings --- */

void *memset(void *p, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strncmp(const char *a, const char *b, size_t n);

#endif /* __ASSEMBLY__ */
#endif
