/* SPDX-License-Identifier: MIT */
/*
 * The registry of watches: a hash table by path, and a chain for each holder.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"
#include "watch.h"

#define BUCKETS 8192U

struct watches {
	struct watch *bucket[BUCKETS];
	unsigned int n;
};

struct watches *watches_new(void)
{
	return calloc(1, sizeof(struct watches));
}

void watches_free(struct watches *r)
{
	free(r);
}

unsigned int watches_count(const struct watches *r)
{
	return r->n;
}

/* FNV-1a */
static unsigned int hash(const char *s)
{
	uint32_t h = 2166136261U;

	while (*s)
		h = (h ^ (unsigned char)*s++) * 16777619U;
	return h % BUCKETS;
}

struct watch *watch_find(struct watch *list, const char *path, const char *token)
{
	for (; list; list = list->next_of_holder)
		if (!strcmp(list->path, path) && !strcmp(list->token, token))
			return list;
	return NULL;
}

int watch_add(struct watches *r, void *holder, struct watch **list, const char *path, size_t prefix, const char *token)
{
	unsigned int h = hash(path);
	struct watch *w;

	if (watch_find(*list, path, token))
		return -EEXIST;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct watch){ .holder = holder, .path = strdup(path), .token = strdup(token), .prefix = prefix,
			     .depth = ANY_DEPTH };
	if (!w->path || !w->token) {
		free(w->path);
		free(w->token);
		free(w);
		return -ENOMEM;
	}
	w->next = r->bucket[h];
	r->bucket[h] = w;
	w->next_of_holder = *list;
	*list = w;
	r->n++;
	return 0;
}

void watch_del(struct watches *r, struct watch **list, struct watch *w)
{
	struct watch **p;

	for (p = &r->bucket[hash(w->path)]; *p != w; p = &(*p)->next)
		;
	*p = w->next;
	for (p = list; *p != w; p = &(*p)->next_of_holder)
		;
	*p = w->next_of_holder;
	r->n--;
	free(w->path);
	free(w->token);
	free(w);
}

/* Watches on path, for something that happened `below` levels below it. */
static void fire_at(struct watches *r, const char *path, unsigned int below,
		    void (*fn)(struct watch *w, void *arg), void *arg)
{
	for (struct watch *w = r->bucket[hash(path)]; w; w = w->next)
		if (below <= w->depth && !strcmp(w->path, path))
			fn(w, arg);
}

void watch_fire(struct watches *r, const char *path, bool exact, void (*fn)(struct watch *w, void *arg), void *arg)
{
	unsigned int below = 0;
	char at[PATH_SIZE];

	fire_at(r, path, 0, fn, arg);
	if (exact || *path != '/')
		return;
	strcpy(at, path);
	while (at[1]) {
		path_parent(at);
		fire_at(r, at, ++below, fn, arg);
	}
}
