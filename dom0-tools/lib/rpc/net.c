/* SPDX-License-Identifier: MIT */
/*
 * Sockets: connect and listen, on the addresses of addr.c.
 *
 * A TCP connection notices within some 30 s that the other host is gone: probes while it is idle, TCP_USER_TIMEOUT
 * while something is under way. The latter also ends a connection whose receiver does not read for that long while
 * more waits to be sent; so can the probes of such a receiver, as the answers may lie behind the window that it has
 * closed. Hence it is not less: hosts under load do stand still for 10 s.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "xrpc.h"
#include "util/mem.h"

#define CONNECT_MS 10000
#define DEAD_MS 30000
#define BACKLOG 16

bool rpc_fd_block(int fd, bool block)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && !fcntl(fd, F_SETFL, block ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

void rpc_net_options(int fd)
{
	static const struct { int level, name, value; } options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 }, { IPPROTO_TCP, TCP_NODELAY, 1 }, { IPPROTO_TCP, TCP_KEEPIDLE, 10 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 5 }, { IPPROTO_TCP, TCP_KEEPCNT, 4 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_MS },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(options[i].value));
}

static int fill_unix(struct sockaddr_un *sun, const char *path)
{
	if (strlen(path) >= sizeof(sun->sun_path))
		return -ENAMETOOLONG;
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strcpy(sun->sun_path, path);
	return 0;
}

static int connect_unix(const char *path, char **why)
{
	struct sockaddr_un sun;
	int rc = fill_unix(&sun, path), fd = -1;

	if (!rc) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && !connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
			return fd;
		rc = -errno;
	}
	if (fd >= 0)
		close(fd);
	*why = xasprintf("%s: %s", path, strerror(-rc));
	return rc;
}

/* The addresses of a host, to be freed with freeaddrinfo(). NULL: *why. */
static struct addrinfo *resolve(const struct rpc_addr *a, int flags, char **why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV }, *list = NULL;
	char port[8];
	int rc;

	snprintf(port, sizeof(port), "%u", a->port);
	rc = getaddrinfo(a->host, port, &hints, &list);
	if (!rc)
		return list;
	*why = xasprintf("%s: %s", a->host, rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
	return NULL;
}

/* Connect, but give up after a while: a host that is not there would take minutes. Returns 0 or -errno. */
static int connect_in_time(int fd, const struct addrinfo *ai)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int err = 0, n;

	if (!connect(fd, ai->ai_addr, ai->ai_addrlen))
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	do {
		n = poll(&p, 1, CONNECT_MS);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : -ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) ? -errno : -err;
}

static int connect_tcp(const struct rpc_addr *a, char **why)
{
	struct addrinfo *list = resolve(a, 0, why);
	int rc = -ENOENT, fd = -1;

	if (!list)
		return -EHOSTUNREACH;
	for (struct addrinfo *ai = list; ai && rc; ai = ai->ai_next) {
		fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		rc = fd < 0 ? -errno : connect_in_time(fd, ai);
		if (rc && fd >= 0)
			close(fd);
	}
	freeaddrinfo(list);
	if (!rc) {
		rpc_net_options(fd);
		rpc_fd_block(fd, true);
		return fd;
	}
	*why = xasprintf("%s port %u: %s", a->host, a->port, strerror(-rc));
	return rc;
}

int rpc_net_connect(const struct rpc_addr *a, char **why)
{
	return a->kind == RPC_UNIX ? connect_unix(a->path, why) : connect_tcp(a, why);
}

static int listen_unix(const char *path)
{
	struct sockaddr_un sun;
	int rc = fill_unix(&sun, path), fd;

	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	unlink(path);
	if (!bind(fd, (struct sockaddr *)&sun, sizeof(sun)) && !listen(fd, BACKLOG))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static int listen_tcp(const struct addrinfo *ai)
{
	int one = 1, rc, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (!bind(fd, ai->ai_addr, ai->ai_addrlen) && !listen(fd, BACKLOG))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int rpc_net_listen(const struct rpc_addr *a, char **why)
{
	struct addrinfo *list = NULL;
	int fd;

	if (a->kind != RPC_UNIX) {
		list = resolve(a, AI_PASSIVE, why);
		if (!list)
			return -EADDRNOTAVAIL;
	}
	fd = list ? listen_tcp(list) : listen_unix(a->path);
	if (fd < 0) {
		char *text = rpc_addr_text(a);

		*why = xasprintf("%s: %s", text, strerror(-fd));
		free(text);
	}
	if (list)
		freeaddrinfo(list);
	return fd;
}

char *rpc_net_peer(int fd)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &len) ||
	    getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return xstrdup("somewhere");
	return xasprintf("%s port %s", host, port);
}
