/* SPDX-License-Identifier: MIT */
/*
 * Another domain, made by a test that runs as dom0: a copy of the test's own kernel, started at a function of it.
 *
 * The copy has its own memory, at the same virtual addresses as ours: code, data, and behind them p2m list, start info
 * and page tables. What the data held at the time of child_create() it holds there too. Parent and child talk through
 * one page, the mailbox: it belongs to the child and is mapped in both. Its last words are ours, see below.
 *
 * The child is an ordinary guest: not privileged, no daemons, no rings. What it prints goes into the mailbox, and the
 * parent shows it when a check has failed. (In the hypervisor's log it would be subject to the rate for guests.)
 */
#include "child.h"

#define FIRST_PFN	256ul		/* the image lies at 1 MiB; below there is nothing */
#define MAX_PFN		1024ul
#define P2M_PAGES	(MAX_PFN / 512)

enum { MAIL_TEXT = 256, MAIL_TEXT_LEN = 507, MAIL_ID, MAIL_FN, MAIL_FAILED, MAIL_DONE };

extern u8 kernel_end[];

static u64 mail_page[512] __attribute__((aligned(4096)));
static unsigned int parents_failures;	/* in the child: what the copied counter began with */

/* --- making one --- */

static void must(long rc, const char *what)
{
	if (rc)
		test_die("child: cannot %s: %ld", what, rc);
}

static void make_domain(struct child *c)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_createdomain };

	op.u.createdomain.max_vcpus = c->vcpus ? c->vcpus : 1;
	op.u.createdomain.max_evtchn_port = c->max_port ? c->max_port : 1023;
	op.u.createdomain.max_grant_frames = c->grant_frames ? c->grant_frames : 4;
	op.u.createdomain.max_maptrack_frames = c->maptrack_frames ? c->maptrack_frames : 4;
	op.u.createdomain.grant_opts = 1;
	must(domctl(&op), "create a domain");
	c->id = op.domain;
	op = (struct xen_domctl){ .cmd = XEN_DOMCTL_max_vcpus, .domain = c->id };
	op.u.max_vcpus.max = c->vcpus ? c->vcpus : 1;
	must(domctl(&op), "make its vCPUs");
	op = (struct xen_domctl){ .cmd = XEN_DOMCTL_max_mem, .domain = c->id };
	op.u.max_mem.max_memkb = (MAX_PFN + c->spare_pages) * 4;
	must(domctl(&op), "set its memory limit");
}

static void populate(struct child *c, u64 n)
{
	struct xen_memory_reservation r = { .nr_extents = n - FIRST_PFN, .domid = c->id };

	for (u64 i = 0; i < n; i++)
		c->mfn[i] = i < FIRST_PFN ? ~0ul : i;
	set_xen_guest_handle(r.extent_start, c->mfn + FIRST_PFN);
	if (hypercall2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r) != (long)r.nr_extents)
		test_die("child: cannot populate %lu pages", n);
}

/* One page of the child, where we can write it. */
static void *window(struct child *c, u64 pfn)
{
	must(map_foreign(c->window, c->id, PTE(c->mfn[pfn], PTE_KERNEL)), "map a page of it");
	return c->window;
}

static void copy_image(struct child *c, u64 image_end)
{
	for (u64 pfn = FIRST_PFN; pfn < image_end; pfn++) {
		void *from = (void *)(VIRT_BASE + (pfn << 12));

		if (can_read(from))
			memcpy(window(c, pfn), from, PAGE);
	}
}

/* p2m list, start info, and L4, L3, L2 and the L1 tables follow the image; tables are mapped read-only. */
struct layout {
	u64 p2m, info, l4, l3, l2, l1, end;
};

static void write_tables(struct child *c, const struct layout *l)
{
	u64 *table;

	for (u64 i = 0; i < (l->end + 511) / 512; i++) {
		table = window(c, l->l1 + i);
		for (u64 pfn = i * 512; pfn < (i + 1) * 512 && pfn < l->end; pfn++)
			if (pfn >= FIRST_PFN)
				table[pfn % 512] = PTE(c->mfn[pfn], pfn >= l->l4 ? PTE_KERNEL_RO : PTE_KERNEL);
	}
	table = window(c, l->l2);
	for (u64 i = 0; i < (l->end + 511) / 512; i++)
		table[i] = PTE(c->mfn[l->l1 + i], PTE_TABLE);
	((u64 *)window(c, l->l3))[VIRT_BASE >> 30 & 511] = PTE(c->mfn[l->l2], PTE_TABLE);
	((u64 *)window(c, l->l4))[VIRT_BASE >> 39 & 511] = PTE(c->mfn[l->l3], PTE_TABLE);
}

static void write_info(struct child *c, const struct layout *l)
{
	struct xen_domctl_getdomaininfo info;
	struct start_info *si;

	must(domain_info(c->id, &info), "ask about it");
	for (u64 i = 0; i < P2M_PAGES; i++)
		memcpy(window(c, l->p2m + i), c->mfn + i * 512, PAGE);
	si = window(c, l->info);
	si->nr_pages = l->end;
	si->shared_info = info.shared_info_frame << 12;
	si->pt_base = VIRT_BASE + (l->l4 << 12);
	si->nr_pt_frames = l->end - l->l4;
	si->mfn_list = VIRT_BASE + (l->p2m << 12);
}

static void pin_tables(struct child *c, const struct layout *l)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = c->mfn[l->l4] };

	must(set_va(c->window, 0), "unmap the window");
	must(hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, c->id), "pin its tables");
}

/* Runs in the child. */
static void child_start(struct start_info *si)
{
	start_info = si;
	parents_failures = test_failures();
	if (set_va((void *)shared, si->shared_info | PTE_KERNEL))
		test_die("cannot map the shared info page");
	traps_init();
	((void (*)(void))mail_page[MAIL_FN])();
	child_finish();
}

static void set_context(struct child *c, const struct layout *l)
{
	static struct vcpu_guest_context ctx;
	struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpucontext, .domain = c->id };

	memset(&ctx, 0, sizeof(ctx));
	ctx.flags = VGCF_IN_KERNEL | VGCF_online;
	ctx.user_regs.rip = (u64)child_start;
	ctx.user_regs.rdi = VIRT_BASE + (l->info << 12);
	ctx.user_regs.rsp = (u64)boot_stack + STACK_SIZE - 8;
	ctx.user_regs.cs = FLAT_KERNEL_CS;
	ctx.user_regs.ss = FLAT_KERNEL_SS;
	ctx.kernel_ss = FLAT_KERNEL_SS;
	ctx.kernel_sp = (u64)boot_stack + STACK_SIZE;
	ctx.ctrlreg[3] = xen_pfn_to_cr3(c->mfn[l->l4]);
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &ctx);
	must(domctl(&op), "set its context");
}

void child_create(struct child *c, void (*fn)(void))
{
	u64 image_end = va_to_pfn(kernel_end);
	struct layout l = { .p2m = image_end, .info = image_end + P2M_PAGES };

	l.l4 = l.info + 1;
	l.l3 = l.l4 + 1;
	l.l2 = l.l3 + 1;
	l.l1 = l.l2 + 1;
	l.end = l.l1 + 2;
	if (l.end > MAX_PFN)
		test_die("the image is too large for a child");
	if (!c->mfn) {
		c->mfn = page_alloc();
		for (u64 i = 1; i < P2M_PAGES; i++)
			page_alloc();
		c->window = page_alloc();
		c->mail = page_alloc();
	}
	make_domain(c);
	populate(c, l.end);
	copy_image(c, image_end);
	write_tables(c, &l);
	write_info(c, &l);
	pin_tables(c, &l);
	must(map_foreign((void *)c->mail, c->id, PTE(child_mfn(c, mail_page), PTE_KERNEL)), "map the mailbox");
	memset((void *)c->mail, 0, PAGE);
	c->mail[MAIL_ID] = c->id;
	c->mail[MAIL_FN] = (u64)fn;
	set_context(c, &l);
}

/* --- its life, seen from the parent --- */

u64 child_mfn(const struct child *c, const volatile void *va)
{
	return c->mfn[va_to_pfn(va)];
}

void child_run(struct child *c)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_unpausedomain, .domain = c->id };

	must(domctl(&op), "unpause it");
}

bool child_wait(const struct child *c, unsigned int word, u64 at_least)
{
	return ap_wait(&c->mail[word], at_least);
}

bool child_done(const struct child *c)
{
	bool ok = child_wait(c, MAIL_DONE, 1);

	if (!ok || c->mail[MAIL_FAILED])
		console_write((const char *)(c->mail + MAIL_TEXT), c->mail[MAIL_TEXT_LEN]);
	CHECK(ok, "the child does not finish");
	CHECK(!c->mail[MAIL_FAILED], "the child failed %lu checks", c->mail[MAIL_FAILED]);
	return ok;
}

bool child_stopped(const struct child *c, unsigned int reason)
{
	struct xen_domctl_getdomaininfo info = { 0 };
	u64 end = time_now() + 5000000000;

	do {
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		if (domain_info(c->id, &info))
			return false;
	} while (!(info.flags & XEN_DOMINF_shutdown) && time_now() < end);
	return (info.flags & XEN_DOMINF_shutdown) && (info.flags >> XEN_DOMINF_shutdownshift & 0xff) == reason;
}

void child_destroy(struct child *c)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_destroydomain, .domain = c->id };

	set_va((void *)c->mail, 0);
	must(domctl(&op), "destroy it");
}

bool child_exists(const struct child *c)
{
	struct xen_domctl_getdomaininfo info;

	return !domain_info(c->id, &info);
}

/* --- in the child --- */

void child_write(const char *s, size_t len)
{
	u64 at = mail_page[MAIL_TEXT_LEN];

	len = at + len > 8 * (MAIL_TEXT_LEN - MAIL_TEXT) ? 8 * (MAIL_TEXT_LEN - MAIL_TEXT) - at : len;
	memcpy((char *)(mail_page + MAIL_TEXT) + at, s, len);
	mail_page[MAIL_TEXT_LEN] = at + len;
}

volatile u64 *mailbox(void)
{
	return mail_page;
}

domid_t my_id(void)
{
	return is_dom0() ? 0 : mail_page[MAIL_ID];
}

void child_finish(void)
{
	struct sched_poll forever = { .nr_ports = 0 };

	mail_page[MAIL_FAILED] = test_failures() - parents_failures;
	barrier();
	mail_page[MAIL_DONE] = 1;
	for (;;)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &forever);
}
