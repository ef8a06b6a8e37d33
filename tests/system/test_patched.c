/* SPDX-License-Identifier: MIT */
/*
 * The patched guest kernel (guest-patches/), one image, wherever it has to run: as dom0 and as guest here, each also
 * beside a stock kernel on the other side; on Debian's Xen when `make peer` has fetched it; without any hypervisor.
 * Memory and programs have to behave everywhere (ptcheck, usercheck), and which extensions are on has to be told truly.
 * Shared tables, direct system calls (with programs of Debian, too), free pages, the resume in the background and
 * logging by dirty bits have tests of their own.
 *
 * Needs `make guest-kernel`; run by `make guest-check` and `make soak`, not by `make check`.
 */
#include "guests.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define H "patched"

static const char *built(const char *file)
{
	static char paths[4][PATH_MAX];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", lab_build_dir(), file);
	return path;
}

/* A host with a kernel of our build or the stock one (NULL), and what its guests need, in place. */
static bool host_up(struct lab_opts *o, const char *kernel)
{
	if (kernel)
		o->kernel = kernel;
	o->timeout = 300;
	if (!sys_up(o))
		return false;
	return sys_ok(lab_push(H, built("tests/system/ptcheck"), "/usr/bin/ptcheck", &sys_err), "push") &&
	       sys_ok(lab_push(H, built("tests/system/usercheck"), "/usr/bin/usercheck", &sys_err), "push") &&
	       sys_ok(lab_push(H, built("guest-kernel/vmlinuz"), "/root/guest/vmlinuz-patched", &sys_err), "push") &&
	       sys_ok(lab_push(H, built("guest-kernel/guest.cpio"), "/root/guest/check.initramfs", &sys_err), "push");
}

/* Every check of ptcheck and usercheck is made and passes, in a guest or (NULL) in dom0. */
static void run_checks(const char *guest)
{
	static const char *const names[] = {
		"fork", "unmap", "dontneed", "shared", "move", "protect", "sparse", "cgroup", "lazyfree",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *out = guest ? sys_must(H, "guest-run %s 300 ptcheck %s", guest, names[i]) :
					  sys_must(H, "ptcheck %s", names[i]);
		char line[32];

		snprintf(line, sizeof(line), "ok %s", names[i]);
		sys_contains(out, line);
		CU_ASSERT_PTR_NULL(strstr(out, "skipped"));
	}
	sys_contains(guest ? sys_must(H, "guest-run %s 300 usercheck", guest) : sys_must(H, "usercheck"), "ok clock");
	sys_contains(guest ? guest_must(H, guest, "usercheck peek") : sys_must(H, "usercheck peek"), "fault");
}

static void check_dom0(void)
{
	run_checks(NULL);
	/* Nothing that the kernel itself complains about. */
	sys_contains(sys_must(H, "dmesg | grep -cE 'WARNING:|BUG:|Oops|bad pte|Bad page' || true"), "0\n");
}

/* extra: more words of its command line; lines: more lines of its configuration. */
static bool guest_up_with(const char *name, const char *kernel, int vcpus, const char *extra, const char *lines)
{
	sys_must(H, "printf 'name = \"%s\"\\nkernel = \"/root/guest/%s\"\\nramdisk = \"/root/guest/check.initramfs\"\\n"
		 "extra = \"console=hvc0 lab.batch %s\"\\nmemory = 128\\nvcpus = %d\\n%s\\n' >/root/%s.cfg", name, kernel, extra,
		 vcpus, lines, name);
	return guest_boot(H, name);
}

static bool guest_up(const char *name, const char *kernel, int vcpus)
{
	return guest_up_with(name, kernel, vcpus, "", "");
}

/*
 * Linux's own, with several vCPUs: one may go idle between the suspend of its timer and the time when all stop, and
 * stop a timer that is shut down already.
 */
#define NOT_THE_TIMER "| grep -v kernel/time/clockevents.c"

static void check_guest(const char *name)
{
	run_checks(name);
	guest_must(H, name, "! dmesg | grep -E 'WARNING:|BUG:|Oops|bad pte|Bad page' " NOT_THE_TIMER);
}

static void destroy(const char *name)
{
	sys_must(H, "xl destroy %s", name);
}

/* A guest of one vCPU and one of two, as they come and after they have been to a file and back. */
static void check_guests(void)
{
	static const char *const names[] = { "one", "two" };

	sys_must(H, "mount -o remount,size=90%% /run");
	for (int n = 0; n < 2; n++) {
		if (!guest_up(names[n], "vmlinuz-patched", n + 1))
			continue;
		check_guest(names[n]);
		sys_must(H, "xl save %s /run/g.save && xl restore /run/g.save && rm /run/g.save", names[n]);
		check_guest(names[n]);
		destroy(names[n]);
	}
}

/* Everything patched, on our hypervisor. */
static void test_ours(void)
{
	struct lab_opts o = sys_opts(H);
	const char *counters;
	unsigned long cr3 = 0, calls = 0;

	o.smp = 2;
	if (host_up(&o, built("guest-kernel/vmlinuz"))) {
		check_dom0();
		sys_contains(sys_must(H, "cat /sys/hypervisor/lite/features"), "0x");
		sys_contains(sys_must(H, "cat /sys/hypervisor/lite/pt_exchange"), "1");
		sys_contains(sys_must(H, "cat /sys/hypervisor/lite/pte_batch"), "1");
		counters = sys_must(H, "cd /sys/hypervisor/lite/counters && cat cr3_loads hypercalls");
		CU_ASSERT_EQUAL(sscanf(counters, "%lu %lu", &cr3, &calls), 2);
		CU_ASSERT(cr3 > 0 && calls > 0);
		check_guests();
		/* A guest sees its own counters only, and what there is for guests. */
		if (guest_up("one", "vmlinuz-patched", 1)) {
			sys_contains(guest_must(H, "one", "cat /sys/hypervisor/lite/pt_exchange"), "1");
			guest_must(H, "one", "test $(cat /sys/hypervisor/lite/counters/hypercalls) -gt 0");
			destroy("one");
		}
	}
	sys_down(H);
}

/* --- shared tables --------------------------------------------------------------------------------------- */

static long counter(const char *guest, const char *what)
{
	return strtol(guest_must(H, guest, "cat /sys/hypervisor/lite/counters/%s", what), NULL, 10);
}

/*
 * System calls and faults of a guest that shares its tables load no CR3; what little does is others' business. Are they
 * direct, the hypervisor does not see them either.
 */
static void check_no_loads(const char *guest, bool direct)
{
	long calls = counter(guest, "hypercalls"), loads = counter(guest, "cr3_loads");

	sys_contains(guest_must(H, guest, "micro 20 getppid"), "getppid");
	calls = counter(guest, "hypercalls") - calls;
	loads = counter(guest, "cr3_loads") - loads;
	if (direct != (calls <= 4000) || loads >= 1000)
		printf("\n    %ld hypercalls, %ld CR3 loads\n", calls, loads);
	CU_ASSERT_EQUAL(calls <= 4000, direct);
	CU_ASSERT(loads < 1000);
}

static void is_shared(const char *guest, bool yes)
{
	sys_contains(guest_must(H, guest, "cat /sys/hypervisor/lite/shared_tables"), yes ? "1" : "0");
	sys_contains(guest_must(H, guest, "usercheck peek"), yes ? "readable" : "fault");
}

static void is_direct(const char *guest, bool yes)
{
	sys_contains(guest_must(H, guest, "cat /sys/hypervisor/lite/direct_syscalls"), yes ? "1" : "0");
}

/* Programs that check themselves go on over a save, live and not. */
static void shared_to_file(const char *guest)
{
	guest_must(H, guest, "(while :; do usercheck >>/tmp/u || break; done) & memload 8 /tmp/m 1000 &");
	sys_must(H, "xl save --live %s /run/g.save && xl restore /run/g.save", guest);
	is_shared(guest, true);
	sys_must(H, "sleep 3; xl save %s /run/g.save && xl restore /run/g.save", guest);
	guest_must(H, guest, "read p r e x </tmp/m && test $p -gt 0 && test $e = 0 && ! grep FAILED /tmp/u");
	destroy(guest);
	/* Where it may not, it runs on with tables of their own. */
	sys_must(H, "sed /^shared_tables/d /root/%s.cfg >/root/not.cfg; xl restore /root/not.cfg /run/g.save", guest);
	is_shared(guest, false);
	sys_must(H, "guest-run %s 300 'usercheck; ! grep FAILED /tmp/u'", guest);
	destroy(guest);
	sys_must(H, "rm /run/g.save");
}

static void test_shared(void)
{
	static const char *const names[] = { "one", "two" };
	struct lab_opts o = sys_opts(H);

	o.smp = 2;
	if (!host_up(&o, NULL))
		goto out;
	sys_must(H, "mount -o remount,size=90%% /run");
	/* Wanted on one side only. */
	if (guest_up_with("one", "vmlinuz-patched", 1, "xen_lite_shared_tables", ""))
		is_shared("one", false);
	destroy("one");
	if (guest_up_with("one", "vmlinuz-patched", 1, "", "shared_tables = 1"))
		is_shared("one", false);
	destroy("one");
	for (int n = 0; n < 2; n++) {
		if (!guest_up_with(names[n], "vmlinuz-patched", n + 1, "xen_lite_shared_tables", "shared_tables = 1"))
			continue;
		is_shared(names[n], true);
		is_direct(names[n], false);		/* the processor has no FSGSBASE */
		check_no_loads(names[n], false);
		sys_must(H, "guest-run %s 300 'usercheck && ptcheck fork protect'", names[n]);
		shared_to_file(names[n]);
	}
out:
	sys_down(H);
}

/* --- system calls without the hypervisor ----------------------------------------------------------------- */

static long rewritten(const char *guest)
{
	return strtol(guest_must(H, guest, "cat /sys/hypervisor/lite/rewritten_syscalls"), NULL, 10);
}

/* Whatever a guest does in a day, with places rewritten after so many traps (a word of its command line). */
static void check_direct(const char *guest, int vcpus, const char *after, long at_least)
{
	char extra[96];

	snprintf(extra, sizeof(extra), "xen_lite_shared_tables %s", after);
	if (!guest_up_with(guest, "vmlinuz-patched", vcpus, extra, "shared_tables = 1"))
		return;
	is_shared(guest, true);
	is_direct(guest, true);
	check_no_loads(guest, true);
	sys_must(H, "guest-run %s 300 'usercheck && ptcheck fork protect unmap shared'", guest);
	guest_must(H, guest, "for i in $(seq 20); do echo $i | md5sum | cut -c 1-8 | sort -r; done >/tmp/sums; "
		   "test $(wc -l </tmp/sums) = 20 && cat /bin/busybox | gzip -c | gzip -t");
	CU_ASSERT(rewritten(guest) >= at_least);
	guest_must(H, guest, "! dmesg | grep -E 'WARNING:|BUG:|Oops|bad pte|Bad page'");
	printf("%ld places ... ", rewritten(guest));
	shared_to_file(guest);
}

static void test_direct(void)
{
	struct lab_opts o = sys_opts(H);

	o.smp = 2;
	o.cpu = "qemu64,+rdrand,+fsgsbase";
	o.dom0_args = "xen_lite_shared_tables";
	if (!host_up(&o, built("guest-kernel/vmlinuz")))
		goto out;
	sys_must(H, "mount -o remount,size=90%% /run");
	sys_contains(sys_must(H, "cat /sys/hypervisor/lite/direct_syscalls"), "1");
	sys_must(H, "usercheck && ptcheck fork protect");
	check_direct("one", 1, "xen_lite_rewrite_syscalls=1", 100);
	check_direct("two", 2, "xen_lite_rewrite_syscalls=1", 100);
	check_direct("one", 1, "", 10);
	if (guest_up_with("one", "vmlinuz-patched", 1, "xen_lite_shared_tables xen_lite_rewrite_syscalls=0", "shared_tables = 1")) {
		is_shared("one", true);
		is_direct("one", false);
		CU_ASSERT_EQUAL(rewritten("one"), 0);
	}
	destroy("one");
	sys_must(H, "test $(cat /sys/hypervisor/lite/rewritten_syscalls) -gt 10");
	sys_must(H, "! dmesg | grep -E 'WARNING:|BUG:|Oops|bad pte|Bad page'");
out:
	sys_down(H);
}

/* --- programs of Debian ---------------------------------------------------------------------------------- */

/* A line in dom0 or in a guest. */
static const char *anywhere(const char *guest, int *status, const char *line)
{
	return guest ? guest_sh(H, guest, status, "%s", line) : sys_sh(H, status, "%s", line);
}

/*
 * One of the programs of debian.img, in dom0 or in a guest. It may take longer than a line may: it is looked for now and
 * then. Valid until the next command.
 */
static const char *debian(const char *guest, const char *program)
{
	char line[160], ok[32];
	const char *out;
	int status = 1;

	snprintf(line, sizeof(line), "rm -f /tmp/end; (/debian/start /%s >/tmp/out 2>&1; touch /tmp/end) >/dev/null 2>&1 &",
		 program);
	anywhere(guest, NULL, line);
	for (double end = sys_seconds() + 3000; status && sys_seconds() < end; ) {
		sys_must(H, "sleep 2");
		anywhere(guest, &status, "test -e /tmp/end");
	}
	out = anywhere(guest, NULL, "cat /tmp/out");
	snprintf(ok, sizeof(ok), "ok %.*s", (int)strcspn(program, "."), program);
	sys_contains(out, ok);
	return out;
}

/*
 * All of them. Returns what Python's own tests came to, case by case; to be freed. DEBIAN=all: with those that take
 * minutes.
 */
static char *programs(const char *guest)
{
	double start = sys_seconds();
	char *all = getenv("DEBIAN"), *outcome;

	if (guest)
		guest_must(H, guest, "mkdir /debian && mount -o ro /dev/xvda /debian");
	else
		sys_must(H, "mkdir /debian && mount -o ro /dev/vda /debian");
	debian(guest, "coreutils.sh");
	debian(guest, "nginx.py");
	outcome = strdup(debian(guest, all && !strcmp(all, "all") ? "python.py all" : "python.py"));
	printf("%s %.0f s ... ", guest ? guest : "bare", sys_seconds() - start);
	return outcome;
}

/* The lines of one that are not in the other. */
static void compare(const char *bare, const char *guest)
{
	char *copy = strdup(guest), *save = NULL;
	int other = 0;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!strstr(bare, line)) {
			printf("\n    not so without a hypervisor: %s", line);
			other++;
		}
	free(copy);
	CU_ASSERT_EQUAL(other, 0);
	CU_ASSERT_EQUAL(strlen(bare), strlen(guest));
}

/* With shared tables and direct system calls programs do what they do on bare hardware. */
static void test_debian(void)
{
	struct lab_opts o = sys_opts(H);
	char disk[PATH_MAX];
	char *bare = NULL, *guest = NULL;

	snprintf(disk, sizeof(disk), "%s,ro", built("guest-kernel/debian.img"));
	o.smp = 2;
	o.cpu = "qemu64,+rdrand,+fsgsbase";
	o.disks[0] = disk;
	o.hypervisor = "none";
	if (host_up(&o, built("guest-kernel/vmlinuz")))
		bare = programs(NULL);
	sys_down(H);
	o = sys_opts(H);
	o.smp = 2;
	o.cpu = "qemu64,+rdrand,+fsgsbase";
	o.disks[0] = disk;
	if (host_up(&o, NULL) && guest_up_with("g", "vmlinuz-patched", 2, "xen_lite_shared_tables", "memory = 384\\n"
					       "shared_tables = 1\\ndisk = [ \"/dev/vda,raw,xvda,r\" ]")) {
		guest = programs("g");
		is_shared("g", true);
		is_direct("g", true);
		printf("%ld places ... ", rewritten("g"));
		CU_ASSERT(rewritten("g") > 50);
		guest_must(H, "g", "! dmesg | grep -E 'WARNING:|BUG:|Oops|bad pte|Bad page' " NOT_THE_TIMER);
		destroy("g");
	}
	if (bare && guest)
		compare(bare, guest);
	free(bare);
	free(guest);
	sys_down(H);
}

/* --- free pages ------------------------------------------------------------------------------------------ */

static long mem_kib(const char *guest, const char *name)
{
	return strtol(guest_must(H, guest, "sed -n 's/^%s: *//p' /proc/meminfo", name), NULL, 10);
}

#define USED (128L * 1024)		/* KiB */

static long used_kib(void)
{
	return mem_kib("g", "MemTotal") - mem_kib("g", "MemFree");
}

/* Most of the guest's memory has had contents once; files that are kept fill it to USED. */
static void fill(void)
{
	sys_must(H, "guest-run g 300 'mkdir -p /t && mount -t tmpfs -o size=95%% t /t && "
		 "dd if=/dev/urandom of=/t/a bs=1M count=8 && for i in $(seq 100); do cat /t/a >/t/$i || exit 1; done; rm /t/*'");
	for (int i = 0; used_kib() < USED && i < 100; i++)
		guest_must(H, "g", "dd if=/dev/urandom of=/t/k%d bs=1M count=%ld 2>/dev/null", i, (USED - used_kib()) / 1024 + 1);
	guest_must(H, "g", "md5sum /t/k* >/tmp/sums");
}

/* What the guest uses goes along, and with it the kernel's image, which is not in MemTotal; what is free does not. */
static void check_moved(const char *how, double moved, long used)
{
	printf("%s: %ld KiB used, %.0f moved ... ", how, used, moved);
	CU_ASSERT(moved > USED && moved < (double)used * 1.3);
	guest_must(H, "g", "md5sum -c /tmp/sums");
}

static void check_saved(const char *how)
{
	long used = used_kib(), saved;

	sys_must(H, "xl save %s g /run/g.save && xl verify-stream /run/g.save", how);
	saved = strtol(sys_must(H, "stat -c %%s /run/g.save"), NULL, 10) / 1024;
	sys_must(H, "xl restore /run/g.save && rm /run/g.save");
	check_moved(*how ? how : "save", (double)saved, used);
}

static void check_migrated(void)
{
	long used = used_kib();
	const char *sent = strstr(sys_must(H, "xl migrate g localhost"), "rounds, ");
	double mib = 0;

	CU_ASSERT(sent && sscanf(sent, "rounds, %lf MiB sent", &mib) == 1);
	check_moved("migrate", mib * 1024, used);
}

/* Six files of 2 MiB are written, compared and removed, over and over. */
#define CHURN "dd if=/dev/urandom of=/tmp/a bs=1M count=2 2>/dev/null; (s=$(md5sum </tmp/a); n=0; while :; do rm -f /t/*; " \
	"for i in 1 2 3 4 5 6; do cp /tmp/a /t/$i; done; for i in 1 2 3 4 5 6; do [ \"$s\" = \"$(md5sum </t/$i)\" ] || " \
	"echo bad >>/tmp/bad; done; n=$((n + 1)); echo $n >/tmp/n; done) >/dev/null 2>&1 &"

/* What runs in the guest has come to its end once more. */
static void goes_on(void)
{
	int status = 1;

	guest_must(H, "g", "rm -f /tmp/n");
	for (int i = 0; i < 150 && status; i++) {
		sys_must(H, "sleep 2");
		guest_sh(H, "g", &status, "test -s /tmp/n");
	}
	CU_ASSERT_EQUAL(status, 0);
}

static void test_free(void)
{
	struct lab_opts o = sys_opts(H);

	o.smp = 2;
	o.mem = 4096;
	if (host_up(&o, NULL) && guest_up_with("g", "vmlinuz-patched", 2, "", "memory = 1024")) {
		sys_must(H, "mount -o remount,size=90%% /run");
		sys_contains(guest_must(H, "g", "cat /sys/hypervisor/lite/free_pages"), "1");
		fill();
		check_saved("");
		check_saved("--live");
		check_migrated();
		/* Pages go from free to used and back all the time: none is lost. */
		guest_must(H, "g", "memload 8 /tmp/m1 1000 & " CHURN);
		for (int i = 0; i < 4; i++) {
			sys_must(H, "xl save %s g /run/g.save && xl restore /run/g.save && rm /run/g.save", i % 2 ? "" : "--live");
			goes_on();
			guest_must(H, "g", "test ! -e /tmp/bad && read p r e x </tmp/m1 && test $e = 0");
		}
		guest_must(H, "g", "! dmesg | grep -E 'WARNING:|BUG:|Oops|Bad page' " NOT_THE_TIMER);
		destroy("g");
	}
	sys_down(H);
}

/* --- logging by dirty bits ------------------------------------------------------------------------------- */

/* What the kernel has of a page that may be taken is its dirty bit, and the hypervisor has moved that. */
static void lazy_begin(void)
{
	guest_must(H, "g", "rm -f /tmp/go /tmp/lazy; PTCHECK_WAIT=/tmp/go ptcheck lazyfree >/tmp/lazy 2>&1 & sleep 1");
}

static void lazy_end(void)
{
	guest_must(H, "g", "touch /tmp/go; for i in $(seq 30); do grep . /tmp/lazy && break; sleep 1; done; grep 'ok lazyfree' /tmp/lazy");
}

/* Moved, saved live, and moved again, at work: nothing is lost, of the contents or of what the kernel knows of them. */
static void test_dirty(void)
{
	struct lab_opts o = sys_opts(H);

	o.smp = 2;
	if (host_up(&o, NULL) && guest_up_with("g", "vmlinuz-patched", 2, "", "memory = 256")) {
		sys_must(H, "mount -o remount,size=90%% /run");
		guest_must(H, "g", "mkdir -p /t && mount -t tmpfs -o size=50%% t /t; memload 8 /tmp/m1 1000 & " CHURN);
		for (int i = 0; i < 4; i++) {
			sys_contains(guest_must(H, "g", "cat /sys/hypervisor/lite/soft_dirty"), "1");
			lazy_begin();
			sys_must(H, i % 2 ? "xl save --live g /run/g.save && xl restore /run/g.save && rm /run/g.save" :
				 "xl migrate g localhost");
			goes_on();
			lazy_end();
			guest_must(H, "g", "test ! -e /tmp/bad && read p r e x </tmp/m1 && test $e = 0");
		}
		check_guest("g");
		destroy("g");
		/* Turned off it is as with any other kernel. */
		if (guest_up_with("off", "vmlinuz-patched", 1, "xen_lite_soft_dirty=0", "")) {
			sys_contains(guest_must(H, "off", "cat /sys/hypervisor/lite/soft_dirty"), "0");
			sys_must(H, "xl migrate off localhost");
			guest_must(H, "off", "true");
			destroy("off");
		}
	}
	sys_down(H);
}

/* --- resume in the background ---------------------------------------------------------------------------- */

/* us from the request to suspend until tasks run again, without the time it stood still. */
static long suspend_us(void)
{
	const char *out = guest_must(H, "g", "dmesg | grep -E 'Freezing user space processes( ...)?$|Restarting tasks' | tail -n 2 | "
				     "tr -d '[. ' | cut -d ']' -f 1");
	long from = 0, to = 0;

	CU_ASSERT_EQUAL(sscanf(out, "%ld %ld", &from, &to), 2);
	return to - from;
}

static void check_devices(void)
{
	goes_on();
	sys_must(H, "for i in $(seq 30); do ping -c 1 -W 2 10.9.0.2 && exit 0; done; exit 1");
	guest_must(H, "g", "read p r e x </tmp/m1 && test $e = 0");
}

/* A network and a disk in use: both come back, again and again, also when the guest is suspended at once again. */
static void test_resume(void)
{
	struct lab_opts o = sys_opts(H);

	o.smp = 2;
	if (!host_up(&o, NULL))
		goto out;
	sys_must(H, "mount -o remount,size=90%% /run; ip link add br0 type bridge; ip addr add 10.9.0.1/24 dev br0; "
		 "ip link set br0 up; truncate -s 32M /run/d.img");
	if (!guest_up_with("g", "vmlinuz-patched", 2, "", "vif = [ \"bridge=br0\" ]\\ndisk = [ \"/run/d.img,raw,xvda,rw\" ]"))
		goto out;
	guest_must(H, "g", "ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up; memload 8 /tmp/m1 20000 & (n=0; "
		   "while diskcheck write /dev/xvda 7 200 20; do n=$((n + 1)); echo $n >/tmp/n; done) >/dev/null 2>&1 &");
	for (int i = 0; i < 5; i++) {
		sys_must(H, "xl save %s g /run/g.save && xl restore /run/g.save%s", i % 3 == 1 ? "--live" : "",
			 i % 2 ? " && xl save g /run/g.save && xl restore /run/g.save" : "");
		printf("%ld us ", suspend_us());
		check_devices();
	}
	sys_must(H, "xl save -c g /run/g.save");
	check_devices();
	guest_must(H, "g", "! dmesg | grep -E 'WARNING:|BUG:|Oops|blocked for' " NOT_THE_TIMER);
	destroy("g");
out:
	sys_down(H);
}

/* Around faults: the limits of the setting, and that it does something and can be turned off. */
static void test_sysctl(void)
{
	static const char *const bad[] = { "0", "33", "-1", "4294967297", "many" };
	struct lab_opts o = sys_opts(H);
	int status;

	if (host_up(&o, built("guest-kernel/vmlinuz"))) {
		sys_contains(sys_must(H, "cat /proc/sys/vm/anon_fault_around_pages"), "16");
		for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			sys_sh(H, &status, "echo %s >/proc/sys/vm/anon_fault_around_pages", bad[i]);
			CU_ASSERT_NOT_EQUAL(status, 0);
			sys_contains(sys_must(H, "cat /proc/sys/vm/anon_fault_around_pages"), "16");
		}
		for (int n = 1; n <= 32; n += 31) {
			sys_must(H, "echo %d >/proc/sys/vm/anon_fault_around_pages", n);
			run_checks(NULL);
		}
	}
	sys_down(H);
}

/* A stock kernel on either side. */
static void test_mixed(void)
{
	struct lab_opts o = sys_opts(H);

	if (host_up(&o, NULL)) {
		if (guest_up("patched", "vmlinuz-patched", 1)) {
			check_guest("patched");
			destroy("patched");
		}
	}
	sys_down(H);
	o = sys_opts(H);
	if (host_up(&o, built("guest-kernel/vmlinuz"))) {
		if (guest_up("stock", "vmlinuz", 1)) {
			guest_must(H, "stock", "test ! -e /sys/hypervisor/lite");
			destroy("stock");
		}
	}
	sys_down(H);
}

/* No hypervisor: nothing of ours is to be seen. */
static void test_bare(void)
{
	struct lab_opts o = sys_opts(H);

	o.hypervisor = "none";
	o.smp = 2;
	if (host_up(&o, built("guest-kernel/vmlinuz"))) {
		check_dom0();
		sys_must(H, "test ! -e /sys/hypervisor/lite");
		sys_contains(sys_must(H, "cat /proc/sys/vm/anon_fault_around_pages"), "1");
	}
	sys_down(H);
}

/* On Debian's Xen: what needs our hypervisor is off. */
static void test_xen(void)
{
	struct lab_opts o = sys_opts(H);

	o.hypervisor = built("peer/xen.gz");
	o.initrd = built("peer/dom0.cpio");
	if (access(o.hypervisor, F_OK) || access(o.initrd, F_OK)) {
		printf("left out, there is no Xen (`make peer`) ... ");
		return;
	}
	if (host_up(&o, built("guest-kernel/vmlinuz"))) {
		check_dom0();
		sys_contains(sys_must(H, "cat /sys/hypervisor/lite/features"), "0x0");
		sys_contains(sys_must(H, "cat /sys/hypervisor/lite/pt_exchange"), "0");
		sys_contains(sys_must(H, "cat /sys/hypervisor/lite/soft_dirty"), "0");
		sys_must(H, "test ! -e /sys/hypervisor/lite/counters");
		check_guests();
	}
	sys_down(H);
}

static const struct sys_test tests[] = {
	{ "ours", test_ours }, { "shared", test_shared }, { "direct", test_direct }, { "debian", test_debian },
	{ "free", test_free }, { "dirty", test_dirty }, { "resume", test_resume },
	{ "sysctl", test_sysctl }, { "mixed", test_mixed }, { "bare", test_bare }, { "xen", test_xen },
};

int main(int argc, char **argv)
{
	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
