/* SPDX-License-Identifier: MIT */
/*
 * Disks: the nodes that xen-blkback and a guest's front end expect, and the way into service. The script makes a block
 * device of the target and tells its number in the node physical-device; with that the kernel's back end opens it. A
 * disk is in service when sysfs shows that the kernel has it open.
 */
#include "device.h"
#include "domcfg/disk.h"

#define SCRIPT "block"			/* files and block devices */
#define SCRIPT_QEMU "block-qemu"	/* other formats, and disks across the network */

static void disk_nodes(const struct cfg_disk *c, const struct device *d, struct devnodes *back, struct devnodes *front)
{
	char path[DEVICE_PATH_MAX];
	const char *type = c->cdrom ? "cdrom" : "disk";

	devnodes_add(back, "frontend", "%s", device_front(d, path));
	devnodes_add(back, "frontend-id", "%u", d->domid);
	devnodes_add(back, "online", "1");
	devnodes_add(back, "removable", "%d", c->cdrom);
	devnodes_add(back, "bootable", "1");
	devnodes_add(back, "dev", "%s", c->vdev);
	devnodes_add(back, "type", "%s", c->backend == DISK_QDISK ? "qdisk" : "phy");
	devnodes_add(back, "format", "%s", disk_format_name(c->format));
	devnodes_add(back, "mode", "%s%s", c->readonly ? "r" : "w", c->shared ? "!" : "");
	devnodes_add(back, "device-type", "%s", type);
	devnodes_add(back, "discard-enable", "%d", !c->no_discard);
	devnodes_add(back, "direct-io-safe", "%d", c->direct_io_safe);
	devnodes_add(back, "script", "%s", c->script ? c->script : c->backend == DISK_QDISK ? SCRIPT_QEMU : SCRIPT);
	devnodes_add(back, "params", "%s", c->target);
	devnodes_add(back, "state", "1");
	devnodes_add(front, "backend", "%s", device_back(d, path));
	devnodes_add(front, "backend-id", "0");
	devnodes_add(front, "state", "1");
	devnodes_add(front, "virtual-device", "%u", d->devid);
	devnodes_add(front, "trusted", "%d", !c->untrusted);
	devnodes_add(front, "device-type", "%s", type);
}

static bool run_script(const struct devwork *w, const struct device *d, const struct cfg_disk *c)
{
	char *script = device_read(w, d, "script"), *why = NULL, *phys;
	bool ok = script && script_run(w, d, script, "add", w->incoming ? "INCOMING=1" : NULL, &why);

	if (!ok) {
		DEV_FAIL(w, XLD_E_CONFIG, "", "disk %s (%s): %s", c->vdev, c->target, why ? why : "its nodes are gone");
	} else {
		phys = device_read(w, d, "physical-device");
		ok = phys;
		if (!ok)
			DEV_FAIL(w, XLD_E_CONFIG, "", "disk %s (%s): the script %s did not write physical-device",
				 c->vdev, c->target, script);
		free(phys);
	}
	free(script);
	free(why);
	return ok;
}

static bool attach(const struct devwork *w, const struct device *d, const struct cfg_disk *c)
{
	struct devnodes back = { 0 }, front = { 0 };
	char path[128];
	bool ok;

	disk_nodes(c, d, &back, &front);
	ok = device_driver(w, DEV_VBD) && device_write(w, d, &back, &front);
	devnodes_free(&back);
	devnodes_free(&front);
	snprintf(path, sizeof(path), "/sys/bus/xen-backend/devices/vbd-%u-%u/physical_device", d->domid, d->devid);
	return ok && run_script(w, d, c) && device_wait_ready(w, d, path) &&
	       device_set(w, d, "hotplug-status", "connected");
}

bool vbd_attach(const struct devwork *w, const char *spec)
{
	struct device d = { .kind = DEV_VBD, .domid = w->domid };
	struct cfg_disk c;
	char *why = NULL;
	bool ok;

	if (!disk_parse(&c, spec, &why)) {
		DEV_FAIL(w, XLD_E_CONFIG, "", "disk '%s': %s", spec, why);
		free(why);
		return false;
	}
	d.devid = c.devid;
	ok = !*c.target || attach(w, &d, &c);	/* the interface has no drives without a disc */
	disk_free(&c);
	return ok;
}
