/* SPDX-License-Identifier: MIT */
/*
 * No hypercall keeps the processor for more than a stated number of instructions, however large its input (H3; XSA
 * 45, 125, 264, 290, 344, 380, 410, 495).
 *
 * Runs where the time stamp counter counts instructions, see stay.h. What the first row says, a call that does
 * nothing, is in each of the others. Rows that need a guest that runs are in `logcosts`.
 */
#include "bounds.h"

u64 list[LIST * 8] __attribute__((aligned(4096)));

void test_main(void)
{
	if (!is_dom0() || strncmp((char *)start_info->cmd_line, "icount", 6))
		test_skip("counts instructions: run it with -i -g icount");
	stay_begin();
	bounds_tables();
	bounds_memory();
	bounds_small();
	bounds_admin();
}
