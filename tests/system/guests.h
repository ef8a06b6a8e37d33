/* SPDX-License-Identifier: MIT */
/* What the system tests with guests share: running commands in guests, refusals, the audit of what is left behind. */
#ifndef GUESTS_H
#define GUESTS_H

#include "sys.h"

/*
 * Run a shell line in a guest that was started with lab.batch, 60 s at most. Returns its output (valid until the next
 * command); *status may be NULL.
 */
const char *guest_sh(const char *host, const char *guest, int *status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same, for a line that has to succeed. */
const char *guest_must(const char *host, const char *guest, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Make a guest from /root/NAME.cfg and wait until it is up. */
bool guest_boot(const char *host, const char *name);

/* A command in dom0 that has to fail with this status and say this. */
void guest_refused(const char *host, int status, const char *says, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Remember what there is: memory, nodes, records, descriptors, loop devices, interfaces. */
void guest_audit_begin(const char *host);
/* It is the same now; what ends a little later is waited for. */
void guest_audit(const char *host);

#endif
