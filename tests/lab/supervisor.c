/* SPDX-License-Identifier: MIT */
/*
 * One supervisor per host: the process that owns QEMU. It holds the host's lock, records the console, joins clients
 * to sessions of the agent, and on its way out, whatever the reason, QEMU goes with it (SIGTERM or SIGINT: in order;
 * SIGKILL: the kernel kills QEMU as its child).
 *
 * One poll loop, no threads. The table of clients has fixed size; entry order has no meaning. Frames are passed
 * on as they are, only the session number is translated; the windows (frame.h) bound what can be queued here.
 * The stream from the agent starts anew at each start of dom0: QEMU's monitor tells when the port is closed or the
 * machine reset, and then every open session is failed and the parser forgets what it has.
 */
#include "clock.h"
#include "frame.h"
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS		64
#define CONSOLE_BACKLOG	(1u << 20)	/* a console client further behind than this is dropped */
#define QUIT_GRACE_MS	3000

enum role { NONE, NEW, SESSION, WAITING, CONSOLE };

struct client {
	enum role role;
	int fd;
	uint32_t session;
	struct frame_wait wait;	/* WAITING */
	bool closing;		/* its answer is complete: send `out`, then wait for it to close */
	struct buf in, out;
};

struct host {
	const struct lab_opts *opts;
	int dirfd, listen, console, agent, monitor, sigfd, owner;
	int log, times;
	long log_size;
	bool line_start;
	int64_t start;		/* ms */
	pid_t qemu;
	bool agent_up;
	int boots;		/* how often the agent has come up */
	bool quit;
	char why[200];		/* what ended or will end QEMU */
	uint32_t next_session;
	struct buf agent_in, agent_out, console_out, monitor_in;
	struct client clients[CLIENTS];
};

static struct host h;

static void client_close(struct client *c)
{
	close(c->fd);
	if (c->role == SESSION && h.agent_up)
		frame_put(&h.agent_out, FRAME_KILL, c->session, NULL, 0);
	if (c->role == WAITING && c->wait.owner && !h.boots) {
		snprintf(h.why, sizeof(h.why), "the 'lab up' that started it was stopped before dom0 answered");
		h.quit = true;
	}
	buf_free(&c->in);
	buf_free(&c->out);
	c->role = NONE;
}

/* Answer with FRAME_DONE: the last that this connection gets. */
static void client_finish(struct client *c, uint32_t result, uint32_t value, const char *text)
{
	frame_put_done(&c->out, 0, result, value, "%s", text);
	c->role = NEW;
	c->closing = true;
}

static void agent_gone(const char *text)
{
	h.agent_up = false;
	unlinkat(h.dirfd, "answers", 0);
	buf_drop(&h.agent_in, h.agent_in.len);
	buf_drop(&h.agent_out, h.agent_out.len);
	for (struct client *c = h.clients; c < h.clients + CLIENTS; c++)
		if (c->role == SESSION)
			client_finish(c, RESULT_ERROR, ECONNRESET, text);
}

static void agent_hello(void)
{
	char text[64];
	int fd;

	if (h.agent_up)
		agent_gone("the agent in dom0 was restarted");
	h.agent_up = true;
	h.boots++;
	snprintf(text, sizeof(text), "%lld\n", (long long)(now_ms() - h.start));
	fd = openat(h.dirfd, "answers", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0) {
		if (write(fd, text, strlen(text)) < 0)
			perror("answers");
		close(fd);
	}
	for (struct client *c = h.clients; c < h.clients + CLIENTS; c++)
		if (c->role == WAITING && (uint32_t)h.boots >= c->wait.boots)
			client_finish(c, RESULT_EXIT, h.boots, "");
}

static struct client *client_of_session(uint32_t session)
{
	for (struct client *c = h.clients; c < h.clients + CLIENTS; c++)
		if (c->role == SESSION && c->session == session)
			return c;
	return NULL;
}

static void agent_frame(const struct frame *f, const uint8_t *payload)
{
	struct client *c;

	if (f->type == FRAME_HELLO) {
		agent_hello();
		return;
	}
	c = client_of_session(f->session);
	if (!c)
		return;		/* its client has gone; a FRAME_KILL is on its way */
	frame_put(&c->out, f->type, 0, payload, f->len);
	if (f->type == FRAME_DONE) {
		c->role = NEW;
		c->closing = true;
	}
}

static void agent_input(void)
{
	struct frame f;
	int rc;

	if (buf_read(&h.agent_in, h.agent) <= 0)
		return;
	while ((rc = frame_peek(&h.agent_in, &f)) > 0) {
		agent_frame(&f, buf_at(&h.agent_in) + sizeof(f));
		if (h.agent_in.len)
			buf_drop(&h.agent_in, sizeof(f) + f.len);
	}
	if (rc < 0)
		agent_gone("what came from the agent was not the lab's protocol");
}

/* What QEMU's monitor reports, one JSON object per line; only a few words of it matter. */
static void monitor_line(const char *line)
{
	if (!strstr(line, "\"event\""))
		return;
	if (strstr(line, "\"VSERPORT_CHANGE\"") && strstr(line, "\"open\": false")) {
		while (buf_read(&h.agent_in, h.agent) > 0)
			buf_drop(&h.agent_in, h.agent_in.len);
		agent_gone("dom0 has closed the connection");
	} else if (strstr(line, "\"RESET\"")) {
		agent_gone("dom0 was restarted");
	} else if (strstr(line, "\"SHUTDOWN\"")) {
		if (strstr(line, "guest-shutdown"))
			snprintf(h.why, sizeof(h.why), "powered off by its dom0");
		else if (strstr(line, "guest-panic"))
			snprintf(h.why, sizeof(h.why), "panicked");
		else if (strstr(line, "guest-reset"))
			snprintf(h.why, sizeof(h.why), "triple fault or reset");
	}
}

static void monitor_input(void)
{
	const uint8_t *nl;
	char line[1024];
	size_t len;

	if (buf_read(&h.monitor_in, h.monitor) <= 0)
		return;
	while (h.monitor_in.len && (nl = memchr(buf_at(&h.monitor_in), '\n', h.monitor_in.len))) {
		len = nl - buf_at(&h.monitor_in) + 1;
		snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)buf_at(&h.monitor_in));
		buf_drop(&h.monitor_in, len);
		monitor_line(line);
	}
}

/* serial.times: when each line began. */
static void console_log(const uint8_t *data, size_t len)
{
	int64_t ms = now_ms() - h.start;

	if (write(h.log, data, len) < 0)
		perror("serial.log");
	for (size_t i = 0; i < len; i++) {
		if (h.line_start && data[i] != '\r')
			dprintf(h.times, "%lld %ld\n", (long long)ms, h.log_size + (long)i);
		if (data[i] != '\r')
			h.line_start = data[i] == '\n';
	}
	h.log_size += len;
}

static void console_input(void)
{
	uint8_t chunk[FRAME_MAX];
	ssize_t n = read(h.console, chunk, sizeof(chunk));

	if (n <= 0)
		return;
	console_log(chunk, n);
	for (struct client *c = h.clients; c < h.clients + CLIENTS; c++) {
		if (c->role != CONSOLE)
			continue;
		buf_put(&c->out, chunk, n);
		if (c->out.len > CONSOLE_BACKLOG)
			client_close(c);
	}
}

/* The first frame of a connection decides what it is. Returns false if the frame makes no sense. */
static bool client_open(struct client *c, const struct frame *f, const uint8_t *payload)
{
	switch (f->type) {
	case FRAME_CONSOLE:
		c->role = CONSOLE;
		return true;
	case FRAME_WAIT:
		if (f->len != sizeof(c->wait))
			return false;
		c->role = WAITING;
		memcpy(&c->wait, payload, sizeof(c->wait));
		if (h.agent_up && (uint32_t)h.boots >= c->wait.boots)
			client_finish(c, RESULT_EXIT, h.boots, "");
		return true;
	case FRAME_EXEC:
	case FRAME_PUSH:
	case FRAME_PULL:
		if (!h.agent_up) {
			client_finish(c, RESULT_ERROR, EAGAIN,
				      "its dom0 does not answer (still starting, or dead): see 'lab log'");
			return true;
		}
		c->role = SESSION;
		c->session = ++h.next_session;
		frame_put(&h.agent_out, f->type, c->session, payload, f->len);
		return true;
	}
	return false;
}

static bool client_frames(struct client *c)
{
	struct frame f;
	int rc;

	if (c->role == CONSOLE) {
		buf_put(&h.console_out, buf_at(&c->in), c->in.len);
		buf_drop(&c->in, c->in.len);
		return true;
	}
	while (!c->closing && (rc = frame_peek(&c->in, &f)) != 0) {
		if (rc < 0)
			return false;
		if (c->role == SESSION)
			frame_put(&h.agent_out, f.type, c->session, buf_at(&c->in) + sizeof(f), f.len);
		else if (c->role != NEW || !client_open(c, &f, buf_at(&c->in) + sizeof(f)))
			return false;
		buf_drop(&c->in, sizeof(f) + f.len);
		if (c->role == CONSOLE)
			return client_frames(c);
	}
	return true;
}

/*
 * A connection is closed by the client, once it has the answer. Were it closed here with some of the client's credit
 * frames unread, the kernel would throw away what the client has not read yet.
 */
static void client_linger(struct client *c, short revents)
{
	if (revents & (POLLIN | POLLHUP)) {
		long n = buf_read(&c->in, c->fd);

		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			client_close(c);
			return;
		}
		buf_drop(&c->in, c->in.len);
	}
	if (c->out.len && buf_write(&c->out, c->fd))
		client_close(c);
}

static void client_serve(struct client *c, short revents)
{
	if (c->closing) {
		client_linger(c, revents);
		return;
	}
	if (revents & (POLLIN | POLLHUP)) {
		long n = buf_read(&c->in, c->fd);

		if (n == 0 || (n < 0 && errno != EAGAIN) || !client_frames(c)) {
			client_close(c);
			return;
		}
	}
	if (c->out.len && buf_write(&c->out, c->fd))
		client_close(c);
}

static void client_accept(void)
{
	int fd = accept4(h.listen, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	for (struct client *c = h.clients; c < h.clients + CLIENTS; c++)
		if (c->role == NONE) {
			*c = (struct client){ .role = NEW, .fd = fd };
			return;
		}
	close(fd);
}

static void handle_signals(void)
{
	struct signalfd_siginfo si;
	int status;

	while (read(h.sigfd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo != SIGCHLD) {
			snprintf(h.why, sizeof(h.why), "taken down");
			h.quit = true;
		} else if (h.qemu && waitpid(h.qemu, &status, WNOHANG) == h.qemu) {
			h.qemu = 0;
			h.quit = true;
			monitor_input();
			console_input();
			if (h.why[0])
				continue;
			if (WIFSIGNALED(status))
				snprintf(h.why, sizeof(h.why), "QEMU was killed by signal %d", WTERMSIG(status));
			else
				snprintf(h.why, sizeof(h.why), "QEMU ended with status %d: see qemu.log",
					 WEXITSTATUS(status));
		}
	}
}

static void serve(void)
{
	struct pollfd p[6 + CLIENTS];
	struct client *who[CLIENTS];
	int n;

	while (!h.quit) {
		p[0] = (struct pollfd){ .fd = h.sigfd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = h.listen, .events = POLLIN };
		p[2] = (struct pollfd){ .fd = h.console, .events = POLLIN | (h.console_out.len ? POLLOUT : 0) };
		p[3] = (struct pollfd){ .fd = h.agent, .events = POLLIN | (h.agent_out.len ? POLLOUT : 0) };
		p[4] = (struct pollfd){ .fd = h.monitor, .events = POLLIN };
		p[5] = (struct pollfd){ .fd = h.owner, .events = POLLIN };
		n = 0;
		for (struct client *c = h.clients; c < h.clients + CLIENTS; c++)
			if (c->role != NONE) {
				p[6 + n] = (struct pollfd){ .fd = c->fd,
							    .events = POLLIN | (c->out.len ? POLLOUT : 0) };
				who[n++] = c;
			}
		if (poll(p, 6 + n, -1) < 0 && errno != EINTR)
			break;
		if (p[4].revents & POLLIN)
			monitor_input();
		if (p[2].revents & POLLIN)
			console_input();
		if (p[3].revents & POLLIN)
			agent_input();
		for (int i = 0; i < n; i++)
			if (p[6 + i].revents && who[i]->role != NONE)
				client_serve(who[i], p[6 + i].revents);
		if (p[1].revents & POLLIN)
			client_accept();
		if (p[5].revents) {
			snprintf(h.why, sizeof(h.why), "its owner, process %d, has ended", h.opts->owner);
			h.quit = true;
		}
		if (p[0].revents & POLLIN)
			handle_signals();
		buf_write(&h.console_out, h.console);
		if (h.agent_up)
			buf_write(&h.agent_out, h.agent);
	}
}

static void start_qemu(char **argv, int log, int console, int agent, int monitor)
{
	sigset_t none;

	h.start = now_ms();
	h.qemu = fork();
	if (h.qemu)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(log, 1);
	dup2(log, 2);
	fcntl(console, F_SETFD, 0);
	fcntl(agent, F_SETFD, 0);
	fcntl(monitor, F_SETFD, 0);
	execvp(argv[0], argv);
	dprintf(2, "%s: %s: install the package qemu-system-x86 ('make deps')\n", argv[0], strerror(errno));
	_exit(127);
}

/* Ask QEMU to end, then make it. */
static void stop_qemu(void)
{
	int64_t deadline = now_ms() + QUIT_GRACE_MS;

	if (!h.qemu)
		return;
	kill(h.qemu, SIGTERM);
	while (waitpid(h.qemu, NULL, WNOHANG) == 0) {
		if (now_ms() > deadline)
			kill(h.qemu, SIGKILL);
		usleep(5000);
	}
}

static int open_log(const char *name)
{
	return openat(h.dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
}

static int listen_at(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	unlink(path);
	strcpy(sa.sun_path, path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 64))
		return -1;
	return fd;
}

static int take_lock(void)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(h.dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? -1 : fcntl(fd, F_SETLK, &fl);
}

/* Only the last word may go to `ready`: the caller is waiting for it. */
static void say(int ready, const char *what, const char *why)
{
	dprintf(ready, "%s%s%s\n", what, why[0] ? ": " : "", why);
	close(ready);
}

static void prepare_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	h.sigfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void write_command(char **argv)
{
	int fd = open_log("command");

	for (; *argv; argv++)
		dprintf(fd, strpbrk(*argv, " \t\"'$&;<>|*?") ? "'%s' " : "%s ", *argv);
	dprintf(fd, "\n");
	close(fd);
}

static void finish(void)
{
	int fd;

	stop_qemu();
	for (struct client *c = h.clients; c < h.clients + CLIENTS; c++) {
		if (c->role == WAITING || c->role == SESSION)
			client_finish(c, RESULT_ERROR, ECONNRESET, h.why);
		if (c->role != NONE)
			buf_write(&c->out, c->fd);
	}
	unlinkat(h.dirfd, "ctl.sock", 0);
	unlinkat(h.dirfd, "link.sock", 0);
	unlinkat(h.dirfd, "hypervisor", 0);
	unlinkat(h.dirfd, "answers", 0);
	fd = open_log("ended");
	dprintf(fd, "%s\n", h.why);
	close(fd);
	_exit(0);
}

void lab_supervise(const struct lab_opts *o, int dirfd, int ready)
{
	int console[2], agent[2], monitor[2], log, null;
	struct lab_error err;
	char **argv;

	h.opts = o;
	h.dirfd = dirfd;
	h.line_start = true;
	prctl(PR_SET_NAME, "lab-supervisor");
	if (fchdir(dirfd) || take_lock()) {
		say(ready, "this host runs already", "'lab ls' lists all, 'lab down' stops it");
		_exit(1);
	}
	unlinkat(dirfd, "ended", 0);
	unlinkat(dirfd, "answers", 0);
	prepare_signals();
	h.owner = o->owner ? syscall(SYS_pidfd_open, o->owner, 0) : -1;
	h.log = open_log("serial.log");
	h.times = open_log("serial.times");
	log = open_log("qemu.log");
	h.listen = listen_at("ctl.sock");
	if (h.listen < 0 || log < 0 || h.log < 0 || h.times < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, agent) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, monitor)) {
		say(ready, "cannot set up the host's directory", strerror(errno));
		_exit(1);
	}
	argv = lab_qemu_argv(o, dirfd, console[1], agent[1], monitor[1], &err);
	if (!argv) {
		say(ready, err.text, "");
		_exit(1);
	}
	write_command(argv);
	start_qemu(argv, log, console[1], agent[1], monitor[1]);
	close(console[1]);
	close(agent[1]);
	close(monitor[1]);
	h.console = console[0];
	h.agent = agent[0];
	h.monitor = monitor[0];
	fcntl(h.console, F_SETFL, O_NONBLOCK);
	fcntl(h.agent, F_SETFL, O_NONBLOCK);
	fcntl(h.monitor, F_SETFL, O_NONBLOCK);
	dprintf(h.monitor, "{\"execute\":\"qmp_capabilities\"}\n");
	say(ready, "ok", "");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, 0);
	dup2(null, 1);
	dup2(log, 2);
	serve();
	finish();
	abort();
}
