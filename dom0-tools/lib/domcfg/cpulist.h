/* SPDX-License-Identifier: MIT */
/*
 * Sets of CPUs in words, as in `cpus=` and `xl vcpu-pin`: numbers, ranges and "all", separated by commas, and what is
 * not meant behind a ^, in any order: "0-3,^2", "all,^0-1".
 *
 * Pure: which CPUs a host has is not known here. cpulist_fit() holds a set against a host.
 */
#ifndef LIB_DOMCFG_CPULIST_H
#define LIB_DOMCFG_CPULIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPULIST_CPUS	1024		/* numbers go up to one less */
#define CPULIST_BYTES	(CPULIST_CPUS / 8)
#define CPULIST_WHY	160

struct cpulist {
	uint8_t map[CPULIST_BYTES];	/* one bit per CPU, low bit of the first byte is CPU 0 */
};

/* false: why says what is wrong with text. */
bool cpulist_parse(struct cpulist *l, const char *text, char why[CPULIST_WHY]);
/* Cut the map to nr_cpus bits: a list may be meant for larger hosts. false: nothing is left, as why says. */
bool cpulist_fit(struct cpulist *l, unsigned int nr_cpus, char why[CPULIST_WHY]);
/*
 * The first nr_cpus bits of a map of `bytes` bytes in words: "all", "none" or a list as cpulist_parse() takes it.
 * Caller frees.
 */
char *cpulist_format(const uint8_t *map, size_t bytes, unsigned int nr_cpus);

#endif
