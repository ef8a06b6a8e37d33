/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's view of a kernel image (common/elf.c), what may be packed around it (boot/bzimage.c), and the
 * layout that dom0 gets for it (pv/dom0_layout.c). Images are made here, byte by byte, then broken in every way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <elf.h>
#include <CUnit/Basic.h>
#undef PT_LOAD
#define PT_LOAD 1
#include <xl/config.h>
#include <xl/dom0_layout.h>
#include <xl/elf.h>
#include <xl/lib.h>
#include <xl/unpack.h>
#include <public/elfnote.h>

#define VIRT	0xffffffff80000000UL

/* An image on the heap, exactly as long as it claims, so that a read beyond it is caught. */
static u8 *file;
static size_t file_len;
static Elf64_Ehdr *eh;
static Elf64_Phdr *ph;		/* [0] text, [1] data placed by p_paddr only, [2] notes */
static size_t note_end;

static void note_add(u32 type, const void *desc, u32 len)
{
	Elf64_Nhdr nh = { 4, len, type };

	memcpy(file + note_end, &nh, sizeof(nh));
	memcpy(file + note_end + sizeof(nh), "Xen", 4);
	memcpy(file + note_end + sizeof(nh) + 4, desc, len);
	note_end += sizeof(nh) + 4 + ROUND_UP(len, 4);
	ph[2].p_filesz = note_end - ph[2].p_offset;
}

static void note_num(u32 type, u64 v)
{
	note_add(type, &v, 8);
}

static void note_str(u32 type, const char *s)
{
	note_add(type, s, strlen(s) + 1);
}

/* Headers, 4 KiB of text at 16 MiB, data with p_vaddr 0 behind it, and room for notes; no note yet. */
static void image_new(void)
{
	free(file);
	file_len = 0x4000;
	file = calloc(1, file_len);
	eh = (Elf64_Ehdr *)file;
	ph = (Elf64_Phdr *)(file + sizeof(*eh));
	memcpy(eh->e_ident, "\177ELF\2\1\1", 7);
	eh->e_type = ET_EXEC;
	eh->e_machine = EM_X86_64;
	eh->e_entry = VIRT + 0x1000123;
	eh->e_phoff = sizeof(*eh);
	eh->e_phentsize = sizeof(*ph);
	eh->e_phnum = 3;
	ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = 0x1000, .p_vaddr = VIRT + 0x1000000, .p_paddr = 0x1000000,
			      .p_filesz = 0x1000, .p_memsz = 0x1000 };
	ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = 0x2000, .p_vaddr = 0, .p_paddr = 0x1001000,
			      .p_filesz = 0x800, .p_memsz = 0x3000 };
	ph[2] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = 0x3000 };
	note_end = 0x3000;
}

static void image_linux(void)
{
	image_new();
	note_str(XEN_ELFNOTE_GUEST_OS, "linux");
	note_str(XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
	note_num(XEN_ELFNOTE_VIRT_BASE, VIRT);
	note_num(XEN_ELFNOTE_ENTRY, VIRT + 0x1000200);
	note_num(XEN_ELFNOTE_INIT_P2M, 0x8000000000);
	note_num(XEN_ELFNOTE_MOD_START_PFN, 1);
	note_num(XEN_ELFNOTE_SUPPORTED_FEATURES, 0x8801);
	note_str(XEN_ELFNOTE_LOADER, "generic");
}

static struct elf_image img;
static char why[160];

static int parse(void)
{
	why[0] = '\0';
	return elf_parse(&img, file, file_len, why, sizeof(why));
}

static void test_linux(void)
{
	image_linux();
	CU_ASSERT(parse() == 0);
	CU_ASSERT(img.nr_segs == 2 && img.pa_end == 0x1004000);
	CU_ASSERT(img.seg[1].data == file + 0x2000 && img.seg[1].pa == 0x1001000 && img.seg[1].filesz == 0x800);
	CU_ASSERT(img.entry == VIRT + 0x1000200 && img.virt_base == VIRT && img.init_p2m == 0x8000000000);
	CU_ASSERT(img.mod_start_pfn == 1 && img.supported_features == 0x8801);
	CU_ASSERT_STRING_EQUAL(img.guest_os, "linux");
	CU_ASSERT(elf_has_note(&img, XEN_ELFNOTE_INIT_P2M) && !elf_has_note(&img, XEN_ELFNOTE_HYPERCALL_PAGE));
}

/* A test kernel: one note, entry from the ELF header, physical addresses that start at VIRT_BASE. */
static void test_small(void)
{
	image_new();
	eh->e_entry = 0x1000000;
	note_num(XEN_ELFNOTE_HYPERCALL_PAGE, 0x1000000);
	CU_ASSERT(parse() == 0 && img.entry == 0x1000000 && img.virt_base == 0);
	image_new();
	note_num(XEN_ELFNOTE_VIRT_BASE, 0x400000);
	note_num(XEN_ELFNOTE_PADDR_OFFSET, 0x1000000);
	note_num(XEN_ELFNOTE_ENTRY, 0x400010);
	CU_ASSERT(parse() == 0 && img.seg[0].pa == 0 && img.pa_end == 0x4000 && img.entry == 0x400010);
}

/* Notes in a section only. */
static void test_note_section(void)
{
	Elf64_Shdr *sh;

	image_linux();
	sh = (Elf64_Shdr *)(file + 0x3800);
	sh[1] = (Elf64_Shdr){ .sh_type = SHT_NOTE, .sh_offset = 0x3000, .sh_size = note_end - 0x3000 };
	eh->e_shoff = 0x3800;
	eh->e_shentsize = sizeof(*sh);
	eh->e_shnum = 2;
	eh->e_phnum = 2;
	CU_ASSERT(parse() == 0 && img.entry == VIRT + 0x1000200);
	eh->e_shoff = file_len - 64;
	CU_ASSERT(parse() == -XEN_ENOEXEC);
}

static void refused(int rc, const char *part)
{
	CU_ASSERT(parse() == rc);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, part));
	if (!strstr(why, part))
		printf("\nexpected '%s', was told '%s'\n", part, why);
}

static void test_not_ours(void)
{
	image_new();
	refused(-XEN_ENOEXEC, "no ELF note of Xen");
	note_str(XEN_ELFNOTE_GUEST_OS, "linux");
	note_num(XEN_ELFNOTE_PHYS32_ENTRY, 0x1000000);
	refused(-XEN_ENOEXEC, "PVH only");
	image_linux();
	file[4] = 1;
	refused(-XEN_ENOEXEC, "32-bit");
	image_linux();
	eh->e_machine = 183;
	refused(-XEN_ENOEXEC, "not for x86-64");
	image_linux();
	eh->e_type = ET_REL;
	refused(-XEN_ENOEXEC, "not an executable");
	image_linux();
	note_str(XEN_ELFNOTE_XEN_VERSION, "xen-4.0");
	refused(-XEN_ENOEXEC, "'xen-4.0'");
	image_linux();
	note_str(XEN_ELFNOTE_LOADER, "special");
	refused(-XEN_ENOEXEC, "'special'");
	image_linux();
	note_str(XEN_ELFNOTE_FEATURES, "pae|!auto_translated_physmap");
	refused(-XEN_ENOEXEC, "auto_translated_physmap");
	image_linux();
	file[0] = 0;
	refused(-XEN_ENOEXEC, "not an ELF image");
}

#define BROKEN(change, part) do { image_linux(); change; refused(-XEN_EINVAL, part); } while (0)

static void test_broken(void)
{
	BROKEN(eh->e_phnum = 0, "program headers");
	BROKEN(eh->e_phentsize = 55, "program headers");
	BROKEN(eh->e_phoff = file_len - 8, "cut off");
	BROKEN(eh->e_phoff = ~0UL - 7, "cut off");
	BROKEN(ph[0].p_filesz = 0x1001, "larger in the file");
	BROKEN(ph[0].p_offset = file_len - 0xfff, "cut off");
	BROKEN(ph[0].p_offset = ~0UL, "cut off");
	BROKEN(ph[1].p_memsz = ~0UL, "more than 1024 MiB");
	BROKEN(ph[1].p_paddr = ~0UL - 0x1000, "more than 1024 MiB");
	BROKEN(ph[1].p_paddr = 0x1000800, "overlaps");
	BROKEN((ph[1].p_paddr = 0xffff00, ph[1].p_memsz = 0x1000), "overlaps");
	BROKEN((ph[1].p_memsz = 0x2800, note_num(XEN_ELFNOTE_HYPERCALL_PAGE, VIRT + 0x1003000)), "HYPERCALL_PAGE");
	BROKEN((ph[0].p_type = PT_NULL, ph[1].p_type = PT_NULL), "no segment");
	BROKEN(note_num(XEN_ELFNOTE_PADDR_OFFSET, 0x1000001), "PADDR_OFFSET");
	BROKEN(note_num(XEN_ELFNOTE_VIRT_BASE, VIRT + 8), "VIRT_BASE");
	BROKEN(note_num(XEN_ELFNOTE_VIRT_BASE, 0x800000000000), "VIRT_BASE");
	BROKEN(note_num(XEN_ELFNOTE_VIRT_BASE, 0xffffffffff000000), "VIRT_BASE");
	BROKEN(note_num(XEN_ELFNOTE_ENTRY, VIRT + 0x1004000), "entry point");
	BROKEN(note_num(XEN_ELFNOTE_ENTRY, VIRT - 1), "entry point");
	BROKEN(note_num(XEN_ELFNOTE_HYPERCALL_PAGE, VIRT + 0x1003800), "HYPERCALL_PAGE");
	BROKEN(note_num(XEN_ELFNOTE_HYPERCALL_PAGE, VIRT + 0x1004000), "HYPERCALL_PAGE");
	BROKEN(note_num(XEN_ELFNOTE_INIT_P2M, 0x1000000000000), "INIT_P2M");
	BROKEN(file_len = 63, "cut off inside");
}

/* No prefix of a good image and no single changed byte of its headers may lead outside; ASan watches. */
static void test_mutations(void)
{
	unsigned int i, bit;

	image_linux();
	for (i = 0; i < 0x4000; i += 7) {
		u8 *copy = malloc(i ? i : 1);

		memcpy(copy, file, i);
		elf_parse(&img, copy, i, why, sizeof(why));
		free(copy);
	}
	for (i = 0; i < note_end; i++) {
		if (i == sizeof(*eh) + 3 * sizeof(*ph))
			i = 0x3000;
		for (bit = 0; bit < 8; bit++) {
			file[i] ^= 1 << bit;
			if (!elf_parse(&img, file, file_len, why, sizeof(why)))
				CU_ASSERT(img.pa_end <= ELF_MAX_SPAN && img.nr_segs <= ELF_MAX_SEGS);
			file[i] ^= 1 << bit;
		}
	}
	CU_ASSERT(parse() == 0);
}

/* --- what may be packed around it --- */

static void test_packed(void)
{
	static u8 bz[0x1000];
	struct packed p;

	image_linux();
	CU_ASSERT(!packed_find(&p, file, file_len) && !p.format && p.data == file && p.len == file_len);

	bz[0x1f1] = 1;
	bz[0x1fe] = 0x55;
	bz[0x1ff] = 0xaa;
	memcpy(bz + 0x202, "HdrS", 4);
	bz[0x206] = 0x0f;
	bz[0x207] = 2;
	bz[0x248] = 0x10;		/* payload at 1024 + 16 */
	bz[0x24d] = 1;			/* 256 bytes */
	memcpy(bz + 0x410, "\xfd""7zXZ\0", 6);
	memcpy(bz + 0x410 + 252, "\0\0\x10\0", 4);
	CU_ASSERT(!packed_find(&p, bz, sizeof(bz)));
	CU_ASSERT(p.format && !strcmp(p.format, "xz") && p.data == bz + 0x410);
	CU_ASSERT(p.len == 252 && p.unpacked == 0x100000);
	CU_ASSERT(!packed_find(&p, bz, 0x510));
	CU_ASSERT_PTR_NOT_NULL(packed_find(&p, bz, 0x50f));
	bz[0x24f] = 0xff;
	CU_ASSERT_PTR_NOT_NULL(packed_find(&p, bz, sizeof(bz)));
	bz[0x24f] = 0;
	bz[0x206] = 7;
	CU_ASSERT_PTR_NOT_NULL(packed_find(&p, bz, sizeof(bz)));
	bz[0x206] = 8;
	memcpy(bz + 0x410 + 252, "\1\0\0\x20", 4);
	CU_ASSERT_PTR_NOT_NULL(packed_find(&p, bz, sizeof(bz)));
	memcpy(bz + 0x410 + 252, "\0\0\0\0", 4);
	CU_ASSERT_PTR_NOT_NULL(packed_find(&p, bz, sizeof(bz)));
	memcpy(bz + 0x410, "BZh9", 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(packed_find(&p, bz, sizeof(bz)), "only xz"));
	memcpy(bz + 0x410, "\x1f\x8b\x08\0", 4);
	memcpy(bz + 0x410 + 252, "\0\x10\0\0", 4);
	CU_ASSERT(!packed_find(&p, bz, sizeof(bz)) && !strcmp(p.format, "gzip"));
	CU_ASSERT(p.len == 256 && p.unpacked == 0x1000);
	CU_ASSERT(!packed_find(&p, bz + 0x410, 256) && !strcmp(p.format, "gzip"));
	CU_ASSERT_PTR_NOT_NULL(packed_find(&p, bz, 2));
	CU_ASSERT_PTR_NOT_NULL(packed_find(&p, bz, 0));
}

/* --- layout --- */

static struct dom0_layout l;

/* No two parts share a frame, the tables are enough, the padding is there. */
static void check_layout(unsigned long initrd_size, unsigned long nr_pages)
{
	unsigned long end = VIRT, kernel = DIV_ROUND_UP(img.pa_end, PAGE_SIZE), level, need = 1;
	struct { unsigned long pfn, n; } part[7] = {
		{ 0, kernel }, { l.initrd_pfn, l.initrd_pages }, { l.p2m_pfn, l.p2m_pages }, { l.start_info_pfn, 1 },
		{ l.pt_pfn, l.nr_pt }, { l.stack_pfn, 1 }, { l.p2m_pt_pfn, l.nr_p2m_pt },
	};

	for (unsigned int i = 0; i < 7; i++)
		for (unsigned int j = 0; j < 7; j++)
			CU_ASSERT(i == j || !part[i].n || !part[j].n || part[i].pfn + part[i].n <= part[j].pfn ||
				  part[j].pfn + part[j].n <= part[i].pfn);
	CU_ASSERT(l.initrd_pages == DIV_ROUND_UP(initrd_size, PAGE_SIZE) && l.p2m_pages == DIV_ROUND_UP(nr_pages, 512));
	end = l.virt_base + l.boot_pages * PAGE_SIZE;
	CU_ASSERT(!(end & 0x3fffff) && end - (l.virt_base + (l.stack_pfn + 1) * PAGE_SIZE) >= 512 << 10);
	for (level = 1; level < 4; level++) {
		unsigned long shift = 12 + 9 * level;

		need += ((end - 1) >> shift) - (l.virt_base >> shift) + 1;
	}
	CU_ASSERT(l.nr_pt == need);
	CU_ASSERT(dom0_layout_is_pt(&l, l.pt_pfn) && dom0_layout_is_pt(&l, l.pt_pfn + l.nr_pt - 1) &&
		  !dom0_layout_is_pt(&l, l.stack_pfn) && !dom0_layout_is_pt(&l, l.start_info_pfn));
	CU_ASSERT(!l.nr_p2m_pt || dom0_layout_is_pt(&l, l.p2m_pt_pfn));
}

static void test_layout(void)
{
	image_linux();
	CU_ASSERT(!parse() && !dom0_layout_plan(&l, &img, 12345678, 131072, why, sizeof(why)));
	check_layout(12345678, 131072);
	CU_ASSERT(l.initrd_pfn == l.boot_pages && !l.initrd_mapped && l.p2m_apart && l.p2m_va == 0x8000000000);
	CU_ASSERT(l.nr_p2m_pt == 3 && l.used_pages == l.p2m_pt_pfn + 3);

	image_new();
	note_num(XEN_ELFNOTE_VIRT_BASE, 0);
	note_num(XEN_ELFNOTE_ENTRY, 0x1000000);
	CU_ASSERT(!parse());
	for (unsigned long mib = 0; mib < 40; mib++) {
		CU_ASSERT(!dom0_layout_plan(&l, &img, mib << 19, 1000000, why, sizeof(why)));
		check_layout(mib << 19, 1000000);
		CU_ASSERT(l.used_pages == l.boot_pages && !l.nr_p2m_pt && l.p2m_va == l.p2m_pfn << PAGE_SHIFT);
		CU_ASSERT(!mib || (l.initrd_mapped && l.initrd_pfn < l.p2m_pfn));
	}
}

static void bad_layout(u64 virt_base, u64 p2m, const char *part)
{
	image_new();
	note_num(XEN_ELFNOTE_VIRT_BASE, virt_base);
	note_num(XEN_ELFNOTE_ENTRY, virt_base + 0x1000000);
	if (p2m)
		note_num(XEN_ELFNOTE_INIT_P2M, p2m);
	CU_ASSERT(!parse() && dom0_layout_plan(&l, &img, 0, 131072, why, sizeof(why)) == -XEN_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, part));
}

static void test_layout_refuses(void)
{
	bad_layout(HV_VIRT_START, 0, "VIRT_BASE");
	bad_layout(HV_VIRT_END - 0x1000, 0, "VIRT_BASE");
	bad_layout(0x7ffffefa0000, 0, "VIRT_BASE");
	bad_layout(0xfffffffffefa0000, 0, "VIRT_BASE");
	bad_layout(VIRT, HV_VIRT_START + 0x1000, "INIT_P2M");
	bad_layout(VIRT, VIRT - 0x40000000, "INIT_P2M");
	bad_layout(VIRT, 0x7ffffffff000, "INIT_P2M");
}

int main(void)
{
	CU_pSuite s;

	if (CU_initialize_registry())
		return 1;
	s = CU_add_suite("elf", NULL, NULL);
	CU_add_test(s, "a Linux kernel", test_linux);
	CU_add_test(s, "a test kernel", test_small);
	CU_add_test(s, "notes in a section", test_note_section);
	CU_add_test(s, "images for something else", test_not_ours);
	CU_add_test(s, "broken images", test_broken);
	CU_add_test(s, "prefixes and flipped bits", test_mutations);
	CU_add_test(s, "bzImage and other wrappings", test_packed);
	CU_add_test(s, "layouts", test_layout);
	CU_add_test(s, "layouts that cannot be", test_layout_refuses);
	CU_basic_run_tests();
	free(file);
	return CU_get_number_of_failures() || CU_get_error();
}
