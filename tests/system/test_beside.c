/* SPDX-License-Identifier: MIT */
/*
 * A guest that tries everything at random, beside dom0 and a guest that looks whether its memory stays what it was.
 *
 * tests/guest/random runs as an ordinary guest, on one and on two vCPUs; tests/guest/witness beside it. Afterwards dom0
 * answers, the witness has seen nothing, the random guest has not found fault either, and nothing is left of it.
 * STEPS in the environment: operations of each run (100 000 in `make check`, 10 million in `make soak`). ICOUNT: time
 * counts instructions, so that a run can be had again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "sys.h"

#define H	"beside"
#define LOG	"/var/log/xen/console/guest-%s.log"

static int steps(void)
{
	return getenv("STEPS") ? atoi(getenv("STEPS")) : 100000;
}

static void push_guest(const char *name, const char *config)
{
	char path[4200], to[64];

	snprintf(path, sizeof(path), "%s/tests/guest/%s/%s", lab_build_dir(), name, name);
	snprintf(to, sizeof(to), "/root/%s", name);
	sys_ok(lab_push(H, path, to, &sys_err), "push");
	sys_must(H, "printf 'name=\"%s\"\\nkernel=\"/root/%s\"\\n%s' >/root/%s.cfg", name, name, config, name);
}

static int rounds_of_witness(void)
{
	return atoi(sys_must(H, "tr -d '\\000' <" LOG " | sed -n 's/^witness: \\([0-9]*\\) rounds.*/\\1/p' | tail -n 1",
			     "witness"));
}

static void test_up(void)
{
	struct lab_opts o = sys_opts(H);

	o.smp = 2;
	o.icount = getenv("ICOUNT");
	CU_ASSERT_FATAL(sys_up(&o));
	push_guest("witness", "memory=32\\n");
	push_guest("random", "memory=32\\nvcpus=2\\non_poweroff=\"destroy\"\\non_crash=\"preserve\"\\n");
	audit_prepare(H);
	sys_must(H, "xl create -q -p /root/random.cfg && xl destroy random && xl create -q /root/witness.cfg");
	sys_must(H, "for i in $(seq 300); do grep -q '1 rounds' " LOG " && exit 0; usleep 200000; done; exit 1", "witness");
}

/*
 * In pieces that are shorter than a command may take. Looking costs time that the guest does not have, so a long run is
 * not looked at all the time. Returns 0 when the guest has ended by itself.
 */
static int wait_for_end(double seconds)
{
	double end = sys_seconds() + seconds;
	int status, pause = 1 + steps() / 500000;

	do {
		sys_sh(H, &status, "for i in $(seq 3); do xl list random >/dev/null 2>&1 || exit 0; "
		       "xl list -l random | grep -q crashed && exit 1; sleep %d; done; exit 2", pause);
	} while (status == 2 && sys_seconds() < end);
	return status;
}

static void run(int vcpus)
{
	int before, status, seconds = 120 + steps() / 500;

	audit_begin(H);
	before = rounds_of_witness();
	sys_must(H, "rm -f " LOG, "random");
	sys_must(H, "xl create -q /root/random.cfg 'extra=\"vcpus=%d seed=%d steps=%d\"'", vcpus, 40 + vcpus, steps() / vcpus);
	status = wait_for_end(seconds);
	if (status)
		printf("\n    %s", sys_sh(H, NULL, "xl list; xl dmesg | tail -n 5"));
	CU_ASSERT_EQUAL(status, 0);
	sys_contains(sys_must(H, "tr -d '\\000' <" LOG " | grep 'random\\|FAIL' | tail -n 20", "random"), "TEST random: PASS");
	if (CU_get_number_of_failures())
		printf("\n    %s", sys_sh(H, NULL, "xl dmesg | tail -n 20"));
	sys_must(H, "xl destroy random 2>/dev/null; true");
	audit_end(H);
	sys_must(H, "sleep 3");
	CU_ASSERT(rounds_of_witness() > before);
	CU_ASSERT_PTR_NULL(strstr(sys_must(H, "tr -d '\\000' <" LOG, "witness"), "FAIL"));
	CU_ASSERT_PTR_NULL(strstr(sys_must(H, "xl dmesg"), "ASSERT"));
}

static void test_one(void)
{
	run(1);
}

static void test_two(void)
{
	run(2);
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "dom0 and a witness", test_up }, { "random guest, one vCPU", test_one },
		{ "random guest, two vCPUs", test_two },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
