/* SPDX-License-Identifier: MIT */
/*
 * The unix socket: listening, and the transport behind each accepted connection.
 *
 * One spare descriptor is kept so that a full descriptor table does not make the listener spin: the waiting client is
 * then accepted in its place and turned away.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sock.h"

struct sock {
	int fd;
	struct ev_fd *watch;
	uint32_t events;
	struct conn *conn;
};

static struct {
	struct server *srv;
	struct ev_loop *loop;
	struct ev_fd *watch;
	struct sockaddr_un addr;
	int fd, spare;
} listener = { .fd = -1, .spare = -1 };

static int sock_read(void *io, void *buf, unsigned int len)
{
	struct sock *k = io;
	ssize_t n = recv(k->fd, buf, len, MSG_DONTWAIT);

	if (n > 0)
		return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static int sock_write(void *io, const void *buf, unsigned int len)
{
	struct sock *k = io;
	ssize_t n = send(k->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static void sock_settle(void *io, bool want_read, bool want_write)
{
	struct sock *k = io;
	uint32_t events = (want_read ? EPOLLIN : 0) | (want_write ? EPOLLOUT : 0);

	if (events != k->events) {
		k->events = events;
		ev_fd_set(k->watch, events);
	}
}

static void sock_close(void *io, const char *why)
{
	struct sock *k = io;

	if (why)
		fprintf(stderr, "xenstored: dropping a client of the socket: it %s\n", why);
	ev_fd_del(k->watch);
	close(k->fd);
	free(k);
}

static const struct conn_ops sock_ops = {
	.read = sock_read,
	.write = sock_write,
	.settle = sock_settle,
	.close = sock_close,
};

static void on_ready(struct ev_fd *w, uint32_t events, void *arg)
{
	struct sock *k = arg;

	(void)w;
	if ((events & (EPOLLHUP | EPOLLERR)) && !(events & EPOLLIN))
		conn_close(k->conn, NULL);	/* even when it is not being read from */
	else
		conn_run(k->conn);
}

static void take_client(int fd)
{
	static const struct cred dom0 = { .domid = 0, .target = NO_TARGET, .privileged = true };
	struct sock *k = calloc(1, sizeof(*k));

	if (k) {
		k->fd = fd;
		k->events = EPOLLIN;
		k->watch = ev_fd_add(listener.loop, fd, k->events, on_ready, k);
	}
	if (k && k->watch) {
		k->conn = conn_new(listener.srv, &dom0, &sock_ops, k);
		if (k->conn)
			return;
	}
	if (k)
		ev_fd_del(k->watch);
	free(k);
	close(fd);
}

static void on_client(struct ev_fd *w, uint32_t events, void *arg)
{
	int fd = accept4(listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)w;
	(void)events;
	(void)arg;
	if (fd >= 0) {
		take_client(fd);
	} else if (errno == EMFILE || errno == ENFILE) {
		close(listener.spare);
		fd = accept(listener.fd, NULL, NULL);
		if (fd >= 0)
			close(fd);
		listener.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
		fprintf(stderr, "xenstored: turned a client away: out of file descriptors; raise ulimit -n\n");
	}
}

static int make_parents(const char *path)
{
	char dir[sizeof(listener.addr.sun_path)];

	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(p - path), path);
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* A socket file without a daemon behind it is a leftover. */
static bool is_served(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

static int open_listener(const char *path)
{
	mode_t old;
	int rc;

	rc = make_parents(path);
	if (rc)
		return rc;
	unlink(path);
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener.fd < 0)
		return -errno;
	old = umask(077);
	rc = bind(listener.fd, (struct sockaddr *)&listener.addr, sizeof(listener.addr)) < 0 ? -errno : 0;
	umask(old);
	if (!rc && listen(listener.fd, 64) < 0)
		rc = -errno;
	return rc;
}

int sock_listen(struct server *s, struct ev_loop *loop, const char *path, char *err, size_t errlen)
{
	int rc;

	listener.addr.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(listener.addr.sun_path)) {
		snprintf(err, errlen, "socket %s: the path is longer than %zu bytes; choose a shorter one", path,
			 sizeof(listener.addr.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(listener.addr.sun_path, path);
	if (is_served(&listener.addr)) {
		snprintf(err, errlen, "socket %s: another xenstored answers there; stop it first", path);
		return -EADDRINUSE;
	}
	rc = open_listener(path);
	if (!rc) {
		listener.srv = s;
		listener.loop = loop;
		listener.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
		listener.watch = ev_fd_add(loop, listener.fd, EPOLLIN, on_client, NULL);
		if (!listener.watch)
			rc = -errno;
	}
	if (rc)
		snprintf(err, errlen, "socket %s: %s; is its directory writable?", path, strerror(-rc));
	return rc;
}

void sock_stop(void)
{
	if (listener.fd < 0)
		return;
	ev_fd_del(listener.watch);
	close(listener.fd);
	close(listener.spare);
	unlink(listener.addr.sun_path);
	listener.fd = -1;
}
