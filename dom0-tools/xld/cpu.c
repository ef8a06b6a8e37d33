/* SPDX-License-Identifier: MIT */
/*
 * vCPUs of domains: where they may run, how many are online, and their share of the CPUs.
 *
 * The hypervisor keeps affinity, weight and cap, so they are read from there and nowhere else. How many vCPUs are
 * online is up to the guest: xld writes cpu/N/availability and the guest's kernel follows. What is changed here is
 * also changed in the configuration of a domain of ours, so that it is the same after a reboot of the guest.
 */
#include <errno.h>

#include "xld.h"

#define PIN "pin vCPUs of domain"
#define SET_VCPUS "set the vCPUs of domain"
#define WEIGHT_MAX 65535
#define TSLICE_MAX_MS 1000

static bool invalid(xld_error *err, const char *what, const char *object, const char *advice, const char *why)
{
	return xld_fail(err, XLD_E_INVALID, what, object, advice, "%s", why);
}

/* --- looking --- */

static int fill_vcpu(struct xld *x, uint32_t domid, uint32_t vcpu, size_t bytes, xld_vcpu *o)
{
	struct xenctl_vcpuinfo info;
	int rc = xenctl_vcpu_info(x->xc, domid, vcpu, &info);

	if (rc)
		return rc;
	o->online = info.online;
	o->running = info.running;
	o->blocked = info.blocked;
	o->cpu = info.cpu;
	o->cpu_time_ns = info.cpu_time;
	o->hard.hard_val = xcalloc(bytes, 1);
	o->soft.soft_val = xcalloc(bytes, 1);
	o->hard.hard_len = o->soft.soft_len = (u_int)bytes;
	return xenctl_vcpu_getaffinity(x->xc, domid, vcpu, (uint8_t *)o->hard.hard_val, (uint8_t *)o->soft.soft_val,
				       bytes);
}

bool call_vcpu_list(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		    bool *later)
{
	xld_domain *a = args;
	const char *what = "look at the vCPUs of";
	xld_vcpu_list *r = ret;
	struct xenctl_dominfo info;
	struct dom *d = call_domain(x, a->name, what, err, &info);
	struct xenctl_physinfo host;
	size_t bytes;
	int rc;

	(void)c, (void)serial, (void)later;
	if (!d)
		return false;
	rc = xenctl_physinfo(x->xc, &host);
	if (rc)
		return hypervisor_refused(err, what, d->name, rc);
	r->domid = d->domid;
	r->name = xstrdup(d->name);
	r->nr_cpus = host.max_cpu_id + 1;
	bytes = (r->nr_cpus + 7) / 8 < XLD_CPUMAP_MAX ? (r->nr_cpus + 7) / 8 : XLD_CPUMAP_MAX;
	r->vcpus.vcpus_val = xcalloc(XLD_VCPUS_MAX, sizeof(xld_vcpu));
	for (uint32_t v = 0; v <= info.max_vcpu_id && v < XLD_VCPUS_MAX; v++) {
		r->vcpus.vcpus_len++;
		rc = fill_vcpu(x, d->domid, v, bytes, &r->vcpus.vcpus_val[v]);
		if (rc)
			return hypervisor_refused(err, what, d->name, rc);
	}
	return true;
}

/* --- affinity --- */

/* Words to a set that this host can honour. Empty words: *set is false. */
static bool cpus_from(const char *words, unsigned int nr_cpus, struct cpulist *l, bool *set, char why[CPULIST_WHY])
{
	*set = words && *words;
	return !*set || (cpulist_parse(l, words, why) && cpulist_fit(l, nr_cpus, why));
}

bool cpus_possible(const struct domcfg *cfg, unsigned int nr_cpus, char why[CPULIST_WHY])
{
	struct cpulist l;
	bool set;

	for (uint64_t v = 0; v < cfg->maxvcpus; v++)
		if (!cpus_from(domcfg_cpus_of(&cfg->cpus, v), nr_cpus, &l, &set, why) ||
		    !cpus_from(domcfg_cpus_of(&cfg->cpus_soft, v), nr_cpus, &l, &set, why))
			return false;
	return true;
}

void cpus_unthrottle(struct xenctl *xc, uint32_t domid, const struct domcfg *cfg)
{
	xenctl_sched_credit_set(xc, domid, 0, (uint16_t)cfg->cap);
}

int cpus_place(struct xenctl *xc, uint32_t domid, const struct domcfg *cfg, unsigned int nr_cpus)
{
	struct cpulist hard, soft;
	bool has_hard, has_soft;
	char why[CPULIST_WHY];
	int rc = 0;

	for (uint32_t v = 0; v < cfg->maxvcpus && !rc; v++) {
		if (!cpus_from(domcfg_cpus_of(&cfg->cpus, v), nr_cpus, &hard, &has_hard, why) ||
		    !cpus_from(domcfg_cpus_of(&cfg->cpus_soft, v), nr_cpus, &soft, &has_soft, why))
			return -EINVAL;
		if (has_hard || has_soft)
			rc = xenctl_vcpu_setaffinity(xc, domid, v, has_hard ? hard.map : NULL,
						     has_soft ? soft.map : NULL, CPULIST_BYTES, false);
	}
	if (!rc && (cfg->cpu_weight || cfg->cap))
		rc = xenctl_sched_credit_set(xc, domid, (uint16_t)cfg->cpu_weight, (uint16_t)cfg->cap);
	return rc;
}

struct pinning {
	struct cpulist hard, soft;
	bool has_hard, has_soft;
	uint32_t first, last;		/* vCPUs */
};

static bool read_pinning(struct xld *x, const xld_vcpu_pin *a, const struct dom *d, uint32_t max_vcpu_id,
			 struct pinning *p, xld_error *err)
{
	struct xenctl_physinfo host;
	char why[CPULIST_WHY];
	int rc = xenctl_physinfo(x->xc, &host);

	if (rc)
		return hypervisor_refused(err, PIN, d->name, rc);
	if (a->vcpu != XLD_VCPU_ALL && a->vcpu > max_vcpu_id)
		return xld_fail(err, XLD_E_INVALID, PIN, d->name, "`xl vcpu-list` shows all vCPUs",
				"vCPU %u does not exist: the domain has %u", a->vcpu, max_vcpu_id + 1);
	if (!cpus_from(a->hard, host.max_cpu_id + 1, &p->hard, &p->has_hard, why) ||
	    !cpus_from(a->soft, host.max_cpu_id + 1, &p->soft, &p->has_soft, why))
		return invalid(err, PIN, d->name, "name CPUs as in \"0-3,^2\" or \"all\"", why);
	if (!p->has_hard && !p->has_soft)
		return invalid(err, PIN, d->name, "", "neither hard nor soft affinity is given");
	p->first = a->vcpu == XLD_VCPU_ALL ? 0 : a->vcpu;
	p->last = a->vcpu == XLD_VCPU_ALL ? max_vcpu_id : a->vcpu;
	return true;
}

bool call_vcpu_pin(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		   bool *later)
{
	xld_vcpu_pin *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_domain(x, a->name, PIN, err, &info);
	struct pinning p;
	int rc;

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d || !read_pinning(x, a, d, info.max_vcpu_id, &p, err))
		return false;
	for (uint32_t v = p.first; v <= p.last; v++) {
		rc = xenctl_vcpu_setaffinity(x->xc, d->domid, v, p.has_hard ? p.hard.map : NULL,
					     p.has_soft ? p.soft.map : NULL, CPULIST_BYTES, a->flags & XLD_PIN_FORCE);
		if (rc)
			return hypervisor_refused(err, PIN, d->name, rc);
		if (d->ours && p.has_hard)
			domcfg_cpus_set(&d->cfg.cpus, d->cfg.maxvcpus, v, a->hard);
		if (d->ours && p.has_soft)
			domcfg_cpus_set(&d->cfg.cpus_soft, d->cfg.maxvcpus, v, a->soft);
	}
	if (d->ours)
		state_save(x, d);
	return true;
}

/* --- how many are online --- */

static bool may_set_vcpus(struct xld *x, const xld_vcpu_set *a, const struct dom *d, const struct xenctl_dominfo *info,
			  xld_error *err)
{
	struct xenctl_physinfo host;
	int rc = xenctl_physinfo(x->xc, &host);

	if (rc)
		return hypervisor_refused(err, SET_VCPUS, d->name, rc);
	if (!a->vcpus || a->vcpus > info->max_vcpu_id + 1)
		return xld_fail(err, XLD_E_INVALID, SET_VCPUS, d->name,
				"maxvcpus in the configuration says how many there may be",
				"%u vCPUs are not possible: the domain has 1 to %u", a->vcpus, info->max_vcpu_id + 1);
	if (a->vcpus > host.nr_cpus && a->vcpus > info->nr_online_vcpus && !(a->flags & XLD_VCPU_OVERCOMMIT))
		return xld_fail(err, XLD_E_INVALID, SET_VCPUS, d->name, "`xl vcpu-set -i` does it all the same",
				"%u vCPUs are more than the host has CPUs (%u)", a->vcpus, host.nr_cpus);
	if (info->shutdown)
		return xld_fail(err, XLD_E_BUSY, SET_VCPUS, d->name, "", "it has stopped (%s)",
				life_reason_name(info->shutdown_reason));
	return call_store(x, SET_VCPUS, d, err);
}

bool call_vcpu_set(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		   bool *later)
{
	xld_vcpu_set *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_domain(x, a->name, SET_VCPUS, err, &info);

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d || !may_set_vcpus(x, a, d, &info, err))
		return false;
	if (!store_set_vcpus(x->xs, d->domid, a->vcpus, info.max_vcpu_id + 1))
		return xld_fail(err, XLD_E_STORE, SET_VCPUS, d->name, "`xl doctor` says whether xenstored is well",
				"cannot write its nodes in xenstore: %s", strerror(errno));
	if (d->ours) {
		d->cfg.vcpus = a->vcpus;
		state_save(x, d);
	}
	return true;
}

/* --- the scheduler --- */

static bool set_sched(struct xld *x, const xld_sched_domain *a, struct dom *d, const struct xenctl_dominfo *info,
		      xld_error *err)
{
	const char *what = "schedule domain";
	unsigned int vcpus = info->max_vcpu_id + 1;
	bool weight = a->set & XLD_SCHED_WEIGHT, cap = a->set & XLD_SCHED_CAP;
	int rc;

	if (weight && (!a->weight || a->weight > WEIGHT_MAX))
		return xld_fail(err, XLD_E_INVALID, what, d->name, "", "weight %u: it may be 1 to %d", a->weight,
				WEIGHT_MAX);
	if (cap && a->cap > vcpus * 100)
		return xld_fail(err, XLD_E_INVALID, what, d->name, "0 is for no cap",
				"cap %u: %u vCPUs can use %u percent of a CPU at most", a->cap, vcpus, vcpus * 100);
	rc = xenctl_sched_credit_set(x->xc, d->domid, weight ? (uint16_t)a->weight : 0,
				     cap ? (uint16_t)a->cap : UINT16_MAX);
	if (rc)
		return hypervisor_refused(err, what, d->name, rc);
	if (d->ours && weight)
		d->cfg.cpu_weight = a->weight;
	if (d->ours && cap)
		d->cfg.cap = a->cap;
	if (d->ours)
		state_save(x, d);
	return true;
}

bool call_sched_domain(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		       bool *later)
{
	xld_sched_domain *a = args, *r = ret;
	struct xenctl_dominfo info;
	struct dom *d = call_domain(x, a->name, "schedule domain", err, &info);
	uint16_t weight = 0, cap = 0;
	int rc;

	(void)c, (void)serial, (void)later;
	if (!d || (a->set && !set_sched(x, a, d, &info, err)))
		return false;
	rc = xenctl_sched_credit_get(x->xc, d->domid, &weight, &cap);
	if (rc)
		return hypervisor_refused(err, "schedule domain", d->name, rc);
	*r = (xld_sched_domain){ .name = xstrdup(d->name), .domid = d->domid, .weight = weight, .cap = cap };
	return true;
}

static bool set_host_sched(struct xld *x, const xld_sched_host *a, struct xenctl_sched_params *p, xld_error *err)
{
	int rc;

	if (a->set & XLD_SCHED_TSLICE)
		p->tslice_ms = a->tslice_ms;
	if (a->set & XLD_SCHED_RATELIMIT)
		p->ratelimit_us = a->ratelimit_us;
	if (a->set & XLD_SCHED_MIGRATION)
		p->migration_delay_us = a->migration_delay_us;
	if (!p->tslice_ms || p->tslice_ms > TSLICE_MAX_MS)
		return xld_fail(err, XLD_E_INVALID, "set up", "the scheduler", "",
				"a slice of %u ms: it may be 1 to %d", p->tslice_ms, TSLICE_MAX_MS);
	rc = xenctl_sched_params_set(x->xc, p);
	if (rc == -EINVAL)
		return invalid(err, "set up", "the scheduler",
			       "the rate limit may be 0 or 100 to 500000 us and no more than a slice, the migration delay 0",
			       "the hypervisor does not take these values");
	return !rc || hypervisor_refused(err, "set up", "the scheduler", rc);
}

bool call_sched_host(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		     bool *later)
{
	xld_sched_host *a = args, *r = ret;
	struct xenctl_sched_params p;
	int rc = xenctl_sched_params_get(x->xc, &p);

	(void)c, (void)serial, (void)later;
	if (rc)
		return hypervisor_refused(err, "look at", "the scheduler", rc);
	if (a->set && !set_host_sched(x, a, &p, err))
		return false;
	r->tslice_ms = p.tslice_ms;
	r->ratelimit_us = p.ratelimit_us;
	r->migration_delay_us = p.migration_delay_us;
	return true;
}
