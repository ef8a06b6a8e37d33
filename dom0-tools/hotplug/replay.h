/* SPDX-License-Identifier: MIT */
/*
 * What a server of a disk has been asked, so that another one can be asked the same: the requests it has not answered,
 * and the writes that it has answered but that no flush has followed yet. A server that dies has them in its memory at
 * most. No I/O is done here.
 *
 * Invariant: a write that the disk's user believes done is flushed in the server, or in the log. After a death the log
 * is written again, in its order and one by one, before anything else is asked.
 */
#ifndef HOTPLUG_REPLAY_H
#define HOTPLUG_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replay_req {
	struct replay_req *next;
	uint64_t id;			/* what the server knows it by */
	uint64_t cookie;		/* what the user knows it by */
	uint16_t type, flags;		/* NBD_CMD_*, NBD_CMD_FLAG_* */
	uint32_t len;
	uint64_t offset;
	void *data;			/* of a write */
	bool again;			/* from the log */
	bool for_user;			/* somebody waits for the answer */
	uint64_t mark;			/* in the log: its number there; of a flush: it covers the log up to this one */
};

struct replay_list {
	struct replay_req *head, **tail;
	size_t n;
};

struct replay {
	struct replay_list todo, sent, log;
	bool logs;			/* the server can flush, so what is not flushed may be lost */
	bool flushing;			/* a flush of our own is under way, to make the log shorter */
	bool damaged;			/* a write could not be done again: the next flush fails */
	size_t log_bytes;
	uint64_t ids, marks;
};

void replay_init(struct replay *r, bool server_flushes);
/* Can another request be taken? */
bool replay_room(const struct replay *r);
/* A request of the user; data (malloc'ed) is taken over. */
void replay_take(struct replay *r, uint64_t cookie, uint16_t type, uint16_t flags, uint64_t offset, uint32_t len,
		 void *data);
/* The next request that the server may be asked now, which counts as sent; NULL: none. */
struct replay_req *replay_next(struct replay *r);
bool replay_has_next(const struct replay *r);
/* The request that the server answers; NULL: it was not asked. */
const struct replay_req *replay_find(const struct replay *r, uint64_t id);
/*
 * It has answered, with an NBD error or 0. Returns whether the user is to hear of it, as *error says about request
 * *cookie.
 */
bool replay_answered(struct replay *r, uint64_t id, uint32_t *error, uint64_t *cookie);
/* The server is gone: begin anew with another one. */
void replay_server_gone(struct replay *r);
/* The user is gone and will ask again for what was not answered. */
void replay_user_gone(struct replay *r);
/* Nothing that a user who is gone has asked can still happen. */
bool replay_drained(const struct replay *r);
void replay_free(struct replay *r);

#endif
