/* SPDX-License-Identifier: MIT */
/*
 * Layouts of the ABI's structures: size of each, then offset and size of its fields, bytes. Fields of a nested
 * structure without a name of its own are listed with their path; F0 is a trailing array without a length.
 */
#include <public/arch-x86.h>
#include <public/callback.h>
#include <public/domctl.h>
#include <public/event_channel.h>
#include <public/grant_table.h>
#include <public/io/blkif.h>
#include <public/io/console.h>
#include <public/io/netif.h>
#include <public/io/xs_wire.h>
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

#include "test_abi.h"

#define STRUCT(type, bytes, ...) do { \
	typedef type checked; \
	static const struct abi_field fields[] = { __VA_ARGS__ }; \
	abi_check_struct(#type, sizeof(type), bytes, fields, sizeof(fields) / sizeof(fields[0])); \
} while (0)
#define F(name, at, bytes)	{ #name, offsetof(checked, name), at, sizeof(((checked *)0)->name), bytes }
#define F0(name, at)		{ #name, offsetof(checked, name), at, 0, 0 }

static void layout_arch_x86(void)
{
	STRUCT(struct iret_context, 72, F(rax, 0, 8), F(r11, 8, 8), F(rcx, 16, 8), F(flags, 24, 8), F(rip, 32, 8),
	       F(cs, 40, 8), F(rflags, 48, 8), F(rsp, 56, 8), F(ss, 64, 8));
	STRUCT(struct cpu_user_regs, 200, F(r15, 0, 8), F(r15d, 0, 4), F(r15w, 0, 2), F(r15b, 0, 1), F(r14, 8, 8),
	       F(r14d, 8, 4), F(r14w, 8, 2), F(r14b, 8, 1), F(r13, 16, 8), F(r13d, 16, 4), F(r13w, 16, 2),
	       F(r13b, 16, 1), F(r12, 24, 8), F(r12d, 24, 4), F(r12w, 24, 2), F(r12b, 24, 1), F(rbp, 32, 8),
	       F(ebp, 32, 4), F(bp, 32, 2), F(bpl, 32, 1), F(rbx, 40, 8), F(ebx, 40, 4), F(bx, 40, 2), F(bl, 40, 1),
	       F(bh, 41, 1), F(r11, 48, 8), F(r11d, 48, 4), F(r11w, 48, 2), F(r11b, 48, 1), F(r10, 56, 8),
	       F(r10d, 56, 4), F(r10w, 56, 2), F(r10b, 56, 1), F(r9, 64, 8), F(r9d, 64, 4), F(r9w, 64, 2),
	       F(r9b, 64, 1), F(r8, 72, 8), F(r8d, 72, 4), F(r8w, 72, 2), F(r8b, 72, 1), F(rax, 80, 8),
	       F(eax, 80, 4), F(ax, 80, 2), F(al, 80, 1), F(ah, 81, 1), F(rcx, 88, 8), F(ecx, 88, 4), F(cx, 88, 2),
	       F(cl, 88, 1), F(ch, 89, 1), F(rdx, 96, 8), F(edx, 96, 4), F(dx, 96, 2), F(dl, 96, 1), F(dh, 97, 1),
	       F(rsi, 104, 8), F(esi, 104, 4), F(si, 104, 2), F(sil, 104, 1), F(rdi, 112, 8), F(edi, 112, 4),
	       F(di, 112, 2), F(dil, 112, 1), F(error_code, 120, 4), F(entry_vector, 124, 4), F(rip, 128, 8),
	       F(eip, 128, 4), F(ip, 128, 2), F(cs, 136, 2), F(_pad0, 138, 2), F(saved_upcall_mask, 140, 1),
	       F(_pad1, 141, 3), F(rflags, 144, 8), F(eflags, 144, 4), F(flags, 144, 2), F(rsp, 152, 8),
	       F(esp, 152, 4), F(sp, 152, 2), F(spl, 152, 1), F(ss, 160, 2), F(_pad2, 162, 6), F(es, 168, 2),
	       F(_pad3, 170, 6), F(ds, 176, 2), F(_pad4, 178, 6), F(fs, 184, 2), F(_pad5, 186, 6), F(gs, 192, 2),
	       F(_pad6, 194, 6));
	STRUCT(struct arch_vcpu_info, 16, F(cr2, 0, 8), F(pad, 8, 8));
	STRUCT(struct trap_info, 16, F(vector, 0, 1), F(flags, 1, 1), F(cs, 2, 2), F(address, 8, 8));
	STRUCT(struct vcpu_guest_context, 5168, F(fpu_ctxt, 0, 512), F(fpu_ctxt.x, 0, 512), F(flags, 512, 8),
	       F(user_regs, 520, 200), F(trap_ctxt, 720, 4096), F(ldt_base, 4816, 8), F(ldt_ents, 4824, 8),
	       F(gdt_frames, 4832, 128), F(gdt_ents, 4960, 8), F(kernel_ss, 4968, 8), F(kernel_sp, 4976, 8),
	       F(ctrlreg, 4984, 64), F(debugreg, 5048, 64), F(event_callback_eip, 5112, 8),
	       F(failsafe_callback_eip, 5120, 8), F(syscall_callback_eip, 5128, 8), F(vm_assist, 5136, 8),
	       F(fs_base, 5144, 8), F(gs_base_kernel, 5152, 8), F(gs_base_user, 5160, 8));
	STRUCT(struct arch_shared_info, 48, F(max_pfn, 0, 8), F(pfn_to_mfn_frame_list_list, 8, 8),
	       F(nmi_reason, 16, 8), F(p2m_cr3, 24, 8), F(p2m_vaddr, 32, 8), F(p2m_generation, 40, 8));
	STRUCT(struct xen_arch_domainconfig, 8, F(emulation_flags, 0, 4), F(misc_flags, 4, 4));
	STRUCT(struct xen_cpuid_leaf, 24, F(leaf, 0, 4), F(subleaf, 4, 4), F(a, 8, 4), F(b, 12, 4), F(c, 16, 4),
	       F(d, 20, 4));
	STRUCT(struct xen_msr_entry, 16, F(idx, 0, 4), F(flags, 4, 4), F(val, 8, 8));
}

static void layout_xen(void)
{
	STRUCT(struct mmu_update, 16, F(ptr, 0, 8), F(val, 8, 8));
	STRUCT(struct mmuext_op, 24, F(cmd, 0, 4), F(arg1, 8, 8), F(arg1.mfn, 8, 8), F(arg1.linear_addr, 8, 8),
	       F(arg2, 16, 8), F(arg2.nr_ents, 16, 4), F(arg2.vcpumask, 16, 8), F(arg2.src_mfn, 16, 8));
	STRUCT(struct multicall_entry, 64, F(op, 0, 8), F(result, 8, 8), F(args, 16, 48));
	STRUCT(struct vcpu_time_info, 32, F(version, 0, 4), F(pad0, 4, 4), F(tsc_timestamp, 8, 8),
	       F(system_time, 16, 8), F(tsc_to_system_mul, 24, 4), F(tsc_shift, 28, 1), F(flags, 29, 1),
	       F(pad1, 30, 2));
	STRUCT(struct vcpu_info, 64, F(evtchn_upcall_pending, 0, 1), F(evtchn_upcall_mask, 1, 1),
	       F(evtchn_pending_sel, 8, 8), F(arch, 16, 16), F(time, 32, 32));
	STRUCT(struct shared_info, 3136, F(vcpu_info, 0, 2048), F(evtchn_pending, 2048, 512),
	       F(evtchn_mask, 2560, 512), F(wc_version, 3072, 4), F(wc_sec, 3076, 4), F(wc_nsec, 3080, 4),
	       F(wc_sec_hi, 3084, 4), F(arch, 3088, 48));
	STRUCT(struct start_info, 1168, F(magic, 0, 32), F(nr_pages, 32, 8), F(shared_info, 40, 8), F(flags, 48, 4),
	       F(store_mfn, 56, 8), F(store_evtchn, 64, 4), F(console, 72, 16), F(console.domU, 72, 16),
	       F(console.domU.mfn, 72, 8), F(console.domU.evtchn, 80, 4), F(console.dom0, 72, 8),
	       F(console.dom0.info_off, 72, 4), F(console.dom0.info_size, 76, 4), F(pt_base, 88, 8),
	       F(nr_pt_frames, 96, 8), F(mfn_list, 104, 8), F(mod_start, 112, 8), F(mod_len, 120, 8),
	       F(cmd_line, 128, 1024), F(first_p2m_pfn, 1152, 8), F(nr_p2m_frames, 1160, 8));
	STRUCT(struct xen_multiboot_mod_list, 16, F(mod_start, 0, 4), F(mod_end, 4, 4), F(cmdline, 8, 4),
	       F(pad, 12, 4));
	STRUCT(struct dom0_vga_console_info, 40, F(video_type, 0, 1), F(u, 4, 36), F(u.text_mode_3, 4, 10),
	       F(u.text_mode_3.font_height, 4, 2), F(u.text_mode_3.cursor_x, 6, 2), F(u.text_mode_3.cursor_y, 8, 2),
	       F(u.text_mode_3.rows, 10, 2), F(u.text_mode_3.columns, 12, 2), F(u.vesa_lfb, 4, 36),
	       F(u.vesa_lfb.width, 4, 2), F(u.vesa_lfb.height, 6, 2), F(u.vesa_lfb.bytes_per_line, 8, 2),
	       F(u.vesa_lfb.bits_per_pixel, 10, 2), F(u.vesa_lfb.lfb_base, 12, 4), F(u.vesa_lfb.lfb_size, 16, 4),
	       F(u.vesa_lfb.red_pos, 20, 1), F(u.vesa_lfb.red_size, 21, 1), F(u.vesa_lfb.green_pos, 22, 1),
	       F(u.vesa_lfb.green_size, 23, 1), F(u.vesa_lfb.blue_pos, 24, 1), F(u.vesa_lfb.blue_size, 25, 1),
	       F(u.vesa_lfb.rsvd_pos, 26, 1), F(u.vesa_lfb.rsvd_size, 27, 1), F(u.vesa_lfb.gbl_caps, 28, 4),
	       F(u.vesa_lfb.mode_attrs, 32, 2), F(u.vesa_lfb.pad, 34, 2), F(u.vesa_lfb.ext_lfb_base, 36, 4));
	STRUCT(struct xenctl_bitmap, 16, F(bitmap, 0, 8), F(nr_bits, 8, 4));
}

static void layout_version(void)
{
	STRUCT(struct xen_compile_info, 144, F(compiler, 0, 64), F(compile_by, 64, 16), F(compile_domain, 80, 32),
	       F(compile_date, 112, 32));
	STRUCT(struct xen_platform_parameters, 8, F(virt_start, 0, 8));
	STRUCT(struct xen_feature_info, 8, F(submap_idx, 0, 4), F(submap, 4, 4));
	STRUCT(struct xen_build_id, 4, F(len, 0, 4), F0(buf, 4));
}

static void layout_event_channel(void)
{
	STRUCT(struct evtchn_alloc_unbound, 8, F(dom, 0, 2), F(remote_dom, 2, 2), F(port, 4, 4));
	STRUCT(struct evtchn_bind_interdomain, 12, F(remote_dom, 0, 2), F(remote_port, 4, 4), F(local_port, 8, 4));
	STRUCT(struct evtchn_bind_virq, 12, F(virq, 0, 4), F(vcpu, 4, 4), F(port, 8, 4));
	STRUCT(struct evtchn_bind_pirq, 12, F(pirq, 0, 4), F(flags, 4, 4), F(port, 8, 4));
	STRUCT(struct evtchn_bind_ipi, 8, F(vcpu, 0, 4), F(port, 4, 4));
	STRUCT(struct evtchn_close, 4, F(port, 0, 4));
	STRUCT(struct evtchn_send, 4, F(port, 0, 4));
	STRUCT(struct evtchn_status, 24, F(dom, 0, 2), F(port, 4, 4), F(status, 8, 4), F(vcpu, 12, 4), F(u, 16, 8),
	       F(u.unbound, 16, 2), F(u.unbound.dom, 16, 2), F(u.interdomain, 16, 8), F(u.interdomain.dom, 16, 2),
	       F(u.interdomain.port, 20, 4), F(u.pirq, 16, 4), F(u.virq, 16, 4));
	STRUCT(struct evtchn_bind_vcpu, 8, F(port, 0, 4), F(vcpu, 4, 4));
	STRUCT(struct evtchn_unmask, 4, F(port, 0, 4));
	STRUCT(struct evtchn_reset, 2, F(dom, 0, 2));
	STRUCT(struct evtchn_init_control, 24, F(control_gfn, 0, 8), F(offset, 8, 4), F(vcpu, 12, 4),
	       F(link_bits, 16, 1), F(_pad, 17, 7));
	STRUCT(struct evtchn_expand_array, 8, F(array_gfn, 0, 8));
	STRUCT(struct evtchn_set_priority, 8, F(port, 0, 4), F(priority, 4, 4));
	STRUCT(struct evtchn_op, 28, F(cmd, 0, 4), F(u, 4, 24), F(u.alloc_unbound, 4, 8),
	       F(u.bind_interdomain, 4, 12), F(u.bind_virq, 4, 12), F(u.bind_pirq, 4, 12), F(u.bind_ipi, 4, 8),
	       F(u.close, 4, 4), F(u.send, 4, 4), F(u.status, 4, 24), F(u.bind_vcpu, 4, 8), F(u.unmask, 4, 4));
	STRUCT(struct evtchn_fifo_control_block, 72, F(ready, 0, 4), F(_rsvd, 4, 4), F(head, 8, 64));
}

static void layout_sched(void)
{
	STRUCT(struct sched_shutdown, 4, F(reason, 0, 4));
	STRUCT(struct sched_poll, 24, F(ports, 0, 8), F(nr_ports, 8, 4), F(timeout, 16, 8));
	STRUCT(struct sched_remote_shutdown, 8, F(domain_id, 0, 2), F(reason, 4, 4));
	STRUCT(struct sched_watchdog, 8, F(id, 0, 4), F(timeout, 4, 4));
	STRUCT(struct sched_pin_override, 4, F(pcpu, 0, 4));
}

static void layout_vcpu(void)
{
	STRUCT(struct vcpu_runstate_info, 48, F(state, 0, 4), F(state_entry_time, 8, 8), F(time, 16, 32));
	STRUCT(struct vcpu_register_runstate_memory_area, 8, F(addr, 0, 8), F(addr.h, 0, 8), F(addr.v, 0, 8),
	       F(addr.p, 0, 8));
	STRUCT(struct vcpu_set_periodic_timer, 8, F(period_ns, 0, 8));
	STRUCT(struct vcpu_set_singleshot_timer, 16, F(timeout_abs_ns, 0, 8), F(flags, 8, 4));
	STRUCT(struct vcpu_register_vcpu_info, 16, F(mfn, 0, 8), F(offset, 8, 4), F(rsvd, 12, 4));
	STRUCT(struct vcpu_get_physid, 8, F(phys_id, 0, 8));
	STRUCT(struct vcpu_register_time_memory_area, 8, F(addr, 0, 8), F(addr.h, 0, 8), F(addr.v, 0, 8),
	       F(addr.p, 0, 8));
}

static void layout_callback(void)
{
	STRUCT(struct callback_register, 16, F(type, 0, 2), F(flags, 2, 2), F(address, 8, 8));
	STRUCT(struct callback_unregister, 4, F(type, 0, 2), F(_unused, 2, 2));
}

static void layout_nmi(void)
{
	STRUCT(struct xennmi_callback, 16, F(handler_address, 0, 8), F(pad, 8, 8));
}

static void layout_physdev(void)
{
	STRUCT(struct physdev_eoi, 4, F(irq, 0, 4));
	STRUCT(struct physdev_pirq_eoi_gmfn, 8, F(gmfn, 0, 8));
	STRUCT(struct physdev_irq_status_query, 8, F(irq, 0, 4), F(flags, 4, 4));
	STRUCT(struct physdev_set_iopl, 4, F(iopl, 0, 4));
	STRUCT(struct physdev_set_iobitmap, 16, F(bitmap, 0, 8), F(nr_ports, 8, 4));
	STRUCT(struct physdev_apic, 16, F(apic_physbase, 0, 8), F(reg, 8, 4), F(value, 12, 4));
	STRUCT(struct physdev_irq, 8, F(irq, 0, 4), F(vector, 4, 4));
	STRUCT(struct physdev_map_pirq, 40, F(domid, 0, 2), F(type, 4, 4), F(index, 8, 4), F(pirq, 12, 4),
	       F(bus, 16, 4), F(devfn, 20, 4), F(entry_nr, 24, 4), F(table_base, 32, 8));
	STRUCT(struct physdev_unmap_pirq, 8, F(domid, 0, 2), F(pirq, 4, 4));
	STRUCT(struct physdev_manage_pci, 2, F(bus, 0, 1), F(devfn, 1, 1));
	STRUCT(struct physdev_restore_msi, 2, F(bus, 0, 1), F(devfn, 1, 1));
	STRUCT(struct physdev_manage_pci_ext, 16, F(bus, 0, 1), F(devfn, 1, 1), F(is_extfn, 4, 4),
	       F(is_virtfn, 8, 4), F(physfn, 12, 2), F(physfn.bus, 12, 1), F(physfn.devfn, 13, 1));
	STRUCT(struct physdev_op, 24, F(cmd, 0, 4), F(u, 8, 16), F(u.irq_status_query, 8, 8), F(u.set_iopl, 8, 4),
	       F(u.set_iobitmap, 8, 16), F(u.apic_op, 8, 16), F(u.irq_op, 8, 8));
	STRUCT(struct physdev_setup_gsi, 8, F(gsi, 0, 4), F(triggering, 4, 1), F(polarity, 5, 1));
	STRUCT(struct physdev_get_free_pirq, 8, F(type, 0, 4), F(pirq, 4, 4));
	STRUCT(struct physdev_pci_mmcfg_reserved, 16, F(address, 0, 8), F(segment, 8, 2), F(start_bus, 10, 1),
	       F(end_bus, 11, 1), F(flags, 12, 4));
	STRUCT(struct physdev_pci_device_add, 12, F(seg, 0, 2), F(bus, 2, 1), F(devfn, 3, 1), F(flags, 4, 4),
	       F(physfn, 8, 2), F(physfn.bus, 8, 1), F(physfn.devfn, 9, 1), F0(optarr, 12));
	STRUCT(struct physdev_pci_device, 4, F(seg, 0, 2), F(bus, 2, 1), F(devfn, 3, 1));
	STRUCT(struct physdev_dbgp_op, 6, F(op, 0, 1), F(bus, 1, 1), F(u, 2, 4), F(u.pci, 2, 4));
}

static void layout_memory(void)
{
	STRUCT(struct xen_memory_reservation, 32, F(extent_start, 0, 8), F(nr_extents, 8, 8), F(extent_order, 16, 4),
	       F(mem_flags, 20, 4), F(domid, 24, 2));
	STRUCT(struct xen_memory_exchange, 72, F(in, 0, 32), F(out, 32, 32), F(nr_exchanged, 64, 8));
	STRUCT(struct xen_memory_domain, 2, F(domid, 0, 2));
	STRUCT(struct xen_machphys_mfn_list, 24, F(max_extents, 0, 4), F(extent_start, 8, 8), F(nr_extents, 16, 4));
	STRUCT(struct xen_machphys_mapping, 24, F(v_start, 0, 8), F(v_end, 8, 8), F(max_mfn, 16, 8));
	STRUCT(struct xen_add_to_physmap, 24, F(domid, 0, 2), F(size, 2, 2), F(space, 4, 4), F(idx, 8, 8),
	       F(gpfn, 16, 8));
	STRUCT(struct xen_add_to_physmap_batch, 32, F(domid, 0, 2), F(space, 2, 2), F(size, 4, 2), F(u, 6, 2),
	       F(idxs, 8, 8), F(gpfns, 16, 8), F(errs, 24, 8));
	STRUCT(union xen_add_to_physmap_batch_extra, 2, F(foreign_domid, 0, 2), F(res0, 0, 2));
	STRUCT(struct xen_remove_from_physmap, 16, F(domid, 0, 2), F(gpfn, 8, 8));
	STRUCT(struct xen_memory_map, 16, F(nr_entries, 0, 4), F(buffer, 8, 8));
	STRUCT(struct xen_e820_entry, 20, F(addr, 0, 8), F(size, 8, 8), F(type, 16, 4));
	STRUCT(struct xen_foreign_memory_map, 24, F(domid, 0, 2), F(map, 8, 16));
	STRUCT(struct xen_pod_target, 40, F(target_pages, 0, 8), F(tot_pages, 8, 8), F(pod_cache_pages, 16, 8),
	       F(pod_entries, 24, 8), F(domid, 32, 2));
	STRUCT(struct xen_reserved_device_memory, 16, F(start_pfn, 0, 8), F(nr_pages, 8, 8));
	STRUCT(struct xen_reserved_device_memory_map, 24, F(flags, 0, 4), F(nr_entries, 4, 4), F(buffer, 8, 8),
	       F(dev, 16, 4), F(dev.pci, 16, 4));
	STRUCT(struct xen_mem_acquire_resource, 32, F(domid, 0, 2), F(type, 2, 2), F(id, 4, 4), F(nr_frames, 8, 4),
	       F(pad, 12, 4), F(frame, 16, 8), F(frame_list, 24, 8));
	STRUCT(struct xen_vmemrange, 24, F(start, 0, 8), F(end, 8, 8), F(flags, 16, 4), F(nid, 20, 4));
	STRUCT(struct xen_vnuma_topology_info, 40, F(domid, 0, 2), F(pad, 2, 2), F(nr_vnodes, 4, 4),
	       F(nr_vcpus, 8, 4), F(nr_vmemranges, 12, 4), F(vdistance, 16, 8), F(vdistance.h, 16, 8),
	       F(vdistance.pad, 16, 8), F(vcpu_to_vnode, 24, 8), F(vcpu_to_vnode.h, 24, 8),
	       F(vcpu_to_vnode.pad, 24, 8), F(vmemrange, 32, 8), F(vmemrange.h, 32, 8), F(vmemrange.pad, 32, 8));
}

static void layout_grant_table(void)
{
	STRUCT(struct grant_entry_v1, 8, F(flags, 0, 2), F(domid, 2, 2), F(frame, 4, 4));
	STRUCT(struct grant_entry_header, 4, F(flags, 0, 2), F(domid, 2, 2));
	STRUCT(union grant_entry_v2, 16, F(hdr, 0, 4), F(full_page, 0, 16), F(full_page.hdr, 0, 4),
	       F(full_page.pad0, 4, 4), F(full_page.frame, 8, 8), F(sub_page, 0, 16), F(sub_page.hdr, 0, 4),
	       F(sub_page.page_off, 4, 2), F(sub_page.length, 6, 2), F(sub_page.frame, 8, 8), F(transitive, 0, 12),
	       F(transitive.hdr, 0, 4), F(transitive.trans_domid, 4, 2), F(transitive.pad0, 6, 2),
	       F(transitive.gref, 8, 4), F(__spacer, 0, 16));
	STRUCT(struct gnttab_map_grant_ref, 32, F(host_addr, 0, 8), F(flags, 8, 4), F(ref, 12, 4), F(dom, 16, 2),
	       F(status, 18, 2), F(handle, 20, 4), F(dev_bus_addr, 24, 8));
	STRUCT(struct gnttab_unmap_grant_ref, 24, F(host_addr, 0, 8), F(dev_bus_addr, 8, 8), F(handle, 16, 4),
	       F(status, 20, 2));
	STRUCT(struct gnttab_setup_table, 24, F(dom, 0, 2), F(nr_frames, 4, 4), F(status, 8, 2),
	       F(frame_list, 16, 8));
	STRUCT(struct gnttab_dump_table, 4, F(dom, 0, 2), F(status, 2, 2));
	STRUCT(struct gnttab_transfer, 24, F(mfn, 0, 8), F(domid, 8, 2), F(ref, 12, 4), F(status, 16, 2));
	STRUCT(struct gnttab_copy, 40, F(source, 0, 16), F(dest, 16, 16), F(len, 32, 2), F(flags, 34, 2),
	       F(status, 36, 2));
	STRUCT(struct gnttab_copy_ptr, 16, F(u, 0, 8), F(u.ref, 0, 4), F(u.gmfn, 0, 8), F(domid, 8, 2),
	       F(offset, 10, 2));
	STRUCT(struct gnttab_query_size, 16, F(dom, 0, 2), F(nr_frames, 4, 4), F(max_nr_frames, 8, 4),
	       F(status, 12, 2));
	STRUCT(struct gnttab_unmap_and_replace, 24, F(host_addr, 0, 8), F(new_addr, 8, 8), F(handle, 16, 4),
	       F(status, 20, 2));
	STRUCT(struct gnttab_set_version, 4, F(version, 0, 4));
	STRUCT(struct gnttab_get_status_frames, 16, F(nr_frames, 0, 4), F(dom, 4, 2), F(status, 6, 2),
	       F(frame_list, 8, 8));
	STRUCT(struct gnttab_get_version, 8, F(dom, 0, 2), F(pad, 2, 2), F(version, 4, 4));
	STRUCT(struct gnttab_swap_grant_ref, 12, F(ref_a, 0, 4), F(ref_b, 4, 4), F(status, 8, 2));
	STRUCT(struct gnttab_cache_flush, 16, F(a, 0, 8), F(a.dev_bus_addr, 0, 8), F(a.ref, 0, 4), F(offset, 8, 2),
	       F(length, 10, 2), F(op, 12, 4));
}

static void layout_pmu(void)
{
	STRUCT(struct xen_pmu_params, 24, F(version, 0, 8), F(version.maj, 0, 4), F(version.min, 4, 4), F(val, 8, 8),
	       F(vcpu, 16, 4), F(pad, 20, 4));
}

static void layout_platform(void)
{
	STRUCT(struct xenpf_settime32, 16, F(secs, 0, 4), F(nsecs, 4, 4), F(system_time, 8, 8));
	STRUCT(struct xenpf_settime64, 24, F(secs, 0, 8), F(nsecs, 8, 4), F(mbz, 12, 4), F(system_time, 16, 8));
	STRUCT(struct xenpf_microcode_update, 16, F(data, 0, 8), F(length, 8, 4));
	STRUCT(struct xenpf_firmware_info, 40, F(type, 0, 4), F(index, 4, 4), F(u, 8, 32), F(u.disk_info, 8, 16),
	       F(u.disk_info.device, 8, 1), F(u.disk_info.version, 9, 1), F(u.disk_info.interface_support, 10, 2),
	       F(u.disk_info.legacy_max_cylinder, 12, 2), F(u.disk_info.legacy_max_head, 14, 1),
	       F(u.disk_info.legacy_sectors_per_track, 15, 1), F(u.disk_info.edd_params, 16, 8),
	       F(u.disk_mbr_signature, 8, 8), F(u.disk_mbr_signature.device, 8, 1),
	       F(u.disk_mbr_signature.mbr_signature, 12, 4), F(u.vbeddc_info, 8, 16),
	       F(u.vbeddc_info.capabilities, 8, 1), F(u.vbeddc_info.edid_transfer_time, 9, 1),
	       F(u.vbeddc_info.edid, 16, 8), F(u.efi_info, 8, 32), F(u.kbd_shift_flags, 8, 1));
	STRUCT(union xenpf_efi_info, 32, F(version, 0, 4), F(cfg, 0, 16), F(cfg.addr, 0, 8), F(cfg.nent, 8, 4),
	       F(vendor, 0, 16), F(vendor.revision, 0, 4), F(vendor.bufsz, 4, 4), F(vendor.name, 8, 8),
	       F(mem, 0, 32), F(mem.addr, 0, 8), F(mem.size, 8, 8), F(mem.attr, 16, 8), F(mem.type, 24, 4),
	       F(pci_rom, 0, 24), F(pci_rom.segment, 0, 2), F(pci_rom.bus, 2, 1), F(pci_rom.devfn, 3, 1),
	       F(pci_rom.vendor, 4, 2), F(pci_rom.devid, 6, 2), F(pci_rom.address, 8, 8), F(pci_rom.size, 16, 8),
	       F(apple_properties, 0, 16), F(apple_properties.address, 0, 8), F(apple_properties.size, 8, 8));
	STRUCT(struct xenpf_enter_acpi_sleep, 12, F(val_a, 0, 2), F(val_b, 2, 2), F(sleep_state, 4, 4),
	       F(flags, 8, 4));
	STRUCT(struct xenpf_change_freq, 16, F(flags, 0, 4), F(cpu, 4, 4), F(freq, 8, 8));
	STRUCT(struct xenpf_getidletime, 32, F(cpumap_bitmap, 0, 8), F(cpumap_nr_cpus, 8, 4), F(idletime, 16, 8),
	       F(now, 24, 8));
	STRUCT(struct xenpf_pcpuinfo, 20, F(xen_cpuid, 0, 4), F(max_present, 4, 4), F(flags, 8, 4),
	       F(apic_id, 12, 4), F(acpi_id, 16, 4));
	STRUCT(struct xenpf_pcpu_version, 32, F(xen_cpuid, 0, 4), F(max_present, 4, 4), F(vendor_id, 8, 12),
	       F(family, 20, 4), F(model, 24, 4), F(stepping, 28, 4));
	STRUCT(struct xenpf_cpu_ol, 4, F(cpuid, 0, 4));
	STRUCT(struct xenpf_cpu_hotadd, 12, F(apic_id, 0, 4), F(acpi_id, 4, 4), F(pxm, 8, 4));
	STRUCT(struct xenpf_mem_hotadd, 24, F(spfn, 0, 8), F(epfn, 8, 8), F(pxm, 16, 4), F(flags, 20, 4));
	STRUCT(struct xenpf_core_parking, 8, F(type, 0, 4), F(idle_nums, 4, 4));
	STRUCT(struct xenpf_resource_entry, 24, F(u, 0, 4), F(u.cmd, 0, 4), F(u.ret, 0, 4), F(rsvd, 4, 4),
	       F(idx, 8, 8), F(val, 16, 8));
	STRUCT(struct xenpf_resource_op, 16, F(nr_entries, 0, 4), F(cpu, 4, 4), F(entries, 8, 8));
	STRUCT(struct xenpf_symdata, 32, F(namelen, 0, 4), F(symnum, 4, 4), F(name, 8, 8), F(address, 16, 8),
	       F(type, 24, 1));
	STRUCT(struct xen_platform_op, 136, F(cmd, 0, 4), F(interface_version, 4, 4), F(u, 8, 128),
	       F(u.settime, 8, 24), F(u.settime32, 8, 16), F(u.settime64, 8, 24), F(u.microcode, 8, 16),
	       F(u.firmware_info, 8, 40), F(u.enter_acpi_sleep, 8, 12), F(u.change_freq, 8, 16),
	       F(u.getidletime, 8, 32), F(u.pcpu_info, 8, 20), F(u.pcpu_version, 8, 32), F(u.cpu_ol, 8, 4),
	       F(u.cpu_add, 8, 12), F(u.mem_add, 8, 24), F(u.core_parking, 8, 8), F(u.resource_op, 8, 16),
	       F(u.symdata, 8, 32), F(u.pad, 8, 128));
}

static void layout_domctl(void)
{
	STRUCT(struct xen_domctl_createdomain, 64, F(ssidref, 0, 4), F(handle, 4, 16), F(flags, 20, 4),
	       F(iommu_opts, 24, 4), F(max_vcpus, 28, 4), F(max_evtchn_port, 32, 4), F(max_grant_frames, 36, 4),
	       F(max_maptrack_frames, 40, 4), F(grant_opts, 44, 4), F(vmtrace_size, 48, 4), F(cpupool_id, 52, 4),
	       F(arch, 56, 8));
	STRUCT(struct xen_domctl_getdomaininfo, 112, F(domain, 0, 2), F(pad1, 2, 2), F(flags, 4, 4),
	       F(tot_pages, 8, 8), F(max_pages, 16, 8), F(outstanding_pages, 24, 8), F(shr_pages, 32, 8),
	       F(paged_pages, 40, 8), F(shared_info_frame, 48, 8), F(cpu_time, 56, 8), F(nr_online_vcpus, 64, 4),
	       F(max_vcpu_id, 68, 4), F(ssidref, 72, 4), F(handle, 76, 16), F(cpupool, 92, 4), F(gpaddr_bits, 96, 1),
	       F(pad2, 97, 7), F(arch_config, 104, 8));
	STRUCT(struct xen_domctl_getpageframeinfo3, 16, F(num, 0, 8), F(array, 8, 8));
	STRUCT(struct xen_domctl_shadow_op_stats, 8, F(fault_count, 0, 4), F(dirty_count, 4, 4));
	STRUCT(struct xen_domctl_shadow_op, 40, F(op, 0, 4), F(mode, 4, 4), F(mb, 8, 4), F(dirty_bitmap, 16, 8),
	       F(pages, 24, 8), F(stats, 32, 8));
	STRUCT(struct xen_domctl_max_mem, 8, F(max_memkb, 0, 8));
	STRUCT(struct xen_domctl_vcpucontext, 16, F(vcpu, 0, 4), F(ctxt, 8, 8));
	STRUCT(struct xen_domctl_getvcpuinfo, 24, F(vcpu, 0, 4), F(online, 4, 1), F(blocked, 5, 1), F(running, 6, 1),
	       F(cpu_time, 8, 8), F(cpu, 16, 4));
	STRUCT(struct xen_domctl_nodeaffinity, 16, F(nodemap, 0, 16));
	STRUCT(struct xen_domctl_vcpuaffinity, 40, F(vcpu, 0, 4), F(flags, 4, 4), F(cpumap_hard, 8, 16),
	       F(cpumap_soft, 24, 16));
	STRUCT(struct xen_domctl_max_vcpus, 4, F(max, 0, 4));
	STRUCT(struct xen_domctl_sched_credit, 4, F(weight, 0, 2), F(cap, 2, 2));
	STRUCT(struct xen_domctl_sched_credit2, 4, F(weight, 0, 2), F(cap, 2, 2));
	STRUCT(struct xen_domctl_sched_rtds, 12, F(period, 0, 4), F(budget, 4, 4), F(flags, 8, 4));
	STRUCT(struct xen_domctl_schedparam_vcpu, 16, F(u, 0, 12), F(u.credit, 0, 4), F(u.credit2, 0, 4),
	       F(u.rtds, 0, 12), F(vcpuid, 12, 4));
	STRUCT(struct xen_domctl_scheduler_op, 24, F(sched_id, 0, 4), F(cmd, 4, 4), F(u, 8, 16), F(u.credit, 8, 4),
	       F(u.credit2, 8, 4), F(u.rtds, 8, 12), F(u.v, 8, 16), F(u.v.vcpus, 8, 8), F(u.v.nr_vcpus, 16, 4),
	       F(u.v.padding, 20, 4));
	STRUCT(struct xen_domctl_setdomainhandle, 16, F(handle, 0, 16));
	STRUCT(struct xen_domctl_setdebugging, 1, F(enable, 0, 1));
	STRUCT(struct xen_domctl_irq_permission, 8, F(pirq, 0, 4), F(allow_access, 4, 1), F(pad, 5, 3));
	STRUCT(struct xen_domctl_iomem_permission, 24, F(first_mfn, 0, 8), F(nr_mfns, 8, 8), F(allow_access, 16, 1));
	STRUCT(struct xen_domctl_ioport_permission, 12, F(first_port, 0, 4), F(nr_ports, 4, 4),
	       F(allow_access, 8, 1));
	STRUCT(struct xen_domctl_hypercall_init, 8, F(gmfn, 0, 8));
	STRUCT(struct xen_domctl_settimeoffset, 8, F(time_offset_seconds, 0, 8));
	STRUCT(struct xen_domctl_hvmcontext, 16, F(size, 0, 4), F(buffer, 8, 8));
	STRUCT(struct xen_domctl_hvmcontext_partial, 24, F(type, 0, 4), F(instance, 4, 4), F(bufsz, 8, 8),
	       F(buffer, 16, 8));
	STRUCT(struct xen_domctl_address_size, 4, F(size, 0, 4));
	STRUCT(struct xen_domctl_sendtrigger, 8, F(trigger, 0, 4), F(vcpu, 4, 4));
	STRUCT(struct xen_domctl_memory_mapping, 32, F(first_gfn, 0, 8), F(first_mfn, 8, 8), F(nr_mfns, 16, 8),
	       F(add_mapping, 24, 4), F(padding, 28, 4));
	STRUCT(struct xen_domctl_ioport_mapping, 16, F(first_gport, 0, 4), F(first_mport, 4, 4), F(nr_ports, 8, 4),
	       F(add_mapping, 12, 4));
	STRUCT(struct hvm_vmce_vcpu, 32, F(caps, 0, 8), F(mci_ctl2_bank0, 8, 8), F(mci_ctl2_bank1, 16, 8),
	       F(mcg_ext_ctl, 24, 8));
	STRUCT(struct xen_domctl_ext_vcpucontext, 64, F(vcpu, 0, 4), F(size, 4, 4), F(syscall32_callback_eip, 8, 8),
	       F(sysenter_callback_eip, 16, 8), F(syscall32_callback_cs, 24, 2), F(sysenter_callback_cs, 26, 2),
	       F(syscall32_disables_events, 28, 1), F(sysenter_disables_events, 29, 1), F(mcg_cap, 32, 8),
	       F(vmce, 32, 32));
	STRUCT(struct xen_domctl_set_target, 2, F(target, 0, 2));
	STRUCT(struct xen_domctl_subscribe, 4, F(port, 0, 4));
	STRUCT(struct xen_domctl_cpu_policy, 40, F(nr_leaves, 0, 4), F(nr_msrs, 4, 4), F(leaves, 8, 8),
	       F(msrs, 16, 8), F(err_leaf, 24, 4), F(err_subleaf, 28, 4), F(err_msr, 32, 4));
	STRUCT(struct xen_domctl_debug_op, 8, F(op, 0, 4), F(vcpu, 4, 4));
	STRUCT(struct xen_domctl_tsc_info, 24, F(tsc_mode, 0, 4), F(gtsc_khz, 4, 4), F(incarnation, 8, 4),
	       F(pad, 12, 4), F(elapsed_nsec, 16, 8));
	STRUCT(struct xen_domctl_gdbsx_memio, 40, F(pgd3val, 0, 8), F(gva, 8, 8), F(uva, 16, 8), F(len, 24, 4),
	       F(gwr, 28, 1), F(remain, 32, 4));
	STRUCT(struct xen_domctl_gdbsx_pauseunp_vcpu, 4, F(vcpu, 0, 4));
	STRUCT(struct xen_domctl_gdbsx_domstatus, 12, F(paused, 0, 1), F(vcpu_id, 4, 4), F(vcpu_ev, 8, 4));
	STRUCT(struct xen_domctl_audit_p2m, 24, F(orphans, 0, 8), F(m2p_bad, 8, 8), F(p2m_bad, 16, 8));
	STRUCT(struct xen_domctl_set_virq_handler, 4, F(virq, 0, 4));
	STRUCT(struct xen_domctl_vcpuextstate, 32, F(vcpu, 0, 4), F(xfeature_mask, 8, 8), F(size, 16, 8),
	       F(buffer, 24, 8));
	STRUCT(struct xen_domctl_set_access_required, 1, F(access_required, 0, 1));
	STRUCT(struct xen_domctl_set_broken_page_p2m, 8, F(pfn, 0, 8));
	STRUCT(struct xen_domctl_cacheflush, 16, F(start_pfn, 0, 8), F(nr_pfns, 8, 8));
	STRUCT(struct xen_domctl_paging_mempool, 8, F(size, 0, 8));
	STRUCT(struct xen_domctl_vcpu_msr, 16, F(index, 0, 4), F(reserved, 4, 4), F(value, 8, 8));
	STRUCT(struct xen_domctl_vcpu_msrs, 16, F(vcpu, 0, 4), F(msr_count, 4, 4), F(msrs, 8, 8));
	STRUCT(struct xen_domctl_vnuma, 48, F(nr_vnodes, 0, 4), F(nr_vmemranges, 4, 4), F(nr_vcpus, 8, 4),
	       F(pad, 12, 4), F(vdistance, 16, 8), F(vcpu_to_vnode, 24, 8), F(vnode_to_pnode, 32, 8),
	       F(vmemrange, 40, 8));
	STRUCT(struct xen_domctl, 144, F(cmd, 0, 4), F(interface_version, 4, 4), F(domain, 8, 2), F(_pad, 10, 6),
	       F(u, 16, 128), F(u.createdomain, 16, 64), F(u.getdomaininfo, 16, 112), F(u.getpageframeinfo3, 16, 16),
	       F(u.nodeaffinity, 16, 16), F(u.vcpuaffinity, 16, 40), F(u.shadow_op, 16, 40), F(u.max_mem, 16, 8),
	       F(u.vcpucontext, 16, 16), F(u.getvcpuinfo, 16, 24), F(u.max_vcpus, 16, 4), F(u.scheduler_op, 16, 24),
	       F(u.setdomainhandle, 16, 16), F(u.setdebugging, 16, 1), F(u.irq_permission, 16, 8),
	       F(u.iomem_permission, 16, 24), F(u.ioport_permission, 16, 12), F(u.hypercall_init, 16, 8),
	       F(u.settimeoffset, 16, 8), F(u.tsc_info, 16, 24), F(u.hvmcontext, 16, 16),
	       F(u.hvmcontext_partial, 16, 24), F(u.address_size, 16, 4), F(u.sendtrigger, 16, 8),
	       F(u.memory_mapping, 16, 32), F(u.ioport_mapping, 16, 16), F(u.ext_vcpucontext, 16, 64),
	       F(u.set_target, 16, 2), F(u.subscribe, 16, 4), F(u.debug_op, 16, 8), F(u.cpu_policy, 16, 40),
	       F(u.vcpuextstate, 16, 32), F(u.vcpu_msrs, 16, 16), F(u.access_required, 16, 1),
	       F(u.audit_p2m, 16, 24), F(u.set_virq_handler, 16, 4), F(u.gdbsx_guest_memio, 16, 40),
	       F(u.gdbsx_pauseunp_vcpu, 16, 4), F(u.gdbsx_domstatus, 16, 12), F(u.set_broken_page_p2m, 16, 8),
	       F(u.cacheflush, 16, 16), F(u.vnuma, 16, 48), F(u.paging_mempool, 16, 8), F(u.pad, 16, 128));
}

static void layout_sysctl(void)
{
	STRUCT(struct xen_sysctl_readconsole, 24, F(clear, 0, 1), F(incremental, 1, 1), F(pad0, 2, 1), F(pad1, 3, 1),
	       F(index, 4, 4), F(buffer, 8, 8), F(count, 16, 4));
	STRUCT(struct xen_sysctl_tbuf_op, 48, F(cmd, 0, 4), F(cpu_mask, 8, 16), F(evt_mask, 24, 4),
	       F(buffer_mfn, 32, 8), F(size, 40, 4));
	STRUCT(struct xen_sysctl_physinfo, 112, F(threads_per_core, 0, 4), F(cores_per_socket, 4, 4),
	       F(nr_cpus, 8, 4), F(max_cpu_id, 12, 4), F(nr_nodes, 16, 4), F(max_node_id, 20, 4), F(cpu_khz, 24, 4),
	       F(capabilities, 28, 4), F(arch_capabilities, 32, 4), F(pad, 36, 4), F(total_pages, 40, 8),
	       F(free_pages, 48, 8), F(scrub_pages, 56, 8), F(outstanding_pages, 64, 8), F(max_mfn, 72, 8),
	       F(hw_cap, 80, 32));
	STRUCT(struct xen_sysctl_sched_id, 4, F(sched_id, 0, 4));
	STRUCT(struct xen_sysctl_perfc_desc, 84, F(name, 0, 80), F(nr_vals, 80, 4));
	STRUCT(struct xen_sysctl_perfc_op, 32, F(cmd, 0, 4), F(nr_counters, 4, 4), F(nr_vals, 8, 4), F(desc, 16, 8),
	       F(val, 24, 8));
	STRUCT(struct xen_sysctl_getdomaininfolist, 24, F(first_domain, 0, 2), F(max_domains, 4, 4), F(buffer, 8, 8),
	       F(num_domains, 16, 4));
	STRUCT(struct xen_sysctl_debug_keys, 16, F(keys, 0, 8), F(nr_keys, 8, 4));
	STRUCT(struct xen_sysctl_cpuinfo, 8, F(idletime, 0, 8));
	STRUCT(struct xen_sysctl_getcpuinfo, 24, F(max_cpus, 0, 4), F(info, 8, 8), F(nr_cpus, 16, 4));
	STRUCT(struct xen_sysctl_availheap, 24, F(min_bitwidth, 0, 4), F(max_bitwidth, 4, 4), F(node, 8, 4),
	       F(avail_bytes, 16, 8));
	STRUCT(struct xen_sysctl_cpu_hotplug, 8, F(cpu, 0, 4), F(op, 4, 4));
	STRUCT(struct xen_sysctl_cputopo, 12, F(core, 0, 4), F(socket, 4, 4), F(node, 8, 4));
	STRUCT(struct xen_sysctl_cputopoinfo, 16, F(num_cpus, 0, 4), F(cputopo, 8, 8));
	STRUCT(struct xen_sysctl_pcitopoinfo, 24, F(num_devs, 0, 4), F(devs, 8, 8), F(nodes, 16, 8));
	STRUCT(struct xen_sysctl_meminfo, 16, F(memsize, 0, 8), F(memfree, 8, 8));
	STRUCT(struct xen_sysctl_numainfo, 24, F(num_nodes, 0, 4), F(meminfo, 8, 8), F(distance, 16, 8));
	STRUCT(struct xen_sysctl_cpupool_op, 40, F(op, 0, 4), F(cpupool_id, 4, 4), F(sched_id, 8, 4),
	       F(domid, 12, 4), F(cpu, 16, 4), F(n_dom, 20, 4), F(cpumap, 24, 16));
	STRUCT(struct xen_sysctl_arinc653_schedule, 2064, F(major_frame, 0, 8), F(num_sched_entries, 8, 1),
	       F(sched_entries, 16, 2048));
	STRUCT(struct xen_sysctl_credit_schedule, 12, F(tslice_ms, 0, 4), F(ratelimit_us, 4, 4),
	       F(vcpu_migr_delay_us, 8, 4));
	STRUCT(struct xen_sysctl_credit2_schedule, 4, F(ratelimit_us, 0, 4));
	STRUCT(struct xen_sysctl_scheduler_op, 32, F(cpupool_id, 0, 4), F(sched_id, 4, 4), F(cmd, 8, 4),
	       F(u, 16, 16), F(u.sched_arinc653, 16, 8), F(u.sched_credit, 16, 12), F(u.sched_credit2, 16, 4));
	STRUCT(struct xen_sysctl_sched_arinc653, 8, F(schedule, 0, 8));
	STRUCT(struct xen_sysctl_cpu_levelling_caps, 4, F(caps, 0, 4));
	STRUCT(struct xen_sysctl_cpu_featureset, 16, F(index, 0, 4), F(nr_features, 4, 4), F(features, 8, 8));
	STRUCT(struct xen_sysctl_cpu_policy, 32, F(index, 0, 4), F(nr_leaves, 4, 4), F(nr_msrs, 8, 4),
	       F(_rsvd, 12, 4), F(leaves, 16, 8), F(msrs, 24, 8));
	STRUCT(struct xen_sysctl, 136, F(cmd, 0, 4), F(interface_version, 4, 4), F(u, 8, 128),
	       F(u.readconsole, 8, 24), F(u.tbuf_op, 8, 48), F(u.physinfo, 8, 112), F(u.cputopoinfo, 8, 16),
	       F(u.pcitopoinfo, 8, 24), F(u.numainfo, 8, 24), F(u.sched_id, 8, 4), F(u.perfc_op, 8, 32),
	       F(u.getdomaininfolist, 8, 24), F(u.debug_keys, 8, 16), F(u.getcpuinfo, 8, 24), F(u.availheap, 8, 24),
	       F(u.cpu_hotplug, 8, 8), F(u.cpupool_op, 8, 40), F(u.scheduler_op, 8, 32),
	       F(u.cpu_levelling_caps, 8, 4), F(u.cpu_featureset, 8, 16), F(u.cpu_policy, 8, 32), F(u.pad, 8, 128));
}

static void layout_io_console(void)
{
	STRUCT(struct xencons_interface, 3088, F(in, 0, 1024), F(out, 1024, 2048), F(in_cons, 3072, 4),
	       F(in_prod, 3076, 4), F(out_cons, 3080, 4), F(out_prod, 3084, 4));
}

static void layout_io_xs_wire(void)
{
	STRUCT(struct xsd_sockmsg, 16, F(type, 0, 4), F(req_id, 4, 4), F(tx_id, 8, 4), F(len, 12, 4));
	STRUCT(struct xenstore_domain_interface, 2076, F(req, 0, 1024), F(rsp, 1024, 1024), F(req_cons, 2048, 4),
	       F(req_prod, 2052, 4), F(rsp_cons, 2056, 4), F(rsp_prod, 2060, 4), F(server_features, 2064, 4),
	       F(connection, 2068, 4), F(error, 2072, 4));
}

static void layout_io_blkif(void)
{
	STRUCT(struct blkif_request_segment, 8, F(gref, 0, 4), F(first_sect, 4, 1), F(last_sect, 5, 1));
	STRUCT(struct blkif_request, 112, F(operation, 0, 1), F(nr_segments, 1, 1), F(handle, 2, 2), F(id, 8, 8),
	       F(sector_number, 16, 8), F(seg, 24, 88));
	STRUCT(struct blkif_request_discard, 32, F(operation, 0, 1), F(flag, 1, 1), F(handle, 2, 2), F(id, 8, 8),
	       F(sector_number, 16, 8), F(nr_sectors, 24, 8));
	STRUCT(struct blkif_request_indirect, 64, F(operation, 0, 1), F(indirect_op, 1, 1), F(nr_segments, 2, 2),
	       F(id, 8, 8), F(sector_number, 16, 8), F(handle, 24, 2), F(indirect_grefs, 28, 32));
	STRUCT(struct blkif_response, 16, F(id, 0, 8), F(operation, 8, 1), F(status, 10, 2));
	STRUCT(struct blkif_sring, 176, F(req_prod, 0, 4), F(req_event, 4, 4), F(rsp_prod, 8, 4),
	       F(rsp_event, 12, 4), F(pvt, 16, 4), F(pvt.netif, 16, 1), F(pvt.netif.smartpoll_active, 16, 1),
	       F(pvt.tapif_user, 16, 1), F(pvt.tapif_user.msg, 16, 1), F(pvt.pvt_pad, 16, 4), F(__pad, 20, 44),
	       F(ring, 64, 112));
}

static void layout_io_netif(void)
{
	STRUCT(struct netif_tx_request, 12, F(gref, 0, 4), F(offset, 4, 2), F(flags, 6, 2), F(id, 8, 2),
	       F(size, 10, 2));
	STRUCT(struct netif_extra_info, 8, F(type, 0, 1), F(flags, 1, 1), F(u, 2, 6), F(u.gso, 2, 6),
	       F(u.gso.size, 2, 2), F(u.gso.type, 4, 1), F(u.gso.pad, 5, 1), F(u.gso.features, 6, 2),
	       F(u.mcast, 2, 6), F(u.mcast.addr, 2, 6), F(u.hash, 2, 6), F(u.hash.type, 2, 1),
	       F(u.hash.algorithm, 3, 1), F(u.hash.value, 4, 4), F(u.pad, 2, 6));
	STRUCT(struct netif_tx_response, 4, F(id, 0, 2), F(status, 2, 2));
	STRUCT(struct netif_rx_request, 8, F(id, 0, 2), F(pad, 2, 2), F(gref, 4, 4));
	STRUCT(struct netif_rx_response, 8, F(id, 0, 2), F(offset, 2, 2), F(flags, 4, 2), F(status, 6, 2));
	STRUCT(struct netif_tx_sring, 76, F(req_prod, 0, 4), F(req_event, 4, 4), F(rsp_prod, 8, 4),
	       F(rsp_event, 12, 4), F(pvt, 16, 4), F(pvt.netif, 16, 1), F(pvt.netif.smartpoll_active, 16, 1),
	       F(pvt.tapif_user, 16, 1), F(pvt.tapif_user.msg, 16, 1), F(pvt.pvt_pad, 16, 4), F(__pad, 20, 44),
	       F(ring, 64, 12));
	STRUCT(struct netif_rx_sring, 72, F(req_prod, 0, 4), F(req_event, 4, 4), F(rsp_prod, 8, 4),
	       F(rsp_event, 12, 4), F(pvt, 16, 4), F(pvt.netif, 16, 1), F(pvt.netif.smartpoll_active, 16, 1),
	       F(pvt.tapif_user, 16, 1), F(pvt.tapif_user.msg, 16, 1), F(pvt.pvt_pad, 16, 4), F(__pad, 20, 44),
	       F(ring, 64, 8));
}

const struct abi_layouts abi_layouts[] = {
	{ "arch-x86.h", layout_arch_x86 },
	{ "xen.h", layout_xen },
	{ "version.h", layout_version },
	{ "event_channel.h", layout_event_channel },
	{ "sched.h", layout_sched },
	{ "vcpu.h", layout_vcpu },
	{ "callback.h", layout_callback },
	{ "nmi.h", layout_nmi },
	{ "physdev.h", layout_physdev },
	{ "memory.h", layout_memory },
	{ "grant_table.h", layout_grant_table },
	{ "pmu.h", layout_pmu },
	{ "platform.h", layout_platform },
	{ "domctl.h", layout_domctl },
	{ "sysctl.h", layout_sysctl },
	{ "io/console.h", layout_io_console },
	{ "io/xs_wire.h", layout_io_xs_wire },
	{ "io/blkif.h", layout_io_blkif },
	{ "io/netif.h", layout_io_netif },
	{ 0 }
};
