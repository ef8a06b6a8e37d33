/* SPDX-License-Identifier: MIT */
/*
 * What xl lists, as JSON (docs/json.md): members may be added, none goes away or changes its meaning.
 *
 * A domain's configuration has our own names, those of xl.cfg, and beside them the objects that Xen's xl prints
 * (c_info, b_info, disks, nics), as scripts look for those.
 */
#include "domcfg/cpulist.h"
#include "domcfg/disk.h"
#include "domcfg/domcfg.h"
#include "domcfg/vif.h"
#include "json.h"

void print_json_value(json_t *value)
{
	json_dumpf(mem_check(value), stdout, JSON_INDENT(4) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(value);
}

const char *state_name(xld_state s)
{
	static const char *const names[] = {
		[XLD_S_BUILDING] = "building", [XLD_S_RUNNING] = "running", [XLD_S_PAUSED] = "paused",
		[XLD_S_SHUTDOWN] = "shutdown", [XLD_S_CRASHED] = "crashed", [XLD_S_DYING] = "dying",
	};

	return (unsigned int)s < sizeof(names) / sizeof(names[0]) ? names[s] : "unknown";
}

/* --- as Xen's xl has it --- */

static void set(json_t *o, const char *name, json_t *value)
{
	if (value)
		json_object_set_new(o, name, value);
}

/* A member of ours under another name. */
static void take(json_t *to, const char *name, json_t *from, const char *ours)
{
	json_t *v = json_object_get(from, ours);

	if (v)
		json_object_set(to, name, v);
}

static json_t *creation_info(const xld_dominfo *i)
{
	char uuid[37];

	uuid_format((const uint8_t *)i->uuid, uuid);
	return json_pack("{s:s, s:s, s:s}", "type", "pv", "name", i->name, "uuid", uuid);
}

static json_t *build_info(const xld_dominfo *i, json_t *config)
{
	json_t *avail = json_array(), *b;
	uint64_t target = i->max_memory_kib;

	for (u_int v = 0; v < i->vcpus; v++)
		json_array_append_new(avail, json_integer(v));
	if (json_is_integer(json_object_get(config, "memory")))
		target = (uint64_t)json_integer_value(json_object_get(config, "memory")) * 1024;
	b = json_pack("{s:i, s:o, s:I, s:I, s:{}}", "max_vcpus", i->max_vcpus, "avail_vcpus", avail, "max_memkb",
		      (json_int_t)i->max_memory_kib, "target_memkb", (json_int_t)target, "type.pv");
	take(b, "kernel", config, "kernel");
	take(b, "ramdisk", config, "ramdisk");
	take(b, "cmdline", config, json_object_get(config, "cmdline") ? "cmdline" : "extra");
	return b;
}

static json_t *disk_info(const char *text)
{
	struct cfg_disk d;
	char *why = NULL;
	json_t *o;

	if (!disk_parse(&d, text, &why)) {
		free(why);
		return NULL;
	}
	o = json_pack("{s:s, s:s, s:s, s:i}", "pdev_path", d.target ? d.target : "", "vdev", d.vdev, "format",
		      disk_format_name(d.format), "readwrite", !d.readonly);
	disk_free(&d);
	return o;
}

static json_t *nic_info(const char *text, size_t at)
{
	char mac[18], *why = NULL;
	struct cfg_vif v;
	json_t *o;

	if (!vif_parse(&v, text, &why)) {
		free(why);
		return NULL;
	}
	o = json_pack("{s:i, s:s}", "devid", v.devid == VIF_NO_ID ? (int)at : (int)v.devid, "nictype", "vif");
	vif_mac_format(v.mac, mac);
	if (v.has_mac)
		set(o, "mac", json_string(mac));
	set(o, "bridge", json_string(v.bridge ? v.bridge : VIF_BRIDGE));
	if (v.ip)
		set(o, "ip", json_string(v.ip));
	vif_free(&v);
	return o;
}

/* An entry of a list, which is a string when it was given as one. */
static const char *entry(json_t *list, size_t i)
{
	return json_string_value(json_is_string(list) && !i ? list : json_array_get(list, i));
}

static void add_devices(json_t *config)
{
	json_t *disks = json_array(), *nics = json_array();
	json_t *disk = json_object_get(config, "disk"), *vif = json_object_get(config, "vif");
	const char *text;

	for (size_t i = 0; (text = entry(disk, i)); i++)
		json_array_append_new(disks, disk_info(text));
	for (size_t i = 0; (text = entry(vif, i)); i++)
		json_array_append_new(nics, nic_info(text, i));
	if (json_array_size(disks))
		set(config, "disks", json_incref(disks));
	if (json_array_size(nics))
		set(config, "nics", json_incref(nics));
	json_decref(disks);
	json_decref(nics);
}

/* --- a domain --- */

static json_t *config_to_json(const xld_dominfo *i)
{
	char id[16];
	xld_domain d = { .name = id };
	json_t *o = NULL;
	xld_config cfg;

	snprintf(id, sizeof(id), "%u", i->domid);
	if (!call(XLD_DOMAIN_CONFIG, &d, &cfg))
		return json_null();
	if (*cfg.json)
		o = json_loads(cfg.json, 0, NULL);
	rpc_release((xdrproc_t)xdr_xld_config, &cfg);
	o = o ? o : json_object();
	set(o, "b_info", build_info(i, o));
	set(o, "c_info", creation_info(i));
	add_devices(o);
	return o;
}

json_t *domain_to_json(const xld_dominfo *i)
{
	char uuid[37];

	uuid_format((const uint8_t *)i->uuid, uuid);
	return mem_check(json_pack("{s:i, s:s, s:s, s:s, s:o, s:b, s:b, s:b, s:I, s:I, s:I, s:i, s:i, s:f, s:I}",
		"domid", i->domid, "name", i->name, "uuid", uuid, "state", state_name(i->state),
		"shutdown_reason", i->shutdown ? json_string(i->crash) : json_null(),
		"running", i->running, "blocked", i->blocked, "paused", i->paused,
		"memory_kib", (json_int_t)i->memory_kib, "claimed_kib", (json_int_t)i->claimed_kib,
		"max_memory_kib", (json_int_t)i->max_memory_kib,
		"vcpus", i->vcpus, "max_vcpus", i->max_vcpus, "cpu_time", (double)i->cpu_time_ns / 1e9,
		"start_time", (json_int_t)i->start_time));
}

json_t *domains_to_json(const xld_domain_list *list, bool with_config)
{
	json_t *a = mem_check(json_array()), *o;

	for (u_int i = 0; i < list->domains.domains_len; i++) {
		o = domain_to_json(&list->domains.domains_val[i]);
		if (with_config)
			set(o, "config", config_to_json(&list->domains.domains_val[i]));
		json_array_append_new(a, o);
	}
	return a;
}

/* --- parts of it --- */

static json_t *cpus_to_json(const char *map, u_int len, unsigned int nr_cpus)
{
	char *text = cpulist_format((const uint8_t *)map, len, nr_cpus);
	json_t *s = json_string(text);

	free(text);
	return s;
}

json_t *vcpus_to_json(const xld_vcpu_list *l)
{
	json_t *a = mem_check(json_array());

	for (u_int i = 0; i < l->vcpus.vcpus_len; i++) {
		const xld_vcpu *v = &l->vcpus.vcpus_val[i];

		json_array_append_new(a, json_pack("{s:i, s:b, s:b, s:b, s:o, s:f, s:o, s:o}", "vcpu", i, "online",
			v->online, "running", v->running, "blocked", v->blocked, "cpu",
			v->online ? json_integer(v->cpu) : json_null(), "cpu_time", (double)v->cpu_time_ns / 1e9,
			"hard_affinity", cpus_to_json(v->hard.hard_val, v->hard.hard_len, l->nr_cpus),
			"soft_affinity", cpus_to_json(v->soft.soft_val, v->soft.soft_len, l->nr_cpus)));
	}
	return json_pack("{s:i, s:s, s:o}", "domid", l->domid, "name", l->name, "vcpus", a);
}

static json_t *number(int n)
{
	return n < 0 ? json_null() : json_integer(n);
}

json_t *device_to_json(u_int domid, const xld_device *d, bool net)
{
	json_t *o = json_pack("{s:i, s:i, s:i, s:s, s:s, s:i, s:i, s:o, s:o, s:s}", "domid", domid, "devid", d->devid,
			      "backend_domid", 0, net ? "mac" : "vdev", d->name, net ? "bridge" : "target", d->target,
			      "frontend_state", (int)d->front_state, "backend_state", (int)d->back_state, "evtchn",
			      number(d->evtchn), net ? "tx_ring_ref" : "ring_ref", number(d->ring_ref), "backend_path",
			      d->path);

	if (net)
		set(o, "rx_ring_ref", number(d->rx_ring_ref));
	return o;
}

json_t *stats_to_json(const xld_stats *s)
{
	return json_pack("{s:i, s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:I}", "nets", s->nets, "net_tx_bytes",
			 (json_int_t)s->net_tx, "net_rx_bytes", (json_int_t)s->net_rx, "vbds", s->vbds, "vbd_oo",
			 (json_int_t)s->vbd_oo, "vbd_rd", (json_int_t)s->vbd_rd, "vbd_wr", (json_int_t)s->vbd_wr,
			 "vbd_rsect", (json_int_t)s->vbd_rsect, "vbd_wsect", (json_int_t)s->vbd_wsect);
}

json_t *host_to_json(const xld_host *h)
{
	json_t *o = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:i, s:i, s:s, s:s, s:s, s:i}",
		"nr_cpus", h->nr_cpus, "max_cpu_id", h->max_cpu_id, "nr_nodes", h->nr_nodes, "cores_per_socket",
		h->cores_per_socket, "threads_per_core", h->threads_per_core, "cpu_khz", h->cpu_khz, "total_kib",
		(json_int_t)h->total_kib, "free_kib", (json_int_t)h->free_kib, "outstanding_kib",
		(json_int_t)h->outstanding_kib, "xen_major", h->xen_major, "xen_minor", h->xen_minor, "xen_extra",
		h->xen_extra, "xen_caps", h->xen_caps, "xen_scheduler", h->scheduler, "xen_pagesize", h->pagesize);

	if (h->hypervisor_kib != ~0ULL)
		set(o, "hypervisor_kib", json_integer((json_int_t)h->hypervisor_kib));
	set(o, "xen_commandline", json_string(h->commandline));
	set(o, "xen_changeset", json_string(h->changeset));
	set(o, "build_id", json_string(h->build_id));
	return o;
}
