/* SPDX-License-Identifier: MIT */
/*
 * The lab's agent: runs in dom0 and serves one virtio serial port. It starts commands and passes on what they write
 * and how they end, writes files that are pushed, reads files that are pulled; any number at once.
 *
 * Usage: lab-agent PORT
 *
 * One thread, one poll loop. A session is in the table from the frame that opens it to the FRAME_DONE that ends
 * it, and every opened session is answered by exactly one FRAME_DONE unless the other side gave it up.
 * What is queued for the port is bounded by the sessions' windows (frame.h).
 *
 * A command is over when its first process has ended and what it had written by then is sent; processes that it
 * leaves behind (daemons) do not hold the session open. The agent does not interpret commands: there is no shell
 * unless the command is one.
 */
#include "clock.h"
#include "frame.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SESSIONS	64
#define ARGS		1024
#define KILL_GRACE_MS	1000	/* between SIGTERM and SIGKILL */

enum kind { FREE, COMMAND, PUSH, PULL };

struct session {
	enum kind kind;
	uint32_t id;
	int in, out, err;	/* -1: closed. A terminal is both in and out. A file is in (push) or out (pull). */
	struct buf inq;		/* for `in` */
	bool in_eof;		/* close `in` when inq is empty */
	uint32_t credit;	/* bytes that may still be sent */
	pid_t pid;		/* 0: reaped */
	int status;		/* of waitpid, once reaped */
	bool tty, timed_out, given_up, term_sent;
	int64_t deadline;	/* ms of the monotonic clock, 0: none */
	char *path, *tmp;	/* push: the final and the temporary name */
};

static struct session table[SESSIONS];
static struct buf to_host, from_host;

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static struct session *session_find(uint32_t id)
{
	for (int i = 0; i < SESSIONS; i++)
		if (table[i].kind != FREE && table[i].id == id)
			return &table[i];
	return NULL;
}

static struct session *session_new(uint32_t id, enum kind kind)
{
	for (int i = 0; i < SESSIONS; i++)
		if (table[i].kind == FREE) {
			table[i] = (struct session){ .kind = kind, .id = id, .in = -1, .out = -1, .err = -1,
						     .credit = FRAME_WINDOW };
			return &table[i];
		}
	frame_put_done(&to_host, id, RESULT_ERROR, EAGAIN, "%d sessions are open in this dom0, no more are served",
		       SESSIONS);
	return NULL;
}

static void session_free(struct session *s)
{
	if (s->tty && s->in >= 0)
		s->in = -1;	/* the same as out */
	close_fd(&s->in);
	close_fd(&s->out);
	close_fd(&s->err);
	if (s->tmp)
		unlink(s->tmp);
	free(s->tmp);
	free(s->path);
	buf_free(&s->inq);
	s->kind = FREE;
}

static void session_fail(struct session *s, const char *what, const char *object)
{
	frame_put_done(&to_host, s->id, RESULT_ERROR, errno, "%s %s: %s", what, object, strerror(errno));
	session_free(s);
}

/* In the child: become the command. Never returns; status 126 or 127 as a shell would give it. */
static void command_exec(char **argv, int in, int out, int err)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (in >= 0) {
		setsid();
		dup2(in, 0);
		dup2(out, 1);
		dup2(err, 2);
	}
	execvp(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int command_start_tty(struct session *s, char **argv, const struct frame_exec *fe)
{
	struct winsize ws = { .ws_row = fe->rows, .ws_col = fe->cols };

	s->pid = forkpty(&s->out, NULL, NULL, &ws);
	if (s->pid < 0) {
		s->out = -1;
		return -1;
	}
	if (!s->pid)
		command_exec(argv, -1, -1, -1);
	fcntl(s->out, F_SETFD, FD_CLOEXEC);
	fcntl(s->out, F_SETFL, O_NONBLOCK);
	s->in = s->out;
	s->tty = true;
	return 0;
}

static int command_start_pipes(struct session *s, char **argv)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 }, rc = -1;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		goto out;
	s->pid = fork();
	if (s->pid < 0)
		goto out;
	if (!s->pid)
		command_exec(argv, in[0], out[1], err[1]);
	s->in = in[1];
	s->out = out[0];
	s->err = err[0];
	in[1] = out[0] = err[0] = -1;
	fcntl(s->in, F_SETFL, O_NONBLOCK);
	fcntl(s->out, F_SETFL, O_NONBLOCK);
	fcntl(s->err, F_SETFL, O_NONBLOCK);
	rc = 0;
out:
	for (int i = 0; i < 2; i++) {
		close_fd(&in[i]);
		close_fd(&out[i]);
		close_fd(&err[i]);
	}
	return rc;
}

/* args: strings one after the other, each ended by NUL. */
static void command_open(uint32_t id, const uint8_t *payload, size_t len)
{
	struct session *s = session_new(id, COMMAND);
	struct frame_exec fe;
	char *argv[ARGS + 1];
	int argc = 0;

	if (!s)
		return;
	errno = EINVAL;
	if (len <= sizeof(fe) || payload[len - 1]) {
		session_fail(s, "exec", "request without a command");
		return;
	}
	memcpy(&fe, payload, sizeof(fe));
	for (const uint8_t *p = payload + sizeof(fe); p < payload + len; p += strlen((const char *)p) + 1) {
		if (argc == ARGS) {
			errno = E2BIG;
			session_fail(s, "exec", argv[0]);
			return;
		}
		argv[argc++] = (char *)p;
	}
	argv[argc] = NULL;
	if (fe.tty ? command_start_tty(s, argv, &fe) : command_start_pipes(s, argv)) {
		s->pid = 0;
		session_fail(s, "cannot start", argv[0]);
		return;
	}
	if (fe.timeout_ms)
		s->deadline = now_ms() + fe.timeout_ms;
}

/* A pushed file is written beside its place and renamed when complete: nobody ever sees half of it. */
static void push_open(uint32_t id, const uint8_t *payload, size_t len)
{
	struct session *s = session_new(id, PUSH);
	uint32_t mode;

	if (!s)
		return;
	errno = EINVAL;
	if (len <= sizeof(mode) + 1 || payload[len - 1]) {
		session_fail(s, "push", "request without a path");
		return;
	}
	memcpy(&mode, payload, sizeof(mode));
	s->path = strdup((const char *)payload + sizeof(mode));
	if (asprintf(&s->tmp, "%s.lab-%u", s->path, id) < 0)
		s->tmp = NULL;
	s->in = open(s->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (s->in < 0) {
		free(s->tmp);
		s->tmp = NULL;
		session_fail(s, "cannot write", s->path);
		return;
	}
	fchmod(s->in, mode & 07777);
}

static void push_finish(struct session *s)
{
	if (rename(s->tmp, s->path)) {
		session_fail(s, "cannot write", s->path);
		return;
	}
	free(s->tmp);
	s->tmp = NULL;
	frame_put_done(&to_host, s->id, RESULT_EXIT, 0, "%s", "");
	session_free(s);
}

static void pull_open(uint32_t id, const uint8_t *payload, size_t len)
{
	struct session *s = session_new(id, PULL);
	struct stat st;

	if (!s)
		return;
	errno = EINVAL;
	if (!len || payload[len - 1]) {
		session_fail(s, "pull", "request without a path");
		return;
	}
	s->path = strdup((const char *)payload);
	s->out = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (s->out < 0 || fstat(s->out, &st)) {
		session_fail(s, "cannot read", s->path);
		return;
	}
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		session_fail(s, "cannot read", s->path);
	}
}

/* The client has gone, or asks for an end. The session stays until its processes are reaped; nobody is told. */
static void session_give_up(struct session *s)
{
	if (s->kind != COMMAND || !s->pid) {
		session_free(s);
		return;
	}
	s->given_up = true;
	s->term_sent = true;
	kill(-s->pid, SIGTERM);
	kill(-s->pid, SIGCONT);
	s->deadline = now_ms() + KILL_GRACE_MS;
}

static void session_input(struct session *s, const uint8_t *data, size_t len)
{
	if (!len)
		s->in_eof = true;
	else if (s->in >= 0)
		buf_put(&s->inq, data, len);
}

static void handle_frame(const struct frame *f, const uint8_t *payload)
{
	struct session *s = session_find(f->session);
	uint32_t credit;

	switch (f->type) {
	case FRAME_EXEC:
		command_open(f->session, payload, f->len);
		return;
	case FRAME_PUSH:
		push_open(f->session, payload, f->len);
		return;
	case FRAME_PULL:
		pull_open(f->session, payload, f->len);
		return;
	}
	if (!s || s->given_up)
		return;		/* ended meanwhile: frames that crossed with its FRAME_DONE */
	if (f->type == FRAME_IN) {
		session_input(s, payload, f->len);
	} else if (f->type == FRAME_CREDIT && f->len == sizeof(credit)) {
		memcpy(&credit, payload, sizeof(credit));
		s->credit += credit;
	} else if (f->type == FRAME_KILL) {
		session_give_up(s);
	}
}

/* Write queued input to the command or file and give the sender credit for it. */
static void session_write(struct session *s)
{
	size_t before = s->inq.len;
	uint32_t eaten;
	bool failed;

	if (s->in < 0)
		return;
	failed = buf_write(&s->inq, s->in) != 0;
	if (failed && s->kind == PUSH) {
		session_fail(s, "cannot write", s->path);
		return;
	}
	if (failed) {
		/* It does not read any more (EPIPE). What it writes and how it ends still counts. */
		buf_drop(&s->inq, s->inq.len);
		if (!s->tty)
			close_fd(&s->in);
	}
	eaten = before - s->inq.len;
	if (eaten)
		frame_put(&to_host, FRAME_CREDIT, s->id, &eaten, sizeof(eaten));
	if (!s->in_eof || s->inq.len)
		return;
	s->in_eof = false;
	if (s->tty) {
		buf_put(&s->inq, "\004", 1);
		return;
	}
	close_fd(&s->in);
	if (s->kind == PUSH)
		push_finish(s);
}

/* Pass on what can be read from *fd now. Returns true when there is nothing more to come at this moment. */
static bool session_read(struct session *s, int *fd, uint16_t type)
{
	uint8_t chunk[FRAME_MAX];
	ssize_t n;

	while (*fd >= 0) {
		if (!s->credit && !s->given_up)
			return false;
		n = read(*fd, chunk, s->credit < sizeof(chunk) && !s->given_up ? s->credit : sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			if (s->tty)
				s->in = -1;
			close_fd(fd);
			return true;
		}
		if (!s->given_up) {
			s->credit -= n;
			frame_put(&to_host, type, s->id, chunk, n);
		}
		if (s->kind == PULL && to_host.len > FRAME_WINDOW)
			return false;
	}
	return true;
}

static uint32_t exit_value(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Called after something may have moved: finish the session if it is over. */
static void session_check_end(struct session *s)
{
	bool drained;

	if (s->kind == PULL && s->out < 0) {
		frame_put_done(&to_host, s->id, RESULT_EXIT, 0, "%s", "");
		session_free(s);
	}
	if (s->kind != COMMAND || s->pid)
		return;
	drained = session_read(s, &s->out, FRAME_OUT);
	drained = session_read(s, &s->err, FRAME_ERR) && drained;
	if (!drained)
		return;
	if (!s->given_up)
		frame_put_done(&to_host, s->id, s->timed_out ? RESULT_TIMEOUT : RESULT_EXIT, exit_value(s->status),
			       "%s", "");
	session_free(s);
}

static void session_check_deadline(struct session *s, int64_t now)
{
	if (s->kind != COMMAND || !s->pid || !s->deadline || now < s->deadline)
		return;
	if (!s->term_sent) {
		s->timed_out = true;
		s->term_sent = true;
		kill(-s->pid, SIGTERM);
		kill(-s->pid, SIGCONT);
		s->deadline = now + KILL_GRACE_MS;
		return;
	}
	kill(-s->pid, SIGKILL);
	s->deadline = now + KILL_GRACE_MS;
}

static void reap(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < SESSIONS; i++)
			if (table[i].kind == COMMAND && table[i].pid == pid) {
				table[i].pid = 0;
				table[i].status = status;
			}
}

/* pfd[0] is the port, pfd[1] the signal fd, then up to three for each session. Returns the count. */
static int poll_set(struct pollfd *pfd, int *timeout)
{
	int n = 2;
	int64_t now = now_ms(), left;

	*timeout = -1;
	pfd[0].events = POLLIN | (to_host.len ? POLLOUT : 0);
	for (struct session *s = table; s < table + SESSIONS; s++) {
		if (s->kind == FREE)
			continue;
		if (s->in >= 0 && (s->inq.len || s->in_eof))
			pfd[n++] = (struct pollfd){ .fd = s->in, .events = POLLOUT };
		if (s->out >= 0 && s->credit)
			pfd[n++] = (struct pollfd){ .fd = s->out, .events = POLLIN };
		if (s->err >= 0 && s->credit)
			pfd[n++] = (struct pollfd){ .fd = s->err, .events = POLLIN };
		if (s->deadline && s->pid) {
			left = s->deadline > now ? s->deadline - now : 0;
			if (*timeout < 0 || left < *timeout)
				*timeout = left;
		}
	}
	return n;
}

static void serve_sessions(void)
{
	int64_t now = now_ms();

	for (struct session *s = table; s < table + SESSIONS; s++) {
		if (s->kind != FREE)
			session_write(s);
		if (s->kind != FREE) {
			session_read(s, &s->out, FRAME_OUT);
			session_read(s, &s->err, FRAME_ERR);
		}
		session_check_end(s);
		session_check_deadline(s, now);
	}
}

/* Returns when the port is of no use any more. */
static void serve(int port, int sigfd)
{
	struct pollfd pfd[2 + 3 * SESSIONS] = { { .fd = port }, { .fd = sigfd, .events = POLLIN } };
	struct signalfd_siginfo info;
	struct frame f;
	int n, timeout, rc = 0;

	frame_put(&to_host, FRAME_HELLO, 0, NULL, 0);
	for (;;) {
		n = poll_set(pfd, &timeout);
		if (poll(pfd, n, timeout) < 0 && errno != EINTR)
			return;
		if (pfd[1].revents) {
			while (read(sigfd, &info, sizeof(info)) > 0)
				;
			reap();
		}
		if (pfd[0].revents & POLLIN && buf_read(&from_host, port) < 0 && errno != EAGAIN)
			return;
		if (pfd[0].revents & POLLHUP)
			usleep(100000);	/* nobody at the other end of the port at present */
		while ((rc = frame_peek(&from_host, &f)) > 0) {
			handle_frame(&f, buf_at(&from_host) + sizeof(f));
			buf_drop(&from_host, sizeof(f) + f.len);
		}
		if (rc < 0) {
			fprintf(stderr, "lab-agent: what arrives is not the lab's protocol, giving up\n");
			return;
		}
		serve_sessions();
		if (buf_write(&to_host, port))
			return;
	}
}

int main(int argc, char **argv)
{
	sigset_t set;
	int port, sigfd;

	if (argc != 2) {
		fprintf(stderr, "usage: lab-agent PORT\n");
		return 2;
	}
	port = open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (port < 0) {
		fprintf(stderr, "lab-agent: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	serve(port, sigfd);
	fprintf(stderr, "lab-agent: %s: %s\n", argv[1], strerror(errno));
	return 1;
}
