/* SPDX-License-Identifier: MIT */
/* Which features of the CPU that a guest has seen are missing on a host. */
#include <stdio.h>
#include <string.h>

#include "migrate/migrate.h"
#include "public/domctl.h"

#define NONE	(~0U)

/* Registers of CPUID that consist of features. */
static const struct word {
	uint32_t leaf, subleaf;
	char reg;
} words[] = {
	{ 1, NONE, 'c' }, { 1, NONE, 'd' }, { 7, 0, 'b' }, { 7, 0, 'c' }, { 7, 0, 'd' }, { 0xd, 1, 'a' },
	{ 0x80000001, NONE, 'c' }, { 0x80000001, NONE, 'd' }, { 0x80000008, NONE, 'b' },
};

static const struct feature {
	uint8_t word, bit;
	const char *name;
} features[] = {
	{ 0, 0, "sse3" }, { 0, 1, "pclmulqdq" }, { 0, 9, "ssse3" }, { 0, 12, "fma" }, { 0, 13, "cmpxchg16b" },
	{ 0, 19, "sse4.1" }, { 0, 20, "sse4.2" }, { 0, 22, "movbe" }, { 0, 23, "popcnt" }, { 0, 25, "aes" },
	{ 0, 26, "xsave" }, { 0, 27, "osxsave" }, { 0, 28, "avx" }, { 0, 29, "f16c" }, { 0, 30, "rdrand" },
	{ 1, 19, "clflush" }, { 1, 25, "sse" }, { 1, 26, "sse2" },
	{ 2, 0, "fsgsbase" }, { 2, 3, "bmi1" }, { 2, 5, "avx2" }, { 2, 8, "bmi2" }, { 2, 9, "erms" },
	{ 2, 16, "avx512f" }, { 2, 18, "rdseed" }, { 2, 19, "adx" }, { 2, 23, "clflushopt" }, { 2, 24, "clwb" },
	{ 2, 29, "sha" }, { 5, 0, "xsaveopt" }, { 5, 1, "xsavec" }, { 5, 3, "xsaves" },
	{ 6, 0, "lahf" }, { 6, 5, "lzcnt" }, { 6, 6, "sse4a" }, { 6, 8, "3dnowprefetch" }, { 6, 11, "xop" },
	{ 6, 16, "fma4" }, { 7, 11, "syscall" }, { 7, 20, "nx" }, { 7, 26, "1gb-pages" }, { 7, 27, "rdtscp" },
	{ 7, 29, "long-mode" }, { 8, 0, "clzero" },
};

static uint32_t value(const xen_cpuid_leaf_t *l, size_t n, const struct word *w)
{
	for (size_t i = 0; i < n; i++) {
		if (l[i].leaf != w->leaf || (w->subleaf != NONE && l[i].subleaf != w->subleaf))
			continue;
		return w->reg == 'a' ? l[i].a : w->reg == 'b' ? l[i].b : w->reg == 'c' ? l[i].c : l[i].d;
	}
	return 0;
}

static size_t append(char *names, size_t size, size_t used, unsigned int word, unsigned int bit)
{
	const struct word *w = &words[word];
	int n = -1;

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (features[i].word == word && features[i].bit == bit)
			n = snprintf(names + used, size - used, "%s%s", used ? " " : "", features[i].name);
	if (n < 0)
		n = snprintf(names + used, size - used, "%scpuid-%x.e%cx[%u]", used ? " " : "", w->leaf, w->reg, bit);
	return used + (size_t)n < size ? used + (size_t)n : size - 1;
}

unsigned int cpu_missing(const xen_cpuid_leaf_t *guest, size_t n, const xen_cpuid_leaf_t *host, size_t host_n,
			 char *names, size_t size)
{
	unsigned int missing = 0;
	size_t used = 0;

	*names = 0;
	for (unsigned int w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		uint32_t lost = value(guest, n, &words[w]) & ~value(host, host_n, &words[w]);

		for (unsigned int bit = 0; bit < 32; bit++) {
			if (!(lost & 1U << bit))
				continue;
			missing++;
			used = append(names, size, used, w, bit);
		}
	}
	return missing;
}
