/* SPDX-License-Identifier: MIT */
/* Memory and mappings while booting: what boot/setup.c, mm/hv_map.c and mm/page_alloc.c share. */
#ifndef XL_SETUP_H
#define XL_SETUP_H

#include <xl/types.h>

/* boot/multiboot.c, boot/cmdline.c */
void multiboot_init(u32 magic, paddr_t info);	/* fills boot_info; before anything reuses the loader's memory */
const char *multiboot_args(const char *cmdline);	/* what follows the file name that some loaders put first */
void cmdline_parse(const char *args);	/* sets opt_* */
void cmdline_report(void);		/* prints what was wrong with them: the console is up */

/* mm/page_alloc.c. Whole pages, zeroed, from the top of usable memory below 4 GiB, until heap_init() takes the rest. */
void boot_mem_init(void);		/* boot_info is filled in */
void *boot_alloc(unsigned long pages);	/* never NULL: boot_fail() */
bool boot_alloc_done(void);
void heap_init(void);			/* frame table is mapped: everything not used so far goes to the heap */
void heap_free_range(paddr_t start, paddr_t end);	/* modules and init sections that are no longer needed */

/* mm/hv_map.c */
void hv_map(unsigned long va, paddr_t pa, u64 size, u64 flags);
void hv_free_init(void);		/* start-up is over: no __init function may run any more */

void start_hypervisor(u32 magic, paddr_t info) __attribute__((noreturn));

#endif
