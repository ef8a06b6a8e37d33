/* SPDX-License-Identifier: MIT */
/*
 * xld's socket: the real server.c with a few calls of its own instead of calls.c. Well-behaved clients are served;
 * garbage, oversized, cut-off, unknown and malformed messages cost only their sender its connection or an error; more
 * clients than allowed are refused; answers that come later find their client, or nobody.
 */

#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pki_world.h"
#include "suite.h"

#include "../../dom0-tools/xld/server.h"

static struct xld x;
static struct xld_conf conf;
static char sock_path[64];
static struct client *waiting;			/* asked XLD_DOMAIN_WAIT and is not answered */
static uint32_t waiting_serial;
static unsigned int gone;			/* clients that have left */

/* --- what server.c needs of the rest of xld --- */

static char last_log[512];

void xld_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last_log, sizeof(last_log), fmt, ap);
	va_end(ap);
}

bool xld_fail(xld_error *err, xld_code code, const char *what, const char *object, const char *advice,
	      const char *fmt, ...)
{
	va_list ap;
	char *cause;

	va_start(ap, fmt);
	cause = xvasprintf(fmt, ap);
	va_end(ap);
	rpc_error_set(err, code, what, object, cause, advice);
	free(cause);
	return false;
}

void dom_client_gone(struct xld *ctx, struct client *c)
{
	(void)ctx;
	gone++;
	if (waiting == c)
		waiting = NULL;
}

static bool fake_hello(struct xld *ctx, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		       bool *later)
{
	xld_hello *r = ret;

	(void)ctx, (void)c, (void)serial, (void)args, (void)err, (void)later;
	r->protocol = XLD_VERSION;
	r->peer = xstrdup("test");
	return true;
}

static bool fake_wait(struct xld *ctx, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		      bool *later)
{
	(void)ctx, (void)args, (void)ret, (void)err;
	waiting = c;
	waiting_serial = serial;
	*later = true;
	return false;
}

static bool fake_info(struct xld *ctx, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		      bool *later)
{
	(void)ctx, (void)c, (void)serial, (void)args, (void)ret, (void)later;
	return xld_fail(err, XLD_E_NOT_FOUND, "look at", "x", "", "none");
}

static xld_vcpu_pin pinned;			/* what the last call of XLD_VCPU_PIN asked for */

static bool fake_pin(struct xld *ctx, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		     bool *later)
{
	xld_vcpu_pin *a = args;

	(void)ctx, (void)c, (void)serial, (void)ret, (void)err, (void)later;
	free(pinned.hard);
	pinned = (xld_vcpu_pin){ .vcpu = a->vcpu, .flags = a->flags, .hard = xstrdup(a->hard) };
	return true;
}

static pid_t piper;			/* the process that went on with a connection */

/* Answer, and leave the connection to a process that sends back what it gets in capitals. */
static bool fake_create(struct xld *ctx, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
			bool *later)
{
	xld_created created = { .domid = 7 };
	char byte;
	int fd;

	(void)ctx, (void)args, (void)ret, (void)err;
	client_reply(c, XLD_DOMAIN_CREATE, serial, &created);
	piper = fork();
	if (!piper) {
		fd = rpc_stream_detach(client_stream(c));
		while (fd >= 0 && read(fd, &byte, 1) == 1) {
			byte -= 'a' - 'A';
			if (write(fd, &byte, 1) != 1)
				break;
		}
		_exit(0);
	}
	client_abandon(c);
	*later = true;
	return false;
}

static bool fake_lane(struct xld *ctx, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		      bool *later)
{
	const xld_lane *l = args;

	(void)ctx, (void)serial, (void)ret, (void)err, (void)later;
	client_become_lane(c, (const uint8_t *)l->token, l->number);
	return true;
}

/* Says how many connections there are beside its own, one after the other. */
static bool fake_offer(struct xld *ctx, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		       bool *later)
{
	const xld_offer *o = args;
	xld_accepted *a = ret;

	(void)serial, (void)err, (void)later;
	a->host = xstrdup("test");
	while (client_lane(ctx, c, (const uint8_t *)o->token, a->domid + 1))
		a->domid++;
	return true;
}

static bool fake_dmesg(struct xld *ctx, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		       bool *later)
{
	(void)ctx, (void)c, (void)serial, (void)args, (void)ret, (void)err, (void)later;
	return true;
}

static bool fake_subscribe(struct xld *ctx, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
			   bool *later)
{
	(void)ctx, (void)serial, (void)ret, (void)err, (void)later;
	client_subscribe(c, ((xld_subscribe *)args)->kinds);
	return true;
}

static bool fake_ping(struct xld *ctx, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		      bool *later)
{
	(void)ctx, (void)c, (void)serial, (void)args, (void)ret, (void)err, (void)later;
	return true;
}

call_fn *call_find(uint32_t proc)
{
	if (proc == XLD_EVENT_SUBSCRIBE || proc == XLD_PING)
		return proc == XLD_PING ? fake_ping : fake_subscribe;
	if (proc == XLD_DOMAIN_CREATE || proc == XLD_HOST_DMESG)
		return proc == XLD_DOMAIN_CREATE ? fake_create : fake_dmesg;
	if (proc == XLD_MIGRATE_LANE || proc == XLD_MIGRATE_OFFER)
		return proc == XLD_MIGRATE_LANE ? fake_lane : fake_offer;
	return proc == XLD_VCPU_PIN ? fake_pin : proc == XLD_HELLO ? fake_hello : proc == XLD_DOMAIN_WAIT ? fake_wait :
	       proc == XLD_DOMAIN_INFO ? fake_info : NULL;
}

/* --- clients --- */

static void turn(void)
{
	for (int i = 0; i < 20; i++)
		ev_loop_once(x.loop, 0);
}

static int dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(sun.sun_path, sock_path);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	turn();
	return fd;
}

static struct rpc_header call_header(uint32_t proc, uint32_t serial)
{
	return (struct rpc_header){ .program = XLD_PROGRAM, .version = XLD_VERSION, .proc = proc, .type = XLD_CALL,
				    .serial = serial };
}

static void send_call(int fd, uint32_t proc, uint32_t serial, xdrproc_t xdr, const void *args)
{
	struct rpc_header h = call_header(proc, serial);
	size_t len;
	uint8_t *msg = rpc_encode(&h, xdr, args, &len);

	CU_ASSERT_EQUAL(write(fd, msg, len), (ssize_t)len);
	free(msg);
	turn();
}

static void send_hello(int fd, uint32_t serial)
{
	xld_hello hello = { .protocol = XLD_VERSION, .peer = (char[]){ "me" } };

	send_call(fd, XLD_HELLO, serial, (xdrproc_t)xdr_xld_hello, &hello);
}

static uint8_t received[65536];

/* What came back: 1 a message, 0 nothing, -1 the connection is closed. */
static int answer(int fd, struct rpc_header *h)
{
	ssize_t n;

	turn();
	n = recv(fd, received, sizeof(received), 0);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	return n ? rpc_header_get(received, n, h) : -1;
}

static void expect(int fd, uint32_t proc, uint32_t serial, uint32_t status)
{
	struct rpc_header h = { 0 };

	CU_ASSERT_EQUAL_FATAL(answer(fd, &h), 1);
	CU_ASSERT_EQUAL(h.type, XLD_REPLY);
	CU_ASSERT_EQUAL(h.proc, proc);
	CU_ASSERT_EQUAL(h.serial, serial);
	CU_ASSERT_EQUAL(h.status, status);
}

/* The client is told why nobody listens to it any more, and then hung up on. */
static void expect_refusal(int fd, uint32_t code, const char *cause)
{
	xld_error err = { 0 };
	struct rpc_header h = { 0 };

	CU_ASSERT_EQUAL_FATAL(answer(fd, &h), 1);
	CU_ASSERT_TRUE(h.type == XLD_REPLY && !h.serial && h.status == XLD_ERROR);
	CU_ASSERT_TRUE(rpc_decode(received + RPC_HEADER_SIZE, h.length - RPC_HEADER_SIZE, (xdrproc_t)xdr_xld_error,
				  &err));
	CU_ASSERT_EQUAL(err.code, code);
	CU_ASSERT_STRING_EQUAL(err.cause, cause);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_log, cause));
	rpc_release((xdrproc_t)xdr_xld_error, &err);
	CU_ASSERT_EQUAL(answer(fd, &h), -1);
	close(fd);
	turn();
}

/* After each abuse, others are still served. */
static void still_serves(void)
{
	int fd = dial();

	send_hello(fd, 9);
	expect(fd, XLD_HELLO, 9, XLD_OK);
	close(fd);
	turn();
	CU_ASSERT_EQUAL(x.nr_clients, 0);
}

static void test_serves(void)
{
	struct rpc_header h;
	xld_domain d = { .name = (char[]){ "x" } };
	int a = dial(), b = dial();

	send_hello(a, 1);
	send_hello(b, 5);
	expect(b, XLD_HELLO, 5, XLD_OK);
	expect(a, XLD_HELLO, 1, XLD_OK);
	send_call(a, XLD_DOMAIN_INFO, 2, (xdrproc_t)xdr_xld_domain, &d);
	expect(a, XLD_DOMAIN_INFO, 2, XLD_ERROR);
	CU_ASSERT_EQUAL(answer(b, &h), 0);
	close(a);
	close(b);
	turn();
	still_serves();
}

static void test_garbage(void)
{
	static const struct { const char *noise, *cause; } cases[] = {
		{ "GET / HTTP/1.1\r\nHost: example\r\n\r\n", "it is not the protocol of xld" },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
		  "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "it is not the protocol of xld" },
		{ "................................", "it is not the protocol of xld" },
		{ "\x16\x03\x01\x02\x02\x01............................",
		  "the other side speaks TLS and this one does not" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = dial();

		CU_ASSERT_TRUE(write(fd, cases[i].noise, strlen(cases[i].noise)) > 0);
		expect_refusal(fd, XLD_E_PROTOCOL, cases[i].cause);
		still_serves();
	}
}

static void send_header(struct rpc_header h, const char *cause)
{
	uint8_t bytes[RPC_HEADER_SIZE];
	struct rpc_header back;
	int fd = dial();

	rpc_header_put(bytes, &h);
	CU_ASSERT_EQUAL(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	if (cause) {
		expect_refusal(fd, XLD_E_PROTOCOL, cause);
	} else {
		CU_ASSERT_EQUAL(answer(fd, &back), 0);
		close(fd);
		turn();
	}
	still_serves();
}

static void send_length(uint32_t length, uint32_t type, const char *cause)
{
	struct rpc_header h = call_header(XLD_HELLO, 1);

	h.length = length;
	h.type = type;
	send_header(h, cause);
}

static void test_headers(void)
{
	struct rpc_header old = call_header(XLD_HELLO, 1);

	send_length(0, XLD_CALL, "a message of 0 bytes; there can be 28 to 2097152");
	send_length(RPC_HEADER_SIZE - 1, XLD_CALL, "a message of 27 bytes; there can be 28 to 2097152");
	send_length(XLD_MSG_MAX + 1, XLD_CALL, "a message of 2097153 bytes; there can be 28 to 2097152");
	send_length(0xffffffff, XLD_CALL, "a message of 4294967295 bytes; there can be 28 to 2097152");
	send_length(RPC_HEADER_SIZE, XLD_REPLY, "it sent an answer to something that xld did not ask");
	send_length(RPC_HEADER_SIZE, XLD_EVENT, "it sent an answer to something that xld did not ask");
	send_length(XLD_MSG_MAX, XLD_CALL, NULL);	/* may still come; the client leaves instead */
	old.version = 0;
	send_header(old, "the other side speaks version 0 of the protocol, this one 1");
	old.version = 7;
	send_header(old, "the other side speaks version 7 of the protocol, this one 1");
}

static void test_malformed(void)
{
	xld_nothing nothing = { 0 };
	int fd = dial();

	send_call(fd, XLD_DOMAIN_INFO, 3, (xdrproc_t)xdr_xld_waited, &(xld_waited){ 0x7fffffff });
	expect(fd, XLD_DOMAIN_INFO, 3, XLD_ERROR);
	send_call(fd, 4711, 4, (xdrproc_t)xdr_xld_nothing, &nothing);
	expect(fd, 4711, 4, XLD_ERROR);
	send_call(fd, XLD_EVENT_PROGRESS, 5, (xdrproc_t)xdr_xld_nothing, &nothing);
	expect(fd, XLD_EVENT_PROGRESS, 5, XLD_ERROR);
	send_hello(fd, 6);
	expect(fd, XLD_HELLO, 6, XLD_OK);
	close(fd);
	turn();
	still_serves();
}

/* A call whose number lies beyond a gap, with several arguments: whole, cut off, and with a string that is too long. */
static void test_arguments(void)
{
	static char hard[XLD_PATH_MAX + 2];
	xld_vcpu_pin p = { .name = (char[]){ "x" }, .vcpu = 7, .hard = hard, .soft = (char[]){ "" }, .flags = 1 };
	struct rpc_header h = call_header(XLD_VCPU_PIN, 4), back;
	uint8_t *msg;
	size_t len;
	int fd = dial();

	memset(hard, '1', XLD_PATH_MAX);
	send_call(fd, XLD_VCPU_PIN, 3, (xdrproc_t)xdr_xld_vcpu_pin, &p);
	expect(fd, XLD_VCPU_PIN, 3, XLD_OK);
	CU_ASSERT_TRUE(pinned.vcpu == 7 && pinned.flags == 1);
	CU_ASSERT_STRING_EQUAL(pinned.hard, hard);
	hard[2] = 0;
	msg = rpc_encode(&h, (xdrproc_t)xdr_xld_vcpu_pin, &p, &len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(msg);
	/* The length of hard stands behind name and vcpu. */
	msg[RPC_HEADER_SIZE + 14] = 0x10;
	CU_ASSERT_EQUAL(write(fd, msg, len), (ssize_t)len);
	turn();
	expect(fd, XLD_VCPU_PIN, 4, XLD_ERROR);
	send_call(fd, XLD_VCPU_PIN, 5, (xdrproc_t)xdr_xld_domain, &(xld_domain){ .name = (char[]){ "x" } });
	expect(fd, XLD_VCPU_PIN, 5, XLD_ERROR);
	send_call(fd, XLD_VCPU_PIN + 1, 6, (xdrproc_t)xdr_xld_domain, &(xld_domain){ .name = (char[]){ "x" } });
	expect(fd, XLD_VCPU_PIN + 1, 6, XLD_ERROR);
	CU_ASSERT_EQUAL(answer(fd, &back), 0);
	CU_ASSERT_EQUAL(strlen(pinned.hard), XLD_PATH_MAX);
	free(msg);
	free(pinned.hard);
	pinned.hard = NULL;
	close(fd);
	turn();
	still_serves();
}

static void test_later(void)
{
	xld_wait w = { .name = (char[]){ "x" } };
	xld_waited ret = { 1 };
	struct rpc_header h;
	int fd = dial();

	send_call(fd, XLD_DOMAIN_WAIT, 7, (xdrproc_t)xdr_xld_wait, &w);
	CU_ASSERT_EQUAL(answer(fd, &h), 0);
	send_hello(fd, 8);
	expect(fd, XLD_HELLO, 8, XLD_OK);
	client_progress(waiting, waiting_serial, "half way");
	CU_ASSERT_EQUAL(answer(fd, &h), 1);
	CU_ASSERT_EQUAL(h.type, XLD_EVENT);
	client_reply(waiting, XLD_DOMAIN_WAIT, waiting_serial, &ret);
	expect(fd, XLD_DOMAIN_WAIT, 7, XLD_OK);
	send_call(fd, XLD_DOMAIN_WAIT, 9, (xdrproc_t)xdr_xld_wait, &w);
	CU_ASSERT_PTR_NOT_NULL(waiting);
	close(fd);
	turn();
	CU_ASSERT_PTR_NULL(waiting);
	still_serves();
}

/* A client that asks and never reads: it is not listened to until it does, and then gets every answer. */
static void test_does_not_read(void)
{
	xld_hello hello = { .protocol = XLD_VERSION, .peer = (char[]){ "me" } };
	struct rpc_header h = call_header(XLD_HELLO, 1);
	size_t len, sent = 0, got = 0, part = 0;
	uint8_t *msg = rpc_encode(&h, (xdrproc_t)xdr_xld_hello, &hello, &len);
	static char buf[65536];
	int fd = dial(), idle = 0;
	ssize_t n;

	for (; sent < 100000 && idle < 3; idle++) {
		while ((n = send(fd, msg + part, len - part, MSG_NOSIGNAL)) > 0) {
			part = (part + n) % len;
			sent += !part;
			idle = 0;
		}
		turn();
	}
	CU_ASSERT_TRUE(sent < 100000);
	CU_ASSERT_EQUAL(x.nr_clients, 1);
	for (idle = 0; idle < 3; idle++) {
		while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
			got += n;
			idle = 0;
		}
		turn();
	}
	/* Our hello and its answer differ in the lengths of two names only: "me" and "test" take one word each. */
	CU_ASSERT_EQUAL(got, sent * len);
	free(msg);
	close(fd);
	turn();
	still_serves();
}

static void test_too_many(void)
{
	struct rpc_header h;
	int fds[70];
	int refused = 0;

	for (int i = 0; i < 70; i++)
		fds[i] = dial();
	for (int i = 0; i < 70; i++)
		refused += answer(fds[i], &h) == 1;
	CU_ASSERT_EQUAL(refused, 6);
	CU_ASSERT_EQUAL(x.nr_clients, 64);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_log, "xld has 64 clients already"));
	for (int i = 0; i < 50; i++)
		close(fds[49 - i]);
	turn();
	CU_ASSERT_EQUAL(x.nr_clients, 14);
	for (int i = 50; i < 70; i++)
		close(fds[i]);
	turn();
	still_serves();
}

/* --- other addresses, with the client of lib/rpc in a thread of its own --- */

struct attempt {
	const char *uri;
	char *config;			/* to be created, if not NULL */
	bool done, ok;
	struct rpc_client *client;
	xld_error err;
};

static void *attempt_main(void *arg)
{
	struct attempt *a = arg;
	xld_create create = { .config = a->config };
	xld_created created;

	a->client = rpc_client_open(a->uri, "test", &a->err);
	a->ok = a->client && (!a->config || rpc_client_call(a->client, XLD_DOMAIN_CREATE, &create, &created, &a->err));
	__atomic_store_n(&a->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Run the server until the client has what it wants, or an error. The client is left open. */
static void attempt(struct attempt *a, const char *uri, char *config)
{
	pthread_t thread;

	*a = (struct attempt){ .uri = uri, .config = config };
	pthread_create(&thread, NULL, attempt_main, a);
	while (!__atomic_load_n(&a->done, __ATOMIC_ACQUIRE))
		ev_loop_once(x.loop, 10);
	pthread_join(thread, NULL);
}

static void attempt_end(struct attempt *a)
{
	rpc_client_close(a->client);
	if (!a->ok)
		rpc_release((xdrproc_t)xdr_xld_error, &a->err);
	for (int i = 0; i < 300 && x.nr_remote; i++)
		ev_loop_once(x.loop, 10);
	CU_ASSERT_EQUAL(x.nr_remote, 0);
	still_serves();
}

static void good(const char *uri)
{
	struct attempt a;

	attempt(&a, uri, NULL);
	if (!a.ok)
		printf("\n%s: %s\n", uri, a.err.cause);
	CU_ASSERT_TRUE(a.ok);
	attempt_end(&a);
}

/* What the client is told, and what the server's log says. */
static void refused(const char *uri, const char *cause, const char *logged)
{
	struct attempt a;

	last_log[0] = 0;
	attempt(&a, uri, NULL);
	CU_ASSERT_FALSE_FATAL(a.ok);
	for (int i = 0; i < 100 && !strstr(last_log, logged); i++)
		ev_loop_once(x.loop, 10);
	if (!strstr(a.err.cause, cause) || !strstr(last_log, logged))
		printf("\n%s: %s\nlog: %s\n", uri, a.err.cause, last_log);
	CU_ASSERT_PTR_NOT_NULL(strstr(a.err.cause, cause));
	CU_ASSERT_PTR_NOT_NULL(strstr(last_log, logged));
	CU_ASSERT_STRING_EQUAL(a.err.object, uri);
	attempt_end(&a);
}

static char tls_uri[40], tcp_uri[40];

static void test_remote(void)
{
	good(tls_uri);
	good(tcp_uri);
}

static void test_certificates(void)
{
	static const struct { enum holder holder; const char *cause, *logged; } cases[] = {
		{ EXPIRED, "the server refused us: our certificate has expired", "' expired at 20" },
		{ EVIL, "the server refused us: our certificate is not of the CA", "is not of the CA that we trust" },
		{ ONLY_SERVER, "the server refused us: our certificate is not for this use", "is not for this use" },
		{ STRANGER, "is not of the CA that we trust", "is not of the CA that we trust" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rpc_client_set_pki(pki_of(cases[i].holder));
		refused(tls_uri, cases[i].cause, cases[i].logged);
	}
	rpc_client_set_pki(pki_of(GOOD));
}

static void test_wrong_scheme(void)
{
	char uri[48];

	snprintf(uri, sizeof(uri), "tls%s", tcp_uri + 3);
	refused(uri, "the server does not speak TLS", "the other side speaks TLS and this one does not");
	snprintf(uri, sizeof(uri), "tcp%s", tls_uri + 3);
	refused(uri, "the other side speaks TLS and this one does not", "the client does not speak TLS");
}

static void test_allow_list(void)
{
	conf.allow[conf.nr_allow++] = xstrdup("elsewhere.example");
	rpc_client_set_pki(pki_of(OTHER_NAME));
	good(tls_uri);
	rpc_client_set_pki(pki_of(GOOD));
	refused(tls_uri, "the name of the client's certificate is not on the list tls_allow of xld.conf",
		"'localhost' was refused: the name of the client's certificate is not on the list");
	free(conf.allow[--conf.nr_allow]);
}

static int dial_remote(const char *uri)
{
	struct rpc_addr a;
	char *why;
	int fd;

	CU_ASSERT_TRUE(rpc_addr_parse(&a, uri, &why));
	fd = rpc_net_connect(&a, &why);
	rpc_addr_free(&a);
	CU_ASSERT_FATAL(fd >= 0);
	rpc_fd_block(fd, false);
	turn();
	return fd;
}

/* Who connects and says nothing, or not enough, is dropped in time, and keeps nobody from being served. */
static void test_silent(void)
{
	static const char *const beginnings[] = { "", "\x16\x03\x01\x02" };
	struct rpc_header h;
	int fds[4];

	conf.handshake_s = 1;
	for (int i = 0; i < 4; i++) {
		fds[i] = dial_remote(i < 2 ? tls_uri : tcp_uri);
		CU_ASSERT_TRUE(write(fds[i], beginnings[i & 1], strlen(beginnings[i & 1])) >= 0);
	}
	turn();
	CU_ASSERT_EQUAL(x.nr_remote, 4);
	still_serves();
	good(tls_uri);
	conf.handshake_s = 10;
	for (int i = 0; i < 400 && x.nr_remote; i++)
		ev_loop_once(x.loop, 10);
	CU_ASSERT_EQUAL(x.nr_remote, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_log, "within 1 s"));
	for (int i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(answer(fds[i], &h), i < 2 ? -1 : 1);	/* who speaks our protocol is told */
		CU_ASSERT_EQUAL(answer(fds[i], &h), -1);
		close(fds[i]);
	}
}

/* Remote clients have a number of their own, so that they cannot keep out the local ones. */
static void test_too_many_remote(void)
{
	int fds[40];

	for (int i = 0; i < 40; i++)
		fds[i] = dial_remote(i & 1 ? tls_uri : tcp_uri);
	CU_ASSERT_EQUAL(x.nr_remote, 32);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_log, "xld has 32 remote clients already"));
	still_serves();
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	for (int i = 0; i < 100 && x.nr_remote; i++)
		ev_loop_once(x.loop, 10);
	CU_ASSERT_EQUAL(x.nr_remote, 0);
}

/* A call whose connection a process goes on with: what the client sends and gets then is that process's. */
static void check_pipe(const char *uri)
{
	struct attempt a;
	char buf[16] = "";
	int fd;

	attempt(&a, uri, (char[]){ "pipe" });
	CU_ASSERT_TRUE_FATAL(a.ok);
	CU_ASSERT_EQUAL(x.nr_remote + x.nr_clients, 0);
	fd = rpc_client_detach(a.client);
	a.client = NULL;
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, "hello", 5), 5);
	CU_ASSERT_EQUAL(shutdown(fd, SHUT_WR), 0);
	for (size_t n = 0; n < 5; n++)
		CU_ASSERT_EQUAL_FATAL(read(fd, buf + n, 1), 1);
	CU_ASSERT_STRING_EQUAL(buf, "HELLO");
	CU_ASSERT_EQUAL(read(fd, buf, 1), 0);
	close(fd);
	CU_ASSERT_EQUAL(waitpid(piper, NULL, 0), piper);
	attempt_end(&a);
}

static void test_pipe(void)
{
	check_pipe(tls_uri);
	check_pipe(tcp_uri);
	check_pipe(sock_path);
}

/* --- connections of one migration --- */

static struct rpc_client *lane(char token, unsigned int number)
{
	xld_error err = { 0 };
	struct rpc_client *c = rpc_client_open(sock_path, "test", &err);
	xld_lane l = { .number = number };
	xld_nothing nothing;

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	memset(l.token, token, sizeof(l.token));
	CU_ASSERT(!number || rpc_client_call(c, XLD_MIGRATE_LANE, &l, &nothing, &err));
	return c;
}

static unsigned int lanes_seen(struct rpc_client *c, char token)
{
	char none[] = "";
	xld_offer o = { .from = none, .config = none, .next = none };
	xld_accepted a;
	xld_error err = { 0 };
	unsigned int n;

	memset(o.token, token, sizeof(o.token));
	CU_ASSERT_FATAL(rpc_client_call(c, XLD_MIGRATE_OFFER, &o, &a, &err));
	n = a.domid;
	rpc_release((xdrproc_t)xdr_xld_accepted, &a);
	return n;
}

static void sees(struct rpc_client *c, char token, unsigned int n)
{
	CU_ASSERT_EQUAL(lanes_seen(c, token), n);
}

/* The server may hear of the end of a connection after the next call on another. */
static void sees_soon(struct rpc_client *c, char token, unsigned int n)
{
	for (int i = 0; i < 500 && lanes_seen(c, token) != n; i++)
		usleep(10000);
	sees(c, token, n);
}

static bool lanes_done;

/* Whoever asks is not found itself: two of one would be made of it. */
static void *lanes_of_clients(void *arg)
{
	struct rpc_client *first = lane('a', 1), *second = lane('a', 2), *other = lane('b', 1), *asks = lane('a', 0);

	(void)arg;
	sees(asks, 'a', 2);
	sees(asks, 'b', 1);
	sees(asks, 'c', 0);
	sees(first, 'a', 0);
	sees(second, 'a', 1);
	sees(other, 'b', 0);
	rpc_client_close(second);
	sees_soon(asks, 'a', 1);
	rpc_client_close(first);
	sees_soon(asks, 'a', 0);
	rpc_client_close(other);
	rpc_client_close(asks);
	__atomic_store_n(&lanes_done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void test_lanes(void)
{
	pthread_t thread;

	lanes_done = false;
	pthread_create(&thread, NULL, lanes_of_clients, NULL);
	while (!__atomic_load_n(&lanes_done, __ATOMIC_ACQUIRE))
		ev_loop_once(x.loop, 10);
	pthread_join(thread, NULL);
	turn();
}

/* --- keep-alive and events --- */

static void send_wait(int fd, uint32_t serial)
{
	xld_wait w = { .name = (char[]){ "x" } };

	send_call(fd, XLD_DOMAIN_WAIT, serial, (xdrproc_t)xdr_xld_wait, &w);
}

/*
 * Three remote clients are silent: one that waits and answers when asked, one that waits and does not, one that waits
 * for nothing; the local one is not asked.
 */
static void test_keepalive(void)
{
	enum { ANSWERS, MUTE, IDLE, LOCAL, NR };
	xld_nothing nothing = { 0 };
	struct rpc_header h;
	unsigned int pings[NR] = { 0 }, rounds;
	int fds[NR];
	bool closed = false;

	conf.keepalive_s = 2;
	for (int i = 0; i < NR; i++) {
		fds[i] = i == LOCAL ? dial() : dial_remote(tcp_uri);
		if (i == IDLE)
			send_hello(fds[i], 1);
		else
			send_wait(fds[i], 1);
	}
	for (rounds = 0; rounds < 1200 && pings[ANSWERS] < 2; rounds++) {
		ev_loop_once(x.loop, 10);
		for (int i = 0; i < NR; i++) {
			int got = i == MUTE && closed ? 0 : answer(fds[i], &h);

			CU_ASSERT_TRUE(got >= 0 || i == MUTE);
			if (got < 0) {
				closed = true;
				close(fds[i]);
			}
			pings[i] += got == 1 && h.type == XLD_EVENT && h.proc == XLD_EVENT_PING;
			if (i == ANSWERS && got == 1 && h.proc == XLD_EVENT_PING)
				send_call(fds[i], XLD_PING, 99, (xdrproc_t)xdr_xld_nothing, &nothing);
		}
	}
	CU_ASSERT_EQUAL(pings[ANSWERS], 2);
	CU_ASSERT_EQUAL(pings[MUTE], 1);
	CU_ASSERT_EQUAL(pings[IDLE] + pings[LOCAL], 0);
	CU_ASSERT_TRUE(closed);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_log, "was dropped: the client was silent, also when asked, for 4 s"));
	CU_ASSERT_EQUAL(x.nr_remote, 2);
	conf.keepalive_s = CONF_KEEPALIVE_S;
	for (int i = 0; i < NR; i++)
		if (i != MUTE)
			close(fds[i]);
	turn();
	still_serves();
}

static void test_events(void)
{
	xld_domain_event e = { .what = XLD_PAUSED, .name = (char[]){ "x" }, .old_name = (char[]){ "" },
			       .cause = (char[]){ "" } };
	xld_subscribe s = { XLD_SUBSCRIBE_DOMAINS };
	struct rpc_header h;
	int a = dial(), b = dial();

	send_call(a, XLD_EVENT_SUBSCRIBE, 1, (xdrproc_t)xdr_xld_subscribe, &s);
	expect(a, XLD_EVENT_SUBSCRIBE, 1, XLD_OK);
	s.kinds = XLD_SUBSCRIBE_JOBS;
	send_call(b, XLD_EVENT_SUBSCRIBE, 1, (xdrproc_t)xdr_xld_subscribe, &s);
	expect(b, XLD_EVENT_SUBSCRIBE, 1, XLD_OK);
	CU_ASSERT_EQUAL(x.nr_subscribers, 1);
	client_event_all(&x, XLD_SUBSCRIBE_DOMAINS, XLD_EVENT_DOMAIN, &e);
	CU_ASSERT_EQUAL(answer(a, &h), 1);
	CU_ASSERT_TRUE(h.type == XLD_EVENT && h.proc == XLD_EVENT_DOMAIN && !h.serial);
	CU_ASSERT_EQUAL(answer(b, &h), 0);
	close(a);
	close(b);
	turn();
	CU_ASSERT_EQUAL(x.nr_subscribers, 0);
	still_serves();
}

static struct rpc_header hello_call;
static xld_hello hello_args = { .protocol = XLD_VERSION, .peer = (char[]){ "me" } };

static void queue_hellos(struct rpc_stream *s, int n)
{
	hello_call = call_header(XLD_HELLO, 1);
	while (n--)
		CU_ASSERT_TRUE(rpc_stream_queue(s, &hello_call, (xdrproc_t)xdr_xld_hello, &hello_args));
}

/* Read and count what is there, until nothing more comes or it is enough. */
static size_t count_answers(struct rpc_stream *s, size_t enough)
{
	struct rpc_header h;
	const uint8_t *body;
	size_t got = 0, len;

	for (int idle = 0; got < enough && idle < 5; turn(), idle++) {
		CU_ASSERT_TRUE(rpc_stream_flush(s) >= 0);
		while (rpc_stream_fill(s) > 0) {
			for (; rpc_stream_peek(s, &h, &body, &len) == 1; got++)
				rpc_stream_pop(s);
			idle = 0;
		}
	}
	return got;
}

/* Over TLS bytes may wait in the session while the socket has none: many messages in a record; answers not read. */
static void test_many_over_tls(void)
{
	struct rpc_creds *creds;
	struct rpc_stream s;
	size_t sent = 0;
	int idle = 0;
	char *why;

	creds = rpc_creds_new(pki_of(GOOD), &why);
	rpc_stream_init(&s, dial_remote(tls_uri));
	CU_ASSERT_TRUE_FATAL(rpc_stream_secure(&s, creds, "localhost", &why));
	while (rpc_stream_handshake(&s) == 0)
		turn();
	queue_hellos(&s, 300);
	CU_ASSERT_EQUAL(rpc_stream_flush(&s), 1);
	CU_ASSERT_EQUAL(count_answers(&s, 300), 300);
	for (; sent < 200000 && idle < 3; sent += 1000, turn()) {
		queue_hellos(&s, 1000);
		idle = rpc_stream_flush(&s) == 1 ? 0 : idle + 1;
	}
	CU_ASSERT_TRUE(sent < 200000);
	CU_ASSERT_EQUAL(count_answers(&s, sent), sent);
	rpc_stream_close(&s);
	rpc_creds_free(creds);
	turn();
	still_serves();
}

/* The reason arrives also over TCP, where closing a connection with input that nobody has read would destroy it. */
static void test_reason_arrives(void)
{
	static char noise[100000];
	int fd = dial_remote(tcp_uri);

	memset(noise, '.', sizeof(noise));
	CU_ASSERT_EQUAL(write(fd, noise, sizeof(noise)), (ssize_t)sizeof(noise));
	expect_refusal(fd, XLD_E_PROTOCOL, "it is not the protocol of xld");
	still_serves();
}

/* --- clients of other users --- */

enum { SOME_GROUP = 61001, OTHER_GROUP = 61002 };

/* Call HOST_DMESG from a process of another user who is in this group. Returns the error's code, 0: it was served. */
static int call_as(gid_t gid, bool primary, u_int flags)
{
	xld_dmesg args = { flags };
	xld_dmesg_text text;
	xld_error err = { 0 };
	struct rpc_client *c;
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		gid_t more = primary ? OTHER_GROUP : gid;

		if (setgroups(1, &more) || setgid(primary ? gid : OTHER_GROUP) || setuid(61000))
			_exit(200);
		c = rpc_client_open(sock_path, "test", &err);
		if (c && rpc_client_call(c, XLD_HOST_DMESG, &args, &text, &err))
			_exit(0);
		_exit(*err.advice ? (int)err.code : 201);
	}
	while (!waitpid(pid, &status, WNOHANG))
		ev_loop_once(x.loop, 10);
	turn();
	return WEXITSTATUS(status);
}

static void test_rights(void)
{
	int fds[MAX_LOCAL];

	if (geteuid()) {
		printf("(skipped: needs root) ");
		return;
	}
	chmod(sock_path, 0666);
	x.group = SOME_GROUP;
	CU_ASSERT_EQUAL(call_as(SOME_GROUP, true, XLD_DMESG_CLEAR), 0);
	CU_ASSERT_EQUAL(call_as(SOME_GROUP, false, XLD_DMESG_CLEAR), 0);
	CU_ASSERT_EQUAL(call_as(61003, true, 0), XLD_E_DENIED);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_log, "of user 61000 was refused: user 61000 is not root, and in no group"));
	for (int i = 0; i < MAX_LOCAL - FOR_ROOT; i++)
		fds[i] = dial();
	CU_ASSERT_EQUAL(call_as(SOME_GROUP, true, 0), XLD_E_BUSY);	/* root still gets in */
	for (int i = 0; i < MAX_LOCAL - FOR_ROOT; i++)
		close(fds[i]);
	turn();
	x.read_only_group = SOME_GROUP;
	x.group = (gid_t)-1;
	CU_ASSERT_EQUAL(call_as(SOME_GROUP, true, 0), 0);
	CU_ASSERT_EQUAL(call_as(SOME_GROUP, false, 0), 0);
	CU_ASSERT_EQUAL(call_as(SOME_GROUP, true, XLD_DMESG_CLEAR), XLD_E_DENIED);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_log, "may only look, and was refused XLD_HOST_DMESG"));
	x.read_only_group = (gid_t)-1;
	CU_ASSERT_EQUAL(call_as(SOME_GROUP, true, 0), XLD_E_DENIED);
	chmod(sock_path, 0600);
	still_serves();
}

/* Another configuration: taken as a whole or not at all. */
static void test_configure(void)
{
	struct xld_conf other = conf;
	struct rpc_creds *creds = x.creds;
	struct stat st;
	char *why;

	other.nr_listen--;
	CU_ASSERT_FALSE_FATAL(server_configure(&x, &other, &why));
	CU_ASSERT_STRING_EQUAL(why, "other addresses to listen on need a restart of xld");
	free(why);
	other.nr_listen++;
	other.group = (char *)"no-such-group";
	CU_ASSERT_FALSE_FATAL(server_configure(&x, &other, &why));
	free(why);
	CU_ASSERT_TRUE(x.conf == &conf && x.creds == creds);
	other.group = (char *)"root";
	CU_ASSERT_TRUE_FATAL(server_configure(&x, &other, &why));
	CU_ASSERT_TRUE(x.conf == &other && x.creds != creds && x.group == 0);
	CU_ASSERT_TRUE(!stat(sock_path, &st) && (st.st_mode & 0777) == 0666);
	CU_ASSERT_TRUE_FATAL(server_configure(&x, &conf, &why));
	CU_ASSERT_TRUE(!stat(sock_path, &st) && (st.st_mode & 0777) == 0600);
	still_serves();
}

/* What cannot be started says why. */
static void bad_start(const char *uri, const char *group, const char *want)
{
	char *why = NULL, path[80];
	struct xld_conf other;
	struct xld bad = { .loop = x.loop, .conf = &other };

	snprintf(path, sizeof(path), "%s.bad", sock_path);
	bad.socket_path = path;
	conf_init(&other);
	if (uri)
		CU_ASSERT_TRUE(conf_listen(&other, uri, &why));
	other.group = group ? xstrdup(group) : NULL;
	CU_ASSERT_FALSE_FATAL(server_start(&bad, &why));
	if (!strstr(why, want))
		printf("\n%s\n", why);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, want));
	free(why);
	server_stop(&bad);
	conf_free(&other);
}

static void test_bad_start(void)
{
	bad_start("tls://127.0.0.1:1", NULL, "/etc/xen-lite/pki/ca.pem: No such file");
	bad_start(tcp_uri, NULL, "Address already in use");
	bad_start("tcp://192.0.2.7:1", NULL, "tcp://192.0.2.7:1: Cannot assign requested address");
	bad_start("tcp://no.such.host.invalid", NULL, "no.such.host.invalid: ");
	bad_start(NULL, "no-such-group", "xld.conf: there is no group 'no-such-group'");
}

/* Ports that are free. */
static void choose_ports(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	char *why;

	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		char *uri = i ? tcp_uri : tls_uri;

		sin.sin_port = 0;
		CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&sin, len), 0);
		CU_ASSERT_EQUAL(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
		snprintf(uri, sizeof(tls_uri), "%s://127.0.0.1:%u", i ? "tcp" : "tls", ntohs(sin.sin_port));
		conf_listen(&conf, uri, &why);
		close(fd);
	}
}

static void test_start(void)
{
	char *why = NULL;

	pki_world_start();
	conf_init(&conf);
	rpc_pki_free(&conf.pki);
	conf.pki = (struct rpc_pki){ .ca = xstrdup(pki_of(GOOD)->ca), .cert = xstrdup(pki_of(GOOD)->cert),
				     .key = xstrdup(pki_of(GOOD)->key) };
	rpc_client_set_pki(pki_of(GOOD));
	choose_ports();
	snprintf(sock_path, sizeof(sock_path), "/tmp/test_xld_server.%d", (int)getpid());
	x.conf = &conf;
	x.socket_path = sock_path;
	x.loop = ev_loop_new();
	CU_ASSERT_TRUE_FATAL(x.loop && server_start(&x, &why));
}

static void test_end(void)
{
	server_stop(&x);
	conf_free(&conf);
	rpc_client_set_pki(NULL);
	pki_world_end();
	ev_loop_free(x.loop);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "start", test_start }, { "serves", test_serves }, { "garbage", test_garbage },
		{ "headers", test_headers }, { "malformed", test_malformed }, { "arguments", test_arguments },
		{ "answers that come later", test_later }, { "a client that does not read", test_does_not_read },
		{ "too many clients", test_too_many }, { "other addresses", test_remote },
		{ "certificates", test_certificates }, { "wrong scheme", test_wrong_scheme },
		{ "allow list", test_allow_list }, { "silent clients", test_silent },
		{ "too many remote clients", test_too_many_remote }, { "many over TLS", test_many_over_tls },
		{ "reason arrives", test_reason_arrives }, { "pipes", test_pipe }, { "lanes", test_lanes },
		{ "keep-alive", test_keepalive }, { "events", test_events },
		{ "rights", test_rights }, { "another configuration", test_configure }, { "bad start", test_bad_start }, { "end", test_end },
		CU_TEST_INFO_NULL,
	};

	signal(SIGPIPE, SIG_IGN);
	return suite_run("xld server", tests);
}
