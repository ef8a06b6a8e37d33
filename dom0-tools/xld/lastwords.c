/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor and dom0's kernel said about a failure, for the error itself: nobody has to look into a log.
 *
 * The hypervisor logs why it refuses something. Its log is read on from where it ended at the last look, which is at
 * most a second ago (life.c's tick; a worker goes on from what its daemon knew), so a line in it is most likely about
 * what has just failed. One xenctl handle per process, given once.
 */
#include <errno.h>
#include <sys/klog.h>

#include "xld.h"

#define CHUNK		(16U << 10)
#define KERNEL_LOG	(256U << 10)
#define READ_ALL	3		/* of syslog(2) */

static struct xenctl *hypervisor;
static uint32_t log_end;

/* The last line of the new part of the log, without its end; empty if there is none. */
static char *new_line(void)
{
	char *buf = xcalloc(CHUNK + 1, 1), *last = xstrdup(""), *at = NULL;
	long n;

	while (hypervisor && (n = xenctl_readconsole(hypervisor, buf, CHUNK, false, true, &log_end)) > 0) {
		buf[n] = 0;
		for (char *line = strtok_r(buf, "\n", &at); line; line = strtok_r(NULL, "\n", &at)) {
			free(last);
			last = xstrdup(strncmp(line, "(XL) ", 5) ? line : line + 5);
		}
	}
	free(buf);
	return last;
}

void last_words_begin(struct xenctl *xc)
{
	hypervisor = xc;
}

void last_words_mark(void)
{
	free(new_line());
}

char *hypervisor_said(void)
{
	char *line = new_line(), *text;

	make_printable(line);
	text = *line ? xasprintf("; it says: %.200s", line) : xstrdup("");
	free(line);
	return text;
}

/* Cut the level and the time off a line of the kernel's. */
static const char *without_prefix(const char *line)
{
	const char *p = strstr(line, "] ");

	return p ? p + 2 : line;
}

char *kernel_said(const char *about)
{
	char *buf = xcalloc(KERNEL_LOG + 1, 1), *at = NULL, *last = NULL;
	int n = klogctl(READ_ALL, buf, KERNEL_LOG);

	buf[n > 0 ? n : 0] = 0;
	for (char *line = strtok_r(buf, "\n", &at); line; line = strtok_r(NULL, "\n", &at)) {
		if (!strstr(line, about))
			continue;
		free(last);
		last = xasprintf("; dom0's kernel says: %.200s", without_prefix(line));
	}
	free(buf);
	if (last)
		make_printable(last);
	return last ? last : xstrdup("");
}
