/* SPDX-License-Identifier: MIT */
/*
 * The journal's file: see journal.h.
 *
 * Stores of a process that is killed are in the page cache in program order as far as anybody can see, so writing a
 * group's bytes first and its length last makes it whole. Space is taken from the file system before it is written to:
 * a full one must show as an error, not as SIGBUS.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "journal.h"

#define FIRST_SIZE	(256U << 10)

struct journal {
	char *path, *temp;		/* temp: what it is called until journal_replace(); NULL after that */
	int fd;
	char *map;
	size_t size;			/* mapped */
	size_t tail;			/* where the open group's head goes */
	size_t open;			/* bytes in it */
};

/* The kernel's name for the time since it was started, so that nothing older is taken for the present. */
static void read_boot_id(char id[BOOT_ID_SIZE])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	memset(id, 0, BOOT_ID_SIZE);
	if (!f)
		return;
	if (!fgets(id, BOOT_ID_SIZE, f))
		id[0] = '\0';
	fclose(f);
}

/* --- reading --- */

long journal_read(const void *data, size_t size, const char *boot_id, journal_fn *fn, void *arg)
{
	struct journal_header h;
	struct journal_group g;
	const char *p = data;
	size_t at = sizeof(h);

	if (size < sizeof(h))
		return -EINVAL;
	memcpy(&h, p, sizeof(h));
	if (h.magic != JOURNAL_MAGIC || (boot_id && memcmp(h.boot_id, boot_id, BOOT_ID_SIZE)))
		return -EINVAL;
	while (size - at >= sizeof(g)) {
		int rc;

		memcpy(&g, p + at, sizeof(g));
		if (!g.len || g.len > size - at - sizeof(g) ||
		    g.crc != crc32(0, (const Bytef *)p + at + sizeof(g), g.len))
			break;
		rc = fn(arg, p + at + sizeof(g), g.len);
		if (rc)
			return rc;
		at += sizeof(g) + g.len;
	}
	return at;
}

long journal_load(const char *path, journal_fn *fn, void *arg)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char boot_id[BOOT_ID_SIZE];
	struct stat st;
	void *data;
	long rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	rc = fstat(fd, &st) < 0 ? -errno : 0;
	data = rc || !st.st_size ? MAP_FAILED : mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data != MAP_FAILED) {
		read_boot_id(boot_id);
		rc = journal_read(data, st.st_size, boot_id, fn, arg);
		munmap(data, st.st_size);
	} else if (!rc) {
		rc = st.st_size ? -errno : -EINVAL;
	}
	close(fd);
	return rc;
}

/* --- writing --- */

static int grow(struct journal *j, size_t size)
{
	int rc = posix_fallocate(j->fd, 0, size);
	void *map;

	if (rc)
		return -ENOSPC;
	map = j->map ? mremap(j->map, j->size, size, MREMAP_MAYMOVE) :
		       mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, j->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	j->map = map;
	j->size = size;
	return 0;
}

struct journal *journal_new(const char *path)
{
	struct journal *j = calloc(1, sizeof(*j));
	struct journal_header h = { .magic = JOURNAL_MAGIC };
	int rc;

	if (!j)
		return NULL;
	j->fd = -1;
	j->path = strdup(path);
	rc = j->path && asprintf(&j->temp, "%s.new", path) > 0 ? 0 : -ENOMEM;
	if (!rc) {
		j->fd = open(j->temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		rc = j->fd < 0 ? -errno : grow(j, FIRST_SIZE);
	}
	if (rc) {
		journal_close(j);
		errno = -rc;
		return NULL;
	}
	read_boot_id(h.boot_id);
	memcpy(j->map, &h, sizeof(h));
	j->tail = sizeof(h);
	return j;
}

int journal_replace(struct journal *j)
{
	if (rename(j->temp, j->path) < 0)
		return -errno;
	free(j->temp);
	j->temp = NULL;
	return 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	if (j->map)
		munmap(j->map, j->size);
	if (j->fd >= 0)
		close(j->fd);
	if (j->temp)
		unlink(j->temp);
	free(j->temp);
	free(j->path);
	free(j);
}

int journal_put(struct journal *j, const void *data, size_t len)
{
	size_t end = j->tail + sizeof(struct journal_group) + j->open + len;
	size_t size = j->size;
	int rc;

	while (end + sizeof(struct journal_group) > size)
		size *= 2;
	if (size > j->size) {
		rc = grow(j, size);
		if (rc)
			return rc;
	}
	if (len)
		memcpy(j->map + j->tail + sizeof(struct journal_group) + j->open, data, len);
	j->open += len;
	return 0;
}

bool journal_dirty(const struct journal *j)
{
	return j->open > 0;
}

void journal_commit(struct journal *j)
{
	char *head = j->map + j->tail;
	struct journal_group g = { .len = j->open };

	if (!j->open)
		return;
	g.crc = crc32(0, (const Bytef *)head + sizeof(g), g.len);
	/* Groups start at any byte: copies, and the length behind everything else. */
	memcpy(head + offsetof(struct journal_group, crc), &g.crc, sizeof(g.crc));
	__atomic_signal_fence(__ATOMIC_RELEASE);
	memcpy(head + offsetof(struct journal_group, len), &g.len, sizeof(g.len));
	j->tail += sizeof(g) + g.len;
	j->open = 0;
}

size_t journal_size(const struct journal *j)
{
	return j->tail;
}
