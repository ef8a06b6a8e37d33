/* SPDX-License-Identifier: MIT */
/*
 * The byte streams in a domain's xenstore page: see ring.h for what may be relied on.
 */
#include <string.h>

#include "ring.h"

int ring_read(struct xenstore_domain_interface *p, uint32_t cons, void *buf, unsigned int len)
{
	uint32_t prod = __atomic_load_n(&p->req_prod, __ATOMIC_ACQUIRE);
	uint32_t at = MASK_XENSTORE_IDX(cons), n = prod - cons;

	if (n > XENSTORE_RING_SIZE)
		return -1;
	if (n > len)
		n = len;
	if (n > XENSTORE_RING_SIZE - at)
		n = XENSTORE_RING_SIZE - at;
	memcpy(buf, p->req + at, n);
	return n;
}

void ring_taken(struct xenstore_domain_interface *p, uint32_t cons)
{
	__atomic_store_n(&p->req_cons, cons, __ATOMIC_SEQ_CST);
}

int ring_write(struct xenstore_domain_interface *p, const void *buf, unsigned int len)
{
	uint32_t prod = __atomic_load_n(&p->rsp_prod, __ATOMIC_RELAXED);
	uint32_t cons = __atomic_load_n(&p->rsp_cons, __ATOMIC_ACQUIRE);
	uint32_t at = MASK_XENSTORE_IDX(prod), n = XENSTORE_RING_SIZE - (prod - cons);

	if (n > XENSTORE_RING_SIZE)
		return -1;
	if (n > len)
		n = len;
	if (n > XENSTORE_RING_SIZE - at)
		n = XENSTORE_RING_SIZE - at;
	memcpy(p->rsp + at, buf, n);
	__atomic_store_n(&p->rsp_prod, prod + n, __ATOMIC_SEQ_CST);
	return n;
}
