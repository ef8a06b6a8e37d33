/* SPDX-License-Identifier: MIT */
/*
 * xenstored killed at random moments while guests talk to it without end (tests/guest/storeload), dom0 writes and
 * reads, and xl creates and destroys domains. Afterwards the store is sound, nobody has lost anything, and what is left
 * is what was there before. KILLS=n sets how often (20; `make soak` 200).
 */
#include "sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H "st"

static void test_up(void)
{
	struct lab_opts o = sys_opts(H);
	char image[512];

	CU_ASSERT_FATAL(sys_up(&o));
	snprintf(image, sizeof(image), "%s/tests/guest/storeload/storeload", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, image, "/root/storeload", &sys_err), "push"));
	sys_must(H, "for n in a b c; do "
		 "printf \"name='$n'\\nkernel='/root/storeload'\\nmemory=16\\n\" >/root/$n.cfg; done");
	sys_must(H, "xl create -q /root/c.cfg && xl destroy c");
}

/* What must be the same afterwards: the nodes without their values, and the daemon's own check. */
static const char *audit(void)
{
	return sys_must(H, "xenstore control check; xenstore ls -f | sed 's/ = .*//' | "
			"grep -v '^/local/domain/0/console' | sort | md5sum; xenstore control info | grep -E 'nodes|transactions'; ls /dev/pts | wc -l");
}

/* Written so that everything runs beside everything else until /tmp/stop is there. */
static void start_traffic(void)
{
	sys_must(H, "cat >/tmp/traffic <<'EOF'\n"
		 "n=0; while [ ! -e /tmp/stop ]; do n=$((n+1)); xenstore write /traffic $n || echo FAIL write $n; "
		 "[ \"$(xenstore read /traffic)\" = $n ] || echo FAIL read $n; done >>/tmp/traffic.log 2>&1 &\n"
		 "n=0; while [ ! -e /tmp/stop ]; do n=$((n+1)); xl create -q /root/c.cfg || echo FAIL create $n; "
		 "usleep 300000; xl destroy c || echo FAIL destroy $n; echo done $n; done >>/tmp/xl.log 2>&1 &\n"
		 "EOF\n"
		 "rm -f /tmp/stop; sh /tmp/traffic </dev/null >/dev/null 2>&1");
}

/* How far a guest has come. */
static long count_of(const char *guest)
{
	return atol(sys_must(H, "xenstore read /local/domain/$(xl domid %s)/data/n", guest));
}

/* The guest goes on, and has found nothing wrong. */
static void still_fine(const char *guest, long before)
{
	long now = before;

	for (int i = 0; i < 60 && now <= before; i++) {
		sys_must(H, "sleep 1");
		now = count_of(guest);
	}
	CU_ASSERT(now > before);
	sys_must(H, "! xenstore read /local/domain/$(xl domid %s)/data/result 2>/dev/null", guest);
}

static void kill_once(unsigned int ms)
{
	sys_must(H, "usleep %u; p=$(pidof xenstored); kill -9 $p; while [ -d /proc/$p ]; do usleep 1000; done; "
		 "usleep %u; xenstored --daemon --pid-file /run/xen-lite/xenstored.pid 2>>/tmp/xenstored.log",
		 ms * 1000, ms % 7 * 20000);
}

static void test_kills(void)
{
	int kills = getenv("KILLS") ? atoi(getenv("KILLS")) : 20;
	static char before[512];
	const char *log;
	long a, b;

	snprintf(before, sizeof(before), "%s", audit());
	sys_must(H, "xl create -q /root/a.cfg && xl create -q /root/b.cfg");
	still_fine("a", 0);
	still_fine("b", 0);
	start_traffic();
	srand(1);
	for (int i = 0; i < kills; i++) {
		kill_once(rand() % 1500);
		if (i % 10 == 9)
			CU_ASSERT(count_of("a") > 0);
	}
	a = count_of("a");
	b = count_of("b");
	still_fine("a", a);
	still_fine("b", b);
	sys_must(H, "touch /tmp/stop; for i in $(seq 60); do pidof xl || exit 0; sleep 1; done; exit 1");
	sys_must(H, "sleep 2; xl domid c 2>/dev/null && xl destroy c; true");
	log = sys_must(H, "cat /tmp/traffic.log; grep -v '^done' /tmp/xl.log; cat /tmp/xenstored.log");
	if (*log)
		printf("\n%s", log);
	CU_ASSERT(!strstr(log, "FAIL"));
	CU_ASSERT(atol(sys_must(H, "grep -c ^done /tmp/xl.log")) > kills / 20);
	sys_must(H, "xl destroy a && xl destroy b; xenstore rm /traffic");
	for (int i = 0; i < 20 && strcmp(audit(), before); i++)
		sys_must(H, "sleep 1");
	log = audit();
	if (strcmp(log, before))
		printf("\n    before:\n%s    after:\n%s", before, log);
	CU_ASSERT_STRING_EQUAL(log, before);
}

/* A limit of one domain, at once; its refusal is told by name. */
static void test_quota(void)
{
	sys_must(H, "xl create -q /root/a.cfg 'on_poweroff=\"preserve\"' 'on_crash=\"preserve\"'");
	sys_contains(sys_must(H, "xl xenstore-quota-get -g"), "nodes                      1000");
	sys_must(H, "xl xenstore-quota-set a watches=3");
	sys_contains(sys_must(H, "xl xenstore-quota-get a"), "watches                       3");
	/* The guest makes and removes a node again and again: it is refused, says so and stops. */
	sys_must(H, "xl xenstore-quota-set a nodes=1");
	sys_must(H, "for i in $(seq 120); do xenstore-control quota $(xl domid a) | grep '^nodes' | grep -v ' 0$' && exit 0; "
		 "sleep 1; done; exit 1");
	sys_must(H, "xl destroy a; xl create -q /root/a.cfg 'xenstore_quota=[\"watches=77\"]' && "
		 "xl xenstore-quota-get a | grep 'watches  *77'");
	sys_must(H, "! xl create -q /root/c.cfg 'xenstore_quota=[\"grass=77\"]' 2>&1 | grep -v grass; ! xl domid c 2>/dev/null");
	/* Nothing is given to a domain that is not there yet. */
	sys_must(H, "xenstore write /gift 1; ! xenstore chmod /gift n77 2>/dev/null && xenstore chmod /gift n0 r77 && "
		 "xenstore chmod /gift n$(xl domid a) && xenstore rm /gift");
	sys_must(H, "! xl xenstore-quota-set a grass=1 2>/dev/null && ! xl xenstore-quota-set a nodes=x 2>/dev/null");
	sys_must(H, "xl destroy a");
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "up", test_up },
		{ "xenstored killed under load", test_kills },
		{ "quotas of a domain", test_quota },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
