/* SPDX-License-Identifier: MIT */
/*
 * A program for guests that are saved, restored and migrated: it changes its memory all the time and knows what has to
 * be in it.
 *
 *	memload MIB FILE [PAUSE]	for ever; PAUSE: us between two rounds of 64 pages
 *	memload clock			what the wall clock says in s, and what its coarse reading says, which is renewed
 *					with each tick only and stands still on a host that has no time for that
 *
 * Each page holds words made of its number and a generation; a random one is checked and renewed at a time, all are
 * checked after a pass. Now and then a child is forked that writes to its copy, so page tables change as well; the
 * clock must not go back and floating-point registers must keep what they hold. FILE has one line: passes, pages renewed,
 * errors, longest time in ms without a renewal.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096
#define WORDS	(PAGE / 8)
#define ROUND	64
#define PASS	2048		/* pages renewed between two looks at all */

static uint64_t *memory;
static uint32_t *generation;
static size_t pages;
static unsigned long errors;

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint64_t word_of(size_t page, int word)
{
	return mix(page * 0x9e3779b97f4a7c15ULL + ((uint64_t)generation[page] << 16) + (uint64_t)word);
}

static void fill(size_t page)
{
	for (int i = 0; i < WORDS; i++)
		memory[page * WORDS + i] = word_of(page, i);
}

static void check(size_t page)
{
	for (int i = 0; i < WORDS; i++)
		if (memory[page * WORDS + i] != word_of(page, i)) {
			errors++;
			return;
		}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void child(void)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		for (size_t i = 0; i < pages; i += 8)
			memory[i * WORDS] ^= ~0ULL;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		errors++;
}

/* Renew a round of pages; a sum in floating point goes along. */
static double renew(uint64_t *state, double sum)
{
	for (int i = 0; i < ROUND; i++) {
		size_t page = (*state = mix(*state + 1)) % pages;

		check(page);
		generation[page]++;
		fill(page);
		sum += 0.5;
	}
	return sum;
}

static void report(int fd, unsigned long passes, unsigned long renewed, double gap)
{
	char line[96];

	memset(line, ' ', sizeof(line));
	line[snprintf(line, sizeof(line), "%lu %lu %lu %.0f", passes, renewed, errors, gap)] = ' ';
	line[sizeof(line) - 1] = '\n';
	if (pwrite(fd, line, sizeof(line), 0) != sizeof(line))
		errors++;
}

static void run(int fd, unsigned int pause_us)
{
	unsigned long passes = 0, renewed = 0;
	double last = now(), gap = 0, sum = 0, t;
	uint64_t state = (uint64_t)getpid();

	for (;;) {
		sum = renew(&state, sum);
		renewed += ROUND;
		t = now();
		if (t < last || sum != renewed * 0.5)
			errors++;
		if (t - last > gap)
			gap = t - last;
		last = t;
		if (renewed % PASS == 0) {
			for (size_t i = 0; i < pages; i++)
				check(i);
			passes++;
			child();
			last = now();
		}
		report(fd, passes, renewed, gap);
		if (pause_us)
			usleep(pause_us);
	}
}

static int clocks(void)
{
	struct timespec exact, coarse;

	clock_gettime(CLOCK_REALTIME, &exact);
	clock_gettime(CLOCK_REALTIME_COARSE, &coarse);
	printf("%ld %ld\n", (long)exact.tv_sec, (long)coarse.tv_sec);
	return 0;
}

int main(int argc, char **argv)
{
	int fd = argc > 2 ? open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;

	if (argc == 2 && !strcmp(argv[1], "clock"))
		return clocks();
	if (fd < 0) {
		fputs("usage: memload MIB FILE [PAUSE] | clock\n", stderr);
		return 2;
	}
	pages = (size_t)atoi(argv[1]) * 256;
	memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	generation = calloc(pages, sizeof(*generation));
	if (memory == MAP_FAILED || !generation)
		return 1;
	for (size_t i = 0; i < pages; i++)
		fill(i);
	run(fd, argc > 3 ? (unsigned int)atoi(argv[3]) : 0);
	return 0;
}
