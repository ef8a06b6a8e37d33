/* SPDX-License-Identifier: MIT */
/* Firmware memory as a pointer. Apart from acpi.c so that the parser can be fed by a test. */
#include <xl/mm.h>
#include <xl/platform.h>

#define LOW_MEMORY	0x100000	/* always there, BIOS area included */

/* The direct map has everything that the memory map does not call reserved or broken (mm/hv_map.c). */
static bool in_direct_map(paddr_t pa, size_t len)
{
	for (unsigned int i = 0; i < boot_info.nr_e820; i++) {
		const struct e820entry_ *e = &boot_info.e820[i];

		if (e->type != 2 && e->type != 5 && pa >= e->addr && pa + len <= e->addr + e->size)
			return pa + len <= DIRECTMAP_SIZE;
	}
	return pa + len <= LOW_MEMORY;
}

const void *acpi_map(paddr_t pa, size_t len)
{
	if (pa + len < pa)
		return NULL;
	return in_direct_map(pa, len) ? pa_to_virt(pa) : hv_map_mmio(pa, len);
}
