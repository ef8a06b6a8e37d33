/* SPDX-License-Identifier: MIT */
/*
 * The records in a group of the journal: a head, then the fixed part named here, then strings (each with its 0 byte)
 * or bytes. In the byte order and layout of the machine: nobody else reads them.
 */
#ifndef XENSTORED_RECORD_H
#define XENSTORED_RECORD_H

#include <stdint.h>

enum record_kind {
	R_GEN = 1,		/* uint64_t: last number that the tree gave out */
	R_NODE,			/* record_node, struct perm[perms], path, value; its parent comes first */
	R_OP,			/* record_op, path, value or struct perm[n]; by domid */
	R_FORGET,		/* domid is gone for good */
	R_DOMAIN,		/* record_domain */
	R_DOMAIN_GONE,
	R_CONN,			/* record_conn: domid has a new connection */
	R_CONN_GONE,
	R_WATCH,		/* record_watch, path, token */
	R_UNWATCH,		/* path, token */
	R_TX,			/* uint32_t: a transaction was opened */
	R_TX_GONE,		/* uint32_t */
	R_IN,			/* uint32_t position in the ring after these bytes, the bytes */
	R_IN_DONE,		/* uint32_t position: the request has been handled */
	R_OUT,			/* uint32_t number, message */
	R_QUOTA,		/* uint32_t quota, uint32_t value; of domid or ALL_DOMAINS */
	R_FEATURES,		/* uint32_t */
	R_OUT_DROP,		/* uint32_t number of a message that is not to be sent after all */
	R_SPECIAL,		/* record_special, struct perm[perms] */
};

struct record {
	uint32_t len;		/* of what follows */
	uint32_t kind;
	uint32_t domid;
};

struct record_node {
	uint64_t gen, cgen;
	uint32_t perms, len;
};

struct record_special {
	uint32_t which, perms;
};

struct record_op {
	uint32_t op, target, privileged, n;
};

struct record_domain {
	uint64_t mfn;
	uint32_t port, target, shut_down, unused;
};

struct record_conn {
	uint32_t in_pos, out_pos, last_tx;
};

struct record_watch {
	uint32_t prefix, depth;
};

#endif
