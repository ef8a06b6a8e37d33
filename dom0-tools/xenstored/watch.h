/* SPDX-License-Identifier: MIT */
/*
 * Who wants to hear of which path. A registry of (holder, path, token), found by path in one step, so that an event
 * costs as many look-ups as its path has elements, however many watches there are.
 *
 * It knows nothing of connections or rights: the caller decides in a callback whether a watch hears of the event.
 */
#ifndef XENSTORED_WATCH_H
#define XENSTORED_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#define ANY_DEPTH	(~0U)

struct watches;

struct watch {
	void *holder;
	char *path, *token;
	unsigned int depth;		/* levels below path that it hears of */
	size_t prefix;			/* bytes of path that the holder did not write: cut off in its events */
	void *events;			/* for the holder's use */
	struct watch *next;		/* same bucket */
	struct watch *next_of_holder;
};

struct watches *watches_new(void);
void watches_free(struct watches *r);		/* must be empty */
unsigned int watches_count(const struct watches *r);

/* path: canonical or special. list: the holder's own chain. 0, -EEXIST for the same path and token again, -ENOMEM. */
int watch_add(struct watches *r, void *holder, struct watch **list, const char *path, size_t prefix, const char *token);
/* Find one; NULL if there is none. */
struct watch *watch_find(struct watch *list, const char *path, const char *token);
void watch_del(struct watches *r, struct watch **list, struct watch *w);

/*
 * Call fn for each watch on path and, unless exact, on any path above it that is within its depth. fn must not add or
 * remove watches.
 */
void watch_fire(struct watches *r, const char *path, bool exact, void (*fn)(struct watch *w, void *arg), void *arg);

#endif
