/* SPDX-License-Identifier: MIT */
/*
 * Text output, and the few string functions that the compiler may call.
 *
 * dom0 writes to the hypervisor's console; a guest to its console ring, waiting while that is full; a child without a
 * ring to its parent.
 */
#include "guest.h"

#include "child.h"

#include "public/io/console.h"

void *memset(void *p, int c, size_t n)
{
	u8 *b = p;

	while (n--)
		*b++ = c;
	return p;
}

void *memcpy(void *to, const void *from, size_t n)
{
	u8 *t = to;
	const u8 *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--, a++, b++)
		;
	return n ? (u8)*a - (u8)*b : 0;
}

static void ring_write(const char *s, size_t len)
{
	volatile struct xencons_interface *ring = mfn_to_va(start_info->console.domU.mfn);
	struct evtchn_send send = { .port = start_info->console.domU.evtchn };

	while (len) {
		u32 prod = ring->out_prod;

		while (len && prod - ring->out_cons < sizeof(ring->out)) {
			ring->out[MASK_XENCONS_IDX(prod++, ring->out)] = *s++;
			len--;
		}
		barrier();
		ring->out_prod = prod;
		hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
		if (len)
			hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	}
}

void console_write(const char *s, size_t len)
{
	if (is_dom0())
		hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, len, s);
	else if (start_info->console.domU.mfn)
		ring_write(s, len);
	else
		child_write(s, len);
}

struct out {
	char buf[512];
	size_t len;
};

static void put(struct out *o, char c)
{
	if (o->len < sizeof(o->buf))
		o->buf[o->len++] = c;
}

static void put_number(struct out *o, u64 v, unsigned int base, unsigned int width, char pad, bool negative)
{
	char digits[24];
	unsigned int n = 0;

	do
		digits[n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	if (negative)
		digits[n++] = '-';
	while (width > n) {
		put(o, pad);
		width--;
	}
	while (n)
		put(o, digits[--n]);
}

static void put_signed(struct out *o, long v, unsigned int width, char pad)
{
	put_number(o, v < 0 ? -(u64)v : (u64)v, 10, width, pad, v < 0);
}

/* Knows %d %u %x with l and width, %s %c %p %%. */
static void format(struct out *o, const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		unsigned int width = 0;
		bool wide = false;
		char pad = ' ';

		if (*fmt != '%') {
			put(o, *fmt);
			continue;
		}
		if (*++fmt == '0')
			pad = '0';
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + *fmt - '0';
		for (; *fmt == 'l'; fmt++)
			wide = true;
		if (*fmt == 'd')
			put_signed(o, wide ? va_arg(ap, long) : va_arg(ap, int), width, pad);
		else if (*fmt == 'u')
			put_number(o, wide ? va_arg(ap, u64) : va_arg(ap, u32), 10, width, pad, false);
		else if (*fmt == 'x')
			put_number(o, wide ? va_arg(ap, u64) : va_arg(ap, u32), 16, width, pad, false);
		else if (*fmt == 'p')
			put_number(o, va_arg(ap, u64), 16, width, pad, false);
		else if (*fmt == 'c')
			put(o, va_arg(ap, int));
		else if (*fmt == 's')
			for (const char *s = va_arg(ap, const char *); *s; s++)
				put(o, *s);
		else
			put(o, *fmt);
	}
}

void vprintk(const char *fmt, va_list ap)
{
	struct out o = { .len = 0 };

	format(&o, fmt, ap);
	console_write(o.buf, o.len);
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}
