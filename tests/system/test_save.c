/* SPDX-License-Identifier: MIT */
/*
 * Saving and restoring guests: a stock kernel with two vCPUs, a disk and programs that check their own memory goes into
 * a file and out of it; it may stay instead; whatever goes wrong with a save, the guest runs on; whatever is wrong with
 * a file, nothing of it stays.
 */
#include "audit.h"
#include "guests.h"
#include "load.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define H "save"
#define LOG "/var/log/xen/console/guest-g.log"
#define FILE_ "/run/g.save"
/* Change one bit of a byte, or change it back. */
#define FLIP "b=$(dd if=" FILE_ " bs=1 skip=%ld count=1 2>/dev/null | od -An -tu1); " \
	"printf \"\\\\$(printf %%03o $((b ^ 16)))\" | dd of=" FILE_ " bs=1 seek=%ld conv=notrunc 2>/dev/null"
#define IN_GUEST(fmt, ...) guest_must(H, "g", fmt, ##__VA_ARGS__)

static void test_host(void)
{
	struct lab_opts o = sys_opts(H);

	o.smp = 2;
	CU_ASSERT_FATAL(sys_up(&o));
	audit_prepare(H);
	sys_must(H, "mount -o remount,size=90%% /run; mkdir -p /run/disk; truncate -s 32M /run/disk/d.img");
	load_prepare(H, 128, "disk = [ \"/run/disk/d.img,raw,xvda,rw\" ]");
	/* Once, so that what is made once and kept is there when counting begins. */
	guest_boot(H, "g");
	sys_must(H, "xl destroy g");
	audit_begin(H);
}

/* A new life has a new log. */
static bool restore(const char *options)
{
	int status;
	const char *out = sys_sh(H, &status, ": >" LOG "; xl restore %s " FILE_ " 2>&1", options);

	if (status)
		printf("\n    xl restore: %s\n", out);
	CU_ASSERT_EQUAL(status, 0);
	return !status;
}

static void test_save(void)
{
	int status;

	load_start(H, "g");
	load_check(H, "g");
	sys_must(H, "xl save g " FILE_ " 2>&1");
	sys_sh(H, &status, "xl domid g");
	CU_ASSERT_NOT_EQUAL(status, 0);
	sys_contains(sys_must(H, "ls /run | grep g.save"), "g.save");
	sys_contains(sys_must(H, "xl verify-stream " FILE_), "good");
	sys_must(H, "sleep 5");
	if (!restore(""))
		return;
	load_check(H, "g");
	/* Again, and its disk takes writes. */
	sys_must(H, "xl save g " FILE_ " 2>&1");
	if (!restore(""))
		return;
	load_check(H, "g");
	IN_GUEST("diskcheck write /dev/xvda 2 100 50; diskcheck verify /dev/xvda 2 100 50");
	sys_must(H, "xl shutdown -w g 2>&1; rm " FILE_);
	audit_end(H);
}

/* It stays, running or paused; what was written is a whole domain all the same. */
static void test_stay(void)
{
	load_start(H, "g");
	sys_must(H, "xl save -c g " FILE_ " 2>&1");
	load_check(H, "g");
	sys_must(H, "xl save -p g " FILE_ " 2>&1");
	sys_contains(sys_must(H, "xl list g | tail -n 1"), "--p---");
	sys_must(H, "sleep 2; xl unpause g");
	load_check(H, "g");
	sys_must(H, "xl destroy g");
	if (!restore("-p"))
		return;
	sys_contains(sys_must(H, "xl list g | tail -n 1"), "--p---");
	sys_must(H, "xl unpause g");
	load_check(H, "g");
	sys_must(H, "xl destroy g");
	audit_end(H);
}

/* Its memory is copied while it runs, for a checkpoint and for good. */
static void test_live(void)
{
	load_start(H, "g");
	for (int i = 0; i < 3; i++) {
		sys_contains(sys_must(H, "xl -v save -c --live g " FILE_ " 2>&1"), "rounds while it ran");
		load_check(H, "g");
	}
	sys_must(H, "xl destroy g");
	if (!restore(""))
		return;
	load_check(H, "g");
	sys_contains(sys_must(H, "xl save --live --compress=lz4 g " FILE_ " 2>&1; xl verify-stream " FILE_),
		     "packed with lz4");
	if (!restore(""))
		return;
	load_check(H, "g");
	sys_must(H, "xl destroy g");
	audit_end(H);
}

/* Uses the file that the test before has left. */
static void test_damaged(void)
{
	long size = strtol(sys_must(H, "stat -c %%s " FILE_), NULL, 10);
	const long at[] = { 0, 13, 30, 200, 5000, size / 2, size - 3000, size - 10 };

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		sys_must(H, "head -c %ld " FILE_ " >/run/bad.save", at[i]);
		guest_refused(H, 1, "truncated", "xl verify-stream /run/bad.save 2>&1");
		guest_refused(H, 1, "truncated", "xl restore /run/bad.save 2>&1");
		sys_must(H, "rm /run/bad.save; " FLIP, at[i], at[i]);
		guest_refused(H, 1, "byte ", "xl verify-stream " FILE_ " 2>&1");
		guest_refused(H, 1, "byte ", "xl restore " FILE_ " 2>&1");
		sys_must(H, FLIP, at[i], at[i]);
	}
	sys_contains(sys_must(H, "xl verify-stream " FILE_), "good");
	sys_must(H, "rm " FILE_);
	guest_refused(H, 1, "not a migration stream", "xl restore /root/guest/vmlinuz 2>&1");
	guest_refused(H, 1, "No such file", "xl restore /root/nothing 2>&1");
	audit_end(H);
}

/* Whatever ends a save, the guest runs on and no part of a file stays. */
static void test_undone(void)
{
	int status;

	load_start(H, "g");
	sys_must(H, "mkdir -p /run/small; mount -t tmpfs -o size=8M none /run/small");
	guest_refused(H, 1, "No space left", "xl save g /run/small/f 2>&1");
	sys_contains(sys_must(H, "ls /run/small | wc -l"), "0");
	load_check(H, "g");
	guest_refused(H, 1, "No such file", "xl save g /run/nowhere/f 2>&1");
	/* Who asked goes away in the middle. */
	sys_must(H, "xl save g " FILE_ " & p=$!; while [ ! -s " FILE_ ".incomplete ]; do usleep 2000; done; kill $p; "
		 "while [ -e " FILE_ ".incomplete ]; do usleep 20000; done");
	sys_sh(H, &status, "ls " FILE_);
	CU_ASSERT_NOT_EQUAL(status, 0);
	load_check(H, "g");
	/* xld dies. */
	sys_must(H, "xl save g " FILE_ " 2>/dev/null & while [ ! -s " FILE_ ".incomplete ]; do usleep 2000; done; "
		 "kill -9 $(pidof xld | tr ' ' '\\n' | sort -n | head -n 1); sleep 1; rm -f /run/xen-lite/xld.pid; "
		 "xld --daemon --pid-file /run/xen-lite/xld.pid; wait");
	sys_sh(H, &status, "ls " FILE_ "*");
	CU_ASSERT_NOT_EQUAL(status, 0);
	load_check(H, "g");
	/* A destroy in the middle. */
	sys_must(H, "xl save g " FILE_ " 2>/dev/null & while [ ! -s " FILE_ ".incomplete ]; do usleep 2000; done; "
		 "xl destroy g; wait; ! ls " FILE_ "* 2>/dev/null");
	sys_must(H, "umount /run/small; rmdir /run/small");
	audit_end(H);
}

#define OLD_ASKED "xenstore write /local/domain/$(xl domid old)/data/life asked; "

/* A kernel of the older kind: its p2m list hangs on a tree, and it says nothing about suspending. */
static void old_is(const char *life)
{
	sys_must(H, "n=/local/domain/$(xl domid old)/data/life; for i in $(seq 100); do "
		 "[ \"$(xenstore read $n)\" = %s ] && exit 0; usleep 100000; done; "
		 "cat /var/log/xen/console/guest-old.log; exit 1", life);
}

static void test_old(void)
{
	char image[512];

	snprintf(image, sizeof(image), "%s/tests/guest/oldlist/oldlist", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, image, "/root/old", &sys_err), "push"));
	sys_must(H, "printf 'name = \"old\"\nkernel = \"/root/old\"\nmemory = 16\n' >/root/old.cfg; "
		 "xl create -q /root/old.cfg");
	old_is("first");
	for (int i = 0; i < 2; i++) {
		sys_must(H, OLD_ASKED "xl save old " FILE_ " 2>&1; xl verify-stream " FILE_ " && xl restore " FILE_);
		old_is("new");
		/* It gave 2 of its 16 MiB back: nothing is kept for it. */
		sys_contains(sys_must(H, "xl claims | awk '$1 == \"old\" { print $3, $NF }'"), "14 0\n");
	}
	sys_must(H, OLD_ASKED "xl save -c old " FILE_ " 2>&1");
	old_is("same");
	sys_must(H, "xl destroy old; xl restore " FILE_);
	old_is("new");
	sys_must(H, OLD_ASKED "xl save --live old " FILE_ " 2>&1; xl restore " FILE_);
	old_is("new");
	sys_must(H, OLD_ASKED "xl suspend old && xl resume old");
	old_is("same");
	sys_must(H, "xl destroy old; rm " FILE_);
	audit_end(H);
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "host", test_host }, { "save", test_save }, { "stay", test_stay }, { "live", test_live },
		{ "damaged", test_damaged }, { "undone", test_undone }, { "old", test_old },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
