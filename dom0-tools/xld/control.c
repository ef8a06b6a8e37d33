/* SPDX-License-Identifier: MIT */
/*
 * Calls that act on a domain, or the host, at once: rename, sysrq, trigger, debug keys, config-update, and suspend
 * with its way back, resume.
 *
 * A suspend is answered when the domain has stopped with that reason (suspend_answer(), called by life.c), or when its
 * time is up; the domain then keeps all it has and xl resume lets it go on where it was.
 */
#include <errno.h>

#include "xld.h"

#define LOG_SIZE	(256U << 10)

/* --- names --- */

static bool name_allowed(struct xld *x, const struct dom *d, const char *name, xld_error *err)
{
	const struct dom *other = dom_by_name(x, name);
	char *text = xasprintf("name=%s", name);
	struct domcfg_diag diag = { .file = "name" };
	struct domcfg cfg;
	bool ok;

	domcfg_init(&cfg);
	ok = domcfg_override(&cfg, text, &diag) && cfg.name;
	if (!ok)
		xld_fail(err, XLD_E_INVALID, "rename domain", d->name, "", "%s", diag.text ? diag.text : "it is empty");
	memcpy(cfg.uuid, d->uuid, 16);
	cfg.has_uuid = true;
	ok = ok && define_allows(x, &cfg, "rename domain", err);
	domcfg_diag_free(&diag);
	domcfg_free(&cfg);
	free(text);
	if (!ok)
		return false;
	if (other && other != d)
		return xld_fail(err, XLD_E_EXISTS, "rename domain", d->name, "choose another one",
				"a domain named '%s' exists", name);
	return true;
}

/* Neither a worker nor the other end of a migration shall lose it. */
static bool keeps_its_name(const struct dom *d, xld_error *err)
{
	if (d->job)
		return !xld_fail(err, XLD_E_BUSY, "rename domain", d->name, "try again when that is done",
				 "a job is about it");
	return d->move && !xld_fail(err, XLD_E_BUSY, "rename domain", d->name, "`xl migrate-recover` shows how it stands",
				    "a migration of it is not settled yet");
}

bool call_rename(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_rename *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, a->name, "rename domain", err, &info);
	uint8_t uuid[16];

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d || !name_allowed(x, d, a->new_name, err) || keeps_its_name(d, err) ||
	    !call_store(x, "rename domain", d, err))
		return false;
	xld_log("%s: is to be renamed to %s", d->name, a->new_name);
	memcpy(uuid, d->uuid, 16);
	return dom_rename(x, d, uuid, a->new_name) ||
	       xld_fail(err, XLD_E_STORE, "rename domain", d->name, "", "cannot write its name: %s", strerror(errno));
}

/* --- keys and interrupts --- */

bool call_sysrq(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_sysrq *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, a->name, "send a sysrq to", err, &info);
	char path[64];

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d || !call_store(x, "send a sysrq to", d, err))
		return false;
	if (!*a->key)
		return xld_fail(err, XLD_E_INVALID, "send a sysrq to", d->name, "h lists what its kernel knows",
				"no key is given");
	if (info.shutdown)
		return xld_fail(err, XLD_E_BUSY, "send a sysrq to", d->name, "", "it has stopped (%s)",
				life_reason_name(info.shutdown_reason));
	snprintf(path, sizeof(path), "/local/domain/%u/control/sysrq", d->domid);
	return xs_writef(x->xs, XBT_NULL, path, "%s", a->key) ||
	       xld_fail(err, XLD_E_STORE, "send a sysrq to", d->name, "", "cannot write %s: %s", path, strerror(errno));
}

bool call_trigger(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_trigger *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, a->name, "send an NMI to", err, &info);
	int rc;

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d)
		return false;
	if (a->vcpu > info.max_vcpu_id)
		return xld_fail(err, XLD_E_INVALID, "send an NMI to", d->name, "`xl vcpu-list` shows them",
				"it has no vCPU %u", a->vcpu);
	rc = xenctl_domain_nmi(x->xc, d->domid, a->vcpu);
	return !rc || hypervisor_refused(err, "send an NMI to", d->name, rc);
}

/* Where the hypervisor's log ends now. */
static uint32_t log_end(struct xld *x, char *buf)
{
	uint32_t index = 0;

	return xenctl_readconsole(x->xc, buf, LOG_SIZE, false, true, &index) < 0 ? 0 : index;
}

bool call_debug_keys(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		     bool *later)
{
	xld_debug_keys *a = args;
	xld_dmesg_text *r = ret;
	char *buf = xcalloc(LOG_SIZE, 1);
	uint32_t end = log_end(x, buf);
	long n = 0;
	int rc = 0;

	(void)c, (void)serial, (void)later;
	for (const char *k = a->keys; *k && !rc; k++) {
		char key[2] = { *k, 0 };

		rc = xenctl_debug_keys(x->xc, key);
	}
	if (!rc)
		n = xenctl_readconsole(x->xc, buf, LOG_SIZE, false, true, &end);
	if (rc || n < 0) {
		free(buf);
		return hypervisor_refused(err, "send debug keys to", "the hypervisor", rc ? rc : (int)n);
	}
	r->text.text_val = buf;
	r->text.text_len = (u_int)n;
	return true;
}

/* --- what the domain is to be next time --- */

bool call_config_update(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
			bool *later)
{
	xld_config_update *a = args;
	struct dom *d = dom_find(x, a->name, "update the configuration of", err);
	struct domcfg cfg;

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d)
		return false;
	if (!d->ours)
		return xld_fail(err, XLD_E_UNSUPPORTED, "update the configuration of", d->name, "",
				"it was not made by xld, which will not start it again");
	if (!call_read_config(&cfg, a->config, "update the configuration of", err)) {
		domcfg_free(&cfg);
		return false;
	}
	free(cfg.name);
	cfg.name = xstrdup(d->name);
	memcpy(cfg.uuid, d->uuid, sizeof(cfg.uuid));
	cfg.has_uuid = true;
	d->cfg.on_poweroff = cfg.on_poweroff;
	d->cfg.on_reboot = cfg.on_reboot;
	d->cfg.on_crash = cfg.on_crash;
	d->cfg.on_watchdog = cfg.on_watchdog;
	d->cfg.on_soft_reset = cfg.on_soft_reset;
	config_forget_next(d);
	d->next_cfg = xcalloc(1, sizeof(*d->next_cfg));
	*d->next_cfg = cfg;
	state_save(x, d);
	return true;
}

void config_forget_next(struct dom *d)
{
	if (d->next_cfg)
		domcfg_free(d->next_cfg);
	free(d->next_cfg);
	d->next_cfg = NULL;
}

void config_take_next(struct dom *d)
{
	if (!d->next_cfg)
		return;
	domcfg_free(&d->cfg);
	d->cfg = *d->next_cfg;
	free(d->next_cfg);
	d->next_cfg = NULL;
}

/* --- suspend and resume --- */

bool call_suspend(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_domain *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, a->name, "suspend domain", err, &info);
	char path[64];
	bool told;

	(void)ret;
	if (!d || !suspend_possible(x, d, "suspend domain", &info, err))
		return false;
	told = suspend_told(x->xs, d->domid);
	snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", d->domid);
	if (!xs_writef(x->xs, XBT_NULL, path, "suspend"))
		return xld_fail(err, XLD_E_STORE, "suspend domain", d->name, "", "cannot write %s: %s", path,
				strerror(errno));
	d->resume_until = 0;
	dom_ask(d, c, XLD_DOMAIN_SUSPEND, serial,
		ev_now_ms() + (told ? SUSPEND_WAIT_MS : SUSPEND_UNTOLD_MS));
	*later = true;
	return false;
}

void suspend_answer(struct dom *d, unsigned int reason)
{
	xld_nothing nothing = { 0 };
	xld_error err = { 0 };

	if (reason == STOP_SUSPEND) {
		dom_answer(d, XLD_DOMAIN_SUSPEND, &nothing, NULL);
		return;
	}
	xld_fail(&err, XLD_E_BUSY, "suspend domain", d->name, "", "it has stopped instead (%s)",
		 life_reason_name(reason));
	dom_answer(d, XLD_DOMAIN_SUSPEND, NULL, &err);
	rpc_release((xdrproc_t)xdr_xld_error, &err);
}

bool call_resume(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_domain *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, a->name, "resume domain", err, &info);
	int rc;

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d)
		return false;
	if (d->job)
		return xld_fail(err, XLD_E_BUSY, "resume domain", d->name, "try again when that is done",
				"a job is about it");
	if (d->move)			/* it may run elsewhere */
		return xld_fail(err, XLD_E_BUSY, "resume domain", d->name, "`xl migrate-recover` shows how it stands",
				"a migration of it is not settled yet");
	if (!info.shutdown || info.shutdown_reason != STOP_SUSPEND)
		return xld_fail(err, XLD_E_BUSY, "resume domain", d->name,
				info.paused ? "`xl unpause` lets a paused domain run" : "", "it is not suspended");
	rc = suspend_cancel(x->xc, d->domid);
	if (rc)
		return hypervisor_refused(err, "resume domain", d->name, rc);
	d->stop_seen = false;
	d->stop_reason = STOP_GONE;
	if (d->ours)
		state_save(x, d);
	return true;
}
