/* SPDX-License-Identifier: MIT */
/* Labelled loop devices, see loop.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "loop.h"

#define TRIES 20			/* somebody else may take the free one first */

static int open_loop(int n, int flags)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/loop%d", n);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_control(void)
{
	int fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && !system("modprobe -q loop"))
		fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int configure(int n, int file, const char *label)
{
	struct loop_config c = { .fd = (unsigned int)file, .block_size = 512 };
	bool readonly = (fcntl(file, F_GETFL) & O_ACCMODE) == O_RDONLY;
	int fd = open_loop(n, readonly ? O_RDONLY : O_RDWR), rc;

	if (fd < 0)
		return fd;
	c.info.lo_flags = LO_FLAGS_DIRECT_IO | (readonly ? LO_FLAGS_READ_ONLY : 0);
	snprintf((char *)c.info.lo_file_name, LO_NAME_SIZE, "%s", label);
	rc = ioctl(fd, LOOP_CONFIGURE, &c) ? -errno : 0;
	close(fd);
	return rc;
}

int loop_make(int file, const char *label)
{
	int control = open_control(), n = -EBUSY, rc = -EBUSY;

	if (control < 0)
		return control;
	for (int i = 0; i < TRIES && rc == -EBUSY; i++) {
		n = ioctl(control, LOOP_CTL_GET_FREE);
		rc = n < 0 ? -errno : configure(n, file, label);
	}
	close(control);
	return rc ? rc : n;
}

/* Call fn for each loop device in use, with an open descriptor; ends when fn returns true. */
static void for_each_loop(bool (*fn)(int n, int fd, struct loop_info64 *info, void *arg), void *arg)
{
	DIR *dir = opendir("/sys/block");
	struct loop_info64 info;
	struct dirent *e;
	bool end = false;
	int n, fd;

	while (dir && !end && (e = readdir(dir))) {
		if (sscanf(e->d_name, "loop%d", &n) != 1)
			continue;
		fd = open_loop(n, O_RDONLY);
		if (fd < 0)
			continue;
		if (!ioctl(fd, LOOP_GET_STATUS64, &info)) {
			info.lo_file_name[LO_NAME_SIZE - 1] = 0;
			end = fn(n, fd, &info, arg);
		}
		close(fd);
	}
	if (dir)
		closedir(dir);
}

struct search {
	dev_t dev;
	ino_t ino;
	bool writable, prefix;
	const char *label;
	int found;
};

static bool conflicts(int n, int fd, struct loop_info64 *info, void *arg)
{
	struct search *s = arg;

	(void)fd;
	if (info->lo_device != s->dev || info->lo_inode != s->ino)
		return false;
	if (!s->writable && info->lo_flags & LO_FLAGS_READ_ONLY)
		return false;
	s->found = n;
	return true;
}

int loop_conflict(dev_t dev, ino_t ino, bool writable)
{
	struct search s = { .dev = dev, .ino = ino, .writable = writable, .found = -1 };

	for_each_loop(conflicts, &s);
	return s.found;
}

static bool fits(const struct search *s, const struct loop_info64 *info)
{
	const char *name = (const char *)info->lo_file_name;

	return s->prefix ? !strncmp(name, s->label, strlen(s->label)) : !strcmp(name, s->label);
}

/* If it is still open somewhere, the kernel frees it when it is closed. */
static bool free_one(int n, int fd, struct loop_info64 *info, void *arg)
{
	struct search *s = arg;

	(void)n;
	if (fits(s, info) && !ioctl(fd, LOOP_CLR_FD, 0))
		s->found++;
	return false;
}

int loop_free(const char *label, bool prefix)
{
	struct search s = { .label = label, .prefix = prefix };

	for_each_loop(free_one, &s);
	return s.found;
}

static bool resize_one(int n, int fd, struct loop_info64 *info, void *arg)
{
	struct search *s = arg;

	(void)n;
	if (fits(s, info) && !ioctl(fd, LOOP_SET_CAPACITY, 0))
		s->found++;
	return false;
}

int loop_resize(const char *label)
{
	struct search s = { .label = label };

	for_each_loop(resize_one, &s);
	return s.found;
}
