/* SPDX-License-Identifier: MIT */
/*
 * Where xld listens, and who is let in.
 *
 * The local socket is there always, open to root only unless xld.conf names a group: then anybody may connect, and the
 * peer's credentials decide. Other addresses are those of xld.conf and --listen: tls:// for who shows a certificate,
 * tcp:// for a link that is trusted as a whole. Who is not let in is told why, as far as a protocol is spoken yet, and
 * the log says so too.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server.h"

#define NO_GROUP ((gid_t)-1)

struct listener {
	struct listener *next;
	struct xld *x;
	enum rpc_kind kind;
	int fd;
	struct ev_fd *watch;
};

/* --- local clients --- */

static bool in_group(int fd, const struct ucred *cred, gid_t gid)
{
	gid_t more[64];
	socklen_t len = sizeof(more);

	if (gid == NO_GROUP)
		return false;
	if (cred->gid == gid)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, more, &len))
		return false;
	for (size_t i = 0; i < len / sizeof(gid_t); i++)
		if (more[i] == gid)
			return true;
	return false;
}

static enum rights rights_of(struct xld *x, int fd, struct ucred *cred)
{
	socklen_t len = sizeof(*cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, cred, &len))
		return RIGHTS_NONE;
	if (cred->uid == 0 || cred->uid == geteuid() || in_group(fd, cred, x->group))
		return RIGHTS_ALL;
	return in_group(fd, cred, x->read_only_group) ? RIGHTS_READ : RIGHTS_NONE;
}

/* Close a connection that nobody serves, and say why; over TLS there is no way to say it yet. */
__attribute__((format(printf, 6, 7)))
static void turn_away(int fd, enum rpc_kind kind, const char *name, xld_code code, const char *advice,
		      const char *fmt, ...)
{
	struct rpc_header h = { .program = XLD_PROGRAM, .version = XLD_VERSION, .type = XLD_REPLY,
				.status = XLD_ERROR };
	xld_error err = { 0 };
	uint8_t *msg = NULL;
	size_t len = 0;
	va_list ap;
	char *cause;

	va_start(ap, fmt);
	cause = xvasprintf(fmt, ap);
	va_end(ap);
	xld_log("%s was refused: %s", name, cause);
	rpc_error_set(&err, code, "talk to", "xld", cause, advice);
	if (kind != RPC_TLS)
		msg = rpc_encode(&h, (xdrproc_t)xdr_xld_error, &err, &len);
	if (msg && send(fd, msg, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		xld_log("%s could not be told: %s", name, strerror(errno));
	rpc_release((xdrproc_t)xdr_xld_error, &err);
	free(cause);
	free(msg);
	close(fd);
}

static void let_in_local(struct xld *x, int fd)
{
	struct ucred cred = { 0 };
	enum rights rights = rights_of(x, fd, &cred);
	char *name = xasprintf("process %d of user %u", (int)cred.pid, cred.uid);
	unsigned int max = cred.uid ? MAX_LOCAL - FOR_ROOT : MAX_LOCAL;

	if (rights == RIGHTS_NONE) {
		turn_away(fd, RPC_UNIX, name, XLD_E_DENIED, "see group and read_only_group in xld.conf(5)",
			  "user %u is not root, and in no group that may manage domains", cred.uid);
	} else if (x->nr_clients >= max) {
		turn_away(fd, RPC_UNIX, name, XLD_E_BUSY, "try again later", "xld has %u clients already", max);
	} else {
		client_new(x, fd, RPC_UNIX, name, rights);
		return;
	}
	free(name);
}

/* --- and all others --- */

static void let_in_remote(struct xld *x, int fd, enum rpc_kind kind)
{
	char *peer = rpc_net_peer(fd), *name = xasprintf("%s client %s", kind == RPC_TLS ? "TLS" : "TCP", peer);

	free(peer);
	if (x->nr_remote >= MAX_REMOTE) {
		turn_away(fd, kind, name, XLD_E_BUSY, "try again later", "xld has %d remote clients already",
			  MAX_REMOTE);
		free(name);
		return;
	}
	rpc_net_options(fd);
	client_new(x, fd, kind, name, RIGHTS_ALL);
}

static void accept_event(struct ev_fd *w, uint32_t events, void *arg)
{
	struct listener *l = arg;
	int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)w;
	(void)events;
	if (fd < 0)
		return;
	if (l->kind == RPC_UNIX)
		let_in_local(l->x, fd);
	else
		let_in_remote(l->x, fd, l->kind);
}

/* --- start and end --- */

static bool listen_on(struct xld *x, const struct rpc_addr *a, char **why)
{
	int fd = rpc_net_listen(a, why);
	struct listener *l;

	if (fd < 0)
		return false;
	l = xcalloc(1, sizeof(*l));
	*l = (struct listener){ .next = x->listeners, .x = x, .kind = a->kind, .fd = fd };
	l->watch = mem_check(ev_fd_add(x->loop, fd, EPOLLIN, accept_event, l));
	x->listeners = l;
	return true;
}

static bool find_group(const char *name, gid_t *gid, char **why)
{
	struct group *g;

	*gid = NO_GROUP;
	if (!name)
		return true;
	errno = 0;
	g = getgrnam(name);
	if (!g) {
		*why = xasprintf("xld.conf: there is no group '%s'", name);
		return false;
	}
	*gid = g->gr_gid;
	return true;
}

static mode_t socket_mode(const struct xld *x)
{
	return x->group != NO_GROUP || x->read_only_group != NO_GROUP ? 0666 : 0600;
}

/* The mode of a socket is that of its creation, or somebody could connect in between. */
static bool listen_locally(struct xld *x, char **why)
{
	struct rpc_addr a = { .kind = RPC_UNIX, .path = (char *)(uintptr_t)x->socket_path };
	mode_t mask = umask(0777 & ~socket_mode(x));
	bool ok;

	ok = listen_on(x, &a, why);
	umask(mask);
	return ok;
}

/* What follows from a configuration; *creds stays NULL if nobody uses TLS. */
static bool derive(const struct xld_conf *conf, gid_t groups[2], struct rpc_creds **creds, char **why)
{
	bool tls = false;

	*creds = NULL;
	for (unsigned int i = 0; i < conf->nr_listen; i++)
		tls |= conf->listen[i].kind == RPC_TLS;
	if (!find_group(conf->group, &groups[0], why) || !find_group(conf->read_only_group, &groups[1], why))
		return false;
	if (tls)
		*creds = rpc_creds_new(&conf->pki, why);
	return !tls || *creds;
}

static void use(struct xld *x, const gid_t groups[2], struct rpc_creds *creds)
{
	x->group = groups[0];
	x->read_only_group = groups[1];
	rpc_creds_free(x->creds);
	x->creds = creds;
}

bool server_start(struct xld *x, char **why)
{
	const struct xld_conf *conf = x->conf;
	struct rpc_creds *creds;
	gid_t groups[2];

	if (!derive(conf, groups, &creds, why))
		return false;
	use(x, groups, creds);
	for (unsigned int i = 0; i < conf->nr_listen; i++)
		if (!listen_on(x, &conf->listen[i], why))
			return false;
	return listen_locally(x, why);
}

bool server_configure(struct xld *x, const struct xld_conf *conf, char **why)
{
	struct rpc_creds *creds;
	gid_t groups[2];

	if (!conf_same_addresses(x->conf, conf)) {
		*why = xstrdup("other addresses to listen on need a restart of xld");
		return false;
	}
	if (!derive(conf, groups, &creds, why))
		return false;
	use(x, groups, creds);
	x->conf = conf;
	if (chmod(x->socket_path, socket_mode(x)))
		xld_log("%s: %s", x->socket_path, strerror(errno));
	return true;
}

void server_announce(const struct xld *x)
{
	xld_log("ready on %s", x->socket_path);
	for (unsigned int i = 0; i < x->conf->nr_listen; i++) {
		const struct rpc_addr *a = &x->conf->listen[i];
		char *uri = rpc_addr_text(a);

		xld_log("listens on %s%s", uri, a->kind == RPC_TCP ?
			": whoever reaches it may do everything, so the link has to be one that is trusted" : "");
		free(uri);
	}
}

void server_stop(struct xld *x)
{
	struct listener *l;

	while (x->clients)
		client_drop(x->clients);
	while ((l = x->listeners)) {
		x->listeners = l->next;
		ev_fd_del(l->watch);
		close(l->fd);
		free(l);
	}
	rpc_creds_free(x->creds);
	x->creds = NULL;
	unlink(x->socket_path);
}
