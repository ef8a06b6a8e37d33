/* SPDX-License-Identifier: MIT */
/*
 * Nodes and permission lists as objects: life time, copies, the sorted array of children. Knows nothing of rights or
 * paths; tree.c builds the store from these.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"

struct perms *perms_new(const struct perm *p, unsigned int n)
{
	struct perms *new = malloc(sizeof(*new) + n * sizeof(*p));

	if (!new)
		return NULL;
	new->refs = 1;
	new->n = n;
	memcpy(new->p, p, n * sizeof(*p));
	return new;
}

struct perms *perms_get(struct perms *p)
{
	p->refs++;
	return p;
}

void perms_put(struct perms *p)
{
	if (p && --p->refs == 0)
		free(p);
}

struct node *node_new(const char *name, size_t len, struct perms *perms)
{
	struct node *n = calloc(1, sizeof(*n) + len + 1);

	if (!n)
		return NULL;
	n->refs = 1;
	n->perms = perms_get(perms);
	memcpy(n->name, name, len);
	return n;
}

struct node *node_get(struct node *n)
{
	n->refs++;
	return n;
}

void node_put(struct node *n)
{
	if (!n || --n->refs)
		return;
	for (unsigned int i = 0; i < n->nr_children; i++)
		node_put(n->child[i]);
	perms_put(n->perms);
	free(n->child);
	free(n->value);
	free(n);
}

/* Children are shared with the original, value and array are copied. */
static struct node *node_copy(const struct node *n)
{
	struct node *c = node_new(n->name, strlen(n->name), n->perms);

	if (!c)
		return NULL;
	c->gen = n->gen;
	c->cgen = n->cgen;
	if (node_set_value(c, n->value, n->len) < 0) {
		node_put(c);
		return NULL;
	}
	if (n->nr_children) {
		c->child = malloc(n->nr_children * sizeof(*c->child));
		if (!c->child) {
			node_put(c);
			return NULL;
		}
		c->room = n->nr_children;
		for (unsigned int i = 0; i < n->nr_children; i++)
			c->child[i] = node_get(n->child[i]);
		c->nr_children = n->nr_children;
	}
	return c;
}

struct node *node_own(struct node **slot)
{
	struct node *c;

	if ((*slot)->refs == 1)
		return *slot;
	c = node_copy(*slot);
	if (!c)
		return NULL;
	(*slot)->refs--;
	*slot = c;
	return c;
}

int node_set_value(struct node *n, const void *value, unsigned int len)
{
	char *new = NULL;

	if (len) {
		new = malloc(len);
		if (!new)
			return -ENOMEM;
		memcpy(new, value, len);
	}
	free(n->value);
	n->value = new;
	n->len = len;
	return 0;
}

/* Order of names: bytes, a shorter one first. */
static int name_cmp(const char *name, size_t len, const char *other)
{
	int d = strncmp(name, other, len);

	return d ? d : other[len] ? -1 : 0;
}

unsigned int node_search(const struct node *n, const char *name, size_t len, int *found)
{
	unsigned int lo = 0, hi = n->nr_children;

	*found = 0;
	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;
		int d = name_cmp(name, len, n->child[mid]->name);

		if (d == 0) {
			*found = 1;
			return mid;
		}
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

int node_reserve_child(struct node *n)
{
	unsigned int room = n->room ? n->room * 2 : 4;
	struct node **new;

	if (n->nr_children < n->room)
		return 0;
	new = realloc(n->child, room * sizeof(*new));
	if (!new)
		return -ENOMEM;
	n->child = new;
	n->room = room;
	return 0;
}

void node_insert_child(struct node *n, struct node *child)
{
	int found;
	unsigned int at = node_search(n, child->name, strlen(child->name), &found);

	memmove(n->child + at + 1, n->child + at, (n->nr_children - at) * sizeof(*n->child));
	n->child[at] = child;
	n->nr_children++;
}

struct node *node_take_child(struct node *n, unsigned int at)
{
	struct node *c = n->child[at];

	n->nr_children--;
	memmove(n->child + at, n->child + at + 1, (n->nr_children - at) * sizeof(*n->child));
	return c;
}
