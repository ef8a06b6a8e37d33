/* SPDX-License-Identifier: MIT */
/*
 * The byte streams in a domain's xenstore page. The other side may write anything into the page at any time: indices
 * are read once each, checked, and used only as checked; bytes are copied out before they are looked at.
 */
#ifndef XENSTORED_RING_H
#define XENSTORED_RING_H

#include "public/io/xs_wire.h"

/* Bytes moved, 0 when there is nothing (or no room), -1 when the indices are impossible. */
int ring_read(struct xenstore_domain_interface *p, uint32_t cons, void *buf, unsigned int len);
/* Let the domain see that its bytes up to cons have been taken. */
void ring_taken(struct xenstore_domain_interface *p, uint32_t cons);
int ring_write(struct xenstore_domain_interface *p, const void *buf, unsigned int len);

#endif
