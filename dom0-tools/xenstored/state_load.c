/* SPDX-License-Identifier: MIT */
/*
 * Reading the journal: its records done again, one by one, on a server that has nobody connected yet.
 *
 * The CRC says that the bytes are those that were written, not that they make sense: every length, name and number is
 * checked before use, and a record that cannot be done ends the loading with -EINVAL (or -ENOMEM).
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"
#include "record.h"
#include "state.h"

#define MAX_PERMS 256U

/* What is left of a record. */
struct reader {
	struct server *s;
	uint32_t domid;
	const char *p;
	size_t left;
};

static bool take(struct reader *r, void *out, size_t len)
{
	if (len > r->left)
		return false;
	memcpy(out, r->p, len);
	r->p += len;
	r->left -= len;
	return true;
}

static const char *take_string(struct reader *r)
{
	const char *s = r->p, *end = r->left ? memchr(s, '\0', r->left) : NULL;

	if (!end)
		return NULL;
	r->left -= end + 1 - s;
	r->p = end + 1;
	return s;
}

static const char *take_path(struct reader *r)
{
	const char *s = take_string(r);
	char canonical[PATH_SIZE];

	return s && *s == '/' && path_canonical(s, 0, canonical, NULL) == 0 ? s : NULL;
}

static bool take_perms(struct reader *r, struct perm *p, uint32_t n)
{
	return n && n <= MAX_PERMS && take(r, p, n * sizeof(*p));
}

/* The connection that the record is about: one that has come from the journal, not been closed. */
static struct conn *conn_of(const struct reader *r)
{
	return conn_durable(r->s, r->domid);
}

/* --- the store --- */

static int load_gen(struct reader *r)
{
	uint64_t gen;

	if (!take(r, &gen, sizeof(gen)) || gen < r->s->live.gen)
		return -EINVAL;
	r->s->live.gen = gen;
	return 0;
}

static int load_node(struct reader *r)
{
	struct perm p[MAX_PERMS];
	struct record_node n;
	const char *path;

	if (!take(r, &n, sizeof(n)) || !take_perms(r, p, n.perms))
		return -EINVAL;
	path = take_path(r);
	if (!path || n.len != r->left)
		return -EINVAL;
	return tree_restore(&r->s->live, path, p, n.perms, r->p, n.len, n.gen, n.cgen);
}

static int load_op(struct reader *r)
{
	static const struct limits none = { UINT_MAX, UINT_MAX, UINT_MAX, SIZE_MAX, NULL };
	struct perm p[MAX_PERMS];
	struct record_op o;
	struct cred c;
	const char *path;
	const void *data;

	if (!take(r, &o, sizeof(o)) || o.op > OP_SET_PERMS || !(path = take_path(r)))
		return -EINVAL;
	data = r->p;
	if (o.op == OP_SET_PERMS) {
		if (!take_perms(r, p, o.n))
			return -EINVAL;
		data = p;
	} else if (o.n != r->left) {
		return -EINVAL;
	}
	c = (struct cred){ .domid = r->domid, .target = o.target, .privileged = o.privileged };
	return tree_do(&r->s->live, &c, &none, o.op, path, data, o.n, NULL);
}

static int load_forget(struct reader *r)
{
	if (!r->domid)
		return -EINVAL;		/* never gone */
	quota_forget(r->s, r->domid);
	if (special_forget_domain(r->s, r->domid))
		return -ENOMEM;
	return tree_forget_domain(&r->s->live, r->domid);
}

static int load_special(struct reader *r)
{
	struct record_special rec;
	struct perm p[MAX_PERMS];

	if (!take(r, &rec, sizeof(rec)) || rec.which >= NR_SPECIALS || !take_perms(r, p, rec.perms))
		return -EINVAL;
	return special_set_perms(r->s, rec.which, p, rec.perms);
}

static int load_quota(struct reader *r)
{
	uint32_t q, value;

	if (!take(r, &q, sizeof(q)) || !take(r, &value, sizeof(value)) || q >= NR_QUOTAS)
		return -EINVAL;
	return quota_set(r->s, r->domid, q, value);
}

static int load_features(struct reader *r)
{
	uint32_t features;

	return take(r, &features, sizeof(features)) ? quota_set_features(r->s, r->domid, features) : -EINVAL;
}

/* --- domains --- */

static int load_domain(struct reader *r)
{
	struct record_domain d;
	struct known k;

	if (!take(r, &d, sizeof(d)))
		return -EINVAL;
	k = (struct known){ .domid = r->domid, .mfn = d.mfn, .port = d.port, .target = d.target,
			    .shut_down = d.shut_down };
	return state_domain(r->s, &k);
}

static int load_domain_gone(struct reader *r)
{
	state_domain_gone(r->s, r->domid);
	return 0;
}

/* --- connections --- */

static int nothing(void *io, void *buf, unsigned int len)
{
	(void)io;
	(void)buf;
	(void)len;
	return 0;
}

static int nothing_out(void *io, const void *buf, unsigned int len)
{
	(void)io;
	(void)buf;
	(void)len;
	return 0;
}

static void no_settle(void *io, bool want_read, bool want_write)
{
	(void)io;
	(void)want_read;
	(void)want_write;
}

static void no_close(void *io, const char *why)
{
	(void)io;
	(void)why;
}

/* Until its domain's ring is mapped again (conn_attach()). */
static const struct conn_ops detached_ops = {
	.read = nothing,
	.write = nothing_out,
	.settle = no_settle,
	.close = no_close,
};

static int load_conn_gone(struct reader *r)
{
	struct conn *c = conn_of(r);

	if (c)
		conn_close(c, NULL);
	return 0;
}

static int load_conn(struct reader *r)
{
	struct cred cred = { .domid = r->domid, .target = NO_TARGET, .privileged = r->domid == 0 };
	struct record_conn rec;
	struct conn *c;

	if (!take(r, &rec, sizeof(rec)))
		return -EINVAL;
	load_conn_gone(r);
	server_settle(r->s);	/* frees it */
	c = conn_new(r->s, &cred, &detached_ops, NULL);
	if (!c)
		return -ENOMEM;
	c->durable = true;
	c->in_pos = rec.in_pos;
	c->out_pos = rec.out_pos;
	c->last_tx = rec.last_tx;
	return 0;
}

static int load_watch(struct reader *r)
{
	struct conn *c = conn_of(r);
	struct record_watch w;
	const char *path, *token;

	if (!c || !take(r, &w, sizeof(w)))
		return -EINVAL;
	path = r->left && *r->p == '@' ? take_string(r) : take_path(r);
	token = take_string(r);
	if (!path || !token || w.prefix > strlen(path) || (*path == '@' && !path_is_special(path)) ||
	    strlen(token) > MAX_TOKEN)
		return -EINVAL;
	return conn_watch(c, path, w.prefix, token, w.depth);
}

static int load_unwatch(struct reader *r)
{
	struct conn *c = conn_of(r);
	const char *path = take_string(r), *token = take_string(r);
	struct watch *w = c && path && token ? watch_find(c->watches, path, token) : NULL;

	if (!w)
		return -EINVAL;
	conn_unwatch(c, w);
	return 0;
}

static int load_tx(struct reader *r)
{
	struct conn *c = conn_of(r);
	uint32_t id;

	if (!c || !take(r, &id, sizeof(id)) || !id || conn_tx(c, id))
		return -EINVAL;
	c->last_tx = id;
	return conn_add_tx(c, id, NULL) ? 0 : -ENOMEM;
}

static int load_tx_gone(struct reader *r)
{
	struct conn *c = conn_of(r);
	uint32_t id;

	if (!c || !take(r, &id, sizeof(id)) || !conn_tx(c, id))
		return -EINVAL;
	conn_drop_tx(c, id);
	return 0;
}

static int load_in(struct reader *r)
{
	struct conn *c = conn_of(r);
	void *where;
	int want;

	if (!c || !take(r, &c->in_pos, sizeof(c->in_pos)))
		return -EINVAL;
	while (r->left) {
		want = xs_frame_want(&c->in, &where);
		if (want <= 0)
			return -EINVAL;
		if ((size_t)want > r->left)
			want = r->left;
		take(r, where, want);
		xs_frame_got(&c->in, want);
	}
	c->in_saved = c->in.have;
	return 0;
}

static int load_in_done(struct reader *r)
{
	struct conn *c = conn_of(r);

	if (!c || !take(r, &c->in_pos, sizeof(c->in_pos)))
		return -EINVAL;
	xs_frame_reset(&c->in);
	c->in_saved = 0;
	return 0;
}

static int load_out(struct reader *r)
{
	struct conn *c = conn_of(r);
	struct xsd_sockmsg hdr;
	uint32_t seq;

	if (!c || !take(r, &seq, sizeof(seq)) || !take(r, &hdr, sizeof(hdr)) || hdr.len != r->left ||
	    hdr.len > XENSTORE_PAYLOAD_MAX)
		return -EINVAL;
	c->next_seq = seq;
	return conn_message(c, &hdr, r->p) ? 0 : -ENOMEM;
}

static int load_out_drop(struct reader *r)
{
	struct conn *c = conn_of(r);
	uint32_t seq;

	if (!c || !take(r, &seq, sizeof(seq)))
		return -EINVAL;
	conn_drop_message(c, seq);
	return 0;
}

/* --- all --- */

static int (*const loaders[])(struct reader *r) = {
	[R_GEN] = load_gen,
	[R_NODE] = load_node,
	[R_OP] = load_op,
	[R_FORGET] = load_forget,
	[R_QUOTA] = load_quota,
	[R_FEATURES] = load_features,
	[R_DOMAIN] = load_domain,
	[R_DOMAIN_GONE] = load_domain_gone,
	[R_CONN] = load_conn,
	[R_CONN_GONE] = load_conn_gone,
	[R_WATCH] = load_watch,
	[R_UNWATCH] = load_unwatch,
	[R_TX] = load_tx,
	[R_TX_GONE] = load_tx_gone,
	[R_IN] = load_in,
	[R_IN_DONE] = load_in_done,
	[R_OUT] = load_out,
	[R_OUT_DROP] = load_out_drop,
	[R_SPECIAL] = load_special,
};

int state_load_group(void *server, const void *data, size_t len)
{
	const char *p = data;
	struct record rec;
	int rc = 0;

	while (len && !rc) {
		struct reader r = { .s = server };

		if (len < sizeof(rec))
			return -EINVAL;
		memcpy(&rec, p, sizeof(rec));
		p += sizeof(rec);
		len -= sizeof(rec);
		if (rec.len > len || rec.kind >= sizeof(loaders) / sizeof(loaders[0]) || !loaders[rec.kind])
			return -EINVAL;
		r.domid = rec.domid;
		r.p = p;
		r.left = rec.len;
		rc = loaders[rec.kind](&r);
		p += rec.len;
		len -= rec.len;
	}
	return rc;
}

/* Transactions that were open can only fail at their end: what they have read may have changed unseen. */
void state_loaded(struct server *s)
{
	server_settle(s);
	for (struct conn *c = s->conns; c; c = c->next) {
		struct known *k = state_known(s, c->cred.domid);

		if (k)
			c->cred.target = k->target;
		for (struct open_tx *t = c->txs; t; t = t->next) {
			t->tx = tx_start(&s->live, quota_value(s, c->cred.domid, Q_TX_NODES));
			if (t->tx)
				tx_doom(t->tx);
		}
	}
}
