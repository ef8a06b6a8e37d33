/* SPDX-License-Identifier: MIT */
/*
 * Linux bzImage: finds the compressed kernel behind the real-mode setup code.
 *
 * Follows the x86 boot protocol: the setup header at 0x1f1 gives the number of 512-byte setup sectors, and since
 * protocol 2.08 the payload's offset behind them and its length. The last four bytes of the payload are the unpacked
 * size (for gzip its own trailer, for the others appended by the kernel build), used only as a hint.
 */
#include "image.h"

#include <errno.h>
#include <string.h>

enum {
	SETUP_SECTS	= 0x1f1,
	BOOT_FLAG	= 0x1fe,
	HEADER_MAGIC	= 0x202,
	PROTOCOL	= 0x206,
	PAYLOAD_OFFSET	= 0x248,
	PAYLOAD_LENGTH	= 0x24c,
	HEADER_END	= 0x250,
};

static uint32_t get_le(const uint8_t *p, unsigned int bytes)
{
	uint32_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

bool bzimage_detect(const uint8_t *buf, size_t len)
{
	return len >= HEADER_END && get_le(buf + BOOT_FLAG, 2) == 0xaa55 && !memcmp(buf + HEADER_MAGIC, "HdrS", 4);
}

int bzimage_payload(const uint8_t *buf, size_t len, const uint8_t **payload, size_t *payload_len, size_t *hint,
		    struct errbuf *e)
{
	unsigned int sects = buf[SETUP_SECTS] ? buf[SETUP_SECTS] : 4;
	uint32_t version = get_le(buf + PROTOCOL, 2);
	uint64_t start, size;

	if (version < 0x208)
		return build_fail(e, -EINVAL, "bzImage with boot protocol %u.%02u, at least 2.08 is needed",
				  version >> 8, version & 0xff);
	start = (uint64_t)(sects + 1) * 512 + get_le(buf + PAYLOAD_OFFSET, 4);
	size = get_le(buf + PAYLOAD_LENGTH, 4);
	if (size < 8)
		return build_fail(e, -EINVAL, "bzImage without a payload");
	if (start > len || size > len - start)
		return build_fail(e, -EINVAL, "bzImage is cut off: payload ends at byte %llu, file has %zu",
				  (unsigned long long)(start + size), len);
	*payload = buf + start;
	*payload_len = size;
	*hint = get_le(buf + start + size - 4, 4);
	return 0;
}
