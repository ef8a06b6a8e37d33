/* SPDX-License-Identifier: MIT */
/*
 * Keys of xl.cfg that Xen knows and we do not take: why, and whether a guest can do without.
 *
 * What only says how emulated hardware looks, or what a guest can boot without, is a warning. A device or a limit that
 * the guest would not get, though its owner counts on it, is an error. A key that asks for nothing (0, "", [ ]) is
 * fine.
 */
#include <string.h>

#include "keys.h"

#define HVM	"it is for guests with hardware virtualisation"
#define GRAPHICS "there are no graphics; a guest has its console and networks"
#define DEVICE	"guests have disks, networks and a console"
#define PCI	"devices of the host are not passed through"
#define MODEL	"no device model is used"

static const struct foreign {
	const char *name, *why;
	bool error;
	const char *fine;		/* a value that asks for what is done anyway */
} foreign[] = {
	{ .name = "builder", .why = "every domain here is PV; use type = \"pv\" or leave it out", .fine = "generic" },
	{ .name = "pool", .why = "all CPUs are in one pool, Pool-0", .error = true, .fine = "Pool-0" },
	{ .name = "msr_relaxed", .why = "a read of an unknown register is a #GP, which Linux expects" },
	{ .name = "vpmu", .why = "performance counters are not virtualised" },
	{ .name = "vnuma", .why = "hosts are not divided into nodes here", .error = true },
	{ .name = "nodes", .why = "hosts are not divided into nodes here" },
	{ .name = "seclabel", .why = "there are no security labels" },
	{ .name = "init_seclabel", .why = "there are no security labels" },
	{ .name = "bootloader", .why = "the kernel is loaded from dom0: give kernel and ramdisk" },
	{ .name = "bootloader_args", .why = "no boot loader is used" },
	{ .name = "bootloader_restrict", .why = "no boot loader is used" },
	{ .name = "bootloader_user", .why = "no boot loader is used" },
	{ .name = "firmware", .why = "a PV domain has none" },
	{ .name = "boot", .why = "a PV domain boots the kernel that its configuration names" },
	{ .name = "e820_host", .why = "it is of use for devices of the host only, which are not passed through" },
	{ .name = "driver_domain", .why = "back ends run in dom0 only", .error = true },
	{ .name = "xenstore_feature_mask", .why = "every guest is offered the same features of xenstore" },
	{ .name = "xend_suspend_evtchn_compat", .why = "the event channel for suspending is always in its new place" },
	{ .name = "vmtrace_buf_kb", .why = "the processor's trace is not offered" },
	{ .name = "vfb", .why = GRAPHICS },
	{ .name = "vkb", .why = GRAPHICS },
	{ .name = "vnc", .why = GRAPHICS },
	{ .name = "sdl", .why = GRAPHICS },
	{ .name = "spice", .why = GRAPHICS },
	{ .name = "opengl", .why = GRAPHICS },
	{ .name = "keymap", .why = GRAPHICS },
	{ .name = "vdispl", .why = DEVICE, .error = true },
	{ .name = "vsnd", .why = DEVICE, .error = true },
	{ .name = "channel", .why = DEVICE, .error = true },
	{ .name = "p9", .why = DEVICE, .error = true },
	{ .name = "pvcalls", .why = DEVICE, .error = true },
	{ .name = "vtpm", .why = DEVICE, .error = true },
	{ .name = "usbctrl", .why = DEVICE, .error = true },
	{ .name = "usbdev", .why = DEVICE, .error = true },
	{ .name = "virtio", .why = DEVICE, .error = true },
	{ .name = "pci", .why = PCI, .error = true },
	{ .name = "pci_permissive", .why = PCI },
	{ .name = "pci_msitranslate", .why = PCI },
	{ .name = "pci_seize", .why = PCI },
	{ .name = "pci_power_mgmt", .why = PCI },
	{ .name = "rdm", .why = PCI },
	{ .name = "passthrough", .why = PCI, .error = true, .fine = "disabled" },
	{ .name = "ioports", .why = PCI, .error = true },
	{ .name = "iomem", .why = PCI, .error = true },
	{ .name = "irqs", .why = PCI, .error = true },
	{ .name = "device_model_version", .why = MODEL },
	{ .name = "device_model_override", .why = MODEL },
	{ .name = "device_model_stubdomain_override", .why = MODEL },
	{ .name = "device_model_args", .why = MODEL },
	{ .name = "device_model_args_pv", .why = MODEL },
	{ .name = "device_model_args_hvm", .why = MODEL },
	{ .name = "device_model_user", .why = MODEL },
	{ .name = "dm_restrict", .why = MODEL },
	{ .name = "acpi", .why = HVM }, { .name = "apic", .why = HVM }, { .name = "pae", .why = HVM },
	{ .name = "nx", .why = HVM }, { .name = "hap", .why = HVM }, { .name = "hpet", .why = HVM },
	{ .name = "viridian", .why = HVM }, { .name = "altp2m", .why = HVM }, { .name = "nestedhvm", .why = HVM },
	{ .name = "shadow_memory", .why = HVM }, { .name = "bios", .why = HVM }, { .name = "serial", .why = HVM },
	{ .name = "stdvga", .why = HVM }, { .name = "vga", .why = HVM }, { .name = "videoram", .why = HVM },
	{ .name = "usb", .why = HVM }, { .name = "usbdevice", .why = HVM }, { .name = "soundhw", .why = HVM },
	{ .name = "xen_platform_pci", .why = HVM }, { .name = "timer_mode", .why = HVM },
	{ .name = "vpt_align", .why = HVM }, { .name = "mca_caps", .why = HVM }, { .name = "vm_genid", .why = HVM },
	{ .name = "gfx_passthru", .why = HVM, .error = true },
};

/* It asks for nothing. */
static bool is_empty(const struct cfg_value *v)
{
	return v->is_list ? !v->n : !*v->str || !strcmp(v->str, "0");
}

void cfg_key_foreign(const struct cfg_stmt *s, struct domcfg_diag *diag)
{
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		const struct foreign *f = &foreign[i];

		if (strcmp(f->name, s->key))
			continue;
		if (is_empty(&s->value) || (f->fine && s->value.str && !strcmp(f->fine, s->value.str)))
			return;
		if (f->error)
			domcfg_error(diag, s->line, s->col, "'%s' cannot be honoured: %s", s->key, f->why);
		else
			domcfg_warn(diag, s->line, s->col, "'%s' is ignored: %s", s->key, f->why);
		return;
	}
	domcfg_warn(diag, s->line, s->col, "unknown key '%.60s' is ignored", s->key);
}
