/* SPDX-License-Identifier: MIT */
/*
 * Byte queues and frames. Linked into the agent, the supervisor and the client side alike; knows nothing of what the
 * frames mean.
 *
 * A queue is one block of memory with the live bytes somewhere inside; space freed at the front is reused by
 * moving the rest down before the block is made larger. Only the owner of a queue touches it; there are no threads.
 */
#include "frame.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void buf_reserve(struct buf *b, size_t more)
{
	size_t size = b->size ? b->size : 4096;

	if (b->start + b->len + more <= b->size)
		return;
	if (b->start) {
		memmove(b->data, b->data + b->start, b->len);
		b->start = 0;
	}
	while (size < b->len + more)
		size *= 2;
	if (size == b->size)
		return;
	b->data = realloc(b->data, size);
	if (!b->data) {
		fprintf(stderr, "lab: out of memory (%zu bytes)\n", size);
		abort();
	}
	b->size = size;
}

void buf_put(struct buf *b, const void *data, size_t len)
{
	if (!len)
		return;
	buf_reserve(b, len);
	memcpy(b->data + b->start + b->len, data, len);
	b->len += len;
}

void buf_drop(struct buf *b, size_t len)
{
	b->start += len;
	b->len -= len;
	if (!b->len)
		b->start = 0;
}

void buf_free(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void frame_put2(struct buf *b, uint16_t type, uint32_t session, const void *p1, size_t n1, const void *p2, size_t n2)
{
	struct frame f = { .magic = FRAME_MAGIC, .type = type, .session = session, .len = n1 + n2 };

	buf_put(b, &f, sizeof(f));
	buf_put(b, p1, n1);
	buf_put(b, p2, n2);
}

void frame_put(struct buf *b, uint16_t type, uint32_t session, const void *payload, size_t len)
{
	frame_put2(b, type, session, payload, len, NULL, 0);
}

void frame_put_done(struct buf *b, uint32_t session, uint32_t result, uint32_t value, const char *fmt, ...)
{
	struct frame_done done = { .result = result, .value = value };
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	frame_put2(b, FRAME_DONE, session, &done, sizeof(done), text, strlen(text));
}

int frame_peek(const struct buf *b, struct frame *f)
{
	if (b->len < sizeof(*f))
		return 0;
	memcpy(f, buf_at(b), sizeof(*f));
	if (f->magic != FRAME_MAGIC || f->zero || f->len > FRAME_MAX)
		return -1;
	return b->len >= sizeof(*f) + f->len;
}

int buf_write(struct buf *b, int fd)
{
	ssize_t n;

	while (b->len) {
		n = write(fd, buf_at(b), b->len);
		if (n > 0)
			buf_drop(b, n);
		else if (n < 0 && errno == EAGAIN)
			return 0;
		else if (n < 0 && errno != EINTR)
			return -1;
	}
	return 0;
}

long buf_read(struct buf *b, int fd)
{
	uint8_t chunk[FRAME_MAX];
	ssize_t n;

	do {
		n = read(fd, chunk, sizeof(chunk));
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		buf_put(b, chunk, n);
	return n;
}
