/* SPDX-License-Identifier: MIT */
/* Tests of the event loop: order of timers, removal of a watch from inside another one's callback, hooks, stop. */
#include <stdlib.h>
#include <unistd.h>

#include "ev/ev.h"
#include "suite.h"

static char trace[64];
static unsigned int traced;

static void note(char c)
{
	if (traced < sizeof(trace) - 1)
		trace[traced++] = c;
	trace[traced] = '\0';
}

static void reset(void)
{
	traced = 0;
	trace[0] = '\0';
}

static void on_timer(struct ev_timer *t, void *arg)
{
	(void)t;
	note(*(char *)arg);
}

static void test_timer_order(void)
{
	struct ev_loop *l = ev_loop_new();
	char names[] = "abc";
	struct ev_timer *a = ev_timer_new(l, on_timer, &names[0]);
	struct ev_timer *b = ev_timer_new(l, on_timer, &names[1]);
	struct ev_timer *c = ev_timer_new(l, on_timer, &names[2]);

	reset();
	ev_timer_set(a, 30);
	ev_timer_set(b, 10);
	ev_timer_set(c, 20);
	ev_timer_set(a, 1);	/* re-arming moves it */
	CU_ASSERT_TRUE(ev_timer_armed(a));
	for (uint64_t end = ev_now_ms() + 60; ev_now_ms() < end;)
		CU_ASSERT_EQUAL(ev_loop_once(l, 5), 0);
	CU_ASSERT_STRING_EQUAL(trace, "abc");
	CU_ASSERT_FALSE(ev_timer_armed(a));

	reset();
	ev_timer_set(a, 1);
	ev_timer_stop(a);
	usleep(3000);
	ev_loop_once(l, 5);
	CU_ASSERT_STRING_EQUAL(trace, "");
	ev_timer_free(a);
	ev_timer_free(b);
	ev_timer_free(c);
	ev_loop_free(l);
}

struct two {
	struct ev_fd *w[2];
};

/* Whichever runs first removes both: the other must not run although its event was already fetched. */
static void on_readable(struct ev_fd *w, uint32_t events, void *arg)
{
	struct two *t = arg;

	(void)w;
	CU_ASSERT_TRUE(events & EPOLLIN);
	note('x');
	ev_fd_del(t->w[0]);
	ev_fd_del(t->w[1]);
}

static void test_remove_in_callback(void)
{
	struct ev_loop *l = ev_loop_new();
	struct two t;
	int p[2][2];

	reset();
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL_FATAL(pipe(p[i]), 0);
		CU_ASSERT_EQUAL(write(p[i][1], "1", 1), 1);
		t.w[i] = ev_fd_add(l, p[i][0], EPOLLIN, on_readable, &t);
		CU_ASSERT_PTR_NOT_NULL_FATAL(t.w[i]);
	}
	ev_loop_once(l, 100);
	ev_loop_once(l, 1);
	CU_ASSERT_STRING_EQUAL(trace, "x");
	for (int i = 0; i < 4; i++)
		close(p[i / 2][i % 2]);
	ev_loop_free(l);
}

static void on_writable(struct ev_fd *w, uint32_t events, void *arg)
{
	(void)events;
	note('w');
	ev_fd_set(w, 0);
	ev_loop_stop(arg);
}

static void on_sleep(void *arg)
{
	(void)arg;
	note('h');
}

static void test_hook_and_stop(void)
{
	struct ev_loop *l = ev_loop_new();
	int p[2];

	reset();
	CU_ASSERT_EQUAL_FATAL(pipe(p), 0);
	CU_ASSERT_EQUAL(ev_before_sleep(l, on_sleep, NULL), 0);
	CU_ASSERT_PTR_NOT_NULL(ev_fd_add(l, p[1], EPOLLOUT, on_writable, l));
	CU_ASSERT_EQUAL(ev_loop_run(l), 0);
	ev_loop_once(l, 1);	/* no longer watched: only the hook runs */
	CU_ASSERT_STRING_EQUAL(trace, "hwh");
	ev_loop_free(l);	/* frees the watch */
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "timers fire in order", test_timer_order },
		{ "a watch removed in a callback stays silent", test_remove_in_callback },
		{ "hook before sleep, stop", test_hook_and_stop },
		CU_TEST_INFO_NULL,
	};

	return suite_run("ev", tests);
}
