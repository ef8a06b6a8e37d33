/* SPDX-License-Identifier: MIT */
/*
 * Peels a kernel file (bzImage, compression, ELF) and checks that what is inside is a 64-bit Xen PV kernel.
 *
 * Layers may nest in any order, up to four deep: a gzipped ELF and a bzImage with an xz payload are the usual ones.
 * Only the latest unpacked layer is kept.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LAYERS	4
#define PAGE_MASK_4K	4095ul

int build_fail(struct errbuf *e, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->msg, e->len, fmt, ap);
	va_end(ap);
	return rc;
}

int bytes_grow(struct bytes *b, size_t size)
{
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	if (b->p) {
		memcpy(p, b->p, b->len);
		munmap(b->p, b->size);
	}
	b->p = p;
	b->size = size;
	return 0;
}

void bytes_free(struct bytes *b)
{
	if (b->p)
		munmap(b->p, b->size);
	*b = (struct bytes){ 0 };
}

static void how_add(struct kernel_image *img, const char *layer)
{
	size_t n = strlen(img->how);

	snprintf(img->how + n, sizeof(img->how) - n, "%s%s", n ? ", " : "", layer);
}

static bool canonical(uint64_t va)
{
	return va + (1ull << 47) < 1ull << 48;
}

/* Does [pa, pa + size) lie inside the kernel's part of the initial mapping, seen through virtual address va? */
static bool in_image(const struct kernel_image *img, uint64_t va, uint64_t size)
{
	uint64_t pa = va - img->virt_base;

	return va >= img->virt_base && pa >= img->pa_start && pa < img->pa_end && size <= img->pa_end - pa;
}

static int check_is_pv(struct kernel_image *img, struct errbuf *e)
{
	if (!img->has_entry && img->has_phys32_entry)
		return build_fail(e, -ENOEXEC, "is for Xen PVH only: no ELF note ENTRY; "
				  "a Linux kernel needs CONFIG_XEN_PV=y");
	if (!img->has_notes)
		return build_fail(e, -ENOEXEC, "is not for Xen PV: no ELF note of Xen; "
				  "a Linux kernel needs CONFIG_XEN_PV=y");
	if (!img->has_entry)
		img->entry = img->elf_entry;
	if (img->xen_version[0] && strcmp(img->xen_version, "xen-3.0"))
		return build_fail(e, -ENOEXEC, "wants hypervisor interface '%s', only xen-3.0 is provided",
				  img->xen_version);
	if (img->loader[0] && strcmp(img->loader, "generic"))
		return build_fail(e, -ENOEXEC, "wants loader '%s', only generic is provided", img->loader);
	if (strstr(img->features, "!auto_translated_physmap"))
		return build_fail(e, -ENOEXEC, "needs the feature auto_translated_physmap, which PV guests lack");
	return 0;
}

static int check_addresses(const struct kernel_image *img, struct errbuf *e)
{
	if (img->virt_base & PAGE_MASK_4K || !canonical(img->virt_base))
		return build_fail(e, -EINVAL, "ELF note VIRT_BASE 0x%llx is no usable page address",
				  (unsigned long long)img->virt_base);
	if (!canonical(img->virt_base + img->pa_end) || img->virt_base + img->pa_end < img->virt_base)
		return build_fail(e, -EINVAL, "the kernel does not fit above VIRT_BASE 0x%llx",
				  (unsigned long long)img->virt_base);
	if (!in_image(img, img->entry, 1))
		return build_fail(e, -EINVAL, "entry point 0x%llx lies outside the kernel, 0x%llx to 0x%llx",
				  (unsigned long long)img->entry, (unsigned long long)(img->virt_base + img->pa_start),
				  (unsigned long long)(img->virt_base + img->pa_end));
	if (img->has_hypercall_page &&
	    (img->hypercall_page & PAGE_MASK_4K || !in_image(img, img->hypercall_page, 4096)))
		return build_fail(e, -EINVAL, "ELF note HYPERCALL_PAGE 0x%llx is no page inside the kernel",
				  (unsigned long long)img->hypercall_page);
	if (img->has_init_p2m && (img->init_p2m & PAGE_MASK_4K || !canonical(img->init_p2m)))
		return build_fail(e, -EINVAL, "ELF note INIT_P2M 0x%llx is no usable page address",
				  (unsigned long long)img->init_p2m);
	return 0;
}

static int unpack_layer(struct kernel_image *img, const uint8_t **buf, size_t *len, size_t hint, size_t max,
			struct errbuf *e)
{
	struct bytes out;
	int rc = decompress(*buf, *len, hint, max, &out, e);

	if (rc)
		return rc;
	bytes_free(&img->unpacked);
	img->unpacked = out;
	*buf = out.p;
	*len = out.len;
	return 0;
}

static int peel(struct kernel_image *img, const uint8_t *buf, size_t len, size_t max, struct errbuf *e)
{
	size_t hint = 0;
	int rc = 0;

	for (int layer = 0; layer < MAX_LAYERS && !rc; layer++) {
		if (elf_detect(buf, len)) {
			how_add(img, "ELF64");
			return elf_parse(img, buf, len, e);
		}
		if (bzimage_detect(buf, len)) {
			how_add(img, "bzImage");
			rc = bzimage_payload(buf, len, &buf, &len, &hint, e);
		} else if (decompress_detect(buf, len)) {
			how_add(img, decompress_detect(buf, len));
			rc = unpack_layer(img, &buf, &len, hint, max, e);
			hint = 0;
		} else {
			return build_fail(e, -ENOEXEC, "is no kernel: %sneither ELF, bzImage nor a known compression",
					  layer ? "what it contains is " : "");
		}
	}
	return rc ? rc : build_fail(e, -ENOEXEC, "is packed more than %d times", MAX_LAYERS - 1);
}

int image_parse(struct kernel_image *img, const uint8_t *buf, size_t len, size_t max, struct errbuf *e)
{
	int rc;

	memset(img, 0, sizeof(*img));
	rc = peel(img, buf, len, max, e);
	if (!rc)
		rc = check_is_pv(img, e);
	if (!rc)
		rc = check_addresses(img, e);
	if (rc)
		image_free(img);
	return rc;
}

void image_free(struct kernel_image *img)
{
	bytes_free(&img->file);
	bytes_free(&img->unpacked);
	memset(img, 0, sizeof(*img));
}

static int read_all(int fd, uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		len -= n;
	}
	return 0;
}

static int file_open(const char *path, struct stat *st, const char *what, size_t max, struct errbuf *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;

	if (fd < 0 || fstat(fd, st) < 0)
		rc = build_fail(e, -errno, "%s %s: cannot open: %s", what, path, strerror(errno));
	else if (!S_ISREG(st->st_mode))
		rc = build_fail(e, -EINVAL, "%s %s: not a regular file", what, path);
	else if (!st->st_size)
		rc = build_fail(e, -EINVAL, "%s %s: the file is empty", what, path);
	else if ((uint64_t)st->st_size > max)
		rc = build_fail(e, -EFBIG, "%s %s: %llu MiB is too large, the limit is %zu MiB", what, path,
				(unsigned long long)st->st_size >> 20, max >> 20);
	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}

int file_read(struct bytes *out, const char *path, const char *what, size_t max, struct errbuf *e)
{
	struct stat st;
	int fd = file_open(path, &st, what, max, e), rc;

	*out = (struct bytes){ 0 };
	if (fd < 0)
		return fd;
	rc = bytes_grow(out, st.st_size);
	if (!rc) {
		out->len = st.st_size;
		rc = read_all(fd, out->p, out->len);
	}
	close(fd);
	if (!rc)
		return 0;
	bytes_free(out);
	return build_fail(e, rc, "%s %s: cannot read: %s", what, path, strerror(-rc));
}

/* As it was unpacked for an earlier guest. */
static bool load_cached(struct kernel_image *img, const char *path)
{
	char ignored[256];
	struct errbuf e = { ignored, sizeof(ignored) };
	struct bytes elf;
	struct stat st;

	if (stat(path, &st) || !S_ISREG(st.st_mode) || !image_cache_get(&st, &elf))
		return false;
	if (image_parse(img, elf.p, elf.len, IMAGE_MAX_FILE, &e)) {
		bytes_free(&elf);
		return false;
	}
	img->unpacked = elf;
	return true;
}

/* Unless the file was changed while we read it. */
static void keep_for_next(const struct kernel_image *img, const char *path, const struct stat *before)
{
	struct stat st;

	if (!stat(path, &st) && st.st_ino == before->st_ino && st.st_size == before->st_size &&
	    st.st_ctim.tv_sec == before->st_ctim.tv_sec && st.st_ctim.tv_nsec == before->st_ctim.tv_nsec)
		image_cache_put(&st, &img->unpacked);
}

int image_load(struct kernel_image *img, const char *path, struct errbuf *e)
{
	char why[256];
	struct errbuf inner = { why, sizeof(why) };
	struct stat before = { 0 };
	struct bytes file;
	int rc;

	if (load_cached(img, path))
		return 0;
	stat(path, &before);
	rc = file_read(&file, path, "kernel image", IMAGE_MAX_FILE, e);
	if (rc)
		return rc;
	rc = image_parse(img, file.p, file.len, IMAGE_MAX_FILE, &inner);
	if (rc) {
		bytes_free(&file);
		return build_fail(e, rc, "kernel image %s: %s", path, why);
	}
	if (!img->unpacked.p) {
		img->file = file;
		return 0;
	}
	bytes_free(&file);
	keep_for_next(img, path, &before);
	return 0;
}
