/* SPDX-License-Identifier: MIT */
/*
 * The virtual I/O privilege level: who may execute cli and out.
 *
 * ABI: by default a kernel counts as privilege 1, its programs as 3, and PHYSDEVOP_set_iopl sets the level. With
 * vm_assist architectural_iopl it is as on the bare processor: a kernel counts as 0, so it may always, and iret takes
 * the level from the frame. Who may not gets #GP with error code 0.
 */
#include "guest.h"
#include "public/physdev.h"

static const u8 code[] = {
	0xfa, 0x0f, 0x05,			/* cli; syscall */
	0xe6, 0x80, 0x0f, 0x05,			/* out %al, $0x80; syscall */
	0x90, 0x0f, 0x05,			/* nop; syscall */
};
enum { USER_CLI = 0, USER_OUT = 3, USER_NOP = 7 };

static void user_at(unsigned int where, unsigned int iopl)
{
	struct regs r;

	user_regs_init(&r);
	r.rip += where;
	r.rax = 0;
	r.rflags |= iopl << 12;
	user_run(&r);
}

static void check_one(const char *what, const char *who, unsigned int iopl, bool may)
{
	bool did = trap.vector == NO_TRAP || trap.vector == VEC_SYSCALL;

	CHECK(may ? did : trap.vector == 13 && trap.error == 0, "level %u, %s of a %s: trap %lu, error 0x%lx", iopl, what, who,
	      trap.vector, trap.error);
}

static void check_level(unsigned int iopl, bool kernel_may, bool user_may)
{
	TRY("cli", : : );
	check_one("cli", "kernel", iopl, kernel_may);
	TRY("out %%al, $0x80", : : "a" (0));
	check_one("out", "kernel", iopl, kernel_may);
	user_at(USER_CLI, iopl);
	check_one("cli", "program", iopl, user_may);
	user_at(USER_OUT, iopl);
	check_one("out", "program", iopl, user_may);
}

static void test_by_hypercall(void)
{
	for (unsigned int level = 0; level <= 3; level++) {
		struct physdev_set_iopl op = { .iopl = level };

		CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &op), 0);
		check_level(level, level >= 1, level == 3);
	}
}

static void test_by_iret(void)
{
	CHECK_EQ(hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_architectural_iopl), 0);
	for (unsigned int level = 0; level <= 3; level++) {
		user_at(USER_NOP, level);	/* the way there sets it */
		check_level(level, true, level == 3);
		CHECK_EQ(trap.rflags >> 12 & 3, level);
	}
}

void test_main(void)
{
	user_space_init(code, sizeof(code));
	test_by_hypercall();
	test_by_iret();
}
