/* SPDX-License-Identifier: MIT */
/*
 * Other domains' memory in this process: foreign frames and hypervisor resources, both through privcmd; and copies of
 * it.
 *
 * A mapping is a range of the privcmd device whose page-table entries the kernel has the hypervisor fill in. munmap
 * drops them again. Nothing here survives fork (the kernel marks the range so).
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "xenctl/priv.h"
#include "public/lite.h"

/* An address range backed by the device, without pages yet. */
static int reserve(struct xenctl *x, size_t n, int prot, void **out)
{
	void *p;

	if (!n || n > UINT32_MAX)
		return -EINVAL;
	p = mmap(NULL, n << XENCTL_PAGE_SHIFT, prot, MAP_SHARED, x->fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*out = p;
	return 0;
}

void xenctl_unmap(void *addr, size_t n)
{
	if (addr)
		munmap(addr, n << XENCTL_PAGE_SHIFT);
}

static int first_error(const int *errs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (errs[i])
			return errs[i];
	return 0;
}

int xenctl_map_foreign(struct xenctl *x, uint32_t domid, int prot, const uint64_t *frames, size_t n, int *errs,
		       void **out)
{
	struct privcmd_mmapbatch_v2_arg b = { .num = n, .dom = domid, .frames = frames };
	int *all = errs ? errs : calloc(n, sizeof(*all));
	void *addr = NULL;
	int rc;

	if (!all)
		return -ENOMEM;
	rc = reserve(x, n, prot, &addr);
	if (!rc) {
		b.addr = (uintptr_t)addr;
		b.err = all;
		rc = ioctl(x->fd, PRIVCMD_MMAPBATCH_V2, &b) < 0 ? -errno : 0;
		if (!errs && !rc)
			rc = first_error(all, n);
		else if (errs && rc == -ENOENT)	/* some frames are paged out; errs tells which */
			rc = 0;
		if (rc)
			xenctl_unmap(addr, n);
		else
			*out = addr;
	}
	if (!errs)
		free(all);
	return rc;
}

int xenctl_map_foreign_page(struct xenctl *x, uint32_t domid, int prot, uint64_t frame, void **out)
{
	return xenctl_map_foreign(x, domid, prot, &frame, 1, NULL, out);
}

int xenctl_map_resource(struct xenctl *x, uint32_t domid, uint32_t type, uint32_t id, uint32_t frame, size_t n,
			int prot, void **out)
{
	struct privcmd_mmap_resource_arg r = { .dom = domid, .type = type, .id = id, .idx = frame, .num = n };
	void *addr = NULL;
	int rc;

	rc = reserve(x, n, prot, &addr);
	if (rc)
		return rc;
	r.addr = (uintptr_t)addr;
	if (ioctl(x->fd, PRIVCMD_MMAP_RESOURCE, &r) < 0) {
		rc = -errno;
		xenctl_unmap(addr, n);
		return rc;
	}
	*out = addr;
	return 0;
}

int xenctl_copy_frames(struct xenctl *x, uint32_t domid, bool in, const uint64_t *frames, size_t n, void *buf,
		       size_t *done)
{
	size_t size = sizeof(struct xen_lite_copy_frames) + n * sizeof(*frames);
	struct xen_lite_copy_frames *c = xenctl_buf_alloc(x, size);
	xen_pfn_t *list;
	long rc;

	if (!c)
		return -ENOMEM;
	c->domid = domid;
	c->flags = in ? LITE_COPY_in : 0;
	c->count = n;
	list = (xen_pfn_t *)(c + 1);
	memcpy(list, frames, n * sizeof(*frames));
	set_xen_guest_handle(c->list, list);
	set_xen_guest_handle(c->buffer, buf);
	rc = xenctl_hypercall(x, __HYPERVISOR_lite_op, LITEOP_copy_frames, (uintptr_t)c, 0, 0, 0);
	if (done)
		*done = c->done;
	xenctl_buf_free(x, c, size);
	return rc < 0 ? (int)rc : 0;
}
