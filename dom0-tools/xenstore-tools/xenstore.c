/* SPDX-License-Identifier: MIT */
/*
 * xenstore: look at and change the store by hand. One program, `xenstore COMMAND` or by a link named xenstore-COMMAND.
 *
 * Values are printed in quotes by ls, with bytes that are not printable as \xHH; read and watch print them as they are.
 * Exit status: 0, 1 if the store refused something (the message names the path and the error), 2 for wrong usage.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/xenstore.h"

#define MAX_PERMS 256

static struct xs_handle *xs;

static int fail(const char *what, const char *path)
{
	fprintf(stderr, "xenstore: cannot %s %s: %s\n", what, path, strerror(errno));
	return 1;
}

static void print_value(const char *value, unsigned int len)
{
	putchar('"');
	for (unsigned int i = 0; i < len; i++) {
		unsigned char c = value[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (isprint(c))
			putchar(c);
		else
			printf("\\x%02x", c);
	}
	putchar('"');
}

static void print_perms(const char *path)
{
	unsigned int n;
	struct xs_permissions *p = xs_get_permissions(xs, XBT_NULL, path, &n);
	char buf[16];

	for (unsigned int i = 0; p && i < n; i++) {
		xs_perm_format(&p[i], buf);
		printf("%s%s", i ? "," : "  (", buf);
	}
	if (p)
		putchar(')');
	free(p);
}

/* A path below another; the caller frees it. */
static char *join(const char *dir, const char *name)
{
	char *out;

	if (asprintf(&out, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name) < 0)
		exit(1);
	return out;
}

/* --- commands: each gets the arguments after its options --- */

struct options {
	bool full, perms, recursive;
	bool upwards;			/* chmod: also what the path lies in */
	bool tidy;			/* rm: also what it leaves empty */
	unsigned long count;		/* of events; 0 = no end */
};

static int list_below(const char *dir, unsigned int depth, const struct options *o)
{
	unsigned int n = 0, len;
	char **names = xs_directory(xs, XBT_NULL, dir, &n);
	int rc = names ? 0 : errno == ENOENT && depth ? 0 : fail("list", dir);	/* gone meanwhile */

	for (unsigned int i = 0; i < n; i++) {
		char *path = join(dir, names[i]);
		char *value = xs_read(xs, XBT_NULL, path, &len);

		if (o->full)
			printf("%s = ", path);
		else
			printf("%*s%s = ", depth, "", names[i]);
		if (value)
			print_value(value, len);
		else
			printf("(%s)", strerror(errno));
		if (o->perms)
			print_perms(path);
		putchar('\n');
		rc |= list_below(path, depth + 1, o);
		free(value);
		free(path);
	}
	free(names);
	return rc;
}

static int cmd_ls(int argc, char **argv, const struct options *o)
{
	int rc = 0;

	if (!argc)
		return list_below("/", 0, o);
	for (int i = 0; i < argc; i++)
		rc |= list_below(argv[i], 0, o);
	return rc;
}

static int cmd_read(int argc, char **argv, const struct options *o)
{
	int rc = 0;

	for (int i = 0; i < argc; i++) {
		unsigned int len;
		char *value = xs_read(xs, XBT_NULL, argv[i], &len);

		if (!value) {
			rc = fail("read", argv[i]);
			continue;
		}
		if (o->full)
			printf("%s: ", argv[i]);
		fwrite(value, 1, len, stdout);
		putchar('\n');
		free(value);
	}
	return rc;
}

/* All or nothing, in one transaction. */
static int cmd_write(int argc, char **argv, const struct options *o)
{
	xs_transaction_t t;

	(void)o;
	if (argc % 2)
		return 2;
	do {
		t = xs_transaction_start(xs);
		if (!t)
			return fail("start a transaction for", argv[0]);
		for (int i = 0; i < argc; i += 2)
			if (!xs_write(xs, t, argv[i], argv[i + 1], strlen(argv[i + 1]))) {
				fail("write", argv[i]);
				xs_transaction_end(xs, t, true);
				return 1;
			}
		if (xs_transaction_end(xs, t, false))
			return 0;
	} while (errno == EAGAIN);
	return fail("write", argv[0]);
}

/* Cut the last element off a path; false when there is nothing above it. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return false;
	*slash = '\0';
	return true;
}

/* Remove the nodes above path that have neither value nor children, up to the first that has. */
static void tidy_up(char *path)
{
	while (go_up(path)) {
		unsigned int n = 1, len = 1;
		char **names = xs_directory(xs, XBT_NULL, path, &n);
		char *value = xs_read(xs, XBT_NULL, path, &len);
		bool empty = names && value && !n && !len;

		free(names);
		free(value);
		if (!empty || !xs_rm(xs, XBT_NULL, path))
			return;
	}
}

static int cmd_rm(int argc, char **argv, const struct options *o)
{
	int rc = 0;

	for (int i = 0; i < argc; i++) {
		if (!xs_rm(xs, XBT_NULL, argv[i]))
			rc = fail("remove", argv[i]);
		else if (o->tidy)
			tidy_up(argv[i]);
	}
	return rc;
}

static int cmd_list(int argc, char **argv, const struct options *o)
{
	int rc = 0;

	for (int i = 0; i < argc; i++) {
		unsigned int n = 0;
		char **names = xs_directory(xs, XBT_NULL, argv[i], &n);

		if (!names)
			rc = fail("list", argv[i]);
		for (unsigned int k = 0; k < n; k++)
			printf("%s%s%s\n", o->full ? argv[i] : "", o->full ? "/" : "", names[k]);
		free(names);
	}
	return rc;
}

static int cmd_exists(int argc, char **argv, const struct options *o)
{
	(void)o;
	for (int i = 0; i < argc; i++) {
		char *value = xs_read(xs, XBT_NULL, argv[i], NULL);

		if (!value)
			return errno == ENOENT ? 1 : fail("read", argv[i]);
		free(value);
	}
	return 0;
}

static int cmd_watch(int argc, char **argv, const struct options *o)
{
	for (int i = 0; i < argc; i++)
		if (!xs_watch(xs, argv[i], argv[i]))
			return fail("watch", argv[i]);
	for (unsigned long n = 0; !o->count || n < o->count; n++) {
		char **e = xs_read_watch(xs, NULL);

		if (!e)
			return fail("wait for", argv[0]);
		puts(e[XS_WATCH_PATH]);
		fflush(stdout);
		free(e);
	}
	return 0;
}

static int chmod_below(const char *path, const struct xs_permissions *p, unsigned int n, bool recursive)
{
	unsigned int nr = 0;
	char **names;
	int rc = 0;

	if (!xs_set_permissions(xs, XBT_NULL, path, p, n))
		return fail("change permissions of", path);
	names = recursive ? xs_directory(xs, XBT_NULL, path, &nr) : NULL;
	for (unsigned int i = 0; i < nr; i++) {
		char *below = join(path, names[i]);

		rc |= chmod_below(below, p, n, true);
		free(below);
	}
	free(names);
	return rc;
}

static int cmd_chmod(int argc, char **argv, const struct options *o)
{
	struct xs_permissions p[MAX_PERMS];

	if (argc > MAX_PERMS)
		return 2;
	for (int i = 1; i < argc; i++)
		if (!xs_perm_parse(&p[i - 1], argv[i])) {
			fprintf(stderr, "xenstore: permission %s: a letter n, r, w or b and a domain number is needed, "
				"e.g. r5\n", argv[i]);
			return 2;
		}
	if (chmod_below(argv[0], p, argc - 1, o->recursive))
		return 1;
	while (o->upwards && go_up(argv[0]))
		if (!xs_set_permissions(xs, XBT_NULL, argv[0], p, argc - 1))
			return fail("change permissions of", argv[0]);
	return 0;
}

static int cmd_control(int argc, char **argv, const struct options *o)
{
	char line[4096] = "", *reply;
	size_t n = 0;

	(void)o;
	for (int i = 0; i < argc && n < sizeof(line); i++)
		n += snprintf(line + n, sizeof(line) - n, "%s%s", i ? " " : "", argv[i]);
	reply = xs_control(xs, line);
	if (!reply)
		return fail("run the daemon's command", line);
	fputs(reply, stdout);
	if (*reply && reply[strlen(reply) - 1] != '\n')
		putchar('\n');
	free(reply);
	return 0;
}

static const struct command {
	const char *name, *opts;
	int min;			/* arguments */
	int (*fn)(int argc, char **argv, const struct options *o);
	const char *usage;
} commands[] = {
	{ "ls", "fpsw", 0, cmd_ls, "[-f] [-p] [PATH]...       all below PATH; -f full paths, -p permissions" },
	{ "read", "ps", 1, cmd_read, "[-p] PATH...              values; -p with their paths" },
	{ "write", "s", 2, cmd_write, "PATH VALUE...            set values, all or none" },
	{ "rm", "st", 1, cmd_rm, "[-t] PATH...                remove with all below; -t what it leaves empty, too" },
	{ "list", "ps", 1, cmd_list, "[-p] PATH...              names of the children; -p with their paths" },
	{ "exists", "s", 1, cmd_exists, "PATH...                 exit status 1 if one does not" },
	{ "watch", "n:s", 1, cmd_watch, "[-n COUNT] PATH...       print the paths that change" },
	{ "chmod", "rsu", 2, cmd_chmod, "[-r] [-u] PATH PERM...   e.g. n0 r5: owner 0, others none, 5 may read; -r all below,\n"
	  "                              -u all above" },
	{ "control", "s", 1, cmd_control, "COMMAND [ARG]          for the daemon; `help` lists them" },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int usage(FILE *f)
{
	for (unsigned int i = 0; i < NR_COMMANDS; i++)
		fprintf(f, "%s xenstore %s %s\n", i ? "      " : "usage:", commands[i].name, commands[i].usage);
	return f == stdout ? 0 : 2;
}

static const struct command *find(const char *name)
{
	for (unsigned int i = 0; name && i < NR_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int parse(int argc, char **argv, const struct command *c, struct options *o)
{
	char *end;
	int opt;

	while ((opt = getopt(argc, argv, c->opts)) >= 0) {
		switch (opt) {
		case 'f':
			o->full = true;
			break;
		case 'p':
			o->perms = true;
			if (c->fn == cmd_read || c->fn == cmd_list)
				o->full = true;
			break;
		case 'r':
			o->recursive = true;
			break;
		case 'u':
			o->upwards = true;
			break;
		case 't':
			o->tidy = true;
			break;
		case 's':	/* by the socket, never cut a line: as always */
		case 'w':
			break;
		case 'n':
			o->count = strtoul(optarg, &end, 10);
			if (*end || !o->count)
				return -1;
			break;
		default:
			return -1;
		}
	}
	return argc - optind < c->min ? -1 : 0;
}

int main(int argc, char **argv)
{
	const char *self = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	const struct command *c = NULL;
	struct options o = { 0 };
	int rc;

	if (!strncmp(self, "xenstore-", 9))
		c = find(self + 9);
	if (!c && argc > 1) {
		if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
			return usage(stdout);
		c = find(argv[1]);
		argc--;
		argv++;
	}
	if (!c || parse(argc, argv, c, &o) < 0)
		return usage(stderr);
	xs = xs_open(0);
	if (!xs) {
		fprintf(stderr, "xenstore: cannot reach xenstored: %s; is it running?\n", strerror(errno));
		return 1;
	}
	rc = c->fn(argc - optind, argv + optind, &o);
	xs_close(xs);
	return rc == 2 ? usage(stderr) : rc;
}
