/* SPDX-License-Identifier: MIT */
/*
 * The console: our own messages go into a ring (read by `xl dmesg`) and to the sinks named by console=; dom0's output
 * passes through to the sinks unchanged, other domains' lines become messages of ours, rate-limited. Typed characters
 * wait in a second ring until dom0 reads them.
 *
 * console_lock guards the ring, the sinks and the state of the current line. It is innermost: printk() may be called
 * with any lock held, so nothing here takes another one. A panic stops waiting for it (console_force()).
 *
 * Three times Ctrl-A on the serial line leads to the debug keys (debug_keys.c).
 *
 * The VGA text screen is ours only until dom0 writes for the first time; dom0 drives it from then on.
 */
#include <xl/lib.h>
#include <xl/platform.h>
#include <xl/spinlock.h>
#include <xl/domain.h>
#include <xl/event.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>

#define RING_SIZE	65536U		/* power of two */
#define RX_SIZE		1024U
#define CTRL_A		1
#define CHUNK		128		/* bytes of guest output handled between two preemption checks */

static DEFINE_SPINLOCK(console_lock);
static bool forced;			/* a panic: no more waiting */

static char ring[RING_SIZE];
static u32 ring_end;			/* bytes ever written; the last RING_SIZE of them are there */
static u32 ring_cleared;		/* reads without an index start here */

static bool use_serial = true, use_vga;
static bool line_open;			/* our own message is in the middle of a line */
static char last_char = '\n';		/* that went to the sinks */

static char rx_ring[RX_SIZE];
static u32 rx_head, rx_tail;
static DEFINE_SPINLOCK(rx_lock);

static struct {				/* the line that a domU is writing; another domain's output ends it */
	domid_t_ domid;
	unsigned int len;
	char text[CHUNK];
} guest_line;
static DEFINE_SPINLOCK(guest_line_lock);

static void lock_console(void)
{
	if (!forced)
		spin_lock(&console_lock);
}

static void unlock_console(void)
{
	if (spin_held(&console_lock))
		spin_unlock(&console_lock);
}

void console_force(void)
{
	forced = true;
}

static void ring_put(const char *s, size_t n)
{
	while (n--)
		ring[ring_end++ % RING_SIZE] = *s++;
}

static void sinks_put(const char *s, size_t n)
{
	if (!n)
		return;
	if (use_serial)
		serial_write(s, n);
	if (use_vga)
		vga_write(s, n);
	last_char = s[n - 1];
}

static void both_put(const char *s, size_t n)
{
	ring_put(s, n);
	sinks_put(s, n);
}

void console_putn(const char *s, size_t n)
{
	lock_console();
	both_put(s, n);
	unlock_console();
}

void console_log(const char *s, size_t n)
{
	const char *end = s + n, *nl;

	lock_console();
	while (s < end) {
		if (!line_open) {
			if (last_char != '\n')
				sinks_put("\n", 1);	/* dom0 was in the middle of a line */
			both_put("(XL) ", 5);
		}
		nl = memchr(s, '\n', end - s);
		n = (nl ? nl + 1 : end) - s;
		both_put(s, n);
		line_open = !nl;
		s += n;
	}
	unlock_console();
}

/*
 * Copies text from *index on (0: from what was not cleared yet) into buf and sets *index to the end of what was
 * copied, for the next read. Text that has been overwritten meanwhile is skipped. clear: later reads from 0 start
 * behind it.
 */
size_t console_ring_read(char *buf, size_t n, u32 *index, bool clear)
{
	u32 pos;
	size_t i;

	lock_console();
	pos = ring_cleared;
	if ((s32)(*index - pos) > 0 && (s32)(ring_end - *index) >= 0)
		pos = *index;
	if (ring_end - pos > RING_SIZE)
		pos = ring_end - RING_SIZE;
	for (i = 0; i < n && pos != ring_end; i++)
		buf[i] = ring[pos++ % RING_SIZE];
	*index = pos;
	if (clear)
		ring_cleared = pos;
	unlock_console();
	return i;
}

/* Three times Ctrl-A turns the line between dom0 and the debug keys. True: the character is not for dom0. */
static bool rx_for_us(char c)
{
	static unsigned int escapes;
	static bool ours;

	if (c != CTRL_A) {
		escapes = 0;
		if (ours)
			debug_key(c);
		return ours;
	}
	if (++escapes == 3) {
		escapes = 0;
		ours = !ours;
		printk("the serial line is %s\n", ours ? "for debug keys (h: help; 3 times Ctrl-A: back)" : "dom0's");
		return true;
	}
	return ours;
}

void console_rx(char c)
{
	if (rx_for_us(c))
		return;
	spin_lock(&rx_lock);
	if (rx_head - rx_tail < RX_SIZE)
		rx_ring[rx_head++ % RX_SIZE] = c;
	spin_unlock(&rx_lock);
	send_global_virq(VIRQ_CONSOLE);
}

bool console_rx_room(void)
{
	return ACCESS_ONCE(rx_head) - ACCESS_ONCE(rx_tail) < RX_SIZE;
}

/* console=com1,vga: the sinks. Without any of the two names we would be mute, so that is refused. */
void console_init(void)
{
	const char *s = opt_console;
	bool serial = false, vga = false;

	while (*s) {
		size_t n = 0;

		while (s[n] && s[n] != ',')
			n++;
		if (n == 4 && !strncmp(s, "com1", 4))
			serial = true;
		else if (n == 3 && !strncmp(s, "vga", 3))
			vga = true;
		else if (n)
			printk(XL_WARN "console=%.*s: not known, use com1 and vga\n", (int)n, s);
		s += s[n] ? n + 1 : n;
	}
	lock_console();
	if (serial || vga) {
		use_serial = serial;
		use_vga = vga && boot_info.video_text;
	}
	unlock_console();
}

static void dom0_write(const char *s, size_t n)
{
	lock_console();
	use_vga = false;
	if (line_open) {
		line_open = false;
		sinks_put("\n", 1);
	}
	sinks_put(s, n);
	unlock_console();
}

static void guest_line_flush(void)
{
	if (guest_line.len)
		printk(XL_GUEST "(d%u) %.*s\n", guest_line.domid, (int)guest_line.len, guest_line.text);
	guest_line.len = 0;
}

/* A line at a time; what is not printable does not reach a terminal. */
static void guest_write(domid_t_ domid, const char *s, size_t n)
{
	spin_lock(&guest_line_lock);
	if (guest_line.domid != domid) {
		guest_line_flush();
		guest_line.domid = domid;
	}
	for (; n--; s++) {
		if (*s == '\n' || guest_line.len == sizeof(guest_line.text))
			guest_line_flush();
		if ((*s >= ' ' && *s <= '~') || *s == '\t')
			guest_line.text[guest_line.len++] = *s;
	}
	spin_unlock(&guest_line_lock);
}

static long console_write(char *buffer, unsigned int count)
{
	struct domain *d = current->domain;
	char text[CHUNK];

	if (!d->privileged && !opt_guest_loglvl)
		return -XEN_EPERM;
	while (count) {
		unsigned int n = min_t(unsigned int, count, CHUNK);

		if (copy_from_guest(text, buffer, n))
			return -XEN_EFAULT;
		if (d->privileged)
			dom0_write(text, n);
		else
			guest_write(d->id, text, n);
		buffer += n;
		count -= n;
		if (count && hypercall_preempt_check())
			return hypercall_continue(__HYPERVISOR_console_io, 3, (unsigned long)CONSOLEIO_write,
						  (unsigned long)count, (unsigned long)buffer);
	}
	return 0;
}

static long console_read(char *buffer, unsigned int count)
{
	char text[CHUNK];
	unsigned int n = 0;

	if (!current->domain->privileged)
		return -XEN_EPERM;
	spin_lock(&rx_lock);
	while (n < count && n < CHUNK && rx_tail != rx_head)
		text[n++] = rx_ring[rx_tail++ % RX_SIZE];
	spin_unlock(&rx_lock);
	if (n)
		serial_rx_resume();
	if (copy_to_guest(buffer, text, n))
		return -XEN_EFAULT;
	return n;
}

long do_console_io(int cmd, int count, char *buffer)
{
	if (count < 0)
		return -XEN_EINVAL;
	switch (cmd) {
	case CONSOLEIO_write:
		return console_write(buffer, count);
	case CONSOLEIO_read:
		return console_read(buffer, count);
	default:
		return -XEN_ENOSYS;
	}
}
