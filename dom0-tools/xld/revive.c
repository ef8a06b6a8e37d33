/* SPDX-License-Identifier: MIT */
/*
 * Back ends that die and come back: dom0's driver was unloaded, or unbound from a device, and is there again.
 *
 * Both drivers of stock Linux take the guest's rings over where the dead one has left them, so the guest notices
 * nothing but a pause. A disk needs no more than that. A network has a new interface, in no bridge and without its
 * filter: its script has to run again. The node ifindex of the back end's directory says for which interface it has run
 * (vif_connect()); an interface vifN.D with another index is one to be served. That fails once only.
 *
 * A disk of another format has a process in dom0, block-keeper, which holds a lock in a file named after the domain and
 * the disk. A file whose lock nobody holds is a disk whose requests wait; its script is run every few seconds until it
 * succeeds.
 *
 * Nothing is kept in memory, so a restarted daemon finds what it has missed. Only domains of ours are touched.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "device.h"

#define NET "/sys/class/net"
#define RUN_DIR "/run/xen-lite"
#define RETRY_MS 5000

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

static bool is_idle(const struct dom *d)
{
	return d->ours && d->phase == PHASE_LIVE && !d->job && !d->stop_seen;
}

static struct dom *idle_domain(struct xld *x, uint32_t domid)
{
	for (struct dom *d = x->doms; d; d = d->next)
		if (d->domid == domid && is_idle(d))
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

static void look_at_vif(struct xld *x, const char *name)
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

static bool is_locked(const char *name)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *path = xasprintf(RUN_DIR "/%s", name);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool yes = fd < 0 || fcntl(fd, F_GETLK, &fl) || fl.l_type != F_UNLCK;

	if (fd >= 0)
		close(fd);
	free(path);
	return yes;
}

/* The domain for whose scripts DOMAIN_UUID is this: its first one. */
static struct dom *dom_of_script(struct xld *x, const uint8_t uuid[16])
{
	for (struct dom *d = x->doms; d; d = d->next)
		if (!memcmp(d->tag, uuid, 16))
			return d;
	return NULL;
}

static void look_at_keeper(struct xld *x, const char *name)
{
	char text[37], rest[5];
	uint8_t uuid[16];
	uint32_t devid;
	struct dom *dom;

	if (sscanf(name, "nbd-%36[0-9a-f-]-%u.%4s", text, &devid, rest) != 3 || strcmp(rest, "lock") ||
	    !uuid_parse(text, uuid))
		return;
	dom = dom_of_script(x, uuid);
	if (!dom || !is_idle(dom) || ev_now_ms() < dom->revive_at || is_locked(name))
		return;
	xld_log("%s: nobody serves vbd %u: run its script again", dom->name, devid);
	dom->revive_at = ev_now_ms() + RETRY_MS;
	dom->request = (struct dev_request){ .verb = DEV_REVIVE, .kind = DEV_VBD, .devid = devid };
	job_device(x, dom);
}

static void look_through(struct xld *x, const char *path, void (*look)(struct xld *x, const char *name))
{
	DIR *dir = opendir(path);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		look(x, e->d_name);
	if (dir)
		closedir(dir);
}

void revive_check(struct xld *x)
{
	if (!x->xs)
		return;
	look_through(x, NET, look_at_vif);
	look_through(x, RUN_DIR, look_at_keeper);
}
