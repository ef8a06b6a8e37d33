/* SPDX-License-Identifier: MIT */
/*
 * lib/rpc: every body of the protocol there and back, headers and their limits, streams fed in pieces, and the client
 * against a peer that answers well, badly or not at all.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/xrpc.h"
#include "suite.h"
#include "util/mem.h"

static const struct rpc_header call = {
	.program = XLD_PROGRAM, .version = XLD_VERSION, .proc = XLD_HELLO, .type = XLD_CALL, .serial = 7,
};

static char text[] = "some text", empty[] = "";

/* Encode, decode, encode again: the bytes must be equal, and every cut of them must be refused. */
static void round_trip(xdrproc_t xdr, void *obj, size_t size)
{
	void *back = xcalloc(1, size);
	size_t la, lb;
	uint8_t *a = rpc_encode(&call, xdr, obj, &la), *b;

	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	CU_ASSERT_TRUE_FATAL(rpc_decode(a + RPC_HEADER_SIZE, la - RPC_HEADER_SIZE, xdr, back));
	b = rpc_encode(&call, xdr, back, &lb);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	CU_ASSERT_EQUAL(la, lb);
	CU_ASSERT_EQUAL(memcmp(a, b, la), 0);
	rpc_release(xdr, back);
	for (size_t cut = 1; cut <= la - RPC_HEADER_SIZE && cut < 200; cut++) {
		memset(back, 0, size);
		CU_ASSERT_FALSE(rpc_decode(a + RPC_HEADER_SIZE, la - RPC_HEADER_SIZE - cut, xdr, back));
		rpc_release(xdr, back);
	}
	free(back);
	free(a);
	free(b);
}

#define ROUND(type, ...) do { type obj = { __VA_ARGS__ }; \
	round_trip((xdrproc_t)xdr_##type, &obj, sizeof(obj)); } while (0)

static xld_dominfo sample_info(void)
{
	return (xld_dominfo){ .domid = 3, .name = text, .uuid = "0123456789abcde", .state = XLD_S_CRASHED, .running = 1,
		.blocked = 1, .shutdown = 1, .reason = 3, .crash = text, .memory_kib = 1ULL << 40, .vcpus = 2,
		.max_vcpus = 4, .cpu_time_ns = ~0ULL, .start_time = 1700000000 };
}

static void test_bodies(void)
{
	xld_dominfo info[2] = { sample_info(), sample_info() };
	xld_device device = { .devid = 1, .evtchn = -1, .ring_ref = 8, .name = text, .target = text, .path = text };
	xld_vcpu vcpus[2] = {
		{ .online = 1, .cpu = 8, .cpu_time_ns = ~0ULL, .hard = { sizeof(text), text }, .soft = { 2, text } },
		{ .blocked = 1 },
	};
	xld_host host = { .nr_cpus = 2, .hw_caps = { 1, 2, 3, 4, 5, 6, 7, 8 }, .total_kib = 1 << 20, .xen_extra = text,
		.xen_caps = text, .scheduler = text, .changeset = empty, .commandline = text, .compiler = text,
		.compile_by = text, .compile_domain = text, .compile_date = text, .build_id = empty };

	info[1].name = empty;
	round_trip((xdrproc_t)xdr_xld_dominfo, &info[0], sizeof(info[0]));
	round_trip((xdrproc_t)xdr_xld_host, &host, sizeof(host));
	ROUND(xld_nothing, 1);
	ROUND(xld_hello, .protocol = 1, .peer = text, .pid = 9);
	ROUND(xld_domain, .name = text);
	ROUND(xld_domain_list, .domains = { 2, info });
	ROUND(xld_config, .json = text);
	ROUND(xld_create, .config = text, .flags = XLD_CREATE_PAUSED);
	ROUND(xld_created, .domid = 5, .uuid = "0123456789abcde");
	ROUND(xld_shutdown, .name = text, .kind = XLD_REBOOT);
	ROUND(xld_wait, .name = text, .timeout_s = 10);
	ROUND(xld_waited, .reason = ~0U);
	ROUND(xld_console, .tty = text, .log = empty);
	ROUND(xld_dmesg, .flags = XLD_DMESG_CLEAR);
	ROUND(xld_dmesg_text, .text = { sizeof(text), text });
	ROUND(xld_progress, .text = text);
	ROUND(xld_vcpu_list, .domid = 3, .name = text, .nr_cpus = 9, .vcpus = { 2, vcpus });
	ROUND(xld_vcpu_pin, .name = text, .vcpu = XLD_VCPU_ALL, .hard = text, .soft = empty, .flags = XLD_PIN_FORCE);
	ROUND(xld_vcpu_set, .name = text, .vcpus = 3, .flags = XLD_VCPU_OVERCOMMIT);
	ROUND(xld_sched_domain, .name = text, .set = XLD_SCHED_CAP, .domid = 1, .weight = 65535, .cap = 50);
	ROUND(xld_sched_host, .set = XLD_SCHED_TSLICE, .tslice_ms = 30, .ratelimit_us = 1000);
	ROUND(xld_memory, .name = text, .kib = 1ULL << 40, .flags = XLD_MEM_FORCE);
	ROUND(xld_attach, .name = text, .kind = XLD_NETWORK, .spec = text);
	ROUND(xld_attached, .devid = 51712);
	ROUND(xld_detach, .name = text, .kind = XLD_DISK, .device = text, .force = true);
	ROUND(xld_devices_of, .name = text, .kind = XLD_DISK);
	ROUND(xld_device_list, .devices = { 1, &device });
	ROUND(xld_subscribe, .kinds = XLD_SUBSCRIBE_JOBS);
	ROUND(xld_domain_event, .what = XLD_RENAMED, .time_ms = ~0ULL, .domid = 3, .uuid = "0123456789abcde",
	      .name = text, .old_name = text, .reason = 3, .cause = empty);
	ROUND(xld_job_event, .time_ms = 1, .domid = ~0U, .uuid = "0123456789abcde", .name = text, .text = text);
	ROUND(xld_error, .code = XLD_E_BUSY, .what = text, .object = text, .cause = text, .advice = empty);
}

/* The table names every procedure of the .x file, once, and bodies the test above knows. */
static void test_table(void)
{
	uint32_t last = 0;
	size_t n = 0;

	for (const struct rpc_proc *p; (p = rpc_proc_at(n)); n++) {
		CU_ASSERT_PTR_EQUAL(rpc_proc_find(p->proc), p);
		CU_ASSERT_TRUE(p->proc > last);
		last = p->proc;
	}
	for (uint32_t proc = XLD_HELLO; proc <= XLD_HOST_DMESG; proc++)
		CU_ASSERT_PTR_NOT_NULL(rpc_proc_find(proc));
	for (uint32_t proc = XLD_VCPU_LIST; proc <= XLD_MEM_MAX; proc++)
		CU_ASSERT_PTR_NOT_NULL(rpc_proc_find(proc));
	for (uint32_t proc = XLD_DEVICE_ATTACH; proc <= XLD_CD_CHANGE; proc++)
		CU_ASSERT_PTR_NOT_NULL(rpc_proc_find(proc));
	for (uint32_t proc = XLD_DOMAIN_SAVE; proc <= XLD_JOB_CANCEL; proc++)
		CU_ASSERT_PTR_NOT_NULL(rpc_proc_find(proc));
	for (uint32_t proc = XLD_DOMAIN_RENAME; proc <= XLD_CONSOLE_TAIL; proc++)
		CU_ASSERT_PTR_NOT_NULL(rpc_proc_find(proc));
	for (uint32_t proc = XLD_DEFINE; proc <= XLD_AUTOSTART; proc++)
		CU_ASSERT_PTR_NOT_NULL(rpc_proc_find(proc));
	CU_ASSERT_PTR_NOT_NULL(rpc_proc_find(XLD_EVENT_SUBSCRIBE));
	CU_ASSERT_PTR_NOT_NULL(rpc_proc_find(XLD_PING));
	for (uint32_t event = XLD_EVENT_PROGRESS; event <= XLD_EVENT_JOB; event++)
		CU_ASSERT_PTR_NOT_NULL(rpc_event_find(event));
	CU_ASSERT_PTR_NULL(rpc_event_find(XLD_HELLO));
	CU_ASSERT_PTR_NULL(rpc_proc_find(0));
	CU_ASSERT_PTR_NULL(rpc_proc_find(XLD_EVENT_PROGRESS));
	for (unsigned int c = XLD_E_PROTOCOL; c <= XLD_E_INVALID; c++)
		CU_ASSERT_NOT_EQUAL(strcmp(rpc_code_name(c), "E_UNKNOWN"), 0);
	CU_ASSERT_STRING_EQUAL(rpc_code_name(0), "E_UNKNOWN");
	CU_ASSERT_STRING_EQUAL(rpc_code_name(4000), "E_UNKNOWN");
}

/* Who may only look may call just what changes nothing: by procedure, and by what is asked of it. */
static void test_changes(void)
{
	static const uint32_t reads[] = {
		XLD_HELLO, XLD_DOMAIN_LIST, XLD_DOMAIN_INFO, XLD_DOMAIN_CONFIG, XLD_DOMAIN_WAIT, XLD_DOMAIN_CONSOLE,
		XLD_HOST_INFO, XLD_VCPU_LIST, XLD_DEVICE_LIST, XLD_EVENT_SUBSCRIBE, XLD_PING, XLD_MIGRATE_LIST,
		XLD_JOB_LIST, XLD_DEFINED_LIST, XLD_DEFINED_CONFIG, XLD_DOMAIN_STATS, XLD_DOMAIN_EXPLAIN,
	};
	xld_sched_domain domain = { .set = 0 };
	xld_sched_host host = { .set = 0 };
	xld_dmesg dmesg = { 0 };
	unsigned int free_for_all = 0;
	const struct rpc_proc *p;

	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
		CU_ASSERT_PTR_NULL(rpc_proc_find(reads[i])->changes);
	for (size_t i = 0; (p = rpc_proc_at(i)); i++)
		free_for_all += !p->changes;
	CU_ASSERT_EQUAL(free_for_all, sizeof(reads) / sizeof(reads[0]));
	CU_ASSERT_TRUE(rpc_proc_find(XLD_DOMAIN_PAUSE)->changes(NULL));
	CU_ASSERT_FALSE(rpc_proc_find(XLD_HOST_DMESG)->changes(&dmesg));
	CU_ASSERT_FALSE(rpc_proc_find(XLD_SCHED_DOMAIN)->changes(&domain));
	CU_ASSERT_FALSE(rpc_proc_find(XLD_SCHED_HOST)->changes(&host));
	dmesg.flags = XLD_DMESG_CLEAR;
	domain.set = XLD_SCHED_CAP;
	host.set = XLD_SCHED_TSLICE;
	CU_ASSERT_TRUE(rpc_proc_find(XLD_HOST_DMESG)->changes(&dmesg));
	CU_ASSERT_TRUE(rpc_proc_find(XLD_SCHED_DOMAIN)->changes(&domain));
	CU_ASSERT_TRUE(rpc_proc_find(XLD_SCHED_HOST)->changes(&host));
}

/* No more vCPUs, and no larger maps, than there may be. */
static void test_vcpu_limits(void)
{
	static xld_vcpu vcpus[XLD_VCPUS_MAX + 1];
	static char map[XLD_CPUMAP_MAX + 1];
	xld_vcpu_list list = { .name = text, .vcpus = { XLD_VCPUS_MAX, vcpus } };
	uint8_t *msg;
	size_t len;

	vcpus[0].hard.hard_val = map;
	vcpus[0].hard.hard_len = XLD_CPUMAP_MAX;
	msg = rpc_encode(&call, (xdrproc_t)xdr_xld_vcpu_list, &list, &len);
	CU_ASSERT_PTR_NOT_NULL(msg);
	free(msg);
	vcpus[0].hard.hard_len++;
	CU_ASSERT_PTR_NULL(rpc_encode(&call, (xdrproc_t)xdr_xld_vcpu_list, &list, &len));
	vcpus[0].hard.hard_len--;
	list.vcpus.vcpus_len++;
	CU_ASSERT_PTR_NULL(rpc_encode(&call, (xdrproc_t)xdr_xld_vcpu_list, &list, &len));
}

static void test_limits(void)
{
	char *longname = xasprintf("%0*d", XLD_NAME_MAX + 1, 0);
	xld_domain d = { .name = longname };
	uint8_t huge[] = { 0x7f, 0xff, 0xff, 0xff, 'a', 'b', 'c', 'd' };
	uint8_t nul[] = { 0, 0, 0, 3, 'a', 0, 'c', 0 };
	xld_domain_list list = { 0 };
	size_t len;

	CU_ASSERT_PTR_NULL(rpc_encode(&call, (xdrproc_t)xdr_xld_domain, &d, &len));
	memset(&d, 0, sizeof(d));
	CU_ASSERT_FALSE(rpc_decode(huge, sizeof(huge), (xdrproc_t)xdr_xld_domain, &d));
	rpc_release((xdrproc_t)xdr_xld_domain, &d);
	CU_ASSERT_FALSE(rpc_decode(huge, sizeof(huge), (xdrproc_t)xdr_xld_domain_list, &list));
	rpc_release((xdrproc_t)xdr_xld_domain_list, &list);
	memset(&d, 0, sizeof(d));
	CU_ASSERT_FALSE(rpc_decode(nul, sizeof(nul), (xdrproc_t)xdr_xld_domain, &d));
	rpc_release((xdrproc_t)xdr_xld_domain, &d);
	free(longname);
}

/* early: what a part of the header tells already. */
static void check_header(struct rpc_header h, int want, int early)
{
	uint8_t buf[RPC_HEADER_SIZE];
	struct rpc_header back;

	rpc_header_put(buf, &h);
	CU_ASSERT_EQUAL(rpc_header_get(buf, sizeof(buf), &back), want);
	CU_ASSERT_EQUAL(rpc_header_get(buf, sizeof(buf) - 1, &back), early);
	CU_ASSERT_EQUAL(rpc_header_get(buf, RPC_HEADER_ENOUGH, &back), early);
	CU_ASSERT_EQUAL(rpc_header_get(buf, RPC_HEADER_ENOUGH - 1, &back), 0);
}

static void test_header(void)
{
	struct rpc_header h = call;

	h.length = RPC_HEADER_SIZE;
	check_header(h, 1, 0);
	h.length = XLD_MSG_MAX;
	check_header(h, 0, 0);
	h.length = XLD_MSG_MAX + 1;
	check_header(h, -EMSGSIZE, -EMSGSIZE);
	h.length = RPC_HEADER_SIZE - 1;
	check_header(h, -EMSGSIZE, -EMSGSIZE);
	h.length = 64;
	h.program++;
	check_header(h, -EPROTO, -EPROTO);
	h = call;
	h.length = 64;
	h.version++;
	check_header(h, -EPROTO, -EPROTO);
	h = call;
	h.length = 64;
	h.type = XLD_EVENT + 1;
	check_header(h, -EPROTO, 0);
	h = call;
	h.length = 64;
	h.status = 2;
	check_header(h, -EPROTO, 0);
}

/* Two messages, one much larger than a read, arrive in pieces of every awkward size. */
static void feed_in_pieces(size_t piece)
{
	xld_create c = { .config = xasprintf("%020000d", 0) };
	xld_domain d = { .name = text }, got = { 0 };
	struct rpc_stream out, in;
	struct rpc_header h;
	const uint8_t *body;
	unsigned int seen = 0;
	size_t len;
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	rpc_stream_init(&out, -1);
	rpc_stream_init(&in, fds[0]);
	CU_ASSERT_TRUE(rpc_stream_queue(&out, &call, (xdrproc_t)xdr_xld_create, &c));
	CU_ASSERT_TRUE(rpc_stream_queue(&out, &call, (xdrproc_t)xdr_xld_domain, &d));
	for (size_t at = 0; at < out.out_len; at += piece) {
		size_t n = out.out_len - at < piece ? out.out_len - at : piece;

		CU_ASSERT_EQUAL(write(fds[1], out.out + at, n), (ssize_t)n);
		for (size_t left = n; left; ) {
			int rc = rpc_stream_fill(&in);

			CU_ASSERT_FATAL(rc > 0);
			left -= rc;
			while (rpc_stream_peek(&in, &h, &body, &len) == 1) {
				if (++seen == 2)
					CU_ASSERT_TRUE(rpc_decode(body, len, (xdrproc_t)xdr_xld_domain, &got));
				rpc_stream_pop(&in);
			}
		}
	}
	CU_ASSERT_EQUAL(seen, 2);
	CU_ASSERT_STRING_EQUAL(got.name, text);
	CU_ASSERT_EQUAL(in.in_len, 0);
	rpc_release((xdrproc_t)xdr_xld_domain, &got);
	rpc_stream_close(&in);
	rpc_stream_close(&out);
	close(fds[1]);
	free(c.config);
}

static void test_stream(void)
{
	size_t sizes[] = { 1, 3, 27, 28, 29, 4095, 4096, 4097, 100000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		feed_in_pieces(sizes[i]);
}

/* --- the client, against a scripted peer --- */

enum script { ANSWER, ERROR, CLOSE, GARBAGE, CUT_BODY, EVENTS_FIRST, OTHER_VERSION, REFUSAL, PINGS, SLOW, SILENT };

struct peer {
	int listener;
	enum script script;
};

static char sock_path[] = "/tmp/test_rpc.XXXXXX";

static bool take_call(struct rpc_stream *s, struct rpc_header *h)
{
	const uint8_t *body;
	size_t len;

	while (rpc_stream_peek(s, h, &body, &len) == 0)
		if (rpc_stream_fill(s) <= 0)
			return false;
	rpc_stream_pop(s);
	h->type = XLD_REPLY;
	return true;
}

static void play(struct rpc_stream *s, struct rpc_header h, enum script script)
{
	xld_error err = { .code = XLD_E_NOT_FOUND, .what = text, .object = text, .cause = text, .advice = empty };
	xld_progress p = { .text = text };
	xld_nothing nothing = { 0 };
	xld_dominfo info = sample_info();
	struct rpc_header other = h;

	if (script == ERROR) {
		h.status = XLD_ERROR;
		rpc_stream_queue(s, &h, (xdrproc_t)xdr_xld_error, &err);
	} else if (script == EVENTS_FIRST) {
		other.type = XLD_EVENT;
		other.proc = XLD_EVENT_PROGRESS;
		rpc_stream_queue(s, &other, (xdrproc_t)xdr_xld_progress, &p);
		other.serial += 5;
		rpc_stream_queue(s, &other, (xdrproc_t)xdr_xld_progress, &p);
		other.type = XLD_REPLY;
		rpc_stream_queue(s, &other, (xdrproc_t)xdr_xld_progress, &p);
	} else if (script == REFUSAL) {
		h.status = XLD_ERROR;
		h.serial = 0;
		rpc_stream_queue(s, &h, (xdrproc_t)xdr_xld_error, &err);
	} else if (script == OTHER_VERSION) {
		h.version++;
		rpc_stream_queue(s, &h, (xdrproc_t)xdr_xld_nothing, &nothing);
	} else if (script == CUT_BODY) {
		rpc_stream_queue(s, &h, (xdrproc_t)xdr_xld_nothing, &nothing);
	} else if (script == GARBAGE) {
		(void)!write(s->fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
		(void)!write(s->fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	}
	if (script == ANSWER || script == EVENTS_FIRST || script == PINGS || script == SLOW)
		rpc_stream_queue(s, &h, (xdrproc_t)xdr_xld_dominfo, &info);
	rpc_stream_flush(s);
}

/* Ask the client whether it is there, and have it answer before the reply does. */
static void ask(struct rpc_stream *s, struct rpc_header h)
{
	xld_nothing nothing = { 0 };

	h.type = XLD_EVENT;
	h.proc = XLD_EVENT_PING;
	h.serial = 0;
	rpc_stream_queue(s, &h, (xdrproc_t)xdr_xld_nothing, &nothing);
	rpc_stream_flush(s);
	CU_ASSERT_TRUE(take_call(s, &h));
	CU_ASSERT_EQUAL(h.proc, XLD_PING);
	rpc_stream_queue(s, &h, (xdrproc_t)xdr_xld_nothing, &nothing);
}

/* Answer only when the client has asked whether we are there; or never. */
static void keep_waiting(struct rpc_stream *s, enum script script)
{
	xld_nothing nothing = { 0 };
	struct rpc_header h;

	CU_ASSERT_TRUE(take_call(s, &h));
	CU_ASSERT_EQUAL(h.proc, XLD_PING);
	if (script == SLOW)
		rpc_stream_queue(s, &h, (xdrproc_t)xdr_xld_nothing, &nothing);
	else
		CU_ASSERT_FALSE(take_call(s, &h));
}

static void *peer_main(void *arg)
{
	struct peer *peer = arg;
	xld_hello hello = { .protocol = XLD_VERSION, .peer = text };
	struct rpc_stream s;
	struct rpc_header h;

	rpc_stream_init(&s, accept(peer->listener, NULL, NULL));
	if (take_call(&s, &h)) {
		rpc_stream_queue(&s, &h, (xdrproc_t)xdr_xld_hello, &hello);
		rpc_stream_flush(&s);
		if (take_call(&s, &h)) {
			if (peer->script == PINGS)
				ask(&s, h);
			if (peer->script >= SLOW)
				keep_waiting(&s, peer->script);
			play(&s, h, peer->script);
		}
	}
	rpc_stream_close(&s);
	return NULL;
}

static unsigned int progress_seen;
static char last_cause[256];

static void on_progress(const char *line, void *arg)
{
	(void)arg;
	CU_ASSERT_STRING_EQUAL(line, text);
	progress_seen++;
}

/* One DOMAIN_INFO call against a peer that follows the script. Returns the error's code, 0 for success. */
static unsigned int call_against(enum script script)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct peer peer = { socket(AF_UNIX, SOCK_STREAM, 0), script };
	xld_domain d = { .name = text };
	struct rpc_client *c;
	xld_error err = { 0 };
	unsigned int code = 0;
	xld_dominfo info;
	pthread_t thread;

	strcpy(sun.sun_path, sock_path);
	unlink(sock_path);
	CU_ASSERT_EQUAL_FATAL(bind(peer.listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(peer.listener, 1), 0);
	pthread_create(&thread, NULL, peer_main, &peer);
	c = rpc_client_open(sock_path, "test", &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	rpc_client_on_progress(c, on_progress, NULL);
	if (script >= SLOW)
		rpc_client_keepalive(c, script == SLOW ? 2 : 1);
	if (rpc_client_call(c, XLD_DOMAIN_INFO, &d, &info, &err)) {
		CU_ASSERT_STRING_EQUAL(info.name, text);
		rpc_release((xdrproc_t)xdr_xld_dominfo, &info);
	} else {
		code = err.code;
		CU_ASSERT_TRUE(*err.what && *err.object && *err.cause);
		snprintf(last_cause, sizeof(last_cause), "%s", err.cause);
		rpc_release((xdrproc_t)xdr_xld_error, &err);
	}
	rpc_client_close(c);
	pthread_join(thread, NULL);
	close(peer.listener);
	return code;
}

static void test_client(void)
{
	CU_ASSERT_EQUAL_FATAL(mkstemp(sock_path) < 0, 0);
	CU_ASSERT_EQUAL(call_against(ANSWER), 0);
	CU_ASSERT_EQUAL(call_against(ERROR), XLD_E_NOT_FOUND);
	CU_ASSERT_EQUAL(call_against(CLOSE), XLD_E_UNREACHABLE);
	CU_ASSERT_EQUAL(call_against(GARBAGE), XLD_E_PROTOCOL);
	CU_ASSERT_EQUAL(call_against(CUT_BODY), XLD_E_PROTOCOL);
	CU_ASSERT_EQUAL(progress_seen, 0);
	CU_ASSERT_EQUAL(call_against(EVENTS_FIRST), 0);
	CU_ASSERT_EQUAL(progress_seen, 1);
	CU_ASSERT_EQUAL(call_against(OTHER_VERSION), XLD_E_PROTOCOL);
	CU_ASSERT_STRING_EQUAL(last_cause, "the other side speaks version 2 of the protocol, this one 1");
	CU_ASSERT_EQUAL(call_against(REFUSAL), XLD_E_NOT_FOUND);
	CU_ASSERT_STRING_EQUAL(last_cause, text);
	CU_ASSERT_EQUAL(call_against(PINGS), 0);
	CU_ASSERT_EQUAL(call_against(SLOW), 0);
	CU_ASSERT_EQUAL(call_against(SILENT), XLD_E_UNREACHABLE);
	CU_ASSERT_STRING_EQUAL(last_cause, "it is silent, also when asked, for 2 s");
	unlink(sock_path);
}

static void test_no_daemon(void)
{
	xld_error err = { 0 };

	CU_ASSERT_PTR_NULL(rpc_client_open("/nowhere/at/all", "test", &err));
	CU_ASSERT_EQUAL(err.code, XLD_E_UNREACHABLE);
	CU_ASSERT_STRING_EQUAL(err.cause, "/nowhere/at/all: No such file or directory");
	CU_ASSERT_NOT_EQUAL(*err.advice, 0);
	rpc_release((xdrproc_t)xdr_xld_error, &err);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "every body there and back", test_bodies }, { "procedure table", test_table },
		{ "what changes something", test_changes }, { "limits", test_limits },
		{ "limits of vCPUs", test_vcpu_limits },
		{ "header", test_header }, { "stream in pieces", test_stream },
		{ "client", test_client },
		{ "no daemon", test_no_daemon }, CU_TEST_INFO_NULL,
	};

	signal(SIGPIPE, SIG_IGN);
	return suite_run("rpc", tests);
}
