/* SPDX-License-Identifier: MIT */
/* See top.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"
#include "util/mem.h"

double top_cpu_percent(uint64_t before_ns, uint64_t now_ns, uint64_t elapsed_ns)
{
	if (!elapsed_ns || now_ns < before_ns)
		return 0;
	return (double)(now_ns - before_ns) * 100 / (double)elapsed_ns;
}

const char *top_sort_name(enum top_sort sort)
{
	static const char *const names[] = {
		[TOP_BY_ID] = "id", [TOP_BY_NAME] = "name", [TOP_BY_CPU] = "CPU", [TOP_BY_MEMORY] = "memory",
		[TOP_BY_NET] = "network", [TOP_BY_DISK] = "disk",
	};

	return names[sort];
}

/* The same domain at the look before: a number may have gone to another one meanwhile. */
static const xld_dominfo *same_before(const xld_stats_list *before, const xld_dominfo *now)
{
	for (u_int i = 0; before && i < before->list.domains.domains_len; i++) {
		const xld_dominfo *o = &before->list.domains.domains_val[i];

		if (o->domid == now->domid && !memcmp(o->uuid, now->uuid, sizeof(now->uuid)))
			return o;
	}
	return NULL;
}

/* --- order --- */

static int descending(double a, double b)
{
	return (a < b) - (a > b);
}

static int by_id(const struct top_row *a, const struct top_row *b)
{
	return (a->info->domid > b->info->domid) - (a->info->domid < b->info->domid);
}

static int by_name(const struct top_row *a, const struct top_row *b)
{
	return strcmp(a->info->name, b->info->name);
}

static int by_cpu(const struct top_row *a, const struct top_row *b)
{
	return descending(a->cpu_percent, b->cpu_percent);
}

static int by_memory(const struct top_row *a, const struct top_row *b)
{
	return descending((double)a->info->memory_kib, (double)b->info->memory_kib);
}

static double net_of(const struct top_row *r)
{
	return (double)(r->stats->net_tx + r->stats->net_rx);
}

static double disk_of(const struct top_row *r)
{
	return (double)(r->stats->vbd_rsect + r->stats->vbd_wsect);
}

static int by_net(const struct top_row *a, const struct top_row *b)
{
	return descending(net_of(a), net_of(b));
}

static int by_disk(const struct top_row *a, const struct top_row *b)
{
	return descending(disk_of(a), disk_of(b));
}

static int (*order)(const struct top_row *a, const struct top_row *b);

static int compare(const void *a, const void *b)
{
	int rc = order(a, b);

	return rc ? rc : by_id(a, b);
}

static const xld_stats *stats_of(const xld_stats_list *l, u_int domid)
{
	static const xld_stats none;

	for (u_int i = 0; i < l->stats.stats_len; i++)
		if (l->stats.stats_val[i].domid == domid)
			return &l->stats.stats_val[i];
	return &none;
}

struct top_row *top_rows(const xld_stats_list *before, const xld_stats_list *now, enum top_sort sort, size_t *n)
{
	static int (*const orders[])(const struct top_row *a, const struct top_row *b) = {
		[TOP_BY_ID] = by_id, [TOP_BY_NAME] = by_name, [TOP_BY_CPU] = by_cpu, [TOP_BY_MEMORY] = by_memory,
		[TOP_BY_NET] = by_net, [TOP_BY_DISK] = by_disk,
	};
	struct top_row *rows;

	*n = now->list.domains.domains_len;
	rows = xcalloc(*n, sizeof(*rows));
	for (size_t i = 0; i < *n; i++) {
		const xld_dominfo *d = &now->list.domains.domains_val[i], *was = same_before(before, d);

		rows[i] = (struct top_row){ .info = d, .stats = stats_of(now, d->domid) };
		if (was)
			rows[i].cpu_percent = top_cpu_percent(was->cpu_time_ns, d->cpu_time_ns,
							      now->now_ns - before->now_ns);
	}
	order = orders[sort];
	qsort(rows, *n, sizeof(*rows), compare);
	return rows;
}

/* --- text --- */

void top_heading(char line[TOP_LINE])
{
	snprintf(line, TOP_LINE, "%10s %6s %10s %6s %10s %6s %10s %9s %5s %4s %8s %8s %4s %8s %8s %8s %10s %10s %4s",
		 "NAME", "STATE", "CPU(sec)", "CPU(%)", "MEM(k)", "MEM(%)", "MAXMEM(k)", "MAXMEM(%)", "VCPUS", "NETS",
		 "NETTX(k)", "NETRX(k)", "VBDS", "VBD_OO", "VBD_RD", "VBD_WR", "VBD_RSECT", "VBD_WSECT", "SSID");
}

static int put_domain(const xld_dominfo *d, double cpu_percent, bool full_name, char *line)
{
	return snprintf(line, TOP_LINE, full_name ? "%10.100s %c%c%c%c%c%c %10llu %6.1f" :
			"%10.10s %c%c%c%c%c%c %10llu %6.1f", d->name, d->state == XLD_S_DYING ? 'd' : '-',
			d->shutdown ? 's' : '-', d->blocked ? 'b' : '-', d->state == XLD_S_CRASHED ? 'c' : '-',
			d->paused ? 'p' : '-', d->running ? 'r' : '-',
			(unsigned long long)d->cpu_time_ns / 1000000000, cpu_percent);
}

static int put_memory(const xld_dominfo *d, uint64_t total_kib, char *line, size_t size)
{
	double total = total_kib ? (double)total_kib : 1;

	if (d->max_memory_kib > total_kib)
		return snprintf(line, size, " %10llu %6.1f %10s %9s", (unsigned long long)d->memory_kib,
				(double)d->memory_kib * 100 / total, "no limit", "n/a");
	return snprintf(line, size, " %10llu %6.1f %10llu %9.1f", (unsigned long long)d->memory_kib,
			(double)d->memory_kib * 100 / total, (unsigned long long)d->max_memory_kib,
			(double)d->max_memory_kib * 100 / total);
}

void top_line(const struct top_row *r, uint64_t total_kib, bool full_name, char line[TOP_LINE])
{
	const xld_stats *s = r->stats;
	int n = put_domain(r->info, r->cpu_percent, full_name, line);

	n += put_memory(r->info, total_kib, line + n, TOP_LINE - (size_t)n);
	snprintf(line + n, TOP_LINE - (size_t)n, " %5u %4u %8llu %8llu %4u %8llu %8llu %8llu %10llu %10llu %4u",
		 r->info->vcpus, s->nets, (unsigned long long)s->net_tx / 1024, (unsigned long long)s->net_rx / 1024,
		 s->vbds, (unsigned long long)s->vbd_oo, (unsigned long long)s->vbd_rd, (unsigned long long)s->vbd_wr,
		 (unsigned long long)s->vbd_rsect, (unsigned long long)s->vbd_wsect, 0U);
}

void top_summary(const xld_stats_list *now, char line[TOP_LINE])
{
	unsigned int n = now->list.domains.domains_len, run = 0, block = 0, pause = 0, crash = 0, die = 0, stop = 0;

	for (unsigned int i = 0; i < n; i++) {
		const xld_dominfo *d = &now->list.domains.domains_val[i];

		run += d->running;
		block += d->blocked;
		pause += d->paused;
		crash += d->state == XLD_S_CRASHED;
		die += d->state == XLD_S_DYING;
		stop += d->state == XLD_S_SHUTDOWN;
	}
	snprintf(line, TOP_LINE, "%u domains: %u running, %u blocked, %u paused, %u crashed, %u dying, %u shutdown", n,
		 run, block, pause, crash, die, stop);
}
