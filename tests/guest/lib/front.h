/* SPDX-License-Identifier: MIT */
/*
 * Front ends of a guest test: nodes, grants and rings of its disk (vbd 51712) and its networks. What a test puts into
 * them is its own business.
 */
#ifndef TEST_FRONT_H
#define TEST_FRONT_H

#include "store.h"

#include "public/grant_table.h"
#include "public/io/blkif.h"
#include "public/io/netif.h"

#define VBD "device/vbd/51712"

enum { INITIALISING = 1, INIT_WAIT, INITIALISED, CONNECTED, CLOSING, CLOSED };
enum { REF_RING = 10, REF_RING2, REF_DATA, REF_READONLY, REF_EMPTY = 500 };

extern struct grant_entry_v1 *grants;
extern struct blkif_sring *disk;
extern struct netif_tx_sring *tx;
extern struct netif_rx_sring *rx;
extern u8 *data;
extern unsigned int port, failures;

#define WANT(cond, ...) do { \
	if (!CHECK(cond, __VA_ARGS__)) \
		failures++; \
} while (0)

/* Pages, a port for dom0, grants of the data page. */
void front_setup(void);
void grant(unsigned int ref, void *page, u16 flags);
void set(const char *dir, const char *key, const char *value);
void unset(const char *dir, const char *key);
void set_number(const char *dir, const char *key, u32 n);
bool is_net(const char *dir);
/* State of the other end, 0: none. */
unsigned int back_state(const char *dir);
/* Wait until the back end is in this state, so many ms at most. */
bool back_is(const char *dir, unsigned int state, unsigned int ms);
/* Empty rings, and the nodes that tell of them. */
void disk_nodes(void);
void net_nodes(const char *dir);

#endif
