/* SPDX-License-Identifier: MIT */
/* domctl: what a vCPU has beside its context, and the CPU that it sees; for those who save and restore domains. */
#include <string.h>

#include "xenctl/priv.h"
#include "public/domctl.h"

int xenctl_vcpu_getext(struct xenctl *x, uint32_t domid, uint32_t vcpu, struct xen_domctl_ext_vcpucontext *ext)
{
	struct xen_domctl dc = { .u.ext_vcpucontext.vcpu = vcpu };
	int rc = xenctl_domctl(x, XEN_DOMCTL_get_ext_vcpucontext, domid, &dc);

	if (!rc)
		*ext = dc.u.ext_vcpucontext;
	return rc;
}

int xenctl_vcpu_setext(struct xenctl *x, uint32_t domid, uint32_t vcpu, const struct xen_domctl_ext_vcpucontext *ext)
{
	struct xen_domctl dc = { .u.ext_vcpucontext = *ext };

	dc.u.ext_vcpucontext.vcpu = vcpu;
	return xenctl_domctl(x, XEN_DOMCTL_set_ext_vcpucontext, domid, &dc);
}

/* Without a buffer the hypervisor says how much there is. */
long xenctl_vcpu_getxsave(struct xenctl *x, uint32_t domid, uint32_t vcpu, void *area, size_t size)
{
	struct xen_domctl dc = { .u.vcpuextstate.vcpu = vcpu };
	int rc = xenctl_domctl(x, XEN_DOMCTL_getvcpuextstate, domid, &dc);
	size_t n = dc.u.vcpuextstate.size;
	void *buf;

	if (rc || !n)
		return rc;
	if (n > size)
		return -ENOBUFS;
	buf = xenctl_buf_alloc(x, n);
	if (!buf)
		return -ENOMEM;
	dc = (struct xen_domctl){ .u.vcpuextstate = { .vcpu = vcpu, .size = n } };
	set_xen_guest_handle(dc.u.vcpuextstate.buffer, buf);
	rc = xenctl_domctl(x, XEN_DOMCTL_getvcpuextstate, domid, &dc);
	if (!rc)
		memcpy(area, buf, n);
	xenctl_buf_free(x, buf, n);
	return rc ? rc : (long)n;
}

int xenctl_vcpu_setxsave(struct xenctl *x, uint32_t domid, uint32_t vcpu, const void *area, size_t size)
{
	struct xen_domctl dc = { .u.vcpuextstate = { .vcpu = vcpu, .size = size } };
	void *buf = xenctl_buf_alloc(x, size);
	int rc;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, area, size);
	set_xen_guest_handle(dc.u.vcpuextstate.buffer, buf);
	rc = xenctl_domctl(x, XEN_DOMCTL_setvcpuextstate, domid, &dc);
	xenctl_buf_free(x, buf, size);
	return rc;
}

static int msrs(struct xenctl *x, uint32_t cmd, uint32_t domid, uint32_t vcpu, xen_domctl_vcpu_msr_t *buf, size_t n)
{
	struct xen_domctl dc = { .u.vcpu_msrs = { .vcpu = vcpu, .msr_count = (uint32_t)n } };
	int rc;

	set_xen_guest_handle(dc.u.vcpu_msrs.msrs, buf);
	rc = xenctl_domctl(x, cmd, domid, &dc);
	return rc ? rc : (int)dc.u.vcpu_msrs.msr_count;
}

int xenctl_vcpu_getmsrs(struct xenctl *x, uint32_t domid, uint32_t vcpu, struct xen_domctl_vcpu_msr *msr, size_t max)
{
	size_t size = max * sizeof(*msr);
	void *buf = xenctl_buf_alloc(x, size);
	int rc = buf ? msrs(x, XEN_DOMCTL_get_vcpu_msrs, domid, vcpu, buf, max) : -ENOMEM;

	if (rc > 0)
		memcpy(msr, buf, (size_t)rc * sizeof(*msr));
	xenctl_buf_free(x, buf, size);
	return rc;
}

int xenctl_vcpu_setmsrs(struct xenctl *x, uint32_t domid, uint32_t vcpu, const struct xen_domctl_vcpu_msr *msr,
			size_t n)
{
	size_t size = n * sizeof(*msr);
	void *buf = xenctl_buf_alloc(x, size);
	int rc;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, msr, size);
	rc = msrs(x, XEN_DOMCTL_set_vcpu_msrs, domid, vcpu, buf, n);
	xenctl_buf_free(x, buf, size);
	return rc < 0 ? rc : 0;
}

int xenctl_domain_cpuid(struct xenctl *x, uint32_t domid, struct xen_cpuid_leaf *leaf, size_t max)
{
	size_t size = max * sizeof(*leaf);
	struct xen_domctl dc = { .u.cpu_policy.nr_leaves = (uint32_t)max };
	void *buf = xenctl_buf_alloc(x, size);
	int rc;

	if (!buf)
		return -ENOMEM;
	set_xen_guest_handle(dc.u.cpu_policy.leaves, buf);
	rc = xenctl_domctl(x, XEN_DOMCTL_get_cpu_policy, domid, &dc);
	if (!rc) {
		rc = (int)dc.u.cpu_policy.nr_leaves;
		memcpy(leaf, buf, (size_t)rc * sizeof(*leaf));
	}
	xenctl_buf_free(x, buf, size);
	return rc;
}

int xenctl_domain_cpuid_set(struct xenctl *x, uint32_t domid, const struct xen_cpuid_leaf *leaf, size_t n)
{
	struct xen_domctl dc = { .u.cpu_policy.nr_leaves = (uint32_t)n };
	void *buf = xenctl_buf_alloc(x, n * sizeof(*leaf));
	int rc;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, leaf, n * sizeof(*leaf));
	set_xen_guest_handle(dc.u.cpu_policy.leaves, buf);
	rc = xenctl_domctl(x, XEN_DOMCTL_set_cpu_policy, domid, &dc);
	xenctl_buf_free(x, buf, n * sizeof(*leaf));
	return rc;
}
