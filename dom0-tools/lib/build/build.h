/* SPDX-License-Identifier: MIT */
/*
 * Building of a PV guest: from a kernel file to a domain that only waits to be unpaused.
 *
 * The caller owns the domain's life: it has created the domain (paused), set its number of vCPUs, and allocated the
 * two event channels; it unpauses or destroys the domain afterwards. dombuild_pv() sets the memory limit, fills the
 * memory, writes kernel, initrd, p2m, start_info and page tables, seeds the grant table, and sets vCPU 0.
 *
 * A failed build leaves nothing in this process (no mapping, no descriptor, no heap); pages already given to the
 * domain go when the caller destroys it.
 *
 * No lock: builds of different domains may run in different threads as long as each has its own struct xenctl.
 */
#ifndef LIB_BUILD_BUILD_H
#define LIB_BUILD_BUILD_H

#include <stddef.h>
#include <stdint.h>

struct xenctl;

/* Page counts are in 4 KiB pages. */
struct build_params {
	uint32_t domid;
	const char *kernel;		/* path: ELF64 or bzImage, possibly compressed */
	const char *ramdisk;		/* path, handed over as it is; NULL = none */
	const char *cmdline;		/* NULL = empty; at most 1023 bytes */
	uint64_t nr_pages;		/* memory the guest starts with */
	uint64_t max_pages;		/* what its memory map reaches to, so what it may be told to grow to; 0 = nr_pages */
	uint32_t vcpus;			/* 1..32, as set by max_vcpus */
	uint32_t store_evtchn;		/* guest's ports, remote end dom0 */
	uint32_t console_evtchn;
	uint32_t store_domid;		/* who runs xenstored and xenconsoled: gets grants 1 and 0 */
	uint32_t console_domid;
	uint32_t flags;			/* further SIF_ bits for start_info; normally 0 */
};

struct build_result {
	uint64_t store_pfn, store_mfn;		/* xenstore ring page */
	uint64_t console_pfn, console_mfn;	/* console ring page */
	uint64_t start_info_pfn, start_info_mfn;
	uint64_t shared_info_mfn;
	uint64_t nr_pages;			/* as given to the guest */
	uint64_t virt_base, entry;		/* guest virtual addresses */
	char guest_os[32];			/* from the kernel's ELF note, e.g. "linux" */
	char guest_version[32];
};

/*
 * Fill domain p->domid. Returns 0, or -errno with one line in err that names object, cause and remedy
 * (always terminated, cut at errlen).
 */
int dombuild_pv(struct xenctl *xc, const struct build_params *p, struct build_result *r, char *err, size_t errlen);

/*
 * Only look at a kernel file: 0 if dombuild_pv() would accept it, else -errno and the reason in err. Lets a caller
 * refuse a bad kernel before it has created anything. Unpacks the kernel, so it costs as much as that.
 */
int dombuild_check_kernel(const char *path, char *err, size_t errlen);

#endif
