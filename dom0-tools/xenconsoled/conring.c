/* SPDX-License-Identifier: MIT */
/*
 * The daemon's side of a guest's console ring: see conring.h.
 */
#include <string.h>

#include "conring.h"

void conring_init(struct conring *r, struct xencons_interface *page)
{
	r->page = page;
	r->out_cons = __atomic_load_n(&page->out_cons, __ATOMIC_RELAXED);
	r->in_prod = __atomic_load_n(&page->in_prod, __ATOMIC_RELAXED);
}

int conring_peek(const struct conring *r, char *buf, unsigned int len)
{
	uint32_t prod = __atomic_load_n(&r->page->out_prod, __ATOMIC_ACQUIRE);
	uint32_t at = MASK_XENCONS_IDX(r->out_cons, r->page->out), n = prod - r->out_cons;

	if (n > sizeof(r->page->out))
		return -1;
	if (n > len)
		n = len;
	if (n > sizeof(r->page->out) - at)
		n = sizeof(r->page->out) - at;
	memcpy(buf, r->page->out + at, n);
	return n;
}

void conring_took(struct conring *r, unsigned int n)
{
	r->out_cons += n;
	__atomic_store_n(&r->page->out_cons, r->out_cons, __ATOMIC_SEQ_CST);
}

unsigned int conring_room(const struct conring *r)
{
	uint32_t used = r->in_prod - __atomic_load_n(&r->page->in_cons, __ATOMIC_ACQUIRE);

	return used > sizeof(r->page->in) ? 0 : sizeof(r->page->in) - used;
}

int conring_write(struct conring *r, const char *buf, unsigned int len)
{
	uint32_t used = r->in_prod - __atomic_load_n(&r->page->in_cons, __ATOMIC_ACQUIRE);
	uint32_t at = MASK_XENCONS_IDX(r->in_prod, r->page->in), n = sizeof(r->page->in) - used;

	if (used > sizeof(r->page->in))
		return -1;
	if (n > len)
		n = len;
	if (n > sizeof(r->page->in) - at)
		n = sizeof(r->page->in) - at;
	memcpy(r->page->in + at, buf, n);
	r->in_prod += n;
	__atomic_store_n(&r->page->in_prod, r->in_prod, __ATOMIC_SEQ_CST);
	return n;
}
