/* SPDX-License-Identifier: MIT */
/*
 * Commands of Xen's xl that are left out on purpose: who types one is told why, and what to use instead, with status 1.
 * They are found by their whole name only, so that they make no abbreviation ambiguous, and are not in `xl help`.
 */
#include "xl.h"

static const struct {
	const char *name;		/* ends in '*': all that begin so */
	const char *why;
} absent[] = {
	{ "cpupool-list", "there is one pool, Pool-0, with all CPUs: see `xl info` and `xl vcpu-list`" },
	{ "cpupool-*", "there is one pool, Pool-0, with all CPUs; `xl vcpu-pin` keeps domains apart" },
	{ "sched-credit2", "the scheduler is credit: use `xl sched-credit`" },
	{ "sched-rtds", "the scheduler is credit: use `xl sched-credit`" },
	{ "sharing", "pages are not shared between domains" },
	{ "button-press", "PV domains have no buttons; `xl shutdown` asks the kernel" },
	{ "vncviewer", "there are no virtual frame buffers; `xl console` attaches to the console" },
	{ "pci-*", "devices of the host stay with dom0" },
	{ "channel-list", "there are no channels" },
	{ "vtpm-*", "there are no virtual TPMs" },
	{ "vkb-*", "there are no virtual keyboards" },
	{ "vdispl-*", "there are no virtual displays" },
	{ "vsnd-*", "there are no virtual sound cards" },
	{ "usb*", "there are no virtual USB controllers" },
	{ "getenforce", "there is no security policy to be loaded: a domain is dom0 or has no rights" },
	{ "setenforce", "there is no security policy to be loaded: a domain is dom0 or has no rights" },
	{ "loadpolicy", "there is no security policy to be loaded: a domain is dom0 or has no rights" },
	{ "remus", "checkpoints are not sent to another host; `xl save -c` writes one into a file" },
	{ "devd", "back ends run in dom0 only" },
	{ "psr-*", "cache and memory bandwidth are not partitioned" },
	{ "qemu-monitor-command", "PV domains have no device model" },
	{ "dt-overlay", "this is for Arm" },
};

bool is_absent(const char *name)
{
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		size_t n = strlen(absent[i].name);
		bool all = absent[i].name[n - 1] == '*';

		if (all ? strncmp(name, absent[i].name, n - 1) : strcmp(name, absent[i].name))
			continue;
		complain("xen-lite leaves '%s' out on purpose: %s", name, absent[i].why);
		return true;
	}
	return false;
}
