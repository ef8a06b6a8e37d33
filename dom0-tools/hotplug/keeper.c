/* SPDX-License-Identifier: MIT */
/*
 * block-keeper: stands between dom0's nbd driver and the qemu-nbd that reads and writes an image, so that the disk
 * outlives either: a qemu-nbd that dies is started again and asked again (replay.h), and when this program dies the
 * driver waits for another one. The guest notices a pause. block-qemu starts it.
 *
 *	block-keeper UUID DEVID ARG...		serve `qemu-nbd ARG...`; prints the name of the device and goes on
 *						in the background. If there is one for this disk: take it over.
 *	block-keeper --stop UUID [DEVID]	end those of a domain, or of one disk
 *
 * A disk has three files /run/xen-lite/nbd-UUID-DEVID.*: lock, held by the program that serves it, so that its life can
 * be seen; sock, on which its qemu-nbd listens; pid, that of qemu-nbd. One thread; only the socket to qemu-nbd is
 * written without waiting, since that may have to be read first.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nbd.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "nbdlink.h"
#include "replay.h"
#include "util/mem.h"

#define RUN_DIR "/run/xen-lite"
#define ANSWER_S 10			/* the kernel asks again on another socket then */
#define WAIT_S 3600			/* that long it waits for one */
#define RETRY_MS 500			/* between attempts to start qemu-nbd */
#define RECONNECTS 30
#define END_MS 5000			/* until a qemu-nbd that is asked to end is killed */
#define DATA_MAX (32U << 20)

/* What an option begins with on the wire, see the NBD protocol. */
#define NBD_MAGIC 0x4e42444d41474943ULL
#define OPTION_MAGIC 0x49484156454f5054ULL
#define OPTION_EXPORT_NAME 1
#define HANDSHAKE_NO_ZEROES 2
#define FIXED_NEWSTYLE 1
#define FLAGS_KNOWN (NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | \
	NBD_FLAG_SEND_TRIM)
#define ERROR_SHUTDOWN 108		/* the server is about to end */

struct disk {
	const char *uuid, *devid;
	char *lock, *sock, *pid;
	char label[NBDLINK_LABEL_MAX + 1];
	char **server_args;
};

struct keeper {
	struct disk disk;
	struct replay r;
	int signals, report;		/* report: a pipe to who started us, until we serve */
	int kernel, server, n;		/* sockets (-1: none), the device's number */
	pid_t starting;			/* a qemu-nbd that is about to listen */
	uint64_t retry_at;
	uint64_t size;
	uint16_t flags;
	struct replay_req *out;		/* being sent to the server: */
	struct nbd_request out_head;
	size_t out_done;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void pause_ms(unsigned int ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL);
}

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* --- the files of a disk --- */

static void disk_init(struct disk *d, const char *uuid, const char *devid)
{
	*d = (struct disk){ .uuid = uuid, .devid = devid };
	d->lock = xasprintf(RUN_DIR "/nbd-%s-%s.lock", uuid, devid);
	d->sock = xasprintf(RUN_DIR "/nbd-%s-%s.sock", uuid, devid);
	d->pid = xasprintf(RUN_DIR "/nbd-%s-%s.pid", uuid, devid);
	snprintf(d->label, sizeof(d->label), "xen-lite %.36s %.10s", uuid, devid);
}

static void disk_free(struct disk *d)
{
	free(d->lock);
	free(d->sock);
	free(d->pid);
}

/* The process that serves a disk; 0: none. */
static pid_t holder(const struct disk *d)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(d->lock, O_RDWR | O_CLOEXEC);
	pid_t pid = 0;

	if (fd >= 0 && !fcntl(fd, F_GETLK, &fl) && fl.l_type != F_UNLCK)
		pid = fl.l_pid;
	if (fd >= 0)
		close(fd);
	return pid;
}

static bool take_lock(const struct disk *d)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(d->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 && !fcntl(fd, F_SETLK, &fl);
}

/* The qemu-nbd of a disk: what the file says, if that process has our socket on its command line. */
static pid_t server_pid(const struct disk *d)
{
	char text[4096], path[64];
	FILE *f = fopen(d->pid, "re");
	bool ours = false;
	size_t n = 0;
	int pid = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	f = pid > 1 ? fopen(path, "re") : NULL;
	if (f) {
		n = fread(text, 1, sizeof(text), f);
		fclose(f);
	}
	ours = n && memmem(text, n, d->sock, strlen(d->sock));
	return ours ? pid : 0;
}

static void server_end(const struct disk *d)
{
	uint64_t end = now_ms() + END_MS;
	pid_t pid = server_pid(d);
	bool killed = false;

	if (pid)
		kill(pid, SIGTERM);
	while ((pid = server_pid(d))) {
		if (!killed && now_ms() > end) {
			kill(pid, SIGKILL);
			killed = true;
		}
		pause_ms(20);
	}
}

/* --- sockets --- */

static bool read_all(int fd, void *buf, size_t len)
{
	ssize_t n;

	for (uint8_t *p = buf; len; p += n, len -= (size_t)n) {
		n = recv(fd, p, len, 0);
		if (n <= 0)
			return false;
	}
	return true;
}

static bool write_all(int fd, const void *buf, size_t len)
{
	ssize_t n;

	for (const uint8_t *p = buf; len; p += n, len -= (size_t)n) {
		n = send(fd, p, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
	}
	return true;
}

/* Ask for the export without a name, of which a qemu-nbd has one only. */
static bool handshake(int fd, uint64_t *size, uint16_t *flags)
{
	struct { uint64_t magic, option; uint16_t flags; } __attribute__((packed)) hello;
	struct { uint32_t flags; uint64_t magic; uint32_t option, len; } __attribute__((packed)) ask = {
		htobe32(FIXED_NEWSTYLE | HANDSHAKE_NO_ZEROES), htobe64(OPTION_MAGIC), htobe32(OPTION_EXPORT_NAME), 0
	};
	struct { uint64_t size; uint16_t flags; } __attribute__((packed)) export;

	if (!read_all(fd, &hello, sizeof(hello)) || be64toh(hello.magic) != NBD_MAGIC ||
	    be64toh(hello.option) != OPTION_MAGIC || !(be16toh(hello.flags) & HANDSHAKE_NO_ZEROES) ||
	    !write_all(fd, &ask, sizeof(ask)) || !read_all(fd, &export, sizeof(export)))
		return false;
	*size = be64toh(export.size);
	*flags = be16toh(export.flags) & FLAGS_KNOWN;
	return true;
}

static int server_connect(const struct disk *d, uint64_t *size, uint16_t *flags)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", d->sock);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&sa, sizeof(sa)) && handshake(fd, size, flags))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* --- starting a qemu-nbd; it goes into the background when it listens --- */

static pid_t server_spawn(const struct disk *d)
{
	size_t n = 0;
	char **argv;
	sigset_t none;
	pid_t pid = fork();

	if (pid)
		return pid;
	while (d->server_args[n])
		n++;
	argv = xcalloc(n + 6, sizeof(*argv));
	argv[0] = xstrdup("qemu-nbd");
	argv[1] = xstrdup("--fork");
	argv[2] = xstrdup("--persistent");
	argv[3] = xasprintf("--socket=%s", d->sock);
	argv[4] = xasprintf("--pid-file=%s", d->pid);
	memcpy(argv + 5, d->server_args, n * sizeof(*argv));
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	unlink(d->pid);
	execvp(argv[0], argv);
	fprintf(stderr, "qemu-nbd cannot be run: %s\n", strerror(errno));
	_exit(127);
}

/* At the start its complaints are those of the script, and nothing is tried twice. */
static void server_first(struct keeper *k)
{
	int status = 0;
	pid_t pid;

	k->server = server_connect(&k->disk, &k->size, &k->flags);
	if (k->server >= 0)
		return;
	pid = server_spawn(&k->disk);
	if (pid < 0)
		die("qemu-nbd cannot be started: %s", strerror(errno));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		exit(1);
	k->server = server_connect(&k->disk, &k->size, &k->flags);
	if (k->server < 0)
		die("qemu-nbd has started and does not answer");
}

/* --- the kernel's side --- */

/* The kernel may not have noticed yet that the old socket is dead. */
static void kernel_reconnect(struct keeper *k, int fd)
{
	char *why = NULL;

	for (int tries = 0; !nbdlink_reconnect(k->n, k->disk.label, fd, &why); tries++) {
		if (tries == RECONNECTS)
			die("/dev/nbd%d: %s", k->n, why);
		free(why);
		pause_ms(RETRY_MS / 5);
	}
}

static void kernel_connect(struct keeper *k)
{
	char *why = NULL;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		die("%s", strerror(errno));
	if (k->n < 0) {
		k->n = nbdlink_connect(k->disk.label, fds[1], k->size, k->flags, ANSWER_S, WAIT_S, &why);
		if (k->n < 0)
			die("no NBD device: %s", why);
	} else {
		kernel_reconnect(k, fds[1]);
	}
	close(fds[1]);
	k->kernel = fds[0];
}

__attribute__((noreturn))
static void end(struct keeper *k)
{
	struct nbd_request bye = { .magic = htobe32(NBD_REQUEST_MAGIC), .type = htobe32(NBD_CMD_DISC) };
	char *why = NULL;

	if (k->kernel >= 0)
		close(k->kernel);	/* it may wait for us to read */
	nbdlink_disconnect(k->n, &why);
	if (k->starting > 0)
		kill(k->starting, SIGKILL);
	if (k->server >= 0)
		send(k->server, &bye, sizeof(bye), MSG_NOSIGNAL | MSG_DONTWAIT);
	server_end(&k->disk);
	unlink(k->disk.sock);
	unlink(k->disk.pid);
	unlink(k->disk.lock);
	_exit(0);
}

static void kernel_gone(struct keeper *k)
{
	close(k->kernel);
	k->kernel = -1;
	replay_user_gone(&k->r);
}

static void kernel_read(struct keeper *k)
{
	struct nbd_request q;
	uint64_t cookie;
	uint32_t type, len;
	void *data = NULL;

	if (!read_all(k->kernel, &q, sizeof(q)) || be32toh(q.magic) != NBD_REQUEST_MAGIC) {
		kernel_gone(k);
		return;
	}
	type = be32toh(q.type);
	len = be32toh(q.len);
	if ((type & 0xffff) == NBD_CMD_DISC)
		end(k);
	if ((type & 0xffff) == NBD_CMD_WRITE) {
		data = len <= DATA_MAX ? mem_check(malloc(len ? len : 1)) : NULL;
		if (!data || !read_all(k->kernel, data, len)) {
			free(data);
			kernel_gone(k);
			return;
		}
	}
	memcpy(&cookie, q.handle, sizeof(cookie));
	replay_take(&k->r, cookie, (uint16_t)type, (uint16_t)(type >> 16), be64toh(q.from), len, data);
}

static void kernel_answer(struct keeper *k, uint64_t cookie, uint32_t error, const void *data, size_t len)
{
	struct nbd_reply a = { .magic = htobe32(NBD_REPLY_MAGIC), .error = htobe32(error) };

	memcpy(a.handle, &cookie, sizeof(cookie));
	if (k->kernel >= 0 && (!write_all(k->kernel, &a, sizeof(a)) || (data && !write_all(k->kernel, data, len))))
		kernel_gone(k);
}

/* --- qemu-nbd's side --- */

static void server_gone(struct keeper *k)
{
	close(k->server);
	k->server = -1;
	k->out = NULL;
	k->retry_at = 0;
	replay_server_gone(&k->r);
}

/* Returns false when the server is gone, or going. */
static bool server_read(struct keeper *k)
{
	const struct replay_req *q;
	uint64_t id, cookie = 0;
	struct nbd_reply a;
	void *data = NULL;
	uint32_t error;
	size_t len = 0;

	if (!read_all(k->server, &a, sizeof(a)) || be32toh(a.magic) != NBD_REPLY_MAGIC)
		return false;
	memcpy(&id, a.handle, sizeof(id));
	q = replay_find(&k->r, id);
	error = be32toh(a.error);
	if (!q || error == ERROR_SHUTDOWN)
		return false;
	if (q->type == NBD_CMD_READ && !error) {
		len = q->len;
		data = len <= DATA_MAX ? mem_check(malloc(len ? len : 1)) : NULL;
		if (!data || !read_all(k->server, data, len)) {
			free(data);
			return false;
		}
	}
	if (replay_answered(&k->r, id, &error, &cookie))
		kernel_answer(k, cookie, error, error ? NULL : data, len);
	free(data);
	return true;
}

static void out_next(struct keeper *k)
{
	struct replay_req *q = replay_next(&k->r);

	k->out = q;
	k->out_done = 0;
	if (!q)
		return;
	k->out_head = (struct nbd_request){ .magic = htobe32(NBD_REQUEST_MAGIC), .from = htobe64(q->offset),
					    .type = htobe32((uint32_t)q->flags << 16 | q->type), .len = htobe32(q->len) };
	memcpy(k->out_head.handle, &q->id, sizeof(q->id));
}

static bool server_write(struct keeper *k)
{
	size_t head = sizeof(k->out_head), all;
	ssize_t n;

	if (!k->out)
		out_next(k);
	if (!k->out)
		return true;
	all = head + (k->out->data ? k->out->len : 0);
	if (k->out_done < head)
		n = send(k->server, (char *)&k->out_head + k->out_done, head - k->out_done, MSG_NOSIGNAL | MSG_DONTWAIT);
	else
		n = send(k->server, (char *)k->out->data + (k->out_done - head), all - k->out_done,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN;
	k->out_done += (size_t)n;
	if (k->out_done == all)
		k->out = NULL;
	return true;
}

/* It may still listen; if not, start another one. The image's lock keeps two from working on it. */
static void server_again(struct keeper *k)
{
	uint64_t size;
	uint16_t flags;

	k->retry_at = now_ms() + RETRY_MS;
	k->server = server_connect(&k->disk, &size, &flags);
	if (k->server >= 0 && (size < k->size || flags != k->flags)) {
		close(k->server);
		k->server = -1;
	}
	if (k->server < 0 && !server_pid(&k->disk))
		k->starting = server_spawn(&k->disk);
}

static void take_signal(struct keeper *k)
{
	struct signalfd_siginfo s;
	pid_t pid;

	if (read(k->signals, &s, sizeof(s)) != (ssize_t)sizeof(s))
		return;
	if (s.ssi_signo == SIGTERM)
		end(k);
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		if (pid == k->starting)
			k->starting = 0;
}

__attribute__((noreturn))
static void serve(struct keeper *k)
{
	for (;;) {
		struct pollfd p[3] = { { .fd = k->signals, .events = POLLIN }, { .fd = k->server }, { .fd = k->kernel } };

		p[1].events = (short)(POLLIN | (k->out || replay_has_next(&k->r) ? POLLOUT : 0));
		if (k->kernel >= 0 && replay_room(&k->r))
			p[2].events = POLLIN;
		else if (k->kernel >= 0)
			p[2].fd = -1;
		poll(p, 3, k->server < 0 ? 50 : -1);
		if (p[0].revents)
			take_signal(k);
		if (p[2].revents)
			kernel_read(k);
		if (k->server >= 0 && p[1].revents &&
		    ((p[1].revents & ~POLLOUT && !server_read(k)) || (p[1].revents & POLLOUT && !server_write(k))))
			server_gone(k);
		else if (k->server < 0 && k->starting <= 0 && now_ms() >= k->retry_at)
			server_again(k);
		if (k->kernel < 0 && replay_drained(&k->r))
			kernel_connect(k);
	}
}

/* Signals come as descriptors; who started us is told the device's name, and let go. */
static void background(struct keeper *k)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dprintf(k->report, "nbd%d\n", k->n);
	close(k->report);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	close(null);
}

__attribute__((noreturn))
static void keep(struct keeper *k)
{
	sigset_t set;

	setsid();
	if (chdir("/"))
		die("/: %s", strerror(errno));
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	if (!take_lock(&k->disk))
		die("%s: another program serves this disk", k->disk.lock);
	server_first(k);
	sigprocmask(SIG_BLOCK, &set, NULL);
	k->signals = signalfd(-1, &set, SFD_CLOEXEC);
	replay_init(&k->r, k->flags & NBD_FLAG_SEND_FLUSH);
	k->n = nbdlink_find(k->disk.label, false, -1);
	kernel_connect(k);
	background(k);
	serve(k);
}

/* The child serves; the parent ends when that has begun. */
static int start(const char *uuid, const char *devid, char **args)
{
	struct keeper k = { .kernel = -1, .server = -1, .n = -1 };
	char line[32] = "";
	int fds[2], status = 1;
	ssize_t n;
	pid_t pid;

	disk_init(&k.disk, uuid, devid);
	k.disk.server_args = args;
	if (pipe2(fds, O_CLOEXEC))
		die("%s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("%s", strerror(errno));
	if (!pid) {
		close(fds[0]);
		k.report = fds[1];
		keep(&k);
	}
	close(fds[1]);
	n = read(fds[0], line, sizeof(line) - 1);
	if (n > 0) {
		fputs(line, stdout);
		return 0;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return 1;
}

/* --- the end of others --- */

static void stop_disk(const char *uuid, const char *devid)
{
	struct disk d;
	uint64_t end_at = now_ms() + 2 * END_MS;
	char *why = NULL;
	pid_t pid;
	int n;

	disk_init(&d, uuid, devid);
	pid = holder(&d);
	if (pid)
		kill(pid, SIGTERM);
	while ((pid = holder(&d))) {
		if (now_ms() > end_at)
			kill(pid, SIGKILL);
		pause_ms(20);
	}
	/* What is left when it did not end by itself. */
	n = nbdlink_find(d.label, false, -1);
	if (n >= 0 && !nbdlink_disconnect(n, &why))
		fprintf(stderr, "/dev/nbd%d: %s\n", n, why);
	free(why);
	server_end(&d);
	unlink(d.sock);
	unlink(d.pid);
	unlink(d.lock);
	disk_free(&d);
}

static int stop(const char *uuid, const char *devid)
{
	char *prefix = xasprintf("nbd-%s-", uuid), id[16], rest[8];
	DIR *dir = devid ? NULL : opendir(RUN_DIR);
	struct dirent *e;

	if (devid)
		stop_disk(uuid, devid);
	while (dir && (e = readdir(dir)))
		if (!strncmp(e->d_name, prefix, strlen(prefix)) &&
		    sscanf(e->d_name + strlen(prefix), "%15[0-9].%7s", id, rest) == 2 && !strcmp(rest, "lock"))
			stop_disk(uuid, id);
	if (dir)
		closedir(dir);
	free(prefix);
	return 0;
}

int main(int argc, char **argv)
{
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "--stop"))
		return stop(argv[2], argv[3]);
	if (argc < 4)
		die("usage: block-keeper UUID DEVID ARG... or --stop UUID [DEVID], run by block-qemu");
	return start(argv[1], argv[2], argv + 3);
}
