/* SPDX-License-Identifier: MIT */
/*
 * Runs guest tests: each is started as dom0 of a fresh machine under QEMU, and watched on its serial console for the
 * line `TEST name: PASS|FAIL|SKIP reason`. Then, or after a time limit, QEMU is killed.
 *
 * Prints one line per test and at last `N passed, N failed, N skipped`; exit status 1 if any failed. Without arguments
 * it takes all tests that lie in folders beside itself, first on the smallest processor and machine, then on the
 * largest. What a machine printed is kept in the test's folder as `log` (`log-CPU-MACHINE` if more than one kind was
 * asked for).
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define MAX_TESTS	256
#define MAX_OUTPUT	(1 << 20)
#define TAIL_LINES	15

enum verdict { PASSED, FAILED, SKIPPED };

struct options {
	char here[512];			/* folder of this program */
	char hypervisor[512];
	const char *cpu, *machine, *smp, *mem, *dom0_mem, *extra, *args;
	double limit;			/* seconds for one test */
	const char *icount;		/* QEMU's argument for it; NULL: real time */
	bool verbose;
};

struct run {
	const struct options *o;
	const char *name;
	const char *args;		/* command line */
	char next[64];			/* the one that the test wants to be run with after this */
	char log[128];			/* file name in the test's folder */
	char output[MAX_OUTPUT];
	size_t len;
	char reason[512];
	double seconds;
};

static pid_t qemu;
static char unpacked[] = "/tmp/guest-test.XXXXXX";	/* the hypervisor, if it came compressed */
static bool have_unpacked;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what, const char *object)
{
	fprintf(stderr, "run: %s %s: %s\n", what, object, strerror(errno));
	exit(2);
}

static void remove_unpacked(void)
{
	if (have_unpacked)
		unlink(unpacked);
}

static void interrupted(int sig)
{
	if (qemu > 0)
		kill(qemu, SIGKILL);
	remove_unpacked();
	_exit(128 + sig);
}

/* --- one machine --- */

static void exec_qemu(const struct run *r, int out)
{
	const struct options *o = r->o;
	char append[1024], image[1024];

	snprintf(append, sizeof(append),
		 "com1=115200,8n1 console=com1 dom0_mem=%s dom0_max_vcpus=%s loglvl=all noreboot %s",
		 o->dom0_mem, o->smp, o->extra);
	snprintf(image, sizeof(image), "%s/%s/%s %s", o->here, r->name, r->name, r->args);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	close(STDIN_FILENO);
	open("/dev/null", O_RDONLY);
	execlp("qemu-system-x86_64", "qemu-system-x86_64", "-accel", "tcg", "-M", o->machine, "-cpu", o->cpu,
	       "-m", o->mem, "-smp", o->smp, "-display", "none", "-vga", "none", "-no-reboot", "-serial", "stdio",
	       "-monitor", "none", "-net", "none", "-kernel", o->hypervisor, "-append", append, "-initrd", image,
	       o->icount ? "-icount" : (char *)NULL, o->icount, (char *)NULL);
	fprintf(stderr, "cannot start qemu-system-x86_64: %s (run 'make deps')\n", strerror(errno));
	_exit(127);
}

/* The verdict in what has been printed so far, if the line is complete. */
static bool find_verdict(struct run *r, enum verdict *v)
{
	static const char *const words[] = { "PASS", "FAIL", "SKIP" };
	char key[128], *line = r->output, *end;

	snprintf(key, sizeof(key), "TEST %s: ", r->name);
	while ((line = strstr(line, key)) && (end = strpbrk(line, "\r\n"))) {
		line += strlen(key);
		for (int i = 0; i < 3; i++) {
			if (strncmp(line, words[i], 4))
				continue;
			*v = i;
			line += 4 + (line[4] == ' ');
			snprintf(r->reason, sizeof(r->reason), "%.*s", (int)(end - line), line);
			return true;
		}
	}
	return false;
}

/*
 * The end of the machine without a verdict: a panic, or the test crashed as dom0. A test may be made to crash: it
 * prints `TEST name: ENDS reason` before.
 */
static bool find_end(struct run *r, enum verdict *v)
{
	const char *panic = strstr(r->output, "PANIC on CPU"), *crash = strstr(r->output, "dom0 has stopped");
	const char *line = panic ? panic : crash ? strstr(r->output, "crashed: ") : NULL;
	char key[128], want[128] = "";
	const char *ends;

	if (!line || !strstr(panic ? panic : crash, panic ? "halted (noreboot)" : "\n"))
		return false;
	snprintf(key, sizeof(key), "TEST %s: ENDS ", r->name);
	ends = strstr(r->output, key);
	if (ends)
		snprintf(want, sizeof(want), "%.*s", (int)strcspn(ends + strlen(key), "\r\n"), ends + strlen(key));
	snprintf(r->reason, sizeof(r->reason), "%.*s", (int)strcspn(line, "\r\n"), line);
	*v = !panic && *want && strstr(r->reason, want) ? PASSED : FAILED;
	return true;
}

/* `TEST name: NEXT args`: a test of several machines. */
static void find_next(struct run *r)
{
	char key[128];
	const char *p;

	snprintf(key, sizeof(key), "TEST %s: NEXT ", r->name);
	p = strstr(r->output, key);
	if (p)
		snprintf(r->next, sizeof(r->next), "%.*s", (int)strcspn(p + strlen(key), "\r\n"), p + strlen(key));
}

static enum verdict watch(struct run *r, int fd)
{
	double end = now() + r->o->limit;
	enum verdict v = FAILED;

	while (!find_verdict(r, &v)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int left = (end - now()) * 1000;
		ssize_t n;

		if (left <= 0 || !poll(&p, 1, left)) {
			snprintf(r->reason, sizeof(r->reason), "no verdict within %g s", r->o->limit);
			return FAILED;
		}
		n = read(fd, r->output + r->len, MAX_OUTPUT - 1 - r->len);
		if (n <= 0) {
			snprintf(r->reason, sizeof(r->reason), n || r->len < MAX_OUTPUT - 1 ?
				 "the machine stopped without a verdict" : "endless output");
			return find_verdict(r, &v) ? v : FAILED;
		}
		for (ssize_t i = 0; i < n; i++)		/* so that strstr() sees all of it */
			if (!r->output[r->len + i])
				r->output[r->len + i] = ' ';
		r->len += n;
		r->output[r->len] = '\0';
		if (find_end(r, &v))
			break;
	}
	return v;
}

static void save_log(const struct run *r)
{
	char path[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", r->o->here, r->name, r->log);
	f = fopen(path, "w");
	if (!f || fwrite(r->output, 1, r->len, f) != r->len || fclose(f))
		die("cannot write", path);
}

static enum verdict run_test(struct run *r)
{
	double start = now();
	enum verdict v;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		die("cannot make a pipe for", r->name);
	qemu = fork();
	if (qemu < 0)
		die("cannot fork for", r->name);
	if (!qemu)
		exec_qemu(r, fds[1]);
	close(fds[1]);
	v = watch(r, fds[0]);
	close(fds[0]);
	kill(qemu, SIGKILL);
	waitpid(qemu, NULL, 0);
	qemu = 0;
	r->seconds = now() - start;
	find_next(r);
	save_log(r);
	return v;
}

/* --- reporting --- */

static void print_matching(const struct run *r, const char *what)
{
	const char *p = r->output;

	while ((p = strstr(p, what))) {
		size_t n = strcspn(p, "\r\n");

		printf("    %.*s\n", (int)n, p);
		p += n;
	}
}

static void print_tail(const struct run *r)
{
	const char *p = r->output + r->len;
	int lines = 0;

	while (p > r->output && lines <= TAIL_LINES)
		lines += *--p == '\n';
	for (; *p; p++)
		if (*p == '\n')
			printf("\n    ");
		else if (isprint((unsigned char)*p) || *p == '\t')
			putchar(*p);
	printf("\n");
}

static void report(const struct run *r, enum verdict v)
{
	static const char *const names[] = { "pass", "FAIL", "skip" };

	printf("%-4s %-16s %5.1f s  %s\n", names[v], r->name, r->seconds, r->reason);
	if (v == FAILED)
		print_matching(r, "FAIL ");
	if (r->o->verbose || (v == FAILED && !strstr(r->output, "TEST ")))
		print_tail(r);
	fflush(stdout);
}

/* --- what to run --- */

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int find_tests(const struct options *o, char **names)
{
	DIR *d = opendir(o->here);
	struct dirent *e;
	int n = 0;

	if (!d)
		die("cannot open", o->here);
	while ((e = readdir(d)) && n < MAX_TESTS) {
		char path[1024];

		snprintf(path, sizeof(path), "%s/%s/%s", o->here, e->d_name, e->d_name);
		if (e->d_name[0] != '.' && !access(path, R_OK))
			names[n++] = strdup(e->d_name);
	}
	closedir(d);
	qsort(names, n, sizeof(*names), compare);
	return n;
}

/* QEMU wants the image unpacked; Debian's Xen is gzipped. */
static void unpack_hypervisor(struct options *o)
{
	unsigned char magic[2] = { 0 };
	FILE *f = fopen(o->hypervisor, "rb");
	char buf[65536];
	gzFile in;
	int fd, n;

	if (!f)
		die("cannot open hypervisor image", o->hypervisor);
	if (fread(magic, 1, 2, f) != 2 || magic[0] != 0x1f || magic[1] != 0x8b) {
		fclose(f);
		return;
	}
	fclose(f);
	in = gzopen(o->hypervisor, "rb");
	fd = mkstemp(unpacked);
	have_unpacked = fd >= 0;
	if (!in || fd < 0)
		die("cannot unpack", o->hypervisor);
	while ((n = gzread(in, buf, sizeof(buf))) > 0)
		if (write(fd, buf, n) != n)
			die("cannot write", unpacked);
	if (n < 0)
		die("cannot unpack", o->hypervisor);
	gzclose(in);
	close(fd);
	snprintf(o->hypervisor, sizeof(o->hypervisor), "%s", unpacked);
}

static void usage(void)
{
	fputs("usage: run [options] [TEST...]\n"
	      "  -H FILE   hypervisor image (default: ../../xen-lite beside this program)\n"
	      "  -c CPU    QEMU processor model (with neither -c nor -M: qemu64 on pc, then max on q35)\n"
	      "  -M NAME   QEMU machine\n"
	      "  -s N      processors, also given to the test (default 2)\n"
	      "  -m MIB    memory of the machine (default 256)\n"
	      "  -d SIZE   memory of the test (default 64M)\n"
	      "  -a ARGS   more arguments for the hypervisor\n"
	      "  -g ARGS   command line of the test\n"
	      "  -t S      time limit for each test in seconds (default 30)\n"
	      "  -i        time counts instructions (1 ns each): the same from run to run, also with several processors\n"
	      "  -I        the same with 16 ns each: for tests that let much time pass\n"
	      "  -v        show the end of each test's output\n", stderr);
	exit(2);
}

static void parse_options(struct options *o, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "H:c:M:s:m:d:a:g:t:iIvh")) != -1) {
		switch (c) {
		case 'H': snprintf(o->hypervisor, sizeof(o->hypervisor), "%s", optarg); break;
		case 'c': o->cpu = optarg; break;
		case 'M': o->machine = optarg; break;
		case 's': o->smp = optarg; break;
		case 'm': o->mem = optarg; break;
		case 'd': o->dom0_mem = optarg; break;
		case 'a': o->extra = optarg; break;
		case 'g': o->args = optarg; break;
		case 't': o->limit = atof(optarg); break;
		case 'i': o->icount = "shift=0,sleep=off"; break;
		case 'I': o->icount = "shift=4,sleep=off"; break;
		case 'v': o->verbose = true; break;
		default: usage();
		}
	}
}

static void find_home(struct options *o)
{
	ssize_t n = readlink("/proc/self/exe", o->here, sizeof(o->here) - 1);

	if (n < 0)
		die("cannot read", "/proc/self/exe");
	o->here[n] = '\0';
	*strrchr(o->here, '/') = '\0';
	snprintf(o->hypervisor, sizeof(o->hypervisor), "%.480s/../../xen-lite", o->here);
}

static void run_all(const struct options *o, char **names, int n, const char *log, int count[3])
{
	static struct run r;

	for (int i = 0; i < n; i += !*r.next) {
		char args[64];
		enum verdict v;

		snprintf(args, sizeof(args), "%s", r.next);
		r = (struct run){ .o = o, .name = names[i], .args = *args ? args : o->args };
		snprintf(r.log, sizeof(r.log), "%s", log);
		v = run_test(&r);
		report(&r, v);
		count[v]++;
	}
}

int main(int argc, char **argv)
{
	static const char *const kinds[][2] = { { "qemu64", "pc" }, { "max", "q35" } };
	static struct options o = { .smp = "2", .mem = "256", .dom0_mem = "64M", .extra = "", .args = "", .limit = 30 };
	static char *names[MAX_TESTS];
	int count[3] = { 0 }, n = 0;
	char log[64];

	find_home(&o);
	parse_options(&o, argc, argv);
	signal(SIGINT, interrupted);
	signal(SIGTERM, interrupted);
	atexit(remove_unpacked);
	unpack_hypervisor(&o);
	while (optind < argc && n < MAX_TESTS)
		names[n++] = argv[optind++];
	if (!n)
		n = find_tests(&o, names);
	if (o.cpu || o.machine) {
		o.cpu = o.cpu ? o.cpu : kinds[0][0];
		o.machine = o.machine ? o.machine : kinds[0][1];
		run_all(&o, names, n, "log", count);
	} else {
		for (int i = 0; i < 2; i++) {
			o.cpu = kinds[i][0];
			o.machine = kinds[i][1];
			printf("-cpu %s -machine %s\n", o.cpu, o.machine);
			snprintf(log, sizeof(log), "log-%s-%s", o.cpu, o.machine);
			run_all(&o, names, n, log, count);
		}
	}
	printf("%d passed, %d failed, %d skipped\n", count[PASSED], count[FAILED], count[SKIPPED]);
	return count[FAILED] || !n;
}
