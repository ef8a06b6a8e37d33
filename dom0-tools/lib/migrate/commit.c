/* SPDX-License-Identifier: MIT */
/* Handing a domain over: the rules and the messages (commit.h). */
#include "migrate/commit.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

/* --- the source --- */

struct src_step src_restart(enum src_state s, bool has)
{
	switch (s) {
	case SRC_SENDING:
		/*
		 * Lost with this host's power: it had not gone on here since it suspended, for that would be in the
		 * journal. Whatever the target has is the last there is.
		 */
		return has ? (struct src_step){ SRC_KEPT, SRC_RESUME } : (struct src_step){ SRC_GIVEN, SRC_REST };
	case SRC_KEPT:
		return (struct src_step){ SRC_KEPT, has ? SRC_RESUME : SRC_REST };
	case SRC_DONE:
		return (struct src_step){ SRC_DONE, has ? SRC_DESTROY : SRC_REST };
	default:
		return (struct src_step){ s, SRC_REST };
	}
}

enum verdict src_verdict(enum src_state s)
{
	switch (s) {
	case SRC_GIVEN:	return VERDICT_GIVEN;
	case SRC_KEPT:	return VERDICT_KEPT;
	case SRC_DONE:	return VERDICT_DONE;
	default:	return 0;
	}
}

static struct src_step given_answered(bool has, enum answer a)
{
	if (a == ANSWER_UNKNOWN)
		return has ? (struct src_step){ SRC_KEPT, SRC_RESUME } : (struct src_step){ SRC_NONE, SRC_REST };
	if (a == ANSWER_STARTED || !has)
		return (struct src_step){ SRC_DONE, has ? SRC_DESTROY : SRC_REST };
	return (struct src_step){ SRC_GIVEN, SRC_ASK_HUMAN };
}

struct src_step src_answered(enum src_state s, bool has, enum answer a)
{
	switch (s) {
	case SRC_GIVEN:
		return given_answered(has, a);
	case SRC_KEPT:
		return (struct src_step){ SRC_NONE, a == ANSWER_UNKNOWN ? SRC_REST : SRC_CONFLICT };
	case SRC_DONE:
		return (struct src_step){ SRC_NONE, SRC_REST };
	default:
		return (struct src_step){ s, SRC_REST };
	}
}

/* --- the target --- */

struct dst_step dst_told(enum dst_state s, bool has, enum verdict v)
{
	enum answer lives = has ? ANSWER_STARTED : ANSWER_ENDED;

	if (s == DST_STARTED && v == VERDICT_DONE)
		return (struct dst_step){ DST_NONE, DST_REST, lives };
	if (s == DST_STARTED)
		return (struct dst_step){ DST_STARTED, DST_REST, lives };
	if (s == DST_PREPARED && has && v == VERDICT_GIVEN)
		return (struct dst_step){ DST_STARTED, DST_START, ANSWER_STARTED };
	return (struct dst_step){ DST_NONE, s == DST_PREPARED && has ? DST_DESTROY : DST_REST, ANSWER_UNKNOWN };
}

/* --- messages --- */

#define COMMIT_MAGIC	0x6d6f6378U

struct commit_head {
	uint32_t magic, kind, length;	/* of the text behind it */
	uint32_t crc;			/* of kind, length and text */
};

static uint32_t sum(const struct commit_head *h, const char *text)
{
	uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const void *)&h->kind, 8);

	return h->length ? (uint32_t)crc32_z(crc, (const void *)text, h->length) : crc;
}

int commit_send(int fd, enum commit_kind kind, const char *text)
{
	struct commit_head h = { .magic = COMMIT_MAGIC, .kind = kind };
	char buf[sizeof(h) + COMMIT_TEXT], *p = buf;
	size_t left;

	h.length = text ? (uint32_t)strnlen(text, COMMIT_TEXT - 1) : 0;
	h.crc = sum(&h, text);
	memcpy(buf, &h, sizeof(h));
	if (h.length)
		memcpy(buf + sizeof(h), text, h.length);
	for (left = sizeof(h) + h.length; left; ) {
		ssize_t n = send(fd, p, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		left -= (size_t)n;
	}
	return 0;
}

static int read_all(int fd, int timeout_ms, void *to, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char *at = to;

	while (len) {
		int rc = poll(&p, 1, timeout_ms);
		ssize_t n;

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc <= 0)
			return rc ? -errno : -ETIMEDOUT;
		n = read(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int commit_receive(int fd, int timeout_ms, enum commit_kind *kind, char text[COMMIT_TEXT])
{
	struct commit_head h;
	int rc = read_all(fd, timeout_ms, &h, sizeof(h));

	if (rc)
		return rc;
	if (h.magic != COMMIT_MAGIC || h.kind < COMMIT_FAILED || h.kind > COMMIT_CAUGHT_UP || h.length >= COMMIT_TEXT)
		return -EPROTO;
	rc = read_all(fd, timeout_ms, text, h.length);
	if (rc)
		return rc;
	text[h.length] = 0;
	*kind = h.kind;
	return h.crc == sum(&h, text) ? 0 : -EPROTO;
}
