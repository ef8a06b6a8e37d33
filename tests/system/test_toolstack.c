/* SPDX-License-Identifier: MIT */
/*
 * The toolstack as a user meets it: domains are made, looked at, stopped and destroyed in every state; what goes
 * wrong is explained and leaves nothing behind; the daemon may be killed at any moment.
 *
 * One host serves all tests. After each test that makes domains an audit compares free memory, xenstore nodes,
 * descriptors of the daemons, ptys and records with the beginning. Most domains run a tiny kernel (tests/guest/boot)
 * that says PASS and powers off; where a real guest is needed it is the lab's example, a stock kernel.
 *
 * SYS_HYPERVISOR=PATH runs it on another hypervisor, to tell whose fault a failure is.
 */
#include "guests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H "ts"
/* A new domain's log continues that of the last one of its name, so remove it first: AWAIT must not see the old one. */
#define GUEST "rm -f /var/log/xen/console/guest-guest.log; xl create -q /root/guest/guest.cfg "
#define TINY "rm -f /var/log/xen/console/guest-tiny.log; xl create -q /root/tiny.cfg "
/* Wait for a line of a domain's console log, 30 s at most. */
#define AWAIT(name, text) \
	"for i in $(seq 300); do grep -q '" text "' /var/log/xen/console/guest-" name ".log 2>/dev/null && break; " \
	"usleep 100000; done; grep -q '" text "' /var/log/xen/console/guest-" name ".log"
/* Wait until a create has begun. */
#define BEGUN "until ls /run/xen-lite/domains | grep -q json; do usleep 10000; done; usleep 100000; "
#define STOP_XLD "kill $(cat /run/xen-lite/xld.pid); while [ -e /run/xen-lite/xld.pid ]; do usleep 20000; done; "
#define START_XLD "xld --daemon --pid-file /run/xen-lite/xld.pid; "

static char baseline[1024];

static const char *audit(void)
{
	return sys_must(H, "xl info | grep ^free_memory; echo nodes $(xenstore-ls | wc -l); "
			"echo records $(ls /run/xen-lite/domains | wc -l); echo domains $(xl list | wc -l); "
			"for d in xld xenstored xenconsoled; do echo $d $(ls /proc/$(pidof $d)/fd | wc -l); done; "
			"echo ptys $(ls /dev/pts | wc -l)");
}

/* Nothing of the domains that were is left. xenconsoled closes a pty when it hears of the end: give it a moment. */
static void nothing_left(void)
{
	const char *now = audit();

	for (int i = 0; i < 30 && strcmp(now, baseline); i++) {
		sys_must(H, "usleep 200000");
		now = audit();
	}
	if (strcmp(now, baseline))
		printf("\n    before:\n%s    after:\n%s", baseline, now);
	CU_ASSERT_STRING_EQUAL(now, baseline);
}

/* The command fails with this status and says this. */
static void refused(int want, const char *command, const char *says)
{
	guest_refused(H, want, says, "%s", command);
}

static void test_up(void)
{
	struct lab_opts o = sys_opts(H);
	char tiny[512];

	o.mem = 2048;
	if (getenv("SYS_HYPERVISOR"))
		o.hypervisor = getenv("SYS_HYPERVISOR");
	CU_ASSERT_FATAL(sys_up(&o));
	snprintf(tiny, sizeof(tiny), "%s/tests/guest/boot/boot", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, tiny, "/root/tiny", &sys_err), "push"));
	sys_must(H, "printf 'name=\"tiny\"\\nkernel=\"/root/tiny\"\\nmemory=16\\non_poweroff=\"preserve\"\\n' "
		 ">/root/tiny.cfg");
	/* Once, so that whatever is made at first use is there. */
	sys_must(H, TINY "&& " AWAIT("tiny", "PASS") " && xl destroy tiny && xl dmesg >/dev/null");
	sys_must(H, "sleep 2");		/* a console stays for a second after its domain */
	snprintf(baseline, sizeof(baseline), "%s", audit());
}

static void test_host(void)
{
	const char *out = sys_must(H, "xl info");

	sys_contains(out, "xen_version            : 4.17");
	sys_contains(out, "free_memory            : ");
	sys_contains(out, "nr_cpus                : 1\n");
	sys_contains(sys_must(H, "xl list"), "Domain-0                                     0");
	sys_contains(sys_must(H, "xl domname 0; xl domid Domain-0"), "Domain-0\n0\n");
	sys_contains(sys_must(H, "xl uptime"), "Domain-0                             0  0:0");
	sys_contains(sys_must(H, "xl help"), "  create         Make a domain");
	sys_contains(sys_must(H, "xl help create"), "usage: xl create");
	sys_contains(sys_must(H, "xl shutdown -h"), "usage: xl shutdown");
	CU_ASSERT(strlen(sys_must(H, "xl dmesg")) > 100);
}

static void test_life(void)
{
	const char *out;

	sys_must(H, GUEST "&& " AWAIT("guest", "^guest: up"));
	out = sys_must(H, "xl list; xl domid guest; xl uptime guest; xl list -l guest");
	sys_contains(out, "   128     1     ");
	sys_contains(out, "\"kernel\": \"/root/guest/vmlinuz\"");
	sys_contains(out, "\"state\": \"running\"");
	sys_must(H, "xl pause guest && xl list guest | grep -q -- '[b-]p---' && xl pause guest && xl unpause guest");
	refused(1, "xl list guest | grep -q -- '[b-]p---'", "");
	sys_must(H, "xl pause guest");
	refused(1, "xl shutdown guest", "it is paused and cannot react");
	sys_must(H, "xl unpause guest");
	out = sys_must(H, "(echo 'echo $((6 * 7)) is it'; sleep 2) | timeout 3 xl console guest; true");
	sys_contains(out, "42 is it");
	sys_must(H, "xl shutdown -w -t 30 guest");
	refused(1, "xl list guest", "there is no domain with this name");
	nothing_left();
}

/* A restarted domain is a new one with the old name, and its own end is an end, not another restart. */
static void test_reboot(void)
{
	char before[32];

	sys_must(H, GUEST "&& " AWAIT("guest", "^guest: up"));
	snprintf(before, sizeof(before), "%s", sys_must(H, "xl domid guest"));
	sys_must(H, "rm /var/log/xen/console/guest-guest.log; xl reboot -w -t 60 guest && "
		 AWAIT("guest", "^guest: up"));
	CU_ASSERT_STRING_NOT_EQUAL(sys_must(H, "xl domid guest"), before);
	sys_must(H, "xl shutdown -a -w -t 60");
	nothing_left();
}

static void test_crash(void)
{
	const char *out;

	sys_must(H, GUEST "on_crash=preserve && " AWAIT("guest", "^guest: up"));
	sys_must(H, "(sleep 1; echo 'echo c >/proc/sysrq-trigger'; sleep 5) | timeout 6 xl console guest >/dev/null; "
		 "true");
	out = sys_must(H, "xl list guest; xl list -v guest; xl list -l guest");
	sys_contains(out, "---sc-");
	sys_contains(out, "  crash");
	sys_contains(out, "\"state\": \"crashed\"");
	if (!getenv("SYS_HYPERVISOR") && !sys_peer()) {
		sys_contains(out, "the guest kernel reports a crash");
		sys_contains(sys_must(H, "xl dmesg"), "crash");
	}
	refused(1, "xl shutdown guest", "it has already stopped (crash)");
	sys_must(H, "xl destroy guest");
	nothing_left();
}

/*
 * restart gives up when it is of no use; rename-restart keeps the old one, also for an xld that was killed meanwhile.
 */
static void test_actions(void)
{
	const char *out;

	sys_must(H, TINY "on_poweroff=restart; for i in $(seq 300); do xl list tiny >/dev/null 2>&1 || break; "
		 "usleep 100000; done");
	refused(1, "xl list tiny", "there is no domain");
	sys_contains(sys_must(H, "tail -n 3 /var/log/xen-lite/xld.log"), "it is not started again");
	nothing_left();
	sys_must(H, TINY "on_poweroff=rename-restart; for i in $(seq 300); do [ $(xl list | wc -l) = 7 ] && break; "
		 "usleep 100000; done; sleep 1; kill -9 $(pidof xld); " START_XLD "true");
	out = sys_must(H, "xl list -v | awk '{ print $1, $NF }'");
	sys_contains(out, "tiny-1 poweroff\n");
	sys_contains(out, "tiny-4 poweroff\n");
	sys_contains(out, "tiny poweroff\n");
	sys_must(H, "xl destroy tiny tiny-1 tiny-2 tiny-3 tiny-4");
	nothing_left();
}

static void test_destroy_in_any_state(void)
{
	int status;

	/* building */
	sys_must(H, GUEST "2>/tmp/out & " BEGUN "xl destroy guest; wait; grep -q 'it was cancelled' /tmp/out");
	nothing_left();
	/* paused before it ever ran, and stopped by itself */
	sys_must(H, TINY "-p && xl list tiny | grep -q -- '[b-]p---' && xl destroy tiny");
	sys_must(H, TINY "&& " AWAIT("tiny", "PASS") "&& xl destroy tiny");
	nothing_left();
	/* running */
	sys_must(H, GUEST "&& xl destroy guest");
	/* dying: several at once all get the same end */
	sys_must(H, TINY "-p; xl destroy tiny & xl destroy tiny & xl destroy tiny & wait");
	sys_sh(H, &status, "xl destroy tiny");
	CU_ASSERT_EQUAL(status, 1);
	nothing_left();
}

static void test_create_fails_at_any_step(void)
{
	for (int step = 1; step <= 15; step++) {
		sys_must(H, STOP_XLD "XLD_FAIL_STEP=%d " START_XLD "! xl create -q /root/tiny.cfg", step);
		nothing_left();
		if (step != 5 && step != 10 && step < 12)
			continue;
		sys_must(H, STOP_XLD "XLD_FAIL_STEP=-%d " START_XLD "! xl create -q /root/tiny.cfg", step);
		nothing_left();
	}
	sys_must(H, STOP_XLD START_XLD);
	nothing_left();
}

static void test_kills(void)
{
	/* xld in the middle of writing */
	sys_must(H, STOP_XLD "touch /run/xen-lite/domains/x.json.new; mkdir -p /var/lib/xen-lite/migrations /var/lib/xen-lite/defined; "
		 "touch /var/lib/xen-lite/migrations/x-in.json.new /var/lib/xen-lite/defined/x.xml.new; " START_XLD
		 "[ -z \"$(ls /run/xen-lite/domains/*.new /var/lib/xen-lite/*/*.new 2>/dev/null)\" ]");
	/* xld with a running guest: the next one knows it */
	sys_must(H, GUEST "&& kill -9 $(pidof xld) && " AWAIT("guest", "^guest: up") "; " START_XLD
		 "xl list -l guest | grep -q '\"memory\": 128' && xl shutdown -w -t 30 guest");
	nothing_left();
	/* xld in the middle of a create: the next one takes the rest away */
	sys_must(H, GUEST "2>/tmp/out & " BEGUN "kill -9 $(cat /run/xen-lite/xld.pid); wait; " START_XLD
		 "grep -q 'closed the connection' /tmp/out");
	nothing_left();
	/* xl in the middle of a create: it is cancelled */
	sys_must(H, GUEST "& " BEGUN "kill $!; wait; true");
	nothing_left();
	/* a guest that stopped while xld was away gets its end when xld is back */
	sys_must(H, GUEST "&& " AWAIT("guest", "^guest: up") "; (sleep 1; echo poweroff; sleep 3) | "
		 "timeout 6 xl console guest >/dev/null & sleep 0.5; kill -9 $(cat /run/xen-lite/xld.pid); wait; "
		 START_XLD
		 "for i in $(seq 50); do xl list guest 2>/dev/null || break; usleep 100000; done");
	nothing_left();
	refused(1, "kill -9 $(pidof xld); sleep 0.1; xl list", "start the daemon in dom0: xld --daemon");
	sys_must(H, START_XLD "xl list");
	nothing_left();
}

static void test_bad_input(void)
{
	sys_must(H, "head -c 100000 /dev/urandom >/tmp/garbage; : >/tmp/empty; "
		 "head -c 3000000 /root/guest/vmlinuz >/tmp/cut");
	refused(1, GUEST "kernel=/nosuch", "kernel /nosuch: No such file");
	refused(1, GUEST "kernel=/etc", "not a regular file");
	refused(1, GUEST "kernel=/dev/zero", "not a regular file");
	refused(1, GUEST "kernel=/etc/passwd", "/etc/passwd: is no kernel");
	refused(1, GUEST "kernel=/tmp/garbage", "/tmp/garbage: is no kernel");
	refused(1, GUEST "kernel=/tmp/empty", "the file is empty");
	refused(1, GUEST "kernel=/tmp/cut", "is cut off");
	refused(1, GUEST "kernel=/bin/busybox", "is not for Xen PV");
	refused(1, GUEST "ramdisk=/nosuch", "ramdisk /nosuch: No such file");
	refused(1, GUEST "memory=90000", "not enough memory");
	refused(1, GUEST "memory=16", "MiB is the least");
	refused(1, GUEST "memory=lots", "memory must be a whole number of MiB");
	refused(1, GUEST "type=hvm", "needs hardware virtualisation");
	refused(1, GUEST "\"disk=['phy:/dev/x,xvda,w']\"", "/dev/x: No such file");
	refused(1, "echo 'memory = 5\nvcpus = 0' >/tmp/bad.cfg; xl create /tmp/bad.cfg",
		"/tmp/bad.cfg:2:9: error: vcpus must");
	refused(1, "xl create /nosuch.cfg", "cannot be opened");
	refused(1, "xl destroy nosuch", "there is no domain with this name");
	refused(1, "xl destroy 0", "it is the domain that manages the others");
	refused(1, "xl pause Domain-0", "it is the domain that manages the others");
	refused(2, "xl nonsense", "there is no command 'nonsense'");
	refused(2, "xl destroy", "an argument is missing");
	refused(2, "xl list --nonsense", "usage: xl list");
	refused(1, "xl --json-errors destroy nosuch", "\"code\":\"E_NOT_FOUND\"");
	sys_contains(sys_must(H, "echo 'frob = 1' | cat /root/tiny.cfg - >/tmp/w.cfg; xl create -n /tmp/w.cfg 2>&1"),
		     "/tmp/w.cfg:5:1: warning: unknown key 'frob' is ignored");
	sys_must(H, TINY "-p");
	refused(1, TINY, "a domain of this name exists");
	sys_must(H, "xl destroy tiny");
	nothing_left();
}

static void test_console(void)
{
	/* From byte 0, though it runs only when the console is attached; ends with the domain. */
	sys_contains(sys_must(H, "timeout 30 xl create -q -c /root/tiny.cfg on_poweroff=destroy </dev/null"), "PASS");
	refused(1, "xl console tiny", "there is no domain");
	refused(1, "xl console 0", "dom0's console is that of the host");
	nothing_left();
}

static void test_cycles(void)
{
	sys_must(H, "for i in $(seq 20); do " TINY "&& xl destroy tiny || exit 1; done");
	nothing_left();
	/* Several at a time. */
	sys_must(H, "for i in 1 2 3 4; do (for j in $(seq 5); do "
		 "xl create -q /root/tiny.cfg name=tiny$i && xl destroy tiny$i || "
		 "echo failed >>/tmp/parallel; done) & done; wait; [ ! -e /tmp/parallel ]");
	nothing_left();
}

/* A destroy ends the domain at once and is finished when xenstored is back. */
static void test_no_xenstored(void)
{
	sys_must(H, TINY "-p; kill -9 $(pidof xenstored); sleep 1");
	sys_contains(sys_must(H, "xl list"), "tiny ");
	refused(1, "xl create -q /root/tiny.cfg name=b", "no access to xenstore");
	refused(1, "xl shutdown tiny", "xl unpause");
	refused(1, "xl destroy tiny", "no connection to xenstored");
	sys_contains(sys_must(H, "xl info | grep ^free_memory"), strtok(baseline, "\n"));
	sys_must(H, "xenstored --daemon --pid-file /run/xen-lite/xenstored.pid; for i in $(seq 50); do "
		 "ls /run/xen-lite/domains | grep -q json || exit 0; usleep 100000; done; exit 1");
	sys_must(H, TINY "&& xl destroy tiny");
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "up", test_up },
		{ "host", test_host },
		{ "life", test_life },
		{ "reboot", test_reboot },
		{ "crash", test_crash },
		{ "actions", test_actions },
		{ "destroy_in_any_state", test_destroy_in_any_state },
		{ "create_fails_at_any_step", test_create_fails_at_any_step },
		{ "kills", test_kills },
		{ "bad_input", test_bad_input },
		{ "console", test_console },
		{ "cycles", test_cycles },
		{ "no_xenstored", test_no_xenstored },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
