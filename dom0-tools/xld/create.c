/* SPDX-License-Identifier: MIT */
/*
 * Worker: create a domain, as a list of steps. Each either succeeds or says in *err what failed, why and what to try.
 *
 * Nothing is undone here: the destroy job that follows each failure removes whatever the steps so far have made.
 * XLD_FAIL_STEP in the daemon's environment fails the create (n) or kills the worker (-n) behind step n, so that tests
 * can prove that for every step.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "build/build.h"
#include "domcfg/cpuid.h"
#include "device.h"
#include "move.h"
#include "public/domctl.h"
#include "public/lite.h"

#define MAX_EVTCHN_PORT 1023
/* What a domain costs beside its own memory: structures of the hypervisor, grant and shared-info frames. */
#define OVERHEAD_PAGES 256
#define OVERHEAD_PAGES_PER_VCPU 16

struct creation {
	const struct xld *x;
	const struct dom *d;
	const struct domcfg *cfg;
	int fd;				/* for progress */
	int peer;			/* of one that is received: its source */
	bool accepted;
	xld_error *err;
	struct xenctl *xc;
	struct xs_handle *xs;
	uint32_t domid;
	unsigned int nr_cpus;		/* of the host */
	uint32_t store_port, console_port;
	struct build_result built;
	struct restored restored;	/* of a saved domain, instead of built */
	bool settled;			/* of one that is received: its source knows that it is ours */
};

static const char *what(const struct creation *c)
{
	return c->d->offer ? "receive domain" : c->d->restore_path ? "restore domain" : "create domain";
}

#define FAIL(c, code, advice, ...) xld_fail((c)->err, code, what(c), (c)->d->name, advice, __VA_ARGS__)

static bool refused(struct creation *c, const char *step, int rc)
{
	char *said;

	if (rc == -ENOMEM)
		return FAIL(c, XLD_E_NO_MEMORY, "`xl info` shows how much memory is free",
			    "the hypervisor ran out of memory: %s", step);
	said = hypervisor_said();
	FAIL(c, XLD_E_HYPERVISOR, "`xl doctor` checks this host", "the hypervisor refused: %s: %s%s", step,
	     strerror(-rc), said);
	free(said);
	return false;
}

static bool step_connect(struct creation *c)
{
	int rc = xenctl_open(&c->xc);

	if (rc)
		return FAIL(c, XLD_E_HYPERVISOR, "xld must run in dom0", "no access to the hypervisor: %s",
			    strerror(-rc));
	last_words_begin(c->xc);
	c->xs = xs_open(0);
	if (!c->xs)
		return FAIL(c, XLD_E_STORE, "start xenstored if it is not running", "no access to xenstore: %s",
			    strerror(errno));
	return true;
}

static bool check_file(struct creation *c, const char *key, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st)) {
		FAIL(c, XLD_E_BUILD, "it must be a file of dom0", "%s %s: %s", key, path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		FAIL(c, XLD_E_BUILD, "it must be a file of dom0", "%s %s is not a regular file", key, path);
	} else {
		close(fd);
		return true;
	}
	if (fd >= 0)
		close(fd);
	return false;
}

static bool step_check_files(struct creation *c)
{
	if (c->d->restore_path)
		return check_file(c, "saved domain", c->d->restore_path);
	return check_file(c, "kernel", c->cfg->kernel) &&
	       (!c->cfg->ramdisk || check_file(c, "ramdisk", c->cfg->ramdisk));
}

static bool step_check_cpus(struct creation *c)
{
	struct xenctl_physinfo info;
	char why[CPULIST_WHY];
	int rc = xenctl_physinfo(c->xc, &info);

	if (rc)
		return refused(c, "read the number of CPUs", rc);
	c->nr_cpus = info.max_cpu_id + 1;
	return cpus_possible(c->cfg, c->nr_cpus, why) ||
	       FAIL(c, XLD_E_CONFIG, "correct cpus and cpus_soft in the configuration", "%s", why);
}

static uint64_t pages_needed(const struct creation *c)
{
	return c->cfg->memory * 256 + OVERHEAD_PAGES + OVERHEAD_PAGES_PER_VCPU * c->cfg->maxvcpus;
}

static bool not_enough(struct creation *c, uint64_t avail)
{
	uint64_t need = pages_needed(c);

	return FAIL(c, XLD_E_NO_MEMORY,
		    "lower memory= in the configuration, shut down other domains, or start the host with a smaller "
		    "dom0_mem=",
		    "not enough memory: the domain needs %llu MiB (%llu MiB and what the hypervisor keeps about it), "
		    "%llu MiB are free",
		    (unsigned long long)(need + 255) / 256, (unsigned long long)c->cfg->memory,
		    (unsigned long long)avail / 256);
}

/* Free pages that nobody has been promised. */
static int pages_free(struct creation *c, uint64_t *avail)
{
	struct xenctl_physinfo info;
	int rc = xenctl_physinfo(c->xc, &info);

	if (!rc)
		*avail = info.free_pages > info.outstanding_pages ? info.free_pages - info.outstanding_pages : 0;
	return rc;
}

/* Before anything is made. That two creates do not both count on the same memory is step_claim()'s affair. */
static bool step_check_memory(struct creation *c)
{
	uint64_t avail = 0;
	int rc = pages_free(c, &avail);

	if (rc)
		return refused(c, "read the amount of free memory", rc);
	return pages_needed(c) <= avail || not_enough(c, avail);
}

/* A restored domain gets the TSC mode that is in its stream. */
static bool set_clock(struct creation *c)
{
	struct xenctl_tscinfo tsc = { .mode = c->cfg->tsc_mode };
	int64_t offset = c->cfg->rtc_timeoffset;
	time_t now = time(NULL);
	struct tm tm;
	int rc = 0;

	if (c->cfg->localtime && localtime_r(&now, &tm))
		offset += tm.tm_gmtoff;
	if (offset)
		rc = xenctl_domain_set_time_offset(c->xc, c->domid, offset);
	if (!rc && tsc.mode != DOM_TSC_DEFAULT)
		rc = xenctl_domain_settscinfo(c->xc, c->domid, &tsc);
	return !rc || refused(c, "set its clock", rc);
}

/* What is not for every domain. */
static bool allow_features(struct creation *c)
{
	int rc = c->cfg->shared_tables ? xenctl_domain_allow(c->xc, c->domid, LITEF_shared_tables) : 0;

	return !rc || refused(c, "allow it shared tables", rc);
}

static bool step_create(struct creation *c)
{
	const struct domcfg *cfg = c->cfg;
	struct xenctl_create create = {
		.max_vcpus = (uint32_t)cfg->maxvcpus,
		.max_evtchn_port = cfg->max_event_channels ? (uint32_t)cfg->max_event_channels : MAX_EVTCHN_PORT,
		.max_grant_frames = cfg->max_grant_frames ? (int32_t)cfg->max_grant_frames : -1,
		.max_maptrack_frames = cfg->max_maptrack_frames == DOMCFG_NO_LIMIT ? -1 :
			(int32_t)cfg->max_maptrack_frames,
		.max_grant_version = 1,
	};
	int rc;

	memcpy(create.handle, c->d->uuid, 16);
	c->domid = 0;
	rc = xenctl_domain_create(c->xc, &create, &c->domid);
	if (rc)
		return refused(c, "create an empty domain", rc);
	worker_progress(c->fd, "it is domain %u", c->domid);
	return set_clock(c) && allow_features(c);
}

static bool step_claim(struct creation *c)
{
	uint64_t avail = 0;
	int rc = memory_claim(c->xc, c->domid, c->cfg->memory * 256);

	if (rc == -ENOMEM && !pages_free(c, &avail))
		return not_enough(c, avail);
	return !rc || refused(c, "claim its memory", rc);
}

static bool step_place(struct creation *c)
{
	int rc = cpus_place(c->xc, c->domid, c->cfg, c->nr_cpus);

	return !rc || refused(c, "set affinity, weight and cap of its vCPUs", rc);
}

#define CPUID_LEAVES 256

static void hide(struct xen_cpuid_leaf *leaf, const uint32_t hidden[CPUID_WORDS])
{
	for (unsigned int i = 0; i < CPUID_WORDS; i++) {
		const struct cpuid_word *w = &cpuid_words[i];
		uint32_t *const regs[] = { &leaf->a, &leaf->b, &leaf->c, &leaf->d };

		if (w->leaf == leaf->leaf && (w->subleaf == CPUID_ANY || w->subleaf == leaf->subleaf))
			*regs[w->reg - 'a'] &= ~hidden[i];
	}
}

/* Also of a domain that is restored: then what it saw before is compared with this. */
static bool hide_features(struct creation *c)
{
	struct xen_cpuid_leaf *leaves = xcalloc(CPUID_LEAVES, sizeof(*leaves));
	int n = xenctl_domain_cpuid(c->xc, c->domid, leaves, CPUID_LEAVES), rc = n < 0 ? n : 0;
	uint32_t hidden[CPUID_WORDS];

	cpuid_hidden(c->cfg->cpuid, hidden);
	for (int i = 0; i < n; i++)
		hide(&leaves[i], hidden);
	if (!rc)
		rc = xenctl_domain_cpuid_set(c->xc, c->domid, leaves, (size_t)n);
	free(leaves);
	return !rc || refused(c, "hide features of its CPUs", rc);
}

static bool step_vcpus(struct creation *c)
{
	int rc = xenctl_domain_max_vcpus(c->xc, c->domid, (uint32_t)c->cfg->maxvcpus);

	if (rc)
		return refused(c, "make its vCPUs", rc);
	return !c->cfg->cpuid || hide_features(c);
}

static bool step_ports(struct creation *c)
{
	int rc = xenctl_evtchn_alloc_unbound(c->xc, c->domid, 0, &c->store_port);

	if (!rc)
		rc = xenctl_evtchn_alloc_unbound(c->xc, c->domid, 0, &c->console_port);
	return !rc || refused(c, "make the event channels of xenstore and console", rc);
}

/* A domain that comes from elsewhere may have had less than it may have: what it has not taken is for others. */
static bool end_claim(struct creation *c)
{
	int rc = xenctl_claim_pages(c->xc, c->domid, 0);

	return !rc || refused(c, "end the claim on its memory", rc);
}

static bool step_restore(struct creation *c)
{
	const uint32_t ports[2] = { c->store_port, c->console_port };

	if (!restore_memory(c->xc, c->d, c->domid, ports, c->fd, &c->restored, c->err))
		return false;
	c->built.store_mfn = c->restored.store_mfn;
	c->built.console_mfn = c->restored.console_mfn;
	return end_claim(c);
}

static bool step_build(struct creation *c)
{
	char *cmdline = domcfg_cmdline(c->cfg);
	struct build_params p = {
		.domid = c->domid,
		.kernel = c->cfg->kernel,
		.ramdisk = c->cfg->ramdisk,
		.cmdline = cmdline,
		.nr_pages = c->cfg->memory * 256,
		.max_pages = c->cfg->maxmem * 256,
		.vcpus = (uint32_t)c->cfg->maxvcpus,
		.store_evtchn = c->store_port,
		.console_evtchn = c->console_port,
	};
	char why[512];
	int rc = dombuild_pv(c->xc, &p, &c->built, why, sizeof(why));

	free(cmdline);
	return !rc || FAIL(c, rc == -ENOMEM ? XLD_E_NO_MEMORY : XLD_E_BUILD, "", "%s", why);
}

static bool step_load(struct creation *c)
{
	return c->d->restore_path ? step_restore(c) : step_build(c);
}

static bool step_store(struct creation *c)
{
	struct store_domain s = {
		.domid = c->domid,
		.name = c->d->offer ? c->d->move->name : c->d->name,	/* names its log too */
		.uuid = c->d->uuid,
		.cfg = c->cfg,
		.start_time = c->d->start_time,
		.store_port = c->store_port,
		.console_port = c->console_port,
		.store_mfn = c->built.store_mfn,
		.console_mfn = c->built.console_mfn,
		.guest_os = c->built.guest_os,
	};

	if (store_write(c->xs, &s) && store_area_write(c->xs, c->domid, c->restored.nodes, c->restored.nodes_len))
		return true;
	return FAIL(c, XLD_E_STORE, "start xenstored if it is not running",
		    "cannot write the domain's nodes to xenstore: %s", strerror(errno));
}

/* Before the domain is known to xenstored, which then never sees it with other limits. */
static bool step_quota(struct creation *c)
{
	const struct domcfg_list *l = &c->cfg->xenstore_quota;

	for (size_t i = 0; i < l->n; i++) {
		const char *eq = strchr(l->item[i], '=');
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)(eq - l->item[i]), l->item[i]);
		if (!xs_set_quota(c->xs, c->domid, name, strtoul(eq + 1, NULL, 10)))
			return FAIL(c, XLD_E_STORE, "`xl xenstore-quota-get -g` lists the quotas",
				    "xenstored does not set its quota '%s': %s", name, strerror(errno));
	}
	return true;
}

static bool step_introduce(struct creation *c)
{
	if (!step_quota(c))
		return false;
	if (xs_introduce_domain(c->xs, c->domid, c->built.store_mfn, c->store_port))
		return true;
	return FAIL(c, XLD_E_STORE, "`xl doctor` says whether xenstored is well",
		    "xenstored does not take the domain: %s", strerror(errno));
}

static bool attach_all(struct creation *c, enum dev_kind kind, const struct domcfg_list *specs)
{
	struct devwork w = { .what = what(c), .object = c->d->name, .uuid = c->d->uuid, .tag = c->d->tag,
			     .domid = c->domid, .xs = c->xs, .fd = c->fd, .err = c->err, .incoming = c->d->offer };

	return devices_attach_all(&w, kind, specs);
}

static bool step_disks(struct creation *c)
{
	return attach_all(c, DEV_VBD, &c->cfg->disk);
}

static bool step_networks(struct creation *c)
{
	return attach_all(c, DEV_VIF, &c->cfg->vif);
}

static bool step_unpause(struct creation *c)
{
	int rc = c->d->start_paused ? 0 : xenctl_domain_unpause(c->xc, c->domid);

	return !rc || refused(c, "let it run", rc);
}

/* --- of a domain that is received --- */

static bool step_accept(struct creation *c)
{
	bool ok = receive_accept(c->d, c->xc, c->domid, c->peer, c->err);

	c->accepted = ok || (c->d->move->flags & XLD_MIGRATE_CHECK);
	return ok;
}

static bool step_receive(struct creation *c)
{
	const uint32_t ports[2] = { c->store_port, c->console_port };

	if (!receive_memory(c->xc, c->d, c->domid, ports, c->peer, c->fd, &c->restored, c->err))
		return false;
	c->built.store_mfn = c->restored.store_mfn;
	c->built.console_mfn = c->restored.console_mfn;
	return end_claim(c);
}

static bool step_rings(struct creation *c)
{
	receive_console(c->domid, &c->restored);
	if (store_complete(c->xs, c->domid, c->built.store_mfn, c->built.console_mfn, c->restored.nodes,
			   c->restored.nodes_len))
		return true;
	return FAIL(c, XLD_E_STORE, "start xenstored if it is not running",
		    "cannot write the domain's nodes to xenstore: %s", strerror(errno));
}

static bool step_commit(struct creation *c)
{
	return receive_commit(c->x, c->d, c->xc, c->domid, c->built.store_mfn, c->peer, &c->settled, c->err);
}

/* --- all steps --- */

struct step {
	const char *name;
	bool (*fn)(struct creation *c);
};

static const struct step create_steps[] = {
	{ "connect to hypervisor and xenstore", step_connect },
	{ "check its files", step_check_files },
	{ "check its CPUs", step_check_cpus },
	{ "check free memory", step_check_memory },
	{ "create an empty domain", step_create },
	{ "claim its memory", step_claim },
	{ "make its vCPUs", step_vcpus },
	{ "place its vCPUs", step_place },
	{ "make its event channels", step_ports },
	{ "load its memory", step_load },
	{ "write its xenstore nodes", step_store },
	{ "introduce it to xenstored", step_introduce },
	{ "attach its disks", step_disks },
	{ "attach its networks", step_networks },
	{ "let it run", step_unpause },
};

/* As much as possible before it is accepted: the guest does not stand still until then. */
static const struct step receive_steps[] = {
	{ "connect to hypervisor and xenstore", step_connect },
	{ "check its CPUs", step_check_cpus },
	{ "check free memory", step_check_memory },
	{ "create an empty domain", step_create },
	{ "claim its memory", step_claim },
	{ "make its vCPUs", step_vcpus },
	{ "place its vCPUs", step_place },
	{ "make its event channels", step_ports },
	{ "write its xenstore nodes", step_store },
	{ "attach its disks", step_disks },
	{ "attach its networks", step_networks },
	{ "accept it", step_accept },
	{ "receive its memory", step_receive },
	{ "write its rings to xenstore", step_rings },
	{ "introduce it to xenstored", step_introduce },
	{ "take it over", step_commit },
};

static bool run_steps(struct creation *c, const struct step *steps, int n)
{
	for (int i = 0; i < n; i++) {
		worker_progress(c->fd, "%s: %s", c->d->name, steps[i].name);
		if (!steps[i].fn(c))
			return false;
		if (c->x->fail_step == i + 1)
			return FAIL(c, XLD_E_INTERNAL, "unset it and restart xld", "XLD_FAIL_STEP=%d of %d (%s)",
				    i + 1, n, steps[i].name);
		if (c->x->fail_step == -(i + 1))
			abort();
	}
	return true;
}

static void created(struct creation *c, xld_created *ret)
{
	ret->domid = c->domid;
	memcpy(ret->uuid, c->d->uuid, 16);
	xs_close(c->xs);
	xenctl_close(c->xc);
}

#define NR(steps) (int)(sizeof(steps) / sizeof((steps)[0]))

bool create_run(const struct xld *x, const struct dom *d, int fd, xld_created *ret, xld_error *err)
{
	struct creation c = { .x = x, .d = d, .cfg = &d->cfg, .fd = fd, .err = err };

	if (!run_steps(&c, create_steps, NR(create_steps)))
		return false;
	created(&c, ret);
	return true;
}

bool receive_run(const struct xld *x, const struct dom *d, int fd, int peer, xld_received *ret, xld_error *err)
{
	struct creation c = { .x = x, .d = d, .cfg = &d->cfg, .fd = fd, .peer = peer, .err = err };

	if (run_steps(&c, receive_steps, NR(receive_steps))) {
		created(&c, &ret->domain);
		ret->settled = c.settled;
		return true;
	}
	receive_refuse(d, peer, c.accepted, err);
	return false;
}
