/* SPDX-License-Identifier: MIT */
/*
 * The privcmd handle: raw hypercalls and the memory their arguments live in.
 *
 * Hypercall arguments must stay mapped while the hypervisor looks at them: it cannot wait for a page fault. Linux
 * offers such memory through /dev/xen/hypercall; without it (old kernels) locked anonymous pages do, hidden from fork
 * so that copy-on-write cannot replace them under a running call. Single pages are recycled, since nearly every call
 * needs one.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xenctl/priv.h"
#include "public/domctl.h"
#include "public/sysctl.h"

void xenctl_close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

int xenctl_open(struct xenctl **out)
{
	struct xenctl *x = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return -ENOMEM;
	x->fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (x->fd < 0) {
		rc = -errno;
		free(x);
		return rc;
	}
	x->buf_fd = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
	*out = x;
	return 0;
}

static size_t whole_pages(size_t bytes)
{
	return (bytes + XENCTL_PAGE_SIZE - 1) & ~(XENCTL_PAGE_SIZE - 1);
}

static void *buf_map(struct xenctl *x, size_t size)
{
	void *p;

	if (x->buf_fd >= 0) {
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, x->buf_fd, 0);
		return p == MAP_FAILED ? NULL : p;
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, size, MADV_DONTFORK) < 0) {
		munmap(p, size);
		return NULL;
	}
	return p;
}

void *xenctl_buf_alloc(struct xenctl *x, size_t bytes)
{
	size_t size = whole_pages(bytes ? bytes : 1);
	void *p;

	if (size == XENCTL_PAGE_SIZE && x->cached)
		p = x->cache[--x->cached];
	else
		p = buf_map(x, size);
	if (p)
		memset(p, 0, size);
	return p;
}

void xenctl_buf_free(struct xenctl *x, void *buf, size_t bytes)
{
	size_t size = whole_pages(bytes ? bytes : 1);

	if (!buf)
		return;
	if (size == XENCTL_PAGE_SIZE && x->cached < BUF_CACHE)
		x->cache[x->cached++] = buf;
	else
		munmap(buf, size);
}

void xenctl_close(struct xenctl *x)
{
	if (!x)
		return;
	while (x->cached)
		munmap(x->cache[--x->cached], XENCTL_PAGE_SIZE);
	xenctl_close_fd(x->buf_fd);
	close(x->fd);
	free(x);
}

long xenctl_hypercall(struct xenctl *x, unsigned int nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
		      uint64_t a4)
{
	struct privcmd_hypercall_arg h = { .op = nr, .arg = { a0, a1, a2, a3, a4 } };
	long rc = ioctl(x->fd, PRIVCMD_HYPERCALL, &h);

	return rc < 0 ? -errno : rc;
}

long xenctl_call_struct(struct xenctl *x, unsigned int nr, unsigned int cmd, void *arg, size_t size)
{
	void *buf = xenctl_buf_alloc(x, size);
	long rc;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, arg, size);
	rc = xenctl_hypercall(x, nr, cmd, (uintptr_t)buf, 0, 0, 0);
	if (rc >= 0)
		memcpy(arg, buf, size);
	xenctl_buf_free(x, buf, size);
	return rc;
}

/* domctl and sysctl carry the command inside the structure, which is the only argument. */
static int call_control(struct xenctl *x, unsigned int nr, void *arg, size_t size)
{
	void *buf = xenctl_buf_alloc(x, size);
	long rc;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, arg, size);
	rc = xenctl_hypercall(x, nr, (uintptr_t)buf, 0, 0, 0, 0);
	memcpy(arg, buf, size);
	xenctl_buf_free(x, buf, size);
	return rc < 0 ? (int)rc : 0;
}

int xenctl_domctl(struct xenctl *x, uint32_t cmd, uint32_t domid, struct xen_domctl *dc)
{
	dc->cmd = cmd;
	dc->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	dc->domain = domid;
	return call_control(x, __HYPERVISOR_domctl, dc, sizeof(*dc));
}

int xenctl_sysctl(struct xenctl *x, uint32_t cmd, struct xen_sysctl *sc)
{
	sc->cmd = cmd;
	sc->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return call_control(x, __HYPERVISOR_sysctl, sc, sizeof(*sc));
}
