/* SPDX-License-Identifier: MIT */
/*
 * xl rename, sysrq, trigger, suspend, resume, dump-core, config-update, debug-keys, set-parameters: acting on a domain,
 * or on the hypervisor, at once. Names, arguments and exit codes are those of Xen's xl.
 */
#include "domcfg/domcfg.h"
#include "xl.h"

static int done(bool ok)
{
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int cmd_rename(const struct command *cmd, int argc, char **argv)
{
	xld_rename r;
	xld_nothing nothing;

	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 2, 2);
	r = (xld_rename){ .name = argv[optind], .new_name = argv[optind + 1] };
	return done(call(XLD_DOMAIN_RENAME, &r, &nothing));
}

static int cmd_sysrq(const struct command *cmd, int argc, char **argv)
{
	xld_sysrq s;
	xld_nothing nothing;

	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 2, 2);
	s = (xld_sysrq){ .name = argv[optind], .key = argv[optind + 1] };
	if (strlen(s.key) == 1)
		return done(call(XLD_DOMAIN_SYSRQ, &s, &nothing));
	complain("sysrq: the key must be one letter, not '%s'", s.key);
	return EXIT_FAILURE;
}

/* What else Xen's xl can trigger is for virtual hardware, which a PV domain has not. */
static int cmd_trigger(const struct command *cmd, int argc, char **argv)
{
	static const char *const others[] = { "reset", "init", "power", "sleep", "s3resume" };
	xld_trigger t = { .kind = XLD_TRIGGER_NMI };
	xld_nothing nothing;

	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 2, 3);
	t.name = argv[optind];
	if (argc - optind == 3 && !parse_number("trigger: VCPU", argv[optind + 2], &t.vcpu))
		return EXIT_FAILURE;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!strcmp(argv[optind + 1], others[i])) {
			complain("trigger: '%s' is for virtual hardware, which a PV domain does not have; "
				 "`xl shutdown`, `xl reboot` and `xl suspend` ask its kernel", others[i]);
			return EXIT_FAILURE;
		}
	}
	if (!strcmp(argv[optind + 1], "nmi"))
		return done(call(XLD_DOMAIN_TRIGGER, &t, &nothing));
	complain("trigger: there is no trigger '%s', only nmi", argv[optind + 1]);
	return EXIT_FAILURE;
}

static int on_one(const struct command *cmd, int argc, char **argv, uint32_t proc)
{
	xld_domain d;
	xld_nothing nothing;

	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 1, 1);
	d.name = argv[optind];
	return done(call(proc, &d, &nothing));
}

static int cmd_suspend(const struct command *cmd, int argc, char **argv)
{
	return on_one(cmd, argc, argv, XLD_DOMAIN_SUSPEND);
}

static int cmd_resume(const struct command *cmd, int argc, char **argv)
{
	return on_one(cmd, argc, argv, XLD_DOMAIN_RESUME);
}

static int cmd_dump_core(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "xen", no_argument, NULL, 'x' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_dump_core d = { 0 };
	xld_nothing nothing;
	bool ok;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "h", longs)) != -1)
		d.flags |= opt == 'x' ? XLD_DUMP_NO_SEGMENTS : 0;
	want_args(cmd, argc, 2, 2);
	d.name = argv[optind];
	d.path = xstrdup(argv[optind + 1]);
	make_absolute(&d.path);
	ok = call(XLD_DUMP_CORE, &d, &nothing);
	free(d.path);
	return done(ok);
}

static int cmd_config_update(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "defconfig", required_argument, NULL, 'f' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_config_update u = { 0 };
	const char *file = NULL;
	struct domcfg cfg;
	xld_nothing nothing;
	bool ok;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "f:dh", longs)) != -1) {
		if (opt == 'f')
			file = optarg;
		verbose |= opt == 'd';
	}
	want_args(cmd, argc, 1, -1);
	u.name = argv[optind++];
	if (!file && optind < argc && !strchr(argv[optind], '='))
		file = argv[optind++];
	if (!file) {
		complain("config-update: no configuration file is given");
		return EXIT_FAILURE;
	}
	ok = read_config_with(&cfg, file, argv + optind, argc - optind);
	if (ok) {
		u.config = domcfg_to_json(&cfg);
		ok = dry_run ? puts(u.config) >= 0 : call(XLD_CONFIG_UPDATE, &u, &nothing);
		free(u.config);
	}
	domcfg_free(&cfg);
	return done(ok);
}

static int cmd_debug_keys(const struct command *cmd, int argc, char **argv)
{
	xld_debug_keys k;
	xld_dmesg_text text;

	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 1, 1);
	k.keys = argv[optind];
	if (!call(XLD_HOST_DEBUG_KEYS, &k, &text))
		return EXIT_FAILURE;
	fwrite(text.text.text_val, 1, text.text.text_len, stdout);
	rpc_release((xdrproc_t)xdr_xld_dmesg_text, &text);
	return EXIT_SUCCESS;
}

/* The hypervisor reads its command line at start-up and has nothing that could be changed later under a name. */
static int cmd_set_parameters(const struct command *cmd, int argc, char **argv)
{
	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 1, 1);
	complain("cannot set parameters '%s': the hypervisor has none that can be changed while it runs", argv[optind]);
	fputs("    try: its command line in the boot loader; `xl sched-credit -s` for the scheduler, "
	      "`xl xenstore-quota-set` for xenstore\n", stderr);
	return EXIT_FAILURE;
}

const struct command cmds_control[] = {
	{ .name = "rename", .fn = cmd_rename, .args = "DOMAIN NEWNAME", .summary = "Give a domain another name" },
	{ .name = "sysrq", .fn = cmd_sysrq, .args = "DOMAIN KEY",
	  .summary = "Send a magic SysRq key to a domain's kernel; h lists them on its console" },
	{ .name = "trigger", .fn = cmd_trigger, .args = "DOMAIN nmi [VCPU]", .summary = "Send a domain an NMI" },
	{ .name = "suspend", .fn = cmd_suspend, .args = "DOMAIN",
	  .summary = "Have a domain suspend; it stays in memory" },
	{ .name = "resume", .fn = cmd_resume, .args = "DOMAIN", .summary = "Let a suspended domain go on" },
	{ .name = "dump-core", .fn = cmd_dump_core, .args = "DOMAIN FILE",
	  .summary = "Write memory and registers of a domain into a file for gdb",
	  .options = "  --xen           only what Xen's xl writes: for `crash`; gdb does not read it\n" },
	{ .name = "config-update", .fn = cmd_config_update, .args = "DOMAIN FILE [KEY=VALUE]...", .dry_run = true,
	  .summary = "Change what a domain is to be from its next start on",
	  .options = "  -f, --defconfig=FILE  the configuration file\n"
		     "  -d              tell what is being done\n" },
	{ .name = "debug-keys", .fn = cmd_debug_keys, .args = "KEYS",
	  .summary = "Ask the hypervisor about itself, and print its answer; h lists the keys" },
	{ .name = "set-parameters", .fn = cmd_set_parameters, .args = "PARAMETERS",
	  .summary = "There are none: says what can be set instead" },
	{ 0 },
};
