/* SPDX-License-Identifier: MIT */
/* xl info, dmesg: the host. The names in `xl info` are those of Xen's xl, since scripts look for them. */
#include <sys/utsname.h>

#include "json.h"

#define PHYSCAP_HVM 1U
#define PHYSCAP_PV 2U

static const char *wanted;		/* xl info NAME: only the values of names that begin like this */

__attribute__((format(printf, 2, 3)))
static void row(const char *name, const char *fmt, ...)
{
	va_list ap;

	if (wanted && strncmp(name, wanted, strlen(wanted)))
		return;
	if (!wanted)
		printf("%-23s: ", name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void print_machine(const xld_host *h)
{
	struct utsname u;

	if (!daemon_is_remote() && !uname(&u)) {
		row("host", "%s", u.nodename);
		row("release", "%s", u.release);
		row("version", "%s", u.version);
		row("machine", "%s", u.machine);
	}
	row("nr_cpus", "%u", h->nr_cpus);
	row("max_cpu_id", "%u", h->max_cpu_id);
	row("nr_nodes", "%u", h->nr_nodes);
	row("cores_per_socket", "%u", h->cores_per_socket);
	row("threads_per_core", "%u", h->threads_per_core);
	row("cpu_mhz", "%u.%03u", h->cpu_khz / 1000, h->cpu_khz % 1000);
	row("hw_caps", "%08x:%08x:%08x:%08x:%08x:%08x:%08x:%08x", h->hw_caps[0], h->hw_caps[1], h->hw_caps[2],
	    h->hw_caps[3], h->hw_caps[4], h->hw_caps[5], h->hw_caps[6], h->hw_caps[7]);
	row("virt_caps", "%s%s%s", h->capabilities & PHYSCAP_PV ? "pv" : "",
	    (h->capabilities & 3) == 3 ? " " : "", h->capabilities & PHYSCAP_HVM ? "hvm" : "");
	row("total_memory", "%llu", (unsigned long long)h->total_kib / 1024);
	row("free_memory", "%llu", (unsigned long long)h->free_kib / 1024);
	row("sharing_freed_memory", "0");
	row("sharing_used_memory", "0");
	row("outstanding_claims", "%llu", (unsigned long long)h->outstanding_kib / 1024);
	if (h->hypervisor_kib != ~0ULL)
		row("hypervisor_memory", "%llu", (unsigned long long)h->hypervisor_kib / 1024);
	row("free_cpus", "0");
}

static void print_hypervisor(const xld_host *h)
{
	row("xen_major", "%u", h->xen_major);
	row("xen_minor", "%u", h->xen_minor);
	row("xen_extra", "%s", h->xen_extra);
	row("xen_version", "%u.%u%s", h->xen_major, h->xen_minor, h->xen_extra);
	row("xen_caps", "%s", h->xen_caps);
	row("xen_scheduler", "%s", h->scheduler);
	row("xen_pagesize", "%u", h->pagesize);
	row("platform_params", "virt_start=0x%llx", (unsigned long long)h->virt_start);
	row("xen_changeset", "%s", h->changeset);
	row("xen_commandline", "%s", h->commandline);
	row("cc_compiler", "%s", h->compiler);
	row("cc_compile_by", "%s", h->compile_by);
	row("cc_compile_domain", "%s", h->compile_domain);
	row("cc_compile_date", "%s", h->compile_date);
	row("build_id", "%s", h->build_id);
	row("xend_config_format", "4");
}

/* One node has it all: the hypervisor does not look at where memory is. */
static void print_numa(const xld_host *h)
{
	printf("cpu_topology           :\ncpu:    core    socket     node\n");
	for (unsigned int i = 0; i < h->nr_cpus; i++)
		printf("%3u:    %4u     %4u     %4u\n", i, i, 0U, 0U);
	printf("numa_info              :\nnode:    memsize    memfree    distances\n");
	printf("%4u:    %6llu     %6llu      %s\n", 0U, (unsigned long long)h->total_kib / 1024,
	       (unsigned long long)h->free_kib / 1024, "10");
}

static int cmd_info(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "numa", no_argument, NULL, 'n' }, JSON_LONG, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_nothing nothing = { 0 };
	bool json = false, numa = false;
	xld_host h;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "njh", longs)) != -1) {
		json |= opt == 'j';
		numa |= opt == 'n';
	}
	want_args(cmd, argc, 0, 1);
	wanted = argv[optind];
	if (!call(XLD_HOST_INFO, &nothing, &h))
		return EXIT_FAILURE;
	if (json) {
		print_json_value(host_to_json(&h));
	} else {
		print_machine(&h);
		print_hypervisor(&h);
	}
	if (numa && !json && !wanted)
		print_numa(&h);
	rpc_release((xdrproc_t)xdr_xld_host, &h);
	return EXIT_SUCCESS;
}

static int cmd_dmesg(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "clear", no_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_dmesg args = { 0 };
	xld_dmesg_text text;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "ch", longs)) != -1)
		args.flags |= opt == 'c' ? XLD_DMESG_CLEAR : 0;
	want_args(cmd, argc, 0, 0);
	if (!call(XLD_HOST_DMESG, &args, &text))
		return EXIT_FAILURE;
	fwrite(text.text.text_val, 1, text.text.text_len, stdout);
	rpc_release((xdrproc_t)xdr_xld_dmesg_text, &text);
	return EXIT_SUCCESS;
}

const struct command cmds_host[] = {
	{ .name = "info", .fn = cmd_info, .args = "[NAME]",
	  .summary = "Print what is known about the host, or only the value of NAME",
	  .options = "  -n, --numa      CPUs and nodes, too\n" JSON_HELP },
	{ .name = "dmesg", .fn = cmd_dmesg, .args = "", .summary = "Print the hypervisor's log",
	  .options = "  -c, --clear     and empty it\n" },
	{ 0 },
};
