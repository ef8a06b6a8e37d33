/* SPDX-License-Identifier: MIT */
/*
 * Restoring a domain from a file: a create whose step "load its memory" reads the file instead of a kernel.
 *
 * xl reads the configuration out of the file (or the user gives another); the file as a whole is only read in the
 * worker, since nobody has checked it. If it turns out to be damaged, the domain is removed as after every
 * failed create.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "migrate/migrate.h"
#include "xld.h"

#define WHAT "restore domain"

struct restoring {
	const struct dom *d;
	int fd;
	unsigned int percent;
};

static void progress(void *arg, uint64_t done, uint64_t total)
{
	struct restoring *s = arg;

	worker_percent(s->fd, s->d->name, &s->percent, done, total);
}

int restore_stream(struct xenctl *xc, const struct dom *d, struct restore_params *p, const uint32_t ports[2], int from,
		   struct restored *r, char *why)
{
	struct restore_result result;
	int rc;

	p->min_pages = d->cfg.memory * 256;
	p->max_pages = d->cfg.maxmem * 256;
	p->store_evtchn = ports[0];
	p->console_evtchn = ports[1];
	rc = migrate_restore(xc, p, from, &result, why);
	if (!rc)
		*r = (struct restored){ .store_mfn = result.store_mfn, .console_mfn = result.console_mfn,
					.nodes = result.nodes, .nodes_len = result.nodes_len,
					.console = result.console, .console_len = result.console_len };
	return rc;
}

bool restore_memory(struct xenctl *xc, const struct dom *d, uint32_t domid, const uint32_t ports[2], int fd,
		    struct restored *r, xld_error *err)
{
	struct restoring s = { .d = d, .fd = fd };
	struct restore_params p = { .domid = domid, .progress = progress, .arg = &s };
	char why[STREAM_WHY];
	int file = open(d->restore_path, O_RDONLY | O_CLOEXEC), rc;

	if (file < 0)
		return xld_fail(err, XLD_E_INVALID, WHAT, d->name, "", "cannot read %s: %s", d->restore_path,
				strerror(errno));
	rc = restore_stream(xc, d, &p, ports, file, r, why);
	close(file);
	if (rc == -ENOMEM)
		return xld_fail(err, XLD_E_NO_MEMORY, WHAT, d->name, "`xl info` shows how much memory is free",
				"%s: %s", d->restore_path, why);
	return !rc || xld_fail(err, XLD_E_BUILD, WHAT, d->name, "`xl verify-stream` checks a file as a whole", "%s: %s",
			       d->restore_path, why);
}

bool call_restore(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_restore *a = args;

	(void)ret;
	if (*a->path != '/')
		return xld_fail(err, XLD_E_INVALID, WHAT, a->path, "", "this is not an absolute path");
	return create_start(x, c, serial, XLD_DOMAIN_RESTORE, a->config, a->flags, a->path, err, later);
}
