/* SPDX-License-Identifier: MIT */
/*
 * Unpacking the contents of a record of pages. How much has to come out is known before: nothing is ever allocated or
 * written for what the data say of themselves, and more or less is refused.
 */
#include <lz4.h>
#include <zstd.h>

#include "migrate/stream.h"

bool stream_unpack(enum stream_packing how, const void *from, size_t len, void *to, size_t size)
{
	size_t n;

	if (how == STREAM_LZ4)
		return LZ4_decompress_safe(from, to, (int)len, (int)size) == (int)size;
	n = ZSTD_decompress(to, size, from, len);
	return !ZSTD_isError(n) && n == size;
}
