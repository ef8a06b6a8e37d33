/* SPDX-License-Identifier: MIT */
/*
 * The migration stream: what a PV domain is, in records; the same for a file and for a socket. docs/migration-stream.md
 * describes it.
 *
 *	stream.c	records: writing, reading, checksums
 *	check.c		what may be in a record and in which order
 *	table.c		entries of page tables: machine frames to guest frames and back
 *	unpack.c	contents of pages that travel packed (pack.h: the way there)
 *	packing.c	names of what packs
 *
 * A reader trusts nothing: each record is checked as a whole before anything in it is used, and a failure says at which
 * byte, in which record and why. Numbers are little-endian, bodies begin at multiples of 8 in memory.
 *
 * No lock: a stream belongs to one thread.
 */
#ifndef LIB_MIGRATE_STREAM_H
#define LIB_MIGRATE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_MAGIC		"xen-lite stream"	/* 16 bytes with its 0 */
#define STREAM_VERSION		4			/* what is written; older ones are read */
#define STREAM_RECORD_MAGIC	0x43524c58U		/* "XLRC" */
#define STREAM_BODY_MAX		(8U << 20)
#define STREAM_PFNS_MAX		(1ULL << 26)		/* 256 GiB */
#define STREAM_VCPUS_MAX	32
#define STREAM_BATCH		512			/* pages in a record, at most */
#define STREAM_WHY		256
#define STREAM_LANES		16			/* connections that one stream may go by */
#define STREAM_STRIPE		(128UL << 10)		/* bytes that go by one, then the next has its turn */
#define STREAM_PAGE		4096UL

enum stream_type {
	STREAM_HEADER = 1, STREAM_CONFIG, STREAM_CPU, STREAM_MEMORY, STREAM_PAGES, STREAM_P2M, STREAM_GUEST, STREAM_TSC,
	STREAM_VCPU, STREAM_VCPU_EXT, STREAM_VCPU_XSAVE, STREAM_VCPU_MSRS, STREAM_STORE, STREAM_END,
	STREAM_CONSOLE, STREAM_STOP, STREAM_SYNC,
	STREAM_TYPES
};

/* In front of each body. */
struct stream_head {
	uint32_t magic;			/* STREAM_RECORD_MAGIC */
	uint32_t type;			/* enum stream_type */
	uint32_t length;		/* of the body, in bytes */
	uint32_t serial;		/* 0, 1, 2, ... */
	uint32_t body_sum;		/* lower half of XXH64 (seed 0) of the body */
	uint32_t head_sum;		/* the same of the 20 bytes before */
};

/* --- bodies --- */

struct stream_header {
	char magic[16];
	uint32_t version;
	uint32_t page_shift;		/* 12 */
	uint32_t max_vcpus;
	uint32_t zero;
	uint64_t nr_pfns;		/* guest frame numbers are below this */
	char hypervisor[64];		/* for people */
};

/*
 * STREAM_MEMORY: an array of these, ascending: the guest frames that have memory from here on. From version 2 on it may
 * come again; what was sent of frames that have gone is forgotten.
 */
struct stream_range {
	uint64_t first, count;
};

enum stream_packing { STREAM_UNPACKED, STREAM_LZ4, STREAM_ZSTD, STREAM_PACKINGS };

/*
 * STREAM_PAGES: count words, then `full` pages, one for each word without STREAM_PAGE_ZERO, in their order. From
 * version 2 on they may be packed together: an LZ4 block or a zstd frame, shorter than they are, to the end of the
 * body.
 */
struct stream_pages {
	uint16_t count, packing;	/* enum stream_packing */
	uint32_t full;
	uint64_t word[];
};
#define STREAM_PAGE_PFN		0x000fffffffffffffULL
#define STREAM_PAGE_LEVEL_SHIFT	52			/* 0: ordinary; 1-4: a page table, with pfns in it */
#define STREAM_PAGE_LEVEL(w)	((unsigned int)((w) >> STREAM_PAGE_LEVEL_SHIFT) & 7)
#define STREAM_PAGE_PINNED	(1ULL << 55)
#define STREAM_PAGE_ZERO	(1ULL << 56)		/* all zeroes: its contents are left out */

/* STREAM_P2M: an array of uint64_t: the guest frames that the p2m list lies in, in order. */
#define STREAM_P2M_ENTRIES	512ULL

#define STREAM_NO_PFN		(~0ULL)
struct stream_guest {
	uint64_t start_info_pfn, store_pfn, console_pfn;
	/*
	 * Top-level table in which the p2m list is mapped. STREAM_NO_PFN: its kernel keeps a tree, which it makes anew
	 * in its new life; from version 4 on.
	 */
	uint64_t p2m_pfn;
	uint64_t p2m_vaddr, p2m_generation;
	uint64_t cr2[STREAM_VCPUS_MAX];
	uint8_t events_masked[STREAM_VCPUS_MAX];
};

struct stream_tsc {
	uint32_t mode, khz, incarnation, zero;
};

/* In front of the context in the four kinds of vCPU records. STREAM_VCPU: struct vcpu_guest_context with pfns. */
struct stream_vcpu {
	uint32_t vcpu, zero[3];
};

struct stream_msr {
	uint32_t index, zero;
	uint64_t value;
};

/* STREAM_STORE: these, each with its path (below the domain's directory) and value behind it, without padding. */
struct stream_node {
	uint16_t path_len, value_len;
};

/*
 * STREAM_STOP: empty. The guest is about to be stopped, and most of what has come will stay: the reader may get on with
 * it. From version 2 on, or not at all.
 *
 * STREAM_SYNC: empty, between the pages. Who reads from a connection says when it has come so far (as for a
 * STREAM_STOP), so that the writer knows what is on its way. From version 3 on.
 */

#define STREAM_CONSOLE_MAX	(64U << 10)		/* bytes of the console's last output */

struct stream_end {
	uint64_t records, bytes;	/* before this one */
};

/*
 * The connections that a stream goes by: byte B by number B / STREAM_STRIPE modulo n. Both ends have to have the same
 * number of them, in the same order, before the first byte.
 */
struct stream_lanes {
	int fd[STREAM_LANES];
	unsigned int n;
};

void stream_lanes_add(struct stream_lanes *l, const int *fd, unsigned int n);

/* --- writing --- */

struct stream_out {
	struct stream_lanes lanes;	/* the first is that of stream_out_init() */
	uint64_t pos;
	uint64_t written;		/* of pos, what is not in buf any more */
	uint32_t serial;
	uint8_t *buf;			/* what has not been written yet */
	size_t used;
	char why[STREAM_WHY];
};

void stream_out_init(struct stream_out *s, int fd);
void stream_out_free(struct stream_out *s);
/* Queue a record whose body comes in n pieces. 0, or -errno and s->why. */
struct stream_piece {
	const void *p;
	size_t len;
};
int stream_put_pieces(struct stream_out *s, enum stream_type type, const struct stream_piece *piece, size_t n);
int stream_put(struct stream_out *s, enum stream_type type, const void *body, size_t len);
/* The end record, and write what is queued. */
int stream_put_end(struct stream_out *s);
int stream_flush(struct stream_out *s);

/* --- reading --- */

struct stream_record {
	enum stream_type type;
	uint64_t pos;			/* of its head in the stream */
	uint32_t serial;
	size_t length;
	uint8_t *body;			/* valid until the next one is read */
};

struct stream_in {
	struct stream_lanes lanes;	/* the first is that of stream_in_init() */
	uint64_t pos;
	uint32_t serial;
	uint8_t *body;
	size_t room;
	char why[STREAM_WHY];		/* of the first failure: "byte N, record N (kind): reason" */
};

void stream_in_init(struct stream_in *s, int fd);
void stream_in_free(struct stream_in *s);
/* Read the next record: whole, of a known type, in sequence, with the right checksums. 0, or -errno and s->why. */
int stream_get(struct stream_in *s, struct stream_record *r);
/* After the end record a file has nothing more. */
int stream_at_end(struct stream_in *s);
/* Note why record r is refused. Returns -EINVAL. */
__attribute__((format(printf, 3, 4)))
int stream_refuse(struct stream_in *s, const struct stream_record *r, const char *fmt, ...);
const char *stream_type_name(enum stream_type type);

/* --- check.c --- */

struct stream_check {
	struct stream_in *in;
	uint32_t seen;			/* a bit for each type */
	uint32_t vcpus[4];		/* a bit for each vCPU, of the four kinds of records */
	uint32_t max_vcpus;
	uint64_t nr_pfns;
	uint64_t nr_pages;		/* that have memory */
	uint64_t nr_missing;		/* of them those that have not come yet */
	uint8_t *frame;			/* for each pfn: FRAME_* and level */
	uint64_t full_pages, zero_pages;
	uint32_t version;
	uint32_t packings;		/* a bit for each that was met */
	uint8_t *contents;		/* of the last record of pages, unpacked; in its body or in: */
	uint8_t *unpacked;
};
#define FRAME_LEVEL	0x07
#define FRAME_PINNED	0x08
#define FRAME_MEMORY	0x10		/* has memory */
#define FRAME_SENT	0x20		/* its contents have come */
#define FRAME_DIRTY	0x40		/* and were not all zeroes at some time */

void stream_check_init(struct stream_check *c, struct stream_in *in);
void stream_check_free(struct stream_check *c);
/* May this record come now, and is all in it possible? 0, or -EINVAL, -ENOMEM and c->in->why. */
int stream_check_record(struct stream_check *c, const struct stream_record *r);
bool stream_has_memory(const struct stream_check *c, uint64_t pfn);
/* Read a stream to its end, only looking. 0, or -errno and c->in->why. */
int stream_verify(struct stream_check *c);
/*
 * The configuration at a stream's beginning, as a new string, from a descriptor at its first byte. NULL: in->why.
 */
char *stream_config(struct stream_in *in);

/* --- packing.c, unpack.c --- */

const char *stream_packing_name(unsigned int how);
bool stream_packing_by_name(const char *name, unsigned int *how);
/* Exactly size bytes have to come out of len; how is not STREAM_UNPACKED. false: they do not. */
bool stream_unpack(enum stream_packing how, const void *from, size_t len, void *to, size_t size);

/* --- table.c --- */

/*
 * Turn the machine frames of a table's present entries into guest frames, in place. level 4 loses the hypervisor's
 * slots. Returns the number of the first entry that leads to a frame which is not the guest's, or -1.
 */
typedef bool table_to_pfn(void *arg, uint64_t mfn, uint64_t *pfn);
int table_canonicalise(uint64_t *table, unsigned int level, table_to_pfn *fn, void *arg);
/* And back. p2m has an entry for every pfn that the check has found possible. */
void table_localise(uint64_t *table, const uint64_t *p2m);
/* The number of the first entry that leads to a guest frame without memory, or -1. */
int table_check(const struct stream_check *c, const uint64_t *table, unsigned int level);

#endif
