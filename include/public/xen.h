/* SPDX-License-Identifier: MIT */
/*
 * The core of the guest ABI: hypercall numbers, virtual interrupts, page-table operations, the shared info page, the
 * start info page, and the types that every other header of this folder uses.
 *
 * The interface is that of Xen 4.17 for 64-bit PV guests, in its newest form only: there is no 32-bit layout and no
 * selection by interface version. Every hypercall returns a negative errno (errno.h) on failure. Sizes and offsets are
 * checked, number by number, by tests/unit/test_abi.c.
 */
#ifndef XEN_PUBLIC_XEN_H
#define XEN_PUBLIC_XEN_H

#include "arch-x86.h"

/* Hypercall numbers. The *_compat ones are forms that came before 3.2 and that no supported guest uses. */
#define __HYPERVISOR_set_trap_table			0
#define __HYPERVISOR_mmu_update				1
#define __HYPERVISOR_set_gdt				2
#define __HYPERVISOR_stack_switch			3
#define __HYPERVISOR_set_callbacks			4
#define __HYPERVISOR_fpu_taskswitch			5
#define __HYPERVISOR_sched_op_compat			6
#define __HYPERVISOR_platform_op			7
#define __HYPERVISOR_set_debugreg			8
#define __HYPERVISOR_get_debugreg			9
#define __HYPERVISOR_update_descriptor			10
#define __HYPERVISOR_memory_op				12
#define __HYPERVISOR_multicall				13
#define __HYPERVISOR_update_va_mapping			14
#define __HYPERVISOR_set_timer_op			15
#define __HYPERVISOR_event_channel_op_compat		16
#define __HYPERVISOR_xen_version			17
#define __HYPERVISOR_console_io				18
#define __HYPERVISOR_physdev_op_compat			19
#define __HYPERVISOR_grant_table_op			20
#define __HYPERVISOR_vm_assist				21
#define __HYPERVISOR_update_va_mapping_otherdomain	22
#define __HYPERVISOR_iret				23
#define __HYPERVISOR_vcpu_op				24
#define __HYPERVISOR_set_segment_base			25
#define __HYPERVISOR_mmuext_op				26
#define __HYPERVISOR_xsm_op				27
#define __HYPERVISOR_nmi_op				28
#define __HYPERVISOR_sched_op				29
#define __HYPERVISOR_callback_op			30
#define __HYPERVISOR_xenoprof_op			31
#define __HYPERVISOR_event_channel_op			32
#define __HYPERVISOR_physdev_op				33
#define __HYPERVISOR_hvm_op				34
#define __HYPERVISOR_sysctl				35
#define __HYPERVISOR_domctl				36
#define __HYPERVISOR_kexec_op				37
#define __HYPERVISOR_argo_op				39
#define __HYPERVISOR_xenpmu_op				40
#define __HYPERVISOR_dm_op				41
#define __HYPERVISOR_hypfs_op				42

/* Numbers left to architectures; see arch-x86.h for 48 and 49, lite.h for 55. */
#define __HYPERVISOR_arch_0				48
#define __HYPERVISOR_arch_1				49
#define __HYPERVISOR_arch_2				50
#define __HYPERVISOR_arch_3				51
#define __HYPERVISOR_arch_4				52
#define __HYPERVISOR_arch_5				53
#define __HYPERVISOR_arch_6				54
#define __HYPERVISOR_arch_7				55

/* Virtual interrupts. "vCPU": one binding on each vCPU. "global": one in the system, bound on vCPU 0 first. */
#define VIRQ_TIMER	0	/* vCPU: the timer set by the guest has expired */
#define VIRQ_DEBUG	1	/* vCPU: please print your state */
#define VIRQ_CONSOLE	2	/* global, dom0: input on the emergency console */
#define VIRQ_DOM_EXC	3	/* global, dom0: a domain has shut down, crashed or gone */
#define VIRQ_TBUF	4	/* global, dom0: trace records are waiting */
#define VIRQ_DEBUGGER	6	/* global, dom0: a domain was paused for its debugger */
#define VIRQ_XENOPROF	7	/* vCPU: profiling sample */
#define VIRQ_CON_RING	8	/* global, dom0: new text in the console ring */
#define VIRQ_PCPU_STATE	9	/* global, dom0: a physical CPU went on or off line */
#define VIRQ_MEM_EVENT	10	/* global, dom0: memory event */
#define VIRQ_ARGO	11	/* global: message from another domain */
#define VIRQ_ENOMEM	12	/* global, dom0: the hypervisor runs low on memory */
#define VIRQ_XENPMU	13	/* vCPU: performance counter */
#define VIRQ_ARCH_0	16
#define VIRQ_ARCH_1	17
#define VIRQ_ARCH_2	18
#define VIRQ_ARCH_3	19
#define VIRQ_ARCH_4	20
#define VIRQ_ARCH_5	21
#define VIRQ_ARCH_6	22
#define VIRQ_ARCH_7	23
#define NR_VIRQS	24

/*
 * mmu_update(reqs, count, &done, foreigndom). The low two bits of `ptr` are the command, the rest a machine address.
 * foreigndom[15:0] owns the data pages that new entries may map; foreigndom[31:16], if not 0, is one more than the id
 * of the domain that owns the page tables. If a request fails, `done` says how many were carried out before it.
 */
#define MMU_NORMAL_PT_UPDATE		0	/* write val to the entry at ptr, after checking it */
#define MMU_MACHPHYS_UPDATE		1	/* machine-to-physical entry of the frame at ptr becomes val (a pfn) */
#define MMU_PT_UPDATE_PRESERVE_AD	2	/* as 0, but keep accessed and dirty bits the entry has by now */
#define MMU_PT_UPDATE_NO_TRANSLATE	3	/* as 0; the difference is only for translated guests */

/* mmuext_op(ops, count, &done, foreigndom). After each: which argument it takes. */
#define MMUEXT_PIN_L1_TABLE		0	/* mfn: validate as an L1 table and hold the type */
#define MMUEXT_PIN_L2_TABLE		1	/* mfn */
#define MMUEXT_PIN_L3_TABLE		2	/* mfn */
#define MMUEXT_PIN_L4_TABLE		3	/* mfn */
#define MMUEXT_UNPIN_TABLE		4	/* mfn: drop what PIN holds */
#define MMUEXT_NEW_BASEPTR		5	/* mfn of an L4: the kernel's address space */
#define MMUEXT_TLB_FLUSH_LOCAL		6
#define MMUEXT_INVLPG_LOCAL		7	/* linear_addr */
#define MMUEXT_TLB_FLUSH_MULTI		8	/* vcpumask */
#define MMUEXT_INVLPG_MULTI		9	/* linear_addr, vcpumask */
#define MMUEXT_TLB_FLUSH_ALL		10
#define MMUEXT_INVLPG_ALL		11	/* linear_addr */
#define MMUEXT_FLUSH_CACHE		12
#define MMUEXT_SET_LDT			13	/* linear_addr (page aligned), nr_ents; 0 entries: none */
#define MMUEXT_NEW_USER_BASEPTR		15	/* mfn of an L4: the address space in user mode; 0: none */
#define MMUEXT_CLEAR_PAGE		16	/* mfn */
#define MMUEXT_COPY_PAGE		17	/* mfn: destination, src_mfn */
#define MMUEXT_FLUSH_CACHE_GLOBAL	18
#define MMUEXT_MARK_SUPER		19	/* superpages, 2 MiB; mfn */
#define MMUEXT_UNMARK_SUPER		20	/* superpages, 2 MiB; mfn */

/* update_va_mapping(va, pte, flags): what to flush, ORed with whose TLB, or with a pointer to a vCPU bitmap. */
#define UVMF_NONE		(xen_mk_ulong(0) << 0)
#define UVMF_TLB_FLUSH		(xen_mk_ulong(1) << 0)	/* everything */
#define UVMF_INVLPG		(xen_mk_ulong(2) << 0)	/* the page at va */
#define UVMF_FLUSHTYPE_MASK	(xen_mk_ulong(3) << 0)
#define UVMF_MULTI		(xen_mk_ulong(0) << 2)	/* the vCPUs of the bitmap, 8-byte aligned */
#define UVMF_LOCAL		(xen_mk_ulong(0) << 2)	/* MULTI without a bitmap: this vCPU */
#define UVMF_ALL		(xen_mk_ulong(1) << 2)

/* console_io(cmd, count, buffer): bytes. Read returns how many there were. */
#define CONSOLEIO_write		0
#define CONSOLEIO_read		1

/* vm_assist(cmd, type): switch a help or a behaviour on or off for the whole domain. */
#define VMASST_CMD_enable			0
#define VMASST_CMD_disable			1

#define VMASST_TYPE_4gb_segments		0	/* 32-bit guests */
#define VMASST_TYPE_4gb_segments_notify		1	/* 32-bit guests */
#define VMASST_TYPE_writable_pagetables		2	/* plain writes to L1 tables are emulated */
#define VMASST_TYPE_pae_extended_cr3		3	/* 32-bit guests; accepted */
#define VMASST_TYPE_architectural_iopl		4	/* iret loads the virtual IOPL, bounce frames show it */
#define VMASST_TYPE_runstate_update_flag	5	/* XEN_RUNSTATE_UPDATE is set during updates */
#define VMASST_TYPE_m2p_strict			32	/* no machine-to-physical table in user mode */

/* Domain ids with a meaning of their own; ordinary domains have smaller ones. */
#define DOMID_FIRST_RESERVED	xen_mk_uint(0x7FF0)
#define DOMID_SELF		xen_mk_uint(0x7FF0)	/* the caller */
#define DOMID_IO		xen_mk_uint(0x7FF1)	/* owner of memory-mapped I/O frames */
#define DOMID_XEN		xen_mk_uint(0x7FF2)	/* owner of the hypervisor's shareable frames */
#define DOMID_COW		xen_mk_uint(0x7FF3)	/* owner of shared frames */
#define DOMID_INVALID		xen_mk_uint(0x7FF4)	/* nobody */
#define DOMID_IDLE		xen_mk_uint(0x7FFF)	/* idle vCPUs */
#define DOMID_MASK		xen_mk_uint(0x7FFF)

/* vcpu_time_info.flags */
#define XEN_PVCLOCK_TSC_STABLE_BIT	(1 << 0)	/* time read on different vCPUs never runs backwards */
#define XEN_PVCLOCK_GUEST_STOPPED	(1 << 1)	/* the vCPU was stopped; clear it when seen */

/* start_info.flags */
#define SIF_PRIVILEGED		(1 << 0)	/* may use the hardware */
#define SIF_INITDOMAIN		(1 << 1)	/* this is dom0 */
#define SIF_MULTIBOOT_MOD	(1 << 2)	/* mod_start is a list of modules */
#define SIF_MOD_START_PFN	(1 << 3)	/* mod_start is a pfn, not a virtual address */
#define SIF_VIRT_P2M_4TOOLS	(1 << 4)	/* the tools understand the linear p2m */
#define SIF_PM_MASK		(0xFF << 8)	/* power-management options for dom0 */

/* start_info.cmd_line, bytes with the terminating zero. */
#define MAX_GUEST_CMDLINE	1024

/* dom0_vga_console_info.video_type */
#define XEN_VGATYPE_TEXT_MODE_3	0x03
#define XEN_VGATYPE_VESA_LFB	0x23
#define XEN_VGATYPE_EFI_LFB	0x70

#ifndef __ASSEMBLY__

__DEFINE_XEN_GUEST_HANDLE(uchar, unsigned char);
__DEFINE_XEN_GUEST_HANDLE(uint, unsigned int);
__DEFINE_XEN_GUEST_HANDLE(uint8, uint8_t);
__DEFINE_XEN_GUEST_HANDLE(uint16, uint16_t);
__DEFINE_XEN_GUEST_HANDLE(uint32, uint32_t);
__DEFINE_XEN_GUEST_HANDLE(uint64, uint64_t);
DEFINE_XEN_GUEST_HANDLE(char);
DEFINE_XEN_GUEST_HANDLE(int);
DEFINE_XEN_GUEST_HANDLE(void);
DEFINE_XEN_GUEST_HANDLE(uint64_t);
DEFINE_XEN_GUEST_HANDLE(xen_pfn_t);
DEFINE_XEN_GUEST_HANDLE(xen_ulong_t);

typedef uint16_t domid_t;

/* One request of mmu_update(). */
struct mmu_update {
	uint64_t ptr;		/* machine address | MMU_* */
	uint64_t val;
};
typedef struct mmu_update mmu_update_t;
DEFINE_XEN_GUEST_HANDLE(mmu_update_t);

/* One operation of mmuext_op(). */
struct mmuext_op {
	unsigned int cmd;	/* MMUEXT_* */
	union {
		xen_pfn_t mfn;
		unsigned long linear_addr;
	} arg1;
	union {
		unsigned int nr_ents;
		XEN_GUEST_HANDLE(const_void) vcpumask;	/* as many bytes as the domain's vCPUs need */
		xen_pfn_t src_mfn;
	} arg2;
};
typedef struct mmuext_op mmuext_op_t;
DEFINE_XEN_GUEST_HANDLE(mmuext_op_t);

/* One call of multicall(list, nr). The hypervisor writes `result`; a failed entry does not stop the ones after it. */
struct multicall_entry {
	xen_ulong_t op, result;
	xen_ulong_t args[6];
};
typedef struct multicall_entry multicall_entry_t;
DEFINE_XEN_GUEST_HANDLE(multicall_entry_t);

/*
 * How to turn a TSC value into nanoseconds since boot:
 *	ns = system_time + ((((tsc - tsc_timestamp) << tsc_shift) * tsc_to_system_mul) >> 32)
 * with a right shift if tsc_shift is negative. The hypervisor writes it; `version` is odd meanwhile and has grown by
 * two afterwards, so a reader repeats until it finds the same even number before and after.
 */
struct vcpu_time_info {
	uint32_t version;
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time;		/* ns */
	uint32_t tsc_to_system_mul;	/* 0.32 fixed point */
	int8_t tsc_shift;
	uint8_t flags;			/* XEN_PVCLOCK_* */
	uint8_t pad1[2];
};
typedef struct vcpu_time_info vcpu_time_info_t;

/* What guest and hypervisor share for each vCPU. 64 bytes; must not cross a page when registered elsewhere. */
struct vcpu_info {
	uint8_t evtchn_upcall_pending;	/* set by the hypervisor, cleared by the guest before it looks for events */
	uint8_t evtchn_upcall_mask;	/* the virtual interrupt flag, inverted; written by both */
	xen_ulong_t evtchn_pending_sel;	/* bit n: something in evtchn_pending[n] */
	struct arch_vcpu_info arch;
	vcpu_time_info_t time;
};
typedef struct vcpu_info vcpu_info_t;

/*
 * The shared info page. Bits in evtchn_pending are set by the hypervisor and cleared by the guest, those in evtchn_mask
 * belong to the guest (a new port starts masked). The wall clock is the time of the system clock's zero; wc_version
 * works like the version of vcpu_time_info.
 */
struct shared_info {
	struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
	xen_ulong_t evtchn_pending[sizeof(xen_ulong_t) * 8];
	xen_ulong_t evtchn_mask[sizeof(xen_ulong_t) * 8];
	uint32_t wc_version;
	uint32_t wc_sec;		/* s since 1970, low half */
	uint32_t wc_nsec;
	uint32_t wc_sec_hi;
	struct arch_shared_info arch;
};
typedef struct shared_info shared_info_t;
#define xen_wc_sec_hi wc_sec_hi

/*
 * The page that rsi points to when a PV kernel starts. The domain builder writes it. Members up to `console` are
 * written again when the domain resumes on a new host; the rest is only valid at first boot.
 */
struct start_info {
	char magic[32];			/* "xen-<version>-<platform>" */
	unsigned long nr_pages;		/* pages the domain has */
	unsigned long shared_info;	/* machine address */
	uint32_t flags;			/* SIF_* */
	xen_pfn_t store_mfn;		/* machine frame of the xenstore ring */
	uint32_t store_evtchn;
	union {
		struct {
			xen_pfn_t mfn;	/* machine frame of the console ring */
			uint32_t evtchn;
		} domU;
		struct {
			uint32_t info_off;	/* of dom0_vga_console_info in this page */
			uint32_t info_size;	/* 0: none */
		} dom0;
	} console;
	unsigned long pt_base;		/* virtual address of the L4 */
	unsigned long nr_pt_frames;	/* pages of the boot page tables */
	unsigned long mfn_list;		/* virtual address of the p2m */
	unsigned long mod_start;	/* virtual address or, with SIF_MOD_START_PFN, pfn of the initrd */
	unsigned long mod_len;		/* bytes; 0: no initrd */
	int8_t cmd_line[MAX_GUEST_CMDLINE];
	unsigned long first_p2m_pfn;	/* first frame of a p2m outside the boot mapping */
	unsigned long nr_p2m_frames;
};
typedef struct start_info start_info_t;

/* With SIF_MULTIBOOT_MOD: an array ended by mod_start 0. Addresses count from the start of the array. */
struct xen_multiboot_mod_list {
	uint32_t mod_start;
	uint32_t mod_end;		/* last byte */
	uint32_t cmdline;
	uint32_t pad;			/* 0 */
};

/* The screen as the boot loader left it, for dom0. */
typedef struct dom0_vga_console_info {
	uint8_t video_type;		/* XEN_VGATYPE_* */
	union {
		struct {
			uint16_t font_height;		/* pixels */
			uint16_t cursor_x, cursor_y;
			uint16_t rows, columns;
		} text_mode_3;
		struct {
			uint16_t width, height;		/* pixels */
			uint16_t bytes_per_line;
			uint16_t bits_per_pixel;
			uint32_t lfb_base;		/* physical address, low half */
			uint32_t lfb_size;		/* units of 64 KiB */
			uint8_t red_pos, red_size;
			uint8_t green_pos, green_size;
			uint8_t blue_pos, blue_size;
			uint8_t rsvd_pos, rsvd_size;
			uint32_t gbl_caps;
			uint16_t mode_attrs;
			uint16_t pad;
			uint32_t ext_lfb_base;		/* physical address, high half */
		} vesa_lfb;
	} u;
} dom0_vga_console_info_t;
#define xen_vga_console_info	dom0_vga_console_info
#define xen_vga_console_info_t	dom0_vga_console_info_t

/* A domain's UUID, most significant byte first. */
typedef uint8_t xen_domain_handle_t[16];
typedef struct {
	uint8_t a[16];
} xen_uuid_t;

/* A bitmap of the caller: bit n is bit n % 8 of byte n / 8. Bits beyond either side's size read as 0. */
struct xenctl_bitmap {
	XEN_GUEST_HANDLE_64(uint8) bitmap;
	uint32_t nr_bits;
};
typedef struct xenctl_bitmap xenctl_bitmap_t;

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_XEN_H */
