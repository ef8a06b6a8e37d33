/* SPDX-License-Identifier: MIT */
/*
 * What a guest may count on, one bit each, asked by XENVER_get_features. A bit that is set never becomes clear in the
 * life of a domain, migration included. Linux as a PV guest refuses to start without bits 5 and 7.
 */
#ifndef XEN_PUBLIC_FEATURES_H
#define XEN_PUBLIC_FEATURES_H

#define XENFEAT_writable_page_tables		0	/* page tables need no read-only mappings: never for direct paging */
#define XENFEAT_writable_descriptor_tables	1	/* nor do GDT and LDT */
#define XENFEAT_auto_translated_physmap		2	/* pfn and mfn are the same to the guest */
#define XENFEAT_supervisor_mode_kernel		3	/* the kernel runs in ring 0 */
#define XENFEAT_pae_pgdir_above_4gb		4	/* top-level tables may lie above 4 GiB */
#define XENFEAT_mmu_pt_update_preserve_ad	5	/* MMU_PT_UPDATE_PRESERVE_AD works */
#define XENFEAT_highmem_assist			6	/* MMUEXT_CLEAR_PAGE and MMUEXT_COPY_PAGE work */
#define XENFEAT_gnttab_map_avail_bits		7	/* a grant mapping takes the guest's available PTE bits */
#define XENFEAT_hvm_callback_vector		8
#define XENFEAT_hvm_safe_pvclock		9
#define XENFEAT_hvm_pirqs			10
#define XENFEAT_dom0				11	/* the guest is dom0 */
#define XENFEAT_memory_op_vnode_supported	13	/* XENMEMF_vnode is understood */
#define XENFEAT_ARM_SMCCC_supported		14
#define XENFEAT_linux_rsdp_unrestricted		15	/* ELF note only: the kernel takes its RSDP from anywhere */
#define XENFEAT_not_direct_mapped		16
#define XENFEAT_direct_mapped			17

#define XENFEAT_NR_SUBMAPS			1	/* words of 32 bits */

#endif /* XEN_PUBLIC_FEATURES_H */
