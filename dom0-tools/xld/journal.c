/* SPDX-License-Identifier: MIT */
/*
 * The journal of migrations: one JSON file for each, below LIB_DIR/migrations, replaced as a whole and synced, so that
 * after any crash or power cut it says the old state or the new one.
 *
 * Invariant: while a worker is about a migration only the worker writes its file, else only the daemon does.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "move.h"

static const char *const src_names[] = {
	[SRC_SENDING] = "sending", [SRC_GIVEN] = "given", [SRC_KEPT] = "kept", [SRC_DONE] = "done",
};
static const char *const dst_names[] = { [DST_PREPARED] = "prepared", [DST_STARTED] = "started" };

static const char *state_name(bool incoming, int state)
{
	return incoming ? dst_names[state] : src_names[state];
}

/* 0: no such state. */
static int state_by_name(bool incoming, const char *name)
{
	int n = incoming ? DST_STARTED : SRC_DONE;

	for (int i = 1; i <= n; i++)
		if (!strcmp(name, state_name(incoming, i)))
			return i;
	return 0;
}

static char *directory(const struct xld *x)
{
	return xasprintf("%s/migrations", x->lib_dir);
}

static char *file_of(const struct xld *x, const struct move *m, const char *suffix)
{
	char token[37];

	uuid_format(m->token, token);
	return xasprintf("%s/migrations/%s-%s.json%s", x->lib_dir, token, m->incoming ? "in" : "out", suffix);
}

struct move *move_new(struct xld *x, bool incoming, const uint8_t token[16], const char *name, const uint8_t uuid[16],
		      const char *peer, uint32_t flags)
{
	struct move *m = xcalloc(1, sizeof(*m));

	*m = (struct move){ .next = x->moves, .incoming = incoming, .name = xstrdup(name), .peer = xstrdup(peer),
			    .flags = flags };
	memcpy(m->token, token, 16);
	memcpy(m->uuid, uuid, 16);
	x->moves = m;
	return m;
}

struct move *move_find(struct xld *x, bool incoming, const uint8_t token[16])
{
	struct move *m;

	for (m = x->moves; m && (m->incoming != incoming || memcmp(m->token, token, 16)); m = m->next)
		;
	return m;
}

struct dom *move_dom(struct xld *x, const struct move *m)
{
	struct dom *d;

	for (d = x->doms; d && d->move != m; d = d->next)
		;
	return d;
}

/* --- on disk --- */

static char *to_text(const struct move *m, int state)
{
	char uuid[37];
	json_t *o;
	char *text;

	uuid_format(m->uuid, uuid);
	o = mem_check(json_pack("{s:s, s:s, s:s, s:s, s:i, s:I}", "state", state_name(m->incoming, state), "name",
				m->name, "uuid", uuid, "peer", m->peer, "flags", (int)m->flags, "written",
				(json_int_t)time(NULL)));
	text = mem_check(json_dumps(o, JSON_INDENT(4)));
	json_decref(o);
	return text;
}

int move_write(const struct xld *x, struct move *m, int state)
{
	char *path = file_of(x, m, ""), *tmp = file_of(x, m, ".new"), *text = to_text(m, state);
	int rc = durable_write(tmp, text) && !rename(tmp, path) && durable_sync(path) ? 0 : -errno;

	if (!rc)
		m->state = state;
	else
		xld_log("%s: cannot write the journal %s: %s", m->name, path, strerror(-rc));
	free(path);
	free(tmp);
	free(text);
	return rc;
}

/* The state in a file and what else it says. false: there is none, or it makes no sense. */
static bool load_file(const char *path, struct move *m)
{
	json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	const char *state = "", *name = "", *uuid = "", *peer = "";
	int flags = 0;
	bool ok = o && !json_unpack(o, "{s:s, s:s, s:s, s:s, s:i}", "state", &state, "name", &name, "uuid", &uuid,
				    "peer", &peer, "flags", &flags) &&
		  uuid_parse(uuid, m->uuid) && state_by_name(m->incoming, state);

	if (ok) {
		m->state = state_by_name(m->incoming, state);
		m->flags = (uint32_t)flags;
		free(m->name);
		free(m->peer);
		m->name = xstrdup(name);
		m->peer = xstrdup(peer);
	}
	json_decref(o);
	return ok;
}

void move_read(const struct xld *x, struct move *m)
{
	char *path = file_of(x, m, "");

	m->state = 0;
	load_file(path, m);
	free(path);
}

static void move_free(struct xld *x, struct move *m)
{
	struct dom *d = move_dom(x, m);
	struct move **at;

	for (at = &x->moves; *at != m; at = &(*at)->next)
		;
	*at = m->next;
	if (d) {
		d->move = NULL;
		state_save(x, d);
	}
	free(m->name);
	free(m->peer);
	free(m->params.config);
	free(m->params.next);
	free(m->waits);
	free(m);
}

void move_forget(struct xld *x, struct move *m)
{
	char *path = file_of(x, m, "");

	if (!unlink(path))
		durable_sync(path);
	free(path);
	move_free(x, m);
}

static void load_one(struct xld *x, const char *path, const char *base)
{
	bool incoming = !strcmp(base + 36, "-in.json");
	uint8_t token[16], none[16] = { 0 };
	struct move *m;
	char uuid[37];

	snprintf(uuid, sizeof(uuid), "%.36s", base);
	if (!uuid_parse(uuid, token) || (!incoming && strcmp(base + 36, "-out.json")))
		return;
	m = move_new(x, incoming, token, "", none, "", 0);
	if (load_file(path, m)) {
		xld_log("%s: a migration %s is open: %s", m->name, incoming ? "to here" : "from here",
			state_name(incoming, m->state));
		return;
	}
	xld_log("%s: not the journal of a migration; it is left alone", path);
	move_free(x, m);
}

void moves_load(struct xld *x)
{
	char *dir = directory(x), *path;
	struct dirent *e;
	DIR *dp;

	mkdir(x->lib_dir, 0755);
	if (mkdir(dir, 0700) && errno != EEXIST)
		xld_log("cannot make %s: %s", dir, strerror(errno));
	durable_tidy(dir);
	dp = opendir(dir);
	while (dp && (e = readdir(dp))) {
		if (strlen(e->d_name) < 36 + strlen("-in.json"))
			continue;
		path = xasprintf("%s/%s", dir, e->d_name);
		load_one(x, path, e->d_name);
		free(path);
	}
	if (dp)
		closedir(dp);
	free(dir);
}
