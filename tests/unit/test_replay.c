/* SPDX-License-Identifier: MIT */
/*
 * Tests of the log of block-keeper (hotplug/replay.c), against a server that answers in any order, keeps in memory what
 * was not flushed, and dies with it; and a user that dies and asks again. What the user knows to be flushed, and in
 * the end everything, is on the server's disk.
 */
#include <errno.h>
#include <linux/nbd.h>
#include <stdlib.h>
#include <string.h>

#include "../../dom0-tools/hotplug/replay.h"
#include "suite.h"
#include "util/mem.h"

#define BLOCKS 16
#define USERS 8				/* requests of the user at the same time, each about other blocks */

static uint64_t state;

static unsigned int below(unsigned int n)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)(state >> 33) % n;
}

/* --- the server --- */

static struct server {
	uint32_t cached[BLOCKS], durable[BLOCKS];
	struct { uint64_t id; uint16_t type, flags; uint64_t block; uint32_t value; } asked[160];
	size_t n;
} server;

static void server_ask(const struct replay_req *q)
{
	uint32_t value = 0;

	if (q->data)
		memcpy(&value, q->data, sizeof(value));
	server.asked[server.n].id = q->id;
	server.asked[server.n].type = q->type;
	server.asked[server.n].flags = q->flags;
	server.asked[server.n].block = q->offset;
	server.asked[server.n++].value = value;
}

/* Do one of the things asked; returns its id. */
static uint64_t server_do(size_t i)
{
	uint64_t id = server.asked[i].id;
	uint64_t b = server.asked[i].block;

	if (server.asked[i].type == NBD_CMD_WRITE || server.asked[i].type == NBD_CMD_TRIM) {
		server.cached[b] = server.asked[i].type == NBD_CMD_WRITE ? server.asked[i].value : 0;
		if (server.asked[i].flags & 1)
			server.durable[b] = server.cached[b];
	} else if (server.asked[i].type == NBD_CMD_FLUSH) {
		memcpy(server.durable, server.cached, sizeof(server.durable));
	}
	server.asked[i] = server.asked[--server.n];
	return id;
}

/* Some of what was asked is done, nobody hears of it, and the cache is lost but for what was written out by chance. */
static void server_die(void)
{
	while (server.n && below(2))
		server_do(below((unsigned int)server.n));
	for (size_t b = 0; b < BLOCKS; b++)
		if (below(3))
			server.cached[b] = server.durable[b];
	memcpy(server.durable, server.cached, sizeof(server.durable));
	server.n = 0;
}

/* --- the user --- */

static struct user {
	struct { uint16_t type, flags; uint32_t block, value; bool busy; uint64_t cookie; } at[USERS];
	uint32_t written[BLOCKS];	/* answered */
	uint32_t known[BLOCKS];		/* of these: what the last flush that was answered had to cover */
	uint32_t at_flush[USERS][BLOCKS];
	uint64_t cookies;
} user;

static bool block_busy(uint32_t block)
{
	for (size_t i = 0; i < USERS; i++)
		if (user.at[i].busy && user.at[i].type != NBD_CMD_FLUSH && user.at[i].block == block)
			return true;
	return false;
}

static void user_send(struct replay *r, size_t i)
{
	uint32_t *data = NULL;

	user.at[i].cookie = ++user.cookies << 8 | i;
	if (user.at[i].type == NBD_CMD_WRITE) {
		data = xcalloc(1, sizeof(*data));
		*data = user.at[i].value;
	}
	replay_take(r, user.at[i].cookie, user.at[i].type, user.at[i].flags, user.at[i].block, sizeof(*data), data);
}

static void user_ask(struct replay *r)
{
	static const uint16_t types[] = { NBD_CMD_WRITE, NBD_CMD_WRITE, NBD_CMD_WRITE, NBD_CMD_TRIM, NBD_CMD_READ, NBD_CMD_FLUSH };
	uint32_t block = below(BLOCKS);
	size_t i = below(USERS);

	if (user.at[i].busy || block_busy(block))
		return;
	user.at[i].busy = true;
	user.at[i].type = types[below(6)];
	user.at[i].flags = user.at[i].type == NBD_CMD_WRITE && !below(8);
	user.at[i].block = block;
	user.at[i].value = user.at[i].type == NBD_CMD_WRITE ? 1 + below(1000000) : 0;
	memcpy(user.at_flush[i], user.written, sizeof(user.written));
	user_send(r, i);
}

static void user_hears(uint64_t cookie)
{
	size_t i = cookie & 0xff;

	CU_ASSERT_FATAL(i < USERS && user.at[i].busy);
	CU_ASSERT_EQUAL(user.at[i].cookie, cookie);
	user.at[i].busy = false;
	if (user.at[i].type == NBD_CMD_WRITE || user.at[i].type == NBD_CMD_TRIM)
		user.written[user.at[i].block] = user.at[i].value;
	if (user.at[i].type == NBD_CMD_FLUSH)
		memcpy(user.known, user.at_flush[i], sizeof(user.known));
}

static void answer(struct replay *r, uint64_t id)
{
	uint64_t cookie = 0;
	uint32_t error = 0;

	if (replay_answered(r, id, &error, &cookie))
		user_hears(cookie);
	CU_ASSERT_EQUAL(error, 0);
}

static void settle(struct replay *r)
{
	struct replay_req *q;

	while (replay_has_next(r) || server.n) {
		while ((q = replay_next(r)))
			server_ask(q);
		answer(r, server_do(below((unsigned int)server.n)));
	}
}

/* As the kernel does it: when nothing of the old connection can still happen, all is asked again. */
static void user_die(struct replay *r)
{
	replay_user_gone(r);
	while (!replay_drained(r)) {
		if (below(4)) {
			answer(r, server_do(below((unsigned int)server.n)));
		} else {
			server_die();
			replay_server_gone(r);
		}
	}
	for (size_t i = 0; i < USERS; i++)
		if (user.at[i].busy)
			user_send(r, i);
}

static void step(struct replay *r)
{
	struct replay_req *q = NULL;

	switch (below(12)) {
	case 0 ... 4:
		user_ask(r);
		break;
	case 5 ... 7:
		q = replay_next(r);
		if (q)
			server_ask(q);
		break;
	case 8 ... 10:
		if (server.n)
			answer(r, server_do(below((unsigned int)server.n)));
		break;
	default:
		if (!below(10)) {
			server_die();
			replay_server_gone(r);
		} else if (!below(30)) {
			user_die(r);
		}
	}
}

static void run(unsigned int seed)
{
	struct replay r;

	state = seed;
	memset(&server, 0, sizeof(server));
	memset(&user, 0, sizeof(user));
	replay_init(&r, true);
	for (int i = 0; i < 3000; i++)
		step(&r);
	settle(&r);
	/* Everybody has been answered: the server has it, or it dies once more and has it then. */
	server_die();
	replay_server_gone(&r);
	settle(&r);
	CU_ASSERT(!memcmp(server.cached, user.written, sizeof(user.written)));
	/* After a flush nothing is left to be done again. */
	replay_take(&r, 1ULL << 40, NBD_CMD_FLUSH, 0, 0, 0, NULL);
	while (r.todo.n) {
		uint64_t cookie;
		uint32_t error = 0;

		server_ask(replay_next(&r));
		CU_ASSERT_TRUE(replay_answered(&r, server_do(0), &error, &cookie));
	}
	CU_ASSERT(!memcmp(server.durable, user.written, sizeof(user.written)));
	CU_ASSERT_EQUAL(r.log.n, 0);
	CU_ASSERT_EQUAL(r.log_bytes, 0);
	replay_free(&r);
}

static void test_random(void)
{
	for (unsigned int seed = 1; seed <= 300; seed++)
		run(seed);
}

static void take_write(struct replay *r, uint64_t cookie, uint32_t len)
{
	replay_take(r, cookie, NBD_CMD_WRITE, 0, 0, len, xcalloc(1, len));
}

static uint32_t answer_next(struct replay *r, uint32_t error)
{
	struct replay_req *q = replay_next(r);
	uint64_t cookie;

	CU_ASSERT_PTR_NOT_NULL_FATAL(q);
	replay_answered(r, q->id, &error, &cookie);
	return error;
}

/* The log does not grow without bound: we flush by ourselves, and take nothing more until that is done. */
static void test_bounded(void)
{
	struct replay r;
	int taken = 0;

	replay_init(&r, true);
	while (replay_room(&r) && taken < 1000) {
		take_write(&r, (uint64_t)taken++, 1 << 20);
		while (replay_has_next(&r) && r.todo.head->type == NBD_CMD_WRITE)
			answer_next(&r, 0);
		if (r.flushing)
			break;
	}
	CU_ASSERT_EQUAL(taken, 8);
	CU_ASSERT_EQUAL(answer_next(&r, 0), 0);
	CU_ASSERT_EQUAL(r.log.n, 0);
	CU_ASSERT_FALSE(r.flushing);
	replay_free(&r);
	/* A server that cannot flush has nothing to lose. */
	replay_init(&r, false);
	take_write(&r, 1, 4096);
	answer_next(&r, 0);
	CU_ASSERT_EQUAL(r.log.n, 0);
	replay_free(&r);
}

/* What cannot be done again is not kept quiet: the next flush fails, once. */
static void test_damaged(void)
{
	struct replay r;

	replay_init(&r, true);
	take_write(&r, 1, 512);
	CU_ASSERT_EQUAL(answer_next(&r, 0), 0);
	replay_server_gone(&r);
	answer_next(&r, ENOSPC);
	for (int i = 0; i < 2; i++) {
		replay_take(&r, 2, NBD_CMD_FLUSH, 0, 0, 0, NULL);
		CU_ASSERT_EQUAL(answer_next(&r, 0), (uint32_t)(i ? 0 : EIO));
	}
	/* A request's own error is the user's. */
	take_write(&r, 3, 512);
	CU_ASSERT_EQUAL(answer_next(&r, ENOSPC), ENOSPC);
	CU_ASSERT_EQUAL(r.log.n, 0);
	replay_free(&r);
}

static void test_strange_answers(void)
{
	struct replay r;
	uint64_t cookie;
	uint32_t error = 0;

	replay_init(&r, true);
	CU_ASSERT_PTR_NULL(replay_next(&r));
	CU_ASSERT_PTR_NULL(replay_find(&r, 1));
	CU_ASSERT_FALSE(replay_answered(&r, 1, &error, &cookie));
	take_write(&r, 1, 512);
	CU_ASSERT_PTR_NULL(replay_find(&r, r.todo.head->id));	/* not asked yet */
	replay_free(&r);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "servers and users that die", test_random },
		{ "the log is bounded", test_bounded },
		{ "writes that cannot be done again", test_damaged },
		{ "answers to nothing", test_strange_answers },
		CU_TEST_INFO_NULL,
	};

	return suite_run("replay", tests);
}
