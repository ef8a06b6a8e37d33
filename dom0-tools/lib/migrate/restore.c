/* SPDX-License-Identifier: MIT */
/*
 * From a migration stream to a domain that only waits to be unpaused.
 *
 * Each record is checked (check.c) before it is used. All memory is given when the memory map comes, so every guest
 * frame number in a page table has its machine frame at once; when another map comes, what has gone is given back
 * first. Tables are pinned after all pages are there and before the first vCPU, which needs its base tables. Fresh
 * memory is all zeroes: such pages are written only over others.
 *
 * Having the tables checked by the hypervisor takes time in which the guest stands still. So first-level tables, which
 * are most of them, are pinned as soon as the source says that it stops the guest (`early`): few of them come again,
 * and those are unpinned before anything else is done with them. What cannot be pinned then is left for the end.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "migrate/migrate.h"
#include "public/domctl.h"
#include "public/event_channel.h"
#include "public/xen.h"
#include "xenctl/xenctl.h"

#define POPULATE_BATCH	4096
#define LARGE_ORDER	9
#define SLACK_KIB	1024		/* above what the guest is to have, as the builder gives */
#define CPUID_MAX	256
#define GRANT_CONSOLE	0
#define GRANT_STORE	1

struct restorer {
	struct xenctl *xc;
	const struct restore_params *p;
	struct restore_result *r;
	struct stream_in in;
	struct stream_check check;
	uint8_t *copies;		/* STREAM_BATCH pages on their way */
	uint64_t *p2m;
	uint8_t *early;			/* for each pfn: 1: it is pinned as a first-level table; NULL: none is */
	uint64_t done;
	uint64_t start_info_pfn;
};

/* Note why. Returns rc. */
__attribute__((format(printf, 3, 4)))
static int fail(struct restorer *t, int rc, const char *fmt, ...)
{
	va_list ap;

	if (t->in.why[0])
		return rc;
	va_start(ap, fmt);
	vsnprintf(t->in.why, sizeof(t->in.why), fmt, ap);
	va_end(ap);
	return rc;
}

/* --- before the memory --- */

int migrate_cpu_missing(struct xenctl *xc, uint32_t domid, const xen_cpuid_leaf_t *guest, size_t n, char *names,
			size_t size)
{
	xen_cpuid_leaf_t *host = calloc(CPUID_MAX, sizeof(*host));
	int got = host ? xenctl_domain_cpuid(xc, domid, host, CPUID_MAX) : -ENOMEM;

	if (got >= 0)
		got = (int)cpu_missing(guest, n, host, (size_t)got, names, size);
	free(host);
	return got;
}

static int take_cpu(struct restorer *t, const struct stream_record *r)
{
	const xen_cpuid_leaf_t *guest = (const void *)r->body;
	char names[160];
	int n = migrate_cpu_missing(t->xc, t->p->domid, guest, r->length / sizeof(*guest), names, sizeof(names));

	if (n < 0)
		return fail(t, n, "cannot ask which CPU a guest sees here: %s", strerror(-n));
	return n ? fail(t, -EOPNOTSUPP, "this host's CPU lacks what the guest has seen: %s", names) : 0;
}

/* --- memory --- */

static int set_limits(struct restorer *t)
{
	uint64_t pages = t->check.nr_pages > t->p->min_pages ? t->check.nr_pages : t->p->min_pages;
	uint64_t max = t->p->max_pages > t->check.nr_pfns ? t->p->max_pages : t->check.nr_pfns;
	struct xenctl_e820 ram = { .size = max * STREAM_PAGE, .type = 1 };
	int rc = xenctl_domain_max_mem(t->xc, t->p->domid, pages * (STREAM_PAGE / 1024) + SLACK_KIB);

	if (!rc)
		rc = xenctl_domain_set_address_size(t->xc, t->p->domid, 64);
	if (rc)
		return fail(t, rc, "cannot set its memory limit: %s", strerror(-rc));
	rc = xenctl_set_memory_map(t->xc, t->p->domid, &ram, 1);
	return rc && rc != -ENOSYS ? fail(t, rc, "cannot set its memory map: %s", strerror(-rc)) : 0;
}

/* n extents from pfn on. Returns how many came, or -errno. */
static long populate(struct restorer *t, uint64_t pfn, uint64_t n, unsigned int order)
{
	uint64_t frame[POPULATE_BATCH], done = 0;

	while (done < n) {
		uint64_t now = n - done < POPULATE_BATCH ? n - done : POPULATE_BATCH;
		long got;

		for (uint64_t i = 0; i < now; i++)
			frame[i] = pfn + ((done + i) << order);
		got = xenctl_populate_physmap(t->xc, t->p->domid, order, frame, now);
		if (got < 0)
			return done ? (long)done : got;
		for (long i = 0; i < got; i++)
			for (uint64_t k = 0; k < 1ULL << order; k++)
				t->p2m[pfn + ((done + i) << order) + k] = frame[i] + k;
		done += (uint64_t)got;
		if ((uint64_t)got < now)
			break;
	}
	return (long)done;
}

static int populate_range(struct restorer *t, uint64_t pfn, uint64_t n)
{
	long got = populate(t, pfn, n >> LARGE_ORDER, LARGE_ORDER);
	uint64_t done = got > 0 ? (uint64_t)got << LARGE_ORDER : 0;

	got = done < n ? populate(t, pfn + done, n - done, 0) : 0;
	if (got < 0 && got != -ENOMEM)
		return fail(t, (int)got, "cannot allocate its memory: %s", strerror((int)-got));
	if (got > 0)
		done += (uint64_t)got;
	return done == n ? 0 : fail(t, -ENOMEM, "out of host memory: the guest needs %llu MiB",
				    (unsigned long long)t->check.nr_pages >> 8);
}

/* --- tables that are pinned --- */

#define PIN_BATCH	128

typedef bool pin_wanted(const struct restorer *t, uint64_t pfn);
/* Of n tables. 0, or -errno and t->why. */
typedef int pin_fn(struct restorer *t, const struct xenctl_pin *pin, const uint64_t *pfn, size_t n);

static unsigned int level_of(const struct restorer *t, uint64_t pfn)
{
	return t->check.frame[pfn] & FRAME_LEVEL;
}

/* All tables that are wanted, in batches. */
static int with_tables(struct restorer *t, pin_wanted *wanted, pin_fn *fn)
{
	struct xenctl_pin pin[PIN_BATCH];
	uint64_t pfns[PIN_BATCH];
	size_t n = 0;
	int rc = 0;

	for (uint64_t pfn = 0; pfn < t->check.nr_pfns && !rc; pfn++) {
		if (wanted(t, pfn)) {
			pin[n] = (struct xenctl_pin){ level_of(t, pfn), t->p2m[pfn] };
			pfns[n++] = pfn;
		}
		if (n == PIN_BATCH || (n && pfn + 1 == t->check.nr_pfns)) {
			rc = fn(t, pin, pfns, n);
			n = 0;
		}
	}
	return rc;
}

/* This frame is about to be something else. */
static void unpin_early(struct restorer *t, uint64_t pfn)
{
	if (t->early && t->early[pfn] && !xenctl_unpin_table(t->xc, t->p->domid, t->p2m[pfn]))
		t->early[pfn] = 0;
}

/* A table that does not fit yet is passed over. */
static int pin_early_batch(struct restorer *t, const struct xenctl_pin *pin, const uint64_t *pfn, size_t n)
{
	size_t done;

	for (size_t at = 0; at < n; at += done + 1) {
		xenctl_pin_tables(t->xc, t->p->domid, pin + at, n - at, &done);
		for (size_t i = 0; i < done; i++)
			t->early[pfn[at + i]] = 1;
	}
	return 0;
}

static bool first_level(const struct restorer *t, uint64_t pfn)
{
	return stream_has_memory(&t->check, pfn) && level_of(t, pfn) == 1;
}

static int take_mark(struct restorer *t)
{
	int rc = t->p->caught_up ? t->p->caught_up(t->p->arg) : 0;

	return rc ? fail(t, rc, "cannot tell the source that all has come so far: %s", strerror(-rc)) : 0;
}

static int take_stop(struct restorer *t)
{
	if (!t->p->more)
		return 0;		/* a file: nobody waits */
	t->early = calloc(t->check.nr_pfns, 1);
	if (t->early)
		with_tables(t, first_level, pin_early_batch);
	return take_mark(t);
}

/* --- memory that comes and goes --- */

/* Is it one that has memory and should not, or the other way round? */
static bool gone(const struct restorer *t, uint64_t pfn)
{
	return t->p2m[pfn] != NO_FRAME && !stream_has_memory(&t->check, pfn);
}

static bool come(const struct restorer *t, uint64_t pfn)
{
	return t->p2m[pfn] == NO_FRAME && stream_has_memory(&t->check, pfn);
}

static int give_back(struct restorer *t)
{
	uint64_t frame[POPULATE_BATCH], n = 0;

	for (uint64_t pfn = 0; pfn < t->check.nr_pfns; pfn++) {
		long done;

		if (gone(t, pfn)) {
			unpin_early(t, pfn);
			frame[n++] = t->p2m[pfn];
			t->p2m[pfn] = NO_FRAME;
		}
		if (!n || (n < POPULATE_BATCH && pfn + 1 < t->check.nr_pfns))
			continue;
		done = xenctl_decrease_reservation(t->xc, t->p->domid, 0, frame, n);
		if (done != (long)n)
			return fail(t, done < 0 ? (int)done : -EIO, "cannot give back memory that has gone meanwhile");
		n = 0;
	}
	return 0;
}

static int take_memory(struct restorer *t, const struct stream_record *r)
{
	uint64_t first = 0;
	int rc = 0;

	(void)r;
	if (!t->p2m) {
		t->p2m = malloc(t->check.nr_pfns * sizeof(*t->p2m));
		if (!t->p2m)
			return fail(t, -ENOMEM, "no memory for its p2m list");
		memset(t->p2m, 0xff, t->check.nr_pfns * sizeof(*t->p2m));
	} else {
		rc = give_back(t);
	}
	if (!rc)
		rc = set_limits(t);
	for (uint64_t pfn = 0; pfn < t->check.nr_pfns && !rc; pfn = first) {
		for (first = pfn; first < t->check.nr_pfns && come(t, first); first++)
			;
		if (first > pfn)
			rc = populate_range(t, pfn, first - pfn);
		else
			first++;
	}
	return rc;
}

/* --- pages --- */

/*
 * Which pages of a record have to be written: those with contents, and zeroes over something else. They come into
 * t->copies.
 */
static uint32_t choose(struct restorer *t, const struct stream_pages *p, uint64_t *frame)
{
	uint8_t *data = t->check.contents, *to = t->copies;
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->count; i++) {
		uint64_t pfn = p->word[i] & STREAM_PAGE_PFN;
		bool zero = p->word[i] & STREAM_PAGE_ZERO;

		unpin_early(t, pfn);
		if (zero && !(t->check.frame[pfn] & FRAME_DIRTY))
			continue;
		t->check.frame[pfn] |= FRAME_DIRTY;
		frame[n++] = t->p2m[pfn];
		if (zero) {
			memset(to, 0, STREAM_PAGE);
		} else {
			memcpy(to, data, STREAM_PAGE);
			data += STREAM_PAGE;
			if (STREAM_PAGE_LEVEL(p->word[i]))
				table_localise((uint64_t *)(void *)to, t->p2m);
		}
		to += STREAM_PAGE;
	}
	return n;
}

static int take_pages(struct restorer *t, const struct stream_record *r)
{
	const struct stream_pages *p = (const void *)r->body;
	uint64_t frame[STREAM_BATCH] = { 0 };
	uint32_t n = choose(t, p, frame);
	int rc = n ? xenctl_copy_frames(t->xc, t->p->domid, true, frame, n, t->copies, NULL) : 0;

	if (rc)
		return fail(t, rc, "cannot write its memory: %s", strerror(-rc));
	t->done += p->count;
	if (n && t->p->progress)
		t->p->progress(t->p->arg, t->done, t->check.nr_pages);
	return 0;
}

/* n frames of the list, from the one for guest frame `first` on. It keeps what it says of frames without memory. */
static int write_list(struct restorer *t, const uint64_t *pfn, uint64_t n, uint64_t first)
{
	uint64_t frame[STREAM_BATCH], *list, entries = n * STREAM_P2M_ENTRIES;
	void *map;
	int rc;

	for (uint64_t i = 0; i < n; i++)
		frame[i] = t->p2m[pfn[i]];
	rc = xenctl_map_foreign(t->xc, t->p->domid, PROT_READ | PROT_WRITE, frame, n, NULL, &map);
	if (rc)
		return fail(t, rc, "cannot map its p2m list: %s", strerror(-rc));
	list = map;
	if (entries > t->check.nr_pfns - first)
		entries = t->check.nr_pfns - first;
	for (uint64_t k = 0; k < entries; k++)
		if (t->p2m[first + k] != NO_FRAME)
			list[k] = t->p2m[first + k];
	xenctl_unmap(map, n);
	return 0;
}

static int take_p2m(struct restorer *t, const struct stream_record *r)
{
	const uint64_t *pfn = (const void *)r->body;
	uint64_t frames = r->length / sizeof(*pfn);
	int rc = 0;

	for (uint64_t i = 0; i < frames && !rc; i += STREAM_BATCH)
		rc = write_list(t, pfn + i, frames - i < STREAM_BATCH ? frames - i : STREAM_BATCH,
				i * STREAM_P2M_ENTRIES);
	return rc;
}

static int pin_batch(struct restorer *t, const struct xenctl_pin *pin, const uint64_t *pfn, size_t n)
{
	size_t done;
	int rc = xenctl_pin_tables(t->xc, t->p->domid, pin, n, &done);

	return rc ? fail(t, rc, "the hypervisor does not accept the level-%u page table in frame %#llx: %s",
			 pin[done < n ? done : n - 1].level, (unsigned long long)pfn[done < n ? done : n - 1],
			 strerror(-rc)) : 0;
}

static bool still_to_pin(const struct restorer *t, uint64_t pfn)
{
	return level_of(t, pfn) && (t->check.frame[pfn] & FRAME_PINNED) && !(t->early && t->early[pfn]);
}

/* All that are to be pinned, and nothing else. */
static int pin_tables(struct restorer *t)
{
	int rc = with_tables(t, still_to_pin, pin_batch);

	for (uint64_t pfn = 0; t->early && pfn < t->check.nr_pfns; pfn++)
		if (!(t->check.frame[pfn] & FRAME_PINNED))
			unpin_early(t, pfn);
	return rc;
}

/* --- what is not memory --- */

static int write_start_info(struct restorer *t, const struct stream_guest *g, uint64_t shared_info_mfn)
{
	struct start_info *si;
	void *map;
	int rc = xenctl_map_foreign_page(t->xc, t->p->domid, PROT_READ | PROT_WRITE, t->p2m[g->start_info_pfn], &map);

	if (rc)
		return fail(t, rc, "cannot map its start_info: %s", strerror(-rc));
	si = map;
	si->nr_pages = t->check.nr_pages;
	si->shared_info = shared_info_mfn << 12;
	si->flags = SIF_VIRT_P2M_4TOOLS | (si->flags & SIF_MOD_START_PFN);
	si->store_mfn = t->p2m[g->store_pfn];
	si->store_evtchn = t->p->store_evtchn;
	si->console.domU.mfn = t->p2m[g->console_pfn];
	si->console.domU.evtchn = t->p->console_evtchn;
	xenctl_unmap(map, 1);
	return 0;
}

/* All event channels are masked and none is pending: the guest makes new ones. */
static int write_shared_info(struct restorer *t, const struct stream_guest *g, uint64_t mfn)
{
	struct shared_info *si;
	void *map;
	int rc = xenctl_map_foreign_page(t->xc, t->p->domid, PROT_READ | PROT_WRITE, mfn, &map);

	if (rc)
		return fail(t, rc, "cannot map its shared info: %s", strerror(-rc));
	si = map;
	memset(si->evtchn_mask, 0xff, sizeof(si->evtchn_mask));
	for (unsigned int i = 0; i < STREAM_VCPUS_MAX; i++) {
		si->vcpu_info[i].evtchn_upcall_mask = g->events_masked[i];
		si->vcpu_info[i].arch.cr2 = g->cr2[i];
	}
	si->arch.max_pfn = t->check.nr_pfns;
	if (g->p2m_pfn != STREAM_NO_PFN) {
		si->arch.pfn_to_mfn_frame_list_list = ~0UL;
		si->arch.p2m_vaddr = g->p2m_vaddr;
		si->arch.p2m_generation = g->p2m_generation;
		si->arch.p2m_cr3 = xen_pfn_to_cr3(t->p2m[g->p2m_pfn]);
	}
	xenctl_unmap(map, 1);
	return 0;
}

static int take_guest(struct restorer *t, const struct stream_record *r)
{
	const struct stream_guest *g = (const void *)r->body;
	struct xenctl_dominfo info;
	int rc = xenctl_domain_info(t->xc, t->p->domid, &info);

	if (rc)
		return fail(t, rc, "it has gone");
	t->start_info_pfn = g->start_info_pfn;
	t->r->store_mfn = t->p2m[g->store_pfn];
	t->r->console_mfn = t->p2m[g->console_pfn];
	rc = write_start_info(t, g, info.shared_info_frame);
	if (!rc)
		rc = write_shared_info(t, g, info.shared_info_frame);
	if (!rc)
		rc = pin_tables(t);
	if (rc)
		return rc;
	rc = xenctl_grant_seed(t->xc, t->p->domid, GRANT_CONSOLE, 0, t->r->console_mfn);
	if (!rc)
		rc = xenctl_grant_seed(t->xc, t->p->domid, GRANT_STORE, 0, t->r->store_mfn);
	return rc ? fail(t, rc, "cannot grant its console and xenstore pages: %s", strerror(-rc)) : 0;
}

static int take_tsc(struct restorer *t, const struct stream_record *r)
{
	const struct stream_tsc *s = (const void *)r->body;
	struct xenctl_tscinfo i = { .mode = s->mode, .khz = s->khz, .incarnation = s->incarnation + 1 };
	int rc = xenctl_domain_settscinfo(t->xc, t->p->domid, &i);

	return rc ? fail(t, rc, "cannot set its TSC mode %u: %s", s->mode, strerror(-rc)) : 0;
}

static int take_context(struct restorer *t, uint32_t vcpu, struct vcpu_guest_context *c)
{
	unsigned int gdt = ((unsigned int)c->gdt_ents + 511) / 512;

	c->ctrlreg[3] = xen_pfn_to_cr3(t->p2m[c->ctrlreg[3]]);
	if (c->ctrlreg[1])
		c->ctrlreg[1] = xen_pfn_to_cr3(t->p2m[c->ctrlreg[1]]);
	for (unsigned int i = 0; i < gdt; i++)
		c->gdt_frames[i] = t->p2m[c->gdt_frames[i]];
	if (!vcpu) {
		c->user_regs.rdx = t->p2m[t->start_info_pfn];
		c->user_regs.rax = 0;	/* its suspend returns: in a new life */
	}
	return xenctl_vcpu_setcontext(t->xc, t->p->domid, vcpu, c);
}

static int take_vcpu(struct restorer *t, const struct stream_record *r)
{
	struct stream_vcpu *v = (void *)r->body;
	size_t len = r->length - sizeof(*v);
	void *body = v + 1;
	int rc;

	switch (r->type) {
	case STREAM_VCPU:
		rc = take_context(t, v->vcpu, body);
		break;
	case STREAM_VCPU_EXT:
		rc = xenctl_vcpu_setext(t->xc, t->p->domid, v->vcpu, body);
		break;
	case STREAM_VCPU_XSAVE:
		rc = xenctl_vcpu_setxsave(t->xc, t->p->domid, v->vcpu, body, len);
		break;
	default:
		rc = xenctl_vcpu_setmsrs(t->xc, t->p->domid, v->vcpu, body, len / sizeof(struct stream_msr));
		break;
	}
	return rc ? fail(t, rc, "the hypervisor does not accept the %s of vCPU %u: %s", stream_type_name(r->type),
			 v->vcpu,
			 strerror(-rc)) : 0;
}

/* Keep the body of a record for the caller. */
static int take_body(struct restorer *t, const struct stream_record *r, void **body, size_t *len)
{
	*body = malloc(r->length + 1);
	if (!*body)
		return fail(t, -ENOMEM, "no memory for its %s", stream_type_name(r->type));
	memcpy(*body, r->body, r->length);
	*len = r->length;
	return 0;
}

/* --- the whole --- */

static int take(struct restorer *t, const struct stream_record *r)
{
	switch (r->type) {
	case STREAM_CPU:	return take_cpu(t, r);
	case STREAM_MEMORY:	return take_memory(t, r);
	case STREAM_PAGES:	return take_pages(t, r);
	case STREAM_P2M:	return take_p2m(t, r);
	case STREAM_STOP:	return take_stop(t);
	case STREAM_SYNC:	return take_mark(t);
	case STREAM_GUEST:	return take_guest(t, r);
	case STREAM_TSC:	return take_tsc(t, r);
	case STREAM_STORE:	return take_body(t, r, &t->r->nodes, &t->r->nodes_len);
	case STREAM_CONSOLE:	return take_body(t, r, &t->r->console, &t->r->console_len);
	case STREAM_VCPU:
	case STREAM_VCPU_EXT:
	case STREAM_VCPU_XSAVE:
	case STREAM_VCPU_MSRS:	return take_vcpu(t, r);
	default:		return 0;
	}
}

static int restore(struct restorer *t)
{
	struct stream_record r;
	int rc;

	do {
		rc = stream_get(&t->in, &r);
		if (!rc)
			rc = stream_check_record(&t->check, &r);
		if (!rc)
			rc = take(t, &r);
	} while (!rc && r.type != STREAM_END);
	return rc || t->p->more ? rc : stream_at_end(&t->in);
}

int migrate_restore(struct xenctl *xc, const struct restore_params *p, int fd, struct restore_result *r,
		    char why[STREAM_WHY])
{
	struct restorer t = { .xc = xc, .p = p, .r = r };
	int rc;

	*r = (struct restore_result){ 0 };
	stream_in_init(&t.in, fd);
	stream_lanes_add(&t.in.lanes, p->lanes, p->nr_lanes);
	stream_check_init(&t.check, &t.in);
	t.copies = xenctl_buf_alloc(xc, STREAM_BATCH * STREAM_PAGE);
	rc = t.copies ? restore(&t) : fail(&t, -ENOMEM, "no memory to restore it");
	r->pages = t.check.nr_pages;
	r->bytes = t.in.pos;
	snprintf(why, STREAM_WHY, "%s", t.in.why);
	if (rc) {
		free(r->nodes);
		free(r->console);
		r->nodes = r->console = NULL;
	}
	stream_check_free(&t.check);
	stream_in_free(&t.in);
	xenctl_buf_free(xc, t.copies, STREAM_BATCH * STREAM_PAGE);
	free(t.p2m);
	free(t.early);
	return rc;
}
