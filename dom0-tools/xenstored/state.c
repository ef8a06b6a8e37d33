/* SPDX-License-Identifier: MIT */
/*
 * The journal's records, and the snapshot that a new journal starts with. state_load.c reads them.
 *
 * A journal that has grown to several times its snapshot is replaced by a new one with a snapshot of the present, so
 * its size stays within a factor of the store's, and the cost of snapshots within a factor of that of the changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path.h"
#include "record.h"
#include "state.h"

/* --- putting records --- */

static void give_up(struct server *s, int rc)
{
	fprintf(stderr, "xenstored: journal %s: %s; going on without: if this daemon dies now, the store is lost. "
		"Make room there and restart xenstored\n", s->journal_path, strerror(-rc));
	unlink(s->journal_path);
	journal_close(s->journal);
	s->journal = NULL;
}

struct piece {
	const void *data;
	size_t len;
};

static void put(struct server *s, enum record_kind kind, uint32_t domid, const struct piece *v, unsigned int n)
{
	struct record r = { .kind = kind, .domid = domid };
	int rc;

	if (!s->journal)
		return;
	for (unsigned int i = 0; i < n; i++)
		r.len += v[i].len;
	rc = journal_put(s->journal, &r, sizeof(r));
	for (unsigned int i = 0; i < n && !rc; i++)
		rc = journal_put(s->journal, v[i].data, v[i].len);
	if (rc)
		give_up(s, rc);
}

#define PIECES(...) (const struct piece[]){ __VA_ARGS__ }, \
	sizeof((const struct piece[]){ __VA_ARGS__ }) / sizeof(struct piece)

static struct piece text(const char *s)
{
	return (struct piece){ s, strlen(s) + 1 };
}

static void put_conn(struct conn *c, enum record_kind kind, const struct piece *v, unsigned int n)
{
	if (c->durable && !c->closed)
		put(c->srv, kind, c->cred.domid, v, n);
}

/* --- the store --- */

void state_op(struct server *s, const struct cred *c, enum tree_op op, const char *path, const void *data,
	      unsigned int n)
{
	struct record_op o = { .op = op, .target = c->target, .privileged = c->privileged, .n = n };
	size_t len = op == OP_SET_PERMS ? n * sizeof(struct perm) : n;

	put(s, R_OP, c->domid, PIECES({ &o, sizeof(o) }, text(path), { data, len }));
}

void state_forget(struct server *s, uint32_t domid)
{
	quota_forget(s, domid);
	put(s, R_FORGET, domid, NULL, 0);
}

void state_quota(struct server *s, uint32_t domid, uint32_t quota, uint32_t value)
{
	put(s, R_QUOTA, domid, PIECES({ &quota, sizeof(quota) }, { &value, sizeof(value) }));
}

void state_features(struct server *s, uint32_t domid, uint32_t features)
{
	put(s, R_FEATURES, domid, PIECES({ &features, sizeof(features) }));
}

void state_special(struct server *s, unsigned int which)
{
	const struct perms *p = s->special[which];
	struct record_special r = { .which = which, .perms = p->n };

	put(s, R_SPECIAL, 0, PIECES({ &r, sizeof(r) }, { p->p, p->n * sizeof(struct perm) }));
}

static void put_quotas(struct server *s)
{
	for (uint32_t q = 0; q < NR_QUOTAS; q++)
		state_quota(s, ALL_DOMAINS, q, s->quotas[q]);
	for (const struct account *a = s->accounts; a; a = a->next) {
		for (uint32_t q = 0; q < NR_QUOTAS; q++)
			if (a->own[q])
				state_quota(s, a->domid, q, a->limit[q]);
		state_features(s, a->domid, a->features);
	}
}

static void put_node(struct server *s, const struct node *n, char *path)
{
	struct record_node r = { .gen = n->gen, .cgen = n->cgen, .perms = n->perms->n, .len = n->len };
	size_t len = strlen(path);

	put(s, R_NODE, 0, PIECES({ &r, sizeof(r) }, { n->perms->p, n->perms->n * sizeof(struct perm) },
				 text(len ? path : "/"), { n->value, n->len }));
	for (unsigned int i = 0; i < n->nr_children; i++) {
		path[len] = '/';
		strcpy(path + len + 1, n->child[i]->name);
		put_node(s, n->child[i], path);
	}
	path[len] = '\0';
}

/* --- domains --- */

struct known *state_known(struct server *s, uint32_t domid)
{
	struct known *k = s->known;

	while (k && k->domid != domid)
		k = k->next;
	return k;
}

static void put_domain(struct server *s, const struct known *k)
{
	struct record_domain r = { .mfn = k->mfn, .port = k->port, .target = k->target, .shut_down = k->shut_down };

	put(s, R_DOMAIN, k->domid, PIECES({ &r, sizeof(r) }));
}

int state_domain(struct server *s, const struct known *k)
{
	struct known *mine = state_known(s, k->domid), *next;

	if (!mine) {
		mine = calloc(1, sizeof(*mine));
		if (!mine)
			return -ENOMEM;
		mine->next = s->known;
		s->known = mine;
	}
	next = mine->next;
	*mine = *k;
	mine->next = next;
	put_domain(s, k);
	return 0;
}

void state_domain_gone(struct server *s, uint32_t domid)
{
	struct known **p = &s->known, *k;

	while ((k = *p) && k->domid != domid)
		p = &k->next;
	if (!k)
		return;
	*p = k->next;
	free(k);
	put(s, R_DOMAIN_GONE, domid, NULL, 0);
}

/* --- connections --- */

void state_conn(struct conn *c)
{
	struct record_conn r = { .in_pos = c->in_pos, .out_pos = c->out_pos, .last_tx = c->last_tx };

	if (c->first)
		r.out_pos -= c->first->done;	/* the message is kept whole */
	put_conn(c, R_CONN, PIECES({ &r, sizeof(r) }));
}

void state_conn_gone(struct conn *c)
{
	put_conn(c, R_CONN_GONE, NULL, 0);
}

void state_watch(struct conn *c, const struct watch *w)
{
	struct record_watch r = { .prefix = w->prefix, .depth = w->depth };

	put_conn(c, R_WATCH, PIECES({ &r, sizeof(r) }, text(w->path), text(w->token)));
}

void state_unwatch(struct conn *c, const struct watch *w)
{
	put_conn(c, R_UNWATCH, PIECES(text(w->path), text(w->token)));
}

void state_tx(struct conn *c, uint32_t id)
{
	put_conn(c, R_TX, PIECES({ &id, sizeof(id) }));
}

void state_tx_gone(struct conn *c, uint32_t id)
{
	put_conn(c, R_TX_GONE, PIECES({ &id, sizeof(id) }));
}

/* Bytes `from` on of header and body, as they came. */
static void put_in(struct conn *c, unsigned int from)
{
	unsigned int head = sizeof(c->in.hdr), have = c->in.have, in_head = have < head ? have : head;
	struct piece h = { (const char *)&c->in.hdr + from, from < in_head ? in_head - from : 0 };
	unsigned int skip = from > head ? from - head : 0;
	struct piece b = { c->in.body + skip, have > head ? have - head - skip : 0 };

	put_conn(c, R_IN, PIECES({ &c->in_pos, sizeof(c->in_pos) }, h, b));
}

void state_in(struct conn *c)
{
	if (c->in.have > c->in_saved)
		put_in(c, c->in_saved);
	c->in_saved = c->in.have;
}

void state_in_done(struct conn *c)
{
	put_conn(c, R_IN_DONE, PIECES({ &c->in_pos, sizeof(c->in_pos) }));
	c->in_saved = 0;
}

void state_out(struct conn *c, const struct msg *m)
{
	put_conn(c, R_OUT, PIECES({ &m->seq, sizeof(m->seq) }, { m->data, m->len }));
}

void state_out_drop(struct conn *c, const struct msg *m)
{
	put_conn(c, R_OUT_DROP, PIECES({ &m->seq, sizeof(m->seq) }));
}

static void put_connection(struct conn *c)
{
	if (!c->durable || c->closed)
		return;
	state_conn(c);
	for (const struct watch *w = c->watches; w; w = w->next_of_holder)
		state_watch(c, w);
	for (const struct open_tx *t = c->txs; t; t = t->next)
		state_tx(c, t->id);
	if (c->in.have)
		put_in(c, 0);
	for (const struct msg *m = c->first; m; m = m->next)
		state_out(c, m);
}

/* --- the whole --- */

static void put_all(struct server *s)
{
	char path[PATH_SIZE] = "";

	put(s, R_GEN, 0, PIECES({ &s->live.gen, sizeof(s->live.gen) }));
	put_node(s, s->live.root, path);
	put_quotas(s);
	for (unsigned int i = 0; i < NR_SPECIALS; i++)
		if (s->special[i])
			state_special(s, i);
	for (const struct known *k = s->known; k; k = k->next)
		put_domain(s, k);
	for (struct conn *c = s->conns; c; c = c->next)
		put_connection(c);
}

/* A new file with a snapshot takes the place of the present one, if it can. */
static int renew(struct server *s)
{
	struct journal *old = s->journal;
	int rc;

	s->journal = journal_new(s->journal_path);
	if (!s->journal) {
		s->journal = old;
		return -errno;
	}
	put_all(s);
	if (!s->journal) {	/* given up half way: nothing of it is left, nor of the old one */
		journal_close(old);
		return -ENOSPC;
	}
	journal_commit(s->journal);
	rc = journal_replace(s->journal);
	if (rc) {
		journal_close(s->journal);
		s->journal = old;
		return rc;
	}
	journal_close(old);
	s->journal_base = journal_size(s->journal);
	return 0;
}

void state_commit(struct server *s)
{
	size_t size;

	if (!s->journal || !journal_dirty(s->journal))
		return;
	journal_commit(s->journal);
	size = journal_size(s->journal);
	if (size > s->journal_next)
		s->journal_next = renew(s) ? size * 2 : s->journal_base * 4 + s->journal_growth;
}

int state_start(struct server *s, const char *path, char *err, size_t errlen)
{
	long rc;

	s->journal_path = path;
	rc = journal_load(path, state_load_group, s);
	if (rc < 0)
		fprintf(stderr, "xenstored: journal %s: %s; what came before that counts\n", path,
			rc == -EINVAL ? "it is of an earlier boot, or a record makes no sense" : strerror(-rc));
	state_loaded(s);
	rc = renew(s);
	if (rc)
		snprintf(err, errlen, "journal %s: %s; is its directory there, and not full?", path, strerror(-rc));
	s->journal_next = s->journal_base * 4 + s->journal_growth;
	return rc;
}

void state_stop(struct server *s)
{
	state_commit(s);
	journal_close(s->journal);
	s->journal = NULL;
	while (s->known) {
		struct known *k = s->known;

		s->known = k->next;
		free(k);
	}
}
