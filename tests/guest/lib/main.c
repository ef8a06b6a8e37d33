/* SPDX-License-Identifier: MIT */
/*
 * Start and end of a test: sets up what each test relies on, runs it, prints one line
 * `TEST name: PASS|FAIL|SKIP reason`, and turns the machine off.
 */
#include "guest.h"

void guest_start(struct start_info *si);

struct start_info *start_info;
static u8 shared_page[PAGE] __attribute__((aligned(4096)));
volatile struct shared_info *shared = (void *)shared_page;

static unsigned int checks, failures;

bool check(bool ok, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	checks++;
	if (ok || failures++ > 20)
		return ok;
	printk("FAIL %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
	printk("\n");
	return false;
}

unsigned int test_failures(void)
{
	return failures;
}

static void shutdown(void)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_poweroff };

	for (;;)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &s);
}

void test_finish(void)
{
	if (failures)
		printk("TEST %s: FAIL %u of %u checks\n", TEST_NAME, failures, checks);
	else
		printk("TEST %s: PASS %u checks\n", TEST_NAME, checks);
	shutdown();
	__builtin_unreachable();
}

void test_skip(const char *fmt, ...)
{
	va_list ap;

	if (failures)
		test_finish();
	printk("TEST %s: SKIP ", TEST_NAME);
	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
	printk("\n");
	shutdown();
	__builtin_unreachable();
}

void test_die(const char *fmt, ...)
{
	va_list ap;

	printk("TEST %s: FAIL after %u checks: ", TEST_NAME, checks);
	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
	printk("\n");
	shutdown();
	__builtin_unreachable();
}

u64 test_option(const char *name, u64 otherwise)
{
	size_t n = strlen(name);

	for (const char *p = (char *)start_info->cmd_line; *p; p++) {
		u64 v = 0;

		if (strncmp(p, name, n) || p[n] != '=')
			continue;
		for (p += n + 1; *p >= '0' && *p <= '9'; p++)
			v = v * 10 + *p - '0';
		return v;
	}
	return otherwise;
}

void guest_start(struct start_info *si)
{
	start_info = si;
	if (set_va(shared_page, start_info->shared_info | PTE_KERNEL))
		test_die("cannot map the shared info page");
	traps_init();
	test_main();
	test_finish();
}
