/* SPDX-License-Identifier: MIT */
/* Which features of the CPU that a guest has seen are missing on a host. */
#include <stdio.h>
#include <string.h>

#include "domcfg/cpuid.h"
#include "migrate/migrate.h"
#include "public/domctl.h"

static uint32_t value(const xen_cpuid_leaf_t *l, size_t n, const struct cpuid_word *w)
{
	for (size_t i = 0; i < n; i++) {
		if (l[i].leaf != w->leaf || (w->subleaf != CPUID_ANY && l[i].subleaf != w->subleaf))
			continue;
		return w->reg == 'a' ? l[i].a : w->reg == 'b' ? l[i].b : w->reg == 'c' ? l[i].c : l[i].d;
	}
	return 0;
}

static size_t append(char *names, size_t size, size_t used, unsigned int word, unsigned int bit)
{
	const struct cpuid_word *w = &cpuid_words[word];
	const char *name = cpuid_feature_name(word, bit);
	int n;

	if (name)
		n = snprintf(names + used, size - used, "%s%s", used ? " " : "", name);
	else
		n = snprintf(names + used, size - used, "%scpuid-%x.e%cx[%u]", used ? " " : "", w->leaf, w->reg, bit);
	return used + (size_t)n < size ? used + (size_t)n : size - 1;
}

unsigned int cpu_missing(const xen_cpuid_leaf_t *guest, size_t n, const xen_cpuid_leaf_t *host, size_t host_n,
			 char *names, size_t size)
{
	unsigned int missing = 0;
	size_t used = 0;

	*names = 0;
	for (unsigned int w = 0; w < CPUID_WORDS; w++) {
		uint32_t lost = value(guest, n, &cpuid_words[w]) & ~value(host, host_n, &cpuid_words[w]);

		for (unsigned int bit = 0; bit < 32; bit++) {
			if (!(lost & 1U << bit))
				continue;
			missing++;
			used = append(names, size, used, w, bit);
		}
	}
	return missing;
}
