/* SPDX-License-Identifier: MIT */
/*
 * What a freestanding program lacks: printing, strings, bits, atomics. lib/ implements it; lib/printk.c,
 * lib/string.c and lib/bitmap.c also compile on the build host for the unit tests.
 */
#ifndef XL_LIB_H
#define XL_LIB_H

#include <xl/types.h>

/* Log levels: prefix of a format string. Messages above the level set by loglvl= are dropped. */
#define XL_ERR		"\0010"
#define XL_WARN		"\0011"
#define XL_INFO		"\0012"
#define XL_DEBUG	"\0013"
#define XL_GUEST	"\0014"	/* about or from a guest: rate-limited, a guest cannot fill the log */

/*
 * printf subset: %c %s %d %i %u %x %X %p %lu %ld %lx %llx %zu %02x-like flags (0, -, width, .precision, *).
 * %pS prints a code address as symbol+offset/size. Goes to the console ring (read by xl dmesg) and to the serial line.
 */
void printk(const char *fmt, ...) __printf(1, 2);
void vprintk(const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

/*
 * Our own bug or a machine we cannot run on: prints, shows registers and back trace, stops all CPUs, reboots or halts.
 */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;
/* A machine or set-up we cannot run on, at boot: one readable line, then halt. No registers. */
void boot_fail(const char *fmt, ...) __printf(1, 2) __noreturn;
void show_backtrace(unsigned long rip, unsigned long rbp);
struct cpu_user_regs;
void show_registers(const struct cpu_user_regs *regs);	/* all of them, and the back trace if they are ours */
/* Symbol that contains addr, or NULL; *off and *size are set when found. */
const char *symbol_lookup(unsigned long addr, unsigned long *off, unsigned long *size);
const char *symbol_nth(u32 n, u64 *addr);	/* in the order of addresses; NULL: no more */

#define BUG()		panic("bug at %s:%d", __FILE__, __LINE__)
#define BUG_ON(c)	do { if (unlikely(c)) panic("bug at %s:%d: %s", __FILE__, __LINE__, #c); } while (0)
#define ASSERT(c)	BUG_ON(!(c))

/* Debug builds say why a guest's request was refused; the value is err itself. */
#ifdef XL_DEBUG_BUILD
#define refuse(err, fmt, ...)	({ printk(XL_GUEST "%s: " fmt "\n", __func__, ##__VA_ARGS__); (err); })
#else
#define refuse(err, fmt, ...)	({ if (0) printk(XL_GUEST fmt "\n", ##__VA_ARGS__); (err); })
#endif

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strstr(const char *s, const char *sub);
size_t strlcpy(char *dst, const char *src, size_t size);
/*
 * Number in base 10, or 16 after 0x, or 8 after 0; *end is set past it. parse_size also takes a K, M, G, T suffix
 * (default: plain).
 */
unsigned long strtoul(const char *s, char **end, int base);
u64 parse_size(const char *s, const char **end);

/* Bitmaps are arrays of unsigned long. The plain forms are not atomic, test_and_* and *_atomic are. */
#define BITS_PER_LONG	64
#define BITS_TO_LONGS(n) DIV_ROUND_UP(n, BITS_PER_LONG)
#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]

static inline bool test_bit(unsigned long nr, const volatile void *addr)
{
	return (((const volatile unsigned long *)addr)[nr / 64] >> (nr % 64)) & 1;
}

static inline void __set_bit(unsigned long nr, void *addr)
{
	((unsigned long *)addr)[nr / 64] |= 1UL << (nr % 64);
}

static inline void __clear_bit(unsigned long nr, void *addr)
{
	((unsigned long *)addr)[nr / 64] &= ~(1UL << (nr % 64));
}

static inline bool test_and_set_bit(unsigned long nr, volatile void *addr)
{
	unsigned long bit = 1UL << (nr % 64);

	return __atomic_fetch_or((volatile unsigned long *)addr + nr / 64, bit, __ATOMIC_SEQ_CST) & bit;
}

static inline bool test_and_clear_bit(unsigned long nr, volatile void *addr)
{
	unsigned long bit = 1UL << (nr % 64);

	return __atomic_fetch_and((volatile unsigned long *)addr + nr / 64, ~bit, __ATOMIC_SEQ_CST) & bit;
}

static inline void set_bit(unsigned long nr, volatile void *addr)
{
	__atomic_fetch_or((volatile unsigned long *)addr + nr / 64, 1UL << (nr % 64), __ATOMIC_SEQ_CST);
}

static inline void clear_bit(unsigned long nr, volatile void *addr)
{
	__atomic_fetch_and((volatile unsigned long *)addr + nr / 64, ~(1UL << (nr % 64)), __ATOMIC_SEQ_CST);
}

/* First set / clear bit at or after start; size when there is none. */
unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long start);
unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size, unsigned long start);
unsigned int bitmap_weight(const unsigned long *map, unsigned long size);

#define cmpxchg(ptr, old, new) ({					\
	__typeof__(*(ptr)) o_ = (old);					\
	__atomic_compare_exchange_n(ptr, &o_, new, false,		\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	o_; })
#define xchg(ptr, val)		__atomic_exchange_n(ptr, val, __ATOMIC_SEQ_CST)
#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_wmb()		barrier()
#define smp_rmb()		barrier()

#endif
