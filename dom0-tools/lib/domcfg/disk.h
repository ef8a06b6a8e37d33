/* SPDX-License-Identifier: MIT */
/*
 * One virtual disk, as an entry of disk= describes it.
 *
 *	entry = [ target [ "," format [ "," vdev [ "," access ] ] ] ] { "," ( key=value | flag ) }
 *
 * The keys are target (takes the rest of the entry), format, vdev, access, devtype, backendtype, script, backend,
 * specification; the flags cdrom, discard, no-discard, direct-io-safe, readonly, trusted, untrusted. Old entries with
 * a prefix (`phy:/dev/x,xvda,w`) have no positional format.
 */
#ifndef LIB_DOMCFG_DISK_H
#define LIB_DOMCFG_DISK_H

#include <stdbool.h>
#include <stdint.h>

enum disk_format { DISK_RAW, DISK_QCOW, DISK_QCOW2, DISK_VHD, DISK_QED };
/* What serves it: the kernel's back end on a block device or a loop device, or on an NBD device fed by a program. */
enum disk_backend { DISK_AUTO, DISK_PHY, DISK_QDISK };

struct cfg_disk {
	char *target;			/* a path of dom0, or what the script makes of it; empty: a drive without a disc */
	unsigned int format;		/* enum disk_format */
	char *vdev;			/* "xvda" */
	uint32_t devid;			/* the same as a number */
	bool readonly;
	bool shared;			/* '!': several domains may write, do not check */
	bool cdrom;
	bool no_discard;
	bool direct_io_safe;
	bool untrusted;			/* the guest shows the back end nothing but the data */
	unsigned int backend;		/* enum disk_backend; never DISK_AUTO after disk_parse() */
	char *script;			/* NULL: block */
};

/* false: *why says why not (caller frees), and *disk is empty. */
bool disk_parse(struct cfg_disk *disk, const char *text, char **why);
void disk_free(struct cfg_disk *disk);
/* The one way in which we write an entry; disk_parse() of it gives the same disk. Caller frees. */
char *disk_format(const struct cfg_disk *disk);
/* The entry of the same CD-ROM drive without a disc; NULL if it is none. Caller frees. */
char *disk_empty(const char *text);
/* An entry with its path made absolute; text itself when it has none or is wrong. Caller frees. */
char *disk_absolute(const char *text, const char *cwd);
/* Choose what serves it, if that is left open. */
void disk_choose_backend(struct cfg_disk *disk);
const char *disk_format_name(unsigned int format);

/*
 * The number of a virtual device by its name: xvdN, hdN, sdN with or without a partition, dNpM, or a number. The
 * encoding is that of the vbd interface: 202 << 8 | disk << 4 | partition, 1 << 28 | disk << 8 | partition where that
 * does not fit, and the old numbers for hd and sd.
 */
bool vdev_parse(const char *name, uint32_t *devid);

#endif
