/* SPDX-License-Identifier: MIT */
/*
 * Runs in dom0 and prints, one per line, what must be the same before a guest is made and after it has gone, to the
 * page and to the port: `free_pages N`, `domains N`, `ports N` (event channels of dom0 that are not free). And how the
 * machine's memory adds up: `total_pages N`, `hypervisor_pages N`, `domain_pages N` (of all domains) and, those of the
 * total that nobody has, `lost_pages N`. A hypervisor that does not tell its own pages has none lost.
 */
#include <stdio.h>
#include <string.h>

#include "xenctl/xenctl.h"

#define PORTS	4096
#define DOMAINS	64

static void print_sum(struct xenctl *x, const struct xenctl_physinfo *info, const struct xenctl_dominfo *list, int n)
{
	uint64_t own = 0, domains = 0;

	for (int i = 0; i < n; i++)
		domains += list[i].tot_pages;
	if (xenctl_hypervisor_pages(x, &own))
		own = info->total_pages - info->free_pages - domains;
	printf("total_pages %llu\nhypervisor_pages %llu\ndomain_pages %llu\nlost_pages %lld\n",
	       (unsigned long long)info->total_pages, (unsigned long long)own, (unsigned long long)domains,
	       (long long)(info->total_pages - info->free_pages - own - domains));
}

int main(void)
{
	struct xenctl_dominfo list[DOMAINS];
	struct xenctl_physinfo info;
	struct xenctl *x;
	uint32_t status;
	int rc, n, ports = 0;

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
	n = xenctl_domain_list(x, 0, list, DOMAINS);
	printf("free_pages %llu\ndomains %d\nports %d\n", (unsigned long long)info.free_pages, n, ports);
	print_sum(x, &info, list, n);
	xenctl_close(x);
	return 0;
}
