/* SPDX-License-Identifier: MIT */
/*
 * The patched guest kernel (guest-patches/), one image, wherever it has to run: as dom0 and as guest here, each
 * also beside a stock kernel on the other side; on Debian's Xen when `make peer` has fetched it; without any
 * hypervisor. Memory has to behave everywhere (ptcheck), and which extensions are on has to be told truly.
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
	       sys_ok(lab_push(H, built("guest-kernel/vmlinuz"), "/root/guest/vmlinuz-patched", &sys_err), "push") &&
	       sys_ok(lab_push(H, built("guest-kernel/guest.cpio"), "/root/guest/check.initramfs", &sys_err), "push");
}

/* Every check of ptcheck is made and passes, in a guest or (NULL) in dom0. */
static void run_checks(const char *guest)
{
	static const char *const names[] = { "fork", "unmap", "dontneed", "shared", "move", "protect", "sparse", "cgroup" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *out = guest ? sys_must(H, "guest-run %s 300 ptcheck %s", guest, names[i]) :
					  sys_must(H, "ptcheck %s", names[i]);
		char line[32];

		snprintf(line, sizeof(line), "ok %s", names[i]);
		sys_contains(out, line);
		CU_ASSERT_PTR_NULL(strstr(out, "skipped"));
	}
}

static void check_dom0(void)
{
	run_checks(NULL);
	/* Nothing that the kernel itself complains about. */
	sys_contains(sys_must(H, "dmesg | grep -cE 'WARNING:|BUG:|Oops|bad pte|Bad page' || true"), "0\n");
}

static bool guest_up(const char *name, const char *kernel, int vcpus)
{
	sys_must(H, "printf 'name = \"%s\"\\nkernel = \"/root/guest/%s\"\\nramdisk = \"/root/guest/check.initramfs\"\\n"
		 "extra = \"console=hvc0 lab.batch\"\\nmemory = 128\\nvcpus = %d\\n' >/root/%s.cfg", name, kernel, vcpus, name);
	return guest_boot(H, name);
}

static void check_guest(const char *name)
{
	run_checks(name);
	sys_contains(guest_must(H, name, "dmesg | grep -cE 'WARNING:|BUG:|Oops|bad pte|Bad page' || true"), "0");
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
		sys_must(H, "test ! -e /sys/hypervisor/lite/counters");
		check_guests();
	}
	sys_down(H);
}

static const struct sys_test tests[] = {
	{ "ours", test_ours }, { "sysctl", test_sysctl }, { "mixed", test_mixed }, { "bare", test_bare }, { "xen", test_xen },
};

int main(int argc, char **argv)
{
	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
