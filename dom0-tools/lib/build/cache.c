/* SPDX-License-Identifier: MIT */
/*
 * Unpacked kernels, kept for the next guest: unpacking is by far the longest part of building one (4.4 s of 4.5 s for a
 * stock kernel under emulation), and guests reboot and share kernels.
 *
 * One file per kernel in a directory in memory (/run), named after everything that changes when the kernel file does.
 * A file appears whole, by rename. Only the latest is kept. Whatever fails here, the kernel is simply unpacked again;
 * the directory must belong to us and be writable for nobody else, or it is not used.
 *
 * No lock: two builders that store at the same time write the same bytes or remove each other's, and a mapping of a
 * removed file stays valid.
 */
#include "image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CHUNK		4096
#define LEFT_FREE	(16UL << 20)

static const char *cache_dir = "/run/xen-lite/kernels";

void image_cache_set(const char *dir)
{
	cache_dir = dir;
}

/* Its parent must exist already: without a running daemon there is no cache. */
static int dir_open(void)
{
	struct stat st;
	int fd;

	if (!cache_dir || (mkdir(cache_dir, 0700) && errno != EEXIST))
		return -1;
	fd = open(cache_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &st) || st.st_uid != geteuid() || st.st_mode & 022)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void entry_name(char *name, size_t size, const struct stat *st)
{
	snprintf(name, size, "%jx-%jx-%jx-%jx.%09lx-%jx.%09lx", (uintmax_t)st->st_dev, (uintmax_t)st->st_ino,
		 (uintmax_t)st->st_size, (uintmax_t)st->st_mtim.tv_sec, (unsigned long)st->st_mtim.tv_nsec,
		 (uintmax_t)st->st_ctim.tv_sec, (unsigned long)st->st_ctim.tv_nsec);
}

bool image_cache_get(const struct stat *kernel, struct bytes *out)
{
	char name[128];
	struct stat st;
	int dir = dir_open(), fd;
	void *p = MAP_FAILED;

	if (dir < 0)
		return false;
	entry_name(name, sizeof(name), kernel);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= (off_t)IMAGE_MAX_FILE)
		p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd >= 0)
		close(fd);
	close(dir);
	if (p == MAP_FAILED)
		return false;
	*out = (struct bytes){ .p = p, .len = st.st_size, .size = st.st_size };
	return true;
}

/* Zeroes become holes: a third of a stock kernel needs no memory. */
static bool write_sparse(int fd, const struct bytes *data)
{
	static const uint8_t zero[CHUNK];

	for (size_t off = 0; off < data->len; off += CHUNK) {
		size_t n = data->len - off < CHUNK ? data->len - off : CHUNK;

		if (memcmp(data->p + off, zero, n) && pwrite(fd, data->p + off, n, off) != (ssize_t)n)
			return false;
	}
	return !ftruncate(fd, data->len);
}

static void remove_others(int dir, const char *keep)
{
	int copy = dup(dir);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!d) {
		if (copy >= 0)
			close(copy);
		return;
	}
	rewinddir(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && strcmp(e->d_name, keep))
			unlinkat(dir, e->d_name, 0);
	closedir(d);
}

/* Others need the file system, too. */
static bool has_room(int dir, size_t len)
{
	struct statvfs v;

	return !fstatvfs(dir, &v) && (len + LEFT_FREE) / v.f_frsize < v.f_bavail;
}

void image_cache_put(const struct stat *kernel, const struct bytes *data)
{
	char name[128], temp[160];
	int dir = dir_open(), fd = -1;
	bool ok;

	if (dir < 0)
		return;
	entry_name(name, sizeof(name), kernel);
	snprintf(temp, sizeof(temp), ".%s.%d", name, (int)gettid());
	remove_others(dir, name);
	if (has_room(dir, data->len))
		fd = openat(dir, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0) {
		ok = write_sparse(fd, data);
		close(fd);
		if (!ok || renameat(dir, temp, dir, name))
			unlinkat(dir, temp, 0);
	}
	close(dir);
}
