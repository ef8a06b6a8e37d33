/* SPDX-License-Identifier: MIT */
/*
 * Tests of xenstored above the store: the wire operations, watches and their events, limits of connections, clients
 * that do not read, send nonsense or send in pieces; and the ring indices of a domain.
 */
#include <errno.h>
#include <unistd.h>

#include "../../dom0-tools/xenstored/ring.h"
#include "memconn.h"
#include "suite.h"

static struct server srv;
static struct memconn d0, d1;


static void open_fresh(void)
{
	if (server_init(&srv) < 0)
		abort();
	memconn_open(&d0, &srv, 0);
	memconn_open(&d1, &srv, 1);
}

/* What domain 0 makes in this store everybody may read. */
static void open_both(void)
{
	struct perm readable = { .domid = 0, .access = PERM_READ };

	open_fresh();
	tree_set_perms(&srv.live, &d0.c->cred, NULL, "/", &readable, 1, NULL);
}

static void close_both(void)
{
	server_fini(&srv);
	memconn_done(&d0);
	memconn_done(&d1);
}

/* Append a message to buf; args is len bytes. Returns its size. */
static size_t msg(char *buf, uint32_t type, uint32_t tx, const void *args, size_t len)
{
	struct xsd_sockmsg h = { .type = type, .req_id = 77, .tx_id = tx, .len = len };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), args, len);
	return sizeof(h) + len;
}

/* The next message the daemon has sent; NULL if there is none. The body has a 0 byte after it. */
static const char *next(struct memconn *m, struct xsd_sockmsg *h)
{
	static char body[XENSTORE_PAYLOAD_MAX + 1];
	size_t size;

	if (m->out_len < sizeof(*h))
		return NULL;
	memcpy(h, m->out, sizeof(*h));
	size = sizeof(*h) + h->len;
	if (m->out_len < size)
		return NULL;
	memcpy(body, m->out + sizeof(*h), h->len);
	body[h->len] = '\0';
	memmove(m->out, m->out + size, m->out_len - size);
	m->out_len -= size;
	return body;
}

/* One request; its reply as text: the body up to its first 0 byte. "?" if it is not the reply to this. */
static const char *ask_bytes(struct memconn *m, uint32_t type, uint32_t tx, const void *args, size_t len)
{
	static char copy[XENSTORE_PAYLOAD_MAX + 1];
	char buf[8192];
	struct xsd_sockmsg h;
	const char *body;

	memconn_feed(m, &srv, buf, msg(buf, type, tx, args, len));
	body = next(m, &h);
	if (!body || (h.type != type && h.type != XS_ERROR) || h.req_id != 77 || h.tx_id != tx)
		return "?";
	return memcpy(copy, body, h.len + 1);
}

/* args: a literal, 0 bytes inside allowed */
#define ask(m, type, tx, args) ask_bytes(m, type, tx, args, sizeof(args))
#define SAYS(m, type, tx, args, expected) CU_ASSERT_STRING_EQUAL(ask(m, type, tx, args), expected)
/* A value without the 0 byte at its end. */
#define write_value(m, tx, args) ask_bytes(m, XS_WRITE, tx, args, sizeof(args) - 1)

/* The next thing in the queue must be this event. */
static void expect_event(struct memconn *m, const char *path, const char *token)
{
	struct xsd_sockmsg h;
	const char *body = next(m, &h);

	CU_ASSERT_PTR_NOT_NULL(body);
	if (!body)
		return;
	CU_ASSERT_EQUAL(h.type, XS_WATCH_EVENT);
	CU_ASSERT_EQUAL(h.req_id, 0);
	CU_ASSERT_EQUAL(h.len, strlen(path) + strlen(token) + 2);
	CU_ASSERT_STRING_EQUAL(body, path);
	CU_ASSERT_STRING_EQUAL(body + strlen(body) + 1, token);
}

static void expect_quiet(struct memconn *m)
{
	CU_ASSERT_EQUAL(m->out_len, 0);
}

static void give_home(uint32_t domid)
{
	struct perm p = { .domid = domid, .access = PERM_NONE };
	struct perm open = { .domid = 0, .access = PERM_READ };
	char path[64];

	tree_mkdir(&srv.live, &d0.c->cred, NULL, "/local/domain", NULL);
	tree_set_perms(&srv.live, &d0.c->cred, NULL, "/local/domain", &open, 1, NULL);
	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	tree_mkdir(&srv.live, &d0.c->cred, NULL, path, NULL);
	tree_set_perms(&srv.live, &d0.c->cred, NULL, path, &p, 1, NULL);
}

static void test_nodes(void)
{
	open_both();
	SAYS(&d0, XS_READ, 0, "/a", "ENOENT");
	CU_ASSERT_STRING_EQUAL(write_value(&d0, 0, "/a/b\0value"), "OK");
	SAYS(&d0, XS_READ, 0, "/a/b", "value");
	SAYS(&d0, XS_READ, 0, "/a", "");
	SAYS(&d0, XS_MKDIR, 0, "/a/c", "OK");
	CU_ASSERT_EQUAL(memcmp(ask(&d0, XS_DIRECTORY, 0, "/a"), "b\0c\0", 4), 0);
	SAYS(&d0, XS_GET_PERMS, 0, "/a/b", "r0");
	SAYS(&d0, XS_SET_PERMS, 0, "/a/b\0n0\0b1", "OK");
	CU_ASSERT_EQUAL(memcmp(ask(&d0, XS_GET_PERMS, 0, "/a/b"), "n0\0b1\0", 6), 0);
	CU_ASSERT_STRING_EQUAL(write_value(&d1, 0, "/a/b\0mine"), "OK");
	SAYS(&d1, XS_MKDIR, 0, "/a/c", "EACCES");
	SAYS(&d1, XS_SET_PERMS, 0, "/a/b\0b1", "EACCES");
	SAYS(&d0, XS_RM, 0, "/a", "OK");
	SAYS(&d0, XS_READ, 0, "/a/b", "ENOENT");
	CU_ASSERT_PTR_NULL(tree_check(&srv.live));
	close_both();
}

/* What dom0 makes without saying for whom is its own business. */
static void test_private(void)
{
	open_fresh();
	SAYS(&d0, XS_GET_PERMS, 0, "/", "n0");
	CU_ASSERT_STRING_EQUAL(write_value(&d0, 0, "/local/domain/0/name\0Domain-0"), "OK");
	SAYS(&d1, XS_READ, 0, "/local/domain/0/name", "EACCES");
	SAYS(&d1, XS_DIRECTORY, 0, "/", "EACCES");
	SAYS(&d1, XS_DIRECTORY, 0, "/local/domain", "EACCES");
	SAYS(&d1, XS_READ, 0, "/nothing", "EACCES");
	SAYS(&d0, XS_SET_PERMS, 0, "/local/domain/0/name\0n0\0r1", "OK");
	SAYS(&d1, XS_READ, 0, "/local/domain/0/name", "Domain-0");
	give_home(1);
	SAYS(&d1, XS_READ, 0, "nothing", "ENOENT");
	close_both();
}

static void test_bad_requests(void)
{
	open_both();
	SAYS(&d0, 99, 0, "/a", "ENOSYS");
	SAYS(&d0, XS_WATCH_EVENT, 0, "/a", "ENOSYS");
	SAYS(&d0, 20, 0, "/a", "ENOSYS");
	SAYS(&d0, XS_READ, 5, "/a", "ENOENT");			/* no such transaction */
	SAYS(&d0, XS_READ, 0, "", "EINVAL");
	SAYS(&d0, XS_READ, 0, "/a\0more", "EINVAL");
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d0, XS_READ, 0, "/a", 2), "EINVAL");	/* no 0 byte */
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d0, XS_READ, 0, "", 0), "EINVAL");
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d0, XS_WRITE, 0, "/a", 2), "EINVAL");
	SAYS(&d0, XS_WRITE, 0, "//", "EINVAL");
	SAYS(&d0, XS_SET_PERMS, 0, "/", "EINVAL");
	SAYS(&d0, XS_SET_PERMS, 0, "/\0x0", "EINVAL");
	SAYS(&d0, XS_SET_PERMS, 0, "/\0r-1", "EINVAL");
	SAYS(&d0, XS_SET_PERMS, 0, "/\0r99999999999999999999", "EINVAL");
	SAYS(&d0, XS_WATCH, 0, "/a", "EINVAL");
	SAYS(&d0, XS_WATCH, 0, "/a\0t\0u", "EINVAL");
	SAYS(&d0, XS_UNWATCH, 0, "/a\0t", "ENOENT");
	SAYS(&d0, XS_TRANSACTION_END, 0, "T", "ENOENT");
	SAYS(&d0, XS_INTRODUCE, 0, "5\0" "1\0" "2", "ENOSYS");	/* no hypervisor in this test */
	SAYS(&d0, XS_INTRODUCE, 0, "5\0" "1\0" "2\0", "ENOSYS");	/* reserved */
	SAYS(&d0, XS_INTRODUCE, 0, "5\0" "1", "EINVAL");
	SAYS(&d0, XS_INTRODUCE, 0, "5x\0" "1\0" "2", "EINVAL");
	SAYS(&d0, XS_CONTROL, 0, "frobnicate", "EINVAL");
	SAYS(&d0, XS_DIRECTORY_PART, 0, "/\0-1", "EINVAL");
	SAYS(&d1, XS_CONTROL, 0, "check", "EACCES");
	SAYS(&d1, XS_INTRODUCE, 0, "5\0" "1\0" "2", "EACCES");
	SAYS(&d1, XS_RELEASE, 0, "5", "EACCES");
	SAYS(&d1, XS_IS_DOMAIN_INTRODUCED, 0, "0", "EACCES");
	SAYS(&d0, XS_CONTROL, 0, "check", "OK");
	SAYS(&d0, XS_GET_DOMAIN_PATH, 0, "12", "/local/domain/12");
	SAYS(&d0, XS_IS_DOMAIN_INTRODUCED, 0, "0", "T");
	SAYS(&d0, XS_IS_DOMAIN_INTRODUCED, 0, "12", "F");
	SAYS(&d1, XS_IS_DOMAIN_INTRODUCED, 0, "12", "EACCES");
	close_both();
}

static void test_transactions(void)
{
	open_both();
	SAYS(&d0, XS_TRANSACTION_START, 0, "", "1");
	CU_ASSERT_STRING_EQUAL(write_value(&d0, 1, "/t\0one"), "OK");
	SAYS(&d0, XS_READ, 0, "/t", "ENOENT");
	SAYS(&d0, XS_READ, 1, "/t", "one");
	SAYS(&d0, XS_TRANSACTION_START, 1, "", "EBUSY");
	SAYS(&d0, XS_TRANSACTION_START, 99, "", "ENOENT");
	SAYS(&d0, XS_TRANSACTION_END, 1, "X", "EINVAL");
	SAYS(&d0, XS_TRANSACTION_END, 1, "T", "OK");
	SAYS(&d0, XS_READ, 0, "/t", "one");
	SAYS(&d0, XS_TRANSACTION_START, 0, "", "2");
	SAYS(&d0, XS_READ, 2, "/t", "one");
	CU_ASSERT_STRING_EQUAL(write_value(&d0, 0, "/t\0two"), "OK");
	CU_ASSERT_STRING_EQUAL(write_value(&d0, 2, "/u\0x"), "OK");
	SAYS(&d0, XS_TRANSACTION_END, 2, "T", "EAGAIN");
	SAYS(&d0, XS_READ, 0, "/u", "ENOENT");
	SAYS(&d0, XS_READ, 2, "/u", "ENOENT");				/* it is gone either way */
	SAYS(&d0, XS_TRANSACTION_START, 0, "", "3");
	CU_ASSERT_STRING_EQUAL(write_value(&d0, 3, "/u\0x"), "OK");
	SAYS(&d0, XS_TRANSACTION_END, 3, "F", "OK");
	SAYS(&d0, XS_READ, 0, "/u", "ENOENT");
	for (int i = 0; i < 10; i++)
		CU_ASSERT_STRING_NOT_EQUAL(ask(&d1, XS_TRANSACTION_START, 0, ""), "ENOSPC");
	SAYS(&d1, XS_TRANSACTION_START, 0, "", "ENOSPC");
	SAYS(&d1, XS_RESET_WATCHES, 0, "", "OK");			/* drops them */
	SAYS(&d1, XS_TRANSACTION_START, 0, "", "11");
	close_both();
}

static void test_watches(void)
{
	open_both();
	give_home(1);
	SAYS(&d0, XS_WATCH, 0, "/a\0tok", "OK");
	expect_event(&d0, "/a", "tok");				/* once at once, after the reply */
	SAYS(&d0, XS_WATCH, 0, "/a\0tok", "EEXIST");
	write_value(&d0, 0, "/a/b\0" "1");
	expect_event(&d0, "/a/b", "tok");
	SAYS(&d0, XS_RM, 0, "/a", "OK");
	expect_event(&d0, "/a", "tok");
	expect_quiet(&d0);					/* not for each node below it */

	SAYS(&d1, XS_WATCH, 0, "data\0rel", "OK");		/* relative names come back relative */
	expect_event(&d1, "data", "rel");
	write_value(&d0, 0, "/local/domain/1/data/x\0" "1");
	expect_event(&d1, "data/x", "rel");
	SAYS(&d0, XS_RM, 0, "/local/domain/1", "OK");		/* watched below what is removed */
	expect_event(&d1, "data", "rel");
	expect_quiet(&d1);

	SAYS(&d0, XS_SET_PERMS, 0, "/\0r0", "OK");
	SAYS(&d1, XS_WATCH, 0, "/secret\0s", "OK");		/* no rights, no events */
	expect_event(&d1, "/secret", "s");
	SAYS(&d0, XS_MKDIR, 0, "/secret", "OK");
	expect_event(&d1, "/secret", "s");			/* its parent may be read: that it came is visible */
	SAYS(&d0, XS_SET_PERMS, 0, "/secret\0n0", "OK");
	expect_event(&d1, "/secret", "s");			/* the last thing to be seen */
	write_value(&d0, 0, "/secret/key\0" "1");
	expect_quiet(&d1);
	SAYS(&d0, XS_RM, 0, "/secret", "OK");
	expect_event(&d1, "/secret", "s");			/* that it went is visible in its parent too */

	SAYS(&d0, XS_TRANSACTION_START, 0, "", "1");		/* a transaction's changes fire at its end */
	write_value(&d0, 1, "/a/c\0" "1");
	write_value(&d0, 1, "/a/d\0" "1");
	expect_quiet(&d0);
	SAYS(&d0, XS_TRANSACTION_END, 1, "T", "OK");
	expect_event(&d0, "/a/c", "tok");
	expect_event(&d0, "/a/d", "tok");
	SAYS(&d0, XS_UNWATCH, 0, "/a\0tok", "OK");
	write_value(&d0, 0, "/a/d\0" "2");
	expect_quiet(&d0);

	SAYS(&d0, XS_WATCH, 0, "@releaseDomain\0r", "OK");
	expect_event(&d0, "@releaseDomain", "r");
	SAYS(&d1, XS_WATCH, 0, "@releaseDomain\0r", "OK");
	expect_event(&d1, "@releaseDomain", "r");
	server_fire_special(&srv, "@releaseDomain", 7);
	server_settle(&srv);
	expect_event(&d0, "@releaseDomain", "r");
	expect_quiet(&d1);					/* dom0's business */
	close_both();
}

/* Any special name can be watched; who hears of the two that mean something is said by permissions. */
static void test_special(void)
{
	open_both();
	SAYS(&d0, XS_WATCH, 0, "@nonsense\0t", "OK");
	expect_event(&d0, "@nonsense", "t");
	SAYS(&d0, XS_UNWATCH, 0, "@nonsense\0t\0", "OK");	/* what may follow is reserved */
	SAYS(&d1, XS_WATCH, 0, "@releaseDomain\0r\0", "OK");
	expect_event(&d1, "@releaseDomain", "r");
	SAYS(&d1, XS_SET_PERMS, 0, "@releaseDomain\0n0\0r1", "EACCES");
	SAYS(&d1, XS_GET_PERMS, 0, "@releaseDomain", "EACCES");
	SAYS(&d0, XS_GET_PERMS, 0, "@releaseDomain", "n0");
	SAYS(&d0, XS_GET_PERMS, 0, "@nonsense", "EINVAL");
	SAYS(&d0, XS_SET_PERMS, 0, "@nonsense\0n0\0r1", "EINVAL");
	SAYS(&d0, XS_SET_PERMS, 0, "@releaseDomain/7\0n0\0r1", "EINVAL");
	SAYS(&d0, XS_SET_PERMS, 0, "@releaseDomain\0n0\0r1", "OK");
	server_fire_special(&srv, "@introduceDomain", 7);
	server_fire_special(&srv, "@releaseDomain", 7);
	server_settle(&srv);
	expect_event(&d1, "@releaseDomain", "r");
	expect_quiet(&d1);
	SAYS(&d0, XS_SET_PERMS, 0, "@releaseDomain\0n0\0r2", "OK");
	server_fire_special(&srv, "@releaseDomain", 7);
	server_settle(&srv);
	expect_quiet(&d1);
	close_both();
}

static void test_watch_limits(void)
{
	char args[1200], path[16];
	int n = 0;

	open_both();
	do {
		snprintf(path, sizeof(path), "/w%d", n);
		memcpy(args, path, strlen(path) + 1);
		strcpy(args + strlen(path) + 1, "t");
		n++;
	} while (!strcmp(ask_bytes(&d1, XS_WATCH, 0, args, strlen(path) + 3), "OK") && (d1.out_len = 0, n < 1000));
	CU_ASSERT_EQUAL(n, 129);
	memset(args, 't', sizeof(args));
	memcpy(args, "/w", 3);
	args[3 + 1022] = '\0';
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d0, XS_WATCH, 0, args, 3 + 1023), "OK");
	d0.out_len = 0;
	args[3 + 1022] = 't';
	args[3 + 1023] = '\0';
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d0, XS_WATCH, 0, args, 3 + 1024), "EINVAL");
	close_both();
}

static void test_long_directory(void)
{
	char name[64], args[80];
	struct xsd_sockmsg h;
	unsigned int offset = 0, seen = 0;
	const char *body;
	bool end = false;
	char gen[32] = "";

	open_both();
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "/long/a-name-of-some-length-%03d", i);
		tree_mkdir(&srv.live, &d0.c->cred, NULL, name, NULL);
	}
	SAYS(&d0, XS_DIRECTORY, 0, "/long", "E2BIG");
	for (int round = 0; round < 20 && !end; round++) {
		char buf[200];
		size_t n = 6, at;

		memcpy(args, "/long", 6);
		n += snprintf(args + 6, sizeof(args) - 6, "%u", offset) + 1;
		memconn_feed(&d0, &srv, buf, msg(buf, XS_DIRECTORY_PART, 0, args, n));
		body = next(&d0, &h);
		CU_ASSERT_PTR_NOT_NULL_FATAL(body);
		CU_ASSERT_EQUAL_FATAL(h.type, XS_DIRECTORY_PART);
		if (*gen)
			CU_ASSERT_STRING_EQUAL(gen, body);
		strcpy(gen, body);
		for (at = strlen(body) + 1; at < h.len; at += strlen(body + at) + 1) {
			if (!body[at]) {
				end = true;
				break;
			}
			snprintf(name, sizeof(name), "a-name-of-some-length-%03u", seen++);
			CU_ASSERT_STRING_EQUAL(body + at, name);
			offset += strlen(name) + 1;
		}
	}
	CU_ASSERT_TRUE(end);
	CU_ASSERT_EQUAL(seen, 200);
	close_both();
}

static void test_pieces(void)
{
	char buf[300];
	struct xsd_sockmsg h;
	size_t n;

	open_both();
	d0.piece = 1;
	n = msg(buf, XS_WRITE, 0, "/p\0abc", 6);
	n += msg(buf + n, XS_READ, 0, "/p", 3);
	memconn_feed(&d0, &srv, buf, n - 1);
	CU_ASSERT_STRING_EQUAL(next(&d0, &h), "OK");
	CU_ASSERT_PTR_NULL(next(&d0, &h));
	memconn_feed(&d0, &srv, buf + n - 1, 1);
	CU_ASSERT_STRING_EQUAL(next(&d0, &h), "abc");

	n = msg(buf, XS_READ, 0, "/p", 3);		/* a length beyond the limit ends the connection */
	((struct xsd_sockmsg *)buf)->len = 4097;
	memconn_feed(&d0, &srv, buf, n);
	CU_ASSERT_TRUE(d0.closed);
	CU_ASSERT_PTR_NOT_NULL(strstr(d0.why, "longer"));
	close_both();
}

/* A client that sends and never reads: the daemon stops reading from it, and nobody else notices. */
static void test_no_reader(void)
{
	char buf[100 * 32], *at = buf;
	struct xsd_sockmsg h;
	int replies = 0;

	open_both();
	d1.accept = 0;
	for (int i = 0; i < 100; i++)
		at += msg(at, XS_READ, 0, "/", 2);
	memconn_feed(&d1, &srv, buf, at - buf);
	CU_ASSERT_EQUAL(srv.requests, 20);
	CU_ASSERT_FALSE(d1.closed);
	SAYS(&d0, XS_READ, 0, "/", "");
	d1.accept = SIZE_MAX;				/* it reads at last: all is answered */
	memconn_run(&d1, &srv);
	while (next(&d1, &h))
		replies++;
	CU_ASSERT_EQUAL(replies, 100);
	close_both();
}

/* Events for a client that does not read are bounded, and it still learns that something has changed. */
static void test_event_flood(void)
{
	struct xsd_sockmsg h;
	const char *body;
	char args[64];
	int events = 0, whole = 0;

	open_both();
	SAYS(&d0, XS_SET_PERMS, 0, "/\0r0", "OK");
	SAYS(&d1, XS_WATCH, 0, "/f\0token", "OK");
	expect_event(&d1, "/f", "token");
	d1.accept = 0;
	for (int i = 0; i < 50; i++)			/* the same event again and again is one event */
		write_value(&d0, 0, "/f/same\0x");
	CU_ASSERT_EQUAL(d1.c->event_bytes, sizeof(h) + strlen("/f/same") + 1 + strlen("token") + 1);
	for (int i = 0; i < 40000; i++) {
		int n = snprintf(args, sizeof(args), "/f/n%d", i);

		ask_bytes(&d0, XS_WRITE, 0, args, n + 1);
		if (i % 64 == 63)			/* keep the tree small */
			ask(&d0, XS_RM, 0, "/f");
	}
	CU_ASSERT_TRUE(d1.c->event_bytes < srv.max_event_bytes + 8192);
	CU_ASSERT_FALSE(d1.closed);
	d1.accept = SIZE_MAX;
	memconn_run(&d1, &srv);
	while ((body = next(&d1, &h))) {
		events++;
		whole += !strcmp(body, "/f");
	}
	CU_ASSERT_TRUE(events > 0 && events < 40000);
	CU_ASSERT_TRUE(whole > 0);			/* the event that stands for all that were dropped */
	close_both();
}

/* --- quotas, features, depth --- */

/* Standard error of what fn does. */
static const char *said(void (*fn)(void))
{
	static char buf[4096];
	int pipefd[2], saved = dup(2);
	ssize_t n;

	fflush(stderr);
	if (pipe(pipefd) < 0 || dup2(pipefd[1], 2) < 0)
		abort();
	fn();
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	close(pipefd[1]);
	n = read(pipefd[0], buf, sizeof(buf) - 1);
	close(pipefd[0]);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void too_many_nodes(void)
{
	for (int i = 0; i < 3; i++) {
		char path[32];

		ask_bytes(&d1, XS_MKDIR, 0, path, sprintf(path, "data/n%d", i) + 1);
	}
}

static void test_quotas(void)
{
	const char *log;

	open_both();
	give_home(1);
	SAYS(&d0, XS_GET_QUOTA, 0, "nodes", "1000");
	SAYS(&d0, XS_GET_QUOTA, 0, "memory", "2621440");
	SAYS(&d0, XS_GET_QUOTA, 0, "", "nodes watches transactions outstanding transaction-nodes memory soft-memory "
	     "node-permissions node-size");
	SAYS(&d0, XS_GET_QUOTA, 0, "grass", "EINVAL");
	SAYS(&d1, XS_GET_QUOTA, 0, "nodes", "EACCES");
	SAYS(&d1, XS_SET_QUOTA, 0, "nodes\0" "5", "EACCES");
	SAYS(&d0, XS_SET_QUOTA, 0, "nodes\0-5", "EINVAL");
	SAYS(&d0, XS_SET_QUOTA, 0, "1\0nodes\0" "3", "OK");
	SAYS(&d0, XS_GET_QUOTA, 0, "1\0nodes", "3");
	SAYS(&d0, XS_GET_QUOTA, 0, "2\0nodes", "1000");
	log = said(too_many_nodes);		/* its home, data and one more are three */
	CU_ASSERT_PTR_NOT_NULL(strstr(log, "domain 1: quota nodes: 3 is the limit, mkdir /local/domain/1/data/n1"));
	CU_ASSERT_PTR_NULL(strstr(log, "n2"));	/* said once */
	CU_ASSERT_PTR_NOT_NULL(strstr(ask(&d0, XS_CONTROL, 0, "quota\0" "1"), "nodes"));
	SAYS(&d0, XS_SET_QUOTA, 0, "1\0nodes\0" "0", "OK");	/* no limit */
	SAYS(&d1, XS_MKDIR, 0, "data/n3", "OK");
	SAYS(&d0, XS_CONTROL, 0, "quota\0set\0node-size\0" "10", "OK");
	CU_ASSERT_STRING_EQUAL(write_value(&d1, 0, "data\0" "12345678901"), "ENOSPC");
	CU_ASSERT_STRING_EQUAL(write_value(&d0, 0, "/x\0" "12345678901"), "OK");
	SAYS(&d0, XS_CONTROL, 0, "quota-soft\0set\0memory\0" "77", "OK");
	SAYS(&d0, XS_GET_QUOTA, 0, "soft-memory", "77");
	SAYS(&d0, XS_CONTROL, 0, "quota\0set\0grass\0" "10", "EINVAL");
	SAYS(&d0, XS_CONTROL, 0, "quota\0set\0nodes\0x", "EINVAL");
	close_both();
}

/* Memory counts nodes, watches and transactions together, and comes back. */
static void test_memory(void)
{
	size_t before;
	char buf[1201];

	open_both();
	give_home(1);
	before = tree_owned_bytes(&srv.live, 1);
	SAYS(&d0, XS_SET_QUOTA, 0, "1\0memory\0" "3900", "OK");
	memset(buf, 'x', sizeof(buf));
	memcpy(buf, "data/a", 7);
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d1, XS_WRITE, 0, buf, sizeof(buf)), "OK");
	buf[5] = 'b';
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d1, XS_WRITE, 0, buf, sizeof(buf)), "OK");
	CU_ASSERT_TRUE(tree_owned_bytes(&srv.live, 1) > 2 * 1190);
	buf[5] = 'c';
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d1, XS_WRITE, 0, buf, sizeof(buf)), "ENOSPC");
	memcpy(buf, "data/a\0y", 8);		/* changing a value is not more of it */
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d1, XS_WRITE, 0, buf, sizeof(buf)), "OK");
	SAYS(&d1, XS_RM, 0, "data/b", "OK");
	SAYS(&d0, XS_SET_QUOTA, 0, "1\0memory\0" "3000", "OK");
	memset(buf, 't', sizeof(buf));
	memcpy(buf, "data", 5);
	buf[1000] = '\0';
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d1, XS_WATCH, 0, buf, 1001), "OK");
	expect_event(&d1, "data", buf + 5);
	buf[999] = '\0';
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d1, XS_WATCH, 0, buf, 1000), "ENOSPC");
	SAYS(&d1, XS_RESET_WATCHES, 0, "", "OK");
	CU_ASSERT_EQUAL(conn_memory(d1.c), 0);
	SAYS(&d1, XS_RM, 0, "data", "OK");
	CU_ASSERT_EQUAL(tree_owned_bytes(&srv.live, 1), before);
	/* Given away or left behind, it is no longer the domain's. */
	SAYS(&d0, XS_SET_PERMS, 0, "/local/domain/1\0n5", "OK");
	CU_ASSERT_EQUAL(tree_owned_bytes(&srv.live, 1), 0);
	CU_ASSERT_EQUAL(tree_owned_bytes(&srv.live, 5), before);
	tree_forget_domain(&srv.live, 5);
	CU_ASSERT_EQUAL(tree_owned_bytes(&srv.live, 5), 0);
	CU_ASSERT_PTR_NULL(tree_check(&srv.live));
	close_both();
}

static void test_features(void)
{
	open_both();
	SAYS(&d0, XS_GET_FEATURE, 0, "", "7");
	SAYS(&d1, XS_GET_FEATURE, 0, "1", "7");
	SAYS(&d1, XS_GET_FEATURE, 0, "2", "EACCES");
	SAYS(&d1, XS_SET_FEATURE, 0, "1\0" "3", "EACCES");
	SAYS(&d0, XS_SET_FEATURE, 0, "1\0" "8", "EINVAL");
	SAYS(&d0, XS_SET_FEATURE, 0, "1\0" "3", "OK");
	SAYS(&d0, XS_GET_FEATURE, 0, "1", "3");
	SAYS(&d1, XS_WATCH, 0, "/a\0t\0" "1", "EINVAL");	/* not offered to it */
	close_both();
}

static void test_depth(void)
{
	open_both();
	SAYS(&d0, XS_WATCH, 0, "/a\0t\0" "1", "OK");
	expect_event(&d0, "/a", "t");
	SAYS(&d0, XS_WATCH, 0, "/a\0u\0x", "EINVAL");
	write_value(&d0, 0, "/a\0" "1");
	expect_event(&d0, "/a", "t");
	write_value(&d0, 0, "/a/b\0" "1");
	expect_event(&d0, "/a/b", "t");
	write_value(&d0, 0, "/a/b/c\0" "1");
	expect_quiet(&d0);
	SAYS(&d0, XS_WATCH, 0, "@releaseDomain\0all\0" "1", "OK");
	expect_event(&d0, "@releaseDomain", "all");
	SAYS(&d0, XS_WATCH, 0, "@releaseDomain/7\0one", "OK");
	expect_event(&d0, "@releaseDomain/7", "one");
	server_fire_special(&srv, "@releaseDomain", 7);
	server_settle(&srv);
	expect_event(&d0, "@releaseDomain/7", "all");
	expect_event(&d0, "@releaseDomain/7", "one");
	server_fire_special(&srv, "@releaseDomain", 8);
	server_settle(&srv);
	expect_event(&d0, "@releaseDomain/8", "all");
	expect_quiet(&d0);
	close_both();
}

/* As deep as a path can be: made in one step, refused as a whole, removed in one. */
static void test_depth_of_tree(void)
{
	char path[XENSTORE_ABS_PATH_MAX + 2] = "/local/domain/1";
	size_t len = strlen(path);

	open_both();
	give_home(1);
	for (; len + 2 <= XENSTORE_ABS_PATH_MAX; len += 2)
		memcpy(path + len, "/d", 3);
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d1, XS_MKDIR, 0, path, len + 1), "ENOSPC");	/* more than its 1000 nodes */
	CU_ASSERT_EQUAL(tree_owned(&srv.live, 1), 1);
	SAYS(&d0, XS_SET_QUOTA, 0, "1\0nodes\0" "0", "OK");
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d1, XS_MKDIR, 0, path, len + 1), "OK");
	CU_ASSERT_TRUE(tree_owned(&srv.live, 1) > 1500);
	CU_ASSERT_PTR_NULL(tree_check(&srv.live));
	memcpy(path + len, "/d", 3);
	CU_ASSERT_STRING_EQUAL(ask_bytes(&d1, XS_MKDIR, 0, path, len + 3), "EINVAL");	/* too long a name */
	SAYS(&d1, XS_RM, 0, "d", "OK");
	CU_ASSERT_EQUAL(tree_owned(&srv.live, 1), 1);
	CU_ASSERT_PTR_NULL(tree_check(&srv.live));
	close_both();
}

/* --- rings --- */

static void test_ring(void)
{
	struct xenstore_domain_interface page;
	char buf[2048];

	memset(&page, 0, sizeof(page));
	page.req_cons = page.req_prod = 0xfffffffe;	/* indices wrap, and the buffer with them */
	memcpy(page.req + 1022, "ab", 2);
	memcpy(page.req, "cd", 2);
	page.req_prod += 4;
	CU_ASSERT_EQUAL(ring_read(&page, 0xfffffffe, buf, sizeof(buf)), 2);
	CU_ASSERT_EQUAL(ring_read(&page, 0, buf + 2, sizeof(buf)), 2);
	CU_ASSERT_EQUAL(memcmp(buf, "abcd", 4), 0);
	CU_ASSERT_EQUAL(page.req_cons, 0xfffffffe);	/* reading is not taking */
	ring_taken(&page, 2);
	CU_ASSERT_EQUAL(page.req_cons, 2);
	CU_ASSERT_EQUAL(ring_read(&page, 2, buf, sizeof(buf)), 0);

	memset(buf, 'x', sizeof(buf));
	page.rsp_cons = page.rsp_prod = 1000;
	CU_ASSERT_EQUAL(ring_write(&page, buf, sizeof(buf)), 24);
	CU_ASSERT_EQUAL(ring_write(&page, buf, sizeof(buf)), 1000);
	CU_ASSERT_EQUAL(ring_write(&page, buf, sizeof(buf)), 0);	/* full */
	page.rsp_cons += 10;
	CU_ASSERT_EQUAL(ring_write(&page, buf, 5), 5);

	page.req_prod = page.req_cons + 1025;		/* impossible */
	CU_ASSERT_EQUAL(ring_read(&page, 2, buf, sizeof(buf)), -1);
	page.req_prod = page.req_cons - 1;
	CU_ASSERT_EQUAL(ring_read(&page, 2, buf, sizeof(buf)), -1);
	page.rsp_cons = page.rsp_prod + 1;
	CU_ASSERT_EQUAL(ring_write(&page, buf, 1), -1);
	page.req_prod = page.req_cons + 1024;		/* full is possible */
	CU_ASSERT_TRUE(ring_read(&page, 2, buf, sizeof(buf)) > 0);
}

static struct {
	const char *bytes;
	size_t len;
	uint32_t seen;
} late;

static bool late_taken(void *io, uint32_t pos)
{
	struct memconn *m = io;
	bool news = pos != late.seen;

	late.seen = pos;
	if (news && late.len) {
		m->in = late.bytes;
		m->in_len = late.len;
		late.len = 0;
	}
	return news;
}

/* Bytes that come while earlier ones are still in the ring come without a call. */
static void test_no_call(void)
{
	struct conn_ops ops = memconn_ops;
	struct xsd_sockmsg h;
	char buf[100];
	size_t len = msg(buf, XS_GET_DOMAIN_PATH, 0, "1", 2);

	ops.taken = late_taken;
	open_both();
	d1.c->ops = &ops;
	conn_make_durable(d1.c, 0, 0);
	late.bytes = buf + sizeof(h);
	late.len = len - sizeof(h);
	memconn_feed(&d1, &srv, buf, sizeof(h));
	for (int i = 0; i < 3 && server_settle(&srv); i++)
		server_continue(&srv);
	CU_ASSERT_PTR_NOT_NULL(next(&d1, &h));
	CU_ASSERT_EQUAL(late.seen, len);
	CU_ASSERT_FALSE(server_settle(&srv));
	close_both();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "nodes", test_nodes }, { "private", test_private },
		{ "bad requests", test_bad_requests },
		{ "transactions", test_transactions },
		{ "watches", test_watches },
		{ "special watches", test_special },
		{ "limits of watches", test_watch_limits },
		{ "a directory longer than a reply", test_long_directory },
		{ "messages in pieces, and one too long", test_pieces },
		{ "a client that does not read", test_no_reader },
		{ "events that nobody reads", test_event_flood },
		{ "quotas", test_quotas },
		{ "the quota of memory", test_memory },
		{ "features", test_features },
		{ "watches of limited depth", test_depth },
		{ "a tree as deep as can be", test_depth_of_tree },
		{ "ring indices", test_ring },
		{ "bytes without a call", test_no_call },
		CU_TEST_INFO_NULL,
	};

	return suite_run("xs_server", tests);
}
