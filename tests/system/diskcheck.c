/* SPDX-License-Identifier: MIT */
/*
 * Verified random writes to a block device or file, in a guest or in dom0.
 *
 *	diskcheck write PATH SEED WRITES EVERY	WRITES random blocks (0: for ever), a flush after EVERY writes
 *	diskcheck verify PATH SEED N EVERY	what the first N writes left is there
 *
 * Write i goes to a block and has contents that depend on SEED and i only, so `verify` knows what the first N writes
 * have left. After each flush `write` says `flushed N`. Blocks that a later write may have been changing when the power
 * went (up to EVERY writes behind N) may be in any state; every other block must hold what write i left, or what a
 * later write to it has left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/fs.h>
#include <unistd.h>

#define BLOCK 4096
#define WORDS (BLOCK / 8)
#define MAGIC 0x786c6469736b6368ULL

static const char *path;
static uint64_t seed, blocks;

static void die(const char *what)
{
	printf("diskcheck: %s: %s: %s\n", path, what, strerror(errno));
	exit(1);
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint64_t block_of(uint64_t i)
{
	return mix(seed * 0x9e3779b97f4a7c15ULL + i + 1) % blocks;
}

static void fill(uint64_t *buf, uint64_t block, uint64_t i)
{
	buf[0] = MAGIC;
	buf[1] = seed;
	buf[2] = block;
	buf[3] = i;
	for (int w = 4; w < WORDS; w++)
		buf[w] = mix(buf[w - 1] ^ seed ^ (i << 20) ^ block);
}

static int open_disk(int flags)
{
	int fd = open(path, flags | O_DIRECT);
	struct stat st;
	uint64_t size;

	if (fd < 0 && errno == EINVAL)
		fd = open(path, flags);
	if (fd < 0 || fstat(fd, &st))
		die("open");
	size = (uint64_t)st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, &size))
		die("size");
	blocks = size / BLOCK;
	return fd;
}

static void write_blocks(uint64_t *buf, uint64_t writes, uint64_t every)
{
	int fd = open_disk(O_RDWR);

	for (uint64_t i = 0; !writes || i < writes; i++) {
		uint64_t b = block_of(i);

		fill(buf, b, i);
		if (pwrite(fd, buf, BLOCK, (off_t)(b * BLOCK)) != BLOCK)
			die("write");
		if ((i + 1) % every)
			continue;
		if (fdatasync(fd))
			die("flush");
		printf("flushed %llu\n", (unsigned long long)i + 1);
		fflush(stdout);
	}
	close(fd);
}

/* Returns the number of the write that left this block, or -1 if none could. */
static int64_t left_by(const uint64_t *buf, uint64_t *want, uint64_t b)
{
	fill(want, b, buf[3]);
	return memcmp(buf, want, BLOCK) || block_of(buf[3]) != b ? -1 : (int64_t)buf[3];
}

static int verify(uint64_t *buf, uint64_t *want, uint64_t n, uint64_t every)
{
	int fd = open_disk(O_RDONLY), lost = 0;
	int64_t *last = malloc(blocks * sizeof(*last));
	char *open_write = calloc(blocks, 1);
	uint64_t checked = 0;

	if (!last || !open_write)
		die("memory");
	memset(last, 0xff, blocks * sizeof(*last));
	for (uint64_t i = 0; i < n; i++)
		last[block_of(i)] = (int64_t)i;
	for (uint64_t i = n; i < n + every; i++)
		open_write[block_of(i)] = 1;
	for (uint64_t b = 0; b < blocks; b++) {
		if (last[b] < 0 || open_write[b])
			continue;
		if (pread(fd, buf, BLOCK, (off_t)(b * BLOCK)) != BLOCK)
			die("read");
		checked++;
		if (left_by(buf, want, b) < last[b] && lost++ < 5)
			printf("diskcheck: block %llu: write %lld is lost, it has %lld\n", (unsigned long long)b,
			       (long long)last[b], (long long)left_by(buf, want, b));
	}
	printf("diskcheck: %llu blocks checked, %d lost\n", (unsigned long long)checked, lost);
	return lost || !checked;
}

int main(int argc, char **argv)
{
	uint64_t *buf, *want, n, every;

	if (argc != 6) {
		fprintf(stderr, "usage: diskcheck write|verify PATH SEED WRITES EVERY\n");
		return 2;
	}
	path = argv[2];
	seed = strtoull(argv[3], NULL, 0);
	n = strtoull(argv[4], NULL, 0);
	every = strtoull(argv[5], NULL, 0);
	if (!every || posix_memalign((void **)&buf, BLOCK, BLOCK) || posix_memalign((void **)&want, BLOCK, BLOCK))
		return 2;
	if (strcmp(argv[1], "write"))
		return verify(buf, want, n, every);
	write_blocks(buf, n, every);
	return 0;
}
