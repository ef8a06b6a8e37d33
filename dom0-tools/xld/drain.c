/* SPDX-License-Identifier: MIT */
/*
 * The disks of a guest that has stopped: is any request still under way in dom0's back ends?
 *
 * The guest asks again for all that was not answered when it goes on elsewhere. If an old request reached the disk
 * after that it would undo what came later, so a domain is given away only when the back ends have answered everything:
 * in each ring (its first page) as many answers are there as there were requests.
 *
 * Then each disk is flushed: whatever serves it has nothing left to write by itself, not even when it dies and somebody
 * does for it again what it had not written (block-keeper).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "move.h"

#define DRAIN_MS	10000
#define POLL_MS		2
#define QUEUES_MAX	16

/* The head of a ring page of a disk, as the block protocol has it. */
struct ring_head {
	uint32_t req_prod, req_event, rsp_prod, rsp_event;
};

static bool ring_drained(struct xenctl_gnttab *g, uint32_t domid, uint32_t ref, char why[128])
{
	struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	const volatile struct ring_head *ring;
	uint32_t left = 0;
	void *map;
	int rc = xenctl_gnttab_map(g, domid, &ref, 1, PROT_READ, &map);

	if (rc) {
		snprintf(why, 128, "its ring cannot be mapped: %s", strerror(-rc));
		return false;
	}
	ring = map;
	for (int ms = 0; ms < DRAIN_MS; ms += POLL_MS) {
		left = ring->req_prod - ring->rsp_prod;
		if (!left)
			break;
		nanosleep(&pause, NULL);
	}
	xenctl_gnttab_unmap(g, map, 1);
	snprintf(why, 128, "%u requests are still under way after %d s", left, DRAIN_MS / 1000);
	return !left;
}

static bool read_number(struct xs_handle *xs, const char *front, const char *key, uint32_t *n)
{
	char *v = xs_readf(xs, XBT_NULL, "%s/%s", front, key);
	bool ok = v && sscanf(v, "%u", n) == 1;

	free(v);
	return ok;
}

/* Not connected: then it has no ring and nothing under way. */
static bool disk_drained(struct xs_handle *xs, struct xenctl_gnttab *g, const struct device *d, char why[128])
{
	char front[DEVICE_PATH_MAX], key[32];
	uint32_t queues = 1, ref;
	bool many;

	device_front(d, front);
	many = read_number(xs, front, "multi-queue-num-queues", &queues);
	for (uint32_t q = 0; q < queues && q < QUEUES_MAX; q++) {
		snprintf(key, sizeof(key), many ? "queue-%u/ring-ref" : "ring-ref", q);
		if (!read_number(xs, front, key, &ref)) {
			strcat(key, "0");	/* a ring of several pages */
			if (!read_number(xs, front, key, &ref))
				continue;
		}
		if (!ring_drained(g, d->domid, ref, why))
			return false;
	}
	return true;
}

/* A script that is not ours may not tell which device it has made: then there is nothing to flush here. */
static bool disk_flushed(struct xs_handle *xs, const struct device *d, char why[128])
{
	char back[DEVICE_PATH_MAX], *node = xs_readf(xs, XBT_NULL, "%s/node", device_back(d, back));
	int fd = node && *node ? open(node, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	bool ok = fd < 0 || !fsync(fd);

	if (!ok)
		snprintf(why, 128, "%.60s cannot be flushed: %s", node, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(node);
	return ok;
}

bool disks_drained(struct xs_handle *xs, uint32_t domid, char why[128])
{
	struct device d = { .kind = DEV_VBD, .domid = domid };
	struct xenctl_gnttab *g;
	uint32_t *ids;
	bool ok = true;
	size_t n;
	int rc = xenctl_gnttab_open(&g);

	if (rc) {
		snprintf(why, 128, "no access to grants: %s", strerror(-rc));
		return false;
	}
	ids = device_list(xs, DEV_VBD, domid, &n);
	for (size_t i = 0; i < n && ok; i++) {
		d.devid = ids[i];
		ok = disk_drained(xs, g, &d, why) && disk_flushed(xs, &d, why);
	}
	free(ids);
	xenctl_gnttab_close(g);
	return ok;
}
