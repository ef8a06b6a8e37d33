/* SPDX-License-Identifier: MIT */
/*
 * The migration stream: what is written can be read, and nothing else can: no shorter, longer, changed or reordered
 * stream, and none whose records say impossible things with the right checksums.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "migrate/migrate.h"
#include "stream_sample.h"

static int new_file(void)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);

	CU_ASSERT_FATAL(fd >= 0);
	return fd;
}

static char why[STREAM_WHY];
static struct stream_check saw;		/* its counts */

static int verify(int fd)
{
	struct stream_check c;
	struct stream_in in;
	int rc;

	lseek(fd, 0, SEEK_SET);
	stream_in_init(&in, fd);
	stream_check_init(&c, &in);
	rc = stream_verify(&c);
	snprintf(why, sizeof(why), "%s", in.why);
	CU_ASSERT_EQUAL(!rc, !why[0]);
	if (!rc) {
		CU_ASSERT_EQUAL(c.full_pages, 5);
		CU_ASSERT_EQUAL(c.zero_pages, c.nr_pages - 5);
	}
	saw = c;
	stream_check_free(&c);
	stream_in_free(&in);
	return rc;
}

static int verify_bytes(const uint8_t *p, size_t len)
{
	int fd = new_file(), rc;

	CU_ASSERT_EQUAL(write(fd, p, len), (ssize_t)len);
	rc = verify(fd);
	close(fd);
	return rc;
}

static uint8_t *sample_bytes(size_t *len)
{
	int fd = new_file();
	uint8_t *p;

	sample_write(fd);
	*len = (size_t)lseek(fd, 0, SEEK_CUR);
	p = malloc(*len + 1);
	CU_ASSERT_FATAL(p && pread(fd, p, *len, 0) == (ssize_t)*len);
	close(fd);
	return p;
}

static void test_good(void)
{
	struct stream_in in;
	int fd = new_file();
	char *config;

	sample_write(fd);
	CU_ASSERT_EQUAL(verify(fd), 0);
	if (why[0])
		printf("\n    %s\n", why);
	CU_ASSERT_EQUAL(saw.version, STREAM_VERSION);
	CU_ASSERT_EQUAL(saw.nr_pages, 7);
	lseek(fd, 0, SEEK_SET);
	stream_in_init(&in, fd);
	config = stream_config(&in);
	CU_ASSERT_FATAL(config != NULL);
	CU_ASSERT_STRING_EQUAL(config, SAMPLE_CONFIG);
	free(config);
	stream_in_free(&in);
	close(fd);
}

static void test_truncated(void)
{
	size_t len;
	uint8_t *p = sample_bytes(&len);

	for (size_t n = 0; n < len; n += n < 400 || n > len - 400 ? 1 : 61) {
		int rc = verify_bytes(p, n);

		if (rc != -ENODATA || !strstr(why, "truncated"))
			printf("\n    cut to %zu bytes: %d, '%s'\n", n, rc, why);
		CU_ASSERT_EQUAL(rc, -ENODATA);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, "truncated"));
	}
	p[len] = 0;
	CU_ASSERT_EQUAL(verify_bytes(p, len + 1), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "behind the end"));
	free(p);
}

static void test_flipped(void)
{
	size_t len;
	uint8_t *p = sample_bytes(&len);

	for (size_t n = 0; n < len; n += n < 2000 ? 1 : 7) {
		p[n] ^= (uint8_t)(1U << (n & 7));
		if (!verify_bytes(p, len))
			printf("\n    byte %zu may be changed\n", n);
		CU_ASSERT_STRING_NOT_EQUAL(why, "");
		p[n] ^= (uint8_t)(1U << (n & 7));
	}
	free(p);
}

/* Exchange two records, leave one out or send one twice, with good checksums: the numbers give it away. */
static void test_order(void)
{
	size_t len, first, second;
	uint8_t *p = sample_bytes(&len), *q = malloc(len);
	struct stream_head h;

	CU_ASSERT_FATAL(q != NULL);
	memcpy(&h, p, sizeof(h));
	first = sizeof(h) + h.length;
	memcpy(&h, p + first, sizeof(h));
	second = sizeof(h) + h.length;
	memcpy(q, p + first, second);
	memcpy(q + second, p, first);
	memcpy(q + first + second, p + first + second, len - first - second);
	CU_ASSERT_EQUAL(verify_bytes(q, len), -EINVAL);
	memcpy(q, p, first);
	memcpy(q + first, p + first + second, len - first - second);
	CU_ASSERT_EQUAL(verify_bytes(q, len - second), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "missing or in the wrong order"));
	free(p);
	free(q);
}

/* A stream that an enemy has written: record `type`, the nth of it, changed at offset, checksums right. */
struct lie {
	enum stream_type type;
	unsigned int nth;
	size_t offset;
	uint64_t value;
	unsigned int bytes;
	const char *says;
};

#define AT(s, m) offsetof(struct s, m)
#define CTX(m) (sizeof(struct stream_vcpu) + offsetof(struct vcpu_guest_context, m))
#define WORD(i) (sizeof(struct stream_pages) + 8 * (i))
#define PAGE(i) (sizeof(struct stream_pages) + 8 * 7 + 4096 * (i))

static const struct lie lies[] = {
	{ STREAM_HEADER, 0, AT(stream_header, version), STREAM_VERSION + 1, 4, "this program knows versions 1 to" },
	{ STREAM_HEADER, 0, AT(stream_header, version), 0, 4, "version 0" },
	{ STREAM_HEADER, 0, AT(stream_header, max_vcpus), 33, 4, "33 vCPUs" },
	{ STREAM_HEADER, 0, AT(stream_header, max_vcpus), 0, 4, "0 vCPUs" },
	{ STREAM_HEADER, 0, AT(stream_header, nr_pfns), 1ULL << 40, 8, "guest frames" },
	{ STREAM_HEADER, 0, AT(stream_header, hypervisor) + 63, 'x', 1, "does not end" },
	{ STREAM_CONFIG, 0, 3, 0, 1, "no text" },
	{ STREAM_MEMORY, 0, 0, 8, 8, "range 0" },
	{ STREAM_MEMORY, 0, 8, 8, 8, "range 1" },
	{ STREAM_MEMORY, 0, 24, ~0ULL, 8, "range 1" },
	{ STREAM_MEMORY, 0, 24, 0, 8, "range 1" },
	{ STREAM_PAGES, 0, 0, 513, 4, "does not fit" },
	{ STREAM_PAGES, 0, 4, 4, 4, "does not fit" },
	{ STREAM_PAGES, 0, 2, STREAM_LZ4, 2, "does not fit" },		/* packed, and not shorter */
	{ STREAM_PAGES, 0, WORD(0), 0, 8, "6 pages with contents" },
	{ STREAM_PAGES, 0, WORD(0), 6 | STREAM_PAGE_ZERO, 8, "has no memory" },
	{ STREAM_PAGES, 0, WORD(0), 8 | STREAM_PAGE_ZERO, 8, "has no memory" },
	{ STREAM_PAGES, 0, WORD(0), 1ULL << 60, 8, "unknown flags" },
	{ STREAM_PAGES, 0, WORD(0), 5ULL << STREAM_PAGE_LEVEL_SHIFT, 8, "impossible type" },
	{ STREAM_PAGES, 0, WORD(0), STREAM_PAGE_PINNED, 8, "impossible type" },
	{ STREAM_PAGES, 0, WORD(0), 1 | STREAM_PAGE_ZERO, 8, "1 pages have not come" },
	{ STREAM_PAGES, 0, PAGE(0), 6ULL << 12 | 1, 8, "leads to no memory" },
	{ STREAM_PAGES, 0, PAGE(0), 0xfffffffffULL << 12 | 1, 8, "leads to no memory" },
	{ STREAM_PAGES, 0, PAGE(0) + 8 * 256, 2ULL << 12 | 1, 8, "entry 256" },
	{ STREAM_P2M, 0, 0, 6, 8, "p2m list" },
	{ STREAM_P2M, 0, 0, 1, 8, "p2m list" },
	{ STREAM_GUEST, 0, AT(stream_guest, start_info_pfn), 4, 8, "start_info" },
	{ STREAM_GUEST, 0, AT(stream_guest, store_pfn), 6, 8, "start_info" },
	{ STREAM_GUEST, 0, AT(stream_guest, console_pfn), ~0ULL, 8, "start_info" },
	{ STREAM_GUEST, 0, AT(stream_guest, p2m_pfn), 2, 8, "no top-level" },
	{ STREAM_GUEST, 0, AT(stream_guest, events_masked), 2, 1, "masked 2 times" },
	{ STREAM_VCPU, 0, 0, 2, 4, "no such vCPU" },
	{ STREAM_VCPU, 1, 0, 0, 4, "has one already" },
	{ STREAM_VCPU, 0, CTX(ctrlreg[3]), 2, 8, "top-level page tables" },
	{ STREAM_VCPU, 0, CTX(ctrlreg[1]), 6, 8, "top-level page tables" },
	{ STREAM_VCPU, 0, CTX(gdt_ents), 7169, 8, "a GDT of" },
	{ STREAM_VCPU, 0, CTX(gdt_frames), 3, 8, "part of its GDT" },
	{ STREAM_VCPU_EXT, 0, 0, 1, 4, "has no context" },
	{ STREAM_STORE, 0, 0, 200, 2, "cut off" },
	{ STREAM_STORE, 0, 4, '/', 1, "impossible path" },
	{ STREAM_STORE, 0, 5, '.', 1, "impossible path" },
	{ STREAM_STORE, 0, 18, '/', 1, "impossible path" },
	{ STREAM_END, 0, 0, 3, 8, "counts" },
};

/* Copy a stream's records, with one of them changed. */
static void retell(const uint8_t *p, size_t len, const struct lie *l, int fd)
{
	struct stream_out out;
	unsigned int seen = 0;
	struct stream_head h;

	stream_out_init(&out, fd);
	for (size_t at = 0; at < len; at += sizeof(h) + h.length) {
		uint8_t *body;

		memcpy(&h, p + at, sizeof(h));
		body = malloc(h.length);
		CU_ASSERT_FATAL(body != NULL);
		memcpy(body, p + at + sizeof(h), h.length);
		if (h.type == l->type && seen++ == l->nth)
			memcpy(body + l->offset, &l->value, l->bytes);
		stream_put(&out, h.type, body, h.length);
		free(body);
	}
	stream_flush(&out);
	stream_out_free(&out);
}

static void test_lies(void)
{
	size_t len;
	uint8_t *p = sample_bytes(&len);

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		int fd = new_file(), rc;

		retell(p, len, &lies[i], fd);
		rc = verify(fd);
		if (!rc || !strstr(why, lies[i].says))
			printf("\n    lie %zu (%s): %d, '%s' does not say '%s'\n", i, stream_type_name(lies[i].type),
			       rc, why,
			       lies[i].says);
		CU_ASSERT(rc == -EINVAL || rc == -ENOMEM);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, lies[i].says));
		close(fd);
	}
	free(p);
}

/* A kernel whose p2m list hangs on a tree has no table that maps it. Older versions do not know that. */
static void test_tree(void)
{
	static const struct lie none = { STREAM_GUEST, 0, AT(stream_guest, p2m_pfn), STREAM_NO_PFN, 8, "no top-level" };

	for (uint32_t version = 3; version <= STREAM_VERSION; version++) {
		int fd = new_file();
		uint8_t *p;
		size_t len;

		sample_version = version;
		p = sample_bytes(&len);
		retell(p, len, &none, fd);
		CU_ASSERT_EQUAL(verify(fd), version < 4 ? -EINVAL : 0);
		CU_ASSERT(version >= 4 || strstr(why, none.says));
		close(fd);
		free(p);
	}
	sample_version = STREAM_VERSION;
}

static void begin(struct stream_out *s)
{
	stream_out_init(s, new_file());
}

/* What has been put is refused for this reason. */
static void refused(struct stream_out *s, const char *says)
{
	stream_flush(s);
	CU_ASSERT_EQUAL(verify(s->lanes.fd[0]), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, says));
	close(s->lanes.fd[0]);
	stream_out_free(s);
}

/* --- packed pages --- */

#define HEAD	offsetof(struct stream_pages, word[7])

/* A body: the head of the sample's pages, changed, and len bytes that are said to be five pages packed. */
static void packed_refused(enum stream_packing how, const void *packed, size_t len, const char *says)
{
	struct stream_piece piece[2] = { { NULL, HEAD }, { packed, len } };
	struct stream_out s;
	uint8_t head[HEAD];
	struct stream_pages *p = (void *)head;

	*p = (struct stream_pages){ .count = 7, .full = 5, .packing = (uint16_t)how };
	for (unsigned int i = 0; i < 7; i++)
		p->word[i] = sample_word(i < 6 ? i : 7, 0) | (i == 0 || i == 6 ? STREAM_PAGE_ZERO : 0);
	piece[0].p = head;
	begin(&s);
	sample_front(&s);
	stream_put_pieces(&s, STREAM_PAGES, piece, 2);
	refused(&s, says);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "record 4 (pages)"));
}

/* Of each kind: all is well; cut short, damaged, more or less than was said, and much more. */
static void test_packed(void)
{
	static uint8_t pages[STREAM_BATCH * STREAM_PAGE];
	const char *wrong = "does not come to 5 pages";

	for (unsigned int how = STREAM_LZ4; how < STREAM_PACKINGS; how++) {
		struct packer p;
		int fd = new_file();
		size_t n;

		sample_packing = how;
		sample_write(fd);
		CU_ASSERT_EQUAL(verify(fd), 0);
		CU_ASSERT_EQUAL(saw.packings, 1U << how);
		CU_ASSERT(lseek(fd, 0, SEEK_END) < 5 * 4096);
		close(fd);
		sample_packing = STREAM_UNPACKED;

		CU_ASSERT_EQUAL_FATAL(packer_init(&p, how), 0);
		for (size_t i = 0; i < sizeof(pages); i++)
			pages[i] = (uint8_t)(i >> 5);
		n = packer_pack(&p, pages, 5 * 4096);
		CU_ASSERT_FATAL(n > 0 && n < 5 * 4096);
		for (size_t cut = 0; cut < n; cut += cut < 64 || n - cut < 64 ? 1 : 37)
			packed_refused(how, p.room, cut, wrong);
		p.room[0] ^= 0xff;
		packed_refused(how, p.room, n, wrong);
		packed_refused(how, p.room, packer_pack(&p, pages, 4 * 4096), wrong);
		packed_refused(how, p.room, packer_pack(&p, pages, 5 * 4096 + 1), wrong);
		memset(pages, 0, sizeof(pages));	/* 2 MiB of zeroes */
		packed_refused(how, p.room, packer_pack(&p, pages, sizeof(pages)), wrong);
		n = packer_pack(&p, pages, 5 * 4096);
		sample_version = 1;
		packed_refused(how, p.room, n, "version 1 of the stream does not know");
		sample_version = STREAM_VERSION;
		packed_refused(STREAM_PACKINGS, p.room, n, "packed in way 3");
		packer_free(&p);
	}
}

/* What does not get smaller is not packed. A file of version 1 is still read. */
static void test_unpacked(void)
{
	uint8_t noise[4096];
	struct packer p;
	uint64_t x = 88172645463325252ULL;
	int fd = new_file();

	for (size_t i = 0; i < sizeof(noise); i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		noise[i] = (uint8_t)x;
	}
	for (unsigned int how = STREAM_LZ4; how < STREAM_PACKINGS; how++) {
		CU_ASSERT_EQUAL_FATAL(packer_init(&p, how), 0);
		CU_ASSERT_EQUAL(packer_pack(&p, noise, sizeof(noise)), 0);
		packer_free(&p);
	}
	sample_version = 1;
	sample_write(fd);
	sample_version = STREAM_VERSION;
	CU_ASSERT_EQUAL(verify(fd), 0);
	CU_ASSERT_EQUAL(saw.version, 1);
	CU_ASSERT_EQUAL(saw.packings, 1U << STREAM_UNPACKED);
	close(fd);
}

/* Records at places where they may not be, by one who numbers them well. */
static void test_places(void)
{
	struct stream_out s;
	uint64_t x = 0;

	begin(&s);
	stream_put(&s, STREAM_CONFIG, "{}", 2);
	refused(&s, "may not come here");

	begin(&s);
	sample_front(&s);
	stream_put(&s, STREAM_CPU, &x, 0);
	refused(&s, "only once");

	begin(&s);
	sample_front(&s);
	sample_pages(&s);
	sample_back(&s);
	sample_pages(&s);
	refused(&s, "behind the end");

	begin(&s);
	sample_front(&s);
	sample_pages(&s);
	x = 5;
	stream_put(&s, STREAM_P2M, &x, sizeof(x));
	sample_pages(&s);
	refused(&s, "may not come here");
}

/* --- memory that comes and goes --- */

/* All of the sample, then a map of frames 0 to count - 1. */
static void second_map(struct stream_out *s, uint64_t count)
{
	struct stream_range all = { 0, count };

	begin(s);
	sample_front(s);
	sample_pages(s);
	stream_put(s, STREAM_MEMORY, &all, sizeof(all));
}

static void put_zero(struct stream_out *s, uint64_t pfn)
{
	struct {
		struct stream_pages head;
		uint64_t word;
	} p = { .head.count = 1, .word = pfn | STREAM_PAGE_ZERO };

	stream_put(s, STREAM_PAGES, &p, sizeof(p));
}

static void test_maps(void)
{
	struct stream_range one = { 0, 6 };
	struct stream_out s;
	uint64_t x = 5;

	second_map(&s, 8);		/* 6 has come */
	put_zero(&s, 6);
	sample_back(&s);
	CU_ASSERT_EQUAL(verify(s.lanes.fd[0]), 0);
	CU_ASSERT_EQUAL(saw.nr_pages, 8);
	CU_ASSERT_EQUAL(saw.zero_pages, 3);
	close(s.lanes.fd[0]);
	stream_out_free(&s);

	second_map(&s, 8);
	stream_put(&s, STREAM_P2M, &x, sizeof(x));
	refused(&s, "1 pages have not come");

	second_map(&s, 6);		/* 7 has gone */
	put_zero(&s, 7);
	refused(&s, "frame 0x7 has no memory");

	second_map(&s, 6);
	sample_back(&s);		/* a ring is in it */
	refused(&s, "lies in no ordinary memory");

	second_map(&s, 6);		/* and is back: what it held is forgotten */
	one.count = 8;
	stream_put(&s, STREAM_MEMORY, &one, sizeof(one));
	put_zero(&s, 6);
	stream_put(&s, STREAM_P2M, &x, sizeof(x));
	refused(&s, "1 pages have not come");

	second_map(&s, 9);
	refused(&s, "out of bounds");

	sample_version = 1;
	second_map(&s, 8);
	refused(&s, "only once in version 1");
	sample_version = STREAM_VERSION;
}

static void test_stop(void)
{
	struct stream_out s;
	uint64_t x = 5;

	for (int i = 0; i < 5; i++) {
		static const char *const says[] = {
			"may not come here", "8 bytes, it has none", "only once", "may not come here",
			"version 1 of the stream does not know it",
		};

		sample_version = i == 4 ? 1 : STREAM_VERSION;
		begin(&s);
		sample_front(&s);
		if (i)
			sample_pages(&s);
		if (i == 3)
			stream_put(&s, STREAM_P2M, &x, sizeof(x));
		if (i == 2)
			stream_put(&s, STREAM_STOP, NULL, 0);
		stream_put(&s, STREAM_STOP, &x, i == 1 ? 8 : 0);
		refused(&s, says[i]);
	}
	sample_version = STREAM_VERSION;
	begin(&s);
	sample_front(&s);
	sample_pages(&s);
	stream_put(&s, STREAM_STOP, NULL, 0);
	sample_back(&s);
	CU_ASSERT_EQUAL(verify(s.lanes.fd[0]), 0);
	close(s.lanes.fd[0]);
	stream_out_free(&s);
}

static void test_sync(void)
{
	static const char *const says[] = {
		"may not come here", "8 bytes, it has none", "may not come here", "version 2 of the stream does not know it",
	};
	struct stream_out s;
	uint64_t x = 5;

	for (int i = 0; i < 4; i++) {
		sample_version = i == 3 ? 2 : STREAM_VERSION;
		begin(&s);
		if (i)
			sample_front(&s);
		if (i == 2) {
			sample_pages(&s);
			stream_put(&s, STREAM_P2M, &x, sizeof(x));
		}
		stream_put(&s, STREAM_SYNC, &x, i == 1 ? 8 : 0);
		refused(&s, says[i]);
	}
	sample_version = STREAM_VERSION;
	begin(&s);
	sample_front(&s);
	stream_put(&s, STREAM_SYNC, NULL, 0);
	sample_pages(&s);
	stream_put(&s, STREAM_SYNC, NULL, 0);
	stream_put(&s, STREAM_STOP, NULL, 0);
	stream_put(&s, STREAM_SYNC, NULL, 0);
	sample_back(&s);
	CU_ASSERT_EQUAL(verify(s.lanes.fd[0]), 0);
	close(s.lanes.fd[0]);
	stream_out_free(&s);
}

/* --- connections --- */

/* Records of different sizes, of which the largest is longer than a stripe, by three files. */
static void test_lanes(void)
{
	static uint8_t body[5 * STREAM_STRIPE / 2];
	static const size_t sizes[] = { sizeof(body), 10, 0, 100000, 4096, sizeof(body), 70000, 1 };
	struct stream_record r;
	struct stream_out out;
	struct stream_in in;
	int fd[3] = { new_file(), new_file(), new_file() };
	off_t most, least;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7 + i / 251);
	stream_out_init(&out, fd[0]);
	stream_lanes_add(&out.lanes, fd + 1, 2);
	for (size_t i = 0; i < 8; i++) {
		CU_ASSERT_EQUAL(stream_put(&out, STREAM_CONFIG, body + i, sizes[i] - (sizes[i] > 8 ? i : 0)), 0);
		if (i == 4)
			CU_ASSERT_EQUAL(stream_flush(&out), 0);
	}
	CU_ASSERT_EQUAL(stream_put_end(&out), 0);
	CU_ASSERT_EQUAL(out.written, out.pos);
	most = lseek(fd[0], 0, SEEK_CUR);
	least = lseek(fd[2], 0, SEEK_CUR);
	CU_ASSERT(most - least <= (off_t)STREAM_STRIPE && least >= (off_t)STREAM_STRIPE);

	for (int i = 0; i < 3; i++)
		lseek(fd[i], 0, SEEK_SET);
	stream_in_init(&in, fd[0]);
	stream_lanes_add(&in.lanes, fd + 1, 2);
	for (size_t i = 0; i < 8; i++) {
		CU_ASSERT_EQUAL_FATAL(stream_get(&in, &r), 0);
		CU_ASSERT_EQUAL_FATAL(r.length, sizes[i] - (sizes[i] > 8 ? i : 0));
		CU_ASSERT(!memcmp(r.body, body + i, r.length));
	}
	CU_ASSERT_EQUAL(stream_get(&in, &r), 0);
	CU_ASSERT_EQUAL(r.type, STREAM_END);
	stream_in_free(&in);

	/* One of them breaks. */
	for (int i = 0; i < 3; i++)
		lseek(fd[i], 0, SEEK_SET);
	CU_ASSERT_EQUAL(ftruncate(fd[1], 1000), 0);
	stream_in_init(&in, fd[0]);
	stream_lanes_add(&in.lanes, fd + 1, 2);
	CU_ASSERT_EQUAL(stream_get(&in, &r), -ENODATA);
	CU_ASSERT_PTR_NOT_NULL(strstr(in.why, "truncated"));
	stream_in_free(&in);
	stream_out_free(&out);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
}

/* --- page tables --- */

static bool plus_100(void *arg, uint64_t mfn, uint64_t *pfn)
{
	*pfn = mfn - 100;
	return mfn >= 100 && mfn < *(uint64_t *)arg;
}

static void test_tables(void)
{
	uint64_t t[512] = { 0 }, p2m[8] = { 100, 101, 102, 103, 104, 105, 106, 107 }, limit = 108, before[512];

	t[0] = 103ULL << 12 | 0x8000000000000067;
	t[1] = 999ULL << 12;			/* not present: the guest's own notes */
	t[256] = 999ULL << 12 | 1;		/* the hypervisor's, at level 4 */
	t[511] = 107ULL << 12 | 1;
	memcpy(before, t, sizeof(t));
	CU_ASSERT_EQUAL(table_canonicalise(t, 4, plus_100, &limit), -1);
	CU_ASSERT_EQUAL(t[0], (3ULL << 12 | 0x8000000000000067));
	CU_ASSERT_EQUAL(t[1], 999ULL << 12);
	CU_ASSERT_EQUAL(t[256], 0);
	table_localise(t, p2m);
	before[256] = 0;
	CU_ASSERT_EQUAL(memcmp(t, before, sizeof(t)), 0);
	t[256] = 999ULL << 12 | 1;
	CU_ASSERT_EQUAL(table_canonicalise(t, 1, plus_100, &limit), 256);
}

static void test_cpu(void)
{
	xen_cpuid_leaf_t guest[] = { { .leaf = 1, .subleaf = ~0U, .c = 1U << 28 | 1U << 20, .d = 1U << 26 },
				     { .leaf = 7, .subleaf = 0, .b = 1U << 5 | 1U << 4 } };
	xen_cpuid_leaf_t host[] = { { .leaf = 1, .subleaf = ~0U, .c = 1U << 20, .d = ~0U } };
	char names[64];

	CU_ASSERT_EQUAL(cpu_missing(guest, 2, guest, 2, names, sizeof(names)), 0);
	CU_ASSERT_STRING_EQUAL(names, "");
	CU_ASSERT_EQUAL(cpu_missing(guest, 2, host, 1, names, sizeof(names)), 3);
	CU_ASSERT_STRING_EQUAL(names, "avx cpuid-7.ebx[4] avx2");
	CU_ASSERT_EQUAL(cpu_missing(guest, 2, host, 1, names, 6), 3);
	CU_ASSERT(strlen(names) < 6);
}

int main(void)
{
	CU_pSuite s;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	s = CU_add_suite("stream", NULL, NULL);
	CU_add_test(s, "good", test_good);
	CU_add_test(s, "truncated", test_truncated);
	CU_add_test(s, "flipped", test_flipped);
	CU_add_test(s, "order", test_order);
	CU_add_test(s, "lies", test_lies);
	CU_add_test(s, "tree", test_tree);
	CU_add_test(s, "places", test_places);
	CU_add_test(s, "packed", test_packed);
	CU_add_test(s, "unpacked", test_unpacked);
	CU_add_test(s, "maps", test_maps);
	CU_add_test(s, "stop", test_stop);
	CU_add_test(s, "sync", test_sync);
	CU_add_test(s, "lanes", test_lanes);
	CU_add_test(s, "tables", test_tables);
	CU_add_test(s, "cpu", test_cpu);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	return CU_get_number_of_failures() ? 1 : 0;
}
