/* SPDX-License-Identifier: MIT */
/*
 * xenstored, xenconsoled and xld killed at random moments, one or several at a time, while guests write to a disk, to
 * their consoles and to the store, and xl creates and destroys a domain with a disk and a network. Afterwards all is
 * there: each line that the guest has written to its console is in the log, each write that it has flushed is on its
 * disk, its store has lost neither answer nor event, and what was half made is gone.
 *
 * KILLS=n sets how often (20; `make soak` 200), SEED=n when and whom.
 */
#include "audit.h"
#include "guests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H "kill"
#define LOG "/var/log/xen/console/guest-w.log"
#define RUN "/run/xen-lite/"

enum { STORE, CONSOLE, XLD, DAEMONS };

static const char *const daemons[DAEMONS] = { "xenstored", "xenconsoled", "xld" };

static unsigned int kills[DAEMONS];

static void push(const char *from, const char *to)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s", lab_build_dir(), from);
	CU_ASSERT_FATAL(sys_ok(lab_push(H, path, to, &sys_err), "push"));
}

static void test_up(void)
{
	struct lab_opts o = sys_opts(H);

	o.smp = 2;
	CU_ASSERT_FATAL(sys_up(&o));
	push("tests/guest/storeload/storeload", "/root/storeload");
	push("tests/system/diskcheck", "/usr/bin/diskcheck");
	push("guest-save.cpio", "/root/guest-save");
	audit_prepare(H);
	sys_must(H, "truncate -s 16M /root/disk; truncate -s 8M /root/small; ip link add xenbr0 type bridge; "
		 "printf \"name='s'\\nkernel='/root/storeload'\\nmemory=16\\n\" >/root/s.cfg; "
		 "printf \"name='c'\\nkernel='/root/storeload'\\nmemory=16\\ndisk=['/root/small,raw,xvda']\\nvif=['']\\n\" "
		 ">/root/c.cfg; printf \"name='w'\\nkernel='/root/guest/vmlinuz'\\nramdisk='/root/guest-save'\\nmemory=128\\n"
		 "extra='console=hvc0 lab.batch'\\ndisk=['/root/disk,raw,xvda']\\n\" >/root/w.cfg");
	/* Once, so that whatever is made at first use is there. */
	sys_must(H, "xl create -q /root/c.cfg && xl destroy c");
	guest_audit_begin(H);
	audit_begin(H);
}

/*
 * The guests, and beside them dom0's own traffic and xl, until /tmp/stop is there. What xl says while xld is away is
 * fine, and that the store cannot be reached if its daemon does not come back in time.
 */
static void start_traffic(void)
{
	CU_ASSERT_FATAL(guest_boot(H, "w"));
	sys_must(H, "xl create -q /root/s.cfg");
	guest_must(H, "w", "(diskcheck write /dev/xvda 5 0 20 >/tmp/flushed) & "
		   "(n=0; while [ ! -e /tmp/stop ]; do n=$((n+1)); echo \"line $n of the guest.\"; usleep 20000; done >/dev/hvc0) &");
	sys_must(H, "rm -f /tmp/stop; cat >/tmp/traffic <<'EOF'\n"
		 "n=0; while [ ! -e /tmp/stop ]; do n=$((n+1)); until xenstore write /traffic $n 2>/dev/null; do usleep 50000; done; "
		 "until got=$(xenstore read /traffic 2>/dev/null); do usleep 50000; done; "
		 "[ \"$got\" = $n ] || echo FAIL: $got instead of $n; usleep 30000; done >>/tmp/traffic.log 2>&1 &\n"
		 "while [ ! -e /tmp/stop ]; do xl create -q /root/c.cfg && echo made; "
		 "xl block-detach c xvda; xl destroy c && echo gone; usleep 100000; done >>/tmp/xl.log 2>&1 &\n"
		 "EOF\nsh /tmp/traffic </dev/null >/dev/null 2>&1");
}

/* What a log ends with is only complete when the daemon that wrote it is dead. */
static void kill_some(unsigned int set, unsigned int pause_ms, unsigned int gap_ms)
{
	char names[64] = "";

	for (unsigned int i = 0; i < DAEMONS; i++) {
		if (!(set & 1U << i))
			continue;
		kills[i]++;
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ", daemons[i]);
	}
	sys_must(H, "usleep %u; for d in %s; do pids=\"$pids $(cat " RUN "$d.pid)\"; done; kill -9 $pids; "
		 "for p in $pids; do while [ -d /proc/$p ]; do usleep 1000; done; done; "
		 "for d in %s; do [ $d = xenconsoled ] && cat " LOG " >>/tmp/lines; done; usleep %u; "
		 "for d in %s; do $d --daemon --pid-file " RUN "$d.pid 2>>/tmp/daemons.log || echo FAIL $d; done",
		 pause_ms * 1000, names, names, gap_ms * 1000, names);
}

static long count_of_store(void)
{
	return atol(sys_must(H, "xenstore read /local/domain/$(xl domid s)/data/n"));
}

/* Each line that the guest has written, at least once: what was in the ring at a death may be logged twice. */
static void check_lines(void)
{
	guest_must(H, "w", "touch /tmp/stop; sleep 1");
	sys_must(H, "sleep 1; cat " LOG " >>/tmp/lines; tr -d '\\r\\000' </tmp/lines | sed -n 's/^line \\([0-9]*\\) of the guest.$/\\1/p' | "
		 "sort -nu | awk 'NR != $1 { print \"line \" NR \" is missing\"; bad = 1; exit } END { print NR \" lines\"; "
		 "exit bad || NR < 100 }'");
}

static void check_disk(void)
{
	long flushed;

	guest_must(H, "w", "kill $(pidof diskcheck); tail -n 2 /tmp/flushed");
	flushed = atol(guest_must(H, "w", "sed -n 's/^flushed \\([0-9]*\\)$/\\1/p' /tmp/flushed | tail -n 1"));
	printf("%ld writes flushed ... ", flushed);
	CU_ASSERT(flushed >= 100);
	guest_must(H, "w", "diskcheck verify /dev/xvda 5 %ld 20", flushed);
}

static void check_store(void)
{
	long before = count_of_store(), now = before;

	for (int i = 0; i < 60 && now <= before; i++) {
		sys_must(H, "sleep 1");
		now = count_of_store();
	}
	CU_ASSERT(now > before);
	sys_must(H, "! xenstore read /local/domain/$(xl domid s)/data/result 2>/dev/null && xenstore control check");
}

static void stop_traffic(void)
{
	const char *log;

	sys_must(H, "touch /tmp/stop; for i in $(seq 120); do pidof xl >/dev/null || exit 0; sleep 1; done; exit 1");
	log = sys_must(H, "echo $(grep -c made /tmp/xl.log) made, $(grep -c gone /tmp/xl.log) destroyed; "
		       "cat /tmp/traffic.log; grep FAIL /tmp/daemons.log; true");
	printf("%s ... ", log);
	CU_ASSERT_PTR_NULL(strstr(log, "FAIL"));
	/* Where creates take longer than daemons live none may have been made. */
	sys_must(H, "xl destroy c 2>/dev/null; for i in $(seq 60); do xl domid c 2>/dev/null || break; sleep 1; done; "
		 "xl create -q /root/c.cfg && xl destroy c");
}

static void test_kills(void)
{
	static const unsigned int sets[] = { 1 << STORE, 1 << CONSOLE, 1 << XLD, 1 << XLD, 1 << STORE | 1 << XLD,
		1 << STORE | 1 << CONSOLE, 1 << CONSOLE | 1 << XLD, 1 << STORE | 1 << CONSOLE | 1 << XLD };
	int rounds = getenv("KILLS") ? atoi(getenv("KILLS")) : 20;

	srand(getenv("SEED") ? (unsigned int)atoi(getenv("SEED")) : 1);
	start_traffic();
	for (int i = 0; i < rounds; i++)
		kill_some(sets[rand() % 8], (unsigned int)rand() % 1000, (unsigned int)(rand() % 4 * 100));
	printf("killed: xenstored %u, xenconsoled %u, xld %u times ... ", kills[STORE], kills[CONSOLE], kills[XLD]);
	stop_traffic();
}

static void test_all_there(void)
{
	check_lines();			/* from here on the console is quiet */
	check_disk();
	check_store();
	/* They are still domains like others. */
	sys_must(H, "xl pause w && xl unpause w && xl block-attach w /root/small,raw,xvdb && xl block-detach w xvdb");
	sys_must(H, "xl shutdown -w w 2>&1 && xl destroy s; xenstore rm /traffic");
}

static void test_nothing_left(void)
{
	guest_audit(H);
	audit_end(H);
	if (CU_get_number_of_failures())
		printf("\n%s", sys_sh(H, NULL, "xenstore-ls / | head -n 100; tail -n 200 /var/log/xen-lite/xld.log"));
	sys_must(H, "! losetup -a | grep /root/ && [ ! -e /run/xen-lite/domains/*.new ] && ! dmesg | grep -E 'BUG|Oops'");
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "up", test_up },
		{ "killed", test_kills },
		{ "all is there", test_all_there },
		{ "nothing is left", test_nothing_left },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
