/* SPDX-License-Identifier: MIT */
/*
 * The devices of a domain in XML. Disks and networks are put together as entries of disk= and vif= and then read as
 * those, so there is one place that knows what they may be.
 *
 * Invariant: what goes into such an entry has no comma (but for a target, which comes last), so that a value of the XML
 * can never become two.
 */
#include "xml_priv.h"
#include "spec.h"
#include "../util/mem.h"

/* --- disks --- */

static const char *const formats[] = { "raw", "aio", "qcow2", "qcow", "vhd", "vpc", "qed", NULL };
static const unsigned int format_of[] = { DISK_RAW, DISK_RAW, DISK_QCOW2, DISK_QCOW, DISK_VHD, DISK_VHD, DISK_QED };

static void take_driver(struct reader *r, xmlNode *n)
{
	static const char *const names[] = { "phy", "qemu", "file", "tap", "tap2", NULL };
	static const char *const discards[] = { "unmap", "ignore", NULL };
	static const char *const tuning[] = { "cache", "io", "error_policy", "rerror_policy", "copy_on_read",
					      "detect_zeroes", "iothread", "queues" };
	char *name = xml_attr(r, n, "name"), *type = xml_attr(r, n, "type"), *discard = xml_attr(r, n, "discard");
	int i;

	i = name ? xml_word(r, n, "name", name, names) : -1;
	if (i == 0 || i == 1)
		r->disk.backend = i ? DISK_QDISK : DISK_PHY;
	i = type ? xml_word(r, n, "type", type, formats) : -1;
	if (i >= 0)
		r->disk.format = format_of[i];
	r->disk.no_discard = discard && xml_word(r, n, "discard", discard, discards) == 1;
	for (size_t t = 0; t < sizeof(tuning) / sizeof(tuning[0]); t++)
		if (xml_attr(r, n, tuning[t]))
			xml_warn(r, n, "%s= is ignored: the back end decides", tuning[t]);
}

static void take_disk_source(struct reader *r, xmlNode *n)
{
	static const char *const protocols[] = { "nbd", NULL };
	static const char *const yes[] = { "no", "yes", NULL };
	char *file = xml_attr(r, n, "file"), *dev = xml_attr(r, n, "dev"), *protocol = xml_attr(r, n, "protocol");
	char *tls = xml_attr(r, n, "tls");
	const char *want = r->disk_type;

	xml_walk(r, n);
	if (!want)
		return;
	if (!strcmp(want, "network")) {
		r->nbd.name = xml_attr(r, n, "name");
		r->nbd.tls = tls && xml_word(r, n, "tls", tls, yes) == 1;
		if (!protocol || xml_word(r, n, "protocol", protocol, protocols) < 0)
			xml_error(r, n, "protocol='nbd' is needed for a disk of type 'network'");
		return;
	}
	if (file && dev)
		xml_error(r, n, "file= and dev= are not possible together");
	r->disk.target = file ? file : dev;
	if (!r->disk.target)
		xml_error(r, n, "%s= is missing: what is behind the disk", strcmp(want, "block") ? "file" : "dev");
	if (protocol || r->nbd.host || r->nbd.socket)
		xml_error(r, n, "protocol= and <host> are for a disk of type 'network'");
}

static void take_nbd_host(struct reader *r, xmlNode *n)
{
	static const char *const transports[] = { "tcp", "unix", NULL };
	char *transport = xml_attr(r, n, "transport");

	r->nbd.host = xml_attr(r, n, "name");
	r->nbd.port = xml_attr(r, n, "port");
	r->nbd.socket = xml_attr(r, n, "socket");
	if (transport && xml_word(r, n, "transport", transport, transports) == 1 && !r->nbd.socket)
		xml_error(r, n, "socket= is missing");
}

static void take_disk_target(struct reader *r, xmlNode *n)
{
	char *dev = xml_attr(r, n, "dev"), *bus = xml_attr(r, n, "bus");

	if (!dev || !vdev_parse(dev, &r->disk.devid))
		xml_error(r, n, "dev='%.40s' is no name of a virtual disk: use xvda, xvdb, ... (xvda1 for a partition)",
			  dev ? dev : "");
	else
		r->disk.vdev = dev;
	if (bus && strcmp(bus, "xen"))
		xml_error(r, n, "bus='%.40s' is not offered: only 'xen' is", bus);
}

static void take_readonly(struct reader *r, xmlNode *n)
{
	(void)n;
	r->disk.readonly = true;
}

static void take_shareable(struct reader *r, xmlNode *n)
{
	(void)n;
	r->disk.shared = true;
}

static void take_backend(struct reader *r, xmlNode *n)
{
	char *name = xml_attr(r, n, "name");

	if (name && strcmp(name, "Domain-0") && strcmp(name, "0"))
		xml_error(r, n, "name='%.40s': back ends run in dom0 only", name);
}

static bool one_word(struct reader *r, const xmlNode *n, const char *what, const char *v)
{
	if (*v && !strpbrk(v, ", \t\n"))
		return true;
	xml_error(r, n, "%s='%.40s' must be a word without blanks and commas", what, v);
	return false;
}

/* <lite:disk>: what libvirt does not know of. */
static void take_own_disk(struct reader *r, xmlNode *n)
{
	static const char *const yes[] = { "no", "yes", NULL };
	char *target = xml_attr(r, n, "target"), *script = xml_attr(r, n, "script");
	char *safe = xml_attr(r, n, "direct-io-safe"), *trusted = xml_attr(r, n, "trusted");

	if (target)
		r->disk.target = target;
	if (script && one_word(r, n, "script", script))
		r->disk.script = script;
	r->disk.direct_io_safe = safe && xml_word(r, n, "direct-io-safe", safe, yes) == 1;
	r->disk.untrusted = trusted && !xml_word(r, n, "trusted", trusted, yes);
}

static bool disk_target(struct reader *r, xmlNode *n)
{
	if (r->disk_type && !strcmp(r->disk_type, "network") && !r->disk.target) {
		r->disk.target = nbd_format(&r->nbd);
		if (!r->disk.target) {
			xml_error(r, n, "<host name='...'/> or <host transport='unix' socket='/...'/> is needed in "
				  "<source>, and only characters that need no escapes");
			return false;
		}
		xml_keep(r, r->disk.target);
	}
	if (!r->disk.target && r->disk.cdrom) {		/* a drive without a disc */
		r->disk.target = xstrdup("");
		xml_keep(r, r->disk.target);
	}
	if (!r->disk.target)
		xml_error(r, n, "<source> is missing: what is behind the disk");
	if (!r->disk.vdev)
		xml_error(r, n, "<target dev='...'/> is missing: what the guest calls the disk");
	return r->disk.target && r->disk.vdev;
}

static void take_disk(struct reader *r, xmlNode *n)
{
	static const char *const types[] = { "file", "block", "network", NULL };
	static const char *const devices[] = { "disk", "cdrom", NULL };
	char *type = xml_attr(r, n, "type"), *device = xml_attr(r, n, "device");
	unsigned int before = r->diag->errors;

	r->disk = (struct cfg_disk){ .backend = DISK_AUTO };
	r->nbd = (struct nbd_uri){ 0 };
	r->disk_type = type && xml_word(r, n, "type", type, types) < 0 ? NULL : type ? type : "file";
	r->disk.cdrom = device && xml_word(r, n, "device", device, devices) == 1;
	xml_walk(r, n);
	r->disk.readonly |= r->disk.cdrom;
	if (r->diag->errors == before && disk_target(r, n)) {
		char *text;

		disk_choose_backend(&r->disk);
		text = disk_format(&r->disk);
		xml_set_key(r, n, "disk", text, true);
		free(text);
	}
}

/* --- networks --- */

static void take_mac(struct reader *r, xmlNode *n)
{
	char *address = xml_attr(r, n, "address");

	if (!address || !vif_mac_parse(address, r->vif.mac))
		xml_error(r, n, "address='%.40s' must be six hexadecimal bytes, as in 00:16:3e:01:02:03",
			  address ? address : "");
	else
		r->vif.has_mac = true;
}

/* An attribute that has to be there. */
static void take_word(struct reader *r, xmlNode *n, const char *attr, char **to)
{
	char *v = xml_attr(r, n, attr);

	if (!v)
		xml_error(r, n, "%s= is missing", attr);
	else if (one_word(r, n, attr, v))
		*to = v;
}

static void take_vif_source(struct reader *r, xmlNode *n)
{
	take_word(r, n, "bridge", &r->vif.bridge);
}

static void take_script(struct reader *r, xmlNode *n)
{
	take_word(r, n, "path", &r->vif.script);
}

static void take_vif_target(struct reader *r, xmlNode *n)
{
	char *dev = xml_attr(r, n, "dev");

	if (dev && one_word(r, n, "dev", dev))
		r->vif.vifname = dev;
}

static void take_ip(struct reader *r, xmlNode *n)
{
	char *address = xml_attr(r, n, "address"), *prefix = xml_attr(r, n, "prefix");

	if (!address) {
		xml_error(r, n, "address= is missing");
		return;
	}
	if (!one_word(r, n, "address", address) || (prefix && !one_word(r, n, "prefix", prefix)))
		return;
	r->vif.ip = xml_keep(r, xasprintf("%s%s%s%s%s", r->vif.ip ? r->vif.ip : "", r->vif.ip ? " " : "", address,
					  prefix ? "/" : "", prefix ? prefix : ""));
}

static void take_model(struct reader *r, xmlNode *n)
{
	char *type = xml_attr(r, n, "type");

	if (type && strcmp(type, "netfront"))
		xml_warn(r, n, "type='%.40s' is ignored: a PV guest has netfront", type);
}

static void take_mtu(struct reader *r, xmlNode *n)
{
	char *size = xml_attr(r, n, "size");
	unsigned long mtu;

	if (!size || !spec_number(size, 65535, &mtu) || mtu < 68)
		xml_error(r, n, "size='%.40s' must be a number from 68 to 65535", size ? size : "");
	else
		r->vif.mtu = (unsigned int)mtu;
}

static void take_outbound(struct reader *r, xmlNode *n)
{
	char *average = xml_attr(r, n, "average");
	unsigned long kb;

	if (!average || !spec_number(average, 100000000, &kb) || !kb) {
		xml_error(r, n, "average='%.40s' must be a number of kilobytes per second", average ? average : "");
		return;
	}
	r->vif.rate = kb * 1000;
	r->vif.rate_usecs = VIF_RATE_USECS;
	if (xml_attr(r, n, "peak") || xml_attr(r, n, "burst"))
		xml_warn(r, n, "peak= and burst= are ignored: average= is what the guest can send");
}

static void take_virtualport(struct reader *r, xmlNode *n)
{
	char *type = xml_attr(r, n, "type");

	if (!type || strcmp(type, "openvswitch"))
		xml_error(r, n, "type='%.40s': only 'openvswitch' is offered", type ? type : "");
	else if (!r->vif.script)
		r->vif.script = xml_keep(r, xstrdup("vif-openvswitch"));
}

static void take_link(struct reader *r, xmlNode *n)
{
	char *state = xml_attr(r, n, "state");

	if (state && strcmp(state, "up"))
		xml_error(r, n, "state='%.40s' is not offered: leave the interface out, or `ip link set` it down in "
			  "dom0",
			  state);
}

/* <lite:vif>: what libvirt does not know of. */
static void take_own_vif(struct reader *r, xmlNode *n)
{
	static const char *const yes[] = { "no", "yes", NULL };
	char *devid = xml_attr(r, n, "devid"), *gw = xml_attr(r, n, "gatewaydev"), *rate = xml_attr(r, n, "rate");
	char *trusted = xml_attr(r, n, "trusted");
	unsigned long id;

	if (devid && (!spec_number(devid, 255, &id)))
		xml_error(r, n, "devid='%.40s' must be a number from 0 to 255", devid);
	else if (devid)
		r->vif.devid = (uint32_t)id;
	if (gw && one_word(r, n, "gatewaydev", gw))
		r->vif.gatewaydev = gw;
	if (rate && !vif_rate_parse(rate, &r->vif.rate, &r->vif.rate_usecs))
		xml_error(r, n, "rate='%.40s' must be as in 10Mb/s or 512KB/s@20ms", rate);
	r->vif.untrusted = trusted && !xml_word(r, n, "trusted", trusted, yes);
}

static void take_interface(struct reader *r, xmlNode *n)
{
	static const char *const types[] = { "bridge", "ethernet", NULL };
	char *type = xml_attr(r, n, "type"), *text;
	unsigned int before = r->diag->errors;
	int kind;

	r->vif = (struct cfg_vif){ .devid = VIF_NO_ID };
	if (type && !strcmp(type, "network")) {
		xml_error(r, n, "type='network': libvirt's virtual networks do not exist here; use type='bridge' "
			  "with the name of the bridge");
		return;
	}
	kind = xml_word(r, n, "type", type ? type : "", types);
	xml_walk(r, n);
	if (kind == 1 && !r->vif.script && r->diag->errors == before)
		xml_error(r, n, "type='ethernet': <script path='vif-route'/> or <script path='vif-nat'/> must say "
			  "how it is connected");
	if (r->diag->errors != before)
		return;
	text = vif_format(&r->vif);
	xml_set_key(r, n, "vif", text, true);
	free(text);
}

/* --- the others --- */

static void take_console(struct reader *r, xmlNode *n)
{
	char *type = xml_attr(r, n, "type");

	if (r->consoles++)
		xml_error(r, n, "a domain has one console");
	if (type && strcmp(type, "pty"))
		xml_error(r, n, "type='%.40s' is not offered: the console is a pty", type);
}

static void take_controller(struct reader *r, xmlNode *n)
{
	char *type = xml_attr(r, n, "type"), *frames = xml_attr(r, n, "maxGrantFrames");
	char *channels = xml_attr(r, n, "maxEventChannels");

	if (!type || strcmp(type, "xenbus")) {
		xml_warn(r, n, "type='%.40s' is ignored: devices of a PV guest are on no bus but xenbus",
			 type ? type : "");
		return;
	}
	if (frames)
		xml_set_key(r, n, "max_grant_frames", frames, false);
	if (channels)
		xml_set_key(r, n, "max_event_channels", channels, false);
}

static void take_balloon(struct reader *r, xmlNode *n)
{
	static const char *const models[] = { "xen", "none", NULL };
	char *model = xml_attr(r, n, "model");

	if (model && xml_word(r, n, "model", model, models) == 1)
		xml_warn(r, n, "model='none' is ignored: whether to balloon is up to the guest");
}

#define GRAPHICS "ignored: there are no graphics; a guest has its console and networks"
#define HOSTDEV "is not offered: devices of the host are not passed through"
#define OTHER "is not offered: guests have disks, networks and a console"
#define EMULATOR "ignored: no device model is used"

const struct rule xml_device_rules[] = {
	TAKE("devices", "disk", take_disk, "type device snapshot", RULE_MANY | RULE_OWN),
	TAKE("devices", "interface", take_interface, "type", RULE_MANY | RULE_OWN),
	TAKE("devices", "console", take_console, "type tty", RULE_MANY | RULE_OWN),
	TAKE("devices", "controller", take_controller, "type index model ports vectors maxGrantFrames "
		"maxEventChannels", RULE_MANY | RULE_OWN),
	TAKE("devices", "memballoon", take_balloon, "model autodeflate freePageReporting", RULE_OWN),
	WARN("devices", "emulator", EMULATOR),
	WARN("devices", "serial", "ignored: a PV guest has <console>"),
	WARN("devices", "graphics", GRAPHICS),
	WARN("devices", "video", GRAPHICS),
	WARN("devices", "input", GRAPHICS),
	WARN("devices", "sound", GRAPHICS),
	WARN("devices", "audio", GRAPHICS),
	WARN("devices", "panic", "ignored: the hypervisor sees a crash without it"),
	REFUSE("devices", "hostdev", HOSTDEV),
	REFUSE("devices", "channel", OTHER),
	REFUSE("devices", "parallel", OTHER),
	REFUSE("devices", "filesystem", OTHER),
	REFUSE("devices", "tpm", OTHER),
	REFUSE("devices", "rng", OTHER),
	REFUSE("devices", "watchdog", OTHER),
	REFUSE("devices", "smartcard", OTHER),
	REFUSE("devices", "redirdev", OTHER),
	REFUSE("devices", "redirfilter", OTHER),
	REFUSE("devices", "hub", OTHER),
	REFUSE("devices", "shmem", OTHER),
	REFUSE("devices", "memory", OTHER),
	REFUSE("devices", "iommu", OTHER),
	REFUSE("devices", "vsock", OTHER),
	REFUSE("devices", "crypto", OTHER),
	REFUSE("devices", "lease", OTHER),
	REFUSE("devices", "nvram", OTHER),

	TAKE("disk", "driver", take_driver, "name type discard cache io error_policy rerror_policy copy_on_read "
		"detect_zeroes iothread queues", 0),
	TAKE("disk", "source", take_disk_source, "file dev protocol name tls startupPolicy index", RULE_OWN),
	TAKE("source", "host", take_nbd_host, "name port transport socket", 0),
	TAKE("disk", "target", take_disk_target, "dev bus", 0),
	TAKE("disk", "readonly", take_readonly, NULL, 0),
	TAKE("disk", "shareable", take_shareable, NULL, 0),
	TAKE("disk", "backenddomain", take_backend, "name", 0),
	TAKE("disk", "disk", take_own_disk, "target script direct-io-safe trusted", RULE_LITE),
	WARN("disk", "serial", "ignored: a PV disk has none"),
	WARN("disk", "wwn", "ignored: a PV disk has none"),
	WARN("disk", "vendor", "ignored: a PV disk has none"),
	WARN("disk", "product", "ignored: a PV disk has none"),
	WARN("disk", "boot", "ignored: a PV domain boots <kernel>"),
	WARN("disk", "geometry", "ignored: a PV disk has none"),
	WARN("disk", "blockio", "ignored: the back end says how large a sector is"),
	WARN("disk", "backingStore", "ignored: an image names its own"),
	REFUSE("disk", "transient", "is not offered: what the guest writes stays"),
	REFUSE("disk", "iotune", "is not offered: the rate of disks is not limited"),
	REFUSE("disk", "encryption", "is not offered: open the device in dom0 with cryptsetup"),
	REFUSE("disk", "auth", "is not offered"),
	REFUSE("disk", "mirror", "is not offered"),
	IGNORE("disk", "alias"),
	IGNORE("disk", "address"),

	TAKE("interface", "mac", take_mac, "address", 0),
	TAKE("interface", "source", take_vif_source, "bridge", 0),
	TAKE("interface", "script", take_script, "path", 0),
	TAKE("interface", "target", take_vif_target, "dev", 0),
	TAKE("interface", "ip", take_ip, "address prefix family", RULE_MANY),
	TAKE("interface", "model", take_model, "type", 0),
	TAKE("interface", "mtu", take_mtu, "size", 0),
	FRAME("interface", "bandwidth"),
	TAKE("bandwidth", "outbound", take_outbound, "average peak burst", 0),
	REFUSE("bandwidth", "inbound", "is not offered: only what the guest sends can be limited"),
	TAKE("interface", "virtualport", take_virtualport, "type", 0),
	TAKE("interface", "link", take_link, "state", 0),
	TAKE("interface", "backenddomain", take_backend, "name", 0),
	TAKE("interface", "vif", take_own_vif, "devid gatewaydev rate trusted", RULE_LITE),
	WARN("interface", "driver", "ignored: the back end decides"),
	WARN("interface", "tune", "ignored: the back end decides"),
	WARN("interface", "coalesce", "ignored: the back end decides"),
	WARN("interface", "guest", "ignored: the guest names its own side"),
	WARN("interface", "boot", "ignored: a PV domain boots <kernel>"),
	REFUSE("interface", "vlan", "is not offered: with Open vSwitch, write it behind the name of the bridge "
		"(ovs0.17)"),
	REFUSE("interface", "filterref", "is not offered: <ip address='...'/> keeps a guest to its addresses"),
	REFUSE("interface", "route", "is not offered: the guest sets its own routes"),
	REFUSE("interface", "teaming", "is not offered"),
	IGNORE("interface", "alias"),
	IGNORE("interface", "address"),
	{ 0 },
};
