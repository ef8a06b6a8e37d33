/* SPDX-License-Identifier: MIT */
/*
 * The serial line of com1=: a 16550. Output is polled, a FIFO full at a time, so that the line status is read once per
 * 16 bytes: a port access is the expensive part in an emulator. Input comes by the line's interrupt. The caller
 * (common/console.c) has the lock; input touches only the receive registers.
 *
 * com1=BAUD[,FORMAT[,PORT[,IRQ]]], for instance 115200,8n1,0x3f8,4. FORMAT: data bits, parity n/o/e, stop bits.
 * A line that is not there (no UART answers) is not written to.
 */
#include <xl/lib.h>
#include <xl/asm.h>
#include <xl/irq.h>
#include <xl/platform.h>
#include <xl/spinlock.h>

#define UART_DATA	0		/* receive, transmit; divisor low with DLAB */
#define UART_IER	1		/* divisor high with DLAB */
#define UART_FCR	2
#define UART_IIR	2
#define UART_LCR	3
#define UART_MCR	4
#define UART_LSR	5
#define UART_SCRATCH	7

#define LSR_DATA_READY	0x01
#define LSR_THR_EMPTY	0x20
#define LCR_DLAB	0x80
#define MCR_DTR_RTS_OUT2 0x0b		/* OUT2 opens the interrupt line on a PC */
#define IER_RX		0x01
#define FCR_ON_CLEAR	0x07
#define IIR_NO_INT	0x01
#define IIR_FIFO	0xc0
#define UART_CLOCK	115200
#define RX_BURST	256

static u16 base = 0x3f8;
static unsigned int irq_line = 4;
static unsigned int fifo = 1;		/* bytes that fit after THR_EMPTY */
static bool present;
static bool rx_stopped;			/* dom0 does not keep up; the sender waits, as the FIFO is full */
static char last;			/* byte written before, for the CR that goes before a bare LF */

/* "8n1" -> line control register; 8n1 when it makes no sense. */
static u8 parse_format(const char *s)
{
	u8 lcr = 3;

	if (s[0] >= '5' && s[0] <= '8')
		lcr = s[0] - '5';
	if (s[0] && (s[1] == 'o' || s[1] == 'e'))
		lcr |= s[1] == 'o' ? 0x08 : 0x18;
	if (s[0] && s[1] && s[2] == '2')
		lcr |= 0x04;
	return lcr;
}

static const char *next_field(const char *s)
{
	s = strchr(s, ',');
	return s ? s + 1 : "";
}

void serial_init_early(void)
{
	const char *s = opt_com1;
	unsigned long baud = strtoul(s, NULL, 10), v;
	u16 divisor;
	u8 lcr;

	s = next_field(s);
	lcr = parse_format(s);
	s = next_field(s);
	v = strtoul(s, NULL, 0);
	if (v && v <= 0xfff8)
		base = v;
	s = next_field(s);
	v = strtoul(s, NULL, 0);
	if (v && v < 16)
		irq_line = v;
	if (baud == 0 || baud > UART_CLOCK)
		baud = UART_CLOCK;
	divisor = UART_CLOCK / baud;

	outb(base + UART_SCRATCH, 0x5a);
	if (inb(base + UART_SCRATCH) != 0x5a)
		return;
	outb(base + UART_IER, 0);
	outb(base + UART_LCR, lcr | LCR_DLAB);
	outb(base + UART_DATA, divisor);
	outb(base + UART_IER, divisor >> 8);
	outb(base + UART_LCR, lcr);
	outb(base + UART_FCR, FCR_ON_CLEAR);
	outb(base + UART_MCR, MCR_DTR_RTS_OUT2);
	if ((inb(base + UART_IIR) & IIR_FIFO) == IIR_FIFO)
		fifo = 16;
	present = true;
}

/* Waits for an empty FIFO, but not for ever: a line with flow control held must not stop the machine. */
static unsigned int tx_room(void)
{
	for (unsigned int i = 0; i < 100000; i++) {
		if (inb(base + UART_LSR) & LSR_THR_EMPTY)
			return fifo;
		cpu_relax();
	}
	return fifo;
}

void serial_write(const char *s, size_t n)
{
	unsigned int room = 0;

	if (!present)
		return;
	while (n) {
		char c = *s;

		if (!room)
			room = tx_room();
		if (c == '\n' && last != '\r') {
			c = '\r';
		} else {
			s++;
			n--;
		}
		outb(base + UART_DATA, c);
		last = c;
		room--;
	}
}

void serial_rx_resume(void)
{
	if (!xchg(&rx_stopped, false))
		return;
	outb(base + UART_IER, IER_RX);
}

static void serial_interrupt(void *unused)
{
	(void)unused;
	inb(base + UART_IIR);
	for (unsigned int i = 0; console_rx_room() && (inb(base + UART_LSR) & LSR_DATA_READY); i++) {
		console_rx(inb(base + UART_DATA));
		if (i == RX_BURST) {		/* more is coming than we should take at once: a fresh edge, later */
			outb(base + UART_IER, 0);
			outb(base + UART_IER, IER_RX);
			return;
		}
	}
	if (!console_rx_room()) {
		outb(base + UART_IER, 0);
		rx_stopped = true;
		smp_mb();
		if (console_rx_room())		/* dom0 has read meanwhile and did not see that we stop */
			serial_rx_resume();
	}
}

void serial_init_irq(void)
{
	int rc;

	if (!present)
		return;
	rc = irq_request_gsi(isa_irq_to_gsi(irq_line), serial_interrupt, NULL);
	if (rc) {
		printk(XL_WARN "serial line: no interrupt %u (error %d), so no input\n", irq_line, -rc);
		return;
	}
	while (inb(base + UART_LSR) & LSR_DATA_READY)
		inb(base + UART_DATA);
	outb(base + UART_IER, IER_RX);
}

bool serial_owns_port(u16 port)
{
	return present && port >= base && port < base + 8;
}
