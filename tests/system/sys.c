/* SPDX-License-Identifier: MIT */
/*
 * Common ground of the system tests: see sys.h.
 */
#include "sys.h"

#include <CUnit/Basic.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct lab_error sys_err;
static char root[PATH_MAX / 2];

bool sys_peer(void)
{
	return getenv("SYS_PEER") != NULL;
}

double sys_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

const char *sys_tmp(const char *name)
{
	static char paths[8][PATH_MAX];
	static int next;
	char *path = paths[next++ % 8];

	snprintf(path, PATH_MAX, "%s/.%s", root, name);
	return path;
}

struct lab_opts sys_opts(const char *name)
{
	static char hypervisor[PATH_MAX], initrd[PATH_MAX];
	struct lab_opts o = { .name = name, .owner = getpid(), .timeout = 120 };

	if (sys_peer()) {
		snprintf(hypervisor, sizeof(hypervisor), "%s/peer/xen.gz", lab_build_dir());
		snprintf(initrd, sizeof(initrd), "%s/peer/dom0.cpio", lab_build_dir());
		o.hypervisor = hypervisor;
		o.initrd = initrd;
	}
	return o;
}

bool sys_ok(int rc, const char *what)
{
	if (rc)
		printf("\n    %s: %s\n", what, sys_err.text);
	CU_ASSERT(!rc);
	return !rc;
}

bool sys_up(const struct lab_opts *o)
{
	return sys_ok(lab_up(o, &sys_err), "up");
}

void sys_down(const char *name)
{
	sys_ok(lab_down(name, &sys_err), "down");
}

static const char *run_line(const char *name, int *status, const char *fmt, va_list ap)
{
	static char *output;
	char line[4096];

	vsnprintf(line, sizeof(line), fmt, ap);
	free(output);
	if (lab_sh(name, 400, &output, status, &sys_err, "%s", line)) {
		printf("\n    %s: %s\n", line, sys_err.text);
		*status = -1;
		output = strdup("");
	}
	return output;
}

const char *sys_sh(const char *name, int *status, const char *fmt, ...)
{
	const char *out;
	va_list ap;
	int ignored;

	va_start(ap, fmt);
	out = run_line(name, status ? status : &ignored, fmt, ap);
	va_end(ap);
	return out;
}

const char *sys_must(const char *name, const char *fmt, ...)
{
	const char *out;
	va_list ap;
	int status;

	va_start(ap, fmt);
	out = run_line(name, &status, fmt, ap);
	va_end(ap);
	if (status)
		printf("\n    in %s: '%s' ended with %d:\n%s\n", name, fmt, status, out);
	CU_ASSERT_EQUAL(status, 0);
	return out;
}

void sys_contains(const char *text, const char *part)
{
	bool found = strstr(text, part) != NULL;

	if (!found)
		printf("\n    \"%s\" is not in:\n%s\n", part, text);
	CU_ASSERT(found);
}

const char *sys_data_file(const char *name, int mib, unsigned int seed)
{
	const char *path = strdup(sys_tmp(name));
	FILE *f = fopen(path, "wb");
	unsigned long long x = seed * 0x9e3779b97f4a7c15ull + 1;

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (long i = 0; i < mib * (1L << 20) / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		fwrite(&x, 1, 8, f);
	}
	CU_ASSERT_EQUAL_FATAL(fclose(f), 0);
	return path;
}

const char *sys_sha256(const char *path)
{
	static char sums[4][65];
	static int next;
	char line[PATH_MAX + 16], *sum = sums[next++ % 4];
	FILE *p;

	snprintf(line, sizeof(line), "sha256sum '%s'", path);
	p = popen(line, "r");
	if (!p || fread(sum, 1, 64, p) != 64)
		strcpy(sum, "no sum");
	if (p)
		pclose(p);
	return sum;
}

static void take_all_down(void)
{
	struct lab_info info[64];
	int n = lab_list(info, 64);
	char line[PATH_MAX + 16];

	for (int i = 0; i < n; i++)
		lab_down(info[i].name, &sys_err);
	snprintf(line, sizeof(line), "rm -rf '%s'", root);
	if (system(line))
		perror(root);
}

static bool selected(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc < 2;
}

static pid_t self;

static void stopped(int sig)
{
	if (getpid() == self)
		take_all_down();
	_exit(128 + sig);
}

int sys_main(int argc, char **argv, const struct sys_test *tests, size_t n)
{
	CU_pSuite suite;
	int failed;

	self = getpid();
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, stopped);
	signal(SIGINT, stopped);
	snprintf(root, sizeof(root), "%s/xen-lite-test.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(root) || setenv("LAB_DIR", root, 1)) {
		perror(root);
		return 1;
	}
	CU_initialize_registry();
	suite = CU_add_suite(strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0], NULL, NULL);
	for (size_t i = 0; i < n; i++)
		if (selected(tests[i].name, argc, argv))
			CU_add_test(suite, tests[i].name, tests[i].fn);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures() != 0 || CU_get_number_of_tests_run() == 0;
	CU_cleanup_registry();
	take_all_down();
	return failed;
}
