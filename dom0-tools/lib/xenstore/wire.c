/* SPDX-License-Identifier: MIT */
/*
 * Framing, splitting and error names of the xenstore wire format. Pure: no I/O, no allocation.
 */
#include <string.h>

#include "xenstore/wire.h"

int xs_frame_want(struct xs_frame *f, void **where)
{
	const unsigned int head = sizeof(f->hdr);

	if (f->have < head) {
		*where = (char *)&f->hdr + f->have;
		return head - f->have;
	}
	if (f->hdr.len > XENSTORE_PAYLOAD_MAX)
		return -EMSGSIZE;
	*where = f->body + (f->have - head);
	return f->hdr.len - (f->have - head);
}

void xs_frame_got(struct xs_frame *f, unsigned int n)
{
	f->have += n;
	if (f->have >= sizeof(f->hdr) && f->hdr.len <= XENSTORE_PAYLOAD_MAX)
		f->body[f->hdr.len] = '\0';
}

void xs_frame_reset(struct xs_frame *f)
{
	f->have = 0;
}

int xs_wire_split(char *buf, unsigned int len, char **vec, unsigned int max)
{
	unsigned int n = 0;
	char *end = buf + len;

	while (buf < end) {
		char *stop = memchr(buf, '\0', end - buf);

		if (!stop || n == max)
			return -EINVAL;
		vec[n++] = buf;
		buf = stop + 1;
	}
	return n;
}

static const struct {
	int err;
	const char *name;
} error_names[] = {
#define E(x) { x, #x }
	E(EINVAL), E(EACCES), E(EEXIST), E(EISDIR), E(ENOENT), E(ENOMEM), E(ENOSPC), E(EIO), E(ENOTEMPTY), E(ENOSYS),
	E(EROFS), E(EBUSY), E(EAGAIN), E(EISCONN), E(E2BIG), E(EPERM),
#undef E
};

#define NR_ERRORS (sizeof(error_names) / sizeof(error_names[0]))

const char *xs_wire_error_name(int err)
{
	for (unsigned int i = 0; i < NR_ERRORS; i++)
		if (error_names[i].err == err)
			return error_names[i].name;
	return "EINVAL";
}

int xs_wire_error_number(const char *name, unsigned int len)
{
	for (unsigned int i = 0; i < NR_ERRORS; i++)
		if (strlen(error_names[i].name) == strnlen(name, len) &&
		    !memcmp(error_names[i].name, name, strlen(error_names[i].name)))
			return error_names[i].err;
	return EIO;
}
