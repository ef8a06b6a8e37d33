/* SPDX-License-Identifier: MIT */
/*
 * xenstored's server without any transport but memory: what an operation costs with 1, 10, 100 and 1000 domains of 50
 * nodes and 5 watches each in the store, with and without a journal. Cost that does not grow with the number of domains
 * shows as equal figures. Prints lines "ROW VALUE UNIT".
 *
 * Usage: xs_store [OPERATIONS]   (default 100000; the journal is made in /dev/shm)
 */
#include <time.h>
#include <unistd.h>

#include "../../dom0-tools/xenstored/state.h"
#include "../unit/memconn.h"

#define JOURNAL "/dev/shm/xs_store.journal"
#define NODES	50
#define WATCHES	5

static struct server srv;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void ask(struct memconn *m, uint32_t type, uint32_t tx, const void *body, size_t len)
{
	struct xsd_sockmsg h = { .type = type, .tx_id = tx, .len = len };
	char buf[256];

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), body, len);
	m->out_len = 0;
	m->in = buf;
	m->in_len = sizeof(h) + len;
	conn_run(m->c);
}

static bool taken(void *io, uint32_t pos)
{
	(void)io;
	(void)pos;
	return false;
}

static void fill(struct memconn *m, unsigned int domains)
{
	static struct conn_ops ops;
	char body[100];

	ops = memconn_ops;
	ops.taken = taken;
	for (unsigned int d = 1; d <= domains; d++) {
		struct perm home = { .domid = d };
		int n = snprintf(body, sizeof(body), "/local/domain/%u", d);

		ask(&m[0], XS_MKDIR, 0, body, n + 1);
		tree_do(&srv.live, &m[0].c->cred, NULL, OP_SET_PERMS, body, &home, 1, NULL);
		memconn_open(&m[d], &srv, d);
		m[d].c->ops = &ops;
		conn_make_durable(m[d].c, 0, 0);
		for (int i = 0; i < NODES; i++)
			ask(&m[d], XS_WRITE, 0, body, sprintf(body, "data/n%d%cvalue", i, 0));
		for (int i = 0; i < WATCHES; i++)
			ask(&m[d], XS_WATCH, 0, body, sprintf(body, "data/n%d%ct", i, 0) + 1);
	}
}

/* Microseconds for each of n operations of one kind, by all domains in turn. */
static double measure(struct memconn *m, unsigned int domains, unsigned int n, int kind)
{
	double start = now();
	char body[100];

	for (unsigned int i = 0; i < n; i++) {
		struct memconn *c = &m[1 + i % domains];

		if (kind == 0) {
			ask(c, XS_READ, 0, body, sprintf(body, "data/n%u", i % NODES) + 1);
		} else if (kind == 1) {
			ask(c, XS_WRITE, 0, body, sprintf(body, "data/n%u%cother", i % NODES, 0));
		} else {
			ask(c, XS_TRANSACTION_START, 0, "", 1);
			ask(c, XS_WRITE, c->c->last_tx, body, sprintf(body, "data/n%u%cthird", i % NODES, 0));
			ask(c, XS_TRANSACTION_END, c->c->last_tx, "T", 2);
		}
	}
	return (now() - start) * 1e6 / n;
}

static const char *const kinds[] = { "read", "write", "transaction" };

static void run(unsigned int domains, unsigned int n, bool journal)
{
	struct memconn *m = calloc(domains + 1, sizeof(*m));
	char err[200];

	if (!m || server_init(&srv) < 0)
		exit(1);
	unlink(JOURNAL);
	if (journal && state_start(&srv, JOURNAL, err, sizeof(err)) < 0) {
		fprintf(stderr, "xs_store: %s\n", err);
		exit(1);
	}
	memconn_open(&m[0], &srv, 0);
	fill(m, domains);
	for (int kind = 0; kind < 3; kind++)
		printf("store.%s-%u%s %.3f us\n", kinds[kind], domains, journal ? "-journal" : "", measure(m, domains, n, kind));
	state_stop(&srv);
	server_fini(&srv);
	for (unsigned int d = 0; d <= domains; d++)
		memconn_done(&m[d]);
	free(m);
	unlink(JOURNAL);
}

int main(int argc, char **argv)
{
	static const unsigned int sizes[] = { 1, 10, 100, 1000 };
	unsigned int n = argc > 1 ? atoi(argv[1]) : 100000;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int journal = 0; journal < 2; journal++)
			run(sizes[i], n, journal);
	return 0;
}
