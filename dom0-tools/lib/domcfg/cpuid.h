/* SPDX-License-Identifier: MIT */
/*
 * Features of the CPU by name, and `cpuid=` of a configuration: which of them a guest's kernel is not to see.
 *
 * A feature is a bit in one of the registers of CPUID that consist of features. Names are those that Linux shows in
 * /proc/cpuinfo and, where these differ, those of xl.cfg.
 */
#ifndef LIB_DOMCFG_CPUID_H
#define LIB_DOMCFG_CPUID_H

#include <stdbool.h>
#include <stdint.h>

#define CPUID_WORDS	9
#define CPUID_ANY	(~0U)

struct cpuid_word {
	uint32_t leaf, subleaf;		/* CPUID_ANY: it has none */
	char reg;			/* 'a' to 'd' */
};

extern const struct cpuid_word cpuid_words[CPUID_WORDS];

/* NULL: it has none. */
const char *cpuid_feature_name(unsigned int word, unsigned int bit);
bool cpuid_feature_find(const char *name, unsigned int *word, unsigned int *bit);
/* The features, as bits of the words, that a cpuid= that was accepted takes away. NULL: none. */
void cpuid_hidden(const char *cpuid, uint32_t hidden[CPUID_WORDS]);

#endif
