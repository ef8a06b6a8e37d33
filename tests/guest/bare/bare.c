/* SPDX-License-Identifier: MIT */
/*
 * A kernel that takes nothing for granted but what the Xen ABI promises a domU: other people's small kernels are like
 * this one, and unlike Linux and our other test kernels.
 *
 * No note says where it starts (the ELF header does) or where it is seen (so at 0); it unmaps page 0; it has a GDT of
 * its own and registers every callback; its programs run on its own page tables; it waits until its console has been
 * read. Its last line is the verdict, then it powers off. tests/system/test_xl.c runs it as a test runner would.
 */
#include <stddef.h>
#include <stdint.h>

#include "public/callback.h"
#include "public/elfnote.h"
#include "public/event_channel.h"
#include "public/io/console.h"
#include "public/sched.h"
#include "public/xen.h"

#include "hypercall.h"

#define PAGE		4096ul
#define RETURN_VECTOR	0x20
#define USER_WORD	0x600d

#define STR_(x)		#x
#define STR(x)		STR_(x)
#define NOTE(type, value) asm(".pushsection .note.Xen, \"a\", @note; .balign 4; .long 4, 8, " STR(type) "; " \
			      ".asciz \"Xen\"; " value "; .popsection")

/* In hypercall_page a first byte of c3 means that nobody filled it in. */
uint8_t hypercall_page[PAGE] __attribute__((aligned(4096))) = { 0xc3 };
uint64_t gdt[512] __attribute__((aligned(4096))) = {
	0, 0x00af9a000000ffff, 0x00cf9a000000ffff, 0x00cf92000000ffff,	/* code of 64 and 32 bit, data: privilege 0 */
	0x00affa000000ffff, 0x00cffa000000ffff, 0x00cff2000000ffff,	/* the same, privilege 3 */
};
uint8_t stack[2][PAGE] __attribute__((aligned(4096)));
uint8_t user_stack[PAGE] __attribute__((aligned(4096)));
struct start_info *si;
volatile uint64_t word_of_user, kernel_rsp;
static struct xencons_interface *ring;

extern const uint8_t bare_trap[], bare_return[];

NOTE(XEN_ELFNOTE_XEN_VERSION, ".asciz \"xen-3.0\"");
NOTE(XEN_ELFNOTE_LOADER, ".asciz \"generic\"");
NOTE(XEN_ELFNOTE_HYPERCALL_PAGE, ".quad hypercall_page");

asm("	.globl bare_start\n"
    "bare_start:\n"
    "	mov %rsi, si\n"
    "	mov $stack + 4096, %esp\n"
    "	call bare_main\n"
    "bare_trap:\n"			/* nothing here traps on purpose */
    "	mov $6, %edi\n"
    "	jmp finish\n"
    /* run_user: an iret frame to user_code and flags for the stub; bare_return is where its int $0x20 arrives. */
    "run_user:\n"
    "	push %rbp\n	push %rbx\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
    "	mov %rsp, kernel_rsp\n"
    "	pushq $" STR(FLAT_RING3_SS64) "\n"
    "	pushq $user_stack + 4096\n"
    "	pushq $2\n"			/* events stay masked */
    "	pushq $" STR(FLAT_RING3_CS64) "\n"
    "	pushq $user_code\n"
    "	pushq $0\n"
    "	jmp hypercall_page + 23 * 32\n"
    "bare_return:\n"
    "	mov kernel_rsp, %rsp\n"
    "	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbx\n	pop %rbp\n"
    "	ret\n"
    "user_code:\n"
    "	movq $" STR(USER_WORD) ", word_of_user\n"
    "	pushq $7\n"
    "	int $" STR(RETURN_VECTOR) "\n");
void run_user(void);
void bare_main(void);
void finish(unsigned int failed) __attribute__((noreturn));

static uint64_t mfn_of(const volatile void *va)
{
	return ((const uint64_t *)si->mfn_list)[(uint64_t)va / PAGE];
}

static void *va_of_mfn(uint64_t mfn)
{
	return (void *)(((const uint64_t *)MACH2PHYS_VIRT_START)[mfn] * PAGE);
}

/* To the hypervisor's log, and to the console; then waits for whoever reads it. */
static void say(const char *s)
{
	struct evtchn_send send = { .port = si->console.domU.evtchn };
	uint32_t prod, n = 0;

	while (s[n])
		n++;
	hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, n, s);
	if (!ring)
		return;
	prod = ring->out_prod;
	while (*s)
		ring->out[prod++ % sizeof(ring->out)] = *s++;
	__atomic_store_n(&ring->out_prod, prod, __ATOMIC_RELEASE);
	hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
	while (__atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) != prod)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

void finish(unsigned int failed)
{
	struct sched_shutdown off = { .reason = SHUTDOWN_poweroff };
	char line[] = "bare result: step ? failed\n";

	line[18] = '0' + failed;
	say(failed ? line : "bare result: SUCCESS\n");
	for (;;)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &off);
}

static void must(unsigned int step, long rc)
{
	if (rc)
		finish(step);
}

static long callback(unsigned int type)
{
	struct callback_register reg = { .type = type, .flags = CALLBACKF_mask_events, .address = (uint64_t)bare_trap };

	return hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, &reg);
}

static void set_up(void)
{
	struct trap_info traps[] = {
		{ 6, 4, FLAT_KERNEL_CS, (uint64_t)bare_trap }, { 13, 4, FLAT_KERNEL_CS, (uint64_t)bare_trap },
		{ 14, 4, FLAT_KERNEL_CS, (uint64_t)bare_trap },
		{ RETURN_VECTOR, 3 | 4, FLAT_KERNEL_CS, (uint64_t)bare_return }, { 0 },
	};
	uint64_t frames[] = { mfn_of(gdt) };
	struct mmuext_op base = { .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = mfn_of((void *)si->pt_base) };

	must(1, hypercall1(__HYPERVISOR_set_trap_table, traps));
	must(2, callback(CALLBACKTYPE_event) | callback(CALLBACKTYPE_syscall) | callback(CALLBACKTYPE_syscall32) |
	     callback(CALLBACKTYPE_sysenter));
	must(3, hypercall3(__HYPERVISOR_update_va_mapping, gdt, frames[0] << 12 | 0x61, UVMF_INVLPG));
	must(3, hypercall2(__HYPERVISOR_set_gdt, frames, 15));
	must(4, hypercall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, stack + 2));
	must(4, hypercall4(__HYPERVISOR_mmuext_op, &base, 1, 0, DOMID_SELF));
	must(5, hypercall3(__HYPERVISOR_update_va_mapping, 0, 0, UVMF_INVLPG));
}

void bare_main(void)
{
	set_up();
	must(7, hypercall_page[0] == 0xc3);
	ring = va_of_mfn(si->console.domU.mfn);
	say("bare: the console works\n");
	for (unsigned int i = 0; i < 3; i++) {
		word_of_user = 0;
		run_user();
		must(8, word_of_user != USER_WORD || *(uint64_t *)(user_stack + PAGE - 8) != 7);
	}
	finish(0);
}
