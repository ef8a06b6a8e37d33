/* SPDX-License-Identifier: MIT */
/*
 * Worker: remove a domain and all that belongs to it, in whatever state a create, a crash or an earlier destroy has
 * left it.
 *
 * Each part is removed if it is there, so doing it twice does no harm. The hypervisor's part goes first: from then on
 * the guest cannot act. The end is only reported when the domain has left the hypervisor's list, so that its memory
 * is free again for the next one. Without xenstored the domain is ended all the same; the error says that its nodes
 * remain, and xld tries again when xenstored is back.
 */
#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include "device.h"
#include "public/io/console.h"

#define WHAT "destroy domain"
#define GONE_WAIT_MS 20000
#define RELEASE_AFTER_MS 1000
#define POLL_MS 5
#define LAST_WORDS_MS 1000

static bool all_zero(const uint8_t uuid[16])
{
	static const uint8_t zero[16];

	return !memcmp(uuid, zero, 16);
}

/* The domain to destroy: DOMID_NONE when the hypervisor has none. */
static int find_domain(struct xenctl *xc, const struct dom *d, uint32_t *domid)
{
	struct xenctl_dominfo info;
	int rc;

	*domid = DOMID_NONE;
	if (d->domid != DOMID_NONE) {
		rc = xenctl_domain_info(xc, d->domid, &info);
		if (rc && rc != -ESRCH)
			return rc;
		if (!rc && !memcmp(info.handle, d->uuid, 16)) {
			*domid = d->domid;
			return 0;
		}
	}
	rc = all_zero(d->uuid) ? -ESRCH : domid_by_uuid(xc, d->uuid, domid);
	return rc == -ESRCH ? 0 : rc;
}

/*
 * A destroyed domain stays in the list until nobody maps its pages any more. xenstored and xenconsoled let go when they
 * hear of it; if xenstored seems not to have heard, tell it.
 */
static bool wait_gone(struct xenctl *xc, struct xs_handle *xs, uint32_t domid, const uint8_t uuid[16])
{
	struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };

	for (int ms = 0; ms < GONE_WAIT_MS; ms += POLL_MS) {
		if (!domain_there(xc, domid, uuid, NULL))
			return true;
		if (ms == RELEASE_AFTER_MS && xs)
			xs_release_domain(xs, domid);
		nanosleep(&pause, NULL);
	}
	return false;
}

static bool remove_from_hypervisor(struct xenctl *xc, const struct dom *d, uint32_t domid, xld_error *err)
{
	int rc = xenctl_domain_destroy(xc, domid);

	if (!rc || rc == -ESRCH)
		return true;
	return hypervisor_refused(err, WHAT, d->name, rc);
}

/*
 * Back ends map the guest's pages, so they go first. Those of a domain id that belongs to another domain now are left
 * alone.
 */
static bool remove_devices(struct xs_handle *xs, const struct dom *d, uint32_t domid, int fd, xld_error *err)
{
	struct devwork w = { .what = WHAT, .object = d->name, .uuid = d->uuid, .tag = d->tag, .domid = domid, .xs = xs, .fd = fd,
			     .err = err };

	if (!xs || domid == DOMID_NONE || !store_belongs(xs, XBT_NULL, domid, d->uuid))
		return true;
	return devices_remove_all(&w, &d->cfg);
}

static bool remove_from_store(struct xs_handle *xs, const struct dom *d, uint32_t domid, xld_error *err)
{
	if (xs && store_remove(xs, domid, d->uuid))
		return true;
	xld_fail(err, XLD_E_STORE, WHAT, d->name, "start xenstored if it is not running; `xl destroy` can be repeated",
		 "cannot remove its nodes from xenstore: %s", xs ? strerror(errno) : "no connection to xenstored");
	return false;
}

/*
 * Of a domain that has stopped by itself, the last that it wrote may say why: let xenconsoled take it. A ring with
 * nonsense in it is not waited for, nor is a daemon that does not run.
 */
static void await_last_words(struct xenctl *xc, struct xs_handle *xs, uint32_t domid)
{
	char *ref = xs ? xs_readf(xs, XBT_NULL, "/local/domain/%u/console/ring-ref", domid) : NULL;
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	const volatile struct xencons_interface *ring;
	struct xenctl_dominfo info;
	void *page;

	if (ref && !xenctl_domain_info(xc, domid, &info) && info.shutdown &&
	    !xenctl_map_foreign_page(xc, domid, PROT_READ, strtoull(ref, NULL, 10), &page)) {
		ring = page;
		for (int ms = 0; ms < LAST_WORDS_MS && ring->out_prod != ring->out_cons &&
		     ring->out_prod - ring->out_cons <= sizeof(ring->out); ms += POLL_MS)
			nanosleep(&pause, NULL);
		xenctl_unmap(page, 1);
	}
	free(ref);
}

static bool destroy_with(struct xenctl *xc, struct xs_handle *xs, const struct dom *d, int fd, xld_error *err)
{
	uint32_t domid, was;
	int rc = find_domain(xc, d, &domid);

	if (rc)
		return hypervisor_refused(err, WHAT, d->name, rc);
	worker_progress(fd, "%s: destroy", d->name);
	if (domid != DOMID_NONE)
		await_last_words(xc, xs, domid);
	if (domid != DOMID_NONE && !remove_from_hypervisor(xc, d, domid, err))
		return false;
	was = domid != DOMID_NONE ? domid : d->domid;
	/* A create and then its destroy were killed, the second when the hypervisor had forgotten the domain. */
	if (was == DOMID_NONE && xs)
		was = store_domid(xs, d->uuid);
	if (!remove_devices(xs, d, was, fd, err) || !remove_from_store(xs, d, was, err))
		return false;
	if (domid == DOMID_NONE || wait_gone(xc, xs, domid, d->uuid))
		return true;
	xld_fail(err, XLD_E_TIMEOUT, WHAT, d->name,
		 "some process of dom0 still maps its memory; `xl destroy` can be repeated",
		 "domain %u is still dying after %d s", domid, GONE_WAIT_MS / 1000);
	return false;
}

bool destroy_run(const struct dom *d, int fd, xld_error *err)
{
	struct xs_handle *xs = xs_open(0);
	struct xenctl *xc = NULL;
	int rc = xenctl_open(&xc);
	bool ok = false;

	if (rc)
		xld_fail(err, XLD_E_HYPERVISOR, WHAT, d->name, "xld must run in dom0",
			 "no access to the hypervisor: %s", strerror(-rc));
	last_words_begin(xc);
	if (xc)
		ok = destroy_with(xc, xs, d, fd, err);
	xs_close(xs);
	xenctl_close(xc);
	return ok;
}
