/* SPDX-License-Identifier: MIT */
/*
 * xl save, restore, verify-stream. The configuration of a saved domain is read out of its file here, the rest by xld.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "domcfg/domcfg.h"
#include "migrate/stream.h"
#include "xl.h"

char *config_json(const char *file)
{
	struct domcfg cfg;
	char *json = NULL;

	if (!file)
		return xstrdup("");
	if (read_config_file(&cfg, file, false))
		json = domcfg_to_json(&cfg);
	domcfg_free(&cfg);
	return json;
}

bool parse_compress(const char *text, xld_compress *how)
{
	unsigned int packing;

	if (stream_packing_by_name(text, &packing)) {
		*how = XLD_COMPRESS_NONE + packing;
		return true;
	}
	complain("--compress is none, lz4 or zstd, not '%s'", text);
	return false;
}

static int cmd_save(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "live", no_argument, NULL, 'l' }, { "compress", required_argument, NULL, 'z' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_save s = { 0 };
	xld_nothing ret;
	bool ok = false;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "cph", longs)) != -1) {
		if (opt == 'z' && !parse_compress(optarg, &s.compress))
			return EXIT_USAGE;
		if (opt != 'z')
			s.flags |= opt == 'c' ? XLD_SAVE_GO_ON : opt == 'p' ? XLD_SAVE_PAUSED : XLD_SAVE_LIVE;
	}
	want_args(cmd, argc, 2, 3);
	s.name = argv[optind];
	s.path = xstrdup(argv[optind + 1]);
	make_absolute(&s.path);
	s.config = config_json(argv[optind + 2]);
	if (s.config)
		ok = call(XLD_DOMAIN_SAVE, &s, &ret);
	free(s.path);
	free(s.config);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int open_stream(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		complain("cannot read %s: %s", path, strerror(errno));
	return fd;
}

/* The configuration in a stream. NULL: complained. */
static char *config_in(const char *path)
{
	struct stream_in in;
	char *json = NULL;
	int fd = open_stream(path);

	if (fd < 0)
		return NULL;
	stream_in_init(&in, fd);
	json = stream_config(&in);
	if (!json)
		complain("cannot restore '%s': %s", path, in.why);
	stream_in_free(&in);
	close(fd);
	return json;
}

static int cmd_restore(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	const char *config = NULL;
	xld_restore r = { 0 };
	xld_created created;
	bool ok = false;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "pedh", longs)) != -1) {
		if (opt == 'p')
			r.flags |= XLD_CREATE_PAUSED;
		else if (opt == 'd')
			verbose = true;
	}
	want_args(cmd, argc, 1, 2);
	if (argc - optind == 2)
		config = argv[optind++];
	r.path = xstrdup(argv[optind]);
	make_absolute(&r.path);
	r.config = config ? config_json(config) : config_in(r.path);
	if (r.config)
		ok = call(XLD_DOMAIN_RESTORE, &r, &created);
	if (ok && verbose)
		fprintf(stderr, "restored domain %u\n", created.domid);
	free(r.path);
	free(r.config);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const char *packed_with(const struct stream_check *c)
{
	return c->packings & 1U << STREAM_ZSTD ? ", packed with zstd" :
	       c->packings & 1U << STREAM_LZ4 ? ", packed with lz4" : "";
}

static int cmd_verify(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	struct stream_check check;
	struct stream_in in;
	int fd, rc;

	while (next_option(cmd, argc, argv, "h", longs) != -1)
		;
	want_args(cmd, argc, 1, 1);
	fd = open_stream(argv[optind]);
	if (fd < 0)
		return EXIT_FAILURE;
	stream_in_init(&in, fd);
	stream_check_init(&check, &in);
	rc = stream_verify(&check);
	if (rc)
		complain("'%s' is no whole stream: %s", argv[optind], in.why);
	else
		printf("version %u, %llu bytes%s, %u records, %u vCPUs, %llu pages, %llu of them empty: good\n",
		       check.version, (unsigned long long)in.pos, packed_with(&check), in.serial, check.max_vcpus,
		       (unsigned long long)check.nr_pages, (unsigned long long)check.zero_pages);
	stream_check_free(&check);
	stream_in_free(&in);
	close(fd);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

const struct command cmds_save[] = {
	{ .name = "save", .fn = cmd_save, .args = "DOMAIN FILE [CONFIG]",
	  .summary = "Write a domain into a file and destroy it",
	  .options = "  -c  let it run on\n"
		     "  -p  keep it, paused\n"
		     "  --live  copy its memory while it runs, so that it stops for less time\n"
		     COMPRESS_HELP },
	{ .name = "restore", .fn = cmd_restore, .args = "[CONFIG] FILE",
	  .summary = "Make a domain of a file that save has written",
	  .options = "  -p  leave it paused\n"
		     "  -e  accepted, no effect: nothing waits for its end\n"
		     "  -d  tell what is being done\n" },
	{ .name = "verify-stream", .fn = cmd_verify, .args = "FILE",
	  .summary = "Check a saved domain as a whole without restoring it" },
	{ 0 },
};
