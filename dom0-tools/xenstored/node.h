/* SPDX-License-Identifier: MIT */
/* Inside of the tree: making and changing single nodes. Only tree.c uses it. -ENOMEM or NULL is the only failure. */
#ifndef XENSTORED_NODE_H
#define XENSTORED_NODE_H

#include "tree.h"

struct perms *perms_new(const struct perm *p, unsigned int n);

/* A node without value and children; takes its own reference on perms. */
struct node *node_new(const char *name, size_t len, struct perms *perms);
/* Make *slot a node that only this slot holds, copying it if it is shared. The slot's parent must be owned already. */
struct node *node_own(struct node **slot);
int node_set_value(struct node *n, const void *value, unsigned int len);

/* Index of the child of that name, or where it would go. */
unsigned int node_search(const struct node *n, const char *name, size_t len, int *found);
int node_reserve_child(struct node *n);
void node_insert_child(struct node *n, struct node *child);	/* after node_reserve_child(); takes over the reference */
struct node *node_take_child(struct node *n, unsigned int at);	/* the caller gets the reference */

#endif
