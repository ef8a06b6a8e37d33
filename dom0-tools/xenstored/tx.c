/* SPDX-License-Identifier: MIT */
/*
 * Transactions: see tx.h. Touched paths stand in a sorted array, so that each is kept once; operations in the order in
 * which they were done, each with all it needs to be repeated.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"
#include "tx.h"

struct op {
	enum tree_op kind;
	char *path;
	void *data;			/* value, or struct perm[] */
	unsigned int n;			/* bytes, or entries */
};

struct touch {
	char *path;
	unsigned int how;
};

struct tx {
	struct tree base, view;
	struct op *ops;
	unsigned int nr_ops, room_ops;
	struct touch *touched;
	unsigned int nr_touched, room_touched;
	unsigned int limit;
	bool doomed;
	size_t bytes;			/* of paths and values held */
};

/* What a transaction of an unprivileged caller may make the daemon hold. */
#define MAX_BYTES (256UL << 10)

struct tx *tx_start(const struct tree *live, unsigned int limit)
{
	struct tx *tx = calloc(1, sizeof(*tx));

	if (!tx)
		return NULL;
	tx->limit = limit ? limit : ~0U;
	if (tree_clone(&tx->base, live) < 0 || tree_clone(&tx->view, live) < 0) {
		tx_free(tx);
		return NULL;
	}
	return tx;
}

void tx_free(struct tx *tx)
{
	if (!tx)
		return;
	for (unsigned int i = 0; i < tx->nr_ops; i++) {
		free(tx->ops[i].path);
		free(tx->ops[i].data);
	}
	for (unsigned int i = 0; i < tx->nr_touched; i++)
		free(tx->touched[i].path);
	free(tx->ops);
	free(tx->touched);
	tree_free(&tx->base);
	tree_free(&tx->view);
	free(tx);
}

size_t tx_bytes(const struct tx *tx)
{
	return tx->bytes + sizeof(*tx) + tx->nr_ops * sizeof(struct op) + tx->nr_touched * sizeof(struct touch);
}

/* --- touched paths --- */

static unsigned int touch_search(const struct tx *tx, const char *path, bool *found)
{
	unsigned int lo = 0, hi = tx->nr_touched;

	*found = false;
	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;
		int d = strcmp(path, tx->touched[mid].path);

		if (d == 0) {
			*found = true;
			return mid;
		}
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static int touch(struct tx *tx, const struct cred *c, const char *path, unsigned int how)
{
	bool found;
	unsigned int at = touch_search(tx, path, &found);
	char *copy;

	if (found) {
		tx->touched[at].how |= how;
		return 0;
	}
	if (!c->privileged && (tx->nr_touched >= tx->limit || tx->bytes > MAX_BYTES))
		return -ENOSPC;
	if (tx->nr_touched == tx->room_touched) {
		unsigned int room = tx->room_touched ? tx->room_touched * 2 : 16;
		struct touch *new = realloc(tx->touched, room * sizeof(*new));

		if (!new)
			return -ENOMEM;
		tx->touched = new;
		tx->room_touched = room;
	}
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	memmove(tx->touched + at + 1, tx->touched + at, (tx->nr_touched - at) * sizeof(*tx->touched));
	tx->touched[at] = (struct touch){ .path = copy, .how = how };
	tx->nr_touched++;
	tx->bytes += strlen(path);
	return 0;
}

/* A path and, where it does not exist, the missing ones above it and the node they would hang from. */
static int touch_chain(struct tx *tx, const struct cred *c, const char *path, unsigned int how)
{
	char p[PATH_SIZE];
	int rc = touch(tx, c, path, how);

	strcpy(p, path);
	while (!rc && !tree_find(&tx->view, p)) {
		path_parent(p);
		rc = touch(tx, c, p, TOUCH_NODE);
	}
	return rc;
}

static bool same_tree(const struct node *a, const struct node *b)
{
	if (a == b)
		return true;
	if (a->gen != b->gen || a->cgen != b->cgen || a->nr_children != b->nr_children)
		return false;
	for (unsigned int i = 0; i < a->nr_children; i++)
		if (!same_tree(a->child[i], b->child[i]))
			return false;
	return true;
}

static bool same(const struct node *a, const struct node *b, unsigned int how)
{
	if (a == b)
		return true;
	if (!a || !b || a->gen != b->gen)
		return false;
	if ((how & (TOUCH_LIST | TOUCH_TREE)) && a->cgen != b->cgen)
		return false;
	return !(how & TOUCH_TREE) || same_tree(a, b);
}

/* --- operations --- */

int tx_get(struct tx *tx, const struct cred *c, const char *path, unsigned int need, unsigned int how,
	   const struct node **out)
{
	int rc = touch_chain(tx, c, path, how);

	return rc ? rc : tree_get(&tx->view, c, path, need, out);
}

static int run(struct tree *t, const struct cred *c, const struct limits *l, const struct op *op, struct changes *log)
{
	return tree_do(t, c, l, op->kind, op->path, op->data, op->n, log);
}

void tx_doom(struct tx *tx)
{
	tx->doomed = true;
}

void tx_each_op(const struct tx *tx,
		void (*fn)(void *arg, enum tree_op op, const char *path, const void *data, unsigned int n), void *arg)
{
	for (unsigned int i = 0; i < tx->nr_ops; i++)
		fn(arg, tx->ops[i].kind, tx->ops[i].path, tx->ops[i].data, tx->ops[i].n);
}

/* Room for one more operation with its copies made; filled in at tx->ops[tx->nr_ops]. */
static struct op *op_prepare(struct tx *tx, enum tree_op kind, const char *path, const void *data, unsigned int n,
			     size_t bytes)
{
	struct op *op;

	if (tx->nr_ops == tx->room_ops) {
		unsigned int room = tx->room_ops ? tx->room_ops * 2 : 16;
		struct op *new = realloc(tx->ops, room * sizeof(*new));

		if (!new)
			return NULL;
		tx->ops = new;
		tx->room_ops = room;
	}
	op = &tx->ops[tx->nr_ops];
	*op = (struct op){ .kind = kind, .path = strdup(path), .data = malloc(bytes ? bytes : 1), .n = n };
	if (!op->path || !op->data) {
		free(op->path);
		free(op->data);
		return NULL;
	}
	if (bytes)
		memcpy(op->data, data, bytes);
	return op;
}

int tx_do(struct tx *tx, const struct cred *c, const struct limits *l, enum tree_op kind, const char *path,
	  const void *data, unsigned int n)
{
	size_t bytes = kind == OP_SET_PERMS ? n * sizeof(struct perm) : n;
	struct op *op;
	int rc;

	if (!c->privileged && (tx->nr_ops >= tx->limit || tx->bytes + strlen(path) + bytes > MAX_BYTES))
		return -ENOSPC;
	rc = touch_chain(tx, c, path, kind == OP_RM ? TOUCH_NODE | TOUCH_TREE : TOUCH_NODE);
	if (rc)
		return rc;
	op = op_prepare(tx, kind, path, data, n, bytes);
	if (!op)
		return -ENOMEM;
	rc = run(&tx->view, c, l, op, NULL);
	if (rc) {
		free(op->path);
		free(op->data);
		return rc;
	}
	tx->nr_ops++;
	tx->bytes += strlen(path) + bytes;
	return 0;
}

int tx_commit(struct tx *tx, const struct cred *c, const struct limits *l, struct tree *live, struct changes *log)
{
	struct tree next;
	int rc;

	if (tx->doomed)
		return -EAGAIN;
	for (unsigned int i = 0; i < tx->nr_touched; i++) {
		const struct touch *t = &tx->touched[i];

		if (!same(tree_find(&tx->base, t->path), tree_find(live, t->path), t->how))
			return -EAGAIN;
	}
	if (!tx->nr_ops)
		return 0;
	rc = tree_clone(&next, live);
	for (unsigned int i = 0; i < tx->nr_ops && !rc; i++)
		rc = run(&next, c, l, &tx->ops[i], log);
	if (rc) {
		tree_free(&next);
		return rc == -ENOSPC || rc == -ENOMEM ? rc : -EAGAIN;
	}
	tree_free(live);
	*live = next;
	return 0;
}
