/* SPDX-License-Identifier: MIT */
/* Searching and counting in bitmaps; lib.h has the single-bit operations. Pure: no state, no locks. */
#include <xl/lib.h>

/* First bit at or after start that is set in map ^ invert. */
static unsigned long find_next(const unsigned long *map, unsigned long size, unsigned long start, unsigned long invert)
{
	unsigned long i = start / BITS_PER_LONG, word, bit;

	if (start >= size)
		return size;
	word = (map[i] ^ invert) & ~0UL << start % BITS_PER_LONG;
	while (!word) {
		if (++i * BITS_PER_LONG >= size)
			return size;
		word = map[i] ^ invert;
	}
	bit = i * BITS_PER_LONG + __builtin_ctzl(word);
	return min(bit, size);
}

unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long start)
{
	return find_next(map, size, start, 0);
}

unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size, unsigned long start)
{
	return find_next(map, size, start, ~0UL);
}

static unsigned int weight(unsigned long w)
{
	unsigned int n = 0;

	for (; w; w &= w - 1)
		n++;
	return n;
}

unsigned int bitmap_weight(const unsigned long *map, unsigned long size)
{
	unsigned long i;
	unsigned int n = 0;

	for (i = 0; i < size / BITS_PER_LONG; i++)
		n += weight(map[i]);
	if (size % BITS_PER_LONG)
		n += weight(map[i] & ~(~0UL << size % BITS_PER_LONG));
	return n;
}
