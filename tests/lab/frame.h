/* SPDX-License-Identifier: MIT */
/*
 * The lab's wire format, spoken on two hops: between the supervisor of a host and the agent in its dom0 (over a
 * virtio serial port), and between the supervisor and its clients (over a unix socket).
 *
 * A frame is a header of 16 bytes and up to FRAME_MAX bytes of payload, all numbers little endian (the lab is x86
 * only). A session is one running command or one file in transfer; the supervisor gives it a number that is unique
 * during the life of the host, a client always uses 0.
 *
 * Flow control: each side of a session may have FRAME_WINDOW bytes of data under way that the other has not
 * acknowledged with FRAME_CREDIT. So a client that stops reading holds up its own session and nobody else's.
 */
#ifndef LAB_FRAME_H
#define LAB_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAGIC	0x3162616cu	/* "lab1" */
#define FRAME_MAX	32768u
#define FRAME_WINDOW	131072u

enum frame_type {
	/* agent to supervisor */
	FRAME_HELLO = 1,	/* the agent is up; empty */
	FRAME_OUT,		/* data of standard output, or of a pulled file */
	FRAME_ERR,		/* data of standard error */
	FRAME_DONE,		/* struct frame_done, then a text if the session failed: the session's last frame */
	/* client to agent */
	FRAME_EXEC,		/* struct frame_exec, then the arguments, each ended by NUL */
	FRAME_PUSH,		/* uint32_t mode, then the path of the file to write, ended by NUL */
	FRAME_PULL,		/* path of the file to read, ended by NUL */
	FRAME_IN,		/* data for standard input or the pushed file; an empty one is the end */
	FRAME_KILL,		/* give the session up: kill the command, drop the file */
	/* both ways */
	FRAME_CREDIT,		/* uint32_t: so many more bytes have been consumed */
	/* client to supervisor only */
	FRAME_WAIT,		/* struct frame_wait; answered with FRAME_DONE (value: starts so far) once it is so */
	FRAME_CONSOLE,		/* from now on: raw bytes of the console, both ways */
};

struct frame {
	uint32_t magic;
	uint16_t type;
	uint16_t zero;
	uint32_t session;
	uint32_t len;
};

/* How a session ended. */
enum frame_result {
	RESULT_EXIT,		/* value: the command's exit status, or 128 + the signal that ended it; 0 for files */
	RESULT_TIMEOUT,		/* the command was killed because its time was up */
	RESULT_ERROR,		/* the session could not be served; value: an errno, the text says the rest */
};

struct frame_done {
	uint32_t result;
	uint32_t value;
};

struct frame_wait {
	uint32_t owner;		/* 1: take the host down if this connection breaks before dom0 has answered once */
	uint32_t boots;		/* wait for this many starts of dom0 at least */
};

struct frame_exec {
	uint32_t timeout_ms;	/* 0: none */
	uint32_t tty;		/* 1: give it a terminal */
	uint16_t rows, cols;
};

/* A queue of bytes: appended at the end, taken from the front. */
struct buf {
	uint8_t *data;
	size_t start, len, size;
};

/* Append len bytes. Ends the program when memory is out: nothing in the lab could go on. */
void buf_put(struct buf *b, const void *data, size_t len);
/* Take len bytes (at most b->len) off the front. */
void buf_drop(struct buf *b, size_t len);
void buf_free(struct buf *b);
static inline const uint8_t *buf_at(const struct buf *b)
{
	return b->data + b->start;
}

/* Append a frame with a payload made of two parts (either may be empty). */
void frame_put2(struct buf *b, uint16_t type, uint32_t session, const void *p1, size_t n1, const void *p2, size_t n2);
void frame_put(struct buf *b, uint16_t type, uint32_t session, const void *payload, size_t len);
/* Append FRAME_DONE with a printf-like text. */
void frame_put_done(struct buf *b, uint32_t session, uint32_t result, uint32_t value, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/*
 * Look at the first frame in b. Returns 1 and fills in f if it is complete (payload at buf_at(b) + sizeof(*f); drop
 * sizeof(*f) + f->len bytes afterwards), 0 if more bytes are needed, -1 if what is there is not a frame.
 */
int frame_peek(const struct buf *b, struct frame *f);

/*
 * Write as much of b as fd takes without blocking. Returns 0, or -1 with errno set.
 * Read what there is, up to about FRAME_MAX bytes, and append it to b: returns the count, 0 at the end of the stream,
 * -1 with errno set (EAGAIN: nothing there).
 */
int buf_write(struct buf *b, int fd);
long buf_read(struct buf *b, int fd);

#endif
