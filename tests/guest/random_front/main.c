/* SPDX-License-Identifier: MIT */
/*
 * A guest whose front ends do anything: seeded random requests, producer indices, grants that come and go while they
 * are in use, nodes with and without sense, states in any order, on its disk and its two networks, over and over.
 *
 * ABI: whatever a front end does, the back end serves it, refuses it or closes; it can be taken away and given anew
 * (tests/system/test_daemons.c does so all the time), and dom0 is none the worse. That is for dom0 to see: the guest
 * only goes on, and says at the end how often it played with which device while that was connected, in data/result.
 *
 * Words on the command line: seed=N, seconds=N, from=N (print the steps from this one on). A seed gives the same steps;
 * what the back ends have done by then is up to time.
 */
#include "front.h"

#define POOL 8				/* pages that requests may name */
#define REF_POOL 20
#define REFS 40

static const char *const dirs[] = { VBD, "device/vif/0", "device/vif/1" };

#define DEVICES ARRAY_SIZE(dirs)

static u64 numbers, step, from;
static u8 *pool[POOL];
static unsigned int played[DEVICES], begun;

static u64 number(void)
{
	u64 z = numbers += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static u64 below(u64 n)
{
	return number() % n;
}

static bool chance(unsigned int percent)
{
	return below(100) < percent;
}

static u64 odd_number(void)
{
	static const u64 odd[] = { 0, 1, 2, 7, 8, 11, 12, 31, 32, 33, 255, 256, 257, 511, 4095, 4096, 16383, 16384, 65535, 0x7fffffff,
		0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, ~0ul };

	return chance(20) ? number() >> below(64) : odd[below(ARRAY_SIZE(odd))];
}

static void say(const char *what, const char *dir, const char *more)
{
	if (step >= from)
		printk("step %lu: %s %s %s\n", step, what, dir, more);
}

/* --- grants --- */

static u32 some_ref(void)
{
	return chance(80) ? REF_POOL + below(POOL) : chance(50) ? below(REFS) : odd_number();
}

/* Also of pages that the back end has mapped, and of the rings themselves. */
static void shake_grant(void)
{
	u32 ref = REF_RING + below(REFS - REF_RING);
	void *pages[] = { pool[below(POOL)], pool[below(POOL)], disk, tx, rx };

	say("grant", "", "");
	switch (below(4)) {
	case 0:
		grants[ref].flags = 0;
		break;
	case 1:
		grants[ref].domid = chance(80) ? 0 : (u16)odd_number();
		grants[ref].flags = (u16)number();
		break;
	default:
		grant(ref, pages[below(ARRAY_SIZE(pages))], chance(30) ? GTF_readonly : 0);
	}
}

static void grants_renew(void)
{
	for (unsigned int i = 0; i < POOL; i++)
		grant(REF_POOL + i, pool[i], i < 2 ? GTF_readonly : 0);
}

/* --- rings --- */

static void random_bytes(void *to, u32 len)
{
	for (u8 *p = to; len; len--)
		*p++ = (u8)number();
}

static void disk_request(struct blkif_request *r)
{
	static const u8 ops[] = { BLKIF_OP_READ, BLKIF_OP_READ, BLKIF_OP_WRITE, BLKIF_OP_WRITE, BLKIF_OP_FLUSH_DISKCACHE,
		BLKIF_OP_WRITE_BARRIER, BLKIF_OP_DISCARD, BLKIF_OP_INDIRECT };
	struct blkif_request_indirect *in = (void *)r;

	if (chance(10)) {
		random_bytes(r, sizeof(*r));
		return;
	}
	memset(r, 0, sizeof(*r));
	r->operation = chance(90) ? ops[below(ARRAY_SIZE(ops))] : (u8)number();
	r->nr_segments = chance(80) ? below(12) : (u8)odd_number();
	r->id = number();
	r->sector_number = chance(80) ? below(16384) : odd_number();
	for (unsigned int i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++) {
		r->seg[i].gref = some_ref();
		r->seg[i].first_sect = chance(80) ? below(4) : (u8)odd_number();
		r->seg[i].last_sect = chance(80) ? 4 + below(4) : (u8)odd_number();
	}
	if (r->operation == BLKIF_OP_INDIRECT) {
		in->indirect_op = chance(80) ? below(2) : (u8)number();
		in->nr_segments = chance(80) ? 1 + below(64) : (u16)odd_number();
		in->id = number();
		for (unsigned int i = 0; i < BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST; i++)
			in->indirect_grefs[i] = some_ref();
		random_bytes(pool[below(POOL)], 64);
	}
}

static u32 jump(u32 index, u32 honest)
{
	return chance(95) ? index + honest : index + (u32)odd_number();
}

static void play_disk(void)
{
	u32 n = 1 + below(40), at = disk->req_prod;

	for (u32 i = 0; i < n; i++)
		disk_request(&disk->ring[(at + i) % 32].req);
	barrier();
	disk->req_prod = jump(at, n);
	if (chance(5))
		disk->rsp_prod = (u32)odd_number();
	if (chance(5))
		disk->req_event = (u32)odd_number();
	disk->rsp_event = disk->rsp_prod + 1;
	kick(port);
}

static void tx_request(struct netif_tx_request *r)
{
	if (chance(10)) {
		random_bytes(r, sizeof(*r));
		return;
	}
	*r = (struct netif_tx_request){ .gref = some_ref(), .offset = chance(80) ? below(2000) : (u16)odd_number(),
					.flags = chance(60) ? 0 : chance(80) ? below(16) : (u16)number(), .id = (u16)number(),
					.size = chance(80) ? 14 + below(2000) : (u16)odd_number() };
}

static void play_net(void)
{
	u32 n = 1 + below(60), at = tx->req_prod, to = rx->req_prod, m = below(40);

	for (u32 i = 0; i < n; i++)
		tx_request(&tx->ring[(at + i) % 256].req);
	for (u32 i = 0; i < m; i++)
		rx->ring[(to + i) % 256].req = (struct netif_rx_request){ .id = (u16)number(), .gref = some_ref() };
	barrier();
	tx->req_prod = jump(at, n);
	rx->req_prod = jump(to, m);
	if (chance(5))
		tx->rsp_prod = (u32)odd_number();
	if (chance(5))
		rx->rsp_prod = (u32)odd_number();
	tx->rsp_event = tx->rsp_prod + 1;
	kick(port);
}

/* --- nodes; the answers do not matter --- */

static void try_set(const char *dir, const char *key, const char *value, u32 len)
{
	static char body[4096];
	u32 n = strlen(dir);

	memcpy(body, dir, n);
	body[n++] = '/';
	memcpy(body + n, key, strlen(key) + 1);
	n += strlen(key) + 1;
	memcpy(body + n, value, len);
	ask(XS_WRITE, 0, body, n + len);
}

static u32 digits(char *to, u64 n)
{
	char text[24];
	u32 len = 0, i = 0;

	do
		text[i++] = '0' + n % 10;
	while (n /= 10);
	while (i)
		to[len++] = text[--i];
	return len;
}

static u32 some_value(char to[3000])
{
	static const char *const odd[] = { "", "x", "-1", "0x10", " 1", "1 ", "x86_64-abi", "x86_32-abi", "99999999999999999999",
		"/local/domain/0", "../..", "1\n2", "%s%n", "00:16:3e:00:00:01" };
	const char *s;

	switch (below(4)) {
	case 0:
		s = odd[below(ARRAY_SIZE(odd))];
		memcpy(to, s, strlen(s));
		return strlen(s);
	case 1:
		if (chance(90))
			return digits(to, below(4));
		random_bytes(to, 2900);
		return 1 + below(2900);
	case 2:
		return digits(to, REF_RING + below(REFS));
	default:
		return digits(to, odd_number());
	}
}

static void shake_node(const char *dir)
{
	static const char *const keys[] = { "ring-ref", "event-channel", "protocol", "ring-page-order", "ring-ref0", "ring-ref1",
		"multi-queue-num-queues", "feature-persistent", "tx-ring-ref", "rx-ring-ref", "event-channel-tx", "event-channel-rx",
		"request-rx-copy", "feature-rx-notify", "feature-sg", "feature-gso-tcpv4", "feature-gso-tcpv6", "feature-no-csum-offload",
		"feature-ipv6-csum-offload", "feature-multicast-control", "request-multicast-control", "ctrl-ring-ref",
		"event-channel-ctrl", "xdp-headroom", "queue-0/tx-ring-ref", "queue-0/rx-ring-ref", "queue-0/event-channel",
		"backend", "backend-id", "state", "mac", "virtual-device", "queue-0/ring-ref", "nonsense" };
	const char *key = keys[below(ARRAY_SIZE(keys))];
	static char value[3000];

	say("node", dir, key);
	if (chance(15))
		unset(dir, key);
	else
		try_set(dir, key, value, some_value(value));
}

static void set_state(const char *dir, unsigned int state)
{
	char digit = '0' + state;

	try_set(dir, "state", &digit, 1);
}

static void shake_port(void)
{
	struct evtchn_close c = { .port = port };
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };

	say("port", "", "");
	if (!evtchn_op(EVTCHNOP_close, &c) && !evtchn_op(EVTCHNOP_alloc_unbound, &a))
		port = a.port;
}

/* --- steps --- */

static void try_number(const char *dir, const char *key, u32 n)
{
	char text[24];

	try_set(dir, key, text, digits(text, n));
}

/* What front_setup()'s own functions write, but the directory may be gone at any time. */
static void nodes(const char *dir, bool net)
{
	memset(disk, 0, PAGE);
	memset(tx, 0, PAGE);
	memset(rx, 0, PAGE);
	SHARED_RING_INIT(disk);
	SHARED_RING_INIT(tx);
	SHARED_RING_INIT(rx);
	grant(REF_RING, net ? (void *)tx : disk, 0);
	grant(REF_RING2, rx, 0);
	try_number(dir, net ? "tx-ring-ref" : "ring-ref", REF_RING);
	try_number(dir, "event-channel", port);
	if (net) {
		try_number(dir, "rx-ring-ref", REF_RING2);
		try_number(dir, "request-rx-copy", 1);
	} else {
		try_set(dir, "protocol", "x86_64-abi", 10);
	}
}

static void begin(const char *dir)
{
	bool net = is_net(dir);

	say("begin", dir, "");
	grants_renew();
	nodes(dir, net);
	while (chance(40))
		shake_node(dir);
	if (chance(5))
		shake_grant();
	set_state(dir, net ? CONNECTED : INITIALISED);
	begun++;
}

static void do_step(unsigned int which)
{
	const char *dir = dirs[which];
	unsigned int state = back_state(dir), what = below(100);

	if (state == INIT_WAIT && what < 90) {
		begin(dir);
		back_is(dir, CONNECTED, 1000);
		if (!is_net(dir))
			set_state(dir, CONNECTED);
	} else if (state == CONNECTED && what < 70) {
		say("play", dir, "");
		played[which]++;
		for (unsigned int i = 1 + below(8); i; i--) {
			(is_net(dir) ? play_net : play_disk)();
			if (chance(30))
				shake_grant();
		}
		grants_renew();
	} else if (what < 78) {
		shake_node(dir);
	} else if (what < 80) {
		shake_port();
	} else if (what < 86) {
		set_state(dir, below(10));
	} else {
		say("close", dir, "");
		set_state(dir, CLOSING);
		set_state(dir, CLOSED);
		back_is(dir, CLOSED, 300);
		set_state(dir, INITIALISING);
	}
}

static void tell(void)
{
	char text[64];
	u32 n = 0;

	for (unsigned int i = 0; i < DEVICES; i++) {
		n += digits(text + n, played[i]);
		text[n++] = ' ';
	}
	try_set("data", "result", text, n);
}

void test_main(void)
{
	u64 seed = test_option("seed", 1), end = time_now() + test_option("seconds", 10) * 1000000000;
	struct sched_poll forever = { .nr_ports = 0 };

	if (is_dom0())
		test_skip("dom0 has no back ends to talk to");
	from = test_option("from", ~0ul);
	numbers = seed * 0x9e3779b97f4a7c15;
	store_open();
	front_setup();
	for (unsigned int i = 0; i < POOL; i++) {
		pool[i] = page_alloc();
		random_bytes(pool[i], PAGE);
	}
	for (; time_now() < end; step++)
		do_step(below(DEVICES));
	printk("seed %lu: %lu steps, %u connections begun\n", seed, step, begun);
	tell();
	for (;;)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &forever);
}
