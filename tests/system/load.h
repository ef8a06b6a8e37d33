/* SPDX-License-Identifier: MIT */
/*
 * A guest at work that is saved, restored or migrated: two programs that check their own memory, and a disk with known
 * contents. It is started from guest-save.cpio with lab.batch and has two vCPUs and a disk xvda.
 */
#ifndef LOAD_H
#define LOAD_H

/*
 * Put the guest's initramfs where /root/g.cfg, which is written too, expects it: a guest `g` of so many MiB with these
 * lines besides.
 */
void load_prepare(const char *host, int mib, const char *lines);
/* xld anew; in its environment `env`, a word or none, and with these options besides. */
void load_xld_restart(const char *host, const char *env, const char *options);
/* Make guest `name` from /root/NAME.cfg and have it begin. */
void load_start(const char *host, const char *name);
/* It lives: its programs go on without an error, with both CPUs, its clock is right, its disk is its own. */
void load_check(const char *host, const char *name);

#endif
