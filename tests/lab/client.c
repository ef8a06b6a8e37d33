/* SPDX-License-Identifier: MIT */
/*
 * The client side of a session: one connection to the supervisor for each command, file or console.
 *
 * A client keeps nothing: when it dies its connection closes, the supervisor tells the agent, and the command in
 * dom0 is ended. The protocol is in frame.h.
 */
#include "clock.h"
#include "frame.h"
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct session {
	const char *name;
	int fd;			/* to the supervisor */
	int in, out, err;	/* what the session is joined to; in: -1 once at its end */
	struct buf *text;	/* instead of out and err, or NULL */
	struct buf rx, tx;
	uint32_t credit;	/* for FRAME_IN */
	struct frame_done done;
	char reason[1024];
	bool lost;		/* the connection broke before FRAME_DONE */
};

static int session_begin(struct session *s, const char *name, struct lab_error *err)
{
	memset(s, 0, sizeof(*s));
	s->name = name;
	s->in = s->out = s->err = -1;
	s->credit = FRAME_WINDOW;
	s->fd = lab_connect(name, err);
	if (s->fd < 0)
		return -1;
	fcntl(s->fd, F_SETFL, O_NONBLOCK);
	return 0;
}

static void session_end(struct session *s)
{
	close(s->fd);
	buf_free(&s->rx);
	buf_free(&s->tx);
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	while (len) {
		n = write(fd, data, len);
		if (n < 0 && errno == EAGAIN)
			poll(&p, 1, -1);
		else if (n < 0 && errno != EINTR)
			return -1;
		else if (n > 0)
			data += n, len -= n;
	}
	return 0;
}

/* Deliver data, then let the other side send as much again. Returns -1 if the local end does not take it. */
static int session_deliver(struct session *s, uint16_t type, const uint8_t *data, uint32_t len)
{
	int fd = type == FRAME_OUT ? s->out : s->err;

	if (s->text)
		buf_put(s->text, data, len);
	else if (fd >= 0 && write_all(fd, data, len))
		return -1;
	frame_put(&s->tx, FRAME_CREDIT, 0, &len, sizeof(len));
	return 0;
}

/* Returns 1 when the session is over, -1 with errno when output could not be delivered. */
static int session_frames(struct session *s)
{
	const uint8_t *payload;
	struct frame f;
	uint32_t credit;
	int rc;

	while ((rc = frame_peek(&s->rx, &f)) > 0) {
		payload = buf_at(&s->rx) + sizeof(f);
		if (f.type == FRAME_DONE && f.len >= sizeof(s->done)) {
			memcpy(&s->done, payload, sizeof(s->done));
			snprintf(s->reason, sizeof(s->reason), "%.*s", (int)(f.len - sizeof(s->done)),
				 (const char *)payload + sizeof(s->done));
			return 1;
		}
		if ((f.type == FRAME_OUT || f.type == FRAME_ERR) && session_deliver(s, f.type, payload, f.len))
			return -1;
		if (f.type == FRAME_CREDIT && f.len == sizeof(credit)) {
			memcpy(&credit, payload, sizeof(credit));
			s->credit += credit;
		}
		buf_drop(&s->rx, sizeof(f) + f.len);
	}
	if (rc < 0)
		s->lost = true;
	return rc < 0;
}

static void session_feed(struct session *s)
{
	uint8_t chunk[FRAME_MAX];
	ssize_t n = read(s->in, chunk, s->credit < sizeof(chunk) ? s->credit : sizeof(chunk));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	frame_put(&s->tx, FRAME_IN, 0, chunk, n > 0 ? n : 0);
	if (n > 0)
		s->credit -= n;
	else
		s->in = -1;
}

/* Run the session to its end, at most timeout ms (0: for ever). Returns 0, or -1 with err filled in. */
static int session_run(struct session *s, int timeout, struct lab_error *err)
{
	int64_t deadline = now_ms() + timeout;
	struct pollfd p[2];
	int rc = 0, wait;

	while (!rc) {
		if (buf_write(&s->tx, s->fd))
			buf_drop(&s->tx, s->tx.len);	/* it has gone; what it said before is still there to be read */
		p[0] = (struct pollfd){ .fd = s->fd, .events = POLLIN | (s->tx.len ? POLLOUT : 0) };
		p[1] = (struct pollfd){ .fd = s->credit ? s->in : -1, .events = POLLIN };
		wait = timeout ? deadline - now_ms() : 1000;
		if (timeout && wait <= 0)
			return lab_fail(err, "host '%s': no answer from dom0 within %d s: see 'lab log %s'", s->name,
					timeout / 1000, s->name);
		poll(p, 2, wait);
		if (p[1].revents)
			session_feed(s);
		if (p[0].revents) {
			long n = buf_read(&s->rx, s->fd);

			s->lost = s->lost || n == 0 || (n < 0 && errno != EAGAIN);
		}
		rc = session_frames(s);
		if (s->lost && !rc)
			break;
	}
	if (rc < 0)
		return lab_fail(err, "cannot deliver what came from host '%s': %s", s->name, strerror(errno));
	if (s->lost)
		return lab_fail(err, "host '%s' went away: see 'lab log %s'", s->name, s->name);
	if (s->done.result == RESULT_ERROR)
		return lab_fail(err, "host '%s': %s", s->name, s->reason);
	return 0;
}

static void put_exec(struct session *s, const struct lab_exec *ex)
{
	struct frame_exec fe = { .timeout_ms = ex->timeout * 1000u, .tty = ex->tty };
	struct buf args = { 0 };
	struct winsize ws;

	if (ex->tty && !ioctl(ex->out, TIOCGWINSZ, &ws)) {
		fe.rows = ws.ws_row;
		fe.cols = ws.ws_col;
	}
	if (!ex->argv[1]) {
		buf_put(&args, "sh", 3);
		buf_put(&args, "-c", 3);
	}
	for (char *const *a = ex->argv; *a; a++)
		buf_put(&args, *a, strlen(*a) + 1);
	frame_put2(&s->tx, FRAME_EXEC, 0, &fe, sizeof(fe), buf_at(&args), args.len);
	buf_free(&args);
	if (ex->in < 0)
		frame_put(&s->tx, FRAME_IN, 0, NULL, 0);
}

static int exec_into(const char *name, const struct lab_exec *ex, struct buf *text, int *status,
		     struct lab_error *err)
{
	struct session s;
	size_t len = 0;
	int rc;

	for (char *const *a = ex->argv; *a; a++)
		len += strlen(*a) + 1;
	if (len > FRAME_MAX / 2)
		return lab_fail(err, "the command is longer than %u bytes: push a script and run that", FRAME_MAX / 2);
	if (session_begin(&s, name, err))
		return -1;
	s.in = ex->in;
	s.out = ex->out;
	s.err = ex->err;
	s.text = text;
	put_exec(&s, ex);
	/* The agent keeps the time; the longer limit here is for a dom0 that is dead. */
	rc = session_run(&s, ex->timeout ? (ex->timeout + 10) * 1000 : 0, err);
	if (!rc && status)
		*status = s.done.result == RESULT_TIMEOUT ? 124 : (int)s.done.value;
	session_end(&s);
	return rc;
}

int lab_exec(const char *name, const struct lab_exec *ex, int *status, struct lab_error *err)
{
	return exec_into(name, ex, NULL, status, err);
}

int lab_sh(const char *name, int timeout, char **output, int *status, struct lab_error *err, const char *fmt, ...)
{
	char line[FRAME_MAX / 4], *argv[] = { line, NULL };
	struct lab_exec ex = { .argv = argv, .timeout = timeout, .in = -1 };
	struct buf text = { 0 };
	va_list ap;
	int rc;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	rc = exec_into(name, &ex, &text, status, err);
	if (output)
		*output = NULL;
	if (!rc && output) {
		buf_put(&text, "", 1);
		*output = strdup((const char *)buf_at(&text));
	}
	buf_free(&text);
	return rc;
}

int lab_push(const char *name, const char *local, const char *remote, struct lab_error *err)
{
	struct session s;
	struct stat st;
	uint32_t mode;
	int fd, rc;

	fd = open(local, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || S_ISDIR(st.st_mode)) {
		rc = lab_fail(err, "cannot push %s: %s", local,
			      fd < 0 ? strerror(errno) : "is a directory, push its files");
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (session_begin(&s, name, err)) {
		close(fd);
		return -1;
	}
	mode = st.st_mode & 07777;
	frame_put2(&s.tx, FRAME_PUSH, 0, &mode, sizeof(mode), remote, strlen(remote) + 1);
	s.in = fd;
	rc = session_run(&s, 0, err);
	session_end(&s);
	close(fd);
	return rc;
}

/* The file appears whole or not at all. */
int lab_pull(const char *name, const char *remote, const char *local, struct lab_error *err)
{
	struct session s;
	char *tmp;
	int rc;

	if (session_begin(&s, name, err))
		return -1;
	if (asprintf(&tmp, "%s.lab-%d", local, getpid()) < 0)
		abort();
	s.out = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (s.out < 0) {
		rc = lab_fail(err, "cannot write %s: %s", tmp, strerror(errno));
	} else {
		frame_put(&s.tx, FRAME_PULL, 0, remote, strlen(remote) + 1);
		rc = session_run(&s, 0, err);
		close(s.out);
		if (!rc && rename(tmp, local))
			rc = lab_fail(err, "cannot write %s: %s", local, strerror(errno));
		if (rc)
			unlink(tmp);
	}
	session_end(&s);
	free(tmp);
	return rc;
}

int lab_console(const char *name, int in, int out, int escape, struct lab_error *err)
{
	uint8_t chunk[4096], *end;
	struct session s;
	struct pollfd p[2];
	ssize_t n;

	if (session_begin(&s, name, err))
		return -1;
	frame_put(&s.tx, FRAME_CONSOLE, 0, NULL, 0);
	while (!buf_write(&s.tx, s.fd)) {
		p[0] = (struct pollfd){ .fd = s.fd, .events = POLLIN | (s.tx.len ? POLLOUT : 0) };
		p[1] = (struct pollfd){ .fd = in, .events = POLLIN };
		poll(p, 2, -1);
		if (p[1].revents) {
			n = read(in, chunk, sizeof(chunk));
			if (n <= 0)
				break;
			end = escape < 0 ? NULL : memchr(chunk, escape, n);
			buf_put(&s.tx, chunk, end ? end - chunk : n);
			if (end)
				break;
		}
		if (p[0].revents & (POLLIN | POLLHUP)) {
			n = read(s.fd, chunk, sizeof(chunk));
			if (n == 0 || (n > 0 && write_all(out, chunk, n)))
				break;
		}
	}
	buf_write(&s.tx, s.fd);
	session_end(&s);
	return 0;
}

int lab_wait(const char *name, int boots, int timeout, struct lab_error *err)
{
	struct frame_wait wait = { .boots = boots };
	struct session s;
	int rc;

	if (session_begin(&s, name, err))
		return -1;
	frame_put(&s.tx, FRAME_WAIT, 0, &wait, sizeof(wait));
	rc = session_run(&s, timeout * 1000, err);
	session_end(&s);
	return rc ? -1 : (int)s.done.value;
}

int lab_reboot(const char *name, int timeout, struct lab_error *err)
{
	int boots = lab_wait(name, 0, timeout, err);

	if (boots < 0 || lab_sh(name, 20, NULL, NULL, err, "reboot"))
		return -1;
	return lab_wait(name, boots + 1, timeout, err) < 0 ? -1 : 0;
}
