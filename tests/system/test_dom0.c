/* SPDX-License-Identifier: MIT */
/*
 * What a stock kernel needs as dom0, proved with devices: interrupts of every kind, DMA, the network both ways, the
 * files that tools look for, and the end of the machine.
 */
#include "sys.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK_MIB 64
#define NET_MIB	 8

static char *disk_a, *disk_b;

static struct lab_opts host(const char *name)
{
	static char ahci[4200];
	struct lab_opts o = sys_opts(name);

	if (!disk_a) {
		disk_a = strdup(sys_data_file("disk-a", DISK_MIB, 11));
		disk_b = strdup(sys_data_file("disk-b", DISK_MIB, 12));
	}
	snprintf(ahci, sizeof(ahci), "%s,bus=ahci", disk_b);
	o.disks[0] = disk_a;
	o.disks[1] = ahci;
	return o;
}

/* Read all of it, write some and read that again past the cache, then see the bytes in the file outside. */
static void check_disk(const char *name, const char *dev, const char *file)
{
	sys_must(name, "for i in $(seq 50); do [ -b %s ] && break; usleep 100000; done", dev);
	sys_contains(sys_must(name, "sha256sum %s", dev), sys_sha256(file));
	sys_must(name, "head -c 4194304 /dev/urandom >/tmp/new && dd if=/tmp/new of=%s bs=64k seek=16 conv=fsync 2>&1", dev);
	sys_must(name, "echo 3 >/proc/sys/vm/drop_caches; dd if=%s bs=64k skip=16 count=64 2>/dev/null | cmp - /tmp/new",
		 dev);
	sys_contains(sys_must(name, "sync; sha256sum %s", dev), sys_sha256(file));
}

/* A listening socket on this machine; dom0 reaches it as 10.0.2.2. */
static int listen_any(int *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_FATAL(fd >= 0 && !bind(fd, (struct sockaddr *)&sa, len) && !listen(fd, 1) &&
			!getsockname(fd, (struct sockaddr *)&sa, &len));
	*port = ntohs(sa.sin_port);
	return fd;
}

/* Send `file` to whoever connects to fd, and write what comes back to `back`. */
static pid_t tcp_peer(int fd, const char *file, const char *back)
{
	pid_t pid = fork();
	char line[9000];

	if (pid)
		return pid;
	alarm(60);
	fd = accept(fd, NULL, NULL);
	if (fd < 0)
		_exit(1);
	dup2(fd, 0);
	dup2(fd, 1);
	close(fd);
	snprintf(line, sizeof(line), "cat '%s' & exec head -c %d >'%s'", file, NET_MIB << 20, back);
	execl("/bin/sh", "sh", "-c", line, NULL);
	_exit(127);
}

static void check_network(const char *name)
{
	const char *file = sys_data_file("net", NET_MIB, 13);
	char *back = strdup(sys_tmp("net-back"));
	int port, fd = listen_any(&port), status = -1;
	pid_t pid;

	sys_contains(sys_must(name, "ping -c 5 -W 5 10.0.2.2"), "5 packets received");
	pid = tcp_peer(fd, file, back);
	close(fd);
	sys_must(name, "rm -f /tmp/in; nc 10.0.2.2 %d </dev/null >/tmp/in 2>/dev/null & p=$!; "
		 "for i in $(seq 300); do [ \"$(stat -c %%s /tmp/in 2>/dev/null)\" = %d ] && break; usleep 100000; "
		 "done; "
		 "kill $p; sha256sum /tmp/in", port, NET_MIB << 20);
	sys_contains(sys_must(name, "sha256sum /tmp/in"), sys_sha256(file));
	waitpid(pid, &status, 0);
	/* And the other way. */
	fd = listen_any(&port);
	pid = tcp_peer(fd, "/dev/null", back);
	close(fd);
	sys_must(name, "nc 10.0.2.2 %d </tmp/in >/dev/null", port);
	waitpid(pid, &status, 0);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CU_ASSERT_STRING_EQUAL(sys_sha256(back), sys_sha256(file));
	unlink(back);
	free(back);
}

static void check_files(const char *name)
{
	sys_contains(sys_must(name, "cat /proc/xen/capabilities"), "control_d");
	sys_contains(sys_must(name, "cat /sys/hypervisor/type"), "xen");
	sys_contains(sys_must(name, "cat /sys/hypervisor/version/major /sys/hypervisor/version/minor"), "4\n17\n");
	sys_contains(sys_must(name, "cat /sys/hypervisor/properties/capabilities"), "xen-3.0-x86_64");
	sys_contains(sys_must(name, "cat /sys/hypervisor/uuid"), "00000000-0000-0000-0000-000000000000");
	sys_contains(sys_must(name, "cat /sys/hypervisor/guest_type"), "PV");
	CU_ASSERT(strlen(sys_must(name, "cat /sys/hypervisor/version/extra")) > 2);
	CU_ASSERT(strlen(sys_must(name, "cat /sys/hypervisor/properties/virtual_start")) > 2);
	CU_ASSERT(strlen(sys_must(name, "cat /sys/hypervisor/properties/features")) > 2);
}

static void check_32bit(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/system/sys32", lab_build_dir());
	if (sys_ok(lab_push(name, path, "/tmp/sys32", &sys_err), "push"))
		CU_ASSERT_STRING_EQUAL(sys_must(name, "/tmp/sys32"), "ok\n");
}

/* Chip set pc: interrupts of the I/O APIC (e1000), MSI-X (virtio). */
static void test_pc(void)
{
	struct lab_opts o = host("pc");
	const char *irqs;

	o.net = "e1000";
	if (!sys_up(&o))
		return;
	check_files("pc");
	check_disk("pc", "/dev/vda", disk_a);
	check_disk("pc", "/dev/sda", disk_b);
	check_network("pc");
	check_32bit("pc");
	irqs = sys_must("pc", "cat /proc/interrupts");
	sys_contains(irqs, "xen-pirq    -msi-x");
	sys_contains(irqs, "xen-pirq    -ioapic-level");
}

/* In the same host: a restart gives a working machine again, and power-off turns it off. */
static void test_reboot(void)
{
	long from = 0;

	if (!sys_ok(lab_reboot("pc", 120, &sys_err), "reboot"))
		return;
	CU_ASSERT(strtod(sys_must("pc", "cat /proc/uptime"), NULL) < 60);
	sys_contains(sys_must("pc", "cat /proc/xen/capabilities"), "control_d");
	for (int i = 0; i < 2; i++)
		sys_ok(lab_wait_console("pc", "Run /init as init process", &from, 1, &sys_err), "two starts");
}

static void test_poweroff(void)
{
	struct lab_info info;

	sys_must("pc", "poweroff");
	sys_ok(lab_wait_off("pc", 30, &sys_err), "power-off");
	CU_ASSERT_EQUAL(lab_status("pc", &info, &sys_err), 0);
	CU_ASSERT_STRING_EQUAL(info.ended, "powered off by its dom0");
	sys_down("pc");
}

/* Chip set q35: PCI Express configuration by memory, MSI (AHCI), MSI-X (virtio). */
static void test_q35(void)
{
	struct lab_opts o = host("q35");
	const char *irqs;

	o.machine = "q35";
	if (!sys_up(&o))
		return;
	check_disk("q35", "/dev/vda", disk_a);
	check_disk("q35", "/dev/sda", disk_b);
	check_network("q35");
	irqs = sys_must("q35", "cat /proc/interrupts");
	sys_contains(irqs, "xen-pirq    -msi-x");
	sys_contains(irqs, "xen-pirq    -msi ");
	sys_must("q35", "poweroff");
	sys_ok(lab_wait_off("q35", 30, &sys_err), "power-off");
	sys_down("q35");
}

/* The disk's interrupt goes to the CPU of the vCPU that dom0 wants it on, and no byte is lost on the way. */
static void expect_interrupt_on(int cpu)
{
	char line[64];

	sys_must("smp", "irq=$(sed -n 's/^ *\\([0-9]*\\):.*ahci.*/\\1/p' /proc/interrupts); "
		 "echo %d >/proc/irq/$irq/smp_affinity_list", cpu);
	sys_contains(sys_must("smp", "for i in 1 2; do echo 3 >/proc/sys/vm/drop_caches; sha256sum /dev/sda; done"),
		     sys_sha256(disk_b));
	snprintf(line, sizeof(line), "MSI 00:1f.2 entry 0, CPU %d,", cpu);
	sys_contains(sys_must("smp", "/root/xenctl_probe keys i; xl dmesg | grep '00:1f.2' | tail -n 1"), line);
}

static void test_smp(void)
{
	struct lab_opts o = host("smp");
	char probe[4200];

	if (sys_peer())
		return;
	o.machine = "q35";
	o.smp = 4;
	snprintf(probe, sizeof(probe), "%s/tests/system/xenctl_probe", lab_build_dir());
	if (!sys_up(&o) || !sys_ok(lab_push("smp", probe, "/root/xenctl_probe", &sys_err), "push"))
		return;
	CU_ASSERT_EQUAL(atoi(sys_must("smp", "nproc")), 4);
	sys_must("smp", "for n in 0 1 2 3; do /root/xenctl_probe pin $n; done");
	expect_interrupt_on(2);
	expect_interrupt_on(0);
	expect_interrupt_on(3);
	sys_down("smp");
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "pc", test_pc }, { "reboot", test_reboot }, { "power-off", test_poweroff }, { "q35", test_q35 },
		{ "smp", test_smp },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
