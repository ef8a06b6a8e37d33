/* SPDX-License-Identifier: MIT */
/*
 * What a guest without rights may not do (XSA 77, 148, 402): touch other domains, the machine, devices, or memory in a
 * way that others would notice.
 *
 * Invariant: control operations, operations on other domains and their frames are EPERM (for mmu_update and the like
 * whether the domain exists or not); frames of others, of the hypervisor and of devices cannot be mapped, neither
 * readable nor writable, by a call, by a store, in a table that is pinned, or through a grant that was not given;
 * cache attributes are refused in every such way. Ports reach nothing. Afterwards dom0's memory is what it was.
 */
#include "child.h"

#include "public/grant_table.h"
#include "public/physdev.h"
#include "public/platform.h"
#include "public/sysctl.h"

static u64 page[512] __attribute__((aligned(4096)));
static struct child c;

/* --- control operations --- */

static void test_control(void)
{
	static struct xen_domctl d = { .interface_version = XEN_DOMCTL_INTERFACE_VERSION };
	static struct xen_sysctl s = { .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
	static struct xen_platform_op p = { .interface_version = XENPF_INTERFACE_VERSION };
	struct sched_remote_shutdown r = { .domain_id = 0, .reason = SHUTDOWN_crash };
	char buf[16];

	for (unsigned int cmd = 0; cmd < 100; cmd++) {
		d.cmd = s.cmd = p.cmd = cmd;
		CHECK_EQ(hypercall1(__HYPERVISOR_domctl, &d), -XEN_EPERM);
		CHECK_EQ(hypercall1(__HYPERVISOR_sysctl, &s), -XEN_EPERM);
		CHECK_EQ(hypercall1(__HYPERVISOR_platform_op, &p), -XEN_EPERM);
	}
	/* Rights come first: not even a pointer is looked at. */
	CHECK_EQ(hypercall1(__HYPERVISOR_domctl, 0xffff830000000000), -XEN_EPERM);
	CHECK_EQ(hypercall1(__HYPERVISOR_sysctl, 0xffff830000000000), -XEN_EPERM);
	CHECK_EQ(hypercall1(__HYPERVISOR_platform_op, 0xffff830000000000), -XEN_EPERM);
	for (unsigned int cmd = 0; cmd < 40; cmd++)
		if (cmd != PHYSDEVOP_set_iopl && cmd != PHYSDEVOP_set_iobitmap)
			CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, cmd, page), -XEN_EPERM);
	CHECK_EQ(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &r), -XEN_EPERM);
	CHECK_EQ(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_read, sizeof(buf), buf), -XEN_EPERM);
	CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_physid, 0, buf), -XEN_EINVAL);
}

/* --- other domains --- */

static long evtchn(unsigned int cmd, u64 word0, u64 word1)
{
	u64 arg[4] = { word0, word1 };

	return hypercall2(__HYPERVISOR_event_channel_op, cmd, arg);
}

static long mmu_of(u64 foreign, u64 ptr, u64 val)
{
	struct mmu_update u = { .ptr = ptr, .val = val };

	return hypercall4(__HYPERVISOR_mmu_update, &u, 1, 0, foreign);
}

static long mmuext_of(domid_t foreign, unsigned int cmd, u64 mfn)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn };

	return hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, foreign);
}

static void test_other_domains(void)
{
	static const domid_t ids[] = { 0, 99, 4321, DOMID_IO, DOMID_XEN };
	struct gnttab_setup_table t = { .dom = 0, .nr_frames = 1 };
	struct gnttab_query_size q = { .dom = 0 };
	struct gnttab_dump_table dump = { .dom = 0 };
	u64 frames[1], dom0s = mailbox()[1];

	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		CHECK_EQ(map_foreign(page, ids[i], PTE(dom0s, PTE_KERNEL)), -XEN_EPERM);
		CHECK_EQ(mmu_of(ids[i], pte_machine(page, 1), PTE(dom0s, PTE_KERNEL_RO)), -XEN_EPERM);
		CHECK_EQ(mmu_of((u64)(ids[i] + 1) << 16 | DOMID_SELF, pte_machine(page, 1), 0), -XEN_EPERM);
		for (unsigned int cmd = 0; cmd <= 20; cmd++) {
			long rc = mmuext_of(ids[i], cmd, dom0s);

			CHECK(rc < 0, "mmuext_op %u on domain %u: %ld", cmd, ids[i], rc);
		}
	}
	/* What the M2P says of others' frames is theirs too. */
	CHECK_EQ(mmu_of(DOMID_SELF, dom0s << 12 | MMU_MACHPHYS_UPDATE, 1), -XEN_EINVAL);
	CHECK_EQ(mmu_of(DOMID_SELF, (u64)mailbox()[3] << 12 | MMU_MACHPHYS_UPDATE, 1), -XEN_EINVAL);
	CHECK_EQ(evtchn(EVTCHNOP_alloc_unbound, 0, 0), -XEN_EPERM);
	CHECK_EQ(evtchn(EVTCHNOP_status, 0, 0), -XEN_EPERM);
	CHECK_EQ(evtchn(EVTCHNOP_reset, 0, 0), -XEN_EPERM);
	CHECK(evtchn(EVTCHNOP_bind_pirq, 4, 0) < 0, "a guest has an interrupt");
	CHECK(evtchn(EVTCHNOP_bind_interdomain, (u64)mailbox()[2] << 32, 0) < 0,
	      "a port that waits for another domain");
	set_xen_guest_handle(t.frame_list, frames);
	CHECK_EQ(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &t, 1), 0);
	CHECK_EQ(t.status, GNTST_permission_denied);
	CHECK_EQ(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, &q, 1), 0);
	CHECK_EQ(q.status, GNTST_permission_denied);
	CHECK_EQ(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_dump_table, &dump, 1), 0);
	CHECK_EQ(dump.status, GNTST_permission_denied);
}

static void test_copies(void)
{
	struct gnttab_copy copy = { .len = 8, .source = { .domid = DOMID_SELF }, .dest = { .domid = 0 } };

	copy.source.u.gmfn = va_to_mfn(page);
	copy.dest.u.gmfn = mailbox()[1];		/* a frame of dom0's without a grant */
	CHECK_EQ(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, &copy, 1), 0);
	CHECK_EQ(copy.status, GNTST_permission_denied);
	copy.dest.domid = DOMID_SELF;			/* and called one's own */
	CHECK_EQ(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, &copy, 1), 0);
	CHECK_EQ(copy.status, GNTST_bad_page);
	copy.dest.u.gmfn = 0x200;
	CHECK_EQ(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, &copy, 1), 0);
	CHECK_EQ(copy.status, GNTST_bad_page);
	for (u32 ref = 0; ref < 600; ref++) {
		struct gnttab_map_grant_ref m = { .host_addr = (u64)page, .flags = GNTMAP_host_map, .ref = ref };

		CHECK_EQ(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &m, 1), 0);
		CHECK(m.status < 0, "grant %u of dom0 was not given to us", ref);
	}
}

/* --- page table entries, in every way there is --- */

static u64 *table;		/* an L1 table of ours that maps at `hole` */
static u64 hole;

static void refused(u64 pte, const char *what)
{
	static u64 other[512] __attribute__((aligned(4096)));
	long rc = set_va(page, pte);

	CHECK(rc == -XEN_EPERM || rc == -XEN_EINVAL, "%s: update_va_mapping %ld", what, rc);
	rc = mmu_update(pte_machine((void *)hole, 1), pte);
	CHECK(rc == -XEN_EPERM || rc == -XEN_EINVAL, "%s: mmu_update %ld", what, rc);
	rc = mmu_update(pte_machine((void *)hole, 1) | MMU_PT_UPDATE_PRESERVE_AD, pte);
	CHECK(rc == -XEN_EPERM || rc == -XEN_EINVAL, "%s: mmu_update that keeps A and D: %ld", what, rc);
	TRY("movq %1, (%0)", : : "r" (&table[7]), "r" (pte) : "memory");
	CHECK(trap.vector == 14, "%s: store: trap %lu", what, trap.vector);
	other[511] = pte;
	CHECK_EQ(make_ro(other), 0);
	rc = mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(other));
	CHECK(rc < 0, "%s: in a table that is pinned: %ld", what, rc);
	CHECK_EQ(make_rw(other), 0);
	CHECK_EQ(table[7], 0);
}

static void test_entries(void)
{
	static const u64 cache[] = { PTE_PWT, PTE_PCD, PTE_PSE, PTE_PWT | PTE_PCD, PTE_PSE | PTE_PCD, 0x98 };
	u64 own = va_to_mfn(page), dom0s = mailbox()[1];

	hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	table = page_alloc();
	hole = VIRT_BASE + (1ul << 30) - (2ul << 20) + 7 * PAGE;
	CHECK_EQ(make_ro(table), 0);
	CHECK_EQ(mmu_update(pte_machine((void *)hole, 2), PTE(va_to_mfn(table), PTE_TABLE)), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(cache); i++) {
		refused(PTE(own, PTE_KERNEL | cache[i]), "cache attributes, writable");
		refused(PTE(own, PTE_KERNEL_RO | cache[i]), "cache attributes, read-only");
	}
	/* These are ours, as the processor ignores them; Linux 6.4 and later keep things there. */
	for (unsigned int bit = 52; bit < 63; bit++) {
		CHECK_EQ(set_va(page, PTE(own, PTE_KERNEL | 1ul << bit)), 0);
		CHECK_EQ(*pte_of(page, 1) >> 52, 1ul << (bit - 52));
	}
	refused(PTE(dom0s, PTE_KERNEL), "dom0's frame, writable");
	refused(PTE(dom0s, PTE_KERNEL_RO), "dom0's frame, read-only");
	refused(PTE(0x200, PTE_KERNEL_RO), "the hypervisor's code");
	refused(PTE(mailbox()[3], PTE_KERNEL_RO), "dom0's shared info");
	refused(PTE(0xfee00, PTE_KERNEL_RO), "the local APIC");
	refused(PTE(0xfec00, PTE_KERNEL_RO), "the I/O APIC");
	refused(PTE(0x80, PTE_KERNEL_RO), "memory below 1 MiB");
	refused(PTE(0xb8, PTE_KERNEL), "video memory");
	refused(PTE(0xf0, PTE_KERNEL_RO), "the firmware");
	refused(PTE(0x1000000, PTE_KERNEL_RO), "nothing");
	refused(PTE(0xfffffffffful, PTE_KERNEL_RO), "no address");
	CHECK_EQ(set_va(page, PTE(own, PTE_KERNEL)), 0);
	CHECK_EQ(mmuext_of(DOMID_SELF, MMUEXT_FLUSH_CACHE, 0), -XEN_EACCES);
}

/* --- ports --- */

static void test_ports(void)
{
	static const u16 ports[] = { 0x20, 0x21, 0x43, 0x60, 0x61, 0x64, 0x70, 0x71, 0x80, 0xa1, 0xcf8, 0xcfc, 0x3f8,
				     0x3fd, 0x4d0, 0x510, 0x600, 0xb000, 0xffff };
	struct physdev_set_iopl iopl = { .iopl = 1 };
	u64 rax = 0;

	CHECK_EQ(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++) {
		TRY("outb %%al, %%dx", : : "a" (0x55), "d" (ports[i]));
		CHECK_EQ(trap.vector, NO_TRAP);
		TRY("inb %%dx, %%al", : "+a" (rax) : "d" (ports[i]));
		CHECK(trap.vector == NO_TRAP && (rax & 0xff) == 0xff, "port 0x%x: trap %lu, reads 0x%lx", ports[i],
		      trap.vector, rax & 0xff);
	}
	TRY("outl %%eax, %%dx", : : "a" (0x80000000), "d" (0xcf8));
	TRY("inl %%dx, %%eax", : "=a" (rax) : "d" (0xcfc));
	CHECK_EQ(rax, 0xffffffff);
	TRY("wbinvd", : : );
	CHECK_EQ(trap.vector, NO_TRAP);
}

static void in_child(void)
{
	test_control();
	test_other_domains();
	test_copies();
	test_entries();
	test_ports();
}

/* The first MiB is dom0's to look at, memory or not, as a device is. */
static void low_memory(void)
{
	u64 *window = page_alloc(), own = va_to_mfn(window);

	for (u64 frame = 0; frame < 0x100; frame++) {
		CHECK_EQ(set_va(window, PTE(frame, PTE_KERNEL)), 0);
		(void)*(volatile u64 *)window;
	}
	CHECK_EQ(set_va(window, PTE(own, PTE_KERNEL)), 0);
}

/* On which node PCI devices are: the host bridge is there, the rest of its bus is not all. */
static void pci_nodes(void)
{
	static struct physdev_pci_device dev[256];
	static u32 node[256];
	static struct xen_sysctl s;
	unsigned int there = 0;
	u32 done = 0;

	for (unsigned int i = 0; i < 256; i++)
		dev[i].devfn = i;
	while (done < 256) {
		s = (struct xen_sysctl){ .cmd = XEN_SYSCTL_pcitopoinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
		s.u.pcitopoinfo.num_devs = 256 - done;
		s.u.pcitopoinfo.devs.p = dev + done;
		s.u.pcitopoinfo.nodes.p = node + done;
		CHECK_EQ(hypercall1(__HYPERVISOR_sysctl, &s), 0);
		CHECK(s.u.pcitopoinfo.num_devs, "no progress");
		if (!s.u.pcitopoinfo.num_devs)
			return;
		done += s.u.pcitopoinfo.num_devs;
	}
	for (unsigned int i = 0; i < 256; i++) {
		CHECK(!node[i] || node[i] == XEN_INVALID_DEV, "%u: node %u", i, node[i]);
		there += !node[i];
	}
	CHECK(!node[0] && there > 1 && there < 64, "%u devices", there);
	s.u.pcitopoinfo.num_devs = 1;
	s.u.pcitopoinfo.devs.p = NULL;
	CHECK_EQ(hypercall1(__HYPERVISOR_sysctl, &s), -XEN_EINVAL);
}

void test_main(void)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = 99 };
	u64 sum = 0;

	CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &alloc), 0);
	for (unsigned int i = 0; i < 512; i++)
		sum += page[i] = i * 0x123456789;
	low_memory();
	pci_nodes();
	child_create(&c, in_child);
	c.mail[1] = va_to_mfn(page);
	c.mail[2] = alloc.port;
	c.mail[3] = start_info->shared_info >> 12;
	child_run(&c);
	child_done(&c);
	for (unsigned int i = 0; i < 512; i++)
		sum -= page[i];
	CHECK(!sum, "dom0's memory has changed");
	child_destroy(&c);
	CHECK(!child_exists(&c), "the child is still there");
}
