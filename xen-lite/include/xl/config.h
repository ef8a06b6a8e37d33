/* SPDX-License-Identifier: MIT */
/*
 * Where things are in the virtual address space (docs/memory-layout.md tells the story) and a few sizes.
 *
 * The hypervisor owns L4 slots 256 to 271. Slot 256 is ABI: guests read the machine-to-physical table there.
 */
#ifndef XL_CONFIG_H
#define XL_CONFIG_H

#define NR_CPUS			256

#define HV_VIRT_START		0xffff800000000000	/* first L4 slot of the hypervisor: 256 */
#define HV_VIRT_END		0xffff880000000000	/* one past its last slot: 271 */
#define HV_SLOT_FIRST		256
#define HV_SLOT_LAST		271

#define M2P_RO_VIRT		0xffff800000000000	/* slot 256: u64 per mfn, read-only for guests */
#define CPU_WINDOW_VIRT		0xffff808000000000	/* slot 257: this CPU's own mappings (GDT, LDT) */
#define M2P_RW_VIRT		0xffff820000000000	/* slot 260: the same frames, writable, ours */
#define HV_IMAGE_VIRT		0xffff82d080000000	/* slot 261: image; physical 0 would be here */
#define FRAME_TABLE_VIRT	0xffff82e000000000	/* slot 261: struct page_info per mfn */
#define MMIO_VIRT		0xffff82c000000000	/* slot 261: device registers, mapped by hv_map_mmio() */
#define DIRECTMAP_VIRT		0xffff830000000000	/* slots 262-271: all RAM, mfn 0 first */
#define DIRECTMAP_SIZE		0x0000050000000000

#define STACK_ORDER		3
#define STACK_SIZE		(4096 << STACK_ORDER)	/* per CPU, aligned to its size */

/* Selectors of the reserved descriptors, 0xe000 up; the ABI fixes those that guests use. */
#define HV_CS			0xe008
#define HV_DS			0xe010
#define GUEST_CS32		0xe023
#define GUEST_DS		0xe02b
#define GUEST_CS64		0xe033
#define TSS_SELECTOR		0xe040
#define LDT_SELECTOR		0xe050

#define MAX_VIRT_CPUS		128	/* vCPUs of one domain */
#define NR_EVENT_CHANNELS	4096	/* two-level ABI */

#endif
