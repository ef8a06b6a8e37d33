/* SPDX-License-Identifier: MIT */
/*
 * One function per procedure of the protocol, and the table that finds it.
 *
 * Each checks everything first, then acts; short things are done at once, create and destroy become jobs and are
 * answered when those end. Domain 0 can be looked at but not paused, shut down or destroyed from here.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "move.h"
#include "stats.h"

#define DMESG_SIZE (256U << 10)

static xld_state state_of(const struct dom *d, const struct xenctl_dominfo *info)
{
	if (!info || d->phase == PHASE_CREATING)
		return d->phase == PHASE_CREATING ? XLD_S_BUILDING : XLD_S_DYING;
	if (info->dying || d->phase == PHASE_DESTROYING)
		return XLD_S_DYING;
	if (info->shutdown)
		return info->crashed ? XLD_S_CRASHED : XLD_S_SHUTDOWN;
	return info->paused ? XLD_S_PAUSED : XLD_S_RUNNING;
}

static void fill_info(struct xld *x, xld_dominfo *o, const struct dom *d, const struct xenctl_dominfo *info)
{
	static const struct xenctl_dominfo none;

	o->state = state_of(d, info);
	if (!info)
		info = &none;
	o->domid = d->domid;
	o->name = xstrdup(d->name);
	memcpy(o->uuid, d->uuid, 16);
	o->running = info->running;
	o->blocked = info->blocked;
	o->paused = info->paused;
	o->shutdown = info->shutdown;
	o->dying = info->dying;
	o->reason = info->shutdown ? info->shutdown_reason : 0;
	o->crash = crash_text(x->xc, info);
	o->memory_kib = (info->tot_pages + info->outstanding_pages) * 4;
	o->max_memory_kib = d->ours ? d->cfg.maxmem * 1024 : info->max_pages * 4;
	o->vcpus = info->nr_online_vcpus;
	o->max_vcpus = info == &none ? (u_int)d->cfg.maxvcpus : info->max_vcpu_id + 1;
	o->cpu_time_ns = info->cpu_time;
	o->start_time = d->start_time;
	o->claimed_kib = info->outstanding_pages * 4;
}

bool hypervisor_refused(xld_error *err, const char *what, const char *object, int rc)
{
	char *said = hypervisor_said();

	xld_fail(err, rc == -ENOMEM ? XLD_E_NO_MEMORY : XLD_E_HYPERVISOR, what, object,
		 rc == -ENOMEM ? "`xl info` shows how much memory is free" : "`xl explain` and `xl doctor` tell more",
		 "the hypervisor refused: %s%s", strerror(-rc), said);
	free(said);
	return false;
}

static bool call_hello(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		       bool *later)
{
	xld_hello *a = args, *r = ret;

	(void)x, (void)c, (void)serial, (void)later;
	if (a->protocol != XLD_VERSION) {
		xld_fail(err, XLD_E_PROTOCOL, "talk to", "xld", "use xl and xld of the same release",
			 "the client speaks protocol %u, xld speaks %u", a->protocol, XLD_VERSION);
		return false;
	}
	r->protocol = XLD_VERSION;
	r->peer = xstrdup("xld");
	r->pid = (u_int)getpid();
	return true;
}

static bool call_ping(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		      bool *later)
{
	(void)x, (void)c, (void)serial, (void)args, (void)ret, (void)err, (void)later;
	return true;
}

static int by_domid(const void *a, const void *b)
{
	const xld_dominfo *x = a, *y = b;

	return x->domid < y->domid ? -1 : x->domid > y->domid;
}

static bool call_list(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		      bool *later)
{
	xld_domain_list *r = ret;
	size_t n, max = 0;
	struct xenctl_dominfo *list = dom_refresh(x, &n);

	(void)c, (void)serial, (void)args, (void)later;
	if (!list)
		return hypervisor_refused(err, "list", "domains", -errno);
	for (struct dom *d = x->doms; d; d = d->next)
		max++;
	r->domains.domains_val = xcalloc(max, sizeof(xld_dominfo));
	for (struct dom *d = x->doms; d && r->domains.domains_len < XLD_DOMAINS_MAX; d = d->next)
		if (d->domid != DOMID_NONE)
			fill_info(x, &r->domains.domains_val[r->domains.domains_len++], d, dom_info(d, list, n));
	qsort(r->domains.domains_val, r->domains.domains_len, sizeof(xld_dominfo), by_domid);
	free(list);
	return true;
}

static bool call_info(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		      bool *later)
{
	xld_domain *a = args;
	struct dom *d = dom_find(x, a->name, "look at domain", err);
	struct xenctl_dominfo *list;
	size_t n = 0;

	(void)c, (void)serial, (void)later;
	if (!d)
		return false;
	list = dom_refresh(x, &n);
	fill_info(x, ret, d, dom_info(d, list, n));
	free(list);
	return true;
}

static bool call_config(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
			bool *later)
{
	xld_domain *a = args;
	struct dom *d = dom_find(x, a->name, "look at domain", err);
	xld_config *r = ret;

	(void)c, (void)serial, (void)later;
	if (!d)
		return false;
	r->json = d->ours ? domcfg_to_json(&d->cfg) : xstrdup("");
	return true;
}

/* --- create --- */

bool call_read_config(struct domcfg *cfg, const char *config, const char *what, xld_error *err)
{
	struct domcfg_diag diag = { .file = "configuration" };
	bool ok;

	domcfg_init(cfg);
	ok = domcfg_from_json(cfg, config, strlen(config), &diag) && domcfg_check(cfg, &diag);
	if (!ok)
		xld_fail(err, XLD_E_CONFIG, what, cfg->name ? cfg->name : "?", "", "%s",
			 diag.text ? diag.text : "it cannot be read");
	domcfg_diag_free(&diag);
	return ok;
}

static bool config_allowed(struct xld *x, struct domcfg *cfg, const char *what, xld_error *err)
{
	struct dom *other;
	size_t n;

	free(dom_refresh(x, &n));
	define_fill_uuid(x, cfg);
	other = dom_by_name(x, cfg->name);
	if (other)
		xld_fail(err, XLD_E_EXISTS, what, cfg->name, "give it another name, or `xl destroy` the old one",
			 "a domain of this name exists (id %d)", (int)other->domid);
	else if (cfg->has_uuid && dom_by_uuid(x, cfg->uuid))
		xld_fail(err, XLD_E_EXISTS, what, cfg->name, "leave uuid out to get a new one",
			 "domain '%s' has the same uuid", dom_by_uuid(x, cfg->uuid)->name);
	else
		return define_allows(x, cfg, what, err);
	return false;
}

bool create_start(struct xld *x, struct client *c, uint32_t serial, uint32_t proc, const char *config, uint32_t flags,
		  const char *path, xld_error *err, bool *later)
{
	const char *what = path ? "restore domain" : "create domain";
	struct domcfg cfg;
	struct dom *d;

	if (!call_read_config(&cfg, config, what, err) || !config_allowed(x, &cfg, what, err)) {
		domcfg_free(&cfg);
		return false;
	}
	if (!cfg.has_uuid)
		uuid_generate(cfg.uuid);
	cfg.has_uuid = true;
	d = dom_new(x, cfg.uuid, cfg.name);
	d->cfg = cfg;
	d->ours = true;
	d->start_paused = flags & XLD_CREATE_PAUSED;
	d->restore_path = path ? xstrdup(path) : NULL;
	d->phase = PHASE_CREATING;
	if (!state_save(x, d)) {	/* without a record, a killed xld could not clean up */
		xld_fail(err, XLD_E_INTERNAL, what, d->name, "is there room on the file system?",
			 "cannot write its record below %s/domains", x->state_dir);
		dom_free(x, d);
		return false;
	}
	dom_ask(d, c, proc, serial, 0);
	job_create(x, d);
	*later = true;
	return false;
}

static bool call_create(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
			bool *later)
{
	xld_create *a = args;

	(void)ret;
	return create_start(x, c, serial, XLD_DOMAIN_CREATE, a->config, a->flags, NULL, err, later);
}

/* --- things done to a domain --- */

struct dom *call_domain(struct xld *x, const char *ref, const char *what, xld_error *err, struct xenctl_dominfo *info)
{
	struct dom *d = dom_find(x, ref, what, err);

	if (!d)
		return NULL;
	if (d->phase == PHASE_ARRIVED)
		xld_fail(err, XLD_E_BUSY, what, d->name, "`xl migrate-recover` shows how it stands",
			 "it has arrived and waits until its source says whose it is");
	else if (d->phase != PHASE_LIVE || d->domid == DOMID_NONE)
		xld_fail(err, XLD_E_BUSY, what, d->name, "try again when that is done, or `xl destroy` it",
			 "it is being %s", d->phase == PHASE_CREATING ? "built" : "destroyed");
	else if (xenctl_domain_info(x->xc, d->domid, info))
		xld_fail(err, XLD_E_NOT_FOUND, what, d->name, "", "it has just gone");
	else
		return d;
	return NULL;
}

bool call_store(struct xld *x, const char *what, const struct dom *d, xld_error *err)
{
	return x->xs || xld_fail(err, XLD_E_STORE, what, d->name, "start xenstored if it is not running",
				 "no connection to xenstored");
}

/* A guest to act on: dom0 is not paused, shut down or destroyed from here. */
struct dom *call_target(struct xld *x, const char *ref, const char *what, xld_error *err, struct xenctl_dominfo *info)
{
	struct dom *d = call_domain(x, ref, what, err, info);

	if (!d || d->domid)
		return d;
	xld_fail(err, XLD_E_DENIED, what, d->name, "use poweroff or reboot inside dom0 to stop the host",
		 "it is the domain that manages the others");
	return NULL;
}

/* Whether it is paused is not to be changed now. */
static bool being_dumped(const struct dom *d, const char *what, xld_error *err)
{
	return d->dump.temp && !xld_fail(err, XLD_E_BUSY, what, d->name, "try again when that is done",
					 "its core is being dumped");
}

static bool call_pause(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		       bool *later)
{
	xld_domain *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, a->name, "pause domain", err, &info);
	int rc;

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d || being_dumped(d, "pause domain", err))
		return false;
	rc = info.paused ? 0 : xenctl_domain_pause(x->xc, d->domid);
	return !rc || hypervisor_refused(err, "pause domain", d->name, rc);
}

static bool call_unpause(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
			 bool *later)
{
	xld_domain *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, a->name, "unpause domain", err, &info);
	int rc;

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d || being_dumped(d, "unpause domain", err))
		return false;
	rc = info.paused ? xenctl_domain_unpause(x->xc, d->domid) : 0;
	return !rc || hypervisor_refused(err, "unpause domain", d->name, rc);
}

static bool call_shutdown(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
			  bool *later)
{
	xld_shutdown *a = args;
	const char *what = a->kind == XLD_REBOOT ? "reboot domain" : "shut down domain";
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, a->name, what, err, &info);
	char path[64];

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d)
		return false;
	snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", d->domid);
	if (info.shutdown)
		xld_fail(err, XLD_E_BUSY, what, d->name, "use `xl destroy` to remove it", "it has already stopped (%s)",
			 life_reason_name(info.shutdown_reason));
	else if (info.paused)
		xld_fail(err, XLD_E_BUSY, what, d->name, "`xl unpause` it first, or `xl destroy` it",
			 "it is paused and cannot react");
	else if (!call_store(x, what, d, err))
		return false;
	else if (!xs_writef(x->xs, XBT_NULL, path, "%s", a->kind == XLD_REBOOT ? "reboot" : "poweroff"))
		xld_fail(err, XLD_E_STORE, what, d->name, "", "cannot write %s: %s", path, strerror(errno));
	else
		return true;
	return false;
}

static bool call_wait(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		      bool *later)
{
	xld_wait *a = args;
	struct dom *d = dom_find(x, a->name, "wait for domain", err);
	struct xenctl_dominfo info;
	xld_waited *r = ret;

	if (!d)
		return false;
	if (!d->job && (!d->ours || d->stop_seen) && !xenctl_domain_info(x->xc, d->domid, &info) && info.shutdown) {
		r->reason = info.shutdown_reason;
		return true;
	}
	dom_ask(d, c, XLD_DOMAIN_WAIT, serial, a->timeout_s ? ev_now_ms() + a->timeout_s * 1000ULL : 0);
	*later = true;
	return false;
}

static bool call_destroy(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
			 bool *later)
{
	xld_domain *a = args;
	struct dom *d = dom_find(x, a->name, "destroy domain", err);

	(void)ret;
	if (!d)
		return false;
	if (d->domid == 0) {
		xld_fail(err, XLD_E_DENIED, "destroy domain", d->name, "use poweroff inside dom0 to stop the host",
			 "it is the domain that manages the others");
		return false;
	}
	d->restarting = false;
	obituary_add(d, "somebody asked for its end (xl destroy)", "destroy");
	dom_ask(d, c, XLD_DOMAIN_DESTROY, serial, 0);
	job_destroy(x, d);
	*later = true;
	return false;
}

static bool call_console(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
			 bool *later)
{
	xld_domain *a = args;
	struct dom *d = dom_find(x, a->name, "find the console of", err);
	xld_console *r = ret;
	char *tty = NULL;

	(void)c, (void)serial, (void)later;
	if (!d)
		return false;
	if (d->domid == 0) {
		xld_fail(err, XLD_E_DENIED, "find the console of", d->name, "", "dom0's console is that of the host");
		return false;
	}
	if (x->xs && d->domid != DOMID_NONE)
		tty = xs_readf(x->xs, XBT_NULL, "/local/domain/%u/console/tty", d->domid);
	r->tty = tty ? tty : xstrdup("");
	r->log = console_log_path(d->name);
	return true;
}

/* --- the host --- */

static const char *scheduler_name(struct xenctl *xc)
{
	static const char *const names[] = {
		[5] = "credit", [6] = "credit2", [7] = "arinc653", [8] = "rtds", [9] = "null",
	};
	uint32_t id;

	if (xenctl_sched_id(xc, &id) || id >= sizeof(names) / sizeof(names[0]) || !names[id])
		return "unknown";
	return names[id];
}

static void fill_version(xld_host *h, const struct xenctl_version *v)
{
	h->xen_major = v->major;
	h->xen_minor = v->minor;
	h->pagesize = v->pagesize;
	h->virt_start = v->virt_start;
	h->xen_extra = xstrdup(v->extra);
	h->xen_caps = xstrdup(v->capabilities);
	h->changeset = xstrdup(v->changeset);
	h->commandline = xstrdup(v->commandline);
	h->compiler = xstrdup(v->compiler);
	h->compile_by = xstrdup(v->compile_by);
	h->compile_domain = xstrdup(v->compile_domain);
	h->compile_date = xstrdup(v->compile_date);
	h->build_id = xstrdup(v->build_id);
}

static bool call_host(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		      bool *later)
{
	struct xenctl_physinfo p;
	struct xenctl_version *v = xcalloc(1, sizeof(*v));
	xld_host *h = ret;
	uint64_t own = 0;
	int rc = xenctl_physinfo(x->xc, &p);

	(void)c, (void)serial, (void)args, (void)later;
	if (!rc)
		rc = xenctl_version(x->xc, v);
	if (rc) {
		free(v);
		return hypervisor_refused(err, "look at", "the host", rc);
	}
	fill_version(h, v);
	free(v);
	h->nr_cpus = p.nr_cpus;
	h->max_cpu_id = p.max_cpu_id;
	h->nr_nodes = p.nr_nodes;
	h->cores_per_socket = p.cores_per_socket;
	h->threads_per_core = p.threads_per_core;
	h->cpu_khz = p.cpu_khz;
	h->capabilities = p.capabilities;
	memcpy(h->hw_caps, p.hw_cap, sizeof(h->hw_caps));
	h->total_kib = p.total_pages * 4;
	h->free_kib = (p.free_pages + p.scrub_pages) * 4;
	h->outstanding_kib = p.outstanding_pages * 4;
	h->hypervisor_kib = xenctl_hypervisor_pages(x->xc, &own) ? ~0ULL : own * 4;
	h->scheduler = xstrdup(scheduler_name(x->xc));
	return true;
}

static bool call_dmesg(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		       bool *later)
{
	xld_dmesg *a = args;
	xld_dmesg_text *r = ret;
	uint32_t index = 0;
	long n;

	(void)c, (void)serial, (void)later;
	r->text.text_val = xcalloc(DMESG_SIZE, 1);
	n = xenctl_readconsole(x->xc, r->text.text_val, DMESG_SIZE, a->flags & XLD_DMESG_CLEAR, false, &index);
	if (n < 0)
		return hypervisor_refused(err, "read", "the hypervisor's log", (int)n);
	r->text.text_len = (u_int)n;
	return true;
}

bool call_stats(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_stats_list *r = ret;
	u_int n;

	if (!call_list(x, c, serial, args, &r->list, err, later))
		return false;
	n = r->list.domains.domains_len;
	r->now_ns = ev_now_ms() * 1000000;
	r->stats.stats_val = xcalloc(n, sizeof(xld_stats));
	r->stats.stats_len = n;
	for (u_int i = 0; i < n; i++)
		r->stats.stats_val[i].domid = r->list.domains.domains_val[i].domid;
	stats_collect("/sys", r->stats.stats_val, n);
	return true;
}

static call_fn *const calls[] = {
	[XLD_HELLO] = call_hello,
	[XLD_DOMAIN_LIST] = call_list,
	[XLD_DOMAIN_INFO] = call_info,
	[XLD_DOMAIN_CONFIG] = call_config,
	[XLD_DOMAIN_CREATE] = call_create,
	[XLD_DOMAIN_PAUSE] = call_pause,
	[XLD_DOMAIN_UNPAUSE] = call_unpause,
	[XLD_DOMAIN_SHUTDOWN] = call_shutdown,
	[XLD_DOMAIN_WAIT] = call_wait,
	[XLD_DOMAIN_DESTROY] = call_destroy,
	[XLD_DOMAIN_CONSOLE] = call_console,
	[XLD_HOST_INFO] = call_host,
	[XLD_HOST_DMESG] = call_dmesg,
	[XLD_VCPU_LIST] = call_vcpu_list,
	[XLD_VCPU_PIN] = call_vcpu_pin,
	[XLD_VCPU_SET] = call_vcpu_set,
	[XLD_SCHED_DOMAIN] = call_sched_domain,
	[XLD_SCHED_HOST] = call_sched_host,
	[XLD_MEM_SET] = call_mem_set,
	[XLD_MEM_MAX] = call_mem_max,
	[XLD_DEVICE_ATTACH] = call_attach,
	[XLD_DEVICE_DETACH] = call_detach,
	[XLD_DEVICE_LIST] = call_devices,
	[XLD_DISK_RESIZE] = call_resize,
	[XLD_CD_CHANGE] = call_cd_change,
	[XLD_DOMAIN_SAVE] = call_save,
	[XLD_DOMAIN_RESTORE] = call_restore,
	[XLD_DOMAIN_MIGRATE] = call_migrate,
	[XLD_MIGRATE_LANE] = call_lane,
	[XLD_MIGRATE_OFFER] = call_offer,
	[XLD_MIGRATE_SETTLE] = call_settle,
	[XLD_MIGRATE_LIST] = call_moves,
	[XLD_MIGRATE_RECOVER] = call_recover,
	[XLD_JOB_LIST] = call_jobs,
	[XLD_JOB_CANCEL] = call_cancel,
	[XLD_EVENT_SUBSCRIBE] = call_subscribe,
	[XLD_PING] = call_ping,
	[XLD_DOMAIN_RENAME] = call_rename,
	[XLD_DOMAIN_SYSRQ] = call_sysrq,
	[XLD_DOMAIN_TRIGGER] = call_trigger,
	[XLD_HOST_DEBUG_KEYS] = call_debug_keys,
	[XLD_CONFIG_UPDATE] = call_config_update,
	[XLD_DOMAIN_SUSPEND] = call_suspend,
	[XLD_DOMAIN_RESUME] = call_resume,
	[XLD_DUMP_CORE] = call_dump_core,
	[XLD_DOMAIN_STATS] = call_stats,
	[XLD_DOMAIN_EXPLAIN] = call_explain,
	[XLD_CONSOLE_TAIL] = call_tail,
	[XLD_DEFINE] = call_define,
	[XLD_UNDEFINE] = call_undefine,
	[XLD_DEFINED_LIST] = call_defined_list,
	[XLD_DEFINED_CONFIG] = call_defined_config,
	[XLD_AUTOSTART] = call_autostart,
};

call_fn *call_find(uint32_t proc)
{
	return proc < sizeof(calls) / sizeof(calls[0]) ? calls[proc] : NULL;
}
