/* SPDX-License-Identifier: MIT */
/*
 * Debug registers and breakpoints.
 *
 * ABI: set_debugreg and get_debugreg, or mov to and from DR, for DR0 to DR3, DR6 and DR7. A breakpoint cannot lie in
 * the hypervisor (-EPERM; the mov is #GP); general detect is -EPERM, too, reserved bits cannot be set (XSA 12). The
 * registers are the vCPU's own and kept across switches. A breakpoint is a #DB (vector 1) with its bit in DR6, in
 * kernel and in user mode: on execution before the instruction, on data after it. What the hypervisor itself reads or
 * writes on behalf of the guest hits nothing, and breakpoints work afterwards as before (XSA 156: no loop either).
 *
 * CR4.DE is clear at the start. With it, breakpoints on ports work, after each access, and DR4 and DR5 are not there
 * (-ENODEV, #UD); without, they are DR6 and DR7, and a breakpoint on a port is -EPERM and leaves DR7 as it was.
 */
#include "child.h"

#include "public/physdev.h"

#define DR7_FIXED	0x400ul
#define CR4_DE		8ul
#define EXECUTE		0ul
#define WRITE		1ul
#define PORT		2ul
#define ACCESS		3ul
#define LEN4		3ul

static long set(unsigned int reg, u64 val)
{
	return hypercall2(__HYPERVISOR_set_debugreg, reg, val);
}

static u64 get(unsigned int reg)
{
	return hypercall1(__HYPERVISOR_get_debugreg, reg);
}

/* DR7 with breakpoint n of this kind enabled. */
static u64 dr7(unsigned int n, u64 kind, u64 len)
{
	return DR7_FIXED | 1ul << (2 * n) | kind << (16 + 4 * n) | len << (18 + 4 * n);
}

/* --- values --- */

static void test_addresses(void)
{
	static const u64 bad[] = { 0xffff800000000000, 0xffff82d080000000, 0xffff830000000000, 0xffff87ffffffffff,
				   0x0000800000000000, 0xffff7fffffffffff, 0x8000000000000000 };
	static const u64 good[] = { 0, 0x00007fffffffffff, 0xffff880000000000, 0xffffffffffffffff };

	for (unsigned int reg = 0; reg < 4; reg++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
			CHECK_EQ(set(reg, good[i]), 0);
			CHECK_EQ(get(reg), good[i]);
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
			CHECK_EQ(set(reg, bad[i]), -XEN_EPERM);
			CHECK_EQ(get(reg), ~0ul);
		}
		CHECK_EQ(set(reg, 0), 0);
	}
	TRY("mov %0, %%db0", : : "r" (0xffff830000000000));
	CHECK_EQ(trap.vector, 13);
	TRY("mov %0, %%db3", : : "r" (0x1234ul));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(get(3), 0x1234);
	CHECK_EQ(set(3, 0), 0);
}

static void test_numbers(void)
{
	static const unsigned int bad[] = { 8, 9, 15, 16, 0x7fffffff, 0x80000000, 0xffffffff };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_EQ(set(bad[i], 0), -XEN_ENODEV);
		CHECK_EQ(get(bad[i]), -XEN_ENODEV);
	}
}

static void debug_extensions(bool on)
{
	u64 cr4;

	TRY("mov %%cr4, %0", : "=r" (cr4));
	TRY("mov %0, %%cr4", : : "r" (on ? cr4 | CR4_DE : cr4 & ~CR4_DE));
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("mov %%cr4, %0", : "=r" (cr4));
	CHECK_EQ(cr4 & CR4_DE, on ? CR4_DE : 0);
}

static void test_other_names(void)
{
	u64 v;

	TRY("mov %%cr4, %0", : "=r" (v));
	CHECK_EQ(v & CR4_DE, 0);
	CHECK_EQ(set(4, 2), 0);
	CHECK_EQ(get(6), 0xffff0ff2);
	CHECK_EQ(get(4), 0xffff0ff2);
	TRY("mov %0, %%db4", : : "r" (0ul));
	TRY("mov %%db6, %0", : "=r" (v));
	CHECK_EQ(v, 0xffff0ff0);
	CHECK_EQ(set(5, DR7_FIXED | 0x200), 0);
	CHECK_EQ(get(7), DR7_FIXED | 0x200);
	TRY("mov %%db5, %0", : "=r" (v));
	CHECK_EQ(v, DR7_FIXED | 0x200);
	debug_extensions(true);
	for (unsigned int reg = 4; reg <= 5; reg++) {
		CHECK_EQ(set(reg, 0), -XEN_ENODEV);
		CHECK_EQ(get(reg), -XEN_ENODEV);
	}
	TRY("mov %%db4, %0", : "=r" (v));
	CHECK_EQ(trap.vector, 6);
	TRY("mov %0, %%db5", : : "r" (0ul));
	CHECK_EQ(trap.vector, 6);
	debug_extensions(false);
	CHECK_EQ(set(7, 0), 0);
}

/* Whatever is written, what is read back has the fixed bits, no reserved ones and no general detect. */
static void test_reserved_bits(void)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		long rc = set(7, 1ul << bit);

		CHECK(!rc || rc == -XEN_EPERM || rc == -XEN_EINVAL, "DR7 bit %u: %ld", bit, rc);
		CHECK((get(7) & ~0xffff03fful) == DR7_FIXED, "DR7 bit %u: reads 0x%lx", bit, get(7));
		CHECK_EQ(set(7, DR7_FIXED), 0);
		rc = set(6, 1ul << bit);
		CHECK(!rc || rc == -XEN_EINVAL, "DR6 bit %u: %ld", bit, rc);
		CHECK((get(6) & ~0xe00ful) == 0xffff0ff0, "DR6 bit %u: reads 0x%lx", bit, get(6));
	}
	CHECK_EQ(set(7, 1ul << 13), -XEN_EPERM);
	for (unsigned int bit = 32; bit < 64; bit++) {
		CHECK_EQ(set(6, 1ul << bit), -XEN_EINVAL);
		CHECK_EQ(set(7, 1ul << bit), -XEN_EINVAL);
	}
	for (unsigned int n = 0; n < 4; n++)
		CHECK_EQ(set(7, dr7(n, PORT, 0)), -XEN_EPERM);
	CHECK_EQ(get(7), DR7_FIXED);
	CHECK_EQ(set(6, 0), 0);
}

/* --- hits --- */

static volatile unsigned int hits;
static volatile u64 hit_at, hit_dr6;
static volatile u32 data[1024] __attribute__((aligned(4096)));

static bool on_debug(struct regs *r)
{
	if ((r->cs & 3) == 3)
		return false;		/* user mode: ends it */
	hits++;
	hit_at = r->rip;
	hit_dr6 = get(6);
	set(6, 0);
	if (hit_at == get(0))
		r->rflags |= 0x10000;	/* resume: do not hit the same instruction again */
	return true;
}

static void expect(unsigned int n, u64 dr6, const char *what)
{
	CHECK(hits == n, "%s: %u hits, should be %u", what, hits, n);
	CHECK(!n || (hit_dr6 & 15) == dr6, "%s: DR6 is 0x%lx", what, hit_dr6);
	hits = 0;
}

static void test_execution(void)
{
	u64 at;

	asm volatile("lea 1f(%%rip), %0; jmp 2f; 1: nop; ret; 2:" : "=r" (at));
	set(0, at);
	CHECK_EQ(set(7, dr7(0, EXECUTE, 0)), 0);
	asm volatile("call *%0" : : "r" (at) : "memory");
	expect(1, 1, "execution");
	CHECK_EQ(hit_at, at);
	set(7, DR7_FIXED);
	asm volatile("call *%0" : : "r" (at) : "memory");
	expect(0, 0, "execution, switched off");
}

static void test_data(void)
{
	for (unsigned int n = 0; n < 4; n++) {
		CHECK_EQ(set(n, (u64)&data[n]), 0);
		CHECK_EQ(set(7, dr7(n, WRITE, LEN4)), 0);
		data[n + 1] = 1;
		(void)data[n];
		expect(0, 0, "next to it, and reading");
		data[n] = 1;
		expect(1, 1 << n, "writing");
		CHECK_EQ(set(7, dr7(n, ACCESS, LEN4)), 0);
		(void)data[n];
		expect(1, 1 << n, "reading");
	}
	set(7, DR7_FIXED);
	data[0] = 2;
	expect(0, 0, "switched off");
}

static void port_hits(unsigned int n, unsigned int expected, const char *what)
{
	static u8 bytes[3];
	const u8 *from = bytes;
	u64 count = 3;

	asm volatile("outb %%al, $0x80" : : "a" (0));
	expect(expected & 1, 1u << n, what);
	asm volatile("inw $0x7f, %%ax" : : : "rax");
	expect(expected & 1, 1u << n, what);
	asm volatile("outb %%al, $0x81; inb $0x7f, %%al" : : "a" (0));
	expect(0, 0, "the ports next to it");
	asm volatile("rep outsb" : "+S" (from), "+c" (count) : "d" (0x80) : "memory");
	expect(expected, 1u << n, "an access for each element");
	CHECK_EQ(count, 0);
}

static void test_ports(void)
{
	struct physdev_set_iopl iopl = { .iopl = 1 };

	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl), 0);
	for (unsigned int n = 0; n < 4; n++) {
		debug_extensions(true);
		CHECK_EQ(set(n, 0x80), 0);
		CHECK_EQ(set(7, dr7(n, PORT, 0)), 0);
		CHECK_EQ(get(7), dr7(n, PORT, 0));
		port_hits(n, 3, "a port");
		debug_extensions(false);
		port_hits(n, 0, "without CR4.DE");
		CHECK_EQ(set(7, dr7(n, PORT, 0) | dr7(n ^ 1, WRITE, LEN4)), -XEN_EPERM);
		CHECK_EQ(get(7), dr7(n, PORT, 0));
		CHECK_EQ(set(7, DR7_FIXED), 0);
		CHECK_EQ(get(7), DR7_FIXED);
		debug_extensions(true);
		port_hits(n, 0, "switched off");
		CHECK_EQ(set(n, 0), 0);
	}
	/* One on a port and one on data. */
	CHECK_EQ(set(0, 0x80), 0);
	CHECK_EQ(set(1, (u64)&data[1]), 0);
	CHECK_EQ(set(7, dr7(0, PORT, 0) | dr7(1, WRITE, LEN4)), 0);
	port_hits(0, 3, "a port beside data");
	data[1] = 1;
	expect(1, 2, "data beside a port");
	CHECK_EQ(set(7, DR7_FIXED), 0);
	debug_extensions(false);
}

/* The hypervisor writes to the watched word: no hit, no harm, and the next write of ours is one. */
static void test_hypervisor_access(void)
{
	struct xen_memory_domain *q = (void *)(data + 512);
	struct vcpu_runstate_info *run = (void *)(data + 64);

	q->domid = DOMID_SELF;
	set(0, (u64)run);
	set(1, (u64)q);
	CHECK_EQ(set(7, dr7(0, ACCESS, LEN4) | dr7(1, ACCESS, LEN4)), 0);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, run), 0);
		CHECK(hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, q) > 0, "no pages");
		hits = 0;		/* some processors tell of it on the way back */
		data[64] = 5;
		expect(1, 1, "our own write after the hypervisor's");
	}
	set(7, DR7_FIXED);
}

/* A breakpoint on the stack that the #DB frame itself is written to. */
static void test_on_trap_stack(void)
{
	u64 rsp;

	asm volatile("mov %%rsp, %0" : "=r" (rsp));
	set(0, (rsp & ~0xful) - 256);
	CHECK_EQ(set(7, dr7(0, WRITE, LEN4)), 0);
	for (unsigned int i = 0; i < 20; i++)
		TRY("ud2", : : );
	CHECK_EQ(trap.vector, 6);
	set(7, DR7_FIXED);
	hits = 0;
}

static void test_user(void)
{
	/* mov %eax, -8(%rsp); nop; syscall */
	static const u8 code[] = { 0x89, 0x44, 0x24, 0xf8, 0x90, 0x0f, 0x05 };
	struct regs r;

	user_space_init(code, sizeof(code));
	user_regs_init(&r);
	set(0, USER_CODE + 4);
	CHECK_EQ(set(7, dr7(0, EXECUTE, 0)), 0);
	user_run(&r);
	CHECK(trap.vector == 1 && trap.rip == USER_CODE + 4, "execution in user mode: trap %lu at 0x%lx", trap.vector,
	      trap.rip);
	CHECK_EQ(get(6) & 15, 1);
	set(6, 0);
	set(0, USER_STACK - 8);
	CHECK_EQ(set(7, dr7(0, WRITE, LEN4)), 0);
	user_regs_init(&r);
	user_run(&r);
	CHECK(trap.vector == 1 && trap.rip == USER_CODE + 4, "writing in user mode: trap %lu at 0x%lx", trap.vector,
	      trap.rip);
	set(7, DR7_FIXED);
	set(6, 0);
	user_regs_init(&r);
	user_run(&r);
	CHECK_EQ(trap.vector, VEC_SYSCALL);
}

/* --- whose they are --- */

static volatile u64 ap_ready, ap_failed, ap_go;

static void second_vcpu(void)
{
	ap_failed = get(7) != DR7_FIXED || get(0) || get(3);
	set(0, (u64)&data[200]);
	set(7, dr7(0, WRITE, LEN4));
	ap_ready = 1;
	while (!ap_go) {
		data[100] = 1;				/* vCPU 0 watches this one */
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		ap_failed += get(0) != (u64)&data[200];
	}
	set(7, DR7_FIXED);
	ap_ready = 2;
	ap_park();
}

static volatile u64 ap_hits;

static bool on_debug_of_two(struct regs *r)
{
	if (!on_ap(r))
		return on_debug(r);
	ap_hits++;
	return true;
}

static void test_two_vcpus(void)
{
	trap_hook[1] = on_debug_of_two;
	set(0, (u64)&data[100]);
	set(1, 0x1111);
	CHECK_EQ(set(7, dr7(0, WRITE, LEN4)), 0);
	vcpu_pin(0, 0, 1);
	vcpu_pin(0, 1, 1);
	ap_start(second_vcpu);
	ap_wait(&ap_ready, 1);
	for (unsigned int i = 0; i < 50; i++) {
		data[200] = 1;				/* vCPU 1 watches this one */
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		CHECK_EQ(get(0), (u64)&data[100]);
	}
	CHECK_EQ(get(1), 0x1111);
	expect(0, 0, "the other vCPU's breakpoint");
	data[100] = 2;
	expect(1, 1, "after many switches");
	ap_go = 1;
	ap_wait(&ap_ready, 2);
	CHECK_EQ(ap_failed, 0);
	CHECK_EQ(ap_hits, 0);
	set(7, DR7_FIXED);
}

/* A domain starts without any, and never sees another's. */
static void in_child(void)
{
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(get(i), 0);
	CHECK_EQ(get(6), 0xffff0ff0);
	CHECK_EQ(get(7), DR7_FIXED);
	trap_hook[1] = on_debug;
	data[300] = 1;					/* dom0 watches this address */
	hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	data[300] = 2;
	CHECK_EQ(hits, 0);
}

static void test_other_domain(void)
{
	static struct child c;

	child_create(&c, in_child);
	vcpu_pin(c.id, 0, 1);
	set(0, (u64)&data[300]);
	set(7, dr7(0, WRITE, LEN4));
	child_run(&c);
	child_done(&c);
	data[300] = 1;
	expect(1, 1, "after the other domain");
	set(7, DR7_FIXED);
	child_destroy(&c);
}

void test_main(void)
{
	CHECK_EQ(get(7), DR7_FIXED);
	CHECK_EQ(get(6), 0xffff0ff0);
	test_addresses();
	test_numbers();
	test_other_names();
	test_reserved_bits();
	trap_hook[1] = on_debug;
	test_execution();
	test_data();
	test_ports();
	test_hypervisor_access();
	test_on_trap_stack();
	test_user();
	if (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0) >= 0)
		test_two_vcpus();
	trap_hook[1] = on_debug;
	test_other_domain();
}
