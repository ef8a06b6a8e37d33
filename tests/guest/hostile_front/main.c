/* SPDX-License-Identifier: MIT */
/*
 * A guest that plays foul with the back ends of its disk (vbd 51712, 8 MiB) and its networks (vif 0 to 10): nonsense in
 * its nodes, requests that cannot be, references that grant nothing, producer indices that jump.
 *
 * ABI: a request that cannot be served is answered with an error, or the back end stops taking requests of this ring.
 * Either way the front end can close (state 6) and begin anew (state 1), and then honest requests are served: after
 * each foul move that is tried. A network is not served again before it is attached anew, so each foul packet has one
 * of its own.
 *
 * It needs back ends, so as dom0 it has nothing to do. As a guest it tells the outcome in its node data/result and then
 * waits to be destroyed.
 */
#include "front.h"

#define VIFS 11
#define DISK_SECTORS 16384

/* The directory of a network. */
static const char *vif(unsigned int n)
{
	static const char *const dirs[VIFS] = {
		"device/vif/0", "device/vif/1", "device/vif/2", "device/vif/3", "device/vif/4", "device/vif/5",
		"device/vif/6", "device/vif/7", "device/vif/8", "device/vif/9", "device/vif/10",
	};

	return dirs[n];
}

static bool connect(const char *dir)
{
	bool net = is_net(dir);

	if (!back_is(dir, INIT_WAIT, 10000))
		test_die("%s: the back end does not wait, it is in state %u", dir, back_state(dir));
	if (net)
		net_nodes(dir);
	else
		disk_nodes();
	set_number(dir, "state", net ? CONNECTED : INITIALISED);
	if (!back_is(dir, CONNECTED, 10000))
		return false;
	set_number(dir, "state", CONNECTED);
	return true;
}

/* Close and begin anew. */
static void restart(const char *dir, const char *after)
{
	set_number(dir, "state", CLOSING);
	nap_ns(50000000);
	set_number(dir, "state", CLOSED);
	WANT(back_is(dir, CLOSED, 10000), "%s after %s: the back end does not close, it is in state %u", dir, after,
	     back_state(dir));
	set_number(dir, "state", INITIALISING);
}

/* --- a disk --- */

/* Put the request into the ring; the status of its response, or 1 if there is none in a second. */
static int disk_ask(const void *request)
{
	u32 at = disk->req_prod;
	u64 end = time_now() + 1000000000ul;

	memcpy(&disk->ring[at % 32].req, request, sizeof(struct blkif_request));
	barrier();
	disk->req_prod = at + 1;
	kick(port);
	while (*(volatile u32 *)&disk->rsp_prod != at + 1)
		if (time_now() > end)
			return 1;
		else
			yield();
	return disk->ring[at % 32].rsp.status;
}

static struct blkif_request honest(void)
{
	return (struct blkif_request){ .operation = BLKIF_OP_READ, .nr_segments = 1, .handle = 51712, .id = 1,
				       .seg[0] = { .gref = REF_DATA, .last_sect = 7 } };
}

static void disk_serves(const char *after)
{
	struct blkif_request r = honest();

	WANT(disk_ask(&r) == BLKIF_RSP_OKAY, "after %s the disk does not serve", after);
}

#define REFUSED(what, ...) do { \
	struct blkif_request r = honest(); \
	int status_; \
	__VA_ARGS__; \
	status_ = disk_ask(&r); \
	WANT(status_ < 0, "%s: status %d", what, status_); \
	disk_serves(what); \
} while (0)

static void foul_requests(void)
{
	union {
		struct blkif_request all;
		struct blkif_request_indirect i;
		struct blkif_request_discard d;
	} u = { .i = { .operation = BLKIF_OP_INDIRECT, .indirect_op = BLKIF_OP_READ, .nr_segments = 0xffff, .id = 1 } };

	WANT(connect(VBD), "the disk does not connect");
	disk_serves("the start");
	REFUSED("operation 99", r.operation = 99);
	REFUSED("operation 4", r.operation = BLKIF_OP_RESERVED_1);
	REFUSED("no segments", r.nr_segments = 0);
	REFUSED("12 segments", r.nr_segments = 12);
	REFUSED("255 segments", r.nr_segments = 255);
	REFUSED("a reference without a grant", r.seg[0].gref = REF_EMPTY);
	REFUSED("a reference beyond the table", r.seg[0].gref = 0xfffffff0);
	REFUSED("a write into a page that is read-only", r.seg[0].gref = REF_READONLY);
	REFUSED("a sector beyond the page", r.seg[0].last_sect = 8);
	REFUSED("sector 255", r.seg[0].last_sect = 255);
	REFUSED("last before first", r.seg[0].first_sect = 5; r.seg[0].last_sect = 4);
	REFUSED("the end of the disk", r.sector_number = DISK_SECTORS - 7);
	REFUSED("a sector number that overflows", r.sector_number = ~0ul - 3);
	REFUSED("a write beyond the end", r.operation = BLKIF_OP_WRITE; r.sector_number = DISK_SECTORS);
	WANT(disk_ask(&u) < 0, "65535 indirect segments are taken");
	disk_serves("65535 indirect segments");
	u.i.nr_segments = 8;
	u.i.indirect_op = BLKIF_OP_INDIRECT;
	WANT(disk_ask(&u) < 0, "indirect in indirect is taken");
	u.i.indirect_op = BLKIF_OP_READ;
	u.i.indirect_grefs[0] = REF_EMPTY;
	WANT(disk_ask(&u) < 0, "a page of segments without a grant is taken");
	u.d = (struct blkif_request_discard){ .operation = BLKIF_OP_DISCARD, .id = 1, .sector_number = 8,
					      .nr_sectors = ~0ul - 4 };
	WANT(disk_ask(&u) < 0, "a discard that overflows is taken");
	disk_serves("foul indirect requests");
	restart(VBD, "foul requests");
}

/* Indices: the back end stops or goes on, and a new connection is served. */
static void disk_jumps(void)
{
	static const u32 jumps[] = { 33, 1000, 0x7fffffff, 0x80000000, 0xffffffff };

	for (unsigned int i = 0; i < ARRAY_SIZE(jumps); i++) {
		WANT(connect(VBD), "no connection before jump %u", jumps[i]);
		disk_serves("a new connection");
		disk->req_prod += jumps[i];
		disk->rsp_prod -= jumps[i];
		kick(port);
		nap_ns(100000000);
		restart(VBD, "a jump of req_prod");
	}
}

/* --- a network --- */

static int net_send(const struct netif_tx_request *slots, unsigned int n)
{
	u32 at = tx->req_prod;
	u64 end = time_now() + 1000000000ul;

	for (unsigned int i = 0; i < n; i++)
		tx->ring[(at + i) % 256].req = slots[i];
	barrier();
	tx->req_prod = at + n;
	tx->rsp_event = tx->rsp_prod + 1;
	kick(port);
	while (*(volatile u32 *)&tx->rsp_prod != at + n)
		if (time_now() > end)
			return 1;
		else
			yield();
	return tx->ring[at % 256].rsp.status;
}

static struct netif_tx_request packet(u32 gref, u16 offset, u16 size, u16 flags)
{
	return (struct netif_tx_request){ .gref = gref, .offset = offset, .flags = flags, .id = 1, .size = size };
}

static void net_serves(const char *after)
{
	struct netif_tx_request p = packet(REF_DATA, 0, 60, 0);

	WANT(net_send(&p, 1) == NETIF_RSP_OKAY, "after %s the network does not serve", after);
}

/* Each on a connection of its own: netback stops serving a front end that it has caught. */
static void foul_packets(void)
{
	static struct netif_tx_request many[40];
	const struct { const char *what; struct netif_tx_request p; } one[] = {
		{ "a packet without a grant", packet(REF_EMPTY, 0, 60, 0) },
		{ "a packet across pages", packet(REF_DATA, 4000, 200, 0) },
		{ "a packet of 5 bytes", packet(REF_DATA, 0, 5, 0) },
		{ "a packet of 65535 bytes in a page", packet(REF_DATA, 4095, 0xffff, 0) },
		{ "extra information that never comes", packet(REF_DATA, 0, 60, NETTXF_extra_info) },
		{ "more data that never comes", packet(REF_DATA, 0, 200, NETTXF_more_data) },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(one); i++) {
		WANT(connect(vif(i + 1)), "no connection before %s", one[i].what);
		net_serves("a new connection");
		WANT(net_send(&one[i].p, 1) != NETIF_RSP_OKAY, "%s is taken", one[i].what);
		restart(vif(i + 1), one[i].what);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = packet(REF_DATA, 0, i ? 100 : 4000, i < ARRAY_SIZE(many) - 1 ? NETTXF_more_data : 0);
	WANT(connect(vif(7)), "no connection before a packet of 40 slots");
	WANT(net_send(many, ARRAY_SIZE(many)) != NETIF_RSP_OKAY, "a packet of 40 slots is taken");
	restart(vif(7), "a packet of 40 slots");
}

static void net_jumps(void)
{
	static const u32 jumps[] = { 257, 0x7fffffff, 0xffffffff };

	for (unsigned int i = 0; i < ARRAY_SIZE(jumps); i++) {
		WANT(connect(vif(i + 8)), "no connection before jump %u", jumps[i]);
		net_serves("a new connection");
		tx->req_prod += jumps[i];
		rx->req_prod += jumps[i];
		kick(port);
		nap_ns(100000000);
		restart(vif(i + 8), "a jump of req_prod");
	}
	/* Whatever happened to those, another one is served. */
	WANT(connect(vif(0)), "the last network does not connect");
	net_serves("all that");
	restart(vif(0), "all that");
}

/* --- nonsense in the nodes --- */

/* With this node the back end must not connect; afterwards it can be reached again. */
static void bad_node(const char *dir, const char *key, const char *value)
{
	bool net = is_net(dir);

	if (!back_is(dir, INIT_WAIT, 10000))
		test_die("%s: the back end does not wait before %s=%s, it is in state %u", dir, key, value, back_state(dir));
	if (net)
		net_nodes(dir);
	else
		disk_nodes();
	set(dir, key, value);
	set_number(dir, "state", net ? CONNECTED : INITIALISED);
	/* netback calls itself connected all the same, without rings */
	WANT(net || !back_is(dir, CONNECTED, 400), "%s: the back end connects with %s=%s", dir, key, value);
	unset(dir, key);
	restart(dir, key);
}

static void bad_nodes(void)
{
	static const char *const numbers[] = { "", "x", "-1", "500", "4294967295", "99999999999999999999" };

	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
		bad_node(VBD, "ring-ref", numbers[i]);
		bad_node(VBD, "event-channel", numbers[i]);
		bad_node(vif(0), "tx-ring-ref", numbers[i]);
		bad_node(vif(0), "event-channel", numbers[i]);
	}
	bad_node(VBD, "protocol", "nonsense");
	bad_node(VBD, "ring-page-order", "99");
	bad_node(VBD, "multi-queue-num-queues", "4294967295");
	bad_node(vif(0), "multi-queue-num-queues", "4294967295");
	bad_node(vif(0), "request-rx-copy", "0");
	set(VBD, "state", "99");
	set(VBD, "state", "nonsense");
	set(VBD, "backend", "/local/domain/0");
	set(VBD, "backend", "");
	set(VBD, "backend-id", "77");
	set(vif(0), "state", "");
	set(vif(0), "mac", "\033[2J");
	WANT(is(ask(XS_WRITE, 0, "device/vbd/1\0x", 14), "EACCES"), "a device of its own making: %s", store_reply);
	set("device/vbd/51712", "state", "4");
}

void test_main(void)
{
	struct sched_poll forever = { .nr_ports = 0 };
	char result[32];

	if (is_dom0())
		test_skip("dom0 has no back ends to talk to");
	store_open();
	front_setup();
	foul_requests();
	disk_jumps();
	foul_packets();
	net_jumps();
	bad_nodes();
	memcpy(result, failures ? "data/result\0FAIL" : "data/result\0PASS", 16);
	ask(XS_WRITE, 0, result, 16);
	for (;;)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &forever);
}
