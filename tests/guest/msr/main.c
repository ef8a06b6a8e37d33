/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers: what is not on the list is not there (XSA 293, 333, 351).
 *
 * Invariant: rdmsr and wrmsr of every number that is not named in the table below are #GP with error code 0, on every
 * model of processor; so a guest sees no energy counter, no performance counter, no register of the machine's. Those
 * on the list read as it says and take only what it says; what is taken without effect reads as before.
 */
#include "guest.h"

enum { NO, YES, LOST, ZERO };		/* LOST: taken, without effect; ZERO: that value is */

static bool amd, rdtscp;

static const struct known {
	u32 first, last;
	bool amd_only;
	u8 read, write;
	const char *what;
} list[] = {
	{ 0x10, 0x10, false, YES, NO, "TSC" },
	{ 0x1b, 0x1b, false, YES, NO, "APIC_BASE" },
	{ 0x8b, 0x8b, false, YES, LOST, "microcode revision" },
	{ 0xce, 0xce, false, YES, NO, "PLATFORM_INFO" },
	{ 0xfe, 0xfe, false, YES, NO, "MTRRcap" },
	{ 0x140, 0x140, false, YES, ZERO, "MISC_FEATURES_ENABLES" },
	{ 0x179, 0x179, false, YES, NO, "MCG_CAP" },
	{ 0x17a, 0x17a, false, YES, LOST, "MCG_STATUS" },
	{ 0x1a0, 0x1a0, false, YES, LOST, "MISC_ENABLE" },
	{ 0x277, 0x277, false, YES, NO, "PAT" },
	{ 0xc0000080, 0xc0000080, false, YES, NO, "EFER" },
	{ 0xc0000100, 0xc0000102, false, YES, YES, "segment base" },
	{ 0xc0010000, 0xc0010007, true, YES, LOST, "performance counter" },
	{ 0xc0010010, 0xc0010010, true, YES, NO, "SYSCFG" },
	{ 0xc0010015, 0xc0010015, true, YES, LOST, "HWCR" },
	{ 0xc0010055, 0xc0010055, true, YES, NO, "INT_PENDING" },
	{ 0xc0011029, 0xc0011029, true, YES, NO, "DE_CFG" },
};

static const struct known *find(u32 msr)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(list); i++)
		if (msr >= list[i].first && msr <= list[i].last && (amd || !list[i].amd_only))
			return &list[i];
	return NULL;
}

static u64 rdmsr(u32 msr)
{
	u32 lo = 0, hi = 0;

	TRY("rdmsr", : "=a" (lo), "=d" (hi) : "c" (msr), "0" (0), "1" (0));
	return (u64)hi << 32 | lo;
}

static void wrmsr(u32 msr, u64 v)
{
	TRY("wrmsr", : : "c" (msr), "a" ((u32)v), "d" ((u32)(v >> 32)) : "memory");
}

static void expect(u32 msr, bool allowed, const char *what)
{
	CHECK(allowed ? trap.vector == NO_TRAP : trap.vector == 13 && !trap.error, 
	      "%s of MSR 0x%x: trap %lu error 0x%lx", what, msr, trap.vector, trap.error);
}

static bool is_hypervisors(u64 v)
{
	return v >= 0xffff800000000000 && v < 0xffff880000000000;
}

static void try_msr(u32 msr)
{
	static const u64 values[] = { 0, 1, 0x100000000, 0x7fffffffffff, 0xffff830000100000, ~0ul };
	const struct known *k = find(msr);
	u64 before = rdmsr(msr), after;

	expect(msr, k && k->read, "rdmsr");
	CHECK(!is_hypervisors(before), "MSR 0x%x shows 0x%lx", msr, before);
	if (k && k->write == YES)
		return;			/* a test of its own */
	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		wrmsr(msr, values[i]);
		expect(msr, k && (k->write == LOST || (k->write == ZERO && !values[i])), "wrmsr");
	}
	after = rdmsr(msr);
	CHECK(after == before || msr == 0x10, "MSR 0x%x was 0x%lx, is 0x%lx", msr, before, after);
}

/* The number of a range's end is tried too; the one register that is the hypervisor's own is left out. */
static void try_range(u32 first, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (first + i != 0x40000000 && first + i != 0xc0000103)
			try_msr(first + i);
}

static void test_values(void)
{
	CHECK_EQ(rdmsr(0x277), 0x0000050100070406);
	wrmsr(0x277, 0x0000050100070406);
	expect(0x277, true, "wrmsr of its own value");
	wrmsr(0x277, 0x0007040600070406);
	expect(0x277, false, "wrmsr of another PAT");
	CHECK_EQ(rdmsr(0xc0000080) & 0xd01, 0xd01);	/* NXE, LMA, LME, SCE */
	CHECK_EQ(rdmsr(0xc0000080) & 0x1000, 0);
	wrmsr(0xc0000080, rdmsr(0xc0000080));
	expect(0xc0000080, true, "wrmsr of EFER's own value");
	wrmsr(0xc0000080, rdmsr(0xc0000080) ^ 1);
	expect(0xc0000080, false, "wrmsr of another EFER");
	for (u32 msr = 0xc0000100; msr <= 0xc0000102; msr++) {
		u64 old = rdmsr(msr);

		wrmsr(msr, 0x7fffffffe000);
		expect(msr, true, "wrmsr");
		CHECK_EQ(rdmsr(msr), 0x7fffffffe000);
		wrmsr(msr, 0x0000800000000000);
		expect(msr, false, "wrmsr of an address that is not canonical");
		CHECK_EQ(rdmsr(msr), 0x7fffffffe000);
		wrmsr(msr, old);
	}
	rdmsr(0xc0000103);
	expect(0xc0000103, rdtscp, "rdmsr");
	wrmsr(0xc0000103, 77);
	expect(0xc0000103, rdtscp, "wrmsr");
	CHECK(!rdtscp || rdmsr(0xc0000103) == 77, "TSC_AUX is %lu", rdmsr(0xc0000103));
	wrmsr(0xc0000103, 1ul << 32);
	expect(0xc0000103, false, "wrmsr of 33 bits");
	/* A page of hypercalls: only into memory of the guest's. */
	rdmsr(0x40000000);
	expect(0x40000000, false, "rdmsr");
	wrmsr(0x40000000, l4_mfn() << 12);
	expect(0x40000000, false, "hypercall page over a page table");
	wrmsr(0x40000000, 0xfffffffff000);
	expect(0x40000000, false, "hypercall page where there is no memory");
	wrmsr(0x40000000, va_to_mfn(hypercall_page) << 12 | 1);
	expect(0x40000000, false, "hypercall page 1");
	memset(hypercall_page, 0, 64);
	wrmsr(0x40000000, va_to_mfn(hypercall_page) << 12);
	expect(0x40000000, true, "hypercall page");
	CHECK_EQ(hypercall_page[0], 0x51);
}

static void cpuid(u32 leaf, u32 r[4])
{
	asm volatile(XEN_CPUID : "=a" (r[0]), "=b" (r[1]), "=c" (r[2]), "=d" (r[3]) : "0" (leaf), "2" (0));
}

void test_main(void)
{
	u32 r[4];

	cpuid(0, r);
	amd = r[1] == 0x68747541 || r[1] == 0x6f677948;		/* AuthenticAMD, HygonGenuine */
	cpuid(0x80000001, r);
	rdtscp = r[3] >> 27 & 1;
	try_range(0, 0x2000);
	try_range(0xc0000000, 0x2000);
	try_range(0xc0010000, 0x2000);
	try_range(0x40000000, 0x200);
	try_range(0x4b564d00, 0x10);
	try_range(0x80000000, 0x10);
	try_range(0xfffffff0, 0x10);
	test_values();
}
