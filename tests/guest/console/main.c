/* SPDX-License-Identifier: MIT */
/*
 * console_io: dom0's way to the hypervisor's serial console.
 *
 * ABI: write(0) takes a count and a buffer and returns 0; the text appears in order, in full, also when it is longer
 * than a page and starts anywhere in one. read(1) returns how many bytes there were, 0 without input. A buffer that
 * cannot be read is -EFAULT, an unknown command -ENOSYS. That the text arrived is seen by who reads the serial line;
 * here the return values and, by the verdict line itself, the path are tested.
 */
#include "guest.h"

static long con(unsigned int cmd, unsigned int count, const void *buf)
{
	return hypercall3(__HYPERVISOR_console_io, cmd, count, buf);
}

static void test_long_write(void)
{
	static char text[3 * PAGE];

	for (unsigned int i = 0; i < sizeof(text); i++)
		text[i] = i % 80 == 79 ? '\n' : 'a' + i / 80 % 26;
	CHECK_EQ(con(CONSOLEIO_write, 9000, text + 77), 0);
	CHECK_EQ(con(CONSOLEIO_write, 1, "\n"), 0);
}

void test_main(void)
{
	char buf[16];

	if (!is_dom0())
		test_skip("only dom0 has console_io");
	CHECK_EQ(con(CONSOLEIO_write, 0, ""), 0);
	CHECK_EQ(con(CONSOLEIO_write, 6, "hello\n"), 0);
	test_long_write();
	CHECK_EQ(con(CONSOLEIO_read, sizeof(buf), buf), 0);
	CHECK_EQ(con(CONSOLEIO_write, 5, (void *)0xffff830000000000), -XEN_EFAULT);
	CHECK_EQ(con(CONSOLEIO_write, 5, (void *)0x10), -XEN_EFAULT);
	CHECK_EQ(con(2, 5, buf), -XEN_ENOSYS);
	CHECK_EQ(con(~0u, 5, buf), -XEN_ENOSYS);
}
