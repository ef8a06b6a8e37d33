/* SPDX-License-Identifier: MIT */
/*
 * Random instructions: stores to page tables, privileged ones, code in user mode, frames for iret.
 *
 * Whatever comes of them arrives in on_trap(). From user mode, or if the actor is probing, it leads back to probe();
 * otherwise to the end of a TRY(), or on where it was.
 */
#include "random.h"

#define TF	0x100ul
#define RF	0x10000ul
#define AC	0x40000ul

/* --- traps --- */

#define VEC_NMI 2

/* The stack tells: where the bounce frame lies cannot be wrong. */
struct actor *actor_of(const void *stack)
{
	return (u64)stack >= (u64)&actors[1] && (u64)stack < (u64)(&actors[1] + 1) ? &actors[1] : &actors[0];
}

static void back_to_probe(struct actor *a, struct regs *r)
{
	a->probing = false;
	r->rip = (u64)probe_resume;
	r->cs = FLAT_KERNEL_CS & ~3ul;
	r->ss = FLAT_KERNEL_SS;
	r->rsp = a->probe_rsp;
	r->rflags = 2;
}

static void drop_segments(void)
{
	asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r" (0));
}

bool on_trap(struct regs *r)
{
	struct actor *a = actor_of(r);
	volatile struct vcpu_info *v = &shared->vcpu_info[a->id];

	a->traps++;
	if (r->vector == VEC_EVENT) {
		v->evtchn_upcall_pending = 0;
		v->evtchn_pending_sel = 0;
	}
	if (r->vector == VEC_FAILSAFE)
		drop_segments();
	if ((r->cs & 3) == 3 || (a->probing && r->vector != VEC_EVENT && r->vector != VEC_NMI) ||
	    (a->probing && r->rip < VIRT_BASE)) {
		back_to_probe(a, r);
		return true;
	}
	switch (r->vector) {
	case 1:
		r->rflags = (r->rflags & ~TF) | RF;
		return true;
	case 17:
		r->rflags &= ~AC;
		return true;
	case VEC_NMI:			/* asked for with vcpu_op */
	case VEC_EVENT:
	case VEC_FAILSAFE:
		return true;
	}
	return false;
}

/* --- not to sleep for ever --- */

void wake_later(struct actor *a, u64 ns)
{
	struct evtchn_bind_virq b = { .virq = VIRQ_TIMER, .vcpu = a->id };

	shared->vcpu_info[a->id].evtchn_upcall_mask = 1;	/* not now */
	evtchn_op(EVTCHNOP_bind_virq, &b);
	for (unsigned int i = 0; i < 64; i++) {
		shared->evtchn_mask[i] = 0;
		shared->evtchn_pending[i] = 0;
	}
	hypercall1(__HYPERVISOR_set_timer_op, time_now() + ns);
}

/* Whatever the other one waits for or runs in a loop: an event. */
void poke(unsigned int vcpu)
{
	struct evtchn_bind_ipi b = { .vcpu = vcpu };
	struct evtchn_close c;

	if (evtchn_op(EVTCHNOP_bind_ipi, &b))
		return;
	c.port = b.port;
	port_clear(b.port);
	__atomic_and_fetch(&shared->evtchn_mask[b.port / 64], ~(1ul << b.port % 64), __ATOMIC_SEQ_CST);
	evtchn_op(EVTCHNOP_send, &c);
	evtchn_op(EVTCHNOP_close, &c);
}

/* --- stores --- */

void do_store(struct actor *a)
{
	u64 val = chance(a, 90) ? some_pte(a) : number(a), old = 0;
	volatile u8 *p = (volatile u8 *)scratch[below(a, NR_SCRATCH)] + (chance(a, 60) ? below(a, 12) : below(a,
			511)) * 8;

	if (chance(a, 10))
		p = (volatile u8 *)tops[below(a, NR_TOPS)] + (TOP_FIRST + below(a, 511 - TOP_FIRST)) * 8;
	a->stores++;
	switch (below(a, 10)) {
	case 0:
		TRY("movl %1, %0", : "=m" (*(volatile u32 *)p) : "r" ((u32)val));
		break;
	case 1:
		TRY("movb %1, %0", : "=m" (*p) : "q" ((u8)val));
		break;
	case 2:
		TRY("movq %1, %0", : "=m" (*(volatile u64 *)(p - below(a, 2) * 3 + 3)) : "r" (val));
		break;
	case 3:
		TRY("xchgq %1, %0", : "+m" (*(volatile u64 *)p), "+r" (val));
		break;
	case 4:
		TRY("movq %1, %%rax; nop", : "=a" (old) : "m" (*(volatile u64 *)p));
		TRY("lock cmpxchgq %2, %0", : "+m" (*(volatile u64 *)p), "+a" (old) : "r" (val) : "cc");
		break;
	case 5:
		TRY("lock orq %1, %0", : "+m" (*(volatile u64 *)p) : "r" (val & 0x67) : "cc");
		break;
	case 6:
		TRY("movq %1, %%rax; nop", : "=a" (old) : "m" (*(volatile u64 *)bad_pointer(a)));
		break;
	case 7:
		TRY("rep stosq", : : "a" (val), "D" (p), "c" (chance(a, 50) ? 2 : 0) : "memory");
		break;
	default:
		TRY("movq %1, %0", : "=m" (*(volatile u64 *)p) : "r" (val));
	}
}

/* --- privileged instructions --- */

static u32 some_msr(struct actor *a)
{
	static const u32 msrs[] = { 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100,
			0xc0000101,
				    0xc0000102, 0xc0000103, 0x10, 0x1b, 0x3a, 0x48, 0x49, 0x79, 0x8b, 0xfe, 0x10a,
				0x174,
				    0x175, 0x176, 0x179, 0x17a, 0x186, 0x199, 0x1a0, 0x1d9, 0x200, 0x277, 0x2ff,
				0x38d,
				    0x38f, 0x480, 0x611, 0x6e0, 0x802, 0x830, 0xc0010015, 0xc0010055, 0xc0010111,
				0xc0010117,
				    0x40000000, 0x40000071, 0xda0 };

	return chance(a, 90) ? msrs[below(a, ARRAY_SIZE(msrs))] : number(a);
}

static void do_control(struct actor *a)
{
	u64 v = odd_number(a), l4 = chance(a, 60) ? l4_mfn() : top_mfn[below(a, NR_TOPS)];

	switch (below(a, 12)) {
	case 0: TRY("mov %0, %%cr0", : : "r" (v)); break;
	case 1: TRY("mov %0, %%cr3", : : "r" (chance(a, 80) ? l4 << 12 | (chance(a, 20) ? 7 : 0) : 1ul << 44)); break;
	case 2: TRY("mov %0, %%cr4", : : "r" (v)); break;
	case 3: TRY("mov %0, %%cr8", : : "r" (v)); break;
	case 4: TRY("mov %%cr0, %0", : "=r" (v) :); break;
	case 5: TRY("mov %%cr3, %0", : "=r" (v) :); break;
	case 6: TRY("mov %%cr4, %0", : "=r" (v) :); break;
	case 7: TRY("mov %0, %%db0", : : "r" (scratch_pointer(a))); break;
	case 8: TRY("mov %0, %%db1", : : "r" (bad_pointer(a))); break;
	case 9: TRY("mov %0, %%db7", : : "r" (chance(a, 50) ? number(a) : 0x400)); break;
	case 10: TRY("mov %%db6, %0", : "=r" (v) :); break;
	default: TRY("mov %0, %%db6", : : "r" (v));
	}
}

static void do_system(struct actor *a)
{
	void *p = (void *)scratch_pointer(a);
	u32 eax = odd_number(a), edx = odd_number(a), ecx;

	switch (below(a, 20)) {
	case 0: TRY("clts", : : ); break;
	case 1: TRY("wbinvd", : : ); break;
	case 2: TRY("invlpg (%0)", : : "r" (chance(a, 50) ? p : (void *)bad_pointer(a))); break;
	case 3: TRY("lgdt (%0)", : : "r" (p)); break;
	case 4: TRY("lidt (%0)", : : "r" (p)); break;
	case 5: TRY("lldt %w0", : : "r" (eax)); break;
	case 6: TRY("ltr %w0", : : "r" (eax)); break;
	case 7: TRY("sti", : : ); break;
	case 8: TRY("cli", : : ); break;
	case 9:
		ecx = below(a, 3);
		TRY("xsetbv", : : "a" (chance(a, 60) ? 7 : eax), "d" (chance(a, 80) ? 0 : edx), "c" (ecx));
		break;
	case 10: TRY("rdpmc", : "+a" (eax), "+d" (edx) : "c" (edx)); break;
	case 11: TRY("inb $0x80, %%al", : "+a" (eax) :); break;
	case 12: TRY("inb %%dx, %%al", : "+a" (eax) : "d" (chance(a, 50) ? 0x3fd : 0x21)); break;
	case 13: TRY("int $0x80", : : ); break;
	case 14: TRY("int3", : : ); break;
	case 15: TRY("fninit", : : ); break;
	case 16: TRY("sgdt (%0)", : : "r" (p) : "memory"); break;
	case 17: TRY("swapgs", : : ); break;
	case 18: TRY("fxsave (%0)", : : "r" (p) : "memory"); break;
	default: TRY("fxrstor (%0)", : : "r" (p)); break;
	}
}

void do_instruction(struct actor *a)
{
	u64 flags = (number(a) & 0x257fd5) | 2;
	u32 eax = odd_number(a), ebx, ecx = odd_number(a), edx = odd_number(a);

	a->instructions++;
	switch (below(a, 8)) {
	case 0:
		TRY("rdmsr", : "=a" (eax), "=d" (edx) : "c" (some_msr(a)));
		break;
	case 1:
		TRY("wrmsr", : : "a" (eax), "d" (edx), "c" (some_msr(a)));
		break;
	case 2:
		TRY("cpuid", : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx) :);
		break;
	case 3:
		TRY("mov %0, %%ds", : : "r" ((u32)(number(a) & 0xffff)));
		TRY("mov %0, %%fs", : : "r" ((u32)below(a, 64)));
		TRY("mov %0, %%gs", : : "r" ((u32)(below(a, 8192) | 4)));
		break;
	case 4:
		/* A trap of its own, or the flags for a moment. */
		TRY("pushq %0; popfq; nop", : : "r" (flags & ~0x400ul) : "cc", "memory");
		asm volatile("pushq $2; popfq" : : : "cc", "memory");
		break;
	case 5:
	case 6:
		do_control(a);
		break;
	default:
		do_system(a);
	}
}

/* --- user mode --- */

static const u8 snippets[][8] = {
	{ 2, 0x0f, 0x05 }, { 2, 0x0f, 0x34 }, { 2, 0xcd, 0x80 }, { 2, 0xcd, 0x82 }, { 1, 0xcc }, { 1, 0xf1 }, { 2,
			0x48, 0xcf },
	{ 1, 0xf4 }, { 2, 0x0f, 0x32 }, { 2, 0x0f, 0x30 }, { 2, 0x0f, 0xa2 }, { 3, 0x0f, 0x01, 0xd1 }, { 3, 0x0f,
			0x01, 0xf8 },
	{ 2, 0x9d, 0x90 }, { 4, 0x8e, 0xd0, 0xcd, 0x80 }, { 3, 0x8e, 0xd0, 0xf1 }, { 2, 0x8e, 0xd8 }, { 2, 0x8e,
			0xe8 },
	{ 2, 0x0f, 0x06 }, { 3, 0x0f, 0x20, 0xd8 }, { 3, 0x0f, 0x22, 0xd8 }, { 2, 0xe4, 0x80 }, { 1, 0xec }, { 1,
			0xfa },
	{ 3, 0x0f, 0x01, 0xca }, { 2, 0x0f, 0x0b }, { 2, 0xdb, 0xe3 }, { 2, 0xd9, 0xf6 }, { 3, 0x0f, 0x58, 0xc1 },
			{ 2, 0x0f, 0x77 },
	{ 3, 0xf3, 0x48, 0xab }, { 3, 0x0f, 0x01, 0xf9 }, { 2, 0x48, 0xcb }, { 5, 0x48, 0x0f, 0xae, 0x27 }, { 3,
			0x0f, 0x00, 0xd0 },
};

/*
 * No iretd by itself: QEMU may take it for a way to virtual-8086 mode, and could stop there with interrupts off (test
 * vm86).
 */
static void write_code(struct actor *a)
{
	u8 *code = user_code + a->id * 2048;
	unsigned int n = 0;

	while (n < 200) {
		const u8 *s = snippets[below(a, ARRAY_SIZE(snippets))];
		u8 byte = number(a);

		if (chance(a, 60)) {
			memcpy(code + n, s + 1, s[0]);
			n += s[0];
		} else {
			code[n++] = byte == 0xcf ? 0x90 : byte;
		}
	}
}

static void some_regs(struct actor *a, struct regs *r)
{
	u64 *w = (u64 *)r;

	for (unsigned int i = 0; i < 15; i++)
		w[i] = chance(a, 50) ? USER_CODE + below(a, 4096) : chance(a, 50) ? odd_number(a) : bad_pointer(a);
	/* A syscall in user mode is the guest kernel's business; nothing else is decided by these. */
	r->vector = 0;
	r->error = chance(a, 80) ? 0 : chance(a, 50) ? VGCF_in_syscall : number(a);
	r->rflags = (chance(a, 60) ? 0x202 : number(a)) | 0x200;
	if (is_dom0())
		r->rflags &= ~0x3000ul;		/* as the I/O privilege of its user code it would reach the machine's power switch */
	r->rsp = chance(a, 60) ? USER_STACK : chance(a, 50) ? number(a) : bad_pointer(a);
}

static void enter(struct actor *a, struct regs *r)
{
	a->frame = *r;
	a->probing = true;
	probe(&a->frame, &a->probe_rsp);
	a->probing = false;
}

void do_user(struct actor *a)
{
	struct regs r;
	u64 top = chance(a, 85) ? user_top_mfn : scratch_mfn[below(a, NR_SCRATCH)];

	if (!may_wait(a))
		return;
	write_code(a);
	some_regs(a, &r);
	r.rip = chance(a, 90) ? USER_CODE + a->id * 2048 + below(a, 64) : bad_pointer(a);
	r.cs = chance(a, 85) ? FLAT_USER_CS : (number(a) & 0xffff) | 3;
	r.ss = chance(a, 85) ? FLAT_USER_SS : number(a) & 0xffff;
	if ((!top || mmuext(MMUEXT_NEW_USER_BASEPTR, top)) && mmuext(MMUEXT_NEW_USER_BASEPTR, user_top_mfn))
		test_die("step %lu: the user's table is refused", a->step);
	wake_later(a, 300000);
	a->user_runs++;
	enter(a, &r);
}

/* To kernel mode: only where nothing can be run, on a stack that can be written. */
void do_iret(struct actor *a)
{
	static const u64 nowhere[] = { 0x123, 0x7ffffffff000, 0x800000000000, 1ul << 63, 0xffff7fffffffffff,
				       0xffff800000000000, 0xffff830000000000, 0xffff82d080200000,
				0xfffffffffffffff0 };
	/* No segment of 32-bit code, where a trap would find half a stack pointer. */
	static const u16 segments[] = { 0, 0xe008, 0xe010, 0xe028, 0xe040, 0xfff8, 0xe080, 0xf000 };
	struct regs r;

	some_regs(a, &r);
	r.rip = nowhere[below(a, ARRAY_SIZE(nowhere))];
	r.cs = chance(a, 50) ? FLAT_KERNEL_CS & ~3ul : segments[below(a, ARRAY_SIZE(segments))];
	r.ss = chance(a, 50) ? FLAT_KERNEL_SS : number(a) & 0xffff;
	r.rsp = (u64)a->trap_stack + STACK_SIZE - below(a, 64);
	a->kernel_irets++;
	enter(a, &r);
}

void restore_callbacks(void)
{
	extern u8 event_entry[], failsafe_entry[], syscall_entry[];

	if (hypercall3(__HYPERVISOR_set_callbacks, event_entry, failsafe_entry, syscall_entry))
		test_die("set_callbacks refused");
}

/* A user's address space of one page, code and data, and a page of stack. */
void cpu_init(void)
{
	u64 *l4 = page_alloc(), *l3 = page_alloc(), *l2 = page_alloc(), *l1 = page_alloc();
	u8 *stack = page_alloc();

	user_code = page_alloc();
	l4[USER_CODE >> 39] = PTE(va_to_mfn(l3), PTE_TABLE);
	l3[USER_CODE >> 30 & 511] = PTE(va_to_mfn(l2), PTE_TABLE);
	l2[USER_CODE >> 21 & 511] = PTE(va_to_mfn(l1), PTE_TABLE);
	l1[USER_CODE >> 12 & 511] = PTE(va_to_mfn(user_code), PTE_KERNEL | PTE_U);
	l1[(USER_CODE >> 12 & 511) + 1] = PTE(va_to_mfn(stack), PTE_KERNEL | PTE_U);
	user_top_mfn = va_to_mfn(l4);
	if (make_ro(l4) | make_ro(l3) | make_ro(l2) | make_ro(l1) || mmuext(MMUEXT_PIN_L4_TABLE, user_top_mfn))
		test_die("no address space for the user");
}
