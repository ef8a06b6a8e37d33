/* SPDX-License-Identifier: MIT */
/*
 * Tools that were written for Xen 4.17: Debian's xl with libxl, and the small programs beside it, in a dom0 of ours with
 * our xenstored, xenconsoled and xld running. What there is they use as they would on Xen; what there is not they
 * report in words of their own, which takes the right error from the hypervisor.
 *
 * Needs `make peer`, otherwise all of it is left out. bash and Debian's hotplug scripts are not in the lab's dom0, so the
 * domains have no devices but their consoles.
 */
#include "guests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define H "libxl"
#define BIN "/usr/lib/xen-4.17/bin/"
#define XL BIN "xl "
/* Wait for a line of a domain's console log, 60 s at most. */
#define AWAIT(name, text) \
	"for i in $(seq 600); do grep -q '" text "' /var/log/xen/console/guest-" name ".log 2>/dev/null && break; " \
	"usleep 100000; done; grep -q '" text "' /var/log/xen/console/guest-" name ".log"

static const char *built(const char *name)
{
	static char path[2][600];
	static int n;

	n ^= 1;
	snprintf(path[n], sizeof(path[n]), "%s/%s", lab_build_dir(), name);
	return path[n];
}

static bool left_out(void)
{
	if (!access(built("peer/tools.cpio"), F_OK))
		return false;
	printf("left out, there are no tools (`make peer`) ... ");
	return true;
}

/* Debian's tools, then our dom0. */
static const char *initrd(void)
{
	const char *out = sys_tmp("both.cpio");
	char line[2000];

	snprintf(line, sizeof(line), "cat '%s' '%s' >'%s'", built("peer/tools.cpio"), built("dom0.cpio"), out);
	CU_ASSERT_EQUAL_FATAL(system(line), 0);
	return out;
}

static void test_up(void)
{
	struct lab_opts o = sys_opts(H);

	if (left_out())
		return;
	o.mem = 2048;
	o.timeout = 300;
	o.initrd = initrd();
	CU_ASSERT_FATAL(sys_up(&o));
	unlink(o.initrd);
	CU_ASSERT_FATAL(sys_ok(lab_push(H, built("tests/guest/boot/boot"), "/root/tiny", &sys_err), "push"));
	sys_must(H, "mkdir -p /var/run/xen /var/lib/xen /var/lock /var/log/xen; "
		 "printf 'name=\"tiny\"\ntype=\"pv\"\nkernel=\"/root/tiny\"\nmemory=16\non_poweroff=\"preserve\"\n' "
		 ">/root/tiny.cfg");
}

static void test_host(void)
{
	const char *out;

	if (left_out())
		return;
	out = sys_must(H, XL "info; " XL "list; " XL "cpupool-list; " XL "sched-credit; " XL "uptime; " XL "claims");
	sys_contains(out, "xen_version            : 4.17");
	sys_contains(out, "xen_scheduler          : credit\n");
	sys_contains(out, "Domain-0                                     0");
	sys_contains(out, "Pool-0               1    credit       y          1");
	sys_contains(out, "Cpupool Pool-0: tslice=30ms ratelimit=1000us");
	sys_contains(out, "Domain-0                             0    256    0");
	sys_contains(sys_must(H, XL "dmesg"), "xen-lite");
	sys_contains(sys_must(H, BIN "xentop -b -i 1"), "Domain-0 -----r");
	sys_contains(sys_must(H, BIN "xen-cpuid"), "PV Default  ");
	sys_contains(sys_must(H, BIN "lsevtchn 0"), "VCPU 0: Virtual IRQ 0");
	sys_contains(sys_must(H, BIN "xen-diag gnttab_query_size 0"), "domid=0: nr_frames=");
	sys_must(H, BIN "test-resource && " BIN "test-xenstore");
}

/* What this host does not have. */
static void test_absent(void)
{
	static const struct {
		const char *command, *says;
	} rows[] = {
		{ XL "psr-cat-set 0 0xf", "L3 CAT: is not supported in this system" },
		{ XL "psr-cmt-attach 0", "CMT is not supported in this system" },
		{ XL "sched-credit2 -d 0", "credit not credit2" },
		{ XL "set-parameters loglvl=all", "opening Xen hypfs: Function not implemented" },
		{ XL "trigger 0 power", "Function not implemented" },
		{ BIN "xenpm get-cpuidle-states", "Either Xen cpuidle is disabled or no valid information is registered" },
		{ BIN "xenpm set-scaling-governor ondemand", "No such device" },
		{ BIN "xen-hptool cpu-offline 1", "Operation not supported" },
		{ BIN "xencov reset", "Operation not supported" },
		{ BIN "xenlockprof", "Function not implemented" },
		{ BIN "xenperf", "Function not implemented" },
		{ BIN "xen-livepatch list", "Function not implemented" },
		{ BIN "xentrace -D -e all /tmp/trace", "Function not implemented" },
		{ "xenhypfs ls /", "Could not open libxenhypfs" },
	};

	for (unsigned int i = 0; !left_out() && i < sizeof(rows) / sizeof(rows[0]); i++)
		sys_contains(sys_sh(H, NULL, "%s 2>&1", rows[i].command), rows[i].says);
}

static void test_life(void)
{
	const char *out;

	if (left_out())
		return;
	guest_audit_begin(H);
	sys_must(H, XL "create -q -p /root/tiny.cfg");
	sys_contains(sys_must(H, XL "list"), "   16     1     --p---");
	sys_contains(sys_must(H, "xl list"), "tiny  ");
	sys_must(H, XL "rename tiny small && " XL "vcpu-pin small 0 0 && " XL "sched-credit -d small -w 300 -c 50 && " XL
		 "mem-max small 20");
	sys_contains(sys_must(H, "xl list small"), "small  ");
	out = sys_must(H, "d=$(" XL "domid small); echo $d >/tmp/d; " XL "vcpu-list $d; " XL "sched-credit -d $d; " XL
		       "list -l $d; " BIN "xenctx $d 0; " BIN "lsevtchn $d");
	sys_contains(out, "   300   50\n");
	sys_contains(out, "\"kernel\": \"/root/tiny\"");
	sys_contains(out, "rip: ");
	sys_contains(out, "1: VCPU 0: Interdomain (Connected) - Remote Domain 0");
	sys_must(H, XL "unpause small; for i in $(seq 100); do " XL "list small | grep -q -- '--.s--' && break; "
		 "usleep 100000; done; " XL "list small | grep -q -- '--.s--' && " XL "destroy small && ! " XL "domid small");
	sys_must(H, "d=$(cat /tmp/d); ! xenstore-exists /libxl/$d && ! xenstore-exists /local/domain/$d; "
		 "xenstore-rm /libxl; xenstore-rm /vm; true");
	guest_audit(H);
}

/* A Linux guest is saved, restored and migrated to where it is; xld, which did not make it, sees it. */
static void test_save(void)
{
	if (left_out())
		return;
	sys_must(H, "sed 's/^vcpus.*/vcpus = 2/' /root/guest/guest.cfg >/root/g.cfg; "
		 XL "create -q /root/g.cfg && " AWAIT("guest", "^guest: up") "; "
		 XL "dump-core guest /tmp/core && [ -s /tmp/core ] && rm /tmp/core");
	sys_must(H, XL "save guest /tmp/g.save && ! " XL "domid guest && " XL "restore /tmp/g.save && rm /tmp/g.save");
	sys_must(H, "PATH=" BIN ":$PATH xl migrate -s env guest A=1");
	sys_contains(sys_must(H, XL "list guest; xl list guest"), "guest                                        ");
	sys_contains(sys_must(H, "(echo 'echo $((6 * 7)) is it'; sleep 8) | timeout 10 xl console guest; true"), "42 is it");
	sys_must(H, XL "shutdown -w guest; for i in $(seq 100); do " XL "domid guest 2>/dev/null || break; "
		 "usleep 100000; done; ! " XL "domid guest");
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "up", test_up }, { "host", test_host }, { "absent", test_absent }, { "life", test_life },
		{ "save", test_save },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
