/* SPDX-License-Identifier: MIT */
/*
 * xen_version, and answers to hypercalls that do not exist.
 *
 * ABI: XENVER_version returns major << 16 | minor without touching its argument; a PV kernel of today needs version
 * 4. get_features has one word: a PV guest gets mmu_pt_update_preserve_ad and gnttab_map_avail_bits (Linux panics
 * without them), dom0 gets the dom0 bit, and none of the bits that promise a translated guest. Strings end in a
 * zero byte. An unknown sub-operation or hypercall number is -ENOSYS, whatever the arguments. Services of the host that
 * are not there have errors of their own, from which dom0's tools make their messages: no power management or cache
 * allocation is -ENODEV, no CPU hot-plug or coverage -EOPNOTSUPP, the rest -ENOSYS.
 */
#include "child.h"

#include "public/lite.h"
#include "public/sysctl.h"

static void test_version(void)
{
	long v = hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0);
	xen_extraversion_t extra;
	xen_capabilities_info_t caps;

	CHECK_EQ(v >> 16, 4);
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0x123456789), v);
	memset(extra, 'x', sizeof(extra));
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_extraversion, extra), 0);
	CHECK(strlen(extra) < sizeof(extra), "extraversion has no end");
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_capabilities, caps), 0);
	CHECK(!strncmp(caps, "xen-3.0-x86_64", 14), "capabilities: '%s'", caps);
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_pagesize, 0), 4096);
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, 77, extra), -XEN_ENOSYS);
}

static void test_strings(void)
{
	static struct xen_compile_info info;
	static xen_changeset_info_t changeset;
	static xen_commandline_t cmdline;
	xen_domain_handle_t handle;
	static char build_id[256];

	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_compile_info, &info), 0);
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_changeset, changeset), 0);
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_guest_handle, handle), 0);
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_commandline, cmdline), 0);
	if (is_dom0())
		CHECK(strlen(cmdline) > 0 && strlen(cmdline) < sizeof(cmdline), "dom0 does not see the command line");
	/* Asking for the length is allowed; it may be that there is none. */
	CHECK(hypercall2(__HYPERVISOR_xen_version, XENVER_build_id, 0) >= -XEN_ENODATA, "build_id");
	(void)build_id;
}

static void test_features(void)
{
	struct xen_feature_info f = { .submap_idx = 0 };

	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_get_features, &f), 0);
	CHECK(f.submap >> XENFEAT_mmu_pt_update_preserve_ad & 1, "no mmu_pt_update_preserve_ad in 0x%x", f.submap);
	CHECK(f.submap >> XENFEAT_gnttab_map_avail_bits & 1, "no gnttab_map_avail_bits in 0x%x", f.submap);
	CHECK(f.submap >> XENFEAT_highmem_assist & 1, "no highmem_assist in 0x%x", f.submap);
	CHECK_EQ(f.submap >> XENFEAT_dom0 & 1, is_dom0());
	CHECK_EQ(f.submap & (1 << XENFEAT_auto_translated_physmap | 1 << XENFEAT_supervisor_mode_kernel |
			     1 << XENFEAT_writable_page_tables | 1 << XENFEAT_writable_descriptor_tables), 0);
	f.submap_idx = 1;
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_get_features, &f), -XEN_EINVAL);
	CHECK_EQ(hypercall2(__HYPERVISOR_xen_version, XENVER_get_features, 0xffff830000000000), -XEN_EFAULT);
}

static void test_no_such_hypercall(void)
{
	static const unsigned long unknown[] = { 11, 38, 43, 47, 55, 63, 64, 100, 255, 256, 4096, 0x7fffffff,
						 0xffffffff, 0x100000000, ~0ul };

	for (unsigned int i = 0; i < ARRAY_SIZE(unknown); i++) {
		/* 55 is where a hypervisor with extensions answers; asking with an unknown number does no harm. */
		if (unknown[i] == 55)
			continue;
		CHECK(hypercall5(unknown[i], ~0ul, ~0ul, ~0ul, ~0ul, ~0ul) == -XEN_ENOSYS, "hypercall 0x%lx exists",
		      unknown[i]);
	}
	CHECK_EQ(hypercall2(__HYPERVISOR_hvm_op, 9999, 0), -XEN_ENOSYS);
}

/* Every argument register but rcx and r11 belongs to the guest again when a call returns. */
static void test_registers_survive(void)
{
	u64 rbx = 0x1111, rbp_like = 0x2222, r12 = 0x3333, r13 = 0x4444, r14 = 0x5555, r15 = 0x6666, r9 = 0x7777;
	u64 rsp_before, rsp_after;

	asm volatile("mov %[b], %%rbx; mov %[c], %%r12; mov %[d], %%r13; mov %[e], %%r14; mov %[f], %%r15;"
		     "mov %%rsp, %[s0]; mov $17, %%eax; xor %%edi, %%edi; xor %%esi, %%esi; syscall; mov %%rsp, %[s1];"
		     "mov %%rbx, %[b]; mov %%r12, %[c]; mov %%r13, %[d]; mov %%r14, %[e]; mov %%r15, %[f]"
		     : [b] "+m" (rbx), [c] "+m" (r12), [d] "+m" (r13), [e] "+m" (r14), [f] "+m" (r15),
		       [s0] "=m" (rsp_before), [s1] "=m" (rsp_after)
		     : : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
			 "memory");
	CHECK_EQ(rbx, 0x1111);
	CHECK_EQ(r12, 0x3333);
	CHECK_EQ(r13, 0x4444);
	CHECK_EQ(r14, 0x5555);
	CHECK_EQ(r15, 0x6666);
	CHECK_EQ(rsp_before, rsp_after);
	(void)rbp_like;
	(void)r9;
}

static void test_no_such_service(void)
{
	static const struct {
		u32 cmd;
		long says;
	} sys[] = {
		{ XEN_SYSCTL_tbuf_op, -XEN_ENOSYS }, { XEN_SYSCTL_perfc_op, -XEN_ENOSYS },
		{ XEN_SYSCTL_get_pmstat, -XEN_ENODEV }, { XEN_SYSCTL_pm_op, -XEN_ENODEV },
		{ XEN_SYSCTL_cpu_hotplug, -XEN_EOPNOTSUPP }, { XEN_SYSCTL_page_offline_op, -XEN_ENOSYS },
		{ XEN_SYSCTL_lockprof_op, -XEN_ENOSYS }, { XEN_SYSCTL_coverage_op, -XEN_EOPNOTSUPP },
		{ XEN_SYSCTL_psr_cmt_op, -XEN_ENODEV }, { XEN_SYSCTL_psr_alloc, -XEN_ENODEV },
		{ XEN_SYSCTL_livepatch_op, -XEN_ENOSYS }, { 9999, -XEN_ENOSYS },
	}, dom[] = {
		{ XEN_DOMCTL_psr_cmt_op, -XEN_ENODEV }, { XEN_DOMCTL_psr_alloc, -XEN_ENODEV }, { 9999, -XEN_ENOSYS },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(sys); i++) {
		struct xen_sysctl op = { .cmd = sys[i].cmd, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
		long rc = hypercall1(__HYPERVISOR_sysctl, &op);

		CHECK(rc == sys[i].says, "sysctl %u: %ld, not %ld", sys[i].cmd, rc, sys[i].says);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(dom); i++) {
		struct xen_domctl op = { .cmd = dom[i].cmd, .domain = 0 };
		long rc = domctl(&op);

		CHECK(rc == dom[i].says, "domctl %u: %ld, not %ld", dom[i].cmd, rc, dom[i].says);
	}
}

/* Bits 0 to 9, 12 to 17, 23 and 24 of leaf 0x80000001 are leaf 1's once more on AMD; tools want each feature once. */
static void test_features_once(void)
{
	static struct xen_sysctl op;
	static u32 words[32];

	op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_get_cpu_featureset, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
	op.u.cpu_featureset.index = XEN_SYSCTL_cpu_featureset_pv;
	op.u.cpu_featureset.nr_features = ARRAY_SIZE(words);
	set_xen_guest_handle(op.u.cpu_featureset.features, words);
	CHECK_EQ(hypercall1(__HYPERVISOR_sysctl, &op), 0);
	CHECK_EQ(words[2] & 0x0183f3ff, 0);
	CHECK(words[2] >> 29 & 1, "no long mode");
	op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
	CHECK_EQ(hypercall1(__HYPERVISOR_sysctl, &op), 0);
	CHECK_EQ(op.u.physinfo.hw_cap[2] & 0x0183f3ff, 0);
}

void test_main(void)
{
	test_version();
	test_strings();
	test_features();
	test_no_such_hypercall();
	if (is_dom0())
		test_features_once();
	/* A Xen may have some of them. */
	if (is_dom0() && hypercall2(__HYPERVISOR_lite_op, LITEOP_features, 0) >= 0)
		test_no_such_service();
	test_registers_survive();
}
