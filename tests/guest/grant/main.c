/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: a domain that maps and copies its own grants.
 *
 * ABI: setup_table gives the frames of the table; an entry {flags, domid, frame} permits that domain to map or copy
 * the frame. map_grant_ref puts it at an address whose L1 entry is absent, or into a given entry; the status of
 * each element tells, the hypercall itself succeeds, and elements behind a failed one are still done. While mapped
 * the entry shows GTF_reading and, unless read-only, GTF_writing. unmap needs the right handle and the right
 * address. copy stays inside one page on both sides. A frame that is a page table cannot be mapped writable through
 * a grant.
 */
#include "guest.h"

#include "public/grant_table.h"

static volatile struct grant_entry_v1 *table;
static u8 *page, *here;

static long gnt(unsigned int cmd, void *ops, unsigned int count)
{
	return hypercall3(__HYPERVISOR_grant_table_op, cmd, ops, count);
}

static void entry_set(unsigned int ref, u16 flags, domid_t domid, u64 mfn)
{
	table[ref].flags = 0;
	barrier();
	table[ref].domid = domid;
	table[ref].frame = mfn;
	barrier();
	table[ref].flags = flags;
}

static domid_t my_domid(void)
{
	return 0;
}

static void setup(void)
{
	u8 *va = page_alloc();
	u64 frames[1];
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	struct gnttab_set_version v = { .version = 1 };

	gnt(GNTTABOP_set_version, &v, 1);
	set_xen_guest_handle(s.frame_list, frames);
	CHECK_EQ(gnt(GNTTABOP_setup_table, &s, 1), 0);
	CHECK_EQ(s.status, GNTST_okay);
	if (s.status || set_va(va, PTE(frames[0], PTE_KERNEL)))
		test_die("no grant table");
	table = (void *)va;
	CHECK_EQ(gnt(GNTTABOP_query_size, &q, 1), 0);
	CHECK_EQ(q.status, GNTST_okay);
	CHECK(q.nr_frames >= 1 && q.max_nr_frames >= q.nr_frames, "%u of %u frames", q.nr_frames, q.max_nr_frames);
	page = page_alloc();
	here = page_alloc();
}

static struct gnttab_map_grant_ref map(unsigned int ref, u32 flags, u64 where)
{
	struct gnttab_map_grant_ref m = { .host_addr = where, .flags = flags, .ref = ref, .dom = my_domid() };

	CHECK_EQ(gnt(GNTTABOP_map_grant_ref, &m, 1), 0);
	return m;
}

static int unmap(u32 handle, u64 where)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = where, .handle = handle };

	CHECK_EQ(gnt(GNTTABOP_unmap_grant_ref, &u, 1), 0);
	return u.status;
}

static void test_map(void)
{
	struct gnttab_map_grant_ref m;

	entry_set(9, GTF_permit_access, my_domid(), va_to_mfn(page));
	page[5] = 0x55;
	CHECK_EQ(set_va(here, 0), 0);
	m = map(9, GNTMAP_host_map, (u64)here);
	CHECK_EQ(m.status, GNTST_okay);
	CHECK_EQ(here[5], 0x55);
	here[6] = 0x66;
	CHECK_EQ(page[6], 0x66);
	CHECK_EQ(m.dev_bus_addr, va_to_mfn(page) << 12);
	CHECK_EQ(table[9].flags, GTF_permit_access | GTF_reading | GTF_writing);
	CHECK(unmap(m.handle, (u64)here + PAGE) < 0, "unmapped at another address");
	CHECK(unmap(m.handle + 1000, (u64)here) < 0, "unmapped with another handle");
	CHECK_EQ(here[5], 0x55);
	CHECK_EQ(unmap(m.handle, (u64)here), GNTST_okay);
	CHECK(!can_read(here), "still mapped");
	CHECK_EQ(table[9].flags, GTF_permit_access);
	CHECK(unmap(m.handle, (u64)here) < 0, "unmapped twice");
}

static void test_readonly(void)
{
	struct gnttab_map_grant_ref m = map(9, GNTMAP_host_map | GNTMAP_readonly, (u64)here);

	CHECK_EQ(m.status, GNTST_okay);
	CHECK(can_read(here) && !can_write(here), "not read-only");
	CHECK_EQ(table[9].flags, GTF_permit_access | GTF_reading);
	CHECK_EQ(unmap(m.handle, (u64)here), GNTST_okay);
	CHECK_EQ(table[9].flags, GTF_permit_access);
	entry_set(10, GTF_permit_access | GTF_readonly, my_domid(), va_to_mfn(page));
	m = map(10, GNTMAP_host_map, (u64)here);
	CHECK(m.status < 0, "a read-only grant was mapped writable");
	m = map(10, GNTMAP_host_map | GNTMAP_readonly, (u64)here);
	CHECK_EQ(m.status, GNTST_okay);
	CHECK_EQ(unmap(m.handle, (u64)here), GNTST_okay);
}

static void test_into_entry(void)
{
	u64 where = pte_machine(here, 1);
	struct gnttab_map_grant_ref m = map(9, GNTMAP_host_map | GNTMAP_contains_pte, where);

	CHECK_EQ(m.status, GNTST_okay);
	CHECK_EQ(here[5], 0x55);
	CHECK_EQ(unmap(m.handle, where), GNTST_okay);
	mmuext(MMUEXT_INVLPG_LOCAL, (u64)here);
	CHECK(!can_read(here), "still mapped");
	m = map(9, GNTMAP_host_map | GNTMAP_contains_pte, where + 4);
	CHECK_EQ(m.status, GNTST_general_error);		/* a misaligned entry */
	m = map(9, GNTMAP_host_map | GNTMAP_contains_pte, va_to_mfn(page) << 12);
	CHECK_EQ(m.status, GNTST_general_error);		/* a page that is no table */
	m = map(9, GNTMAP_host_map, 0x0000700000000000);
	CHECK_EQ(m.status, GNTST_general_error);		/* no table there */
	m = map(9, GNTMAP_host_map | GNTMAP_readonly, 0xffff830000000000);
	CHECK_EQ(m.status, GNTST_general_error);		/* the hypervisor's */
}

static void test_refused(void)
{
	static const struct {
		u16 flags;
		domid_t domid;
		unsigned int frame;
		const char *what;
	} bad[] = {
		{ 0, 0, 0, "no grant" },
		{ GTF_permit_access, 77, 0, "a grant to another domain" },
		{ GTF_accept_transfer, 0, 0, "a transfer entry" },
		{ GTF_permit_access, 0, 0xffffffff, "a frame that does not exist" },
		{ GTF_permit_access, 0, 1, "a page table, writable" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct gnttab_map_grant_ref m;
		u64 mfn = bad[i].frame == 1 ? l4_mfn() : bad[i].frame ? bad[i].frame : va_to_mfn(page);

		entry_set(11, bad[i].flags, bad[i].domid, mfn);
		m = map(11, GNTMAP_host_map, (u64)here);
		CHECK(i < 3 ? m.status == GNTST_general_error : m.status < 0, "%s: %d", bad[i].what, m.status);
		if (!m.status)
			unmap(m.handle, (u64)here);
		CHECK_EQ(table[11].flags & (GTF_reading | GTF_writing), 0);
	}
	CHECK(map(1 << 20, GNTMAP_host_map, (u64)here).status < 0, "a reference beyond the table");
	CHECK(map(~0u, GNTMAP_host_map, (u64)here).status < 0, "reference 0xffffffff");
	CHECK(map(9, 0, (u64)here).status < 0, "neither host nor device map");
	CHECK(map(9, GNTMAP_host_map, 0xffff830000000000).status < 0, "into the hypervisor");
	CHECK(map(9, GNTMAP_host_map, 0x123000).status < 0, "at an address without a table");
	CHECK_EQ(table[9].flags, GTF_permit_access);
	CHECK_EQ(make_ro(page), 0);
	CHECK_EQ(make_rw(page), 0);
}

/* Elements behind a failed one are done; nothing is lost or left over. */
static void test_batch(void)
{
	u8 *at[4];
	struct gnttab_map_grant_ref m[4];
	struct gnttab_unmap_grant_ref u[4];

	entry_set(11, 0, 0, 0);
	for (int i = 0; i < 4; i++) {
		at[i] = page_alloc();
		set_va(at[i], 0);
		m[i] = (struct gnttab_map_grant_ref){ .host_addr = (u64)at[i], .flags = GNTMAP_host_map,
						      .ref = i == 1 ? 11 : 9, .dom = my_domid() };
	}
	m[2].dom = 1234;
	CHECK_EQ(gnt(GNTTABOP_map_grant_ref, m, 4), 0);
	CHECK_EQ(m[0].status, GNTST_okay);
	CHECK(m[1].status < 0, "an entry that grants nothing was mapped");
	CHECK_EQ(m[2].status, GNTST_bad_domain);
	CHECK_EQ(m[3].status, GNTST_okay);
	CHECK_EQ(at[0][5], 0x55);
	CHECK_EQ(at[3][5], 0x55);
	CHECK(!can_read(at[1]) && !can_read(at[2]), "a failed element is mapped");
	for (int i = 0; i < 4; i++)
		u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = (u64)at[i], .handle = m[i].handle };
	u[1].handle = u[2].handle = 99999;
	CHECK_EQ(gnt(GNTTABOP_unmap_grant_ref, u, 4), 0);
	CHECK_EQ(u[0].status, GNTST_okay);
	CHECK_EQ(u[1].status, GNTST_bad_handle);
	CHECK_EQ(u[3].status, GNTST_okay);
	CHECK_EQ(table[9].flags, GTF_permit_access);
}

static struct gnttab_copy copy_op(u64 src, u16 src_off, u64 dst, u16 dst_off, u16 len, u16 flags)
{
	struct gnttab_copy c = { .len = len, .flags = flags };

	c.source.domid = flags & GNTCOPY_source_gref ? my_domid() : DOMID_SELF;
	c.dest.domid = flags & GNTCOPY_dest_gref ? my_domid() : DOMID_SELF;
	c.source.offset = src_off;
	c.dest.offset = dst_off;
	if (flags & GNTCOPY_source_gref)
		c.source.u.ref = src;
	else
		c.source.u.gmfn = src;
	if (flags & GNTCOPY_dest_gref)
		c.dest.u.ref = dst;
	else
		c.dest.u.gmfn = dst;
	return c;
}

static int copy(struct gnttab_copy c)
{
	CHECK_EQ(gnt(GNTTABOP_copy, &c, 1), 0);
	return c.status;
}

static void test_copy(void)
{
	u8 *to = page_alloc();

	for (unsigned int i = 0; i < PAGE; i++)
		page[i] = i * 3;
	CHECK_EQ(copy(copy_op(9, 100, va_to_mfn(to), 7, 200, GNTCOPY_source_gref)), GNTST_okay);
	CHECK(!memcmp(to + 7, page + 100, 200) && !to[6] && !to[207], "wrong bytes");
	memset(to, 0x77, PAGE);
	CHECK_EQ(copy(copy_op(va_to_mfn(to), 0, 9, 0, 4096, GNTCOPY_dest_gref)), GNTST_okay);
	CHECK_EQ(page[0], 0x77);
	CHECK_EQ(page[4095], 0x77);
	CHECK_EQ(table[9].flags, GTF_permit_access);
	CHECK_EQ(copy(copy_op(9, 4000, va_to_mfn(to), 0, 97, GNTCOPY_source_gref)), GNTST_bad_copy_arg);
	CHECK_EQ(copy(copy_op(9, 0, va_to_mfn(to), 4095, 2, GNTCOPY_source_gref)), GNTST_bad_copy_arg);
	CHECK(copy(copy_op(va_to_mfn(to), 0, 10, 0, 16, GNTCOPY_dest_gref)) < 0, "copied into a read-only grant");
	CHECK(copy(copy_op(9, 0, l4_mfn(), 0, 16, GNTCOPY_source_gref)) < 0, "copied into a page table");
	CHECK(copy(copy_op(11, 0, va_to_mfn(to), 0, 16, GNTCOPY_source_gref)) < 0, "copied from no grant");
	CHECK(copy(copy_op(9, 0, 0xfffffffffful, 0, 16, GNTCOPY_source_gref)) < 0, "copied to no memory");
	CHECK_EQ(copy(copy_op(9, 0, va_to_mfn(to), 0, 0, GNTCOPY_source_gref)), GNTST_okay);
}

/* The entry changes between map and unmap (XSA 227, 234): unmap must not drop what it did not take. */
static void test_altered_entry(void)
{
	u8 *other = page_alloc();
	struct gnttab_map_grant_ref m;

	CHECK_EQ(set_va(here, 0), 0);
	m = map(9, GNTMAP_host_map, (u64)here);
	CHECK_EQ(m.status, GNTST_okay);
	CHECK_EQ(set_va(here, PTE(va_to_mfn(other), PTE_KERNEL)), 0);	/* another page there now */
	CHECK(unmap(m.handle, (u64)here) < 0, "unmapped although another page is there");
	CHECK(can_write(here) && can_write(other), "the other page is gone");
	CHECK_EQ(set_va(here, 0), 0);
	/* Read-only is mapped, writable is what the entry says: not by this. */
	m = map(9, GNTMAP_host_map | GNTMAP_readonly, (u64)here);
	CHECK_EQ(m.status, GNTST_okay);
	CHECK_EQ(unmap(m.handle, (u64)here), GNTST_okay);
	/* Everything of `other` was given back: it can become a table. */
	CHECK_EQ(make_ro(other), 0);
	CHECK_EQ(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(other)), 0);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(other)), 0);
	CHECK_EQ(make_rw(other), 0);
}

static void test_errors(void)
{
	struct gnttab_map_grant_ref m = { 0 };

	CHECK_EQ(gnt(99, &m, 1), -XEN_ENOSYS);
	CHECK_EQ(gnt(GNTTABOP_map_grant_ref, (void *)0x10, 1), -XEN_EFAULT);
	CHECK_EQ(gnt(GNTTABOP_map_grant_ref, (void *)0xffff830000000000, 1), -XEN_EFAULT);
	CHECK(gnt(GNTTABOP_copy, &m, ~0u) < 0, "4294967295 elements");
	CHECK_EQ(gnt(GNTTABOP_map_grant_ref, &m, 0), 0);
}

void test_main(void)
{
	if (!is_dom0())
		test_skip("maps its own grants by the number of dom0");
	setup();
	test_map();
	test_readonly();
	test_into_entry();
	test_refused();
	test_batch();
	test_copy();
	test_altered_entry();
	test_errors();
}
