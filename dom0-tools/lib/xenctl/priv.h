/* SPDX-License-Identifier: MIT */
/*
 * Inside of lib/xenctl: the handle, and the ioctl interface of Linux's /dev/xen/{privcmd,hypercall,evtchn,gntdev}.
 *
 * The structures follow Linux's user-space ABI (xen/privcmd.h, xen/evtchn.h, xen/gntdev.h); all fields keep its order
 * and width. Written out here because the installed headers need Xen's own.
 */
#ifndef LIB_XENCTL_PRIV_H
#define LIB_XENCTL_PRIV_H

#include <errno.h>
#include <sys/ioctl.h>

#include "xenctl/xenctl.h"
#include "public/xen.h"

#define BUF_CACHE 8

struct xenctl {
	int fd;				/* /dev/xen/privcmd */
	int buf_fd;			/* /dev/xen/hypercall, or -1: then locked anonymous memory */
	void *cache[BUF_CACHE];		/* single-page buffers kept for the next call */
	unsigned int cached;
};

struct privcmd_hypercall_arg {
	uint64_t op;
	uint64_t arg[5];
};

struct privcmd_mmapbatch_v2_arg {
	uint32_t num;
	uint16_t dom;
	uint64_t addr;
	const uint64_t *frames;
	int *err;
};

struct privcmd_mmap_resource_arg {
	uint16_t dom;
	uint32_t type;
	uint32_t id;
	uint32_t idx;
	uint64_t num;
	uint64_t addr;
};

#define IOC_XEN(group, nr, size)	_IOC(_IOC_NONE, group, nr, size)
#define PRIVCMD_HYPERCALL		IOC_XEN('P', 0, sizeof(struct privcmd_hypercall_arg))
#define PRIVCMD_MMAPBATCH_V2		IOC_XEN('P', 4, sizeof(struct privcmd_mmapbatch_v2_arg))
#define PRIVCMD_MMAP_RESOURCE		IOC_XEN('P', 7, sizeof(struct privcmd_mmap_resource_arg))

struct evtchn_bind_virq_arg {
	uint32_t virq;
};

struct evtchn_bind_interdomain_arg {
	uint32_t remote_domain, remote_port;
};

struct evtchn_domain_arg {
	uint32_t remote_domain;
};

struct evtchn_port_arg {
	uint32_t port;
};

#define EVTCHN_BIND_VIRQ		IOC_XEN('E', 0, sizeof(struct evtchn_bind_virq_arg))
#define EVTCHN_BIND_INTERDOMAIN		IOC_XEN('E', 1, sizeof(struct evtchn_bind_interdomain_arg))
#define EVTCHN_BIND_UNBOUND		IOC_XEN('E', 2, sizeof(struct evtchn_domain_arg))
#define EVTCHN_UNBIND			IOC_XEN('E', 3, sizeof(struct evtchn_port_arg))
#define EVTCHN_NOTIFY			IOC_XEN('E', 4, sizeof(struct evtchn_port_arg))
#define EVTCHN_RESET_RING		IOC_XEN('E', 5, 0)

struct gntdev_ref {
	uint32_t domid;
	uint32_t ref;
};

struct gntdev_map_arg {
	uint32_t count;
	uint32_t pad;
	uint64_t index;			/* out: offset for mmap */
	struct gntdev_ref refs[1];	/* count of them */
};

struct gntdev_unmap_arg {
	uint64_t index;
	uint32_t count;
	uint32_t pad;
};

struct gntdev_offset_arg {
	uint64_t vaddr;
	uint64_t offset;		/* out */
	uint32_t count;			/* out */
	uint32_t pad;
};

struct gntdev_notify_arg {
	uint64_t index;
	uint32_t action;
	uint32_t port;
};

#define GNTDEV_NOTIFY_CLEAR_BYTE	0x1
#define GNTDEV_NOTIFY_SEND_EVENT	0x2

#define GNTDEV_MAP_GRANT_REF		IOC_XEN('G', 0, sizeof(struct gntdev_map_arg))
#define GNTDEV_UNMAP_GRANT_REF		IOC_XEN('G', 1, sizeof(struct gntdev_unmap_arg))
#define GNTDEV_GET_OFFSET		IOC_XEN('G', 2, sizeof(struct gntdev_offset_arg))
#define GNTDEV_SET_UNMAP_NOTIFY		IOC_XEN('G', 7, sizeof(struct gntdev_notify_arg))

struct xen_domctl;
struct xen_sysctl;

/*
 * Hypercalls whose argument is one structure: copied into a locked buffer, and back when it succeeds. Return what the
 * hypervisor returns, or -ENOMEM.
 */
long xenctl_call_struct(struct xenctl *x, unsigned int nr, unsigned int cmd, void *arg, size_t size);
int xenctl_domctl(struct xenctl *x, uint32_t cmd, uint32_t domid, struct xen_domctl *dc);
int xenctl_sysctl(struct xenctl *x, uint32_t cmd, struct xen_sysctl *sc);

/* Map n frames of a resource (XENMEM_resource_*) of domid, starting at frame. */
int xenctl_map_resource(struct xenctl *x, uint32_t domid, uint32_t type, uint32_t id, uint32_t frame, size_t n,
			int prot, void **out);

/* close() that keeps errno out of the way; fd -1 is fine. */
void xenctl_close_fd(int fd);

#endif
