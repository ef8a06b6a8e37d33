/* SPDX-License-Identifier: MIT */
/*
 * The lab: starts emulated hosts (QEMU, TCG) with a hypervisor and a dom0, runs commands in them, moves files in and
 * out, and takes them down again. The command line tool, the system tests and the benchmarks are thin users of this.
 *
 * A host lives in a directory of its own below the run root ($LAB_DIR, else $XDG_RUNTIME_DIR/xen-lite-lab, else
 * /tmp/xen-lite-lab-UID):
 *   lock          held (fcntl) by the supervisor as long as it lives; the kernel says by whom
 *   ctl.sock      the supervisor's socket, protocol in frame.h
 *   serial.log    all that came out of the first serial port, from byte 0
 *   serial.times  for each line of it: milliseconds since QEMU's start, byte offset
 *   qemu.log      what QEMU itself said
 *   command       how QEMU was called
 *   ended         why the host is off, one line; absent while it runs
 *
 * Functions return 0, or -1 after writing what failed, on what, why and what to try into struct lab_error.
 * Nothing here is thread safe; several processes may use the same run root at the same time.
 */
#ifndef LAB_H
#define LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LAB_NAME_MAX	32
#define LAB_DISKS	8

struct lab_error {
	char text[4096];
};

struct lab_opts {
	const char *name;
	const char *machine;		/* pc (default) or q35 */
	const char *cpu;		/* QEMU CPU model; default qemu64,+rdrand */
	int smp;			/* default 1 */
	int mem;			/* MiB; default 2048 */
	const char *disks[LAB_DISKS];	/* FILE[,bus=virtio|ahci][,ro][,shared] */
	const char *net;		/* virtio (default), e1000 or none: the card of the user network */
	const char *hypervisor;		/* ELF32 multiboot image, plain or gzip; "none": boot the kernel bare */
	const char *kernel;		/* dom0's kernel; "none": a hypervisor without modules */
	const char *initrd;
	const char *iso;		/* boot this CD through its own boot loader instead of the four above */
	const char *xen_args;		/* added to the default ones */
	const char *dom0_args;		/* added to the default ones */
	const char *link;		/* the other host of a two-host network */
	bool icount;			/* repeatable run: virtual time counts instructions */
	bool no_wait;			/* return when QEMU runs, do not wait for dom0 */
	int timeout;			/* s until dom0 must have answered; default 180 */
	pid_t owner;			/* take the host down when this process ends; 0: none */
	/* Called with each whole line of the console while waiting, and with NULL about every 200 ms. */
	void (*progress)(const char *line, void *arg);
	void *progress_arg;
};

struct lab_info {
	char name[LAB_NAME_MAX + 1];
	bool running;		/* a supervisor is there */
	bool answers;		/* dom0's agent is up */
	pid_t supervisor;
	char ended[256];	/* why not running */
};

struct lab_exec {
	char *const *argv;	/* one word only: a line for sh -c */
	int timeout;		/* s, 0: none */
	bool tty;
	int in, out, err;	/* file descriptors; in may be -1: empty input */
};

/* Start a host and wait until its dom0 answers. On failure QEMU is gone but the directory with the log remains. */
int lab_up(const struct lab_opts *opts, struct lab_error *err);
/* Take a host down and remove its directory. A host that is off or unknown to any process: just the directory. */
int lab_down(const char *name, struct lab_error *err);
/* All hosts of the run root. Returns the count, fills in at most max. */
int lab_list(struct lab_info *info, int max);
int lab_status(const char *name, struct lab_info *info, struct lab_error *err);
/* Wait until dom0 answers and has been started `boots` times at least. Returns how often it has, or -1. */
int lab_wait(const char *name, int boots, int timeout, struct lab_error *err);
/* Restart from within dom0, return when it answers again. */
int lab_reboot(const char *name, int timeout, struct lab_error *err);
/* Wait until the host has powered itself off. */
int lab_wait_off(const char *name, int timeout, struct lab_error *err);
/* Wait until the console's log contains text, from byte *offset on; *offset is moved behind it. offset may be NULL. */
int lab_wait_console(const char *name, const char *text, long *offset, int timeout, struct lab_error *err);

/*
 * Run a command in dom0. *status: its exit status (128 + n when signal n ended it, 124 when its time was up).
 * -1 only if the command could not be run or the connection to dom0 was lost.
 */
int lab_exec(const char *name, const struct lab_exec *ex, int *status, struct lab_error *err);
/*
 * The same for a shell line, with output and errors together in *output (ended by NUL, to be freed; NULL on -1).
 * Both *output and *status may be asked for or left out with NULL.
 */
int lab_sh(const char *name, int timeout, char **output, int *status, struct lab_error *err, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
int lab_push(const char *name, const char *local, const char *remote, struct lab_error *err);
int lab_pull(const char *name, const char *remote, const char *local, struct lab_error *err);
/* Attach in and out to the console until in ends or the byte `escape` is read from in (-1: none). */
int lab_console(const char *name, int in, int out, int escape, struct lab_error *err);
/* Path of a file of the host's directory, in a static buffer. */
const char *lab_path(const char *name, const char *file);
/* Write an ISO that boots opts' hypervisor, kernel and initrd through GRUB. */
int lab_iso(const struct lab_opts *opts, const char *output, struct lab_error *err);

/* --- between the parts of the library --- */

int lab_fail(struct lab_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Where the build put things: the directory above the program's own, or $LAB_BUILD. */
const char *lab_build_dir(void);
/* The run root and the host's directory (a descriptor, -1 if there is none). name is checked. */
int lab_root_make(struct lab_error *err);
int lab_dir_open(const char *name, struct lab_error *err);
int lab_name_check(const char *name, struct lab_error *err);
/* The process that holds the host's lock, 0: none. */
pid_t lab_lock_holder(int dirfd);
/* Connect to the supervisor. Returns a socket. */
int lab_connect(const char *name, struct lab_error *err);
/* Fill in defaults and make every path absolute (memory is never freed: once per process or test). */
int lab_opts_complete(struct lab_opts *o, struct lab_error *err);
/* The argument vector for QEMU. Descriptors: chardevs of console, agent and monitor. Writes files into dirfd. */
char **lab_qemu_argv(const struct lab_opts *o, int dirfd, int console, int agent, int monitor, struct lab_error *err);
/* The command lines as they are handed over. */
void lab_command_lines(const struct lab_opts *o, char *xen, char *dom0, size_t size);
/* The supervisor: never returns. ready: a descriptor that gets one line, "ok" or what failed. */
void lab_supervise(const struct lab_opts *o, int dirfd, int ready) __attribute__((noreturn));

#endif
