/* SPDX-License-Identifier: MIT */
/*
 * The daemons of dom0, and the library below them, under guests that play foul, terminals that nobody reads, and
 * sudden death: tests/guest/hostile_rings does what it can to xenstored and xenconsoled; afterwards both are the same
 * processes, have not grown, and answer.
 */
#include "sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H "dm"
#define LOG "/var/log/xen/console/guest-%s.log"
#define TTY "$(xenstore read /local/domain/$(xl domid guest)/console/tty)"
#define WAIT_LOG "for i in $(seq 300); do grep -q '%s' " LOG " 2>/dev/null && exit 0; usleep 200000; done; exit 1"

static void test_up(void)
{
	struct lab_opts o = sys_opts(H);
	char image[512];

	CU_ASSERT_FATAL(sys_up(&o));
	snprintf(image, sizeof(image), "%s/tests/guest/hostile_rings/hostile_rings", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, image, "/root/rings", &sys_err), "push"));
	sys_must(H, "printf 'name=\"rings\"\\nkernel=\"/root/rings\"\\nmemory=16\\n' >/root/rings.cfg");
	/* Once, so that whatever is made at first use is there. */
	sys_must(H, "xl create -q -p /root/rings.cfg && xl destroy rings");
}

/* Every call of the library that all of them stand on. */
static void test_xenctl(void)
{
	char probe[512];

	snprintf(probe, sizeof(probe), "%s/tests/system/xenctl_probe", lab_build_dir());
	if (sys_ok(lab_push(H, probe, "/root/xenctl_probe", &sys_err), "push"))
		sys_contains(sys_must(H, "/root/xenctl_probe"), "0 failures");
}

/* What must be the same afterwards. */
static const char *audit(void)
{
	return sys_must(H, "for d in xenstored xenconsoled; do p=$(pidof $d); "
			"echo $d $p $(ls /proc/$p/fd | wc -l); done; "
			"xenstore control check; xenstore control info | grep -v requests; ls /dev/pts | wc -l");
}

/* Resident memory of a daemon, KiB. */
static int memory_of(const char *daemon)
{
	return atoi(sys_must(H, "sed -n 's/^VmHWM:[^0-9]*//p' /proc/$(pidof %s)/status", daemon));
}

static void test_hostile_rings(void)
{
	static char before[1024];
	const char *after;

	snprintf(before, sizeof(before), "%s", audit());
	sys_must(H, "xl create -q /root/rings.cfg");
	/* Meanwhile others are served: each of these must come back within its second. */
	sys_must(H, "for i in $(seq 120); do timeout 5 xenstore write /test/alive $i && "
		 "[ \"$(timeout 5 xenstore read /test/alive)\" = $i ] || exit 1; "
		 "xenstore exists /local/domain/$(xl domid rings)/data/result && exit 0; sleep 1; done; exit 1");
	sys_contains(sys_must(H, "xenstore read /local/domain/$(xl domid rings)/data/result; cat " LOG "* | "
			      "tr -d '\\000' | grep FAIL; true", "rings"), "PASS");
	sys_contains(sys_must(H, "cat " LOG "* | tr -d '\\000' | grep hostile_rings", "rings"), "store done");
	CU_ASSERT(memory_of("xenstored") < 24 * 1024);
	CU_ASSERT(memory_of("xenconsoled") < 8 * 1024);
	sys_must(H, "xl destroy rings; xenstore rm /test; sleep 1");
	after = audit();
	if (strcmp(after, before))
		printf("\n    before:\n%s    after:\n%s", before, after);
	CU_ASSERT_STRING_EQUAL(after, before);
}

/*
 * The same for the back ends of a disk and a network: dom0's kernel does not complain of itself, xld is the same
 * process and can list, take away and give what the guest has written nonsense about.
 */
static void test_hostile_front(void)
{
	static char before[256];
	const char *audit_xld = "echo $(pidof xld) $(ls /proc/$(pidof xld)/fd | wc -l); ls /sys/bus/xen-backend/devices; "
				"ls /sys/block | grep -c loop; ls /run/xen-lite/domains | wc -l";
	char image[512];

	snprintf(image, sizeof(image), "%s/tests/guest/hostile_front/hostile_front", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, image, "/root/front", &sys_err), "push"));
	sys_must(H, "truncate -s 8M /root/small; ip link add xenbr0 type bridge; ip link set xenbr0 up; "
		 "printf 'name=\"front\"\nkernel=\"/root/front\"\nmemory=16\ndisk=[\"/root/small,raw,xvda\"]\n"
		 "vif=[%s]\n' >/root/front.cfg; xl create -q -p /root/front.cfg && xl destroy front",
		 "\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"");
	snprintf(before, sizeof(before), "%s", sys_must(H, "%s", audit_xld));
	sys_must(H, "xl create -q /root/front.cfg");
	sys_must(H, "for i in $(seq 200); do timeout 5 xl block-list front >/dev/null || exit 1; "
		 "timeout 5 xl network-list front >/dev/null || exit 1; "
		 "xenstore exists /local/domain/$(xl domid front)/data/result && exit 0; sleep 1; done; exit 1");
	sys_contains(sys_must(H, "xenstore read /local/domain/$(xl domid front)/data/result; cat " LOG " | "
			      "tr -d '\\000' | grep FAIL; true", "front"), "PASS");
	CU_ASSERT_PTR_NULL(strpbrk(sys_must(H, "xl network-list front; xl block-list front"), "\033"));
	/* Warnings do not count: stock xen-blkback warns when it gives up a ring that it could not map. */
	sys_must(H, "! dmesg | grep -E 'BUG|Oops|blocked for more'");
	sys_must(H, "xl network-detach --force front 0 && xl block-detach --force front xvda && xl destroy front");
	CU_ASSERT_STRING_EQUAL(sys_must(H, "%s", audit_xld), before);
}

/*
 * The same at random, for a while (FRONT_SECONDS, 12), while dom0 takes the devices away and gives them again. SEED in
 * the environment chooses what the guest does. Afterwards a guest that is honest is served with what is left: an image.
 */
static void test_random_front(void)
{
	int seconds = getenv("FRONT_SECONDS") ? atoi(getenv("FRONT_SECONDS")) : 12, disk = 0, net0 = 0, net1 = 0;
	const char *audit_xld = "echo $(pidof xld) $(ls /proc/$(pidof xld)/fd | wc -l); ls /sys/bus/xen-backend/devices; "
				"ls /sys/block | grep -c loop; ls /run/xen-lite/domains | wc -l";
	static char before[256];
	char image[512];

	snprintf(image, sizeof(image), "%s/tests/guest/random_front/random_front", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, image, "/root/rfront", &sys_err), "push"));
	sys_must(H, "printf 'name=\"rf\"\nkernel=\"/root/rfront\"\nmemory=16\ndisk=[\"/root/small,raw,xvda\"]\n"
		 "vif=[\"devid=0\",\"devid=1\"]\n' >/root/rf.cfg");
	snprintf(before, sizeof(before), "%s", sys_must(H, "%s", audit_xld));
	sys_must(H, "dmesg -c >/dev/null; xl create -q /root/rf.cfg 'extra=\"seed=%s seconds=%d\"'",
		 getenv("SEED") ? getenv("SEED") : "1", seconds);
	for (int i = 0; i < seconds + 60; i++) {
		int status;

		sys_sh(H, &status, "xenstore exists /local/domain/$(xl domid rf)/data/result");
		if (!status)
			break;
		/* It may end a device while that is being attached: then it is attached again. */
		sys_must(H, "timeout 60 xl network-detach --force rf %d && for n in 1 2 3 4 5; do "
			 "timeout 60 xl network-attach rf devid=%d && exit 0; done; exit 1", i % 2, i % 2);
		sys_must(H, "[ %d = 0 ] || { timeout 60 xl block-detach --force rf xvda && for n in 1 2 3 4 5; do "
			 "timeout 60 xl block-attach rf /root/small,raw,xvda && exit 0; done; exit 1; }", i % 3);
		sys_must(H, "usleep 300000; timeout 10 xl network-list rf >/dev/null && timeout 10 xl block-list rf >/dev/null");
	}
	sscanf(sys_must(H, "xenstore read /local/domain/$(xl domid rf)/data/result"), "%d %d %d", &disk, &net0, &net1);
	printf("played %d, %d and %d times ... ", disk, net0, net1);
	CU_ASSERT(disk > 0 && net0 + net1 > 0);
	sys_must(H, "! dmesg | grep -E 'BUG|Oops|blocked for more|general protection|list_add|refcount_t'");
	/* Whatever states it has left its devices in, they go, and xld is the same as before. */
	sys_must(H, "xl network-detach --force rf 0 && xl destroy rf");
	CU_ASSERT_STRING_EQUAL(sys_must(H, "%s", audit_xld), before);
	sys_must(H, "xl create -q /root/front.cfg && xl destroy front");
}

/* xenconsoled may be killed: its successor finds the guest, which has not noticed. */
static void test_console_restart(void)
{
	sys_must(H, "xl create -q /root/guest/guest.cfg; " WAIT_LOG, "^guest: up", "guest");
	sys_must(H, "kill -9 $(pidof xenconsoled); usleep 200000; "
		 "xenconsoled --daemon --pid-file /run/xen-lite/xenconsoled.pid");
	sys_must(H, "usleep 500000; t=" TTY "; [ -c $t ] && echo 'echo still-$((40+2))-there' >$t; " WAIT_LOG,
		 "^still-42-there", "guest");
	/* The log of the first part has been kept. */
	sys_contains(sys_must(H, "head -n 1 " LOG ".1", "guest"), "Linux version");
}

/* A guest that prints without end, and nobody at the pty: bounded, and the guest goes on afterwards. */
static void test_console_flood(void)
{
	long size;

	sys_must(H, "echo 'dd if=/dev/zero bs=1000 count=3000 2>/dev/null | tr \"\\\\000\" x; "
		 "echo; echo fl$((40+2))ood' >" TTY);
	sys_must(H, "for i in $(seq 600); do tail -c 200 " LOG " | grep -q '^fl42ood' && exit 0; usleep 200000; done; "
		 "exit 1", "guest");
	size = atol(sys_must(H, "cat " LOG " | wc -c", "guest"));
	CU_ASSERT(size >= 3000000);			/* nothing was lost in the log */
	CU_ASSERT(memory_of("xenconsoled") < 8 * 1024);
	/* A late reader sees the end. */
	sys_contains(sys_must(H, "timeout 2 cat " TTY " | tail -c 200; true"), "fl42ood");
	sys_must(H, "xl destroy guest");
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "up", test_up },
		{ "lib/xenctl, call by call", test_xenctl },
		{ "a guest that plays foul with its rings", test_hostile_rings },
		{ "a guest that plays foul with its devices", test_hostile_front },
		{ "a guest whose devices do anything", test_random_front },
		{ "xenconsoled killed and started again", test_console_restart },
		{ "a console that is flooded and not read", test_console_flood },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
