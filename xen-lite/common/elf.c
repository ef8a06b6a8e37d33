/* SPDX-License-Identifier: MIT */
/*
 * Reads an ELF64 kernel image (include/xl/elf.h is the contract).
 *
 * Invariant: nothing of the image is used before its offset and length are known to lie inside. Headers are copied
 * out, so the image needs no alignment. Notes come from PT_NOTE segments; only if none holds a Xen note, SHT_NOTE
 * sections are searched, for kernels that were linked without a note segment. No symbol tables, no relocation, no
 * 32-bit images.
 */
#include <xl/elf.h>
#include <xl/lib.h>
#include <public/elfnote.h>

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_shdr {
	u32 name, type;
	u64 flags, addr, offset, size;
	u32 link, info;
	u64 addralign, entsize;
};

struct elf_note {
	u32 namesz, descsz, type;
};

#define ELF_CLASS32	1
#define ELF_CLASS64	2
#define ELF_LITTLE	1
#define ET_EXEC		2
#define ET_DYN		3
#define EM_X86_64	62
#define PT_LOAD		1
#define PT_NOTE		4
#define SHT_NOTE	7
#define MAX_HEADERS	512	/* program or section headers that we look at */

struct parse {
	struct elf_image *img;
	const u8 *data;
	size_t size;
	struct elf_header eh;
	char *why;
	size_t why_size;
};

#define FAIL(s, err, ...)	(snprintf((s)->why, (s)->why_size, __VA_ARGS__), -(err))

static bool inside(const struct parse *s, u64 off, u64 len)
{
	return off <= s->size && len <= s->size - off;
}

bool elf_is_elf(const u8 *data, size_t size)
{
	return size >= 4 && !memcmp(data, "\177ELF", 4);
}

static int check_header(struct parse *s)
{
	const struct elf_header *eh = &s->eh;

	if (!elf_is_elf(s->data, s->size))
		return FAIL(s, XEN_ENOEXEC, "not an ELF image");
	if (s->size > 4 && s->data[4] == ELF_CLASS32)
		return FAIL(s, XEN_ENOEXEC, "it is 32-bit; only 64-bit PV kernels can run");
	if (s->size < sizeof(*eh))
		return FAIL(s, XEN_EINVAL, "cut off inside the ELF header");
	if (eh->ident[4] != ELF_CLASS64 || eh->ident[5] != ELF_LITTLE || eh->machine != EM_X86_64)
		return FAIL(s, XEN_ENOEXEC, "ELF, but not for x86-64 (machine %u)", eh->machine);
	if (eh->type != ET_EXEC && eh->type != ET_DYN)
		return FAIL(s, XEN_ENOEXEC, "ELF, but not an executable (type %u)", eh->type);
	if (!eh->phnum || eh->phnum > MAX_HEADERS || eh->phentsize != sizeof(struct elf_phdr))
		return FAIL(s, XEN_EINVAL, "broken ELF header: %u program headers of %u bytes", eh->phnum,
			    eh->phentsize);
	if (!inside(s, eh->phoff, (u64)eh->phnum * sizeof(struct elf_phdr)))
		return FAIL(s, XEN_EINVAL, "cut off: the program headers lie beyond its %lu bytes",
			    (unsigned long)s->size);
	return 0;
}

static struct elf_phdr phdr_get(const struct parse *s, unsigned int i)
{
	struct elf_phdr ph;

	memcpy(&ph, s->data + s->eh.phoff + i * sizeof(ph), sizeof(ph));
	return ph;
}

static void note_string(char *out, size_t out_size, const u8 *desc, size_t len)
{
	size_t i;

	for (i = 0; i < len && i < out_size - 1 && desc[i]; i++)
		out[i] = desc[i] >= ' ' && desc[i] <= '~' ? desc[i] : '?';
	out[i] = '\0';
}

#define STRING(field)	note_string(img->field, sizeof(img->field), desc, len)

static void note_take(struct elf_image *img, u32 type, const u8 *desc, size_t len)
{
	u64 num = 0;

	memcpy(&num, desc, min_t(size_t, len, sizeof(num)));
	if (type > XEN_ELFNOTE_MAX)
		return;
	img->notes |= 1U << type;
	switch (type) {
	case XEN_ELFNOTE_ENTRY:			img->entry = num; break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:	img->hypercall_page = num; break;
	case XEN_ELFNOTE_VIRT_BASE:		img->virt_base = num; break;
	case XEN_ELFNOTE_PADDR_OFFSET:		img->paddr_offset = num; break;
	case XEN_ELFNOTE_INIT_P2M:		img->init_p2m = num; break;
	case XEN_ELFNOTE_MOD_START_PFN:		img->mod_start_pfn = num; break;
	case XEN_ELFNOTE_SUPPORTED_FEATURES:	img->supported_features = num; break;
	case XEN_ELFNOTE_GUEST_OS:		STRING(guest_os); break;
	case XEN_ELFNOTE_GUEST_VERSION:		STRING(guest_version); break;
	case XEN_ELFNOTE_XEN_VERSION:		STRING(xen_version); break;
	case XEN_ELFNOTE_LOADER:		STRING(loader); break;
	case XEN_ELFNOTE_FEATURES:		STRING(features); break;
	}
}

/* The notes in p[0 .. len); one that does not fit ends the walk. */
static void notes_walk(struct parse *s, const u8 *p, u64 len)
{
	struct elf_note n;

	while (len >= sizeof(n)) {
		u64 name, desc;

		memcpy(&n, p, sizeof(n));
		name = ROUND_UP((u64)n.namesz, 4);
		desc = ROUND_UP((u64)n.descsz, 4);
		p += sizeof(n);
		len -= sizeof(n);
		if (name > len || n.descsz > len - name)
			return;
		if (n.namesz == 4 && !memcmp(p, "Xen", 4))
			note_take(s->img, n.type, p + name, n.descsz);
		if (desc > len - name)
			return;
		p += name + desc;
		len -= name + desc;
	}
}

static void notes_from_sections(struct parse *s)
{
	const struct elf_header *eh = &s->eh;
	struct elf_shdr sh;
	unsigned int i;

	if (eh->shentsize != sizeof(sh) || eh->shnum > MAX_HEADERS ||
	    !inside(s, eh->shoff, (u64)eh->shnum * sizeof(sh)))
		return;
	for (i = 0; i < eh->shnum; i++) {
		memcpy(&sh, s->data + eh->shoff + i * sizeof(sh), sizeof(sh));
		if (sh.type == SHT_NOTE && inside(s, sh.offset, sh.size))
			notes_walk(s, s->data + sh.offset, sh.size);
	}
}

static void notes_find(struct parse *s)
{
	unsigned int i;

	for (i = 0; i < s->eh.phnum; i++) {
		struct elf_phdr ph = phdr_get(s, i);

		if (ph.type == PT_NOTE && inside(s, ph.offset, ph.filesz))
			notes_walk(s, s->data + ph.offset, ph.filesz);
	}
	if (!s->img->notes)
		notes_from_sections(s);
}

static int check_notes(struct parse *s)
{
	struct elf_image *img = s->img;

	if (!img->notes)
		return FAIL(s, XEN_ENOEXEC, "not a Xen PV image: no ELF note of Xen in it (Linux needs CONFIG_XEN_PV)");
	if (!elf_has_note(img, XEN_ELFNOTE_ENTRY)) {
		if (elf_has_note(img, XEN_ELFNOTE_PHYS32_ENTRY))
			return FAIL(s, XEN_ENOEXEC, "not a Xen PV image: no ELF note ENTRY, made for PVH only "
				    "(Linux needs CONFIG_XEN_PV)");
		img->entry = s->eh.entry;
	}
	if (img->xen_version[0] && strcmp(img->xen_version, "xen-3.0"))
		return FAIL(s, XEN_ENOEXEC, "ELF note XEN_VERSION asks for '%s', only xen-3.0 is offered",
			    img->xen_version);
	if (img->loader[0] && strcmp(img->loader, "generic"))
		return FAIL(s, XEN_ENOEXEC, "ELF note LOADER asks for '%s', only generic is offered", img->loader);
	if (strstr(img->features, "!auto_translated_physmap"))
		return FAIL(s, XEN_ENOEXEC, "ELF note FEATURES requires auto_translated_physmap, which PV does "
			    "not have");
	return 0;
}

static int segment_add(struct parse *s, const struct elf_phdr *ph)
{
	struct elf_image *img = s->img;
	unsigned long pa = ph->paddr;
	struct elf_seg *seg;
	unsigned int i;
	u64 start, end;

	if (ph->filesz > ph->memsz)
		return FAIL(s, XEN_EINVAL, "segment at 0x%lx is larger in the file than in memory", pa);
	if (!inside(s, ph->offset, ph->filesz))
		return FAIL(s, XEN_EINVAL, "cut off: segment at 0x%lx lies beyond its %lu bytes", pa,
			    (unsigned long)s->size);
	if (ph->paddr < img->paddr_offset)
		return FAIL(s, XEN_EINVAL, "segment at 0x%lx lies below ELF note PADDR_OFFSET 0x%lx", pa,
			    (unsigned long)img->paddr_offset);
	start = ph->paddr - img->paddr_offset;
	if (start > ELF_MAX_SPAN || ph->memsz > ELF_MAX_SPAN - start)
		return FAIL(s, XEN_EINVAL, "segment at 0x%lx ends more than %lu MiB above the start of memory", pa,
			    ELF_MAX_SPAN >> 20);
	end = start + ph->memsz;
	if (img->nr_segs == ELF_MAX_SEGS)
		return FAIL(s, XEN_EINVAL, "more than %d segments to load", ELF_MAX_SEGS);
	for (i = 0; i < img->nr_segs; i++)
		if (start < img->seg[i].pa + img->seg[i].memsz && img->seg[i].pa < end)
			return FAIL(s, XEN_EINVAL, "segment at 0x%lx overlaps another", pa);
	seg = &img->seg[img->nr_segs++];
	*seg = (struct elf_seg){ s->data + ph->offset, start, ph->filesz, ph->memsz };
	img->pa_end = max(img->pa_end, end);
	return 0;
}

static int segments_load(struct parse *s)
{
	unsigned int i;
	int rc;

	for (i = 0; i < s->eh.phnum; i++) {
		struct elf_phdr ph = phdr_get(s, i);

		if (ph.type != PT_LOAD || !ph.memsz)
			continue;
		rc = segment_add(s, &ph);
		if (rc)
			return rc;
	}
	return s->img->nr_segs ? 0 : FAIL(s, XEN_EINVAL, "no segment to load");
}

/* Virtual address va must be canonical, and [va, va + len) lie in the kernel's part of the boot mapping. */
static bool in_kernel(const struct elf_image *img, u64 va, u64 len)
{
	return va >= img->virt_base && va - img->virt_base < img->pa_end && len <= img->pa_end - (va - img->virt_base);
}

static bool canonical(u64 va)
{
	return va + (1UL << 47) < 1UL << 48;
}

static int check_addresses(struct parse *s)
{
	const struct elf_image *img = s->img;

	if (img->virt_base % PAGE_SIZE || !canonical(img->virt_base) || img->virt_base + img->pa_end < img->virt_base)
		return FAIL(s, XEN_EINVAL, "ELF note VIRT_BASE 0x%lx is not the address of a page with room for "
			    "the kernel", (unsigned long)img->virt_base);
	if (!in_kernel(img, img->entry, 1))
		return FAIL(s, XEN_EINVAL, "entry point 0x%lx lies outside the kernel, which ends at 0x%lx",
			    (unsigned long)img->entry, (unsigned long)(img->virt_base + img->pa_end));
	if (elf_has_note(img, XEN_ELFNOTE_HYPERCALL_PAGE) &&
	    (img->hypercall_page % PAGE_SIZE || !in_kernel(img, img->hypercall_page, PAGE_SIZE)))
		return FAIL(s, XEN_EINVAL, "ELF note HYPERCALL_PAGE 0x%lx is not a page inside the kernel",
			    (unsigned long)img->hypercall_page);
	if (img->init_p2m % PAGE_SIZE || !canonical(img->init_p2m))
		return FAIL(s, XEN_EINVAL, "ELF note INIT_P2M 0x%lx is not the address of a page",
			    (unsigned long)img->init_p2m);
	return 0;
}

int elf_parse(struct elf_image *img, const u8 *data, size_t size, char *why, size_t why_size)
{
	struct parse s = { .img = img, .data = data, .size = size, .why = why, .why_size = why_size };
	int rc;

	memset(img, 0, sizeof(*img));
	memcpy(&s.eh, data, min_t(size_t, size, sizeof(s.eh)));
	rc = check_header(&s);
	if (rc)
		return rc;
	notes_find(&s);
	rc = check_notes(&s);
	if (!rc)
		rc = segments_load(&s);
	return rc ? rc : check_addresses(&s);
}
