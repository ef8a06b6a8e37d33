/* SPDX-License-Identifier: MIT */
/*
 * Transport of the client library: the connection, one exchange of request and reply, and the queue of watch events
 * that come in between. xs_calls.c has the calls proper.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "xenstore/priv.h"

#define DEFAULT_SOCKET	"/run/xenstored/socket"
#define MAX_TRIES	4		/* of one request, with as many daemons */
#define KERNEL_DEVICE	"/dev/xen/xenbus"

static int connect_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, saved;

	if (strlen(path) >= sizeof(a.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int xs_connect(void)
{
	const char *path = getenv("XENSTORED_PATH");

	return connect_socket(path ? path : DEFAULT_SOCKET);
}

struct xs_handle *xs_open(unsigned long flags)
{
	const char *path = getenv("XENSTORED_PATH");
	struct xs_handle *h = calloc(1, sizeof(*h));
	int saved;

	if (!h)
		return NULL;
	h->events_end = &h->events;
	h->is_socket = true;
	h->lasting = !(flags & XS_ONE_DAEMON);
	h->epoll = h->timer = -1;
	h->fd = xs_connect();
	if (h->fd < 0 && h->lasting && errno == ECONNREFUSED)
		xs_reconnect(h, true);
	/* A socket that refuses is that of a daemon that has died: the kernel's device would wait for it for ever. */
	if (h->fd < 0 && !path && errno == ENOENT) {
		saved = errno;
		h->is_socket = h->lasting = false;
		h->fd = open(KERNEL_DEVICE, O_RDWR | O_CLOEXEC);
		if (h->fd < 0)
			errno = saved;
	}
	if (h->fd < 0) {
		free(h);
		return NULL;
	}
	return h;
}

static void *pop_event(struct xs_handle *h)
{
	struct event *e = h->events;

	h->events = e->next;
	if (!h->events)
		h->events_end = &h->events;
	return e;
}

void xs_close(struct xs_handle *h)
{
	if (!h)
		return;
	while (h->events)
		free(pop_event(h));
	if (h->fd >= 0)
		close(h->fd);
	xs_forget_all(h);
	free(h);
}

static bool fail(struct xs_handle *h, int err)
{
	h->broken = true;
	errno = err;
	return false;
}

static bool send_all(struct xs_handle *h, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = h->is_socket ? send(h->fd, buf, len, MSG_NOSIGNAL) : write(h->fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(h, errno);
		buf += n;
		len -= n;
	}
	return true;
}

static bool readable(struct xs_handle *h)
{
	struct pollfd p = { .fd = h->fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* One whole message in h->in. Without wait: false with EAGAIN when it has not arrived; what has is kept. */
static bool receive(struct xs_handle *h, bool wait)
{
	void *where;
	int want;

	while ((want = xs_frame_want(&h->in, &where)) > 0) {
		ssize_t n;

		if (!wait && !readable(h)) {
			errno = EAGAIN;
			return false;
		}
		n = read(h->fd, where, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(h, n < 0 ? errno : EPIPE);
		xs_frame_got(&h->in, n);
	}
	return want < 0 ? fail(h, EIO) : true;
}

/* The message in h->in is an event: move it to the queue. */
static bool keep_event(struct xs_handle *h)
{
	struct event *e = malloc(sizeof(*e) + h->in.hdr.len + 1);

	if (!e)
		return fail(h, ENOMEM);
	e->next = NULL;
	e->len = h->in.hdr.len;
	memcpy(e->body, h->in.body, e->len + 1);
	*h->events_end = e;
	h->events_end = &e->next;
	xs_frame_reset(&h->in);
	return true;
}

/* The connection has ended. Again: there is a new one, which has perhaps brought events already. */
static int fetch_again(struct xs_handle *h, bool wait)
{
	if (!h->lasting) {
		errno = EPIPE;
		return -1;
	}
	if (!xs_reconnect(h, wait)) {
		if (!wait)
			errno = EAGAIN;
		return -1;
	}
	return h->events ? 0 : xs_fetch_event(h, wait);
}

int xs_fetch_event(struct xs_handle *h, bool wait)
{
	if (h->broken)
		return fetch_again(h, wait);
	if (!receive(h, wait))
		return h->broken && h->lasting ? fetch_again(h, wait) : -1;
	if (h->in.hdr.type != XS_WATCH_EVENT) {
		fail(h, EIO);	/* a reply that nobody asked for */
		return -1;
	}
	return keep_event(h) ? 0 : -1;
}

static bool send_request(struct xs_handle *h, xs_transaction_t t, uint32_t type, const struct part *parts,
			 unsigned int n)
{
	struct xsd_sockmsg hdr = { .type = type, .req_id = ++h->last_id, .tx_id = t };
	char buf[sizeof(hdr) + XENSTORE_PAYLOAD_MAX];

	for (unsigned int i = 0; i < n; i++) {
		if (parts[i].len > XENSTORE_PAYLOAD_MAX - hdr.len) {
			errno = E2BIG;
			return false;
		}
		memcpy(buf + sizeof(hdr) + hdr.len, parts[i].data, parts[i].len);
		hdr.len += parts[i].len;
	}
	memcpy(buf, &hdr, sizeof(hdr));
	return send_all(h, buf, sizeof(hdr) + hdr.len);
}

static bool await_reply(struct xs_handle *h)
{
	for (;;) {
		if (!receive(h, true))
			return false;
		if (h->in.hdr.type != XS_WATCH_EVENT)
			return true;
		if (!keep_event(h))
			return false;
	}
}

void *xs_exchange(struct xs_handle *h, uint32_t wire, uint32_t type, const struct part *parts, unsigned int n,
		  unsigned int *len)
{
	char *reply;

	if (!send_request(h, wire, type, parts, n) || !await_reply(h))
		return NULL;
	xs_frame_reset(&h->in);
	if (h->in.hdr.req_id != h->last_id || (h->in.hdr.type != type && h->in.hdr.type != XS_ERROR)) {
		fail(h, EIO);
		return NULL;
	}
	if (h->in.hdr.type == XS_ERROR) {
		errno = xs_wire_error_number(h->in.body, h->in.hdr.len);
		return NULL;
	}
	reply = malloc(h->in.hdr.len + 1);
	if (!reply)
		return NULL;
	memcpy(reply, h->in.body, h->in.hdr.len + 1);
	if (len)
		*len = h->in.hdr.len;
	return reply;
}

static bool only_looks(uint32_t type)
{
	return type == XS_READ || type == XS_DIRECTORY || type == XS_DIRECTORY_PART || type == XS_GET_PERMS;
}

/*
 * A request whose reply did not come before the connection ended is made again: the daemon may have done it already,
 * which only a release can tell.
 */
void *xs_talk(struct xs_handle *h, xs_transaction_t t, uint32_t type, const struct part *parts, unsigned int n,
	      unsigned int *len)
{
	bool again = false;

	for (unsigned int tries = 0; ; tries++) {
		struct kept_tx *tx = t ? xs_find_tx(h, t) : NULL;
		void *reply;

		if (h->broken) {
			if (!h->lasting)
				errno = EPIPE;
			if (!h->lasting || tries == MAX_TRIES || !xs_reconnect(h, true))
				return NULL;
			again = true;
		}
		if (tx && tx->lost && !only_looks(type))
			return xs_lost_tx(type, parts);
		reply = xs_exchange(h, !tx ? t : tx->lost ? 0 : tx->wire, type, parts, n, len);
		if (!reply && again && type == XS_RELEASE && errno == ENOENT)
			return strdup("OK");
		if (reply || !h->broken || !h->lasting)
			return reply;
	}
}

void *xs_talk_string(struct xs_handle *h, xs_transaction_t t, uint32_t type, const char *arg, unsigned int *len)
{
	struct part p = { arg, strlen(arg) + 1 };

	return xs_talk(h, t, type, &p, 1, len);
}

bool xs_talk_ok(struct xs_handle *h, xs_transaction_t t, uint32_t type, const struct part *parts, unsigned int n)
{
	void *reply = xs_talk(h, t, type, parts, n, NULL);
	bool ok = reply;

	free(reply);
	return ok;
}

/* An event as the caller gets it: the array and its strings in one piece of memory. */
static char **take_event(struct xs_handle *h)
{
	struct event *e = pop_event(h);
	char *vec[3], **out = NULL;
	int n = xs_wire_split(e->body, e->len, vec, 3);

	if (n < 2) {
		free(e);
		fail(h, EIO);
		return NULL;
	}
	out = malloc(2 * sizeof(*out) + e->len);
	if (out) {
		char *strings = (char *)(out + 2);

		memcpy(strings, e->body, e->len);
		out[XS_WATCH_PATH] = strings;
		out[XS_WATCH_TOKEN] = strings + (vec[1] - vec[0]);
	}
	free(e);
	return out;
}

char **xs_read_watch(struct xs_handle *h, unsigned int *num)
{
	while (!h->events)
		if (xs_fetch_event(h, true) < 0)
			return NULL;
	if (num)
		*num = 2;
	return take_event(h);
}

char **xs_check_watch(struct xs_handle *h)
{
	if (!h->events && xs_fetch_event(h, false) < 0)
		return NULL;
	return take_event(h);
}

/* Is p path itself or something below it? */
static bool below(const char *p, const char *path)
{
	size_t n = strlen(path);

	return !strncmp(p, path, n) && (p[n] == '\0' || p[n] == '/' || (n && path[n - 1] == '/'));
}

bool xs_unwatch(struct xs_handle *h, const char *path, const char *token)
{
	struct part p[2] = { { path, strlen(path) + 1 }, { token, strlen(token) + 1 } };
	struct event **at = &h->events;

	if (!xs_talk_ok(h, XBT_NULL, XS_UNWATCH, p, 2))
		return false;
	xs_forget_watch(h, path, token);
	while (*at) {	/* what it had fired before must not surprise the caller now */
		struct event *e = *at;
		char *vec[2];

		if (xs_wire_split(e->body, e->len, vec, 2) == 2 && !strcmp(vec[1], token) && below(vec[0], path)) {
			*at = e->next;
			free(e);
		} else {
			at = &e->next;
		}
	}
	h->events_end = at;
	return true;
}
