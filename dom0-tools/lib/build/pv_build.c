/* SPDX-License-Identifier: MIT */
/*
 * Turns a created domain into a PV guest that only waits to be unpaused.
 *
 * Order: look at the files, plan, then give the domain its memory and fill it, then page tables, then grant table and
 * vCPU. The guest's memory comes scrubbed from the hypervisor, so pages of zeroes in kernel and initrd are not copied
 * (half of a stock kernel), and .bss is not touched. It is written by copies, not through mappings: those cost more,
 * and a frame that is mapped writable anywhere cannot become a page table.
 *
 * Nothing here needs undoing in the domain: a failed build ends with the caller destroying it.
 */
#include "build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "image.h"
#include "layout.h"
#include "public/xen.h"
#include "xenctl/xenctl.h"

#define COPY_BATCH	256		/* pages written at a time */
#define LARGE_ORDER	9		/* 2 MiB extents: fewer hypercall entries, fewer fragments */
#define POPULATE_BATCH	4096
#define MAXMEM_SLACK	1024		/* KiB above what the guest is to have */
#define GRANT_CONSOLE	0
#define GRANT_STORE	1
#define RFLAGS_IF	0x200ul
#define HYPERCALL_SLOT	32
#define MAX_VCPUS	32

struct builder {
	struct xenctl *xc;
	const struct build_params *p;
	struct errbuf e;
	struct kernel_image img;
	struct bytes initrd;
	struct layout l;
	uint64_t *p2m;			/* machine frame of each guest frame */
	uint64_t shared_info_mfn;

	/* Pages waiting for the next flush; the last of them is guest frame copy_pfn. */
	uint8_t *copies;
	unsigned int nr_copies;
	uint64_t copy_mfn[COPY_BATCH], copy_pfn;
};

static int hv_fail(struct builder *b, int rc, const char *what)
{
	return build_fail(&b->e, rc, "domain %u: cannot %s: %s", b->p->domid, what, strerror(-rc));
}

/* --- memory --- */

/* The map tells the guest what it may grow to; it may not grow before it is told to. */
static int set_limits(struct builder *b)
{
	uint64_t max = b->p->max_pages > b->p->nr_pages ? b->p->max_pages : b->p->nr_pages;
	struct xenctl_e820 ram = { .addr = 0, .size = max * PAGE_BYTES, .type = 1 };
	int rc = xenctl_domain_max_mem(b->xc, b->p->domid, b->p->nr_pages * (PAGE_BYTES / 1024) + MAXMEM_SLACK);

	if (rc)
		return hv_fail(b, rc, "set its memory limit");
	rc = xenctl_domain_set_address_size(b->xc, b->p->domid, 64);
	if (rc)
		return hv_fail(b, rc, "make it a 64-bit domain");
	/* A guest without a map takes nr_pages as all there is: it only cannot grow beyond. */
	rc = xenctl_set_memory_map(b->xc, b->p->domid, &ram, 1);
	if (rc && rc != -ENOSYS)
		return hv_fail(b, rc, "set its memory map");
	return 0;
}

/*
 * Populate guest frames [pfn, pfn + n << order) and note their machine frames. Returns how many extents came, or
 * -errno; fewer than asked for means that memory ran out at this order.
 */
static long populate(struct builder *b, uint64_t pfn, uint64_t n, unsigned int order)
{
	static const unsigned int step = POPULATE_BATCH;
	uint64_t frames[POPULATE_BATCH], done = 0;

	while (done < n) {
		uint64_t now = n - done < step ? n - done : step;
		long got;

		for (uint64_t i = 0; i < now; i++)
			frames[i] = pfn + ((done + i) << order);
		got = xenctl_populate_physmap(b->xc, b->p->domid, order, frames, now);
		if (got < 0)
			return done ? (long)done : got;
		for (long i = 0; i < got; i++)
			for (uint64_t k = 0; k < 1ull << order; k++)
				b->p2m[pfn + ((done + i) << order) + k] = frames[i] + k;
		done += got;
		if ((uint64_t)got < now)
			break;
	}
	return done;
}

static int give_memory(struct builder *b)
{
	uint64_t total = b->p->nr_pages, pfn = 0;
	long got = populate(b, 0, total >> LARGE_ORDER, LARGE_ORDER);

	if (got > 0)
		pfn = (uint64_t)got << LARGE_ORDER;
	got = pfn < total ? populate(b, pfn, total - pfn, 0) : 0;
	if (got < 0 && got != -ENOMEM)
		return hv_fail(b, got, "allocate its memory");
	if (got > 0)
		pfn += got;
	if (pfn < total)
		return build_fail(&b->e, -ENOMEM, "domain %u: out of host memory: %llu of %llu MiB could be allocated; "
				  "free some or give the guest less", b->p->domid, (unsigned long long)pfn >> 8,
				  (unsigned long long)total >> 8);
	return 0;
}

/* --- copying into the guest --- */

static int copy_flush(struct builder *b)
{
	int rc = 0;

	if (b->nr_copies)
		rc = xenctl_copy_frames(b->xc, b->p->domid, true, b->copy_mfn, b->nr_copies, b->copies, NULL);
	b->nr_copies = 0;
	return rc ? hv_fail(b, rc, "write its memory") : 0;
}

/*
 * Where guest frame pfn is put together, of zeroes at first unless all of it comes at once. It goes out whole, so all
 * parts of it have to come one after the other.
 */
static int copy_page(struct builder *b, uint64_t pfn, bool all, uint8_t **page)
{
	int rc = 0;

	if (!b->nr_copies || b->copy_pfn != pfn) {
		if (b->nr_copies == COPY_BATCH)
			rc = copy_flush(b);
		if (!all)
			memset(b->copies + b->nr_copies * PAGE_BYTES, 0, PAGE_BYTES);
		b->copy_mfn[b->nr_copies++] = b->p2m[pfn];
		b->copy_pfn = pfn;
	}
	*page = b->copies + (b->nr_copies - 1) * PAGE_BYTES;
	return rc;
}

static bool all_zero(const uint8_t *p, size_t len)
{
	return !len || (!p[0] && !memcmp(p, p + 1, len - 1));
}

/* Have len bytes at data in guest-physical memory at pa after the next flush. */
static int copy_to_guest(struct builder *b, uint64_t pa, const void *data, uint64_t len)
{
	const uint8_t *from = data;

	while (len) {
		uint64_t offset = pa % PAGE_BYTES, now = PAGE_BYTES - offset;

		if (now > len)
			now = len;
		if (!all_zero(from, now)) {
			uint8_t *page;
			int rc = copy_page(b, pa >> PAGE_SHIFT, now == PAGE_BYTES, &page);

			if (rc)
				return rc;
			memcpy(page + offset, from, now);
		}
		pa += now;
		from += now;
		len -= now;
	}
	return 0;
}

static int copy_contents(struct builder *b)
{
	int rc = 0;

	for (unsigned int i = 0; i < b->img.nr_segs && !rc; i++)
		rc = copy_to_guest(b, b->img.seg[i].pa, b->img.seg[i].data, b->img.seg[i].filesz);
	if (!rc && b->initrd.len)
		rc = copy_to_guest(b, b->l.initrd_pfn << PAGE_SHIFT, b->initrd.p, b->initrd.len);
	if (!rc)
		rc = copy_to_guest(b, b->l.p2m_pfn << PAGE_SHIFT, b->p2m, b->l.nr_pages * sizeof(uint64_t));
	return rc ? rc : copy_flush(b);
}

/*
 * The page through which a guest with ELF note HYPERCALL_PAGE makes its calls: one 32-byte stub per hypercall,
 * `push rcx; push r11; mov $nr, eax; syscall; pop r11; pop rcx; ret`. iret (23) does not return, and takes a stack
 * with rax on top.
 */
static void hypercall_page_fill(uint8_t *page)
{
	static const uint8_t call[] = { 0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
	static const uint8_t iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, 0, 0, 0, 0, 0x0f, 0x05 };

	memset(page, 0xcc, PAGE_BYTES);
	for (unsigned int nr = 0; nr < PAGE_BYTES / HYPERCALL_SLOT; nr++) {
		uint8_t *stub = page + nr * HYPERCALL_SLOT;

		if (nr == __HYPERVISOR_iret) {
			memcpy(stub, iret, sizeof(iret));
			stub[5] = nr;
		} else {
			memcpy(stub, call, sizeof(call));
			stub[4] = nr;
		}
	}
}

static int write_hypercall_page(struct builder *b)
{
	uint8_t page[PAGE_BYTES];
	int rc;

	if (!b->img.has_hypercall_page)
		return 0;
	hypercall_page_fill(page);
	rc = copy_to_guest(b, b->img.hypercall_page - b->img.virt_base, page, sizeof(page));
	return rc ? rc : copy_flush(b);
}

/* --- what the guest is told --- */

static void start_info_fill(const struct builder *b, struct start_info *si)
{
	const struct layout *l = &b->l;

	snprintf(si->magic, sizeof(si->magic), "xen-3.0-x86_64");
	si->nr_pages = l->nr_pages;
	si->shared_info = b->shared_info_mfn << PAGE_SHIFT;
	si->flags = b->p->flags | SIF_VIRT_P2M_4TOOLS;
	si->store_mfn = b->p2m[l->store_pfn];
	si->store_evtchn = b->p->store_evtchn;
	si->console.domU.mfn = b->p2m[l->console_pfn];
	si->console.domU.evtchn = b->p->console_evtchn;
	si->pt_base = l->boot.va + l->boot.table_pfn * PAGE_BYTES;
	si->nr_pt_frames = region_tables(&l->boot);
	si->mfn_list = l->p2m_va;
	if (l->initrd_len) {
		si->mod_len = l->initrd_len;
		si->mod_start = l->boot.va + l->initrd_pfn * PAGE_BYTES;
		if (!l->initrd_mapped) {
			si->mod_start = l->initrd_pfn;
			si->flags |= SIF_MOD_START_PFN;
		}
	}
	if (l->p2m.pages) {
		si->first_p2m_pfn = l->p2m_pfn;
		si->nr_p2m_frames = l->p2m_pages + region_tables(&l->p2m);
	}
	if (b->p->cmdline)
		snprintf((char *)si->cmd_line, sizeof(si->cmd_line), "%s", b->p->cmdline);
}

static int write_start_info(struct builder *b)
{
	union {
		struct start_info si;
		uint8_t page[PAGE_BYTES];
	} u = { 0 };
	int rc;

	start_info_fill(b, &u.si);
	rc = copy_to_guest(b, b->l.start_info_pfn << PAGE_SHIFT, u.page, sizeof(u.si));
	return rc ? rc : copy_flush(b);
}

/* Every vCPU starts with its events masked. */
static int init_shared_info(struct builder *b)
{
	struct shared_info *si;
	void *map;
	int rc = xenctl_map_foreign_page(b->xc, b->p->domid, PROT_READ | PROT_WRITE, b->shared_info_mfn, &map);

	if (rc)
		return hv_fail(b, rc, "map its shared info page");
	si = map;
	for (unsigned int i = 0; i < MAX_VCPUS; i++)
		si->vcpu_info[i].evtchn_upcall_mask = 1;
	xenctl_unmap(map, 1);
	return 0;
}

/* --- page tables --- */

static int write_page_tables(struct builder *b)
{
	const struct region *boot = &b->l.boot, *p2m = &b->l.p2m;
	uint64_t of_boot = region_tables(boot), of_p2m = p2m->pages ? region_tables(p2m) : 0;
	uint64_t *tables = calloc(of_boot + of_p2m, PAGE_BYTES), *more;
	int rc;

	if (!tables)
		return hv_fail(b, -ENOMEM, "make its page tables");
	more = tables + of_boot * PT_ENTRIES;
	pagetable_fill(&b->l, boot, b->p2m, tables, tables);
	if (of_p2m)
		pagetable_fill(&b->l, p2m, b->p2m, more, tables);
	rc = copy_to_guest(b, boot->table_pfn << PAGE_SHIFT, tables, of_boot * PAGE_BYTES);
	if (!rc)
		rc = copy_to_guest(b, p2m->table_pfn << PAGE_SHIFT, more, of_p2m * PAGE_BYTES);
	if (!rc)
		rc = copy_flush(b);
	free(tables);
	if (rc)
		return rc;
	rc = xenctl_pin_table(b->xc, b->p->domid, 4, b->p2m[boot->table_pfn]);
	return rc ? hv_fail(b, rc, "pin its page tables") : 0;
}

/* --- grant table and vCPU --- */

static int seed_grants(struct builder *b)
{
	int rc = xenctl_grant_seed(b->xc, b->p->domid, GRANT_CONSOLE, b->p->console_domid, b->p2m[b->l.console_pfn]);

	if (!rc)
		rc = xenctl_grant_seed(b->xc, b->p->domid, GRANT_STORE, b->p->store_domid, b->p2m[b->l.store_pfn]);
	return rc ? hv_fail(b, rc, "grant its console and xenstore pages") : 0;
}

static int set_vcpu(struct builder *b)
{
	struct vcpu_guest_context *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return hv_fail(b, -ENOMEM, "set its vCPU 0");
	c->flags = VGCF_in_kernel | VGCF_online;
	c->user_regs.rip = b->img.entry;
	c->user_regs.rsp = b->l.boot.va + (b->l.stack_pfn + 1) * PAGE_BYTES;
	c->user_regs.rsi = b->l.boot.va + b->l.start_info_pfn * PAGE_BYTES;
	c->user_regs.rflags = RFLAGS_IF;
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->user_regs.ds = c->user_regs.es = c->user_regs.fs = c->user_regs.gs = FLAT_KERNEL_DS;
	c->kernel_ss = c->user_regs.ss;
	c->kernel_sp = c->user_regs.rsp;
	c->ctrlreg[3] = xen_pfn_to_cr3(b->p2m[b->l.boot.table_pfn]);
	c->debugreg[6] = 0xffff0ff0;
	c->debugreg[7] = 0x400;
	rc = xenctl_vcpu_setcontext(b->xc, b->p->domid, 0, c);
	free(c);
	return rc ? hv_fail(b, rc, "set its vCPU 0") : 0;
}

/* --- the whole --- */

static int check_params(struct builder *b)
{
	const struct build_params *p = b->p;

	if (!p->kernel)
		return build_fail(&b->e, -EINVAL, "domain %u: no kernel given", p->domid);
	if (p->cmdline && strlen(p->cmdline) >= MAX_GUEST_CMDLINE)
		return build_fail(&b->e, -E2BIG, "domain %u: kernel command line has %zu bytes, the limit is %d",
				  p->domid, strlen(p->cmdline), MAX_GUEST_CMDLINE - 1);
	if (!p->vcpus || p->vcpus > MAX_VCPUS)
		return build_fail(&b->e, -EINVAL, "domain %u: %u vCPUs: it must be 1 to %d", p->domid, p->vcpus,
				  MAX_VCPUS);
	return 0;
}

static int load_files(struct builder *b)
{
	int rc = image_load(&b->img, b->p->kernel, &b->e);

	if (!rc && b->p->ramdisk)
		rc = file_read(&b->initrd, b->p->ramdisk, "ramdisk", IMAGE_MAX_FILE, &b->e);
	return rc;
}

static int plan(struct builder *b)
{
	char why[256];
	struct errbuf e = { why, sizeof(why) };
	struct xenctl_dominfo info;
	int rc = layout_plan(&b->l, &b->img, b->initrd.len, b->p->nr_pages, &e);

	if (rc)
		return build_fail(&b->e, rc, "domain %u: %s", b->p->domid, why);
	rc = xenctl_domain_info(b->xc, b->p->domid, &info);
	if (rc)
		return hv_fail(b, rc, "ask the hypervisor about it");
	b->shared_info_mfn = info.shared_info_frame;
	b->p2m = calloc(b->l.nr_pages, sizeof(*b->p2m));
	b->copies = xenctl_buf_alloc(b->xc, COPY_BATCH * PAGE_BYTES);
	return b->p2m && b->copies ? 0 : hv_fail(b, -ENOMEM, "plan it");
}

static void fill_result(const struct builder *b, struct build_result *r)
{
	const struct layout *l = &b->l;

	*r = (struct build_result){
		.store_pfn = l->store_pfn, .store_mfn = b->p2m[l->store_pfn],
		.console_pfn = l->console_pfn, .console_mfn = b->p2m[l->console_pfn],
		.start_info_pfn = l->start_info_pfn, .start_info_mfn = b->p2m[l->start_info_pfn],
		.shared_info_mfn = b->shared_info_mfn, .nr_pages = l->nr_pages,
		.virt_base = b->img.virt_base, .entry = b->img.entry,
	};
	memcpy(r->guest_os, b->img.guest_os, sizeof(r->guest_os));
	memcpy(r->guest_version, b->img.guest_version, sizeof(r->guest_version));
}

static int build(struct builder *b)
{
	static int (*const steps[])(struct builder *b) = {
		check_params, load_files, plan, set_limits, give_memory, copy_contents, write_hypercall_page,
		write_start_info, init_shared_info, write_page_tables, seed_grants, set_vcpu,
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int rc = steps[i](b);

		if (rc)
			return rc;
	}
	return 0;
}

int dombuild_pv(struct xenctl *xc, const struct build_params *p, struct build_result *r, char *err, size_t errlen)
{
	struct builder *b = calloc(1, sizeof(*b));
	struct errbuf e = { err, errlen };
	int rc;

	if (!b)
		return build_fail(&e, -ENOMEM, "domain %u: no memory to build it", p->domid);
	b->xc = xc;
	b->p = p;
	b->e = e;
	rc = build(b);
	if (!rc)
		fill_result(b, r);
	image_free(&b->img);
	bytes_free(&b->initrd);
	xenctl_buf_free(xc, b->copies, COPY_BATCH * PAGE_BYTES);
	free(b->p2m);
	free(b);
	return rc;
}

int dombuild_check_kernel(const char *path, char *err, size_t errlen)
{
	struct errbuf e = { err, errlen };
	struct kernel_image *img = calloc(1, sizeof(*img));
	int rc;

	if (!img)
		return build_fail(&e, -ENOMEM, "kernel image %s: no memory to read it", path);
	rc = image_load(img, path, &e);
	if (!rc)
		image_free(img);
	free(img);
	return rc;
}
