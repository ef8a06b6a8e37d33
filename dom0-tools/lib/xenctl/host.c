/* SPDX-License-Identifier: MIT */
/*
 * What the tools ask about the host as a whole: sizes, version strings, the hypervisor's console.
 */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "xenctl/priv.h"
#include "public/domctl.h"
#include "public/lite.h"
#include "public/sysctl.h"
#include "public/version.h"

int xenctl_physinfo(struct xenctl *x, struct xenctl_physinfo *info)
{
	struct xen_sysctl sc = { 0 };
	const struct xen_sysctl_physinfo *p = &sc.u.physinfo;
	int rc = xenctl_sysctl(x, XEN_SYSCTL_physinfo, &sc);

	if (rc)
		return rc;
	*info = (struct xenctl_physinfo){
		.threads_per_core = p->threads_per_core,
		.cores_per_socket = p->cores_per_socket,
		.nr_cpus = p->nr_cpus,
		.max_cpu_id = p->max_cpu_id,
		.nr_nodes = p->nr_nodes,
		.cpu_khz = p->cpu_khz,
		.capabilities = p->capabilities,
		.total_pages = p->total_pages,
		.free_pages = p->free_pages,
		.scrub_pages = p->scrub_pages,
		.outstanding_pages = p->outstanding_pages,
		.max_mfn = p->max_mfn,
	};
	memcpy(info->hw_cap, p->hw_cap, sizeof(info->hw_cap));
	return 0;
}

int xenctl_sched_id(struct xenctl *x, uint32_t *id)
{
	struct xen_sysctl sc = { 0 };
	int rc = xenctl_sysctl(x, XEN_SYSCTL_sched_id, &sc);

	if (!rc)
		*id = sc.u.sched_id.sched_id;
	return rc;
}

static int sched_params(struct xenctl *x, uint32_t cmd, struct xenctl_sched_params *p)
{
	struct xen_sysctl sc = {
		.u.scheduler_op = {
			.sched_id = XEN_SCHEDULER_CREDIT,
			.cmd = cmd,
			.u.sched_credit = {
				.tslice_ms = p->tslice_ms,
				.ratelimit_us = p->ratelimit_us,
				.vcpu_migr_delay_us = p->migration_delay_us,
			},
		},
	};
	const struct xen_sysctl_credit_schedule *c = &sc.u.scheduler_op.u.sched_credit;
	uint32_t id;
	int rc = xenctl_sched_id(x, &id);

	if (rc || id != XEN_SCHEDULER_CREDIT)
		return rc ? rc : -EOPNOTSUPP;
	rc = xenctl_sysctl(x, XEN_SYSCTL_scheduler_op, &sc);
	if (!rc)
		*p = (struct xenctl_sched_params){ c->tslice_ms, c->ratelimit_us, c->vcpu_migr_delay_us };
	return rc;
}

int xenctl_sched_params_set(struct xenctl *x, const struct xenctl_sched_params *p)
{
	struct xenctl_sched_params set = *p;

	return sched_params(x, XEN_SYSCTL_SCHEDOP_putinfo, &set);
}

int xenctl_sched_params_get(struct xenctl *x, struct xenctl_sched_params *p)
{
	*p = (struct xenctl_sched_params){ 0 };
	return sched_params(x, XEN_SYSCTL_SCHEDOP_getinfo, p);
}

int xenctl_hypervisor_pages(struct xenctl *x, uint64_t *pages)
{
	struct xen_lite_memory m;
	long rc;

	memset(&m, 0, sizeof(m));
	rc = xenctl_call_struct(x, __HYPERVISOR_lite_op, LITEOP_memory, &m, sizeof(m));
	if (rc < 0)
		return rc;
	*pages = m.hypervisor;
	return 0;
}

int xenctl_cpu_idle(struct xenctl *x, uint64_t *idle_ns, size_t max)
{
	struct xen_sysctl sc = { .u.getcpuinfo.max_cpus = max };
	size_t size = max * sizeof(struct xen_sysctl_cpuinfo);
	struct xen_sysctl_cpuinfo *buf = xenctl_buf_alloc(x, size);
	int rc;

	if (!buf)
		return -ENOMEM;
	set_xen_guest_handle(sc.u.getcpuinfo.info, buf);
	rc = xenctl_sysctl(x, XEN_SYSCTL_getcpuinfo, &sc);
	if (!rc) {
		rc = sc.u.getcpuinfo.nr_cpus;
		for (int i = 0; i < rc; i++)
			idle_ns[i] = buf[i].idletime;
	}
	xenctl_buf_free(x, buf, size);
	return rc;
}

/* One xen_version sub-operation with a structure of size bytes as its answer. */
static long version_op(struct xenctl *x, unsigned int cmd, void *out, size_t size)
{
	return xenctl_call_struct(x, __HYPERVISOR_xen_version, cmd, out, size);
}

static void copy_field(char *to, size_t size, const char *from)
{
	memcpy(to, from, size);
	to[size] = '\0';
}

static int version_strings(struct xenctl *x, struct xenctl_version *v)
{
	struct xen_compile_info ci;
	struct xen_platform_parameters pp;
	long rc;

	memset(&ci, 0, sizeof(ci));
	rc = version_op(x, XENVER_extraversion, v->extra, sizeof(v->extra) - 1);
	if (rc >= 0)
		rc = version_op(x, XENVER_compile_info, &ci, sizeof(ci));
	if (rc >= 0)
		rc = version_op(x, XENVER_capabilities, v->capabilities, sizeof(v->capabilities) - 1);
	if (rc >= 0)
		rc = version_op(x, XENVER_changeset, v->changeset, sizeof(v->changeset) - 1);
	if (rc >= 0)
		rc = version_op(x, XENVER_commandline, v->commandline, sizeof(v->commandline) - 1);
	if (rc >= 0)
		rc = version_op(x, XENVER_platform_parameters, &pp, sizeof(pp));
	if (rc < 0)
		return rc;
	v->virt_start = pp.virt_start;
	copy_field(v->compiler, sizeof(v->compiler) - 1, ci.compiler);
	copy_field(v->compile_by, sizeof(v->compile_by) - 1, ci.compile_by);
	copy_field(v->compile_domain, sizeof(v->compile_domain) - 1, ci.compile_domain);
	copy_field(v->compile_date, sizeof(v->compile_date) - 1, ci.compile_date);
	return 0;
}

/* A hypervisor need not have one: then the string stays empty. */
static void version_build_id(struct xenctl *x, struct xenctl_version *v)
{
	struct {
		uint32_t len;
		uint8_t bytes[32];
	} id = { .len = sizeof(id.bytes) };
	long n = version_op(x, XENVER_build_id, &id, sizeof(id));

	for (long i = 0; i < n && i < (long)sizeof(id.bytes); i++)
		snprintf(v->build_id + 2 * i, 3, "%02x", id.bytes[i]);
}

int xenctl_version(struct xenctl *x, struct xenctl_version *v)
{
	long rc;

	memset(v, 0, sizeof(*v));
	rc = xenctl_hypercall(x, __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0, 0);
	if (rc < 0)
		return rc;
	v->major = rc >> 16;
	v->minor = rc & 0xffff;
	rc = xenctl_hypercall(x, __HYPERVISOR_xen_version, XENVER_pagesize, 0, 0, 0, 0);
	if (rc < 0)
		return rc;
	v->pagesize = rc;
	version_build_id(x, v);
	return version_strings(x, v);
}

long xenctl_readconsole(struct xenctl *x, char *buf, size_t size, bool clear, bool incremental, uint32_t *index)
{
	struct xen_sysctl sc = {
		.u.readconsole = {
			.clear = clear,
			.incremental = incremental,
			.index = index ? *index : 0,
			.count = size,
		},
	};
	char *tmp = xenctl_buf_alloc(x, size);
	long rc;

	if (!tmp)
		return -ENOMEM;
	set_xen_guest_handle(sc.u.readconsole.buffer, tmp);
	rc = xenctl_sysctl(x, XEN_SYSCTL_readconsole, &sc);
	if (!rc) {
		rc = sc.u.readconsole.count;
		memcpy(buf, tmp, rc);
		if (index)
			*index = sc.u.readconsole.index;
	}
	xenctl_buf_free(x, tmp, size);
	return rc;
}

int xenctl_debug_keys(struct xenctl *x, const char *keys)
{
	size_t len = strlen(keys);
	struct xen_sysctl sc = { .u.debug_keys.nr_keys = len };
	char *buf = xenctl_buf_alloc(x, len);
	int rc;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, keys, len);
	set_xen_guest_handle(sc.u.debug_keys.keys, buf);
	rc = xenctl_sysctl(x, XEN_SYSCTL_debug_keys, &sc);
	xenctl_buf_free(x, buf, len);
	return rc;
}
