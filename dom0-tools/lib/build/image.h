/* SPDX-License-Identifier: MIT */
/*
 * Kernel images: from a file's bytes to the segments and ELF notes of a PV kernel.
 *
 * Everything below is pure (bytes in, struct out) except image_load(), which reads the file first. The input is not
 * trusted: every length and offset is checked before use, and what an image may make us allocate is capped.
 *
 * Physical addresses are kept relative to the ELF note PADDR_OFFSET, so byte `pa` lies in guest frame pa / 4096 and at
 * guest virtual address virt_base + pa.
 */
#ifndef LIB_BUILD_IMAGE_H
#define LIB_BUILD_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define IMAGE_MAX_SEGS	32
#define IMAGE_MAX_FILE	(512ul << 20)	/* of the file, and of what it unpacks to */
#define IMAGE_MAX_SPAN	(1ul << 30)	/* from the first to the last byte in guest memory */

/* Where the reason for a failure goes. */
struct errbuf {
	char *msg;
	size_t len;
};

/* Write the reason, return rc. */
int build_fail(struct errbuf *e, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Large memory, all present from the start: under PV a page fault costs more than unpacking a page. */
struct bytes {
	uint8_t *p;
	size_t len;		/* bytes in use */
	size_t size;		/* bytes allocated */
};

/* Make room for size bytes, keeping what is there. 0 or -ENOMEM. */
int bytes_grow(struct bytes *b, size_t size);
void bytes_free(struct bytes *b);	/* an empty one is fine */

struct image_seg {
	const uint8_t *data;	/* filesz bytes, inside the image's memory */
	uint64_t pa;
	uint64_t filesz, memsz;
};

struct kernel_image {
	struct bytes file;	/* as read by image_load(), else empty */
	struct bytes unpacked;	/* result of decompression, or empty */
	char how[48];		/* "ELF64", "bzImage, xz, ELF64", ... */

	unsigned int nr_segs;
	struct image_seg seg[IMAGE_MAX_SEGS];	/* ascending pa, not overlapping */
	uint64_t pa_start, pa_end;

	/* Xen's ELF notes. An absent number is 0 and its has_ flag false, an absent string is empty. */
	bool has_notes;		/* at least one, or section __xen_guest, which says the same in text */
	uint64_t elf_entry;	/* of the ELF header: where a kernel without note ENTRY starts */
	bool has_entry, has_hypercall_page, has_init_p2m, has_phys32_entry, has_l1_mfn_valid;
	bool mod_start_pfn, suspend_cancel;
	uint64_t entry, hypercall_page, virt_base, paddr_offset, init_p2m, hv_start_low, phys32_entry;
	uint64_t l1_mfn_mask, l1_mfn_value;
	uint32_t supported_features;
	char guest_os[32], guest_version[32], xen_version[16], loader[16], pae_mode[24], features[128];
};

/* Read, unpack and parse the kernel file. On failure nothing is held and the reason names the file. */
int image_load(struct kernel_image *img, const char *path, struct errbuf *e);

/* Parse len bytes at buf, which must outlive img. What it unpacks to is limited to max bytes. */
int image_parse(struct kernel_image *img, const uint8_t *buf, size_t len, size_t max, struct errbuf *e);

void image_free(struct kernel_image *img);

/* Read a whole regular file of at most max bytes; `what` names its role in messages. */
int file_read(struct bytes *out, const char *path, const char *what, size_t max, struct errbuf *e);

/* cache.c: unpacked kernels kept from one guest to the next. dir NULL: none. */
void image_cache_set(const char *dir);
bool image_cache_get(const struct stat *kernel, struct bytes *out);
void image_cache_put(const struct stat *kernel, const struct bytes *data);

/* elf.c: fill segments and notes from an ELF64 file. */
bool elf_detect(const uint8_t *buf, size_t len);
int elf_parse(struct kernel_image *img, const uint8_t *buf, size_t len, struct errbuf *e);

/* bzimage.c: find the payload, which stays where it is; hint is the unpacked size that the image claims, or 0. */
bool bzimage_detect(const uint8_t *buf, size_t len);
int bzimage_payload(const uint8_t *buf, size_t len, const uint8_t **payload, size_t *payload_len, size_t *hint,
		    struct errbuf *e);

/* decompress.c: name of the format that buf starts with, or NULL; unpack into a new buffer of at most max bytes. */
const char *decompress_detect(const uint8_t *buf, size_t len);
int decompress(const uint8_t *buf, size_t len, size_t hint, size_t max, struct bytes *out, struct errbuf *e);

#endif
