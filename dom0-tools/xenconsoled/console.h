/* SPDX-License-Identifier: MIT */
/*
 * Consoles of domains: each has a ring shared with the guest, a pty for whoever wants to look, and a log from byte 0.
 *
 * What the guest writes is taken at once, logged, and offered to the pty; when nobody reads that, only the newest part
 * is kept. A guest that writes without end is slowed down by leaving its ring full for a moment, and costs bounded
 * memory and disk. Nothing here blocks.
 */
#ifndef XENCONSOLED_CONSOLE_H
#define XENCONSOLED_CONSOLE_H

#include "ev/ev.h"
#include "xenctl/xenctl.h"
#include "xenstore/xenstore.h"

struct console;

struct consoled {
	struct ev_loop *loop;
	struct xenctl *xc;
	struct xenctl_evtchn *ec;
	struct xenctl_gnttab *gt;
	struct xs_handle *xs;		/* NULL while the store is away */
	const char *log_dir;		/* NULL: no logs */
	size_t log_limit;		/* bytes of one log file */
	struct console *list;
};

struct console *console_find(struct consoled *all, uint32_t domid);
/* A console not yet connected to its guest; NULL: no memory. */
struct console *console_new(struct consoled *all, uint32_t domid);
/* Read the store's description of it and connect, or connect anew if that has changed. */
void console_update(struct console *c);
/* The store is new (it was away): ask it again for changes of all consoles. */
void console_watch_all(struct consoled *all);
/* The event channel `port` has fired. */
void console_event(struct consoled *all, int port);
/* Events were lost: look at all of them. */
void console_event_all(struct consoled *all);
/*
 * Drop the consoles of domains that are gone, after a last look at what they wrote; a pty with unread text stays a
 * second.
 */
void console_reap(struct consoled *all);
void console_free(struct console *c);

#endif
