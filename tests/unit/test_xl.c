/* SPDX-License-Identifier: MIT */
/*
 * The pure parts of xl and of what xld tells it: the arithmetic and rows of xl top, counters from a sysfs that the
 * test has made, and what the shell is offered at each place of a command line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "suite.h"

#include "../../dom0-tools/xl/complete.h"
#include "../../dom0-tools/xl/top.h"
#include "../../dom0-tools/xld/stats.h"

/* --- xl top --- */

static char names[3][32] = { "Domain-0", "a-very-long-name", "b" };
static xld_dominfo doms[2][3];
static xld_stats stats[3];
static xld_stats_list before = { .now_ns = 1000000000, .list.domains = { 3, doms[0] }, .stats = { 3, stats } };
static xld_stats_list now = { .now_ns = 3000000000, .list.domains = { 3, doms[1] }, .stats = { 3, stats } };

static void fill_top(void)
{
	for (int t = 0; t < 2; t++) {
		for (u_int i = 0; i < 3; i++) {
			doms[t][i] = (xld_dominfo){ .domid = i, .name = names[i], .state = XLD_S_RUNNING, .vcpus = 1,
						    .memory_kib = 1024 * (i + 1), .max_memory_kib = 4096,
						    .cpu_time_ns = 5000000000, .uuid = { (char)i } };
			stats[i] = (xld_stats){ .domid = i };
		}
	}
	doms[1][0].running = true;
	doms[1][1].blocked = true;
	doms[1][1].cpu_time_ns += 1000000000;		/* of 2 s: 50 % */
	doms[1][2].paused = true;
	stats[1] = (xld_stats){ .domid = 1, .nets = 1, .net_tx = 2048, .net_rx = 4096, .vbds = 2, .vbd_rd = 3,
				.vbd_rsect = 24 };
}

static void test_percent(void)
{
	CU_ASSERT_DOUBLE_EQUAL(top_cpu_percent(0, 1000, 1000), 100, 0.001);
	CU_ASSERT_DOUBLE_EQUAL(top_cpu_percent(500, 1000, 1000), 50, 0.001);
	CU_ASSERT_DOUBLE_EQUAL(top_cpu_percent(0, 4000, 1000), 400, 0.001);
	CU_ASSERT_DOUBLE_EQUAL(top_cpu_percent(1000, 500, 1000), 0, 0.001);	/* a clock that went back */
	CU_ASSERT_DOUBLE_EQUAL(top_cpu_percent(0, 1000, 0), 0, 0.001);
}

static void test_rows(void)
{
	struct top_row *rows;
	size_t n;

	fill_top();
	rows = top_rows(NULL, &now, TOP_BY_ID, &n);
	CU_ASSERT_EQUAL_FATAL(n, 3);
	CU_ASSERT_DOUBLE_EQUAL(rows[1].cpu_percent, 0, 0.001);
	free(rows);
	rows = top_rows(&before, &now, TOP_BY_CPU, &n);
	CU_ASSERT_EQUAL(rows[0].info->domid, 1);
	CU_ASSERT_DOUBLE_EQUAL(rows[0].cpu_percent, 50, 0.001);
	CU_ASSERT_EQUAL(rows[1].info->domid, 0);	/* equals by id */
	free(rows);
	rows = top_rows(&before, &now, TOP_BY_MEMORY, &n);
	CU_ASSERT_EQUAL(rows[0].info->domid, 2);
	free(rows);
	rows = top_rows(&before, &now, TOP_BY_NAME, &n);
	CU_ASSERT_EQUAL(rows[1].info->domid, 1);
	free(rows);
	/* Another domain has got the number: its time is not compared. */
	doms[0][1].uuid[0] = 77;
	rows = top_rows(&before, &now, TOP_BY_ID, &n);
	CU_ASSERT_DOUBLE_EQUAL(rows[1].cpu_percent, 0, 0.001);
	free(rows);
}

static void test_lines(void)
{
	char line[TOP_LINE];
	struct top_row *rows;
	size_t n;

	fill_top();
	top_heading(line);
	CU_ASSERT_STRING_EQUAL(line, "      NAME  STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  MAXMEM(k) MAXMEM(%) VCPUS "
			       "NETS NETTX(k) NETRX(k) VBDS   VBD_OO   VBD_RD   VBD_WR  VBD_RSECT  VBD_WSECT SSID");
	rows = top_rows(&before, &now, TOP_BY_ID, &n);
	top_line(&rows[1], 20480, false, line);
	CU_ASSERT_STRING_EQUAL(line, "a-very-lon --b---          6   50.0       2048   10.0       4096      20.0     1 "
			       "   1        2        4    2        0        3        0         24          0    0");
	top_line(&rows[1], 20480, true, line);
	CU_ASSERT_EQUAL(strncmp(line, "a-very-long-name --b---", 23), 0);
	doms[1][0].max_memory_kib = ~0ULL;
	top_line(&rows[0], 20480, false, line);
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "  no limit       n/a "));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "  Domain-0 -----r "));
	free(rows);
	top_summary(&now, line);
	CU_ASSERT_STRING_EQUAL(line, "3 domains: 1 running, 1 blocked, 1 paused, 0 crashed, 0 dying, 0 shutdown");
}

/* --- counters --- */

static void put(const char *root, const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *p = full + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(full, 0700);
		*p = '/';
	}
	f = fopen(full, "w");
	CU_ASSERT_FATAL(f != NULL);
	fputs(text, f);
	fclose(f);
}

static void test_counters(void)
{
	char root[] = "/tmp/test_xl.XXXXXX", line[64];
	xld_stats s[2] = { { .domid = 5 }, { .domid = 7 } };

	CU_ASSERT_FATAL(mkdtemp(root) != NULL);
	put(root, "bus/xen-backend/devices/vbd-5-51712/statistics/rd_req", "10\n");
	put(root, "bus/xen-backend/devices/vbd-5-51712/statistics/wr_sect", "80\n");
	put(root, "bus/xen-backend/devices/vbd-5-51728/statistics/rd_req", "5\n");
	put(root, "bus/xen-backend/devices/vif-5-0/net/web0/statistics/rx_bytes", "1000\n");
	put(root, "bus/xen-backend/devices/vif-5-0/net/web0/statistics/tx_bytes", "3000\n");
	put(root, "bus/xen-backend/devices/vif-7-0/statistics", "");
	put(root, "bus/xen-backend/devices/vbd-99-1/statistics/rd_req", "5\n");
	put(root, "bus/xen-backend/devices/nonsense/x", "");
	stats_collect(root, s, 2);
	CU_ASSERT_EQUAL(s[0].vbds, 2);
	CU_ASSERT_EQUAL(s[0].vbd_rd, 15);
	CU_ASSERT_EQUAL(s[0].vbd_wsect, 80);
	CU_ASSERT_EQUAL(s[0].nets, 1);
	CU_ASSERT_EQUAL(s[0].net_tx, 1000);		/* the domain sends what dom0 receives */
	CU_ASSERT_EQUAL(s[0].net_rx, 3000);
	CU_ASSERT_EQUAL(s[1].nets, 1);
	CU_ASSERT_EQUAL(s[1].net_tx, 0);
	CU_ASSERT_EQUAL(s[1].vbds, 0);
	snprintf(line, sizeof(line), "rm -rf %s", root);
	CU_ASSERT_EQUAL(system(line), 0);
}

/* --- completion --- */

static const struct command cmds[] = {
	{ .name = "list", .args = "[DOMAIN]...", .options = "  -l, --long      all\n  -v, --verbose   more\n" },
	{ .name = "create", .args = "[FILE] [KEY=VALUE]...",
	  .options = "  -c              console\n  -f, --defconfig=FILE  the file\n" },
	{ .name = "shutdown", .args = "{-a | DOMAIN...}",
	  .options = "  -t, --timeout S  seconds\n  -w, --wait  wait\n  --how=fast|slow  pace\n" },
	{ .name = "trigger", .args = "DOMAIN nmi [VCPU]" },
	{ .name = "pin", .args = "DOMAIN {VCPU | all} {HARD | -}" },
	{ .name = "sched", .args = "", .options = "  -d, --domain=DOMAIN  this\n  -w, --weight=N  share\n" },
	{ .name = "help", .args = "[COMMAND]" },
	{ 0 },
};
static const struct command *const groups[] = { cmds, NULL };

static enum place also;

/* What is offered for the last word of a line. */
static enum place at_end(const char *line, char *out, size_t size)
{
	char copy[256], *words[16], *p = copy;
	FILE *f = fmemopen(out, size, "w");
	enum place place;
	int n = 0;

	memset(out, 0, size);
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w; (w = strsep(&p, " "));)
		words[n++] = w;
	place = complete_place(groups, words, n, n - 1, f, &also);
	fclose(f);
	return place;
}

static void offered(const char *line, enum place place, const char *words)
{
	char out[512];
	enum place got = at_end(line, out, sizeof(out));

	if (got != place || strcmp(out, words))
		printf("\n    '%s': place %d, words '%s'\n", line, got, out);
	CU_ASSERT_EQUAL(got, place);
	CU_ASSERT_STRING_EQUAL(out, words);
}

static void test_complete(void)
{
	offered("xl ", PLACE_COMMAND, "");
	offered("xl -v li", PLACE_COMMAND, "");
	offered("xl -H ", PLACE_NOTHING, "");
	offered("xl -H tls://h li", PLACE_COMMAND, "");
	offered("xl -H tls://h list ", PLACE_DOMAIN, "");
	offered("xl help ", PLACE_COMMAND, "");
	offered("xl list ", PLACE_DOMAIN, "");
	offered("xl list a b ", PLACE_DOMAIN, "");
	offered("xl list -", PLACE_NOTHING, "-l\n--long\n-v\n--verbose\n--help\n");
	offered("xl list --v", PLACE_NOTHING, "--verbose\n");
	offered("xl create ", PLACE_FILE, "");
	CU_ASSERT_EQUAL(also, PLACE_KEY);
	offered("xl create a.cfg ", PLACE_KEY, "");
	offered("xl create --de", PLACE_NOTHING, "--defconfig=\n");
	offered("xl create -f ", PLACE_FILE, "");
	offered("xl shutdown -w ", PLACE_DOMAIN, "");
	offered("xl shutdown -t ", PLACE_NOTHING, "");
	offered("xl shutdown -t 5 ", PLACE_DOMAIN, "");
	offered("xl shutdown --how ", PLACE_NOTHING, "fast\nslow\n");
	offered("xl shutdown --how s", PLACE_NOTHING, "slow\n");
	offered("xl trigger ", PLACE_DOMAIN, "");
	offered("xl trigger a ", PLACE_NOTHING, "nmi\n");
	offered("xl trigger a nmi 0 ", PLACE_NOTHING, "");
	offered("xl pin a a", PLACE_NOTHING, "all\n");
	offered("xl sched -d ", PLACE_DOMAIN, "");
	offered("xl sched -w ", PLACE_NOTHING, "");
	offered("xl sched ", PLACE_NOTHING, "");
	offered("xl nonsense ", PLACE_NOTHING, "");
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "percent of a CPU", test_percent }, { "rows", test_rows }, { "lines", test_lines },
		{ "counters", test_counters }, { "completion", test_complete }, CU_TEST_INFO_NULL,
	};

	return suite_run("xl", tests);
}
