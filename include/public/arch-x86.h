/* SPDX-License-Identifier: MIT */
/*
 * The x86-64 half of the guest ABI: guest handles, selectors, the address range that belongs to the hypervisor,
 * register and trap layouts, the vCPU context, the iret frame, and the serialised form of CPUID and MSR policies.
 *
 * A hypercall is `syscall` with the number in rax and up to five arguments in rdi, rsi, rdx, r10, r8. The result
 * comes back in rax (negative: -errno); rcx and r11 are lost to the instruction, and argument registers must be taken
 * as lost.
 *
 * Layouts are those of Xen 4.17 for 64-bit PV guests; only the newest form of each is here. The constants outside
 * __ASSEMBLY__ guards may be used from .S files. Needs nothing but <stdint.h> and <stddef.h>.
 */
#ifndef XEN_PUBLIC_ARCH_X86_H
#define XEN_PUBLIC_ARCH_X86_H

#ifndef __ASSEMBLY__
#include <stddef.h>
#include <stdint.h>
#endif

/* Numbers that carry a C suffix in C and none in assembly. */
#ifdef __ASSEMBLY__
#define xen_mk_uint(x)		x
#define xen_mk_ulong(x)		x
#define xen_mk_ullong(x)	x
#else
#define XEN_PASTE_SUFFIX(x, s)	x##s
#define xen_mk_uint(x)		XEN_PASTE_SUFFIX(x, U)
#define xen_mk_ulong(x)		XEN_PASTE_SUFFIX(x, UL)
#define xen_mk_ullong(x)	XEN_PASTE_SUFFIX(x, ULL)
#endif

/*
 * Guest handles: a guest virtual address inside a structure, with the pointed-to type in its name so that it cannot be
 * dereferenced by accident. On x86-64 each is one 8-byte pointer member `p`.
 */
#ifndef __ASSEMBLY__
#define XEN_DEFINE_ONE_HANDLE(name, type) \
	typedef struct { type *p; } __guest_handle_##name
#define __DEFINE_XEN_GUEST_HANDLE(name, type) \
	XEN_DEFINE_ONE_HANDLE(name, type); \
	XEN_DEFINE_ONE_HANDLE(const_##name, const type)
#define DEFINE_XEN_GUEST_HANDLE(name)		__DEFINE_XEN_GUEST_HANDLE(name, name)
#define __XEN_GUEST_HANDLE(name)		__guest_handle_##name
#define XEN_GUEST_HANDLE(name)			__XEN_GUEST_HANDLE(name)
#define XEN_GUEST_HANDLE_PARAM(name)		XEN_GUEST_HANDLE(name)
#define XEN_GUEST_HANDLE_64(name)		XEN_GUEST_HANDLE(name)
#define set_xen_guest_handle_raw(hnd, val)	do { (hnd).p = (val); } while (0)
#define set_xen_guest_handle(hnd, val)		set_xen_guest_handle_raw(hnd, val)

/* A frame number: machine or pseudo-physical, as the interface says. */
typedef unsigned long xen_pfn_t;
#define PRI_xen_pfn	"lx"
#define PRIu_xen_pfn	"lu"

/* The natural word of the ABI. */
typedef unsigned long xen_ulong_t;
#define PRI_xen_ulong	"lx"

/* 64-bit fields with 8-byte alignment; on x86-64 every 64-bit field has it. */
#ifndef uint64_aligned_t
#define uint64_aligned_t	uint64_t
#endif
#ifndef int64_aligned_t
#define int64_aligned_t		int64_t
#endif

/* The bound of a trailing array without a fixed length. */
#define XEN_FLEX_ARRAY_DIM
#endif /* !__ASSEMBLY__ */

/* PV guests enter by start_info and have an event mask byte per vCPU. */
#define XEN_HAVE_PV_GUEST_ENTRY		1
#define XEN_HAVE_PV_UPCALL_MASK		1

/* The GDT: a guest owns the first 14 pages, the hypervisor the two after them. */
#define FIRST_RESERVED_GDT_PAGE		14
#define FIRST_RESERVED_GDT_BYTE		(FIRST_RESERVED_GDT_PAGE * 4096)
#define FIRST_RESERVED_GDT_ENTRY	(FIRST_RESERVED_GDT_BYTE / 8)

/* Flat selectors in the hypervisor's part of every GDT. All have RPL 3: a PV kernel runs in ring 3 as well. */
#define FLAT_RING3_CS32		0xe023
#define FLAT_RING3_CS64		0xe033
#define FLAT_RING3_DS32		0xe02b
#define FLAT_RING3_DS64		0x0000
#define FLAT_RING3_SS32		0xe02b
#define FLAT_RING3_SS64		0xe02b

#define FLAT_KERNEL_DS64	FLAT_RING3_DS64
#define FLAT_KERNEL_DS32	FLAT_RING3_DS32
#define FLAT_KERNEL_DS		FLAT_KERNEL_DS64
#define FLAT_KERNEL_CS64	FLAT_RING3_CS64
#define FLAT_KERNEL_CS32	FLAT_RING3_CS32
#define FLAT_KERNEL_CS		FLAT_KERNEL_CS64
#define FLAT_KERNEL_SS64	FLAT_RING3_SS64
#define FLAT_KERNEL_SS32	FLAT_RING3_SS32
#define FLAT_KERNEL_SS		FLAT_KERNEL_SS64

#define FLAT_USER_DS64		FLAT_RING3_DS64
#define FLAT_USER_DS32		FLAT_RING3_DS32
#define FLAT_USER_DS		FLAT_USER_DS64
#define FLAT_USER_CS64		FLAT_RING3_CS64
#define FLAT_USER_CS32		FLAT_RING3_CS32
#define FLAT_USER_CS		FLAT_USER_CS64
#define FLAT_USER_SS64		FLAT_RING3_SS64
#define FLAT_USER_SS32		FLAT_RING3_SS32
#define FLAT_USER_SS		FLAT_USER_SS64

/* The range that no guest may map (L4 slots 256..271), and in it the machine-to-physical table, readable by guests. */
#define __HYPERVISOR_VIRT_START	0xFFFF800000000000
#define __HYPERVISOR_VIRT_END	0xFFFF880000000000
#define __MACH2PHYS_VIRT_START	0xFFFF800000000000
#define __MACH2PHYS_VIRT_END	0xFFFF804000000000

#ifndef HYPERVISOR_VIRT_START
#define HYPERVISOR_VIRT_START	xen_mk_ulong(__HYPERVISOR_VIRT_START)
#define HYPERVISOR_VIRT_END	xen_mk_ulong(__HYPERVISOR_VIRT_END)
#endif
#define MACH2PHYS_VIRT_START	xen_mk_ulong(__MACH2PHYS_VIRT_START)
#define MACH2PHYS_VIRT_END	xen_mk_ulong(__MACH2PHYS_VIRT_END)
#define MACH2PHYS_NR_ENTRIES	((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 3)
#ifndef machine_to_phys_mapping
/* Indexed by machine frame, holds the owner's pseudo-physical frame. */
#define machine_to_phys_mapping	((unsigned long *)HYPERVISOR_VIRT_START)
#endif

/* vCPUs that have a vcpu_info slot in the shared info page; others must register their own. */
#define XEN_LEGACY_MAX_VCPUS	32

/* set_segment_base(which, base): returns 0, or -EINVAL for a bad selector or a base that is not canonical. */
#define SEGBASE_FS		0
#define SEGBASE_GS_USER		1
#define SEGBASE_GS_KERNEL	2
#define SEGBASE_GS_USER_SEL	3	/* base[15:0] is a selector, loaded into the user's GS */

/* Hypercall numbers and a virtual interrupt of the architecture range that x86 gives a meaning. */
#define __HYPERVISOR_mca		48
#define __HYPERVISOR_paging_domctl_cont	49	/* never called by a guest */
#define VIRQ_MCA			16	/* global, dom0: machine-check records are waiting */

/*
 * Instructions that do not trap, made to: an undefined instruction, the letters "xen", then the instruction itself.
 * Only CPUID is accepted after the prefix; anything else gets the #UD.
 */
#ifdef __ASSEMBLY__
#define XEN_EMULATE_PREFIX	.byte 0x0f,0x0b,0x78,0x65,0x6e ;
#define XEN_CPUID		XEN_EMULATE_PREFIX cpuid
#else
#define XEN_EMULATE_PREFIX	".byte 0x0f,0x0b,0x78,0x65,0x6e ; "
#define XEN_CPUID		XEN_EMULATE_PREFIX "cpuid"
#endif

/* vcpu_guest_context.flags. The tools set them; get_vcpucontext reports them. */
#define _VGCF_i387_valid		0
#define VGCF_i387_valid			(1 << _VGCF_i387_valid)		/* fpu_ctxt holds an FXSAVE image */
#define VGCF_I387_VALID			(1 << 0)
#define _VGCF_in_kernel			2
#define VGCF_in_kernel			(1 << _VGCF_in_kernel)		/* starts in guest kernel mode */
#define VGCF_IN_KERNEL			(1 << 2)
#define _VGCF_failsafe_disables_events	3
#define VGCF_failsafe_disables_events	(1 << _VGCF_failsafe_disables_events)
#define _VGCF_syscall_disables_events	4
#define VGCF_syscall_disables_events	(1 << _VGCF_syscall_disables_events)
#define _VGCF_online			5
#define VGCF_online			(1 << _VGCF_online)		/* the vCPU is up */

/* iret_context.flags: the frame came from a syscall, so rcx and r11 need not be restored. */
#define _VGCF_in_syscall		8
#define VGCF_in_syscall			(1 << _VGCF_in_syscall)
#define VGCF_IN_SYSCALL			VGCF_in_syscall

/* The emulated devices of an HVM domain: a PV domain is created with none of them. */
#define _XEN_X86_EMU_LAPIC	0
#define XEN_X86_EMU_LAPIC	(1U << _XEN_X86_EMU_LAPIC)
#define _XEN_X86_EMU_HPET	1
#define XEN_X86_EMU_HPET	(1U << _XEN_X86_EMU_HPET)
#define _XEN_X86_EMU_PM		2
#define XEN_X86_EMU_PM		(1U << _XEN_X86_EMU_PM)
#define _XEN_X86_EMU_RTC	3
#define XEN_X86_EMU_RTC		(1U << _XEN_X86_EMU_RTC)
#define _XEN_X86_EMU_IOAPIC	4
#define XEN_X86_EMU_IOAPIC	(1U << _XEN_X86_EMU_IOAPIC)
#define _XEN_X86_EMU_PIC	5
#define XEN_X86_EMU_PIC		(1U << _XEN_X86_EMU_PIC)
#define _XEN_X86_EMU_VGA	6
#define XEN_X86_EMU_VGA		(1U << _XEN_X86_EMU_VGA)
#define _XEN_X86_EMU_IOMMU	7
#define XEN_X86_EMU_IOMMU	(1U << _XEN_X86_EMU_IOMMU)
#define _XEN_X86_EMU_PIT	8
#define XEN_X86_EMU_PIT		(1U << _XEN_X86_EMU_PIT)
#define _XEN_X86_EMU_USE_PIRQ	9
#define XEN_X86_EMU_USE_PIRQ	(1U << _XEN_X86_EMU_USE_PIRQ)
#define _XEN_X86_EMU_VPCI	10
#define XEN_X86_EMU_VPCI	(1U << _XEN_X86_EMU_VPCI)
#define XEN_X86_EMU_ALL		0x7ffU

/* xen_arch_domainconfig.misc_flags: reads of unknown MSRs give 0 instead of #GP. */
#define XEN_X86_MSR_RELAXED	(1U << 0)
#define XEN_X86_MISC_FLAGS_MAX	XEN_X86_MSR_RELAXED

/* xen_cpuid_leaf.subleaf of a leaf that has none. */
#define XEN_CPUID_NO_SUBLEAF	0xffffffffU

#ifndef __ASSEMBLY__

/* Operand of the iret hypercall: what the guest's stack pointer points to at the `syscall`. Written by the guest. */
struct iret_context {
	uint64_t rax;
	uint64_t r11, rcx;	/* ignored with VGCF_in_syscall */
	uint64_t flags;		/* VGCF_in_syscall or 0 */
	uint64_t rip;
	uint64_t cs;		/* RPL 3: to user mode; below 3: to kernel mode */
	uint64_t rflags;	/* IF becomes the inverse of evtchn_upcall_mask */
	uint64_t rsp;
	uint64_t ss;
};

/* A register under all its names: rax eax ax al ah, rsi esi si sil, r8 r8d r8w r8b, rip eip ip. */
#define XEN_REG_ABCD(c) \
	union { \
		uint64_t r##c##x; \
		uint32_t e##c##x; \
		uint16_t c##x; \
		struct { uint8_t c##l, c##h; }; \
	}
#define XEN_REG_PTR(name) \
	union { \
		uint64_t r##name; \
		uint32_t e##name; \
		uint16_t name; \
		uint8_t name##l; \
	}
#define XEN_REG_SYS(name) \
	union { \
		uint64_t r##name; \
		uint32_t e##name; \
		uint16_t name; \
	}
#define XEN_REG_NUM(n) \
	union { \
		uint64_t r##n; \
		uint32_t r##n##d; \
		uint16_t r##n##w; \
		uint8_t r##n##b; \
	}

/* The integer registers of a vCPU, in the order in which an exception entry saves them. */
struct cpu_user_regs {
	XEN_REG_NUM(15);
	XEN_REG_NUM(14);
	XEN_REG_NUM(13);
	XEN_REG_NUM(12);
	XEN_REG_PTR(bp);
	XEN_REG_ABCD(b);
	XEN_REG_NUM(11);
	XEN_REG_NUM(10);
	XEN_REG_NUM(9);
	XEN_REG_NUM(8);
	XEN_REG_ABCD(a);
	XEN_REG_ABCD(c);
	XEN_REG_ABCD(d);
	XEN_REG_PTR(si);
	XEN_REG_PTR(di);
	uint32_t error_code;		/* hypervisor only; 0 towards tools */
	uint32_t entry_vector;		/* hypervisor only */
	XEN_REG_SYS(ip);
	uint16_t cs, _pad0[1];
	uint8_t saved_upcall_mask;	/* the event mask as it was; the inverse of rflags.IF */
	uint8_t _pad1[3];
	XEN_REG_SYS(flags);
	XEN_REG_PTR(sp);
	uint16_t ss, _pad2[3];
	uint16_t es, _pad3[3];
	uint16_t ds, _pad4[3];
	uint16_t fs, _pad5[3];
	uint16_t gs, _pad6[3];
};
typedef struct cpu_user_regs cpu_user_regs_t;
DEFINE_XEN_GUEST_HANDLE(cpu_user_regs_t);

#undef XEN_REG_ABCD
#undef XEN_REG_PTR
#undef XEN_REG_SYS
#undef XEN_REG_NUM

/* CR3 as it appears in ctrlreg[]: the frame number, shifted. */
#define xen_pfn_to_cr3(pfn)	((unsigned long)(pfn) << 12)
#define xen_cr3_to_pfn(cr3)	((unsigned long)(cr3) >> 12)

/* The x86 part of vcpu_info. Written by the hypervisor. */
struct arch_vcpu_info {
	unsigned long cr2;		/* address of the last page fault bounced to this vCPU */
	unsigned long pad;		/* keeps vcpu_info at 64 bytes */
};
typedef struct arch_vcpu_info arch_vcpu_info_t;

typedef unsigned long xen_callback_t;
typedef uint64_t tsc_timestamp_t;

/* One entry of the virtual IDT. A set_trap_table() list ends at the first entry with address 0. */
struct trap_info {
	uint8_t vector;
	uint8_t flags;			/* bits 0-1: DPL for software interrupts; bit 2: mask events on entry */
	uint16_t cs;
	unsigned long address;		/* handler, virtual */
};
typedef struct trap_info trap_info_t;
DEFINE_XEN_GUEST_HANDLE(trap_info_t);

#define TI_GET_DPL(_ti)		((_ti)->flags & 3)
#define TI_GET_IF(_ti)		((_ti)->flags & 4)
#define TI_SET_DPL(_ti, _dpl)	((_ti)->flags |= (_dpl))
#define TI_SET_IF(_ti, _if)	((_ti)->flags |= ((!!(_if)) << 2))

/* All of a vCPU that the guest sets through hypercalls: VCPUOP_initialise and the domctls {set,get}vcpucontext. */
struct vcpu_guest_context {
	struct { char x[512]; } fpu_ctxt;	/* FXSAVE image, if VGCF_i387_valid */
	unsigned long flags;			/* VGCF_* */
	struct cpu_user_regs user_regs;
	struct trap_info trap_ctxt[256];
	unsigned long ldt_base, ldt_ents;	/* virtual address, number of entries */
	unsigned long gdt_frames[16], gdt_ents;	/* machine frames, number of entries */
	unsigned long kernel_ss, kernel_sp;	/* stack for entries from user mode */
	unsigned long ctrlreg[8];		/* [3]: kernel CR3, [1]: user CR3, 0: none */
	unsigned long debugreg[8];
	unsigned long event_callback_eip;
	unsigned long failsafe_callback_eip;
	unsigned long syscall_callback_eip;
	unsigned long vm_assist;		/* one bit per VMASST_TYPE_* */
	uint64_t fs_base;
	uint64_t gs_base_kernel;
	uint64_t gs_base_user;
};
typedef struct vcpu_guest_context vcpu_guest_context_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_guest_context_t);

/* The x86 part of shared_info. Written by the guest, read by the tools when they save it, except nmi_reason. */
struct arch_shared_info {
	unsigned long max_pfn;			/* the p2m covers pfns below this */
	xen_pfn_t pfn_to_mfn_frame_list_list;	/* mfn of the 3-level p2m's root; 0: none yet, ~0: use p2m_vaddr */
	unsigned long nmi_reason;		/* XEN_NMIREASON_*; written by the hypervisor */
	unsigned long p2m_cr3;			/* the address space in which p2m_vaddr is valid; 0: no linear p2m */
	unsigned long p2m_vaddr;		/* linear p2m: one word per pfn */
	unsigned long p2m_generation;		/* odd while the guest changes the mapping of the p2m */
};
typedef struct arch_shared_info arch_shared_info_t;

/* x86 part of createdomain and getdomaininfo. Both words are 0 for an ordinary PV domain. */
struct xen_arch_domainconfig {
	uint32_t emulation_flags;		/* XEN_X86_EMU_* */
	uint32_t misc_flags;			/* XEN_X86_MSR_RELAXED */
};

/* One CPUID leaf of a policy. */
typedef struct xen_cpuid_leaf {
	uint32_t leaf, subleaf;
	uint32_t a, b, c, d;
} xen_cpuid_leaf_t;
DEFINE_XEN_GUEST_HANDLE(xen_cpuid_leaf_t);

/* One MSR of a policy. */
typedef struct xen_msr_entry {
	uint32_t idx;
	uint32_t flags;				/* must be 0 */
	uint64_t val;
} xen_msr_entry_t;
DEFINE_XEN_GUEST_HANDLE(xen_msr_entry_t);

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_ARCH_X86_H */
