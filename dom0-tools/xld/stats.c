/* SPDX-License-Identifier: MIT */
/*
 * What goes through the devices of domains, from dom0's kernel: its back ends count in sysfs.
 *
 * A domain sends what its vif in dom0 receives. Devices whose counters cannot be read count as devices with zeroes.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "stats.h"

static uint64_t read_number(const char *dir, const char *file)
{
	char *path = xasprintf("%s/%s", dir, file);
	unsigned long long v = 0;
	FILE *f = fopen(path, "re");

	free(path);
	if (!f)
		return 0;
	if (fscanf(f, "%llu", &v) != 1)
		v = 0;
	fclose(f);
	return v;
}

static void add_disk(xld_stats *s, const char *dir)
{
	s->vbds++;
	s->vbd_oo += read_number(dir, "statistics/oo_req");
	s->vbd_rd += read_number(dir, "statistics/rd_req");
	s->vbd_wr += read_number(dir, "statistics/wr_req");
	s->vbd_rsect += read_number(dir, "statistics/rd_sect");
	s->vbd_wsect += read_number(dir, "statistics/wr_sect");
}

/* Its interface, whatever that is called. */
static void add_net(xld_stats *s, const char *dir)
{
	char *net = xasprintf("%s/net", dir), *one;
	DIR *d = opendir(net);
	struct dirent *e;

	s->nets++;
	while (d && (e = readdir(d))) {
		if (*e->d_name == '.')
			continue;
		one = xasprintf("%s/%s/statistics", net, e->d_name);
		s->net_tx += read_number(one, "rx_bytes");
		s->net_rx += read_number(one, "tx_bytes");
		free(one);
	}
	if (d)
		closedir(d);
	free(net);
}

static xld_stats *stats_of(xld_stats *list, size_t n, unsigned int domid)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].domid == domid)
			return &list[i];
	return NULL;
}

void stats_collect(const char *root, xld_stats *list, size_t n)
{
	char *top = xasprintf("%s/bus/xen-backend/devices", root), *dir;
	DIR *d = opendir(top);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		unsigned int domid, devid;
		bool net = !strncmp(e->d_name, "vif-", 4);
		xld_stats *s;

		if (sscanf(e->d_name, net ? "vif-%u-%u" : "vbd-%u-%u", &domid, &devid) != 2 ||
		    !(s = stats_of(list, n, domid)))
			continue;
		dir = xasprintf("%s/%s", top, e->d_name);
		if (net)
			add_net(s, dir);
		else
			add_disk(s, dir);
		free(dir);
	}
	if (d)
		closedir(d);
	free(top);
}
