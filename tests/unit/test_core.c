/* SPDX-License-Identifier: MIT */
/*
 * The file of a core dump: sections as Xen's tools write them, segments that lead to the same pages, registers where a
 * debugger looks for them. The file is read back with plain ELF structures, not with the writer's own.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "suite.h"

#include "core/core.h"
#include "public/xen.h"
#include "xenctl/xenctl.h"

#define PAGES 6

static struct vcpu_guest_context vcpu[2];
static struct xenctl_version version;
static uint8_t shared[CORE_PAGE], *file;
/* Frame numbers with a hole behind 2. */
static const struct core_page page[PAGES] = { { 0, 70 }, { 1, 80 }, { 2, 60 }, { 10, 7 }, { 11, 8 }, { 12, 9 } };
static size_t size;
static struct core core;

static void fill(void)
{
	memset(vcpu, 0, sizeof(vcpu));
	vcpu[0].user_regs.rip = 0xffffffff81000010;
	vcpu[0].user_regs.rsp = 0xffffffff82000000;
	vcpu[0].user_regs.r15 = 15;
	vcpu[0].user_regs.rax = 7;
	vcpu[0].flags = VGCF_in_kernel;
	vcpu[0].gs_base_kernel = 0xffff888000001000;
	vcpu[0].gs_base_user = 0x1000;
	vcpu[1].user_regs.rip = 0x400000;
	vcpu[1].gs_base_kernel = 0xffff888000002000;
	vcpu[1].gs_base_user = 0x2000;
	version = (struct xenctl_version){ .major = 4, .minor = 17, .virt_start = 0xffff800000000000,
					   .pagesize = 4096 };
	strcpy(version.extra, ".0-lite");
	strcpy(version.capabilities, "xen-3.0-x86_64 ");
	memset(shared, 0x5a, sizeof(shared));
	core_free(&core);
	core = (struct core){ .version = &version, .vcpu = vcpu, .nr_vcpus = 2, .shared_info = shared, .page = page,
			      .nr_pages = PAGES };
}

/* Pages have their own number in each byte. */
static void write_and_read(void)
{
	char name[] = "/tmp/test_core.XXXXXX";
	uint8_t buf[CORE_PAGE];
	int fd = mkstemp(name);

	CU_ASSERT_FATAL(fd >= 0);
	unlink(name);
	CU_ASSERT_EQUAL(core_write(&core, fd), 0);
	for (int i = 0; i < PAGES; i++) {
		memset(buf, i + 1, sizeof(buf));
		CU_ASSERT_EQUAL(pwrite(fd, buf, sizeof(buf), (off_t)core_page_offset(&core, i)), CORE_PAGE);
	}
	size = (size_t)lseek(fd, 0, SEEK_END);
	free(file);
	file = malloc(size);
	CU_ASSERT_FATAL(file && pread(fd, file, size, 0) == (ssize_t)size);
	close(fd);
}

static const Elf64_Ehdr *eh(void)
{
	return (const void *)file;
}

static const Elf64_Shdr *section(const char *name)
{
	const Elf64_Shdr *sh = (const void *)(file + eh()->e_shoff);
	const char *names = (const char *)file + sh[eh()->e_shstrndx].sh_offset;

	for (int i = 0; i < eh()->e_shnum; i++)
		if (!strcmp(names + sh[i].sh_name, name))
			return &sh[i];
	return NULL;
}

/* A note of one owner in a piece of the file. */
static const void *note(uint64_t at, uint64_t len, const char *owner, uint32_t type, int which, uint32_t *n)
{
	for (uint64_t end = at + len; at < end;) {
		Elf64_Nhdr h;
		const char *name = (const char *)file + at + sizeof(h);
		uint64_t body;

		memcpy(&h, file + at, sizeof(h));
		body = at + sizeof(h) + ((h.n_namesz + 3) & ~3U);
		if (h.n_type == type && !strcmp(name, owner) && !which--) {
			*n = h.n_descsz;
			return file + body;
		}
		at = body + ((h.n_descsz + 3) & ~3U);
	}
	return NULL;
}

static void test_sections(void)
{
	static const struct { const char *name; uint64_t size, entry; } want[] = {
		{ ".xen_prstatus", 2 * sizeof(struct vcpu_guest_context), 5168 },
		{ ".xen_shared_info", 4096, 4096 }, { ".xen_pages", PAGES * 4096, 4096 },
		{ ".xen_p2m", PAGES * 16, 16 },
	};
	const Elf64_Shdr *s;

	fill();
	write_and_read();
	CU_ASSERT_EQUAL(memcmp(eh()->e_ident, ELFMAG, SELFMAG), 0);
	CU_ASSERT_EQUAL(eh()->e_type, ET_CORE);
	CU_ASSERT_EQUAL(eh()->e_machine, EM_X86_64);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		s = section(want[i].name);
		CU_ASSERT_FATAL(s != NULL);
		CU_ASSERT_EQUAL(s->sh_type, SHT_PROGBITS);
		CU_ASSERT_EQUAL(s->sh_size, want[i].size);
		CU_ASSERT_EQUAL(s->sh_entsize, want[i].entry);
		CU_ASSERT(s->sh_offset + s->sh_size <= size);
	}
	CU_ASSERT_EQUAL(memcmp(file + section(".xen_prstatus")->sh_offset, vcpu, sizeof(vcpu)), 0);
	CU_ASSERT_EQUAL(memcmp(file + section(".xen_shared_info")->sh_offset, shared, sizeof(shared)), 0);
	CU_ASSERT_EQUAL(memcmp(file + section(".xen_p2m")->sh_offset, page, sizeof(page)), 0);
	s = section(".xen_pages");
	CU_ASSERT_EQUAL(s->sh_offset % 4096, 0);
	for (int i = 0; i < PAGES; i++)
		CU_ASSERT_EQUAL(file[s->sh_offset + (uint64_t)i * 4096 + 4095], i + 1);
}

static void test_xen_notes(void)
{
	const Elf64_Shdr *s;
	const uint64_t *v;
	uint32_t n = 1;

	fill();
	write_and_read();
	s = section(".note.Xen");
	CU_ASSERT_FATAL(s != NULL && s->sh_type == SHT_NOTE);
	CU_ASSERT_PTR_NOT_NULL(note(s->sh_offset, s->sh_size, "Xen", 0x2000000, 0, &n));
	CU_ASSERT_EQUAL(n, 0);
	v = note(s->sh_offset, s->sh_size, "Xen", 0x2000001, 0, &n);
	CU_ASSERT_FATAL(v && n == 32);
	CU_ASSERT(v[0] == 0xf00febed && v[1] == 2 && v[2] == PAGES && v[3] == 4096);
	v = note(s->sh_offset, s->sh_size, "Xen", 0x2000002, 0, &n);
	CU_ASSERT_FATAL(v && n == 1280);
	CU_ASSERT(v[0] == 4 && v[1] == 17 && v[158] == 0xffff800000000000 && v[159] == 4096);
	CU_ASSERT_STRING_EQUAL((const char *)&v[2], ".0-lite");
	CU_ASSERT_STRING_EQUAL((const char *)v + 176, "xen-3.0-x86_64 ");
	v = note(s->sh_offset, s->sh_size, "Xen", 0x2000003, 0, &n);
	CU_ASSERT_FATAL(v && n == 8);
	CU_ASSERT_EQUAL(v[0], 1);
}

/* Page i of memory as a debugger finds it: by virtual address. 0: it does not. */
static uint8_t byte_at(uint64_t va)
{
	const Elf64_Phdr *ph = (const void *)(file + eh()->e_phoff);

	for (int i = 0; i < eh()->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && va >= ph[i].p_vaddr && va < ph[i].p_vaddr + ph[i].p_filesz)
			return file[ph[i].p_offset + (va - ph[i].p_vaddr)];
	return 0;
}

static void test_segments(void)
{
	const Elf64_Phdr *ph;

	fill();
	for (uint64_t i = 0; i < PAGES; i++)
		core_map(&core, 0xffff888000000000 + page[i].pfn * 4096, i, PF_R | PF_W);
	core_map(&core, 0xffffffff81000000, 1, PF_R | PF_X);
	core_map(&core, 0xffffffff81001000, 2, PF_R | PF_X);
	core_map(&core, 0xffffffff81002000, 0, PF_R | PF_X);	/* next address, other page */
	core_map(&core, 0xffffffff81003000, 1, PF_R);		/* next page, other rights */
	write_and_read();
	ph = (const void *)(file + eh()->e_phoff);
	CU_ASSERT_EQUAL_FATAL(eh()->e_phnum, 6);
	CU_ASSERT_EQUAL(ph[0].p_type, PT_NOTE);
	CU_ASSERT(ph[1].p_vaddr == 0xffff888000000000 && ph[1].p_filesz == 3 * 4096 && ph[1].p_paddr == 0);
	CU_ASSERT(ph[2].p_vaddr == 0xffff88800000a000 && ph[2].p_filesz == 3 * 4096 && ph[2].p_paddr == 0xa000);
	CU_ASSERT(ph[3].p_filesz == 2 * 4096 && ph[3].p_flags == (PF_R | PF_X));
	CU_ASSERT_EQUAL(byte_at(0xffff888000001000), 2);
	CU_ASSERT_EQUAL(byte_at(0xffff88800000cfff), 6);
	CU_ASSERT_EQUAL(byte_at(0xffffffff81001fff), 3);
	CU_ASSERT_EQUAL(byte_at(0xffffffff81002000), 1);
	CU_ASSERT_EQUAL(byte_at(0xffff888000003000), 0);
}

static void test_threads(void)
{
	const Elf64_Phdr *ph;
	struct elf_prstatus s;
	const unsigned long long *r = (const void *)s.pr_reg;
	const void *body;
	uint32_t n = 0;

	fill();
	core_map(&core, 0x1000, 0, PF_R);
	write_and_read();
	ph = (const void *)(file + eh()->e_phoff);
	for (int i = 0; i < 2; i++) {
		body = note(ph->p_offset, ph->p_filesz, "CORE", NT_PRSTATUS, i, &n);
		CU_ASSERT_FATAL(body && n == sizeof(s));
		memcpy(&s, body, sizeof(s));
		CU_ASSERT_EQUAL(s.pr_pid, i + 1);
		CU_ASSERT_EQUAL(r[16], vcpu[i].user_regs.rip);
		CU_ASSERT_EQUAL(r[19], vcpu[i].user_regs.rsp);
		CU_ASSERT_EQUAL(r[0], vcpu[i].user_regs.r15);
		CU_ASSERT_EQUAL(r[10], vcpu[i].user_regs.rax);
		CU_ASSERT_EQUAL(r[22], i ? vcpu[i].gs_base_user : vcpu[i].gs_base_kernel);
	}
}

/* As Xen's tools write it: no program headers. */
static void test_plain(void)
{
	fill();
	core_map(&core, 0x1000, 0, PF_R);
	core.no_segments = true;
	write_and_read();
	CU_ASSERT_EQUAL(eh()->e_phnum, 0);
	CU_ASSERT_EQUAL(eh()->e_phoff, 0);
	CU_ASSERT_EQUAL(eh()->e_shoff, sizeof(Elf64_Ehdr));
	CU_ASSERT_PTR_NOT_NULL(section(".xen_p2m"));
}

/* More pieces than an ELF header can count: the rest is left out, and that is known. */
static void test_too_many(void)
{
	fill();
	for (uint64_t i = 0; i < CORE_SEGMENTS_MAX; i++)
		core_map(&core, i * 8192, 0, PF_R);
	CU_ASSERT_FALSE(core.truncated);
	core_map(&core, 1ULL << 40, 0, PF_R);
	CU_ASSERT_TRUE(core.truncated);
	write_and_read();
	CU_ASSERT_EQUAL(eh()->e_phnum, CORE_SEGMENTS_MAX + 1);
	CU_ASSERT_EQUAL(byte_at((CORE_SEGMENTS_MAX - 1) * 8192ULL), 1);
	CU_ASSERT_EQUAL(byte_at(1ULL << 40), 0);
	core_free(&core);
	free(file);
	file = NULL;
}

static void test_disk_full(void)
{
	fill();
	CU_ASSERT(core_write(&core, -1) < 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "sections", test_sections }, { "Xen's notes", test_xen_notes }, { "segments", test_segments },
		{ "threads", test_threads }, { "plain", test_plain }, { "too many pieces", test_too_many },
		{ "a file that cannot be written", test_disk_full }, CU_TEST_INFO_NULL,
	};

	return suite_run("core dumps", tests);
}
