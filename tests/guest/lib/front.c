/* SPDX-License-Identifier: MIT */
/* See front.h. */
#include "front.h"

struct grant_entry_v1 *grants;
struct blkif_sring *disk;
struct netif_tx_sring *tx;
struct netif_rx_sring *rx;
u8 *data;
unsigned int port, failures;

/* --- nodes --- */

static u32 join(char *to, const char *dir, const char *key)
{
	u32 n = strlen(dir);

	memcpy(to, dir, n);
	to[n++] = '/';
	memcpy(to + n, key, strlen(key) + 1);
	return n + strlen(key) + 1;
}

void set(const char *dir, const char *key, const char *value)
{
	static char body[4096];
	u32 n = join(body, dir, key);

	memcpy(body + n, value, strlen(value));
	WANT(is(ask(XS_WRITE, 0, body, n + strlen(value)), "OK"), "%s/%s: %s", dir, key, store_reply);
}

void unset(const char *dir, const char *key)
{
	static char path[128];

	ask(XS_RM, 0, path, join(path, dir, key));
}

void set_number(const char *dir, const char *key, u32 n)
{
	char text[12], *p = text + sizeof(text);

	*--p = 0;
	do
		*--p = '0' + n % 10;
	while (n /= 10);
	set(dir, key, p);
}

bool is_net(const char *dir)
{
	return !is(dir, VBD);
}

unsigned int back_state(const char *dir)
{
	static char path[128], back[128];

	ask(XS_READ, 0, path, join(path, dir, "backend"));
	ask(XS_READ, 0, path, join(path, memcpy(back, store_reply, strlen(store_reply) + 1), "state"));
	return store_reply[0] >= '0' && store_reply[0] <= '9' && !store_reply[1] ? store_reply[0] - '0' : 0;
}

bool back_is(const char *dir, unsigned int state, unsigned int ms)
{
	for (unsigned int i = 0; i < ms / 20; i++) {
		if (back_state(dir) == state)
			return true;
		nap_ns(20000000);
	}
	return false;
}

/* --- rings --- */

void grant(unsigned int ref, void *page, u16 flags)
{
	grants[ref].domid = 0;
	grants[ref].frame = va_to_mfn(page);
	barrier();
	grants[ref].flags = GTF_permit_access | flags;
}

void front_setup(void)
{
	u64 frames[1];
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };

	grants = page_alloc();
	set_xen_guest_handle(s.frame_list, frames);
	if (hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &s, 1) || s.status ||
	    set_va(grants, PTE(frames[0], PTE_KERNEL)) || evtchn_op(EVTCHNOP_alloc_unbound, &a))
		test_die("no grant table or port");
	port = a.port;
	disk = page_alloc();
	tx = page_alloc();
	rx = page_alloc();
	data = page_alloc();
	grant(REF_DATA, data, 0);
	grant(REF_READONLY, data, GTF_readonly);
}

void disk_nodes(void)
{
	memset(disk, 0, 4096);
	SHARED_RING_INIT(disk);
	grant(REF_RING, disk, 0);
	set_number(VBD, "ring-ref", REF_RING);
	set_number(VBD, "event-channel", port);
	set(VBD, "protocol", "x86_64-abi");
}

void net_nodes(const char *dir)
{
	memset(tx, 0, 4096);
	memset(rx, 0, 4096);
	SHARED_RING_INIT(tx);
	SHARED_RING_INIT(rx);
	grant(REF_RING, tx, 0);
	grant(REF_RING2, rx, 0);
	set_number(dir, "tx-ring-ref", REF_RING);
	set_number(dir, "rx-ring-ref", REF_RING2);
	set_number(dir, "event-channel", port);
	set(dir, "request-rx-copy", "1");
	set(dir, "feature-rx-notify", "1");
}
