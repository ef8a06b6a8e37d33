/* SPDX-License-Identifier: MIT */
/*
 * What disks and networks have in common: their directories in the store, the states of both ends, and the way out of
 * service.
 *
 * Invariant: as long as a back end's directory exists, all that belongs to the device can be found from it, so it is
 * written before anything else and removed after everything else.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "device.h"

#define POLL_MS 10

/* States of the xenbus interface; ST_UNKNOWN: the store could not be asked. */
enum { ST_UNKNOWN = -1, ST_NONE, ST_INITIALISING, ST_INIT_WAIT, ST_INITIALISED, ST_CONNECTED, ST_CLOSING, ST_CLOSED };

static const struct {
	const char *type, *module, *driver;
} kinds[NR_DEV_KINDS] = {
	[DEV_VBD] = { "vbd", "xen-blkback", "/sys/bus/xen-backend/drivers/vbd" },
	[DEV_VIF] = { "vif", "xen-netback", "/sys/bus/xen-backend/drivers/vif" },
};

const char *device_type(enum dev_kind kind)
{
	return kinds[kind].type;
}

const char *device_label(const struct device *d, char buf[32])
{
	snprintf(buf, 32, "%s %u", kinds[d->kind].type, d->devid);
	return buf;
}

char *device_back(const struct device *d, char buf[DEVICE_PATH_MAX])
{
	snprintf(buf, DEVICE_PATH_MAX, "/local/domain/0/backend/%s/%u/%u", kinds[d->kind].type, d->domid, d->devid);
	return buf;
}

char *device_front(const struct device *d, char buf[DEVICE_PATH_MAX])
{
	snprintf(buf, DEVICE_PATH_MAX, "/local/domain/%u/device/%s/%u", d->domid, kinds[d->kind].type, d->devid);
	return buf;
}

const char *device_state_name(int state)
{
	static const char *const names[] = {
		"absent", "Initialising", "InitWait", "Initialised", "Connected", "Closing", "Closed", "Reconfiguring",
		"Reconfigured",
	};

	if (state == ST_UNKNOWN)
		return "unknown";
	return state >= 0 && (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "nonsense";
}

/* --- nodes --- */

void devnodes_add(struct devnodes *n, const char *key, const char *fmt, ...)
{
	va_list ap;

	if (n->n == DEVICE_NODES_MAX)
		abort();
	va_start(ap, fmt);
	n->row[n->n].key = key;
	n->row[n->n++].value = xvasprintf(fmt, ap);
	va_end(ap);
}

void devnodes_free(struct devnodes *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->row[i].value);
	n->n = 0;
}

struct writing {
	const struct device *d;
	const struct devnodes *back, *front;
};

static bool write_dir(struct xs_handle *xs, xs_transaction_t t, const char *dir, const struct devnodes *nodes,
		      const struct xs_permissions perms[2])
{
	bool ok = xs_write(xs, t, dir, "", 0) && xs_set_permissions(xs, t, dir, perms, 2);

	for (size_t i = 0; ok && i < nodes->n; i++) {
		const char *value = nodes->row[i].value;
		char *path = xasprintf("%s/%s", dir, nodes->row[i].key);

		ok = xs_write(xs, t, path, value, (unsigned int)strlen(value)) &&
		     xs_set_permissions(xs, t, path, perms, 2);
		free(path);
	}
	return ok;
}

static bool write_both(struct xs_handle *xs, xs_transaction_t t, void *arg)
{
	const struct writing *wr = arg;
	uint32_t domid = wr->d->domid;
	struct xs_permissions back[2] = { { 0, XS_PERM_NONE }, { domid, XS_PERM_READ } };
	struct xs_permissions front[2] = { { domid, XS_PERM_NONE }, { 0, XS_PERM_READ } };
	char path[DEVICE_PATH_MAX], *there = xs_read(xs, t, device_back(wr->d, path), NULL);
	bool exists = there;

	free(there);
	if (exists) {
		errno = EEXIST;
		return false;
	}
	return write_dir(xs, t, path, wr->back, back) &&
	       write_dir(xs, t, device_front(wr->d, path), wr->front, front);
}

bool device_write(const struct devwork *w, const struct device *d, const struct devnodes *back,
		  const struct devnodes *front)
{
	struct writing wr = { d, back, front };
	char label[32];

	if (store_transaction(w->xs, write_both, &wr))
		return true;
	if (errno == EEXIST)
		return DEV_FAIL(w, XLD_E_EXISTS, "detach it first, or use another name or number",
				"the domain has a device %s", device_label(d, label));
	return DEV_FAIL(w, XLD_E_STORE, "start xenstored if it is not running", "cannot write the nodes of %s: %s",
			device_label(d, label), strerror(errno));
}

char *device_read(const struct devwork *w, const struct device *d, const char *key)
{
	char back[DEVICE_PATH_MAX];

	return xs_readf(w->xs, XBT_NULL, "%s/%s", device_back(d, back), key);
}

bool device_set(const struct devwork *w, const struct device *d, const char *key, const char *value)
{
	char back[DEVICE_PATH_MAX], *path = xasprintf("%s/%s", device_back(d, back), key);
	bool ok = xs_write(w->xs, XBT_NULL, path, value, (unsigned int)strlen(value));

	if (!ok)
		DEV_FAIL(w, XLD_E_STORE, "", "cannot write %s: %s", path, strerror(errno));
	free(path);
	return ok;
}

static int state_of(struct xs_handle *xs, const char *dir)
{
	char *s = xs_readf(xs, XBT_NULL, "%s/state", dir);
	int state = s ? atoi(s) : errno == ENOENT ? ST_NONE : ST_UNKNOWN;

	free(s);
	return state;
}

static int back_state(const struct devwork *w, const struct device *d)
{
	char path[DEVICE_PATH_MAX];

	return state_of(w->xs, device_back(d, path));
}

static int front_state(const struct devwork *w, const struct device *d)
{
	char path[DEVICE_PATH_MAX];

	return state_of(w->xs, device_front(d, path));
}

/* --- waiting --- */

/* Look again and again. Returns false when time is up. */
static bool wait_until(bool (*there)(const struct devwork *w, const struct device *d, const void *arg),
		       const struct devwork *w, const struct device *d, const void *arg, unsigned int seconds)
{
	struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	uint64_t end = ev_now_ms() + seconds * 1000ULL;

	while (!there(w, d, arg)) {
		if (ev_now_ms() >= end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static char *kernel_complaint(const struct devwork *w, const struct device *d)
{
	char *s = xs_readf(w->xs, XBT_NULL, "/local/domain/0/error/backend/%s/%u/%u/error", device_type(d->kind),
			   d->domid, d->devid);
	char name[32], *log, *text;

	snprintf(name, sizeof(name), "%s-%u-%u", device_type(d->kind), d->domid, d->devid);
	log = kernel_said(name);
	text = s && *s ? xasprintf("; the back end says: %s", s) : xstrdup(log);
	free(log);
	free(s);
	return text;
}

static bool is_ready(const struct devwork *w, const struct device *d, const void *arg)
{
	int state = back_state(w, d);

	return state >= ST_CLOSING || state == ST_NONE || (state >= ST_INIT_WAIT && !access(arg, F_OK));
}

bool device_wait_ready(const struct devwork *w, const struct device *d, const char *path)
{
	bool in_time = wait_until(is_ready, w, d, path, DEVICE_READY_S);
	int state = back_state(w, d);
	char label[32], *more;

	if (in_time && state >= ST_INIT_WAIT && state < ST_CLOSING)
		return true;
	more = kernel_complaint(w, d);
	if (in_time)
		DEV_FAIL(w, XLD_E_INTERNAL, "`xl explain` shows both its ends", "the back end of %s gave up (it is %s, the front end "
			 "%s)%s", device_label(d, label), device_state_name(state),
			 device_state_name(front_state(w, d)), more);
	else
		DEV_FAIL(w, XLD_E_TIMEOUT, "`xl explain` shows both its ends", "the back end of %s was not ready after %d s (it is %s, "
			 "the front end %s)%s", device_label(d, label), DEVICE_READY_S, device_state_name(state),
			 device_state_name(front_state(w, d)), more);
	free(more);
	return false;
}

bool device_driver(const struct devwork *w, enum dev_kind kind)
{
	char line[64];

	if (!access(kinds[kind].driver, F_OK))
		return true;
	snprintf(line, sizeof(line), "modprobe %s >/dev/null 2>&1", kinds[kind].module);
	if (!system(line) && !access(kinds[kind].driver, F_OK))
		return true;
	return DEV_FAIL(w, XLD_E_UNSUPPORTED, "install the module for the kernel that runs in dom0",
			"dom0's kernel has no back end for it: `modprobe %s` failed", kinds[kind].module);
}

/* --- the way out --- */

static bool store_refused(const struct devwork *w, const struct device *d)
{
	char label[32];

	return DEV_FAIL(w, XLD_E_STORE, "start xenstored if it is not running", "cannot change the nodes of %s: %s",
			device_label(d, label), strerror(errno));
}

static bool offline(struct xs_handle *xs, xs_transaction_t t, void *arg)
{
	char back[DEVICE_PATH_MAX], path[DEVICE_PATH_MAX + 8];
	int state;

	device_back(arg, back);
	state = state_of(xs, back);
	if (state == ST_NONE)
		return true;
	snprintf(path, sizeof(path), "%s/online", back);
	if (!xs_write(xs, t, path, "0", 1))
		return false;
	snprintf(path, sizeof(path), "%s/state", back);
	return state >= ST_CLOSING || xs_writef(xs, t, path, "%d", ST_CLOSING);
}

static bool is_closed(const struct devwork *w, const struct device *d, const void *arg)
{
	int state = back_state(w, d);

	(void)arg;
	return state == ST_CLOSED || state == ST_NONE;
}

/* What the kernel's back end waits for before it connects, and the script or what follows it writes, is there. */
static bool may_connect(const struct devwork *w, const struct device *d)
{
	char *there = device_read(w, d, d->kind == DEV_VBD ? "physical-device" : "hotplug-status");
	bool yes = there;

	free(there);
	return yes;
}

/*
 * Neither end is about to connect. A kernel's back end that is told to close just then goes on to Connected, and a
 * front end that has seen it closing comes to it a second time: Linux's blkfront stops at a BUG there, and with it all
 * that waits for the store. Nor is a guest about to take the device: Linux's netfront waits until it sees a back end.
 */
static bool is_settled(const struct devwork *w, const struct device *d, const void *arg)
{
	int front = front_state(w, d), back = back_state(w, d);

	(void)arg;
	return front < ST_INITIALISING || front > ST_CONNECTED || (back != ST_INIT_WAIT && back != ST_INITIALISED) ||
	       (front > ST_INITIALISING && !may_connect(w, d));
}

/* A front end that never took the device needs no asking. */
static bool guest_lets_go(const struct devwork *w, const struct device *d)
{
	int front = front_state(w, d);

	return front == ST_NONE || front == ST_INITIALISING || front == ST_CLOSED ||
	       wait_until(is_closed, w, d, NULL, DEVICE_RELEASE_S);
}

static bool not_released(const struct devwork *w, const struct device *d)
{
	char label[32];

	return DEV_FAIL(w, XLD_E_TIMEOUT, "repeat the command later, or take it away with --force",
			"the guest has not released %s after %d s (the front end is %s, the back end %s)",
			device_label(d, label), DEVICE_RELEASE_S, device_state_name(front_state(w, d)),
			device_state_name(back_state(w, d)));
}

/*
 * Ask the guest to let go, also when the device goes in any case: a back end whose front end vanishes forgets requests
 * that it has not taken yet. Linux's blkfront waits for them for ever, in the thread that waits for the store: a new
 * disk's partition table is read there.
 */
static bool ask_guest(const struct devwork *w, const struct device *d, bool force)
{
	struct device copy = *d;

	wait_until(is_settled, w, d, NULL, DEVICE_SETTLE_S);
	if (!store_transaction(w->xs, offline, &copy))
		return store_refused(w, d);
	return guest_lets_go(w, d) || force || not_released(w, d);
}

/* The device goes before its driver has let go: the interface of a network is still there then. */
static bool kernel_let_go(const struct devwork *w, const struct device *d, const void *arg)
{
	char path[128];

	(void)w, (void)arg;
	snprintf(path, sizeof(path), "/sys/bus/xen-backend/devices/%s-%u-%u", device_type(d->kind), d->domid, d->devid);
	if (!access(path, F_OK))
		return false;
	snprintf(path, sizeof(path), "/sys/class/net/vif%u.%u", d->domid, d->devid);
	return d->kind != DEV_VIF || access(path, F_OK);
}

/*
 * Without its front end the kernel's back end ends. Both in one transaction: in between, a back end could still connect
 * to a front end that has seen it closing.
 */
static bool cut_off(struct xs_handle *xs, xs_transaction_t t, void *arg)
{
	char path[DEVICE_PATH_MAX];

	return offline(xs, t, arg) && store_rm(xs, t, device_front(arg, path));
}

/* Remove a directory of dom0's, and those above it that are empty then. */
static bool prune(struct xs_handle *xs, xs_transaction_t t, char *path)
{
	size_t root = strlen("/local/domain/0");
	unsigned int n = 0;
	char **names;

	while (strlen(path) > root && !n) {
		if (!store_rm(xs, t, path))
			return false;
		*strrchr(path, '/') = 0;
		names = xs_directory(xs, t, path, &n);
		if (!names && errno != ENOENT)
			return false;
		free(names);
	}
	return true;
}

/* The back end's directory, and what the kernel has complained about. */
static bool remove_back(struct xs_handle *xs, xs_transaction_t t, void *arg)
{
	const struct device *d = arg;
	char path[DEVICE_PATH_MAX + 8];

	snprintf(path, sizeof(path), "/local/domain/0/error/backend/%s/%u/%u", device_type(d->kind), d->domid, d->devid);
	return prune(xs, t, path) && prune(xs, t, device_back(d, path));
}

void device_orphan(const struct devwork *w, const struct device *d)
{
	struct device copy = *d;

	store_transaction(w->xs, cut_off, &copy);
}

/* A disk whose server is gone waits for it, and its back end with it, until the script has taken the disk away. */
static bool waits_for_server(const struct devwork *w, const struct device *d)
{
	char *type = d->kind == DEV_VBD ? device_read(w, d, "type") : NULL;
	bool yes = type && !strcmp(type, "qdisk");

	free(type);
	if (yes)
		device_unplug(w, d);
	return yes && wait_until(kernel_let_go, w, d, NULL, DEVICE_GONE_S);
}

bool device_remove(const struct devwork *w, const struct device *d, enum device_way way)
{
	struct device copy = *d;
	char label[32];

	worker_progress(w->fd, "%s: take away %s", w->object, device_label(d, label));
	if (way != DEVICE_ORPHAN && !ask_guest(w, d, way == DEVICE_FORCE))
		return false;
	if (!store_transaction(w->xs, cut_off, &copy))
		return store_refused(w, d);
	if (!wait_until(kernel_let_go, w, d, NULL, DEVICE_GONE_S) && !waits_for_server(w, d))
		return DEV_FAIL(w, XLD_E_TIMEOUT, "`xl explain` shows both its ends; the command can be repeated",
				"dom0's back end of %s has not ended after %d s (it is %s)", device_label(d, label),
				DEVICE_GONE_S, device_state_name(back_state(w, d)));
	device_unplug(w, d);
	return store_transaction(w->xs, remove_back, &copy) || store_refused(w, d);
}

uint32_t *device_list(struct xs_handle *xs, enum dev_kind kind, uint32_t domid, size_t *n)
{
	char path[DEVICE_PATH_MAX];
	unsigned int num = 0;
	char **names;
	uint32_t *ids;

	snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u", device_type(kind), domid);
	names = xs_directory(xs, XBT_NULL, path, &num);
	ids = xcalloc(num, sizeof(*ids));
	for (unsigned int i = 0; names && i < num; i++)
		ids[i] = (uint32_t)strtoul(names[i], NULL, 10);
	*n = names ? num : 0;
	free(names);
	return ids;
}
