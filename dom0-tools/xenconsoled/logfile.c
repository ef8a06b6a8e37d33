/* SPDX-License-Identifier: MIT */
/*
 * The log of one domain's console: see logfile.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "logfile.h"
#include "util/conlog.h"

/* .log.3 to .log.4, ... .log to .log.1. What does not exist is no error. */
static void shift(const char *path)
{
	char from[sizeof(((struct logfile *)0)->path) + 8], to[sizeof(from)];

	for (int i = LOG_OLD; i >= 1; i--) {
		if (i > 1)
			snprintf(from, sizeof(from), "%s.%d", path, i - 1);
		else
			snprintf(from, sizeof(from), "%s", path);
		snprintf(to, sizeof(to), "%s.%d", path, i);
		rename(from, to);
	}
}

static int start_file(struct logfile *l)
{
	shift(l->path);
	l->fd = open(l->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	l->size = 0;
	return l->fd < 0 ? -errno : 0;
}

int logfile_init(struct logfile *l, const char *dir, const char *name, size_t limit)
{
	size_t n;

	*l = (struct logfile){ .fd = -1, .limit = limit };
	n = snprintf(l->path, sizeof(l->path), "%s/guest-", dir);
	if (n + strlen(name) + 5 > sizeof(l->path))
		return -ENAMETOOLONG;
	for (; *name; name++)
		l->path[n++] = conlog_char(*name);
	strcpy(l->path + n, ".log");
	return 0;
}

int logfile_write(struct logfile *l, const char *data, size_t len)
{
	int rc;

	if (l->fd >= 0 && l->size + len > l->limit)
		logfile_close(l);
	if (l->fd < 0) {
		rc = start_file(l);
		if (rc)
			return rc;
	}
	while (len) {
		ssize_t n = write(l->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= n;
		l->size += n;
	}
	return 0;
}

void logfile_close(struct logfile *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
