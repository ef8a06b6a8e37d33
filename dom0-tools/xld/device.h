/* SPDX-License-Identifier: MIT */
/*
 * Devices of domains: disks (vbd) and networks (vif), each a front end in the guest and a back end in dom0's kernel
 * that find each other through xenstore.
 *
 *	device.c	what all kinds have in common: nodes, states, waiting, taking away
 *	script.c	running hot-plug scripts
 *	vbd.c, vif.c	what one kind needs: its nodes and its way into service
 *	hotplug.c	workers: attach and detach while a domain runs, all devices at its beginning and end
 *	revive.c	back ends that died and are there again
 *	devcalls.c	the procedures of the protocol that are about devices
 *
 * But for devcalls.c all of this runs in workers. Nothing is undone where it fails: the caller takes away the whole
 * device (device_remove()) or the whole domain.
 */
#ifndef XLD_DEVICE_H
#define XLD_DEVICE_H

#include "xld.h"

#define DEVICE_READY_S 15		/* until a back end is ready */
#define DEVICE_SETTLE_S 3		/* until two ends that are about to connect have */
#define DEVICE_RELEASE_S 10		/* until a guest lets go of a device */
#define DEVICE_GONE_S 10		/* until dom0's kernel has let go of it */

/* What a worker has at hand when it works on devices of a domain. */
struct devwork {
	const char *what, *object;	/* for errors: "attach disk", the domain's name */
	const uint8_t *uuid, *tag;
	bool incoming;			/* its disks are still in use where it comes from */
	uint32_t domid;
	struct xs_handle *xs;
	int fd;				/* for progress */
	xld_error *err;
};

struct device {
	enum dev_kind kind;
	uint32_t domid, devid;
};

/* How a device goes. */
enum device_way {
	DEVICE_ASK,			/* the guest lets go of it in time, or keeps it */
	DEVICE_FORCE,			/* the guest is asked as well, and then the device goes in any case */
	DEVICE_ORPHAN,			/* there is nobody to ask */
};

#define DEVICE_PATH_MAX 64
#define DEVICE_NODES_MAX 32

/* Nodes below a device's directory, in the order in which they are written. */
struct devnodes {
	struct { const char *key; char *value; } row[DEVICE_NODES_MAX];
	size_t n;
};

/* Set the error of the work. Returns false. */
#define DEV_FAIL(w, code, advice, ...) xld_fail((w)->err, code, (w)->what, (w)->object, advice, __VA_ARGS__)

/* --- device.c --- */
const char *device_type(enum dev_kind kind);			/* "vbd" */
const char *device_label(const struct device *d, char buf[32]);	/* "vbd 51712" */
char *device_back(const struct device *d, char buf[DEVICE_PATH_MAX]);
char *device_front(const struct device *d, char buf[DEVICE_PATH_MAX]);

__attribute__((format(printf, 3, 4)))
void devnodes_add(struct devnodes *n, const char *key, const char *fmt, ...);
void devnodes_free(struct devnodes *n);

/* Both directories in one transaction. The guest owns the front end's and reads the back end's. */
bool device_write(const struct devwork *w, const struct device *d, const struct devnodes *back,
		  const struct devnodes *front);
/* A node of the back end; NULL if it is absent. Caller frees. */
char *device_read(const struct devwork *w, const struct device *d, const char *key);
bool device_set(const struct devwork *w, const struct device *d, const char *key, const char *value);

/* See that dom0's kernel has a back end of this kind: load its module. */
bool device_driver(const struct devwork *w, enum dev_kind kind);
/*
 * Wait until the back end has initialised itself and `path` (of sysfs) exists. On failure the error has the states of
 * both ends and what the back end itself complained about.
 */
bool device_wait_ready(const struct devwork *w, const struct device *d, const char *path);
/* Take a device away. What is absent is fine. */
bool device_remove(const struct devwork *w, const struct device *d, enum device_way way);
/* The first half of a removal without asking: tell dom0's kernel, do not wait. */
void device_orphan(const struct devwork *w, const struct device *d);
/* Ids of a domain's devices of one kind, as the store has them. Caller frees. */
uint32_t *device_list(struct xs_handle *xs, enum dev_kind kind, uint32_t domid, size_t *n);
const char *device_state_name(int state);

/* --- script.c --- */
/*
 * Run a hot-plug script for a device with one word of argument; extra (may be NULL) is one more environment variable
 * "NAME=value". A name without / is looked for in our directory, then in /etc/xen/scripts. false: *why has what the
 * script complained about (caller frees).
 */
bool script_run(const struct devwork *w, const struct device *d, const char *script, const char *verb,
		const char *extra, char **why);

/* --- vbd.c, vif.c --- */
bool vbd_attach(const struct devwork *w, const char *spec);
bool vif_attach(const struct devwork *w, const char *spec);
/* Run the script for the interface that the kernel has made, for the first time or anew. */
bool vif_connect(const struct devwork *w, const struct device *d);

/* --- revive.c --- */
/* The number of the interface that the kernel has made for a network; false: there is none. */
bool revive_ifindex(const struct device *d, char index[16]);

/* --- hotplug.c --- */
/* Run the script that takes a device out of service. Complaints are only logged: the device is gone already. */
void device_unplug(const struct devwork *w, const struct device *d);
bool devices_attach_all(const struct devwork *w, enum dev_kind kind, const struct domcfg_list *specs);
/* All devices of a domain that the hypervisor has no more, or that is not to run again. */
bool devices_remove_all(const struct devwork *w, const struct domcfg *cfg);

#endif
