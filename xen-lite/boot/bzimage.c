/* SPDX-License-Identifier: MIT */
/*
 * Finds the packed kernel in what the boot loader handed over: a Linux bzImage, a gzip file, or a plain ELF image.
 *
 * Follows the x86 boot protocol: the setup header at 0x1f1 counts the 512-byte setup sectors and, from protocol
 * 2.08 on, gives the payload's offset behind them and its length. The last four bytes of a payload are its
 * unpacked size: gzip ends with it, for other formats the kernel's build appends it. The image is not trusted:
 * every offset is checked here.
 */
#include <xl/unpack.h>
#include <xl/elf.h>
#include <xl/lib.h>

enum {
	SETUP_SECTS	= 0x1f1,
	BOOT_FLAG	= 0x1fe,
	HEADER_MAGIC	= 0x202,
	PROTOCOL	= 0x206,
	PAYLOAD_OFFSET	= 0x248,
	PAYLOAD_LENGTH	= 0x24c,
	HEADER_END	= 0x250,
};

static const struct {
	const char *name;
	u8 magic[6], magic_len;
	bool supported, sized;		/* sized: four bytes of unpacked size follow the stream in a bzImage */
} formats[] = {
	{ "xz",    { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, true, true },
	{ "zstd",  { 0x28, 0xb5, 0x2f, 0xfd }, 4, true, true },
	{ "gzip",  { 0x1f, 0x8b, 8 }, 3, true, false },
	{ "lz4",   { 0x02, 0x21, 0x4c, 0x18 }, 4, true, true },
	{ "lzma",  { 0x5d, 0x00, 0x00 }, 3, false, true },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, false, true },
	{ "lzo",   { 0x89, 'L', 'Z', 'O' }, 4, false, true },
};

static u32 le32(const u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

static bool is_bzimage(const u8 *data, size_t len)
{
	return len >= HEADER_END && data[BOOT_FLAG] == 0x55 && data[BOOT_FLAG + 1] == 0xaa &&
	       !memcmp(data + HEADER_MAGIC, "HdrS", 4);
}

static const char *bzimage_payload(struct packed *p, const u8 *data, size_t len)
{
	unsigned int sects = data[SETUP_SECTS] ? data[SETUP_SECTS] : 4;
	u64 start = (sects + 1) * 512UL + le32(data + PAYLOAD_OFFSET), size = le32(data + PAYLOAD_LENGTH);

	if ((data[PROTOCOL] | data[PROTOCOL + 1] << 8) < 0x208 || size < 16)
		return "this bzImage is too old to say where its payload is (boot protocol below 2.08)";
	if (start > len || size > len - start)
		return "the bzImage is cut off: its payload ends behind the file's end";
	p->data = data + start;
	p->len = size;
	return NULL;
}

static const char *format_find(struct packed *p, bool in_bzimage)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (p->len >= 16 && !memcmp(p->data, formats[i].magic, formats[i].magic_len))
			break;
	if (i == ARRAY_SIZE(formats))
		return in_bzimage ? "the bzImage's payload is neither ELF nor of a known format" :
				    "neither an ELF image nor a bzImage";
	if (!formats[i].supported)
		return "packed with lzma, bzip2 or lzo: only xz, zstd, gzip and lz4 are understood";
	if (!in_bzimage && formats[i].sized)
		return "packed, but not a bzImage: give the bzImage, or unpack the file first";
	p->format = formats[i].name;
	p->unpacked = le32(p->data + p->len - 4);
	if (formats[i].sized)
		p->len -= 4;
	if (!p->unpacked || p->unpacked > UNPACK_MAX)
		return "damaged, or too large: it claims to unpack to 0 or more than 512 MiB";
	return NULL;
}

const char *packed_find(struct packed *p, const u8 *data, size_t len)
{
	bool bz = is_bzimage(data, len);
	const char *why;

	*p = (struct packed){ .data = data, .len = len };
	if (bz) {
		why = bzimage_payload(p, data, len);
		if (why)
			return why;
	}
	return elf_is_elf(p->data, p->len) ? NULL : format_find(p, bz);
}
