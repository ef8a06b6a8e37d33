/* SPDX-License-Identifier: MIT */
/* One virtual network interface, as an entry of vif= describes it: `key=value` items between commas, in any order. */
#ifndef LIB_DOMCFG_VIF_H
#define LIB_DOMCFG_VIF_H

#include <stdbool.h>
#include <stdint.h>

#define VIF_NO_ID (~0U)
#define VIF_NAME_MAX 15			/* of an interface in dom0 */
/*
 * The interval at which credit is given unless a rate says it. The kernel's back end loses up to one tick (4 ms) in
 * each, so that shorter ones give noticeably less than the rate.
 */
#define VIF_RATE_USECS 200000U
#define VIF_BRIDGE "xenbr0"		/* where a vif goes by default */

struct cfg_vif {
	uint32_t devid;			/* VIF_NO_ID: the next free one */
	bool has_mac;
	uint8_t mac[6];
	char *bridge, *script, *vifname, *gatewaydev;	/* NULL: not given */
	char *ip;			/* addresses that the guest may use, between blanks; NULL: any */
	uint64_t rate;			/* bytes per second that the guest may send; 0: no limit */
	uint32_t rate_usecs;		/* how often it gets new credit */
	unsigned int mtu;		/* 0: that of the bridge */
	bool untrusted;			/* the guest shows the back end nothing but the data */
};

/* false: *why says why not (caller frees), and *vif is empty. */
bool vif_parse(struct cfg_vif *vif, const char *text, char **why);
void vif_free(struct cfg_vif *vif);
/* The one way in which we write an entry; vif_parse() of it gives the same. Caller frees. */
char *vif_format(const struct cfg_vif *vif);

/* A locally unique MAC (00:16:3e:...) that stays the same for the same domain and device. */
void vif_mac(uint8_t mac[6], const uint8_t uuid[16], uint32_t devid);
void vif_mac_format(const uint8_t mac[6], char text[18]);
bool vif_mac_parse(const char *text, uint8_t mac[6]);
/* A rate such as "10Mb/s" or "512KB/s@20ms" in bytes per second, and its interval. */
bool vif_rate_parse(const char *text, uint64_t *rate, uint32_t *usecs);
/* Bytes that a rate allows in each interval. */
uint64_t vif_credit(uint64_t rate, uint32_t usecs);

#endif
