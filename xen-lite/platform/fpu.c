/* SPDX-License-Identifier: MIT */
/*
 * Floating-point and vector state of vCPUs: saved and loaded at every switch, never lazily. With XSAVE the registers
 * that XCR0 names, else the FXSAVE block. We use no such register ourselves.
 *
 * A guest chooses its own XCR0 (a subset of ours) for what its user mode sees; saving and loading is done under
 * ours, so that nothing stays behind for the next vCPU. this_cpu(xcr0) is what the processor has now. No locks: each
 * CPU for itself.
 */
#include <xl/lib.h>
#include <xl/asm.h>
#include <xl/domain.h>
#include <xl/mm.h>
#include <xl/percpu.h>
#include <xl/platform.h>

#define XCR0_X87	0x1UL
#define XCR0_SSE	0x2UL
#define XCR0_AVX	0x4UL
#define XCR0_AVX512	0xe0UL
#define FXSAVE_SIZE	512
#define FCW_RESET	0x37f
#define MXCSR_RESET	0x1f80
#define MXCSR_OFFSET	24
#define MXCSR_MASK_OFFSET 28
#define MXCSR_MASK_DEFAULT 0xffbf	/* of a processor that does not tell */
#define XSAVE_HEADER	512		/* XSTATE_BV, XCOMP_BV and 48 bytes of zeros */
#define XSAVE_MIN	576

static u64 host_xcr0;			/* 0: no XSAVE */
static unsigned int area_size = FXSAVE_SIZE;
static u32 mxcsr_mask;			/* bits outside it make a load fault */
static DEFINE_PER_CPU(u64, xcr0);

static void xcr0_load(u64 val)
{
	if (!host_xcr0 || this_cpu(xcr0) == val)
		return;
	this_cpu(xcr0) = val;
	xsetbv(0, val);
}

static void find_mxcsr_mask(void)
{
	static u8 image[FXSAVE_SIZE] __aligned(16);

	if (mxcsr_mask)
		return;
	__asm__ __volatile__("fxsave64 (%0)" :: "r" (image) : "memory");
	memcpy(&mxcsr_mask, image + MXCSR_MASK_OFFSET, sizeof(mxcsr_mask));
	if (!mxcsr_mask)
		mxcsr_mask = MXCSR_MASK_DEFAULT;
}

/* Each CPU; the first one finds out what there is. */
void fpu_init(void)
{
	u32 a, b, c, d;

	__asm__ __volatile__("clts");
	find_mxcsr_mask();
	if (!cpu_features.xsave)
		return;
	cpuid(0xd, 0, &a, &b, &c, &d);
	host_xcr0 = a & (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512);
	if ((host_xcr0 & XCR0_AVX512) != XCR0_AVX512 || !(host_xcr0 & XCR0_AVX))
		host_xcr0 &= ~XCR0_AVX512;
	this_cpu(xcr0) = 0;
	xcr0_load(host_xcr0);
	cpuid(0xd, 0, &a, &b, &c, &d);	/* the size now follows XCR0 */
	area_size = b;
	if (area_size > PAGE_SIZE)
		boot_fail("XSAVE needs %u bytes per vCPU, more than a page", area_size);
}

unsigned int fpu_size(void)
{
	return area_size;
}

u64 fpu_host_xcr0(void)
{
	return host_xcr0;
}

void fpu_reset(u8 *area)
{
	u32 mxcsr = MXCSR_RESET;
	u16 fcw = FCW_RESET;
	u64 xstate_bv = XCR0_X87 | XCR0_SSE;

	memset(area, 0, PAGE_SIZE);
	memcpy(area, &fcw, sizeof(fcw));
	memcpy(area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
	if (host_xcr0)
		memcpy(area + FXSAVE_SIZE, &xstate_bv, sizeof(xstate_bv));
}

/* NULL: out of memory. */
u8 *fpu_alloc(void)
{
	u8 *area = hv_alloc_page();

	if (area)
		fpu_reset(area);
	return area;
}

void fpu_free(u8 *area)
{
	if (area)
		hv_free_page(area);
}

void fpu_save(struct vcpu *v)
{
	u8 *area = v->pv.fpu;

	if (!area)
		return;
	__asm__ __volatile__("clts");
	if (!host_xcr0) {
		__asm__ __volatile__("fxsave64 (%0)" :: "r" (area) : "memory");
		return;
	}
	xcr0_load(host_xcr0);
	__asm__ __volatile__("xsave64 (%0)" :: "r" (area), "a" (~0U), "d" (~0U) : "memory");
}

/* Leaves CR0.TS as v has it. The contents were checked when they came from a tool (domctl). */
void fpu_load(struct vcpu *v)
{
	const u8 *area = v->pv.fpu;

	if (!area)
		return;
	__asm__ __volatile__("clts");
	if (!host_xcr0) {
		__asm__ __volatile__("fxrstor64 (%0)" :: "r" (area) : "memory");
	} else {
		xcr0_load(host_xcr0);
		__asm__ __volatile__("xrstor64 (%0)" :: "r" (area), "a" (~0U), "d" (~0U) : "memory");
		fpu_xcr0_changed(v);
	}
	if (v->pv.cr0_ts)
		write_cr0(read_cr0() | X86_CR0_TS);
}

void fpu_xcr0_changed(struct vcpu *v)
{
	xcr0_load(v->pv.xcr0 ? v->pv.xcr0 : host_xcr0);
}

/* --- state from outside: it must not make the processor fault when it is loaded --- */

bool fpu_xcr0_ok(u64 val)
{
	return (val & XCR0_X87) && !(val & ~host_xcr0) && (!(val & XCR0_AVX) || (val & XCR0_SSE)) &&
	       (!(val & XCR0_AVX512) || ((val & XCR0_AVX512) == XCR0_AVX512 && (val & XCR0_AVX)));
}

/* image: FXSAVE_SIZE bytes. Bits of MXCSR that the processor does not have are dropped. */
void fpu_set_fxsave(u8 *area, const u8 *image)
{
	u32 mxcsr;

	fpu_reset(area);
	memcpy(area, image, FXSAVE_SIZE);
	memcpy(&mxcsr, area + MXCSR_OFFSET, sizeof(mxcsr));
	mxcsr &= mxcsr_mask;
	memcpy(area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
}

/* image: n bytes of the standard (not compacted) format, header included. -EINVAL leaves area as it was. */
int fpu_set_xsave(u8 *area, const u8 *image, unsigned int n)
{
	u64 header[8];

	if (!host_xcr0 || n < XSAVE_MIN || n > area_size)
		return refuse(-XEN_EINVAL, "%u bytes of XSAVE state: %u to %u are possible", n, XSAVE_MIN, area_size);
	memcpy(header, image + XSAVE_HEADER, sizeof(header));
	if (header[0] & ~host_xcr0)
		return refuse(-XEN_EINVAL, "state components %#lx, the processor has %#lx", header[0], host_xcr0);
	for (unsigned int i = 1; i < ARRAY_SIZE(header); i++)
		if (header[i])
			return refuse(-XEN_EINVAL, "XSAVE header word %u is not 0", i);
	fpu_set_fxsave(area, image);
	memcpy(area + FXSAVE_SIZE, image + FXSAVE_SIZE, n - FXSAVE_SIZE);
	return 0;
}
