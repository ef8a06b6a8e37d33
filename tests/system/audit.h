/* SPDX-License-Identifier: MIT */
/*
 * The leak audit: what a host's domains and daemons hold, counted before and after something that has to leave no
 * trace.
 */
#ifndef AUDIT_H
#define AUDIT_H

/* Puts the program that counts into dom0. */
void audit_prepare(const char *host);
/* Counts: free memory to the page, domains, ports, nodes of the store, descriptors, ptys, processes. */
void audit_begin(const char *host);
/* Counts again, until it is the same or 5 s are over: a failure for each count that differs, naming it. */
void audit_end(const char *host);

#endif
