/* SPDX-License-Identifier: MIT */
/*
 * The state of a domain in words: what it is, what it waits for, each of its devices at both ends; and of a domain that
 * has gone, why. The last domains that stopped are remembered here (obituaries) for as long as this xld runs.
 *
 * Findings are in an order in which a person would read them. Nothing here changes anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "move.h"
#include "util/conlog.h"

#define CONSOLE_LOG_DIR "/var/log/xen/console"	/* xenconsoled's default */
#define OBITUARIES	64

struct obituary {
	char *name, *why;
	const char *then;		/* what was done about it */
	uint32_t domid;
	uint8_t uuid[16];
	time_t when;
};

static struct obituary obituaries[OBITUARIES];
static unsigned int nr_obituaries;		/* ever; the slot is that modulo their number */

void obituary_add(const struct dom *d, const char *why, const char *then)
{
	struct obituary *o = &obituaries[nr_obituaries++ % OBITUARIES];

	free(o->name);
	free(o->why);
	*o = (struct obituary){ .name = xstrdup(d->name), .why = xstrdup(why), .domid = d->domid, .then = then,
				.when = time(NULL) };
	memcpy(o->uuid, d->uuid, sizeof(o->uuid));
}

/* The latest about a name, a number or a UUID. */
static const struct obituary *obituary_find(const char *ref)
{
	uint8_t uuid[16];
	bool is_uuid = uuid_parse(ref, uuid);

	for (unsigned int i = 0; i < OBITUARIES && i < nr_obituaries; i++) {
		const struct obituary *o = &obituaries[(nr_obituaries - 1 - i) % OBITUARIES];
		char id[16];

		snprintf(id, sizeof(id), "%u", o->domid);
		if (!strcmp(o->name, ref) || !strcmp(id, ref) || (is_uuid && !memcmp(o->uuid, uuid, 16)))
			return o;
	}
	return NULL;
}

/* --- the list of findings --- */

__attribute__((format(printf, 5, 6)))
static void say(xld_findings *f, xld_grade grade, const char *subject, const char *advice, const char *fmt, ...)
{
	xld_finding *o;
	va_list ap;

	if (f->findings.findings_len == XLD_FINDINGS_MAX)
		return;
	f->findings.findings_val = xreallocarray(f->findings.findings_val, f->findings.findings_len + 1, sizeof(*o));
	o = &f->findings.findings_val[f->findings.findings_len++];
	va_start(ap, fmt);
	*o = (xld_finding){ .grade = grade, .subject = xstrdup(subject), .text = xvasprintf(fmt, ap),
			    .advice = xstrdup(advice) };
	va_end(ap);
}

/* --- a domain that has gone --- */

static bool explain_gone(const char *ref, xld_findings *f)
{
	const struct obituary *o = obituary_find(ref);
	struct tm tm;
	char when[32];

	if (!o)
		return false;
	strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&o->when, &tm));
	say(f, XLD_BAD, "domain", "", "%s (id %u) does not exist any more", o->name, o->domid);
	say(f, XLD_INFO, "stopped", "", "at %s: %s", when, o->why);
	say(f, XLD_INFO, "then",
	    strncmp(o->why, "crash", 5) ? "" : "on_crash=preserve or coredump-destroy keeps more of it",
	    "what was done: %s", o->then);
	return true;
}

/* --- a domain that is there --- */

static void explain_stop(struct xld *x, const struct dom *d, const struct xenctl_dominfo *info, xld_findings *f)
{
	char *why = crash_text(x->xc, info);
	bool crashed = info->crashed;

	if (d->move) {			/* explain_move() says what to do */
		say(f, XLD_INFO, "state", "", "it does not run here (%s)", why);
		free(why);
		return;
	}

	say(f, crashed ? XLD_BAD : XLD_INFO, "state",
	    info->shutdown_reason == STOP_SUSPEND ? "`xl resume` lets it go on" : crashed ?
	    "`xl dump-core` keeps it for gdb; `xl destroy` removes it" : "`xl destroy` removes it",
	    "it has stopped (%s) and keeps its memory", why);
	free(why);
}

static void explain_run(struct xld *x, const struct dom *d, const struct xenctl_dominfo *info, xld_findings *f)
{
	unsigned int running = 0, blocked = 0, online = 0;
	struct xenctl_vcpuinfo v;

	for (uint32_t i = 0; i <= info->max_vcpu_id; i++) {
		if (xenctl_vcpu_info(x->xc, d->domid, i, &v) || !v.online)
			continue;
		online++;
		running += v.running;
		blocked += v.blocked;
	}
	if (d->phase == PHASE_ARRIVED)
		say(f, XLD_INFO, "state", "", "it is complete and paused; who has it is not settled");
	else if (info->paused)
		say(f, XLD_WARN, "state", d->dump.temp ? "" : "`xl unpause` lets it run", "it is paused%s",
		    d->dump.temp ? " while its core is dumped" : "");
	else if (blocked == online && online)
		say(f, XLD_GOOD, "state", "", "it is idle: its vCPUs (%u) wait for an event", online);
	else
		say(f, XLD_GOOD, "state", "",
		    "it works: vCPUs on a CPU %u, that want one %u, that wait for an event %u", running, online - running - blocked, blocked);
}

static void explain_memory(struct xld *x, const struct dom *d, const struct xenctl_dominfo *info, xld_findings *f)
{
	char *s = x->xs ? xs_readf(x->xs, XBT_NULL, "/local/domain/%u/memory/target", d->domid) : NULL;
	uint64_t target = s ? strtoull(s, NULL, 10) : 0, has = info->tot_pages * 4;

	free(s);
	if (target && has > target + 4096)
		say(f, XLD_WARN, "memory", "its kernel may have no balloon driver, or need what it has",
		    "%llu MiB; it was asked to go down to %llu MiB and has not",
		    (unsigned long long)has >> 10, (unsigned long long)target >> 10);
	else if (target && has + 4096 < target)
		say(f, XLD_WARN, "memory", "its kernel takes it when it needs it and the host has it",
		    "%llu MiB; it may have %llu MiB", (unsigned long long)has >> 10, (unsigned long long)target >> 10);
	else
		say(f, XLD_GOOD, "memory", "", "%llu MiB", (unsigned long long)has >> 10);
}

/* What was asked of its kernel over the store, and has no answer. */
static void explain_kernel(struct xld *x, const struct dom *d, xld_findings *f)
{
	char *ask = xs_readf(x->xs, XBT_NULL, "/local/domain/%u/control/shutdown", d->domid);
	char *able = xs_readf(x->xs, XBT_NULL, "/local/domain/%u/control/feature-suspend", d->domid);

	if (!able || !*able)
		say(f, XLD_WARN, "kernel", "its console tells how far it got: `xl console`",
		    "its kernel has not connected to xenstore: it is still booting, or is not Linux, or hangs");
	if (ask && *ask)
		say(f, XLD_WARN, "request", "`xl destroy` ends it without its help",
		    "it was asked for '%.32s' and has not reacted", ask);
	free(ask);
	free(able);
}

static int node_number(struct xld *x, const char *dir, const char *key)
{
	char *s = xs_readf(x->xs, XBT_NULL, "%s/%s", dir, key);
	int n = s ? atoi(s) : 0;

	free(s);
	return n;
}

/* What to do about a device whose ends are in these states. */
static const char *device_advice(int front, int back)
{
	if (back == 4 && front == 4)
		return "";
	if (!back)
		return "its back end is gone: detach and attach it again";
	if (back < 4 && front == 1)
		return "the guest's kernel has not come to it yet, or has no driver for it";
	if (back <= 2)
		return "dom0 has not prepared it: is its back end's module loaded, does its file or bridge exist?";
	if (front >= 5)
		return "the guest has closed it: detach it, or reload the driver in the guest";
	return "one end waits for the other; detach and attach it again if it stays so";
}

static void explain_device(struct xld *x, const struct device *dev, xld_findings *f)
{
	char back[DEVICE_PATH_MAX], front[DEVICE_PATH_MAX], label[32];
	int b = node_number(x, device_back(dev, back), "state"), a = node_number(x, device_front(dev, front), "state");
	char *what = xs_readf(x->xs, XBT_NULL, "%s/%s", back, dev->kind == DEV_VIF ? "bridge" : "params");
	char *why = xs_readf(x->xs, XBT_NULL, "%s/hotplug-error", back);

	if (!why || !*why) {
		free(why);
		why = xs_readf(x->xs, XBT_NULL, "/local/domain/0/error/backend/%s/%u/%u/error", device_type(dev->kind),
			       dev->domid, dev->devid);
	}
	say(f, a == 4 && b == 4 ? XLD_GOOD : XLD_WARN, device_label(dev, label), device_advice(a, b),
	    "%s%sguest's end %s, dom0's end %s%s%.200s", what ? what : "", what && *what ? ": " : "",
	    device_state_name(a), device_state_name(b), why && *why ? "; it says: " : "", why ? why : "");
	free(what);
	free(why);
}

static void explain_devices(struct xld *x, const struct dom *d, xld_findings *f)
{
	for (enum dev_kind kind = 0; kind < NR_DEV_KINDS; kind++) {
		struct device dev = { .kind = kind, .domid = d->domid };
		size_t n = 0;
		uint32_t *ids = device_list(x->xs, kind, d->domid, &n);

		for (size_t i = 0; i < n; i++) {
			dev.devid = ids[i];
			explain_device(x, &dev, f);
		}
		free(ids);
	}
}

static void explain_console(struct xld *x, const struct dom *d, xld_findings *f)
{
	char *tty = xs_readf(x->xs, XBT_NULL, "/local/domain/%u/console/tty", d->domid);

	if (tty && *tty)
		say(f, XLD_GOOD, "console", "", "%s", tty);
	else
		say(f, XLD_WARN, "console", "start xenconsoled if it is not running", "nobody serves its console");
	free(tty);
}

/* A migration of it that goes on, or whose end is not known at both ends yet. */
static void explain_move(const struct dom *d, xld_findings *f)
{
	const struct move *m = d->move;
	bool waits = m->waits || d->phase == PHASE_ARRIVED || (!m->incoming && m->state == SRC_GIVEN && !d->job);
	char *text = move_waits(m);

	say(f, waits ? XLD_WARN : XLD_INFO, "migration", waits ? "`xl migrate-recover` shows it and can settle it" : "",
	    "%s %s: %s%s%s", m->incoming ? "from" : "to", m->peer, move_describe(m), *text ? "; " : "", text);
	free(text);
}

static void explain_work(const struct dom *d, xld_findings *f)
{
	if (d->job)
		say(f, XLD_INFO, "job", "", "%s%s", job_text(d),
		    d->restarting ? "; it is started again afterwards" : "");
	else if (d->phase == PHASE_DESTROYING)
		say(f, XLD_WARN, "job", "is xenstored running? `xl destroy` tries again",
		    "it is to be destroyed, and that could not be finished yet");
	if (d->move)
		explain_move(d, f);
	if (d->next_cfg)
		say(f, XLD_INFO, "configuration", "", "another one counts from its next start on (xl config-update)");
	if (!d->ours)
		say(f, XLD_INFO, "origin", "", "another tool has made it: its on_* are not xld's business");
	if (d->quick_stops)
		say(f, XLD_WARN, "restarts", "", "it has stopped %u times in a row soon after its start",
		    d->quick_stops);
}

bool call_explain(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_domain *a = args;
	xld_findings *f = ret;
	struct dom *d = dom_find(x, a->name, "explain domain", err);
	struct xenctl_dominfo info;

	(void)c, (void)serial, (void)later;
	if (!d && explain_gone(a->name, f)) {
		rpc_release((xdrproc_t)xdr_xld_error, err);
		memset(err, 0, sizeof(*err));
		return true;
	}
	if (!d)
		return false;
	say(f, XLD_INFO, "domain", "", "%s, id %d", d->name, d->domid == DOMID_NONE ? -1 : (int)d->domid);
	explain_work(d, f);
	if (d->domid == DOMID_NONE || xenctl_domain_info(x->xc, d->domid, &info)) {
		say(f, XLD_WARN, "state", "", "the hypervisor does not have it %s",
		    d->phase == PHASE_CREATING ? "yet" : "any more");
		return true;
	}
	if (info.dying)
		say(f, XLD_WARN, "state", "a back end in dom0 may hold its memory: `xl debug-keys g` lists grants",
		    "it is dying: %llu pages are still held", (unsigned long long)info.tot_pages);
	else if (info.shutdown)
		explain_stop(x, d, &info, f);
	else
		explain_run(x, d, &info, f);
	explain_memory(x, d, &info, f);
	if (!x->xs) {
		say(f, XLD_BAD, "xenstore", "start xenstored", "there is no connection to it: devices are not known");
		return true;
	}
	if (d->domid && !info.shutdown)
		explain_kernel(x, d, f);
	if (d->domid)
		explain_console(x, d, f);
	explain_devices(x, d, f);
	return true;
}

/* --- the console's log --- */

char *console_log_path(const char *name)
{
	char *path = xasprintf("%s/guest-%s.log", CONSOLE_LOG_DIR, name);

	for (char *p = path + strlen(CONSOLE_LOG_DIR) + strlen("/guest-"); *p; p++)
		*p = conlog_char(*p);
	return path;
}

bool call_tail(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_tail *a = args;
	xld_tail_text *r = ret;
	char *path = console_log_path(a->name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t most = a->most > XLD_TAIL_MAX ? XLD_TAIL_MAX : a->most;
	struct stat st = { 0 };
	uint64_t from;
	ssize_t n;

	(void)x, (void)c, (void)serial, (void)later;
	if (fd < 0 && errno != ENOENT) {
		xld_fail(err, XLD_E_INTERNAL, "read the console of", a->name, "", "%s: %s", path, strerror(errno));
		free(path);
		return false;
	}
	free(path);
	if (fd < 0)
		return true;
	fstat(fd, &st);
	r->size = (uint64_t)st.st_size;
	r->file = st.st_ino;
	from = a->file == r->file && a->from <= r->size ? a->from : 0;
	if (r->size - from > most)
		from = r->size - most;
	r->text.text_val = xcalloc(most + 1, 1);
	n = pread(fd, r->text.text_val, most, (off_t)from);
	r->text.text_len = n > 0 ? (u_int)n : 0;
	close(fd);
	return true;
}
