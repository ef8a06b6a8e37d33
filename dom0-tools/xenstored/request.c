/* SPDX-License-Identifier: MIT */
/*
 * The wire operations: a table of handlers, one per message type.
 *
 * A handler finds the request's body split or whole, fills in the reply, and returns 0 or -errno; what it changed in
 * the live store it notes in r->log. The reply is queued before the watch events it causes. The source followed is the
 * protocol as its clients (Linux, libxenstore) use it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"
#include "server.h"
#include "state.h"

#define MAX_PERMS	256U
#define MAX_TXS_PRIVILEGED 4096U
#define DOMID_SELF_WIRE	0x7ff0U

struct request {
	struct conn *c;
	struct open_tx *tx;		/* NULL: on the live store */
	char *body;
	unsigned int len;
	char path[PATH_SIZE];		/* canonical form of the first argument, if the table asks for it */
	char *rest;			/* what follows it */
	unsigned int rest_len;
	struct changes log;
	struct limits limits;
	enum quota hit;			/* the quota that a -ENOSPC is about; NR_QUOTAS: none */
	char out[XENSTORE_PAYLOAD_MAX];
	unsigned int out_len;
};

static int put(struct request *r, const void *data, size_t len)
{
	if (len > sizeof(r->out) - r->out_len)
		return -E2BIG;
	if (len)
		memcpy(r->out + r->out_len, data, len);
	r->out_len += len;
	return 0;
}

static int put_string(struct request *r, const char *s)
{
	return put(r, s, strlen(s) + 1);
}

static int lookup(struct request *r, unsigned int need, unsigned int touch, const struct node **n)
{
	struct conn *c = r->c;

	if (r->tx)
		return tx_get(r->tx->tx, &c->cred, r->path, need, touch, n);
	return tree_get(&c->srv->live, &c->cred, r->path, need, n);
}

/* Split the whole body or the rest into exactly n strings. */
static int args(char *buf, unsigned int len, char **vec, unsigned int n)
{
	return xs_wire_split(buf, len, vec, n) == (int)n ? 0 : -EINVAL;
}

/* A decimal number up to max, nothing else. */
static int number(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || v > max / 10)
			return -EINVAL;
		v = v * 10 + (*s - '0');
	}
	*out = v;
	return v > max ? -EINVAL : 0;
}

static int domid_arg(const char *s, uint32_t *domid)
{
	uint64_t v = 0;
	int rc = number(s, DOMID_SELF_WIRE, &v);

	*domid = v;
	return rc;
}

/* --- nodes --- */

static int do_read(struct request *r)
{
	const struct node *n;
	int rc = lookup(r, PERM_READ, TOUCH_NODE, &n);

	return rc ? rc : put(r, n->value, n->len);
}

static int do_directory(struct request *r)
{
	const struct node *n;
	int rc = lookup(r, PERM_READ, TOUCH_NODE | TOUCH_LIST, &n);

	for (unsigned int i = 0; !rc && i < n->nr_children; i++)
		rc = put_string(r, n->child[i]->name);
	return rc;
}

/* Names from byte `offset` of the list on, as many as fit, led by the list's generation; an empty one ends the list. */
static int do_directory_part(struct request *r)
{
	const struct node *n;
	uint64_t offset, at = 0;
	char gen[24], *arg;
	unsigned int i = 0;
	int rc = args(r->rest, r->rest_len, &arg, 1);

	if (!rc)
		rc = number(arg, UINT32_MAX, &offset);
	if (!rc)
		rc = lookup(r, PERM_READ, TOUCH_NODE | TOUCH_LIST, &n);
	if (rc)
		return rc;
	snprintf(gen, sizeof(gen), "%llu", (unsigned long long)n->cgen);
	put_string(r, gen);
	for (; i < n->nr_children && at < offset; i++)
		at += strlen(n->child[i]->name) + 1;
	for (; i < n->nr_children; i++)
		if (put_string(r, n->child[i]->name) < 0)
			return 0;
	put_string(r, "");
	return 0;
}

/* A change to the store itself, which the journal has to keep; or within a transaction, where it is nobody's yet. */
static int change(struct request *r, enum tree_op op, const void *data, unsigned int n)
{
	struct server *s = r->c->srv;
	const struct cred *cred = &r->c->cred;
	int rc;

	if (r->tx)
		return tx_do(r->tx->tx, cred, &r->limits, op, r->path, data, n);
	rc = tree_do(&s->live, cred, &r->limits, op, r->path, data, n, &r->log);
	if (!rc)
		state_op(s, cred, op, r->path, data, n);
	return rc;
}

static int do_write(struct request *r)
{
	return change(r, OP_WRITE, r->rest, r->rest_len);
}

static int do_mkdir(struct request *r)
{
	return change(r, OP_MKDIR, NULL, 0);
}

static int do_rm(struct request *r)
{
	return change(r, OP_RM, NULL, 0);
}

static int put_perms(struct request *r, const struct perms *p)
{
	static const char letter[] = "nrwb";
	char buf[16];
	int rc = 0;

	for (unsigned int i = 0; i < p->n && !rc; i++) {
		snprintf(buf, sizeof(buf), "%c%u", letter[p->p[i].access & 3], p->p[i].domid);
		rc = put_string(r, buf);
	}
	return rc;
}

static int get_special_perms(struct request *r)
{
	int which = special_by_name(r->path);

	if (which < 0)
		return -EINVAL;
	if (!r->c->cred.privileged)
		return -EACCES;
	return r->c->srv->special[which] ? put_perms(r, r->c->srv->special[which]) : put_string(r, "n0");
}

static int do_get_perms(struct request *r)
{
	const struct node *n;
	int rc;

	if (*r->path == '@')
		return get_special_perms(r);
	rc = lookup(r, PERM_READ, TOUCH_NODE, &n);
	return rc ? rc : put_perms(r, n->perms);
}

static int parse_perm(const char *s, struct perm *p)
{
	switch (*s) {
	case 'r':
		p->access = PERM_READ;
		break;
	case 'w':
		p->access = PERM_WRITE;
		break;
	case 'b':
		p->access = PERM_READ | PERM_WRITE;
		break;
	case 'n':
		p->access = PERM_NONE;
		break;
	default:
		return -EINVAL;
	}
	return domid_arg(s + 1, &p->domid);
}

/* Who may hear of a special event. */
static int set_special_perms(struct request *r, const struct perm *p, unsigned int n)
{
	int which = special_by_name(r->path);

	if (which < 0)
		return -EINVAL;
	return r->c->cred.privileged ? special_set_perms(r->c->srv, which, p, n) : -EACCES;
}

static int do_set_perms(struct request *r)
{
	struct perm p[MAX_PERMS];
	char *vec[MAX_PERMS];
	int n = xs_wire_split(r->rest, r->rest_len, vec, MAX_PERMS);

	if (n < 1)
		return -EINVAL;
	for (int i = 0; i < n; i++)
		if (parse_perm(vec[i], &p[i]) < 0)
			return -EINVAL;
	if (r->c->cred.privileged && r->c->srv->domains && !r->c->srv->domains->exists(r->c->srv, p[0].domid))
		return -ENOENT;		/* what is to come is given nothing */
	return *r->path == '@' ? set_special_perms(r, p, n) : change(r, OP_SET_PERMS, p, n);
}

/* --- watches --- */

/* Path and token of a watch request; the path may be a special name, and something reserved may follow. */
static int watch_args(struct request *r, char **vec, char *path, size_t *prefix)
{
	if (xs_wire_split(r->body, r->len, vec, 3) < 2)
		return -EINVAL;
	*prefix = 0;
	if (path_is_special(vec[0])) {
		strcpy(path, vec[0]);
		return 0;
	}
	return path_canonical(vec[0], r->c->cred.domid, path, prefix);
}

/* Is n within the quota of the client? If not, it is the reason of the refusal. */
static bool may_have(struct request *r, enum quota q, size_t n)
{
	uint32_t most = quota_value(r->c->srv, r->c->cred.domid, q);

	if (!most || n <= most)
		return true;
	r->hit = q;
	return false;
}

static size_t memory(const struct conn *c)
{
	return tree_owned_bytes(&c->srv->live, c->cred.domid) + conn_memory(c);
}

/* A third argument that is not empty limits how far below the path it hears of. */
static int take_depth(struct request *r, unsigned int *depth)
{
	char *vec[3];
	uint64_t v;

	*depth = ANY_DEPTH;
	if (xs_wire_split(r->body, r->len, vec, 3) != 3 || !*vec[2])
		return 0;
	if (!(quota_features(r->c->srv, r->c->cred.domid) & XENSTORE_SERVER_FEATURE_WATCHDEPTH) ||
	    number(vec[2], INT32_MAX, &v))
		return -EINVAL;
	*depth = v;
	return 0;
}

static int do_watch(struct request *r)
{
	struct conn *c = r->c;
	unsigned int depth;
	char *vec[3];
	size_t prefix;
	int rc = take_depth(r, &depth);

	if (!rc)
		rc = watch_args(r, vec, r->path, &prefix);
	if (rc)
		return rc;
	if (strlen(vec[1]) > MAX_TOKEN)
		return -EINVAL;
	if (!c->cred.privileged) {
		if (!may_have(r, Q_WATCHES, c->nr_watches + 1) ||
		    !may_have(r, Q_MEMORY, memory(c) + strlen(r->path) + strlen(vec[1])))
			return -ENOSPC;
	}
	return conn_watch(c, r->path, prefix, vec[1], depth);
}

/* A new watch fires once, after its acknowledgement. */
static void after_watch(struct request *r)
{
	struct watch *w = r->c->watches;

	conn_event(r->c, w, w->path);
}

static int do_unwatch(struct request *r)
{
	struct conn *c = r->c;
	struct watch *w;
	char *vec[3];
	size_t prefix;
	int rc = watch_args(r, vec, r->path, &prefix);

	if (rc)
		return rc;
	w = watch_find(c->watches, r->path, vec[1]);
	if (!w)
		return -ENOENT;
	conn_unwatch(c, w);
	return 0;
}

static int do_reset_watches(struct request *r)
{
	conn_drop_watches(r->c);
	conn_drop_txs(r->c);
	return 0;
}

/* --- transactions --- */

static int do_transaction_start(struct request *r)
{
	struct conn *c = r->c;
	struct tx *tx;
	char buf[16];

	if (r->tx)
		return -EBUSY;		/* one within another */
	if (c->cred.privileged ? c->nr_txs >= MAX_TXS_PRIVILEGED :
	    !may_have(r, Q_TRANSACTIONS, c->nr_txs + 1) || !may_have(r, Q_MEMORY, memory(c)))
		return -ENOSPC;
	do {
		c->last_tx++;
	} while (!c->last_tx || conn_tx(c, c->last_tx));
	tx = tx_start(&c->srv->live, quota_value(c->srv, c->cred.domid, Q_TX_NODES));
	if (!tx || !conn_add_tx(c, c->last_tx, tx)) {
		tx_free(tx);
		return -ENOMEM;
	}
	snprintf(buf, sizeof(buf), "%u", c->last_tx);
	return put_string(r, buf);
}

static void note_op(void *arg, enum tree_op op, const char *path, const void *data, unsigned int n)
{
	struct conn *c = arg;

	state_op(c->srv, &c->cred, op, path, data, n);
}

static int do_transaction_end(struct request *r)
{
	struct conn *c = r->c;
	char *how;
	int rc = 0;

	if (!r->tx)
		return -ENOENT;
	if (args(r->body, r->len, &how, 1) || (strcmp(how, "T") && strcmp(how, "F")))
		return -EINVAL;
	if (*how == 'T') {
		rc = tx_commit(r->tx->tx, &c->cred, &r->limits, &c->srv->live, &r->log);
		if (!rc)
			tx_each_op(r->tx->tx, note_op, c);
		else
			changes_free(&r->log);
	}
	conn_drop_tx(c, r->tx->id);
	r->tx = NULL;
	return rc;
}

/* --- domains --- */

static int do_introduce(struct request *r)
{
	struct server *s = r->c->srv;
	uint64_t mfn, port;
	uint32_t domid;
	char *vec[4];			/* the last is reserved */
	int rc = xs_wire_split(r->body, r->len, vec, 4) < 3 ? -EINVAL : domid_arg(vec[0], &domid);

	if (!rc)
		rc = number(vec[1], UINT64_MAX / 4096, &mfn);
	if (!rc)
		rc = number(vec[2], UINT32_MAX, &port);
	if (!rc)
		rc = s->domains ? s->domains->introduce(s, domid, mfn, port) : -ENOSYS;
	return rc;
}

static int one_domid(struct request *r, uint32_t *domid)
{
	char *arg;
	int rc = args(r->body, r->len, &arg, 1);

	return rc ? rc : domid_arg(arg, domid);
}

static int do_release(struct request *r)
{
	struct server *s = r->c->srv;
	uint32_t domid;
	int rc = one_domid(r, &domid);

	return rc ? rc : s->domains ? s->domains->release(s, domid) : -ENOSYS;
}

static int do_resume(struct request *r)
{
	struct server *s = r->c->srv;
	uint32_t domid;
	int rc = one_domid(r, &domid);

	return rc ? rc : s->domains ? s->domains->resume(s, domid) : -ENOSYS;
}

static int do_set_target(struct request *r)
{
	struct server *s = r->c->srv;
	uint32_t domid, target;
	char *vec[2];
	int rc = args(r->body, r->len, vec, 2);

	if (!rc)
		rc = domid_arg(vec[0], &domid);
	if (!rc)
		rc = domid_arg(vec[1], &target);
	return rc ? rc : s->domains ? s->domains->set_target(s, domid, target) : -ENOSYS;
}

static int do_is_domain_introduced(struct request *r)
{
	struct server *s = r->c->srv;
	uint32_t domid;
	int rc = one_domid(r, &domid);
	bool yes;

	if (rc)
		return rc;
	yes = domid == 0 || domid == DOMID_SELF_WIRE || (s->domains && s->domains->introduced(s, domid));
	return put_string(r, yes ? "T" : "F");
}

static int do_get_domain_path(struct request *r)
{
	char buf[40];
	uint32_t domid;
	int rc = one_domid(r, &domid);

	if (rc)
		return rc;
	snprintf(buf, sizeof(buf), "/local/domain/%u", domid);
	return put_string(r, buf);
}

/* --- the daemon itself --- */

static int control_info(struct request *r)
{
	const struct server *s = r->c->srv;
	unsigned int conns = 0, txs = 0;
	char buf[1024];
	int n;

	for (const struct conn *c = s->conns; c; c = c->next) {
		conns += !c->closed;
		txs += c->nr_txs;
	}
	n = snprintf(buf, sizeof(buf), "nodes %u\nwatches %u\ntransactions %u\nconnections %u\nrequests %llu\n",
		     tree_count(&s->live), watches_count(s->watches), txs, conns, (unsigned long long)s->requests);
	return put(r, buf, n + 1);
}

static int control_help(struct request *r)
{
	return put_string(r, "check: verify the store\n"
			     "info: sizes\n"
			     "quota [DOMID]: limits and what is in use, of all domains or one\n"
			     "quota set NAME VALUE: a limit for all domains that have none of their own\n"
			     "quota-soft [set memory VALUE]: when to warn\n"
			     "log on|off: requests to the log\n"
			     "print TEXT: TEXT to the log\n");
}

static int control_log(struct request *r, char **vec, int n)
{
	if (n != 2 || (strcmp(vec[1], "on") && strcmp(vec[1], "off")))
		return -EINVAL;
	r->c->srv->trace = !strcmp(vec[1], "on");
	return put_string(r, "OK");
}

static int do_control(struct request *r)
{
	const char *wrong;
	char *vec[8];
	int n = xs_wire_split(r->body, r->len, vec, 8);

	if (n < 1)
		return -EINVAL;
	if (!strcmp(vec[0], "help"))
		return control_help(r);
	if (!strcmp(vec[0], "check")) {
		wrong = tree_check(&r->c->srv->live);
		return put_string(r, wrong ? wrong : "OK");
	}
	if (!strcmp(vec[0], "info"))
		return control_info(r);
	if (!strcmp(vec[0], "log"))
		return control_log(r, vec, n);
	if (!strncmp(vec[0], "quota", 5)) {
		r->out_len = quota_control(r->c->srv, vec, n, r->out, sizeof(r->out));
		return r->out_len ? 0 : -EINVAL;
	}
	if (!strcmp(vec[0], "print") && n > 1) {
		for (int i = 1; i < n; i++)
			fprintf(stderr, "%s%s", i > 1 ? " " : "xenstored: print: ", vec[i]);
		fputc('\n', stderr);
		return put_string(r, "OK");
	}
	return -EINVAL;
}

/* --- features and quotas, of all domains or one --- */

/* Some libraries send an empty string for nothing. */
static bool no_args(const struct request *r)
{
	return !r->len || (r->len == 1 && !*r->body);
}

/* Settings can be made before a domain is introduced, so any number will do. */
static int do_get_feature(struct request *r)
{
	bool all = no_args(r);
	uint32_t domid = r->c->cred.domid;
	char buf[16];
	int rc = all ? 0 : one_domid(r, &domid);

	if (!rc && domid != r->c->cred.domid && !r->c->cred.privileged)
		rc = -EACCES;
	snprintf(buf, sizeof(buf), "%u", all ? SERVER_FEATURES : quota_features(r->c->srv, domid));
	return rc ? rc : put_string(r, buf);
}

static int do_set_feature(struct request *r)
{
	uint32_t domid = 0;
	uint64_t bits = 0;
	char *vec[2];
	int rc = args(r->body, r->len, vec, 2);

	if (!rc)
		rc = domid_arg(vec[0], &domid);
	if (!rc)
		rc = number(vec[1], UINT32_MAX, &bits);
	if (!rc && (bits & ~(uint64_t)SERVER_FEATURES))
		rc = -EINVAL;
	if (!rc && r->c->srv->domains && r->c->srv->domains->introduced(r->c->srv, domid))
		rc = -EBUSY;	/* it has seen what there is */
	return rc ? rc : quota_set_features(r->c->srv, domid, bits);
}

/* The quota that is named by the last of n arguments, of the domain named before it. */
static int quota_args(char **vec, int n, uint32_t *domid, enum quota *q)
{
	*domid = ALL_DOMAINS;
	if (n == 2 && domid_arg(vec[0], domid))
		return -EINVAL;
	return quota_by_name(vec[n - 1], q) ? 0 : -EINVAL;
}

static int do_get_quota(struct request *r)
{
	char *vec[2], buf[200] = "";
	int n = no_args(r) ? 0 : xs_wire_split(r->body, r->len, vec, 2);
	uint32_t domid;
	enum quota q;

	if (n < 0)
		return n;
	if (n) {
		if (quota_args(vec, n, &domid, &q))
			return -EINVAL;
		snprintf(buf, sizeof(buf), "%u", quota_value(r->c->srv, domid, q));
		return put_string(r, buf);
	}
	for (int i = 0; i < NR_QUOTAS; i++)
		snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), "%s%s", i ? " " : "", quota_name(i));
	return put_string(r, buf);
}

static int do_set_quota(struct request *r)
{
	char *vec[3];
	int n = xs_wire_split(r->body, r->len, vec, 3);
	uint32_t domid;
	uint64_t value;
	enum quota q;

	if (n < 2 || quota_args(vec, n - 1, &domid, &q) || number(vec[n - 1], UINT32_MAX, &value))
		return -EINVAL;
	return quota_set(r->c->srv, domid, q, value);
}

/* --- the table --- */

#define PATH	1U	/* first argument is a path, made canonical; the rest follows it */
#define PRIV	2U	/* privileged connections only */
#define TX	4U	/* acts inside the transaction that the header names */
#define ACK	8U	/* the reply is "OK" */
#define ONLY	16U	/* the path is the only argument */
#define SPECIAL	32U	/* the path may be one that is no node */

static const struct operation {
	const char *name;
	int (*fn)(struct request *r);
	unsigned int flags;
	void (*after)(struct request *r);
} operations[XS_TYPE_COUNT] = {
	[XS_CONTROL]		= { "control", do_control, PRIV, NULL },
	[XS_DIRECTORY]		= { "directory", do_directory, PATH | ONLY | TX, NULL },
	[XS_READ]		= { "read", do_read, PATH | ONLY | TX, NULL },
	[XS_GET_PERMS]		= { "get_perms", do_get_perms, PATH | SPECIAL | ONLY | TX, NULL },
	[XS_WATCH]		= { "watch", do_watch, ACK, after_watch },
	[XS_UNWATCH]		= { "unwatch", do_unwatch, ACK, NULL },
	[XS_TRANSACTION_START]	= { "transaction_start", do_transaction_start, TX, NULL },
	[XS_TRANSACTION_END]	= { "transaction_end", do_transaction_end, TX | ACK, NULL },
	[XS_INTRODUCE]		= { "introduce", do_introduce, PRIV | ACK, NULL },
	[XS_RELEASE]		= { "release", do_release, PRIV | ACK, NULL },
	[XS_GET_DOMAIN_PATH]	= { "get_domain_path", do_get_domain_path, 0, NULL },
	[XS_WRITE]		= { "write", do_write, PATH | TX | ACK, NULL },
	[XS_MKDIR]		= { "mkdir", do_mkdir, PATH | ONLY | TX | ACK, NULL },
	[XS_RM]			= { "rm", do_rm, PATH | ONLY | TX | ACK, NULL },
	[XS_SET_PERMS]		= { "set_perms", do_set_perms, PATH | SPECIAL | TX | ACK, NULL },
	[XS_IS_DOMAIN_INTRODUCED] = { "is_domain_introduced", do_is_domain_introduced, PRIV, NULL },
	[XS_RESUME]		= { "resume", do_resume, PRIV | ACK, NULL },
	[XS_SET_TARGET]		= { "set_target", do_set_target, PRIV | ACK, NULL },
	[XS_RESET_WATCHES]	= { "reset_watches", do_reset_watches, ACK, NULL },
	[XS_GET_FEATURE]	= { "get_feature", do_get_feature, 0, NULL },
	[XS_SET_FEATURE]	= { "set_feature", do_set_feature, PRIV | ACK, NULL },
	[XS_GET_QUOTA]		= { "get_quota", do_get_quota, PRIV, NULL },
	[XS_SET_QUOTA]		= { "set_quota", do_set_quota, PRIV | ACK, NULL },
	[XS_DIRECTORY_PART]	= { "directory_part", do_directory_part, PATH | TX, NULL },
};

/* What all handlers rely on: rights, the transaction, the canonical path. */
static int prepare(struct request *r, const struct operation *op)
{
	struct conn *c = r->c;
	char *end;

	if ((op->flags & PRIV) && !c->cred.privileged)
		return -EACCES;
	if ((op->flags & TX) && c->in.hdr.tx_id) {
		r->tx = conn_tx(c, c->in.hdr.tx_id);
		if (!r->tx)
			return -ENOENT;
	}
	if (!(op->flags & PATH))
		return 0;
	end = memchr(r->body, '\0', r->len);
	if (!end)
		return -EINVAL;
	r->rest = end + 1;
	r->rest_len = r->body + r->len - r->rest;
	if ((op->flags & ONLY) && r->rest_len)
		return -EINVAL;
	if ((op->flags & SPECIAL) && path_is_special(r->body)) {
		strcpy(r->path, r->body);
		return 0;
	}
	return path_canonical(r->body, c->cred.domid, r->path, NULL);
}

static void trace(const struct request *r, const char *name, int rc)
{
	const struct conn *c = r->c;
	const char *arg = r->path[0] ? r->path : "";

	fprintf(stderr, "xenstored: domain %u: %s %s tx %u: %s\n", c->cred.domid, name, arg, c->in.hdr.tx_id,
		rc ? xs_wire_error_name(-rc) : "ok");
}

static void say_refused(struct request *r, const char *name)
{
	enum quota q = r->hit == NR_QUOTAS ? Q_TX_NODES : r->hit;
	char what[200];

	if (r->c->cred.privileged)
		return;
	snprintf(what, sizeof(what), "%s %.120s refused", name, r->path);
	quota_refused(r->c->srv, r->c->cred.domid, q, what);
}

void request_handle(struct conn *c)
{
	struct request r = { .c = c, .body = c->in.body, .len = c->in.hdr.len };
	uint32_t type = c->in.hdr.type;
	const struct operation *op = type < XS_TYPE_COUNT ? &operations[type] : NULL;
	const char *error;
	int rc = -ENOSYS;

	c->srv->requests++;
	if (op && op->fn) {
		r.hit = NR_QUOTAS;
		r.limits = quota_limits(c, &r.hit);
		rc = prepare(&r, op);
		if (!rc)
			rc = op->fn(&r);
		if (rc == -ENOSPC)
			say_refused(&r, op->name);
		if (c->srv->trace)
			trace(&r, op->name, rc);
	}
	if (rc) {
		error = xs_wire_error_name(-rc);
		conn_reply(c, &c->in.hdr, XS_ERROR, error, strlen(error) + 1);
	} else if (op->flags & ACK) {
		conn_reply(c, &c->in.hdr, type, "OK", 3);
	} else {
		conn_reply(c, &c->in.hdr, type, r.out, r.out_len);
	}
	if (!rc && op->after && !c->closed)
		op->after(&r);
	if (!rc && !c->cred.privileged)
		quota_check_soft(c);
	server_fire_changes(c->srv, &r.log);
	changes_free(&r.log);
}
