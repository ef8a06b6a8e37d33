/* SPDX-License-Identifier: MIT */
/*
 * Transactions: a private view of the store that becomes the store's next state as a whole, or not at all.
 *
 * A transaction keeps the tree as it was at its start (base), its own view, the operations done, and the paths it
 * touched. At its end each touched path must look in the live tree as it did in base; then the operations are repeated
 * on a clone of the live tree, which replaces it. Others' changes elsewhere do not matter, not even other children of
 * a node under which this one creates its own.
 */
#ifndef XENSTORED_TX_H
#define XENSTORED_TX_H

#include "tree.h"

/* What about a path matters to the transaction. Combines by or. */
#define TOUCH_NODE	1U		/* whether it exists, its value and permissions */
#define TOUCH_LIST	2U		/* and which children it has */
#define TOUCH_TREE	4U		/* and everything below */

struct tx;

/* limit: paths a caller without privilege may touch, 0 for no limit. NULL: no memory. */
struct tx *tx_start(const struct tree *live, unsigned int limit);
size_t tx_bytes(const struct tx *tx);		/* of paths and values that it holds */
void tx_free(struct tx *tx);			/* NULL is fine */

/* The calls of tree.h in the transaction's view. -ENOSPC also when it has touched too much. */
int tx_get(struct tx *tx, const struct cred *c, const char *path, unsigned int need, unsigned int touch,
	   const struct node **out);
int tx_do(struct tx *tx, const struct cred *c, const struct limits *l, enum tree_op op, const char *path,
	  const void *data, unsigned int n);

/* Let it fail with -EAGAIN at its end, whatever it does until then. */
void tx_doom(struct tx *tx);

/* After tx_commit(): the operations that were done, in their order. */
void tx_each_op(const struct tx *tx,
		void (*fn)(void *arg, enum tree_op op, const char *path, const void *data, unsigned int n), void *arg);

/*
 * Make it real: 0 and the changes in log, or -EAGAIN if a touched path has changed meanwhile, -ENOSPC if the result
 * would be over a limit now, -ENOMEM. Live is unchanged then. The transaction can only be freed afterwards.
 */
int tx_commit(struct tx *tx, const struct cred *c, const struct limits *l, struct tree *live, struct changes *log);

#endif
