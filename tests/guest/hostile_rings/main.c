/* SPDX-License-Identifier: MIT */
/*
 * A guest that plays foul with the daemons of dom0: impossible indices and messages in its xenstore ring, requests
 * whose replies it does not read, as many nodes, watches and transactions as it is given, what belongs to others,
 * storms of events; then the same with its console ring.
 *
 * ABI: the daemon names the fault in the page's error field and ends the connection; the guest gets a new one through
 * the connection field, with empty rings and nothing remembered. Limits are answered with ENOSPC, others' nodes with
 * EACCES.
 *
 * It needs the daemons, so as dom0 it has nothing to do. As a guest it tells the outcome in its node data/result and
 * then waits to be destroyed: what it did to its console leaves that unusable.
 */
#include "guest.h"
#include "store.h"

#include "public/io/console.h"

static volatile struct xencons_interface *console;
static unsigned int failures;

#define WANT(cond, ...) do { \
	if (!CHECK(cond, __VA_ARGS__)) \
		failures++; \
} while (0)

#define ASK(type, text) ask(type, 0, text, sizeof(text))
#define EXPECT(type, text, want) do { \
	const char *got_ = ASK(type, text); \
	WANT(is(got_, want), "%s: %s instead of %s", text, got_, want); \
} while (0)

static void reconnect(void)
{
	store_ring->connection = XENSTORE_RECONNECT;
	kick(start_info->store_evtchn);
	if (!AWAIT(store_ring->connection == XENSTORE_CONNECTED))
		test_die("no new connection to xenstored");
	WANT(store_ring->error == XENSTORE_ERROR_NONE, "the new connection has error %u", store_ring->error);
	WANT(store_ring->req_prod == store_ring->req_cons && store_ring->rsp_prod == store_ring->rsp_cons,
	     "the new rings are not empty");
}

static void expect_error(unsigned int want, const char *what)
{
	kick(start_info->store_evtchn);
	WANT(AWAIT(store_ring->error == want), "%s: error is %u, should be %u", what, store_ring->error, want);
	reconnect();
	EXPECT(XS_GET_DOMAIN_PATH, "7", "/local/domain/7");
}

/* --- and the other --- */

static void bad_indices(void)
{
	static const u32 jumps[] = { 1025, 2048, 0x7fffffff, 0x80000000, 0xffffffff };

	for (unsigned int i = 0; i < ARRAY_SIZE(jumps); i++) {
		store_ring->req_prod = store_ring->req_cons + jumps[i];
		expect_error(XENSTORE_ERROR_RINGIDX, "req_prod");
	}
	store_ring->req_cons = store_ring->req_prod + 1;
	expect_error(XENSTORE_ERROR_RINGIDX, "req_cons");
	/* Replies have somewhere to go only while rsp_cons makes sense. */
	store_ring->rsp_cons = store_ring->rsp_prod + 1;
	send_request(XS_GET_DOMAIN_PATH, 0, "7", 2);
	expect_error(XENSTORE_ERROR_RINGIDX, "rsp_cons");
}

static void bad_messages(void)
{
	struct xsd_sockmsg h = { .type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1 };
	static u8 junk[64];

	put_bytes(&h, sizeof(h));
	expect_error(XENSTORE_ERROR_PROTO, "a message too long");
	memset(junk, 0xff, sizeof(junk));
	put_bytes(junk, sizeof(junk));
	expect_error(XENSTORE_ERROR_PROTO, "junk");
	h.len = 100;			/* half a message, then a new connection: the rest is not waited for */
	put_bytes(&h, sizeof(h));
	reconnect();
	for (u32 type = 0; type < 40; type++) {
		ask(type, 0, "", 0);
		ask(type, 77, "x", 1);
		ask(type, 0, "\0\0\0", 4);
	}
	EXPECT(XS_RESET_WATCHES, "", "OK");
	EXPECT(XS_GET_DOMAIN_PATH, "7", "/local/domain/7");
}

static void not_ours(void)
{
	EXPECT(XS_WRITE, "/local/domain/0/name", "EACCES");
	EXPECT(XS_WRITE, "name", "EACCES");
	EXPECT(XS_RM, "console", "EACCES");
	EXPECT(XS_RM, "/", "EACCES");
	EXPECT(XS_SET_PERMS, "name\0b0", "EACCES");
	EXPECT(XS_SET_PERMS, "data\0b0", "EPERM");
	EXPECT(XS_INTRODUCE, "1\0" "1\0" "1", "EACCES");
	EXPECT(XS_RELEASE, "0", "EACCES");
	EXPECT(XS_CONTROL, "check", "EACCES");
	EXPECT(XS_SET_TARGET, "1\0" "0", "EACCES");
}

static u32 print_name(char *to, const char *prefix, unsigned int n)
{
	u32 len = strlen(prefix);

	memcpy(to, prefix, len);
	for (unsigned int div = 1000; div; div /= 10)
		to[len++] = '0' + n / div % 10;
	to[len++] = '\0';
	return len;
}

static void limits(void)
{
	static char body[XENSTORE_PAYLOAD_MAX];
	unsigned int nodes = 0, watches = 0, txs = 0, ops = 0;
	u32 len, tx = 0;

	while (nodes < 2000 && is(ask(XS_WRITE, 0, body, print_name(body, "data/n", nodes)), "OK"))
		nodes++;
	WANT(is(store_reply, "ENOSPC") && nodes > 900 && nodes <= 1000, "%u nodes, then %s", nodes, store_reply);
	EXPECT(XS_RM, "data/n0000", "OK");
	len = print_name(body, "data/n", 0);
	memset(body + len, 'v', 2049);
	WANT(is(ask(XS_WRITE, 0, body, len + 2049), "ENOSPC"), "a value of 2049 bytes: %s", store_reply);
	WANT(is(ask(XS_WRITE, 0, body, len + 2048), "OK"), "a value of 2048 bytes: %s", store_reply);
	for (unsigned int i = 0; i < nodes; i++)
		ask(XS_RM, 0, body, print_name(body, "data/n", i));

	do {
		len = print_name(body, "data/w", watches);
		memcpy(body + len, "t", 2);
	} while (is(ask(XS_WATCH, 0, body, len + 2), "OK") && ++watches < 1000);
	WANT(is(store_reply, "ENOSPC") && watches == 128, "%u watches, then %s", watches, store_reply);

	while (txs < 100 && !is(ask(XS_TRANSACTION_START, 0, "", 1), "ENOSPC")) {
		for (tx = 0, len = 0; store_reply[len]; len++)
			tx = tx * 10 + store_reply[len] - '0';
		txs++;
	}
	WANT(txs == 10, "%u transactions", txs);
	len = print_name(body, "data/t", 0);
	memset(body + len, 'v', 2048);
	while (ops < 5000 && is(ask(XS_WRITE, tx, body, len + 2048), "OK"))
		ops++;
	WANT(is(store_reply, "ENOSPC") && ops > 10 && ops < 1025, "%u writes in a transaction, then %s", ops, store_reply);
	EXPECT(XS_RESET_WATCHES, "", "OK");
	EXPECT(XS_TRANSACTION_END, "F", "ENOENT");
}

/* Requests whose replies are not read until the daemon stops taking more; then all of them are there. */
static void no_reader(void)
{
	struct xsd_sockmsg h = { .type = XS_GET_DOMAIN_PATH, .req_id = 1, .len = 2 };
	unsigned int sent = 0, got = 0;
	u64 last = time_now();

	while (time_now() - last < 1000000000ul && sent < 5000) {
		if (XENSTORE_RING_SIZE - (store_ring->req_prod - store_ring->req_cons) >= sizeof(h) + 2) {
			put_bytes(&h, sizeof(h));
			put_bytes("7", 2);
			sent++;
			last = time_now();
		} else {
			yield();
		}
	}
	WANT(sent < 5000, "the daemon took %u requests without an answer read", sent);
	while (got < sent && is(get_reply(), "/local/domain/7"))
		got++;
	WANT(got == sent, "%u requests, %u replies", sent, got);
}

static void storms(void)
{
	for (unsigned int i = 0; i < 20000; i++) {
		kick(start_info->store_evtchn);
		kick(start_info->console.domU.evtchn);
	}
	EXPECT(XS_GET_DOMAIN_PATH, "7", "/local/domain/7");
}

static void bad_console(void)
{
	static const u32 jumps[] = { 2049, 0x7fffffff, 0xffffffff };

	if (!AWAIT(console->out_cons == console->out_prod))
		failures++;			/* the last words must not be lost in what follows */
	for (unsigned int i = 0; i < 3000; i++) {	/* as fast as it is taken */
		console->out_prod = console->out_cons + sizeof(console->out);
		kick(start_info->console.domU.evtchn);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(jumps); i++) {
		console->out_prod = console->out_cons + jumps[i];
		console->in_cons = console->in_prod + jumps[i];
		kick(start_info->console.domU.evtchn);
	}
}

void test_main(void)
{
	static char result[64];
	struct sched_poll forever = { .nr_ports = 0 };
	u32 len;

	if (is_dom0())
		test_skip("there is nobody at the other end of dom0's rings yet");
	store_open();
	console = mfn_to_va(start_info->console.domU.mfn);
	EXPECT(XS_GET_DOMAIN_PATH, "7", "/local/domain/7");
	bad_indices();
	bad_messages();
	not_ours();
	limits();
	no_reader();
	storms();
	printk("hostile_rings: store done, %u failures\n", failures);
	bad_console();
	memcpy(result, "data/result", 12);
	len = 12;
	if (failures) {
		len += print_name(result + len, "FAIL ", failures) - 1;
	} else {
		memcpy(result + len, "PASS", 4);
		len += 4;
	}
	ask(XS_WRITE, 0, result, len);
	for (;;)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &forever);
}
