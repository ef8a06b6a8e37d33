/* SPDX-License-Identifier: MIT */
/*
 * Unpacks what kernels come packed in: gzip, xz, zstd, lz4 (legacy frames), lzma, bzip2.
 *
 * One table row per format: its magic, and a function that decodes into a sink. The sink is the only place that
 * allocates; it grows by doubling and never beyond the caller's limit, so a bomb ends as an error. Bytes after the end
 * of the stream are ignored: a bzImage payload carries its unpacked size there.
 *
 * No checksum is verified beyond what each format's library verifies by itself.
 */
#include "image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#define DICT_MAX	(256ul << 20)	/* memory that a decoder may take for its dictionary */
#define LZ4_LEGACY_BLOCK	(8ul << 20)
#define GZIP_WRAPPER	16		/* to add to zlib's window bits */
#define LZMA_HEADER	64ul		/* in front of liblzma's memory; keeps its alignment */
#define POPULATE_MIN	(1ul << 20)

struct sink {
	struct bytes out;
	size_t max;
	struct errbuf *e;
};

struct format {
	const char *name;
	uint8_t magic[6];
	size_t magic_len;
	int (*decode)(struct sink *s, const uint8_t *in, size_t len);
};

/* Make room for at least one more byte. */
static int sink_grow(struct sink *s, size_t want)
{
	size_t size = s->out.size * 2 > s->out.len + want ? s->out.size * 2 : s->out.len + want;

	if (s->out.len >= s->max)
		return build_fail(s->e, -EFBIG, "unpacks to more than %zu MiB", s->max >> 20);
	if (size > s->max)
		size = s->max;
	if (bytes_grow(&s->out, size))
		return build_fail(s->e, -ENOMEM, "no memory to unpack it (%zu MiB wanted)", size >> 20);
	return 0;
}

static size_t sink_room(const struct sink *s)
{
	return s->out.size - s->out.len;
}

static int truncated(struct sink *s, const char *name)
{
	return build_fail(s->e, -EINVAL, "its %s data ends too early: truncated file?", name);
}

static int corrupt(struct sink *s, const char *name, const char *why)
{
	return build_fail(s->e, -EINVAL, "its %s data is corrupt (%s)", name, why);
}

static int gzip_decode(struct sink *s, const uint8_t *in, size_t len)
{
	z_stream z = { .next_in = (uint8_t *)in, .avail_in = len };
	int rc = 0, ret;

	if (inflateInit2(&z, MAX_WBITS + GZIP_WRAPPER) != Z_OK)
		return build_fail(s->e, -ENOMEM, "no memory for the gzip decoder");
	do {
		if (!sink_room(s) && (rc = sink_grow(s, 1)))
			break;
		z.next_out = s->out.p + s->out.len;
		z.avail_out = sink_room(s);
		ret = inflate(&z, Z_NO_FLUSH);
		s->out.len = s->out.size - z.avail_out;
		if (ret == Z_BUF_ERROR || (ret == Z_OK && !z.avail_in && z.avail_out))
			rc = truncated(s, "gzip");
		else if (ret != Z_OK && ret != Z_STREAM_END)
			rc = corrupt(s, "gzip", z.msg ? z.msg : "bad stream");
	} while (!rc && ret != Z_STREAM_END);
	inflateEnd(&z);
	return rc;
}

/* Memory for liblzma. Its dictionary is worth having all at once, as in struct bytes; that struct lies in front. */
static void *lzma_take(void *opaque, size_t n, size_t size)
{
	struct bytes b = { 0 };
	uint8_t *p;

	(void)opaque;
	size = n * size + LZMA_HEADER;
	if (size >= POPULATE_MIN && bytes_grow(&b, size))
		return NULL;
	p = b.p ? b.p : malloc(size);
	if (!p)
		return NULL;
	memcpy(p, &b, sizeof(b));
	return p + LZMA_HEADER;
}

static void lzma_give(void *opaque, void *p)
{
	uint8_t *start;
	struct bytes b;

	(void)opaque;
	if (!p)
		return;
	start = (uint8_t *)p - LZMA_HEADER;
	memcpy(&b, start, sizeof(b));
	if (b.p)
		bytes_free(&b);
	else
		free(start);
}

static const lzma_allocator lzma_memory = { .alloc = lzma_take, .free = lzma_give };

/* xz and lzma: the same library loop behind two headers. */
static int lzma_run(struct sink *s, lzma_stream *z, const char *name, const uint8_t *in, size_t len)
{
	lzma_ret ret = LZMA_OK;
	int rc = 0;

	z->next_in = in;
	z->avail_in = len;
	do {
		if (!sink_room(s) && (rc = sink_grow(s, 1)))
			break;
		z->next_out = s->out.p + s->out.len;
		z->avail_out = sink_room(s);
		ret = lzma_code(z, LZMA_RUN);
		s->out.len = s->out.size - z->avail_out;
		if (ret == LZMA_BUF_ERROR || (ret == LZMA_OK && !z->avail_in && z->avail_out))
			rc = truncated(s, name);
		else if (ret == LZMA_MEMLIMIT_ERROR)
			rc = corrupt(s, name, "wants a dictionary of more than 256 MiB");
		else if (ret == LZMA_OPTIONS_ERROR)
			rc = corrupt(s, name, "unknown filter");
		else if (ret != LZMA_OK && ret != LZMA_STREAM_END)
			rc = corrupt(s, name, "bad stream");
	} while (!rc && ret != LZMA_STREAM_END);
	lzma_end(z);
	return rc;
}

static int xz_decode(struct sink *s, const uint8_t *in, size_t len)
{
	lzma_stream z = { .allocator = &lzma_memory };

	if (lzma_stream_decoder(&z, DICT_MAX, 0) != LZMA_OK)
		return build_fail(s->e, -ENOMEM, "no memory for the xz decoder");
	return lzma_run(s, &z, "xz", in, len);
}

static int lzma_decode(struct sink *s, const uint8_t *in, size_t len)
{
	lzma_stream z = { .allocator = &lzma_memory };

	if (lzma_alone_decoder(&z, DICT_MAX) != LZMA_OK)
		return build_fail(s->e, -ENOMEM, "no memory for the lzma decoder");
	return lzma_run(s, &z, "lzma", in, len);
}

static int zstd_decode(struct sink *s, const uint8_t *in, size_t len)
{
	ZSTD_inBuffer src = { in, len, 0 };
	ZSTD_DStream *z = ZSTD_createDStream();
	size_t ret = 1;
	int rc = 0;

	if (!z)
		return build_fail(s->e, -ENOMEM, "no memory for the zstd decoder");
	while (!rc && ret) {
		ZSTD_outBuffer dst;

		if (!sink_room(s) && (rc = sink_grow(s, 1)))
			break;
		dst = (ZSTD_outBuffer){ s->out.p, s->out.size, s->out.len };
		ret = ZSTD_decompressStream(z, &dst, &src);
		if (ZSTD_isError(ret))
			rc = corrupt(s, "zstd", ZSTD_getErrorName(ret));
		else if (ret && src.pos == src.size && dst.pos < dst.size)
			rc = truncated(s, "zstd");
		s->out.len = dst.pos;
	}
	ZSTD_freeDStream(z);
	return rc;
}

static uint32_t get_le32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

/*
 * Legacy lz4: after the magic, blocks of {u32 packed size, data}, each unpacking to 8 MiB, the last to less. The kernel
 * build appends the unpacked size of the whole, so a short block ends the stream.
 */
static int lz4_decode(struct sink *s, const uint8_t *in, size_t len)
{
	size_t pos = 4;

	while (len - pos >= 4) {
		size_t packed = get_le32(in + pos);
		int n, rc;

		if (s->out.len && packed == s->out.len)
			break;
		pos += 4;
		if (packed > len - pos)
			return truncated(s, "lz4");
		if (sink_room(s) < LZ4_LEGACY_BLOCK) {
			rc = sink_grow(s, LZ4_LEGACY_BLOCK);
			if (rc)
				return rc;
		}
		n = sink_room(s) < LZ4_LEGACY_BLOCK ? sink_room(s) : LZ4_LEGACY_BLOCK;
		n = LZ4_decompress_safe((const char *)in + pos, (char *)s->out.p + s->out.len, packed, n);
		if (n <= 0)
			return corrupt(s, "lz4", "bad block");
		s->out.len += n;
		pos += packed;
		if ((size_t)n < LZ4_LEGACY_BLOCK)
			break;
	}
	return s->out.len ? 0 : truncated(s, "lz4");
}

static int bzip2_decode(struct sink *s, const uint8_t *in, size_t len)
{
	bz_stream z = { .next_in = (char *)in, .avail_in = len };
	int rc = 0, ret;

	if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK)
		return build_fail(s->e, -ENOMEM, "no memory for the bzip2 decoder");
	do {
		if (!sink_room(s) && (rc = sink_grow(s, 1)))
			break;
		z.next_out = (char *)s->out.p + s->out.len;
		z.avail_out = sink_room(s);
		ret = BZ2_bzDecompress(&z);
		s->out.len = s->out.size - z.avail_out;
		if (ret != BZ_OK && ret != BZ_STREAM_END)
			rc = corrupt(s, "bzip2", "bad stream");
		else if (ret == BZ_OK && !z.avail_in && z.avail_out)
			rc = truncated(s, "bzip2");
	} while (!rc && ret != BZ_STREAM_END);
	BZ2_bzDecompressEnd(&z);
	return rc;
}

static const struct format formats[] = {
	{ "gzip",  { 0x1f, 0x8b }, 2, gzip_decode },
	{ "xz",    { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, xz_decode },
	{ "zstd",  { 0x28, 0xb5, 0x2f, 0xfd }, 4, zstd_decode },
	{ "lz4",   { 0x02, 0x21, 0x4c, 0x18 }, 4, lz4_decode },
	{ "lzma",  { 0x5d, 0x00, 0x00 }, 3, lzma_decode },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, bzip2_decode },
};

static const struct format *format_find(const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (len > formats[i].magic_len && !memcmp(buf, formats[i].magic, formats[i].magic_len))
			return &formats[i];
	return NULL;
}

const char *decompress_detect(const uint8_t *buf, size_t len)
{
	const struct format *f = format_find(buf, len);

	return f ? f->name : NULL;
}

int decompress(const uint8_t *buf, size_t len, size_t hint, size_t max, struct bytes *out, struct errbuf *e)
{
	struct sink s = { .max = max, .e = e };
	const struct format *f = format_find(buf, len);
	int rc;

	if (!f)
		return build_fail(e, -EINVAL, "not compressed in a known way");
	/* One byte more than promised: the decoder then sees the end of the stream without another round. */
	rc = sink_grow(&s, hint && hint < max ? hint + 1 : len * 4 < max ? len * 4 : max);
	if (!rc)
		rc = f->decode(&s, buf, len);
	if (rc) {
		bytes_free(&s.out);
		return rc;
	}
	*out = s.out;
	return 0;
}
