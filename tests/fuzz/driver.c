/* SPDX-License-Identifier: MIT */
/*
 * A stand-alone driver for the fuzz targets, for machines whose compiler has no libFuzzer: it feeds mutated seeds to
 * LLVMFuzzerTestOneInput() and keeps those that reach new code, which gcc's -fsanitize-coverage=trace-pc reports.
 *
 * Usage: fuzz_NAME [-n INPUTS] [-s SEED] [-m MAXLEN] DIR     run that many inputs, starting from the files of DIR
 *        fuzz_NAME FILE...                           run just these (to look at a crash again)
 *
 * The same seed, files and binary give the same inputs. ASan and UBSan find the errors. All inputs run in a child
 * process, the one at work lies in memory shared with the parent: however the child dies, the parent writes that
 * input to crash-NAME in the current directory ($FUZZ_CRASHES if set). An input that takes longer than 10 s counts as
 * a crash. Leaks are looked for every now and then and at the end.
 *
 * This file must be compiled without coverage, everything else of a target with it.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sanitizer/lsan_interface.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAP_BITS	16
#define CORPUS_MAX	4096
#define LEN_MAX		65536
#define HANG_SECONDS	10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
void __sanitizer_cov_trace_pc(void);

struct input {
	uint8_t *data;
	size_t len;
};

static uint8_t seen[1 << MAP_BITS], hit[1 << MAP_BITS];
static uint32_t hits[1 << 14], hits_n;
static uintptr_t last_pc;
static struct input corpus[CORPUS_MAX];
static size_t corpus_n, edges;
/* The input at w->data, shared between child and parent. */
static struct work {
	size_t len;
	uint8_t data[LEN_MAX];
} *w;
static size_t max_len = 4096;
static const char *program;
static uint64_t rng = 0x9e3779b97f4a7c15ull;

/* Called at every basic block of the target: note the pair of this block and the one before. */
void __sanitizer_cov_trace_pc(void)
{
	uintptr_t pc = (uintptr_t)__builtin_return_address(0);
	uint32_t edge = ((pc * 0x9e3779b1u) ^ (last_pc >> 1)) & ((1 << MAP_BITS) - 1);

	last_pc = pc * 0x9e3779b1u;
	if (!hit[edge]) {
		hit[edge] = 1;
		if (hits_n < sizeof(hits) / sizeof(hits[0]))
			hits[hits_n++] = edge;
	}
}

static uint64_t rnd(uint64_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return below ? rng % below : 0;
}

static void save_crash(void)
{
	const char *dir = getenv("FUZZ_CRASHES");
	const char *name = strrchr(program, '/') ? strrchr(program, '/') + 1 : program;
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/crash-%s", dir ? dir : ".", name);
	f = fopen(path, "wb");
	if (f) {
		fwrite(w->data, 1, w->len, f);
		fclose(f);
	}
	printf("%s: the input of %zu bytes is in %s: run '%s %s' to see it again\n", name, w->len, path, program, path);
}

static void on_alarm(int sig)
{
	(void)sig;
	fprintf(stderr, "%s: an input takes longer than %d s\n", program, HANG_SECONDS);
	_exit(99);
}

static void corpus_add(const uint8_t *data, size_t len)
{
	struct input *in = &corpus[corpus_n < CORPUS_MAX ? corpus_n++ : rnd(CORPUS_MAX)];

	free(in->data);
	in->data = malloc(len ? len : 1);
	if (!in->data)
		abort();
	memcpy(in->data, data, len);
	in->len = len;
}

/* Run the input at work from a copy of its exact size, so that ASan sees a read behind its end. True: new code. */
static bool run_work(void)
{
	uint8_t *exact = malloc(w->len ? w->len : 1);
	bool new = false;

	if (!exact)
		abort();
	memcpy(exact, w->data, w->len);
	last_pc = 0;
	alarm(HANG_SECONDS);
	LLVMFuzzerTestOneInput(exact, w->len);
	alarm(0);
	free(exact);
	for (uint32_t i = 0; i < hits_n; i++) {
		if (!seen[hits[i]]) {
			seen[hits[i]] = 1;
			edges++;
			new = true;
		}
		hit[hits[i]] = 0;
	}
	hits_n = 0;
	return new;
}

static void mutate_number(size_t at)
{
	static const uint64_t special[] = { 0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff,
		0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff };
	uint64_t v = special[rnd(sizeof(special) / sizeof(special[0]))];
	size_t width = 1u << rnd(4);

	if (rnd(4) == 0 && width == 4)
		v = __builtin_bswap32(v);	/* network order */
	for (size_t i = 0; i < width && at + i < w->len; i++)
		w->data[at + i] = v >> (8 * i);
}

static void insert_bytes(size_t at, const uint8_t *data, size_t len)
{
	if (w->len + len > max_len)
		return;
	memmove(w->data + at + len, w->data + at, w->len - at);
	memcpy(w->data + at, data, len);
	w->len += len;
}

static void mutate_once(void)
{
	static const char punctuation[] = "\"'[]{}(),;=#\\\n\r\t \0/:-@%*<>&";
	const struct input *other = &corpus[rnd(corpus_n)];
	uint8_t copy[256];
	size_t at = rnd(w->len + 1), len = 1 + rnd(rnd(4) ? 8 : 128), from;

	switch (rnd(10)) {
	case 0:		/* flip a bit */
		if (at < w->len)
			w->data[at] ^= 1u << rnd(8);
		break;
	case 1:		/* a random byte */
		if (at < w->len)
			w->data[at] = rnd(256);
		break;
	case 2:
		mutate_number(at);
		break;
	case 3:		/* a small step */
		if (at < w->len)
			w->data[at] += (int)rnd(33) - 16;
		break;
	case 4:		/* take some out */
		if (at + len > w->len)
			len = w->len - at;
		memmove(w->data + at, w->data + at + len, w->len - at - len);
		w->len -= len;
		break;
	case 5:		/* the same again elsewhere */
		from = rnd(w->len + 1);
		if (from + len > w->len)
			len = w->len - from;
		memcpy(copy, w->data + from, len);
		insert_bytes(at, copy, len);
		break;
	case 6:		/* the end of another input */
		from = rnd(other->len + 1);
		len = other->len - from;
		if (at + len > max_len)
			len = max_len - at;
		memcpy(w->data + at, other->data + from, len);
		w->len = at + len;
		break;
	case 7:		/* a piece of another input */
		from = rnd(other->len + 1);
		if (from + len > other->len)
			len = other->len - from;
		insert_bytes(at, other->data + from, len);
		break;
	case 8:		/* what parsers look for */
		copy[0] = punctuation[rnd(sizeof(punctuation) - 1)];
		insert_bytes(at, copy, 1);
		break;
	case 9:		/* cut off */
		if (!rnd(8))
			w->len = at;
		break;
	}
}

static void load_file(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f) {
		fprintf(stderr, "%s: %s: %s\n", program, path, strerror(errno));
		exit(2);
	}
	w->len = fread(w->data, 1, sizeof(w->data), f);
	fclose(f);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_dir(const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, by_name);
	char path[PATH_MAX];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (names[i]->d_name[0] != '.') {
			load_file(path);
			run_work();
			corpus_add(w->data, w->len);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	if (!corpus_n)
		corpus_add((const uint8_t *)"", 0);
}

static void check_leaks(void)
{
	if (__lsan_do_recoverable_leak_check()) {
		fprintf(stderr, "%s: memory was leaked by this input or one shortly before it\n", program);
		_exit(99);
	}
}

static void fuzz(unsigned long count)
{
	for (unsigned long i = 0; i < count; i++) {
		/* Mostly a recent find, for those lead on. */
		size_t pick = rnd(3) ? corpus_n - 1 - rnd(corpus_n / 4 + 1) : rnd(corpus_n);

		w->len = corpus[pick].len < max_len ? corpus[pick].len : max_len;
		memcpy(w->data, corpus[pick].data, w->len);
		for (unsigned long n = 1 + rnd(5); n; n--)
			mutate_once();
		if (run_work())
			corpus_add(w->data, w->len);
		if (i % (count / 16 + 1) == 0)
			check_leaks();
	}
	check_leaks();
}

static void run_all(char **paths, unsigned long count)
{
	struct stat st;

	signal(SIGALRM, on_alarm);
	for (; *paths; paths++) {
		if (!stat(*paths, &st) && S_ISDIR(st.st_mode)) {
			load_dir(*paths);
			fuzz(count);
			printf("%s: %lu inputs, %zu edges, %zu kept\n", program, count, edges, corpus_n);
		} else {
			load_file(*paths);
			run_work();
			printf("%s: %s is harmless\n", program, *paths);
		}
	}
	for (size_t i = 0; i < corpus_n; i++)
		free(corpus[i].data);
}

int main(int argc, char **argv)
{
	unsigned long count = 20000;
	int c, status;
	pid_t child;

	program = argv[0];
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	while ((c = getopt(argc, argv, "n:s:m:")) != -1) {
		if (c == 'n')
			count = strtoul(optarg, NULL, 0);
		else if (c == 's')
			rng ^= strtoull(optarg, NULL, 0) * 0x2545f4914f6cdd1dull;
		else if (c == 'm' && strtoul(optarg, NULL, 0) && strtoul(optarg, NULL, 0) <= LEN_MAX)
			max_len = strtoul(optarg, NULL, 0);
		else
			return 2;
	}
	w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w == MAP_FAILED)
		abort();
	child = fork();
	if (!child) {
		run_all(argv + optind, count);
		exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		abort();
	if (status)
		save_crash();
	printf(status ? "0 passed, 1 failed\n" : "1 passed, 0 failed\n");
	return status ? 1 : 0;
}
