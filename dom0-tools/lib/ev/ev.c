/* SPDX-License-Identifier: MIT */
/*
 * The event loop: epoll for descriptors, a sorted list for timers.
 *
 * A removed watch may still sit in the batch of events just fetched from the kernel, so it is only marked dead and
 * moved to a graveyard; it is freed at the end of the round. Timers are few (one per domain at most), so a list beats a
 * heap.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ev/ev.h"

#define BATCH		32
#define HOOKS		4

struct ev_fd {
	struct ev_loop *loop;
	struct ev_fd *prev, *next;
	ev_fd_fn *fn;
	void *arg;
	int fd;
	bool dead;
};

struct ev_timer {
	struct ev_loop *loop;
	struct ev_timer *next;		/* in the armed list, by due time */
	ev_timer_fn *fn;
	void *arg;
	uint64_t due;			/* ms; 0 = idle */
};

struct ev_loop {
	int epfd;
	bool stop;
	struct ev_fd *fds, *graves;
	struct ev_timer *armed;
	struct {
		ev_hook_fn *fn;
		void *arg;
	} hook[HOOKS];
	unsigned int hooks;
};

uint64_t ev_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct ev_loop *ev_loop_new(void)
{
	struct ev_loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0) {
		free(l);
		return NULL;
	}
	return l;
}

static void bury(struct ev_loop *l)
{
	while (l->graves) {
		struct ev_fd *w = l->graves;

		l->graves = w->next;
		free(w);
	}
}

void ev_loop_free(struct ev_loop *l)
{
	if (!l)
		return;
	while (l->fds)
		ev_fd_del(l->fds);
	bury(l);
	while (l->armed)
		ev_timer_stop(l->armed);
	close(l->epfd);
	free(l);
}

struct ev_fd *ev_fd_add(struct ev_loop *l, int fd, uint32_t events, ev_fd_fn *fn, void *arg)
{
	struct ev_fd *w = calloc(1, sizeof(*w));
	struct epoll_event e = { .events = events, .data.ptr = w };

	if (!w)
		return NULL;
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &e) < 0) {
		free(w);
		return NULL;
	}
	*w = (struct ev_fd){ .loop = l, .next = l->fds, .fn = fn, .arg = arg, .fd = fd };
	if (l->fds)
		l->fds->prev = w;
	l->fds = w;
	return w;
}

int ev_fd_set(struct ev_fd *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	return epoll_ctl(w->loop->epfd, EPOLL_CTL_MOD, w->fd, &e) < 0 ? -errno : 0;
}

int ev_fd_fd(const struct ev_fd *w)
{
	return w->fd;
}

void ev_fd_del(struct ev_fd *w)
{
	struct ev_loop *l;

	if (!w)
		return;
	l = w->loop;
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	if (w->prev)
		w->prev->next = w->next;
	else
		l->fds = w->next;
	if (w->next)
		w->next->prev = w->prev;
	w->dead = true;
	w->next = l->graves;
	l->graves = w;
}

struct ev_timer *ev_timer_new(struct ev_loop *l, ev_timer_fn *fn, void *arg)
{
	struct ev_timer *t = calloc(1, sizeof(*t));

	if (t)
		*t = (struct ev_timer){ .loop = l, .fn = fn, .arg = arg };
	return t;
}

void ev_timer_stop(struct ev_timer *t)
{
	struct ev_timer **p = &t->loop->armed;

	if (!t->due)
		return;
	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	t->due = 0;
}

void ev_timer_set(struct ev_timer *t, uint64_t ms)
{
	struct ev_timer **p = &t->loop->armed;

	ev_timer_stop(t);
	t->due = ev_now_ms() + ms;
	if (!t->due)
		t->due = 1;
	while (*p && (*p)->due <= t->due)
		p = &(*p)->next;
	t->next = *p;
	*p = t;
}

bool ev_timer_armed(const struct ev_timer *t)
{
	return t->due;
}

void ev_timer_free(struct ev_timer *t)
{
	if (!t)
		return;
	ev_timer_stop(t);
	free(t);
}

int ev_before_sleep(struct ev_loop *l, ev_hook_fn *fn, void *arg)
{
	if (l->hooks == HOOKS)
		return -ENOSPC;
	l->hook[l->hooks].fn = fn;
	l->hook[l->hooks++].arg = arg;
	return 0;
}

static int wait_time(const struct ev_loop *l, int timeout_ms)
{
	uint64_t now, left;

	if (!l->armed)
		return timeout_ms;
	now = ev_now_ms();
	left = l->armed->due > now ? l->armed->due - now : 0;
	if (left > 60000)
		left = 60000;
	return timeout_ms >= 0 && (uint64_t)timeout_ms < left ? timeout_ms : (int)left;
}

/* Timers due when the round began; one that re-arms itself for 0 ms waits for the next round. */
static void run_timers(struct ev_loop *l)
{
	uint64_t now = ev_now_ms();

	for (unsigned int n = 0; n < BATCH && l->armed && l->armed->due <= now; n++) {
		struct ev_timer *t = l->armed;

		ev_timer_stop(t);
		t->fn(t, t->arg);
	}
}

int ev_loop_once(struct ev_loop *l, int timeout_ms)
{
	struct epoll_event e[BATCH];
	int n;

	for (unsigned int i = 0; i < l->hooks; i++)
		l->hook[i].fn(l->hook[i].arg);
	n = epoll_wait(l->epfd, e, BATCH, wait_time(l, timeout_ms));
	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n; i++) {
		struct ev_fd *w = e[i].data.ptr;

		if (!w->dead)
			w->fn(w, e[i].events, w->arg);
	}
	run_timers(l);
	bury(l);
	return 0;
}

int ev_loop_run(struct ev_loop *l)
{
	int rc = 0;

	l->stop = false;
	while (!l->stop && !rc)
		rc = ev_loop_once(l, -1);
	return rc;
}

void ev_loop_stop(struct ev_loop *l)
{
	l->stop = true;
}
