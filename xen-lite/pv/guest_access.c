/* SPDX-License-Identifier: MIT */
/*
 * Copying from and to the current guest's address space, as guest_access.h promises.
 *
 * The guest is reached through its own mappings, so what it may not write we do not write either: page tables are
 * read-only there, and CR0.WP holds for us too. Before the first access the CPU's top-level table must be up to date.
 */
#include <xl/guest_access.h>
#include <xl/lib.h>
#include <xl/pt.h>

size_t copy_words_safe(void *to, const void *from, size_t n);
size_t clear_bytes_safe(void *to, size_t n);

__hot size_t raw_copy_from_guest(void *dst, const void *src, size_t n)
{
	size_t left;

	if (unlikely(!guest_range_ok(src, n, 1)))
		return n;
	cpu_l4_sync();
	left = copy_words_safe(dst, src, n);
	if (unlikely(left))
		memset((char *)dst + n - left, 0, left);	/* no stale stack contents for careless callers */
	return left;
}

__hot size_t raw_copy_to_guest(void *dst, const void *src, size_t n)
{
	if (unlikely(!guest_range_ok(dst, n, 1)))
		return n;
	cpu_l4_sync();
	return copy_words_safe(dst, src, n);
}

size_t raw_clear_guest(void *dst, size_t n)
{
	if (unlikely(!guest_range_ok(dst, n, 1)))
		return n;
	cpu_l4_sync();
	return clear_bytes_safe(dst, n);
}
