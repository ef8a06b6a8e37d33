/* SPDX-License-Identifier: MIT */
/*
 * Never two, never none: an explicit-state model of handing a domain over. It drives the very functions that xld uses
 * (commit.c) through all interleavings of both ends, their daemons' deaths, power cuts, lost and late messages, with
 * each write of a journal and what follows it as steps of their own; and sees that from every state that is reached the
 * two ends come to an end of it once the weather is good. Beside that, the messages themselves.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "migrate/commit.h"
#include "suite.h"

#define CRASHES		3		/* deaths of daemons, of both ends together */
#define POWER_CUTS	2

enum { GONE, RUNS, SUSPENDED };				/* the domain at the source */
enum { NOTHING, PARTS, WHOLE, LIVES };			/* and at the target */
enum { S_IDLE, S_SEND, S_WAIT_PREPARED, S_GOT_PREPARED, S_GAVE, S_WAIT_STARTED, S_GOT_STARTED, S_DONE };
enum { T_IDLE, T_RECEIVE, T_COMPLETE, T_JOURNALLED, T_WAIT_GIVEN, T_GOT_GIVEN, T_MINE, T_RUNS, T_WAIT_DONE, T_SETTLED };
enum { NO_MESSAGE, END, PREPARED, GIVEN, STARTED, DONE };

/* All of the world, in 64 bits so that states can be compared and counted. */
union world {
	uint64_t key;
	struct {
		uint64_t s_journal : 3, s_dom : 2, s_work : 3, s_up : 1, s_new : 1, s_act : 3;
		uint64_t t_journal : 2, t_dom : 2, t_work : 4, t_up : 1, t_new : 1, t_act : 2;
		uint64_t cut : 1, to_t : 3, to_s : 3;
		uint64_t ask : 2, late : 2, reply : 2, answer : 2;	/* verdicts under way, answer being made, made */
		uint64_t human : 1, resumed : 1, started : 1, ended : 1, excused : 1, conflict : 1;
		uint64_t crashes : 2, powers : 2;
	};
};

_Static_assert(sizeof(union world) == 8, "a state is one word");

/* --- the source: one step of each thing it may do now; false: it may not --- */

static bool s_suspend(union world *w)
{
	if (w->s_work != S_SEND || w->s_dom != RUNS)
		return false;
	w->s_dom = SUSPENDED;
	return true;
}

static bool s_worker(union world *w)
{
	switch (w->s_work) {
	case S_SEND:
		if (w->s_dom != SUSPENDED || w->cut)
			return false;
		w->to_t = END;
		break;
	case S_WAIT_PREPARED:
		if (w->to_s != PREPARED)
			return false;
		w->to_s = NO_MESSAGE;
		break;
	case S_GOT_PREPARED:
		w->s_journal = SRC_GIVEN;
		break;
	case S_GAVE:
		w->to_t = w->cut ? NO_MESSAGE : GIVEN;
		break;
	case S_WAIT_STARTED:
		if (w->to_s != STARTED)
			return false;
		w->to_s = NO_MESSAGE;
		break;
	case S_GOT_STARTED:
		w->s_journal = SRC_DONE;
		break;
	case S_DONE:
		w->to_t = w->cut ? NO_MESSAGE : DONE;
		w->s_dom = GONE;
		w->s_work = S_IDLE;
		return true;
	default:
		return false;
	}
	w->s_work++;
	return true;
}

/* The worker gives up: what it waits for does not come, or somebody cancels it. */
static bool s_give_up(union world *w)
{
	if (w->s_work == S_IDLE)
		return false;
	w->s_work = S_IDLE;
	w->s_new = w->cut = 1;
	return true;
}

static void s_step(union world *w, struct src_step step)
{
	w->s_journal = step.next;
	w->s_act = step.act;
}

static bool s_recover(union world *w)
{
	if (!w->s_up || !w->s_new)
		return false;
	w->s_new = 0;
	s_step(w, src_restart(w->s_journal, w->s_dom != GONE));
	return true;
}

static bool s_do(union world *w)
{
	if (!w->s_up || w->s_act == SRC_REST)
		return false;
	if (w->s_act == SRC_RESUME && w->s_dom == SUSPENDED) {
		w->s_dom = RUNS;
		w->resumed = 1;
	} else if (w->s_act == SRC_DESTROY) {
		w->s_dom = GONE;
	}
	w->human |= w->s_act == SRC_ASK_HUMAN;
	w->conflict |= w->s_act == SRC_CONFLICT;
	w->s_act = SRC_REST;
	return true;
}

static bool s_ask(union world *w)
{
	if (!w->s_up || w->s_work || w->s_new || w->s_act || w->ask || w->reply || w->answer)
		return false;
	if (!src_verdict(w->s_journal) || w->human)
		return false;
	w->ask = src_verdict(w->s_journal);
	return true;
}

static bool s_answered(union world *w)
{
	if (!w->s_up || w->s_new || w->s_act || !w->answer)
		return false;
	s_step(w, src_answered(w->s_journal, w->s_dom != GONE, w->answer));
	w->answer = 0;
	return true;
}

/* --- the target --- */

static bool t_worker(union world *w)
{
	switch (w->t_work) {
	case T_RECEIVE:
		if (w->to_t != END)
			return false;
		w->to_t = NO_MESSAGE;
		w->t_dom = WHOLE;
		break;
	case T_COMPLETE:
		w->t_journal = DST_PREPARED;
		break;
	case T_JOURNALLED:
		w->to_s = w->cut ? NO_MESSAGE : PREPARED;
		break;
	case T_WAIT_GIVEN:
		if (w->to_t != GIVEN)
			return false;
		w->to_t = NO_MESSAGE;
		break;
	case T_GOT_GIVEN:
		w->t_journal = DST_STARTED;
		break;
	case T_MINE:
		w->t_dom = LIVES;
		w->started = 1;
		break;
	case T_RUNS:
		w->to_s = w->cut ? NO_MESSAGE : STARTED;
		break;
	case T_WAIT_DONE:
		if (w->to_t != DONE)
			return false;
		w->to_t = NO_MESSAGE;
		break;
	case T_SETTLED:			/* its daemon does as if it was told so */
		w->t_journal = dst_told(w->t_journal, w->t_dom >= WHOLE, VERDICT_DONE).next;
		w->t_work = T_IDLE;
		return true;
	default:
		return false;
	}
	w->t_work++;
	return true;
}

static bool t_give_up(union world *w)
{
	if (w->t_work == T_IDLE)
		return false;
	w->t_work = T_IDLE;
	w->t_new = w->cut = 1;
	return true;
}

/*
 * What a target finds when its worker has ended: no journal means it was not complete, or that all is over and it is a
 * domain like others; a started one has to run.
 */
static bool t_recover(union world *w)
{
	if (!w->t_up || !w->t_new)
		return false;
	w->t_new = 0;
	if (w->t_journal == DST_NONE && w->t_dom < LIVES)
		w->t_act = DST_DESTROY;
	else if (w->t_journal == DST_STARTED && w->t_dom == WHOLE)
		w->t_act = DST_START;
	return true;
}

static bool t_do(union world *w)
{
	if (!w->t_up || w->t_act == DST_REST)
		return false;
	if (w->t_act == DST_DESTROY && w->t_dom < LIVES)
		w->t_dom = NOTHING;
	if (w->t_act == DST_START && w->t_dom == WHOLE) {
		w->t_dom = LIVES;
		w->started = 1;
	}
	w->t_act = DST_REST;
	return true;
}

static bool t_take(union world *w, enum verdict v, enum answer *a)
{
	struct dst_step step;

	if (!w->t_up || w->t_new || w->t_act || w->reply)
		return false;
	if (w->t_work != T_IDLE) {	/* its worker is stopped first */
		t_give_up(w);
		return true;
	}
	step = dst_told(w->t_journal, w->t_dom >= WHOLE, v);
	w->t_journal = step.next;
	w->t_act = step.act;
	*a = step.answer;
	return true;
}

static bool t_told(union world *w)
{
	enum answer a = 0;

	if (!w->ask || !t_take(w, w->ask, &a))
		return false;
	if (a) {
		w->reply = a;
		w->ask = 0;
	}
	return true;
}

/* A verdict that the source has given up waiting for arrives all the same. */
static bool t_told_late(union world *w)
{
	enum answer a = 0;

	if (!w->late || !t_take(w, w->late, &a))
		return false;
	if (a)
		w->late = 0;
	return true;
}

static bool t_reply(union world *w)
{
	if (!w->reply || !w->t_up || w->t_act)
		return false;
	w->answer = w->reply;
	w->reply = 0;
	return true;
}

/* --- bad weather --- */

static bool net_cut(union world *w)
{
	if (w->cut)
		return false;
	w->cut = 1;
	w->to_t = w->to_s = NO_MESSAGE;
	return true;
}

static bool net_lose_verdict(union world *w)
{
	if (!w->ask && !w->reply && !w->answer)
		return false;
	w->ask = w->reply = w->answer = 0;
	return true;
}

static bool net_late_verdict(union world *w)
{
	if (!w->ask || w->late)
		return false;
	w->late = w->ask;
	w->ask = 0;
	return true;
}

static void s_dies(union world *w)
{
	w->s_up = w->s_work = w->s_act = w->s_new = 0;
	w->human = 0;
	w->cut = 1;
	w->ask = w->answer = 0;
}

static void t_dies(union world *w)
{
	w->t_up = w->t_work = w->t_act = w->t_new = 0;
	w->cut = 1;
	w->reply = 0;
}

static bool s_crash(union world *w)
{
	if (!w->s_up || w->crashes == CRASHES)
		return false;
	s_dies(w);
	w->crashes++;
	return true;
}

static bool t_crash(union world *w)
{
	if (!w->t_up || w->crashes == CRASHES)
		return false;
	t_dies(w);
	w->crashes++;
	return true;
}

/*
 * What a host has in memory is lost. That is excused when it had the last good copy, or the only one: a target that has
 * not written down that its copy is whole has none.
 */
static bool s_power(union world *w)
{
	if (w->powers == POWER_CUTS)
		return false;
	if (w->s_dom != GONE && (w->t_journal == DST_NONE || w->t_dom < WHOLE || w->resumed || w->s_journal == SRC_KEPT))
		w->excused = 1;
	s_dies(w);
	w->s_dom = GONE;
	w->powers++;
	return true;
}

static bool t_power(union world *w)
{
	if (w->powers == POWER_CUTS)
		return false;
	if (w->t_dom == LIVES || (w->t_dom == WHOLE && w->s_dom == GONE))
		w->excused = 1;
	t_dies(w);
	w->t_dom = NOTHING;
	w->powers++;
	return true;
}

static bool t_ends(union world *w)
{
	if (w->t_dom != LIVES || w->ended)
		return false;
	w->t_dom = NOTHING;
	w->ended = 1;
	return true;
}

static bool s_boot(union world *w)
{
	if (w->s_up)
		return false;
	w->s_up = w->s_new = 1;
	return true;
}

static bool t_boot(union world *w)
{
	if (w->t_up)
		return false;
	w->t_up = w->t_new = 1;
	return true;
}

typedef bool step_fn(union world *w);

/* Those before good_weather bring an end of it, in this order. Workers that wait for nothing any more give up. */
static step_fn *const steps[] = {
	s_boot, t_boot, s_suspend, s_worker, t_worker, s_recover, s_do, t_recover, t_do, t_told_late, t_told, t_reply,
	s_answered, s_ask, s_give_up, t_give_up,
#define GOOD_WEATHER 16
	net_cut, net_lose_verdict, net_late_verdict, s_crash, t_crash, s_power, t_power, t_ends,
};
#define NR_STEPS (sizeof(steps) / sizeof(steps[0]))

/* --- what has to hold --- */

static const char *wrong(const union world *w)
{
	if (w->s_dom == RUNS && w->t_dom == LIVES)
		return "it runs twice";
	if (w->s_dom == RUNS && w->started)
		return "it runs at the source after the target has started it";
	if (w->conflict)
		return "a conflict that nobody has ordered";
	if (!w->powers && !w->ended && w->s_dom == GONE && w->t_dom < WHOLE)
		return "it is nowhere";
	return NULL;
}

/* Where good weather leads: one domain, or one that waits for a human, or none if that is excused; nothing is open. */
static const char *wrong_end(union world w)
{
	bool any = true;

	for (int i = 0; any && i < 1000; i++) {
		any = false;
		for (size_t s = 0; s < GOOD_WEATHER && !any; s++)
			any = steps[s](&w);
		if (wrong(&w))
			return wrong(&w);
	}
	if (any)
		return "it comes to no end";
	if (w.s_dom == RUNS || w.t_dom == LIVES)
		return w.s_journal || (w.t_journal && !w.human) ? "a journal stays open" : NULL;
	if (w.s_dom == SUSPENDED && w.human)
		return NULL;
	if (w.s_dom == SUSPENDED || w.t_dom == WHOLE)
		return "it waits, and nobody knows for what";
	return w.excused || w.ended ? NULL : "it is lost";
}

/* --- all states --- */

struct states {
	uint64_t *slot, *queue;
	size_t size, n;
};

static void add(struct states *t, uint64_t key)
{
	size_t at = (key * 0x9e3779b97f4a7c15ULL) >> 20 & (t->size - 1);

	while (t->slot[at] && t->slot[at] != key)
		at = (at + 1) & (t->size - 1);
	if (t->slot[at])
		return;
	t->slot[at] = key;
	t->queue[t->n++] = key;
}

static void show(const union world *w, const char *why)
{
	printf("\n    %s: source journal %d dom %d work %d, target journal %d dom %d work %d, crashes %d, powers %d (%#llx)\n",
	       why, (int)w->s_journal, (int)w->s_dom, (int)w->s_work, (int)w->t_journal, (int)w->t_dom, (int)w->t_work,
	       (int)w->crashes, (int)w->powers, (unsigned long long)w->key);
}

static void test_model(void)
{
	struct states t = { .size = 1U << 23 };
	union world start = { 0 };
	const char *why = NULL;

	t.slot = calloc(t.size, sizeof(uint64_t));
	t.queue = calloc(t.size, sizeof(uint64_t));
	start.s_journal = SRC_SENDING;
	start.s_dom = RUNS;
	start.s_work = S_SEND;
	start.t_work = T_RECEIVE;
	start.t_dom = PARTS;
	start.s_up = start.t_up = 1;
	add(&t, start.key);
	for (size_t i = 0; i < t.n && !why; i++) {
		union world w = { .key = t.queue[i] };

		why = wrong(&w);
		if (!why)
			why = wrong_end(w);
		if (why)
			show(&w, why);
		CU_ASSERT_FATAL(t.n < t.size / 2);
		for (size_t s = 0; s < NR_STEPS; s++) {
			union world next = w;

			if (steps[s](&next))
				add(&t, next.key);
		}
	}
	CU_ASSERT_PTR_NULL(why);
	CU_ASSERT(t.n > 50000);
	printf("%zu states ", t.n);
	free(t.slot);
	free(t.queue);
}

/* --- messages --- */

static void test_messages(void)
{
	enum commit_kind kind;
	char text[COMMIT_TEXT], longer[2 * COMMIT_TEXT];
	int fd[2];

	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	CU_ASSERT_EQUAL(commit_receive(fd[1], 0, &kind, text), -ETIMEDOUT);
	CU_ASSERT_EQUAL(commit_send(fd[0], COMMIT_PREPARED, NULL), 0);
	CU_ASSERT_EQUAL(commit_send(fd[0], COMMIT_FAILED, "no memory"), 0);
	CU_ASSERT_EQUAL(commit_receive(fd[1], 0, &kind, text), 0);
	CU_ASSERT(kind == COMMIT_PREPARED && !*text);
	CU_ASSERT_EQUAL(commit_receive(fd[1], 0, &kind, text), 0);
	CU_ASSERT_EQUAL(kind, COMMIT_FAILED);
	CU_ASSERT_STRING_EQUAL(text, "no memory");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	CU_ASSERT_EQUAL(commit_send(fd[0], COMMIT_SILENT, longer), 0);
	CU_ASSERT_EQUAL(commit_receive(fd[1], 0, &kind, text), 0);
	CU_ASSERT_EQUAL(strlen(text), COMMIT_TEXT - 1);
	close(fd[0]);
	CU_ASSERT_EQUAL(commit_receive(fd[1], 0, &kind, text), -ENODATA);
	CU_ASSERT_EQUAL(commit_send(fd[1], COMMIT_GIVEN, NULL), -EPIPE);
	close(fd[1]);
}

/* Each bit of a message that is changed is noticed, and none is read beyond its end. */
static void test_damage(void)
{
	char good[16 + 5], bad[sizeof(good)], text[COMMIT_TEXT];
	enum commit_kind kind;
	int fd[2];

	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	commit_send(fd[0], COMMIT_FAILED, "no...");
	CU_ASSERT_EQUAL_FATAL(read(fd[1], good, sizeof(good)), (ssize_t)sizeof(good));
	for (size_t bit = 0; bit < 8 * sizeof(good); bit++) {
		int pair[2], rc;

		memcpy(bad, good, sizeof(good));
		bad[bit / 8] ^= (char)(1 << bit % 8);
		CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		CU_ASSERT_EQUAL(write(pair[0], bad, sizeof(bad)), (ssize_t)sizeof(bad));
		close(pair[0]);
		rc = commit_receive(pair[1], 0, &kind, text);
		CU_ASSERT(rc == -EPROTO || rc == -ENODATA);
		close(pair[1]);
	}
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "never two, never none", test_model },
		{ "messages", test_messages },
		{ "damaged messages", test_damage },
		CU_TEST_INFO_NULL,
	};

	return suite_run("commit", tests);
}
