/* SPDX-License-Identifier: MIT */
/*
 * The xenstore wire format, shared by client library and daemon: messages of a 16-byte header and up to 4096 bytes of
 * body, whose parts are strings that end in a 0 byte (only the last may be plain bytes).
 *
 * struct xs_frame collects one message from a byte stream that may arrive in any pieces. Nothing here does I/O.
 */
#ifndef LIB_XENSTORE_WIRE_H
#define LIB_XENSTORE_WIRE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "public/io/xs_wire.h"

struct xs_frame {
	struct xsd_sockmsg hdr;
	char body[XENSTORE_PAYLOAD_MAX + 1];	/* always followed by a 0 byte once complete */
	unsigned int have;			/* bytes of header and body received */
};

/*
 * How many bytes the message still wants next, to be put at *where: > 0; 0 when it is complete; -EMSGSIZE when its
 * header announces more than the protocol allows (the stream cannot be continued).
 */
int xs_frame_want(struct xs_frame *f, void **where);
void xs_frame_got(struct xs_frame *f, unsigned int n);
void xs_frame_reset(struct xs_frame *f);

/*
 * Split len bytes into at most max strings that each end in a 0 byte. Returns how many, or -EINVAL when the last is not
 * terminated or there are more.
 */
int xs_wire_split(char *buf, unsigned int len, char **vec, unsigned int max);

/* Names of errors as they travel: "ENOENT". Unknown ones become "EINVAL" and EIO. err is positive. */
const char *xs_wire_error_name(int err);
int xs_wire_error_number(const char *name, unsigned int len);

#endif
