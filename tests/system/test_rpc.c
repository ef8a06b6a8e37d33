/* SPDX-License-Identifier: MIT */
/*
 * xld from elsewhere and for others than root: TLS with certificates, plain TCP, groups, events. Who is not meant to
 * be let in is told why, on both ends, and costs nobody else anything; xld stays the same process and has as many
 * descriptors as before.
 *
 * The client runs in the same dom0, by its loopback and by the address of its card.
 */
#include "guests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H "rpc"
#define CARD "10.0.2.15"
#define LOG "/var/log/xen-lite/xld.log"
#define STOP_XLD "kill $(cat /run/xen-lite/xld.pid); while [ -e /run/xen-lite/xld.pid ]; do usleep 20000; done; "
#define START_XLD "xld --daemon --pid-file /run/xen-lite/xld.pid"
#define AS(user, command) "su " user " -c '" command "'"
/* In the shell: `new` prints what the log says since /root/lines was written. */
#define NEW_LOG "new() { tail -n +$(($(cat /root/lines) + 1)) " LOG "; }; "
/* Wait for a line in a file, 20 s at most. */
#define AWAIT(file, text) "for i in $(seq 200); do grep -q '" text "' " file " && break; usleep 100000; done; " \
	"grep -q '" text "' " file

static const char conf[] =
	"listen = tls://0.0.0.0        # all of ours\\n"
	"listen = tcp://127.0.0.1:7777\\n"
	"group = op\\nread_only_group = look\\n";

/* With more settings than those above. */
static void restart(const char *more)
{
	sys_must(H, STOP_XLD "printf '%s%s' >/etc/xen-lite/xld.conf; " START_XLD, conf, more);
}

/* A failing command and what it says; and what the log says of it then, unless that is "". */
static void refused(const char *command, const char *says, const char *logged)
{
	sys_must(H, "wc -l <" LOG " >/root/lines");
	guest_refused(H, 1, says, "%s", command);
	if (*logged)
		sys_contains(sys_must(H, NEW_LOG "for i in $(seq 50); do new | grep -q . && break; "
				      "usleep 100000; done; new"), logged);
}

static void test_up(void)
{
	struct lab_opts o = sys_opts(H);
	char tiny[512];

	CU_ASSERT_FATAL(sys_up(&o));
	snprintf(tiny, sizeof(tiny), "%s/tests/guest/boot/boot", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, tiny, "/root/tiny", &sys_err), "push"));
	sys_must(H, "printf 'name=\"tiny\"\\nkernel=\"/root/tiny\"\\nmemory=16\\non_poweroff=\"preserve\"\\n' "
		 ">/root/tiny.cfg; printf 'op:x:1001:1001::/:/bin/sh\\nlook:x:1002:1002::/:/bin/sh\\n"
		 "none:x:1003:1003::/:/bin/sh\\n' >>/etc/passwd; "
		 "printf 'op:x:1001:\\nlook:x:1002:\\nnone:x:1003:\\n' >>/etc/group; chmod 755 /run/xen-lite");
}

static void test_pki(void)
{
	const char *out = sys_must(H, "xl pki init -H localhost,127.0.0.1," CARD " -H two,elsewhere.example");

	sys_contains(out, "made /etc/xen-lite/pki/host.key\n");
	sys_contains(out, "made /etc/xen-lite/pki/two/host.pem\n");
	sys_contains(sys_must(H, "cd /etc/xen-lite/pki; stat -c '%%a %%n' host.key ca.key two/host.key two"),
		     "600 host.key\n600 ca.key\n600 two/host.key\n700 two\n");
	guest_refused(H, 1, "File exists", "xl pki init 2>&1");
	guest_refused(H, 1, "'a/b' is not the name of a host", "xl pki init -d /tmp/no -H a/b 2>&1");
	sys_must(H, "! ls /tmp/no");
	/* Another authority, and who has its certificate but trusts ours. */
	sys_must(H, "xl pki init -d /root/evil -H localhost,127.0.0.1; mkdir /root/posing; "
		 "cp /root/evil/host.* /root/posing; cp /etc/xen-lite/pki/ca.pem /root/posing");
	restart("");
	sys_must(H, "xl create -q -p /root/tiny.cfg && xl destroy tiny");
	sys_contains(sys_must(H, "cat " LOG), "listens on tcp://127.0.0.1:7777: whoever reaches it may do everything");
	guest_audit_begin(H);
}

static void test_remote(void)
{
	sys_contains(sys_must(H, "xl -H tls://localhost list"), "Domain-0");
	sys_contains(sys_must(H, "xl -H tls://" CARD ":16561 list"), "Domain-0");
	sys_contains(sys_must(H, "xl -H tcp://127.0.0.1:7777 list"), "Domain-0");
	sys_contains(sys_must(H, "xl -H unix:/run/xen-lite/xld.sock list"), "Domain-0");
	sys_contains(sys_must(H, "XLD_URI=tls://localhost xl info"), "xen_version            : 4.17");
	sys_contains(sys_must(H, "XLD_PKI=/etc/xen-lite/pki/two xl -H tls://localhost list"), "Domain-0");
	sys_must(H, "export XLD_URI=tls://localhost; xl create -q -p /root/tiny.cfg && xl unpause tiny && "
		 "until xl list tiny | grep -q -- ---s--; do usleep 100000; done; xl destroy tiny");
	guest_refused(H, 1, "in the dom0 of its host only", "xl -H tls://localhost console tiny 2>&1");
	guest_audit(H);
}

static void test_refusals(void)
{
	refused("XLD_PKI=/root/posing xl -H tls://localhost list 2>&1",
		"the server refused us: our certificate is not of the CA that it trusts",
		"the certificate of the client 'localhost' is not of the CA that we trust");
	refused("XLD_PKI=/root/evil xl -H tls://localhost list 2>&1",
		"the certificate of the server 'localhost' is not of the CA that we trust", "TLS client");
	refused("xl -H tls://127.0.0.2 list 2>&1", "is made out to 'localhost', not to '127.0.0.2'",
		"the client refused us: our certificate is not valid there");
	refused("XLD_PKI=/nowhere xl -H tls://localhost list 2>&1", "/nowhere/ca.pem: No such file", "");
	refused("xl -H tcp://127.0.0.1:16561 list 2>&1", "the other side speaks TLS and this one does not",
		"the client does not speak TLS");
	refused("xl -H tls://127.0.0.1:7777 list 2>&1", "the server does not speak TLS",
		"the other side speaks TLS and this one does not");
	refused("xl -H tls://127.0.0.1:1 list 2>&1", "127.0.0.1 port 1: Connection refused", "");
	refused("xl -H tls://no.such.host.invalid list 2>&1", "no.such.host.invalid: ", "");
	refused("xl -H http://x list 2>&1", "there are only unix:PATH, tls://HOST[:PORT] and tcp://HOST[:PORT]", "");
	refused("printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | nc 127.0.0.1 7777 | grep -q . && exit 1",
		"", "it is not the protocol of xld");
	refused("{ printf '\\000\\040\\000\\001xld1\\000\\000\\000\\001'; head -c 16 /dev/zero; } | "
		"nc 127.0.0.1 7777 | strings; exit 1", "a message of 2097153 bytes",
		"a message of 2097153 bytes; there can be 28 to 2097152");
	refused("{ printf '\\000\\000\\000\\034xld1\\000\\000\\000\\000'; head -c 16 /dev/zero; } | "
		"nc 127.0.0.1 7777 | strings; exit 1", "speaks version 0 of the protocol",
		"speaks version 0 of the protocol, this one 1");
	guest_audit(H);
}

/* Names of certificates, and mistakes in the configuration. */
static void test_conf(void)
{
	restart("tls_allow = two\\n");
	refused("xl -H tls://localhost list 2>&1", "the name of the client's certificate is not on the list tls_allow",
		"'localhost' was refused: the name of the client's certificate is not on the list");
	sys_contains(sys_must(H, "XLD_PKI=/etc/xen-lite/pki/two xl -H tls://localhost list"), "Domain-0");
	restart("");
	/* A mistake changes nothing; what is right counts for who comes next. */
	sys_must(H, "cp /etc/xen-lite/xld.conf /root/good.conf; echo colour = blue >>/etc/xen-lite/xld.conf; "
		 "kill -HUP $(cat /run/xen-lite/xld.pid); until grep -q 'stays as it was' " LOG "; do usleep 50000; done; "
		 "grep -q \"there is no setting 'colour'\" " LOG);
	sys_contains(sys_must(H, "xl pki revoke /etc/xen-lite/pki/two/host.pem"), "is on the list /etc/xen-lite/pki/crl.pem");
	sys_contains(sys_must(H, "XLD_PKI=/etc/xen-lite/pki/two xl -H tls://localhost list"), "Domain-0");
	sys_must(H, "cp /root/good.conf /etc/xen-lite/xld.conf; kill -HUP $(cat /run/xen-lite/xld.pid); "
		 "until grep -q 'read anew' " LOG "; do usleep 50000; done");
	refused("XLD_PKI=/etc/xen-lite/pki/two xl -H tls://localhost list 2>&1", "our certificate was revoked",
		"the certificate of the client 'two' was revoked");
	sys_contains(sys_must(H, "xl -H tls://localhost list"), "Domain-0");
	sys_must(H, "rm /etc/xen-lite/pki/crl.pem");
	sys_must(H, "printf 'group = op\\ncolour = blue\\nlisten = tls://\\n' >/root/bad.conf");
	guest_refused(H, 1, "/root/bad.conf:2: there is no setting 'colour'\n"
		      "/root/bad.conf:3: tls://: the host is missing", "xld --config /root/bad.conf 2>&1");
	guest_refused(H, 1, "/root/none.conf: No such file", "xld --config /root/none.conf 2>&1");
	guest_refused(H, 1, "--listen: http://x: there are only", "xld --listen http://x 2>&1");
	guest_refused(H, 1, "there is no group 'nobody-knows'", "echo group = nobody-knows >/root/bad.conf; "
		      "xld --config /root/bad.conf --state /tmp/x --socket /tmp/x.sock 2>&1");
	guest_refused(H, 1, "/nowhere: No such file", "printf 'listen = tls://127.0.0.1:1\\ntls_ca = /nowhere\\n' "
		      ">/root/bad.conf; xld --config /root/bad.conf --state /tmp/x --socket /tmp/x.sock 2>&1");
	sys_must(H, "rm -rf /tmp/x");
}

/* Clients that begin a handshake and go no further keep nobody waiting, and are dropped. */
static void test_silent(void)
{
	const char *out;

	restart("handshake = 4\\nkeepalive = 2\\n");
	sys_must(H, "wc -l <" LOG " >/root/lines; for i in 1 2 3 4; do (printf '\\026\\003\\001\\002'; sleep 8) | "
		 "nc 127.0.0.1 16561 >/dev/null & done; sleep 1");
	sys_must(H, "xl list && xl -H tls://localhost list");
	out = sys_must(H, NEW_LOG "for i in $(seq 100); do n=$(new | grep -c 'not finish the handshake within 4 s'); "
		       "[ $n = 4 ] && break; usleep 100000; done; echo $n");
	CU_ASSERT_EQUAL(atoi(out), 4);
	/* A client that is stopped while it waits for events; it does so when the first has come. */
	sys_must(H, "xl -H tls://localhost events >/root/events 2>/root/err & p=$!; "
		 "until grep -q created /root/events; do xl create -q -p /root/tiny.cfg; xl destroy tiny; done; "
		 "kill -STOP $p; " AWAIT(LOG, "silent, also when asked, for 4 s") "; rc=$?; kill -CONT $p; wait $p; "
		 "exit $rc");
	sys_contains(sys_must(H, "cat /root/err"), "xl: cannot talk to 'tls://localhost:16561': the client was silent");
	/* And one that is not stays, asked twice. */
	sys_must(H, "xl -H tls://localhost events >/dev/null 2>/root/err & p=$!; sleep 9; kill -0 $p && kill $p; "
		 "wait $p; ! grep . /root/err");
	restart("");
	guest_audit(H);
}

static void test_groups(void)
{
	sys_contains(sys_must(H, AS("op", "xl list")), "Domain-0");
	sys_must(H, AS("op", "xl create -q -p /root/tiny.cfg && xl destroy tiny") " 2>&1 || ls -ld /root");
	sys_contains(sys_must(H, AS("look", "xl list && xl info && xl vcpu-list && xl sched-credit && xl dmesg")),
		     "Domain-0");
	refused(AS("look", "xl pause Domain-0") " 2>&1", "you are in the group that may look but change nothing",
		"of user 1002 may only look, and was refused XLD_DOMAIN_PAUSE");
	refused(AS("look", "xl dmesg -c") " 2>&1", "you are in the group that may look but change nothing",
		"was refused XLD_HOST_DMESG");
	refused(AS("look", "xl sched-credit -d 0 -w 300") " 2>&1", "may look but change nothing",
		"was refused XLD_SCHED_DOMAIN");
	refused(AS("none", "xl list") " 2>&1", "user 1003 is not root, and in no group that may manage domains",
		"of user 1003 was refused: user 1003 is not root");
	sys_contains(sys_must(H, AS("none", "xl list") " 2>&1; true"),
		     "try: see group and read_only_group in xld.conf(5)");
	/* Without groups the socket itself is root's. */
	sys_must(H, STOP_XLD "mv /etc/xen-lite/xld.conf /root/xld.conf; " START_XLD);
	guest_refused(H, 1, "Permission denied", AS("look", "xl list") " 2>&1");
	sys_must(H, STOP_XLD "mv /root/xld.conf /etc/xen-lite/xld.conf; " START_XLD);
	guest_audit(H);
}

/* A domain's life as a subscriber hears of it, here and over TLS. */
static void test_events(void)
{
	const char *out;

	/* Until both have subscribed, domains come and go that do not count. */
	sys_must(H, "xl events >/root/local & xl -H tls://localhost events --json -J >/root/remote & "
		 "until [ -s /root/local ] && [ -s /root/remote ]; do xl create -q -p /root/tiny.cfg name=early; "
		 "xl destroy early; done; xl create -q -p /root/tiny.cfg; xl unpause tiny; "
		 AWAIT("/root/local", "stopped: poweroff") "; xl pause tiny; sleep 1; xl destroy tiny; "
		 AWAIT("/root/local", "destroyed") "; xl create -q -p /root/tiny.cfg name=other; xl destroy other; "
		 AWAIT("/root/remote", "other.*destroyed\\|destroyed.*other") "; killall xl xl-tls; true");
	out = sys_must(H, "sed '/early/d; s/^[^ ]* [^ ]* //; s/([0-9]*) //' /root/local");
	CU_ASSERT_STRING_EQUAL(out, "tiny created\ntiny started\ntiny stopped: poweroff\ntiny paused\ntiny destroyed\n"
			       "other created\nother destroyed\n");
	if (strncmp(out, "tiny created\ntiny started\n", 26))
		printf("\n%s\n", out);
	out = sys_must(H, "cat /root/remote");
	sys_contains(out, "{\"event\":\"created\",\"time_ms\":1");
	sys_contains(out, "\"name\":\"tiny\",\"reason\":0,\"cause\":\"poweroff\",\"uuid\":\"");
	sys_contains(out, "{\"event\":\"job\",");
	/* The end of xld is no silence. */
	sys_must(H, "xl events >/dev/null 2>/root/err & p=$!; sleep 1; " STOP_XLD "wait $p; rc=$?; "
		 START_XLD "; exit $((rc - 1))");
	sys_contains(sys_must(H, "cat /root/err"), "the daemon closed the connection");
	/* And with -r no end: what happened without it is told when it is back. */
	sys_must(H, "xl create -q -p /root/tiny.cfg; xl create -q -p /root/tiny.cfg name=other; "
		 "xl events -r >/root/again 2>/root/err & p=$!; sleep 1; xl rename other another; "
		 AWAIT("/root/again", "renamed") "; kill -STOP $p; kill -9 $(cat /run/xen-lite/xld.pid); " START_XLD
		 "; xl unpause tiny; until xl list tiny | grep -q -- ---s--; do usleep 100000; done; "
		 "xl rename another more; xl create -q -p /root/tiny.cfg name=third; xl destroy third; "
		 "xl create -q -p /root/tiny.cfg name=fourth; kill -CONT $p; " AWAIT("/root/again", "fourth") "; "
		 "xl destroy more; " AWAIT("/root/again", "more.*destroyed") "; kill $p; xl destroy tiny; xl destroy fourth");
	out = sys_must(H, "sed 's/^[^ ]* [^ ]* //; s/([0-9]*) //' /root/again | sort");
	if (strcmp(out, "another renamed, was other\nfourth created\nmore destroyed\nmore renamed, was another\n"
		   "tiny started\ntiny stopped: poweroff\n")) {
		printf("\n%s\n", out);
		CU_FAIL("not what happened");
	}
	sys_must(H, "xl events -n 2 >/root/two & p=$!; sleep 1; xl create -q -p /root/tiny.cfg; "
		 "xl destroy tiny; wait $p && grep -c . /root/two | grep 2");
	guest_audit(H);
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "up", test_up }, { "pki", test_pki }, { "remote", test_remote }, { "refusals", test_refusals },
		{ "conf", test_conf }, { "silent", test_silent }, { "groups", test_groups }, { "events", test_events },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
