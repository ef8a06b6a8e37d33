/* SPDX-License-Identifier: MIT */
/*
 * xl list, vm-list, claims, domid, domname, uptime: looking at domains.
 *
 * The columns of `xl list` are those of Xen's xl, since scripts cut them; what we add stands behind them.
 */
#include <time.h>

#include "domcfg/domcfg.h"
#include "json.h"

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

/* --- as a table --- */

enum table { SHORT, LONG, CLAIMS, CPUPOOL, NODES, CONTEXT };

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
	} else if (table == CPUPOOL) {
		printf(" %15s", "Pool-0");
	} else if (table == NODES) {
		printf(" all");
	} else if (table == CONTEXT) {
		printf(" %16s", "-");
	} else if (crashed) {
		printf("  %s", i->crash);
	}
	putchar('\n');
}

static void print_table(const xld_domain_list *list, enum table table)
{
	static const char *const more[] = {
		[SHORT] = "", [LONG] = "   UUID                            Reason", [CLAIMS] = "  Claimed",
		[CPUPOOL] = "         Cpupool", [NODES] = " NODE Affinity", [CONTEXT] = "   Security Label",
	};

	printf("Name                                        ID   Mem VCPUs\tState\tTime(s)%s\n", more[table]);
	for (u_int i = 0; i < list->domains.domains_len; i++)
		print_row(&list->domains.domains_val[i], table);
}

static bool print_json(const xld_domain_list *list, bool inactive)
{
	json_t *a = domains_to_json(list, true);
	bool ok = !inactive || list_inactive(a);

	print_json_value(a);
	return ok;
}

static int cmd_list(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "long", no_argument, NULL, 'l' }, { "verbose", no_argument, NULL, 'v' },
		{ "cpupool", no_argument, NULL, 'c' }, { "numa", no_argument, NULL, 'n' },
		{ "context", no_argument, NULL, 'Z' }, { "all", no_argument, NULL, 'A' },
		{ "inactive", no_argument, NULL, 'I' }, JSON_LONG, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	enum table table = SHORT;
	bool json = false, active = true, inactive = false, ok = true;
	xld_domain_list list = { 0 };
	int opt;

	while ((opt = next_option(cmd, argc, argv, "lvcnZjh", longs)) != -1) {
		switch (opt) {
		case 'l': case 'j': json = true; break;
		case 'v': table = LONG; break;
		case 'c': table = CPUPOOL; break;
		case 'n': table = NODES; break;
		case 'Z': table = CONTEXT; break;
		case 'A': inactive = true; break;
		case 'I': inactive = true; active = false; break;
		}
	}
	if (inactive)
		want_args(cmd, argc, 0, 0);
	if (active)
		ok = collect(argv + optind, argc - optind, &list);
	if (json && (ok || list.domains.domains_len)) {
		ok &= print_json(&list, inactive);
	} else if (ok || list.domains.domains_len) {
		print_table(&list, table);
		ok &= !inactive || list_inactive(NULL);
	}
	rpc_release(XDR_LIST, &list);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const struct option json_longs[] = { JSON_LONG, { "help", no_argument, NULL, 'h' }, { 0 } };

/* A command that lists all domains and has no option but -j. */
static int list_all(const struct command *cmd, int argc, char **argv, void (*print)(const xld_domain_list *list))
{
	xld_domain_list list = { 0 };
	bool json = false, ok;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "jh", json_longs)) != -1)
		json |= opt == 'j';
	want_args(cmd, argc, 0, 0);
	ok = collect(NULL, 0, &list);
	if (ok && json)
		print_json_value(domains_to_json(&list, false));
	else if (ok)
		print(&list);
	rpc_release(XDR_LIST, &list);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void print_vms(const xld_domain_list *list)
{
	char uuid[37];

	printf("UUID                                  ID    name\n");
	for (u_int i = 0; i < list->domains.domains_len; i++) {
		const xld_dominfo *d = &list->domains.domains_val[i];

		uuid_format((const uint8_t *)d->uuid, uuid);
		printf("%s  %u    %-30s\n", uuid, d->domid, d->name);
	}
}

static int cmd_vm_list(const struct command *cmd, int argc, char **argv)
{
	return list_all(cmd, argc, argv, print_vms);
}

static void print_claims(const xld_domain_list *list)
{
	print_table(list, CLAIMS);
}

/* Memory that domains have been promised and have not got yet; memory counts it. */
static int cmd_claims(const struct command *cmd, int argc, char **argv)
{
	return list_all(cmd, argc, argv, print_claims);
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

static void print_uptimes_json(const xld_domain_list *list)
{
	json_t *a = mem_check(json_array());

	for (u_int i = 0; i < list->domains.domains_len; i++) {
		const xld_dominfo *d = &list->domains.domains_val[i];
		long long s = uptime_of(d);

		json_array_append_new(a, json_pack("{s:i, s:s, s:o}", "domid", d->domid, "name", d->name, "uptime",
						   s < 0 ? json_null() : json_integer(s)));
	}
	print_json_value(a);
}

static int cmd_uptime(const struct command *cmd, int argc, char **argv)
{
	xld_domain_list list = { 0 };
	bool brief = false, json = false, ok, some;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "sjh", json_longs)) != -1) {
		brief |= opt == 's';
		json |= opt == 'j';
	}
	ok = collect(argv + optind, argc - optind, &list);
	some = ok || list.domains.domains_len;
	if (json && some)
		print_uptimes_json(&list);
	else if (!brief && some)
		printf("%-33s %4s %s\n", "Name", "ID", "Uptime");
	for (u_int i = 0; !json && i < list.domains.domains_len; i++)
		print_uptime(&list.domains.domains_val[i], brief);
	rpc_release(XDR_LIST, &list);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command cmds_list[] = {
	{ .name = "list", .fn = cmd_list, .args = "[DOMAIN]...", .summary = "List domains",
	  .options = "  -l, --long      everything that is known, as JSON\n"
		     "  -v, --verbose   UUID and reason of shutdown, too\n"
		     "  -c, --cpupool   the CPU pool, too: there is one\n"
		     "  -n, --numa      the nodes of its memory, too\n"
		     "  -Z, --context   the security label, too: there is none\n"
		     "  --all           also domains that are defined and do not run\n"
		     "  --inactive      only those\n"
		     "  -j, --json      the same as -l\n" },
	{ .name = "vm-list", .fn = cmd_vm_list, .args = "", .summary = "List domains by UUID", .options = JSON_HELP },
	{ .name = "claims", .fn = cmd_claims, .args = "", .options = JSON_HELP,
	  .summary = "List domains with the memory that is kept for them while they are built" },
	{ .name = "domid", .fn = cmd_domid, .args = "NAME", .summary = "Print the id of a domain" },
	{ .name = "domname", .fn = cmd_domname, .args = "ID", .summary = "Print the name of a domain" },
	{ .name = "uptime", .fn = cmd_uptime, .args = "[DOMAIN]...", .summary = "Print for how long domains have run",
	  .options = "  -s              one line each, without heading\n" JSON_HELP },
	{ 0 },
};
