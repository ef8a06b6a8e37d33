/* SPDX-License-Identifier: MIT */
/*
 * Copying from and to the current guest's address space. Pointers are checked not to touch the hypervisor's range;
 * a fault in between is caught. All return the number of bytes NOT copied: 0 is success, as in
 *	if (copy_from_guest(&op, arg, 1)) return -EFAULT;
 * Read each guest word once: copy a structure in, check the copy, use the copy.
 */
#ifndef XL_GUEST_ACCESS_H
#define XL_GUEST_ACCESS_H

#include <xl/types.h>
#include <xl/config.h>

/* Sizes in bytes. */
size_t raw_copy_from_guest(void *dst, const void *src, size_t n);
size_t raw_copy_to_guest(void *dst, const void *src, size_t n);
size_t raw_clear_guest(void *dst, size_t n);

/* True when [ptr, ptr + count * size) lies wholly outside the hypervisor's range and does not wrap. */
static inline bool guest_range_ok(const void *ptr, size_t count, size_t size)
{
	unsigned long start = (unsigned long)ptr, len;

	if (__builtin_mul_overflow(count, size, &len) || start + len < start)
		return false;
	return start + len <= HV_VIRT_START || start >= HV_VIRT_END;
}

/* p is a guest pointer to objects of the type *local; n objects. */
#define copy_from_guest(local, p, n)	raw_copy_from_guest(local, p, (n) * sizeof(*(local)))
#define copy_to_guest(p, local, n)	raw_copy_to_guest(p, local, (n) * sizeof(*(local)))
#define copy_from_guest_offset(local, p, off, n) \
	raw_copy_from_guest(local, (const char *)(p) + (off) * sizeof(*(local)), (n) * sizeof(*(local)))
#define copy_to_guest_offset(p, off, local, n) \
	raw_copy_to_guest((char *)(p) + (off) * sizeof(*(local)), local, (n) * sizeof(*(local)))

#endif
