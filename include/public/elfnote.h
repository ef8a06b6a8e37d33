/* SPDX-License-Identifier: MIT */
/*
 * ELF notes with owner "Xen", by which a kernel image tells the domain builder how it wants to be loaded, and a core
 * file says what it is. Numeric notes hold 4 or 8 bytes, the others a string with its terminating zero.
 */
#ifndef XEN_PUBLIC_ELFNOTE_H
#define XEN_PUBLIC_ELFNOTE_H

#define XEN_ELFNOTE_INFO		0	/* free text */
#define XEN_ELFNOTE_ENTRY		1	/* virtual address of the first instruction */
#define XEN_ELFNOTE_HYPERCALL_PAGE	2	/* virtual address of a page to fill with hypercall stubs */
#define XEN_ELFNOTE_VIRT_BASE		3	/* virtual address of pfn 0 in the boot mapping */
#define XEN_ELFNOTE_PADDR_OFFSET	4	/* what to take from an ELF physical address to get a pfn's address */
#define XEN_ELFNOTE_XEN_VERSION		5	/* string: "xen-3.0" */
#define XEN_ELFNOTE_GUEST_OS		6	/* string */
#define XEN_ELFNOTE_GUEST_VERSION	7	/* string */
#define XEN_ELFNOTE_LOADER		8	/* string: "generic" */
#define XEN_ELFNOTE_PAE_MODE		9	/* string, for 32-bit kernels */
#define XEN_ELFNOTE_FEATURES		10	/* string: feature names divided by '|', with '!' if required */
#define XEN_ELFNOTE_BSD_SYMTAB		11	/* string "yes": load the symbol table behind the kernel */
#define XEN_ELFNOTE_HV_START_LOW	12	/* lowest address that the hypervisor may use */
#define XEN_ELFNOTE_L1_MFN_VALID	13	/* pairs of mask and value: an L1 entry that matches holds an mfn */
#define XEN_ELFNOTE_SUSPEND_CANCEL	14	/* 1: the kernel understands a cancelled suspend */
#define XEN_ELFNOTE_INIT_P2M		15	/* virtual address for the p2m, outside the boot mapping */
#define XEN_ELFNOTE_MOD_START_PFN	16	/* 1: the initrd need not be mapped */
#define XEN_ELFNOTE_SUPPORTED_FEATURES	17	/* bit mask of XENFEAT_*; bit set: the kernel can do with it */
#define XEN_ELFNOTE_PHYS32_ENTRY	18	/* entry point for PVH */
#define XEN_ELFNOTE_MAX			XEN_ELFNOTE_PHYS32_ENTRY

/* Notes of a crash kernel. */
#define XEN_ELFNOTE_CRASH_INFO		0x1000001
#define XEN_ELFNOTE_CRASH_REGS		0x1000002

/* Notes of a domain's core file. */
#define XEN_ELFNOTE_DUMPCORE_NONE		0x2000000	/* no payload: marks the file as a core of this kind */
#define XEN_ELFNOTE_DUMPCORE_HEADER		0x2000001
#define XEN_ELFNOTE_DUMPCORE_XEN_VERSION	0x2000002
#define XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION	0x2000003

#endif /* XEN_PUBLIC_ELFNOTE_H */
