/* SPDX-License-Identifier: MIT */
/*
 * What a saver must know of a guest's memory: which guest frame has which machine frame, and of which type.
 *
 * The guest keeps the list (p2m) in its own memory and says in shared_info at which address of which page tables, or,
 * if its kernel is of the older kind, in which frame a tree begins that names the frames of the list. None of that is
 * believed: a list that leads to frames of others cannot be mapped, and an entry counts only if the hypervisor's table
 * says the same the other way round.
 *
 * Asking for the types of all frames takes longest. While the domain is logged, a frame whose type changes is marked
 * after that, so that only types of marked frames have to be asked for again.
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
#define TREE_ENTRIES	512ULL
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

/* Where the list is found from: one of both is NO_FRAME. */
struct roots {
	uint64_t l4;		/* of the page tables that map it at p2m_vaddr */
	uint64_t tree;		/* 512 frames, each with 512 frames of the list */
};

static struct roots find_roots(const struct shared_info *si)
{
	struct roots r = { NO_FRAME, NO_FRAME };

	if (si->arch.p2m_cr3)
		r.l4 = xen_cr3_to_pfn(si->arch.p2m_cr3);
	else if (si->arch.pfn_to_mfn_frame_list_list)
		r.tree = si->arch.pfn_to_mfn_frame_list_list;
	return r;
}

static int read_shared_info(struct guestmap *g, struct roots *roots)
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
	*roots = find_roots(si);
	if (roots->l4 != NO_FRAME) {
		g->p2m_vaddr = si->arch.p2m_vaddr;
		g->p2m_generation = si->arch.p2m_generation;
	}
	xenctl_unmap(map, 1);
	if ((roots->l4 == NO_FRAME && roots->tree == NO_FRAME) || !g->nr_pfns || g->nr_pfns > STREAM_PFNS_MAX ||
	    g->p2m_vaddr % STREAM_PAGE || g->p2m_generation & 1)
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
static int find_mapped(struct guestmap *g, uint64_t l4, uint64_t *frames)
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

/* n entries of a frame of the tree, from the first on. */
static int copy_node(struct guestmap *g, uint64_t mfn, uint64_t *to, uint64_t n)
{
	void *map;
	int rc = xenctl_map_foreign_page(g->xc, g->domid, PROT_READ, mfn, &map);

	if (rc)
		return migrate_fail(g->why, rc, "cannot map the tree of its p2m list (frame %#llx): %s",
				    (unsigned long long)mfn, strerror(-rc));
	memcpy(to, map, n * sizeof(*to));
	xenctl_unmap(map, 1);
	return 0;
}

static int find_in_tree(struct guestmap *g, uint64_t root, uint64_t *frames)
{
	uint64_t node[TREE_ENTRIES], nodes = (g->nr_p2m + TREE_ENTRIES - 1) / TREE_ENTRIES;
	int rc = nodes > TREE_ENTRIES ? migrate_fail(g->why, -EINVAL, "its p2m list is longer than its tree can be") :
		 copy_node(g, root, node, nodes);

	for (uint64_t i = 0; i < nodes && !rc; i++) {
		uint64_t first = i * TREE_ENTRIES, left = g->nr_p2m - first;

		rc = copy_node(g, node[i], frames + first, left < TREE_ENTRIES ? left : TREE_ENTRIES);
	}
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
	g->p2m_l4_pfn = STREAM_NO_PFN;
	if (l4 != NO_FRAME && !guestmap_pfn(g, l4, &g->p2m_l4_pfn))
		return migrate_fail(g->why, -EINVAL, "the page table of its p2m list is not its own");
	return 0;
}

/* Does the type that `before` has of a frame still hold? */
static bool same_type(const struct guestmap *g, const struct guestmap *before, const uint64_t *marked, uint64_t pfn)
{
	return before && before->p2m[pfn] == g->p2m[pfn] && !(marked[pfn / 64] >> pfn % 64 & 1);
}

/* Types of all frames with memory. A frame that has just gone is one without. */
static int read_types(struct guestmap *g, const struct guestmap *before, const uint64_t *marked)
{
	uint64_t frame[TYPE_BATCH], pfn[TYPE_BATCH], n = 0;

	for (uint64_t at = 0; at < g->nr_pfns; at++) {
		int rc;

		if (g->p2m[at] != NO_FRAME && same_type(g, before, marked, at)) {
			g->type[at] = before->type[at];
		} else if (g->p2m[at] != NO_FRAME) {
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

static void free_lists(struct guestmap *g)
{
	free(g->p2m);
	free(g->type);
	free(g->p2m_pfn);
	g->p2m = g->p2m_pfn = NULL;
	g->type = NULL;
}

/* All but the M2P, which is mapped. */
static int read_all(struct guestmap *g, const struct guestmap *before, const uint64_t *marked)
{
	struct roots roots = { NO_FRAME, NO_FRAME };
	uint64_t *frames = NULL;
	int rc = read_shared_info(g, &roots);

	if (!rc && before && before->nr_pfns != g->nr_pfns)
		rc = migrate_fail(g->why, -EAGAIN, "its memory map had %#llx frames and has %#llx now",
				  (unsigned long long)before->nr_pfns, (unsigned long long)g->nr_pfns);
	if (rc) {
		free_lists(g);
		return rc;
	}
	g->nr_p2m = (g->nr_pfns + STREAM_P2M_ENTRIES - 1) / STREAM_P2M_ENTRIES;
	g->p2m = g->p2m ? g->p2m : calloc(g->nr_pfns, sizeof(*g->p2m));
	g->type = g->type ? g->type : calloc(g->nr_pfns, sizeof(*g->type));
	g->p2m_pfn = g->p2m_pfn ? g->p2m_pfn : calloc(g->nr_p2m, sizeof(*g->p2m_pfn));
	frames = calloc(g->nr_p2m, sizeof(*frames));
	rc = g->p2m && g->type && g->p2m_pfn && frames ? 0 : migrate_fail(g->why, -ENOMEM, "no memory for its p2m list");
	if (!rc)
		rc = roots.l4 != NO_FRAME ? find_mapped(g, roots.l4, frames) : find_in_tree(g, roots.tree, frames);
	if (!rc)
		rc = read_list(g, frames);
	if (!rc)
		rc = list_to_pfns(g, frames, roots.l4);
	if (!rc)
		rc = read_types(g, before, marked);
	free(frames);
	if (rc)
		free_lists(g);
	return rc;
}

int guestmap_init(struct guestmap *g, struct xenctl *xc, uint32_t domid, char why[STREAM_WHY])
{
	int rc;

	*g = (struct guestmap){ .xc = xc, .domid = domid, .why = why };
	rc = xenctl_map_m2p(xc, &g->m2p, &g->m2p_entries, &g->m2p_pages);
	if (rc)
		return migrate_fail(why, rc, "cannot map the machine-to-phys table: %s", strerror(-rc));
	rc = read_all(g, NULL, NULL);
	if (rc)
		guestmap_free(g);
	return rc;
}

int guestmap_renew(struct guestmap *g, const uint64_t *marked)
{
	struct guestmap now = { .xc = g->xc, .domid = g->domid, .why = g->why, .m2p = g->m2p,
				.m2p_entries = g->m2p_entries, .m2p_pages = g->m2p_pages, .p2m = g->spare_p2m,
				.type = g->spare_type, .p2m_pfn = g->spare_p2m_pfn };
	int rc = read_all(&now, g, marked);

	g->spare_p2m = g->spare_p2m_pfn = NULL;
	g->spare_type = NULL;
	if (rc)
		return rc;
	now.spare_p2m = g->p2m;
	now.spare_type = g->type;
	now.spare_p2m_pfn = g->p2m_pfn;
	*g = now;
	return 0;
}

void guestmap_free(struct guestmap *g)
{
	xenctl_unmap((void *)(uintptr_t)g->m2p, g->m2p_pages);
	free_lists(g);
	free(g->spare_p2m);
	free(g->spare_type);
	free(g->spare_p2m_pfn);
	*g = (struct guestmap){ 0 };
}
