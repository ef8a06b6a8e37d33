/* SPDX-License-Identifier: MIT */
/*
 * Guests, from the command that makes one to the last trace of it: a stock kernel to its shell, time, memory, every way
 * to an end, and what happens with input that makes no guest. One host serves all tests; each leaves it as it was.
 */
#include "sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST	"g"
#define LOG	"/var/log/xen/console/guest-%s.log"

/* Make /root/NAME.cfg: the example guest under another name, with more lines. */
static void make_config(const char *name, const char *more)
{
	sys_must(HOST, "sed 's/^name .*/name = \"%s\"/' /root/guest/guest.cfg >/root/%s.cfg; echo '%s' >>/root/%s.cfg",
		 name, name, more, name);
}

static bool wait_in_log(const char *name, const char *text, int seconds)
{
	int status;

	sys_sh(HOST, &status, "for i in $(seq %d); do grep -q '%s' " LOG " 2>/dev/null && exit 0; usleep 200000; done; "
	       "tail -n 5 " LOG "; exit 1", seconds * 5, text, name, name);
	if (status)
		printf("\n    '%s' did not appear on the console of %s\n", text, name);
	CU_ASSERT_EQUAL(status, 0);
	return !status;
}

static bool create(const char *name, const char *more)
{
	int status;
	const char *out;

	make_config(name, more);
	out = sys_sh(HOST, &status, "xl create /root/%s.cfg", name);
	if (status)
		printf("\n    xl create: %s\n", out);
	CU_ASSERT_EQUAL(status, 0);
	return !status;
}

/* Create and wait for its shell. */
static bool boot(const char *name, const char *more)
{
	return create(name, more) && wait_in_log(name, "^guest: up", 280);
}

/* Type a line at the guest's console. */
static void type_line(const char *name, const char *line)
{
	sys_sh(HOST, NULL, "(sleep 1; echo '%s'; sleep 1) | timeout 4 xl console %s >/dev/null", line, name);
}

static void expect_gone(const char *name)
{
	int status;

	sys_sh(HOST, &status, "for i in $(seq 100); do xl domid %s 2>/dev/null || exit 0; usleep 200000; done; exit 1",
	       name);
	CU_ASSERT_EQUAL(status, 0);
	/* Nothing of it in the store either. */
	sys_contains(sys_must(HOST, "xl list | tail -n +3 | wc -l"), "0");
	sys_contains(sys_must(HOST, "ls /proc/1 >/dev/null; xl list"), "Domain-0");
}

static void destroy(const char *name)
{
	sys_must(HOST, "xl destroy %s", name);
	expect_gone(name);
}

static void test_host(void)
{
	struct lab_opts o = sys_opts(HOST);

	CU_ASSERT_FATAL(sys_up(&o));
	sys_contains(sys_must(HOST, "xl list"), "Domain-0");
}

/* A stock kernel to its shell; what it sees; what the tools say of it. */
static void test_create(void)
{
	const char *line;
	long kib = 0;
	int cpus = 0;

	if (!boot("guest", ""))
		return;
	line = sys_must(HOST, "grep '^guest: up' " LOG " | sed 's/.* s, //'", "guest");
	CU_ASSERT_EQUAL(sscanf(line, "%ld kB of memory, %d cpu", &kib, &cpus), 2);
	/* 128 MiB less the kernel's own text, data and tables. */
	CU_ASSERT(kib > 70 * 1024 && kib < 128 * 1024);
	CU_ASSERT_EQUAL(cpus, 1);
	sys_contains(sys_must(HOST, "head -n 1 " LOG, "guest"), "Linux version");
	sys_contains(sys_must(HOST, "xl list guest | tail -n 1 | awk '{ print $1, $3, $4 }'"), "guest 128 1");
	sys_contains(sys_must(HOST, "xl domname $(xl domid guest)"), "guest");
	sys_contains(sys_must(HOST, "xl uptime guest"), "guest");
	sys_contains(sys_must(HOST, "xl list -l guest"), "\"guest\"");
	/* Its console, both ways. */
	type_line("guest", "echo con$((40+2))sole");
	wait_in_log("guest", "^con42sole", 20);
}

/* Until the guest has printed its next line of that kind. */
static void wait_for_tick(void)
{
	sys_must(HOST, "n=$(grep -c ^T1 " LOG "); while [ $(grep -c ^T1 " LOG ") = $n ]; do usleep 20000; done", "guest",
		 "guest");
}

/* 30 s by the guest's clocks are 30 s by ours, within 1 %. */
static void test_time(void)
{
	double start, up0 = 0, up1 = 0, wall0 = 0, wall1 = 0, took;
	const char *line;

	type_line("guest", "while :; do echo T1 $(cut -d\" \" -f1 /proc/uptime) $(date +%s); sleep 30; done");
	if (!wait_in_log("guest", "^T1", 20))
		return;
	/* The next two of these lines, seen from outside. */
	wait_for_tick();
	start = sys_seconds();
	line = sys_must(HOST, "grep ^T1 " LOG " | tail -n 1", "guest");
	CU_ASSERT_EQUAL(sscanf(line, "T1 %lf %lf", &up0, &wall0), 2);
	wait_for_tick();
	took = sys_seconds() - start;
	line = sys_must(HOST, "grep ^T1 " LOG " | tail -n 1", "guest");
	CU_ASSERT_EQUAL(sscanf(line, "T1 %lf %lf", &up1, &wall1), 2);
	printf("%.2f s outside, %.2f s by its uptime ... ", took, up1 - up0);
	CU_ASSERT(up1 - up0 > took * 0.99 && up1 - up0 < took * 1.01);
	CU_ASSERT(wall0 > 1.7e9);
	CU_ASSERT(wall1 - wall0 > took * 0.99 - 1 && wall1 - wall0 < took * 1.01 + 1);
}

static void test_pause(void)
{
	int before, after;

	sys_must(HOST, "xl pause guest");
	sys_contains(sys_must(HOST, "xl list guest | tail -n 1"), "p---");
	before = atoi(sys_must(HOST, "stat -c %%s " LOG, "guest"));
	type_line("guest", "echo while paused");
	after = atoi(sys_must(HOST, "stat -c %%s " LOG, "guest"));
	CU_ASSERT_EQUAL(before, after);
	sys_must(HOST, "xl unpause guest");
	sys_contains(sys_must(HOST, "xl list guest | tail -n 1"), "guest");
}

static void test_shutdown(void)
{
	sys_must(HOST, "xl shutdown -w guest");
	wait_in_log("guest", "reboot: ", 5);
	expect_gone("guest");
}

static void test_reboot(void)
{
	int id;

	if (!boot("again", ""))
		return;
	id = atoi(sys_must(HOST, "xl domid again"));
	sys_must(HOST, "rm -f " LOG "; xl reboot again", "again");
	sys_must(HOST, "for i in $(seq 300); do [ \"$(xl domid again 2>/dev/null || echo %d)\" -gt %d ] && exit 0; "
		 "usleep 200000; done; xl list; exit 1", id, id);
	wait_in_log("again", "^guest: up", 280);
	destroy("again");
}

static void test_destroy_any_state(void)
{
	/* Never run. */
	sys_must(HOST, "xl create -p /root/guest/guest.cfg");
	sys_contains(sys_must(HOST, "xl list guest | tail -n 1"), "p---");
	destroy("guest");
	/* While it is being built. */
	sys_must(HOST, "xl create /root/guest/guest.cfg >/dev/null 2>&1 & "
		 "for i in $(seq 100); do xl domid guest 2>/dev/null && break; usleep 20000; done; "
		 "xl destroy guest; wait; xl destroy guest 2>/dev/null; true");
	expect_gone("guest");
	/* Early in its boot, and paused. */
	if (create("early", "")) {
		sys_must(HOST, "usleep 500000; xl pause early");
		destroy("early");
	}
	/* Twice at once: one of them finds it dying. */
	if (create("twice", "")) {
		sys_must(HOST, "usleep 500000; xl destroy twice 2>/dev/null & xl destroy twice 2>/dev/null; wait; "
			 "true");
		expect_gone("twice");
	}
}

/* A crashed guest shows why, dom0 does not notice, and it can be destroyed like any other. */
static void test_crash(void)
{
	const char *out;

	if (!boot("crash", "on_crash = \"preserve\""))
		return;
	type_line("crash", "echo c >/proc/sysrq-trigger");
	sys_must(HOST, "for i in $(seq 100); do xl list crash | tail -n 1 | grep -q 'c-' && exit 0; usleep 200000; done; "
		 "exit 1");
	out = sys_must(HOST, "xl list crash | tail -n 1");
	printf("%s ... ", out + 60);
	CU_ASSERT(strlen(out) > 75);
	CU_ASSERT_NOT_EQUAL(atoi(sys_must(HOST, "xl dmesg | grep -ci 'd[0-9]*.*crash'")), 0);
	destroy("crash");
	sys_contains(sys_must(HOST, "dmesg | grep -ci 'oops\\|bug:\\|call trace'; true"), "0");
}

/* Input that makes no guest: an error that names the cause, and nothing left behind. */
static void expect_no_guest(const char *why)
{
	const char *out;
	int status;

	out = sys_sh(HOST, &status, "xl create /root/bad.cfg");
	CU_ASSERT(status > 0 && status < 124);
	sys_contains(out, why);
	expect_gone("bad");
}

static void test_bad_input(void)
{
	int nodes = atoi(sys_must(HOST, "xenstore-ls / | wc -l"));

	make_config("bad", "memory = \"lots\"");
	expect_no_guest("/root/bad.cfg:");
	make_config("bad", "memory = [");
	expect_no_guest("/root/bad.cfg:");
	make_config("bad", "kernel = \"/no/such/kernel\"");
	expect_no_guest("/no/such/kernel");
	sys_must(HOST, "head -c 1000000 /dev/urandom >/root/garbage; head -c 3000000 /root/guest/vmlinuz >/root/cut");
	make_config("bad", "kernel = \"/root/garbage\"");
	expect_no_guest("/root/garbage");
	make_config("bad", "kernel = \"/root/cut\"");
	expect_no_guest("/root/cut");
	make_config("bad", "memory = 100000");
	expect_no_guest("memory");
	/* A key that nobody knows is a warning. */
	make_config("warn", "colour = \"blue\"");
	sys_contains(sys_must(HOST, "xl create -p /root/warn.cfg 2>&1"), "colour");
	destroy("warn");
	sys_must(HOST, "rm -f /root/garbage /root/cut");
	CU_ASSERT_EQUAL(atoi(sys_must(HOST, "xenstore-ls / | wc -l")), nodes);
	sys_contains(sys_must(HOST, "xl list -l nobody 2>&1; xl destroy nobody 2>&1; true"), "nobody");
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "host", test_host }, { "create", test_create }, { "time", test_time }, { "pause", test_pause },
		{ "shutdown", test_shutdown }, { "reboot", test_reboot },
		{ "destroy in any state", test_destroy_any_state }, { "crash", test_crash },
		{ "bad input", test_bad_input },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
