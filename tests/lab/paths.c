/* SPDX-License-Identifier: MIT */
/*
 * Where hosts live and who owns them: run root, directories, locks, states. See lab.h for the files.
 *
 * Whether a host runs is decided by the fcntl lock alone, which the kernel drops with its holder: a pid in a file
 * could have been recycled, the holder of a lock cannot.
 */
#include "lab.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int lab_fail(struct lab_error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -1;
}

const char *lab_build_dir(void)
{
	static char dir[PATH_MAX];
	ssize_t n;

	if (getenv("LAB_BUILD"))
		return getenv("LAB_BUILD");
	if (!dir[0]) {
		n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
		dir[n > 0 ? n : 0] = 0;
		/* BUILD/lab/lab or BUILD/tests/system/test_x: the build directory is the one with dom0's image. */
		while (strrchr(dir, '/')) {
			*strrchr(dir, '/') = 0;
			strcat(dir, "/kernel");
			if (!access(dir, F_OK)) {
				*strrchr(dir, '/') = 0;
				break;
			}
			*strrchr(dir, '/') = 0;
		}
	}
	return dir;
}

static const char *run_root(void)
{
	static char root[PATH_MAX];

	if (getenv("LAB_DIR"))
		snprintf(root, sizeof(root), "%s", getenv("LAB_DIR"));
	else if (getenv("XDG_RUNTIME_DIR"))
		snprintf(root, sizeof(root), "%s/xen-lite-lab", getenv("XDG_RUNTIME_DIR"));
	else
		snprintf(root, sizeof(root), "/tmp/xen-lite-lab-%u", getuid());
	return root;
}

int lab_root_make(struct lab_error *err)
{
	struct stat st;

	if (mkdir(run_root(), 0700) && errno != EEXIST)
		return lab_fail(err, "cannot make the run directory %s: %s (set LAB_DIR to one that can be made)",
				run_root(), strerror(errno));
	if (lstat(run_root(), &st) || !S_ISDIR(st.st_mode) || st.st_uid != getuid())
		return lab_fail(err, "%s is not a directory of yours: set LAB_DIR to another", run_root());
	return 0;
}

int lab_name_check(const char *name, struct lab_error *err)
{
	size_t len = name ? strlen(name) : 0;

	if (!len || len > LAB_NAME_MAX || name[0] == '.' || name[0] == '-' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != len)
		return lab_fail(err, "'%s' is no name for a host: up to %d letters, digits, '-', '_', '.'",
				name ? name : "", LAB_NAME_MAX);
	return 0;
}

const char *lab_path(const char *name, const char *file)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s/%s", run_root(), name, file);
	return path;
}

int lab_dir_open(const char *name, struct lab_error *err)
{
	int fd;

	if (lab_name_check(name, err))
		return -1;
	fd = open(lab_path(name, "."), O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return lab_fail(err, "there is no host '%s' in %s: 'lab ls' lists them, 'lab up %s' starts one", name,
				run_root(), name);
	if (fd < 0)
		return lab_fail(err, "host '%s': %s: %s", name, lab_path(name, "."), strerror(errno));
	return fd;
}

pid_t lab_lock_holder(int dirfd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(dirfd, "lock", O_RDWR | O_CLOEXEC);
	pid_t pid = 0;

	if (fd < 0)
		return 0;
	if (!fcntl(fd, F_GETLK, &fl) && fl.l_type != F_UNLCK)
		pid = fl.l_pid;
	close(fd);
	return pid;
}

static void read_line(int dirfd, const char *file, char *line, size_t size)
{
	int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, line, size - 1);

	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = 0;
	line[strcspn(line, "\n")] = 0;
}

int lab_status(const char *name, struct lab_info *info, struct lab_error *err)
{
	int dirfd = lab_dir_open(name, err);

	if (dirfd < 0)
		return -1;
	memset(info, 0, sizeof(*info));
	snprintf(info->name, sizeof(info->name), "%s", name);
	info->supervisor = lab_lock_holder(dirfd);
	info->running = info->supervisor != 0;
	info->answers = info->running && !faccessat(dirfd, "answers", F_OK, 0);
	read_line(dirfd, "ended", info->ended, sizeof(info->ended));
	if (!info->running && !info->ended[0])
		strcpy(info->ended, "killed");
	close(dirfd);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct lab_info *)a)->name, ((const struct lab_info *)b)->name);
}

int lab_list(struct lab_info *info, int max)
{
	DIR *dir = opendir(run_root());
	struct lab_error ignored;
	struct dirent *de;
	int n = 0;

	while (dir && n < max && (de = readdir(dir)))
		if (de->d_name[0] != '.' && !lab_status(de->d_name, &info[n], &ignored))
			n++;
	if (dir)
		closedir(dir);
	qsort(info, n, sizeof(*info), by_name);
	return n;
}

int lab_connect(const char *name, struct lab_error *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct lab_info info;
	int dirfd, fd;

	if (lab_status(name, &info, err))
		return -1;
	if (!info.running)
		return lab_fail(err, "host '%s' is off (%s): see 'lab log %s'; 'lab up %s' starts it again", name,
				info.ended, name, name);
	dirfd = lab_dir_open(name, err);
	if (dirfd < 0)
		return -1;
	/* Through /proc, because a socket's path may have 107 bytes only and the run root may be deep. */
	snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/ctl.sock", dirfd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		lab_fail(err, "host '%s' does not take connections: %s", name, strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	close(dirfd);
	return fd;
}
