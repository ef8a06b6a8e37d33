/* SPDX-License-Identifier: MIT */
/*
 * Migration on one host (`xl migrate DOMAIN localhost`): a guest at work moves and goes on; what is refused is refused
 * before anything has happened; a cancel gives it back; a balloon may move meanwhile; and when xld is killed at any
 * point of the hand-over there is one guest afterwards, with its memory whole. test_hosts does the same between two
 * hosts.
 */
#include "audit.h"
#include "guests.h"
#include "load.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define H "move"

/* Of XLD_MIGRATE_POINT, in the order in which they are reached. */
static const char *const points[] = {
	"source-accepted", "source-sent", "target-received", "target-prepared", "target-waits", "source-prepared",
	"source-given", "source-told", "target-given", "target-started", "target-runs", "target-told", "source-started",
	"source-alive",
};
#define NR_POINTS (sizeof(points) / sizeof(points[0]))

static void test_host(void)
{
	struct lab_opts o = sys_opts(H);

	o.smp = 2;
	CU_ASSERT_FATAL(sys_up(&o));
	audit_prepare(H);
	sys_must(H, "ip link add xenbr0 type bridge; ip link set xenbr0 up; mkdir -p /run/disk; "
		 "truncate -s 32M /run/disk/d.img");
	load_prepare(H, 128, "vif = [ \"bridge=xenbr0\" ]\\ndisk = [ \"/run/disk/d.img,raw,xvda,rw\" ]");
	/* Once, so that what is made once and kept is there when counting begins. */
	guest_boot(H, "g");
	sys_must(H, "xl migrate g localhost; xl destroy g");
	audit_begin(H);
}

static void test_move(void)
{
	const char *mac = "ip link show eth0 | sed -n 's/.*ether \\([^ ]*\\).*/\\1/p'";
	char before[64];

	load_start(H, "g");
	snprintf(before, sizeof(before), "%.60s", guest_must(H, "g", "%s; echo said-before", mac));
	for (int i = 0; i < 2; i++) {
		sys_contains(sys_must(H, "xl migrate %s g localhost 2>&1", i ? "--compress=lz4" : ""), "g: moved to ");
		load_check(H, "g");
	}
	/* Its network has the same address, its log what it said before it moved. */
	sys_contains(guest_must(H, "g", "%s", mac), strtok(before, "\n"));
	sys_contains(sys_must(H, "grep said-before /var/log/xen/console/guest-g.log | tail -n 1"), "said-before");
	sys_contains(sys_must(H, "xl jobs"), "migrate  done");
	sys_contains(sys_must(H, "xl migrate --connections 4 g localhost 2>&1"), "g: moved to ");
	load_check(H, "g");
	sys_must(H, "xl migrate -p --compress=zstd g localhost");
	sys_contains(sys_must(H, "xl list g | tail -n 1"), "--p---");
	sys_must(H, "xl unpause g");
	load_check(H, "g");
	sys_must(H, "xl shutdown -w g");
	audit_end(H);
}

static void test_refused(void)
{
	load_start(H, "g");
	sys_contains(sys_must(H, "xl -N migrate g localhost"), "would take it");
	guest_refused(H, 1, "no domain with this name", "xl migrate nobody localhost 2>&1");
	guest_refused(H, 1, "cannot connect", "xl migrate g tcp://127.0.0.1:9 2>&1");
	guest_refused(H, 2, "cancel, pause or throttle", "xl migrate --on-timeout=hope g localhost 2>&1");
	guest_refused(H, 2, "none, lz4 or zstd", "xl migrate --compress=gzip g localhost 2>&1");
	guest_refused(H, 2, "there is no -s", "xl migrate -s ssh g localhost 2>&1");
	guest_refused(H, 1, "17 connections, 16 at most", "xl migrate --connections 17 g localhost 2>&1");
	/* Not enough memory for a second one, while it runs on. */
	sys_must(H, "sed 's/memory = 128/memory = 4000/' /root/g.cfg >/root/big.cfg");
	guest_refused(H, 1, "not enough memory", "xl migrate -C /root/big.cfg g localhost 2>&1");
	sys_must(H, "sed 's/bridge=xenbr0/bridge=nowhere/' /root/g.cfg >/root/lost.cfg");
	guest_refused(H, 1, "nowhere", "xl migrate -C /root/lost.cfg g localhost 2>&1");
	sys_must(H, "xl pause g");
	guest_refused(H, 1, "paused", "xl migrate g localhost 2>&1");
	sys_must(H, "xl unpause g");
	load_check(H, "g");
	/* Somebody stops it. */
	sys_contains(sys_must(H, "xl migrate --bandwidth 4096 g localhost 2>&1 & "
			      "until xl jobs | grep -q 'round 1: [1-9]'; do usleep 200000; done; xl cancel g; wait; xl jobs"),
		     "cancelled");
	load_check(H, "g");
	/* Who asked goes away. */
	sys_must(H, "xl migrate --bandwidth 4096 g localhost 2>&1 & p=$!; "
		 "until xl jobs | grep -q 'round 1: [1-9]'; do usleep 200000; done; kill $p");
	load_check(H, "g");
	/* It is too busy, and may be neither stopped for long nor slowed down. */
	guest_refused(H, 1, "it would stand still", "xl migrate --max-downtime 1 --on-timeout cancel g localhost 2>&1");
	load_check(H, "g");
	sys_must(H, "xl destroy g");
	audit_end(H);
}

/* Its balloon goes up and down all the time, behind xld's back. */
static void test_balloon(void)
{
	const char *out;

	load_start(H, "g");
	sys_must(H, "d=/local/domain/$(xl domid g); echo $d >/run/old; (while xenstore-exists $d/name; do "
		 "xenstore-write $d/memory/target 120832; sleep 1; xenstore-write $d/memory/target 131072; sleep 1; "
		 "done) >/dev/null 2>&1 & echo $! >/run/balloon");
	out = sys_must(H, "xl -v migrate g localhost 2>&1");
	sys_contains(out, "g: its memory map changed ");
	sys_contains(out, "g: moved to ");
	/* A last word to a domain that has gone makes its node anew. */
	sys_must(H, "kill $(cat /run/balloon); sleep 1; xenstore-rm $(cat /run/old) 2>/dev/null; "
		 "rm /run/old /run/balloon");
	load_check(H, "g");
	sys_must(H, "for i in $(seq 100); do xl list g | grep -q ' 128 ' && break; usleep 200000; done; xl list g");
	sys_contains(sys_must(H, "xl list g | tail -n 1"), " 128 ");
	load_check(H, "g");
	sys_must(H, "xl destroy g");
	audit_end(H);
}

/* xld anew, to do something at a point of the next migration, or as usual. */
static void xld_restart(const char *point)
{
	char env[96];

	snprintf(env, sizeof(env), "XLD_MIGRATE_POINT=%s", point);
	load_xld_restart(H, env, "");
}

static void fault_at(const char *point, const char *action)
{
	char both[64];
	int status;

	snprintf(both, sizeof(both), "%s:%s", point, action);
	xld_restart(both);
	sys_sh(H, &status, "xl migrate g localhost 2>&1");
	sys_contains(sys_must(H, "grep -c 'point %s' /var/log/xen-lite/xld.log", both), "1");
	xld_restart("");
	sys_must(H, "for i in $(seq 300); do xl migrate-recover | grep -q 'no migration is open' && "
		 "[ $(xl list | wc -l) = 3 ] && break; usleep 200000; done; xl migrate-recover; xl list");
	sys_contains(sys_must(H, "xl migrate-recover"), "no migration is open");
	sys_contains(sys_must(H, "xl list | sed 1,2d"), "g  ");
	sys_contains(sys_must(H, "echo $(xl list | wc -l) lines"), "3 lines");
	load_check(H, "g");
}

static void test_faults(void)
{
	static const char *const some[] = { "source-sent", "source-given", "target-prepared", "target-started" };
	const char *which = getenv("POINTS");

	load_start(H, "g");
	for (size_t i = 0; which && i < NR_POINTS; i++)
		if (!strcmp(which, "all") || strstr(which, points[i]))
			fault_at(points[i], "kill");
	for (size_t i = 0; !which && i < sizeof(some) / sizeof(some[0]); i++)
		fault_at(some[i], "kill");
	sys_must(H, "xl destroy g");
	audit_end(H);
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "host", test_host }, { "move", test_move }, { "refused", test_refused },
		{ "balloon", test_balloon }, { "faults", test_faults },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
