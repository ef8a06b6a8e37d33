/* SPDX-License-Identifier: MIT */
/*
 * A client outlives the daemon: when the connection ends it waits for the next daemon, connects and sets its watches
 * again. Each fires once when it is set, so a change that happened meanwhile is not missed.
 *
 * Transactions cannot be carried over. One that was open goes on as if nothing had happened, its changes going nowhere,
 * and fails with EAGAIN at its end, which every caller has to expect. Numbers of transactions are therefore the
 * library's own, not those of the daemon, which begin anew.
 *
 * xs_fileno() is an epoll descriptor around the socket, so that it stays the same whatever happens inside.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "xenstore/priv.h"

#define PATIENCE_MS	5000		/* how long a call waits for a new daemon */
#define RETRY_MS	50

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* --- what has to be known of watches and transactions --- */

bool xs_keep_watch(struct xs_handle *h, const char *path, const char *token)
{
	struct kept_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return false;
	*w = (struct kept_watch){ .next = h->watches, .path = strdup(path), .token = strdup(token) };
	h->watches = w;
	return w->path && w->token;
}

static void free_watch(struct kept_watch *w)
{
	free(w->path);
	free(w->token);
	free(w);
}

void xs_forget_watch(struct xs_handle *h, const char *path, const char *token)
{
	for (struct kept_watch **p = &h->watches, *w; (w = *p); p = &w->next)
		if (!strcmp(w->path, path) && !strcmp(w->token, token)) {
			*p = w->next;
			free_watch(w);
			return;
		}
}

struct kept_tx *xs_find_tx(struct xs_handle *h, xs_transaction_t id)
{
	struct kept_tx *t = h->txs;

	while (t && t->id != id)
		t = t->next;
	return t;
}

xs_transaction_t xs_keep_tx(struct xs_handle *h, uint32_t wire)
{
	struct kept_tx *t = calloc(1, sizeof(*t));

	if (!t)
		return XBT_NULL;
	do {
		h->last_tx++;
	} while (!h->last_tx || xs_find_tx(h, h->last_tx));
	*t = (struct kept_tx){ .next = h->txs, .id = h->last_tx, .wire = wire };
	h->txs = t;
	return t->id;
}

void xs_forget_tx(struct xs_handle *h, xs_transaction_t id)
{
	for (struct kept_tx **p = &h->txs, *t; (t = *p); p = &t->next)
		if (t->id == id) {
			*p = t->next;
			free(t);
			return;
		}
}

void xs_forget_all(struct xs_handle *h)
{
	while (h->watches) {
		struct kept_watch *w = h->watches;

		h->watches = w->next;
		free_watch(w);
	}
	while (h->txs)
		xs_forget_tx(h, h->txs->id);
	if (h->epoll >= 0)
		close(h->epoll);
	if (h->timer >= 0)
		close(h->timer);
}

/* --- the descriptor that callers wait for --- */

static bool poll_for(struct xs_handle *h, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

int xs_fileno(struct xs_handle *h)
{
	if (!h->lasting)
		return h->fd;
	if (h->epoll >= 0)
		return h->epoll;
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	h->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (h->epoll < 0 || h->timer < 0 || !poll_for(h, h->timer) || (!h->broken && !poll_for(h, h->fd)))
		return -1;
	return h->epoll;
}

/* While there is no daemon the descriptor becomes readable every now and then, for xs_check_watch() to try again. */
static void set_timer(struct xs_handle *h, unsigned int ms)
{
	struct itimerspec t = { .it_value.tv_nsec = ms * 1000000L, .it_interval.tv_nsec = ms * 1000000L };
	uint64_t gone;

	if (h->timer < 0)
		return;
	if (read(h->timer, &gone, sizeof(gone)) < 0)
		gone = 0;
	timerfd_settime(h->timer, 0, &t, NULL);
}

/* A child that was forked may have the socket too: closing it here does not take it out of the epoll set. */
static void disconnect(struct xs_handle *h)
{
	if (h->fd < 0)
		return;
	if (h->epoll >= 0)
		epoll_ctl(h->epoll, EPOLL_CTL_DEL, h->fd, NULL);
	close(h->fd);
	h->fd = -1;
}

/* --- connecting again --- */

static bool set_watches(struct xs_handle *h)
{
	for (const struct kept_watch *w = h->watches; w; w = w->next) {
		struct part p[2] = { { w->path, strlen(w->path) + 1 }, { w->token, strlen(w->token) + 1 } };
		void *reply = xs_exchange(h, 0, XS_WATCH, p, 2, NULL);

		free(reply);
		if (h->broken)
			return false;
	}
	return true;
}

static bool try_once(struct xs_handle *h)
{
	int fd = xs_connect();

	if (fd < 0)
		return false;
	h->fd = fd;
	h->broken = false;
	xs_frame_reset(&h->in);
	for (struct kept_tx *t = h->txs; t; t = t->next)
		t->lost = true;
	if ((h->epoll < 0 || poll_for(h, fd)) && set_watches(h))
		return true;
	h->broken = true;
	return false;
}

bool xs_reconnect(struct xs_handle *h, bool wait)
{
	uint64_t until = now_ms() + PATIENCE_MS;
	int saved;

	for (;;) {
		disconnect(h);
		if (try_once(h)) {
			set_timer(h, 0);
			return true;
		}
		saved = errno;
		if (!wait || now_ms() >= until)
			break;
		usleep(RETRY_MS * 1000);
	}
	set_timer(h, RETRY_MS);
	errno = saved;
	return false;
}

/* --- a transaction that ended with the daemon --- */

void *xs_lost_tx(uint32_t type, const struct part *parts)
{
	bool commit = type == XS_TRANSACTION_END && parts && *(const char *)parts->data == 'T';

	if (commit) {
		errno = EAGAIN;
		return NULL;
	}
	return strdup("OK");
}
