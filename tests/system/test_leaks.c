/* SPDX-License-Identifier: MIT */
/*
 * Create, boot, destroy, over and over: afterwards the hypervisor's free memory (to the page), the store, the daemons'
 * descriptors, dom0's event channels, ptys and processes are what they were before.
 *
 * CYCLES in the environment sets the number (20 in `make check`, 200 in `make soak`); every tenth is a stock kernel
 * that boots to its shell and is shut down, the others are tiny guests, some of them destroyed half way.
 */
#include "audit.h"
#include "sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST "leaks"

static int cycles(void)
{
	return getenv("CYCLES") ? atoi(getenv("CYCLES")) : 20;
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
	audit_prepare(HOST);
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
	audit_begin(HOST);
	for (int i = 1; i <= cycles(); i++) {
		if (i % 10)
			tiny_cycle(i);
		else
			stock_cycle(i);
		all_gone();
	}
	audit_end(HOST);
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = { { "host", test_host }, { "cycles", test_cycles } };

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
