/* SPDX-License-Identifier: MIT */
/*
 * Constants of the ABI: name, and the literal value that guests and tools have compiled in. One list per header, in the
 * order of the header. Addresses and masks are in hexadecimal.
 */
#include <public/arch-x86.h>
#include <public/callback.h>
#include <public/cpuid.h>
#include <public/domctl.h>
#include <public/elfnote.h>
#include <public/errno.h>
#include <public/event_channel.h>
#include <public/features.h>
#include <public/grant_table.h>
#include <public/io/blkif.h>
#include <public/io/netif.h>
#include <public/io/xenbus.h>
#include <public/io/xs_wire.h>
#include <public/lite.h>
#include <public/memory.h>
#include <public/nmi.h>
#include <public/physdev.h>
#include <public/platform.h>
#include <public/pmu.h>
#include <public/sched.h>
#include <public/sysctl.h>
#include <public/vcpu.h>
#include <public/version.h>
#include <public/xen.h>
#include <public/xsm.h>

#include "test_abi.h"

#define V(name, value)	{ #name, (long long)(name), (long long)(value) }

static const struct abi_value values_xen[] = {
	V(__HYPERVISOR_set_trap_table, 0), V(__HYPERVISOR_mmu_update, 1), V(__HYPERVISOR_set_gdt, 2),
	V(__HYPERVISOR_stack_switch, 3), V(__HYPERVISOR_set_callbacks, 4), V(__HYPERVISOR_fpu_taskswitch, 5),
	V(__HYPERVISOR_sched_op_compat, 6), V(__HYPERVISOR_platform_op, 7), V(__HYPERVISOR_set_debugreg, 8),
	V(__HYPERVISOR_get_debugreg, 9), V(__HYPERVISOR_update_descriptor, 10), V(__HYPERVISOR_memory_op, 12),
	V(__HYPERVISOR_multicall, 13), V(__HYPERVISOR_update_va_mapping, 14), V(__HYPERVISOR_set_timer_op, 15),
	V(__HYPERVISOR_event_channel_op_compat, 16), V(__HYPERVISOR_xen_version, 17), V(__HYPERVISOR_console_io, 18),
	V(__HYPERVISOR_physdev_op_compat, 19), V(__HYPERVISOR_grant_table_op, 20), V(__HYPERVISOR_vm_assist, 21),
	V(__HYPERVISOR_update_va_mapping_otherdomain, 22), V(__HYPERVISOR_iret, 23), V(__HYPERVISOR_vcpu_op, 24),
	V(__HYPERVISOR_set_segment_base, 25), V(__HYPERVISOR_mmuext_op, 26), V(__HYPERVISOR_xsm_op, 27),
	V(__HYPERVISOR_nmi_op, 28), V(__HYPERVISOR_sched_op, 29), V(__HYPERVISOR_callback_op, 30),
	V(__HYPERVISOR_xenoprof_op, 31), V(__HYPERVISOR_event_channel_op, 32), V(__HYPERVISOR_physdev_op, 33),
	V(__HYPERVISOR_hvm_op, 34), V(__HYPERVISOR_sysctl, 35), V(__HYPERVISOR_domctl, 36),
	V(__HYPERVISOR_kexec_op, 37), V(__HYPERVISOR_argo_op, 39), V(__HYPERVISOR_xenpmu_op, 40),
	V(__HYPERVISOR_dm_op, 41), V(__HYPERVISOR_hypfs_op, 42), V(__HYPERVISOR_arch_0, 48),
	V(__HYPERVISOR_arch_1, 49), V(__HYPERVISOR_arch_2, 50), V(__HYPERVISOR_arch_3, 51),
	V(__HYPERVISOR_arch_4, 52), V(__HYPERVISOR_arch_5, 53), V(__HYPERVISOR_arch_6, 54),
	V(__HYPERVISOR_arch_7, 55), V(VIRQ_TIMER, 0), V(VIRQ_DEBUG, 1), V(VIRQ_CONSOLE, 2), V(VIRQ_DOM_EXC, 3),
	V(VIRQ_TBUF, 4), V(VIRQ_DEBUGGER, 6), V(VIRQ_XENOPROF, 7), V(VIRQ_CON_RING, 8), V(VIRQ_PCPU_STATE, 9),
	V(VIRQ_MEM_EVENT, 10), V(VIRQ_ARGO, 11), V(VIRQ_ENOMEM, 12), V(VIRQ_XENPMU, 13), V(VIRQ_ARCH_0, 16),
	V(VIRQ_ARCH_1, 17), V(VIRQ_ARCH_2, 18), V(VIRQ_ARCH_3, 19), V(VIRQ_ARCH_4, 20), V(VIRQ_ARCH_5, 21),
	V(VIRQ_ARCH_6, 22), V(VIRQ_ARCH_7, 23), V(NR_VIRQS, 24), V(MMU_NORMAL_PT_UPDATE, 0),
	V(MMU_MACHPHYS_UPDATE, 1), V(MMU_PT_UPDATE_PRESERVE_AD, 2), V(MMU_PT_UPDATE_NO_TRANSLATE, 3),
	V(MMUEXT_PIN_L1_TABLE, 0), V(MMUEXT_PIN_L2_TABLE, 1), V(MMUEXT_PIN_L3_TABLE, 2), V(MMUEXT_PIN_L4_TABLE, 3),
	V(MMUEXT_UNPIN_TABLE, 4), V(MMUEXT_NEW_BASEPTR, 5), V(MMUEXT_TLB_FLUSH_LOCAL, 6), V(MMUEXT_INVLPG_LOCAL, 7),
	V(MMUEXT_TLB_FLUSH_MULTI, 8), V(MMUEXT_INVLPG_MULTI, 9), V(MMUEXT_TLB_FLUSH_ALL, 10),
	V(MMUEXT_INVLPG_ALL, 11), V(MMUEXT_FLUSH_CACHE, 12), V(MMUEXT_SET_LDT, 13), V(MMUEXT_NEW_USER_BASEPTR, 15),
	V(MMUEXT_CLEAR_PAGE, 16), V(MMUEXT_COPY_PAGE, 17), V(MMUEXT_FLUSH_CACHE_GLOBAL, 18), V(MMUEXT_MARK_SUPER, 19),
	V(MMUEXT_UNMARK_SUPER, 20), V(UVMF_NONE, 0), V(UVMF_TLB_FLUSH, 1), V(UVMF_INVLPG, 2),
	V(UVMF_FLUSHTYPE_MASK, 3), V(UVMF_MULTI, 0), V(UVMF_LOCAL, 0), V(UVMF_ALL, 4), V(CONSOLEIO_write, 0),
	V(CONSOLEIO_read, 1), V(VMASST_CMD_enable, 0), V(VMASST_CMD_disable, 1), V(VMASST_TYPE_4gb_segments, 0),
	V(VMASST_TYPE_4gb_segments_notify, 1), V(VMASST_TYPE_writable_pagetables, 2),
	V(VMASST_TYPE_pae_extended_cr3, 3), V(VMASST_TYPE_architectural_iopl, 4),
	V(VMASST_TYPE_runstate_update_flag, 5), V(VMASST_TYPE_m2p_strict, 32), V(DOMID_FIRST_RESERVED, 0x7ff0),
	V(DOMID_SELF, 0x7ff0), V(DOMID_IO, 0x7ff1), V(DOMID_XEN, 0x7ff2), V(DOMID_COW, 0x7ff3),
	V(DOMID_INVALID, 0x7ff4), V(DOMID_IDLE, 0x7fff), V(DOMID_MASK, 0x7fff), V(XEN_PVCLOCK_TSC_STABLE_BIT, 1),
	V(XEN_PVCLOCK_GUEST_STOPPED, 2), V(SIF_PRIVILEGED, 1), V(SIF_INITDOMAIN, 2), V(SIF_MULTIBOOT_MOD, 4),
	V(SIF_MOD_START_PFN, 8), V(SIF_VIRT_P2M_4TOOLS, 16), V(SIF_PM_MASK, 0xff00), V(MAX_GUEST_CMDLINE, 1024),
	V(XEN_VGATYPE_TEXT_MODE_3, 3), V(XEN_VGATYPE_VESA_LFB, 35), V(XEN_VGATYPE_EFI_LFB, 112),
	{ 0 }
};

static const struct abi_value values_arch_x86[] = {
	V(FIRST_RESERVED_GDT_PAGE, 14), V(FIRST_RESERVED_GDT_BYTE, 0xe000), V(FIRST_RESERVED_GDT_ENTRY, 0x1c00),
	V(FLAT_RING3_CS32, 0xe023), V(FLAT_RING3_CS64, 0xe033), V(FLAT_RING3_DS32, 0xe02b), V(FLAT_RING3_DS64, 0),
	V(FLAT_RING3_SS32, 0xe02b), V(FLAT_RING3_SS64, 0xe02b), V(FLAT_KERNEL_DS64, 0), V(FLAT_KERNEL_DS32, 0xe02b),
	V(FLAT_KERNEL_DS, 0), V(FLAT_KERNEL_CS64, 0xe033), V(FLAT_KERNEL_CS32, 0xe023), V(FLAT_KERNEL_CS, 0xe033),
	V(FLAT_KERNEL_SS64, 0xe02b), V(FLAT_KERNEL_SS32, 0xe02b), V(FLAT_KERNEL_SS, 0xe02b), V(FLAT_USER_DS64, 0),
	V(FLAT_USER_DS32, 0xe02b), V(FLAT_USER_DS, 0), V(FLAT_USER_CS64, 0xe033), V(FLAT_USER_CS32, 0xe023),
	V(FLAT_USER_CS, 0xe033), V(FLAT_USER_SS64, 0xe02b), V(FLAT_USER_SS32, 0xe02b), V(FLAT_USER_SS, 0xe02b),
	V(__HYPERVISOR_VIRT_START, 0xffff800000000000), V(__HYPERVISOR_VIRT_END, 0xffff880000000000),
	V(__MACH2PHYS_VIRT_START, 0xffff800000000000), V(__MACH2PHYS_VIRT_END, 0xffff804000000000),
	V(HYPERVISOR_VIRT_START, 0xffff800000000000), V(HYPERVISOR_VIRT_END, 0xffff880000000000),
	V(MACH2PHYS_VIRT_START, 0xffff800000000000), V(MACH2PHYS_VIRT_END, 0xffff804000000000),
	V(MACH2PHYS_NR_ENTRIES, 0x800000000), V(machine_to_phys_mapping, 0xffff800000000000),
	V(XEN_LEGACY_MAX_VCPUS, 32), V(SEGBASE_FS, 0), V(SEGBASE_GS_USER, 1), V(SEGBASE_GS_KERNEL, 2),
	V(SEGBASE_GS_USER_SEL, 3), V(__HYPERVISOR_mca, 48), V(__HYPERVISOR_paging_domctl_cont, 49), V(VIRQ_MCA, 16),
	V(_VGCF_i387_valid, 0), V(VGCF_i387_valid, 1), V(VGCF_I387_VALID, 1), V(_VGCF_in_kernel, 2),
	V(VGCF_in_kernel, 4), V(VGCF_IN_KERNEL, 4), V(_VGCF_failsafe_disables_events, 3),
	V(VGCF_failsafe_disables_events, 8), V(_VGCF_syscall_disables_events, 4), V(VGCF_syscall_disables_events, 16),
	V(_VGCF_online, 5), V(VGCF_online, 32), V(_VGCF_in_syscall, 8), V(VGCF_in_syscall, 256),
	V(VGCF_IN_SYSCALL, 256), V(_XEN_X86_EMU_LAPIC, 0), V(XEN_X86_EMU_LAPIC, 1), V(_XEN_X86_EMU_HPET, 1),
	V(XEN_X86_EMU_HPET, 2), V(_XEN_X86_EMU_PM, 2), V(XEN_X86_EMU_PM, 4), V(_XEN_X86_EMU_RTC, 3),
	V(XEN_X86_EMU_RTC, 8), V(_XEN_X86_EMU_IOAPIC, 4), V(XEN_X86_EMU_IOAPIC, 16), V(_XEN_X86_EMU_PIC, 5),
	V(XEN_X86_EMU_PIC, 32), V(_XEN_X86_EMU_VGA, 6), V(XEN_X86_EMU_VGA, 64), V(_XEN_X86_EMU_IOMMU, 7),
	V(XEN_X86_EMU_IOMMU, 128), V(_XEN_X86_EMU_PIT, 8), V(XEN_X86_EMU_PIT, 256), V(_XEN_X86_EMU_USE_PIRQ, 9),
	V(XEN_X86_EMU_USE_PIRQ, 512), V(_XEN_X86_EMU_VPCI, 10), V(XEN_X86_EMU_VPCI, 1024), V(XEN_X86_EMU_ALL, 2047),
	V(XEN_X86_MSR_RELAXED, 1), V(XEN_X86_MISC_FLAGS_MAX, 1), V(XEN_CPUID_NO_SUBLEAF, 0xffffffff),
	{ 0 }
};

static const struct abi_value values_cpuid[] = {
	V(XEN_CPUID_FIRST_LEAF, 0x40000000), V(XEN_CPUID_MAX_NUM_LEAVES, 5), V(XEN_CPUID_SIGNATURE_EBX, 0x566e6558),
	V(XEN_CPUID_SIGNATURE_ECX, 0x65584d4d), V(XEN_CPUID_SIGNATURE_EDX, 0x4d4d566e),
	V(_XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD, 0), V(XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD, 1),
	V(XEN_HVM_CPUID_APIC_ACCESS_VIRT, 1), V(XEN_HVM_CPUID_X2APIC_VIRT, 2), V(XEN_HVM_CPUID_IOMMU_MAPPINGS, 4),
	V(XEN_HVM_CPUID_VCPU_ID_PRESENT, 8), V(XEN_HVM_CPUID_DOMID_PRESENT, 16), V(XEN_HVM_CPUID_EXT_DEST_ID, 32),
	V(XEN_HVM_CPUID_UPCALL_VECTOR, 64), V(XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK, 255),
	{ 0 }
};

static const struct abi_value values_features[] = {
	V(XENFEAT_writable_page_tables, 0), V(XENFEAT_writable_descriptor_tables, 1),
	V(XENFEAT_auto_translated_physmap, 2), V(XENFEAT_supervisor_mode_kernel, 3),
	V(XENFEAT_pae_pgdir_above_4gb, 4), V(XENFEAT_mmu_pt_update_preserve_ad, 5), V(XENFEAT_highmem_assist, 6),
	V(XENFEAT_gnttab_map_avail_bits, 7), V(XENFEAT_hvm_callback_vector, 8), V(XENFEAT_hvm_safe_pvclock, 9),
	V(XENFEAT_hvm_pirqs, 10), V(XENFEAT_dom0, 11), V(XENFEAT_memory_op_vnode_supported, 13),
	V(XENFEAT_ARM_SMCCC_supported, 14), V(XENFEAT_linux_rsdp_unrestricted, 15), V(XENFEAT_not_direct_mapped, 16),
	V(XENFEAT_direct_mapped, 17), V(XENFEAT_NR_SUBMAPS, 1),
	{ 0 }
};

static const struct abi_value values_version[] = {
	V(XENVER_version, 0), V(XENVER_extraversion, 1), V(XENVER_compile_info, 2), V(XENVER_capabilities, 3),
	V(XENVER_changeset, 4), V(XENVER_platform_parameters, 5), V(XENVER_get_features, 6), V(XENVER_pagesize, 7),
	V(XENVER_guest_handle, 8), V(XENVER_commandline, 9), V(XENVER_build_id, 10), V(XEN_EXTRAVERSION_LEN, 16),
	V(XEN_CAPABILITIES_INFO_LEN, 1024), V(XEN_CHANGESET_INFO_LEN, 64),
	{ 0 }
};

static const struct abi_value values_event_channel[] = {
	V(EVTCHNOP_bind_interdomain, 0), V(EVTCHNOP_bind_virq, 1), V(EVTCHNOP_bind_pirq, 2), V(EVTCHNOP_close, 3),
	V(EVTCHNOP_send, 4), V(EVTCHNOP_status, 5), V(EVTCHNOP_alloc_unbound, 6), V(EVTCHNOP_bind_ipi, 7),
	V(EVTCHNOP_bind_vcpu, 8), V(EVTCHNOP_unmask, 9), V(EVTCHNOP_reset, 10), V(EVTCHNOP_init_control, 11),
	V(EVTCHNOP_expand_array, 12), V(EVTCHNOP_set_priority, 13), V(EVTCHNSTAT_closed, 0), V(EVTCHNSTAT_unbound, 1),
	V(EVTCHNSTAT_interdomain, 2), V(EVTCHNSTAT_pirq, 3), V(EVTCHNSTAT_virq, 4), V(EVTCHNSTAT_ipi, 5),
	V(BIND_PIRQ__WILL_SHARE, 1), V(EVTCHN_FIFO_PRIORITY_MAX, 0), V(EVTCHN_FIFO_PRIORITY_DEFAULT, 7),
	V(EVTCHN_FIFO_PRIORITY_MIN, 15), V(EVTCHN_FIFO_MAX_QUEUES, 16), V(EVTCHN_FIFO_PENDING, 31),
	V(EVTCHN_FIFO_MASKED, 30), V(EVTCHN_FIFO_LINKED, 29), V(EVTCHN_FIFO_BUSY, 28), V(EVTCHN_FIFO_LINK_BITS, 17),
	V(EVTCHN_FIFO_LINK_MASK, 0x1ffff), V(EVTCHN_FIFO_NR_CHANNELS, 0x20000), V(EVTCHN_2L_NR_CHANNELS, 0x1000),
	{ 0 }
};

static const struct abi_value values_sched[] = {
	V(SCHEDOP_yield, 0), V(SCHEDOP_block, 1), V(SCHEDOP_shutdown, 2), V(SCHEDOP_poll, 3),
	V(SCHEDOP_remote_shutdown, 4), V(SCHEDOP_shutdown_code, 5), V(SCHEDOP_watchdog, 6),
	V(SCHEDOP_pin_override, 7), V(SHUTDOWN_poweroff, 0), V(SHUTDOWN_reboot, 1), V(SHUTDOWN_suspend, 2),
	V(SHUTDOWN_crash, 3), V(SHUTDOWN_watchdog, 4), V(SHUTDOWN_soft_reset, 5), V(SHUTDOWN_MAX, 5),
	{ 0 }
};

static const struct abi_value values_vcpu[] = {
	V(VCPUOP_initialise, 0), V(VCPUOP_up, 1), V(VCPUOP_down, 2), V(VCPUOP_is_up, 3),
	V(VCPUOP_get_runstate_info, 4), V(VCPUOP_register_runstate_memory_area, 5), V(VCPUOP_set_periodic_timer, 6),
	V(VCPUOP_stop_periodic_timer, 7), V(VCPUOP_set_singleshot_timer, 8), V(VCPUOP_stop_singleshot_timer, 9),
	V(VCPUOP_register_vcpu_info, 10), V(VCPUOP_send_nmi, 11), V(VCPUOP_get_physid, 12),
	V(VCPUOP_register_vcpu_time_memory_area, 13), V(RUNSTATE_running, 0), V(RUNSTATE_runnable, 1),
	V(RUNSTATE_blocked, 2), V(RUNSTATE_offline, 3), V(XEN_RUNSTATE_UPDATE, 0x8000000000000000),
	V(_VCPU_SSHOTTMR_future, 0), V(VCPU_SSHOTTMR_future, 1),
	{ 0 }
};

static const struct abi_value values_callback[] = {
	V(CALLBACKOP_register, 0), V(CALLBACKOP_unregister, 1), V(CALLBACKTYPE_event, 0), V(CALLBACKTYPE_failsafe, 1),
	V(CALLBACKTYPE_syscall, 2), V(CALLBACKTYPE_sysenter_deprecated, 3), V(CALLBACKTYPE_nmi, 4),
	V(CALLBACKTYPE_sysenter, 5), V(CALLBACKTYPE_syscall32, 7), V(_CALLBACKF_mask_events, 0),
	V(CALLBACKF_mask_events, 1),
	{ 0 }
};

static const struct abi_value values_nmi[] = {
	V(XENNMI_register_callback, 0), V(XENNMI_unregister_callback, 1), V(_XEN_NMIREASON_io_error, 0),
	V(XEN_NMIREASON_io_error, 1), V(_XEN_NMIREASON_pci_serr, 1), V(XEN_NMIREASON_pci_serr, 2),
	V(_XEN_NMIREASON_unknown, 2), V(XEN_NMIREASON_unknown, 4),
	{ 0 }
};

static const struct abi_value values_elfnote[] = {
	V(XEN_ELFNOTE_INFO, 0), V(XEN_ELFNOTE_ENTRY, 1), V(XEN_ELFNOTE_HYPERCALL_PAGE, 2),
	V(XEN_ELFNOTE_VIRT_BASE, 3), V(XEN_ELFNOTE_PADDR_OFFSET, 4), V(XEN_ELFNOTE_XEN_VERSION, 5),
	V(XEN_ELFNOTE_GUEST_OS, 6), V(XEN_ELFNOTE_GUEST_VERSION, 7), V(XEN_ELFNOTE_LOADER, 8),
	V(XEN_ELFNOTE_PAE_MODE, 9), V(XEN_ELFNOTE_FEATURES, 10), V(XEN_ELFNOTE_BSD_SYMTAB, 11),
	V(XEN_ELFNOTE_HV_START_LOW, 12), V(XEN_ELFNOTE_L1_MFN_VALID, 13), V(XEN_ELFNOTE_SUSPEND_CANCEL, 14),
	V(XEN_ELFNOTE_INIT_P2M, 15), V(XEN_ELFNOTE_MOD_START_PFN, 16), V(XEN_ELFNOTE_SUPPORTED_FEATURES, 17),
	V(XEN_ELFNOTE_PHYS32_ENTRY, 18), V(XEN_ELFNOTE_MAX, 18), V(XEN_ELFNOTE_CRASH_INFO, 0x1000001),
	V(XEN_ELFNOTE_CRASH_REGS, 0x1000002), V(XEN_ELFNOTE_DUMPCORE_NONE, 0x2000000),
	V(XEN_ELFNOTE_DUMPCORE_HEADER, 0x2000001), V(XEN_ELFNOTE_DUMPCORE_XEN_VERSION, 0x2000002),
	V(XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION, 0x2000003),
	{ 0 }
};

static const struct abi_value values_errno[] = {
	V(XEN_EPERM, 1), V(XEN_ENOENT, 2), V(XEN_ESRCH, 3), V(XEN_EIO, 5), V(XEN_ENXIO, 6), V(XEN_E2BIG, 7),
	V(XEN_ENOEXEC, 8), V(XEN_EBADF, 9), V(XEN_ECHILD, 10), V(XEN_EAGAIN, 11), V(XEN_EWOULDBLOCK, 11),
	V(XEN_ENOMEM, 12), V(XEN_EACCES, 13), V(XEN_EFAULT, 14), V(XEN_EBUSY, 16), V(XEN_EEXIST, 17),
	V(XEN_EXDEV, 18), V(XEN_ENODEV, 19), V(XEN_ENOTDIR, 20), V(XEN_EISDIR, 21), V(XEN_EINVAL, 22),
	V(XEN_ENFILE, 23), V(XEN_EMFILE, 24), V(XEN_ENOSPC, 28), V(XEN_EROFS, 30), V(XEN_EMLINK, 31), V(XEN_EDOM, 33),
	V(XEN_ERANGE, 34), V(XEN_EDEADLK, 35), V(XEN_EDEADLOCK, 35), V(XEN_ENAMETOOLONG, 36), V(XEN_ENOLCK, 37),
	V(XEN_ENOSYS, 38), V(XEN_ENOTEMPTY, 39), V(XEN_ENODATA, 61), V(XEN_ETIME, 62), V(XEN_EBADMSG, 74),
	V(XEN_EOVERFLOW, 75), V(XEN_EILSEQ, 84), V(XEN_ENOTSOCK, 88), V(XEN_EMSGSIZE, 90), V(XEN_EOPNOTSUPP, 95),
	V(XEN_EADDRINUSE, 98), V(XEN_EADDRNOTAVAIL, 99), V(XEN_ENOBUFS, 105), V(XEN_EISCONN, 106),
	V(XEN_ENOTCONN, 107), V(XEN_ETIMEDOUT, 110), V(XEN_ECONNREFUSED, 111),
	{ 0 }
};

static const struct abi_value values_memory[] = {
	V(XENMEM_increase_reservation, 0), V(XENMEM_decrease_reservation, 1), V(XENMEM_maximum_ram_page, 2),
	V(XENMEM_current_reservation, 3), V(XENMEM_maximum_reservation, 4), V(XENMEM_machphys_mfn_list, 5),
	V(XENMEM_populate_physmap, 6), V(XENMEM_add_to_physmap, 7), V(XENMEM_memory_map, 9),
	V(XENMEM_machine_memory_map, 10), V(XENMEM_exchange, 11), V(XENMEM_machphys_mapping, 12),
	V(XENMEM_set_memory_map, 13), V(XENMEM_maximum_gpfn, 14), V(XENMEM_remove_from_physmap, 15),
	V(XENMEM_set_pod_target, 16), V(XENMEM_get_pod_target, 17), V(XENMEM_get_sharing_freed_pages, 18),
	V(XENMEM_get_sharing_shared_pages, 19), V(XENMEM_paging_op, 20), V(XENMEM_access_op, 21),
	V(XENMEM_sharing_op, 22), V(XENMEM_add_to_physmap_batch, 23), V(XENMEM_claim_pages, 24),
	V(XENMEM_machphys_compat_mfn_list, 25), V(XENMEM_get_vnumainfo, 26), V(XENMEM_reserved_device_memory_map, 27),
	V(XENMEM_acquire_resource, 28), V(XENMEMF_populate_on_demand, 0x10000),
	V(XENMEMF_exact_node_request, 0x20000), V(XENMEMF_vnode, 0x40000), V(XENMAPSPACE_shared_info, 0),
	V(XENMAPSPACE_grant_table, 1), V(XENMAPSPACE_gmfn, 2), V(XENMAPSPACE_gmfn_range, 3),
	V(XENMAPSPACE_gmfn_foreign, 4), V(XENMAPSPACE_dev_mmio, 5), V(XENMAPIDX_grant_table_status, 0x80000000),
	V(XENMEM_RDM_ALL, 1), V(XENMEM_resource_ioreq_server, 0), V(XENMEM_resource_grant_table, 1),
	V(XENMEM_resource_vmtrace_buf, 2), V(XENMEM_resource_grant_table_id_shared, 0),
	V(XENMEM_resource_grant_table_id_status, 1), V(XEN_E820_RAM, 1), V(XEN_E820_RESERVED, 2), V(XEN_E820_ACPI, 3),
	V(XEN_E820_NVS, 4), V(XEN_E820_UNUSABLE, 5),
	{ 0 }
};

static const struct abi_value values_physdev[] = {
	V(PHYSDEVOP_IRQ_UNMASK_NOTIFY, 4), V(PHYSDEVOP_irq_status_query, 5), V(PHYSDEVOP_set_iopl, 6),
	V(PHYSDEVOP_set_iobitmap, 7), V(PHYSDEVOP_apic_read, 8), V(PHYSDEVOP_apic_write, 9),
	V(PHYSDEVOP_alloc_irq_vector, 10), V(PHYSDEVOP_free_irq_vector, 11), V(PHYSDEVOP_eoi, 12),
	V(PHYSDEVOP_map_pirq, 13), V(PHYSDEVOP_unmap_pirq, 14), V(PHYSDEVOP_manage_pci_add, 15),
	V(PHYSDEVOP_manage_pci_remove, 16), V(PHYSDEVOP_pirq_eoi_gmfn_v1, 17), V(PHYSDEVOP_restore_msi, 19),
	V(PHYSDEVOP_manage_pci_add_ext, 20), V(PHYSDEVOP_setup_gsi, 21), V(PHYSDEVOP_get_free_pirq, 23),
	V(PHYSDEVOP_pci_mmcfg_reserved, 24), V(PHYSDEVOP_pci_device_add, 25), V(PHYSDEVOP_pci_device_remove, 26),
	V(PHYSDEVOP_restore_msi_ext, 27), V(PHYSDEVOP_pirq_eoi_gmfn_v2, 28), V(PHYSDEVOP_dbgp_op, 29),
	V(PHYSDEVOP_prepare_msix, 30), V(PHYSDEVOP_release_msix, 31), V(PHYSDEVOP_pirq_eoi_gmfn, 28),
	V(_XENIRQSTAT_needs_eoi, 0), V(XENIRQSTAT_needs_eoi, 1), V(_XENIRQSTAT_shared, 1), V(XENIRQSTAT_shared, 2),
	V(MAP_PIRQ_TYPE_MSI, 0), V(MAP_PIRQ_TYPE_GSI, 1), V(MAP_PIRQ_TYPE_UNKNOWN, 2), V(MAP_PIRQ_TYPE_MSI_SEG, 3),
	V(MAP_PIRQ_TYPE_MULTI_MSI, 4), V(XEN_PCI_MMCFG_RESERVED, 1), V(XEN_PCI_DEV_EXTFN, 1),
	V(XEN_PCI_DEV_VIRTFN, 2), V(XEN_PCI_DEV_PXM, 4), V(PHYSDEVOP_DBGP_RESET_PREPARE, 1),
	V(PHYSDEVOP_DBGP_RESET_DONE, 2), V(PHYSDEVOP_DBGP_BUS_UNKNOWN, 0), V(PHYSDEVOP_DBGP_BUS_PCI, 1),
	{ 0 }
};

static const struct abi_value values_grant_table[] = {
	V(GNTTABOP_map_grant_ref, 0), V(GNTTABOP_unmap_grant_ref, 1), V(GNTTABOP_setup_table, 2),
	V(GNTTABOP_dump_table, 3), V(GNTTABOP_transfer, 4), V(GNTTABOP_copy, 5), V(GNTTABOP_query_size, 6),
	V(GNTTABOP_unmap_and_replace, 7), V(GNTTABOP_set_version, 8), V(GNTTABOP_get_status_frames, 9),
	V(GNTTABOP_get_version, 10), V(GNTTABOP_swap_grant_ref, 11), V(GNTTABOP_cache_flush, 12),
	V(GNTTAB_NR_RESERVED_ENTRIES, 8), V(GNTTAB_RESERVED_CONSOLE, 0), V(GNTTAB_RESERVED_XENSTORE, 1),
	V(GTF_invalid, 0), V(GTF_permit_access, 1), V(GTF_accept_transfer, 2), V(GTF_transitive, 3),
	V(GTF_type_mask, 3), V(_GTF_readonly, 2), V(GTF_readonly, 4), V(_GTF_reading, 3), V(GTF_reading, 8),
	V(_GTF_writing, 4), V(GTF_writing, 16), V(_GTF_PWT, 5), V(GTF_PWT, 32), V(_GTF_PCD, 6), V(GTF_PCD, 64),
	V(_GTF_PAT, 7), V(GTF_PAT, 128), V(_GTF_sub_page, 8), V(GTF_sub_page, 256), V(_GTF_transfer_committed, 2),
	V(GTF_transfer_committed, 4), V(_GTF_transfer_completed, 3), V(GTF_transfer_completed, 8),
	V(_GNTMAP_device_map, 0), V(GNTMAP_device_map, 1), V(_GNTMAP_host_map, 1), V(GNTMAP_host_map, 2),
	V(_GNTMAP_readonly, 2), V(GNTMAP_readonly, 4), V(_GNTMAP_application_map, 3), V(GNTMAP_application_map, 8),
	V(_GNTMAP_contains_pte, 4), V(GNTMAP_contains_pte, 16), V(_GNTMAP_guest_avail0, 16),
	V(GNTMAP_guest_avail_mask, 0xffff0000), V(_GNTCOPY_source_gref, 0), V(GNTCOPY_source_gref, 1),
	V(_GNTCOPY_dest_gref, 1), V(GNTCOPY_dest_gref, 2), V(GNTTAB_CACHE_CLEAN, 1), V(GNTTAB_CACHE_INVAL, 2),
	V(GNTTAB_CACHE_SOURCE_GREF, 0x80000000), V(GNTST_okay, 0), V(GNTST_general_error, -1),
	V(GNTST_bad_domain, -2), V(GNTST_bad_gntref, -3), V(GNTST_bad_handle, -4), V(GNTST_bad_virt_addr, -5),
	V(GNTST_bad_dev_addr, -6), V(GNTST_no_device_space, -7), V(GNTST_permission_denied, -8),
	V(GNTST_bad_page, -9), V(GNTST_bad_copy_arg, -10), V(GNTST_address_too_big, -11), V(GNTST_eagain, -12),
	V(GNTST_no_space, -13),
	{ 0 }
};

static const struct abi_value values_pmu[] = {
	V(XENPMU_VER_MAJ, 0), V(XENPMU_VER_MIN, 1), V(XENPMU_mode_get, 0), V(XENPMU_mode_set, 1),
	V(XENPMU_feature_get, 2), V(XENPMU_feature_set, 3), V(XENPMU_init, 4), V(XENPMU_finish, 5),
	V(XENPMU_lvtpc_set, 6), V(XENPMU_flush, 7), V(XENPMU_MODE_OFF, 0), V(XENPMU_MODE_SELF, 1),
	V(XENPMU_MODE_HV, 2), V(XENPMU_MODE_ALL, 4), V(XENPMU_FEATURE_INTEL_BTS, 1), V(XENPMU_FEATURE_IPC_ONLY, 2),
	V(XENPMU_FEATURE_ARCH_ONLY, 4),
	{ 0 }
};

static const struct abi_value values_xsm[] = {
	V(XSM_OP_HYPERCALL, 27),
	{ 0 }
};

static const struct abi_value values_platform[] = {
	V(XENPF_INTERFACE_VERSION, 0x3000001), V(XENPF_settime32, 17), V(XENPF_add_memtype, 31),
	V(XENPF_del_memtype, 32), V(XENPF_read_memtype, 33), V(XENPF_microcode_update, 35),
	V(XENPF_platform_quirk, 39), V(XENPF_get_cpu_version, 48), V(XENPF_efi_runtime_call, 49),
	V(XENPF_firmware_info, 50), V(XENPF_enter_acpi_sleep, 51), V(XENPF_change_freq, 52), V(XENPF_getidletime, 53),
	V(XENPF_set_processor_pminfo, 54), V(XENPF_get_cpuinfo, 55), V(XENPF_cpu_online, 56),
	V(XENPF_cpu_offline, 57), V(XENPF_cpu_hotadd, 58), V(XENPF_mem_hotadd, 59), V(XENPF_core_parking, 60),
	V(XENPF_resource_op, 61), V(XENPF_settime64, 62), V(XENPF_get_symbol, 63), V(XENPF_settime, 62),
	V(XEN_FW_DISK_INFO, 1), V(XEN_FW_DISK_MBR_SIGNATURE, 2), V(XEN_FW_VBEDDC_INFO, 3), V(XEN_FW_EFI_INFO, 4),
	V(XEN_FW_KBD_SHIFT_FLAGS, 5), V(XEN_FW_EFI_VERSION, 0), V(XEN_FW_EFI_CONFIG_TABLE, 1),
	V(XEN_FW_EFI_VENDOR, 2), V(XEN_FW_EFI_MEM_INFO, 3), V(XEN_FW_EFI_RT_VERSION, 4), V(XEN_FW_EFI_PCI_ROM, 5),
	V(XEN_FW_EFI_APPLE_PROPERTIES, 6), V(XENPF_ACPI_SLEEP_EXTENDED, 1), V(XEN_PROCESSOR_PM_CX, 1),
	V(XEN_PROCESSOR_PM_PX, 2), V(XEN_PROCESSOR_PM_TX, 4), V(XEN_PM_CX, 0), V(XEN_PM_PX, 1), V(XEN_PM_TX, 2),
	V(XEN_PM_PDC, 3), V(XEN_PCPU_FLAGS_ONLINE, 1), V(XEN_PCPU_FLAGS_INVALID, 2), V(XEN_CORE_PARKING_SET, 1),
	V(XEN_CORE_PARKING_GET, 2), V(XEN_RESOURCE_OP_MSR_READ, 0), V(XEN_RESOURCE_OP_MSR_WRITE, 1),
	{ 0 }
};

static const struct abi_value values_domctl[] = {
	V(XEN_DOMCTL_INTERFACE_VERSION, 21), V(XEN_DOMCTL_createdomain, 1), V(XEN_DOMCTL_destroydomain, 2),
	V(XEN_DOMCTL_pausedomain, 3), V(XEN_DOMCTL_unpausedomain, 4), V(XEN_DOMCTL_getdomaininfo, 5),
	V(XEN_DOMCTL_setvcpuaffinity, 9), V(XEN_DOMCTL_shadow_op, 10), V(XEN_DOMCTL_max_mem, 11),
	V(XEN_DOMCTL_setvcpucontext, 12), V(XEN_DOMCTL_getvcpucontext, 13), V(XEN_DOMCTL_getvcpuinfo, 14),
	V(XEN_DOMCTL_max_vcpus, 15), V(XEN_DOMCTL_scheduler_op, 16), V(XEN_DOMCTL_setdomainhandle, 17),
	V(XEN_DOMCTL_setdebugging, 18), V(XEN_DOMCTL_irq_permission, 19), V(XEN_DOMCTL_iomem_permission, 20),
	V(XEN_DOMCTL_ioport_permission, 21), V(XEN_DOMCTL_hypercall_init, 22), V(XEN_DOMCTL_settimeoffset, 24),
	V(XEN_DOMCTL_getvcpuaffinity, 25), V(XEN_DOMCTL_real_mode_area, 26), V(XEN_DOMCTL_resumedomain, 27),
	V(XEN_DOMCTL_sendtrigger, 28), V(XEN_DOMCTL_subscribe, 29), V(XEN_DOMCTL_gethvmcontext, 33),
	V(XEN_DOMCTL_sethvmcontext, 34), V(XEN_DOMCTL_set_address_size, 35), V(XEN_DOMCTL_get_address_size, 36),
	V(XEN_DOMCTL_assign_device, 37), V(XEN_DOMCTL_bind_pt_irq, 38), V(XEN_DOMCTL_memory_mapping, 39),
	V(XEN_DOMCTL_ioport_mapping, 40), V(XEN_DOMCTL_set_ext_vcpucontext, 42),
	V(XEN_DOMCTL_get_ext_vcpucontext, 43), V(XEN_DOMCTL_set_opt_feature, 44),
	V(XEN_DOMCTL_test_assign_device, 45), V(XEN_DOMCTL_set_target, 46), V(XEN_DOMCTL_deassign_device, 47),
	V(XEN_DOMCTL_unbind_pt_irq, 48), V(XEN_DOMCTL_get_device_group, 50), V(XEN_DOMCTL_debug_op, 54),
	V(XEN_DOMCTL_gethvmcontext_partial, 55), V(XEN_DOMCTL_vm_event_op, 56), V(XEN_DOMCTL_mem_sharing_op, 57),
	V(XEN_DOMCTL_gettscinfo, 59), V(XEN_DOMCTL_settscinfo, 60), V(XEN_DOMCTL_getpageframeinfo3, 61),
	V(XEN_DOMCTL_setvcpuextstate, 62), V(XEN_DOMCTL_getvcpuextstate, 63), V(XEN_DOMCTL_set_access_required, 64),
	V(XEN_DOMCTL_audit_p2m, 65), V(XEN_DOMCTL_set_virq_handler, 66), V(XEN_DOMCTL_set_broken_page_p2m, 67),
	V(XEN_DOMCTL_setnodeaffinity, 68), V(XEN_DOMCTL_getnodeaffinity, 69), V(XEN_DOMCTL_cacheflush, 71),
	V(XEN_DOMCTL_get_vcpu_msrs, 72), V(XEN_DOMCTL_set_vcpu_msrs, 73), V(XEN_DOMCTL_setvnumainfo, 74),
	V(XEN_DOMCTL_psr_cmt_op, 75), V(XEN_DOMCTL_monitor_op, 77), V(XEN_DOMCTL_psr_alloc, 78),
	V(XEN_DOMCTL_soft_reset, 79), V(XEN_DOMCTL_vuart_op, 81), V(XEN_DOMCTL_get_cpu_policy, 82),
	V(XEN_DOMCTL_set_cpu_policy, 83), V(XEN_DOMCTL_vmtrace_op, 84), V(XEN_DOMCTL_get_paging_mempool_size, 85),
	V(XEN_DOMCTL_set_paging_mempool_size, 86), V(XEN_DOMCTL_gdbsx_guestmemio, 1000),
	V(XEN_DOMCTL_gdbsx_pausevcpu, 1001), V(XEN_DOMCTL_gdbsx_unpausevcpu, 1002),
	V(XEN_DOMCTL_gdbsx_domstatus, 1003), V(_XEN_DOMCTL_CDF_hvm, 0), V(XEN_DOMCTL_CDF_hvm, 1),
	V(_XEN_DOMCTL_CDF_hap, 1), V(XEN_DOMCTL_CDF_hap, 2), V(_XEN_DOMCTL_CDF_s3_integrity, 2),
	V(XEN_DOMCTL_CDF_s3_integrity, 4), V(_XEN_DOMCTL_CDF_oos_off, 3), V(XEN_DOMCTL_CDF_oos_off, 8),
	V(_XEN_DOMCTL_CDF_xs_domain, 4), V(XEN_DOMCTL_CDF_xs_domain, 16), V(_XEN_DOMCTL_CDF_iommu, 5),
	V(XEN_DOMCTL_CDF_iommu, 32), V(_XEN_DOMCTL_CDF_nested_virt, 6), V(XEN_DOMCTL_CDF_nested_virt, 64),
	V(XEN_DOMCTL_CDF_vpmu, 128), V(XEN_DOMCTL_CDF_MAX, 128), V(_XEN_DOMCTL_IOMMU_no_sharept, 0),
	V(XEN_DOMCTL_IOMMU_no_sharept, 1), V(XEN_DOMCTL_IOMMU_MAX, 1), V(XEN_DOMCTL_GRANT_version_mask, 15),
	V(_XEN_DOMINF_dying, 0), V(XEN_DOMINF_dying, 1), V(_XEN_DOMINF_hvm_guest, 1), V(XEN_DOMINF_hvm_guest, 2),
	V(_XEN_DOMINF_shutdown, 2), V(XEN_DOMINF_shutdown, 4), V(_XEN_DOMINF_paused, 3), V(XEN_DOMINF_paused, 8),
	V(_XEN_DOMINF_blocked, 4), V(XEN_DOMINF_blocked, 16), V(_XEN_DOMINF_running, 5), V(XEN_DOMINF_running, 32),
	V(_XEN_DOMINF_debugged, 6), V(XEN_DOMINF_debugged, 64), V(_XEN_DOMINF_xs_domain, 7),
	V(XEN_DOMINF_xs_domain, 128), V(_XEN_DOMINF_hap, 8), V(XEN_DOMINF_hap, 256), V(XEN_DOMINF_shutdownmask, 255),
	V(XEN_DOMINF_shutdownshift, 16), V(XEN_INVALID_MAX_VCPU_ID, 0xffffffff), V(XEN_DOMCTL_PFINFO_LTAB_SHIFT, 28),
	V(XEN_DOMCTL_PFINFO_NOTAB, 0), V(XEN_DOMCTL_PFINFO_L1TAB, 0x10000000), V(XEN_DOMCTL_PFINFO_L2TAB, 0x20000000),
	V(XEN_DOMCTL_PFINFO_L3TAB, 0x30000000), V(XEN_DOMCTL_PFINFO_L4TAB, 0x40000000),
	V(XEN_DOMCTL_PFINFO_LTABTYPE_MASK, 0x70000000), V(XEN_DOMCTL_PFINFO_LPINTAB, 0x80000000),
	V(XEN_DOMCTL_PFINFO_BROKEN, 0xd0000000), V(XEN_DOMCTL_PFINFO_XALLOC, 0xe0000000),
	V(XEN_DOMCTL_PFINFO_XTAB, 0xf0000000), V(XEN_DOMCTL_PFINFO_LTAB_MASK, 0xf0000000),
	V(XEN_DOMCTL_SHADOW_OP_OFF, 0), V(XEN_DOMCTL_SHADOW_OP_ENABLE_TEST, 1),
	V(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 2), V(XEN_DOMCTL_SHADOW_OP_CLEAN, 11),
	V(XEN_DOMCTL_SHADOW_OP_PEEK, 12), V(XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION, 30),
	V(XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION, 31), V(XEN_DOMCTL_SHADOW_OP_ENABLE, 32),
	V(XEN_DOMCTL_SHADOW_ENABLE_REFCOUNT, 2), V(XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY, 4),
	V(XEN_DOMCTL_SHADOW_ENABLE_TRANSLATE, 8), V(XEN_DOMCTL_SHADOW_ENABLE_EXTERNAL, 16),
	V(XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL, 1), V(_XEN_VCPUAFFINITY_HARD, 0), V(XEN_VCPUAFFINITY_HARD, 1),
	V(_XEN_VCPUAFFINITY_SOFT, 1), V(XEN_VCPUAFFINITY_SOFT, 2), V(_XEN_VCPUAFFINITY_FORCE, 2),
	V(XEN_VCPUAFFINITY_FORCE, 4), V(XEN_SCHEDULER_CREDIT, 5), V(XEN_SCHEDULER_CREDIT2, 6),
	V(XEN_SCHEDULER_ARINC653, 7), V(XEN_SCHEDULER_RTDS, 8), V(XEN_SCHEDULER_NULL, 9),
	V(XEN_DOMCTL_SCHEDOP_putinfo, 0), V(XEN_DOMCTL_SCHEDOP_getinfo, 1), V(XEN_DOMCTL_SCHEDOP_putvcpuinfo, 2),
	V(XEN_DOMCTL_SCHEDOP_getvcpuinfo, 3), V(_XEN_DOMCTL_SCHEDRT_extra, 0), V(XEN_DOMCTL_SCHEDRT_extra, 1),
	V(XEN_DOMCTL_SENDTRIGGER_NMI, 0), V(XEN_DOMCTL_SENDTRIGGER_RESET, 1), V(XEN_DOMCTL_SENDTRIGGER_INIT, 2),
	V(XEN_DOMCTL_SENDTRIGGER_POWER, 3), V(XEN_DOMCTL_SENDTRIGGER_SLEEP, 4), V(DPCI_ADD_MAPPING, 1),
	V(DPCI_REMOVE_MAPPING, 0), V(TSC_MODE_DEFAULT, 0), V(TSC_MODE_ALWAYS_EMULATE, 1),
	V(TSC_MODE_NEVER_EMULATE, 2), V(XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_OFF, 0),
	V(XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_ON, 1), V(XEN_CPUID_INPUT_UNUSED, 0xffffffff),
	{ 0 }
};

static const struct abi_value values_sysctl[] = {
	V(XEN_SYSCTL_INTERFACE_VERSION, 21), V(XEN_SYSCTL_readconsole, 1), V(XEN_SYSCTL_tbuf_op, 2),
	V(XEN_SYSCTL_physinfo, 3), V(XEN_SYSCTL_sched_id, 4), V(XEN_SYSCTL_perfc_op, 5),
	V(XEN_SYSCTL_getdomaininfolist, 6), V(XEN_SYSCTL_debug_keys, 7), V(XEN_SYSCTL_getcpuinfo, 8),
	V(XEN_SYSCTL_availheap, 9), V(XEN_SYSCTL_get_pmstat, 10), V(XEN_SYSCTL_cpu_hotplug, 11),
	V(XEN_SYSCTL_pm_op, 12), V(XEN_SYSCTL_page_offline_op, 14), V(XEN_SYSCTL_lockprof_op, 15),
	V(XEN_SYSCTL_cputopoinfo, 16), V(XEN_SYSCTL_numainfo, 17), V(XEN_SYSCTL_cpupool_op, 18),
	V(XEN_SYSCTL_scheduler_op, 19), V(XEN_SYSCTL_coverage_op, 20), V(XEN_SYSCTL_psr_cmt_op, 21),
	V(XEN_SYSCTL_pcitopoinfo, 22), V(XEN_SYSCTL_psr_alloc, 23), V(XEN_SYSCTL_get_cpu_levelling_caps, 25),
	V(XEN_SYSCTL_get_cpu_featureset, 26), V(XEN_SYSCTL_livepatch_op, 27), V(XEN_SYSCTL_get_cpu_policy, 29),
	V(XEN_SYSCTL_TBUFOP_get_info, 0), V(XEN_SYSCTL_TBUFOP_set_cpu_mask, 1), V(XEN_SYSCTL_TBUFOP_set_evt_mask, 2),
	V(XEN_SYSCTL_TBUFOP_set_size, 3), V(XEN_SYSCTL_TBUFOP_enable, 4), V(XEN_SYSCTL_TBUFOP_disable, 5),
	V(_XEN_SYSCTL_PHYSCAP_hvm, 0), V(XEN_SYSCTL_PHYSCAP_hvm, 1), V(_XEN_SYSCTL_PHYSCAP_pv, 1),
	V(XEN_SYSCTL_PHYSCAP_pv, 2), V(_XEN_SYSCTL_PHYSCAP_directio, 2), V(XEN_SYSCTL_PHYSCAP_directio, 4),
	V(_XEN_SYSCTL_PHYSCAP_hap, 3), V(XEN_SYSCTL_PHYSCAP_hap, 8), V(_XEN_SYSCTL_PHYSCAP_shadow, 4),
	V(XEN_SYSCTL_PHYSCAP_shadow, 16), V(_XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share, 5),
	V(XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share, 32), V(XEN_SYSCTL_PHYSCAP_vmtrace, 64),
	V(XEN_SYSCTL_PHYSCAP_vpmu, 128), V(XEN_SYSCTL_PHYSCAP_gnttab_v1, 256), V(XEN_SYSCTL_PHYSCAP_gnttab_v2, 512),
	V(XEN_SYSCTL_PHYSCAP_MAX, 512), V(XEN_SYSCTL_PERFCOP_reset, 1), V(XEN_SYSCTL_PERFCOP_query, 2),
	V(PMSTAT_CATEGORY_MASK, 240), V(PMSTAT_PX, 16), V(PMSTAT_CX, 32), V(PMSTAT_get_max_px, 17),
	V(PMSTAT_get_pxstat, 18), V(PMSTAT_reset_pxstat, 19), V(PMSTAT_get_max_cx, 33), V(PMSTAT_get_cxstat, 34),
	V(PMSTAT_reset_cxstat, 35), V(XEN_SYSCTL_CPU_HOTPLUG_ONLINE, 0), V(XEN_SYSCTL_CPU_HOTPLUG_OFFLINE, 1),
	V(XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE, 2), V(XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE, 3),
	V(PM_PARA_CATEGORY_MASK, 240), V(CPUFREQ_PARA, 16), V(GET_CPUFREQ_PARA, 17), V(SET_CPUFREQ_GOV, 18),
	V(SET_CPUFREQ_PARA, 19), V(GET_CPUFREQ_AVGFREQ, 20), V(XEN_SYSCTL_pm_op_set_sched_opt_smt, 33),
	V(XEN_SYSCTL_pm_op_get_max_cstate, 34), V(XEN_SYSCTL_pm_op_set_max_cstate, 35),
	V(XEN_SYSCTL_pm_op_set_vcpu_migration_delay, 36), V(XEN_SYSCTL_pm_op_get_vcpu_migration_delay, 37),
	V(XEN_SYSCTL_pm_op_enable_turbo, 38), V(XEN_SYSCTL_pm_op_disable_turbo, 39),
	V(XEN_SYSCTL_CX_UNLIMITED, 0xffffffff), V(sysctl_page_offline, 1), V(sysctl_page_online, 2),
	V(sysctl_query_page_offline, 3), V(XEN_SYSCTL_LOCKPROF_reset, 1), V(XEN_SYSCTL_LOCKPROF_query, 2),
	V(LOCKPROF_TYPE_GLOBAL, 0), V(LOCKPROF_TYPE_PERDOM, 1), V(LOCKPROF_TYPE_N, 2),
	V(XEN_INVALID_CORE_ID, 0xffffffff), V(XEN_INVALID_SOCKET_ID, 0xffffffff), V(XEN_INVALID_NODE_ID, 0xffffffff),
	V(XEN_INVALID_MEM_SZ, 0xffffffff), V(XEN_INVALID_NODE_DIST, 0xffffffff), V(XEN_INVALID_DEV, 0xfffffffe),
	V(XEN_SYSCTL_CPUPOOL_OP_CREATE, 1), V(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 2), V(XEN_SYSCTL_CPUPOOL_OP_INFO, 3),
	V(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 4), V(XEN_SYSCTL_CPUPOOL_OP_RMCPU, 5), V(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 6),
	V(XEN_SYSCTL_CPUPOOL_OP_FREEINFO, 7), V(XEN_SYSCTL_CPUPOOL_PAR_ANY, 0xffffffff),
	V(XEN_SYSCTL_SCHEDOP_putinfo, 0), V(XEN_SYSCTL_SCHEDOP_getinfo, 1),
	V(XEN_SYSCTL_SCHED_RATELIMIT_MAX, 0x7a120), V(XEN_SYSCTL_SCHED_RATELIMIT_MIN, 100),
	V(XEN_SYSCTL_CSCHED_TSLICE_MAX, 1000), V(XEN_SYSCTL_CSCHED_TSLICE_MIN, 1),
	V(XEN_SYSCTL_CSCHED_MGR_DLY_MAX_US, 0x186a0), V(ARINC653_MAX_DOMAINS_PER_SCHEDULE, 64),
	V(XEN_SYSCTL_COVERAGE_get_size, 0), V(XEN_SYSCTL_COVERAGE_read, 1), V(XEN_SYSCTL_COVERAGE_reset, 2),
	V(XEN_SYSCTL_CPU_LEVELCAP_faulting, 1), V(XEN_SYSCTL_CPU_LEVELCAP_ecx, 2), V(XEN_SYSCTL_CPU_LEVELCAP_edx, 4),
	V(XEN_SYSCTL_CPU_LEVELCAP_extd_ecx, 8), V(XEN_SYSCTL_CPU_LEVELCAP_extd_edx, 16),
	V(XEN_SYSCTL_CPU_LEVELCAP_xsave_eax, 32), V(XEN_SYSCTL_CPU_LEVELCAP_thermal_ecx, 64),
	V(XEN_SYSCTL_CPU_LEVELCAP_l7s0_eax, 128), V(XEN_SYSCTL_CPU_LEVELCAP_l7s0_ebx, 256),
	V(XEN_SYSCTL_cpu_featureset_raw, 0), V(XEN_SYSCTL_cpu_featureset_host, 1), V(XEN_SYSCTL_cpu_featureset_pv, 2),
	V(XEN_SYSCTL_cpu_featureset_hvm, 3), V(XEN_SYSCTL_cpu_featureset_pv_max, 4),
	V(XEN_SYSCTL_cpu_featureset_hvm_max, 5), V(XEN_SYSCTL_cpu_policy_raw, 0), V(XEN_SYSCTL_cpu_policy_host, 1),
	V(XEN_SYSCTL_cpu_policy_pv_max, 2), V(XEN_SYSCTL_cpu_policy_hvm_max, 3),
	V(XEN_SYSCTL_cpu_policy_pv_default, 4), V(XEN_SYSCTL_cpu_policy_hvm_default, 5),
	V(XEN_SYSCTL_LIVEPATCH_UPLOAD, 0), V(XEN_SYSCTL_LIVEPATCH_GET, 1), V(XEN_SYSCTL_LIVEPATCH_LIST, 2),
	V(XEN_SYSCTL_LIVEPATCH_ACTION, 3),
	{ 0 }
};

static const struct abi_value values_lite[] = {
	V(__HYPERVISOR_lite_op, 55), V(LITEOP_features, 0), V(LITEOP_crash_reason, 1), V(LITEOP_counters, 2),
	V(LITEOP_memory, 3), V(LITEF_memory, 4), V(LITEOP_pt_exchange, 4), V(LITEF_pt_exchange, 8),
	V(LITEOP_allow, 5), V(LITEF_allow, 16), V(LITEF_shared_tables, 32), V(VMASST_TYPE_lite_shared_tables, 62),
	V(LITEOP_free_pages, 6), V(LITEOP_unneeded, 7), V(LITEF_free_pages, 64), V(LITEF_direct_entry, 512),
	V(VMASST_TYPE_lite_direct_entry, 61), V(LITE_INFO_in_kernel, 2), V(VIRQ_LITE_LOGGED, 23),
	V(LITEOP_copy_frames, 8), V(LITEF_copy_frames, 128), V(LITE_COPY_in, 1),
	V(LITEOP_soft_dirty, 9), V(LITEF_soft_dirty, 256),
	V(LITE_HINTS_none, 0), V(LITE_HINTS_asked, 1), V(LITE_HINTS_all, 2),
	{ 0 }
};

static const struct abi_value values_io_xenbus[] = {
	V(XenbusStateUnknown, 0), V(XenbusStateInitialising, 1), V(XenbusStateInitialised, 3),
	V(XenbusStateConnected, 4), V(XenbusStateClosing, 5), V(XenbusStateClosed, 6), V(XenbusStateReconfiguring, 7),
	V(XenbusStateReconfigured, 8),
	{ 0 }
};

static const struct abi_value values_io_xs_wire[] = {
	V(XS_CONTROL, 0), V(XS_DIRECTORY, 1), V(XS_READ, 2), V(XS_GET_PERMS, 3), V(XS_WATCH, 4), V(XS_UNWATCH, 5),
	V(XS_TRANSACTION_START, 6), V(XS_TRANSACTION_END, 7), V(XS_INTRODUCE, 8), V(XS_RELEASE, 9),
	V(XS_GET_DOMAIN_PATH, 10), V(XS_WRITE, 11), V(XS_MKDIR, 12), V(XS_RM, 13), V(XS_SET_PERMS, 14),
	V(XS_WATCH_EVENT, 15), V(XS_ERROR, 16), V(XS_IS_DOMAIN_INTRODUCED, 17), V(XS_RESUME, 18),
	V(XS_SET_TARGET, 19), V(XS_RESET_WATCHES, 21), V(XS_DIRECTORY_PART, 22), V(XS_GET_FEATURE, 23), V(XS_SET_FEATURE, 24),
	V(XS_GET_QUOTA, 25), V(XS_SET_QUOTA, 26),
	V(XS_INVALID, 0xffff), V(XS_DEBUG, 0), V(XS_WATCH_PATH, 0), V(XS_WATCH_TOKEN, 1),
	V(XENSTORE_PAYLOAD_MAX, 0x1000), V(XENSTORE_ABS_PATH_MAX, 3072), V(XENSTORE_REL_PATH_MAX, 2048),
	V(XENSTORE_RING_SIZE, 1024), V(XENSTORE_SERVER_FEATURE_RECONNECTION, 1), V(XENSTORE_SERVER_FEATURE_ERROR, 2),
	V(XENSTORE_CONNECTED, 0), V(XENSTORE_RECONNECT, 1), V(XENSTORE_ERROR_NONE, 0), V(XENSTORE_ERROR_COMM, 1),
	V(XENSTORE_ERROR_RINGIDX, 2), V(XENSTORE_ERROR_PROTO, 3),
	{ 0 }
};

static const struct abi_value values_io_blkif[] = {
	V(BLKIF_OP_READ, 0), V(BLKIF_OP_WRITE, 1), V(BLKIF_OP_WRITE_BARRIER, 2), V(BLKIF_OP_FLUSH_DISKCACHE, 3),
	V(BLKIF_OP_RESERVED_1, 4), V(BLKIF_OP_DISCARD, 5), V(BLKIF_OP_INDIRECT, 6),
	V(BLKIF_MAX_SEGMENTS_PER_REQUEST, 11), V(BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST, 8), V(BLKIF_DISCARD_SECURE, 1),
	V(BLKIF_RSP_EOPNOTSUPP, -2), V(BLKIF_RSP_ERROR, -1), V(BLKIF_RSP_OKAY, 0), V(VDISK_CDROM, 1),
	V(VDISK_REMOVABLE, 2), V(VDISK_READONLY, 4),
	{ 0 }
};

static const struct abi_value values_io_netif[] = {
	V(XEN_NETIF_NR_SLOTS_MIN, 18), V(XEN_NETIF_MAX_TX_SIZE, 0xffff), V(_NETTXF_csum_blank, 0),
	V(NETTXF_csum_blank, 1), V(_NETTXF_data_validated, 1), V(NETTXF_data_validated, 2), V(_NETTXF_more_data, 2),
	V(NETTXF_more_data, 4), V(_NETTXF_extra_info, 3), V(NETTXF_extra_info, 8), V(_NETRXF_data_validated, 0),
	V(NETRXF_data_validated, 1), V(_NETRXF_csum_blank, 1), V(NETRXF_csum_blank, 2), V(_NETRXF_more_data, 2),
	V(NETRXF_more_data, 4), V(_NETRXF_extra_info, 3), V(NETRXF_extra_info, 8), V(_NETRXF_gso_prefix, 4),
	V(NETRXF_gso_prefix, 16), V(XEN_NETIF_EXTRA_TYPE_NONE, 0), V(XEN_NETIF_EXTRA_TYPE_GSO, 1),
	V(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 2), V(XEN_NETIF_EXTRA_TYPE_MCAST_DEL, 3), V(XEN_NETIF_EXTRA_TYPE_HASH, 4),
	V(XEN_NETIF_EXTRA_TYPE_MAX, 5), V(_XEN_NETIF_EXTRA_FLAG_MORE, 0), V(XEN_NETIF_EXTRA_FLAG_MORE, 1),
	V(XEN_NETIF_GSO_TYPE_NONE, 0), V(XEN_NETIF_GSO_TYPE_TCPV4, 1), V(XEN_NETIF_GSO_TYPE_TCPV6, 2),
	V(NETIF_RSP_DROPPED, -2), V(NETIF_RSP_ERROR, -1), V(NETIF_RSP_OKAY, 0), V(NETIF_RSP_NULL, 1),
	{ 0 }
};

const struct abi_values abi_values[] = {
	{ "xen.h", values_xen },
	{ "arch-x86.h", values_arch_x86 },
	{ "cpuid.h", values_cpuid },
	{ "features.h", values_features },
	{ "version.h", values_version },
	{ "event_channel.h", values_event_channel },
	{ "sched.h", values_sched },
	{ "vcpu.h", values_vcpu },
	{ "callback.h", values_callback },
	{ "nmi.h", values_nmi },
	{ "elfnote.h", values_elfnote },
	{ "errno.h", values_errno },
	{ "memory.h", values_memory },
	{ "physdev.h", values_physdev },
	{ "grant_table.h", values_grant_table },
	{ "pmu.h", values_pmu },
	{ "xsm.h", values_xsm },
	{ "platform.h", values_platform },
	{ "domctl.h", values_domctl },
	{ "sysctl.h", values_sysctl },
	{ "lite.h", values_lite },
	{ "io/xenbus.h", values_io_xenbus },
	{ "io/xs_wire.h", values_io_xs_wire },
	{ "io/blkif.h", values_io_blkif },
	{ "io/netif.h", values_io_netif },
	{ 0 }
};
