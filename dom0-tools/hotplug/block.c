/* SPDX-License-Identifier: MIT */
/*
 * The hot-plug program of disks that are raw files or block devices; xld runs it. It speaks the language of hot-plug
 * scripts: the argument says what to do, $XENBUS_PATH where the back end's nodes are, success is exit status 0, and a
 * failure is one line on standard error.
 *
 *	add	make a loop device of a file, refuse what is in use, write physical-device (and node)
 *	remove	free the loop device
 *	resize	take over the new size of a file
 *	sweep	free all loop devices of the domain $DOMAIN_UUID, whatever the store says
 *
 * A disk is refused when somebody else may change it under the guest, or the guest under somebody else: written by two
 * domains, or mounted, swapped to or otherwise claimed in dom0. '!' in the mode (access=w!) switches the checks off.
 * One lock covers check and use, so two that are added at the same time see each other.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "loop.h"
#include "util/mem.h"
#include "xenstore/xenstore.h"

#define LOCK_FILE "/run/xen-lite/block.lock"
#define VBDS "/local/domain/0/backend/vbd"

struct disk {
	struct xs_handle *xs;
	const char *path;		/* $XENBUS_PATH */
	char *params, *mode;
	char label[LOOP_LABEL_MAX + 1];
	bool writable, shared;
};

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static const char *from_env(const char *name)
{
	const char *v = getenv(name);

	if (!v || !*v)
		die("%s is not set: xld runs this program", name);
	return v;
}

static char *node(const struct disk *d, const char *name)
{
	char *v = xs_readf(d->xs, XBT_NULL, "%s/%s", d->path, name);

	if (!v)
		die("cannot read %s/%s: %s", d->path, name, strerror(errno));
	return v;
}

static void write_node(const struct disk *d, const char *name, const char *value)
{
	char *path = xasprintf("%s/%s", d->path, name);

	if (!xs_write(d->xs, XBT_NULL, path, value, (unsigned int)strlen(value)))
		die("cannot write %s: %s", path, strerror(errno));
	free(path);
}

static void take_lock(void)
{
	int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX))
		die("cannot lock %s: %s", LOCK_FILE, strerror(errno));
}

/* --- is it in use? --- */

/* Where sysfs has a block device: the path of a partition begins with that of its disk. */
static char *sysfs_path(dev_t dev)
{
	char link[64];

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	return realpath(link, NULL);
}

static bool overlap(dev_t a, dev_t b)
{
	char *pa = sysfs_path(a), *pb = sysfs_path(b);
	size_t na = pa ? strlen(pa) : 0, nb = pb ? strlen(pb) : 0, n = na < nb ? na : nb;
	bool yes = a == b || (n && !strncmp(pa, pb, n) && (na == nb || (na < nb ? pb : pa)[n] == '/'));

	free(pa);
	free(pb);
	return yes;
}

/* Another back end on the same device, unless both only read. */
static void check_one_vbd(const struct disk *d, dev_t dev, const char *domid, const char *devid)
{
	char *path = xasprintf(VBDS "/%s/%s", domid, devid);
	char *mode = xs_readf(d->xs, XBT_NULL, "%s/mode", path);
	char *phys = xs_readf(d->xs, XBT_NULL, "%s/physical-device", path);
	unsigned int maj, min;

	if (strcmp(path, d->path) && mode && phys && sscanf(phys, "%x:%x", &maj, &min) == 2 &&
	    (d->writable || *mode == 'w') && overlap(dev, makedev(maj, min)))
		die("%s is in use by domain %s as its device %s, which %s", d->params, domid, devid,
		    *mode == 'w' ? "may write to it; access=w! in both shares it" : "reads it; access=w! shares it");
	free(mode);
	free(phys);
	free(path);
}

static void check_vbds(const struct disk *d, dev_t dev)
{
	unsigned int n = 0, m;
	char **domids = xs_directory(d->xs, XBT_NULL, VBDS, &n), **devids, *path;

	for (unsigned int i = 0; domids && i < n; i++) {
		path = xasprintf(VBDS "/%s", domids[i]);
		devids = xs_directory(d->xs, XBT_NULL, path, &m);
		for (unsigned int j = 0; devids && j < m; j++)
			check_one_vbd(d, dev, domids[i], devids[j]);
		free(devids);
		free(path);
	}
	free(domids);
}

/* For a guest that only reads: is it mounted for writing? */
static void check_mounts(const struct disk *d, dev_t dev)
{
	FILE *f = fopen("/proc/self/mountinfo", "r");
	unsigned int maj, min;
	char line[4096], where[256], *sep;

	while (f && fgets(line, sizeof(line), f)) {
		sep = strstr(line, " - ");
		if (!sep || sscanf(line, "%*u %*u %u:%u %*s %255s", &maj, &min, where) != 3)
			continue;
		/* behind the separator: type, source, options of the file system */
		if (sscanf(sep, " - %*s %*s %3s", line) == 1 && !strncmp(line, "rw", 2) &&
		    overlap(dev, makedev(maj, min)))
			die("%s is mounted in dom0 on %s, for writing: unmount it first", d->params, where);
	}
	if (f)
		fclose(f);
}

static void check_device(const struct disk *d, dev_t dev)
{
	int fd = open(d->params, (d->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK), readonly = 0;

	if (fd < 0)
		die("cannot open %s%s: %s", d->params, d->writable ? " for writing" : "", strerror(errno));
	if (d->writable && !ioctl(fd, BLKROGET, &readonly) && readonly)
		die("%s is read-only: use access=ro", d->params);
	close(fd);
	if (d->shared)
		return;
	/* Who mounts, swaps to or builds upon a device claims it; so does this open for a moment. */
	fd = d->writable ? open(d->params, O_RDWR | O_EXCL | O_CLOEXEC | O_NONBLOCK) : -1;
	if (d->writable && fd < 0)
		die("%s is in use in dom0 (mounted, swap, or part of another device): %s", d->params, strerror(errno));
	if (fd >= 0)
		close(fd);
	else
		check_mounts(d, dev);
	check_vbds(d, dev);
}

/* --- add --- */

static void set_device(const struct disk *d, dev_t dev, const char *name)
{
	char text[32];

	snprintf(text, sizeof(text), "%x:%x", major(dev), minor(dev));
	write_node(d, "node", name);
	write_node(d, "physical-device", text);
}

static void add_file(const struct disk *d, const struct stat *st)
{
	int fd = open(d->params, (d->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC), n;
	struct stat loop;
	char name[32];

	if (fd < 0)
		die("cannot open %s%s: %s", d->params, d->writable ? " for writing" : "", strerror(errno));
	if (st->st_size < 512)
		die("%s has %lld bytes: too small for a disk", d->params, (long long)st->st_size);
	n = d->shared ? -1 : loop_conflict(st->st_dev, st->st_ino, d->writable);
	if (n >= 0)
		die("%s is in use as /dev/loop%d, and one of both may write; access=w! in both shares it", d->params, n);
	n = loop_make(fd, d->label);
	if (n < 0)
		die("cannot make a loop device of %s: %s", d->params, strerror(-n));
	snprintf(name, sizeof(name), "/dev/loop%d", n);
	if (stat(name, &loop))
		die("%s: %s", name, strerror(errno));
	set_device(d, loop.st_rdev, name);
}

static void add(struct disk *d)
{
	struct stat st;

	d->params = node(d, "params");
	d->mode = node(d, "mode");
	d->writable = strchr(d->mode, 'w');
	/* A domain that migrates to here has its disks open at its source too. */
	d->shared = strchr(d->mode, '!') || getenv("INCOMING");
	take_lock();
	if (stat(d->params, &st))
		die("%s: %s", d->params, strerror(errno));
	if (S_ISREG(st.st_mode)) {
		add_file(d, &st);
	} else if (S_ISBLK(st.st_mode)) {
		check_device(d, st.st_rdev);
		set_device(d, st.st_rdev, d->params);
	} else {
		die("%s is neither a file nor a block device", d->params);
	}
}

int main(int argc, char **argv)
{
	struct disk d = { 0 };
	const char *verb = argc > 1 ? argv[1] : "", *uuid = from_env("DOMAIN_UUID");

	if (!strcmp(verb, "sweep")) {
		snprintf(d.label, sizeof(d.label), "xen-lite %s ", uuid);
		loop_free(d.label, true);
		return 0;
	}
	d.path = from_env("XENBUS_PATH");
	snprintf(d.label, sizeof(d.label), "xen-lite %s %s", uuid, strrchr(d.path, '/') ? strrchr(d.path, '/') + 1 : "");
	d.xs = xs_open(0);
	if (!d.xs)
		die("no access to xenstore: %s", strerror(errno));
	if (!strcmp(verb, "add"))
		add(&d);
	else if (!strcmp(verb, "remove"))
		loop_free(d.label, false);
	else if (!strcmp(verb, "resize"))
		loop_resize(d.label);
	else
		die("usage: block add|remove|resize|sweep, not '%s'", verb);
	xs_close(d.xs);
	free(d.params);
	free(d.mode);
	return 0;
}
