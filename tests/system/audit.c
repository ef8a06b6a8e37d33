/* SPDX-License-Identifier: MIT */
/* The leak audit (audit.h). A count is the output of a line for dom0's shell. */
#include "audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys.h"

static struct count {
	const char *what, *command;
	long least;		/* a count that is 0 counts nothing */
	long before;
} counts[] = {
	{ "free pages", "leak_probe | sed -n 's/free_pages //p'", 1, 0 },
	{ "pages that nobody has", "leak_probe | sed -n 's/lost_pages //p'", 0, 0 },
	{ "pages of the hypervisor", "leak_probe | sed -n 's/hypervisor_pages //p'", 1, 0 },
	{ "domains", "leak_probe | sed -n 's/domains //p'", 1, 0 },
	{ "event channels of dom0", "leak_probe | sed -n 's/ports //p'", 1, 0 },
	{ "nodes of the store", "xenstore-ls / | wc -l", 1, 0 },
	{ "descriptors of xenstored", "ls /proc/$(pidof xenstored)/fd | wc -l", 1, 0 },
	{ "descriptors of xenconsoled", "ls /proc/$(pidof xenconsoled)/fd | wc -l", 1, 0 },
	{ "descriptors of xld", "ls /proc/$(pidof xld)/fd | wc -l", 1, 0 },
	{ "ptys", "ls /dev/pts | wc -l", 1, 0 },
	{ "processes", "ps | grep -vc '\\['", 1, 0 },
};

#define COUNTS (sizeof(counts) / sizeof(counts[0]))

static long take(const char *host, const struct count *c)
{
	return strtol(sys_must(host, "%s", c->command), NULL, 10);
}

void audit_prepare(const char *host)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/tests/system/leak_probe", lab_build_dir());
	sys_ok(lab_push(host, path, "/usr/bin/leak_probe", &sys_err), "push");
}

void audit_begin(const char *host)
{
	usleep(1500000);		/* a pty whose domain is gone may stay for a second */
	for (size_t i = 0; i < COUNTS; i++) {
		counts[i].before = take(host, &counts[i]);
		CU_ASSERT(counts[i].before >= counts[i].least);
	}
}

void audit_end(const char *host)
{
	for (size_t i = 0; i < COUNTS; i++) {
		long after = take(host, &counts[i]);

		/* Scrubbing and the last steps of a death may lag behind. */
		for (int tries = 0; after != counts[i].before && tries < 20; tries++) {
			usleep(250000);
			after = take(host, &counts[i]);
		}
		if (after != counts[i].before)
			printf("\n    %s: %ld before, %ld after\n", counts[i].what, counts[i].before, after);
		CU_ASSERT_EQUAL(after, counts[i].before);
	}
}
