/* SPDX-License-Identifier: MIT */
/*
 * Reads an ELF64 kernel: PT_LOAD segments and the notes of owner "Xen".
 *
 * Segments are placed by p_paddr, never by p_vaddr: Linux links its per-CPU section at virtual address 0. Notes come
 * from PT_NOTE headers; only if none of those holds a Xen note, SHT_NOTE sections are searched, for kernels linked
 * without a note segment, and then section __xen_guest, which is what kernels had before there were notes (Mini-OS has
 * it). Headers are copied before use, so the input needs no alignment.
 */
#include "image.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "public/elfnote.h"

#define MAX_HEADERS	1024	/* program or section headers that we are willing to look at */
#define GUEST_SECTION	"__xen_guest"
#define MAX_GUEST_TEXT	4096

bool elf_detect(const uint8_t *buf, size_t len)
{
	return len >= SELFMAG && !memcmp(buf, ELFMAG, SELFMAG);
}

static int header_check(const Elf64_Ehdr *eh, struct errbuf *e)
{
	if (eh->e_ident[EI_CLASS] == ELFCLASS32)
		return build_fail(e, -ENOEXEC, "is 32-bit: only 64-bit PV kernels can be started");
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB)
		return build_fail(e, -ENOEXEC, "is no little-endian ELF64 file");
	if (eh->e_machine != EM_X86_64)
		return build_fail(e, -ENOEXEC, "is for another processor (ELF machine %u), not for x86-64",
				  eh->e_machine);
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return build_fail(e, -ENOEXEC, "is ELF, but no executable (ELF type %u)", eh->e_type);
	if (!eh->e_phnum || eh->e_phnum > MAX_HEADERS || eh->e_phentsize != sizeof(Elf64_Phdr))
		return build_fail(e, -EINVAL, "has a broken ELF header (%u program headers of %u bytes)",
				  eh->e_phnum, eh->e_phentsize);
	return 0;
}

static bool in_file(uint64_t off, uint64_t size, size_t len)
{
	return off <= len && size <= len - off;
}

/* Copy header i of a table at off. The caller has checked that the whole table lies in the file. */
static Elf64_Phdr phdr_get(const uint8_t *buf, uint64_t off, unsigned int i)
{
	Elf64_Phdr ph;

	memcpy(&ph, buf + off + i * sizeof(ph), sizeof(ph));
	return ph;
}

static uint64_t note_number(const uint8_t *desc, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, desc, size < sizeof(v) ? size : sizeof(v));
	return v;
}

static void note_string(char *out, size_t size, const uint8_t *desc, size_t len)
{
	size_t n = strnlen((const char *)desc, len);

	if (n >= size)
		n = size - 1;
	memcpy(out, desc, n);
	out[n] = '\0';
	for (; n; n--)
		if (out[n - 1] < ' ' || out[n - 1] > '~')
			out[n - 1] = '?';
}

#define NOTE_STRING(field) note_string(img->field, sizeof(img->field), desc, len)

static void note_apply(struct kernel_image *img, uint32_t type, const uint8_t *desc, size_t len)
{
	uint64_t num = note_number(desc, len);

	switch (type) {
	case XEN_ELFNOTE_ENTRY:
		img->entry = num;
		img->has_entry = true;
		break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		img->hypercall_page = num;
		img->has_hypercall_page = true;
		break;
	case XEN_ELFNOTE_INIT_P2M:
		img->init_p2m = num;
		img->has_init_p2m = true;
		break;
	case XEN_ELFNOTE_PHYS32_ENTRY:
		img->phys32_entry = num;
		img->has_phys32_entry = true;
		break;
	case XEN_ELFNOTE_L1_MFN_VALID:
		img->l1_mfn_mask = num;
		img->l1_mfn_value = len >= 16 ? note_number(desc + 8, 8) : num;
		img->has_l1_mfn_valid = true;
		break;
	case XEN_ELFNOTE_VIRT_BASE:
		img->virt_base = num;
		break;
	case XEN_ELFNOTE_PADDR_OFFSET:
		img->paddr_offset = num;
		break;
	case XEN_ELFNOTE_HV_START_LOW:
		img->hv_start_low = num;
		break;
	case XEN_ELFNOTE_MOD_START_PFN:
		img->mod_start_pfn = num;
		break;
	case XEN_ELFNOTE_SUSPEND_CANCEL:
		img->suspend_cancel = num;
		break;
	case XEN_ELFNOTE_SUPPORTED_FEATURES:
		img->supported_features = num;
		break;
	case XEN_ELFNOTE_GUEST_OS:
		NOTE_STRING(guest_os);
		break;
	case XEN_ELFNOTE_GUEST_VERSION:
		NOTE_STRING(guest_version);
		break;
	case XEN_ELFNOTE_XEN_VERSION:
		NOTE_STRING(xen_version);
		break;
	case XEN_ELFNOTE_LOADER:
		NOTE_STRING(loader);
		break;
	case XEN_ELFNOTE_PAE_MODE:
		NOTE_STRING(pae_mode);
		break;
	case XEN_ELFNOTE_FEATURES:
		NOTE_STRING(features);
		break;
	}
}

/* Walk the notes in p[0..len). Returns how many were Xen's. A note that does not fit ends the walk. */
static unsigned int notes_walk(struct kernel_image *img, const uint8_t *p, uint64_t len)
{
	unsigned int found = 0;

	while (len >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr nh;
		uint64_t name, desc;

		memcpy(&nh, p, sizeof(nh));
		name = (nh.n_namesz + 3ull) & ~3ull;
		desc = (nh.n_descsz + 3ull) & ~3ull;
		p += sizeof(nh);
		len -= sizeof(nh);
		if (name > len || nh.n_descsz > len - name)
			break;
		if (nh.n_namesz == 4 && !memcmp(p, "Xen", 4)) {
			note_apply(img, nh.n_type, p + name, nh.n_descsz);
			found++;
		}
		if (desc > len - name)
			break;
		p += name + desc;
		len -= name + desc;
	}
	return found;
}

static unsigned int notes_from_segments(struct kernel_image *img, const uint8_t *buf, size_t len, const Elf64_Ehdr *eh)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < eh->e_phnum; i++) {
		Elf64_Phdr ph = phdr_get(buf, eh->e_phoff, i);

		if (ph.p_type == PT_NOTE && in_file(ph.p_offset, ph.p_filesz, len))
			found += notes_walk(img, buf + ph.p_offset, ph.p_filesz);
	}
	return found;
}

static bool sections_ok(const Elf64_Ehdr *eh, size_t len)
{
	return eh->e_shentsize == sizeof(Elf64_Shdr) && eh->e_shnum <= MAX_HEADERS &&
	       in_file(eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(Elf64_Shdr), len);
}

/* Section i, where sections_ok(). Its contents lie in the file, or it is empty. */
static Elf64_Shdr shdr_get(const uint8_t *buf, size_t len, const Elf64_Ehdr *eh, unsigned int i)
{
	Elf64_Shdr sh;

	memcpy(&sh, buf + eh->e_shoff + i * sizeof(sh), sizeof(sh));
	if (sh.sh_type == SHT_NOBITS || !in_file(sh.sh_offset, sh.sh_size, len))
		sh.sh_offset = sh.sh_size = 0;
	return sh;
}

static unsigned int notes_from_sections(struct kernel_image *img, const uint8_t *buf, size_t len, const Elf64_Ehdr *eh)
{
	unsigned int found = 0;

	if (!sections_ok(eh, len))
		return 0;
	for (unsigned int i = 0; i < eh->e_shnum; i++) {
		Elf64_Shdr sh = shdr_get(buf, len, eh, i);

		if (sh.sh_type == SHT_NOTE)
			found += notes_walk(img, buf + sh.sh_offset, sh.sh_size);
	}
	return found;
}

/* --- section __xen_guest: "NAME=value,NAME=value", ended by a 0 --- */

static void guest_number(struct kernel_image *img, const char *name, const char *value)
{
	uint64_t num = strtoull(value, NULL, 0);

	if (!strcmp(name, "VIRT_BASE")) {
		img->virt_base = num;
	} else if (!strcmp(name, "VIRT_ENTRY")) {
		img->entry = num;
		img->has_entry = true;
	} else if (!strcmp(name, "ELF_PADDR_OFFSET")) {
		img->paddr_offset = num;
	} else if (!strcmp(name, "HYPERCALL_PAGE")) {
		img->hypercall_page = num << 12;	/* a number of pages from VIRT_BASE */
		img->has_hypercall_page = true;
	}
}

static void guest_word(struct kernel_image *img, const char *name, const char *value)
{
	const struct {
		const char *name;
		char *to;
		size_t size;
	} words[] = {
		{ "GUEST_OS", img->guest_os, sizeof(img->guest_os) },
		{ "GUEST_VER", img->guest_version, sizeof(img->guest_version) },
		{ "XEN_VER", img->xen_version, sizeof(img->xen_version) },
		{ "LOADER", img->loader, sizeof(img->loader) },
		{ "PAE", img->pae_mode, sizeof(img->pae_mode) },
		{ "FEATURES", img->features, sizeof(img->features) },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(name, words[i].name))
			note_string(words[i].to, words[i].size, (const uint8_t *)value, strlen(value));
}

static void guest_text(struct kernel_image *img, char *text)
{
	bool has_offset = strstr(text, "ELF_PADDR_OFFSET=");
	char *save, *item, *value;

	for (item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		value = strchr(item, '=');
		if (!value)
			continue;
		*value++ = '\0';
		guest_number(img, item, value);
		guest_word(img, item, value);
	}
	if (!has_offset)
		img->paddr_offset = img->virt_base;	/* such kernels have virtual addresses in p_paddr */
	img->hypercall_page += img->virt_base;
}

static unsigned int guest_section(struct kernel_image *img, const uint8_t *buf, size_t len, const Elf64_Ehdr *eh)
{
	Elf64_Shdr names;

	if (!sections_ok(eh, len) || eh->e_shstrndx >= eh->e_shnum)
		return 0;
	names = shdr_get(buf, len, eh, eh->e_shstrndx);
	for (unsigned int i = 0; i < eh->e_shnum; i++) {
		Elf64_Shdr sh = shdr_get(buf, len, eh, i);
		char *text;

		if (!in_file(sh.sh_name, sizeof(GUEST_SECTION), names.sh_size) || sh.sh_size > MAX_GUEST_TEXT ||
		    memcmp(buf + names.sh_offset + sh.sh_name, GUEST_SECTION, sizeof(GUEST_SECTION)))
			continue;
		text = strndup((const char *)buf + sh.sh_offset, sh.sh_size);
		if (text)
			guest_text(img, text);
		free(text);
		return 1;
	}
	return 0;
}

static int segment_add(struct kernel_image *img, const uint8_t *buf, size_t len, const Elf64_Phdr *ph,
		       struct errbuf *e)
{
	struct image_seg *s = &img->seg[img->nr_segs];
	unsigned long long pa = ph->p_paddr;

	if (ph->p_filesz > ph->p_memsz)
		return build_fail(e, -EINVAL, "segment at 0x%llx is larger in the file than in memory", pa);
	if (!in_file(ph->p_offset, ph->p_filesz, len))
		return build_fail(e, -EINVAL, "is cut off: segment at 0x%llx ends at byte %llu, the file has %zu", pa,
				  (unsigned long long)(ph->p_offset + ph->p_filesz), len);
	if (pa < img->paddr_offset)
		return build_fail(e, -EINVAL, "segment at 0x%llx lies below ELF note PADDR_OFFSET", pa);
	if (pa - img->paddr_offset > UINT64_MAX - ph->p_memsz)
		return build_fail(e, -EINVAL, "segment at 0x%llx reaches beyond the address space", pa);
	if (img->nr_segs == IMAGE_MAX_SEGS)
		return build_fail(e, -EINVAL, "has more than %d segments to load", IMAGE_MAX_SEGS);
	*s = (struct image_seg){ buf + ph->p_offset, pa - img->paddr_offset, ph->p_filesz, ph->p_memsz };
	img->nr_segs++;
	return 0;
}

static int segment_compare(const void *a, const void *b)
{
	const struct image_seg *x = a, *y = b;

	return x->pa < y->pa ? -1 : x->pa > y->pa;
}

static int segments_check(struct kernel_image *img, struct errbuf *e)
{
	const struct image_seg *last;

	if (!img->nr_segs)
		return build_fail(e, -EINVAL, "has no segment to load");
	qsort(img->seg, img->nr_segs, sizeof(img->seg[0]), segment_compare);
	last = &img->seg[img->nr_segs - 1];
	for (const struct image_seg *s = img->seg; s < last; s++)
		if (s[1].pa - s->pa < s->memsz)
			return build_fail(e, -EINVAL, "segments at 0x%llx and 0x%llx overlap",
					  (unsigned long long)s->pa, (unsigned long long)s[1].pa);
	img->pa_start = img->seg[0].pa;
	img->pa_end = last->pa + last->memsz;
	if (img->pa_end - img->pa_start > IMAGE_MAX_SPAN || img->pa_end > IMAGE_MAX_SPAN)
		return build_fail(e, -EFBIG, "reaches from 0x%llx to 0x%llx, beyond the limit of %lu MiB",
				  (unsigned long long)img->pa_start, (unsigned long long)img->pa_end,
				  IMAGE_MAX_SPAN >> 20);
	return 0;
}

int elf_parse(struct kernel_image *img, const uint8_t *buf, size_t len, struct errbuf *e)
{
	Elf64_Ehdr eh = { 0 };
	int rc;

	memcpy(&eh, buf, len < sizeof(eh) ? len : sizeof(eh));
	if (len < sizeof(eh) && eh.e_ident[EI_CLASS] != ELFCLASS32)
		return build_fail(e, -EINVAL, "is cut off inside the ELF header");
	rc = header_check(&eh, e);
	if (rc)
		return rc;
	if (!in_file(eh.e_phoff, (uint64_t)eh.e_phnum * sizeof(Elf64_Phdr), len))
		return build_fail(e, -EINVAL, "is cut off: the ELF program headers lie beyond its end");

	img->elf_entry = eh.e_entry;
	img->has_notes = notes_from_segments(img, buf, len, &eh) || notes_from_sections(img, buf, len, &eh) ||
			 guest_section(img, buf, len, &eh);
	for (unsigned int i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph = phdr_get(buf, eh.e_phoff, i);

		if (ph.p_type != PT_LOAD || !ph.p_memsz)
			continue;
		rc = segment_add(img, buf, len, &ph, e);
		if (rc)
			return rc;
	}
	return segments_check(img, e);
}
