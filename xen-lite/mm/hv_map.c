/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own address space: image, direct map, frame table, machine-to-physical table, device registers.
 *
 * Built once at boot into hv_l4, whose slots every CPU's table shares; later only hv_map_mmio() adds entries. Nothing
 * is unmapped but the init sections, once dom0 is built. Large pages where they fit. The image's text is the only thing
 * executable, and it is not writable.
 */
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/platform.h>
#include <xl/setup.h>

extern char _start[], _etext[], _erodata[], _sinit[], _einit[], _end[];

u64 hv_l4[PT_ENTRIES] __aligned(PAGE_SIZE);
unsigned long max_page;
static unsigned long mmio_next = MMIO_VIRT;
static DEFINE_SPINLOCK(mmio_lock);

static void *table_alloc(void)
{
	void *t = boot_alloc_done() ? hv_alloc_page() : boot_alloc(1);

	if (!t)
		panic("no memory for the hypervisor's page tables");
	return t;
}

static u64 *entry_at(unsigned long va, unsigned int level)
{
	u64 *t = hv_l4;

	for (unsigned int l = 4; l > level; l--) {
		u64 *e = &t[pt_index(va, l)];

		if (!(*e & PTE_P))
			*e = virt_to_pa(table_alloc()) | HV_PTE_TABLE | (l == 4 ? PTE_U : 0);
		t = mfn_to_virt(pte_mfn(*e));
	}
	return &t[pt_index(va, level)];
}

/* Maps [pa, pa + size) at va; all multiples of the page size. Uses the largest pages that alignment allows. */
void hv_map(unsigned long va, paddr_t pa, u64 size, u64 flags)
{
	while (size) {
		unsigned int level = 1;
		u64 step = PAGE_SIZE;

		if (cpu_features.gb_pages && !((va | pa) & ((1UL << 30) - 1)) && size >= 1UL << 30)
			level = 3, step = 1UL << 30;
		else if (!((va | pa) & ((1UL << 21) - 1)) && size >= 1UL << 21)
			level = 2, step = 1UL << 21;
		*entry_at(va, level) = pa | flags | (level > 1 ? PTE_PSE : 0);
		va += step;
		pa += step;
		size -= min(step, size);
	}
}

static void map_image(const char *from, const char *to, u64 flags)
{
	hv_map((unsigned long)from, virt_to_pa(from), to - from, flags);
}

/* All of memory that the firmware calls RAM or ACPI, page by page where the edges are odd. */
static void map_direct(void)
{
	for (unsigned int i = 0; i < boot_info.nr_e820; i++) {
		const struct e820entry_ *e = &boot_info.e820[i];
		paddr_t start = ROUND_DOWN(e->addr, PAGE_SIZE), end = ROUND_UP(e->addr + e->size, PAGE_SIZE);

		if (e->type == 2 || e->type == 5)
			continue;
		end = min_t(paddr_t, end, DIRECTMAP_SIZE);
		if (start < end)
			hv_map(DIRECTMAP_VIRT + start, start, end - start, HV_PTE_RW);
	}
	/* The first MiB whatever it is: BIOS data, ACPI root pointer, VGA text. */
	hv_map(DIRECTMAP_VIRT, 0, 1UL << 20, HV_PTE_RW);
}

/* A table with one element per frame: backed only where there is RAM, in 2 MiB steps. */
static void map_per_frame(unsigned long base, size_t elem, int fill, unsigned long ro_alias)
{
	const u64 step = 1UL << 21;

	for (unsigned int i = 0; i < boot_info.nr_e820; i++) {
		const struct e820entry_ *e = &boot_info.e820[i];
		u64 first, last;

		if (e->type != 1 || e->size < PAGE_SIZE)
			continue;
		first = ROUND_DOWN((e->addr >> PAGE_SHIFT) * elem, step);
		last = ((e->addr + e->size - 1) >> PAGE_SHIFT) * elem;
		for (u64 off = first; off <= last; off += step) {
			void *mem;

			if (*entry_at(base + off, 2) & PTE_P)
				continue;
			mem = boot_alloc(step >> PAGE_SHIFT);
			memset(mem, fill, step);
			hv_map(base + off, virt_to_pa(mem), step, HV_PTE_RW);
			if (ro_alias)
				*entry_at(ro_alias + off, 2) = virt_to_pa(mem) | HV_PTE_RO | PTE_U | PTE_PSE;
		}
	}
}

/* What of the frame table is not backed up to max_page is one page of zeros, so that mfn_valid() may look. */
static void map_frame_table_holes(void)
{
	u64 zeros = virt_to_pa(table_alloc()) | HV_PTE_RO, *l1 = table_alloc();

	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		l1[i] = zeros;
	for (u64 off = 0; off < max_page * sizeof(struct page_info); off += 1UL << 21) {
		u64 *e = entry_at(FRAME_TABLE_VIRT + off, 2);

		if (!(*e & PTE_P))
			*e = virt_to_pa(l1) | HV_PTE_TABLE;
	}
}

/* Guests read the M2P: the tables on the way to it need the user bit, its own entries are read-only. */
static void open_m2p(void)
{
	u64 *l3 = mfn_to_virt(pte_mfn(hv_l4[pt_index(M2P_RO_VIRT, 4)]));

	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		if (l3[i] & PTE_P)
			l3[i] |= PTE_U;
	for (unsigned int i = HV_SLOT_FIRST + 1; i <= HV_SLOT_LAST; i++)
		hv_l4[i] &= ~PTE_U;
}

void hv_map_init(void)
{
	for (unsigned int i = 0; i < boot_info.nr_e820; i++)
		if (boot_info.e820[i].type == 1)
			max_page = max(max_page, (unsigned long)((boot_info.e820[i].addr + boot_info.e820[i].size) >> PAGE_SHIFT));
	max_page = min_t(unsigned long, max_page, DIRECTMAP_SIZE >> PAGE_SHIFT);

	map_image(_start, _etext, HV_PTE_RX);
	map_image(_etext, _erodata, HV_PTE_RO);
	map_image(_sinit, _einit, HV_PTE_RX | PTE_RW);
	map_image(_einit, _end, HV_PTE_RW);
	map_direct();
	map_per_frame(FRAME_TABLE_VIRT, sizeof(struct page_info), 0, 0);
	map_frame_table_holes();
	map_per_frame(M2P_RW_VIRT, sizeof(unsigned long), 0xff, M2P_RO_VIRT);
	open_m2p();
	/* Slots that are empty now would be missed by tables made from this one later. */
	for (unsigned int i = HV_SLOT_FIRST; i <= HV_SLOT_LAST; i++)
		if (!(hv_l4[i] & PTE_P) && i != pt_index(CPU_WINDOW_VIRT, 4))
			hv_l4[i] = virt_to_pa(table_alloc()) | HV_PTE_TABLE;
	write_cr3(virt_to_pa(hv_l4));
}

/* What only start-up needed, writable code among it, disappears; its memory goes to the heap. */
void hv_free_init(void)
{
	for (const char *p = _sinit; p < _einit; p += PAGE_SIZE)
		*entry_at((unsigned long)p, 1) = 0;
	tlb_flush_mask(cpu_online_map);
	heap_free_range(virt_to_pa(_sinit), virt_to_pa(_einit));
	printk(XL_DEBUG "%lu KiB of start-up code and data freed\n", (unsigned long)(_einit - _sinit) >> 10);
}

void *hv_map_mmio(paddr_t pa, size_t size)
{
	paddr_t start = ROUND_DOWN(pa, PAGE_SIZE);
	u64 len = ROUND_UP(pa + size, PAGE_SIZE) - start;
	unsigned long va;

	spin_lock(&mmio_lock);
	va = mmio_next;
	if (va + len > HV_IMAGE_VIRT) {
		spin_unlock(&mmio_lock);
		return NULL;
	}
	mmio_next += len;
	for (u64 off = 0; off < len; off += PAGE_SIZE)
		*entry_at(va + off, 1) = (start + off) | HV_PTE_RW | PTE_PCD | PTE_PWT;
	spin_unlock(&mmio_lock);
	return (void *)(va + (pa - start));
}
