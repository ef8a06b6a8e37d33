/* SPDX-License-Identifier: MIT */
/*
 * Create, boot, destroy, over and over: afterwards the hypervisor's free memory (to the page), the store, the daemons'
 * descriptors, dom0's event channels, ptys and processes are what they were before.
 *
 * CYCLES in the environment sets the number (20 in `make check`, 200 in `make soak`); every tenth is a stock kernel
 * that boots to its shell and is shut down, the others are tiny guests, some of them destroyed half way.
 */
#include "sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST "leaks"

struct count {
	const char *what, *command;
	long before;
};

static struct count counts[] = {
	{ "free pages", "leak_probe | sed -n 's/free_pages //p'", 0 },
	{ "pages that nobody has", "leak_probe | sed -n 's/lost_pages //p'", 0 },
	{ "pages of the hypervisor", "leak_probe | sed -n 's/hypervisor_pages //p'", 0 },
	{ "domains", "leak_probe | sed -n 's/domains //p'", 0 },
	{ "event channels of dom0", "leak_probe | sed -n 's/ports //p'", 0 },
	{ "nodes of the store", "xenstore-ls / | wc -l", 0 },
	{ "descriptors of xenstored", "ls /proc/$(pidof xenstored)/fd | wc -l", 0 },
	{ "descriptors of xenconsoled", "ls /proc/$(pidof xenconsoled)/fd | wc -l", 0 },
	{ "descriptors of xld", "ls /proc/$(pidof xld)/fd | wc -l", 0 },
	{ "ptys", "ls /dev/pts | wc -l", 0 },
	{ "processes", "ps | grep -vc '\\['", 0 },
};

#define COUNTS (sizeof(counts) / sizeof(counts[0]))

static int cycles(void)
{
	return getenv("CYCLES") ? atoi(getenv("CYCLES")) : 20;
}

static long take(const struct count *c)
{
	return strtol(sys_must(HOST, "%s", c->command), NULL, 10);
}

/* The tiny guest prints a line and ends by itself; half of them are ended earlier. */
static void tiny_cycle(int i)
{
	int status;
	const char *out = sys_sh(HOST, &status, "xl create /root/tiny.cfg 2>&1");

	if (status)
		printf("\n    cycle %d: xl create: %s\n", i, out);
	CU_ASSERT_EQUAL(status, 0);
	if (i % 2)
		sys_sh(HOST, NULL, "xl destroy tiny 2>/dev/null");
}

static void stock_cycle(int i)
{
	int status;

	sys_must(HOST, "rm -f /var/log/xen/console/guest-guest.log; xl create /root/guest/guest.cfg 2>&1");
	sys_sh(HOST, &status, "for i in $(seq 1400); do "
	       "grep -q '^guest: up' /var/log/xen/console/guest-guest.log 2>/dev/null && exit 0; usleep 200000; done; exit 1");
	CU_ASSERT_EQUAL(status, 0);
	sys_must(HOST, i % 20 ? "xl shutdown -w guest 2>&1" : "xl destroy guest 2>&1");
}

static void all_gone(void)
{
	int status;

	sys_sh(HOST, &status, "for i in $(seq 150); do [ $(xl list | wc -l) = 2 ] && exit 0; usleep 200000; done; "
	       "xl list; exit 1");
	CU_ASSERT_EQUAL(status, 0);
}

static void test_host(void)
{
	struct lab_opts o = sys_opts(HOST);
	char path[4200];

	CU_ASSERT_FATAL(sys_up(&o));
	snprintf(path, sizeof(path), "%s/tests/guest/version/version", lab_build_dir());
	sys_ok(lab_push(HOST, path, "/root/tiny", &sys_err), "push");
	snprintf(path, sizeof(path), "%s/tests/system/leak_probe", lab_build_dir());
	sys_ok(lab_push(HOST, path, "/usr/bin/leak_probe", &sys_err), "push");
	sys_must(HOST, "printf 'name = \"tiny\"\\nkernel = \"/root/tiny\"\\nmemory = 16\\non_poweroff = \"destroy\"\\n"
		 "on_crash = \"destroy\"\\n' >/root/tiny.cfg");
	/* One of each, so that what is allocated once and kept is there when counting begins. */
	tiny_cycle(0);
	all_gone();
	tiny_cycle(1);
	all_gone();
	stock_cycle(1);
	all_gone();
}

static void test_cycles(void)
{
	for (size_t i = 0; i < COUNTS; i++)
		counts[i].before = take(&counts[i]);
	for (int i = 1; i <= cycles(); i++) {
		if (i % 10)
			tiny_cycle(i);
		else
			stock_cycle(i);
		all_gone();
	}
	for (size_t i = 0; i < COUNTS; i++) {
		long after = take(&counts[i]);

		/* Scrubbing and the last steps of a death may lag behind. */
		for (int tries = 0; after != counts[i].before && tries < 20; tries++) {
			usleep(250000);
			after = take(&counts[i]);
		}
		if (after != counts[i].before)
			printf("\n    %s: %ld before, %ld after %d cycles\n", counts[i].what, counts[i].before, after,
			       cycles());
		CU_ASSERT_EQUAL(after, counts[i].before);
	}
	/* A count that is 0 counts nothing. */
	for (size_t i = 0; i < COUNTS; i++)
		CU_ASSERT(counts[i].before > 0);
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = { { "host", test_host }, { "cycles", test_cycles } };

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
