/* SPDX-License-Identifier: MIT */
/*
 * Names of nodes. A path is canonical when it is absolute, has only the letters, digits and "-_@/" the protocol
 * allows, no empty element, and no '/' at its end (except the root). The rest of the daemon handles canonical paths
 * only.
 */
#ifndef XENSTORED_PATH_H
#define XENSTORED_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xenstore/wire.h"

#define PATH_SIZE (XENSTORE_ABS_PATH_MAX + 1)

/*
 * Make the canonical form of a name that domid sent, in out[PATH_SIZE]. A relative one starts at /local/domain/DOMID;
 * *prefix (may be NULL) is how many bytes of out were put before it. 0 or -EINVAL.
 */
int path_canonical(const char *name, uint32_t domid, char *out, size_t *prefix);

/*
 * A name that can be watched but is no node. Any is allowed; two of them mean something, alone and with '/' and the
 * number of a domain behind.
 */
bool path_is_special(const char *name);

/* p is path or lies below it. */
bool path_covers(const char *path, const char *p);

/* Cut the last element off a canonical path in place; "/" stays "/". */
void path_parent(char *path);

/*
 * Step through the elements of a canonical path: start with *p = path; each call returns the next element's length and
 * sets *name to it (not terminated); 0 at the end.
 */
size_t path_next(const char **p, const char **name);

#endif
