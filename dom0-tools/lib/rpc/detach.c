/* SPDX-License-Identifier: MIT */
/*
 * A connection becomes a pipe for bytes: rpc_stream_detach().
 *
 * Without TLS that is the socket itself. With TLS a child process, the pump, owns the session from then on and copies
 * between it and a socket pair. What its parent had written is sent even if the parent has died since, as the kernel
 * does for a socket; then, or when nothing of it can be sent for LAST_MS, the pump ends. It ends too when the
 * connection does. The end of one direction is passed on and leaves the other open.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls.h"
#include "xrpc.h"
#include "util/mem.h"

#define CHUNK 16384			/* a TLS record */
#define LAST_MS 5000

struct pump {
	struct rpc_tls *tls;
	int sock, local;
	uint8_t *up, *down;		/* to the peer, to our side */
	size_t up_len, down_len, down_off;
	bool up_end, down_end;		/* nothing more comes from our side, from the peer */
	bool up_done, down_done;	/* and that was passed on */
	bool blocked;			/* a record waits for room */
};

static volatile sig_atomic_t orphan;

static void parent_died(int sig)
{
	(void)sig;
	orphan = 1;
}

/* Nothing can be sent any more: our side is not to wait until there is room. */
static void up_broken(struct pump *p)
{
	p->up_len = 0;
	p->up_end = p->up_done = true;
	p->blocked = false;
	shutdown(p->local, SHUT_RD);
}

static void down_broken(struct pump *p)
{
	p->down_len = 0;
	p->down_end = p->down_done = true;
}

/* From our side to the peer. */
static void pump_up(struct pump *p)
{
	ssize_t n = 0;

	if (!p->up_len && !p->up_end) {
		n = recv(p->local, p->up, CHUNK, 0);
		if (n > 0)
			p->up_len = (size_t)n;
		else if (!n || orphan || (errno != EAGAIN && errno != EINTR))
			p->up_end = true;
	}
	if (p->up_len)
		n = rpc_tls_send(p->tls, p->up, p->up_len);
	else if (p->up_end && !p->up_done)
		n = rpc_tls_bye(p->tls);
	else
		return;
	p->blocked = n == -EAGAIN;
	if (n < 0 && !p->blocked)
		up_broken(p);
	else if (!n)
		p->up_done = true;
	else if (n > 0) {
		p->up_len -= (size_t)n;
		memmove(p->up, p->up + n, p->up_len);
	}
}

/* From the peer to our side. */
static void pump_down(struct pump *p)
{
	ssize_t n;

	if (!p->down_len && !p->down_end) {
		n = rpc_tls_recv(p->tls, p->down, CHUNK);
		p->down_off = 0;
		if (n > 0)
			p->down_len = (size_t)n;
		else if (n != -EAGAIN)
			p->down_end = true;
		if (n < 0 && n != -EAGAIN)
			up_broken(p);
	}
	if (p->down_len) {
		n = send(p->local, p->down + p->down_off, p->down_len, MSG_NOSIGNAL);
		if (n > 0) {
			p->down_off += (size_t)n;
			p->down_len -= (size_t)n;
		} else if (errno != EAGAIN && errno != EINTR) {
			down_broken(p);
		}
	} else if (p->down_end && !p->down_done) {
		shutdown(p->local, SHUT_WR);
		p->down_done = true;
	}
}

/* Wait until one of the directions can go on. Returns false when none will. */
static bool pump_wait(struct pump *p, const sigset_t *open)
{
	struct pollfd fds[2] = { { .fd = p->sock }, { .fd = p->local } };
	struct timespec last = { .tv_sec = LAST_MS / 1000 }, none = { 0 };
	bool now = rpc_tls_buffered(p->tls) && !p->down_len && !p->down_end;
	int n;

	fds[0].events = (short)((p->down_len || p->down_end ? 0 : POLLIN) | (p->blocked ? POLLOUT : 0));
	fds[1].events = (short)((p->up_len || p->up_end ? 0 : POLLIN) | (p->down_len ? POLLOUT : 0));
	/* An end that was seen would be reported again and again; that our side is gone altogether is news. */
	if (!fds[0].events)
		fds[0].fd = -1;
	if (!fds[1].events && (!p->up_end || p->down_done))
		fds[1].fd = -1;
	n = ppoll(fds, 2, now ? &none : orphan ? &last : NULL, open);
	if (n > 0 && p->up_end && (fds[1].revents & (POLLHUP | POLLERR)))
		down_broken(p);
	return n > 0 || now || !orphan || (n < 0 && errno == EINTR);
}

static bool pump_goes_on(const struct pump *p)
{
	return !p->up_done || (!p->down_done && !orphan);
}

__attribute__((noreturn))
static void pump_run(struct pump *p)
{
	sigset_t all, open;

	/* The parent's death is only looked at while we wait. */
	sigfillset(&all);
	sigemptyset(&open);
	sigprocmask(SIG_SETMASK, &all, NULL);
	do {
		pump_up(p);
		pump_down(p);
	} while (pump_goes_on(p) && pump_wait(p, &open));
	rpc_tls_free(p->tls);
	_exit(0);
}

/* In the child: keep the standard descriptors, the connection and our end of the pair. */
__attribute__((noreturn))
static void pump_main(struct rpc_stream *s, int local, pid_t parent)
{
	struct sigaction died = { .sa_handler = parent_died };
	struct pump p = { .tls = s->tls, .sock = s->fd, .local = local };
	int low = s->fd < local ? s->fd : local, high = s->fd < local ? local : s->fd;

	sigaction(SIGTERM, &died, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		orphan = 1;
	if (low > 3)
		close_range(3, (unsigned int)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned int)low + 1, (unsigned int)high - 1, 0);
	close_range((unsigned int)high + 1, ~0U, 0);
	rpc_fd_block(p.sock, false);
	rpc_fd_block(p.local, false);
	p.up = xcalloc(1, CHUNK);
	p.down = xcalloc(1, CHUNK);
	pump_run(&p);
}

static int detach_tls(struct rpc_stream *s)
{
	pid_t parent = getpid(), pid;
	int fds[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	pid = fork();
	if (!pid)
		pump_main(s, fds[1], parent);
	rc = pid < 0 ? -errno : fds[0];
	close(fds[1]);
	if (rc < 0)
		close(fds[0]);
	return rc;
}

int rpc_stream_detach(struct rpc_stream *s)
{
	int rc;

	if (!rpc_fd_block(s->fd, true))
		rc = -errno;
	else
		rc = rpc_stream_flush(s);
	if (rc == 1 && (s->in_len || rpc_stream_buffered(s)))
		rc = -EBUSY;
	if (rc == 1 && s->tls) {
		rc = detach_tls(s);
	} else if (rc == 1) {
		rc = s->fd;
		s->fd = -1;
	}
	rpc_stream_abandon(s);
	return rc;
}
