/* SPDX-License-Identifier: MIT */
/*
 * Workers for devices: one device of a domain that runs, and all of a domain at its beginning and its end.
 *
 * Many devices are taken away in two passes: first all of them are told, then each is waited for, so that a domain with
 * many does not take long to end.
 */
#include <errno.h>

#include "device.h"
#include "domcfg/disk.h"

static bool attach_one(const struct devwork *w, enum dev_kind kind, const char *spec)
{
	return kind == DEV_VBD ? vbd_attach(w, spec) : vif_attach(w, spec);
}

void device_unplug(const struct devwork *w, const struct device *d)
{
	char *script = device_read(w, d, "script"), *why = NULL, label[32], env[32];

	snprintf(env, sizeof(env), "vif=vif%u.%u", d->domid, d->devid);
	if (script && !script_run(w, d, script, d->kind == DEV_VBD ? "remove" : "offline",
				  d->kind == DEV_VBD ? NULL : env, &why))
		xld_log("%s: %s: %s: %s", w->object, device_label(d, label), script, why);
	free(script);
	free(why);
}

bool devices_attach_all(const struct devwork *w, enum dev_kind kind, const struct domcfg_list *specs)
{
	for (size_t i = 0; i < specs->n; i++)
		if (!attach_one(w, kind, specs->item[i]))
			return false;
	return true;
}

/* Without nodes there may still be something that only the scripts can find: loop devices, servers of images. */
static void sweep(const struct devwork *w, const char *script)
{
	struct device none = { .kind = DEV_VBD, .domid = w->domid };
	char *why = NULL;

	if (!script_run(w, &none, script, "sweep", NULL, &why))
		xld_log("%s: %s sweep: %s", w->object, script, why);
	free(why);
}

static bool remove_kind(const struct devwork *w, enum dev_kind kind)
{
	struct device d = { .kind = kind, .domid = w->domid };
	size_t n;
	uint32_t *ids = device_list(w->xs, kind, w->domid, &n);
	bool ok = true;

	for (size_t i = 0; i < n; i++) {
		d.devid = ids[i];
		device_orphan(w, &d);
	}
	for (size_t i = 0; i < n; i++) {
		d.devid = ids[i];
		ok = device_remove(w, &d, DEVICE_ORPHAN) && ok;
	}
	free(ids);
	return ok;
}

/* Is there a disk that the script may have made something for? */
static bool uses(const struct domcfg *cfg, enum disk_backend backend)
{
	bool found = false;
	struct cfg_disk c;
	char *why = NULL;

	for (size_t i = 0; i < cfg->disk.n; i++) {
		found |= disk_parse(&c, cfg->disk.item[i], &why) && c.backend == backend;
		disk_free(&c);
		free(why);
		why = NULL;
	}
	return found;
}

bool devices_remove_all(const struct devwork *w, const struct domcfg *cfg)
{
	bool ok = remove_kind(w, DEV_VBD);

	ok = remove_kind(w, DEV_VIF) && ok;
	if (uses(cfg, DISK_PHY))
		sweep(w, "block");
	if (uses(cfg, DISK_QDISK))
		sweep(w, "block-qemu");
	return ok;
}

/* --- while the domain runs --- */

static bool start(struct devwork *w)
{
	w->xs = xs_open(0);
	return w->xs || DEV_FAIL(w, XLD_E_STORE, "start xenstored if it is not running", "no access to xenstore: %s",
				 strerror(errno));
}

bool attach_run(const struct xld *x, const struct dom *d, int fd, xld_error *err)
{
	const struct dev_request *r = &d->request;
	struct devwork w = { .what = r->kind == DEV_VBD ? "attach a disk to" : "attach a network to",
			     .object = d->name, .uuid = d->uuid, .tag = d->tag, .domid = d->domid, .fd = fd, .err = err };

	if (!start(&w) || !attach_one(&w, r->kind, r->spec))
		return false;
	if (x->fail_step < 0)
		abort();
	return !x->fail_step || DEV_FAIL(&w, XLD_E_INTERNAL, "unset it and restart xld", "XLD_FAIL_STEP");
}

bool detach_run(const struct dom *d, int fd, xld_error *err)
{
	const struct dev_request *r = &d->request;
	struct devwork w = { .what = r->kind == DEV_VBD ? "detach a disk from" : "detach a network from",
			     .object = d->name, .uuid = d->uuid, .tag = d->tag, .domid = d->domid, .fd = fd, .err = err };
	struct device dev = { .kind = r->kind, .domid = d->domid, .devid = r->devid };

	return start(&w) && device_remove(&w, &dev, r->force ? DEVICE_FORCE : DEVICE_ASK);
}

static bool run_script(struct devwork *w, const struct device *d, const char *verb)
{
	char *script = device_read(w, d, "script"), *why = NULL;
	bool ok = script && script_run(w, d, script, verb, NULL, &why);

	if (!ok)
		DEV_FAIL(w, XLD_E_CONFIG, "", "%s", why ? why : "its nodes are gone");
	free(script);
	free(why);
	return ok;
}

/* The script takes over the new size; the kernel's back end notices by itself and tells the guest. */
bool resize_run(const struct dom *d, int fd, xld_error *err)
{
	struct devwork w = { .what = "resize a disk of", .object = d->name, .uuid = d->uuid, .tag = d->tag,
			     .domid = d->domid, .fd = fd, .err = err };
	struct device dev = { .kind = DEV_VBD, .domid = d->domid, .devid = d->request.devid };

	return start(&w) && run_script(&w, &dev, "resize");
}

bool revive_run(const struct dom *d, int fd, xld_error *err)
{
	struct devwork w = { .what = "revive a device of", .object = d->name, .uuid = d->uuid, .tag = d->tag,
			     .domid = d->domid, .fd = fd, .err = err };
	struct device dev = { .kind = d->request.kind, .domid = d->domid, .devid = d->request.devid };

	if (!start(&w))
		return false;
	if (dev.kind == DEV_VBD)
		return run_script(&w, &dev, "revive");
	device_unplug(&w, &dev);	/* what the script has made outside of the old interface */
	return vif_connect(&w, &dev);
}

bool release_run(const struct dom *d, int fd, xld_error *err)
{
	struct devwork w = { .what = "release the devices of", .object = d->name, .uuid = d->uuid, .tag = d->tag,
			     .domid = d->domid, .fd = fd, .err = err };

	return start(&w) && devices_remove_all(&w, &d->cfg);
}
