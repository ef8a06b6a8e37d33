/* SPDX-License-Identifier: MIT */
/*
 * platform_op: what only dom0's kernel knows or needs of the machine: the wall clock, firmware data, sleep states,
 * physical CPUs. Power management of processors stays with the machine below us, so dom0's processor tables are
 * refused, which it tolerates; so are EFI calls: we are started by multiboot and have no EFI run-time services.
 *
 * No locks of its own.
 */
#include <xl/lib.h>
#include <xl/domain.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/irq.h>
#include <xl/mm.h>
#include <xl/percpu.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/time.h>
#include <public/platform.h>

#define BDA_KBD_FLAGS	0x417		/* BIOS data: state of the shift keys */
#define SLP_TYP(val)	((val) >> 10 & 7)

static long settime(u64 secs, u32 nsecs, u64 system_time)
{
	return time_set_wallclock(secs, nsecs, system_time);
}

/* What the BIOS knew about disks and the monitor was not asked for at boot: "no more of them". */
static long firmware_info(struct xenpf_firmware_info *info)
{
	switch (info->type) {
	case XEN_FW_KBD_SHIFT_FLAGS:
		if (info->index)
			return -XEN_EINVAL;
		info->u.kbd_shift_flags = *(const u8 *)pa_to_virt(BDA_KBD_FLAGS);
		return 0;
	case XEN_FW_DISK_INFO:
	case XEN_FW_DISK_MBR_SIGNATURE:
		return -XEN_ESRCH;
	case XEN_FW_VBEDDC_INFO:
	case XEN_FW_EFI_INFO:
		return -XEN_EOPNOTSUPP;
	default:
		return -XEN_EINVAL;
	}
}

static long enter_sleep(const struct xenpf_enter_acpi_sleep *s)
{
	if (s->flags)
		return refuse(-XEN_EINVAL, "flags %#x", s->flags);
	if (s->sleep_state != 5)
		return refuse(-XEN_EOPNOTSUPP, "sleep state S%u: only S5, off, is possible", s->sleep_state);
	if (!acpi.pm1a_cnt)
		return refuse(-XEN_ENODEV, "ACPI names no register to switch the machine off");
	printk(XL_INFO "dom0 switches the machine off\n");
	machine_power_off(SLP_TYP(s->val_a), SLP_TYP(s->val_b));
}

static long get_cpuinfo(struct xenpf_pcpuinfo *info)
{
	u32 cpu = info->xen_cpuid;

	info->max_present = nr_cpus - 1;
	info->flags = XEN_PCPU_FLAGS_INVALID;
	info->apic_id = info->acpi_id = ~0U;
	if (cpu >= nr_cpus)
		return 0;
	info->flags = test_bit(cpu, cpu_online_map) ? XEN_PCPU_FLAGS_ONLINE : 0;
	info->apic_id = apic_id_of(cpu);
	for (unsigned int i = 0; i < acpi.nr_cpus; i++)
		if (acpi.cpu[i].apic_id == info->apic_id)
			info->acpi_id = acpi.cpu[i].acpi_id;
	return 0;
}

static long get_cpu_version(struct xenpf_pcpu_version *ver)
{
	ver->max_present = nr_cpus - 1;
	memset(ver->vendor_id, 0, sizeof(ver->vendor_id));
	ver->family = ver->model = ver->stepping = 0;
	if (ver->xen_cpuid >= nr_cpus)
		return 0;
	memcpy(ver->vendor_id, cpu_features.vendor, sizeof(ver->vendor_id));
	ver->family = cpu_features.family;
	ver->model = cpu_features.model_nr;
	ver->stepping = cpu_features.stepping;
	return 0;
}

/* CPUs are started once, at boot. */
static long cpu_online(const struct xenpf_cpu_ol *ol)
{
	if (ol->cpuid < nr_cpus && test_bit(ol->cpuid, cpu_online_map))
		return 0;
	return refuse(-XEN_EOPNOTSUPP, "CPU %u cannot be started now", ol->cpuid);
}

static long getidletime(struct xenpf_getidletime *g)
{
	unsigned int n = min_t(unsigned int, g->cpumap_nr_cpus, NR_CPUS);
	u8 map[NR_CPUS / 8] = { 0 };
	u64 idle;

	if (raw_copy_from_guest(map, g->cpumap_bitmap.p, DIV_ROUND_UP(n, 8)))
		return -XEN_EFAULT;
	for (u32 cpu = 0; cpu < n; cpu++) {
		if (!(map[cpu / 8] >> cpu % 8 & 1))
			continue;
		if (cpu >= nr_cpus || !test_bit(cpu, cpu_online_map))
			map[cpu / 8] &= ~(1U << cpu % 8);
		idle = cpu < nr_cpus ? sched_cpu_idle_ns(cpu) : 0;
		if (copy_to_guest_offset(g->idletime.p, cpu, &idle, 1))
			return -XEN_EFAULT;
	}
	g->now = now();
	return raw_copy_to_guest(g->cpumap_bitmap.p, map, DIV_ROUND_UP(n, 8)) ? -XEN_EFAULT : 0;
}

static long get_symbol(struct xenpf_symdata *s)
{
	const char *name = symbol_nth(s->symnum, &s->address);
	u32 len;

	s->type = 't';
	if (!name) {
		s->namelen = 0;
		return 0;
	}
	len = strlen(name) + 1;
	if (raw_copy_to_guest(s->name.p, name, min(len, s->namelen)))
		return -XEN_EFAULT;
	s->namelen = len;
	s->symnum++;
	return 0;
}

static long run_op(struct xen_platform_op *op)
{
	switch (op->cmd) {
	case XENPF_settime32:
		return settime(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
	case XENPF_settime64:
		if (op->u.settime64.mbz)
			return -XEN_EINVAL;
		return settime(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
	case XENPF_firmware_info:
		return firmware_info(&op->u.firmware_info);
	case XENPF_enter_acpi_sleep:
		return enter_sleep(&op->u.enter_acpi_sleep);
	case XENPF_getidletime:
		return getidletime(&op->u.getidletime);
	case XENPF_get_cpuinfo:
		return get_cpuinfo(&op->u.pcpu_info);
	case XENPF_get_cpu_version:
		return get_cpu_version(&op->u.pcpu_version);
	case XENPF_cpu_online:
		return cpu_online(&op->u.cpu_ol);
	case XENPF_cpu_offline:
	case XENPF_cpu_hotadd:
	case XENPF_mem_hotadd:
	case XENPF_set_processor_pminfo:
	case XENPF_microcode_update:
		return -XEN_EOPNOTSUPP;
	case XENPF_get_symbol:
		return get_symbol(&op->u.symdata);
	default:
		return refuse(-XEN_ENOSYS, "operation %u", op->cmd);
	}
}

long do_platform_op(void *arg)
{
	struct xen_platform_op op;
	long rc;

	if (!current->domain->privileged)
		return -XEN_EPERM;
	if (copy_from_guest(&op, arg, 1))
		return -XEN_EFAULT;
	if (op.interface_version != XENPF_INTERFACE_VERSION)
		return refuse(-XEN_EACCES, "interface version %#x, ours is %#x", op.interface_version,
			      XENPF_INTERFACE_VERSION);
	rc = run_op(&op);
	return !rc && copy_to_guest(arg, &op, 1) ? -XEN_EFAULT : rc;
}
