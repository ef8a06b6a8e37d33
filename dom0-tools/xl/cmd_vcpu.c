/* SPDX-License-Identifier: MIT */
/*
 * xl vcpu-list, vcpu-pin, vcpu-set, sched-credit: where vCPUs run, how many there are, and their share of the CPUs.
 *
 * Columns and options are those of Xen's xl. CPUs in words go to xld as they are typed: it knows what the host has.
 */
#include <errno.h>

#include "domcfg/cpulist.h"
#include "json.h"

bool parse_number(const char *what, const char *text, unsigned int *n)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && v < UINT32_MAX) {
		*n = (unsigned int)v;
		return true;
	}
	complain("%s must be a number, not '%s'", what, text);
	return false;
}

bool for_each_domain(uint32_t proc, size_t ret_size, void (*fn)(void *ret), xdrproc_t xdr)
{
	xld_nothing nothing = { 0 };
	xld_domain_list list;
	bool ok = call(XLD_DOMAIN_LIST, &nothing, &list);
	void *ret = xcalloc(1, ret_size);
	char id[16];

	for (u_int i = 0; ok && i < list.domains.domains_len; i++) {
		/* Every body that names a domain begins with the name. */
		xld_sched_domain args = { .name = id };
		xld_error err = { 0 };

		snprintf(id, sizeof(id), "%u", list.domains.domains_val[i].domid);
		if (rpc_client_call(daemon_client(), proc, &args, ret, &err)) {
			fn(ret);
			rpc_release(xdr, ret);
		} else if (err.code == XLD_E_NOT_FOUND || err.code == XLD_E_BUSY) {	/* it comes or goes */
			rpc_release((xdrproc_t)xdr_xld_error, &err);
		} else {
			show_error(&err);
			ok = false;
		}
	}
	if (list.domains.domains_len)
		rpc_release((xdrproc_t)xdr_xld_domain_list, &list);
	free(ret);
	return ok;
}

/* --- vcpu-list --- */

static void print_affinity(const xld_vcpu *v, unsigned int nr_cpus)
{
	char *hard = cpulist_format((const uint8_t *)v->hard.hard_val, v->hard.hard_len, nr_cpus);
	char *soft = cpulist_format((const uint8_t *)v->soft.soft_val, v->soft.soft_len, nr_cpus);

	printf("%s / %s\n", hard, soft);
	free(hard);
	free(soft);
}

static void print_vcpus(void *ret)
{
	const xld_vcpu_list *l = ret;

	for (u_int i = 0; i < l->vcpus.vcpus_len; i++) {
		const xld_vcpu *v = &l->vcpus.vcpus_val[i];

		printf("%-32s %5u %5u", l->name, l->domid, i);
		if (v->online)
			printf(" %4u %3c%c- ", v->cpu, v->running ? 'r' : '-', v->blocked ? 'b' : '-');
		else
			printf(" %4c %3c%cp ", '-', '-', '-');
		printf("%9.1f  ", (double)v->cpu_time_ns / 1e9);
		print_affinity(v, l->nr_cpus);
	}
}

static json_t *rows;			/* what was collected for -j */

static void collect_vcpus(void *ret)
{
	json_array_append_new(rows, vcpus_to_json(ret));
}

static int cmd_vcpu_list(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = { JSON_LONG, { "help", no_argument, NULL, 'h' }, { 0 } };
	xdrproc_t xdr = (xdrproc_t)xdr_xld_vcpu_list;
	void (*put)(void *ret) = print_vcpus;
	bool ok = true;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "jh", longs)) != -1)
		put = collect_vcpus;
	rows = mem_check(json_array());
	if (put == print_vcpus)
		printf("%-32s %5s %5s %5s %5s %9s %s\n", "Name", "ID", "VCPU", "CPU", "State", "Time(s)",
	       "Affinity (Hard / Soft)");
	if (optind == argc)
		ok = for_each_domain(XLD_VCPU_LIST, sizeof(xld_vcpu_list), put, xdr);
	for (int i = optind; i < argc; i++) {
		xld_domain d = { .name = argv[i] };
		xld_vcpu_list l;

		if (call(XLD_VCPU_LIST, &d, &l)) {
			put(&l);
			rpc_release(xdr, &l);
		} else {
			ok = false;
		}
	}
	if (put == collect_vcpus)
		print_json_value(rows);
	else
		json_decref(rows);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- vcpu-pin, vcpu-set --- */

/* As Xen's xl has it, - leaves an affinity as it is. */
static char *affinity_arg(char *arg)
{
	static char nothing[] = "";

	return strcmp(arg, "-") ? arg : nothing;
}

static int cmd_vcpu_pin(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'f' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	static char nothing[] = "";
	xld_vcpu_pin pin = { .vcpu = XLD_VCPU_ALL, .soft = nothing };
	xld_nothing ret;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "fh", longs)) != -1)
		pin.flags |= opt == 'f' ? XLD_PIN_FORCE : 0;
	want_args(cmd, argc, 3, 4);
	pin.name = argv[optind];
	if (strcmp(argv[optind + 1], "all") && !parse_number("vcpu-pin: VCPU", argv[optind + 1], &pin.vcpu))
		return EXIT_FAILURE;
	if (!*argv[optind + 2] || (optind + 4 == argc && !*argv[optind + 3])) {
		complain("vcpu-pin: an affinity is empty; - leaves it as it is");
		return EXIT_FAILURE;
	}
	pin.hard = affinity_arg(argv[optind + 2]);
	if (optind + 4 == argc)
		pin.soft = affinity_arg(argv[optind + 3]);
	return call(XLD_VCPU_PIN, &pin, &ret) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int cmd_vcpu_set(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "ignore-host", no_argument, NULL, 'i' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_vcpu_set set = { 0 };
	xld_nothing ret;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "ih", longs)) != -1)
		set.flags |= opt == 'i' ? XLD_VCPU_OVERCOMMIT : 0;
	want_args(cmd, argc, 2, 2);
	set.name = argv[optind];
	if (!parse_number("vcpu-set: the number of vCPUs", argv[optind + 1], &set.vcpus))
		return EXIT_FAILURE;
	return call(XLD_VCPU_SET, &set, &ret) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- sched-credit --- */

struct sched_options {
	char *domain;
	xld_sched_domain d;
	xld_sched_host host;
	bool pool, param, json;
};

static void collect_sched(void *ret)
{
	const xld_sched_domain *d = ret;

	json_array_append_new(rows, json_pack("{s:i, s:s, s:i, s:i}", "domid", d->domid, "name", d->name, "weight",
					      d->weight, "cap", d->cap));
}

/* All of them, and the scheduler's own settings. */
static int sched_json(void)
{
	xld_sched_host none = { 0 }, h;

	if (!call(XLD_SCHED_HOST, &none, &h))
		return EXIT_FAILURE;
	rows = mem_check(json_array());
	if (!for_each_domain(XLD_SCHED_DOMAIN, sizeof(xld_sched_domain), collect_sched,
			     (xdrproc_t)xdr_xld_sched_domain)) {
		json_decref(rows);
		return EXIT_FAILURE;
	}
	print_json_value(json_pack("{s:s, s:i, s:i, s:i, s:o}", "scheduler", "credit", "tslice_ms", h.tslice_ms,
				   "ratelimit_us", h.ratelimit_us, "migration_delay_us", h.migration_delay_us,
				   "domains", rows));
	return EXIT_SUCCESS;
}

static void print_sched(void *ret)
{
	const xld_sched_domain *d = ret;

	printf("%-33s %4u %6u %4u\n", d->name, d->domid, d->weight, d->cap);
}

static bool print_host_sched(const xld_sched_host *change)
{
	xld_sched_host h;

	if (!call(XLD_SCHED_HOST, change, &h))
		return false;
	if (!change->set)
		printf("Cpupool Pool-0: tslice=%ums ratelimit=%uus migration-delay=%uus\n", h.tslice_ms,
		       h.ratelimit_us, h.migration_delay_us);
	return true;
}

static void print_sched_heading(void)
{
	printf("%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
}

static int sched_all(void)
{
	xld_sched_host none = { 0 };

	if (!print_host_sched(&none))
		return EXIT_FAILURE;
	print_sched_heading();
	return for_each_domain(XLD_SCHED_DOMAIN, sizeof(xld_sched_domain), print_sched,
			       (xdrproc_t)xdr_xld_sched_domain) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int sched_one(struct sched_options *o)
{
	xld_sched_domain ret;

	o->d.name = o->domain;
	if (!call(XLD_SCHED_DOMAIN, &o->d, &ret))
		return EXIT_FAILURE;
	if (!o->d.set) {
		print_sched_heading();
		print_sched(&ret);
	}
	rpc_release((xdrproc_t)xdr_xld_sched_domain, &ret);
	return EXIT_SUCCESS;
}

/* One option with its value. false: complained. */
static bool sched_option(struct sched_options *o, int opt)
{
	switch (opt) {
	case 'd':
		o->domain = optarg;
		return true;
	case 'w':
		o->d.set |= XLD_SCHED_WEIGHT;
		return parse_number("sched-credit: the weight", optarg, &o->d.weight);
	case 'c':
		o->d.set |= XLD_SCHED_CAP;
		return parse_number("sched-credit: the cap", optarg, &o->d.cap);
	case 's':
		o->param = true;
		return true;
	case 'j':
		o->json = true;
		return true;
	case 't':
		o->host.set |= XLD_SCHED_TSLICE;
		return parse_number("sched-credit: the slice", optarg, &o->host.tslice_ms);
	case 'r':
		o->host.set |= XLD_SCHED_RATELIMIT;
		return parse_number("sched-credit: the rate limit", optarg, &o->host.ratelimit_us);
	case 'm':
		o->host.set |= XLD_SCHED_MIGRATION;
		return parse_number("sched-credit: the migration delay", optarg, &o->host.migration_delay_us);
	default:
		o->pool = true;
		if (!strcmp(optarg, "Pool-0"))
			return true;
		complain("sched-credit: there is no CPU pool '%s', only Pool-0", optarg);
		return false;
	}
}

/* Why the options do not go together; NULL: they do. */
static const char *sched_conflict(const struct sched_options *o)
{
	if ((o->pool || o->param) && (o->domain || o->d.set))
		return "options for a domain and for the scheduler as a whole do not go together";
	if (o->d.set && !o->domain)
		return "-w and -c need a domain: -d";
	if (o->host.set && !o->param)
		return "-t, -r and -m need -s";
	if (o->json && (o->domain || o->param))
		return "-j lists all domains and the scheduler's settings";
	return NULL;
}

static int cmd_sched_credit(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "domain", required_argument, NULL, 'd' }, { "weight", required_argument, NULL, 'w' },
		{ "cap", required_argument, NULL, 'c' }, { "schedparam", no_argument, NULL, 's' },
		{ "tslice_ms", required_argument, NULL, 't' }, { "ratelimit_us", required_argument, NULL, 'r' },
		{ "migration_delay_us", required_argument, NULL, 'm' }, { "cpupool", required_argument, NULL, 'p' },
		JSON_LONG, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct sched_options o = { 0 };
	const char *conflict;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "d:w:c:st:r:m:p:jh", longs)) != -1)
		if (!sched_option(&o, opt))
			return EXIT_FAILURE;
	want_args(cmd, argc, 0, 0);
	conflict = sched_conflict(&o);
	if (conflict) {
		complain("sched-credit: %s", conflict);
		return EXIT_FAILURE;
	}
	if (o.json)
		return sched_json();
	if (o.param)
		return print_host_sched(&o.host) ? EXIT_SUCCESS : EXIT_FAILURE;
	return o.domain ? sched_one(&o) : sched_all();
}

const struct command cmds_vcpu[] = {
	{ .name = "vcpu-list", .fn = cmd_vcpu_list, .args = "[DOMAIN]...",
	  .summary = "List vCPUs and where they may run", .options = JSON_HELP },
	{ .name = "vcpu-pin", .fn = cmd_vcpu_pin, .args = "DOMAIN {VCPU | all} {HARD | -} [SOFT | -]",
	  .summary = "Say where vCPUs may run (HARD) and had rather run (SOFT)",
	  .options = "  -f, --force     also a vCPU that the domain's kernel has bound to a CPU\n" },
	{ .name = "vcpu-set", .fn = cmd_vcpu_set, .args = "DOMAIN N",
	  .summary = "Say how many vCPUs of a domain are to be online",
	  .options = "  -i, --ignore-host  also more than the host has CPUs\n" },
	{ .name = "sched-credit", .fn = cmd_sched_credit, .args = "",
	  .summary = "Show or set the shares of the credit scheduler",
	  .options = "  -d, --domain=DOMAIN      of this domain; without -w and -c: show them\n"
		     "  -w, --weight=N           share among those that want to run, 1 to 65535\n"
		     "  -c, --cap=N              percent of a CPU that it gets at most; 0: no limit\n"
		     "  -s, --schedparam         the scheduler as a whole; without -t, -r, -m: show it\n"
		     "  -t, --tslice_ms=N        length of a turn, 1 to 1000 ms\n"
		     "  -r, --ratelimit_us=N     least time between two switches\n"
		     "  -m, --migration_delay_us=N  least time on a CPU before going to another one\n"
		     "  -p, --cpupool=POOL       there is one: Pool-0\n"
		     "  -j, --json               all of it as JSON\n" },
	{ 0 },
};
