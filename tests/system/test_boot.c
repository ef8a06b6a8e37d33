/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor starts on every machine that it promises, and where it cannot it says why in one readable line.
 */
#include "sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *log_text(const char *name)
{
	static char text[1 << 20];
	FILE *f = fopen(lab_path(name, "serial.log"), "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = 0;
	return text;
}

static int count(const char *text, const char *part)
{
	int n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

/* It boots a stock dom0 that has the memory and the rights it should. */
static void expect_boot(struct lab_opts *o, long dom0_mib, int cpus)
{
	long kib;

	if (!sys_up(o))
		return;
	sys_contains(sys_must(o->name, "cat /proc/xen/capabilities"), "control_d");
	kib = strtol(sys_must(o->name, "sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"), NULL, 10);
	/* What the kernel keeps for itself grows with the memory. */
	CU_ASSERT(kib <= dom0_mib * 1024 && kib >= dom0_mib * 1024 * 3 / 4);
	CU_ASSERT_EQUAL(atoi(sys_must(o->name, "nproc")), cpus);
	CU_ASSERT_EQUAL(count(log_text(o->name), "Run /init"), 1);
	sys_down(o->name);
}

static void test_qemu64_pc(void)
{
	struct lab_opts o = sys_opts("boot");

	o.cpu = "qemu64";
	o.mem = 1024;
	o.xen_args = "dom0_mem=640M loglvl=all";
	expect_boot(&o, 640, 1);
}

static void test_max_q35(void)
{
	struct lab_opts o = sys_opts("boot");

	if (sys_peer())
		return;		/* dies there: SMAP under TCG */
	o.cpu = "max";
	o.machine = "q35";
	o.mem = 4096;
	o.xen_args = "dom0_mem=1536M";
	expect_boot(&o, 1536, 1);
}

static void test_large_smp(void)
{
	struct lab_opts o = sys_opts("boot");

	o.mem = 16384;
	o.smp = 2;
	o.xen_args = "dom0_mem=2G dom0_max_vcpus=1";
	expect_boot(&o, 2048, 1);
}

/* The same image, by multiboot 2 from GRUB. */
static void test_grub(const char *machine, const char *cpu)
{
	struct lab_opts o = sys_opts("boot"), iso = o;
	char *path = strdup(sys_tmp("boot.iso"));

	iso.name = NULL;
	iso.owner = 0;
	if (sys_ok(lab_iso(&iso, path, &sys_err), "iso")) {
		o.iso = path;
		o.machine = machine;
		o.cpu = cpu;
		expect_boot(&o, 1024, 1);
	}
	unlink(path);
	free(path);
}

static void test_grub_pc(void)
{
	test_grub("pc", "qemu64");
}

static void test_grub_q35(void)
{
	if (!sys_peer())
		test_grub("q35", "max");
}

/* Words that it does not know or cannot use are named, and the machine starts all the same. */
static void test_bad_option(void)
{
	struct lab_opts o = sys_opts("boot");
	long from = 0;

	if (sys_peer())
		return;
	o.xen_args = "dom0_memory=77M loglvl=loud";
	if (!sys_up(&o))
		return;
	sys_ok(lab_wait_console("boot", "'dom0_memory=77M' is ignored: there is no such option", &from, 1, &sys_err),
	       "unknown option");
	from = 0;
	sys_ok(lab_wait_console("boot", "'loglvl=loud' is ignored: loglvl= expects", &from, 1, &sys_err), "bad value");
	sys_contains(sys_must("boot", "xl dmesg"), "dom0_memory=77M");
	sys_down("boot");
}

/* It must stop with a line that contains `why`, once, and neither reset nor panic. */
static void expect_line(struct lab_opts *o, const char *line, const char *why)
{
	const char *log;

	o->timeout = 40;
	o->xen_args = o->xen_args ? o->xen_args : "noreboot";
	CU_ASSERT_NOT_EQUAL(lab_up(o, &sys_err), 0);
	log = log_text(o->name);
	sys_contains(log, line);
	sys_contains(log, why);
	CU_ASSERT_EQUAL(count(log, line), 1);
	CU_ASSERT_EQUAL(count(log, "PANIC"), 0);
	sys_down(o->name);
}

static void expect_refusal(struct lab_opts *o, const char *why)
{
	expect_line(o, "cannot start: ", why);
}

static void test_no_dom0_image(void)
{
	struct lab_opts o = sys_opts("boot");

	o.kernel = "none";
	expect_refusal(&o, "gave no module");
}

static void test_broken_dom0_image(void)
{
	struct lab_opts o = sys_opts("boot");
	char *cut = strdup(sys_tmp("cut")), line[8192];

	o.kernel = sys_data_file("garbage", 1, 5);
	expect_refusal(&o, "dom0 kernel");
	snprintf(line, sizeof(line), "head -c 3000000 '%s/kernel/vmlinuz' >'%s'", lab_build_dir(), cut);
	CU_ASSERT_EQUAL(system(line), 0);
	o.kernel = cut;
	expect_refusal(&o, "dom0 kernel");
	unlink(cut);
	free(cut);
}

static void test_little_memory(void)
{
	struct lab_opts o = sys_opts("boot");

	o.mem = 48;
	expect_refusal(&o, "memory");
	o.mem = 1024;
	o.xen_args = "noreboot dom0_mem=4G";
	expect_refusal(&o, "dom0_mem=4096M");
	o.xen_args = "noreboot dom0_mem=16M";
	expect_refusal(&o, "need at least");
}

static void test_poor_cpu(void)
{
	struct lab_opts o = sys_opts("boot");

	o.cpu = "qemu64,-nx";
	expect_line(&o, "it cannot run here", "this processor has no 64-bit mode with NX");
	o.cpu = "qemu64,-lm";
	expect_line(&o, "it cannot run here", "this processor has no 64-bit mode with NX");
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "qemu64, pc, 1 GiB", test_qemu64_pc }, { "max, q35, 4 GiB", test_max_q35 },
		{ "16 GiB, 2 CPUs", test_large_smp }, { "GRUB, pc", test_grub_pc }, { "GRUB, q35, max", test_grub_q35 },
		{ "bad option", test_bad_option },
		/* What follows asks for messages that are ours. */
		{ "no dom0 image", test_no_dom0_image }, { "broken dom0 image", test_broken_dom0_image },
		{ "little memory", test_little_memory }, { "poor CPU", test_poor_cpu },
	};

	return sys_main(argc, argv, tests, sys_peer() ? 6 : sizeof(tests) / sizeof(tests[0]));
}
