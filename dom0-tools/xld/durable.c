/* SPDX-License-Identifier: MIT */
/*
 * Small files that have to survive a power cut: definitions and the journal of migrations. They are written as NAME.new
 * and then renamed, as the records of domains are.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "xld.h"

bool durable_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600), rc = 0;
	size_t len = strlen(text), n = 0;
	ssize_t done = 1;

	if (fd < 0)
		return false;
	for (; n < len && done > 0; n += done > 0 ? (size_t)done : 0)
		done = write(fd, text + n, len - n);
	if (n < len)
		rc = done < 0 ? errno : EIO;
	else if (fsync(fd))
		rc = errno;
	if (close(fd) && !rc)
		rc = errno;
	errno = rc;
	return !rc;
}

bool durable_sync(const char *file)
{
	char *dir = xstrndup(file, (size_t)(strrchr(file, '/') - file));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), saved;
	bool ok = fd >= 0 && !fsync(fd);

	saved = errno;
	if (fd >= 0)
		close(fd);
	free(dir);
	errno = saved;
	return ok;
}

void durable_tidy(const char *dir)
{
	DIR *dp = opendir(dir);
	struct dirent *e;

	while (dp && (e = readdir(dp))) {
		const char *dot = strrchr(e->d_name, '.');

		if (dot && !strcmp(dot, ".new"))
			unlinkat(dirfd(dp), e->d_name, 0);
	}
	if (dp)
		closedir(dp);
}
