/* SPDX-License-Identifier: MIT */
/*
 * The target of a migration: the offer, and what its worker does beyond a create.
 *
 * The worker makes the whole domain with all its devices before it accepts, so that what is missing here (memory, CPU
 * features, disks, bridges) is known before the first byte, and little is left to do while the guest stands still.
 * Then it reads the stream, writes down that the domain is complete, and waits for word that it is ours.
 *
 * A worker that ends before that leaves nothing (receive_over() has it destroyed); one that ends later leaves a paused
 * domain which waits until the source says what is to become of it (settle.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "domcfg/disk.h"
#include "migrate/migrate.h"
#include "move.h"
#include "public/domctl.h"
#include "public/xen.h"

#define WHAT		"receive domain"
#define SILENT_S	120		/* a source that sends nothing for so long is given up */
#define GIVEN_MS	60000
#define ALIVE_MS	10000
#define DONE_MS		3000
#define POLL_MS		2
#define HISTORY_FILE	"/run/xen-lite/console-%u.history"	/* xenconsoled takes it and removes it */
#define STORE_REQ_PROD	2052		/* in the page of a store ring */

#define FAIL(d, code, advice, ...) xld_fail(err, code, WHAT, (d)->name, advice, __VA_ARGS__)

/* --- in the worker: the answer to the offer --- */

static void reply(const struct dom *d, int peer, uint32_t status, xdrproc_t xdr, const void *obj)
{
	struct rpc_header h = { .program = XLD_PROGRAM, .version = XLD_VERSION, .proc = XLD_MIGRATE_OFFER,
				.type = XLD_REPLY, .serial = d->offer->serial, .status = status };

	worker_send(peer, &h, xdr, obj);
}

void receive_refuse(const struct dom *d, int peer, bool accepted, const xld_error *err)
{
	if (accepted)
		commit_send(peer, COMMIT_FAILED, err->cause);
	else
		reply(d, peer, XLD_ERROR, (xdrproc_t)xdr_xld_error, err);
}

static bool check_cpu(const struct dom *d, struct xenctl *xc, uint32_t domid, xld_error *err)
{
	char names[160];
	int n = migrate_cpu_missing(xc, domid, d->offer->cpu, d->offer->cpu_leaves, names, sizeof(names));

	if (n < 0)
		return FAIL(d, XLD_E_HYPERVISOR, "", "cannot ask which CPU a guest sees here: %s", strerror(-n));
	return !n || FAIL(d, XLD_E_UNSUPPORTED, "move it to a host with the same or a newer CPU",
				"the CPU of this host lacks what the guest has seen: %s", names);
}

bool receive_accept(const struct dom *d, struct xenctl *xc, uint32_t domid, int peer, xld_error *err)
{
	struct timeval t = { .tv_sec = SILENT_S };
	xld_accepted a = { .domid = domid };
	struct utsname u;

	if (!check_cpu(d, xc, domid, err))
		return false;
	uname(&u);
	a.host = u.nodename;
	setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	reply(d, peer, XLD_OK, (xdrproc_t)xdr_xld_accepted, &a);
	return !(d->move->flags & XLD_MIGRATE_CHECK) || FAIL(d, XLD_E_CANCELLED, "", "it was only a question");
}

/* --- the stream --- */

static int say_caught_up(void *peer)
{
	return commit_send(*(int *)peer, COMMIT_CAUGHT_UP, NULL);
}

bool receive_memory(struct xenctl *xc, const struct dom *d, uint32_t domid, const uint32_t ports[2], int peer, int fd,
		    struct restored *r, xld_error *err)
{
	struct restore_params p = { .domid = domid, .more = true, .caught_up = say_caught_up, .arg = &peer };
	struct timeval t = { .tv_sec = SILENT_S };
	int lane[XLD_LANES_MAX], rc;
	char why[STREAM_WHY];

	p.lanes = lane;
	for (p.nr_lanes = 0; p.nr_lanes < d->offer->nr_lanes; p.nr_lanes++) {
		lane[p.nr_lanes] = peer + 1 + (int)p.nr_lanes;
		setsockopt(lane[p.nr_lanes], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	}
	worker_progress(fd, "%s: it is being received from %s", d->move->name, d->move->peer);
	rc = restore_stream(xc, d, &p, ports, peer, r, why);
	if (rc == -ENOMEM)
		return FAIL(d, XLD_E_NO_MEMORY, "`xl info` shows how much memory is free", "%s", why);
	return !rc || FAIL(d, XLD_E_BUILD, "", "%s", why);
}

void receive_console(uint32_t domid, const struct restored *r)
{
	char *path = xasprintf(HISTORY_FILE, domid);
	int fd = r->console_len ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;

	if (fd >= 0 && write(fd, r->console, r->console_len) != (ssize_t)r->console_len)
		xld_log("cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(path);
}

/* --- and who owns it --- */

/* How far the guest has come with its requests to xenstored: a guest that goes on asks soon. */
static bool store_requests(struct xenctl *xc, uint32_t domid, uint64_t mfn, uint32_t *n)
{
	void *map;

	if (xenctl_map_foreign_page(xc, domid, PROT_READ, mfn, &map))
		return false;
	memcpy(n, (const char *)map + STORE_REQ_PROD, sizeof(*n));
	xenctl_unmap(map, 1);
	return true;
}

static bool seen_alive(struct xenctl *xc, uint32_t domid, uint64_t store_mfn, uint32_t before, char why[128])
{
	struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	struct xenctl_dominfo info;
	uint32_t now;

	for (int ms = 0; ms < ALIVE_MS; ms += POLL_MS) {
		if (store_requests(xc, domid, store_mfn, &now) && now != before)
			return true;
		if (!xenctl_domain_info(xc, domid, &info) && info.shutdown) {
			snprintf(why, 128, "it stopped at once (%s)", life_reason_name(info.shutdown_reason));
			return false;
		}
		nanosleep(&pause, NULL);
	}
	snprintf(why, 128, "it was started and did nothing for %d s", ALIVE_MS / 1000);
	return false;
}

/* Once the domain is ours, nothing that goes wrong with the connection changes that. true: the source knows it, too. */
static bool start(const struct xld *x, const struct dom *d, struct xenctl *xc, uint32_t domid, uint64_t store_mfn,
		  int peer)
{
	bool paused = d->move->flags & XLD_MIGRATE_PAUSED;
	char why[COMMIT_TEXT];
	enum commit_kind kind;
	uint32_t before = 0;

	store_requests(xc, domid, store_mfn, &before);
	if (!paused && xenctl_domain_unpause(xc, domid))
		xld_log("%s: cannot be unpaused", d->name);
	migrate_point(x, "target-runs", peer);
	commit_send(peer, COMMIT_STARTED, NULL);
	migrate_point(x, "target-told", peer);
	if (paused || seen_alive(xc, domid, store_mfn, before, why))
		commit_send(peer, COMMIT_ALIVE, NULL);
	else
		commit_send(peer, COMMIT_SILENT, why);
	return !commit_receive(peer, DONE_MS, &kind, why) && kind == COMMIT_DONE;
}

static bool journal(const struct xld *x, const struct dom *d, enum dst_state state, xld_error *err)
{
	int rc = move_write(x, d->move, state);

	return !rc || FAIL(d, XLD_E_INTERNAL, "is there room on the file system?",
			   "cannot write the journal below %s/migrations: %s", x->lib_dir, strerror(-rc));
}

bool receive_commit(const struct xld *x, const struct dom *d, struct xenctl *xc, uint32_t domid, uint64_t store_mfn,
		    int peer, bool *settled, xld_error *err)
{
	enum commit_kind kind = 0;
	char text[COMMIT_TEXT];
	int rc;

	signal(SIGPIPE, SIG_IGN);
	migrate_point(x, "target-received", peer);
	if (!journal(x, d, DST_PREPARED, err))
		return false;
	migrate_point(x, "target-prepared", peer);
	rc = commit_send(peer, COMMIT_PREPARED, NULL);
	migrate_point(x, "target-waits", peer);
	if (!rc)
		rc = commit_receive(peer, GIVEN_MS, &kind, text);
	if (rc || kind != COMMIT_GIVEN)
		return FAIL(d, XLD_E_UNREACHABLE, "`xl migrate-recover` shows how it stands",
			    "the source has not said that it is ours: %s", rc ? strerror(-rc) : "it said something else");
	migrate_point(x, "target-given", peer);
	if (!journal(x, d, DST_STARTED, err))
		return false;
	migrate_point(x, "target-started", peer);
	*settled = start(x, d, xc, domid, store_mfn, peer);
	return true;
}

/* --- in the daemon --- */

bool receive_named(const struct dom *d)
{
	return !strcmp(d->name, d->move->name);
}

void receive_take_name(struct xld *x, struct dom *d)
{
	struct move *m = d->move;
	struct dom *old = dom_by_uuid(x, m->uuid);
	uint8_t fresh[16];
	char *away;

	/* Migrated to where it was: the old one makes room, unless it is just going. */
	if (old && old->move && !old->move->incoming && !memcmp(old->move->token, m->token, 16) &&
	    old->phase != PHASE_DESTROYING) {
		uuid_generate(fresh);
		away = xasprintf("%.200s--migratedaway", m->name);
		dom_rename(x, old, fresh, away);
		free(away);
	}
	if (!dom_by_uuid(x, m->uuid) && !dom_by_name(x, m->name) && !dom_rename(x, d, m->uuid, m->name))
		xld_log("%s: cannot be renamed to %s yet", d->name, m->name);
}

void receive_arrived(struct xld *x, struct dom *d)
{
	char path[64];

	d->phase = PHASE_LIVE;
	d->stop_seen = false;
	receive_take_name(x, d);
	state_save(x, d);
	if (x->xs) {
		snprintf(path, sizeof(path), "/local/domain/%u/console/stays", d->domid);
		xs_write(x->xs, XBT_NULL, path, "1", 1);	/* xenconsoled may begin its log */
	}
	xld_log("%s: received from %s, domain %u", d->name, d->move->peer, d->domid);
}

/* A domain of ours that should run and was not let run by the worker that did not come so far. */
static void let_run(struct xld *x, struct dom *d)
{
	struct xenctl_dominfo info;

	if (!xenctl_domain_info(x->xc, d->domid, &info) && info.paused && !(d->move->flags & XLD_MIGRATE_PAUSED))
		xenctl_domain_unpause(x->xc, d->domid);
}

bool receive_over(struct xld *x, struct dom *d)
{
	struct move *m = d->move;
	uint32_t domid;

	if (!m->state)
		move_forget(x, m);
	if (!d->move || domid_by_uuid(x->xc, d->uuid, &domid))	/* not complete, or gone */
		return true;
	d->domid = domid;
	if (m->state == DST_STARTED) {
		let_run(x, d);
		receive_arrived(x, d);
		return false;
	}
	if (m->state == DST_PREPARED) {
		d->phase = PHASE_ARRIVED;
		state_save(x, d);
		xld_log("%s: it is complete; it waits until %s says whose it is", d->name, m->peer);
	}
	return false;
}

static bool name_free(struct xld *x, const struct domcfg *cfg, const uint8_t token[16], xld_error *err)
{
	struct dom *taken;
	size_t n;

	free(dom_refresh(x, &n));
	for (taken = x->doms; taken; taken = taken->next) {
		if (taken->move && !taken->move->incoming && !memcmp(taken->move->token, token, 16))
			continue;
		if (!strcmp(taken->move && taken->move->incoming ? taken->move->name : taken->name, cfg->name))
			return xld_fail(err, XLD_E_EXISTS, WHAT, cfg->name, "rename one of them",
					"a domain of this name exists here");
		if (!memcmp(taken->uuid, cfg->uuid, 16))
			return xld_fail(err, XLD_E_EXISTS, WHAT, cfg->name, "",
					"domain '%s' here has the same uuid", taken->name);
	}
	return true;
}

/* Two programs must not have an image open at the same time, unless it is plain or they only read. */
static bool disk_can_move(const char *spec)
{
	struct cfg_disk c;
	char *why = NULL;
	bool ok = disk_parse(&c, spec, &why) && (c.backend == DISK_PHY || c.format == DISK_RAW || c.readonly);

	disk_free(&c);
	free(why);
	return ok;
}

static bool disks_possible(const struct domcfg *cfg, xld_error *err)
{
	for (size_t i = 0; i < cfg->disk.n; i++)
		if (!disk_can_move(cfg->disk.item[i]))
			return xld_fail(err, XLD_E_UNSUPPORTED, WHAT, cfg->name,
					"use a raw image or a block device that both hosts see, or NBD",
					"disk '%s': an image of this format cannot be open at both ends",
					cfg->disk.item[i]);
	return true;
}

static bool read_offer(const char *text, struct domcfg *cfg, xld_error *err)
{
	struct domcfg_diag diag = { .file = "configuration" };
	bool ok = domcfg_from_json(cfg, text, strlen(text), &diag) && domcfg_check(cfg, &diag) && cfg->has_uuid &&
		  cfg->name;

	if (!ok)
		xld_fail(err, XLD_E_CONFIG, WHAT, cfg->name ? cfg->name : "?", "", "%s",
			 diag.text ? diag.text : "it has no name or uuid");
	domcfg_diag_free(&diag);
	return ok;
}

static bool stream_known(const xld_offer *o, xld_error *err)
{
	return o->stream <= STREAM_VERSION ||
	       xld_fail(err, XLD_E_UNSUPPORTED, WHAT, "?", "install the newer xen-lite on the target first",
			"%s sends migration streams of version %u, this host reads up to version %u", o->from, o->stream,
			STREAM_VERSION);
}

static struct offer *keep_offer(const xld_offer *o, struct client *const lane[XLD_LANES_MAX], struct client *c,
				uint32_t serial)
{
	struct offer *k = xcalloc(1, sizeof(*k));

	memcpy(k->lane, lane, sizeof(k->lane));
	k->nr_lanes = o->lanes;
	k->serial = serial;
	k->client = c;
	k->cpu_leaves = o->cpu.cpu_len / sizeof(*k->cpu);
	k->cpu = xcalloc(k->cpu_leaves, sizeof(*k->cpu));
	memcpy(k->cpu, o->cpu.cpu_val, k->cpu_leaves * sizeof(*k->cpu));
	return k;
}

/* The connections that it will come by, beside c, are there. */
static bool find_lanes(struct xld *x, const struct client *c, const xld_offer *o, struct client *lane[XLD_LANES_MAX],
		       xld_error *err)
{
	if (o->lanes >= XLD_LANES_MAX)
		return xld_fail(err, XLD_E_INVALID, WHAT, "?", "", "%u connections, %u at most", o->lanes + 1,
				XLD_LANES_MAX);
	for (u_int i = 0; i < o->lanes; i++) {
		lane[i] = client_lane(x, c, (const uint8_t *)o->token, i + 1);
		if (!lane[i])
			return xld_fail(err, XLD_E_UNREACHABLE, WHAT, "?", "", "connection %u of %u is gone", i + 2,
					o->lanes + 1);
	}
	return true;
}

bool call_lane(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	const xld_lane *l = args;
	const uint8_t *token = (const uint8_t *)l->token;

	(void)serial, (void)ret, (void)later;
	if (!l->number || l->number >= XLD_LANES_MAX || client_lane(x, NULL, token, l->number))
		return xld_fail(err, XLD_E_INVALID, WHAT, "?", "",
				"connection %u of this migration is there, or cannot be", l->number + 1);
	client_become_lane(c, token, l->number);
	return true;
}

/* What it is to be from its next start on, if that is something else. */
static bool next_from_offer(const xld_offer *o, struct domcfg **next, xld_error *err)
{
	struct domcfg *n;

	if (!*o->next)
		return true;
	n = xcalloc(1, sizeof(*n));
	domcfg_init(n);
	if (read_offer(o->next, n, err)) {
		*next = n;
		return true;
	}
	domcfg_free(n);
	free(n);
	return false;
}

bool call_offer(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_offer *o = args;
	const uint8_t *token = (const uint8_t *)o->token;
	struct domcfg cfg, *next = NULL;
	struct client *lane[XLD_LANES_MAX] = { NULL };
	struct dom *d;
	bool ok;

	(void)ret;
	domcfg_init(&cfg);
	ok = !move_find(x, true, token) || xld_fail(err, XLD_E_EXISTS, WHAT, "?", "", "this token was used before");
	ok = ok && stream_known(o, err) && read_offer(o->config, &cfg, err) && name_free(x, &cfg, token, err) &&
	     disks_possible(&cfg, err) && find_lanes(x, c, o, lane, err) && next_from_offer(o, &next, err);
	if (!ok) {
		domcfg_free(&cfg);
		return false;
	}
	d = dom_new(x, token, "");
	free(d->name);
	d->name = xasprintf("%.200s--incoming", cfg.name);
	d->move = move_new(x, true, token, cfg.name, cfg.uuid, o->from, o->flags);
	d->offer = keep_offer(o, lane, c, serial);
	config_rename(&cfg, token, d->name);
	if (next)
		config_rename(next, token, d->name);
	domcfg_free(&d->cfg);
	d->cfg = cfg;
	d->next_cfg = next;
	d->ours = true;
	job_receive(x, d);
	*later = true;
	return false;
}
