/* SPDX-License-Identifier: MIT */
/*
 * xl xenstore-quota-get, xenstore-quota-set: what a domain may use of xenstore. xenstored itself is asked, over its
 * socket, so these work on this host only.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/xenstore.h"
#include "json.h"

static const struct option longs[] = {
	{ "global", no_argument, NULL, 'g' }, JSON_LONG, { "help", no_argument, NULL, 'h' }, { 0 },
};

static bool as_json;

/* The domain that is meant, by -g or the first argument, which is then passed over. False after a complaint. */
static bool parse_domain(const struct command *cmd, int argc, char **argv, int more, unsigned int *domid)
{
	xld_dominfo info;
	bool global = false;
	int opt;

	while ((opt = next_option(cmd, argc, argv, more ? "gh" : "gjh", longs)) != -1) {
		global |= opt == 'g';
		as_json |= opt == 'j';
	}
	want_args(cmd, argc, more + !global, more ? -1 : !global);
	*domid = XS_ALL_DOMAINS;
	if (global)
		return true;
	if (!find_domain(argv[optind++], &info))
		return false;
	*domid = info.domid;
	xdr_free((xdrproc_t)xdr_xld_dominfo, &info);
	return true;
}

static struct xs_handle *open_store(const char *cmd)
{
	struct xs_handle *xs = xs_open(0);

	if (!xs)
		complain("%s: cannot reach xenstored: %s; is it running?", cmd, strerror(errno));
	return xs;
}

static int show(struct xs_handle *xs, const char *cmd, unsigned int domid)
{
	char *names = xs_quota_names(xs), *at = NULL;
	json_t *all = mem_check(json_object());
	unsigned int value;

	if (!names) {
		json_decref(all);
		complain("%s: xenstored does not tell its quotas: %s; is it an older one?", cmd, strerror(errno));
		return EXIT_FAILURE;
	}
	if (!as_json)
		printf("%-20s %10s\n", "Quota", "Value");
	for (char *q = strtok_r(names, " ", &at); q; q = strtok_r(NULL, " ", &at)) {
		if (!xs_get_quota(xs, domid, q, &value))
			continue;
		if (as_json)
			json_object_set_new(all, q, json_integer(value));
		else
			printf("%-20s %10u\n", q, value);
	}
	if (as_json)
		print_json_value(all);
	else
		json_decref(all);
	free(names);
	return EXIT_SUCCESS;
}

static int cmd_quota_get(const struct command *cmd, int argc, char **argv)
{
	struct xs_handle *xs;
	unsigned int domid;
	int rc;

	if (!parse_domain(cmd, argc, argv, 0, &domid) || !(xs = open_store(cmd->name)))
		return EXIT_FAILURE;
	rc = show(xs, cmd->name, domid);
	xs_close(xs);
	return rc;
}

/* One NAME=VALUE; the '=' is overwritten. */
static bool set_one(struct xs_handle *xs, const char *cmd, unsigned int domid, char *text)
{
	char *eq = strchr(text, '='), *end = NULL;
	unsigned long v = eq ? strtoul(eq + 1, &end, 10) : 0;

	if (!eq || eq[1] < '0' || eq[1] > '9' || *end || v > UINT_MAX) {
		complain("%s: '%s' is not of the form QUOTA=NUMBER, such as nodes=2000 (0: no limit)", cmd, text);
		return false;
	}
	*eq = '\0';
	if (xs_set_quota(xs, domid, text, v))
		return true;
	complain("%s: xenstored does not set quota '%s': %s; `xl xenstore-quota-get -g` lists the names", cmd, text,
		 strerror(errno));
	return false;
}

static int cmd_quota_set(const struct command *cmd, int argc, char **argv)
{
	struct xs_handle *xs;
	unsigned int domid;
	bool ok = true;

	if (!parse_domain(cmd, argc, argv, 1, &domid) || !(xs = open_store(cmd->name)))
		return EXIT_FAILURE;
	for (; optind < argc && ok; optind++)
		ok = set_one(xs, cmd->name, domid, argv[optind]);
	xs_close(xs);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command cmds_store[] = {
	{ .name = "xenstore-quota-get", .fn = cmd_quota_get, .args = "-g | DOMAIN",
	  .summary = "Show what a domain may use of xenstore",
	  .options = "  -g, --global    the values for domains that have none of their own\n" JSON_HELP },
	{ .name = "xenstore-quota-set", .fn = cmd_quota_set, .args = "-g | DOMAIN QUOTA=VALUE...",
	  .summary = "Change what a domain may use of xenstore",
	  .options = "  -g, --global    the values for domains that have none of their own\n" },
	{ 0 },
};
