/* SPDX-License-Identifier: MIT */
/*
 * Two hosts with a disk that both see and a link: a guest at work moves between them while a third party talks to it;
 * and whatever breaks in the hand-over, a daemon, a whole host or the connection, exactly one host has the guest in the
 * end, with its memory whole.
 *
 * MIGRATIONS=N moves it N times in a row; POINTS=all tries all points of the hand-over instead of some.
 */
#include "audit.h"
#include "guests.h"
#include "load.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUEST_IP "10.77.0.50"

static const char *const host[2] = { "left", "right" };	/* 10.77.0.1 and .2: in the order of their names */
static struct lab_opts opts[2];
static int here;		/* where the guest is */

/* A file of zeroes for a disk. */
static const char *blank_disk(const char *name, long mib)
{
	char command[PATH_MAX + 64];
	const char *path = sys_tmp(name);

	snprintf(command, sizeof(command), "truncate -s %ldM '%s'", mib, path);
	CU_ASSERT_EQUAL(system(command), 0);
	return path;
}

/* What a host does after each of its starts: its journal on a disk that stays, its address on a bridge, its daemon. */
static void prepare(int h)
{
	/* Linux's netfront loses a MiB at each resume: many migrations need more than 128. */
	int mib = getenv("MIGRATIONS") ? 320 : 128;
	char path[PATH_MAX];

	load_prepare(host[h], mib, "vif = [ \"bridge=xenbr0\" ]\\ndisk = [ \"phy:/dev/vda,xvda,w\" ]");
	snprintf(path, sizeof(path), "%s/tests/system/numbers", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(host[h], path, "/usr/bin/numbers", &sys_err), "push"));
	sys_must(host[h], "modprobe ext4; mkdir -p /var/lib/xen-lite; mount -t ext4 /dev/vdb /var/lib/xen-lite; "
		 "link=$(ip -o -4 addr | sed -n 's/^[0-9]*: *\\([^ ]*\\) .*10\\.77\\..*/\\1/p'); "
		 "ip link add xenbr0 type bridge; ip addr flush dev $link; ip link set $link master xenbr0; "
		 "ip addr add 10.77.0.%d/24 dev xenbr0; ip link set xenbr0 up", h + 1);
}

/* xld anew, listening; with something to do at a point of the next migration. */
static void xld_restart_as(int h, const char *scheme, const char *point)
{
	char env[96], listen[64];

	snprintf(env, sizeof(env), "XLD_MIGRATE_POINT=%s", point);
	snprintf(listen, sizeof(listen), "--listen %s://10.77.0.%d", scheme, h + 1);
	load_xld_restart(host[h], env, listen);
}

static void xld_restart(int h, const char *point)
{
	xld_restart_as(h, "tcp", point);
}

static bool bring_up(int h)
{
	if (!sys_up(&opts[h]))
		return false;
	prepare(h);
	xld_restart(h, "");
	return true;
}

static void test_host(void)
{
	static char shared[PATH_MAX + 16];

	snprintf(shared, sizeof(shared), "%s,shared", blank_disk("shared.img", 32));
	for (int h = 0; h < 2; h++) {
		char command[PATH_MAX + 64];
		const char *own = blank_disk(h ? "right.img" : "left.img", 16);

		snprintf(command, sizeof(command), "mkfs.ext4 -q -F '%s'", own);
		CU_ASSERT_EQUAL_FATAL(system(command), 0);
		opts[h] = sys_opts(host[h]);
		opts[h].link = host[!h];
		opts[h].mem = 1536;
		opts[h].disks[0] = shared;
		opts[h].disks[1] = strdup(own);
		CU_ASSERT_FATAL(bring_up(h));
	}
	load_start(host[0], "g");
	guest_must(host[0], "g", "ip addr add " GUEST_IP "/24 dev eth0; ip link set eth0 up; numbers serve 77 >/dev/null 2>&1 &");
}

static void migrate(const char *options)
{
	printf(" %s", sys_must(host[here], "xl migrate %s g tcp://10.77.0.%d 2>&1", options, 2 - here));
	here = !here;
}

/* Answers and errors that a third party counts, which stays where it is. */
static void read_numbers(long *answers, long *errors, long *silent)
{
	*answers = *errors = *silent = -1;
	CU_ASSERT_EQUAL(sscanf(sys_must(host[0], "cat /tmp/numbers"), "%ld %ld %ld", answers, errors, silent), 3);
}

static void check_numbers(void)
{
	long before, after = 0, errors, silent;

	read_numbers(&before, &errors, &silent);
	for (int i = 0; i < 100 && after <= before; i++) {
		sys_must(host[0], "usleep 200000");
		read_numbers(&after, &errors, &silent);
	}
	CU_ASSERT(after > before);
	CU_ASSERT_EQUAL(errors, 0);
}

/* The same over TLS. */
static void over_tls(void)
{
	static const char *const files[] = { "ca.pem", "host.pem", "host.key" };

	sys_must(host[0], "xl pki init --host 10.77.0.1 --host 10.77.0.2 2>&1");
	sys_must(host[1], "mkdir -p /etc/xen-lite/pki");
	for (size_t i = 0; i < 3; i++) {
		char from[64], to[64];
		const char *local = sys_tmp(files[i]);

		snprintf(from, sizeof(from), "/etc/xen-lite/pki/10.77.0.2/%s", files[i]);
		snprintf(to, sizeof(to), "/etc/xen-lite/pki/%s", files[i]);
		CU_ASSERT(sys_ok(lab_pull(host[0], from, local, &sys_err), "pull"));
		CU_ASSERT(sys_ok(lab_push(host[1], local, to, &sys_err), "push"));
	}
	sys_must(host[1], "chmod 600 /etc/xen-lite/pki/host.key");
	xld_restart_as(0, "tls", "");
	xld_restart_as(1, "tls", "");
	printf(" %s", sys_must(host[here], "xl migrate --connections 3 g 10.77.0.%d 2>&1", 2 - here));
	here = !here;
	check_numbers();
	load_check(host[here], "g");
	xld_restart(0, "");
	xld_restart(1, "");
}

static void test_move(void)
{
	const char *times = getenv("MIGRATIONS");
	long answers, errors, silent;

	sys_must(host[0], "ping -c 1 -W 10 " GUEST_IP "; "
		 "numbers ask " GUEST_IP " 77 /tmp/numbers >/dev/null 2>&1 & sleep 1; cat /tmp/numbers");
	for (int i = 0; i < (times ? atoi(times) : 1); i++) {
		migrate("");
		check_numbers();
		load_check(host[here], "g");
	}
	over_tls();
	read_numbers(&answers, &errors, &silent);
	printf(" %ld answers, silent for %ld ms at most ", answers, silent);
	/* Each end knows that all is settled, and has nothing of it left. */
	for (int h = 0; h < 2; h++) {
		sys_contains(sys_must(host[h], "xl migrate-recover"), "no migration is open");
		sys_contains(sys_must(host[h], "ls /var/lib/xen-lite/migrations | wc -l"), "0");
	}
	sys_contains(sys_must(host[!here], "echo $(xl list | wc -l) lines"), "2 lines");
}

/* Both ends come to the same end of it. Sets here. */
static void settle(void)
{
	int lines[2] = { 0 };

	for (int i = 0; i < 600; i++) {
		bool open = false;

		for (int h = 0; h < 2; h++) {
			open |= !strstr(sys_must(host[h], "xl migrate-recover"), "no migration is open");
			lines[h] = atoi(sys_must(host[h], "xl list | wc -l"));
		}
		if (!open && lines[0] + lines[1] == 5)
			break;
		usleep(200000);
	}
	CU_ASSERT_EQUAL(lines[0] + lines[1], 5);	/* two heads, two dom0s, one guest */
	here = lines[1] == 3;
	sys_contains(sys_must(host[here], "xl list | tail -n 1"), "g  ");
	load_check(host[here], "g");
}

static bool reached(int h, const char *both)
{
	int status;

	sys_sh(host[h], &status, "grep -q 'point %s' /var/log/xen-lite/xld.log", both);
	return !status;
}

/*
 * At a point that the source or the target reaches: its xld dies, its connection ends, or its power goes. false: the
 * migration failed before.
 */
static bool fault_once(const char *point, const char *action)
{
	int h = strstr(point, "target") ? !here : here, status;
	bool power = !strcmp(action, "power"), there;
	char both[64];

	snprintf(both, sizeof(both), "%s:%s", point, power ? "hang" : action);
	xld_restart(h, both);
	sys_sh(host[here], &status, "xl migrate g tcp://10.77.0.%d >/tmp/out 2>&1 %s", 2 - here, power ? "&" : "");
	there = reached(h, both);
	for (int i = 0; power && !there && i < 600; i++) {
		usleep(200000);
		there = reached(h, both);
	}
	if (!there)
		printf("\n    %s was not reached: %s", both, sys_must(host[here], "cat /tmp/out"));
	if (power && there) {
		sys_down(host[h]);
		CU_ASSERT_FATAL(bring_up(h));
	} else {
		xld_restart(h, "");
	}
	settle();
	return there;
}

/* A host under load may lose a connection by itself: that is no fault of ours, and loses nothing. */
static void fault(const char *point, const char *action)
{
	bool there = false;

	for (int i = 0; i < 3 && !there; i++)
		there = fault_once(point, action);
	CU_ASSERT(there);
}

struct fault {
	const char *point, *action;
	bool always;
};

static void test_faults(void)
{
	static const struct fault faults[] = {
		{ "source-accepted", "kill", false }, { "source-sent", "kill", true },
		{ "source-prepared", "kill", false }, { "source-given", "kill", true },
		{ "source-told", "kill", false }, { "source-started", "kill", false },
		{ "source-alive", "kill", false }, { "target-received", "kill", false },
		{ "target-prepared", "kill", true }, { "target-waits", "kill", false },
		{ "target-given", "kill", false }, { "target-started", "kill", true },
		{ "target-runs", "kill", false }, { "target-told", "kill", false },
		{ "source-sent", "cut", false }, { "source-prepared", "cut", false },
		{ "source-given", "cut", true }, { "source-told", "cut", false },
		{ "target-received", "cut", false }, { "target-prepared", "cut", false },
		{ "target-waits", "cut", true }, { "target-given", "cut", false }, { "target-runs", "cut", false },
		{ "target-received", "power", false }, { "target-prepared", "power", false },
		{ "target-waits", "power", false }, { "target-given", "power", false },
		{ "source-prepared", "power", true }, { "source-given", "power", false },
		{ "source-told", "power", false }, { "source-started", "power", false },
	};
	const char *which = getenv("POINTS");

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const struct fault *f = &faults[i];
		char name[64];

		snprintf(name, sizeof(name), "%s:%s", f->point, f->action);
		if (which ? !strcmp(which, "all") || strstr(which, name) : f->always) {
			printf(" %s", name);
			fflush(stdout);
			fault(f->point, f->action);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "host", test_host }, { "move", test_move }, { "faults", test_faults },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
