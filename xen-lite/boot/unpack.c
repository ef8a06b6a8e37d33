/* SPDX-License-Identifier: MIT */
/*
 * Unpacks a kernel with the distribution's own static libraries: liblzma, libzstd, zlib, lz4.
 *
 * The libraries are ordinary user-space code. What they need around them is here and nowhere else: malloc() and
 * friends on pages of the boot, an FS base behind which the stack protector finds its word, an FPU that is
 * switched on, and one constructor that must run first. Nobody else may use malloc(); all of this lies in the init
 * section. Interrupts are off and no vCPU has run yet, so the registers they use belong to nobody.
 *
 * xl/lib.h is not included: the C library's headers, which those of the libraries want, declare the same names.
 */
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <xl/asm.h>
#include <xl/unpack.h>

#define LZ4_BLOCK	(8UL << 20)	/* what each block of a legacy frame unpacks to, the last one excepted */
#define DICT_MAX	(256UL << 20)

int strcmp(const char *a, const char *b);
void *memset(void *p, int c, size_t n);
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;

/* --- what the libraries call --- */

#define BLOCK_HEADER	64		/* keeps the alignment; the block's size is at its start */

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void free(void *p);
void __stack_chk_fail(void) __noreturn;

void *malloc(size_t size)
{
	char *block;

	if (size > UNPACK_MAX)
		return NULL;
	size += BLOCK_HEADER;
	block = boot_pages_alloc(size);
	if (!block)
		return NULL;
	*(size_t *)block = size;
	return block + BLOCK_HEADER;
}

void *calloc(size_t n, size_t size)
{
	size_t bytes;
	void *p = __builtin_mul_overflow(n, size, &bytes) ? NULL : malloc(bytes);

	return p ? memset(p, 0, bytes) : NULL;
}

void free(void *p)
{
	char *block = (char *)p - BLOCK_HEADER;

	if (p)
		boot_pages_free(block, *(size_t *)block);
}

void __stack_chk_fail(void)
{
	panic("a decompressor wrote beyond its stack frame");
}

/* libzstd's hooks for tracing, weak symbols that it tests before calling: 0 means that nobody traces. */
unsigned long long ZSTD_trace_decompress_begin(const ZSTD_DCtx *ctx);
void ZSTD_trace_decompress_end(unsigned long long trace, const void *what);

unsigned long long ZSTD_trace_decompress_begin(const ZSTD_DCtx *ctx)
{
	(void)ctx;
	return 0;
}

void ZSTD_trace_decompress_end(unsigned long long trace, const void *what)
{
	(void)trace;
	(void)what;
}

/* --- one function per format; all return NULL or what is wrong --- */

static const char *unpack_xz(const struct packed *p, u8 *out)
{
	u64 limit = DICT_MAX;
	size_t in_pos = 0, out_pos = 0;

	switch (lzma_stream_buffer_decode(&limit, 0, NULL, p->data, &in_pos, p->len, out, &out_pos, p->unpacked)) {
	case LZMA_OK:
		return out_pos == p->unpacked ? NULL : "the xz data ends too early";
	case LZMA_MEM_ERROR:
		return "not enough memory to unpack xz";
	case LZMA_MEMLIMIT_ERROR:
		return "the xz data wants a dictionary of more than 256 MiB";
	case LZMA_OPTIONS_ERROR:
		return "the xz data uses an unknown filter";
	case LZMA_BUF_ERROR:
		return "the xz data is cut off, or unpacks to more than it claims";
	default:
		return "the xz data is damaged";
	}
}

static const char *unpack_zstd(const struct packed *p, u8 *out)
{
	size_t len = ZSTD_findFrameCompressedSize(p->data, p->len), n;

	if (ZSTD_isError(len))
		return "the zstd data is damaged or cut off";
	n = ZSTD_decompress(out, p->unpacked, p->data, len);
	return ZSTD_isError(n) || n != p->unpacked ? "the zstd data is damaged" : NULL;
}

static const char *unpack_gzip(const struct packed *p, u8 *out)
{
	z_stream z = { .next_in = (u8 *)p->data, .avail_in = p->len, .next_out = out, .avail_out = p->unpacked };
	int rc;

	if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)
		return "not enough memory to unpack gzip";
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return rc == Z_STREAM_END && !z.avail_out ? NULL : "the gzip data is damaged or cut off";
}

/* The legacy frame: a magic number, then blocks of {u32 packed size, data}. */
static const char *unpack_lz4(const struct packed *p, u8 *out)
{
	size_t pos = 4, done = 0;

	while (done < p->unpacked) {
		size_t room = min(p->unpacked - done, LZ4_BLOCK);
		u32 size;
		int n;

		if (p->len - pos < 4)
			return "the lz4 data is cut off";
		size = *(const u32 *)(p->data + pos);
		pos += 4;
		if (size > p->len - pos)
			return "the lz4 data is cut off";
		n = LZ4_decompress_safe((const char *)p->data + pos, (char *)out + done, size, room);
		if (n <= 0)
			return "the lz4 data is damaged";
		pos += size;
		done += n;
	}
	return NULL;
}

static const struct {
	const char *name;
	const char *(*fn)(const struct packed *p, u8 *out);
} decoders[] = {
	{ "xz", unpack_xz }, { "zstd", unpack_zstd }, { "gzip", unpack_gzip }, { "lz4", unpack_lz4 },
};

/* From the linker script: liblzma chooses its CRC64 routine in a constructor. */
extern void (*const unpack_ctors[])(void), (*const unpack_ctors_end[])(void);

const char *unpack(const struct packed *p, u8 *out)
{
	static u64 stack_guard[8];		/* the word at offset 0x28 is what they read */
	unsigned long cr0 = read_cr0(), cr4 = read_cr4();
	u64 fs_base = rdmsr(MSR_FS_BASE);
	void (*const *ctor)(void);
	const char *why = NULL;
	unsigned int i;

	write_cr0(cr0 & ~(unsigned long)(X86_CR0_TS | X86_CR0_EM));
	write_cr4(cr4 | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT);
	wrmsr(MSR_FS_BASE, (unsigned long)stack_guard);
	for (ctor = unpack_ctors; ctor < unpack_ctors_end; ctor++)
		(*ctor)();
	for (i = 0; i < ARRAY_SIZE(decoders); i++)
		if (!strcmp(decoders[i].name, p->format))
			why = decoders[i].fn(p, out);
	wrmsr(MSR_FS_BASE, fs_base);
	write_cr4(cr4);
	write_cr0(cr0);
	return why;
}
