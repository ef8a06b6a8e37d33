/* SPDX-License-Identifier: MIT */
/*
 * Runs in dom0 and prints, one per line, what must be the same before a guest is made and after it has gone, to the
 * page and to the port: `free_pages N`, `domains N`, `ports N` (event channels of dom0 that are not free).
 */
#include <stdio.h>
#include <string.h>

#include "xenctl/xenctl.h"

#define PORTS	4096
#define DOMAINS	64

int main(void)
{
	struct xenctl_dominfo list[DOMAINS];
	struct xenctl_physinfo info;
	struct xenctl *x;
	uint32_t status;
	int rc, ports = 0;

	rc = xenctl_open(&x);
	if (!rc)
		rc = xenctl_physinfo(x, &info);
	if (rc) {
		fprintf(stderr, "leak_probe: the hypervisor does not answer: %s\n", strerror(-rc));
		return 1;
	}
	for (uint32_t port = 1; port < PORTS; port++)
		if (!xenctl_evtchn_port_status(x, 0, port, &status) && status)
			ports++;
	printf("free_pages %llu\ndomains %d\nports %d\n", (unsigned long long)info.free_pages,
	       xenctl_domain_list(x, 0, list, DOMAINS), ports);
	xenctl_close(x);
	return 0;
}
