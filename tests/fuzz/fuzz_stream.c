/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the reader of migration streams. First the bytes as they are; then with the heads and checksums of the
 * records repaired, as somebody would who means harm, so that what is in the bodies is looked at.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "migrate/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PFNS_MAX 65536ULL	/* a header with more costs time and shows nothing */

static void verify(int fd)
{
	struct stream_check c;
	struct stream_in in;
	int rc;

	lseek(fd, 0, SEEK_SET);
	stream_in_init(&in, fd);
	stream_check_init(&c, &in);
	rc = stream_verify(&c);
	if (rc && !in.why[0])
		abort();
	stream_check_free(&c);
	stream_in_free(&in);
}

/* Make each record one that the framing accepts. The last is cut where the data end. */
static void repair(uint8_t *p, size_t size)
{
	struct stream_head h;
	size_t at = 0;

	for (uint32_t serial = 0; size - at >= sizeof(h); serial++) {
		memcpy(&h, p + at, sizeof(h));
		h.magic = STREAM_RECORD_MAGIC;
		h.type = (h.type - 1) % (STREAM_TYPES - 1) + 1;
		h.serial = serial;
		if (h.length > size - at - sizeof(h))
			h.length = (uint32_t)(size - at - sizeof(h));
		if (h.type == STREAM_HEADER && h.length == sizeof(struct stream_header)) {
			uint8_t *nr = p + at + sizeof(h) + offsetof(struct stream_header, nr_pfns);
			uint64_t n;

			memcpy(&n, nr, sizeof(n));
			n %= PFNS_MAX;
			memcpy(nr, &n, sizeof(n));
		}
		h.body_sum = (uint32_t)XXH64(p + at + sizeof(h), h.length, 0);
		h.head_sum = (uint32_t)XXH64(&h, offsetof(struct stream_head, head_sum), 0);
		memcpy(p + at, &h, sizeof(h));
		at += sizeof(h) + h.length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);
	uint8_t *copy = malloc(size + 1);

	if (fd < 0 || !copy || write(fd, data, size) != (ssize_t)size)
		abort();
	verify(fd);
	memcpy(copy, data, size);
	repair(copy, size);
	if (pwrite(fd, copy, size, 0) != (ssize_t)size)
		abort();
	verify(fd);
	free(copy);
	close(fd);
	return 0;
}
