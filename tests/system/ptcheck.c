/* SPDX-License-Identifier: MIT */
/*
 * Does memory behave when page tables change? Runs under any Linux kernel, as root, and knows nothing of patches:
 * what it asserts holds everywhere. Each check is one way to see a page-table change that was lost, came late, or
 * went too far.
 *
 *	ptcheck [CHECK...]	default: all. Prints "ok NAME (SECONDS s)" or "FAILED NAME: why" for each; status 1 if one failed
 *
 * No libraries: it is linked statically.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "checks.h"

#define PAGE	4096ul
#define PAGES	256ul

static void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfail(fmt, ap);
	va_end(ap);
}

static void *must_map(size_t pages, int flags, int fd)
{
	void *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (p == MAP_FAILED) {
		printf("FAILED %s: mmap: %s\n", name, strerror(errno));
		exit(1);
	}
	return p;
}

static volatile uint64_t *word(void *p, unsigned long page)
{
	return (volatile uint64_t *)((char *)p + page * PAGE);
}

/* The status of a child that runs fn. */
static int in_child(int (*fn)(void *), void *arg)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(fn(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* --- fork: the child has what there was, and none sees what the other writes then --- */

static atomic_bool stop;
static void *busy;

static void *writer(void *arg)
{
	(void)arg;
	while (!stop)
		for (unsigned long i = 0; i < PAGES; i++)
			++*word(busy, i);
	return NULL;
}

/* Threads of the parent write all the time: not one of their writes may get into the child. */
static int child_is_still(void *arg)
{
	uint64_t seen[PAGES];

	(void)arg;
	for (unsigned long i = 0; i < PAGES; i++)
		seen[i] = *word(busy, i);
	for (int round = 0; round < 20; round++) {
		usleep(1000);
		for (unsigned long i = 0; i < PAGES; i++)
			if (*word(busy, i) != seen[i])
				return 1;
	}
	for (unsigned long i = 0; i < PAGES; i++)
		*word(busy, i) = 0;
	return 0;
}

static void check_fork(void)
{
	pthread_t t[2];

	busy = must_map(PAGES, MAP_PRIVATE, -1);
	stop = false;
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, writer, NULL);
	for (int round = 0; round < 8; round++) {
		uint64_t before = *word(busy, round);
		int rc = in_child(child_is_still, NULL);

		if (rc)
			fail("round %d: %s (%d)", round, rc == 1 ? "the child sees the parent's writes" : "child", rc);
		if (*word(busy, round) < before)
			fail("round %d: the parent sees the child's writes", round);
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	munmap(busy, PAGES * PAGE);
}

/* --- unmapping --- */

static int touch_it(void *p)
{
	*word(p, 0) = 1;
	return 0;
}

/* What is unmapped is gone at once, what is mapped in its place is empty. */
static void check_unmap(void)
{
	for (int round = 0; round < 16; round++) {
		void *p = must_map(PAGES, MAP_PRIVATE, -1), *q;
		int rc;

		for (unsigned long i = 0; i < PAGES; i++)
			*word(p, i) = 0xdead;
		munmap(p, PAGES * PAGE);
		if (round < 3) {
			rc = in_child(touch_it, p);
			if (rc != 1000 + 11)
				fail("a page can be written after munmap (%d)", rc);
		}
		q = mmap(p, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		for (unsigned long i = 0; i < PAGES; i++)
			if (*word(q, i))
				fail("new page %lu is not empty", i);
		munmap(q, PAGES * PAGE);
	}
}

/*
 * Threads write their number to pages that another one gives up all the time. A page that went back to the system
 * while a processor still wrote to it would turn up, not empty, in the other mapping.
 */
static void *given_up;

static void *pest(void *arg)
{
	while (!stop)
		for (unsigned long i = 0; i < PAGES; i++)
			*word(given_up, i) = (uint64_t)arg;
	return NULL;
}

static void check_dontneed(void)
{
	double end = seconds() + 2;
	pthread_t t[2];

	given_up = must_map(PAGES, MAP_PRIVATE, -1);
	stop = false;
	for (uint64_t i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, pest, (void *)(0x1111 * (i + 1)));
	while (seconds() < end) {
		void *fresh;

		madvise(given_up, PAGES * PAGE, MADV_DONTNEED);
		fresh = must_map(PAGES, MAP_PRIVATE, -1);
		for (unsigned long i = 0; i < PAGES; i++) {
			if (*word(fresh, i)) {
				fail("a page is in use twice: %lx", *word(fresh, i));
				end = 0;
			}
			*word(fresh, i) = 0x4711;
		}
		for (unsigned long i = 0; i < PAGES; i++) {
			if (*word(fresh, i) != 0x4711) {
				fail("a page of its own was written to: %lx", *word(fresh, i));
				end = 0;
			}
		}
		munmap(fresh, PAGES * PAGE);
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	munmap(given_up, PAGES * PAGE);
}

/* --- shared mappings of files: what was written is not lost --- */

static char file[64];

static void check_shared(void)
{
	static uint64_t back[PAGES * PAGE / 8];

	for (int round = 0; round < 9; round++) {
		int fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
		void *p;

		if (fd < 0 || ftruncate(fd, PAGES * PAGE)) {
			fail("%s: %s", file, strerror(errno));
			return;
		}
		p = must_map(PAGES, MAP_SHARED, fd);
		/* Mapped by reading, so that the entries are there, clean, when some are written to. */
		for (unsigned long i = 0; i < PAGES; i++)
			if (*word(p, i))
				fail("page %lu is not empty", i);
		for (unsigned long i = round & 1; i < PAGES; i += 2)
			*word(p, i) = i + 1000ul * round + 1;
		if (round % 3 == 0)
			madvise(p, PAGES * PAGE, MADV_DONTNEED);
		munmap(p, PAGES * PAGE);
		/* From the disk, not from memory, where the file system is on one. */
		fsync(fd);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		if (pread(fd, back, sizeof(back), 0) != sizeof(back))
			fail("%s is short", file);
		for (unsigned long i = 0; i < PAGES; i++) {
			uint64_t want = (i & 1) == (unsigned long)(round & 1) ? i + 1000ul * round + 1 : 0;

			if (back[i * PAGE / 8] != want)
				fail("round %d: page %lu is %lx, not %lx", round, i, back[i * PAGE / 8], want);
		}
		close(fd);
	}
	unlink(file);
}

/* --- moving, protecting --- */

static void check_move(void)
{
	for (int round = 0; round < 20; round++) {
		char *p = must_map(PAGES, MAP_PRIVATE, -1), *space = must_map(4 * PAGES, MAP_PRIVATE, -1), *q;

		for (unsigned long i = 0; i < PAGES; i += 1 + round % 3)
			*word(p, i) = i + 1;
		q = mremap(p, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, space + (round + 1) * PAGE);
		if (q == MAP_FAILED) {
			fail("mremap: %s", strerror(errno));
			return;
		}
		for (unsigned long i = 0; i < PAGES; i++)
			if (*word(q, i) != (i % (1 + round % 3) ? 0 : i + 1))
				fail("page %lu is %lx after it was moved", i, *word(q, i));
		if (round < 3 && in_child(touch_it, p) != 1000 + 11)
			fail("a page can be written where it was moved from");
		munmap(space, 4 * PAGES * PAGE);
	}
}

static void check_protect(void)
{
	char *p = must_map(PAGES, MAP_PRIVATE, -1);

	for (unsigned long i = 0; i < PAGES; i++)
		*word(p, i) = i;
	for (int round = 0; round < 10; round++) {
		mprotect(p, PAGES * PAGE, PROT_READ);
		if (in_child(touch_it, p) != 1000 + 11)
			fail("a read-only page can be written");
		mprotect(p, PAGES * PAGE, PROT_READ | PROT_WRITE);
		for (unsigned long i = 0; i < PAGES; i++)
			if ((*word(p, i))++ != i + round)
				fail("page %lu", i);
	}
	munmap(p, PAGES * PAGE);
}

/* --- what memory is used --- */

/* Anonymous pages of this process. */
static long resident(void)
{
	char line[256];
	long kb = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb * 1024 / (long)PAGE;
}

/* Pages that are touched far apart cost one page each; a filled area costs no more than its size; all are empty. */
static void check_sparse(void)
{
	static const int advice[] = { MADV_NORMAL, MADV_RANDOM, MADV_NOHUGEPAGE };
	char *p = must_map(64 * PAGES, MAP_PRIVATE, -1);
	long before = resident(), used;

	for (unsigned long i = 0; i < 64 * PAGES; i += 16)
		*word(p, i) = 1;
	used = resident() - before;
	if (used > 64 * (long)PAGES / 16 + 128)
		fail("%ld pages for %ld that were written to", used, 64 * (long)PAGES / 16);
	munmap(p, 64 * PAGES * PAGE);

	for (unsigned int a = 0; a < sizeof(advice) / sizeof(advice[0]); a++) {
		p = must_map(PAGES, MAP_PRIVATE, -1);
		madvise(p, PAGES * PAGE, advice[a]);
		before = resident();
		for (unsigned long i = 0; i < 100; i++) {
			if (*word(p, i))
				fail("page %lu is not empty", i);
			*word(p, i) = 1;
		}
		used = resident() - before;
		/* Counters of the kernel are exact to 64 events for each thread. */
		if (used < 100 - 64 || used > (a ? 100 : 132) + 64)
			fail("advice %d: %ld pages for 100 that were written to", advice[a], used);
		munmap(p, PAGES * PAGE);
	}
}

static int fill(void *pages)
{
	char *p = must_map((size_t)pages, MAP_PRIVATE, -1);

	for (size_t i = 0; i < (size_t)pages; i++)
		*word(p, i) = i;
	for (size_t i = 0; i < (size_t)pages; i++)
		if (*word(p, i) != i)
			return 1;
	return 0;
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

#define GROUP	"/tmp/ptcheck.cgroup"

static bool join_group(void)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%d", getpid());
	return put(GROUP "/g/cgroup.procs", pid);
}

static int fill_in_group(void *pages)
{
	return join_group() ? fill(pages) : 77;
}

/* A memory cgroup with this limit, without swap. */
static bool group_make(const char *limit)
{
	mkdir(GROUP, 0700);
	if (mount("cgroup2", GROUP, "cgroup2", 0, NULL)) {
		printf("skipped %s: %s\n", name, strerror(errno));
		return false;
	}
	put(GROUP "/cgroup.subtree_control", "+memory");
	mkdir(GROUP "/g", 0700);
	put(GROUP "/g/memory.swap.max", "0");
	if (put(GROUP "/g/memory.max", limit))
		return true;
	printf("skipped %s: no memory controller\n", name);
	return false;
}

static void group_end(void)
{
	usleep(200000);
	rmdir(GROUP "/g");
	umount2(GROUP, MNT_DETACH);
	rmdir(GROUP);
}

/* A memory cgroup's limit holds, and what fits below it fits. */
static void check_cgroup(void)
{
	int rc;

	if (group_make("8388608")) {
		rc = in_child(fill_in_group, (void *)(6ul << 20 >> 12));
		if (rc)
			fail("6 MiB do not fit into 8 (%d)", rc);
		rc = in_child(fill_in_group, (void *)(12ul << 20 >> 12));
		if (rc != 1000 + 9)
			fail("12 MiB fit into 8 (%d)", rc);
	}
	group_end();
}

/* --- pages that the system may take until they are written to again: only their dirty bits say so --- */

static int lazy(void *unused)
{
	const char *go = getenv("PTCHECK_WAIT");
	unsigned long lost = 0, taken = 0;
	void *kept, *given;

	(void)unused;
	if (!join_group())
		return 77;
	kept = must_map(PAGES, MAP_PRIVATE, -1);
	given = must_map(PAGES, MAP_PRIVATE, -1);
	for (unsigned long i = 0; i < PAGES; i++)
		*word(kept, i) = *word(given, i) = i + 1;
	madvise(kept, PAGES * PAGE, MADV_FREE);
	madvise(given, PAGES * PAGE, MADV_FREE);
	for (unsigned long i = 0; i < PAGES; i++)
		word(kept, i)[1] = i + 2;
	while (go && access(go, F_OK))
		usleep(20000);
	put(GROUP "/g/memory.reclaim", "64M");
	for (unsigned long i = 0; i < PAGES; i++) {
		lost += word(kept, i)[1] != i + 2;
		taken += *word(given, i) != i + 1;
	}
	return lost ? 1 : taken ? 0 : 2;
}

/* With PTCHECK_WAIT: between the write and the look the machine may be moved, until that file is there. */
static void check_lazyfree(void)
{
	int rc;

	if (group_make("67108864")) {
		rc = in_child(lazy, NULL);
		if (rc)
			fail("%s (%d)", rc == 1 ? "a page that was written to was taken" : "no page was taken", rc);
	}
	group_end();
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		{ "fork", check_fork }, { "unmap", check_unmap }, { "dontneed", check_dontneed }, { "shared", check_shared },
		{ "move", check_move }, { "protect", check_protect }, { "sparse", check_sparse }, { "cgroup", check_cgroup },
		{ "lazyfree", check_lazyfree },
	};

	snprintf(file, sizeof(file), "%s/ptcheck.%d", getenv("PTCHECK_DIR") ? getenv("PTCHECK_DIR") : "/tmp", getpid());
	return checks_run(checks, sizeof(checks) / sizeof(checks[0]), true, argc, argv);
}
