/* SPDX-License-Identifier: MIT */
/*
 * xenstored killed at any instant. The server runs in a process of its own on a ring page in shared memory and a
 * journal; this process is the guest. It sends requests, several at a time, and kills the server again and again, at
 * random moments; each time a new one takes over page and journal. Every request must be answered exactly once and in
 * order, every change of a watched node must bring its event, and what was acknowledged must be in the store.
 *
 * KILLS=n sets the number of kills (200); SEED=n the random numbers.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../dom0-tools/xenstored/ring.h"
#include "../../dom0-tools/xenstored/state.h"

#define KEYS 40

static struct xenstore_domain_interface *page;
static char journal[] = "/tmp/test_xs_restart.XXXXXX/journal";
static pid_t server;
static unsigned int kills, kills_wanted, fuse;
static bool ending;

/* --- the server --- */

static int page_read(void *io, void *buf, unsigned int len)
{
	return ring_read(page, ((struct conn **)io)[0]->in_pos, buf, len);
}

static int page_write(void *io, const void *buf, unsigned int len)
{
	(void)io;
	return ring_write(page, buf, len);
}

static bool page_taken(void *io, uint32_t pos)
{
	bool news = page->req_cons != pos;

	(void)io;
	ring_taken(page, pos);
	return news;
}

static void page_settle(void *io, bool want_read, bool want_write)
{
	(void)io;
	(void)want_read;
	(void)want_write;
}

static void page_close(void *io, const char *why)
{
	(void)io;
	if (ending)
		return;
	fprintf(stderr, "server: connection closed: %s\n", why ? why : "indices");
	_exit(1);
}

static const struct conn_ops page_ops = {
	.read = page_read,
	.write = page_write,
	.taken = page_taken,
	.settle = page_settle,
	.close = page_close,
};

static const struct cred guest = { .domid = 1, .target = NO_TARGET };

/* Go on with the journal, or begin. */
static void begin(struct server *s, struct conn **c)
{
	static const struct cred dom0 = { .domid = 0, .target = NO_TARGET, .privileged = true };
	struct perm home = { .domid = 1 };
	char err[200];

	if (server_init(s) < 0)
		_exit(2);
	s->journal_growth = 4096;	/* many snapshots */
	if (state_start(s, journal, err, sizeof(err)) < 0)
		_exit(2);
	*c = conn_durable(s, 1);
	if (*c) {
		if (!conn_attach(*c, &page_ops, c, page->rsp_prod))
			_exit(3);
		return;
	}
	tree_do(&s->live, &dom0, NULL, OP_MKDIR, "/local/domain/1", NULL, 0, NULL);
	tree_do(&s->live, &dom0, NULL, OP_SET_PERMS, "/local/domain/1", &home, 1, NULL);
	state_op(s, &dom0, OP_MKDIR, "/local/domain/1", NULL, 0);
	state_op(s, &dom0, OP_SET_PERMS, "/local/domain/1", &home, 1);
	*c = conn_new(s, &guest, &page_ops, c);
	conn_make_durable(*c, page->req_cons, page->rsp_prod);
}

static void serve(void)
{
	struct server s;
	struct conn *c;

	begin(&s, &c);
	for (;;) {
		conn_run(c);
		while (server_settle(&s))
			server_continue(&s);
	}
}

static void start_server(void)
{
	fflush(NULL);
	server = fork();
	if (server < 0)
		abort();
	if (!server)
		serve();
	fuse = 1 + rand() % (rand() % 4 ? 60 : 600);
}

/* A moment passes; sometimes the server's last. */
static void moment(void)
{
	struct timespec t = { .tv_nsec = rand() % 2000 };
	int status;

	if (!--fuse && kills < kills_wanted) {
		kill(server, SIGKILL);
		waitpid(server, &status, 0);
		kills++;
		start_server();
	}
	if (waitpid(server, &status, WNOHANG) == server) {
		printf("the server has ended by itself, status %#x\n", status);
		exit(1);
	}
	nanosleep(&t, NULL);
}

/* --- the guest --- */

static void send_bytes(const void *data, unsigned int len)
{
	const char *p = data;

	while (len) {
		uint32_t prod = page->req_prod;

		if (prod - __atomic_load_n(&page->req_cons, __ATOMIC_ACQUIRE) == XENSTORE_RING_SIZE) {
			moment();
			continue;
		}
		page->req[MASK_XENSTORE_IDX(prod)] = *p++;
		__atomic_store_n(&page->req_prod, prod + 1, __ATOMIC_RELEASE);
		len--;
	}
}

static void receive_bytes(void *data, unsigned int len)
{
	char *p = data;

	while (len) {
		uint32_t cons = page->rsp_cons;

		if (__atomic_load_n(&page->rsp_prod, __ATOMIC_ACQUIRE) == cons) {
			moment();
			continue;
		}
		*p++ = page->rsp[MASK_XENSTORE_IDX(cons)];
		__atomic_store_n(&page->rsp_cons, cons + 1, __ATOMIC_RELEASE);
		len--;
	}
}

static uint32_t last_sent, last_got;

static void request(uint32_t type, uint32_t tx, const void *body, unsigned int len)
{
	struct xsd_sockmsg h = { .type = type, .req_id = ++last_sent, .tx_id = tx, .len = len };

	send_bytes(&h, sizeof(h));
	send_bytes(body, len);
}

/* What the events have said: how many for each key since it was last looked at. */
static unsigned int events[KEYS];

/* The next reply; events on the way are counted. The body has a 0 byte after it. */
static const char *reply(struct xsd_sockmsg *h)
{
	static char body[XENSTORE_PAYLOAD_MAX + 1];

	for (;;) {
		receive_bytes(h, sizeof(*h));
		if (h->len > XENSTORE_PAYLOAD_MAX) {
			printf("nonsense in the ring after reply %u\n", last_got);
			exit(1);
		}
		receive_bytes(body, h->len);
		body[h->len] = '\0';
		if (h->type != XS_WATCH_EVENT)
			break;
		if (!strncmp(body, "data/k", 6) && atoi(body + 6) < KEYS)
			events[atoi(body + 6)]++;
	}
	if (h->req_id != last_got + 1)
		printf("reply to %u where %u was due, after %u kills\n", h->req_id, last_got + 1, kills);
	CU_ASSERT_EQUAL_FATAL(h->req_id, last_got + 1);
	last_got = h->req_id;
	return body;
}

static const char *ask(uint32_t type, uint32_t tx, const void *body, unsigned int len)
{
	struct xsd_sockmsg h;

	request(type, tx, body, len);
	return reply(&h);
}

static unsigned int value_of[KEYS], next_value;

/* "data/kN", 0 byte, value; some values are longer than the ring. */
static unsigned int make_write(char *buf, unsigned int key, unsigned int value)
{
	unsigned int n = sprintf(buf, "data/k%u", key) + 1;

	n += sprintf(buf + n, "%u", value);
	if (value % 7 == 0) {
		memset(buf + n, '.', 1500);
		n += 1500;
	}
	return n;
}

/* Several writes on their way at once; each is answered, each fires its event. */
static void some_writes(void)
{
	unsigned int n = 1 + rand() % 6, first = rand() % (KEYS - 6);
	struct xsd_sockmsg h;
	char buf[2048];

	memset(events, 0, sizeof(events));
	for (unsigned int i = 0; i < n; i++) {
		value_of[first + i] = ++next_value;
		request(XS_WRITE, 0, buf, make_write(buf, first + i, next_value));
		if (rand() % 2)
			moment();
	}
	for (int i = rand() % 8; i; i--)	/* the ring is full of events, more of them wait in the server */
		moment();
	for (unsigned int i = 0; i < n; i++) {
		const char *b = reply(&h);

		if (strcmp(b, "OK"))
			printf("write: %s\n", b);
		CU_ASSERT_STRING_EQUAL(b, "OK");
	}
	ask(XS_READ, 0, "data", 5);		/* behind the last event */
	for (unsigned int i = 0; i < KEYS; i++)
		if (events[i] != (i >= first && i < first + n))
			CU_FAIL("an event was lost, or came twice");
}

static void some_reads(void)
{
	char buf[32];
	unsigned int key = rand() % KEYS;
	const char *b = ask(XS_READ, 0, buf, sprintf(buf, "data/k%u", key) + 1);

	if (value_of[key])
		CU_ASSERT_EQUAL(strtoul(b, NULL, 10), value_of[key]);
}

/* All of a transaction or nothing; that it fails is only fair when the server has died meanwhile. */
static void a_transaction(void)
{
	unsigned int kills_before = kills, key = rand() % (KEYS - 1), tx, value = ++next_value;
	char buf[2048];
	const char *b = ask(XS_TRANSACTION_START, 0, "", 1);

	tx = strtoul(b, NULL, 10);
	CU_ASSERT_TRUE_FATAL(tx > 0);
	CU_ASSERT_STRING_EQUAL(ask(XS_WRITE, tx, buf, make_write(buf, key, value)), "OK");
	CU_ASSERT_STRING_EQUAL(ask(XS_WRITE, tx, buf, make_write(buf, key + 1, value)), "OK");
	b = ask(XS_TRANSACTION_END, tx, "T", 2);
	if (!strcmp(b, "OK"))
		value_of[key] = value_of[key + 1] = value;
	else if (strcmp(b, "EAGAIN") || kills == kills_before)
		CU_FAIL("a transaction failed without reason");
}

static void come_and_go(void)
{
	char buf[64];

	/* Not there twice: a second time the store would say so. */
	CU_ASSERT_STRING_EQUAL(ask(XS_WATCH, 0, buf, sprintf(buf, "x%cw%u", 0, last_sent) + 1), "OK");
	sprintf(buf, "x%cw%u", 0, last_sent - 1);
	CU_ASSERT_STRING_EQUAL(ask(XS_UNWATCH, 0, buf, 2 + strlen(buf + 2) + 1), "OK");
	CU_ASSERT_STRING_EQUAL(ask(XS_UNWATCH, 0, buf, 2 + strlen(buf + 2) + 1), "ENOENT");
}

static void test_kills(void)
{
	struct server s;
	struct conn *c;
	char path[64], watch[306] = "";

	kills_wanted = getenv("KILLS") ? atoi(getenv("KILLS")) : 200;
	start_server();
	CU_ASSERT_STRING_EQUAL(ask(XS_MKDIR, 0, "data", 5), "OK");
	strcpy(watch, "data");
	memset(watch + 5, 't', 300);		/* a few events fill the ring */
	CU_ASSERT_STRING_EQUAL(ask(XS_WATCH, 0, watch, sizeof(watch)), "OK");
	while (kills < kills_wanted && !CU_get_number_of_failures()) {
		some_writes();
		some_reads();
		a_transaction();
		come_and_go();
	}
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);

	begin(&s, &c);				/* what a last one finds */
	CU_ASSERT_PTR_NULL(tree_check(&s.live));
	CU_ASSERT_EQUAL(c->nr_watches, 1);
	CU_ASSERT_EQUAL(c->nr_txs, 0);
	for (unsigned int i = 0; i < KEYS; i++) {
		const struct node *n;

		snprintf(path, sizeof(path), "/local/domain/1/data/k%u", i);
		n = tree_find(&s.live, path);
		CU_ASSERT_EQUAL(!!n, !!value_of[i]);
		if (n && value_of[i])
			CU_ASSERT_EQUAL(strtoul(n->value, NULL, 10), value_of[i]);
	}
	printf("(%u kills, %u requests) ", kills, last_sent);
	state_stop(&s);
	ending = true;
	server_fini(&s);
}

int main(void)
{
	char *slash = strrchr(journal, '/');
	unsigned int failed;
	CU_pSuite suite;

	*slash = '\0';
	if (!mkdtemp(journal))
		return 1;
	*slash = '/';
	srand(getenv("SEED") ? atoi(getenv("SEED")) : 1);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CU_initialize_registry();
	suite = CU_add_suite("xs_restart", NULL, NULL);
	CU_add_test(suite, "killed at any instant", test_kills);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	unlink(journal);
	*slash = '\0';
	rmdir(journal);
	return failed ? 1 : 0;
}
