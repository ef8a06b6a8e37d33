/* SPDX-License-Identifier: MIT */
/*
 * xl define, undefine, edit, start, autostart, dumpxml: descriptions of domains that xld keeps, and domains as XML.
 *
 * What is edited is in a file of its own until xld has taken it: whatever goes wrong, the text is still there, and
 * its name is told.
 */
#include <errno.h>
#include <jansson.h>
#include <sys/wait.h>
#include <unistd.h>

#include "domcfg/xml.h"
#include "xl.h"

#define XDR_CONFIG ((xdrproc_t)xdr_xld_config)
#define XDR_DEFINED ((xdrproc_t)xdr_xld_defined_list)

static const struct option only_help[] = { { "help", no_argument, NULL, 'h' }, { 0 } };

/* The definition of a domain as JSON, NULL after a complaint. Caller frees. */
static char *definition_of(char *ref)
{
	xld_domain d = { .name = ref };
	xld_config cfg;
	char *json;

	if (!call(XLD_DEFINED_CONFIG, &d, &cfg))
		return NULL;
	json = xstrdup(cfg.json);
	rpc_release(XDR_CONFIG, &cfg);
	return json;
}

/* What xld says it is; it was checked there. */
static bool from_json(struct domcfg *cfg, const char *json)
{
	struct domcfg_diag diag = { .file = "xld" };
	bool ok;

	domcfg_init(cfg);
	ok = domcfg_from_json(cfg, json, strlen(json), &diag) && domcfg_check(cfg, &diag);
	if (!ok)
		complain("xld's answer is not understood: %s", diag.text ? diag.text : "");
	domcfg_diag_free(&diag);
	return ok;
}

/* --- dumpxml --- */

/* The configuration of a domain that runs; *found: there is such a domain. NULL: not known, or complained. */
static char *running_config(char *ref, int *domid, bool *found)
{
	xld_domain d = { .name = ref };
	xld_error err = { 0 };
	xld_dominfo info;
	xld_config cfg;
	char *json = NULL;

	*found = true;
	if (!rpc_client_call(daemon_client(), XLD_DOMAIN_INFO, &d, &info, &err)) {
		*found = err.code != XLD_E_NOT_FOUND;
		if (*found)
			show_error(&err);
		else
			rpc_release((xdrproc_t)xdr_xld_error, &err);
		return NULL;
	}
	*domid = (int)info.domid;
	if (call(XLD_DOMAIN_CONFIG, &d, &cfg)) {
		if (*cfg.json)
			json = xstrdup(cfg.json);
		else
			complain("domain '%s' was not made by xld: its configuration is not known", info.name);
		rpc_release(XDR_CONFIG, &cfg);
	}
	rpc_release((xdrproc_t)xdr_xld_dominfo, &info);
	return json;
}

static int print_xml(const struct domcfg *cfg, int domid)
{
	char *xml = domxml_format(cfg, domid);

	fputs(xml, stdout);
	free(xml);
	return EXIT_SUCCESS;
}

static int dump_file(const char *file)
{
	struct domcfg cfg;
	int rc = read_config_file(&cfg, file, true) ? print_xml(&cfg, -1) : EXIT_FAILURE;

	domcfg_free(&cfg);
	return rc;
}

static int cmd_dumpxml(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "inactive", no_argument, NULL, 'i' }, { "file", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	int opt, domid = -1, rc = EXIT_FAILURE;
	bool inactive = false, found = false;
	const char *file = NULL;
	char *json = NULL;
	struct domcfg cfg;

	while ((opt = next_option(cmd, argc, argv, "f:h", longs)) != -1) {
		inactive |= opt == 'i';
		if (opt == 'f')
			file = optarg;
	}
	want_args(cmd, argc, !file, !file);
	if (file)
		return dump_file(file);
	if (!inactive)
		json = running_config(argv[optind], &domid, &found);
	if (!found)
		json = definition_of(argv[optind]);
	if (!json)
		return EXIT_FAILURE;
	if (from_json(&cfg, json))
		rc = print_xml(&cfg, domid);
	domcfg_free(&cfg);
	free(json);
	return rc;
}

/* --- define, undefine, start, autostart --- */

static bool define(const struct domcfg *cfg)
{
	char *json = domcfg_to_json(cfg);
	xld_define args = { .config = json };
	xld_created ret;
	bool ok = call(XLD_DEFINE, &args, &ret);

	free(json);
	return ok;
}

static int cmd_define(const struct command *cmd, int argc, char **argv)
{
	int rc = EXIT_SUCCESS;
	struct domcfg cfg;

	while (next_option(cmd, argc, argv, "h", only_help) != -1)
		;
	want_args(cmd, argc, 1, -1);
	for (int i = optind; i < argc; i++) {
		if (!read_config_file(&cfg, argv[i], true) || !define(&cfg))
			rc = EXIT_FAILURE;
		else
			fprintf(stderr, "Domain %s defined from %s\n", cfg.name, argv[i]);
		domcfg_free(&cfg);
	}
	return rc;
}

static int cmd_undefine(const struct command *cmd, int argc, char **argv)
{
	int rc = EXIT_SUCCESS;
	xld_nothing nothing;

	while (next_option(cmd, argc, argv, "h", only_help) != -1)
		;
	want_args(cmd, argc, 1, -1);
	for (int i = optind; i < argc; i++) {
		xld_domain d = { .name = argv[i] };

		if (!call(XLD_UNDEFINE, &d, &nothing))
			rc = EXIT_FAILURE;
	}
	return rc;
}

static int cmd_start(const struct command *cmd, int argc, char **argv)
{
	struct create_options o = { 0 };
	int opt, rc = EXIT_FAILURE;
	struct domcfg cfg;
	char *json;

	while ((opt = next_option(cmd, argc, argv, "cpqh", only_help)) != -1) {
		o.console |= opt == 'c';
		o.paused |= opt == 'p';
		o.quiet |= opt == 'q';
	}
	want_args(cmd, argc, 1, 1);
	json = definition_of(argv[optind]);
	if (!json)
		return EXIT_FAILURE;
	if (from_json(&cfg, json))
		rc = create_domain(&o, &cfg);
	domcfg_free(&cfg);
	free(json);
	return rc;
}

/* In the order of names. */
static int list_autostart(void)
{
	xld_nothing nothing = { 0 };
	xld_defined_list list;

	if (!call(XLD_DEFINED_LIST, &nothing, &list))
		return EXIT_FAILURE;
	for (u_int i = 0; i < list.domains.domains_len; i++)
		if (list.domains.domains_val[i].autostart)
			puts(list.domains.domains_val[i].name);
	rpc_release(XDR_DEFINED, &list);
	return EXIT_SUCCESS;
}

static int cmd_autostart(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "disable", no_argument, NULL, 'd' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_autostart a = { .on = true };
	int opt, rc = EXIT_SUCCESS;
	xld_nothing nothing;

	while ((opt = next_option(cmd, argc, argv, "h", longs)) != -1)
		a.on = false;
	if (a.on && optind == argc)
		return list_autostart();
	want_args(cmd, argc, 1, -1);
	for (int i = optind; i < argc; i++) {
		a.name = argv[i];
		if (!call(XLD_AUTOSTART, &a, &nothing))
			rc = EXIT_FAILURE;
	}
	return rc;
}

/* --- as part of xl list --- */

static json_t *defined_to_json(const xld_defined *d)
{
	char uuid[37], *json = definition_of(d->name);
	json_t *config = json ? json_loads(json, 0, NULL) : NULL;

	free(json);
	uuid_format((const uint8_t *)d->uuid, uuid);
	return mem_check(json_pack("{s:n, s:s, s:s, s:s, s:b, s:I, s:I, s:i, s:i, s:o}", "domid", "name", d->name,
				   "uuid", uuid, "state", "defined", "autostart", d->autostart,
				   "memory_kib", (json_int_t)d->memory_kib,
				   "max_memory_kib", (json_int_t)d->max_memory_kib,
				   "vcpus", d->vcpus, "max_vcpus",
				   d->max_vcpus, "config", config ? config : json_null()));
}

bool list_inactive(struct json_t *array)
{
	xld_nothing nothing = { 0 };
	xld_defined_list list;

	if (!call(XLD_DEFINED_LIST, &nothing, &list))
		return false;
	for (u_int i = 0; i < list.domains.domains_len; i++) {
		const xld_defined *d = &list.domains.domains_val[i];

		if (d->active)
			continue;
		if (array)
			json_array_append_new(array, defined_to_json(d));
		else
			printf("%-40s %5s %5llu %5u     ------  %8.1f%s\n", d->name, "-",
			       (unsigned long long)d->memory_kib / 1024, d->vcpus, 0.0,
			       d->autostart ? "  autostart" : "");
	}
	rpc_release(XDR_DEFINED, &list);
	return true;
}

/* --- edit --- */

/* Runs $VISUAL, $EDITOR or vi, which may have arguments. */
static bool run_editor(const char *file)
{
	const char *editor = getenv("VISUAL");
	int status = -1;
	pid_t pid;

	if (!editor || !*editor)
		editor = getenv("EDITOR");
	if (!editor || !*editor)
		editor = "vi";
	fflush(stdout);
	pid = fork();
	if (!pid) {
		char *line = xasprintf("%s \"$1\"", editor);

		execl("/bin/sh", "sh", "-c", line, "sh", file, NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	complain("the editor '%s' failed", editor);
	return false;
}

static bool write_temporary(const char *text, char *file)
{
	int fd = mkstemps(file, (int)strlen(".xml"));
	size_t len = strlen(text), n = 0;
	ssize_t done = 1;

	for (; fd >= 0 && n < len && (done = write(fd, text + n, len - n)) > 0; n += (size_t)done)
		;
	if (fd < 0 || n < len || close(fd)) {
		complain("cannot write %s: %s", file, strerror(errno));
		return false;
	}
	return true;
}

/* Only a person can be asked. */
static bool once_more(void)
{
	char answer[16];

	if (!isatty(STDIN_FILENO))
		return false;
	fputs("Edit it again? [Y/n] ", stderr);
	return fgets(answer, sizeof(answer), stdin) && *answer != 'n' && *answer != 'N';
}

/* Let the file be edited until it is right. */
static bool edit_file(const char *file, struct domcfg *cfg, const struct domcfg *old)
{
	for (;;) {
		bool ok = run_editor(file);

		domcfg_init(cfg);
		ok = ok && read_config_file(cfg, file, true);
		if (ok && !cfg->has_uuid) {
			memcpy(cfg->uuid, old->uuid, 16);
			cfg->has_uuid = true;
		}
		if (ok && memcmp(cfg->uuid, old->uuid, 16)) {
			complain("the UUID must stay as it is; `xl define` makes another domain of a copy");
			ok = false;
		}
		if (ok)
			return true;
		domcfg_free(cfg);
		if (!once_more())
			return false;
	}
}

/* Nobody else has changed it meanwhile, and xld takes it. */
static bool replace(char *ref, const char *old_json, const struct domcfg *cfg)
{
	char *now = definition_of(ref);
	bool same = now && !strcmp(now, old_json);

	if (now && !same)
		complain("the definition of '%s' was changed by somebody else meanwhile", ref);
	free(now);
	return same && define(cfg);
}

static int edit(char *ref, const char *json, const struct domcfg *old)
{
	char file[] = "/tmp/xl-edit-XXXXXX.xml", *xml = domxml_format(old, -1), *edited;
	struct domcfg cfg = { 0 };
	bool ok = write_temporary(xml, file), taken = false;

	free(xml);
	if (!ok)
		return EXIT_FAILURE;
	if (edit_file(file, &cfg, old)) {
		edited = domcfg_to_json(&cfg);
		taken = !strcmp(edited, json) || replace(ref, json, &cfg);
		if (taken)
			fprintf(stderr, "Definition of %s %s\n", old->name,
				strcmp(edited, json) ? "changed" : "not changed");
		free(edited);
		domcfg_free(&cfg);
	}
	if (taken)
		unlink(file);
	else
		complain("nothing was changed; what was edited is in %s", file);
	return taken ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int cmd_edit(const struct command *cmd, int argc, char **argv)
{
	int rc = EXIT_FAILURE;
	struct domcfg old;
	char *json;

	while (next_option(cmd, argc, argv, "h", only_help) != -1)
		;
	want_args(cmd, argc, 1, 1);
	json = definition_of(argv[optind]);
	if (!json)
		return EXIT_FAILURE;
	if (from_json(&old, json))
		rc = edit(argv[optind], json, &old);
	domcfg_free(&old);
	free(json);
	return rc;
}

const struct command cmds_define[] = {
	{ .name = "define", .fn = cmd_define, .args = "FILE...",
	  .summary = "Keep the description of a domain (xl.cfg or XML), in place of an earlier one" },
	{ .name = "undefine", .fn = cmd_undefine, .args = "DOMAIN...",
	  .summary = "Forget descriptions; domains that run go on" },
	{ .name = "edit", .fn = cmd_edit, .args = "DOMAIN",
	  .summary = "Change a description that is kept, with $EDITOR" },
	{ .name = "start", .fn = cmd_start, .args = "DOMAIN",
	  .summary = "Make a domain from the description that is kept",
	  .options = "  -c  attach to its console\n"
		     "  -p  leave it paused\n"
		     "  -q  do not watch its first seconds\n" },
	{ .name = "autostart", .fn = cmd_autostart, .args = "[DOMAIN...]",
	  .summary = "Start domains with the host, or list those that are",
	  .options = "  --disable       do not\n" },
	{ .name = "dumpxml", .fn = cmd_dumpxml, .args = "{DOMAIN | -f FILE}",
	  .summary = "Print a domain's description as XML",
	  .options = "  --inactive      what is kept, also if the domain runs\n"
		     "  -f, --file=FILE that of a file, xl.cfg or XML\n" },
	{ 0 },
};
