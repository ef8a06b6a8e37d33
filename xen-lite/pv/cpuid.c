/* SPDX-License-Identifier: MIT */
/*
 * What a PV kernel reads with CPUID: the processor's features less those that a PV guest cannot use, plus our own
 * leaves.
 *
 * Only what is named here passes: a feature that a new processor brings stays hidden until somebody has thought about
 * it. User space executes CPUID natively, so state that users see enabled (XSAVE) is kept consistent with the
 * processor. For the same reason, what a domain's policy hides is hidden from its kernel only.
 */
#include <xl/entry.h>
#include <xl/asm.h>
#include <xl/platform.h>
#include <xl/time.h>
#include <public/cpuid.h>

#define B(n)	(1U << (n))

/* Registers that consist of features: these can be hidden from a domain. */
static const struct {
	u32 leaf, sub;		/* sub: XEN_CPUID_NO_SUBLEAF is any */
	u32 reg;		/* 0 is EAX */
} words[CPUID_WORDS] = {
	{ 1, XEN_CPUID_NO_SUBLEAF, 2 }, { 1, XEN_CPUID_NO_SUBLEAF, 3 },
	{ 7, 0, 1 }, { 7, 0, 2 }, { 7, 0, 3 }, { 0xd, 1, 0 },
	{ 0x80000001, XEN_CPUID_NO_SUBLEAF, 2 }, { 0x80000001, XEN_CPUID_NO_SUBLEAF, 3 },
	{ 0x80000008, XEN_CPUID_NO_SUBLEAF, 1 },
};

/*
 * Leaf 1 EDX: FPU DE TSC MSR PAE MCE CX8 APIC MCA CMOV PAT CLFSH MMX FXSR SSE SSE2; hidden: VME PSE MTRR PGE PSE36 SEP.
 */
#define L1_EDX	(B(0) | B(2) | B(4) | B(5) | B(6) | B(7) | B(8) | B(9) | B(14) | B(15) | B(16) | B(19) | B(23) | B(24) | \
		 B(25) | B(26))
#define L1_EDX_ACPI	B(22)
/* Leaf 1 ECX: SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE OSXSAVE AVX F16C RDRAND. */
#define L1_ECX	(B(0) | B(1) | B(9) | B(12) | B(13) | B(19) | B(20) | B(22) | B(23) | B(25) | B(26) | B(27) | B(28) | B(29) | \
		 B(30))
#define L1_ECX_HYPERVISOR	B(31)
#define L1_ECX_XSAVE_ALL	(B(26) | B(27) | B(28) | B(29) | B(12))
/*
 * Leaf 7 EBX: BMI1 AVX2 BMI2 ERMS RDSEED ADX CLFLUSHOPT CLWB SHA and AVX512 F DQ IFMA CD BW VL; hidden: FSGSBASE SMEP
 * SMAP INVPCID.
 */
#define L7_EBX	(B(3) | B(5) | B(8) | B(9) | B(16) | B(17) | B(18) | B(19) | B(21) | B(23) | B(24) | B(28) | B(29) | B(30) | \
		 B(31))
#define L7_EBX_AVX512	(B(16) | B(17) | B(21) | B(28) | B(30) | B(31))
/*
 * Leaf 7 ECX: AVX512_VBMI VBMI2 GFNI VAES VPCLMULQDQ VNNI BITALG VPOPCNTDQ. EDX: AVX512 4VNNIW 4FMAPS, FSRM,
 * VP2INTERSECT.
 */
#define L7_ECX	(B(1) | B(6) | B(8) | B(9) | B(10) | B(11) | B(12) | B(14))
#define L7_EDX	(B(2) | B(3) | B(4) | B(8))
/*
 * 0x80000001 EDX: SYSCALL NX MMXEXT FFXSR RDTSCP LM 3DNOWEXT 3DNOW and AMD's copies of leaf 1; hidden: PSE PGE 1GB
 * pages ...
 */
#define E1_EDX	(B(11) | B(20) | B(22) | B(25) | B(27) | B(29) | B(30) | B(31))
#define E1_EDX_COPY	(B(0) | B(2) | B(4) | B(5) | B(6) | B(7) | B(8) | B(9) | B(14) | B(15) | B(16) | B(23) | B(24))
/* 0x80000001 ECX: LAHF ABM SSE4A MISALIGNSSE PREFETCHW XOP FMA4 TBM. */
#define E1_ECX	(B(0) | B(5) | B(6) | B(7) | B(8) | B(11) | B(16) | B(21))
#define MAX_BASIC_LEAF	0xd
#define MAX_EXT_LEAF	0x80000021
#define E21_NULL_SELECTOR_CLEARS_BASE	B(6)

/* Does loading a null selector clear the segment base? Asked of the processor once: FS is not in use by us. */
static bool null_clears_base(void)
{
	static int known = -1;
	u64 saved;
	u16 sel;

	if (known < 0) {
		__asm__ __volatile__("mov %%fs, %0" : "=r" (sel));
		saved = rdmsr(MSR_FS_BASE);
		wrmsr(MSR_FS_BASE, 0x1000);
		__asm__ __volatile__("mov %0, %%fs" :: "r" (0));
		known = rdmsr(MSR_FS_BASE) == 0;
		load_fs(sel);		/* the guest's, if one is running */
		wrmsr(MSR_FS_BASE, saved);
	}
	return known;
}

static void hypervisor_leaf(const struct vcpu *v, u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	u32 mul;
	int8_t shift;

	*a = *b = *c = *d = 0;
	switch (leaf - XEN_CPUID_FIRST_LEAF) {
	case 0:
		*a = XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES);
		*b = XEN_CPUID_SIGNATURE_EBX;
		*c = XEN_CPUID_SIGNATURE_ECX;
		*d = XEN_CPUID_SIGNATURE_EDX;
		return;
	case 1:
		*a = 4 << 16 | 17;
		return;
	case 2:
		*a = 1;
		*b = 0x40000000;
		*c = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
		return;
	case 3:
		if (sub == 0) {
			*b = v->domain->tsc_mode;
			*c = tsc_khz;
		} else if (sub == 1) {
			u64 base = tsc_to_ns_mul_shift(&mul, &shift);

			*a = base;
			*b = base >> 32;
			*c = mul;
			*d = (u8)shift;
		}
		return;
	case 5:
		/* More than 44 bits would make Linux ask for version 2 of the grant table. */
		*b = min_t(u32, cpu_features.phys_bits, 44);
		return;
	}
}

static void mask_leaf7(u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	*b &= L7_EBX;
	*c &= L7_ECX;
	*d &= L7_EDX;
	if (sub) {
		*a = *b = *c = *d = 0;
		return;
	}
	*a = 0;
	if ((fpu_host_xcr0() & 0xe0) != 0xe0)
		*b &= ~L7_EBX_AVX512;
}

static void mask_xsave(u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	u64 xcr0 = fpu_host_xcr0();

	if (!xcr0 || (sub > 1 && (sub > 62 || !(xcr0 >> sub & 1)))) {
		*a = *b = *c = *d = 0;
	} else if (sub == 0) {
		*a = xcr0;
		*d = xcr0 >> 32;
	} else if (sub == 1) {
		*a &= B(0) | B(1) | B(2);	/* XSAVEOPT, XSAVEC, XGETBV with 1; no supervisor state */
		*b = *c = *d = 0;
	}
}

/* What a PV kernel can be shown on this processor. */
static void all_features(const struct vcpu *v, u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	u32 max_basic = min_t(u32, cpu_features.max_leaf, MAX_BASIC_LEAF);

	*a = *b = *c = *d = 0;
	if (leaf >= XEN_CPUID_FIRST_LEAF && leaf < XEN_CPUID_FIRST_LEAF + 0x100) {
		hypervisor_leaf(v, leaf, sub, a, b, c, d);
		return;
	}
	if ((leaf < 0x80000000 && leaf > max_basic) || leaf > MAX_EXT_LEAF)
		return;
	if (leaf < 0x80000000 || leaf <= cpu_features.max_ext_leaf)
		cpuid(leaf, sub, a, b, c, d);

	switch (leaf) {
	case 0:
		*a = max_basic;
		break;
	case 1:
		*b = (*b & 0x0000ffff) | 1 << 16;	/* one logical processor, APIC id 0 */
		*c = (*c & L1_ECX) | L1_ECX_HYPERVISOR;
		*d = (*d & (L1_EDX | (v->domain->privileged ? L1_EDX_ACPI : 0)));
		if (!cpu_features.xsave)
			*c &= ~L1_ECX_XSAVE_ALL;
		break;
	case 2:
		break;
	case 4:
		*a &= 0x3ff;		/* cache parameters without the sharing topology */
		break;
	case 6:
		*a &= B(2);		/* the APIC timer always runs */
		*b = *c = *d = 0;
		break;
	case 7:
		mask_leaf7(sub, a, b, c, d);
		break;
	case 0xd:
		mask_xsave(sub, a, b, c, d);
		break;
	case 0x80000000:
		*a = MAX_EXT_LEAF;
		break;
	case 0x80000001:
		*c &= E1_ECX;
		*d &= E1_EDX | (cpu_features.vendor[0] == 'A' ? E1_EDX_COPY : 0);
		break;
	case 0x80000002 ... 0x80000006:
		break;
	case 0x80000007:
		*a = *b = *c = 0;
		*d &= tsc_reliable ? B(8) : 0;
		break;
	case 0x80000008:
		*a &= 0xffff;
		*b = *c = *d = 0;
		break;
	case 0x80000021:
		*a = null_clears_base() ? E21_NULL_SELECTOR_CLEARS_BASE : 0;
		*b = *c = *d = 0;
		break;
	default:
		*a = *b = *c = *d = 0;
	}
}

void pv_cpuid(const struct vcpu *v, u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	u32 *const regs[] = { a, b, c, d };

	all_features(v, leaf, sub, a, b, c, d);
	for (unsigned int i = 0; i < CPUID_WORDS; i++)
		if (words[i].leaf == leaf && (words[i].sub == XEN_CPUID_NO_SUBLEAF || words[i].sub == sub))
			*regs[words[i].reg] &= ~v->domain->cpuid_hidden[i];
}

void pv_cpuid_hide(const struct vcpu *v, const struct xen_cpuid_leaf *leaf, u32 hidden[CPUID_WORDS])
{
	const u32 wanted[] = { leaf->a, leaf->b, leaf->c, leaf->d };
	u32 sub = leaf->subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : leaf->subleaf, r[4];

	for (unsigned int i = 0; i < CPUID_WORDS; i++) {
		if (words[i].leaf != leaf->leaf || words[i].sub != leaf->subleaf)
			continue;
		all_features(v, leaf->leaf, sub, &r[0], &r[1], &r[2], &r[3]);
		hidden[i] = r[words[i].reg] & ~wanted[words[i].reg];
	}
}
