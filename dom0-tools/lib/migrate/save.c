/* SPDX-License-Identifier: MIT */
/*
 * From a domain to a migration stream: all but the pages (pages.c).
 *
 * Linux pins all its page tables, unmaps shared_info and its grant table, and puts guest frame numbers for the rings
 * into start_info before it suspends; the machine frame of start_info is in rdx of vCPU 0. All other machine frames are
 * in page tables, base registers, GDT lists and the p2m list. Each of them leaves as a guest frame number.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ev/ev.h"
#include "migrate/saver.h"
#include "public/domctl.h"
#include "public/xen.h"
#include "xenctl/xenctl.h"

#define CPUID_MAX	256
#define XSAVE_BUFFER	(16 + 4096)
#define MSRS_MAX	16

static int put(struct saver *s, enum stream_type type, const void *body, size_t len)
{
	int rc = stream_put(&s->out, type, body, len);

	return rc ? migrate_fail(s->why, rc, "%s", s->out.why) : 0;
}

static int put_header(struct saver *s)
{
	struct stream_header h = { .version = STREAM_VERSION, .page_shift = 12, .max_vcpus = s->max_vcpus,
				   .nr_pfns = s->g.nr_pfns };
	struct xenctl_version v;

	memcpy(h.magic, STREAM_MAGIC, sizeof(h.magic));
	if (!xenctl_version(s->xc, &v))
		snprintf(h.hypervisor, sizeof(h.hypervisor), "%u.%u%s", v.major, v.minor, v.extra);
	return put(s, STREAM_HEADER, &h, sizeof(h));
}

static int put_cpu(struct saver *s)
{
	xen_cpuid_leaf_t *leaf = calloc(CPUID_MAX, sizeof(*leaf));
	int n = leaf ? xenctl_domain_cpuid(s->xc, s->p->domid, leaf, CPUID_MAX) : -ENOMEM;

	n = n < 0 ? migrate_fail(s->why, n, "cannot ask which CPU it sees: %s", strerror(-n))
		  : put(s, STREAM_CPU, leaf, (size_t)n * sizeof(*leaf));
	free(leaf);
	return n;
}

int put_memory(struct saver *s)
{
	struct stream_range *r = NULL;
	size_t n = 0, room = 0;
	int rc = 0;

	for (uint64_t pfn = 0; pfn < s->g.nr_pfns && !rc; pfn++) {
		if (s->g.p2m[pfn] == NO_FRAME)
			continue;
		if (n && r[n - 1].first + r[n - 1].count == pfn) {
			r[n - 1].count++;
			continue;
		}
		if (n == room) {
			struct stream_range *more = reallocarray(r, room = room * 2 + 16, sizeof(*r));

			rc = more ? 0 : migrate_fail(s->why, -ENOMEM, "no memory for its memory map");
			r = more ? more : r;
		}
		if (!rc)
			r[n++] = (struct stream_range){ pfn, 1 };
	}
	if (!rc)
		rc = put(s, STREAM_MEMORY, r, n * sizeof(*r));
	free(r);
	return rc;
}

int put_mark(struct saver *s, enum stream_type type)
{
	int rc = put(s, type, NULL, 0);

	if (!rc)
		rc = stream_flush(&s->out);
	return rc || !s->p->caught_up ? rc : s->p->caught_up(s->p->arg);
}

/* --- what is not pages --- */

static int put_p2m(struct saver *s)
{
	return put(s, STREAM_P2M, s->g.p2m_pfn, s->g.nr_p2m * sizeof(uint64_t));
}

static int find_start_info(struct saver *s)
{
	struct vcpu_guest_context *c = calloc(1, sizeof(*c));
	int rc = c ? xenctl_vcpu_getcontext(s->xc, s->p->domid, 0, c) : -ENOMEM;

	if (rc)
		migrate_fail(s->why, rc, "cannot read the context of its vCPU 0: %s", strerror(-rc));
	else if (!guestmap_pfn(&s->g, c->user_regs.rdx, &s->start_info_pfn))
		rc = migrate_fail(s->why, -EINVAL, "it has suspended without saying where its start_info is");
	free(c);
	return rc;
}

static int put_guest(struct saver *s)
{
	struct stream_guest g = { .start_info_pfn = s->start_info_pfn, .p2m_pfn = s->g.p2m_l4_pfn,
				  .p2m_vaddr = s->g.p2m_vaddr, .p2m_generation = s->g.p2m_generation };
	const struct start_info *start;
	const struct shared_info *si;
	void *map;
	int rc = xenctl_map_foreign_page(s->xc, s->p->domid, PROT_READ, s->g.p2m[s->start_info_pfn], &map);

	if (rc)
		return migrate_fail(s->why, rc, "cannot map its start_info: %s", strerror(-rc));
	start = map;
	g.store_pfn = start->store_mfn;
	g.console_pfn = start->console.domU.mfn;
	xenctl_unmap(map, 1);
	rc = xenctl_map_foreign_page(s->xc, s->p->domid, PROT_READ, s->g.shared_info_mfn, &map);
	if (rc)
		return migrate_fail(s->why, rc, "cannot map its shared info: %s", strerror(-rc));
	si = map;
	for (unsigned int i = 0; i < STREAM_VCPUS_MAX; i++) {
		g.cr2[i] = si->vcpu_info[i].arch.cr2;
		g.events_masked[i] = !!si->vcpu_info[i].evtchn_upcall_mask;
	}
	xenctl_unmap(map, 1);
	if (g.store_pfn >= s->g.nr_pfns || s->g.p2m[g.store_pfn] == NO_FRAME || g.console_pfn >= s->g.nr_pfns ||
	    s->g.p2m[g.console_pfn] == NO_FRAME)
		return migrate_fail(s->why, -EINVAL, "its start_info does not say which frames its rings have");
	return put(s, STREAM_GUEST, &g, sizeof(g));
}

static int put_tsc(struct saver *s)
{
	struct xenctl_tscinfo i;
	int rc = xenctl_domain_gettscinfo(s->xc, s->p->domid, &i);
	struct stream_tsc t;

	if (rc)
		return migrate_fail(s->why, rc, "cannot ask for its TSC: %s", strerror(-rc));
	t = (struct stream_tsc){ .mode = i.mode, .khz = i.khz, .incarnation = i.incarnation };
	return put(s, STREAM_TSC, &t, sizeof(t));
}

static int put_vcpu_part(struct saver *s, enum stream_type type, uint32_t vcpu, const void *body, size_t len)
{
	struct stream_vcpu head = { .vcpu = vcpu };
	struct stream_piece piece[2] = { { &head, sizeof(head) }, { body, len } };
	int rc = stream_put_pieces(&s->out, type, piece, 2);

	return rc ? migrate_fail(s->why, rc, "%s", s->out.why) : 0;
}

static int context_to_pfns(struct saver *s, uint32_t vcpu, struct vcpu_guest_context *c)
{
	unsigned int gdt = ((unsigned int)c->gdt_ents + 511) / 512;
	uint64_t pfn = 0;
	bool ok = guestmap_pfn(&s->g, xen_cr3_to_pfn(c->ctrlreg[3]), &pfn);

	c->ctrlreg[3] = pfn;
	if (ok && c->ctrlreg[1]) {
		ok = guestmap_pfn(&s->g, xen_cr3_to_pfn(c->ctrlreg[1]), &pfn);
		c->ctrlreg[1] = pfn;
	}
	for (unsigned int i = 0; ok && i < gdt; i++) {
		ok = guestmap_pfn(&s->g, c->gdt_frames[i], &pfn);
		c->gdt_frames[i] = pfn;
	}
	if (!vcpu)
		c->user_regs.rdx = s->start_info_pfn;
	return ok ? 0 : migrate_fail(s->why, -EINVAL, "vCPU %u has a base table or GDT that is not its own memory",
				     vcpu);
}

static int put_context(struct saver *s, uint32_t vcpu, bool *there)
{
	struct vcpu_guest_context *c = calloc(1, sizeof(*c));
	int rc = c ? xenctl_vcpu_getcontext(s->xc, s->p->domid, vcpu, c) : -ENOMEM;

	*there = !rc;
	if (rc == -ENODATA)
		rc = 0;
	else if (rc)
		migrate_fail(s->why, rc, "cannot read the context of vCPU %u: %s", vcpu, strerror(-rc));
	else
		rc = context_to_pfns(s, vcpu, c);
	if (!rc && *there)
		rc = put_vcpu_part(s, STREAM_VCPU, vcpu, c, sizeof(*c));
	free(c);
	return rc;
}

static int put_vcpu_rest(struct saver *s, uint32_t vcpu)
{
	struct xen_domctl_vcpu_msr msr[MSRS_MAX] = { 0 };
	struct xen_domctl_ext_vcpucontext ext = { 0 };
	uint8_t xsave[XSAVE_BUFFER];
	long n = xenctl_vcpu_getext(s->xc, s->p->domid, vcpu, &ext);

	if (!n)
		n = put_vcpu_part(s, STREAM_VCPU_EXT, vcpu, &ext, sizeof(ext));
	if (!n)
		n = xenctl_vcpu_getxsave(s->xc, s->p->domid, vcpu, xsave, sizeof(xsave));
	if (n > 0)
		n = put_vcpu_part(s, STREAM_VCPU_XSAVE, vcpu, xsave, (size_t)n);
	if (!n)
		n = xenctl_vcpu_getmsrs(s->xc, s->p->domid, vcpu, msr, MSRS_MAX);
	if (n > 0)
		n = put_vcpu_part(s, STREAM_VCPU_MSRS, vcpu, msr, (size_t)n * sizeof(msr[0]));
	if (n < 0 && !*s->why)
		migrate_fail(s->why, (int)n, "cannot read the state of vCPU %u: %s", vcpu, strerror((int)-n));
	return (int)n;
}

static int put_vcpus(struct saver *s)
{
	int rc = 0;

	for (uint32_t i = 0; i < s->max_vcpus && !rc; i++) {
		bool there;

		rc = put_context(s, i, &there);
		if (!rc && there)
			rc = put_vcpu_rest(s, i);
	}
	return rc;
}

/* --- the whole --- */

static int put_front(struct saver *s)
{
	int rc = put_header(s);

	if (!rc)
		rc = put(s, STREAM_CONFIG, s->p->config, strlen(s->p->config));
	if (!rc)
		rc = put_cpu(s);
	return rc ? rc : put_memory(s);
}

/* The domain has stopped. */
static int put_back(struct saver *s)
{
	size_t len;
	void *nodes;
	int rc = find_start_info(s);

	if (!rc)
		rc = put_p2m(s);
	if (!rc)
		rc = put_guest(s);
	if (!rc)
		rc = put_tsc(s);
	if (!rc)
		rc = put_vcpus(s);
	if (rc)
		return rc;
	nodes = s->p->nodes(s->p->arg, &len);
	rc = put(s, STREAM_STORE, nodes, len);
	free(nodes);
	if (!rc && s->p->console) {
		void *output = s->p->console(s->p->arg, &len);

		rc = put(s, STREAM_CONSOLE, output, len);
		free(output);
	}
	if (rc)
		return rc;
	rc = stream_put_end(&s->out);
	return rc ? migrate_fail(s->why, rc, "%s", s->out.why) : 0;
}

/* While it runs: its memory, if the save is live. */
static int save_running(struct saver *s)
{
	int rc;

	if (!s->p->live) {
		hints_ask(s);
		return 0;
	}
	rc = live_begin(s);
	if (!rc)
		rc = put_front(s);
	if (!rc)
		rc = live_rounds(s);
	return rc ? rc : put_mark(s, STREAM_STOP);
}

/* It has stopped: learn what is left. */
static int learn_last(struct saver *s)
{
	int rc;

	if (s->p->live)
		return live_last(s);
	rc = guestmap_init(&s->g, s->xc, s->p->domid, s->why);
	if (!rc)
		rc = hints_last(s);
	if (!rc)
		rc = hints_take(s);
	return rc ? rc : put_front(s);
}

static int save(struct saver *s, struct save_result *r)
{
	uint64_t stopped = 0;
	int rc = save_running(s);

	if (!rc) {
		stopped = ev_now_ms();
		rc = s->p->suspend(s->p->arg);
	}
	if (!rc)
		rc = learn_last(s);
	if (!rc)
		rc = pages_put(s);
	if (!rc)
		rc = put_back(s);
	*r = (struct save_result){ .pages = s->done, .full_pages = s->full, .bytes = s->out.pos, .rounds = s->round,
				   .maps = s->maps,
				   .stopped_ms = ev_now_ms() - stopped };
	return rc;
}

int migrate_save(struct xenctl *xc, const struct save_params *p, int fd, struct save_result *r, char why[STREAM_WHY])
{
	struct saver s = { .xc = xc, .p = p, .why = why };
	struct xenctl_dominfo info;
	int rc;

	*why = 0;
	rc = xenctl_domain_info(xc, p->domid, &info);
	if (rc)
		return migrate_fail(why, rc, "it has gone");
	s.max_vcpus = info.max_vcpu_id + 1;
	s.copies = xenctl_buf_alloc(xc, STREAM_BATCH * STREAM_PAGE);
	if (!s.copies || packer_init(&s.packer, p->packing)) {
		xenctl_buf_free(xc, s.copies, STREAM_BATCH * STREAM_PAGE);
		return migrate_fail(why, -ENOMEM, "no memory to save it");
	}
	stream_out_init(&s.out, fd);
	stream_lanes_add(&s.out.lanes, p->lanes, p->nr_lanes);
	s.began = s.round_began = ev_now_ms();
	rc = save(&s, r);
	live_end(&s);
	guestmap_free(&s.g);
	stream_out_free(&s.out);
	packer_free(&s.packer);
	xenctl_buf_free(xc, s.copies, STREAM_BATCH * STREAM_PAGE);
	return rc;
}
