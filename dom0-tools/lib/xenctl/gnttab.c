/* SPDX-License-Identifier: MIT */
/*
 * Grants mapped into this process, through /dev/xen/gntdev.
 *
 * The device keys each mapping by an offset that it chooses at map time; later calls find the offset back from the
 * address, so callers keep only the address.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xenctl/priv.h"

struct xenctl_gnttab {
	int fd;
};

int xenctl_gnttab_open(struct xenctl_gnttab **out)
{
	struct xenctl_gnttab *g = calloc(1, sizeof(*g));
	int rc;

	if (!g)
		return -ENOMEM;
	g->fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	if (g->fd < 0) {
		rc = -errno;
		free(g);
		return rc;
	}
	*out = g;
	return 0;
}

void xenctl_gnttab_close(struct xenctl_gnttab *g)
{
	if (!g)
		return;
	close(g->fd);
	free(g);
}

static void forget(struct xenctl_gnttab *g, uint64_t index, size_t n)
{
	struct gntdev_unmap_arg u = { .index = index, .count = n };

	ioctl(g->fd, GNTDEV_UNMAP_GRANT_REF, &u);
}

int xenctl_gnttab_map(struct xenctl_gnttab *g, uint32_t domid, const uint32_t *refs, size_t n, int prot, void **out)
{
	struct gntdev_map_arg *m;
	void *p;
	int rc;

	if (!n || n > 1024)
		return -EINVAL;
	m = calloc(1, sizeof(*m) + (n - 1) * sizeof(m->refs[0]));
	if (!m)
		return -ENOMEM;
	m->count = n;
	for (size_t i = 0; i < n; i++)
		m->refs[i] = (struct gntdev_ref){ .domid = domid, .ref = refs[i] };

	rc = ioctl(g->fd, GNTDEV_MAP_GRANT_REF, m) < 0 ? -errno : 0;
	if (!rc) {
		p = mmap(NULL, n << XENCTL_PAGE_SHIFT, prot, MAP_SHARED, g->fd, m->index);
		if (p == MAP_FAILED) {
			rc = -errno;
			forget(g, m->index, n);
		} else {
			*out = p;
		}
	}
	free(m);
	return rc;
}

static int offset_of(struct xenctl_gnttab *g, void *addr, uint64_t *offset)
{
	struct gntdev_offset_arg o = { .vaddr = (uintptr_t)addr };

	if (ioctl(g->fd, GNTDEV_GET_OFFSET, &o) < 0)
		return -errno;
	*offset = o.offset;
	return 0;
}

int xenctl_gnttab_notify(struct xenctl_gnttab *g, void *addr, long clear_at, int port)
{
	struct gntdev_notify_arg a = { 0 };
	int rc = offset_of(g, addr, &a.index);

	if (rc)
		return rc;
	if (clear_at >= 0) {
		a.index += clear_at;
		a.action |= GNTDEV_NOTIFY_CLEAR_BYTE;
	}
	if (port >= 0) {
		a.port = port;
		a.action |= GNTDEV_NOTIFY_SEND_EVENT;
	}
	return ioctl(g->fd, GNTDEV_SET_UNMAP_NOTIFY, &a) < 0 ? -errno : 0;
}

int xenctl_gnttab_unmap(struct xenctl_gnttab *g, void *addr, size_t n)
{
	uint64_t index = 0;
	int rc = offset_of(g, addr, &index);

	if (rc)
		return rc;
	if (munmap(addr, n << XENCTL_PAGE_SHIFT) < 0)
		return -errno;
	forget(g, index, n);
	return 0;
}
