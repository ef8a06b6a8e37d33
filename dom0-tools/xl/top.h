/* SPDX-License-Identifier: MIT */
/*
 * What xl top shows, without how: rows of text from two answers of xld. Pure.
 *
 * Columns, widths and letters are those of Xen's xentop, since scripts cut them.
 */
#ifndef XL_TOP_H
#define XL_TOP_H

#include "rpc/xrpc.h"

#define TOP_LINE 256

enum top_sort { TOP_BY_ID, TOP_BY_NAME, TOP_BY_CPU, TOP_BY_MEMORY, TOP_BY_NET, TOP_BY_DISK, NR_TOP_SORTS };

struct top_row {
	const xld_dominfo *info;
	const xld_stats *stats;
	double cpu_percent;
};

/* Percent of a CPU that was used between two looks; 0 when nothing can be told of it. */
double top_cpu_percent(uint64_t before_ns, uint64_t now_ns, uint64_t elapsed_ns);
/* n rows (caller frees), sorted. before: the look before, NULL if there was none. They point into now. */
struct top_row *top_rows(const xld_stats_list *before, const xld_stats_list *now, enum top_sort sort, size_t *n);
void top_heading(char line[TOP_LINE]);
/* full_name: not cut to ten characters. */
void top_line(const struct top_row *r, uint64_t total_kib, bool full_name, char line[TOP_LINE]);
/* "3 domains: 1 running, 2 blocked, ..." */
void top_summary(const xld_stats_list *now, char line[TOP_LINE]);
const char *top_sort_name(enum top_sort sort);

#endif
