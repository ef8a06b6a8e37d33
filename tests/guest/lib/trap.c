/* SPDX-License-Identifier: MIT */
/*
 * What happens after a trap: a test's hook, the end of user mode, a TRY() to go on behind, or the end of the test.
 */
#include "guest.h"

struct extable_entry {
	u64 rip, fixup;
};
extern const struct extable_entry extable_start[], extable_end[];
extern u8 trap_stubs[][16];
extern u8 syscall_entry[], event_entry[], failsafe_entry[];
void trap_c(struct regs *r);
void user_enter(struct regs *r);
void user_leave(void) __attribute__((noreturn));

volatile struct trap_record trap;
bool (*trap_hook[259])(struct regs *r);
static struct trap_info table[257];
static struct regs *user_regs;
static u8 trap_stack[STACK_SIZE] __attribute__((aligned(16)));

static void record(const struct regs *r)
{
	trap = (struct trap_record){
		.vector = r->vector, .error = r->error, .rip = r->rip, .cs = r->cs & 0xffff,
		.rflags = r->rflags, .rsp = r->rsp, .cr2 = r->vector == 14 ? vcpu_info()->arch.cr2 : 0,
	};
}

static void die(const struct regs *r)
{
	test_die("unexpected trap %lu error 0x%lx at 0x%lx cs 0x%lx flags 0x%lx rsp 0x%lx cr2 0x%lx "
		 "rax 0x%lx rcx 0x%lx rdx 0x%lx rsi 0x%lx rdi 0x%lx",
		 r->vector, r->error, r->rip, r->cs, r->rflags, r->rsp, trap.cr2, r->rax, r->rcx, r->rdx, r->rsi,
		 r->rdi);
}

/* Where a TRY() goes on. A fault stops at the instruction, a software interrupt behind it. */
static u64 extable_find(u64 rip)
{
	for (const struct extable_entry *x = extable_start; x < extable_end; x++)
		if (x->rip == rip)
			return x->fixup;
	for (const struct extable_entry *x = extable_start; x < extable_end; x++)
		if (x->fixup == rip)
			return rip;
	return 0;
}

void trap_c(struct regs *r)
{
	u64 fixup;

	if (trap_hook[r->vector] && trap_hook[r->vector](r))
		return;
	record(r);
	if ((r->cs & 3) == 3 && user_regs) {
		*user_regs = *r;
		user_regs = NULL;
		user_leave();
	}
	fixup = extable_find(r->rip);
	if (!fixup)
		die(r);
	r->rip = fixup;
}

void user_run(struct regs *r)
{
	struct regs start = *r;

	user_regs = r;
	user_enter(&start);
}

static long table_load(const struct trap_info *t)
{
	return hypercall1(__HYPERVISOR_set_trap_table, t);
}

void trap_gate_set(unsigned int vector, unsigned int dpl, bool mask)
{
	struct trap_info one[2] = {
		{ .vector = vector, .flags = dpl | (mask ? 4 : 0), .cs = FLAT_KERNEL_CS,
		  .address = (unsigned long)trap_stubs[vector] },
	};
	long rc = table_load(one);

	if (rc)
		test_die("set_trap_table for vector %u: %ld", vector, rc);
}

void trap_gate_clear(unsigned int vector)
{
	struct trap_info all[257];
	unsigned int n = 0;

	for (unsigned int i = 0; i < 256; i++)
		if (table[i].vector != vector && table[i].address)
			all[n++] = table[i];
	all[n] = (struct trap_info){ 0 };
	if (hypercall1(__HYPERVISOR_set_trap_table, 0) || table_load(all))
		test_die("set_trap_table refused");
}

static void callback_set(unsigned int type, const void *address)
{
	struct callback_register cb = { .type = type, .flags = CALLBACKF_mask_events,
					.address = (unsigned long)address };
	long rc = hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb);

	if (rc)
		test_die("callback_op register type %u: %ld", type, rc);
}

/* Gates for the exceptions, none of them open to `int` except 3 and 4 as on a PC. */
void traps_init(void)
{
	unsigned int n = 0;

	for (unsigned int v = 0; v < 20; v++)
		if (v != 2 && v != 15)
			table[n++] = (struct trap_info){
				.vector = v, .flags = v == 3 || v == 4 ? 3 : 0, .cs = FLAT_KERNEL_CS,
				.address = (unsigned long)trap_stubs[v],
			};
	if (table_load(table))
		test_die("set_trap_table refused");
	callback_set(CALLBACKTYPE_event, event_entry);
	callback_set(CALLBACKTYPE_failsafe, failsafe_entry);
	callback_set(CALLBACKTYPE_syscall, syscall_entry);
	if (hypercall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, trap_stack + sizeof(trap_stack)))
		test_die("stack_switch refused");
}

void traps_copy(struct trap_info *by_vector)
{
	for (unsigned int i = 0; table[i].address; i++)
		by_vector[table[i].vector] = table[i];
}

bool can_read(const volatile void *va)
{
	u8 v;

	TRY("movb %1, %0", : "=q" (v) : "m" (*(const volatile u8 *)va));
	return trap.vector == NO_TRAP;
}

bool can_write(volatile void *va)
{
	u8 v;

	TRY("movb %1, %0", : "=q" (v) : "m" (*(volatile u8 *)va));
	if (trap.vector != NO_TRAP)
		return false;
	TRY("movb %1, %0", : "=m" (*(volatile u8 *)va) : "q" (v));
	return trap.vector == NO_TRAP;
}
