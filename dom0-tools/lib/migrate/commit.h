/* SPDX-License-Identifier: MIT */
/*
 * Who owns a domain that migrates: the rules by which source and target hand it over, as pure functions, and the few
 * messages that they exchange behind the stream. docs/migration-protocol.md tells the whole; tests/unit/test_commit.c
 * tries all interleavings with crashes, lost messages and power cuts.
 *
 * Each end has a journal for each migration (named by its token) that says one of the states below. A state is on the
 * disk before anything is done or said because of it. The commit point is SRC_GIVEN: before it the source may run the
 * domain, from then on only the target may, unless the target has said that it never will.
 *
 * Only the source asks (it reached the target when it began); the target answers. A token is used once, and a target
 * that has said "unknown" can never start a domain under that token again.
 */
#ifndef LIB_MIGRATE_COMMIT_H
#define LIB_MIGRATE_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum src_state {
	SRC_NONE,			/* there is no journal */
	SRC_SENDING,			/* the domain runs here, or is suspended and nobody else runs it */
	SRC_GIVEN,			/* it is the target's */
	SRC_KEPT,			/* it stays here; the target may not know yet */
	SRC_DONE,			/* the target has it; it may forget the token */
};

enum dst_state {
	DST_NONE,
	DST_PREPARED,			/* it is complete here and paused */
	DST_STARTED,			/* it is ours */
};

enum verdict { VERDICT_GIVEN = 1, VERDICT_KEPT, VERDICT_DONE };

enum answer {
	ANSWER_UNKNOWN = 1,		/* it does not run here and never will */
	ANSWER_STARTED,			/* it lives here */
	ANSWER_ENDED,			/* it was started here and has ended since */
};

enum src_act {
	SRC_REST,			/* nothing */
	SRC_RESUME,			/* let it run here */
	SRC_DESTROY,			/* take our copy away */
	SRC_ASK_HUMAN,			/* our copy is older than what ran there: somebody has to decide */
	SRC_CONFLICT,			/* it was started there by order although we kept it */
};

struct src_step {
	enum src_state next;
	enum src_act act;
};

/* The source's worker has ended, or its daemon begins: `has` tells whether the domain is still in the hypervisor. */
struct src_step src_restart(enum src_state s, bool has);
/* What it tells the target in this state; 0: nothing. */
enum verdict src_verdict(enum src_state s);
struct src_step src_answered(enum src_state s, bool has, enum answer a);

enum dst_act { DST_REST, DST_START, DST_DESTROY };

struct dst_step {
	enum dst_state next;
	enum dst_act act;
	enum answer answer;		/* once that is done */
};

/* The source has told its verdict. has: the domain is here and has not ended. No worker is about it any more. */
struct dst_step dst_told(enum dst_state s, bool has, enum verdict v);

/* --- messages behind the stream, and back while it comes --- */

enum commit_kind {
	COMMIT_FAILED = 1,		/* target: why, in words */
	COMMIT_PREPARED,		/* target: it is complete and waits */
	COMMIT_GIVEN,			/* source: it is yours */
	COMMIT_STARTED,			/* target: it is mine and runs */
	COMMIT_ALIVE,			/* target: and it was seen to do something */
	COMMIT_SILENT,			/* target: it was not, and why */
	COMMIT_DONE,			/* source: I know, and have written it down; VERDICT_DONE, earlier */
	COMMIT_CAUGHT_UP,		/* target: all that has come so far is taken (STREAM_SYNC, STREAM_STOP) */
};
#define COMMIT_TEXT	512

/* text may be NULL. 0 or -errno. */
int commit_send(int fd, enum commit_kind kind, const char *text);
/* Wait at most timeout_ms. 0; -ETIMEDOUT, -ENODATA at the end of the connection, -EPROTO, or another -errno. */
int commit_receive(int fd, int timeout_ms, enum commit_kind *kind, char text[COMMIT_TEXT]);

#endif
