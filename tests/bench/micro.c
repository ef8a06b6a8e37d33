/* SPDX-License-Identifier: MIT */
/*
 * What a kernel's basic services cost: system calls, faults, page-table changes, processes, switches. Runs in dom0, in guests and
 * on a bare kernel alike and prints, when all is done, lines "ROW VALUE UNIT": the best of many short rounds, in microseconds for
 * each operation.
 *
 *	micro [ROUNDS [ROW...]]		default 20, all rows
 *
 * In dom0 of xen-lite (in a guest Linux lets no program ask), lines "ROW.COUNTER VALUE /op" follow: how often the hypervisor did
 * what costs time. The least of all rounds counts for each, so that a timer tick is seen in none.
 *
 * No libraries: it is linked statically.
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "public/lite.h"

#define PAGE	4096ul
#define PAGES	2048ul		/* 8 MiB */
/* What is measured at a time is short, so that on a busy machine some of it is undisturbed. */
#define CHUNK	256ul

#define COUNTS	(LITE_COUNT_SWITCH + 1)
static const char *const count_names[COUNTS] = { "cr3", "flush", "hypercall", "trap", "emulate", "bounce", "switch" };

struct sample {
	double us;
	double count[COUNTS];
};

static int privcmd = -1;
static struct xen_lite_counters before, after;	/* in memory that is there: the hypervisor writes to it */
static double started;
static struct sample overhead, best;	/* of reading the counters; of the rounds so far of the row that is measured */
static int rounds_done;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* --- measuring ---------------------------------------------------------------------------------------------------- */

static long counters_read(struct xen_lite_counters *c)
{
	struct {
		uint64_t op, arg[5];
	} call = { __HYPERVISOR_lite_op, { LITEOP_counters, (uintptr_t)c } };

	c->domid = DOMID_SELF;
	return ioctl(privcmd, _IOC(_IOC_NONE, 'P', 0, sizeof(call)), &call);
}

static void counters_open(void)
{
	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (privcmd >= 0 && counters_read(&before)) {
		close(privcmd);
		privcmd = -1;
	}
}

static void begin(void)
{
	if (privcmd >= 0)
		counters_read(&before);
	started = now();
}

static void keep_least(double *least, double value)
{
	if (!rounds_done || value < *least)
		*least = value;
}

/* `ops` operations were done since begin(). */
static void end(unsigned long ops)
{
	keep_least(&best.us, (now() - started) / ops);
	if (privcmd >= 0)
		counters_read(&after);
	for (int i = 0; i < COUNTS; i++)
		keep_least(&best.count[i], ((double)(after.count[i] - before.count[i]) - overhead.count[i]) / ops);
	rounds_done++;
}

static void nothing(void)
{
	begin();
	end(1);
}

/* --- system calls and signals ------------------------------------------------------------------------------------- */

static void getppid_row(void)
{
	begin();
	for (int i = 0; i < 100; i++)
		syscall(SYS_getppid);
	end(100);
}

static void clock_row(void)
{
	struct timespec t;

	begin();
	for (int i = 0; i < 1000; i++)
		clock_gettime(CLOCK_MONOTONIC, &t);
	end(1000);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void signal_row(void)
{
	pid_t self = getpid();

	signal(SIGUSR1, on_signal);
	begin();
	for (int i = 0; i < 50; i++)
		kill(self, SIGUSR1);
	end(50);
}

/* --- processes and threads ---------------------------------------------------------------------------------------- */

static void *map(int flags)
{
	void *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static void touch(char *p, unsigned long step)
{
	for (unsigned long i = 0; i < PAGES; i += step)
		((volatile char *)p)[i * PAGE] = 1;
}

static void unmap(void *p)
{
	if (munmap(p, PAGES * PAGE))
		err(1, "munmap");
}

static pid_t fork_child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	return pid;
}

static void fork_and_wait(void)
{
	pid_t pid = fork_child();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static void fork_small(void)
{
	begin();
	fork_and_wait();
	end(1);
}

static void fork_dirty(void)
{
	char *p = map(MAP_PRIVATE);

	touch(p, 1);
	begin();
	fork_and_wait();
	end(1);
	unmap(p);
}

/* The system call alone. */
static void fork_call(void)
{
	char *p = map(MAP_PRIVATE);
	pid_t pid;

	touch(p, 1);
	begin();
	pid = fork_child();
	if (!pid)
		_exit(0);
	end(1);
	waitpid(pid, NULL, 0);
	unmap(p);
}

static void fork_exec(void)
{
	static char *const argv[] = { "micro", "nothing", NULL };

	pid_t pid;

	begin();
	pid = fork_child();
	if (!pid) {
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	end(1);
}

/* State in a vector register that a switch has to keep. */
static void use_fpu(void)
{
	asm volatile("pcmpeqd %%xmm7, %%xmm7; paddd %%xmm7, %%xmm6" : : : "xmm6", "xmm7");
}

static void nop(void)
{
}

/* A byte goes to another process and comes back: two switches, four system calls. */
static void ping_pong(void (*work)(void))
{
	int there[2], back[2];
	char c = 0;
	pid_t pid;

	if (pipe(there) || pipe(back))
		err(1, "pipe");
	pid = fork_child();
	if (!pid) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1 && (work(), write(back[1], &c, 1) == 1))
			;
		_exit(0);
	}
	for (int chunk = 0; chunk < 10; chunk++) {
		begin();
		for (int i = 0; i < 20; i++) {
			work();
			if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
				err(1, "pipe");
		}
		end(20);
	}
	close(there[1]);
	close(there[0]);
	close(back[0]);
	close(back[1]);
	waitpid(pid, NULL, 0);
}

static void pipe_row(void)
{
	ping_pong(nop);
}

static void pipe_fpu(void)
{
	ping_pong(use_fpu);
}

static void *thread_of_nothing(void *arg)
{
	return arg;
}

static void thread_row(void)
{
	begin();
	for (int i = 0; i < 10; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, thread_of_nothing, NULL))
			err(1, "pthread_create");
		pthread_join(t, NULL);
	}
	end(10);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

/* What is done in the parent while it shares its memory with a child. */
static void with_child(void (*in_parent)(char *), char *p)
{
	int to[2];
	char c;
	pid_t pid;

	if (pipe(to))
		err(1, "pipe");
	pid = fork_child();
	if (!pid) {
		close(to[1]);
		_exit(read(to[0], &c, 1) < 0);
	}
	close(to[0]);
	in_parent(p);
	close(to[1]);
	waitpid(pid, NULL, 0);
}

/* Writes to every `step`th page. */
static void touch_timed(char *p, unsigned long step)
{
	for (unsigned long at = 0; at < PAGES; at += CHUNK) {
		begin();
		for (unsigned long i = 0; i < CHUNK; i += step)
			((volatile char *)p)[(at + i) * PAGE] = 1;
		end(CHUNK / step);
	}
}

static void touch_page(void)
{
	char *p = map(MAP_PRIVATE);

	touch_timed(p, 1);
	unmap(p);
}

static void touch_sparse(void)
{
	char *p = map(MAP_PRIVATE);

	touch_timed(p, 16);
	unmap(p);
}

static void unmap_touched(int flags)
{
	char *p = map(flags);

	touch(p, 1);
	for (unsigned long at = 0; at < PAGES; at += CHUNK) {
		begin();
		if (munmap(p + at * PAGE, CHUNK * PAGE))
			err(1, "munmap");
		end(CHUNK);
	}
}

static void unmap_page(void)
{
	unmap_touched(MAP_PRIVATE);
}

static void unmap_shared(void)
{
	unmap_touched(MAP_SHARED);
}

static void *sleeper(void *lock)
{
	pthread_mutex_lock(lock);
	pthread_mutex_unlock(lock);
	return NULL;
}

/* The same in a process of two threads. */
static void unmap_thread(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t t;

	pthread_mutex_lock(&lock);
	if (pthread_create(&t, NULL, sleeper, &lock))
		err(1, "pthread_create");
	unmap_touched(MAP_PRIVATE);
	pthread_mutex_unlock(&lock);
	pthread_join(t, NULL);
}

static void write_timed(char *p)
{
	touch_timed(p, 1);
}

/* A write to a page that a child still shares, the fork left out. */
static void cow_page(void)
{
	char *p = map(MAP_PRIVATE);

	touch(p, 1);
	with_child(write_timed, p);
	unmap(p);
}

/* A write to a page that was shared with a child, now gone. */
static void rewrite_page(void)
{
	char *p = map(MAP_PRIVATE);

	touch(p, 1);
	fork_and_wait();
	write_timed(p);
	unmap(p);
}

/* By an odd number of pages, so that entries are moved and not whole tables. */
static void move_page(void)
{
	char *p = map(MAP_PRIVATE), *space = mmap(NULL, 2 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *to = space + (((unsigned long)(p - space) & 0x1fffff) ^ PAGE);

	touch(p, 1);
	for (unsigned long at = 0; at < PAGES * PAGE; at += CHUNK * PAGE) {
		begin();
		if (mremap(p + at, CHUNK * PAGE, CHUNK * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + at) == MAP_FAILED)
			err(1, "mremap");
		end(CHUNK);
	}
	munmap(space, 2 * PAGES * PAGE);
}

static void protect_page(void)
{
	char *p = map(MAP_PRIVATE);

	touch(p, 1);
	for (unsigned long at = 0; at < PAGES; at += CHUNK) {
		begin();
		mprotect(p + at * PAGE, CHUNK * PAGE, PROT_READ);
		end(CHUNK);
	}
	unmap(p);
}

/* --- the rows ----------------------------------------------------------------------------------------------------- */

static const struct row {
	const char *name;
	void (*round)(void);
} rows[] = {
	{ "getppid", getppid_row }, { "clock_gettime", clock_row }, { "signal", signal_row },
	{ "touch", touch_page }, { "touch-sparse", touch_sparse }, { "cow", cow_page }, { "rewrite", rewrite_page },
	{ "mprotect", protect_page }, { "mremap", move_page },
	{ "munmap", unmap_page }, { "munmap-threads", unmap_thread }, { "munmap-shared", unmap_shared },
	{ "fork-exit", fork_small }, { "fork-exit-8MiB", fork_dirty }, { "fork-8MiB-call", fork_call },
	{ "fork-exec", fork_exec }, { "thread", thread_row }, { "pipe", pipe_row }, { "pipe-fpu", pipe_fpu },
};

#define ROWS	(sizeof(rows) / sizeof(rows[0]))
static bool wanted[ROWS];
static struct sample result[ROWS];

static void measure(struct sample *s, void (*round)(void), int rounds)
{
	rounds_done = 0;
	for (int i = 0; i < rounds; i++)
		round();
	*s = best;
}

static void choose(const char *name)
{
	for (unsigned int i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].name, name)) {
			wanted[i] = true;
			return;
		}
	fprintf(stderr, "micro: no row '%s'\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 20;

	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	if (rounds < 1) {
		fputs("usage: micro [ROUNDS [ROW...]]\n", stderr);
		return 2;
	}
	for (int i = 2; i < argc; i++)
		choose(argv[i]);
	counters_open();
	measure(&overhead, nothing, 50);
	for (unsigned int i = 0; i < ROWS; i++)
		if (wanted[i] || argc <= 2)
			measure(&result[i], rows[i].round, rounds);
	for (unsigned int i = 0; i < ROWS; i++) {
		if (!wanted[i] && argc > 2)
			continue;
		printf("%s %.4f us\n", rows[i].name, result[i].us);
		for (int c = 0; privcmd >= 0 && c < COUNTS; c++)
			printf("%s.%s %.2f /op\n", rows[i].name, count_names[c], result[i].count[c]);
	}
	return 0;
}
