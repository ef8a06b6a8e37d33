/* SPDX-License-Identifier: MIT */
/*
 * Core dumps: the call, the worker that writes the file (lib/core), and giving the domain back.
 *
 * What is dumped are the frames that the hypervisor says are the domain's, in the order of its machine-to-phys table;
 * the guest's own list is not asked, so that a kernel that has destroyed it can be dumped too. Memory by virtual
 * address comes from the page tables that vCPU 0 runs on; entries that lead to frames of others are left out.
 *
 * A domain that runs is paused by the daemon, which says so in its record, and unpaused when the worker has ended, in
 * whatever way; a restarted xld finds the record. The file is written as PATH.incomplete and renamed.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/core.h"
#include "public/domctl.h"
#include "public/xen.h"
#include "xld.h"

#define WHAT		"dump the core of"
#define DUMP_DIR	"/var/lib/xen-lite/dump"
#define BATCH		1024
#define PFN_MAX		(1ULL << 36)
#define NO_PAGE		(~0U)
#define VISITS_MAX	3
#define PRESENT		1ULL
#define WRITABLE	2ULL
#define LARGE		0x80ULL
#define NO_EXECUTE	(1ULL << 63)
#define ADDRESS		0x000ffffffffff000ULL
#define HV_FIRST	256		/* slots of the top level that are the hypervisor's */
#define HV_LAST		271

#define FAIL(w, code, advice, ...) xld_fail((w)->err, code, WHAT, (w)->d->name, advice, __VA_ARGS__)

struct dumping {
	const struct dom *d;
	int progress_fd;
	xld_error *err;
	struct xenctl *xc;
	struct xenctl_version version;
	struct core core;
	struct core_page *page;
	struct vcpu_guest_context *vcpu;
	void *shared_info;
	uint32_t *page_of;		/* mfn -> page of the file, or NO_PAGE */
	uint8_t *visits;		/* for each mfn: how often it was looked at as a page table */
	size_t nr_mfns;
	unsigned int percent;
};

void dump_forget(struct dump_request *r)
{
	free(r->path);
	free(r->temp);
	*r = (struct dump_request){ 0 };
}

/* --- which frames --- */

static int by_pfn(const void *a, const void *b)
{
	const struct core_page *x = a, *y = b;

	if (x->pfn != y->pfn)
		return x->pfn < y->pfn ? -1 : 1;
	return x->mfn < y->mfn ? -1 : x->mfn > y->mfn;
}

/* Those of n frames that are the domain's. */
static int take_owned(struct dumping *w, const uint64_t *m2p, const uint64_t *mfn, size_t n)
{
	uint64_t info[BATCH];
	int rc;

	memcpy(info, mfn, n * sizeof(*mfn));
	rc = xenctl_getpageframeinfo(w->xc, w->d->domid, info, n);
	for (size_t i = 0; i < n && !rc; i++)
		if ((info[i] & XEN_DOMCTL_PFINFO_LTAB_MASK) != XEN_DOMCTL_PFINFO_XTAB)
			w->page[w->core.nr_pages++] = (struct core_page){ m2p[mfn[i]], mfn[i] };
	return rc;
}

static int scan_m2p(struct dumping *w, const uint64_t *m2p)
{
	uint64_t mfn[BATCH];
	size_t n = 0;
	int rc = 0;

	for (size_t m = 0; m < w->nr_mfns && !rc; m++) {
		if (m2p[m] < PFN_MAX)
			mfn[n++] = m;
		if (n && (n == BATCH || m + 1 == w->nr_mfns)) {
			rc = take_owned(w, m2p, mfn, n);
			n = 0;
		}
	}
	return rc;
}

static bool find_pages(struct dumping *w)
{
	const uint64_t *m2p;
	size_t pages;
	int rc = xenctl_map_m2p(w->xc, &m2p, &w->nr_mfns, &pages);

	if (rc)
		return FAIL(w, XLD_E_HYPERVISOR, "", "cannot map the machine-to-phys table: %s", strerror(-rc));
	w->page = xcalloc(w->nr_mfns, sizeof(*w->page));
	rc = scan_m2p(w, m2p);
	xenctl_unmap((void *)(uintptr_t)m2p, pages);
	if (rc)
		return FAIL(w, XLD_E_HYPERVISOR, "", "cannot ask for the frames it has: %s", strerror(-rc));
	qsort(w->page, w->core.nr_pages, sizeof(*w->page), by_pfn);
	w->page_of = xcalloc(w->nr_mfns, sizeof(*w->page_of));
	memset(w->page_of, 0xff, w->nr_mfns * sizeof(*w->page_of));
	for (uint64_t i = 0; i < w->core.nr_pages; i++)
		w->page_of[w->page[i].mfn] = (uint32_t)i;
	w->core.page = w->page;
	return true;
}

/* --- vCPUs and shared info --- */

static bool read_state(struct dumping *w)
{
	struct xenctl_dominfo info;
	void *map;
	int rc = xenctl_domain_info(w->xc, w->d->domid, &info);

	if (rc)
		return FAIL(w, XLD_E_NOT_FOUND, "", "it has just gone");
	w->vcpu = xcalloc(info.max_vcpu_id + 1, sizeof(*w->vcpu));
	for (uint32_t i = 0; i <= info.max_vcpu_id; i++)	/* one that was never brought up has none */
		if (!xenctl_vcpu_getcontext(w->xc, w->d->domid, i, &w->vcpu[w->core.nr_vcpus]))
			w->core.nr_vcpus++;
	w->core.vcpu = w->vcpu;
	w->shared_info = xcalloc(1, CORE_PAGE);
	w->core.shared_info = w->shared_info;
	rc = xenctl_map_foreign_page(w->xc, w->d->domid, PROT_READ, info.shared_info_frame, &map);
	if (rc)
		return FAIL(w, XLD_E_HYPERVISOR, "", "cannot map its shared info: %s", strerror(-rc));
	memcpy(w->shared_info, map, CORE_PAGE);
	xenctl_unmap(map, 1);
	rc = xenctl_version(w->xc, &w->version);
	w->core.version = &w->version;
	return !rc || FAIL(w, XLD_E_HYPERVISOR, "", "cannot ask for its version: %s", strerror(-rc));
}

/* --- memory by virtual address --- */

static uint64_t sign_extend(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16);
}

/*
 * Linux has tables that it uses in two places (its text is also in the map of all memory), and one that it uses in
 * thousands (espfix); a hostile kernel may use any as often as it likes.
 */
static bool visit(struct dumping *w, uint64_t mfn)
{
	return w->visits[mfn] < VISITS_MAX && ++w->visits[mfn];
}

/* Page tables of a stopped kernel may be anything: an entry counts when it leads to a frame of the domain. */
static void walk(struct dumping *w, uint64_t mfn, unsigned int level, uint64_t va, uint64_t rights)
{
	unsigned int shift = 12 + 9 * (level - 1);
	const uint64_t *table;
	void *map;

	if (mfn >= w->nr_mfns || w->page_of[mfn] == NO_PAGE || w->core.truncated || !visit(w, mfn) ||
	    xenctl_map_foreign_page(w->xc, w->d->domid, PROT_READ, mfn, &map))
		return;
	table = map;
	for (unsigned int n = 0; n < 512; n++) {
		unsigned int i = level == 4 ? (n + HV_LAST + 1) % 512 : n;	/* the kernel's half first */
		uint64_t e = table[i], next = (e & ADDRESS) >> 12, at = va + ((uint64_t)i << shift);
		uint64_t now = (rights & e & WRITABLE) | ((rights | e) & NO_EXECUTE);

		if (!(e & PRESENT) || next >= w->nr_mfns || (level == 4 && i >= HV_FIRST && i <= HV_LAST))
			continue;
		if (level == 4)
			at = sign_extend(at);
		if (level == 1 && w->page_of[next] != NO_PAGE)
			core_map(&w->core, at, w->page_of[next], PF_R | (now & WRITABLE ? PF_W : 0) |
				 (now & NO_EXECUTE ? 0 : PF_X));
		else if (level > 1 && !(e & LARGE))
			walk(w, next, level - 1, at, now);
	}
	xenctl_unmap(map, 1);
}

static void find_segments(struct dumping *w)
{
	w->core.no_segments = w->d->dump.flags & XLD_DUMP_NO_SEGMENTS;
	if (w->core.no_segments || !w->core.nr_vcpus)
		return;
	w->visits = xcalloc(w->nr_mfns, 1);
	walk(w, xen_cr3_to_pfn(w->vcpu[0].ctrlreg[3]), 4, 0, WRITABLE);
	if (w->core.truncated)
		worker_progress(w->progress_fd, "%s: only the first %u pieces of its address space are for gdb",
				w->d->name, CORE_SEGMENTS_MAX);
}

/* --- the file --- */

static int write_page(int fd, const void *page, uint64_t at)
{
	static const uint8_t zero[CORE_PAGE];
	size_t done = 0;

	if (!memcmp(page, zero, CORE_PAGE))
		return 0;
	while (done < CORE_PAGE) {
		ssize_t n = pwrite(fd, (const char *)page + done, CORE_PAGE - done, (off_t)(at + done));

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Pages [from, from + n). One that has gone since it was counted reads as zeroes. */
static int write_batch(struct dumping *w, int fd, uint64_t from, size_t n, uint64_t at)
{
	uint64_t mfn[BATCH];
	int errs[BATCH], rc;
	void *map;

	for (size_t i = 0; i < n; i++)
		mfn[i] = w->page[from + i].mfn;
	rc = xenctl_map_foreign(w->xc, w->d->domid, PROT_READ, mfn, n, errs, &map);
	if (rc)
		return rc;
	for (size_t i = 0; i < n && !rc; i++)
		if (!errs[i])
			rc = write_page(fd, (const char *)map + i * CORE_PAGE, at + i * CORE_PAGE);
	xenctl_unmap(map, n);
	return rc;
}

static bool write_file(struct dumping *w, int fd)
{
	uint64_t at = core_page_offset(&w->core, 0);
	int rc = core_write(&w->core, fd);

	for (uint64_t i = 0; i < w->core.nr_pages && !rc; i += BATCH) {
		size_t n = w->core.nr_pages - i < BATCH ? (size_t)(w->core.nr_pages - i) : BATCH;

		rc = write_batch(w, fd, i, n, at + i * CORE_PAGE);
		worker_percent(w->progress_fd, w->d->name, &w->percent, i + n, w->core.nr_pages);
	}
	if (!rc && fsync(fd) && errno != EINVAL)
		rc = -errno;
	if (rc)
		return FAIL(w, XLD_E_INVALID, rc == -ENOSPC ? "make room, or choose another file system" : "", "%s: %s",
			    w->d->dump.temp, strerror(-rc));
	return true;
}

static bool write_dump(struct dumping *w)
{
	const struct dump_request *r = &w->d->dump;
	int fd = open(r->temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0)
		return FAIL(w, XLD_E_INVALID, "", "cannot write %s: %s", r->temp, strerror(errno));
	ok = write_file(w, fd);
	close(fd);
	if (ok && rename(r->temp, r->path))
		ok = FAIL(w, XLD_E_INVALID, "", "cannot rename %s to %s: %s", r->temp, r->path, strerror(errno));
	return ok;
}

/* The process ends afterwards: nothing is freed. */
bool dump_run(const struct dom *d, int fd, xld_error *err)
{
	struct dumping w = { .d = d, .progress_fd = fd, .err = err };
	int rc = xenctl_open(&w.xc);

	if (rc)
		return FAIL(&w, XLD_E_HYPERVISOR, "xld must run in dom0", "no access to the hypervisor: %s",
			    strerror(-rc));
	if (!read_state(&w) || !find_pages(&w))
		return false;
	if (!w.core.nr_pages)
		return FAIL(&w, XLD_E_BUSY, "", "it has no memory");
	find_segments(&w);
	return write_dump(&w);
}

/* --- in the daemon --- */

void dump_undo(struct xld *x, struct dom *d)
{
	int rc = d->dump.paused ? xenctl_domain_unpause(x->xc, d->domid) : 0;

	if (rc)
		xld_log("%s: cannot be unpaused after its dump: %s", d->name, strerror(-rc));
	if (d->dump.temp && unlink(d->dump.temp) && errno != ENOENT)
		xld_log("%s: cannot remove %s: %s", d->name, d->dump.temp, strerror(errno));
	dump_forget(&d->dump);
	if (d->ours)
		state_save(x, d);
}

static bool may_dump(const struct dom *d, const xld_dump_core *a, xld_error *err)
{
	struct stat st;

	if (d->job)
		return xld_fail(err, XLD_E_BUSY, WHAT, d->name, "try again when that is done", "a job is about it");
	if (*a->path != '/')
		return xld_fail(err, XLD_E_INVALID, WHAT, d->name, "", "'%s' is not an absolute path", a->path);
	if (!stat(a->path, &st) && !S_ISREG(st.st_mode))
		return xld_fail(err, XLD_E_INVALID, WHAT, d->name, "name a file that may be overwritten",
				"%s is not a regular file", a->path);
	return true;
}

bool call_dump_core(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		    bool *later)
{
	xld_dump_core *a = args;
	struct xenctl_dominfo info;
	struct dom *d = call_target(x, a->name, WHAT, err, &info);
	int rc = 0;

	(void)ret;
	if (!d || !may_dump(d, a, err))
		return false;
	if (!info.paused && !info.shutdown)
		rc = xenctl_domain_pause(x->xc, d->domid);
	if (rc)
		return hypervisor_refused(err, WHAT, d->name, rc);
	d->dump = (struct dump_request){ .path = xstrdup(a->path), .temp = xasprintf("%s.incomplete", a->path),
					 .flags = a->flags, .paused = !info.paused && !info.shutdown };
	dom_ask(d, c, XLD_DUMP_CORE, serial, 0);
	job_dump(x, d);
	*later = true;
	return false;
}

/* What cannot be made is told when the file is opened. */
static void make_directory(void)
{
	char dir[] = DUMP_DIR;

	for (char *p = dir + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(dir, 0755);
		*p = '/';
	}
	mkdir(dir, 0700);
}

/*
 * NAME-2026-11-27-120000.core, or ...-120000-2.core when there was one in that second; a name of a domain may have any
 * character but '/'.
 */
static char *file_name(const char *name)
{
	time_t now = time(NULL);
	struct tm tm;
	char when[32], *path;

	strftime(when, sizeof(when), "%Y-%m-%d-%H%M%S", localtime_r(&now, &tm));
	path = xasprintf("%s/%.100s-%s.core", DUMP_DIR, name, when);
	for (unsigned int i = 2; !access(path, F_OK); i++) {
		free(path);
		path = xasprintf("%s/%.100s-%s-%u.core", DUMP_DIR, name, when, i);
	}
	return path;
}

void dump_stopped(struct xld *x, struct dom *d, unsigned int then)
{
	make_directory();
	d->dump = (struct dump_request){ .path = file_name(d->name), .then = then, .by_itself = true };
	d->dump.temp = xasprintf("%s.incomplete", d->dump.path);
	job_dump(x, d);
}
