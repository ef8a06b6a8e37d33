/* SPDX-License-Identifier: MIT */
/*
 * What may be in a migration stream, record by record. Used by all readers, so that what `xl verify-stream` accepts is
 * what a restore accepts, but for the hypervisor's own opinion.
 *
 * Invariant: after stream_check_record() has accepted a record, every guest frame number in it has memory, every length
 * and vCPU number is possible, and all records that it builds on have come.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/stream.h"
#include "public/domctl.h"
#include "public/xen.h"

#define CONFIG_MAX	(1U << 20)
#define NODES_MAX	1024U
#define PATH_MAX_BYTES	256
#define VALUE_MAX	2048
#define GDT_ENTRIES_MAX	7168U
#define XSAVE_MIN	(16U + 576U)
#define XSAVE_MAX	(16U + 4096U)
#define MSRS_MAX	16U

#define BIT(t) (1U << (t))
#define BEFORE_PAGES (BIT(STREAM_HEADER) | BIT(STREAM_CONFIG) | BIT(STREAM_CPU) | BIT(STREAM_MEMORY))

/* What must have come before a record of a type; once: no second one may come. */
static const struct rule {
	uint32_t after;
	bool once;
} rules[STREAM_TYPES] = {
	[STREAM_HEADER]		= { 0, true },
	[STREAM_CONFIG]		= { BIT(STREAM_HEADER), true },
	[STREAM_CPU]		= { BIT(STREAM_CONFIG), true },
	[STREAM_MEMORY]		= { BIT(STREAM_CPU), false },
	[STREAM_PAGES]		= { BEFORE_PAGES, false },
	[STREAM_P2M]		= { BIT(STREAM_PAGES), true },
	[STREAM_GUEST]		= { BIT(STREAM_P2M), true },
	[STREAM_TSC]		= { BIT(STREAM_GUEST), true },
	[STREAM_VCPU]		= { BIT(STREAM_TSC), false },
	[STREAM_VCPU_EXT]	= { BIT(STREAM_VCPU), false },
	[STREAM_VCPU_XSAVE]	= { BIT(STREAM_VCPU), false },
	[STREAM_VCPU_MSRS]	= { BIT(STREAM_VCPU), false },
	[STREAM_STORE]		= { BIT(STREAM_VCPU), true },
	[STREAM_CONSOLE]	= { BIT(STREAM_STORE), true },
	[STREAM_END]		= { BIT(STREAM_STORE), true },
	[STREAM_STOP]		= { BIT(STREAM_PAGES), true },
	[STREAM_SYNC]		= { BEFORE_PAGES, false },
};

#define REFUSE(c, r, ...) stream_refuse((c)->in, r, __VA_ARGS__)

void stream_check_init(struct stream_check *c, struct stream_in *in)
{
	*c = (struct stream_check){ .in = in };
}

void stream_check_free(struct stream_check *c)
{
	free(c->frame);
	free(c->unpacked);
	c->frame = c->unpacked = NULL;
}

bool stream_has_memory(const struct stream_check *c, uint64_t pfn)
{
	return pfn < c->nr_pfns && (c->frame[pfn] & FRAME_MEMORY);
}

static int check_header(struct stream_check *c, const struct stream_record *r)
{
	const struct stream_header *h = (const void *)r->body;

	if (r->length != sizeof(*h) || memcmp(h->magic, STREAM_MAGIC, sizeof(h->magic)))
		return REFUSE(c, r, "this is not the header of a migration stream");
	if (!h->version || h->version > STREAM_VERSION)
		return REFUSE(c, r, "version %u of the stream; this program knows versions 1 to %u", h->version,
			      STREAM_VERSION);
	if (h->page_shift != 12 || h->zero)
		return REFUSE(c, r, "pages of 2^%u bytes", h->page_shift);
	if (!h->max_vcpus || h->max_vcpus > STREAM_VCPUS_MAX)
		return REFUSE(c, r, "%u vCPUs: 1 to %u are possible", h->max_vcpus, STREAM_VCPUS_MAX);
	if (!h->nr_pfns || h->nr_pfns > STREAM_PFNS_MAX)
		return REFUSE(c, r, "%llu guest frames: 1 to %llu are possible", (unsigned long long)h->nr_pfns,
			      STREAM_PFNS_MAX);
	if (h->hypervisor[sizeof(h->hypervisor) - 1])
		return REFUSE(c, r, "the hypervisor's name does not end");
	c->version = h->version;
	c->max_vcpus = h->max_vcpus;
	c->nr_pfns = h->nr_pfns;
	c->frame = calloc(h->nr_pfns, 1);
	if (!c->frame)
		REFUSE(c, r, "no memory to keep account of its pages");
	return c->frame ? 0 : -ENOMEM;
}

static int check_config(struct stream_check *c, const struct stream_record *r)
{
	if (!r->length || r->length > CONFIG_MAX || memchr(r->body, 0, r->length))
		return REFUSE(c, r, "it is no text of 1 to %u bytes", CONFIG_MAX);
	return 0;
}

static int check_cpu(struct stream_check *c, const struct stream_record *r)
{
	return r->length % sizeof(xen_cpuid_leaf_t) ? REFUSE(c, r, "a CPUID leaf is cut off") : 0;
}

/* These frames have memory, or have none. What is known of one that keeps its memory stays. */
static void note_range(struct stream_check *c, uint64_t from, uint64_t to, bool memory)
{
	for (uint64_t pfn = from; pfn < to; pfn++) {
		uint8_t *f = &c->frame[pfn];

		if (!!(*f & FRAME_MEMORY) == memory)
			continue;
		if (memory) {
			c->nr_pages++;
			c->nr_missing++;
		} else {
			c->nr_pages--;
			c->nr_missing -= !(*f & FRAME_SENT);
		}
		*f = memory ? FRAME_MEMORY : 0;
	}
}

static int check_memory(struct stream_check *c, const struct stream_record *r)
{
	const struct stream_range *range = (const void *)r->body;
	uint64_t next = 0;

	if (c->version < 2 && c->nr_pages)
		return REFUSE(c, r, "it may come only once in version 1 of the stream");
	if (!r->length || r->length % sizeof(*range))
		return REFUSE(c, r, "%zu bytes are no list of ranges", r->length);
	for (size_t i = 0; i < r->length / sizeof(*range); i++) {
		if (range[i].first < next || range[i].first >= c->nr_pfns || !range[i].count ||
		    range[i].count > c->nr_pfns - range[i].first)
			return REFUSE(c, r, "range %zu (%#llx, %#llx frames) overlaps, is empty or out of bounds", i,
				      (unsigned long long)range[i].first, (unsigned long long)range[i].count);
		note_range(c, next, range[i].first, false);
		next = range[i].first + range[i].count;
		note_range(c, range[i].first, next, true);
	}
	note_range(c, next, c->nr_pfns, false);
	return 0;
}

static int check_word(struct stream_check *c, const struct stream_record *r, uint64_t word)
{
	uint64_t pfn = word & STREAM_PAGE_PFN;
	unsigned int level = STREAM_PAGE_LEVEL(word);

	if (word & ~(STREAM_PAGE_PFN | 7ULL << STREAM_PAGE_LEVEL_SHIFT | STREAM_PAGE_PINNED | STREAM_PAGE_ZERO))
		return REFUSE(c, r, "unknown flags in %#llx", (unsigned long long)word);
	if (level > 4 || (!level && (word & STREAM_PAGE_PINNED)))
		return REFUSE(c, r, "frame %#llx has an impossible type", (unsigned long long)pfn);
	if (!stream_has_memory(c, pfn))
		return REFUSE(c, r, "frame %#llx has no memory", (unsigned long long)pfn);
	return 0;
}

static void note_page(struct stream_check *c, uint64_t word)
{
	uint8_t *f = &c->frame[word & STREAM_PAGE_PFN];

	if (!(*f & FRAME_SENT))
		c->nr_missing--;
	*f = (uint8_t)((*f & ~(FRAME_LEVEL | FRAME_PINNED)) | STREAM_PAGE_LEVEL(word) | FRAME_SENT |
		       (word & STREAM_PAGE_PINNED ? FRAME_PINNED : 0));
}

/* Does a record of pages have the length that it says? Packed contents are shorter than unpacked ones. */
static bool pages_fit(const struct stream_record *r, const struct stream_pages *p)
{
	size_t head = sizeof(*p) + (r->length < sizeof(*p) ? 0 : p->count * 8ULL), full;

	if (r->length < head || !p->count || p->count > STREAM_BATCH || p->full > p->count)
		return false;
	full = p->full * STREAM_PAGE;
	return p->packing ? r->length - head < full : r->length - head == full;
}

/* Have the contents of a record at c->contents. */
static int unpack(struct stream_check *c, const struct stream_record *r, const struct stream_pages *p)
{
	size_t head = sizeof(*p) + p->count * 8ULL;

	c->contents = r->body + head;
	c->packings |= BIT(p->packing);
	if (!p->packing)
		return 0;
	if (!c->unpacked)
		c->unpacked = malloc(STREAM_BATCH * STREAM_PAGE);
	if (!c->unpacked) {
		REFUSE(c, r, "no memory to unpack it");
		return -ENOMEM;
	}
	if (!stream_unpack(p->packing, c->contents, r->length - head, c->unpacked, p->full * STREAM_PAGE))
		return REFUSE(c, r, "what is packed (%s, %zu bytes) does not come to %u pages",
			      stream_packing_name(p->packing), r->length - head, p->full);
	c->contents = c->unpacked;
	return 0;
}

static int check_pages(struct stream_check *c, const struct stream_record *r)
{
	const struct stream_pages *p = (const void *)r->body;
	const uint8_t *data;
	uint32_t full = 0;
	int rc;

	if (!pages_fit(r, p))
		return REFUSE(c, r, "its length does not fit what it says of itself");
	if (p->packing >= (c->version < 2 ? 1U : STREAM_PACKINGS))
		return REFUSE(c, r, "its contents are packed in way %u, which version %u of the stream does not know",
			      p->packing, c->version);
	for (uint32_t i = 0; i < p->count; i++) {
		rc = check_word(c, r, p->word[i]);
		if (rc)
			return rc;
		full += !(p->word[i] & STREAM_PAGE_ZERO);
	}
	if (full != p->full)
		return REFUSE(c, r, "%u pages with contents, it says %u", full, p->full);
	rc = unpack(c, r, p);
	if (rc)
		return rc;
	data = c->contents;
	for (uint32_t i = 0; i < p->count; i++) {
		unsigned int level = STREAM_PAGE_LEVEL(p->word[i]);
		int bad;

		if (p->word[i] & STREAM_PAGE_ZERO)
			continue;
		bad = level ? table_check(c, (const void *)data, level) : -1;
		if (bad >= 0)
			return REFUSE(c, r, "entry %d of the table in frame %#llx leads to no memory of the guest", bad,
				      (unsigned long long)(p->word[i] & STREAM_PAGE_PFN));
		data += STREAM_PAGE;
	}
	for (uint32_t i = 0; i < p->count; i++)
		note_page(c, p->word[i]);
	c->full_pages += p->full;
	c->zero_pages += p->count - p->full;
	return 0;
}

/* A frame that is ordinary memory. */
static bool plain(const struct stream_check *c, uint64_t pfn)
{
	return stream_has_memory(c, pfn) && !(c->frame[pfn] & FRAME_LEVEL);
}

static bool is_l4(const struct stream_check *c, uint64_t pfn)
{
	return stream_has_memory(c, pfn) && (c->frame[pfn] & FRAME_LEVEL) == 4;
}

static int check_p2m(struct stream_check *c, const struct stream_record *r)
{
	uint64_t want = (c->nr_pfns + STREAM_P2M_ENTRIES - 1) / STREAM_P2M_ENTRIES;
	const uint64_t *pfn = (const void *)r->body;

	if (c->nr_missing)
		return REFUSE(c, r, "%llu pages have not come", (unsigned long long)c->nr_missing);
	if (r->length != want * sizeof(*pfn))
		return REFUSE(c, r, "%zu frames for the p2m list, %llu are needed", r->length / 8,
			      (unsigned long long)want);
	for (uint64_t i = 0; i < want; i++)
		if (!plain(c, pfn[i]))
			return REFUSE(c, r, "frame %#llx cannot be part of the p2m list", (unsigned long long)pfn[i]);
	return 0;
}

static int check_guest(struct stream_check *c, const struct stream_record *r)
{
	const struct stream_guest *g = (const void *)r->body;

	if (r->length != sizeof(*g))
		return REFUSE(c, r, "%zu bytes, it has %zu", r->length, sizeof(*g));
	if (!plain(c, g->start_info_pfn) || !plain(c, g->store_pfn) || !plain(c, g->console_pfn))
		return REFUSE(c, r, "start_info or a ring (%#llx, %#llx, %#llx) lies in no ordinary memory",
			      (unsigned long long)g->start_info_pfn, (unsigned long long)g->store_pfn,
			      (unsigned long long)g->console_pfn);
	if (!is_l4(c, g->p2m_pfn) && (c->version < 4 || g->p2m_pfn != STREAM_NO_PFN))
		return REFUSE(c, r, "frame %#llx is no top-level page table", (unsigned long long)g->p2m_pfn);
	for (unsigned int i = 0; i < STREAM_VCPUS_MAX; i++)
		if (g->events_masked[i] > 1)
			return REFUSE(c, r, "events of vCPU %u are masked %u times", i, g->events_masked[i]);
	return 0;
}

static int check_tsc(struct stream_check *c, const struct stream_record *r)
{
	return r->length == sizeof(struct stream_tsc) ? 0 : REFUSE(c, r, "%zu bytes", r->length);
}

static int check_basic(struct stream_check *c, const struct stream_record *r, const struct stream_vcpu *v)
{
	const struct vcpu_guest_context *ctx = (const void *)(v + 1);
	unsigned int gdt_frames;

	if (r->length != sizeof(*v) + sizeof(*ctx))
		return REFUSE(c, r, "%zu bytes, it has %zu", r->length, sizeof(*v) + sizeof(*ctx));
	if (!is_l4(c, ctx->ctrlreg[3]) || (ctx->ctrlreg[1] && !is_l4(c, ctx->ctrlreg[1])))
		return REFUSE(c, r, "its base tables %#llx, %#llx are no top-level page tables",
			      (unsigned long long)ctx->ctrlreg[3], (unsigned long long)ctx->ctrlreg[1]);
	if (ctx->gdt_ents > GDT_ENTRIES_MAX)
		return REFUSE(c, r, "a GDT of %llu entries", (unsigned long long)ctx->gdt_ents);
	gdt_frames = ((unsigned int)ctx->gdt_ents + 511) / 512;
	for (unsigned int i = 0; i < gdt_frames; i++)
		if (!plain(c, ctx->gdt_frames[i]))
			return REFUSE(c, r, "frame %#llx cannot be part of its GDT",
				      (unsigned long long)ctx->gdt_frames[i]);
	return 0;
}

static int check_msrs(struct stream_check *c, const struct stream_record *r)
{
	size_t len = r->length - sizeof(struct stream_vcpu);

	return len % sizeof(struct stream_msr) || len / sizeof(struct stream_msr) > MSRS_MAX ?
		REFUSE(c, r, "%zu bytes are no list of MSRs", len) : 0;
}

static int check_vcpu(struct stream_check *c, const struct stream_record *r)
{
	const struct stream_vcpu *v = (const void *)r->body;
	size_t len = r->length - sizeof(*v);
	uint32_t *seen = &c->vcpus[r->type - STREAM_VCPU];

	if (r->length < sizeof(*v) || v->vcpu >= c->max_vcpus || v->zero[0] || v->zero[1] || v->zero[2])
		return REFUSE(c, r, "there is no such vCPU");
	if (*seen & BIT(v->vcpu))
		return REFUSE(c, r, "vCPU %u has one already", v->vcpu);
	if (r->type != STREAM_VCPU && !(c->vcpus[0] & BIT(v->vcpu)))
		return REFUSE(c, r, "vCPU %u has no context", v->vcpu);
	*seen |= BIT(v->vcpu);
	if (r->type == STREAM_VCPU)
		return check_basic(c, r, v);
	if (r->type == STREAM_VCPU_MSRS)
		return check_msrs(c, r);
	if (r->type == STREAM_VCPU_XSAVE)
		return len < XSAVE_MIN || len > XSAVE_MAX ? REFUSE(c, r, "%zu bytes of state", len) : 0;
	return len == sizeof(struct xen_domctl_ext_vcpucontext) ? 0 : REFUSE(c, r, "%zu bytes", len);
}

/* Relative, of plain characters, no empty part. */
static bool path_ok(const char *p, size_t len)
{
	char before = '/';

	if (!len || len > PATH_MAX_BYTES || p[len - 1] == '/')
		return false;
	for (size_t i = 0; i < len; i++) {
		bool word = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= '0' &&
											     p[i] <= '9') ||
			    p[i] == '-' || p[i] == '_' || p[i] == '@';

		if (!word && (p[i] != '/' || before == '/'))
			return false;
		before = p[i];
	}
	return true;
}

static int check_store(struct stream_check *c, const struct stream_record *r)
{
	struct stream_node n;
	unsigned int nodes = 0;

	for (size_t at = 0; at < r->length; at += sizeof(n) + n.path_len + n.value_len) {
		if (r->length - at < sizeof(n))
			return REFUSE(c, r, "a node is cut off");
		memcpy(&n, r->body + at, sizeof(n));
		if (r->length - at - sizeof(n) < (size_t)n.path_len + n.value_len || n.value_len > VALUE_MAX ||
		    !path_ok((const char *)r->body + at + sizeof(n), n.path_len))
			return REFUSE(c, r, "node %u is cut off or has an impossible path", nodes);
		if (++nodes > NODES_MAX)
			return REFUSE(c, r, "more than %u nodes", NODES_MAX);
	}
	return 0;
}

static int check_end(struct stream_check *c, const struct stream_record *r)
{
	const struct stream_end *e = (const void *)r->body;

	if (r->length != sizeof(*e) || e->records != r->serial || e->bytes != r->pos)
		return REFUSE(c, r, "its counts do not fit what came");
	if (!(c->vcpus[0] & 1))
		return REFUSE(c, r, "vCPU 0 has no context");
	return 0;
}

static int check_console(struct stream_check *c, const struct stream_record *r)
{
	return r->length > STREAM_CONSOLE_MAX ? REFUSE(c, r, "%zu bytes of output, %u at most", r->length,
						      STREAM_CONSOLE_MAX) : 0;
}

static int check_mark(struct stream_check *c, const struct stream_record *r)
{
	if (c->version < (r->type == STREAM_STOP ? 2 : 3))
		return REFUSE(c, r, "version %u of the stream does not know it", c->version);
	return r->length ? REFUSE(c, r, "%zu bytes, it has none", r->length) : 0;
}

static int (*const checks[STREAM_TYPES])(struct stream_check *c, const struct stream_record *r) = {
	[STREAM_HEADER] = check_header, [STREAM_CONFIG] = check_config, [STREAM_CPU] = check_cpu,
	[STREAM_MEMORY] = check_memory, [STREAM_PAGES] = check_pages, [STREAM_P2M] = check_p2m,
	[STREAM_GUEST] = check_guest, [STREAM_TSC] = check_tsc, [STREAM_VCPU] = check_vcpu,
	[STREAM_VCPU_EXT] = check_vcpu, [STREAM_VCPU_XSAVE] = check_vcpu, [STREAM_VCPU_MSRS] = check_vcpu,
	[STREAM_STORE] = check_store, [STREAM_CONSOLE] = check_console, [STREAM_END] = check_end,
	[STREAM_STOP] = check_mark, [STREAM_SYNC] = check_mark,
};

int stream_check_record(struct stream_check *c, const struct stream_record *r)
{
	const struct rule *rule = &rules[r->type];
	bool late = (r->type <= STREAM_PAGES || r->type >= STREAM_STOP) && (c->seen & BIT(STREAM_P2M));

	if ((c->seen & rule->after) != rule->after || late || (c->seen & BIT(STREAM_END)))
		return REFUSE(c, r, "it may not come here");
	if (rule->once && (c->seen & BIT(r->type)))
		return REFUSE(c, r, "it may come only once");
	c->seen |= BIT(r->type);
	return checks[r->type](c, r);
}

int stream_verify(struct stream_check *c)
{
	struct stream_record r;
	int rc;

	do {
		rc = stream_get(c->in, &r);
		if (!rc)
			rc = stream_check_record(c, &r);
	} while (!rc && r.type != STREAM_END);
	return rc ? rc : stream_at_end(c->in);
}

char *stream_config(struct stream_in *in)
{
	struct stream_check c;
	struct stream_record r;
	char *text = NULL;
	int rc;

	stream_check_init(&c, in);
	do {
		rc = stream_get(in, &r);
		if (!rc)
			rc = stream_check_record(&c, &r);
	} while (!rc && r.type != STREAM_CONFIG);
	if (!rc)
		text = strndup((const char *)r.body, r.length);
	stream_check_free(&c);
	return text;
}
