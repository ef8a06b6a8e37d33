/* SPDX-License-Identifier: MIT */
/*
 * The commands of xl beyond the life of a domain: what people know from Xen's xl, core dumps, what explains itself.
 *
 * One host serves all tests. Most domains run the tiny kernel of tests/guest/boot; the stock guest is started once and
 * used by all tests that need a real kernel.
 */
#include "guests.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define H "xl"
#define AWAIT(name, text) \
	"for i in $(seq 600); do grep -q '" text "' /var/log/xen/console/guest-" name ".log 2>/dev/null && break; " \
	"usleep 100000; done; grep -q '" text "' /var/log/xen/console/guest-" name ".log"
#define GUEST_UP AWAIT("guest", "^guest: up") " && "
#define GUEST_LOG "/var/log/xen/console/guest-guest.log"

static void refused(int want, const char *says, const char *command)
{
	guest_refused(H, want, says, "%s", command);
}

static void absent(const char *text, const char *part)
{
	if (strstr(text, part))
		printf("\n    has '%s':\n%s\n", part, text);
	CU_ASSERT_PTR_NULL(strstr(text, part));
}

/* On this machine, not in dom0. */
static const char *local(const char *command)
{
	static char out[16384];
	char line[4096];
	size_t n;
	FILE *f;

	snprintf(line, sizeof(line), "PATH=%s/dom0-tools/xl:$PATH; %s", lab_build_dir(), command);
	f = popen(line, "r");
	CU_ASSERT_FATAL(f != NULL);
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = 0;
	pclose(f);
	return out;
}

static json_t *json_of(const char *command)
{
	json_error_t err;
	const char *out = sys_must(H, "%s", command);
	json_t *o = json_loads(out, JSON_REJECT_DUPLICATES, &err);

	if (!o)
		printf("\n    %s: %s in\n%s\n", command, err.text, out);
	CU_ASSERT_PTR_NOT_NULL(o);
	return o;
}

static void test_up(void)
{
	struct lab_opts o = sys_opts(H);
	char tiny[512];

	o.mem = 2048;
	o.timeout = 300;
	CU_ASSERT_FATAL(sys_up(&o));
	snprintf(tiny, sizeof(tiny), "%s/tests/guest/boot/boot", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, tiny, "/root/tiny", &sys_err), "push"));
	sys_must(H, "printf 'name=\"tiny\"\\nkernel=\"/root/tiny\"\\nmemory=16\\n' >/root/tiny.cfg; "
		 "xl create -q /root/guest/guest.cfg");
}

/* --- words for Xen's xl --- */

/*
 * A test runner: made paused, the console on a pipe, run, and the last line is the verdict. Then with -F and the log.
 */
static void test_runner(void)
{
	static const char name[] = "test-pv64-bare~one";
	char path[512];
	const char *out;

	snprintf(path, sizeof(path), "%s/tests/system/bare", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, path, "/root/bare", &sys_err), "push"));
	sys_must(H, "printf 'name=\"%s\"\nloader=\"generic\"\nmemory=128\nkernel=\"/root/bare\"\nmax_event_channels=4096\n"
		 "viridian=1\n' >/root/bare.cfg", name);
	out = sys_must(H, "xl create -p /root/bare.cfg 2>/dev/null; xl console '%s' </dev/null >/tmp/out & xl unpause '%s' && "
		       "wait $! && tail -n 1 /tmp/out", name, name);
	CU_ASSERT_STRING_EQUAL(out, "bare result: SUCCESS\n");
	out = sys_must(H, "xl create -F /root/bare.cfg 2>/dev/null && tail -n 1 '/var/log/xen/console/guest-%s.log'", name);
	CU_ASSERT_STRING_EQUAL(out, "bare result: SUCCESS\n");
	CU_ASSERT_STRING_EQUAL(sys_must(H, "xl info virt_caps"), "pv\n");
	CU_ASSERT_PTR_NOT_NULL(strstr(sys_must(H, "xl info xen_caps"), "xen-3.0-x86_64"));
	CU_ASSERT_STRING_EQUAL(sys_must(H, "xl info nosuch"), "");
}

/* Written for Xen's xl 4.17, with nothing in it that only we know. */
static void test_script_for_xen(void)
{
	static const char script[] =
		"set -e\n"
		"cat >/tmp/vm.cfg <<'END'\n"
		"name = \"vm1\"\ntype = \"pv\"\nkernel = \"/root/guest/vmlinuz\"\nramdisk = \"/root/guest/initramfs\"\n"
		"extra = \"console=hvc0\"\nmemory = 128\nvcpus = 1\non_reboot = \"restart\"\n"
		"END\n"
		"xl info | awk '/^free_memory/ { if ($3 < 128) exit 1 }'\n"
		"xl create /tmp/vm.cfg >/dev/null\n"
		"id=$(xl domid vm1)\n"
		"[ \"$(xl domname $id)\" = vm1 ]\n"
		"xl list vm1 | awk 'NR == 2 { if ($1 != \"vm1\" || $3 != 128 || $4 != 1) exit 1 }'\n"
		"xl vm-list | grep -q vm1\n"
		"xl pause vm1\n"
		"xl list vm1 | awk 'NR == 2 { print $5 }' | grep -q p\n"
		"xl unpause vm1\n"
		"xl list -l vm1 >/tmp/vm.json\n"
		"[ \"$(sed -n 's/.*\"name\": \"\\(.*\\)\".*/\\1/p' /tmp/vm.json | head -n 1)\" = vm1 ]\n"
		"grep -q '\"c_info\": {' /tmp/vm.json && grep -q '\"target_memkb\": 131072' /tmp/vm.json\n"
		"for i in $(seq 60); do\n"
		"grep -q '^guest: up' /var/log/xen/console/guest-vm1.log && break; sleep 1; done\n"
		"xl shutdown -w vm1\n"
		"if xl list vm1 2>/dev/null; then exit 1; fi\n"
		"xl create -q /tmp/vm.cfg\n"
		"xl destroy vm1\n"
		"if xl domid vm1 2>/dev/null; then exit 1; fi\n"
		"echo script is through\n";

	sys_must(H, "cat >/tmp/script <<'EOS'\n%sEOS\n", script);
	sys_contains(sys_must(H, "sh /tmp/script 2>&1"), "script is through\n");
}

static void test_rename(void)
{
	sys_must(H, GUEST_UP "true");
	sys_must(H, "xl rename guest web && [ $(xl domid web) = $(xenstore-list /local/domain | grep -vx 0) ]");
	refused(1, "there is no domain", "xl domid guest");
	sys_contains(sys_must(H, "xenstore-read /local/domain/$(xl domid web)/name; "
			      "kill -9 $(pidof xld); sleep 0.2; xld --daemon --pid-file /run/xen-lite/xld.pid; "
			      "xl list web"),
		     "web\n");
	refused(1, "name must not be a number", "xl rename web 17");
	refused(1, "a domain named 'Domain-0' exists", "xl rename web Domain-0");
	refused(1, "it is the domain that manages the others", "xl rename 0 zero");
	sys_must(H, "xl rename web guest");
}

static void test_sysrq_and_trigger(void)
{
	sys_must(H, GUEST_UP "sleep 1; xl sysrq guest h && " AWAIT("guest", "sysrq: HELP"));
	refused(1, "the key must be one letter, not 'hh'", "xl sysrq guest hh");
	refused(1, "there is no trigger 'foo'", "xl trigger guest foo");
	refused(1, "a PV domain does not have", "xl trigger guest power");
	refused(1, "it has no vCPU 7", "xl trigger guest nmi 7");
	sys_must(H, "xl trigger guest nmi; (sleep 1; echo; echo grep NMI /proc/interrupts; sleep 2) | "
		 "timeout 4 xl console guest | grep 'NMI: *[1-9]'");
}

static void test_hypervisor_words(void)
{
	sys_contains(sys_must(H, "xl debug-keys q"), "d0: ");
	sys_contains(sys_must(H, "xl dmesg | tail -n 6"), "d0: ");
	refused(1, "the hypervisor has none that can be changed", "xl set-parameters ept=1");
	refused(1, "out on purpose: there is one pool", "xl cpupool-list");
	refused(1, "out on purpose: there is one pool", "xl cpupool-create name=x");
	refused(1, "the scheduler is credit", "xl sched-credit2");
	refused(2, "there is no command 'cpu'", "xl cpu");
	sys_must(H, "xl dmesg -c >/dev/null; [ -z \"$(xl dmesg)\" ]");
}

static void test_suspend(void)
{
	sys_must(H, GUEST_UP "xl suspend guest && xl list guest | grep -q -- '---s--'");
	sys_contains(sys_must(H, "xl explain guest"), "it has stopped (suspend)");
	refused(1, "it has stopped (suspend)", "xl suspend guest");
	sys_must(H, "xl resume guest && xl list guest | grep -q -- '-[b-]---- '");
	refused(1, "it is not suspended", "xl resume guest");
	sys_must(H, "xl create -q -p /root/tiny.cfg");
	refused(1, "it is paused", "xl suspend tiny");
	sys_must(H, "xl destroy tiny");
}

static void test_config_update(void)
{
	sys_must(H, GUEST_UP "true");
	sys_must(H, "sed 's/^memory.*/memory = 112/' /root/guest/guest.cfg >/tmp/next.cfg; "
		 "xl config-update guest /tmp/next.cfg on_poweroff=preserve");
	sys_contains(sys_must(H, "xl explain guest"), "another one counts from its next start on");
	refused(1, "memory must be a whole number", "xl config-update guest /tmp/next.cfg memory=lots");
	refused(1, "no configuration file is given", "xl config-update guest memory=64");
	sys_must(H, "kill -9 $(pidof xld); sleep 0.2; xld --daemon --pid-file /run/xen-lite/xld.pid; rm " GUEST_LOG
		 "; xl reboot -w guest; " AWAIT("guest", "^guest: up"));
	sys_contains(sys_must(H, "xl list guest"), "   112     1 ");
	absent(sys_must(H, "xl explain guest"), "next start");
	sys_contains(sys_must(H, "xl list -l guest"), "\"on_poweroff\": \"preserve\"");
}

/* --- tables and JSON --- */

static void test_lists(void)
{
	const char *out = sys_must(H, "xl vm-list; for o in v c n Z; do xl list -$o guest; done");

	sys_contains(out, "UUID                                  ID    name\n");
	sys_contains(out, "Cpupool\n");
	sys_contains(out, "         Pool-0\n");
	sys_contains(out, "NODE Affinity\n");
	sys_contains(out, "Security Label\n");
}

static void test_json(void)
{
	static const char *const commands[] = {
		"list -l", "list -j", "vm-list -j", "claims -j", "vcpu-list -j", "sched-credit -j", "uptime -j",
		"block-list -j guest", "network-list -j guest", "info -j", "explain -j guest", "doctor -j",
		"top -j -i 1", "xenstore-quota-get -j -g",
	};
	json_t *o, *d, *info;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		char line[64];

		snprintf(line, sizeof(line), "xl %s", commands[i]);
		json_decref(json_of(line));
	}
	o = json_of("xl list -l guest");
	d = json_array_get(o, 0);
	info = json_object_get(json_object_get(d, "config"), "c_info");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(info, "name")), "guest");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(d, "state")), "running");
	json_decref(o);
}

static void test_top(void)
{
	const char *out = sys_must(H, "xl top -b -i 2 -d 0.3");

	sys_contains(out, "      NAME  STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  MAXMEM(k)");
	sys_contains(out, "  Domain-0 -----r ");
	sys_contains(out, "     guest --b---");
	CU_ASSERT_EQUAL(atoi(sys_must(H, "xl top -b -i 3 -d 0.1 | grep -c NAME")), 3);
	refused(2, "the delay must be", "xl top -b -d never");
	refused(1, "cannot be used", "TERM=nonsense xl top -i 1");
	sys_contains(sys_must(H, "TERM=linux xl top -i 1 -d 0.1"), "domains: ");
}

/* --- core dumps --- */

/* What gdb says about a file that has come from dom0. */
static const char *gdb(const char *commands)
{
	char line[2048];

	snprintf(line, sizeof(line), "gdb -nx -batch %s 2>&1 </dev/null", commands);
	return local(line);
}

static const char *dump_of(const char *domain)
{
	const char *path = sys_tmp("core");

	sys_must(H, "xl dump-core %s /tmp/core && [ ! -e /tmp/core.incomplete ]", domain);
	unlink(path);
	CU_ASSERT(sys_ok(lab_pull(H, "/tmp/core", path, &sys_err), "pull"));
	sys_must(H, "rm /tmp/core");
	return path;
}

/* A domain that has not run yet is where its kernel begins; memory is read by the names in its kernel. */
static void test_dump_core(void)
{
	char commands[1024];
	const char *out, *core;

	sys_must(H, "xl create -q -p /root/tiny.cfg");
	core = dump_of("tiny");
	snprintf(commands, sizeof(commands), "-ex 'info threads' -ex 'p $rip == (long)&_start' -ex 'x/2xg $rsp - 16' "
		 "-ex 'p hypercall_page' %s/tests/guest/boot/boot %s", lab_build_dir(), core);
	out = gdb(commands);
	sys_contains(out, "LWP 1");
	absent(out, "not a core dump");
	absent(out, "Cannot access memory");
	sys_contains(sys_must(H, "xl list tiny"), "--p---");
	sys_must(H, "xl destroy tiny");
	refused(1, "cannot write /nosuch/core.incomplete", "xl dump-core guest /nosuch/core");
	refused(1, "is not a regular file", "xl dump-core guest /dev/null");
	absent(sys_must(H, "xl list guest"), "p---");
}

/* A guest at work: its kernel's text and stack are there, and it runs on. */
static void test_dump_running(void)
{
	char commands[512];
	const char *out, *core;

	sys_must(H, GUEST_UP "true");
	core = dump_of("guest");

	snprintf(commands, sizeof(commands), "-ex 'target core %s' -ex 'x/2i $rip' -ex 'x/2xg $rsp'", core);
	out = gdb(commands);
	sys_contains(out, "=> 0xffffffff8");
	absent(out, "Cannot access memory");
	sys_must(H, "xl list guest | grep -q -- ' -[b-]---- ' || xl list guest | grep -q ' r-----'");
	sys_must(H, "xl dump-core --xen guest /tmp/x; [ $(od -An -tu2 -j56 -N2 /tmp/x) = 0 ]; rm /tmp/x");
	/* Killed on the way: nothing is left, and the guest runs. */
	sys_must(H, "xl dump-core guest /tmp/core & sleep 0.3; kill -9 $(pidof xld); wait; "
		 "xld --daemon --pid-file /run/xen-lite/xld.pid; sleep 0.2; [ ! -e /tmp/core.incomplete ] && "
		 "[ ! -e /tmp/core ] && ! xl list guest | grep -q -- '-[b-]p---'");
	sys_must(H, "xl dump-core guest /tmp/core & sleep 0.3; kill $!; wait; sleep 0.5; "
		 "[ ! -e /tmp/core.incomplete ] && ! xl list guest | grep -q -- '-[b-]p---'");
}

static void test_dump_on_crash(void)
{
	sys_must(H, "xl create -q /root/tiny.cfg extra=die=1 on_crash=coredump-destroy; for i in $(seq 100); do "
		 "xl domid tiny >/dev/null 2>&1 || break; usleep 100000; done; ! xl domid tiny 2>/dev/null && "
		 "[ $(ls /var/lib/xen-lite/dump/tiny-*.core | wc -l) = 1 ] && rm /var/lib/xen-lite/dump/*");
	/* Each life leaves its own, until it is of no use to start another. */
	sys_must(H, "xl create -q /root/tiny.cfg extra=die=1 on_crash=coredump-restart; for i in $(seq 600); do "
		 "xl domid tiny >/dev/null 2>&1 || xl jobs | grep -q tiny || break; usleep 100000; done; "
		 "! xl domid tiny 2>/dev/null && ls /var/lib/xen-lite/dump && "
		 "[ $(ls /var/lib/xen-lite/dump/tiny-*.core | wc -l) = 5 ] && rm /var/lib/xen-lite/dump/*; "
		 "tail -n 3 /var/log/xen-lite/xld.log | grep -q 'not started again'");
}

/* --- what explains itself --- */

static void test_early_death(void)
{
	const char *out = sys_must(H, "xl create /root/tiny.cfg extra=die=1 2>&1; sleep 4");

	sys_contains(out, "domain 'tiny' (id ");
	sys_contains(out, "has crashed soon after its start");
	sys_contains(out, "    | boot: nothing to live for\n");
	out = sys_must(H, "xl explain tiny");
	sys_contains(out, "does not exist any more");
	sys_contains(out, "crash: the guest kernel reports a crash");
	sys_contains(out, "    | boot: nothing to live for\n");
	out = sys_must(H, "xl create -q /root/tiny.cfg extra=die=1 2>&1; sleep 1");
	CU_ASSERT_STRING_EQUAL(out, "");
}

static void test_explain(void)
{
	const char *out;

	sys_must(H, GUEST_UP "ip link add xenbr0 type bridge; ip link set xenbr0 up; truncate -s 1M /tmp/disk; "
		 "xl block-attach guest /tmp/disk,raw,xvda,w && xl network-attach guest bridge=xenbr0");
	sys_contains(sys_must(H, "xl explain guest"), "the guest's kernel has not come to it yet");
	sys_must(H, "(sleep 0.5; echo modprobe -a xen-blkfront xen-netfront; sleep 3) | "
		 "timeout 4 xl console guest >/dev/null; for i in $(seq 50); do xl explain guest | grep -q '^ok.*vif' && break; usleep 100000; done");
	out = sys_must(H, "xl explain guest");
	sys_contains(out, "guest's end Connected, dom0's end Connected");
	sys_contains(out, "ok    vbd 51712");
	sys_must(H, "xl pause guest");
	out = sys_must(H, "xl explain guest");
	sys_contains(out, "it is paused\n");
	sys_contains(out, "try: `xl unpause` lets it run");
	sys_must(H, "xl unpause guest; xl top -b -i 1 | awk '$1 == \"guest\" { exit !($10 == 1 && $13 == 1) }'");
	refused(1, "there is no domain", "xl explain nosuch");
}

static void test_doctor(void)
{
	const char *out = sys_must(H, "xl doctor");

	sys_contains(out, "ok    hypervisor     the kernel runs on it");
	sys_contains(out, "ok    xenstored      it answers\n");
	sys_contains(out, "ok    xld            it answers");
	sys_contains(out, "ok    bridge         xenbr0");
	sys_must(H, "kill -9 $(pidof xenconsoled); sleep 0.2");
	refused(1, "bad   xenconsoled    it does not run", "xl doctor");
	sys_must(H, "xenconsoled --daemon --pid-file /run/xen-lite/xenconsoled.pid; kill -9 $(pidof xld); sleep 0.2");
	refused(1, "bad   xld            it cannot be reached", "xl doctor");
	sys_must(H, "xld --daemon --pid-file /run/xen-lite/xld.pid; xl doctor");
}

static void test_completion(void)
{
	CU_ASSERT_STRING_EQUAL(sys_must(H, "xl completion 2 xl pause ''"), "Domain-0\nguest\n");
	CU_ASSERT_STRING_EQUAL(sys_must(H, "xl completion 1 xl dump-"), "dump-core\n");
	CU_ASSERT_STRING_EQUAL(sys_must(H, "xl completion 3 xl create -f ''"), ":files\n");
	sys_contains(sys_must(H, "xl completion 3 xl create x.cfg me"), "memory=\n");
	CU_ASSERT_STRING_EQUAL(sys_must(H, "kill -9 $(pidof xld); xl completion 2 xl pause '' 2>&1; "
					"xld --daemon --pid-file /run/xen-lite/xld.pid 2>/dev/null"), "");
}

/* Each code of docs/errors.md but E_PROTOCOL (test_rpc), brought about; each leaves all as it was. */
static void test_each_error(void)
{
	static const struct { const char *code, *command; } rows[] = {
		{ "E_UNREACHABLE", "XLD_SOCKET=/nosuch xl --json-errors list" },
		{ "E_DENIED", "xl --json-errors destroy 0" },
		{ "E_NOT_FOUND", "xl --json-errors destroy nosuch" },
		{ "E_EXISTS", "xl --json-errors create -q /root/tiny.cfg" },
		{ "E_CONFIG", "xl --json-errors network-attach tiny rate=lots" },
		{ "E_NO_MEMORY", "xl --json-errors create -q /root/tiny.cfg name=t memory=90000" },
		{ "E_BUSY", "xl --json-errors shutdown tiny" },
		{ "E_HYPERVISOR", "mv /dev/xen/privcmd /tmp/privcmd; xl --json-errors create -q /root/tiny.cfg name=t; "
				  "rc=$?; mv /tmp/privcmd /dev/xen/privcmd; xl destroy t; (exit $rc)" },
		{ "E_STORE", "kill -9 $(pidof xenstored); sleep 1.5; xl --json-errors rename tiny t; rc=$?; "
			     "xenstored --daemon --pid-file /run/xen-lite/xenstored.pid; sleep 2; (exit $rc)" },
		{ "E_BUILD", "xl --json-errors create -q /root/tiny.cfg name=t kernel=/etc/passwd" },
		{ "E_TIMEOUT", "xl create -q /root/tiny.cfg name=deaf extra=stay=1; "
			       "xl --json-errors shutdown -w -t 1 deaf; rc=$?; xl destroy deaf; (exit $rc)" },
		{ "E_CANCELLED", "xl --json-errors create -q /root/guest/guest.cfg name=t & "
				 "until xl jobs | grep -q '^t .*create *running'; do :; done; xl destroy t; wait $!" },
		{ "E_INTERNAL", "kill $(pidof xld); sleep 0.5; XLD_FAIL_STEP=-5 xld --daemon --pid-file "
				"/run/xen-lite/xld.pid; xl --json-errors create -q /root/tiny.cfg name=t; rc=$?; "
				"kill $(pidof xld); sleep 0.5; xld --daemon --pid-file /run/xen-lite/xld.pid; (exit $rc)" },
		{ "E_INVALID", "xl --json-errors dump-core tiny /nosuch/core" },
		{ "E_UNSUPPORTED", "xl unpause tiny; xl --json-errors save tiny /root/t.save" },
	};
	char code[64];

	sys_must(H, "xl create -q -p /root/tiny.cfg extra=stay=1");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(code, sizeof(code), "{\"error\":{\"code\":\"%s\",\"what\":\"", rows[i].code);
		refused(1, code, rows[i].command);
	}
	sys_must(H, "xl destroy tiny; xl list");
}

/* --- what is shipped beside the programs --- */

/* What bash offers, in one line, when the last word is completed. */
static const char *tab(const char *words)
{
	char line[1024];

	snprintf(line, sizeof(line), "bash -c '. dom0-tools/xl/share/xl.bash; COMP_WORDS=(%s); "
		 "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _xl; echo \"${COMPREPLY[*]}\"' 2>&1", words);
	return local(line);
}

static void test_bash(void)
{
	CU_ASSERT_STRING_EQUAL(tab("xl dump-"), "dump-core\n");
	CU_ASSERT_STRING_EQUAL(tab("xl list --l"), "--long\n");
	CU_ASSERT_STRING_EQUAL(tab("xl create docs/error"), "docs/errors.md\n");
	CU_ASSERT_STRING_EQUAL(tab("xl create --defconfig = docs/error"), "docs/errors.md\n");
	CU_ASSERT_STRING_EQUAL(tab("xl create a.cfg on_cr"), "on_crash=\n");
	CU_ASSERT_STRING_EQUAL(tab("xl trigger x \"\""), "nmi\n");
	CU_ASSERT_STRING_EQUAL(local("bash -n dom0-tools/xl/share/xl.bash 2>&1"), "");
}

/* Each command that `xl help` lists has its place in the man page. */
static void test_man(void)
{
	char *list = strdup(local("xl help | sed -n \"s/^  \\([a-z][a-z-]*\\) .*/\\1/p\"")), *at = NULL, line[256];
	unsigned int n = 0;

	for (char *c = strtok_r(list, "\n", &at); c; c = strtok_r(NULL, "\n", &at)) {
		snprintf(line, sizeof(line), "grep -cE '^\\.It Cm %s( |$)' docs/man/xl.1", c);
		if (atoi(local(line)) != 1)
			printf("\n    docs/man/xl.1 has no entry for %s\n", c);
		CU_ASSERT_EQUAL(atoi(local(line)), 1);
		n++;
	}
	CU_ASSERT(n > 40);
	free(list);
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "up", test_up },
		{ "runner", test_runner },
		{ "script_for_xen", test_script_for_xen },
		{ "rename", test_rename },
		{ "sysrq_and_trigger", test_sysrq_and_trigger },
		{ "hypervisor_words", test_hypervisor_words },
		{ "suspend", test_suspend },
		{ "config_update", test_config_update },
		{ "lists", test_lists },
		{ "json", test_json },
		{ "top", test_top },
		{ "dump_core", test_dump_core },
		{ "dump_running", test_dump_running },
		{ "dump_on_crash", test_dump_on_crash },
		{ "early_death", test_early_death },
		{ "explain", test_explain },
		{ "doctor", test_doctor },
		{ "completion", test_completion },
		{ "each_error", test_each_error },
		{ "bash", test_bash },
		{ "man", test_man },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
