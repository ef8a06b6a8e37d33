/* SPDX-License-Identifier: MIT */
/*
 * Builds dom0 from the boot modules: the kernel, and the initrd if there is one.
 *
 * Runs once, on the boot CPU, before any guest does; so no locks but where a function asks for one. Contents and
 * page tables are written through the direct map into frames that have no type yet. Loading the vCPU's context at
 * the end takes the type of the top-level table, which checks the whole tree as it would check a guest's: nothing
 * here is trusted to be right.
 *
 * dom0's memory is taken in the largest blocks there are, below 4 GiB first, and stays in one piece over at least
 * 64 frames: an XENMEM_exchange for DMA memory finds its frames suitable as they are.
 */
#include <xl/asm.h>
#include <xl/dom0_layout.h>
#include <xl/elf.h>
#include <xl/entry.h>
#include <xl/lib.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/pt.h>
#include <xl/setup.h>
#include <xl/unpack.h>
#include <public/elfnote.h>
#include <public/features.h>

#define MIB_PAGES		(1UL << (20 - PAGE_SHIFT))
#define DEFAULT_MIN		(512 * MIB_PAGES)	/* dom0's size without dom0_mem=: a quarter, but within these */
#define DEFAULT_MAX		(4096 * MIB_PAGES)
#define RESERVE			(16 * MIB_PAGES)	/* that the hypervisor keeps for itself at least */

#define GUEST_LEAF		(PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D)
#define GUEST_TABLE		(PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D)

struct build {
	struct domain *d;
	struct elf_image img;
	struct dom0_layout l;
	const struct boot_module *initrd;	/* NULL: none */
	unsigned long nr_pages;
	unsigned long *p2m;			/* nr_pages mfns, ours until the end */
	u8 *unpacked;				/* the ELF image, when it was packed */
	size_t unpacked_size;
	const char *format;
};

void *__init boot_pages_alloc(size_t bytes)
{
	unsigned long pages = DIV_ROUND_UP(bytes, PAGE_SIZE), extra;
	unsigned int order = 0;
	char *p;

	while (1UL << order < pages)
		order++;
	p = order <= MAX_ORDER ? hv_alloc_unclean_pages(order) : NULL;
	extra = (1UL << order) - pages;
	if (p && extra)
		boot_pages_free(p + pages * PAGE_SIZE, extra * PAGE_SIZE);
	return p;
}

/* Gives the pages back in blocks as large as their addresses allow. */
void __init boot_pages_free(void *p, size_t bytes)
{
	unsigned long first = (unsigned long)p >> PAGE_SHIFT, end = first + DIV_ROUND_UP(bytes, PAGE_SIZE);

	while (first < end) {
		unsigned int order = min_t(unsigned int, __builtin_ctzl(first), MAX_ORDER);

		while (first + (1UL << order) > end)
			order--;
		hv_free_pages((void *)(first << PAGE_SHIFT), order);
		first += 1UL << order;
	}
}

/* --- the kernel image --- */

static void __init open_kernel(struct build *b)
{
	const struct boot_module *m = &boot_info.module[0];
	const u8 *data;
	struct packed p;
	const char *bad;
	char why[160];

	if (!boot_info.nr_modules)
		boot_fail("dom0 kernel: the boot loader (%s) gave no module; it must load a kernel and an initrd "
			  "behind the hypervisor", boot_info.loader);
	data = pa_to_virt(m->start);
	bad = packed_find(&p, data, m->size);
	if (bad)
		boot_fail("dom0 kernel: %s", bad);
	b->format = p.format;
	if (p.format) {
		b->unpacked_size = p.unpacked;
		b->unpacked = boot_pages_alloc(p.unpacked);
		if (!b->unpacked)
			boot_fail("dom0 kernel: no %lu MiB of memory in one piece to unpack it", p.unpacked >> 20);
		bad = unpack(&p, b->unpacked);
		if (bad)
			boot_fail("dom0 kernel: %s", bad);
		data = b->unpacked;
	}
	if (elf_parse(&b->img, data, p.format ? p.unpacked : p.len, why, sizeof(why)))
		boot_fail("dom0 kernel: %s", why);
	if (elf_has_note(&b->img, XEN_ELFNOTE_SUPPORTED_FEATURES) && !(b->img.supported_features & 1U << XENFEAT_dom0))
		boot_fail("dom0 kernel: made for other domains only (Linux needs CONFIG_XEN_DOM0)");
}

static void __init find_initrd(struct build *b)
{
	if (boot_info.nr_modules > 1 && boot_info.module[1].size)
		b->initrd = &boot_info.module[1];
	if (boot_info.nr_modules > 2)
		printk(XL_WARN "dom0: boot modules after the second are not used\n");
}

/* --- memory --- */

static unsigned long __init choose_size(void)
{
	unsigned long avail = heap_free_pages(), want = opt_dom0_mem >> PAGE_SHIFT;

	avail = avail > RESERVE ? avail - RESERVE : 0;
	if (!want) {
		want = max(heap_total_pages() / 4, DEFAULT_MIN);
		want = min(want, DEFAULT_MAX);
		return min(want, avail);
	}
	if (want > avail)
		boot_fail("dom0_mem=%luM: at most %lu MiB are free for dom0; give less", want >> 8, avail >> 8);
	return want;
}

static void __init plan(struct build *b)
{
	u64 initrd_size = b->initrd ? b->initrd->size : 0;
	char why[160];

	b->nr_pages = choose_size();
	if (dom0_layout_plan(&b->l, &b->img, initrd_size, b->nr_pages, why, sizeof(why)))
		boot_fail("dom0 kernel: %s", why);
	if (b->l.used_pages > b->nr_pages)
		boot_fail("dom0_mem=%luM: this kernel and initrd need at least %lu MiB", b->nr_pages >> 8,
			  DIV_ROUND_UP(b->l.used_pages, MIB_PAGES) + 1);
}

static struct page_info *__init take_block(struct domain *d, unsigned int order)
{
	struct page_info *pg = domain_alloc_pages(d, order, MEMF_no_scrub | MEMF_bits(32));

	return pg ? pg : domain_alloc_pages(d, order, MEMF_no_scrub);
}

static void __init take_memory(struct build *b)
{
	unsigned int order = MAX_ORDER;
	unsigned long pfn = 0, i;

	b->d->max_pages = b->nr_pages;
	b->p2m = boot_pages_alloc(b->nr_pages * sizeof(*b->p2m));
	while (b->p2m && pfn < b->nr_pages) {
		struct page_info *pg;

		while (1UL << order > b->nr_pages - pfn)
			order--;
		pg = take_block(b->d, order);
		if (!pg && !order--)
			break;
		for (i = 0; pg && i < 1UL << order; i++, pfn++) {
			b->p2m[pfn] = mfn_x(page_to_mfn(pg)) + i;
			m2p_set(_mfn(b->p2m[pfn]), pfn);
		}
	}
	if (pfn < b->nr_pages)
		boot_fail("dom0_mem=%luM: memory ran out at %lu MiB; give less", b->nr_pages >> 8, pfn >> 8);
}

/* --- contents --- */

static void *__init pfn_to_virt(const struct build *b, unsigned long pfn)
{
	return mfn_to_virt(_mfn(b->p2m[pfn]));
}

/* Writes len bytes at pseudo-physical address pa; NULL data: zeros. */
static void __init write_pa(const struct build *b, u64 pa, const u8 *data, u64 len)
{
	while (len) {
		u64 n = min_t(u64, len, PAGE_SIZE - pa % PAGE_SIZE);
		u8 *to = (u8 *)pfn_to_virt(b, pa >> PAGE_SHIFT) + pa % PAGE_SIZE;

		if (data) {
			memcpy(to, data, n);
			data += n;
		} else {
			memset(to, 0, n);
		}
		pa += n;
		len -= n;
	}
}

static void __init write_pfn(const struct build *b, unsigned long pfn, const void *data, u64 len)
{
	write_pa(b, (u64)pfn << PAGE_SHIFT, data, len);
}

static void __init load_kernel(const struct build *b)
{
	unsigned int i;

	for (i = 0; i < b->img.nr_segs; i++) {
		const struct elf_seg *s = &b->img.seg[i];

		write_pa(b, s->pa, s->data, s->filesz);
		write_pa(b, s->pa + s->filesz, NULL, s->memsz - s->filesz);
	}
	if (elf_has_note(&b->img, XEN_ELFNOTE_HYPERCALL_PAGE))
		hypercall_page_fill(pfn_to_virt(b, (b->img.hypercall_page - b->img.virt_base) >> PAGE_SHIFT));
}

static unsigned long __init boot_va(const struct build *b, unsigned long pfn)
{
	return b->l.virt_base + pfn * PAGE_SIZE;
}

/* The screen as it is, behind the start_info. */
static void __init fill_console_info(struct start_info *si)
{
	struct dom0_vga_console_info *vga = (void *)(si + 1);

	if (!boot_info.video_text)
		return;
	vga->video_type = XEN_VGATYPE_TEXT_MODE_3;
	vga->u.text_mode_3.font_height = 16;
	vga->u.text_mode_3.rows = 25;
	vga->u.text_mode_3.columns = 80;
	vga->u.text_mode_3.cursor_y = 24;
	si->console.dom0.info_off = sizeof(*si);
	si->console.dom0.info_size = sizeof(*vga);
}

static void __init fill_start_info(const struct build *b)
{
	const struct dom0_layout *l = &b->l;
	struct start_info *si = pfn_to_virt(b, l->start_info_pfn);

	memset(si, 0, PAGE_SIZE);
	snprintf(si->magic, sizeof(si->magic), "xen-3.0-x86_64");
	si->nr_pages = b->nr_pages;
	si->shared_info = mfn_to_pa(b->d->shared_info_mfn);
	si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN | SIF_VIRT_P2M_4TOOLS;
	si->pt_base = boot_va(b, l->pt_pfn);
	si->nr_pt_frames = l->nr_pt;
	si->mfn_list = l->p2m_va;
	if (l->p2m_apart) {
		si->first_p2m_pfn = l->p2m_pfn;
		si->nr_p2m_frames = l->p2m_pages + l->nr_p2m_pt;
	}
	if (b->initrd) {
		si->mod_start = l->initrd_mapped ? boot_va(b, l->initrd_pfn) : l->initrd_pfn;
		si->mod_len = b->initrd->size;
		if (!l->initrd_mapped)
			si->flags |= SIF_MOD_START_PFN;
	}
	strlcpy((char *)si->cmd_line, boot_info.module[0].cmdline, sizeof(si->cmd_line));
	fill_console_info(si);
}

/* --- page tables --- */

/* Enters pfn at va; *next is the pfn of the first table not used yet. Tables are zeroed as they are taken. */
static void __init map_page(const struct build *b, unsigned long va, unsigned long pfn, unsigned long *next)
{
	u64 *table = pfn_to_virt(b, b->l.pt_pfn);
	unsigned int level;

	for (level = 4; level > 1; level--) {
		u64 *e = &table[pt_index(va, level)];

		if (!*e) {
			memset(pfn_to_virt(b, *next), 0, PAGE_SIZE);
			*e = mfn_to_pa(_mfn(b->p2m[(*next)++])) | GUEST_TABLE;
		}
		table = mfn_to_virt(pte_mfn(*e));
	}
	table[pt_index(va, 1)] = mfn_to_pa(_mfn(b->p2m[pfn])) |
				 (dom0_layout_is_pt(&b->l, pfn) ? GUEST_LEAF & ~PTE_RW : GUEST_LEAF);
}

static void __init fill_page_tables(const struct build *b)
{
	const struct dom0_layout *l = &b->l;
	unsigned long next = l->pt_pfn + 1, i;

	memset(pfn_to_virt(b, l->pt_pfn), 0, PAGE_SIZE);
	for (i = 0; i < l->boot_pages; i++)
		map_page(b, boot_va(b, i), i, &next);
	BUG_ON(next > l->pt_pfn + l->nr_pt);
	for (; next < l->pt_pfn + l->nr_pt; next++)
		memset(pfn_to_virt(b, next), 0, PAGE_SIZE);
	if (!l->p2m_apart)
		return;
	next = l->p2m_pt_pfn;
	for (i = 0; i < l->p2m_pages; i++)
		map_page(b, l->p2m_va + i * PAGE_SIZE, l->p2m_pfn + i, &next);
	BUG_ON(next != l->p2m_pt_pfn + l->nr_p2m_pt);
}

/* --- the domain around it --- */

static void __init make_domain(struct build *b)
{
	unsigned int vcpus = opt_dom0_max_vcpus ? opt_dom0_max_vcpus : min_t(unsigned int, nr_cpus, MAX_VIRT_CPUS), i;
	struct xen_domctl_createdomain cfg = {
		.max_vcpus = vcpus, .max_evtchn_port = ~0U, .max_grant_frames = -1, .max_maptrack_frames = -1,
	};
	int rc = domain_create(0, &cfg, true, &b->d);

	if (rc)
		boot_fail("dom0: it could not be made (error %d)", -rc);
	for (i = 0; i < vcpus; i++)
		if (!vcpu_create(b->d, i))
			boot_fail("dom0: no memory for vCPU %u", i);
}

/* Ports that dom0 may use directly. What is missing here traps, and is emulated or refused. */
static void __init allow_ports(struct domain *d)
{
	static const struct { u16 first, last; } ours[] = {
		{ 0x20, 0x21 }, { 0xa0, 0xa1 },		/* interrupt controllers */
		{ 0x40, 0x43 },				/* interval timer */
		{ 0xcf8, 0xcff },			/* PCI configuration */
	};
	unsigned int port, i;

	memset(d->io_ports, 0xff, 65536 / 8);
	for (i = 0; i < ARRAY_SIZE(ours); i++)
		for (port = ours[i].first; port <= ours[i].last; port++)
			__clear_bit(port, d->io_ports);
	for (port = 0; port < 65536; port++)
		if (serial_owns_port(port))
			__clear_bit(port, d->io_ports);
}

static void __init start_vcpu(const struct build *b)
{
	struct vcpu_guest_context *c = hv_alloc(sizeof(*c));
	struct vcpu *v = b->d->vcpu[0];
	int rc;

	if (!c)
		boot_fail("dom0: no memory for its first context");
	c->flags = VGCF_in_kernel | VGCF_online;
	c->user_regs.rip = b->img.entry;
	c->user_regs.rsp = boot_va(b, b->l.stack_pfn + 1);
	c->user_regs.rsi = boot_va(b, b->l.start_info_pfn);
	c->user_regs.rflags = X86_EFLAGS_IF;
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = c->user_regs.rsp;
	c->ctrlreg[3] = xen_pfn_to_cr3(b->p2m[b->l.pt_pfn]);
	spin_lock(&b->d->lock);
	do
		rc = vcpu_load_context(v, c);
	while (rc == -XEN_ERESTART);
	spin_unlock(&b->d->lock);
	if (rc)
		panic("dom0's first page tables are not valid (error %d)", -rc);
	/* A kernel unpins the tables it was started on. */
	spin_lock(&b->d->pt_lock);
	rc = pt_pin(b->d, v->pv.kernel_l4, PGT_l4);
	spin_unlock(&b->d->pt_lock);
	BUG_ON(rc);
	hv_free(c);
}

static void __init release(struct build *b)
{
	unsigned int i;

	boot_pages_free(b->p2m, b->nr_pages * sizeof(*b->p2m));
	for (i = 0; i < boot_info.nr_modules; i++)
		heap_free_range(boot_info.module[i].start, boot_info.module[i].start + boot_info.module[i].size);
}

static void __init announce(const struct build *b)
{
	printk(XL_INFO "dom0: %s%s%s kernel%s%s at 0x%lx, entry 0x%lx\n", b->format ? "packed (" : "plain",
	       b->format ? b->format : "", b->format ? ")" : "", b->img.guest_os[0] ? " of " : "", b->img.guest_os,
	       b->img.virt_base, b->img.entry);
	printk(XL_INFO "dom0: %lu MiB of memory, %u vCPU%s, initrd of %lu KiB\n", b->nr_pages >> 8, b->d->max_vcpus,
	       b->d->max_vcpus == 1 ? "" : "s", b->initrd ? (unsigned long)(b->initrd->size >> 10) : 0UL);
}

void __init dom0_build(void)
{
	static __initdata struct build build;
	struct build *b = &build;

	open_kernel(b);
	find_initrd(b);
	plan(b);
	make_domain(b);
	take_memory(b);
	load_kernel(b);
	if (b->unpacked)
		boot_pages_free(b->unpacked, b->unpacked_size);
	if (b->initrd)
		write_pfn(b, b->l.initrd_pfn, pa_to_virt(b->initrd->start), b->initrd->size);
	fill_start_info(b);
	write_pfn(b, b->l.stack_pfn, NULL, PAGE_SIZE);
	fill_page_tables(b);
	write_pfn(b, b->l.p2m_pfn, b->p2m, b->nr_pages * sizeof(*b->p2m));
	allow_ports(b->d);
	start_vcpu(b);
	announce(b);
	release(b);
	b->d->is_initialised = true;
	b->d->controller_pause_count = 0;
	domain_unpause(b->d);
}
