/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions that the hypervisor carries out for a guest kernel.
 *
 * ABI: rdmsr, wrmsr, in, out (with virtual IOPL 1), mov to and from CR0, CR2, CR3, CR4 and the debug registers,
 * clts, wbinvd, xsetbv, and cpuid behind the prefix `ud2; "xen"`. What is not allowed is #GP with error code 0 and
 * changes nothing; unknown MSRs are #GP. CR0.WP, PE and PG cannot be changed. User code gets #GP for all of them.
 * The forced CPUID hides what a PV guest cannot use (PSE, PGE, MTRR, x2APIC, SMEP, SMAP, ...) and shows the leaves
 * at 0x40000000.
 */
#include "guest.h"

#include "public/physdev.h"

#define CR4_FIXED	0x660ul		/* PAE, MCE, OSFXSR, OSXMMEXCPT */
#define CR4_CHANGEABLE	0xcul		/* TSD, DE */

static u64 rdmsr(u32 msr)
{
	u32 lo = 0, hi = 0;

	TRY("rdmsr", : "=a" (lo), "=d" (hi) : "c" (msr));
	return (u64)hi << 32 | lo;
}

static void wrmsr(u32 msr, u64 v)
{
	TRY("wrmsr", : : "c" (msr), "a" ((u32)v), "d" ((u32)(v >> 32)) : "memory");
}

static void cpuid(u32 leaf, u32 sub, u32 r[4])
{
	TRY(XEN_CPUID, : "=a" (r[0]), "=b" (r[1]), "=c" (r[2]), "=d" (r[3]) : "0" (leaf), "2" (sub));
}

static void test_msrs(void)
{
	static const u32 secret[] = { 0x1b /* APIC base */, 0xc0000080 /* EFER */ };
	static const u32 refused[] = { 0xc0000082 /* LSTAR */, 0x174, 0x175, 0x176 /* SYSENTER */, 0x12345678,
				       0x40000073, 0xffffffff, 0x9e, 0xc0010117 /* VM_HSAVE_PA */ };

	for (unsigned int i = 0; i < ARRAY_SIZE(secret); i++)
		rdmsr(secret[i]);		/* may be shown, must not crash */
	CHECK(rdmsr(0xc0000080) >> 10 & 1, "EFER without LMA: 0x%lx", rdmsr(0xc0000080));
	for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++) {
		u64 before = rdmsr(refused[i]), after;
		bool readable = trap.vector == NO_TRAP;

		CHECK(readable || (trap.vector == 13 && trap.error == 0), "rdmsr 0x%x: trap %lu error 0x%lx",
		      refused[i], trap.vector, trap.error);
		wrmsr(refused[i], 0xffffffff80001234);
		CHECK(trap.vector == 13 || trap.vector == NO_TRAP, "wrmsr 0x%x: trap %lu", refused[i], trap.vector);
		after = rdmsr(refused[i]);
		CHECK(!readable || after == before, "MSR 0x%x was written", refused[i]);
	}
	rdmsr(0x12345678);
	CHECK_EQ(trap.vector, 13);
	wrmsr(0x12345678, 0);
	CHECK_EQ(trap.vector, 13);
}

static void test_control_registers(void)
{
	u64 cr0 = 0, cr4 = 0, cr3 = 0, v;

	TRY("mov %%cr0, %0", : "=r" (cr0));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(cr0 & 0x80010001, 0x80010001);
	TRY("mov %%cr4, %0", : "=r" (cr4));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(cr4 & 0x20, 0x20);
	TRY("mov %%cr3, %0", : "=r" (cr3));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(cr3 >> 12 & 0xffffffffff, l4_mfn());
	TRY("mov %0, %%cr4", : : "r" (cr4));
	CHECK_EQ(trap.vector, NO_TRAP);
	/* Of CR0 only TS can be changed; of CR4 TSD, DE and OSXSAVE, and what is set stays visible. */
	for (unsigned int bit = 0; bit < 64; bit++) {
		TRY("mov %0, %%cr0", : : "r" (cr0 ^ 1ul << bit));
		CHECK(trap.vector == (bit == 3 ? NO_TRAP : 13), "CR0 bit %u: trap %lu", bit, trap.vector);
	}
	TRY("mov %0, %%cr0", : : "r" (cr0));
	TRY("mov %%cr0, %0", : "=r" (v));
	CHECK_EQ(v, cr0);
	TRY("mov %0, %%cr4", : : "r" (0ul));
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("mov %%cr4, %0", : "=r" (v));
	CHECK_EQ(v, CR4_FIXED);
	for (unsigned int bit = 0; bit < 32; bit++) {
		if (bit == 18)
			continue;
		TRY("mov %0, %%cr4", : : "r" (1ul << bit));
		TRY("mov %%cr4, %0", : "=r" (v));
		CHECK_EQ(v, CR4_FIXED | ((1ul << bit) & CR4_CHANGEABLE));
	}
	TRY("mov %0, %%cr4", : : "r" (cr4));
	TRY("mov %0, %%cr8", : : "r" (0ul));
	CHECK(trap.vector == 13 || trap.vector == 6, "mov to cr8: trap %lu", trap.vector);
	TRY("clts", : : );
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("wbinvd", : : );
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("invd", : : );
	CHECK_EQ(trap.vector, 13);
	TRY("mov %0, %%cr3", : : "r" (0ul));
	CHECK(trap.vector == 13, "cr3 = 0: trap %lu", trap.vector);
	TRY("lgdt %0", : : "m" (cr0));
	CHECK_EQ(trap.vector, 13);
	TRY("lidt %0", : : "m" (cr0));
	CHECK_EQ(trap.vector, 13);
	TRY("ltr %w0", : : "r" (0xe008));
	CHECK_EQ(trap.vector, 13);
	TRY("invlpg %0", : : "m" (cr0));
	CHECK(trap.vector == 13 || trap.vector == NO_TRAP, "invlpg: trap %lu", trap.vector);
}

static void test_debug_registers(void)
{
	u64 v;

	CHECK_EQ(hypercall2(__HYPERVISOR_set_debugreg, 0, (u64)&v), 0);
	CHECK_EQ(hypercall1(__HYPERVISOR_get_debugreg, 0), (u64)&v);
	CHECK_EQ(hypercall2(__HYPERVISOR_set_debugreg, 0, 0), 0);
	CHECK(hypercall2(__HYPERVISOR_set_debugreg, 0, 0xffff830000000000) < 0, "a breakpoint in the hypervisor");
	CHECK(hypercall2(__HYPERVISOR_set_debugreg, 8, 0) < 0, "DR8");
	CHECK(hypercall2(__HYPERVISOR_set_debugreg, 7, 0x100000000) < 0 ||
	      !(hypercall1(__HYPERVISOR_get_debugreg, 7) >> 32), "upper half of DR7");
	CHECK_EQ(hypercall2(__HYPERVISOR_set_debugreg, 7, 0x400), 0);
	TRY("mov %%db7, %0", : "=r" (v));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(v & 0xff, 0);
}

static void test_ports(void)
{
	struct physdev_set_iopl iopl = { .iopl = 1 };
	u8 v = 0;

	if (!is_dom0())
		return;
	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl), 0);
	TRY("outb %0, $0x80", : : "a" ((u8)0x12));
	CHECK_EQ(trap.vector, NO_TRAP);
	/* CMOS: port 0x70 selects, 0x71 reads; the century is 19 to 21. */
	TRY("outb %0, $0x70", : : "a" ((u8)0x32));
	CHECK_EQ(trap.vector, NO_TRAP);
	TRY("inb $0x71, %0", : "=a" (v));
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK(v == 0x19 || v == 0x20 || v == 0x21, "century 0x%x", v);
	/* The hypervisor's own serial port is not the guest's: reads give nothing, or the access is refused. */
	TRY("inb %%dx, %0", : "=a" (v) : "d" ((u16)0x3fd));
	CHECK(trap.vector == 13 || v == 0xff, "serial line status 0x%x", v);
	iopl.iopl = 4;
	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl), -XEN_EINVAL);
	iopl.iopl = 0;
	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl), 0);
	TRY("outb %0, $0x80", : : "a" ((u8)0x12));
	CHECK_EQ(trap.vector, 13);
}

static void test_string_io(void)
{
	static u8 buf[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct physdev_set_iopl iopl = { .iopl = 1 };
	u64 rsi = (u64)buf, rdi = (u64)buf, rcx = 4;

	if (!is_dom0())
		return;
	hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl);
	TRY("rep outsb", : "+S" (rsi), "+c" (rcx) : "d" ((u16)0x80) : "memory");
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(rcx, 0);
	CHECK_EQ(rsi, (u64)buf + 4);
	rcx = 3;
	TRY("rep insb", : "+D" (rdi), "+c" (rcx) : "d" ((u16)0x71) : "memory");
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK_EQ(rcx, 0);
	CHECK_EQ(rdi, (u64)buf + 3);
	CHECK_EQ(buf[3], 4);
	rdi = 0xffff830000000000;
	rcx = 1;
	TRY("rep insb", : "+D" (rdi), "+c" (rcx) : "d" ((u16)0x71) : "memory");
	CHECK(trap.vector == 14 || trap.vector == 13, "input into the hypervisor's memory: trap %lu", trap.vector);
	CHECK_EQ(rcx, 1);
}

static void test_cpuid(void)
{
	u32 r[4];

	cpuid(0x40000000, 0, r);
	CHECK_EQ(trap.vector, NO_TRAP);
	CHECK(r[1] == 0x566e6558 && r[2] == 0x65584d4d && r[3] == 0x4d4d566e, "signature %x %x %x", r[1], r[2], r[3]);
	CHECK(r[0] >= 0x40000002 && r[0] < 0x40000100, "highest leaf 0x%x", r[0]);
	cpuid(0x40000001, 0, r);
	CHECK_EQ(r[0], hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0));
	cpuid(1, 0, r);
	CHECK_EQ(r[3] & (1 << 3 | 1 << 13 | 1 << 17 | 1 << 1), 0);	/* PSE, PGE, PSE36, VME */
	CHECK(r[3] & 1 << 0 && r[3] & 1 << 24 && r[3] & 1 << 25 && r[3] & 1 << 6, "no FPU, FXSR, SSE or PAE: %x", r[3]);
	CHECK_EQ(r[2] & (1 << 5 | 1 << 21 | 1 << 24 | 1 << 17), 0);	/* VMX, x2APIC, TSC deadline, PCID */
	CHECK_EQ(r[2] >> 31, 1);
	cpuid(7, 0, r);
	CHECK_EQ(r[1] & (1 << 7 | 1 << 20 | 1 << 10), 0);	/* SMEP, SMAP, INVPCID */
	CHECK_EQ(r[2] & (1 << 2 | 1 << 3 | 1 << 16), 0);	/* UMIP, PKU, LA57 */
	cpuid(0x80000001, 0, r);
	CHECK(r[3] & 1 << 29 && r[3] & 1 << 11 && r[3] & 1 << 20, "no LM, SYSCALL or NX: %x", r[3]);
	CHECK_EQ(r[2] & 1 << 2, 0);				/* SVM */
	CHECK_EQ(r[3] & 1 << 26, 0);				/* 1 GiB pages */
	cpuid(0xdeadbeef, 0, r);
	CHECK_EQ(trap.vector, NO_TRAP);
}

/* The prefix with anything else behind it is what it looks like: an undefined instruction. */
static void test_prefix(void)
{
	TRY(XEN_EMULATE_PREFIX "nop", : : );
	CHECK_EQ(trap.vector, 6);
	TRY(".byte 0x0f,0x0b,0x78,0x65", : : );
	CHECK_EQ(trap.vector, 6);
}

static void test_user(void)
{
	static const u8 codes[][3] = {
		{ 0x0f, 0x30, 0 },		/* wrmsr */
		{ 0x0f, 0x20, 0xc0 },		/* mov %cr0, %rax */
		{ 0xe6, 0x80, 0 },		/* outb %al, $0x80 */
		{ 0xf4, 0, 0 },			/* hlt */
		{ 0x0f, 0x06, 0 },		/* clts */
	};
	static u8 page[sizeof(codes)];

	memcpy(page, codes, sizeof(codes));
	user_space_init(page, sizeof(page));
	for (unsigned int i = 0; i < ARRAY_SIZE(codes); i++) {
		struct regs r;

		user_regs_init(&r);
		r.rip = USER_CODE + i * 3;
		r.rcx = 0xc0000100;
		user_run(&r);
		CHECK(trap.vector == 13 && trap.error == 0 && trap.rip == USER_CODE + i * 3,
		      "privileged instruction %u in user mode: trap %lu error 0x%lx", i, trap.vector, trap.error);
	}
}

void test_main(void)
{
	test_msrs();
	test_control_registers();
	test_debug_registers();
	test_ports();
	test_string_io();
	test_cpuid();
	test_prefix();
	test_user();
}
