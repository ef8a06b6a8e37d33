/* SPDX-License-Identifier: MIT */
/*
 * Floating-point and vector registers belong to a vCPU, whoever else runs on the processor in between.
 *
 * ABI: a vCPU starts with the reset state. All registers that the processor has and XCR0 can name are kept across
 * switches, also those that the vCPU's own XCR0 does not name just now; XCR0 and CR0.TS are the vCPU's own. xsetbv
 * takes what is consistent and offered by CPUID leaf 0xd, else it is #GP and nothing changes.
 *
 * Tried with a different pattern in every register, on one processor: two vCPUs of one domain, and two domains. A
 * state is loaded and looked at with xrstor and xsave (fxrstor, fxsave without XSAVE), which reach all there is.
 */
#include "child.h"

#define AREA	4096
#define ROUNDS	150

static u64 features;		/* what XCR0 may hold; 0: no XSAVE */
static u32 offset[64], size[64];

/* --- a state in memory --- */

static void cpuid(u32 leaf, u32 sub, u32 r[4])
{
	asm volatile(XEN_CPUID : "=a" (r[0]), "=b" (r[1]), "=c" (r[2]), "=d" (r[3]) : "0" (leaf), "2" (sub));
}

static void find_features(void)
{
	u32 r[4];

	cpuid(1, 0, r);
	if (!(r[2] >> 26 & 1) || !(r[2] >> 27 & 1))
		return;
	cpuid(0xd, 0, r);
	features = r[0] | (u64)r[3] << 32;
	for (u32 i = 2; i < 63; i++)
		if (features >> i & 1) {
			cpuid(0xd, i, r);
			size[i] = r[0];
			offset[i] = r[1];
		}
}

static u64 xgetbv(void)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a" (lo), "=d" (hi) : "c" (0));
	return lo | (u64)hi << 32;
}

static void xsetbv(u64 v)
{
	asm volatile("xsetbv" : : "a" ((u32)v), "d" ((u32)(v >> 32)), "c" (0));
}

static void state_load(const u8 *area)
{
	if (features)
		asm volatile("xrstor64 (%0)" : : "r" (area), "a" (~0u), "d" (~0u) : "memory");
	else
		asm volatile("fxrstor64 (%0)" : : "r" (area) : "memory");
}

static void state_save(u8 *area)
{
	memset(area, 0, AREA);
	if (features)
		asm volatile("xsave64 (%0)" : : "r" (area), "a" (~0u), "d" (~0u) : "memory");
	else
		asm volatile("fxsave64 (%0)" : : "r" (area) : "memory");
}

static void fill(u8 *p, u32 n, u32 seed)
{
	for (u32 i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = seed >> 24;
	}
}

/* Every register its own bytes. The x87 ones are 10 of 16 bytes long; all of them are in use. */
static void state_make(u8 *area, u32 seed)
{
	u16 fcw = 0x37f ^ (seed & 3) << 8, ftw = 0xff;
	u32 mxcsr = 0x1f80 ^ (seed & 3) << 13;

	memset(area, 0, AREA);
	memcpy(area, &fcw, 2);
	memcpy(area + 4, &ftw, 2);
	memcpy(area + 24, &mxcsr, 4);
	for (u32 i = 0; i < 8; i++)
		fill(area + 32 + 16 * i, 10, seed + i);
	fill(area + 160, 256, seed + 100);
	for (u32 i = 2; i < 63; i++)
		if (features >> i & 1)
			fill(area + offset[i], size[i], seed + 1000 * i);
	memcpy(area + 512, &features, 8);
}

/* First byte that differs, or -1. Bytes 6 to 23 say where the last x87 instruction was, 28 to 31 are no state. */
static int state_compare(const u8 *a, const u8 *b)
{
	for (int i = 0; i < 416; i++)
		if (a[i] != b[i] && !(i >= 6 && i < 24) && !(i >= 28 && i < 32))
			return i;
	for (u32 c = 2; c < 63; c++)
		for (u32 i = 0; (features >> c & 1) && i < size[c]; i++)
			if (a[offset[c] + i] != b[offset[c] + i])
				return offset[c] + i;
	return -1;
}

/* --- a vCPU that keeps a state while others run --- */

struct keeper {
	volatile u64 rounds;
	volatile int wrong;		/* byte of the state that has changed, -1: none */
	u8 want[AREA] __attribute__((aligned(64)));
	u8 got[AREA] __attribute__((aligned(64)));
};

static void keep(struct keeper *k, u32 seed, u64 own_xcr0)
{
	k->wrong = -1;
	for (u32 i = 0; i < ROUNDS && k->wrong < 0; i++) {
		state_make(k->want, seed + 7 * i);
		state_load(k->want);
		if (features)
			xsetbv(own_xcr0);
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		if (i % 50 == 1)
			spin_ns(40000000);		/* longer than a time slice: preempted */
		if (features && xgetbv() != own_xcr0)
			k->wrong = AREA;
		if (features)
			xsetbv(features);
		state_save(k->got);
		if (k->wrong < 0)
			k->wrong = state_compare(k->want, k->got);
		k->rounds = k->rounds + 1;
	}
}

static void check_keeper(const struct keeper *k, const char *who)
{
	CHECK(k->wrong != AREA, "%s: XCR0 has changed", who);
	CHECK(k->wrong < 0 || k->wrong == AREA, "%s: round %lu: byte %d of the state is 0x%x, was 0x%x", who, k->rounds,
	      k->wrong, k->got[k->wrong & 4095], k->want[k->wrong & 4095]);
}

static struct keeper mine, other;
static volatile u64 other_done;
static u8 first[AREA] __attribute__((aligned(64)));

static bool is_reset_state(const u8 *area)
{
	static u8 want[AREA];
	u16 fcw = 0x37f;
	u32 mxcsr = 0x1f80;

	memset(want, 0, sizeof(want));
	memcpy(want, &fcw, 2);
	memcpy(want + 24, &mxcsr, 4);
	return state_compare(want, area) < 0;
}

static void second_vcpu(void)
{
	if (features)
		xsetbv(features);
	state_save(first);
	keep(&other, 55555, features ? 1 : 0);
	other_done = 1;
	ap_park();
}

static void test_two_vcpus(void)
{
	state_make(mine.want, 99);
	state_load(mine.want);
	vcpu_pin(0, 0, 1);
	vcpu_pin(0, 1, 1);
	ap_start(second_vcpu);
	keep(&mine, 11111, features);
	CHECK(ap_wait(&other_done, 1), "vCPU 1 has done %lu of %u rounds", other.rounds, ROUNDS);
	CHECK(is_reset_state(first), "vCPU 1 does not start with the reset state");
	check_keeper(&mine, "vCPU 0");
	check_keeper(&other, "vCPU 1");
}

/* --- two domains --- */

static void in_child(void)
{
	if (features)
		xsetbv(features);
	state_save(first);
	CHECK(is_reset_state(first), "a domain does not start with the reset state");
	mailbox()[0] = 1;
	memset(&mine, 0, sizeof(mine));
	keep(&mine, 77777, features ? 3 : 0);
	check_keeper(&mine, "the child");
}

static void test_two_domains(void)
{
	static struct child c;

	memset(&mine, 0, sizeof(mine));
	child_create(&c, in_child);
	vcpu_pin(c.id, 0, 1);
	state_make(mine.want, 1234);
	state_load(mine.want);
	child_run(&c);
	keep(&mine, 33333, features);
	child_done(&c);
	check_keeper(&mine, "dom0");
	child_destroy(&c);
	vcpu_pin(0, 0, ~0ul);
}

/* --- xsetbv, CR0.TS --- */

static void try_xsetbv(u64 v, u32 which, unsigned int want)
{
	u64 before = xgetbv();

	TRY("xsetbv", : : "a" ((u32)v), "d" ((u32)(v >> 32)), "c" (which));
	CHECK(trap.vector == want, "xsetbv of 0x%lx, register %u: trap %lu", v, which, trap.vector);
	CHECK_EQ(xgetbv(), want == NO_TRAP ? v : before);
}

static void test_xsetbv(void)
{
	static const u64 bad[] = { 0, 2, 4, 5, 6, 0x21, 0x27, 0x67, 0xe1, 0xe3, 0x9, 0x13, 0x203, 0x207,
				   0x60003, 1ul << 62, 1ul << 63 | 7, ~0ul };
	static const u8 code[] = { 0x0f, 0x01, 0xd1 };
	struct regs r;

	if (!features) {
		TRY("xsetbv", : : "a" (1), "d" (0), "c" (0));
		CHECK_EQ(trap.vector, 6);
		return;
	}
	try_xsetbv(features, 0, NO_TRAP);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		try_xsetbv(bad[i], 0, 13);
	try_xsetbv(3, 1, 13);
	try_xsetbv(3, 0xffffffff, 13);
	try_xsetbv(1, 0, NO_TRAP);
	try_xsetbv(3, 0, NO_TRAP);
	try_xsetbv(features, 0, NO_TRAP);
	user_space_init(code, sizeof(code));
	user_regs_init(&r);
	r.rax = 1;
	r.rcx = r.rdx = 0;
	user_run(&r);
	CHECK(trap.vector == 13 && trap.rip == USER_CODE, "xsetbv in user mode: trap %lu", trap.vector);
	CHECK_EQ(xgetbv(), features);
}

static void test_task_switched(void)
{
	CHECK_EQ(hypercall1(__HYPERVISOR_fpu_taskswitch, 1), 0);
	hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	spin_ns(5000000);
	TRY("fldz", : : );
	CHECK_EQ(trap.vector, 7);
	TRY("fstp %%st(0)", : : );		/* #NM has cleared it */
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(hypercall1(__HYPERVISOR_fpu_taskswitch, 1), 0);
	TRY("clts", : : );
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("fninit", : : );
	CHECK_EQ(trap.vector, NO_TRAP);
}

void test_main(void)
{
	find_features();
	printk("XCR0 may hold 0x%lx\n", features);
	test_xsetbv();
	test_task_switched();
	test_two_domains();
	if (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0) >= 0)
		test_two_vcpus();
}
