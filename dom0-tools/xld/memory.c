/* SPDX-License-Identifier: MIT */
/*
 * Memory of domains: what a guest is asked to have (its target, which its balloon driver follows), what the hypervisor
 * lets it have, and the claim that keeps memory for a domain while it is built.
 *
 * The limit of a guest follows its target, so a guest that does not listen cannot take what was given to others. It
 * never goes above memory/static-max, which its kernel has prepared for at its start. The limit of dom0 is only changed
 * by mem-max: dom0 is trusted, and what it was started with is its static-max.
 */
#include <errno.h>

#include "xld.h"

#define MEM_SET "set the memory of domain"
#define MEM_MAX "limit the memory of domain"
#define LIMIT_SLACK_KIB 1024		/* a guest may have that much more than its target, for a moment */
#define DOM0_LEAST_KIB (128U << 10)
#define DOM0_SPARE_KIB (32U << 10)	/* to stay free in dom0 */

/* --- what is known --- */

/* A number of KiB below /local/domain/N/memory; 0 if it is not there. */
static uint64_t store_kib(struct xld *x, uint32_t domid, const char *name)
{
	char *s = x->xs ? xs_readf(x->xs, XBT_NULL, "/local/domain/%u/memory/%s", domid, name) : NULL;
	uint64_t kib = s ? strtoull(s, NULL, 10) : 0;

	free(s);
	return kib;
}

static uint64_t static_max(struct xld *x, const struct dom *d, const struct xenctl_dominfo *info)
{
	uint64_t kib = d->ours ? d->cfg.maxmem * 1024 : store_kib(x, d->domid, "static-max");

	return kib ? kib : info->max_pages * 4;
}

/* What dom0 can be reduced to: what its programs and its kernel use stays, with something to spare. */
static uint64_t dom0_least(uint64_t now_kib)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long available = 0;
	uint64_t least = DOM0_LEAST_KIB;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu", &available) == 1)
			break;
	if (f)
		fclose(f);
	if (available > now_kib)
		available = now_kib;
	if (now_kib - available + DOM0_SPARE_KIB > least)
		least = now_kib - available + DOM0_SPARE_KIB;
	return least < now_kib ? least : now_kib;
}

/* --- mem-set --- */

static bool may_set(struct xld *x, const xld_memory *a, const struct dom *d, const struct xenctl_dominfo *info,
		    xld_error *err)
{
	uint64_t max = static_max(x, d, info), now = info->tot_pages * 4, least;

	if (!a->kib)
		return xld_fail(err, XLD_E_INVALID, MEM_SET, d->name, "", "it cannot do without memory");
	if (a->kib > max)
		return xld_fail(err, XLD_E_INVALID, MEM_SET, d->name, d->domid ?
				"maxmem in the configuration says how far it can grow" : "start the host with a "
				"larger dom0_mem=", "%llu KiB are more than it can have (%llu KiB)",
				(unsigned long long)a->kib, (unsigned long long)max);
	if (!d->domid && a->kib > info->max_pages * 4)
		return xld_fail(err, XLD_E_INVALID, MEM_SET, d->name, "raise its limit with `xl mem-max` first",
				"%llu KiB are above its limit (%llu KiB)", (unsigned long long)a->kib,
				(unsigned long long)info->max_pages * 4);
	least = d->domid || a->flags & XLD_MEM_FORCE || a->kib >= now ? 0 : dom0_least(now);
	if (a->kib < least)
		return xld_fail(err, XLD_E_DENIED, MEM_SET, d->name,
				"end programs in dom0, or use `xl mem-set -f` if you know that it can do with less",
				"dom0 needs %llu MiB (what it uses and %u MiB to spare, and %u MiB in any case)",
				(unsigned long long)(least + 1023) / 1024, DOM0_SPARE_KIB / 1024,
				DOM0_LEAST_KIB / 1024);
	if (info->shutdown)
		return xld_fail(err, XLD_E_BUSY, MEM_SET, d->name, "", "it has stopped (%s)",
				life_reason_name(info->shutdown_reason));
	return call_store(x, MEM_SET, d, err);
}

/* The limit first: when that or the store fails, all is as it was. */
static bool set_target(struct xld *x, const struct dom *d, uint64_t kib, uint64_t old_limit, xld_error *err)
{
	int rc = d->domid ? xenctl_domain_max_mem(x->xc, d->domid, kib + LIMIT_SLACK_KIB) : 0;

	if (rc)
		return hypervisor_refused(err, MEM_SET, d->name, rc);
	if (store_set_memory(x->xs, d->domid, kib))
		return true;
	xld_fail(err, XLD_E_STORE, MEM_SET, d->name, "`xl doctor` says whether xenstored is well",
		 "cannot write its nodes in xenstore: %s", strerror(errno));
	if (d->domid)
		xenctl_domain_max_mem(x->xc, d->domid, old_limit);
	return false;
}

bool call_mem_set(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		  bool *later)
{
	xld_memory *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_domain(x, a->name, MEM_SET, err, &info);

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d || !may_set(x, a, d, &info, err) || !set_target(x, d, a->kib, info.max_pages * 4, err))
		return false;
	if (d->ours) {
		d->cfg.memory = (a->kib + 1023) / 1024;
		state_save(x, d);
	}
	return true;
}

/* --- mem-max --- */

bool call_mem_max(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		  bool *later)
{
	xld_memory *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_domain(x, a->name, MEM_MAX, err, &info);
	uint64_t target;
	int rc;

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d)
		return false;
	target = store_kib(x, d->domid, "target");
	if (!a->kib || a->kib < target)
		return xld_fail(err, XLD_E_INVALID, MEM_MAX, d->name, "lower that with `xl mem-set` first",
				"%llu KiB are less than what it is to have now (%llu KiB)",
				(unsigned long long)a->kib, (unsigned long long)target);
	if (a->kib > UINT64_MAX / 2)
		return xld_fail(err, XLD_E_INVALID, MEM_MAX, d->name, "", "no machine has that much");
	rc = xenctl_domain_max_mem(x->xc, d->domid, a->kib + (d->domid ? LIMIT_SLACK_KIB : 0));
	return !rc || hypervisor_refused(err, MEM_MAX, d->name, rc);
}

bool memory_init_dom0(struct xld *x)
{
	uint64_t target = store_kib(x, 0, "target");
	struct xenctl_dominfo info;

	if (target)
		return true;
	if (xenctl_domain_info(x->xc, 0, &info)) {
		errno = EIO;
		return false;
	}
	return xs_writef(x->xs, XBT_NULL, "/local/domain/0/memory/static-max", "%llu",
			 (unsigned long long)info.max_pages * 4) &&
	       store_set_memory(x->xs, 0, info.tot_pages * 4);
}

/* --- while a domain is built --- */

int memory_claim(struct xenctl *xc, uint32_t domid, uint64_t pages)
{
	int rc = xenctl_domain_max_mem(xc, domid, pages * 4 + LIMIT_SLACK_KIB);

	if (!rc)
		rc = xenctl_claim_pages(xc, domid, pages);
	return rc;
}
