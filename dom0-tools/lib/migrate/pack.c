/* SPDX-License-Identifier: MIT */
/* Packing the contents of a record of pages, if that makes them smaller. */
#include <errno.h>
#include <lz4.h>
#include <stdlib.h>
#include <zstd.h>

#include "migrate/pack.h"

/* What more would save is not worth its time between two hosts. */
#define LZ4_ACCELERATION	8	/* half the time of 1, and 8 % more bytes */
#define ZSTD_LEVEL		1

int packer_init(struct packer *p, enum stream_packing how)
{
	*p = (struct packer){ .how = how };
	if (how == STREAM_UNPACKED)
		return 0;
	p->room = malloc(STREAM_BATCH * STREAM_PAGE);
	p->state = how == STREAM_LZ4 ? malloc((size_t)LZ4_sizeofState()) : (void *)ZSTD_createCCtx();
	if (p->room && p->state)
		return 0;
	packer_free(p);
	return -ENOMEM;
}

void packer_free(struct packer *p)
{
	if (p->how == STREAM_LZ4)
		free(p->state);
	else
		ZSTD_freeCCtx(p->state);
	free(p->room);
	*p = (struct packer){ 0 };
}

size_t packer_pack(struct packer *p, const void *from, size_t len)
{
	size_t most = len - len / 16, n;
	int done;

	if (p->how == STREAM_LZ4) {
		done = LZ4_compress_fast_extState(p->state, from, (char *)p->room, (int)len, (int)most,
						 LZ4_ACCELERATION);
		return done > 0 ? (size_t)done : 0;
	}
	n = ZSTD_compressCCtx(p->state, p->room, most, from, len, ZSTD_LEVEL);
	return ZSTD_isError(n) ? 0 : n;
}
