/* SPDX-License-Identifier: MIT */
/*
 * xen_version: who we are. The interface is that of 4.17; what an ordinary guest has no use for (command line) it does
 * not get. Nothing here depends on when or where the image was built: the same source gives the same image.
 */
#include <xl/domain.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/platform.h>
#include <public/features.h>
#include <public/version.h>

#define VERSION_MAJOR	4
#define VERSION_MINOR	17
#define EXTRAVERSION	".0-lite"

static long give_string(void *arg, const char *s, size_t room)
{
	char buf[64];

	if (strlen(s) >= sizeof(buf))
		return raw_copy_to_guest(arg, s, min(strlen(s) + 1, room)) ? -XEN_EFAULT : 0;
	memset(buf, 0, sizeof(buf));
	strlcpy(buf, s, sizeof(buf));
	return raw_copy_to_guest(arg, buf, min(room, sizeof(buf))) ? -XEN_EFAULT : 0;
}

static long compile_info(void *arg)
{
	struct xen_compile_info info;

	memset(&info, 0, sizeof(info));
	strlcpy(info.compiler, "gcc " __VERSION__, sizeof(info.compiler));
	strlcpy(info.compile_by, "xen-lite", sizeof(info.compile_by));
	return copy_to_guest(arg, &info, 1) ? -XEN_EFAULT : 0;
}

/* PV kernels do without writable page tables, translation and ring 0; Linux refuses to start without bits 5 and 7. */
static u32 features(void)
{
	u32 f = 1U << XENFEAT_pae_pgdir_above_4gb | 1U << XENFEAT_mmu_pt_update_preserve_ad |
		1U << XENFEAT_highmem_assist | 1U << XENFEAT_gnttab_map_avail_bits |
		1U << XENFEAT_memory_op_vnode_supported;

	return f | (current->domain->privileged ? 1U << XENFEAT_dom0 : 0);
}

static long get_features(void *arg)
{
	struct xen_feature_info info;

	if (copy_from_guest(&info, arg, 1))
		return -XEN_EFAULT;
	if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
		return -XEN_EINVAL;
	info.submap = features();
	return copy_to_guest(arg, &info, 1) ? -XEN_EFAULT : 0;
}

static long platform_parameters(void *arg)
{
	struct xen_platform_parameters p = { .virt_start = HYPERVISOR_VIRT_START };

	return copy_to_guest(arg, &p, 1) ? -XEN_EFAULT : 0;
}

static long guest_handle(void *arg)
{
	return raw_copy_to_guest(arg, current->domain->handle, sizeof(xen_domain_handle_t)) ? -XEN_EFAULT : 0;
}

long do_xen_version(int cmd, void *arg)
{
	switch (cmd) {
	case XENVER_version:
		return VERSION_MAJOR << 16 | VERSION_MINOR;
	case XENVER_extraversion:
		return give_string(arg, EXTRAVERSION, sizeof(xen_extraversion_t));
	case XENVER_compile_info:
		return compile_info(arg);
	case XENVER_capabilities:
		return give_string(arg, "xen-3.0-x86_64 ", sizeof(xen_capabilities_info_t));
	case XENVER_changeset:
		return give_string(arg, "", sizeof(xen_changeset_info_t));
	case XENVER_platform_parameters:
		return platform_parameters(arg);
	case XENVER_get_features:
		return get_features(arg);
	case XENVER_pagesize:
		return arg ? -XEN_EINVAL : (long)PAGE_SIZE;
	case XENVER_guest_handle:
		return guest_handle(arg);
	case XENVER_commandline:
		return give_string(arg, current->domain->privileged ? boot_info.cmdline : "<denied>",
				   sizeof(xen_commandline_t));
	case XENVER_build_id:
		return -XEN_ENODATA;
	default:
		return -XEN_ENOSYS;
	}
}
