/* SPDX-License-Identifier: MIT */
/* Firmware memory as a pointer. Apart from acpi.c so that the parser can be fed by a test. */
#include <xl/mm.h>
#include <xl/platform.h>

#define LOW_MEMORY	0x100000	/* always in the direct map, BIOS area included */

/* Tables are RAM that the memory map calls reserved; whether the direct map has it depends on where. */
const void *acpi_map(paddr_t pa, size_t len)
{
	if (pa + len < pa)
		return NULL;
	if (pa + len <= LOW_MEMORY)
		return pa_to_virt(pa);
	return hv_map_mmio(pa, len);
}
