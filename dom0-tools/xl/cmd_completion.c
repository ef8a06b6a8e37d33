/* SPDX-License-Identifier: MIT */
/*
 * `xl completion N WORD...`: what the shell may offer for word N of a command line; share/completion/xl.bash calls it
 * for each Tab. Not in `xl help`. It never complains: a shell that completes shows no errors.
 *
 * Output: one candidate a line; a line ":files" asks the shell for file names.
 */
#include "complete.h"
#include "domcfg/domcfg.h"
#include "domcfg/keys.h"

static void print_name(const char *name, const char *typed)
{
	if (!strncmp(name, typed, strlen(typed)))
		puts(name);
}

/* Those that run, and those that are defined and do not. */
static void print_domains(const char *typed)
{
	const char *path = getenv("XLD_SOCKET");
	xld_nothing nothing = { 0 };
	xld_error err = { 0 };
	struct rpc_client *c = rpc_client_open(path ? path : RPC_SOCKET, "xl", &err);
	xld_defined_list defined = { 0 };
	xld_domain_list list = { 0 };

	if (!c || !rpc_client_call(c, XLD_DOMAIN_LIST, &nothing, &list, &err) ||
	    !rpc_client_call(c, XLD_DEFINED_LIST, &nothing, &defined, &err))
		rpc_release((xdrproc_t)xdr_xld_error, &err);
	for (u_int i = 0; i < list.domains.domains_len; i++)
		print_name(list.domains.domains_val[i].name, typed);
	for (u_int i = 0; i < defined.domains.domains_len; i++)
		if (!defined.domains.domains_val[i].active)
			print_name(defined.domains.domains_val[i].name, typed);
	rpc_release((xdrproc_t)xdr_xld_domain_list, &list);
	rpc_release((xdrproc_t)xdr_xld_defined_list, &defined);
	rpc_client_close(c);
}

static void print_commands(const char *typed)
{
	for (size_t g = 0; command_groups[g]; g++)
		for (const struct command *c = command_groups[g]; c->name; c++)
			if (!strncmp(c->name, typed, strlen(typed)))
				puts(c->name);
}

static void print_keys(const char *typed)
{
	for (int k = 0; k < DOMCFG_NKEYS; k++)
		if (!strncmp(cfg_keys[k].name, typed, strlen(typed)))
			printf("%s=\n", cfg_keys[k].name);
}

static void print_place(enum place place, const char *typed)
{
	switch (place) {
	case PLACE_DOMAIN:	print_domains(typed); break;
	case PLACE_COMMAND:	print_commands(typed); break;
	case PLACE_KEY:		print_keys(typed); break;
	case PLACE_FILE:	puts(":files"); break;
	case PLACE_NOTHING:	break;
	}
}

int complete(int argc, char **argv)
{
	int at = argc > 1 ? atoi(argv[1]) : 0, n = argc - 2;
	char **words = argv + 2;
	const char *typed = at > 0 && at < n ? words[at] : "";
	enum place place, also;

	if (at < 1 || n < 1)
		return EXIT_USAGE;
	place = complete_place(command_groups, words, n, at, stdout, &also);
	print_place(place, typed);
	if (also != place)
		print_place(also, typed);
	return EXIT_SUCCESS;
}
