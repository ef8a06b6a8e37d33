/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what the hypervisor does with a boot module before it trusts any of it: wrapping, ELF headers and
 * notes, dom0's layout. Decoding of packed kernels is the libraries' business and left out.
 *
 * Besides not crashing, an accepted image must keep its promises: segments inside the file, entry point inside the
 * kernel, parts of the layout in order.
 */
#include <stdlib.h>
#include <xl/dom0_layout.h>
#include <xl/elf.h>
#include <xl/lib.h>
#include <xl/unpack.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct elf_image img;
	struct dom0_layout l;
	struct packed p;
	char why[160];

	if (packed_find(&p, data, size))
		return 0;
	check(p.data >= data && p.len <= size && (size_t)(p.data - data) <= size - p.len);
	if (p.format || elf_parse(&img, p.data, p.len, why, sizeof(why)))
		return 0;
	for (unsigned int i = 0; i < img.nr_segs; i++) {
		const struct elf_seg *s = &img.seg[i];

		check(s->data >= data && s->data + s->filesz <= data + size && s->filesz <= s->memsz);
		check(s->pa + s->memsz <= img.pa_end && img.pa_end <= ELF_MAX_SPAN);
	}
	check(img.entry - img.virt_base < img.pa_end);
	if (dom0_layout_plan(&l, &img, size, 131072, why, sizeof(why)))
		return 0;
	check(l.pt_pfn > l.start_info_pfn && l.stack_pfn == l.pt_pfn + l.nr_pt && l.boot_pages > l.stack_pfn);
	check(l.used_pages >= l.boot_pages);
	return 0;
}
