/* SPDX-License-Identifier: MIT */
/*
 * What a builder does to a domain's memory from outside: frames, page tables, machine-to-phys entries, grant table
 * seeds, and the event channels it allocates on the domain's behalf.
 *
 * Long lists go in batches whose buffers stay small; each batch is one hypercall.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "xenctl/priv.h"
#include "public/event_channel.h"
#include "public/grant_table.h"
#include "public/memory.h"

#define BATCH		16384U		/* frames of one memory_op: 128 KiB of buffer */
#define M2P_EXTENT	(2UL << 20)	/* the hypervisor describes its table in pieces of 2 MiB */

static long reservation(struct xenctl *x, unsigned int cmd, uint32_t domid, unsigned int order, uint64_t *buf, size_t n)
{
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = domid };

	set_xen_guest_handle(r.extent_start, (xen_pfn_t *)buf);
	return xenctl_call_struct(x, __HYPERVISOR_memory_op, cmd, &r, sizeof(r));
}

/* In batches, until one is not done whole. got: NULL, or where the frames go that the hypervisor answers with. */
static long in_batches(struct xenctl *x, unsigned int cmd, uint32_t domid, unsigned int order, const uint64_t *frames,
		       uint64_t *got, size_t n)
{
	size_t size = (n < BATCH ? n : BATCH) * sizeof(*frames);
	uint64_t *buf = xenctl_buf_alloc(x, size);
	size_t done = 0;
	long rc = 0;

	if (!buf)
		return -ENOMEM;
	while (done < n) {
		size_t now = n - done < BATCH ? n - done : BATCH;

		memcpy(buf, frames + done, now * sizeof(*buf));
		rc = reservation(x, cmd, domid, order, buf, now);
		if (rc <= 0)
			break;
		if (got)
			memcpy(got + done, buf, rc * sizeof(*buf));
		done += rc;
		if ((size_t)rc < now)
			break;
	}
	xenctl_buf_free(x, buf, size);
	return done || rc >= 0 ? (long)done : rc;
}

long xenctl_populate_physmap(struct xenctl *x, uint32_t domid, unsigned int order, uint64_t *frames, size_t n)
{
	return in_batches(x, XENMEM_populate_physmap, domid, order, frames, frames, n);
}

long xenctl_decrease_reservation(struct xenctl *x, uint32_t domid, unsigned int order, const uint64_t *frames, size_t n)
{
	return in_batches(x, XENMEM_decrease_reservation, domid, order, frames, NULL, n);
}

int xenctl_claim_pages(struct xenctl *x, uint32_t domid, uint64_t pages)
{
	struct xen_memory_reservation r = { .nr_extents = pages, .domid = domid };
	long rc = xenctl_call_struct(x, __HYPERVISOR_memory_op, XENMEM_claim_pages, &r, sizeof(r));

	return rc < 0 ? (int)rc : 0;
}

/* One entry of the ABI's map: packed, 20 bytes. */
struct abi_e820 {
	uint64_t addr, size;
	uint32_t type;
} __attribute__((packed));

int xenctl_set_memory_map(struct xenctl *x, uint32_t domid, const struct xenctl_e820 *map, size_t n)
{
	struct xen_foreign_memory_map fm = { .domid = domid, .map.nr_entries = n };
	size_t size = n * sizeof(struct abi_e820);
	struct abi_e820 *buf = xenctl_buf_alloc(x, size);
	long rc;

	if (!buf)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		buf[i] = (struct abi_e820){ .addr = map[i].addr, .size = map[i].size, .type = map[i].type };
	set_xen_guest_handle(fm.map.buffer, (void *)buf);
	rc = xenctl_call_struct(x, __HYPERVISOR_memory_op, XENMEM_set_memory_map, &fm, sizeof(fm));
	xenctl_buf_free(x, buf, size);
	return rc < 0 ? (int)rc : 0;
}

int xenctl_max_mfn(struct xenctl *x, uint64_t *max_mfn)
{
	long rc = xenctl_hypercall(x, __HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0, 0, 0, 0);

	if (rc < 0)
		return rc;
	*max_mfn = rc;
	return 0;
}

/* First frame of each 2 MiB piece of the machine-to-phys table; returns how many pieces, or -errno. */
static long m2p_extents(struct xenctl *x, uint64_t *starts, size_t max)
{
	struct xen_machphys_mfn_list l = { .max_extents = max };
	size_t size = max * sizeof(*starts);
	xen_pfn_t *buf = xenctl_buf_alloc(x, size);
	long rc;

	if (!buf)
		return -ENOMEM;
	set_xen_guest_handle(l.extent_start, buf);
	rc = xenctl_call_struct(x, __HYPERVISOR_memory_op, XENMEM_machphys_mfn_list, &l, sizeof(l));
	if (rc >= 0) {
		rc = l.nr_extents;
		memcpy(starts, buf, rc * sizeof(*starts));
	}
	xenctl_buf_free(x, buf, size);
	return rc;
}

int xenctl_map_m2p(struct xenctl *x, const uint64_t **m2p, size_t *entries, size_t *pages)
{
	size_t per = M2P_EXTENT >> XENCTL_PAGE_SHIFT, want;
	uint64_t max_mfn = 0, *starts, *frames;
	void *addr;
	long got;
	int rc;

	rc = xenctl_max_mfn(x, &max_mfn);
	if (rc)
		return rc;
	want = (max_mfn * sizeof(uint64_t)) / M2P_EXTENT + 1;
	starts = calloc(want, sizeof(*starts));
	frames = calloc(want * per, sizeof(*frames));
	got = starts && frames ? m2p_extents(x, starts, want) : -ENOMEM;
	rc = got < 0 ? (int)got : got == 0 ? -ENXIO : 0;
	for (long i = 0; i < got; i++)
		for (size_t j = 0; j < per; j++)
			frames[i * per + j] = starts[i] + j;
	if (!rc)
		rc = xenctl_map_foreign(x, XENCTL_DOMID_XEN, PROT_READ, frames, got * per, NULL, &addr);
	if (!rc) {
		*m2p = addr;
		*pages = got * per;
		*entries = *pages << XENCTL_PAGE_SHIFT >> 3;
	}
	free(starts);
	free(frames);
	return rc;
}

/* mmu_update and mmuext_op: list, count, where the hypervisor says how many it did, and whose frames. */
static int mmu_call(struct xenctl *x, unsigned int nr, uint32_t domid, void *list, size_t n, size_t each)
{
	void *buf = xenctl_buf_alloc(x, n * each);
	long rc;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, list, n * each);
	rc = xenctl_hypercall(x, nr, (uintptr_t)buf, n, 0, domid, 0);
	xenctl_buf_free(x, buf, n * each);
	return rc < 0 ? (int)rc : 0;
}

int xenctl_m2p_update(struct xenctl *x, uint32_t domid, const uint64_t *mfns, const uint64_t *pfns, size_t n)
{
	struct mmu_update u[256];

	while (n) {
		size_t now = n < 256 ? n : 256;
		int rc;

		for (size_t i = 0; i < now; i++)
			u[i] = (struct mmu_update){
				.ptr = (mfns[i] << XENCTL_PAGE_SHIFT) | MMU_MACHPHYS_UPDATE,
				.val = pfns[i],
			};
		rc = mmu_call(x, __HYPERVISOR_mmu_update, domid, u, now, sizeof(u[0]));
		if (rc)
			return rc;
		mfns += now;
		pfns += now;
		n -= now;
	}
	return 0;
}

int xenctl_pin_table(struct xenctl *x, uint32_t domid, unsigned int level, uint64_t mfn)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE + level - 1, .arg1.mfn = mfn };

	if (level < 1 || level > 4)
		return -EINVAL;
	return mmu_call(x, __HYPERVISOR_mmuext_op, domid, &op, 1, sizeof(op));
}

#define PINS_MAX 128		/* they fit into a page, with the count */

int xenctl_pin_tables(struct xenctl *x, uint32_t domid, const struct xenctl_pin *pins, size_t n, size_t *done)
{
	size_t size = PINS_MAX * sizeof(struct mmuext_op) + sizeof(unsigned int);
	struct mmuext_op *ops = xenctl_buf_alloc(x, size);
	unsigned int *count = ops ? (unsigned int *)(ops + PINS_MAX) : NULL;
	long rc = ops ? 0 : -ENOMEM;

	*done = 0;
	while (*done < n && !rc) {
		size_t now = n - *done < PINS_MAX ? n - *done : PINS_MAX;

		for (size_t i = 0; i < now; i++)
			ops[i] = (struct mmuext_op){ .cmd = MMUEXT_PIN_L1_TABLE + pins[*done + i].level - 1,
						     .arg1.mfn = pins[*done + i].mfn };
		*count = 0;
		rc = xenctl_hypercall(x, __HYPERVISOR_mmuext_op, (uintptr_t)ops, now, (uintptr_t)count, domid, 0);
		*done += *count;
	}
	xenctl_buf_free(x, ops, size);
	return (int)rc;
}

int xenctl_unpin_table(struct xenctl *x, uint32_t domid, uint64_t mfn)
{
	struct mmuext_op op = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn };

	return mmu_call(x, __HYPERVISOR_mmuext_op, domid, &op, 1, sizeof(op));
}

/* The older way to a grant table's frame: have the table set up to that size and map it as a foreign frame. */
static int grant_frame_by_setup(struct xenctl *x, uint32_t domid, uint32_t frame, void **out)
{
	struct gnttab_setup_table s = { .dom = domid, .nr_frames = frame + 1 };
	size_t size = s.nr_frames * sizeof(xen_pfn_t), ssize = sizeof(s);
	xen_pfn_t *list = xenctl_buf_alloc(x, size);
	struct gnttab_setup_table *buf = xenctl_buf_alloc(x, ssize);
	long rc = -ENOMEM;

	if (list && buf) {
		set_xen_guest_handle(s.frame_list, list);
		*buf = s;
		rc = xenctl_hypercall(x, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, (uintptr_t)buf, 1, 0, 0);
		if (rc >= 0 && buf->status != GNTST_okay)
			rc = -EINVAL;
		if (rc >= 0)
			rc = xenctl_map_foreign_page(x, domid, PROT_READ | PROT_WRITE, list[frame], out);
	}
	xenctl_buf_free(x, list, size);
	xenctl_buf_free(x, buf, ssize);
	return rc < 0 ? (int)rc : 0;
}

int xenctl_grant_seed(struct xenctl *x, uint32_t domid, uint32_t ref, uint32_t to_domid, uint64_t frame)
{
	const uint32_t per = XENCTL_PAGE_SIZE / sizeof(struct grant_entry_v1);
	struct grant_entry_v1 *table;
	void *page;
	int rc;

	if (frame > UINT32_MAX)
		return -ERANGE;		/* a version 1 entry holds 32 bits of it */
	rc = xenctl_map_resource(x, domid, XENMEM_resource_grant_table, XENMEM_resource_grant_table_id_shared,
				 ref / per, 1, PROT_READ | PROT_WRITE, &page);
	if (rc)
		rc = grant_frame_by_setup(x, domid, ref / per, &page);
	if (rc)
		return rc;
	table = page;
	table[ref % per].domid = to_domid;
	table[ref % per].frame = frame;
	__atomic_store_n(&table[ref % per].flags, GTF_permit_access, __ATOMIC_RELEASE);
	xenctl_unmap(page, 1);
	return 0;
}

int xenctl_evtchn_alloc_unbound(struct xenctl *x, uint32_t domid, uint32_t remote, uint32_t *port)
{
	struct evtchn_alloc_unbound a = { .dom = domid, .remote_dom = remote };
	long rc = xenctl_call_struct(x, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &a, sizeof(a));

	if (rc < 0)
		return rc;
	*port = a.port;
	return 0;
}

int xenctl_evtchn_reset(struct xenctl *x, uint32_t domid)
{
	struct evtchn_reset r = { .dom = domid };
	long rc = xenctl_call_struct(x, __HYPERVISOR_event_channel_op, EVTCHNOP_reset, &r, sizeof(r));

	return rc < 0 ? (int)rc : 0;
}

int xenctl_evtchn_port_status(struct xenctl *x, uint32_t domid, uint32_t port, uint32_t *status)
{
	struct evtchn_status s = { .dom = domid, .port = port };
	long rc = xenctl_call_struct(x, __HYPERVISOR_event_channel_op, EVTCHNOP_status, &s, sizeof(s));

	if (rc < 0)
		return rc;
	*status = s.status;
	return 0;
}
