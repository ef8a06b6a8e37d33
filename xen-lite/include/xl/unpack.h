/* SPDX-License-Identifier: MIT */
/* From a kernel as distributions ship it to the ELF image inside: boot/bzimage.c and boot/unpack.c. Boot only. */
#ifndef XL_UNPACK_H
#define XL_UNPACK_H

#include <xl/types.h>

#define UNPACK_MAX	(512UL << 20)	/* bytes that a kernel may unpack to */

/* Where the packed kernel lies in an image, and how large it gets. Pure; also built on the host. */
struct packed {
	const u8 *data;
	size_t len;
	size_t unpacked;	/* bytes; from the image, not trusted */
	const char *format;	/* "xz", "zstd", "gzip", "lz4", or NULL: data is the ELF image itself */
};

/* Looks into an ELF image, a gzip file or a bzImage. NULL, or why it is none: a phrase for behind "dom0 kernel: ". */
const char *packed_find(struct packed *p, const u8 *data, size_t len);

/* Decodes p into out, p->unpacked bytes. NULL, or what is wrong. */
const char *unpack(const struct packed *p, u8 *out);

/* Whole pages for the duration of the boot, contiguous, not cleared. NULL when there are not so many in one piece. */
void *boot_pages_alloc(size_t bytes);
void boot_pages_free(void *p, size_t bytes);

#endif
