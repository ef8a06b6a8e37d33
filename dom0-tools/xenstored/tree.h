/* SPDX-License-Identifier: MIT */
/*
 * The store as data: a tree of nodes with values, permissions and owners. No I/O, no connections, no watches.
 *
 * Nodes are reference counted and shared between trees: cloning a tree costs one reference on the root, and a change
 * copies only the nodes on its path that another tree also holds (copy on write, always from the root down). A node is
 * therefore never changed under somebody who holds a reference.
 *
 * Invariants: children are sorted by name; gen changes with each change of value or permissions, and cgen with each
 * change of the set of children, to a number never used before in this tree; owned[] counts the nodes of each owner
 * (tree_check() verifies all of it).
 *
 * Every path is canonical (path.h). Functions return 0 or -errno with the errors the protocol names; a failed call has
 * changed nothing.
 */
#ifndef XENSTORED_TREE_H
#define XENSTORED_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERM_NONE	0U
#define PERM_READ	1U
#define PERM_WRITE	2U
#define PERM_OWNER	4U		/* only as a demand: caller must own the node */

struct perm {
	uint32_t domid;
	uint32_t access;
};

/* p[0] is the owner and what domains not listed may do. Shared, never changed once made. */
struct perms {
	unsigned int refs;
	unsigned int n;
	struct perm p[];
};

struct node {
	unsigned int refs;
	unsigned int nr_children, room;
	unsigned int len;		/* of value */
	uint64_t gen, cgen;
	struct perms *perms;
	char *value;
	struct node **child;
	char name[];			/* last element of the path; "" for the root */
};

struct owned {
	uint32_t domid;
	unsigned int nodes;
	size_t bytes;			/* that these take */
};

struct tree {
	struct node *root;
	uint64_t gen;			/* last number given out */
	struct owned *owned;		/* sorted by domid */
	unsigned int nr_owned, room_owned;
};

/* Who asks. A privileged caller may do everything and has no limits. */
struct cred {
	uint32_t domid;
	uint32_t target;		/* domain whose rights it also has; NO_TARGET */
	bool privileged;
};

#define NO_TARGET 0xffffffffU

enum quota {
	Q_NODES, Q_WATCHES, Q_TRANSACTIONS, Q_OUTSTANDING, Q_TX_NODES, Q_MEMORY, Q_SOFT_MEMORY, Q_PERMS, Q_NODE_SIZE,
	NR_QUOTAS
};

/* What a caller without privilege may have. A call that fails with -ENOSPC sets *hit, unless hit is NULL. */
struct limits {
	unsigned int nodes;		/* owned by one domain */
	unsigned int value;		/* bytes */
	unsigned int perms;		/* entries of one node */
	size_t memory;			/* bytes in nodes of one domain */
	enum quota *hit;
};

/* What a call changed, for the watches. exact: it concerns watches on this very path only. */
struct change {
	char *path;
	bool exact;
	struct perms *before, *after;	/* NULL: node did not exist */
	struct perms *parent;		/* set if the node came or went */
};

struct changes {
	struct change *list;
	unsigned int n, room;
};

void changes_free(struct changes *c);

int tree_init(struct tree *t);
int tree_clone(struct tree *to, const struct tree *from);
void tree_free(struct tree *t);

/* NULL if there is none. Valid until the next change of the tree. */
const struct node *tree_find(const struct tree *t, const char *path);

/* Is need (PERM_*) granted? */
bool perms_allow(const struct perms *p, const struct cred *c, unsigned int need);

/* Find with a check of rights: -ENOENT, or -EACCES (also for a missing node where the caller may not look). */
int tree_get(const struct tree *t, const struct cred *c, const char *path, unsigned int need, const struct node **out);

/* All four note what they changed in log unless it is NULL. */
int tree_write(struct tree *t, const struct cred *c, const struct limits *l, const char *path, const void *value,
	       unsigned int len, struct changes *log);
int tree_mkdir(struct tree *t, const struct cred *c, const struct limits *l, const char *path, struct changes *log);
int tree_rm(struct tree *t, const struct cred *c, const char *path, struct changes *log);
int tree_set_perms(struct tree *t, const struct cred *c, const struct limits *l, const char *path,
		   const struct perm *p, unsigned int n, struct changes *log);

enum tree_op { OP_WRITE, OP_MKDIR, OP_RM, OP_SET_PERMS };

/* One of the four by its number; data is n bytes, or n entries. */
int tree_do(struct tree *t, const struct cred *c, const struct limits *l, enum tree_op op, const char *path,
	    const void *data, unsigned int n, struct changes *log);

/* Put a node back as it was: the root, or a child of a node that is there. -EINVAL if that cannot be. */
int tree_restore(struct tree *t, const char *path, const struct perm *p, unsigned int nr_perms, const void *value,
		 unsigned int len, uint64_t gen, uint64_t cgen);

/* A domain is gone for good: what it owned becomes domain 0's, and no node mentions it any more. */
int tree_forget_domain(struct tree *t, uint32_t domid);

size_t tree_owned_bytes(const struct tree *t, uint32_t domid);
unsigned int tree_owned(const struct tree *t, uint32_t domid);
unsigned int tree_count(const struct tree *t);

/* NULL if all invariants hold, else what is wrong. */
const char *tree_check(const struct tree *t);

/* A copy that does not mention the domain; what it owned is domain 0's. NULL: no memory. */
struct perms *perms_without(const struct perms *p, uint32_t domid);
struct perms *perms_get(struct perms *p);
void perms_put(struct perms *p);		/* NULL is fine */
struct node *node_get(struct node *n);
void node_put(struct node *n);			/* NULL is fine */

#endif
