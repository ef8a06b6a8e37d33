/* SPDX-License-Identifier: MIT */
/*
 * A small migration stream for tests: 8 guest frames, of which 6 is missing; a chain of tables 1 (top, pinned), 2, 3,
 * 4; the p2m list in 5, start_info in 0, the rings in 0 and 7.
 */
#ifndef STREAM_SAMPLE_H
#define STREAM_SAMPLE_H

#include <stdlib.h>
#include <string.h>

#include "migrate/pack.h"
#include "migrate/stream.h"
#include "public/domctl.h"
#include "public/xen.h"

#define SAMPLE_CONFIG "{\"name\": \"sample\"}"

static inline uint64_t sample_word(uint64_t pfn, uint64_t level)
{
	return pfn | level << STREAM_PAGE_LEVEL_SHIFT | (level == 4 ? STREAM_PAGE_PINNED : 0);
}

/* What the pages are packed with; the file's version. */
static enum stream_packing sample_packing;
static uint32_t sample_version = STREAM_VERSION;

static inline void sample_pages(struct stream_out *s)
{
	struct stream_piece piece[2];
	struct packer packer;
	struct {
		struct stream_pages head;
		uint64_t word[7];
		uint64_t page[5][512];
	} p;

	memset(&p, 0, sizeof(p));
	p.head = (struct stream_pages){ .count = 7, .full = 5 };
	for (unsigned int i = 0; i < 6; i++)
		p.word[i] = sample_word(i, i >= 1 && i <= 4 ? 5 - i : 0);
	p.word[0] |= STREAM_PAGE_ZERO;
	p.word[6] = 7 | STREAM_PAGE_ZERO;
	for (unsigned int i = 0; i < 3; i++)
		p.page[i][5] = (uint64_t)(i + 2) << 12 | 7;
	p.page[3][9] = 5ULL << 12 | 5;
	p.page[4][0] = 1234;
	if (packer_init(&packer, sample_packing))
		abort();
	p.head.packing = sample_packing;
	piece[0] = (struct stream_piece){ &p, offsetof(__typeof__(p), page) };
	piece[1] = (struct stream_piece){ p.page, sizeof(p.page) };
	if (sample_packing)
		piece[1] = (struct stream_piece){ packer.room, packer_pack(&packer, p.page, sizeof(p.page)) };
	stream_put_pieces(s, STREAM_PAGES, piece, 2);
	packer_free(&packer);
}

static inline void sample_vcpu(struct stream_out *s, uint32_t vcpu)
{
	struct {
		struct stream_vcpu head;
		union {
			struct vcpu_guest_context ctx;
			struct xen_domctl_ext_vcpucontext ext;
			struct stream_msr msr;
			uint8_t xsave[16 + 576];
		};
	} *v = calloc(1, sizeof(*v));

	v->head.vcpu = vcpu;
	v->ctx.ctrlreg[3] = 1;
	v->ctx.gdt_ents = 16;
	v->ctx.gdt_frames[0] = 7;
	stream_put(s, STREAM_VCPU, v, sizeof(v->head) + sizeof(v->ctx));
	memset(&v->ctx, 0, sizeof(v->ctx));
	stream_put(s, STREAM_VCPU_EXT, v, sizeof(v->head) + sizeof(v->ext));
	stream_put(s, STREAM_VCPU_XSAVE, v, sizeof(v->head) + sizeof(v->xsave));
	v->msr = (struct stream_msr){ .index = 0xc0000103, .value = vcpu };
	stream_put(s, STREAM_VCPU_MSRS, v, sizeof(v->head) + sizeof(v->msr));
	free(v);
}

/* Everything up to, and without, the pages. */
static inline void sample_front(struct stream_out *s)
{
	static const struct stream_range ranges[] = { { 0, 6 }, { 7, 1 } };
	struct stream_header h = { .version = sample_version, .page_shift = 12, .max_vcpus = 2, .nr_pfns = 8,
				   .hypervisor = "test" };
	xen_cpuid_leaf_t leaf = { .leaf = 1, .subleaf = ~0U, .d = 1U << 26 };

	memcpy(h.magic, STREAM_MAGIC, sizeof(h.magic));
	stream_put(s, STREAM_HEADER, &h, sizeof(h));
	stream_put(s, STREAM_CONFIG, SAMPLE_CONFIG, strlen(SAMPLE_CONFIG));
	stream_put(s, STREAM_CPU, &leaf, sizeof(leaf));
	stream_put(s, STREAM_MEMORY, ranges, sizeof(ranges));
}

static inline void sample_back(struct stream_out *s)
{
	static const char nodes[] = "\x04\0\x01\0datax\x06\0\0\0data/a";
	struct stream_guest g = { .start_info_pfn = 0, .store_pfn = 7, .console_pfn = 0, .p2m_pfn = 1,
				  .p2m_vaddr = 0x8000000000, .events_masked = { 1, 1 } };
	struct stream_tsc t = { .mode = 2, .khz = 1000000 };
	uint64_t list = 5;

	stream_put(s, STREAM_P2M, &list, sizeof(list));
	stream_put(s, STREAM_GUEST, &g, sizeof(g));
	stream_put(s, STREAM_TSC, &t, sizeof(t));
	sample_vcpu(s, 0);
	sample_vcpu(s, 1);
	stream_put(s, STREAM_STORE, nodes, sizeof(nodes) - 1);
	stream_put_end(s);
}

static inline void sample_write(int fd)
{
	struct stream_out s;

	stream_out_init(&s, fd);
	sample_front(&s);
	sample_pages(&s);
	sample_back(&s);
	stream_out_free(&s);
}

#endif
