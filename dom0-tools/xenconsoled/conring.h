/* SPDX-License-Identifier: MIT */
/*
 * The daemon's side of a guest's console ring. The guest may write anything into the page at any time, so the two
 * indices that the daemon owns live here, and those of the guest are read once each and checked before use.
 */
#ifndef XENCONSOLED_CONRING_H
#define XENCONSOLED_CONRING_H

#include <stdbool.h>

#include "public/io/console.h"

struct conring {
	struct xencons_interface *page;
	uint32_t out_cons, in_prod;
};

void conring_init(struct conring *r, struct xencons_interface *page);

/*
 * Copy guest output: how many bytes, 0 = none there, -1 = impossible index. They stay in the ring until conring_took()
 * says that they are kept elsewhere: a daemon that dies in between loses none, its successor may see them again.
 */
int conring_peek(const struct conring *r, char *buf, unsigned int len);
void conring_took(struct conring *r, unsigned int n);
/* Give guest input: bytes moved, 0 = no room, -1 = impossible index. */
int conring_write(struct conring *r, const char *buf, unsigned int len);
unsigned int conring_room(const struct conring *r);

#endif
