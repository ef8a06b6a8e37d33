/* SPDX-License-Identifier: MIT */
/*
 * The state in which a PV kernel is started.
 *
 * ABI: rip is the ELF note ENTRY, rsi the virtual address of start_info, rsp the top of the one-page boot stack; CS
 * 0xe033, SS 0xe02b, the four data selectors 0, every other general register 0, interrupts on in rflags and off by
 * evtchn_upcall_mask on every vCPU. One run of frames from pfn 0 is mapped at VIRT_BASE: kernel, [initrd], p2m,
 * start_info, [xenstore page, console page], page tables, boot stack, in this order, each starting a page; it ends
 * at least 512 KiB behind the boot stack on a multiple of 4 MiB. Page tables are mapped read-only, the rest writable.
 * .bss is zero. The machine-to-physical table is readable at 0xffff800000000000.
 */
#include "guest.h"

extern u8 kernel_end[];
static u8 bss_probe[3 * PAGE];

static void test_registers(void)
{
	const struct entry_state *e = &entry_state;

	CHECK_EQ(e->rsi, start_info);
	CHECK_EQ(e->rax | e->rbx | e->rcx | e->rdx | e->rdi | e->rbp, 0);
	CHECK_EQ(e->r8 | e->r9 | e->r10 | e->r11 | e->r12 | e->r13 | e->r14 | e->r15, 0);
	CHECK_EQ(e->cs, FLAT_KERNEL_CS);
	CHECK_EQ(e->ss, FLAT_KERNEL_SS);
	CHECK_EQ(e->ds | e->es | e->fs | e->gs, 0);
	CHECK_EQ(e->rflags & 0x200, 0x200);
	CHECK_EQ(e->rflags & ~0x202ul, 0);
	CHECK_EQ(e->rsp % PAGE, 0);
}

static void test_start_info(void)
{
	const struct start_info *si = start_info;

	CHECK(!strncmp(si->magic, "xen-", 4), "magic is '%s'", si->magic);
	CHECK_EQ((u64)si % PAGE, 0);
	CHECK(si->nr_pages > 1024 && si->nr_pages < 1 << 20, "nr_pages %lu", si->nr_pages);
	CHECK_EQ(si->shared_info % PAGE, 0);
	CHECK(si->shared_info != 0, "no shared info page");
	if (is_dom0()) {
		CHECK_EQ(si->flags & (SIF_PRIVILEGED | SIF_INITDOMAIN), SIF_PRIVILEGED | SIF_INITDOMAIN);
		CHECK_EQ(si->store_evtchn, 0);
	} else {
		CHECK(si->store_mfn && si->store_evtchn, "no xenstore page or port");
		CHECK(si->console.domU.mfn && si->console.domU.evtchn, "no console page or port");
	}
	CHECK(si->nr_pt_frames >= 4, "%lu page-table frames", si->nr_pt_frames);
	CHECK(memcmp(si->cmd_line, "\0", 1) || true, "command line is readable");
}

static void test_layout(void)
{
	const struct start_info *si = start_info;
	u64 p2m_end = si->mfn_list + si->nr_pages * 8;
	u64 pt_end = si->pt_base + si->nr_pt_frames * PAGE;
	u64 stack = entry_state.rsp, end = stack;

	CHECK(si->mfn_list >= (u64)kernel_end, "p2m at 0x%lx overlaps the kernel", si->mfn_list);
	CHECK((u64)si >= p2m_end, "start_info 0x%lx is below the end of the p2m 0x%lx", (u64)si, p2m_end);
	CHECK(si->pt_base > (u64)si, "page tables at 0x%lx are below start_info", si->pt_base);
	CHECK_EQ(stack, pt_end + PAGE);
	while (can_read((void *)end) && end < stack + (16 << 20))
		end += PAGE;
	CHECK(end - stack >= 512 << 10, "only %lu KiB of padding", (end - stack) >> 10);
	CHECK_EQ(end % (4 << 20), 0);
	CHECK(can_read((void *)VIRT_BASE), "pfn 0 is not mapped");
	CHECK(!can_read((void *)(VIRT_BASE - PAGE)), "the page below VIRT_BASE is mapped");
}

static void test_frames(void)
{
	u64 end = ((entry_state.rsp + (512 << 10)) & ~0x3ffffful) - VIRT_BASE, bad_map = 0, bad_m2p = 0, bad_rw = 0;

	for (u64 pfn = 0; pfn < end / PAGE; pfn++) {
		u64 va = VIRT_BASE + pfn * PAGE, pte = *pte_of((void *)va, 1);
		bool table = va - start_info->pt_base < start_info->nr_pt_frames * PAGE;
		bool shared_page = va == (u64)shared;

		if (shared_page)
			continue;
		bad_map += PTE_MFN(pte) != pfn_to_mfn(pfn);
		bad_rw += !(pte & PTE_P) || !(pte & PTE_RW) != table;
	}
	for (u64 pfn = 0; pfn < start_info->nr_pages; pfn++)
		bad_m2p += machine_to_phys_mapping[pfn_to_mfn(pfn)] != pfn;
	CHECK_EQ(bad_map, 0);
	CHECK_EQ(bad_rw, 0);
	CHECK_EQ(bad_m2p, 0);
}

static void test_bss(void)
{
	unsigned int dirty = 0;

	for (unsigned int i = 0; i < sizeof(bss_probe); i++)
		dirty += bss_probe[i] != 0;
	CHECK_EQ(dirty, 0);
}

static void test_shared_info(void)
{
	unsigned int unmasked = 0;

	for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		unmasked += shared->vcpu_info[i].evtchn_upcall_mask != 1;
	CHECK_EQ(unmasked, 0);
	CHECK(shared->wc_sec > 1000000000, "wall clock says %u s", shared->wc_sec);
	CHECK(vcpu_info()->time.tsc_to_system_mul != 0, "no time");
}

static void test_hypercall_page(void)
{
	long rc;

	CHECK(hypercall_page[0] != 0 || hypercall_page[1] != 0, "the hypercall page is empty");
	asm volatile("call *%1" : "=a" (rc)
		     : "r" (hypercall_page + 32 * __HYPERVISOR_xen_version), "D" (XENVER_version), "S" (0)
		     : "rcx", "r11", "memory");
	CHECK_EQ(rc, hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0));
}

static void test_m2p_is_read_only(void)
{
	CHECK(can_read(machine_to_phys_mapping), "the machine-to-physical table is not readable");
	CHECK(!can_write(machine_to_phys_mapping), "the machine-to-physical table is writable");
	CHECK(!can_read((void *)0xffff840000000000), "the hypervisor's memory is readable");
	CHECK(!can_read((void *)0xffff82d080200000), "the hypervisor's memory is readable");
}

/* For tests of the tools: a guest that crashes as soon as it runs; with stay=1 one that never ends. */
static void die(void)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_crash };

	printk("boot: nothing to live for\n");
	hypercall2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &s);
}

void test_main(void)
{
	test_registers();
	test_start_info();
	test_layout();
	test_frames();
	test_bss();
	test_shared_info();
	test_hypercall_page();
	test_m2p_is_read_only();
	if (test_option("die", 0))
		die();
	while (test_option("stay", 0))
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}
