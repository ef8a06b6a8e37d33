/* SPDX-License-Identifier: MIT */
/*
 * xl create: read a configuration, complete it with the command line, and have xld make the domain.
 *
 * All findings about the configuration are shown at once, before xld is asked. Paths are made absolute here, since
 * xld works elsewhere. With -c the domain is made paused, and runs when the console is attached, so no output is
 * missed.
 */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "domcfg/disk.h"
#include "domcfg/xml.h"
#include "xl.h"

struct create_options {
	const char *file;
	bool console, paused, quiet;
	bool silent;			/* do not say that it is read */
};

static void show_findings(struct domcfg_diag *diag, bool quiet)
{
	if (diag->text && (diag->errors || !quiet))
		fputs(diag->text, stderr);
}

void make_absolute(char **path)
{
	char cwd[PATH_MAX], *full;

	if (!*path || **path == '/' || !getcwd(cwd, sizeof(cwd)))
		return;
	full = xasprintf("%s/%s", cwd, *path);
	free(*path);
	*path = full;
}

static void disks_absolute(struct domcfg_list *disks)
{
	char cwd[PATH_MAX], *full;

	for (size_t i = 0; i < disks->n && getcwd(cwd, sizeof(cwd)); i++) {
		full = disk_absolute(disks->item[i], cwd);
		free(disks->item[i]);
		disks->item[i] = full;
	}
}

/* The file, then each key=value behind it, then the rules between them. */
static bool read_config(struct domcfg *cfg, const struct create_options *o, char **overrides, int n)
{
	struct domcfg_diag diag = { .file = "command line" };
	bool ok;

	domcfg_init(cfg);
	if (o->file && !o->quiet && !o->silent)
		fprintf(stderr, "Parsing config from %s\n", o->file);
	if (o->file)
		domcfg_read_file(cfg, o->file, &diag);
	for (int i = 0; i < n; i++)
		domcfg_override(cfg, overrides[i], &diag);
	if (!diag.errors) {
		diag.file = o->file ? o->file : "command line";
		domcfg_check(cfg, &diag);
	}
	show_findings(&diag, o->quiet);
	ok = !diag.errors;
	domcfg_diag_free(&diag);
	make_absolute(&cfg->kernel);
	make_absolute(&cfg->ramdisk);
	disks_absolute(&cfg->disk);
	return ok;
}

bool read_config_file(struct domcfg *cfg, const char *file, bool warnings)
{
	struct create_options o = { .file = file, .quiet = !warnings, .silent = true };

	return read_config(cfg, &o, NULL, 0);
}

static int attach_and_run(xld_created *created)
{
	char id[16];
	xld_domain d = { .name = id };
	struct console *con;
	xld_nothing nothing;

	snprintf(id, sizeof(id), "%u", created->domid);
	con = console_open(id);
	if (!call(XLD_DOMAIN_UNPAUSE, &d, &nothing))
		return EXIT_FAILURE;
	return con ? console_run(con) : EXIT_FAILURE;
}

int create_domain(char *json, bool console, bool paused)
{
	xld_create args = { .config = json, .flags = console || paused ? XLD_CREATE_PAUSED : 0 };
	xld_created created;

	if (!call(XLD_DOMAIN_CREATE, &args, &created))
		return EXIT_FAILURE;
	if (verbose)
		fprintf(stderr, "created domain %u\n", created.domid);
	if (console && !paused)
		return attach_and_run(&created);
	return EXIT_SUCCESS;
}

static int cmd_create(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "dryrun", no_argument, NULL, 'n' }, { "quiet", no_argument, NULL, 'q' },
		{ "defconfig", required_argument, NULL, 'f' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct create_options o = { 0 };
	struct domcfg cfg;
	char *json;
	int opt, rc;

	while ((opt = next_option(cmd, argc, argv, "cpqnf:h", longs)) != -1) {
		switch (opt) {
		case 'c': o.console = true; break;
		case 'p': o.paused = true; break;
		case 'q': o.quiet = true; break;
		case 'n': dry_run = true; break;
		case 'f': o.file = optarg; break;
		}
	}
	if (!o.file && optind < argc && !strchr(argv[optind], '='))
		o.file = argv[optind++];
	if (!o.file)
		want_args(cmd, argc, 1, -1);
	if (!read_config(&cfg, &o, argv + optind, argc - optind)) {
		rc = EXIT_FAILURE;
	} else {
		json = domcfg_to_json(&cfg);
		if (dry_run)
			puts(json);
		rc = dry_run ? EXIT_SUCCESS : create_domain(json, o.console, o.paused);
		free(json);
	}
	domcfg_free(&cfg);
	return rc;
}

const struct command cmds_create[] = {
	{ .name = "create", .fn = cmd_create, .args = "[FILE] [KEY=VALUE]...", .dry_run = true,
	  .summary = "Make a domain from a configuration file (xl.cfg or XML) and let it run",
	  .options = "  -c              attach to its console\n"
		     "  -p              leave it paused\n"
		     "  -q, --quiet     no messages but errors\n"
		     "  -n, --dryrun    only read the configuration and print it as JSON\n"
		     "  -f, --defconfig=FILE  the configuration file\n" },
	{ 0 },
};
