/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers of a PV guest, as rdmsr and wrmsr meet them: what is not named here is not there. Segment
 * bases and TSC_AUX are the vCPU's own; a few registers that kernels touch without asking read 0 or swallow what is
 * written. No lock: all of it belongs to the calling vCPU.
 */
#include <xl/entry.h>
#include <xl/asm.h>
#include <xl/logdirty.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/hypercall.h>

#define MSR_UCODE_REV		0x0000008b
#define MSR_PLATFORM_INFO	0x000000ce
#define MSR_MTRRCAP		0x000000fe
#define MSR_MISC_FEATURES	0x00000140
#define MSR_MCG_CAP		0x00000179
#define MSR_MCG_STATUS		0x0000017a
#define MSR_MISC_ENABLE		0x000001a0
#define MSR_PAT			0x00000277
#define MSR_HYPERCALL_PAGE	0x40000000
#define MSR_K7_EVNTSEL0		0xc0010000
#define MSR_K7_PERFCTR3		0xc0010007
#define MSR_K8_SYSCFG		0xc0010010
#define MSR_K8_HWCR		0xc0010015
#define MSR_K8_INT_PENDING	0xc0010055
#define MSR_F10H_DECFG		0xc0011029

#define PAT_PV			0x0000050100070406ULL	/* the table that the PV ABI gives guests */

static bool is_amd(void)
{
	return cpu_features.vendor[0] == 'A' || cpu_features.vendor[0] == 'H';
}

static bool has_rdtscp(void)
{
	return cpu_features.e1_edx & 1U << 27;
}

static u64 efer_shown(void)
{
	return rdmsr(MSR_EFER) & ~0x1000ULL;	/* without SVME */
}

int pv_rdmsr(struct vcpu *v, u32 msr, u64 *val)
{
	*val = 0;
	switch (msr) {
	case MSR_TSC:
		*val = rdtsc();
		return 0;
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
		*val = rdmsr(msr);
		return 0;
	case MSR_TSC_AUX:
		*val = v->pv.tsc_aux;
		return has_rdtscp() ? 0 : -XEN_EINVAL;
	case MSR_EFER:
		*val = efer_shown();
		return 0;
	case MSR_APIC_BASE:
		*val = rdmsr(MSR_APIC_BASE) & ~(v->id ? 0x100ULL : 0);
		return 0;
	case MSR_PAT:
		*val = PAT_PV;
		return 0;
	case MSR_UCODE_REV:
	case MSR_PLATFORM_INFO:
	case MSR_MTRRCAP:
	case MSR_MISC_FEATURES:
	case MSR_MCG_CAP:
	case MSR_MCG_STATUS:
	case MSR_MISC_ENABLE:
		return 0;
	case MSR_K7_EVNTSEL0 ... MSR_K7_PERFCTR3:
	case MSR_K8_SYSCFG:
	case MSR_K8_HWCR:
	case MSR_K8_INT_PENDING:
	case MSR_F10H_DECFG:
		return is_amd() ? 0 : -XEN_EINVAL;
	default:
		return -XEN_EINVAL;
	}
}

static int install_hypercall_page(struct domain *d, u64 val)
{
	mfn_t m = pa_to_mfn(val);
	int rc;

	if (val & ~PAGE_MASK)
		return -XEN_EINVAL;	/* only page 0 exists */
	rc = page_get_with_type(m, d, PGT_writable);
	if (rc)
		return rc;
	hypercall_page_fill(mfn_to_virt(m));
	logdirty_mark(current->domain, mfn_to_page(m));
	page_put_with_type(mfn_to_page(m));
	return 0;
}

int pv_wrmsr(struct vcpu *v, u32 msr, u64 val)
{
	switch (msr) {
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
		if (!is_canonical(val))
			return -XEN_EINVAL;
		wrmsr(msr, val);
		return 0;
	case MSR_TSC_AUX:
		if (val >> 32 || !has_rdtscp())
			return -XEN_EINVAL;
		v->pv.tsc_aux = val;
		wrmsr(MSR_TSC_AUX, val);
		return 0;
	case MSR_HYPERCALL_PAGE:
		return install_hypercall_page(v->domain, val);
	case MSR_UCODE_REV:
	case MSR_MISC_ENABLE:
	case MSR_MCG_STATUS:
		return 0;		/* without effect */
	case MSR_MISC_FEATURES:		/* no faults by CPUID, as MSR_PLATFORM_INFO says */
		return val ? -XEN_EINVAL : 0;
	case MSR_EFER:			/* Linux writes back what it has read */
		return val == efer_shown() ? 0 : -XEN_EINVAL;
	case MSR_PAT:
		return val == PAT_PV ? 0 : -XEN_EINVAL;
	case MSR_K7_EVNTSEL0 ... MSR_K7_PERFCTR3:
	case MSR_K8_HWCR:
		return is_amd() ? 0 : -XEN_EINVAL;
	default:
		return -XEN_EINVAL;
	}
}
