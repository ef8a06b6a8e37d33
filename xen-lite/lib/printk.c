/* SPDX-License-Identifier: MIT */
/*
 * Formatting and the log. vsnprintf() is a subset of C's with one addition: %pS prints a code address as symbol+offset.
 * printk() gives each line the prefix "(XL) " and hands it to the console, which has the lock; there is none here.
 *
 * Messages about guests (XL_GUEST) pass a token bucket of GUEST_BURST lines that refills at GUEST_PER_SEC: a guest
 * cannot fill the log. How many were dropped is said as soon as one passes again.
 *
 * Not here: floating point, wide characters, %n, positional arguments.
 */
#include <xl/lib.h>
#include <xl/platform.h>
#include <xl/time.h>

#define LINE_MAX	512		/* bytes of one message; longer ones are cut */
#define GUEST_BURST	16
#define GUEST_PER_SEC	8

/* --- formatting --- */

struct out {
	char *buf;
	size_t size, len;		/* len counts what would have been written */
};

struct spec {
	bool left, zero, alt, plus, upper, is_signed;
	int width, precision;		/* precision -1: none */
	int longs;			/* l and z count up, h down */
	unsigned int base;
};

static void out_char(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void out_fill(struct out *o, char c, int n)
{
	while (n-- > 0)
		out_char(o, c);
}

static void out_string(struct out *o, const char *s, size_t n, const struct spec *sp)
{
	int pad = sp->width - (int)n;

	if (!sp->left)
		out_fill(o, ' ', pad);
	for (size_t i = 0; i < n; i++)
		out_char(o, s[i]);
	if (sp->left)
		out_fill(o, ' ', pad);
}

static void out_number(struct out *o, u64 val, const struct spec *sp)
{
	const char *digits = sp->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	bool negative = sp->is_signed && (s64)val < 0;
	char tmp[24], prefix[3];
	int n = 0, np = 0, zeros, pad;

	if (negative)
		val = -val;
	if (sp->precision != 0 || val) {
		u64 v = val;

		do {
			tmp[n++] = digits[v % sp->base];
			v /= sp->base;
		} while (v);
	}
	if (negative || sp->plus)
		prefix[np++] = negative ? '-' : '+';
	if (sp->alt && sp->base == 16 && val) {
		prefix[np++] = '0';
		prefix[np++] = sp->upper ? 'X' : 'x';
	}
	zeros = sp->precision - n;
	if (sp->precision < 0 && sp->zero && !sp->left)
		zeros = sp->width - n - np;
	zeros = max(zeros, 0);
	pad = sp->width - n - np - zeros;
	if (!sp->left)
		out_fill(o, ' ', pad);
	for (int i = 0; i < np; i++)
		out_char(o, prefix[i]);
	out_fill(o, '0', zeros);
	while (n)
		out_char(o, tmp[--n]);
	if (sp->left)
		out_fill(o, ' ', pad);
}

/* symbol+0xoff/0xsize, or the plain number for an address that is in no function of ours. */
static void out_symbol(struct out *o, unsigned long addr, const struct spec *sp)
{
	unsigned long off, size;
	const char *name = symbol_lookup(addr, &off, &size);
	char tmp[96];

	if (name)
		snprintf(tmp, sizeof(tmp), "%s+%#lx/%#lx", name, off, size);
	else
		snprintf(tmp, sizeof(tmp), "%016lx", addr);
	out_string(o, tmp, strlen(tmp), sp);
}

static int parse_int(const char **fmt)
{
	int n = 0;

	while (**fmt >= '0' && **fmt <= '9')
		n = min(n * 10 + *(*fmt)++ - '0', 4096);
	return n;
}

static const char *parse_flags(const char *fmt, struct spec *sp)
{
	for (;; fmt++) {
		switch (*fmt) {
		case '-': sp->left = true; break;
		case '0': sp->zero = true; break;
		case '#': sp->alt = true; break;
		case '+': sp->plus = true; break;
		case ' ': break;
		default: return fmt;
		}
	}
}

/* Flags, width, precision and size of what follows a '%'; returns the conversion's letter. */
static const char *parse_spec(const char *fmt, struct spec *sp, va_list *ap)
{
	fmt = parse_flags(fmt, sp);
	if (*fmt == '*') {
		sp->width = va_arg(*ap, int);
		if (sp->width < 0) {
			sp->left = true;
			sp->width = -sp->width;
		}
		fmt++;
	} else {
		sp->width = parse_int(&fmt);
	}
	if (*fmt == '.') {
		fmt++;
		if (*fmt == '*') {
			sp->precision = va_arg(*ap, int);
			fmt++;
		} else {
			sp->precision = parse_int(&fmt);
		}
	}
	for (; *fmt == 'l' || *fmt == 'z' || *fmt == 'h'; fmt++)
		sp->longs += *fmt == 'h' ? -1 : 1;
	return fmt;
}

/* The next argument, of the size that sp says, widened. */
static u64 next_integer(const struct spec *sp, va_list *ap)
{
	u64 val;

	if (sp->longs > 0)
		return va_arg(*ap, u64);
	val = sp->is_signed ? (u64)(s64)va_arg(*ap, int) : va_arg(*ap, unsigned int);
	if (sp->longs == -1)
		return sp->is_signed ? (u64)(s64)(int16_t)val : (u16)val;
	if (sp->longs < -1)
		return sp->is_signed ? (u64)(s64)(int8_t)val : (u8)val;
	return val;
}

/* %d %i %u %x %X %o; false: another letter. */
static bool convert_integer(struct out *o, char letter, struct spec *sp, va_list *ap)
{
	switch (letter) {
	case 'd':
	case 'i':
		sp->is_signed = true;
		break;
	case 'u':
		break;
	case 'X':
		sp->upper = true;
		/* fall through */
	case 'x':
		sp->base = 16;
		break;
	case 'o':
		sp->base = 8;
		break;
	default:
		return false;
	}
	out_number(o, next_integer(sp, ap), sp);
	return true;
}

/* %p, and %pS: the symbol. Returns the last letter. */
static const char *convert_pointer(struct out *o, const char *fmt, struct spec *sp, va_list *ap)
{
	unsigned long val = (unsigned long)va_arg(*ap, void *);

	if (fmt[1] == 'S') {
		out_symbol(o, val, sp);
		return fmt + 1;
	}
	sp->base = 16;
	sp->precision = 16;
	out_number(o, val, sp);
	return fmt;
}

/* What follows the '%' at start; returns its last character. */
static const char *convert(struct out *o, const char *start, va_list *ap)
{
	struct spec sp = { .precision = -1, .base = 10 };
	const char *fmt = parse_spec(start + 1, &sp, ap), *s;
	char c;

	switch (*fmt) {
	case 'c':
		c = va_arg(*ap, int);
		out_string(o, &c, 1, &sp);
		return fmt;
	case 's':
		s = va_arg(*ap, const char *);
		if (!s)
			s = "(null)";
		out_string(o, s, sp.precision >= 0 ? strnlen(s, sp.precision) : strlen(s), &sp);
		return fmt;
	case '%':
		out_char(o, '%');
		return fmt;
	case 'p':
		return convert_pointer(o, fmt, &sp, ap);
	}
	if (convert_integer(o, *fmt, &sp, ap))
		return fmt;
	/* Unknown: show it as it stands, and stop trusting the arguments. */
	while (*start)
		out_char(o, *start++);
	return start - 1;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };
	va_list args;

	va_copy(args, ap);
	for (; *fmt; fmt++) {
		if (*fmt == '%')
			fmt = convert(&o, fmt, &args);
		else
			out_char(&o, *fmt);
	}
	va_end(args);
	if (size)
		buf[min(o.len, size - 1)] = 0;
	return o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

/* --- the log --- */

enum { LEVEL_ERR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG, LEVEL_GUEST };

static u32 guest_tokens = GUEST_BURST;	/* races between CPUs only cost or give a line */
static u32 guest_dropped;
static s_time_t guest_refilled;

/* True when a message about a guest may pass; *dropped says how many did not since the last one. */
static bool guest_rate_ok(u32 *dropped)
{
	s_time_t t = now();
	u64 fresh = (t - guest_refilled) * GUEST_PER_SEC / NS_PER_SEC;

	if (fresh) {
		guest_tokens = min_t(u64, guest_tokens + fresh, GUEST_BURST);
		guest_refilled = t;
	}
	if (!guest_tokens) {
		guest_dropped++;
		return false;
	}
	guest_tokens--;
	*dropped = xchg(&guest_dropped, 0);
	return true;
}

static void log_string(const char *fmt, ...) __printf(1, 2);
static void log_string(const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	console_log(line, min_t(size_t, n, sizeof(line) - 1));
}

void vprintk(const char *fmt, va_list ap)
{
	unsigned int level = LEVEL_INFO;
	char line[LINE_MAX];
	u32 dropped = 0;
	size_t n;

	if (fmt[0] == '\001' && fmt[1]) {
		level = fmt[1] - '0';
		fmt += 2;
	}
	if (level == LEVEL_GUEST ? !opt_guest_loglvl || !guest_rate_ok(&dropped) : level > opt_loglvl)
		return;
	if (dropped)
		log_string("%u messages about guests were suppressed\n", dropped);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	if (n >= sizeof(line)) {	/* cut, but still a line */
		n = sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	console_log(line, n);
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}
