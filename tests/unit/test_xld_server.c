/* SPDX-License-Identifier: MIT */
/*
 * xld's socket: the real server.c with a few calls of its own instead of calls.c. Well-behaved clients are served;
 * garbage, oversized, cut-off, unknown and malformed messages cost only their sender its connection or an error; more
 * clients than allowed are refused; answers that come later find their client, or nobody.
 */

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "suite.h"

#include "../../dom0-tools/xld/conf.h"
#include "../../dom0-tools/xld/xld.h"

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

call_fn *call_find(uint32_t proc)
{
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
	CU_ASSERT_TRUE(rpc_decode(received + RPC_HEADER_SIZE, h.length - RPC_HEADER_SIZE, (xdrproc_t)xdr_xld_error, &err));
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
	for (int i = 0; i < 70; i++)
		close(fds[i]);
	turn();
	still_serves();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "serves", test_serves }, { "garbage", test_garbage }, { "headers", test_headers },
		{ "malformed", test_malformed }, { "arguments", test_arguments }, { "answers that come later", test_later },
		{ "a client that does not read", test_does_not_read }, { "too many clients", test_too_many },
		CU_TEST_INFO_NULL,
	};
	char *why = NULL;
	int rc;

	snprintf(sock_path, sizeof(sock_path), "/tmp/test_xld_server.%d", (int)getpid());
	conf_init(&conf);
	x.conf = &conf;
	x.socket_path = sock_path;
	x.loop = ev_loop_new();
	if (!x.loop || !server_start(&x, &why))
		return 2;
	rc = suite_run("xld server", tests);
	server_stop(&x);
	conf_free(&conf);
	ev_loop_free(x.loop);
	return rc;
}
