/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces: the two rings between a front end (xen-netfront) and its back end (xen-netback). "tx" is what
 * the guest sends. A packet may take several slots: the first has the whole size, each but the last has more_data,
 * and slots with extra information come right after the first.
 */
#ifndef XEN_PUBLIC_IO_NETIF_H
#define XEN_PUBLIC_IO_NETIF_H

#include "../grant_table.h"
#include "ring.h"

/* Slots that every back end takes for one packet, and the largest packet, bytes. */
#define XEN_NETIF_NR_SLOTS_MIN		18
#define XEN_NETIF_MAX_TX_SIZE		0xFFFF

/* netif_tx_request.flags */
#define _NETTXF_csum_blank		(0)
#define NETTXF_csum_blank		(1U << _NETTXF_csum_blank)	/* checksum must be filled in */
#define _NETTXF_data_validated		(1)
#define NETTXF_data_validated		(1U << _NETTXF_data_validated)
#define _NETTXF_more_data		(2)
#define NETTXF_more_data		(1U << _NETTXF_more_data)
#define _NETTXF_extra_info		(3)
#define NETTXF_extra_info		(1U << _NETTXF_extra_info)

/* netif_rx_response.flags */
#define _NETRXF_data_validated		(0)
#define NETRXF_data_validated		(1U << _NETRXF_data_validated)
#define _NETRXF_csum_blank		(1)
#define NETRXF_csum_blank		(1U << _NETRXF_csum_blank)
#define _NETRXF_more_data		(2)
#define NETRXF_more_data		(1U << _NETRXF_more_data)
#define _NETRXF_extra_info		(3)
#define NETRXF_extra_info		(1U << _NETRXF_extra_info)
#define _NETRXF_gso_prefix		(4)
#define NETRXF_gso_prefix		(1U << _NETRXF_gso_prefix)

/* netif_extra_info.type and .flags, and .u.gso.type */
#define XEN_NETIF_EXTRA_TYPE_NONE	(0)
#define XEN_NETIF_EXTRA_TYPE_GSO	(1)
#define XEN_NETIF_EXTRA_TYPE_MCAST_ADD	(2)
#define XEN_NETIF_EXTRA_TYPE_MCAST_DEL	(3)
#define XEN_NETIF_EXTRA_TYPE_HASH	(4)
#define XEN_NETIF_EXTRA_TYPE_MAX	(5)
#define _XEN_NETIF_EXTRA_FLAG_MORE	(0)
#define XEN_NETIF_EXTRA_FLAG_MORE	(1U << _XEN_NETIF_EXTRA_FLAG_MORE)
#define XEN_NETIF_GSO_TYPE_NONE		(0)
#define XEN_NETIF_GSO_TYPE_TCPV4	(1)
#define XEN_NETIF_GSO_TYPE_TCPV6	(2)

/* status of responses; for rx a positive value is the size in bytes */
#define NETIF_RSP_DROPPED		-2
#define NETIF_RSP_ERROR			-1
#define NETIF_RSP_OKAY			0
#define NETIF_RSP_NULL			1	/* slot held extra information */

struct netif_tx_request {
	grant_ref_t gref;
	uint16_t offset;		/* bytes in the page */
	uint16_t flags;			/* NETTXF_* */
	uint16_t id;			/* echoed */
	uint16_t size;			/* bytes; of the whole packet in its first slot */
};
typedef struct netif_tx_request netif_tx_request_t;

struct netif_extra_info {
	uint8_t type;			/* XEN_NETIF_EXTRA_TYPE_* */
	uint8_t flags;			/* XEN_NETIF_EXTRA_FLAG_MORE */
	union {
		struct {
			uint16_t size;	/* bytes per segment */
			uint8_t type;
			uint8_t pad;
			uint16_t features;
		} gso;
		struct {
			uint8_t addr[6];
		} mcast;
		struct {
			uint8_t type;
			uint8_t algorithm;
			uint8_t value[4];
		} hash;
		uint16_t pad[3];
	} u;
};
typedef struct netif_extra_info netif_extra_info_t;

struct netif_tx_response {
	uint16_t id;
	int16_t status;			/* NETIF_RSP_* */
};
typedef struct netif_tx_response netif_tx_response_t;

/* An empty page for a packet to come. */
struct netif_rx_request {
	uint16_t id;			/* echoed */
	uint16_t pad;
	grant_ref_t gref;
};
typedef struct netif_rx_request netif_rx_request_t;

struct netif_rx_response {
	uint16_t id;
	uint16_t offset;		/* bytes in the page */
	uint16_t flags;			/* NETRXF_* */
	int16_t status;			/* bytes, or NETIF_RSP_* */
};
typedef struct netif_rx_response netif_rx_response_t;

DEFINE_RING_TYPES(netif_tx, struct netif_tx_request, struct netif_tx_response);
DEFINE_RING_TYPES(netif_rx, struct netif_rx_request, struct netif_rx_response);

#endif /* XEN_PUBLIC_IO_NETIF_H */
