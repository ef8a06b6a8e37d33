/* SPDX-License-Identifier: MIT */
/*
 * What packs the contents of pages in a stream has a name, in commands and files. Nothing of the libraries is needed
 * for that.
 */
#include <string.h>

#include "migrate/stream.h"

static const char *const names[STREAM_PACKINGS] = {
	[STREAM_UNPACKED] = "none", [STREAM_LZ4] = "lz4", [STREAM_ZSTD] = "zstd",
};

const char *stream_packing_name(unsigned int how)
{
	return how < STREAM_PACKINGS ? names[how] : "unknown";
}

bool stream_packing_by_name(const char *name, unsigned int *how)
{
	for (unsigned int i = 0; i < STREAM_PACKINGS; i++) {
		if (!strcmp(name, names[i])) {
			*how = i;
			return true;
		}
	}
	return false;
}
