/* SPDX-License-Identifier: MIT */
/* Records of the migration stream: framing and checksums (stream.h). */
#include "migrate/stream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define OUT_BUFFER	(256U << 10)
#define HEAD_SUM_BYTES	offsetof(struct stream_head, head_sum)

_Static_assert(sizeof(struct stream_head) == 24, "layout of the stream");

static const char *const type_names[STREAM_TYPES] = {
	[STREAM_HEADER] = "header", [STREAM_CONFIG] = "configuration", [STREAM_CPU] = "CPU",
	[STREAM_MEMORY] = "memory map", [STREAM_PAGES] = "pages", [STREAM_P2M] = "p2m", [STREAM_GUEST] = "guest", [STREAM_TSC] = "TSC",
	[STREAM_VCPU] = "vCPU context", [STREAM_VCPU_EXT] = "extended vCPU context", [STREAM_VCPU_XSAVE] = "XSAVE area",
	[STREAM_VCPU_MSRS] = "MSRs", [STREAM_STORE] = "xenstore", [STREAM_END] = "end", [STREAM_CONSOLE] = "console",
	[STREAM_STOP] = "stop", [STREAM_SYNC] = "sync",
};

const char *stream_type_name(enum stream_type type)
{
	return type > 0 && type < STREAM_TYPES ? type_names[type] : "unknown";
}

/* Where there is no fast way to a CRC, it takes more time than all else that is done with a page. */
static uint32_t sum(const void *p, size_t len)
{
	return (uint32_t)XXH64(p, len, 0);
}

static bool sum_pieces(const struct stream_piece *piece, size_t n, uint32_t *out)
{
	XXH64_state_t *s = XXH64_createState();

	if (!s)
		return false;
	XXH64_reset(s, 0);
	for (size_t i = 0; i < n; i++)
		if (piece[i].len)
			XXH64_update(s, piece[i].p, piece[i].len);
	*out = (uint32_t)XXH64_digest(s);
	XXH64_freeState(s);
	return true;
}

/* --- connections --- */

void stream_lanes_add(struct stream_lanes *l, const int *fd, unsigned int n)
{
	while (n--)
		l->fd[l->n++] = *fd++;
}

/* Which of them byte pos goes by; len becomes what goes there in one piece. */
static int lane_of(const struct stream_lanes *l, uint64_t pos, size_t *len)
{
	size_t left = STREAM_STRIPE - pos % STREAM_STRIPE;

	if (l->n > 1 && *len > left)
		*len = left;
	return l->fd[pos / STREAM_STRIPE % l->n];
}

/* --- writing --- */

void stream_out_init(struct stream_out *s, int fd)
{
	*s = (struct stream_out){ .lanes = { .fd = { fd }, .n = 1 } };
}

void stream_out_free(struct stream_out *s)
{
	free(s->buf);
	s->buf = NULL;
}

static int out_fail(struct stream_out *s, int rc, const char *what)
{
	snprintf(s->why, sizeof(s->why), "%s at byte %llu: %s", what, (unsigned long long)s->pos, strerror(-rc));
	return rc;
}

static int write_all(struct stream_out *s, const uint8_t *p, size_t len)
{
	while (len) {
		size_t piece = len;
		int fd = lane_of(&s->lanes, s->written, &piece);
		ssize_t n = write(fd, p, piece);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return out_fail(s, -errno, "cannot write");
		p += n;
		len -= (size_t)n;
		s->written += (uint64_t)n;
	}
	return 0;
}

int stream_flush(struct stream_out *s)
{
	size_t n = s->used;

	s->used = 0;
	return write_all(s, s->buf, n);
}

static int queue(struct stream_out *s, const void *p, size_t len)
{
	int rc = 0;

	if (!len)
		return 0;
	if (!s->buf)
		s->buf = malloc(OUT_BUFFER);
	if (!s->buf)
		return out_fail(s, -ENOMEM, "no memory to write");
	if (s->used + len > OUT_BUFFER)
		rc = stream_flush(s);
	if (rc)
		return rc;
	s->pos += len;
	if (len > OUT_BUFFER)
		return write_all(s, p, len);
	memcpy(s->buf + s->used, p, len);
	s->used += len;
	return 0;
}

int stream_put_pieces(struct stream_out *s, enum stream_type type, const struct stream_piece *piece, size_t n)
{
	struct stream_head h = { .magic = STREAM_RECORD_MAGIC, .type = type, .serial = s->serial++ };
	int rc;

	for (size_t i = 0; i < n; i++)
		h.length += (uint32_t)piece[i].len;
	if (h.length > STREAM_BODY_MAX)
		return out_fail(s, -E2BIG, stream_type_name(type));
	if (!sum_pieces(piece, n, &h.body_sum))
		return out_fail(s, -ENOMEM, stream_type_name(type));
	h.head_sum = sum(&h, HEAD_SUM_BYTES);
	rc = queue(s, &h, sizeof(h));
	for (size_t i = 0; i < n && !rc; i++)
		rc = queue(s, piece[i].p, piece[i].len);
	return rc;
}

int stream_put(struct stream_out *s, enum stream_type type, const void *body, size_t len)
{
	struct stream_piece piece = { body, len };

	return stream_put_pieces(s, type, &piece, 1);
}

int stream_put_end(struct stream_out *s)
{
	struct stream_end e = { .records = s->serial, .bytes = s->pos };
	int rc = stream_put(s, STREAM_END, &e, sizeof(e));

	return rc ? rc : stream_flush(s);
}

/* --- reading --- */

void stream_in_init(struct stream_in *s, int fd)
{
	*s = (struct stream_in){ .lanes = { .fd = { fd }, .n = 1 } };
}

void stream_in_free(struct stream_in *s)
{
	free(s->body);
	s->body = NULL;
	s->room = 0;
}

static void note(struct stream_in *s, uint64_t pos, uint32_t serial, const char *kind, const char *fmt, va_list ap)
{
	int n;

	if (s->why[0])
		return;
	n = snprintf(s->why, sizeof(s->why), "byte %llu, record %u%s%s%s: ", (unsigned long long)pos, serial,
		     kind ? " (" : "", kind ? kind : "", kind ? ")" : "");
	vsnprintf(s->why + n, sizeof(s->why) - (size_t)n, fmt, ap);
}

int stream_refuse(struct stream_in *s, const struct stream_record *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(s, r->pos, r->serial, stream_type_name(r->type), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* A failure of the framing: there is no record to name yet. */
__attribute__((format(printf, 3, 4)))
static int broken(struct stream_in *s, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(s, s->pos, s->serial, NULL, fmt, ap);
	va_end(ap);
	return rc;
}

/* Read exactly len bytes. What is missing at the end is told as such. */
static int read_all(struct stream_in *s, void *to, size_t len)
{
	uint8_t *p = to;
	size_t done = 0;

	while (done < len) {
		size_t piece = len - done;
		int fd = lane_of(&s->lanes, s->pos, &piece);
		ssize_t n = read(fd, p + done, piece);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return broken(s, -errno, "cannot read: %s", strerror(errno));
		if (!n)
			return broken(s, -ENODATA, "it is truncated: %zu bytes are missing here", len - done);
		done += (size_t)n;
		s->pos += (uint64_t)n;
	}
	return 0;
}

static int check_head(struct stream_in *s, const struct stream_head *h)
{
	if (h->magic != STREAM_RECORD_MAGIC && !s->serial)
		return broken(s, -EINVAL, "this is not a migration stream");
	if (h->magic != STREAM_RECORD_MAGIC || h->head_sum != sum(h, HEAD_SUM_BYTES))
		return broken(s, -EINVAL, "the head of the record is damaged");
	if (!h->type || h->type >= STREAM_TYPES)
		return broken(s, -EINVAL, "unknown type %u", h->type);
	if (h->serial != s->serial)
		return broken(s, -EINVAL, "it has number %u: records are missing or in the wrong order", h->serial);
	if (h->length > STREAM_BODY_MAX)
		return broken(s, -EINVAL, "a body of %u bytes, %u at most", h->length, STREAM_BODY_MAX);
	return 0;
}

static int make_room(struct stream_in *s, size_t len)
{
	if (len <= s->room)
		return 0;
	free(s->body);
	s->body = malloc(len);
	s->room = s->body ? len : 0;
	return s->body ? 0 : broken(s, -ENOMEM, "no memory for %zu bytes", len);
}

int stream_get(struct stream_in *s, struct stream_record *r)
{
	struct stream_head h;
	uint64_t pos = s->pos;
	int rc = read_all(s, &h, sizeof(h));

	if (!rc)
		rc = check_head(s, &h);
	if (!rc)
		rc = make_room(s, h.length ? h.length : 1);
	if (!rc)
		rc = read_all(s, s->body, h.length);
	if (rc)
		return rc;
	*r = (struct stream_record){ .type = h.type, .pos = pos, .serial = h.serial, .length = h.length,
				     .body = s->body };
	if (sum(s->body, h.length) != h.body_sum)
		return stream_refuse(s, r, "its checksum is wrong: the data are damaged");
	s->serial++;
	return 0;
}

int stream_at_end(struct stream_in *s)
{
	uint8_t byte;
	ssize_t n;

	do {
		n = read(s->lanes.fd[0], &byte, 1);
	} while (n < 0 && errno == EINTR);
	return n ? broken(s, -EINVAL, "there is something behind the end") : 0;
}
