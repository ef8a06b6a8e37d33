/* SPDX-License-Identifier: MIT */
/*
 * The `lab` command: a table of subcommands over the library of lab.h.
 *
 * Exit status: 0 done, 1 it failed (with a message that says what, on which host, why and what to try), 2 wrong
 * usage; `lab exec` passes on the command's own status and uses 124 for "its time was up" and 125 for its own failures.
 */
#include "lab.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define EXEC_FAILED	125
#define USAGE		-2	/* of a subcommand: say how it is used, exit 2 */
#define DETACH		0x1d	/* Ctrl-] */

static struct lab_error err;
static const char *starting;	/* the host that an interrupt has to take down */

static int report(int status)
{
	fprintf(stderr, "lab: %s\n", err.text);
	return status;
}

static double seconds(void)
{
	static struct timespec first;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (!first.tv_sec)
		first = ts;
	return ts.tv_sec - first.tv_sec + (ts.tv_nsec - first.tv_nsec) / 1e9;
}

/* With a terminal the last line of the console runs along; without one only the stages are shown. */
static void show_progress(const char *line, void *arg)
{
	static const char *const stages[] = { "Xen version", "xen-lite", "Linux version", "Run /init", "lab: " };
	static char last[100];
	bool tty = isatty(2);

	if (line)
		snprintf(last, sizeof(last), "%s", line);
	if (tty)
		fprintf(stderr, "\r\033[K%s: %5.1f s  %.60s", (const char *)arg, seconds(), last);
	for (size_t i = 0; line && !tty && i < sizeof(stages) / sizeof(stages[0]); i++)
		if (strstr(line, stages[i])) {
			fprintf(stderr, "%s: %5.1f s  %.80s\n", (const char *)arg, seconds(), line);
			break;
		}
}

static void interrupted(int sig)
{
	struct lab_error ignored;

	if (starting)
		lab_down(starting, &ignored);
	_exit(128 + sig);
}

enum { O_CPU = 256, O_SMP, O_MEM, O_DISK, O_HV, O_KERNEL, O_INITRD, O_ISO, O_XEN, O_DOM0, O_LINK, O_ICOUNT, O_MACHINE,
       O_NET, O_TIMEOUT, O_NOWAIT, O_OWNER, O_QUIET };

static const struct option up_options[] = {
	{ "cpu", 1, 0, O_CPU }, { "smp", 1, 0, O_SMP }, { "mem", 1, 0, O_MEM }, { "disk", 1, 0, O_DISK },
	{ "hypervisor", 1, 0, O_HV }, { "kernel", 1, 0, O_KERNEL }, { "initrd", 1, 0, O_INITRD },
	{ "iso", 1, 0, O_ISO }, { "xen-args", 1, 0, O_XEN }, { "dom0-args", 1, 0, O_DOM0 }, { "link", 1, 0, O_LINK },
	{ "icount", 0, 0, O_ICOUNT }, { "machine", 1, 0, O_MACHINE }, { "net", 1, 0, O_NET },
	{ "timeout", 1, 0, O_TIMEOUT }, { "no-wait", 0, 0, O_NOWAIT }, { "owner", 1, 0, O_OWNER },
	{ "quiet", 0, 0, O_QUIET }, { 0 },
};

static int number(const char *s, const char *option)
{
	char *end;
	long n = strtol(s, &end, 10);

	if (end == s || *end || n < 0 || n > 1 << 30) {
		fprintf(stderr, "lab: --%s %s: not a number\n", option, s);
		exit(2);
	}
	return n;
}

static int parse_up(int argc, char **argv, struct lab_opts *o)
{
	int c, disks = 0, i;

	while ((c = getopt_long(argc, argv, "", up_options, &i)) != -1) {
		switch (c) {
		case O_CPU: o->cpu = optarg; break;
		case O_SMP: o->smp = number(optarg, "smp"); break;
		case O_MEM: o->mem = number(optarg, "mem"); break;
		case O_HV: o->hypervisor = optarg; break;
		case O_KERNEL: o->kernel = optarg; break;
		case O_INITRD: o->initrd = optarg; break;
		case O_ISO: o->iso = optarg; break;
		case O_XEN: o->xen_args = optarg; break;
		case O_DOM0: o->dom0_args = optarg; break;
		case O_LINK: o->link = optarg; break;
		case O_ICOUNT: o->icount = true; break;
		case O_MACHINE: o->machine = optarg; break;
		case O_NET: o->net = optarg; break;
		case O_TIMEOUT: o->timeout = number(optarg, "timeout"); break;
		case O_NOWAIT: o->no_wait = true; break;
		case O_OWNER: o->owner = number(optarg, "owner"); break;
		case O_QUIET: o->progress = NULL; break;
		case O_DISK:
			if (disks == LAB_DISKS) {
				fprintf(stderr, "lab: --disk: %d at most\n", LAB_DISKS);
				return -1;
			}
			o->disks[disks++] = optarg;
			break;
		default:
			return -1;
		}
	}
	return 0;
}

/* The first argument that is no option is NAME; getopt has moved it to the end. */
static int cmd_up(int argc, char **argv)
{
	struct lab_opts o = { .progress = show_progress };
	int rc;

	if (parse_up(argc, argv, &o) || argc - optind != 1)
		return USAGE;
	o.name = argv[optind];
	o.progress_arg = argv[optind];
	starting = o.name;
	signal(SIGINT, interrupted);
	signal(SIGTERM, interrupted);
	signal(SIGHUP, interrupted);
	rc = lab_up(&o, &err);
	starting = NULL;
	if (o.progress && isatty(2))
		fprintf(stderr, "\r\033[K");
	if (rc)
		return report(1);
	if (o.progress)
		fprintf(stderr, "%s: %s after %.1f s\n", o.name, o.no_wait ? "started" : "dom0 answers", seconds());
	return 0;
}

static int cmd_down(int argc, char **argv)
{
	struct lab_info info[256];
	int n, rc = 0;

	if (argc < 2)
		return USAGE;
	if (!strcmp(argv[1], "--all")) {
		n = lab_list(info, 256);
		for (int i = 0; i < n; i++)
			if (lab_down(info[i].name, &err))
				rc = report(1);
		return rc;
	}
	for (int i = 1; i < argc; i++)
		if (lab_down(argv[i], &err))
			rc = report(1);
	return rc;
}

static int cmd_ls(int argc, char **argv)
{
	struct lab_info info[256];
	int n = lab_list(info, 256);

	(void)argv;
	if (argc != 1)
		return USAGE;
	printf("%-20s %-10s %-8s %s\n", "NAME", "STATE", "PID", "");
	for (int i = 0; i < n; i++)
		if (info[i].running)
			printf("%-20s %-10s %-8d\n", info[i].name, info[i].answers ? "up" : "starting",
			       info[i].supervisor);
		else
			printf("%-20s %-10s %-8s %s\n", info[i].name, "off", "-", info[i].ended);
	return 0;
}

static struct termios saved_tty;

static void tty_restore(void)
{
	tcsetattr(0, TCSADRAIN, &saved_tty);
}

static void tty_raw(void)
{
	struct termios raw;

	if (tcgetattr(0, &saved_tty))
		return;
	raw = saved_tty;
	cfmakeraw(&raw);
	tcsetattr(0, TCSADRAIN, &raw);
	atexit(tty_restore);
}

static int cmd_exec(int argc, char **argv)
{
	struct lab_exec ex = { .in = -1, .out = 1, .err = 2 };
	static const struct option longs[] = { { "timeout", 1, 0, O_TIMEOUT }, { 0 } };
	int c, status;

	while ((c = getopt_long(argc, argv, "+it", longs, NULL)) != -1) {
		if (c == O_TIMEOUT)
			ex.timeout = number(optarg, "timeout");
		else if (c == 'i' || c == 't')
			ex.in = 0, ex.tty = ex.tty || c == 't';
		else
			return USAGE;
	}
	if (argc - optind < 2)
		return USAGE;
	const char *name = argv[optind++];

	/* Options may stand behind the name as well: lab exec NAME --timeout 5 -- COMMAND */
	while (optind < argc && argv[optind][0] == '-') {
		if (!strcmp(argv[optind], "--")) {
			optind++;
			break;
		}
		if (!strcmp(argv[optind], "--timeout") && optind + 1 < argc)
			ex.timeout = number(argv[++optind], "timeout");
		else if (!strcmp(argv[optind], "-t") || !strcmp(argv[optind], "-i") || !strcmp(argv[optind], "-it"))
			ex.in = 0, ex.tty = ex.tty || strchr(argv[optind], 't');
		else
			return USAGE;
		optind++;
	}
	if (optind == argc)
		return USAGE;
	ex.argv = argv + optind;
	if (ex.tty && isatty(0))
		tty_raw();
	return lab_exec(name, &ex, &status, &err) ? report(EXEC_FAILED) : status;
}

/* REMOTE is a directory if it ends in '/', if dom0 has one there, or if several files go there. */
static int cmd_push(int argc, char **argv)
{
	const char *remote = argv[argc - 1];
	char path[4096];
	bool dir;
	int status, rc = 0;

	if (argc < 4)
		return USAGE;
	if (lab_sh(argv[1], 30, NULL, &status, &err, "[ -d '%s' ]", remote))
		return report(1);
	dir = argc > 4 || !status || remote[strlen(remote) - 1] == '/';
	if (dir && status && lab_sh(argv[1], 30, NULL, NULL, &err, "mkdir -p '%s'", remote))
		return report(1);
	for (int i = 2; i < argc - 1; i++) {
		const char *base = strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i];

		snprintf(path, sizeof(path), dir ? "%s/%s" : "%s", remote, base);
		if (lab_push(argv[1], argv[i], path, &err))
			rc = report(1);
	}
	return rc;
}

static int cmd_pull(int argc, char **argv)
{
	const char *remote, *base;
	char path[4096];
	struct stat st;

	if (argc != 4)
		return USAGE;
	remote = argv[2];
	base = strrchr(remote, '/') ? strrchr(remote, '/') + 1 : remote;
	snprintf(path, sizeof(path), !stat(argv[3], &st) && S_ISDIR(st.st_mode) ? "%s/%s" : "%s", argv[3], base);
	return lab_pull(argv[1], remote, path, &err) ? report(1) : 0;
}

static int cmd_console(int argc, char **argv)
{
	if (argc != 2)
		return USAGE;
	if (isatty(0)) {
		fprintf(stderr, "Console of %s, Ctrl-] to leave.\n", argv[1]);
		tty_raw();
	}
	return lab_console(argv[1], 0, 1, isatty(0) ? DETACH : -1, &err) ? report(1) : 0;
}

/* Each line with the seconds since QEMU's start in front. */
static int print_timed_log(const char *name)
{
	FILE *times = fopen(lab_path(name, "serial.times"), "re");
	FILE *log = fopen(lab_path(name, "serial.log"), "re");
	long ms, at, next = -1, pos = 0;
	int c;

	if (!times || !log)
		return -1;
	if (fscanf(times, "%ld %ld", &ms, &at) == 2)
		next = at;
	while ((c = getc(log)) != EOF) {
		if (pos++ == next) {
			printf("%8.3f  ", ms / 1000.0);
			next = fscanf(times, "%ld %ld", &ms, &at) == 2 ? at : -1;
		}
		if (c != '\r')
			putchar(c);
	}
	fclose(times);
	fclose(log);
	return 0;
}

static int cmd_log(int argc, char **argv)
{
	bool timed = argc == 3 && !strcmp(argv[1], "-t");
	struct lab_info info;
	FILE *log;
	int c;

	if (argc != 2 && !timed)
		return USAGE;
	if (lab_status(argv[argc - 1], &info, &err))
		return report(1);
	if (timed)
		return print_timed_log(argv[2]) ? 1 : 0;
	log = fopen(lab_path(argv[1], "serial.log"), "re");
	while (log && (c = getc(log)) != EOF)
		if (c != '\r')
			putchar(c);
	return 0;
}

static int cmd_wait(int argc, char **argv)
{
	int timeout = argc > 2 ? number(argv[2], "timeout") : 180;

	if (argc != 2 && argc != 3)
		return USAGE;
	return lab_wait(argv[1], 0, timeout, &err) < 0 ? report(1) : 0;
}

static int cmd_reboot(int argc, char **argv)
{
	if (argc != 2)
		return USAGE;
	return lab_reboot(argv[1], 180, &err) ? report(1) : 0;
}

static int cmd_iso(int argc, char **argv)
{
	struct lab_opts o = { 0 };

	if (parse_up(argc, argv, &o) || argc - optind != 1)
		return USAGE;
	return lab_iso(&o, argv[optind], &err) ? report(1) : 0;
}

static const struct command {
	const char *name, *args, *what;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "up", "NAME [--cpu MODEL] [--smp N] [--mem MiB] [--machine pc|q35] [--net virtio|e1000|none]\n"
		"      [--disk FILE[,bus=virtio|ahci][,ro][,shared]]... [--hypervisor PATH|none] [--kernel PATH]\n"
		"      [--initrd PATH] [--iso FILE] [--xen-args STR] [--dom0-args STR] [--link OTHER] [--icount]\n"
		"      [--timeout S] [--no-wait] [--owner PID] [--quiet]",
	  "start a host, return when its dom0 answers", cmd_up },
	{ "exec", "NAME [--timeout S] [-i] [-t] -- COMMAND...",
	  "run a command in dom0 (one word: a line for sh -c); -i passes stdin on, -t gives it a terminal", cmd_exec },
	{ "push", "NAME LOCAL... REMOTE", "copy files into dom0", cmd_push },
	{ "pull", "NAME REMOTE LOCAL", "copy a file out of dom0", cmd_pull },
	{ "console", "NAME", "attach to the serial console, where dom0's shell is; Ctrl-] leaves", cmd_console },
	{ "log", "[-t] NAME", "print all that the console said; -t: with the seconds since the start", cmd_log },
	{ "ls", "", "list the hosts", cmd_ls },
	{ "wait", "NAME [S]", "wait until dom0 answers (after up --no-wait)", cmd_wait },
	{ "reboot", "NAME", "restart from within dom0, return when it answers again", cmd_reboot },
	{ "down", "NAME...|--all", "take hosts down and forget them", cmd_down },
	{ "iso", "[options as for up] FILE", "write a bootable ISO (GRUB, multiboot 2)", cmd_iso },
};

static void usage(FILE *f)
{
	fprintf(f, "usage: lab COMMAND ...\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(f, "  lab %s %s\n        %s\n", commands[i].name, commands[i].args, commands[i].what);
	fprintf(f, "\nHosts live in $LAB_DIR (default: $XDG_RUNTIME_DIR/xen-lite-lab or /tmp/xen-lite-lab-UID).\n");
}

int main(int argc, char **argv)
{
	int rc;

	seconds();
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help"))) {
		usage(stdout);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		rc = commands[i].run(argc - 1, argv + 1);
		if (rc == USAGE)
			fprintf(stderr, "usage: lab %s %s\n", commands[i].name, commands[i].args);
		return rc == USAGE ? 2 : rc;
	}
	usage(stderr);
	return 2;
}
