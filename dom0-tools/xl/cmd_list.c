/* SPDX-License-Identifier: MIT */
/*
 * xl list, claims, domid, domname, uptime: looking at domains.
 *
 * The columns of `xl list` are those of Xen's xl, since scripts cut them; what we add stands behind them.
 */
#include <jansson.h>
#include <time.h>

#include "domcfg/domcfg.h"
#include "xl.h"

#define XDR_INFO ((xdrproc_t)xdr_xld_dominfo)
#define XDR_LIST ((xdrproc_t)xdr_xld_domain_list)

bool find_domain(const char *ref, xld_dominfo *info)
{
	xld_domain d = { .name = (char *)(uintptr_t)ref };

	return call(XLD_DOMAIN_INFO, &d, info);
}

/* The domains that the arguments name, or all. Returns false when one was not found; the others are in the list. */
static bool collect(char **refs, int n, xld_domain_list *list)
{
	xld_nothing nothing = { 0 };
	bool ok = true;

	if (!n)
		return call(XLD_DOMAIN_LIST, &nothing, list);
	memset(list, 0, sizeof(*list));
	list->domains.domains_val = xcalloc(n, sizeof(xld_dominfo));
	for (int i = 0; i < n; i++) {
		if (find_domain(refs[i], &list->domains.domains_val[list->domains.domains_len]))
			list->domains.domains_len++;
		else
			ok = false;
	}
	return ok;
}

static const char *state_name(xld_state s)
{
	static const char *const names[] = {
		[XLD_S_BUILDING] = "building", [XLD_S_RUNNING] = "running", [XLD_S_PAUSED] = "paused",
		[XLD_S_SHUTDOWN] = "shutdown", [XLD_S_CRASHED] = "crashed", [XLD_S_DYING] = "dying",
	};

	return (unsigned int)s < sizeof(names) / sizeof(names[0]) ? names[s] : "unknown";
}

/* --- as JSON --- */

void print_json_value(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(4) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(value);
}

static json_t *config_to_json(const xld_dominfo *i)
{
	char id[16];
	xld_domain d = { .name = id };
	json_t *o = NULL;
	xld_config cfg;

	snprintf(id, sizeof(id), "%u", i->domid);
	if (!call(XLD_DOMAIN_CONFIG, &d, &cfg))
		return json_null();
	if (*cfg.json)
		o = json_loads(cfg.json, 0, NULL);
	rpc_release((xdrproc_t)xdr_xld_config, &cfg);
	return o ? o : json_null();
}

static json_t *info_to_json(const xld_dominfo *i)
{
	char uuid[37];

	uuid_format((const uint8_t *)i->uuid, uuid);
	return mem_check(json_pack("{s:i, s:s, s:s, s:s, s:o, s:b, s:b, s:b, s:I, s:I, s:I, s:i, s:i, s:f, s:I, s:o}",
		"domid", i->domid, "name", i->name, "uuid", uuid, "state", state_name(i->state),
		"shutdown_reason", i->shutdown ? json_string(i->crash) : json_null(),
		"running", i->running, "blocked", i->blocked, "paused", i->paused,
		"memory_kib", (json_int_t)i->memory_kib, "claimed_kib", (json_int_t)i->claimed_kib,
		"max_memory_kib", (json_int_t)i->max_memory_kib,
		"vcpus", i->vcpus, "max_vcpus", i->max_vcpus, "cpu_time", (double)i->cpu_time_ns / 1e9,
		"start_time", (json_int_t)i->start_time, "config", config_to_json(i)));
}

static void print_json(const xld_domain_list *list)
{
	json_t *a = mem_check(json_array());

	for (u_int i = 0; i < list->domains.domains_len; i++)
		json_array_append_new(a, info_to_json(&list->domains.domains_val[i]));
	print_json_value(a);
}

/* --- as a table --- */

enum table { SHORT, LONG, CLAIMS };

static void print_row(const xld_dominfo *i, enum table table)
{
	bool crashed = i->state == XLD_S_CRASHED;
	char uuid[37];

	printf("%-40s %5u %5llu %5u     %c%c%c%c%c%c  %8.1f", i->name, i->domid,
	       (unsigned long long)i->memory_kib / 1024, i->vcpus, i->running ? 'r' : '-', i->blocked ? 'b' : '-',
	       i->paused ? 'p' : '-', i->shutdown ? 's' : '-', crashed ? 'c' : '-',
	       i->state == XLD_S_DYING ? 'd' : '-', (double)i->cpu_time_ns / 1e9);
	if (table == CLAIMS) {
		printf(" %5llu", (unsigned long long)i->claimed_kib / 1024);
	} else if (table == LONG) {
		uuid_format((const uint8_t *)i->uuid, uuid);
		printf(" %s %s", uuid, i->shutdown ? i->crash : "-");
	} else if (crashed) {
		printf("  %s", i->crash);
	}
	putchar('\n');
}

static void print_table(const xld_domain_list *list, enum table table)
{
	static const char *const more[] = { "", "   UUID                            Reason", "  Claimed" };

	printf("Name                                        ID   Mem VCPUs\tState\tTime(s)%s\n", more[table]);
	for (u_int i = 0; i < list->domains.domains_len; i++)
		print_row(&list->domains.domains_val[i], table);
}

static int cmd_list(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "long", no_argument, NULL, 'l' }, { "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	bool json = false, long_rows = false, ok;
	xld_domain_list list = { 0 };
	int opt;

	while ((opt = next_option(cmd, argc, argv, "lvh", longs)) != -1) {
		json |= opt == 'l';
		long_rows |= opt == 'v';
	}
	ok = collect(argv + optind, argc - optind, &list);
	if (json && (ok || list.domains.domains_len))
		print_json(&list);
	else if (ok || list.domains.domains_len)
		print_table(&list, long_rows ? LONG : SHORT);
	rpc_release(XDR_LIST, &list);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Memory that domains have been promised and have not got yet; memory counts it. */
static int cmd_claims(const struct command *cmd, int argc, char **argv)
{
	xld_domain_list list = { 0 };
	bool ok;

	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 0, 0);
	ok = collect(NULL, 0, &list);
	if (ok)
		print_table(&list, CLAIMS);
	rpc_release(XDR_LIST, &list);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int cmd_domid(const struct command *cmd, int argc, char **argv)
{
	xld_dominfo info;

	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 1, 1);
	if (!find_domain(argv[optind], &info))
		return EXIT_FAILURE;
	printf("%u\n", info.domid);
	rpc_release(XDR_INFO, &info);
	return EXIT_SUCCESS;
}

static int cmd_domname(const struct command *cmd, int argc, char **argv)
{
	xld_dominfo info;

	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 1, 1);
	if (!find_domain(argv[optind], &info))
		return EXIT_FAILURE;
	puts(info.name);
	rpc_release(XDR_INFO, &info);
	return EXIT_SUCCESS;
}

/* Seconds since the domain's start; dom0's is that of its kernel. Negative: not known. */
static long long uptime_of(const xld_dominfo *i)
{
	struct timespec ts;

	if (!i->domid)
		return clock_gettime(CLOCK_BOOTTIME, &ts) ? -1 : ts.tv_sec;
	return i->start_time ? (long long)time(NULL) - (long long)i->start_time : -1;
}

static void print_uptime(const xld_dominfo *i, bool brief)
{
	long long s = uptime_of(i), days = s / 86400;
	char when[64] = "unknown", clock[32];
	time_t now = time(NULL);

	if (s >= 0 && days)
		snprintf(when, sizeof(when), "%lld day%s, %2lld:%02lld:%02lld", days, days == 1 ? "" : "s",
			 s / 3600 % 24, s / 60 % 60, s % 60);
	else if (s >= 0)
		snprintf(when, sizeof(when), "%2lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
	if (brief) {
		strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
		printf("%s up %s, %s (%u)\n", clock, when, i->name, i->domid);
	} else {
		printf("%-33s %4u %s\n", i->name, i->domid, when);
	}
}

static int cmd_uptime(const struct command *cmd, int argc, char **argv)
{
	xld_domain_list list = { 0 };
	bool brief = false, ok;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "sh", NULL)) != -1)
		brief |= opt == 's';
	ok = collect(argv + optind, argc - optind, &list);
	if (!brief && (ok || list.domains.domains_len))
		printf("%-33s %4s %s\n", "Name", "ID", "Uptime");
	for (u_int i = 0; i < list.domains.domains_len; i++)
		print_uptime(&list.domains.domains_val[i], brief);
	rpc_release(XDR_LIST, &list);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command cmds_list[] = {
	{ .name = "list", .fn = cmd_list, .args = "[DOMAIN]...", .summary = "List domains",
	  .options = "  -l, --long      everything that is known, as JSON\n"
		     "  -v, --verbose   UUID and reason of shutdown, too\n" },
	{ .name = "claims", .fn = cmd_claims, .args = "",
	  .summary = "List domains with the memory that is kept for them while they are built" },
	{ .name = "domid", .fn = cmd_domid, .args = "NAME", .summary = "Print the id of a domain" },
	{ .name = "domname", .fn = cmd_domname, .args = "ID", .summary = "Print the name of a domain" },
	{ .name = "uptime", .fn = cmd_uptime, .args = "[DOMAIN]...", .summary = "Print for how long domains have run",
	  .options = "  -s              one line each, without heading\n" },
	{ 0 },
};
