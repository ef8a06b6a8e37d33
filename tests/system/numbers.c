/* SPDX-License-Identifier: MIT */
/*
 * For guests that migrate, seen by a third party that stays where it is.
 *
 * Numbered messages over one TCP connection, of which none may be lost, doubled or out of order:
 *
 *	numbers serve PORT			answers each number with the number
 *	numbers ask HOST PORT FILE [MS]		sends one every MS (10); FILE has one line, renewed after each answer:
 *						answers, errors, longest silence in ms
 *
 * A heartbeat, of which some beats are lost while the guest stands still; its silence is the guest's own, while that of
 * an answer over TCP is as long as TCP waits before it asks again:
 *
 *	numbers beat HOST PORT [MS]		sends a numbered datagram every MS (10)
 *	numbers hear PORT FILE			FILE has one line, renewed after each beat: beats, errors (doubled or out of
 *						order), longest silence in ms
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void read_number(int fd, uint64_t *n)
{
	size_t got = 0;

	while (got < sizeof(*n)) {
		ssize_t r = read(fd, (char *)n + got, sizeof(*n) - got);

		if (r <= 0)
			err(1, "%s", "the connection has ended");
		got += (size_t)r;
	}
}

static void write_number(int fd, uint64_t n)
{
	if (write(fd, &n, sizeof(n)) != sizeof(n))
		err(1, "%s", "cannot send");
}

static int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void serve(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = new_socket(), c;
	uint64_t n;

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 8))
		err(1, "%s", "cannot listen");
	while ((c = accept(fd, NULL, NULL)) >= 0) {
		if (!fork()) {
			for (;;) {
				read_number(c, &n);
				write_number(c, n);
			}
		}
		close(c);
	}
	err(1, "accept");
}

/* Whoever reads it meanwhile sees the old line or the new one. */
static void tell(const char *file, uint64_t answers, uint64_t errors, uint64_t longest)
{
	char new[4096];
	FILE *f;

	snprintf(new, sizeof(new), "%s.new", file);
	f = fopen(new, "w");
	if (!f)
		err(1, "%s", new);
	fprintf(f, "%llu %llu %llu\n", (unsigned long long)answers, (unsigned long long)errors,
		(unsigned long long)longest);
	if (fclose(f) || rename(new, file))
		err(1, "%s", file);
}

static void ask(const char *host, int port, const char *file, unsigned int ms)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	uint64_t errors = 0, longest = 0, last, answer, now;
	int fd = new_socket();

	if (inet_pton(AF_INET, host, &a.sin_addr) != 1 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "%s", host);
	last = now_ms();
	for (uint64_t n = 1; ; n++) {
		write_number(fd, n);
		read_number(fd, &answer);
		now = now_ms();
		errors += answer != n;
		if (now - last > longest)
			longest = now - last;
		last = now;
		tell(file, n, errors, longest);
		usleep(ms * 1000);
	}
}

static void beat(const char *host, int port, unsigned int ms)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || inet_pton(AF_INET, host, &a.sin_addr) != 1)
		err(1, "%s", host);
	for (uint64_t n = 1; ; n++) {
		/* A network that is being connected again refuses some. */
		(void)!sendto(fd, &n, sizeof(n), 0, (struct sockaddr *)&a, sizeof(a));
		usleep(ms * 1000);
	}
}

static void hear(int port, const char *file)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	uint64_t beats = 0, errors = 0, longest = 0, last = 0, before = 0, n, now;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "%s", "cannot listen");
	while (read(fd, &n, sizeof(n)) == sizeof(n)) {
		now = now_ms();
		errors += n <= before;
		if (beats++ && now - last > longest)
			longest = now - last;
		last = now;
		before = n;
		tell(file, beats, errors, longest);
	}
	err(1, "%s", "no beat");
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(atoi(argv[2]));
	else if (argc >= 5 && !strcmp(argv[1], "ask"))
		ask(argv[2], atoi(argv[3]), argv[4], argc > 5 ? (unsigned int)atoi(argv[5]) : 10);
	else if (argc >= 4 && !strcmp(argv[1], "beat"))
		beat(argv[2], atoi(argv[3]), argc > 4 ? (unsigned int)atoi(argv[4]) : 10);
	else if (argc == 4 && !strcmp(argv[1], "hear"))
		hear(atoi(argv[2]), argv[3]);
	fprintf(stderr, "usage: numbers serve PORT | ask HOST PORT FILE [MS] | beat HOST PORT [MS] | hear PORT FILE\n");
	return 2;
}
