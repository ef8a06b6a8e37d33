/* SPDX-License-Identifier: MIT */
/*
 * vCPUs, shares and memory, as `xl` sets them and as a stock guest follows: hot-plug from both sides, affinity that is
 * obeyed, the balloon down and up, limits, claims; in dom0 too. After each step all of the machine's memory is
 * accounted for, to the page. Input that makes no sense is explained and changes nothing.
 *
 * One host with four CPUs and one guest with one of four vCPUs online serve all tests, in their order.
 */
#include "guests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define H	"cm"
#define LOG	"/var/log/xen/console/guest-g.log"
#define MIB(n)	((n) * 1024L)

/* --- what can be asked and typed --- */

static long number(const char *command)
{
	return strtol(sys_must(H, "%s", command), NULL, 10);
}

/* Wait until the command succeeds. */
static bool await(const char *what, int seconds, const char *command)
{
	int status;

	sys_sh(H, &status, "for i in $(seq %d); do %s && exit 0; usleep 100000; done; exit 1", seconds * 10, command);
	if (status)
		printf("\n    %s: not within %d s\n", what, seconds);
	CU_ASSERT_EQUAL(status, 0);
	return !status;
}

/* Type a line at the guest's console. */
static void type_line(const char *line)
{
	sys_must(H, "echo '%s' >$(xenstore-read /local/domain/$(xl domid g)/console/tty)", line);
}

/* Type a line and wait until the guest has printed `says`, anew. */
static void guest_says(const char *line, const char *says)
{
	char command[256];

	sys_must(H, "grep -c '^%s' " LOG " >/tmp/before; true", says);
	type_line(line);
	snprintf(command, sizeof(command), "[ $(grep -c '^%s' " LOG ") -gt $(cat /tmp/before) ]", says);
	await(says, 10, command);
}

/* Fields of a line of `xl vcpu-list g`, blanks squeezed: "3 - --p 0-1 / all", with the time left out. */
static const char *vcpu_row(int vcpu)
{
	return sys_must(H, "xl vcpu-list g | awk '$3 == %d { print $4, $5, $7, $8, $9 }'", vcpu);
}

static const char *affinity(int vcpu)
{
	return sys_must(H, "xl vcpu-list g | awk '$3 == %d { print $7, $8, $9 }'", vcpu);
}

/* What `xl list` says a domain has, in KiB. */
static long memory(const char *domain)
{
	return number(*domain == '0' ? "xl list -l 0 | sed -n 's/.*\"memory_kib\": //p'" :
		      "xl list -l g | sed -n 's/.*\"memory_kib\": //p'");
}

static void await_memory(const char *domain, long kib)
{
	char command[160];

	snprintf(command, sizeof(command), "xl list -l %s | grep -q '\"memory_kib\": %ld,'", domain, kib);
	if (!await("memory", 20, command))
		printf("    %s has %ld KiB instead of %ld\n", domain, memory(domain), kib);
}

/* free + the hypervisor's + all domains' is total, to the page; and in MiB, as people see it. */
static void check_sum(void)
{
	long total = 0, listed = 0;

	CU_ASSERT_EQUAL(number("leak_probe | sed -n 's/lost_pages //p'"), 0);
	sscanf(sys_must(H, "xl info | awk '/^total_memory/ { t = $3 } /^free_memory|^hypervisor_memory/ { s += $3 } "
			"END { print t, s }'"), "%ld %ld", &total, &listed);
	listed += number("xl list | awk 'NR > 1 { s += $3 } END { print s }'");
	/* Each is rounded down. */
	if (listed > total || listed < total - 4)
		printf("\n    %ld MiB of %ld are accounted for\n", listed, total);
	CU_ASSERT(listed <= total && listed >= total - 4);
}

static const char *state_now(void)
{
	return sys_must(H, "xl vcpu-list | awk '{ print $1, $3, $5 ~ /p/, $7, $8, $9 }'; xl sched-credit; "
			"xl list -l | grep -E 'memory|vcpus|cpu_weight|\"cap'; for d in 0 $(xl domid g); do "
			"for n in memory cpu; do xenstore-ls /local/domain/$d/$n 2>/dev/null; done; done; true");
}

/* The command fails with status 1 and says this. */
static void refused(const char *command, const char *says)
{
	guest_refused(H, 1, says, "%s", command);
}

/* --- tests --- */

static void test_host(void)
{
	struct lab_opts o = sys_opts(H);
	char path[512];

	o.smp = 4;
	CU_ASSERT_FATAL(sys_up(&o));
	snprintf(path, sizeof(path), "%s/tests/system/leak_probe", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, path, "/usr/bin/leak_probe", &sys_err), "push"));
	snprintf(path, sizeof(path), "%s/tests/guest/boot/boot", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, path, "/root/tiny", &sys_err), "push"));
	check_sum();
	sys_contains(sys_must(H, "xl vcpu-list | head -n 1"),
		     "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)\n");
	/* Column by column. */
	CU_ASSERT_EQUAL(number("xl vcpu-list | grep -cE '^Domain-0 {29}0 {5}[0-3] {4}[0-3]   [r-][b-]- [ 0-9]{7}\\.[0-9]  "
			       "all / all$'"), 4);
	sys_contains(sys_must(H, "xl sched-credit"), "Cpupool Pool-0: tslice=30ms ");
	sys_contains(sys_must(H, "xl sched-credit"), "Name                                ID Weight  Cap\n"
		     "Domain-0                             0    256    0\n");
	sys_contains(sys_must(H, "xl claims"), "ID   Mem VCPUs\tState\tTime(s)  Claimed\nDomain-0");
}

/* Two that each fit, but not both: the second fails before it has built anything, whatever their order. */
static void test_claims(void)
{
	long free_before = 0;

	sys_must(H, "printf 'kernel=\"/root/tiny\"\\nmemory=600\\n' >/root/tiny.cfg");
	for (int i = 0; i < 2; i++) {
		const char *out = sys_must(H, "for n in a b; do (xl create -q -p /root/tiny.cfg name=$n 2>/tmp/err-$n; "
					   "echo $? >/tmp/rc-$n) & done; wait; echo $(cat /tmp/rc-a /tmp/rc-b | sort); "
					   "cat /tmp/err-a /tmp/err-b");

		CU_ASSERT_EQUAL(strncmp(out, "0 1\n", 4), 0);
		sys_contains(out, "not enough memory: the domain needs");
		sys_must(H, "for n in a b; do xl destroy $n 2>/dev/null; done; true");
		/* The first time, what is made at first use comes into being. */
		if (!i)
			free_before = number("leak_probe | sed -n 's/free_pages //p'");
	}
	sys_contains(sys_must(H, "xl info | grep ^outstanding_claims"), ": 0\n");
	CU_ASSERT_EQUAL(number("leak_probe | sed -n 's/free_pages //p'"), free_before);
	check_sum();
}

static void test_create(void)
{
	const char *bad = "xl create -q /root/g.cfg name=bad ";

	sys_must(H, "sed 's/^name .*/name = \"g\"/' /root/guest/guest.cfg >/root/g.cfg; cat >>/root/g.cfg <<END\n"
		 "vcpus = 1\nmaxvcpus = 4\nmemory = 128\nmaxmem = 256\ncpus = [\"0-1\", 2, \"all,^0\"]\n"
		 "cpus_soft = \"1\"\ncpu_weight = 512\ncap = 400\nEND\n");
	sys_must(H, "xl create -q /root/g.cfg");
	CU_ASSERT_FATAL(await("the guest's shell", 120, "grep -q '^guest: up' " LOG));
	sys_contains(sys_must(H, "grep '^guest: up' " LOG), ", 1 cpu(s), ");
	CU_ASSERT_EQUAL(memory("g"), MIB(128));
	CU_ASSERT_STRING_EQUAL(affinity(0), "0-1 / 1\n");
	CU_ASSERT_STRING_EQUAL(vcpu_row(1), "- --p 2 / 1\n");
	CU_ASSERT_STRING_EQUAL(vcpu_row(2), "- --p 1-3 / 1\n");
	CU_ASSERT_STRING_EQUAL(vcpu_row(3), "- --p all / 1\n");
	sys_contains(sys_must(H, "xl sched-credit -d g | tail -n 1"), "    512  400\n");
	sys_contains(sys_must(H, "xl list g | tail -n 1"), "   128     1     ");
	check_sum();
	sys_sh(H, NULL, "%s cpus=4 >/tmp/out 2>&1", bad);
	sys_contains(sys_must(H, "cat /tmp/out"), "none of these CPUs exists: the host has CPUs 0 to 3");
	sys_sh(H, NULL, "%s \"cpus=['0', 'node:0']\" >/tmp/out 2>&1", bad);
	sys_contains(sys_must(H, "cat /tmp/out"), "not divided into nodes");
	sys_sh(H, NULL, "%s cap=401 >/tmp/out 2>&1", bad);
	sys_contains(sys_must(H, "cat /tmp/out"), "cap (401) is more than 4 vCPUs can use");
	refused("xl domid bad", "there is no domain");
}

static void test_hotplug(void)
{
	sys_must(H, "xl vcpu-set g 3");
	/* The guest's kernel learns of it by its watch: the file may come a moment later. */
	guest_says("for i in 1 2; do f=/sys/devices/system/cpu/cpu$i/online; until [ -e $f ]; do usleep 50000; done; "
		   "echo 1 >$f; done; echo cpus-$(nproc)", "cpus-3");
	sys_contains(sys_must(H, "xl list g | tail -n 1"), "   128     3     ");
	/* From inside, both ways. */
	guest_says("echo 0 >/sys/devices/system/cpu/cpu1/online; echo cpus-$(nproc)", "cpus-2");
	CU_ASSERT_STRING_EQUAL(vcpu_row(1), "- --p 2 / 1\n");
	sys_contains(sys_must(H, "xl list g | tail -n 1"), "   128     2     ");
	guest_says("echo 1 >/sys/devices/system/cpu/cpu1/online; echo cpus-$(nproc)", "cpus-3");
	sys_must(H, "xl vcpu-list g | awk '$3 == 1' | grep -q -- '-[r-]*[b-]- '");
	/* Down again from outside: the guest's kernel does it alone. */
	sys_must(H, "xl vcpu-set g 1");
	await("one vCPU", 20, "xl list g | tail -n 1 | grep -q '   128     1     '");
	guest_says("echo cpus-$(nproc)", "cpus-1");
}

/* While the guest is busy, its vCPU is seen on these CPUs and no other. */
static void runs_on(const char *cpus)
{
	const char *out = sys_must(H, "echo $(for i in $(seq 8); do xl vcpu-list g | awk '$3 == 0 { print $4 }'; "
				   "usleep 100000; done | sort -u)");

	printf("on %.*s ... ", (int)strlen(out) - 1, out);
	for (; *out; out += 2)
		CU_ASSERT_PTR_NOT_NULL(strchr(cpus, *out));
}

static void test_pin(void)
{
	type_line("while :; do :; done & busy=$!");
	sys_must(H, "xl vcpu-pin g 0 3");
	CU_ASSERT_STRING_EQUAL(affinity(0), "3 / 1\n");
	usleep(100000);
	runs_on("3");
	sys_must(H, "xl vcpu-pin g 0 0-9,^0,^3 -");
	CU_ASSERT_STRING_EQUAL(affinity(0), "1-2 / 1\n");
	usleep(100000);
	runs_on("12");
	type_line("kill $busy");
	sys_must(H, "xl vcpu-pin g all - 0,2; xl vcpu-pin -f g all all");
	for (int v = 0; v < 4; v++)
		CU_ASSERT_STRING_EQUAL(affinity(v), "all / 0,2\n");
	sys_must(H, "xl vcpu-pin g 1 2 all");
	CU_ASSERT_STRING_EQUAL(affinity(1), "2 / all\n");
	CU_ASSERT_STRING_EQUAL(affinity(2), "all / 0,2\n");
	/* vCPUs of dom0. */
	sys_must(H, "xl vcpu-pin 0 all 0-1");
	sys_contains(sys_must(H, "xl vcpu-list 0 | awk 'NR > 1 { print $7 }' | sort -u"), "0-1\n");
	sys_must(H, "xl vcpu-pin Domain-0 all all");
}

static void test_sched(void)
{
	sys_must(H, "xl sched-credit -d g -w 100");
	sys_contains(sys_must(H, "xl sched-credit -d g | tail -n 1"), "    100  400\n");
	sys_must(H, "xl sched-credit --domain=g --cap=50");
	sys_contains(sys_must(H, "xl sched-credit | tail -n 1"), "    100   50\n");
	sys_must(H, "xl sched-credit -d g -w 65535 -c 0");
	sys_contains(sys_must(H, "xl sched-credit | tail -n 1"), "  65535    0\n");
	sys_must(H, "xl sched-credit -s -t 5");
	sys_contains(sys_must(H, "xl sched-credit -s"), "tslice=5ms");
	sys_must(H, "xl sched-credit -s -t 30");
}

static void test_balloon(void)
{
	sys_must(H, "xl mem-set g 100");
	await_memory("g", MIB(100));
	check_sum();
	sys_must(H, "xl mem-set g 262144k");
	await_memory("g", MIB(256));
	check_sum();
	guest_says("echo kib-$(($(sed -n \"s/MemTotal: *\\([0-9]*\\) kB/\\1/p\" /proc/meminfo) / 100000))", "kib-2");
	sys_must(H, "xl mem-set g 128m");
	await_memory("g", MIB(128));
	/* A guest that grows unasked gets 1 MiB, whatever it was prepared for. */
	sys_must(H, "xenstore-write /local/domain/$(xl domid g)/memory/target 200000");
	await_memory("g", MIB(129));
	sleep(1);
	CU_ASSERT_EQUAL(memory("g"), MIB(129));
	/* mem-max lets it. */
	sys_must(H, "xl mem-max g 200000k");
	await_memory("g", 200000);
	check_sum();
	refused("xl mem-max g 150", "153600 KiB are less than what it is to have now (200000 KiB)");
	refused("xl mem-set g 257", "263168 KiB are more than it can have (262144 KiB)");
	sys_must(H, "xl mem-set g 120M");
	await_memory("g", MIB(120));
	check_sum();
}

/* What was set is there again after the guest's own reboot. */
static void test_reboot(void)
{
	long id = number("xl domid g");
	char command[128];

	sys_must(H, "xl vcpu-set g 2; xl sched-credit -d g -w 300 -c 150; rm -f " LOG "; xl reboot g");
	snprintf(command, sizeof(command), "[ $(xl domid g 2>/dev/null || echo 0) -gt %ld ]", id);
	await("another domain id", 60, command);
	if (!await("the guest's shell", 120, "grep -q '^guest: up' " LOG))
		return;
	sys_contains(sys_must(H, "xl list g | tail -n 1"), "   120     2     ");
	sys_contains(sys_must(H, "xl sched-credit -d g | tail -n 1"), "    300  150\n");
	CU_ASSERT_STRING_EQUAL(affinity(1), "2 / all\n");
	CU_ASSERT_STRING_EQUAL(affinity(3), "all / 0,2\n");
	check_sum();
}

static void test_dom0(void)
{
	long all = memory("0");

	CU_ASSERT_EQUAL(all, MIB(1024));
	sys_must(H, "xl mem-set 0 700");
	await_memory("0", MIB(700));
	check_sum();
	refused("xl mem-set 0 128", "dom0 needs ");
	refused("xl mem-set 0 1025", "1049600 KiB are more than it can have (1048576 KiB)");
	refused("xl mem-max 0 699", "less than what it is to have now");
	sys_must(H, "xl mem-max 0 800");
	refused("xl mem-set 0 801", "above its limit (819200 KiB)");
	/* -f means it, but this is not below what dom0 uses: nothing may come to harm. */
	sys_must(H, "xl mem-max 0 1g && xl mem-set -f 0 690");
	await_memory("0", MIB(690));
	sys_must(H, "xl mem-set Domain-0 1g");
	await_memory("0", MIB(1024));
	check_sum();
	sys_must(H, "xl vcpu-set 0 2");
	await("two vCPUs of dom0", 20, "[ $(nproc) = 2 ]");
	sys_must(H, "xl vcpu-set 0 4");
	await("four vCPUs of dom0", 20, "for i in 2 3; do echo 1 >/sys/devices/system/cpu/cpu$i/online; done; "
	      "[ $(nproc) = 4 ]");
	CU_ASSERT_EQUAL(number("xl vcpu-list 0 | grep -c -- '--p'; true"), 0);
}

static void test_bad_input(void)
{
	static const struct { const char *command, *says; } rows[] = {
		{ "xl vcpu-list nobody", "cannot look at the vCPUs of 'nobody': there is no domain" },
		{ "xl vcpu-pin nobody 0 0", "there is no domain" },
		{ "xl vcpu-pin g 4 0", "vCPU 4 does not exist: the domain has 4" },
		{ "xl vcpu-pin g 4294967295 0", "VCPU must be a number" },
		{ "xl vcpu-pin g -- -1 0", "VCPU must be a number" },
		{ "xl vcpu-pin g one 0", "VCPU must be a number, not 'one'" },
		{ "xl vcpu-pin g 0 4", "none of these CPUs exists: the host has CPUs 0 to 3" },
		{ "xl vcpu-pin g 0 0 4-9", "none of these CPUs exists" },
		{ "xl vcpu-pin g 0 garbage", "'garbage' is neither a CPU's number" },
		{ "xl vcpu-pin g 0 0 garbage", "'garbage' is neither a CPU's number" },
		{ "xl vcpu-pin g 0 0,", "is missing" },
		{ "xl vcpu-pin g 0 ''", "an affinity is empty" },
		{ "xl vcpu-pin g 0 ^0", "leaves no CPU" },
		{ "xl vcpu-pin g 0 node:0", "not divided into nodes" },
		{ "xl vcpu-pin g all - -", "neither hard nor soft affinity" },
		{ "xl vcpu-set nobody 1", "there is no domain" },
		{ "xl vcpu-set g 0", "0 vCPUs are not possible: the domain has 1 to 4" },
		{ "xl vcpu-set g 5", "5 vCPUs are not possible" },
		{ "xl vcpu-set -i g 5", "5 vCPUs are not possible" },
		{ "xl vcpu-set g two", "must be a number, not 'two'" },
		{ "xl sched-credit -d nobody", "there is no domain" },
		{ "xl sched-credit -d g -w 0", "weight 0: it may be 1 to 65535" },
		{ "xl sched-credit -d g -w 65536", "weight 65536" },
		{ "xl sched-credit -d g -w x", "the weight must be a number" },
		{ "xl sched-credit -d g -c 401", "cap 401: 4 vCPUs can use 400 percent" },
		{ "xl sched-credit -d g -w 7 -c 401", "cap 401" },
		{ "xl sched-credit -d g -c 50%", "the cap must be a number" },
		{ "xl sched-credit -w 5", "need a domain" },
		{ "xl sched-credit -t 5", "need -s" },
		{ "xl sched-credit -s -d g", "do not go together" },
		{ "xl sched-credit -p Pool-1", "no CPU pool 'Pool-1'" },
		{ "xl sched-credit -s -t 0", "a slice of 0 ms: it may be 1 to 1000" },
		{ "xl sched-credit -s -t 1001", "a slice of 1001 ms" },
		{ "xl mem-set nobody 100", "there is no domain" },
		{ "xl mem-set g 0", "it cannot do without memory" },
		{ "xl mem-set g lots", "SIZE must be a number" },
		{ "xl mem-set g 100x", "SIZE must be a number" },
		{ "xl mem-set g 100mm", "SIZE must be a number" },
		{ "xl mem-set g ''", "SIZE must be a number" },
		{ "xl mem-set g 99999999999999999999", "SIZE must be a number" },
		{ "xl mem-set g 9999999999t", "SIZE must be a number" },
		{ "xl mem-set g 1t", "more than it can have" },
		{ "xl mem-max nobody 100", "there is no domain" },
		{ "xl mem-max g 0", "less than what it is to have now" },
		{ "xl mem-max g 1.5g", "SIZE must be a number" },
		{ "xl --json-errors mem-set g 1t", "\"code\":\"E_INVALID\"" },
	};
	char before[16384];
	int status;

	snprintf(before, sizeof(before), "%s", state_now());
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refused(rows[i].command, rows[i].says);
	sys_sh(H, &status, "xl vcpu-pin g 0");
	CU_ASSERT_EQUAL(status, 2);
	sys_sh(H, &status, "xl mem-set g");
	CU_ASSERT_EQUAL(status, 2);
	if (strcmp(state_now(), before))
		printf("\n    before:\n%s    after:\n%s", before, state_now());
	CU_ASSERT_STRING_EQUAL(state_now(), before);
}

static void test_end(void)
{
	sys_must(H, "xl destroy g");
	check_sum();
	sys_contains(sys_must(H, "dmesg | grep -ci 'oops\\|call trace'; true"), "0");
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "host", test_host }, { "claims", test_claims }, { "create", test_create },
		{ "hotplug", test_hotplug }, { "pin", test_pin }, { "sched", test_sched },
		{ "balloon", test_balloon }, { "bad input", test_bad_input }, { "reboot", test_reboot },
		{ "dom0", test_dom0 }, { "end", test_end },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
