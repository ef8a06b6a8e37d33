/* SPDX-License-Identifier: MIT */
/*
 * See hog.h. A hog has five frames: four page tables and one page of code, at CODE_VA. Its vCPUs share them.
 */
#include "hog.h"

#include "public/domctl.h"

#define FRAMES	5		/* top to bottom: L4, L3, L2, L1, code */
#define CODE_VA	0x400000ul

static struct xen_domctl op;

static long hog_op(u32 cmd, u32 domid)
{
	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = domid;
	return hypercall1(__HYPERVISOR_domctl, &op);
}

static void must(long rc, const char *what, const struct hog *h)
{
	if (rc)
		test_die("%s of domain %u: %ld", what, h->domid, rc);
}

static void get_frames(const struct hog *h, xen_pfn_t *frames)
{
	struct xen_memory_reservation r = { .nr_extents = FRAMES, .domid = h->domid };
	long n;

	for (unsigned int i = 0; i < FRAMES; i++)
		frames[i] = i;
	set_xen_guest_handle(r.extent_start, frames);
	n = hypercall2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r);
	must(n == FRAMES ? 0 : n - FRAMES, "memory", h);
}

/* Write one word into a frame of the domain, through a window of ours. */
static void put_word(const struct hog *h, u64 mfn, unsigned int index, u64 word)
{
	static volatile u64 *window;

	if (!window)
		window = page_alloc();
	must(hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, window, PTE(mfn, PTE_KERNEL), UVMF_INVLPG, h->domid),
	     "mapping a frame", h);
	window[index] = word;
	must(set_va((void *)window, PTE(va_to_mfn(window), PTE_KERNEL)), "taking back the window", h);
}

/*
 * 0: mov $20000, %ecx; 5: dec %ecx; jnz 5; pause; jmp 0. The pause is for QEMU when it counts instructions: it gives
 * its other processors a turn then, and may not do so otherwise.
 */
static const u64 code[] = { 0x75c9ff00004e20b9, 0xf3eb90f3fc };

static u64 build(const struct hog *h)
{
	xen_pfn_t frames[FRAMES];

	get_frames(h, frames);
	for (unsigned int i = 0; i + 1 < FRAMES; i++) {
		unsigned int level = 4 - i;

		put_word(h, frames[i], CODE_VA >> (3 + 9 * level) & 511, PTE(frames[i + 1], level > 1 ? PTE_TABLE :
									     PTE_P | PTE_U | PTE_A));
	}
	put_word(h, frames[FRAMES - 1], 0, code[0]);
	put_word(h, frames[FRAMES - 1], 1, code[1]);
	return frames[0];
}

static void set_context(const struct hog *h, unsigned int vcpu, u64 l4)
{
	static struct vcpu_guest_context c;

	memset(&c, 0, sizeof(c));
	c.flags = VGCF_IN_KERNEL | VGCF_online;
	c.user_regs.rip = CODE_VA;
	c.user_regs.rsp = CODE_VA;
	c.user_regs.cs = FLAT_KERNEL_CS;
	c.user_regs.ss = FLAT_KERNEL_SS;
	c.kernel_ss = FLAT_KERNEL_SS;
	c.kernel_sp = CODE_VA;
	c.ctrlreg[3] = xen_pfn_to_cr3(l4);
	op.u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &c);
	must(hog_op(XEN_DOMCTL_setvcpucontext, h->domid), "context", h);
}

void hog_create(struct hog *h, unsigned int vcpus, u32 weight, u32 cap)
{
	u64 l4;

	memset(&op, 0, sizeof(op));
	*h = (struct hog){ .vcpus = vcpus };
	op.u.createdomain.max_vcpus = vcpus;
	op.u.createdomain.max_evtchn_port = 127;
	op.u.createdomain.max_grant_frames = 1;
	op.u.createdomain.max_maptrack_frames = 1;
	op.u.createdomain.grant_opts = 1;
	must(hog_op(XEN_DOMCTL_createdomain, 0), "creation", h);
	h->domid = op.domain;
	op.u.max_mem.max_memkb = FRAMES * 4;
	must(hog_op(XEN_DOMCTL_max_mem, h->domid), "max_mem", h);
	op.u.max_vcpus.max = vcpus;
	must(hog_op(XEN_DOMCTL_max_vcpus, h->domid), "max_vcpus", h);
	l4 = build(h);
	for (unsigned int i = 0; i < vcpus; i++)
		set_context(h, i, l4);
	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
	op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	op.u.scheduler_op.u.credit.weight = weight;
	op.u.scheduler_op.u.credit.cap = cap;
	must(hog_op(XEN_DOMCTL_scheduler_op, h->domid), "weight and cap", h);
}

void hog_start(struct hog *h)
{
	must(hog_op(XEN_DOMCTL_unpausedomain, h->domid), "unpause", h);
}

void hog_destroy(struct hog *h)
{
	must(hog_op(XEN_DOMCTL_destroydomain, h->domid), "end", h);
}

void hog_pin(const struct hog *h, unsigned int vcpu, u64 hard, u64 soft)
{
	struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;

	a->vcpu = vcpu;
	a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	a->cpumap_hard.nr_bits = a->cpumap_soft.nr_bits = 64;
	set_xen_guest_handle(a->cpumap_hard.bitmap, (u8 *)&hard);
	set_xen_guest_handle(a->cpumap_soft.bitmap, (u8 *)&soft);
	must(hog_op(XEN_DOMCTL_setvcpuaffinity, h->domid), "affinity", h);
}

u64 hog_time(const struct hog *h)
{
	must(hog_op(XEN_DOMCTL_getdomaininfo, h->domid), "info", h);
	return op.u.getdomaininfo.cpu_time;
}

static void vcpu_info_get(const struct hog *h, unsigned int vcpu)
{
	op.u.getvcpuinfo.vcpu = vcpu;
	must(hog_op(XEN_DOMCTL_getvcpuinfo, h->domid), "vCPU info", h);
}

u64 hog_vcpu_time(const struct hog *h, unsigned int vcpu)
{
	vcpu_info_get(h, vcpu);
	return op.u.getvcpuinfo.cpu_time;
}

unsigned int hog_cpu(const struct hog *h, unsigned int vcpu)
{
	vcpu_info_get(h, vcpu);
	return op.u.getvcpuinfo.cpu;
}
