/* SPDX-License-Identifier: MIT */
/*
 * The console: what goes to the ring and to the line for our messages, dom0's output and a guest's; reading the ring
 * whole, in parts, after it has wrapped and after clearing; input with its limit; the debug-key escape.
 */
#include <stdio.h>
#include <string.h>
#include <xl/percpu.h>
#undef current
#undef smp_processor_id
#define current			(&vcpu_now)
#define smp_processor_id()	0
#include <xl/domain.h>

#include "suite.h"

static struct vcpu vcpu_now;

#include "../../xen-lite/common/console.c"

struct boot_info boot_info;
char opt_console[32];
unsigned int opt_guest_loglvl = 1;

static char line[262144], screen[65536], keys_seen[16];
static size_t line_len, screen_len;
static unsigned int virqs, resumes;
static bool preempt, continued;
static struct domain dom0_, dom7, dom8;

void serial_write(const char *s, size_t n)
{
	if (line_len + n < sizeof(line)) {
		memcpy(line + line_len, s, n);
		line_len += n;
		line[line_len] = 0;
	}
}

void vga_write(const char *s, size_t n)
{
	memcpy(screen + screen_len, s, n);
	screen_len += n;
}

void printk(const char *fmt, ...)
{
	char buf[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt[0] == 1 ? fmt + 2 : fmt, ap);
	va_end(ap);
	console_log(buf, n);
}

void serial_rx_resume(void) { resumes++; }
void send_global_virq(u32 virq) { virqs += virq == VIRQ_CONSOLE; }
void debug_key(char key) { keys_seen[strlen(keys_seen)] = key; }
bool hypercall_preempt_check(void) { return preempt; }
void spin_lock(spinlock_t *l) { CU_ASSERT_FATAL(!l->holder); l->holder = 1; }
void spin_unlock(spinlock_t *l) { CU_ASSERT_FATAL(l->holder == 1); l->holder = 0; }
bool spin_held(const spinlock_t *l) { return l->holder; }

long hypercall_continue(unsigned int op, unsigned int n, ...)
{
	CU_ASSERT(op == __HYPERVISOR_console_io && n == 3);
	continued = true;
	return 0;
}

size_t raw_copy_from_guest(void *dst, const void *src, size_t n)
{
	if (!src)
		return n;
	memcpy(dst, src, n);
	return 0;
}

size_t raw_copy_to_guest(void *dst, const void *src, size_t n)
{
	return raw_copy_from_guest(dst, src, dst ? n : 0) || !dst;
}

static void fresh(struct domain *d)
{
	dom0_.privileged = true;
	dom7.id = 7;
	dom8.id = 8;
	vcpu_now.domain = d;
	ring_end = ring_cleared = 0;
	line_open = false;
	last_char = '\n';
	line_len = screen_len = 0;
	line[0] = 0;
	use_vga = false;
	use_serial = true;
	memset(&guest_line, 0, sizeof(guest_line));
	rx_head = rx_tail = 0;
	virqs = resumes = 0;
	preempt = continued = false;
}

static const char *ring_text(void)
{
	static char buf[RING_SIZE + 1];
	u32 index = 0;

	buf[console_ring_read(buf, RING_SIZE, &index, false)] = 0;
	return buf;
}

static long put(const char *s)
{
	return do_console_io(CONSOLEIO_write, strlen(s), (char *)s);
}

static void test_lines(void)
{
	fresh(&dom0_);
	printk("one\ntw");
	printk("o\n");
	CU_ASSERT_STRING_EQUAL(line, "(XL) one\n(XL) two\n");
	CU_ASSERT_STRING_EQUAL(ring_text(), line);
	CU_ASSERT_EQUAL(put("login: "), 0);		/* dom0: as it is, and not into our log */
	CU_ASSERT_STRING_EQUAL(line, "(XL) one\n(XL) two\nlogin: ");
	printk("three\n");				/* does not land in the middle of dom0's line */
	CU_ASSERT_STRING_EQUAL(line, "(XL) one\n(XL) two\nlogin: \n(XL) three\n");
	CU_ASSERT_STRING_EQUAL(ring_text(), "(XL) one\n(XL) two\n(XL) three\n");
}

static void test_guests(void)
{
	fresh(&dom7);
	CU_ASSERT_EQUAL(put("he"), 0);
	CU_ASSERT_STRING_EQUAL(line, "");
	CU_ASSERT_EQUAL(put("llo\r\n\n\033[2Jx\n"), 0);
	CU_ASSERT_STRING_EQUAL(line, "(XL) (d7) hello\n(XL) (d7) [2Jx\n");
	line_len = 0;
	put("part");
	vcpu_now.domain = &dom8;
	put("other\n");
	CU_ASSERT_STRING_EQUAL(line, "(XL) (d7) part\n(XL) (d8) other\n");
	opt_guest_loglvl = 0;
	CU_ASSERT_EQUAL(put("x\n"), -XEN_EPERM);
	opt_guest_loglvl = 1;
	CU_ASSERT_EQUAL(do_console_io(CONSOLEIO_read, 1, line), -XEN_EPERM);
}

static void test_bad_calls(void)
{
	fresh(&dom0_);
	CU_ASSERT_EQUAL(do_console_io(CONSOLEIO_write, -1, line), -XEN_EINVAL);
	CU_ASSERT_EQUAL(do_console_io(CONSOLEIO_write, 5, NULL), -XEN_EFAULT);
	CU_ASSERT_EQUAL(do_console_io(9, 0, line), -XEN_ENOSYS);
}

static void test_preempted(void)
{
	char big[CHUNK * 3];

	fresh(&dom0_);
	memset(big, 'a', sizeof(big));
	preempt = true;
	do_console_io(CONSOLEIO_write, sizeof(big), big);
	CU_ASSERT(continued && line_len == CHUNK);
	preempt = false;
	do_console_io(CONSOLEIO_write, sizeof(big), big);
	CU_ASSERT_EQUAL(line_len, CHUNK + sizeof(big));
}

static void test_ring(void)
{
	char buf[64];
	u32 index = 0;

	fresh(&dom0_);
	console_putn("0123456789", 10);
	CU_ASSERT_EQUAL(console_ring_read(buf, 4, &index, false), 4);
	CU_ASSERT(index == 4 && !memcmp(buf, "0123", 4));
	CU_ASSERT_EQUAL(console_ring_read(buf, 64, &index, false), 6);
	CU_ASSERT(index == 10 && !memcmp(buf, "456789", 6));
	CU_ASSERT_EQUAL(console_ring_read(buf, 64, &index, false), 0);
	index = 99;					/* beyond the end: from the start */
	CU_ASSERT_EQUAL(console_ring_read(buf, 64, &index, false), 10);
	CU_ASSERT_EQUAL(console_ring_read(buf, 0, &index, true), 0);	/* clear what was read */
	index = 0;
	CU_ASSERT_EQUAL(console_ring_read(buf, 64, &index, false), 0);
	console_putn("new", 3);
	index = 0;
	CU_ASSERT_EQUAL(console_ring_read(buf, 64, &index, false), 3);
}

static void test_ring_wraps(void)
{
	char buf[16];
	u32 index = 5;

	fresh(&dom0_);
	for (int i = 0; i < 10000; i++) {
		snprintf(buf, sizeof(buf), "%08d\n", i);
		console_putn(buf, 9);
	}
	CU_ASSERT_EQUAL(console_ring_read(buf, 9, &index, false), 9);
	CU_ASSERT_EQUAL(index, 90000 - RING_SIZE + 9);
	CU_ASSERT_EQUAL(strlen(ring_text()), RING_SIZE);
	CU_ASSERT(!strcmp(ring_text() + RING_SIZE - 9, "00009999\n"));
}

static void test_input(void)
{
	char buf[256];
	unsigned int got = 0;
	long n;

	fresh(&dom0_);
	for (unsigned int i = 0; i < 2000; i++)
		console_rx('a' + i % 26);
	CU_ASSERT(!console_rx_room());
	CU_ASSERT_EQUAL(virqs, 2000);
	while ((n = do_console_io(CONSOLEIO_read, sizeof(buf), buf)) > 0) {
		for (long i = 0; i < n; i++)
			CU_ASSERT_EQUAL(buf[i], (char)('a' + (got + i) % 26));
		got += n;
	}
	CU_ASSERT(got == RX_SIZE && n == 0 && console_rx_room() && resumes == RX_SIZE / CHUNK);
}

static void test_escape(void)
{
	char buf[16] = "";

	fresh(&dom0_);
	for (const char *s = "a\1\1b\1\1\1hq\1\1\1c"; *s; s++)
		console_rx(*s);
	CU_ASSERT_STRING_EQUAL(keys_seen, "hq");
	CU_ASSERT_EQUAL(do_console_io(CONSOLEIO_read, sizeof(buf), buf), 7);	/* fewer than three are dom0's */
	CU_ASSERT(!memcmp(buf, "a\1\1b\1\1c", 7));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "debug keys"));
}

static void test_sinks(void)
{
	fresh(&dom0_);
	boot_info.video_text = true;
	strcpy(opt_console, "vga,com7");
	console_init();
	CU_ASSERT(use_vga && !use_serial);
	CU_ASSERT_PTR_NOT_NULL(strstr(ring_text(), "console=com7: not known"));
	printk("x\n");
	CU_ASSERT(screen_len > 0);
	screen_len = 0;
	put("dom0 takes the screen");
	CU_ASSERT(!use_vga && screen_len == 0);
	fresh(&dom0_);
	strcpy(opt_console, "nonsense");
	console_init();
	CU_ASSERT(use_serial);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "lines", test_lines },
		{ "guests", test_guests },
		{ "bad calls", test_bad_calls },
		{ "preempted", test_preempted },
		{ "ring", test_ring },
		{ "ring wraps", test_ring_wraps },
		{ "input", test_input },
		{ "debug-key escape", test_escape },
		{ "sinks", test_sinks },
		CU_TEST_INFO_NULL,
	};

	return suite_run("console", tests);
}
