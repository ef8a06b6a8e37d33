/* SPDX-License-Identifier: MIT */
/* Bitmap searches against a loop over single bits, for all starts and odd sizes. */
#include <stdlib.h>
#include <xl/lib.h>

#include "suite.h"

#define BITS 200

static unsigned long naive(const unsigned long *map, unsigned long size, unsigned long start, bool val)
{
	for (unsigned long i = start; i < size; i++)
		if (test_bit(i, map) == val)
			return i;
	return size;
}

static void check(const unsigned long *map, unsigned long size)
{
	unsigned int weight = 0;

	for (unsigned long i = 0; i < size; i++)
		weight += test_bit(i, map);
	CU_ASSERT_EQUAL(bitmap_weight(map, size), weight);
	for (unsigned long start = 0; start <= size + 1; start++) {
		CU_ASSERT_EQUAL(find_next_bit(map, size, start), naive(map, size, start, true));
		CU_ASSERT_EQUAL(find_next_zero_bit(map, size, start), naive(map, size, start, false));
	}
}

static void test_search(void)
{
	static const unsigned long sizes[] = { 0, 1, 63, 64, 65, 127, 128, 129, BITS };
	DECLARE_BITMAP(map, BITS);

	srandom(7);
	for (unsigned int s = 0; s < ARRAY_SIZE(sizes); s++)
		for (unsigned int round = 0; round < 20; round++) {
			unsigned int density = 1 + random() % 40;

			for (unsigned int w = 0; w < ARRAY_SIZE(map); w++)
				map[w] = round == 0 ? 0 : round == 1 ? ~0UL : 0;
			for (unsigned int i = 0; round > 1 && i < BITS; i++)
				if (random() % density == 0)
					__set_bit(i, map);
			check(map, sizes[s]);
		}
}

static void test_single(void)
{
	DECLARE_BITMAP(map, 130) = { 0 };

	CU_ASSERT(!test_and_set_bit(129, map));
	CU_ASSERT(test_and_set_bit(129, map));
	CU_ASSERT_EQUAL(map[2], 2);
	set_bit(64, map);
	CU_ASSERT_EQUAL(map[1], 1);
	__clear_bit(64, map);
	CU_ASSERT(!test_and_clear_bit(64, map));
	CU_ASSERT(test_and_clear_bit(129, map));
	CU_ASSERT_EQUAL(bitmap_weight(map, 130), 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "search and weight", test_search },
		{ "single bits", test_single },
		CU_TEST_INFO_NULL,
	};

	return suite_run("bitmap", tests);
}
