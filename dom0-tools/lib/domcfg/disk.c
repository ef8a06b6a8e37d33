/* SPDX-License-Identifier: MIT */
/*
 * Entries of disk=, see disk.h. Parsing knows nothing of the host: whether a target exists is for xld to find out.
 *
 * Invariant: a disk that disk_parse() has accepted has a target (empty only in a CD-ROM drive without a disc), a vdev
 * and a devid, and its texts can stand in an entry again (no commas but in the target).
 */
#include "disk.h"
#include "spec.h"
#include "../util/mem.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const format_names[] = {
	[DISK_RAW] = "raw", [DISK_QCOW] = "qcow", [DISK_QCOW2] = "qcow2", [DISK_VHD] = "vhd", [DISK_QED] = "qed",
};

/* Prefixes of old entries, each with what it says about the disk. */
static const struct prefix {
	const char *name;
	unsigned int backend, format;
	const char *script;
	const char *dir;		/* where relative paths begin */
} prefixes[] = {
	{ .name = "phy", .backend = DISK_PHY, .dir = "/dev/" },
	{ .name = "file" }, { .name = "raw" }, { .name = "aio" },
	{ .name = "qcow2", .format = DISK_QCOW2 }, { .name = "qcow", .format = DISK_QCOW },
	{ .name = "vhd", .format = DISK_VHD },
	{ .name = "iscsi", .script = "block-iscsi" }, { .name = "drbd", .script = "block-drbd" },
};

struct parsing {
	struct cfg_disk *d;
	char **why;
	bool prefixed, has_format, has_access, has_type;
};

const char *disk_format_name(unsigned int format)
{
	return format < COUNT(format_names) ? format_names[format] : "?";
}

void disk_free(struct cfg_disk *d)
{
	free(d->target);
	free(d->vdev);
	free(d->script);
	memset(d, 0, sizeof(*d));
}

static bool set_format(struct parsing *p, const char *v)
{
	int f = *v ? spec_word(format_names, COUNT(format_names), v) : DISK_RAW;

	if (p->has_format)
		return spec_bad(p->why, "the format is given twice");
	if (f < 0)
		return spec_bad(p->why, "format must be raw, qcow, qcow2, vhd or qed, not '%.40s'", v);
	p->has_format = true;
	p->d->format = (unsigned int)f;
	return true;
}

static bool set_access(struct parsing *p, const char *v)
{
	static const char *const names[] = { "rw", "w", "w!", "rw!", "ro", "r", "r!", "ro!" };
	int a = spec_word(names, COUNT(names), v);

	if (p->has_access)
		return spec_bad(p->why, "the access is given twice");
	if (a < 0)
		return spec_bad(p->why, "access must be rw, w, ro or r, or w! for a disk that several domains write, "
				"not '%.40s'", v);
	p->has_access = true;
	p->d->readonly = a >= 4;
	p->d->shared = v[strlen(v) - 1] == '!';
	return true;
}

static bool set_type(struct parsing *p, const char *v)
{
	if (p->has_type)
		return spec_bad(p->why, "the type of device is given twice");
	if (strcmp(v, "cdrom") && strcmp(v, "disk"))
		return spec_bad(p->why, "devtype must be disk or cdrom, not '%.40s'", v);
	p->has_type = true;
	p->d->cdrom = *v == 'c';
	return true;
}

/* The name may have a suffix that says what it is. */
static bool set_vdev(struct parsing *p, const char *v)
{
	size_t n = strcspn(v, ":");

	if (p->d->vdev)
		return spec_bad(p->why, "vdev is given twice");
	p->d->vdev = xstrndup(v, n);
	if (!vdev_parse(p->d->vdev, &p->d->devid))
		return spec_bad(p->why, "'%.40s' is no name of a virtual disk: use xvda, xvdb, ... (xvda1 for a "
				"partition)", v);
	return !v[n] || set_type(p, v + n + 1);
}

static bool set_script(struct parsing *p, const char *v)
{
	if (!*v || p->d->script)
		return spec_bad(p->why, "script must be given once, with a name or a path");
	p->d->script = xstrdup(v);
	return true;
}

static bool network_target(const char *target)
{
	return !strncmp(target, "nbd:", 4) || !strncmp(target, "nbd+unix:", 9) || !strncmp(target, "nbds:", 5);
}

static bool set_target(struct parsing *p, const char *v, const char *dir)
{
	if (p->d->target)
		return spec_bad(p->why, "the target is given twice");
	if (strlen(v) > 2000)
		return spec_bad(p->why, "the target is longer than 2000 bytes");
	p->d->target = *v && *v != '/' ? xasprintf("%s%s", dir, v) : xstrdup(v);
	return true;
}

/* The first word: a target, perhaps behind an old prefix. */
static bool take_target(struct parsing *p, const char *v)
{
	size_t n = strspn(v, "abcdefghijklmnopqrstuvwxyz0123456789");

	if (v[n] != ':' || network_target(v))
		return set_target(p, v, "");
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		const struct prefix *f = &prefixes[i];

		if (strlen(f->name) != n || strncmp(v, f->name, n))
			continue;
		p->prefixed = true;
		p->has_format |= f->format != DISK_RAW;
		p->d->format |= f->format;
		p->d->backend |= f->backend;
		return set_target(p, v + n + 1, f->dir ? f->dir : "") && (!f->script || set_script(p, f->script));
	}
	return spec_bad(p->why, "the prefix %.*s: is not known; a path with a colon can be given as target=...",
			(int)n, v);
}

static bool set_backend(struct parsing *p, const char *v)
{
	if (!strcmp(v, "phy"))
		p->d->backend = DISK_PHY;
	else if (!strcmp(v, "qdisk"))
		p->d->backend = DISK_QDISK;
	else
		return spec_bad(p->why, "backendtype must be phy or qdisk, not '%.40s'", v);
	return true;
}

static bool take_key(struct parsing *p, const char *key, const char *v)
{
	if (!strcmp(key, "target"))
		return set_target(p, v, "");
	if (!strcmp(key, "format"))
		return set_format(p, v);
	if (!strcmp(key, "vdev"))
		return set_vdev(p, v);
	if (!strcmp(key, "access"))
		return set_access(p, v);
	if (!strcmp(key, "devtype"))
		return set_type(p, v);
	if (!strcmp(key, "backendtype"))
		return set_backend(p, v);
	if (!strcmp(key, "script"))
		return set_script(p, v);
	if (!strcmp(key, "specification"))
		return !strcmp(v, "xen") || spec_bad(p->why, "specification must be xen: virtio is not offered");
	if (!strcmp(key, "backend"))
		return !strcmp(v, "0") || !strcmp(v, "Domain-0") ||
		       spec_bad(p->why, "back ends run in dom0 only; leave backend out");
	return spec_bad(p->why, "unknown key '%.40s'", key);
}

static bool take_word(struct parsing *p, const char *v)
{
	static const char *const flags[] = { "cdrom", "discard", "no-discard", "direct-io-safe", "readonly", "trusted",
					    "untrusted" };

	switch (spec_word(flags, COUNT(flags), v)) {
	case 0: return set_type(p, v);
	case 1: return true;
	case 2: return p->d->no_discard = true;
	case 3: return p->d->direct_io_safe = true;
	case 4: return set_access(p, "ro");
	case 5: p->d->untrusted = false; return true;
	case 6: return p->d->untrusted = true;
	}
	if (!p->d->target)
		return take_target(p, v);
	if (!p->prefixed && !p->has_format)
		return set_format(p, v);
	if (!p->d->vdev)
		return set_vdev(p, v);
	if (!p->has_access)
		return set_access(p, v);
	return spec_bad(p->why, "'%.40s' is one item too many", v);
}

void disk_choose_backend(struct cfg_disk *d)
{
	if (d->script)
		d->backend = DISK_PHY;
	else if (d->backend == DISK_AUTO)
		d->backend = d->format == DISK_RAW && !network_target(d->target) ? DISK_PHY : DISK_QDISK;
}

/* What follows from the rest, and what does not go together. */
static bool complete(struct parsing *p)
{
	struct cfg_disk *d = p->d;

	if (!d->target && d->cdrom)
		d->target = xstrdup("");
	if (!d->target)
		return spec_bad(p->why, "the target is missing: give the path of a file or a block device");
	if (!*d->target && !d->cdrom)
		return spec_bad(p->why, "the target is empty: give the path of a file or a block device");
	if (!d->vdev)
		return spec_bad(p->why, "vdev is missing: what the disk is called in the guest, as in vdev=xvda");
	if (d->cdrom && p->has_access && !d->readonly)
		return spec_bad(p->why, "a CD-ROM cannot be written: use access=ro");
	d->readonly |= d->cdrom;
	if (d->script) {
		d->backend = DISK_PHY;
		return true;
	}
	if (d->backend == DISK_PHY && (d->format != DISK_RAW || network_target(d->target)))
		return spec_bad(p->why, "backendtype=phy serves raw files and block devices; leave it out or use "
				"backendtype=qdisk");
	disk_choose_backend(d);
	return true;
}

bool disk_parse(struct cfg_disk *d, const char *text, char **why)
{
	struct parsing p = { .d = d, .why = why };
	struct spec_item item;
	bool ok = true;

	memset(d, 0, sizeof(*d));
	while (ok && spec_next(&text, "target", &item)) {
		ok = item.key ? take_key(&p, item.key, item.value) : take_word(&p, item.value);
		spec_release(&item);
	}
	ok = ok && complete(&p);
	if (!ok)
		disk_free(d);
	return ok;
}

char *disk_format(const struct cfg_disk *d)
{
	char *s = NULL;

	spec_append(&s, "format=%s,vdev=%s,access=%s%s", disk_format_name(d->format), d->vdev,
		    d->readonly ? "ro" : "rw", d->shared ? "!" : "");
	if (d->cdrom)
		spec_append(&s, ",devtype=cdrom");
	if (d->script)
		spec_append(&s, ",script=%s", d->script);
	else
		spec_append(&s, ",backendtype=%s", d->backend == DISK_QDISK ? "qdisk" : "phy");
	if (d->no_discard)
		spec_append(&s, ",no-discard");
	if (d->direct_io_safe)
		spec_append(&s, ",direct-io-safe");
	if (d->untrusted)
		spec_append(&s, ",untrusted");
	spec_append(&s, ",target=%s", d->target);
	return s;
}

char *disk_empty(const char *text)
{
	struct cfg_disk d;
	char *why = NULL, *s = NULL;

	if (disk_parse(&d, text, &why) && d.cdrom) {
		free(d.target);
		free(d.script);
		d.target = xstrdup("");
		d.script = NULL;
		d.format = DISK_RAW;
		d.backend = DISK_PHY;
		s = disk_format(&d);
	}
	free(why);
	disk_free(&d);
	return s;
}

char *disk_absolute(const char *text, const char *cwd)
{
	struct cfg_disk d;
	char *why = NULL, *s;

	if (!disk_parse(&d, text, &why)) {
		free(why);
		return xstrdup(text);
	}
	if (*d.target && *d.target != '/' && !d.script && !network_target(d.target)) {
		s = xasprintf("%s/%s", cwd, d.target);
		free(d.target);
		d.target = s;
	}
	s = disk_format(&d);
	disk_free(&d);
	return s;
}
