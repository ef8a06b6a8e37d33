/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_claim_pages, and where all memory is.
 *
 * ABI: a claim promises a domain memory that it does not have yet; what others may allocate shrinks by that much, and
 * each frame that the domain gets is taken from its claim. The claim of more than there is fails, and so does one
 * below what the domain has, above its limit, or on top of another. 0 ends it, and so does the domain's end.
 * LITEOP_memory: free frames, those of the domains and those of the hypervisor are all frames there are.
 *
 * Runs as dom0 and makes a domain that never runs.
 */
#include "guest.h"

#include <public/domctl.h>
#include <public/lite.h>
#include <public/sysctl.h>

#define FEW	64

static u32 domid;

static struct xen_lite_memory memory(void)
{
	struct xen_lite_memory m = { 0 };

	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_memory, &m), 0);
	return m;
}

static struct xen_sysctl_physinfo physinfo(void)
{
	static struct xen_sysctl sc;

	sc = (struct xen_sysctl){ .cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
	CHECK_EQ(hypercall1(__HYPERVISOR_sysctl, &sc), 0);
	return sc.u.physinfo;
}

static long domctl(u32 cmd, u64 arg)
{
	static struct xen_domctl dc;
	long rc;

	dc = (struct xen_domctl){ .cmd = cmd, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = domid };
	if (cmd == XEN_DOMCTL_max_mem)
		dc.u.max_mem.max_memkb = arg;
	if (cmd == XEN_DOMCTL_createdomain) {
		dc.u.createdomain.max_vcpus = 1;
		dc.u.createdomain.max_evtchn_port = 100;
		dc.u.createdomain.max_grant_frames = dc.u.createdomain.max_maptrack_frames = -1;
		dc.u.createdomain.grant_opts = 1;
	}
	do {
		rc = hypercall1(__HYPERVISOR_domctl, &dc);
	} while (rc == -XEN_EAGAIN);
	domid = dc.domain;
	return rc;
}

static u64 pages_of(u32 d)
{
	struct xen_memory_domain m = { .domid = d };

	return hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &m);
}

static long claim(u64 pages)
{
	struct xen_memory_reservation r = { .nr_extents = pages, .domid = domid };

	return hypercall2(__HYPERVISOR_memory_op, XENMEM_claim_pages, &r);
}

/* n extents for d; the frame numbers are not kept. Address bits as for XENMEMF_address_bits, 0: any. */
static long give(u32 d, u64 n, unsigned int order, unsigned int bits)
{
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = d, .mem_flags = bits };

	return hypercall2(__HYPERVISOR_memory_op, XENMEM_increase_reservation, &r);
}

static void check_sum(const char *when)
{
	struct xen_lite_memory m = memory();
	u64 sum = m.free + m.hypervisor + pages_of(0) + (domid ? pages_of(domid) : 0);

	CHECK(m.hypervisor > 100, "the hypervisor has %lu pages", m.hypervisor);
	CHECK(sum == m.total, "%s: %lu free, %lu dom0, %lu d%u, %lu hypervisor: %lu of %lu", when, m.free, pages_of(0),
	      domid ? pages_of(domid) : 0, domid, m.hypervisor, sum, m.total);
	CHECK_EQ(m.total, physinfo().total_pages);
}

static void test_refused(void)
{
	u64 had = pages_of(domid), free_pages = physinfo().free_pages;

	CHECK_EQ(claim(free_pages + had + 1), -XEN_ENOMEM);
	CHECK_EQ(claim(had), -XEN_EINVAL);
	CHECK_EQ(claim(1UL << 40), -XEN_EINVAL);
	CHECK_EQ(physinfo().outstanding_pages, 0);
	CHECK_EQ(claim(had + 10), 0);
	CHECK_EQ(claim(had + 20), -XEN_EINVAL);
	CHECK_EQ(physinfo().outstanding_pages, 10);
	CHECK_EQ(claim(0), 0);
	CHECK_EQ(physinfo().outstanding_pages, 0);
}

/* With all but a few frames promised to the one domain the other one gets those few, and the promise is kept. */
static void test_kept(void)
{
	u64 had = pages_of(domid), free_pages = physinfo().free_pages, promised = free_pages - FEW;

	CHECK_EQ(claim(had + promised), 0);
	CHECK_EQ(physinfo().outstanding_pages, promised);
	CHECK(give(0, 2 * FEW, 0, 0) <= FEW, "dom0 took promised memory");
	/* What cannot be had takes nothing of the promise: no such low addresses, over the limit. */
	CHECK_EQ(give(domid, 1, 9, XENMEMF_address_bits(20)), 0);
	CHECK_EQ(domctl(XEN_DOMCTL_max_mem, had * 4), 0);
	CHECK_EQ(give(domid, 1, 0, 0), 0);
	CHECK_EQ(domctl(XEN_DOMCTL_max_mem, 1UL << 30), 0);
	CHECK_EQ(physinfo().outstanding_pages, promised);
	CHECK_EQ(give(domid, 100, 0, 0), 100);
	CHECK_EQ(physinfo().outstanding_pages, promised - 100);
	check_sum("with a claim");
	CHECK_EQ(claim(0), 0);
	CHECK_EQ(physinfo().outstanding_pages, 0);
}

static void test_ends(void)
{
	CHECK_EQ(claim(pages_of(domid) + 50), 0);
	CHECK_EQ(physinfo().outstanding_pages, 50);
	CHECK_EQ(domctl(XEN_DOMCTL_destroydomain, 0), 0);
	CHECK_EQ(physinfo().outstanding_pages, 0);
	CHECK(claim(1000) < 0, "a destroyed domain claims memory");
	CHECK_EQ(physinfo().outstanding_pages, 0);
	domid = 0;
}

void test_main(void)
{
	u64 free_pages;

	if (!is_dom0())
		test_skip("only dom0 makes claims");
	if (hypercall2(__HYPERVISOR_lite_op, LITEOP_features, 0) < 0)
		test_skip("not xen-lite");
	check_sum("at the start");
	free_pages = physinfo().free_pages;
	/* dom0 may grow here: what it is kept from is what the test is about. */
	domid = 0;
	CHECK_EQ(domctl(XEN_DOMCTL_max_mem, 1UL << 30), 0);
	CHECK_EQ(domctl(XEN_DOMCTL_createdomain, 0), 0);
	CHECK_EQ(domctl(XEN_DOMCTL_max_mem, 1UL << 30), 0);
	CHECK_EQ(give(domid, 300, 0, 0), 300);
	check_sum("with two domains");
	test_refused();
	test_kept();
	test_ends();
	check_sum("after the domain's end");
	CHECK(physinfo().free_pages <= free_pages, "more memory than there was");
}
