/* SPDX-License-Identifier: MIT */
/* A guest at work: load.h. */
#include "load.h"

#include <limits.h>
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

/*
 * By how much the guest's clock is ahead of ours, at least and at most: asking takes a while. A guest that had no time
 * for its first ticks has a clock that is behind from its boot on, and keeps the difference.
 */
struct offset {
	long least, most;
};

static struct offset read_clock(const char *host, const char *name)
{
	long before = strtol(sys_must(host, "date +%%s"), NULL, 10), after, clock = 0, coarse;

	CU_ASSERT_EQUAL(sscanf(guest_must(host, name, "memload clock"), "%ld %ld", &clock, &coarse), 2);
	after = strtol(sys_must(host, "date +%%s"), NULL, 10);
	return (struct offset){ clock - after, clock - before };
}

static struct offset at_start;

/* It is as far from ours as it was at the start, give or take two seconds. */
static void check_clock(const char *host, const char *name)
{
	struct offset now = read_clock(host, name);
	bool same = now.least <= at_start.most + 2 && now.most >= at_start.least - 2;

	if (!same)
		printf("\n    the guest's clock is %ld to %ld s ahead of ours, at its start it was %ld to %ld s\n", now.least,
		       now.most, at_start.least, at_start.most);
	CU_ASSERT(same);
}

void load_prepare(const char *host, int mib, const char *lines)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/guest-save.cpio", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(host, path, "/root/save.initramfs", &sys_err), "push"));
	sys_must(host, "printf 'name = \"g\"\\nkernel = \"/root/guest/vmlinuz\"\\nramdisk = \"/root/save.initramfs\"\\n"
		 "extra = \"console=hvc0 lab.batch\"\\nmemory = %d\\nvcpus = 2\\n%s\\n' >/root/g.cfg", mib, lines);
}

void load_xld_restart(const char *host, const char *env, const char *options)
{
	sys_must(host, "p=$(pidof xld | tr ' ' '\\n' | sort -n | head -n 1); [ -z \"$p\" ] || { kill $p; "
		 "while kill -0 $p 2>/dev/null; do usleep 20000; done; }; rm -f /run/xen-lite/xld.pid; "
		 "%s xld --daemon --pid-file /run/xen-lite/xld.pid %s", env, options);
}

void load_start(const char *host, const char *name)
{
	guest_boot(host, name);
	guest_must(host, name, "memload 8 /tmp/m1 20000 & memload 8 /tmp/m2 20000 & sleep 1; diskcheck write /dev/xvda 1 100 50");
	at_start = read_clock(host, name);
	if (at_start.most < -1 || at_start.least > 1)
		printf("\n    (the guest's clock is %ld to %ld s ahead of ours from its boot on)\n", at_start.least, at_start.most);
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
