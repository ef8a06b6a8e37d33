/* SPDX-License-Identifier: MIT */
/*
 * Event loop of the dom0 daemons: descriptors with callbacks and timers over epoll. One thread.
 *
 * A callback may do anything, including removing its own or other descriptors and timers, and closing their fds; a
 * watch that has been removed is never called again, even if its event was already fetched from the kernel.
 * ev_before_sleep() hooks run after each round of callbacks, before the loop waits: the place to flush what the round
 * produced.
 *
 * Signals are left to the caller: block them and add a signalfd.
 */
#ifndef LIB_EV_EV_H
#define LIB_EV_EV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct ev_loop;
struct ev_fd;
struct ev_timer;

typedef void ev_fd_fn(struct ev_fd *w, uint32_t events, void *arg);	/* events: EPOLL* */
typedef void ev_timer_fn(struct ev_timer *t, void *arg);
typedef void ev_hook_fn(void *arg);

struct ev_loop *ev_loop_new(void);		/* NULL: errno says why */
void ev_loop_free(struct ev_loop *l);		/* frees remaining watches and timers; closes none of their fds */

/* Watch fd for events (EPOLLIN, EPOLLOUT, 0 = only errors; level-triggered). NULL: errno. The fd stays the caller's. */
struct ev_fd *ev_fd_add(struct ev_loop *l, int fd, uint32_t events, ev_fd_fn *fn, void *arg);
int ev_fd_set(struct ev_fd *w, uint32_t events);	/* change what is watched; 0 or -errno */
int ev_fd_fd(const struct ev_fd *w);
void ev_fd_del(struct ev_fd *w);			/* before the fd is closed; NULL is fine */

/* One-shot timer: fires ms from now, then is idle until set again. NULL: out of memory. A new timer is idle. */
struct ev_timer *ev_timer_new(struct ev_loop *l, ev_timer_fn *fn, void *arg);
void ev_timer_set(struct ev_timer *t, uint64_t ms);	/* (re)arm */
void ev_timer_stop(struct ev_timer *t);
bool ev_timer_armed(const struct ev_timer *t);
void ev_timer_free(struct ev_timer *t);			/* NULL is fine */

int ev_before_sleep(struct ev_loop *l, ev_hook_fn *fn, void *arg);	/* at most 4; 0 or -ENOSPC */

/* Run until ev_loop_stop(). Returns 0, or -errno if epoll itself fails. */
int ev_loop_run(struct ev_loop *l);
/* One round: wait at most timeout_ms (-1 = as long as the timers allow), run callbacks. 0 or -errno. */
int ev_loop_once(struct ev_loop *l, int timeout_ms);
void ev_loop_stop(struct ev_loop *l);
uint64_t ev_now_ms(void);				/* CLOCK_MONOTONIC */

#endif
