/* SPDX-License-Identifier: MIT */
/*
 * Descriptions of domains as XML and xl.cfg: a guest made of either is the same; definitions outlive xld and the host;
 * edit loses nothing; xendomains restores what ran, starts what shall run, and never restores twice.
 *
 * One host with a disk for /var/lib/xen-lite, which is power-cut in the end.
 */
#include "guests.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H "xml"
#define KILL_XLD "kill -9 $(cat /run/xen-lite/xld.pid); xld --daemon --pid-file /run/xen-lite/xld.pid; "
#define MOUNT "modprobe ext4 && mkdir -p /var/lib/xen-lite && mount /dev/vda /var/lib/xen-lite && " KILL_XLD
#define LOG(name) "/var/log/xen/console/guest-" name ".log"
#define AWAIT_UP(name) "for i in $(seq 600); do grep -q '^guest: up' " LOG(name) " 2>/dev/null && exit 0; " \
	"usleep 100000; done; tail " LOG(name) "; exit 1"

/* A domain that is restored has a new log when it says something: guest-run must not look at the end of the old one. */
#define NEW_LOGS "for g in a b c; do : >/var/log/xen/console/guest-$g.log; done; "

static struct lab_opts opts;

static void test_host(void)
{
	const char *disk = sys_tmp("lib");
	char line[2 * PATH_MAX];

	opts = sys_opts(H);
	snprintf(line, sizeof(line), "truncate -s 512M '%s' && PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 '%s'",
			disk, disk);
	CU_ASSERT_EQUAL_FATAL(system(line), 0);
	opts.disks[0] = strdup(disk);
	CU_ASSERT_FATAL(sys_up(&opts));
	sys_must(H, MOUNT "for g in a b c; do "
		 "printf 'name = \"%%s\"\\nkernel = \"/root/guest/vmlinuz\"\\nramdisk = \"/root/guest/initramfs\"\\n"
		 "extra = \"console=hvc0 lab.batch\"\\nmemory = 96\\n' $g >/root/$g.cfg; "
		 "xl dumpxml -f /root/$g.cfg >/root/$g.xml || exit 1; done");
	/* What is made at first use is there when counting begins. */
	sys_must(H, "xl create -q -p /root/a.xml && xl destroy a");
	guest_audit_begin(H);
}

static void test_create(void)
{
	sys_must(H, "xl create -n -q /root/a.cfg >/tmp/1 && xl create -n -q /root/a.xml >/tmp/2 && cmp /tmp/1 /tmp/2 "
			"&& "
		 "xl -N create -q /root/a.xml memory=100 | grep '\"memory\": 100,'");
	sys_must(H, "rm -f " LOG("a") "; xl create -q /root/a.xml 'title=\"T\"' max_maptrack_frames=0 tsc_mode=native "
		 "rtc_timeoffset=86400 max_event_channels=64 max_grant_frames=16 nomigrate=1 cpuid=host,rdrand=0; "
		 "" AWAIT_UP("a"));
	sys_must(H, "xl dumpxml a >/tmp/run.xml; grep \"<domain type='xen' id='$(xl domid a)'\" /tmp/run.xml");
	sys_contains(sys_must(H, "cat /tmp/run.xml"), "<title>T</title>");
	sys_contains(sys_must(H, "cat /tmp/run.xml"), "<lite:nomigrate>1</lite:nomigrate>");
	sys_contains(sys_must(H, "cat /tmp/run.xml"), "<timer name='tsc' mode='native'/>");
	/* What runs is what its XML says, to the letter. */
	sys_must(H, "xl create -n -q /tmp/run.xml | sed -n 's/^    \"\\(.*[^,]\\),*$/\"\\1/p' >/tmp/1; "
		 "xl list -l a | sed -n '/^            \"b_info/q; s/^            \"\\(.*[^,]\\),*$/\"\\1/p' >/tmp/2; "
		 "[ -s /tmp/1 ] && cmp /tmp/1 /tmp/2");
	/* Its clock is a day ahead. */
	sys_must(H, "t=$(date +%%s); g=$(guest-run a 60 'date +%%s' | tr -dc 0-9); d=$((g - t)); "
		 "[ $d -gt 86000 ] && [ $d -lt 87000 ] || { echo $d; exit 1; }");
	/* Features that are hidden from its kernel. */
	sys_must(H, "grep -w rdrand /proc/cpuinfo && ! guest-run a 60 'grep flags /proc/cpuinfo' | grep -w rdrand && "
		 "guest-run a 60 'grep flags /proc/cpuinfo' | grep -w cx16");
	guest_refused(H, 1, "its configuration has nomigrate = 1", "xl save a /run/a.save 2>&1");
	sys_must(H, "xl destroy a");
	guest_audit(H);
}

static void test_errors(void)
{
	sys_must(H, "sed \"s/<vcpu.*/<vcpu>0<\\/vcpu><foo\\/>/; s/<\\/devices>/<hostdev\\/>&/\" /root/a.xml "
			">/tmp/bad.xml");
	guest_refused(H, 1, "/tmp/bad.xml:5: error: <vcpu>: vcpus must be a whole number of vCPUs from 1 to 32, not "
			"'0'\n"
		      "/tmp/bad.xml:5: error: <foo>: unknown element in <domain>\n", "xl create -q /tmp/bad.xml 2>&1");
	guest_refused(H, 1, "error: <hostdev>: is not offered: devices of the host are not passed through",
		      "xl define /tmp/bad.xml 2>&1");
	guest_refused(H, 1, "a document type (<!DOCTYPE>) is not taken",
		      "echo '<!DOCTYPE x SYSTEM \"/etc/passwd\"><domain/>' >/tmp/d.xml; xl create -q /tmp/d.xml 2>&1");
	guest_refused(H, 1, "no domain is defined under this name or UUID", "xl start nobody 2>&1");
	guest_refused(H, 1, "no domain is defined under this name or UUID", "xl dumpxml nobody 2>&1");
	guest_refused(H, 1, "was not made by xld", "xl dumpxml 0 2>&1");
	guest_audit(H);
}

static void test_define(void)
{
	sys_contains(sys_must(H, "xl define /root/b.cfg /root/c.xml 2>&1"), "Domain c defined from /root/c.xml");
	sys_must(H, "ls -l /var/lib/xen-lite/defined | grep -c '^-rw-------.*[0-9a-f-]*[.]xml$' | grep 2");
	sys_contains(sys_must(H, "xl list --all"), "Domain-0");
	sys_contains(sys_must(H, "xl list --all"), "b                                            -    96     1     "
			"------       0.0\n");
	sys_contains(sys_must(H, "xl list --inactive -l"), "\"state\": \"defined\"");
	sys_must(H, "xl autostart c && [ \"$(xl autostart)\" = c ]");
	sys_must(H, KILL_XLD "xl list --inactive | grep -q '^c .* autostart$' && xl dumpxml b >/tmp/b.xml && "
		 "grep -q '<uuid>' /tmp/b.xml");
	sys_must(H, "xl start b && xl list --inactive | grep -c '^[bc] ' | grep 1; xl dumpxml b | grep -q \" id='\" && "
		 "xl dumpxml --inactive b | cmp - /tmp/b.xml");
	guest_refused(H, 1, "a domain of this name exists", "xl start b 2>&1");
	guest_refused(H, 1, "is defined with another UUID", "xl create -q /root/c.cfg "
		      "uuid=11111111-1111-1111-1111-111111111111 2>&1");
	/* A domain of that name without a UUID is that of the definition. */
	sys_must(H, "xl create -q -p /root/c.cfg && xl list --inactive | grep '^c ' ; [ $? = 1 ] && xl destroy c");
	sys_must(H, "xl undefine b && xl list b && xl destroy b");
	guest_refused(H, 1, "no domain is defined", "xl undefine b 2>&1");
	sys_must(H, "xl autostart --disable c && [ -z \"$(xl autostart)\" ]");
	guest_audit(H);
}

static void test_edit(void)
{
	sys_contains(sys_must(H, "EDITOR='sed -i /emory/s/96/97/' xl edit c 2>&1"), "Definition of c changed");
	sys_must(H, "xl list --inactive | grep '^c  *-  *97 '");
	sys_contains(sys_must(H, "EDITOR=true xl edit c 2>&1"), "Definition of c not changed");
	/* Nonsense, another UUID, somebody else, an editor that fails: the text is kept, the definition as it was. */
	guest_refused(H, 1, "what was edited is in /tmp/xl-edit-", "EDITOR='sed -i /emory/s/97/lots/' xl edit c 2>&1 "
			"</dev/null");
	sys_must(H, "grep -q '>lots<' /tmp/xl-edit-*.xml && rm /tmp/xl-edit-*");
	guest_refused(H, 1, "the UUID must stay as it is", "EDITOR=\"sed -i 's/<uuid>......../<uuid>12345678/'\" "
		      "xl edit c 2>&1 </dev/null; s=$?; rm /tmp/xl-edit-*; exit $s");
	guest_refused(H, 1, "changed by somebody else", "printf '#!/bin/sh\\nsed -i /emory/s/97/98/ $1; xl define "
			"/root/c.cfg\\n' "
		      ">/tmp/ed; chmod +x /tmp/ed; EDITOR=/tmp/ed xl edit c 2>&1 </dev/null");
	sys_must(H, "grep -q '>98<' /tmp/xl-edit-*.xml && rm /tmp/xl-edit-* && xl list --inactive | grep '^c  *-  "
			"*96 '");
	guest_refused(H, 1, "the editor 'false' failed", "EDITOR=false xl edit c 2>&1 </dev/null; s=$?; rm "
			"/tmp/xl-edit-*; "
		      "exit $s");
}

/* A guest knows whether it was booted or restored. */
static bool marked(const char *name)
{
	int status;

	guest_sh(H, name, &status, "[ -e /tmp/mark ]");
	return !status;
}

static void await_up(const char *name)
{
	sys_must(H, "for i in $(seq 600); do grep -q '^guest: up' /var/log/xen/console/guest-%s.log 2>/dev/null && "
			"exit 0; "
		 "usleep 100000; done; exit 1", name);
}

static void test_xendomains(void)
{
	sys_must(H, "rm -f /var/log/xen/console/guest-*; mkdir -p /etc/xen-lite/auto && ln -s /root/a.cfg "
			"/etc/xen-lite/auto/10-a && "
		 "sed 's/<lite:config>/&<lite:nomigrate>1<\\/lite:nomigrate>/' /root/b.xml >/etc/xen-lite/auto/20-b && "
		 "xl autostart c");
	guest_refused(H, 3, "not started", "xendomains status");
	sys_must(H, "xendomains start && xendomains status");
	await_up("a");
	await_up("b");
	await_up("c");
	guest_must(H, "a", "touch /tmp/mark");
	guest_must(H, "b", "touch /tmp/mark");
	guest_must(H, "c", "touch /tmp/mark");
	sys_must(H, "xl list >/tmp/1; xendomains start && xl list | sed 's/ [-rb]*  *[0-9.]*$//' >/tmp/2; "
		 "sed 's/ [-rb]*  *[0-9.]*$//' /tmp/1 | cmp - /tmp/2");
	/* a and c are saved, b cannot be and is shut down. */
	sys_must(H, "xl pause c; xendomains stop && [ \"$(xl list | wc -l)\" = 2 ] && xendomains stop && ! "
			"xendomains status");
	CU_ASSERT_STRING_EQUAL(sys_must(H, "ls /var/lib/xen-lite/save"), "a.save\nc.save\n");
	sys_must(H, NEW_LOGS "xendomains start && [ -z \"$(ls /var/lib/xen-lite/save)\" ]");
	await_up("b");
	CU_ASSERT_TRUE(marked("a"));
	CU_ASSERT_TRUE(marked("c"));
	CU_ASSERT_FALSE(marked("b"));
	sys_must(H, "xl destroy b");
}

/* What was saved is restored once at most, and not given up for a boot. */
static void test_saved_files(void)
{
	sys_must(H, "rm /etc/xen-lite/auto/20-b; xl autostart --disable c; xl destroy c; xendomains stop && "
		 "cd /var/lib/xen-lite/save && cp a.save /run/keep && truncate -s 100000 a.save && cp a.save "
		 "c.restoring");
	guest_refused(H, 1, "a is not restored and not booted", "xendomains start 2>&1");
	CU_ASSERT_STRING_EQUAL(sys_must(H, "ls /var/lib/xen-lite/save"), "a.save\nc.failed\n");
	sys_must(H, "! xl domid a 2>/dev/null && mv /run/keep /var/lib/xen-lite/save/a.save && " NEW_LOGS
		 "xendomains start");
	CU_ASSERT_TRUE(marked("a"));
	sys_must(H, "touch /var/lib/xen-lite/save/a.save");
	guest_refused(H, 1, "a runs already; what was saved of it is not restored", "xendomains start 2>&1");
	CU_ASSERT_STRING_EQUAL(sys_must(H, "ls /var/lib/xen-lite/save"), "a.failed\nc.failed\n");
	/* Without a place to save to, all are shut down. */
	sys_must(H, "rm -r /var/lib/xen-lite/save; mkdir -p /etc/default; echo XENDOMAINS_SAVE= "
			">/etc/default/xendomains; "
		 "xendomains stop && [ \"$(xl list | wc -l)\" = 2 ] && [ ! -e /var/lib/xen-lite/save ]; rm "
		 "/etc/default/xendomains");
	guest_audit(H);
}

/* What was defined a moment before the power went is there afterwards. */
static void test_power_cut(void)
{
	char before[8192];

	sys_must(H, "xl define /root/b.cfg && xl autostart c b");
	snprintf(before, sizeof(before), "%s", sys_must(H, "xl dumpxml b; xl dumpxml c; xl autostart"));
	sys_down(H);
	CU_ASSERT_FATAL(sys_up(&opts));
	sys_must(H, MOUNT "true");
	CU_ASSERT_STRING_EQUAL(sys_must(H, "xl dumpxml b; xl dumpxml c; xl autostart"), before);
	sys_must(H, "umount /var/lib/xen-lite");
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "host", test_host },
		{ "create", test_create },
		{ "errors", test_errors },
		{ "define", test_define },
		{ "edit", test_edit },
		{ "xendomains", test_xendomains },
		{ "saved_files", test_saved_files },
		{ "power_cut", test_power_cut },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
