/* SPDX-License-Identifier: MIT */
/*
 * Networks: the nodes that xen-netback and a guest's front end expect, and the way into service. The kernel's back end
 * makes an interface vifDOMID.DEVID; the script then brings it up and connects it to the rest, and with the node
 * hotplug-status the back end knows that it may carry traffic.
 */
#include "device.h"
#include "domcfg/vif.h"

#define SCRIPT "vif-bridge"

static void vif_nodes(const struct cfg_vif *c, const struct device *d, const char *mac, struct devnodes *back,
		      struct devnodes *front)
{
	char path[DEVICE_PATH_MAX];
	const char *script = c->script ? c->script : SCRIPT;

	devnodes_add(back, "frontend", "%s", device_front(d, path));
	devnodes_add(back, "frontend-id", "%u", d->domid);
	devnodes_add(back, "online", "1");
	devnodes_add(back, "handle", "%u", d->devid);
	devnodes_add(back, "mac", "%s", mac);
	devnodes_add(back, "type", "vif");
	devnodes_add(back, "script", "%s", script);
	if (c->bridge || !strcmp(script, SCRIPT))
		devnodes_add(back, "bridge", "%s", c->bridge ? c->bridge : VIF_BRIDGE);
	if (c->ip)
		devnodes_add(back, "ip", "%s", c->ip);
	if (c->vifname)
		devnodes_add(back, "vifname", "%s", c->vifname);
	if (c->gatewaydev)
		devnodes_add(back, "gatewaydev", "%s", c->gatewaydev);
	if (c->mtu)
		devnodes_add(back, "mtu", "%u", c->mtu);
	if (c->rate)
		devnodes_add(back, "rate", "%llu,%u", (unsigned long long)vif_credit(c->rate, c->rate_usecs),
			     c->rate_usecs);
	devnodes_add(back, "state", "1");
	devnodes_add(front, "backend", "%s", device_back(d, path));
	devnodes_add(front, "backend-id", "0");
	devnodes_add(front, "state", "1");
	devnodes_add(front, "handle", "%u", d->devid);
	devnodes_add(front, "mac", "%s", mac);
	devnodes_add(front, "trusted", "%d", !c->untrusted);
	if (c->mtu)
		devnodes_add(front, "mtu", "%u", c->mtu);
}

static bool run_script(const struct devwork *w, const struct device *d)
{
	char *script = device_read(w, d, "script"), *why = NULL, env[32];
	bool ok;

	snprintf(env, sizeof(env), "vif=vif%u.%u", d->domid, d->devid);
	ok = script && script_run(w, d, script, "online", env, &why);
	if (!ok)
		DEV_FAIL(w, XLD_E_CONFIG, "", "network %u: %s: %s", d->devid, script ? script : "script",
			 why ? why : "its nodes are gone");
	free(script);
	free(why);
	return ok;
}

bool vif_connect(const struct devwork *w, const struct device *d)
{
	char index[16];

	if (!revive_ifindex(d, index))
		return DEV_FAIL(w, XLD_E_INTERNAL, "attach it again; is xen-netback loaded?", "the interface vif%u.%u is gone", d->domid,
				d->devid);
	return device_set(w, d, "ifindex", index) && run_script(w, d) &&
	       device_set(w, d, "hotplug-status", "connected");
}

static bool attach(const struct devwork *w, const struct device *d, const struct cfg_vif *c)
{
	struct devnodes back = { 0 }, front = { 0 };
	uint8_t own[6];
	char mac[18], path[64];
	bool ok;

	vif_mac(own, w->uuid, d->devid);
	vif_mac_format(c->has_mac ? c->mac : own, mac);
	vif_nodes(c, d, mac, &back, &front);
	ok = device_driver(w, DEV_VIF) && device_write(w, d, &back, &front);
	devnodes_free(&back);
	devnodes_free(&front);
	snprintf(path, sizeof(path), "/sys/class/net/vif%u.%u/ifindex", d->domid, d->devid);
	return ok && device_wait_ready(w, d, path) && vif_connect(w, d);
}

bool vif_attach(const struct devwork *w, const char *spec)
{
	struct device d = { .kind = DEV_VIF, .domid = w->domid };
	struct cfg_vif c;
	char *why = NULL;
	bool ok;

	if (!vif_parse(&c, spec, &why)) {
		DEV_FAIL(w, XLD_E_CONFIG, "", "vif '%s': %s", spec, why);
		free(why);
		return false;
	}
	d.devid = c.devid == VIF_NO_ID ? 0 : c.devid;
	ok = attach(w, &d, &c);
	vif_free(&c);
	return ok;
}
