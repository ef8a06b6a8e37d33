/* SPDX-License-Identifier: MIT */
/*
 * A byte queue of fixed size that keeps the newest: see tail.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tail.h"

int tail_init(struct tail *t, size_t size)
{
	*t = (struct tail){ .buf = malloc(size), .size = size };
	return t->buf ? 0 : -ENOMEM;
}

void tail_free(struct tail *t)
{
	free(t->buf);
	memset(t, 0, sizeof(*t));
}

void tail_drop(struct tail *t, size_t len)
{
	t->start = (t->start + len) % t->size;
	t->used -= len;
}

void tail_put(struct tail *t, const char *data, size_t len)
{
	size_t end, n;

	if (len > t->size) {
		data += len - t->size;
		len = t->size;
	}
	if (len > t->size - t->used)
		tail_drop(t, len - (t->size - t->used));
	end = (t->start + t->used) % t->size;
	n = len < t->size - end ? len : t->size - end;
	memcpy(t->buf + end, data, n);
	memcpy(t->buf, data + n, len - n);
	t->used += len;
}

const char *tail_peek(const struct tail *t, size_t *len)
{
	size_t to_end = t->size - t->start;

	*len = t->used < to_end ? t->used : to_end;
	return t->buf + t->start;
}
