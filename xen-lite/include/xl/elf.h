/* SPDX-License-Identifier: MIT */
/*
 * A checked view of an ELF64 kernel image for PV: which bytes go to which guest frames, and the Xen ELF notes.
 *
 * Pure: bytes in, struct out; common/elf.c is also built on the host for its unit test. The image is not trusted:
 * each offset and length is checked before use. Segments are placed by p_paddr less the note PADDR_OFFSET; byte
 * `pa` of that lies in pfn pa / 4096 and at virtual address virt_base + pa.
 */
#ifndef XL_ELF_H
#define XL_ELF_H

#include <xl/types.h>

#define ELF_MAX_SEGS	16
#define ELF_MAX_SPAN	(1UL << 30)	/* bytes from pfn 0 to the end of the kernel */

struct elf_seg {
	const u8 *data;		/* filesz bytes, inside the image */
	u64 pa;
	u64 filesz, memsz;
};

struct elf_image {
	unsigned int nr_segs;
	struct elf_seg seg[ELF_MAX_SEGS];
	u64 pa_end;		/* one past the last byte of any segment */

	u32 notes;		/* bit n: note XEN_ELFNOTE_n is there */
	u64 entry, virt_base, paddr_offset, hypercall_page, init_p2m, mod_start_pfn;
	u32 supported_features;	/* bits XENFEAT_* */
	char guest_os[32], guest_version[32], xen_version[16], loader[16], features[160];
};

/* Does the image have that note? The values of absent notes are 0, the entry point is then that of the ELF header. */
static inline bool elf_has_note(const struct elf_image *img, unsigned int type)
{
	return (img->notes >> type) & 1;
}

bool elf_is_elf(const u8 *data, size_t size);

/*
 * Fills *img from the size bytes at data, which must outlive it. 0; -XEN_ENOEXEC: not a 64-bit Xen PV kernel;
 * -XEN_EINVAL: broken. The reason, a phrase for behind "dom0 kernel: ", goes to why.
 */
int elf_parse(struct elf_image *img, const u8 *data, size_t size, char *why, size_t why_size);

#endif
