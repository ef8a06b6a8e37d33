/* SPDX-License-Identifier: MIT */
/*
 * struct domcfg as XML: in libvirt's elements what these can say, in <lite:config>, <lite:disk> and <lite:vif> the
 * rest.
 *
 * A key that nobody here has thought of yet goes to <lite:config> by itself, so a new row of the key table is never
 * lost.
 */
#include <libxml/parser.h>
#include <libxml/xmlwriter.h>

#include "xml_priv.h"
#include "../util/mem.h"

#define X(s) ((const xmlChar *)(s))

/* Rows of the key table that libvirt's elements cover, always or as native_*() says. */
static const char *const native[] = {
	"name", "uuid", "title", "description", "type", "kernel", "ramdisk", "cmdline", "memory", "maxmem", "vcpus",
	"maxvcpus", "on_poweroff", "on_reboot", "on_crash", "disk", "vif", "cpu_weight", "cap", "max_grant_frames",
	"max_event_channels", "tsc_mode", "localtime", "rtc_timeoffset",
};

struct writing {
	xmlTextWriter *w;
	const struct domcfg *cfg;
	bool cpus_native, metadata_native;
};

static void begin(struct writing *w, const char *name)
{
	xmlTextWriterStartElement(w->w, X(name));
}

static void end(struct writing *w)
{
	xmlTextWriterEndElement(w->w);
}

static void attr(struct writing *w, const char *name, const char *value)
{
	if (value)
		xmlTextWriterWriteAttribute(w->w, X(name), X(value));
}

__attribute__((format(printf, 3, 4)))
static void attrf(struct writing *w, const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	xmlTextWriterWriteVFormatAttribute(w->w, X(name), fmt, ap);
	va_end(ap);
}

/* An element with text; nothing for NULL. */
static void element(struct writing *w, const char *name, const char *text)
{
	if (text)
		xmlTextWriterWriteElement(w->w, X(name), X(text));
}

__attribute__((format(printf, 3, 4)))
static void elementf(struct writing *w, const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	xmlTextWriterWriteVFormatElement(w->w, X(name), fmt, ap);
	va_end(ap);
}

/* An element with up to two attributes and nothing in it. */
static void empty(struct writing *w, const char *name, const char *key, const char *value, const char *key2,
		  const char *value2)
{
	begin(w, name);
	attr(w, key, value);
	if (key2)
		attr(w, key2, value2);
	end(w);
}

/* --- what is natively possible --- */

/* libvirt writes sets of CPUs with numbers only, and what is left out behind what is meant. */
static bool native_set(const char *s)
{
	return *s >= '0' && *s <= '9' && !s[strspn(s, "0123456789,-^")];
}

static bool native_cpus(const struct domcfg *cfg)
{
	for (size_t i = 0; i < cfg->cpus.n; i++)
		if (!native_set(cfg->cpus.item[i]))
			return false;
	return cfg->cpus.n && cfg->cpus.n <= 32;
}

/* Is it an element that the reader would give the same text for? */
static bool native_metadata(const struct domcfg *cfg)
{
	struct domcfg_diag diag = { .file = "metadata" };
	xmlNode *root = NULL;
	bool same = false;
	xmlBuffer *buf;
	xmlDoc *doc;

	if (!cfg->metadata)
		return false;
	doc = xml_load(cfg->metadata, strlen(cfg->metadata), &diag);
	if (doc)
		root = xmlDocGetRootElement(doc);
	if (root && !root->ns && !strcmp((const char *)root->name, "metadata") && !root->properties) {
		buf = mem_check(xmlBufferCreate());
		xmlNodeDump(buf, doc, root, 0, 0);
		same = !strcmp((const char *)xmlBufferContent(buf), cfg->metadata);
		xmlBufferFree(buf);
	}
	xmlFreeDoc(doc);
	domcfg_diag_free(&diag);
	return same;
}

/* --- parts of the document --- */

static void write_memory(struct writing *w)
{
	begin(w, "memory");
	attr(w, "unit", "MiB");
	xmlTextWriterWriteFormatString(w->w, "%llu", (unsigned long long)w->cfg->maxmem);
	end(w);
	begin(w, "currentMemory");
	attr(w, "unit", "MiB");
	xmlTextWriterWriteFormatString(w->w, "%llu", (unsigned long long)w->cfg->memory);
	end(w);
}

static void write_cputune(struct writing *w)
{
	const struct domcfg *cfg = w->cfg;
	bool pins = w->cpus_native && !cfg->cpus.single;

	begin(w, "vcpu");
	attr(w, "placement", "static");
	if (w->cpus_native && cfg->cpus.single)
		attr(w, "cpuset", cfg->cpus.item[0]);
	if (cfg->vcpus != cfg->maxvcpus)
		attrf(w, "current", "%llu", (unsigned long long)cfg->vcpus);
	xmlTextWriterWriteFormatString(w->w, "%llu", (unsigned long long)cfg->maxvcpus);
	end(w);
	if (!pins && !cfg->cpu_weight && !cfg->cap)
		return;
	begin(w, "cputune");
	for (size_t i = 0; pins && i < cfg->cpus.n; i++) {
		begin(w, "vcpupin");
		attrf(w, "vcpu", "%zu", i);
		attr(w, "cpuset", cfg->cpus.item[i]);
		end(w);
	}
	if (cfg->cpu_weight)
		elementf(w, "shares", "%llu", (unsigned long long)cfg->cpu_weight);
	if (cfg->cap) {
		elementf(w, "global_period", "100000");
		elementf(w, "global_quota", "%llu", (unsigned long long)cfg->cap * 1000);
	}
	end(w);
}

static void write_os(struct writing *w)
{
	char *cmdline = domcfg_cmdline(w->cfg);

	begin(w, "os");
	begin(w, "type");
	attr(w, "arch", "x86_64");
	attr(w, "machine", "xenpv");
	xmlTextWriterWriteString(w->w, X("linux"));
	end(w);
	element(w, "kernel", w->cfg->kernel);
	element(w, "initrd", w->cfg->ramdisk);
	if (w->cfg->cmdline || w->cfg->root || w->cfg->extra)
		element(w, "cmdline", cmdline);
	end(w);
	free(cmdline);
}

static void write_clock(struct writing *w)
{
	const struct domcfg *cfg = w->cfg;

	begin(w, "clock");
	if (cfg->rtc_timeoffset) {
		attr(w, "offset", "variable");
		attrf(w, "adjustment", "%lld", (long long)cfg->rtc_timeoffset);
		attr(w, "basis", cfg->localtime ? "localtime" : "utc");
	} else {
		attr(w, "offset", cfg->localtime ? "localtime" : "utc");
	}
	if (cfg->tsc_mode == DOM_TSC_NATIVE)
		empty(w, "timer", "name", "tsc", "mode", "native");
	end(w);
}

/* --- devices --- */

static void write_source(struct writing *w, const struct cfg_disk *d, const struct nbd_uri *u)
{
	begin(w, "source");
	if (!u->host && !u->socket) {
		attr(w, strncmp(d->target, "/dev/", 5) ? "file" : "dev", d->target);
	} else {
		attr(w, "protocol", "nbd");
		attr(w, "name", u->name);
		attr(w, "tls", u->tls ? "yes" : NULL);
		begin(w, "host");
		attr(w, "name", u->host);
		attr(w, "port", u->port);
		attr(w, "transport", u->socket ? "unix" : NULL);
		attr(w, "socket", u->socket);
		end(w);
	}
	end(w);
}

static void write_driver(struct writing *w, const struct cfg_disk *d)
{
	begin(w, "driver");
	attr(w, "name", d->backend == DISK_QDISK ? "qemu" : "phy");
	attr(w, "type", disk_format_name(d->format));
	attr(w, "discard", d->no_discard ? "ignore" : NULL);
	end(w);
}

static void write_own_disk(struct writing *w, const struct cfg_disk *d)
{
	if (!d->script && !d->direct_io_safe && !d->untrusted)
		return;
	begin(w, DOMXML_PREFIX ":disk");
	attr(w, "script", d->script);
	attr(w, "direct-io-safe", d->direct_io_safe ? "yes" : NULL);
	attr(w, "trusted", d->untrusted ? "no" : NULL);
	end(w);
}

static void write_disk(struct writing *w, const char *text)
{
	struct nbd_uri u = { 0 };
	struct cfg_disk d;
	char *why = NULL;

	if (!disk_parse(&d, text, &why)) {	/* the checks let none pass */
		free(why);
		return;
	}
	nbd_parse(&u, d.target);
	begin(w, "disk");
	attr(w, "type", u.host || u.socket ? "network" : strncmp(d.target, "/dev/", 5) ? "file" : "block");
	attr(w, "device", d.cdrom ? "cdrom" : "disk");
	write_driver(w, &d);
	if (*d.target)
		write_source(w, &d, &u);
	empty(w, "target", "dev", d.vdev, "bus", "xen");
	if (d.readonly)
		element(w, "readonly", "");
	if (d.shared)
		element(w, "shareable", "");
	write_own_disk(w, &d);
	end(w);
	nbd_free(&u);
	disk_free(&d);
}

static void write_addresses(struct writing *w, const char *ip)
{
	for (size_t n; ip && *ip; ip += n, ip += *ip == ' ') {
		char *address, *slash;

		n = strcspn(ip, " ");
		address = xstrndup(ip, n);
		slash = strchr(address, '/');
		if (slash)
			*slash = 0;
		begin(w, "ip");
		attr(w, "family", strchr(address, ':') ? "ipv6" : "ipv4");
		attr(w, "address", address);
		attr(w, "prefix", slash ? slash + 1 : NULL);
		end(w);
		free(address);
	}
}

static void write_rate(struct writing *w, const struct cfg_vif *v, bool native_rate)
{
	if (!native_rate)
		return;
	begin(w, "bandwidth");
	begin(w, "outbound");
	attrf(w, "average", "%llu", (unsigned long long)v->rate / 1000);
	end(w);
	end(w);
}

static void write_own_vif(struct writing *w, const struct cfg_vif *v, bool number, bool native_rate)
{
	if (!number && !v->gatewaydev && !v->untrusted && (!v->rate || native_rate))
		return;
	begin(w, DOMXML_PREFIX ":vif");
	if (number)
		attrf(w, "devid", "%u", v->devid);
	attr(w, "gatewaydev", v->gatewaydev);
	if (v->rate && !native_rate)
		attrf(w, "rate", "%lluB/s@%uus", (unsigned long long)v->rate, v->rate_usecs);
	attr(w, "trusted", v->untrusted ? "no" : NULL);
	end(w);
}

static void write_vif(struct writing *w, const char *text, bool number)
{
	bool native_rate;
	struct cfg_vif v;
	char *why = NULL, mac[18];

	if (!vif_parse(&v, text, &why)) {
		free(why);
		return;
	}
	native_rate = v.rate && v.rate % 1000 == 0 && v.rate / 1000 <= 100000000 && v.rate_usecs == VIF_RATE_USECS;
	begin(w, "interface");
	attr(w, "type", v.bridge || !v.script ? "bridge" : "ethernet");
	vif_mac_format(v.mac, mac);
	if (v.has_mac)
		empty(w, "mac", "address", mac, NULL, NULL);
	if (v.bridge)
		empty(w, "source", "bridge", v.bridge, NULL, NULL);
	if (v.script)
		empty(w, "script", "path", v.script, NULL, NULL);
	if (v.vifname)
		empty(w, "target", "dev", v.vifname, NULL, NULL);
	write_addresses(w, v.ip);
	write_rate(w, &v, native_rate);
	if (v.mtu) {
		begin(w, "mtu");
		attrf(w, "size", "%u", v.mtu);
		end(w);
	}
	write_own_vif(w, &v, number, native_rate);
	end(w);
	vif_free(&v);
}

/* Networks whose numbers are not just 0, 1, 2 ... say them. */
static bool numbers_matter(const struct domcfg *cfg)
{
	for (size_t i = 0; i < cfg->vif.n; i++)
		if (domcfg_device_find(cfg, true, (uint32_t)i) != (ssize_t)i)
			return true;
	return false;
}

static void write_devices(struct writing *w)
{
	const struct domcfg *cfg = w->cfg;
	bool numbers = numbers_matter(cfg);

	begin(w, "devices");
	for (size_t i = 0; i < cfg->disk.n; i++)
		write_disk(w, cfg->disk.item[i]);
	if (cfg->max_grant_frames || cfg->max_event_channels) {
		begin(w, "controller");
		attr(w, "type", "xenbus");
		attr(w, "index", "0");
		if (cfg->max_grant_frames)
			attrf(w, "maxGrantFrames", "%llu", (unsigned long long)cfg->max_grant_frames);
		if (cfg->max_event_channels)
			attrf(w, "maxEventChannels", "%llu", (unsigned long long)cfg->max_event_channels);
		end(w);
	}
	for (size_t i = 0; i < cfg->vif.n; i++)
		write_vif(w, cfg->vif.item[i], numbers);
	begin(w, "console");
	attr(w, "type", "pty");
	empty(w, "target", "type", "xen", "port", "0");
	end(w);
	empty(w, "memballoon", "model", "xen", NULL, NULL);
	end(w);
}

/* --- our own elements --- */

static bool is_native(const struct writing *w, const char *name)
{
	if (!strcmp(name, "cpus"))
		return w->cpus_native;
	if (!strcmp(name, "metadata"))
		return w->metadata_native;
	for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++)
		if (!strcmp(native[i], name))
			return true;
	return false;
}

static const struct domcfg_list *list_of(const struct domcfg *cfg, const struct cfg_key *key)
{
	if (key->kind != KEY_LIST && key->kind != KEY_CPUS)
		return NULL;
	return (const void *)((const char *)cfg + key->offset);
}

/* Does a key say something else than a description without it would? */
static bool is_set(const struct writing *w, const struct cfg_key *key, const char *text, const struct domcfg *defaults)
{
	const struct domcfg_list *l = list_of(w->cfg, key);
	char *usual;
	bool same;

	if (l)
		return l->n;
	usual = cfg_key_text(defaults, key);
	same = text && usual && !strcmp(text, usual);
	free(usual);
	return text && !same;
}

static void write_own_key(struct writing *w, const struct cfg_key *key, const char *text)
{
	const struct domcfg_list *l = list_of(w->cfg, key);
	char *name = xasprintf(DOMXML_PREFIX ":%s", key->name);

	if (l && !l->single) {
		begin(w, name);
		for (size_t i = 0; i < l->n; i++)
			element(w, DOMXML_PREFIX ":item", l->item[i]);
		end(w);
	} else {
		element(w, name, l ? l->item[0] : text);
	}
	free(name);
}

static void write_own(struct writing *w)
{
	struct domcfg defaults;
	bool any = false;

	domcfg_init(&defaults);
	for (int k = 0; k < DOMCFG_NKEYS; k++) {
		const struct cfg_key *key = &cfg_keys[k];
		char *text = cfg_key_text(w->cfg, key);

		if (!is_native(w, key->name) && is_set(w, key, text, &defaults)) {
			if (!any)
				begin(w, DOMXML_PREFIX ":config");
			any = true;
			write_own_key(w, key, text);
		}
		free(text);
	}
	if (any)
		end(w);
	domcfg_free(&defaults);
}

static void write_domain(struct writing *w, int domid)
{
	const struct domcfg *cfg = w->cfg;
	char uuid[37];

	begin(w, "domain");
	attr(w, "type", "xen");
	if (domid >= 0)
		attrf(w, "id", "%d", domid);
	attr(w, "xmlns:" DOMXML_PREFIX, DOMXML_NS);
	element(w, "name", cfg->name);
	uuid_format(cfg->uuid, uuid);
	element(w, "uuid", cfg->has_uuid ? uuid : NULL);
	element(w, "title", cfg->title);
	element(w, "description", cfg->description);
	if (w->metadata_native) {
		xmlTextWriterWriteRaw(w->w, X("  "));
		xmlTextWriterWriteRaw(w->w, X(cfg->metadata));
		xmlTextWriterWriteRaw(w->w, X("\n"));
	}
	write_memory(w);
	write_cputune(w);
	write_os(w);
	write_clock(w);
	element(w, "on_poweroff", dom_action_name(cfg->on_poweroff));
	element(w, "on_reboot", dom_action_name(cfg->on_reboot));
	element(w, "on_crash", dom_action_name(cfg->on_crash));
	write_devices(w);
	write_own(w);
	end(w);
}

char *domxml_format(const struct domcfg *cfg, int domid)
{
	xmlBuffer *buf = mem_check(xmlBufferCreate());
	struct writing w = { .w = mem_check(xmlNewTextWriterMemory(buf, 0)), .cfg = cfg,
			     .cpus_native = native_cpus(cfg), .metadata_native = native_metadata(cfg) };
	char *text;

	xmlTextWriterSetIndent(w.w, 1);
	xmlTextWriterSetIndentString(w.w, X("  "));
	xmlTextWriterSetQuoteChar(w.w, '\'');
	write_domain(&w, domid);
	xmlTextWriterEndDocument(w.w);
	xmlFreeTextWriter(w.w);
	text = xstrdup((const char *)xmlBufferContent(buf));
	xmlBufferFree(buf);
	return text;
}
