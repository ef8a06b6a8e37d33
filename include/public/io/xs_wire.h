/* SPDX-License-Identifier: MIT */
/*
 * xenstore's wire format, the same over the ring page of a domain and over the socket: a header, then `len` bytes. A
 * reply has the type, req_id and tx_id of its request, or type XS_ERROR with the name of an errno and a zero byte as
 * its body.
 */
#ifndef XEN_PUBLIC_IO_XS_WIRE_H
#define XEN_PUBLIC_IO_XS_WIRE_H

#include <stdint.h>

/* Message types. "path" and the like end in a zero byte; "value" and "rest" reach to the end of the body. */
enum xsd_sockmsg_type {
	XS_CONTROL = 0,			/* command, arguments: for the daemon itself */
	XS_DIRECTORY = 1,		/* path -> names of the children */
	XS_READ = 2,			/* path -> value */
	XS_GET_PERMS = 3,		/* path -> permissions: letter and domid each */
	XS_WATCH = 4,			/* path, token, levels below path if limited */
	XS_UNWATCH = 5,			/* path, token */
	XS_TRANSACTION_START = 6,	/* empty -> id */
	XS_TRANSACTION_END = 7,		/* "T" commits, "F" drops; EAGAIN: start again */
	XS_INTRODUCE = 8,		/* domid, mfn, port */
	XS_RELEASE = 9,			/* domid */
	XS_GET_DOMAIN_PATH = 10,	/* domid -> path */
	XS_WRITE = 11,			/* path, value */
	XS_MKDIR = 12,			/* path */
	XS_RM = 13,			/* path */
	XS_SET_PERMS = 14,		/* path, permissions */
	XS_WATCH_EVENT = 15,		/* from the daemon, unasked: path, token */
	XS_ERROR = 16,			/* from the daemon */
	XS_IS_DOMAIN_INTRODUCED = 17,	/* domid -> "T" or "F" */
	XS_RESUME = 18,			/* domid */
	XS_SET_TARGET = 19,		/* domid, domid of the target */
	XS_RESET_WATCHES = 21,		/* empty; 20 was never used in public */
	XS_DIRECTORY_PART = 22,		/* path, offset -> generation, then part of the list */
	XS_GET_FEATURE = 23,		/* nothing or domid -> bits of XENSTORE_SERVER_FEATURE_* */
	XS_SET_FEATURE = 24,		/* domid, bits */
	XS_GET_QUOTA = 25,		/* nothing -> names; [domid,] name -> value */
	XS_SET_QUOTA = 26,		/* [domid,] name, value */
	XS_TYPE_COUNT = 27,		/* the first number that is not a type */
	XS_INVALID = 0xffff
};
#define XS_DEBUG XS_CONTROL

/* Old words for the mode of a write. */
#define XS_WRITE_NONE		"NONE"
#define XS_WRITE_CREATE		"CREATE"
#define XS_WRITE_CREATE_EXCL	"CREATE|EXCL"

struct xsd_sockmsg {
	uint32_t type;		/* enum xsd_sockmsg_type */
	uint32_t req_id;	/* chosen by the client, echoed */
	uint32_t tx_id;		/* 0: outside any transaction */
	uint32_t len;		/* bytes that follow */
};

/* Fields in the body of XS_WATCH_EVENT. */
enum xs_watch_type {
	XS_WATCH_PATH = 0,
	XS_WATCH_TOKEN = 1
};

/* Limits, bytes. A request with a longer body is a protocol error. */
#define XENSTORE_PAYLOAD_MAX	4096
#define XENSTORE_ABS_PATH_MAX	3072
#define XENSTORE_REL_PATH_MAX	2048

/* The page that domain and daemon share. Indices run freely and are masked on use. */
#define XENSTORE_RING_SIZE	1024
typedef uint32_t XENSTORE_RING_IDX;
#define MASK_XENSTORE_IDX(idx)	((idx) & (XENSTORE_RING_SIZE - 1))

struct xenstore_domain_interface {
	char req[XENSTORE_RING_SIZE];		/* domain to daemon */
	char rsp[XENSTORE_RING_SIZE];		/* daemon to domain */
	XENSTORE_RING_IDX req_cons, req_prod;
	XENSTORE_RING_IDX rsp_cons, rsp_prod;
	uint32_t server_features;		/* by the daemon: XENSTORE_SERVER_FEATURE_* */
	uint32_t connection;			/* the domain sets RECONNECT, the daemon CONNECTED */
	uint32_t error;				/* by the daemon: XENSTORE_ERROR_* */
};

#define XENSTORE_SERVER_FEATURE_RECONNECTION	1
#define XENSTORE_SERVER_FEATURE_ERROR		2
#define XENSTORE_SERVER_FEATURE_WATCHDEPTH	4	/* XS_WATCH takes a depth */

#define XENSTORE_CONNECTED	0
#define XENSTORE_RECONNECT	1

#define XENSTORE_ERROR_NONE	0
#define XENSTORE_ERROR_COMM	1	/* general */
#define XENSTORE_ERROR_RINGIDX	2	/* impossible ring index */
#define XENSTORE_ERROR_PROTO	3	/* impossible message */

#endif /* XEN_PUBLIC_IO_XS_WIRE_H */
