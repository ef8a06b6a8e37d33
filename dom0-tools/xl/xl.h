/* SPDX-License-Identifier: MIT */
/*
 * Inside of xl, the command line tool: a table of commands and what they share.
 *
 * xl decides nothing: it reads options and configurations, asks xld, and shows answers. Only the console is opened by
 * xl itself. Exit status: 0 done, 1 failed (with a reason on stderr), 2 wrong usage.
 */
#ifndef XL_XL_H
#define XL_XL_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "rpc/xrpc.h"
#include "util/mem.h"

#define EXIT_USAGE 2

struct command {
	const char *name;
	int (*fn)(const struct command *cmd, int argc, char **argv);
	const char *args;		/* for the usage line */
	const char *summary;
	const char *options;		/* one line each, or NULL */
	bool dry_run;			/* knows -N */
};

/* Rows of the command table, one array per file, ended by a row without name. */
extern const struct command cmds_create[], cmds_list[], cmds_domain[], cmds_console[], cmds_host[];
extern const struct command cmds_vcpu[], cmds_memory[], cmds_device[], cmds_save[], cmds_store[], cmds_define[];
extern const struct command cmds_pki[], cmds_events[], cmds_migrate[];
extern const struct command cmds_control[], cmds_top[], cmds_explain[], cmds_doctor[];

/* --- main.c --- */
extern bool verbose, dry_run;

/*
 * getopt_long() with -h understood everywhere. Returns the next option, or -1 when the arguments begin at optind.
 * Leaves the program on -h (0) and on an unknown option (EXIT_USAGE).
 */
int next_option(const struct command *cmd, int argc, char **argv, const char *shorts, const struct option *longs);
/* Check the number of arguments behind the options; max < 0: any. Leaves the program when it is wrong. */
void want_args(const struct command *cmd, int argc, int min, int max);

/* Run this command line by xl-tls, which is xl with TLS. Does not return. */
__attribute__((noreturn))
void become_tls(void);
bool daemon_is_remote(void);			/* xld is not on this host */
/* The connection to xld, opened at first use. Leaves the program when there is none. */
struct rpc_client *daemon_client(void);
void daemon_reconnect(void);			/* the connection has ended: wait until there is another */
/* A call that shows its error. Release ret with the procedure's xdr_ret if true. */
bool call(uint32_t proc, const void *args, void *ret);
void show_error(xld_error *err);		/* and release it */
__attribute__((format(printf, 1, 2)))
void complain(const char *fmt, ...);

/* --- cmd_list.c --- */
/* Ask for one domain and show the error if there is none. */
bool find_domain(const char *ref, xld_dominfo *info);

/* --- cmd_explain.c --- */
void print_findings(const xld_findings *f);
/* Where a domain's console log ends. */
struct log_place {
	uint64_t file, offset;
};
struct log_place console_end(const char *name);
/* The last lines of a domain's console, from a place of its log on (NULL: all); may be empty. Caller frees. */
char *console_tail(const char *name, const struct log_place *from);
void print_indented(FILE *f, const char *text);

/* --- cmd_create.c --- */
struct domcfg;
/* Read a configuration file, xl.cfg or XML, show what is wrong with it. Free cfg with domcfg_free() in any case. */
bool read_config_file(struct domcfg *cfg, const char *file, bool warnings);
/* The same without warnings, completed by n words of the form KEY=VALUE. */
bool read_config_with(struct domcfg *cfg, const char *file, char **overrides, int n);
struct create_options {
	const char *file;
	bool console, paused;
	bool quiet;			/* no warnings, and its first seconds are not watched */
	bool silent;			/* do not say that the file is read */
	bool foreground;		/* return when it has stopped */
};
/* Make a domain. Returns the exit status. */
int create_domain(const struct create_options *o, const struct domcfg *cfg);
/* Relative paths begin in the current directory. */
void make_absolute(char **path);

/* --- cmd_save.c --- */
/* A configuration as JSON, empty without a file. NULL: complained. Caller frees. */
char *config_json(const char *file);
/* The argument of --compress. false: complained. */
bool parse_compress(const char *text, xld_compress *how);
#define COMPRESS_HELP "  --compress=none|lz4|zstd  what packs its memory, unless xld.conf's choice will do\n"

/* --- cmd_define.c --- */
struct json_t;
/* Rows of `xl list` for domains that are defined and do not run, or the same as JSON added to an array. */
bool list_inactive(struct json_t *array);

/* --- cmd_absent.c --- */
/* Is this a command of Xen's xl that is left out? Then the reason has been told. */
bool is_absent(const char *name);

/* --- cmd_completion.c --- */
/* The groups of commands, ended by NULL: for what is generated from the table. */
extern const struct command *const command_groups[];
int complete(int argc, char **argv);

/* --- cmd_vcpu.c --- */
/* Decimal digits and nothing else. Complains if not. */
bool parse_number(const char *what, const char *text, unsigned int *n);
/*
 * Call proc, which asks about one domain, for all of them, and fn with each result. A domain that is just being made or
 * has just gone is left out. Returns false, having complained, when that was not possible.
 */
bool for_each_domain(uint32_t proc, size_t ret_size, void (*fn)(void *ret), xdrproc_t xdr);

/* --- cmd_console.c --- */
struct console;
struct console *console_open(const char *domain);	/* NULL: complained */
/*
 * Pass bytes both ways until the escape character is typed or the console is gone. Closes it. Returns the exit
 * status.
 */
int console_run(struct console *c);

#endif
