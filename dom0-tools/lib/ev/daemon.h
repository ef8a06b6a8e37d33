/* SPDX-License-Identifier: MIT */
/*
 * What each daemon does at its start: go to the background, say that it is ready, note its process id, stop on signals.
 *
 * Order: daemon_background() before anything is opened (it forks), then set up, then daemon_ready().
 */
#ifndef LIB_EV_DAEMON_H
#define LIB_EV_DAEMON_H

#include "ev/ev.h"

/*
 * Split off the daemon. The starting process stays until the daemon is ready or dead, so that its exit status says
 * which. Returns in the daemon only: a descriptor for daemon_ready(), or -errno if there can be none.
 */
int daemon_background(void);
/* Let the starting process go. Standard input and output go to /dev/null, standard error stays. */
void daemon_ready(int fd);

int daemon_write_pid(const char *path);		/* 0 or -errno */
int daemon_stop_on_signals(struct ev_loop *l);	/* SIGTERM and SIGINT stop the loop; SIGPIPE and SIGHUP are ignored */
/* After that: fn on each SIGHUP. Once at most; 0 or -errno. */
int daemon_on_hangup(struct ev_loop *l, void (*fn)(void *arg), void *arg);
void daemon_raise_limits(void);			/* as many descriptors as the system allows */

#endif
