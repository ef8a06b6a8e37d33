/* SPDX-License-Identifier: MIT */
/*
 * xl create: read a configuration, complete it with the command line, and have xld make the domain.
 *
 * All findings about the configuration are shown at once, before xld is asked. Paths are made absolute here, since
 * xld works elsewhere. With -c the domain is made paused, and runs when the console is attached, so no output is
 * missed. Without it a process stays behind for some seconds: should the domain crash, it shows the end of its console.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "domcfg/disk.h"
#include "domcfg/xml.h"
#include "xl.h"

#define WATCH_S		10		/* how long a new domain is watched; */
#define WATCH_PIPE_S	3		/* less where somebody may wait for the end of our messages */

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

bool read_config_with(struct domcfg *cfg, const char *file, char **overrides, int n)
{
	struct create_options o = { .file = file, .quiet = true };

	return read_config(cfg, &o, overrides, n);
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

/* --- the first seconds --- */

static bool tells_of_end(const xld_finding *f)
{
	return !strcmp(f->subject, "stopped") || !strcmp(f->subject, "state");
}

/* What xld knows of its end, if it was a crash. */
static bool print_crash(const char *name, const char *id)
{
	xld_domain d = { .name = (char *)(uintptr_t)id };
	xld_error err = { 0 };
	xld_findings f;
	bool crashed = false;

	if (!rpc_client_call(daemon_client(), XLD_DOMAIN_EXPLAIN, &d, &f, &err)) {
		rpc_release((xdrproc_t)xdr_xld_error, &err);
		return false;
	}
	for (u_int i = 0; i < f.findings.findings_len; i++) {
		const xld_finding *o = &f.findings.findings_val[i];

		if (!tells_of_end(o) || (!strstr(o->text, "crash") && !strstr(o->text, "watchdog")))
			continue;
		complain("domain '%s' (id %s) has crashed soon after its start: %s", name, id, o->text);
		crashed = true;
	}
	rpc_release((xdrproc_t)xdr_xld_findings, &f);
	return crashed;
}

/* xenconsoled needs a moment for what the domain wrote last. */
static char *last_words(const char *name, const struct log_place *from)
{
	struct timespec moment = { .tv_nsec = 200000000 };
	char *tail = NULL;

	for (int i = 0; i < 5 && (!tail || !*tail); i++) {
		free(tail);
		nanosleep(&moment, NULL);
		tail = console_tail(name, from);
	}
	return tail;
}

static void watch(const char *name, uint32_t domid, const struct log_place *from, unsigned int seconds)
{
	char id[16], *tail;
	xld_wait w = { .name = id, .timeout_s = seconds };
	xld_error err = { 0 };
	xld_waited waited;

	snprintf(id, sizeof(id), "%u", domid);
	/* Not found: it was quicker than the question. */
	if (!rpc_client_call(daemon_client(), XLD_DOMAIN_WAIT, &w, &waited, &err) && err.code != XLD_E_NOT_FOUND)
		return;
	if (!print_crash(name, id))
		return;
	tail = last_words(name, from);
	fputs(*tail ? "    the last lines of its console:\n" : "    it has written nothing to its console\n", stderr);
	print_indented(stderr, tail);
	free(tail);
}

/* 0: nobody would see it. */
static unsigned int watch_seconds(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st))
		return 0;
	if (S_ISREG(st.st_mode) || isatty(STDERR_FILENO))
		return WATCH_S;
	return S_ISCHR(st.st_mode) ? 0 : WATCH_PIPE_S;
}

/* In a process of its own, which has no part in the rest of the shell's command. */
static void watch_behind(const char *name, uint32_t domid, const struct log_place *from)
{
	unsigned int seconds = watch_seconds();
	int null;

	fflush(NULL);
	if (!seconds || fork())
		return;
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	null = open("/dev/null", O_RDWR);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	watch(name, domid, from, seconds);
	fflush(NULL);
	_exit(0);
}

/* -F: until it stops, whatever for. */
static int wait_for_end(uint32_t domid)
{
	char id[16];
	xld_wait w = { .name = id };
	xld_waited waited;

	snprintf(id, sizeof(id), "%u", domid);
	return call(XLD_DOMAIN_WAIT, &w, &waited) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int create_domain(const struct create_options *o, const struct domcfg *cfg)
{
	bool watched = !o->console && !o->paused && !o->quiet && watch_seconds();
	struct log_place from = { 0 };
	char *json = domcfg_to_json(cfg);
	xld_create args = { .config = json, .flags = o->console || o->paused ? XLD_CREATE_PAUSED : 0 };
	xld_created created;
	bool ok;

	if (watched)
		from = console_end(cfg->name);
	ok = call(XLD_DOMAIN_CREATE, &args, &created);
	free(json);
	if (!ok)
		return EXIT_FAILURE;
	if (verbose)
		fprintf(stderr, "created domain %u\n", created.domid);
	if (o->console && !o->paused)
		return attach_and_run(&created);
	if (o->foreground)
		return wait_for_end(created.domid);
	if (watched)
		watch_behind(cfg->name, created.domid, &from);
	return EXIT_SUCCESS;
}

static int print_config(const struct domcfg *cfg)
{
	char *json = domcfg_to_json(cfg);

	puts(json);
	free(json);
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
	int opt, rc;

	while ((opt = next_option(cmd, argc, argv, "cpqnf:deFh", longs)) != -1) {
		switch (opt) {
		case 'c': o.console = true; break;
		case 'p': o.paused = true; break;
		case 'q': o.quiet = true; break;
		case 'n': dry_run = true; break;
		case 'f': o.file = optarg; break;
		case 'd': verbose = true; break;
		case 'F': o.foreground = true; break;
		}
	}
	if (!o.file && optind < argc && !strchr(argv[optind], '='))
		o.file = argv[optind++];
	if (!o.file)
		want_args(cmd, argc, 1, -1);
	if (!read_config(&cfg, &o, argv + optind, argc - optind))
		rc = EXIT_FAILURE;
	else
		rc = dry_run ? print_config(&cfg) : create_domain(&o, &cfg);
	domcfg_free(&cfg);
	return rc;
}

const struct command cmds_create[] = {
	{ .name = "create", .fn = cmd_create, .args = "[FILE] [KEY=VALUE]...", .dry_run = true,
	  .summary = "Make a domain from a configuration file (xl.cfg or XML) and let it run",
	  .options = "  -c              attach to its console\n"
		     "  -p              leave it paused\n"
		     "  -q, --quiet     no messages but errors, and do not watch its first seconds\n"
		     "  -d              tell what is being done\n"
		     "  -e              accepted, no effect: nothing waits for its end\n"
		     "  -F              return when the domain has stopped\n"
		     "  -n, --dryrun    only read the configuration and print it as JSON\n"
		     "  -f, --defconfig=FILE  the configuration file\n" },
	{ 0 },
};
