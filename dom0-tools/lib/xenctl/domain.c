/* SPDX-License-Identifier: MIT */
/*
 * domctl: life cycle, description and vCPUs of domains.
 *
 * Each wrapper fills one struct xen_domctl, calls, and translates the answer into this library's structures, so that
 * callers see neither the union nor the interface version.
 */
#include <stdlib.h>
#include <string.h>

#include "xenctl/priv.h"
#include "public/domctl.h"
#include "public/lite.h"
#include "public/sched.h"
#include "public/sysctl.h"

int xenctl_domain_create(struct xenctl *x, const struct xenctl_create *c, uint32_t *domid)
{
	struct xen_domctl dc = {
		.u.createdomain = {
			.flags = c->flags,
			.max_vcpus = c->max_vcpus,
			.max_evtchn_port = c->max_evtchn_port,
			.max_grant_frames = c->max_grant_frames,
			.max_maptrack_frames = c->max_maptrack_frames,
			.grant_opts = XEN_DOMCTL_GRANT_version(c->max_grant_version ? c->max_grant_version : 1),
		},
	};
	int rc;

	memcpy(dc.u.createdomain.handle, c->handle, sizeof(c->handle));
	rc = xenctl_domctl(x, XEN_DOMCTL_createdomain, *domid, &dc);
	if (!rc)
		*domid = dc.domain;
	return rc;
}

int xenctl_domain_allow(struct xenctl *x, uint32_t domid, uint64_t features)
{
	struct xen_lite_allow a = { .domid = (domid_t)domid, .features = features };

	return (int)xenctl_call_struct(x, __HYPERVISOR_lite_op, LITEOP_allow, &a, sizeof(a));
}

/* Commands that take nothing but the domain. */
static int simple(struct xenctl *x, uint32_t cmd, uint32_t domid)
{
	struct xen_domctl dc = { 0 };

	return xenctl_domctl(x, cmd, domid, &dc);
}

int xenctl_domain_destroy(struct xenctl *x, uint32_t domid)
{
	int rc;

	do {
		rc = simple(x, XEN_DOMCTL_destroydomain, domid);
	} while (rc == -EAGAIN || rc == -ERESTART);
	return rc;
}

int xenctl_domain_pause(struct xenctl *x, uint32_t domid)
{
	return simple(x, XEN_DOMCTL_pausedomain, domid);
}

int xenctl_domain_unpause(struct xenctl *x, uint32_t domid)
{
	return simple(x, XEN_DOMCTL_unpausedomain, domid);
}

int xenctl_domain_nmi(struct xenctl *x, uint32_t domid, uint32_t vcpu)
{
	struct xen_domctl dc = { .u.sendtrigger = { .trigger = XEN_DOMCTL_SENDTRIGGER_NMI, .vcpu = vcpu } };

	return xenctl_domctl(x, XEN_DOMCTL_sendtrigger, domid, &dc);
}

int xenctl_domain_resume(struct xenctl *x, uint32_t domid)
{
	return simple(x, XEN_DOMCTL_resumedomain, domid);
}

int xenctl_domain_shutdown(struct xenctl *x, uint32_t domid, unsigned int reason)
{
	struct sched_remote_shutdown s = { .domain_id = domid, .reason = reason };

	return xenctl_call_struct(x, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &s, sizeof(s));
}

static void info_from_abi(struct xenctl_dominfo *o, const struct xen_domctl_getdomaininfo *i)
{
	*o = (struct xenctl_dominfo){
		.domid = i->domain,
		.dying = i->flags & XEN_DOMINF_dying,
		.shutdown = i->flags & XEN_DOMINF_shutdown,
		.paused = i->flags & XEN_DOMINF_paused,
		.blocked = i->flags & XEN_DOMINF_blocked,
		.running = i->flags & XEN_DOMINF_running,
		.hvm = i->flags & XEN_DOMINF_hvm_guest,
		.shutdown_reason = (i->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask,
		.tot_pages = i->tot_pages,
		.max_pages = i->max_pages,
		.outstanding_pages = i->outstanding_pages,
		.shared_pages = i->shr_pages,
		.paged_pages = i->paged_pages,
		.shared_info_frame = i->shared_info_frame,
		.cpu_time = i->cpu_time,
		.nr_online_vcpus = i->nr_online_vcpus,
		.max_vcpu_id = i->max_vcpu_id,
		.cpupool = i->cpupool,
		.ssidref = i->ssidref,
	};
	o->crashed = o->shutdown && o->shutdown_reason == SHUTDOWN_crash;
	memcpy(o->handle, i->handle, sizeof(o->handle));
}

int xenctl_domain_info(struct xenctl *x, uint32_t domid, struct xenctl_dominfo *info)
{
	struct xen_domctl dc = { 0 };
	int rc = xenctl_domctl(x, XEN_DOMCTL_getdomaininfo, domid, &dc);

	if (rc)
		return rc;
	if (dc.u.getdomaininfo.domain != domid)	/* the next one up, on hypervisors that search */
		return -ESRCH;
	info_from_abi(info, &dc.u.getdomaininfo);
	return 0;
}

int xenctl_domain_list(struct xenctl *x, uint32_t first, struct xenctl_dominfo *list, size_t max)
{
	struct xen_domctl_getdomaininfo *buf;
	struct xen_sysctl sc = { .u.getdomaininfolist = { .first_domain = first, .max_domains = max } };
	size_t size = max * sizeof(*buf);
	int rc;

	buf = xenctl_buf_alloc(x, size);
	if (!buf)
		return -ENOMEM;
	set_xen_guest_handle(sc.u.getdomaininfolist.buffer, buf);
	rc = xenctl_sysctl(x, XEN_SYSCTL_getdomaininfolist, &sc);
	if (!rc) {
		rc = sc.u.getdomaininfolist.num_domains;
		for (int i = 0; i < rc; i++)
			info_from_abi(&list[i], &buf[i]);
	}
	xenctl_buf_free(x, buf, size);
	return rc;
}

int xenctl_domain_set_handle(struct xenctl *x, uint32_t domid, const uint8_t handle[16])
{
	struct xen_domctl dc = { 0 };

	memcpy(dc.u.setdomainhandle.handle, handle, 16);
	return xenctl_domctl(x, XEN_DOMCTL_setdomainhandle, domid, &dc);
}

int xenctl_domain_max_mem(struct xenctl *x, uint32_t domid, uint64_t kib)
{
	struct xen_domctl dc = { .u.max_mem.max_memkb = kib };

	return xenctl_domctl(x, XEN_DOMCTL_max_mem, domid, &dc);
}

int xenctl_domain_max_vcpus(struct xenctl *x, uint32_t domid, uint32_t n)
{
	struct xen_domctl dc = { .u.max_vcpus.max = n };

	return xenctl_domctl(x, XEN_DOMCTL_max_vcpus, domid, &dc);
}

int xenctl_domain_set_address_size(struct xenctl *x, uint32_t domid, unsigned int bits)
{
	struct xen_domctl dc = { .u.address_size.size = bits };

	return xenctl_domctl(x, XEN_DOMCTL_set_address_size, domid, &dc);
}

int xenctl_domain_settscinfo(struct xenctl *x, uint32_t domid, const struct xenctl_tscinfo *t)
{
	struct xen_domctl dc = {
		.u.tsc_info = {
			.tsc_mode = t->mode,
			.gtsc_khz = t->khz,
			.incarnation = t->incarnation,
			.elapsed_nsec = t->elapsed_ns,
		},
	};

	return xenctl_domctl(x, XEN_DOMCTL_settscinfo, domid, &dc);
}

int xenctl_domain_set_time_offset(struct xenctl *x, uint32_t domid, int64_t seconds)
{
	struct xen_domctl dc = { .u.settimeoffset.time_offset_seconds = seconds };

	return xenctl_domctl(x, XEN_DOMCTL_settimeoffset, domid, &dc);
}

int xenctl_domain_gettscinfo(struct xenctl *x, uint32_t domid, struct xenctl_tscinfo *t)
{
	struct xen_domctl dc = { 0 };
	int rc = xenctl_domctl(x, XEN_DOMCTL_gettscinfo, domid, &dc);

	if (!rc)
		*t = (struct xenctl_tscinfo){
			.mode = dc.u.tsc_info.tsc_mode,
			.khz = dc.u.tsc_info.gtsc_khz,
			.incarnation = dc.u.tsc_info.incarnation,
			.elapsed_ns = dc.u.tsc_info.elapsed_nsec,
		};
	return rc;
}

static int vcpucontext(struct xenctl *x, uint32_t cmd, uint32_t domid, uint32_t vcpu, struct vcpu_guest_context *buf)
{
	struct xen_domctl dc = { .u.vcpucontext.vcpu = vcpu };

	set_xen_guest_handle(dc.u.vcpucontext.ctxt, buf);
	return xenctl_domctl(x, cmd, domid, &dc);
}

int xenctl_vcpu_setcontext(struct xenctl *x, uint32_t domid, uint32_t vcpu, const struct vcpu_guest_context *ctx)
{
	struct vcpu_guest_context *buf = xenctl_buf_alloc(x, sizeof(*buf));
	int rc;

	if (!buf)
		return -ENOMEM;
	*buf = *ctx;
	rc = vcpucontext(x, XEN_DOMCTL_setvcpucontext, domid, vcpu, buf);
	xenctl_buf_free(x, buf, sizeof(*buf));
	return rc;
}

int xenctl_vcpu_getcontext(struct xenctl *x, uint32_t domid, uint32_t vcpu, struct vcpu_guest_context *ctx)
{
	struct vcpu_guest_context *buf = xenctl_buf_alloc(x, sizeof(*buf));
	int rc;

	if (!buf)
		return -ENOMEM;
	rc = vcpucontext(x, XEN_DOMCTL_getvcpucontext, domid, vcpu, buf);
	if (!rc)
		*ctx = *buf;
	xenctl_buf_free(x, buf, sizeof(*buf));
	return rc;
}

int xenctl_vcpu_info(struct xenctl *x, uint32_t domid, uint32_t vcpu, struct xenctl_vcpuinfo *info)
{
	struct xen_domctl dc = { .u.getvcpuinfo.vcpu = vcpu };
	int rc = xenctl_domctl(x, XEN_DOMCTL_getvcpuinfo, domid, &dc);

	if (!rc)
		*info = (struct xenctl_vcpuinfo){
			.online = dc.u.getvcpuinfo.online,
			.blocked = dc.u.getvcpuinfo.blocked,
			.running = dc.u.getvcpuinfo.running,
			.cpu_time = dc.u.getvcpuinfo.cpu_time,
			.cpu = dc.u.getvcpuinfo.cpu,
		};
	return rc;
}

/* One buffer holds both maps, hard first. */
static int vcpuaffinity(struct xenctl *x, uint32_t cmd, uint32_t domid, uint32_t vcpu, uint8_t *buf, uint32_t flags,
			size_t bytes)
{
	struct xen_domctl dc = { .u.vcpuaffinity = { .vcpu = vcpu, .flags = flags } };

	set_xen_guest_handle(dc.u.vcpuaffinity.cpumap_hard.bitmap, buf);
	dc.u.vcpuaffinity.cpumap_hard.nr_bits = bytes * 8;
	set_xen_guest_handle(dc.u.vcpuaffinity.cpumap_soft.bitmap, buf + bytes);
	dc.u.vcpuaffinity.cpumap_soft.nr_bits = bytes * 8;
	return xenctl_domctl(x, cmd, domid, &dc);
}

int xenctl_vcpu_setaffinity(struct xenctl *x, uint32_t domid, uint32_t vcpu, const uint8_t *hard, const uint8_t *soft,
			    size_t bytes, bool force)
{
	uint32_t flags = (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0) |
			 (force ? XEN_VCPUAFFINITY_FORCE : 0);
	uint8_t *buf = xenctl_buf_alloc(x, 2 * bytes);
	int rc;

	if (!buf)
		return -ENOMEM;
	if (hard)
		memcpy(buf, hard, bytes);
	if (soft)
		memcpy(buf + bytes, soft, bytes);
	rc = vcpuaffinity(x, XEN_DOMCTL_setvcpuaffinity, domid, vcpu, buf, flags, bytes);
	xenctl_buf_free(x, buf, 2 * bytes);
	return rc;
}

int xenctl_vcpu_getaffinity(struct xenctl *x, uint32_t domid, uint32_t vcpu, uint8_t *hard, uint8_t *soft,
			    size_t bytes)
{
	uint32_t flags = (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0);
	uint8_t *buf = xenctl_buf_alloc(x, 2 * bytes);
	int rc;

	if (!buf)
		return -ENOMEM;
	rc = vcpuaffinity(x, XEN_DOMCTL_getvcpuaffinity, domid, vcpu, buf, flags, bytes);
	if (!rc && hard)
		memcpy(hard, buf, bytes);
	if (!rc && soft)
		memcpy(soft, buf + bytes, bytes);
	xenctl_buf_free(x, buf, 2 * bytes);
	return rc;
}

int xenctl_getpageframeinfo(struct xenctl *x, uint32_t domid, uint64_t *frames, size_t n)
{
	struct xen_domctl dc = { .u.getpageframeinfo3.num = n };
	size_t size = n * sizeof(*frames);
	xen_pfn_t *buf = xenctl_buf_alloc(x, size);
	int rc;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, frames, size);
	set_xen_guest_handle(dc.u.getpageframeinfo3.array, buf);
	rc = xenctl_domctl(x, XEN_DOMCTL_getpageframeinfo3, domid, &dc);
	if (!rc)
		memcpy(frames, buf, size);
	xenctl_buf_free(x, buf, size);
	return rc;
}

static int sched_credit(struct xenctl *x, uint32_t domid, uint32_t op, struct xen_domctl_sched_credit *c)
{
	struct xen_domctl dc = { .u.scheduler_op = { .cmd = op, .u.credit = *c } };
	uint32_t id;
	int rc = xenctl_sched_id(x, &id);

	if (rc)
		return rc;
	dc.u.scheduler_op.sched_id = id;	/* credit and credit2 share the layout */
	if (id != XEN_SCHEDULER_CREDIT && id != XEN_SCHEDULER_CREDIT2)
		return -EOPNOTSUPP;
	rc = xenctl_domctl(x, XEN_DOMCTL_scheduler_op, domid, &dc);
	*c = dc.u.scheduler_op.u.credit;
	return rc;
}

int xenctl_sched_credit_set(struct xenctl *x, uint32_t domid, uint16_t weight, uint16_t cap)
{
	struct xen_domctl_sched_credit c = { .weight = weight, .cap = cap };

	return sched_credit(x, domid, XEN_DOMCTL_SCHEDOP_putinfo, &c);
}

int xenctl_sched_credit_get(struct xenctl *x, uint32_t domid, uint16_t *weight, uint16_t *cap)
{
	struct xen_domctl_sched_credit c = { 0 };
	int rc = sched_credit(x, domid, XEN_DOMCTL_SCHEDOP_getinfo, &c);

	if (!rc) {
		*weight = c.weight;
		*cap = c.cap;
	}
	return rc;
}
