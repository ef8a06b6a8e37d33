/* SPDX-License-Identifier: MIT */
/* A guest at work: load.h. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

#include "guests.h"

/* Passes of both programs, and their errors. */
static void read_load(const char *host, const char *name, long *passes, long *errors)
{
	long p[2] = { 0 }, r[2], e[2] = { 1, 1 };
	const char *out = guest_must(host, name, "cat /tmp/m1 /tmp/m2");

	if (sscanf(out, "%ld %ld %ld %*d %ld %ld %ld", &p[0], &r[0], &e[0], &p[1], &r[1], &e[1]) != 6)
		printf("\n    memload says '%s'\n", out);
	*passes = p[0] < p[1] ? p[0] : p[1];
	*errors = e[0] + e[1];
}

void load_start(const char *host, const char *name)
{
	guest_boot(host, name);
	guest_must(host, name, "memload 8 /tmp/m1 5000 & memload 8 /tmp/m2 5000 & sleep 1; diskcheck write /dev/xvda 1 100 50");
}

/* Asking takes a while: its answer lies between two of ours, give or take a second. */
static void check_clock(const char *host, const char *name)
{
	long earliest = strtol(sys_must(host, "date +%%s"), NULL, 10), latest, clock = 0, coarse = 0;

	CU_ASSERT_EQUAL(sscanf(guest_must(host, name, "memload clock"), "%ld %ld", &clock, &coarse), 2);
	latest = strtol(sys_must(host, "date +%%s"), NULL, 10);
	if (clock < earliest - 1 || clock > latest + 1)
		printf("\n    the guest's clock says %ld (coarse: %ld), ours %ld and %ld\n", clock, coarse, earliest, latest);
	CU_ASSERT(clock >= earliest - 1 && clock <= latest + 1);
}

void load_check(const char *host, const char *name)
{
	long before, after = 0, errors;

	read_load(host, name, &before, &errors);
	CU_ASSERT_EQUAL(errors, 0);
	for (int i = 0; i < 40 && after <= before; i++) {
		sys_must(host, "usleep 500000");
		read_load(host, name, &after, &errors);
	}
	CU_ASSERT(after > before);
	CU_ASSERT_EQUAL(errors, 0);
	sys_contains(guest_must(host, name, "echo cpus=$(grep -c ^processor /proc/cpuinfo)"), "cpus=2");
	check_clock(host, name);
	guest_must(host, name, "diskcheck verify /dev/xvda 1 100 50");
}
