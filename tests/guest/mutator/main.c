/* SPDX-License-Identifier: MIT */
/*
 * A second vCPU rewrites what a call reads, at full speed, while the call is at work: grant entries, lists of page
 * table updates and multicalls, the words that map and copy take from shared memory (XSA 155, 411, 500).
 *
 * Invariant: each word is read once, and what was checked is what is used. Flags and domain of a grant entry are one
 * word: of two entries, one for us and read-only, one writable and for somebody else, no mixture is ever taken. An
 * entry that turns into something else while it is mapped does not change what unmapping gives back. A page table
 * entry that turns into a forbidden one between check and use is never there. At the end all counts are 0: every
 * frame can be a page table, every entry is clear.
 */
#include "guest.h"

#include "public/grant_table.h"

#define REF		30
#define OTHER_DOMAIN	99
#define TIME_EACH	400000000ul

static volatile struct grant_entry_v1 *entry;
static u64 page[512] __attribute__((aligned(4096))), wrong[512] __attribute__((aligned(4096)));
static u64 here[512] __attribute__((aligned(4096)));
static u64 table[512] __attribute__((aligned(4096)));
static volatile u64 mutations, parked;
static void (*volatile mutate)(u64 n);
static u64 shown;			/* counts what happened, so that a test of nothing is noticed */

static void second_vcpu(void)
{
	for (u64 n = 0;; n++) {
		void (*fn)(u64) = mutate;

		if (fn) {
			fn(n);
			mutations++;
		} else {
			parked = 1;
		}
	}
}

static u64 end;

static void begin(void (*fn)(u64))
{
	mutations = shown = 0;
	parked = 0;
	mutate = fn;
	CHECK(ap_wait(&mutations, 1), "vCPU 1 does not run");
	end = time_now() + TIME_EACH;
}

static void finish(const char *what)
{
	parked = 0;
	mutate = NULL;
	CHECK(ap_wait(&parked, 1), "vCPU 1 does not stop");
	CHECK(mutations > 1000, "%s: only %lu changes", what, mutations);
	CHECK(shown >= 3, "%s: only %lu calls did what they may", what, shown);
}

static void word_set(u16 flags, domid_t domid)
{
	__atomic_store_n((u32 *)entry, flags | (u32)domid << 16, __ATOMIC_SEQ_CST);
}

static int gnt(unsigned int cmd, void *op)
{
	CHECK_EQ(hypercall3(__HYPERVISOR_grant_table_op, cmd, op, 1), 0);
	return 0;
}

/* Everything of this frame has been given back. */
static void all_given_back(u64 *frame, const char *what)
{
	CHECK(!make_ro(frame) && !mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(frame)), "%s: the frame is still in use", what);
	mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(frame));
	CHECK_EQ(make_rw(frame), 0);
}

/* --- flags and domain --- */

static void flip_rights(u64 n)
{
	if (n & 1)
		word_set(GTF_permit_access | GTF_readonly, 0);
	else
		word_set(GTF_permit_access, OTHER_DOMAIN);
}

static void test_rights(void)
{
	entry->frame = va_to_mfn(page);
	begin(flip_rights);
	while (time_now() < end) {
		struct gnttab_copy c = { .len = 8, .flags = GNTCOPY_dest_gref };
		struct gnttab_map_grant_ref m = { .flags = GNTMAP_device_map, .ref = REF };

		c.source.domid = DOMID_SELF;
		c.source.u.gmfn = va_to_mfn(wrong);
		c.dest.u.ref = REF;
		gnt(GNTTABOP_copy, &c);
		CHECK(c.status < 0, "copied into an entry that was never writable for us");
		gnt(GNTTABOP_map_grant_ref, &m);
		CHECK(m.status < 0, "mapped writable");
		m.flags |= GNTMAP_readonly;
		gnt(GNTTABOP_map_grant_ref, &m);
		if (!m.status) {
			struct gnttab_unmap_grant_ref u = { .dev_bus_addr = va_to_mfn(page) << 12, .handle = m.handle };

			shown++;
			gnt(GNTTABOP_unmap_grant_ref, &u);
			CHECK_EQ(u.status, GNTST_okay);
		}
	}
	finish("rights");
	word_set(0, 0);
	all_given_back(page, "rights");
}

/* --- the frame --- */

static void flip_frame(u64 n)
{
	u64 frames[] = { va_to_mfn(page), va_to_mfn(wrong), va_to_mfn(page), l4_mfn(), va_to_mfn(wrong), 0x200 };

	entry->frame = frames[n % 6];
	if (n % 7 == 0)
		word_set(GTF_permit_access, 0);
}

static int unmap(u64 va, u64 dev, u32 handle)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = va, .dev_bus_addr = dev, .handle = handle };

	gnt(GNTTABOP_unmap_grant_ref, &u);
	return u.status;
}

/* While an entry is mapped it stands for the frame that it named first, and only frames of ours are ever mapped. */
static void test_frame(void)
{
	begin(flip_frame);
	while (time_now() < end) {
		struct gnttab_map_grant_ref first = { .flags = GNTMAP_device_map, .ref = REF };
		struct gnttab_map_grant_ref m = { .host_addr = (u64)here, .flags = GNTMAP_host_map, .ref = REF };
		u64 mfn;

		gnt(GNTTABOP_map_grant_ref, &first);
		if (first.status)
			continue;
		mfn = first.dev_bus_addr >> 12;
		CHECK(mfn == va_to_mfn(page) || mfn == va_to_mfn(wrong), "frame 0x%lx was mapped", mfn);
		set_va(here, 0);
		for (unsigned int i = 0; i < 5; i++) {
			gnt(GNTTABOP_map_grant_ref, &m);
			if (m.status)
				continue;	/* the entry did not hold still */
			shown++;
			CHECK(m.dev_bus_addr >> 12 == mfn && PTE_MFN(*pte_of(here, 1)) == mfn,
			      "mapped as 0x%lx first, as 0x%lx then", mfn, PTE_MFN(*pte_of(here, 1)));
			CHECK_EQ(unmap((u64)here, 0, m.handle), GNTST_okay);
		}
		CHECK_EQ(unmap(0, first.dev_bus_addr, first.handle), GNTST_okay);
	}
	finish("frame");
	CHECK(!(entry->flags & (GTF_reading | GTF_writing)), "the entry is still in use: flags 0x%x", entry->flags);
	word_set(0, 0);
	all_given_back(page, "frame");
	all_given_back(wrong, "frame");
}

/* --- the version of the table (XSA 255, 379, 384): there is one, and asking for others changes nothing --- */

static void ask_for_versions(u64 n)
{
	struct gnttab_set_version v = { .version = n % 4 };

	hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, &v, 1);
}

static void test_versions(void)
{
	entry->frame = va_to_mfn(page);
	word_set(GTF_permit_access, 0);
	begin(ask_for_versions);
	while (time_now() < end / 2 + (end - TIME_EACH) / 2) {
		struct gnttab_map_grant_ref m = { .flags = GNTMAP_device_map, .ref = REF };

		gnt(GNTTABOP_map_grant_ref, &m);
		CHECK_EQ(m.status, GNTST_okay);
		CHECK_EQ(entry->flags, GTF_permit_access | GTF_reading | GTF_writing);
		CHECK_EQ(unmap(0, m.dev_bus_addr, m.handle), GNTST_okay);
		CHECK_EQ(entry->flags, GTF_permit_access);
		shown++;
	}
	finish("versions");
	word_set(0, 0);
	all_given_back(page, "versions");
}

/* --- lists --- */

static struct mmu_update updates[32];

/* Each value is good or forbidden, and the pointer leads to our table or to another page. */
static void flip_updates(u64 n)
{
	volatile struct mmu_update *u = &updates[n % 32];

	u->val = n % 64 < 48 ? PTE(va_to_mfn(page), PTE_KERNEL) : PTE(l4_mfn(), PTE_KERNEL);
	u->ptr = n % 7 ? va_to_mfn(table) << 12 | n % 511 * 8 : 0x200000 | n % 511 * 8;
}

static void test_updates(void)
{
	table_new(table, 1);
	begin(flip_updates);
	while (time_now() < end) {
		u32 done = 0;

		hypercall4(__HYPERVISOR_mmu_update, updates, 32, &done, DOMID_SELF);
		shown += done;
		for (unsigned int i = 0; i < 512; i++)
			CHECK(!(table[i] & PTE_P) || PTE_MFN(table[i]) == va_to_mfn(page), "entry %u is 0x%lx", i,
			      table[i]);
	}
	finish("mmu_update");
	for (unsigned int i = 0; i < 512; i++)
		CHECK_EQ(mmu_update(va_to_mfn(table) << 12 | i * 8, 0), 0);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(table)), 0);
	CHECK_EQ(make_rw(table), 0);
	all_given_back(page, "mmu_update");
}

/* A map operation's own fields: where it goes, and whose grant it is. */
static struct gnttab_map_grant_ref shared_map;

static void flip_map(u64 n)
{
	volatile struct gnttab_map_grant_ref *m = &shared_map;

	m->flags = n & 1 ? GNTMAP_host_map : GNTMAP_host_map | GNTMAP_readonly | GNTMAP_device_map;
	m->host_addr = n % 3 ? (u64)here : 0xffff830000000000;
	m->ref = n % 5 ? REF : 0xffffffff;
	m->dom = n % 7 ? 0 : OTHER_DOMAIN;
}

static void test_map_fields(void)
{
	entry->frame = va_to_mfn(page);
	word_set(GTF_permit_access, 0);
	begin(flip_map);
	while (time_now() < end) {
		struct gnttab_unmap_grant_ref u = { .host_addr = (u64)here, .dev_bus_addr = va_to_mfn(page) << 12 };

		set_va(here, 0);
		*(volatile u32 *)&shared_map.handle = 0xffffffff;
		*(volatile int16_t *)&shared_map.status = -99;
		gnt(GNTTABOP_map_grant_ref, &shared_map);
		if (*(volatile int16_t *)&shared_map.status)
			continue;
		CHECK(!(PTE_MFN(*pte_of(here, 1)) != va_to_mfn(page)), "another frame is mapped");
		u.handle = *(volatile u32 *)&shared_map.handle;
		shown++;
		gnt(GNTTABOP_unmap_grant_ref, &u);
		CHECK(u.status == GNTST_okay, "unmap: %d", u.status);
	}
	finish("fields of map");
	CHECK(!(entry->flags & (GTF_reading | GTF_writing)), "the entry is still in use: flags 0x%x", entry->flags);
	word_set(0, 0);
	all_given_back(page, "fields of map");
}

/* Multicall entries: the operation and its arguments. */
static struct multicall_entry calls[16];

static void flip_calls(u64 n)
{
	volatile struct multicall_entry *m = &calls[n % 16];

	m->op = n % 3 ? __HYPERVISOR_update_va_mapping : __HYPERVISOR_multicall;
	m->args[0] = (u64)here;
	m->args[1] = n % 7 ? 0 : PTE(l4_mfn(), PTE_KERNEL);
	m->args[1] = n & 1 ? m->args[1] : PTE(va_to_mfn(page), PTE_KERNEL_RO);
	m->args[2] = UVMF_INVLPG;
}

static void test_multicall(void)
{
	begin(flip_calls);
	while (time_now() < end) {
		long rc = hypercall2(__HYPERVISOR_multicall, calls, 16);

		shown += !rc;
		CHECK(PTE_MFN(*pte_of(here, 1)) != l4_mfn() || !(*pte_of(here, 1) & PTE_RW),
		      "the L4 is mapped writable");
	}
	finish("multicall");
	CHECK_EQ(set_va(here, 0), 0);
	all_given_back(page, "multicall");
}

void test_main(void)
{
	static u8 frames[PAGE] __attribute__((aligned(4096)));
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	u64 frame;

	set_xen_guest_handle(s.frame_list, &frame);
	CHECK_EQ(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &s, 1), 0);
	CHECK_EQ(set_va(frames, PTE(frame, PTE_KERNEL)), 0);
	entry = (struct grant_entry_v1 *)frames + REF;
	ap_start(second_vcpu);
	test_rights();
	test_frame();
	test_versions();
	test_updates();
	test_map_fields();
	test_multicall();
}
