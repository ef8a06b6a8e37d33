/* SPDX-License-Identifier: MIT */
/*
 * xenstored as a process on this machine (--no-dom0), with the address and undefined-behaviour checks built in: our
 * client library, our tools, Debian's tools if they are installed, clients that die or never read, descriptors, start
 * and end.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xenstore/wire.h"
#include "xenstore/xenstore.h"

static char build[512];		/* the build directory: two up from this program */
static char dir[] = "/tmp/test_xs_socket.XXXXXX";
static char sock[64];
static pid_t daemon_pid;

/* Run a shell line; its output (both streams) without the last newline. The exit status goes to *status if not NULL. */
static char *sh(int *status, const char *fmt, ...)
{
	static char out[65536];
	char line[2048];
	size_t n = 0, got;
	va_list ap;
	FILE *f;
	int rc;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	f = popen(line, "r");
	if (!f)
		abort();
	while ((got = fread(out + n, 1, sizeof(out) - 1 - n, f)) > 0)
		n += got;
	rc = pclose(f);
	if (status)
		*status = WEXITSTATUS(rc);
	if (n && out[n - 1] == '\n')
		n--;
	out[n] = '\0';
	return out;
}

static int start_daemon(void)
{
	char *pid;
	int status;

	sh(&status, "%s/tests/unit/xenstored-asan --no-dom0 --socket %s --journal %s/journal --daemon "
	   "--pid-file %s/pid 2>>%s/log", build, sock, dir, dir, dir);
	if (status)
		return -1;
	pid = sh(NULL, "cat %s/pid", dir);
	daemon_pid = atoi(pid);
	return daemon_pid > 0 ? 0 : -1;
}

static unsigned int daemon_fds(void)
{
	char path[64];
	unsigned int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", daemon_pid);
	d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* Closed connections are taken down in the daemon's next round. */
static unsigned int settled_fds(struct xs_handle *h, unsigned int expected)
{
	for (int i = 0; i < 100 && daemon_fds() != expected; i++) {
		free(xs_read(h, XBT_NULL, "/", NULL));
		usleep(2000);
	}
	return daemon_fds();
}

static bool value_is(struct xs_handle *h, const char *path, const char *expected)
{
	char *v = xs_read(h, XBT_NULL, path, NULL);
	bool yes = v && !strcmp(v, expected);

	free(v);
	return yes;
}

static void test_library(void)
{
	struct xs_permissions set[2] = { { 0, XS_PERM_NONE }, { 7, XS_PERM_READ } }, *got;
	struct xs_handle *a = xs_open(0), *b = xs_open(0);
	xs_transaction_t t;
	unsigned int n;
	char **list, **e, *path;

	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	CU_ASSERT_TRUE(xs_writef(a, XBT_NULL, "/lib/x", "%d", 42));
	CU_ASSERT_TRUE(value_is(b, "/lib/x", "42"));
	path = xs_readf(b, XBT_NULL, "/%s/%c", "lib", 'x');
	CU_ASSERT_STRING_EQUAL(path, "42");
	free(path);
	CU_ASSERT_TRUE(xs_mkdir(a, XBT_NULL, "/lib/y"));
	list = xs_directory(b, XBT_NULL, "/lib", &n);
	CU_ASSERT_EQUAL_FATAL(n, 2);
	CU_ASSERT_STRING_EQUAL(list[1], "y");
	free(list);
	CU_ASSERT_PTR_NULL(xs_directory(b, XBT_NULL, "/none", &n));
	CU_ASSERT_EQUAL(errno, ENOENT);
	CU_ASSERT_TRUE(xs_set_permissions(a, XBT_NULL, "/lib/y", set, 2));
	got = xs_get_permissions(b, XBT_NULL, "/lib/y", &n);
	CU_ASSERT_TRUE(got && n == 2 && got[1].id == 7 && got[1].perms == XS_PERM_READ);
	free(got);

	CU_ASSERT_TRUE(xs_watch(b, "/lib", "w"));
	e = xs_read_watch(b, &n);
	CU_ASSERT_STRING_EQUAL(e[XS_WATCH_PATH], "/lib");
	free(e);
	CU_ASSERT_PTR_NULL(xs_check_watch(b));
	CU_ASSERT_EQUAL(errno, EAGAIN);
	t = xs_transaction_start(a);
	CU_ASSERT_TRUE(t && value_is(a, "/lib/x", "42"));
	CU_ASSERT_TRUE(xs_write(a, t, "/lib/x", "43", 2));
	CU_ASSERT_TRUE(xs_write(b, XBT_NULL, "/lib/x", "44", 2));
	CU_ASSERT_FALSE(xs_transaction_end(a, t, false));
	CU_ASSERT_EQUAL(errno, EAGAIN);
	e = xs_read_watch(b, NULL);
	CU_ASSERT_STRING_EQUAL(e[XS_WATCH_PATH], "/lib/x");
	free(e);
	CU_ASSERT_TRUE(xs_unwatch(b, "/lib", "w"));
	path = xs_get_domain_path(a, 3);
	CU_ASSERT_STRING_EQUAL(path, "/local/domain/3");
	free(path);
	CU_ASSERT_FALSE(xs_introduce_domain(a, 3, 1, 1));		/* no hypervisor here */
	CU_ASSERT_EQUAL(errno, ENOSYS);
	CU_ASSERT_FALSE(xs_is_domain_introduced(a, 3));

	for (int i = 0; i < 300; i++)
		CU_ASSERT_TRUE(xs_writef(a, XBT_NULL, "/", "x") &&
			       ((path = NULL), asprintf(&path, "/many/a-rather-long-name-%d", i) > 0) &&
			       xs_mkdir(a, XBT_NULL, path) && (free(path), true));
	list = xs_directory(a, XBT_NULL, "/many", &n);			/* takes more than one reply */
	CU_ASSERT_TRUE(list && n == 300);
	free(list);
	CU_ASSERT_TRUE(xs_rm(a, XBT_NULL, "/many") && xs_rm(a, XBT_NULL, "/lib"));
	path = xs_control(a, "check");
	CU_ASSERT_STRING_EQUAL(path, "OK");
	free(path);
	path = xs_quota_names(a);
	CU_ASSERT_TRUE(path && !strncmp(path, "nodes ", 6));
	free(path);
	CU_ASSERT_TRUE(xs_get_quota(a, XS_ALL_DOMAINS, "watches", &n) && n == 128);
	CU_ASSERT_TRUE(xs_set_quota(a, 9, "watches", 7) && xs_get_quota(b, 9, "watches", &n) && n == 7);
	CU_ASSERT_FALSE(xs_set_quota(a, 9, "grass", 7));
	path = xs_control(a, "quota set nodes 999");
	CU_ASSERT_STRING_EQUAL(path, "OK");
	free(path);
	CU_ASSERT_TRUE(xs_get_quota(a, 9, "nodes", &n) && n == 999);
	xs_close(a);
	xs_close(b);
}

static int raw_connect(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, sock);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		abort();
	return fd;
}

static void test_descriptors(void)
{
	struct xs_handle *h = xs_open(0), *many[300];
	unsigned int before;

	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	before = settled_fds(h, 0);
	for (int i = 0; i < 300; i++) {
		many[i] = xs_open(0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(many[i]);
		CU_ASSERT_TRUE(xs_watch(many[i], "/x", "t"));
		CU_ASSERT_TRUE(xs_transaction_start(many[i]));
	}
	CU_ASSERT_EQUAL(daemon_fds(), before + 300);
	for (int i = 0; i < 300; i++)
		xs_close(many[i]);
	CU_ASSERT_EQUAL(settled_fds(h, before), before);
	xs_close(h);
}

static void test_rude_clients(void)
{
	struct xsd_sockmsg m = { .type = XS_READ, .len = 2 };
	struct xs_handle *h = xs_open(0);
	unsigned int before = settled_fds(h, 0);
	char junk[64], flood[18 * 100];
	int fd, sent = 0;

	fd = raw_connect();				/* goes away in the middle of a request */
	CU_ASSERT_EQUAL(write(fd, &m, 9), 9);
	CU_ASSERT_TRUE(value_is(h, "/", "x"));
	close(fd);

	fd = raw_connect();				/* talks nonsense: is cut off */
	memset(junk, 0xff, sizeof(junk));
	CU_ASSERT_EQUAL(write(fd, junk, sizeof(junk)), sizeof(junk));
	CU_ASSERT_TRUE(read(fd, junk, 1) <= 0);
	close(fd);

	fd = raw_connect();				/* asks and asks and never reads: stops only itself */
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 100; i++) {
		memcpy(flood + 18 * i, &m, sizeof(m));
		memcpy(flood + 18 * i + 16, "/", 2);
	}
	for (int i = 0; i < 20000; i++) {
		ssize_t n = send(fd, flood, sizeof(flood), MSG_NOSIGNAL);

		if (n != sizeof(flood))
			break;
		sent += n;
		if (i % 100 == 0)
			CU_ASSERT_TRUE(value_is(h, "/", "x"));
	}
	CU_ASSERT_TRUE(sent < 20000 * (int)sizeof(flood));
	CU_ASSERT_TRUE(value_is(h, "/", "x"));
	close(fd);
	CU_ASSERT_EQUAL(settled_fds(h, before), before);
	xs_close(h);
}

/* The same commands through a set of programs named PREFIX-ls and so on. */
static void use_tools(const char *prefix)
{
	int status;
	char *out;

	sh(&status, "%s-write /tools/a one /tools/b 'two words'", prefix);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_STRING_EQUAL(sh(NULL, "%s-list -p /tools", prefix), "/tools/a\n/tools/b");
	sh(&status, "%s-write /tidy/x/y 1; %s-rm -t /tidy/x/y; %s-exists /tidy", prefix, prefix, prefix);
	CU_ASSERT_EQUAL(status, 1);
	sh(&status, "%s-write /up/x 1; %s-chmod -u /up/x n7; %s-ls -p -s -w / | grep 'up = .*(n7)'; %s-rm /up; %s-chmod / r0",
	   prefix, prefix, prefix, prefix, prefix);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_STRING_EQUAL(sh(NULL, "%s-read /tools/a", prefix), "one");
	CU_ASSERT_STRING_EQUAL(sh(NULL, "%s-read /tools/b", prefix), "two words");
	CU_ASSERT_STRING_EQUAL(sh(NULL, "%s-list /tools", prefix), "a\nb");
	CU_ASSERT_STRING_EQUAL(sh(NULL, "%s-ls /tools", prefix), "a = \"one\"\nb = \"two words\"");
	sh(&status, "%s-chmod /tools/a n0 r5", prefix);
	CU_ASSERT_EQUAL(status, 0);
	out = sh(NULL, "%s-ls -p /tools", prefix);
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "(n0,r5)"));
	sh(&status, "%s-exists /tools/a", prefix);
	CU_ASSERT_EQUAL(status, 0);
	out = sh(NULL, "(sleep 0.3; %s-write /tools/c x; %s-rm /tools) & timeout 10 %s-watch -n 3 /tools", prefix,
		 prefix, prefix);
	CU_ASSERT_STRING_EQUAL(out, "/tools\n/tools/c\n/tools");
	sh(NULL, "sleep 0.1");
	sh(&status, "%s-exists /tools/a", prefix);
	CU_ASSERT_NOT_EQUAL(status, 0);
	sh(&status, "%s-read /tools/a 2>/dev/null", prefix);
	CU_ASSERT_NOT_EQUAL(status, 0);
}

static void test_our_tools(void)
{
	char prefix[600];
	int status;

	/* One program under several names. */
	sh(&status, "for n in ls read write rm list exists watch chmod; do "
	   "ln -s %s/dom0-tools/xenstore-tools/xenstore %s/xenstore-$n; done", build, dir);
	CU_ASSERT_EQUAL(status, 0);
	snprintf(prefix, sizeof(prefix), "%s/xenstore", dir);
	use_tools(prefix);
	sh(&status, "%s-read 2>/dev/null", prefix);
	CU_ASSERT_EQUAL(status, 2);
}

static void test_debian_tools(void)
{
	if (access("/usr/bin/xenstore-ls", X_OK) < 0) {
		printf(" SKIP (xenstore-utils is not installed) ");
		return;
	}
	use_tools("/usr/bin/xenstore");
}

/* The daemon dies and a new one comes `after` seconds later; returns at once. */
static void replace_daemon(double after)
{
	kill(daemon_pid, SIGKILL);
	while (kill(daemon_pid, 0) == 0)
		usleep(1000);
	if (!fork()) {
		usleep(after * 1e6);
		_exit(start_daemon() < 0);
	}
}

/* Collect the helper of replace_daemon() and learn the new pid. */
static void replaced(void)
{
	int status;

	wait(&status);
	CU_ASSERT_EQUAL(status, 0);
	daemon_pid = atoi(sh(NULL, "cat %s/pid", dir));
}

static bool event_is(char **e, const char *path)
{
	bool yes = e && !strcmp(e[XS_WATCH_PATH], path);

	free(e);
	return yes;
}

/* A daemon dies under its clients: the store is as it was, they connect again, their watches fire, nobody fails. */
static void test_new_daemon(void)
{
	struct xs_permissions hear[] = { { 0, XS_PERM_NONE }, { 7, XS_PERM_READ } }, *got;
	struct xs_handle *h = xs_open(0), *one = xs_open(XS_ONE_DAEMON);
	struct pollfd p;
	xs_transaction_t t;
	unsigned int quota, n;

	CU_ASSERT_TRUE(xs_set_permissions(h, XBT_NULL, "@releaseDomain", hear, 2));
	CU_ASSERT_TRUE(xs_write(h, XBT_NULL, "/keep/a", "1", 1) && xs_watch(h, "/keep", "w"));
	CU_ASSERT_TRUE(event_is(xs_check_watch(h), "/keep"));
	t = xs_transaction_start(h);
	CU_ASSERT_TRUE(t && xs_write(h, t, "/keep/a", "2", 1));
	replace_daemon(0.3);
	CU_ASSERT_TRUE(value_is(h, "/keep/a", "1"));		/* waits */
	replaced();
	CU_ASSERT_TRUE(event_is(xs_read_watch(h, NULL), "/keep"));
	CU_ASSERT_TRUE(xs_write(h, t, "/keep/b", "2", 1));	/* into nothing */
	CU_ASSERT_FALSE(xs_transaction_end(h, t, false));
	CU_ASSERT_EQUAL(errno, EAGAIN);
	CU_ASSERT_PTR_NULL(xs_read(h, XBT_NULL, "/keep/b", NULL));
	t = xs_transaction_start(h);				/* a number of the new daemon */
	CU_ASSERT_TRUE(t && xs_write(h, t, "/keep/a", "3", 1) && xs_transaction_end(h, t, false));
	CU_ASSERT_TRUE(event_is(xs_read_watch(h, NULL), "/keep/a"));
	CU_ASSERT_FALSE(xs_write(one, XBT_NULL, "/keep/c", "", 0));
	xs_close(one);

	p = (struct pollfd){ .fd = xs_fileno(h), .events = POLLIN };	/* the same for one who waits for events */
	CU_ASSERT_EQUAL(poll(&p, 1, 100), 0);
	replace_daemon(0.3);
	for (int i = 0; i < 100; i++) {
		char **e;

		CU_ASSERT_EQUAL_FATAL(poll(&p, 1, 5000), 1);
		e = xs_check_watch(h);
		if (e) {
			CU_ASSERT_TRUE(event_is(e, "/keep"));
			CU_ASSERT_TRUE(i > 2 && i < 30);	/* woken now and then, not all the time */
			break;
		}
		CU_ASSERT_EQUAL_FATAL(errno, EAGAIN);
	}
	replaced();
	CU_ASSERT_EQUAL(poll(&p, 1, 100), 0);
	CU_ASSERT_TRUE(value_is(h, "/keep/a", "3"));
	CU_ASSERT_TRUE(xs_get_quota(h, 9, "watches", &quota) && quota == 7);
	CU_ASSERT_TRUE(xs_get_quota(h, 9, "nodes", &quota) && quota == 999);
	got = xs_get_permissions(h, XBT_NULL, "@releaseDomain", &n);
	CU_ASSERT_TRUE(got && n == 2 && got[1].id == 7 && got[1].perms == XS_PERM_READ);
	free(got);
	CU_ASSERT_TRUE(xs_rm(h, XBT_NULL, "/keep"));
	xs_close(h);
}

static void test_second_daemon(void)
{
	struct xs_handle *h;
	int status;
	char *out = sh(&status, "%s/tests/unit/xenstored-asan --no-dom0 --socket %s 2>&1", build, sock);

	CU_ASSERT_EQUAL(status, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "another xenstored"));
	out = sh(&status, "%s/tests/unit/xenstored-asan --no-dom0 --socket /proc/nowhere/s 2>&1", build);
	CU_ASSERT_EQUAL(status, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "/proc/nowhere/s"));
	sh(&status, "%s/tests/unit/xenstored-asan --nonsense 2>/dev/null", build);
	CU_ASSERT_EQUAL(status, 2);
	h = xs_open(0);					/* the first is still there */
	CU_ASSERT_PTR_NOT_NULL(h);
	xs_close(h);
}

static void test_end(void)
{
	struct stat st;
	char *log;

	CU_ASSERT_EQUAL(kill(daemon_pid, SIGTERM), 0);
	for (int i = 0; i < 200 && kill(daemon_pid, 0) == 0; i++)
		usleep(10000);
	CU_ASSERT_NOT_EQUAL(kill(daemon_pid, 0), 0);
	CU_ASSERT_NOT_EQUAL(stat(sock, &st), 0);
	log = sh(NULL, "grep -v 'dropping a client' %s/log", dir);	/* reports of the checkers would be here */
	CU_ASSERT_STRING_EQUAL(log, "");
	CU_ASSERT_PTR_NULL(xs_open(0));

	CU_ASSERT_EQUAL(start_daemon(), 0);		/* after kill -9 a new one takes over the socket */
	kill(daemon_pid, SIGKILL);
	usleep(100000);
	CU_ASSERT_EQUAL(start_daemon(), 0);
	CU_ASSERT_EQUAL(kill(daemon_pid, SIGTERM), 0);
}

int main(void)
{
	CU_pSuite s;
	unsigned int failed;

	/* Absolute: links to programs of it are made elsewhere. */
	if (readlink("/proc/self/exe", build, sizeof(build) - 1) < 0)
		return 1;
	for (int i = 0; i < 3; i++)
		if (strrchr(build, '/'))
			*strrchr(build, '/') = '\0';
	if (!mkdtemp(dir))
		return 1;
	snprintf(sock, sizeof(sock), "%s/run/socket", dir);
	setenv("XENSTORED_PATH", sock, 1);
	if (start_daemon() < 0) {
		printf("xenstored did not start: %s\n", sh(NULL, "cat %s/log", dir));
		return 1;
	}
	CU_initialize_registry();
	s = CU_add_suite("xs_socket", NULL, NULL);
	CU_add_test(s, "client library", test_library);
	CU_add_test(s, "descriptors", test_descriptors);
	CU_add_test(s, "rude clients", test_rude_clients);
	CU_add_test(s, "our tools", test_our_tools);
	CU_add_test(s, "Debian's tools", test_debian_tools);
	CU_add_test(s, "a new daemon", test_new_daemon);
	CU_add_test(s, "a second daemon", test_second_daemon);
	CU_add_test(s, "the end", test_end);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	sh(NULL, "rm -rf %s", dir);
	return failed ? 1 : 0;
}
