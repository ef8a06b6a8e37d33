/* SPDX-License-Identifier: MIT */
/*
 * What a saver must know of a guest's memory: which guest frame has which machine frame, and of which type.
 *
 * The guest keeps the list (p2m) in its own memory and says in shared_info at which address of which page tables. None
 * of that is believed: a list that leads to frames of others cannot be mapped, and an entry counts only if the
 * hypervisor's table says the same the other way round.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "migrate/migrate.h"
#include "public/domctl.h"
#include "public/xen.h"
#include "xenctl/xenctl.h"

#define TYPE_BATCH	1024
#define PRESENT		1ULL
#define ADDRESS		0x000ffffffffff000ULL

int migrate_fail(char why[STREAM_WHY], int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, STREAM_WHY, fmt, ap);
	va_end(ap);
	return rc;
}

bool guestmap_pfn(void *arg, uint64_t mfn, uint64_t *pfn)
{
	const struct guestmap *g = arg;

	if (mfn >= g->m2p_entries || g->m2p[mfn] >= g->nr_pfns || g->p2m[g->m2p[mfn]] != mfn)
		return false;
	*pfn = g->m2p[mfn];
	return true;
}

static int read_shared_info(struct guestmap *g, uint64_t *l4_mfn)
{
	struct xenctl_dominfo info;
	const struct shared_info *si;
	void *map;
	int rc = xenctl_domain_info(g->xc, g->domid, &info);

	if (!rc)
		rc = xenctl_map_foreign_page(g->xc, g->domid, PROT_READ, info.shared_info_frame, &map);
	if (rc)
		return migrate_fail(g->why, rc, "cannot map its shared info: %s", strerror(-rc));
	si = map;
	g->shared_info_mfn = info.shared_info_frame;
	g->nr_pfns = si->arch.max_pfn;
	g->p2m_vaddr = si->arch.p2m_vaddr;
	g->p2m_generation = si->arch.p2m_generation;
	*l4_mfn = si->arch.p2m_cr3 ? xen_cr3_to_pfn(si->arch.p2m_cr3) : NO_FRAME;
	xenctl_unmap(map, 1);
	if (*l4_mfn == NO_FRAME || !g->nr_pfns || g->nr_pfns > STREAM_PFNS_MAX || g->p2m_vaddr % STREAM_PAGE ||
	    g->p2m_generation & 1)
		return migrate_fail(g->why, -EOPNOTSUPP,
				    "its kernel does not say where its p2m list is: it cannot be saved");
	return 0;
}

/* The tables that were mapped last, one for each level: neighbours in the list share them. */
struct walk {
	uint64_t mfn[5];
	const uint64_t *table[5];
};

static int step(struct guestmap *g, struct walk *w, unsigned int level, uint64_t mfn, uint64_t va, uint64_t *next)
{
	uint64_t entry;
	void *map;
	int rc;

	if (w->mfn[level] != mfn || !w->table[level]) {
		rc = xenctl_map_foreign_page(g->xc, g->domid, PROT_READ, mfn, &map);
		if (rc)
			return migrate_fail(g->why, rc, "cannot map the page tables of its p2m list (frame %#llx): %s",
					    (unsigned long long)mfn, strerror(-rc));
		xenctl_unmap((void *)(uintptr_t)w->table[level], 1);
		w->table[level] = map;
		w->mfn[level] = mfn;
	}
	entry = w->table[level][va >> (12 + 9 * (level - 1)) & 511];
	if (!(entry & PRESENT))
		return migrate_fail(g->why, -EINVAL, "its p2m list is not mapped at %#llx", (unsigned long long)va);
	*next = (entry & ADDRESS) >> 12;
	return 0;
}

/* The machine frames that the list lies in. */
static int find_list(struct guestmap *g, uint64_t l4, uint64_t *frames)
{
	struct walk w = { 0 };
	int rc = 0;

	for (uint64_t i = 0; i < g->nr_p2m && !rc; i++) {
		frames[i] = l4;
		for (unsigned int level = 4; level && !rc; level--)
			rc = step(g, &w, level, frames[i], g->p2m_vaddr + i * STREAM_PAGE, &frames[i]);
	}
	for (unsigned int level = 1; level <= 4; level++)
		xenctl_unmap((void *)(uintptr_t)w.table[level], 1);
	return rc;
}

static int read_list(struct guestmap *g, const uint64_t *frames)
{
	for (uint64_t at = 0; at < g->nr_p2m; at += TYPE_BATCH) {
		uint64_t n = g->nr_p2m - at < TYPE_BATCH ? g->nr_p2m - at : TYPE_BATCH;
		uint64_t first = at * STREAM_P2M_ENTRIES, entries = n * STREAM_P2M_ENTRIES;
		void *map;
		int rc = xenctl_map_foreign(g->xc, g->domid, PROT_READ, frames + at, n, NULL, &map);

		if (rc)
			return migrate_fail(g->why, rc, "cannot map its p2m list: %s", strerror(-rc));
		if (entries > g->nr_pfns - first)
			entries = g->nr_pfns - first;
		memcpy(g->p2m + first, map, entries * sizeof(*g->p2m));
		xenctl_unmap(map, n);
	}
	for (uint64_t pfn = 0; pfn < g->nr_pfns; pfn++) {
		if (g->p2m[pfn] >= g->m2p_entries || g->m2p[g->p2m[pfn]] != pfn)
			g->p2m[pfn] = NO_FRAME;
		else
			g->nr_pages++;
	}
	return 0;
}

static int list_to_pfns(struct guestmap *g, const uint64_t *frames, uint64_t l4)
{
	for (uint64_t i = 0; i < g->nr_p2m; i++)
		if (!guestmap_pfn(g, frames[i], &g->p2m_pfn[i]))
			return migrate_fail(g->why, -EINVAL, "part %llu of its p2m list is not its own memory",
					    (unsigned long long)i);
	if (!guestmap_pfn(g, l4, &g->p2m_l4_pfn))
		return migrate_fail(g->why, -EINVAL, "the page table of its p2m list is not its own");
	return 0;
}

/* Types of all frames with memory. A frame that has just gone is one without. */
static int read_types(struct guestmap *g)
{
	uint64_t frame[TYPE_BATCH], pfn[TYPE_BATCH], n = 0;

	for (uint64_t at = 0; at < g->nr_pfns; at++) {
		int rc;

		if (g->p2m[at] != NO_FRAME) {
			frame[n] = g->p2m[at];
			pfn[n++] = at;
		}
		if (!n || (n < TYPE_BATCH && at + 1 < g->nr_pfns))
			continue;
		rc = xenctl_getpageframeinfo(g->xc, g->domid, frame, n);
		if (rc)
			return migrate_fail(g->why, rc, "cannot ask for the types of its frames: %s", strerror(-rc));
		for (uint64_t i = 0; i < n; i++) {
			g->type[pfn[i]] = (uint32_t)frame[i];
			if ((frame[i] & XEN_DOMCTL_PFINFO_LTAB_MASK) == XEN_DOMCTL_PFINFO_XTAB) {
				g->p2m[pfn[i]] = NO_FRAME;
				g->nr_pages--;
			}
		}
		n = 0;
	}
	return 0;
}

int guestmap_init(struct guestmap *g, struct xenctl *xc, uint32_t domid, char why[STREAM_WHY])
{
	uint64_t l4 = NO_FRAME, *frames = NULL;
	int rc;

	*g = (struct guestmap){ .xc = xc, .domid = domid, .why = why };
	rc = read_shared_info(g, &l4);
	if (rc)
		return rc;
	rc = xenctl_map_m2p(xc, &g->m2p, &g->m2p_entries, &g->m2p_pages);
	if (rc)
		return migrate_fail(why, rc, "cannot map the machine-to-phys table: %s", strerror(-rc));
	g->nr_p2m = (g->nr_pfns + STREAM_P2M_ENTRIES - 1) / STREAM_P2M_ENTRIES;
	g->p2m = calloc(g->nr_pfns, sizeof(*g->p2m));
	g->type = calloc(g->nr_pfns, sizeof(*g->type));
	g->p2m_pfn = calloc(g->nr_p2m, sizeof(*g->p2m_pfn));
	frames = calloc(g->nr_p2m, sizeof(*frames));
	rc = g->p2m && g->type && g->p2m_pfn && frames ? 0 : migrate_fail(why, -ENOMEM, "no memory for its p2m list");
	if (!rc)
		rc = find_list(g, l4, frames);
	if (!rc)
		rc = read_list(g, frames);
	if (!rc)
		rc = list_to_pfns(g, frames, l4);
	if (!rc)
		rc = read_types(g);
	free(frames);
	if (rc)
		guestmap_free(g);
	return rc;
}

void guestmap_free(struct guestmap *g)
{
	xenctl_unmap((void *)(uintptr_t)g->m2p, g->m2p_pages);
	free(g->p2m);
	free(g->type);
	free(g->p2m_pfn);
	*g = (struct guestmap){ 0 };
}
