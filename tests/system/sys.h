/* SPDX-License-Identifier: MIT */
/*
 * What the system tests share: a run root of their own, default options, checks that explain themselves.
 *
 * A test program is a table of tests run by sys_main(). Hosts belong to the program: they go down when it ends,
 * however it ends. Arguments of the program select tests by name. The environment variable SYS_PEER=1 runs the tests on
 * Debian's Xen (`make peer`) instead of ours, as far as they apply there: it shows whether a test is right.
 */
#ifndef SYS_H
#define SYS_H

#include <CUnit/CUnit.h>
#include <stdbool.h>

#include "../lab/lab.h"

struct sys_test {
	const char *name;
	void (*fn)(void);
};

extern struct lab_error sys_err;

int sys_main(int argc, char **argv, const struct sys_test *tests, size_t n);

/* True when the tests run on Debian's Xen. */
bool sys_peer(void);
/* Options of a host that dies with this program; ours or the peer's hypervisor. */
struct lab_opts sys_opts(const char *name);
/* Start a host; a failure is recorded with its reason. Returns whether it is up. */
bool sys_up(const struct lab_opts *o);
void sys_down(const char *name);

/* Run a shell line in dom0. Returns its output (valid until the next call), never NULL; *status may be NULL. */
const char *sys_sh(const char *name, int *status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same, for a line that has to succeed: a failure is recorded with the output. */
const char *sys_must(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Record a failure, with the library's reason, unless rc is 0. Returns whether it is. */
bool sys_ok(int rc, const char *what);
/* Record a failure unless text contains part. */
void sys_contains(const char *text, const char *part);

/* A file of `mib` MiB with contents that depend on seed only; returns its path in the run root. */
const char *sys_data_file(const char *name, int mib, unsigned int seed);
/* Its SHA-256 in hex. */
const char *sys_sha256(const char *path);
/* Path in the run root, in one of a few static buffers. */
const char *sys_tmp(const char *name);
double sys_seconds(void);

#endif
