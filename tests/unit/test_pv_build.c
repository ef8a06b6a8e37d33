/* SPDX-License-Identifier: MIT */
/*
 * The guest builder against a hypervisor made of one sparse file: frame n is page n of it.
 *
 * The built guest is looked at as its kernel will see it: from the vCPU's registers and page tables. Then every
 * call to the hypervisor is made to fail in turn: each failure must name the domain, and leave no mapping and no
 * memory behind (ASan sees the latter). No foreign mapping may be left when the page tables are pinned.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "build/build.h"
#include "build/image.h"
#include "public/elfnote.h"
#include "public/xen.h"
#include "xenctl/xenctl.h"

#define DOMID		7
#define SHARED_MFN	5
#define FIRST_MFN	0x1000
#define NR_MFNS		0x20000
#define VIRT		0xffffffff80000000ull
#define TEXT_PA		0x100000ull
#define TEXT_SIZE	0x3000ull

/* --- the hypervisor --- */

struct fake {
	int memory;			/* memfd */
	uint64_t next_mfn, room;	/* frames that can still be given */
	unsigned int largest_order;
	uint64_t m2p[NR_MFNS];
	long mapped;			/* pages mapped by the builder now */
	unsigned int calls, fail_at;	/* fail_at: number of the call that fails; 0: none */
	int fail_rc;
	bool may_go_on;			/* what failed was only the first way of doing it */
	uint64_t pinned_mfn;
	uint64_t grant_mfn[2];
	uint32_t grant_to[2];
	uint64_t max_kib, map_bytes;
	struct vcpu_guest_context ctx;
	bool ctx_set;
};
static struct fake hv;

static bool inject(void)
{
	return ++hv.calls == hv.fail_at;
}

int xenctl_domain_info(struct xenctl *x, uint32_t domid, struct xenctl_dominfo *info)
{
	(void)x;
	CU_ASSERT_EQUAL(domid, DOMID);
	memset(info, 0, sizeof(*info));
	info->shared_info_frame = SHARED_MFN;
	return inject() ? hv.fail_rc : 0;
}

int xenctl_domain_max_mem(struct xenctl *x, uint32_t domid, uint64_t kib)
{
	(void)x, (void)domid;
	hv.max_kib = kib;
	return inject() ? hv.fail_rc : 0;
}

int xenctl_domain_set_address_size(struct xenctl *x, uint32_t domid, unsigned int bits)
{
	(void)x, (void)domid;
	CU_ASSERT_EQUAL(bits, 64);
	return inject() ? hv.fail_rc : 0;
}

int xenctl_set_memory_map(struct xenctl *x, uint32_t domid, const struct xenctl_e820 *map, size_t n)
{
	(void)x, (void)domid;
	CU_ASSERT_EQUAL(n, 1);
	hv.map_bytes = map->size;
	return inject() ? hv.fail_rc : 0;
}

long xenctl_populate_physmap(struct xenctl *x, uint32_t domid, unsigned int order, uint64_t *frames, size_t n)
{
	size_t done;

	(void)x, (void)domid;
	if (inject()) {
		hv.may_go_on = order > 0;
		return hv.fail_rc;
	}
	for (done = 0; done < n && order <= hv.largest_order && hv.room >= 1ul << order; done++) {
		for (uint64_t k = 0; k < 1ul << order; k++)
			hv.m2p[hv.next_mfn + k] = frames[done] + k;
		frames[done] = hv.next_mfn;
		hv.next_mfn += 1ul << order;
		hv.room -= 1ul << order;
	}
	return done;
}

int xenctl_map_foreign(struct xenctl *x, uint32_t domid, int prot, const uint64_t *frames, size_t n, int *errs,
		       void **out)
{
	uint8_t *p = mmap(NULL, n * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)x, (void)domid, (void)errs;
	CU_ASSERT_FATAL(p != MAP_FAILED);
	if (inject()) {
		munmap(p, n * 4096);
		return hv.fail_rc;
	}
	for (size_t i = 0; i < n; i++) {
		CU_ASSERT(frames[i] == SHARED_MFN || (frames[i] >= FIRST_MFN && frames[i] < hv.next_mfn));
		CU_ASSERT_FATAL(mmap(p + i * 4096, 4096, prot, MAP_SHARED | MAP_FIXED, hv.memory, frames[i] * 4096) !=
				MAP_FAILED);
	}
	hv.mapped += n;
	*out = p;
	return 0;
}

int xenctl_map_foreign_page(struct xenctl *x, uint32_t domid, int prot, uint64_t frame, void **out)
{
	return xenctl_map_foreign(x, domid, prot, &frame, 1, NULL, out);
}

void xenctl_unmap(void *addr, size_t n)
{
	if (!addr)
		return;
	munmap(addr, n * 4096);
	hv.mapped -= n;
}

void *xenctl_buf_alloc(struct xenctl *x, size_t bytes)
{
	(void)x;
	return hv.fail_rc == -ENOMEM && inject() ? NULL : calloc(1, bytes);
}

void xenctl_buf_free(struct xenctl *x, void *buf, size_t bytes)
{
	(void)x, (void)bytes;
	free(buf);
}

int xenctl_copy_frames(struct xenctl *x, uint32_t domid, bool in, const uint64_t *frames, size_t n, void *buf,
		       size_t *done)
{
	(void)x;
	CU_ASSERT(in && domid == DOMID && !done && !hv.pinned_mfn);
	if (inject())
		return hv.fail_rc;
	for (size_t i = 0; i < n; i++) {
		CU_ASSERT(frames[i] >= FIRST_MFN && frames[i] < hv.next_mfn);
		for (size_t k = 0; k < i; k++)
			CU_ASSERT(frames[k] != frames[i]);
		CU_ASSERT_FATAL(pwrite(hv.memory, (uint8_t *)buf + i * 4096, 4096, frames[i] * 4096) == 4096);
	}
	return 0;
}

int xenctl_pin_table(struct xenctl *x, uint32_t domid, unsigned int level, uint64_t mfn)
{
	(void)x, (void)domid;
	CU_ASSERT_EQUAL(level, 4);
	CU_ASSERT_EQUAL(hv.mapped, 0);
	hv.pinned_mfn = mfn;
	return inject() ? hv.fail_rc : 0;
}

int xenctl_grant_seed(struct xenctl *x, uint32_t domid, uint32_t ref, uint32_t to, uint64_t frame)
{
	(void)x, (void)domid;
	CU_ASSERT_FATAL(ref < 2);
	hv.grant_mfn[ref] = frame;
	hv.grant_to[ref] = to;
	return inject() ? hv.fail_rc : 0;
}

int xenctl_vcpu_setcontext(struct xenctl *x, uint32_t domid, uint32_t vcpu, const struct vcpu_guest_context *ctx)
{
	(void)x, (void)domid;
	CU_ASSERT_EQUAL(vcpu, 0);
	hv.ctx = *ctx;
	hv.ctx_set = true;
	return inject() ? hv.fail_rc : 0;
}

static void fake_reset(uint64_t room, unsigned int largest_order)
{
	if (hv.memory > 0)
		close(hv.memory);
	memset(&hv, 0, sizeof(hv));
	hv.memory = memfd_create("frames", MFD_CLOEXEC);
	CU_ASSERT_FATAL(hv.memory > 0 && !ftruncate(hv.memory, NR_MFNS * 4096ul));
	hv.next_mfn = FIRST_MFN;
	hv.room = room;
	hv.largest_order = largest_order;
}

/* --- files --- */

static char kernel_path[] = "/tmp/test_pv_build.XXXXXX", initrd_path[] = "/tmp/test_pv_build.XXXXXX";
static uint8_t text[TEXT_SIZE], initrd[3 * 4096 + 17];

static size_t note_add(uint8_t *p, uint32_t type, uint64_t v)
{
	Elf64_Nhdr nh = { 4, 8, type };

	memcpy(p, &nh, sizeof(nh));
	memcpy(p + sizeof(nh), "Xen", 4);
	memcpy(p + sizeof(nh) + 4, &v, 8);
	return sizeof(nh) + 12;
}

static void write_all(const char *path, const void *p, size_t len)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(p, 1, len, f) != len || fclose(f))
		abort();
}

/* linux_like: initrd and p2m outside the boot mapping, no hypercall page; else everything inside, and with one. */
static void kernel_write(bool linux_like)
{
	static uint8_t file[0x1000 + TEXT_SIZE + 4096];
	Elf64_Ehdr *eh = (Elf64_Ehdr *)file;
	Elf64_Phdr *ph = (Elf64_Phdr *)(eh + 1);
	uint8_t *notes = file + 0x1000 + TEXT_SIZE, *p = notes;

	memset(file, 0, sizeof(file));
	memcpy(eh->e_ident, ELFMAG, SELFMAG);
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	eh->e_ident[EI_DATA] = ELFDATA2LSB;
	eh->e_type = ET_EXEC;
	eh->e_machine = EM_X86_64;
	eh->e_phoff = sizeof(*eh);
	eh->e_phentsize = sizeof(*ph);
	eh->e_phnum = 2;
	for (size_t i = 0; i < TEXT_SIZE; i++)
		text[i] = i / 4096 == 1 ? 0 : i * 13 + 1;	/* the middle page is all zeroes */
	memcpy(file + 0x1000, text, TEXT_SIZE);
	p += note_add(p, XEN_ELFNOTE_VIRT_BASE, VIRT);
	p += note_add(p, XEN_ELFNOTE_ENTRY, VIRT + TEXT_PA + 8);
	if (linux_like) {
		p += note_add(p, XEN_ELFNOTE_INIT_P2M, 0x8000000000);
		p += note_add(p, XEN_ELFNOTE_MOD_START_PFN, 1);
	} else {
		p += note_add(p, XEN_ELFNOTE_HYPERCALL_PAGE, VIRT + TEXT_PA + 4096);
	}
	ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = 0x1000, .p_paddr = TEXT_PA, .p_filesz = TEXT_SIZE,
			      .p_memsz = TEXT_SIZE + 0x5000 };
	ph[1] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = notes - file, .p_filesz = p - notes };
	write_all(kernel_path, file, sizeof(file));
}

/* --- the guest's view --- */

static uint64_t frame_word(uint64_t mfn, unsigned int word)
{
	uint64_t v;

	CU_ASSERT_FATAL(pread(hv.memory, &v, 8, mfn * 4096 + word * 8) == 8);
	return v;
}

/* Entry that maps va, 0 if there is none. */
static uint64_t guest_pte(uint64_t va)
{
	uint64_t pte = hv.ctx.ctrlreg[3] | 1;

	for (int shift = 39; shift >= 12 && (pte & 1); shift -= 9)
		pte = frame_word(pte >> 12 & 0xffffffffff, va >> shift & 511);
	return pte & 1 ? pte : 0;
}

static void guest_read(uint64_t va, void *to, size_t len)
{
	uint8_t *p = to;

	while (len) {
		size_t now = 4096 - va % 4096 < len ? 4096 - va % 4096 : len;
		uint64_t pte = guest_pte(va);

		CU_ASSERT_FATAL(pte != 0);
		pte = pte >> 12 & 0xffffffffff;
		CU_ASSERT_FATAL(pread(hv.memory, p, now, pte * 4096 + va % 4096) == (ssize_t)now);
		va += now;
		p += now;
		len -= now;
	}
}

static struct build_params params(void)
{
	return (struct build_params){
		.domid = DOMID, .kernel = kernel_path, .ramdisk = initrd_path, .cmdline = "root=/dev/xvda quiet",
		.nr_pages = 5000, .max_pages = 6000, .vcpus = 2, .store_evtchn = 3, .console_evtchn = 4,
	};
}

static int run(const struct build_params *p, struct build_result *r, char *why, size_t len)
{
	why[0] = '\0';
	return dombuild_pv(NULL, p, r, why, len);
}

static void check_start_info(const struct start_info *si, const struct build_result *r)
{
	CU_ASSERT_FALSE(strncmp(si->magic, "xen-3.0-x86_64", 15));
	CU_ASSERT_EQUAL(si->nr_pages, 5000);
	CU_ASSERT_EQUAL(si->shared_info, SHARED_MFN * 4096);
	CU_ASSERT_EQUAL(si->store_evtchn, 3);
	CU_ASSERT_EQUAL(si->console.domU.evtchn, 4);
	CU_ASSERT_EQUAL(si->store_mfn, r->store_mfn);
	CU_ASSERT_EQUAL(si->console.domU.mfn, r->console_mfn);
	CU_ASSERT_STRING_EQUAL((const char *)si->cmd_line, "root=/dev/xvda quiet");
	CU_ASSERT_EQUAL(si->mod_len, sizeof(initrd));
	CU_ASSERT_EQUAL(guest_pte(si->pt_base) >> 12 & 0xffffffffff, hv.pinned_mfn);
	CU_ASSERT_EQUAL(hv.ctx.ctrlreg[3], hv.pinned_mfn << 12);
}

/* Each frame of the boot mapping is what p2m and m2p say, and tables are read-only. */
static void check_frames(const struct start_info *si)
{
	unsigned int bad = 0;

	for (uint64_t pfn = 0; pfn < 5000; pfn++) {
		uint64_t mfn, pte = guest_pte(VIRT + pfn * 4096), va = VIRT + pfn * 4096;

		guest_read(si->mfn_list + pfn * 8, &mfn, 8);
		bad += hv.m2p[mfn] != pfn;
		if (pte && va - si->pt_base < si->nr_pt_frames * 4096)
			bad += pte & 2;
		else if (pte)
			bad += (pte >> 12 & 0xffffffffff) != mfn || !(pte & 2);
	}
	CU_ASSERT_EQUAL(bad, 0);
}

static void check_guest(bool linux_like, const struct build_result *r)
{
	static uint8_t seen[TEXT_SIZE], rd[sizeof(initrd)];
	struct start_info si;
	uint8_t mask;

	CU_ASSERT_TRUE_FATAL(hv.ctx_set);
	CU_ASSERT_EQUAL(hv.ctx.user_regs.rip, VIRT + TEXT_PA + 8);
	CU_ASSERT_EQUAL(hv.ctx.user_regs.cs, FLAT_KERNEL_CS);
	CU_ASSERT_EQUAL(hv.ctx.user_regs.rsp % 4096, 0);
	CU_ASSERT_TRUE(guest_pte(hv.ctx.user_regs.rsp - 8) & 2);
	guest_read(hv.ctx.user_regs.rsi, &si, sizeof(si));
	check_start_info(&si, r);
	check_frames(&si);
	guest_read(VIRT + TEXT_PA, seen, TEXT_SIZE);
	if (linux_like) {
		CU_ASSERT_FALSE(memcmp(seen, text, TEXT_SIZE));
		CU_ASSERT_EQUAL(si.flags, SIF_MOD_START_PFN | SIF_VIRT_P2M_4TOOLS);
		CU_ASSERT_EQUAL(si.mfn_list, 0x8000000000);
		CU_ASSERT_TRUE(si.first_p2m_pfn > 0 && si.nr_p2m_frames == 10 + 3);
		for (size_t i = 0; i < sizeof(rd); i += 4096)
			CU_ASSERT_EQUAL(pread(hv.memory, rd + i, sizeof(rd) - i < 4096 ? sizeof(rd) - i : 4096,
					      (FIRST_MFN + si.mod_start) * 4096 + i) > 0, true);
	} else {
		CU_ASSERT_FALSE(memcmp(seen, text, 4096));
		CU_ASSERT_FALSE(memcmp(seen + 4096 + 17 * 32, "\x51\x41\x53\xb8\x11\0\0\0\x0f\x05\x41\x5b\x59\xc3",
				       14));
		CU_ASSERT_FALSE(memcmp(seen + 4096 + 23 * 32, "\x51\x41\x53\x50\xb8\x17\0\0\0\x0f\x05", 11));
		CU_ASSERT_EQUAL(si.flags, SIF_VIRT_P2M_4TOOLS);
		guest_read(si.mod_start, rd, sizeof(rd));
	}
	CU_ASSERT_FALSE(memcmp(rd, initrd, sizeof(initrd)));
	CU_ASSERT_EQUAL(pread(hv.memory, &mask, 1, SHARED_MFN * 4096 + 31 * 64 + 1), 1);
	CU_ASSERT_EQUAL(mask, 1);
	CU_ASSERT_EQUAL(hv.grant_mfn[0], r->console_mfn);
	CU_ASSERT_EQUAL(hv.grant_mfn[1], r->store_mfn);
	CU_ASSERT_EQUAL(hv.max_kib, 5000 * 4 + 1024);
	CU_ASSERT_EQUAL(hv.map_bytes, 6000 * 4096);
	CU_ASSERT_EQUAL(hv.mapped, 0);
}

static void build_and_check(bool linux_like, uint64_t room, unsigned int largest_order)
{
	struct build_params p = params();
	struct build_result r;
	char why[256];

	kernel_write(linux_like);
	fake_reset(room, largest_order);
	CU_ASSERT_EQUAL_FATAL(run(&p, &r, why, sizeof(why)), 0);
	check_guest(linux_like, &r);
}

static void test_linux_like(void)
{
	build_and_check(true, 5000, 9);
}

static void test_all_inside(void)
{
	build_and_check(false, 5000, 9);
}

/* No large extents, and some. */
static void test_fragmented_host(void)
{
	build_and_check(true, 5000, 0);
	build_and_check(true, 100000, 9);
}

static void test_each_call_fails(void)
{
	static const int rcs[] = { -ENOMEM, -EPERM };
	struct build_params p = params();
	unsigned int failed = 0;

	for (int linux_like = 0; linux_like < 2; linux_like++)
		for (unsigned int k = 0; k < 2; k++)
			for (unsigned int at = 1;; at++) {
				struct build_result r;
				char why[256];
				int rc;

				kernel_write(linux_like);
				fake_reset(100000, 9);
				hv.fail_at = at;
				hv.fail_rc = rcs[k];
				rc = run(&p, &r, why, sizeof(why));
				CU_ASSERT_EQUAL(hv.mapped, 0);
				if (hv.calls < at)
					break;
				if (hv.may_go_on && !rc)
					continue;
				failed++;
				CU_ASSERT_EQUAL(rc, rcs[k]);
				CU_ASSERT_PTR_NOT_NULL(strstr(why, "domain 7: "));
			}
	CU_ASSERT(failed >= 4 * 10);
}

static void check_error(const struct build_params *p, int rc, const char *text_wanted)
{
	struct build_result r;
	char why[256];

	CU_ASSERT_EQUAL(run(p, &r, why, sizeof(why)), rc);
	if (!strstr(why, text_wanted))
		fprintf(stderr, "message is: %s\n", why);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, text_wanted));
	CU_ASSERT_EQUAL(hv.mapped, 0);
}

static void test_errors(void)
{
	struct build_params p = params();
	char line[2000];

	kernel_write(true);
	fake_reset(3000, 9);
	check_error(&p, -ENOMEM, "out of host memory: 11 of 19 MiB");
	fake_reset(100000, 9);
	p.nr_pages = 1000;
	check_error(&p, -ENOMEM, "domain 7: memory of 4 MiB is too small for this kernel and ramdisk");
	p = params();
	p.kernel = "/nonexistent/vmlinuz";
	check_error(&p, -ENOENT, "kernel image /nonexistent/vmlinuz: cannot open");
	p.kernel = NULL;
	check_error(&p, -EINVAL, "no kernel given");
	p = params();
	p.ramdisk = "/nonexistent/initrd";
	check_error(&p, -ENOENT, "ramdisk /nonexistent/initrd: cannot open");
	p = params();
	p.vcpus = 33;
	check_error(&p, -EINVAL, "33 vCPUs");
	p = params();
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	p.cmdline = line;
	check_error(&p, -E2BIG, "command line has 1999 bytes, the limit is 1023");
	line[1023] = '\0';
	check_error(&p, 0, "");
	CU_ASSERT_EQUAL(hv.calls > 0, true);
}

static const CU_TestInfo tests[] = {
	{ "a kernel like Linux", test_linux_like },
	{ "a kernel with everything in its boot mapping", test_all_inside },
	{ "a host without large extents", test_fragmented_host },
	{ "each call to the hypervisor fails once", test_each_call_fails },
	{ "errors", test_errors },
	CU_TEST_INFO_NULL,
};

int main(void)
{
	CU_SuiteInfo suites[] = {
		{ "guest builder", NULL, NULL, NULL, NULL, (CU_TestInfo *)tests },
		CU_SUITE_INFO_NULL,
	};
	unsigned int failed;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS ||
	    mkstemp(kernel_path) < 0 || mkstemp(initrd_path) < 0)
		return 2;
	for (size_t i = 0; i < sizeof(initrd); i++)
		initrd[i] = i / 4096 == 1 ? 0 : i * 7 + 3;
	write_all(initrd_path, initrd, sizeof(initrd));
	image_cache_set(NULL);
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	unlink(kernel_path);
	unlink(initrd_path);
	return failed != 0;
}
