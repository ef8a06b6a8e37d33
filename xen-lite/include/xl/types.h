/* SPDX-License-Identifier: MIT */
/*
 * The few types and macros that every file of the hypervisor uses.
 *
 * Frame numbers are single-member structs, so a machine frame and a guest's pseudo-physical frame cannot be
 * mixed up without the compiler noticing.
 */
#ifndef XL_TYPES_H
#define XL_TYPES_H

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))

#ifndef __ASSEMBLY__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>
#include <public/errno.h>

/* Ours alone, never seen by a guest: preempted, call again. */
#define XEN_ERESTART	85

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
typedef int32_t s32;
typedef u16 domid_t_;			/* the public headers own the name domid_t */

typedef struct { unsigned long m; } mfn_t;	/* machine frame number */
typedef struct { unsigned long p; } pfn_t;	/* pseudo-physical frame number of one domain */
typedef u64 paddr_t;			/* machine address in bytes */
typedef s64 s_time_t;			/* nanoseconds since boot */

#define _mfn(x)		((mfn_t){ (x) })
#define _pfn(x)		((pfn_t){ (x) })
#define mfn_x(x)	((x).m)
#define pfn_x(x)	((x).p)
#define INVALID_MFN	_mfn(~0UL)
#define mfn_eq(a, b)	((a).m == (b).m)
#define mfn_add(a, n)	_mfn((a).m + (n))
#define mfn_to_pa(x)	((paddr_t)(x).m << PAGE_SHIFT)
#define pa_to_mfn(x)	_mfn((paddr_t)(x) >> PAGE_SHIFT)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define __packed	__attribute__((packed))
#define __aligned(n)	__attribute__((aligned(n)))
#define __noreturn	__attribute__((noreturn))
#define __printf(a, b)	__attribute__((format(printf, a, b)))
#define __section(s)	__attribute__((section(s)))
/* On the way of every system call: these lie together, so that they share pages and their translations. */
#define __hot		__attribute__((hot))
#define __flatten	__attribute__((flatten))	/* what it calls in the same file becomes part of it */
#define __init		__section(".init.text")
#define __initdata	__section(".init.data")
#define BUILD_BUG_ON(c)	_Static_assert(!(c), #c)
#define ACCESS_ONCE(x)	(*(volatile __typeof__(x) *)&(x))
#define barrier()	__asm__ __volatile__("" ::: "memory")

#define min(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define min_t(t, a, b) min((t)(a), (t)(b))
#define max_t(t, a, b) max((t)(a), (t)(b))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define ROUND_UP(n, a)		(((n) + (a) - 1) & ~((__typeof__(n))(a) - 1))
#define ROUND_DOWN(n, a)	((n) & ~((__typeof__(n))(a) - 1))

#endif /* __ASSEMBLY__ */
#endif
