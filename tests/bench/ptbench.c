/* SPDX-License-Identifier: MIT */
/*
 * What costs page-table changes: fork, faults, unmapping, moving. Runs in dom0, in guests and on a bare kernel,
 * with the patched kernel and without, and prints a line "NAME VALUE" each: the best of several rounds, in
 * microseconds, of the whole operation or for each page. And what a system call costs.
 *
 *	ptbench [ROUNDS [NAME...]]	default 5, all
 *
 * No libraries: it is linked statically.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096ul
#define PAGES	2048ul		/* 8 MiB */

static int rounds = 5;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void *map(int flags)
{
	void *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	if (p == MAP_FAILED) {
		perror("ptbench: mmap");
		exit(1);
	}
	return p;
}

static void touch(char *p, unsigned long step)
{
	for (unsigned long i = 0; i < PAGES; i += step)
		((volatile char *)p)[i * PAGE] = 1;
}

static void unmap(void *p)
{
	if (munmap(p, PAGES * PAGE)) {
		perror("ptbench: munmap");
		exit(1);
	}
}

static void child_and_wait(void (*in_parent)(void *), void *arg)
{
	int to[2];
	char c;
	pid_t pid;

	if (pipe(to))
		exit(1);
	pid = fork();
	if (pid < 0)
		exit(1);
	if (!pid) {
		close(to[1]);
		_exit(in_parent && read(to[0], &c, 1) < 0);
	}
	close(to[0]);
	if (in_parent)
		in_parent(arg);
	close(to[1]);
	waitpid(pid, NULL, 0);
}

/* Each measures one round, in microseconds. */

static double getppid_call(void)
{
	enum { N = 2000 };
	double t = now();

	for (int i = 0; i < N; i++)
		syscall(SYS_getppid);
	return (now() - t) / N;
}

static double fork_small(void)
{
	double t = now();

	child_and_wait(NULL, NULL);
	return now() - t;
}

static double fork_dirty(void)
{
	char *p = map(MAP_PRIVATE);
	double t;

	touch(p, 1);
	t = now();
	child_and_wait(NULL, NULL);
	t = now() - t;
	unmap(p);
	return t;
}

/* The system call alone. */
static double fork_call(void)
{
	char *p = map(MAP_PRIVATE);
	double t;
	pid_t pid;

	touch(p, 1);
	t = now();
	pid = fork();
	if (!pid)
		_exit(0);
	t = now() - t;
	waitpid(pid, NULL, 0);
	unmap(p);
	return t;
}

static double touch_page(void)
{
	char *p = map(MAP_PRIVATE);
	double t = now();

	touch(p, 1);
	t = now() - t;
	unmap(p);
	return t / PAGES;
}

static double touch_sparse(void)
{
	char *p = map(MAP_PRIVATE);
	double t = now();

	touch(p, 16);
	t = now() - t;
	unmap(p);
	return t / (PAGES / 16);
}

static double unmap_page(void)
{
	char *p = map(MAP_PRIVATE);
	double t;

	touch(p, 1);
	t = now();
	unmap(p);
	return (now() - t) / PAGES;
}

static double unmap_shared(void)
{
	char *p = map(MAP_SHARED);
	double t;

	touch(p, 1);
	t = now();
	unmap(p);
	return (now() - t) / PAGES;
}

static void *sleeper(void *lock)
{
	pthread_mutex_lock(lock);
	pthread_mutex_unlock(lock);
	return NULL;
}

/* The same in a process of two threads. */
static double unmap_thread(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t t;
	double took;

	pthread_mutex_lock(&lock);
	if (pthread_create(&t, NULL, sleeper, &lock))
		exit(1);
	took = unmap_page();
	pthread_mutex_unlock(&lock);
	pthread_join(t, NULL);
	return took;
}

static void write_all(void *p)
{
	touch(p, 1);
}

/* A write to a page that a child still shares, the fork left out. */
static double copied;
static void write_timed(void *p)
{
	double t = now();

	write_all(p);
	copied = now() - t;
}

static double cow_page(void)
{
	char *p = map(MAP_PRIVATE);

	touch(p, 1);
	child_and_wait(write_timed, p);
	unmap(p);
	return copied / PAGES;
}

/* A write to a page that was shared with a child, now gone. */
static double rewrite_page(void)
{
	char *p = map(MAP_PRIVATE);
	double t;

	touch(p, 1);
	child_and_wait(NULL, NULL);
	t = now();
	touch(p, 1);
	t = now() - t;
	unmap(p);
	return t / PAGES;
}

/* By an odd number of pages, so that entries are moved and not whole tables. */
static double move_page(void)
{
	char *p = map(MAP_PRIVATE), *space = mmap(NULL, 2 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *to = space + (((unsigned long)(p - space) & 0x1fffff) ^ PAGE);
	double t;

	touch(p, 1);
	t = now();
	if (mremap(p, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
		exit(1);
	t = now() - t;
	munmap(space, 2 * PAGES * PAGE);
	return t / PAGES;
}

static double protect_page(void)
{
	char *p = map(MAP_PRIVATE);
	double t;

	touch(p, 1);
	t = now();
	mprotect(p, PAGES * PAGE, PROT_READ);
	t = now() - t;
	unmap(p);
	return t / PAGES;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		double (*fn)(void);
	} tests[] = {
		{ "getppid", getppid_call },
		{ "fork-small", fork_small }, { "fork-8MiB", fork_dirty }, { "fork-8MiB-call", fork_call },
		{ "touch/page", touch_page }, { "touch-sparse/page", touch_sparse }, { "cow/page", cow_page },
		{ "rewrite/page", rewrite_page },
		{ "munmap/page", unmap_page }, { "munmap-threads/page", unmap_thread }, { "munmap-shared/page", unmap_shared },
		{ "mremap/page", move_page }, { "mprotect/page", protect_page },
	};

	if (argc > 1)
		rounds = atoi(argv[1]);
	for (unsigned int i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		double best = 0;
		bool wanted = argc <= 2;

		for (int a = 2; a < argc; a++)
			wanted |= !strcmp(argv[a], tests[i].name);
		if (!wanted)
			continue;

		for (int r = 0; r < rounds; r++) {
			double t = tests[i].fn();

			if (!r || t < best)
				best = t;
		}
		printf("%s %.3f\n", tests[i].name, best);
	}
	return 0;
}
