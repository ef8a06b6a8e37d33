/* SPDX-License-Identifier: MIT */
/* See guests.h. */
#include "guests.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 3000
#define LOG "/var/log/xen/console/guest-%s.log"

static char baseline[2048];

/* In single quotes for dom0's shell. */
static void quote(char *out, size_t size, const char *line)
{
	size_t n = 0;

	for (; *line && n + 5 < size; line++)
		n += (size_t)snprintf(out + n, size - n, *line == '\'' ? "'\\''" : "%c", *line);
	out[n] = 0;
}

static const char *run(const char *host, const char *guest, int *status, const char *fmt, va_list ap)
{
	char line[LINE_MAX_BYTES / 2], quoted[LINE_MAX_BYTES];

	vsnprintf(line, sizeof(line), fmt, ap);
	quote(quoted, sizeof(quoted), line);
	return sys_sh(host, status, "guest-run %s 60 '%s'", guest, quoted);
}

const char *guest_sh(const char *host, const char *guest, int *status, const char *fmt, ...)
{
	const char *out;
	va_list ap;
	int ignored;

	va_start(ap, fmt);
	out = run(host, guest, status ? status : &ignored, fmt, ap);
	va_end(ap);
	return out;
}

/*
 * Why it may have failed: the kernel's log (from inside, for the console shows little of it in lab.batch), what the
 * thread that hears the store is doing, both ends of the devices, the store's own and the guest's events. Of the first
 * failures only: a guest that does not answer costs a minute.
 */
static void tell_state(const char *host, const char *guest)
{
	static int told;

	if (told++ >= 3)
		return;
	printf("    in the guest:\n%s\n", guest_sh(host, guest, NULL, "dmesg | tail -n 40; "
						   "cat /proc/$(pidof xenwatch)/stack; for p in $(grep -l 'State:.D' "
						   "/proc/[0-9]*/status); do cd ${p%%/status}; cat comm stack; done"));
	printf("    around it:\n%s\n", sys_sh(host, NULL, "xl explain %s; d=$(xl domid %s); for p in /local/domain/$d "
					      "/local/domain/0/backend; do xenstore-ls -fp $p; done; xl debug-keys e; "
					      "xl dmesg | tail -n 60", guest, guest));
}

const char *guest_must(const char *host, const char *guest, const char *fmt, ...)
{
	static char *kept;
	const char *out;
	va_list ap;
	int status;

	va_start(ap, fmt);
	out = run(host, guest, &status, fmt, ap);
	va_end(ap);
	if (status) {
		printf("\n    in guest %s: '%s' ended with %d:\n%s\n", guest, fmt, status, out);
		free(kept);
		out = kept = strdup(out);
		tell_state(host, guest);
	}
	CU_ASSERT_EQUAL(status, 0);
	return out;
}

bool guest_boot(const char *host, const char *name)
{
	const char *out;
	int status;

	out = sys_sh(host, &status, "rm -f " LOG "; xl create -q /root/%s.cfg 2>&1 || exit 1; for i in $(seq 600); do "
		     "grep -q '^guest: up' " LOG " 2>/dev/null && exit 0; usleep 100000; done; tail -n 20 " LOG "; exit 1",
		     name, name, name, name);
	if (status)
		printf("\n    guest %s does not come up:\n%s\n", name, out);
	CU_ASSERT_EQUAL(status, 0);
	return !status;
}

void guest_refused(const char *host, int want, const char *says, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	const char *out;
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	out = sys_sh(host, &status, "%s", line);
	if (status != want)
		printf("\n    %s: status %d instead of %d\n", line, status, want);
	CU_ASSERT_EQUAL(status, want);
	sys_contains(out, says);
}

static const char *audit(const char *host)
{
	return sys_must(host, "xl info | grep ^free_memory; echo nodes $(xenstore-ls / | wc -l); "
			"echo records $(ls /run/xen-lite/domains | wc -l); echo domains $(xl list | wc -l); "
			"for d in xld xenstored xenconsoled; do echo $d $(ls /proc/$(pidof $d)/fd | wc -l); done; "
			"echo ptys $(ls /dev/pts | wc -l); echo loops $(ls -d /sys/block/loop*/loop 2>/dev/null | wc -l); "
			"echo back ends $(ls /sys/bus/xen-backend/devices | wc -l); echo net $(ls /sys/class/net); "
			"echo processes $(ps | grep -vc '\\[')");
}

void guest_audit_begin(const char *host)
{
	sys_must(host, "sleep 2");	/* a console stays for a second after its domain */
	snprintf(baseline, sizeof(baseline), "%s", audit(host));
}

void guest_audit(const char *host)
{
	const char *now = audit(host);

	for (int i = 0; i < 30 && strcmp(now, baseline); i++) {
		sys_must(host, "usleep 200000");
		now = audit(host);
	}
	if (strcmp(now, baseline))
		printf("\n    before:\n%s    after:\n%s", baseline, now);
	CU_ASSERT_STRING_EQUAL(now, baseline);
}
