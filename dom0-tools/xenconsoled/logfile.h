/* SPDX-License-Identifier: MIT */
/*
 * The log of one domain's console: DIR/guest-NAME.log, a new file for each domain, older ones kept as .log.1 to
 * .log.4. A file that grows beyond the limit is shifted the same way, so a guest cannot fill the disk.
 */
#ifndef XENCONSOLED_LOGFILE_H
#define XENCONSOLED_LOGFILE_H

#include <stddef.h>

#define LOG_OLD 4

struct logfile {
	int fd;				/* -1: not open yet, or lost */
	size_t size, limit;
	char path[512];
};

/*
 * NAME's bytes other than letters, digits and "._+-~" become '_'. 0 or -ENAMETOOLONG. The file comes with the first
 * byte, so that domains which say nothing do not push out the logs of others.
 */
int logfile_init(struct logfile *l, const char *dir, const char *name, size_t limit);
/* Write all of it. 0 or -errno (disk full: that piece is lost, later ones are tried again). */
int logfile_write(struct logfile *l, const char *data, size_t len);
void logfile_close(struct logfile *l);

#endif
