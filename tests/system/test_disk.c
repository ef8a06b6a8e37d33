/* SPDX-License-Identifier: MIT */
/*
 * Disks of guests: a guest whose root is ext4 on xvda, files and block devices, read-only disks and CD-ROMs, hot-plug,
 * a disk that grows, discard, a guest that does not let go, and power cuts: what was flushed is there.
 *
 * One host with two disks serves all tests: vda is a file system with images on it, vdb a block device to hand on. Most
 * is done to one guest. CYCLES in the environment sets the number of hot-plug cycles.
 */
#include "guests.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define H "disk"
#define IN_GUEST(fmt, ...) guest_must(H, "g", fmt, ##__VA_ARGS__)
#define STOP_XLD "kill $(cat /run/xen-lite/xld.pid); while [ -e /run/xen-lite/xld.pid ]; do usleep 20000; done; "
#define START_XLD "xld --daemon --pid-file /run/xen-lite/xld.pid; "
/* Wait in the guest until a file has these contents. */
#define AWAIT(file, want) "for i in $(seq 100); do [ \"$(cat " file " 2>/dev/null)\" = " want " ] && exit 0; " \
	"usleep 50000; done; cat " file "; exit 1"
/* Wait in dom0 until a command succeeds, 60 s at most. */
#define UNTIL(command) "for i in $(seq 600); do " command " 2>/dev/null && break; usleep 100000; done; "
#define TINY "xl create -q /root/tiny.cfg "

/* Set when the guest of most tests runs: without it they are not tried. */
static bool have_guest;

static const char *make_disk(const char *name, int mib, const char *command)
{
	const char *path = strdup(sys_tmp(name));
	char line[3 * PATH_MAX];

	snprintf(line, sizeof(line), "truncate -s %dM '%s' && %s '%s' >/dev/null 2>&1", mib, path, command, path);
	CU_ASSERT_EQUAL_FATAL(system(line), 0);
	return path;
}

/* qemu-nbd with its libraries, and images for it. */
static const char *make_tools(void)
{
	const char *dir = sys_tmp("tools"), *path = strdup(sys_tmp("tools.img"));
	char line[6 * PATH_MAX];

	snprintf(line, sizeof(line), "set -e; mkdir '%s'; cd '%s'; qemu=$(command -v qemu-nbd); cp $qemu .; "
		 "cp $(ldd $qemu | grep -o '/[^ ]*') .; qemu-img create -q -f qcow2 a.qcow2 16M; "
		 "qemu-img create -q -f vpc a.vhd 8M; qemu-img create -q -f qcow2 -o cluster_size=4k b.qcow2 16M; PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -d . '%s' 64M >/dev/null",
		 dir, dir, path);
	CU_ASSERT_EQUAL_FATAL(system(line), 0);
	return path;
}

static void test_up(void)
{
	struct lab_opts o = sys_opts(H);
	char file[PATH_MAX], root[PATH_MAX];

	o.disks[0] = make_disk("images", 192, "PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4");
	o.disks[1] = make_disk("plain", 16, "true");
	o.disks[2] = make_tools();
	CU_ASSERT_FATAL(sys_up(&o));
	snprintf(file, sizeof(file), "%s/tests/system/diskcheck", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, file, "/usr/bin/diskcheck", &sys_err), "push"));
	snprintf(file, sizeof(file), "%s/tests/guest/boot/boot", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, file, "/root/tiny", &sys_err), "push"));
	sys_must(H, "mkdir -p /mnt && modprobe ext4 && mount /dev/vda /mnt && cd /mnt && truncate -s 32M data && "
		 "truncate -s 8M small && head -c 4194304 /dev/urandom >cd");
	snprintf(root, sizeof(root), "%s/guest-root.ext4", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, root, "/mnt/root", &sys_err), "push"));
	sys_must(H, "cat >/root/g.cfg <<'EOF'\n"
		 "name = 'g'\nkernel = '/root/guest/vmlinuz'\nramdisk = '/root/guest/initramfs'\nmemory = 128\n"
		 "extra = 'console=hvc0 lab.batch root=/dev/xvda'\n"
		 "disk = [ '/mnt/root,raw,xvda,rw', '/mnt/data,raw,xvdb,rw', '/mnt/cd,raw,xvdc,devtype=cdrom' ]\nEOF\n"
		 "printf 'name=\"tiny\"\\nkernel=\"/root/tiny\"\\nmemory=16\\non_poweroff=\"preserve\"\\n' >/root/tiny.cfg");
	/* Once, so that whatever is made at first use is there. */
	sys_must(H, TINY "\"disk=['/mnt/small,raw,xvda,rw']\" && xl destroy tiny");
	guest_audit_begin(H);
}

/* The guest of the following tests. */
static void test_root_disk(void)
{
	have_guest = guest_boot(H, "g");
	CU_ASSERT_FATAL(have_guest);
	sys_contains(IN_GUEST("mount"), "/dev/xvda on / type ext4 (rw");
	sys_contains(IN_GUEST("cat /sys/block/xvda/size /sys/block/xvdb/size /sys/block/xvdc/size"), "49152\n65536\n8192");
	sys_contains(sys_must(H, "xl block-list g"), "51728 0   ");
	/* direct I/O: what a guest has flushed is not in dom0's page cache only */
	sys_contains(sys_must(H, "cat /sys/block/$(basename $(xenstore-read /local/domain/0/backend/vbd/$(xl domid g)/51728/"
			      "node))/loop/dio"), "1");
	sys_contains(IN_GUEST("diskcheck write /dev/xvdb 1 400 50 | tail -n 1; diskcheck verify /dev/xvdb 1 400 50"),
		     " 0 lost");
}

static void test_readonly(void)
{
	char sum[128];
	int status;

	CU_ASSERT_FATAL(have_guest);
	snprintf(sum, sizeof(sum), "%s", sys_must(H, "sha256sum </mnt/cd"));
	CU_ASSERT_STRING_EQUAL(IN_GUEST("cat /sys/block/xvdc/ro"), "1\n");
	guest_sh(H, "g", &status, "echo x >/dev/xvdc");
	CU_ASSERT_NOT_EQUAL(status, 0);
	CU_ASSERT_STRING_EQUAL(IN_GUEST("sha256sum </dev/xvdc"), sum);
	/* The back end refuses too, whatever the front end believes. */
	IN_GUEST("blockdev --setrw /dev/xvdc; dd if=/dev/zero of=/dev/xvdc bs=4096 count=1 oflag=direct 2>/dev/null; true");
	CU_ASSERT_STRING_EQUAL(IN_GUEST("echo 3 >/proc/sys/vm/drop_caches; sha256sum </dev/xvdc"), sum);
	CU_ASSERT_STRING_EQUAL(sys_must(H, "echo 3 >/proc/sys/vm/drop_caches; sha256sum </mnt/cd"), sum);
}

/* Two may read, or one may write, unless the user says that he knows better. */
static void test_in_use(void)
{
	CU_ASSERT_FATAL(have_guest);
	guest_refused(H, 1, "/mnt/data is in use as /dev/loop", TINY "\"disk=['/mnt/data,raw,xvda,rw']\"");
	guest_refused(H, 1, "/mnt/data is in use as /dev/loop", TINY "\"disk=['/mnt/data,raw,xvda,ro']\"");
	sys_must(H, TINY "\"disk=['/mnt/cd,raw,xvda,ro']\" && xl destroy tiny");
	guest_refused(H, 1, "/mnt/cd is in use as /dev/loop", TINY "\"disk=['/mnt/cd,raw,xvda,rw']\"");
	sys_must(H, TINY "-p \"disk=['/mnt/data,raw,xvda,w!']\" && xl destroy tiny");
	guest_refused(H, 1, "/dev/vda is in use in dom0", TINY "\"disk=['phy:/dev/vda,xvda,w']\"");
	guest_refused(H, 1, "/dev/vda is mounted in dom0 on /mnt, for writing", TINY "\"disk=['phy:/dev/vda,xvda,r']\"");
	sys_must(H, "xl block-attach g phy:vdb,xvdd,w");
	guest_refused(H, 1, "/dev/vdb is in use by domain ", TINY "\"disk=['/dev/vdb,raw,xvda,r']\"");
	IN_GUEST("diskcheck write /dev/xvdd 2 50 50; diskcheck verify /dev/xvdd 2 50 50");
	sys_must(H, "xl block-detach g xvdd; diskcheck verify /dev/vdb 2 50 50");
	guest_refused(H, 1, "/nosuch: No such file or directory", TINY "\"disk=['/nosuch,raw,xvda']\"");
	guest_refused(H, 1, "is neither a file nor a block device", TINY "\"disk=['/mnt,raw,xvda']\"");
	guest_refused(H, 1, "vdev is missing", TINY "\"disk=['/mnt/cd']\"");
	guest_refused(H, 1, "cannot be run", TINY "\"disk=['vdev=xvda,script=nosuch,target=x']\"");
}

/* One disk comes and goes while another one is written to. */
static void test_hotplug(void)
{
	int cycles = getenv("CYCLES") ? atoi(getenv("CYCLES")) : 5;

	CU_ASSERT_FATAL(have_guest);
	guest_refused(H, 1, "the domain has a device vbd 51728 already", "xl block-attach g /mnt/small,raw,xvdb");
	guest_refused(H, 1, "it has no device 'xvde'", "xl block-detach g xvde");
	IN_GUEST("(diskcheck write /dev/xvdb 21 0 20 >/tmp/busy) >/dev/null 2>&1 &");
	for (int i = 0; i < cycles; i++) {
		sys_must(H, "cd /mnt && xl block-attach g small,raw,xvde,rw");
		IN_GUEST(AWAIT("/sys/block/xvde/size", "16384"));
		IN_GUEST("diskcheck write /dev/xvde %d 20 20 && diskcheck verify /dev/xvde %d 20 20", i, i);
		sys_must(H, "xl block-detach g 51776");
		IN_GUEST("[ ! -e /sys/block/xvde ]");
		sys_must(H, "diskcheck verify /mnt/small %d 20 20", i);
	}
	sys_contains(sys_must(H, "xl list -l g | grep -c backendtype; xl block-list g | wc -l"), "3\n4\n");
	/* The other disk has been written to all the time. */
	IN_GUEST("kill $(pidof diskcheck); n=$(sed -n 's/^flushed \\([0-9]*\\)$/\\1/p' /tmp/busy | tail -n 1); "
		 "[ $n -ge 100 ] && diskcheck verify /dev/xvdb 21 $n 20");
}

/* Attach, write, detach; attach again, and it is there. */
static void write_and_read(const char *disk, const char *size)
{
	sys_must(H, "xl block-attach g vdev=xvde,%s", disk);
	guest_must(H, "g", AWAIT("/sys/block/xvde/size", "%s"), size);
	IN_GUEST("diskcheck write /dev/xvde 4 50 50");
	sys_must(H, "xl block-detach g xvde && ! pidof qemu-nbd >/dev/null || [ -e /tmp/server ]");
	sys_must(H, "xl block-attach g vdev=xvde,access=ro,%s", disk);
	guest_must(H, "g", AWAIT("/sys/block/xvde/size", "%s"), size);
	IN_GUEST("diskcheck verify /dev/xvde 4 50 50");
	sys_must(H, "xl block-detach g xvde");
}

/* Formats that the kernel does not know, and disks across the network, by qemu-nbd. */
static void test_formats(void)
{
	CU_ASSERT_FATAL(have_guest);
	guest_refused(H, 1, "needs qemu-nbd, which is missing: install the package qemu-utils",
		      "xl block-attach g /opt/a.qcow2,qcow2,xvde");
	sys_must(H, "mkdir -p /opt && mount /dev/vdc /opt && printf '#!/bin/sh\nLD_LIBRARY_PATH=/opt exec /opt/qemu-nbd "
		 "\"$@\"\n' >/usr/bin/qemu-nbd && chmod +x /usr/bin/qemu-nbd");
	guest_refused(H, 1, "/opt/a.vhd", "xl block-attach g /opt/a.vhd,qcow2,xvde");
	write_and_read("format=qcow2,target=/opt/a.qcow2", "32768");
	write_and_read("format=vhd,target=/opt/a.vhd", "16388");
	sys_must(H, "touch /tmp/server; qemu-nbd --fork --persistent --format=raw --socket=/tmp/nbd /mnt/small");
	write_and_read("target=nbd+unix:///?socket=/tmp/nbd", "16384");
	sys_must(H, "kill $(pidof qemu-nbd); rm /tmp/server; diskcheck verify /mnt/small 4 50 50");
	/* What serves a domain ends with it. */
	sys_must(H, TINY "\"disk=['/opt/a.qcow2,qcow2,xvda']\" && pidof qemu-nbd && xl destroy tiny && "
		 "! pidof qemu-nbd && umount /opt");
}

/*
 * Who serves an image is killed while the guest writes: qemu-nbd, with what it has in memory about blocks that are new,
 * and block-keeper between it and the kernel. The guest only waits, and nothing that it has flushed is lost.
 */
static void test_server_death(void)
{
	int done = 0;

	CU_ASSERT_FATAL(have_guest);
	sys_must(H, "mount /dev/vdc /opt && xl block-attach g /opt/b.qcow2,qcow2,xvde");
	IN_GUEST(AWAIT("/sys/block/xvde/size", "32768"));
	IN_GUEST("(diskcheck write /dev/xvde 8 1500 50 >/tmp/served; echo $? >>/tmp/served) >/dev/null 2>&1 &");
	for (int i = 0; i < 5; i++)
		sys_must(H, "usleep %d; " UNTIL("pidof qemu-nbd >/dev/null") "kill -9 $(pidof qemu-nbd) || true",
			 100000 + i * 70000);
	/* Either has a copy: they may not die both before the other one has it again. */
	IN_GUEST("n=$(wc -l </tmp/served); for i in $(seq 500); do [ $(wc -l </tmp/served) -gt $((n + 2)) ] && exit 0; "
		 "usleep 20000; done; exit 1");
	sys_must(H, "kill -9 $(pidof block-keeper)");
	for (int i = 0; i < 10 && !done; i++)
		done = atoi(IN_GUEST("for i in $(seq 200); do grep -q '^0$' /tmp/served && break; usleep 100000; done; "
				     "grep -c '^0$' /tmp/served; true"));
	CU_ASSERT(done);
	IN_GUEST("diskcheck verify /dev/xvde 8 1500 50 && ! dmesg | grep 'I/O error'");
	/* Both at once, while xld is away; nothing is under way. */
	sys_must(H, STOP_XLD "kill -9 $(pidof block-keeper) $(pidof qemu-nbd); usleep 300000; " START_XLD "true");
	IN_GUEST("echo 3 >/proc/sys/vm/drop_caches; diskcheck verify /dev/xvde 8 1500 50");
	IN_GUEST("diskcheck write /dev/xvde 9 50 50 && diskcheck verify /dev/xvde 9 50 50");
	/* It does not come back: the disk can be taken away all the same, under requests that wait. */
	sys_must(H, "mv /usr/bin/qemu-nbd /usr/bin/away; kill -9 $(pidof qemu-nbd)");
	IN_GUEST("dd if=/dev/xvde of=/dev/null bs=4096 count=1 iflag=direct >/dev/null 2>&1 &");
	sys_must(H, "xl block-detach --force g xvde; ! pidof block-keeper; ! cat /sys/block/nbd*/pid; "
		 "! ls /run/xen-lite/nbd-* 2>/dev/null; mv /usr/bin/away /usr/bin/qemu-nbd; umount /opt");
}

/* dom0's back end dies under a file system and comes back: what was under way is done again, the guest only waits. */
static void test_back_end_death(void)
{
	CU_ASSERT_FATAL(have_guest);
	IN_GUEST("(diskcheck write /dev/xvdb 6 2000 20 >/tmp/death; echo $? >>/tmp/death; sync) >/dev/null 2>&1 &");
	sys_must(H, "usleep 300000; cd /sys/bus/xen-backend/drivers/vbd; id=$(xl domid g); for d in 51712 51728; do "
		 "echo vbd-$id-$d >unbind; done; sleep 2; for d in 51712 51728; do echo vbd-$id-$d >bind; done");
	IN_GUEST("for i in $(seq 500); do grep -q '^0$' /tmp/death && exit 0; usleep 100000; done; "
		 "cat /tmp/death | tail -n 3; exit 1");
	IN_GUEST("diskcheck verify /dev/xvdb 6 2000 20 && date >/after && sync && ! dmesg | grep 'I/O error'");
}

/* Another disc, none, none again, one of another format; what cannot be inserted leaves the drive alone. */
static void test_cd(void)
{
	char sum[128];

	CU_ASSERT_FATAL(have_guest);
	sys_must(H, "head -c 2097152 /dev/urandom >/mnt/cd2");
	snprintf(sum, sizeof(sum), "%s", sys_must(H, "sha256sum </mnt/cd2"));
	guest_refused(H, 1, "/mnt/nosuch: No such file or directory; the drive is left as it was", "xl cd-insert g xvdc /mnt/nosuch");
	guest_refused(H, 1, "xvdb is a disk and no CD-ROM drive", "xl cd-insert g xvdb /mnt/cd2");
	guest_refused(H, 1, "it has no CD-ROM drive xvdz", "xl cd-eject g xvdz");
	guest_refused(H, 1, "is no name of a virtual disk", "xl cd-eject g floppy");
	IN_GUEST(AWAIT("/sys/block/xvdc/size", "8192"));
	sys_must(H, "cd /mnt && xl cd-insert g xvdc cd2");
	IN_GUEST(AWAIT("/sys/block/xvdc/size", "4096"));
	CU_ASSERT_STRING_EQUAL(IN_GUEST("sha256sum </dev/xvdc"), sum);
	sys_contains(sys_must(H, "xl list -l g"), "target=/mnt/cd2");
	sys_must(H, "xl cd-eject g xvdc && xl cd-eject g xvdc");
	IN_GUEST("[ ! -e /sys/block/xvdc ]");
	sys_contains(sys_must(H, "xl list -l g"), "vdev=xvdc,access=ro,devtype=cdrom,backendtype=phy,target=\"");
	guest_refused(H, 1, "/mnt/data is in use as /dev/loop", "xl cd-insert g xvdc /mnt/data");
	/* An attach that dies leaves an empty drive. */
	sys_must(H, STOP_XLD "XLD_FAIL_STEP=-1 " START_XLD "! xl cd-insert g xvdc /mnt/cd; " STOP_XLD START_XLD
		 "! xl block-list g | grep 51744; xl list -l g | grep -q 'vdev=xvdc.*target=\"'");
	sys_must(H, "xl cd-insert g xvdc raw:/mnt/cd");
	IN_GUEST(AWAIT("/sys/block/xvdc/size", "8192"));
	/* A drive that is empty from the beginning, and one that goes. */
	sys_must(H, TINY "-p \"disk=[',raw,xvdc,cdrom']\" && xl cd-insert tiny xvdc /mnt/cd && xl block-list tiny | grep -q 51744 && "
		 "xl cd-eject tiny xvdc && xl block-detach tiny xvdc && ! xl list -l tiny | grep cdrom && xl destroy tiny");
}

/* Devices of a domain that xld does not know how to make: they last as long as it. */
static void test_foreign(void)
{
	CU_ASSERT_FATAL(have_guest);
	sys_must(H, TINY "-p; ip link add xenbr0 type bridge; " STOP_XLD "rm $(grep -l '\"name\": \"tiny\"' /run/xen-lite/domains/*); "
		 START_XLD "xl block-attach tiny /mnt/small,raw,xvda,rw && xl network-attach tiny && xl network-attach tiny; "
		 "xl block-list tiny | grep -q '^51712' && [ $(xl network-list tiny | wc -l) = 3 ]");
	guest_refused(H, 1, "it has no CD-ROM drive xvdc that xld knows: xld did not make it", "xl cd-insert tiny xvdc /mnt/cd");
	guest_refused(H, 1, "the domain has a device vbd 51712", "xl block-attach tiny /mnt/cd,raw,xvda,ro");
	sys_must(H, "xl network-detach tiny 0 && xl network-attach tiny && [ $(xl network-list tiny | wc -l) = 3 ] && "
		 "xl block-detach tiny xvda && xl block-attach tiny /mnt/small,raw,xvda,rw && xl destroy tiny; "
		 "! losetup -a | grep small; ip link del xenbr0; [ ! -d /sys/bus/xen-backend/devices/vif-* ]");
}

static void test_resize(void)
{
	CU_ASSERT_FATAL(have_guest);
	sys_must(H, "truncate -s 40M /mnt/data && xl block-resize g xvdb");
	IN_GUEST(AWAIT("/sys/block/xvdb/size", "81920"));
}

static void test_discard(void)
{
	int before = atoi(sys_must(H, "sync; stat -c %%b /mnt/data")), after;

	CU_ASSERT_FATAL(have_guest);
	IN_GUEST("blkdiscard /dev/xvdb");
	after = atoi(sys_must(H, "sync; stat -c %%b /mnt/data"));
	CU_ASSERT(before > 1000);
	CU_ASSERT(after < 100);
}

/* A guest that does not react keeps its disk, and one hears why; --force takes it. */
static void test_not_released(void)
{
	CU_ASSERT_FATAL(have_guest);
	sys_must(H, "xl block-attach g /mnt/small,raw,xvde,rw");
	IN_GUEST(AWAIT("/sys/block/xvde/size", "16384"));
	sys_must(H, "xl pause g");
	guest_refused(H, 1, "the guest has not released vbd 51776 after 10 s (the front end is Connected, the back end "
		      "Closing)", "xl block-detach g xvde");
	sys_contains(sys_must(H, "xl block-list g"), "51776 ");
	sys_must(H, "xl block-detach --force g xvde; xl unpause g");
	IN_GUEST(AWAIT("/sys/block/xvde/size", "\"\""));
	IN_GUEST("diskcheck write /dev/xvdb 3 20 20");
}

/*
 * A disk is taken away just when the guest's kernel reads its partition table, or under requests. A request that nobody
 * answers would stop all that hears the store in that guest.
 */
static void test_torn_away(void)
{
	CU_ASSERT_FATAL(have_guest);
	sys_must(H, STOP_XLD "XLD_FAIL_STEP=-1 " START_XLD);
	for (int i = 0; i < 5; i++)
		sys_must(H, "! xl block-attach g /mnt/small,raw,xvde");
	sys_must(H, STOP_XLD START_XLD "xl block-attach g /mnt/small,raw,xvde");
	for (int i = 0; i < 5; i++) {
		IN_GUEST(AWAIT("/sys/block/xvde/size", "16384"));
		IN_GUEST("for p in 1 2 3; do (while dd if=/dev/xvde bs=64k iflag=direct; do :; done) >/dev/null 2>&1 & "
			 "done; usleep 200000");
		sys_must(H, "xl block-detach --force g xvde && xl block-attach g /mnt/small,raw,xvde");
	}
	IN_GUEST(AWAIT("/sys/block/xvde/size", "16384"));
	sys_must(H, "xl block-detach g xvde");
	IN_GUEST("[ ! -e /sys/block/xvde ]");
}

/* An attach that fails or whose worker or daemon dies leaves the domain as it was. */
static void test_attach_fails(void)
{
	char before[1024];

	CU_ASSERT_FATAL(have_guest);
	snprintf(before, sizeof(before), "%s", sys_must(H, "xl block-list g"));
	sys_must(H, STOP_XLD "XLD_FAIL_STEP=1 " START_XLD "! xl block-attach g /mnt/small,raw,xvde");
	CU_ASSERT_STRING_EQUAL(sys_must(H, "xl block-list g"), before);
	sys_must(H, STOP_XLD "XLD_FAIL_STEP=-1 " START_XLD "! xl block-attach g /mnt/small,raw,xvde");
	CU_ASSERT_STRING_EQUAL(sys_must(H, "xl block-list g"), before);
	sys_must(H, STOP_XLD START_XLD "printf '#!/bin/sh\\nsleep 3\\n' >/root/slow; chmod +x /root/slow; "
		 "xl block-attach g vdev=xvde,script=/root/slow,target=x 2>/dev/null & "
		 UNTIL("xl block-list g | grep -q 51776") "kill -9 $(pidof xld); wait; " START_XLD
		 UNTIL("! xl block-list g | grep -q 51776"));
	CU_ASSERT_STRING_EQUAL(sys_must(H, "xl block-list g"), before);
	/* A destroy does not wait for an attach. */
	sys_must(H, TINY "-p; xl block-attach tiny vdev=xvda,script=/root/slow,target=x 2>/tmp/out & "
		 UNTIL("xl block-list tiny 2>/dev/null | grep -q 51712") "xl destroy tiny; wait; "
		 "grep -q 'it was cancelled' /tmp/out");
	IN_GUEST("diskcheck write /dev/xvdb 3 20 20");
}

/* Writes go on when the domain is destroyed: what it had flushed is there, and its root file system is in order. */
static void test_power_cut(void)
{
	long flushed;

	CU_ASSERT_FATAL(have_guest);
	for (int i = 0; i < 2; i++) {
		sys_must(H, "wc -l </var/log/xen/console/guest-g.log >/run/lines");
		IN_GUEST("(diskcheck write /dev/xvdb %d 0 20 >/dev/hvc0 &); "
			 "(while :; do date >/file; sync; done >/dev/null 2>&1 &)", 10 + i);
		sys_must(H, UNTIL("tail -n +$(($(cat /run/lines) + 1)) /var/log/xen/console/guest-g.log | "
				  "grep -q '^flushed [0-9]\\{3\\}'") "xl destroy g");
		flushed = atol(sys_must(H, "grep '^flushed [0-9]*.$' /var/log/xen/console/guest-g.log | tail -n 1 | "
					"tr -dc 0-9"));
		printf("%ld writes flushed ... ", flushed);
		CU_ASSERT(flushed >= 100);
		sys_must(H, "diskcheck verify /mnt/data %d %ld 20", 10 + i, flushed);
		have_guest = guest_boot(H, "g");
		CU_ASSERT_FATAL(have_guest);
		sys_contains(IN_GUEST("mount; dmesg | grep EXT4"), "/dev/xvda on / type ext4 (rw");
	}
}

static void test_end(void)
{
	sys_must(H, "xl shutdown -w -t 60 g 2>&1");
	guest_audit(H);
	for (int step = 10; step <= 12; step++) {
		sys_must(H, STOP_XLD "XLD_FAIL_STEP=%d " START_XLD
			 "! xl create -q /root/tiny.cfg \"disk=['/mnt/small,raw,xvda','/mnt/cd,raw,xvdb,ro']\"", step);
		sys_must(H, STOP_XLD "XLD_FAIL_STEP=-%d " START_XLD
			 "! xl create -q /root/tiny.cfg \"disk=['/mnt/small,raw,xvda','/mnt/cd,raw,xvdb,ro']\"", step);
	}
	sys_must(H, STOP_XLD START_XLD "true");
	guest_audit(H);
	/* The successor of a domain that is kept gets its disks. */
	sys_must(H, TINY "on_poweroff=rename-restart \"disk=['/mnt/small,raw,xvda']\"; "
		 UNTIL("[ $(xl list | wc -l) = 7 ]") "xl destroy tiny tiny-1 tiny-2 tiny-3 tiny-4");
	guest_audit(H);
	sys_must(H, "umount /mnt");
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "up", test_up },
		{ "root_disk", test_root_disk },
		{ "readonly", test_readonly },
		{ "in_use", test_in_use },
		{ "hotplug", test_hotplug },
		{ "formats", test_formats },
		{ "server_death", test_server_death },
		{ "back_end_death", test_back_end_death },
		{ "cd", test_cd },
		{ "foreign", test_foreign },
		{ "resize", test_resize },
		{ "discard", test_discard },
		{ "not_released", test_not_released },
		{ "torn_away", test_torn_away },
		{ "attach_fails", test_attach_fails },
		{ "power_cut", test_power_cut },
		{ "end", test_end },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
