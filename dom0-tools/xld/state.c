/* SPDX-License-Identifier: MIT */
/*
 * The registry on disk: one JSON file per domain of ours, named by its UUID, below STATE_DIR/domains.
 *
 * Invariant: a record is written before a worker may create anything for it and removed after its destroy job has
 * succeeded, so all that a killed xld left behind can be found. Written whole and renamed into place; /run is memory,
 * so there is nothing to sync.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "move.h"

static const char *const phase_names[] = {
	[PHASE_CREATING] = "creating", [PHASE_LIVE] = "live",
	[PHASE_DESTROYING] = "destroying", [PHASE_ARRIVED] = "arrived",
};

static char *record_path(const struct xld *x, const struct dom *d, const char *suffix)
{
	char uuid[37];

	uuid_format(d->uuid, uuid);
	return xasprintf("%s/domains/%s.json%s", x->state_dir, uuid, suffix);
}

/* A device job that is under way, or NULL. */
static json_t *request_to_json(const struct dom *d)
{
	const struct dev_request *r = &d->request;

	if (r->verb != DEV_ATTACH && r->verb != DEV_DETACH)
		return NULL;
	return json_pack("{s:b, s:i, s:b, s:b, s:b}", "vif", r->kind == DEV_VIF, "devid", (int)r->devid, "force",
			 r->force, "new", !!r->spec, "keep", r->keep);
}

static json_t *move_to_json(const struct dom *d)
{
	char token[37];

	if (!d->move)
		return NULL;
	uuid_format(d->move->token, token);
	return json_pack("{s:s, s:b}", "token", token, "incoming", d->move->incoming);
}

static json_t *next_to_json(const struct dom *d)
{
	char *text = d->next_cfg ? domcfg_to_json(d->next_cfg) : NULL;
	json_t *o = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	return o;
}

static json_t *record_to_json(const struct dom *d)
{
	char tag[37];
	char *text = domcfg_to_json(&d->cfg);
	json_t *cfg = json_loads(text, 0, NULL);

	uuid_format(d->tag, tag);
	free(text);
	return json_pack("{s:s, s:b, s:i, s:b, s:I, s:i, s:b, s:o, s:o*, s:s*, s:s, s:o*, s:s*, s:b, s:o*}", "phase",
			 phase_names[d->phase],
			 "restarting", d->restarting,
			 "domid", d->domid == DOMID_NONE ? -1 : (int)d->domid, "start_paused", d->start_paused,
			 "start_time", (json_int_t)d->start_time, "quick_stops", (int)d->quick_stops,
			 "stop_seen", d->stop_seen, "config", cfg, "device", request_to_json(d), "saving",
			 d->save.temp, "tag", tag, "move", move_to_json(d), "dumping", d->dump.temp, "paused_for_dump",
			 d->dump.paused, "next", next_to_json(d));
}

bool state_save(struct xld *x, const struct dom *d)
{
	char *path = record_path(x, d, ""), *tmp = record_path(x, d, ".new");
	json_t *o = mem_check(record_to_json(d));
	bool ok = !json_dump_file(o, tmp, JSON_INDENT(4)) && !rename(tmp, path);

	if (!ok) {
		xld_log("%s: cannot write %s: %s", d->name, path, strerror(errno));
		unlink(tmp);
	}
	json_decref(o);
	free(path);
	free(tmp);
	return ok;
}

void state_remove(struct xld *x, const struct dom *d)
{
	char *path = record_path(x, d, "");

	if (unlink(path) && errno != ENOENT)
		xld_log("%s: cannot remove %s: %s", d->name, path, strerror(errno));
	free(path);
}

static bool config_from_record(struct domcfg *cfg, json_t *j, const char *path)
{
	struct domcfg_diag diag = { .file = path };
	char *text = json_dumps(j, 0);
	bool ok;

	domcfg_init(cfg);
	ok = text && domcfg_from_json(cfg, text, strlen(text), &diag) && domcfg_check(cfg, &diag) && cfg->has_uuid;
	if (diag.text)
		xld_log("%s", diag.text);
	domcfg_diag_free(&diag);
	free(text);
	return ok;
}

/* What was not finished with a device: an attach is taken back, a detach done again. */
static void request_from_record(struct dom *d, json_t *o)
{
	int vif = 0, devid = 0, force = 0, new = 0, keep = 0;

	if (!o || json_unpack(o, "{s:b, s:i, s:b, s:b, s?b}", "vif", &vif, "devid", &devid, "force", &force, "new", &new,
			      "keep", &keep))
		return;
	d->request.verb = DEV_DETACH;
	d->request.kind = vif ? DEV_VIF : DEV_VBD;
	d->request.devid = (uint32_t)devid;
	d->request.spec = new ? xstrdup("") : NULL;
	d->request.force = force || new;
	d->request.keep = keep;
}

/* A migration that has no journal had not begun. */
static void move_from_record(struct xld *x, struct dom *d, json_t *o)
{
	const char *text = "";
	uint8_t token[16];
	int incoming = 0;

	if (o && !json_unpack(o, "{s:s, s:b}", "token", &text, "incoming", &incoming) && uuid_parse(text, token))
		d->move = move_find(x, incoming, token);
	if (o && !d->move)
		d->move = move_new(x, incoming, token, d->name, d->uuid, "", 0);
}

/* What config-update has said. A record without it, or with one that is wrong, means: as it is. */
static void next_from_record(struct dom *d, json_t *o, const char *path)
{
	if (!o)
		return;
	d->next_cfg = xcalloc(1, sizeof(*d->next_cfg));
	if (!config_from_record(d->next_cfg, o, path))
		config_forget_next(d);
}

static struct dom *dom_from_record(struct xld *x, json_t *o, const char *path)
{
	int domid = -1, restarting = 0, start_paused = 0, quick_stops = 0, stop_seen = 0;
	json_int_t start_time = 0;
	const char *phase = "";
	json_t *j = NULL;
	struct domcfg cfg;
	struct dom *d;

	if (json_unpack(o, "{s:s, s:b, s:i, s:b, s:I, s:i, s:b, s:o}", "phase", &phase, "restarting", &restarting,
			"domid", &domid, "start_paused", &start_paused, "start_time", &start_time, "quick_stops",
			&quick_stops, "stop_seen", &stop_seen, "config", &j))
		return NULL;
	if (!config_from_record(&cfg, j, path)) {
		domcfg_free(&cfg);
		return NULL;
	}
	d = dom_new(x, cfg.uuid, cfg.name);
	d->cfg = cfg;
	d->ours = true;
	d->domid = domid < 0 ? DOMID_NONE : (uint32_t)domid;
	d->restarting = restarting;
	d->start_paused = start_paused;
	d->start_time = (uint64_t)start_time;
	d->quick_stops = (unsigned int)quick_stops;
	d->stop_seen = stop_seen;
	request_from_record(d, json_object_get(o, "device"));
	uuid_parse(json_is_string(json_object_get(o, "tag")) ? json_string_value(json_object_get(o, "tag")) : "", d->tag);
	move_from_record(x, d, json_object_get(o, "move"));
	if (json_is_string(json_object_get(o, "saving")))
		d->save.temp = xstrdup(json_string_value(json_object_get(o, "saving")));
	if (json_is_string(json_object_get(o, "dumping")))
		d->dump.temp = xstrdup(json_string_value(json_object_get(o, "dumping")));
	d->dump.paused = json_is_true(json_object_get(o, "paused_for_dump"));
	next_from_record(d, json_object_get(o, "next"), path);
	for (unsigned int i = 0; i < sizeof(phase_names) / sizeof(phase_names[0]); i++)
		if (!strcmp(phase, phase_names[i]))
			d->phase = i;
	return d;
}

static void load_one(struct xld *x, const char *path)
{
	json_error_t err;
	json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, &err);
	struct dom *d = o ? dom_from_record(x, o, path) : NULL;

	json_decref(o);
	if (!d) {
		xld_log("%s: not a record of a domain; it is left alone", path);
		return;
	}
	xld_log("%s: known from an earlier run, %s", d->name, phase_names[d->phase]);
}

/* What was under way with it. */
static void take_up(struct xld *x, struct dom *d)
{
	if (d->phase == PHASE_LIVE && d->dump.temp) {
		d->stop_seen = false;	/* if it has stopped, what its on_* wants is still to be done */
		dump_undo(x, d);
	}
	if (d->move && d->move->incoming) {
		if (receive_over(x, d))
			job_destroy(x, d);
	} else if (d->phase != PHASE_LIVE) {
		job_destroy(x, d);
	} else if (d->move && !d->move->state) {
		suspend_undo(x, d);
		move_forget(x, d->move);
	} else if (d->save.temp) {
		save_undo(x, d);
	} else if (d->request.verb == DEV_DETACH) {
		job_device(x, d);
	}
}

void state_load(struct xld *x)
{
	char *dir = xasprintf("%s/domains", x->state_dir), *path;
	struct dirent *e;
	size_t n;
	DIR *dp;

	moves_load(x);
	if (mkdir(dir, 0700) && errno != EEXIST)
		xld_log("cannot make %s: %s", dir, strerror(errno));
	durable_tidy(dir);
	dp = opendir(dir);
	while (dp && (e = readdir(dp))) {
		n = strlen(e->d_name);
		if (n < 5 || strcmp(e->d_name + n - 5, ".json"))
			continue;
		path = xasprintf("%s/%s", dir, e->d_name);
		load_one(x, path);
		free(path);
	}
	if (dp)
		closedir(dp);
	free(dir);
	/* All of them are known before any is touched: one may be about to get the name of another. */
	for (struct dom *d = x->doms; d; d = d->next)
		take_up(x, d);
	for (struct move *m = x->moves, *next; m; m = next) {
		next = m->next;
		settle_restart(x, m);
	}
}
