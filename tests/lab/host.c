/* SPDX-License-Identifier: MIT */
/*
 * Starting and stopping hosts, and waiting for what they say.
 *
 * While a host starts, two things are watched: a connection to the supervisor that is answered when dom0's agent is
 * up (and whose loss makes the supervisor take the host down, so an interrupted start leaves nothing behind), and the
 * console's log, for progress and for the lines that say that nothing more will come.
 */
#include "clock.h"
#include "frame.h"
#include "lab.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* After one of these on the console dom0 will not come up. */
static const char *const fatal_lines[] = {
	"PANIC on CPU", "cannot start: ", "it cannot run here", "Panic on CPU", "Kernel panic - not syncing",
};

/* The last lines of a file of the host, without control characters, for an error message. */
static void tail_of(const char *name, const char *file, int lines, char *out, size_t size)
{
	char data[8192];
	int fd = open(lab_path(name, file), O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;
	char *p, *q = out;

	if (fd >= 0) {
		off_t end = lseek(fd, 0, SEEK_END), from = end > 8000 ? end - 8000 : 0;

		n = pread(fd, data, sizeof(data) - 1, from);
		close(fd);
	}
	n = n > 0 ? n : 0;
	data[n] = 0;
	for (p = data + n; p > data && lines >= 0; p--)
		if (p[-1] == '\n' && p < data + n && lines-- == 0)
			break;
	for (; *p && q < out + size - 3; p++) {
		if (p == data || p[-1] == '\n')
			*q++ = ' ', *q++ = ' ';
		if (*p == '\n' || (unsigned char)*p >= ' ')
			*q++ = *p;
	}
	*q = 0;
}

/* err->text becomes "what: why" followed by what console and QEMU said last. */
static int fail_with_logs(const char *name, const char *why, struct lab_error *err)
{
	char console[3000], qemu[600], reason[1024];

	snprintf(reason, sizeof(reason), "%s", why);
	tail_of(name, "serial.log", 20, console, sizeof(console));
	tail_of(name, "qemu.log", 5, qemu, sizeof(qemu));
	return lab_fail(err, "host '%s' did not come up: %s%s%s%s%s", name, reason,
			qemu[0] ? "\nQEMU said:\n" : "", qemu,
			console[0] ? "\nlast lines of its console ('lab log' has all):\n" : "", console);
}

struct watch {
	FILE *log;
	char line[512];
	size_t len;
	const char *fatal;
};

/* Read on in the console's log, hand out whole lines. */
static void watch_log(struct watch *w, const struct lab_opts *o)
{
	int c;

	if (!w->log)
		w->log = fopen(lab_path(o->name, "serial.log"), "re");
	if (!w->log)
		return;
	clearerr(w->log);
	while ((c = getc(w->log)) != EOF) {
		if (c == '\n' || w->len == sizeof(w->line) - 1) {
			w->line[w->len] = 0;
			w->len = 0;
			for (size_t i = 0; i < sizeof(fatal_lines) / sizeof(fatal_lines[0]); i++)
				if (strstr(w->line, fatal_lines[i]))
					w->fatal = fatal_lines[i];
			if (o->progress)
				o->progress(w->line, o->progress_arg);
		} else if (c >= ' ' || c == '\t') {
			w->line[w->len++] = c;
		}
	}
	if (o->progress)
		o->progress(NULL, o->progress_arg);
}

/* Returns 0 when dom0 answers. */
static int wait_up(const struct lab_opts *o, struct lab_error *err)
{
	int64_t deadline = now_ms() + o->timeout * 1000LL, grace = 0;
	struct buf rx = { 0 }, tx = { 0 };
	struct watch w = { 0 };
	struct pollfd p = { .events = POLLIN };
	struct frame f;
	struct frame_wait wait = { .owner = 1 };
	char why[256] = "";

	p.fd = lab_connect(o->name, err);
	if (p.fd < 0)
		return -1;
	frame_put(&tx, FRAME_WAIT, 0, &wait, sizeof(wait));
	buf_write(&tx, p.fd);
	while (!why[0]) {
		poll(&p, 1, 200);
		watch_log(&w, o);
		if (p.revents && buf_read(&rx, p.fd) <= 0)
			snprintf(why, sizeof(why), "its supervisor has gone");
		if (frame_peek(&rx, &f) > 0) {
			const struct frame_done *done = (const void *)(buf_at(&rx) + sizeof(f));

			if (done->result == RESULT_EXIT)
				break;
			snprintf(why, sizeof(why), "%.*s", (int)(f.len - sizeof(*done)), (const char *)(done + 1));
		}
		if (w.fatal && !grace)
			grace = now_ms() + 700;		/* let the rest of the message come */
		if (grace && now_ms() > grace)
			snprintf(why, sizeof(why), "the console says \"%s\"", w.fatal);
		if (now_ms() > deadline)
			snprintf(why, sizeof(why), "dom0 did not answer within %d s", o->timeout);
	}
	if (w.log)
		fclose(w.log);
	close(p.fd);
	buf_free(&rx);
	buf_free(&tx);
	return why[0] ? fail_with_logs(o->name, why, err) : 0;
}

/* Fork the supervisor out of this process's session and wait for its first word. */
static int start_supervisor(const struct lab_opts *o, int dirfd, struct lab_error *err)
{
	char word[2048];
	int ready[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		return lab_fail(err, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return lab_fail(err, "cannot start a process: %s", strerror(errno));
	if (!pid) {
		setsid();
		if (fork())
			_exit(0);
		close(ready[0]);
		lab_supervise(o, dirfd, ready[1]);
	}
	waitpid(pid, NULL, 0);
	close(ready[1]);
	n = read(ready[0], word, sizeof(word) - 1);
	close(ready[0]);
	word[n > 0 ? n : 0] = 0;
	word[strcspn(word, "\n")] = 0;
	return strcmp(word, "ok") ? lab_fail(err, "host '%s': %s", o->name, word[0] ? word : "supervisor died") : 0;
}

/* Ask the supervisor, and only it, to end; a pid that changes hands meanwhile is not signalled. */
static int stop_supervisor(const char *name, int dirfd, struct lab_error *err)
{
	int64_t deadline = now_ms() + 10000;
	pid_t pid = lab_lock_holder(dirfd);
	int pidfd;

	if (!pid)
		return 0;
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (pidfd >= 0 && lab_lock_holder(dirfd) == pid)
		syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
	while (lab_lock_holder(dirfd) == pid) {
		if (now_ms() > deadline) {
			close(pidfd);
			return lab_fail(err, "host '%s': supervisor %d does not end; kill -9 it, QEMU goes with it",
					name, pid);
		}
		usleep(2000);
	}
	close(pidfd);
	return 0;
}

int lab_up(const struct lab_opts *opts, struct lab_error *err)
{
	struct lab_opts o = *opts;
	struct lab_error ignored;
	int dirfd, rc;

	if (lab_name_check(o.name, err) || lab_root_make(err) || lab_opts_complete(&o, err))
		return -1;
	if (mkdir(lab_path(o.name, ""), 0700) && errno != EEXIST)
		return lab_fail(err, "%s: %s", lab_path(o.name, ""), strerror(errno));
	dirfd = lab_dir_open(o.name, err);
	if (dirfd < 0)
		return -1;
	rc = start_supervisor(&o, dirfd, err);
	if (!rc && !o.no_wait) {
		rc = wait_up(&o, err);
		if (rc)
			stop_supervisor(o.name, dirfd, &ignored);
	}
	close(dirfd);
	return rc;
}

int lab_down(const char *name, struct lab_error *err)
{
	int dirfd = lab_dir_open(name, err), rc;
	struct dirent *de;
	DIR *dir;

	if (dirfd < 0)
		return -1;
	rc = stop_supervisor(name, dirfd, err);
	if (rc) {
		close(dirfd);
		return rc;
	}
	dir = fdopendir(dirfd);
	while (dir && (de = readdir(dir)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			unlinkat(dirfd, de->d_name, 0);
	if (dir)
		closedir(dir);
	if (rmdir(lab_path(name, "")) && errno != ENOENT)
		return lab_fail(err, "%s: %s", lab_path(name, ""), strerror(errno));
	return 0;
}

int lab_wait_off(const char *name, int timeout, struct lab_error *err)
{
	int64_t deadline = now_ms() + timeout * 1000LL;
	struct lab_info info;

	do {
		if (lab_status(name, &info, err))
			return -1;
		if (!info.running)
			return 0;
		usleep(50000);
	} while (now_ms() < deadline);
	return lab_fail(err, "host '%s' is still on after %d s", name, timeout);
}

int lab_wait_console(const char *name, const char *text, long *offset, int timeout, struct lab_error *err)
{
	int64_t deadline = now_ms() + timeout * 1000LL;
	long from = offset ? *offset : 0;
	struct lab_info info;
	struct buf log = { 0 };
	const uint8_t *hit;
	bool last = false;
	int fd = open(lab_path(name, "serial.log"), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return lab_fail(err, "host '%s' has no console log: %s", name, strerror(errno));
	lseek(fd, from, SEEK_SET);
	for (;;) {
		while (buf_read(&log, fd) > 0)
			;
		hit = log.len ? memmem(buf_at(&log), log.len, text, strlen(text)) : NULL;
		if (hit || last || now_ms() > deadline)
			break;
		last = lab_status(name, &info, err) || !info.running;	/* look once more after its end */
		usleep(last ? 0 : 50000);
	}
	close(fd);
	if (hit && offset)
		*offset = from + (hit - buf_at(&log)) + strlen(text);
	buf_free(&log);
	if (hit)
		return 0;
	return lab_fail(err, "host '%s': \"%s\" did not appear on its console %s", name, text,
			last ? "before it went off" : "in time");
}
