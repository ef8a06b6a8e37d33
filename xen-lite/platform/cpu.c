/* SPDX-License-Identifier: MIT */
/*
 * What the processor can do, and the control registers that follow from it. Detected on the boot CPU before anything
 * else is set up, then read-only: all CPUs of a machine are taken to be alike.
 */
#include <xl/lib.h>
#include <xl/asm.h>
#include <xl/platform.h>

#define MSR_PAT		0x277
#define PAT_ABI		0x0000050100070406UL	/* WB, WT, UC-, UC, WC, WP, UC, UC: the PV ABI fixes it */

#define EFER_SCE	0x001
#define EFER_LME	0x100
#define EFER_NX		0x800

#define X86_CR0_PE	0x00000001
#define X86_CR0_ET	0x00000010
#define X86_CR0_AM	0x00040000

struct cpu_features cpu_features;

/* --- detection --- */

enum { REG_L1_ECX, REG_L1_EDX, REG_E1_EDX, NR_REGS };

/* We cannot run without these; all x86-64 processors since about 2004 have them. */
static const struct {
	u8 reg, bit;
	const char *name;
} needed[] = {
	{ REG_L1_EDX, 4, "TSC" }, { REG_L1_EDX, 5, "MSR" }, { REG_L1_EDX, 6, "PAE" }, { REG_L1_EDX, 8, "CX8" },
	{ REG_L1_EDX, 9, "APIC" }, { REG_L1_EDX, 13, "PGE" }, { REG_L1_EDX, 15, "CMOV" }, { REG_L1_EDX, 16, "PAT" },
	{ REG_L1_EDX, 24, "FXSR" }, { REG_L1_EDX, 25, "SSE" }, { REG_L1_EDX, 26, "SSE2" },
	{ REG_E1_EDX, 11, "SYSCALL" }, { REG_E1_EDX, 20, "NX" }, { REG_E1_EDX, 29, "64-bit mode" },
};

static void detect_leaves(struct cpu_features *f)
{
	u32 a, b, c, d;

	cpuid(0, 0, &f->max_leaf, &b, &c, &d);
	memcpy(f->vendor, &b, 4);
	memcpy(f->vendor + 4, &d, 4);
	memcpy(f->vendor + 8, &c, 4);
	cpuid(1, 0, &a, &b, &f->l1_ecx, &f->l1_edx);
	f->stepping = a & 0xf;
	f->model_nr = (a >> 4 & 0xf) | (a >> 12 & 0xf0);
	f->family = a >> 8 & 0xf;
	if (f->family == 0xf)
		f->family += a >> 20 & 0xff;
	if (f->max_leaf >= 7)
		cpuid(7, 0, &a, &f->l7_ebx, &f->l7_ecx, &f->l7_edx);
	if (f->max_leaf >= 0xd && (f->l1_ecx & 1U << 26))
		cpuid(0xd, 1, &f->d1_eax, &b, &c, &d);
	cpuid(0x80000000, 0, &f->max_ext_leaf, &b, &c, &d);
	if (f->max_ext_leaf >= 0x80000001 && f->max_ext_leaf < 0x80010000)
		cpuid(0x80000001, 0, &a, &b, &f->e1_ecx, &f->e1_edx);
	else
		f->max_ext_leaf = 0;
}

static void detect_model(struct cpu_features *f)
{
	char text[49] = "";
	const char *s = text;

	for (u32 i = 0; i < 3 && f->max_ext_leaf >= 0x80000004; i++) {
		u32 r[4];

		cpuid(0x80000002 + i, 0, &r[0], &r[1], &r[2], &r[3]);
		memcpy(text + i * 16, r, 16);
	}
	while (*s == ' ')
		s++;
	strlcpy(f->model, s, sizeof(f->model));
}

static void detect_sizes(struct cpu_features *f)
{
	u32 a = 0, b, c, d = 0;

	f->phys_bits = 36;
	f->virt_bits = 48;
	if (f->max_ext_leaf >= 0x80000008) {
		cpuid(0x80000008, 0, &a, &b, &c, &d);
		f->phys_bits = a & 0xff;
		f->virt_bits = a >> 8 & 0xff;
	}
	if (f->max_ext_leaf >= 0x80000007) {
		cpuid(0x80000007, 0, &a, &b, &c, &d);
		f->invariant_tsc = d & 1U << 8;
	}
}

void cpu_detect(void)
{
	struct cpu_features *f = &cpu_features;
	char missing[128] = "";
	size_t n = 0;

	detect_leaves(f);
	detect_model(f);
	detect_sizes(f);
	f->nx = f->e1_edx & 1U << 20;
	f->syscall = f->e1_edx & 1U << 11;
	f->gb_pages = f->e1_edx & 1U << 26;
	f->xsave = f->l1_ecx & 1U << 26;
	f->x2apic = f->l1_ecx & 1U << 21;
	f->pat = f->l1_edx & 1U << 16;
	f->fsgsbase = f->l7_ebx & 1U << 0;
	f->smep = f->l7_ebx & 1U << 7;

	for (unsigned int i = 0; i < ARRAY_SIZE(needed); i++) {
		u32 regs[NR_REGS] = { f->l1_ecx, f->l1_edx, f->e1_edx };

		if (!(regs[needed[i].reg] >> needed[i].bit & 1))
			n += snprintf(missing + min(n, sizeof(missing)), sizeof(missing) - min(n, sizeof(missing)),
				      "%s%s", n ? ", " : "", needed[i].name);
	}
	if (n)
		boot_fail("the processor (%s %s) lacks: %s", f->vendor, f->model, missing);
	printk(XL_INFO "CPU %s, family %u model %u stepping %u, %u physical and %u virtual address bits\n",
	       f->model[0] ? f->model : f->vendor, f->family, f->model_nr, f->stepping, f->phys_bits, f->virt_bits);
}

/* --- set-up --- */

/* SMAP stays off: some emulators make the stack reads of an iretq at CPL 3 with our rights, which it then refuses. */
void cpu_setup(void)
{
	unsigned long cr4 = X86_CR4_DE | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE | X86_CR4_OSFXSR |
			    X86_CR4_OSXMMEXCPT;

	if (cpu_features.xsave)
		cr4 |= X86_CR4_OSXSAVE;
	if (cpu_features.smep)
		cr4 |= X86_CR4_SMEP;
	if (!(cpu_features.l1_edx & 1U << 7))	/* no machine checks */
		cr4 &= ~(unsigned long)X86_CR4_MCE;
	write_cr4(cr4);
	write_cr0(X86_CR0_PG | X86_CR0_AM | X86_CR0_WP | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP | X86_CR0_PE);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NX | EFER_SCE | EFER_LME);
	wrmsr(MSR_PAT, PAT_ABI);
}
