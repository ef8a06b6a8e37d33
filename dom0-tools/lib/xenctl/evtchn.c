/* SPDX-License-Identifier: MIT */
/*
 * Event channels of this process, through /dev/xen/evtchn.
 *
 * The device hands out pending ports by read(), masks each as it does, and unmasks by write(). A burst larger than the
 * device's ring is an overflow (-EFBIG from read): the ring is reset and -EFBIG passed on once; the caller then looks
 * at all its ports.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "xenctl/priv.h"

struct xenctl_evtchn {
	int fd;
};

int xenctl_evtchn_open(struct xenctl_evtchn **out)
{
	struct xenctl_evtchn *e = calloc(1, sizeof(*e));
	int rc;

	if (!e)
		return -ENOMEM;
	e->fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (e->fd < 0) {
		rc = -errno;
		free(e);
		return rc;
	}
	*out = e;
	return 0;
}

void xenctl_evtchn_close(struct xenctl_evtchn *e)
{
	if (!e)
		return;
	close(e->fd);
	free(e);
}

int xenctl_evtchn_fd(const struct xenctl_evtchn *e)
{
	return e->fd;
}

static int call(struct xenctl_evtchn *e, unsigned long cmd, void *arg)
{
	int rc = ioctl(e->fd, cmd, arg);

	return rc < 0 ? -errno : rc;
}

int xenctl_evtchn_bind_interdomain(struct xenctl_evtchn *e, uint32_t domid, uint32_t remote_port)
{
	struct evtchn_bind_interdomain_arg a = { .remote_domain = domid, .remote_port = remote_port };

	return call(e, EVTCHN_BIND_INTERDOMAIN, &a);
}

int xenctl_evtchn_bind_unbound(struct xenctl_evtchn *e, uint32_t domid)
{
	struct evtchn_domain_arg a = { .remote_domain = domid };

	return call(e, EVTCHN_BIND_UNBOUND, &a);
}

int xenctl_evtchn_bind_virq(struct xenctl_evtchn *e, unsigned int virq)
{
	struct evtchn_bind_virq_arg a = { .virq = virq };

	return call(e, EVTCHN_BIND_VIRQ, &a);
}

int xenctl_evtchn_unbind(struct xenctl_evtchn *e, int port)
{
	struct evtchn_port_arg a = { .port = port };

	return call(e, EVTCHN_UNBIND, &a);
}

int xenctl_evtchn_notify(struct xenctl_evtchn *e, int port)
{
	struct evtchn_port_arg a = { .port = port };

	return call(e, EVTCHN_NOTIFY, &a);
}

int xenctl_evtchn_pending(struct xenctl_evtchn *e)
{
	uint32_t port;
	ssize_t n = read(e->fd, &port, sizeof(port));

	if (n == sizeof(port))
		return port;
	if (n >= 0 || errno == EAGAIN || errno == EINTR)
		return 0;
	if (errno == EFBIG) {
		ioctl(e->fd, EVTCHN_RESET_RING);
		return -EFBIG;
	}
	return -errno;
}

int xenctl_evtchn_unmask(struct xenctl_evtchn *e, int port)
{
	uint32_t p = port;

	return write(e->fd, &p, sizeof(p)) == sizeof(p) ? 0 : -errno;
}
