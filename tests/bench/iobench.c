/* SPDX-License-Identifier: MIT */
/*
 * Load for disks and networks, in guests and in dom0. Each mode works for a number of seconds and prints one line,
 * "BYTES OPERATIONS SECONDS", of what was done.
 *
 *	iobench read|write PATH seq|rand KIB TASKS SECONDS	O_DIRECT, TASKS processes with one request each
 *	iobench sink PORT					take one TCP connection, read it to its end
 *	iobench source HOST PORT SECONDS			write to such a sink
 *	iobench echo PORT					answer UDP packets, for ever
 *	iobench ping HOST PORT SECONDS				one-byte packets to such an echo, one at a time
 *	iobench web HOST PORT PATH CONNECTIONS SECONDS		HTTP requests for one file, one at a time on each connection
 *
 * No libraries: it is linked statically. It does not check what it reads; diskcheck of the system tests does.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <linux/fs.h>
#include <time.h>
#include <unistd.h>

#define STREAM_BYTES 65536
#define WEB_MAX 64		/* connections */

struct done {
	uint64_t bytes, ops;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void report(struct done d, double since)
{
	printf("%llu %llu %.3f\n", (unsigned long long)d.bytes, (unsigned long long)d.ops, now() - since);
}

/* --- disks --- */

struct load {
	const char *path;
	int write, random, tasks;
	size_t size;
	double until;
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* One task of the load. In sequence the tasks take turns, so that together they go through the disk once. */
static struct done disk_task(const struct load *l, int task)
{
	int fd = open(l->path, (l->write ? O_RDWR : O_RDONLY) | O_DIRECT);
	struct done d = { 0 };
	uint64_t size, blocks;
	void *buf;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) || posix_memalign(&buf, 4096, l->size))
		err(1, "%s", l->path);
	memset(buf, 0x5a, l->size);
	blocks = size / l->size;
	for (uint64_t i = (uint64_t)task; now() < l->until; i += (uint64_t)l->tasks) {
		off_t at = (off_t)((l->random ? mix(i + 1) : i) % blocks * l->size);
		ssize_t n = l->write ? pwrite(fd, buf, l->size, at) : pread(fd, buf, l->size, at);

		if (n != (ssize_t)l->size)
			err(1, "%s", l->path);
		d.bytes += l->size;
		d.ops++;
	}
	if (l->write && fdatasync(fd))
		err(1, "%s", l->path);
	close(fd);
	return d;
}

static void disk(struct load *l, double seconds)
{
	double start = now();
	struct done sum = { 0 }, d;
	int pipes[2];

	if (pipe(pipes))
		err(1, "pipe");
	l->until = start + seconds;
	for (int i = 0; i < l->tasks; i++)
		if (!fork()) {
			d = disk_task(l, i);
			_exit(write(pipes[1], &d, sizeof(d)) != sizeof(d));
		}
	close(pipes[1]);
	while (read(pipes[0], &d, sizeof(d)) == sizeof(d)) {
		sum.bytes += d.bytes;
		sum.ops += d.ops;
	}
	while (wait(NULL) > 0)
		;
	report(sum, start);
}

/* --- networks --- */

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	if (host && inet_pton(AF_INET, host, &a.sin_addr) != 1)
		err(1, "%s", host);
	return a;
}

static int listener(int type, const char *port)
{
	struct sockaddr_in a = address(NULL, port);
	int fd = socket(AF_INET, type, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) || (type == SOCK_STREAM && listen(fd, 1)))
		err(1, "%s", port);
	return fd;
}

static int caller(int type, const char *host, const char *port)
{
	struct sockaddr_in a = address(host, port);
	int fd = socket(AF_INET, type, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "%s", host);
	return fd;
}

static void sink(const char *port)
{
	static char buf[STREAM_BYTES];
	int fd = accept(listener(SOCK_STREAM, port), NULL, NULL);
	struct done d = { 0 };
	double start = now();
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		d.bytes += (uint64_t)n;
		d.ops++;
	}
	report(d, start);
}

static void source(int fd, double seconds)
{
	static char buf[STREAM_BYTES];
	double start = now();
	struct done d = { 0 };

	while (now() < start + seconds) {
		ssize_t n = write(fd, buf, sizeof(buf));
		if (n < 0)
			err(1, "write");
		d.bytes += (uint64_t)n;
		d.ops++;
	}
	close(fd);
	report(d, start);
}

static void echo(const char *port)
{
	int fd = listener(SOCK_DGRAM, port);
	struct sockaddr_in from;
	char buf[2048];

	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);

		if (n >= 0)
			sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
}

/* A packet that is lost costs a second and is not counted. */
static void ping(int fd, double seconds)
{
	struct timeval limit = { .tv_sec = 1 };
	double start = now();
	struct done d = { 0 };
	char c = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	while (now() < start + seconds) {
		if (send(fd, &c, 1, 0) != 1 || recv(fd, &c, 1, 0) != 1)
			continue;
		d.bytes++;
		d.ops++;
	}
	report(d, start);
}

/* --- HTTP --- */

/* How long the answer to this request is, with its header: that of the same file is always as long. */
static size_t answer_size(int fd, const char *request)
{
	char buf[4096];
	size_t got = 0, len = 0;

	if (write(fd, request, strlen(request)) != (ssize_t)strlen(request))
		err(1, "%s", "cannot send");
	while (!len || got < len) {
		ssize_t n = read(fd, buf + (len ? 0 : got), sizeof(buf) - 1 - (len ? 0 : got));
		const char *end, *field;

		if (n <= 0)
			errx(1, "no whole answer");
		got += (size_t)n;
		if (len)
			continue;
		buf[got] = 0;
		end = strstr(buf, "\r\n\r\n");
		field = strstr(buf, "Content-Length: ");
		if (end && field)
			len = (size_t)(end + 4 - buf) + strtoul(field + 16, NULL, 10);
		else if (got == sizeof(buf) - 1)
			errx(1, "no answer that this program understands");
	}
	return len;
}

static void web(char **argv)
{
	static char buf[STREAM_BYTES];
	int n = atoi(argv[5]) < WEB_MAX ? atoi(argv[5]) : WEB_MAX;
	struct pollfd p[WEB_MAX];
	size_t left[WEB_MAX], size = 0;
	struct done d = { 0 };
	char request[512];
	double start;

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", argv[4], argv[2]);
	for (int i = 0; i < n; i++) {
		p[i] = (struct pollfd){ .fd = caller(SOCK_STREAM, argv[2], argv[3]), .events = POLLIN };
		size = answer_size(p[i].fd, request);
		left[i] = 0;
	}
	start = now();
	while (now() < start + atof(argv[6])) {
		for (int i = 0; i < n; i++) {
			if (left[i])
				continue;
			if (write(p[i].fd, request, strlen(request)) < 0)
				err(1, "%s", "cannot send");
			left[i] = size;
		}
		if (poll(p, (nfds_t)n, 1000) < 0)
			err(1, "poll");
		for (int i = 0; i < n; i++) {
			ssize_t got = p[i].revents ? read(p[i].fd, buf, left[i] < sizeof(buf) ? left[i] : sizeof(buf)) : 0;

			if (p[i].revents && got <= 0)
				errx(1, "the connection has ended");
			left[i] -= (size_t)got;
			d.bytes += (uint64_t)got;
			d.ops += got && !left[i];
		}
	}
	report(d, start);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (argc == 7 && (!strcmp(mode, "read") || !strcmp(mode, "write"))) {
		struct load l = { .path = argv[2], .write = !strcmp(mode, "write"), .random = !strcmp(argv[3], "rand"),
				  .size = strtoul(argv[4], NULL, 10) * 1024, .tasks = atoi(argv[5]) };

		disk(&l, atof(argv[6]));
	} else if (argc == 3 && !strcmp(mode, "sink")) {
		sink(argv[2]);
	} else if (argc == 3 && !strcmp(mode, "echo")) {
		echo(argv[2]);
	} else if (argc == 5 && !strcmp(mode, "source")) {
		source(caller(SOCK_STREAM, argv[2], argv[3]), atof(argv[4]));
	} else if (argc == 5 && !strcmp(mode, "ping")) {
		ping(caller(SOCK_DGRAM, argv[2], argv[3]), atof(argv[4]));
	} else if (argc == 7 && !strcmp(mode, "web")) {
		web(argv);
	} else {
		fprintf(stderr, "iobench: see the head of its source for the modes\n");
		return 2;
	}
	return 0;
}
