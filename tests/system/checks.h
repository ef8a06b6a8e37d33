/* SPDX-License-Identifier: MIT */
/*
 * A program that makes named checks, all or those named on its command line, and says "ok NAME" or "FAILED NAME: why"
 * for each. No libraries, as it runs in guests too.
 */
#ifndef TESTS_SYSTEM_CHECKS_H
#define TESTS_SYSTEM_CHECKS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct check {
	const char *name;
	void (*fn)(void);
};

static const char *name;	/* of the check that is being made */
static int failures;

static inline void vfail(const char *fmt, va_list ap)
{
	printf("FAILED %s: ", name);
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	failures++;
}

static inline double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The program's exit status. timed: how long each took, too. */
static inline int checks_run(const struct check *checks, size_t n, bool timed, int argc, char **argv)
{
	for (size_t i = 0; i < n; i++) {
		int before = failures;
		double start = seconds();
		bool wanted = argc < 2;

		for (int a = 1; a < argc; a++)
			wanted |= !strcmp(argv[a], checks[i].name);
		if (!wanted)
			continue;
		name = checks[i].name;
		checks[i].fn();
		if (failures == before && timed)
			printf("ok %s (%.1f s)\n", name, seconds() - start);
		else if (failures == before)
			printf("ok %s\n", name);
		fflush(stdout);
	}
	return failures != 0;
}

#endif
