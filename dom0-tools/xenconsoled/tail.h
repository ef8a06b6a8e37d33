/* SPDX-License-Identifier: MIT */
/*
 * A byte queue of fixed size that keeps the newest: what is put into a full one pushes out the oldest. Between a guest
 * that writes and a terminal that nobody may be reading.
 */
#ifndef XENCONSOLED_TAIL_H
#define XENCONSOLED_TAIL_H

#include <stddef.h>

struct tail {
	char *buf;
	size_t size, start, used;
};

int tail_init(struct tail *t, size_t size);	/* 0 or -ENOMEM */
void tail_free(struct tail *t);
void tail_put(struct tail *t, const char *data, size_t len);
/* The oldest bytes that lie in one piece; *len is 0 when it is empty. */
const char *tail_peek(const struct tail *t, size_t *len);
void tail_drop(struct tail *t, size_t len);	/* at most what tail_peek() gave */

#endif
