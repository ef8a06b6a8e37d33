/* SPDX-License-Identifier: MIT */
/*
 * xl mem-set, mem-max: how much memory a domain is to have, and may have. `xl claims` is beside `xl list`.
 */
#include <ctype.h>
#include <errno.h>

#include "xl.h"

/*
 * An amount with one letter behind it (k, m, g, t or b for bytes, either case; none: MiB), in KiB. Complains when it is
 * something else or does not fit.
 */
static bool parse_size(const char *cmd, const char *text, uint64_t *kib)
{
	static const struct { char letter; int shift; } units[] = {
		{ 'b', -10 }, { 'k', 0 }, { 'm', 10 }, { 0, 10 }, { 'g', 20 }, { 't', 30 },
	};
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		int shift = units[i].shift;

		if (tolower((unsigned char)*end) != units[i].letter || (*end && end[1]))
			continue;
		if (!isdigit((unsigned char)*text) || errno || (shift > 0 && v >> (63 - shift)))
			break;
		*kib = shift < 0 ? v >> -shift : v << shift;
		return true;
	}
	complain("%s: SIZE must be a number, in MiB or with k, m, g or t behind it, not '%s'", cmd, text);
	return false;
}

static int memory_command(const struct command *cmd, int argc, char **argv, uint32_t proc, xld_memory *m)
{
	xld_nothing ret;
	uint64_t kib;

	want_args(cmd, argc, 2, 2);
	if (!parse_size(cmd->name, argv[optind + 1], &kib))
		return EXIT_FAILURE;
	m->name = argv[optind];
	m->kib = kib;
	return call(proc, m, &ret) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int cmd_mem_set(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'f' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_memory m = { 0 };
	int opt;

	while ((opt = next_option(cmd, argc, argv, "fh", longs)) != -1)
		m.flags |= opt == 'f' ? XLD_MEM_FORCE : 0;
	return memory_command(cmd, argc, argv, XLD_MEM_SET, &m);
}

static int cmd_mem_max(const struct command *cmd, int argc, char **argv)
{
	xld_memory m = { 0 };

	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	return memory_command(cmd, argc, argv, XLD_MEM_MAX, &m);
}

const struct command cmds_memory[] = {
	{ .name = "mem-set", .fn = cmd_mem_set, .args = "DOMAIN SIZE",
	  .summary = "Have a domain give memory back, or take more, up to SIZE",
	  .options = "  -f, --force     dom0 also below what it uses now\n" },
	{ .name = "mem-max", .fn = cmd_mem_max, .args = "DOMAIN SIZE",
	  .summary = "Limit the memory that the hypervisor lets a domain have" },
	{ 0 },
};
