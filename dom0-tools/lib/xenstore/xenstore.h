/* SPDX-License-Identifier: MIT */
/*
 * Client side of xenstore, in the calls that users of libxenstore know. Requests go over the daemon's socket
 * ($XENSTORED_PATH, else /run/xenstored/socket) or, where there is none, the kernel's /dev/xen/xenbus.
 *
 * Every function returns false, NULL or an empty result with errno set when it fails. errno is the store's own error
 * (ENOENT, EACCES, EINVAL, EAGAIN, ENOSPC, EEXIST, EISDIR, EROFS, EBUSY, E2BIG, ENOSYS, EIO), or that of the transport.
 *
 * When the daemon ends, the handle connects to the next one: a call waits up to five seconds for it and is then made
 * again, watches are set again and fire, and a transaction that was open fails with EAGAIN at its end. A handle opened
 * with XS_ONE_DAEMON does none of this: after a transport error it can only be closed.
 *
 * One thread per handle and no hidden reader thread: watch events that arrive while a reply is awaited are queued, and
 * xs_check_watch() hands them out. After xs_fileno() polls readable, call xs_check_watch() until it gives NULL with
 * EAGAIN; queued events do not make the descriptor readable, so call it also after other requests.
 *
 * Results are malloced: the caller frees them with one free().
 */
#ifndef LIB_XENSTORE_XENSTORE_H
#define LIB_XENSTORE_XENSTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "public/io/xs_wire.h"		/* XS_WATCH_PATH, XS_WATCH_TOKEN */

#define XS_UNWATCH_FILTER	(1UL << 2)	/* accepted: xs_unwatch() always drops queued events of that watch */
#define XS_ONE_DAEMON	(1UL << 16)	/* do not wait for another daemon when this one ends */

#define XBT_NULL		0

#define XS_PERM_NONE		0x00
#define XS_PERM_READ		0x01
#define XS_PERM_WRITE		0x02

struct xs_handle;
typedef uint32_t xs_transaction_t;

/* The first entry names the owner and what all others may do; each further one what domain id may do. */
struct xs_permissions {
	unsigned int id;
	unsigned int perms;			/* XS_PERM_* */
};

struct xs_handle *xs_open(unsigned long flags);	/* flags: XS_*, or 0 */
void xs_close(struct xs_handle *h);		/* NULL is fine */
int xs_fileno(struct xs_handle *h);

/* t: XBT_NULL or an open transaction. A value may hold any bytes; a 0 byte follows it that *len does not count. */
void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len);
bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data, unsigned int len);
bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path);	/* existing is fine */
bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path);		/* with all below it */
/* Names of the children: an array of *num strings in one malloc. Longer lists than a reply holds come in parts. */
char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num);

struct xs_permissions *xs_get_permissions(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num);
bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path, const struct xs_permissions *perms,
			unsigned int num);

/* The watch fires once at once, then when path or anything below it changes; token comes back with each event. */
bool xs_watch(struct xs_handle *h, const char *path, const char *token);
bool xs_unwatch(struct xs_handle *h, const char *path, const char *token);
/* An event: array of *num (2) strings, [XS_WATCH_PATH] and [XS_WATCH_TOKEN]. read waits; check does not (EAGAIN). */
char **xs_read_watch(struct xs_handle *h, unsigned int *num);
char **xs_check_watch(struct xs_handle *h);

/* A transaction sees the store as it was and its own changes. end without abort: EAGAIN means do all of it again. */
xs_transaction_t xs_transaction_start(struct xs_handle *h);			/* XBT_NULL on failure */
bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort);

/* dom0 only: tell the daemon about a domain's ring and event channel, that it has gone, or has come back. */
bool xs_introduce_domain(struct xs_handle *h, unsigned int domid, unsigned long mfn, unsigned int port);
bool xs_release_domain(struct xs_handle *h, unsigned int domid);
bool xs_resume_domain(struct xs_handle *h, unsigned int domid);
bool xs_set_target(struct xs_handle *h, unsigned int domid, unsigned int target);
bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid);
char *xs_get_domain_path(struct xs_handle *h, unsigned int domid);		/* "/local/domain/N" */

/* A daemon command with its arguments in one line, e.g. "check". The answer is text; "" for none. */
char *xs_control(struct xs_handle *h, const char *command);

/* Quotas (xenstored(8)) of all domains (XS_ALL_DOMAINS) or one. Names: one string, separated by spaces. */
#define XS_ALL_DOMAINS	(~0U)
char *xs_quota_names(struct xs_handle *h);
bool xs_get_quota(struct xs_handle *h, unsigned int domid, const char *quota, unsigned int *value);
bool xs_set_quota(struct xs_handle *h, unsigned int domid, const char *quota, unsigned int value);

/* printf-style path or value helpers for the common case of one short node. */
char *xs_readf(struct xs_handle *h, xs_transaction_t t, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool xs_writef(struct xs_handle *h, xs_transaction_t t, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "rN"-style permission strings (r, w, b = both, n = none; then the domain). parse: false with EINVAL. */
bool xs_perm_parse(struct xs_permissions *p, const char *str);
void xs_perm_format(const struct xs_permissions *p, char buf[16]);

#endif
