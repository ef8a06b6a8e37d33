/* SPDX-License-Identifier: MIT */
/*
 * A file of groups of bytes that outlives the process that writes it. A group is there as a whole or not at all,
 * whenever the writer is killed.
 *
 * The file is mapped and written by plain stores, so that a commit costs no system call; it belongs on a tmpfs, since
 * it has to survive the daemon and not the machine: a file of an earlier boot is not read. Each group carries its
 * length and a CRC; the first that does not fit ends the file. What the groups mean is state.c's business.
 */
#ifndef XENSTORED_JOURNAL_H
#define XENSTORED_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_MAGIC	0x314a4c5845525453ULL
#define BOOT_ID_SIZE	40

struct journal_header {
	uint64_t magic;
	char boot_id[BOOT_ID_SIZE];
};

struct journal_group {
	uint32_t len;			/* of what follows; 0: the end */
	uint32_t crc;			/* of what follows */
};

struct journal;

/* Called for each whole group; a failure ends the reading. */
typedef int journal_fn(void *arg, const void *data, size_t len);

/*
 * Read the groups in size bytes at data. Returns how many bytes were good, -EINVAL if it is no journal of this boot
 * (boot_id NULL: of any), or what fn returned.
 */
long journal_read(const void *data, size_t size, const char *boot_id, journal_fn *fn, void *arg);
/* The same for a file; 0 if there is none. */
long journal_load(const char *path, journal_fn *fn, void *arg);

/* A new journal beside the one at path, if there is any: journal_replace() puts it in its place. NULL: errno. */
struct journal *journal_new(const char *path);
int journal_replace(struct journal *j);
void journal_close(struct journal *j);		/* the file stays; NULL is fine */

/* Add to the open group; -ENOSPC if the file cannot grow, then the group is lost and the journal of no use any more. */
int journal_put(struct journal *j, const void *data, size_t len);
bool journal_dirty(const struct journal *j);	/* is a group open? */
/* From here on the group survives. */
void journal_commit(struct journal *j);
size_t journal_size(const struct journal *j);

#endif
