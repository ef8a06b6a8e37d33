/* SPDX-License-Identifier: MIT */
/* Page tables in the migration stream: their entries hold guest frames there (stream.h). */
#include "migrate/stream.h"

#define PRESENT		1ULL
#define ADDRESS		0x000ffffffffff000ULL
#define ENTRIES		512
#define HV_FIRST	256		/* slots of the top level that are the hypervisor's */
#define HV_LAST		271

static bool hypervisors(unsigned int level, int i)
{
	return level == 4 && i >= HV_FIRST && i <= HV_LAST;
}

int table_canonicalise(uint64_t *table, unsigned int level, table_to_pfn *fn, void *arg)
{
	for (int i = 0; i < ENTRIES; i++) {
		uint64_t pfn;

		if (hypervisors(level, i))
			table[i] = 0;
		if (!(table[i] & PRESENT))
			continue;
		if (!fn(arg, (table[i] & ADDRESS) >> 12, &pfn))
			return i;
		table[i] = (table[i] & ~ADDRESS) | pfn << 12;
	}
	return -1;
}

void table_localise(uint64_t *table, const uint64_t *p2m)
{
	for (int i = 0; i < ENTRIES; i++)
		if (table[i] & PRESENT)
			table[i] = (table[i] & ~ADDRESS) | p2m[(table[i] & ADDRESS) >> 12] << 12;
}

int table_check(const struct stream_check *c, const uint64_t *table, unsigned int level)
{
	for (int i = 0; i < ENTRIES; i++)
		if ((table[i] & PRESENT) &&
		    (hypervisors(level, i) || !stream_has_memory(c, (table[i] & ADDRESS) >> 12)))
			return i;
	return -1;
}
