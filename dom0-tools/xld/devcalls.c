/* SPDX-License-Identifier: MIT */
/*
 * The procedures about devices. Attach, detach and resize become jobs of the domain, one at a time; listing reads the
 * store.
 */
#include <errno.h>
#include <unistd.h>

#include "device.h"
#include "domcfg/disk.h"
#include "domcfg/vif.h"

static enum dev_kind kind_of(xld_device_kind kind)
{
	return kind == XLD_NETWORK ? DEV_VIF : DEV_VBD;
}

/* The domain, if a device job can begin. */
static struct dom *device_target(struct xld *x, const char *name, const char *what, xld_error *err)
{
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, name, what, err, &info);

	if (!d)
		return NULL;
	if (d->job)
		xld_fail(err, XLD_E_BUSY, what, d->name, "try again when that is done",
			 "another device is being attached or detached");
	else if (info.shutdown)
		xld_fail(err, XLD_E_BUSY, what, d->name, "", "it has stopped (%s)",
			 life_reason_name(info.shutdown_reason));
	else
		return d;
	return NULL;
}

/* The configuration of a domain that xld did not make is not known: its networks are counted in the store. */
static void number_foreign(struct xld *x, const struct dom *d, uint32_t *devid, char **spec)
{
	struct device dev = { .kind = DEV_VIF, .domid = d->domid };
	char path[DEVICE_PATH_MAX], *there, *numbered;
	struct cfg_vif v;
	char *why = NULL;

	for (;; dev.devid++) {
		there = xs_read(x->xs, XBT_NULL, device_back(&dev, path), NULL);
		free(there);
		if (!there)
			break;
	}
	if (vif_parse(&v, *spec, &why)) {
		v.devid = *devid = dev.devid;
		numbered = vif_format(&v);
		free(*spec);
		*spec = numbered;
		vif_free(&v);
	}
	free(why);
}

bool call_attach(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_attach *a = args;
	const char *what = a->kind == XLD_NETWORK ? "attach a network to" : "attach a disk to";
	struct dom *d = device_target(x, a->name, what, err);
	uint32_t devid;
	char *why = NULL, *spec;

	(void)ret;
	if (!d)
		return false;
	spec = domcfg_device_new(&d->cfg, a->kind == XLD_NETWORK, a->spec, &devid, &why);
	if (!spec) {
		xld_fail(err, XLD_E_CONFIG, what, d->name, "", "'%s': %s", a->spec, why);
		free(why);
		return false;
	}
	if (!d->ours && a->kind == XLD_NETWORK && x->xs && !strstr(a->spec, "devid="))
		number_foreign(x, d, &devid, &spec);
	d->request = (struct dev_request){ .verb = DEV_ATTACH, .kind = kind_of(a->kind), .devid = devid, .spec = spec };
	dom_ask(d, c, XLD_DEVICE_ATTACH, serial, 0);
	job_device(x, d);
	*later = true;
	return false;
}

/* --- which one? --- */

static bool exists(struct xld *x, const struct device *d)
{
	char path[DEVICE_PATH_MAX], *there = xs_read(x->xs, XBT_NULL, device_back(d, path), NULL);
	bool yes = there;

	free(there);
	return yes;
}

static bool has_mac(struct xld *x, const struct device *d, const char *mac)
{
	char path[DEVICE_PATH_MAX], *there = xs_readf(x->xs, XBT_NULL, "%s/mac", device_back(d, path));
	bool yes = there && !strcasecmp(there, mac);

	free(there);
	return yes;
}

/* By number; a disk by its name too, a network by its MAC. d->devid is set if the words make sense. */
static bool find_device(struct xld *x, struct device *d, const char *ref)
{
	char *end;
	size_t n;
	uint32_t *ids;
	bool found = false;

	d->devid = (uint32_t)strtoul(ref, &end, 10);
	if (*ref >= '0' && *ref <= '9' && !*end)
		return exists(x, d);
	if (d->kind == DEV_VBD)
		return vdev_parse(ref, &d->devid) && exists(x, d);
	ids = device_list(x->xs, d->kind, d->domid, &n);
	for (size_t i = 0; i < n && !found; i++) {
		d->devid = ids[i];
		found = has_mac(x, d, ref);
	}
	free(ids);
	return found;
}

/* Begin a job about a device that is there. */
static bool begin(struct xld *x, struct client *c, uint32_t serial, const xld_detach *a, enum dev_verb verb,
		  const char *what, xld_error *err)
{
	struct dom *d = device_target(x, a->name, what, err);
	struct device dev = { .kind = kind_of(a->kind), .devid = ~0U };

	if (!d)
		return false;
	if (!x->xs)
		return xld_fail(err, XLD_E_STORE, what, d->name, "start xenstored if it is not running",
				"no connection to xenstored");
	dev.domid = d->domid;
	if (!find_device(x, &dev, a->device) && domcfg_device_find(&d->cfg, dev.kind == DEV_VIF, dev.devid) < 0)
		return xld_fail(err, XLD_E_NOT_FOUND, what, d->name, a->kind == XLD_NETWORK ?
				"`xl network-list` shows what it has" : "`xl block-list` shows what it has",
				"it has no device '%s'", a->device);
	d->request = (struct dev_request){ .verb = verb, .kind = dev.kind, .devid = dev.devid, .force = a->force };
	dom_ask(d, c, verb == DEV_RESIZE ? XLD_DISK_RESIZE : XLD_DEVICE_DETACH, serial, 0);
	job_device(x, d);
	return true;
}

bool call_detach(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_detach *a = args;

	(void)ret;
	*later = begin(x, c, serial, a, DEV_DETACH,
		       a->kind == XLD_NETWORK ? "detach a network from" : "detach a disk from", err);
	return false;
}

bool call_resize(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_detach *a = args;

	(void)ret;
	a->kind = XLD_DISK;
	*later = begin(x, c, serial, a, DEV_RESIZE, "resize a disk of", err);
	return false;
}

/* --- CD-ROMs --- */

/* What is in the drive of a domain that has one: its entry of disk=, or NULL. */
static const char *drive_of(const struct dom *d, const struct cfg_disk *c, const char *what, xld_error *err)
{
	ssize_t at = domcfg_device_find(&d->cfg, false, c->devid);
	char *empty = at < 0 ? NULL : disk_empty(d->cfg.disk.item[at]);

	if (at < 0)
		xld_fail(err, XLD_E_NOT_FOUND, what, d->name, "`xl block-attach` gives it one: DOMAIN ,raw,VDEV,cdrom",
			 "it has no CD-ROM drive %s%s", c->vdev, d->ours ? "" : " that xld knows: xld did not make it");
	else if (!empty)
		xld_fail(err, XLD_E_CONFIG, what, d->name, "use `xl block-detach` and `xl block-attach`",
			 "%s is a disk and no CD-ROM drive", c->vdev);
	free(empty);
	return empty ? d->cfg.disk.item[at] : NULL;
}

static bool disc_readable(const struct cfg_disk *c, const struct dom *d, const char *what, xld_error *err)
{
	if (*c->target != '/' || c->script || !access(c->target, R_OK))
		return true;
	return xld_fail(err, XLD_E_CONFIG, what, d->name, "", "%s: %s; the drive is left as it was", c->target,
			strerror(errno));
}

/*
 * The interface knows no change of medium, and the kernel's back end refuses one: the guest sees its drive go and come
 * back. From the moment it has gone the configuration has an empty drive.
 */
static void change_begin(struct xld *x, struct dom *d, const struct cfg_disk *c)
{
	char *spec = *c->target ? disk_format(c) : NULL;
	struct device dev = { .kind = DEV_VBD, .domid = d->domid, .devid = c->devid };
	bool loaded = exists(x, &dev);

	d->request = (struct dev_request){ .verb = loaded ? DEV_DETACH : DEV_ATTACH, .kind = DEV_VBD, .devid = c->devid,
					   .keep = loaded };
	*(loaded ? &d->request.next : &d->request.spec) = spec;
	job_device(x, d);
}

static bool change(struct xld *x, struct client *c, uint32_t serial, struct dom *d, const struct cfg_disk *disc,
		   const char *what, xld_error *err, bool *later)
{
	const char *now = drive_of(d, disc, what, err);
	char *empty;

	if (!now || !call_store(x, what, d, err) || !disc_readable(disc, d, what, err))
		return false;
	empty = disk_empty(now);
	*later = *disc->target || strcmp(empty, now);
	free(empty);
	if (!*later)
		return true;		/* an empty drive is to be emptied */
	dom_ask(d, c, XLD_CD_CHANGE, serial, 0);
	change_begin(x, d, disc);
	return false;
}

bool call_cd_change(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	const char *what = "change the CD-ROM of";
	xld_attach *a = args;
	struct dom *d = device_target(x, a->name, what, err);
	struct cfg_disk disc;
	char *why = NULL;
	bool ok;

	(void)ret;
	if (!d)
		return false;
	if (!disk_parse(&disc, a->spec, &why)) {
		xld_fail(err, XLD_E_CONFIG, what, d->name, "", "'%s': %s", a->spec, why);
		free(why);
		return false;
	}
	ok = disc.cdrom ? change(x, c, serial, d, &disc, what, err, later)
			: xld_fail(err, XLD_E_CONFIG, what, d->name, "", "'%s' does not say devtype=cdrom", a->spec);
	disk_free(&disc);
	return ok;
}

/* --- list --- */

/* A node of either end as a number; -1 if it is absent. */
static int number(struct xld *x, const char *dir, const char *key)
{
	char *s = xs_readf(x->xs, XBT_NULL, "%s/%s", dir, key);
	int n = s ? atoi(s) : -1;

	free(s);
	return n;
}

/* Front ends with several queues have their nodes one level deeper. */
static int queue_number(struct xld *x, const char *front, const char *key, const char *other)
{
	char deeper[48];
	int n = number(x, front, key);

	snprintf(deeper, sizeof(deeper), "queue-0/%s", key);
	if (n < 0)
		n = number(x, front, deeper);
	return n < 0 && other ? number(x, front, other) : n;
}

static char *text(struct xld *x, const char *dir, const char *key, size_t max)
{
	char *s = xs_readf(x->xs, XBT_NULL, "%s/%s", dir, key), *cut = xstrndup(s ? s : "", max);

	free(s);
	return cut;
}

static void fill(struct xld *x, const struct device *d, xld_device *o)
{
	char back[DEVICE_PATH_MAX], front[DEVICE_PATH_MAX];
	bool net = d->kind == DEV_VIF;

	device_back(d, back);
	device_front(d, front);
	o->devid = d->devid;
	o->front_state = (u_int)number(x, front, "state");
	o->back_state = (u_int)number(x, back, "state");
	o->evtchn = queue_number(x, front, net ? "event-channel-tx" : "event-channel", "event-channel");
	o->ring_ref = net ? queue_number(x, front, "tx-ring-ref", NULL) : queue_number(x, front, "ring-ref", "ring-ref0");
	o->rx_ring_ref = net ? queue_number(x, front, "rx-ring-ref", NULL) : -1;
	o->name = text(x, back, net ? "mac" : "dev", XLD_NAME_MAX);
	o->target = text(x, back, net ? "bridge" : "params", XLD_PATH_MAX);
	o->path = xstrdup(back);
}

bool call_devices(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_devices_of *a = args;
	const char *what = "list the devices of";
	struct dom *dom = dom_find(x, a->name, what, err);
	struct device d = { .kind = kind_of(a->kind) };
	xld_device_list *r = ret;
	uint32_t *ids;
	size_t n;

	(void)c, (void)serial, (void)later;
	if (!dom)
		return false;
	if (!x->xs)
		return xld_fail(err, XLD_E_STORE, what, dom->name, "start xenstored if it is not running",
				"no connection to xenstored");
	d.domid = dom->domid;
	ids = device_list(x->xs, d.kind, d.domid, &n);
	r->devices.devices_val = xcalloc(n, sizeof(xld_device));
	for (size_t i = 0; i < n && i < XLD_DEVICES_MAX; i++) {
		d.devid = ids[i];
		fill(x, &d, &r->devices.devices_val[r->devices.devices_len++]);
	}
	free(ids);
	return true;
}
