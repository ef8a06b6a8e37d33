/* SPDX-License-Identifier: MIT */
/*
 * Kernel images: each container and compression, each ELF note, and what broken files get.
 *
 * Images are made here: a small ELF with two segments and a note segment, packed by the same libraries that a
 * distribution's kernel build uses (xz with the x86 filter and CRC32, legacy lz4 frames, ...).
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "build/image.h"
#include "public/elfnote.h"

#define VIRT		0xffffffff80000000ull
#define TEXT_PA		0x100000ull
#define TEXT_SIZE	0x5000ull
#define DATA_PA		0x200000ull
#define DATA_SIZE	0x1800ull
#define BSS_SIZE	0x9000ull
#define CAP		(64ul << 20)

struct elf_image {
	uint8_t buf[0x10000];
	size_t len;
	Elf64_Ehdr *eh;
	Elf64_Phdr *ph;
	size_t notes, note_len;		/* offset and length of the note segment */
};

static struct elf_image elf;
static char msg[512];
static struct errbuf err = { msg, sizeof(msg) };
static struct kernel_image img;

static void note_add(uint32_t type, const void *desc, uint32_t len)
{
	Elf64_Nhdr nh = { 4, len, type };
	uint8_t *p = elf.buf + elf.notes + elf.note_len;

	memcpy(p, &nh, sizeof(nh));
	memcpy(p + sizeof(nh), "Xen", 4);
	memcpy(p + sizeof(nh) + 4, desc, len);
	elf.note_len += sizeof(nh) + 4 + ((len + 3) & ~3u);
	elf.ph[2].p_filesz = elf.note_len;
}

static void note_number(uint32_t type, uint64_t v)
{
	note_add(type, &v, sizeof(v));
}

static void note_string(uint32_t type, const char *s)
{
	note_add(type, s, strlen(s) + 1);
}

/* A kernel without notes. */
static void elf_make_bare(void)
{
	memset(&elf, 0, sizeof(elf));
	elf.eh = (Elf64_Ehdr *)elf.buf;
	elf.ph = (Elf64_Phdr *)(elf.buf + sizeof(Elf64_Ehdr));
	memcpy(elf.eh->e_ident, ELFMAG, SELFMAG);
	elf.eh->e_ident[EI_CLASS] = ELFCLASS64;
	elf.eh->e_ident[EI_DATA] = ELFDATA2LSB;
	elf.eh->e_type = ET_EXEC;
	elf.eh->e_machine = EM_X86_64;
	elf.eh->e_phoff = sizeof(Elf64_Ehdr);
	elf.eh->e_phentsize = sizeof(Elf64_Phdr);
	elf.eh->e_phnum = 3;
	elf.ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = 0x1000, .p_vaddr = VIRT + TEXT_PA, .p_paddr = TEXT_PA,
				  .p_filesz = TEXT_SIZE, .p_memsz = TEXT_SIZE };
	/* Linked at 0 like Linux's per-CPU section: only p_paddr counts. */
	elf.ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = 0x6000, .p_vaddr = 0, .p_paddr = DATA_PA,
				  .p_filesz = DATA_SIZE, .p_memsz = BSS_SIZE };
	elf.notes = 0x8000;
	elf.ph[2] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = elf.notes };
	for (size_t i = 0x1000; i < 0x7800; i++)
		elf.buf[i] = i * 7 ^ i >> 5;
	elf.len = 0x9000;
}

static void elf_make(void)
{
	elf_make_bare();
	note_number(XEN_ELFNOTE_VIRT_BASE, VIRT);
	note_number(XEN_ELFNOTE_ENTRY, VIRT + TEXT_PA + 0x40);
	note_string(XEN_ELFNOTE_GUEST_OS, "linux");
	note_string(XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
}

static int parse(const void *buf, size_t len)
{
	msg[0] = '\0';
	return image_parse(&img, buf, len, CAP, &err);
}

static int parse_elf(void)
{
	/* A copy of exact size, so that ASan sees every byte read beyond the end. */
	uint8_t *copy = malloc(elf.len);
	int rc;

	memcpy(copy, elf.buf, elf.len);
	rc = parse(copy, elf.len);
	image_free(&img);
	free(copy);
	return rc;
}

#define CHECK_FAILS(call, want_rc, want_text) do { \
	CU_ASSERT_EQUAL(call, want_rc); \
	if (!strstr(msg, want_text)) \
		fprintf(stderr, "message is: %s\n", msg); \
	CU_ASSERT_PTR_NOT_NULL(strstr(msg, want_text)); \
} while (0)

static void check_is_ours(const char *how)
{
	CU_ASSERT_STRING_EQUAL(img.how, how);
	CU_ASSERT_EQUAL(img.nr_segs, 2);
	CU_ASSERT_EQUAL(img.seg[0].pa, TEXT_PA);
	CU_ASSERT_EQUAL(img.seg[1].pa, DATA_PA);
	CU_ASSERT_EQUAL(img.seg[1].filesz, DATA_SIZE);
	CU_ASSERT_EQUAL(img.seg[1].memsz, BSS_SIZE);
	CU_ASSERT_FALSE(memcmp(img.seg[0].data, elf.buf + 0x1000, TEXT_SIZE));
	CU_ASSERT_FALSE(memcmp(img.seg[1].data, elf.buf + 0x6000, DATA_SIZE));
	CU_ASSERT_EQUAL(img.pa_start, TEXT_PA);
	CU_ASSERT_EQUAL(img.pa_end, DATA_PA + BSS_SIZE);
	CU_ASSERT_EQUAL(img.entry, VIRT + TEXT_PA + 0x40);
	CU_ASSERT_EQUAL(img.virt_base, VIRT);
}

/* --- packing --- */

static size_t pack_gzip(uint8_t *out, size_t size)
{
	z_stream z = { .next_in = elf.buf, .avail_in = elf.len, .next_out = out, .avail_out = size };

	deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
	deflate(&z, Z_FINISH);
	deflateEnd(&z);
	return size - z.avail_out;
}

static size_t pack_xz(uint8_t *out, size_t size)
{
	lzma_options_lzma opt;
	lzma_filter filters[] = { { LZMA_FILTER_X86, NULL }, { LZMA_FILTER_LZMA2, &opt }, { LZMA_VLI_UNKNOWN, NULL } };
	size_t pos = 0;

	lzma_lzma_preset(&opt, 6);
	CU_ASSERT_EQUAL(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, elf.buf, elf.len, out, &pos, size),
			LZMA_OK);
	return pos;
}

static size_t pack_lzma(uint8_t *out, size_t size)
{
	lzma_stream z = LZMA_STREAM_INIT;
	lzma_options_lzma opt;

	lzma_lzma_preset(&opt, 6);
	CU_ASSERT_EQUAL(lzma_alone_encoder(&z, &opt), LZMA_OK);
	z.next_in = elf.buf;
	z.avail_in = elf.len;
	z.next_out = out;
	z.avail_out = size;
	CU_ASSERT_EQUAL(lzma_code(&z, LZMA_FINISH), LZMA_STREAM_END);
	lzma_end(&z);
	return size - z.avail_out;
}

static size_t pack_zstd(uint8_t *out, size_t size)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t n;

	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, 19);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(c, out, size, elf.buf, elf.len);
	ZSTD_freeCCtx(c);
	return n;
}

static size_t pack_lz4(uint8_t *out, size_t size)
{
	uint32_t magic = 0x184c2102, n;

	n = LZ4_compress_default((char *)elf.buf, (char *)out + 8, elf.len, size - 8);
	memcpy(out, &magic, 4);
	memcpy(out + 4, &n, 4);
	return n + 8;
}

static size_t pack_bzip2(uint8_t *out, size_t size)
{
	unsigned int n = size;

	CU_ASSERT_EQUAL(BZ2_bzBuffToBuffCompress((char *)out, &n, (char *)elf.buf, elf.len, 9, 0, 0), BZ_OK);
	return n;
}

static const struct {
	const char *name;
	size_t (*pack)(uint8_t *out, size_t size);
	bool checked;		/* the format can tell corrupt data */
} packers[] = {
	{ "gzip", pack_gzip, true }, { "xz", pack_xz, true }, { "zstd", pack_zstd, true },
	{ "lz4", pack_lz4, false }, { "lzma", pack_lzma, false }, { "bzip2", pack_bzip2, true },
};
#define NR_PACKERS (sizeof(packers) / sizeof(packers[0]))

/* A bzImage with two setup sectors around payload bytes that are at out + 0x700; the unpacked size is appended. */
#define BZ_PAYLOAD 0x700
static size_t bzimage_wrap(uint8_t *out, size_t payload)
{
	uint32_t off = BZ_PAYLOAD - 3 * 512, len = payload + 4, size = elf.len;

	memset(out, 0, BZ_PAYLOAD);
	out[0x1f1] = 2;
	memcpy(out + 0x1fe, "\x55\xaa", 2);
	memcpy(out + 0x202, "HdrS\x0f\x02", 6);
	memcpy(out + 0x248, &off, 4);
	memcpy(out + 0x24c, &len, 4);
	memcpy(out + BZ_PAYLOAD + payload, &size, 4);
	return BZ_PAYLOAD + payload + 4;
}

/* --- the tests --- */

static void test_elf(void)
{
	elf_make();
	CU_ASSERT_EQUAL(parse(elf.buf, elf.len), 0);
	check_is_ours("ELF64");
	CU_ASSERT_STRING_EQUAL(img.guest_os, "linux");
	CU_ASSERT_FALSE(img.has_hypercall_page);
	CU_ASSERT_FALSE(img.has_init_p2m);
	CU_ASSERT_FALSE(img.mod_start_pfn);
	image_free(&img);
}

static void test_packed(void)
{
	static uint8_t out[0x20000];
	char how[64];

	elf_make();
	for (size_t i = 0; i < NR_PACKERS; i++) {
		size_t n = packers[i].pack(out, sizeof(out));

		CU_ASSERT_EQUAL(parse(out, n), 0);
		snprintf(how, sizeof(how), "%s, ELF64", packers[i].name);
		check_is_ours(how);
		image_free(&img);

		n = packers[i].pack(out + BZ_PAYLOAD, sizeof(out) - BZ_PAYLOAD - 4);
		n = bzimage_wrap(out, n);
		CU_ASSERT_EQUAL(parse(out, n), 0);
		snprintf(how, sizeof(how), "bzImage, %s, ELF64", packers[i].name);
		check_is_ours(how);
		image_free(&img);
	}
}

/* Every cut of a packed kernel is an error, and none reads beyond its end (ASan). */
static void test_packed_truncated(void)
{
	static uint8_t out[0x20000];

	elf_make();
	for (size_t i = 0; i < NR_PACKERS; i++) {
		size_t n = packers[i].pack(out, sizeof(out));

		for (size_t cut = 1; cut < n; cut += n / 40 + 1) {
			uint8_t *copy = malloc(n - cut);

			/* A cut inside the trailing checksum may go unseen by a format that has none. */
			memcpy(copy, out, n - cut);
			if (cut > 16)
				CU_ASSERT_NOT_EQUAL(parse(copy, n - cut), 0);
			image_free(&img);
			free(copy);
		}
	}
}

static void test_packed_corrupt(void)
{
	static uint8_t out[0x20000];

	elf_make();
	for (size_t i = 0; i < NR_PACKERS; i++) {
		size_t n = packers[i].pack(out, sizeof(out));

		memset(out + n / 2, 0xff, 64);
		if (!packers[i].checked) {
			parse(out, n);	/* may pass, must not crash */
			image_free(&img);
			continue;
		}
		CU_ASSERT_NOT_EQUAL(parse(out, n), 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(msg, packers[i].name));
	}
}

static void test_bomb(void)
{
	static uint8_t out[0x20000];
	size_t n;

	elf_make();
	for (size_t i = 0; i < NR_PACKERS; i++) {
		n = packers[i].pack(out, sizeof(out));
		CU_ASSERT_EQUAL(image_parse(&img, out, n, elf.len / 2, &err),
				packers[i].pack == pack_lz4 ? -EINVAL : -EFBIG);
	}
}

static void test_bzimage_broken(void)
{
	static uint8_t out[0x20000];
	size_t n;

	elf_make();
	n = bzimage_wrap(out, pack_gzip(out + BZ_PAYLOAD, sizeof(out) - BZ_PAYLOAD - 4));
	CHECK_FAILS(parse(out, n - 100), -EINVAL, "bzImage is cut off");
	CHECK_FAILS(parse(out, 0x250), -EINVAL, "bzImage is cut off");
	out[0x206] = 5;
	CHECK_FAILS(parse(out, n), -EINVAL, "boot protocol 2.05");
	out[0x206] = 0x0f;
	memset(out + 0x24c, 0xff, 4);
	CHECK_FAILS(parse(out, n), -EINVAL, "bzImage is cut off");
	memset(out + 0x24c, 0, 4);
	CHECK_FAILS(parse(out, n), -EINVAL, "without a payload");
	n = bzimage_wrap(out, 1000);
	memset(out + BZ_PAYLOAD, 0x42, 1000);
	CHECK_FAILS(parse(out, n), -ENOEXEC, "what it contains is neither");
}

static void test_not_a_kernel(void)
{
	static uint8_t zero[8192];

	CHECK_FAILS(parse("hello world, no kernel", 22), -ENOEXEC, "is no kernel");
	CHECK_FAILS(parse(zero, sizeof(zero)), -ENOEXEC, "is no kernel");
	CHECK_FAILS(parse("x", 1), -ENOEXEC, "is no kernel");
	CHECK_FAILS(parse("\177ELF", 4), -EINVAL, "cut off inside the ELF header");
	CHECK_FAILS(parse("\177ELF\1", 5), -ENOEXEC, "32-bit");
}

static void test_nested(void)
{
	static uint8_t a[0x20000], b[0x20000];
	size_t n;

	elf_make();
	n = pack_gzip(a, sizeof(a));
	for (int i = 0; i < 4; i++) {
		n = ZSTD_compress(b, sizeof(b), a, n, 1);
		memcpy(a, b, n);
	}
	CHECK_FAILS(parse(a, n), -ENOEXEC, "packed more than 3 times");
}

static void test_notes(void)
{
	static const uint64_t l1[2] = { 1, 3 };
	uint32_t features = 0x8801;

	elf_make();
	note_string(XEN_ELFNOTE_GUEST_VERSION, "2.6");
	note_number(XEN_ELFNOTE_HYPERCALL_PAGE, VIRT + TEXT_PA + 0x1000);
	note_number(XEN_ELFNOTE_INIT_P2M, 0x8000000000);
	note_add(XEN_ELFNOTE_SUPPORTED_FEATURES, &features, 4);
	note_string(XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb");
	note_string(XEN_ELFNOTE_PAE_MODE, "yes");
	note_string(XEN_ELFNOTE_LOADER, "generic");
	note_add(XEN_ELFNOTE_L1_MFN_VALID, l1, sizeof(l1));
	note_add(XEN_ELFNOTE_MOD_START_PFN, "\1\0\0", 4);
	note_add(XEN_ELFNOTE_SUSPEND_CANCEL, "\1\0\0", 4);
	note_number(XEN_ELFNOTE_HV_START_LOW, 0xffff800000000000);
	note_number(XEN_ELFNOTE_PHYS32_ENTRY, 0x1000850);
	note_number(0x7777, 1);		/* unknown ones do no harm */
	CU_ASSERT_EQUAL(parse(elf.buf, elf.len), 0);
	CU_ASSERT_STRING_EQUAL(img.guest_version, "2.6");
	CU_ASSERT_TRUE(img.has_hypercall_page && img.hypercall_page == VIRT + TEXT_PA + 0x1000);
	CU_ASSERT_TRUE(img.has_init_p2m && img.init_p2m == 0x8000000000);
	CU_ASSERT_EQUAL(img.supported_features, 0x8801);
	CU_ASSERT_STRING_EQUAL(img.features, "!writable_page_tables|pae_pgdir_above_4gb");
	CU_ASSERT_STRING_EQUAL(img.pae_mode, "yes");
	CU_ASSERT_STRING_EQUAL(img.loader, "generic");
	CU_ASSERT_TRUE(img.has_l1_mfn_valid && img.l1_mfn_mask == 1 && img.l1_mfn_value == 3);
	CU_ASSERT_TRUE(img.mod_start_pfn && img.suspend_cancel);
	CU_ASSERT_EQUAL(img.hv_start_low, 0xffff800000000000);
	CU_ASSERT_TRUE(img.has_phys32_entry && img.phys32_entry == 0x1000850);
	image_free(&img);
}

/* Notes that only a section header names. */
static void test_notes_in_section(void)
{
	Elf64_Shdr sh = { .sh_type = SHT_NOTE };

	elf_make();
	elf.ph[2].p_type = PT_NULL;
	CHECK_FAILS(parse_elf(), -ENOEXEC, "no ELF note of Xen");
	sh.sh_offset = elf.notes;
	sh.sh_size = elf.note_len;
	elf.eh->e_shoff = 0x8800;
	elf.eh->e_shnum = 1;
	elf.eh->e_shentsize = sizeof(sh);
	memcpy(elf.buf + 0x8800, &sh, sizeof(sh));
	CU_ASSERT_EQUAL(parse(elf.buf, elf.len), 0);
	check_is_ours("ELF64");
	image_free(&img);
	elf.eh->e_shoff = elf.len - 32;	/* table beyond the end: as if there were none */
	CHECK_FAILS(parse_elf(), -ENOEXEC, "no ELF note of Xen");
}

/* XTF and other small kernels leave it to the ELF header to say where they start. */
static void test_entry_of_header(void)
{
	elf_make_bare();
	elf.eh->e_entry = VIRT + TEXT_PA + 0x80;
	note_number(XEN_ELFNOTE_VIRT_BASE, VIRT);
	note_string(XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
	CU_ASSERT_EQUAL(parse(elf.buf, elf.len), 0);
	CU_ASSERT_EQUAL(img.entry, VIRT + TEXT_PA + 0x80);
	image_free(&img);
	elf.eh->e_entry = VIRT + TEXT_PA - 1;
	CHECK_FAILS(parse_elf(), -EINVAL, "entry point");
	note_number(XEN_ELFNOTE_PHYS32_ENTRY, 0x1000000);
	CHECK_FAILS(parse_elf(), -ENOEXEC, "PVH only");
	elf_make();			/* the note wins */
	elf.eh->e_entry = 1;
	CU_ASSERT_EQUAL(parse(elf.buf, elf.len), 0);
	CU_ASSERT_EQUAL(img.entry, VIRT + TEXT_PA + 0x40);
	image_free(&img);
}

/* The text of section __xen_guest, as Mini-OS has it, in a kernel without notes. */
static void guest_section(const char *text)
{
	static const char names[] = "\0.text\0__xen_guest";
	Elf64_Shdr sh[3] = {
		{ .sh_name = 1, .sh_type = SHT_PROGBITS, .sh_offset = 0x1000, .sh_size = 16 },
		{ .sh_name = 7, .sh_type = SHT_PROGBITS, .sh_offset = 0x8200, .sh_size = strlen(text) + 1 },
		{ .sh_type = SHT_STRTAB, .sh_offset = 0x8100, .sh_size = sizeof(names) },
	};

	elf_make_bare();
	elf.eh->e_entry = VIRT + TEXT_PA;
	elf.eh->e_shoff = 0x8800;
	elf.eh->e_shnum = 3;
	elf.eh->e_shstrndx = 2;
	elf.eh->e_shentsize = sizeof(sh[0]);
	memcpy(elf.buf + 0x8100, names, sizeof(names));
	memcpy(elf.buf + 0x8200, text, strlen(text) + 1);
	memcpy(elf.buf + 0x8800, sh, sizeof(sh));
}

static void test_guest_section(void)
{
	char text[200];

	snprintf(text, sizeof(text), "GUEST_OS=Mini-OS,XEN_VER=xen-3.0,HYPERCALL_PAGE=0x%llx,VIRT_BASE=0x%llx,"
		 "ELF_PADDR_OFFSET=0x0,odd,LOADER=generic", TEXT_PA / 4096 + 2, VIRT);
	guest_section(text);
	CU_ASSERT_EQUAL(parse(elf.buf, elf.len), 0);
	CU_ASSERT_STRING_EQUAL(img.guest_os, "Mini-OS");
	CU_ASSERT_STRING_EQUAL(img.loader, "generic");
	CU_ASSERT_EQUAL(img.entry, VIRT + TEXT_PA);
	CU_ASSERT_EQUAL(img.virt_base, VIRT);
	CU_ASSERT_EQUAL(img.pa_start, TEXT_PA);
	CU_ASSERT_TRUE(img.has_hypercall_page && img.hypercall_page == VIRT + TEXT_PA + 0x2000);
	image_free(&img);
	guest_section("XEN_VER=xen-2.0");
	CHECK_FAILS(parse_elf(), -ENOEXEC, "'xen-2.0'");
	/* Without the offset it is VIRT_BASE. */
	snprintf(text, sizeof(text), "VIRT_BASE=0x%llx,VIRT_ENTRY=0x%llx", TEXT_PA - 0x1000, TEXT_PA + 0x20);
	guest_section(text);
	CU_ASSERT_EQUAL(parse(elf.buf, elf.len), 0);
	CU_ASSERT_EQUAL(img.pa_start, 0x1000);
	CU_ASSERT_EQUAL(img.entry, TEXT_PA + 0x20);
	image_free(&img);
	elf.eh->e_shstrndx = 3;
	CHECK_FAILS(parse_elf(), -ENOEXEC, "no ELF note of Xen");
	elf.eh->e_shstrndx = 0;			/* names that are no names */
	CHECK_FAILS(parse_elf(), -ENOEXEC, "no ELF note of Xen");
}

/* Notes of hostile lengths end the walk, nothing more. */
static void test_notes_broken(void)
{
	static const uint32_t sizes[] = { 0xffffffff, 0xfffffffd, 0x80000000, 0x7ffffff0 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		Elf64_Nhdr nh = { sizes[i], 8, 1 }, nd = { 4, sizes[i], 1 };

		elf_make_bare();
		memcpy(elf.buf + elf.notes, &nh, sizeof(nh));
		elf.ph[2].p_filesz = 64;
		CHECK_FAILS(parse_elf(), -ENOEXEC, "no ELF note of Xen");
		memcpy(elf.buf + elf.notes, &nd, sizeof(nd));
		memcpy(elf.buf + elf.notes + sizeof(nd), "Xen", 4);
		CHECK_FAILS(parse_elf(), -ENOEXEC, "no ELF note of Xen");
	}
}

static void test_paddr_offset(void)
{
	elf_make_bare();
	note_number(XEN_ELFNOTE_PADDR_OFFSET, 0x80000);
	note_number(XEN_ELFNOTE_VIRT_BASE, VIRT);
	note_number(XEN_ELFNOTE_ENTRY, VIRT + TEXT_PA - 0x80000);
	CU_ASSERT_EQUAL(parse(elf.buf, elf.len), 0);
	CU_ASSERT_EQUAL(img.pa_start, TEXT_PA - 0x80000);
	image_free(&img);
	note_number(XEN_ELFNOTE_PADDR_OFFSET, TEXT_PA + 1);
	CHECK_FAILS(parse_elf(), -EINVAL, "below ELF note PADDR_OFFSET");
}

static void test_not_pv(void)
{
	elf_make_bare();
	CHECK_FAILS(parse_elf(), -ENOEXEC, "is not for Xen PV: no ELF note of Xen");
	note_number(XEN_ELFNOTE_PHYS32_ENTRY, 0x1000000);
	CHECK_FAILS(parse_elf(), -ENOEXEC, "PVH only");
	elf_make();
	note_string(XEN_ELFNOTE_XEN_VERSION, "xen-9.9");
	CHECK_FAILS(parse_elf(), -ENOEXEC, "'xen-9.9'");
	elf_make();
	note_string(XEN_ELFNOTE_LOADER, "odd\33");
	CHECK_FAILS(parse_elf(), -ENOEXEC, "'odd?'");
	elf_make();
	note_string(XEN_ELFNOTE_FEATURES, "!auto_translated_physmap");
	CHECK_FAILS(parse_elf(), -ENOEXEC, "auto_translated_physmap");
}

static void test_elf_header(void)
{
	elf_make();
	elf.eh->e_ident[EI_CLASS] = ELFCLASS32;
	CHECK_FAILS(parse_elf(), -ENOEXEC, "is 32-bit");
	elf_make();
	elf.eh->e_ident[EI_DATA] = ELFDATA2MSB;
	CHECK_FAILS(parse_elf(), -ENOEXEC, "little-endian");
	elf_make();
	elf.eh->e_machine = EM_AARCH64;
	CHECK_FAILS(parse_elf(), -ENOEXEC, "another processor");
	elf_make();
	elf.eh->e_type = ET_REL;
	CHECK_FAILS(parse_elf(), -ENOEXEC, "no executable");
	elf_make();
	elf.eh->e_phentsize = 32;
	CHECK_FAILS(parse_elf(), -EINVAL, "broken ELF header");
	elf_make();
	elf.eh->e_phnum = 0;
	CHECK_FAILS(parse_elf(), -EINVAL, "broken ELF header");
	elf_make();
	elf.eh->e_phoff = UINT64_MAX - 10;
	CHECK_FAILS(parse_elf(), -EINVAL, "program headers lie beyond");
}

static void test_segments(void)
{
	elf_make();
	elf.ph[0].p_filesz = TEXT_SIZE + 1;
	CHECK_FAILS(parse_elf(), -EINVAL, "larger in the file");
	elf_make();
	elf.ph[0].p_offset = elf.len - TEXT_SIZE + 1;
	CHECK_FAILS(parse_elf(), -EINVAL, "is cut off: segment at 0x100000");
	elf_make();
	elf.ph[0].p_offset = UINT64_MAX - 5;
	CHECK_FAILS(parse_elf(), -EINVAL, "is cut off");
	elf_make();
	elf.ph[1].p_memsz = UINT64_MAX - 5;
	CHECK_FAILS(parse_elf(), -EINVAL, "beyond the address space");
	elf_make();
	elf.ph[1].p_memsz = 2ull << 30;
	CHECK_FAILS(parse_elf(), -EFBIG, "beyond the limit");
	elf_make();
	elf.ph[1].p_paddr = TEXT_PA + TEXT_SIZE - 1;
	CHECK_FAILS(parse_elf(), -EINVAL, "overlap");
	elf_make();
	elf.ph[0].p_type = elf.ph[1].p_type = PT_NULL;
	CHECK_FAILS(parse_elf(), -EINVAL, "no segment to load");
}

static void test_too_many_segments(void)
{
	elf_make();
	elf.eh->e_phnum = 40;
	for (int i = 3; i < 40; i++)
		elf.ph[i] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_paddr = 0x400000 + i * 4096, .p_memsz = 4096 };
	CHECK_FAILS(parse_elf(), -EINVAL, "more than 32 segments");
}

static void test_addresses(void)
{
	elf_make();
	note_number(XEN_ELFNOTE_ENTRY, VIRT + TEXT_PA - 1);
	CHECK_FAILS(parse_elf(), -EINVAL, "outside the kernel");
	elf_make();
	note_number(XEN_ELFNOTE_ENTRY, VIRT + DATA_PA + BSS_SIZE);
	CHECK_FAILS(parse_elf(), -EINVAL, "outside the kernel");
	elf_make();
	note_number(XEN_ELFNOTE_VIRT_BASE, VIRT + 8);
	CHECK_FAILS(parse_elf(), -EINVAL, "VIRT_BASE");
	elf_make();
	note_number(XEN_ELFNOTE_VIRT_BASE, 0x123456789abcd000);
	CHECK_FAILS(parse_elf(), -EINVAL, "VIRT_BASE");
	elf_make();
	note_number(XEN_ELFNOTE_VIRT_BASE, 0xfffffffffffff000);
	CHECK_FAILS(parse_elf(), -EINVAL, "does not fit above VIRT_BASE");
	elf_make();
	note_number(XEN_ELFNOTE_HYPERCALL_PAGE, VIRT + TEXT_PA + 8);
	CHECK_FAILS(parse_elf(), -EINVAL, "HYPERCALL_PAGE");
	elf_make();
	note_number(XEN_ELFNOTE_HYPERCALL_PAGE, VIRT);
	CHECK_FAILS(parse_elf(), -EINVAL, "HYPERCALL_PAGE");
	elf_make();
	note_number(XEN_ELFNOTE_INIT_P2M, 0x800000000000);
	CHECK_FAILS(parse_elf(), -EINVAL, "INIT_P2M");
}

static void test_load(void)
{
	char path[] = "/tmp/test_image.XXXXXX";
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0);
	CHECK_FAILS(image_load(&img, path, &err), -EINVAL, "the file is empty");
	elf_make();
	CU_ASSERT_EQUAL(write(fd, elf.buf, elf.len), (ssize_t)elf.len);
	CU_ASSERT_EQUAL(image_load(&img, path, &err), 0);
	check_is_ours("ELF64");
	image_free(&img);
	CU_ASSERT_EQUAL(ftruncate(fd, 3000), 0);
	CHECK_FAILS(image_load(&img, path, &err), -EINVAL, "cut off");
	CU_ASSERT_PTR_NOT_NULL(strstr(msg, path));
	CU_ASSERT_EQUAL(ftruncate(fd, IMAGE_MAX_FILE + 1), 0);
	CHECK_FAILS(image_load(&img, path, &err), -EFBIG, "too large");
	close(fd);
	unlink(path);
	CHECK_FAILS(image_load(&img, path, &err), -ENOENT, "No such file");
	CHECK_FAILS(image_load(&img, "/tmp", &err), -EINVAL, "not a regular file");
}

static void write_file(const char *path, const uint8_t *p, size_t len)
{
	FILE *f = fopen(path, "w");

	CU_ASSERT_FATAL(f && fwrite(p, 1, len, f) == len && !fclose(f));
}

static unsigned int count_files(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned int n = 0;

	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.' || (e->d_name[1] && e->d_name[1] != '.');
	if (d)
		closedir(d);
	return n;
}

/* The second load comes from the cache, a changed file does not; a directory that others may write is not trusted. */
static void test_cache(void)
{
	static uint8_t out[0x20000];
	char dir[] = "/tmp/test_image.XXXXXX", kernel[64], kernel2[64], cache[64], command[128];
	size_t n;

	CU_ASSERT_FATAL(mkdtemp(dir) != NULL);
	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", dir);
	snprintf(kernel2, sizeof(kernel2), "%s/other", dir);
	snprintf(cache, sizeof(cache), "%s/cache", dir);
	image_cache_set(cache);
	elf_make();
	n = pack_xz(out, sizeof(out));
	write_file(kernel, out, n);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(image_load(&img, kernel, &err), 0);
		check_is_ours(i ? "ELF64" : "xz, ELF64");
		image_free(&img);
		CU_ASSERT_EQUAL(count_files(cache), 1);
	}
	write_file(kernel2, out, n);			/* another kernel takes its place */
	CU_ASSERT_EQUAL(image_load(&img, kernel2, &err), 0);
	image_free(&img);
	CU_ASSERT_EQUAL(count_files(cache), 1);
	CU_ASSERT_EQUAL(image_load(&img, kernel, &err), 0);
	check_is_ours("xz, ELF64");
	image_free(&img);
	write_file(kernel, (const uint8_t *)"nonsense", 8);
	CHECK_FAILS(image_load(&img, kernel, &err), -ENOEXEC, "is no kernel");
	write_file(kernel, out, n);
	CU_ASSERT_EQUAL(image_load(&img, kernel, &err), 0);
	image_free(&img);
	CU_ASSERT_EQUAL(chmod(cache, 0777), 0);
	CU_ASSERT_EQUAL(image_load(&img, kernel, &err), 0);
	check_is_ours("xz, ELF64");
	image_free(&img);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CU_ASSERT_EQUAL(system(command), 0);
	image_cache_set(NULL);
}

static const CU_TestInfo tests[] = {
	{ "plain ELF", test_elf },
	{ "each compression, plain and in a bzImage", test_packed },
	{ "cut off packed data", test_packed_truncated },
	{ "corrupt packed data", test_packed_corrupt },
	{ "size limit of unpacked data", test_bomb },
	{ "broken bzImage headers", test_bzimage_broken },
	{ "not a kernel", test_not_a_kernel },
	{ "packed too often", test_nested },
	{ "every ELF note", test_notes },
	{ "notes in a section only", test_notes_in_section },
	{ "entry point of the ELF header", test_entry_of_header },
	{ "section __xen_guest", test_guest_section },
	{ "notes with hostile lengths", test_notes_broken },
	{ "PADDR_OFFSET", test_paddr_offset },
	{ "not for PV", test_not_pv },
	{ "ELF header", test_elf_header },
	{ "segments", test_segments },
	{ "too many segments", test_too_many_segments },
	{ "addresses in notes", test_addresses },
	{ "files", test_load },
	{ "cache", test_cache },
	CU_TEST_INFO_NULL,
};

int main(void)
{
	CU_SuiteInfo suites[] = {
		{ "kernel images", NULL, NULL, NULL, NULL, (CU_TestInfo *)tests },
		CU_SUITE_INFO_NULL,
	};
	unsigned int failed;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 2;
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
