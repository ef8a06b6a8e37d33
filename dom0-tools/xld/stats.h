/* SPDX-License-Identifier: MIT */
/* Counters of the devices of domains, as dom0's kernel has them. */
#ifndef XLD_STATS_H
#define XLD_STATS_H

#include "rpc/xrpc.h"
#include "util/mem.h"

/* Add up, for each of n domains, what the sysfs below root says about its disks and networks. */
void stats_collect(const char *root, xld_stats *list, size_t n);

#endif
