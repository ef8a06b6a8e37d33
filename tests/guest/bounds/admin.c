/* SPDX-License-Identifier: MIT */
/* What only dom0 may do: make, look at and end a domain; the host; devices; the console. */
#include "bounds.h"

#include "public/domctl.h"
#include "public/lite.h"
#include "public/physdev.h"
#include "public/platform.h"
#include "public/sysctl.h"

#define NR_VCPUS	32

static struct xen_domctl op;
static domid_t domid;
static u64 top;			/* a frame of it, clear: an empty L4 */

static long domctl(const char *name, const char *input, unsigned int cmd)
{
	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = domid;
	return measure(name, input, __HYPERVISOR_domctl, &op, 0, 0, 0);
}

static void domctl_ok(const char *name, const char *input, unsigned int cmd)
{
	long rc = domctl(name, input, cmd);

	CHECK(rc >= 0, "%s of %s: %ld", name, input, rc);
}

static void contexts(void)
{
	static struct vcpu_guest_context c;

	c.user_regs.cs = FLAT_KERNEL_CS;
	c.user_regs.ss = c.kernel_ss = FLAT_KERNEL_SS;
	c.flags = VGCF_IN_KERNEL;
	c.ctrlreg[3] = xen_pfn_to_cr3(top);
	op.u.vcpucontext.vcpu = 0;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &c);
	domctl_ok("domctl setvcpucontext", "with a new L4", XEN_DOMCTL_setvcpucontext);
	domctl_ok("domctl getvcpucontext", "one", XEN_DOMCTL_getvcpucontext);
}

static void create(void)
{
	domid = 0;
	op.u.createdomain = (struct xen_domctl_createdomain){
		.max_vcpus = NR_VCPUS, .max_evtchn_port = 1023, .max_grant_frames = 64, .max_maptrack_frames = 1024,
		.grant_opts = 1,
	};
	domctl_ok("domctl createdomain", "32 vCPUs", XEN_DOMCTL_createdomain);
	domid = op.domain;
	op.u.max_vcpus.max = NR_VCPUS;
	domctl_ok("domctl max_vcpus", "32", XEN_DOMCTL_max_vcpus);
	op.u.max_mem.max_memkb = 128 << 10;
	domctl_ok("domctl max_mem", "128 MiB", XEN_DOMCTL_max_mem);
}

static void populate(void)
{
	struct xen_memory_reservation r = { .nr_extents = 8192, .domid = domid };

	set_xen_guest_handle(r.extent_start, list);
	for (unsigned int i = 0; i < r.nr_extents; i++)
		list[i] = i;
	CHECK_EQ(measure("memory_op populate_physmap", "8192 frames of another domain", __HYPERVISOR_memory_op,
			 XENMEM_populate_physmap, &r, 0, 0), r.nr_extents);
	top = list[0];
}

static void look(void)
{
	op.u.getpageframeinfo3.num = 1024;
	set_xen_guest_handle(op.u.getpageframeinfo3.array, list);
	domctl_ok("domctl getpageframeinfo3", "1024 frames", XEN_DOMCTL_getpageframeinfo3);
	domctl_ok("domctl getdomaininfo", "one", XEN_DOMCTL_getdomaininfo);
	op.u.ioport_permission.first_port = 0;
	op.u.ioport_permission.nr_ports = 65536;
	op.u.ioport_permission.allow_access = 1;
	domctl_ok("domctl ioport_permission", "65536 ports", XEN_DOMCTL_ioport_permission);
	domctl_ok("domctl pausedomain", "32 vCPUs", XEN_DOMCTL_pausedomain);
	domctl_ok("domctl unpausedomain", "32 vCPUs", XEN_DOMCTL_unpausedomain);
}

static void log_dirty(void)
{
	static const struct {
		unsigned int what;
		const char *name;
	} ops[] = {
		{ XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, "domctl shadow_op ENABLE" },
		{ XEN_DOMCTL_SHADOW_OP_CLEAN, "domctl shadow_op CLEAN" }, { XEN_DOMCTL_SHADOW_OP_PEEK, "domctl shadow_op PEEK" },
		{ XEN_DOMCTL_SHADOW_OP_OFF, "domctl shadow_op OFF" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		op.u.shadow_op.op = ops[i].what;
		op.u.shadow_op.pages = LIST * 8 * 64ul;
		set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, (u8 *)list);
		domctl_ok(ops[i].name, "8 million pages' bits, 65536 frames in the machine", XEN_DOMCTL_shadow_op);
	}
}

static void sysctls(void)
{
	static struct xen_sysctl s;

	s = (struct xen_sysctl){ .cmd = XEN_SYSCTL_readconsole, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
	s.u.readconsole.count = 16384;
	set_xen_guest_handle(s.u.readconsole.buffer, (void *)list);
	measure_ok("sysctl readconsole", "16 KiB", __HYPERVISOR_sysctl, &s, 0, 0, 0);
	s.cmd = XEN_SYSCTL_physinfo;
	measure_ok("sysctl physinfo", "host", __HYPERVISOR_sysctl, &s, 0, 0, 0);
	s.cmd = XEN_SYSCTL_getdomaininfolist;
	s.u.getdomaininfolist.first_domain = 0;
	s.u.getdomaininfolist.max_domains = 64;
	set_xen_guest_handle(s.u.getdomaininfolist.buffer, (void *)list);
	measure_ok("sysctl getdomaininfolist", "all", __HYPERVISOR_sysctl, &s, 0, 0, 0);
	s.cmd = XEN_SYSCTL_availheap;
	s.u.availheap = (struct xen_sysctl_availheap){ .node = -1 };
	measure_ok("sysctl availheap", "all", __HYPERVISOR_sysctl, &s, 0, 0, 0);
}

static void devices(void)
{
	struct physdev_set_iopl iopl = { .iopl = 1 };
	struct xenpf_pcpuinfo *info;
	static struct xen_platform_op p;
	struct xen_lite_counters counters = { .domid = DOMID_SELF };

	measure_ok("physdev_op set_iopl", "own", __HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl, 0, 0);
	p = (struct xen_platform_op){ .cmd = XENPF_get_cpuinfo, .interface_version = XENPF_INTERFACE_VERSION };
	info = &p.u.pcpu_info;
	info->xen_cpuid = 0;
	measure_ok("platform_op get_cpuinfo", "one", __HYPERVISOR_platform_op, &p, 0, 0, 0);
	measure_ok("lite_op counters", "own", __HYPERVISOR_lite_op, LITEOP_counters, &counters, 0, 0);
}

static void console(void)
{
	u8 *text = (u8 *)list;

	memset(text, ' ', 16384);
	for (unsigned int i = 79; i < 16384; i += 80)
		text[i] = '\n';
	measure_ok("console_io write", "16 KiB", __HYPERVISOR_console_io, CONSOLEIO_write, 16384, text, 0);
	measure_ok("console_io read", "16 KiB", __HYPERVISOR_console_io, CONSOLEIO_read, 16384, text, 0);
}

void bounds_admin(void)
{
	create();
	populate();
	contexts();
	look();
	log_dirty();
	sysctls();
	devices();
	console();
	domctl_ok("domctl destroydomain", "8192 frames, 32 vCPUs", XEN_DOMCTL_destroydomain);
}
