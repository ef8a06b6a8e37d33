/* SPDX-License-Identifier: MIT */
/*
 * The store as data: see tree.h for what holds. Each change first finds out whether it may and can happen, then makes
 * the nodes on its path its own, and only then alters anything that counts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"
#include "path.h"

/* --- changes --- */

static void change_clear(struct change *ch)
{
	free(ch->path);
	perms_put(ch->before);
	perms_put(ch->after);
	perms_put(ch->parent);
}

void changes_free(struct changes *c)
{
	for (unsigned int i = 0; i < c->n; i++)
		change_clear(&c->list[i]);
	free(c->list);
	memset(c, 0, sizeof(*c));
}

/* Reserve an entry, so that noting the change cannot fail once it has been made. */
static struct change *changes_add(struct changes *c, const char *path)
{
	if (c->n == c->room) {
		unsigned int room = c->room ? c->room * 2 : 4;
		struct change *new = realloc(c->list, room * sizeof(*new));

		if (!new)
			return NULL;
		c->list = new;
		c->room = room;
	}
	c->list[c->n] = (struct change){ .path = strdup(path) };
	return c->list[c->n].path ? &c->list[c->n++] : NULL;
}

/* Drop all entries from the n-th on. */
static void changes_cut(struct changes *c, unsigned int n)
{
	while (c->n > n)
		change_clear(&c->list[--c->n]);
}

/* --- counts of owners --- */

static unsigned int owned_search(const struct tree *t, uint32_t domid)
{
	unsigned int lo = 0, hi = t->nr_owned;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (t->owned[mid].domid < domid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

unsigned int tree_owned(const struct tree *t, uint32_t domid)
{
	unsigned int at = owned_search(t, domid);

	return at < t->nr_owned && t->owned[at].domid == domid ? t->owned[at].nodes : 0;
}

size_t tree_owned_bytes(const struct tree *t, uint32_t domid)
{
	unsigned int at = owned_search(t, domid);

	return at < t->nr_owned && t->owned[at].domid == domid ? t->owned[at].bytes : 0;
}

/* Make sure that domid has an entry, so that counting cannot fail. */
static int owned_reserve(struct tree *t, uint32_t domid)
{
	unsigned int at = owned_search(t, domid);

	if (at < t->nr_owned && t->owned[at].domid == domid)
		return 0;
	if (t->nr_owned == t->room_owned) {
		unsigned int room = t->room_owned ? t->room_owned * 2 : 8;
		struct owned *new = realloc(t->owned, room * sizeof(*new));

		if (!new)
			return -ENOMEM;
		t->owned = new;
		t->room_owned = room;
	}
	memmove(t->owned + at + 1, t->owned + at, (t->nr_owned - at) * sizeof(*t->owned));
	t->owned[at] = (struct owned){ .domid = domid };
	t->nr_owned++;
	return 0;
}

static uint32_t owner(const struct node *n)
{
	return n->perms->p[0].domid;
}

/* What a node takes, with its place in its parent. */
static size_t node_bytes(const struct node *n)
{
	return sizeof(*n) + sizeof(n) + strlen(n->name) + 1 + n->len + n->perms->n * sizeof(struct perm);
}

/* Add a node to its owner's count or take it off (by -1). Its owner has an entry. */
static void owned_count(struct tree *t, const struct node *n, int by)
{
	struct owned *o = &t->owned[owned_search(t, owner(n))];

	o->nodes += by;
	o->bytes += by < 0 ? -node_bytes(n) : node_bytes(n);
}

/* The same for a node and all below. */
static void owned_count_all(struct tree *t, const struct node *n, int by)
{
	owned_count(t, n, by);
	for (unsigned int i = 0; i < n->nr_children; i++)
		owned_count_all(t, n->child[i], by);
}

static int over(const struct limits *l, enum quota q)
{
	if (l->hit)
		*l->hit = q;
	return -ENOSPC;
}

/* --- trees --- */

int tree_init(struct tree *t)
{
	struct perm nobody_else = { .domid = 0, .access = PERM_NONE };
	struct perms *p = perms_new(&nobody_else, 1);

	memset(t, 0, sizeof(*t));
	t->root = p ? node_new("", 0, p) : NULL;
	perms_put(p);
	if (!t->root || owned_reserve(t, 0) < 0) {
		tree_free(t);
		return -ENOMEM;
	}
	owned_count(t, t->root, 1);
	return 0;
}

int tree_clone(struct tree *to, const struct tree *from)
{
	*to = (struct tree){ .gen = from->gen, .nr_owned = from->nr_owned, .room_owned = from->nr_owned };
	to->owned = malloc(from->nr_owned * sizeof(*to->owned));
	if (!to->owned)
		return -ENOMEM;
	memcpy(to->owned, from->owned, from->nr_owned * sizeof(*to->owned));
	to->root = node_get(from->root);
	return 0;
}

void tree_free(struct tree *t)
{
	node_put(t->root);
	free(t->owned);
	memset(t, 0, sizeof(*t));
}

const struct node *tree_find(const struct tree *t, const char *path)
{
	const struct node *n = t->root;
	const char *name;
	size_t len;

	while ((len = path_next(&path, &name))) {
		int found;
		unsigned int at = node_search(n, name, len, &found);

		if (!found)
			return NULL;
		n = n->child[at];
	}
	return n;
}

/* The node at path with all nodes above it made this tree's own. The path must exist. NULL: no memory. */
static struct node *own_path(struct tree *t, const char *path)
{
	struct node *n = node_own(&t->root);
	const char *name;
	size_t len;

	while (n && (len = path_next(&path, &name))) {
		int found;
		unsigned int at = node_search(n, name, len, &found);

		n = node_own(&n->child[at]);
	}
	return n;
}

/* --- rights --- */

static bool has_rights_of(const struct cred *c, uint32_t domid)
{
	return c->domid == domid || (c->target != NO_TARGET && c->target == domid);
}

bool perms_allow(const struct perms *p, const struct cred *c, unsigned int need)
{
	unsigned int may = p->p[0].access;

	if (c->privileged || has_rights_of(c, p->p[0].domid))
		return true;
	for (unsigned int i = 1; i < p->n; i++)
		if (has_rights_of(c, p->p[i].domid)) {
			may = p->p[i].access;
			break;
		}
	return (may & need) == need;
}

/* The deepest node on path that exists; *missing is how many elements of path lie below it. */
static const struct node *deepest(const struct tree *t, const char *path, unsigned int *missing)
{
	const struct node *n = t->root;
	const char *name;
	size_t len;

	*missing = 0;
	while ((len = path_next(&path, &name))) {
		int found = 0;
		unsigned int at = *missing ? 0 : node_search(n, name, len, &found);

		if (found)
			n = n->child[at];
		else
			++*missing;
	}
	return n;
}

int tree_get(const struct tree *t, const struct cred *c, const char *path, unsigned int need, const struct node **out)
{
	unsigned int missing;
	const struct node *n = deepest(t, path, &missing);

	if (missing)
		return perms_allow(n->perms, c, need) ? -ENOENT : -EACCES;
	if (!perms_allow(n->perms, c, need))
		return -EACCES;
	*out = n;
	return 0;
}

/* --- changes to the tree --- */

/* New nodes belong to whoever makes them; a privileged caller makes them in the parent's name. */
static struct perms *inherit(const struct cred *c, struct perms *parent)
{
	struct perms *p;

	if (c->privileged || parent->p[0].domid == c->domid)
		return perms_get(parent);
	p = perms_new(parent->p, parent->n);
	if (p)
		p->p[0].domid = c->domid;
	return p;
}

/* Nodes for the last `missing` elements of path, each the only child of the one before. */
static struct node *make_chain(struct tree *t, const char *path, unsigned int missing, struct perms *perms,
			       struct node **last)
{
	struct node *top = NULL, *n;
	unsigned int depth = 0, skip;
	const char *p, *name;
	size_t len;

	for (p = path; path_next(&p, &name); )
		depth++;
	skip = depth - missing;
	for (p = path; (len = path_next(&p, &name)); ) {
		if (skip) {
			skip--;
			continue;
		}
		n = node_new(name, len, perms);
		if (!n || (top && node_reserve_child(*last) < 0)) {
			node_put(n);
			node_put(top);
			return NULL;
		}
		n->gen = ++t->gen;
		if (top) {
			node_insert_child(*last, n);
			(*last)->cgen = ++t->gen;
		} else {
			top = n;
		}
		*last = n;
	}
	return top;
}

/* Where the deepest existing node on path ends, in bytes of path. */
static size_t existing_length(const char *path, unsigned int missing)
{
	size_t len = strlen(path);

	while (missing--)
		while (path[--len] != '/')
			;
	return len ? len : 1;
}

/* Create the nodes missing on path, the last with value. at is the deepest that exists. */
static int create(struct tree *t, const struct cred *c, const struct limits *l, const char *path, unsigned int missing,
		  const struct node *at, const void *value, unsigned int len, struct changes *log)
{
	char above[PATH_SIZE];
	struct perms *perms;
	struct node *chain, *last = NULL, *parent;
	unsigned int noted = log ? log->n : 0;
	struct change *ch = NULL;
	int rc = -ENOMEM;

	if (!perms_allow(at->perms, c, PERM_WRITE))
		return -EACCES;
	if (!c->privileged && tree_owned(t, c->domid) + missing > l->nodes)
		return over(l, Q_NODES);
	if (!c->privileged &&
	    tree_owned_bytes(t, c->domid) + missing * sizeof(struct node) + strlen(path) + len > l->memory)
		return over(l, Q_MEMORY);
	perms = inherit(c, at->perms);
	if (!perms)
		return -ENOMEM;
	memcpy(above, path, existing_length(path, missing));
	above[existing_length(path, missing)] = '\0';

	chain = make_chain(t, path, missing, perms, &last);
	if (chain && node_set_value(last, value, len) == 0 && owned_reserve(t, perms->p[0].domid) == 0 &&
	    (!log || (ch = changes_add(log, path)))) {
		parent = own_path(t, above);
		if (parent && node_reserve_child(parent) == 0) {
			node_insert_child(parent, chain);
			parent->cgen = ++t->gen;
			owned_count_all(t, chain, 1);
			if (ch) {
				ch->after = perms_get(perms);
				ch->parent = perms_get(parent->perms);
			}
			chain = NULL;
			rc = 0;
		}
	}
	if (rc && log)
		changes_cut(log, noted);
	node_put(chain);
	perms_put(perms);
	return rc;
}

int tree_write(struct tree *t, const struct cred *c, const struct limits *l, const char *path, const void *value,
	       unsigned int len, struct changes *log)
{
	unsigned int missing;
	const struct node *at = deepest(t, path, &missing);
	struct node *n;
	struct change *ch;
	int rc;

	if (!c->privileged && len > l->value)
		return over(l, Q_NODE_SIZE);
	if (missing)
		return create(t, c, l, path, missing, at, value, len, log);
	if (!perms_allow(at->perms, c, PERM_WRITE))
		return -EACCES;
	if (!c->privileged && len > at->len && tree_owned_bytes(t, c->domid) + len - at->len > l->memory)
		return over(l, Q_MEMORY);
	n = own_path(t, path);
	if (!n)
		return -ENOMEM;
	ch = log ? changes_add(log, path) : NULL;
	if (log && !ch)
		return -ENOMEM;
	owned_count(t, n, -1);
	rc = node_set_value(n, value, len);
	owned_count(t, n, 1);
	if (rc) {
		if (log)
			changes_cut(log, log->n - 1);
		return rc;
	}
	n->gen = ++t->gen;
	if (ch) {
		ch->before = perms_get(n->perms);
		ch->after = perms_get(n->perms);
	}
	return 0;
}

int tree_mkdir(struct tree *t, const struct cred *c, const struct limits *l, const char *path, struct changes *log)
{
	unsigned int missing;
	const struct node *at = deepest(t, path, &missing);

	if (missing)
		return create(t, c, l, path, missing, at, NULL, 0, log);
	return perms_allow(at->perms, c, PERM_WRITE) ? 0 : -EACCES;
}

/* Note n and all below it as gone. path has room for longer names; it is restored. */
static int note_gone(struct changes *log, const struct node *n, const struct node *parent, char *path, bool exact)
{
	struct change *ch = changes_add(log, path);
	size_t len = strlen(path);
	int rc = 0;

	if (!ch)
		return -ENOMEM;
	ch->exact = exact;
	ch->before = perms_get(n->perms);
	ch->parent = perms_get(parent->perms);
	for (unsigned int i = 0; i < n->nr_children && !rc; i++) {
		path[len] = '/';
		strcpy(path + len + 1, n->child[i]->name);
		rc = note_gone(log, n->child[i], n, path, true);
	}
	path[len] = '\0';
	return rc;
}

int tree_rm(struct tree *t, const struct cred *c, const char *path, struct changes *log)
{
	unsigned int missing, noted = log ? log->n : 0, at;
	const struct node *n = deepest(t, path, &missing);
	char above[PATH_SIZE], below[PATH_SIZE];
	struct node *parent, *gone;
	int found;

	if (missing) {
		if (!perms_allow(n->perms, c, PERM_WRITE))
			return -EACCES;
		return missing == 1 ? 0 : -ENOENT;	/* gone already is fine if its parent is there */
	}
	if (!perms_allow(n->perms, c, PERM_WRITE))
		return -EACCES;
	if (n == t->root)
		return -EINVAL;
	strcpy(above, path);
	path_parent(above);
	parent = own_path(t, above);
	if (!parent)
		return -ENOMEM;
	at = node_search(parent, strrchr(path, '/') + 1, strlen(strrchr(path, '/') + 1), &found);
	strcpy(below, path);
	if (log && note_gone(log, parent->child[at], parent, below, false) < 0) {
		changes_cut(log, noted);
		return -ENOMEM;
	}
	gone = node_take_child(parent, at);
	parent->cgen = ++t->gen;
	owned_count_all(t, gone, -1);
	node_put(gone);
	return 0;
}

int tree_set_perms(struct tree *t, const struct cred *c, const struct limits *l, const char *path,
		   const struct perm *p, unsigned int n, struct changes *log)
{
	const struct node *at;
	struct perms *new;
	struct change *ch = NULL;
	struct node *node;
	int rc = tree_get(t, c, path, PERM_WRITE | PERM_OWNER, &at);

	if (rc)
		return rc;
	if (!c->privileged && n > l->perms)
		return over(l, Q_PERMS);
	if (!c->privileged && p[0].domid != owner(at))
		return -EPERM;
	new = perms_new(p, n);
	node = new && owned_reserve(t, p[0].domid) == 0 ? own_path(t, path) : NULL;
	if (!node || (log && !(ch = changes_add(log, path)))) {
		perms_put(new);
		return -ENOMEM;
	}
	if (ch) {
		ch->before = perms_get(node->perms);
		ch->after = perms_get(new);
	}
	owned_count(t, node, -1);
	perms_put(node->perms);
	node->perms = new;
	owned_count(t, node, 1);
	node->gen = ++t->gen;
	return 0;
}

int tree_do(struct tree *t, const struct cred *c, const struct limits *l, enum tree_op op, const char *path,
	    const void *data, unsigned int n, struct changes *log)
{
	switch (op) {
	case OP_WRITE:
		return tree_write(t, c, l, path, data, n, log);
	case OP_MKDIR:
		return tree_mkdir(t, c, l, path, log);
	case OP_RM:
		return tree_rm(t, c, path, log);
	default:
		return tree_set_perms(t, c, l, path, data, n, log);
	}
}

int tree_restore(struct tree *t, const char *path, const struct perm *p, unsigned int nr_perms, const void *value,
		 unsigned int len, uint64_t gen, uint64_t cgen)
{
	static const struct cred daemon = { .domid = 0, .target = NO_TARGET, .privileged = true };
	static const struct limits unused;
	uint64_t tree_gen = t->gen;
	unsigned int missing;
	struct node *n;
	char above[PATH_SIZE];
	uint64_t above_cgen;
	int rc;

	if (gen > t->gen || cgen > t->gen)
		return -EINVAL;
	deepest(t, path, &missing);
	if (missing > 1 || (!missing && path[1]))
		return -EINVAL;
	strcpy(above, path);
	path_parent(above);
	above_cgen = tree_find(t, above)->cgen;
	rc = tree_write(t, &daemon, &unused, path, value, len, NULL);
	if (!rc)
		rc = tree_set_perms(t, &daemon, &unused, path, p, nr_perms, NULL);
	t->gen = tree_gen;
	n = rc ? NULL : own_path(t, path);
	if (!n)
		return rc ? rc : -ENOMEM;
	n->gen = gen;
	n->cgen = cgen;
	if (missing)
		own_path(t, above)->cgen = above_cgen;
	return 0;
}

/* --- a domain has gone --- */

static bool mentions(const struct perms *p, uint32_t domid)
{
	for (unsigned int i = 0; i < p->n; i++)
		if (p->p[i].domid == domid)
			return true;
	return false;
}

static bool subtree_mentions(const struct node *n, uint32_t domid)
{
	if (mentions(n->perms, domid))
		return true;
	for (unsigned int i = 0; i < n->nr_children; i++)
		if (subtree_mentions(n->child[i], domid))
			return true;
	return false;
}

struct perms *perms_without(const struct perms *p, uint32_t domid)
{
	struct perms *new = perms_new(p->p, p->n);

	if (!new)
		return NULL;
	if (new->p[0].domid == domid)
		new->p[0].domid = 0;
	new->n = 1;
	for (unsigned int i = 1; i < p->n; i++)
		if (p->p[i].domid != domid)
			new->p[new->n++] = p->p[i];
	return new;
}

static int forget(struct tree *t, struct node **slot, uint32_t domid)
{
	struct node *n;
	int rc = 0;

	if (!subtree_mentions(*slot, domid))
		return 0;
	n = node_own(slot);
	if (!n)
		return -ENOMEM;
	if (mentions(n->perms, domid)) {
		struct perms *new = perms_without(n->perms, domid);

		if (!new)
			return -ENOMEM;
		owned_count(t, n, -1);
		perms_put(n->perms);
		n->perms = new;
		owned_count(t, n, 1);
		n->gen = ++t->gen;
	}
	for (unsigned int i = 0; i < n->nr_children && !rc; i++)
		rc = forget(t, &n->child[i], domid);
	return rc;
}

int tree_forget_domain(struct tree *t, uint32_t domid)
{
	unsigned int at;
	int rc = owned_reserve(t, 0);

	if (!rc)
		rc = forget(t, &t->root, domid);
	at = owned_search(t, domid);
	if (!rc && at < t->nr_owned && t->owned[at].domid == domid) {
		t->nr_owned--;
		memmove(t->owned + at, t->owned + at + 1, (t->nr_owned - at) * sizeof(*t->owned));
	}
	return rc;
}

/* --- self-check --- */

unsigned int tree_count(const struct tree *t)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->nr_owned; i++)
		n += t->owned[i].nodes;
	return n;
}

static const char *check(const struct tree *t, const struct node *n, struct tree *counts)
{
	const char *wrong;

	if (!n->refs || !n->perms->refs || !n->perms->n)
		return "a node or its permissions are not held by anyone";
	if (n->gen > t->gen || n->cgen > t->gen)
		return "a node is newer than the tree";
	if (owned_reserve(counts, owner(n)) < 0)
		return "no memory to check";
	owned_count(counts, n, 1);
	for (unsigned int i = 0; i < n->nr_children; i++) {
		if (i && strcmp(n->child[i - 1]->name, n->child[i]->name) >= 0)
			return "children are not in order";
		wrong = check(t, n->child[i], counts);
		if (wrong)
			return wrong;
	}
	return NULL;
}

const char *tree_check(const struct tree *t)
{
	struct tree counts = { 0 };
	const char *wrong = check(t, t->root, &counts);

	for (unsigned int i = 0; i < t->nr_owned && !wrong; i++)
		if (t->owned[i].nodes != tree_owned(&counts, t->owned[i].domid))
			wrong = "the count of a domain's nodes is off";
	for (unsigned int i = 0; i < t->nr_owned && !wrong; i++)
		if (t->owned[i].bytes != tree_owned_bytes(&counts, t->owned[i].domid))
			wrong = "the count of a domain's bytes is off";
	if (!wrong && tree_count(&counts) != tree_count(t))
		wrong = "a domain's nodes are not counted";
	free(counts.owned);
	return wrong;
}
