/* SPDX-License-Identifier: MIT */
/*
 * Domains known to the store, and the transport over their rings.
 *
 * A domain's page is mapped by its reserved grant, or as a foreign frame if it has not made that grant; dom0's kernel
 * offers its own by /proc/xen/xsd_kva. A domain that breaks the ring protocol loses its connection but stays known, and
 * may ask for a new one through the page's connection field. When VIRQ_DOM_EXC says that some domain's state has
 * changed all are looked at: the dead are dropped (our mapping would keep their memory), their nodes become dom0's,
 * and @releaseDomain fires, also once for each that has shut down.
 *
 * After the death of an earlier daemon the journal has given back which domains there were and their connections. The
 * rings are still as they were: each is mapped again, its channel bound again, and work goes on where it stopped. The
 * signals sent in between are lost, so every ring is looked at and every domain is signalled once.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "domain.h"
#include "public/grant_table.h"
#include "public/xen.h"
#include "ring.h"
#include "state.h"
#include "xenctl/xenctl.h"

#define MAX_COMPLAINTS 8U

struct domain {
	struct domain *next;
	struct domains *all;
	struct conn *conn;		/* NULL: broken or not connected */
	struct xenstore_domain_interface *page;
	enum { MAP_KERNEL, MAP_GRANT, MAP_FOREIGN } how;
	uint32_t domid, target;
	uint64_t mfn;
	uint32_t remote_port;
	uint32_t taken;			/* what the page says: bytes taken from its ring */
	int port;			/* ours; -1 = none */
	bool moved;			/* bytes have gone through since the last notification */
	bool shut_down;
	bool bad_index;
	unsigned int complaints;	/* logged so far: a domain must not fill the log */
};

struct domains {
	struct server *srv;
	struct xenctl *xc;
	struct xenctl_evtchn *ec;
	struct xenctl_gnttab *gt;
	struct ev_fd *watch;
	int virq;
	struct domain *list;
};

/* --- transport --- */

static int bad_index(struct domain *d)
{
	d->bad_index = true;
	d->page->error = XENSTORE_ERROR_RINGIDX;
	return -1;
}

static int dom_read(void *io, void *buf, unsigned int len)
{
	struct domain *d = io;
	int n;

	/* Only this daemon moves it, and what it says is not used: but one who writes there is lost. */
	if (__atomic_load_n(&d->page->req_cons, __ATOMIC_RELAXED) != d->taken)
		return bad_index(d);
	n = ring_read(d->page, d->conn->in_pos, buf, len);
	return n < 0 ? bad_index(d) : n;
}

static bool dom_taken(void *io, uint32_t pos)
{
	struct domain *d = io;

	if (pos == d->taken)
		return false;
	ring_taken(d->page, pos);
	d->taken = pos;
	d->moved = true;
	return true;
}

static int dom_write(void *io, const void *buf, unsigned int len)
{
	struct domain *d = io;
	int n = ring_write(d->page, buf, len);

	if (n > 0)
		d->moved = true;
	return n < 0 ? bad_index(d) : n;
}

static void dom_settle(void *io, bool want_read, bool want_write)
{
	struct domain *d = io;

	(void)want_read;
	(void)want_write;
	if (d->moved)
		xenctl_evtchn_notify(d->all->ec, d->port);
	d->moved = false;
}

static void dom_close(void *io, const char *why)
{
	struct domain *d = io;

	d->conn = NULL;
	if (why)
		d->page->error = XENSTORE_ERROR_PROTO;
	else if (d->bad_index)
		why = "has an impossible ring index";
	if (why && d->complaints++ < MAX_COMPLAINTS)
		fprintf(stderr, "xenstored: domain %u: connection closed: it %s\n", d->domid, why);
}

static const struct conn_ops dom_ops = {
	.read = dom_read,
	.write = dom_write,
	.taken = dom_taken,
	.settle = dom_settle,
	.close = dom_close,
};

/* --- known domains --- */

static struct domain *find(struct domains *all, uint32_t domid)
{
	struct domain *d = all->list;

	while (d && d->domid != domid)
		d = d->next;
	return d;
}

static struct domain *add(struct domains *all, uint32_t domid)
{
	struct domain *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	*d = (struct domain){ .next = all->list, .all = all, .domid = domid, .target = NO_TARGET, .port = -1 };
	all->list = d;
	return d;
}

static void unmap(struct domain *d)
{
	if (!d->page)
		return;
	if (d->how == MAP_GRANT)
		xenctl_gnttab_unmap(d->all->gt, d->page, 1);
	else
		xenctl_unmap(d->page, 1);
	d->page = NULL;
}

static void detach(struct domain *d)
{
	if (d->conn)
		conn_close(d->conn, NULL);
	if (d->port >= 0)
		xenctl_evtchn_unbind(d->all->ec, d->port);
	d->port = -1;
	unmap(d);
}

static void drop(struct domain *d)
{
	struct domain **p = &d->all->list;

	detach(d);
	while (*p != d)
		p = &(*p)->next;
	*p = d->next;
	free(d);
}

/* Write down what is needed to find the domain again. */
static int save(const struct domain *d)
{
	struct known k = { .domid = d->domid, .mfn = d->mfn, .port = d->remote_port, .target = d->target,
			   .shut_down = d->shut_down };

	return state_domain(d->all->srv, &k);
}

static int connect_conn(struct domain *d)
{
	struct cred cred = { .domid = d->domid, .target = d->target, .privileged = d->domid == 0 };

	d->bad_index = false;
	d->conn = conn_new(d->all->srv, &cred, &dom_ops, d);
	if (!d->conn)
		return -ENOMEM;
	d->taken = d->page->req_cons;
	conn_make_durable(d->conn, d->taken, d->page->rsp_prod);
	state_commit(d->all->srv);
	d->page->error = XENSTORE_ERROR_NONE;
	d->page->server_features = quota_features(d->all->srv, d->domid);
	d->page->connection = XENSTORE_CONNECTED;
	return 0;
}

/* The domain wants to start afresh: empty rings, nothing remembered. It waits until it sees itself connected. */
static void reconnect(struct domain *d)
{
	struct xenstore_domain_interface *p = d->page;

	if (d->conn)
		conn_close(d->conn, NULL);
	p->req_cons = p->req_prod = p->rsp_cons = p->rsp_prod = 0;
	if (connect_conn(d) == 0)
		d->moved = true;
}

static void work(struct domain *d)
{
	if (!d->page)
		return;
	if (d->domid && d->page->connection == XENSTORE_RECONNECT)
		reconnect(d);
	if (d->conn)
		conn_run(d->conn);
}

/* --- requests of dom0 --- */

static int map_page(struct domain *d, uint64_t mfn)
{
	uint32_t ref = GNTTAB_RESERVED_XENSTORE;
	void *page;
	int rc;

	rc = xenctl_gnttab_map(d->all->gt, d->domid, &ref, 1, PROT_READ | PROT_WRITE, &page);
	d->how = MAP_GRANT;
	if (rc) {
		rc = xenctl_map_foreign_page(d->all->xc, d->domid, PROT_READ | PROT_WRITE, mfn, &page);
		d->how = MAP_FOREIGN;
	}
	if (!rc)
		d->page = page;
	return rc;
}

static int map_ring(struct domain *d)
{
	int rc = map_page(d, d->mfn);

	if (!rc)
		rc = xenctl_evtchn_bind_interdomain(d->all->ec, d->domid, d->remote_port);
	if (rc < 0)
		return rc;
	d->port = rc;
	return 0;
}

static int attach(struct domain *d)
{
	int rc = map_ring(d);

	return rc ? rc : connect_conn(d);
}

/*
 * The same page once more: a new channel, the connection goes on. Whoever introduced the domain may not have heard that
 * it was done, because this daemon was killed.
 */
static int introduce_again(struct domain *d, uint32_t remote_port)
{
	int rc;

	if (d->port >= 0)
		xenctl_evtchn_unbind(d->all->ec, d->port);
	d->remote_port = remote_port;
	rc = d->port = xenctl_evtchn_bind_interdomain(d->all->ec, d->domid, remote_port);
	if (rc < 0)
		return -EINVAL;
	rc = save(d);
	xenctl_evtchn_notify(d->all->ec, d->port);
	server_fire_special(d->all->srv, "@introduceDomain", d->domid);
	return rc;
}

static int introduce(struct server *s, uint32_t domid, uint64_t mfn, uint32_t port)
{
	struct domains *all = s->domains_arg;
	struct domain *d = find(all, domid);
	struct xenctl_dominfo info;
	int rc;

	if (domid == 0 || domid >= XENCTL_DOMID_FIRST_RESERVED || xenctl_domain_info(all->xc, domid, &info) < 0)
		return -EINVAL;
	if (d && d->conn && d->mfn == mfn)
		return introduce_again(d, port);
	if (d)
		detach(d);	/* a new page */
	else
		d = add(all, domid);
	if (!d)
		return -ENOMEM;
	d->shut_down = false;
	d->mfn = mfn;
	d->remote_port = port;
	rc = save(d);
	if (!rc)
		rc = attach(d);
	if (rc) {
		fprintf(stderr, "xenstored: domain %u: cannot introduce: page %#llx, port %u: %s\n", domid,
			(unsigned long long)mfn, port, strerror(-rc));
		drop(d);
		state_domain_gone(s, domid);
		return rc == -ENOMEM ? rc : -EINVAL;
	}
	xenctl_evtchn_notify(all->ec, d->port);
	server_fire_special(s, "@introduceDomain", domid);
	return 0;
}

/* What a dead domain owned must not pass to a later one with its number. */
static void forget_nodes(struct server *s, uint32_t domid)
{
	if (special_forget_domain(s, domid) < 0 || tree_forget_domain(&s->live, domid) < 0)
		fprintf(stderr, "xenstored: domain %u: no memory to take back its nodes\n", domid);
	else
		state_forget(s, domid);
}

static bool is_dead(struct domains *all, uint32_t domid, struct xenctl_dominfo *info)
{
	int rc = xenctl_domain_info(all->xc, domid, info);

	return rc == -ESRCH || (!rc && info->dying);
}

static int release(struct server *s, uint32_t domid)
{
	struct domains *all = s->domains_arg;
	struct domain *d = find(all, domid);
	struct xenctl_dominfo info;

	if (domid == 0)
		return -EINVAL;
	if (!d)
		return -ENOENT;
	drop(d);
	state_domain_gone(s, domid);
	if (is_dead(all, domid, &info))
		forget_nodes(s, domid);
	server_fire_special(s, "@releaseDomain", domid);
	return 0;
}

static int resume(struct server *s, uint32_t domid)
{
	struct domain *d = find(s->domains_arg, domid);

	if (!d)
		return -ENOENT;
	d->shut_down = false;
	return save(d);
}

static int set_target(struct server *s, uint32_t domid, uint32_t target)
{
	struct domain *d = find(s->domains_arg, domid);

	if (!d || !find(s->domains_arg, target))
		return -ENOENT;
	d->target = target;
	if (d->conn)
		d->conn->cred.target = target;
	return save(d);
}

static bool introduced(struct server *s, uint32_t domid)
{
	struct domain *d = find(s->domains_arg, domid);

	return d && d->conn;
}

static bool exists(struct server *s, uint32_t domid)
{
	struct domains *all = s->domains_arg;
	struct xenctl_dominfo info;

	return !xenctl_domain_info(all->xc, domid, &info);
}

static const struct domain_ops ops = {
	.introduce = introduce,
	.release = release,
	.resume = resume,
	.set_target = set_target,
	.introduced = introduced,
	.exists = exists,
};

/* --- events --- */

static void look_for_dead(struct domains *all)
{
	struct domain *d, *next;

	for (d = all->list; d; d = next) {
		struct xenctl_dominfo info = { 0 };

		next = d->next;
		if (d->domid == 0)
			continue;
		if (is_dead(all, d->domid, &info)) {
			uint32_t domid = d->domid;

			drop(d);
			state_domain_gone(all->srv, domid);
			forget_nodes(all->srv, domid);
			server_fire_special(all->srv, "@releaseDomain", domid);
		} else if (info.shutdown && !d->shut_down) {
			d->shut_down = true;
			save(d);
			server_fire_special(all->srv, "@releaseDomain", d->domid);
		}
	}
}

static void on_port(struct domains *all, int port)
{
	struct domain *d = all->list;

	xenctl_evtchn_unmask(all->ec, port);
	if (port == all->virq) {
		look_for_dead(all);
		return;
	}
	while (d && d->port != port)
		d = d->next;
	if (d)
		work(d);
}

static void on_event(struct ev_fd *w, uint32_t events, void *arg)
{
	struct domains *all = arg;
	int port, n = 0;

	(void)w;
	(void)events;
	while (n++ < 64 && (port = xenctl_evtchn_pending(all->ec)) != 0) {
		if (port > 0) {
			on_port(all, port);
		} else {	/* some were lost: look at everything */
			look_for_dead(all);
			for (struct domain *d = all->list; d; d = d->next) {
				if (d->port >= 0)
					xenctl_evtchn_unmask(all->ec, d->port);
				work(d);
			}
			xenctl_evtchn_unmask(all->ec, all->virq);
		}
	}
}

/* --- dom0's kernel, start and stop --- */

/* Go on with the connection that the journal has kept for this domain. False if there is none, or it is broken. */
static bool resume_conn(struct domain *d)
{
	struct conn *c = conn_durable(d->all->srv, d->domid);

	if (!c)
		return false;
	d->conn = c;
	d->taken = c->in_pos - 1;	/* the page may be behind: written in any case */
	if (conn_attach(c, &dom_ops, d, d->page->rsp_prod))
		return true;
	bad_index(d);
	conn_close(c, NULL);
	return false;
}

static int read_port(void)
{
	FILE *f = fopen("/proc/xen/xsd_port", "re");
	int port = -1;

	if (!f)
		return -errno;
	if (fscanf(f, "%d", &port) != 1)
		port = -EIO;
	fclose(f);
	return port;
}

static int attach_kernel(struct domains *all)
{
	struct domain *d;
	int fd, rc, port = read_port();
	void *page;

	if (port < 0)
		return port;
	fd = open("/proc/xen/xsd_kva", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	page = mmap(NULL, XENCTL_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	rc = page == MAP_FAILED ? -errno : 0;
	close(fd);
	if (rc)
		return rc;
	d = add(all, 0);
	if (!d) {
		munmap(page, XENCTL_PAGE_SIZE);
		return -ENOMEM;
	}
	d->page = page;
	d->how = MAP_KERNEL;
	rc = xenctl_evtchn_bind_interdomain(all->ec, 0, port);
	if (rc < 0)
		return rc;
	d->port = rc;
	rc = resume_conn(d) ? 0 : connect_conn(d);
	if (!rc)
		xenctl_evtchn_notify(all->ec, d->port);	/* the kernel waits for a sign of life */
	return rc;
}

/* A domain of the time before: its ring and channel, and its connection goes on. */
static void take_over(struct domains *all, const struct known *k)
{
	struct domain *d = add(all, k->domid);
	struct xenctl_dominfo info;
	int rc = -ENOMEM;

	if (d) {
		d->mfn = k->mfn;
		d->remote_port = k->port;
		d->target = k->target;
		d->shut_down = k->shut_down;
		rc = map_ring(d);
	}
	if (rc && d && is_dead(all, k->domid, &info))
		return;		/* look_for_dead() comes next */
	if (rc) {
		fprintf(stderr, "xenstored: domain %u: cannot take over its ring: %s\n", k->domid, strerror(-rc));
		return;
	}
	if (!resume_conn(d))	/* introduced, but not connected yet */
		connect_conn(d);
	xenctl_evtchn_notify(all->ec, d->port);
}

/* Those of the journal that are not known any more have ended without anybody to see it; the rings have waited. */
static void take_over_all(struct domains *all)
{
	for (const struct known *k = all->srv->known; k; k = k->next)
		take_over(all, k);
	server_close_detached(all->srv);
	look_for_dead(all);
	for (struct domain *d = all->list; d; d = d->next)
		work(d);
}

static struct domains domains;

int domains_start(struct server *s, struct ev_loop *loop, char *err, size_t errlen)
{
	struct domains *all = &domains;
	const char *what = "/dev/xen/privcmd";
	int rc;

	all->srv = s;
	rc = xenctl_open(&all->xc);
	if (!rc) {
		what = "/dev/xen/evtchn";
		rc = xenctl_evtchn_open(&all->ec);
	}
	if (!rc) {
		what = "/dev/xen/gntdev";
		rc = xenctl_gnttab_open(&all->gt);
	}
	if (!rc) {
		what = "VIRQ_DOM_EXC (is another xenstored running?)";
		rc = all->virq = xenctl_evtchn_bind_virq(all->ec, VIRQ_DOM_EXC);
	}
	if (rc >= 0) {
		what = "/proc/xen/xsd_kva";
		rc = attach_kernel(all);
	}
	if (!rc) {
		what = "the event loop";
		all->watch = ev_fd_add(loop, xenctl_evtchn_fd(all->ec), EPOLLIN, on_event, all);
		rc = all->watch ? 0 : -errno;
	}
	if (rc) {
		snprintf(err, errlen, "%s: %s; this must run in dom0 with the modules xen-privcmd, xen-evtchn, "
			 "xen-gntdev and xenfs on /proc/xen (or use --no-dom0)", what, strerror(-rc));
		return rc;
	}
	s->domains = &ops;
	s->domains_arg = all;
	take_over_all(all);
	return 0;
}

void domains_stop(struct server *s)
{
	struct domains *all = &domains;

	s->domains = NULL;
	while (all->list)
		drop(all->list);
	ev_fd_del(all->watch);
	xenctl_gnttab_close(all->gt);
	xenctl_evtchn_close(all->ec);
	xenctl_close(all->xc);
	memset(all, 0, sizeof(*all));
}
