/* SPDX-License-Identifier: MIT */
/*
 * Back ends that die and come back: dom0's driver was unloaded, or unbound from a device, and is there again.
 *
 * Both drivers of stock Linux take the guest's rings over where the dead one has left them, so the guest notices
 * nothing but a pause. A disk needs no more than that. A network has a new interface, in no bridge and without its filter:
 * its script has to run again. The node ifindex of the back end's directory says for which interface it has run
 * (vif_connect()); an interface vifN.D with another index is one to be served. Nothing is kept in memory, so a restarted
 * daemon finds what it has missed.
 *
 * Only devices with that node, in domains of ours, are touched. What fails is logged and not tried again.
 */
#include <dirent.h>
#include <stdio.h>

#include "device.h"

#define NET "/sys/class/net"

bool revive_ifindex(const struct device *d, char index[16])
{
	char path[sizeof(NET) + 64], *end;
	FILE *f;

	snprintf(path, sizeof(path), NET "/vif%u.%u/ifindex", d->domid, d->devid);
	f = fopen(path, "re");
	if (!f)
		return false;
	end = fgets(index, 16, f);
	fclose(f);
	if (end)
		index[strcspn(index, "\n")] = 0;
	return end;
}

static struct dom *idle_domain(struct xld *x, uint32_t domid)
{
	for (struct dom *d = x->doms; d; d = d->next)
		if (d->domid == domid && d->ours && d->phase == PHASE_LIVE && !d->job && !d->stop_seen)
			return d;
	return NULL;
}

static bool is_new(struct xld *x, const struct device *d)
{
	char back[DEVICE_PATH_MAX], now[16], *served = xs_readf(x->xs, XBT_NULL, "%s/ifindex", device_back(d, back));
	bool yes = served && revive_ifindex(d, now) && strcmp(served, now);

	free(served);
	return yes;
}

static void look_at(struct xld *x, const char *name)
{
	struct device d = { .kind = DEV_VIF };
	struct dom *dom;
	char rest;

	if (sscanf(name, "vif%u.%u%c", &d.domid, &d.devid, &rest) != 2)
		return;
	dom = idle_domain(x, d.domid);
	if (!dom || !is_new(x, &d))
		return;
	xld_log("%s: the back end of vif %u is a new one: run its script again", dom->name, d.devid);
	dom->request = (struct dev_request){ .verb = DEV_REVIVE, .kind = d.kind, .devid = d.devid };
	job_device(x, dom);
}

void revive_check(struct xld *x)
{
	struct dirent *e;
	DIR *dir = x->xs ? opendir(NET) : NULL;

	while (dir && (e = readdir(dir)))
		look_at(x, e->d_name);
	if (dir)
		closedir(dir);
}
