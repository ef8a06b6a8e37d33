/* SPDX-License-Identifier: MIT */
/*
 * The lab itself: what its commands promise, and that nothing is left behind. Runs on bare emulated machines, without
 * any hypervisor, so a failure here is the lab's.
 */
#include "sys.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct lab_opts bare(const char *name)
{
	struct lab_opts o = { .name = name, .owner = getpid(), .timeout = 60, .hypervisor = "none", .mem = 512 };

	return o;
}

/* One host serves most tests. */
static void test_up(void)
{
	struct lab_opts o = bare("a");
	struct lab_info info;

	CU_ASSERT_FATAL(sys_up(&o));
	CU_ASSERT_EQUAL(lab_status("a", &info, &sys_err), 0);
	CU_ASSERT(info.running && info.answers);
	CU_ASSERT_EQUAL(lab_up(&o, &sys_err), -1);
	sys_contains(sys_err.text, "runs already");
	/* That refusal must not have harmed the one that runs. */
	sys_contains(sys_must("a", "uname -s"), "Linux");
}

static void test_bad_options(void)
{
	struct lab_opts o = bare("../x");

	CU_ASSERT_EQUAL(lab_up(&o, &sys_err), -1);
	sys_contains(sys_err.text, "no name for a host");
	o = bare("bad");
	o.hypervisor = "/nonexistent";
	CU_ASSERT_EQUAL(lab_up(&o, &sys_err), -1);
	sys_contains(sys_err.text, "--hypervisor /nonexistent: No such file");
	o = bare("bad");
	o.disks[0] = "/etc/passwd,bus=floppy";
	CU_ASSERT_EQUAL(lab_up(&o, &sys_err), -1);
	sys_contains(sys_err.text, "bus=floppy");
	o = bare("bad");
	o.cpu = "z80";
	CU_ASSERT_EQUAL(lab_up(&o, &sys_err), -1);
	sys_contains(sys_err.text, "z80");
	CU_ASSERT_EQUAL(lab_sh("nobody", 5, NULL, NULL, &sys_err, "true"), -1);
	sys_contains(sys_err.text, "there is no host 'nobody'");
	sys_down("bad");
}

static int exec_words(char *const *argv, int timeout, int in)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), status = -1;
	struct lab_exec ex = { .argv = argv, .timeout = timeout, .in = in, .out = null, .err = null };

	sys_ok(lab_exec("a", &ex, &status, &sys_err), argv[0]);
	close(null);
	return status;
}

static void test_exec_status(void)
{
	double start = sys_seconds();
	int status;

	CU_ASSERT_EQUAL(exec_words((char *[]){ "sh", "-c", "exit 7", NULL }, 0, -1), 7);
	CU_ASSERT_EQUAL(exec_words((char *[]){ "sh", "-c", "kill -9 $$", NULL }, 0, -1), 128 + 9);
	CU_ASSERT_EQUAL(exec_words((char *[]){ "no-such-program", "x", NULL }, 0, -1), 127);
	CU_ASSERT_EQUAL(exec_words((char *[]){ "/etc/passwd", "x", NULL }, 0, -1), 126);
	CU_ASSERT_EQUAL(exec_words((char *[]){ "sleep", "60", NULL }, 1, -1), 124);
	CU_ASSERT_EQUAL(exec_words((char *[]){ "sh", "-c", "trap '' TERM; sleep 60 & wait; sleep 60", NULL }, 1, -1),
			124);
	CU_ASSERT(sys_seconds() - start < 15);
	sys_contains(sys_sh("a", &status, "ps | grep -c '[s]leep 60'"), "0");
	/* A daemon left behind does not hold the session open. */
	start = sys_seconds();
	sys_must("a", "sleep 20 & echo started");
	CU_ASSERT(sys_seconds() - start < 5);
}

static void test_exec_output(void)
{
	int out[2], err[2], status;
	char text[64] = "";
	struct lab_exec ex = { .argv = (char *[]){ "sh", "-c", "echo to-out; echo to-err >&2", NULL }, .in = -1 };

	CU_ASSERT_EQUAL_FATAL(pipe(out) | pipe(err), 0);
	ex.out = out[1];
	ex.err = err[1];
	sys_ok(lab_exec("a", &ex, &status, &sys_err), "exec");
	CU_ASSERT(read(out[0], text, sizeof(text)) == 7 && !memcmp(text, "to-out\n", 7));
	CU_ASSERT(read(err[0], text, sizeof(text)) == 7 && !memcmp(text, "to-err\n", 7));
	close(out[0]), close(out[1]), close(err[0]), close(err[1]);
	/* More than any window or buffer, to the last byte. */
	CU_ASSERT_EQUAL(strlen(sys_must("a", "head -c 3000000 /dev/zero | tr '\\0' x")), 3000000);
}

static void test_exec_input(void)
{
	int in = open(sys_data_file("input", 3, 1), O_RDONLY | O_CLOEXEC), out[2];
	struct lab_exec ex = { .argv = (char *[]){ "sha256sum", "-", NULL }, .in = in, .err = 2 };
	char sum[128] = "";
	int status;

	CU_ASSERT_EQUAL_FATAL(pipe(out), 0);
	ex.out = out[1];
	sys_ok(lab_exec("a", &ex, &status, &sys_err), "exec");
	CU_ASSERT(read(out[0], sum, sizeof(sum) - 1) > 64);
	sys_contains(sum, sys_sha256(sys_tmp("input")));
	close(in), close(out[0]), close(out[1]);
	/* A command that does not read what it is sent still ends as it wants. */
	in = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(exec_words((char *[]){ "sh", "-c", "exit 3", NULL }, 10, in), 3);
	close(in);
}

#define PARALLEL 8

static void test_exec_parallel(void)
{
	double start = sys_seconds();
	int status, ok = 0;

	for (int i = 0; i < PARALLEL; i++)
		if (!fork()) {
			char *out = NULL, want[16];

			snprintf(want, sizeof(want), "n%d\n", i);
			lab_sh("a", 30, &out, NULL, &sys_err, "sleep 2; echo n%d", i);
			_exit(!out || strcmp(out, want));
		}
	for (int i = 0; i < PARALLEL; i++)
		if (wait(&status) > 0 && !status)
			ok++;
	CU_ASSERT_EQUAL(ok, PARALLEL);
	CU_ASSERT(sys_seconds() - start < 2 * PARALLEL - 4);
}

/* When the client is killed, its command in dom0 ends too. */
static void test_client_dies(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		lab_sh("a", 0, NULL, NULL, &sys_err, "echo $$ >/tmp/victim; exec sleep 1000");
		_exit(0);
	}
	for (int i = 0; i < 50 && (sys_sh("a", &status, "test -s /tmp/victim"), status); i++)
		usleep(100000);
	CU_ASSERT_EQUAL(status, 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 50 && (sys_sh("a", &status, "test -d /proc/$(cat /tmp/victim)"), !status); i++)
		usleep(100000);
	CU_ASSERT_NOT_EQUAL(status, 0);
}

static void test_push_pull(void)
{
	const char *local = sys_data_file("data", 8, 2);
	struct stat st;

	CU_ASSERT_EQUAL(chmod(local, 0751), 0);
	sys_ok(lab_push("a", local, "/root/data", &sys_err), "push");
	sys_contains(sys_must("a", "sha256sum /root/data"), sys_sha256(local));
	sys_contains(sys_must("a", "stat -c %%a /root/data"), "751");
	sys_ok(lab_pull("a", "/root/data", sys_tmp("back"), &sys_err), "pull");
	CU_ASSERT_STRING_EQUAL(sys_sha256(sys_tmp("back")), sys_sha256(local));
	/* Empty, and one that has no size. */
	sys_must("a", ": >/root/empty");
	sys_ok(lab_pull("a", "/root/empty", sys_tmp("empty"), &sys_err), "pull");
	CU_ASSERT(!stat(sys_tmp("empty"), &st) && st.st_size == 0);
	sys_ok(lab_pull("a", "/proc/version", sys_tmp("version"), &sys_err), "pull");
	CU_ASSERT(!stat(sys_tmp("version"), &st) && st.st_size > 10);

	CU_ASSERT_EQUAL(lab_push("a", local, "/no/such/dir/x", &sys_err), -1);
	sys_contains(sys_err.text, "cannot write /no/such/dir/x: No such file");
	CU_ASSERT_EQUAL(lab_pull("a", "/no/such/file", sys_tmp("never"), &sys_err), -1);
	sys_contains(sys_err.text, "cannot read /no/such/file: No such file");
	CU_ASSERT_EQUAL(access(sys_tmp("never"), F_OK), -1);
	CU_ASSERT_EQUAL(lab_pull("a", "/etc", sys_tmp("never"), &sys_err), -1);
	CU_ASSERT_EQUAL(lab_push("a", "/no/such/file", "/root/x", &sys_err), -1);
	/* No space: an error, and no half file. */
	sys_must("a", "mkdir /small && mount -t tmpfs -o size=1m none /small");
	CU_ASSERT_EQUAL(lab_push("a", local, "/small/x", &sys_err), -1);
	sys_contains(sys_err.text, "No space left");
	sys_contains(sys_must("a", "ls -A /small | wc -l"), "0");
}

static void test_console(void)
{
	int to[2], from[2], status;
	char text[4096] = "";
	ssize_t n, len = 0;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(to) | pipe(from), 0);
	pid = fork();
	if (!pid)
		_exit(lab_console("a", to[0], from[1], -1, &sys_err) ? 1 : 0);
	close(from[1]);
	CU_ASSERT_EQUAL(write(to[1], "echo con$((40+2))sole\n", 22), 22);
	while (!strstr(text, "con42sole") && (n = read(from[0], text + len, sizeof(text) - 1 - len)) > 0)
		text[len += n] = 0;
	sys_contains(text, "con42sole");
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	close(to[0]), close(to[1]), close(from[0]);
	sys_ok(lab_wait_console("a", "con42sole", NULL, 5, &sys_err), "log");
	CU_ASSERT_EQUAL(lab_wait_console("a", "never said", NULL, 1, &sys_err), -1);
}

static pid_t qemu_of(pid_t supervisor)
{
	char path[64];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", supervisor, supervisor);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%d", &pid) != 1)
		pid = 0;
	if (f)
		fclose(f);
	return pid;
}

static bool gone(pid_t pid)
{
	for (int i = 0; i < 100; i++) {
		if (kill(pid, 0))
			return true;
		usleep(50000);
	}
	return false;
}

static void test_kill_supervisor(void)
{
	struct lab_info info;
	pid_t qemu;

	CU_ASSERT_EQUAL_FATAL(lab_status("a", &info, &sys_err), 0);
	qemu = qemu_of(info.supervisor);
	CU_ASSERT_FATAL(qemu > 0);
	kill(info.supervisor, SIGKILL);
	CU_ASSERT(gone(qemu));
	CU_ASSERT_EQUAL(lab_status("a", &info, &sys_err), 0);
	CU_ASSERT(!info.running);
	CU_ASSERT_STRING_EQUAL(info.ended, "killed");
	CU_ASSERT_EQUAL(lab_sh("a", 5, NULL, NULL, &sys_err, "true"), -1);
	sys_contains(sys_err.text, "host 'a' is off (killed)");
	sys_down("a");
	CU_ASSERT_EQUAL(lab_status("a", &info, &sys_err), -1);
}

/* A host whose owner ends, and one whose `up` is killed half way, both go away. */
static void test_owner(void)
{
	struct lab_opts o = bare("owned");
	struct lab_info info;
	pid_t pid = fork();

	if (!pid) {
		o.owner = 0;
		lab_up(&o, &sys_err);
		_exit(0);
	}
	for (int i = 0; i < 40 && (lab_status("owned", &info, &sys_err) || !info.running); i++)
		usleep(50000);
	CU_ASSERT(info.running);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CU_ASSERT(gone(info.supervisor));

	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	o.owner = pid;
	o.no_wait = true;
	CU_ASSERT(sys_up(&o));
	lab_status("owned", &info, &sys_err);
	CU_ASSERT(info.running);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CU_ASSERT(gone(info.supervisor));
	lab_status("owned", &info, &sys_err);
	sys_contains(info.ended, "its owner");
	sys_down("owned");
}

static void test_two_hosts(void)
{
	const char *disk = sys_data_file("disk", 1, 3);
	struct lab_opts b = bare("b"), c = bare("c");
	char with[256];

	snprintf(with, sizeof(with), "%s,shared", disk);
	b.link = "c";
	c.link = "b";
	b.disks[0] = c.disks[0] = with;
	CU_ASSERT_FATAL(sys_up(&b) && sys_up(&c));
	sys_contains(sys_must("b", "hostname; ping -c 3 -W 5 10.77.0.2"), "3 packets received");
	sys_contains(sys_must("c", "hostname; ping -c 3 -W 5 10.77.0.1"), "3 packets received");
	/* A disk that both see. */
	sys_must("b", "echo written by b | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null");
	sys_contains(sys_must("c", "head -c 12 /dev/vda"), "written by b");
	sys_ok(lab_reboot("b", 60, &sys_err), "reboot");
	sys_contains(sys_must("b", "ping -c 3 -W 5 10.77.0.2"), "3 packets received");
	sys_down("b");
	sys_contains(sys_must("c", "hostname"), "c");
	sys_must("c", "poweroff");
	sys_ok(lab_wait_off("c", 20, &sys_err), "wait for the power-off");
	sys_ok(lab_wait_console("c", "reboot: Power down", NULL, 1, &sys_err), "log of a host that is off");
	CU_ASSERT_EQUAL(lab_sh("c", 5, NULL, NULL, &sys_err, "true"), -1);
	sys_contains(sys_err.text, "powered off by its dom0");
	sys_down("c");
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "up", test_up }, { "bad options", test_bad_options }, { "exec status", test_exec_status },
		{ "exec output", test_exec_output }, { "exec input", test_exec_input },
		{ "exec parallel", test_exec_parallel }, { "client dies", test_client_dies },
		{ "push and pull", test_push_pull }, { "console", test_console },
		{ "kill supervisor", test_kill_supervisor }, { "owner", test_owner }, { "two hosts", test_two_hosts },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
