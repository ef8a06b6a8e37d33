/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the kernel image loader, from any bytes to segments and notes.
 *
 * Besides not crashing, an accepted image must keep its promises: segments in order inside their memory, entry point
 * and hypercall page inside the kernel. Unpacking is limited to 8 MiB so that a run stays quick.
 */
#include <stdint.h>
#include <stdlib.h>

#include "build/image.h"

#define CAP (8ul << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kernel_image img;
	char msg[128];
	struct errbuf e = { msg, sizeof(msg) };
	volatile unsigned int sum = 0;	/* so that every byte is really read */

	if (!size || image_parse(&img, data, size, CAP, &e))
		return 0;
	check(img.nr_segs >= 1 && img.nr_segs <= IMAGE_MAX_SEGS);
	for (unsigned int i = 0; i < img.nr_segs; i++) {
		const struct image_seg *s = &img.seg[i];

		check(s->filesz <= s->memsz && s->pa >= img.pa_start && s->pa + s->memsz <= img.pa_end);
		check(!i || s[-1].pa + s[-1].memsz <= s->pa);
		for (uint64_t k = 0; k < s->filesz; k++)
			sum = sum + s->data[k];
	}
	check(img.entry - img.virt_base >= img.pa_start && img.entry - img.virt_base < img.pa_end);
	check(!img.has_hypercall_page || img.hypercall_page - img.virt_base < img.pa_end);
	image_free(&img);
	return 0;
}
