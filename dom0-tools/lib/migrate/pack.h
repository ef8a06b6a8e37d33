/* SPDX-License-Identifier: MIT */
/* Packing the contents of pages, for who writes a stream (unpack.c is the way back). */
#ifndef LIB_MIGRATE_PACK_H
#define LIB_MIGRATE_PACK_H

#include "migrate/stream.h"

struct packer {
	enum stream_packing how;
	uint8_t *room;			/* what came out last */
	void *state;			/* the library's */
};

/* 0 or -ENOMEM. */
int packer_init(struct packer *p, enum stream_packing how);
void packer_free(struct packer *p);
/* Pack len bytes, STREAM_BATCH pages at most. How many are in p->room then; 0: they do not get smaller. */
size_t packer_pack(struct packer *p, const void *from, size_t len);

#endif
