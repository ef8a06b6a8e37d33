/* SPDX-License-Identifier: MIT */
/*
 * Takes over what the boot loader left: command line, memory map, modules, ACPI root pointer. Multiboot 1 (QEMU
 * -kernel, syslinux, iPXE) and multiboot 2 (GRUB) fill the same struct boot_info.
 *
 * Runs once, first of all, on the boot page tables, and copies everything but the modules' contents: the memory
 * with the information block is free for reuse afterwards. Nothing can be printed yet, so what is missing is found
 * out later by those who need it (no memory map, no module).
 *
 * A loader may put the file's name in front of a command line or not. GRUB 2 does not (Debian's entries say
 * "placeholder" there); all others do.
 */
#include <xl/types.h>
#include <xl/lib.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/setup.h>

#define MB1_BOOT_MAGIC		0x2badb002
#define MB2_BOOT_MAGIC		0x36d76289

#define MB1_HAS_MEM		0x0001
#define MB1_HAS_CMDLINE		0x0004
#define MB1_HAS_MODULES		0x0008
#define MB1_HAS_MMAP		0x0040
#define MB1_HAS_LOADER		0x0200

struct mb1_info {
	u32 flags;
	u32 mem_lower, mem_upper;	/* KiB below 640 KiB, and from 1 MiB up */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 boot_loader_name;
};

struct mb1_module {
	u32 start, end;			/* end: one past the last byte */
	u32 string;
	u32 reserved;
};

struct mb1_mmap {
	u32 size;			/* of the rest: at least 20 */
	u64 addr, len;
	u32 type;
} __packed;

enum {
	MB2_END, MB2_CMDLINE, MB2_LOADER, MB2_MODULE, MB2_MEMINFO, MB2_MMAP = 6, MB2_FRAMEBUFFER = 8, MB2_RSDP_V1 = 14,
	MB2_RSDP_V2 = 15,
};

struct mb2_tag {
	u32 type, size;			/* size without the padding to 8 bytes */
};

struct mb2_module {
	struct mb2_tag tag;
	u32 start, end;
	char string[];
};

struct mb2_meminfo {
	struct mb2_tag tag;
	u32 mem_lower, mem_upper;
};

struct mb2_mmap {
	struct mb2_tag tag;
	u32 entry_size, entry_version;
	u8 entries[];
};

struct mb2_framebuffer {
	struct mb2_tag tag;
	u64 addr;
	u32 pitch, width, height;
	u8 bpp, type;
};

#define MB2_FB_TEXT		2

struct boot_info boot_info;

static char loader_name[64];
static char module_cmdline[ARRAY_SIZE(boot_info.module)][1024];
static u8 rsdp_copy[64] __aligned(16);

/* RAM as multiboot's two basic numbers give it, for a loader without a memory map. */
static void __init take_meminfo(u32 lower_kib, u32 upper_kib)
{
	if (boot_info.nr_e820)
		return;
	boot_info.e820[0] = (struct e820entry_){ 0, (u64)lower_kib << 10, 1 };
	boot_info.e820[1] = (struct e820entry_){ 1 << 20, (u64)upper_kib << 10, 1 };
	boot_info.nr_e820 = 2;
}

static void __init take_range(u64 addr, u64 len, u32 type)
{
	if (len && boot_info.nr_e820 < ARRAY_SIZE(boot_info.e820))
		boot_info.e820[boot_info.nr_e820++] = (struct e820entry_){ addr, len, type };
}

/* A module too many is left out: whoever needs it will say that it is missing. */
static void __init take_module(u32 start, u32 end, const char *string)
{
	unsigned int n = boot_info.nr_modules;

	if (n == ARRAY_SIZE(boot_info.module) || end < start)
		return;
	strlcpy(module_cmdline[n], string, sizeof(module_cmdline[n]));
	boot_info.module[n] = (struct boot_module){ start, end - start, module_cmdline[n] };
	boot_info.nr_modules++;
}

static void __init read_mb1(const struct mb1_info *mbi)
{
	u32 off = 0, i;

	if (mbi->flags & MB1_HAS_LOADER)
		strlcpy(loader_name, pa_to_virt(mbi->boot_loader_name), sizeof(loader_name));
	if (mbi->flags & MB1_HAS_CMDLINE)
		strlcpy(boot_info.cmdline, pa_to_virt(mbi->cmdline), sizeof(boot_info.cmdline));
	while (mbi->flags & MB1_HAS_MMAP && off + sizeof(struct mb1_mmap) <= mbi->mmap_length) {
		const struct mb1_mmap *m = pa_to_virt(mbi->mmap_addr + off);

		take_range(m->addr, m->len, m->type);
		off += m->size + sizeof(m->size);
	}
	if (mbi->flags & MB1_HAS_MEM)
		take_meminfo(mbi->mem_lower, mbi->mem_upper);
	for (i = 0; mbi->flags & MB1_HAS_MODULES && i < mbi->mods_count; i++) {
		const struct mb1_module *m = (const struct mb1_module *)pa_to_virt(mbi->mods_addr) + i;

		take_module(m->start, m->end, m->string ? pa_to_virt(m->string) : "");
	}
	boot_info.video_text = true;
}

static void __init read_mb2_mmap(const struct mb2_mmap *m)
{
	const u8 *p = m->entries, *end = (const u8 *)m + m->tag.size;
	struct { u64 addr, len; u32 type, zero; } e;

	for (; m->entry_size >= sizeof(e) && p + sizeof(e) <= end; p += m->entry_size) {
		memcpy(&e, p, sizeof(e));
		take_range(e.addr, e.len, e.type);
	}
}

static void __init read_mb2_tag(const struct mb2_tag *tag)
{
	const char *text = (const char *)(tag + 1);

	switch (tag->type) {
	case MB2_CMDLINE:
		strlcpy(boot_info.cmdline, text, sizeof(boot_info.cmdline));
		break;
	case MB2_LOADER:
		strlcpy(loader_name, text, sizeof(loader_name));
		break;
	case MB2_MODULE: {
		const struct mb2_module *m = (const struct mb2_module *)tag;

		take_module(m->start, m->end, m->string);
		break;
	}
	case MB2_MMAP:
		read_mb2_mmap((const struct mb2_mmap *)tag);
		break;
	case MB2_FRAMEBUFFER:
		boot_info.video_text = ((const struct mb2_framebuffer *)tag)->type == MB2_FB_TEXT;
		break;
	case MB2_RSDP_V1:
		if (boot_info.rsdp)	/* the newer one wins */
			break;
		/* fallthrough */
	case MB2_RSDP_V2:
		memset(rsdp_copy, 0, sizeof(rsdp_copy));
		memcpy(rsdp_copy, tag + 1, min_t(size_t, tag->size - sizeof(*tag), sizeof(rsdp_copy)));
		boot_info.rsdp = virt_to_pa(rsdp_copy);
		break;
	}
}

static void __init read_mb2(const void *info)
{
	u32 total = *(const u32 *)info, off = 8;
	const struct mb2_meminfo *mem = NULL;

	boot_info.video_text = true;
	while (off + sizeof(struct mb2_tag) <= total) {
		const struct mb2_tag *tag = (const void *)((const u8 *)info + off);

		if (tag->type == MB2_END || tag->size < sizeof(*tag) || tag->size > total - off)
			break;
		if (tag->type == MB2_MEMINFO)
			mem = (const struct mb2_meminfo *)tag;
		read_mb2_tag(tag);
		off += ROUND_UP(tag->size, 8U);
	}
	if (mem)
		take_meminfo(mem->mem_lower, mem->mem_upper);
}

static bool __init names_file(const char *word)
{
	if (strncmp(loader_name, "GRUB 2", 6))
		return true;
	if (!strncmp(word, "placeholder", 11) && (!word[11] || word[11] == ' '))
		return true;
	return word[0] == '/' || word[0] == '(';
}

const char *multiboot_args(const char *cmdline)
{
	while (*cmdline == ' ')
		cmdline++;
	if (names_file(cmdline))
		while (*cmdline && *cmdline != ' ')
			cmdline++;
	while (*cmdline == ' ')
		cmdline++;
	return cmdline;
}

void __init multiboot_init(u32 magic, paddr_t info)
{
	unsigned int i;

	if (magic == MB1_BOOT_MAGIC)
		read_mb1(pa_to_virt(info));
	else if (magic == MB2_BOOT_MAGIC)
		read_mb2(pa_to_virt(info));
	boot_info.loader = loader_name[0] ? loader_name : "unknown boot loader";
	for (i = 0; i < boot_info.nr_modules; i++)
		boot_info.module[i].cmdline = multiboot_args(module_cmdline[i]);
	memmove(boot_info.cmdline, multiboot_args(boot_info.cmdline), strlen(multiboot_args(boot_info.cmdline)) + 1);
}
