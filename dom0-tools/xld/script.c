/* SPDX-License-Identifier: MIT */
/*
 * Running hot-plug scripts, in the way in which scripts written for Xen expect it: $XENBUS_PATH names the directory of
 * the back end, the argument is a verb (add, remove; online, offline), and what a script finds out it writes to the
 * store. Ours are told the domain's UUID and name too. A script fails by its exit status; the reason is the last line
 * of its standard error, or the node hotplug-error.
 *
 * A script that does not end in time is killed, with all that it has started.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"

#define SCRIPT_S 60
#define OUTPUT_MAX 4096
#define ADMIN_DIR "/etc/xen/scripts"

/* lib/xen-lite/hotplug beside the sbin that this program is in. */
static char *own_dir(void)
{
	char exe[1024];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	exe[n < 0 ? 0 : n] = 0;
	for (int i = 0; i < 2; i++) {
		slash = strrchr(exe, '/');
		if (slash)
			*slash = 0;
	}
	return xasprintf("%s/lib/xen-lite/hotplug", exe);
}

static char *find_script(const char *script)
{
	char *dir, *path;

	if (*script == '/')
		return xstrdup(script);
	dir = own_dir();
	path = xasprintf("%s/%s", dir, script);
	free(dir);
	if (!access(path, X_OK))
		return path;
	free(path);
	return xasprintf(ADMIN_DIR "/%s", script);
}

/* In the child. */
__attribute__((noreturn))
static void exec_script(const struct devwork *w, const struct device *d, char *path, const char *verb,
			const char *extra, int out)
{
	char back[DEVICE_PATH_MAX], uuid[37];
	char *argv[] = { path, (char *)(uintptr_t)verb, NULL };
	int null = open("/dev/null", O_RDWR);

	uuid_format(w->tag, uuid);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("XENBUS_PATH", device_back(d, back), 1);
	setenv("XENBUS_BASE_PATH", "backend", 1);
	setenv("XENBUS_TYPE", device_type(d->kind), 1);
	setenv("DOMAIN_UUID", uuid, 1);
	setenv("DOMAIN_NAME", w->object, 1);
	setenv("script", path, 1);
	if (extra)
		putenv((char *)(uintptr_t)extra);
	setpgid(0, 0);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	close_range(3, ~0U, 0);
	execv(path, argv);
	dprintf(STDERR_FILENO, "%s cannot be run: %s\n", path, strerror(errno));
	_exit(127);
}

/* Read what the script says until it has ended, and all that it left running has closed its output or time is up. */
static bool collect(int fd, char text[OUTPUT_MAX])
{
	uint64_t end = ev_now_ms() + SCRIPT_S * 1000ULL, now;
	char part[512];
	size_t len = 0;
	ssize_t n;

	while ((now = ev_now_ms()) < end) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, (int)(end - now)) <= 0)
			continue;
		n = read(fd, part, sizeof(part));
		if (n <= 0)
			break;
		if (len + (size_t)n >= OUTPUT_MAX)
			len = 0;	/* the end is what counts */
		memcpy(text + len, part, (size_t)n);
		len += (size_t)n;
	}
	text[len] = 0;
	return now < end;
}

/* The last line that says something, without characters that do not belong on a terminal. */
static char *last_line(char *text)
{
	size_t n = strlen(text);
	char *line;

	while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
		text[--n] = 0;
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	for (char *s = line; *s; s++)
		if ((unsigned char)*s < 32)
			*s = ' ';
	return xstrdup(line);
}

static char *complaint(const struct devwork *w, const struct device *d, char *text, int status)
{
	char *node = device_read(w, d, "hotplug-error"), *line;

	if (node && *node)
		return node;
	free(node);
	line = last_line(text);
	if (*line)
		return line;
	free(line);
	return WIFSIGNALED(status) ? xasprintf("it was ended by signal %d", WTERMSIG(status))
				   : xasprintf("it ended with status %d and said nothing", WEXITSTATUS(status));
}

static bool reap(const struct devwork *w, const struct device *d, pid_t pid, int fd, char **why)
{
	char text[OUTPUT_MAX];
	bool in_time = collect(fd, text);
	int status = 0;

	if (!in_time)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!in_time)
		*why = xasprintf("it did not end within %d s", SCRIPT_S);
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		*why = complaint(w, d, text, status);
	else
		return true;
	return false;
}

bool script_run(const struct devwork *w, const struct device *d, const char *script, const char *verb,
		const char *extra, char **why)
{
	char *path = find_script(script);
	int fds[2];
	pid_t pid;
	bool ok;

	if (pipe2(fds, O_CLOEXEC)) {
		*why = xstrdup(strerror(errno));
		free(path);
		return false;
	}
	worker_progress(w->fd, "%s: %s %s", w->object, path, verb);
	pid = fork();
	if (!pid)
		exec_script(w, d, path, verb, extra, fds[1]);
	close(fds[1]);
	if (pid > 0)
		ok = reap(w, d, pid, fds[0], why);
	else
		ok = !(*why = xstrdup(strerror(errno)));
	close(fds[0]);
	free(path);
	return ok;
}
