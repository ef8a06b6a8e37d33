/* SPDX-License-Identifier: MIT */
/*
 * What a test asks of the hypervisor as dom0's tools do: domains, processors, free memory, the log.
 */
#include "child.h"

#include "public/sysctl.h"

long domctl(struct xen_domctl *op)
{
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	return hypercall1(__HYPERVISOR_domctl, op);
}

u64 machine_free_pages(void)
{
	static struct xen_sysctl op;

	op.cmd = XEN_SYSCTL_physinfo;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	if (hypercall1(__HYPERVISOR_sysctl, &op))
		test_die("no physinfo");
	return op.u.physinfo.free_pages;
}

void vcpu_pin(domid_t id, unsigned int vcpu, u64 cpus)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpuaffinity, .domain = id };
	u64 map = cpus;
	long rc;

	op.u.vcpuaffinity.vcpu = vcpu;
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (u8 *)&map);
	rc = domctl(&op);
	if (rc)
		test_die("cannot pin vCPU %u of domain %u to CPUs 0x%lx: %ld", vcpu, id, cpus, rc);
}

long domain_info(domid_t id, struct xen_domctl_getdomaininfo *info)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getdomaininfo, .domain = id };
	long rc = domctl(&op);

	*info = op.u.getdomaininfo;
	return rc ? rc : op.domain == id ? 0 : -XEN_ESRCH;
}

void domain_limit(domid_t id, u64 pages)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_max_mem, .domain = id };

	op.u.max_mem.max_memkb = pages * 4;
	CHECK_EQ(domctl(&op), 0);
}

long map_foreign(void *va, domid_t id, u64 pte)
{
	return hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, va, pte, UVMF_INVLPG, id);
}

long dirty_log(domid_t id, unsigned int what, u64 *marks, u64 pages)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op, .domain = id };

	op.u.shadow_op.op = what;
	op.u.shadow_op.pages = pages;
	set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, (u8 *)marks);
	return domctl(&op);
}

/* --- the hypervisor's log --- */

static struct xen_sysctl log_op;
static char log_text[4096];

/* The next part of the log from index on; returns its length. */
static u32 log_read(u32 *index)
{
	log_op.cmd = XEN_SYSCTL_readconsole;
	log_op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	log_op.u.readconsole = (struct xen_sysctl_readconsole){
		.incremental = 1, .index = *index, .count = sizeof(log_text),
	};
	set_xen_guest_handle(log_op.u.readconsole.buffer, log_text);
	if (hypercall1(__HYPERVISOR_sysctl, &log_op))
		test_die("no log");
	*index = log_op.u.readconsole.index;
	return log_op.u.readconsole.count;
}

u32 log_end(void)
{
	u32 index = 0;

	while (log_read(&index))
		;
	return index;
}

/* A match may lie across two parts, so it is looked for letter by letter. */
unsigned int log_count(u32 from, const char *text)
{
	unsigned int found = 0, matched = 0;
	u32 n;

	while ((n = log_read(&from)))
		for (u32 i = 0; i < n; i++) {
			matched = log_text[i] == text[matched] ? matched + 1 : log_text[i] == text[0];
			if (!text[matched]) {
				found++;
				matched = 0;
			}
		}
	return found;
}
