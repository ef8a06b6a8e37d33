/* SPDX-License-Identifier: MIT */
/*
 * The iret hypercall, from kernel to kernel and to user mode.
 *
 * ABI: stack rax, r11, rcx, flags, rip, cs, rflags, rsp, ss; the rest of the registers stay as they are. CS with
 * RPL 3 goes to user mode (and to the user's page tables), a lower RPL to the kernel. IF of rflags becomes the
 * inverse of evtchn_upcall_mask; IOPL and other system flags from the guest are ignored; pending events are
 * delivered before the next instruction. With VGCF_in_syscall in flags rcx and r11 come from rip and rflags. From
 * user mode, a trap arrives on the stack set by stack_switch, with CS RPL 3.
 */
#include "guest.h"

struct loaded {
	u64 rax, rcx, r11, rsp, rflags, cs;
	u8 mask;
} got;

/* Load a frame that leads to the label behind the hypercall, and store what arrived. */
static void iret_here(u64 flags, u64 cs, u64 rflags, u64 shift_rsp)
{
	asm volatile("mov %%rsp, %%rbx; mov %%rsp, %%rax; sub %[shift], %%rax\n"
		     "push $0xe02b; push %%rax; push %[rflags]; push %[cs]; lea 1f(%%rip), %%rax; push %%rax;"
		     "push %[flags]; push $0x1111; push $0x2222; push $0x3333; mov $23, %%eax; syscall; ud2\n"
		     "1: mov %%rax, %[rax]; mov %%rcx, %[rcx]; mov %%r11, %[r11]; mov %%rsp, %[rsp];"
		     "mov %%rbx, %%rsp; mov %%cs, %[cs_out]; pushfq; popq %[rf]"
		     : [rax] "=m" (got.rax), [rcx] "=m" (got.rcx), [r11] "=m" (got.r11), [rsp] "=m" (got.rsp),
		       [cs_out] "=m" (got.cs), [rf] "=m" (got.rflags)
		     : [flags] "r" (flags), [cs] "r" (cs), [rflags] "r" (rflags), [shift] "r" (shift_rsp)
		     : "rax", "rbx", "rcx", "r11", "memory", "cc");
	got.mask = vcpu_info()->evtchn_upcall_mask;
}

static void test_kernel_to_kernel(void)
{
	iret_here(0, 0xe030, 0x202, 256);
	CHECK_EQ(got.rax, 0x3333);
	CHECK_EQ(got.r11, 0x2222);
	CHECK_EQ(got.rcx, 0x1111);
	CHECK_EQ(got.mask, 0);
	CHECK_EQ(got.cs & 0xffff, FLAT_KERNEL_CS);
	iret_here(0, 0xe030, 0x002, 256);
	CHECK_EQ(got.mask, 1);
	iret_here(0, 0xe030, 0x202, 512);
	CHECK_EQ(got.mask, 0);
	iret_here(VGCF_in_syscall, 0xe030, 0x002, 256);
	CHECK_EQ(got.rax, 0x3333);
	CHECK_EQ(got.mask, 1);
}

static void test_flags(void)
{
	iret_here(0, 0xe030, 0x3002 | 0x400 | 0x8d5, 256);	/* IOPL 3, DF, arithmetic flags */
	asm volatile("cld");
	CHECK_EQ(got.rflags & 0x3000, 0);
	CHECK_EQ(got.rflags & 0xcd5, 0xcd5);
	CHECK_EQ(got.rflags & 0x200, 0x200);		/* the real IF never leaves */
	iret_here(0, 0xe030, 0x2 | 0x4000 | 0x20000, 256);	/* NT, VM: must not be loaded as they are */
	CHECK_EQ(got.rflags & 0x20000, 0);
	asm volatile("pushq $2; popfq" : : : "cc", "memory");
}

static void test_event_on_return(void)
{
	unsigned int port, before;
	struct evtchn_send send;

	events_init();
	port = ipi_bind(0);
	port_unmask(port);
	send.port = port;
	before = upcalls;
	CHECK_EQ(evtchn_op(EVTCHNOP_send, &send), 0);
	CHECK_EQ(upcalls, before);		/* masked on this vCPU */
	iret_here(0, 0xe030, 0x202, 256);
	CHECK_EQ(upcalls, before + 1);
	CHECK_EQ(port_count[port], 1);
	events_off();
}

static const u8 user_ud2[] = { 0x0f, 0x0b };

static void test_to_user(void)
{
	struct regs r;

	user_space_init(user_ud2, sizeof(user_ud2));
	user_regs_init(&r);
	r.rax = 0xa1;
	r.rbx = 0xa2;
	r.rcx = 0xa3;
	r.rdx = 0xa4;
	r.r11 = 0xa5;
	r.r15 = 0xa6;
	user_run(&r);
	CHECK_EQ(trap.vector, 6);
	CHECK_EQ(trap.rip, USER_CODE);
	CHECK_EQ(trap.cs, FLAT_USER_CS);
	CHECK_EQ(trap.rsp, USER_STACK);
	CHECK_EQ(r.rax, 0xa1);
	CHECK_EQ(r.rbx, 0xa2);
	CHECK_EQ(r.rcx, 0xa3);
	CHECK_EQ(r.rdx, 0xa4);
	CHECK_EQ(r.r11, 0xa5);
	CHECK_EQ(r.r15, 0xa6);
	CHECK_EQ(r.ss, FLAT_USER_SS);
	CHECK_EQ(r.cs >> 32 & 0xff, 0);
	CHECK_EQ(trap.rflags & 0x200, 0x200);
}

/* A selector that is not a code segment, and addresses that no processor takes: #GP, met where it was to go. */
static void test_bad_frames(void)
{
	static const struct {
		u64 rip, cs, ss, error;
	} bad[] = {
		{ 0x8000000000000000, FLAT_USER_CS, FLAT_USER_SS, 0 },
		{ 0x0000800000000000, FLAT_USER_CS, FLAT_USER_SS, 0 },
		{ USER_CODE, 0x1233, FLAT_USER_SS, 0x1230 },
		{ USER_CODE, FLAT_USER_SS, FLAT_USER_SS, FLAT_USER_SS & ~3 },
		{ USER_CODE, FLAT_USER_CS, 0x1233, 0x1230 },
		{ USER_CODE, FLAT_USER_CS, FLAT_USER_CS, FLAT_USER_CS & ~3 },
		{ USER_CODE, 3, FLAT_USER_SS, 0 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct regs r;

		user_regs_init(&r);
		r.rip = bad[i].rip;
		r.cs = bad[i].cs;
		r.ss = bad[i].ss;
		trap.vector = NO_TRAP;
		user_run(&r);
		CHECK(trap.vector == 13 && trap.rip == bad[i].rip && trap.error == bad[i].error,
		      "frame %u: trap %lu, error 0x%lx, at 0x%lx", i, trap.vector, trap.error, trap.rip);
	}
}

/* --- a system call in the last bytes of the lower half: the address behind it is not canonical (XSA 7) --- */

#define LAST_PAGE	0x00007ffffffff000ul

static u64 came_from, behind_call;

static bool returned_to_nowhere(struct regs *r)
{
	came_from = r->rip;
	r->rip = behind_call;
	r->rsp = r->rbx;
	return true;
}

/* The page is mapped for the kernel and for programs; its last bytes are 0f 05. */
static void map_last_page(void)
{
	u64 *l3 = page_alloc(), *l2 = page_alloc(), *l1 = page_alloc();
	u8 *code = page_alloc();

	code[PAGE - 2] = 0x0f;
	code[PAGE - 1] = 0x05;
	l1[511] = PTE(va_to_mfn(code), PTE_P | PTE_U | PTE_A);
	l2[511] = PTE(va_to_mfn(l1), PTE_TABLE);
	l3[511] = PTE(va_to_mfn(l2), PTE_TABLE);
	CHECK_EQ(make_ro(l1) | make_ro(l2) | make_ro(l3), 0);
	CHECK_EQ(mmu_update(l4_mfn() << 12 | 255 * 8, PTE(va_to_mfn(l3), PTE_TABLE)), 0);
	CHECK_EQ(mmu_update(user_l4_mfn << 12 | 255 * 8, PTE(va_to_mfn(l3), PTE_TABLE)), 0);
}

static void test_end_of_the_lower_half(void)
{
	struct regs r;

	map_last_page();
	user_regs_init(&r);
	r.rip = LAST_PAGE + PAGE - 2;
	user_run(&r);
	CHECK(trap.vector == VEC_SYSCALL && trap.rip == LAST_PAGE + PAGE, "in user mode: trap %lu at 0x%lx",
	      trap.vector, trap.rip);
	/* As a hypercall the hypervisor would have to return there. */
	trap_hook[VEC_FAILSAFE] = trap_hook[13] = returned_to_nowhere;
	asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; mov %%rsp, %%rbx\n"
		     "mov $17, %%eax; xor %%edi, %%edi; jmp *%1; 1:"
		     : "=m" (behind_call) : "r" (LAST_PAGE + PAGE - 2)
		     : "rax", "rbx", "rcx", "rdi", "rsi", "rdx", "r8", "r10", "r11", "memory", "cc");
	trap_hook[VEC_FAILSAFE] = trap_hook[13] = NULL;
	CHECK(came_from == LAST_PAGE + PAGE || came_from == LAST_PAGE + PAGE - 2, "the fault was at 0x%lx", came_from);
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0) >> 16, 4);
}

void test_main(void)
{
	test_kernel_to_kernel();
	test_flags();
	test_event_on_return();
	test_to_user();
	test_bad_frames();
	test_end_of_the_lower_half();
}
