/* SPDX-License-Identifier: MIT */
/*
 * The heap: who gets which frame.
 *
 * A binary buddy allocator over the frame table. Blocks of 2^order frames hang on free lists, one for each order and
 * zone; a zone is the number of bits of the block's machine address, so "below 2^n" is a choice of zones. High zones
 * are used first. Free frames keep PGC_scrub until they are zeroed, at allocation: no one ever sees old contents, and
 * frames that are freed in bulk cost nothing then.
 *
 * heap_lock covers lists and free counts. It is the innermost lock but for none; nothing is called under it.
 */
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/setup.h>

#define NR_ZONES	41		/* address bits 12..52 */
#define LOW_FRAMES	((1UL << 20) >> PAGE_SHIFT)	/* the firmware's, and for starting CPUs */

static DEFINE_SPINLOCK(heap_lock);
static u32 free_list[NR_ZONES][MAX_ORDER + 1];
static unsigned long nr_free, nr_total;
static unsigned long nr_hv;		/* frames that are ours: neither free nor given to a domain */

/* --- before the heap ---------------------------------------------------------------------------------------- */

struct range {
	paddr_t start, end;
};
static struct range boot_free[160];	/* usable memory, ascending */
static unsigned int nr_boot_free;
static bool heap_ready;
extern char _start[], _end[];

static void boot_range_add(paddr_t start, paddr_t end)
{
	start = ROUND_UP(max_t(paddr_t, start, LOW_FRAMES << PAGE_SHIFT), PAGE_SIZE);
	end = min_t(paddr_t, ROUND_DOWN(end, PAGE_SIZE), DIRECTMAP_SIZE);
	if (start < end && nr_boot_free < ARRAY_SIZE(boot_free))
		boot_free[nr_boot_free++] = (struct range){ start, end };
}

static void boot_range_cut(paddr_t start, paddr_t end)
{
	start = ROUND_DOWN(start, PAGE_SIZE);
	end = ROUND_UP(end, PAGE_SIZE);
	for (unsigned int i = 0; i < nr_boot_free; i++) {
		struct range r = boot_free[i];

		if (end <= r.start || start >= r.end)
			continue;
		boot_free[i].end = max(r.start, start);
		if (end < r.end && nr_boot_free < ARRAY_SIZE(boot_free))
			boot_free[nr_boot_free++] = (struct range){ end, r.end };
	}
}

void boot_mem_init(void)
{
	for (unsigned int i = 0; i < boot_info.nr_e820; i++)
		if (boot_info.e820[i].type == 1)
			boot_range_add(boot_info.e820[i].addr, boot_info.e820[i].addr + boot_info.e820[i].size);
	for (unsigned int i = 0; i < boot_info.nr_e820; i++)	/* maps that overlap: reserved wins */
		if (boot_info.e820[i].type != 1)
			boot_range_cut(boot_info.e820[i].addr, boot_info.e820[i].addr + boot_info.e820[i].size);
	boot_range_cut(virt_to_pa(_start), virt_to_pa(_end));
	for (unsigned int i = 0; i < boot_info.nr_modules; i++)
		boot_range_cut(boot_info.module[i].start, boot_info.module[i].start + boot_info.module[i].size);
}

/* Large requests are aligned to 2 MiB. The boot page tables reach 4 GiB. */
void *boot_alloc(unsigned long pages)
{
	u64 size = pages << PAGE_SHIFT, align = pages >= 512 ? 1UL << 21 : PAGE_SIZE;
	unsigned int best = ~0U;
	paddr_t best_pa = 0, largest = 0;

	for (unsigned int i = 0; i < nr_boot_free; i++) {
		paddr_t end = min_t(paddr_t, boot_free[i].end, 1UL << 32), pa;

		if (boot_free[i].start >= end)
			continue;
		largest = max(largest, end - boot_free[i].start);
		if (end < size)
			continue;
		pa = ROUND_DOWN(end - size, align);
		if (pa < boot_free[i].start || (best != ~0U && pa <= best_pa))
			continue;
		best = i;
		best_pa = pa;
	}
	if (best == ~0U)
		boot_fail("too little memory: %lu KiB below 4 GiB are left in one piece and the hypervisor needs %lu KiB more",
			  (unsigned long)(largest >> 10), (unsigned long)(size >> 10));
	boot_range_cut(best_pa, best_pa + size);
	memset(pa_to_virt(best_pa), 0, size);
	return pa_to_virt(best_pa);
}

bool boot_alloc_done(void)
{
	return heap_ready;
}

/* --- lists -------------------------------------------------------------------------------------------------- */

static unsigned int zone_of(unsigned long mfn)
{
	return mfn ? 64 - __builtin_clzl(mfn) : 0;
}

static void list_push(unsigned long mfn, unsigned int order)
{
	struct page_info *pg = frame_table + mfn;
	u32 *head = &free_list[zone_of(mfn)][order];

	pg->order = order;
	pg->prev = PAGE_LIST_END;
	pg->next = *head;
	if (*head != PAGE_LIST_END)
		frame_table[*head].prev = mfn;
	*head = mfn;
}

static void list_remove(unsigned long mfn, unsigned int order)
{
	struct page_info *pg = frame_table + mfn;

	if (pg->prev != PAGE_LIST_END)
		frame_table[pg->prev].next = pg->next;
	else
		free_list[zone_of(mfn)][order] = pg->next;
	if (pg->next != PAGE_LIST_END)
		frame_table[pg->next].prev = pg->prev;
	pg->order = 0xff;
}

/* A free block starts at mfn with just this order. */
static bool block_is_free(unsigned long mfn, unsigned int order)
{
	return mfn_valid(_mfn(mfn)) && (frame_table[mfn].count_info & PGC_free) && frame_table[mfn].order == order;
}

/* Lock held; the frames' count_info is PGC_free already. */
static void block_free(unsigned long mfn, unsigned int order)
{
	nr_free += 1UL << order;
	while (order < MAX_ORDER) {
		unsigned long buddy = mfn ^ (1UL << order);

		if (zone_of(buddy) != zone_of(mfn) || !block_is_free(buddy, order))
			break;
		list_remove(buddy, order);
		mfn &= ~(1UL << order);
		order++;
	}
	list_push(mfn, order);
}

/* A block of the order from a zone at or below max_zone, or ~0. Lock held. */
static unsigned long block_alloc(unsigned int order, unsigned int max_zone)
{
	for (int zone = max_zone; zone >= 0; zone--) {
		for (unsigned int o = order; o <= MAX_ORDER; o++) {
			unsigned long mfn = free_list[zone][o];

			if (mfn == PAGE_LIST_END)
				continue;
			list_remove(mfn, o);
			while (o > order) {
				o--;
				list_push(mfn, o);	/* keep the upper half: addresses of one size stay together */
				mfn += 1UL << o;
			}
			nr_free -= 1UL << order;
			return mfn;
		}
	}
	return ~0UL;
}

/* --- init --------------------------------------------------------------------------------------------------- */

static void free_frames(unsigned long mfn, unsigned long end)
{
	while (mfn < end) {
		unsigned int order = min_t(unsigned int, mfn ? __builtin_ctzl(mfn) : MAX_ORDER, MAX_ORDER);

		while (mfn + (1UL << order) > end)
			order--;
		for (unsigned long i = 0; i < 1UL << order; i++) {
			nr_hv -= !!(frame_table[mfn + i].count_info & PGC_hv);
			frame_table[mfn + i] = (struct page_info){
				.count_info = PGC_ram | PGC_free | PGC_scrub, .owner = PAGE_UNOWNED, .order = 0xff,
			};
		}
		block_free(mfn, order);
		mfn += 1UL << order;
	}
}

void heap_free_range(paddr_t start, paddr_t end)
{
	unsigned long first = ROUND_UP(start, PAGE_SIZE) >> PAGE_SHIFT, last = end >> PAGE_SHIFT;

	spin_lock(&heap_lock);
	free_frames(first, last);
	spin_unlock(&heap_lock);
}

/*
 * Every frame that is not RAM is marked; RAM that is taken belongs to us. The first MiB counts as registers of devices,
 * as on Xen: dom0 looks for tables of the firmware there.
 */
static void mark_frames(void)
{
	for (unsigned int i = 0; i < boot_info.nr_e820; i++) {
		const struct e820entry_ *e = &boot_info.e820[i];
		unsigned long first = ROUND_UP(e->addr, PAGE_SIZE) >> PAGE_SHIFT, last = (e->addr + e->size) >> PAGE_SHIFT;

		if (e->type != 1)
			continue;
		for (unsigned long m = max(first, LOW_FRAMES); m < min(last, max_page); m++) {
			frame_table[m].count_info = PGC_ram | PGC_hv | 1;
			frame_table[m].owner = PAGE_UNOWNED;
			nr_total++;
			nr_hv++;
		}
	}
}

void heap_init(void)
{
	memset(free_list, 0xff, sizeof(free_list));
	mark_frames();
	heap_ready = true;
	for (unsigned int i = 0; i < nr_boot_free; i++)
		heap_free_range(boot_free[i].start, boot_free[i].end);
}

/* --- allocation --------------------------------------------------------------------------------------------- */

static struct page_info *frames_take(unsigned int order, unsigned int memflags)
{
	unsigned int bits = memflags >> 8, zone = NR_ZONES - 1;
	struct page_info *pg;
	unsigned long mfn;
	u64 stamp = 0;

	if (order > MAX_ORDER)
		return NULL;
	if (bits && bits <= PAGE_SHIFT)
		return NULL;
	if (bits)
		zone = min_t(unsigned int, zone, bits - PAGE_SHIFT);
	spin_lock(&heap_lock);
	mfn = block_alloc(order, zone);
	if (mfn == ~0UL) {
		spin_unlock(&heap_lock);
		return NULL;
	}
	pg = frame_table + mfn;
	for (unsigned long i = 0; i < 1UL << order; i++) {
		stamp = max(stamp, pg[i].tlb_stamp);
		pg[i].count_info &= ~PGC_free;
	}
	spin_unlock(&heap_lock);

	tlb_flush_since(stamp);		/* nobody may still see the last owner's use of these frames */
	for (unsigned long i = 0; i < 1UL << order; i++) {
		if ((pg[i].count_info & PGC_scrub) && !(memflags & MEMF_no_scrub))
			memset(page_to_virt(pg + i), 0, PAGE_SIZE);
		pg[i].count_info = PGC_ram;
		pg[i].type_info = PGT_none;
		pg[i].tlb_stamp = 0;
		pg[i].next = pg[i].prev = PAGE_LIST_END;
	}
	return pg;
}

struct page_info *heap_alloc_block(unsigned int order, unsigned int memflags)
{
	return frames_take(order, memflags);
}

void heap_free_block(struct page_info *pg, unsigned int order)
{
	unsigned long ours = 0;

	for (unsigned long i = 0; i < 1UL << order; i++) {
		ours += !!(pg[i].count_info & PGC_hv);
		pg[i].type_info = PGT_none;
		pg[i].owner = PAGE_UNOWNED;
		pg[i].order = 0xff;
		pg[i].tlb_stamp = tlb_stamp_now();
		pg[i].count_info = PGC_ram | PGC_free | PGC_scrub;
	}
	spin_lock(&heap_lock);
	nr_hv -= ours;
	block_free(mfn_x(page_to_mfn(pg)), order);
	spin_unlock(&heap_lock);
}

static void *hv_pages_take(unsigned int order, unsigned int memflags)
{
	struct page_info *pg = frames_take(order, memflags);

	if (!pg)
		return NULL;
	for (unsigned long i = 0; i < 1UL << order; i++) {
		pg[i].owner = PAGE_UNOWNED;
		pg[i].count_info = PGC_ram | PGC_hv | 1;
	}
	spin_lock(&heap_lock);
	nr_hv += 1UL << order;
	spin_unlock(&heap_lock);
	return page_to_virt(pg);
}

void *hv_alloc_pages(unsigned int order)
{
	return hv_pages_take(order, 0);
}

void *hv_alloc_unclean_pages(unsigned int order)
{
	return hv_pages_take(order, MEMF_no_scrub);
}

struct page_info *domain_alloc_pages(struct domain *d, unsigned int order, unsigned int memflags)
{
	struct page_info *pg = frames_take(order, memflags);

	if (!pg)
		return NULL;
	for (unsigned long i = 0; i < 1UL << order; i++)
		m2p_set(page_to_mfn(pg + i), INVALID_M2P_ENTRY);
	if (page_assign(pg, order, d)) {
		heap_free_block(pg, order);
		return NULL;
	}
	return pg;
}

unsigned long heap_free_pages(void)
{
	return nr_free;
}

unsigned long heap_total_pages(void)
{
	return nr_total;
}

unsigned long heap_hypervisor_pages(void)
{
	return nr_hv;
}

/* --- small objects ------------------------------------------------------------------------------------------ */

/*
 * Power-of-two sizes from 16 to 2048 bytes, cut from single pages; a page knows its size by page_info.order and serves
 * that size for good. Larger requests are whole pages.
 */
#define MIN_SHIFT	4
#define MAX_SHIFT	11

struct free_object {
	struct free_object *next;
};
static struct free_object *objects[MAX_SHIFT + 1];
static DEFINE_SPINLOCK(object_lock);

static unsigned int size_shift(size_t size)
{
	return size <= 1U << MIN_SHIFT ? MIN_SHIFT : 64 - __builtin_clzl(size - 1);
}

static void objects_refill(unsigned int shift)
{
	char *page = hv_alloc_page();

	if (!page)
		return;
	virt_to_page(page)->order = shift;
	for (unsigned int off = 0; off < PAGE_SIZE; off += 1U << shift) {
		struct free_object *o = (void *)(page + off);

		o->next = objects[shift];
		objects[shift] = o;
	}
}

void *hv_alloc(size_t size)
{
	unsigned int shift = size_shift(size);
	struct free_object *o;

	if (shift > MAX_SHIFT) {
		unsigned int order = max_t(unsigned int, shift, PAGE_SHIFT) - PAGE_SHIFT;
		void *v;

		v = hv_alloc_pages(order);
		if (v)
			virt_to_page(v)->order = 64 + order;
		return v;
	}
	spin_lock(&object_lock);
	if (!objects[shift])
		objects_refill(shift);
	o = objects[shift];
	if (o)
		objects[shift] = o->next;
	spin_unlock(&object_lock);
	if (o)
		memset(o, 0, 1UL << shift);
	return o;
}

void hv_free(void *v)
{
	unsigned int shift;
	struct free_object *o = v;

	if (!v)
		return;
	shift = virt_to_page(v)->order;
	if (shift >= 64) {
		hv_free_pages(v, shift - 64);
		return;
	}
	spin_lock(&object_lock);
	o->next = objects[shift];
	objects[shift] = o;
	spin_unlock(&object_lock);
}
